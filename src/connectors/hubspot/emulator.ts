import { createHash } from 'node:crypto'
import { textOf, tryJson } from '../answer.ts'
import type { Io, Json, Ms } from '../connector.ts'
import type { Vendor } from '../sandbox/emulator.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { Stand } from '../sandbox/stand.ts'
import type { Rows } from '../sandbox/store.ts'
import {
  type Call,
  failed,
  type HubspotOptions,
  MEMBERS,
  type Property,
  RECORDS,
  troubled,
} from './emulator-account.ts'
import { listRoute } from './emulator-lists.ts'
import { objectRoute } from './emulator-records.ts'

/** How access tokens of one account begin, so that they tell it apart. */
function prefixOf(refreshToken: string): string {
  return `access-${createHash('sha256').update(refreshToken).digest('hex').slice(0, 8)}-`
}

const WINDOW: Ms = 10_000
const TOKEN_LIVES: Ms = 30 * 60_000
const CALLS = 'calls'
const TOKENS = 'tokens'

/** A HubSpot account: records with properties, lists, subscriptions, scopes and quotas, in HubSpot's answers. */
export function hubspotVendor(options: HubspotOptions): Vendor {
  // A window of ten seconds need not outlive the process; the count of the day does.
  const starts: Ms[] = []
  return {
    answer: (request, rows) => {
      if (request.path === '/oauth/v1/token') return grant(request, rows, options)
      const refusal = troubled(request, options) ?? overRate(starts, rows, options)
      if (refusal) return refusal
      const headers = count(starts, rows, options)
      const body = request.body === '' ? {} : tryJson(request.body)
      const answer =
        body === undefined
          ? failed(400, 'VALIDATION_ERROR', 'Invalid input JSON')
          : routed({ request, body, rows, options })
      return { ...answer, headers }
    },
    writes: ({ method, path }) => method !== 'GET' && !path.endsWith('/batch/read') && !path.startsWith('/oauth/'),
    contents: (rows) =>
      rows
        .collections()
        .filter((name) => name.startsWith(RECORDS) || name.startsWith(MEMBERS) || name === 'opted out')
        .map((place) => ({
          place: place.replace(RECORDS, ''),
          rows: [...rows.all(place)].map(([, row]) => row),
        })),
  }
}

function routed(call: Call): Answer {
  const { request, rows, options } = call
  const refusal = tokenRefusal(request, rows, options)
  if (refusal !== undefined) return refusal
  if (request.path === '/oauth/v2/private-apps/get/access-token-info') return tokenInfo(call)
  const scope = scopeOf(request)
  if (scope !== undefined && options.scopes !== undefined && !options.scopes.includes(scope)) return lacking(scope)
  if (options.loses?.(request)) return { status: 200, body: { status: 'COMPLETE', results: [] } }
  return (
    objectRoute(call) ?? listRoute(call) ?? subscriptionRoute(call) ?? failed(404, 'OBJECT_NOT_FOUND', 'Nothing here.')
  )
}

function grant(request: Seen, rows: Rows, { oauth, now }: HubspotOptions): Answer {
  const form = new URLSearchParams(request.body)
  const isApp = form.get('client_id') === oauth?.clientId && form.get('client_secret') === oauth?.clientSecret
  if (!oauth || !isApp || form.get('refresh_token') !== oauth.refreshToken)
    return { status: 400, body: { error: 'invalid_grant', error_description: 'missing or invalid refresh token' } }
  const access_token = `${prefixOf(oauth.refreshToken)}${rows.size(TOKENS) + 1}`
  rows.put(TOKENS, access_token, { until: now() + TOKEN_LIVES })
  return { status: 200, body: { access_token, token_type: 'bearer', expires_in: TOKEN_LIVES / 1000 } }
}

/** The answer to a call that is one too many. */
function overRate(starts: Ms[], rows: Rows, options: HubspotOptions): Answer | undefined {
  const { window, day, second = Number.POSITIVE_INFINITY } = callsOf(options)
  const now = options.now()
  while ((starts[0] ?? now) <= now - WINDOW) starts.shift()
  if (usedOn(rows, now) >= day) return tooMany('DAILY', 'You have reached your daily limit.')
  if (starts.filter((at) => at > now - 1_000).length >= second)
    return tooMany('SECONDLY', 'You have reached your secondly limit.')
  if (starts.length < window) return undefined
  return tooMany('TEN_SECONDLY_ROLLING', 'You have reached your ten_secondly_rolling limit.')
}

/** Counts the call. Returns the headers that say so. */
function count(starts: Ms[], rows: Rows, options: HubspotOptions): Readonly<Record<string, string>> {
  const { window, day } = callsOf(options)
  const now = options.now()
  starts.push(now)
  const used = usedOn(rows, now) + 1
  rows.put(CALLS, dayOf(now), { count: used })
  return {
    'x-hubspot-ratelimit-max': String(window),
    'x-hubspot-ratelimit-remaining': String(window - starts.length),
    'x-hubspot-ratelimit-interval-milliseconds': String(WINDOW),
    ...(options.token !== undefined && {
      'x-hubspot-ratelimit-daily': String(day),
      'x-hubspot-ratelimit-daily-remaining': String(day - used),
    }),
  }
}

function callsOf({ calls }: HubspotOptions): NonNullable<HubspotOptions['calls']> {
  return calls ?? { window: 100, day: 250_000 }
}

function usedOn(rows: Rows, now: Ms): number {
  return Number(rows.get(CALLS, dayOf(now))?.count ?? 0)
}

function dayOf(now: Ms): string {
  return new Date(now).toISOString().slice(0, 10)
}

