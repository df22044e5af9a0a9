import { listOf, member, notOfRows, textOf } from '../answer.ts'
import { DestinationError, type JobId, type JobState, type Json, type Ms, type Receipt } from '../connector.ts'
import type { Api } from './api.ts'

// https://developers.google.com/data-manager/api/devguides/diagnostics: ask after half an hour, then ever more rarely;
// it may take a day. What failed is counted by reason, and no member is named.

const MINUTE: Ms = 60_000
const FIRST: Ms = 30 * MINUTE
/** From then on a request that Google does not know is lost rather than not yet known. */
const KNOWN: Ms = 60 * MINUTE
/** Google is done within a day. What is not by then will not be: it is sent again. */
const LONGEST: Ms = 3 * 24 * 60 * MINUTE

/** A request that Google has taken. */
export interface Sent {
  readonly id: string
  /** How many members it named; undefined where it named none. */
  readonly members?: number | undefined
}

/** What the rows of a job are once its requests are done: added or removed, or people who deny and are gone now. */
export type Meant = 'written' | 'denied'

/** When requests were sent, their ids and sizes, and what they mean: all that is needed to ask for them later. */
export function jobOf(began: Ms, requests: readonly Sent[], meant: Meant = 'written'): JobId {
  const named = requests.map(({ id, members }) => [encodeURIComponent(id), members].filter((one) => one !== undefined))
  return `${began}:${named.map((one) => one.join('=')).join(',')}${meant === 'denied' ? ':denied' : ''}`
}

function partsOf(job: JobId) {
  const [began = '', named = '', meant] = job.split(':')
  const requests = named.split(',').map((one): Sent => {
    const [id = '', members] = one.split('=')
    return { id: decodeURIComponent(id), members: members === undefined ? undefined : Number(members) }
  })
  return { began: Number(began), requests, whenDone: meant === 'denied' ? DENIED : WRITTEN }
}

const WRITTEN: Receipt = { outcome: 'written' }

/** What becomes of people who deny that their data is used. */
export const DENIED: Receipt = {
  outcome: 'refused',
  kind: 'compliance',
  code: 'consent_denied',
  message: 'The person denies the use of the data for ads: not sent, and removed if it was before.',
}

interface Asking {
  readonly api: Api
  /** Wall clock. */
  readonly now: Ms
  note(sentence: string): void
}

/** What became of the requests of a job. Notes tell what cannot be said of a row. */
export async function pollJob(job: JobId, { api, now, note }: Asking): Promise<JobState> {
  const { began, requests, whenDone } = partsOf(job)
  const age = now - began
  const after = Math.max(FIRST - age, Math.min(FIRST, Math.max(MINUTE, age / 4)))
  const verdicts: Verdict[] = []
  for (const sent of requests) {
    const status = await statusOf(api, sent.id)
    if (status === undefined && age >= KNOWN) return { state: 'lost' }
    const verdict = status === undefined ? undefined : verdictOn(status, sent)
    if (verdict === undefined && age < LONGEST) return { state: 'running', after }
    if (verdict === undefined) {
      note('Google has not processed for three days what it was sent: it is sent again.')
      return { state: 'lost' }
    }
    verdicts.push(verdict)
  }
  for (const one of verdicts) one.notes.forEach(note)
  const bad = verdicts.map((one) => one.receipt).filter((one) => one.outcome !== 'written')
  // What is sent again may mend the rest; what is refused here is not.
  const rest = bad.find((one) => one.outcome === 'again') ?? bad[0] ?? whenDone
  return { state: 'done', receipts: nobody(), rest }
}

/** The answer's status of our one destination; undefined where Google does not know the request. */
async function statusOf(api: Api, id: string): Promise<Json | undefined> {
  try {
    const { json } = await api.request('GET', `/requestStatus:retrieve?requestId=${encodeURIComponent(id)}`)
    return listOf(json, 'requestStatusPerDestination')[0] ?? {}
  } catch (error) {
    if (error instanceof DestinationError && UNKNOWN.has(error.code)) return undefined
    throw notOfRows(error)
  }
}

const UNKNOWN = new Set(['INVALID_REQUEST_ID', 'http_404', 'NOT_FOUND'])

/** What a request means for all rows of its job, and what is to be told. */
interface Verdict {
  readonly receipt: Receipt
  readonly notes: readonly string[]
}

