import { describe, expect, test } from 'vitest'
import type { Change, Io, LeaveAction } from '../../src/connectors/connector.ts'
import { salesforceVendor } from '../../src/connectors/salesforce/emulator.ts'
import { salesforce } from '../../src/connectors/salesforce/index.ts'
import { changeOf, NOW, openBench } from '../support/vendor.ts'

const ACCOUNT = {
  domain: 'acme',
  client_id: 'app',
  client_secret: 'canary-client-secret',
  api_version: '67.0',
  max_api_usage: 0.8,
}
const CAMPAIGN = '701000000000001AAA'
const INTO = salesforce.into.parse({ object: 'CampaignMember', campaign: CAMPAIGN, status: 'Sent' })
const CONTACTS = salesforce.into.parse({ object: 'Contact' })
const SLOT = { run: 'r', window: 0, batch: 0 }
const ROOT = '/services/data/v67.0'

async function open(more: Partial<typeof INTO> = {}, mode: Io['mode'] = 'mirror') {
  const vendor = salesforceVendor({
    origin: 'https://acme.my.salesforce.com',
    clientId: 'app',
    clientSecret: ACCOUNT.client_secret,
    fields: new Map([
      ['Contact', ['Ext_Id__c']],
      ['CampaignMember', ['Reason__c']],
    ]),
    campaigns: new Map([
      [CAMPAIGN, ['New', 'Sent', 'Responded']],
      ['701000000000002AAA', ['New']],
    ]),
    now: () => NOW,
  })
  const columns = { key: ['Ext_Id__c'], fields: ['Reason__c'] }
  const bench = await openBench(vendor, { columns, mode })
  const channel = salesforce.open(ACCOUNT, bench.io)
  const into = { ...INTO, ...more }
  const known = ['a', 'b', 'c'].map((id) => changeOf({ Ext_Id__c: id }, { LastName: id }))
  await channel.send(known, CONTACTS, SLOT)
  bench.seen.length = 0
  return {
    bench,
    channel,
    into,
    send: (...batch: readonly Change[]) => channel.send(batch, into, SLOT),
    /** Makes a member of whom somebody else makes one between the look-up and the request to this path. */
    overtaken: (path: string) => {
      const fetch: Io['fetch'] = async (request) => {
        if (request.method === 'POST' && request.url.endsWith(path)) await channel.send([joins('a')], INTO, SLOT)
        return bench.io.fetch(request)
      }
      return salesforce.open(ACCOUNT, { ...bench.io, fetch }).send([joins('a')], into, SLOT)
    },
    members: () => bench.emulator.contents().find((one) => one.place === 'CampaignMember')?.rows ?? [],
    lines: () => bench.seen.map((one) => `${one.method} ${one.path.replace(ROOT, '')}`),
  }
}

const joins = (id: string, fields: Change['fields'] = {}) => changeOf({ Ext_Id__c: id }, fields)
const leaves = (id: string, leave: LeaveAction) => changeOf({ Ext_Id__c: id }, {}, { op: 'remove', leave })

