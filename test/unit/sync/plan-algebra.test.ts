import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ModelRow, ModelSync } from '../../../src/sync/model-rows.ts'
import { cases } from '../../support/cases.ts'
import { counted } from '../../support/counted.ts'
import { Bench } from './harness.ts'

const RUNS = cases(1_000)

/** Audiences of at most eight people, with keys that are shared or missing, and people who may not be contacted. */
const audience = fc
  .array(
    fc.record({
      person: fc.nat(7),
      key: fc.option(fc.nat(7), { nil: undefined, freq: 8 }),
      v: fc.constantFrom('a', 'b', '', null),
      first: fc.constantFrom('x', 'y', null),
      excluded: fc.boolean(),
      barred: fc.constantFrom(undefined, undefined, undefined, 'consent', 'suppressed'),
    }),
    { maxLength: 8 },
  )
  .map((rows): readonly ModelRow[] => {
    const people = new Map(rows.map((row) => [row.person, row]))
    const all = [...people.values()].map(({ person, key, v, first, excluded, barred }): ModelRow => {
      const plain = { profileId: `p${person}`, key: key === undefined ? undefined : { k: `k${key}` }, excluded }
      return { ...plain, values: { v, first }, ...(barred && { barred }) }
    })
    // An audience that becomes empty is blocked, rightly.
    return [...all, { profileId: 'always', key: { k: 'always' }, values: { v: 'a', first: null } }]
  })

/** What a destination must hold of an audience in which every row can be sent. */
function wanted(rows: readonly ModelRow[]): ReadonlyMap<string, unknown> {
  const claims = new Map<string, ModelRow[]>()
  for (const row of rows) {
    if (row.excluded || row.key === undefined) continue
    const key = String(row.key.k)
    claims.set(key, [...(claims.get(key) ?? []), row])
  }
  return new Map(
    [...claims].flatMap(([key, [row, ...others]]) =>
      row === undefined || others.length > 0 || row.barred ? [] : [[key, row.values.v ?? undefined] as const],
    ),
  )
}

const MODES: readonly Partial<ModelSync>[] = [
  { mode: 'mirror', removes: true },
  { mode: 'mirror', removes: true, whole: true, fields: [{ name: 'v', onNull: 'clear', write: 'always' }] },
  { mode: 'upsert', removes: false },
  { mode: 'upsert', removes: true },
  { mode: 'update', removes: false },
  { mode: 'insert', removes: false },
  { mode: 'append', removes: false, withdraws: false },
]

test.each(MODES)('of what was applied there is nothing left to plan: %o', async (mode) => {
  await fc.assert(
    fc.asyncProperty(fc.array(audience, { minLength: 1, maxLength: 3 }), async (lives) => {
      const bench = new Bench(mode)
      for (const rows of lives) {
        bench.rows = rows
        expect((await bench.run()).status).toBe('ok')
      }
      const again = await bench.run()
      expect(again).toMatchObject({ creates: 0, updates: 0, removes: 0, calls: 0, written: 0 })
      const last = wanted(lives.at(-1) ?? [])
      for (const [key, value] of last) {
        if (mode.mode === 'insert' || mode.mode === 'append') expect([...bench.vendor.keys()]).toContain(key)
        else if (value !== undefined) expect([key, bench.vendor.get(key)?.v]).toEqual([key, value])
      }
    }),
    { numRuns: Math.ceil(RUNS / MODES.length), seed: 11 },
  )
  counted('properties', { cases: Math.ceil(RUNS / MODES.length) })
})
