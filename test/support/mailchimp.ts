import { createHash } from 'node:crypto'
import type { Change, Io, Json, Mode } from '../../src/connectors/connector.ts'
import { mailchimpVendor } from '../../src/connectors/mailchimp/emulator.ts'
import type { MailchimpOptions } from '../../src/connectors/mailchimp/emulator-parts.ts'
import { mailchimp } from '../../src/connectors/mailchimp/index.ts'
import { changeOf, openBench } from './vendor.ts'

export const KEY = 'canary0mailchimp0key-us6'
export const LIST = '/3.0/lists/abc123'

const SLOT = { run: 'r', window: 0, batch: 0 }

/** What is not as usual in a test: a list `abc123` with the merge field FNAME, written by a mirror. */
export interface Given {
  readonly into?: Readonly<Record<string, Json>>
  readonly account?: { readonly api_key?: string; readonly access_token?: string }
  readonly mode?: Mode
  readonly fields?: readonly string[]
  readonly vendor?: Partial<MailchimpOptions>
}

/** An emulated Mailchimp, and one opened sync that writes into it. */
export async function openMailchimp(given: Given = {}) {
  const { into, account = { api_key: KEY }, mode = 'mirror', fields = ['FNAME'], vendor } = given
  const columns: Io['columns'] = { key: ['email'], fields }
  const lists = new Map([['abc123', [{ tag: 'FNAME' }]]])
  const bench = await openBench(mailchimpVendor({ apiKey: KEY, lists, ...vendor }), { columns, mode })
  const channel = mailchimp.open(account, bench.io)
  const place = mailchimp.into.parse({ list: 'abc123', ...into })
  const send = (...batch: readonly Change[]) => channel.send(batch, place, SLOT)
  const leave = (verb: string, ...emails: readonly string[]) =>
    send(...emails.map((email) => changeOf({ email }, {}, { op: 'remove', leave: { verb } })))
  const read = async (keys: readonly Change['key'][] | 'all' = 'all') => {
    const rows: unknown[] = []
    for await (const row of channel.read?.(keys, place) ?? []) rows.push(row)
    return rows
  }
  const held = () => bench.emulator.contents().flatMap((one) => one.rows)
  const lines = () => bench.seen.map((one) => `${one.method} ${one.path.replace(LIST, '')}`)
  const check = () => channel.check(place)
  const body = (at: number) => JSON.parse(bench.seen.at(at)?.body ?? '')
  return { bench, channel, place, send, leave, read, held, lines, check, body, direct: () => directly(bench.io) }
}

/** Mailchimp's API past the connector: what somebody does there by hand. */
function directly(io: Pick<Io, 'fetch'>) {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  return async (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: Json) => {
    const url = `https://us6.api.mailchimp.com${path}`
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    return io.fetch({ method, url, headers, ...sent })
  }
}

/** A change of a person by the local part of the address. */
export function person(name: string, fields: Change['fields'] = { FNAME: name }, op: Change['op'] = 'create'): Change {
  return changeOf({ email: `${name}@shop.test` }, fields, { op })
}

/** The path of a person, below that of the list. */
export function path(name: string): string {
  return `/members/${createHash('md5').update(`${name}@shop.test`).digest('hex')}`
}

export function outcomes(receipts: readonly { readonly outcome: string }[]): readonly string[] {
  return receipts.map(({ outcome }) => outcome)
}
