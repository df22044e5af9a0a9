import { cleaned, failureOf, member, receiptOf, tryJson } from '../answer.ts'
import { isJson } from '../body.ts'
import {
  type Change,
  DestinationError,
  type HttpResponse,
  type Json,
  type Key,
  type Ms,
  type Receipt,
} from '../connector.ts'
import { waitSaid } from '../rate.ts'
import type { Account, Mapping, Statuses } from './options.ts'

/** How the answer to one batch is read. */
export interface Reading {
  readonly account: Pick<Account, 'retry_on' | 'refuse_on' | 'response'>
  readonly okOn: Statuses
  readonly secrets: readonly string[]
  readonly now: Ms
}

/** What became of a batch. Throws DestinationError for what concerns all of it. */
export function receiptsFrom(response: HttpResponse, batch: readonly Change[], reading: Reading): readonly Receipt[] {
  const meaning = meaningOf(response.status, reading)
  if (meaning === 'ok') {
    const isBody = response.status >= 200 && response.status < 300
    return isBody ? resultsOf(response, batch, reading) : batch.map(() => ({ outcome: 'written' }))
  }
  const error = errorOf(response, meaning, reading)
  if (error.kind === 'batch' && batch.length === 1) return [receiptOf(error)]
  throw error
}

/** What an answer other than 2xx means, in the user's words first. */
export function errorOf(
  response: HttpResponse,
  meaning: Meaning,
  { account, secrets, now }: Reading,
): DestinationError {
  const { message } = account.response ?? {}
  const told = message === undefined ? undefined : valueAt(tryJson(response.body), message)
  const said = cleaned(typeof told === 'string' ? told : response.body, secrets)
  const known = failureOf(response, said, now)
  if (meaning === 'refuse') return new DestinationError('batch', known.code, known.message)
  if (meaning !== 'retry' || known.kind === 'throttle') return known
  const after = waitSaid(response, now)
  const applied = response.status < 400 || response.status >= 500 ? 'maybe' : 'no'
  return new DestinationError('transient', known.code, known.message, {
    applied,
    ...(after !== undefined && { after }),
  })
}

export type Meaning = 'ok' | 'retry' | 'refuse' | undefined

/** What the lists say of a status: the status itself comes before its class, and a 2xx is good. */
export function meaningOf(status: number, { account, okOn }: Pick<Reading, 'account' | 'okOn'>): Meaning {
  const lists = [
    ['ok', okOn],
    ['retry', account.retry_on ?? []],
    ['refuse', account.refuse_on ?? []],
  ] as const
  for (const name of [status, `${Math.floor(status / 100)}xx`])
    for (const [meaning, list] of lists) if (list.includes(name)) return meaning
  return status >= 200 && status < 300 ? 'ok' : undefined
}

type Reader = Mapping & { readonly isLenient?: true }

/** What a receiver of our own body may answer: `{"results": [{"key", "status": "ok|refused|again", "message"}]}`. */
const OWN: Reader = {
  results: 'results',
  key: 'key',
  status: 'status',
  ok: ['ok'],
  again: ['again'],
  refused: ['refused'],
  message: 'message',
  // A receiver need not say more than 200.
  isLenient: true,
}

function resultsOf(
  response: HttpResponse,
  batch: readonly Change[],
  { account, secrets }: Reading,
): readonly Receipt[] {
  const how: Reader = account.response ?? OWN
  const answer = tryJson(response.body)
  // Cut off or garbled: it may have named refused rows.
  if (answer === undefined && (how.results !== undefined || isCutOff(response)))
    return how.isLenient && !isCutOff(response) ? batch.map(() => ({ outcome: 'written' })) : unknown(batch, UNREADABLE)
  if (how.errors !== undefined) return refusals(answer, batch, how, secrets)
  if (how.results === undefined) return together(answer, batch, how, secrets)
  const results = valueAt(answer, how.results)
  if (!Array.isArray(results))
    return how.isLenient ? batch.map(() => ({ outcome: 'written' })) : unknown(batch, NO_RESULT)
  return each(results as readonly Json[], batch, how, secrets)
}

const UNREADABLE = 'unreadable_answer'
const NO_RESULT = 'no_result'

function isCutOff({ body, headers }: HttpResponse): boolean {
  return body !== '' && tryJson(body) === undefined && isJson(headers['content-type'] ?? '')
}

function unknown(batch: readonly Change[], code: string): readonly Receipt[] {
  return batch.map(() => ({ outcome: 'again', code, applied: 'maybe' }))
}

