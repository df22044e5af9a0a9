import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { leaveText } from '../../src/compile/changes.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { ALL } from '../support/all.ts'
import { counted } from '../support/counted.ts'
import { ENGINES, type Engine } from '../support/engines.ts'
import { range } from './seeds.ts'
import { type OpenPlace, SETTING, simulate, stepped } from './simulation.ts'
import { SqlPlace } from './sql-place.ts'

/** So many everyday, by kind of warehouse: on a server a seed takes several times as long. */
const EVERYDAY = ALL ? { duckdb: 12, postgres: 3 } : { duckdb: 4, postgres: 2 }
const FROM = Number(process.env.FROM ?? 1)

/** Seeds that failed once: a holder that was fenced found its plan dropped, and told of a failure of the warehouse. */
const FAILED_ONCE: readonly number[] = [49, 91, 93]

/** A seed may be asked twice. */
let places = 0

describe.each(ENGINES)('on $title', (engine) => {
  const seeds = Number(process.env.SQL_SEEDS ?? EVERYDAY[engine.type])
  let warehouse: Awaited<ReturnType<Engine['start']>>
  beforeAll(async () => {
    warehouse = await engine.start()
  })
  afterAll(() => warehouse.stop())

  test(`the same holds over the ledger in SQL (${seeds} seeds)`, { timeout: 0 }, async () => {
    const failing: string[] = []
    for (const seed of [...(engine.type === 'duckdb' ? FAILED_ONCE : []), ...range(FROM, seeds)]) {
      // What a crash leaves open, a page that is being read, ends with the session: the server has ten connections for it.
      const session = await warehouse.open()
      const result = await simulate(seed, { open: sqlPlace({ session, engine }, seed), steps: 40 })
      await session.close()
      if (result.violations.length > 0) failing.push(`seed ${seed}: ${result.violations[0]}`)
    }
    counted('sql-simulation', { [`seeds on ${engine.title}`]: seeds, failing: failing.length })
    expect(failing).toEqual([])
  })
})

function sqlPlace(on: { readonly session: Session; readonly engine: Engine }, seed: number): OpenPlace {
  return async (sync, scheduler) => {
    const timing = { lease: SETTING.lease * 1000, settlesWithin: SETTING.settles * 1000 }
    const removes = sync.removes && !sync.whole
    const place = new SqlPlace(
      on,
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
