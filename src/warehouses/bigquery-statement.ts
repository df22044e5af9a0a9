import { failure } from '../error.ts'
import { type Bound, print, type Quoting, type Sql, type Tokens, type Values } from '../sql/sql.ts'
import type { Message } from './bigquery-job.ts'
import { pieces } from './pieces.ts'
import { StatementError } from './statement-error.ts'

/** A statement as BigQuery gets it. */
export interface Printed {
  readonly name: string
  readonly text: string
  /** Named, with their types. */
  readonly parameters: readonly Message[]
}

/**
 * The statements of one bound statement. `prefix` goes before the names of parameters, so that those of several statements
 * may stand in one job. Throws a bug where a parameter has no value, and where the text holds a second statement.
 */
export function printed(bound: Bound, quoting: Quoting, prefix = ''): readonly Printed[] {
  return pieces(bound.statement.sql).map((piece) => printOne(bound, piece, quoting, prefix))
}

/** A query whose parameters are null, to be described and not to be run. */
export function unbound(query: Sql, tokens: Tokens | undefined, quoting: Quoting): string {
  return print(query, { ...quoting, parameter: () => 'null' }, tokens)
}

/** The kind of a statement by its first word, in lower case; comments before it left out. */
export function kindOf(text: string): string {
  return (/^(?:\s+|--.*|#.*)*([a-z]+)/i.exec(text)?.[1] ?? '').toLowerCase()
}

/** True of what changes rows and no table, so that it may stand in a transaction. */
export function isInTransaction(text: string): boolean {
  return ['insert', 'update', 'delete', 'merge', 'select', 'with'].includes(kindOf(text))
}

/** What the service reads as one job would run both statements of a text that holds two. */
export function refuseSeveral({ name, text }: Pick<Printed, 'name' | 'text'>): void {
  if (/;[^;]*\S/.test(text.replace(OPAQUE, ' ')))
    throw new StatementError(name, text, new Error('these are several statements'))
}

/** Literals, quoted names and comments: a semicolon in them ends nothing. */
const OPAQUE = /(["'])\1\1[\s\S]*?\1\1\1|(["'`])(?:\\[\s\S]|(?!\2)[^\\])*\2|--.*|#.*|\/\*[\s\S]*?\*\//g

function printOne({ statement, values, tokens }: Bound, piece: Sql, quoting: Quoting, prefix: string): Printed {
  const parameters = new Map<string, Message>()
  const parameter = (name: string): string => {
    const value = values?.[name]
    if (value === undefined)
      throw failure('bug', 'bug/unexpected', `${statement.name} uses @${name}, which has no value.`)
    // A null of a type fits only there; a bare one fits everywhere.
    if (value === null) return 'null'
    const given = `${prefix}${name}`
    parameters.set(given, parameterOf(given, value))
    return quoting.parameter(given)
  }
  const text = print(piece, { ...quoting, parameter }, tokens)
  refuseSeveral({ name: statement.name, text })
  return { name: statement.name, text, parameters: [...parameters.values()] }
}

function parameterOf(name: string, value: Exclude<Values[string], null>): Message {
  return { name, parameterType: { type: typeOf(value) }, parameterValue: { value: String(value) } }
}

function typeOf(value: Exclude<Values[string], null>): string {
  if (typeof value === 'string') return 'STRING'
  if (typeof value === 'boolean') return 'BOOL'
  return typeof value === 'bigint' || Number.isSafeInteger(value) ? 'INT64' : 'FLOAT64'
}
