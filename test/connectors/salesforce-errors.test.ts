import { describe, expect, test } from 'vitest'
import {
  type Change,
  DestinationError,
  type Io,
  type Json,
  type LeaveAction,
  type Receipt,
} from '../../src/connectors/connector.ts'
import { salesforceVendor } from '../../src/connectors/salesforce/emulator.ts'
import type { SalesforceOptions } from '../../src/connectors/salesforce/emulator-org.ts'
import { fateOf as fateOfCode } from '../../src/connectors/salesforce/errors.ts'
import { salesforce } from '../../src/connectors/salesforce/index.ts'
import { changeOf, NOW, openBench } from '../support/vendor.ts'

const ACCOUNT = {
  domain: 'acme',
  client_id: 'app',
  client_secret: 'canary-client-secret',
  api_version: '67.0',
  max_api_usage: 0.8,
}
const INTO = salesforce.into.parse({ object: 'Contact' })
const SLOT = { run: 'r', window: 0, batch: 0 }

type Row = Readonly<Record<string, Json>>

async function open(options: Partial<SalesforceOptions> = {}, io: Partial<Pick<Io, 'mode' | 'columns'>> = {}) {
  const vendor = salesforceVendor({
    origin: 'https://acme.my.salesforce.com',
    clientId: 'app',
    clientSecret: ACCOUNT.client_secret,
    fields: new Map([['Contact', ['Ext_Id__c', 'Shop__r.Code__c']]]),
    now: () => NOW,
    ...options,
  })
  const bench = await openBench(vendor, { columns: { key: ['Ext_Id__c'], fields: ['LastName'] }, ...io })
  const channel = salesforce.open(ACCOUNT, bench.io)
  const send = (batch: readonly Change[], into = INTO) => channel.send(batch, into, SLOT)
  return { bench, channel, send }
}

const GOOD = changeOf({ Ext_Id__c: 'good' }, { LastName: 'Good' })
const bad = (fields: Row) => changeOf({ Ext_Id__c: 'bad' }, { LastName: 'Bad', ...fields })
const ACCOUNTS = salesforce.into.parse({ object: 'Account' })
const JOBS = salesforce.into.parse({ object: 'Contact', bulk_above: 0 })

/** An account that the org has, and one that is in its recycle bin. */
const OTHER = changeOf({ Ext_Id__c: 'other' }, { LastName: 'Other', Email: 'o@shop.test', Card__c: '7' })
const [PARENT, GONE, NOBODY] = ['001000000000001AAA', '001000000000002AAA', '001000000000009AAA']

function wordOf(receipt: Receipt | undefined): string {
  if (receipt?.outcome === 'again') return `again ${receipt.applied} ${receipt.code}`
  return receipt?.outcome === 'refused' ? `refused ${receipt.kind} ${receipt.code}` : (receipt?.outcome ?? 'nothing')
}

/** What is thrown, or told of the last row. */
async function fateOf(sending: Promise<readonly Receipt[]>): Promise<string> {
  const told = await sending.catch((one: unknown) => one)
  if (Array.isArray(told)) return wordOf((told as readonly Receipt[]).at(-1))
  if (!(told instanceof DestinationError)) throw told
  const { kind, code, applied, after } = told
  return [kind, code, applied, after].filter((part) => part !== undefined).join(' ')
}

/** An org that holds OTHER and the two accounts. */
async function lived(options: Partial<SalesforceOptions> = {}) {
  const org = await open(options)
  const accounts = ['p', 'g'].map((id) => changeOf({ Ext_Id__c: id }, { Name: id }))
  await org.send(accounts, ACCOUNTS)
  const leave = { verb: 'delete' } as const
  await org.send([changeOf({ Ext_Id__c: 'g' }, {}, { op: 'remove', leave })], ACCOUNTS)
  await org.send([OTHER])
  return org
}

interface Case {
  /** How the org is set up, and what goes on in it. */
  readonly org?: Partial<SalesforceOptions>
  /** What the row that it does not take has besides its name. */
  readonly fields: Row
  /** What becomes of that row beside one that is written, and alone where that differs. */
  readonly beside: string
  readonly alone?: string
}

const throws = (text: string): Partial<SalesforceOptions> => ({
  org: { trigger: (_, row) => (row.LastName === 'Bad' ? text : undefined) },
})

