import { describe, expect, test } from 'vitest'
import { draftSync } from '../../../src/sync/draft.ts'
import { planSync, sendSync } from '../../../src/sync/engine.ts'
import type { SyncJob } from '../../../src/sync/job.ts'
import { ModelLedger } from '../../../src/sync/model-ledger.ts'
import type { ModelField } from '../../../src/sync/model-rows.ts'
import { Bench, people } from './harness.ts'

/** What the events of runs say beside how they ended. */
function detailsOf({ warehouse }: Bench): readonly (string | undefined)[] {
  return warehouse.events.filter(({ event }) => event !== 'claimed').map(({ detail }) => detail)
}

/** The job of a bench after the fields of its sync were edited. */
function edited(bench: Bench, fields: readonly ModelField[], more: Partial<SyncJob> = {}): SyncJob {
  const sync = { ...bench.sync, fields }
  const ledger = new ModelLedger(bench.warehouse, sync, { lease: 600_000, settlesWithin: 300_000 }, 7)
  return bench.job({ ledger, ...more })
}

const V: ModelField = { name: 'v', onNull: 'skip', write: 'always' }
const W: ModelField = { name: 'w', from: 'v', onNull: 'skip', write: 'always' }

describe('an override', () => {
  test('sends what guards block, and the event says which', async () => {
    const bench = new Bench()
    bench.audience(people(40))
    await bench.run()
    bench.audience({})
    expect((await planSync(bench.job())).kind).toBe('ended')
    const sent = await sendSync(await planSync(bench.job(), { override: true }))
    expect(sent).toMatchObject({ status: 'ok', removes: 40, written: 40, blocked_by: null })
    expect(sent.breaches).toMatchObject([{ guard: 'empty_audience', effect: 'overridden' }])
    expect(detailsOf(bench).at(-1)).toContain('overridden: empty_audience: The audience is empty, and 40 rows')
    expect(bench.vendor.size).toBe(0)
  })

  test('of nothing is not noted', async () => {
    const bench = new Bench()
    bench.audience(people(3))
    await sendSync(await planSync(bench.job(), { override: true }))
    expect(detailsOf(bench)).toEqual([undefined])
  })

  test('sends removals that would be held', async () => {
    const bench = new Bench()
    bench.audience(people(100))
    await bench.run()
    bench.audience(people(50))
    const guard = { onMassRemove: 'hold' } as const
    const held = await bench.run({ guard })
    expect(held).toMatchObject({ status: 'ok', removes: 50, written: 0, again: 50, blocked_by: null })
    expect(held.diagnostics).toMatchObject([{ code: 'sync/guard', severity: 'warning' }])
    expect(bench.vendor.size).toBe(100)
    expect(await sendSync(await planSync(bench.job({ guard }), { override: true }))).toMatchObject({
      written: 50,
      again: 0,
    })
  })
})

test('every breach is told at once, in the report and as problems', async () => {
  const bench = new Bench()
  bench.audience(people(40))
  await bench.run()
  bench.warehouse.target = 'prod'
  bench.audience({ ...people(10), ...Object.fromEntries(['x', 'y'].map((key) => [key, 'new'])) })
  const guard = { maxCreates: 1 }
  const planned = await planSync(bench.job({ guard }))
  const outcome = planned.kind === 'ended' ? planned.outcome : undefined
  expect(outcome?.breaches.map(({ guard }) => guard)).toEqual(['environment', 'max_removed', 'max_creates'])
  expect(outcome?.diagnostics).toHaveLength(3)
  expect(outcome?.blocked_by).toBe(detailsOf(bench).at(-1))
  expect(bench.requests).toHaveLength(4)
  expect((await draftSync(bench.job({ guard }))).outcome.breaches).toEqual(outcome?.breaches)
})

test('the state of another target is blocked in every run, until an override takes it over', async () => {
  const bench = new Bench()
  bench.audience(people(3))
  await bench.run()
  bench.warehouse.target = 'prod'
  bench.audience(people(3, 'b'))
  for (let run = 0; run < 2; run++) expect(await bench.run()).toMatchObject({ status: 'blocked', calls: 0 })
  expect(await sendSync(await planSync(bench.job(), { override: true }))).toMatchObject({ status: 'ok', written: 3 })
  expect(bench.warehouse.target).not.toBe('prod')
  expect(await bench.run()).toMatchObject({ status: 'ok', calls: 0 })
})

describe('a changed mapping', () => {
  const filled = async () => {
    const bench = new Bench()
    bench.audience(people(12))
    await bench.run()
    bench.requests.length = 0
    return bench
  }

  test('is blocked as long as nobody chooses, and a blocked run forgets nothing', async () => {
    const bench = await filled()
    const job = () => edited(bench, [V, W])
    for (let run = 0; run < 2; run++) {
      const planned = await planSync(job())
      expect(planned.kind === 'ended' && planned.outcome).toMatchObject({
        status: 'blocked',
        updates: 12,
        mapping: { added: ['w'], way: 'ask', rows: 12, calls: 2 },
        breaches: [{ guard: 'mapping' }],
      })
    }
    expect(bench.requests).toEqual([])
    expect(await sendSync(await planSync(job(), { override: true }))).toMatchObject({
      written: 12,
      mapping: { way: 'resync' },
    })
    expect(await sendSync(await planSync(job()))).toMatchObject({ calls: 0, mapping: null, unchanged: 12 })
  })

  test('is not asked about where it makes no row differ', async () => {
    const bench = new Bench({ mode: 'insert', removes: false })
    bench.audience(people(3))
    await bench.run()
    expect(await sendSync(await planSync(edited(bench, [V, W])))).toMatchObject({ status: 'ok', calls: 0 })
  })

  test('of a sync that is cut off while it rebases is rebased by the next run', async () => {
    const bench = await filled()
    const job = () => edited(bench, [V, W], { onMappingChange: 'rebase' })
    const first = await planSync(job())
    expect(first).toMatchObject({ kind: 'ready', counts: { rebased: 12, updates: 0 } })
    // The process is killed here: its lease runs out, and the plan is merged by whoever comes next.
    bench.clock.time += 700_000
    const next = await planSync(job())
    expect(next).toMatchObject({ kind: 'ready', counts: { rebased: 0, updates: 0, unchanged: 12 } })
    await sendSync(next)
    expect(bench.requests).toEqual([])
    expect(await sendSync(await planSync(job()))).toMatchObject({ mapping: null, calls: 0 })
  })

  test('that was sent in part goes on unasked', async () => {
    const bench = await filled()
    const job = (more: Partial<SyncJob> = {}) => edited(bench, [V, W], more)
    await sendSync(await planSync(job({ maxChanges: 5 }), { override: true }))
    expect(await sendSync(await planSync(job()))).toMatchObject({ status: 'ok', updates: 7, written: 7 })
  })

  test('is adopted as it is where an older release noted none', async () => {
    const bench = await filled()
    bench.warehouse.noted = undefined
    expect(await sendSync(await planSync(edited(bench, [V])))).toMatchObject({ status: 'ok', mapping: null, calls: 0 })
    expect(bench.warehouse.noted).toEqual([V])
  })

  test('and a changed row: rebase sends the row alone', async () => {
    const bench = await filled()
    bench.audience({ ...people(12), k3: 'new' })
    const job = edited(bench, [{ ...W, name: 'x' }, V], { onMappingChange: 'rebase' })
    expect(await sendSync(await planSync(job))).toMatchObject({ updates: 1, written: 1, mapping: { rows: 11 } })
    expect(bench.requests.flat().map(({ fields }) => fields)).toEqual([{ x: 'new', v: 'new' }])
  })
})
