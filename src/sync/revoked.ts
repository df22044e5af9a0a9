import { CdpError } from '../error.ts'
import { unfitFeed, unreadFeed } from './consent.ts'
import type { Delivery } from './delivery.ts'
import { type AskedConsent, type SyncJob, TIMING } from './job.ts'
import type { FeedNow, PlannedChange } from './ledger.ts'

/** What it takes to ask, before something is sent, whether it still may be. */
export interface Asking {
  readonly job: Pick<SyncJob, 'ledger' | 'consent' | 'timing' | 'world'>
  readonly delivery: Delivery
  /** Somebody has seen what the guard says of the source of consents, and sends all the same. */
  readonly overridden: boolean
}

/**
 * A window without those who were suppressed since the plan was made, and those without a consent now; they are told as
 * certainly not sent. Where consents are not to be believed any more, the delivery ends and nothing is left.
 */
export async function withoutRevoked(
  asking: Asking,
  rows: readonly PlannedChange[],
  progress: ((rows: number) => void) | undefined,
): Promise<readonly PlannedChange[]> {
  const { job, delivery } = asking
  const [first, last] = [rows[0], rows.at(-1)]
  if (first === undefined || last === undefined || first.op === 'remove') return rows
  const { ledger } = job
  const { lease } = delivery.checkpoint
  const suppressed = await ledger.revoked(lease, first.seq, last.seq)
  const now = await readAgain(asking, () => ledger.consents(lease, first.seq, last.seq))
  if (delivery.ending) return []
  const kept = rows.filter((row) => {
    const reason = suppressed.has(row.seq) ? 'suppressed' : now?.refused.has(row.seq) ? 'consent' : undefined
    if (reason !== undefined) delivery.withhold(row, reason)
    return reason === undefined
  })
  progress?.(rows.length - kept.length)
  return kept
}

/**
 * May everything at a place be replaced? The rows were read with the build: whoever may not be contacted since then is
 * among them, and a part of a whole cannot be sent. The next run knows.
 */
export async function mayReplace(asking: Asking): Promise<boolean> {
  const { ledger } = asking.job
  if (await ledger.hasFreshSuppressions()) return false
  const now = await readAgain(asking, () => ledger.allConsents(asking.delivery.checkpoint.lease))
  return asking.delivery.ending === undefined && (now?.refused ?? 0) === 0
}

/** What consents say now; undefined where those of the plan are young enough, nobody is asked, or the delivery ends. */
async function readAgain<T extends FeedNow>(
  { job, delivery, overridden }: Asking,
  read: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const { consent } = job
  if (consent === undefined || isYoung(job, consent)) return undefined
  const now = await read().catch((thrown: unknown) => {
    if (!(thrown instanceof CdpError)) throw thrown
    stop(delivery, unreadFeed(consent, thrown))
    return undefined
  })
  const unfit = now && unfitFeed(consent, now)
  if (unfit !== undefined && !overridden) stop(delivery, unfit)
  return now
}

/** A run that has only begun need not read twice; a plan that was kept is read again, however young it is. */
function isYoung({ timing = TIMING, world }: Asking['job'], { readAt }: AskedConsent): boolean {
  return readAt !== undefined && world.clock.now() - readAt <= timing.windowMs
}

function stop(delivery: Delivery, message: string): void {
  const fix = 'Nothing more is sent. Once the source is right, the next run sends what is owed.'
  delivery.end({ kind: 'consent', message, fix, nothingSent: delivery.calls === 0 })
}
