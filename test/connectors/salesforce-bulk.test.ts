import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Change, Io, JobState, Json, Receipt } from '../../src/connectors/connector.ts'
import { readCsv } from '../../src/connectors/csv.ts'
import { csvOf } from '../../src/connectors/salesforce/bulk.ts'
import { salesforceVendor } from '../../src/connectors/salesforce/emulator.ts'
import type { JobOptions, SalesforceOptions } from '../../src/connectors/salesforce/emulator-org.ts'
import { salesforce } from '../../src/connectors/salesforce/index.ts'
import type { Fault, Seen } from '../../src/connectors/sandbox/sandbox.ts'
import { connectorContract } from '../contract/connector.ts'
import { changeOf, NOW, openBench, SILENCE } from '../support/vendor.ts'

const ACCOUNT = {
  domain: 'acme',
  client_id: 'app',
  client_secret: 'canary-client-secret',
  api_version: '67.0',
  max_api_usage: 0.8,
}
/** Every batch is a job. */
const INTO = salesforce.into.parse({ object: 'Contact', bulk_above: 0 })
const COLUMNS: Io['columns'] = { key: ['Ext_Id__c'], fields: ['LastName', 'Email', 'Tier__c'] }
const SLOT = { run: 'r', window: 0, batch: 0 }
const JOBS = '/services/data/v67.0/jobs/ingest'

function vendor(options: Partial<SalesforceOptions> = {}) {
  return salesforceVendor({
    origin: 'https://acme.my.salesforce.com',
    clientId: 'app',
    clientSecret: ACCOUNT.client_secret,
    fields: new Map([['Contact', ['Ext_Id__c', 'Tier__c']]]),
    now: () => NOW,
    ...options,
  })
}

const ASKED = 'what became of a start that nobody answered is asked of the job, see below'

connectorContract({
  connector: salesforce,
  account: ACCOUNT,
  into: INTO,
  secrets: [ACCOUNT.client_secret, '00Dsandbox!token-1'],
  columns: COLUMNS,
  // With a clock that runs, a full job takes a minute.
  vendor: (now) => vendor(now && { now, jobs: { perRecord: 6 } }),
  row: (n) => ({ key: { Ext_Id__c: `u${n}` }, fields: { LastName: `Person ${n}`, Tier__c: n } }),
  bad: { key: { Ext_Id__c: 'bad' }, fields: { LastName: 'Bad', Email: 'no address' } },
  leave: { verb: 'delete' },
  isWrite: isStart,
  takes: () => 1_000,
  wholeRefused: { status: 400, body: [{ errorCode: 'INVALIDJOBSTATE', message: 'no' }] },
  skip: [
    { case: 'has a page that says what its definition says, and where credentials come from', why: 'one page' },
    { case: '500 may have been applied', why: ASKED },
    { case: 'silence before the effect leaves it open whether it was applied', why: ASKED },
    { case: 'silence after the effect leaves it open whether it was applied', why: ASKED },
    { case: 'an answer lost by reset leaves it open, and sending again does no harm', why: ASKED },
    { case: 'an answer lost by truncated leaves it open, and sending again does no harm', why: ASKED },
  ],
})

/** The request after which a job runs. */
function isStart({ method, body = '' }: Pick<Seen, 'method'> & { readonly body?: string }): boolean {
  return method === 'PATCH' && body.includes('UploadComplete')
}

interface Opening {
  readonly jobs?: JobOptions
  readonly mode?: Io['mode']
  readonly columns?: Io['columns']
  readonly options?: Partial<SalesforceOptions>
}