/** One result a row: by key, by place, or in the order of the request. */
function each(results: readonly Json[], batch: readonly Change[], how: Reader, secrets: readonly string[]) {
  const inOrder = how.key === undefined && how.index === undefined
  // Only their places say whose results they are: of more or fewer, nobody knows.
  if (inOrder && results.length !== batch.length) return unknown(batch, NO_RESULT)
  const found = inOrder ? (_: Change, at: number) => results[at] : finder(results, how)
  return batch.map((change, at): Receipt => {
    const result = found(change, at)
    return result === undefined ? { outcome: 'again', code: NO_RESULT, applied: 'maybe' } : judged(result, how, secrets)
  })
}

/** The rows that are listed are refused, or come again; the others are written. */
function refusals(answer: Json | undefined, batch: readonly Change[], how: Reader, secrets: readonly string[]) {
  const paths = typeof how.errors === 'string' ? [how.errors] : (how.errors ?? [])
  const errors = paths.flatMap((path) => {
    const list = valueAt(answer, path)
    return Array.isArray(list) ? (list as readonly Json[]) : []
  })
  const found = finder(errors, how)
  return batch.map((change, at): Receipt => {
    const error = found(change, at)
    if (error === undefined) return { outcome: 'written' }
    const isPassing = how.status !== undefined && isAmong(valueAt(error, how.status), how.again)
    return isPassing ? { outcome: 'again', code: 'receiver_again', applied: 'no' } : refused(error, how, secrets)
  })
}

/** The answer speaks for the whole batch. */
function together(answer: Json | undefined, batch: readonly Change[], how: Reader, secrets: readonly string[]) {
  const receipt = judged(answer ?? null, how, secrets)
  if (receipt.outcome !== 'refused' || batch.length === 1) {
    const shown: Receipt = batch.length > 1 && receipt.outcome === 'written' ? { outcome: 'written' } : receipt
    return batch.map(() => shown)
  }
  throw new DestinationError('batch', receipt.code, receipt.message)
}

function judged(result: Json, how: Reader, secrets: readonly string[]): Receipt {
  const status = how.status === undefined ? undefined : valueAt(result, how.status)
  if (how.status === undefined || isAmong(status, how.ok)) return writtenAs(result, how)
  if (isAmong(status, how.again)) return { outcome: 'again', code: 'receiver_again', applied: 'no' }
  if (status === undefined || (how.refused !== undefined && !isAmong(status, how.refused)))
    return { outcome: 'again', code: NO_RESULT, applied: 'maybe' }
  return refused(result, how, secrets)
}

function writtenAs(result: Json, { id: path }: Reader): Receipt {
  const id = path === undefined ? undefined : valueAt(result, path)
  const isId = (typeof id === 'string' && id !== '') || typeof id === 'number'
  return isId ? { outcome: 'written', id: String(id) } : { outcome: 'written' }
}

function refused(result: Json, { code, message }: Reader, secrets: readonly string[]): Receipt {
  const text = (path: string | undefined) => {
    const found = path === undefined ? undefined : valueAt(result, path)
    return found === undefined || found === null
      ? ''
      : cleaned(typeof found === 'string' ? found : JSON.stringify(found), secrets)
  }
  return { outcome: 'refused', kind: 'row', code: text(code) || 'receiver_refused', message: text(message) }
}

function isAmong(value: Json | undefined, values: Mapping['ok']): boolean {
  return value !== undefined && values.some((one) => String(one) === String(value))
}

/** Finds the item about a change. A key is found in another case, too: receivers may fold addresses. */
function finder(items: readonly Json[], { key, index }: Reader): (change: Change, at: number) => Json | undefined {
  if (key === undefined) {
    const byPlace = new Map(items.map((one) => [Number(valueAt(one, index ?? '')), one]))
    return (_, at) => byPlace.get(at)
  }
  const byKey = new Map(items.map((one) => [canonical(valueAt(one, key)), one]))
  const folded = new Map([...byKey].map(([name, one]) => [name.toLowerCase(), one]))
  return (change) => {
    const name = canonical(printedKey(change.key))
    return byKey.get(name) ?? folded.get(name.toLowerCase())
  }
}

/** The value at a dotted path: `data.0.id`; the value itself at ''. */
function valueAt(value: Json | undefined, path: string): Json | undefined {
  if (path === '') return value
  return path.split('.').reduce<Json | undefined>((inner, name) => {
    if (Array.isArray(inner)) return /^\d+$/.test(name) ? (inner as readonly Json[])[Number(name)] : undefined
    return member(inner, name)
  }, value)
}

/** A key of one column stands as its value. */
export function printedKey(key: Key): Json {
  const values = Object.values(key)
  return values.length === 1 && values[0] !== undefined ? values[0] : key
}

/** Equal texts for equal keys: receivers may answer `"7"` for 7, and a composite key's columns in any order. */
function canonical(key: Json | undefined): string {
  if (typeof key !== 'object' || key === null || Array.isArray(key)) return String(key)
  return JSON.stringify(Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1)))
}
