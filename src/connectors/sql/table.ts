import { DestinationError, type Io } from '../connector.ts'
import type { Database, DatabaseResult, RunStatement } from '../database.ts'
import { type COLUMN_TYPES, isTooLong } from './dialects.ts'
import { isDenied, translated } from './errors.ts'
import { creationFor, grantsFor } from './grants.ts'
import type { Into } from './options.ts'
import { type Column, type Columns, type Statements, statementsFor } from './statements.ts'

/** A table as it was found. */
export interface Found {
  readonly columns: Columns
  /** The columns of each unique key; the primary key comes first. */
  readonly unique: readonly (readonly string[])[]
  /** What the user must not do with it. */
  readonly denied: readonly string[]
}

/** The place of a sync in an opened database. */
export interface Place {
  readonly database: Database
  readonly statements: Statements
  readonly where: Where
  readonly into: Into
  /** The type of a column that is made. */
  readonly typeOf: (name: string) => (typeof COLUMN_TYPES)[number]
  readonly io: Pick<Io, 'columns' | 'mode' | 'now' | 'acts'>
}

/** What an account says of its tables. */
export interface Where {
  readonly schema: string | undefined
  readonly user: string | undefined
  readonly database: string | undefined
}

/** Loads knex, which makes the statements but opens nothing here. Throws DestinationError `config` for a bad name. */
export async function placeOf(database: Database, where: Where, into: Into, io: Place['io']): Promise<Place> {
  const { schema } = where
  const { default: knex } = await import('knex')
  const client = { postgres: 'pg', duckdb: 'pg', mysql: 'mysql2', sqlserver: 'mssql' }[database.dialect]
  const statements = statementsFor(knex({ client }), database.dialect, { schema, table: into.table }, io.columns.key)
  const names = [...(schema === undefined ? [] : [schema]), into.table, ...columnNames(into, io)]
  const { notInNames, longestName } = statements.dialect
  for (const name of names) {
    if (notInNames.test(name) || name.trim() === '') throw config('bad_name', `"${name}" cannot be a name here.`)
    if (isTooLong(name, statements.dialect))
      throw config('bad_name', `"${name}" has more than the ${longestName.count} ${longestName.of} of a name.`)
  }
  const typeOf = (name: string) => into.columns[name] ?? (name === into.soft_delete ? 'timestamp' : 'text')
  return { database, statements, where, into, io, typeOf }
}

/** Every column that the sync writes, in the order of the sync; the key first. */
export function columnNames(into: Into, { columns }: Pick<Io, 'columns'>): readonly string[] {
  const soft = into.soft_delete === undefined ? [] : [into.soft_delete]
  return [...new Set([...columns.key, ...columns.fields, ...soft])]
}

/** Looks the table up; undefined where there is none. Changes nothing. */
export function lookUp(place: Place): Promise<Found | undefined> {
  const { database, statements } = place
  const { dialect, name } = statements
  const grant = () => (place.into.create ? creation(place) : grants(place, rightsFor(place)))
  return granting(place, grant, () =>
    database.transaction('read', async (run) => {
      const ask = (sql: string) => run({ sql, values: dialect.asked(name) })
      const columns = columnsFrom(statements, await ask(dialect.columns))
      if (columns.size === 0) return undefined
      const unique = uniqueFrom(await ask(dialect.unique))
      const rights = dialect.rights === undefined ? undefined : (await ask(dialect.rights)).rows[0]
      const denied = Object.entries(rights ?? {}).filter(([, granted]) => !isTrue(granted))
      return { columns, unique, denied: denied.map(([right]) => right.toUpperCase()) }
    }),
  )
}

/** Throws DestinationError naming what the table lacks for the sync, and how it is mended. */
export function checkTable(place: Place, found: Found): void {
  checkColumns(place, found)
  checkKey(place, found)
  const needed = rightsFor(place)
  const denied = found.denied.filter((right) => needed.includes(right))
  if (denied.length > 0)
    throw new DestinationError(
      'auth',
      'no_permission',
      `The user must not ${denied.join(', ')} in ${place.statements.name.quoted}. ${toRun(grants(place, denied))}`,
    )
}

/** Turns what a database says into what the engine understands. Where a permission is missing, it says how it is given. */
export async function translatedAt<T>(place: Place, act: () => Promise<T>): Promise<T> {
  return granting(place, () => grants(place, rightsFor(place)), act)
}

async function granting<T>({ database }: Place, grant: () => string, act: () => Promise<T>): Promise<T> {
  try {
    return await translated(database.dialect, act)
  } catch (error) {
    if (!isDenied(error, database.dialect)) throw error
    throw new DestinationError('auth', error.code, `${error.message} ${toRun(grant())}`, { cause: error.cause })
  }
}

function grants({ database, statements, where }: Place, rights: readonly string[]): string {
  return grantsFor(database.dialect, { ...where, table: statements.name }, rights)
}

function creation(place: Place): string {
  const { database, statements, where } = place
  return creationFor(database.dialect, { ...where, table: statements.name }, rightsFor(place))
}

function toRun(statement: string): string {
  return `Whoever may has to run: ${statement}`
}

/** The table for a sync that begins to write: made where that was asked for and it is missing. */
export async function tableFor(place: Place): Promise<Columns> {
  const found = (await lookUp(place)) ?? (await create(place))
  checkTable(place, found)
  return found.columns
}

