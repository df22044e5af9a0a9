import type { LookupAddress } from 'node:dns'
import { lookup as systemLookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { Agent, Dispatcher } from 'undici'
import type { Fetch } from '../world.ts'
import { isPrivate } from './address.ts'
import { DestinationError, type HttpRequest, type HttpResponse, type Ms, NetworkError } from './connector.ts'

/** Finds the addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>

export interface HttpOptions {
  /** Default: the system's resolver. */
  readonly resolve?: Resolve
  /** Of requests that name none; default 60 s. */
  readonly timeout?: Ms
  /** PEM certificates to trust besides those of the system, such as a company's own. */
  readonly ca?: string
}

/** The most that an answer may hold. Vendors answer a batch with less than it carried. */
const ANSWER_BYTES = 32 * 1024 * 1024
const CONNECT_MS = 10_000

/**
 * Returns a `Fetch` over keep-alive HTTP/1.1. Redirects are not followed: a 3xx is an answer like any other. A name is
 * resolved once per connection, and what is connected to is the address that was checked, so a resolver that changes
 * its mind gains nothing. Without `allowPrivate` only https to public addresses passes; certificates are always checked.
 * A refused request, or a certificate that is not accepted, throws DestinationError `config`; all else that yields no
 * complete answer throws NetworkError.
 */
export function createFetch(options: HttpOptions = {}): Fetch & { close(): Promise<void> } {
  const agents = new Map<boolean, Promise<Agent>>()
  const agentFor = (allowPrivate: boolean) => {
    const known = agents.get(allowPrivate) ?? openAgent(options, allowPrivate)
    agents.set(allowPrivate, known)
    return known
  }
  const fetch: Fetch = async (request, { allowPrivate, signal }) => {
    const url = checkUrl(request.url, allowPrivate)
    const agent = await agentFor(allowPrivate)
    return exchange({ agent, url, request, timeout: request.timeout ?? options.timeout ?? 60_000, signal })
  }
  return Object.assign(fetch, {
    close: async () => {
      for (const agent of agents.values()) await (await agent).destroy()
    },
  })
}

function checkUrl(text: string, allowPrivate: boolean): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url) throw refusedAddress('The address of the destination is not a URL.')
  if (url.username !== '' || url.password !== '')
    throw refusedAddress(`The address of "${url.host}" holds a user name or password; put credentials into headers.`)
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:'))
    throw refusedAddress(`The address of "${url.host}" must begin with https:// (http needs "allow_private: true").`)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  // A literal address never reaches the resolver, so it is checked here.
  if (!allowPrivate && isIP(host) && isPrivate(host)) throw privateAddress(host)
  return url
}

async function openAgent(options: HttpOptions, allowPrivate: boolean): Promise<Agent> {
  const undici = await import('undici')
  return new undici.Agent({
    maxResponseSize: ANSWER_BYTES,
    connect: {
      timeout: CONNECT_MS,
      // Said aloud, so that NODE_TLS_REJECT_UNAUTHORIZED cannot turn it off.
      rejectUnauthorized: true,
      minVersion: MIN_VERSION,
      lookup: checkedLookup(options.resolve ?? resolveBySystem, allowPrivate),
      ...(options.ca !== undefined && { secureContext: await trusting(options.ca) }),
    },
  })
}

const resolveBySystem: Resolve = (host) => systemLookup(host, { all: true, verbatim: true })

const MIN_VERSION = 'TLSv1.2'

/** Made once: to read all certificates of the system for every connection would take longer than its handshake. */
async function trusting(ca: string): Promise<SecureContext> {
  const { createSecureContext, rootCertificates } = await import('node:tls')
  return createSecureContext({ ca: [...rootCertificates, ca], minVersion: MIN_VERSION })
}

