/** A piece of GoogleSQL; what stands in parentheses or brackets is one piece. */
export type Node =
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'name'; readonly text: string }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'parameter'; readonly text: string }
  | { readonly kind: 'operator'; readonly text: string }
  | { readonly kind: 'group'; readonly open: '(' | '['; readonly nodes: readonly Node[] }

/** A statement of a script, and the line on which it begins. */
export interface Parsed {
  readonly line: number
  readonly nodes: readonly Node[]
}

/** A text that is no GoogleSQL: what the service says, with the place. */
export class SyntaxProblem extends Error {}

/** The statements of a script. Comments are left out; literals and quoted names have their meaning as text. */
export function parse(script: string): readonly Parsed[] {
  const statements: Parsed[] = []
  const open: { readonly open: '(' | '['; readonly nodes: Node[] }[] = []
  let nodes: Node[] = []
  let line = 1
  const end = () => {
    if (nodes.length > 0) statements.push({ line, nodes })
    nodes = []
  }
  for (const { token, at } of tokensOf(script)) {
    const current = open.at(-1)?.nodes ?? nodes
    if (nodes.length === 0 && open.length === 0) line = script.slice(0, at).split('\n').length
    if (token === '(' || token === '[') open.push({ open: token, nodes: [] })
    else if (token === ')' || token === ']') {
      const closed = open.pop()
      if (closed === undefined || (closed.open === '(') !== (token === ')')) throw unexpected(script, at, token)
      const outer = open.at(-1)?.nodes ?? nodes
      outer.push({ kind: 'group', open: closed.open, nodes: closed.nodes })
    } else if (token === ';' && open.length === 0) end()
    else current.push(nodeOf(token))
  }
  if (open.length > 0) throw new SyntaxProblem('Syntax error: Expected ")" but got end of script')
  end()
  return statements
}

const TOKEN =
  /(?<space>\s+|--[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/)|(?<string>(?:r|b|rb|br)?(?:'''(?:\\[\s\S]|[^\\])*?'''|"""(?:\\[\s\S]|[^\\])*?"""|'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"))|(?<name>`(?:\\[\s\S]|[^`\\\n])*`)|(?<word>[A-Za-z_]\w*)|(?<number>0x[0-9a-f]+|\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)|(?<parameter>@@?[A-Za-z_]\w*)|(?<operator>\|\||<=|>=|<>|!=|<<|>>|=>|[-+*/<>=.,;:()[\]&|^~])/giy

function* tokensOf(script: string): Generator<{ readonly token: string; readonly at: number }> {
  TOKEN.lastIndex = 0
  let at = 0
  while (at < script.length) {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(script)
    if (match === null) throw unexpected(script, at, script[at] ?? '')
    if (match.groups?.space === undefined) yield { token: match[0], at }
    at = TOKEN.lastIndex
  }
}

function unexpected(script: string, at: number, token: string): SyntaxProblem {
  const before = script.slice(0, at).split('\n')
  const place = `[${before.length}:${(before.at(-1)?.length ?? 0) + 1}]`
  return new SyntaxProblem(`Syntax error: Unexpected ${JSON.stringify(token)} at ${place}`)
}

function nodeOf(token: string): Node {
  if (token.startsWith('`')) return { kind: 'name', text: unescaped(token.slice(1, -1)) }
  if (/^(r|b|rb|br)?['"]/i.test(token)) return { kind: 'string', text: literalOf(token) }
  if (/^[A-Za-z_]/.test(token)) return { kind: 'word', text: token }
  if (token.startsWith('@')) return { kind: 'parameter', text: token.slice(1) }
  return { kind: /^[.\d]\d*/.test(token) && token !== '.' ? 'number' : 'operator', text: token }
}

function literalOf(token: string): string {
  const [, prefix = '', quote = ''] = /^([rb]*)('''|"""|'|")/i.exec(token) ?? []
  const inner = token.slice(prefix.length + quote.length, -quote.length)
  return /r/i.test(prefix) ? inner : unescaped(inner)
}

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
  ...{ '\\': '\\', '?': '?', '"': '"', "'": "'", '`': '`' },
}

function unescaped(text: string): string {
  return text.replace(/\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[0-7]{3}|[\s\S])/gi, (_, given: string) => {
    const known = ESCAPES[given]
    if (known !== undefined) return known
    const isOctal = /^[0-7]{3}$/.test(given)
    if (!isOctal && given.length === 1) throw new SyntaxProblem(`Syntax error: Illegal escape sequence: \\${given}`)
    return String.fromCodePoint(isOctal ? Number.parseInt(given, 8) : Number.parseInt(given.slice(1), 16))
  })
}
