import { createHmac } from 'node:crypto'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import { failed, type MetaOptions } from './emulator-answers.ts'

/** Why Meta does not even look at what was sent: its own health, the size, the version, the token, the app, a block. */
export function refusal(request: Seen, options: MetaOptions): Answer | undefined {
  return unwell(options) ?? unreadable(request, options) ?? unauthorised(request, options) ?? blocked(options)
}

function unwell({ health, outage, now }: MetaOptions): Answer | undefined {
  if (outage !== undefined && now() < outage.until)
    return failed(outage.code, `(#${outage.code}) Something went wrong.`, { passes: outage.passes })
  if (health === undefined) return undefined
  switch (health) {
    case 'failing':
      return failed(1, 'An unknown error occurred', { status: 500 })
    case 'unavailable':
      return failed(2, 'Service temporarily unavailable', { status: 503 })
    case 'unknown':
      return failed(5000, 'Unknown error code', { status: 500 })
    case 'gateway':
      return { status: 502, body: '<html><title>502 Bad Gateway</title></html>' }
  }
}

function unreadable(request: Seen, { mostBytes = 25 * 1024 * 1024, oldestVersion = 24 }: MetaOptions) {
  if (Buffer.byteLength(request.body) > mostBytes)
    return { status: 413, body: '<html><title>413 Payload Too Large</title></html>' }
  const version = Number(/^\/v(\d+)\./.exec(request.path)?.[1])
  if (version >= oldestVersion) return undefined
  const message = `(#2635) You are calling a deprecated version of the Ads API. Please update to v${oldestVersion}.0.`
  return failed(2635, message)
}

function unauthorised(request: Seen, options: MetaOptions): Answer | undefined {
  const { token, appSecret, permissions, now, tokenExpires, passwordChanged } = options
  if (request.headers.authorization !== `Bearer ${token}`)
    return failed(190, 'Invalid OAuth access token - Cannot parse access token', { status: 401 })
  if (tokenExpires !== undefined && now() >= tokenExpires)
    return failed(190, 'Error validating access token: Session has expired.', { subcode: 463, status: 401 })
  if (passwordChanged)
    return failed(190, 'Error validating access token: The user changed their password.', { subcode: 460, status: 401 })
  const proof = appSecret === undefined ? undefined : createHmac('sha256', appSecret).update(token).digest('hex')
  if (proof !== undefined && request.query.get('appsecret_proof') !== proof)
    return failed(100, 'Invalid appsecret_proof provided in the API argument', { type: 'GraphMethodException' })
  if (permissions !== undefined && !permissions.includes('ads_management'))
    return failed(200, '(#200) Requires ads_management permission', { status: 403 })
  return unfit(options)
}

function unfit({ app }: MetaOptions): Answer | undefined {
  if (app === undefined) return undefined
  switch (app) {
    case 'incapable':
      return failed(3, '(#3) Application does not have the capability to make this API call.')
    case 'not-permitted':
      return failed(10, '(#10) Application does not have permission for this action', { status: 403 })
    case 'not-listed':
      return failed(294, '(#294) Managing advertisements requires an app that is in our allow list.')
  }
}

function blocked({ blockedUntil, now }: MetaOptions): Answer | undefined {
  if (blockedUntil === undefined || now() >= blockedUntil) return undefined
  return failed(368, 'The action attempted has been deemed abusive or is otherwise disallowed')
}

const OVER = new Map([
  [4, '(#4) Application request limit reached'],
  [17, '(#17) User request limit reached'],
  [341, '(#341) Application limit reached'],
  [613, '(#613) Calls to this api have exceeded the rate limit.'],
  [80_004, '(#80004) There have been too many calls to this ad-account. Wait a bit and try again.'],
])

/** The first quota of which nothing is left after so many calls in an hour. */
export function usedUp(calls: number, { callsPerHour = 190_000, quotas }: MetaOptions): Answer | undefined {
  if (calls >= callsPerHour) {
    const message = '(#80003) There have been too many calls to this ad-account. Wait a bit and try again.'
    return failed(80_003, message, { subcode: 2_446_079 })
  }
  for (const [code, most] of quotas ?? []) if (calls >= most) return failed(code, OVER.get(code) ?? '')
  return undefined
}
