import { expect } from 'vitest'
import { CdpError } from '../../src/error.ts'
import { from, id, parameter, sql, text } from '../../src/sql/sql.ts'
import type { Cell } from '../../src/warehouses/warehouse.ts'
import { type Bench, bound } from './warehouse-bench.ts'

/** Pages are exact and complete. */
export function readCases(bench: Bench): void {
  const { test, open, table, run, count, make, readAll, numbers } = bench
  test('pages are exact, whatever their size and that of the table', async () => {
    for (const [rows, page] of [
      [0, 10],
      [1, 10],
      [9, 10],
      [10, 10],
      [11, 10],
      [5000, 2048],
      [5000, 1],
      [4096, 4096],
      [5000, 10_000],
      [5000, 777],
      [45_000, 7000],
    ] as const) {
      const made = await numbers('paged', rows)
      const sizes: number[] = []
      const seen: (Cell | undefined)[] = []
      for await (const each of bench.session.read(made, ['word', 'seq'], page, 'seq')) {
        expect(each.columns.map((column) => column.length)).toEqual([each.rows, each.rows])
        sizes.push(each.rows)
        seen.push(...(each.columns[1] ?? []))
      }
      const whole = Array(Math.floor(rows / page)).fill(page)
      expect(sizes).toEqual(rows % page === 0 ? whole : [...whole, rows % page])
      expect(seen).toEqual(Array.from({ length: rows }, (_, at) => String(at + 1)))
    }
  })

  test('rows come in the order of a number, whether or not it numbers them', async () => {
    const orders: readonly (readonly (number | null)[])[] = [
      [3, 1, 2],
      [-1, 0, 1],
      [1, 1, 3],
      [1, 1, 4, 4],
      [7, 9, 8, 10],
      [1, null, 3],
      [null, null],
    ]
    for (const [index, values] of orders.entries()) {
      const made = await make(`ordered_${index}`, { seq: 'bigint' })
      const written = values.map((value) => (value === null ? null : String(value)))
      await bench.session.append(made, { rows: values.length, columns: [written] })
      const found = (await readAll(made, ['seq'], 'seq')).map(([seq]) => seq ?? null)
      const known = found.filter((seq) => seq !== null)
      expect(known).toEqual(
        [...values]
          .filter((value) => value !== null)
          .sort((a, b) => a - b)
          .map(String),
      )
      expect(found.length).toBe(values.length)
    }
  })

  test('a reader sees the table as it was when it began, and may stop early', async () => {
    const made = await numbers('moving', 5000)
    const pages = bench.session.read(made, ['seq'], 100, 'seq')[Symbol.asyncIterator]()
    expect((await pages.next()).value?.rows).toBe(100)
    await run('delete', sql`delete from ${from(made)} where ${id('seq')} > 50`)
    let rows = 100
    for (let next = await pages.next(); !next.done; next = await pages.next()) rows += next.value.rows
    expect(rows).toBe(5000)
    for await (const _ of bench.session.read(made, ['seq'], 10)) break
    expect(await count(made)).toBe(50)
  })

  test('readers, queries and writers run side by side', async () => {
    const made = await numbers('busy', 20_000)
    const log = await make('busy_log', { n: 'integer' })
    const reader = async () => (await readAll(made, ['seq', 'word'])).length
    const writer = (n: number) => bench.session.append(log, { rows: 1, columns: [[String(n)]] })
    const all = await Promise.all([reader(), reader(), count(made), writer(1), writer(2), reader(), count(made)])
    expect(all.filter((each) => typeof each === 'number')).toEqual([20_000, 20_000, 20_000, 20_000, 20_000])
    expect(await count(log)).toBe(2)
  })

  test('a table or column that is not there fails before the first page', async () => {
    await expect(readAll(table('nowhere'), ['n'])).rejects.toMatchObject({ who: 'warehouse' })
    await expect(readAll(await numbers('columns', 1), ['nope'])).rejects.toThrow(/columns/)
  })

  test('a read that is cut short throws instead of ending', async () => {
    const own = await open()
    const made = await numbers('long', 30_000)
    const twice = bound('twice', sql`insert into ${from(made)} select * from ${from(made)}`)
    await bench.session.script([twice, twice, twice, twice])
    const pages = own.read(made, ['seq', 'word'], 10)[Symbol.asyncIterator]()
    await pages.next()
    await own.close()
    const rest = async () => {
      for (let next = await pages.next(); !next.done; next = await pages.next());
    }
    await expect(rest()).rejects.toBeInstanceOf(CdpError)
  })

  test('the first row of a query is enough; of none there is none', async () => {
    const made = await numbers('first', 3)
    const query = sql`select ${id('word')} as ${id('A b')} from ${from(made)} order by ${id('seq')}`
    expect(await bench.session.first(bound('first', query))).toEqual({ 'A b': 'w1' })
    expect(await bench.session.first(bound('none', sql`select 1 as ${id('n')} where 1 = 0`))).toBeUndefined()
  })
}

