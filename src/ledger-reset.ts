import { type LedgerState, readLedgerState } from './catalog/ledger-state.ts'
import { statement } from './compile/context.ts'
import { doubtQuery, resetQuery } from './compile/ledger-state.ts'
import type { Environment, Request } from './environment.ts'
import { type CdpError, failure } from './error.ts'
import { atBench, taken } from './mending.ts'
import type { Sync } from './project/project.ts'
import { select } from './project/select.ts'
import { reading } from './stages.ts'
import { findLedger } from './sync/find-ledger.ts'
import { underLease } from './sync/mend.ts'
import { syncStates } from './sync/states.ts'
import { ledgerSchema } from './syncs.ts'
import type { Session } from './warehouses/warehouse.ts'

/** What the ledger holds of the selected syncs. Changes nothing. Throws CdpError. */
export async function showState(request: Request, environment: Environment): Promise<LedgerState> {
  return reading(request, environment, (context, session) => {
    const { syncs } = select(context.project, request.select, request.exclude)
    return readLedgerState(context, session, { ledger: ledgerSchema(context.project, request), syncs })
  })
}

/** What was forgotten. */
export interface Reset {
  readonly sync: string
  readonly destination: string
  /** Rows that the destination held or may have held: it keeps them, and nobody can remove them by this sync any more. */
  readonly forgotten: number
  /** Rows that something under way may still change: kept as unknown. */
  readonly kept: number
}

/**
 * Forgets what the destination of a sync acknowledged. Throws CdpError `command/arguments` without `sure`, saying what
 * would be lost.
 */
export async function resetState(
  request: Request,
  environment: Environment,
  asked: { readonly sync: string; readonly sure: boolean },
): Promise<Reset> {
  return atBench(request, environment, asked.sync, async ({ sync, session, schema, job }) => {
    const told = { sync: sync.name, destination: sync.destination }
    const { tables } = await findLedger(session, schema, sync)
    if ((await session.columns(tables.snapshot)) === undefined) return { ...told, forgotten: 0, kept: 0 }
    if (!asked.sure) throw notSure(told, await heldBy(session, schema, sync))
    const mended = await underLease(job, async ({ fence }) => {
      const values = { sync: sync.name, fence }
      const reset = statement(
        'reset',
        'what the destination acknowledged is forgotten',
        resetQuery(session.dialect, tables),
      )
      const doubt = statement('doubt', 'what is under way may be there', doubtQuery(session.dialect, tables))
      const before = await heldBy(session, schema, sync)
      await session.script([reset, doubt].map((each) => ({ statement: each, values })))
      const kept = await heldBy(session, schema, sync)
      const value = { forgotten: before - kept, kept }
      return { value, event: { event: 'reset', counts: value } }
    })
    if (mended.kind === 'taken') throw taken(sync, mended)
    return { ...told, ...mended.value }
  })
}

/** How many rows the destination holds or may hold. */
async function heldBy(session: Session, schema: string, sync: Sync): Promise<number> {
  const [state] = await syncStates(session, schema, [sync])
  const { synced = 0, unknown = 0, submitted = 0, left = 0, refused = 0, quarantined = 0 } = state?.rows ?? {}
  return synced + unknown + submitted + left + refused + quarantined
}

function notSure({ sync, destination }: Pick<Reset, 'sync' | 'destination'>, rows: number): CdpError {
  return failure(
    'project',
    'command/arguments',
    `This forgets ${rows} rows that "${destination}" holds or may hold by "${sync}": rows that leave later can never be removed from there, and the next run sends everybody again.`,
    'Say --yes to do it. "cdp state adopt" learns what a destination holds instead.',
  )
}
