import { existsSync } from 'node:fs'
import { mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { beforeAll, inject } from 'vitest'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import { type PostgresOptions, postgres } from '../../src/warehouses/postgres.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { ALL } from './all.ts'
import { type Answer, ask, tell } from './database.ts'
import { connectTo } from './postgres.ts'
import { targetOf } from './postgres-shop.ts'
import { sharedPostgres } from './shared-postgres.ts'
import { change, loadAll, shopOn } from './shop-tables.ts'
import { edit, expected, filledShop, fillVendors, smallShop, warehouseOf } from './small-shop.ts'

/** On which warehouse a small shop stands, so that a test can take it from one folder to another. */
export interface Ground {
  readonly title: string
  /** A shop of which nothing is built yet; in a folder that is gone after the test unless `into` names another. */
  create(into?: string): Promise<string>
  /** A shop with all that its runs have left, likewise. */
  copy(from: string, into?: string): Promise<string>
  /** What copies a shop whose vendors are filled, likewise: the first test that needs it runs it. */
  filled(): (into?: string) => Promise<string>
  /** Brings what its files say now to where its sources read it. */
  refresh(directory: string): Promise<void>
  /** Rows of its warehouse, by no code of ours; none where there is no warehouse yet. */
  ask(directory: string, query: string): Promise<readonly Answer[]>
  /** Runs one statement on its warehouse, by no code of ours. */
  tell(directory: string, statement: string): Promise<void>
  /** A session that may write, to be closed. */
  connect(directory: string): Promise<Session>
}

export const ON_DUCKDB: Ground = {
  title: 'DuckDB',
  create: (into) => smallShop({ into }),
  copy: (from, into) => smallShop({ from, into }),
  filled: filledShop,
  refresh: async () => undefined,
  ask: async (directory, query) => {
    const warehouse = warehouseOf(directory)
    return existsSync(warehouse) ? ask(query, warehouse) : []
  },
  tell: (directory, statement) => tell(statement, warehouseOf(directory)),
  connect: (directory) =>
    duckdb.connect(duckdb.options.parse({ path: warehouseOf(directory) }), { directory, mode: 'write' }),
}

/** The filled shop of this process: a server ends with the process that started it. */
let filledOnPostgres: Promise<string> | undefined

export const ON_POSTGRES: Ground = {
  title: 'Postgres',
  create: async (into) => {
    const options = await (await sharedPostgres()).database()
    const directory = await shopOn(targetOf(options), into)
    await ON_POSTGRES.refresh(directory)
    return directory
  },
  copy: async (from, into) => {
    const before = await optionsOf(from)
    const { database } = await (await sharedPostgres()).database(before.database)
    const directory = await smallShop({ from, into })
    await change(join(directory, 'cdp.config.yaml'), `database: ${before.database}`, `database: ${database}`)
    return directory
  },
  filled: () => {
    let filled = ''
    beforeAll(async () => {
      filledOnPostgres ??= fillOnPostgres()
      filled = await filledOnPostgres
    })
    return (into) => ON_POSTGRES.copy(filled, into)
  },
  refresh: async (directory) => {
    const session = await ON_POSTGRES.connect(directory)
    await loadAll(directory, session)
    await session.close()
  },
  ask: (directory, query) => askPostgres(directory, query),
  tell: async (directory, statement) => void (await askPostgres(directory, statement)),
  connect: async (directory) => connectTo(await optionsOf(directory)),
}

/**
 * For what must be the same on each: both with `npm run test:all`, as in CI, and everyday Postgres, on which whole runs
 * take half the time.
 */
export const GROUNDS: readonly Ground[] = ALL ? [ON_DUCKDB, ON_POSTGRES] : [ON_POSTGRES]

/** Sets cells of one row of a file of the shop, and brings them to where its sources read them. */
export async function editOn(ground: Ground, ...[directory, ...edited]: Parameters<typeof edit>): Promise<void> {
  await edit(directory, ...edited)
  await ground.refresh(directory)
}

/** What the vendors of a shop must hold, asked of its published views. */
export function expectedOn(ground: Ground, directory: string): ReturnType<typeof expected> {
  return expected(directory, (query) => ground.ask(directory, query))
}

/** The tables of a comparison of the ledger that are there. */
export function scratchTables(ground: Ground, directory: string): Promise<readonly Answer[]> {
  const query = `
    select table_name from information_schema.tables
    where split_part(table_name, '_', 1) in ('expected', 'found', 'pairs', 'judged')`
  return ground.ask(directory, query)
}

async function fillOnPostgres(): Promise<string> {
  const directory = await mkdtemp(join(inject('runFolder'), 'filled-'))
  await ON_POSTGRES.create(directory)
  await fillVendors(directory)
  return directory
}

async function askPostgres(directory: string, query: string): Promise<readonly Answer[]> {
  const { host, database, user } = await optionsOf(directory)
  const client = new Client({ host, database, user })
  await client.connect()
  try {
    return (await client.query<Answer>(query)).rows
  } finally {
    await client.end()
  }
}

/** What `targetOf` wrote into the configuration of a shop. */
async function optionsOf(directory: string): Promise<PostgresOptions> {
  const text = await readFile(join(directory, 'cdp.config.yaml'), 'utf8')
  const [, host, database, user] = /host: "([^"]+)".* database: (\w+), user: (\w+)/.exec(text) ?? []
  return postgres.options.parse({ host, database, user })
}
