import type { Judged, MappingNote } from './breach.ts'
import { breaches, callsFor, type Found, type Guarded } from './guard.ts'
import type { SyncJob } from './job.ts'
import type { Lease, Ledger, PlanCounts } from './ledger.ts'
import { type MappingChange, mappingChange } from './mapping.ts'

export type JudgedJob = Guarded &
  Pick<SyncJob, 'onMappingChange' | 'maxChanges'> & {
    readonly ledger: Pick<Ledger, 'standing' | 'plan'>
  }

/**
 * Makes a plan and asks every guard. Where one blocks, the plan is what an override would send. `override`: somebody has
 * looked at it, so removals are not held, and a changed mapping without a choice is sent.
 */
export async function judgedPlan(job: JudgedJob, lease: Lease | undefined, override = false): Promise<Judged> {
  const standing = await job.ledger.standing()
  const change = mappingChange(standing)
  const mapped = await mappedPlan(job, lease, change, override)
  const found: Found = { otherTarget: standing.otherTarget, change, resends: mapped.resends }
  const all = breaches(job, mapped.counts, found)
  const mass = all.find(({ guard }) => guard === 'max_removed')
  const mapping = noteOf(job, change, mapped)
  if (mass === undefined || job.guard.onMassRemove !== 'hold' || override)
    return { counts: mapped.counts, breaches: all, held: undefined, mapping }
  const how = { rebase: mapped.rebase, holdRemovals: true }
  const counts = await job.ledger.plan(lease, job.maxChanges, how)
  return { counts, breaches: breaches(job, counts, { ...found, removalsHeld: true }), held: mass, mapping }
}

interface Mapped extends Pick<Found, 'resends'> {
  readonly counts: PlanCounts
  readonly rebase: boolean
  /** Rows that the new mapping alone makes differ. */
  readonly rows: number
}

/** The plan under a mapping that may have changed. */
async function mappedPlan(
  { ledger, maxChanges, onMappingChange }: JudgedJob,
  lease: Lease | undefined,
  change: MappingChange | undefined,
  override: boolean,
): Promise<Mapped> {
  const plain = () => ledger.plan(lease, maxChanges)
  if (change?.kind !== 'fields') return { counts: await plain(), rebase: false, rows: 0, resends: undefined }
  const mustAsk = change.added.length + change.changed.length > 0
  const wanted = onMappingChange ?? (mustAsk ? 'ask' : 'rebase')
  const canRebase = change.lost.length === 0
  const isSent = wanted === 'resync' || (override && (wanted === 'ask' || !canRebase))
  if (!isSent && canRebase) {
    const counts = await ledger.plan(lease, maxChanges, { rebase: true })
    const { rebased: rows } = counts
    if (wanted === 'rebase' || rows === 0) return { counts, rebase: true, rows, resends: undefined }
    return { counts: await plain(), rebase: false, rows, resends: { rows, chosen: false } }
  }
  const counts = await plain()
  const rows = counts.updates + counts.owed.updates
  return { counts, rebase: false, rows, resends: { rows, chosen: isSent } }
}

function noteOf(job: JudgedJob, change: MappingChange | undefined, mapped: Mapped): MappingNote | undefined {
  if (change?.kind !== 'fields') return undefined
  const { added, changed, removed } = change
  const way = mapped.resends === undefined ? 'rebase' : mapped.resends.chosen ? 'resync' : 'ask'
  const calls = callsFor(job, { upsert: mapped.rows, remove: 0, updates: mapped.rows }) ?? null
  return { added, changed, removed, way, rows: mapped.rows, calls }
}
