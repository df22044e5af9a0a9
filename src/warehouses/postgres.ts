import type { Knex } from 'knex'
import type { Client } from 'pg'
import { z } from 'zod'
import { failure } from '../error.ts'
import { secret } from '../secret.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { postgresGrants } from './postgres-grants.ts'
import { reachOf, wordsOf } from './postgres-remedy.ts'
import { PostgresSession } from './postgres-session.ts'
import { isPooled, ofSession, ofTransaction, type PostgresTiming } from './postgres-settings.ts'
import type { Access, Session, Warehouse } from './warehouse.ts'

const options = z.strictObject({
  host: z.string().min(1).default('localhost').describe('Name or address; a path is the folder of a Unix socket.'),
  port: z.coerce.number().int().min(1).max(65_535).default(5432).describe('Port of the server.'),
  database: z.string().min(1).describe('The database that holds the sources, the models and the state.'),
  user: z.string().min(1).describe('Role that connects.'),
  password: secret('Password of the role.').optional(),
  ssl: z
    .enum(['off', 'on'])
    .default('off')
    .describe('"on": encrypt, and refuse a server whose certificate is not valid for its name.'),
  pooler: z
    .enum(['off', 'on'])
    .optional()
    .describe('"on": a pooler stands between that may change connections after each transaction. Default: found out.'),
  connections: z.coerce.number().int().min(2).max(100).default(10).describe('Most connections at once.'),
})

export type PostgresOptions = z.infer<typeof options>

const MINUTE: PostgresTiming = { idle: 60_000 }

/** Postgres 15 or later. The driver is loaded by the first `connect`. */
export const postgres: Warehouse<PostgresOptions> & {
  connect(options: PostgresOptions, access: Access, timing?: PostgresTiming): Promise<Session>
} = {
  type: 'postgres',
  options,
  dialect: postgresDialect,
  grants: postgresGrants,
  isOwnDatabase: ({ database }, name) => database === name,
  async connect(given: PostgresOptions, access: Access, timing: PostgresTiming = MINUTE) {
    // Its named exports are not seen through an import of Node's.
    const { default: knex } = await import('knex').catch((error: unknown) => {
      throw failure('warehouse', 'warehouse/connection', 'The Postgres driver cannot be loaded.', undefined, error)
    })
    // The first connection says whether there is a pooler between; those that come later are set up if there is none.
    let alone: string | undefined
    const pool = knex({
      client: 'pg',
      // It would print of connections that are lost; whoever uses one is told.
      log: { warn: silent, error: silent, deprecate: silent, debug: silent },
      connection: {
        host: given.host,
        port: given.port,
        database: given.database,
        user: given.user,
        ...(given.password !== undefined && { password: given.password }),
        ...(given.ssl === 'on' && { ssl: true }),
        application_name: 'cdp',
        connectionTimeoutMillis: LONGEST_CONNECTING,
      },
      // A connection is free when a statement has ended, which may take as long as a merge of millions of rows.
      acquireConnectionTimeout: LONGEST_STATEMENT,
      pool: { min: 0, max: given.connections, afterCreate: (...created: Created) => setUp(alone, ...created) },
    })
    try {
      alone = await first(pool, given, (connection) => check(connection, given, ofSession(access, timing)))
    } catch (error) {
      await pool.destroy()
      throw error
    }
    return new PostgresSession(pool, given.connections, alone === undefined ? ofTransaction(access, timing) : undefined)
  },
}

/** Milliseconds after which a server that says nothing is given up. */
const LONGEST_CONNECTING = 20_000

/** Milliseconds for which a statement waits for those before it. */
const LONGEST_STATEMENT = 12 * 3_600_000

function silent(): void {}

type Created = [connection: Client, done: (error: Error | undefined, connection: Client) => void]

function setUp(settings: string | undefined, ...[connection, done]: Created): void {
  // The pool learns of a broken connection when it is used next; without a listener it would end the process.
  connection.on('error', () => {})
  if (settings === undefined) done(undefined, connection)
  else connection.query(settings, (error: Error | null) => done(error ?? undefined, connection))
}

/** Is the server there, and does it know what we need (`merge`)? Returns what sets up a connection, if it is ours alone. */
async function check(connection: Client, given: PostgresOptions, alone: string): Promise<string | undefined> {
  const where = placeOf(given)
  const { rows } = await connection.query<{ version: string; encoding: string; process: number }>(ASKED)
  const [{ version, encoding, process } = { version: '0', encoding: '', process: 0 }] = rows
  if (Number(version) < 150_000)
    throw failure('warehouse', 'warehouse/connection', `${where} is older than Postgres 15.`, 'Upgrade the server.')
  if (encoding !== 'UTF8')
    throw failure('warehouse', 'warehouse/connection', `${where} has the encoding ${encoding}, not UTF8.`)
  if (given.pooler === undefined ? isPooled(connection, process) : given.pooler === 'on') return undefined
  await connection.query(alone)
  return alone
}

const ASKED = `
  select
    current_setting('server_version_num') as version, current_setting('server_encoding') as encoding,
    pg_backend_pid() as process`

async function first<T>(pool: Knex, given: PostgresOptions, work: (connection: Client) => Promise<T>): Promise<T> {
  const connection: Client = await pool.client.acquireConnection().catch((error: unknown) => {
    const message = `${placeOf(given)} cannot be opened: ${wordsOf(error)}`
    throw failure('warehouse', 'warehouse/connection', message, reachOf(error), error)
  })
  try {
    return await work(connection)
  } finally {
    await pool.client.releaseConnection(connection)
  }
}

function placeOf({ host, database }: PostgresOptions): string {
  return `The database "${database}" on "${host}"`
}
