import knex, { type Knex } from 'knex'
import { onTestFinished } from 'vitest'
import type { Database } from '../../src/connectors/database.ts'
import { openSandbox } from '../../src/connectors/sandbox/index.ts'
import type { Holding } from '../../src/connectors/sandbox/sandbox.ts'
import { type Account, serverOf } from '../../src/connectors/sql/options.ts'
import { openDatabase } from '../../src/connectors/sql/server.ts'
import type { Environment } from '../../src/environment.ts'
import { sharedPostgres } from './shared-postgres.ts'

/** A new database of a real Postgres: the account that reaches it, and a pool to look into it. */
export async function newDatabase(): Promise<{ readonly account: Account; readonly look: Knex }> {
  const { host, port, database, user } = await (await sharedPostgres()).database()
  const look = knex({ client: 'pg', connection: { host, port, database, user } })
  onTestFinished(() => look.destroy())
  return { account: { client: 'postgres', host, port, database, user, ssl: 'on', connections: 2 }, look }
}

/**
 * A sandbox in which the tables of one destination lie in that database instead of a file of DuckDB, whatever the
 * destination declares: the connector speaks to a real server, and all other vendors are emulated.
 */
export function sandboxWith(
  destination: string,
  { account, look }: { readonly account: Account; readonly look: Knex },
): Environment['openSandbox'] {
  return async (options) => {
    const sandbox = await openSandbox(options)
    const server = openDatabase('postgres', () => serverOf(account), {})
    const counters = { calls: 0, writes: 0 }
    const database: Database = {
      dialect: server.dialect,
      transaction: (mode, work) => {
        counters.calls += 1
        if (mode === 'write') counters.writes += 1
        return server.transaction(mode, work)
      },
    }
    return {
      ...sandbox,
      database: (name) => (name === destination ? database : sandbox.database(name)),
      contents: async () => {
        const holdings = await tablesOf(look)
        const all = await sandbox.contents()
        return all.map((one) => (one.destination === destination ? { ...one, holdings } : one))
      },
      counters: () => new Map([...sandbox.counters(), [destination, { ...counters }]]),
      close: async () => {
        await sandbox.close()
        await server.end()
      },
    }
  }
}

/** Every table, its rows as JSON that Postgres itself makes. */
async function tablesOf(look: Knex): Promise<readonly Holding[]> {
  const tables = await look('pg_catalog.pg_tables').where({ schemaname: 'public' }).orderBy('tablename')
  return Promise.all(
    tables.map(async ({ tablename }) => {
      const rows = await look(`${tablename} as t`).select(look.raw('to_jsonb(t) as row'))
      return { place: `table ${tablename}`, rows: rows.map(({ row }) => row) }
    }),
  )
}