/** A page or nothing of it. */
export function appendCases(bench: Bench): void {
  const { test, table, count, make, readAll, numbers } = bench
  test('texts become what the columns are', async () => {
    const columns = { n: 'integer', s: 'text', m: 'decimal', b: 'boolean', day: 'date', at: 'timestamp' } as const
    const made = await make('typed', columns)
    const row = ['-7', '007', '0.000001', 'true', '2024-02-29', '2024-02-29T10:00:00.5Z']
    await bench.session.append(made, { rows: 2, columns: row.map((value) => [value, null]) })
    expect(await readAll(made, Object.keys(columns), 's')).toEqual(expect.arrayContaining([row, row.map(() => null)]))
    expect(
      await bench.session.first(
        bound('sum', sql`select ${id('n')} + 1 as ${id('n')} from ${from(made)} where ${id('n')} is not null`),
      ),
    ).toEqual({ n: '-6' })
  })

  test('one bad row and none of the page is there', async () => {
    const made = await numbers('strict', 2)
    const seq = Array.from({ length: 10_000 }, (_, at) => String(at))
    seq[9_999] = 'bad'
    const failing = bench.session.append(made, { rows: 10_000, columns: [seq, seq] })
    await expect(failing).rejects.toMatchObject({ who: 'warehouse', diagnostics: [{ code: 'warehouse/statement' }] })
    expect(await count(made)).toBe(2)
    await bench.session.append(made, { rows: 0, columns: [[], []] })
    await bench.session.append(made, { rows: 1, columns: [['3'], ['x']] })
    expect(await count(made)).toBe(3)
  })

  test('a page of another shape than the table, or for no table, is refused', async () => {
    const made = await numbers('shape', 1)
    await expect(bench.session.append(made, { rows: 1, columns: [['2']] })).rejects.toMatchObject({ who: 'warehouse' })
    await expect(bench.session.append(made, { rows: 1, columns: [['2'], ['x'], ['y']] })).rejects.toMatchObject({
      who: 'warehouse',
    })
    await expect(bench.session.append(table('nowhere'), { rows: 1, columns: [['2']] })).rejects.toThrow('nowhere')
    expect(await count(made)).toBe(1)
  })
}

/** What a query would return. */
export function describeCases(bench: Bench): void {
  const { test, count, make, numbers } = bench
  test('a query is described without being run', async () => {
    const d = bench.session.dialect
    const words = await numbers('described', 1)
    const query = sql`
      select ${d.cast(id('word'), 'integer')} as ${id('n')}, 'x' as ${id('s')}, ${d.clock()} as ${id('at')},
        ${d.dateLiteral('2024-01-01')} as ${id('day')}, 1 = 1 as ${id('b')}, ${d.cast(text('1'), 'decimal')} as ${id('m')},
        ${d.cast(text('1'), 'float')} as ${id('f')}
      from ${from(words)}`
    expect([...(await bench.session.describe(query))]).toEqual([
      ['n', 'integer'],
      ['s', 'text'],
      ['at', 'timestamp'],
      ['day', 'date'],
      ['b', 'boolean'],
      ['m', 'decimal'],
      ['f', 'float'],
    ])
  })

  test('a table of a database that is not there has no columns', async () => {
    const made = await make('at home', { a: 'text' })
    expect(await bench.session.columns(made)).toBeDefined()
    expect(await bench.session.columns({ ...made, database: 'no_such_database' })).toBeUndefined()
  })

  test('a query with parameters is described all the same', async () => {
    const query = sql`select ${bench.session.dialect.cast(parameter('p'), 'text')} as ${id('s')}, 2 as ${id('n')} where ${parameter('q')} = 'x'`
    expect(await bench.session.describe(query)).toEqual(
      new Map([
        ['s', 'text'],
        ['n', 'integer'],
      ]),
    )
  })

  test('what cannot stand is refused in the words of the warehouse, and nothing but a query is one', async () => {
    await expect(bench.session.describe(sql`select nope from nowhere`)).rejects.toMatchObject({
      who: 'warehouse',
      diagnostics: [{ code: 'warehouse/statement', message: expect.stringMatching(/nowhere|nope/i) }],
    })
    const made = await numbers('kept', 2)
    for (const query of [
      sql`delete from ${from(made)}`,
      sql`select 1; delete from ${from(made)}`,
      sql`drop table ${from(made)}`,
    ])
      await expect(bench.session.describe(query)).rejects.toMatchObject({ who: 'warehouse' })
    expect(await count(made)).toBe(2)
  })
}
