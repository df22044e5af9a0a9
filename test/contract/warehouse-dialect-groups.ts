import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { OrderKey, ValueType } from '../../src/sql/dialect.ts'
import { column, id, join, parameter, type Sql, sql, text } from '../../src/sql/sql.ts'
import { type Columns, type DialectBench, rows } from './warehouse-dialect-bench.ts'

export function aggregateCases(bench: DialectBench): void {
  const { row, over, t } = bench
  const sales: Columns = {
    n: ['integer', ['1', '2', null, '2']],
    s: ['text', ['b', 'a', 'c', null]],
    big: ['boolean', ['true', 'true', null, 'false']],
  }

  /** A fragment over aggregates of the rows, which are columns by then. */
  const made = async (columns: Columns, aggregates: readonly Sql[], fragment: (values: readonly Sql[]) => Sql) => {
    const named = aggregates.map((one, at) => sql`${one} as ${id(`a${at + 1}`)}`)
    const values = aggregates.map((_, at) => column('g', `a${at + 1}`))
    const grouped = sql`select ${join(named)} from ${rows(bench.d, columns)}`
    return (await row(sql`select ${fragment(values)} as ${id('v')} from (${grouped}) as ${id('g')}`))?.v
  }

  test('each aggregate skips nulls and rows on which the filter is not true', async () => {
    const n = t('n')
    const big = t('big')
    expect(await over(sales, bench.d.aggregate('count', undefined))).toBe('4')
    expect(await over(sales, bench.d.aggregate('count', n))).toBe('3')
    expect(await over(sales, bench.d.aggregate('count', undefined, big))).toBe('2')
    expect(await over(sales, bench.d.aggregate('count_distinct', n))).toBe('2')
    expect(await over(sales, bench.d.aggregate('count_distinct', n, sql`${n} > 5`))).toBe('0')
    expect(await over(sales, bench.d.aggregate('sum', n))).toBe('5')
    expect(await over(sales, bench.d.aggregate('sum', n, big))).toBe('3')
    expect(await over(sales, bench.d.aggregate('avg', n, big))).toBe('1.5')
    expect(await over(sales, bench.d.aggregate('max', n, sql`${n} > 5`))).toBe(null)
  })

  test('a mean of floats is one however large they are', async () => {
    const floats: Columns = { x: ['float', ['1e200', '-1e200', '3e200', null]] }
    expect(await over(floats, bench.d.aggregate('avg', t('x')))).toBe('1e200')
    expect(await over({ x: ['float', [null]] }, bench.d.aggregate('avg', t('x')))).toBe(null)
  })

  test('the extreme of texts is that by code point, of all else the smallest or greatest value, whatever is known of it', async () => {
    const values: Columns = {
      s: ['text', ['b', 'Z', 'é', null, '😀', '\uff5e']],
      n: ['integer', ['10', '9', null, '100', '-1', '2']],
      d: ['decimal', ['10.5', '9', null, '100', '-1', '2']],
      at: ['timestamp', ['2026-01-02T00:00:00Z', null, '2025-12-31T00:00:00Z', null, null, null]],
    }
    const ends = async (name: string, type: ValueType, where?: Sql) => [
      await over(values, bench.d.extreme('min', t(name), type, where)),
      await over(values, bench.d.extreme('max', t(name), type, where)),
    ]
    for (const type of ['text', 'unknown'] as const) {
      expect(await ends('s', type)).toEqual(['Z', '😀'])
      expect(await ends('s', type, sql`${t('n')} < 9`)).toEqual(['\uff5e', '😀'])
      expect(await ends('s', type, sql`${t('n')} > 900`)).toEqual([null, null])
    }
    for (const type of ['integer', 'unknown'] as const) {
      expect(await ends('n', type)).toEqual(['-1', '100'])
      expect(await ends('n', type, sql`${t('s')} = 'Z'`)).toEqual(['9', '9'])
    }
    expect(await ends('d', 'unknown')).toEqual(['-1', '100'])
    for (const type of ['timestamp', 'unknown'] as const)
      expect(await ends('at', type)).toEqual(['2025-12-31T00:00:00Z', '2026-01-02T00:00:00Z'])
    expect(await over({ s: ['text', []] }, bench.d.extreme('min', t('s'), 'text'))).toBe(null)
  })

  test('an order is by code point for texts, whatever is known of them, and by value for all else', async () => {
    const values: Columns = {
      s: ['text', ['b', 'Z', 'é', '😀', '\uff5e']],
      n: ['integer', ['10', '9', '100', '-1', '2']],
    }
    const sorted = async (name: string, keys: readonly Sql[]) => {
      const place = sql`row_number() over (order by ${join(keys)}) as ${id('place')}`
      const query = sql`select ${t(name)} as ${id('v')}, ${place} from ${rows(bench.d, values)}`
      const ranked = sql`(${query}) as ${id('r')}`
      const at = (n: number) => row(sql`select ${id('v')} from ${ranked} where ${id('place')} = ${n}`)
      return Promise.all([1, 2, 3, 4, 5].map(async (n) => (await at(n))?.v))
    }
    const texts = ['Z', 'b', 'é', '\uff5e', '😀']
    expect(await sorted('s', bench.d.inOrder(t('s'), 'text'))).toEqual(texts)
    expect(await sorted('s', bench.d.inOrder(t('s'), 'unknown'))).toEqual(texts)
    expect(await sorted('s', [bench.d.textOrder(t('s'))])).toEqual(texts)
    for (const type of ['integer', 'unknown'] as const)
      expect(await sorted('n', bench.d.inOrder(t('n'), type))).toEqual(['-1', '2', '9', '10', '100'])
    expect(await over({ s: ['text', ['Z']] }, bench.d.anyRow(sql`${bench.d.textOrder(t('s'))} < 'a'`))).toBe('true')
  })

  test('anyRow is false, never null, when no row fulfils it', async () => {
    expect(await over(sales, bench.d.anyRow(t('big')))).toBe('true')
    expect(await over(sales, bench.d.anyRow(sql`${t('n')} = 9`))).toBe('false')
    expect(await over({ n: ['integer', []] }, bench.d.anyRow(sql`${t('n')} = 9`))).toBe('false')
    expect(await over(sales, sql`not ${bench.d.anyRow(sql`${t('n')} = 9 or ${t('n')} = 8`)}`)).toBe('true')
  })

  test('anyTrue knows true, false and nothing at all', async () => {
    const any = (...values: (string | null)[]) => over({ b: ['boolean', values] }, bench.d.anyTrue(t('b')))
    expect(await any('false', 'true', null)).toBe('true')
    expect(await any('false', null)).toBe('false')
    expect(await any(null)).toBe(null)
    expect(await any()).toBe(null)
  })

  const keys = (...names: readonly string[]) => names.map((name): OrderKey => ({ of: t(name), type: 'integer' }))
  const visits: Columns = {
    v: ['text', ['x', 'y', 'z', null, 'w', 'q']],
    at: ['integer', ['1', '2', null, '3', '2', '0']],
    id: ['integer', ['1', '2', '3', '4', '3', '6']],
  }

  test('the value at an end skips null values, breaks ties by later keys, and leaves rows without order for last', async () => {
    expect(await over(visits, bench.d.valueAt('last', t('v'), keys('at', 'id')))).toBe('w')
    expect(await over(visits, bench.d.valueAt('first', t('v'), keys('at', 'id')))).toBe('q')
    expect(
      await over(visits, bench.d.valueAt('first', t('v'), keys('at'), sql`${t('at')} > 1 or ${t('at')} is null`)),
    ).toBe('w')
    expect(await over(visits, bench.d.valueAt('last', t('v'), keys('at'), sql`${t('at')} is null`))).toBe('z')
    expect(await over(visits, bench.d.valueAt('last', t('v'), keys('at'), sql`${t('id')} > 99`))).toBe(null)
    expect(await over(visits, bench.d.valueAt('first', t('v'), keys('at'), sql`${t('at')} is null`))).toBe('z')
  })

  test('a tie that no key breaks is broken by the value, whatever the order of the rows', async () => {
    for (const v of [
      ['a', 'c', 'b'],
      ['c', 'b', 'a'],
      ['b', 'a', 'c'],
    ]) {
      const tied: Columns = { v: ['text', v], at: ['integer', ['1', '1', '1']] }
      expect(await over(tied, bench.d.valueAt('last', t('v'), keys('at')))).toBe('c')
      expect(await over(tied, bench.d.valueAt('first', t('v'), keys('at')))).toBe('a')
    }
  })

  test('the most frequent value of several tallies; ties go to the tally named first, in it to the smallest', async () => {
    const words: Columns = {
      a: ['text', ['x', 'x', 'y', null, null, null]],
      b: ['text', ['y', 'z', 'z', 'z', null, null]],
      k: ['text', ['n', 'm', 'n', 'm', null, null]],
    }
    const tallied = (...names: string[]) =>
      sql`(select ${join(names.map((name) => sql`${bench.d.tally(t(name))} as ${id(name)}`))} from ${rows(bench.d, words)}) as ${id('t')}`
    const most = async (...names: string[]) =>
      (await row(sql`select ${bench.d.mostFrequent(names.map(t))} as ${id('v')} from ${tallied(...names)}`))?.v
    const mostIn = async (...names: string[]) =>
      (await row(sql`select ${bench.d.mostFrequentIn(names.map(t))} as ${id('v')} from ${tallied(...names)}`))?.v
    expect(await most('a')).toBe('x')
    expect(await most('b')).toBe('z')
    expect(await most('k')).toBe('m')
    expect(await most('a', 'b')).toBe('z')
    expect(await most('b', 'a', 'k')).toBe('z')
    expect(await most('k', 'a')).toBe('m')
    expect(await most('a', 'k')).toBe('x')
    expect([await mostIn('a'), await mostIn('a', 'b'), await mostIn('b', 'a')]).toEqual(['1', '2', '1'])
    expect([await mostIn('k', 'a'), await mostIn('a', 'k')]).toEqual(['1', '1'])
    const of = (tallied: Sql, fragment: (tally: Sql) => Sql, columns: Columns = words) =>
      made(columns, [tallied], ([tally = sql`null`]) => fragment(tally))
    const nobodys = bench.d.tally(t('a'), sql`${t('a')} = 'nobody'`)
    expect(await of(nobodys, (tally) => bench.d.mostFrequent([tally]))).toBe(null)
    const none = { v: ['text', [null, null]] } satisfies Columns
    const nobody = bench.d.tally(t('v'))
    expect(await over(none, sql`${nobody} is null`)).toBe('true')
    expect(await of(nobody, (tally) => bench.d.mostFrequent([tally, tally]), none)).toBe(null)
    expect(await of(nobody, (tally) => bench.d.mostFrequentIn([tally, tally]), none)).toBe(null)
    expect(await of(nobody, (tally) => bench.d.mostFrequentIn([tally]), none)).toBe(null)
  })

  test('lists of a group are sorted, distinct and without nulls', async () => {
    expect(await over({ v: ['text', ['b', null, 'a', 'b']] }, bench.d.json(bench.d.distinctList(t('v')), 'list'))).toBe(
      '["a","b"]',
    )
    expect(await over({ v: ['text', [null]] }, bench.d.json(bench.d.distinctList(t('v')), 'list'))).toBe('[]')
    expect(await over({ v: ['text', ['b', null, 'a', 'b']] }, bench.d.listText(t('v'), '+'))).toBe('a+b+b')
    expect(await over({ v: ['text', [null]] }, bench.d.listText(t('v'), '+'))).toBe(null)
    const both: Columns = { v: ['text', ['b', null, 'Z', 'b']], w: ['text', ['é', 'a, b', 'b', null]], x: ['text', []] }
    const joined = (...names: string[]) =>
      made(
        both,
        names.map((name) => bench.d.distinctList(t(name))),
        (lists) => bench.d.joinLists(lists, ', '),
      )
    expect(await joined('v')).toBe('Z, b')
    expect(await joined('v', 'x', 'w')).toBe('Z, a, b, b, é')
    expect(await joined('x')).toBe(null)
    expect(await joined('x', 'x')).toBe(null)
    const missing = bench.nothing('list')
    expect(await made(both, [bench.d.distinctList(t('v'))], (all) => bench.d.joinLists([missing, ...all], '|'))).toBe(
      'Z|b',
    )
    expect(await over(both, bench.d.joinLists([missing, missing], '|'))).toBe(null)
    expect(await over(both, bench.d.joinLists([missing], '|'))).toBe(null)
    const list = { v: ['text', ['b', 'a']] } satisfies Columns
    const has = (value: string) =>
      made(list, [bench.d.distinctList(t('v'))], ([all = sql`null`]) => bench.d.listHas(all, text(value)))
    expect(await has('a')).toBe('true')
    expect(await has('c')).toBe('false')
    expect(await over(list, bench.d.listLength(bench.d.distinctList(t('v'))))).toBe('2')
    expect(await over({ v: ['text', [null]] }, bench.d.listLength(bench.d.distinctList(t('v'))))).toBe('0')
    expect(await over(list, bench.d.listLength(missing))).toBe(null)
  })
}