/** Undefined while a request runs, and for a status that is not known. */
function verdictOn(status: Json, sent: Sent): Verdict | undefined {
  const failed = countsOf(status, 'errorInfo', 'errorCounts')
  const notes = countsOf(status, 'warningInfo', 'warningCounts').map(
    ({ reason, rows }) => `Google warns of ${rows} of the people it was sent: ${reason}.`,
  )
  switch (textOf(status, 'requestStatus')) {
    case 'SUCCESS':
      return succeeded(status, sent, { failed, notes })
    case 'PARTIAL_SUCCESS':
      return partly(status, sent, { failed, notes })
    case 'FAILED':
    // So the page says, where the API's own definition says FAILED.
    case 'FAILURE':
      return { receipt: failureFrom(failed), notes }
    default:
      return undefined
  }
}

interface Count {
  readonly reason: string
  readonly rows: number
}

interface Counted {
  readonly failed: readonly Count[]
  readonly notes: readonly string[]
}

/** What failed, or may have, by reason; int64 comes as text. Empty where Google does not say. */
function countsOf(status: Json, info: string, counts: string): readonly Count[] {
  return listOf(member(status, info), counts).map((one) => ({
    reason: textOf(one, 'reason').replace(/^PROCESSING_(ERROR|WARNING)_(REASON_)?/, '') || 'UNSPECIFIED',
    rows: Number(member(one, 'recordCount') ?? 0),
  }))
}

/**
 * How many members Google counts, whatever became of them; undefined where it does not say. Its definition says that
 * those who failed are among them, its page has an example where they are not.
 */
function countedIn(status: Json): number | undefined {
  const parts = ['audienceMembersIngestionStatus', 'audienceMembersRemovalStatus'].map((name) => member(status, name))
  const inner = parts.flatMap((part) => (typeof part === 'object' && part !== null ? Object.values(part) : []))
  const counts = inner.map((one) => Number(member(one as Json, 'recordCount') ?? Number.NaN))
  return counts.find((count) => !Number.isNaN(count))
}

function succeeded(status: Json, sent: Sent, { failed, notes }: Counted): Verdict {
  const counted = (countedIn(status) ?? sent.members ?? 0) + sum(failed)
  const missing = (sent.members ?? 0) - counted
  if (missing <= 0) return { receipt: WRITTEN, notes }
  const lost = `Google counts ${counted} of the ${sent.members} people of a request: it is sent again.`
  return { receipt: { outcome: 'again', code: 'lost_members', applied: 'maybe' }, notes: [...notes, lost] }
}

/**
 * Nobody can say who failed. To add them again would fare the same, unless it was Google's own fault; whoever is to be
 * removed, however, must not count as gone.
 */
function partly(status: Json, sent: Sent, counted: Counted): Verdict {
  const { failed } = counted
  const isRemoval = member(status, 'audienceMembersRemovalStatus') !== undefined
  const whole = sent.members === undefined ? '' : ` of ${sent.members}`
  const what = isRemoval ? 'did not remove' : 'left out'
  const told = `Google ${what} ${sum(failed) || 'some'}${whole} people of a request: ${shown(failed)}.`
  const notes = [...counted.notes, told]
  const isPassing = isRemoval || failed.some(({ reason }) => reason === 'INTERNAL_ERROR')
  if (isPassing) return { receipt: { outcome: 'again', code: 'PARTIAL_SUCCESS', applied: 'maybe' }, notes }
  return succeeded(status, sent, { failed, notes })
}

function failureFrom(failed: readonly Count[]): Receipt {
  const [most] = [...failed].sort((a, b) => b.rows - a.rows)
  const code = most?.reason ?? 'FAILED'
  if (PASSING.has(code)) return { outcome: 'again', code, applied: 'maybe' }
  const kind = code.includes('CONSENT') ? 'compliance' : 'row'
  return { outcome: 'refused', kind, code, message: `Google processed none of the request: ${shown(failed)}.` }
}

const PASSING = new Set(['INTERNAL_ERROR', 'UNSPECIFIED'])

function sum(counts: readonly Count[]): number {
  return counts.reduce((all, { rows }) => all + rows, 0)
}

function shown(counts: readonly Count[]): string {
  return counts.map(({ reason, rows }) => `${rows} × ${reason}`).join(', ') || 'no reason given'
}

async function* nobody(): AsyncGenerator<never> {
  // No row is named.
}