describe('a record that Salesforce does not write', () => {
  test.each<readonly [string, Case]>([
    ['REQUIRED_FIELD_MISSING', { fields: { LastName: null }, beside: 'refused row' }],
    ['INVALID_FIELD', { fields: { 'Account.Ext_Id__c': 'nobody' }, beside: 'refused row' }],
    ['INVALID_FIELD', { fields: { Nonsense: 'x' }, beside: 'refused row', alone: 'config' }],
    ['INVALID_EMAIL_ADDRESS', { fields: { Email: 'nowhere' }, beside: 'refused row' }],
    ['STRING_TOO_LONG', { fields: { LastName: 'x'.repeat(81) }, beside: 'refused row' }],
    ['INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST', { fields: { Salutation: 'Pirate' }, beside: 'refused row' }],
    [
      'FIELD_CUSTOM_VALIDATION_EXCEPTION',
      {
        org: { org: { validation: (_, row) => (row.Tier__c === 'x' ? 'There is no such tier.' : undefined) } },
        fields: { Tier__c: 'x' },
        beside: 'refused row',
      },
    ],
    [
      'DUPLICATE_VALUE',
      { org: { org: { unique: ['Contact.Card__c'] } }, fields: { Card__c: '7' }, beside: 'refused row' },
    ],
    [
      'DUPLICATES_DETECTED',
      { org: { org: { duplicates: ['Contact.Email'] } }, fields: { Email: 'o@shop.test' }, beside: 'refused row' },
    ],
    ['INVALID_CROSS_REFERENCE_KEY', { fields: { AccountId: NOBODY }, beside: 'refused row' }],
    ['ENTITY_IS_DELETED', { fields: { AccountId: GONE }, beside: 'refused row' }],
    [
      'CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY',
      { org: throws('System.NullPointerException'), fields: {}, beside: 'refused row' },
    ],
    [
      'CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY',
      { org: throws('System.DmlException: UNABLE_TO_LOCK_ROW'), fields: {}, beside: 'again no' },
    ],
    [
      'UNABLE_TO_LOCK_ROW',
      { org: { org: { locked: new Map([[PARENT, NOW + 1]]) } }, fields: { AccountId: PARENT }, beside: 'again no' },
    ],
    [
      'INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY',
      {
        org: { org: { unshared: new Set([PARENT]) } },
        fields: { AccountId: PARENT },
        beside: 'refused row',
        alone: 'config',
      },
    ],
    ['STORAGE_LIMIT_EXCEEDED', { org: { org: { storage: 4 } }, fields: {}, beside: 'refused row', alone: 'config' }],
    [
      'A_CODE_OF_TOMORROW',
      {
        org: { rule: (_, row) => (row.LastName === 'Bad' ? { code: 'A_CODE_OF_TOMORROW', message: 'no' } : undefined) },
        fields: {},
        beside: 'refused row',
      },
    ],
  ])('%s', async (code, { org, fields, beside, alone = beside }) => {
    const { send } = await lived(org)
    const [written] = await send([GOOD])
    expect(written).toMatchObject({ outcome: 'written' })
    expect(await fateOf(send([GOOD, bad(fields)]))).toBe(`${beside} ${code}`)
    expect(await fateOf(send([bad(fields)]))).toBe(alone === 'config' ? `config ${code} no` : `${alone} ${code}`)
  })

  test('INSUFFICIENT_ACCESS_OR_READONLY stops the run, for nothing of that kind can be written', async () => {
    const { send } = await open({ readOnly: ['Contact'] })
    expect(await fateOf(send([GOOD, bad({})]))).toBe('config INSUFFICIENT_ACCESS_OR_READONLY no')
  })

  test('INSUFFICIENT_ACCESS_OR_READONLY of one record beside others is its own', async () => {
    const { send } = await lived({ org: { unwritable: new Set(['003000000000001AAA']) } })
    expect(await fateOf(send([GOOD, OTHER]))).toBe('refused row INSUFFICIENT_ACCESS_OR_READONLY')
    expect(await fateOf(send([OTHER]))).toBe('config INSUFFICIENT_ACCESS_OR_READONLY no')
  })

  test('UNABLE_TO_LOCK_ROW passes when nobody holds the parent any more', async () => {
    let now = NOW
    const { send } = await lived({ now: () => now, org: { locked: new Map([[PARENT, NOW + 1]]) } })
    expect(await fateOf(send([bad({ AccountId: PARENT })]))).toBe('again no UNABLE_TO_LOCK_ROW')
    now += 1
    expect(await fateOf(send([bad({ AccountId: PARENT })]))).toBe('written')
  })

  test('DUPLICATE_VALUE: the second of two keys that differ in case only', async () => {
    const { send } = await open()
    const twin = changeOf({ Ext_Id__c: 'GOOD' }, { LastName: 'Good' })
    expect((await send([GOOD, twin])).map(wordOf)).toEqual(['written', 'refused row DUPLICATE_VALUE'])
  })

  test('ALL_OR_NONE_OPERATION_ROLLED_BACK: sent again, where an app asks for all or nothing', async () => {
    const { bench } = await open()
    const fetch: Io['fetch'] = ({ body, ...request }) =>
      bench.io.fetch({ ...request, ...(body && { body: body.replace('"allOrNone":false', '"allOrNone":true') }) })
    const channel = salesforce.open(ACCOUNT, { ...bench.io, fetch })
    const receipts = await channel.send([GOOD, bad({ Email: 'nowhere' })], INTO, SLOT)
    expect(receipts.map(wordOf)).toEqual([
      'again no ALL_OR_NONE_OPERATION_ROLLED_BACK',
      'refused row INVALID_EMAIL_ADDRESS',
    ])
    expect(bench.emulator.contents().flatMap(({ rows }) => rows)).toEqual([])
  })

  test('an external id that several records have is refused, and 300 where one record is written by itself', async () => {
    const { bench, send } = await open()
    await send([GOOD])
    await send([changeOf({ Ext_Id__c: 'other' }, { LastName: 'O' })])
    const same = [GOOD.key, { Ext_Id__c: 'other' }].map((key) => changeOf(key, { Email: 'one@shop.test' }))
    await send(same)
    const byMail = changeOf({ Email: 'one@shop.test' }, { LastName: 'Two' })
    expect(await send([byMail])).toMatchObject([{ outcome: 'refused', code: 'DUPLICATE_EXTERNAL_ID' }])
    const byItself = (mail: string) => {
      const fetch: Io['fetch'] = ({ url, ...request }) =>
        bench.io.fetch({
          ...request,
          url: url.replace('/composite/sobjects/Contact/Email', `/sobjects/Contact/Email/${mail}`),
          ...(request.method === 'PATCH' && { body: '{"LastName":"Two"}' }),
        })
      return fateOf(salesforce.open(ACCOUNT, { ...bench.io, fetch }).send([byMail], INTO, SLOT))
    }
    expect(await byItself('one@shop.test')).toBe('batch DUPLICATE_EXTERNAL_ID no')
    expect(bench.emulator.contents().flatMap(({ rows }) => rows.map((row) => row.LastName))).toEqual(['Good', 'O'])
    await byItself('two@shop.test')
    expect(bench.emulator.contents().flatMap(({ rows }) => rows.map((row) => row.LastName))).toEqual([
      'Good',
      'O',
      'Two',
    ])
  })

  test('a duplicate rule that only warns lets pass a sync that says so', async () => {
    const { bench, send } = await lived({ org: { duplicates: ['Contact.Email'] } })
    const twin = bad({ Email: 'o@shop.test' })
    expect(await fateOf(send([twin]))).toBe('refused row DUPLICATES_DETECTED')
    expect(bench.seen.at(-1)?.headers['sforce-duplicate-rule-header']).toBeUndefined()
    expect(await send([twin], { ...INTO, allow_duplicates: true })).toMatchObject([{ outcome: 'written' }])
    expect(bench.seen.at(-1)?.headers['sforce-duplicate-rule-header']).toBe('allowSave=true')
  })

  test('assignment rules run only where the sync wants them', async () => {
    const { bench, send } = await open()
    await send([GOOD])
    expect(bench.seen.at(-1)?.headers['sforce-auto-assign']).toBe('FALSE')
    await send([GOOD], { ...INTO, assignment_rules: true })
    expect(bench.seen.at(-1)?.headers['sforce-auto-assign']).toBe('TRUE')
  })
})

