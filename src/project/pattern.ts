import { demand } from './fit.ts'
import type { Pattern } from './language.ts'
import type { Token } from './lexer.ts'
import { is, type Parsed, type Reader, type Style } from './reader.ts'
import { typeOf } from './types.ts'

/** The pattern operator that follows, or undefined. */
export function patternAhead(reader: Reader): Pattern | undefined {
  const token = reader.peek()
  const second = reader.after(token)
  if (is(token, 'starts', 'ends') && token.kind === 'word' && second.kind === 'word')
    return is(token, 'starts') ? 'starts with' : 'ends with'
  return (['like', 'contains', 'matches'] as const).find((how) => is(token, how))
}

/** `like`, `contains`, `starts with`, `ends with`, `matches` and the text right of it. */
export function pattern(
  reader: Reader,
  given: { readonly left: Parsed; readonly style: Style; readonly negated: boolean },
): Parsed {
  const { left, style, negated } = given
  const how = patternAhead(reader) ?? 'like'
  reader.take(reader.peek())
  if (how === 'starts with' || how === 'ends with') reader.expect('with')
  const several = how === 'contains' ? severalAhead(reader) : undefined
  if (several !== undefined) return severalOf(reader, { ...given, how: several })
  const token = fixedText(reader, style)
  if (how === 'matches') checkRegularExpression(reader, token)
  const isList = how === 'contains' && typeOf(left.tree) === 'list'
  const tree = isList ? left.tree : demand(reader, left, { type: 'text', asker: how })
  const span = { from: left.from, to: token.to }
  return reader.node({ kind: 'pattern', how, left: tree, right: token.value, negated }, span, [left])
}

function fixedText(reader: Reader, style: Style): Token {
  const token = style === 'where' ? reader.peekValue() : reader.peek()
  checkText(reader, token, style)
  return reader.take(token)
}

/** `any of` or `all of` behind `contains`. Without `of` the word is text. */
function severalAhead(reader: Reader): 'any' | 'all' | undefined {
  const token = reader.peek()
  return is(reader.after(token), 'of') ? (['any', 'all'] as const).find((how) => is(token, how)) : undefined
}

/** `any of [a, b]`: what a list holds, or a text contains. */
function severalOf(
  reader: Reader,
  given: { readonly left: Parsed; readonly style: Style; readonly negated: boolean; readonly how: 'any' | 'all' },
): Parsed {
  const { left, style, negated, how } = given
  reader.take(reader.peek())
  reader.expect('of')
  const open = reader.peek()
  if (!reader.sees('[', '(')) reader.expected('a list', 'A list is written [a, b].')
  reader.take(open)
  const values = [fixedText(reader, style).value]
  while (reader.accepts(',')) values.push(fixedText(reader, style).value)
  const close = open.value === '[' ? ']' : ')'
  if (!reader.sees(close)) reader.expected(`"," or "${close}"`)
  const { to } = reader.take(reader.peek())
  const isList = typeOf(left.tree) === 'list'
  const tree = isList ? left.tree : demand(reader, left, { type: 'text', asker: `contains ${how} of` })
  return reader.node({ kind: 'holds', how, left: tree, values, negated }, { from: left.from, to }, [left])
}

function checkText(reader: Reader, token: Token, style: Style): void {
  if (token.kind === 'text') return
  const isBare = token.kind === 'word' || token.kind === 'quoted' || token.kind === 'time'
  if (style === 'expression' || !isBare) reader.expected('text', 'Put the pattern in single quotes.', token)
  const first = token.value.slice(0, Math.max(0, token.value.indexOf('.')))
  if (token.kind === 'word' && reader.scope.qualifies(first))
    reader.expected('text', 'A pattern is fixed text; in quotes this is one.', token)
}

// Warehouses use RE2: what JavaScript cannot read it cannot read either, save for flags, named groups and \Q…\E.
function checkRegularExpression(reader: Reader, token: Token): void {
  const written = token.value.replace(/^\(\?[a-zA-Z]+\)/, '').replaceAll('(?P<', '(?<')
  const foreign = /\(\?<?[=!]|(?<!\\)(?:\\\\)*\\[1-9]/.exec(written)?.[0]
  const isReadable = written.includes('\\Q') || compiles(written.replaceAll(/\(\?[a-zA-Z]+:/g, '(?:'))
  if (foreign === undefined && isReadable) return
  const fix = foreign && 'Warehouses know no look-around and no back reference.'
  reader.stop('expr/syntax', `Expected a regular expression (RE2), found "${reader.written(token)}".`, token, fix)
}

function compiles(source: string): boolean {
  try {
    return new RegExp(source).source !== ''
  } catch {
    return false
  }
}
