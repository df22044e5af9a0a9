import { CdpError, problem } from '../error.ts'
import { Checkpoint } from './checkpoint.ts'
import { Delivery, type Ending } from './delivery.ts'
import { guard } from './guard.ts'
import { type SyncJob, type SyncOutcome, TIMING } from './job.ts'
import type { Claimed, Outcome, PlanCounts, RunEvent } from './ledger.ts'
import { diagnosticsOf, endingStatus, outcomeOf } from './outcome.ts'
import { poll, type SettledCounts } from './poll.ts'
import { sendChanges } from './send.ts'
import { sendWhole } from './whole.ts'

/** A sync whose plan is made: ready to be sent, or already at its end. */
export type PlannedSync =
  | { readonly kind: 'ready'; readonly job: SyncJob; readonly counts: PlanCounts; readonly checkpoint: Checkpoint }
  | { readonly kind: 'ended'; readonly job: SyncJob; readonly outcome: SyncOutcome }

/**
 * Takes the lease of a sync, merges what earlier runs left, and plans. The lease is then held: `sendSync` or
 * `abandonSync` must follow. Throws CdpError when the warehouse fails.
 */
export async function planSync(job: SyncJob): Promise<PlannedSync> {
  const { ledger, world } = job
  const began = world.clock.now()
  await ledger.prepare()
  const claimedAt = world.clock.now()
  const claimed = await claim(job)
  if (claimed.kind === 'taken') return { kind: 'ended', job, outcome: skipped(job, claimed, began) }
  const { lease } = claimed
  const checkpoint = new Checkpoint(ledger, lease, world.clock, job.timing ?? TIMING, claimedAt)
  return guarded(job, checkpoint, async () => {
    await ledger.recover(lease)
    await poll({ job, lease, wait: 0, mayGoOn: () => checkpoint.keep() })
    const counts = await ledger.plan(lease, job.maxChanges)
    const blockedBy = guard(job, counts)
    if (blockedBy === undefined) return { kind: 'ready', job, counts, checkpoint }
    const outcome = blocked(job, counts, blockedBy, began)
    await ledger.finish(lease, { event: 'blocked', counts: numbersOf(outcome), detail: blockedBy })
    return { kind: 'ended', job, outcome }
  })
}

/** Sends a plan, merges what became of it, and gives the lease back. Throws CdpError when the warehouse fails. */
export async function sendSync(
  planned: PlannedSync,
  options: { readonly signal?: AbortSignal; readonly progress?: (rows: number, of: number) => void } = {},
): Promise<SyncOutcome> {
  if (planned.kind === 'ended') return planned.outcome
  const { job, counts, checkpoint } = planned
  return guarded(job, checkpoint, () => send(planned, options.signal, follow(counts, options.progress)))
}

/** Gives back the lease of a plan that is not to be sent. */
export async function abandonSync(planned: PlannedSync): Promise<void> {
  if (planned.kind === 'ended') return
  await planned.job.ledger.finish(planned.checkpoint.lease, { event: 'abandoned', counts: {} })
}

/** What planning alone needs. */
export type PreviewJob = Pick<
  SyncJob,
  'name' | 'destination' | 'onLeave' | 'maxRemoved' | 'delivers' | 'ledger' | 'world' | 'maxChanges'
> &
  Partial<SyncJob>

/** Plans without a lease, for the eyes only: sends nothing, and changes nothing that a run reads. */
export async function previewSync(job: PreviewJob): Promise<SyncOutcome> {
  const began = job.world.clock.now()
  await job.ledger.prepare()
  const counts = await job.ledger.plan(undefined, job.maxChanges)
  await job.ledger.discard()
  const blockedBy = guard(job, counts)
  if (blockedBy !== undefined) return blocked(job, counts, blockedBy, began)
  return outcomeOf(job, { status: 'planned', counts, planOnly: true, ms: job.world.clock.now() - began })
}

async function claim(job: SyncJob): Promise<Claimed> {
  const { ledger, runId, holder } = job
  const claimed = await ledger.claim({ runId, holder, dead: undefined })
  if (claimed.kind === 'held' || !job.isDead(claimed.holder)) return claimed
  return ledger.claim({ runId, holder, dead: claimed.holder })
}

/** Whatever goes wrong, the lease is given back if the warehouse lets us; the plan stays for the next run to merge. */
async function guarded<T>(job: SyncJob, checkpoint: Checkpoint, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const detail = error instanceof CdpError ? error.diagnostics[0]?.code : 'bug/unexpected'
    const event: RunEvent = { event: 'failed', counts: {}, ...(detail !== undefined && { detail }) }
    await job.ledger.surrender(checkpoint.lease, event).catch(() => undefined)
    throw error
  }
}

