import { describe, expect, test } from 'vitest'
import { type Change, DestinationError, NetworkError, type Receipt } from '../../../src/connectors/connector.ts'
import { draftSync } from '../../../src/sync/draft.ts'
import { abandonSync, planSync, sendSync } from '../../../src/sync/engine.ts'
import { TIMING } from '../../../src/sync/job.ts'
import type { Claimed } from '../../../src/sync/ledger.ts'
import { Pace } from '../../../src/sync/pace.ts'
import { Timeline } from '../../support/timeline.ts'
import { Bench, LIMIT, people } from './harness.ts'

const HOUR = 3_600_000

test('a run that was overtaken leaves its plan to the one that took over', async () => {
  const bench = new Bench()
  bench.audience(people(200))
  const { ledger } = bench.job()
  let taken: Claimed | undefined
  bench.answer = async (batch, request) => {
    // By then the first window is written down.
    if (request === 15)
      taken = await ledger.claim({ runId: 'other', holder: 'other', dead: bench.warehouse.lease.holder ?? undefined })
    return bench.take(batch)
  }
  expect(await bench.run({ timing: { ...TIMING, windowRows: 10 } })).toMatchObject({ status: 'partial' })
  if (taken?.kind !== 'held') throw new Error('the lease was not taken')
  await ledger.recover(taken.lease)
  const states = [...bench.vendor.keys()].map((key) => bench.row(key)?.state)
  expect(states.length).toBeGreaterThan(100)
  expect(states.filter((state) => state !== 'synced' && state !== 'unknown')).toEqual([])
})

test('a kept plan is not sent where another run came between its last look and its claim, though that one sent nothing', async () => {
  const bench = new Bench()
  bench.audience(people(3))
  const { kept, judged } = await draftSync(bench.job(), { keep: true })
  if (kept === undefined) throw new Error('the plan was not kept')
  await abandonSync(await planSync(bench.job()))
  const applying = planSync(bench.job({ kept: { id: 'plan', plan: kept, judged } }))
  await expect(applying).rejects.toThrow('"people" was sent by another run since the plan was made.')
  expect(bench.requests).toEqual([])
})

test.each([false, true])('what a request may change is declared before it starts (whole: %s)', async (whole) => {
  const bench = new Bench({ whole })
  bench.audience(people(3))
  let declared = 0
  bench.answer = () => {
    declared = Math.max(0, ...bench.warehouse.acks.map(({ kind, seq_hi }) => (kind === 'intent' ? (seq_hi ?? 0) : 0)))
    return undefined
  }
  await bench.run()
  expect(declared).toBe(3)
})

test('creations wait until the removals before them are answered: one may free what the other needs', async () => {
  const bench = new Bench()
  bench.audience(people(4))
  await bench.run()
  const seen: string[] = []
  bench.answer = async (batch) => {
    seen.push(`${batch[0]?.op} begins`)
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    seen.push(`${batch[0]?.op} ends`)
    return bench.take(batch)
  }
  const { k3: _, ...others } = people(4)
  bench.audience({ ...others, fresh: 'a' })
  await bench.run()
  expect(seen).toEqual(['remove begins', 'remove ends', 'create begins', 'create ends'])
})

