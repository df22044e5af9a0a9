import { unreachable } from '../error.ts'
import type { Comparison, Expression } from '../project/language.ts'
import { common, isTime, typeOf } from '../project/types.ts'
import type { DatePart, ValueType } from '../sql/dialect.ts'
import { join, type Sql, sql, stacked, text, verbatim } from '../sql/sql.ts'
import {
  BINDS,
  call,
  chain,
  closed,
  comparison,
  isLong,
  junction,
  LINE,
  listed,
  narrow,
  negation,
  type Printed,
  ranged,
  within,
} from './layout.ts'
import type { PrintContext } from './print-context.ts'
import { asDate, asInstant, betweenTimes, compareInstant, compareTimes, printTime, type Times, timeIn } from './time.ts'

/** An expression as SQL. Beside an operator of the caller it needs parentheses. */
export function printExpression(expression: Expression, context: PrintContext): Sql {
  return print(expression, context).sql
}

/**
 * A comparison of an instant of the caller's with a time, which may be a day: `=` is "on that day", `>` after its
 * end. Beside an operator of the caller it needs parentheses.
 */
export function printComparedInstant(instant: Sql, op: Comparison, time: Expression, context: PrintContext): Sql {
  return compareInstant(instant, op, time, timesOf(context)).sql
}

/** An expression as SQL with how tightly it binds. */
export function print(expression: Expression, context: PrintContext): Printed {
  const { dialect } = context
  switch (expression.kind) {
    case 'text':
      return closed(text(expression.value))
    case 'number':
      return printNumber(expression.value)
    case 'boolean':
      return closed(expression.value ? sql`true` : sql`false`)
    case 'null':
      return closed(sql`null`)
    case 'untyped':
      return closed(dialect.untyped(expression.value))
    case 'date':
    case 'instant':
    case 'now':
    case 'today':
    case 'startOf':
    case 'shift':
    case 'truncate':
      return closed(printTime(expression, timesOf(context)))
    case 'reference':
      return closed(context.name(expression.to, expression.type))
    case 'call':
      return closed(printCall(expression, context))
    case 'negate':
      return { sql: sql`-${within(print(expression.of, context), BINDS.closed)}`, binds: BINDS.sign }
    case 'arithmetic':
      return printArithmetic(expression, context)
    case 'compare':
      return printComparison(expression, context)
    case 'in':
      return printIn(expression, context)
    case 'between':
      return printBetween(expression, context)
    case 'pattern':
      return printPattern(expression, context)
    case 'holds':
      return printHolds(expression, context)
    case 'isNull':
      return printIsNull(expression, context)
    case 'isEmpty':
      return printIsEmpty(expression, context)
    case 'and':
    case 'or':
      return junction(
        expression.kind,
        expression.of.map((one) => print(one, context)),
      )
    case 'not':
      return negation(print(expression.of, context))
    case 'case':
      return closed(printCase(expression, context))
    default:
      return unreachable(expression)
  }
}

type Of<Kind extends Expression['kind']> = Extract<Expression, { kind: Kind }>

// Exactly the digits that were written: a number of JavaScript would round long ones.
function printNumber(value: string): Printed {
  const [, sign = '', whole = '', fraction = '', exponent] = /^([+-]?)0*(\d*)\.?(\d*)(e.*)?$/i.exec(value) ?? []
  const digits = `${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`
  const isNegative = sign === '-'
  if (exponent !== undefined) return { sql: sql`${Number(value)}`, binds: isNegative ? BINDS.sign : BINDS.closed }
  return isNegative ? { sql: verbatim(`-${digits}`), binds: BINDS.sign } : closed(verbatim(digits))
}

function printArithmetic({ op, left, right }: Of<'arithmetic'>, context: PrintContext): Printed {
  const [first, second] = [print(left, context), print(right, context)]
  if (op === '/') return closed(context.dialect.divide(narrow(first.sql, HALF), narrow(second.sql, HALF)))
  const binds = op === '*' ? BINDS.product : BINDS.sum
  return { sql: chain([within(first, binds), within(second, binds + 1)], op), binds }
}

// Widths up to which one or two arguments of a dialect's own phrase share a line.
const WHOLE = 64
const HALF = 40

