import type { Follower, Sequence, SequenceStep } from '../project/language.ts'
import type { Entity, Project, Source } from '../project/project.ts'
import { sequencesIn } from '../project/references.ts'
import { column, from, id, join, lines, type Sql, Steps, sql, type Table, unionAll } from '../sql/sql.ts'
import { type Context, NOW } from './context.ts'
import { conditionsOf, sequenceColumn } from './events.ts'
import { buildTable, clockTable } from './names.ts'
import { addScanned, rowsOn } from './scan.ts'

/** The sequences of all segments and syncs of an entity, each once, by column. */
export function sequencesOf(project: Project, entity: Entity): ReadonlyMap<string, Sequence> {
  const all = conditionsOf(project, entity).flatMap((condition) => [...sequencesIn(condition)])
  return new Map(all.map((sequence) => [sequenceColumn(sequence), sequence]))
}

/** The table of all sequences: a row per profile that has rows in one of them, a boolean column a sequence. */
export function sequencesTable(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_sequences')
}

/** The sources whose rows sequences of an entity look at, in the project's order. */
export function sequenceSources(context: Context, entity: Entity): readonly Source[] {
  const named = new Set(marksOf(context, entity).map(({ follower }) => follower.source))
  return [...context.project.sources.values()].filter(({ name }) => named.has(name))
}

/**
 * All sequences of an entity at once. Every source is read once, whatever the number of sequences; the rows that some
 * step asks for are put in order of time, and each step looks back at the latest row that fulfilled the step before:
 * where that one is too far away, or something lies in between, every earlier one is, too.
 */
export function sequencesQuery(context: Context, entity: Entity): Sql {
  const steps = new Steps()
  const marks = marksOf(context, entity)
  const sequences = [...sequencesOf(context.project, entity)]
  const each = sequenceSources(context, entity).map((source) => rowsOf(steps, context, entity, source, marks))
  const rows = steps.add('rows_in_time', 'every row that some step asks for', unionAll(each))
  const deepest = Math.max(...sequences.map(([, { steps: all }]) => all.length))
  const last = Array.from({ length: deepest - 1 }, (_, index) => index + 1).reduce(
    (before, at) => addStep(steps, context, before, sequences, at),
    rows,
  )
  return steps.select(sql`
    select
      ${lines([sql`r.profile_id`, ...sequences.map(([name]) => sql`${context.dialect.anyRow(column('r', fulfilled(name)))} as ${id(name)}`)])}
    from ${last} as r
    group by r.profile_id`)
}

/** Rows of one kind that a sequence asks for: those of a step, or those that must not lie before it. */
interface Mark {
  readonly name: string
  readonly follower: Follower
  readonly window: Partial<Pick<SequenceStep, 'within' | 'after' | 'before'>>
}

function marksOf(context: Context, entity: Entity): readonly Mark[] {
  return [...sequencesOf(context.project, entity)].flatMap(([name, sequence]) =>
    sequence.steps.flatMap((step, index): readonly Mark[] => [
      { name: stepName(name, index), follower: step, window: index === 0 ? step : {} },
      ...step.without.map((follower, nth) => ({ name: withoutName(name, index, nth), follower, window: {} })),
    ]),
  )
}

/** True of the rows that may be a step of a sequence. */
function stepName(sequence: string, index: number): string {
  return `${sequence}_${index + 1}`
}

/** True of the rows that must not lie between a step and the one before. */
function withoutName(sequence: string, index: number, nth: number): string {
  return `${sequence}_${index + 1}_not_${nth + 1}`
}

/** True of the rows with which a sequence is complete. */
function fulfilled(sequence: string): string {
  return `${sequence}_done`
}

/** True of the rows that fulfil all steps up to one. */
function reached(sequence: string, index: number): string {
  return index === 0 ? stepName(sequence, 0) : `${sequence}_${index + 1}_ok`
}

