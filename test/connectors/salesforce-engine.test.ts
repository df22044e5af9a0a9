import { describe, expect, test } from 'vitest'
import type { Io } from '../../src/connectors/connector.ts'
import { salesforceVendor } from '../../src/connectors/salesforce/emulator.ts'
import type { JobOptions, OrgRules } from '../../src/connectors/salesforce/emulator-org.ts'
import { salesforce } from '../../src/connectors/salesforce/index.ts'
import { callsFor } from '../../src/sync/guard.ts'
import { openBench } from '../support/vendor.ts'
import { Bench } from '../unit/sync/harness.ts'

// Jobs with the real engine and ledger: whatever becomes of a job, in the end the org holds each record once.

const ACCOUNT = {
  domain: 'acme',
  client_id: 'app',
  client_secret: 'canary-client-secret',
  api_version: '67.0',
  max_api_usage: 0.8,
}
const INTO = salesforce.into.parse({ object: 'Contact', bulk_above: 300 })
const ROWS = 600
const DAY = 86_400_000

async function open(jobs: JobOptions, org: OrgRules = {}, rows = ROWS) {
  const bench = new Bench({
    mode: 'upsert',
    removes: false,
    fields: [{ name: 'LastName', onNull: 'skip', write: 'always' }],
    matchFields: new Set(),
  })
  bench.rows = Array.from({ length: rows }, (_, n) => ({
    profileId: `p${n}`,
    key: { Ext_Id__c: `u${n}` },
    values: { LastName: n % 200 === 7 ? 'x'.repeat(81) : `L${n}` },
  }))
  const good = bench.rows.filter(({ values }) => String(values.LastName).length < 80)
  const vendor = salesforceVendor({
    origin: 'https://acme.my.salesforce.com',
    clientId: 'app',
    clientSecret: ACCOUNT.client_secret,
    fields: new Map([['Contact', ['Ext_Id__c']]]),
    jobs,
    org,
    now: () => bench.clock.time,
  })
  const place = await openBench(vendor, { columns: { key: ['Ext_Id__c'], fields: ['LastName'] }, mode: 'upsert' })
  return {
    bench,
    place,
    /** One run, as a process of its own makes it. */
    run: (wait = 0, more: Partial<Io> = {}, account: typeof ACCOUNT & { readonly daily_calls?: number } = ACCOUNT) =>
      bench.run({
        connector: salesforce as never,
        account,
        into: INTO,
        channel: salesforce.open(account, { ...place.io, now: () => bench.clock.time, ...more }) as never,
        wait,
      }),
    jobs: () => place.seen.filter(({ method, path }) => method === 'POST' && path.endsWith('/jobs/ingest')).length,
    /** What somebody does who looks at the jobs of the org: ends the last one. */
    abort: () => {
      const { path = '', headers } = place.seen.findLast(({ method }) => method === 'PATCH') ?? {}
      const url = `https://acme.my.salesforce.com${path}`
      const authorization = headers?.authorization ?? ''
      return place.io.fetch({ method: 'PATCH', url, headers: { authorization }, body: '{"state":"Aborted"}' })
    },
    states: () => {
      const counts: Record<string, number> = {}
      for (const { state } of bench.warehouse.snapshot.values()) counts[state] = (counts[state] ?? 0) + 1
      return counts
    },
    /** All is there once, and nothing is left to send. */
    settled: async function (this: { run: (wait?: number) => ReturnType<Bench['run']> }) {
      const held = place.emulator.contents().flatMap(({ rows }) => rows.map((row) => row.Ext_Id__c))
      expect(held.sort()).toEqual(good.map(({ key }) => key?.Ext_Id__c).sort())
      expect(await this.run()).toMatchObject({ creates: 0, updates: 0, calls: 0 })
    },
  }
}

