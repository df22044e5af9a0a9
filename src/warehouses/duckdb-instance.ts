import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type * as Driver from '@duckdb/node-api'
import { failure } from '../error.ts'
import { mask, Secret } from '../secret.ts'
import { type Attachment, attachBeside, type Extensions, loadExtension } from './duckdb-attach.ts'
import { duckdbDialect } from './duckdb-dialect.ts'
import type { Source } from './duckdb-session.ts'
import { cannotOpen, lockedBy } from './duckdb-trouble.ts'

/** How long to wait for another process to let go of the file: so many pauses, each as long as `pause` takes. */
export interface Patience {
  readonly pauses: number
  pause(): Promise<unknown>
}

export interface Opening {
  /** Absolute, `:memory:`, or `md:` and the name of a database of MotherDuck. */
  readonly path: string
  /** The project's folder. */
  readonly directory: string
  readonly readOnly: boolean
  readonly settings: Readonly<Record<string, string>>
  readonly readPaths: readonly string[] | undefined
  readonly attached: readonly Attachment[]
  readonly extensions: Extensions
  /** For MotherDuck. */
  readonly token: string | undefined
  readonly patience: Patience
}

/** An open database of this process and how many sessions use it. */
interface Shared {
  readonly starting: Promise<Driver.DuckDBInstance>
  instance?: Driver.DuckDBInstance
  readonly readOnly: boolean
  users: number
}

// The file lock is one of the process: a second instance of the same file would open, and not see what the first wrote.
const open = new Map<string, Shared>()

/** A place in the one instance that this process has of a database; the last to release it closes the file. */
export async function lease(driver: typeof Driver, opening: Opening): Promise<Source> {
  const shared = share(driver, opening)
  shared.users++
  const release = () => {
    // At once, or a lease in between would open the file a second time.
    if (--shared.users > 0) return
    for (const [key, value] of open) if (value === shared) open.delete(key)
    shared.instance?.closeSync()
  }
  try {
    const instance = await shared.starting
    shared.instance = instance
    return { readOnly: opening.readOnly, release, connect: () => connectTo(instance, opening) }
  } catch (error) {
    release()
    throw error
  }
}

function share(driver: typeof Driver, opening: Opening): Shared {
  if (opening.path === ':memory:') return { starting: start(driver, opening), readOnly: false, users: 0 }
  const key = sameFile(opening.path)
  const known = open.get(key)
  if (known?.readOnly && !opening.readOnly)
    throw failure(
      'warehouse',
      'warehouse/locked',
      `The warehouse "${opening.path}" is open for reading only in this process (PID ${process.pid}).`,
    )
  if (known) return known
  const shared: Shared = { starting: start(driver, opening), readOnly: opening.readOnly, users: 0 }
  open.set(key, shared)
  return shared
}

/** One key for all spellings of a path, also of a file that is not there yet. */
function sameFile(path: string): string {
  if (isRemote(path)) return path
  if (existsSync(path)) return realpathSync(path)
  const folder = dirname(path)
  return existsSync(folder) ? join(realpathSync(folder), basename(path)) : path
}

/** A database of MotherDuck. */
export function isRemote(path: string): boolean {
  return path.startsWith('md:')
}

/** A file of this machine, which may or may not be there. */
function isFile(path: string): boolean {
  return path !== ':memory:' && !isRemote(path)
}

/** The name of the database within the instance: under that of its file, a schema of the same name is ambiguous. */
const DATABASE = 'cdp_warehouse'

/** Databases of MotherDuck take no other name. */
function databaseOf(path: string): string {
  return isRemote(path) ? path.slice('md:'.length).replace(/\?.*$/, '') : DATABASE
}

async function start(driver: typeof Driver, opening: Opening): Promise<Driver.DuckDBInstance> {
  if (opening.readOnly && isFile(opening.path) && !existsSync(opening.path))
    throw failure(
      'warehouse',
      'warehouse/connection',
      `There is no warehouse at "${opening.path}".`,
      'Run "cdp run" first, or correct "path:".',
    )
  const instance = await driver.DuckDBInstance.create(':memory:', settingsOf(opening)).catch((error: unknown) => {
    throw cannotOpen(opening.path, error)
  })
  const connection = await instance.connect()
  try {
    await (isRemote(opening.path) ? attachRemote(connection, opening) : attach(connection, opening))
    for (const one of opening.attached) await attachBeside(connection, one, opening.extensions)
    await setUp(connection, opening)
    return instance
  } catch (error) {
    instance.closeSync()
    throw error
  } finally {
    // An open connection would keep the file open after the instance is closed.
    connection.closeSync()
  }
}

function settingsOf({ path, settings }: Opening): Record<string, string> {
  return {
    // Beside the file, as DuckDB has it for a database that is not attached.
    ...(isFile(path) && { temp_directory: `${path}.tmp` }),
    ...settings,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  }
}

async function attach(connection: Driver.DuckDBConnection, opening: Opening): Promise<void> {
  const { path, readOnly, patience } = opening
  const options = readOnly && isFile(path) ? 'type duckdb, read_only' : 'type duckdb'
  for (let pause = 0; ; pause++) {
    try {
      await connection.run(`attach ${duckdbDialect.text(path)} as ${DATABASE} (${options})`)
      return
    } catch (error) {
      const lock = lockedBy(error)
      if (lock === undefined) throw cannotOpen(path, error)
      if (pause >= patience.pauses)
        throw failure(
          'warehouse',
          'warehouse/locked',
          `The warehouse "${path}" is in use by ${lock.holder}.`,
          'Wait until it has ended, or end it.',
          error,
        )
      await patience.pause()
    }
  }
}

/** The service keeps writers apart by itself: there is no file, and no lock of one. */
async function attachRemote(connection: Driver.DuckDBConnection, opening: Opening): Promise<void> {
  const { path, token, extensions } = opening
  await loadExtension(connection, 'motherduck', extensions)
  try {
    if (token !== undefined) await connection.run(`set motherduck_token = ${duckdbDialect.text(token)}`)
    await connection.run(`attach ${duckdbDialect.text(path)}`)
  } catch (error) {
    const words = mask(error instanceof Error ? error.message : String(error), token ? [new Secret(token)] : [])
    throw failure(
      'warehouse',
      'warehouse/connection',
      `The database "${path}" of MotherDuck cannot be opened: ${words.split('\n')[0]}`,
      'Look at `motherduck_token:` and at the name behind "md:".',
    )
  }
}

async function setUp(connection: Driver.DuckDBConnection, { directory, readPaths }: Opening): Promise<void> {
  const list = (values: readonly string[]) => `[${values.map(duckdbDialect.text).join(', ')}]`
  await connection.run(`set global TimeZone = 'UTC'`)
  // For paths in the user's own SQL; ours say the project's folder themselves. The setting parts folders by commas.
  if (!directory.includes(',')) await connection.run(`set global file_search_path = ${duckdbDialect.text(directory)}`)
  if (!readPaths) return
  await connection.run(`set global allowed_directories = ${list(readPaths)}`)
  await connection.run('set global enable_external_access = false')
  await connection.run('set global lock_configuration = true')
}

async function connectTo(
  instance: Driver.DuckDBInstance,
  { path, directory }: Opening,
): Promise<Driver.DuckDBConnection> {
  const connection = await instance.connect()
  await connection.run(`use ${duckdbDialect.name(databaseOf(path))}`)
  // Paths are taken as patterns, so that what is a pattern in the folder's own name must be said literally.
  const literal = directory.replace(/[*?[]/g, '[$&]')
  await connection.run(`set variable project = ${duckdbDialect.text(literal)}`)
  return connection
}
