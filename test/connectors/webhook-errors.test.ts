import { describe, expect, test } from 'vitest'
import { type Change, DestinationError, type Ms } from '../../src/connectors/connector.ts'
import { type WebhookOptions, webhookVendor } from '../../src/connectors/webhook/emulator.ts'
import { webhook } from '../../src/connectors/webhook/index.ts'
import { changeOf, NOW, openBench } from '../support/vendor.ts'

// What a receiver says out of its own rules, and what that means for the rows.

const SLOT = { run: 'r', window: 0, batch: 0 }
const COLUMNS = { key: ['email'], fields: ['name'] }
const ADA = changeOf({ email: 'ada@shop.test' }, { name: 'Ada' })
const BEA = changeOf({ email: 'bea@shop.test' }, { name: 'Bea' })

/** A receiver that refuses a whole request for one row. */
const BAD_BEA: Partial<WebhookOptions> = {
  refuses: (change) => (JSON.stringify(change).includes('Bea') ? 'No bea@shop.test.' : undefined),
  refusesWith: 422,
}

async function open(vendor: Partial<WebhookOptions> = {}, account: object = {}) {
  const receiver = webhookVendor({ path: '/in', method: 'POST', secret: 'canary-secret', ...vendor })
  const bench = await openBench(receiver, { columns: COLUMNS })
  const written = { url: 'https://hooks.example.com/in', secret: 'canary-secret', ...account }
  const opened = webhook.account.parse(written)
  const channel = webhook.open(opened, bench.io)
  const send = (...batch: readonly Change[]) => channel.send(batch, {}, SLOT)
  const held = () => bench.emulator.contents().flatMap((one) => one.rows)
  return { bench, send, held, opened }
}

