import { expect, test } from 'vitest'
import type { ValueType } from '../../src/sql/dialect.ts'
import { join, type Sql, sql, text } from '../../src/sql/sql.ts'
import type { Columns, DialectBench } from './warehouse-dialect-bench.ts'

export function castCases(bench: DialectBench): void {
  const { value, over, t, nothing } = bench
  test('a cast fails on what does not fit, a try gives null, null stays null', async () => {
    expect(await value(bench.d.cast(text('12'), 'integer'))).toBe('12')
    expect(await value(bench.d.tryCast(text('12x'), 'integer'))).toBe(null)
    expect(await value(nothing('integer'))).toBe(null)
    expect(await value(bench.d.cast(text('9223372036854775807'), 'bigint'))).toBe('9223372036854775807')
    await expect(value(bench.d.cast(text('12x'), 'integer'))).rejects.toMatchObject({ who: 'warehouse' })
  })

  test('every type has a cast, and unknown leaves the value alone', async () => {
    expect(await value(bench.d.cast(text('1.5'), 'decimal'))).toBe('1.5')
    expect(await value(bench.d.cast(text('1.5'), 'float'))).toBe('1.5')
    expect(await value(bench.d.cast(text('true'), 'boolean'))).toBe('true')
    expect(await value(bench.d.cast(text('2026-02-28'), 'date'))).toBe('2026-02-28')
    expect(await value(bench.d.cast(text('2026-02-28T10:00:00+02:00'), 'timestamp'))).toBe('2026-02-28T08:00:00Z')
    expect(await value(bench.d.cast(sql`7`, 'text'))).toBe('7')
    expect(await value(bench.d.cast(text('7'), 'unknown'))).toBe('7')
    expect(await value(bench.d.tryCast(text('7'), 'unknown'))).toBe('7')
  })

  test('an untyped literal takes its type from what it meets', async () => {
    const data: Columns = {
      n: ['integer', ['5']],
      s: ['text', ['05']],
      m: ['decimal', ['12.5']],
      b: ['boolean', ['true']],
      day: ['date', ['2026-01-02']],
    }
    const compared = (name: string, op: Sql, literal: string) => {
      const met = bench.d.comparable(t(name), [literal])
      return over(data, sql`${met.value} ${op} ${join(met.literals)}`)
    }
    expect(await compared('n', sql`>`, '10')).toBe('false')
    expect(await compared('n', sql`>`, '-10')).toBe('true')
    expect(await compared('n', sql`=`, '5')).toBe('true')
    expect(await compared('s', sql`>`, '04')).toBe('true')
    expect(await compared('s', sql`=`, '5')).toBe('false')
    expect(await compared('m', sql`<`, '12.51')).toBe('true')
    expect(await compared('b', sql`=`, 'true')).toBe('true')
    expect(await compared('day', sql`>=`, '2026-01-02')).toBe('true')
    const few = bench.d.comparable(t('n'), ['3', '5'])
    expect(await over(data, sql`${few.value} in (${join(few.literals)})`)).toBe('true')
  })
}

