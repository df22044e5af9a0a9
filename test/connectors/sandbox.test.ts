import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Connector, type Io, type Slot, standIn } from '../../src/connectors/connector.ts'
import { connectors } from '../../src/connectors/index.ts'
import { openSandbox } from '../../src/connectors/sandbox/index.ts'
import type { SandboxDestination, SandboxOptions } from '../../src/connectors/sandbox/sandbox.ts'
import { openStore } from '../../src/connectors/sandbox/store.ts'
import { changeOf, NOW, temporaryFolder } from '../support/vendor.ts'

const SLOT: Slot = { run: 'r', window: 0, batch: 0 }

interface Place {
  readonly into: unknown
  readonly columns: Io['columns']
}

const NEWSLETTER: Place = {
  into: { list: 'abc', status_if_new: 'subscribed', tags: [] },
  columns: { key: ['email'], fields: ['FNAME'] },
}
const CONTACTS: Place = {
  into: { object: 'Contact' },
  columns: { key: ['Ext_Id__c'], fields: ['LastName', 'Tier__c'] },
}
const HOOK: Place = { into: {}, columns: { key: ['id'], fields: ['name'] } }
const EXPORT: Place = { into: { file: 'people.csv' }, columns: { key: ['id'], fields: ['name'] } }

const DESTINATIONS: readonly SandboxDestination[] = [
  { name: 'news', type: 'mailchimp', account: { api_key: 'key-us6' }, places: [NEWSLETTER] },
  {
    name: 'crm',
    type: 'salesforce',
    account: { domain: 'acme', client_id: 'c', client_secret: 's', api_version: '67.0' },
    places: [CONTACTS],
  },
  {
    name: 'hook',
    type: 'webhook',
    account: { url: 'https://hooks.acme.example/in?token=x', secret: 'sssh', method: 'POST', batch: 100 },
    places: [HOOK],
  },
  { name: 'export', type: 'file', account: { path: 'out' }, places: [EXPORT] },
]

async function open(directory: string, options: Partial<SandboxOptions> = {}) {
  const sandbox = await openSandbox({ directory, destinations: DESTINATIONS, ...options })
  await sandbox.accept()
  let open = true
  const close = async () => {
    if (open) await sandbox.close()
    open = false
  }
  onTestFinished(close)
  const channel = (name: string, mode: Io['mode'] = 'upsert') => {
    const destination = (options.destinations ?? DESTINATIONS).find((one) => one.name === name)
    const connector = connectors().get(destination?.type ?? '') as Connector<unknown, unknown>
    const place = destination?.places[0]
    const io: Io = {
      fetch: (request) => sandbox.fetch(request, { allowPrivate: false }),
      now: () => NOW,
      files: sandbox.files(name),
      sync: `to_${name}`,
      mode,
      columns: place?.columns ?? { key: [], fields: [] },
    }
    const opened = connector.open(destination?.account, io)
    return {
      check: () => opened.check(place?.into),
      send: (...batch: readonly ReturnType<typeof changeOf>[]) => opened.send(batch, place?.into, SLOT),
    }
  }
  return { sandbox, channel, close }
}

async function sendAll(channel: Awaited<ReturnType<typeof open>>['channel']) {
  for (const name of ['news', 'crm', 'hook', 'export']) await channel(name).check()
  const receipts = [
    await channel('news').send(changeOf({ email: 'a@shop.test' }, { FNAME: 'A' })),
    await channel('crm').send(changeOf({ Ext_Id__c: 'u1' }, { LastName: 'A' })),
    await channel('hook').send(changeOf({ id: '1' }, { name: 'A' })),
    await channel('export').send(changeOf({ id: '1' }, { name: 'A' })),
  ]
  expect(receipts.flat().map((one) => one.outcome)).toEqual(['written', 'written', 'written', 'written'])
}

