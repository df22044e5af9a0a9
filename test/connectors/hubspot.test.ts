import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Change, HttpRequest, Io, LeaveAction, Mode } from '../../src/connectors/connector.ts'
import { hubspotStand, hubspotVendor } from '../../src/connectors/hubspot/emulator.ts'
import type { HubspotOptions } from '../../src/connectors/hubspot/emulator-account.ts'
import { hubspot } from '../../src/connectors/hubspot/index.ts'
import { connectorContract } from '../contract/connector.ts'
import { inline } from '../support/inline.ts'
import { type Bench, changeOf, NOW, openBench } from '../support/vendor.ts'

const TOKEN = 'canary-hubspot-token'
const ACCOUNT = { token: TOKEN, tier: 'free' as const, max_api_usage: 0.8 }
const INTO = { object: 'contacts', create_list: false }
const COLUMNS: Io['columns'] = { key: ['email'], fields: ['firstname', 'visits'] }
const SLOT = { run: 'r', window: 0, batch: 0 }
const OBJECTS: HubspotOptions['objects'] = new Map([
  [
    'contacts',
    [
      { name: 'firstname' },
      { name: 'interests' },
      { name: 'visits', type: 'number' },
      { name: 'birthday', type: 'date' },
      { name: 'seen_at', type: 'datetime' },
      { name: 'createdate', readOnly: true },
      { name: 'shop_id', unique: true },
    ],
  ],
  ['companies', [{ name: 'name' }, { name: 'domain' }, { name: 'shop_id', unique: true }]],
  ['p_pets', [{ name: 'name' }, { name: 'tag', unique: true }]],
])

function vendor(more: Partial<HubspotOptions> = {}) {
  return hubspotVendor({ token: TOKEN, objects: OBJECTS, now: () => NOW, ...more })
}

connectorContract({
  connector: hubspot,
  account: ACCOUNT,
  into: INTO,
  secrets: [TOKEN],
  columns: COLUMNS,
  vendor: (now = () => NOW) => vendor({ now }),
  row: (n) => ({ key: { email: `p${n}@shop.test` }, fields: { firstname: `Person ${n}`, visits: n } }),
  bad: { key: { email: 'no address' }, fields: { firstname: 'Bad' } },
  leave: { verb: 'archive' },
  isWrite: ({ method, path }) => method !== 'GET' && !path.endsWith('/batch/read') && !path.startsWith('/oauth/'),
  wholeRefused: {
    status: 400,
    body: { status: 'error', message: 'Invalid input JSON', category: 'VALIDATION_ERROR' },
  },
})

interface Opening extends Partial<HubspotOptions> {
  readonly mode?: Mode
  readonly into?: Partial<typeof INTO> & { readonly list?: string }
  readonly columns?: Io['columns']
  readonly account?: Parameters<typeof hubspot.open>[0]
}

async function open({ mode = 'mirror', into = {}, columns = COLUMNS, account = ACCOUNT, ...more }: Opening = {}) {
  const bench = await openBench(vendor(more), { columns, mode })
  const channel = hubspot.open(account, bench.io)
  const place = { ...INTO, ...into }
  const send = (...batch: readonly Change[]) => channel.send(batch, place, SLOT)
  const leave = (action: LeaveAction, ...keys: readonly Change['key'][]) =>
    send(...keys.map((key) => changeOf(key, {}, { op: 'remove', leave: action })))
  const held = (name: string) => bench.emulator.contents().find((one) => one.place === name)?.rows ?? []
  const lines = () => bench.seen.map((one) => `${one.method} ${one.path}`)
  return { bench, channel, place, send, leave, held, lines, check: () => channel.check(place) }
}

/** Somebody else does something just before the first request to a path. */
function before(bench: Bench, path: string, other: HttpRequest): Io['fetch'] {
  let left = 1
  return async (request) => {
    if (request.url.endsWith(path) && left-- > 0) await bench.io.fetch(other)
    return bench.io.fetch(request)
  }
}

function archive(id: string): HttpRequest {
  return {
    method: 'POST',
    url: 'https://api.hubapi.com/crm/v3/objects/contacts/batch/archive',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ inputs: [{ id }] }),
  }
}

const ADA = changeOf({ email: 'Ada@Shop.test' }, { firstname: 'Ada' })
const BOB = changeOf({ email: 'bob@shop.test' }, { firstname: 'Bob' })
const LIST = { list: 'Big spenders', create_list: true }

