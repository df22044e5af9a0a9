import { mask, Secret } from '../secret.ts'
import {
  DestinationError,
  type HttpRequest,
  type HttpResponse,
  type Io,
  type Json,
  type Ms,
  NetworkError,
  type Receipt,
} from './connector.ts'
import { waitSaid } from './rate.ts'
import { redacted } from './redact.ts'

/** Sends a request and returns whatever was answered. No complete answer = DestinationError `transient`. */
export async function ask(io: Pick<Io, 'fetch'>, request: HttpRequest): Promise<HttpResponse> {
  try {
    return await io.fetch(request)
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error
    throw new DestinationError('transient', error.timedOut ? TIMEOUT : 'network', error.message, {
      applied: error.sent && request.method !== 'GET' ? 'maybe' : 'no',
      cause: error,
    })
  }
}

/** Makes a request that changes nothing as patiently as whoever opened the account allows. */
export function patiently<T>(io: Pick<Io, 'patiently'>, request: () => Promise<T>): Promise<T> {
  return io.patiently === undefined ? request() : io.patiently(request)
}

/** The code of a request whose time was up. */
export const TIMEOUT = 'timeout'

/** What an answer other than 2xx means where the vendor's own rules say nothing. `said` is the vendor's text. */
export function failureOf(response: HttpResponse, said: string, now: Ms): DestinationError {
  const { status } = response
  const code = `http_${status}`
  const wait = waitSaid(response, now)
  const after = wait === undefined ? {} : { after: wait }
  if (status >= 300 && status < 400)
    return new DestinationError('config', 'redirect_refused', `Answered ${status}: redirects are not followed.`)
  const message = `Answered ${status}${said === '' ? '' : `: ${said}`}`
  if (status === 401 || status === 403) return new DestinationError('auth', code, message)
  if (CONFIG.has(status)) return new DestinationError('config', code, message)
  if (status === 429) return new DestinationError('throttle', code, message, after)
  if (status === 425) return new DestinationError('transient', code, message, after)
  if (status === 503 && wait !== undefined)
    return new DestinationError('throttle', code, message, { ...after, applied: 'maybe' })
  if (status === 408 || status >= 500 || status < 200)
    return new DestinationError('transient', code, message, { ...after, applied: 'maybe' })
  return new DestinationError('batch', code, message)
}

/** The error of a request that is about no row, such as a question or the making of a list: no half of a batch mends it. */
export function notOfRows(error: unknown): unknown {
  if (!(error instanceof DestinationError) || error.kind !== 'batch') return error
  return new DestinationError('config', error.code, error.message)
}

/** Asked for something that is not there, or in a way that the server does not know: no other row would fare better. */
const CONFIG = new Set([404, 405, 410, 501, 505])

/** The answer's JSON. A 2xx that cannot be read may have taken effect: DestinationError `transient`, applied maybe. */
export function jsonOf(response: HttpResponse): Json {
  const parsed = tryJson(response.body)
  if (parsed !== undefined) return parsed
  throw new DestinationError('transient', 'unreadable_answer', 'The answer is no complete JSON document.', {
    applied: 'maybe',
  })
}

/** The JSON value of a text, or undefined where it is none. */
export function tryJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** A member of a JSON object, or undefined where there is none. */
export function member(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return Object.hasOwn(value, name) ? (value as Readonly<Record<string, Json>>)[name] : undefined
}

/** A member's text, '' where it is missing or of another type. */
export function textOf(value: Json | undefined, name: string): string {
  const found = member(value, name)
  return typeof found === 'string' ? found : ''
}

/** A member's items; empty where it is missing or no list. */
export function listOf(value: Json | undefined, name: string): readonly Json[] {
  const found = member(value, name)
  return Array.isArray(found) ? found : []
}

const LONGEST_TEXT = 200

/** What is looked at of a text of which so little is shown. */
const LONGEST_READ = 2_000

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
const ESCAPES = /(?:\u001b\[|\u009b)[\d;?]*[A-Za-z]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g

/**
 * A vendor's text, fit for messages, logs and the ledger: without secrets, mail addresses, long numbers, tokens or
 * characters that steer a terminal, and at most 200 characters.
 */
export function cleaned(text: string, secrets: readonly string[]): string {
  const read = text.length > LONGEST_READ ? text.slice(0, LONGEST_READ).replace(/\S+$/, '…') : text
  const masked = mask(
    read,
    secrets.map((one) => new Secret(one)),
  )
  // Whole escape sequences first: what is left of one would hide where a token begins.
  const shown = redacted(masked.replace(ESCAPES, ' ').replace(CONTROLS, ' ')).trim()
  return shown.length > LONGEST_TEXT ? `${shown.slice(0, LONGEST_TEXT - 1)}…` : shown
}

/** The receipt that an error stands for when it struck one row of several that were sent apart. */
export function receiptOf(error: DestinationError): Receipt {
  if (error.kind === 'batch') return { outcome: 'refused', kind: 'row', code: error.code, message: error.message }
  return againOf(error, error.applied)
}

/** The receipt of a row that was not refused by the error which struck it. */
export function againOf({ kind, code, after }: DestinationError, applied: 'no' | 'maybe'): Receipt {
  const wait = after === undefined ? {} : { after }
  return { outcome: 'again', code, applied, ...wait, ...(kind === 'throttle' && { throttled: true }) }
}
