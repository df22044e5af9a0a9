import { expect, test } from 'vitest'
import { DestinationError, type Limit, NetworkError } from '../../../src/connectors/connector.ts'
import { Pace } from '../../../src/sync/pace.ts'
import { patiently } from '../../../src/sync/patience.ts'
import { ATTEMPTS } from '../../../src/sync/retry.ts'
import type { Clock } from '../../../src/world.ts'

const LIMIT: Limit = { rows: 100, bytes: 1e6, calls: 2, perMs: 1_000, inFlight: 1 }

/** A clock that jumps over waits and adds them up. */
function jumping(): Clock & { readonly waited: () => number } {
  let now = 0
  return {
    now: () => now,
    wall: () => new Date(now),
    waited: () => now,
    sleep: async (ms) => {
      now += ms
    },
  }
}

/** Asks a vendor that fails so often, and tells how often it was asked and for how long we waited. */
async function asked(failures: readonly Error[]) {
  const clock = jumping()
  const left = [...failures]
  let calls = 0
  const patience = {
    pace: new Pace(clock),
    limit: () => LIMIT,
    world: { clock, random: () => 1 },
    signal: new AbortController().signal,
  }
  const answer = await patiently(patience, async () => {
    calls += 1
    const error = left.shift()
    if (error) throw error
    return 'answer'
  }).catch((error: unknown) => error)
  return { answer, calls, waited: clock.waited() }
}

const down = (after?: number) =>
  new DestinationError('transient', 'http_500', 'Answered 500', after === undefined ? {} : { after })
const many = (values: number) => Array.from({ length: values }, () => down())

test('a request that fails for the moment is made again, as often as sending would', async () => {
  expect(await asked([])).toEqual({ answer: 'answer', calls: 1, waited: 0 })
  expect(await asked([new NetworkError('reset', true), down()])).toMatchObject({ answer: 'answer', calls: 3 })
  expect(await asked(many(ATTEMPTS - 1))).toMatchObject({ answer: 'answer', calls: ATTEMPTS })
  const given = await asked(many(ATTEMPTS))
  expect(given).toMatchObject({ calls: ATTEMPTS, answer: { code: 'http_500' } })
})

test('it waits as long as the vendor asks, but not for ever', async () => {
  const slow = new DestinationError('throttle', 'http_429', 'Answered 429', { after: 20_000 })
  const { answer, calls, waited } = await asked([slow])
  expect([answer, calls]).toEqual(['answer', 2])
  expect(waited).toBeGreaterThanOrEqual(20_000)
  expect(await asked([down(3_600_000)])).toMatchObject({ answer: { code: 'http_500' }, calls: 1, waited: 0 })
})

test('what another try would not mend is told at once', async () => {
  for (const kind of ['auth', 'config', 'batch'] as const)
    expect(await asked([new DestinationError(kind, 'no', 'No.')])).toMatchObject({ answer: { code: 'no' }, calls: 1 })
  expect(await asked([new TypeError('a bug')])).toMatchObject({ answer: { message: 'a bug' }, calls: 1 })
})