async function open({ jobs = {}, mode = 'mirror', columns = COLUMNS, options = {} }: Opening = {}) {
  const bench = await openBench(vendor({ ...options, jobs }), { columns, mode })
  const channel = salesforce.open(ACCOUNT, bench.io)
  const send = (...batch: readonly Change[]) => channel.send(batch, INTO, SLOT)
  const held = () => bench.emulator.contents().flatMap((one) => one.rows)
  const poll = async (job: string) => (await channel.poll?.(job, INTO)) ?? { state: 'lost' as const }
  /** What somebody does who looks at the jobs of the org. */
  const abort = (job: string) => {
    const url = `https://acme.my.salesforce.com${JOBS}/${job.split(' ')[0]}`
    const { authorization = '' } = bench.seen.at(-1)?.headers ?? {}
    return bench.io.fetch({ method: 'PATCH', url, headers: { authorization }, body: '{"state":"Aborted"}' })
  }
  const lines = () =>
    bench.seen.filter(({ path }) => !/\/(token|describe)$/.test(path)).map((one) => `${one.method} ${one.path}`)
  return { bench, channel, send, held, poll, abort, lines }
}

function people(count: number): readonly Change[] {
  return Array.from({ length: count }, (_, n) => changeOf({ Ext_Id__c: `u${n}` }, { LastName: `L${n}` }))
}

function jobOf(receipts: readonly Receipt[]): string {
  const [first] = receipts
  if (first?.outcome !== 'accepted') throw new Error(`no job but ${JSON.stringify(first)}`)
  return first.job
}

/** What a job says by key, in words, and of those whom it does not name. */
async function toldBy(state: JobState) {
  if (state.state !== 'done') throw new Error(state.state)
  const told: Record<string, string> = {}
  for await (const { key, receipt } of state.receipts) told[String(key.Ext_Id__c)] = wordOf(receipt)
  return { told, rest: wordOf(state.rest) }
}

function wordOf(receipt: Receipt): string {
  if (receipt.outcome === 'again') return `again ${receipt.applied} ${receipt.code}`
  return receipt.outcome === 'refused' ? `refused ${receipt.code}` : receipt.outcome
}

