import type { Bound } from '../sql/sql.ts'
import { bigqueryDialect } from './bigquery-dialect.ts'
import { statementError } from './bigquery-error.ts'
import { type Job, type Jobs, type Message, newId, type Results, type TableName } from './bigquery-job.ts'
import { isInTransaction, type Printed, printed } from './bigquery-statement.ts'

/** A statement of a script, and which of the caller's statements it is a piece of. */
export interface Piece extends Printed {
  readonly of: number
}

/** Parameters of several statements stand in one job, each under a name of its own. */
export function piecesOf(statements: readonly Bound[]): readonly Piece[] {
  return statements.flatMap((bound, of) =>
    printed(bound, bigqueryDialect, statements.length === 1 ? '' : `s${of + 1}_`).map((one) => ({ ...one, of })),
  )
}

/** Longer texts the service refuses: 1 MB of them, and some room. */
const LONGEST_TEXT = 900_000

/** The table that a statement makes from a query, or whose rows it changes. */
const CREATED = /^create or replace table (`[^`]+`\.`[^`]+`) as\b/
const CHANGED = /^(?:insert into|update|delete from|merge into) (`[^`]+`\.`[^`]+`)/

/** Statements that run one after the other in one job, which saves the round trips: all that fit, and all of a transaction. */
export function batchesOf(pieces: readonly Piece[]): readonly (readonly Piece[])[] {
  if (pieces.every(({ text }) => isInTransaction(text))) return [pieces]
  const batches: Piece[][] = []
  let size = 0
  let made = new Set<string | undefined>()
  for (const piece of pieces) {
    const last = batches.at(-1)
    size += piece.text.length
    // A new table is asked for the number of its rows, before others come.
    const adds = made.has(CHANGED.exec(piece.text)?.[1])
    if (adds) made = new Set()
    const create = CREATED.exec(piece.text)?.[1]
    if (create !== undefined) made.add(create)
    if (last === undefined || size > LONGEST_TEXT || adds) {
      batches.push([piece])
      size = piece.text.length
    } else last.push(piece)
  }
  return batches
}

/** Is all of a batch undone when it fails, so that it may be tried again? */
export function isWhole(batch: readonly Piece[]): boolean {
  return batch.length === 1 || batch.every(({ text }) => isInTransaction(text))
}

/** Does the service take them as one text? */
export function fits(batch: readonly Piece[]): boolean {
  return batch.reduce((size, { text }) => size + text.length, 0) <= LONGEST_TEXT
}

/**
 * How many rows each statement wrote. Statements that change rows only are one transaction; a transaction can hold no
 * other, so that the rest run in order, and a script that is cut off is finished by whoever comes next.
 */
export async function runBatch(jobs: Jobs, batch: readonly Piece[]): Promise<readonly number[]> {
  const [only, ...others] = batch
  if (only === undefined) return []
  if (others.length === 0) return [await runOne(jobs, only)]
  const { id, starts } = await runScript(jobs, batch)
  return await countsOf(jobs, id, starts)
}

/**
 * Runs a batch, and a query behind it in the same job: what a script answers is the result of its last
 * statement that is a query or changes something, which a commit is not
 * (https://docs.cloud.google.com/bigquery/docs/multi-statement-queries).
 */
export async function askBatch(jobs: Jobs, batch: readonly Piece[], query: Piece): Promise<Results> {
  return (await runScript(jobs, batch, query)).results
}

interface Ran {
  readonly id: string
  readonly results: Results
  /** On which line of the script each statement begins. */
  readonly starts: readonly number[]
}

async function runScript(jobs: Jobs, batch: readonly Piece[], query?: Piece): Promise<Ran> {
  const isTransaction = batch.every(({ text }) => isInTransaction(text))
  const lines = isTransaction ? ['begin transaction;'] : []
  const add = ({ text }: Piece) => {
    const start = lines.join('\n').split('\n').length + (lines.length === 0 ? 0 : 1)
    // On a line of its own: the text may end in a comment.
    lines.push(text, ';')
    return start
  }
  const all = query === undefined ? batch : [...batch, query]
  const starts = all.map(add)
  // Behind the query, so that one that fails leaves nothing behind that would be done twice.
  if (isTransaction) lines.push('commit transaction;')
  const name = all.map((one) => one.name).join(', ')
  const text = lines.join('\n')
  const id = newId()
  try {
    const { results } = await jobs.query({ query: text, ...parametersOf(all) }, name, 1, id)
    return { id, results, starts }
  } catch (error) {
    const one = all[(await guiltyOf(jobs, id, starts)) ?? -1]
    throw statementError(one?.name ?? name, one?.text ?? text, error)
  }
}

async function runOne(jobs: Jobs, { name, text, parameters }: Piece): Promise<number> {
  try {
    const { id } = await jobs.query({ query: text, ...parametersOf([{ parameters }]) }, name, 1)
    return isQuery(text) ? 0 : await writtenBy(jobs, await jobs.job(id))
  } catch (error) {
    throw statementError(name, text, error)
  }
}

function isQuery(text: string): boolean {
  return /^(?:\s+|--.*)*(select|with)\b/i.test(text)
}

export function parametersOf(pieces: readonly Pick<Printed, 'parameters'>[]): Message {
  const queryParameters = pieces.flatMap(({ parameters }) => parameters)
  return queryParameters.length === 0 ? {} : { parameterMode: 'NAMED', queryParameters }
}

async function countsOf(jobs: Jobs, id: string, starts: readonly number[]): Promise<readonly number[]> {
  const children = await jobs.children(id)
  return await Promise.all(
    starts.map(async (start) => {
      const child = children.find((one) => lineOf(one) === start)
      return child === undefined ? 0 : await writtenBy(jobs, child)
    }),
  )
}

/** The statement that failed: the last that ran. */
async function guiltyOf(jobs: Jobs, id: string, starts: readonly number[]): Promise<number | undefined> {
  const children = await jobs.children(id).catch((): readonly Job[] => [])
  const failed = children.find(({ status }) => status?.errorResult !== undefined)
  const at = failed === undefined ? -1 : starts.indexOf(lineOf(failed) ?? -1)
  return at === -1 ? undefined : at
}

/** The line of the script on which the statement of a child begins, counted from 1. */
function lineOf({ statistics }: Job): number | undefined {
  return statistics?.scriptStatistics?.stackFrames?.[0]?.startLine
}

/** A table that was made says itself how many rows it has. */
async function writtenBy(jobs: Jobs, { statistics, configuration }: Job): Promise<number> {
  const { statementType, numDmlAffectedRows, ddlTargetTable } = statistics?.query ?? {}
  if (statementType !== 'CREATE_TABLE_AS_SELECT') return Number(numDmlAffectedRows ?? 0)
  const target = ddlTargetTable ?? configuration?.query?.destinationTable
  return target === undefined ? 0 : await rowsIn(jobs, target)
}

/** None of a table that a later statement of the script has dropped. */
async function rowsIn(jobs: Jobs, table: TableName): Promise<number> {
  const found = await jobs.table(table)
  return Number(found?.numRows ?? 0)
}
