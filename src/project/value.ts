import { call, callAhead } from './call.ts'
import { isNumeric, nameMeant } from './fit.ts'
import type { Token } from './lexer.ts'
import { grouped, name, sumOf, timeWords, writtenTime } from './operand.ts'
import { is, type Parsed, type Reader } from './reader.ts'

/**
 * What stands right of an operator in `where:`: text (quoted or not), a number, a time, a dotted name, a call, or a
 * sum of names, numbers and times.
 */
export function valueSum(reader: Reader): Parsed {
  return sumOf(reader, () => value(reader), isOperand)
}

// After text `+ - * /` is no operator but more text, which needs quotes.
function isOperand({ tree }: Parsed): boolean {
  return tree.kind !== 'text' && (tree.kind !== 'untyped' || isNumeric(tree.value))
}

function value(reader: Reader): Parsed {
  const token = reader.peekValue()
  switch (token.kind) {
    case 'time':
      return writtenTime(reader, reader.take(token))
    case 'text':
    case 'quoted':
      return alone(reader, reader.node({ kind: 'text', value: token.value }, reader.take(token)))
    case 'word':
      return word(reader, token)
    default:
      if (!is(token, '(')) return noValue(reader, token)
      reader.take(token)
      return grouped(reader, token, () => reader.deeper(() => valueSum(reader)))
  }
}

function word(reader: Reader, token: Token): Parsed {
  if (callAhead(reader)) return call(reader)
  const dot = token.value.indexOf('.')
  if (dot > 0 && reader.scope.qualifies(token.value.slice(0, dot))) return name(reader, 'where')
  const time = reader.peek().to === token.to ? timeWords(reader) : undefined
  if (time !== undefined) return time
  if (is(token, 'and', 'or', 'not') && !endsAfter(reader, token)) return noValue(reader, token)
  if (is(token, 'null')) return reader.node({ kind: 'null' }, reader.take(token))
  return alone(reader, reader.node({ kind: 'untyped', value: token.value }, reader.take(token)))
}

function noValue(reader: Reader, token: Token): never {
  const fix = is(token, '[') ? 'A list is written after in: in [a, b].' : undefined
  return reader.expected('a value', fix, token)
}

/** Ends the reading when more words follow: text of several words needs quotes, lest a misspelt `and` becomes text. */
function alone(reader: Reader, first: Parsed): Parsed {
  if (endsAfter(reader, first)) return first
  const next = reader.peek()
  if (first.tree.kind === 'untyped' && !isNumeric(first.tree.value) && next.kind !== 'unclosed') {
    let to = next.to
    for (let more = reader.after(next); more.kind === 'word' && !is(more, 'and', 'or'); more = reader.after(more))
      to = more.to
    const several = reader.written({ from: first.from, to })
    const fix = nameMeant(reader, first.tree.value) ?? `Text of several words needs quotes: '${several}'.`
    return reader.expected('"and", "or" or the end', fix)
  }
  return first
}

function endsAfter(reader: Reader, token: { readonly to: number; readonly from: number }): boolean {
  const next = reader.after(token)
  return next.kind === 'end' || is(next, 'and', 'or', ')', ']', ',')
}
