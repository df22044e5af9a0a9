import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Ms } from '../connector.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { Rows } from '../sandbox/store.ts'
import type { Account, Auth } from './options.ts'

/** Tokens that were given out; no part of what a receiver holds. */
export const TOKENS = 'tokens'

const TOKEN_LIVES: Ms = 60 * 60_000

/** Gives out tokens for client credentials; undefined where the request asks for none. */
export function tokenFor(request: Seen, rows: Rows, auth: Auth | undefined, now: Ms): Answer | undefined {
  if (auth?.type !== 'oauth' || request.method !== 'POST' || request.path !== pathOf(auth.token_url)) return undefined
  const form = new URLSearchParams(request.body)
  const shown = request.headers.authorization?.replace(/^Basic /, '') ?? ''
  const [name = '', password = ''] = Buffer.from(shown, 'base64').toString('utf8').split(':').map(decodeURIComponent)
  const id = form.get('client_id') ?? name
  const isRight = id === auth.client_id && (form.get('client_secret') ?? password) === auth.client_secret
  if (!isRight || form.get('grant_type') !== 'client_credentials')
    return { status: 401, body: { error: 'invalid_client' } }
  const access_token = `access-${rows.size(TOKENS) + 1}`
  rows.put(TOKENS, access_token, { until: now + TOKEN_LIVES })
  return { status: 200, body: { access_token, token_type: 'Bearer', expires_in: TOKEN_LIVES / 1000 } }
}

/** Does the request carry the credentials of the account? */
export function isAuthorised(request: Seen, rows: Rows, auth: Auth | undefined, now: Ms): boolean {
  const shown = request.headers.authorization ?? ''
  switch (auth?.type) {
    case undefined:
      return true
    case 'basic':
      return shown === `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`
    case 'bearer':
      return shown === `Bearer ${auth.token}`
    case 'api_key': {
      const found = auth.in === 'header' ? request.headers[auth.name.toLowerCase()] : request.query.get(auth.name)
      return found === auth.value
    }
    case 'oauth':
      return Number(rows.get(TOKENS, shown.replace(/^Bearer /, ''))?.until ?? 0) > now
  }
}

/** Is it signed as the account signs? */
export function isSigned(request: Seen, secret: string, signature: Account['signature']): boolean {
  const form = signature?.form ?? 't={{time}},v1={{signature}}'
  const header = request.headers[(signature?.header ?? 'X-Signature').toLowerCase()] ?? ''
  const { time = '', hash = '' } = patternOf(form).exec(header)?.groups ?? {}
  const signs = signature?.signs ?? '{{time}}.{{body}}'
  // A request is known here by its decoded path: how it was written cannot be told.
  if (/\{\{\s*path\b/.test(signs)) return hash !== ''
  const values: Record<string, string> = { time, body: request.body, method: request.method }
  const text = signs.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => values[name] ?? '')
  const right = createHmac(signature?.algorithm ?? 'sha256', secret)
    .update(text)
    .digest()
  const shown = Buffer.from(hash, signature?.encoding ?? 'hex')
  return shown.length === right.length && timingSafeEqual(shown, right)
}

/** A header's form as a pattern that finds time and signature in it. */
function patternOf(form: string): RegExp {
  const parts = form.split(/(\{\{\s*\w+\s*\}\})/).map((part) => {
    if (/^\{\{\s*time\s*\}\}$/.test(part)) return '(?<time>\\d+)'
    if (/^\{\{\s*signature\s*\}\}$/.test(part)) return '(?<hash>[\\w+/=-]+)'
    return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('')}$`)
}

function pathOf(url: string): string {
  return URL.canParse(url) ? new URL(url).pathname : url
}
