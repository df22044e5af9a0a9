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
  /** The text with its values in place: only where they are plain words, ids and times for instance, which anybody may read. */
  readonly plain?: string
}

/** The text of a bound statement, parameters by number. Throws a bug where a parameter has no value. */
export function printed({ statement, values, tokens }: Bound, quoting: Quoting): Printed {
  const given: string[] = []
  const places = new Map<string, string>()
  const known = (name: string): Values[string] => {
    const value = values?.[name]
    if (value !== undefined) return value
    throw failure('bug', 'bug/unexpected', `${statement.name} uses :${name}, which has no value.`)
  }
  const parameter = (name: string): string => {
    const value = known(name)
    const place = places.get(name) ?? placeOf(value, () => `:${given.push(String(value))}`)
    places.set(name, place)
    return place
  }
  const text = print(statement.sql, { ...quoting, parameter }, tokens)
  const inPlace = (name: string) => placeOf(known(name), quoting.text)
  const isPlain = given.every((value) => PLAIN.test(value))
  const plain = given.length > 0 && isPlain ? print(statement.sql, { ...quoting, parameter: inPlace }, tokens) : text
  const run = values?.run_id
  return {
    name: statement.name,
    text,
    values: given,
    ...(typeof run === 'string' && { run }),
    ...(isPlain && { plain }),
  }
}

/** Words that say nothing of anybody, and cannot end a text: ids, times, and processes by host and machine. */
const PLAIN = /^[\w .:+-]{0,100}(@[0-9a-f]+)?$/

/** A query whose parameters are null, to be described and not to be run. */
export function unbound(query: Sql, tokens: Tokens | undefined, quoting: Quoting): string {
  return print(query, { ...quoting, parameter: () => 'null' }, tokens)
}

/** Numbers and the like say their type themselves; `place` says where a text is found. */
function placeOf(value: Values[string], place: (text: string) => string): string {
  if (typeof value === 'string') return `cast(${place(value)} as varchar)`
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

/** The schema that a statement makes where there is none, as it stands there. */
export function schemaMadeBy(text: string): string | undefined {
  return /^create schema if not exists ("(?:[^"]|"")*")$/.exec(text)?.[1]
}