describe('a job of Salesforce', () => {
  test('is made, uploaded, started, asked for and read', async () => {
    const { bench, send, held, poll, lines } = await open()
    const receipts = await send(
      changeOf({ Ext_Id__c: 'u1' }, { LastName: 'Lovelace, "Ada"', Tier__c: null }),
      changeOf({ Ext_Id__c: 'u2' }, { LastName: 'Two\nlines', Email: 'b@shop.test' }),
    )
    const job = '750000000000001AAA upsert Contact Ext_Id__c text 2'
    expect(receipts).toEqual([
      { outcome: 'accepted', job },
      { outcome: 'accepted', job },
    ])
    expect(held()).toEqual([])
    const state = await poll(job)
    const path = `${JOBS}/750000000000001AAA`
    expect(lines()).toEqual([
      `POST ${JOBS}`,
      `PUT ${path}/batches`,
      `PATCH ${path}`,
      `GET ${path}`,
      `GET ${path}/successfulResults`,
      `GET ${path}/failedResults`,
      `GET ${path}/unprocessedrecords`,
    ])
    const [, describe, create, upload] = bench.seen
    expect(describe?.path).toBe('/services/data/v67.0/sobjects/Contact/describe')
    expect(JSON.parse(create?.body ?? '')).toEqual({
      object: 'Contact',
      operation: 'upsert',
      externalIdFieldName: 'Ext_Id__c',
      contentType: 'CSV',
      lineEnding: 'LF',
      columnDelimiter: 'COMMA',
    })
    expect(upload?.headers['content-type']).toMatch(/^text\/csv/)
    expect(upload?.body).toBe(
      'Ext_Id__c,LastName,Tier__c,Email\nu1,"Lovelace, ""Ada""",#N/A,\nu2,"Two\nlines",,b@shop.test\n',
    )
    expect(await toldBy(state)).toEqual({ told: { u1: 'written', u2: 'written' }, rest: 'again maybe no_result' })
    expect(held()).toMatchObject([
      { LastName: 'Lovelace, "Ada"', Tier__c: null },
      { LastName: 'Two\nlines', Email: 'b@shop.test' },
    ])
  })

  test('clears what is null and leaves alone what it does not speak of', async () => {
    const { send, held, poll } = await open()
    await poll(jobOf(await send(changeOf({ Ext_Id__c: 'u1' }, { LastName: 'L', Email: 'a@shop.test', Tier__c: 1 }))))
    await poll(
      jobOf(
        await send(
          changeOf({ Ext_Id__c: 'u1' }, { Email: null }, { op: 'update' }),
          changeOf({ Ext_Id__c: 'u2' }, { LastName: 'M', Tier__c: '' }),
        ),
      ),
    )
    expect(held()).toMatchObject([{ LastName: 'L', Email: null, Tier__c: '1' }, { Tier__c: null }])
  })

  test('is asked for after 5 seconds, then less often, at least once a minute', async () => {
    const { send, poll } = await open({ jobs: { fate: () => 'stalls' } })
    const job = jobOf(await send(...people(2)))
    const waits: number[] = []
    for (let n = 0; n < 9; n++) {
      const state = await poll(job)
      if (state.state === 'running') waits.push(Math.round(state.after / 1000))
    }
    expect(waits).toEqual([5, 8, 11, 17, 25, 38, 57, 60, 60])
  })

  test('ends by the clock of the vendor, and a later process settles it', async () => {
    let now = NOW
    const { bench, send } = await open({ jobs: { takes: 90_000 }, options: { now: () => now } })
    const job = jobOf(await send(...people(3)))
    const later = salesforce.open(ACCOUNT, bench.io)
    expect(await later.poll?.(job, INTO)).toMatchObject({ state: 'running' })
    now += 90_000
    const state = (await later.poll?.(job, INTO)) ?? { state: 'lost' }
    expect((await toldBy(state)).told).toEqual({ u0: 'written', u1: 'written', u2: 'written' })
    now += 7 * 86_400_000
    expect(await later.poll?.(job, INTO)).toEqual({ state: 'lost' })
    expect(await later.poll?.('nonsense', INTO)).toEqual({ state: 'lost' })
  })

  test('that somebody aborts half way tells what it wrote, and what it did not come to is sent again', async () => {
    let now = NOW
    const { send, held, poll, abort } = await open({ jobs: { perRecord: 1_000 }, options: { now: () => now } })
    const job = jobOf(await send(...people(4)))
    now += 2_500
    await abort(job)
    expect(await toldBy(await poll(job))).toEqual({ told: HALF, rest: 'again maybe no_result' })
    expect(held()).toHaveLength(2)
    expect((await send(...people(201))).map((one) => one.outcome)).toContain('accepted')
  })

  test('that loses results leaves those rows uncertain', async () => {
    const { send, poll } = await open({ jobs: { fate: () => 'loses' } })
    const { told, rest } = await toldBy(await poll(jobOf(await send(...people(3)))))
    expect(told).toEqual({ u0: 'written', u2: 'written' })
    expect(rest).toBe('again maybe no_result')
  })

  test('that somebody deletes while its results are read is lost', async () => {
    const { bench, send } = await open()
    const job = jobOf(await send(...people(2)))
    const fetch: Io['fetch'] = async (request) => {
      if (request.url.endsWith('/failedResults'))
        await bench.io.fetch({ ...request, method: 'DELETE', url: request.url.replace('/failedResults', '') })
      return bench.io.fetch(request)
    }
    const channel = salesforce.open(ACCOUNT, { ...bench.io, fetch })
    expect(await channel.poll?.(job, INTO)).toEqual({ state: 'lost' })
  })

  test('whose results come in pages', async () => {
    const { bench, send, poll } = await open({ jobs: { pageRows: 2 } })
    const { told } = await toldBy(await poll(jobOf(await send(...people(5)))))
    expect(told).toEqual(Object.fromEntries([0, 1, 2, 3, 4].map((n) => [`u${n}`, 'written'])))
    expect(bench.seen.filter(({ path }) => path.endsWith('/successfulResults'))).toHaveLength(3)
  })

  test('keys that are numbers come back as numbers', async () => {
    const { send, poll } = await open()
    const state = await poll(jobOf(await send(changeOf({ Ext_Id__c: 5 }, { LastName: 'L' }))))
    if (state.state !== 'done') throw new Error(state.state)
    for await (const { key } of state.receipts) expect(key).toEqual({ Ext_Id__c: 5 })
  })

  test('names a parent by its external id in a column, and rows of one parent stand together', async () => {
    const { bench, channel, send, held, poll } = await open()
    const accounts = salesforce.into.parse({ object: 'Account' })
    await channel.send(
      [changeOf({ Ext_Id__c: 'b' }, { Name: 'B' }), changeOf({ Ext_Id__c: 'a' }, { Name: 'A' })],
      accounts,
      SLOT,
    )
    const at = (n: number, parent: string | null) =>
      changeOf({ Ext_Id__c: `u${n}` }, { LastName: 'L', 'Account.Ext_Id__c': parent })
    const receipts = await send(at(1, 'b'), at(2, 'a'), at(3, 'none'), at(4, 'b'), at(5, null))
    const upload = bench.seen
      .find(({ method }) => method === 'PUT')
      ?.body.trim()
      .split('\n')
    expect(upload).toEqual([
      'Ext_Id__c,LastName,Account.Ext_Id__c',
      'u5,L,#N/A',
      'u2,L,a',
      'u1,L,b',
      'u4,L,b',
      'u3,L,none',
    ])
    const { told } = await toldBy(await poll(jobOf(receipts)))
    expect(told).toEqual({ u1: 'written', u2: 'written', u3: 'refused INVALID_FIELD', u4: 'written', u5: 'written' })
    expect(held().filter((row) => row.AccountId === '001000000000001AAA')).toHaveLength(2)
  })

  test('a row with the sign for an empty field as its value is refused alone', async () => {
    const { send, poll, held } = await open()
    const receipts = await send(changeOf({ Ext_Id__c: 'x' }, { LastName: '#N/A' }), ...people(1))
    expect(receipts.map(wordOf)).toEqual(['refused not_in_csv', 'accepted'])
    const [, second] = receipts
    await poll(jobOf(second ? [second] : []))
    expect(held()).toMatchObject([{ Ext_Id__c: 'u0' }])
    expect((await send(changeOf({ Ext_Id__c: 'x' }, { LastName: '#N/A' }))).map(wordOf)).toEqual(['refused not_in_csv'])
  })

  test('errors of rows are told as those of a call are', async () => {
    const codes = ['DUPLICATES_DETECTED', 'UNABLE_TO_LOCK_ROW', 'INSUFFICIENT_ACCESS_OR_READONLY']
    const rule = (_: string, row: Readonly<Record<string, Json>>) =>
      codes.includes(String(row.LastName))
        ? { code: String(row.LastName), message: 'jane@shop.test, said so' }
        : undefined
    const { send, poll } = await open({ options: { rule } })
    const rows = codes.map((code) => changeOf({ Ext_Id__c: code }, { LastName: code }))
    const beside = await poll(jobOf(await send(...rows, ...people(1))))
    expect((await toldBy(beside)).told).toEqual({
      u0: 'written',
      DUPLICATES_DETECTED: 'refused DUPLICATES_DETECTED',
      UNABLE_TO_LOCK_ROW: 'again no UNABLE_TO_LOCK_ROW',
      INSUFFICIENT_ACCESS_OR_READONLY: 'refused INSUFFICIENT_ACCESS_OR_READONLY',
    })
    const alone = await poll(jobOf(await send(...rows.slice(2))))
    if (alone.state !== 'done') throw new Error(alone.state)
    for await (const { receipt } of alone.receipts)
      expect(wordOf(receipt)).toBe('again no INSUFFICIENT_ACCESS_OR_READONLY')
    const again = await poll(jobOf(await send(...rows.slice(0, 1))))
    if (again.state !== 'done') throw new Error(again.state)
    for await (const { receipt } of again.receipts)
      expect(receipt).toMatchObject({ message: '<email>, said so', kind: 'row' })
  })

  test('more than 200 rows of a large volume are a job, fewer are a call', async () => {
    const into = salesforce.into.parse({ object: 'Contact' })
    const limits = (upsert: number, remove = 0, more = {}) =>
      salesforce.limits(ACCOUNT, { ...into, ...more }, { upsert, remove })
    expect(limits(2_000, 2_001)).toMatchObject({ upsert: { rows: 200 }, remove: { rows: 10_000 } })
    expect(limits(2_001).upsert).toMatchObject({ rows: 10_000, bytes: 16 * 1024 * 1024 })
    expect(limits(1_000_000, 0, { allow_duplicates: true }).upsert.rows).toBe(200)
    const { channel } = await open()
    const outcomes = async (count: number) => (await channel.send(people(count), into, SLOT)).map((one) => one.outcome)
    expect(new Set(await outcomes(200))).toEqual(new Set(['written']))
    expect(new Set(await outcomes(201))).toEqual(new Set(['accepted']))
  })

  test('that is one of many has ended before anybody asks: a plan foresees one question for it', () => {
    const requests = (rows: number) => salesforce.limits(ACCOUNT, INTO, { upsert: rows, remove: 0 }).upsert.requests
    // Three to start it, three results, and the questions of the first minute.
    expect(requests(10)).toBe(6 + 1)
    expect(requests(10_000)).toBe(6 + 6)
    // Of a hundred jobs, the last 24 still run when the last has started.
    const many = requests(1_000_000) ?? 0
    expect(many).toBeGreaterThan(6 + 1)
    expect(many).toBeLessThanOrEqual(6 + (76 * 1 + 24 * 6) / 100)
  })

  test('a full job is read back in one answer', async () => {
    const { send, poll, held } = await open()
    const receipts = await send(...people(10_000))
    const { told } = await toldBy(await poll(jobOf(receipts)))
    expect(Object.values(told).filter((word) => word === 'written')).toHaveLength(10_000)
    expect(held()).toHaveLength(10_000)
  })
})

