import fc from 'fast-check'
import { expect, test } from 'vitest'
import { batches, ranges } from '../../../src/sync/batch.ts'
import { bisect } from '../../../src/sync/bisect.ts'
import type { Ack, Outcome } from '../../../src/sync/ledger.ts'
import { type Lesson, Pace, RetryBudget } from '../../../src/sync/pace.ts'
import { backoff } from '../../../src/sync/retry.ts'
import { shape, withoutValues } from '../../../src/sync/shape.ts'
import { cases } from '../../support/cases.ts'
import { counted } from '../../support/counted.ts'
import { LIMIT, TestClock } from './harness.ts'

const stillWanted = async () => true
const ok = (): Lesson => 'ok'

test('no more requests start in any interval than the limit allows', async () => {
  const clock = new TestClock()
  const pace = new Pace(clock)
  const limit = { ...LIMIT, calls: 3, perMs: 1_000, inFlight: 2 }
  const starts: number[] = []
  const send = async () => {
    starts.push(clock.now())
    await clock.sleep(100)
  }
  await Promise.all(Array.from({ length: 20 }, () => pace.run({ limit, stillWanted }, send, ok)))
  expect(starts).toHaveLength(20)
  for (let at = 3; at < starts.length; at++)
    expect((starts[at] ?? 0) - (starts[at - 3] ?? 0)).toBeGreaterThanOrEqual(1_000)
})

test('no more requests run at once than the smallest limit among the syncs of an account', async () => {
  const pace = new Pace(new TestClock())
  let running = 0
  let most = 0
  const send = async () => {
    most = Math.max(most, ++running)
    await new Promise(setImmediate)
    running -= 1
  }
  const run = (inFlight: number) => pace.run({ limit: { ...LIMIT, inFlight }, stillWanted }, send, ok)
  await Promise.all([run(5), ...Array.from({ length: 200 }, () => run(3)), ...Array.from({ length: 5 }, () => run(8))])
  expect(most).toBe(3)
})

test('a pause holds every request of the account for so long', async () => {
  const clock = new TestClock()
  const pace = new Pace(clock)
  const from = clock.now()
  pace.pause(15 * 60_000, '')
  expect(await pace.run({ limit: LIMIT, stillWanted }, async () => 'sent', ok)).toBe('sent')
  expect(clock.now() - from).toBe(15 * 60_000)
})

test('more than 15 minutes are not waited: the account is closed, and says when it opens', async () => {
  const clock = new TestClock()
  const pace = new Pace(clock)
  const from = clock.now()
  pace.pause(15 * 60_000 + 1, 'Busy.')
  expect(await pace.run({ limit: LIMIT, stillWanted }, async () => 'sent', ok)).toBeUndefined()
  expect(clock.now()).toBe(from)
  expect(pace.closed).toEqual({ kind: 'postponed', why: 'Busy.', until: new Date(from + 15 * 60_000 + 1) })
})

test('whoever waits is asked every minute whether it still wants its turn', async () => {
  const clock = new TestClock()
  const pace = new Pace(clock)
  pace.pause(600_000, '')
  let asked = 0
  const ran = await pace.run({ limit: LIMIT, stillWanted: async () => ++asked < 4 }, async () => 'sent', ok)
  expect(ran).toBeUndefined()
  expect(asked).toBe(4)
})

test('retries are paid from a budget that successes refill', () => {
  const budget = new RetryBudget()
  for (let paid = 0; paid < 100; paid++) expect(budget.take(false)).toBe(true)
  expect(budget.take(false)).toBe(false)
  for (let success = 0; success < 10; success++) budget.succeeded()
  expect(budget.take(true)).toBe(true)
  expect(budget.take(false)).toBe(false)
})

test('waits double up to a minute, with full jitter', () => {
  expect([1, 2, 3, 8, 20].map((attempt) => backoff(attempt, 1))).toEqual([500, 1_000, 2_000, 60_000, 60_000])
  expect(backoff(5, 0)).toBe(0)
})

