import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Channel,
  DestinationError,
  type Json,
  type Key,
  type Limit,
  NetworkError,
} from '../../../src/connectors/connector.ts'
import type { SyncJob } from '../../../src/sync/job.ts'
import { Pace } from '../../../src/sync/pace.ts'
import { patiently } from '../../../src/sync/patience.ts'
import { edit, filledShop, runInSandbox } from '../../support/small-shop.ts'
import { Bench } from './harness.ts'

const FIELDS = [
  { name: 'v', onNull: 'skip', write: 'always' },
  { name: 'tier', onNull: 'skip', write: 'if_empty' },
] as const

/** A bench whose vendor can be asked what it holds; `reads`: the keys of every question. */
function asking(fields: Bench['sync']['fields'] = FIELDS) {
  const bench = new Bench({ fields, matchFields: new Set() })
  const pace = new Pace(bench.clock)
  const world = { clock: bench.clock, random: () => 0.5 }
  const limit = (): Limit => ({ rows: 1, bytes: 1_000, calls: 1_000, perMs: 1_000, inFlight: 1 })
  const signal = new AbortController().signal
  const reads: (readonly Key[])[] = []
  const trouble: unknown[] = []
  const channel: Channel<unknown> = {
    ...bench.channel,
    read: async function* (keys) {
      if (keys === 'all') throw new Error('only some rows were asked for')
      await patiently({ pace, limit, world, signal }, async () => {
        reads.push(keys)
        const error = trouble.shift()
        if (error !== undefined) throw error
      })
      for (const key of keys) {
        const row = bench.vendor.get(String(key.k))
        if (row) yield { key, fields: row }
      }
    },
  }
  // One pace for what is read and what is sent, as there is for an account.
  const more: Partial<SyncJob> = { channel, pace, ifEmpty: new Set(['tier']) }
  const rows = (values: Readonly<Record<string, { readonly v: Json; readonly tier?: Json }>>) => {
    bench.rows = Object.entries(values).map(([k, held]) => ({ profileId: `p-${k}`, key: { k }, values: held }))
  }
  return { bench, reads, trouble, rows, run: () => bench.run(more) }
}

