import type { Source } from '../../project/project.ts'
import { column, type Sql, sql, stacked, text } from '../../sql/sql.ts'
import type { Context } from '../context.ts'
import { comparable, type IdentifierColumn, LONGEST } from '../rows.ts'
import { after, type Graph, isIncremental, settled } from './evidence.ts'

/** Stands for a value that is too long, or that its normaliser could not read: counted like a blocked one. */
export const NOT_VALID = '(not valid)'

/** The comparable form; a mark where there was something that is no identifier. */
export function readable(context: Context, source: Source, one: IdentifierColumn, value: Sql): Sql {
  const isTooLong = sql`${context.dialect.length(value)} > ${LONGEST}`
  const written = comparable(context, source, one.column, 's')
  const mayBeUnreadable = one.type.normalise === 'email' || one.type.normalise === 'phone'
  const isUnreadable = mayBeUnreadable ? sql` or (${value} is null and ${written} is not null)` : sql``
  return sql`case when ${isTooLong}${isUnreadable} then ${text(NOT_VALID)} else ${value} end`
}

/** `from` a source's rows, but for those that an earlier build settled. */
export function newRows(context: Context, graph: Graph, source: Source, rows: Sql): Sql {
  const all = sql`from ${rows} as s`
  if (!isIncremental(source)) return all
  const { dialect } = context
  const since = after(graph, source)
  const at = loadedAt(context, source)
  return stacked([
    all,
    sql`where ${dialect.cast(since, 'text')} is null or ${at} is null or ${at} > ${dialect.instant(since)}`,
  ])
}

/** When a row reached the warehouse. */
export function loadedAt(context: Context, source: Source): Sql {
  return context.dialect.instant(column('s', source.loadedAt ?? ''))
}

/** Whether a row may still change: it arrived within the overlap, or its source is read whole each time. */
export function openRow(context: Context, graph: Graph, source: Source): Sql {
  if (!isIncremental(source)) return sql`true`
  return sql`coalesce(${loadedAt(context, source)} > ${context.dialect.instant(settled(graph, source))}, true)`
}
