import type { Change, Limit, Slot, Volume } from '../connectors/connector.ts'
import { batches } from './batch.ts'
import { deliver } from './deliver.ts'
import type { Delivery } from './delivery.ts'
import { withoutFilled } from './if-empty.ts'
import { type SyncJob, TIMING, type Timing } from './job.ts'
import type { Op, PlannedChange } from './ledger.ts'
import { withoutRevoked } from './revoked.ts'
import { shape } from './shape.ts'

export interface Sending {
  readonly job: SyncJob
  readonly delivery: Delivery
  readonly changes: AsyncIterable<readonly PlannedChange[]>
  readonly volume: Volume
  /** Guards of consent were overridden: see `Asking`. */
  readonly overridden: boolean
  readonly progress?: ((rows: number) => void) | undefined
}

type Kind = 'upsert' | 'remove'

/**
 * Sends a plan in windows: a window is declared in the ledger before any of it is sent, and what became of the window
 * before is written down in the same statement. The requests of a window still run while the next is declared.
 */
export async function sendChanges({ job, delivery, changes, volume, overridden, progress }: Sending): Promise<void> {
  const limits = job.connector.limits(job.account, job.into, volume)
  const running = new Set<Promise<void>>()
  let window = 0
  let lastKind: Kind | undefined
  try {
    for await (const rows of windows(changes, (kind) => windowSize(limits[kind], job.timing ?? TIMING))) {
      const last = rows.at(-1)
      if (last === undefined || delivery.ending) break
      const kind = kindOf(last.op)
      // A removal may free the key or the address that a creation needs.
      if (lastKind !== undefined && lastKind !== kind) await Promise.all(running)
      lastKind = kind
      const open = await withoutFilled({ job, delivery, limit: limits[kind], progress }, rows)
      const allowed = await withoutRevoked({ job, delivery, overridden }, open, progress)
      if (delivery.ending || !(await flush(delivery, last.seq))) break
      await sendWindow({ job, delivery, rows: allowed, limit: limits[kind], window, running, progress })
      window += 1
    }
  } catch (error) {
    delivery.end({ kind: 'failure', error })
  }
  await Promise.all(running)
  await flush(delivery)
}

/** The plan as windows of one kind each. */
async function* windows(
  pages: AsyncIterable<readonly PlannedChange[]>,
  size: (kind: Kind) => number,
): AsyncGenerator<readonly PlannedChange[]> {
  let open: PlannedChange[] = []
  for await (const page of pages) {
    for (const change of page) {
      const [first] = open
      const isFull = first && (kindOf(first.op) !== kindOf(change.op) || open.length >= size(kindOf(first.op)))
      if (isFull) {
        yield open
        open = []
      }
      open.push(change)
    }
  }
  if (open.length > 0) yield open
}

/** Whole batches: about as many rows as the rate allows in the time of a window, within the window's rows. */
function windowSize(limit: Limit, timing: Timing): number {
  const calls = Math.max(1, Math.floor((limit.calls * timing.windowMs) / limit.perMs))
  const wanted = Math.max(Math.ceil(timing.windowRows / limit.rows), 4 * limit.inFlight)
  return limit.rows * Math.min(calls, wanted)
}

interface Window {
  readonly job: SyncJob
  readonly delivery: Delivery
  readonly rows: readonly PlannedChange[]
  readonly limit: Limit
  readonly window: number
  readonly running: Set<Promise<void>>
  readonly progress: ((rows: number) => void) | undefined
}

/** Starts every batch of a window; those that still run when it returns stay in `running`. */
async function sendWindow({ job, delivery, rows, limit, window, running, progress }: Window): Promise<void> {
  const { channel } = job
  const vendor = channel.partition?.bind(channel)
  // People who left and people who withdrew may be removed by different acts.
  const partition = (change: Change) => `${JSON.stringify(change.leave ?? null)} ${vendor?.(change, job.into) ?? ''}`
  const shaped = rows.map((row) => shape(row, job))
  let batch = 0
  const nextSlot = (): Slot => ({ run: job.runId, window, batch: batch++ })
  const all = batches(shaped, limit, partition)
  const placed = all.map((one) => ({ rows: one, limit, slot: nextSlot(), nextSlot }))
  for (const one of placed) {
    while (running.size >= limit.inFlight) await Promise.race(running)
    if (delivery.checkpoint.isDue) await flush(delivery)
    const started = deliver(delivery, one).then(() => {
      running.delete(started)
      progress?.(one.rows.length)
    })
    running.add(started)
  }
}

async function flush(delivery: Delivery, intent?: number): Promise<boolean> {
  const isOurs = await delivery.checkpoint.flush(intent)
  if (!isOurs) delivery.end({ kind: 'fenced' })
  return isOurs
}

function kindOf(op: Op): Kind {
  return op === 'remove' ? 'remove' : 'upsert'
}
