import { describe, expect, onTestFinished, test } from 'vitest'
import type { Change } from '../../src/connectors/connector.ts'
import type { Bound } from '../../src/sql/sql.ts'
import { planSync, sendSync } from '../../src/sync/engine.ts'
import type { SyncJob } from '../../src/sync/job.ts'
import type { ModelSync } from '../../src/sync/model-rows.ts'
import { Pace } from '../../src/sync/pace.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { ENGINES } from '../support/engines.ts'
import { realClock } from '../support/warehouse.ts'
import { SqlPlace } from './sql-place.ts'

const SYNC: ModelSync = {
  name: 'people',
  mode: 'mirror',
  removes: true,
  whole: false,
  fields: [{ name: 'v', onNull: 'skip', write: 'always' }],
  matchFields: new Set(),
  leave: '',
  withdraws: false,
  asks: false,
  withdraw: '',
}

/**
 * Transactions and queries of one sync: in a warehouse that is far away each is a round trip. A window asks whether
 * somebody has been suppressed since, and is declared.
 */
const BUDGET = { idle: 5, changed: 8, window: 2 }

/** Rows of the audience, and its windows: of four batches of five rows for each of two at once. */
const [PEOPLE, WINDOWS] = [50, 2]

describe.each(ENGINES)('on $title', (engine) => {
  test('a sync asks its warehouse so often at most, and twice more for each window', async () => {
    const { open, stop } = await engine.start()
    const real = await open()
    onTestFinished(async () => {
      await real.close()
      await stop()
    })
    const asked: string[] = []
    const place = new SqlPlace({ session: listened(real, asked), engine }, 'budget', SYNC, TIMING)
    await place.create()
    const people = (round: number) =>
      Array.from({ length: PEOPLE }, (_, at) => ({
        profileId: `p${at}`,
        key: { k: `k${at}` },
        values: { v: `${round}` },
      }))
    const run = async () => {
      asked.length = 0
      const { status, written } = await sendSync(await planSync(jobOf(place)))
      expect(status).toBe('ok')
      return { asked: [...asked], sent: written }
    }
    await place.write(people(1))
    expect(await run()).toMatchObject({ sent: PEOPLE })
    const idle = await run()
    expect(idle.sent).toBe(0)
    expect(idle.asked.length, idle.asked.join('\n')).toBeLessThanOrEqual(BUDGET.idle)
    await place.write(people(2))
    const changed = await run()
    expect(changed.sent).toBe(PEOPLE)
    expect(changed.asked.length, changed.asked.join('\n')).toBeLessThanOrEqual(BUDGET.changed + BUDGET.window * WINDOWS)
  })
})

const TIMING = { lease: 600_000, settlesWithin: 0 }

/** Notes what is asked of a session: a transaction is one question, however many statements it has. */
function listened(session: Session, asked: string[]): Session {
  return new Proxy(session, {
    get(of, name: keyof Session) {
      const member = of[name]
      if (typeof member !== 'function' || name === 'close') return member
      return (...given: unknown[]) => {
        const names = name === 'script' || name === 'first' ? [given[0]].flat() : []
        asked.push(names.map((one) => (one as Bound).statement.name).join(' + ') || name)
        return Reflect.apply(member, of, given)
      }
    },
  })
}

function jobOf(place: SqlPlace): SyncJob {
  const limit = { rows: 5, bytes: 1_000_000, calls: 1_000, perMs: 1_000, inFlight: 2 }
  return {
    name: SYNC.name,
    destination: 'vendor',
    onLeave: { verb: 'remove' },
    onWithdraw: undefined,
    guard: { maxRemoved: 1 },
    delivers: 'changes',
    connector: { limits: () => ({ upsert: limit, remove: limit }) },
    account: {},
    into: {},
    channel: {
      check: async () => undefined,
      send: async (batch: readonly Change[]) => batch.map(() => ({ outcome: 'written' })),
    },
    ledger: place.open(),
    settlesWithin: 0,
    pace: new Pace(realClock),
    world: { clock: realClock, random: Math.random },
    runId: `run-${Math.random()}`,
    holder: 'me',
    isDead: () => false,
    timing: { lease: 600_000, margin: 1_000, windowRows: 10, windowMs: 60_000, wait: 0 },
  }
}
