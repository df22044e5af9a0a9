import type { Measure, PeriodMeasure, Source, Take } from '../project/project.ts'
import type { Period } from '../sql/dialect.ts'
import { column, from, id, join, lines, type Sql, type Steps, sql, stacked } from '../sql/sql.ts'
import { type Context, NOW } from './context.ts'
import { type Measured, measuredInPeriod, rounded } from './measure.ts'
import { clockTable } from './names.ts'

/** What is made of the values that a profile has in several periods of the calendar. */
export interface OverPeriods {
  readonly period: Period
  readonly take: Take | 'periods' | 'streak' | 'longest_streak'
}

/** Whether a measure is taken from periods of the calendar. */
export function isOverPeriods(measure: Measure): measure is PeriodMeasure {
  switch (measure.kind) {
    case 'periods':
    case 'streak':
    case 'longest_streak':
    case 'per':
      return true
    default:
      return false
  }
}

/** The value of a measure in one period, and what is made of the periods. Of a period alone only its presence counts. */
export function periodColumn(measure: PeriodMeasure, rows: Measured): { value: Sql; over: OverPeriods } {
  const { period, kind } = measure
  if (kind === 'per') return { value: measuredInPeriod(measure.measure, rows), over: { period, take: measure.take } }
  // Streaks end now: rows after it do not count.
  const past = kind === 'periods' ? [] : [sql`${rows.time} <= ${rows.print.now}`]
  const tests = [...(rows.filter === undefined ? [] : [rows.filter]), ...past]
  const value = tests.length === 0 ? sql`true` : rows.print.dialect.anyRow(join(tests, ' and '))
  return { value, over: { period, take: kind } }
}

/** Adds to each row `s` what calendar and clock of the project's zone showed when it happened; its periods follow from that. */
export function addLocalTimes(steps: Steps, { dialect, project }: Context, source: Source, rows: Sql): Sql {
  return steps.add(
    `${source.name}_local`,
    "what the calendar of the project's zone showed at each row, asked once for periods of every length",
    sql`
      select
        ${lines([sql`s.*`, sql`${dialect.localTime(sql`s.cdp_time`, project.timezone)} as cdp_local`])}
      from ${rows} as s`,
  )
}

/** A column of a scan whose value is that of a period. */
interface PeriodColumn {
  readonly name: string
  readonly value: Sql
  readonly over: OverPeriods
}

/** A scan before its periods are added. */
interface Grouping {
  readonly source: Source
  /** The rows `s` as they stand after `from`. */
  readonly rows: Sql
  readonly columns: readonly { readonly name: string; readonly value: Sql; readonly over?: OverPeriods }[]
  /** The query that groups them by profile. */
  readonly grouped: Sql
}

/**
 * Adds what is made of periods to the grouped rows of a source, which are grouped once more for each period, and gives
 * the query of both.
 */
export function withPeriods(steps: Steps, context: Context, { source, rows, columns, grouped }: Grouping): Sql {
  const asked = columns.flatMap((one): readonly PeriodColumn[] => (one.over ? [{ ...one, over: one.over }] : []))
  if (asked.length === 0) return grouped
  const all = steps.add(`${source.name}_grouped`, 'what is asked of all rows of a profile (one row a profile)', grouped)
  const parts = PERIODS.flatMap((period) => {
    const mine = asked.filter(({ over }) => over.period === period)
    if (mine.length === 0) return []
    const step = addPeriods(steps, context, { source, rows, period, columns: mine })
    const alias = `by_${period}`
    return [
      {
        values: mine.map(({ name }) => column(alias, name)),
        join: sql`left join ${step} as ${id(alias)} on ${column(alias, 'profile_id')} = g.profile_id`,
      },
    ]
  })
  return sql`
    select
      ${lines([sql`g.*`, ...parts.flatMap(({ values }) => values)])}
    from ${all} as g
    ${stacked(parts.map(({ join }) => join))}`
}

const PERIODS: readonly Period[] = ['day', 'week', 'month', 'quarter', 'year']

/** What is asked of the periods of one length. */
interface Periods {
  readonly source: Source
  readonly rows: Sql
  readonly period: Period
  readonly columns: readonly PeriodColumn[]
}

