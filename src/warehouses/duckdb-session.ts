import type * as Driver from '@duckdb/node-api'
import { failure } from '../error.ts'
import type { Dialect, ValueType } from '../sql/dialect.ts'
import { type Bound, from, print, printName, type Sql, type Table, type Tokens } from '../sql/sql.ts'
import { cellOf } from './duckdb-cells.ts'
import { duckdbDialect } from './duckdb-dialect.ts'
import { aboutInstance, tryCreate } from './duckdb-doctor.ts'
import { readTable } from './duckdb-read.ts'
import { append, describe, isConflict, printed, rowsWritten, run } from './duckdb-statement.ts'
import { valueType } from './duckdb-values.ts'
import { Gate } from './gate.ts'
import { StatementError } from './statement-error.ts'
import type { About, Page, Row, Session } from './warehouse.ts'

/** What a session needs of the instance that it shares with others of this process. */
export interface Source {
  /** A new connection, set up. */
  connect(): Promise<Driver.DuckDBConnection>
  /** Transactions must not write. */
  readonly readOnly: boolean
  /** Called once, after the last connection was closed. */
  release(): void
}

/** DuckDB behind the `Session` interface. Each call has a connection of its own while it runs. */
export class DuckdbSession implements Session {
  readonly dialect: Dialect = duckdbDialect
  readonly #source: Source
  readonly #driver: typeof Driver
  readonly #idle: Driver.DuckDBConnection[] = []
  readonly #busy = new Set<Driver.DuckDBConnection>()
  readonly #gate = new Gate()
  #closed = false

  constructor(source: Source, driver: typeof Driver) {
    this.#source = source
    this.#driver = driver
  }

  async columns(table: Table, tokens?: Tokens): Promise<ReadonlyMap<string, ValueType> | undefined> {
    return await this.#with((connection) => columnsOf(connection, table, tokens))
  }

  async describe(query: Sql, tokens?: Tokens): Promise<ReadonlyMap<string, ValueType>> {
    const text = print(query, this.dialect, tokens)
    const types = await this.#with((connection) => describe(connection, this.#driver, text))
    return new Map(types.map(([name, type]) => [name, valueType(type)]))
  }