describe('HubSpot records', () => {
  test('are written in one call, each input with its key, its id property and a trace', async () => {
    const { bench, send, held } = await open()
    expect(await send(ADA)).toEqual([{ outcome: 'written', id: '501' }])
    expect(bench.seen).toHaveLength(1)
    expect(bench.seen[0]?.path).toBe('/crm/v3/objects/contacts/batch/upsert')
    expect(JSON.parse(bench.seen[0]?.body ?? '')).toEqual({
      inputs: [
        {
          id: 'Ada@Shop.test',
          idProperty: 'email',
          objectWriteTraceId: 'row-0',
          properties: { email: 'Ada@Shop.test', firstname: 'Ada' },
        },
      ],
    })
    expect(held('contacts')).toEqual([{ email: 'ada@shop.test', firstname: 'Ada', hs_object_id: '501' }])
  })

  test('values travel as text: lists by semicolon, moments to the millisecond, null as nothing', async () => {
    const { bench, send, held } = await open()
    await send(changeOf({ email: 'a@shop.test' }, { firstname: 'A', visits: 1 }))
    const fields = {
      firstname: null,
      visits: 7.5,
      interests: ['a', 'b'],
      birthday: '1990-02-28',
      seen_at: '2026-11-22T12:00:00.123456Z',
    }
    expect(await send(changeOf({ email: 'a@shop.test' }, fields, { op: 'update' }))).toMatchObject([
      { outcome: 'written' },
    ])
    expect(JSON.parse(bench.seen.at(-1)?.body ?? '').inputs[0].properties).toEqual({
      email: 'a@shop.test',
      firstname: '',
      visits: '7.5',
      interests: 'a;b',
      birthday: '1990-02-28',
      seen_at: '2026-11-22T12:00:00.123Z',
    })
    expect(held('contacts')).toEqual([
      {
        email: 'a@shop.test',
        visits: '7.5',
        interests: 'a;b',
        birthday: '1990-02-28',
        seen_at: '2026-11-22T12:00:00.123Z',
        hs_object_id: '501',
      },
    ])
  })

  test('a row is refused in the words of the vendor, the others are written', async () => {
    const { send, held } = await open()
    const receipts = await send(
      changeOf({ email: 'a@shop.test' }, { visits: 'many' }),
      BOB,
      changeOf({ email: 'nobody' }, {}),
      ADA,
    )
    expect(receipts).toMatchObject([
      { outcome: 'refused', kind: 'row', code: 'INVALID_NUMBER' },
      { outcome: 'written' },
      { outcome: 'refused', kind: 'row', code: 'INVALID_EMAIL' },
      { outcome: 'written' },
    ])
    expect(held('contacts')).toMatchObject([{ email: 'bob@shop.test' }, { email: 'ada@shop.test' }])
  })

  test('keys that differ in case only are one record: the second is refused', async () => {
    const { send, held } = await open()
    expect(await send(ADA, changeOf({ email: 'ADA@shop.test' }), changeOf({ email: '' }))).toMatchObject([
      { outcome: 'written' },
      { outcome: 'refused', code: 'same_record' },
      { outcome: 'refused', code: 'no_key' },
    ])
    expect(held('contacts')).toMatchObject([{ firstname: 'Ada' }])
  })

  test('an address that another record has is a conflict of that row', async () => {
    const { send } = await open({ columns: { key: ['shop_id'], fields: ['email'] } })
    await send(changeOf({ shop_id: '1' }, { email: 'a@shop.test' }))
    expect(
      await send(
        changeOf({ shop_id: '2' }, { email: 'a@shop.test' }),
        changeOf({ shop_id: '3' }, { email: 'b@shop.test' }),
      ),
    ).toMatchObject([{ outcome: 'refused', code: 'CONFLICT' }, { outcome: 'written' }])
  })

  test('an answer without results and errors leaves it open whether anything was written', async () => {
    const { send } = await open({ loses: ({ path }) => path.endsWith('/upsert') })
    expect(await send(ADA, BOB)).toEqual([
      { outcome: 'again', code: 'silent_failure', applied: 'maybe' },
      { outcome: 'again', code: 'silent_failure', applied: 'maybe' },
    ])
  })

  test('results are known by their trace, without it by their key', async () => {
    const { bench, send } = await open()
    const results = [
      { id: 2, properties: { email: 'bob@shop.test' } },
      { id: '1', properties: {}, objectWriteTraceId: 'row-0' },
    ]
    bench.fault = () => ({ kind: 'answer', status: 200, body: { status: 'COMPLETE', results } })
    expect(await send(ADA, BOB, changeOf({ email: 'c@shop.test' }))).toEqual([
      { outcome: 'written', id: '1' },
      { outcome: 'written', id: '2' },
      { outcome: 'again', code: 'no_result', applied: 'maybe' },
    ])
  })

  test('100 records are a call; the vendor refuses 101', async () => {
    const { bench, send, held } = await open()
    const people = (count: number) => Array.from({ length: count }, (_, n) => changeOf({ email: `p${n}@shop.test` }))
    expect(hubspot.limits(ACCOUNT, INTO, { upsert: 0, remove: 0 }).upsert.rows).toBe(100)
    await send(...people(100))
    expect(held('contacts')).toHaveLength(100)
    expect(bench.emulator.counters().calls).toBe(1)
    await expect(send(...people(101))).rejects.toMatchObject({ kind: 'batch' })
  })

  test('mode update makes nobody, and goes by record id since no address is taken there', async () => {
    const { bench, send, held, lines } = await open({ mode: 'update' })
    expect(await send(ADA)).toMatchObject([{ outcome: 'refused', code: 'OBJECT_NOT_FOUND' }])
    const other = await open()
    await other.send(ADA)
    const channel = hubspot.open(ACCOUNT, { ...other.bench.io, mode: 'update' })
    const fields = changeOf({ email: 'ada@shop.test' }, { firstname: 'Ada L.' })
    expect(await channel.send([BOB, fields], INTO, SLOT)).toMatchObject([
      { outcome: 'refused' },
      { outcome: 'written', id: '501' },
    ])
    expect(other.lines().slice(-2)).toEqual([
      'POST /crm/v3/objects/contacts/batch/read',
      'POST /crm/v3/objects/contacts/batch/update',
    ])
    expect(other.held('contacts')).toMatchObject([{ firstname: 'Ada L.' }])
    expect(held('contacts')).toEqual([])
    expect([bench.seen.length, lines()]).toEqual([1, ['POST /crm/v3/objects/contacts/batch/read']])
  })

  test('mode insert makes who is missing and leaves alone who is there, however often it is sent', async () => {
    const { bench, send, held, lines } = await open({ mode: 'insert', into: LIST })
    await hubspot.open(ACCOUNT, bench.io).send([BOB], INTO, SLOT)
    bench.seen.length = 0
    const again = changeOf(BOB.key, { firstname: 'Robert' })
    for (let n = 0; n < 2; n++)
      expect(await send(ADA, again, changeOf({ email: 'bad' }))).toMatchObject([
        { outcome: 'written', id: '502' },
        { outcome: 'written', id: '501' },
        { outcome: 'refused', code: 'INVALID_EMAIL' },
      ])
    expect(held('contacts')).toMatchObject([{ firstname: 'Bob' }, { firstname: 'Ada' }])
    expect(held('list 1')).toHaveLength(2)
    expect(lines().slice(2, 5)).toEqual([
      'POST /crm/v3/objects/contacts/batch/read',
      'POST /crm/v3/objects/contacts/batch/create',
      'PUT /crm/v3/lists/1/memberships/add',
    ])
    const create = bench.seen.find(({ path }) => path.endsWith('/batch/create'))
    expect(JSON.parse(create?.body ?? '').inputs[0]).toEqual({
      objectWriteTraceId: 'row-0',
      properties: { email: 'Ada@Shop.test', firstname: 'Ada' },
    })
  })

  test('mode insert: somebody who comes in between has the whole batch refused, and is found by the next try', async () => {
    const { bench } = await open({ mode: 'insert' })
    const url = 'https://api.hubapi.com/crm/v3/objects/contacts/batch/create'
    const headers = { authorization: `Bearer ${TOKEN}` }
    const body = JSON.stringify({ inputs: [{ properties: { email: 'bob@shop.test' } }] })
    const fetch = before(bench, '/batch/create', { method: 'POST', url, headers, body })
    const channel = hubspot.open(ACCOUNT, { ...bench.io, fetch })
    await expect(channel.send([ADA, BOB], INTO, SLOT)).rejects.toMatchObject({ kind: 'batch', code: 'CONFLICT' })
    expect(await channel.send([ADA, BOB], INTO, SLOT)).toMatchObject([{ id: '502' }, { id: '501' }])
  })

  test('look-ups amid sending take no turn of their own, for which they would wait for ever', async () => {
    const { bench, send } = await open()
    await send(ADA)
    const patiently = () => new Promise<never>(() => undefined)
    const channel = hubspot.open(ACCOUNT, { ...bench.io, mode: 'update', patiently })
    const gone = { op: 'remove', leave: { verb: 'archive' }, destinationId: '501' } as const
    expect(await channel.send([changeOf(ADA.key, { firstname: 'A' })], INTO, SLOT)).toMatchObject([
      { outcome: 'written' },
    ])
    expect(await channel.send([changeOf({ email: 'x@shop.test' }, {}, gone)], INTO, SLOT)).toHaveLength(1)
  })

  test("records that exist can be updated by HubSpot's own id", async () => {
    const columns = { key: ['hs_object_id'], fields: ['firstname'] }
    const { bench, send } = await open()
    await send(ADA)
    const channel = hubspot.open(ACCOUNT, { ...bench.io, mode: 'update', columns })
    await channel.check(INTO)
    await channel.send([changeOf({ hs_object_id: '501' }, { firstname: 'A' })], INTO, SLOT)
    expect(bench.emulator.contents()[0]?.rows).toMatchObject([{ firstname: 'A' }])
    const upsert = await open({ columns })
    await expect(upsert.check()).rejects.toMatchObject({ kind: 'config', code: 'bad_key' })
    await expect(upsert.send(changeOf({ hs_object_id: '5' }))).rejects.toMatchObject({ code: 'bad_key' })
  })

  test('companies and custom objects go by a property with unique values', async () => {
    const companies = await open({
      into: { object: 'companies' },
      columns: { key: ['shop_id'], fields: ['name'] },
    })
    await companies.check()
    await companies.send(changeOf({ shop_id: 'c1' }, { name: 'Acme' }))
    expect(companies.held('companies')).toMatchObject([{ shop_id: 'c1', name: 'Acme' }])
    const pets = await open({ into: { object: 'p_pets' }, columns: { key: ['tag'], fields: ['name'] } })
    await pets.check()
    await pets.send(changeOf({ tag: 't1' }, { name: 'Rex' }))
    expect(pets.held('p_pets')).toMatchObject([{ tag: 't1', name: 'Rex' }])
  })
})

