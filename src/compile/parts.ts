import { createHash } from 'node:crypto'
import type { Entity, Source } from '../project/project.ts'
import {
  column,
  from,
  id,
  join,
  lines,
  parameter,
  print,
  type Sql,
  Steps,
  sql,
  stacked,
  type Table,
  text,
  unionAll,
} from '../sql/sql.ts'
import { type Context, NOW, relation, timeOf } from './context.ts'
import type { FoldedPart } from './folded.ts'
import { after, graphOf, sameTuple, settled } from './identity/evidence.ts'
import { identifiersNow } from './identity/overlay.ts'
import { readingOf } from './identity/tables.ts'
import { loadedAt } from './identity/window.ts'
import { buildTable, clockTable, publishedTable } from './names.ts'
import { addIdentified, identifierColumns } from './rows.ts'
import type { Scan } from './scans.ts'

/*
 * What is asked of an append-only source, in parts that add up: one row for each combination of identifiers, so that
 * profiles may merge and split under them. A build adds the parts of new rows to those of the last published build,
 * and folds the parts of each profile. Rows within the overlap, and rows of the future, are new until they are settled.
 */

/** Whether the scan of a source needs its new and its recent rows only. */
export function isInParts({ source, columns }: Scan): boolean {
  return source.appendOnly && columns.every(({ reading }) => reading.kind !== 'all')
}

/** (cdp_node_1, …, is_open, then the parts): a row for each combination of identifiers in the rows of a source. */
export function partsTable(context: Context, entity: Entity, source: Source): Table {
  return buildTable(context.project, entity.name, '_parts_', source.name)
}

/** Parameter: the business time up to which the last published build settled rows; null: its parts are of no use. */
export function countedName(entity: Entity, source: Source): string {
  return `counted_${entity.name}_${source.name}`
}

/** Changes when the parts would be others over the same rows. */
export function partsKey(context: Context, entity: Entity, scan: Scan): string {
  const query = print(partsQuery(context, entity, scan, 'all'), context.dialect)
  const said = JSON.stringify([query, readingOf(context, entity, scan.source)])
  return createHash('sha256').update(said).digest('hex').slice(0, 16)
}

/** The parts of all rows of a source; or of its new rows, laid over those of the last published build. */
export function partsQuery(context: Context, entity: Entity, scan: Scan, rows: 'all' | 'new'): Sql {
  const { source } = scan
  const steps = new Steps()
  const parts = partsOf(scan)
  const nodes = nodeColumns(source, entity)
  const numbered = addNumbered(steps, context, entity, source, rows)
  const counted = sql`
    select
      ${lines([...nodes, sql`cdp_open as is_open`, ...parts.map(({ name, part }) => sql`${part.value} as ${id(name)}`)])}
    from ${numbered} as s
    cross join ${from(clockTable(context.project))} as clock
    group by
      ${join([...nodes, sql`cdp_open`])}`
  if (rows === 'all') return steps.select(counted)
  const fresh = steps.add(`${source.name}_new`, 'what is asked of the new rows, by identifiers', counted)
  return addedUp(steps, context, entity, scan, fresh)
}

/** What the last published build settled, and what is `fresh`: only combinations that have new rows are folded. */
function addedUp(steps: Steps, context: Context, entity: Entity, scan: Scan, fresh: Sql): Sql {
  const { source } = scan
  const parts = partsOf(scan)
  const nodes = nodeColumns(source, entity)
  const names = ['is_open', ...parts.map(({ name }) => name)]
  const all = (alias: string) => join([...nodes, ...names.map(id)].map((name) => sql`${id(alias)}.${name}`))
  const fromNames = identifierColumns(source, entity).map((_, index) => nodeName(index))
  // Named twice rather than made a step: what is wide and used twice, a warehouse may hold in memory as a whole.
  const settled = sql`${from(publishedParts(context, entity, source))} as s`
  const touched = steps.add(
    `${source.name}_touched`,
    'the combinations that have new rows',
    sql`select distinct ${join(nodes)} from ${fresh}`,
  )
  const both = steps.add(
    `${source.name}_both`,
    'old and new of these',
    unionAll([
      sql`
        select ${all('s')}
        from ${settled}
        join ${touched} as t on ${sameTuple(fromNames, 's', 't')}
        where not s.is_open`,
      sql`
        select ${all('s')}
        from ${fresh} as s`,
    ]),
  )
  return steps.select(
    unionAll([
      sql`
        select ${all('s')}
        from ${settled}
        left join ${touched} as t on ${sameTuple(fromNames, 's', 't')}
        where not s.is_open and t.${id(nodeName(0))} is null`,
      sql`
        select
          ${lines([...nodes, sql`is_open`, ...folds(parts, 't')])}
        from ${both} as t
        group by
          ${join([...nodes, sql`is_open`])}`,
    ]),
  )
}

