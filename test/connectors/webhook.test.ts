import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { member, textOf } from '../../src/connectors/answer.ts'
import type { Io, Json } from '../../src/connectors/connector.ts'
import { type WebhookOptions, webhookVendor } from '../../src/connectors/webhook/emulator.ts'
import { webhook } from '../../src/connectors/webhook/index.ts'
import { connectorContract } from '../contract/connector.ts'
import { changeOf, NOW, openBench } from '../support/vendor.ts'

const SECRET = 'canary-hook-secret'
const TOKEN = 'Bearer canary-header-token'
const ACCOUNT = {
  url: 'https://hooks.example.com/in',
  secret: SECRET,
  headers: { Authorization: TOKEN },
  method: 'POST' as const,
  batch: 100,
}
const COLUMNS = { key: ['email'], fields: ['name'] }
const SLOT = { run: 'r', window: 0, batch: 0 }

function vendor(more: Partial<WebhookOptions> = {}) {
  return webhookVendor({
    path: '/in',
    method: 'POST',
    secret: SECRET,
    refuses: (change) => (textOf(change, 'key').includes('@') ? undefined : 'The key is no address.'),
    ...more,
  })
}

connectorContract({
  connector: webhook,
  account: ACCOUNT,
  into: {},
  secrets: [SECRET, TOKEN],
  columns: COLUMNS,
  vendor: () => vendor(),
  row: (n) => ({ key: { email: `p${n}@shop.test` }, fields: { name: `Person ${n}` } }),
  bad: { key: { email: 'nobody' }, fields: { name: 'Nobody' } },
  leave: { verb: 'remove' },
  isWrite: () => true,
  wholeRefused: { status: 422, body: { message: 'no' } },
})

async function open(
  account: Partial<typeof ACCOUNT> & { body?: string } = {},
  columns: Io['columns'] = COLUMNS,
  options: Partial<WebhookOptions> = {},
) {
  const bench = await openBench(vendor(options), { columns })
  const channel = webhook.open({ ...ACCOUNT, ...account }, bench.io)
  return { bench, channel, send: (batch: readonly ReturnType<typeof changeOf>[]) => channel.send(batch, {}, SLOT) }
}

describe('a webhook', () => {
  test('posts the changes with a signature over time and body', async () => {
    const { bench, send } = await open()
    const change = changeOf({ email: 'a@shop.test' }, { name: 'A', tier: null })
    expect(await send([change])).toEqual([{ outcome: 'written' }])
    const request = bench.seen[0]
    expect(request).toMatchObject({ method: 'POST', path: '/in' })
    expect(JSON.parse(request?.body ?? '')).toEqual({
      sync: 'customers_to_vendor',
      changes: [{ op: 'create', key: 'a@shop.test', fields: { name: 'A', tier: null } }],
    })
    const time = NOW / 1000
    const hash = createHmac('sha256', SECRET).update(`${time}.${request?.body}`).digest('hex')
    expect(request?.headers['x-signature']).toBe(`t=${time},v1=${hash}`)
    expect(request?.headers.authorization).toBe(TOKEN)
    expect(request?.headers['idempotency-key']).toBe(change.idempotencyKey)
    expect(bench.emulator.contents()).toEqual([
      { place: 'sync customers_to_vendor', rows: [{ key: 'a@shop.test', fields: { name: 'A', tier: null } }] },
    ])
  })

  test('a key of several columns is sent as an object, and its result is found whatever the order', async () => {
    const isBusy = (change: Json) => textOf(member(change, 'key'), 'shop') === 'fr'
    const { bench, send } = await open(
      {},
      { key: ['shop', 'id'], fields: [] },
      { busy: isBusy, refuses: () => undefined },
    )
    expect(await send([changeOf({ shop: 'fr', id: 7 }), changeOf({ id: 7, shop: 'de' })])).toEqual([
      { outcome: 'again', code: 'receiver_again', applied: 'no' },
      { outcome: 'written' },
    ])
    expect(JSON.parse(bench.seen[0]?.body ?? '').changes[0].key).toEqual({ shop: 'fr', id: 7 })
  })

  test('an answer in text writes all rows', async () => {
    const { bench, send } = await open()
    bench.fault = () => ({ kind: 'answer', status: 202, body: 'thanks' })
    expect(await send([changeOf({ email: 'a@shop.test' })])).toEqual([{ outcome: 'written' }])
  })

  test('sends what the template prints', async () => {
    const { bench, send } = await open({
      body: '{"people":[{{#each changes}}{"mail":"{{key}}"}{{#unless @last}},{{/unless}}{{/each}}]}',
    })
    expect(await send([changeOf({ email: 'a"@shop.test' }), changeOf({ email: 'b@shop.test' })])).toHaveLength(2)
    expect(JSON.parse(bench.seen[0]?.body ?? '')).toEqual({
      people: [{ mail: 'a"@shop.test' }, { mail: 'b@shop.test' }],
    })
    expect(bench.emulator.contents()[0]?.place).toBe('messages')
  })

  test('check names a template that cannot be read, and an address that is none', async () => {
    const broken = await open({ body: '{{#each changes}}' })
    await expect(broken.channel.check({})).rejects.toMatchObject({ kind: 'config', code: 'bad_body' })
    const nowhere = await open({ url: 'hooks' })
    await expect(nowhere.channel.check({})).rejects.toMatchObject({ kind: 'config', code: 'bad_url' })
  })
})
