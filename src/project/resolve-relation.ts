import { type At, problem } from '../error.ts'
import type { FileFormat } from '../sql/dialect.ts'
import type { PlainRelation } from './relation.ts'
import { dbtRelation } from './resolve-dbt.ts'
import type { Resolving } from './resolving.ts'
import { sqlModel } from './sql-model.ts'
import type { Scalar } from './tree.ts'

/** Where the rows of something are, as it was written. */
export interface WrittenRelation {
  readonly table?: Scalar | undefined
  readonly file?: Scalar | undefined
  readonly sql?: Scalar | undefined
  readonly dbt?: Scalar | undefined
}

/** Whose rows they are. */
export interface RelationOwner {
  /** What an SQL model may not read, for it would read itself. */
  readonly name: string
  /** The owner in messages: `Source "orders"`. */
  readonly what: string
  readonly at: At
}

/** The one place that rows are read from. Undefined where none, several or an unreadable one is named; then problems were added. */
export function relationOf(
  context: Resolving,
  { name, what, at }: RelationOwner,
  { table, file, sql, dbt }: WrittenRelation,
): PlainRelation | undefined {
  const [, second] = [table, file, sql, dbt].filter((one) => one !== undefined)
  if (second) {
    const message = `${what} is read from one place: "table", "file", "sql" or "dbt".`
    context.problems.push(problem('project/wrong-type', message, second.at(), 'Keep one of them.'))
    return undefined
  }
  if (table) return tableOf(context, table)
  if (file) return fileOf(context, file)
  if (sql) return sqlModel(context, name, sql)
  if (dbt) return dbtRelation(context, dbt)
  context.problems.push(problem('project/missing-key', `${what} needs "table", "file", "sql" or "dbt".`, at))
  return undefined
}

function tableOf(context: Resolving, written: Scalar): PlainRelation | undefined {
  const parts = written.text.split('.')
  const [table = '', schema, database] = parts.toReversed()
  if (parts.length <= 3 && parts.every((part) => part.trim() !== ''))
    return { kind: 'table', ...(database !== undefined && { database }), schema, table }
  const message = `"${written.text}" is no table: a name, with a schema before it, and before that a database.`
  context.problems.push(problem('project/wrong-type', message, written.at(), 'Write raw.orders.'))
  return undefined
}

const FORMATS: Readonly<Record<string, FileFormat>> = {
  csv: 'csv',
  parquet: 'parquet',
  json: 'json',
  ndjson: 'json',
  jsonl: 'json',
}

function fileOf(context: Resolving, written: Scalar): PlainRelation | undefined {
  const ending = /\.([a-z]+)(\.gz)?$/.exec(written.text)?.[1] ?? ''
  const format = FORMATS[ending]
  if (!format) {
    const fix = 'A file ends in .csv, .parquet, .json or .ndjson.'
    context.problems.push(problem('project/wrong-type', `"${written.text}" is of no known format.`, written.at(), fix))
    return undefined
  }
  const dialect = context.settings.warehouse?.dialect
  if (dialect && dialect.files(written.text, format, new Map()) === undefined) {
    const message = `A warehouse of type "${dialect.type}" reads no files.`
    const fix = 'Load the file into a table and name it with `table:`.'
    // The source is there for what asks about it: it is told here alone.
    context.problems.push(problem('project/not-supported', message, written.at(), fix))
  }
  return { kind: 'file', path: written.text, format }
}
