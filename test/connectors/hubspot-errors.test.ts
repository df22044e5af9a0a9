import { describe, expect, test } from 'vitest'
import { type Change, DestinationError, type Io, type Receipt } from '../../src/connectors/connector.ts'
import { hubspotVendor } from '../../src/connectors/hubspot/emulator.ts'
import type { HubspotOptions, Time } from '../../src/connectors/hubspot/emulator-account.ts'
import { hubspot } from '../../src/connectors/hubspot/index.ts'
import { changeOf, NOW, openBench } from '../support/vendor.ts'

// Every error that HubSpot documents, as an account comes to give it, and what it means for the rows.

const TOKEN = 'canary-hubspot-token'
const ACCOUNT = { token: TOKEN, tier: 'free' as const, max_api_usage: 0.8 }
const INTO = { object: 'contacts', create_list: false }
const INFINITY = Number.POSITIVE_INFINITY
const SLOT = { run: 'r', window: 0, batch: 0 }
const OBJECTS: HubspotOptions['objects'] = new Map([
  [
    'contacts',
    [
      { name: 'firstname' },
      { name: 'visits', type: 'number' },
      { name: 'birthday', type: 'date' },
      { name: 'createdate', readOnly: true },
      { name: 'shop_id', unique: true },
    ],
  ],
])

interface Opening {
  readonly options?: Partial<HubspotOptions>
  readonly account?: Parameters<typeof hubspot.open>[0]
  readonly into?: Partial<typeof INTO> & { readonly list?: string }
  readonly mode?: Io['mode']
}

async function open({ options = {}, account = ACCOUNT, into = {}, mode = 'mirror' }: Opening = {}) {
  const vendor = hubspotVendor({ token: TOKEN, objects: OBJECTS, now: () => NOW, ...options })
  const bench = await openBench(vendor, { columns: { key: ['email'], fields: ['firstname'] }, mode })
  const channel = hubspot.open(account, bench.io)
  return { bench, send: (...batch: readonly Change[]) => channel.send(batch, { ...INTO, ...into }, SLOT) }
}

const GOOD = changeOf({ email: 'good@shop.test' }, { firstname: 'Good' })

/** A word for what was thrown, or told of each row. */
async function fateOf(sending: Promise<readonly Receipt[]>): Promise<string> {
  const told = await sending.catch((one: unknown) => one)
  if (Array.isArray(told)) return (told as readonly Receipt[]).map(wordOf).join(', ')
  if (!(told instanceof DestinationError)) throw told
  const { kind, code, applied, after } = told
  return [kind, code, applied, after].filter((part) => part !== undefined).join(' ')
}

function wordOf(receipt: Receipt): string {
  if (receipt.outcome === 'again') return `again ${receipt.applied} ${receipt.code}`
  return receipt.outcome === 'refused' ? `refused ${receipt.kind} ${receipt.code}` : receipt.outcome
}

const during = (what: Time['what'], more: Partial<Time> = {}): Opening => ({
  options: { times: [{ from: NOW - 1, until: NOW + 7_200_000, what, ...more }] },
})

const calls = (window: number, day: number, second?: number): Opening => ({
  options: { calls: { window, day, ...(second !== undefined && { second }) } },
})

/** An OAuth app whose tokens have always run out when they are shown. */
function belated(): Opening {
  let now = NOW
  const oauth = { clientId: 'app', clientSecret: 's', refreshToken: 'r' }
  const { tier, max_api_usage } = ACCOUNT
  return {
    options: { token: undefined, oauth, now: () => (now += 1_800_001) },
    account: { client_id: 'app', client_secret: 's', refresh_token: 'r', tier, max_api_usage },
  }
}

