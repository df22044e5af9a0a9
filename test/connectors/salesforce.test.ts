import { describe, expect, test } from 'vitest'
import type { Change, Io, LeaveAction, Mode } from '../../src/connectors/connector.ts'
import type { Account } from '../../src/connectors/salesforce/account.ts'
import { salesforceVendor } from '../../src/connectors/salesforce/emulator.ts'
import type { SalesforceOptions } from '../../src/connectors/salesforce/emulator-org.ts'
import { salesforce } from '../../src/connectors/salesforce/index.ts'
import type { Into } from '../../src/connectors/salesforce/into.ts'
import type { Seen } from '../../src/connectors/sandbox/sandbox.ts'
import { connectorContract, type HttpSubject } from '../contract/connector.ts'
import { changeOf, openBench } from '../support/vendor.ts'

const ACCOUNT = {
  domain: 'acme',
  client_id: 'app',
  client_secret: 'canary-client-secret',
  api_version: '67.0',
  max_api_usage: 0.8,
}
const INTO = salesforce.into.parse({ object: 'Contact' })
const COLUMNS: Io['columns'] = { key: ['Ext_Id__c'], fields: ['LastName', 'Email', 'Tier__c'] }
const SLOT = { run: 'r', window: 0, batch: 0 }
const ROOT = '/services/data/v67.0'
const TOKEN = '00Dsandbox!token-'

function vendor(options: Partial<SalesforceOptions> = {}) {
  return salesforceVendor({
    origin: 'https://acme.my.salesforce.com',
    clientId: 'app',
    clientSecret: ACCOUNT.client_secret,
    fields: new Map([['Contact', ['Ext_Id__c', 'Tier__c']]]),
    ...options,
  })
}

const isWrite = (request: Seen) => request.method !== 'GET' && !request.path.endsWith('/token')

const SUBJECT: Omit<HttpSubject<Account, Into>, 'into'> = {
  connector: salesforce,
  account: ACCOUNT,
  secrets: [ACCOUNT.client_secret, `${TOKEN}1`],
  columns: COLUMNS,
  // With a clock that runs, a full job takes a minute.
  vendor: (now) => vendor(now && { now, jobs: { perRecord: 6 } }),
  row: (n) => ({ key: { Ext_Id__c: `u${n}` }, fields: { LastName: `Person ${n}`, Tier__c: n } }),
  bad: { key: { Ext_Id__c: 'bad' }, fields: { LastName: 'Bad', Email: 'no address' } },
  leave: { verb: 'delete' },
  isWrite,
  // A job is made, uploaded and started; the three together take as long as a call.
  takes: ({ method, path }) => (path.includes('/jobs/ingest') && method !== 'PATCH' ? 0 : 1_000),
  wholeRefused: { status: 400, body: [{ errorCode: 'JSON_PARSER_ERROR', message: 'no' }] },
}

describe('as it is set by default', () => {
  connectorContract({ ...SUBJECT, into: INTO })
})

describe('where even many rows go by calls', () => {
  connectorContract({
    ...SUBJECT,
    into: { ...INTO, bulk_above: 1_000_000 },
    skip: [{ case: 'has a page that says what its definition says, and where credentials come from', why: 'one page' }],
  })
})

async function open(mode: Mode = 'mirror', columns: Io['columns'] = COLUMNS) {
  const bench = await openBench(vendor(), { columns, mode })
  const channel = salesforce.open(ACCOUNT, bench.io)
  const send = (...batch: readonly Change[]) => channel.send(batch, INTO, SLOT)
  const leave = (id: string, action: LeaveAction) =>
    send(changeOf({ Ext_Id__c: id }, {}, { op: 'remove', leave: action }))
  const held = () => bench.emulator.contents().flatMap((one) => one.rows)
  return { bench, channel, send, leave, held, lines: () => bench.seen.map((one) => `${one.method} ${one.path}`) }
}

const ADA = changeOf({ Ext_Id__c: 'u1' }, { LastName: 'Lovelace', Email: 'ada@shop.test' })

