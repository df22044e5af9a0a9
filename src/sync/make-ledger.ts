import { ledgerTables, STATE_VERSION } from '../compile/ledger-tables.ts'
import { failure } from '../error.ts'
import type { Statement } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'
import { creation } from './creation-statements.ts'
import { findLedger, ledgerTwice, type Whereabouts } from './find-ledger.ts'
import { migrateState, migrateTables } from './migrate.ts'
import type { LedgerOf } from './statements.ts'

type Of = Pick<LedgerOf, 'context' | 'schema' | 'suffix' | 'sync'> & { readonly session: Session }

/** Is everything there under the name of the sync, as this release makes it? Then nothing needs to be made. */
export async function isMade({ context, schema, session, suffix, sync }: Of): Promise<boolean> {
  const tables = ledgerTables(schema, sync.name, suffix)
  const statement = creation(context, sync, tables).findWhole
  // A table that is missing is made; whatever else is wrong is told by what makes it.
  const row = await session
    .first({ statement, values: { name: sync.name, former: sync.was ?? null } })
    .catch(() => undefined)
  const isOnlyOne = row?.own === tables.suffix && (row.former ?? undefined) === undefined
  return isOnlyOne && Number(row.state_version) === STATE_VERSION
}

/** Makes what is missing of a ledger, and says where it is. Safe to repeat. */
export async function makeLedger(of: Of): Promise<Whereabouts> {
  const { context, schema, session, suffix, sync } = of
  const run = (statements: readonly Statement[]) => session.script(statements.map((statement) => ({ statement })))
  const { create, version: asked } = creation(context, sync, ledgerTables(schema, sync.name, suffix))
  const made = await run(create)
  const version = Number((await session.first({ statement: asked }))?.state_version ?? 0)
  if (version > STATE_VERSION)
    throw failure(
      'project',
      'warehouse/newer-state',
      `The state in "${schema}" has version ${version}; this release knows ${STATE_VERSION}.`,
      'Install the newer release.',
    )
  if (version < STATE_VERSION) await migrateState(of, version)
  const found = await findLedger(session, schema, sync)
  if (found.isDouble) throw ledgerTwice(sync)
  await run(creation(context, sync, found.tables).createOwn)
  // The last statement that creates notes the sync, where the state did not know it.
  if (version === STATE_VERSION && (made.at(-1)?.rows ?? 0) > 0) await migrateTables(of, found.tables)
  return found
}
