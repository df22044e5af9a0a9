import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { GoogleOptions, Troubles } from '../../src/connectors/google/emulator-answers.ts'
import { google } from '../../src/connectors/google/index.ts'
import { ALL } from '../support/all.ts'
import { ACCOUNT, emails, hash, INTO, vendor } from '../support/google.ts'
import { openBench } from '../support/vendor.ts'
import { Bench } from '../unit/sync/harness.ts'

// Requests with the real engine and ledger, each run a process of its own: whatever becomes of requests, in the end the
// list holds exactly the people.

const MINUTE = 60_000
const DAY = 1_440 * MINUTE
const COLUMNS = { key: ['profile_id'], fields: ['EMAIL'] }

async function opened(options: Partial<GoogleOptions>) {
  const bench = new Bench({
    mode: 'mirror',
    removes: true,
    withdraws: false,
    fields: [{ name: 'EMAIL', onNull: 'skip', write: 'always' }],
    matchFields: new Set(['EMAIL']),
  })
  const place = await openBench(vendor({ now: () => bench.clock.time, ...options }), { columns: COLUMNS })
  const notes: string[] = []
  const held = () => place.emulator.contents().flatMap(({ rows }) => rows.map((row) => JSON.stringify(row)))
  /** The audience from now on: addresses by profile. */
  const audience = (people: Readonly<Record<string, string>>) => {
    bench.rows = Object.entries(people).map(([profile_id, EMAIL]) => ({
      profileId: profile_id,
      key: { profile_id },
      values: { EMAIL },
    }))
  }
  const run = () => {
    const io = { ...place.io, now: () => bench.clock.time, note: (sentence: string) => void notes.push(sentence) }
    return bench.run({
      connector: google as never,
      account: ACCOUNT,
      into: INTO,
      channel: google.open(ACCOUNT, io) as never,
      wait: 0,
    })
  }
  /** Runs, hours apart, until nothing is left to send or to ask for. */
  const settle = async () => {
    for (let n = 0; n < 8; n += 1) {
      bench.clock.time += 60 * MINUTE
      const { calls, accepted } = await run()
      const waits = [...bench.warehouse.snapshot.values()].some(({ state }) => state === 'submitted')
      if (calls === 0 && accepted === 0 && !waits) return
    }
    throw new Error('something is left to send')
  }
  return { bench, place, held, audience, run, settle, notes }
}

const people = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, `a${n}@x.fr`]))

describe('a run into a Google list', () => {
  test('whose requests stall is left alone for three days, and then sent again', async () => {
    let stalls = true
    const { bench, run, audience, settle, held, notes } = await opened({ troubles: { stalls: () => stalls } })
    audience(people(5))
    expect(await run()).toMatchObject({ accepted: 5 })
    bench.clock.time += 2 * DAY
    expect(await run()).toMatchObject({ creates: 0, calls: 0 })
    bench.clock.time += 2 * DAY
    await run()
    expect(notes.join()).toMatch(/not processed for three days/)
    stalls = false
    await settle()
    expect(held().sort()).toEqual(emails(...Object.values(people(5))))
  })

  test('of which a part does not leave takes nobody for gone', async () => {
    const stumblesOver = new Set<string>()
    const { run, audience, settle, held } = await opened({ troubles: { stumblesOver, stumblesFor: 'A_NEW_REASON' } })
    audience(people(4))
    await settle()
    stumblesOver.add(hash('a1@x.fr'))
    audience({ p0: 'a0@x.fr' })
    await run()
    await run()
    expect(held().sort()).toEqual(emails('a0@x.fr', 'a1@x.fr'))
    stumblesOver.clear()
    await settle()
    expect(held()).toEqual(emails('a0@x.fr'))
  })

  test('holds exactly its people in the end, whatever became of requests on the way', async () => {
    const trouble = fc.constantFrom('none', 'stalls', 'loses', 'fails', 'unanswered')
    const step = fc.record({
      trouble,
      // Nobody has another's address: which of two requests comes first is not told.
      people: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(2), { minKeys: 0, maxKeys: 4 }),
      pause: fc.constantFrom(0, 10, 400, 6_000),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), async (steps) => {
        let now = 'none'
        const troubles: Troubles = {
          stalls: () => now === 'stalls',
          loses: () => (now === 'loses' ? 1 : 0),
          fails: () => (now === 'fails' ? 'INTERNAL_ERROR' : undefined),
        }
        const { bench, place, run, audience, settle, held } = await opened({ processing: 5 * MINUTE, troubles })
        place.fault = ({ path }) =>
          now === 'unanswered' && path.startsWith('/v1/audienceMembers:') ? { kind: 'reset', effect: true } : undefined
        let last: Readonly<Record<string, string>> = {}
        for (const { trouble, people, pause } of steps) {
          now = trouble
          // An empty audience is not sent without being asked for.
          last = Object.fromEntries(Object.entries({ ...people, z: 0 }).map(([id, n]) => [id, `${id}${n}@x.fr`]))
          audience(last)
          await run()
          bench.clock.time += pause * MINUTE
        }
        now = 'none'
        bench.clock.time += 4 * DAY
        await settle()
        expect(held().sort()).toEqual(emails(...Object.values(last)))
      }),
      { numRuns: ALL ? 300 : 10 },
    )
  })
})