describe('what is sent', () => {
  test('the first run creates everybody, the second sends nothing', async () => {
    const bench = new Bench()
    bench.audience(people(25))
    const first = await bench.run()
    expect(first).toMatchObject({ status: 'ok', creates: 25, written: 25, again: 0, calls: 3, blocked_by: null })
    expect(bench.requests.map((batch) => batch.length)).toEqual([10, 10, 5])
    const second = await bench.run()
    expect(second).toMatchObject({ status: 'ok', creates: 0, updates: 0, removes: 0, unchanged: 25, calls: 0 })
  })

  test('a changed row is updated, one that left is removed, and removals go first', async () => {
    const bench = new Bench()
    bench.audience({ ...people(9), gone: 'a' })
    await bench.run()
    bench.requests.length = 0
    bench.audience({ ...people(9), k3: 'b' })
    expect(await bench.run()).toMatchObject({ updates: 1, removes: 1, written: 2, unchanged: 8 })
    expect(bench.requests.flat().map(({ op, key }) => [op, key.k])).toEqual([
      ['remove', 'gone'],
      ['update', 'k3'],
    ])
    expect(bench.requests.flat().map(({ leave, before }) => [leave?.verb, before])).toEqual([
      ['remove', [{ v: 'a' }]],
      [undefined, [{ v: 'a' }]],
    ])
  })

  test('a field that is written on creation only is neither updated nor a reason to update', async () => {
    const bench = new Bench()
    bench.rows = [{ profileId: 'p', key: { k: 'x' }, values: { v: 'a', first: 'once' } }]
    await bench.run()
    expect(bench.requests.flat()[0]?.fields).toEqual({ v: 'a', first: 'once' })
    bench.rows = [{ profileId: 'p', key: { k: 'x' }, values: { v: 'a', first: 'other' } }]
    expect(await bench.run()).toMatchObject({ updates: 0, unchanged: 1 })
    bench.rows = [{ profileId: 'p', key: { k: 'x' }, values: { v: 'b', first: 'other' } }]
    await bench.run()
    expect(bench.requests.flat()[1]?.fields).toEqual({ v: 'b' })
  })

  test('duplicate and null keys are invalid: never sent, and not taken for gone', async () => {
    const bench = new Bench()
    bench.audience({ a: '1', b: '1', c: '1' })
    await bench.run()
    bench.rows = [
      { profileId: 'p-a', key: { k: 'a' }, values: { v: '2' } },
      { profileId: 'other', key: { k: 'a' }, values: { v: '3' } },
      { profileId: 'p-b', key: undefined, values: { v: '2' } },
    ]
    expect(await bench.run()).toMatchObject({ invalid: 3, creates: 0, updates: 0, removes: 1, written: 1 })
    expect([...bench.vendor.keys()]).toEqual(['a', 'b'])
  })

  test('rows that leave without a removal are kept, and compared again when they return', async () => {
    const bench = new Bench({ removes: false, mode: 'upsert' })
    bench.audience({ a: '1', b: '1' })
    await bench.run()
    bench.audience({ a: '1' })
    expect(await bench.run()).toMatchObject({ removes: 0, calls: 0 })
    expect(bench.row('b')?.state).toBe('left')
    bench.audience({ a: '1', b: '1' })
    expect(await bench.run()).toMatchObject({ creates: 0, updates: 0, unchanged: 2, calls: 0 })
    expect(bench.row('b')?.state).toBe('synced')
    bench.audience({ a: '1' })
    await bench.run()
    bench.audience({ a: '1', b: '2' })
    expect(await bench.run()).toMatchObject({ updates: 1 })
  })

  test.each([
    ['insert', { creates: 1, updates: 0 }],
    ['append', { creates: 1, updates: 0 }],
    ['update', { creates: 0, updates: 2 }],
    ['upsert', { creates: 1, updates: 1 }],
  ] as const)('mode %s', async (mode, expected) => {
    const bench = new Bench({ mode, removes: false })
    bench.audience({ a: '1' })
    await bench.run()
    bench.audience({ a: '2', b: '1' })
    expect(await bench.run()).toMatchObject(expected)
  })

  test('a limit of changes sends so many and no removal; the rest stays owed', async () => {
    const bench = new Bench()
    bench.audience({ ...people(9), gone: '1' })
    await bench.run()
    bench.audience({ ...people(9, 'b'), x: '1' })
    expect(await bench.run({ maxChanges: 4 })).toMatchObject({
      creates: 1,
      updates: 9,
      removes: 1,
      written: 4,
      again: 7,
    })
    expect(await bench.run()).toMatchObject({ creates: 0, updates: 6, removes: 1, written: 7, again: 0 })
  })

  test('batches hold to rows and bytes, and rows of other partitions go apart', async () => {
    const bench = new Bench()
    bench.audience({ a: 'x'.repeat(50), b: 'x'.repeat(50), c: 'x'.repeat(50), d: 'y' })
    const limit = { ...LIMIT, bytes: 160 }
    await bench.run({
      connector: { limits: () => ({ upsert: limit, remove: limit }) },
      channel: { ...bench.channel, partition: (change) => String(change.fields.v).slice(0, 1) },
    })
    expect(bench.requests.map((batch) => batch.length).sort()).toEqual([1, 1, 2])
  })

  test('a whole place is replaced when anything changed, and left alone when nothing did', async () => {
    const bench = new Bench({ whole: true })
    bench.audience({ b: '1', a: '1' })
    expect(await bench.run()).toMatchObject({ creates: 2, written: 2, calls: 1 })
    expect([...bench.vendor.keys()]).toEqual(['a', 'b'])
    expect(await bench.run()).toMatchObject({ calls: 0, unchanged: 2 })
    bench.audience({ a: '1' })
    expect(await bench.run()).toMatchObject({ removes: 1, written: 1, calls: 1 })
    expect([...bench.vendor.keys()]).toEqual(['a'])
  })

  test('a look at the plan takes no lease and leaves nothing', async () => {
    const bench = new Bench()
    bench.audience(people(3))
    expect((await draftSync(bench.job())).outcome).toMatchObject({
      status: 'planned',
      creates: 3,
      written: 0,
      again: 0,
    })
    expect(bench.warehouse.lease).toMatchObject({ fence: 0, holder: null })
    expect(bench.warehouse.plans.size).toBe(0)
  })
})

