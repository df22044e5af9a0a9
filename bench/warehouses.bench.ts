import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type DuckDBConnection, DuckDBDataChunk, DuckDBInstance, type DuckDBValue, VARCHAR } from '@duckdb/node-api'
import pg from 'pg'
import { openEnvironment } from '../src/commands/world.ts'
import type { Environment } from '../src/environment.ts'
import { run as runProject } from '../src/pipeline.ts'
import { duckdb } from '../src/warehouses/duckdb.ts'
import { type PostgresOptions, postgres } from '../src/warehouses/postgres.ts'
import type { Page, Session, Warehouse } from '../src/warehouses/warehouse.ts'
import { type PostgresServer, startPostgres } from '../test/support/postgres.ts'
import { fillTables, sampleOn } from '../test/support/sample-tables.ts'
import { best, plain, print } from './measure.ts'

/*
 * Reading and writing rows of state through a session against the bare driver, the same rows in the same pages; and how
 * many statements a run of the sample takes that has nothing to do, and one that has something.
 */

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '1000000' }, times: { type: 'string', default: '3' } },
})
const ROWS = Number(values.rows)
const TIMES = Number(values.times)
const PAGE = 5_000
/** What a ledger keeps of a row that was acknowledged, as texts. */
const COLUMNS = ['key_hash', 'key_json', 'profile_id', 'state', 'fp', 'last_run_id'] as const
const FILLED = `
  select
    md5('k' || i) as key_hash, '{"email":"person.' || i || '@mail.example"}' as key_json, md5('p' || i) as profile_id,
    'synced' as state, md5('f' || i) as fp, 'run-1' as last_run_id`
const DEFINED = COLUMNS.map((name) => `${name} text`).join(', ')
const STATE = { schema: 'state', name: ['filled'] }
const TARGET = { schema: 'state', name: ['written'] }

/** Reads all rows of the table and writes pages into the other, both by the driver alone. */
interface Bare {
  read(): Promise<number>
  write(page: Page, times: number): Promise<void>
  /** The same where each page is a transaction, as it is through a session; absent where `write` does so. */
  writeEach?(page: Page, times: number): Promise<void>
  close(): Promise<void>
}

