import { type Piece, wrapped } from './wrap.ts'

/**
 * A number that is known only when a statement runs, and that may enter only as part of a table's name:
 * b = build, f = fence, r = round, p = the published build. `compile` prints b0, f0, r1 and p0.
 */
export type TokenName = 'b' | 'f' | 'r' | 'p'

/** One piece of SQL text. Names and values stay unquoted until a dialect prints them. */
export type Part =
  /** Code that a user wrote is never indented: a line break may stand within a literal. */
  | { readonly kind: 'code'; readonly text: string; readonly verbatim?: true }
  | { readonly kind: 'name'; readonly name: readonly NamePart[] }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'parameter'; readonly name: string }

/** A piece of one identifier: literal text, or a token with an offset that is added to its number. */
export type NamePart = string | { readonly token: TokenName; readonly offset: number }

/** A fragment of SQL. Built only by this module, so that nothing unquoted can slip in. */
export interface Sql {
  readonly parts: readonly Part[]
}

/** A table or view by schema and name; the name may hold tokens. */
export interface Table {
  /** The database (catalogue, BigQuery project) that holds it; undefined = the session's own. */
  readonly database?: string | undefined
  readonly schema: string
  readonly name: readonly NamePart[]
}

/** One statement with its name (for messages, compiled files and tests) and the values of its parameters. */
export interface Statement {
  readonly name: string
  /** Why this statement exists, in one line; printed above it. */
  readonly reason: string
  readonly sql: Sql
}

/** Values for the named parameters of a statement. */
export type Values = Readonly<Record<string, string | number | bigint | boolean | null>>

/** A statement that is ready to run: parameters and tokens are known. */
export interface Bound {
  readonly statement: Statement
  readonly values?: Values
  readonly tokens?: Tokens
}

export type Tokens = Readonly<Partial<Record<TokenName, number>>>

/**
 * Composes SQL. Only fragments and finite numbers may be interpolated: a bare string does not type-check, so the
 * author must say whether it is a name (`id`) or a value (`text`). The template is dedented, and a fragment of
 * several lines is indented to where it stands.
 */
export function sql(strings: TemplateStringsArray, ...values: readonly (Sql | number)[]): Sql {
  const texts = withoutBlankLines(dedent(strings), values)
  const parts: Part[] = []
  let indent = ''
  texts.forEach((text, index) => {
    parts.push(code(text))
    indent = indentAfter(indent, text)
    const value = values[index]
    if (value !== undefined)
      parts.push(...(typeof value === 'number' ? [code(printNumber(value, text))] : nested(value, indent)))
  })
  return { parts: merge(parts) }
}

/** An identifier: quoted when printed. */
export function id(name: string): Sql {
  return { parts: [{ kind: 'name', name: [name] }] }
}

/** A text value: printed as a literal by the dialect's one escaping rule. */
export function text(value: string): Sql {
  return { parts: [{ kind: 'text', value }] }
}

/** A named parameter, given when the statement runs. */
export function parameter(name: string): Sql {
  return { parts: [{ kind: 'parameter', name }] }
}

/** A table's qualified name. */
export function from(table: Table): Sql {
  const before = table.database === undefined ? [] : [[table.database]]
  const names = [...before, [table.schema], table.name]
  return { parts: names.flatMap((name, at): Part[] => [...(at > 0 ? [code('.')] : []), { kind: 'name', name }]) }
}

/** A column of something named: `alias.column`. */
export function column(alias: string, name: string): Sql {
  return sql`${id(alias)}.${id(name)}`
}

/** SQL that a user wrote, unchanged: only for `sql:` models and conditions, which were parsed as one query before. */
export function verbatim(written: string): Sql {
  return { parts: [{ kind: 'code', text: written, verbatim: true }] }
}

export const empty: Sql = { parts: [] }

/**
 * Joins fragments with a separator of code. What is too long for one line is filled into lines of about `wrapAt`
 * characters, two blanks further in; fragments of several lines stand one below the other.
 */