describe('guards', () => {
  test('an audience that is empty while the destination holds rows is blocked before anything is sent', async () => {
    const bench = new Bench()
    bench.audience(people(5))
    await bench.run()
    bench.requests.length = 0
    bench.audience({})
    const outcome = await bench.run()
    expect(outcome.status).toBe('blocked')
    expect(outcome.blocked_by).toContain('The audience is empty, and 5 rows would leave the destination.')
    expect(bench.requests).toEqual([])
    expect(bench.warehouse.lease.holder).toBeNull()
  })

  test('more removals than the guard allows are blocked; fewer than 20 never are', async () => {
    const bench = new Bench()
    bench.audience(people(100))
    await bench.run()
    bench.audience(people(81))
    expect(await bench.run()).toMatchObject({ status: 'ok', removes: 19 })
    bench.audience(people(61))
    const outcome = await bench.run()
    expect(outcome.blocked_by).toContain('20 of 81 rows would leave the destination: more than 10 %.')
    expect(await bench.run({ guard: { maxRemoved: 0.25 } })).toMatchObject({ status: 'ok', removes: 20 })
  })
})

describe('what the vendor refuses', () => {
  const refusal: Receipt = { outcome: 'refused', kind: 'row', code: 'bad', message: 'k1 has no street' }
  const refuseK1 = (bench: Bench) => {
    bench.answer = (batch) => {
      const receipts = bench.take(batch.filter((change) => change.key.k !== 'k1'))
      return batch.map((change) => (change.key.k === 'k1' ? refusal : (receipts[0] ?? { outcome: 'written' })))
    }
  }

  test('a refused row waits until its data changes', async () => {
    const bench = new Bench()
    refuseK1(bench)
    bench.audience(people(3))
    const first = await bench.run()
    expect(first).toMatchObject({ status: 'ok', written: 2, refused: 1 })
    expect(first.diagnostics.map(({ code }) => code)).toEqual(['destination/refused'])
    expect(await bench.run()).toMatchObject({ creates: 0, calls: 0, withheld: { held: 1 } })
    bench.audience({ ...people(3), k1: 'b' })
    expect(await bench.run()).toMatchObject({ creates: 1, refused: 1 })
  })

  test('it is tried again after 1 h, 6 h, 1 d and 3 d, five times in all', async () => {
    const bench = new Bench()
    refuseK1(bench)
    bench.audience(people(2))
    const tries: number[] = []
    for (let hour = 0; hour < 24 * 30; hour++) {
      if ((await bench.run()).refused > 0) tries.push(hour)
      bench.clock.time += HOUR
    }
    expect(tries).toEqual([0, 1, 7, 31, 103])
  })

  test('a compliance refusal is not tried again', async () => {
    const bench = new Bench()
    bench.answer = (batch) => batch.map(() => ({ ...refusal, kind: 'compliance' as const }))
    bench.audience(people(1))
    await bench.run()
    bench.clock.time += 90 * 24 * HOUR
    expect(await bench.run()).toMatchObject({ calls: 0 })
  })

  test('the message keeps no value of the row', async () => {
    const bench = new Bench()
    bench.answer = (batch) => batch.map(() => ({ ...refusal, message: 'ann@example.com is no address of Ann Example' }))
    bench.rows = [{ profileId: 'p', key: { k: 'ann@example.com' }, values: { v: 'Ann Example' } }]
    await bench.run()
    expect(bench.row('ann@example.com')?.err_message).toBe('<k> is no address of <v>')
  })

  test('a batch that is refused as a whole is bisected: the good rows arrive, the bad are found', async () => {
    const bench = new Bench()
    const bad = new Set(['k3', 'k7'])
    bench.answer = (batch) => {
      if (batch.some((change) => bad.has(String(change.key.k))))
        throw new DestinationError('batch', 'bad', 'One is bad.')
      return undefined
    }
    bench.audience(people(10))
    expect(await bench.run()).toMatchObject({ status: 'ok', written: 8, refused: 2, again: 0 })
    expect(bench.row('k3')?.state).toBe('absent')
  })

  test('when nearly every row is bad, sending stops before the vendor is flooded', async () => {
    const bench = new Bench()
    bench.answer = () => {
      throw new DestinationError('batch', 'bad', 'All are bad.')
    }
    bench.audience(people(500))
    const outcome = await bench.run()
    expect(outcome.status).toBe('partial')
    expect(outcome.refused).toBeLessThan(40)
    expect(outcome.again).toBe(500 - outcome.refused)
  })
})