export function jsonCases(bench: DialectBench): void {
  const { value, over, t, nothing, day, at } = bench
  const json = (fragment: Sql, type: ValueType) => value(bench.d.json(fragment, type))

  test('scalars print as JSON, null as null', async () => {
    expect(await json(text('a"b\\c\n\u0001é😀'), 'text').then((x) => JSON.parse(x ?? ''))).toBe('a"b\\c\n\u0001é😀')
    expect(await json(bench.d.cast(text('9007199254740993'), 'integer'), 'integer')).toBe('9007199254740993')
    expect(await json(bench.d.cast(text('12.500000'), 'decimal'), 'decimal')).toBe('12.5')
    expect(await json(bench.d.cast(text('100'), 'decimal'), 'decimal')).toBe('100')
    expect(await json(bench.d.cast(text('true'), 'boolean'), 'boolean')).toBe('true')
    expect(await json(day('2026-01-02'), 'date')).toBe('"2026-01-02"')
    expect(await json(at('2026-01-02T03:04:05+01:00'), 'timestamp')).toBe('"2026-01-02T02:04:05Z"')
    expect(await json(at('2026-01-02T03:04:05.120Z'), 'timestamp')).toBe('"2026-01-02T03:04:05.12Z"')
    for (const type of ['text', 'integer', 'decimal', 'float', 'boolean', 'date', 'timestamp', 'list'] as const)
      expect(await json(nothing(type), type), type).toBe(null)
  })

  test('a float prints in as few digits as tell it from every other, without trailing zeros', async () => {
    for (const written of [5, 0.1 + 0.2, 0.0015, 1234567.1234564, 1234567890123456, -2.5, 100000000.456])
      expect(await json(bench.d.cast(text(String(written)), 'float'), 'float')).toBe(String(written))
    expect(await json(bench.d.cast(text('-0.0'), 'float'), 'float')).toBe('0')
    for (const none of ['nan', 'inf', '-inf']) expect(await json(bench.d.cast(text(none), 'float'), 'float')).toBe(null)
  })

  test('a value of unknown type prints as what it turns out to be', async () => {
    const all: Columns = {
      s: ['text', ['a"b']],
      n: ['integer', ['7']],
      m: ['decimal', ['12.5']],
      f: ['float', ['0.1']],
      b: ['boolean', ['false']],
      day: ['date', ['2026-01-02']],
      at: ['timestamp', ['2026-01-02T03:04:05Z']],
    }
    const expected = ['"a\\"b"', '7', '12.5', '0.1', 'false', '"2026-01-02"', '"2026-01-02T03:04:05Z"']
    for (const [index, name] of Object.keys(all).entries())
      expect(await over(all, bench.d.json(t(name), 'unknown')), name).toBe(expected[index])
    expect(await over({ s: ['text', [null]] }, bench.d.json(t('s'), 'unknown'))).toBe(null)
    expect(await over({ at: ['timestamp', [null]] }, bench.d.json(t('at'), 'unknown'))).toBe(null)
  })

  test('a key of a JSON object is read whatever it is called', async () => {
    for (const key of ['a', 'a.b', '$', '/', '~1', "it's", 'a"b', '', '*', 'é', '0']) {
      const object = parameter('object')
      expect(await value(bench.d.jsonText(object, key), { object: JSON.stringify({ [key]: 'x y' }) }), key).toBe('x y')
    }
    expect(await value(bench.d.jsonText(text('{"a":null}'), 'a'))).toBe(null)
    expect(await value(bench.d.jsonText(text('{"a":1.50}'), 'b'))).toBe(null)
    expect(await value(bench.d.jsonText(text('{"a":{"b":[1]}}'), 'a'))).toBe('{"b":[1]}')
    expect(await value(bench.d.jsonText(nothing('text'), 'a'))).toBe(null)
  })

  test('hashes are those of everyone else', async () => {
    expect(await value(bench.d.md5(text('é')))).toBe(hex('md5', 'é'))
    expect(await value(bench.d.sha256Half(text('é')))).toBe(hex('sha256', 'é').slice(0, 32))
    expect(await value(bench.d.md5(nothing('text')))).toBe(null)
    const unit = await value(bench.d.cast(sql`${bench.d.unitInterval(text('user-1'))} * 1000000`, 'integer'))
    const expected = (Number.parseInt(hex('sha256', 'user-1').slice(0, 13), 16) / 2 ** 52) * 1e6
    expect(Math.abs(Number(unit) - expected)).toBeLessThan(1)
  })
}

export function rowsCases(bench: DialectBench): void {
  const { row } = bench
  test('objects become rows of text; what is absent or null is null', async () => {
    const list = [
      { seq: 1, 'a b': 'x', "it's": true },
      { seq: null, 'a b': '', extra: 1 },
      { seq: '9007199254740993', 'a b': 'é"\\' },
    ]
    const relation = bench.d.rowsOf(parameter('rows'), ['seq', 'a b', "it's"])
    const all = sql`
      select ${bench.d.aggregate('count', undefined)} as ${id('n')}, ${bench.d.listText(column('r', 'a b'), '|')} as ${id('t')},
        ${bench.d.listText(column('r', 'seq'), '|')} as ${id('s')}, ${bench.d.listText(column('r', "it's"), '|')} as ${id('b')}
      from ${relation} as ${id('r')}`
    expect(await row(all, { rows: JSON.stringify(list) })).toEqual({
      n: '3',
      t: '|x|é"\\',
      s: '1|9007199254740993',
      b: 'true',
    })
    expect(await row(all, { rows: '[]' })).toEqual({ n: '0', t: null, s: null, b: null })
  })
}

function hex(algorithm: string, value: string): string {
  return createHash(algorithm).update(value).digest('hex')
}