  async script(statements: readonly Bound[]): Promise<readonly { rows: number }[]> {
    const all = statements.map(printed)
    return await this.#write(namesOf(all), async (connection) => {
      const counts: { rows: number }[] = []
      for (const statement of all) counts.push({ rows: await rowsWritten(await run(connection, statement)) })
      return counts
    })
  }

  async first(query: Bound): Promise<Row | undefined> {
    const statement = printed(query)
    return await this.#with((connection) => firstRow(connection, statement))
  }

  async ask(statements: readonly Bound[], query: Bound): Promise<Row | undefined> {
    const all = statements.map(printed)
    const last = printed(query)
    return await this.#write(namesOf([...all, last]), async (connection) => {
      for (const statement of all) await run(connection, statement)
      return await firstRow(connection, last)
    })
  }

  async *read(
    table: Table,
    columns: readonly string[],
    page: number,
    orderBy?: string,
    tokens?: Tokens,
  ): AsyncGenerator<Page> {
    const connection = await this.#connect()
    try {
      const types = (await columnsOf(connection, table, tokens)) ?? new Map()
      const name = `read of ${nameOf(table, tokens)}`
      const text = (query: Sql) => print(query, this.dialect, tokens)
      yield* readTable({ connection, table, types, columns, page, orderBy, name, print: text })
    } finally {
      this.#drop(connection)
    }
  }

  async append(table: Table, rows: Page, tokens?: Tokens): Promise<void> {
    if (rows.rows === 0) return
    const name = `append to ${nameOf(table, tokens)}`
    const target = { schema: table.schema, name: printName(table.name, tokens) }
    await this.#write(name, async (connection) => {
      await append(connection, this.#driver, target, rows).catch((error: unknown) => {
        throw new StatementError(name, '', error)
      })
    })
  }

  async about(): Promise<About> {
    return await this.#with(aboutInstance)
  }

  async tryCreate(schema: string): Promise<'tried'> {
    await this.#with((connection) => tryCreate(connection, schema))
    return 'tried'
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const connection of this.#busy) connection.interrupt()
    for (const connection of [...this.#busy, ...this.#idle]) connection.closeSync()
    this.#source.release()
  }

  /** Does work in one transaction, all or nothing. */
  async #write<T>(name: string, work: (connection: Driver.DuckDBConnection) => Promise<T>): Promise<T> {
    const attempt = () => this.#with((connection) => this.#transaction(connection, name, () => work(connection)))
    try {
      return await this.#gate.shared(attempt)
    } catch (error) {
      // Transactions are optimistic: one of two that write the same row or name fails, and has changed nothing.
      if (!isConflict(error)) throw error
      return await this.#gate.alone(attempt)
    }
  }

  async #transaction<T>(connection: Driver.DuckDBConnection, name: string, work: () => Promise<T>): Promise<T> {
    await run(connection, { name, text: `begin transaction${this.#source.readOnly ? ' read only' : ''}` })
    try {
      const done = await work()
      await run(connection, { name: `commit of ${name}`, text: 'commit' })
      return done
    } catch (error) {
      // Nothing is left to roll back where the failure ended the transaction.
      await connection.run('rollback').catch(() => {})
      throw error
    }
  }

  async #with<T>(work: (connection: Driver.DuckDBConnection) => Promise<T>): Promise<T> {
    const idle = this.#closed ? undefined : this.#idle.pop()
    if (idle) this.#busy.add(idle)
    const connection = idle ?? (await this.#connect())
    try {
      return await work(connection)
    } finally {
      if (this.#busy.delete(connection) && !this.#closed) this.#idle.push(connection)
    }
  }

  async #connect(): Promise<Driver.DuckDBConnection> {
    if (this.#closed) throw failure('bug', 'bug/unexpected', 'The warehouse was used after it was closed.')
    const connection = await this.#source.connect()
    if (this.#closed) connection.closeSync()
    else this.#busy.add(connection)
    return connection
  }

  #drop(connection: Driver.DuckDBConnection): void {
    if (this.#busy.delete(connection) && !this.#closed) connection.closeSync()
  }
}

function nameOf(table: Table, tokens?: Tokens): string {
  return `${table.schema}.${printName(table.name, tokens)}`
}

function namesOf(statements: readonly { readonly name: string }[]): string {
  return statements.map(({ name }) => name).join(', ')
}

async function firstRow(
  connection: Driver.DuckDBConnection,
  query: ReturnType<typeof printed>,
): Promise<Row | undefined> {
  const result = await run(connection, query)
  const [row] = await result.getRows()
  if (!row) return undefined
  const names = result.columnNames()
  return Object.fromEntries(row.map((value, at) => [names[at], cellOf(String(result.columnType(at)))(value)]))
}

async function columnsOf(
  connection: Driver.DuckDBConnection,
  table: Table,
  tokens?: Tokens,
): Promise<ReadonlyMap<string, ValueType> | undefined> {
  const name = `columns of ${nameOf(table, tokens)}`
  const target = from({ ...table, name: [printName(table.name, tokens)] })
  const described = await run(connection, { name, text: `describe ${print(target, duckdbDialect)}` }).catch(
    () => undefined,
  )
  const result = described ?? (await listedColumns(connection, name, table, tokens))
  const rows = await result.getRows()
  if (rows.length === 0) return undefined
  return new Map(rows.map(([column, type]) => [String(column), valueType(String(type))]))
}

/** What is not there, or is a view that stands no more. DuckDB binds every view of the database to answer this. */
function listedColumns(connection: Driver.DuckDBConnection, name: string, table: Table, tokens?: Tokens) {
  return run(connection, {
    name,
    // In DuckDB a name has no case, quoted or not.
    text: `
      select column_name, data_type from duckdb_columns()
      where lower(database_name) = lower(coalesce($database, current_database()))
        and lower(schema_name) = lower($schema) and lower(table_name) = lower($table)
      order by column_index`,
    values: { database: table.database ?? null, schema: table.schema, table: printName(table.name, tokens) },
  })
}
