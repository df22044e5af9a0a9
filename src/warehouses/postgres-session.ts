import type { Knex } from 'knex'
import pLimit, { type LimitFunction } from 'p-limit'
import type { Client } from 'pg'
import { failure } from '../error.ts'
import type { Dialect, ValueType } from '../sql/dialect.ts'
import { type Bound, from, print, printName, type Sql, type Table, type Tokens } from '../sql/sql.ts'
import { builtIn, cellOf, ofCategory } from './postgres-cells.ts'
import { copyInto } from './postgres-copy.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { aboutServer, tryCreate } from './postgres-doctor.ts'
import { numbersOf, type Reading, readHeld, readNumbered, readOpen } from './postgres-read.ts'
import { reachOf, wordsOf } from './postgres-remedy.ts'
import { isConflict, type Printed, printed, type Result, run, unbound } from './postgres-statement.ts'
import { type Transaction, transaction } from './postgres-transaction.ts'
import type { About, Page, Row, Session } from './warehouse.ts'

/** So few rows are joined row by row in no time. */
const FEW = 200

/** Postgres behind the `Session` interface. Each call has a connection of the pool to itself while it runs. */
export class PostgresSession implements Session {
  readonly dialect: Dialect = postgresDialect
  readonly #pool: Knex
  readonly #busy = new Set<Client>()
  /** A read keeps its connection for as long as its reader likes, who may need another one to go on. */
  readonly #reading: LimitFunction
  /** Rows that were appended by table, and how many of them its statistics are to know next. */
  readonly #appended = new Map<string, { rows: number; next: number }>()
  /** Behind a pooler what sets up each transaction, as no connection is ours for longer; undefined where they are. */
  readonly #settings: string | undefined
  #closed = false

  /** `connections`: how many the pool has at most. */
  constructor(pool: Knex, connections: number, settings: string | undefined) {
    this.#pool = pool
    this.#reading = pLimit(Math.max(1, connections - 1))
    this.#settings = settings
  }

  async columns(table: Table, tokens?: Tokens): Promise<ReadonlyMap<string, ValueType> | undefined> {
    return await this.#with((connection) => columnsOf(connection, table, tokens))
  }

  async describe(query: Sql, tokens?: Tokens): Promise<ReadonlyMap<string, ValueType>> {
    // A query that reads nothing is planned as a whole; only what is constant in it is computed.
    const text = `select * from (\n${unbound(query, tokens, this.dialect)}\n) as described limit 0`
    return await this.#with(async (connection) => {
      const { fields } = await run(connection, { name: 'describe', text, values: [] })
      const types = await typesOf(connection, fields)
      return new Map(fields.map(({ name, oid }) => [name, builtIn(oid) ?? types.get(oid) ?? 'unknown']))
    })
  }

  async script(statements: readonly Bound[]): Promise<readonly { rows: number }[]> {
    const all = statements.map((bound) => printed(bound, this.dialect))
    return await this.#write((connection) => runAll(connection, all))
  }

  async first(query: Bound): Promise<Row | undefined> {
    const pieces = printed(query, this.dialect)
    return await this.#with((connection) => firstRow(connection, pieces))
  }

  async ask(statements: readonly Bound[], query: Bound): Promise<Row | undefined> {
    const all = statements.map((bound) => printed(bound, this.dialect))
    const last = printed(query, this.dialect)
    return await this.#write(async (connection) => {
      await runAll(connection, all)
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
    const name = `read of ${nameOf(table, tokens)}`
    const statement = (query: Sql) => ({ name, text: print(query, this.dialect, tokens), values: [] })
    const reading: Reading = { table, columns, page, orderBy, name, statement }
    const transaction: Transaction = (how, work) => this.#transaction(how, work)
    const numbers = this.#settings === undefined ? undefined : await numbersOf(reading, transaction)
    if (numbers !== undefined) yield* readNumbered(reading, numbers, transaction)
    else yield* this.#readByCursor(reading)
  }

  async *#readByCursor(reading: Reading): AsyncGenerator<Page> {
    const leave = await entered(this.#reading)
    const connection = await this.#connect().catch((error: unknown) => {
      leave()
      throw error
    })
    try {
      yield* this.#settings === undefined
        ? readHeld(reading, connection)
        : readOpen(reading, connection, this.#settings)
    } finally {
      leave()
      await this.#release(connection)
    }
  }

  async append(table: Table, rows: Page, tokens?: Tokens): Promise<void> {
    if (rows.rows === 0) return
    const name = `append to ${nameOf(table, tokens)}`
    const target = print(from(table), this.dialect, tokens)
    await this.#again(() => this.#with((connection) => copyInto(connection, name, target, rows)))
    // Apart: a copy that was done is not done again because of another who analyzes the table.
    if (this.#isNewToPlanner(nameOf(table, tokens), rows.rows))
      await this.#again(() =>
        this.#with((connection) => run(connection, { name, text: `analyze ${target}`, values: [] })),
      )
  }

  /**
   * Without statistics the planner takes a table for a small one, and joins it row by row; the server's own come minutes
   * later. They are made anew whenever the rows have doubled.
   */
  #isNewToPlanner(name: string, rows: number): boolean {
    const known = this.#appended.get(name) ?? { rows: 0, next: FEW }
    known.rows += rows
    this.#appended.set(name, known)
    if (known.rows < known.next) return false
    known.next = known.rows * 2
    return true
  }

  async about(): Promise<About> {
    return await this.#with(aboutServer)
  }

  async tryCreate(schema: string): Promise<'tried'> {
    await this.#borrow((connection) => tryCreate(connection, schema))
    return 'tried'
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    // What still runs fails; the server ends it when it finds nobody there.
    for (const connection of this.#busy) {
      sever(connection)
      await this.#release(connection)
    }
    await this.#pool.destroy()
  }

  /** Does work in one transaction, all or nothing. */
  #write<T>(work: (connection: Client) => Promise<T>): Promise<T> {
    return this.#again(() => this.#transaction('', work))
  }

  /** Does work that leaves nothing behind when it fails; again where that was only because of another at the same time. */
  async #again<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (attempt === ATTEMPTS || !isConflict(error)) throw error
      }
    }
  }

  #with<T>(work: (connection: Client) => Promise<T>): Promise<T> {
    return this.#settings === undefined ? this.#borrow(work) : this.#transaction('', work)
  }

  #transaction<T>(how: string, work: (connection: Client) => Promise<T>): Promise<T> {
    return this.#borrow((connection) =>
      transaction(connection, { how, settings: this.#settings }, () => work(connection)),
    )
  }

  async #borrow<T>(work: (connection: Client) => Promise<T>): Promise<T> {
    const connection = await this.#connect()
    try {
      return await work(connection)
    } finally {
      await this.#release(connection)
    }
  }

  async #connect(): Promise<Client> {
    if (this.#closed) throw failure('bug', 'bug/unexpected', 'The warehouse was used after it was closed.')
    const connection: Client = await this.#pool.client.acquireConnection().catch((error: unknown) => {
      const message = `The warehouse cannot be reached any more: ${wordsOf(error)}`
      throw failure('warehouse', 'warehouse/connection', message, reachOf(error), error)
    })
    this.#busy.add(connection)
    return connection
  }

  async #release(connection: Client): Promise<void> {
    if (this.#busy.delete(connection)) await this.#pool.client.releaseConnection(connection)
  }
}

