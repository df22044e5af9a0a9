import { unreachable } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import type { Expression, FunctionName } from './language.ts'

/** What an expression gives. Arithmetic on unknown types is decimal, division float; a literal fits what it meets. */
export function typeOf(expression: Expression): ValueType {
  switch (expression.kind) {
    case 'text':
      return 'text'
    case 'number':
      return /^[+-]?\d+$/.test(expression.value) ? 'integer' : /e/i.test(expression.value) ? 'float' : 'decimal'
    case 'null':
    case 'untyped':
      return 'unknown'
    case 'date':
    case 'today':
      return 'date'
    case 'instant':
    case 'now':
    case 'startOf':
      return 'timestamp'
    case 'reference':
      return expression.type
    case 'call':
      return typeOfCall(expression.name, expression.args)
    case 'negate':
      return numeric([typeOf(expression.of)])
    case 'arithmetic':
      return expression.op === '/' ? 'float' : numeric([typeOf(expression.left), typeOf(expression.right)])
    case 'shift':
      return typeOf(expression.time) === 'date' && !isClockUnit(expression.unit) ? 'date' : 'timestamp'
    case 'truncate':
      return typeOf(expression.time) === 'date' ? 'date' : 'timestamp'
    case 'case':
      return common([
        ...expression.when.map((one) => one.value),
        ...(expression.otherwise ? [expression.otherwise] : []),
      ])
    case 'boolean':
    case 'compare':
    case 'in':
    case 'between':
    case 'pattern':
    case 'holds':
    case 'isNull':
    case 'isEmpty':
    case 'and':
    case 'or':
    case 'not':
      return 'boolean'
    default:
      return unreachable(expression)
  }
}

export function isNumber(type: ValueType): boolean {
  return type === 'integer' || type === 'decimal' || type === 'float'
}

export function isTime(type: ValueType): boolean {
  return type === 'date' || type === 'timestamp'
}

/** Units that a date has not: a date moved by them is an instant. */
export function isClockUnit(unit: string): boolean {
  return unit === 'second' || unit === 'minute' || unit === 'hour'
}

/** The type that values of several expressions share when they stand in one place; `unknown` where nothing says. */
export function common(expressions: readonly Expression[]): ValueType {
  return shared(expressions.filter((one) => one.kind !== 'null').map(typeOf))
}

function shared(given: readonly ValueType[]): ValueType {
  const types = [...new Set(given)]
  if (types.length <= 1) return types[0] ?? 'unknown'
  if (types.every(isNumber)) return numeric(types)
  // Two kinds of time, or one beside what is not known.
  if (types.some(isTime) && types.every((type) => isTime(type) || type === 'unknown')) return 'timestamp'
  return 'unknown'
}

function typeOfCall(name: FunctionName, args: readonly Expression[]): ValueType {
  switch (name) {
    case 'coalesce':
    case 'least':
    case 'greatest':
      return common(args)
    case 'nullif': {
      const [first = 'unknown', ...others] = args.map(typeOf)
      return isTime(first) ? shared([first, ...others]) : first
    }
    case 'round':
    case 'abs':
      return numeric(args.slice(0, 1).map(typeOf))
    case 'lower':
    case 'upper':
    case 'trim':
    case 'concat':
    case 'substring':
      return 'text'
    case 'length':
    case 'days_between':
    case 'year':
    case 'month':
    case 'day':
    case 'weekday':
    case 'hour':
      return 'integer'
    default:
      return unreachable(name)
  }
}

function numeric(types: readonly ValueType[]): ValueType {
  if (types.includes('float')) return 'float'
  return types.every((type) => type === 'integer') ? 'integer' : 'decimal'
}
