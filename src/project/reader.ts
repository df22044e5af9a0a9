import { type Code, type Diagnostic, problem } from '../error.ts'
import type { Expression } from './language.ts'
import { nameToken, type Token, valueToken } from './lexer.ts'
import type { Scope } from './scope.ts'
import type { Scalar } from './tree.ts'

/** `expression`: bare words are names. `where`: right of an operator a bare word is text. */
export type Style = 'expression' | 'where'

/** A part of the text. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** A tree with the part of the text that it was read from. */
export interface Parsed extends Span {
  readonly tree: Expression
  /** How many levels the tree has; bounded, so that whatever walks it cannot run out of stack. */
  readonly depth: number
}

/** Thrown to end the reading of one text; the reason was added to the problems. */
export class Stop extends Error {}

/** An expression may be so many levels deep. */
export const MAX_DEPTH = 100

// One text can hold thousands of unknown names; the first few tell the analyst enough.
const MAX_UNKNOWN_NAMES = 10

/** One text while it is read from left to right. */
export class Reader {
  readonly text: string
  readonly scope: Scope
  readonly #scalar: Scalar
  readonly #problems: Diagnostic[]
  readonly #whole: (reader: Reader, style: Style) => Parsed
  #position = 0
  #level = 0
  #unknownNames = 0
  #last: Span = { from: 0, to: 0 }
  #peeked: Token | undefined

  /** `whole` reads what may stand in parentheses. */
  constructor(
    scalar: Scalar,
    given: { readonly scope: Scope; readonly problems: Diagnostic[] },
    whole: (reader: Reader, style: Style) => Parsed,
  ) {
    this.text = scalar.text
    this.scope = given.scope
    this.#scalar = scalar
    this.#problems = given.problems
    this.#whole = whole
  }

  /** True when a name was unknown: the tree then holds a stand-in. */
  get hasUnknownNames(): boolean {
    return this.#unknownNames > 0
  }

  /** The next piece, read as a name, operator or number. */
  peek(): Token {
    this.#peeked ??= nameToken(this.text, this.#position)
    return this.#peeked
  }

  /** The next piece, read as a value right of an operator in `where:`. */
  peekValue(): Token {
    return valueToken(this.text, this.#position)
  }

  /** The piece after `token`. */
  after(token: Span): Token {
    return nameToken(this.text, token.to)
  }

  take(token: Token): Token {
    this.#position = token.to
    this.#last = token
    this.#peeked = undefined
    return token
  }

  /** Whether the next piece is one of these symbols or (in any case) keywords. */
  sees(...wanted: readonly string[]): boolean {
    return is(this.peek(), ...wanted)
  }

  /** Takes the next piece if it is this symbol or keyword. */
  accepts(wanted: string): boolean {
    const seen = this.sees(wanted)
    if (seen) this.take(this.peek())
    return seen
  }

  /** Takes this symbol or keyword, or ends the reading. */
  expect(wanted: string): Token {
    return this.sees(wanted) ? this.take(this.peek()) : this.expected(`"${wanted}"`)
  }

  /** What stands in parentheses or in an argument, one level deeper. */
  nested(style: Style): Parsed {
    return this.deeper(() => this.#whole(this, style))
  }

  deeper(read: () => Parsed): Parsed {
    if (this.#level >= MAX_DEPTH) this.#tooDeep(this.peek())
    this.#level++
    const parsed = read()
    this.#level--
    return parsed
  }

  /** A tree over the text from the first to the last of `span`, one level above its parts. */
  node(tree: Expression, span: Span, parts: readonly Parsed[] = []): Parsed {
    const depth = 1 + parts.reduce((deepest, part) => Math.max(deepest, part.depth), 0)
    if (depth > MAX_DEPTH) this.#tooDeep(span)
    return { tree, from: span.from, to: span.to, depth }
  }

  /** What was written at a place, shortened for a message. */
  written(span: Span): string {
    const text = this.text.slice(span.from, span.to).replace(/\s+/g, ' ')
    return text.length > 60 ? `${text.slice(0, 57)}…` : text
  }

  /** Adds the problem of a name that stands for nothing; the reading goes on. */
  unknownName(path: readonly string[], span: Span, style: Style): void {
    this.#unknownNames++
    if (this.#unknownNames > MAX_UNKNOWN_NAMES) return
    const { code, message, fix } = this.scope.complaint(path)
    const inQuotes = style === 'expression' ? `Text is put in single quotes: '${path.join('.')}'.` : undefined
    this.#problems.push(problem(code, message, this.at(span), fix ?? inQuotes))
  }

  /** Ends the reading because something else should stand here. */
  expected(what: string, fix?: string, token: Token = this.peek()): never {
    if (token.kind === 'unclosed')
      return this.stop('expr/syntax', 'The quote that begins here is not closed.', {
        from: token.from,
        to: token.from + 1,
      })
    if (token.kind !== 'end')
      return this.stop('expr/syntax', `Expected ${what}, found "${this.written(token)}".`, token, fix ?? hint(token))
    return this.stop('expr/syntax', `Expected ${what}, found the end.`, this.#last, fix)
  }

  /** Ends the reading with a problem. */
  stop(code: Code, message: string, span: Span, fix?: string): never {
    this.#problems.push(problem(code, message, this.at(span), fix))
    throw new Stop()
  }

  at(span: Span) {
    return this.#scalar.at(span.from, Math.max(span.to, span.from))
  }

  #tooDeep(span: Span): never {
    return this.stop(
      'expr/syntax',
      `Expected at most ${MAX_DEPTH} levels, found more: parentheses, calls and sums are nested too deep.`,
      span.to > span.from ? { from: span.from, to: Math.min(span.to, span.from + 1) } : this.#last,
      'Split it into several traits.',
    )
  }
}

/** Whether a piece is one of these symbols or (in any case) keywords. */
export function is(token: Token, ...wanted: readonly string[]): boolean {
  return (token.kind === 'symbol' || token.kind === 'word') && wanted.includes(token.value.toLowerCase())
}

/** Where the warehouse's own SQL may go on. */
export const WAY_OUT = 'What this language has not can be written under sql:.'

function hint(token: Token): string | undefined {
  return HINTS.get(token.value.toLowerCase())
}

const HINTS: ReadonlyMap<string, string> = new Map([
  ['==', 'Write =.'],
  ['<>', 'Write !=.'],
  ['!', 'Write != or not.'],
  ['&&', 'Write and.'],
  ['||', 'Write or; texts are joined by concat(a, b).'],
  ['::', WAY_OUT],
  ['%', WAY_OUT],
  ['select', WAY_OUT],
  ['over', WAY_OUT],
  ['equals', 'Write =.'],
  ['eq', 'Write =.'],
  ['is', 'Write =, or is null.'],
  ['has', 'Write contains.'],
  ['includes', 'Write contains.'],
  ['starts_with', 'Write starts with.'],
  ['startswith', 'Write starts with.'],
  ['ends_with', 'Write ends with.'],
  ['endswith', 'Write ends with.'],
  ['ilike', 'Write lower(…) like.'],
  ['regexp', 'Write matches.'],
  ['rlike', 'Write matches.'],
  ['after', 'Write >.'],
  ['before', 'Write <.'],
])