describe('members of a Salesforce campaign', () => {
  test('are contacts by their external id, looked up and inserted', async () => {
    const { bench, send, members, lines } = await open()
    const receipts = await send(joins('a'), joins('nobody'), joins('b', { Reason__c: 'lapsed' }))
    expect(receipts).toMatchObject([
      { outcome: 'written', id: '00v000000000001AAA' },
      { outcome: 'refused', code: 'INVALID_FIELD' },
      { outcome: 'written', id: '00v000000000002AAA' },
    ])
    expect(lines()).toEqual(['GET /query', 'POST /composite/sobjects'])
    expect(bench.seen[0]?.query.get('q')).toBe(
      `SELECT Id, Contact.Ext_Id__c FROM CampaignMember WHERE CampaignId = '${CAMPAIGN}' AND Contact.Ext_Id__c IN ('a','nobody','b')`,
    )
    expect(members()).toMatchObject([
      { CampaignId: CAMPAIGN, ContactId: '003000000000001AAA', Status: 'Sent' },
      { CampaignId: CAMPAIGN, ContactId: '003000000000002AAA', Status: 'Sent', Reason__c: 'lapsed' },
    ])
  })

  test('who are members already keep their status, and only mapped fields are written', async () => {
    const { send, members, lines } = await open()
    await send(joins('a'))
    await send(joins('A', { Status: 'Responded' }))
    expect(members()).toMatchObject([{ Status: 'Responded' }])
    const before = lines().length
    expect(await send(joins('a'))).toEqual([{ outcome: 'written', id: '00v000000000001AAA' }])
    expect(lines().slice(before)).toEqual(['GET /query'])
    expect(await send(joins('a', { Reason__c: 'x' }), joins('c'))).toMatchObject([
      { outcome: 'written' },
      { outcome: 'written' },
    ])
    expect(members()).toMatchObject([{ Status: 'Responded', Reason__c: 'x' }, { Status: 'Sent' }])
  })

  test('leave the campaign and stay contacts, also when they had come back as another member', async () => {
    const { bench, send, members } = await open()
    const [first] = await send(joins('a'), joins('b'))
    const id = first?.outcome === 'written' ? first.id : undefined
    await send(leaves('a', { verb: 'delete' }))
    await send(joins('a'))
    const again = { ...leaves('a', { verb: 'delete' }), ...(id !== undefined && { destinationId: id }) }
    expect(await send(again, leaves('c', { verb: 'delete' }))).toMatchObject([
      { outcome: 'written' },
      { outcome: 'written' },
    ])
    expect(members()).toMatchObject([{ ContactId: '003000000000002AAA' }])
    expect(bench.emulator.contents().find((one) => one.place === 'Contact')?.rows).toHaveLength(3)
  })

  test('may be marked instead of removed', async () => {
    const { send, members } = await open()
    await send(joins('a'))
    await send(leaves('a', { verb: 'set', argument: 'Status=Responded' }))
    expect(members()).toMatchObject([{ Status: 'Responded' }])
  })

  test('are written by mode update only where they are members', async () => {
    const { send, members } = await open({}, 'update')
    expect(await send(joins('a'))).toMatchObject([{ outcome: 'refused', code: 'NOT_FOUND' }])
    expect(members()).toEqual([])
  })

  test('who joined in between come again', async () => {
    const { overtaken, members } = await open()
    expect(await overtaken('/composite/sobjects')).toEqual([
      { outcome: 'again', code: 'DUPLICATE_VALUE', applied: 'no' },
    ])
    expect(members()).toHaveLength(1)
  })

  test('who joined in between come again from a job, too', async () => {
    const { channel, overtaken, into } = await open({ bulk_above: 0 })
    const [receipt] = await overtaken('/jobs/ingest')
    const state = receipt?.outcome === 'accepted' ? await channel.poll?.(receipt.job, into) : undefined
    if (state?.state !== 'done') throw new Error('runs')
    for await (const told of state.receipts)
      expect(told.receipt).toEqual({ outcome: 'again', code: 'DUPLICATE_VALUE', applied: 'no' })
  })

  test('a failure after some joined is told of the others alone', async () => {
    const { bench, send, members } = await open()
    await send(joins('a'))
    bench.fault = (request) => (request.method === 'PATCH' ? { kind: 'answer', status: 500 } : undefined)
    expect(await send(joins('a', { Reason__c: 'x' }), joins('b'))).toMatchObject([
      { outcome: 'again', applied: 'maybe' },
      { outcome: 'written' },
    ])
    expect(members()).toHaveLength(2)
  })

  test('a look-up that failed has changed nothing', async () => {
    const { bench, send } = await open()
    bench.fault = (request) => (request.method === 'GET' ? { kind: 'answer', status: 500 } : undefined)
    await expect(send(joins('a'))).rejects.toMatchObject({ kind: 'transient', applied: 'no' })
  })

  test('in large volumes become members by a job, and leave by one', async () => {
    const { bench, channel, send, into, members } = await open({ bulk_above: 0 })
    const settle = async (job: string) => {
      const state = await channel.poll?.(job, into)
      if (state?.state !== 'done') throw new Error('runs')
      const told: string[] = []
      for await (const { key, receipt } of state.receipts) told.push(`${key.Ext_Id__c} ${receipt.outcome}`)
      return told.sort()
    }
    const job = '750000000000001AAA insert CampaignMember Contact.Ext_Id__c text 3'
    expect(await send(joins('a'), joins('nobody'), joins('b'))).toEqual(Array(3).fill({ outcome: 'accepted', job }))
    expect(bench.seen.find(({ method }) => method === 'PUT')?.body).toBe(
      `CampaignId,Contact.Ext_Id__c,Status\n${CAMPAIGN},a,Sent\n${CAMPAIGN},b,Sent\n${CAMPAIGN},nobody,Sent\n`,
    )
    expect(await settle(job)).toEqual(['a written', 'b written', 'nobody refused'])
    expect(members()).toHaveLength(2)
    const [left] = await send(leaves('a', { verb: 'delete' }))
    if (left?.outcome !== 'accepted') throw new Error('no job')
    await settle(left.job)
    expect(members()).toHaveLength(1)
  })

  test('are read back, those of this campaign alone', async () => {
    const { channel, into, send } = await open()
    await send(joins('a', { Reason__c: 'x' }), joins('b'))
    const other = { ...into, campaign: '701000000000002AAA', status: undefined }
    await channel.send([joins('c')], salesforce.into.parse(other), SLOT)
    const read = async (keys: readonly Change['key'][] | 'all') => {
      const rows: unknown[] = []
      for await (const row of channel.read?.(keys, into) ?? []) rows.push(row)
      return rows
    }
    expect(await read('all')).toEqual([
      { key: { Ext_Id__c: 'a' }, fields: { Reason__c: 'x' } },
      { key: { Ext_Id__c: 'b' }, fields: { Reason__c: null } },
    ])
    expect(await read([{ Ext_Id__c: 'b' }, { Ext_Id__c: 'c' }])).toHaveLength(1)
  })

  test('check finds the campaign, its status and the key of the person', async () => {
    const { bench, channel, into } = await open()
    await channel.check(into)
    const none = { ...into, campaign: '701000000000009AAA' }
    await expect(channel.check(none)).rejects.toMatchObject({ kind: 'config', code: 'no_campaign' })
    const leaving = (argument: string) =>
      salesforce.open(ACCOUNT, { ...bench.io, acts: [{ verb: 'set', argument }] }).check(into)
    await leaving('Status=Responded')
    await expect(leaving('Status=Gone')).rejects.toThrow('The campaign has no member status "Gone".')
    await expect(channel.check({ ...into, status: 'Opened' })).rejects.toThrow(
      'The campaign has no member status "Opened". It has "New", "Sent", "Responded".',
    )
    await expect(channel.check({ ...into, member: 'Lead' })).rejects.toMatchObject({ code: 'no_field' })
    expect(bench.seen.filter(({ method, path }) => method !== 'GET' && !path.endsWith('/token'))).toEqual([])
  })

  test('are looked up first, which counts among the calls', () => {
    const limits = (upsert: number) => salesforce.limits(ACCOUNT, INTO, { upsert, remove: 0 }).upsert
    expect(limits(2_000)).toMatchObject({ rows: 200, requests: 2 })
    // Fewer rows take less time, and so fewer questions.
    expect(limits(2_001)).toMatchObject({ rows: 10_000, requests: 59 })
    expect(limits(10_000)).toMatchObject({ rows: 10_000, requests: 62 })
  })

  test('go one call at a time, for each locks the campaign; another campaign is another place', () => {
    expect(salesforce.limits(ACCOUNT, INTO, { upsert: 10, remove: 0 }).upsert.inFlight).toBe(1)
    const other = { ...INTO, campaign: '701000000000002AAA' }
    expect(salesforce.place(ACCOUNT, INTO)).not.toBe(salesforce.place(ACCOUNT, other))
  })

  test.each([
    [{ object: 'Contact', campaign: CAMPAIGN }, '"campaign" needs "object: CampaignMember"'],
    [{ object: 'Contact', status: 'Sent' }, '"status" needs "campaign"'],
    [{ object: 'CampaignMember', campaign: 'Spring' }, 'must be the id of a campaign'],
  ])('%j is refused', (written, message) => {
    expect(salesforce.into.safeParse(written).error?.issues[0]?.message).toContain(message)
  })
})
