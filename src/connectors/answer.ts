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

/** Sends a request and returns whatever was answered. No complete answer = DestinationError `transient`. */
export async function ask(io: Pick<Io, 'fetch'>, request: HttpRequest): Promise<HttpResponse> {
  try {
    return await io.fetch(request)
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error
    throw new DestinationError('transient', 'network', error.message, {
      applied: error.sent && request.method !== 'GET' ? 'maybe' : 'no',
      cause: error,
    })
  }
}

/** What an answer other than 2xx means where the vendor's own rules say nothing. `said` is the vendor's text. */
export function failureOf(response: HttpResponse, said: string, now: Ms): DestinationError {
  const { status } = response
  const code = `http_${status}`
  const wait = retryAfter(response, now)
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

/** Asked for something that is not there, or in a way that the server does not know: no other row would fare better. */
const CONFIG = new Set([404, 405, 410, 501, 505])

const LONGEST_WAIT: Ms = 15 * 60_000

/**
 * Milliseconds that the answer asks to wait, at most 15 minutes: `Retry-After` as seconds or as an HTTP date. A date is
 * compared with the answer's own `Date`, so that a wrong clock on either side does no harm; `now` is used without one.
 */
export function retryAfter(response: HttpResponse, now: Ms): Ms | undefined {
  const said = response.headers['retry-after']?.trim()
  if (said === undefined || said === '') return undefined
  if (/^\d+(\.\d+)?$/.test(said)) return clamped(Number(said) * 1000)
  // An HTTP date begins with its weekday; the parser itself would take much else for a date.
  const until = /^[A-Za-z]{3}/.test(said) ? Date.parse(said) : Number.NaN
  if (Number.isNaN(until)) return undefined
  const answered = Date.parse(response.headers.date ?? '')
  return clamped(until - (Number.isNaN(answered) ? now : answered))
}

function clamped(wait: Ms): Ms {
  return Math.min(Math.max(wait, 0), LONGEST_WAIT)
}

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

/**
 * A vendor's text, fit for messages, logs and the ledger: without secrets, mail addresses, long numbers or characters
 * that steer a terminal, and at most 200 characters.
 */
export function cleaned(text: string, secrets: readonly string[]): string {
  const shown = mask(
    text,
    secrets.map((one) => new Secret(one)),
  )
    .replace(/[^\s@<>"(),;:]+@[^\s@<>"'(),;:]+/g, '<email>')
    .replace(/\+?\d[\d ()./-]{6,}\d/g, '<number>')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ')
    .trim()
  return shown.length > LONGEST_TEXT ? `${shown.slice(0, LONGEST_TEXT - 1)}…` : shown
}

/** The receipt that an error stands for when it struck one row of several that were sent apart. */
export function receiptOf(error: DestinationError): Receipt {
  if (error.kind === 'batch') return { outcome: 'refused', kind: 'row', code: error.code, message: error.message }
  const after = error.after === undefined ? {} : { after: error.after }
  return { outcome: 'again', code: error.code, applied: error.applied, ...after }
}
