import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { HttpResponse } from '../../src/connectors/connector.ts'
import { rateHint, retryAfter, waitSaid } from '../../src/connectors/rate.ts'
import { quotaHint } from '../../src/connectors/salesforce/org.ts'
import { cases } from '../support/cases.ts'

const NOW = Date.parse('2026-11-22T12:00:00Z')
const RUNS = { seed: 5, numRuns: cases(1_000) }

function answer(headers: Record<string, string>): HttpResponse {
  return { status: 429, headers, body: '' }
}

const after = (said: string, more: Record<string, string> = {}) =>
  retryAfter(answer({ 'retry-after': said, ...more }), NOW)

/** Whole seconds, as an HTTP date can say them. */
const instant = fc.integer({ min: Date.parse('1971-01-01') / 1000, max: Date.parse('9998-01-01') / 1000 })
const dateOf = (seconds: number) => new Date(seconds * 1000).toUTCString()

describe('Retry-After', () => {
  test.each([
    ['120', 120_000],
    ['0', 0],
    ['1.5', 1_500],
    [' 7 ', 7_000],
    ['999999', 999_999_000],
    ['9'.repeat(400), undefined],
    ['Sun, 22 Nov 2026 12:00:30 GMT', 30_000],
    ['Sunday, 22-Nov-26 12:00:30 GMT', 30_000],
    ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    ['', undefined],
    ['-5', undefined],
    ['+5', undefined],
    ['0x10', undefined],
    ['1e3', undefined],
    ['5, 10', undefined],
    ['2026-11-22T12:00:30Z', undefined],
  ])('%s is %s ms', (said, wait) => {
    expect(after(said)).toBe(wait)
  })

  test('seconds are what they say', () => {
    fc.assert(
      fc.property(fc.nat(), (seconds) => {
        expect(after(String(seconds))).toBe(seconds * 1000)
      }),
      RUNS,
    )
  })

  test('a date counts from the date of the answer, whatever our clock and the vendor clock say', () => {
    fc.assert(
      fc.property(instant, instant, fc.integer(), (answered, until, ours) => {
        const response = answer({ 'retry-after': dateOf(until), date: dateOf(answered) })
        const wait = retryAfter(response, ours)
        expect(wait).toBe(Math.max(0, until - answered) * 1000)
        // The same answer, given by a vendor whose clock is wrong by years.
        const skew = answered < until ? -Math.min(answered, 1e8) : 0
        const skewed = answer({ 'retry-after': dateOf(until + skew), date: dateOf(answered + skew) })
        expect(retryAfter(skewed, ours)).toBe(wait)
      }),
      RUNS,
    )
  })

  test('without a date of the answer our clock serves, and what is past is no wait', () => {
    fc.assert(
      fc.property(instant, instant, (now, until) => {
        const wait = retryAfter(answer({ 'retry-after': dateOf(until) }), now * 1000)
        expect(wait).toBe(Math.max(0, until - now) * 1000)
      }),
      RUNS,
    )
  })

  test('garbage is either no wait that was said, or one that can be waited', () => {
    const garbage = fc.oneof(
      fc.string({
        unit: fc.constantFrom('0', '9', '-', '.', ',', ';', '=', 't', 'r', ' ', '\u0000', 'é', '\u{1f600}'),
      }),
      fc.string(),
      fc.double().map(String),
      fc.tuple(instant, fc.string({ maxLength: 4 })).map(([at, noise]) => `${dateOf(at)}${noise}`),
    )
    fc.assert(
      fc.property(garbage, garbage, garbage, (said, date, other) => {
        const headers = { 'retry-after': said, date, ratelimit: other, 'x-ratelimit-reset': other }
        for (const wait of [after(said, { date }), waitSaid(answer(headers), NOW)])
          expect(wait === undefined || (Number.isFinite(wait) && wait >= 0)).toBe(true)
      }),
      RUNS,
    )
  })
})

describe('the headers of a rate', () => {
  test.each([
    [{ ratelimit: 'limit=10, remaining=0, reset=7' }, 7_000],
    [{ ratelimit: '"default";r=0;t=7' }, 7_000],
    [{ 'ratelimit-remaining': '0', 'ratelimit-reset': '7' }, 7_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '7' }, 7_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 + 7) }, 7_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW + 7_000) }, 7_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 - 7) }, 0],
  ])('%j pauses for %d ms', (headers, ms) => {
    expect(rateHint(answer(headers), NOW)).toEqual({ kind: 'pause', for: ms })
    expect(waitSaid(answer(headers), NOW)).toBe(ms)
  })

  test('a time counts from the date of the answer', () => {
    const headers = { 'x-ratelimit-reset': '1800000007', date: new Date(1_800_000_000_000).toUTCString() }
    expect(waitSaid(answer(headers), NOW)).toBe(7_000)
  })

  test.each([{ ratelimit: 'limit=10, remaining=1, reset=7' }, { 'x-ratelimit-reset': '7' }, {}])(
    '%j leaves calls, or does not say: no pause',
    (headers) => expect(rateHint(answer(headers), NOW)).toBeUndefined(),
  )

  test('Retry-After is believed before them', () => {
    expect(waitSaid(answer({ 'retry-after': '3', ratelimit: 'remaining=0, reset=7' }), NOW)).toBe(3_000)
  })

  test.each([
    ['api-usage=3999/5000', undefined],
    [
      'api-usage=4000/5000',
      'The org has used 4000 of its 5000 API calls of 24 hours, and 80 % is the most that we may use.',
    ],
    ['per-app-api-usage=17/250(appName=x)', undefined],
    ['per-app-api-usage=240/250(appName=x), api-usage=18/5000', undefined],
    ['api-usage=0/0', undefined],
    ['', undefined],
  ])('Sforce-Limit-Info: %s', (said, why) => {
    const hint = quotaHint(answer({ 'sforce-limit-info': said }), 0.8)
    expect(hint).toEqual(why === undefined ? undefined : { kind: 'stop', why })
  })
})
