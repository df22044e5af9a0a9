import type { Dialect, ValueType } from '../sql/dialect.ts'
import { from, type Statement, sql, type Table } from '../sql/sql.ts'
import { statement } from './context.ts'
import type { LedgerTables } from './ledger-tables.ts'

type Added = Readonly<Record<string, ValueType | 'bigint'>>

/** What makes tables of the version before those of `version`: columns that are added, null in every row. */
export interface Migration {
  readonly version: number
  /** To tables of all syncs together. */
  readonly shared: Readonly<Partial<Record<'meta' | 'sync' | 'event', Added>>>
  /** To the tables of each sync. */
  readonly perSync: Readonly<Partial<Record<(typeof SYNC_TABLES)[number], Added>>>
}

/**
 * Every change of the state's shape since version 1, the oldest first. What stands here stays as it is: tables of any
 * release may be met. The same columns stand in `ledger-tables.ts`, by which new tables are made.
 */
export const MIGRATIONS: readonly Migration[] = [
  { version: 2, shared: { sync: { key_spec: 'text', mapping: 'text', mapping_hash: 'text' } }, perSync: {} },
  { version: 3, shared: { sync: { starts_at: 'timestamp' } }, perSync: {} },
]

/** Adds what tables of all syncs lack; changes nothing where they have it. */
export function migrateShared(dialect: Dialect, tables: LedgerTables, { shared }: Migration): readonly Statement[] {
  return Object.entries(shared).flatMap(([name, columns]) =>
    additions(dialect, tables[name as keyof typeof shared], columns),
  )
}

/** Tables of which each sync has its own, and which stay from run to run. */
export const SYNC_TABLES = ['snapshot', 'ack'] as const

/** Adds what one table of a sync lacks; changes nothing where it has it. The table must be there. */
export function migrateTable(
  dialect: Dialect,
  tables: LedgerTables,
  name: (typeof SYNC_TABLES)[number],
  migrations: readonly Migration[],
): readonly Statement[] {
  return migrations.flatMap(({ perSync }) => additions(dialect, tables[name], perSync[name] ?? {}))
}

/** Says that all tables are those of a version, and never lowers it: last, so that what was cut off is done again. */
export function raiseVersion({ meta }: Pick<LedgerTables, 'meta'>, version: number): Statement {
  return statement(
    `raise version to ${version}`,
    'every table has the shape of this version',
    sql`
      update ${from(meta)}
      set state_version = ${version}
      where state_version < ${version}`,
  )
}

/** All that a migration from any version may send for one sync. */
export function migrationStatements(dialect: Dialect, tables: LedgerTables): readonly Statement[] {
  return [
    ...MIGRATIONS.flatMap((one) => migrateShared(dialect, tables, one)),
    ...SYNC_TABLES.flatMap((name) => migrateTable(dialect, tables, name, MIGRATIONS)),
    ...MIGRATIONS.map(({ version }) => raiseVersion(tables, version)),
  ]
}

function additions(dialect: Dialect, table: Table, columns: Added): readonly Statement[] {
  return Object.entries(columns).map(([name, type]) =>
    statement(
      `add ${name}`,
      'tables of an older release have no such column',
      dialect.addColumn(table, { name, type }),
    ),
  )
}
