import { type Context, statement as named } from '../compile/context.ts'
import { columnList, type LedgerTables, STATE_VERSION, SYNC_COLUMNS } from '../compile/ledger-tables.ts'
import { from, parameter, type Statement, sql, text } from '../sql/sql.ts'

/** What makes tables of version 1 those of this one; changes nothing where they are. Only `sync` has changed since. */
export function migration({ dialect }: Context, tables: LedgerTables): readonly Statement[] {
  const columns = columnList(SYNC_COLUMNS).filter(({ name }) => ADDED_IN_2.has(name))
  return [
    ...columns.map((column) =>
      named(
        `add ${column.name}`,
        'tables of an older release have no such column',
        dialect.addColumn(tables.sync, column),
      ),
    ),
    named(
      'raise version',
      'the tables are those of this release',
      sql`
        update ${from(tables.meta)}
        set state_version = ${STATE_VERSION}
        where state_version < ${STATE_VERSION}`,
    ),
  ]
}

const ADDED_IN_2: ReadonlySet<string> = new Set(['key_spec', 'mapping', 'mapping_hash'])

/** One row, `target`: that for which the state was made; none where nothing is kept yet. */
export function targetStatement({ meta }: Pick<LedgerTables, 'meta'>): Statement {
  return named('target of the state', 'a ledger is that of one target', sql`select target from ${from(meta)}`)
}

/** What is known of the ground on which plans are made. */
export function standing({ project }: Context, tables: LedgerTables) {
  return {
    target: targetStatement(tables),
    standing: named(
      'standing',
      'for what target, and as what, rows were acknowledged',
      sql`
        select m.target, s.mapping
        from ${from(tables.meta)} as m
        left join ${from(tables.sync)} as s on s.sync_id = ${parameter('sync')}`,
    ),
    acknowledge: named(
      'acknowledge target',
      'somebody has said that the state is that of this target now',
      sql`
        update ${from(tables.meta)}
        set target = ${text(project.target.name)}`,
    ),
  }
}
