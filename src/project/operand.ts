import { call, callAhead } from './call.ts'
import { agree, demand, isNumeric } from './fit.ts'
import type { Token } from './lexer.ts'
import { is, type Parsed, type Reader, type Span, type Style } from './reader.ts'
import { parseTime, UNITS, unitOf } from './time.ts'
import { isTime, typeOf } from './types.ts'

/** Sums, products, `x + 30 days`, and what they are made of: names, literals, times, calls, `case`, parentheses. */
export function sum(reader: Reader, style: Style): Parsed {
  return sumOf(reader, () => unary(reader, style))
}

/** A sum of what `operand` reads. `goesOn` says whether an operator may follow what was read. */
export function sumOf(reader: Reader, operand: () => Parsed, goesOn: (read: Parsed) => boolean = () => true): Parsed {
  let left = productOf(reader, operand, goesOn)
  while (goesOn(left) && reader.sees('+', '-')) {
    const op = reader.take(reader.peek()).value === '-' ? '-' : '+'
    if (spanAhead(reader)) left = shifted(reader, left, op)
    else left = arithmetic(reader, op, [left, productOf(reader, operand, goesOn)])
  }
  return left
}

function productOf(reader: Reader, operand: () => Parsed, goesOn: (read: Parsed) => boolean): Parsed {
  let left = operand()
  while (goesOn(left) && reader.sees('*', '/')) {
    const op = reader.take(reader.peek()).value === '/' ? '/' : '*'
    left = arithmetic(reader, op, [left, operand()])
  }
  return left
}

function arithmetic(reader: Reader, op: '+' | '-' | '*' | '/', sides: readonly [Parsed, Parsed]): Parsed {
  const fix = sides.every((side) => isTime(typeOf(side.tree)))
    ? 'The days between two times are days_between(a, b).'
    : undefined
  const [left, right] = sides.map((side) => demand(reader, side, { type: 'decimal', asker: `"${op}"`, fix }))
  const span = { from: sides[0].from, to: sides[1].to }
  return reader.node(
    { kind: 'arithmetic', op, left: left ?? sides[0].tree, right: right ?? sides[1].tree },
    span,
    sides,
  )
}

/** Whether `30 days` follows. */
function spanAhead(reader: Reader): boolean {
  const number = reader.peek()
  return number.kind === 'number' && isUnit(reader.after(number))
}

function shifted(reader: Reader, left: Parsed, op: '+' | '-'): Parsed {
  const { amount, unit, to } = timeSpan(reader)
  const time = demand(reader, left, { type: 'timestamp', asker: `"${op} ${amount} ${unit}s"` })
  const tree = { kind: 'shift', time, amount: signed(op, amount), unit } as const
  return reader.node(tree, { from: left.from, to }, [left])
}

function signed(op: '+' | '-', amount: number): number {
  return op === '-' && amount !== 0 ? -amount : amount
}

/** Takes `30 days`, or ends the reading where no such thing follows. */
export function timeSpan(reader: Reader) {
  if (!spanAhead(reader)) reader.expected('a duration such as "30 days"')
  const number = reader.take(reader.peek())
  const word = reader.take(reader.peek())
  const unit = unitOf(word.value.toLowerCase())
  if (unit === undefined || !/^\d{1,6}$/.test(number.value))
    return reader.stop('expr/syntax', `Expected a whole number of at most 6 digits, found "${number.value}".`, number)
  return { amount: Number(number.value), unit, from: number.from, to: word.to }
}

function isUnit(token: Token): boolean {
  const word = token.value.toLowerCase()
  return token.kind === 'word' && UNITS.some((unit) => word === unit || word === `${unit}s`)
}

function unary(reader: Reader, style: Style): Parsed {
  const minus = reader.peek()
  if (!reader.accepts('-')) return primary(reader, style)
  const of = reader.deeper(() => unary(reader, style))
  const span = { from: minus.from, to: of.to }
  if (of.tree.kind === 'number' && !of.tree.value.startsWith('-'))
    return reader.node({ kind: 'number', value: `-${of.tree.value}` }, span)
  return reader.node({ kind: 'negate', of: demand(reader, of, { type: 'decimal', asker: '"-"' }) }, span, [of])
}

function primary(reader: Reader, style: Style): Parsed {
  const token = reader.peek()
  if (token.kind === 'text') return reader.node({ kind: 'text', value: token.value }, reader.take(token))
  if (token.kind === 'time') return writtenTime(reader, reader.take(token))
  if (reader.accepts('(')) return grouped(reader, token, () => reader.nested(style))
  const time = timeWords(reader)
  if (time !== undefined) return time
  if (token.kind === 'number') return number(reader, reader.take(token))
  if (is(token, 'case')) return reader.deeper(() => cases(reader))
  if (is(token, 'true', 'false'))
    return reader.node({ kind: 'boolean', value: token.value.toLowerCase() === 'true' }, reader.take(token))
  if (is(token, 'null')) return reader.node({ kind: 'null' }, reader.take(token))
  if (callAhead(reader)) return call(reader)
  if (is(token, ...RESERVED)) return reader.expected('a name or a value')
  return token.kind === 'word' || token.kind === 'quoted' ? name(reader, style) : reader.expected('a name or a value')
}

