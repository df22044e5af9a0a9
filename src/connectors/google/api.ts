import { ask, cleaned, failureOf, jsonOf, listOf, member, textOf, tryJson } from '../answer.ts'
import { DestinationError, type HttpRequest, type HttpResponse, type Io, type Json, type Ms } from '../connector.ts'
import { waitSaid } from '../rate.ts'
import { withToken } from '../token.ts'
import { type Credentials, googleTokens } from './auth.ts'

export interface ApiAccount extends Credentials {
  readonly account_type: string
  readonly operating_account: string
  readonly login_account?: string | undefined
  readonly quota_project?: string | undefined
}

/** The Data Manager API with one login. */
export interface Api {
  /** The JSON of a 2xx, and by the vendor's clock when it was given; throws what any other answer means. */
  request(method: HttpRequest['method'], path: string, body?: Json): Promise<{ readonly json: Json; readonly at: Ms }>
}

const ROOT = 'https://datamanager.googleapis.com/v1'
const TIMEOUT: Ms = 120_000

export function openApi(account: ApiAccount, io: Io): Api {
  const secrets: string[] = []
  const tokens = googleTokens(account, io, secrets)
  const { quota_project } = account
  const more = quota_project === undefined ? {} : { 'x-goog-user-project': quota_project }
  return {
    request: async (method, path, body) => {
      // Lists are asked for, and made, as whom; what is sent to them says it itself.
      const whom = path.startsWith('/accountTypes/') ? loginHeader(account) : {}
      const response = await withToken(tokens, (token) =>
        ask(io, {
          method,
          url: `${ROOT}${path}`,
          headers: { authorization: `Bearer ${token.value}`, 'content-type': 'application/json', ...more, ...whom },
          timeout: TIMEOUT,
          ...(body !== undefined && { body: JSON.stringify(body) }),
        }),
      )
      if (response.status < 200 || response.status >= 300) throw apiFailure(response, secrets, io.now())
      const said = Date.parse(response.headers.date ?? '')
      return { json: jsonOf(response), at: Number.isNaN(said) ? io.now() : said }
    },
  }
}

function loginHeader({ account_type, login_account }: ApiAccount): Readonly<Record<string, string>> {
  return login_account === undefined
    ? {}
    : { 'login-account': `accountTypes/${account_type}/accounts/${digits(login_account)}` }
}

/** An account id as the API takes it: Google's pages write it with dashes. */
export function digits(id: string): string {
  return id.replaceAll('-', '')
}

/** A member of a request that Google refused, by its place in it. */
export interface Violation {
  readonly index: number
  readonly reason: string
}

/** Some members made Google refuse the whole request, and it names them: nothing was applied. */
export class Violations extends DestinationError {
  readonly list: readonly Violation[]
  constructor(code: string, message: string, list: readonly Violation[]) {
    super('batch', code, message)
    this.list = list
  }
}

/**
 * Reasons that speak of the account, the list or us, not of a member: no other member would fare better
 * (https://developers.google.com/data-manager/api/reference/rest/v1/ErrorReason).
 */
const CONFIG = new Set([
  'INVALID_DESTINATION',
  'INVALID_USER_LIST_ID',
  'INVALID_USER_LIST_TYPE',
  'TERMS_AND_CONDITIONS_NOT_SIGNED',
  'EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED',
  'ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA',
  'NOT_ALLOWLISTED',
  'REQUIRED_PREREQUISITE_LINK_MISSING',
  'DATA_PARTNER_USER_LIST_MUTATE_NOT_ALLOWED',
  'LINKED_ACCOUNT_ONLY_ALLOWED_WITH_DATA_PARTNER_LOGIN_ACCOUNT',
  'OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH',
  'MISMATCHED_ACCOUNT_TYPE',
  'OWNERSHIP_REQUIRED_FOR_UPDATE',
  'USER_LIST_MUTATION_NOT_SUPPORTED',
  'SENSITIVE_USER_LIST_IMMUTABLE',
  'DISPLAY_NAME_ALREADY_USED',
  'INVALID_DISPLAY_NAME',
  'USER_LIST_NAME_RESERVED',
  'MEMBERSHIP_DURATION_TOO_LONG',
  'USER_LIST_TYPE_NOT_SUPPORTED_FOR_ACCOUNT',
  'TOO_MANY_AUDIENCE_MEMBERS',
  'TOO_MANY_DESTINATIONS',
  'MULTIPLE_DATA_TYPES_NOT_ALLOWED',
  'DUPLICATE_DESTINATION_REFERENCE',
  'INVALID_REMOVE_AS_OF_TIME',
])

