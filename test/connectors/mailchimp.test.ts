import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Change, Io, Json, LeaveAction, Mode } from '../../src/connectors/connector.ts'
import { mailchimpVendor } from '../../src/connectors/mailchimp/emulator.ts'
import type { MailchimpOptions } from '../../src/connectors/mailchimp/emulator-parts.ts'
import { mailchimp } from '../../src/connectors/mailchimp/index.ts'
import { connectorContract } from '../contract/connector.ts'
import { changeOf, openBench } from '../support/vendor.ts'

const ACCOUNT = { api_key: 'canary0mailchimp0key-us6' }
const INTO = {
  list: 'abc123',
  status_if_new: 'subscribed' as const,
  tags: [] as string[],
  create_fields: false,
  create_segment: false,
  raise_permissions: false,
}
const COLUMNS: Io['columns'] = { key: ['email'], fields: ['FNAME', 'LTV'] }
const SLOT = { run: 'r', window: 0, batch: 0 }

function vendor(more: Partial<MailchimpOptions> = {}) {
  const fields = [{ tag: 'FNAME', required: true }, { tag: 'LTV' }]
  return mailchimpVendor({ apiKey: ACCOUNT.api_key, lists: new Map([['abc123', fields]]), ...more })
}

connectorContract({
  connector: mailchimp,
  account: ACCOUNT,
  into: INTO,
  secrets: [ACCOUNT.api_key],
  columns: COLUMNS,
  vendor: () => vendor(),
  row: (n) => ({ key: { email: `P${n}@shop.test` }, fields: { FNAME: `Person ${n}`, LTV: n } }),
  bad: { key: { email: 'no address' }, fields: { FNAME: 'Bad' } },
  leave: { verb: 'archive' },
  isWrite: (request) => request.method !== 'GET',
  wholeRefused: { status: 422, body: { title: 'Unprocessable', detail: 'no' } },
})

async function open(
  mode: Mode = 'mirror',
  into: Partial<typeof INTO> = {},
  columns: Io['columns'] = COLUMNS,
  options: Partial<MailchimpOptions> = {},
) {
  const bench = await openBench(vendor(options), { columns, mode })
  const channel = mailchimp.open(ACCOUNT, bench.io)
  const place = { ...INTO, ...into }
  const send = (...batch: readonly Change[]) => channel.send(batch, place, SLOT)
  const leave = (email: string, action: LeaveAction) => send(changeOf({ email }, {}, { op: 'remove', leave: action }))
  const held = () => bench.emulator.contents().flatMap((one) => one.rows)
  return { bench, channel, place, send, leave, held, lines: () => bench.seen.map((one) => `${one.method} ${one.path}`) }
}

const ADA = changeOf({ email: 'Ada@Shop.test' }, { FNAME: 'Ada' })
const ADA_PATH = `/3.0/lists/abc123/members/${createHash('md5').update('ada@shop.test').digest('hex')}`