test.each([
  ['TooManyJobs', 'quota'],
  ['EXCEEDEDQUOTA', 'quota'],
  ['API_CURRENTLY_DISABLED', 'config'],
  ['FUNCTIONALITY_NOT_ENABLED', 'config'],
  ['FeatureNotEnabled', 'config'],
  ['INVALIDENTITY', 'config'],
  ['InvalidJob', 'config'],
  ['INVALIDOPERATION', 'config'],
  ['InvalidBatch', 'row'],
])('%s, which no org here says, concerns: %s', (code, fate) => {
  expect(fateOfCode(code)).toBe(fate)
})

interface Refused {
  readonly org?: Partial<SalesforceOptions>
  readonly fields?: Row
  readonly into?: typeof INTO
  readonly mode?: Io['mode']
  readonly fate: string
}

describe('a request that Salesforce refuses', () => {
  test.each<readonly [string, Refused]>([
    ['invalid_grant', { org: { clientSecret: '' }, fate: 'auth no_login no' }],
    ['invalid_client', { org: { clientSecret: 'another' }, fate: 'auth no_login no' }],
    ['INVALID_SESSION_ID', { org: { session: 0 }, fate: 'auth http_401 no' }],
    ['API_DISABLED_FOR_ORG', { org: { org: { apiEnabled: false } }, fate: 'config API_DISABLED_FOR_ORG no' }],
    ['JSON_PARSER_ERROR', { fields: { DoNotCall: 'perhaps' }, fate: 'batch JSON_PARSER_ERROR no' }],
    [
      'INVALID_TYPE',
      { into: salesforce.into.parse({ object: 'Nonsense' }), mode: 'update', fate: 'config INVALID_TYPE no' },
    ],
    ['NOT_FOUND', { into: salesforce.into.parse({ object: 'Nonsense' }), fate: 'config http_404 no' }],
    [
      'QUERY_TIMEOUT',
      { org: { org: { queryTakes: () => 120_001 } }, mode: 'update', fate: 'transient QUERY_TIMEOUT no' },
    ],
    [
      'REQUEST_RUNNING_TOO_LONG',
      { org: { org: { takes: () => 600_001 } }, fate: 'transient REQUEST_RUNNING_TOO_LONG maybe' },
    ],
    ['UNKNOWN_EXCEPTION', { org: { org: { breaks: () => true } }, fate: 'transient UNKNOWN_EXCEPTION maybe' }],
    [
      'SERVER_UNAVAILABLE',
      { org: { org: { closed: { from: 0, until: NOW + 1 } } }, fate: 'transient SERVER_UNAVAILABLE maybe' },
    ],
    ['REQUEST_LIMIT_EXCEEDED', { org: { dailyCalls: 0 }, fate: 'throttle REQUEST_LIMIT_EXCEEDED no Infinity' }],
    // A look at the object comes first.
    ['ExceededQuota', { org: { jobs: { dailyBatches: 0 } }, into: JOBS, fate: 'throttle ExceededQuota no Infinity' }],
  ])('%s', async (_, { org = {}, fields = {}, into = INTO, mode = 'mirror', fate }) => {
    const { send } = await open(org, { mode })
    expect(await fateOf(send([bad(fields)], into))).toBe(fate)
  })

  test('SERVER_UNAVAILABLE ends with the maintenance', async () => {
    let now = NOW
    const { send } = await open({ now: () => now, org: { closed: { from: NOW, until: NOW + 60_000 } } })
    expect(await fateOf(send([GOOD]))).toContain('SERVER_UNAVAILABLE')
    now += 60_000
    expect(await fateOf(send([GOOD]))).toBe('written')
  })

  test('REQUEST_LIMIT_EXCEEDED for too many at the same time says no time: they pass', async () => {
    const { bench, channel, send } = await open()
    await channel.check(INTO)
    let open25 = () => {}
    const until = new Promise<void>((resolve) => {
      open25 = resolve
    })
    bench.fault = ({ atOnce }) => (atOnce <= 25 ? { kind: 'late', until } : undefined)
    const many = Array.from({ length: 25 }, () => send([GOOD]))
    while (bench.seen.length < 27) await new Promise(setImmediate)
    expect(await fateOf(send([GOOD]))).toBe('throttle REQUEST_LIMIT_EXCEEDED no')
    open25()
    expect((await Promise.all(many)).flat().map(wordOf)).toEqual(Array(25).fill('written'))
  })

  test('INVALID_SESSION_ID after two hours is a new login, which nobody notices', async () => {
    let now = NOW
    const { bench, send } = await open({ now: () => now })
    await send([GOOD])
    now += 7_200_000
    expect(await fateOf(send([GOOD]))).toBe('written')
    expect(bench.seen.filter(({ path }) => path.endsWith('/token'))).toHaveLength(2)
  })

  test('the calls of 24 hours are counted by the clock of the org, and come back', async () => {
    let now = NOW
    const { send } = await open({ dailyCalls: 3, now: () => now })
    const hint = (usage: string) =>
      salesforce.pace?.(ACCOUNT, { status: 200, headers: { 'sforce-limit-info': usage }, body: '' }, NOW)
    for (let n = 0; n < 3; n++) await send([GOOD])
    expect(await fateOf(send([GOOD]))).toBe('throttle REQUEST_LIMIT_EXCEEDED no Infinity')
    expect(hint('api-usage=2/3')).toBeUndefined()
    expect(hint('api-usage=3/3')).toMatchObject({ kind: 'stop' })
    now += 86_400_000
    expect(await send([GOOD])).toMatchObject([{ outcome: 'written' }])
  })
})

