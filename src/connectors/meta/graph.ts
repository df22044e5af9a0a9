import { createHmac } from 'node:crypto'
import { ask, cleaned, failureOf, jsonOf, member, notOfRows, textOf, tryJson } from '../answer.ts'
import {
  DestinationError,
  type HttpRequest,
  type HttpResponse,
  type Io,
  type Json,
  type Ms,
  type PaceHint,
} from '../connector.ts'

export interface GraphAccount {
  readonly access_token: string
  readonly ad_account: string
  readonly app_secret?: string | undefined
  readonly api_version: string
}

/** The Graph API for one ad account. */
export interface Graph {
  /** `act_…`. */
  readonly account: string
  /** What changes something: the answer, or what its error means for the rows. */
  write(method: 'POST' | 'DELETE', path: string, body: Json): Promise<Json>
  /** What changes nothing: no error of it is about rows. */
  read(path: string, query: Readonly<Record<string, string>>): Promise<Json>
}

const HOST = 'https://graph.facebook.com'
const TIMEOUT: Ms = 120_000

/** Opens the API with the token of the account. */
export function openGraph(account: GraphAccount, io: Io): Graph {
  const { access_token: token, app_secret: secret } = account
  const secrets = secret === undefined ? [token] : [token, secret]
  const proof = secret === undefined ? {} : { appsecret_proof: proofOf(token, secret) }
  const send = async (method: HttpRequest['method'], path: string, query: object, body?: Json) => {
    const search = new URLSearchParams({ ...query, ...proof }).toString()
    const response = await ask(io, {
      method,
      url: `${HOST}/${account.api_version}${path}${search === '' ? '' : `?${search}`}`,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      timeout: TIMEOUT,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    if (response.status >= 200 && response.status < 300) return jsonOf(response)
    throw graphFailure(response, secrets, io.now())
  }
  return {
    account: accountPath(account),
    write: (method, path, body) => send(method, path, {}, body),
    read: (path, query) =>
      send('GET', path, query).catch((error: unknown) => {
        throw notOfRows(error)
      }),
  }
}

/** `act_…`, whether it was written with that or without. */
export function accountPath({ ad_account }: Pick<GraphAccount, 'ad_account'>): string {
  return `act_${ad_account.replace(/^act_/, '')}`
}

/** https://developers.facebook.com/docs/graph-api/guides/secure-requests#appsecret_proof */
export function proofOf(token: string, secret: string): string {
  return createHmac('sha256', secret).update(token).digest('hex')
}

const MINUTE: Ms = 60_000
const TERMS = 'The custom audience terms have not been accepted.'
const PERMISSION = 'The token lacks the permission ads_management, or its user access to the ad account.'

/**
 * Errors that Meta names by a code or, where that says too little, by a subcode, which is looked for first
 * (https://developers.facebook.com/docs/graph-api/guides/error-handling, …/marketing-api/error-reference and, for those of
 * 2650, …/marketing-api/audiences/guides/custom-audiences#replace-api).
 */
const MEANINGS: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  // The audience has been removed or cannot be used: its sync must be mended by a person.
  [1713230, { kind: 'config', why: 'Meta has blocked the audience; resolve its restrictions in Audience Manager.' }],
  [1487301, { kind: 'config', why: 'The audience is not shared with this ad account.' }],
  [1487366, { kind: 'config', why: 'The audience has been deleted.' }],
  // Who was to be taken out stays owed: see `drain`.
  [1870047, { kind: 'config' }],
  [1870050, { kind: 'config', why: 'The ad account belongs to no business portfolio.' }],
  [33, { kind: 'config', why: 'It is not there, or the token may not see it.' }],
  [2654, { kind: 'config', why: `Meta made no audience: are there 500 already, or are the terms not accepted?` }],
  [2655, { kind: 'config', why: TERMS }],
  [1870034, { kind: 'config', why: TERMS }],
  [1870090, { kind: 'config', why: TERMS }],
  [105, { kind: 'config' }],
  [3, { kind: 'config', why: 'The app has no access to the Marketing API.' }],
  [2500, { kind: 'config' }],
  [2635, { kind: 'config', why: 'Set "api_version" to a newer one.' }],
  [102, { kind: 'auth' }],
  [104, { kind: 'auth', why: 'The app secret does not belong to the token.' }],
  [190, { kind: 'auth', why: 'The access token is not valid or has expired.' }],
  [10, { kind: 'auth', why: PERMISSION }],
  [200, { kind: 'auth', why: PERMISSION }],
  [294, { kind: 'auth', why: PERMISSION }],
  [4, { kind: 'throttle' }],
  [17, { kind: 'throttle' }],
  [341, { kind: 'throttle' }],
  [613, { kind: 'throttle' }],
  [80003, { kind: 'throttle', after: 5 * MINUTE }],
  [80004, { kind: 'throttle' }],
  // Blocked for what looked like abuse: trying again lengthens it.
  [368, { kind: 'throttle', after: Number.POSITIVE_INFINITY }],
  // All errors of a replacement have this code; those that are about its session are mended by a new one.
  [2650, { kind: 'transient', after: MINUTE }],
  [
    1870145,
    { kind: 'transient', after: MINUTE, why: 'A replacement that was cut off ends by itself after 90 minutes.' },
  ],
  [1870147, { kind: 'transient' }],
  [1870148, { kind: 'transient', after: MINUTE, applied: 'maybe' }],
  [1870158, { kind: 'transient', after: MINUTE, applied: 'maybe' }],
  [1870159, { kind: 'transient', after: MINUTE, applied: 'maybe' }],
  [1870144, { kind: 'config', why: 'An audience of 100 million people or more cannot be replaced.' }],
  [1, { kind: 'transient', applied: 'maybe' }],
  [2, { kind: 'transient', applied: 'maybe' }],
  [5000, { kind: 'transient', applied: 'maybe' }],
  [100, { kind: 'batch' }],
])

