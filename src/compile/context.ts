import type { Project, Source } from '../project/project.ts'
import { tableName } from '../project/relation.ts'
import type { Dialect } from '../sql/dialect.ts'
import { column, from, id, type Sql, type Statement, sql, type Table } from '../sql/sql.ts'
import type { StatementStep, Step } from './model.ts'
import { buildTable } from './names.ts'

/** What every query family is compiled from. */
export interface Context {
  readonly project: Project
  readonly dialect: Dialect
}

/** The business time, where `clock` is joined. */
export const NOW: Sql = column('clock', 'now')

/** One statement as a step of a build. */
export function step(name: string, reason: string, query: Sql): Step {
  return { kind: 'statement', statement: statement(name, reason, query), makes: undefined }
}

/** A step that makes a table of the build from a query. */
export function making(context: Context, table: Table, name: string, reason: string, query: Sql): StatementStep {
  return {
    kind: 'statement',
    statement: statement(name, reason, context.dialect.createTable(table, query)),
    makes: table,
  }
}

export function statement(name: string, reason: string, query: Sql): Statement {
  return { name, reason, sql: query }
}

/** What a source is selected from: the table itself, or the build's copy of files, SQL models and lists of pairs. */
export function relation(context: Context, source: Source): Sql {
  switch (source.relation.kind) {
    case 'table':
      return tableName(source.relation)
    case 'file':
    case 'sql':
    case 'pairs':
      return from(buildTable(context.project, 'source_', source.name))
  }
}

/**
 * Columns of a file that are read as text whatever they look like, unless the project says otherwise: identifiers,
 * keys and countries. Read as a number they would have lost leading zeros and plus signs.
 */
export function textColumns(source: Source): ReadonlySet<string> {
  if (source.relation.kind !== 'file') return new Set()
  const identifiers = source.identifiers.flatMap(({ column: name, country }) => [name, country])
  const columns = [...identifiers, source.key, ...source.belongsTo.values()]
  return new Set(columns.flatMap((name) => (name === undefined || source.types.has(name) ? [] : [name])))
}

/** Whether a source says when its rows happened, changed or arrived. */
export function hasTime(source: Source): boolean {
  return (source.occurredAt ?? source.updatedAt ?? source.loadedAt) !== undefined
}

/** When a row of a source happened or was last seen, as an instant; undefined where the source has no time. */
export function timeOf(context: Context, source: Source, alias: string): Sql | undefined {
  const name = source.occurredAt ?? source.updatedAt ?? source.loadedAt
  return name === undefined ? undefined : context.dialect.instant(column(alias, name))
}

/** Joins a table that has at most one row a profile to rows that name one. */
export function profileJoin(table: Table, alias: string, base: string): Sql {
  return sql`
    left join ${from(table)} as ${id(alias)}
      on ${column(alias, 'profile_id')} = ${column(base, 'profile_id')}`
}
