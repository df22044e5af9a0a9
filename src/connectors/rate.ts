import type { HttpResponse, Ms, PaceHint } from './connector.ts'

/**
 * How long an answer asks to wait, in milliseconds from when it was given and however long that is; undefined where it
 * says nothing that can be read. `Retry-After` comes first, then the end of the vendor's own window of time.
 */
export function waitSaid(response: HttpResponse, now: Ms): Ms | undefined {
  return retryAfter(response, now) ?? windowEnd(response, now)
}

/**
 * What `RateLimit` (https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/) and the older
 * `X-RateLimit-*` say: where no call is left, none starts before the window ends.
 */
export function rateHint(response: HttpResponse, now: Ms): PaceHint | undefined {
  const end = isUsedUp(response) ? windowEnd(response, now) : undefined
  return end === undefined ? undefined : { kind: 'pause', for: end }
}

/**
 * `Retry-After` as seconds or as an HTTP date (RFC 9110, 10.2.3). A date is compared with the answer's own `Date`, so
 * that a wrong clock on either side does no harm; `now` is used without one. A date that is past is no wait.
 */
export function retryAfter(response: HttpResponse, now: Ms): Ms | undefined {
  const said = response.headers['retry-after']?.trim() ?? ''
  if (NUMBER.test(said)) return finite(Number(said) * 1000)
  // An HTTP date begins with its weekday; the parser itself would take much else for a date.
  const until = /^[A-Za-z]{3}/.test(said) ? Date.parse(said) : Number.NaN
  return Number.isNaN(until) ? undefined : Math.max(0, until - answeredAt(response, now))
}

const NUMBER = /^\d+(\.\d+)?$/

function windowEnd(response: HttpResponse, now: Ms): Ms | undefined {
  const { headers } = response
  const delta = parameter(headers.ratelimit, ['reset', 't']) ?? numberIn(headers['ratelimit-reset'])
  if (delta !== undefined) return finite(delta * 1000)
  const said = numberIn(headers['x-ratelimit-reset'])
  if (said === undefined) return undefined
  // No window of time is thirty years long: so large a number is a time, in seconds or milliseconds since 1970.
  if (said < 1e9) return said * 1000
  return finite(Math.max(0, (said < 1e11 ? said * 1000 : said) - answeredAt(response, now)))
}

function isUsedUp({ headers }: HttpResponse): boolean {
  const left =
    parameter(headers.ratelimit, ['remaining', 'r']) ??
    numberIn(headers['ratelimit-remaining']) ??
    numberIn(headers['x-ratelimit-remaining'])
  return left === 0
}

/** A number of `limit=10, remaining=1, reset=7` or, as later drafts have it, of `"default";r=1;t=7`. */
function parameter(header: string | undefined, names: readonly string[]): number | undefined {
  for (const part of (header ?? '').split(/[,;]/)) {
    const [name = '', value] = part.split('=')
    if (names.includes(name.trim().toLowerCase())) return numberIn(value)
  }
  return undefined
}

function numberIn(text: string | undefined): number | undefined {
  const said = text?.trim() ?? ''
  return NUMBER.test(said) ? Number(said) : undefined
}

function answeredAt({ headers }: HttpResponse, now: Ms): Ms {
  const date = Date.parse(headers.date ?? '')
  return Number.isNaN(date) ? now : date
}

/** A number of four hundred digits is none. */
function finite(wait: Ms): Ms | undefined {
  return Number.isFinite(wait) ? wait : undefined
}
