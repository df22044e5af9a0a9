import type { Knex } from 'knex'
import { cellOf } from '../../warehouses/postgres-cells.ts'
import { cleaned, TIMEOUT } from '../answer.ts'
import {
  type DatabaseClient,
  DatabaseError,
  type DatabaseResult,
  type DatabaseServer,
  type DatabaseStatement,
  type OpenDatabase,
} from '../database.ts'
import { NO_DRIVER } from './errors.ts'

/** How long a connection, a statement and a whole transaction may take, in milliseconds. */
const CONNECT = 15_000
const STATEMENT = 60_000
const TRANSACTION = 180_000

/** A real database behind knex. Its driver is loaded and its first connection made by the first transaction. */
export const openDatabase: OpenDatabase = (client, server, { signal }) => {
  let pool: Promise<Knex> | undefined
  let declared: DatabaseServer | undefined
  const failed = (error: unknown, during: DatabaseError['during']) => errorOf(client, error, during, declared)
  const connected = () => {
    declared ??= server()
    pool ??= open(client, declared)
    return pool
  }
  return {
    dialect: client,
    transaction: async (mode, work) => {
      let during: DatabaseError['during'] = 'connect'
      // Nobody waits any more: what is still open is rolled back as soon as it can be.
      let isOver = false
      const mustGoOn = () => {
        if (isOver) throw new DatabaseError('cut_off', during, false)
      }
      // What the work failed of; knex would tell of a rollback that could not be sent either.
      let cause: { readonly error: unknown } | undefined
      const act = async (transaction: Knex.Transaction) => {
        during = 'statement'
        try {
          const done = await work(async (statement) => {
            mustGoOn()
            try {
              return await run(client, transaction, statement)
            } catch (error) {
              throw failed(error, 'statement')
            }
          })
          mustGoOn()
          during = 'commit'
          return done
        } catch (error) {
          cause = { error }
          throw error
        }
      }
      try {
        if (signal?.aborted) throw new DatabaseError('cut_off', during, false)
        const opened = await connected()
        // SQL Server has no transactions that only read.
        const config = { readOnly: mode === 'read' && client !== 'sqlserver' }
        return await inTime(opened.transaction(act, config), signal, () => during)
      } catch (error) {
        isOver = true
        if (cause) throw cause.error
        throw during === undefined ? error : failed(error, during)
      }
    },
    end: async () => {
      const opened = await pool?.catch(() => undefined)
      // A connection that is stuck in a statement is not waited for.
      void opened?.destroy().catch(() => undefined)
    },
  }
}

async function open(client: DatabaseClient, server: DatabaseServer): Promise<Knex> {
  const { default: knex } = await import('knex')
  return knex({
    ...SETTINGS[client](server),
    // It would print what drivers say, which has values in it.
    log: { warn: silent, error: silent, deprecate: silent, debug: silent },
    acquireConnectionTimeout: CONNECT,
  })
}

function silent(): void {}

type Created = (connection: Plain, done: (error: Error | null | undefined, connection: Plain) => void) => void

/** What pg and mysql2 have in common. */
interface Plain {
  on(event: 'error', listener: () => void): void
  query(text: string, done: (error: Error | null) => void): void
}

/** Each connection is set up once; a connection that breaks in the pool must not end the process. */
function settingUp(statements: readonly string[]): Created {
  return (connection, done) => {
    connection.on('error', silent)
    const [next, ...rest] = statements
    if (next === undefined) return done(null, connection)
    connection.query(next, (error) => (error ? done(error, connection) : settingUp(rest)(connection, done)))
  }
}