interface Meaning {
  readonly kind: DestinationError['kind']
  /** What Meta's own words leave unsaid. */
  readonly why?: string
  /** Default where the answer does not say it. */
  readonly after?: Ms
  readonly applied?: 'maybe'
}

/** What an answer other than 2xx means. */
export function graphFailure(response: HttpResponse, secrets: readonly string[], now: Ms): DestinationError {
  const error = member(tryJson(response.body), 'error')
  const [code, subcode] = [member(error, 'code'), member(error, 'error_subcode')]
  const said = cleaned([textOf(error, 'message'), textOf(error, 'error_user_msg')].filter(Boolean).join(' '), secrets)
  const plain = failureOf(response, said, now)
  if (typeof code !== 'number') return plain
  const name = subcode === undefined ? `${code}` : `${code}/${String(subcode)}`
  const known =
    meaningOf(code, subcode, textOf(error, 'type')) ?? (member(error, 'is_transient') === true ? PASSING : undefined)
  if (known === undefined) return new DestinationError(plain.kind, name, plain.message, { applied: plain.applied })
  const wait = plain.after ?? regainOf(response) ?? known.after
  const message = [`Meta answered ${name}:`, said || 'no text.', known.why].filter(Boolean).join(' ')
  return new DestinationError(known.kind, name, message, {
    applied: known.applied ?? 'no',
    ...(wait !== undefined && { after: wait }),
  })
}

const PASSING: Meaning = { kind: 'transient', applied: 'maybe' }

function meaningOf(code: number, subcode: Json | undefined, type: string): Meaning | undefined {
  const own = typeof subcode === 'number' ? MEANINGS.get(subcode) : undefined
  // What was asked of, or the proof of the app, rather than what was sent.
  if (own === undefined && code === 100 && type === 'GraphMethodException') return { kind: 'config' }
  return own ?? MEANINGS.get(code)
}

/** From this share of the hour's calls on, in percent, calls are spread. */
const NEARLY = 95

/**
 * Every answer says how much of the rolling hour is used up, in percent of calls, time and processor time
 * (https://developers.facebook.com/docs/graph-api/overview/rate-limiting#headers-2).
 */
export function usageHint(response: HttpResponse): PaceHint | undefined {
  const regain = regainOf(response)
  if (regain !== undefined) return { kind: 'pause', for: regain }
  const used = usages(response).flatMap((one) => ['call_count', 'total_time', 'total_cputime'].map((name) => one(name)))
  return Math.max(0, ...used) >= NEARLY ? { kind: 'pause', for: MINUTE } : undefined
}

function regainOf(response: HttpResponse): Ms | undefined {
  const minutes = Math.max(0, ...usages(response).map((one) => one('estimated_time_to_regain_access')))
  return minutes > 0 ? minutes * MINUTE : undefined
}

/** `{"<business>": [{"type": "custom_audience", "call_count": 12, …}]}`: numbers by name, of what concerns audiences. */
function usages(response: HttpResponse): readonly ((name: string) => number)[] {
  const said = tryJson(response.headers['x-business-use-case-usage'] ?? '')
  if (typeof said !== 'object' || said === null) return []
  return Object.values(said)
    .flatMap((list) => (Array.isArray(list) ? (list as readonly Json[]) : []))
    .filter((one) => ['custom_audience', ''].includes(textOf(one, 'type')))
    .map((one) => (name) => Number(member(one, name) ?? 0) || 0)
}
