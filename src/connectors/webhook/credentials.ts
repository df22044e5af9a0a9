import { createHmac } from 'node:crypto'
import { ask } from '../answer.ts'
import type { HttpRequest, HttpResponse, Io } from '../connector.ts'
import { grantToken, keepTokens, withToken } from '../token.ts'
import type { Account, Auth } from './options.ts'

export type Outgoing = HttpRequest & { readonly headers: Readonly<Record<string, string>> }

/** Sends requests as the account: with its credentials, and signed. */
export interface Sender {
  send(request: Outgoing): Promise<HttpResponse>
  /** What no message may show. Grows with every token. */
  readonly secrets: readonly string[]
}

export function openSender(account: Account, io: Pick<Io, 'fetch' | 'now'>): Sender {
  const { auth } = account
  const secrets = secretsOf(account)
  const signedAsk = (request: Outgoing) => ask(io, signed(request, account, io.now()))
  if (auth?.type !== 'oauth')
    return { secrets, send: (request) => signedAsk(auth === undefined ? request : withCredential(request, auth)) }
  const tokens = keepTokens(async () => {
    const token = await logIn(auth, io, secrets)
    secrets.push(token.value)
    return token
  }, io.now)
  return {
    secrets,
    send: (request) => withToken(tokens, ({ value }) => signedAsk(withBearer(request, value))),
  }
}

type OAuth = Extract<Auth, { readonly type: 'oauth' }>

function logIn(auth: OAuth, io: Pick<Io, 'fetch' | 'now'>, secrets: readonly string[]) {
  const { client_id, client_secret, scope, audience } = auth
  const inBody = auth.credentials === 'body'
  return grantToken(io, {
    url: auth.token_url,
    form: {
      grant_type: 'client_credentials',
      ...(inBody && { client_id, client_secret }),
      ...(scope !== undefined && { scope }),
      ...(audience !== undefined && { audience }),
    },
    // RFC 6749, 2.3.1: both are form-encoded before they are joined.
    ...(!inBody && {
      headers: { authorization: basic(encodeURIComponent(client_id), encodeURIComponent(client_secret)) },
    }),
    issuer: 'The token address',
    secrets,
  })
}

function withCredential(request: Outgoing, auth: Exclude<Auth, OAuth>): Outgoing {
  switch (auth.type) {
    case 'basic':
      return withHeader(request, 'authorization', basic(auth.username, auth.password))
    case 'bearer':
      return withBearer(request, auth.token)
    case 'api_key': {
      if (auth.in === 'header') return withHeader(request, auth.name.toLowerCase(), auth.value)
      const url = new URL(request.url)
      url.searchParams.set(auth.name, auth.value)
      return { ...request, url: url.href }
    }
  }
}

function withBearer(request: Outgoing, token: string): Outgoing {
  return withHeader(request, 'authorization', `Bearer ${token}`)
}

function withHeader(request: Outgoing, name: string, value: string): Outgoing {
  return { ...request, headers: { ...request.headers, [name]: value } }
}

function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`, 'utf8').toString('base64')}`
}

/** Adds the HMAC where the account has a secret; unless told otherwise `X-Signature: t=<unix seconds>,v1=<hex>`. */
function signed(request: Outgoing, { secret, signature }: Account, now: number): Outgoing {
  if (secret === undefined) return request
  const { header, algorithm, encoding, signs, form } = signature ?? DEFAULT
  const { pathname, search } = new URL(request.url)
  const time = String(Math.floor(now / 1000))
  const text = filled(signs, { time, body: request.body ?? '', method: request.method, path: pathname + search })
  const hash = createHmac(algorithm, secret).update(text).digest(encoding)
  return withHeader(request, header.toLowerCase(), filled(form, { time, signature: hash }))
}

/** The form that Stripe made known (https://docs.stripe.com/webhooks#verify-manually). */
const DEFAULT = {
  header: 'X-Signature',
  algorithm: 'sha256',
  encoding: 'hex',
  signs: '{{time}}.{{body}}',
  form: 't={{time}},v1={{signature}}',
} as const

function filled(form: string, values: Readonly<Record<string, string>>): string {
  return form.replace(/\{\{\s*(\w+)\s*\}\}/g, (hole, name: string) => values[name] ?? hole)
}

/** Any header may be a credential. */
function secretsOf({ auth, secret, headers }: Account): string[] {
  const own = secret === undefined ? [] : [secret]
  return [...own, ...Object.values(headers ?? {}), ...(auth === undefined ? [] : secretsIn(auth))]
}

function secretsIn(auth: Auth): readonly string[] {
  switch (auth.type) {
    case 'basic':
      return [auth.password, basic(auth.username, auth.password).slice('Basic '.length)]
    case 'bearer':
      return [auth.token]
    case 'api_key':
      return [auth.value]
    case 'oauth':
      return [auth.client_secret]
  }
}