function printComparison(expression: Of<'compare'>, context: PrintContext): Printed {
  const { op, left, right } = expression
  if (isTime(typeOf(left)) || isTime(typeOf(right))) return compareTimes(expression, timesOf(context))
  const [first = sql``, second = sql``] =
    meeting(left, [right], context) ?? inOrder([left, right], context, op !== '=' && op !== '!=')
  return comparison(first, op, second)
}

/** A value and what it is compared with; by order where that is asked. */
function inOrder(sides: readonly Expression[], context: PrintContext, isOrder = true): readonly Sql[] {
  const [first = sql``, ...others] = sides.map((side) => within(print(side, context), BINDS.sum))
  const isText = sides.some((side) => typeOf(side) === 'text')
  return [isOrder && isText ? context.dialect.textOrder(first) : first, ...others]
}

function printIn(expression: Of<'in'>, context: PrintContext): Printed {
  const { left, values, negated } = expression
  if ([left, ...values].some((one) => isTime(typeOf(one)))) return timeIn(expression, timesOf(context))
  const [first = sql``, ...others] = meeting(left, values, context) ?? [
    within(print(left, context), BINDS.sum),
    ...values.map((value) => printExpression(value, context)),
  ]
  return listed(first, others, negated)
}

function printBetween(expression: Of<'between'>, context: PrintContext): Printed {
  const { left, low, high, negated } = expression
  if ([left, low, high].some((one) => isTime(typeOf(one)))) return betweenTimes(expression, timesOf(context))
  const [value = sql``, from = sql``, to = sql``] =
    meeting(left, [low, high], context) ?? inOrder([left, low, high], context)
  return ranged({ value, from, to, negated })
}

/** A value of unknown type and the literals that it is compared with; undefined where they are none. */
function meeting(value: Expression, others: readonly Expression[], context: PrintContext): readonly Sql[] | undefined {
  const literals = others.flatMap((one) => (one.kind === 'untyped' ? [one.value] : []))
  if (typeOf(value) !== 'unknown' || literals.length < others.length || literals.length === 0) return undefined
  const met = context.dialect.comparable(within(print(value, context), BINDS.sum), literals)
  return [met.value, ...met.literals]
}

function printPattern(expression: Of<'pattern'>, context: PrintContext): Printed {
  const { how, left, right, negated } = expression
  const { dialect } = context
  const value = narrow(printExpression(left, context), WHOLE)
  const test = ((): Sql => {
    switch (how) {
      case 'like':
        return dialect.like(value, text(right))
      case 'contains':
        return typeOf(left) === 'list' ? dialect.listHas(value, text(right)) : dialect.contains(value, text(right))
      case 'starts with':
        return dialect.startsWith(value, text(right))
      case 'ends with':
        return dialect.endsWith(value, text(right))
      case 'matches':
        return dialect.matches(value, right)
    }
  })()
  // What a dialect makes of it is an operator in some and a call in others.
  return negated ? { sql: sql`not ${test}`, binds: BINDS.not } : { sql: test, binds: BINDS.comparison }
}

function printHolds({ how, left, values, negated }: Of<'holds'>, context: PrintContext): Printed {
  const { dialect } = context
  const value = narrow(printExpression(left, context), WHOLE)
  const has = typeOf(left) === 'list' ? dialect.listHas : dialect.contains
  // What a dialect makes of it is an operator in some and a call in others.
  const tests = values.map((one): Printed => ({ sql: has(value, text(one)), binds: BINDS.comparison }))
  const [only] = tests
  const all = tests.length === 1 && only ? only : junction(how === 'any' ? 'or' : 'and', tests)
  return negated ? negation(all) : all
}

function printIsEmpty({ of, negated }: Of<'isEmpty'>, context: PrintContext): Printed {
  const { dialect } = context
  const value = narrow(printExpression(of, context), WHOLE)
  const op = negated ? '!=' : '='
  if (isList(of)) return comparison(sql`coalesce(${dialect.listLength(value)}, 0)`, op, sql`0`)
  // What is of no known type may be a number, which is never the empty text.
  const chars = typeOf(of) === 'text' ? value : dialect.cast(value, 'text')
  return comparison(sql`coalesce(${chars}, '')`, op, sql`''`)
}

