import type { Context } from '../compile/context.ts'
import { statement } from '../compile/context.ts'
import { metaQuery, waitsQuery } from '../compile/ledger-state.ts'
import { ledgerTables } from '../compile/ledger-tables.ts'
import { findLedger } from '../sync/find-ledger.ts'
import { type SyncState, syncStates } from '../sync/states.ts'
import type { Session } from '../warehouses/warehouse.ts'

/** What the ledger is, and what it holds of every sync. */
export interface LedgerState {
  readonly schema: string
  /** Undefined before the first run. */
  readonly made: { readonly version: number; readonly target: string; readonly at: string } | undefined
  readonly syncs: readonly SyncLedger[]
}

export interface SyncLedger extends Pick<SyncState, 'name' | 'rows' | 'lease'> {
  readonly destination: string
  /** Keys that the ledger knows, those of rows that were never written or were removed included. */
  readonly keys: number
  /** Keys that are not sent because an earlier request may still take effect. */
  readonly on_hold: number
  /** Rows that the destination holds and that the next run sends again. */
  readonly to_correct: number
  /** What the project sends now: names as the destination knows them. */
  readonly mapping: {
    readonly mode: string
    readonly key: Readonly<Record<string, string>>
    readonly fields: readonly string[]
  }
  readonly tables: { readonly snapshot: string; readonly answers: string }
}

/** Reads only. `ledger` is the schema; `syncs` those that are asked for. */
export async function readLedgerState(
  { project, dialect }: Context,
  session: Session,
  { ledger, syncs }: { readonly ledger: string; readonly syncs: ReadonlySet<string> },
): Promise<LedgerState> {
  const shared = ledgerTables(ledger, '')
  const isThere = (await session.columns(shared.meta)) !== undefined
  const meta = isThere
    ? await session.first({ statement: statement('ledger', 'what it is', metaQuery(shared)) })
    : undefined
  const asked = [...project.syncs.values()].filter(({ name }) => syncs.has(name))
  const states = await syncStates(session, ledger, asked)
  const found: SyncLedger[] = []
  for (const [index, sync] of asked.entries()) {
    const state = states[index]
    const { tables } = await findLedger(session, ledger, sync)
    const known = (await session.columns(tables.snapshot)) !== undefined
    const waits = statement('ledger of a sync', 'what its rows wait for', waitsQuery(dialect, tables))
    const row = known ? await session.first({ statement: waits }) : undefined
    if (state === undefined) continue
    found.push({
      name: sync.name,
      destination: sync.destination,
      keys: Number(row?.keys ?? 0),
      rows: state.rows,
      on_hold: Number(row?.on_hold ?? 0),
      to_correct: Number(row?.to_correct ?? 0),
      lease: state.lease,
      mapping: {
        mode: sync.mode,
        key: Object.fromEntries(sync.key.map(({ theirs, trait }) => [theirs, trait])),
        fields: sync.fields.map(({ theirs }) => theirs),
      },
      tables: {
        snapshot: `${ledger}.${tables.snapshot.name.join('')}`,
        answers: `${ledger}.${tables.ack.name.join('')}`,
      },
    })
  }
  const made = meta && { version: Number(meta.version), target: meta.target ?? '', at: meta.created_at ?? '' }
  return { schema: ledger, made: made ?? undefined, syncs: found }
}
