import type { Knex } from 'knex'
import pLimit, { type LimitFunction } from 'p-limit'
import type { Client } from 'pg'
import { failure } from '../error.ts'
import type { Dialect, ValueType } from '../sql/dialect.ts'
import { type Bound, from, id, join, print, printName, type Sql, sql, type Table, type Tokens } from '../sql/sql.ts'
import { builtIn, cellOf, ofCategory } from './postgres-cells.ts'
import { copyInto } from './postgres-copy.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { aboutServer, tryCreate } from './postgres-doctor.ts'
import { reachOf, wordsOf } from './postgres-remedy.ts'
import { isConflict, type Printed, printed, type Result, run, unbound } from './postgres-statement.ts'
import { StatementError } from './statement-error.ts'
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
  #closed = false

  /** `connections`: how many the pool has at most. */
  constructor(pool: Knex, connections: number) {
    this.#pool = pool
    this.#reading = pLimit(Math.max(1, connections - 1))
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
    const leave = await entered(this.#reading)
    const connection = await this.#connect().catch((error: unknown) => {
      leave()
      throw error
    })
    try {
      // Small pages are cut out of larger answers: a round trip costs more than rows.
      const perAnswer = page * Math.max(1, Math.floor(SMALLEST_ANSWER / page))
      const rowsLeft = statement(sql`fetch forward ${perAnswer} from pages`)
      // The cursor outlives its transaction with a copy of the rows: however slowly they are read, and even if the
      // reader is frozen, no lock keeps others from dropping the table.
      const total = await transaction(connection, 'isolation level repeatable read read only', async () => {
        const counted = await run(connection, statement(sql`select count(*) from ${from(table)}`))
        await run(
          connection,
          statement(sql`
            declare pages no scroll cursor with hold for
            select ${join(columns.map(id))}
            from ${from(table)}${orderBy === undefined ? sql`` : sql` order by ${id(orderBy)}`}`),
        )
        return Number(counted.rows[0]?.[0])
      })
      let rows = 0
      while (rows < total) {
        const result = await run(connection, rowsLeft)
        if (result.rows.length === 0) break
        rows += result.rows.length
        for (let start = 0; start < result.rows.length; start += page) yield pageOf(result, start, start + page)
      }
      if (rows !== total)
        throw new StatementError(name, '', new Error(`the result was cut short: ${rows} of ${total} rows`))
    } finally {
      leave()
      await this.#drop(connection)
    }
  }

  async append(table: Table, rows: Page, tokens?: Tokens): Promise<void> {
    if (rows.rows === 0) return
    const name = `append to ${nameOf(table, tokens)}`
    const target = print(from(table), this.dialect, tokens)
    await this.#again((connection) => copyInto(connection, name, target, rows))
    // Apart: a copy that was done is not done again because of another who analyzes the table.
    if (this.#isNewToPlanner(nameOf(table, tokens), rows.rows))
      await this.#again((connection) => run(connection, { name, text: `analyze ${target}`, values: [] }))
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
    await this.#with((connection) => tryCreate(connection, schema))
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
    return this.#again((connection) => transaction(connection, '', () => work(connection)))
  }

  /** Does work that leaves nothing behind when it fails; again where that was only because of another at the same time. */
  async #again<T>(work: (connection: Client) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#with(work)
      } catch (error) {
        if (attempt === ATTEMPTS || !isConflict(error)) throw error
      }
    }
  }

  async #with<T>(work: (connection: Client) => Promise<T>): Promise<T> {
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

  /** Gives back the connection of a read, which may have ended early. */
  async #drop(connection: Client): Promise<void> {
    if (this.#busy.has(connection))
      await run(connection, { name: 'close cursor', text: 'close all', values: [] }).catch(() => undefined)
    await this.#release(connection)
  }

  async #release(connection: Client): Promise<void> {
    if (this.#busy.delete(connection)) await this.#pool.client.releaseConnection(connection)
  }
}

/** Rows that are fetched at once, if pages are smaller. */
const SMALLEST_ANSWER = 1_000

/** Attempts at a script that meets others; each waits for the one that it met. */
const ATTEMPTS = 10

async function transaction<T>(connection: Client, how: string, work: () => Promise<T>): Promise<T> {
  const say = (text: string) => run(connection, { name: text, text, values: [] })
  await say(`begin transaction ${how}`.trimEnd())
  try {
    const done = await work()
    await say('commit')
    return done
  } catch (error) {
    // A connection that is gone has nothing to roll back.
    await say('rollback').catch(() => {})
    throw error
  }
}

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

function pageOf({ fields, rows: all }: Result, start: number, end: number): Page {
  const rows = all.slice(start, end)
  const columns = fields.map(({ oid }, at) => {
    const cell = cellOf(oid)
    return rows.map((row) => cell(row[at] ?? null))
  })
  return { rows: rows.length, columns }
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
