import type { At } from '../error.ts'
import type { Condition, Reference } from '../project/language.ts'
import type { Segment } from '../project/project.ts'
import { followersOf, referencesIn } from '../project/references.ts'
import { hasVariantColumn, variantColumn } from '../project/segment-people.ts'
import { column, from, id, lines, parameter, type Sql, Steps, sql, stacked } from '../sql/sql.ts'
import { printCondition } from './condition.ts'
import type { Context } from './context.ts'
import { type Columns, type Listing, listing } from './listing.ts'
import { clockTable } from './names.ts'
import { peopleFrom } from './people.ts'
import { divisions, said } from './preview.ts'
import { type PrintContext, personContext } from './print-context.ts'

/** A line of a segment, or a part of one. */
export interface Line {
  /** In the words of its author. */
  readonly text: string
  readonly at: At
  /** `after`: what takes people out after the condition (waterfall, split, limit). */
  readonly kind: 'condition' | 'exclude' | 'after'
  /** The column of the listing that says whether it is true; null where something is missing. */
  readonly column: string
  /** The traits that it speaks of itself, and the columns of the listing that hold them. */
  readonly values: readonly { readonly name: string; readonly column: string }[]
  readonly inner: readonly Line[]
  /** The segment whose members are meant. */
  readonly segment: string | undefined
  /** The sources that it looks into, and the columns of each that it speaks of. */
  readonly rows: readonly { readonly source: string; readonly columns: readonly string[] }[]
}

/** How a segment is decided for each profile: its lines in order, then whom it excludes, then what divides the rest. */
export interface Decision {
  readonly lines: readonly Line[]
  /** Every profile: `profile_id`, and the columns of the lines: true or false, and values as text. */
  readonly listing: Listing<Columns>
}

/**
 * The lines of a segment over the tables of a build that need not be published. `one`: only of the profile with the id
 * `$profile_id`, and with the columns `is_in` and `variant`, which say what became of it.
 */
export function compileDecision(context: Context, segment: Segment, { one = false } = {}): Decision {
  const { project, dialect } = context
  const cells: Cells = { print: personContext(context, 's'), dialect, all: new Map() }
  const where = segment.where === undefined ? [] : segment.where.kind === 'all' ? segment.where.of : [segment.where]
  const found = [
    ...where.map((one) => lineOf(one, cells)),
    ...segment.exclude.map((name) => excluded(name, segment, cells)),
    ...divisions(segment, cells.print).map(({ line, verdict }) =>
      divided(`${line.kind}: ${line.text}`, segment, verdict, cells),
    ),
  ]
  if (one) {
    cells.all.set('is_in', dialect.plainText(cells.print.member(segment.name), 'boolean'))
    if (hasVariantColumn(segment)) cells.all.set('variant', column('s', variantColumn(segment.name)))
  }
  const names = [...cells.all.keys()]
  const segments = [segment.name, ...segment.exclude, ...segment.waterfall]
  return {
    lines: found,
    listing: listing(context, {
      name: `decision of ${segment.name}`,
      reason: 'every line on every profile: true, false or null',
      columns: { profile_id: 'text', ...Object.fromEntries(names.map((one) => [one, 'text?' as const])) },
      steps: new Steps(),
      rows: stacked([
        sql`
          select
            ${lines([sql`p.profile_id`, ...[...cells.all].map(([name, cell]) => sql`${cell} as ${id(name)}`)])}
          from ${peopleFrom(context, { entity: segment.entity, where: segment.where, segments })}
          cross join ${from(clockTable(project))} as clock`,
        ...(one ? [sql`where p.profile_id = ${parameter('profile_id')}`] : []),
      ]),
    }),
  }
}

/** The columns of the listing, as they are found. */
interface Cells {
  readonly print: PrintContext
  readonly dialect: Context['dialect']
  readonly all: Map<string, Sql>
}

function verdictIn({ all, dialect }: Cells, verdict: Sql): string {
  const name = `line_${all.size + 1}`
  all.set(name, dialect.plainText(sql`(${verdict})`, 'boolean'))
  return name
}

function valuesIn({ all, dialect, print }: Cells, tree: unknown): Line['values'] {
  const asked = new Map<string, Reference>()
  for (const one of referencesIn(tree))
    if (one.to.kind === 'trait') asked.set(one.to.trait, one)
    else if (one.to.kind === 'group') asked.set(`${one.to.entity}.${one.to.trait}`, one)
  return [...asked].map(([name, { to, type }]) => {
    const column = `value_${all.size + 1}`
    all.set(column, dialect.plainText(print.name(to, type), type))
    return { name, column }
  })
}

function lineOf(condition: Condition, cells: Cells): Line {
  const own = {
    text: wordsOf(condition),
    at: placeOf(condition),
    kind: 'condition' as const,
    column: verdictIn(cells, printCondition(condition, cells.print)),
  }
  const none = { values: [], inner: [], segment: undefined, rows: [] }
  switch (condition.kind) {
    case 'all':
    case 'any':
      return { ...own, ...none, inner: condition.of.map((one) => lineOf(one, cells)) }
    case 'not':
      return { ...own, ...none, inner: [lineOf(condition.of, cells)] }
    case 'member_of':
      return { ...own, ...none, segment: condition.segment }
    case 'did': {
      const { source } = condition.event
      return { ...own, ...none, values: valuesIn(cells, condition), rows: [{ source, columns: columnsIn(condition) }] }
    }
    case 'sequence': {
      const steps = followersOf(condition.sequence)
      const sources = [...new Set(steps.map(({ source }) => source))]
      const rows = sources.map((source) => ({
        source,
        columns: columnsIn(steps.filter((step) => step.source === source).map(({ where }) => where)),
      }))
      return { ...own, ...none, values: valuesIn(cells, condition), rows }
    }
    default:
      return { ...own, ...none, values: valuesIn(cells, condition) }
  }
}

function excluded(segment: string, { at }: Segment, cells: Cells): Line {
  const column = verdictIn(cells, sql`not ${cells.print.member(segment)}`)
  const text = `exclude: ${segment}`
  return { text, at, kind: 'exclude', column, values: [], inner: [], segment, rows: [] }
}

function divided(text: string, { at }: Segment, verdict: Sql, cells: Cells): Line {
  const column = verdictIn(cells, verdict)
  return { text, at, kind: 'after', column, values: [], inner: [], segment: undefined, rows: [] }
}

/** An event with what it asks of its rows; the place of a line says on which line it stands. */
function wordsOf(condition: Condition): string {
  const words = said(condition).replace(/ \(line \d+\)$/, '')
  const where = condition.kind === 'did' ? condition.event.where : undefined
  return where === undefined ? words : `${words} where ${said(where)}`
}

function placeOf(condition: Condition): At {
  if ('at' in condition) return condition.at
  const [first] = condition.kind === 'not' ? [condition.of] : condition.of
  if (first === undefined) throw new Error('a condition of several has parts')
  return placeOf(first)
}

function columnsIn(tree: unknown): readonly string[] {
  return [...new Set([...referencesIn(tree)].flatMap(({ to }) => (to.kind === 'column' ? [to.column] : [])))]
}
