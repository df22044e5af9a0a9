import {
  DestinationError,
  type JobId,
  type JobState,
  type Key,
  type Ms,
  NetworkError,
  type Receipt,
} from '../connectors/connector.ts'
import type { SyncJob } from './job.ts'
import type { Lease, Settled, Submitted } from './ledger.ts'
import { withoutValues } from './shape.ts'
import type { Ending } from './trouble.ts'

/** Settled rows by outcome. */
export type SettledCounts = ReadonlyMap<Settled['outcome'], number>

/** How many rows they had, and what the destination said. */
export interface FailedJobs {
  readonly rows: number
  readonly messages: readonly string[]
}

/** What was learned of jobs. */
export interface Polled {
  readonly counts: SettledCounts
  /** Jobs that failed as a whole, whose rows the next run deals with. */
  readonly failed: FailedJobs
  /** Why no more could be asked, where asking again would not help: their rows go on waiting. */
  readonly ending?: Ending
}

export interface Polling {
  readonly job: SyncJob
  readonly lease: Lease
  /** How long to wait for jobs that still run; 0 = ask once. */
  readonly wait: Ms
  readonly mayGoOn: () => Promise<boolean>
  readonly signal?: AbortSignal | undefined
}

/** Asks for the asynchronous jobs that rows wait for, and writes down what became of those rows. */
export async function poll({ job, lease, wait, mayGoOn, signal }: Polling): Promise<Polled> {
  const counts = new Map<Settled['outcome'], number>()
  let failed: FailedJobs = { rows: 0, messages: [] }
  if (!job.channel.poll) return { counts, failed }
  const { clock } = job.world
  const until = clock.now() + wait
  let open = byJob(await job.ledger.submitted(lease))
  while (open.size > 0) {
    let soonest = Number.POSITIVE_INFINITY
    for (const [id, rows] of open) {
      if (signal?.aborted || !(await mayGoOn())) return { counts, failed }
      const state = await stateOf(job, id)
      if (state.state === 'barred') return { counts, failed, ending: state.ending }
      if (state.state === 'running') {
        soonest = Math.min(soonest, state.after)
        continue
      }
      if (state.state === 'failed') failed = joined(failed, { rows: rows.length, messages: [state.message] })
      else await settle({ job, lease, rows, found: state, counts })
      open = without(open, id)
    }
    if (open.size === 0 || clock.now() + soonest > until) return { counts, failed }
    await clock.sleep(soonest, signal)
  }
  return { counts, failed }
}

function joined(one: FailedJobs, other: FailedJobs): FailedJobs {
  return { rows: one.rows + other.rows, messages: [...new Set([...one.messages, ...other.messages])] }
}

function byJob(rows: readonly Submitted[]): ReadonlyMap<JobId, readonly Submitted[]> {
  const jobs = new Map<JobId, Submitted[]>()
  for (const row of rows) {
    const known = jobs.get(row.job)
    if (known) known.push(row)
    else jobs.set(row.job, [row])
  }
  return jobs
}

function without<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  return new Map([...map].filter(([one]) => one !== key))
}

/** What is known of a job, its receipts read to the end. */
type Known =
  | { readonly state: 'running'; readonly after: Ms }
  | Found
  | Extract<JobState, { state: 'failed' }>
  | { readonly state: 'barred'; readonly ending: Ending }

type Found = { readonly state: 'done'; readonly receipts: ReadonlyMap<string, Receipt>; readonly rest: Receipt }

/** A question that was not answered is asked again by the next run. */
async function stateOf(job: SyncJob, id: JobId): Promise<Known> {
  try {
    return await found((await job.channel.poll?.(id, job.into)) ?? { state: 'lost' })
  } catch (error) {
    if (error instanceof NetworkError) return UNANSWERED
    if (!(error instanceof DestinationError)) throw error
    const { kind, message } = error
    switch (kind) {
      case 'transient':
      case 'throttle':
        return UNANSWERED
      case 'auth':
      case 'config':
        return { state: 'barred', ending: { kind, message } }
      case 'batch':
        return { state: 'barred', ending: { kind: 'config', message } }
    }
  }
}

const UNANSWERED: Known = { state: 'running', after: Number.POSITIVE_INFINITY }

async function found(state: JobState): Promise<Known> {
  switch (state.state) {
    case 'running':
    case 'failed':
      return state
    case 'lost':
      // A lost job may have done its work.
      return { state: 'done', receipts: new Map(), rest: { outcome: 'again', code: 'job_lost', applied: 'maybe' } }
    case 'done': {
      const receipts = new Map<string, Receipt>()
      for await (const { key, receipt } of state.receipts) receipts.set(JSON.stringify(key), receipt)
      return { state: 'done', receipts, rest: state.rest }
    }
  }
}

const PAGE = 5_000

interface Ended {
  readonly job: SyncJob
  readonly lease: Lease
  readonly rows: readonly Submitted[]
  readonly found: Found
  readonly counts: Map<Settled['outcome'], number>
}

async function settle({ job, lease, rows, found, counts }: Ended): Promise<void> {
  const { receipts, rest } = found
  for (let from = 0; from < rows.length; from += PAGE) {
    const settled = rows.slice(from, from + PAGE).map((row) => {
      const key = JSON.parse(row.keyJson) as Key
      return { ...fateOf(receipts.get(JSON.stringify(key)) ?? rest, key, job), keyHash: row.keyHash, job: row.job }
    })
    await job.ledger.settle(lease, settled)
    for (const { outcome } of settled) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  }
}

function fateOf(receipt: Receipt, key: Key, job: SyncJob): Omit<Settled, 'keyHash' | 'job'> {
  switch (receipt.outcome) {
    case 'written':
      return { outcome: 'written', ...(receipt.id !== undefined && { destinationId: receipt.id }) }
    case 'refused': {
      const outcome = receipt.kind === 'row' ? 'refused' : 'compliance'
      return { outcome, code: receipt.code, message: withoutValues(receipt.message, { key, fields: {} }) }
    }
    case 'again':
      if (receipt.applied === 'no') return { outcome: 'unsent' }
      return { outcome: 'unknown', hold: job.settlesWithin }
    case 'accepted':
      // A job that answers with another job keeps its rows uncertain rather than lost.
      return { outcome: 'unknown', hold: job.settlesWithin }
  }
}
