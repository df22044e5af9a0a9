import { createHash } from 'node:crypto'
import { ask, cleaned, failureOf, textOf, tryJson } from '../answer.ts'
import { DestinationError, type HttpRequest, type HttpResponse, type Io, type Json } from '../connector.ts'
import { waitSaid } from '../rate.ts'

export interface ApiAccount {
  readonly api_key: string
  readonly server?: string | undefined
}

const TIMEOUT = 120_000

/** Mailchimp's API with one key. */
export interface Api {
  /** The answer, whatever its status. */
  request(method: HttpRequest['method'], path: string, body?: Json): Promise<HttpResponse>
  /** What an answer other than 2xx means for the batch. */
  failure(response: HttpResponse): DestinationError
  cleaned(text: string): string
}

/** Opens the API at the data centre of the key. */
export function openApi(account: ApiAccount, io: Io): Api {
  const server = account.server ?? account.api_key.split('-').at(-1) ?? ''
  const secrets = [account.api_key]
  const headers = { authorization: `Bearer ${account.api_key}`, 'content-type': 'application/json' }
  return {
    request: async (method, path, body) => {
      // The data centre becomes part of a host name: nothing else may slip in there.
      if (!/^[a-z]{2,3}\d+$/.test(server))
        throw new DestinationError('config', 'no_data_centre', 'The API key does not end in a data centre like "-us6".')
      const url = `https://${server}.api.mailchimp.com/3.0${path}`
      const sent = body === undefined ? {} : { body: JSON.stringify(body) }
      return ask(io, { method, url, headers, timeout: TIMEOUT, ...sent })
    },
    failure: (response) => failure(response, secrets, io),
    cleaned: (text) => cleaned(text, secrets),
  }
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
  return failureOf(response, said, io.now())
}

/** The path of a contact: the MD5 of the lower-cased address names it. */
export function memberPath(list: string, address: string): string {
  const hash = createHash('md5').update(address.trim().toLowerCase()).digest('hex')
  return `/lists/${encodeURIComponent(list)}/members/${hash}`
}

export function isOk(response: HttpResponse): boolean {
  return response.status >= 200 && response.status < 300
}
