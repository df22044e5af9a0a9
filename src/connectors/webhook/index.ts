import { createHash } from 'node:crypto'
import { z } from 'zod'
import {
  type Change,
  type Channel,
  DestinationError,
  defineConnector,
  type Io,
  type Json,
  type Limit,
  type Receipt,
} from '../connector.ts'
import { rateHint } from '../rate.ts'
import { contentTypeOf, isApart, originOf, readSending, rowsOf, type Sending } from './acts.ts'
import { openSender, type Sender } from './credentials.ts'
import { type Account, account } from './options.ts'
import { errorOf, meaningOf, printedKey, type Reading, receiptsFrom } from './results.ts'

// No vendor: the receiver is the user's own, or one for which there is no connector. Retries may be told by
// `Idempotency-Key` (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).

const into = z.strictObject({})

type Into = z.infer<typeof into>

/** Sends changes to an address. A 2xx writes them all, unless it tells otherwise. */
export const webhook = defineConnector<Account, Into>({
  name: 'webhook',
  title: 'Webhook',
  account,
  into,
  modes: ['upsert', 'update', 'insert', 'mirror', 'append'],
  leaves: [
    {
      verb: 'remove',
      description: 'Sends a change with op "remove", or what "remove:" of the destination says.',
      takes: 'nothing',
      stopsContact: true,
      deletes: false,
    },
  ],
  erase: 'remove',
  settlesWithin: 5 * 60_000,
  delivers: () => 'changes',
  limits: limitsOf,
  fields: () => ({ known: [], open: true }),
  place: () => undefined,
  // The receiver may know its callers by any header, and each path has the rate of the whole host.
  credential: ({ url, secret, headers, auth }) => JSON.stringify([originOf(url), secret, headers, auth]),
  pace: (_, response, now) => rateHint(response, now),
  open: openWebhook,
})

function limitsOf(account: Account) {
  const { calls = 10_000, seconds = 1, at_once = 8, kib = 1024, per_day } = account.limits ?? {}
  const limit = (rows: number): Limit => ({
    rows,
    bytes: kib * 1024,
    calls,
    perMs: seconds * 1_000,
    inFlight: at_once,
    ...(per_day !== undefined && { perDay: per_day }),
  })
  const upsert = Math.min(rowsOf(account, 'create'), rowsOf(account, 'update'))
  return { upsert: limit(upsert), remove: limit(rowsOf(account, 'remove')) }
}

function openWebhook(account: Account, io: Io): Channel<Into> {
  const sender = openSender(account, io)
  const read = new Map<Change['op'], Promise<Sending>>()
  const sendingOf = (op: Change['op']) => {
    const known = read.get(op) ?? readSending(account, op, io)
    read.set(op, known)
    return known
  }
  return {
    check: async () => {
      for (const op of ['create', 'update', 'remove'] as const) await sendingOf(op)
      if (account.check !== undefined) await probe(account, account.check.url, sender, io)
    },
    ...(isApart(account) && { partition: ({ op }) => op }),
    send: async (batch) => {
      const [first] = batch
      if (!first) return []
      return deliver({ account, io, sender, sending: await sendingOf(first.op) }, batch)
    },
  }
}

/** Asks what changes nothing. */
async function probe(account: Account, url: string, sender: Sender, io: Io): Promise<void> {
  if (originOf(url) !== originOf(account.url))
    throw new DestinationError('config', 'other_host', 'The address of "check" is at another host than "url".')
  const response = await sender.send({ method: 'GET', url, headers: lowerCased(account.headers) })
  const reading: Reading = { account, okOn: account.ok_on ?? [], secrets: sender.secrets, now: io.now() }
  const meaning = meaningOf(response.status, reading)
  if (meaning !== 'ok') throw errorOf(response, meaning, reading)
}

interface Delivery {
  readonly account: Account
  readonly io: Io
  readonly sender: Sender
  readonly sending: Sending
}

async function deliver(delivery: Delivery, batch: readonly Change[]): Promise<readonly Receipt[]> {
  const { account, io, sender, sending } = delivery
  const values = valuesOf(io.sync, batch, sending.isOfRow)
  const url = sending.address.for(values)
  if (url === undefined) return batch.map(() => NO_ADDRESS)
  const body = sending.body?.(values)
  const contentType = body === undefined ? {} : { 'content-type': contentTypeOf(account) }
  const headers = { ...lowerCased(account.headers), ...contentType, 'idempotency-key': keyOf(batch) }
  const response = await sender.send({ method: sending.method, url, headers, ...(body !== undefined && { body }) })
  return receiptsFrom(response, batch, { account, okOn: sending.okOn, secrets: sender.secrets, now: io.now() })
}

const NO_ADDRESS: Receipt = {
  outcome: 'refused',
  kind: 'row',
  code: 'no_address',
  message: 'A value that the address needs is empty, or not known of this row.',
}

/** What templates see. */
export function valuesOf(sync: string, batch: readonly Change[], isOfRow: boolean): Readonly<Record<string, Json>> {
  const changes = batch.map(({ op, key, fields }) => ({ op, key: printedKey(key), fields }))
  const [row] = changes
  return { sync, changes, ...(isOfRow && { ...row, id: batch[0]?.destinationId ?? null }) }
}

function lowerCased(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

/** Equal for a batch that is sent again. */
function keyOf(batch: readonly Change[]): string {
  const keys = batch.map((change) => change.idempotencyKey)
  return keys.length === 1 ? (keys[0] ?? '') : createHash('sha256').update(keys.join('\n')).digest('hex')
}
