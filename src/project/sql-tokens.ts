/** A piece of a user's SQL. Comments and blanks are left out; quotes stay around names and texts. */
export interface SqlToken {
  readonly kind: 'word' | 'name' | 'text' | 'number' | 'symbol'
  readonly text: string
  readonly from: number
  readonly to: number
}

/** A quote or comment that never ends, or a parenthesis without its other half. */
export interface SqlFault {
  readonly message: string
  readonly from: number
  readonly to: number
}

/**
 * The tokens of a user's SQL, in all that warehouses agree on: `'text'` with doubled quotes, `E'…'` with backslashes,
 * `"names"`, backticks, `$tag$…$tag$`, `--` and nested block comments.
 */
export function sqlTokens(text: string): {
  readonly tokens: readonly SqlToken[]
  readonly fault: SqlFault | undefined
} {
  const tokens: SqlToken[] = []
  let at = 0
  while (at < text.length) {
    const blank = skipped(text, at)
    if (blank === 'open') return { tokens, fault: fault('This comment has no end.', at) }
    if (blank > at) {
      at = blank
      continue
    }
    const { kind, to } = tokenAt(text, at, tokens.at(-1))
    if (to === undefined) return { tokens, fault: fault('This quote has no end.', at) }
    tokens.push({ kind, text: text.slice(at, to), from: at, to })
    at = to
  }
  return { tokens, fault: unbalanced(tokens) }
}

/** Is the token this word, in any case? Quoted names are never words. */
export function isWord(token: SqlToken | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.text.toLowerCase())
}

function fault(message: string, from: number): SqlFault {
  return { message, from, to: from + 1 }
}

/** Behind the blanks and the comment that begin here. */
function skipped(text: string, from: number): number | 'open' {
  const blank = /\s*/y
  blank.lastIndex = from
  const at = from + (blank.exec(text)?.[0].length ?? 0)
  if (text.startsWith('--', at)) {
    const end = text.indexOf('\n', at)
    return end === -1 ? text.length : end + 1
  }
  if (!text.startsWith('/*', at)) return at
  let depth = 0
  for (let here = at; here < text.length; ) {
    const two = text.slice(here, here + 2)
    if (two === '/*') depth++
    if (two === '*/' && --depth === 0) return here + 2
    here += two === '/*' || two === '*/' ? 2 : 1
  }
  return 'open'
}

function tokenAt(
  text: string,
  from: number,
  before: SqlToken | undefined,
): { kind: SqlToken['kind']; to: number | undefined } {
  const char = text[from] ?? ''
  if (char === "'") {
    const escapes = before?.to === from && /^e$/i.test(before.text)
    return { kind: 'text', to: quoted(text, from, "'", escapes) }
  }
  if (char === '"' || char === '`') return { kind: 'name', to: quoted(text, from, char, false) }
  const tag = matchAt(/\$([A-Za-z_][A-Za-z0-9_]*)?\$/y, text, from)
  if (tag !== undefined) {
    const end = text.indexOf(tag, from + tag.length)
    return { kind: 'text', to: end === -1 ? undefined : end + tag.length }
  }
  const word = matchAt(/[\p{L}_][\p{L}\p{N}_$]*/uy, text, from)
  if (word !== undefined) return { kind: 'word', to: from + word.length }
  const number = matchAt(/(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?/iy, text, from)
  if (number !== undefined) return { kind: 'number', to: from + number.length }
  return { kind: 'symbol', to: from + 1 }
}

function matchAt(pattern: RegExp, text: string, from: number): string | undefined {
  pattern.lastIndex = from
  return pattern.exec(text)?.[0]
}

/** Behind the closing quote, or undefined where there is none. A doubled quote stands for itself. */
function quoted(text: string, from: number, quote: string, escapes: boolean): number | undefined {
  for (let at = from + 1; at < text.length; at++) {
    if (escapes && text[at] === '\\') at++
    else if (text[at] === quote && text[at + 1] === quote) at++
    else if (text[at] === quote) return at + 1
  }
  return undefined
}

const PAIRS: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' }

function unbalanced(tokens: readonly SqlToken[]): SqlFault | undefined {
  const open: SqlToken[] = []
  for (const token of tokens) {
    if (token.kind !== 'symbol') continue
    if ('([{'.includes(token.text)) open.push(token)
    const wanted = PAIRS[token.text]
    if (wanted !== undefined && open.pop()?.text !== wanted)
      return { message: `This "${token.text}" closes nothing.`, from: token.from, to: token.to }
  }
  const left = open.at(-1)
  return left && { message: `This "${left.text}" is never closed.`, from: left.from, to: left.to }
}
