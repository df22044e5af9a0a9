import { createHmac } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { z } from 'zod'
import { tryJson } from '../../src/connectors/answer.ts'
import { type Change, DestinationError, type Io, type Json } from '../../src/connectors/connector.ts'
import type { Vendor } from '../../src/connectors/sandbox/emulator.ts'
import type { Answer, Seen } from '../../src/connectors/sandbox/sandbox.ts'
import { webhook } from '../../src/connectors/webhook/index.ts'
import type { account } from '../../src/connectors/webhook/options.ts'
import { readAddress } from '../../src/connectors/webhook/url.ts'
import { changeOf, NOW, openBench, temporaryFolder } from '../support/vendor.ts'

const URL_IN = 'https://hooks.example.com/in'
const COLUMNS: Io['columns'] = { key: ['email'], fields: ['name'] }
const SLOT = { run: 'r', window: 0, batch: 0 }
const ADA = changeOf({ email: 'ada@shop.test' }, { name: 'Ada' })
const BOB = changeOf({ email: 'bob@shop.test' }, { name: 'Bob' })

/** What a user writes; defaults are filled in as for any destination. */
type Written = Partial<z.input<typeof account>>

async function open(written: Written, answer: (request: Seen) => Answer = () => ({ status: 200 }), columns = COLUMNS) {
  const vendor: Vendor = { answer, writes: ({ method }) => method !== 'GET', contents: () => [] }
  const bench = await openBench(vendor, { columns })
  const account = webhook.account.parse({ url: URL_IN, ...written })
  const channel = webhook.open(account, bench.io)
  const send = (...batch: readonly Change[]) => channel.send(batch, {}, SLOT)
  return { bench, account, channel, send, last: () => bench.seen.at(-1) }
}

