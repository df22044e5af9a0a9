import type { At } from '../error.ts'
import type { FileFormat } from '../sql/dialect.ts'
import { from, id, type Sql, type Table } from '../sql/sql.ts'

/** Where the rows of a source or of a list of identifiers are. */
export type Relation =
  | PlainRelation
  /** Rows of (type_a, value_a, type_b, value_b), read as a column for each side and each of these identifier types. */
  | { readonly kind: 'pairs'; readonly of: PlainRelation; readonly types: readonly string[] }

export type PlainRelation =
  | TableRelation
  | { readonly kind: 'file'; readonly path: string; readonly format: FileFormat }
  /** A select with `ref`, `source` and `var` left as holes: text pieces and the sources between them. */
  | { readonly kind: 'sql'; readonly pieces: readonly (string | { readonly source: string })[]; readonly at: At }

export interface TableRelation {
  readonly kind: 'table'
  /** Undefined = the session's own; never there without a schema. */
  readonly database?: string | undefined
  /** Undefined = one that the session finds by itself. */
  readonly schema: string | undefined
  readonly table: string
}

/** What a table or view of the warehouse is selected from. */
export function tableName(relation: TableRelation): Sql {
  const table = tableOf(relation)
  return table === undefined ? id(relation.table) : from(table)
}

/** The table, where its schema is known. */
export function tableOf({ database, schema, table }: TableRelation): Table | undefined {
  return schema === undefined ? undefined : { ...(database !== undefined && { database }), schema, name: [table] }
}

/** A table as the project names it: `raw.orders`. */
export function tableText({ database, schema, table }: TableRelation): string {
  return [database, schema, table].filter((part) => part !== undefined).join('.')
}