describe('a HubSpot list', () => {
  test('is made before the first write, and what was written becomes its member', async () => {
    const { send, held, lines, check } = await open({ into: LIST })
    await check()
    expect(held('list 1')).toEqual([])
    await send(ADA, BOB, changeOf({ email: 'bad' }))
    expect(lines().slice(-4)).toEqual([
      'GET /crm/v3/lists/object-type-id/0-1/name/Big spenders',
      'POST /crm/v3/lists',
      'POST /crm/v3/objects/contacts/batch/upsert',
      'PUT /crm/v3/lists/1/memberships/add',
    ])
    expect(held('list 1').map((one) => one.email)).toEqual(['ada@shop.test', 'bob@shop.test'])
    await send(changeOf({ email: 'c@shop.test' }))
    expect(lines().slice(-2)).toEqual([
      'POST /crm/v3/objects/contacts/batch/upsert',
      'PUT /crm/v3/lists/1/memberships/add',
    ])
  })

  test('of a custom object is made for its type', async () => {
    const columns = { key: ['tag'], fields: ['name'] }
    const { bench, send } = await open({ into: { ...LIST, object: 'p_pets' }, columns })
    await send(changeOf({ tag: 't1' }))
    const made = bench.seen.find((one) => one.method === 'POST' && one.path === '/crm/v3/lists')
    expect(JSON.parse(made?.body ?? '')).toEqual({
      name: 'Big spenders',
      objectTypeId: '2-3453932',
      processingType: 'MANUAL',
    })
  })

  test('an update of a member is no second membership; one of a record that was made anew is', async () => {
    const { send, lines, held } = await open({ into: LIST })
    const [receipt] = await send(ADA)
    const id = receipt?.outcome === 'written' ? (receipt.id ?? '') : ''
    const update = changeOf(ADA.key, { firstname: 'A' }, { op: 'update', destinationId: id })
    await send(update)
    expect(lines().at(-1)).toBe('POST /crm/v3/objects/contacts/batch/upsert')
    await send(changeOf(ADA.key, { firstname: 'A' }, { op: 'update', destinationId: '17' }))
    expect(lines().at(-1)).toBe('PUT /crm/v3/lists/1/memberships/add')
    expect(held('list 1')).toHaveLength(1)
  })

  test('who leaves it stays a contact', async () => {
    const { send, leave, held } = await open({ into: LIST })
    await send(ADA, BOB)
    expect(await leave({ verb: 'remove_from_list' }, { email: 'ada@shop.test' }, { email: 'x@shop.test' })).toEqual([
      { outcome: 'written' },
      { outcome: 'written' },
    ])
    expect(held('list 1').map((one) => one.email)).toEqual(['bob@shop.test'])
    expect(held('contacts')).toHaveLength(2)
  })

  test('somebody whose address was changed in HubSpot leaves it by the id of the receipt', async () => {
    const { bench, send, held } = await open({ into: LIST })
    await send(ADA)
    const renamed = hubspot.open(ACCOUNT, { ...bench.io, mode: 'update' })
    const hubspotId = { columns: { key: ['hs_object_id'], fields: ['email'] } }
    const byId = hubspot.open(ACCOUNT, { ...bench.io, mode: 'update', ...hubspotId })
    await byId.send([changeOf({ hs_object_id: '501' }, { email: 'countess@shop.test' })], INTO, SLOT)
    const gone = { op: 'remove', leave: { verb: 'remove_from_list' }, destinationId: '501' } as const
    await renamed.send([changeOf(ADA.key, {}, gone)], { ...INTO, ...LIST }, SLOT)
    expect(held('list 1')).toEqual([])
  })

  test('a record that somebody archives before it is listed comes again', async () => {
    const { bench, place } = await open({ into: LIST })
    const archived = before(bench, '/memberships/add', archive('502'))
    expect(await hubspot.open(ACCOUNT, { ...bench.io, fetch: archived }).send([ADA, BOB], place, SLOT)).toMatchObject([
      { outcome: 'written' },
      { outcome: 'again', code: 'not_listed', applied: 'maybe' },
    ])
  })

  test.each([
    [500, { outcome: 'again', applied: 'maybe' }],
    [429, { outcome: 'again', applied: 'maybe', throttled: true }],
  ])('what was written but not listed for a %i comes again, and the refused stay so', async (status, receipt) => {
    const { bench, send } = await open({ into: LIST })
    bench.fault = ({ path }) => (path.endsWith('/memberships/add') ? { kind: 'answer', status } : undefined)
    expect(await send(ADA, changeOf({ email: 'bad' }))).toMatchObject([receipt, { outcome: 'refused' }])
  })

  test('a right that is missing for the list stops the sync, and says that records were written', async () => {
    const scopes = ['crm.objects.contacts.write', 'crm.objects.contacts.read', 'crm.lists.read']
    const { send } = await open({ into: { list: '7' }, scopes, lists: [{ id: '7', name: 'Seven' }] })
    await expect(send(ADA)).rejects.toMatchObject({ kind: 'auth', applied: 'maybe' })
  })

  test('that is missing, active or of another object is found before anything is written', async () => {
    const lists = [
      { id: '7', name: 'Active', type: 'DYNAMIC' as const },
      { id: '8', name: 'Firms', object: 'companies' },
    ]
    for (const [list, code] of [
      ['9', 'no_list'],
      ['Nobody', 'no_list'],
      ['7', 'active_list'],
      ['Active', 'active_list'],
      ['8', 'other_list'],
    ] as const) {
      const { check, send, held } = await open({ into: { list }, lists })
      await expect(check()).rejects.toMatchObject({ kind: 'config', code })
      await expect(send(ADA)).rejects.toMatchObject({ kind: 'config', code })
      expect(held('contacts')).toEqual([])
    }
  })

  test('two batches at once make it once', async () => {
    const { send, lines } = await open({ into: LIST })
    await Promise.all([send(ADA), send(BOB)])
    expect(lines().filter((line) => line === 'POST /crm/v3/lists')).toHaveLength(1)
  })

  test('is read as its members, page after page, while keys find contacts outside it, too', async () => {
    const { channel, place, send, bench, lines } = await open({ into: LIST })
    await hubspot.open(ACCOUNT, bench.io).send([BOB], INTO, SLOT)
    const many = Array.from({ length: 260 }, (_, n) => changeOf({ email: `p${n}@shop.test` }))
    for (let at = 0; at < many.length; at += 100) await send(...many.slice(at, at + 100))
    bench.seen.length = 0
    const keys: unknown[] = []
    for await (const { key } of channel.read?.('all', place) ?? []) keys.push(key.email)
    expect(keys.sort()).toEqual(many.map(({ key }) => key.email).sort())
    expect(lines().filter((line) => line.endsWith('/memberships'))).toHaveLength(2)
    const found: unknown[] = []
    for await (const row of channel.read?.([BOB.key], place) ?? []) found.push(row)
    expect(found).toEqual([{ key: { email: 'bob@shop.test' }, fields: { firstname: 'Bob', visits: null } }])
  })
})

