import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Breaker } from '../../../src/sync/breaker.ts'
import { Concurrency } from '../../../src/sync/concurrency.ts'
import { type Lesson, Pace } from '../../../src/sync/pace.ts'
import { ALL } from '../../support/all.ts'
import { Timeline } from '../../support/timeline.ts'
import { LIMIT } from './harness.ts'

const RUNS = { seed: 5, numRuns: ALL ? 1_000 : 300 }
const stillWanted = async () => true
const asTold = (lesson: Lesson) => lesson

describe('requests at once', () => {
  test('begin with two; twenty that go well earn one more, and one sign of too much halves them', () => {
    const concurrency = new Concurrency()
    concurrency.cap(8)
    expect(concurrency.allowed).toBe(2)
    for (let n = 0; n < 19; n++) concurrency.succeeded()
    expect(concurrency.allowed).toBe(2)
    for (let n = 0; n < 61; n++) concurrency.succeeded()
    expect(concurrency.allowed).toBe(6)
    concurrency.overloaded(100, 110)
    expect(concurrency.allowed).toBe(3)
    // Those that were under way together say the same thing once.
    concurrency.overloaded(105, 115)
    expect(concurrency.allowed).toBe(3)
    concurrency.overloaded(110, 120)
    concurrency.overloaded(130, 140)
    expect(concurrency.allowed).toBe(1)
  })

  test('are never none, never more than any connector permits, and grow by one in twenty', () => {
    const event = fc.oneof(
      { weight: 20, arbitrary: fc.constant({ kind: 'ok' as const }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('overload' as const), age: fc.nat(5) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('cap' as const), most: fc.integer({ min: 1, max: 12 }) }) },
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 400, size: 'max' }), (events) => {
        const concurrency = new Concurrency()
        let most = Number.POSITIVE_INFINITY
        let since = 0
        events.forEach((one, now) => {
          const before = concurrency.allowed
          since = one.kind === 'ok' ? since + 1 : since
          if (one.kind === 'ok') concurrency.succeeded()
          if (one.kind === 'overload') concurrency.overloaded(now - one.age, now)
          if (one.kind === 'cap') {
            most = Math.min(most, one.most)
            concurrency.cap(one.most)
          }
          const after = concurrency.allowed
          const halved = Math.max(1, Math.floor(before / 2))
          const isRight =
            after >= 1 &&
            after <= most &&
            (after <= before || (after === before + 1 && since >= 20)) &&
            (one.kind !== 'overload' || after === before || after === halved)
          if (!isRight) expect.unreachable(`${before} became ${after} after ${since} successes and ${one.kind}`)
          if (after > before) since = 0
        })
      }),
      RUNS,
    )
  })
})

describe('the bucket of an account', () => {
  const request = fc.record({
    at: fc.nat(3_000),
    takes: fc.nat(400),
    lesson: fc.constantFrom<Lesson>('ok', 'ok', 'ok', 'throttled', 'overdue', 'failed', 'unsaid'),
  })
  const schedule = fc.record({
    calls: fc.integer({ min: 1, max: 6 }),
    perMs: fc.integer({ min: 50, max: 1_500 }),
    inFlight: fc.integer({ min: 1, max: 6 }),
    requests: fc.array(request, { minLength: 1, maxLength: 30 }),
    pauses: fc.array(fc.record({ at: fc.nat(3_000), ms: fc.nat(2_000) }), { maxLength: 3 }),
  })

  test('never lets more than `calls` start in any `perMs`, nor more at once than permitted, nor any in a pause', async () => {
    await fc.assert(
      fc.asyncProperty(schedule, async ({ calls, perMs, inFlight, requests, pauses }) => {
        const clock = new Timeline()
        const pace = new Pace(clock)
        const begin = clock.now()
        const limit = { ...LIMIT, calls, perMs, inFlight }
        const starts: number[] = []
        let running = 0
        let most = 0
        const send = async (takes: number, lesson: Lesson) => {
          starts.push(clock.now())
          most = Math.max(most, ++running)
          await clock.sleep(takes)
          running -= 1
          return lesson
        }
        const paused: { from: number; until: number }[] = []
        for (const { at, ms } of pauses)
          void clock.sleep(at).then(() => {
            paused.push({ from: clock.now(), until: clock.now() + ms })
            pace.pause(ms, '')
          })
        const all = requests.map(async ({ at, takes, lesson }) => {
          await clock.sleep(at)
          return pace.run({ limit, stillWanted }, () => send(takes, lesson), asTold)
        })
        await clock.drain()
        const answers = await Promise.all(all)

        starts.sort((a, b) => a - b)
        for (let n = calls; n < starts.length; n++)
          expect((starts[n] ?? 0) - (starts[n - calls] ?? 0)).toBeGreaterThanOrEqual(perMs)
        expect(most).toBeLessThanOrEqual(inFlight)
        for (const { from, until } of paused) expect(starts.filter((at) => at > from && at < until)).toEqual([])
        expect(starts.every((at) => at >= begin)).toBe(true)
        // Nobody is forgotten, unless the account was given up.
        if (!pace.closed) expect(answers).toEqual(requests.map(({ lesson }) => lesson))
      }),
      RUNS,
    )
  })

  test.each(['throttled', 'overdue'] as const)('grows to what is permitted and halves when it was %s', async (sign) => {
    const clock = new Timeline()
    const pace = new Pace(clock)
    const limit = { ...LIMIT, calls: 10_000, inFlight: 8 }
    let [running, most] = [0, 0]
    const send = async (lesson: Lesson) => {
      most = Math.max(most, ++running)
      await clock.sleep(10)
      running -= 1
      return lesson
    }
    const run = async (lessons: readonly Lesson[]) => {
      most = 0
      const all = lessons.map((lesson) => pace.run({ limit, stillWanted }, () => send(lesson), asTold))
      await clock.drain()
      await Promise.all(all)
      return most
    }
    const fine = (count: number) => Array.from({ length: count }, (): Lesson => 'ok')
    expect(await run(fine(2))).toBe(2)
    expect(await run(fine(200))).toBe(8)
    await run([sign])
    expect(await run(fine(19))).toBe(4)
  })

  test('is shared: two syncs of one account together start no more than one alone', async () => {
    const clock = new Timeline()
    const pace = new Pace(clock)
    const limit = { ...LIMIT, calls: 2, perMs: 1_000 }
    const starts: number[] = []
    const sync = () =>
      Array.from({ length: 4 }, () =>
        pace.run(
          { limit, stillWanted },
          async () => {
            starts.push(clock.now() - 1_000_000)
            return 'ok' as const
          },
          asTold,
        ),
      )
    const all = Promise.all([...sync(), ...sync()])
    await clock.drain()
    await all
    expect(starts).toEqual([0, 0, 1_000, 1_000, 2_000, 2_000, 3_000, 3_000])
  })
})

