import { claim, guarded } from './engine.ts'
import type { SyncJob } from './job.ts'
import type { Claim, Claimed, Lease, RunEvent } from './ledger.ts'

/** A sync whose ledger a command mends. */
export interface MendJob extends Pick<SyncJob, 'name' | 'ledger' | 'runId' | 'holder' | 'isDead'> {
  /** Who gives the lease up, where the command takes it from somebody. */
  readonly from?: string | undefined
}

/** What a command found or did, or who holds the lease so that it could do nothing. */
export type Mended<T> = { readonly kind: 'done'; readonly value: T } | Extract<Claimed, { readonly kind: 'taken' }>

/**
 * Takes the lease of a sync, merges what earlier runs left, does the work, and gives the lease back with the event that
 * the work tells. Throws CdpError when the warehouse fails.
 */
export async function underLease<T>(
  job: MendJob,
  work: (lease: Lease) => Promise<{ readonly value: T; readonly event: RunEvent }>,
): Promise<Mended<T>> {
  const { ledger } = job
  await ledger.prepare()
  const claimed = await take(job)
  if (claimed.kind === 'taken') return claimed
  const { lease } = claimed
  return guarded(job, { lease }, async () => {
    await ledger.recover(lease)
    const { value, event } = await work(lease)
    await ledger.finish(lease, event)
    return { kind: 'done', value }
  })
}

async function take(job: MendJob): Promise<Claimed> {
  const claimed = await claim(job)
  if (claimed.kind === 'held' || job.from !== claimed.holder) return claimed
  const given: Claim = { runId: job.runId, holder: job.holder, dead: undefined, from: job.from }
  return job.ledger.claim(given)
}
