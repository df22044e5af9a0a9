import { cleaned } from '../answer.ts'
import type { Io, JobId, JobState, Json, Key, Ms, Receipt } from '../connector.ts'
import { readCsv } from '../csv.ts'
import { fateOf, refusal } from './errors.ts'
import { aborted, type Job, readJobId, stateOf, type Told } from './job.ts'
import { waitAfter } from './job-time.ts'
import type { Org } from './org.ts'
import { keysById } from './query.ts'

type Done = Extract<JobState, { state: 'done' }>
type Settled = { readonly key: Key; readonly receipt: Receipt }

/** A part that takes too long is tried again for an hour or two; a job that has not ended in a day has stopped. */
const STUCK: Ms = 86_400_000

/** Asks for jobs, each time after a longer wait. Only results of ended jobs are read. */
export function poller(org: Org, io: Pick<Io, 'now'>): (job: JobId) => Promise<JobState> {
  const waits = new Map<string, Ms>()
  const running = (job: string): JobState => {
    const after = waitAfter(waits.get(job))
    waits.set(job, after)
    return { state: 'running', after }
  }
  return async (text) => {
    const job = readJobId(text)
    if (job === undefined) return { state: 'lost' }
    const path = `/jobs/ingest/${job.id}`
    const told = await stateOf(org, path)
    // Seven days after its end a job is no more.
    if (told === undefined) return { state: 'lost' }
    switch (told.state) {
      case 'Open':
        // Its start was never heard. It must not be heard any more, or it would run beside what is sent in its place.
        return (await aborted(org, path)) ? nothingDone('Open') : running(text)
      case 'Failed':
        return failedAsWhole(org, { text, job, told }) ?? ended(org, job, path)
      case 'JobComplete':
      case 'Aborted':
        return ended(org, job, path)
      default: {
        const isStuck = io.now() - told.created >= STUCK && (await aborted(org, path))
        if (isStuck) org.jobs.failed.add(job.object)
        return isStuck ? ended(org, job, path) : running(text)
      }
    }
  }
}

/**
 * A job can fail for the mapping, or for a single row whose triggers take too long, and a second one would fare the same.
 * So its rows go in calls next time, which stop the run or refuse that row. Only a run that begins with the failure can
 * remember it while it sends: the one that started the job leaves it as it is.
 */
function failedAsWhole(
  org: Org,
  { text, job, told }: { readonly text: JobId; readonly job: Job; readonly told: Told },
): JobState | undefined {
  const [code = ''] = /^\w+/.exec(told.message) ?? []
  // What a day allows is no matter of size.
  if (fateOf(code) === 'quota') return undefined
  if (!org.jobs.own.has(text)) {
    org.jobs.failed.add(job.object)
    return undefined
  }
  return { state: 'failed', message: `A job of "${job.object}" failed: ${cleaned(told.message, org.secrets)}.` }
}

function nothingDone(code: string): JobState {
  return { state: 'done', receipts: each([]), rest: { outcome: 'again', code, applied: 'no' } }
}

type Cells = Readonly<Record<string, string | null>>

interface Results {
  readonly successful: readonly Cells[]
  readonly failed: readonly Cells[]
  readonly unprocessed: readonly Cells[]
}

/** What became of the records: also a job that failed or was ended by somebody has written some. */
async function ended(org: Org, job: Job, path: string): Promise<JobState> {
  const successful = await table(org, `${path}/successfulResults`)
  const failed = await table(org, `${path}/failedResults`)
  const unprocessed = await table(org, `${path}/unprocessedrecords`)
  if (!successful || !failed || !unprocessed) return { state: 'lost' }
  return settled(org, job, { successful, failed, unprocessed })
}

