import type { MendEvent } from '../compile/ledger-mend.ts'
import type { JobId, Ms } from '../connectors/connector.ts'
import type { Standing } from './mapping.ts'

/**
 * What the warehouse remembers of one sync, and the only ways to change it. Two implementations, shown equal by
 * random histories: `sql-ledger.ts` (the product) and `model-ledger.ts` (plain TypeScript, for simulation).
 *
 * Why nothing is lost: a row counts as synced only by a `written` ack of exactly its payload; everything that may have
 * been sent stands in an intent first, so at least it is `unknown`; plans never change, acks are only added, and the
 * merge of both gives the same snapshot however often and whenever it runs.
 */
export interface Ledger {
  /** Makes what is missing. Safe to repeat. */
  prepare(): Promise<void>
  /**
   * Takes the lease with a new fence, if nobody holds it. `dead` names a holder that provably runs no more; `from` one
   * that may live: what it sends until its lease would have ended may still take effect.
   */
  claim(claim: Claim): Promise<Claimed>
  /** Prolongs the lease; false when another claim came between. */
  renew(lease: Lease): Promise<boolean>
  /** Merges what earlier holders left: unfinished plans, then confessions. Returns how many there were. */
  recover(lease: Lease): Promise<number>
  /**
   * Remembers for the plans of this fence (without a lease: for the eyes) which keys the destination holds, as texts of
   * `keyJson`. A mirror that owns its place removes those that nobody of its audience has.
   */
  survey(lease: Lease | undefined, keys: AsyncIterable<readonly string[]>): Promise<void>
  /**
   * Makes the plan of this fence, and counts it. Without a lease the plan is made for the eyes only, under fence 0.
   * `maxChanges`: at most so many creates and updates and no removal; the rest is owed. A plan may be made again until
   * it is sent.
   */
  plan(lease: Lease | undefined, maxChanges: number | undefined, how?: Planning): Promise<PlanCounts>
  /** For what target and under what mapping rows were acknowledged, beside what the project says now. */
  standing(): Promise<Standing>
  /** From now on the state is that of the chosen target. */
  acknowledge(): Promise<void>
  /** The changes to send: seq 1 to the sum of the counts, in order; removals first. */
  changes(lease: Lease): AsyncIterable<readonly PlannedChange[]>
  /** Every row of the audience in the order of its key, for destinations that take it whole. */
  desired(lease: Lease): AsyncIterable<readonly DesiredRow[]>
  /** Has anybody been suppressed since the build that was planned? */
  hasFreshSuppressions(): Promise<boolean>
  /** The creations and updates among the seqs `lo` to `hi` whose person was suppressed since the build. */
  revoked(lease: Lease, lo: number, hi: number): Promise<ReadonlySet<number>>
  /**
   * What the source of consents says at this moment, and the creations and updates among the seqs `lo` to `hi` whose
   * person has not agreed. Undefined where the plan is gone: somebody took over. Only for syncs whose purpose asks people.
   */
  consents(lease: Lease, lo: number, hi: number): Promise<ConsentsNow | undefined>
  /** The same for every row that `desired` gives; `refused` is how many. */
  allConsents(lease: Lease): Promise<AllConsentsNow | undefined>
  /** Adds acks, declares that seqs up to `intent` may be sent, prolongs the lease. False when fenced: nothing was added. */
  flush(lease: Lease, flush: Flush): Promise<boolean>
  /** A fenced holder says what it may have sent too late. Always possible; can only lower certainty. */
  confess(lease: Lease, rows: readonly Confession[]): Promise<void>
  /** Merges plan and acks of the lease's fence into the snapshot and drops the plan. False when fenced. */
  merge(lease: Lease): Promise<boolean>
  /** Rows that wait for an asynchronous job. */
  submitted(lease: Lease): Promise<readonly Submitted[]>
  /** What became of submitted rows. */
  settle(lease: Lease, rows: readonly Settled[]): Promise<void>
  /**
   * Drops the plan, which must be merged or never declared, and gives the lease back. Unless nothing was to be sent
   * (blocked, abandoned), the present mapping is the one under which rows are acknowledged from now on. A run that is
   * cut off before that does no harm: rows that have the new fingerprint by then are unchanged, whatever is noted.
   */
  finish(lease: Lease, event: RunEvent): Promise<void>
  /** Makes refused rows due, with `compliance` also those of persons whom the vendor refuses. Returns how many. */
  retry(lease: Lease, compliance: boolean): Promise<number>
  /** Gives the lease back after a failure; the plan stays for the next run to merge. */
  surrender(lease: Lease, event: RunEvent): Promise<void>
  /** Drops what `plan` made without a lease. */
  discard(): Promise<void>
  /** Keeps what `plan` made without a lease beside the build, for `adopt`. */
  keep(): Promise<Kept>
  /**
   * Whether a plan that was kept may still be sent. sent: another lease was taken since, or left something to be merged.
   * gone: the plan is not there any more, or is not what it was. Changes nothing.
   */
  stands(kept: Kept): Promise<'ready' | 'sent' | 'gone'>
  /**
   * Makes the plan of this fence from the one that was kept, and counts it. Undefined when that one is not there any
   * more, or is not what it was.
   */
  adopt(lease: Lease, kept: Kept): Promise<PlanCounts | undefined>
}