function number(reader: Reader, token: Token): Parsed {
  if (isNumeric(token.value)) return reader.node({ kind: 'number', value: token.value }, token)
  return reader.stop('expr/syntax', `Expected a number up to 1e308, found "${token.value}".`, token)
}

// A column of such a name is written in double quotes.
const RESERVED: readonly string[] = ['and', 'or', 'not', 'when', 'then', 'else', 'end']

/** What stands between a bracket that was taken and its end. */
export function grouped(reader: Reader, open: Span, read: () => Parsed): Parsed {
  const inner = read()
  const close = reader.expect(')')
  return { ...inner, from: open.from, to: close.to }
}

/** A time that was taken: a day or an instant. */
export function writtenTime(reader: Reader, token: Token): Parsed {
  const time = parseTime(token.value, reader.scope.timezone)
  if (typeof time === 'object') return reader.node(time, token)
  const message = `Expected a day and an hour of the calendar, found "${token.value}".`
  return reader.stop('expr/syntax', message, token, 'Text that only looks like a time is put in quotes.')
}

/** `now`, `today`, `90 days ago`, `7 days from now`, `start of month`, where one of them follows. */
export function timeWords(reader: Reader): Parsed | undefined {
  const token = reader.peek()
  if (spanAhead(reader)) return relative(reader)
  if (token.kind !== 'word') return undefined
  const next = reader.after(token)
  if (is(token, 'start') && is(next, 'of')) return startOf(reader)
  const isPlain = !(is(next, '.', '(') && next.from === token.to)
  if (isPlain && is(token, 'today')) return reader.node({ kind: 'today' }, reader.take(token))
  if (isPlain && is(token, 'now')) return reader.node({ kind: 'now', amount: 0, unit: 'second' }, reader.take(token))
  return undefined
}

function relative(reader: Reader): Parsed {
  const { amount, unit, from, to } = timeSpan(reader)
  if (reader.accepts('from')) {
    const now = reader.expect('now')
    return reader.node({ kind: 'now', amount, unit }, { from, to: now.to })
  }
  const ago = reader.peek()
  if (!reader.accepts('ago')) reader.expected('"ago" or "from now"', `Write ${reader.written({ from, to })} ago.`)
  return reader.node({ kind: 'now', amount: signed('-', amount), unit }, { from, to: ago.to })
}

function startOf(reader: Reader): Parsed {
  const start = reader.take(reader.peek())
  reader.expect('of')
  const word = reader.peek()
  const unit = (['day', 'week', 'month', 'quarter', 'year'] as const).find((one) => is(word, one))
  if (unit === undefined) return reader.expected('"day", "week", "month", "quarter" or "year"')
  return reader.node({ kind: 'startOf', unit }, { from: start.from, to: reader.take(word).to })
}

/** A (dotted) name. One that is unknown is reported, and stands as a column of unknown type. */
export function name(reader: Reader, style: Style): Parsed {
  const first = reader.take(reader.peek())
  const path = [first.value]
  let to = first.to
  for (let dot = reader.peek(); is(dot, '.') && dot.from === to; dot = reader.peek()) {
    reader.take(dot)
    const part = reader.peek()
    if (part.kind !== 'word' && part.kind !== 'quoted') reader.expected('a name')
    path.push(part.value)
    to = reader.take(part).to
  }
  const span = { from: first.from, to }
  const found = reader.scope.lookup(path)
  if (found === undefined) reader.unknownName(path, span, style)
  const { to: target, type } = found ?? {
    to: { kind: 'column' as const, column: path.join('.') },
    type: 'unknown' as const,
  }
  return reader.node({ kind: 'reference', to: target, type, at: reader.at(span) }, span)
}

function cases(reader: Reader): Parsed {
  const start = reader.take(reader.peek())
  const tests: Parsed[] = []
  const values: Parsed[] = []
  if (!reader.sees('when')) reader.expected('"when"', 'Write case when a = b then x else y end.')
  while (reader.accepts('when')) {
    tests.push(reader.nested('expression'))
    reader.expect('then')
    values.push(reader.nested('expression'))
  }
  const hasElse = reader.accepts('else')
  if (hasElse) values.push(reader.nested('expression'))
  const end = reader.expect('end')
  const fitted = agree(reader, values)
  const when = tests.map((test, index) => ({
    test: demand(reader, test, { type: 'boolean', asker: '"when"' }),
    value: fitted[index] ?? test.tree,
  }))
  const tree = { kind: 'case', when, otherwise: hasElse ? fitted.at(-1) : undefined } as const
  return reader.node(tree, { from: start.from, to: end.to }, [...tests, ...values])
}
