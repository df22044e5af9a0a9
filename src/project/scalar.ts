import type { At } from '../error.ts'
import { place, type SourceFile } from './place.ts'
import type { Scalar } from './tree.ts'

/** A scalar of a file: its text, the range of its source, and how it was quoted there. */
export interface Written {
  readonly file: SourceFile
  readonly text: string
  readonly from: number
  readonly to: number
  readonly style: 'plain' | 'single' | 'double' | 'block'
}

/** A scalar that knows where each of its characters came from. */
export function scalar(written: Written): Scalar {
  const { file, text, style } = written
  let origins: readonly number[] | undefined
  const at = (from = 0, to = text.length): At => {
    if (text === '') return place(file, written.from, written.to)
    origins ??= originsOf(written)
    const start = origins[from] ?? origins[text.length] ?? written.to
    const end = to > from ? (origins[to] ?? written.to) : start + 1
    // Where a line was folded, the next character stands on another line: end behind the last one instead.
    return place(file, start, to > from ? Math.max(start + 1, lastBefore(file, start, end)) : end)
  }
  const isNull = style === 'plain' && /^(~|null|Null|NULL)?$/.test(text)
  return { kind: 'scalar', text, quoted: style !== 'plain', isNull, secret: false, at }
}

/** A part of a scalar's text that is replaced by a value. */
export interface Replacement {
  readonly from: number
  readonly to: number
  readonly value: string
}

/** The scalar with parts of its text replaced; places inside a value are those of the part that it replaced. */
export function replaced(original: Scalar, parts: readonly Replacement[], secret = false): Scalar {
  let text = ''
  let done = 0
  const pieces: { start: number; end: number; from: number; to: number; fixed: boolean }[] = []
  const push = (piece: string, from: number, to: number, fixed: boolean) => {
    if (piece !== '' || fixed) pieces.push({ start: text.length, end: text.length + piece.length, from, to, fixed })
    text += piece
  }
  for (const part of parts) {
    push(original.text.slice(done, part.from), done, part.from, false)
    push(part.value, part.from, part.to, true)
    done = part.to
  }
  push(original.text.slice(done), done, original.text.length, false)
  const back = (offset: number, side: 'from' | 'to'): number => {
    const piece =
      side === 'from'
        ? (pieces.find((one) => offset >= one.start && offset < one.end) ?? pieces.at(-1))
        : (pieces.find((one) => offset > one.start && offset <= one.end) ?? pieces[0])
    if (!piece) return 0
    return piece.fixed ? piece[side] : piece.from + offset - piece.start
  }
  const whole = text
  const at = (from = 0, to = whole.length): At =>
    from === 0 && to === whole.length ? original.at() : original.at(back(from, 'from'), back(to, 'to'))
  return { kind: 'scalar', text, quoted: original.quoted, isNull: original.isNull, secret, at }
}

/** The characters `from`..`to` of a scalar, as a scalar of their own. */
export function part(whole: Scalar, from: number, to: number): Scalar {
  const at = (start = 0, end = to - from) => whole.at(from + start, from + end)
  return { ...whole, text: whole.text.slice(from, to), at }
}

/** For each character of the text (and its end): where it stands in the file. */
function originsOf({ file, text, from, to, style }: Written): readonly number[] {
  const origins: number[] = []
  let at = style === 'plain' ? from : style === 'block' ? skipHeader(file.text, from) : from + 1
  for (const char of text.split('')) {
    const here = file.text[at]
    if (style === 'double' && here === '\\') {
      const length = escapeLength(file.text, at)
      // An escaped line break stands for nothing: the text goes on behind it.
      if (length === 0) at = skipBlank(file.text, at + 1)
      origins.push(at)
      at += Math.max(1, file.text[at] === '\\' ? escapeLength(file.text, at) : 1)
      continue
    }
    if (here !== char) {
      if (/\s/.test(char)) {
        origins.push(at)
        at = skipBlank(file.text, at)
        continue
      }
      at = skipBlank(file.text, at)
    }
    origins.push(Math.min(at, to))
    at += style === 'single' && char === "'" ? 2 : 1
  }
  origins.push(Math.min(at, to))
  return origins
}

function skipHeader(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end === -1 ? text.length : end + 1
}

function skipBlank(text: string, from: number): number {
  let at = from
  while (at < text.length && /\s/.test(text[at] ?? '')) at++
  return at
}

/** How many characters an escape takes in a double-quoted scalar; 0 for an escaped line break. */
function escapeLength(text: string, at: number): number {
  const next = text[at + 1]
  if (next === '\n' || next === '\r') return 0
  return next === 'x' ? 4 : next === 'u' ? 6 : next === 'U' ? 10 : 2
}

/** The end of a range without the blanks that precede its next character. */
function lastBefore(file: SourceFile, start: number, end: number): number {
  let last = end
  while (last > start && /[\r\n]/.test(file.text.slice(start, last)) && /\s/.test(file.text[last - 1] ?? '')) last--
  return last
}
