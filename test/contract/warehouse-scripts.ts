import { expect } from 'vitest'
import { CdpError } from '../../src/error.ts'
import { from, id, parameter, sql, text } from '../../src/sql/sql.ts'
import { type Bench, bound, SCHEMA } from './warehouse-bench.ts'

/** All or nothing, and counted. */
export function scriptCases(bench: Bench): void {
  const { test, table, run, count, make, readAll, numbers } = bench
  test('each statement says how many rows it wrote', async () => {
    const made = table('counted')
    const rows = await bench.session.script([
      bound('schema', bench.session.dialect.createSchema(SCHEMA)),
      bound(
        'make',
        bench.session.dialect.createTable(made, sql`select 1 as ${id('n')} union all select 2 union all select 3`),
      ),
      bound('insert', sql`insert into ${from(made)} select 4 union all select 5`),
      bound('update', sql`update ${from(made)} set ${id('n')} = 0 where ${id('n')} > ${parameter('above')}`, {
        above: 3,
      }),
      bound('delete', sql`delete from ${from(made)} where ${id('n')} = 1`),
      bound('none', sql`update ${from(made)} set ${id('n')} = 9 where 1 = 0`),
      bound('view', bench.session.dialect.createView(table('counted_view'), sql`select * from ${from(made)}`)),
      bound(
        'empty',
        bench.session.dialect.createTable(table('counted_none'), sql`select * from ${from(made)} where 1 = 0`),
      ),
    ])
    expect(rows.map((each) => each.rows)).toEqual([0, 3, 2, 2, 1, 0, 0, 0])
  })

  test('a script that fails leaves nothing behind, tables and views included', async () => {
    const made = await numbers('atomic', 3)
    const view = table('atomic_view')
    await run('view', bench.session.dialect.createView(view, sql`select 1 as ${id('n')}`))
    const failing = bench.session.script([
      bound('insert', sql`insert into ${from(made)} select 4, 'x'`),
      bound('delete', sql`delete from ${from(made)} where ${id('seq')} < 3`),
      bound('new', bench.session.dialect.createTable(table('atomic_new'), sql`select 1 as ${id('n')}`)),
      bound('repoint', bench.session.dialect.createView(view, sql`select 2 as ${id('n')}`)),
      bound('fails', sql`select ${bench.session.dialect.cast(id('word'), 'integer')} from ${from(made)}`),
    ])
    await expect(failing).rejects.toThrow('fails')
    expect(await readAll(made, ['seq'], 'seq')).toEqual([['1'], ['2'], ['3']])
    expect(await bench.session.columns(table('atomic_new'))).toBeUndefined()
    expect(await bench.session.first(bound('view', sql`select ${id('n')} from ${from(view)}`))).toEqual({ n: '1' })
    await run('after', sql`insert into ${from(made)} select 4, 'x'`)
    expect(await count(made)).toBe(4)
  })

  test('what is asked behind statements sees what they did, whatever kinds of statements they are', async () => {
    const made = table('asked')
    const { dialect } = bench.session
    const sum = bound('sum', sql`select count(*) as ${id('n')}, sum(${id('n')}) as ${id('all')} from ${from(made)}`)
    const define = bound('make', dialect.createTable(made, sql`select 1 as ${id('n')} union all select 2`))
    expect(await bench.session.ask([bound('schema', dialect.createSchema(SCHEMA)), define], sum)).toEqual({
      n: '2',
      all: '3',
    })
    const more = (n: number) =>
      bound('more', sql`insert into ${from(made)} select ${dialect.cast(parameter('n'), 'bigint')}`, { n })
    expect(await bench.session.ask([more(3)], sum)).toEqual({ n: '3', all: '6' })
    expect(await bench.session.ask([more(4), more(5)], sum)).toEqual({ n: '5', all: '15' })
    const above = sql`select ${id('n')} from ${from(made)} where ${id('n')} > ${parameter('n')} order by ${id('n')}`
    expect(await bench.session.ask([more(6)], bound('above', above, { n: 4 }))).toEqual({ n: '5' })
    expect(await bench.session.ask([], bound('above', above, { n: 5 }))).toEqual({ n: '6' })
    expect(await bench.session.ask([more(7)], bound('none', above, { n: 9 }))).toBeUndefined()
    expect(await count(made)).toBe(7)
  })

  test('statements that fail are named, and nothing is asked behind them', async () => {
    const made = await numbers('asked_badly', 3)
    const fails = bound('fails', sql`delete from ${from(table('asked_never'))} where 1 = 1`)
    const remove = bound('remove', sql`delete from ${from(made)} where ${id('seq')} = 1`)
    const counted = bound('counted', sql`select count(*) as ${id('n')} from ${from(made)}`)
    await expect(bench.session.ask([remove, fails], counted)).rejects.toThrow('fails')
    expect(await count(made)).toBe(3)
    await expect(bench.session.ask([], fails)).rejects.toThrow('fails')
    const asksNothing = bound('asks nothing', sql`select count(*) as ${id('n')} from ${from(table('asked_never'))}`)
    await expect(bench.session.ask([remove], asksNothing)).rejects.toThrow('asks nothing')
  })

  test('merge into updates, deletes and inserts by condition, and again changes nothing', async () => {
    const ledger = await make('ledger', { key: 'text', fence: 'bigint', state: 'text' })
    const news = await make('news', { key: 'text', state: 'text' })
    await bench.session.append(ledger, {
      rows: 3,
      columns: [
        ['a', 'b', 'c'],
        ['1', '9', '1'],
        ['old', 'newer', 'old'],
      ],
    })
    await bench.session.append(news, {
      rows: 4,
      columns: [
        ['a', 'b', 'c', 'd'],
        ['ok', 'ok', 'gone', 'ok'],
      ],
    })
    const merge = sql`
      merge into ${from(ledger)} as ${id('l')}
      using (select * from ${from(news)}) as ${id('n')}
      on ${id('l')}.${id('key')} = ${id('n')}.${id('key')}
      when matched and ${id('n')}.${id('state')} = 'gone' and ${id('l')}.${id('fence')} < ${parameter('fence')}
        then delete
      when matched and ${id('l')}.${id('fence')} < ${parameter('fence')}
        then update set ${id('fence')} = ${parameter('fence')}, ${id('state')} = ${id('n')}.${id('state')}
      when not matched and ${id('n')}.${id('state')} <> 'gone'
        then insert (${id('key')}, ${id('fence')}, ${id('state')})
        values (${id('n')}.${id('key')}, ${parameter('fence')}, ${id('n')}.${id('state')})`
    expect(await run('merge', merge, { fence: 5 })).toEqual([{ rows: 3 }])
    const after = [
      ['a', '5', 'ok'],
      ['b', '9', 'newer'],
      ['d', '5', 'ok'],
    ]
    expect(await readAll(ledger, ['key', 'fence', 'state'], 'key')).toEqual(after)
    expect(await run('merge', merge, { fence: 5 })).toEqual([{ rows: 0 }])
    expect(await readAll(ledger, ['key', 'fence', 'state'], 'key')).toEqual(after)
  })

  test('a view is replaced, read and described like a table', async () => {
    const made = await numbers('seen', 3)
    const view = table('seen_view')
    for (const limit of [2, 3])
      await run(
        'view',
        bench.session.dialect.createView(
          view,
          sql`select ${id('word')} from ${from(made)} where ${id('seq')} <= ${limit}`,
        ),
      )
    expect(await bench.session.columns(view)).toEqual(new Map([['word', 'text']]))
    expect(await readAll(view, ['word'], 'word')).toEqual([['w1'], ['w2'], ['w3']])
    await run('drop', bench.session.dialect.dropView(view))
    await run('drop again', bench.session.dialect.dropView(view))
    expect(await bench.session.columns(view)).toBeUndefined()
  })

  test('an empty table is made once when it may be there, anew when not', async () => {
    const made = await make('once', { n: 'integer' })
    await bench.session.append(made, { rows: 1, columns: [['1']] })
    const columns = [{ name: 'n', type: 'integer' as const }]
    await run('keep', bench.session.dialect.createEmptyTable(made, columns, true))
    expect(await count(made)).toBe(1)
    await run('anew', bench.session.dialect.createEmptyTable(made, columns))
    expect(await count(made)).toBe(0)
    await run('drop', bench.session.dialect.dropTable(made))
    await run('drop again', bench.session.dialect.dropTable(made))
    expect(await bench.session.columns(made)).toBeUndefined()
  })

  test('a column is added where it is missing, null in every row, and left alone where it is there', async () => {
    const made = await make('grown', { n: 'integer' })
    await bench.session.append(made, { rows: 1, columns: [['1']] })
    for (const type of ['text', 'bigint', 'timestamp'] as const) {
      const add = bench.session.dialect.addColumn(made, { name: `more ${type}`, type })
      await run('add', add)
      await run('add again', add)
    }
    await run('fill', sql`update ${from(made)} set ${id('more text')} = 'x' where true`)
    await run('add after', bench.session.dialect.addColumn(made, { name: 'more text', type: 'text' }))
    const columns = ['n', 'more text', 'more bigint', 'more timestamp']
    expect(await readAll(made, columns)).toEqual([['1', 'x', null, null]])
  })

  test('side by side: every change to one row counts once', async () => {
    const made = await make('counter', { n: 'integer' })
    await bench.session.append(made, { rows: 1, columns: [['0']] })
    const add = sql`update ${from(made)} set ${id('n')} = ${id('n')} + 1 where true`
    const results = await Promise.all(Array.from({ length: 12 }, () => run('add', add)))
    expect(results.flat().map((each) => each.rows)).toEqual(Array(12).fill(1))
    expect(await readAll(made, ['n'])).toEqual([['12']])
  })

  test('side by side: of many that claim, one gets it', async () => {
    const lease = await make('lease', { holder: 'text' })
    await bench.session.append(lease, { rows: 1, columns: [[null]] })
    const claim = (holder: string) =>
      run('claim', sql`update ${from(lease)} set ${id('holder')} = ${parameter('me')} where ${id('holder')} is null`, {
        me: holder,
      })
    const claims = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(claim))
    expect(claims.flat().reduce((sum, each) => sum + each.rows, 0)).toBe(1)
  })
}

