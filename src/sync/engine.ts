import { CdpError, type Diagnostic, warning } from '../error.ts'
import type { Judged } from './breach.ts'
import { Checkpoint } from './checkpoint.ts'
import { Delivery } from './delivery.ts'
import type { Stop } from './grace.ts'
import { volumeOf } from './guard.ts'
import { type KeptJob, type SyncJob, type SyncOutcome, TIMING } from './job.ts'
import { judgedPlan } from './judge.ts'
import { adopted } from './kept.ts'
import type { Claimed, Outcome, PlanCounts, RunEvent } from './ledger.ts'
import { blocked, diagnosticsOf, endingStatus, failedDiagnostics, outcomeOf, saidOf } from './outcome.ts'
import { poll, type SettledCounts } from './poll.ts'
import { type Asking, mayReplace } from './revoked.ts'
import { sendChanges } from './send.ts'
import { survey } from './survey.ts'
import type { Ending } from './trouble.ts'
import { sendWhole } from './whole.ts'

/** A sync whose plan is made: ready to be sent, or already at its end. */
export type PlannedSync =
  | {
      readonly kind: 'ready'
      readonly job: SyncJob
      readonly counts: PlanCounts
      readonly judged: Judged
      readonly checkpoint: Checkpoint
      /** Why jobs of earlier runs could not be asked for. */
      readonly barred: Ending | undefined
    }
  | { readonly kind: 'ended'; readonly job: SyncJob; readonly outcome: SyncOutcome }

/**
 * Takes the lease of a sync, merges what earlier runs left, and plans. The lease is then held: `sendSync` or
 * `abandonSync` must follow. `override`: somebody has looked at this plan, so guards do not block it; that is noted in
 * the event of the run. Throws CdpError when the warehouse fails.
 */
export async function planSync(job: SyncJob, { override = false } = {}): Promise<PlannedSync> {
  const { ledger, world } = job
  const began = world.clock.now()
  await ledger.prepare()
  const claimedAt = world.clock.now()
  const claimed = await claim(job)
  if (claimed.kind === 'taken') return { kind: 'ended', job, outcome: skipped(job, claimed, began) }
  const { lease } = claimed
  const checkpoint = new Checkpoint(ledger, lease, world.clock, job.timing ?? TIMING, claimedAt)
  return guarded(job, checkpoint, async () => {
    const { barred, ...judged } =
      job.kept === undefined
        ? await planned(job, checkpoint, override)
        : { ...(await adopted(job, lease, job.kept)), barred: undefined }
    const { counts, breaches } = judged
    if (breaches.length > 0 && !override) {
      const outcome = blocked(job, judged, began)
      const detail = outcome.blocked_by ?? ''
      await ledger.finish(lease, { event: 'blocked', counts: numbersOf(outcome, counts), detail })
      return { kind: 'ended', job, outcome }
    }
    if (breaches.some((breach) => breach.guard === 'environment')) await ledger.acknowledge()
    return { kind: 'ready', job, counts, judged, checkpoint, barred }
  })
}

async function planned(
  job: SyncJob,
  checkpoint: Checkpoint,
  override: boolean,
): Promise<Judged & { readonly barred: Ending | undefined }> {
  const { ledger } = job
  const { lease } = checkpoint
  await ledger.recover(lease)
  const { ending: barred } = await poll({ job, lease, wait: 0, mayGoOn: () => checkpoint.keep() })
  const notes = await survey(job, lease, () => checkpoint.keep())
  return { ...(await judgedPlan(job, lease, override)), notes, barred }
}

/** Sends a plan, merges what became of it, and gives the lease back. Throws CdpError when the warehouse fails. */
export async function sendSync(
  planned: PlannedSync,
  options: Stop & { readonly progress?: (rows: number, of: number) => void } = {},
): Promise<SyncOutcome> {
  if (planned.kind === 'ended') return planned.outcome
  const { job, counts, checkpoint } = planned
  return guarded(job, checkpoint, () => send(planned, options, follow(counts, options.progress)))
}

/** Gives back the lease of a plan that is not to be sent. */
export async function abandonSync(planned: PlannedSync): Promise<void> {
  if (planned.kind === 'ended') return
  await planned.job.ledger.finish(planned.checkpoint.lease, { event: 'abandoned', counts: {} })
}

/** Takes the lease if nobody holds it, or a process that is provably gone. */
export async function claim(job: Pick<SyncJob, 'ledger' | 'runId' | 'holder' | 'isDead'>): Promise<Claimed> {
  const { ledger, runId, holder } = job
  const claimed = await ledger.claim({ runId, holder, dead: undefined })
  if (claimed.kind === 'held' || !job.isDead(claimed.holder)) return claimed
  return ledger.claim({ runId, holder, dead: claimed.holder })
}

