import { z } from 'zod'
import { secret } from '../../secret.ts'
import { DestinationError } from '../connector.ts'
import type { DatabaseClient, DatabaseServer } from '../database.ts'
import { COLUMN_TYPES } from './dialects.ts'

/** The options of a destination. */
export const account = z.strictObject({
  client: z.enum(['postgres', 'mysql', 'sqlserver']).meta({ description: '`mysql` is MariaDB, too.' }),
  url: secret('All at once: `postgres://user:password@host:port/database`, `mysql://…` or `sqlserver://…`.').optional(),
  host: z.string().min(1).optional().meta({
    description: 'Name or address of the server; for Postgres, a path is the folder of a Unix socket.',
  }),
  port: z.coerce.number().int().min(1).max(65_535).optional().meta({
    description: 'Left out = 5432, 3306 or 1433.',
  }),
  database: z.string().min(1).optional().meta({ description: 'Name of the database.' }),
  user: z.string().min(1).optional().meta({ description: 'Who logs in.' }),
  password: secret('Of the user.').optional(),
  schema: z.string().min(1).optional().meta({
    description: 'Schema of the tables; left out = the first of the user. MySQL has none: there it names a database.',
  }),
  ssl: z.enum(['on', 'unverified', 'off']).default('on').meta({
    description:
      '"on" encrypts and refuses a certificate that is not valid for the host; "unverified" encrypts and believes any.',
  }),
  ca: secret("Certificates (PEM) of the server's own authority, best read from a file.").optional(),
  connections: z.coerce.number().int().min(1).max(20).default(2).meta({
    description: 'Most connections at once; SQL Server always gets one.',
  }),
})

/** The options of `into:` in a sync. */
export const into = z.strictObject({
  table: z.string().min(1).meta({ description: 'Name of the table, in the case in which the database has it.' }),
  create: z
    .boolean()
    .default(false)
    .meta({ description: 'Make the table where it is missing, when first written to.' }),
  columns: z.record(z.string(), z.enum(COLUMN_TYPES)).default({}).meta({
    description: 'Types of the columns of a table that is made; those that are not named are text.',
  }),
  soft_delete: z.string().min(1).optional().meta({
    description: 'Column that says that a row is gone: a boolean, or the time since when. Rows that return are reset.',
  }),
})

export type Account = z.infer<typeof account>
export type Into = z.infer<typeof into>

const PORTS: Readonly<Record<DatabaseClient, number>> = { postgres: 5432, mysql: 3306, sqlserver: 1433 }

const SCHEMES: Readonly<Record<DatabaseClient, readonly string[]>> = {
  postgres: ['postgres:', 'postgresql:'],
  mysql: ['mysql:', 'mariadb:'],
  sqlserver: ['sqlserver:', 'mssql:'],
}

/** How the database is reached. Options that stand beside an address go before it. Throws DestinationError `config`. */
export function serverOf(account: Account): DatabaseServer {
  const url = addressOf(account)
  return {
    host: needed(account.host ?? url.host, 'host'),
    port: account.port ?? url.port ?? PORTS[account.client],
    database: needed(account.database ?? url.database, 'database'),
    user: needed(account.user ?? url.user, 'user'),
    password: account.password ?? url.password,
    ssl: account.ssl,
    ca: account.ca,
    // The queue of knex for SQL Server is one for all connections.
    connections: account.client === 'sqlserver' ? 1 : account.connections,
  }
}

/** Which database it is, as text without secrets: equal for accounts that write the same tables. */
export function databaseName(account: Account): string {
  const url = tolerant(account)
  const host = account.host ?? url?.host ?? ''
  const port = account.port ?? url?.port ?? PORTS[account.client]
  return `${account.client} ${host.toLowerCase()}:${port}/${account.database ?? url?.database ?? ''}`
}

/** Who logs in where, as far as the account says so: for what an administrator is asked to run. */
export function loginOf(account: Account): {
  readonly user: string | undefined
  readonly database: string | undefined
} {
  const url = tolerant(account)
  return { user: account.user ?? url?.user, database: account.database ?? url?.database }
}

type Address = Partial<Pick<DatabaseServer, 'host' | 'port' | 'database' | 'user' | 'password'>>

function addressOf(account: Account): Address {
  if (account.url === undefined) return {}
  const url = tolerant(account)
  if (url === undefined) {
    const [scheme] = SCHEMES[account.client]
    const message = `"url" is no address of the form ${scheme}//user:password@host:port/database without anything behind.`
    throw new DestinationError('config', 'bad_url', message)
  }
  return url
}

/** Undefined where there is no address, or none that can be read. */
function tolerant({ url: text, client }: Account): Address | undefined {
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : undefined
  // What stands behind `?` would be lost, such as a wish for TLS.
  if (!url || !SCHEMES[client].includes(url.protocol) || url.search !== '' || url.hash !== '') return undefined
  return {
    ...(url.hostname !== '' && { host: decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1') }),
    ...(url.port !== '' && { port: Number(url.port) }),
    ...(url.pathname.length > 1 && { database: decodeURIComponent(url.pathname.slice(1)) }),
    ...(url.username !== '' && { user: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
  }
}

function needed(value: string | undefined, name: string): string {
  if (value !== undefined) return value
  throw new DestinationError('config', 'bad_account', `The destination does not say its "${name}", nor does its "url".`)
}