/** The error of a table that is not there. */
export function noTable({ statements }: Place): DestinationError {
  const { quoted } = statements.name
  return config('no_table', `There is no table ${quoted}, or the user may not see it. "create: true" makes it.`)
}

async function create(place: Place): Promise<Found> {
  const { database, statements, into } = place
  if (!into.create) throw noTable(place)
  const make = () => database.transaction('write', (run) => createIn(run, place))
  await granting(place, () => creation(place), make).catch(async (error: unknown) => {
    // Another process may have made it at the same time.
    if ((await lookUp(place)) === undefined) throw error
  })
  const found = await lookUp(place)
  if (found === undefined) throw config('no_table', `${statements.name.quoted} was made and is not there.`)
  return found
}

/** Makes the table with the columns of the sync. */
export async function createIn(run: RunStatement, { statements, into, io, typeOf }: Place): Promise<void> {
  const named = [...new Set([...columnNames(into, io), ...Object.keys(into.columns)])]
  const columns = named.map((name) => ({ name, type: typeOf(name) }))
  for (const statement of statements.create(columns)) await run(statement)
}

function checkColumns(place: Place, { columns }: Found): void {
  const { statements, into, io } = place
  const { quoted } = statements.name
  const names = columnNames(into, io)
  const missing = names.filter((name) => !columns.has(name))
  if (missing.length > 0)
    throw config('no_column', `${quoted} has no column ${list(missing)}. ${mending(missing, place, columns)}`)
  const computed = names.filter((name) => columns.get(name)?.computed)
  if (computed.length > 0)
    throw config('computed_column', `${quoted} computes ${list(computed)} itself: it cannot be written.`)
  const makes = io.mode !== 'update'
  const needed = [...columns].filter(([name, { required }]) => makes && required && !names.includes(name))
  if (needed.length > 0)
    throw config(
      'needed_column',
      `${quoted} makes no row without ${list(needed.map(([name]) => name))}: map it, or give it a default.`,
    )
  const family = into.soft_delete === undefined ? undefined : columns.get(into.soft_delete)?.family
  if (family !== undefined && !['boolean', 'timestamp', 'date'].includes(family))
    throw config('bad_soft_delete', `"${into.soft_delete}" must be a boolean, a date or a timestamp.`)
}

/** How a table gets columns that it lacks; one that differs in case only is rather meant. */
function mending(missing: readonly string[], { statements, typeOf }: Place, columns: Columns): string {
  const twins = [...columns.keys()].filter((name) => missing.some((one) => one.toLowerCase() === name.toLowerCase()))
  if (twins.length > 0) return `It has ${list(twins)}: names are told apart by their case.`
  const added = statements.add(missing.map((name) => ({ name, type: typeOf(name) })))
  return `Leave it out of the sync, or: ${added.map(({ sql }) => sql).join('; ')}`
}

function checkKey({ database, statements, into, io }: Place, { unique }: Found): void {
  const { key } = io.columns
  const isKey = (columns: readonly string[]) =>
    columns.length === key.length && columns.every((name) => key.includes(name))
  const names = columnNames(into, io)
  if (!unique.some(isKey))
    throw config(
      'no_unique_key',
      `${statements.name.quoted} may hold two rows with one key. Let the database see to it: ${statements.addUnique()}`,
    )
  // "on duplicate key" asks for no key in particular: it would overwrite the row of somebody else.
  const isWritten = (name: string) => name === PART || names.includes(name)
  const other = unique.find((columns) => !isKey(columns) && columns.some(isWritten))
  if (database.dialect === 'mysql' && other !== undefined && io.mode !== 'update')
    throw config(
      'other_unique_key',
      `${list(other.map((name) => (name === PART ? 'an expression' : name)))} is unique, too: MySQL would write a row with an equal value there over another one. ` +
        'Make it that key of the sync, leave it out, or use mode update.',
    )
}

/** What stands for a part of a unique key that is no whole column; no column has this name. */
const PART = ''

/** What a sync must be allowed to do. */
function rightsFor({ io: { mode, acts = [] } }: Place): readonly string[] {
  const rights = {
    SELECT: true,
    INSERT: mode !== 'update',
    UPDATE: mode === 'upsert' || mode === 'mirror' || mode === 'update' || acts.some(({ verb }) => verb !== 'delete'),
    DELETE: acts.some(({ verb }) => verb === 'delete'),
  }
  return Object.entries(rights).flatMap(([right, isNeeded]) => (isNeeded ? [right] : []))
}

function columnsFrom({ dialect }: Statements, { rows }: DatabaseResult): Columns {
  const columns = new Map<string, Column>()
  for (const { name, type, required, written } of rows) {
    const family = dialect.families.find(([pattern]) => pattern.test(type ?? ''))?.[1] ?? 'text'
    columns.set(name ?? '', { type: type ?? 'text', family, required: isTrue(required), computed: !isTrue(written) })
  }
  return columns
}

function uniqueFrom({ rows }: DatabaseResult): readonly (readonly string[])[] {
  const keys = new Map<string, string[]>()
  for (const { index, name } of rows) {
    const columns = keys.get(index ?? '') ?? []
    keys.set(index ?? '', columns)
    columns.push(name ?? PART)
  }
  return [...keys.values()]
}

function isTrue(text: string | null | undefined): boolean {
  return text === '1' || text === 't' || text === 'true'
}

function list(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ')
}

function config(code: string, message: string): DestinationError {
  return new DestinationError('config', code, message)
}