/** A part that is kept from build to build. */
export interface Part {
  readonly name: string
  readonly part: FoldedPart
  readonly column: string
}

/** The parts that are kept, in the order of the columns. */
export function partsOf(scan: Scan): readonly Part[] {
  return scan.columns.flatMap(({ name, folded }) => {
    if (!isKept(scan, name)) return []
    if (folded === undefined) throw new Error(`${name} was taken for something that adds up`)
    return folded.parts.map((part, index) => ({ name: partName(name, index), part, column: name }))
  })
}

/** Whether a column of the scan is kept in parts: what looks at recent rows alone is asked of them again. */
export function isKept({ columns }: Scan, name: string): boolean {
  return columns.find((one) => one.name === name)?.reading.kind === 'none'
}

/** The column of a part. */
export function partName(name: string, part: number): string {
  return part === 0 ? name : `${name}__part_${part + 1}`
}

/** Parts folded, named: aggregates over rows of the alias. */
export function folds(parts: readonly Part[], alias: string): readonly Sql[] {
  return parts.map(
    ({ name, part, column: of }) => sql`${part.fold((at) => column(alias, partName(of, at)))} as ${id(name)}`,
  )
}

function nodeColumns(source: Source, entity: Entity): readonly Sql[] {
  return identifierColumns(source, entity).map((_, index) => id(nodeName(index)))
}

/** The column of the number of the n-th identifier, counted from 0. */
export function nodeName(index: number): string {
  return `cdp_node_${index + 1}`
}

/** The parts of the build that readers see. */
function publishedParts({ project }: Context, entity: Entity, source: Source): Table {
  return publishedTable(project, entity.name, '_parts_', source.name)
}

/** Adds the step that gives the rows `s` their identifiers' numbers, and says which of them are not settled yet. */
function addNumbered(steps: Steps, context: Context, entity: Entity, source: Source, rows: 'all' | 'new'): Sql {
  const { dialect, project } = context
  const columns = identifierColumns(source, entity)
  const chosen = rows === 'all' ? relation(context, source) : addNew(steps, context, entity, source)
  const identified = addIdentified(steps, context, source, entity, chosen)
  const values = steps.add(
    'every_value',
    'every identifier that was ever seen, and its number for ever',
    identifiersNow(context, entity),
  )
  const isOpen = sql`
    coalesce(${loadedAt(context, source)} > ${dialect.instant(settled(graphOf(context, entity), source))}, true)
      or coalesce(s.cdp_time > ${NOW}, false)`
  return steps.add(
    `${source.name}_numbered`,
    'identifiers by number (0: none); open is what the next build reads again: late rows, and rows of the future',
    sql`
      select
        ${lines([
          sql`s.*`,
          ...columns.map(
            (_, index) => sql`coalesce(${column(`v${index + 1}`, 'node_id')}, 0) as ${id(nodeName(index))}`,
          ),
          sql`${isOpen} as cdp_open`,
        ])}
      from ${identified} as s
      ${stacked([
        sql`cross join ${from(clockTable(project))} as clock`,
        ...columns.map((one, index) => {
          const alias = `v${index + 1}`
          return sql`
            left join ${values} as ${id(alias)}
              on ${column(alias, 'type')} = ${text(one.type.name)} and ${column(alias, 'value')} = ${column('s', one.as)}`
        }),
      ])}`,
  )
}

function addNew(steps: Steps, context: Context, entity: Entity, source: Source): Sql {
  const { dialect } = context
  const at = loadedAt(context, source)
  const since = dialect.instant(after(graphOf(context, entity), source))
  const counted = dialect.instant(parameter(countedName(entity, source)))
  const time = timeOf(context, source, 's') ?? at
  return steps.add(
    `${source.name}_since`,
    'rows that the last published build had not settled: they arrived since, or had not happened yet',
    sql`
      select s.*
      from ${relation(context, source)} as s
      where ${at} is null
        or ${at} > ${since}
        or ${time} > ${counted}`,
  )
}
