import { type CdpError, failure } from '../error.ts'
import { StatementError } from './statement-error.ts'

/** The code of Snowflake, or of its driver, in an error: `002003`, `390100`, `401001`. */
export function codeOf(error: unknown): string | undefined {
  const told = error instanceof StatementError ? error.cause : error
  return told instanceof Error && 'code' in told && told.code !== undefined ? String(told.code) : undefined
}

/** Codes of an object that is not there, or that the role may not know of. */
export function isMissing(error: unknown): boolean {
  return ['002003', '002043'].includes(codeOf(error) ?? '')
}

/** A statement that was refused because too many others wait for the same table: it did nothing, and may be tried again. */
export function isCrowded(error: unknown): boolean {
  return codeOf(error) === '000625'
}

/** A statement that failed, with what whoever looks after the warehouse can do. */
export function statementFailure(name: string, text: string, cause: unknown): StatementError {
  return new StatementError(name, text, cause, FIXES.get(codeOf(cause) ?? ''))
}

/** A login that failed. */
export function loginFailure(where: string, fingerprint: string | undefined, cause: unknown): CdpError {
  const words = cause instanceof Error ? cause.message : String(cause)
  const code = codeOf(cause) ?? ''
  const key = `The public key of the user must be the one of this private key: \`desc user\` shows ${fingerprint} then.`
  const fix = code === '390144' && fingerprint !== undefined ? key : FIXES.get(code)
  return failure('warehouse', 'warehouse/connection', `${where} cannot be opened: ${words}`, fix, cause)
}

/** docs.snowflake.com/en/user-guide/gen-conn-config, community.snowflake.com (error codes) */
const FIXES: ReadonlyMap<string, string> = new Map([
  ['390100', 'Check user and password, and whether the user may log in with one.'],
  ['390144', 'Give the user the public key of this private key: `alter user … set rsa_public_key`.'],
  ['390101', 'The token is not valid any more: make a new one.'],
  ['390303', 'The OAuth token is not valid: make a new one.'],
  ['390189', 'Grant the role to the user: `grant role … to user …`; or name another in `role:`.'],
  ['390201', 'Check `warehouse:`, `database:` and the rights of the role on them.'],
  ['390420', 'A network policy keeps this machine out: whoever administers the account must let it in.'],
  ['390422', 'A network policy keeps this machine out: whoever administers the account must let it in.'],
  ['401001', 'Is the account identifier right, and does a proxy or a firewall stand between?'],
  ['002003', 'Is the name right, and may the role use it: `grant usage on schema`, `grant select on table`?'],
  ['003001', 'Grant the role the right that the statement needs: docs/warehouses.md lists them.'],
  ['000606', 'Name a warehouse in `warehouse:`, and grant the role `usage` on it.'],
  ['000608', 'The warehouse is suspended: `alter warehouse … resume`, or let it resume by itself.'],
  ['000625', 'Too many statements wait for one table: let fewer runs go at the same time.'],
  ['000630', 'The statement took longer than it may: raise `timeout:`, or choose a larger warehouse.'],
  [
    '090073',
    'Whoever administers the account must raise the quota of the resource monitor, or wait for its next period.',
  ],
])