const FIXES: ReadonlyMap<string, string> = new Map([
  ['DISPLAY_NAME_ALREADY_USED', 'Another list of the account has the name, of a kind that is not to be seen here.'],
  ['EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED', 'Declare in Google Ads whether campaigns are political ads.'],
  ['SERVICE_DISABLED', 'Enable the Data Manager API in the Cloud project of the login.'],
  [
    'TERMS_AND_CONDITIONS_NOT_SIGNED',
    'Accept the Customer Match terms in Google Ads, and say so with "terms: accepted".',
  ],
  [
    'PERMISSION_DENIED',
    'The login needs standard or admin access to the account, and its project the Data Manager API.',
  ],
])

const MINUTE: Ms = 60_000

/** What an answer other than 2xx means (https://cloud.google.com/apis/design/errors). */
export function apiFailure(response: HttpResponse, secrets: readonly string[], now: Ms): DestinationError {
  const error = member(tryJson(response.body), 'error')
  const details = listOf(error, 'details')
  const info = details.find((one) => textOf(one, '@type').endsWith('ErrorInfo'))
  const found = details.flatMap((one) => listOf(one, 'fieldViolations'))
  const said = cleaned([textOf(error, 'message'), ...found.map(wordsOf)].filter(Boolean).join(' '), secrets)
  const plain = failureOf(response, said, now)
  if (response.status === 429 || textOf(error, 'status') === 'RESOURCE_EXHAUSTED') {
    const after = waitSaid(response, now) ?? retryDelay(details) ?? (isDaily(info) ? Number.POSITIVE_INFINITY : MINUTE)
    return new DestinationError('throttle', plain.code, plain.message, { after })
  }
  const reasons = [textOf(info, 'reason'), ...found.map((one) => textOf(one, 'reason')), textOf(error, 'status')]
  const fix = reasons.map((one) => FIXES.get(one)).find(Boolean)
  const message = [plain.message, fix].filter(Boolean).join(' ')
  const config = reasons.find((one) => CONFIG.has(one))
  if (config !== undefined) return new DestinationError('config', config, message)
  if (response.status !== 400) return new DestinationError(plain.kind, plain.code, message, kept(plain))
  const list = found.flatMap(violationOf)
  const code = reasons.find((one) => one !== '' && one !== 'INVALID_ARGUMENT') ?? 'INVALID_ARGUMENT'
  return found.length > 0 && list.length === found.length
    ? new Violations(code, message, list)
    : new DestinationError('batch', code, message)
}

function kept({ applied, after }: DestinationError) {
  return { applied, ...(after !== undefined && { after }) }
}

function wordsOf(violation: Json): string {
  return [textOf(violation, 'reason'), textOf(violation, 'field')].filter(Boolean).join(' at ')
}

/** `audience_members[3].user_data.user_identifiers[0].email_address`, also as JSON names it. */
function violationOf(violation: Json): readonly Violation[] {
  const [, index] = /^audience_?members\[(\d+)\]/i.exec(textOf(violation, 'field')) ?? []
  return index === undefined
    ? []
    : [{ index: Number(index), reason: textOf(violation, 'reason') || 'INVALID_ARGUMENT' }]
}

/** The quota of a day comes back at midnight in California; who would wait for it runs again tomorrow. */
function isDaily(info: Json | undefined): boolean {
  return /day/i.test(textOf(member(info, 'metadata'), 'quota_limit'))
}

function retryDelay(details: readonly Json[]): Ms | undefined {
  const said = details.map((one) => textOf(one, 'retryDelay')).find(Boolean) ?? ''
  const [, seconds] = /^(\d+(?:\.\d+)?)s$/.exec(said) ?? []
  return seconds === undefined ? undefined : Number(seconds) * 1_000
}