describe('what goes wrong on the way', () => {
  const timeout = () => {
    throw new DestinationError('transient', 'timeout', 'No answer.', { applied: 'maybe' })
  }

  test('a request that certainly had no effect is tried again, and no hold remains', async () => {
    const bench = new Bench()
    bench.answer = (_, request) => {
      if (request < 3) throw new NetworkError('refused', false)
      return undefined
    }
    bench.audience(people(1))
    expect(await bench.run()).toMatchObject({ status: 'ok', written: 1, calls: 3, retries: 2 })
    expect(bench.row('k0')?.hold_until).toBeNull()
  })

  test('an ok after an ambiguous attempt keeps the hold, and the row waits for its end', async () => {
    const bench = new Bench()
    bench.answer = (_, request) => (request === 1 ? timeout() : undefined)
    bench.audience({ a: '1' })
    await bench.run()
    expect(bench.row('a')?.state).toBe('synced')
    bench.audience({ a: '2' })
    expect(await bench.run()).toMatchObject({ updates: 0, calls: 0, withheld: { held: 1 } })
    bench.clock.time += 300_000
    expect(await bench.run()).toMatchObject({ updates: 1, written: 1 })
  })

  test('a row that stays ambiguous is unknown: sent again under the same idempotency key, and removable', async () => {
    const bench = new Bench()
    bench.answer = timeout
    bench.audience({ a: '1', b: '1' })
    const outcome = await bench.run()
    expect(outcome).toMatchObject({ written: 0, again: 2 })
    expect(outcome.diagnostics).toMatchObject([
      {
        code: 'destination/unreachable',
        severity: 'warning',
        message: '"vendor" could not be reached for "people": No answer.',
      },
    ])
    expect(bench.row('a')?.state).toBe('unknown')
    bench.answer = () => undefined
    bench.audience({ a: '1' })
    bench.clock.time += 300_001
    const sent = bench.requests.flat().find((change) => change.key.k === 'a')?.idempotencyKey
    bench.requests.length = 0
    expect(await bench.run({ guard: { maxRemoved: 1 } })).toMatchObject({ creates: 1, removes: 1, written: 2 })
    expect(bench.requests.flat().map(({ op, key }) => [op, key.k])).toEqual([
      ['remove', 'b'],
      ['create', 'a'],
    ])
    expect(bench.requests.flat()[1]?.idempotencyKey).toBe(sent)
  })

  test('A, B and A again have different idempotency keys', async () => {
    const bench = new Bench()
    for (const value of ['A', 'B', 'A']) {
      bench.audience({ a: value })
      await bench.run()
    }
    const keys = bench.requests.flat().map((change) => change.idempotencyKey)
    expect(new Set(keys).size).toBe(3)
  })

  test('a throttle pauses the account for as long as it was told', async () => {
    const bench = new Bench()
    const times: number[] = []
    bench.answer = (_, request) => {
      times.push(bench.clock.time)
      if (request === 1) throw new DestinationError('throttle', 'http_429', 'Slow down.', { after: 90_000 })
      return undefined
    }
    bench.audience(people(1))
    expect(await bench.run()).toMatchObject({ status: 'ok', written: 1 })
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBe(90_000)
  })

  test('a vendor that asks for more than a run waits ends the sync, which says when there is a next time', async () => {
    const bench = new Bench()
    bench.answer = (_, request) => {
      if (request > 1) throw new DestinationError('throttle', 'http_429', 'Answered 429', { after: 3_600_000 })
      return undefined
    }
    bench.audience(people(40))
    const from = bench.clock.time
    const outcome = await bench.run()
    expect(outcome).toMatchObject({ status: 'partial', written: 10, again: 30, retries: 0 })
    expect(outcome.next_eligible_at).toBe(new Date(from + 3_600_000).toISOString())
    // For `run --due`, which compares with the clock of the warehouse.
    expect(bench.warehouse.events.at(-1)?.counts).toMatchObject({ postponed: 3_600 })
    expect(outcome.diagnostics).toMatchObject([
      {
        code: 'destination/throttled',
        message:
          '"vendor" takes no more of "people" for now. It asks to be left alone for longer than a run waits: Answered 429.',
        fix: `A run after ${outcome.next_eligible_at} sends what is owed.`,
      },
    ])
    expect(bench.clock.time - from).toBeLessThan(1_000)
    bench.answer = () => undefined
    expect(await bench.run()).toMatchObject({ status: 'ok', written: 30, next_eligible_at: null })
  })

  test('where nobody knows when, the sync ends without a time, and so do all syncs of the account', async () => {
    const bench = new Bench()
    const { pace } = bench.job()
    bench.answer = () => {
      pace.heed({ kind: 'stop', why: 'The quota is used up.' })
      return undefined
    }
    bench.audience(people(40))
    const outcome = await bench.run({ pace })
    expect(outcome).toMatchObject({ status: 'partial', next_eligible_at: null })
    expect(outcome.written).toBeLessThanOrEqual(20)
    expect(outcome.diagnostics[0]?.message).toBe('"vendor" takes no more of "people" for now. The quota is used up.')
    expect(await bench.run({ pace })).toMatchObject({ status: 'partial', calls: 0, written: 0 })
  })

  test('a throttle that struck in the middle of a batch pauses the whole account', async () => {
    const bench = new Bench()
    const times: number[] = []
    bench.answer = (batch, request) => {
      times.push(bench.clock.time)
      if (request > 1) return undefined
      const busy: Receipt = { outcome: 'again', code: 'http_429', applied: 'no', after: 90_000, throttled: true }
      return [...bench.take(batch.slice(0, 4)), ...batch.slice(4).map(() => busy)]
    }
    bench.audience(people(30))
    expect(await bench.run()).toMatchObject({ status: 'ok', written: 30 })
    expect(times.filter((time) => time > (times[0] ?? 0)).every((time) => time >= (times[0] ?? 0) + 90_000)).toBe(true)
  })

  test('a destination that is down ends the sync early, and the next run sends what is owed', async () => {
    const bench = new Bench()
    bench.answer = () => {
      throw new NetworkError('refused', false)
    }
    bench.audience(people(400))
    const outcome = await bench.run()
    expect(outcome).toMatchObject({ status: 'partial', written: 0, again: 400 })
    expect(outcome.diagnostics.map(({ code }) => code)).toEqual(['destination/unreachable'])
    // Ten failures open the breaker, one more was under way; then two probes, 30 seconds apart.
    expect(outcome.calls).toBeLessThanOrEqual(13)
    bench.answer = () => undefined
    expect(await bench.run()).toMatchObject({ creates: 400, written: 400, again: 0 })
  })

  test('a destination that fails too slowly for the breaker is given up after three batches, too', async () => {
    const bench = new Bench()
    bench.answer = () => {
      bench.clock.time += 60_000
      return timeout()
    }
    bench.audience(people(400))
    const outcome = await bench.run()
    expect(outcome).toMatchObject({ status: 'partial', written: 0, again: 400 })
    expect(outcome.calls).toBeLessThan(30)
  })

  test('a destination that answers "again" to everything is given up when the retries are used up', async () => {
    const bench = new Bench()
    bench.answer = (batch) => batch.map(() => ({ outcome: 'again', code: 'busy', applied: 'no', after: 1 }))
    bench.audience(people(2_000))
    const outcome = await bench.run()
    expect(outcome).toMatchObject({ status: 'partial', written: 0, again: 2_000 })
    // Each costs 5 and its answer gives 1 back: some 125 of 500 tokens.
    expect(outcome.retries).toBeGreaterThan(100)
    expect(outcome.retries).toBeLessThan(180)
  })

  test.each(['auth', 'config'] as const)('an error of kind %s stops the sync and marks no row', async (kind) => {
    const bench = new Bench()
    bench.answer = () => {
      throw new DestinationError(kind, 'no', 'The token has expired.')
    }
    bench.audience(people(30))
    const outcome = await bench.run()
    expect(outcome).toMatchObject({ status: 'failed', refused: 0, again: 30 })
    expect(outcome.diagnostics.map(({ code }) => code)).toEqual([`destination/${kind}`])
    expect(bench.warehouse.snapshot.size).toBe(0)
    bench.answer = () => undefined
    expect(await bench.run()).toMatchObject({ written: 30 })
  })

  test('a connector that answers fewer receipts than changes leaves them all in doubt', async () => {
    const bench = new Bench()
    bench.answer = (batch) => bench.take(batch).slice(1)
    bench.audience(people(2))
    expect(await bench.run()).toMatchObject({ status: 'failed', written: 0, again: 2 })
    expect(bench.row('k0')?.state).toBe('unknown')
  })

  test('an interruption finishes what is in flight, writes it down and gives the lease back', async () => {
    const bench = new Bench()
    const interrupt = new AbortController()
    bench.answer = (_, request) => {
      if (request === 2) interrupt.abort()
      return undefined
    }
    bench.audience(people(100))
    const outcome = await bench.run({}, interrupt.signal)
    expect(outcome.status).toBe('interrupted')
    expect(outcome.written).toBe(bench.vendor.size)
    expect(outcome.written).toBeLessThan(100)
    expect(bench.warehouse.lease.holder).toBeNull()
    expect((await bench.run()).written).toBe(100 - outcome.written)
  })
})

