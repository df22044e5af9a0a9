import type { Context } from '../compile/context.ts'
import { knownSyncs } from '../compile/ledger-log.ts'
import {
  MIGRATIONS,
  type Migration,
  migrateShared,
  migrateTable,
  raiseVersion,
  SYNC_TABLES,
} from '../compile/ledger-migrations.ts'
import { type LedgerTables, ledgerTables } from '../compile/ledger-tables.ts'
import type { Statement } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'
import { listed } from './listed.ts'

/** The state in one schema, which an older release may have made. */
export interface State {
  readonly context: Context
  readonly session: Session
  readonly schema: string
  /** Other than the product's own in tests only. */
  readonly migrations?: readonly Migration[]
}

/**
 * Brings the tables of every sync from `version` to the present one, version by version. Cut off anywhere, it is done
 * again by whoever comes next: each step may run twice, and the version rises last.
 */
export async function migrateState(state: State, version: number): Promise<void> {
  const { context, session, schema, migrations = MIGRATIONS } = state
  const shared = ledgerTables(schema, '')
  for (const migration of migrations.filter((one) => one.version > version)) {
    await run(session, migrateShared(context.dialect, shared, migration))
    for (const tables of await tablesOf(state)) await migrateTables({ ...state, migrations: [migration] }, tables)
    await run(session, [raiseVersion(shared, migration.version)])
  }
}

/**
 * Brings the tables of one sync up to date, whatever the version says: a sync that never ran may have a table of which
 * a migration of all others knew nothing.
 */
export async function migrateTables(
  { context, session, migrations = MIGRATIONS }: Omit<State, 'schema'>,
  tables: LedgerTables,
): Promise<void> {
  for (const name of SYNC_TABLES) {
    const statements = migrateTable(context.dialect, tables, name, migrations)
    const isThere = statements.length > 0 && (await session.columns(tables[name])) !== undefined
    if (isThere) await run(session, statements)
  }
}

/** Of syncs that ever ran, and of those of the project: a table is made to be shown before a sync runs. */
async function tablesOf({ context, session, schema }: State): Promise<readonly LedgerTables[]> {
  const known = await listed(session, knownSyncs(context, ledgerTables(schema, '')))
  const suffixes = new Map(known.map(({ sync, suffix }) => [sync, suffix]))
  const names = new Set([...suffixes.keys(), ...context.project.syncs.keys()])
  return [...names].map((name) => ledgerTables(schema, name, suffixes.get(name)))
}

async function run(session: Session, statements: readonly Statement[]): Promise<void> {
  if (statements.length > 0) await session.script(statements.map((statement) => ({ statement })))
}
