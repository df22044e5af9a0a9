import type { Diagnostic } from '../error.ts'
import { agree, askList, demand, noun } from './fit.ts'
import type { Comparison, Expression } from './language.ts'
import { sum, timeSpan } from './operand.ts'
import { pattern, patternAhead } from './pattern.ts'
import { is, type Parsed, Reader, type Span, Stop, type Style } from './reader.ts'
import type { Scope } from './scope.ts'
import type { Scalar } from './tree.ts'
import { typeOf } from './types.ts'
import { valueSum } from './value.ts'

/**
 * The tree of an expression, or undefined where it cannot stand; then at least one problem was added. In style `where`
 * it is a condition. Unknown names are all reported; a mistake of syntax or type ends the reading.
 */
export function parseExpression(
  scalar: Scalar,
  scope: Scope,
  style: Style,
  problems: Diagnostic[],
): Expression | undefined {
  return read(scalar, { scope, problems }, (reader) => {
    const whole = disjunction(reader, style)
    if (reader.peek().kind !== 'end') unexpected(reader)
    return style === 'where' ? asCondition(reader, whole) : whole.tree
  })
}

/**
 * The tree of a time, written as right of an operator in `where:` (`2026-01-01`, `90 days ago`,
 * `customer.last_order_at + 3 days`), or undefined where it cannot stand; then at least one problem was added.
 */
export function parseMoment(scalar: Scalar, scope: Scope, problems: Diagnostic[]): Expression | undefined {
  return read(scalar, { scope, problems }, (reader) => {
    const moment = valueSum(reader)
    if (reader.peek().kind !== 'end') reader.expected('the end')
    return demand(reader, moment, { type: 'timestamp', asker: 'This place' })
  })
}

function read(
  scalar: Scalar,
  given: { readonly scope: Scope; readonly problems: Diagnostic[] },
  parse: (reader: Reader) => Expression,
): Expression | undefined {
  const reader = new Reader(scalar, given, disjunction)
  try {
    if (scalar.secret) refuseSecret(reader)
    const tree = parse(reader)
    return reader.hasUnknownNames ? undefined : tree
  } catch (caught) {
    if (caught instanceof Stop) return undefined
    throw caught
  }
}

function refuseSecret(reader: Reader): never {
  const whole = { from: 0, to: reader.text.length }
  return reader.stop('expr/syntax', 'A secret cannot be part of an expression: SQL is printed and kept.', whole)
}

function unexpected(reader: Reader): never {
  const fix = reader.sees(',') ? 'A list is written in [a, b].' : undefined
  return reader.expected('"and", "or" or the end', fix)
}

function disjunction(reader: Reader, style: Style): Parsed {
  return chain(reader, 'or', () => chain(reader, 'and', () => negation(reader, style)))
}

/** `next`, or several of it joined by a word. */
function chain(reader: Reader, word: 'and' | 'or', next: () => Parsed): Parsed {
  const first = next()
  if (!reader.sees(word)) return first
  const items = [first]
  let to = first.to
  while (reader.accepts(word)) {
    const item = next()
    items.push(item)
    to = item.to
  }
  return reader.node(
    { kind: word, of: items.map((item) => asCondition(reader, item)) },
    { from: first.from, to },
    items,
  )
}

function negation(reader: Reader, style: Style): Parsed {
  const token = reader.peek()
  if (!reader.accepts('not')) return comparison(reader, style)
  const inner = reader.deeper(() => negation(reader, style))
  return reader.node({ kind: 'not', of: asCondition(reader, inner) }, { from: token.from, to: inner.to }, [inner])
}

/** The tree of what must be true or false. */
function asCondition(reader: Reader, item: Parsed): Expression {
  const type = typeOf(item.tree)
  if (type === 'boolean' || (type === 'unknown' && item.tree.kind !== 'untyped')) return item.tree
  const written = reader.written(item)
  return reader.stop('expr/wrong-type', `"${written}" is neither true nor false.`, item, `Compare it: ${written} = ….`)
}

function comparison(reader: Reader, style: Style): Parsed {
  const left = sum(reader, style)
  const operator = reader.peek()
  const negated = reader.accepts('not')
  if (patternAhead(reader) !== undefined) return pattern(reader, { left, style, negated })
  if (reader.accepts('within')) return recent(reader, { left: named(reader, left, style), style, negated })
  if (reader.accepts('in')) return membership(reader, { left: named(reader, left, style), style, negated })
  if (reader.accepts('between')) return range(reader, { left: named(reader, left, style), style, negated })
  if (negated)
    return reader.expected('"in", "between", "within", "like", "contains", "starts with", "ends with" or "matches"')
  if (reader.accepts('is')) return stateTest(reader, left)
  if (isComparison(operator.value) && operator.kind === 'symbol') {
    reader.take(operator)
    return compared(reader, { left: named(reader, left, style), op: operator.value, style })
  }
  return reader.peek().kind === 'end' || reader.sees(...ENDS) ? left : reader.expected('an operator such as = or in')
}

const ENDS: readonly string[] = ['and', 'or', ')', ']', ',', 'when', 'then', 'else', 'end']

// `FR = country` would compare two texts: in `where:` only what is left of the operator is a name.
function named(reader: Reader, left: Parsed, style: Style): Parsed {
  if (style === 'where' && (left.tree.kind === 'text' || left.tree.kind === 'number'))
    reader.stop(
      'expr/syntax',
      `Expected a name, found "${reader.written(left)}".`,
      left,
      'The name stands on the left.',
    )
  return left
}

