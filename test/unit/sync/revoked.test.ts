import { describe, expect, test } from 'vitest'
import type { SyncJob } from '../../../src/sync/job.ts'
import { Bench, LIMIT, people } from './harness.ts'

const ASKED = { purpose: 'news', source: 'answers', maxAge: '2 days' }
/** Windows are as short as the rate allows: four times as many requests as may be in flight. */
const WINDOW = 4 * LIMIT.inFlight
const TIMING = { lease: 600_000, margin: 1, windowRows: 10, windowMs: 1_000, wait: 0 }

/** A bench whose people have all agreed when the plan is made. */
function asking(count: number, sync: ConstructorParameters<typeof Bench>[0] = {}) {
  const bench = new Bench({ asks: true, ...sync })
  bench.audience(people(count))
  const { feed } = bench.warehouse
  const run = (consent: Partial<SyncJob['consent']> = {}, more: Partial<SyncJob> = {}) =>
    bench.run({ timing: TIMING, consent: { ...ASKED, ...consent }, ...more })
  const refuse = (keys: readonly string[]) => {
    for (const key of keys) feed.refused.add(`p-${key}`)
  }
  return { bench, feed, run, refuse }
}

/** What a request of a run is the first to come after. */
function afterRequest(bench: Bench, request: number, act: () => void): void {
  bench.answer = (_, count) => {
    if (count === request) act()
    return undefined
  }
}

describe('who withdraws while a plan is sent', () => {
  test('is in no window that begins after that, and counts as withheld', async () => {
    const { bench, run, refuse } = asking(200)
    const gone = Object.keys(people(200)).filter((_, index) => index % 3 === 0)
    afterRequest(bench, 3, () => refuse(gone))
    const outcome = await run()
    const later = bench.requests.slice(WINDOW).flat()
    expect(later.filter(({ key }) => gone.includes(String(key.k)))).toEqual([])
    expect(outcome).toMatchObject({ status: 'ok', again: 0, refused: 0, creates: outcome.written })
    expect(outcome.written + outcome.withheld.consent).toBe(200)
    expect(outcome.withheld.consent).toBeGreaterThan(20)
  })

  test('is withdrawn by the next run where they were sent before, and is left out where they were not', async () => {
    const { bench, run, refuse } = asking(10)
    await run()
    bench.audience({ ...people(10, 'b'), ...Object.fromEntries([['fresh', 'a']]) })
    refuse(['k1', 'k2', 'fresh'])
    expect(await run()).toMatchObject({ creates: 0, updates: 8, written: 8, again: 0, withheld: { consent: 3 } })
    expect(bench.row('k1')).toMatchObject({ state: 'synced', hold_until: null })
    bench.rows = bench.rows.map((row) =>
      ['p-k1', 'p-k2', 'p-fresh'].includes(row.profileId ?? '') ? { ...row, barred: 'consent' } : row,
    )
    expect(await run()).toMatchObject({ creates: 0, updates: 0, removes: 2, written: 2 })
    expect([...bench.vendor.keys()].sort()).toEqual(['k0', 'k3', 'k4', 'k5', 'k6', 'k7', 'k8', 'k9'])
  })

  test('is taken out all the same: a removal asks nobody', async () => {
    const { bench, feed, run } = asking(3)
    await run()
    bench.rows = bench.rows.map((row) => (row.profileId === 'p-k1' ? { ...row, barred: 'consent' } : row))
    feed.isEmpty = true
    expect(await run()).toMatchObject({ status: 'ok', removes: 1, written: 1 })
  })

  test('stops what is sent whole: nothing is replaced, and everything is owed', async () => {
    const { bench, run, refuse } = asking(5, { whole: true })
    refuse(['k1'])
    expect(await run()).toMatchObject({ status: 'ok', creates: 5, written: 0, again: 5, calls: 0 })
    bench.rows = bench.rows.map((row) => (row.profileId === 'p-k1' ? { ...row, barred: 'consent' } : row))
    expect(await run()).toMatchObject({ status: 'ok', creates: 4, written: 4, withheld: { consent: 1 } })
  })
})

describe('consents are read again', () => {
  test('before every window, but not within a window of the reading for the plan', async () => {
    for (const [age, written] of [
      [1_000, 10],
      [1_001, 9],
      [undefined, 9],
    ] as const) {
      const { bench, run, refuse } = asking(10)
      refuse(['k3'])
      const readAt = age === undefined ? undefined : bench.clock.time - age
      expect([age, (await run({ readAt })).written]).toEqual([age, written])
    }
  })

  test('not at all where the purpose asks nobody', async () => {
    const { bench, refuse } = asking(10)
    refuse(['k3'])
    expect(await bench.run({ timing: TIMING })).toMatchObject({ written: 10 })
  })
})

describe('consents that are not to be believed any more', () => {
  test.each([
    ['isEmpty', 'source "answers" has no rows'],
    ['isStale', 'older than 2 days'],
  ] as const)('send nothing, as a guard that blocks: %s', async (what, words) => {
    const { bench, feed, run } = asking(30)
    feed[what] = true
    const outcome = await run()
    expect(outcome).toMatchObject({ status: 'blocked', calls: 0, written: 0, again: 30 })
    expect(outcome.blocked_by).toContain(words)
    expect(outcome.breaches).toMatchObject([{ guard: 'consent', effect: 'blocked' }])
    expect(outcome.diagnostics).toMatchObject([
      { code: 'sync/guard', message: expect.stringContaining(words), fix: expect.stringContaining('next run') },
    ])
    expect(bench.warehouse.events.at(-1)).toMatchObject({ event: 'blocked', detail: expect.stringContaining(words) })
    feed[what] = false
    expect(await run()).toMatchObject({ status: 'ok', written: 30 })
  })

  test('stop a run in its middle: what was sent is known, the rest is owed', async () => {
    const { bench, feed, run } = asking(200)
    afterRequest(bench, 1, () => {
      feed.isEmpty = true
    })
    const outcome = await run()
    expect(outcome.status).toBe('partial')
    expect(outcome.blocked_by).toContain('are gone')
    expect(outcome.written).toBeGreaterThan(0)
    expect(outcome.written + outcome.again).toBe(200)
    expect(bench.vendor.size).toBe(outcome.written)
    feed.isEmpty = false
    const next = await run()
    expect(next).toMatchObject({ status: 'ok', creates: 200 - outcome.written, again: 0 })
  })

  test('replace nothing whole', async () => {
    const { feed, run } = asking(5, { whole: true })
    feed.isStale = true
    expect(await run()).toMatchObject({ status: 'blocked', calls: 0, again: 5 })
  })
})
