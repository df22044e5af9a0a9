import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { DestinationError, type Json } from '../connector.ts'
import { type Database, DatabaseError, type DatabaseResult, type RunStatement } from '../database.ts'
import { type Fault, type Holding, hasEffect, type Seen } from '../sandbox/sandbox.ts'
import type { Tables, TablesFor, TablesOptions } from '../sandbox/stand.ts'
import { type Account, databaseName, type Into } from './options.ts'
import { columnNames, createIn, lookUp, placeOf } from './table.ts'

/**
 * Tables in a DuckDB file, which gets the statements that Postgres would. Tables that syncs write are there from the
 * start with the columns that they name, but where the sync itself makes them.
 */
export const tablesFor: TablesFor = {
  identity: (account) => databaseName(account as Account),
  open: openTables,
}

function openTables(options: TablesOptions): Tables {
  const counters = { calls: 0, writes: 0 }
  let file: Promise<Opened> | undefined
  const opened = () => {
    file ??= openFile(options.file)
    return file
  }
  // One connection, one transaction after the other.
  let last: Promise<unknown> = Promise.resolve()
  const alone = <T>(act: () => Promise<T>): Promise<T> => {
    const next = last.then(act)
    last = next.catch(() => undefined)
    return next
  }
  const plain: Database = {
    dialect: 'duckdb',
    transaction: (mode, work) => alone(async () => transaction((await opened()).connection, mode, undefined, work)),
  }
  let prepared: Promise<void> | undefined
  const database: Database = {
    dialect: 'duckdb',
    transaction: async (mode, work) => {
      prepared ??= prepare(plain, options.places)
      await prepared
      return alone(async () => {
        counters.calls += 1
        if (mode === 'write') counters.writes += 1
        const seen = seenAs(mode, counters.calls)
        options.observe?.('received', seen)
        const fault = options.fault?.(seen)
        const done = await transaction((await opened()).connection, mode, fault, work, () =>
          options.observe?.('applied', seen),
        )
        options.observe?.('answered', seen)
        return done
      })
    },
  }
  const close = async () => {
    const open = await file?.catch(() => undefined)
    file = undefined
    prepared = undefined
    open?.connection.closeSync()
    open?.instance.closeSync()
  }
  return {
    database,
    contents: () =>
      alone(async () => (file === undefined && !existsSync(options.file) ? [] : holdings((await opened()).connection))),
    counters: () => ({ ...counters }),
    reset: () =>
      alone(async () => {
        await close()
        for (const end of ['', '.wal']) await rm(`${options.file}${end}`, { force: true })
      }),
    close: () => alone(close),
  }
}

interface Opened {
  readonly instance: DuckDBInstance
  readonly connection: DuckDBConnection
}

async function openFile(path: string): Promise<Opened> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  await mkdir(dirname(path), { recursive: true })
  try {
    const instance = await DuckDBInstance.create(path, { threads: '1', memory_limit: '256MB' })
    const connection = await instance.connect()
    await connection.run(`set TimeZone = 'UTC'`)
    return { instance, connection }
  } catch {
    throw new DatabaseError('busy', 'connect', false, 'another process uses the sandbox')
  }
}

async function prepare(database: Database, places: TablesOptions['places']): Promise<void> {
  for (const { account, into, columns } of places) {
    const { schema } = account as Account
    const io = { columns, mode: 'upsert' as const, now: () => 0 }
    const where = { schema, user: undefined, database: undefined }
    const place = await placeOf(database, where, into as Into, io).catch((error: unknown) => {
      // The connector tells of it.
      if (error instanceof DestinationError) return undefined
      throw error
    })
    if (place === undefined) continue
    if (schema !== undefined)
      await database.transaction('write', (run) => run({ sql: place.statements.createSchema(), values: [] }))
    const found = await lookUp(place)
    if (found === undefined && place.into.create) continue
    await database.transaction('write', async (run) => {
      if (found === undefined) return createIn(run, place)
      const missing = columnNames(place.into, place.io).filter((name) => !hasName(found.columns.keys(), name))
      for (const statement of place.statements.add(missing.map((name) => ({ name, type: place.typeOf(name) }))))
        await run(statement)
    })
  }
}

/** Names have no case there. */
function hasName(names: Iterable<string>, name: string): boolean {
  return [...names].some((one) => one.toLowerCase() === name.toLowerCase())
}

async function transaction<T>(
  connection: DuckDBConnection,
  mode: 'read' | 'write',
  fault: Fault | undefined,
  work: (run: RunStatement) => Promise<T>,
  applied?: () => void,
): Promise<T> {
  await connection.run(mode === 'read' ? 'begin transaction read only' : 'begin transaction')
  let during: DatabaseError['during'] = 'statement'
  try {
    const done = await work((statement) => run(connection, statement.sql, statement.values))
    during = 'commit'
    if (fault && !hasEffect(fault)) throw new DatabaseError('reset', during, false)
    await connection.run('commit')
    applied?.()
    if (fault?.kind === 'late') await fault.until
    else if (fault && fault.kind !== 'last') throw new DatabaseError('reset', during, false)
    return done
  } catch (error) {
    // Nothing is left to roll back behind a commit.
    await connection.run('rollback').catch(() => undefined)
    throw error instanceof Error && CODES.some(([name]) => error.message.startsWith(name))
      ? new DatabaseError(codeOf(error), during, true)
      : error
  }
}

async function run(
  connection: DuckDBConnection,
  sql: string,
  values: Parameters<RunStatement>[0]['values'],
): Promise<DatabaseResult> {
  const reader = await connection.runAndReadAll(sql, [...values])
  const rows = reader.getRowObjectsJson() as readonly Readonly<Record<string, Json>>[]
  const text = (value: Json) => (value === null ? null : String(value))
  return {
    rows: rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, text(value)]))),
    count: reader.rowsChanged,
  }
}

/** DuckDB tells the kind of an error by its first words only. The codes are those of Postgres. */
const CODES: readonly (readonly [string, string])[] = [
  ['Constraint Error: NOT NULL', '23502'],
  ['Constraint Error', '23505'],
  ['Conversion Error', '22P02'],
  ['Invalid Input Error', '22023'],
  ['Out of Range Error', '22003'],
  ['Catalog Error', '42P01'],
  ['Binder Error', '42P10'],
  ['Parser Error', '42601'],
  ['TransactionContext Error', '40001'],
]

function codeOf({ message }: Error): string {
  return CODES.find(([name]) => message.startsWith(name))?.[1] ?? 'XX000'
}

async function holdings(connection: DuckDBConnection): Promise<readonly Holding[]> {
  const tables = await connection.runAndReadAll(`
    select
      case when schema_name = 'main' then table_name else schema_name || '.' || table_name end as place,
      '"' || replace(schema_name, '"', '""') || '"."' || replace(table_name, '"', '""') || '"' as quoted
    from duckdb_tables() where not internal order by place`)
  const found: Holding[] = []
  for (const { place, quoted } of tables.getRowObjectsJson()) {
    const reader = await connection.runAndReadAll(`select * from ${String(quoted)} order by all`)
    found.push({ place: `table ${String(place)}`, rows: reader.getRowObjectsJson() as Holding['rows'] })
  }
  return found
}

function seenAs(mode: 'read' | 'write', number: number): Seen {
  return {
    number,
    method: mode === 'write' ? 'POST' : 'GET',
    path: '/transaction',
    query: new URLSearchParams(),
    headers: {},
    body: '',
    atOnce: 1,
  }
}
