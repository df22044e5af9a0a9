import { afterAll, beforeAll, expect, test } from 'vitest'
import { leaveText } from '../../src/compile/changes.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { counted } from '../support/counted.ts'
import { type OpenPlace, SETTING, simulate, stepped } from './simulation.ts'
import { openMemory, SqlPlace } from './sql-place.ts'

const SEEDS = Number(process.env.SQL_SEEDS ?? 30)
const FROM = Number(process.env.FROM ?? 1)

let session: Session
beforeAll(async () => {
  session = await openMemory()
})
afterAll(() => session.close())

test(`the same holds over the ledger in SQL, on a real DuckDB (${SEEDS} seeds)`, { timeout: 0 }, async () => {
  const failing: string[] = []
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
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
      `s${seed}`,
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