describe('the credentials of a webhook', () => {
  const basic = `Basic ${Buffer.from('shop:canary-pass').toString('base64')}`
  const CASES: readonly (readonly [string, Written['auth'], string, string | undefined])[] = [
    ['basic', { type: 'basic', username: 'shop', password: 'canary-pass' }, 'authorization', basic],
    ['bearer', { type: 'bearer', token: 'canary-token' }, 'authorization', 'Bearer canary-token'],
    ['a key in a header', { type: 'api_key', name: 'X-Key', value: 'canary-key' }, 'x-key', 'canary-key'],
  ]

  test.each(CASES)('%s: sent with every request, and shown in no message', async (_, auth, header, value) => {
    const check = { url: 'https://hooks.example.com/me' }
    const echo = ({ headers, path }: Seen): Answer => ({
      status: path === '/me' ? 200 : 422,
      body: `no: ${headers[header]} canary-pass`,
    })
    const { channel, send, bench } = await open({ auth, check }, echo)
    await channel.check({})
    const [receipt] = await send(ADA)
    expect(bench.seen.map((one) => [one.method, one.path, one.headers[header]])).toEqual([
      ['GET', '/me', value],
      ['POST', '/in', value],
    ])
    expect(receipt).toMatchObject({ outcome: 'refused', code: 'http_422' })
    expect(JSON.stringify(receipt)).not.toContain('canary-k')
    expect(JSON.stringify(receipt)).not.toContain('canary-t')
    expect(JSON.stringify(receipt)).not.toContain(basic.slice(6))
  })

  test('a key in the address stands beside what is there', async () => {
    const auth = { type: 'api_key', name: 'api_key', value: 'a&b c', in: 'query' } as const
    const { send, last } = await open({ url: `${URL_IN}?v=2`, auth })
    await send(ADA)
    expect([last()?.query.get('v'), last()?.query.get('api_key')]).toEqual(['2', 'a&b c'])
  })

  const OAUTH = {
    type: 'oauth',
    token_url: 'https://login.example.com/token',
    client_id: 'shop:1',
    client_secret: 'canary-secret',
    scope: 'write',
    audience: 'https://hooks.example.com',
  } as const

  test('a token for client credentials is kept, and asked for anew after a 401', async () => {
    let good = 1
    const answer = ({ path, headers }: Seen): Answer => {
      if (path === '/token') return { status: 200, body: { access_token: `canary-${good}`, expires_in: 3600 } }
      return headers.authorization === `Bearer canary-${good}` ? { status: 200 } : { status: 401 }
    }
    const { send, bench } = await open({ auth: OAUTH }, answer)
    await send(ADA)
    await send(ADA)
    good = 2
    expect(await send(ADA)).toEqual([{ outcome: 'written' }])
    expect(bench.seen.map((one) => one.path)).toEqual(['/token', '/in', '/in', '/in', '/token', '/in'])
    expect(Object.fromEntries(new URLSearchParams(bench.seen[0]?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'shop:1',
      client_secret: 'canary-secret',
      scope: 'write',
      audience: 'https://hooks.example.com',
    })
  })

  test('id and secret go as basic authentication where that is wanted', async () => {
    const { send, bench } = await open({ auth: { ...OAUTH, credentials: 'header' } }, () => ({ status: 401 }))
    await expect(send(ADA)).rejects.toMatchObject({ kind: 'auth', code: 'no_login', applied: 'no' })
    const shown = Buffer.from('shop%3A1:canary-secret').toString('base64')
    expect(bench.seen[0]?.headers.authorization).toBe(`Basic ${shown}`)
    expect(bench.seen[0]?.body).not.toContain('canary')
  })

  test('a signature is made as the receiver wants it', async () => {
    const signature = {
      header: 'X-Hub-Signature',
      algorithm: 'sha512',
      encoding: 'base64',
      signs: '{{method}} {{path}} {{body}}',
      form: 'sha512={{signature}}',
    } as const
    const { send, last } = await open({ url: `${URL_IN}/{{key}}?v=1`, secret: 'canary-sign', signature })
    await send(ADA)
    const text = `POST /in/ada%40shop.test?v=1 ${last()?.body}`
    const hash = createHmac('sha512', 'canary-sign').update(text).digest('base64')
    expect(last()?.headers['x-hub-signature']).toBe(`sha512=${hash}`)
    expect(last()?.headers['x-signature']).toBeUndefined()
  })

  test('the page tells a receiver how to know our requests', async () => {
    const page = readFileSync(new URL('../../docs/destinations/webhook.md', import.meta.url), 'utf8')
    const file = join(await temporaryFolder(), 'receiver.mjs')
    writeFileSync(file, /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? '')
    const { isFromCdp } = await import(/* @vite-ignore */ file)
    const { send, last } = await open({ secret: 'canary-sign' })
    await send(ADA)
    const [header, body] = [last()?.headers['x-signature'], last()?.body]
    vi.useFakeTimers({ toFake: ['Date'], now: NOW })
    onTestFinished(() => void vi.useRealTimers())
    expect(isFromCdp(header, body, 'canary-sign')).toBe(true)
    expect(isFromCdp(header, `${body} `, 'canary-sign')).toBe(false)
    expect(isFromCdp(header, body, 'canary-other')).toBe(false)
    expect(isFromCdp(undefined, body, 'canary-sign')).toBe(false)
    vi.setSystemTime(NOW + 301_000)
    expect(isFromCdp(header, body, 'canary-sign')).toBe(false)
  })

  test('a GET of the check is signed, too', async () => {
    const { channel, last } = await open({ secret: 'canary-sign', check: { url: `${URL_IN}/me` } })
    await channel.check({})
    const hash = createHmac('sha256', 'canary-sign')
      .update(`${NOW / 1000}.`)
      .digest('hex')
    expect(last()?.headers['x-signature']).toBe(`t=${NOW / 1000},v1=${hash}`)
  })

  test.each<[string, Written]>([
    ['a signature without a secret', { signature: {} }],
    ['a time that is signed and not told', { secret: 's', signature: { form: '{{signature}}' } }],
    ['results and errors at once', { response: { results: 'a', errors: 'b' } }],
    ['a redirect as good', { ok_on: [302] as number[], refuse_on: ['3xx'] }],
  ])('%s is no account', (_, written) => {
    expect(webhook.account.safeParse({ url: URL_IN, ...written }).success).toBe(false)
  })
})

describe('the requests of a webhook', () => {
  test('each kind of row may go its own way, and then shares no request with another', async () => {
    const { send, bench, channel, account } = await open({
      url: 'https://hooks.example.com/people',
      create: { body: '{"new": {{json key}} }', batch: 1 },
      update: { url: 'https://hooks.example.com/people/{{id}}', method: 'PATCH', body: '{{json fields}}' },
      remove: { url: 'https://hooks.example.com/people/{{id}}', method: 'DELETE', ok_on: [404] },
    })
    await channel.check({})
    expect(webhook.limits(account, {}, { upsert: 0, remove: 0 })).toMatchObject({
      upsert: { rows: 1 },
      remove: { rows: 1 },
    })
    await send(ADA)
    await send(changeOf(ADA.key, { name: 'A' }, { op: 'update', destinationId: 'p/1' }))
    await send(changeOf(ADA.key, {}, { op: 'remove', destinationId: 'p/1' }))
    expect(bench.seen.map((one) => [one.method, one.path, one.body])).toEqual([
      ['POST', '/people', '{"new": "ada@shop.test" }'],
      ['PATCH', '/people/p/1', '{"name":"A"}'],
      ['DELETE', '/people/p/1', ''],
    ])
    expect(bench.seen[2]?.headers['content-type']).toBeUndefined()
    expect([channel.partition?.(ADA, {}), channel.partition?.({ ...ADA, op: 'update' }, {})]).toEqual([
      'create',
      'update',
    ])
    expect((await open({})).channel.partition).toBeUndefined()
  })

  test('an id that an answer gave comes back in the address', async () => {
    const { send } = await open({ batch: 1, response: { id: 'data.id' } }, () => ({
      status: 201,
      body: { data: { id: 77 } },
    }))
    expect(await send(ADA)).toEqual([{ outcome: 'written', id: '77' }])
  })

  test('a row whose value the address needs and does not have is refused, and nothing is sent', async () => {
    const { send, bench } = await open({ url: 'https://hooks.example.com/people/{{id}}' })
    expect(await send(ADA)).toMatchObject([{ outcome: 'refused', code: 'no_address' }])
    expect(bench.seen).toEqual([])
  })

  test('a body of one row sees it without a list, with null for an id that is not known', async () => {
    const body = '{"op": "{{op}}", "id": {{json id}}, "mail": "{{key}}", "all": {{json fields}}, "sync": "{{sync}}"}'
    const { send, last } = await open({ batch: 1, body })
    await send(ADA)
    expect(tryJson(last()?.body ?? '')).toEqual({
      op: 'create',
      id: null,
      mail: 'ada@shop.test',
      all: { name: 'Ada' },
      sync: 'customers_to_vendor',
    })
  })

  test('lines of JSON go as they are printed', async () => {
    const headers = { 'Content-Type': 'application/x-ndjson' }
    const { send, last } = await open({ headers, body: '{{#each changes}}{"k":"{{key}}"}\n{{/each}}' })
    await send(ADA, BOB)
    expect(last()?.body).toBe('{"k":"ada@shop.test"}\n{"k":"bob@shop.test"}\n')
    expect(last()?.headers['content-type']).toBe('application/x-ndjson')
  })

  test('limits are as the user says', async () => {
    const limits = { calls: 5, seconds: 10, at_once: 2, kib: 32, per_day: 1_000 }
    const { account } = await open({ batch: 7, limits, remove: { batch: 3 } })
    const limit = { bytes: 32_768, calls: 5, perMs: 10_000, inFlight: 2, perDay: 1_000 }
    expect(webhook.limits(account, {}, { upsert: 0, remove: 0 })).toEqual({
      upsert: { ...limit, rows: 7 },
      remove: { ...limit, rows: 3 },
    })
  })

  test.each<[string, Written, string]>([
    ['an address that is none', { url: 'hooks' }, 'bad_url'],
    ['a host from a row', { url: 'https://{{key}}.example.com/' }, 'bad_url'],
    ['a value that is not there', { url: `${URL_IN}/{{fields.nope}}` }, 'bad_url'],
    ['a helper in an address', { url: `${URL_IN}/{{json key}}` }, 'bad_url'],
    ['another host', { remove: { url: 'https://other.example.com/{{key}}' } }, 'other_host'],
    ['another host of the check', { check: { url: 'https://other.example.com/' } }, 'other_host'],
    ['a template that cannot be read', { update: { body: '{{#each changes}}' } }, 'bad_body'],
  ])('check names %s', async (_, written, code) => {
    const { channel, bench } = await open(written)
    await expect(channel.check({})).rejects.toMatchObject({ kind: 'config', code })
    expect(bench.seen).toEqual([])
  })

  test.each([
    [401, 'auth'],
    [404, 'config'],
    [500, 'transient'],
  ])('check tells what a %i means', async (status, kind) => {
    const { channel } = await open({ check: { url: URL_IN } }, () => ({ status }))
    await expect(channel.check({})).rejects.toMatchObject({ kind })
  })

  test('whatever a row holds, it stays one segment of the path or one value of the query', () => {
    const address = readAddress('https://api.example.com/a/{{key}}/b?x={{fields.name}}', COLUMNS)
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (key, name) => {
        const text = address.for({ key, fields: { name } })
        if (text === undefined) return ['', '.', '..'].includes(key) || ['', '.', '..'].includes(name)
        const url = new URL(text)
        const segments = url.pathname.split('/')
        return (
          url.origin === 'https://api.example.com' &&
          segments.length === 4 &&
          decodeURIComponent(segments[2] ?? '') === key &&
          [...url.searchParams].length === 1 &&
          url.searchParams.get('x') === name
        )
      }),
    )
  })
})

