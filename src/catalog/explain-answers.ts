import type { Context } from '../compile/context.ts'
import { compileDecision, type Line } from '../compile/decision.ts'
import { listing } from '../compile/listing.ts'
import { profileTable, segmentsTable } from '../compile/names.ts'
import { segmentsOf } from '../compile/segment-tables.ts'
import { CdpError } from '../error.ts'
import { builtInColumns, type TraitColumn, traitColumns } from '../project/columns.ts'
import { isPersonal } from '../project/personal.ts'
import { BUILT_IN, type Entity, type Segment } from '../project/project.ts'
import { column, from, id, lines, parameter, type Statement, Steps, sql } from '../sql/sql.ts'
import { listed } from '../sync/listed.ts'
import type { Session } from '../warehouses/warehouse.ts'
import { type DecidedLine, decisive } from './decided.ts'

/** A trait of one person, in the published build. */
export interface TraitFact {
  readonly name: string
  /** As text; null for null. A personal value is `[hidden]` unless it was asked for. */
  readonly value: string | null
}

/** Where one person stands to a segment of the published build. */
export interface SegmentFact {
  readonly name: string
  readonly member: boolean
  readonly variant: string | null
  /** In the project as it is now: of a member all lines, else those that are not true. */
  readonly decided: readonly DecidedLine[]
}

/** What the published build says of one profile. */
export interface Answers {
  readonly traits: readonly TraitFact[]
  readonly segments: readonly SegmentFact[]
  /** Traits and segments of the project that the published build has not, or not so that they can be asked. */
  readonly unbuilt: readonly string[]
}

export interface AnswersOf {
  readonly context: Context
  readonly session: Session
  readonly entity: Entity
  /** The published build. */
  readonly build: number
  readonly showValues: boolean
}

/** Traits and segments of a profile by its id. */
export async function answersFor(of: AnswersOf, profile: string): Promise<Answers> {
  const { context, session, entity, build } = of
  const tokens = { b: build }
  const wanted = columnsOf(context, entity)
  const built = await session.columns(profileTable(context.project, entity.name), tokens)
  const traits = wanted.filter(({ name }) => built?.has(name))
  const decided = await session.columns(segmentsTable(context.project, entity.name), tokens)
  const segments = segmentsOf(context, entity)
  const facts: SegmentFact[] = []
  for (const segment of segments) {
    const fact = decided?.has(segment.name) ? await segmentFact(of, segment, profile) : undefined
    if (fact !== undefined) facts.push(fact)
  }
  const known = new Set(facts.map(({ name }) => name))
  return {
    traits: traits.length === 0 ? [] : await traitFacts(of, traits, profile),
    segments: facts,
    unbuilt: [...wanted.filter((one) => !traits.includes(one)), ...segments.filter(({ name }) => !known.has(name))].map(
      ({ name }) => name,
    ),
  }
}

/** The statements that ask it, for an entity as the project has it now. */
export function answerStatements(context: Context, entity: Entity): readonly Statement[] {
  return [
    traitListing(context, entity, columnsOf(context, entity)).statement,
    ...segmentsOf(context, entity).map((segment) => compileDecision(context, segment, { one: true }).listing.statement),
  ]
}

/** Every column of a profile but its id and times, which are told elsewhere. */
function columnsOf({ project }: Context, entity: Entity): readonly TraitColumn[] {
  return [...builtInColumns(project, entity), ...traitColumns(entity.traits)].filter(({ name }) => !BUILT_IN.has(name))
}

async function traitFacts(
  of: AnswersOf,
  traits: readonly TraitColumn[],
  profile: string,
): Promise<readonly TraitFact[]> {
  const { context, session, entity, build } = of
  const [row] = await listed(session, traitListing(context, entity, traits), { profile_id: profile }, { b: build })
  if (row === undefined) return []
  return traits.map(({ name }, at) => ({ name, value: veiled(of, name, textOf(row[`trait_${at}`])) }))
}

/** One row, or none: a column `trait_<place>` for each trait, as text. */
function traitListing(context: Context, entity: Entity, traits: readonly TraitColumn[]) {
  const { dialect, project } = context
  const columns = Object.fromEntries(traits.map((_, at) => [`trait_${at}`, 'text?' as const]))
  const cells = traits.map(
    ({ name, type }, at) => sql`${dialect.plainText(column('p', name), type)} as ${id(`trait_${at}`)}`,
  )
  return listing(context, {
    name: `traits of a ${entity.name}`,
    reason: 'the traits of one profile (at most one row)',
    columns,
    steps: new Steps(),
    rows: sql`
      select
        ${lines(cells)}
      from ${from(profileTable(project, entity.name))} as p
      where p.profile_id = ${parameter('profile_id')}`,
  })
}

/** Undefined where the published build cannot be asked: its traits are not those that the segment speaks of now. */
async function segmentFact(of: AnswersOf, segment: Segment, profile: string): Promise<SegmentFact | undefined> {
  const { context, session, build } = of
  const { lines: all, listing: statement } = compileDecision(context, segment, { one: true })
  const [row] = await listed(session, statement, { profile_id: profile }, { b: build }).catch((error: unknown) => {
    if (error instanceof CdpError && error.diagnostics.every(({ code }) => code === 'warehouse/statement')) return []
    throw error
  })
  if (row === undefined) return undefined
  const member = row.is_in === 'true'
  const told = all.map((line) => ({ isAfter: line.kind === 'after', decided: decidedLine(of, line, row) }))
  return { name: segment.name, member, variant: textOf(row.variant), decided: decisive(told, member) }
}

type Row = Readonly<Record<string, unknown>>

function decidedLine(of: AnswersOf, line: Line, row: Row): DecidedLine {
  const verdict = row[line.column]
  return {
    text: line.text,
    file: line.at.file,
    line: line.at.line,
    verdict: verdict === null || verdict === undefined ? null : verdict === 'true',
    values: line.values.map(({ name, column: cell }) => ({ name, value: veiled(of, name, textOf(row[cell])) })),
    inner: line.inner.map((one) => decidedLine(of, one, row)),
    rows: [],
  }
}

/** The value of a trait, or of `group.trait`, unless it says who somebody is. What is missing is seen to be missing. */
function veiled({ context: { project }, entity, showValues }: AnswersOf, name: string, value: string | null) {
  if (showValues || value === null) return value
  const [first = '', second] = name.split('.')
  const owner = second === undefined ? entity : project.entities.get(first)
  return owner !== undefined && isPersonal(project, owner, second ?? first) ? '[hidden]' : value
}

function textOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value)
}