const SETTINGS: Readonly<Record<DatabaseClient, (server: DatabaseServer) => Knex.Config>> = {
  postgres: (server) => ({
    client: 'pg',
    connection: {
      ...common(server),
      ...(server.ssl !== 'off' && !server.host.startsWith('/') && { ssl: tls(server) }),
      application_name: 'cdp',
      keepAlive: true,
      connectionTimeoutMillis: CONNECT,
      // Cells as the server prints them.
      types: { getTypeParser: () => String },
    } as Knex.PgConnectionConfig,
    pool: {
      min: 0,
      max: server.connections,
      afterCreate: settingUp([
        `set time zone 'UTC'; set datestyle = 'ISO, YMD'; set extra_float_digits = 1;
         set client_min_messages = warning; set standard_conforming_strings = on;
         set statement_timeout = ${STATEMENT}; set idle_in_transaction_session_timeout = ${STATEMENT}`,
      ]),
    },
  }),
  mysql: (server) => ({
    client: 'mysql2',
    connection: {
      ...common(server),
      ...(server.ssl !== 'off' && { ssl: mysqlTls(server) }),
      charset: 'utf8mb4',
      timezone: 'Z',
      connectTimeout: CONNECT,
      multipleStatements: false,
      // A row that has these values already counts as found.
      flags: 'FOUND_ROWS,-LOCAL_FILES',
      typeCast: (field: { string(encoding?: string): string | null }) => field.string('utf8'),
    } as Knex.MySql2ConnectionConfig,
    pool: {
      min: 0,
      max: server.connections,
      afterCreate: settingUp([
        `set time_zone = '+00:00'`,
        // Without these, values that do not fit are cut off and written, and a backslash would be more than itself.
        `set sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO'`,
        `set innodb_lock_wait_timeout = 30`,
      ]),
    },
  }),
  sqlserver: (server) => ({
    client: 'mssql',
    connection: {
      server: server.host,
      port: server.port,
      user: server.user,
      password: server.password ?? '',
      database: server.database,
      options: {
        port: server.port,
        database: server.database,
        encrypt: server.ssl !== 'off',
        trustServerCertificate: server.ssl === 'unverified',
        ...(server.ca !== undefined && { cryptoCredentialsDetails: { ca: server.ca } }),
        connectTimeout: CONNECT,
        requestTimeout: STATEMENT,
        appName: 'cdp',
        useUTC: true,
        // Else MERGE, UPDATE and unique indexes do not go together.
        enableArithAbort: true,
      },
    } as Knex.MsSqlConnectionConfig,
    pool: { min: 0, max: server.connections },
  }),
}

function common({ host, port, database, user, password }: DatabaseServer) {
  return { host, port, database, user, ...(password !== undefined && { password }) }
}

function tls({ ssl, ca }: DatabaseServer) {
  return { rejectUnauthorized: ssl === 'on', ...(ca !== undefined && { ca }) }
}

function mysqlTls(server: DatabaseServer) {
  // Without this mysql2 takes a certificate for any other host, too.
  return { ...tls(server), verifyIdentity: server.ssl === 'on' }
}

async function run(
  client: DatabaseClient,
  transaction: Knex.Transaction,
  { sql, values }: DatabaseStatement,
): Promise<DatabaseResult> {
  if (client === 'mysql') await mustFit(transaction, { sql, values })
  return RESULTS[client](await transaction.raw(sql, values as Knex.RawBinding[]).timeout(STATEMENT + 5_000))
}

/** The least that servers take at once as they come, in bytes: that of MySQL 5.5. */
const ALWAYS_FITS = 1024 * 1024

/**
 * Throws what the server says of a statement that is larger than it takes. It hangs up while it is still being sent to,
 * so that its answer is often lost, and what would come again and again is the loss of a connection.
 */
async function mustFit(transaction: Knex.Transaction, { sql, values }: DatabaseStatement): Promise<void> {
  const sizes = values.map((value) => Buffer.byteLength(String(value)))
  const size = sizes.reduce((sum, one) => sum + one + 2, sql.length)
  // Escaped, a text may be twice as long.
  if (2 * size < ALWAYS_FITS) return
  const escapes = values.map((value) => (typeof value === 'string' ? value.split(ESCAPED).length - 1 : 0))
  const [[{ most }]] = await transaction.raw('select @@max_allowed_packet as most').timeout(STATEMENT)
  if (escapes.reduce((sum, one) => sum + one, size) >= Number(most)) throw new DatabaseError('1153', 'statement', true)
}