describe('a request that HubSpot refuses', () => {
  test.each<readonly [string, Opening, string]>([
    ['401 INVALID_AUTHENTICATION', { account: { ...ACCOUNT, token: 'old' } }, 'auth http_401 no'],
    ['401 EXPIRED_AUTHENTICATION', belated(), 'auth http_401 no'],
    ['403 MISSING_SCOPES', { options: { scopes: ['crm.objects.contacts.read'] } }, 'auth http_403 no'],
    ['404 OBJECT_NOT_FOUND', { into: { object: 'p_none' } }, 'config http_404 no'],
    ['413', { options: { mostBytes: 100 } }, 'batch http_413 no'],
    ['423 locked', during('locked'), 'transient http_423 no 2000'],
    ['423 locked for longer', during('locked', { asks: 9_000 }), 'transient http_423 no 9000'],
    ['429 SECONDLY', calls(100, 100, 0), 'throttle SECONDLY no 1000'],
    ['429 TEN_SECONDLY_ROLLING', calls(0, 100), 'throttle TEN_SECONDLY_ROLLING no 10000'],
    ['429 DAILY', calls(100, 0), 'throttle DAILY no Infinity'],
    ['429 without a policy', during(429), 'throttle http_429 no'],
    ['429 without a policy, until', during(429, { asks: 4_000 }), 'throttle http_429 no 4000'],
    ['477 migration', during('moving'), 'throttle http_477 no 7200000'],
    ['477 migration without an end', during('moving', { until: INFINITY }), 'throttle http_477 no Infinity'],
    ['502', during(502), 'transient http_502 maybe'],
    ['503', during(503), 'transient http_503 maybe'],
    ['504', during(504), 'transient http_504 maybe'],
    ['522', during(522), 'transient http_522 maybe'],
    ['523', during(523), 'transient http_523 maybe'],
    ['524', during(524), 'transient http_524 maybe'],
  ])('%s', async (_, opening, fate) => {
    const { send } = await open(opening)
    expect(await fateOf(send(GOOD))).toBe(fate)
  })

  test('403 MISSING_SCOPES names the scope', async () => {
    const { send } = await open({ options: { scopes: [] } })
    await expect(send(GOOD)).rejects.toThrow('crm.objects.contacts.write')
  })

  test('423 and 477 pass', async () => {
    let now = NOW
    const times: readonly Time[] = [
      { from: NOW, until: NOW + 2_000, what: 'locked' },
      { from: NOW + 2_000, until: NOW + 5_000, what: 'moving' },
    ]
    const { send } = await open({ options: { times, now: () => now } })
    expect(await fateOf(send(GOOD))).toBe('transient http_423 no 2000')
    now += 2_000
    expect(await fateOf(send(GOOD))).toBe('throttle http_477 no 3000')
    now += 3_000
    expect(await fateOf(send(GOOD))).toBe('written')
  })

  test('400 VALIDATION_ERROR for the whole batch is bisected: too many inputs, and a key that names several', async () => {
    const { send } = await open()
    const many = Array.from({ length: 101 }, (_, n) => changeOf({ email: `p${n}@shop.test` }))
    expect(await fateOf(send(...many))).toBe('batch VALIDATION_ERROR no')
    expect(await fateOf(send(changeOf({ firstname: 'A' }), changeOf({ firstname: 'B' })))).toBe(
      'batch VALIDATION_ERROR no',
    )
  })

  test('409 CONFLICT of a batch that is created is bisected to the row whose address another one has', async () => {
    const { send } = await open({ mode: 'insert' })
    await send(GOOD)
    const taken = changeOf({ shop_id: '1' }, { email: 'good@shop.test' })
    expect(await fateOf(send(taken, changeOf({ shop_id: '2' })))).toBe('batch CONFLICT no')
    expect(await fateOf(send(changeOf({ shop_id: '2' })))).toBe('written')
  })

  test('400 VALIDATION_ERROR whose errors[] name a property that does not exist is a mistake of the mapping', async () => {
    const { bench, send } = await open({ mode: 'insert' })
    const wrong = changeOf({ email: 'b@shop.test' }, { nope: 1 })
    expect(await fateOf(send(GOOD, wrong))).toBe('config PROPERTY_DOESNT_EXIST no')
    expect(bench.emulator.contents()).toEqual([])
  })
})

