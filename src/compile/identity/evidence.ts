import type { Entity, Source } from '../../project/project.ts'
import { column, from, id, join, lines, parameter, type Sql, sql, text, unionAll } from '../../sql/sql.ts'
import type { Context } from '../context.ts'
import { hasRowNodes, type IdentifierColumn, identifierColumns } from '../rows.ts'
import { changedTable, graphTable, seenState, seenTable } from './tables.ts'

/** One entity's graph: the sources whose rows are its nodes and edges, and its lists. */
export interface Graph {
  readonly entity: Entity
  /** Sources whose rows hold identifiers, or are profiles by themselves. */
  readonly sources: readonly Source[]
  /** Sources and lists: everything that is read. */
  readonly read: readonly Source[]
}

export function graphOf(context: Context, entity: Entity): Graph {
  const plain = [...context.project.entities.values()].filter((one) => one.of === undefined)
  const sources = [...context.project.sources.values()].filter(
    (source) => identifierColumns(source, entity).length > 0 || (hasRowNodes(source, entity) && plain.length === 1),
  )
  const lists = [entity.always, entity.never].flatMap((list) => list ?? [])
  return { entity, sources, read: [...sources, ...lists] }
}

/** The sources and lists whose rows hold identifiers; the others are profiles by themselves. */
export function identifying({ entity, read }: Graph): readonly Source[] {
  return read.filter((source) => identifierColumns(source, entity).length > 0)
}

/** Whether only new rows of a source are read, once it was read whole. */
export function isIncremental(source: Source): boolean {
  return source.loadedAt !== undefined
}

/** Parameter: ISO text of the time up to which a source's rows are in `seenState`; null reads the source whole. */
export function after(graph: Graph, source: Source): Sql {
  return parameter(afterName(graph.entity, source))
}

export function afterName(entity: Entity, source: Source): string {
  return `after_${entity.name}_${source.name}`
}

/** Parameter: ISO text of the time up to which rows are taken for settled by this build. */
export function settled(graph: Graph, source: Source): Sql {
  return parameter(settledName(graph.entity, source))
}

export function settledName(entity: Entity, source: Source): string {
  return `settled_${entity.name}_${source.name}`
}

/** The column of a group's combinations that says whose the rows are. */
export const MEMBER = 'cdp_member'

/** The numbers in a combination: its identifiers, and of a group (`of:`) the member. */
export function numberColumns(source: Source, entity: Entity): readonly string[] {
  return [...identifierColumns(source, entity).map((one) => one.as), ...(entity.of === undefined ? [] : [MEMBER])]
}

/** The columns that make two combinations the same: the numbers, and the key where every row is a profile. */
export function tupleColumns(source: Source, entity: Entity): readonly string[] {
  return [...numberColumns(source, entity), ...(hasRowNodes(source, entity) ? ['row_key'] : [])]
}

/** Rows equal in all of the columns. */
export function sameTuple(columns: readonly string[], a: string, b: string): Sql {
  return join(
    columns.map((name) => sql`${column(a, name)} = ${column(b, name)}`),
    ' and ',
  )
}

/** What is known of a combination beside its identifiers. */
export type Detail = 'row_key' | 'row_count' | 'first_seen_at' | 'last_seen_at'

/**
 * The combinations that a source holds now: what earlier builds settled and what this one read. May repeat. Details
 * are named, because every one of them is one more column to read.
 */
export function evidence(context: Context, graph: Graph, source: Source, ...details: readonly Detail[]): Sql {
  const columns = [...numberColumns(source, graph.entity), ...details]
  const read = sql`
    select ${join(columns.map(id))}
    from ${from(seenTable(context, graph.entity, source))}`
  if (!isIncremental(source)) return read
  return unionAll([
    sql`
      select ${join(columns.map(id))}
      from ${from(seenState(context, graph.entity, source))}
      where not is_open and ${context.dialect.cast(after(graph, source), 'text')} is not null`,
    read,
  ])
}

/** One row an identifier that a row of `rows` holds: (node_id, …more columns of the rows). */
export function unpivoted(columns: readonly IdentifierColumn[], rows: Sql, more: readonly string[] = []): Sql {
  if (columns.length === 0)
    return sql`
    select ${join([sql`0 as node_id`, ...more.map(id)])}
    from ${rows}
    where 1 = 0`
  return unionAll(
    columns.map(
      (one) => sql`
        select ${join([sql`${id(one.as)} as node_id`, ...more.map(id)])}
        from ${rows}
        where ${id(one.as)} <> 0`,
    ),
  )
}

/**
 * The nodes of a combination that join, in order of strength: `n1`, `n2`, …, null where a column holds none. `rows`
 * is the name of a step or table; `keep` are further columns.
 */
export function joiningColumns(
  context: Context,
  graph: Graph,
  source: Source,
  rows: Sql,
  keep: readonly Sql[] = [],
): Sql {
  const columns = identifierColumns(source, graph.entity)
  const mute = from(graphTable(context, graph.entity, 'mute'))
  const values = columns.map((one, index) => {
    const alias = `m${index + 1}`
    return sql`case when ${column(alias, 'node_id')} is null and ${column('s', one.as)} <> 0 then ${column('s', one.as)} end as ${id(`n${index + 1}`)}`
  })
  return sql`
    select
      ${lines([...values, ...keep])}
    from ${rows} as s
    ${join(
      columns.map((one, index) => muteJoin(mute, `m${index + 1}`, column('s', one.as))),
      '\n',
    )}`
}

/** True where no identifier of the row `s` joins; `muteJoins` must be joined. */
export function joinsNobody(columns: readonly IdentifierColumn[]): Sql {
  if (columns.length === 0) return sql`1 = 1`
  return join(
    columns.map((one, index) => sql`(${column('s', one.as)} = 0 or ${column(`m${index + 1}`, 'node_id')} is not null)`),
    ' and ',
  )
}

/** The joins that `joinsNobody` speaks of. */
export function muteJoins(context: Context, graph: Graph, columns: readonly IdentifierColumn[]): Sql {
  const mute = from(graphTable(context, graph.entity, 'mute'))
  return join(
    columns.map((one, index) => muteJoin(mute, `m${index + 1}`, column('s', one.as))),
    '\n',
  )
}

function muteJoin(mute: Sql, alias: string, value: Sql): Sql {
  return sql`left join ${mute} as ${id(alias)} on ${column(alias, 'node_id')} = ${value}`
}

/** The combinations of a source that appeared, went or moved; with `change` only those of one kind. */
export function changed(context: Context, graph: Graph, source: Source, change?: 'added' | 'removed'): Sql {
  const columns = identifierColumns(source, graph.entity).map((one) => id(one.as))
  const which = change === undefined ? sql`` : sql` where change = ${text(change)}`
  return sql`select ${join(columns)} from ${from(changedTable(context, graph.entity, source))}${which}`
}

/** True where a row `s` holds an identifier of a query in any of the columns. */
export function anyIn(columns: readonly { readonly as: string }[], query: Sql): Sql {
  return join(
    columns.map((one) => sql`${column('s', one.as)} in (${query})`),
    ' or ',
  )
}