describe('the answers to a webhook', () => {
  const STATUSES: readonly (readonly [string, Written, number, object])[] = [
    ['a 404 of a removal that is told to be good', { ok_on: [404] }, 404, { outcome: 'written' }],
    ['a class that is good', { ok_on: ['4xx'] }, 418, { outcome: 'written' }],
    ['a status before its class', { ok_on: ['4xx'], refuse_on: [409] }, 409, { outcome: 'refused', code: 'http_409' }],
    ['a refusal of one row', {}, 400, { outcome: 'refused', code: 'http_400' }],
    ['a 404 that refuses', { refuse_on: [404] }, 404, { outcome: 'refused', code: 'http_404' }],
    ['a 5xx that refuses', { refuse_on: [500] }, 500, { outcome: 'refused', code: 'http_500' }],
    ['a 409 that passes', { retry_on: [409] }, 409, { kind: 'transient', applied: 'no' }],
    ['a 403 that passes', { retry_on: [403] }, 403, { kind: 'transient', applied: 'no' }],
    ['a 202 that passes', { retry_on: [202] }, 202, { kind: 'transient', applied: 'maybe' }],
    ['a 500 that passes', { retry_on: ['5xx'] }, 500, { kind: 'transient', applied: 'maybe' }],
    ['a 429', { retry_on: ['4xx'] }, 429, { kind: 'throttle', after: 7_000 }],
    ['a 307', { retry_on: ['4xx'] }, 307, { kind: 'config', code: 'redirect_refused' }],
    ['a 404', {}, 404, { kind: 'config' }],
  ]

  test.each(STATUSES)('%s', async (_, written, status, expected) => {
    const { send } = await open(written, () => ({ status, headers: { 'retry-after': '7' } }))
    const result: unknown = await send(ADA).then(
      ([receipt]) => receipt,
      (error) => error,
    )
    expect(result).toMatchObject(expected)
  })

  test('several rows that are refused together are told apart by halves', async () => {
    const { send } = await open({ refuse_on: [404] }, () => ({ status: 404 }))
    await expect(send(ADA, BOB)).rejects.toMatchObject({ kind: 'batch' })
  })

  test('the reason of a refusal is read where it stands', async () => {
    const body = { error: { reason: 'no such tier', trace: 'x' } }
    const { send } = await open({ response: { message: 'error.reason' } }, () => ({ status: 422, body }))
    expect(await send(ADA)).toMatchObject([{ message: 'Answered 422: no such tier' }])
  })

  const written = { outcome: 'written' }
  const open_ = { outcome: 'again', code: 'no_result', applied: 'maybe' }
  const refused = (code: string, message: string) => ({ outcome: 'refused', kind: 'row', code, message })
  const again = { outcome: 'again', code: 'receiver_again', applied: 'no' }
  const MAPPINGS: readonly (readonly [string, Written['response'], Json, readonly object[]])[] = [
    [
      'by key, whatever the order and the case',
      { results: 'data.rows', key: 'who.mail', status: 'state', ok: ['done'], again: ['busy'], message: 'why' },
      {
        data: {
          rows: [
            { who: { mail: 'bob@shop.test' }, state: 'bad', why: 'too young' },
            { who: { mail: 'ADA@shop.test' }, state: 'done' },
          ],
        },
      },
      [written, refused('receiver_refused', 'too young')],
    ],
    [
      'by place',
      { results: '', index: 'n', status: 'ok', code: 'c', id: 'id' },
      [
        { n: 1, ok: 'again' },
        { n: 0, ok: true, id: 'x1' },
      ],
      [{ outcome: 'written', id: 'x1' }, again],
    ],
    [
      'in order',
      { results: 'r', status: 's', ok: [0], code: 's' },
      { r: [{ s: 0 }, { s: 17 }] },
      [written, refused('17', '')],
    ],
    ['in order, yet of another number', { results: 'r', status: 's' }, { r: [{ s: 'ok' }] }, [open_, open_]],
    ['a row without a result', { results: 'r', key: 'k' }, { r: [{ k: 'ada@shop.test' }] }, [written, open_]],
    ['no results where they should be', { results: 'r', key: 'k' }, {}, [open_, open_]],
    [
      'a state that is none of those that are named',
      { results: 'r', status: 's', ok: ['ok'], refused: ['bad'] },
      { r: [{ s: 'odd' }, { s: 'bad' }] },
      [open_, refused('receiver_refused', '')],
    ],
    ['a state that is missing', { results: 'r', status: 's' }, { r: [{}, { s: 'ok' }] }, [open_, written]],
    [
      'errors only',
      { errors: 'errors', index: 'i', status: 'kind', again: ['slow'], message: 'm' },
      { errors: [{ i: 1, kind: 'slow' }] },
      [written, again],
    ],
    ['no errors', { errors: 'errors', index: 'i' }, {}, [written, written]],
    [
      'several lists of keys',
      { errors: ['failed.bad', 'failed.gone', 'failed.none'], key: '' },
      { failed: { bad: ['BOB@shop.test'], gone: [] } },
      [written, refused('receiver_refused', '')],
    ],
    ['one word for all', { status: 'success' }, { success: true }, [written, written]],
    ['one word for all: later', { status: 'state', again: ['busy'] }, { state: 'busy' }, [again, again]],
  ]

  test.each(MAPPINGS)('are read %s', async (_, response, body, expected) => {
    const { send } = await open({ response }, () => ({ status: 200, body }))
    expect(await send(ADA, BOB)).toEqual(expected)
  })

  test('one refusal for all is told apart by halves, for one row it is its own', async () => {
    const body = { code: 40_002, message: 'no such list of jane@shop.test' }
    const response = { status: 'code', ok: [0], code: 'code', message: 'message' }
    const { send } = await open({ response }, () => ({ status: 200, body }))
    await expect(send(ADA, BOB)).rejects.toMatchObject({ kind: 'batch', code: '40002' })
    expect(await send(ADA)).toEqual([refused('40002', 'no such list of <email>')])
  })

  test('an answer that is cut off leaves it open, whatever is read of it', async () => {
    for (const response of [undefined, { errors: 'e', index: 'i' }, { results: 'r', key: 'k' }, { status: 's' }]) {
      const type = { 'content-type': 'application/json' }
      const { send } = await open({ ...(response && { response }) }, () => ({
        status: 200,
        headers: type,
        body: '{"e": [',
      }))
      expect(await send(ADA)).toEqual([{ outcome: 'again', code: 'unreadable_answer', applied: 'maybe' }])
    }
  })

  test('errors are those of the connector and nothing else', async () => {
    const { send } = await open({ response: { status: 's' } }, () => ({ status: 500 }))
    await expect(send(ADA)).rejects.toBeInstanceOf(DestinationError)
  })
})
