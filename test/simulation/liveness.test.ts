import { describe, expect, test } from 'vitest'
import { type Change, DestinationError, NetworkError, type Receipt } from '../../src/connectors/connector.ts'
import { ALL } from '../support/all.ts'
import { counted } from '../support/counted.ts'
import { diceOf } from '../support/dice.ts'
import { Bench, people } from '../unit/sync/harness.ts'

// Faults that never end cannot show progress: here they end, and then everything must come right soon.

const SEEDS = Number(process.env.SEEDS ?? (ALL ? 60 : 30))
const HOUR = 3_600_000
/** All may leave or change at once here. */
const UNGUARDED = { guard: { maxRemoved: 1, maxChanged: 1 } }
/** Longer than any hold or pause. */
const LATER = 2 * HOUR

type Fault = (bench: Bench, batch: readonly Change[]) => readonly Receipt[]

const FAULTS: readonly Fault[] = [
  () => {
    throw new NetworkError('refused', false)
  },
  () => {
    throw new NetworkError('reset before the effect', true)
  },
  (bench, batch) => {
    bench.take(batch)
    throw new NetworkError('reset after the effect', true)
  },
  () => {
    throw new DestinationError('transient', '503', 'down')
  },
  () => {
    throw new DestinationError('throttle', '429', 'too many', { after: 5_000 })
  },
  (bench, batch) => {
    bench.take(batch)
    throw new DestinationError('transient', '504', 'late', { applied: 'maybe' })
  },
  (_, batch) => batch.map(() => ({ outcome: 'again', code: 'locked', applied: 'no' })),
  (bench, batch) => {
    bench.take(batch.slice(0, 3))
    return batch.map((_, index) =>
      index < 3 ? { outcome: 'written' } : { outcome: 'again', code: 'busy', applied: 'maybe' },
    )
  },
]

/** Runs under faults at a rate, while people come, change and go. */
async function troubled(seed: number, rate: number): Promise<Bench> {
  const dice = diceOf(seed)
  const bench = new Bench()
  bench.answer = (batch) => {
    if (dice(100) >= rate) return undefined
    return FAULTS[dice(FAULTS.length)]?.(bench, batch)
  }
  for (let run = 0; run < 4; run++) {
    const rows = Object.fromEntries(
      Object.entries(people(45)).flatMap(([key]) => (dice(9) === 0 ? [] : [[key, `v${dice(3)}`]])),
    )
    bench.audience(rows)
    await bench.run(UNGUARDED)
    bench.clock.time += LATER
  }
  return bench
}

describe('once a destination is well again', () => {
  test.each([30, 70])(
    `everything is there within two runs, after ${SEEDS} times of %i percent faults`,
    { timeout: 0 },
    async (rate) => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const bench = await troubled(seed, rate)
        bench.answer = () => undefined
        for (let run = 0; run < 2; run++) {
          await bench.run(UNGUARDED)
          bench.clock.time += LATER
        }
        const wanted = new Map(bench.rows.map(({ key, values }) => [String(key?.k), values.v]))
        expect(new Map([...bench.vendor].map(([key, { v }]) => [key, v])), `seed ${seed}`).toEqual(wanted)
        expect(await bench.run(UNGUARDED), `seed ${seed}`).toMatchObject({ status: 'ok', calls: 0, again: 0 })
      }
      counted('liveness', { histories: SEEDS, failing: 0 })
    },
  )

  test('rows that are always refused keep nobody else waiting, and are sent five times at most', async () => {
    const bench = new Bench()
    const isBad = ({ key }: Change) => String(key.k).endsWith('7')
    const calls = new Map<string, number>()
    bench.answer = (batch) => {
      for (const { key } of batch.filter(isBad)) calls.set(String(key.k), (calls.get(String(key.k)) ?? 0) + 1)
      bench.take(batch.filter((change) => !isBad(change)))
      return batch.map((change) =>
        isBad(change) ? { outcome: 'refused', kind: 'row', code: 'bad', message: 'no' } : { outcome: 'written' },
      )
    }
    bench.audience(people(100))
    for (let day = 0; day < 40; day++) {
      await bench.run()
      if (day === 0) expect(bench.vendor.size).toBe(90)
      bench.clock.time += 12 * HOUR
    }
    expect(calls.size).toBe(10)
    expect([...calls.values()].every((count) => count === 5)).toBe(true)
    expect(await bench.run()).toMatchObject({ calls: 0 })
  })
})
