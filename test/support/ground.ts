import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { type PostgresOptions, postgres } from '../../src/warehouses/postgres.ts'
import { type Answer, ask } from './database.ts'
import { connectTo } from './postgres.ts'
import { targetOf } from './postgres-shop.ts'
import { sharedPostgres } from './shared-postgres.ts'
import { change, loadAll, shopOn } from './shop-tables.ts'
import { smallShop, warehouseOf } from './small-shop.ts'

/** On which warehouse a small shop stands, so that a test can take it from one folder to another. */
export interface Ground {
  readonly title: string
  /** A shop of which nothing is built yet. */
  create(into: string): Promise<void>
  /** A shop with all that its runs have left. */
  copy(from: string, into: string): Promise<void>
  /** Brings what its files say now to where its sources read it. */
  refresh(directory: string): Promise<void>
  /** Rows of its warehouse, by no code of ours; none where there is no warehouse yet. */
  ask(directory: string, query: string): Promise<readonly Answer[]>
}

export const ON_DUCKDB: Ground = {
  title: 'DuckDB',
  create: async (into) => void (await smallShop({ into })),
  copy: async (from, into) => void (await smallShop({ from, into })),
  refresh: async () => undefined,
  ask: async (directory, query) => {
    const warehouse = warehouseOf(directory)
    return existsSync(warehouse) ? ask(query, warehouse) : []
  },
}

export const ON_POSTGRES: Ground = {
  title: 'Postgres',
  create: async (into) => {
    const options = await (await sharedPostgres()).database()
    await shopOn(targetOf(options), into)
    await ON_POSTGRES.refresh(into)
  },
  copy: async (from, into) => {
    const before = await optionsOf(from)
    const { database } = await (await sharedPostgres()).database(before.database)
    await smallShop({ from, into })
    await change(join(into, 'cdp.config.yaml'), `database: ${before.database}`, `database: ${database}`)
  },
  refresh: async (directory) => {
    const session = await connectTo(await optionsOf(directory))
    await loadAll(directory, session)
    await session.close()
  },
  ask: async (directory, query) => {
    const { host, database, user } = await optionsOf(directory)
    const client = new Client({ host, database, user })
    await client.connect()
    const { rows } = await client.query<Answer>(query)
    await client.end()
    return rows
  },
}

/** What `targetOf` wrote into the configuration of a shop. */
async function optionsOf(directory: string): Promise<PostgresOptions> {
  const text = await readFile(join(directory, 'cdp.config.yaml'), 'utf8')
  const [, host, database, user] = /host: "([^"]+)".* database: (\w+), user: (\w+)/.exec(text) ?? []
  return postgres.options.parse({ host, database, user })
}