describe('check', () => {
  test.each<readonly [string, readonly string[], Io['mode'], string, string]>([
    ['Contact', ['LastName'], 'upsert', 'no_permission', 'the object permission "Create" on "Contact"'],
    ['Contact', ['LastName'], 'update', 'no_permission', 'the object permission "Edit" on "Contact"'],
    ['Contact.LastName', ['LastName'], 'upsert', 'read_only', 'field-level security must allow "Edit"'],
    ['', ['Shop__r.Name__c'], 'upsert', 'no_field', '"Shop__c" has no field "Name__c"'],
    ['', ['Agent__r.Code__c'], 'upsert', 'no_relationship', '"Contact" has no relationship "Agent__r"'],
    ['', ['Account.Name'], 'upsert', 'no_external_id', '"Name" of "Account" is not an external id'],
  ])('without %s, fields %j in mode %s: %s', async (right, fields, mode, code, message) => {
    const { bench, channel } = await open({ readOnly: [right] }, { columns: { key: ['Ext_Id__c'], fields }, mode })
    const error = await channel.check(INTO).catch((one: unknown) => one)
    expect(error).toMatchObject({ kind: 'config', code })
    expect(String(error)).toContain(message)
    expect(bench.seen.every(({ method, path }) => method === 'GET' || path.endsWith('/token'))).toBe(true)
  })

  test.each<readonly [LeaveAction, string, string]>([
    [{ verb: 'delete' }, 'no_permission', 'the object permission "Delete" on "Contact"'],
    [{ verb: 'clear', argument: 'Nope__c' }, 'no_field', 'no field "Nope__c"'],
    [{ verb: 'set', argument: 'Title=Former' }, 'read_only', '"Title"'],
    [{ verb: 'set', argument: 'Title' }, 'bad_leave', 'takes a field and its value'],
    [{ verb: 'opt_out', argument: 'LastName' }, 'no_checkbox', '"LastName" of "Contact" is no checkbox'],
  ])('of what is done to who leaves, %j: %s', async (act, code, message) => {
    const { bench } = await open({ readOnly: ['Contact delete', 'Contact.Title'] })
    const check = (acts: readonly LeaveAction[]) => salesforce.open(ACCOUNT, { ...bench.io, acts }).check(INTO)
    await check([
      { verb: 'opt_out', argument: 'HasOptedOutOfEmail' },
      { verb: 'set', argument: 'Email=x@shop.test' },
    ])
    const error = await check([act]).catch((one: unknown) => one)
    expect(error).toMatchObject({ kind: 'config', code })
    expect(String(error)).toContain(message)
  })

  test('takes a parent by its external id', async () => {
    const columns = { key: ['Ext_Id__c'], fields: ['LastName', 'Shop__r.Code__c'] }
    const fields = new Map([
      ['Contact', ['Ext_Id__c', 'Shop__r.Code__c']],
      ['Shop__c', ['Code__c']],
    ])
    const { channel } = await open({ fields }, { columns })
    await expect(channel.check(INTO)).resolves.toBeUndefined()
  })
})