export function timeCases(bench: DialectBench): void {
  const { value, over, t, nothing, day, at } = bench
  test('an instant is read from dates, texts with and without a zone, and times', async () => {
    expect(await value(bench.d.instant(day('2026-03-01')))).toBe('2026-03-01T00:00:00Z')
    expect(await value(bench.d.instant(text('2026-03-01 10:11:12')))).toBe('2026-03-01T10:11:12Z')
    expect(await value(bench.d.instant(text('2026-03-01T10:11:12.345678+05:30')))).toBe('2026-03-01T04:41:12.345678Z')
    expect(await value(bench.d.instant(at('2026-03-01T10:11:12Z')))).toBe('2026-03-01T10:11:12Z')
    expect(await value(bench.d.instant(nothing('text')))).toBe(null)
  })

  test('an instant literal takes any ISO form with a zone, and nothing without one', async () => {
    for (const iso of ['2026-03-01T08:00Z', '2026-03-01T10:00:00+02:00', '2026-03-01 08:00:00.000z'])
      expect(await value(at(iso))).toBe('2026-03-01T08:00:00Z')
    expect(() => at('2026-03-01T08:00:00')).toThrow()
    expect(() => at("2026-03-01T08:00:00Z'")).toThrow()
  })

  test('dates follow the zone, over the change of clocks', async () => {
    expect(await value(bench.d.dateIn(at('2026-03-28T23:30:00Z'), 'Europe/Paris'))).toBe('2026-03-29')
    expect(await value(bench.d.dateIn(at('2026-03-29T22:30:00Z'), 'Europe/Paris'))).toBe('2026-03-30')
    expect(await value(bench.d.dateIn(nothing('timestamp'), 'Europe/Paris'))).toBe(null)
    expect(await value(bench.d.startOfDate(day('2026-03-29'), 'Europe/Paris'))).toBe('2026-03-28T23:00:00Z')
    expect(await value(bench.d.startOfDate(day('2026-03-30'), 'Europe/Paris'))).toBe('2026-03-29T22:00:00Z')
    expect(await value(bench.d.startOfDate(nothing('date'), 'Europe/Paris'))).toBe(null)
  })

  test('a date that has no midnight begins when its clock begins', async () => {
    expect(await value(bench.d.startOfDate(day('2018-11-04'), 'America/Sao_Paulo'))).toBe('2018-11-04T03:00:00Z')
  })

  test('every unit shifts, back and forth, by numbers and by columns', async () => {
    const start = at('2026-01-31T12:00:00Z')
    const shifted = {
      second: '2026-01-31T12:00:01Z',
      minute: '2026-01-31T12:01:00Z',
      hour: '2026-01-31T13:00:00Z',
      day: '2026-02-01T12:00:00Z',
      week: '2026-02-07T12:00:00Z',
      month: '2026-02-28T12:00:00Z',
      quarter: '2026-04-30T12:00:00Z',
      year: '2027-01-31T12:00:00Z',
    } as const
    for (const [unit, then] of Object.entries(shifted))
      expect(await value(bench.d.shift(start, 1, unit as keyof typeof shifted))).toBe(then)
    expect(await value(bench.d.shift(start, -90, 'day'))).toBe('2025-11-02T12:00:00Z')
    expect(await over({ n: ['integer', ['-2']] }, bench.d.shift(start, t('n'), 'hour'))).toBe('2026-01-31T10:00:00Z')
    expect(await over({ n: ['integer', [null]] }, bench.d.shift(start, t('n'), 'day'))).toBe(null)
    expect(await value(bench.d.instant(bench.d.shift(day('2026-01-31'), 1, 'day')))).toBe('2026-02-01T00:00:00Z')
  })

  test('a unit begins in the zone; weeks on Monday', async () => {
    const x = at('2026-04-01T22:30:00Z') // Thursday, 2 April, 00:30 in Paris
    const begins = {
      hour: '2026-04-01T22:00:00Z',
      day: '2026-04-01T22:00:00Z',
      week: '2026-03-29T22:00:00Z',
      month: '2026-03-31T22:00:00Z',
      quarter: '2026-03-31T22:00:00Z',
      year: '2025-12-31T23:00:00Z',
    } as const
    for (const [unit, begin] of Object.entries(begins))
      expect(await value(bench.d.truncate(unit as keyof typeof begins, x, 'Europe/Paris'))).toBe(begin)
    expect(await value(bench.d.truncate('hour', at('2026-04-01T22:40:00Z'), 'Asia/Kolkata'))).toBe(
      '2026-04-01T22:30:00Z',
    )
    expect(await value(bench.d.truncate('day', nothing('timestamp'), 'UTC'))).toBe(null)
  })

  test('an hour that comes twice is not mistaken for the other', async () => {
    for (const hour of ['2026-10-25T00', '2026-10-25T01'])
      expect(await value(bench.d.truncate('hour', at(`${hour}:40:00Z`), 'Europe/Paris'))).toBe(`${hour}:00:00Z`)
  })

  test('days between are calendar days', async () => {
    expect(await value(bench.d.daysBetween(day('2026-02-27'), day('2026-03-01')))).toBe('2')
    expect(await value(bench.d.daysBetween(day('2026-03-01'), day('2026-02-27')))).toBe('-2')
    expect(await value(bench.d.daysBetween(nothing('date'), day('2026-02-27')))).toBe(null)
  })

  test("the warehouse's clock is an instant near to now", async () => {
    const now = await value(bench.d.clock())
    expect(Math.abs(Date.parse(now ?? '') - Date.now())).toBeLessThan(60_000)
  })
}