describe('a Mailchimp audience', () => {
  test('new contacts go in one call that can change nobody who is there', async () => {
    const { bench, send, held, lines } = await open('mirror', { tags: ['shop'] })
    expect(await send(ADA)).toEqual([{ outcome: 'written', id: ADA_PATH.split('/').at(-1) }])
    expect(lines()).toEqual(['GET /3.0/lists/abc123/merge-fields', 'POST /3.0/lists/abc123'])
    expect(JSON.parse(bench.seen[1]?.body ?? '')).toEqual({
      update_existing: false,
      sync_tags: false,
      members: [
        { email_address: 'Ada@Shop.test', status: 'subscribed', merge_fields: { FNAME: 'Ada' }, tags: ['shop'] },
      ],
    })
    expect(held()).toEqual([
      { email_address: 'Ada@Shop.test', status: 'subscribed', merge_fields: { FNAME: 'Ada' }, tags: ['shop'] },
    ])
  })

  test('somebody who had unsubscribed gets new fields and stays unsubscribed', async () => {
    const { send, leave, held, lines } = await open()
    await send(ADA)
    await leave('ada@shop.test', { verb: 'unsubscribe' })
    expect(await send(changeOf({ email: 'ada@shop.test' }, { FNAME: 'Ada L.' }))).toMatchObject([
      { outcome: 'written' },
    ])
    expect(lines().slice(-2)).toEqual(['POST /3.0/lists/abc123', `PUT ${ADA_PATH}`])
    expect(held()).toMatchObject([{ status: 'unsubscribed', merge_fields: { FNAME: 'Ada L.' } }])
  })

  test('an update is a request of its own, and clears what is null', async () => {
    const { bench, send, held, lines } = await open()
    await send(changeOf({ email: 'ada@shop.test' }, { FNAME: 'Ada', LTV: 7 }))
    await send(changeOf({ email: 'ada@shop.test' }, { LTV: null }, { op: 'update' }))
    expect(lines().at(-1)).toBe(`PUT ${ADA_PATH}`)
    expect(JSON.parse(bench.seen.at(-1)?.body ?? '')).toEqual({
      email_address: 'ada@shop.test',
      merge_fields: { LTV: '' },
      status_if_new: 'subscribed',
    })
    expect(held()).toMatchObject([{ merge_fields: { FNAME: 'Ada', LTV: '' } }])
  })

  test('mode update makes nobody: a contact that is not there is refused', async () => {
    const { send, held, lines } = await open('update')
    expect(await send(ADA)).toMatchObject([{ outcome: 'refused', kind: 'row', code: 'not_found' }])
    expect(lines().slice(1)).toEqual([`PATCH ${ADA_PATH}`, 'GET /3.0/lists/abc123'])
    expect(held()).toEqual([])
  })

  test('mode insert leaves alone what is there', async () => {
    const { send, held } = await open('insert')
    await send(ADA)
    expect(await send(changeOf({ email: 'ada@shop.test' }, { FNAME: 'Other' }))).toEqual([{ outcome: 'written' }])
    expect(held()).toMatchObject([{ merge_fields: { FNAME: 'Ada' } }])
  })

  test('addresses that differ in case only are one contact: the second is refused', async () => {
    const { send, held } = await open()
    const receipts = await send(ADA, changeOf({ email: 'ADA@shop.test' }, { FNAME: 'Twin' }))
    expect(receipts).toMatchObject([{ outcome: 'written' }, { outcome: 'refused', code: 'same_contact' }])
    expect(held()).toMatchObject([{ merge_fields: { FNAME: 'Ada' } }])
  })

  test('who was deleted for ever is refused as compliance, in a batch and alone', async () => {
    const { send, leave } = await open()
    await send(ADA)
    expect(await leave('ada@shop.test', { verb: 'delete' })).toEqual([{ outcome: 'written' }])
    expect(await send(ADA)).toMatchObject([{ outcome: 'refused', kind: 'compliance' }])
    const update = changeOf({ email: 'ada@shop.test' }, { FNAME: 'A' }, { op: 'update' })
    expect(await send(update)).toMatchObject([
      { outcome: 'refused', kind: 'compliance', code: 'forgotten_email_not_subscribed' },
    ])
  })

  test('tags are added and taken away without starting automations', async () => {
    const { bench, send, leave, held } = await open()
    await send(ADA)
    await leave('ada@shop.test', { verb: 'add_tag', argument: 'lapsed' })
    expect(bench.seen.at(-1)?.path).toBe(`${ADA_PATH}/tags`)
    expect(JSON.parse(bench.seen.at(-1)?.body ?? '')).toEqual({
      tags: [{ name: 'lapsed', status: 'active' }],
      is_syncing: true,
    })
    expect(held()).toMatchObject([{ status: 'subscribed', tags: ['lapsed'] }])
    await leave('ada@shop.test', { verb: 'remove_tag', argument: 'lapsed' })
    expect(held()).toMatchObject([{ tags: [] }])
    expect(await leave('nobody@shop.test', { verb: 'add_tag', argument: 'x' })).toEqual([{ outcome: 'written' }])
  })

  test('who was archived comes back when sent again', async () => {
    const { send, leave, held } = await open()
    await send(ADA)
    await leave('ada@shop.test', { verb: 'archive' })
    expect(held()).toMatchObject([{ status: 'archived' }])
    expect(await send(ADA)).toMatchObject([{ outcome: 'written' }])
    expect(held()).toMatchObject([{ status: 'subscribed' }])
  })

  test('500 new contacts are one call; the vendor refuses 501', async () => {
    const { bench, send, held } = await open()
    const people = (count: number) =>
      Array.from({ length: count }, (_, n) => changeOf({ email: `p${n}@shop.test` }, { FNAME: `P${n}` }))
    expect(mailchimp.limits(ACCOUNT, INTO, { upsert: 0, remove: 0 }).upsert.rows).toBe(500)
    await send(...people(500))
    expect(held()).toHaveLength(500)
    expect(bench.emulator.counters().writes).toBe(1)
    await expect(send(...people(501))).rejects.toMatchObject({ kind: 'batch' })
  })

  test('updates never hold more connections than the vendor allows', async () => {
    const { bench, send } = await open()
    const updates = Array.from({ length: 60 }, (_, n) =>
      changeOf({ email: `p${n}@shop.test` }, { FNAME: `P${n}` }, { op: 'update' }),
    )
    const { inFlight } = mailchimp.limits(ACCOUNT, INTO, { upsert: 0, remove: 0 }).upsert
    const batches = Array.from({ length: inFlight }, (_, n) => updates.filter((_, at) => at % inFlight === n))
    const receipts = await Promise.all(batches.map((batch) => send(...batch)))
    expect(receipts.flat().every((one) => one.outcome === 'written')).toBe(true)
    expect(Math.max(...bench.seen.map((one) => one.atOnce))).toBeLessThanOrEqual(10)
  })

  test('the vendor answers 429 to an eleventh connection', async () => {
    const { bench } = await open()
    let resolve = () => {}
    const promise = new Promise<void>((done) => {
      resolve = done
    })
    bench.fault = (request) => {
      if (request.number === 11) resolve()
      return { kind: 'late', until: promise }
    }
    const headers = { authorization: `Bearer ${ACCOUNT.api_key}` }
    const ping = () => bench.io.fetch({ method: 'GET', url: 'https://us6.api.mailchimp.com/3.0/ping', headers })
    const statuses = (await Promise.all(Array.from({ length: 11 }, ping))).map((one) => one.status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(10)
    expect(statuses.filter((status) => status === 429)).toHaveLength(1)
  })

  test('when the vendor stops answering amid updates, the rest is not sent and comes again', async () => {
    const { bench, send } = await open()
    const updates = Array.from({ length: 40 }, (_, n) =>
      changeOf({ email: `p${n}@shop.test` }, { FNAME: `P${n}` }, { op: 'update' }),
    )
    bench.fault = (request) =>
      request.number > 11 ? { kind: 'answer', status: 429, headers: { 'retry-after': '3' } } : undefined
    const receipts = await send(...updates)
    expect(receipts.slice(0, 10).every((one) => one.outcome === 'written')).toBe(true)
    expect(receipts.at(-1)).toEqual({
      outcome: 'again',
      code: 'http_429',
      applied: 'no',
      after: 3_000,
      throttled: true,
    })
    expect(bench.emulator.counters().calls).toBeLessThan(18)
  })

  test('receipts are matched by address, whatever the order of the answer', async () => {
    const { bench, channel, place } = await open('mirror', {}, COLUMNS, { leavesOut: new Set(['d@shop.test']) })
    const others = ['b@shop.test', 'C@Example.com', 'd@shop.test'].map((email) => changeOf({ email }, { FNAME: 'x' }))
    const answers: Json[] = []
    const fetch: Io['fetch'] = async (request) => {
      const answer = await bench.io.fetch(request)
      if (request.method === 'POST') answers.push(JSON.parse(answer.body))
      return answer
    }
    const listening = mailchimp.open(ACCOUNT, { ...bench.io, fetch })
    expect(await listening.send([ADA, ...others], place, SLOT)).toEqual([
      { outcome: 'written', id: ADA_PATH.split('/').at(-1) },
      { outcome: 'written', id: createHash('md5').update('b@shop.test').digest('hex') },
      {
        outcome: 'refused',
        kind: 'row',
        code: 'ERROR_GENERIC',
        message: expect.stringContaining('<email> looks fake'),
      },
      { outcome: 'again', code: 'no_result', applied: 'maybe' },
    ])
    expect(answers).toMatchObject([
      { new_members: [{ email_address: 'b@shop.test' }, { email_address: 'Ada@Shop.test' }], total_created: 3 },
    ])
    // What was left out was written all the same.
    expect(await channel.send(others.slice(2), place, SLOT)).toMatchObject([{ outcome: 'written' }])
  })

  test('check names the list or the merge field that is missing, and a wrong key', async () => {
    const { channel } = await open()
    await expect(channel.check({ ...INTO, list: 'nope' })).rejects.toMatchObject({ code: 'no_list', kind: 'config' })
    const field = await open('mirror', {}, { key: ['email'], fields: ['FNAME', 'CITY'] })
    await expect(field.channel.check(INTO)).rejects.toThrow('has no merge field "CITY"')
    const tag = await open('mirror', {}, { key: ['email'], fields: ['first_name'] })
    await expect(tag.channel.check(INTO)).rejects.toMatchObject({ code: 'bad_merge_tag' })
    const key = await open('mirror', {}, { key: ['id'], fields: [] })
    await expect(key.channel.check(INTO)).rejects.toMatchObject({ code: 'bad_key' })
  })

  test('a key without a data centre is named before anything is sent', async () => {
    const { bench } = await open()
    const channel = mailchimp.open({ api_key: 'plain' }, bench.io)
    await expect(channel.check(INTO)).rejects.toMatchObject({ kind: 'config', code: 'no_data_centre' })
    expect(bench.seen).toEqual([])
  })

  test('all contacts are read, page after page, with every merge field', async () => {
    const { bench, channel, send, place, lines } = await open()
    const many = Array.from({ length: 1_001 }, (_, n) => changeOf({ email: `p${n}@shop.test` }, { FNAME: `P ${n}` }))
    for (let n = 0; n < many.length; n += 500) await send(...many.slice(n, n + 500))
    bench.seen.length = 0
    const held = new Map<unknown, unknown>()
    for await (const { key, fields } of channel.read?.('all', place) ?? []) held.set(key.email, fields)
    expect(held.size).toBe(1_001)
    expect(held.get('p1000@shop.test')).toEqual({ FNAME: 'P 1000', LTV: '' })
    expect(lines()).toEqual(['GET /3.0/lists/abc123/members', 'GET /3.0/lists/abc123/members'])
    expect(bench.seen.map(({ query }) => [query.get('count'), query.get('offset')])).toEqual([
      ['1000', '0'],
      ['1000', '1000'],
    ])
  })

  test('a list that is not there cannot be read', async () => {
    const { channel, place } = await open()
    const all = channel.read?.('all', { ...place, list: 'nope' })[Symbol.asyncIterator]()
    await expect(all?.next()).rejects.toMatchObject({ kind: 'config', code: 'no_list' })
  })
})
