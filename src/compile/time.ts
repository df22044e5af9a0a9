import type { Comparison, Expression } from '../project/language.ts'
import { nextDay } from '../project/time.ts'
import { typeOf } from '../project/types.ts'
import { type Sql, sql } from '../sql/sql.ts'
import { comparison, isLong, junction, listed, narrow, negation, type Printed, ranged } from './layout.ts'
import type { PrintContext } from './print-context.ts'

/** What printing a time needs: the context, and how anything else is printed. */
export interface Times {
  readonly context: PrintContext
  print(expression: Expression): Sql
}

/** A time as what it is: a day as a date, anything else as an instant. */
export function printTime(expression: Expression, times: Times): Sql {
  return isDay(expression) ? asDate(expression, times) : asInstant(expression, times)
}

/**
 * A comparison of times. Two days are compared as dates, two instants as instants. A day beside an instant stands for
 * all of that day in the project's zone, so that a column means the same whether it holds dates or timestamps: `=` is
 * "on that day", `<` before it begins, `>=` from its beginning, `<=` until its end, `>` after its end.
 */
export function compareTimes(
  given: { readonly op: Comparison; readonly left: Expression; readonly right: Expression },
  times: Times,
): Printed {
  const { op, left, right } = given
  if (!isDay(left)) return compareInstant(asInstant(left, times), op, right, times)
  if (!isDay(right) && isFixed(left)) return compareInstant(asInstant(right, times), MIRRORED[op], left, times)
  return comparison(asDate(left, times), op, asDate(right, times))
}

/** A comparison of an instant with a time, as in `compareTimes`. */
export function compareInstant(instant: Sql, op: Comparison, time: Expression, times: Times): Printed {
  if (!isDay(time)) return comparison(instant, op, asInstant(time, times))
  // The beginning of a fixed day is computed once, the day of an instant for each row; but what is long is not
  // written twice.
  const isTwice = op === '=' || op === '!='
  if (isFixed(time) && !(isTwice && isLong(instant))) return besideDay(op, instant, boundsOf(time, times))
  const { dialect, timezone } = times.context
  return comparison(dialect.dateIn(narrow(instant, WIDTH), timezone), op, asDate(time, times))
}

/** `left in (times)`, as so many comparisons with `=` where days meet instants. */
export function timeIn(expression: Extract<Expression, { kind: 'in' }>, times: Times): Printed {
  const { left, values, negated } = expression
  const uniform = uniformly([left, ...values], times)
  if (uniform !== undefined) return listed(uniform[0] ?? sql``, uniform.slice(1), negated)
  const tests = values.map((right) => compareTimes({ op: '=', left, right }, times))
  const any = tests.length === 1 && tests[0] ? tests[0] : junction('or', tests)
  return negated ? negation(any) : any
}

/** `left between low and high`, both ends included. */
export function betweenTimes(expression: Extract<Expression, { kind: 'between' }>, times: Times): Printed {
  const { left, low, high, negated } = expression
  const [value, from, to] = uniformly([left, low, high], times) ?? []
  if (value && from && to) return ranged({ value, from, to, negated })
  const both = junction('and', [
    compareTimes({ op: '>=', left, right: low }, times),
    compareTimes({ op: '<=', left, right: high }, times),
  ])
  return negated ? negation(both) : both
}

/** A time as an instant; a day as its beginning in the project's zone. */
export function asInstant(expression: Expression, times: Times): Sql {
  const { dialect, now, timezone } = times.context
  if (expression.kind === 'today') return dialect.truncate('day', now, timezone)
  if (isDay(expression)) return dialect.startOfDate(narrow(asDate(expression, times), WIDTH), timezone)
  const moved = (time: Sql, amount: number, unit: Parameters<typeof dialect.shift>[2]) =>
    amount === 0 ? time : dialect.shift(narrow(time, WIDTH), amount, unit)
  switch (expression.kind) {
    case 'null':
      return sql`null`
    case 'instant':
      return dialect.instantLiteral(expression.iso)
    case 'now':
      return moved(now, expression.amount, expression.unit)
    case 'startOf':
      return dialect.truncate(expression.unit, now, timezone)
    case 'shift':
      return moved(asInstant(expression.time, times), expression.amount, expression.unit)
    case 'truncate':
      return dialect.truncate(expression.unit, narrow(asInstant(expression.time, times), WIDTH / 2), timezone)
    case 'call':
    case 'case':
      // Their branches are instants already.
      if (typeOf(expression) === 'timestamp') return times.print(expression)
      break
  }
  return dialect.instant(narrow(times.print(expression), WIDTH))
}

/** A time as a date: of an instant the day that it falls on in the project's zone. */
export function asDate(expression: Expression, times: Times): Sql {
  const { dialect, now, timezone } = times.context
  if (expression.kind === 'null') return sql`null`
  if (!isDay(expression)) return dialect.dateIn(narrow(asInstant(expression, times), WIDTH), timezone)
  switch (expression.kind) {
    case 'date':
      return dialect.dateLiteral(expression.iso)
    case 'today':
      return dialect.dateIn(now, timezone)
    case 'shift': {
      const { time, amount, unit } = expression
      const day = asDate(time, times)
      return amount === 0
        ? day
        : dialect.cast(narrow(dialect.shift(narrow(day, WIDTH), amount, unit), 2 * WIDTH), 'date')
    }
    case 'truncate': {
      const start = dialect.startOfDate(narrow(asDate(expression.time, times), WIDTH), timezone)
      return dialect.dateIn(dialect.truncate(expression.unit, narrow(start, WIDTH / 2), timezone), timezone)
    }
    default:
      return times.print(expression)
  }
}

// What a dialect puts around a time takes up to 75 of the 120 columns.
const WIDTH = 44

const MIRRORED: Readonly<Record<Comparison, Comparison>> = {
  '=': '=',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

function isDay(expression: Expression): boolean {
  return typeOf(expression) === 'date'
}

function isFixed(day: Expression): boolean {
  return day.kind === 'date' || day.kind === 'today' || (day.kind === 'shift' && isFixed(day.time))
}

/** The values as dates where all are days, as instants where none is; undefined where the two are mixed. */
function uniformly(values: readonly Expression[], times: Times): readonly Sql[] | undefined {
  if (values.every((value) => isDay(value) || value.kind === 'null')) return values.map((value) => asDate(value, times))
  return values.some(isDay) ? undefined : values.map((value) => asInstant(value, times))
}

/** The beginnings of a fixed day and of the next. */
function boundsOf(day: Expression, times: Times): { readonly start: Sql; readonly next: Sql } {
  const after: Expression =
    day.kind === 'date' && day.iso < '9999-12-31'
      ? { kind: 'date', iso: nextDay(day.iso) }
      : { kind: 'shift', time: day, amount: 1, unit: 'day' }
  return { start: asInstant(day, times), next: asInstant(after, times) }
}

function besideDay(op: Comparison, instant: Sql, { start, next }: { start: Sql; next: Sql }): Printed {
  switch (op) {
    case '<':
    case '>=':
      return comparison(instant, op, start)
    case '<=':
      return comparison(instant, '<', next)
    case '>':
      return comparison(instant, '>=', next)
    case '=':
      return junction('and', [comparison(instant, '>=', start), comparison(instant, '<', next)])
    case '!=':
      return junction('or', [comparison(instant, '<', start), comparison(instant, '>=', next)])
  }
}
