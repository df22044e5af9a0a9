import { afterAll, beforeAll, expect, test } from 'vitest'
import { leaveText } from '../../src/compile/changes.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { counted } from '../support/counted.ts'
import { range } from './seeds.ts'
import { type OpenPlace, SETTING, simulate, stepped } from './simulation.ts'
import { openMemory, SqlPlace } from './sql-place.ts'

const SEEDS = Number(process.env.SQL_SEEDS ?? 30)
const FROM = Number(process.env.FROM ?? 1)

/** Seeds that failed once: a holder that was fenced found its plan dropped, and told of a failure of the warehouse. */
const FAILED_ONCE: readonly number[] = [49, 91, 93]

let session: Session
/** A seed may be asked twice. */
let places = 0
beforeAll(async () => {
  session = await openMemory()
})
afterAll(() => session.close())

test(`the same holds over the ledger in SQL, on a real DuckDB (${SEEDS} seeds)`, { timeout: 0 }, async () => {
  const failing: string[] = []
  for (const seed of [...FAILED_ONCE, ...range(FROM, SEEDS)]) {
    const result = await simulate(seed, { open: duckdbPlace(seed), steps: 40 })
    if (result.violations.length > 0) failing.push(`seed ${seed}: ${result.violations[0]}`)
  }
  counted('sql-simulation', { seeds: SEEDS, failing: failing.length })
  expect(failing).toEqual([])
})

function duckdbPlace(seed: number): OpenPlace {
  return async (sync, scheduler) => {
    const timing = { lease: SETTING.lease * 1000, settlesWithin: SETTING.settles * 1000 }
    const removes = sync.removes && !sync.whole
    const place = new SqlPlace(
      session,
      `s${seed}_${places++}`,
      {
        ...sync,
        leave: removes ? leaveText({ onLeave: { verb: 'remove' } }) : '',
        withdraw: sync.whole ? '' : leaveText({ onLeave: { verb: 'withdraw' } }),
      },
      timing,
    )
    await place.create()
    return {
      ledger: (process) =>
        stepped(place.open(), scheduler, process, () => place.setTime(1_000_000_000 + scheduler.now * 1000)),
      changed: (rows) => place.write(rows),
    }
  }
}
