import { createHash, createHmac } from 'node:crypto'
import { z } from 'zod'
import { secret } from '../../secret.ts'
import { ask, cleaned, failureOf, listOf, member, receiptOf, textOf, tryJson } from '../answer.ts'
import {
  type Change,
  type Channel,
  DestinationError,
  defineConnector,
  type HttpRequest,
  type HttpResponse,
  type Io,
  type Json,
  type Key,
  type Limit,
  type Receipt,
} from '../connector.ts'
import { rateHint } from '../rate.ts'
import { type Body, isJson, readBody } from './body.ts'

// No vendor: the receiver is the user's own. The signature has the form that Stripe made known
// (https://docs.stripe.com/webhooks#verify-manually); retries may be told by `Idempotency-Key`
// (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).

const account = z.strictObject({
  url: z.string().min(1).meta({ description: 'Address that takes the changes, beginning with https://.' }),
  secret: secret('Key of the HMAC-SHA256 in the header X-Signature.').optional(),
  headers: z
    .record(z.string(), z.string())
    .optional()
    .meta({ description: 'Further headers, such as Authorization; credentials as references to the environment.' }),
  body: z.string().optional().meta({ description: 'Handlebars template of the body; sees sync and changes.' }),
  method: z.enum(['POST', 'PUT', 'PATCH']).default('POST').meta({ description: 'Method of every request.' }),
  batch: z.number().int().min(1).max(10_000).default(100).meta({ description: 'Changes in one request, at most.' }),
})

const into = z.strictObject({})

type Account = z.infer<typeof account>
type Into = z.infer<typeof into>

/** Posts changes to an address. A 2xx writes them all, unless it carries `{"results": […]}`. */
export const webhook = defineConnector<Account, Into>({
  name: 'webhook',
  title: 'Webhook',
  account,
  into,
  modes: ['upsert', 'update', 'insert', 'mirror', 'append'],
  leaves: [
    {
      verb: 'remove',
      description: 'Sends a change with op "remove".',
      takes: 'nothing',
      stopsContact: true,
      deletes: false,
    },
  ],
  erase: 'remove',
  settlesWithin: 5 * 60_000,
  delivers: () => 'changes',
  limits: (account) => {
    const limit: Limit = { rows: account.batch, bytes: 1024 * 1024, calls: 10_000, perMs: 1_000, inFlight: 8 }
    return { upsert: limit, remove: limit }
  },
  fields: () => ({ known: [], open: true }),
  place: () => undefined,
  // The receiver may know its callers by any header, and each path has the rate of the whole host.
  credential: (account) => JSON.stringify([originOf(account.url), account.secret, account.headers]),
  pace: (_, response, now) => rateHint(response, now),
  open: openWebhook,
})

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url
}

function openWebhook(account: Account, io: Io): Channel<Into> {
  const headers = lowerCased(account.headers ?? {})
  const contentType = headers['content-type'] ?? 'application/json'
  let body: Promise<Body> | undefined
  const bodyOnce = () => {
    body ??= account.body === undefined ? Promise.resolve(defaultBody) : readBody(account.body, contentType)
    return body
  }
  return {
    check: async () => {
      if (!/^https?:\/\/./.test(account.url) || !URL.canParse(account.url))
        throw new DestinationError('config', 'bad_url', 'The option "url" is not an http or https address.')
      await bodyOnce()
    },
    send: async (batch) => {
      if (batch.length === 0) return []
      const text = (await bodyOnce())(valuesOf(io.sync, batch))
      const request = requestOf(account, { ...headers, 'content-type': contentType }, text, batch)
      return receiptsFrom(await ask(io, signed(request, account, io)), batch, secretsOf(account), io)
    },
  }
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

const defaultBody: Body = (values) => JSON.stringify(values)

/** What a body is made of, and the default body itself. */
export function valuesOf(sync: string, batch: readonly Change[]): Readonly<Record<string, Json>> {
  return {
    sync,
    changes: batch.map((change) => ({ op: change.op, key: printedKey(change.key), fields: change.fields })),
  }
}

/** A key of one column stands as its value. */
function printedKey(key: Key): Json {
  const values = Object.values(key)
  return values.length === 1 && values[0] !== undefined ? values[0] : key
}

function requestOf(account: Account, headers: HttpRequest['headers'], body: string, batch: readonly Change[]) {
  const keys = batch.map((change) => change.idempotencyKey)
  const together = keys.length === 1 ? (keys[0] ?? '') : createHash('sha256').update(keys.join('\n')).digest('hex')
  return { method: account.method, url: account.url, headers: { ...headers, 'idempotency-key': together }, body }
}

/** Adds `X-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">` where the account has a secret. */
function signed(request: HttpRequest & { readonly body: string }, account: Account, io: Io): HttpRequest {
  if (account.secret === undefined) return request
  const time = Math.floor(io.now() / 1000)
  const hash = createHmac('sha256', account.secret).update(`${time}.${request.body}`).digest('hex')
  return { ...request, headers: { ...request.headers, 'x-signature': `t=${time},v1=${hash}` } }
}

/** Any header may be a credential. */
function secretsOf(account: Account): readonly string[] {
  return [...(account.secret === undefined ? [] : [account.secret]), ...Object.values(account.headers ?? {})]
}

function receiptsFrom(
  response: HttpResponse,
  batch: readonly Change[],
  secrets: readonly string[],
  io: Io,
): readonly Receipt[] {
  if (response.status >= 200 && response.status < 300) return resultsOf(response, batch, secrets)
  const error = failureOf(response, cleaned(response.body, secrets), io.now())
  if (error.kind === 'batch' && batch.length === 1) return [receiptOf(error)]
  throw error
}

function resultsOf(response: HttpResponse, batch: readonly Change[], secrets: readonly string[]): readonly Receipt[] {
  const answer = tryJson(response.body)
  // Cut off or garbled: it may have named refused rows.
  if (answer === undefined && response.body !== '' && isJson(response.headers['content-type'] ?? ''))
    return batch.map(() => ({ outcome: 'again', code: 'unreadable_answer', applied: 'maybe' }))
  if (!Array.isArray(member(answer, 'results'))) return batch.map(() => ({ outcome: 'written' }))
  const results = new Map(listOf(answer, 'results').map((one) => [canonical(member(one, 'key')), one]))
  return batch.map((change) => resultReceipt(results.get(canonical(printedKey(change.key))), secrets))
}

function resultReceipt(result: Json | undefined, secrets: readonly string[]): Receipt {
  const status = textOf(result, 'status')
  if (status === 'ok') return { outcome: 'written' }
  if (status === 'again') return { outcome: 'again', code: 'receiver_again', applied: 'no' }
  if (status !== 'refused') return { outcome: 'again', code: 'no_result', applied: 'maybe' }
  const message = cleaned(textOf(result, 'message'), secrets)
  return { outcome: 'refused', kind: 'row', code: 'receiver_refused', message }
}

/** Equal texts for equal keys: receivers may answer `"7"` for 7, and a composite key's columns in any order. */
function canonical(key: Json | undefined): string {
  if (typeof key !== 'object' || key === null || Array.isArray(key)) return String(key)
  return JSON.stringify(Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1)))
}