describe('leaving HubSpot', () => {
  const ada = { email: 'ada@shop.test' }

  test('a property is cleared or set, and who is not there has left', async () => {
    const { send, leave, held } = await open()
    await send(ADA, BOB)
    await leave({ verb: 'clear', argument: 'firstname' }, ada, { email: 'x@shop.test' })
    expect(held('contacts')).toMatchObject([{ email: 'ada@shop.test' }, { firstname: 'Bob' }])
    expect(held('contacts')[0]).not.toHaveProperty('firstname')
    expect(await leave({ verb: 'set', argument: 'firstname=Former' }, ada, { email: 'BOB@shop.test' })).toEqual([
      { outcome: 'written', id: '501' },
      { outcome: 'written', id: '502' },
    ])
    expect(held('contacts')).toMatchObject([{ firstname: 'Former' }, { firstname: 'Former' }])
    await expect(leave({ verb: 'set', argument: 'x' }, ada)).rejects.toMatchObject({ code: 'bad_leave' })
  })

  test('mail ends for one subscription or for all, for an address without a contact too', async () => {
    const { bench, send, leave, held } = await open({ into: { legal_basis: 'NON_GDPR' } as object })
    await send(ADA)
    expect(await leave({ verb: 'unsubscribe_from', argument: '7' }, ada, { email: 'x@shop.test' })).toEqual([
      { outcome: 'written' },
      { outcome: 'written' },
    ])
    expect(bench.seen.at(-1)?.path).toBe('/communication-preferences/v4/statuses/x@shop.test')
    expect(JSON.parse(bench.seen.at(-1)?.body ?? '')).toEqual({
      subscriptionId: 7,
      statusState: 'UNSUBSCRIBED',
      channel: 'EMAIL',
      legalBasis: 'NON_GDPR',
    })
    await leave({ verb: 'unsubscribe' }, ada)
    expect(bench.seen.at(-1)?.query.get('channel')).toBe('EMAIL')
    expect(held('opted out')).toEqual([
      { email: 'ada@shop.test', from: [7, 'all'] },
      { email: 'x@shop.test', from: [7] },
    ])
  })

  test('where the key is no address, mail ends for that of the contact', async () => {
    const { send, leave, held } = await open({ columns: { key: ['shop_id'], fields: ['email'] } })
    await send(changeOf({ shop_id: '1' }, { email: 'a@shop.test' }), changeOf({ shop_id: '2' }))
    expect(await leave({ verb: 'unsubscribe' }, { shop_id: '1' }, { shop_id: '2' }, { shop_id: '3' })).toHaveLength(3)
    expect(held('opted out')).toEqual([{ email: 'a@shop.test', from: ['all'] }])
  })

  test('who was deleted for ever can never come back', async () => {
    const { send, leave, held } = await open({ into: LIST })
    await send(ADA)
    expect(await leave({ verb: 'gdpr_delete' }, ada, { email: 'x@shop.test' })).toHaveLength(2)
    expect([held('contacts'), held('list 1')]).toEqual([[], []])
    expect(await send(ADA, BOB)).toMatchObject([{ outcome: 'refused' }, { outcome: 'written' }])
  })

  test('a contact with another key is deleted by its record', async () => {
    const { send, leave, held } = await open({ columns: { key: ['shop_id'], fields: ['email'] } })
    await send(changeOf({ shop_id: '1' }, { email: 'a@shop.test' }))
    await leave({ verb: 'gdpr_delete' }, { shop_id: '1' }, { shop_id: '2' })
    expect(held('contacts')).toEqual([])
  })

  test('only contacts are unsubscribed or deleted for ever; a list is needed to leave one', async () => {
    const columns = { key: ['shop_id'], fields: [] }
    const { leave } = await open({ into: { object: 'companies' }, columns })
    for (const verb of ['unsubscribe', 'gdpr_delete', 'remove_from_list', 'forget'])
      await expect(leave({ verb }, { shop_id: '1' })).rejects.toMatchObject({ kind: 'config', code: 'bad_leave' })
  })

  test('one request a person stops where the rate is used up, and the rest comes again', async () => {
    const { leave, bench } = await open({ calls: { window: 3, day: 1_000 } })
    const people = Array.from({ length: 5 }, (_, n) => ({ email: `p${n}@shop.test` }))
    const receipts = await leave({ verb: 'unsubscribe' }, ...people)
    expect(receipts.map((one) => one.outcome)).toEqual(['written', 'written', 'written', 'again', 'again'])
    expect(receipts[4]).toEqual({
      outcome: 'again',
      code: 'rate_used_up',
      applied: 'no',
      after: 10_000,
      throttled: true,
    })
    expect(bench.seen).toHaveLength(3)
    await expect(leave({ verb: 'unsubscribe' }, ...people)).rejects.toMatchObject({ kind: 'throttle', after: 10_000 })
  })

  test('one request a person: nobody there is an error of the batch, one lost answer is that of its row', async () => {
    const { leave, bench } = await open()
    const people = ['a', 'b', 'c'].map((name) => ({ email: `${name}@shop.test` }))
    bench.fault = () => ({ kind: 'reset', effect: true })
    await expect(leave({ verb: 'unsubscribe' }, ...people)).rejects.toMatchObject({
      kind: 'transient',
      applied: 'maybe',
    })
    bench.fault = ({ number }) => (number === 3 ? { kind: 'reset', effect: true } : undefined)
    expect(await leave({ verb: 'unsubscribe' }, ...people)).toMatchObject([
      { outcome: 'written' },
      { outcome: 'again', applied: 'maybe' },
      { outcome: 'again', applied: 'no' },
    ])
  })

  test('one request a person goes on after a refusal, and stops at what concerns all', async () => {
    const { leave, bench } = await open()
    bench.fault = ({ number }) => (number === 3 ? { kind: 'answer', status: 423 } : undefined)
    const people = ['a@shop.test', 'nobody', 'b@shop.test', 'c@shop.test'].map((email) => ({ email }))
    expect(await leave({ verb: 'unsubscribe' }, ...people)).toMatchObject([
      { outcome: 'written' },
      { outcome: 'refused', code: 'VALIDATION_ERROR' },
      { outcome: 'again', code: 'http_423', after: 2_000 },
      { outcome: 'again', applied: 'no' },
    ])
  })
})