interface Operation {
  readonly left: Parsed
  readonly style: Style
  readonly negated: boolean
}

/** `within 30 days`: not longer ago than that, and not in the future. */
function recent(reader: Reader, { left, negated }: Operation): Parsed {
  const start = reader.peek()
  const span = timeSpan(reader)
  if (span.amount === 0) reader.expected('a duration of at least 1', undefined, start)
  if (reader.sees('ago', 'from'))
    reader.expected('"and", "or" or the end', `Write within ${reader.written({ from: start.from, to: span.to })}.`)
  const time = demand(reader, left, { type: 'timestamp', asker: '"within"' })
  const low: Expression = { kind: 'now', amount: -span.amount, unit: span.unit }
  const high: Expression = { kind: 'now', amount: 0, unit: 'second' }
  return reader.node({ kind: 'between', left: time, low, high, negated }, around(left, span), [left])
}

function membership(reader: Reader, { left, style, negated }: Operation): Parsed {
  const open = reader.peek()
  const isPast = reader.sees('last', 'past', 'the')
  if (!reader.sees('[', '(')) reader.expected('a list', isPast ? 'Write within 30 days.' : 'A list is written [a, b].')
  reader.take(open)
  const items = [right(reader, style)]
  while (reader.accepts(',')) items.push(right(reader, style))
  const close = open.value === '[' ? ']' : ')'
  if (!reader.sees(close)) reader.expected(`"," or "${close}"`)
  const { to } = reader.take(reader.peek())
  refuseList(reader, [left, ...items])
  const [tree, ...values] = agree(reader, [left, ...items])
  return reader.node({ kind: 'in', left: tree ?? left.tree, values, negated }, { from: left.from, to }, [
    left,
    ...items,
  ])
}

function range(reader: Reader, { left, style, negated }: Operation): Parsed {
  const low = right(reader, style)
  reader.expect('and')
  const high = right(reader, style)
  refuseList(reader, [left, low, high])
  refuseNumber(reader, left, [low, high])
  const [tree = left.tree, from = low.tree, to = high.tree] = agree(reader, [left, low, high])
  const parts = [left, low, high]
  return reader.node({ kind: 'between', left: tree, low: from, high: to, negated }, around(left, high), parts)
}

function stateTest(reader: Reader, left: Parsed): Parsed {
  const negated = reader.accepts('not')
  if (!reader.sees('null', 'empty'))
    reader.expected(negated ? '"null" or "empty"' : '"null", "empty" or "not"', 'Values are compared with =.')
  const word = reader.take(reader.peek())
  const isEmpty = is(word, 'empty')
  if (isEmpty) refuseFull(reader, left, negated)
  const tree = { kind: isEmpty ? 'isEmpty' : 'isNull', of: left.tree, negated } as const
  return reader.node(tree, around(left, word), [left])
}

/** Only texts and lists can be there and hold nothing. */
function refuseFull(reader: Reader, left: Parsed, negated: boolean): void {
  const type = typeOf(left.tree)
  if (type === 'text' || type === 'list' || type === 'unknown') return
  const written = reader.written(left)
  const message = `"is empty" takes text or a list, and "${written}" is ${noun(type)}.`
  reader.stop('expr/wrong-type', message, left, `Write ${written} is ${negated ? 'not ' : ''}null.`)
}

/** Among texts 10 comes before 9, which nobody means who writes a number. Codes such as 01000 are no numbers. */
function refuseNumber(reader: Reader, left: Parsed, others: readonly Parsed[]): void {
  if (typeOf(left.tree) !== 'text') return
  const number = others.find(
    ({ tree }) => (tree.kind === 'untyped' || tree.kind === 'number') && /^-?(0|[1-9]\d*)(\.\d+)?$/.test(tree.value),
  )
  if (number === undefined) return
  const [name, written] = [reader.written(left), reader.written(number)]
  const message = `"${name}" is text, and "${written}" is a number: texts are ordered character by character.`
  const fix = `Where it holds numbers, declare its type under columns. Texts are compared with '${written}' in quotes.`
  reader.stop('expr/wrong-type', message, number, fix)
}

/** Warehouses disagree on what one list is beside another. */
function refuseList(reader: Reader, items: readonly Parsed[]): void {
  const list = items.find(({ tree }) => typeOf(tree) === 'list')
  if (list === undefined) return
  const message = `"${reader.written(list)}" is a list, and lists are not compared.`
  reader.stop('expr/wrong-type', message, list, askList(reader, list))
}

function compared(
  reader: Reader,
  given: { readonly left: Parsed; readonly op: Comparison; readonly style: Style },
): Parsed {
  const { left, op, style } = given
  const other = right(reader, style)
  refuseList(reader, [left, other])
  if (op !== '=' && op !== '!=') refuseNumber(reader, left, [other])
  const [first = left.tree, second = other.tree] = agree(reader, [left, other])
  return reader.node({ kind: 'compare', op, left: first, right: second }, around(left, other), [left, other])
}

/** What stands right of an operator. */
function right(reader: Reader, style: Style): Parsed {
  const value = style === 'where' ? valueSum(reader) : sum(reader, style)
  if (value.tree.kind === 'null')
    reader.stop(
      'expr/syntax',
      'Expected a value, found "null": nothing equals null.',
      value,
      'Write is null or is not null.',
    )
  return value
}

function around(first: Span, last: Span): Span {
  return { from: first.from, to: last.to }
}

function isComparison(symbol: string): symbol is Comparison {
  return ['=', '!=', '>', '>=', '<', '<='].includes(symbol)
}