/** What gets a backslash in a text. */
const ESCAPED = /[\p{Cc}"'\\]/u

interface PgResult {
  readonly rows: readonly Readonly<Record<string, string | null>>[]
  readonly rowCount: number | null
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[]
}

const RESULTS: Readonly<Record<DatabaseClient, (answer: unknown) => DatabaseResult>> = {
  postgres: (answer) => {
    const { rows, rowCount, fields } = answer as PgResult
    const cells = fields.map(({ name, dataTypeID }) => [name, cellOf(dataTypeID)] as const)
    return {
      rows: rows.map((row) => Object.fromEntries(cells.map(([name, cell]) => [name, cell(row[name] ?? null)]))),
      count: rowCount ?? 0,
    }
  },
  mysql: (answer) => {
    const [rows] = answer as [readonly Record<string, string | null>[] | { readonly affectedRows: number }]
    return 'affectedRows' in rows
      ? { rows: [], count: rows.affectedRows }
      : { rows: rows.map((row) => ({ ...row })), count: 0 }
  },
  sqlserver: (answer) => {
    const rows = answer as readonly Readonly<Record<string, unknown>>[]
    const texts = rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, cell(value)])))
    return { rows: texts, count: 0 }
  },
}

function cell(value: unknown): string | null {
  if (value === null || value === undefined) return null
  return value instanceof Date ? value.toISOString() : String(value)
}

/** The promise, or DatabaseError when the time is up or the signal aborts; what runs on then is not waited for. */
async function inTime<T>(
  transaction: Promise<T>,
  signal: AbortSignal | undefined,
  during: () => DatabaseError['during'],
): Promise<T> {
  let end: (() => void) | undefined
  const over = new Promise<never>((_, reject) => {
    const abort = () => reject(new DatabaseError('cut_off', during(), false))
    const timer = setTimeout(() => reject(new DatabaseError(TIMEOUT, during(), false)), TRANSACTION)
    signal?.addEventListener('abort', abort)
    end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  })
  try {
    return await Promise.race([transaction, over])
  } finally {
    end?.()
    // Nobody looks any more.
    transaction.catch(silent)
  }
}

/** What drivers hang on their errors, as far as it is known to hold no values. */
interface Thrown {
  readonly message: string
  readonly name: string
  readonly code?: string | number
  readonly errno?: number
  readonly sqlState?: string
  readonly number?: number
  readonly severity?: string
  readonly constraint?: string
  readonly column?: string
  readonly table?: string
}

function errorOf(
  client: DatabaseClient,
  error: unknown,
  during: DatabaseError['during'],
  server: DatabaseServer | undefined,
): unknown {
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof RangeError) return error
  // Knows what it means already.
  if (error instanceof DatabaseError || error.name === 'DestinationError') return error
  const thrown = error as Thrown
  const answered = ANSWERED[client](thrown)
  if (answered !== undefined) return new DatabaseError(answered, during, true, about(thrown, during, server))
  if (thrown.name === 'KnexTimeoutError') return new DatabaseError(TIMEOUT, during, false)
  const missing = /\$ npm install ([\w-]+)/.exec(thrown.message)?.[1]
  if (missing !== undefined) return new DatabaseError(NO_DRIVER, 'connect', false, `run: npm install ${missing}`)
  // What mysql2 calls so may be a certificate, or a connection that was lost before it was looked at.
  const isLost = thrown.code === 'HANDSHAKE_SSL_ERROR' && ('syscall' in thrown || 'localAddress' in thrown)
  const code = isLost ? 'lost' : String(thrown.code ?? 'lost')
  return new DatabaseError(code, during, false, about(thrown, during, server))
}

const ANSWERED: Readonly<Record<DatabaseClient, (thrown: Thrown) => string | undefined>> = {
  postgres: ({ code, severity }) => (severity !== undefined && typeof code === 'string' ? code : undefined),
  mysql: ({ errno, sqlState }) => (sqlState !== undefined && errno !== undefined ? String(errno) : undefined),
  sqlserver: ({ number }) => (number === undefined ? undefined : String(number)),
}

/** Names of the table's parts; before there are any rows, the words of whoever failed, too. */
function about(thrown: Thrown, during: DatabaseError['during'], server: DatabaseServer | undefined): string {
  if (during === 'connect') return cleaned(thrown.message, server?.password === undefined ? [] : [server.password])
  const { table, column, constraint } = thrown
  return [table, column, constraint].filter((name) => name !== undefined).join(' ')
}