/** What became of four rows, of which a job came to two. */
const HALF = { u0: 'written', u1: 'written', u2: 'again no unprocessed', u3: 'again no unprocessed' }

describe('a job that fails as a whole', () => {
  /** The one who started a job hears that it failed, and the next run what it did. */
  async function failed(batch: readonly Change[], opening: Opening = {}) {
    const place = await open(opening)
    const first = salesforce.open(ACCOUNT, place.bench.io)
    const job = jobOf(await first.send(batch, INTO, SLOT))
    const state = await first.poll?.(job, INTO)
    if (state?.state !== 'failed') throw new Error('the job did not fail')
    const { told, rest } = await toldBy(await place.poll(job))
    return { ...place, message: state.message, told, rest }
  }

  test('for a field that the object does not have writes nothing, and then stops the run with its name', async () => {
    const wrong = changeOf({ Ext_Id__c: 'u1' }, { LastName: 'L', Nonsense: 'x' })
    const { send, held, message, told, lines } = await failed([wrong])
    expect(message).toBe('A job of "Contact" failed: InvalidBatch : Field name not found : Nonsense.')
    expect(told).toEqual({ u1: 'again no unprocessed' })
    await expect(send(wrong)).rejects.toMatchObject({
      kind: 'config',
      code: 'INVALID_FIELD',
      message: expect.stringContaining("'Nonsense'"),
    })
    expect(lines().filter((line) => line === `POST ${JOBS}`)).toHaveLength(1)
    expect(held()).toEqual([])
  })

  test('for a row whose triggers run for ever sends what it left undone in calls, which find that row', async () => {
    const takes = (_: string, row: Readonly<Record<string, Json>>) => (row.Ext_Id__c === 'u3' ? 300_001 : 0)
    const slow = { options: { org: { takes } }, jobs: { partRows: 2 } }
    const { send, held, message, told } = await failed(people(4), slow)
    expect(message).toContain('InternalServerError : Batch failed')
    expect(told).toEqual(HALF)
    // Halves are what the engine makes of it.
    await expect(send(...people(201))).rejects.toMatchObject({ kind: 'batch', code: 'job_failed' })
    expect((await send(...people(4).slice(2))).map((one) => one.outcome)).toEqual(['written', 'written'])
    expect(held()).toHaveLength(4)
  })

  test('for what a day allows is settled at once, and the next one is not made', async () => {
    const { send, poll } = await open({ jobs: { dailyBatches: 1, partRows: 2 } })
    expect((await toldBy(await poll(jobOf(await send(...people(4)))))).told).toEqual(HALF)
    await expect(send(...people(4))).rejects.toMatchObject({ kind: 'throttle', code: 'ExceededQuota' })
  })

  test('without anybody telling: after a day in which it did not end it is aborted', async () => {
    let now = NOW
    const { bench, send, poll } = await open({ jobs: { fate: () => 'stalls' }, options: { now: () => now } })
    const job = jobOf(await send(...people(2)))
    const later = salesforce.open(ACCOUNT, { ...bench.io, now: () => now })
    now += 86_399_999
    expect(await later.poll?.(job, INTO)).toMatchObject({ state: 'running' })
    now += 1
    const { told } = await toldBy((await later.poll?.(job, INTO)) ?? { state: 'lost' })
    expect(told).toEqual({ u0: 'again no unprocessed', u1: 'again no unprocessed' })
    expect(bench.seen.find(({ body }) => body.includes('Aborted'))?.method).toBe('PATCH')
    expect(await later.send(people(2), INTO, SLOT)).toMatchObject([{ outcome: 'written' }, { outcome: 'written' }])
    expect((await toldBy(await poll(job))).told).toEqual(told)
  })

  test('is not even made where the mapping is wrong', async () => {
    const columns = { key: ['Ext_Id__c'], fields: ['LastName', 'Nonsense'] }
    const { send, lines } = await open({ columns })
    const wrong = changeOf({ Ext_Id__c: 'u1' }, { LastName: 'L', Nonsense: 'x' })
    for (let n = 0; n < 2; n++)
      await expect(send(wrong)).rejects.toMatchObject({ kind: 'config', code: 'no_field', applied: 'no' })
    expect(lines()).toEqual([])
  })
})

