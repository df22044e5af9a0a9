import { createPublicKey, createVerify } from 'node:crypto'
import { member, textOf, tryJson } from '../answer.ts'
import { isStandIn, type Ms } from '../connector.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import { type Credentials, credentialOf, keyOf, TOKEN_URL } from './auth.ts'
import { type GoogleOptions, INFO, refused } from './emulator-answers.ts'

const MINUTE: Ms = 60_000
const HOUR: Ms = 3_600_000
const DAY: Ms = 86_400_000

/** Tokens of one account are known by how they begin. */
export function tokenOf(credentials: Credentials): string {
  return `ya29.sandbox-${credentialOf(credentials).slice(0, 12)}`
}

export function login(request: Seen, { credentials, now }: GoogleOptions): Answer {
  const form = new URLSearchParams(request.body)
  const wrong = credentials.service_account === undefined ? byUser(form, credentials) : byKey(form, credentials, now())
  if (wrong) return { status: 400, body: { error: 'invalid_grant', error_description: wrong } }
  const access_token = `${tokenOf(credentials)}-${request.number}-${now()}`
  return { status: 200, body: { access_token, expires_in: 3_599, token_type: 'Bearer' } }
}

function byUser(form: URLSearchParams, { client_id, client_secret, refresh_token }: Credentials): string | undefined {
  const same =
    form.get('grant_type') === 'refresh_token' &&
    form.get('client_id') === client_id &&
    form.get('client_secret') === client_secret &&
    form.get('refresh_token') === refresh_token
  return same ? undefined : 'Token has been expired or revoked.'
}

function byKey(form: URLSearchParams, { service_account = '' }: Credentials, now: Ms): string | undefined {
  const [header = '', body = '', signature = ''] = (form.get('assertion') ?? '').split('.')
  const claims = tryJson(Buffer.from(body, 'base64url').toString())
  if (textOf(claims, 'aud') !== TOKEN_URL || !textOf(claims, 'scope').endsWith('/auth/datamanager'))
    return 'Invalid JWT.'
  const [iat, exp] = [Number(member(claims, 'iat')), Number(member(claims, 'exp'))]
  if (!(exp > now / 1_000 && exp - iat <= 3_600)) return 'Invalid JWT: Token must be a short-lived token.'
  if (isStandIn(service_account)) return undefined
  const { email, pem } = keyOf(service_account)
  if (textOf(claims, 'iss') !== email) return 'Invalid grant: account not found'
  const verifier = createVerify('RSA-SHA256').update(`${header}.${body}`)
  return verifier.verify(createPublicKey(pem), signature, 'base64url') ? undefined : 'Invalid JWT Signature.'
}

/** Why Google does not even look at what was sent: its own health, the size, the login, the project. */
export function refusal(request: Seen, options: GoogleOptions): Answer | undefined {
  const { mostBytes = 10 * 1024 * 1024, apiEnabled = true, credentials } = options
  const unwell = unwellAnswer(options)
  if (unwell) return unwell
  if (Buffer.byteLength(request.body) > mostBytes)
    return refused(400, 'INVALID_ARGUMENT', `Request payload size exceeds the limit: ${mostBytes} bytes.`)
  const { authorization = '' } = request.headers
  const isGood = authorization.startsWith(`Bearer ${tokenOf(credentials)}-`) && !isOld(authorization, options)
  if (!isGood || options.revoked)
    return refused(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.')
  if (apiEnabled) return undefined
  const info = { '@type': INFO, reason: 'SERVICE_DISABLED', domain: 'googleapis.com' }
  return refused(403, 'PERMISSION_DENIED', 'Data Manager API has not been used in project before or it is disabled.', [
    info,
  ])
}

/** A token says when it was given. */
function isOld(authorization: string, { now }: GoogleOptions): boolean {
  return now() - Number(authorization.split('-').at(-1)) > HOUR
}

function unwellAnswer({ health }: GoogleOptions): Answer | undefined {
  if (health === undefined) return undefined
  switch (health) {
    case 'failing':
      return refused(500, 'INTERNAL', 'Internal error encountered.', [{ '@type': INFO, reason: 'INTERNAL_ERROR' }])
    case 'unavailable':
      return refused(503, 'UNAVAILABLE', 'The service is currently unavailable.')
    case 'slow':
      return refused(504, 'DEADLINE_EXCEEDED', 'Deadline expired before operation could complete.')
  }
}

/** When requests of each kind came. */
export type Starts = Map<Kind, Ms[]>
type Kind = 'IngestionWrites' | 'IngestionReads' | 'Requests'

/** What a quota says to a request; counts it where there is some left. */
export function overQuota(request: Seen, all: Starts, options: GoogleOptions): Answer | undefined {
  const kind = kindOf(request)
  const { now, perMinute = 300, perDay = kind === 'Requests' ? 50_000 : 100_000 } = options
  const starts = all.get(kind) ?? []
  all.set(kind, starts)
  while (starts[0] !== undefined && starts[0] <= now() - DAY) starts.shift()
  const ofMinute = starts.filter((start) => start > now() - MINUTE).length
  const over = starts.length >= perDay ? 'PerDay' : ofMinute >= perMinute ? 'PerMinute' : undefined
  if (over === undefined) {
    starts.push(now())
    return undefined
  }
  const quota_limit = `${kind}${over}PerProject`
  const info = { '@type': INFO, reason: 'RATE_LIMIT_EXCEEDED', domain: 'googleapis.com', metadata: { quota_limit } }
  return refused(429, 'RESOURCE_EXHAUSTED', `Quota exceeded for quota metric and limit '${quota_limit}'.`, [info])
}

function kindOf({ path }: Seen): Kind {
  if (path.startsWith('/v1/audienceMembers:')) return 'IngestionWrites'
  return path === '/v1/requestStatus:retrieve' ? 'IngestionReads' : 'Requests'
}