async function run(): Promise<void> {
  print(`${ROWS.toLocaleString('en-US')} rows of ${COLUMNS.length} texts, in pages of ${PAGE.toLocaleString('en-US')}`)
  const directory = mkdtempSync(join(tmpdir(), 'cdp-bench-'))
  const server = await startPostgres()
  try {
    await rowsOnDuckdb(directory)
    await rowsOnPostgres(server)
    await statements('DuckDB', '{ type: duckdb, path: .cdp/warehouse.duckdb }', duckdb, undefined)
    const database = await server.database()
    const target = `{ type: postgres, host: "${database.host}", database: ${database.database}, user: ${database.user} }`
    await statements('Postgres', target, postgres, database)
  } finally {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function rowsOnDuckdb(directory: string): Promise<void> {
  const session = await duckdb.connect(duckdb.options.parse({ path: 'bench.duckdb' }), { directory, mode: 'write' })
  await session.script([
    plain('create schema state'),
    plain(`create table state.filled as ${FILLED} from range(${ROWS}) as t(i)`),
    plain(`create table state.written (${DEFINED})`),
  ])
  const page = await firstPage(session)
  const ours = await measured(session, page)
  await session.script([plain('delete from state.written where true')])
  await session.close()
  const instance = await DuckDBInstance.create(join(directory, 'bench.duckdb'))
  const bare = bareDuckdb(instance, await instance.connect())
  await compare('DuckDB', ours, bare, page)
}

function bareDuckdb(instance: DuckDBInstance, connection: DuckDBConnection): Bare {
  return {
    read: async () => {
      const result = await connection.stream(`select ${COLUMNS.join(', ')} from state.filled`)
      let rows = 0
      for (
        let chunk = await result.fetchChunk();
        chunk !== null && chunk.rowCount > 0;
        chunk = await result.fetchChunk()
      )
        rows += chunk.getColumns()[0]?.length ?? 0
      return rows
    },
    write: (page, times) => appendBare(connection, page, times),
    writeEach: async (page, times) => {
      for (let one = 0; one < times; one++) await appendBare(connection, page, 1)
    },
    close: async () => {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

async function appendBare(connection: DuckDBConnection, { rows, columns }: Page, times: number): Promise<void> {
  const appender = await connection.createAppender('written', 'state')
  for (let page = 0; page < times; page++)
    for (let start = 0; start < rows; start += 2_048) {
      const chunk = DuckDBDataChunk.create(
        COLUMNS.map(() => VARCHAR),
        Math.min(2_048, rows - start),
      )
      chunk.setColumns(columns.map((column) => column.slice(start, start + 2_048) as DuckDBValue[]))
      appender.appendDataChunk(chunk)
    }
  appender.flushSync()
  appender.closeSync()
}

async function rowsOnPostgres(server: PostgresServer): Promise<void> {
  const database = await server.database()
  const session = await postgres.connect(database, { directory: '/', mode: 'write' })
  await session.script([
    plain('create schema state'),
    plain(`create table state.filled as ${FILLED} from generate_series(0, ${ROWS - 1}) as t(i)`),
    plain(`create table state.written (${DEFINED})`),
  ])
  const page = await firstPage(session)
  const ours = await measured(session, page)
  await session.script([plain('truncate state.written')])
  await session.close()
  await compare('Postgres', ours, await barePostgres(database), page)
}

async function barePostgres({ host, database, user }: PostgresOptions): Promise<Bare> {
  const client = new pg.Client({ host, database, user })
  await client.connect()
  const lists = COLUMNS.map((_, at) => `$${at + 1}::text[]`).join(', ')
  return {
    read: async () => {
      await client.query(`begin; declare pages cursor for select ${COLUMNS.join(', ')} from state.filled`)
      let rows = 0
      for (;;) {
        const answer = await client.query({ text: `fetch forward ${PAGE} from pages`, rowMode: 'array' })
        if (answer.rows.length === 0) break
        rows += answer.rows.length
      }
      await client.query('commit')
      return rows
    },
    write: async ({ columns }, times) => {
      const text = `insert into state.written select * from unnest(${lists})`
      for (let page = 0; page < times; page++) await client.query(text, columns as unknown[])
    },
    close: () => client.end(),
  }
}

async function firstPage(session: Session): Promise<Page> {
  for await (const page of session.read(STATE, COLUMNS, PAGE)) return page
  throw new Error('there are no rows')
}

/** How long all rows take to be read and to be written, in ms. */
async function measured(session: Session, page: Page): Promise<{ readonly read: number; readonly write: number }> {
  const pages = Math.ceil(ROWS / PAGE)
  const reading = await best(TIMES, async () => {
    let rows = 0
    for await (const one of session.read(STATE, COLUMNS, PAGE)) rows += one.rows
    if (rows !== ROWS) throw new Error(`${rows} rows were read`)
  })
  const writing = await best(TIMES, async () => {
    for (let one = 0; one < pages; one++) await session.append(TARGET, page)
  })
  return { read: reading.ms, write: writing.ms }
}

async function compare(
  title: string,
  ours: { readonly read: number; readonly write: number },
  bare: Bare,
  page: Page,
): Promise<void> {
  const reading = await best(TIMES, async () => {
    if ((await bare.read()) !== ROWS) throw new Error('the driver read other rows')
  })
  const writing = await best(TIMES, () => bare.write(page, Math.ceil(ROWS / PAGE)))
  const each = await best(TIMES, () => (bare.writeEach ?? bare.write)(page, Math.ceil(ROWS / PAGE)))
  await bare.close()
  print(`  ${title}: rows a second, read / by the bare driver        ${atLeast(reading.ms / ours.read, 0.7)}`)
  print(`  ${title}: rows a second, written / by the bare driver     ${atLeast(writing.ms / ours.write, 0.7)}`)
  print(`  ${title}: the same where it commits each page               ${(each.ms / ours.write).toFixed(2)} x`)
}

function atLeast(value: number, aim: number): string {
  return `${value.toFixed(2)} x (aim: at least ${aim} x${value < aim ? ', MISSED' : ''})`
}

/** What is asked of a warehouse: statements of scripts and single ones, and pages that are appended. */
interface Asked {
  statements: number
  reads: number
  appends: number
}

async function statements<Options>(
  title: string,
  target: string,
  warehouse: Warehouse<Options>,
  options: Options | undefined,
): Promise<void> {
  const { directory, remove } = await sampleOn(target)
  const given = options ?? warehouse.options.parse({ path: '.cdp/warehouse.duckdb' })
  const owner = await warehouse.connect(given, { directory, mode: 'write' })
  await fillTables(owner)
  if (options === undefined) await owner.close()
  const asked: Asked = { statements: 0, reads: 0, appends: 0 }
  const once = async (what: string) => {
    Object.assign(asked, { statements: 0, reads: 0, appends: 0 })
    const { environment, close } = openEnvironment(() => undefined, new AbortController().signal)
    const warehouses = new Map([[warehouse.type, counted(warehouse, asked)]]) as unknown as Environment['warehouses']
    const report = await runProject({ ...REQUEST, directory }, { ...environment, warehouses })
    await close()
    if (report.status !== 'ok') throw new Error(JSON.stringify(report.errors))
    print(`  ${title}: ${what}: ${asked.statements} statements, ${asked.reads} reads, ${asked.appends} appends`)
  }
  try {
    await once('the first run of the sample, 6 syncs')
    await once('a run with nothing to do')
    const change = `update raw.orders set amount = amount + 1 where order_id = (select min(order_id) from raw.orders)`
    const editor = options === undefined ? await warehouse.connect(given, { directory, mode: 'write' }) : owner
    await editor.script([plain(change)])
    await editor.close()
    await once('a run with one order changed')
  } finally {
    remove()
  }
}

const REQUEST = {
  target: undefined,
  vars: {},
  now: undefined,
  select: [],
  exclude: [],
  sandbox: true,
  dryRun: false,
  maxChanges: undefined,
} as const

function counted<Options>(warehouse: Warehouse<Options>, asked: Asked): Warehouse<Options> {
  return {
    ...warehouse,
    connect: async (options, access) => {
      const session = await warehouse.connect(options, access)
      return new Proxy(session, {
        get(of, name: keyof Session) {
          const member = of[name]
          if (typeof member !== 'function') return member
          return (...given: unknown[]) => {
            if (name === 'script' || name === 'ask') asked.statements += (given[0] as readonly unknown[]).length
            if (name === 'ask' || name === 'first' || name === 'columns' || name === 'describe') asked.statements += 1
            if (name === 'read') asked.reads += 1
            if (name === 'append') asked.appends += 1
            return Reflect.apply(member, of, given)
          }
        },
      })
    },
  }
}

await run()
