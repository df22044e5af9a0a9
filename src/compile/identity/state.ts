import type { Entity } from '../../project/project.ts'
import type { Dialect, ValueType } from '../../sql/dialect.ts'
import { type Sql, sql, type Table } from '../../sql/sql.ts'
import type { Context } from '../context.ts'
import { graphOf, numberColumns } from './evidence.ts'
import { graphState, idsState, logState, refusedState, seenState, valuesState } from './tables.ts'

/** A table that outlives builds: made where it is missing. */
export interface StateTable {
  readonly table: Table
  readonly reason: string
  readonly columns: readonly { readonly name: string; readonly type: ValueType | 'bigint' }[]
  /** Columns whose values queries name, where rows are many: none where they join, as that reads all rows anyway. */
  readonly by?: readonly string[] | undefined
}

/** Makes such a table where there is none. */
export function makeStateTable(dialect: Dialect, { table, columns, by = [] }: Omit<StateTable, 'reason'>): Sql {
  const order = by.length === 0 ? sql`` : dialect.clusterBy(by)
  return sql`${dialect.createEmptyTable(table, columns, true)}${order}`
}

export function columnsOf(columns: Readonly<Record<string, ValueType | 'bigint'>>): StateTable['columns'] {
  return Object.entries(columns).map(([name, type]) => ({ name, type }))
}

/** What is remembered of one entity's graph: see tables.ts. */
export function graphTables(context: Context, entity: Entity): readonly StateTable[] {
  const graph = graphOf(context, entity)
  const times = { first_seen_at: 'timestamp', last_seen_at: 'timestamp' } as const
  const log = {
    from_profile_id: 'text',
    to_profile_id: 'text',
    build: 'bigint',
    run_id: 'text',
    logged_at: 'timestamp',
    via_type: 'text',
    via_value: 'text',
  } as const
  return [
    {
      table: valuesState(context, entity),
      reason: 'every identifier that was ever seen, and its number',
      columns: columnsOf({ node_id: 'bigint', type: 'text', value: 'text' }),
    },
    {
      table: graphState(context, entity),
      reason: 'what became of each identifier: whether it joins, its cluster, the anchor of its profile',
      columns: columnsOf({ node_id: 'bigint', standing: 'text', ...times, cluster: 'bigint', profile: 'bigint' }),
    },
    {
      table: idsState(context, entity),
      reason: 'every profile id by the number of its anchor, and the one it was merged into',
      columns: columnsOf({ anchor: 'bigint', profile_id: 'text', born: 'bigint', merged_into: 'bigint' }),
    },
    {
      table: refusedState(context, entity),
      reason: 'edges that would have broken a limit or a list',
      columns: columnsOf({ a: 'bigint', b: 'bigint', reason: 'text', detail: 'text' }),
    },
    {
      table: logState(context, entity, 'merge'),
      reason: 'which id became an alias of which, in which run and through which identifier',
      columns: columnsOf(log),
    },
    {
      table: logState(context, entity, 'split'),
      reason: 'which profile lost identifiers to which, in which run and by the loss of which identifier',
      columns: columnsOf(log),
    },
    ...graph.read.map((source) => ({
      table: seenState(context, entity, source),
      reason: `the combinations of identifiers that rows of ${source.name} hold`,
      columns: columnsOf({
        ...Object.fromEntries(numberColumns(source, entity).map((name) => [name, 'bigint'] as const)),
        row_key: 'text',
        is_open: 'boolean',
        row_count: 'bigint',
        ...times,
        build: 'bigint',
      }),
    })),
  ]
}
