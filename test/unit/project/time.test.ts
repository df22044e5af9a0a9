import { expect, test } from 'vitest'
import { nextDay, parseDuration, parseTime } from '../../../src/project/time.ts'

test.each([
  ['30 days', { amount: 30, unit: 'day' }],
  ['1 day', { amount: 1, unit: 'day' }],
  ['24h', { amount: 24, unit: 'hour' }],
  ['5m', { amount: 5, unit: 'minute' }],
  [' 2 weeks ', { amount: 2, unit: 'week' }],
  ['3 quarters', { amount: 3, unit: 'quarter' }],
])('the duration "%s"', (text, duration) => {
  expect(parseDuration(text)).toEqual(duration)
})

test.each(['', '30', 'days', '30 dayz', '-1 day', '1.5 days', '30 days ago', '99999999999 days'])(
  '"%s" is no duration',
  (text) => {
    expect(parseDuration(text)).toBeUndefined()
  },
)

test.each([
  ['2026-01-01', { kind: 'date', iso: '2026-01-01' }],
  ['2024-02-29', { kind: 'date', iso: '2024-02-29' }],
  ['2026-01-01T08:00:00Z', { kind: 'instant', iso: '2026-01-01T08:00:00Z' }],
  ['2026-01-01T08:00:00.120Z', { kind: 'instant', iso: '2026-01-01T08:00:00.12Z' }],
  ['2026-01-01 08:00+02:00', { kind: 'instant', iso: '2026-01-01T06:00:00Z' }],
  ['2026-01-01T08:00-0530', { kind: 'instant', iso: '2026-01-01T13:30:00Z' }],
  // Without a zone: in winter Paris is one hour ahead of UTC, in summer two.
  ['2026-01-01T08:00', { kind: 'instant', iso: '2026-01-01T07:00:00Z' }],
  ['2026-07-01T08:00:30', { kind: 'instant', iso: '2026-07-01T06:00:30Z' }],
  // 02:30 does not exist on the day when summer time begins.
  ['2026-03-29T02:30', { kind: 'instant', iso: '2026-03-29T01:30:00Z' }],
])('the time "%s"', (text, time) => {
  expect(parseTime(text, 'Europe/Paris')).toEqual(time)
})

test.each(['2026-02-29', '2026-13-01', '2026-01-01T25:00', '2026-01-01T08:61', '2026-01-01T08:00+19:00', '0000-01-01'])(
  '"%s" is in no calendar',
  (text) => {
    expect(parseTime(text, 'UTC')).toBe('impossible')
  },
)

test.each(['', '2026', '2026-1-1', '01/02/2026', '2026-01-01T', 'today', '20260101'])(
  '"%s" has not the form of a time',
  (text) => {
    expect(parseTime(text, 'UTC')).toBeUndefined()
  },
)

test('the day after the last of a year is the first of the next', () => {
  expect(nextDay('2025-12-31')).toBe('2026-01-01')
  expect(nextDay('2024-02-28')).toBe('2024-02-29')
})
