import type { Context } from './compile/context.ts'
import { knownSyncs } from './compile/ledger-log.ts'
import { ledgerTables } from './compile/ledger-tables.ts'
import { type LedgerViewsOf, ledgerViews } from './compile/ledger-views.ts'
import type { Request } from './environment.ts'
import { createSnapshot } from './sync/creation-statements.ts'
import { listed } from './sync/listed.ts'
import { ledgerSchema } from './syncs.ts'
import type { Session } from './warehouses/warehouse.ts'

/**
 * Shows the ledger to readers, made anew because a sync may have come. The views are over all syncs that the ledger or
 * the project knows, so that one that was renamed or taken out stays in them. Those of the sandbox are shown in its own
 * schema. Nothing is shown before a sync ever ran.
 */
export async function publishLedger(context: Context, session: Session, request: Request): Promise<void> {
  const { project, dialect } = context
  const ledger = ledgerSchema(project, request)
  const tables = ledgerTables(ledger, '')
  if ((await session.columns(tables.sync)) === undefined) return
  const known = await listed(session, knownSyncs(context, tables))
  const suffixes = new Map(known.map(({ sync, suffix }) => [sync, suffix]))
  // One that was renamed and has not run since is known by its former name.
  const others = [...project.syncs.values()].filter(({ was = '' }) => !suffixes.has(was))
  const syncs = [...new Set([...suffixes.keys(), ...others.map(({ name }) => name)])].sort()
  const snapshots = syncs.map((sync) => createSnapshot(dialect, ledgerTables(ledger, sync, suffixes.get(sync))))
  const views = ledgerViews(context, { ...shownIn(context, request), ledger, syncs, suffixes })
  await session.script([...snapshots, ...views].map((statement) => ({ statement })))
}

/** The schema that shows the ledger. */
export function shownIn({ project }: Context, request: Pick<Request, 'sandbox'>): Pick<LedgerViewsOf, 'schema'> {
  return { schema: request.sandbox ? ledgerSchema(project, request) : project.schemas.models }
}