describe("HubSpot's quotas", () => {
  test('the rate and the day are those of the subscription, half the batches where each takes two calls', () => {
    const limits = (account: object, into: object = {}) =>
      hubspot.limits({ ...ACCOUNT, ...account }, { ...INTO, ...into }, { upsert: 0, remove: 0 }).upsert
    expect(limits({})).toMatchObject({ calls: 100, perMs: 10_000, perDay: 250_000 })
    expect(limits({ tier: 'professional' })).toMatchObject({ calls: 190, perDay: 650_000 })
    expect(limits({ tier: 'enterprise' }, { list: 'x' })).toMatchObject({ calls: 93, requests: 2, perDay: 1_000_000 })
    expect(limits({ calls: 250, daily_calls: 2_000_000 })).toMatchObject({ calls: 250, perDay: 2_000_000 })
    expect(limits({ token: undefined })).not.toHaveProperty('perDay')
  })

  test('every answer tells what is left: a pause for the window, an end for the day', async () => {
    let now = NOW
    const { bench, send } = await open({ calls: { window: 2, day: 10 }, now: () => now })
    const answers: unknown[] = []
    const fetch = async (request: Parameters<Io['fetch']>[0]) => {
      const answer = await bench.io.fetch(request)
      answers.push(hubspot.pace?.(ACCOUNT, answer, now))
      return answer
    }
    const channel = hubspot.open(ACCOUNT, { ...bench.io, fetch })
    for (let call = 0; call < 8; call++) {
      await channel.send([ADA], INTO, SLOT)
      if (call % 2 === 1) now += 10_000
    }
    expect(answers.slice(0, 4)).toEqual([
      undefined,
      { kind: 'pause', for: 10_000 },
      undefined,
      { kind: 'pause', for: 10_000 },
    ])
    expect(answers.at(-1)).toMatchObject({ kind: 'stop', why: expect.stringContaining('8 of its 10 API calls') })
    await send(ADA)
    await send(ADA)
    await expect(send(ADA)).rejects.toMatchObject({ kind: 'throttle', code: 'DAILY' })
    now += 86_400_000
    expect(await send(ADA)).toMatchObject([{ outcome: 'written' }])
  })
})