/** Undefined where the results are no more. */
async function table(org: Org, path: string): Promise<readonly Cells[] | undefined> {
  const cells: Cells[] = []
  // Queries page their results with a locator; whether jobs that write do is not documented, and costs nothing to follow.
  let locator = ''
  do {
    const page = locator === '' ? path : `${path}?locator=${encodeURIComponent(locator)}`
    const answer = await org.request('GET', page)
    if (answer.status === 404) return undefined
    const [header = [], ...rows] = readCsv(org.checked(answer).body)
    for (const row of rows)
      cells.push(Object.fromEntries(header.map((name, index) => [name ?? '', row[index] ?? null])))
    locator = answer.headers['sforce-locator'] ?? ''
  } while (locator !== '' && locator !== 'null')
  return cells
}

async function settled(org: Org, job: Job, results: Results): Promise<Done> {
  const wrote = results.successful.length > 0
  const receipts: (readonly [Cells, Receipt])[] = [
    ...results.successful.map((row) => [row, written(row)] as const),
    ...results.failed.map((row) => [row, failed(row, { org, job, wrote })] as const),
    ...results.unprocessed.map((row) => [row, UNPROCESSED] as const),
  ]
  if (job.operation === 'upsert' || job.operation === 'insert')
    return { state: 'done', receipts: byKey(receipts, job), rest: NO_RESULT }
  // These results name the records alone. Where all went well it need not be known whose each is.
  const isClean = receipts.length === job.rows && receipts.every(([, receipt]) => receipt.outcome === 'written')
  if (isClean) return { state: 'done', receipts: each([]), rest: { outcome: 'written' } }
  const ids = receipts.flatMap(([row]) => row.Id ?? [])
  const keys = await keysById(org, job, ids)
  const named = receipts.flatMap(([row, receipt]) => {
    const key = keys.get((row.Id ?? '').slice(0, 15))
    return key === undefined ? [] : [{ key, receipt }]
  })
  return { state: 'done', receipts: each(named), rest: NO_RESULT }
}

/** Of a row that no result names nobody knows. */
const NO_RESULT: Receipt = { outcome: 'again', code: 'no_result', applied: 'maybe' }
const UNPROCESSED: Receipt = { outcome: 'again', code: 'unprocessed', applied: 'no' }

function written(row: Cells): Receipt {
  const id = row.sf__Id ?? ''
  return id === '' ? { outcome: 'written' } : { outcome: 'written', id }
}

interface Failing {
  readonly org: Org
  readonly job: Job
  /** Was any record of the job written? */
  readonly wrote: boolean
}

/** `sf__Error` reads `REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --`. */
function failed(row: Cells, { org, job, wrote }: Failing): Receipt {
  const [, code = 'UNKNOWN', said = ''] = /^([A-Za-z_]+):?(.*)$/s.exec(row.sf__Error ?? '') ?? []
  if (job.leaves && GONE.has(code)) return { outcome: 'written' }
  // Rights that all lack are nobody's fault: what was not written is sent again, and then stops the run.
  if (!wrote && fateOf(code, said) === 'config') return { outcome: 'again', code, applied: 'no' }
  // Seen before as not yet there, and there by now: the next look-up finds it.
  if (job.operation === 'insert' && code === 'DUPLICATE_VALUE') return { outcome: 'again', code, applied: 'no' }
  return refusal(code, said.replace(/:?[\w., ]*--\s*$/, ''), org)
}

/** What is no longer there has left. */
export const GONE: ReadonlySet<string> = new Set(['ENTITY_IS_DELETED', 'NOT_FOUND', 'INVALID_CROSS_REFERENCE_KEY'])

async function* byKey(receipts: readonly (readonly [Cells, Receipt])[], job: Job): AsyncGenerator<Settled> {
  const name = nameOf(job.key)
  for (const [row, receipt] of receipts) {
    const value = row[job.key] ?? null
    if (value !== null) yield { key: { [name]: typed(value, job.keyType) }, receipt }
  }
}

async function* each(receipts: readonly Settled[]): AsyncGenerator<Settled> {
  yield* receipts
}

/** The name that the sync's key has: of `Contact.Ext_Id__c` the field. */
function nameOf(key: string): string {
  return key.split('.').at(-1) ?? key
}

function typed(value: string, type: Job['keyType']): Json {
  switch (type) {
    case 'text':
      return value
    case 'number':
      return Number(value)
    case 'boolean':
      return value === 'true'
  }
}
