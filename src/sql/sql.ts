/**
 * A number that is known only when a statement runs, and that may enter only as part of a table's name:
 * b = build, f = fence, r = round. `compile` prints b0, f0 and r1.
 */
export type TokenName = 'b' | 'f' | 'r'

/** One piece of SQL text. Names and values stay unquoted until a dialect prints them. */
export type Part =
  | { readonly kind: 'code'; readonly text: string }
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
  const texts = dedent(strings)
  const parts: Part[] = []
  let indent = ''
  texts.forEach((text, index) => {
    parts.push(code(text))
    indent = indentAfter(indent, text)
    const value = values[index]
    if (value !== undefined)
      parts.push(...(typeof value === 'number' ? [code(printNumber(value))] : nested(value, indent)))
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
  return { parts: [{ kind: 'name', name: [table.schema] }, code('.'), { kind: 'name', name: table.name }] }
}

/** A column of something named: `alias.column`. */
export function column(alias: string, name: string): Sql {
  return sql`${id(alias)}.${id(name)}`
}

export const empty: Sql = { parts: [] }

/** Joins fragments with a separator of code; breaks after each separator when one line would be too long. */
export function join(items: readonly Sql[], separator = ', ', wrapAt = 90): Sql {
  const long =
    (items.length > 1 && items.some(hasLines)) ||
    items.reduce((sum, item) => sum + width(item) + separator.length, 0) > wrapAt
  const between = code(long ? breakable(separator) : separator)
  return { parts: merge(items.flatMap((item, index) => (index === 0 ? item.parts : [between, ...item.parts]))) }
}

/** Items one a line, separated by commas. */
export function lines(items: readonly Sql[]): Sql {
  return join(items, ', ', 0)
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
    if (this.#steps.some((step) => step.name === name)) throw new Error(`step ${name} exists already`)
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

/** A comment of its own line, with characters that could end it or write to a terminal taken out. */
export function comment(reason: string): Sql {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach the file
  return { parts: [code(`-- ${reason.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')}`)] }
}

/** Where a dialect turns names, values and parameters into text. */
export interface Quoting {
  name(name: string): string
  text(value: string): string
  parameter(name: string): string
}

/** The final text of a fragment. Tokens that are not given print as `compile` shows them. */
export function print(fragment: Sql, quoting: Quoting, tokens: Tokens = {}): string {
  return fragment.parts
    .map((part) => {
      switch (part.kind) {
        case 'code':
          return part.text
        case 'name':
          return quoting.name(printName(part.name, tokens))
        case 'text':
          return quoting.text(part.value)
        case 'parameter':
          return quoting.parameter(part.name)
      }
    })
    .join('')
}

/** The plain name of a table once its tokens are known. */
export function printName(name: readonly NamePart[], tokens: Tokens = {}): string {
  return name
    .map((part) =>
      typeof part === 'string' ? part : `${part.token}${(tokens[part.token] ?? DEFAULT[part.token]) + part.offset}`,
    )
    .join('')
}

const DEFAULT: Record<TokenName, number> = { b: 0, f: 0, r: 1 }

function code(text: string): Part {
  return { kind: 'code', text }
}

function printNumber(value: number): string {
  if (!Number.isFinite(value)) throw new Error(`${value} cannot stand in SQL`)
  return String(value)
}

function nested(fragment: Sql, indent: string): readonly Part[] {
  if (indent === '') return fragment.parts
  return fragment.parts.map((part) => (part.kind === 'code' ? code(part.text.replaceAll('\n', `\n${indent}`)) : part))
}

/** The indentation of the line that `text` ends on, when it continues a line indented by `before`. */
function indentAfter(before: string, text: string): string {
  const line = text.lastIndexOf('\n')
  return line === -1 ? before : (/^ */.exec(text.slice(line + 1))?.[0] ?? '')
}

/** Takes the common indentation and the outer line breaks off a template. */
function dedent(strings: readonly string[]): readonly string[] {
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

function merge(parts: readonly Part[]): readonly Part[] {
  const merged: Part[] = []
  for (const part of parts) {
    const last = merged.at(-1)
    if (part.kind === 'code' && part.text === '') continue
    if (part.kind === 'code' && last?.kind === 'code') merged[merged.length - 1] = code(last.text + part.text)
    else merged.push(part)
  }
  return merged
}

function breakable(separator: string): string {
  return separator.startsWith(' ') ? `\n${separator.trimStart()}` : `${separator.trimEnd()}\n`
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