describe('a large first run into Salesforce', () => {
  test('waits for its job and settles every row', async () => {
    const place = await open({ polls: 3 })
    expect(await place.run(120_000)).toMatchObject({ status: 'ok', calls: 1 })
    expect(place.jobs()).toBe(1)
    expect(place.states().synced).toBe(ROWS - 3)
    await place.settled()
  })

  test('takes about the calls that its plan foresees, questions and results included', async () => {
    const place = await open({ takes: 60_000 }, {}, 30_000)
    const guarded = { delivers: 'changes', connector: salesforce as never, account: ACCOUNT, into: INTO } as const
    const foreseen = callsFor(guarded, { upsert: 30_000, remove: 0 }) ?? 0
    expect(foreseen).toBe(36)
    const daily_calls = 40
    expect(await place.run(0, {}, { ...ACCOUNT, daily_calls })).toMatchObject({
      status: 'blocked',
      blocked_by: expect.stringContaining('about 36 calls, of the 40'),
    })
    expect(await place.run(120_000)).toMatchObject({ status: 'ok', accepted: 0 })
    expect(Math.abs(place.place.seen.length - foreseen)).toBeLessThanOrEqual(0.1 * foreseen)
  })

  test('that ends before its job does is settled by a later one, and sends nothing twice', async () => {
    const place = await open({ takes: 3_600_000 })
    expect(await place.run()).toMatchObject({ accepted: ROWS })
    expect(await place.run()).toMatchObject({ creates: 0, calls: 0 })
    place.bench.clock.time += 3_600_000
    await place.run()
    expect(place.jobs()).toBe(1)
    await place.settled()
  })

  test('whose job never ends leaves its rows alone for a day, and then sends them in calls', async () => {
    const place = await open({ fate: () => 'stalls' })
    await place.run(120_000)
    place.bench.clock.time += DAY / 2
    expect(await place.run(120_000)).toMatchObject({ creates: 0, calls: 0 })
    expect(place.states()).toEqual({ submitted: ROWS })
    place.bench.clock.time += DAY / 2
    expect(await place.run(120_000)).toMatchObject({ status: 'ok', creates: ROWS, written: ROWS - 3, refused: 3 })
    expect(place.jobs()).toBe(1)
    await place.settled()
  })

  test('whose job somebody aborts half way sends the other half again', async () => {
    const place = await open({ perRecord: 1_000 })
    await place.run()
    place.bench.clock.time += (ROWS / 2) * 1_000
    await place.abort()
    expect(await place.run(120_000)).toMatchObject({ creates: ROWS / 2 })
    expect(place.jobs()).toBe(1)
    await place.settled()
  })

  test('whose job fails for one row sends all in calls: nobody waits for that row', async () => {
    const place = await open({}, { takes: (_, row) => (row.Ext_Id__c === 'u13' ? 400_000 : 0) })
    expect(await place.run(120_000)).toMatchObject({ status: 'ok', accepted: 0, again: ROWS })
    expect(await place.run(120_000)).toMatchObject({ status: 'ok', creates: ROWS, written: ROWS - 3, refused: 3 })
    expect(place.jobs()).toBe(1)
    await place.settled()
  })

  test('with a field that does not exist stops before anything is sent, each time', async () => {
    const place = await open({})
    const columns = { key: ['Ext_Id__c'], fields: ['LastName', 'Nonsense'] }
    for (let n = 0; n < 2; n++) {
      const outcome = await place.run(0, { columns })
      expect(outcome).toMatchObject({ status: 'failed', creates: ROWS, again: ROWS })
      expect(outcome.diagnostics).toMatchObject([
        { code: 'destination/config', message: expect.stringContaining('"Contact" has no field "Nonsense"') },
      ])
    }
    expect(place.jobs()).toBe(0)
    expect(place.states()).toEqual({})
  })

  test('whose job loses results holds those rows, then sends them again', async () => {
    const place = await open({ fate: () => 'loses' })
    await place.run(120_000)
    expect(place.states().unknown).toBe(ROWS / 3)
    place.bench.clock.time += 600_000
    await place.run(120_000)
    await place.settled()
  })

  test('whose job was forgotten before anybody asked sends it all again', async () => {
    const place = await open({})
    place.place.fault = ({ method, path }) =>
      method === 'GET' && /\/jobs\/ingest\/\w+$/.test(path) ? { kind: 'answer', status: 503, effect: true } : undefined
    await place.run()
    place.place.fault = undefined
    place.bench.clock.time += 8 * DAY
    await place.run()
    place.bench.clock.time += 600_000
    await place.run(120_000)
    expect(place.jobs()).toBe(2)
    await place.settled()
  })

  test('whose start got no answer asks the job rather than sending twice', async () => {
    const place = await open({})
    let left = 1
    place.place.fault = ({ body }) =>
      body.includes('UploadComplete') && left-- > 0 ? { kind: 'reset', effect: true } : undefined
    await place.run(120_000)
    expect(place.jobs()).toBe(1)
    await place.settled()
  })
})
