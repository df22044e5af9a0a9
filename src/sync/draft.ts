import type { Ms } from '../connectors/connector.ts'
import type { Judged } from './breach.ts'
import { timeFor } from './concurrency.ts'
import { callsFor, type Guarded, volumeOf } from './guard.ts'
import type { SyncJob, SyncOutcome } from './job.ts'
import { judgedPlan } from './judge.ts'
import type { Kept, PlanCounts } from './ledger.ts'
import { blocked, outcomeOf, saidOf } from './outcome.ts'
import { type SurveyJob, survey } from './survey.ts'

/** A plan for the eyes, and for `apply` where it is kept. */
export interface Draft {
  readonly outcome: SyncOutcome
  /** Undefined where the vendor's rate is not known here. */
  readonly estimate: Estimate | undefined
  readonly kept: Kept | undefined
  /** What is to be said of the plan before it is sent. */
  readonly judged: Omit<Judged, 'counts'>
}

/** What sending a plan would take at the vendor's rate, if nothing is refused. */
export interface Estimate {
  readonly calls: number
  readonly minutes: number
}

/** What planning alone needs. */
export type DraftJob = Guarded &
  SurveyJob &
  Pick<SyncJob, 'destination' | 'onMappingChange' | 'ledger' | 'world' | 'maxChanges'>

/**
 * Plans without a lease: sends nothing, and changes nothing that a run reads. `look` is called while the plan is there
 * to be looked at; with `keep` it stays beside its build, so that exactly it can be sent later.
 */
export async function draftSync(
  job: DraftJob,
  { keep = false, look }: { readonly keep?: boolean; readonly look?: () => Promise<void> } = {},
): Promise<Draft> {
  const { ledger, world } = job
  const began = world.clock.now()
  await ledger.prepare()
  const notes = await survey(job, undefined)
  const { counts, ...judged } = { ...(await judgedPlan(job, undefined)), notes }
  await look?.()
  const kept = keep ? await ledger.keep() : undefined
  await ledger.discard()
  const all = { ...judged, counts }
  const outcome =
    judged.breaches.length > 0
      ? blocked(job, all, began)
      : outcomeOf(job, {
          status: 'planned',
          counts,
          planOnly: true,
          ms: world.clock.now() - began,
          ...saidOf(job, all),
        })
  return { outcome, estimate: estimateOf(job, counts), kept, judged }
}

/** What a request takes at a vendor of whom nothing better is known. */
const USUALLY: Ms = 1_000

/** Batches as large as the vendor takes them, at its rate and as many at once as the run would dare. */
function estimateOf(job: DraftJob, counts: PlanCounts): Estimate | undefined {
  const volume = volumeOf(counts)
  const calls = callsFor(job, volume)
  if (calls === undefined || calls === 0 || job.delivers === 'whole')
    return calls === undefined ? undefined : { calls, minutes: 0 }
  const limits = job.connector?.limits(job.account, job.into, volume)
  if (limits === undefined) return undefined
  const ms = (['upsert', 'remove'] as const).reduce((sum, kind) => {
    const { rows, calls: most, perMs, inFlight, takes = USUALLY } = limits[kind]
    const batches = Math.ceil(volume[kind] / rows)
    return sum + Math.max((batches / most) * perMs, timeFor(batches, inFlight, takes))
  }, 0)
  return { calls, minutes: Math.ceil(ms / 6_000) / 10 }
}
