import { createHash, createSign, generateKeyPairSync } from 'node:crypto'
import { textOf, tryJson } from '../answer.ts'
import { DestinationError, type Io, isStandIn } from '../connector.ts'
import { grantToken, keepTokens, type Tokens } from '../token.ts'

export interface Credentials {
  readonly service_account?: string | undefined
  readonly client_id?: string | undefined
  readonly client_secret?: string | undefined
  readonly refresh_token?: string | undefined
}

/** The only place where tokens are asked for, whatever a key file says: a key must not lead us elsewhere. */
export const TOKEN_URL = 'https://oauth2.googleapis.com/token'
const SCOPE = 'https://www.googleapis.com/auth/datamanager'
const HOUR = 3_600

/** Tokens of a service account, or of a user who has granted access once. `secrets` grows with what they are made of. */
export function googleTokens(account: Credentials, io: Io, secrets: string[]): Tokens {
  const { client_id = '', client_secret = '', refresh_token = '' } = account
  secrets.push(...[client_secret, refresh_token].filter(Boolean))
  let key: Key | undefined
  const form = () => {
    if (account.service_account === undefined)
      return { grant_type: 'refresh_token', client_id, client_secret, refresh_token }
    key ??= keyOf(account.service_account)
    secrets.push(key.pem)
    return { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: assertionOf(key, io.now()) }
  }
  return keepTokens(async () => {
    const token = await grantToken(io, { url: TOKEN_URL, form: form(), issuer: 'Google', secrets })
    secrets.push(token.value)
    return token
  }, io.now)
}

interface Key {
  readonly email: string
  readonly id: string
  readonly pem: string
}

/** The key of a service account as the Cloud console writes it. Throws DestinationError `config`. */
export function keyOf(text: string): Key {
  if (isStandIn(text)) return throwAway()
  const file = tryJson(text)
  const key = {
    email: textOf(file, 'client_email'),
    id: textOf(file, 'private_key_id'),
    pem: textOf(file, 'private_key'),
  }
  if (key.email !== '' && key.pem !== '') return key
  const message = '"service_account" is not the JSON key of a service account, with "client_email" and "private_key".'
  throw new DestinationError('config', 'bad_key', message)
}

/** The sandbox runs without credentials, and what stands in for Google believes any signature then. */
function throwAway(): Key {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { email: 'nobody@sandbox.invalid', id: 'none', pem }
}

/** https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests: valid for an hour. */
function assertionOf({ email, id, pem }: Key, now: number): string {
  const seconds = Math.floor(now / 1_000)
  const claims = { iss: email, scope: SCOPE, aud: TOKEN_URL, iat: seconds, exp: seconds + HOUR }
  const signed = [{ alg: 'RS256', typ: 'JWT', kid: id }, claims].map((part) => base64(JSON.stringify(part))).join('.')
  try {
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(pem, 'base64url')}`
  } catch {
    throw new DestinationError('config', 'bad_key', 'The private key of the service account cannot be read.')
  }
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url')
}

/** Whose account it is, without saying it: equal for equal credentials. */
export function credentialOf({ service_account, client_id, refresh_token }: Credentials): string {
  return createHash('sha256')
    .update(JSON.stringify([service_account, client_id, refresh_token]))
    .digest('hex')
}