/** The rows of a source that some step asks for: (profile_id, happened_at, tick, …one boolean a mark). */
function rowsOf(steps: Steps, context: Context, entity: Entity, source: Source, marks: readonly Mark[]): Sql {
  const mine = marks.filter(({ follower }) => follower.source === source.name)
  const needsProfile = [...sequencesOf(context.project, entity).values()].some((one) => one.needsProfile)
  const scanned = addScanned(steps, context, entity, source, { uses: mine, withProfile: needsProfile })
  const flags = marks.map(({ name, follower, window }) => {
    if (follower.source !== source.name) return sql`false as ${id(name)}`
    const test = rowsOn(context, { ...window, where: follower.where })
    return sql`${test === undefined ? sql`true` : sql`coalesce(${test}, false)`} as ${id(name)}`
  })
  const marked = steps.add(
    `${source.name}_marked`,
    `for which steps each row of ${source.name} may stand`,
    sql`
      select
        ${lines([sql`s.cdp_profile_id as profile_id`, sql`s.cdp_time as happened_at`, sql`${context.dialect.epoch(sql`s.cdp_time`)} as tick`, ...flags])}
      from ${scanned}
      where s.cdp_profile_id is not null and s.cdp_time <= ${NOW}`,
  )
  return sql`
    select *
    from ${marked}
    where ${join(
      mine.map(({ name }) => id(name)),
      ' or ',
    )}`
}

/** Adds what is known after one more step: which rows fulfil it. */
function addStep(
  steps: Steps,
  context: Context,
  rows: Sql,
  sequences: readonly (readonly [string, Sequence])[],
  at: number,
): Sql {
  const open = sequences.filter(([, { steps: all }]) => all.length > at)
  const looked = steps.add(
    `looked_${at + 1}`,
    `what lies before each row: the latest that fulfilled step ${at}, and what must not be in between`,
    sql`
      select
        ${lines([sql`r.*`, ...open.flatMap(([name, sequence]) => lookedAt(name, sequence, at))])}
      from ${rows} as r`,
  )
  const verdicts = open.flatMap(([name, sequence]) => {
    const step = sequence.steps[at]
    if (step === undefined) return []
    const isLast = at === sequence.steps.length - 1
    const verdict = step.negated ? neverCame(context, name, step, at) : follows(context, name, step, at)
    return [sql`coalesce(${verdict}, false) as ${id(isLast ? fulfilled(name) : reached(name, at))}`]
  })
  return steps.add(
    `step_${at + 1}`,
    `which rows fulfil step ${at + 1}`,
    sql`
      select
        ${lines([sql`r.*`, ...verdicts])}
      from ${looked} as r
      cross join ${from(clockTable(context.project))} as clock`,
  )
}

function lookedAt(name: string, { steps }: Sequence, at: number): readonly Sql[] {
  const step = steps[at]
  if (step === undefined) return []
  if (step.negated) return [sql`${nearest('next', stepName(name, at))} as ${id(previous(name, at))}`]
  return [
    sql`${nearest('before', reached(name, at - 1))} as ${id(previous(name, at))}`,
    ...step.without.map((_, nth) => {
      const unwanted = withoutName(name, at, nth)
      return sql`${nearest('before', unwanted)} as ${id(`${unwanted}_at`)}`
    }),
  ]
}

/** Where it stands when the step before was fulfilled last; of a step that must not come, when it comes next. */
function previous(sequence: string, at: number): string {
  return `${sequence}_${at + 1}_from`
}

/** The time of the nearest marked row strictly before or after each row of the same profile. */
function nearest(where: 'before' | 'next', mark: string): Sql {
  const [extreme, frame] =
    where === 'before'
      ? [sql`max`, sql`range between unbounded preceding and 1 preceding`]
      : [sql`min`, sql`range between 1 following and unbounded following`]
  return sql`
    ${extreme}(case when ${column('r', mark)} then r.happened_at end)
      over (partition by r.profile_id order by r.tick ${frame})`
}

function follows({ dialect }: Context, name: string, step: SequenceStep, at: number): Sql {
  const start = column('r', previous(name, at))
  const { within, without } = step
  return join(
    [
      column('r', stepName(name, at)),
      sql`${start} is not null`,
      ...(within === undefined ? [] : [sql`r.happened_at <= ${dialect.shift(start, within.amount, within.unit)}`]),
      ...without.map((_, nth) => {
        const unwanted = column('r', `${withoutName(name, at, nth)}_at`)
        return sql`(${unwanted} is null or ${unwanted} <= ${start})`
      }),
    ],
    ' and ',
  )
}

/** The step before was fulfilled here, the time in which the next could have come is over, and it did not come. */
function neverCame({ dialect }: Context, name: string, { within }: SequenceStep, at: number): Sql {
  const here = column('r', reached(name, at - 1))
  const next = column('r', previous(name, at))
  if (within === undefined) return sql`${here} and ${next} is null`
  const end = dialect.shift(sql`r.happened_at`, within.amount, within.unit)
  return sql`${here} and ${end} <= ${NOW} and (${next} is null or ${next} > ${end})`
}
