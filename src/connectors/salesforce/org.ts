import { ask, cleaned, failureOf, jsonOf, textOf, tryJson } from '../answer.ts'
import {
  DestinationError,
  type HttpRequest,
  type HttpResponse,
  type Io,
  type Json,
  type PaceHint,
} from '../connector.ts'

export interface OrgAccount {
  readonly domain?: string | undefined
  readonly instance_url?: string | undefined
  readonly client_id: string
  readonly client_secret: string
  readonly api_version: string
}

/** A Salesforce org that one app has logged in to. */
export interface Org {
  /** Sends to `/services/data/v<version><path>`; logs in before the first request and once more after a 401. */
  request(method: HttpRequest['method'], path: string, body?: Json): Promise<HttpResponse>
  /** The answer if it is a 2xx; throws what it means otherwise. */
  checked(response: HttpResponse): HttpResponse
  /** The path of `nextRecordsUrl` as `request` takes it; undefined for ''. */
  relative(nextRecordsUrl: string): string | undefined
  /** What no message may show. Grows with every token. */
  readonly secrets: readonly string[]
}

interface Session {
  readonly token: string
  readonly instance: string
}

// https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_client_credentials_flow.htm: the flow works on
// the My Domain host only and gives no refresh token; an expired session is a 401, after which a new token is minted.

export function openOrg(account: OrgAccount, io: Io): Org {
  const secrets = [account.client_secret]
  const root = `/services/data/v${account.api_version}`
  let session: Promise<Session> | undefined
  const login = () => {
    const attempt = logIn(account, io, secrets).then((one) => {
      secrets.push(one.token)
      return one
    }, notApplied)
    session = attempt
    // A failed login is not remembered: the next request tries again.
    attempt.catch(() => {
      if (session === attempt) session = undefined
    })
    return attempt
  }
  return {
    secrets,
    request: async (method, path, body) => {
      const before = await (session ?? login())
      const first = await send(io, before, { method, path: `${root}${path}`, body })
      if (first.status !== 401) return first
      // Requests that failed together share one new login.
      const renewed = (await session) === before ? await login() : await (session ?? login())
      return send(io, renewed, { method, path: `${root}${path}`, body })
    },
    checked: (response) => {
      if (response.status >= 200 && response.status < 300) return response
      throw failure(response, secrets, io)
    },
    relative: (url) => (url === '' ? undefined : url.replace(root, '')),
  }
}

async function logIn(account: OrgAccount, io: Io, secrets: readonly string[]): Promise<Session> {
  const home = homeOf(account)
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: account.client_id,
    client_secret: account.client_secret,
  })
  const response = await ask(io, {
    method: 'POST',
    url: `${home}/services/oauth2/token`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  })
  if ([400, 401, 403].includes(response.status)) {
    const answer = tryJson(response.body)
    const said = [`${response.status}`, textOf(answer, 'error'), textOf(answer, 'error_description')]
    const shown = cleaned(said.filter(Boolean).join(': '), secrets)
    throw new DestinationError('auth', 'no_login', `Salesforce refused the login: ${shown}`)
  }
  if (response.status !== 200) throw failureOf(response, '', io.now())
  const answer = jsonOf(response)
  const token = textOf(answer, 'access_token')
  if (token === '') throw new DestinationError('auth', 'no_login', 'Salesforce answered the login without a token.')
  return { token, instance: instanceOf(textOf(answer, 'instance_url'), home) }
}

/** Whatever went wrong with a login, no row was changed by it. */
function notApplied(error: unknown): never {
  if (!(error instanceof DestinationError)) throw error
  const { kind, code, message, after, cause } = error
  throw new DestinationError(kind, code, message, { applied: 'no', cause, ...(after !== undefined && { after }) })
}

/** The origin of the org, as the account declares it. Throws DestinationError `config`. */
export function homeOf(account: Pick<OrgAccount, 'domain' | 'instance_url'>): string {
  const said = account.instance_url ?? account.domain ?? ''
  const host = said.includes('.') ? said : `${said}.my.salesforce.com`
  const url = /^https?:\/\//.test(said) ? said : `https://${host}`
  if (URL.canParse(url)) return new URL(url).origin
  throw new DestinationError('config', 'bad_url', 'Neither "domain" nor "instance_url" names the address of an org.')
}

/** Data goes to the address that the login names, if that is the vendor's: an answer must not lead us elsewhere. */
function instanceOf(answered: string, home: string): string {
  if (!URL.canParse(answered)) return home
  const url = new URL(answered)
  const vendors = url.protocol === 'https:' && /\.(salesforce\.com|force\.com|salesforce\.mil)$/.test(url.hostname)
  if (url.origin === home || vendors) return url.origin
  throw new DestinationError('config', 'foreign_host', `Salesforce's login names another host, "${url.host}".`)
}

async function send(
  io: Io,
  session: Session,
  request: { readonly method: HttpRequest['method']; readonly path: string; readonly body: Json | undefined },
): Promise<HttpResponse> {
  return ask(io, {
    method: request.method,
    url: `${session.instance}${request.path}`,
    headers: { authorization: `Bearer ${session.token}`, 'content-type': 'application/json' },
    ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
  })
}

/**
 * Every answer of the REST API counts the org's calls of the last 24 hours, whoever made them:
 * `Sforce-Limit-Info: api-usage=18/5000`
 * (https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm). The hours roll, so
 * nobody knows when there will be more.
 */
export function quotaHint(response: HttpResponse, most: number): PaceHint | undefined {
  const said = /(?:^|[\s,;])api-usage=(\d+)\/(\d+)/.exec(response.headers['sforce-limit-info'] ?? '')
  const [used, all] = [Number(said?.[1]), Number(said?.[2])]
  if (!(all > 0) || used < most * all) return undefined
  const share = Math.round(most * 100)
  const why = `The org has used ${used} of its ${all} API calls of 24 hours, and ${share} % is the most that we may use.`
  return { kind: 'stop', why }
}

/** Errors come as a list of `{ errorCode, message }`. */
function failure(response: HttpResponse, secrets: readonly string[], io: Io): DestinationError {
  const list = tryJson(response.body)
  const first = Array.isArray(list) ? (list[0] as Json | undefined) : undefined
  const code = textOf(first, 'errorCode')
  const said = cleaned([code, textOf(first, 'message')].filter(Boolean).join(': '), secrets)
  // A 403 by status, yet a quota: the org's calls of the last 24 hours are used up.
  if (code === 'REQUEST_LIMIT_EXCEEDED')
    return new DestinationError('throttle', code, said, { after: Number.POSITIVE_INFINITY })
  if (code === 'API_DISABLED_FOR_ORG') return new DestinationError('config', code, said)
  return failureOf(response, said, io.now())
}
