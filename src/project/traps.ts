import type { YAMLError } from 'yaml'
import { type At, type Diagnostic, problem } from '../error.ts'
import { place, type SourceFile } from './place.ts'
import type { Node, Scalar } from './tree.ts'

/** What YAML says of a text that it cannot read, in words that name the trap where there is one. */
export function syntaxError(file: SourceFile, error: Pick<YAMLError, 'code' | 'pos' | 'message'>): Diagnostic {
  const [from, to] = error.pos
  const reference = referenceAt(file, from)
  if (reference) return unquoted(reference.text, reference.at, 'a map')
  if (error.code === 'BAD_ALIAS') return brokenAlias(file, file.text.lastIndexOf('*', from))
  const start = visible(file.text, from)
  // Of a map that begins where text was meant, the whole is guilty.
  const end = error.code === 'BLOCK_AS_IMPLICIT_KEY' ? endOfLine(file.text, start) : Math.max(to, start + 1)
  const at = place(file, start, end)
  const words = error.message.replace(/^(\w)/, (first) => first.toLowerCase()).replace(/[.:]+$/, '')
  const message = SENTENCES[error.code] ?? `YAML cannot be read here: ${words}.`
  return problem('yaml/syntax', message, at, syntaxFix(error.code, at))
}

/** What YAML's own words would leave unclear. */
const SENTENCES: Partial<Record<YAMLError['code'], string>> = {
  BAD_INDENT: 'This line is not indented as YAML needs it, or a { or [ before it is not closed.',
  BLOCK_AS_IMPLICIT_KEY: 'YAML took this text for a map of its own, which cannot begin on this line.',
  MULTILINE_IMPLICIT_KEY: 'A key stands on one line.',
  TAB_AS_INDENT: 'A tab cannot indent a line of YAML.',
  TAG_RESOLVE_FAILED: 'YAML took this for a tag.',
}

/** `*` or `*name` where no anchor of that name was set. */
export function brokenAlias(file: SourceFile, from: number): Diagnostic {
  const word = /^\*[^\s,}\]]*/.exec(file.text.slice(from, from + 200))?.[0] ?? '*'
  return unquoted(word, place(file, from, from + word.length), 'an alias')
}

/** A key without a colon inside `{ }`: what stood behind the comma of an expression. */
export function commaInMap(
  file: SourceFile,
  key: Scalar,
  before: { readonly key: Scalar; readonly value: Node; readonly from: number } | undefined,
): Diagnostic {
  const at = key.at()
  if (before?.value.kind !== 'scalar')
    return problem('yaml/syntax', `The key "${key.text}" has no value.`, at, `Write "${key.text}: …".`)
  const name = before.key.text
  const message = `The comma ended the value of "${name}", and "${key.text}" became a key without a value.`
  // Only what is an expression is shown whole: another value may be a secret.
  const isCall = before.value.text.includes('(') && at.file === file.path
  const whole = file.text.slice(before.from, offsetOf(file, at) + at.length).replace(/\s+/g, ' ')
  const fix = `Put quotes around it${isCall && !whole.includes('"') ? `: ${name}: "${whole}"` : ''}.`
  return problem('yaml/changed-value', message, at, fix)
}

/** Items of `[ ]` that a comma inside parentheses has split. */
export function commaInList(items: readonly Node[]): readonly Diagnostic[] {
  return items.flatMap((item, index) => {
    const next = items[index + 1]
    if (item.kind !== 'scalar' || item.quoted || next?.kind !== 'scalar' || !isOpen(item.text)) return []
    const message = `The comma ended "${item.text}", and "${next.text}" became an item of its own.`
    return problem('yaml/changed-value', message, next.at(), `Put quotes around the whole text.`)
  })
}

/**
 * The comment that ended a condition or an expression: ` #` begins one in YAML. Only said where it is sure: the
 * text behind the sign follows at once (`#42`), or what stands before cannot be read (`broken`).
 */
export function cutByComment(scalar: Scalar, broken: boolean): Diagnostic | undefined {
  if (scalar.quoted || scalar.text === '') return undefined
  const end = scalar.at(scalar.text.length - 1, scalar.text.length)
  const comment = /^[ \t]+(#(\S?).*)$/.exec(end.text.slice(end.column - 1 + end.length))
  if (!comment?.[1] || !(broken || comment[2])) return undefined
  const column = end.text.length - comment[1].length + 1
  const at = { ...end, column, length: comment[1].length }
  const message = `YAML took "${comment[1]}" for a comment, and only "${scalar.text}" was read.`
  const fix = 'Put quotes around the whole text; if it is a comment, a blank behind the "#".'
  return problem('yaml/changed-value', message, at, fix)
}

function unquoted(word: string, at: At, taken: string): Diagnostic {
  return problem('yaml/changed-value', `YAML took "${word}" for ${taken}.`, at, `Put quotes around it: "${word}".`)
}

/** `${…}` of which YAML saw the brace that opens it. */
function referenceAt(file: SourceFile, brace: number): { text: string; at: At } | undefined {
  if (file.text[brace - 1] !== '$') return undefined
  const text = /^\$\{[^}\n]*\}/.exec(file.text.slice(brace - 1, brace + 200))?.[0]
  return text === undefined ? undefined : { text, at: place(file, brace - 1, brace - 1 + text.length) }
}

function syntaxFix(code: YAMLError['code'], at: At): string | undefined {
  if (code === 'TAB_AS_INDENT') return 'Indent with spaces.'
  if (code === 'BLOCK_AS_IMPLICIT_KEY') return 'Put quotes around text that holds ": ".'
  if (code === 'TAG_RESOLVE_FAILED') return 'Put quotes around text that begins with "!".'
  if (code === 'BAD_SCALAR_START') return 'Put quotes around the text.'
  if (/['"]/.test(at.text) && code === 'UNEXPECTED_TOKEN' && !/[[{]/.test(at.text))
    return 'Put the whole text into one pair of quotes.'
  if (/[[{]/.test(at.text)) return 'Inside { } and [ ] put quotes around text that holds , : { } [ ] or #.'
  return undefined
}

/** YAML notices some mistakes at the end of a line or file: point at the last character that is there. */
function visible(text: string, from: number): number {
  let at = Math.min(from, text.length - 1)
  if (text[at] === '\t') return at
  while (at > 0 && /\s/.test(text[at] ?? '')) at--
  return Math.max(0, at)
}

function endOfLine(text: string, from: number): number {
  return from + (/^.*?(?=\s*(?:\s#|\n|$))/.exec(text.slice(from, from + 1000))?.[0].length ?? 1)
}

function offsetOf(file: SourceFile, at: At): number {
  return (file.lines[at.line - 1] ?? 0) + at.column - 1
}

/** Does the text open a parenthesis or a quote that it does not close? */
function isOpen(text: string): boolean {
  let depth = 0
  let quoted = false
  for (const char of text) {
    if (char === "'") quoted = !quoted
    else if (!quoted && char === '(') depth++
    else if (!quoted && char === ')') depth--
  }
  return depth > 0 || quoted
}
