import type * as Driver from '@duckdb/node-api'
import { failure } from '../error.ts'
import { type Bound, print, type Values } from '../sql/sql.ts'
import { duckdbDialect } from './duckdb-dialect.ts'
import { statementFix } from './duckdb-trouble.ts'
import { StatementError } from './statement-error.ts'
import type { Page } from './warehouse.ts'

/** A statement as DuckDB gets it. */
export interface Printed {
  readonly name: string
  readonly text: string
  readonly values?: Values
}

/**
 * The statement with its values in its text where they are short: DuckDB plans a prepared statement once without them and
 * again with them. Throws CdpError `bug/unexpected` where a parameter has no value.
 */
export function printed({ statement, values = {}, tokens }: Bound): Printed {
  const { name, sql } = statement
  if (!Object.values(values).every(isShort)) return { name, text: print(sql, duckdbDialect, tokens), values }
  const parameter = (of: string) => literal(valueFor(name, values, of))
  return { name, text: print(sql, { ...duckdbDialect, parameter }, tokens) }
}

/** NUL would end the text of a statement. */
function isShort(value: Values[string]): boolean {
  return typeof value !== 'string' || (value.length <= 1_000 && !value.includes('\0'))
}

/** Of exactly the type that the parameter would have. */
function literal(value: Values[string]): string {
  if (typeof value === 'string') return `cast(${duckdbDialect.text(value)} as varchar)`
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return `cast(${value} as bigint)`
  return typeof value === 'number' ? `cast('${value}' as double)` : String(value)
}

function valueFor(statement: string, values: Values, name: string): Values[string] {
  const value = values[name]
  if (value === undefined) throw failure('bug', 'bug/unexpected', `${statement} uses $${name}, which has no value.`)
  return value
}

/** Runs one statement to its end; every error of it surfaces here. The result is held in memory. */
export async function run(
  connection: Driver.DuckDBConnection,
  statement: Printed,
): Promise<Driver.DuckDBMaterializedResult> {
  if (statement.values === undefined) return await runPlain(connection, statement)
  const prepared = await prepare(connection, statement)
  try {
    return await prepared.run()
  } catch (error) {
    throw failed(statement, error)
  } finally {
    prepared.destroySync()
  }
}

/** Without values nothing is gained by preparing, and a file whose types are found out would be read once more for it. */
async function runPlain(
  connection: Driver.DuckDBConnection,
  { name, text }: Printed,
): Promise<Driver.DuckDBMaterializedResult> {
  try {
    const { count } = await connection.extractStatements(text)
    if (count !== 1) throw new Error(`these are ${count} statements`)
    return await connection.run(text)
  } catch (error) {
    throw failed({ name, text }, error)
  }
}

/** How many rows a statement wrote. `create table … as` answers with its count as a row. */
export async function rowsWritten(result: Driver.DuckDBMaterializedResult): Promise<number> {
  if (result.columnCount === 1 && result.columnName(0) === 'Count' && result.rowsChanged === 0)
    return Number((await result.getRows())[0]?.[0] ?? 0)
  return result.rowsChanged
}

/** A statement with its values, to be destroyed by the caller. */
export async function prepare(
  connection: Driver.DuckDBConnection,
  statement: Printed,
): Promise<Driver.DuckDBPreparedStatement> {
  const prepared = await parse(connection, statement)
  for (let at = 1; at <= prepared.parameterCount; at++) {
    bind(prepared, at, valueFor(statement.name, statement.values ?? {}, prepared.parameterName(at)))
  }
  return prepared
}

/** Names and types of the columns that a query would return, in order, without running it. */
export async function describe(
  connection: Driver.DuckDBConnection,
  driver: typeof Driver,
  text: string,
): Promise<readonly (readonly [name: string, type: string])[]> {
  const described = await runPlain(connection, { name: 'describe', text: `describe ${text}` }).catch(() =>
    describeWithNulls(connection, driver, text),
  )
  return (await described.getRows()).map(([name, type]) => [String(name), String(type)])
}

/** A query knows no column before its parameters have types. Throws what is wrong with the text, at its own lines. */
async function describeWithNulls(
  connection: Driver.DuckDBConnection,
  driver: typeof Driver,
  text: string,
): Promise<Driver.DuckDBMaterializedResult> {
  const prepared = await parse(connection, { name: 'describe', text })
  try {
    if (prepared.statementType !== driver.StatementType.SELECT)
      throw new StatementError('describe', text, new Error('this is no query'))
    const names = Array.from({ length: prepared.parameterCount }, (_, at) => prepared.parameterName(at + 1))
    const values = Object.fromEntries(names.map((parameter) => [parameter, null]))
    return await run(connection, { name: 'describe', text: `describe ${text}`, values })
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

/** Refuses more than one statement. */
async function parse(
  connection: Driver.DuckDBConnection,
  { name, text }: Printed,
): Promise<Driver.DuckDBPreparedStatement> {
  return await connection.prepare(text).catch((error: unknown) => {
    throw failed({ name, text }, error)
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

function failed({ name, text }: Pick<Printed, 'name' | 'text'>, error: unknown): StatementError {
  return new StatementError(name, text, error, statementFix(error))
}