describe("HubSpot's check", () => {
  test.each([
    ['a property that is missing', { columns: { key: ['email'], fields: ['nope'] } }, 'no property "nope"'],
    ['one that cannot be written', { columns: { key: ['email'], fields: ['createdate'] } }, '"createdate"'],
    ['a key that is not unique', { columns: { key: ['firstname'], fields: [] } }, 'cannot be the key'],
    ['two keys', { columns: { key: ['email', 'shop_id'], fields: [] } }, 'must be one property'],
    ['an object that is missing', { into: { object: 'p_none' } }, 'no object "p_none"'],
    ['a scope', { scopes: ['crm.objects.contacts.read'] }, 'crm.objects.contacts.write'],
    ['a scope of lists', { into: { list: '7' }, scopes: ['crm.objects.contacts.read'] }, 'crm.lists.write'],
    [
      'companies by their domain',
      { into: { object: 'companies' }, columns: { key: ['domain'], fields: [] } },
      'unique',
    ],
  ] as const)('names %s', async (_, opening, words) => {
    const { check } = await open(opening as Opening)
    await expect(check()).rejects.toThrow(words)
  })

  test.each<readonly [LeaveAction, string]>([
    [{ verb: 'clear', argument: 'nope' }, 'no property "nope"'],
    [{ verb: 'set', argument: 'createdate=2026-01-01' }, '"createdate" of "contacts" cannot be written'],
    [{ verb: 'set', argument: 'firstname' }, 'takes a field and its value'],
  ])('looks at what is done to who leaves: %j', async (act, words) => {
    const { bench, place } = await open()
    const check = (acts: readonly LeaveAction[]) => hubspot.open(ACCOUNT, { ...bench.io, acts }).check(place)
    await check([{ verb: 'set', argument: 'firstname=Former' }, { verb: 'unsubscribe' }])
    await expect(check([act])).rejects.toThrow(words)
  })

  test('a token that does not tell its scopes is no reason to stop', async () => {
    const { bench, check } = await open()
    bench.fault = ({ path }) => (path.startsWith('/oauth/') ? { kind: 'answer', status: 404 } : undefined)
    await check()
  })
})