export function textCases(bench: DialectBench): void {
  const { value, over, t, nothing } = bench
  test('division by zero is null and integers do not truncate', async () => {
    expect(await value(bench.d.divide(sql`7`, sql`2`))).toBe('3.5')
    expect(await value(bench.d.divide(sql`7`, sql`0`))).toBe(null)
    expect(await value(bench.d.divide(sql`1 + 1`, sql`2 + 2`))).toBe('0.5')
    expect(await value(sql`8 * ${bench.d.divide(sql`1`, sql`4`)}`)).toBe('2')
    expect(await value(bench.d.divide(nothing('decimal'), sql`2`))).toBe(null)
  })

  test('rounding goes away from zero at the half', async () => {
    expect(await value(bench.d.round(bench.d.cast(text('2.5'), 'decimal'), 0, 'decimal'))).toBe('3')
    expect(await value(bench.d.round(bench.d.cast(text('-2.345'), 'decimal'), 2, 'decimal'))).toBe('-2.35')
    expect(await value(bench.d.round(nothing('float'), 2, 'float'))).toBe(null)
    const integer = bench.d.round(bench.d.cast(text('7'), 'integer'), 2, 'integer')
    expect(await value(integer)).toBe('7')
  })

  test('floats are rounded as floats are, on every warehouse alike', async () => {
    const given = [586.3 / 4, 0.125, -0.125, 1.005, 2.5, 1e17 / 3, 1 / 3, -7.0049999, 0, 1e-9, 123456.785]
    for (const digits of [0, 2, 6])
      for (const one of given) {
        const power = 10 ** digits
        const expected = (Math.sign(one) * Math.round(Math.abs(one) * power)) / power
        const float = bench.d.cast(text(`${one}`), 'float')
        expect(Number(await value(bench.d.round(float, digits, 'float'))), `${one} to ${digits}`).toBe(expected + 0)
      }
  })

  test('least and greatest skip nulls', async () => {
    expect(await value(bench.d.least([sql`2`, nothing('integer'), sql`1`]))).toBe('1')
    expect(await value(bench.d.greatest([sql`2`, nothing('integer'), sql`1`]))).toBe('2')
    expect(await value(bench.d.least([nothing('integer'), nothing('integer')]))).toBe(null)
    expect(await value(bench.d.greatest([sql`5`]))).toBe('5')
    expect(await value(bench.d.greatest([sql`false`, nothing('boolean'), sql`true`]))).toBe('true')
    expect(await value(bench.d.greatest([nothing('boolean'), sql`false`]))).toBe('false')
    expect(await value(bench.d.least([text('b'), text('B'), text('é')]))).toBe('B')
  })

  test('plain text is what people write, whether the type is said or not', async () => {
    const written: Record<Exclude<ValueType, 'unknown' | 'list'>, readonly (readonly [string, string])[]> = {
      text: [['1.50', '1.50']],
      integer: [['-120', '-120']],
      decimal: [
        ['12.500000', '12.5'],
        ['100', '100'],
        ['-0.0', '0'],
      ],
      float: [['0.1', '0.1']],
      boolean: [['true', 'true']],
      date: [['2026-01-02', '2026-01-02']],
      timestamp: [['2026-01-02T03:04:05.120+01:00', '2026-01-02T02:04:05.12Z']],
    }
    for (const [type, pairs] of Object.entries(written) as [ValueType, (typeof written)['text']][])
      for (const [raw, expected] of pairs) {
        const one: Columns = { v: [type, [raw]] }
        expect(await over(one, bench.d.plainText(t('v'), type)), type).toBe(expected)
        expect(await over(one, bench.d.plainText(t('v'), 'unknown')), `unknown ${type}`).toBe(expected)
        expect(await value(bench.d.plainText(nothing(type), type)), type).toBe(null)
      }
    expect(await value(bench.d.plainText(bench.d.cast(text('nan'), 'float'), 'float'))).toBe(null)
    const list = bench.d.distinctList(t('v'))
    expect(await over({ v: ['text', ['b', 'a']] }, bench.d.plainText(list, 'list'))).toBe('["a","b"]')
  })

  test('concat is null with a null, joinText skips it', async () => {
    expect(await value(bench.d.concat([text('a'), text(''), text('b')]))).toBe('ab')
    expect(await value(bench.d.concat([text('a'), nothing('text')]))).toBe(null)
    expect(await value(bench.d.concat([]))).toBe('')
    expect(await value(bench.d.joinText([text('a'), nothing('text'), text(''), text('b')], '|'))).toBe('a||b')
    expect(await value(bench.d.joinText([nothing('text')], '|'))).toBe('')
    expect(await value(bench.d.joinText([], '|'))).toBe('')
  })

  test('length and substring count characters from 1', async () => {
    expect(await value(bench.d.length(text('aé😀')))).toBe('3')
    expect(await value(bench.d.length(nothing('text')))).toBe(null)
    expect(await value(bench.d.substring(text('aé😀z'), sql`2`, sql`2`))).toBe('é😀')
    expect(await value(bench.d.substring(text('abc'), sql`2`))).toBe('bc')
    expect(await value(bench.d.substring(text('abc'), sql`9`))).toBe('')
  })

  test('text tests take their pattern literally, like knows % and _ and the backslash', async () => {
    expect(await value(bench.d.contains(text('50%_off'), text('%_')))).toBe('true')
    expect(await value(bench.d.contains(text('50xyoff'), text('%_')))).toBe('false')
    expect(await value(bench.d.startsWith(text('/returns/1'), text('/returns')))).toBe('true')
    expect(await value(bench.d.endsWith(text('a.b'), text('.b')))).toBe('true')
    expect(await value(bench.d.like(text('/returns/1'), text('/returns%')))).toBe('true')
    expect(await value(bench.d.like(text('Abc'), text('a_c')))).toBe('false')
    expect(await value(bench.d.like(text('50%'), text('50\\%')))).toBe('true')
    expect(await value(bench.d.like(text('50x'), text('50\\%')))).toBe('false')
    expect(await over({ p: ['text', ['a%']] }, bench.d.like(text('abc'), t('p')))).toBe('true')
    for (const test of [bench.d.contains, bench.d.startsWith, bench.d.endsWith, bench.d.like])
      expect(await value(test(nothing('text'), text('a')))).toBe(null)
  })

  test('a regular expression is searched for anywhere', async () => {
    expect(await value(bench.d.matches(text('info@x.fr'), '^(info|noreply)@'))).toBe('true')
    expect(await value(bench.d.matches(text('my.info@x.fr'), '^(info|noreply)@'))).toBe('false')
    expect(await value(bench.d.matches(text("it's \\ 12"), "'s \\\\ \\d+$"))).toBe('true')
    expect(await value(bench.d.matches(nothing('text'), 'a'))).toBe(null)
  })
}
