import type { Channel, Connector, LeaveAction, Ms } from '../connectors/connector.ts'
import type { Diagnostic } from '../error.ts'
import type { World } from '../world.ts'
import { LEASE, type Ledger } from './ledger.ts'
import type { Pace } from './pace.ts'

/** Everything that it takes to plan and send one sync. */
export interface SyncJob {
  readonly name: string
  readonly destination: string
  /** What is done with a row that leaves; undefined = it is kept, or (delivered whole) simply no longer there. */
  readonly onLeave: LeaveAction | undefined
  /** Share of the snapshot (0.1 = 10 %) that may be removed at once. */
  readonly maxRemoved: number | undefined
  readonly delivers: 'changes' | 'whole'
  readonly connector: Pick<Connector<unknown, unknown>, 'limits'>
  readonly account: unknown
  readonly into: unknown
  readonly channel: Channel<unknown>
  readonly ledger: Ledger
  /** How long a sent request may still take effect. */
  readonly settlesWithin: Ms
  /** One per destination account, shared by all its syncs. */
  readonly pace: Pace
  readonly world: Pick<World, 'clock' | 'random'>
  readonly runId: string
  /** Unique per run; `isDead` must be able to tell of it whether it still runs. */
  readonly holder: string
  /** Provably runs no more: same host, and no such process. */
  readonly isDead: (holder: string) => boolean
  readonly maxChanges?: number | undefined
  readonly timing?: Timing
}

export interface Timing {
  /** How long a lease holds; the ledger was opened with the same figure. */
  readonly lease: Ms
  /** Nothing is sent in the last part of a lease: a pause shorter than this does no harm. */
  readonly margin: Ms
  /** A window holds whole batches, at least so many rows; fewer where they take longer than `windowMs` at the known rate. */
  readonly windowRows: number
  readonly windowMs: Ms
  /** How long a run waits for asynchronous jobs that it started. */
  readonly wait: Ms
}

export const TIMING: Timing = { lease: LEASE, margin: 120_000, windowRows: 5_000, windowMs: 15_000, wait: 120_000 }

/**
 * ok: the plan was sent to its end (rows may have been refused). partial: ended before. blocked: a guard. skipped:
 * another run holds the lease. failed: authorisation, configuration or a bug. planned: nothing was to be sent.
 */
export type SyncStatus = 'ok' | 'partial' | 'blocked' | 'skipped' | 'failed' | 'interrupted' | 'planned'

/** What became of one sync, as the JSON report has it. Numbers are rows unless they say otherwise. */
export interface SyncOutcome {
  readonly name: string
  readonly destination: string
  readonly status: SyncStatus
  readonly creates: number
  readonly updates: number
  readonly removes: number
  readonly unchanged: number
  /** Confirmed by the vendor. */
  readonly written: number
  /** Handed to an asynchronous job that has not ended. */
  readonly accepted: number
  readonly refused: number
  /** Found but not delivered: the next run sends them. creates + updates + removes = written + accepted + refused + again. */
  readonly again: number
  readonly invalid: number
  readonly withheld: {
    readonly consent: number
    readonly suppressed: number
    readonly excluded: number
    /** On hold after an ambiguous request, or refused before and not due. */
    readonly held: number
  }
  /** Batches sent. */
  readonly calls: number
  readonly retries: number
  readonly ms: Ms
  readonly blocked_by: string | null
  readonly diagnostics: readonly Diagnostic[]
}