describe('the sandbox', () => {
  test('stands in for every vendor at its real address, and tells what each now holds', async () => {
    const directory = await temporaryFolder()
    const { sandbox, channel } = await open(directory)
    expect(sandbox.fresh).toBe(true)
    await sendAll(channel)
    expect(await sandbox.contents()).toEqual([
      {
        destination: 'news',
        holdings: [
          {
            place: 'list abc',
            rows: [{ email_address: 'a@shop.test', status: 'subscribed', merge_fields: { FNAME: 'A' }, tags: [] }],
          },
        ],
      },
      {
        destination: 'crm',
        holdings: [{ place: 'Contact', rows: [{ Id: '003000000000001AAA', Ext_Id__c: 'u1', LastName: 'A' }] }],
      },
      { destination: 'hook', holdings: [{ place: 'sync to_hook', rows: [{ key: '1', fields: { name: 'A' } }] }] },
      {
        destination: 'export',
        holdings: [{ place: 'people.r.00000.csv', rows: [{ op: 'create', id: '1', name: 'A' }] }],
      },
    ])
    expect(Object.fromEntries(sandbox.counters())).toEqual({
      news: { calls: 5, writes: 1 },
      crm: { calls: 4, writes: 1 },
      hook: { calls: 1, writes: 1 },
    })
  })

  test('remembers across processes', async () => {
    const directory = await temporaryFolder()
    const first = await open(directory)
    await sendAll(first.channel)
    const before = await first.sandbox.contents()
    await first.close()
    const second = await open(directory)
    expect(second.sandbox.fresh).toBe(false)
    expect(await second.sandbox.contents()).toEqual(before)
    await second.channel('crm').send(changeOf({ Ext_Id__c: 'u2' }, { LastName: 'B' }))
    const [, crm] = await second.sandbox.contents()
    expect(crm?.holdings[0]?.rows.map((row) => row.Id)).toEqual(['003000000000001AAA', '003000000000002AAA'])
  })

  test('refuses every host that is no declared destination', async () => {
    const { sandbox } = await open(await temporaryFolder())
    for (const url of [
      'https://example.com/',
      'https://hooks.acme.example.evil.test/in',
      'https://acme.my.salesforce.com.evil.test/',
      'https://other.my.salesforce.com/',
      'http://127.0.0.1:80/',
      'http://hooks.acme.example/in',
      'nonsense',
    ])
      await expect(sandbox.fetch({ method: 'GET', url }, { allowPrivate: true })).rejects.toMatchObject({
        kind: 'config',
        code: 'not_emulated',
      })
    expect([...sandbox.counters().values()].every((one) => one.calls === 0)).toBe(true)
  })

  test('makes lists, merge fields and custom fields that syncs name, and no others', async () => {
    const { channel } = await open(await temporaryFolder(), {
      destinations: DESTINATIONS.map((one) => (one.name === 'news' ? { ...one, places: [] } : one)),
    })
    await expect(channel('crm').check()).resolves.toBeUndefined()
    const { channel: strict, sandbox } = await open(await temporaryFolder())
    // Mailchimp drops what the list has no field for.
    await strict('news').send(changeOf({ email: 'a@shop.test' }, { FNAME: 'A', OTHER: 'x' }))
    const news = (await sandbox.contents()).find((one) => one.destination === 'news')
    expect(news?.holdings[0]?.rows).toMatchObject([{ merge_fields: { FNAME: 'A' } }])
    expect(JSON.stringify(news)).not.toContain('OTHER')
  })

  test('two accounts at one host are kept apart, and one account under two names is shared', async () => {
    const account = (api_key: string) => ({ type: 'mailchimp', account: { api_key }, places: [NEWSLETTER] })
    const { sandbox, channel } = await open(await temporaryFolder(), {
      destinations: [
        { name: 'fr', ...account('fr-us6') },
        { name: 'de', ...account('de-us6') },
        { name: 'fr2', ...account('fr-us6') },
      ],
    })
    await channel('fr').send(changeOf({ email: 'a@shop.test' }, { FNAME: 'A' }))
    const held = (await sandbox.contents()).map((one) => [one.destination, one.holdings.length])
    expect(held).toEqual([
      ['fr', 1],
      ['de', 0],
      ['fr2', 1],
    ])
  })

  test('works with variables that are not set', async () => {
    const destinations: readonly SandboxDestination[] = [
      { name: 'news', type: 'mailchimp', account: { api_key: standIn('NEWS') }, places: [NEWSLETTER] },
      {
        name: 'crm',
        type: 'salesforce',
        account: {
          domain: standIn('ORG'),
          client_id: standIn('APP'),
          client_secret: standIn('SECRET'),
          api_version: '67.0',
        },
        places: [CONTACTS],
      },
      {
        name: 'hook',
        type: 'webhook',
        account: { url: standIn('HOOK'), secret: standIn('SIGN'), method: 'POST', batch: 100 },
        places: [HOOK],
      },
      { name: 'export', type: 'file', account: { path: 'out' }, places: [EXPORT] },
    ]
    const { channel } = await open(await temporaryFolder(), { destinations })
    await sendAll(channel)
  })

  test('reset makes every vendor forget, on disk too', async () => {
    const directory = await temporaryFolder()
    const first = await open(directory)
    await sendAll(first.channel)
    await first.sandbox.reset()
    const empty = [
      ['news', 0],
      ['crm', 0],
      ['hook', 0],
      ['export', 0],
    ]
    const held = async (sandbox: typeof first.sandbox) =>
      (await sandbox.contents()).map((one) => [one.destination, one.holdings.length])
    expect(await held(first.sandbox)).toEqual(empty)
    await first.close()
    expect(await held((await open(directory)).sandbox)).toEqual(empty)
  })

  test('a sandbox whose mark is gone begins anew', async () => {
    const directory = await temporaryFolder()
    const first = await open(directory)
    await sendAll(first.channel)
    await first.close()
    await rm(join(directory, 'sandbox.json'))
    await writeFile(join(directory, 'notes.txt'), 'not ours')
    const second = await open(directory)
    expect(second.sandbox.fresh).toBe(true)
    expect((await second.sandbox.contents()).flatMap((one) => one.holdings)).toEqual([])
    expect(await readFile(join(directory, 'notes.txt'), 'utf8')).toBe('not ours')
  })

  test('the effect is on disk before the answer', async () => {
    const directory = await temporaryFolder()
    const lines: string[] = []
    const { channel } = await open(directory, {
      fault: (destination) => (destination === 'hook' ? { kind: 'reset', effect: true } : undefined),
    })
    await expect(channel('hook').send(changeOf({ id: '1' }, { name: 'A' }))).rejects.toMatchObject({ applied: 'maybe' })
    lines.push(...(await readFile(join(directory, 'hook.ndjson'), 'utf8')).trim().split('\n'))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('"sync to_hook"')
  })

  test('tells each point of a request', async () => {
    const points: string[] = []
    const { channel } = await open(await temporaryFolder(), {
      observe: (destination, point, request) => points.push(`${destination} ${point} ${request.number}`),
    })
    await channel('hook').send(changeOf({ id: '1' }))
    expect(points.slice(0, 2)).toEqual(['hook received 1', 'hook applied 1'])
  })
})

