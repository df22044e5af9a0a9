import type { SyncJob } from './job.ts'
import type { PlanCounts } from './ledger.ts'

/** Removals fewer than this are never held to be a mistake. */
const FEW = 20
const MAX_REMOVED = 0.1

/** The sentence that says why a plan must not be sent, or undefined where nothing speaks against it. */
export function guard(
  job: Pick<SyncJob, 'onLeave' | 'delivers' | 'maxRemoved'>,
  counts: PlanCounts,
): string | undefined {
  const removes = job.onLeave !== undefined || job.delivers === 'whole'
  if (removes && counts.audience === 0 && counts.snapshot > 0)
    return `The audience is empty, and ${rows(counts.snapshot)} would leave the destination.`
  const leaving = counts.removes + counts.owed.removes
  const share = job.maxRemoved ?? MAX_REMOVED
  if (leaving >= FEW && leaving > share * counts.snapshot)
    return `${leaving} of ${rows(counts.snapshot)} would leave the destination: more than ${percent(share)}.`
  return undefined
}

function rows(count: number): string {
  return count === 1 ? '1 row' : `${count} rows`
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`
}