describe('an OAuth app at HubSpot', () => {
  const OAUTH = { client_id: 'app', client_secret: 'canary-client-secret', refresh_token: 'canary-refresh' }
  const account = { ...OAUTH, tier: 'free' as const, max_api_usage: 0.8 }
  const oauth = { clientId: 'app', clientSecret: OAUTH.client_secret, refreshToken: OAUTH.refresh_token }

  test('logs in once, and again when the token has run out', async () => {
    let now = NOW
    const { send, lines } = await open({ account, token: undefined, oauth, now: () => now })
    await send(ADA)
    await send(ADA)
    expect(lines()).toEqual([
      'POST /oauth/v1/token',
      'POST /crm/v3/objects/contacts/batch/upsert',
      'POST /crm/v3/objects/contacts/batch/upsert',
    ])
    // Only the vendor's clock moves on: the connector learns it by a 401.
    now += 31 * 60_000
    expect(await send(ADA)).toMatchObject([{ outcome: 'written' }])
    expect(lines().slice(3)).toEqual([
      'POST /crm/v3/objects/contacts/batch/upsert',
      'POST /oauth/v1/token',
      'POST /crm/v3/objects/contacts/batch/upsert',
    ])
  })

  test('a refresh token that was withdrawn is an error of authorisation without the token', async () => {
    const { check } = await open({ account: { ...account, refresh_token: 'canary-old' }, token: undefined, oauth })
    const thrown: unknown = await check().catch((one) => one)
    expect(thrown).toMatchObject({ kind: 'auth', code: 'no_login' })
    expect(String(thrown)).not.toContain('canary')
  })

  test('the account takes either kind of credential', () => {
    expect(hubspot.account.safeParse({ token: 't' }).success).toBe(true)
    expect(hubspot.account.safeParse(OAUTH).success).toBe(true)
    expect(hubspot.account.safeParse({ ...OAUTH, token: 't' }).success).toBe(false)
    expect(hubspot.account.safeParse({ client_id: 'app' }).success).toBe(false)
  })
})

