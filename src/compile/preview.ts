import { builtInColumns, traitColumns } from '../project/columns.ts'
import type { Condition } from '../project/language.ts'
import { isPersonal } from '../project/personal.ts'
import { wordsAt } from '../project/place.ts'
import type { Entity, Segment } from '../project/project.ts'
import type { Dialect, ValueType } from '../sql/dialect.ts'
import { from, id, join, lines, type Sql, type Statement, Steps, sql, text } from '../sql/sql.ts'
import { printCondition } from './condition.ts'
import { type Context, statement } from './context.ts'
import { clockTable, profileTable, segmentsTable } from './names.ts'
import { personContext } from './print-context.ts'
import { changesTable, segmentsOf } from './segments.ts'

/** What `cdp preview` asks of a finished build; every statement gives one row and takes the token `b`. */
export interface PreviewStatements {
  readonly segment: Segment
  /** `profiles`, `members`, `entered`, `left`. */
  readonly size: Statement
  /** The lines of `where:` in order, then the excluded segments. */
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
  /** As the analyst wrote it. */
  readonly text: string
  readonly kind: 'where' | 'exclude'
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
    funnel: funnel(context, entity, tests),
    others: others.map(({ name }) => name),
    overlap: others.length === 0 ? undefined : overlap(context, entity, segment, others),
    columns: columns.map(({ name }) => ({ name, personal: isPersonal(context.project, entity, name) })),
    sample: sample(context, entity, segment, columns),
  }
}

interface Test {
  readonly line: PreviewLine
  readonly verdict: Sql
}

function testsOf(context: Context, segment: Segment): readonly Test[] {
  const print = personContext(context, 's', (name) => name)
  const where = segment.where.kind === 'all' ? segment.where.of : [segment.where]
  return [
    ...where.map((one): Test => ({ line: { text: said(one), kind: 'where' }, verdict: printCondition(one, print) })),
    ...segment.exclude.map(
      (name): Test => ({ line: { text: name, kind: 'exclude' }, verdict: sql`not ${print.member(name)}` }),
    ),
  ]
}

/** A condition in the words of its author: those of its first line where it takes several. */
function said(condition: Condition): string {
  switch (condition.kind) {
    case 'test':
      return wordsAt(condition.at)
    case 'sql':
      return `sql: ${wordsAt(condition.at)}`
    case 'member_of':
      return `member_of: ${condition.segment}`
    case 'did':
      return `${condition.negated ? 'did_not' : 'did'}: ${condition.event.source} (line ${condition.at.line})`
    case 'not':
      return `not: ${said(condition.of)}`
    case 'all':
    case 'any':
      return `${condition.kind}: ${condition.of.map(said).join(' · ')}`
  }
}

function size(context: Context, entity: Entity, segment: Segment): Statement {
  const { dialect, project } = context
  const moved = (change: string) => sql`
    (
      select count(*)
      from ${from(changesTable(context, entity))}
      where segment = ${text(segment.name)} and change = ${text(change)}
    )`
  return statement(
    `preview ${segment.name} size`,
    'how many there are, and who would enter and leave',
    sql`
      select
        ${dialect.aggregate('count', undefined)} as profiles,
        ${dialect.aggregate('count', undefined, id(segment.name))} as members,
        ${moved('entered')} as entered,
        ${moved('left')} as ${id('left')}
      from ${from(segmentsTable(project, entity.name))}`,
  )
}

function funnel(context: Context, entity: Entity, tests: readonly Test[]): Statement {
  const steps = new Steps()
  const { dialect, project } = context
  const name = (index: number) => id(`line_${index + 1}`)
  const decided = steps.add(
    'decided',
    'every line on every profile: true, false or null',
    sql`
      select
        ${lines(tests.map(({ verdict }, index) => sql`${verdict} as ${name(index)}`))}
      from ${from(profileTable(project, entity.name))} as p
      join ${from(segmentsTable(project, entity.name))} as s on s.profile_id = p.profile_id
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
      select ${dialect.listText(sql`object`, '\n')} as rows
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