export function join(items: readonly Sql[], separator = ', ', wrapAt = 90): Sql {
  const tall = items.length > 1 && items.some(hasLines)
  const parts: Part[] = []
  let used = 0
  items.forEach((item, index) => {
    const size = width(item) + separator.length
    const wraps = index > 0 && (tall || used + size > wrapAt)
    if (index > 0) parts.push(code(wraps ? breakable(separator, tall ? '' : '  ') : separator))
    parts.push(...item.parts)
    used = wraps ? size : used + size
  })
  return { parts: merge(parts) }
}

/** Items one a line, separated by commas. */
export function lines(items: readonly Sql[]): Sql {
  return { parts: merge(items.flatMap((item, index) => (index === 0 ? item.parts : [code(',\n'), ...item.parts]))) }
}

/** Fragments one below the other, without a separator. */
export function stacked(items: readonly Sql[]): Sql {
  return { parts: merge(items.flatMap((item, index) => (index === 0 ? item.parts : [code('\n'), ...item.parts]))) }
}

/** Queries one below the other, all rows of each; at least one query. */
export function unionAll(queries: readonly Sql[]): Sql {
  return queries.reduce(
    (before, next) => sql`
    ${before}
    union all
    ${next}`,
  )
}

/** About how many characters a fragment takes in print. */
export function width(fragment: Sql): number {
  return fragment.parts.reduce((sum, part) => sum + partWidth(part), 0)
}

/** A builder for one query of named steps; each step says why it exists. Prints `with` and the last select. */
export class Steps {
  readonly #steps: { name: string; reason: string; query: Sql }[] = []

