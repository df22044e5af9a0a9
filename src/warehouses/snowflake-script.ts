import type { Pause } from './pause.ts'
import { type Block, blockOf, failedIn, parts } from './snowflake-block.ts'
import { cellOf } from './snowflake-cells.ts'
import type { Line, Result } from './snowflake-driver.ts'
import { codeOf, isCrowded, statementFailure } from './snowflake-failures.ts'
import { knownName } from './snowflake-names.ts'
import { type Printed, schemaMadeBy, tableMadeBy } from './snowflake-statement.ts'
import { StatementError } from './statement-error.ts'
import type { Row } from './warehouse.ts'

type Part = readonly Printed[]

/** What is sent at once: parts that are one block, or a part whose statements are sent one by one. */
type Sending =
  | { readonly kind: 'block'; readonly parts: Part[]; size: number }
  | { readonly kind: 'part'; readonly part: Part }

/** Characters of a block's statements. Longer texts than about 1 MB are refused (docs: query size limits). */
const LONGEST_BLOCK = 500_000

/** How the statements of a script are sent. */
export interface Manner {
  /** Several at once, where their values allow it. */
  readonly blocks: boolean
  readonly pause: Pause
}

/** How many rows each statement wrote. */
type Counts = readonly { readonly rows: number }[]

/** How often what is crowded out is tried. */
const ATTEMPTS = 8

/** Runs statements in order, and says how many rows each wrote. Throws a StatementError. */
export async function runAll(line: Line, all: readonly Printed[], manner: Manner): Promise<Counts> {
  const counts: Counts[number][] = []
  for (const sending of sendings(all, manner)) counts.push(...(await send(line, sending, manner)))
  return counts
}

/** Runs statements in order, and then a query, whose first row it is. Throws a StatementError. */
export async function askBehind(
  line: Line,
  all: readonly Printed[],
  query: Printed,
  manner: Manner,
): Promise<Row | undefined> {
  const sent = sendings(all, manner)
  const last = sent.at(-1)
  const plain = manner.blocks ? inPlace([query])?.[0] : undefined
  if (last?.kind !== 'block' || plain === undefined) {
    await runAll(line, all, manner)
    return await firstRow(line, query)
  }
  for (const sending of sent.slice(0, -1)) await send(line, sending, manner)
  return await firstOf(await runBlock(line, { parts: last.parts, query: plain }, manner))
}

/** The first row of a query. */
export async function firstRow(line: Line, query: Printed): Promise<Row | undefined> {
  return await firstOf(await line.run(query))
}

/** Runs statements in one transaction, each a request of its own, and says how many rows each wrote. */
export async function runPart(line: Line, part: Part, { pause }: Manner): Promise<Counts> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transaction(line, part.length > 1, () => countEach(line, part))
    } catch (error) {
      if (attempt === ATTEMPTS || !isCrowded(error)) throw error
      await pause(attempt)
    }
  }
}

function sendings(all: readonly Printed[], { blocks }: Manner): readonly Sending[] {
  const found: Sending[] = []
  // What is between two definitions is done wholly or not at all; a definition is committed by itself.
  for (const part of parts(all)) {
    const plain = blocks ? inPlace(part) : undefined
    const size = sizeOf(part)
    const last = found.at(-1)
    if (plain === undefined) found.push({ kind: 'part', part })
    else if (last?.kind === 'block' && last.size + size <= LONGEST_BLOCK) {
      last.parts.push(plain)
      last.size += size
    } else found.push({ kind: 'block', parts: [plain], size })
  }
  return found
}

/** Statements as they may stand in a block, which takes no values; undefined where one may not. */
function inPlace(part: Part): Part | undefined {
  const plain: Printed[] = []
  for (const one of part) {
    // Who may not make a schema may have been given it: that is seen where it fails.
    if (one.plain === undefined || schemaMadeBy(one.text) !== undefined) return undefined
    plain.push({ ...one, text: one.plain, values: [] })
  }
  return sizeOf(plain) <= LONGEST_BLOCK ? plain : undefined
}

function sizeOf(part: Part): number {
  return part.reduce((sum, { text }) => sum + text.length, 0)
}