describe("the page's example", () => {
  test('is complete: a project reads it as it stands', async () => {
    const page = readFileSync(new URL('../../docs/destinations/hubspot.md', import.meta.url), 'utf8')
    const example = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
    const traits = ['email', 'first_name', 'lifetime_value', 'favourite_categories']
    const models = `
sources:
  people: { file: people.csv, category: profile, key: email, identifiers: { email: email } }
entities:
  customer: { identifiers: { email: {} } }
traits:
  customer:
${traits.map((name) => `    ${name}: { pick: ${name}, from: [people], by: priority }`).join('\n')}
segments:
  vips: { where: lifetime_value is not null }
`
    const files = { 'models/all.yaml': models, 'people.csv': `${traits.join(',')}\n`, 'destinations/it.yaml': example }
    const made = await inline(files)
    await made.close()
    const sync = made.project.syncs.get('vips_to_hubspot')
    expect(sync).toMatchObject({ onLeave: { verb: 'remove_from_list' }, onWithdraw: { verb: 'unsubscribe' } })
    expect(sync?.into).toEqual({ object: 'contacts', list: 'VIPs', create_list: true })
  })
})

describe('what stands in for HubSpot', () => {
  test('has the properties and lists that the syncs name, and tells accounts apart', async () => {
    const stand = hubspotStand({ token: TOKEN })
    const places = [{ into: { object: 'contacts', list: 'Big spenders' }, columns: COLUMNS }]
    const bench = await openBench(
      stand.vendor(places, () => NOW),
      { columns: COLUMNS },
    )
    const channel = hubspot.open(ACCOUNT, bench.io)
    await channel.check({ ...INTO, list: 'Big spenders' })
    await channel.send([changeOf(ADA.key, { firstname: 'A', visits: 1 })], { ...INTO, list: 'Big spenders' }, SLOT)
    expect(bench.emulator.contents().map((one) => [one.place, one.rows.length])).toEqual([
      ['contacts', 1],
      ['list 900', 1],
    ])
    const url = new URL('https://api.hubapi.com/crm/v3/lists')
    const request = { method: 'GET', url: url.href, headers: { authorization: `Bearer ${TOKEN}` } } as const
    expect([stand.isHost(url), stand.claims(request, url)]).toEqual([true, true])
    expect(hubspotStand({ token: 'other' }).claims(request, url)).toBe(false)
  })
})
