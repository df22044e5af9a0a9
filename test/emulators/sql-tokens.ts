/** A piece of SQL as it is written. Joined, tokens are the text again. */
export interface Token {
  readonly kind: 'blank' | 'word' | 'name' | 'text' | 'number' | 'bind' | 'sign'
  readonly text: string
}

const PATTERNS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['blank', /(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/y],
  ['text', /'(?:[^'\\]|\\[\s\S]|'')*'|\$\$[\s\S]*?\$\$/y],
  ['name', /"(?:[^"]|"")*"/y],
  ['bind', /:\d+|\?/y],
  ['word', /[\p{L}_][\p{L}\p{N}_$]*/uy],
  ['number', /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+/y],
  ['sign', /::|->|=>|<>|<=|>=|!=|\|\||[\s\S]/y],
]

/** The tokens of Snowflake's SQL: in a text between single quotes a backslash escapes. */
export function tokens(sql: string): Token[] {
  const found: Token[] = []
  for (let at = 0; at < sql.length; ) {
    for (const [kind, pattern] of PATTERNS) {
      pattern.lastIndex = at
      const [text] = pattern.exec(sql) ?? []
      if (text === undefined) continue
      found.push({ kind, text })
      at += text.length
      break
    }
  }
  return found
}

export function written(all: readonly Token[]): string {
  return all.map(({ text }) => text).join('')
}

/** What a text between quotes says. */
export function meaning(text: string): string {
  if (text.startsWith('$$')) return text.slice(2, -2)
  return text
    .slice(1, -1)
    .replace(/''|\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[\s\S])/g, (all, code: string | undefined) =>
      code === undefined ? "'" : unescaped(code, all),
    )
}

function unescaped(code: string, all: string): string {
  if (/^[xu]./.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16))
  const known = new Map([
    ['n', '\n'],
    ['r', '\r'],
    ['t', '\t'],
    ['b', '\b'],
    ['f', '\f'],
    ['0', '\0'],
  ])
  return known.get(code) ?? (all.length === 2 ? code : all)
}

/** The arguments of a call whose opening parenthesis stands at `open`, and where its closing one does. */
export function argumentsAt(all: readonly Token[], open: number): { args: Token[][]; close: number } {
  const args: Token[][] = [[]]
  let depth = 0
  for (let at = open; at < all.length; at++) {
    const token = all[at] as Token
    if (token.text === '(' || token.text === '[') depth++
    if (token.text === ')' || token.text === ']') depth--
    if (depth === 0) return { args: args.length === 1 && blank(args[0] ?? []) ? [] : args, close: at }
    if (at === open) continue
    if (depth === 1 && token.text === ',') args.push([])
    else args.at(-1)?.push(token)
  }
  throw new Error('a parenthesis is not closed')
}

function blank(all: readonly Token[]): boolean {
  return all.every(({ kind }) => kind === 'blank')
}

/** Where the next token that says something stands, from `at` on. */
export function next(all: readonly Token[], at: number): number {
  let found = at
  while (all[found]?.kind === 'blank') found++
  return found
}