describe('an interruption while a request is in flight', () => {
  /** A run whose second request is never answered, unless `answers` decides otherwise once it was aborted. */
  const stuck = async (answers?: (batch: readonly Change[]) => readonly Receipt[]) => {
    const bench = new Bench()
    const clock = new Timeline()
    const [interrupt, hurry, cut] = [new AbortController(), new AbortController(), new AbortController()]
    bench.audience(people(40))
    bench.answer = (batch, request) => {
      if (request < 2) return undefined
      return new Promise((resolve) => {
        if (answers) cut.signal.addEventListener('abort', () => resolve(answers(batch)))
      })
    }
    const world = { clock, random: () => 0.5 }
    const pace = new Pace(clock)
    const planned = await planSync(bench.job({ world, pace, cutOff: () => cut.abort() }))
    const sending = sendSync(planned, { signal: interrupt.signal, hurry: hurry.signal })
    await clock.drain()
    const from = clock.now()
    const passed = () => clock.now() - from
    return { bench, clock, interrupt, hurry, cut, sending, passed }
  }
  const inFlight = (bench: Bench) => new Set(bench.requests.slice(1).flatMap((batch) => batch.map(({ key }) => key.k)))

  test('gives it 25 seconds, then aborts it: what it had done is told, the rest is unknown, and all is written down', async () => {
    const run = await stuck((batch) => [
      ...batch.slice(0, 4).map((): Receipt => ({ outcome: 'written' })),
      ...batch.slice(4).map((): Receipt => ({ outcome: 'again', code: 'network', applied: 'maybe' })),
    ])
    run.interrupt.abort(143)
    await run.clock.drain()
    const outcome = await run.sending
    expect(run.passed()).toBe(25_000)
    expect(run.cut.signal.aborted).toBe(true)
    const open = inFlight(run.bench).size / 10
    expect(outcome).toMatchObject({ status: 'interrupted', written: 10 + 4 * open, again: 30 - 4 * open })
    const states = [...run.bench.warehouse.snapshot.values()].map(({ state }) => state)
    expect(states.filter((state) => state === 'unknown')).toHaveLength(6 * open)
    expect(states.filter((state) => state === 'synced')).toHaveLength(10 + 4 * open)
    expect(run.bench.warehouse.lease.holder).toBeNull()
  })

  test('gives up a connector that does not notice that it was aborted', async () => {
    const run = await stuck()
    run.interrupt.abort(143)
    await run.clock.drain()
    expect(await run.sending).toMatchObject({ status: 'interrupted', written: 10, again: 30 })
    expect(run.passed()).toBe(26_000)
    const unknown = [...run.bench.warehouse.snapshot.values()].filter(({ state }) => state === 'unknown')
    expect(new Set(unknown.map((row) => JSON.parse(row.key_json).k))).toEqual(inFlight(run.bench))
    expect(run.bench.warehouse.lease.holder).toBeNull()
  })

  test('aborts it at once on a second signal, and writes down all the same', async () => {
    const run = await stuck((batch) => batch.map(() => ({ outcome: 'again', code: 'network', applied: 'maybe' })))
    run.interrupt.abort(143)
    run.hurry.abort()
    await run.clock.drain(run.clock.now())
    expect(await run.sending).toMatchObject({ status: 'interrupted', written: 10, again: 30 })
    expect(run.passed()).toBe(0)
    expect(run.bench.warehouse.lease.holder).toBeNull()
  })
})

