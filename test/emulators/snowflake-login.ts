import { createHash, createVerify, type KeyObject } from 'node:crypto'
import type { Account, User } from './snowflake-account.ts'
import { SnowflakeError } from './snowflake-errors.ts'

/** What a driver sends to log in. */
export interface LoginRequest {
  readonly LOGIN_NAME?: string
  readonly ACCOUNT_NAME?: string
  readonly PASSWORD?: string
  readonly TOKEN?: string
  readonly AUTHENTICATOR?: string
}

/** Who logs in, and as what. Throws the service's own refusal. */
export function loggedIn(
  account: Account,
  given: LoginRequest,
  wanted: { readonly role: string | null; readonly warehouse: string | null },
): { readonly user: string; readonly role: string; readonly warehouse: string | undefined } {
  const name = (given.LOGIN_NAME ?? '').toUpperCase()
  const user = account.setup.users.get(name)
  prove(account, { name, user, given })
  const role = (wanted.role ?? user?.roles[0] ?? 'PUBLIC').toUpperCase()
  if (user === undefined || !user.roles.includes(role))
    throw new SnowflakeError(
      '390189',
      '08001',
      `Role '${role}' specified in the connect string is not granted to this user. Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC.`,
    )
  const warehouse = (wanted.warehouse ?? user.warehouse)?.toUpperCase()
  const isThere = warehouse !== undefined && account.setup.warehouses.has(warehouse)
  const usable = isThere && account.rights.mayUse(role, 'WAREHOUSE', warehouse)
  return { user: name, role, warehouse: usable ? warehouse : undefined }
}

interface Proof {
  readonly name: string
  readonly user: User | undefined
  readonly given: LoginRequest
}

function prove(account: Account, { name, user, given }: Proof): void {
  switch (given.AUTHENTICATOR?.toUpperCase()) {
    case 'SNOWFLAKE_JWT':
      if (user?.publicKey === undefined || !isSigned(given.TOKEN ?? '', account, name, user.publicKey))
        throw new SnowflakeError('390144', '08001', 'JWT token is invalid. [emulated on DuckDB]')
      return
    case 'OAUTH':
      if (!user?.tokens?.includes(given.TOKEN ?? ''))
        throw new SnowflakeError('390303', '08001', 'Invalid OAuth access token. [emulated on DuckDB]')
      return
    case 'PROGRAMMATIC_ACCESS_TOKEN':
      if (!user?.tokens?.includes(given.TOKEN ?? ''))
        throw new SnowflakeError('394400', '08001', 'Programmatic access token is invalid.')
      return
    default:
      if (user?.password === undefined || given.PASSWORD !== user.password)
        throw new SnowflakeError('390100', '08001', 'Incorrect username or password was specified.')
  }
}

/** Is the token signed with the private half of the user's key, for this user of this account? */
function isSigned(token: string, account: Account, user: string, key: KeyObject): boolean {
  const [head = '', body = '', signature = ''] = token.split('.')
  if (!createVerify('RSA-SHA256').update(`${head}.${body}`).verify(key, Buffer.from(signature, 'base64url')))
    return false
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as {
    iss: string
    sub: string
    exp: number
  }
  const subject = `${account.setup.account.toUpperCase()}.${user}`
  const print = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64')
  return claims.sub === subject && claims.iss === `${subject}.SHA256:${print}` && claims.exp > Date.now() / 1000
}
