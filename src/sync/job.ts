import type { Channel, Connector, Key, LeaveAction, Ms } from '../connectors/connector.ts'
import type { Diagnostic } from '../error.ts'
import type { Sync, SyncGuard } from '../project/project.ts'
import type { World } from '../world.ts'
import type { BreachNote, Judged, MappingNote } from './breach.ts'
import type { ByHand } from './by-hand.ts'
import { type Kept, LEASE, type Ledger } from './ledger.ts'
import type { Pace } from './pace.ts'

/** Everything that it takes to plan and send one sync. */
export interface SyncJob {
  readonly name: string
  readonly destination: string
  /** What is done with a row that leaves; undefined = it is kept, or (delivered whole) simply no longer there. */
  readonly onLeave: LeaveAction | undefined
  /** What is done with a row whose person may no longer be contacted; undefined = nothing can be done there. */
  readonly onWithdraw: LeaveAction | undefined
  /** Where the answers are that its purpose asks for, for messages; undefined where it asks nobody. */
  readonly consent?: AskedConsent | undefined
  /** The segment that is sent, for messages; undefined = every profile. */
  readonly segment?: string | undefined
  /** Fields that are sent only where the destination holds nothing in them. */
  readonly ifEmpty?: ReadonlySet<string> | undefined
  /** True where keys that differ in case only are one there. */
  readonly foldsKeys?: boolean | undefined
  /** The source whose rows are sent in place of people, for messages. */
  readonly source?: string | undefined
  /** A mirror that removes also what it never sent: how a key that is read back would stand in the ledger. */
  readonly owns?: { readonly keyText: (key: Key) => string } | undefined
  readonly guard: SyncGuard
  /** Undefined = the sync is blocked until somebody chooses. */
  readonly onMappingChange?: Sync['onMappingChange']
  readonly delivers: 'changes' | 'whole'
  readonly connector: Pick<Connector<unknown, unknown>, 'limits'>
  readonly account: unknown
  readonly into: unknown
  readonly channel: Channel<unknown>
  readonly ledger: Ledger
  /** How long a sent request may still take effect. */
  readonly settlesWithin: Ms
  /** One per credential, shared by all syncs that use it. */
  readonly pace: Pace
  /** Requests that were made of the destination so far; left out where nobody counts them: a batch is one. */
  readonly requests?: (() => number) | undefined
  /** Aborts the requests that are in flight, and lets none start any more. */
  readonly cutOff?: () => void
  readonly world: Pick<World, 'clock' | 'random'>
  readonly runId: string
  /** Unique per run; `isDead` must be able to tell of it whether it still runs. */
  readonly holder: string
  /** Provably runs no more: same host, and no such process. */
  readonly isDead: (holder: string) => boolean
  readonly maxChanges?: number | undefined
  /** How long jobs that this run started are waited for; undefined = as long as `timing` says. */
  readonly wait?: Ms | undefined
  /** The plan that is sent, exactly as it was made before; undefined = a new one. */
  readonly kept?: KeptJob | undefined
  readonly timing?: Timing
}

/** Where the answers are that a purpose asks for. */
export interface AskedConsent {
  readonly purpose: string
  readonly source: string
  readonly maxAge: string
  /** When those were read that the plan was made with, by the monotonic clock; undefined = by an earlier process. */
  readonly readAt?: Ms | undefined
}

/** A plan that was made before, and what was said of it then. */
export interface KeptJob {
  /** The id of the whole plan, which is noted where guards are overridden. */
  readonly id: string
  readonly plan: Kept
  readonly judged: Omit<Judged, 'counts'>
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
 * another run holds the lease. failed: authorisation, configuration or a bug. planned: nothing was to be sent. not_due:
 * its last run is not long enough ago.
 */
export type SyncStatus = 'ok' | 'partial' | 'blocked' | 'skipped' | 'failed' | 'interrupted' | 'planned' | 'not_due'

/** What became of one sync, as the JSON report has it. Numbers are rows unless they say otherwise. */
export interface SyncOutcome {
  readonly name: string
  readonly destination: string
  readonly status: SyncStatus
  readonly creates: number
  readonly updates: number
  readonly removes: number
  /** Of the removals, rows that cdp never sent, or that others put back; only where a mirror owns its place. */
  readonly strangers?: number
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
    /** Sent before, not to be contacted any more, and the destination knows no act: somebody must do it by hand. */
    readonly listed: number
    /** On hold after an ambiguous request, or refused before and not due. */
    readonly held: number
  }
  /** Batches sent, and questions for `write: if_empty`. */
  readonly calls: number
  readonly retries: number
  readonly ms: Ms
  /** All that blocked it, in one text. */
  readonly blocked_by: string | null
  /** What guards say of it. */
  readonly breaches: readonly BreachNote[]
  /** How `fields:` differ from what rows were acknowledged under; null where they do not. */
  readonly mapping: MappingNote | null
  /** When the destination lets itself be asked again, ISO 8601; null where it named no time, or need not be waited for. */
  readonly next_eligible_at: string | null
  /** People whom the destination must not contact any more, and whom only a human can take out; at most 20. */
  readonly withdrawals?: readonly ByHand[]
  readonly diagnostics: readonly Diagnostic[]
}