/** A plan that is to be sent later, exactly as it is. */
export interface Kept {
  /** The last fence that was taken when the plan was made: whoever sends it must take the next one. */
  readonly fence: number
  /** Every row of the plan in one text: equal plans have equal digests. */
  readonly digest: string
}

/** How a plan is made, beyond the rules that always hold. */
export interface Planning {
  /**
   * Rows whose fingerprint still matches under the mapping noted before are no changes: they get the new fingerprint
   * when the plan is merged, unsent. The noted mapping must have lost no trait.
   */
  readonly rebase?: boolean
  /** Removals are owed. */
  readonly holdRemovals?: boolean
}

export interface Claim {
  readonly runId: string
  /** Who claims: unique per run, and enough to find out later whether it still runs. */
  readonly holder: string
  readonly dead: string | undefined
  readonly from?: string | undefined
}

export interface Lease {
  readonly runId: string
  readonly holder: string
  readonly fence: number
}

export type Claimed =
  | { readonly kind: 'held'; readonly lease: Lease }
  | { readonly kind: 'taken'; readonly holder: string; readonly until: string }

export type Op = 'create' | 'update' | 'remove'

/** Rows by what is to be done with them. */
export interface PlanCounts {
  readonly creates: number
  readonly updates: number
  readonly removes: number
  /** Of the removals, those owed included: people who may no longer be contacted. */
  readonly withdraws: number
  /** Rows whose people may no longer be contacted, and for which the destination knows no act. */
  readonly listed: number
  /** Beyond `maxChanges`: found, but not to be sent by this plan. */
  readonly owed: { readonly creates: number; readonly updates: number; readonly removes: number }
  /** Of the removals, those owed included: rows that we never sent, or that others put back. */
  readonly strangers: number
  /** Facts that are merged without anything being sent: rows that left and are kept, came back unchanged, are rebased. */
  readonly marks: number
  /** Of the marks, rows that differ only because the mapping does. */
  readonly rebased: number
  readonly unchanged: number
  /** Rows with a null key, and every copy of a key that occurs more than once. */
  readonly invalid: number
  /** Of the invalid rows, the copies. */
  readonly copies: number
  readonly excluded: number
  /** People of the audience without consent, and those who are suppressed; in `audience` is neither. */
  readonly noConsent: number
  readonly suppressed: number
  /** Undefined where the purpose of the sync asks nobody. */
  readonly consents: ConsentCounts | undefined
  /** Changed, but an earlier request may still take effect. */
  readonly held: number
  /** Refused before with the same payload, and not due. */
  readonly waiting: number
  /** With an asynchronous job. */
  readonly pending: number
  /** Rows of the audience, invalid ones included. */
  readonly audience: number
  /** Rows that the destination holds or may hold and that were in the audience last. */
  readonly snapshot: number
  /** Rows of the snapshot on hold, changed or not. */
  readonly onHold: number
}