describe('a record that HubSpot does not write', () => {
  test.each<readonly [string, Change, string, string]>([
    ['INVALID_EMAIL', changeOf({ email: 'nobody' }), 'refused row INVALID_EMAIL', 'refused row INVALID_EMAIL'],
    [
      'INVALID_NUMBER',
      changeOf({ email: 'b@shop.test' }, { visits: 'many' }),
      'refused row INVALID_NUMBER',
      'refused row INVALID_NUMBER',
    ],
    [
      'INVALID_DATE',
      changeOf({ email: 'b@shop.test' }, { birthday: 'soon' }),
      'refused row INVALID_DATE',
      'refused row INVALID_DATE',
    ],
    [
      'PROPERTY_DOESNT_EXIST',
      changeOf({ email: 'b@shop.test' }, { nope: 1 }),
      'again no PROPERTY_DOESNT_EXIST',
      'config PROPERTY_DOESNT_EXIST no',
    ],
    [
      'READ_ONLY_VALUE',
      changeOf({ email: 'b@shop.test' }, { createdate: '2026-01-01' }),
      'again no READ_ONLY_VALUE',
      'config READ_ONLY_VALUE no',
    ],
    [
      'CONFLICT',
      changeOf({ email: 'b@shop.test' }, { shop_id: 'taken' }),
      'refused row CONFLICT',
      'refused row CONFLICT',
    ],
    [
      'VALIDATION_ERROR',
      changeOf({ email: 'forgotten@shop.test' }),
      'refused row VALIDATION_ERROR',
      'refused row VALIDATION_ERROR',
    ],
  ])('%s', async (_, bad, beside, alone) => {
    const { send } = await open()
    const leave = { verb: 'gdpr_delete' } as const
    await send(changeOf({ email: 'other@shop.test' }, { shop_id: 'taken' }))
    await send(changeOf({ email: 'forgotten@shop.test' }, {}, { op: 'remove', leave }))
    expect(await fateOf(send(GOOD, bad))).toBe(`written, ${beside}`)
    expect(await fateOf(send(bad))).toBe(alone)
  })

  test('OBJECT_NOT_FOUND: somebody archives it between the look and the update', async () => {
    const { bench, send } = await open()
    await send(GOOD)
    const fetch: Io['fetch'] = async (request) => {
      if (request.url.endsWith('/batch/update')) {
        const url = request.url.replace('update', 'archive')
        await bench.io.fetch({ ...request, url, body: JSON.stringify({ inputs: [{ id: '501' }] }) })
      }
      return bench.io.fetch(request)
    }
    const channel = hubspot.open(ACCOUNT, { ...bench.io, mode: 'update', fetch })
    expect(await fateOf(channel.send([GOOD], INTO, SLOT))).toBe('refused row OBJECT_NOT_FOUND')
  })

  test('a 2xx with neither results nor errors leaves it open whether anything was written', async () => {
    const { send } = await open({ options: { loses: ({ path }) => path.endsWith('/upsert') } })
    expect(await fateOf(send(GOOD))).toBe('again maybe silent_failure')
  })

  test.each<readonly [string, string]>([
    ['RATE_LIMITS', 'again no RATE_LIMITS'],
    ['INTERNAL_ERROR', 'again no INTERNAL_ERROR'],
    ['A_CATEGORY_OF_TOMORROW', 'refused row A_CATEGORY_OF_TOMORROW'],
  ])('an answer in part with the category %s', async (category, fate) => {
    const { send } = await open({
      options: { stumbles: ({ email }) => (email === 'b@shop.test' ? { category } : undefined) },
    })
    expect(await fateOf(send(GOOD, changeOf({ email: 'b@shop.test' })))).toBe(`written, ${fate}`)
  })

  test('an answer in which nobody is written and nobody is named is bisected; of one row it is the refusal', async () => {
    const { send } = await open({
      options: { stumbles: () => ({ category: 'VALIDATION_ERROR', unnamed: true }) },
    })
    expect(await fateOf(send(GOOD, changeOf({ email: 'b@shop.test' })))).toBe('batch VALIDATION_ERROR no')
    expect(await fateOf(send(GOOD))).toBe('refused row VALIDATION_ERROR')
  })
})
