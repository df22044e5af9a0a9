import { builtInColumns, traitColumns } from '../project/columns.ts'
import type { Condition } from '../project/language.ts'
import { isPersonal } from '../project/personal.ts'
import { wordsAt } from '../project/place.ts'
import type { Entity, Limit, Segment } from '../project/project.ts'
import { HELD_OUT, hasVariantColumn, variantColumn } from '../project/segment-people.ts'
import type { Dialect, ValueType } from '../sql/dialect.ts'
import { column, from, id, join, lines, type Sql, type Statement, Steps, sql, text } from '../sql/sql.ts'
import { mayColumn } from './barred.ts'
import { printCondition } from './condition.ts'
import { type Context, statement } from './context.ts'
import { anyOf } from './membership.ts'
import { clockTable, profileTable, segmentsTable } from './names.ts'
import { peopleFrom } from './people.ts'
import { type PrintContext, personContext } from './print-context.ts'
import { counted, movedCounts } from './segment-history.ts'
import { segmentsOf } from './segment-tables.ts'

/** What `cdp preview` asks of a finished build; every statement gives one row and takes the token `b`. */
export interface PreviewStatements {
  readonly segment: Segment
  /** `profiles`, `members`, `entered`, `left`, `held_out`, and `variant_<number>` for each of its variants. */
  readonly size: Statement
  /** The lines of `where:` in order, the excluded segments, then what else takes people out. */
  readonly lines: readonly PreviewLine[]
  /** `left_1`, `null_1`, `left_2` …: who is left after each line, and who was lost because it is null on them. */
  readonly funnel: Statement
  /** The other segments of the entity. */
  readonly others: readonly string[]
  /** `size_<segment>` and `both_<segment>`; undefined where there is no other segment. */
  readonly overlap: Statement | undefined
  readonly columns: readonly PreviewColumn[]
  /** `rows`: a few members, one JSON object a line; null when there is none. */
  readonly sample: Statement
}

export interface PreviewLine {
  /** As the analyst wrote it, or what it comes to. */
  readonly text: string
  readonly kind: 'where' | 'exclude' | 'waterfall' | 'purpose' | 'split' | 'holdout' | 'limit'
}

export interface PreviewColumn {
  readonly name: string
  /** True where the values say who somebody is. */
  readonly personal: boolean
}

const SAMPLE_ROWS = 3

/** The statements for one segment, over the tables of a build that need not be published. */
export function compilePreview(context: Context, segment: Segment): PreviewStatements {
  const entity = context.project.entities.get(segment.entity)
  if (entity === undefined) throw new Error(`entity ${segment.entity} was not resolved`)
  const tests = testsOf(context, segment)
  const others = segmentsOf(context, entity).filter(({ name }) => name !== segment.name)
  const columns = columnsOf(context, entity)
  return {
    segment,
    size: size(context, entity, segment),
    lines: tests.map(({ line }) => line),
    funnel: funnel(context, segment, tests),
    others: others.map(({ name }) => name),
    overlap: others.length === 0 ? undefined : overlap(context, entity, segment, others),
    columns: columns.map(({ name }) => ({ name, personal: isPersonal(context.project, entity, name) })),
    sample: sample(context, entity, segment, columns),
  }
}

export interface Test {
  readonly line: PreviewLine
  readonly verdict: Sql
}

function testsOf(context: Context, segment: Segment): readonly Test[] {
  const print = personContext(context, 's')
  const where = segment.where?.kind === 'all' ? segment.where.of : segment.where === undefined ? [] : [segment.where]
  return [
    ...where.map((one): Test => ({ line: { text: said(one), kind: 'where' }, verdict: printCondition(one, print) })),
    ...segment.exclude.map(
      (name): Test => ({ line: { text: name, kind: 'exclude' }, verdict: sql`not ${print.member(name)}` }),
    ),
    ...divisions(segment, print),
  ]
}

/** What takes people out after the condition, in its order. */
export function divisions({ name, waterfall, purpose, split, limit }: Segment, print: PrintContext): readonly Test[] {
  const held = split && rounded(1 - split.end)
  const isHeld = sql`coalesce(${column('s', variantColumn(name))} = ${text(HELD_OUT)}, false)`
  const kind = split?.variants.length === 0 ? 'holdout' : 'split'
  const names = (split?.variants ?? []).map((variant) => `${variant.name}, `).join('')
  const test = (kind: PreviewLine['kind'], words: string, verdict: Sql): Test => ({
    line: { text: words, kind },
    verdict,
  })
  return [
    ...(waterfall.length === 0 ? [] : [test('waterfall', waterfall.join(', '), anyOf(waterfall, print))]),
    ...(purpose === undefined ? [] : [test('purpose', purpose, column('s', mayColumn(purpose)))]),
    ...(held === undefined ? [] : [test(kind, `${names}${held}% held out`, sql`not ${isHeld}`)]),
    ...(limit === undefined ? [] : [test('limit', limitText(limit), print.member(name))]),
  ]
}

function limitText({ rows, per }: Limit): string {
  return per === undefined ? String(rows) : `${rows} per ${per}`
}

function rounded(share: number): number {
  return Math.round(share * 1e10) / 1e8
}

