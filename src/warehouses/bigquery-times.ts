import type { DatePart, PassedUnit, Period, Unit } from '../sql/dialect.ts'
import { type Sql, sql, text } from '../sql/sql.ts'
import { code, operand } from './fragments.ts'

/** An instant, which the calendar of UTC moves; of a date its beginning in UTC. */
export function shift(time: Sql, amount: Sql | number, unit: Unit): Sql {
  const instant = sql`cast(${time} as timestamp)`
  const count = typeof amount === 'number' ? sql`${amount}` : sql`(${amount})`
  switch (unit) {
    case 'week':
      return sql`timestamp_add(${instant}, interval 7 * ${count} day)`
    case 'month':
    case 'quarter':
    case 'year':
      // A timestamp knows no calendar.
      return sql`timestamp(datetime_add(datetime(${instant}), interval ${count} ${code(unit)}))`
    case 'second':
    case 'minute':
    case 'hour':
    case 'day':
      return sql`timestamp_add(${instant}, interval ${count} ${code(unit)})`
  }
}

export function truncate(unit: Unit, instant: Sql, zone: string): Sql {
  const part = unit === 'week' ? 'isoweek' : unit
  return sql`timestamp_trunc(${instant}, ${code(part)}, ${text(zone)})`
}

export function passed(unit: PassedUnit, from: Sql, to: Sql): Sql {
  switch (unit) {
    case 'hour':
    case 'day':
      return sql`timestamp_diff(${to}, ${from}, ${code(unit)})`
    case 'week':
      return sql`div(timestamp_diff(${to}, ${from}, day), 7)`
    case 'month': {
      // Calendar months between them, less one that is not full.
      const months = sql`date_diff(date(${to}), date(${from}), month)`
      return sql`
        (
          ${months}
          - if(${operand(from)} > ${shift(to, sql`-${months}`, 'month')}, 1, 0)
        )`
    }
  }
}

/** The first day of the year 1 is a Monday. */
export function periodNumber(period: Period, local: Sql): Sql {
  const part = period === 'week' ? 'isoweek' : period
  return sql`date_diff(date(${local}), date '0001-01-01', ${code(part)})`
}

export function datePart(part: DatePart, local: Sql): Sql {
  // There, 1 is Sunday.
  if (part === 'weekday') return sql`(mod(extract(dayofweek from ${local}) + 5, 7) + 1)`
  return sql`extract(${code(part)} from ${local})`
}
