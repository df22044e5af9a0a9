import fc from 'fast-check'
import {
  and,
  both,
  compare,
  date,
  instant,
  not,
  type Operator,
  operator,
  or,
  type Row,
  type Term,
  type Truth,
} from './logic-row.ts'

/** The business time: in Paris it is the next day already. */
export const NOW = '2026-03-31T22:30:00.000Z'

/** A day, or an instant in milliseconds since 1970. */
export type Time = { readonly day: string } | { readonly ms: number }

const DAY = 86_400_000

const inParis = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/Paris' })

const columns: fc.Arbitrary<Term<Time>> = fc.oneof(
  fc
    .constantFrom('at' as const, 'seen' as const)
    .map((name) => ({ text: name, of: (row: Row) => instantOf(row[name]) })),
  fc.constantFrom('day' as const, 'born' as const).map((name) => ({ text: name, of: (row: Row) => dayOf(row[name]) })),
)

/** Times as they are written left of an operator and in expressions. */
export const times: fc.Arbitrary<Term<Time>> = fc.oneof(
  columns,
  columns.map((a) => moved(a, '+ 3 days', (time) => later(time, 3))),
  columns.map((a) => moved(a, '- 1 month', (time) => monthsLater(time, -1))),
  columns.map((a) => ({
    text: `date_trunc(month, ${a.text})`,
    of: (row: Row) => both(a.of(row), 0, beginningOfMonth),
  })),
  fc.constantFrom<Term<Time>>(
    { text: 'coalesce(at, seen)', of: (row: Row) => instantOf(row.at ?? row.seen) },
    { text: 'coalesce(day, born)', of: (row: Row) => dayOf(row.day ?? row.born) },
    { text: 'coalesce(at, 2026-03-29)', of: (row: Row) => instantOf(row.at) ?? { ms: beginning('2026-03-29') } },
    {
      text: 'case when b then at else day end',
      of: (row: Row) => (row.b === true ? instantOf(row.at) : both(row.day, 0, (day) => ({ ms: beginning(day) }))),
    },
    {
      text: 'greatest(at, seen)',
      of: (row: Row) =>
        instantOf(
          [row.at, row.seen]
            .filter((one) => one !== null)
            .sort()
            .at(-1) ?? null,
        ),
    },
  ),
)

const fixed = (text: string, time: Time): Term<Time> => ({ text, of: () => time })

const today = () => localDay(Date.parse(NOW))

/** What may stand right of an operator in `where:`. */
const right: fc.Arbitrary<Term<Time>> = fc.oneof(
  columns.map((a) => ({ text: `it.${a.text}`, of: a.of })),
  columns.map((a) => moved({ text: `it.${a.text}`, of: a.of }, '+ 1 day', (time) => later(time, 1))),
  date.map((day) => fixed(day, { day })),
  date.map((day) => fixed(`'${day}'`, { day })),
  instant.map((iso) => fixed(iso.replace('.000', ''), { ms: Date.parse(iso) })),
  // The hour in Paris, in winter one and in summer two after that of UTC.
  fc.constant(fixed('2026-03-28 23:30', { ms: Date.parse('2026-03-28T22:30:00Z') })),
  fc.constant(fixed('2026-03-30T00:30', { ms: Date.parse('2026-03-29T22:30:00Z') })),
  fc.constantFrom(
    fixed('now', { ms: Date.parse(NOW) }),
    fixed('today', { day: today() }),
    fixed('today - 3 days', later({ day: today() }, -3)),
    fixed('2 days ago', later({ ms: Date.parse(NOW) }, -2)),
    fixed('12 hours ago', { ms: Date.parse(NOW) - 12 * 3_600_000 }),
    fixed('1 month from now', monthsLater({ ms: Date.parse(NOW) }, 1)),
    fixed('start of day', { ms: beginning('2026-04-01') }),
    fixed('start of week', { ms: beginning('2026-03-30') }),
    fixed('start of month', { ms: beginning('2026-04-01') }),
    fixed('start of quarter', { ms: beginning('2026-04-01') }),
    fixed('start of year', { ms: beginning('2026-01-01') }),
    fixed('start of year - 1 day', later({ ms: beginning('2026-01-01') }, -1)),
  ),
)

