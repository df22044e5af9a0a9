import type * as Driver from '@duckdb/node-api'
import { CdpError, failure } from '../error.ts'
import type { Values } from '../sql/sql.ts'
import { cellOf } from './duckdb-cells.ts'
import type { Cell, Page } from './warehouse.ts'

/** A failed statement: its name and the warehouse's own words in the message, its text apart, for a log. */
export class StatementError extends CdpError {
  /** The statement as it was sent. */
  readonly text: string

  constructor(name: string, text: string, cause: unknown) {
    const { who, diagnostics } = failure('warehouse', 'warehouse/statement', `${name} failed: ${firstLines(cause)}`)
    super(who, diagnostics, cause)
    this.text = text
  }
}

/** A statement as DuckDB gets it. */
export interface Printed {
  readonly name: string
  readonly text: string
  readonly values?: Values
}

/** Runs one statement to its end; every error of it surfaces here. The result is held in memory. */
export async function run(
  connection: Driver.DuckDBConnection,
  statement: Printed,
): Promise<Driver.DuckDBMaterializedResult> {
  const prepared = await prepare(connection, statement)
  try {
    return await prepared.run()
  } catch (error) {
    throw new StatementError(statement.name, statement.text, error)
  } finally {
    prepared.destroySync()
  }
}

/** How many rows a statement wrote. `create table … as` answers with its count as a row. */
export async function rowsWritten(result: Driver.DuckDBMaterializedResult): Promise<number> {
  if (result.columnCount === 1 && result.columnName(0) === 'Count' && result.rowsChanged === 0)
    return Number((await result.getRows())[0]?.[0] ?? 0)
  return result.rowsChanged
}

/**
 * The result in pages of exactly `page` rows, the last may be shorter. For finished tables, with a count of the rows by
 * the caller: the driver ends a stream that fails as if all were read. (`run` would hold all rows in memory, which no
 * limit bounds.) Nothing else may run on the connection meanwhile.
 */
export async function* stream(
  connection: Driver.DuckDBConnection,
  statement: Printed,
  page: number,
): AsyncGenerator<Page> {
  const prepared = await prepare(connection, statement)
  try {
    const result = await prepared.stream()
    const convert = result.columnTypes().map((type) => cellOf(String(type)))
    let columns: Cell[][] = convert.map(() => [])
    let rows = 0
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      for (let start = 0; start < chunk.rowCount; ) {
        const end = Math.min(chunk.rowCount, start + page - rows)
        for (const [at, to] of columns.entries()) fill(to, chunk.getColumnVector(at), start, end, convert[at])
        rows += end - start
        start = end
        if (rows < page) continue
        yield { rows, columns }
        columns = convert.map(() => [])
        rows = 0
      }
    }
    if (rows > 0) yield { rows, columns }
  } finally {
    prepared.destroySync()
  }
}

/** Names and types of the columns that a query would return, in order, without running it. */
export async function describe(
  connection: Driver.DuckDBConnection,
  driver: typeof Driver,
  text: string,
): Promise<readonly (readonly [name: string, type: string])[]> {
  const prepared = await parse(connection, { name: 'describe', text })
  try {
    if (prepared.statementType !== driver.StatementType.SELECT)
      throw new StatementError('describe', text, new Error('this is no query'))
    const names = Array.from({ length: prepared.parameterCount }, (_, at) => prepared.parameterName(at + 1))
    const values = Object.fromEntries(names.map((parameter) => [parameter, null]))
    // A prepared statement knows no column before its parameters have types; `describe` binds them and runs nothing.
    const result = await run(connection, { name: 'describe', text: `describe ${text}`, values })
    return (await result.getRows()).map(([name, type]) => [String(name), String(type)])
  } finally {
    prepared.destroySync()
  }
}

/** Appends rows, columns in the table's order, within the transaction at hand. Texts become the columns' types. */
export async function append(
  connection: Driver.DuckDBConnection,
  driver: typeof Driver,
  table: { readonly schema: string; readonly name: string },
  rows: Page,
): Promise<void> {
  const appender = await connection.createAppender(table.name, table.schema)
  try {
    const types = rows.columns.map(() => driver.VARCHAR)
    for (let start = 0; start < rows.rows; start += CHUNK) {
      const part = rows.columns.map((column) => column.slice(start, Math.min(start + CHUNK, rows.rows)))
      const chunk = driver.DuckDBDataChunk.create(types, part[0]?.length ?? 0)
      chunk.setColumns(part)
      appender.appendDataChunk(chunk)
    }
    appender.flushSync()
  } catch (error) {
    appender.clear()
    throw error
  } finally {
    appender.closeSync()
  }
}

/** True of the failure of one of two transactions that wrote the same row or name. */
export function isConflict(error: unknown): boolean {
  // The driver gives errors no code; their first words are the kind of error.
  const cause = error instanceof StatementError ? error.cause : undefined
  return cause instanceof Error && /^TransactionContext Error|write-write conflict/i.test(cause.message)
}

/** Rows of a vector in DuckDB: the most that one data chunk takes. */
const CHUNK = 2048

async function prepare(
  connection: Driver.DuckDBConnection,
  statement: Printed,
): Promise<Driver.DuckDBPreparedStatement> {
  const prepared = await parse(connection, statement)
  for (let at = 1; at <= prepared.parameterCount; at++) {
    const name = prepared.parameterName(at)
    const value = statement.values?.[name]
    if (value === undefined)
      throw failure('bug', 'bug/unexpected', `${statement.name} uses $${name}, which has no value.`)
    bind(prepared, at, value)
  }
  return prepared
}

/** Refuses more than one statement. */
async function parse(
  connection: Driver.DuckDBConnection,
  { name, text }: Printed,
): Promise<Driver.DuckDBPreparedStatement> {
  return await connection.prepare(text).catch((error: unknown) => {
    throw new StatementError(name, text, error)
  })
}

function bind(prepared: Driver.DuckDBPreparedStatement, at: number, value: Values[string]): void {
  if (typeof value === 'string') prepared.bindVarchar(at, value)
  else if (typeof value === 'boolean') prepared.bindBoolean(at, value)
  else if (typeof value === 'bigint') prepared.bindBigInt(at, value)
  else if (typeof value !== 'number') prepared.bindNull(at)
  else if (Number.isSafeInteger(value)) prepared.bindBigInt(at, BigInt(value))
  else prepared.bindDouble(at, value)
}

function fill(
  to: Cell[],
  vector: Driver.DuckDBVector,
  start: number,
  end: number,
  convert: ((value: Driver.DuckDBValue) => Cell) | undefined,
): void {
  if (!convert) return
  for (let row = start; row < end; row++) to.push(convert(vector.getItem(row)))
}

function firstLines(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  // An empty line parts the words from the piece of the statement that they point at.
  const [words = ''] = message.split('\n\n')
  return words.split('\n').slice(0, 3).join('\n').trim()
}
