import type { Client } from 'pg'
import { from, id, join, type Sql, sql, type Table } from '../sql/sql.ts'
import { builtIn, cellOf } from './postgres-cells.ts'
import { type Printed, type Result, run } from './postgres-statement.ts'
import { begin, SNAPSHOT, say, type Transaction, transaction } from './postgres-transaction.ts'
import { StatementError } from './statement-error.ts'
import type { Page } from './warehouse.ts'

/** What is read of a finished table. */
export interface Reading {
  readonly table: Table
  readonly columns: readonly string[]
  /** Rows of a page. */
  readonly page: number
  readonly orderBy: string | undefined
  readonly name: string
  readonly statement: (query: Sql) => Printed
}

/**
 * By a cursor that outlives its transaction with a copy of the rows: however slowly they are read, and even if the reader
 * is frozen, no lock keeps others from dropping the table. The connection must be ours alone.
 */
export async function* readHeld(reading: Reading, connection: Client): AsyncGenerator<Page> {
  try {
    const total = await transaction(connection, { how: SNAPSHOT }, () => declared(reading, connection, sql` with hold`))
    yield* fetched(reading, connection, total)
  } finally {
    await say(connection, 'close all').catch(() => undefined)
  }
}

/** The same behind a pooler, where a cursor ends with its transaction. */
export async function* readOpen(reading: Reading, connection: Client, settings: string): AsyncGenerator<Page> {
  const patient = `${settings}; set local idle_in_transaction_session_timeout = ${PATIENCE}`
  await begin(connection, { how: SNAPSHOT, settings: patient })
  try {
    yield* fetched(reading, connection, await declared(reading, connection, sql``))
  } finally {
    await say(connection, 'rollback').catch(() => undefined)
  }
}

/** Milliseconds that a reader may take for what was fetched at once: it may ask a vendor about each row. */
const PATIENCE = 600_000

/** The numbers of the rows of a table whose order numbers them without a gap. */
export interface Numbers {
  readonly first: number
  readonly last: number
}

/** Undefined of a table that is empty or has no such order. */
export async function numbersOf(
  { table, orderBy, statement }: Reading,
  transaction: Transaction,
): Promise<Numbers | undefined> {
  if (orderBy === undefined) return undefined
  const column = id(orderBy)
  const ends = sql`select count(*), min(${column}), max(${column}), count(${column}) from ${from(table)}`
  const { fields, rows } = await transaction(SNAPSHOT, (connection) => run(connection, statement(ends)))
  if (builtIn(fields[1]?.oid ?? 0) !== 'integer') return undefined
  const [total = 0, first = 0, last = 0, known = 0] = (rows[0] ?? []).map(Number)
  return total > 0 && known === total && last - first + 1 === total ? { first, last } : undefined
}

/** Stretch by stretch, each in a transaction of its own: a reader who takes hours holds nothing meanwhile. */
export async function* readNumbered(
  reading: Reading,
  { first, last }: Numbers,
  transaction: Transaction,
): AsyncGenerator<Page> {
  const { orderBy = '', page, statement } = reading
  const rows = page * Math.max(1, Math.floor(STRETCH / page))
  const order = id(orderBy)
  let read = 0
  for (let start = first; start <= last; start += rows) {
    const some = sql`${selected(reading)} where ${order} between ${start} and ${start + rows - 1} order by ${order}`
    const result = await transaction(SNAPSHOT, (connection) => run(connection, statement(some)))
    read += result.rows.length
    yield* pagesOf(result, page)
  }
  checkWhole(reading, read, last - first + 1)
}

/** Rows that are read by one statement, which looks through the whole table for them. */
const STRETCH = 50_000

/** Rows that are fetched at once, if pages are smaller. */
const SMALLEST_ANSWER = 1_000

/** Declares the cursor; returns how many rows there are. */
async function declared(reading: Reading, connection: Client, hold: Sql): Promise<number> {
  const { table, orderBy, statement } = reading
  const order = orderBy === undefined ? sql`` : sql` order by ${id(orderBy)}`
  const counted = await run(connection, statement(sql`select count(*) from ${from(table)}`))
  await run(connection, statement(sql`declare pages no scroll cursor${hold} for ${selected(reading)}${order}`))
  return Number(counted.rows[0]?.[0])
}

async function* fetched(reading: Reading, connection: Client, total: number): AsyncGenerator<Page> {
  const { page, statement } = reading
  // Small pages are cut out of larger answers: a round trip costs more than rows.
  const perAnswer = page * Math.max(1, Math.floor(SMALLEST_ANSWER / page))
  const next = statement(sql`fetch forward ${perAnswer} from pages`)
  let rows = 0
  while (rows < total) {
    const result = await run(connection, next)
    if (result.rows.length === 0) break
    rows += result.rows.length
    yield* pagesOf(result, page)
  }
  checkWhole(reading, rows, total)
}

function selected({ table, columns }: Reading): Sql {
  return sql`
    select ${join(columns.map(id))}
    from ${from(table)}`
}

function* pagesOf({ fields, rows: all }: Result, page: number): Generator<Page> {
  for (let start = 0; start < all.length; start += page) {
    const rows = all.slice(start, start + page)
    const columns = fields.map(({ oid }, at) => {
      const cell = cellOf(oid)
      return rows.map((row) => cell(row[at] ?? null))
    })
    yield { rows: rows.length, columns }
  }
}

function checkWhole({ name }: Reading, rows: number, total: number): void {
  if (rows === total) return
  throw new StatementError(name, '', new Error(`the result was cut short: ${rows} of ${total} rows`))
}