  /** Adds a step and returns its name as a fragment, to be selected from. */
  add(name: string, reason: string, query: Sql): Sql {
    // Most warehouses take names that differ in case for one.
    if (this.#steps.some((step) => step.name.toLowerCase() === name.toLowerCase()))
      throw new Error(`step ${name} exists already`)
    this.#steps.push({ name, reason, query })
    return id(name)
  }

  /** The whole query: every step in order, then `last`. */
  select(last: Sql): Sql {
    if (this.#steps.length === 0) return last
    const steps = this.#steps.map(
      (step) => sql`
        ${comment(step.reason)}
        ${id(step.name)} as (
          ${step.query}
        )`,
    )
    const all = steps.reduce(
      (before, step) => sql`
      ${before},
      ${step}`,
    )
    return sql`
      with
      ${all}
      ${last}`
  }
}

/**
 * A comment of lines of its own, with characters that could end it, write to a terminal or turn the reading direction
 * taken out.
 */
export function comment(reason: string): Sql {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach the file
  const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g
  const wrapped = reason.replace(unsafe, ' ').match(/\S.{0,95}(?=\s|$)|\S{1,96}/gu) ?? ['']
  return { parts: [code(wrapped.map((line) => `-- ${line.trimEnd()}`.trimEnd()).join('\n'))] }
}

/** Where a dialect turns names, values and parameters into text. */
export interface Quoting {
  name(name: string): string
  text(value: string): string
  parameter(name: string): string
}

/** The final text of a fragment. Tokens that are not given print as `compile` shows them. */
export function print(fragment: Sql, quoting: Quoting, tokens: Tokens = {}): string {
  return wrapped(
    fragment.parts.map((part): Piece => {
      switch (part.kind) {
        case 'code':
          return { text: part.text, free: part.verbatim !== true }
        case 'name':
          return { text: quoting.name(printName(part.name, tokens)), free: false }
        case 'text':
          return { text: quoting.text(part.value), free: false }
        case 'parameter':
          return { text: quoting.parameter(part.name), free: false }
      }
    }),
  )
}

/** The plain name of a table once its tokens are known. */
export function printName(name: readonly NamePart[], tokens: Tokens = {}): string {
  return name.map((part) => (typeof part === 'string' ? part : printToken(part, tokens))).join('')
}

const DEFAULT: Record<TokenName, number> = { b: 0, f: 0, r: 1, p: 0 }

function printToken({ token, offset }: Exclude<NamePart, string>, tokens: Tokens): string {
  const number = tokens[token]
  // The published build is a build like others: its tables are found under their own names.
  const letter = token === 'p' && number !== undefined ? 'b' : token
  return `${letter}${(number ?? DEFAULT[token]) + offset}`
}

function code(text: string): Part {
  return { kind: 'code', text }
}

function printNumber(value: number, before: string): string {
  if (!Number.isFinite(value)) throw new Error(`${value} cannot stand in SQL`)
  // Two minus signs would begin a comment.
  return value < 0 && before.endsWith('-') ? `(${value})` : String(value)
}

function nested(fragment: Sql, indent: string): readonly Part[] {
  if (indent === '') return fragment.parts
  return fragment.parts.map((part) =>
    part.kind === 'code' && !part.verbatim ? code(part.text.replaceAll('\n', `\n${indent}`)) : part,
  )
}

/** The indentation of the line that `text` ends on, when it continues a line indented by `before`. */
function indentAfter(before: string, text: string): string {
  const line = text.lastIndexOf('\n')
  return line === -1 ? before : (/^ */.exec(text.slice(line + 1))?.[0] ?? '')
}

/** A template is the same object each time, and is written hundreds of times in a run. */
const dedented = new WeakMap<readonly string[], readonly string[]>()

function dedent(strings: readonly string[]): readonly string[] {
  const known = dedented.get(strings)
  if (known !== undefined) return known
  const made = withoutMargin(strings)
  dedented.set(strings, made)
  return made
}

/** Takes the common indentation and the outer line breaks off a template. */
function withoutMargin(strings: readonly string[]): readonly string[] {
  const margins = strings.flatMap((text, index) => {
    const lines = text.split('\n').slice(1)
    // A line that is only blanks counts when a value follows on it.
    return lines.filter((line, at) => line.trim() !== '' || (at === lines.length - 1 && index < strings.length - 1))
  })
  const margin = Math.min(...margins.map((line) => line.length - line.trimStart().length))
  if (!Number.isFinite(margin)) return strings
  const cut = strings.map((text) => text.replaceAll(`\n${' '.repeat(margin)}`, '\n'))
  return cut.map((text, index) => {
    const start = index === 0 ? text.replace(/^\n/, '') : text
    return index === cut.length - 1 ? start.replace(/\n *$/, '') : start
  })
}

/** Leaves out the line of an empty fragment that stands alone on it. */
function withoutBlankLines(texts: readonly string[], values: readonly (Sql | number)[]): readonly string[] {
  return texts.map((text, index) => {
    const value = values[index]
    const alone = typeof value === 'object' && value.parts.length === 0 && /^(\n|$)/.test(texts[index + 1] ?? '')
    return alone ? text.replace(/\n *$/, '') : text
  })
}

function merge(parts: readonly Part[]): readonly Part[] {
  const merged: Part[] = []
  for (const part of parts) {
    const last = merged.at(-1)
    if (part.kind === 'code' && part.text === '') continue
    if (part.kind === 'code' && last?.kind === 'code' && !part.verbatim && !last.verbatim)
      merged[merged.length - 1] = code(last.text + part.text)
    else merged.push(part)
  }
  return merged
}

/** A separator with a line break: after a comma, before a word. */
function breakable(separator: string, indent: string): string {
  return separator.startsWith(' ') ? `\n${indent}${separator.trimStart()}` : `${separator.trimEnd()}\n${indent}`
}

function hasLines(fragment: Sql): boolean {
  return fragment.parts.some((part) => part.kind === 'code' && part.text.includes('\n'))
}

function partWidth(part: Part): number {
  switch (part.kind) {
    case 'code':
      return part.text.length
    case 'name':
      return printName(part.name).length + 2
    case 'text':
      return part.value.length + 2
    case 'parameter':
      return part.name.length + 1
  }
}