/** A condition in the words of its author: those of its first line where it takes several. */
export function said(condition: Condition): string {
  switch (condition.kind) {
    case 'test':
      return wordsAt(condition.at)
    case 'sql':
      return `sql: ${wordsAt(condition.at)}`
    case 'member_of':
      return `member_of: ${[condition.segment, ...(condition.variant === undefined ? [] : [condition.variant])].join('.')}`
    case 'was_member_of':
      return `was_member_of: ${condition.membership.segment} (line ${condition.at.line})`
    case 'did':
      return `${condition.negated ? 'did_not' : 'did'}: ${condition.event.source} (line ${condition.at.line})`
    case 'sequence':
      return `${condition.negated ? 'did_not' : 'did'}: ${condition.sequence.steps.map(({ source }) => source).join(', then ')} (line ${condition.at.line})`
    case 'not':
      return `not: ${said(condition.of)}`
    case 'all':
    case 'any':
      return `${condition.kind}: ${condition.of.map(said).join(' · ')}`
  }
}

function size(context: Context, entity: Entity, segment: Segment): Statement {
  const { dialect, project } = context
  const steps = new Steps()
  const facts = steps.add('facts', 'who would enter and leave (a few rows a segment)', movedCounts(context, entity))
  const moved = (fact: string) => sql`
    (
      select ${counted(context, sql`segment = ${text(segment.name)} and fact = ${text(fact)}`)}
      from ${facts}
    )`
  const inVariant = (variant: string) =>
    hasVariantColumn(segment)
      ? dialect.aggregate('count', undefined, sql`${id(variantColumn(segment.name))} = ${text(variant)}`)
      : sql`0`
  const variants = segment.variants.map((name, index) => sql`${inVariant(name)} as ${id(`variant_${index + 1}`)}`)
  return statement(
    `preview ${segment.name} size`,
    'how many there are, and who would enter and leave',
    steps.select(sql`
      select
        ${dialect.aggregate('count', undefined)} as profiles,
        ${dialect.aggregate('count', undefined, id(segment.name))} as members,
        ${moved('entered')} as entered,
        ${moved('left')} as ${id('left')},
        ${lines([sql`${inVariant(HELD_OUT)} as held_out`, ...variants])}
      from ${from(segmentsTable(project, entity.name))}`),
  )
}

function funnel(context: Context, segment: Segment, tests: readonly Test[]): Statement {
  const steps = new Steps()
  const segments = [segment.name, ...segment.exclude, ...segment.waterfall]
  const { dialect, project } = context
  const name = (index: number) => id(`line_${index + 1}`)
  const decided = steps.add(
    'decided',
    'every line on every profile: true, false or null',
    sql`
      select
        ${lines(tests.map(({ verdict }, index) => sql`${verdict} as ${name(index)}`))}
      from ${peopleFrom(context, { entity: segment.entity, where: segment.where, segments })}
      cross join ${from(clockTable(project))} as clock`,
  )
  const counted = tests.flatMap((_, index) => {
    const before = tests.slice(0, index).map((_, earlier) => name(earlier))
    const when = (last: Sql) => dialect.aggregate('count', undefined, join([...before, last], ' and '))
    return [
      sql`${when(name(index))} as ${id(`left_${index + 1}`)}`,
      sql`${when(sql`${name(index)} is null`)} as ${id(`null_${index + 1}`)}`,
    ]
  })
  const last = sql`
    select
      ${lines(counted)}
    from ${decided}`
  return statement('preview funnel', 'who is left after each line, and whom a missing value cost', steps.select(last))
}

function overlap(context: Context, entity: Entity, segment: Segment, others: readonly Segment[]): Statement {
  const count = (where: Sql) => context.dialect.aggregate('count', undefined, where)
  const counted = others.flatMap(({ name }) => [
    sql`${count(id(name))} as ${id(`size_${name}`)}`,
    sql`${count(sql`${id(name)} and ${id(segment.name)}`)} as ${id(`both_${name}`)}`,
  ])
  return statement(
    `preview ${segment.name} overlap`,
    'the other segments, and how many are in both',
    sql`
      select
        ${lines(counted)}
      from ${from(segmentsTable(context.project, entity.name))}`,
  )
}

interface Typed {
  readonly name: string
  readonly type: ValueType
}

function columnsOf({ project }: Context, entity: Entity): readonly Typed[] {
  return [...builtInColumns(project, entity), ...traitColumns(entity.traits)]
}

function sample(context: Context, entity: Entity, segment: Segment, columns: readonly Typed[]): Statement {
  const steps = new Steps()
  const { dialect, project } = context
  const some = steps.add(
    'some',
    'a few members, the same ones each time',
    sql`
      select p.*
      from ${from(profileTable(project, entity.name))} as p
      join ${from(segmentsTable(project, entity.name))} as s on s.profile_id = p.profile_id
      where s.${id(segment.name)}
      order by p.profile_id
      limit ${SAMPLE_ROWS}`,
  )
  const cells = columns.flatMap(({ name, type }, index) => [
    text(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`),
    sql`coalesce(${jsonOf(dialect, id(name), type)}, 'null')`,
  ])
  const written = steps.add(
    'written',
    'each as one JSON object',
    sql`
      select ${dialect.concat([...cells, text('}')])} as object
      from ${some}`,
  )
  return statement(
    `preview ${segment.name} sample`,
    'what such a profile looks like',
    steps.select(sql`
      select ${dialect.listText(sql`object`, '\n')} as ${id('rows')}
      from ${written}`),
  )
}

// For the eye only, so a time is shown as the warehouse writes it.
function jsonOf(dialect: Dialect, value: Sql, type: ValueType): Sql {
  const isText = type === 'text' || type === 'date' || type === 'timestamp' || type === 'unknown'
  return isText
    ? dialect.json(type === 'text' ? value : dialect.cast(value, 'text'), 'text')
    : dialect.json(value, type)
}