function tooMany(policyName: string, message: string): Answer {
  return {
    status: 429,
    body: { status: 'error', message, errorType: 'RATE_LIMIT', policyName, category: 'RATE_LIMITS' },
  }
}

function tokenRefusal(request: Seen, rows: Rows, { token, now }: HubspotOptions): Answer | undefined {
  const shown = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
  if (token !== undefined && shown === token) return undefined
  const until = rows.get(TOKENS, shown)?.until
  if (typeof until === 'number' && until > now()) return undefined
  if (until !== undefined)
    return failed(401, 'EXPIRED_AUTHENTICATION', 'The OAuth token used to make this call expired.')
  return failed(401, 'INVALID_AUTHENTICATION', 'Authentication credentials not found. This API supports OAuth 2.0.')
}

function tokenInfo({ body, options }: Call): Answer {
  if (textOf(body, 'tokenKey') !== options.token) return failed(404, 'OBJECT_NOT_FOUND', 'No such token.')
  return { status: 200, body: { userId: 1, hubId: 1, appId: 1, scopes: options.scopes ?? EVERYTHING } }
}

const EVERYTHING = ['contacts', 'companies', 'custom']
  .flatMap((kind) => [`crm.objects.${kind}.read`, `crm.objects.${kind}.write`])
  .concat(['crm.lists.read', 'crm.lists.write', 'communication_preferences.write'])

function scopeOf({ method, path }: Seen): string | undefined {
  const isRead = method === 'GET' || path.endsWith('/batch/read')
  if (path.startsWith('/crm/v3/lists')) return `crm.lists.${isRead ? 'read' : 'write'}`
  if (path.startsWith('/communication-preferences')) return 'communication_preferences.write'
  const object = /^\/crm\/v3\/objects\/([^/]+)/.exec(path)?.[1]
  if (object === undefined) return undefined
  const kind = object === 'contacts' || object === 'companies' ? object : 'custom'
  return `crm.objects.${kind}.${isRead ? 'read' : 'write'}`
}

function lacking(scope: string): Answer {
  const message = "This app hasn't been granted all required scopes to make this call."
  const errors = [
    { message: 'One or more of the following scopes are required.', context: { requiredGranularScopes: [scope] } },
  ]
  return failed(403, 'MISSING_SCOPES', message, { errors })
}

/** Addresses that opted out, of one subscription or of all. */
function subscriptionRoute({ request, body, rows }: Call): Answer | undefined {
  const [, address, all] =
    /^\/communication-preferences\/v4\/statuses\/([^/]+)(\/unsubscribe-all)?$/.exec(request.path) ?? []
  if (address === undefined || request.method !== 'POST') return undefined
  const email = address.toLowerCase()
  if (!email.includes('@')) return failed(400, 'VALIDATION_ERROR', 'The subscriber id is not an email address.')
  const from = (rows.get('opted out', email)?.from ?? []) as readonly Json[]
  const subscription = all === undefined ? ((body as { readonly subscriptionId?: Json }).subscriptionId ?? null) : 'all'
  if (typeof subscription !== 'number' && all === undefined)
    return failed(400, 'VALIDATION_ERROR', 'Invalid input JSON: subscriptionId.')
  rows.put('opted out', email, { email, from: [...new Set([...from, subscription])] })
  const status = { channel: 'EMAIL', status: 'UNSUBSCRIBED', subscriberIdString: email }
  return { status: 200, body: { status: 'COMPLETE', results: [status] } }
}

interface Opened {
  readonly token?: string
  readonly client_id?: string
  readonly client_secret?: string
  readonly refresh_token?: string
  readonly calls?: number
}

/** What stands in for one account. */
export function hubspotStand(opened: unknown): Stand {
  const account = opened as Opened
  const {
    token,
    client_id: clientId = '',
    client_secret: clientSecret = '',
    refresh_token: refreshToken = '',
  } = account
  return {
    identity: `hubspot ${token ?? `${clientId} ${refreshToken}`}`,
    isHost: (url) => url.hostname === 'api.hubapi.com',
    claims: (request) => {
      if (token !== undefined) return request.headers?.authorization === `Bearer ${token}`
      const isLogin = new URLSearchParams(request.body ?? '').get('refresh_token') === refreshToken
      return isLogin || request.headers?.authorization?.startsWith(`Bearer ${prefixOf(refreshToken)}`) === true
    },
    vendor: (places, now) => {
      const objects = new Map<string, readonly Property[]>()
      for (const { into, columns } of places) {
        const { object = 'contacts' } = into as { readonly object?: string }
        objects.set(object, [...(objects.get(object) ?? []), ...propertiesOf(columns)])
      }
      const oauth = token === undefined ? { oauth: { clientId, clientSecret, refreshToken } } : {}
      // Emulated calls take no time: the rate of a real account would only be in the way.
      const calls = { window: Number.MAX_SAFE_INTEGER, day: Number.MAX_SAFE_INTEGER }
      return hubspotVendor({ token, ...oauth, objects, lists: listsOf(places), calls, now })
    },
  }
}

function propertiesOf({ key, fields }: Io['columns']): readonly Property[] {
  return [...key.map((name) => ({ name, unique: true })), ...fields.map((name) => ({ name }))]
}

function listsOf(places: readonly { readonly into: unknown }[]): NonNullable<HubspotOptions['lists']> {
  const named = new Map<string, string>()
  for (const { into } of places) {
    const { list, object = 'contacts' } = into as { readonly list?: string; readonly object?: string }
    if (list !== undefined) named.set(list, object)
  }
  return [...named].map(([name, object], index) => ({ id: /^\d+$/.test(name) ? name : `${900 + index}`, name, object }))
}
