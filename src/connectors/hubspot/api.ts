import { ask, cleaned, failureOf, listOf, member, textOf, tryJson } from '../answer.ts'
import {
  DestinationError,
  type HttpRequest,
  type HttpResponse,
  type Io,
  type Json,
  type Ms,
  type PaceHint,
} from '../connector.ts'
import { waitSaid } from '../rate.ts'
import { grantToken, keepTokens, withToken } from '../token.ts'
import { concernsAll, problemsOf } from './problems.ts'

export interface ApiAccount {
  readonly token?: string | undefined
  readonly client_id?: string | undefined
  readonly client_secret?: string | undefined
  readonly refresh_token?: string | undefined
}

/** HubSpot's API with one token. */
export interface Api {
  /** The answer, whatever its status. */
  request(method: HttpRequest['method'], path: string, body?: Json): Promise<HttpResponse>
  /** The answer if it is a 2xx; throws what it means otherwise. */
  checked(response: HttpResponse): HttpResponse
  /** What an answer other than 2xx means for the batch. */
  failure(response: HttpResponse): DestinationError
  cleaned(text: string): string
}

export const ORIGIN = 'https://api.hubapi.com'

/**
 * Opens the API. A private app's token never changes; OAuth tokens live 30 minutes and are asked for with the refresh
 * token (https://developers.hubspot.com/docs/api-reference/auth-oauth-v1/guide).
 */
export function openApi(account: ApiAccount, io: Pick<Io, 'fetch' | 'now'>): Api {
  const { token = '', client_id = '', client_secret = '', refresh_token = '' } = account
  const secrets = [token, client_secret, refresh_token]
  const tokens = keepTokens(async () => {
    const form = { grant_type: 'refresh_token', client_id, client_secret, refresh_token }
    const granted = await grantToken(io, { url: `${ORIGIN}/oauth/v1/token`, form, issuer: 'HubSpot', secrets })
    secrets.push(granted.value)
    return granted
  }, io.now)
  const isOk = ({ status }: HttpResponse) => status >= 200 && status < 300
  const failure = (response: HttpResponse) => failureIn(response, secrets, io.now())
  return {
    request: (method, path, body) => {
      const send = (value: string) =>
        ask(io, {
          method,
          url: `${ORIGIN}${path}`,
          headers: { authorization: `Bearer ${value}`, 'content-type': 'application/json' },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        })
      return token === '' ? withToken(tokens, ({ value }) => send(value)) : send(token)
    },
    checked: (response) => {
      if (isOk(response)) return response
      throw failure(response)
    },
    failure,
    cleaned: (text) => cleaned(text, secrets),
  }
}

/** The fewest milliseconds that a locked resource (423) is left alone. */
const LOCKED: Ms = 2_000

// https://developers.hubspot.com/docs/api-reference/error-handling
function failureIn(response: HttpResponse, secrets: readonly string[], now: Ms): DestinationError {
  const problem = tryJson(response.body)
  const category = textOf(problem, 'category')
  const text = [category, textOf(problem, 'message'), scopesIn(problem)].filter(Boolean).join(': ')
  const said = cleaned(text, secrets)
  const wait = waitSaid(response, now)
  switch (response.status) {
    case 423:
      return new DestinationError('transient', 'http_423', `Answered 423, locked: ${said}`, {
        after: Math.max(LOCKED, wait ?? 0),
      })
    case 429:
      return new DestinationError(
        'throttle',
        codeOf(problem),
        `Answered 429: ${said}`,
        afterOf(problem, response, wait),
      )
    case 477:
      // The account moves to another data centre, which takes hours.
      return new DestinationError('throttle', 'http_477', `Answered 477, the account is being moved: ${said}`, {
        after: wait ?? Number.POSITIVE_INFINITY,
      })
  }
  const known = failureOf(response, said, now)
  const wrong = problemsOf(problem)
  if (known.kind !== 'batch') return known
  if (wrong.some(concernsAll)) return new DestinationError('config', wrong.find(concernsAll)?.code ?? '', known.message)
  return category === '' ? known : new DestinationError('batch', wrong[0]?.code ?? category, known.message)
}

function codeOf(problem: Json | undefined): string {
  return textOf(problem, 'policyName') || 'http_429'
}

/** The quota of a day ends at midnight in the account's time zone, which no answer tells. */
function afterOf(problem: Json | undefined, response: HttpResponse, wait: Ms | undefined): { readonly after?: Ms } {
  switch (codeOf(problem)) {
    case 'DAILY':
      return { after: Number.POSITIVE_INFINITY }
    case 'SECONDLY':
      return { after: wait ?? 1_000 }
    case 'http_429':
      return wait === undefined ? {} : { after: wait }
    default:
      return { after: wait ?? intervalOf(response) }
  }
}

function scopesIn(problem: Json | undefined): string {
  const names = listOf(problem, 'errors').flatMap((one) => listOf(member(one, 'context'), 'requiredGranularScopes'))
  return names.length === 0 ? '' : `the app needs the scope ${names.join(', ')}`
}

/**
 * Every answer counts the calls of the last seconds, and for private apps those of the day, whoever made them
 * (https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines). `most` is the share of a day's
 * calls at which no more are sent.
 */
export function quotaHint(response: HttpResponse, most: number): PaceHint | undefined {
  const [all, left] = [counted(response, 'daily'), counted(response, 'daily-remaining')]
  if (all !== undefined && left !== undefined && all > 0 && all - left >= most * all) {
    const share = Math.round(most * 100)
    const why = `The account has used ${all - left} of its ${all} API calls of the day, and ${share} % is the most that we may use.`
    return { kind: 'stop', why }
  }
  return counted(response, 'remaining') === 0 ? { kind: 'pause', for: intervalOf(response) } : undefined
}

/** The length of the vendor's window, at most what is left of it. */
function intervalOf(response: HttpResponse): Ms {
  return counted(response, 'interval-milliseconds') ?? 10_000
}

function counted({ headers }: HttpResponse, name: string): number | undefined {
  const said = headers[`x-hubspot-ratelimit-${name}`] ?? ''
  return /^\d+$/.test(said) ? Number(said) : undefined
}
