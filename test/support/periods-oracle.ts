import type { PassedUnit, Period } from '../../src/sql/dialect.ts'

const DAY = 86_400_000

/** The day of the calendar of a zone on which an instant falls. */
export function dayIn(zone: string): (ms: number) => string {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' })
  return (ms) => format.format(ms)
}

/** The number of the period that holds a day; the next period has the next number. */
export function periodOf(period: Period, day: string): number {
  const [year = 0, month = 0] = day.split('-').map(Number)
  const days = Date.parse(day) / DAY
  switch (period) {
    case 'day':
      return days
    case 'week':
      // The first of January 1970 was a Thursday.
      return Math.floor((days + 3) / 7)
    case 'month':
      return year * 12 + month - 1
    case 'quarter':
      return year * 4 + Math.floor((month - 1) / 3)
    case 'year':
      return year
  }
}

/** The length of the run that ends with the current period or the one before it. */
export function streak(periods: ReadonlySet<number>, current: number): number {
  let last = periods.has(current) ? current : current - 1
  let length = 0
  for (; periods.has(last); last--) length++
  return length
}

export function longestStreak(periods: ReadonlySet<number>): number {
  return Math.max(0, ...[...periods].filter((one) => !periods.has(one + 1)).map((one) => streak(periods, one)))
}

/** Whole units from one instant to a later one. */
export function passed(unit: PassedUnit, from: number, to: number): number {
  const hours = { hour: 1, day: 24, week: 168 }
  if (unit !== 'month') return Math.floor((to - from) / (hours[unit] * 3_600_000))
  let months = 0
  while (monthsBefore(to, months + 1) >= from) months++
  return months
}

/** In the calendar of UTC; the last day of a shorter month stands for those that it has not. */
function monthsBefore(ms: number, months: number): number {
  const from = new Date(ms)
  const last = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() - months + 1, 0)).getUTCDate()
  const to = new Date(ms)
  to.setUTCMonth(from.getUTCMonth() - months, Math.min(from.getUTCDate(), last))
  return to.getTime()
}

export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b)
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}
