import type { Source } from '../../project/project.ts'
import { column, id, lines, type Sql, Steps, sql } from '../../sql/sql.ts'
import { type Context, relation, timeOf } from '../context.ts'
import { comparable, hasRowNodes, type IdentifierColumn, identifierColumns, normal, phoneJoins } from '../rows.ts'
import { type Graph, isIncremental } from './evidence.ts'
import { newRows, openRow, readable } from './window.ts'

/**
 * A source's distinct combinations of identifiers, as text in the form in which they are compared. They are brought
 * into that form after rows were combined: a log holds the same address in thousands of rows. Two ways of writing one
 * identifier may thus give the same combination twice.
 */
export function combinations(context: Context, graph: Graph, source: Source): Sql {
  const { entity } = graph
  const columns = identifierColumns(source, entity)
  const steps = new Steps()
  const written = addWritten(steps, context, graph, source)
  const key = hasRowNodes(source, entity)
    ? sql`coalesce(${comparable(context, source, source.key ?? '', 's')}, '')`
    : sql`s.cdp_sample`
  return steps.select(sql`
    select
      ${lines([
        ...columns.map((one, index) => sql`${form(context, source, one, index)} as ${id(one.as)}`),
        sql`${key} as row_key`,
        sql`s.cdp_open as is_open`,
        sql`s.cdp_rows as row_count`,
        sql`s.cdp_first as first_seen_at`,
        sql`s.cdp_last as last_seen_at`,
      ])}
    from ${written} as s${phoneJoins(context, source, columns)}`)
}

function form(context: Context, source: Source, one: IdentifierColumn, index: number): Sql {
  return readable(context, source, one, normal(context, source, one, index))
}

/** Adds the step that combines rows by what stands in their columns. */
function addWritten(steps: Steps, context: Context, graph: Graph, source: Source): Sql {
  const { entity } = graph
  const key = hasRowNodes(source, entity) ? source.key : undefined
  const names = [...identifierColumns(source, entity).flatMap((one) => [one.column, one.country]), key]
  const held = [...new Set(names.flatMap((name) => name ?? []))].map((name) => column('s', name))
  const none = context.dialect.cast(sql`null`, 'timestamp')
  const time = timeOf(context, source, 's') ?? none
  const sample = source.key === undefined ? sql`null` : sql`min(${column('s', source.key)})`
  const open = openRow(context, graph, source)
  return steps.add(
    'written',
    'the distinct combinations as rows hold them: far fewer than rows',
    sql`
      select
        ${lines([
          ...held,
          sql`${open} as cdp_open`,
          sql`count(*) as cdp_rows`,
          sql`min(${time}) as cdp_first`,
          sql`max(${time}) as cdp_last`,
          sql`${context.dialect.cast(sample, 'text')} as cdp_sample`,
        ])}
      ${newRows(context, graph, source, relation(context, source))}
      group by
        ${lines([...held, ...(isIncremental(source) ? [open] : [])])}`,
  )
}