describe('a field that is written only where it is empty', () => {
  test('fills what is empty, and leaves alone what somebody has filled', async () => {
    const { bench, rows, run } = asking()
    bench.vendor.set('theirs', { tier: 'gold' }).set('blank', { tier: '' }).set('none', { tier: null })
    rows(Object.fromEntries(['theirs', 'blank', 'none', 'new'].map((k) => [k, { v: '1', tier: 'ours' }])))
    expect(await run()).toMatchObject({ status: 'ok', creates: 4, written: 4, again: 0 })
    expect(Object.fromEntries(bench.vendor)).toEqual({
      theirs: { v: '1', tier: 'gold' },
      blank: { v: '1', tier: 'ours' },
      none: { v: '1', tier: 'ours' },
      new: { v: '1', tier: 'ours' },
    })
  })

  test('is neither sent nor asked for again, once it was acknowledged', async () => {
    const { bench, reads, rows, run } = asking()
    bench.vendor.set('a', { tier: 'gold' })
    rows({ a: { v: '1', tier: 'ours' }, b: { v: '1', tier: 'ours' } })
    await run()
    const [sent, asked] = [bench.requests.length, reads.length]
    expect(await run()).toMatchObject({ creates: 0, updates: 0, unchanged: 2, calls: 0 })
    expect([bench.requests.length, reads.length]).toEqual([sent, asked])
  })

  test('is asked for only where a row has it', async () => {
    const { reads, rows, run } = asking()
    rows({ a: { v: '1' }, b: { v: '1', tier: 'ours' }, c: { v: '1', tier: null } })
    await run()
    expect(reads).toEqual([[{ k: 'b' }]])
  })

  test('alone in an update, and filled there, needs no request: the row is done', async () => {
    const { bench, rows, run } = asking([{ name: 'tier', onNull: 'skip', write: 'if_empty' }])
    rows({ a: { v: '1', tier: 'first' } })
    await run()
    bench.requests.length = 0
    rows({ a: { v: '1', tier: 'second' } })
    expect(await run()).toMatchObject({ status: 'ok', updates: 1, written: 1, again: 0 })
    expect(bench.requests).toEqual([])
    expect(bench.vendor.get('a')).toEqual({ tier: 'first' })
    expect(await run()).toMatchObject({ updates: 0, unchanged: 1, calls: 0 })
  })

  test('is sent by nobody who could not ask: the rows come again, those without the field go out', async () => {
    const { bench, trouble, rows, run } = asking()
    trouble.push(...Array.from({ length: 5 }, () => new DestinationError('transient', 'http_503', 'Down.')))
    rows({ a: { v: '1', tier: 'ours' }, b: { v: '1' } })
    const first = await run()
    expect(first).toMatchObject({ status: 'ok', written: 1, again: 1 })
    expect(first.diagnostics).toMatchObject([{ code: 'destination/unreachable' }])
    expect([...bench.vendor.keys()]).toEqual(['b'])
    expect(bench.row('a')).toBeUndefined()
    expect(await run()).toMatchObject({ creates: 1, written: 1, again: 0 })
  })

  test('is asked for again after an answer that was lost, as long as a batch is', async () => {
    const { bench, trouble, reads, rows, run } = asking()
    bench.vendor.set('a', { tier: 'gold' })
    trouble.push(
      new NetworkError('reset', true),
      new DestinationError('throttle', 'http_429', 'Slow.', { after: 2_000 }),
    )
    rows({ a: { v: '1', tier: 'ours' } })
    expect(await run()).toMatchObject({ status: 'ok', written: 1, again: 0 })
    expect(reads).toHaveLength(3)
    expect(bench.vendor.get('a')).toEqual({ v: '1', tier: 'gold' })
  })

  test('ends the sync where the account may not be read', async () => {
    const { bench, trouble, rows, run } = asking()
    trouble.push(new DestinationError('auth', 'http_403', 'Forbidden.'))
    rows({ a: { v: '1', tier: 'ours' } })
    expect(await run()).toMatchObject({ status: 'failed', written: 0, again: 1 })
    expect(bench.requests).toEqual([])
  })

  test('whatever is there and whatever comes, only empty places change, and every key is asked for once', async () => {
    const value = fc.constantFrom(null, '', 'x', 0, false, 'gold')
    const key = fc.constantFrom(...Array.from({ length: 12 }, (_, index) => `k${index}`))
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(key, value),
        fc.dictionary(key, fc.constantFrom(null, 'ours')),
        async (there, wanted) => {
          const { bench, reads, rows, run } = asking()
          for (const [k, tier] of Object.entries(there)) bench.vendor.set(k, { tier })
          rows(Object.fromEntries(Object.entries(wanted).map(([k, tier]) => [k, { v: '1', tier }])))
          await run()
          for (const [k, tier] of Object.entries(wanted)) {
            const before = there[k] ?? ''
            const after = bench.vendor.get(k)?.tier ?? ''
            expect(after).toBe(before === '' ? (tier ?? '') : before)
          }
          const asked = reads.flat().map((one) => String(one.k))
          expect(asked.sort()).toEqual(
            Object.keys(wanted)
              .filter((k) => wanted[k] !== null)
              .sort(),
          )
        },
      ),
      { numRuns: 150 },
    )
  })
})

const filled = filledShop()

test('a contact whose city was filled keeps it, and the vendor sees one question for it', async () => {
  const shop = await filled()
  const path = join(shop, 'destinations/newsletter.yaml')
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace('CITY: city', 'CITY: { trait: city, write: if_empty }'))
  await edit(shop, 'people', 'P001', { first_name: 'Hugolin', city: 'Nowhere' })
  const run = await runInSandbox(shop)
  expect(run.report.syncs.find(({ name }) => name === 'readers_to_newsletter')).toMatchObject({
    updates: 1,
    written: 1,
  })
  // Once a run asks which merge fields the list has.
  const newsletter = run.calls.filter(
    ({ destination, path }) => destination === 'newsletter' && path.includes('/members'),
  )
  expect(newsletter.map(({ method }) => method)).toEqual(['GET', 'PUT'])
  expect(newsletter[1]?.body).toContain('Hugolin')
  expect(newsletter[1]?.body).not.toContain('CITY')
  expect(JSON.stringify(run.holdings.get('newsletter'))).not.toContain('Nowhere')
  expect((await runInSandbox(shop)).calls).toEqual([])
})
