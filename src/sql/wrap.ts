/** A piece of printed SQL. `free`: it may be broken at blanks outside quotes; names, literals and users' SQL may not. */
export interface Piece {
  readonly text: string
  readonly free: boolean
}

/** The most characters that a line of ours has, unless one name or literal is longer. */
const WIDTH = 120

/** Pieces as text, with lines that are too long broken at blanks and continued two blanks further in. */
export function wrapped(pieces: readonly Piece[]): string {
  const lines: string[] = []
  let line = ''
  let breaks: number[] = []
  let isQuoted = false
  const flush = () => {
    lines.push(...broken(line, breaks))
    line = ''
    breaks = []
  }
  for (const { text, free } of pieces)
    for (const character of text) {
      if (character === '\n') {
        flush()
        continue
      }
      // An apostrophe in a comment opens no literal.
      if (free && character === "'" && !isComment(line)) isQuoted = !isQuoted
      if (free && character === ' ' && !isQuoted) breaks.push(line.length)
      line += character
    }
  flush()
  return lines.join('\n')
}

/** A line and its continuations, which all begin two blanks further in. */
function broken(line: string, breaks: readonly number[]): readonly string[] {
  const indent = line.length - line.trimStart().length
  if (isComment(line)) return [line]
  return split(
    line,
    breaks.filter((at) => at > indent),
    indent + 2,
  )
}

function split(line: string, breaks: readonly number[], margin: number): readonly string[] {
  if (line.length <= WIDTH) return [line]
  const at = breaks.findLast((one) => one <= WIDTH) ?? breaks[0]
  if (at === undefined) return [line]
  const moved = margin - at - 1
  const rest = breaks.filter((one) => one > at).map((one) => one + moved)
  return [line.slice(0, at), ...split(' '.repeat(margin) + line.slice(at + 1), rest, margin)]
}

function isComment(line: string): boolean {
  return line.trimStart().startsWith('--')
}
