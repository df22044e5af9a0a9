import type { Json, Ms } from '../connector.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { Rows } from '../sandbox/store.ts'

export interface MetaOptions {
  readonly token: string
  readonly appSecret?: string | undefined
  /** Digits of the ad account. */
  readonly account: string
  /** Audiences that are there from the start, by id. */
  readonly audiences: ReadonlyMap<string, MetaAudience>
  /** `account_status`: 1 active, 2 disabled, 3 unsettled, 101 closed. */
  readonly accountStatus?: number
  /** Does the ad account belong to a business portfolio? */
  readonly inPortfolio?: boolean
  readonly termsAccepted?: boolean
  /** Permissions of the token; default ads_management. */
  readonly permissions?: readonly string[]
  /** What keeps the app from the Marketing API. */
  readonly app?: 'not-listed' | 'incapable' | 'not-permitted'
  readonly tokenExpires?: Ms
  /** The user of the token has changed the password. */
  readonly passwordChanged?: true
  /** The user is blocked for what looked like abuse, until then. */
  readonly blockedUntil?: Ms
  /** Gateway: what stands before the API is reached, and the API is not. */
  readonly health?: 'failing' | 'unavailable' | 'unknown' | 'gateway'
  /** A trouble with a code of its own, until a time; Meta may say that it passes. */
  readonly outage?: { readonly code: number; readonly passes: boolean; readonly until: Ms }
  /** Calls to audiences in a rolling hour; default 190,000. */
  readonly callsPerHour?: number
  /** Calls in a rolling hour by the code of what counts them: 4 the app, 17 the user, 341, 613, 80004 the account. */
  readonly quotas?: ReadonlyMap<number, number>
  /** The oldest version of the API that is still served; default 24. */
  readonly oldestVersion?: number
  /** The largest body; default 25 MiB. */
  readonly mostBytes?: number
  /** Default 500. */
  readonly mostAudiences?: number
  /** How many of the users of a request get lost on the way; default none. */
  readonly loses?: () => number
  /** Does a replacement end before all of it is in force? */
  readonly breaksOff?: () => boolean
  /** Cells of people whom Meta does not know: its rough number of invalid entries counts them, too. */
  readonly strangers?: ReadonlySet<string>
  readonly now: () => Ms
}

export interface MetaAudience {
  readonly name: string
  readonly subtype?: string
  /** `operation_status.code`; default 200 = normal, or 300 while it is updated; 411 few matches, 471 flagged. */
  readonly status?: number
  readonly shared?: false
  readonly deleted?: true
  /** Another update is under way. */
  readonly updating?: true
  /** Ads run on it: nobody is taken out where fewer than 100 would be left. */
  readonly inUse?: true
  readonly valueBased?: boolean
  /** People who are there besides those who were sent; for audiences too large to be sent. */
  readonly others?: number
}

export interface Call {
  readonly request: Seen
  readonly rows: Rows
  readonly options: MetaOptions
  readonly body: Json
}

interface Words {
  readonly subcode?: number
  readonly type?: string
  readonly title?: string
  readonly text?: string
  readonly status?: number
  /** Does Meta say that it passes? Default: of the codes of which it is known to. */
  readonly passes?: boolean
}

/** An error as the Graph API words it; most have the status 400, whatever they mean. */
export function failed(code: number, message: string, words: Words = {}): Answer {
  const { subcode, type = 'OAuthException', title, text, status = 400, passes = PASSING.has(code) } = words
  const more = {
    ...(subcode !== undefined && { error_subcode: subcode }),
    ...(title !== undefined && { error_user_title: title }),
    ...(text !== undefined && { error_user_msg: text }),
  }
  return { status, body: { error: { message, type, code, ...more, is_transient: passes, fbtrace_id: 'A0' } } }
}

const PASSING = new Set([2, 80_003])

export function missing(node: string): Answer {
  const message = `Unsupported request. Object with ID '${node}' does not exist, cannot be loaded due to missing permissions`
  return failed(100, message, { subcode: 33, type: 'GraphMethodException' })
}

export function unknownPath(): Answer {
  return failed(2500, 'Unknown path components')
}

export function noTerms(): Answer {
  const text = 'To create or edit an audience with uploaded customer data, please agree to the terms.'
  const title = 'Terms of service not accepted'
  return failed(200, 'Permissions error', { subcode: 1_870_090, title, text, status: 403 })
}
