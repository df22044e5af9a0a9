import { type CdpError, failure } from '../error.ts'
import type { Judged } from './breach.ts'
import type { KeptJob, SyncJob } from './job.ts'
import type { Lease } from './ledger.ts'

/**
 * Looks whether a plan that was kept may still be sent, and changes nothing: what is refused may be applied later, when
 * the reason is gone. Throws CdpError `plan/stale`.
 */
export async function lookAtKept({ name, ledger }: Pick<SyncJob, 'name' | 'ledger'>, { plan }: KeptJob): Promise<void> {
  await ledger.prepare()
  switch (await ledger.stands(plan)) {
    case 'ready':
      return
    case 'sent':
      throw sentByAnother(name)
    case 'gone':
      throw gone(name)
  }
}

/** The plan that was kept, if nothing has happened since it was made. Throws CdpError `plan/stale`. */
export async function adopted({ name, ledger }: SyncJob, lease: Lease, { plan, judged }: KeptJob): Promise<Judged> {
  const left = await ledger.recover(lease)
  if (lease.fence !== plan.fence + 1 || left > 0) throw sentByAnother(name)
  const counts = await ledger.adopt(lease, plan)
  if (counts === undefined) throw gone(name)
  return { ...judged, counts }
}

/** A plan that cannot be applied any more. */
export function stale(message: string): CdpError {
  return failure(
    'project',
    'plan/stale',
    message,
    'Nothing was published or sent. Make a new plan: cdp plan -o plan.json.',
  )
}

function sentByAnother(name: string): CdpError {
  return stale(`"${name}" was sent by another run since the plan was made.`)
}

function gone(name: string): CdpError {
  return stale(`The plan of "${name}" is no longer there, or not what it was.`)
}
