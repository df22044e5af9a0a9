import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { OrderKey, ValueType } from '../../src/sql/dialect.ts'
import type { Columns, DialectBench } from './warehouse-dialect-bench.ts'

/** Values of each type of key, the smallest first. */
const STEPS = {
  integer: ['-9223372036854775808', '-11', '-2', '0', '3', '20', '9223372036854775807'],
  decimal: ['-123456789.5', '-2.5', '-0.000001', '0', '0.1', '3', '20.25'],
  text: ['', ' ', '!', 'A', 'A ', 'A!', 'A0', 'Aa', 'a', 'é', '😀'],
  date: ['0001-01-01', '1969-12-31', '1970-01-01', '2024-02-29', '9999-12-31'],
  timestamp: [
    '0001-01-01T00:00:00Z',
    '1969-12-31T23:59:59.999999Z',
    '2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00.000001Z',
  ],
  float: ['-1e200', '-0.5', '0.25', '3', '1e200'],
} as const satisfies Partial<Record<ValueType, readonly string[]>>

type KeyType = keyof typeof STEPS

interface Case {
  readonly keys: readonly { readonly type: KeyType; readonly isDescending: boolean }[]
  readonly which: 'first' | 'last'
  /** A row: its value, and of each key the place of its value among the steps of the type; null for none. */
  readonly rows: readonly { readonly value: string | null; readonly places: readonly (number | null)[] }[]
}

/** The value at one end of rows in any order, against a plain sort. */
export function endCases(bench: DialectBench): void {
  const { over, t } = bench

  test('the value at an end is that of a plain sort, whatever the types of the keys', async () => {
    await fc.assert(
      fc.asyncProperty(cases(), async (one) => {
        const columns: Columns = {
          v: ['text', one.rows.map(({ value }) => value)],
          ...Object.fromEntries(
            one.keys.map(({ type }, at) => [`k${at}`, [type, one.rows.map(({ places }) => step(type, places[at]))]]),
          ),
        }
        const keys = one.keys.map(
          ({ type, isDescending }, at): OrderKey => ({ of: orderOf(t(`k${at}`), type), type, isDescending }),
        )
        expect(await over(columns, bench.d.valueAt(one.which, t('v'), keys, undefined, 'text'))).toBe(sorted(one))
      }),
      { numRuns: 40 },
    )
  })

  test('of rows that no key tells apart, the smallest and the greatest value are the ends, whatever their type', async () => {
    const same: OrderKey = { of: t('k'), type: 'integer' }
    for (const type of ['integer', 'decimal', 'text', 'date', 'timestamp'] as const) {
      const steps = STEPS[type]
      const columns: Columns = { v: [type, [...steps].reverse()], k: ['integer', steps.map(() => '1')] }
      const end = (which: 'first' | 'last') =>
        over(columns, bench.d.json(bench.d.valueAt(which, t('v'), [same], undefined, type), type))
      const of = (value: string | undefined) =>
        over({ v: [type, [value ?? null]] }, bench.d.json(bench.d.aggregate('min', t('v')), type))
      expect([type, await end('first'), await end('last')]).toEqual([type, await of(steps[0]), await of(steps.at(-1))])
    }
  })

  function orderOf(key: ReturnType<typeof t>, type: KeyType) {
    return type === 'text' ? bench.d.textOrder(key) : key
  }
}

function step(type: KeyType, place: number | null | undefined): string | null {
  return place === null || place === undefined ? null : (STEPS[type][place % STEPS[type].length] ?? null)
}

function cases(): fc.Arbitrary<Case> {
  const key = fc.record({
    type: fc.constantFrom(...(Object.keys(STEPS) as KeyType[])),
    isDescending: fc.boolean(),
  })
  return fc.array(key, { minLength: 1, maxLength: 3 }).chain((keys) =>
    fc.record({
      keys: fc.constant(keys),
      which: fc.constantFrom('first' as const, 'last' as const),
      rows: fc.array(
        fc.record({
          value: fc.option(fc.constantFrom('a', 'b', 'c', 'd'), { freq: 5 }),
          places: fc.tuple(...keys.map(() => fc.option(fc.nat(20), { freq: 4 }))),
        }),
        { minLength: 1, maxLength: 8 },
      ),
    }),
  )
}

/** A row without a place in the order comes after all others, seen from either end; the value breaks ties. */
function sorted({ keys, which, rows }: Case): string | null {
  const known = rows.filter(({ value }) => value !== null)
  const [first] = known.sort((a, b) => {
    for (const [at, { type, isDescending }] of keys.entries()) {
      const [one, other] = [a, b].map(({ places }) => {
        const place = places[at] ?? null
        return place === null ? null : place % STEPS[type].length
      }) as [number | null, number | null]
      if (one === other) continue
      if (one === null || other === null) return one === null ? 1 : -1
      return (one - other) * (isDescending ? -1 : 1) * (which === 'first' ? 1 : -1)
    }
    const order = (a.value ?? '') < (b.value ?? '') ? -1 : 1
    return a.value === b.value ? 0 : order * (which === 'first' ? 1 : -1)
  })
  return first?.value ?? null
}
