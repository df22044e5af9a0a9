import type { ValueType } from '../sql/dialect.ts'
import { column, parameter, type Sql, type Statement, type Steps, sql, text } from '../sql/sql.ts'
import { type Context, statement } from './context.ts'

type Plain = 'text' | 'integer' | 'boolean' | 'timestamp'

/** What a column of a listing holds; with a question mark it may be null. */
export type Columns = Readonly<Record<string, `${Plain}${'' | '?'}`>>

/** One row of a listing. Times are ISO 8601 in UTC. */
export type RowOf<C extends Columns> = { readonly [K in keyof C]: ValueOf<C[K]> }

type ValueOf<K extends string> = K extends `${infer P}?` ? Filled<P> | null : Filled<K>
type Filled<K extends string> = K extends 'integer' ? number : K extends 'boolean' ? boolean : string

/**
 * A few rows in one: the statement gives a row with the column `listed`, in which each row is a JSON array on a line of
 * its own (null for none). Their order says nothing.
 */
export interface Listing<C extends Columns> {
  readonly statement: Statement
  readonly columns: C
}

/** A listing from a query that has the columns by name; `steps` lead to it and must hold neither `found` nor `written`. */
export function listing<const C extends Columns>(
  context: Context,
  request: {
    readonly name: string
    readonly reason: string
    readonly columns: C
    readonly steps: Steps
    readonly rows: Sql
  },
): Listing<C> {
  const { name, reason, columns, steps, rows } = request
  const found = steps.add('found', reason, rows)
  const cells = Object.entries(columns).flatMap(([each, kind], at) => [
    text(at === 0 ? '[' : ','),
    sql`coalesce(${context.dialect.json(column('f', each), typeOf(kind))}, 'null')`,
  ])
  const written = steps.add(
    'written',
    'each as a JSON array',
    sql`
      select ${context.dialect.concat([...cells, text(']')])} as line
      from ${found} as f`,
  )
  const query = steps.select(sql`
    select ${context.dialect.listText(sql`line`, '\n')} as listed
    from ${written}`)
  return { statement: statement(name, reason, query), columns }
}

/** (node_id): the numbers in a parameter that holds a JSON array of `{node_id}`. */
export function numbersIn(context: Context, name: string): Sql {
  const { dialect } = context
  return sql`
    select ${dialect.cast(sql`w.node_id`, 'bigint')} as node_id
    from ${dialect.rowsOf(parameter(name), ['node_id'])} as w`
}

function typeOf(kind: string): ValueType {
  const plain = kind.replace('?', '')
  return plain === 'integer' || plain === 'boolean' || plain === 'timestamp' ? plain : 'text'
}
