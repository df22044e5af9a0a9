import type { Client, QueryConfig } from 'pg'
import { failure } from '../error.ts'
import { type Bound, print, type Quoting, type Sql, type Tokens, type Values } from '../sql/sql.ts'
import { pieces } from './pieces.ts'
import { remedyOf } from './postgres-remedy.ts'
import { StatementError } from './statement-error.ts'

/** A statement as Postgres gets it. */
export interface Printed {
  readonly name: string
  readonly text: string
  /** Texts for $1, $2 …; the statement casts them. */
  readonly values: readonly string[]
}

/** What came of one statement, every value as the server prints it. */
export interface Result {
  readonly fields: readonly { readonly name: string; readonly oid: number }[]
  readonly rows: readonly (readonly (string | null)[])[]
  /** Rows written; of a query those read. */
  readonly count: number
}

/** The statements of one bound statement, parameters by number. Throws a bug where a parameter has no value. */
export function printed({ statement, values, tokens }: Bound, quoting: Quoting): readonly Printed[] {
  return pieces(statement.sql).map((piece) => printOne({ name: statement.name, sql: piece, values, tokens }, quoting))
}

/** A query whose parameters are null, to be described and not to be run. */
export function unbound(query: Sql, tokens: Tokens | undefined, quoting: Quoting): string {
  return print(query, { ...quoting, parameter: () => 'null' }, tokens)
}

/** Runs one statement to its end. */
export async function run(connection: Client, { name, text, values }: Printed): Promise<Result> {
  // Only the extended protocol refuses a second statement behind a semicolon.
  const query = { text, values: [...values], rowMode: 'array', queryMode: 'extended', types: AS_TEXT } as const
  try {
    const result = await connection.query<(string | null)[]>(query as unknown as QueryConfig & { rowMode: 'array' })
    return {
      fields: result.fields.map((field) => ({ name: field.name, oid: field.dataTypeID })),
      rows: result.rows,
      count: result.rowCount ?? 0,
    }
  } catch (error) {
    throw failed(name, text, error)
  }
}

/** What is told of a statement that the server refused. */
export function failed(name: string, text: string, error: unknown): StatementError {
  const refusal = codeOf(error) === INSUFFICIENT_PRIVILEGE ? 'permission' : 'statement'
  return new StatementError(name, text, error, remedyOf(error), refusal)
}

/**
 * True of a failure that comes only of another transaction at the same time, and leaves nothing behind. Codes:
 * serialization and deadlock; a table, schema or type of this name has just been made; a catalogue row has just changed.
 */
export function isConflict(error: unknown): boolean {
  const cause = error instanceof StatementError ? error.cause : undefined
  const code = codeOf(cause)
  if (code === '23505') return cause instanceof Error && 'schema' in cause && cause.schema === 'pg_catalog'
  return ['40001', '40P01', '42P06', '42P07', 'XX000'].includes(code)
}

const INSUFFICIENT_PRIVILEGE = '42501'

/** The five characters by which the server tells kinds of errors apart; empty for what it did not send. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

const AS_TEXT = { getTypeParser: () => (value: string) => value }

function printOne(
  given: {
    readonly name: string
    readonly sql: Sql
    readonly values: Values | undefined
    readonly tokens?: Tokens | undefined
  },
  quoting: Quoting,
): Printed {
  const values: string[] = []
  const places = new Map<string, string>()
  const parameter = (name: string): string => {
    const value = given.values?.[name]
    if (value === undefined) throw failure('bug', 'bug/unexpected', `${given.name} uses $${name}, which has no value.`)
    const place = places.get(name) ?? placeOf(value, values)
    places.set(name, place)
    return place
  }
  return { name: given.name, text: print(given.sql, { ...quoting, parameter }, given.tokens), values }
}

/** A parameter that says its type, as the server would else guess one from where it stands; null fits everywhere. */
function placeOf(value: Values[string], values: string[]): string {
  if (value === null) return 'null'
  values.push(String(value))
  return `cast($${values.length} as ${typeOf(value)})`
}

function typeOf(value: Exclude<Values[string], null>): string {
  if (typeof value === 'string') return 'text'
  if (typeof value === 'boolean') return 'boolean'
  return typeof value === 'bigint' || Number.isSafeInteger(value) ? 'bigint' : 'double precision'
}
