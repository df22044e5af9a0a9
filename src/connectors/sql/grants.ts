import type { DatabaseDialect } from '../database.ts'
import type { TableName } from './dialects.ts'

/** What is asked for, and for whom. */
export interface Wanted {
  readonly table: TableName
  readonly user: string | undefined
  readonly database: string | undefined
}

/** What an administrator would run so that the user may do these things in a table: `SELECT`, `UPDATE`, … */
export function grantsFor(dialect: DatabaseDialect, { table, user = '…' }: Wanted, rights: readonly string[]): string {
  const { schema, quoted } = table
  const list = rights.join(', ').toLowerCase()
  switch (dialect) {
    case 'postgres':
    case 'duckdb': {
      const usage = schema === undefined ? '' : `grant usage on schema ${standard(schema)} to ${standard(user)}; `
      return `${usage}grant ${list} on ${quoted} to ${standard(user)}`
    }
    case 'mysql':
      return `grant ${list} on ${quoted} to ${account(user)}`
    case 'sqlserver':
      return `grant ${list} on ${quoted} to ${bracketed(user)}`
  }
}

/**
 * What an administrator would run so that the user may make the table, and then do these things in it: only in Postgres
 * a table belongs to who makes it.
 */
export function creationFor(
  dialect: DatabaseDialect,
  { table, user = '…', database = '…' }: Wanted,
  rights: readonly string[],
): string {
  const { schema } = table
  const list = rights.join(', ').toLowerCase()
  switch (dialect) {
    case 'postgres':
    case 'duckdb':
      return `grant usage, create on schema ${standard(schema ?? 'public')} to ${standard(user)}`
    case 'mysql':
      return `grant create, ${list} on ${backquoted(schema ?? database)}.* to ${account(user)}`
    case 'sqlserver': {
      const who = bracketed(user)
      return `grant create table to ${who}; grant alter, ${list} on schema::${bracketed(schema ?? 'dbo')} to ${who}`
    }
  }
}

function standard(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function bracketed(name: string): string {
  return `[${name.replaceAll(']', ']]')}]`
}

function backquoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

/** From any host, as long as nothing else is known. */
function account(user: string): string {
  return `'${user.replaceAll("'", "''")}'@'%'`
}
