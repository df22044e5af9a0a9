import { describe, expect, test } from 'vitest'
import { consentGuard } from '../../../src/sync/consent.ts'
import type { ConsentCounts, PlanCounts } from '../../../src/sync/ledger.ts'
import type { ModelRow } from '../../../src/sync/model-rows.ts'
import { Bench, people } from './harness.ts'

/** Some people of the bench may not be contacted from now on. */
function bar(bench: Bench, keys: readonly string[], why: ModelRow['barred'] = 'consent'): void {
  bench.rows = bench.rows.map((row) =>
    keys.includes(String(row.key?.k)) && why !== undefined ? { ...row, barred: why } : row,
  )
}

function removals(bench: Bench): readonly (readonly [unknown, string | undefined])[] {
  return bench.requests.flat().flatMap(({ op, key, leave }) => (op === 'remove' ? [[key.k, leave?.verb] as const] : []))
}

describe('who may not be contacted', () => {
  test('is not sent, and counted by the reason', async () => {
    const bench = new Bench()
    bench.audience(people(9))
    bar(bench, ['k1', 'k2'])
    bar(bench, ['k3'], 'suppressed')
    expect(await bench.run()).toMatchObject({ creates: 6, written: 6, withheld: { consent: 2, suppressed: 1 } })
    expect([...bench.vendor.keys()]).not.toContain('k1')
  })

  test.each(['mirror', 'upsert', 'update', 'insert'] as const)(
    'is withdrawn in mode %s, by another act and another request than who leaves',
    async (mode) => {
      const bench = new Bench({ mode, removes: mode === 'mirror' })
      bench.audience(people(9))
      await bench.run()
      bench.requests.length = 0
      const { k8: _, ...others } = people(9)
      bench.audience(others)
      bar(bench, ['k1'])
      const left = mode === 'mirror' ? [['k8', 'remove']] : []
      expect(await bench.run()).toMatchObject({ removes: 1 + left.length, written: 1 + left.length })
      expect([...removals(bench)].sort()).toEqual([['k1', 'withdraw'], ...left])
      expect(bench.requests).toHaveLength(1 + left.length)
      bench.requests.length = 0
      expect(await bench.run()).toMatchObject({ removes: 0, calls: 0 })
    },
  )

  test('is withdrawn also after they were left where they are, and after another key came', async () => {
    const bench = new Bench({ mode: 'upsert', removes: false })
    bench.audience(people(3))
    await bench.run()
    bench.rows = bench.rows.map((row) => (row.profileId === 'p-k1' ? { ...row, excluded: true } : row))
    await bench.run()
    bench.rows = bench.rows.map((row) => {
      if (row.profileId === 'p-k1') return { ...row, barred: 'consent' }
      return row.profileId === 'p-k2' ? { ...row, key: { k: 'new' }, barred: 'consent' } : row
    })
    await bench.run()
    expect([...removals(bench)].sort()).toEqual([
      ['k1', 'withdraw'],
      ['k2', 'withdraw'],
    ])
    expect([...bench.vendor.keys()]).toEqual(['k0'])
  })

  test('is not sent any more in mode append, and nothing is withdrawn', async () => {
    const bench = new Bench({ mode: 'append', removes: false, withdraws: false })
    bench.audience(people(3))
    await bench.run()
    bar(bench, ['k1'])
    expect(await bench.run()).toMatchObject({ removes: 0, withheld: { consent: 1, listed: 0 } })
  })

  test('is listed for somebody where no act stops contact', async () => {
    const bench = new Bench({ withdraws: false })
    bench.audience(people(3))
    await bench.run()
    bar(bench, ['k1'])
    const outcome = await bench.run()
    expect(outcome).toMatchObject({ removes: 0, withheld: { consent: 1, listed: 1 } })
    expect(outcome.diagnostics).toMatchObject([{ code: 'sync/withdrawn', fix: expect.stringContaining('on_withdraw') }])
  })

  test('does not count for the guard of volume, but an audience that is empty is never believed', async () => {
    const bench = new Bench()
    bench.audience(people(60))
    await bench.run()
    bar(bench, Object.keys(people(40)))
    expect(await bench.run()).toMatchObject({ status: 'ok', removes: 40, written: 40 })
    bar(bench, Object.keys(people(60)))
    expect(await bench.run()).toMatchObject({ status: 'blocked', blocked_by: expect.stringContaining('is empty') })
  })

  test('is dropped from the windows that are still to come', async () => {
    const bench = new Bench()
    bench.audience(people(30))
    bench.answer = (_, request) => {
      if (request === 1) for (const key of Object.keys(people(30))) bench.warehouse.suppressed.add(`p-${key}`)
      return undefined
    }
    const outcome = await bench.run({ timing: { lease: 600_000, margin: 1, windowRows: 10, windowMs: 1, wait: 0 } })
    expect(outcome.written).toBeLessThan(30)
    expect(outcome).toMatchObject({ creates: outcome.written, again: 0 })
    expect(outcome.written + outcome.withheld.suppressed).toBe(30)
    expect(bench.vendor.size).toBe(outcome.written)
    const states = [...bench.warehouse.snapshot.values()].map(({ state }) => state)
    expect(states.filter((state) => state !== 'synced')).toEqual([])
  })
})

describe('consents', () => {
  const consent = { purpose: 'news', source: 'answers', maxAge: '2 days' }
  const counts: ConsentCounts = { answers: 90, isStale: false, asked: 100, agreed: 60, before: undefined }
  const guarded = (more: Partial<ConsentCounts>) =>
    consentGuard({ consent }, { consents: { ...counts, ...more } } as PlanCounts)

  test('are believed where nothing speaks against them', () => {
    expect(guarded({})).toBeUndefined()
    expect(guarded({ before: { asked: 100, agreed: 80 } })).toBeUndefined()
    expect(guarded({ before: { asked: 19, agreed: 19 } })).toBeUndefined()
  })

  test('are not where they are gone, old, or much moved either way', () => {
    expect(guarded({ answers: 0 })).toContain('"answers" has no rows')
    expect(guarded({ isStale: true })).toContain('older than 2 days')
    expect(guarded({ before: { asked: 100, agreed: 81 } })).toContain('from 81 % to 60 %')
    expect(guarded({ before: { asked: 100, agreed: 39 } })).toContain('from 39 % to 60 %')
    expect(guarded({ asked: 0, agreed: 0, before: { asked: 100, agreed: 81 } })).toContain('to 0 %')
  })
})