/** What is known of the consents that a plan was made with. */
export interface ConsentCounts {
  /** Rows of the source. */
  readonly answers: number
  /** The newest row is older than the project allows. */
  readonly isStale: boolean
  /** People with an answer for the purpose, and those whose last one is a yes. */
  readonly asked: number
  readonly agreed: number
  /** The same when the sync was last sent; undefined before the first time. */
  readonly before: { readonly asked: number; readonly agreed: number } | undefined
}

/** A source of consents while a plan is sent. */
export interface FeedNow {
  readonly isEmpty: boolean
  /** The newest row is older than the project allows. */
  readonly isStale: boolean
}

export interface ConsentsNow extends FeedNow {
  readonly refused: ReadonlySet<number>
}

export interface AllConsentsNow extends FeedNow {
  readonly refused: number
}

/** Why a row is removed: it left, its person may no longer be contacted, or it is not ours in a place that we own. */
export type Act = 'leave' | 'withdraw' | 'foreign'

/** One row of a plan; texts as the warehouse wrote them. */
export interface PlannedChange {
  readonly seq: number
  readonly op: Op
  /** Of a removal only. */
  readonly act: Act | undefined
  readonly keyJson: string
  /** '' for a row that is nobody's. */
  readonly profileId: string
  /** JSON object of the fields; `{}` for a removal. */
  readonly payload: string
  /** JSON object of the match keys that this change sends; null for a removal. */
  readonly ident: string | null
  /** JSON objects, comma-separated: match keys that the destination may hold, the acknowledged one first. */
  readonly before: string | null
  readonly destinationId: string | null
  readonly idempotencyKey: string
}

export interface DesiredRow {
  readonly keyJson: string
  readonly payload: string
}

/**
 * written: the vendor confirmed. refused: waits until its payload changes or its backoff is due. compliance: waits
 * until its payload changes. unknown: may have taken effect. submitted: with a job. unsent: certainly without effect.
 */
export type Outcome = 'written' | 'refused' | 'compliance' | 'unknown' | 'submitted' | 'unsent'

/** What became of the seqs `lo` to `hi`. Each seq is told once per fence. */
export interface Ack {
  readonly lo: number
  readonly hi: number
  readonly outcome: Outcome
  readonly code?: string
  readonly message?: string
  readonly destinationId?: string
  readonly job?: JobId
  /** Milliseconds from now in which an ambiguous earlier attempt may still take effect. */
  readonly hold?: Ms
}

export interface Flush {
  readonly acks: readonly Ack[]
  readonly intent?: number
}

export interface Confession {
  readonly keyJson: string
  readonly profileId: string
  readonly ident: string | null
}

export interface Submitted {
  readonly keyHash: string
  readonly keyJson: string
  readonly job: JobId
}

export interface Settled {
  readonly keyHash: string
  readonly job: JobId
  readonly outcome: Exclude<Outcome, 'submitted'>
  readonly code?: string
  readonly message?: string
  readonly destinationId?: string
  readonly hold?: Ms
}

export type RunEventName = 'claimed' | 'done' | 'partial' | 'blocked' | 'failed' | 'interrupted' | 'abandoned'

export interface RunEvent {
  readonly event: Exclude<RunEventName, 'claimed'> | MendEvent
  readonly counts: Readonly<Record<string, number>>
  readonly detail?: string
}

/** How long things last. All in milliseconds. */
export interface LeaseTiming {
  /** How long a lease holds without renewal. */
  readonly lease: Ms
  /** L: how long a sent request may still take effect. */
  readonly settlesWithin: Ms
}

export const LEASE: Ms = 600_000