/** Attempts at a script that meets others; each waits for the one that it met. */
const ATTEMPTS = 10

/** How many rows each statement, in its pieces, wrote. */
async function runAll(connection: Client, all: readonly (readonly Printed[])[]): Promise<{ rows: number }[]> {
  const counts: { rows: number }[] = []
  for (const pieces of all) {
    let rows = 0
    for (const piece of pieces) rows += writtenBy(piece, await run(connection, piece))
    counts.push({ rows })
  }
  return counts
}

async function firstRow(connection: Client, [query]: readonly Printed[]): Promise<Row | undefined> {
  if (query === undefined) return undefined
  const { fields, rows } = await run(connection, query)
  const [row] = rows
  return row && Object.fromEntries(fields.map(({ name, oid }, at) => [name, cellOf(oid)(row[at] ?? null)]))
}

/** Waits for a place; returns what gives it back. */
function entered(places: LimitFunction): Promise<() => void> {
  return new Promise((enter) => void places(() => new Promise<void>(enter)))
}

/** What a query reads is not written. */
function writtenBy({ text }: Printed, { fields, count }: Result): number {
  return fields.length > 0 && !/\breturning\b/i.test(text) ? 0 : count
}

function nameOf(table: Table, tokens?: Tokens): string {
  return `${table.schema}.${printName(table.name, tokens)}`
}

async function columnsOf(
  connection: Client,
  table: Table,
  tokens?: Tokens,
): Promise<ReadonlyMap<string, ValueType> | undefined> {
  const columns = await rawColumns(connection, table, tokens)
  if (columns.length === 0) return undefined
  return new Map(columns.map(({ name, oid, category }) => [name, builtIn(oid) ?? ofCategory(category)]))
}

interface RawColumn {
  readonly name: string
  /** Of the type beneath a domain. */
  readonly oid: number
  readonly category: string
}

async function rawColumns(connection: Client, table: Table, tokens?: Tokens): Promise<readonly RawColumn[]> {
  const { rows } = await run(connection, {
    name: `columns of ${nameOf(table, tokens)}`,
    text: `
      select a.attname, coalesce(nullif(t.typbasetype, 0), t.oid), t.typcategory
      from pg_catalog.pg_attribute as a
      join pg_catalog.pg_class as c on c.oid = a.attrelid
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      join pg_catalog.pg_type as t on t.oid = a.atttypid
      where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'v', 'm', 'f')
        and a.attnum > 0 and not a.attisdropped
        -- Of other databases the server shows nothing.
        and current_database() = coalesce(nullif($3, ''), current_database())
      order by a.attnum`,
    values: [table.schema, printName(table.name, tokens), table.database ?? ''],
  })
  return rows.map(([name, oid, category]) => ({
    name: name ?? '',
    oid: Number(oid),
    category: category ?? '',
  }))
}

/** The types of columns that are not built in. */
async function typesOf(connection: Client, fields: Result['fields']): Promise<ReadonlyMap<number, ValueType>> {
  const others = fields.filter(({ oid }) => builtIn(oid) === undefined)
  if (others.length === 0) return new Map()
  const { rows } = await run(connection, {
    name: 'types',
    text: 'select oid, typcategory from pg_catalog.pg_type where oid = any(cast($1 as oid[]))',
    values: [`{${others.map(({ oid }) => oid).join(',')}}`],
  })
  return new Map(rows.map(([oid, category]) => [Number(oid), ofCategory(category)]))
}

function sever(connection: Client): void {
  const { stream } = (connection as unknown as { connection: { stream: { destroy(): void } } }).connection
  stream.destroy()
}