describe('the breaker', () => {
  const answer = (breaker: Breaker, failed: boolean, now: number) => breaker.answered(breaker.start(), failed, now)
  const opened = () => {
    const breaker = new Breaker()
    for (let n = 0; n < 10; n++) answer(breaker, true, 0)
    return breaker
  }

  test('opens when half of ten answers within 30 seconds failed, and not before', () => {
    const breaker = new Breaker()
    for (let n = 0; n < 9; n++) answer(breaker, n < 5, 1_000)
    expect(breaker.wait(1_000)).toBe(0)
    answer(breaker, false, 1_000)
    expect(breaker.wait(1_000)).toBe(30_000)
  })

  test('does not open when fewer than half failed, or when they failed long ago', () => {
    const breaker = new Breaker()
    for (let n = 0; n < 100; n++) answer(breaker, n % 5 < 2, 1_000)
    expect(breaker.wait(1_000)).toBe(0)
    const slow = new Breaker()
    for (let n = 0; n < 100; n++) answer(slow, true, n * 4_000)
    expect(slow.wait(400_000)).toBe(0)
  })

  test('lets one request alone find out whether the others may follow', () => {
    const breaker = opened()
    expect(breaker.wait(29_999)).toBe(1)
    expect(breaker.wait(30_000)).toBe(0)
    const probe = breaker.start()
    expect(breaker.wait(30_000)).toBeGreaterThan(0)
    breaker.answered(probe, false, 31_000)
    expect(breaker.wait(31_000)).toBe(0)
  })

  test('is not closed by a request that began before it opened', () => {
    const breaker = new Breaker()
    const early = breaker.start()
    for (let n = 0; n < 10; n++) answer(breaker, true, 0)
    breaker.answered(early, false, 10)
    expect(breaker.wait(10)).toBeGreaterThan(0)
    const probe = breaker.start()
    breaker.answered(early, false, 20)
    expect(breaker.wait(30_020)).toBeGreaterThan(0)
    breaker.answered(probe, undefined, 30_030)
    expect(breaker.wait(30_030)).toBe(0)
  })

  test('does not open a fourth time: the third is the last', () => {
    const breaker = opened()
    answer(breaker, true, 30_000)
    expect(breaker.isBroken).toBe(false)
    expect(breaker.wait(30_000)).toBe(30_000)
    answer(breaker, true, 60_000)
    expect(breaker.isBroken).toBe(true)
  })

  test('closes the account of every sync that shares it', async () => {
    const clock = new Timeline()
    const pace = new Pace(clock)
    const starts: number[] = []
    const send = async (): Promise<Lesson> => {
      starts.push(clock.now() - 1_000_000)
      await clock.sleep(10)
      return 'failed'
    }
    const all = Promise.all(Array.from({ length: 40 }, () => pace.run({ limit: LIMIT, stillWanted }, send, asTold)))
    await clock.drain()
    const answers = await all
    expect(pace.closed).toEqual({ kind: 'unreachable' })
    // Two at once until ten have failed; then one alone after 30 seconds, and once more.
    expect(starts).toEqual([0, 0, 10, 10, 20, 20, 30, 30, 40, 40, 30_050, 60_060])
    const calls = starts.length
    expect(answers.filter((one) => one === undefined)).toHaveLength(40 - calls)
  })
})
