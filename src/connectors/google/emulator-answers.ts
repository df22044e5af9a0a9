import type { Json, Ms } from '../connector.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { Rows } from '../sandbox/store.ts'
import type { Credentials } from './auth.ts'

export interface GoogleOptions {
  readonly credentials: Credentials
  readonly operatingAccount: string
  readonly loginAccount?: string | undefined
  /** Default GOOGLE_ADS. */
  readonly accountType?: string
  /** Lists that are there from the start, by id. */
  readonly lists: ReadonlyMap<string, GoogleList>
  /** Names of lists of other kinds, which are not to be seen here. */
  readonly otherNames?: ReadonlySet<string>
  /** May the login use the account? */
  readonly permitted?: boolean
  /** No token is taken, though some are given. */
  readonly revoked?: true
  /** Has the login's project the API? */
  readonly apiEnabled?: boolean
  /** What keeps the account from customer lists. */
  readonly standing?: 'not-allowlisted' | 'no-uploads' | 'undeclared'
  /** The reason of a rule that is newer than its documentation, by which no request is taken. */
  readonly newRule?: string
  readonly termsSigned?: boolean
  readonly health?: 'failing' | 'unavailable' | 'slow'
  /** How long a request is processed; default 0. */
  readonly processing?: Ms
  readonly troubles?: Troubles
  /** Who lives in the European Economic Area, by hash of the address: without consent they are dropped. Default nobody. */
  readonly europeans?: 'everybody' | ReadonlySet<string>
  /** Of writes, of reads of a status, and of questions about lists, each. */
  readonly perMinute?: number
  readonly perDay?: number
  /** The largest body; default 10 MiB. */
  readonly mostBytes?: number
  readonly now: () => Ms
}

/** How processing goes wrong; asked whenever a request is due. */
export interface Troubles {
  /** No request ends. */
  stalls?(): boolean
  /** A request that came later ends earlier: by a minute for each that still waits. */
  readonly outOfOrder?: true
  /** How many members of each request get lost. */
  loses?(): number
  /** Why requests fail as a whole. */
  fails?(): string | undefined
  /** People whom Google fails to process, by hash of the address. */
  readonly stumblesOver?: ReadonlySet<string>
  /** For which reason; default INTERNAL_ERROR. */
  readonly stumblesFor?: string
  /** The reason of a warning about a field of each request that is taken. */
  readonly warnsAtOnceOf?: string
  /** Reasons of warnings. */
  readonly warnsOf?: string
}

export interface GoogleList {
  readonly name?: string
  readonly keyType?: string
  readonly status?: 'OPEN' | 'CLOSED'
  readonly readOnly?: boolean
}

export interface Call {
  readonly request: Seen
  readonly rows: Rows
  readonly options: GoogleOptions
  readonly body: Json
}

/** A request that is refused as a whole, with the members that are to blame. */
export class RequestError extends Error {
  readonly reason: string
  readonly violations: readonly Json[]
  constructor(reason: string, message: string, violations: readonly Json[] = []) {
    super(message)
    this.reason = reason
    this.violations = violations
  }
}

export const INFO = 'type.googleapis.com/google.rpc.ErrorInfo'

/** An error as Google's APIs word it. */
export function refused(status: number, name: string, message: string, details: readonly Json[] = []): Answer {
  return { status, body: { error: { code: status, status: name, message, details } } }
}

export function denied(): RequestError {
  return new RequestError('PERMISSION_DENIED', 'The caller does not have permission')
}

/** The answer that a refused request gets. */
export function refusalOf({ reason, message, violations }: RequestError): Answer {
  const bad = { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: violations }
  const info = { '@type': INFO, reason, domain: 'datamanager.googleapis.com' }
  const status = reason === 'PERMISSION_DENIED' ? 403 : 400
  const name = status === 403 ? 'PERMISSION_DENIED' : 'INVALID_ARGUMENT'
  return refused(status, name, message, violations.length > 0 ? [info, bad] : [info])
}