describe('a job that did not start', () => {
  const on = (when: (request: Seen) => boolean, fault: Fault) => (request: Seen) => (when(request) ? fault : undefined)

  test.each<readonly [string, (request: Seen) => boolean]>([
    ['its making', ({ method }) => method === 'POST'],
    ['the upload', ({ method }) => method === 'PUT'],
  ])('because %s failed has written nothing, whatever the answer was', async (_, when) => {
    const faults: readonly Fault[] = [
      { kind: 'answer', status: 500, effect: true },
      { kind: 'reset', effect: true },
    ]
    for (const fault of faults) {
      const { bench, send, held, lines } = await open()
      await bench.io.fetch({ method: 'GET', url: 'https://acme.my.salesforce.com/' })
      bench.fault = on((request) => when(request) && !request.path.endsWith('/token'), fault)
      const error = await send(...people(2)).catch((one: unknown) => one)
      expect(error, JSON.stringify(fault)).toMatchObject({ kind: 'transient', applied: 'no' })
      expect(lines().filter((line) => line.startsWith('PATCH'))).toHaveLength(when({ method: 'PUT' } as Seen) ? 1 : 0)
      bench.fault = undefined
      expect(held()).toEqual([])
    }
  })

  test.each<readonly [string, Fault]>([
    ['was refused', { kind: 'answer', status: 429, headers: { 'retry-after': '7' } }],
    ['got lost', { kind: 'reset', effect: false }],
    ['stayed without an answer', { kind: 'silence', effect: false }],
    ['failed', { kind: 'answer', status: 500 }],
  ])('because its start %s is aborted, and has written nothing', async (_, fault) => {
    const { bench, send, held, lines, channel } = await open()
    await channel.check(INTO)
    bench.fault = on(isStart, fault)
    bench.timeout = SILENCE
    await expect(send(...people(2))).rejects.toMatchObject({ applied: 'no' })
    bench.fault = undefined
    bench.timeout = 20_000
    expect(lines().at(-1)).toBe(`PATCH ${JOBS}/750000000000001AAA`)
    expect(bench.seen.at(-1)?.body).toBe('{"state":"Aborted"}')
    expect(held()).toEqual([])
  })

  test.each<readonly [string, Fault]>([
    ['reset', { kind: 'reset', effect: true }],
    ['cut off', { kind: 'truncated' }],
    ['silent', { kind: 'silence', effect: true }],
    ['500', { kind: 'answer', status: 500, effect: true }],
  ])('is not taken for one that did: its start had an effect and the answer was %s', async (_, fault) => {
    const { bench, send, held, poll, channel } = await open()
    await channel.check(INTO)
    bench.fault = on(isStart, fault)
    bench.timeout = SILENCE
    const job = jobOf(await send(...people(2)))
    bench.timeout = 20_000
    expect((await toldBy(await poll(job))).told).toEqual({ u0: 'written', u1: 'written' })
    expect(held()).toHaveLength(2)
  })

  test('and could not be asked either is settled later: it is aborted, so that it never runs', async () => {
    const { bench, channel, send, held, poll } = await open()
    await channel.send(people(1), INTO, SLOT)
    bench.fault = (request) => {
      if (isStart(request)) return { kind: 'reset', effect: false }
      return request.method === 'PATCH' || request.method === 'GET' ? { kind: 'answer', status: 503 } : undefined
    }
    const job = jobOf(await send(...people(2)))
    await expect(poll(job)).rejects.toMatchObject({ kind: 'transient' })
    bench.fault = undefined
    expect(await toldBy(await poll(job))).toEqual({ told: {}, rest: 'again no Open' })
    expect(await toldBy(await poll(job))).toMatchObject({
      told: { u0: 'again no unprocessed', u1: 'again no unprocessed' },
    })
    expect(held()).toEqual([])
  })

  test('because the parts of a day are used up ends the run', async () => {
    const { send, poll } = await open({ jobs: { dailyBatches: 1 } })
    await poll(jobOf(await send(...people(1))))
    await expect(send(...people(1))).rejects.toMatchObject({
      kind: 'throttle',
      code: 'ExceededQuota',
      after: Number.POSITIVE_INFINITY,
    })
  })
})

