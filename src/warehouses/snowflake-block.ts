import { isDefinition, type Printed, tableMadeBy, verbOf } from './snowflake-statement.ts'

/** Statements that are one request: a block of Snowflake Scripting. */
export interface Block {
  readonly sent: Printed
  /** Where each statement stands in the text: the service says by its line which one failed. */
  readonly places: readonly Place[]
}

/** A statement of a block and its lines, from 1. */
export interface Place {
  readonly statement: Printed
  readonly first: number
  readonly last: number
}

/**
 * One block of statements, none of which has values to bind. The statements of a part are done wholly or not at all. With a
 * query the block answers with its rows, without one with how many rows each statement wrote: numbers, blanks between them.
 *
 * docs.snowflake.com/en/developer-guide/snowflake-scripting: blocks, resultsets, exceptions, dml-status (SQLROWCOUNT)
 */
export function blockOf(parts: readonly (readonly Printed[])[], query?: Printed): Block {
  const all = parts.flat()
  const counters = new Map(query === undefined ? all.map((one, at) => [one, `written_${at + 1}`] as const) : [])
  const lines = new Lines()
  lines.say('begin')
  for (const counter of counters.values()) lines.say(`let ${counter} integer := 0;`)
  for (const part of parts) sayPart(lines, part, counters)
  if (query === undefined) lines.say(`return ${[...counters.values()].join(` || ' ' || `)};`)
  else sayQuery(lines, query)
  lines.say('end;')
  const run = all.find((one) => one.run !== undefined)?.run
  const name = namesOf(query === undefined ? all : [...all, query])
  return { sent: { name, text: lines.text, values: [], ...(run !== undefined && { run }) }, places: lines.places }
}

/** Statements in their order: each definition by itself, what stands between two together. */
export function parts(all: readonly Printed[]): readonly (readonly Printed[])[] {
  const found: Printed[][] = []
  let joins = false
  for (const one of all) {
    const alone = isDefinition(one.text)
    const last = found.at(-1)
    if (last && joins && !alone) last.push(one)
    else found.push([one])
    joins = !alone
  }
  return found
}

/**
 * The statement of a block that an error is about, and what the service said of it, by lines of that statement; no statement
 * where the error is about the block, or says no line.
 */
export function failedIn(
  block: Block,
  message: string,
): { readonly statement: Printed | undefined; readonly words: string } {
  const [sentence = '', raised] = UNCAUGHT.exec(message) ?? []
  const [, unread] = UNREAD.exec(message) ?? []
  const line = Number(raised ?? unread)
  const place = block.places.find(({ first, last }) => first <= line && line <= last)
  const words = message.slice(sentence.length)
  if (unread === undefined || place === undefined) return { statement: place?.statement, words }
  return { statement: place.statement, words: words.replace(UNREAD, `syntax error line ${line - place.first + 1}`) }
}

/** A statement of a block that failed when it ran: by the line that it begins on, in front of its own words. */
const UNCAUGHT = /^Uncaught exception of type '\w+' on line (\d+) at position \d+ : ?/

/** A block that cannot be read is refused as a whole, by the line in it. */
const UNREAD = /^syntax error line (\d+)/m

function sayPart(lines: Lines, part: readonly Printed[], counters: ReadonlyMap<Printed, string>): void {
  const isTransaction = part.length > 1
  if (isTransaction) lines.say('begin', 'begin transaction;')
  for (const one of part) {
    lines.put(one)
    const counter = counters.get(one)
    const rows = counter === undefined ? undefined : written(one.text)
    if (rows !== undefined) lines.say(`${counter} := ${rows};`)
  }
  if (isTransaction) lines.say('commit;', 'exception', 'when other then', 'rollback;', 'raise;', 'end;')
}

function sayQuery(lines: Lines, query: Printed): void {
  lines.put(query, ['let answer resultset := (', ')'])
  lines.say('return table(answer);')
}

/** How many rows the statement before wrote, as an expression; undefined where it writes none. */
function written(text: string): string | undefined {
  const made = tableMadeBy(text)
  if (made !== undefined) return `(select count(*) from ${made})`
  return ['insert', 'update', 'delete', 'merge'].includes(verbOf(text)) ? 'sqlrowcount' : undefined
}

function namesOf(statements: readonly Printed[]): string {
  const names = statements.map(({ name }) => name)
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`
}

/** The text of a block while it grows. */
class Lines {
  readonly places: Place[] = []
  readonly #said: string[] = []
  #count = 0

  get text(): string {
    return this.#said.join('\n')
  }

  say(...lines: readonly string[]): void {
    for (const line of lines) {
      this.#said.push(line)
      this.#count += line.split('\n').length
    }
  }

  /** A statement, or what it is part of. What ends it stands on a line of its own: its last line may be a comment. */
  put(statement: Printed, [open, close]: readonly [string, string] | readonly [] = []): void {
    const first = this.#count + 1
    if (open !== undefined) this.say(open)
    this.say(statement.text, `${close ?? ''};`)
    this.places.push({ statement, first, last: this.#count })
  }
}