test('bisection finds exactly the bad rows, in no more requests than promised', async () => {
  const batch = fc
    .integer({ min: 1, max: 300 })
    .chain((n) => fc.tuple(fc.constant(n), fc.uniqueArray(fc.nat(n - 1), { minLength: 1 })))
  await fc.assert(
    fc.asyncProperty(batch, async ([n, bad]) => {
      const isBad = new Set(bad)
      const found: number[] = []
      const good: number[] = []
      let requests = 0
      const rows = Array.from({ length: n }, (_, index) => index)
      const send = async (part: readonly number[]) => {
        requests += 1
        if (part.some((row) => isBad.has(row))) return { rows: part, why: 'bad' }
        good.push(...part)
        return undefined
      }
      await bisect({ rows, why: 'bad' }, send, {
        bad: (row) => found.push(row),
        skipped: () => undefined,
        isEnded: () => false,
      })
      expect(found.sort((a, b) => a - b)).toEqual([...bad].sort((a, b) => a - b))
      expect(good.length).toBe(n - bad.length)
      const k = bad.length
      expect(requests).toBeLessThanOrEqual(2 * k * Math.log2(n / k) + 2 * k)
    }),
    { seed: 7, numRuns: cases(1_000) },
  )
  counted('properties', { cases: cases(1_000) })
})

test('batches keep every row and its order, and hold to rows, bytes and partitions', () => {
  const row = fc.record({ bytes: fc.nat(50), part: fc.constantFrom('a', 'b', 'c') })
  fc.assert(
    fc.property(fc.array(row), fc.integer({ min: 1, max: 9 }), (rows, most) => {
      const weighed = rows.map(({ bytes, part }, seq) => ({ ...shaped(seq, part), bytes }))
      const made = batches(weighed, { rows: most, bytes: 100 }, (change) => String(change.key.part))
      expect(
        made
          .flat()
          .map((one) => one.change.seq)
          .sort((a, b) => a - b),
      ).toEqual(weighed.map((_, seq) => seq))
      for (const batch of made) {
        expect(new Set(batch.map((one) => one.change.key.part)).size).toBe(1)
        expect(batch.length).toBeLessThanOrEqual(most)
        const bytes = batch.reduce((sum, one) => sum + one.bytes, 0)
        expect(bytes <= 100 || batch.length === 1).toBe(true)
        const seqs = batch.map((one) => one.change.seq)
        expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
      }
    }),
    { seed: 7 },
  )
})

test('ranges say of every seq what was told, and none crosses a block', () => {
  const outcome = fc.constantFrom<Outcome>('written', 'refused', 'unsent')
  fc.assert(
    fc.property(fc.array(outcome, { maxLength: 1_200 }), fc.integer({ min: 1, max: 600 }), (outcomes, first) => {
      const told = outcomes.map((one, index): Ack => ({ lo: first + index, hi: first + index, outcome: one }))
      const acks = ranges([...told].reverse())
      const said = acks.flatMap((ack) => Array.from({ length: ack.hi - ack.lo + 1 }, () => ack.outcome))
      expect(said).toEqual(outcomes)
      for (const { lo, hi } of acks) expect(Math.floor(lo / 256)).toBe(Math.floor(hi / 256))
    }),
    { seed: 7 },
  )
})

test('what the ledger keeps of a message has no value of the row, longest first', () => {
  const change = { key: { id: 'ann' }, fields: { email: 'ann@example.com', n: 12 } }
  expect(withoutValues('ann@example.com of ann has 12', change)).toBe('<email> of <id> has 12')
  expect(withoutValues('x'.repeat(500), change)).toHaveLength(200)
})

test('a change carries all match keys that the destination may hold, the acknowledged ones first', () => {
  const planned = {
    seq: 1,
    op: 'update' as const,
    act: undefined,
    keyJson: '{"id":1}',
    profileId: 'p',
    payload: '{"email":"c@x","tel":null}',
    ident: '{"email":"c@x"}',
    before: '{"email":"a@x"},{"email":"b@x"}',
    destinationId: null,
    idempotencyKey: 'i',
  }
  const { change } = shape(planned, { onLeave: { verb: 'archive' }, onWithdraw: undefined })
  expect(change).toMatchObject({
    key: { id: 1 },
    fields: { email: 'c@x', tel: null },
    before: [{ email: 'a@x' }, { email: 'b@x' }],
  })
  expect(change.leave).toBeUndefined()
})

function shaped(seq: number, part: string) {
  return {
    change: {
      seq,
      op: 'create' as const,
      key: { part },
      fields: {},
      before: [],
      destinationId: undefined,
      leave: undefined,
      idempotencyKey: '',
    },
  }
}
