import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { measured } from '../../../src/compile/measure.ts'
import { addLocalTimes, isOverPeriods, periodColumn, withPeriods } from '../../../src/compile/periods.ts'
import type { PrintContext } from '../../../src/compile/print-context.ts'
import type { Expression } from '../../../src/project/language.ts'
import type { Measure, Take } from '../../../src/project/project.ts'
import type { Period } from '../../../src/sql/dialect.ts'
import { column, id, lines, print, Steps, sql } from '../../../src/sql/sql.ts'
import { duckdbDialect as dialect } from '../../../src/warehouses/duckdb-dialect.ts'
import { type Dice, diceOf } from '../../support/dice.ts'
import { dayIn, longestStreak, median, passed, periodOf, streak } from '../../support/periods-oracle.ts'
import { project, source } from '../../support/project.ts'

interface Row {
  readonly who: number
  readonly at: number | null
  readonly day: string
  readonly amount: number | null
  readonly ok: boolean | null
}

const amount: Expression = {
  kind: 'reference',
  to: { kind: 'column', column: 'amount' },
  type: 'decimal',
  at: { file: '', line: 1, column: 1, length: 1, text: '' },
}

const PERIODS: readonly Period[] = ['day', 'week', 'month', 'quarter', 'year']

const measures: readonly Measure[] = [
  ...(['first', 'last'] as const).flatMap((which) =>
    (['hour', 'day', 'week', 'month'] as const).map((unit) => ({ kind: 'since', which, unit }) as const),
  ),
  ...PERIODS.flatMap((period): readonly Measure[] => [
    { kind: 'periods', period },
    { kind: 'streak', period },
    { kind: 'longest_streak', period },
    { kind: 'per', period, take: 'min', measure: { kind: 'count' } },
    { kind: 'per', period, take: 'max', measure: { kind: 'sum', of: amount } },
    { kind: 'per', period, take: 'avg', measure: { kind: 'avg', of: amount } },
    { kind: 'per', period, take: 'median', measure: { kind: 'max', of: amount } },
    { kind: 'per', period, take: 'last', measure: { kind: 'count_distinct', of: amount } },
  ]),
]

/** Every measure over all rows, and over those that are `ok`. */
const asked = measures.flatMap((measure, index) => [
  { name: `all_${index}`, measure, onlyOk: false },
  { name: `ok_${index}`, measure, onlyOk: true },
])

const ZERO: ReadonlySet<string> = new Set(['periods', 'streak', 'longest_streak'])

const PEOPLE = 80

// Just after and before the turn of a week, month and year, and the hours that summer time takes and gives.
test.each([
  ['UTC', '2026-01-01T00:00:00Z'],
  ['Europe/Paris', '2026-03-29T23:30:00Z'],
  ['America/New_York', '2025-11-03T04:30:00Z'],
  ['Asia/Kathmandu', '2025-12-31T18:10:00Z'],
  ['Pacific/Auckland', '2026-04-04T14:30:00Z'],
])('streaks, periods and how long ago are those of the calendar in %s', async (zone, now) => {
  const dice = diceOf(zone.length)
  const rows = Array.from({ length: PEOPLE }, (_, who) => randomRows(dice, who, { zone, now: Date.parse(now) })).flat()
  const found = await computed(rows, zone, now)
  expect(found).toHaveLength(PEOPLE)
  const wrong = found.flatMap((answer) => {
    const mine = rows.filter(({ who }) => who === Number(answer.profile_id))
    return asked.flatMap(({ name, measure, onlyOk }) => {
      const counted = mine.filter(({ ok }) => !onlyOk || ok === true)
      const expected = oracle(measure, counted, { zone, now: Date.parse(now) })
      // Where nothing counts, the profile says 0 instead of null.
      const value = answer[name] ?? (ZERO.has(measure.kind) ? 0 : null)
      return isSame(value, expected) ? [] : [{ measure, value, expected, counted }]
    })
  })
  expect(wrong).toEqual([])
})

function isSame(value: unknown, expected: number | null): boolean {
  return expected === null || value === null ? value === expected : Math.abs(Number(value) - expected) < 1e-5
}

/** Up to 16 rows whose distances fit a period: some in a row, some far apart, some after now, some without a time. */
function randomRows(dice: Dice, who: number, { zone, now }: Calendar): readonly Row[] {
  const day = dayIn(zone)
  const step = [3_600_000, 20 * 3_600_000, 86_400_000, 6 * 86_400_000, 25 * 86_400_000, 200 * 86_400_000][dice(6)] ?? 0
  return Array.from({ length: 1 + dice(16) }, () => {
    const at = dice(12) === 0 ? null : now - Math.floor(step * (dice(1200) / 100 - 1))
    return {
      who,
      at,
      day: day(at ?? 0),
      amount: dice(5) === 0 ? null : dice(2000) / 100,
      ok: [true, true, false, null][dice(4)] ?? null,
    }
  })
}

