import { existsSync } from 'node:fs'
import type * as Driver from '@duckdb/node-api'
import { z } from 'zod'
import { type CdpError, failure } from '../error.ts'
import { mask, Secret, secret } from '../secret.ts'
import { id, join, print, type Sql, sql, text } from '../sql/sql.ts'
import { duckdbDialect } from './duckdb-dialect.ts'
import { cannotOpen, lockedBy } from './duckdb-trouble.ts'
import { code } from './fragments.ts'

const postgres = z.strictObject({
  type: z.literal('postgres').describe('A Postgres, through the extension `postgres` of DuckDB.'),
  host: z.string().min(1).default('localhost').describe('Name or address of the server.'),
  port: z.coerce.number().int().min(1).max(65_535).default(5432).describe('Port of the server.'),
  database: z.string().min(1).describe('The database.'),
  user: z.string().min(1).describe('Role that connects.'),
  password: secret('Password of the role.').optional(),
})

/** `attach:` as it is written: databases beside the warehouse's own, by the name under which sources find them. */
export const attachments = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'A name has letters, digits and _ only, and no digit first.'),
  z.union([z.string().min(1).describe('A DuckDB file, from the project folder.'), postgres]),
)

/** Where extensions of DuckDB come from, beyond what is part of the library. */
export interface Extensions {
  /** The folder in which they are; undefined = DuckDB's own, in the home of the user. */
  readonly folder: string | undefined
  /** Whether they are fetched, and from where if not from DuckDB's own site. */
  readonly fetch: boolean | string
}

/** A database beside the warehouse's own. Nothing is ever written to it. */
export interface Attachment {
  readonly name: string
  /** An absolute path, or a server. */
  readonly to: string | z.infer<typeof postgres>
}

/** Attaches a database for reading. Throws CdpError: who must act depends on what is wrong. */
export async function attachBeside(
  connection: Driver.DuckDBConnection,
  { name, to }: Attachment,
  extensions: Extensions,
): Promise<void> {
  if (typeof to !== 'string') return await attachServer(connection, name, to, extensions)
  if (!existsSync(to)) throw nothingAt(name, to)
  try {
    await say(connection, sql`attach ${text(to)} as ${id(name)} (type duckdb, read_only)`)
  } catch (error) {
    const lock = lockedBy(error)
    if (lock === undefined) throw cannotOpen(to, error)
    const message = `The database "${to}", attached as "${name}", is in use by ${lock.holder}.`
    throw failure('warehouse', 'warehouse/locked', message, 'Wait until it has ended, or end it.', error)
  }
}

function nothingAt(name: string, path: string): CdpError {
  const message = `There is no database at "${path}", which is attached as "${name}".`
  return failure('project', 'warehouse/connection', message, 'Correct `attach:`, or make the file first.')
}

async function attachServer(
  connection: Driver.DuckDBConnection,
  name: string,
  { host, port, database, user, password }: Exclude<Attachment['to'], string>,
  extensions: Extensions,
): Promise<void> {
  await loadExtension(connection, 'postgres', extensions)
  // A connection string would stand in the server's errors, with the password.
  const parts = Object.entries({ host, port, database, user, password })
  const given = parts.flatMap(([key, value]) => (value === undefined ? [] : [sql`${code(key)} ${text(String(value))}`]))
  const keys = `cdp_${name}`
  try {
    await say(connection, sql`create secret ${id(keys)} (type postgres, ${join(given)})`)
    await say(connection, sql`attach '' as ${id(name)} (type postgres, secret ${id(keys)}, read_only)`)
  } catch (error) {
    const words = mask(error instanceof Error ? error.message : String(error), password ? [new Secret(password)] : [])
    const message = `The database "${database}" on "${host}", attached as "${name}", cannot be opened: ${words.split('\n')[0]}`
    throw failure('warehouse', 'warehouse/connection', message)
  }
}

/** Loads an extension, and fetches it before where the options say so. Throws CdpError with what to do. */
export async function loadExtension(
  connection: Driver.DuckDBConnection,
  name: 'postgres' | 'motherduck',
  { folder, fetch }: Extensions,
): Promise<void> {
  const load = () => say(connection, sql`load ${id(name)}`)
  try {
    if (folder !== undefined) await say(connection, sql`set extension_directory = ${text(folder)}`)
    await load().catch(async (error: unknown) => {
      if (fetch === false) throw error
      await say(connection, sql`install ${id(name)}${fetch === true ? sql`` : sql` from ${text(fetch)}`}`)
      await load()
    })
  } catch (error) {
    const [words = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    const message = `The extension "${name}" of DuckDB cannot be loaded: ${words}`
    throw failure('warehouse', 'warehouse/connection', message, fetch === false ? NOT_HERE : NOT_FETCHED, error)
  }
}

const NOT_HERE =
  'Let it be fetched (`install_extensions: true`), or put the file there: it must be that of exactly this version of DuckDB.'

const NOT_FETCHED =
  'Let this machine reach the site of the extensions, name a mirror or folder in `install_extensions:`, or put the file there by hand.'

async function say(connection: Driver.DuckDBConnection, statement: Sql): Promise<void> {
  await connection.run(print(statement, duckdbDialect))
}
