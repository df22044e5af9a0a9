import { createPublicKey, verify } from 'node:crypto'
import { member, textOf, tryJson } from '../answer.ts'
import type { Json, Ms } from '../connector.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { SalesforceOptions } from './emulator-org.ts'
import { JWT_BEARER } from './login.ts'

const SESSION: Ms = 7_200_000

/** Gives a token to an app that may have one, and remembers until when it is good. */
export function login(request: Seen, options: SalesforceOptions, tokens: Map<string, Ms>, now: Ms): Answer {
  const form = new URLSearchParams(request.body)
  const wrong = refusal(form, options, now)
  if (wrong) return { status: 400, body: { error: wrong[0], error_description: wrong[1] } }
  const token = `00Dsandbox!token-${request.number}`
  tokens.set(token, now + (options.session ?? SESSION))
  const body = { access_token: token, instance_url: options.origin, token_type: 'Bearer', id: '', issued_at: '0' }
  return { status: 200, body }
}

type Refused = readonly [error: string, text: string]

function refusal(form: URLSearchParams, options: SalesforceOptions, now: Ms): Refused | undefined {
  switch (form.get('grant_type')) {
    case 'client_credentials':
      return options.clientSecret === '' ? ['invalid_grant', 'no client credentials user enabled'] : app(form, options)
    case 'password': {
      const { user } = options
      if (user === undefined) return ['unsupported_grant_type', 'grant type not supported']
      const fits = form.get('username') === user.username && form.get('password') === user.password
      return app(form, options) ?? (fits ? undefined : ['invalid_grant', 'authentication failure'])
    }
    case JWT_BEARER:
      return options.jwt ? assertion(form.get('assertion') ?? '', options, options.jwt, now) : UNSUPPORTED
    default:
      return UNSUPPORTED
  }
}

const UNSUPPORTED: Refused = ['unsupported_grant_type', 'grant type not supported']

function app(form: URLSearchParams, options: SalesforceOptions): Refused | undefined {
  if (form.get('client_id') !== options.clientId) return ['invalid_client_id', 'client identifier invalid']
  if (form.get('client_secret') !== options.clientSecret) return ['invalid_client', 'invalid client credentials']
  return undefined
}

const MINUTES_5: Ms = 300_000

function assertion(
  text: string,
  { clientId }: SalesforceOptions,
  jwt: NonNullable<SalesforceOptions['jwt']>,
  now: Ms,
): Refused | undefined {
  const [header = '', claims = '', signature = ''] = text.split('.')
  const said = partOf(claims)
  if (textOf(partOf(header), 'alg') !== 'RS256') return ['invalid_grant', 'algorithm not supported']
  if (textOf(said, 'iss') !== clientId) return ['invalid_client_id', 'client identifier invalid']
  if (textOf(said, 'aud') !== jwt.audience) return ['invalid_grant', 'audience is invalid']
  const end = Number(member(said, 'exp')) * 1000
  if (!(end > now && end <= now + MINUTES_5)) return ['invalid_grant', 'expired authorization code']
  if (textOf(said, 'sub') !== jwt.username) return ['invalid_grant', "user hasn't approved this consumer"]
  if (jwt.publicKey === undefined) return undefined
  const key = createPublicKey(jwt.publicKey)
  const isSigned = verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'))
  return isSigned ? undefined : ['invalid_grant', 'invalid assertion']
}

function partOf(text: string): Json | undefined {
  return tryJson(Buffer.from(text, 'base64url').toString('utf8'))
}