describe('leases', () => {
  test('a second run meanwhile is skipped', async () => {
    const bench = new Bench()
    bench.audience(people(1))
    const planned = await planSync(bench.job())
    expect(await bench.run()).toMatchObject({ status: 'skipped', calls: 0 })
    expect(await sendSync(planned)).toMatchObject({ status: 'ok', written: 1 })
  })

  test('the lease of a dead holder is taken over at once', async () => {
    const bench = new Bench()
    bench.audience(people(1))
    await planSync(bench.job())
    expect(await bench.run({ isDead: (holder) => holder === 'run-1' })).toMatchObject({ status: 'ok', written: 1 })
  })

  test('a plan that is abandoned leaves the lease free and the changes owed', async () => {
    const bench = new Bench()
    bench.audience(people(1))
    await abandonSync(await planSync(bench.job()))
    expect(await bench.run()).toMatchObject({ status: 'ok', written: 1 })
  })

  test('a run that was overtaken stops, confesses, and the rows are in doubt', async () => {
    const bench = new Bench()
    bench.audience(people(40))
    const planned = await planSync(bench.job())
    bench.answer = (batch, request) => {
      // Frozen for longer than the lease while a request is under way; another run takes over and finishes.
      if (request !== 1) return undefined
      bench.clock.time += 700_000
      return bench.run().then(() => bench.take(batch))
    }
    const outcome = await sendSync(planned)
    expect(outcome.status).toBe('partial')
    expect(outcome.diagnostics.map(({ code }) => code)).toEqual(['sync/locked'])
    expect(bench.warehouse.acks.some((ack) => ack.kind === 'late')).toBe(true)
    bench.clock.time += 1_000_000
    await bench.run()
    bench.clock.time += 1_000_000
    expect(await bench.run()).toMatchObject({ creates: 0, updates: 0, unchanged: 40 })
  })
})