/** Whatever goes wrong, the lease is given back if the warehouse lets us; the plan stays for the next run to merge. */
export async function guarded<T>(
  job: Pick<SyncJob, 'ledger'>,
  checkpoint: Pick<Checkpoint, 'lease'>,
  work: () => Promise<T>,
): Promise<T> {
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
  { job, counts, judged, checkpoint, barred }: Extract<PlannedSync, { kind: 'ready' }>,
  stop: Stop,
  progress: (rows: number) => void,
): Promise<SyncOutcome> {
  const { ledger, world } = job
  const began = world.clock.now()
  const delivery = new Delivery({ ...job, checkpoint }, stop)
  const overridden = judged.breaches.some(({ guard }) => guard === 'consent')
  await deliverPlan({ job, delivery, overridden }, counts, progress).finally(() => delivery.close())
  const rows = counts.creates + counts.updates + counts.removes
  const isOurs = !checkpoint.isFenced && (rows + counts.marks === 0 || (await ledger.merge(checkpoint.lease)))
  const asked = await settled(job, checkpoint, stop.signal)
  const ending: Ending | undefined = isOurs ? (delivery.ending ?? barred ?? asked.ending) : { kind: 'fenced' }
  const { tally } = asked
  const said = saidOf(job, judged, ending)
  const outcome = outcomeOf(job, {
    ...said,
    status: endingStatus(ending),
    counts,
    tally,
    withheld: delivery.withheld,
    // A batch of a file or a database makes no request.
    calls: Math.max(job.requests?.() ?? 0, delivery.calls),
    retries: delivery.retries,
    nextEligibleAt: ending?.kind === 'postponed' ? ending.until : undefined,
    ms: world.clock.now() - began,
    diagnostics: [...diagnosticsOf(job, delivery, ending), ...asked.diagnostics, ...said.diagnostics],
  })
  const event: RunEvent = {
    event: eventOf(outcome),
    counts: { ...numbersOf(outcome, counts), ...postponedBy(ending, world.clock.wall()) },
    ...(outcome.blocked_by === null ? overriding(judged, job.kept) : { detail: outcome.blocked_by }),
  }
  // Once fenced, the plan belongs to the run that took over: it must still find and merge it.
  if (isOurs) await ledger.finish(checkpoint.lease, event)
  else await ledger.surrender(checkpoint.lease, event)
  return outcome
}

async function deliverPlan(
  asking: Asking & { readonly job: SyncJob },
  counts: PlanCounts,
  progress: (rows: number) => void,
): Promise<void> {
  const { job, delivery } = asking
  const { creates, updates, removes } = counts
  const rows = creates + updates + removes
  if (rows === 0) return
  if (job.delivers === 'changes') {
    const changes = job.ledger.changes(delivery.checkpoint.lease)
    await sendChanges({ ...asking, changes, volume: volumeOf(counts), progress })
    return
  }
  // An earlier replacement may still land over a new one; and a part of a whole cannot be sent.
  const { owed } = counts
  if (counts.onHold > 0 || owed.creates + owed.updates + owed.removes > 0) return
  if (!(await mayReplace(asking))) return
  await sendWhole(job, delivery, rows)
  progress(rows)
}

/** Asks once more for asynchronous jobs, and moves rows that were accepted to what became of them. */
async function settled(
  job: SyncJob,
  checkpoint: Checkpoint,
  signal: AbortSignal | undefined,
): Promise<{
  readonly tally: ReadonlyMap<Outcome, number>
  readonly diagnostics: readonly Diagnostic[]
  readonly ending?: Ending
}> {
  const accepted = checkpoint.tally.get('submitted') ?? 0
  if (accepted === 0 || checkpoint.isFenced) return { tally: checkpoint.tally, diagnostics: [] }
  const wait = job.wait ?? (job.timing ?? TIMING).wait
  const { counts, failed, ...rest } = await poll({
    job,
    lease: checkpoint.lease,
    wait,
    mayGoOn: () => checkpoint.keep(),
    signal,
  })
  const diagnostics = failedDiagnostics(job, failed)
  return { tally: moved(checkpoint.tally, { counts, failed: failed.rows }, accepted), diagnostics, ...rest }
}

// Jobs of earlier runs may end now, too; only so many rows were accepted by this one.
function moved(
  tally: ReadonlyMap<Outcome, number>,
  known: { readonly counts: SettledCounts; readonly failed: number },
  accepted: number,
): Map<Outcome, number> {
  const after = new Map(tally)
  // What failed is not on its way any more: it is owed.
  let left = accepted - Math.min(known.failed, accepted)
  for (const [outcome, rows] of known.counts) {
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

/** The guards that would have blocked the plan, for the record. */
function overriding({ breaches }: Judged, kept: KeptJob | undefined): Pick<RunEvent, 'detail'> {
  if (breaches.length === 0) return {}
  const by = kept === undefined ? '' : ` by ${kept.id}`
  return { detail: `overridden${by}: ${breaches.map(({ guard, message }) => `${guard}: ${message}`).join(' ')}` }
}

function skipped(job: SyncJob, claimed: Extract<Claimed, { kind: 'taken' }>, began: number): SyncOutcome {
  const message = `"${job.name}" is being sent by another run (${claimed.holder}) until ${claimed.until} at the latest.`
  const diagnostics = [warning('sync/locked', message)]
  return outcomeOf(job, { status: 'skipped', ms: job.world.clock.now() - began, diagnostics })
}

/** For how many seconds the account wants to be left alone, for `run --due`: a time by our clock is none of the warehouse's. */
function postponedBy(ending: Ending | undefined, now: Date): RunEvent['counts'] {
  if (ending?.kind !== 'postponed' || ending.until === undefined) return {}
  return { postponed: Math.max(0, Math.ceil((ending.until.getTime() - now.getTime()) / 1000)) }
}

function eventOf(outcome: SyncOutcome): RunEvent['event'] {
  if (outcome.status === 'ok') return 'done'
  if (outcome.status === 'blocked') return 'blocked'
  return outcome.status === 'partial' || outcome.status === 'interrupted' ? outcome.status : 'failed'
}

function numbersOf(outcome: SyncOutcome, { consents }: PlanCounts): Readonly<Record<string, number>> {
  const { creates, updates, removes, unchanged, written, accepted, refused, again, invalid, calls } = outcome
  const { listed } = outcome.withheld
  // The next plan compares its share with this one.
  const agreed = consents && { asked: consents.asked, agreed: consents.agreed }
  return { creates, updates, removes, unchanged, written, accepted, refused, again, invalid, calls, listed, ...agreed }
}