describe('the journal of an emulator', () => {
  test('loses only a line that a crash cut off, and goes on behind the last whole one', async () => {
    const path = join(await temporaryFolder(), 'v.ndjson')
    const first = await openStore(path)
    first.rows.put('a', '1', { n: 1 })
    first.rows.put('a', '2', { n: 'é' })
    await first.commit()
    first.rows.drop('a', '1')
    await first.commit()
    await first.close()
    await appendFile(path, '[["a","3",{"n":')
    const second = await openStore(path)
    expect([...second.rows.all('a')]).toEqual([['2', { n: 'é' }]])
    second.rows.put('a', '4', { n: 4 })
    await second.commit()
    await second.close()
    const third = await openStore(path)
    expect([...third.rows.all('a')]).toEqual([
      ['2', { n: 'é' }],
      ['4', { n: 4 }],
    ])
    await third.close()
  })

  test('commits that come together are all there', async () => {
    const path = join(await temporaryFolder(), 'v.ndjson')
    const store = await openStore(path)
    await Promise.all(
      Array.from({ length: 200 }, (_, n) => {
        store.rows.put('a', `${n}`, { n })
        return store.commit()
      }),
    )
    await store.close()
    const again = await openStore(path)
    expect(again.rows.size('a')).toBe(200)
    await again.close()
  })
})

test('a sandbox stays fresh until a ledger was matched with it', async () => {
  const directory = await temporaryFolder()
  const first = await openSandbox({ directory, destinations: DESTINATIONS })
  await first.close()
  const second = await openSandbox({ directory, destinations: DESTINATIONS })
  onTestFinished(() => second.close())
  expect([first.fresh, second.fresh]).toEqual([true, true])
})
