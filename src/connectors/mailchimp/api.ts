import { createHash } from 'node:crypto'
import { ask, cleaned, failureOf, jsonOf, textOf, tryJson } from '../answer.ts'
import { DestinationError, type HttpRequest, type HttpResponse, type Io, type Json } from '../connector.ts'
import { waitSaid } from '../rate.ts'

export interface ApiAccount {
  readonly api_key?: string | undefined
  readonly access_token?: string | undefined
  readonly server?: string | undefined
}

const TIMEOUT = 120_000

/** Mailchimp's API with one key or token. */
export interface Api {
  /** The answer, whatever its status. */
  request(method: HttpRequest['method'], path: string, body?: Json): Promise<HttpResponse>
  /** What an answer other than 2xx means for the batch. */
  failure(response: HttpResponse): DestinationError
  cleaned(text: string): string
}

/** Opens the API at the data centre of the key; that of a token is asked for with the first request. */
export function openApi(account: ApiAccount, io: Io): Api {
  const credential = account.access_token ?? account.api_key ?? ''
  const headers = { authorization: `Bearer ${credential}`, 'content-type': 'application/json' }
  const fail = (response: HttpResponse) => failure(response, [credential], io)
  let asked: Promise<string> | undefined
  const centre = () => {
    if (account.server !== undefined) return Promise.resolve(account.server)
    if (account.access_token === undefined) return Promise.resolve(credential.split('-').at(-1) ?? '')
    asked ??= centreOf(account.access_token, io, fail).catch((error: unknown) => {
      asked = undefined
      throw error
    })
    return asked
  }
  return {
    request: async (method, path, body) => {
      const server = await centre()
      // The data centre becomes part of a host name: nothing else may slip in there.
      if (!/^[a-z]{2,3}\d+$/.test(server))
        throw new DestinationError('config', 'no_data_centre', 'The API key does not end in a data centre like "-us6".')
      const url = `https://${server}.api.mailchimp.com/3.0${path}`
      const sent = body === undefined ? {} : { body: JSON.stringify(body) }
      return ask(io, { method, url, headers, timeout: TIMEOUT, ...sent })
    },
    failure: fail,
    cleaned: (text) => cleaned(text, [credential]),
  }
}

/** The data centre of an OAuth token (https://mailchimp.com/developer/marketing/guides/access-user-data-oauth-2/). */
async function centreOf(token: string, io: Io, fail: (response: HttpResponse) => DestinationError): Promise<string> {
  const headers = { authorization: `OAuth ${token}` }
  const response = await ask(io, { method: 'GET', url: 'https://login.mailchimp.com/oauth2/metadata', headers })
  if (!isOk(response)) throw fail(response)
  const said = jsonOf(response)
  if (textOf(said, 'dc') === '') throw new DestinationError('auth', 'no_login', 'Mailchimp does not know the token.')
  return textOf(said, 'dc')
}

function failure(response: HttpResponse, secrets: readonly string[], io: Io): DestinationError {
  const problem = tryJson(response.body)
  const said = cleaned([textOf(problem, 'title'), textOf(problem, 'detail')].filter(Boolean).join(': '), secrets)
  if (response.status === 403 && problem === undefined) {
    const after = waitSaid(response, io.now())
    return new DestinationError('throttle', 'http_403', 'Answered 403 without saying why: too many requests.', {
      ...(after !== undefined && { after }),
    })
  }
  // "This method has been disabled": what Mailchimp says to accounts that it looks into. No later try would fare better.
  if (response.status === 503 && textOf(problem, 'title') === 'Compliance Related')
    return new DestinationError('config', 'compliance_related', `Answered 503: ${said}`)
  return failureOf(response, said, io.now())
}

/** The path of a list. */
export function listPath(list: string): string {
  return `/lists/${encodeURIComponent(list)}`
}

/** The path of a contact: the MD5 of the lower-cased address names it. */
export function memberPath(list: string, address: string): string {
  const hash = createHash('md5').update(address.trim().toLowerCase()).digest('hex')
  return `${listPath(list)}/members/${hash}`
}

/** What an answer other than 2xx means where only the list can be what was not found. */
export function listFailure(api: Api, answer: HttpResponse, list: string): DestinationError {
  if (answer.status === 404)
    return new DestinationError('config', 'no_list', `The account has no audience with the id "${list}".`)
  return api.failure(answer)
}

export function isOk(response: HttpResponse): boolean {
  return response.status >= 200 && response.status < 300
}
