import type { Knex } from 'knex'
import type { Client } from 'pg'
import { z } from 'zod'
import { failure } from '../error.ts'
import { secret } from '../secret.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { postgresGrants } from './postgres-grants.ts'
import { reachOf, wordsOf } from './postgres-remedy.ts'
import { PostgresSession } from './postgres-session.ts'
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
  connections: z.coerce.number().int().min(2).max(100).default(10).describe('Most connections at once.'),
})

export type PostgresOptions = z.infer<typeof options>

/** How long things may take. */
export interface PostgresTiming {
  /**
   * Milliseconds after which the server ends a transaction in which nobody says anything: a process that was frozen in
   * the middle of one must not keep others out for ever.
   */
  readonly idle: number
}

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
      pool: { min: 0, max: given.connections, afterCreate: prepare(access, timing) },
    })
    await check(pool, given).catch(async (error: unknown) => {
      await pool.destroy()
      throw error
    })
    return new PostgresSession(pool, given.connections)
  },
}

/** Milliseconds after which a server that says nothing is given up. */
const LONGEST_CONNECTING = 20_000

/** Milliseconds for which a statement waits for those before it. */
const LONGEST_STATEMENT = 12 * 3_600_000

function silent(): void {}

type Created = (connection: Client, done: (error: Error | undefined, connection: Client) => void) => void

/** Sets up each connection of the pool. Names and texts of ours only: nothing of a user's stands here. */
function prepare({ mode }: Access, { idle }: PostgresTiming): Created {
  const settings = [
    `set time zone 'UTC'`,
    `set datestyle = 'ISO, YMD'`,
    `set extra_float_digits = 1`,
    `set client_min_messages = warning`,
    `set idle_in_transaction_session_timeout = ${Math.round(idle)}`,
    ...(mode === 'write' ? [] : [`set default_transaction_read_only = on`]),
  ].join('; ')
  return (connection, done) => {
    // The pool learns of a broken connection when it is used next; without a listener it would end the process.
    connection.on('error', () => {})
    connection.query(settings, (error: Error | null) => done(error ?? undefined, connection))
  }
}

/** Is the server there, and does it know what we need (`merge`)? */
async function check(pool: Knex, { host, database }: PostgresOptions): Promise<void> {
  const where = `The database "${database}" on "${host}"`
  const connection: Client = await pool.client.acquireConnection().catch((error: unknown) => {
    const message = `${where} cannot be opened: ${wordsOf(error)}`
    throw failure('warehouse', 'warehouse/connection', message, reachOf(error), error)
  })
  try {
    const query = `select current_setting('server_version_num') as version, current_setting('server_encoding') as encoding`
    const { rows } = await connection.query<{ version: string; encoding: string }>(query)
    const [{ version, encoding } = { version: '0', encoding: '' }] = rows
    if (Number(version) < 150_000)
      throw failure('warehouse', 'warehouse/connection', `${where} is older than Postgres 15.`, 'Upgrade the server.')
    if (encoding !== 'UTF8')
      throw failure('warehouse', 'warehouse/connection', `${where} has the encoding ${encoding}, not UTF8.`)
  } finally {
    await pool.client.releaseConnection(connection)
  }
}