async function computed(rows: readonly Row[], zone: string, now: string) {
  const duckdb = await DuckDBInstance.create(':memory:')
  const connection = await duckdb.connect()
  const literal = ({ who, at, amount: value, ok }: Row) =>
    `(${who}, ${at === null ? 'null' : `timestamptz '${new Date(at).toISOString()}'`}, ${value}, ${ok})`
  await connection.run(`
    set TimeZone = 'UTC';
    create schema _cdp;
    create table _cdp.b0_clock as select timestamptz '${now}' as now;
    create table o as select * from (values ${rows.map(literal).join(', ')}) as t(cdp_profile_id, cdp_time, amount, ok)`)
  const found = (await connection.runAndReadAll(print(query(zone), dialect))).getRowObjectsJson()
  connection.closeSync()
  duckdb.closeSync()
  return found
}

function query(zone: string) {
  const context = { project: project({ sources: [], entities: [], more: { timezone: zone } }), dialect }
  const steps = new Steps()
  const orders = source('orders', {})
  const rows = sql`${addLocalTimes(steps, context, orders, id('o'))} as s cross join _cdp.b0_clock as clock`
  const columns = asked.map(({ name, measure, onlyOk }) => {
    const over = { print: names(zone), filter: onlyOk ? sql`s.ok` : undefined, order: [], time: sql`s.cdp_time` }
    return isOverPeriods(measure) ? { name, ...periodColumn(measure, over) } : { name, value: measured(measure, over) }
  })
  const plain = columns.flatMap((one) => ('over' in one ? [] : sql`${one.value} as ${id(one.name)}`))
  const grouped = sql`
    select ${lines([sql`s.cdp_profile_id as profile_id`, ...plain])}
    from ${rows}
    group by s.cdp_profile_id`
  return steps.select(withPeriods(steps, context, { source: orders, rows, columns, grouped }))
}

function names(timezone: string): PrintContext {
  const none = () => sql`false`
  const name = () => column('s', 'amount')
  return {
    dialect,
    timezone,
    now: column('clock', 'now'),
    name,
    event: none,
    sequence: none,
    member: none,
    wasMember: none,
  }
}

interface Calendar {
  readonly zone: string
  readonly now: number
}

function oracle(measure: Measure, rows: readonly Row[], { zone, now }: Calendar): number | null {
  const timed = rows.flatMap((row) => (row.at === null ? [] : [{ ...row, at: row.at }]))
  const past = timed.filter(({ at }) => at <= now)
  const numbers = (period: Period, some: readonly Row[]) => new Set(some.map(({ day }) => periodOf(period, day)))
  switch (measure.kind) {
    case 'since': {
      const times = past.map(({ at }) => at)
      if (times.length === 0) return null
      const from = measure.which === 'first' ? Math.min(...times) : Math.max(...times)
      return passed(measure.unit, from, now)
    }
    case 'periods':
      return numbers(measure.period, timed).size
    case 'streak':
      return streak(numbers(measure.period, past), periodOf(measure.period, dayIn(zone)(now)))
    case 'longest_streak':
      return longestStreak(numbers(measure.period, past))
    case 'per': {
      const each = [...numbers(measure.period, timed)]
        .sort((a, b) => a - b)
        .flatMap((one) => {
          const mine = timed.filter(({ day }) => periodOf(measure.period, day) === one)
          return (
            measuredOf(
              measure.measure.kind,
              mine.flatMap(({ amount: value }) => value ?? []),
              mine.length,
            ) ?? []
          )
        })
      return taken(measure.take, each)
    }
    default:
      throw new Error(`${measure.kind} has no oracle here`)
  }
}

function measuredOf(kind: string, values: readonly number[], rows: number): number | null {
  const sum = values.reduce((before, one) => before + one, 0)
  if (kind === 'count') return rows
  if (kind === 'count_distinct') return new Set(values).size
  if (kind === 'sum') return sum
  if (values.length === 0) return null
  return kind === 'avg' ? sum / values.length : Math.max(...values)
}

function taken(take: Take, values: readonly number[]): number | null {
  if (values.length === 0) return null
  switch (take) {
    case 'min':
      return Math.min(...values)
    case 'max':
      return Math.max(...values)
    case 'avg':
      return values.reduce((sum, one) => sum + one, 0) / values.length
    case 'median':
      return median(values)
    case 'last':
      return values.at(-1) ?? null
  }
}
