import { failure } from '../error.ts'
import { type Bound, print, type Quoting, type Sql, type Tokens, type Values } from '../sql/sql.ts'

/** A statement as Snowflake gets it. */
export interface Printed {
  readonly name: string
  readonly text: string
  /** Texts for :1, :2 …: what a statement is given does not stand in the history of queries. */
  readonly values: readonly string[]
  /** The run that it belongs to, where it says so. */
  readonly run?: string
}

/** The text of a bound statement, parameters by number. Throws a bug where a parameter has no value. */
export function printed({ statement, values, tokens }: Bound, quoting: Quoting): Printed {
  const given: string[] = []
  const places = new Map<string, string>()
  const parameter = (name: string): string => {
    const value = values?.[name]
    if (value === undefined)
      throw failure('bug', 'bug/unexpected', `${statement.name} uses :${name}, which has no value.`)
    const place = places.get(name) ?? placeOf(value, given)
    places.set(name, place)
    return place
  }
  const text = print(statement.sql, { ...quoting, parameter }, tokens)
  const run = values?.run_id
  return { name: statement.name, text, values: given, ...(typeof run === 'string' && { run }) }
}

/** A query whose parameters are null, to be described and not to be run. */
export function unbound(query: Sql, tokens: Tokens | undefined, quoting: Quoting): string {
  return print(query, { ...quoting, parameter: () => 'null' }, tokens)
}

/** Numbers and the like say their type themselves. */
function placeOf(value: Values[string], given: string[]): string {
  if (typeof value === 'string') {
    given.push(value)
    return `cast(:${given.length} as varchar)`
  }
  if (typeof value !== 'number' || Number.isInteger(value)) return String(value)
  return `cast(${value} as float)`
}

/** What a statement does, by its first word; comments may stand before it. */
export function verbOf(text: string): string {
  const [, verb = ''] = /^(?:\s|--[^\n]*\n)*(\w+)/.exec(text) ?? []
  return verb.toLowerCase()
}

/** True of what Snowflake commits by itself, together with what was done before in the same transaction. */
export function isDefinition(text: string): boolean {
  return ['create', 'drop', 'alter', 'truncate', 'grant', 'revoke', 'undrop', 'comment', 'use'].includes(verbOf(text))
}

/** The table that a statement makes from a query, as it stands there; the server does not say how many rows it got. */
export function tableMadeBy(text: string): string | undefined {
  const name = '"(?:[^"]|"")*"'
  const made = new RegExp(`^(?:\\s|--[^\\n]*\\n)*create or replace transient table (${name}\\.${name}) as\\s`)
  return made.exec(text)?.[1]
}