describe('what a receiver answers', () => {
  test.each<[string, Partial<WebhookOptions>, object, object]>([
    ['401, to another signature', {}, { secret: 'canary-other' }, { kind: 'auth', code: 'http_401' }],
    [
      '403, to an act that the key may not do',
      { forbids: new Set(['create']) },
      {},
      { kind: 'auth', code: 'http_403' },
    ],
    ...([301, 302, 303, 307, 308] as const).map(
      (status) =>
        [
          `${status}, at another address`,
          { moved: { status, to: 'https://canary.example.com/in' } },
          {},
          { kind: 'config', code: 'redirect_refused' },
        ] as [string, Partial<WebhookOptions>, object, object],
    ),
    ['404, at another address', { path: '/elsewhere' }, {}, { kind: 'config', code: 'http_404' }],
    ['405, to another method', { method: 'PUT' }, {}, { kind: 'config', code: 'http_405' }],
    [
      '400, to a body that it cannot read',
      {},
      { headers: { 'Content-Type': 'text/json' }, body: '{{sync}}' },
      { kind: 'batch', code: 'http_400' },
    ],
    ['413, to a body that is too large', { mostBytes: 80 }, {}, { kind: 'batch', code: 'http_413' }],
    [
      '429, above its rate',
      { mostASecond: 0, now: () => NOW },
      {},
      { kind: 'throttle', code: 'http_429', applied: 'no', after: 1_000 },
    ],
    ...[408, 500, 502, 503, 504].map(
      (status) =>
        [`${status}`, { trouble: { status } }, {}, { kind: 'transient', code: `http_${status}`, applied: 'maybe' }] as [
          string,
          Partial<WebhookOptions>,
          object,
          object,
        ],
    ),
    ['425', { trouble: { status: 425 } }, {}, { kind: 'transient', code: 'http_425', applied: 'no' }],
    ['501', { trouble: { status: 501 } }, {}, { kind: 'config', code: 'http_501' }],
    ['409, unless told otherwise', { trouble: { status: 409 } }, {}, { kind: 'batch', code: 'http_409' }],
    ['409, where that passes', { trouble: { status: 409 } }, { retry_on: [409] }, { kind: 'transient', applied: 'no' }],
    ['422, to a row that it will not take', BAD_BEA, {}, { kind: 'batch', code: 'http_422' }],
    ['404, where it means a row', { path: '/elsewhere' }, { refuse_on: [404] }, { kind: 'batch', code: 'http_404' }],
    [
      '503, where that is no matter of time',
      { trouble: { status: 503 } },
      { refuse_on: ['5xx'] },
      { kind: 'batch', code: 'http_503' },
    ],
  ])('%s', async (_, vendor, account, expected) => {
    const { send, held } = await open(vendor, account)
    const error: unknown = await send(ADA, BEA).catch((one) => one)
    expect(error).toBeInstanceOf(DestinationError)
    expect(error).toMatchObject(expected)
    expect(String(error)).not.toContain('canary')
    expect(held()).toEqual([])
  })

  test('429 passes with the next second', async () => {
    let time: Ms = NOW
    const { send, held } = await open({ mostASecond: 1, now: () => time })
    await send(ADA)
    await expect(send(BEA)).rejects.toMatchObject({ kind: 'throttle', after: 1_000 })
    time += 1_000
    expect(await send(BEA)).toEqual([{ outcome: 'written' }])
    expect(held()).toHaveLength(2)
  })

  test('its own words about a row it will not take, and about all of them', async () => {
    const { send, held } = await open({
      refuses: (change) => (JSON.stringify(change).includes('Bea') ? 'No Bea.' : undefined),
    })
    expect(await send(ADA, BEA)).toEqual([
      { outcome: 'written' },
      { outcome: 'refused', kind: 'row', code: 'receiver_refused', message: 'No Bea.' },
    ])
    expect(held()).toHaveLength(1)
  })

  test('a row that is busy comes again, and one that is not named may be written', async () => {
    const isBea = (change: unknown) => JSON.stringify(change).includes('Bea')
    const busy = await open({ busy: isBea })
    expect(await busy.send(ADA, BEA)).toEqual([
      { outcome: 'written' },
      { outcome: 'again', code: 'receiver_again', applied: 'no' },
    ])
    expect(busy.held()).toHaveLength(1)
    const silent = await open({ leavesOut: isBea })
    expect(await silent.send(ADA, BEA)).toEqual([
      { outcome: 'written' },
      { outcome: 'again', code: 'no_result', applied: 'maybe' },
    ])
    expect(silent.held()).toHaveLength(2)
  })

  test('422 to a single row is its own refusal, in words without values', async () => {
    const { send } = await open(BAD_BEA)
    expect(await send(ADA)).toEqual([{ outcome: 'written' }])
    const [receipt] = await send(BEA)
    expect(receipt).toMatchObject({ outcome: 'refused', kind: 'row', code: 'http_422' })
    expect(JSON.stringify(receipt)).toContain('No <email>')
  })

  test.each<[number, object]>([
    [503, {}],
    [409, { retry_on: [409] }],
  ])('%i is over when the trouble is', async (status, account) => {
    let time: Ms = NOW
    const { send, held } = await open({ trouble: { status, until: NOW + 5_000 }, now: () => time }, account)
    await expect(send(ADA)).rejects.toMatchObject({ kind: 'transient', code: `http_${status}` })
    time += 5_000
    expect(await send(ADA)).toEqual([{ outcome: 'written' }])
    expect(held()).toHaveLength(1)
  })

  test('413 to a single row is its own refusal', async () => {
    const { send } = await open({ mostBytes: 80 })
    expect(await send(ADA)).toMatchObject([{ outcome: 'refused', kind: 'row', code: 'http_413' }])
  })

  test('500 after it has taken the rows: sent again they are there once', async () => {
    const trouble = { status: 500, after: true }
    const { send, held, bench } = await open({ trouble })
    await expect(send(ADA)).rejects.toMatchObject({ kind: 'transient', applied: 'maybe' })
    expect(held()).toHaveLength(1)
    await expect(send(ADA)).rejects.toMatchObject({ kind: 'transient', applied: 'maybe' })
    expect(held()).toHaveLength(1)
    expect(new Set(bench.seen.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
  })
})
