import { ask, cleaned, failureOf, textOf, tryJson } from '../answer.ts'
import {
  DestinationError,
  type HttpRequest,
  type HttpResponse,
  type Io,
  type Json,
  type Ms,
  type PaceHint,
} from '../connector.ts'
import { keepTokens, type Token, withToken } from '../token.ts'
import { type Account, homeOf, secretsOf } from './account.ts'
import { fateOf } from './errors.ts'
import { logIn } from './login.ts'
import { type JobMemory, openMemory } from './memory.ts'

/** A Salesforce org that one app has logged in to. */
export interface Org {
  /**
   * Sends to `/services/data/v<version><path>`; logs in before the first request and once more after a 401. A body that
   * is no text is sent as JSON.
   */
  request(method: HttpRequest['method'], path: string, body?: Json | Text, headers?: Headers): Promise<HttpResponse>
  /** The answer if it is a 2xx; throws what it means otherwise. */
  checked(response: HttpResponse): HttpResponse
  /** The path of `nextRecordsUrl` as `request` takes it; undefined for ''. */
  relative(nextRecordsUrl: string): string | undefined
  /** What no message may show. Grows with every token. */
  readonly secrets: readonly string[]
  readonly jobs: JobMemory
}

/** A body that is no JSON. */
export interface Text {
  readonly type: string
  readonly text: string
}

type Headers = Readonly<Record<string, string>>

/** Opens an org. An expired session is a 401, after which a new token is asked for. */
export function openOrg(account: Account, io: Io): Org {
  const secrets = [...secretsOf(account)]
  const root = `/services/data/v${account.api_version}`
  const tokens = keepTokens(async () => {
    const token = await logIn(account, io, secrets)
    secrets.push(token.value)
    return token
  }, io.now)
  return {
    secrets,
    jobs: openMemory(),
    request: (method, path, body, headers) =>
      withToken(tokens, async (token) => send(account, io, token, { method, path: `${root}${path}`, body, headers })),
    checked: (response) => {
      if (response.status >= 200 && response.status < 300) return response
      throw failure(response, secrets, io)
    },
    relative: (url) => (url === '' ? undefined : url.replace(root, '')),
  }
}

/** Data goes to the address that the login names, if that is the vendor's: an answer must not lead us elsewhere. */
function instanceOf(answered: string, home: string): string {
  if (!URL.canParse(answered)) return home
  const url = new URL(answered)
  const vendors = url.protocol === 'https:' && /\.(salesforce\.com|force\.com|salesforce\.mil)$/.test(url.hostname)
  if (url.origin === home || vendors) return url.origin
  throw new DestinationError('config', 'foreign_host', `Salesforce's login names another host, "${url.host}".`)
}

interface Sent {
  readonly method: HttpRequest['method']
  readonly path: string
  readonly body: Json | Text | undefined
  readonly headers: Headers | undefined
}

async function send(account: Account, io: Io, token: Token, request: Sent): Promise<HttpResponse> {
  const instance = instanceOf(textOf(token.answer, 'instance_url'), homeOf(account))
  const { type, text } = written(request.body)
  return ask(io, {
    method: request.method,
    url: `${instance}${request.path}`,
    headers: { ...request.headers, authorization: `Bearer ${token.value}`, 'content-type': type },
    timeout: TIMEOUT,
    ...(text !== undefined && { body: text }),
  })
}

/** The vendor works on a request for up to ten minutes; two are what a full call of slow triggers takes. */
const TIMEOUT: Ms = 120_000

function written(body: Json | Text | undefined): { readonly type: string; readonly text: string | undefined } {
  if (body === undefined) return { type: 'application/json', text: undefined }
  if (isText(body)) return body
  return { type: 'application/json', text: JSON.stringify(body) }
}

function isText(body: Json | Text): body is Text {
  return textOf(body as Json, 'type') === CSV
}

/** The type of what a bulk job takes. */
export const CSV = 'text/csv; charset=UTF-8'

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
  // No redirect: the addresses of all records that have the external id of one that was to be written.
  if (response.status === 300)
    return new DestinationError('batch', 'DUPLICATE_EXTERNAL_ID', 'More than one record has the external id.')
  const list = tryJson(response.body)
  const first = Array.isArray(list) ? (list[0] as Json | undefined) : undefined
  const code = textOf(first, 'errorCode')
  const message = textOf(first, 'message')
  const said = cleaned([code, message].filter(Boolean).join(': '), secrets)
  switch (fateOf(code, message)) {
    case 'quota':
      return new DestinationError(
        'throttle',
        code,
        said,
        isConcurrency(message) ? {} : { after: Number.POSITIVE_INFINITY },
      )
    case 'config':
      return new DestinationError('config', code, said)
    case 'passing':
      return new DestinationError('transient', code, said, { applied: 'maybe' })
    case 'row': {
      const known = failureOf(response, said, io.now())
      // A batch of one row is refused by this code.
      return known.kind === 'batch' && code !== '' ? new DestinationError('batch', code, said) : known
    }
  }
}

/**
 * One code for two limits, and only its text tells them apart: the calls of 24 hours, of which nobody knows when there
 * will be more, and requests that take long at the same time (`ConcurrentPerOrgLongTxn Limit exceeded`), which pass.
 */
function isConcurrency(message: string): boolean {
  return /concurrent/i.test(message)
}