async function send(line: Line, sending: Sending, manner: Manner): Promise<Counts> {
  if (sending.kind === 'part') return await runPart(line, sending.part, manner)
  const [only = [], ...others] = sending.parts
  const isOne = others.length === 0 && only.length === 1
  if (isOne && tableMadeBy(only[0]?.text ?? '') === undefined) return await runPart(line, only, manner)
  return await countsOf(await runBlock(line, sending, manner), sending.parts.flat())
}

/**
 * Runs a block. The statement in it that fails is named, in the words and with the code that it has by itself. One that was
 * crowded out is tried again, unless definitions before it are committed already.
 */
async function runBlock(
  line: Line,
  { parts, query }: { readonly parts: readonly Part[]; readonly query?: Printed },
  { pause }: Manner,
): Promise<Result> {
  const block = blockOf(parts, query)
  for (let attempt = 1; ; attempt++) {
    try {
      return await line.run(block.sent)
    } catch (error) {
      // What was cancelled may not have reached its own rollback; where nothing is open, there is nothing to it.
      await rollback(line)
      const { statement, failed } = failureIn(block, error)
      const hasDoneNothing = statement !== undefined && parts[0]?.includes(statement)
      if (attempt === ATTEMPTS || !isCrowded(failed) || !hasDoneNothing) throw failed
      await pause(attempt)
    }
  }
}

function failureIn(
  block: Block,
  error: unknown,
): { readonly statement?: Printed | undefined; readonly failed: unknown } {
  const cause = error instanceof StatementError ? error.cause : undefined
  if (!(cause instanceof Error)) return { failed: error }
  const { statement, words } = failedIn(block, cause.message)
  const { name, text } = statement ?? block.sent
  const told = Object.assign(new Error(words, { cause }), { code: codeOf(cause) })
  return { statement, failed: statementFailure(name, text, told) }
}

async function countsOf(result: Result, statements: readonly Printed[]): Promise<Counts> {
  let counts: Counts = []
  for await (const [said] of result.rows())
    counts = String(said)
      .split(' ')
      .map((count) => ({ rows: Number(count) }))
  if (counts.length === statements.length && counts.every(({ rows }) => Number.isInteger(rows))) return counts
  const unsaid = new Error('the block did not say how many rows its statements wrote')
  throw new StatementError(statements.map(({ name }) => name).join(', '), '', unsaid)
}

async function firstOf(result: Result): Promise<Row | undefined> {
  for await (const row of result.rows())
    return Object.fromEntries(
      result.fields.map((field, at) => [knownName(field.name), cellOf(field)(row[at])] as const),
    )
  return undefined
}

async function countEach(line: Line, part: Part): Promise<Counts> {
  const counts: Counts[number][] = []
  for (const one of part) counts.push({ rows: await writtenBy(line, one) })
  return counts
}

async function writtenBy(line: Line, statement: Printed): Promise<number> {
  const { written } = await runOnce(line, statement)
  const made = tableMadeBy(statement.text)
  if (made === undefined) return written
  const counted = await line.run({ name: statement.name, text: `select count(*) from ${made}`, values: [] })
  for await (const [count] of counted.rows()) return Number(count)
  return 0
}

/** A schema may be there already, made by somebody who may: who may not is refused before anybody looks. */
async function runOnce(line: Line, statement: Printed): Promise<Result> {
  try {
    return await line.run(statement)
  } catch (error) {
    const schema = schemaMadeBy(statement.text)
    if (schema === undefined || codeOf(error) !== '003001') throw error
    const there = { name: statement.name, text: `describe schema ${schema}`, values: [] }
    return await line.run(there).catch(() => Promise.reject(error))
  }
}

/** Does work in one transaction where it is more than one statement: one is a transaction by itself. */
async function transaction<T>(line: Line, isNeeded: boolean, work: () => Promise<T>): Promise<T> {
  if (!isNeeded) return await work()
  await say(line, 'begin')
  try {
    const done = await work()
    await say(line, 'commit')
    return done
  } catch (error) {
    await rollback(line)
    throw error
  }
}

/** A session that is gone has nothing to roll back. */
async function rollback(line: Line): Promise<void> {
  await say(line, 'rollback').catch(() => {})
}

async function say(line: Line, text: string): Promise<void> {
  await line.run({ name: text, text, values: [] })
}