describe('asynchronous jobs', () => {
  const accepting = (bench: Bench) => {
    bench.answer = (batch) => {
      bench.take(batch)
      return batch.map(() => ({ outcome: 'accepted', job: 'job-1' }))
    }
  }

  test('accepted rows are not planned again, and settle when their job has ended', async () => {
    const bench = new Bench()
    accepting(bench)
    let isDone = false
    const refused = {
      key: { k: 'k1' },
      receipt: { outcome: 'refused', kind: 'row', code: 'bad', message: '' } as const,
    }
    const channel = {
      ...bench.channel,
      poll: async () =>
        isDone
          ? ({ state: 'done', receipts: [refused].values() as never, rest: { outcome: 'written' } } as const)
          : ({ state: 'running', after: 60_000 } as const),
    }
    bench.audience(people(3))
    expect(await bench.run({ channel })).toMatchObject({ status: 'ok', accepted: 3, written: 0, again: 0 })
    expect(bench.row('k0')).toMatchObject({ state: 'submitted', job_id: 'job-1' })
    expect(await bench.run({ channel })).toMatchObject({ creates: 0, calls: 0 })
    isDone = true
    expect(await bench.run({ channel })).toMatchObject({ creates: 0, unchanged: 2, withheld: { held: 1 } })
    expect(bench.row('k0')).toMatchObject({ state: 'synced', job_id: null })
    expect(bench.row('k1')).toMatchObject({ state: 'absent', err_code: 'bad' })
  })

  test('a job that ends within the wait is settled by the run that started it', async () => {
    const bench = new Bench()
    accepting(bench)
    const from = bench.clock.time
    const channel = {
      ...bench.channel,
      poll: async () =>
        bench.clock.time - from > 50_000
          ? ({ state: 'done', receipts: [].values() as never, rest: { outcome: 'written' } } as const)
          : ({ state: 'running', after: 30_000 } as const),
    }
    bench.audience(people(3))
    expect(await bench.run({ channel })).toMatchObject({ written: 3, accepted: 0 })
  })

  test.each([
    [0, 3, 0],
    [30_000, 3, 0],
    [600_000, 0, 3],
  ])(
    'a run that is to wait %i ms for a job of five minutes leaves %i rows with it',
    async (wait, accepted, written) => {
      const bench = new Bench()
      accepting(bench)
      const from = bench.clock.time
      const channel = {
        ...bench.channel,
        poll: async () =>
          bench.clock.time - from >= 300_000
            ? ({ state: 'done', receipts: [].values() as never, rest: { outcome: 'written' } } as const)
            : ({ state: 'running', after: 20_000 } as const),
      }
      bench.audience(people(3))
      expect(await bench.run({ channel, wait })).toMatchObject({ status: 'ok', accepted, written })
      expect(bench.clock.time - from).toBeLessThanOrEqual(Math.max(wait, 1))
    },
  )

  test('a job that may not be asked for fails the sync, keeps its rows waiting, and is asked for again', async () => {
    const bench = new Bench()
    accepting(bench)
    let fate: 'running' | 'barred' | 'cut' | 'done' = 'running'
    const channel = {
      ...bench.channel,
      poll: async () => {
        if (fate === 'running') return { state: 'running', after: 60_000 } as const
        if (fate === 'barred') throw new DestinationError('auth', 'no_login', 'The login was refused.')
        const receipts = fate === 'cut' ? cutOff() : ([].values() as never)
        return { state: 'done', receipts, rest: { outcome: 'written' } } as const
      },
    }
    bench.audience(people(2))
    await bench.run({ channel })
    fate = 'barred'
    const barred = await bench.run({ channel })
    expect(barred).toMatchObject({ status: 'failed', diagnostics: [{ code: 'destination/auth' }] })
    expect(bench.row('k0')).toMatchObject({ state: 'submitted', job_id: 'job-1' })
    fate = 'cut'
    expect(await bench.run({ channel })).toMatchObject({ status: 'ok', creates: 0, calls: 0 })
    expect(bench.row('k0')).toMatchObject({ state: 'submitted', job_id: 'job-1' })
    fate = 'done'
    expect(await bench.run({ channel })).toMatchObject({ status: 'ok', unchanged: 2 })
  })

  test('a login that is refused while a run waits for its own jobs fails it, and leaves the rows with the vendor', async () => {
    const bench = new Bench()
    accepting(bench)
    const channel = {
      ...bench.channel,
      poll: async () => {
        throw new DestinationError('auth', 'no_login', 'The login was refused.')
      },
    }
    bench.audience(people(2))
    expect(await bench.run({ channel })).toMatchObject({ status: 'failed', accepted: 2 })
    expect(bench.row('k1')).toMatchObject({ state: 'submitted', job_id: 'job-1' })
  })

  test('the rows of a job that failed as a whole are owed and wait with it, until the next run hears what was done', async () => {
    const bench = new Bench()
    accepting(bench)
    const message = 'A job failed: no such field.'
    const channel = { ...bench.channel, poll: async () => ({ state: 'failed', message }) as const }
    bench.audience(people(2))
    const outcome = await bench.run({ channel })
    expect(outcome).toMatchObject({ status: 'ok', accepted: 0, again: 2 })
    expect(outcome.diagnostics).toMatchObject([
      {
        severity: 'warning',
        code: 'destination/job-failed',
        message: expect.stringContaining(`${message} 2 rows of "`),
      },
    ])
    expect(bench.row('k1')).toMatchObject({ state: 'submitted', job_id: 'job-1' })
  })

  test('the rows of a lost job are unknown', async () => {
    const bench = new Bench()
    accepting(bench)
    const channel = { ...bench.channel, poll: async () => ({ state: 'lost' }) as const }
    bench.audience(people(1))
    expect(await bench.run({ channel })).toMatchObject({ accepted: 0, again: 1 })
    expect(bench.row('k0')?.state).toBe('unknown')
  })
})

async function* cutOff() {
  yield { key: { k: 'k0' }, receipt: { outcome: 'written' } as const }
  throw new NetworkError('The answer was cut off.', true)
}