describe('jobs that go by record id', () => {
  const leaving = (verb: string, argument?: string) => (n: number) =>
    changeOf({ Ext_Id__c: `u${n}` }, {}, { op: 'remove', leave: { verb, ...(argument && { argument }) } })

  async function filled(opening: Opening = {}) {
    const place = await open(opening)
    await place.poll(jobOf(await place.send(...people(4))))
    place.bench.seen.length = 0
    return place
  }

  test('delete, and name no row where all went well', async () => {
    const { bench, send, held, poll } = await filled()
    const receipts = await send(...[0, 1, 9].map(leaving('delete')))
    expect(receipts.map((one) => one.outcome)).toEqual(['accepted', 'accepted', 'written'])
    expect(bench.seen.find(({ method }) => method === 'PUT')?.body).toBe('Id\n003000000000001AAA\n003000000000002AAA\n')
    expect(await toldBy(await poll(jobOf(receipts)))).toEqual({ told: {}, rest: 'written' })
    expect(held()).toHaveLength(2)
  })

  test('find out whose record failed', async () => {
    const rule = (_: string, row: Readonly<Record<string, Json>>) =>
      row.IsDeleted === true && row.Ext_Id__c === 'u1'
        ? { code: 'DELETE_FAILED', message: 'It has an open case.' }
        : undefined
    const { send, poll } = await filled({ options: { rule } })
    const job = jobOf(await send(...[0, 1, 2].map(leaving('delete'))))
    expect(await toldBy(await poll(job))).toEqual({
      told: { u0: 'written', u1: 'refused DELETE_FAILED', u2: 'written' },
      rest: 'again maybe no_result',
    })
  })

  test('a record that went in between has left', async () => {
    const { channel, send, poll } = await filled()
    const alone = salesforce.into.parse({ object: 'Contact' })
    const id = '003000000000001AAA'
    await channel.send([leaving('delete')(0)], alone, SLOT)
    const known = (verb: Change) => ({ ...verb, destinationId: id })
    expect(await toldBy(await poll(jobOf(await send(known(leaving('delete')(0))))))).toMatchObject({ rest: 'written' })
    const set = known(leaving('set', 'Tier__c=former')(0))
    expect(await toldBy(await poll(jobOf(await send(set))))).toMatchObject({ rest: 'written' })
  })

  test('that lose results leave those rows uncertain', async () => {
    const { send, poll } = await filled({ jobs: { fate: (job) => (job === 2 ? 'loses' : undefined) } })
    const job = jobOf(await send(...[0, 1, 2].map(leaving('delete'))))
    expect(await toldBy(await poll(job))).toEqual({
      told: { u0: 'written', u2: 'written' },
      rest: 'again maybe no_result',
    })
  })

  test('clear and set fields', async () => {
    const { bench, send, held, poll } = await filled()
    const job = jobOf(await send(...[0, 1].map(leaving('set', 'Tier__c=former'))))
    expect(bench.seen.find(({ method }) => method === 'PUT')?.body).toMatch(/^Id,Tier__c\n/)
    expect((await toldBy(await poll(job))).rest).toBe('written')
    expect(held().map((row) => row.Tier__c)).toEqual(['former', 'former', undefined, undefined])
  })

  test('mode update makes no record', async () => {
    const { bench, held, poll } = await filled()
    const channel = salesforce.open(ACCOUNT, { ...bench.io, mode: 'update' })
    const batch = [...people(2), changeOf({ Ext_Id__c: 'new' }, { LastName: 'N' })]
    const receipts = await channel.send(batch, INTO, SLOT)
    expect(receipts.map(wordOf)).toEqual(['accepted', 'accepted', 'refused NOT_FOUND'])
    expect((await toldBy(await poll(jobOf(receipts)))).rest).toBe('written')
    expect(held()).toHaveLength(4)
  })
})

test('the CSV of a job reads back as what went in: empty where a change is silent, #N/A where it clears', () => {
  const name = fc.constantFrom('LastName', 'Email', 'Tier__c', 'Account.Ext_Id__c')
  const text = fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', '\n', '\r', ' ', "'", '#', '😀') })
  const value = fc.oneof(text, fc.constant(null), fc.integer(), fc.boolean())
  const records = fc.array(fc.dictionary(name, value), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(records, (all) => {
      const items = all.map((fields, n) => ({
        change: changeOf({ Ext_Id__c: n }),
        fields: { Ext_Id__c: n, ...fields } as Readonly<Record<string, Json>>,
      }))
      const csv = csvOf({ operation: 'upsert', items })
      const [header = [], ...rows] = readCsv(csv)
      expect(rows).toHaveLength(items.length)
      for (const [n, { fields }] of items.entries())
        for (const [at, column] of header.entries()) {
          const given = fields[column ?? '']
          const expected = given === undefined ? null : given === null || given === '' ? '#N/A' : String(given)
          expect(rows[n]?.[at] ?? null).toBe(expected)
        }
    }),
  )
})