/** Whose words, and which statement. */
export function failureCases(bench: Bench): void {
  const { test, open, table, run, count, numbers } = bench
  test('name the statement, quote the warehouse, keep cause and text apart', async () => {
    const secret = 'canary-4711'
    const failing = bench.session.script([
      bound('stitch round 2', sql`select ${id('nope')}, ${text(secret)} from ${from(table('nowhere'))}`),
    ])
    const error = await failing.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(CdpError)
    expect(error).toMatchObject({ who: 'warehouse', text: expect.stringContaining(secret), cause: expect.any(Error) })
    const message = error instanceof CdpError ? error.message : ''
    expect(message).toMatch(/^stitch round 2 failed: .*nowhere/is)
    expect(message).not.toContain(secret)
    expect(message.split('\n').length).toBeLessThanOrEqual(3)
  })

  test('two statements in one are refused', async () => {
    const made = await numbers('two', 2)
    await expect(run('two', sql`select 1; delete from ${from(made)}`)).rejects.toMatchObject({ who: 'warehouse' })
    expect(await count(made)).toBe(2)
  })

  test('a closed bench.session says so', async () => {
    const own = await open()
    await own.close()
    await own.close()
    await expect(own.first(bound('late', sql`select 1 as ${id('n')}`))).rejects.toMatchObject({ who: 'bug' })
  })
}