function printIsNull({ of, negated }: Of<'isNull'>, context: PrintContext): Printed {
  const value = within(print(of, context), BINDS.sum)
  return { sql: negated ? sql`${value} is not null` : sql`${value} is null`, binds: BINDS.comparison }
}

function printCase({ when, otherwise }: Of<'case'>, context: PrintContext): Sql {
  const values = printAlike([...when.map((one) => one.value), ...(otherwise === undefined ? [] : [otherwise])], context)
  const branches = values.map((value, index) => {
    const test = when[index]?.test
    return test === undefined ? sql`else ${value}` : branch(printExpression(test, context), value)
  })
  const inner = join(branches, ' ', LINE)
  if (!isLong(inner)) return sql`case ${inner} end`
  return sql`
    case
      ${stacked(branches)}
    end`
}

function branch(test: Sql, value: Sql): Sql {
  const short = sql`when ${test} then ${value}`
  if (!isLong(short)) return short
  return sql`
    when ${test}
    then ${value}`
}

function printCall({ name, args }: Of<'call'>, context: PrintContext): Sql {
  const { dialect } = context
  // Each is printed at most once: a call within a call within a call would else be printed exponentially often.
  const alike = () => printAlike(args, context)
  const arg = (index: number) => {
    const given = args[index]
    return given && narrow(printExpression(given, context), WHOLE)
  }
  const first = () => arg(0) ?? sql`null`
  switch (name) {
    case 'coalesce':
      return call(sql`coalesce`, alike())
    case 'nullif':
      return call(sql`nullif`, alike())
    case 'least':
      return dialect.least(alike())
    case 'greatest':
      return dialect.greatest(alike())
    case 'round':
      return dialect.round(first(), arg(1) ?? 0, args[0] === undefined ? 'unknown' : typeOf(args[0]))
    case 'abs':
      return call(sql`abs`, [first()])
    case 'lower':
      return call(sql`lower`, [first()])
    case 'upper':
      return call(sql`upper`, [first()])
    case 'trim':
      return call(sql`trim`, [first()])
    case 'concat':
      return dialect.concat(args.map((arg) => asText(arg, context)))
    case 'substring':
      return dialect.substring(first(), arg(1) ?? sql`1`, arg(2))
    case 'length':
      return isList(args[0]) ? dialect.listLength(first()) : dialect.length(first())
    case 'days_between':
      return daysBetween(args, context)
    case 'year':
    case 'month':
    case 'day':
    case 'weekday':
    case 'hour':
      return partOf(name, args, context)
    default:
      return unreachable(name)
  }
}

function isList(expression: Expression | undefined): boolean {
  return expression !== undefined && typeOf(expression) === 'list'
}

function asText(expression: Expression, context: PrintContext): Sql {
  const type = typeOf(expression)
  const printed = printExpression(expression, context)
  return type === 'text' ? printed : context.dialect.cast(narrow(printed, WHOLE), 'text')
}

function daysBetween(args: readonly Expression[], context: PrintContext): Sql {
  const [first = sql`null`, second = sql`null`] = args.map((arg) => narrow(asDate(arg, timesOf(context)), HALF))
  return context.dialect.daysBetween(first, second)
}

/** A part of a time as the project's calendar and clock show it; at a day the clock shows its beginning. */
function partOf(name: DatePart, args: readonly Expression[], context: PrintContext): Sql {
  const { dialect, timezone } = context
  const [of] = args
  if (of === undefined) return sql`null`
  if (typeOf(of) === 'date' && name !== 'hour')
    return dialect.datePart(name, narrow(asDate(of, timesOf(context)), HALF))
  return dialect.datePart(name, dialect.localTime(narrow(asInstant(of, timesOf(context)), HALF), timezone))
}

/** Values that share a type: times are made dates or instants alike. */
function printAlike(expressions: readonly Expression[], context: PrintContext): readonly Sql[] {
  const type = common(expressions)
  return expressions.map((one) => printAs(one, type, context))
}

function printAs(expression: Expression, type: ValueType, context: PrintContext): Sql {
  if (type === 'timestamp') return asInstant(expression, timesOf(context))
  return type === 'date' ? asDate(expression, timesOf(context)) : printExpression(expression, context)
}

function timesOf(context: PrintContext): Times {
  return { context, print: (expression) => printExpression(expression, context) }
}
