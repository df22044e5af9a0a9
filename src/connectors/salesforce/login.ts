import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { DestinationError, type Io, isStandIn, type Ms } from '../connector.ts'
import { grantToken, type Token } from '../token.ts'
import { type Account, homeOf, type Login, loginOf } from './account.ts'

// - Client credentials work on the My Domain host only and give no refresh token
//   (https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_client_credentials_flow.htm).
// - JWT bearer: RS256; iss = client id, sub = user, aud = the login host, exp a few minutes ahead
//   (https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_jwt_flow.htm). No refresh token either.
// - Password: the security token stands behind the password. Administrators can block it, new orgs do.

/** Logs in, in the one way that the account names. A refusal is DestinationError `auth`. */
export function logIn(account: Account, io: Pick<Io, 'fetch' | 'now'>, secrets: readonly string[]): Promise<Token> {
  const login = loginOf(account)
  return grantToken(io, {
    url: `${homeOf(account)}/services/oauth2/token`,
    form: formOf(login, account, io.now()),
    issuer: 'Salesforce',
    secrets,
  })
}

function formOf(login: Login, account: Account, now: Ms): Readonly<Record<string, string>> {
  const { client_id } = account
  switch (login.kind) {
    case 'credentials':
      return { grant_type: 'client_credentials', client_id, client_secret: login.secret }
    case 'jwt':
      return { grant_type: JWT_BEARER, assertion: assertionOf(login, account, now) }
    case 'password':
      return {
        grant_type: 'password',
        client_id,
        client_secret: login.secret,
        username: login.username,
        password: login.password,
      }
  }
}

/** The grant type of RFC 7523. */
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** The vendor takes an assertion whose end is at most five minutes away. */
const LIFETIME: Ms = 180_000

function assertionOf(login: Extract<Login, { kind: 'jwt' }>, account: Account, now: Ms): string {
  const claims = {
    iss: account.client_id,
    sub: login.username,
    aud: audienceOf(account),
    exp: Math.floor((now + LIFETIME) / 1000),
  }
  const signed = `${base64url({ alg: 'RS256', typ: 'JWT' })}.${base64url(claims)}`
  // Without a key there is only the sandbox, which then has none to verify with.
  if (isStandIn(login.key)) return `${signed}.`
  return `${signed}.${sign('sha256', Buffer.from(signed), keyOf(login.key)).toString('base64url')}`
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Whom the assertion is for: the host at which people log in, another one for the vendor's sandboxes. */
export function audienceOf(account: Pick<Account, 'audience' | 'domain' | 'instance_url'>): string {
  if (account.audience !== undefined) return account.audience
  const isSandbox = /^[\w-]+--[\w-]+\./.test(new URL(homeOf(account)).hostname)
  return isSandbox ? 'https://test.salesforce.com' : 'https://login.salesforce.com'
}

/** A private key from its PEM text, in which `\n` may stand for the end of a line as variables have it. */
export function keyOf(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem.replaceAll('\\n', '\n'))
    if (key.asymmetricKeyType === 'rsa') return key
  } catch {
    // The reason could show a part of the key.
  }
  throw new DestinationError(
    'auth',
    'bad_private_key',
    'The option "private_key" is not an RSA private key in PEM form.',
  )
}