describe('Salesforce records', () => {
  test('are upserted by external id in one call after one login', async () => {
    const { bench, send, held, lines } = await open()
    const receipts = await send(ADA, changeOf({ Ext_Id__c: 'u2' }, { LastName: 'Hopper', Tier__c: null }))
    expect(receipts).toEqual([
      { outcome: 'written', id: '003000000000001AAA' },
      { outcome: 'written', id: '003000000000002AAA' },
    ])
    expect(lines()).toEqual(['POST /services/oauth2/token', `PATCH ${ROOT}/composite/sobjects/Contact/Ext_Id__c`])
    expect(Object.fromEntries(new URLSearchParams(bench.seen[0]?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'app',
      client_secret: ACCOUNT.client_secret,
    })
    expect(JSON.parse(bench.seen[1]?.body ?? '')).toEqual({
      allOrNone: false,
      records: [
        { attributes: { type: 'Contact' }, Ext_Id__c: 'u1', LastName: 'Lovelace', Email: 'ada@shop.test' },
        { attributes: { type: 'Contact' }, Ext_Id__c: 'u2', LastName: 'Hopper', Tier__c: null },
      ],
    })
    expect(held()).toMatchObject([{ Ext_Id__c: 'u1' }, { Ext_Id__c: 'u2', LastName: 'Hopper' }])
    await send(changeOf({ Ext_Id__c: 'U1' }, { LastName: 'King' }, { op: 'update' }))
    expect(held()).toMatchObject([{ LastName: 'King', Email: 'ada@shop.test' }, {}])
    expect(lines().filter((line) => line.endsWith('/token'))).toHaveLength(1)
  })

  test('a session that expired is renewed once, and requests that failed together share the login', async () => {
    const { bench, send, lines } = await open()
    await send(ADA)
    let expired = 0
    bench.fault = (request) =>
      request.method === 'PATCH' && request.headers.authorization === `Bearer ${TOKEN}1` && ++expired > 0
        ? { kind: 'answer', status: 401, body: [{ errorCode: 'INVALID_SESSION_ID', message: 'expired' }] }
        : undefined
    const receipts = await Promise.all([send(ADA), send(changeOf({ Ext_Id__c: 'u2' }, { LastName: 'B' }))])
    expect(receipts.flat().map((one) => one.outcome)).toEqual(['written', 'written'])
    expect(expired).toBe(2)
    expect(lines().filter((line) => line.endsWith('/token'))).toHaveLength(2)
  })

  test('a refused login says so without the secret', async () => {
    const { bench } = await open()
    const channel = salesforce.open({ ...ACCOUNT, client_secret: 'wrong-canary' }, bench.io)
    const error = await channel.check(INTO).catch((one: unknown) => one)
    expect(error).toMatchObject({ kind: 'auth', code: 'no_login' })
    expect(String(error)).toContain('invalid_client: invalid client credentials')
    expect(String(error)).not.toContain('wrong-canary')
  })

  test('a login that got no answer has changed no row', async () => {
    const { bench, send } = await open()
    bench.fault = () => ({ kind: 'reset', effect: true })
    await expect(send(ADA)).rejects.toMatchObject({ kind: 'transient', applied: 'no' })
    bench.fault = () => ({ kind: 'answer', status: 503 })
    await expect(send(ADA)).rejects.toMatchObject({ kind: 'transient', applied: 'no' })
    bench.fault = undefined
    expect(await send(ADA)).toMatchObject([{ outcome: 'written' }])
  })

  test('a login that names a foreign host is not followed', async () => {
    const { bench, send } = await open()
    bench.fault = (request) =>
      request.path.endsWith('/token')
        ? { kind: 'answer', status: 200, body: { access_token: 't', instance_url: 'https://evil.example' } }
        : undefined
    await expect(send(ADA)).rejects.toMatchObject({ kind: 'config', code: 'foreign_host' })
  })

  test('a value of the wrong JSON type is refused with the whole call', async () => {
    const { send } = await open()
    const wrong = changeOf({ Ext_Id__c: 'u9' }, { LastName: 'X', DoNotCall: 'maybe' })
    await expect(send(ADA, wrong)).rejects.toMatchObject({ kind: 'batch' })
  })

  test('a record that lacks a required field, and one with the key of another, are refused alone', async () => {
    const { send, held } = await open()
    const receipts = await send(
      ADA,
      changeOf({ Ext_Id__c: 'u2' }, { Email: 'b@shop.test' }),
      changeOf({ Ext_Id__c: 'U1' }, { LastName: 'Twin' }),
    )
    expect(receipts).toMatchObject([
      { outcome: 'written' },
      { outcome: 'refused', code: 'REQUIRED_FIELD_MISSING' },
      { outcome: 'refused', code: 'DUPLICATE_VALUE' },
    ])
    expect(held()).toHaveLength(1)
  })

  test('200 records are one call; the vendor refuses 201', async () => {
    const { bench, send, held } = await open()
    const records = (count: number) =>
      Array.from({ length: count }, (_, n) => changeOf({ Ext_Id__c: `n${n}` }, { LastName: 'N' }))
    expect(salesforce.limits(ACCOUNT, INTO, { upsert: 0, remove: 0 }).upsert.rows).toBe(200)
    expect(salesforce.limits(ACCOUNT, INTO, { upsert: 0, remove: 0 }).upsert.perDay).toBeUndefined()
    const bounded = { ...ACCOUNT, daily_calls: 15_000 }
    expect(salesforce.limits(bounded, INTO, { upsert: 0, remove: 0 }).upsert.perDay).toBe(15_000)
    await send(...records(200))
    expect(held()).toHaveLength(200)
    const alone = { ...INTO, allow_duplicates: true }
    const tooMany = salesforce.open(ACCOUNT, bench.io).send(records(201), alone, SLOT)
    await expect(tooMany).rejects.toMatchObject({ kind: 'batch' })
  })

  test('a parent is named by its external id', async () => {
    const { bench, send, held } = await open()
    await salesforce
      .open(ACCOUNT, bench.io)
      .send([changeOf({ Ext_Id__c: 'acc' }, { Name: 'Acme' })], salesforce.into.parse({ object: 'Account' }), SLOT)
    const receipts = await send(
      changeOf({ Ext_Id__c: 'u1' }, { LastName: 'A', 'Account.Ext_Id__c': 'acc' }),
      changeOf({ Ext_Id__c: 'u2' }, { LastName: 'B', 'Account.Ext_Id__c': 'none' }),
    )
    expect(JSON.parse(bench.seen.at(-1)?.body ?? '').records[0]).toMatchObject({ Account: { Ext_Id__c: 'acc' } })
    expect(receipts).toMatchObject([{ outcome: 'written' }, { outcome: 'refused', code: 'INVALID_FIELD' }])
    expect(held().at(-1)).toMatchObject({ AccountId: '001000000000001AAA' })
    const without = changeOf({ Ext_Id__c: 'u1' }, { 'Account.Ext_Id__c': null }, { op: 'update' })
    expect(await send(without)).toMatchObject([{ outcome: 'written' }])
    expect(held().at(-1)).toMatchObject({ AccountId: null, LastName: 'A' })
  })

  test('mode update makes no record', async () => {
    const upserting = await open()
    const { bench, send, held, lines } = await open('update')
    expect(await upserting.send(ADA)).toHaveLength(1)
    expect(await send(ADA)).toMatchObject([{ outcome: 'refused', code: 'NOT_FOUND' }])
    expect(held()).toEqual([])
    const [made] = await salesforce.open(ACCOUNT, { ...bench.io, mode: 'upsert' }).send([ADA], INTO, SLOT)
    expect(await send(changeOf({ Ext_Id__c: 'u1' }, { Tier__c: 2 }, { op: 'update' }))).toEqual([made])
    expect(lines().at(-1)).toBe(`PATCH ${ROOT}/composite/sobjects`)
    expect(held()).toMatchObject([{ LastName: 'Lovelace', Tier__c: 2 }])
  })

  test('leaving clears, sets, opts out or deletes, by the id that the ledger knows or by a query', async () => {
    const { bench, send, leave, held, lines } = await open()
    const odd = `it's \\ "1"\n`
    await send(changeOf({ Ext_Id__c: odd }, { LastName: 'L', Tier__c: 'gold' }))
    await leave(odd, { verb: 'clear', argument: 'Tier__c' })
    expect(lines().slice(-2)).toEqual([`GET ${ROOT}/query`, `PATCH ${ROOT}/composite/sobjects`])
    expect(held()).toMatchObject([{ Tier__c: null }])
    await leave(odd, { verb: 'set', argument: 'Status__c=Former customer' })
    await leave(odd, { verb: 'opt_out', argument: 'HasOptedOutOfEmail' })
    expect(held()).toMatchObject([{ Status__c: 'Former customer', HasOptedOutOfEmail: true }])
    const id = '003000000000001AAA'
    const gone = changeOf({ Ext_Id__c: odd }, {}, { op: 'remove', leave: { verb: 'delete' }, destinationId: id })
    expect(await send(gone)).toEqual([{ outcome: 'written', id }])
    expect(lines().at(-1)).toBe(`DELETE ${ROOT}/composite/sobjects`)
    expect(bench.seen.at(-1)?.query.get('ids')).toBe(id)
    expect(held()).toEqual([])
    expect(await send(gone)).toEqual([{ outcome: 'written' }])
  })

  test('keys that are long are looked up in several queries', async () => {
    const { bench, send, held } = await open()
    const people = Array.from({ length: 120 }, (_, n) =>
      changeOf({ Ext_Id__c: `${n}-${'é'.repeat(40)}` }, { LastName: 'N' }),
    )
    await send(...people)
    const receipts = await send(
      ...people.map((one) => changeOf(one.key, {}, { op: 'remove', leave: { verb: 'delete' } })),
    )
    expect(receipts.every((one) => one.outcome === 'written')).toBe(true)
    expect(held()).toEqual([])
    const queries = bench.seen.filter((one) => one.path.endsWith('/query'))
    expect(queries.length).toBeGreaterThan(1)
    for (const query of queries) expect(query.query.toString().length).toBeLessThan(16_000)
  })

  test('removals by different verbs never share a request', () => {
    const partition = salesforce.open(ACCOUNT, {} as Io).partition
    const verb = (leave: LeaveAction) => partition?.(changeOf({ Ext_Id__c: 'u' }, {}, { op: 'remove', leave }), INTO)
    expect(verb({ verb: 'delete' })).not.toBe(verb({ verb: 'clear', argument: 'A__c' }))
    expect(verb({ verb: 'clear', argument: 'B__c' })).not.toBe(verb({ verb: 'clear', argument: 'A__c' }))
  })

  test('check names the object, the field and the key that are missing', async () => {
    const { channel } = await open()
    await expect(channel.check({ ...INTO, object: 'Contakt' })).rejects.toMatchObject({
      kind: 'config',
      code: 'no_object',
    })
    const field = await open('mirror', { key: ['Ext_Id__c'], fields: ['LastNam', 'Other__c'] })
    await expect(field.channel.check(INTO)).rejects.toThrow('"Contact" has no field "LastNam", "Other__c".')
    const key = await open('mirror', { key: ['LastName'], fields: [] })
    await expect(key.channel.check(INTO)).rejects.toMatchObject({ code: 'no_external_id' })
    const two = await open('mirror', { key: ['a', 'b'], fields: [] })
    await expect(two.channel.check(INTO)).rejects.toMatchObject({ code: 'bad_key' })
  })

  test('are read by a query, page after page, with fields of a parent', async () => {
    const columns = { key: ['Ext_Id__c'], fields: ['LastName', 'Account.Ext_Id__c'] }
    const { bench, channel, send } = await open('mirror', columns)
    await salesforce
      .open(ACCOUNT, { ...bench.io, columns: { key: ['Ext_Id__c'], fields: ['Name'] } })
      .send([changeOf({ Ext_Id__c: 'acme' }, { Name: 'Acme' })], salesforce.into.parse({ object: 'Account' }), SLOT)
    const many = Array.from({ length: 2_001 }, (_, n) => changeOf({ Ext_Id__c: `u'${n}` }, { LastName: `L${n}` }))
    for (let n = 0; n < many.length; n += 200) await send(...many.slice(n, n + 200))
    await send(changeOf({ Ext_Id__c: 'last' }, { LastName: 'Last', 'Account.Ext_Id__c': 'acme' }))
    bench.seen.length = 0
    const held = new Map<unknown, unknown>()
    for await (const { key, fields } of channel.read?.('all', INTO) ?? []) held.set(key.Ext_Id__c, fields)
    expect(held.size).toBe(2_002)
    expect(held.get('last')).toEqual({ LastName: 'Last', 'Account.Ext_Id__c': 'acme' })
    expect(held.get("u'7")).toEqual({ LastName: 'L7', 'Account.Ext_Id__c': null })
    expect(bench.seen.map(({ path }) => path.replace(/query\/.*/, 'query/…'))).toEqual([
      `${ROOT}/query`,
      `${ROOT}/query/…`,
    ])
    const keys = ["U'7", 'nobody'].map((id) => ({ Ext_Id__c: id }))
    const some: unknown[] = []
    for await (const row of channel.read?.(keys, INTO) ?? []) some.push(row.key)
    expect(some).toEqual([{ Ext_Id__c: "u'7" }])
  })
})
