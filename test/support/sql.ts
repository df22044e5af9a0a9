import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import knex, { type Knex } from 'knex'
import { onTestFinished } from 'vitest'
import type { Change, Io } from '../../src/connectors/connector.ts'
import type { Database } from '../../src/connectors/database.ts'
import { openFiles } from '../../src/connectors/files.ts'
import { sql } from '../../src/connectors/sql/index.ts'
import type { Account, Into } from '../../src/connectors/sql/options.ts'
import { openDatabase } from '../../src/connectors/sql/server.ts'
import type { PostgresOptions } from '../../src/warehouses/postgres.ts'
import { sharedPostgres } from './shared-postgres.ts'
import { NOW, temporaryFolder } from './vendor.ts'

export const SLOT = { run: 'r', window: 0, batch: 0 }

/** Options of a table, with what YAML leaves out. */
export function placeIn(table: string, more: Partial<Into> = {}): Into {
  return { table, create: false, columns: {}, ...more }
}

export interface TableOptions {
  readonly columns: Io['columns']
  readonly mode?: Io['mode']
  readonly acts?: Io['acts']
}

/** An empty schema of a real Postgres: the account that reaches it, and a pool to look into it. */
export async function newSchema(): Promise<{ readonly account: Account & { schema: string }; readonly look: Knex }> {
  shared ??= sharedPostgres().then((server) => server.database())
  const { host, port, database, user } = await shared
  const schema = `Schema ${++schemas}`
  const look = knex({ client: 'pg', connection: { host, port, database, user }, searchPath: [schema] })
  onTestFinished(() => look.destroy())
  await look.raw('create schema ??', [schema])
  return { account: { client: 'postgres', host, port, database, user, schema, ssl: 'on', connections: 2 }, look }
}

let shared: Promise<PostgresOptions> | undefined
let schemas = 0

/** A table of that account, as a sync opens it. */
export function tableOf(account: Account, into: Into, options: TableOptions) {
  return channelOf(account, into, options, realDatabase())
}

/** Opens the databases that accounts declare, until the test ends. */
export function realDatabase(): NonNullable<Io['database']> {
  const ends: (() => Promise<void>)[] = []
  onTestFinished(async () => {
    for (const end of ends) await end()
  })
  return (client, server) => {
    const opened = openDatabase(client, server, {})
    ends.push(opened.end)
    return opened
  }
}

/** A table of any database. */
export function channelOf(
  account: Account,
  into: Into,
  options: TableOptions,
  database: (...given: Parameters<NonNullable<Io['database']>>) => Database,
) {
  const channel = sql.open(account, tableIo(options, database))
  return {
    channel,
    check: () => channel.check(into),
    send: (...batch: readonly Change[]) => channel.send(batch, into, SLOT),
    read: async (keys: readonly Change['key'][] | 'all') => {
      const rows = []
      for await (const row of channel.read?.(keys, into) ?? []) rows.push(row)
      return rows
    },
  }
}

/** An `Io` that reaches databases and no host. */
export function tableIo(
  { columns, mode = 'mirror', acts = [] }: TableOptions,
  database: NonNullable<Io['database']>,
): Io {
  return {
    fetch: async () => {
      throw new Error('a database is not asked by HTTP')
    },
    database,
    now: () => NOW,
    files: openFiles('/nowhere'),
    sync: 'customers_to_table',
    mode,
    acts,
    columns,
  }
}

/**
 * A way to a server that is lost once, when the client has said these words one after the other: before the server hears
 * the last, or after it has answered and before the client knows.
 */
export async function losing(account: Account, words: readonly string[], when: 'before' | 'after'): Promise<Account> {
  const folder = await temporaryFolder()
  const path = (host = '') => join(host, `.s.PGSQL.${account.port}`)
  const isPath = account.host?.startsWith('/') ?? false
  const sockets = new Set<Socket>()
  let isLost = false
  const server = createServer((client) => {
    const real = isPath ? connect(path(account.host)) : connect(account.port ?? 0, account.host)
    sockets.add(client).add(real)
    let heard = 0
    const lose = () => {
      isLost = true
      client.destroy()
      real.destroy()
    }
    client.on('error', () => undefined).on('close', () => real.destroy())
    real.on('error', () => undefined).on('close', () => client.destroy())
    client.on('data', (chunk) => {
      if (!isLost && chunk.includes(words[heard] ?? '\0\0\0never')) heard += 1
      if (heard === words.length && when === 'before') lose()
      else real.write(chunk)
    })
    real.on('data', (chunk) => (heard === words.length ? lose() : client.write(chunk)))
  })
  if (isPath) server.listen(path(folder))
  else server.listen(0, account.host)
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return typeof address === 'string' ? { ...account, host: folder } : { ...account, port: address?.port }
}
