import { expect, test } from 'vitest'
import { sql } from '../../src/sql/sql.ts'
import type { Columns, DialectBench } from './warehouse-dialect-bench.ts'

/** What traits measure beyond the plain aggregates. */
export function measureCases(bench: DialectBench): void {
  const { value, over, t, nothing, at } = bench

  test('units that have passed are whole: of time by its length, of months by the calendar', async () => {
    const passed = (unit: 'hour' | 'day' | 'week' | 'month', from: string, to: string) =>
      value(bench.d.passed(unit, at(from), at(to)))
    expect(await passed('hour', '2026-03-28T23:30:00Z', '2026-03-29T01:29:59Z')).toBe('1')
    expect(await passed('day', '2026-03-28T12:00:00Z', '2026-03-30T11:59:59Z')).toBe('1')
    expect(await passed('day', '2026-03-28T12:00:00Z', '2026-03-30T12:00:00Z')).toBe('2')
    expect(await passed('week', '2026-03-02T12:00:00Z', '2026-03-16T11:00:00Z')).toBe('1')
    expect(await passed('day', '2026-03-28T12:00:00Z', '2026-03-28T12:00:00Z')).toBe('0')
    const months = [
      ['2026-01-15T10:00:00Z', '2026-02-15T10:00:00Z', '1'],
      ['2026-01-15T10:00:01Z', '2026-02-15T10:00:00Z', '0'],
      ['2026-01-31T00:00:00Z', '2026-02-28T00:00:00Z', '0'],
      ['2026-01-28T00:00:00Z', '2026-02-28T00:00:00Z', '1'],
      ['2024-02-29T00:00:00Z', '2025-02-28T00:00:00Z', '11'],
      ['2026-02-28T00:00:00Z', '2026-03-31T00:00:00Z', '1'],
    ] as const
    for (const [from, to, expected] of months) {
      expect(await passed('month', from, to), `${from} ${to}`).toBe(expected)
      // What "so many months ago" says of the same time.
      const moved = bench.d.shift(at(to), -Number(expected), 'month')
      expect(await value(sql`${at(from)} <= ${moved}`)).toBe('true')
    }
    for (const unit of ['hour', 'month'] as const)
      expect(await value(bench.d.passed(unit, nothing('timestamp'), at('2026-03-28T12:00:00Z')))).toBe(null)
  })

  test('periods of the calendar are numbered without a gap, weeks from Monday on', async () => {
    const steps = [
      ['day', '2024-02-28T23:59:59Z', '2024-02-29T00:00:00Z', '2024-03-01T12:00:00Z'],
      ['week', '2025-12-28T23:59:59Z', '2025-12-29T00:00:00Z', '2026-01-05T12:00:00Z'],
      ['month', '2025-11-30T23:59:59Z', '2025-12-31T23:59:59Z', '2026-01-01T00:00:00Z'],
      ['quarter', '2025-09-30T23:59:59Z', '2025-10-01T00:00:00Z', '2026-01-31T00:00:00Z'],
      ['year', '1969-12-31T23:59:59Z', '1970-01-01T00:00:00Z', '1971-12-31T00:00:00Z'],
    ] as const
    const numberOf = async (period: (typeof steps)[number][0], time: string, zone: string) =>
      Number(await value(bench.d.periodNumber(period, bench.d.localTime(at(time), zone))))
    for (const [period, ...times] of steps) {
      const numbers = await Promise.all(times.map((time) => numberOf(period, time, 'UTC')))
      const [first = Number.NaN] = numbers
      expect(numbers, period).toEqual([first, first + 1, first + 2])
    }
    for (const period of ['day', 'month'] as const) {
      const march = await numberOf(period, '2026-03-31T22:30:00Z', 'America/New_York')
      expect(await numberOf(period, '2026-03-31T22:30:00Z', 'UTC')).toBe(march)
      expect(await numberOf(period, '2026-03-31T22:30:00Z', 'Europe/Paris')).toBe(march + 1)
    }
    for (const zone of ['UTC', 'Europe/Paris'])
      expect(await value(bench.d.periodNumber('week', bench.d.localTime(nothing('timestamp'), zone)))).toBe(null)
  })

  test('parts of a time are those of the calendar and clock of the zone', async () => {
    const local = bench.d.localTime(at('2026-03-29T21:30:00Z'), 'Europe/Paris')
    const parts = (['year', 'month', 'day', 'weekday', 'hour'] as const).map((part) => bench.d.datePart(part, local))
    expect(await Promise.all(parts.map((part) => value(part)))).toEqual(['2026', '3', '29', '7', '23'])
    const day = bench.d.dateLiteral('2026-03-30')
    expect(await value(bench.d.datePart('weekday', day))).toBe('1')
    expect(await value(bench.d.datePart('month', nothing('date')))).toBe(null)
  })

  const amounts: Columns = {
    n: ['integer', ['4', '1', null, '3', '2']],
    m: ['decimal', ['0.1', '0.2', null, '0.3', '10']],
    ok: ['boolean', ['true', 'true', 'true', null, 'false']],
  }

  test('a percentile lies on the straight line between two values', async () => {
    const at = (p: number) => over(amounts, bench.d.percentile(t('n'), p))
    expect([await at(0), await at(0.5), await at(0.9), await at(1)]).toEqual(['1', '2.5', '3.7', '4'])
    expect(await over(amounts, bench.d.percentile(t('m'), 0.5))).toBe('0.25')
    expect(await over(amounts, bench.d.percentile(t('n'), 0.5, t('ok')))).toBe('2.5')
    expect(await over(amounts, bench.d.percentile(t('n'), 0.5, sql`${t('n')} > 9`))).toBe(null)
  })

  test('the value at an end of an order that goes down in part', async () => {
    const rows: Columns = {
      v: ['text', ['a', 'b', 'c', null, 'e', 'f']],
      k: ['integer', ['2', '2', '1', '9', null, '1']],
      at: ['integer', ['5', '4', '1', '1', '1', null]],
    }
    const end = (which: 'first' | 'last', where?: Parameters<typeof bench.d.valueAt>[3]) =>
      over(
        rows,
        bench.d.valueAt(
          which,
          t('v'),
          [
            { of: t('k'), type: 'integer', isDescending: true },
            { of: t('at'), type: 'integer' },
          ],
          where,
        ),
      )
    expect(await end('first')).toBe('b')
    expect(await end('last')).toBe('c')
    expect(await end('first', sql`${t('k')} = 1 or ${t('k')} is null`)).toBe('c')
    expect(await end('last', sql`${t('k')} is null`)).toBe('e')
    expect(await end('first', sql`${t('k')} > 99`)).toBe(null)
  })

  test('a list holds no more than it may: the smallest', async () => {
    const list = (most: number) =>
      over({ v: ['text', ['b', null, 'a', 'b', 'c']] }, bench.d.json(bench.d.distinctList(t('v'), most), 'list'))
    expect([await list(2), await list(9)]).toEqual(['["a","b"]', '["a","b","c"]'])
  })
}