async function send(
  { job, counts, checkpoint }: Extract<PlannedSync, { kind: 'ready' }>,
  signal: AbortSignal | undefined,
  progress: (rows: number) => void,
): Promise<SyncOutcome> {
  const { ledger, world } = job
  const began = world.clock.now()
  const delivery = new Delivery({ ...job, checkpoint }, signal)
  await deliverPlan(job, delivery, counts, progress)
  const rows = counts.creates + counts.updates + counts.removes
  const isOurs = !checkpoint.isFenced && (rows + counts.marks === 0 || (await ledger.merge(checkpoint.lease)))
  const ending: Ending | undefined = isOurs ? delivery.ending : { kind: 'fenced' }
  const tally = await settled(job, checkpoint, signal)
  const outcome = outcomeOf(job, {
    status: endingStatus(ending),
    counts,
    tally,
    calls: delivery.calls,
    retries: delivery.retries,
    ms: world.clock.now() - began,
    diagnostics: diagnosticsOf(job, delivery, ending),
  })
  const event: RunEvent = { event: eventOf(outcome), counts: numbersOf(outcome) }
  // Once fenced, the plan belongs to the run that took over: it must still find and merge it.
  if (isOurs) await ledger.finish(checkpoint.lease, event)
  else await ledger.surrender(checkpoint.lease, event)
  return outcome
}

async function deliverPlan(
  job: SyncJob,
  delivery: Delivery,
  counts: PlanCounts,
  progress: (rows: number) => void,
): Promise<void> {
  const { creates, updates, removes } = counts
  const rows = creates + updates + removes
  if (rows === 0) return
  if (job.delivers === 'changes') {
    const changes = job.ledger.changes(delivery.checkpoint.lease)
    await sendChanges({ job, delivery, changes, volume: { upsert: creates + updates, remove: removes }, progress })
    return
  }
  // An earlier replacement may still land over a new one; and a part of a whole cannot be sent.
  const { owed } = counts
  if (counts.onHold > 0 || owed.creates + owed.updates + owed.removes > 0) return
  await sendWhole(job, delivery, rows)
  progress(rows)
}

/** Asks once more for asynchronous jobs, and moves rows that were accepted to what became of them. */
async function settled(
  job: SyncJob,
  checkpoint: Checkpoint,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<Outcome, number>> {
  const accepted = checkpoint.tally.get('submitted') ?? 0
  if (accepted === 0 || checkpoint.isFenced) return checkpoint.tally
  const wait = (job.timing ?? TIMING).wait
  const known = await poll({ job, lease: checkpoint.lease, wait, mayGoOn: () => checkpoint.keep(), signal })
  return moved(checkpoint.tally, known, accepted)
}

// Jobs of earlier runs may end now, too; only so many rows were accepted by this one.
function moved(tally: ReadonlyMap<Outcome, number>, known: SettledCounts, accepted: number): Map<Outcome, number> {
  const after = new Map(tally)
  let left = accepted
  for (const [outcome, rows] of known) {
    const mine = Math.min(rows, left)
    left -= mine
    after.set(outcome, (after.get(outcome) ?? 0) + mine)
  }
  return after.set('submitted', left)
}

function follow(counts: PlanCounts, progress: ((rows: number, of: number) => void) | undefined) {
  const total = counts.creates + counts.updates + counts.removes
  let done = 0
  return (rows: number) => {
    done += rows
    progress?.(done, total)
  }
}

function blocked(
  job: Pick<SyncJob, 'name' | 'destination' | 'world'>,
  counts: PlanCounts,
  blockedBy: string,
  began: number,
): SyncOutcome {
  const diagnostics = [problem('sync/guard', `"${job.name}" was not sent. ${blockedBy}`)]
  const ms = job.world.clock.now() - began
  return outcomeOf(job, { status: 'blocked', counts, planOnly: true, ms, blockedBy, diagnostics })
}

function skipped(job: SyncJob, claimed: Extract<Claimed, { kind: 'taken' }>, began: number): SyncOutcome {
  const message = `"${job.name}" is being sent by another run (${claimed.holder}) until ${claimed.until} at the latest.`
  const diagnostics = [problem('sync/locked', message)]
  return outcomeOf(job, { status: 'skipped', ms: job.world.clock.now() - began, diagnostics })
}

function eventOf(outcome: SyncOutcome): RunEvent['event'] {
  if (outcome.status === 'ok') return 'done'
  return outcome.status === 'partial' || outcome.status === 'interrupted' ? outcome.status : 'failed'
}

function numbersOf(outcome: SyncOutcome): Readonly<Record<string, number>> {
  const { creates, updates, removes, unchanged, written, accepted, refused, again, invalid, calls } = outcome
  return { creates, updates, removes, unchanged, written, accepted, refused, again, invalid, calls }
}