/** The resolver that sockets use. One private address among several is enough to refuse the name. */
function checkedLookup(resolve: Resolve, allowPrivate: boolean): LookupFunction {
  return (host, options, done) => {
    resolve(host).then(
      (found) => {
        const bad = allowPrivate ? undefined : found.find((one) => isPrivate(one.address))
        const first = found[0]
        if (bad) done(privateAddress(host), '', 0)
        else if (!first) done(new Error(`The name "${host}" has no address.`), '', 0)
        else if (options.all) done(null, [...found])
        else done(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => done(error, '', 0),
    )
  }
}

interface Exchange {
  readonly agent: Agent
  readonly url: URL
  readonly request: HttpRequest
  readonly timeout: Ms
  readonly signal: AbortSignal | undefined
}

function exchange({ agent, url, request, timeout, signal }: Exchange): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    let sent = false
    let controller: Dispatcher.DispatchController | undefined
    const late = AbortSignal.timeout(timeout)
    const end = () => {
      late.removeEventListener('abort', expire)
      signal?.removeEventListener('abort', cut)
    }
    const fail = (error: unknown) => {
      end()
      reject(meaningOf(error, url) ?? noAnswer(request, url, sent, error))
    }
    const giveUp = (error: Error) => {
      // Still waiting for a connection: there is nothing to abort yet, `onRequestStart` will.
      if (controller) controller.abort(error)
      fail(error)
    }
    const expire = () => giveUp(new Overdue(`no answer within ${timeout} ms`))
    const cut = () => giveUp(new Error('interrupted'))
    late.addEventListener('abort', expire, { once: true })
    signal?.addEventListener('abort', cut, { once: true })
    if (signal?.aborted) return cut()
    const answer: { status: number; headers: Record<string, string>; chunks: Buffer[] } = {
      status: 0,
      headers: {},
      chunks: [],
    }
    agent.dispatch(dispatchOptions(url, request, timeout), {
      onRequestStart: (started) => {
        controller = started
        if (late.aborted || signal?.aborted) started.abort(new Error('too late to send'))
        else sent = true
      },
      onResponseStart: (_, status, headers) => {
        answer.status = status
        answer.headers = joined(headers)
      },
      onResponseData: (_, chunk) => {
        answer.chunks.push(chunk)
      },
      onResponseEnd: () => {
        end()
        resolve({ status: answer.status, headers: answer.headers, body: Buffer.concat(answer.chunks).toString('utf8') })
      },
      onResponseError: (_, error) => fail(error),
    })
  })
}

/** The time was up. */
class Overdue extends Error {}

/** What no second attempt would mend: an address or a certificate that is refused, a header that cannot be sent. */
function meaningOf(error: unknown, url: URL): DestinationError | undefined {
  if (error instanceof DestinationError) return error
  if (!(error instanceof Error)) return undefined
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (CERTIFICATE.has(code)) {
    const message = `The certificate of "${url.host}" is not accepted (${code}); nothing was sent.`
    return new DestinationError('config', 'certificate_refused', message)
  }
  // The client's own words name the header and never its value.
  if (code === 'UND_ERR_INVALID_ARG')
    return new DestinationError('config', 'bad_request', `The request cannot be sent: ${error.message}.`)
  return undefined
}

// https://nodejs.org/api/tls.html#x509-certificate-error-codes
const CERTIFICATE = new Set([
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_CHAIN_TOO_LONG',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'HOSTNAME_MISMATCH',
])

function dispatchOptions(url: URL, request: HttpRequest, timeout: Ms): Dispatcher.DispatchOptions {
  return {
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    method: request.method,
    headers: { 'user-agent': 'composable-cdp', ...request.headers },
    body: request.body ?? null,
    headersTimeout: timeout,
    bodyTimeout: timeout,
  }
}

function joined(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  )
}

/** Names the host, never path or query: those may hold a token. */
function noAnswer(request: HttpRequest, url: URL, sent: boolean, cause: unknown): NetworkError {
  return new NetworkError(`${request.method} ${url.host}: ${reasonOf(cause)}`, sent, {
    timedOut: isOverdue(cause),
    cause,
  })
}

function isOverdue(error: unknown): boolean {
  return (
    error instanceof Overdue || (error instanceof Error && OVERDUE.has((error as NodeJS.ErrnoException).code ?? ''))
  )
}

const OVERDUE = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT'])

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer'
  const code = (error as NodeJS.ErrnoException).code
  // When every address of a name fails, the message is empty and the code says why.
  return error.message === '' ? (code ?? 'no answer') : error.message
}

function privateAddress(host: string): DestinationError {
  return refusedAddress(
    `The address of "${host}" is private or reserved; "allow_private: true" on the destination permits it.`,
  )
}

function refusedAddress(message: string): DestinationError {
  return new DestinationError('config', 'address_refused', message)
}