/** How long ago a time may lie, and when that began: business time less so much in the calendar of UTC. */
const windows = fc.constantFrom<readonly [string, Time]>(
  ['36 hours', { ms: Date.parse(NOW) - 36 * 3_600_000 }],
  ['3 days', later({ ms: Date.parse(NOW) }, -3)],
  ['2 months', monthsLater({ ms: Date.parse(NOW) }, -2)],
)

export const comparisons: fc.Arbitrary<Term<boolean>> = fc.oneof(
  fc.tuple(times, fc.boolean(), windows).map(([a, negated, [duration, begin]]) => ({
    text: `${a.text} ${negated ? 'not within' : 'within'} ${duration}`,
    of: (row: Row) =>
      signed(
        negated,
        and(compareTimes('>=', a.of(row), begin), compareTimes('<=', a.of(row), { ms: Date.parse(NOW) })),
      ),
  })),
  fc.tuple(times, operator, right).map(([a, op, b]) => ({
    text: `${a.text} ${op} ${b.text}`,
    of: (row: Row) => compareTimes(op, a.of(row), b.of(row)),
  })),
  fc.tuple(times, fc.boolean(), fc.array(right, { minLength: 1, maxLength: 3 })).map(([a, negated, items]) => ({
    text: `${a.text} ${negated ? 'not in' : 'in'} [${items.map((item) => item.text).join(', ')}]`,
    of: (row: Row) => signed(negated, items.map((item) => compareTimes('=', a.of(row), item.of(row))).reduce(or)),
  })),
  fc.tuple(times, fc.boolean(), right, right).map(([a, negated, low, high]) => ({
    text: `${a.text} ${negated ? 'not between' : 'between'} ${low.text} and ${high.text}`,
    of: (row: Row) =>
      signed(negated, and(compareTimes('>=', a.of(row), low.of(row)), compareTimes('<=', a.of(row), high.of(row)))),
  })),
)

/** A day beside an instant is compared with the day on which that falls in Paris. */
function compareTimes(op: Operator, a: Time | null, b: Time | null): Truth {
  if (a === null || b === null) return null
  if ('ms' in a && 'ms' in b) return compare(op, a.ms, b.ms)
  return compare(op, localDayOf(a), localDayOf(b))
}

function signed(negated: boolean, truth: Truth): Truth {
  return negated ? not(truth) : truth
}

/** Calendar days from one time to another. */
export function daysBetween(a: Time, b: Time): number {
  return (Date.parse(localDayOf(b)) - Date.parse(localDayOf(a))) / DAY
}

function instantOf(iso: string | null): Time | null {
  return iso === null ? null : { ms: Date.parse(iso) }
}

function dayOf(day: string | null): Time | null {
  return day === null ? null : { day }
}

function moved(a: Term<Time>, by: string, of: (time: Time) => Time): Term<Time> {
  return { text: `${a.text} ${by}`, of: (row: Row) => both(a.of(row), 0, of) }
}

function later(time: Time, days: number): Time {
  return 'ms' in time ? { ms: time.ms + days * DAY } : { day: isoDay(Date.parse(time.day) + days * DAY) }
}

/** In the calendar of UTC; the last day of a shorter month stands for those that it has not. */
function monthsLater(time: Time, months: number): Time {
  const from = new Date('ms' in time ? time.ms : Date.parse(time.day))
  const last = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months + 1, 0)).getUTCDate()
  const to = new Date(from)
  to.setUTCMonth(from.getUTCMonth() + months, Math.min(from.getUTCDate(), last))
  return 'ms' in time ? { ms: to.getTime() } : { day: isoDay(to.getTime()) }
}

function beginningOfMonth(time: Time): Time {
  const first = `${localDayOf(time).slice(0, 8)}01`
  return 'ms' in time ? { ms: beginning(first) } : { day: first }
}

function localDayOf(time: Time): string {
  return 'ms' in time ? localDay(time.ms) : time.day
}

function localDay(ms: number): string {
  return inParis.format(ms)
}

/** When a day begins in Paris: one hour before that of UTC, or two. */
function beginning(day: string): number {
  const hours = [1, 2].find(
    (hour) =>
      localDay(Date.parse(day) - hour * 3_600_000) === day && localDay(Date.parse(day) - hour * 3_600_000 - 1) !== day,
  )
  if (hours === undefined) throw new Error(`${day} does not begin in Paris`)
  return Date.parse(day) - hours * 3_600_000
}

function isoDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