/** Adds the steps from the rows to one row a profile with what is made of its periods. */
function addPeriods(steps: Steps, context: Context, periods: Periods): Sql {
  const { source, period, columns } = periods
  const { dialect, project } = context
  const each = addEach(steps, context, periods)
  const counted = columns.filter((one) => isStreak(one) && runsOf(columns, one) === one.name)
  const last = addRuns(steps, { source, period, columns: counted }, each)
  const current = dialect.periodNumber(period, dialect.localTime(NOW, project.timezone))
  const asksNow = columns.some(({ over }) => over.take === 'streak')
  const clock = asksNow ? [sql`cross join ${from(clockTable(project))} as clock`] : []
  const values = columns.map((one) => sql`${folded(context, one, { current, columns })} as ${id(one.name)}`)
  return steps.add(
    `${source.name}_over_${period}s`,
    `what is made of the ${period}s (one row a profile)`,
    sql`
      select
        ${lines([sql`e.profile_id`, ...values])}
      ${stacked([sql`from ${last} as e`, ...clock])}
      group by e.profile_id`,
  )
}

function isStreak({ over }: PeriodColumn): boolean {
  return over.take === 'streak' || over.take === 'longest_streak'
}

/** The first of the streaks over the same rows: their runs are told apart once, under its name. */
function runsOf(columns: readonly PeriodColumn[], { value }: PeriodColumn): string {
  const said = JSON.stringify(value)
  return columns.find((one) => isStreak(one) && JSON.stringify(one.value) === said)?.name ?? ''
}

function addEach(steps: Steps, { dialect }: Context, { source, rows, period, columns }: Periods): Sql {
  return steps.add(
    `${source.name}_each_${period}`,
    `the same rows grouped by calendar ${period} too, once for all traits that ask for ${period}s (one row a profile and ${period})`,
    sql`
      select
        ${lines([sql`s.cdp_profile_id as profile_id`, sql`${dialect.periodNumber(period, sql`s.cdp_local`)} as cdp_period`, ...columns.map(({ name, value }) => sql`${value} as ${id(name)}`)])}
      from ${rows}
      where s.cdp_profile_id is not null and s.cdp_local is not null
      group by s.cdp_profile_id, cdp_period`,
  )
}

/** Periods in a row: within a run, the number of a period less its place among the periods that count stays the same. */
function addRuns(steps: Steps, { source, period, columns }: Omit<Periods, 'rows'>, each: Sql): Sql {
  if (columns.length === 0) return each
  const run = (name: string) => id(`${name}__run`)
  const numbered = columns.map(
    ({ name }) => sql`
      e.cdp_period - row_number() over (
        partition by e.profile_id, e.${id(name)}
        order by e.cdp_period
      ) as ${run(name)}`,
  )
  const runs = steps.add(
    `${source.name}_${period}_runs`,
    `to which run each ${period} belongs: its number less its place among those that count`,
    sql`
      select
        ${lines([sql`e.*`, ...numbered])}
      from ${each} as e`,
  )
  const lengths = columns.map(
    ({ name }) => sql`
      row_number() over (
        partition by e.profile_id, e.${id(name)}, e.${run(name)}
        order by e.cdp_period
      ) as ${id(`${name}__length`)}`,
  )
  return steps.add(
    `${source.name}_${period}_lengths`,
    `how many ${period}s of its run there are up to each ${period}`,
    sql`
      select
        ${lines([sql`e.*`, ...lengths])}
      from ${runs} as e`,
  )
}

/** All columns of a length of period, and the number of the period that holds now. */
interface Folding {
  readonly columns: readonly PeriodColumn[]
  readonly current: Sql
}

/** What is made of the periods `e` of a profile. */
function folded({ dialect }: Context, one: PeriodColumn, { columns, current }: Folding): Sql {
  const { name, over } = one
  const value = column('e', name)
  const length = () => column('e', `${runsOf(columns, one)}__length`)
  switch (over.take) {
    case 'periods':
      return dialect.aggregate('count', undefined, value)
    case 'longest_streak':
      return dialect.aggregate('max', length(), value)
    case 'streak':
      return dialect.aggregate('max', length(), sql`${value} and e.cdp_period >= ${current} - 1`)
    case 'max':
    case 'min':
      return dialect.aggregate(over.take, value)
    case 'avg':
      return rounded(dialect.aggregate('avg', value), { dialect })
    case 'median':
      return rounded(dialect.percentile(value, 0.5), { dialect })
    case 'last':
      return dialect.valueAt('last', value, [{ of: sql`e.cdp_period`, type: 'integer' }])
  }
}
