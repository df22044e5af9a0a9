import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FileFormat, ValueType } from '../../src/sql/dialect.ts'
import { id, print, type Sql, sql } from '../../src/sql/sql.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import type { Row, Session } from '../../src/warehouses/warehouse.ts'
import { bound } from '../contract/warehouse-bench.ts'

const root = realpathSync(mkdtempSync(join(tmpdir(), 'files-')))
afterAll(() => rmSync(root, { recursive: true }))

const d = duckdb.dialect

function files(path: string, format: FileFormat, types: Readonly<Record<string, ValueType>> = {}): Sql {
  const relation = d.files(path, format, new Map(Object.entries(types)))
  if (!relation) throw new Error('DuckDB reads files')
  return relation
}

/** A project's folder with files in it, and a session that begins there. */
async function project(name: string, content: Readonly<Record<string, string>>, options = {}): Promise<Session> {
  const directory = join(root, name)
  for (const [path, text] of Object.entries(content)) {
    mkdirSync(join(directory, path, '..'), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
  return await duckdb.connect(duckdb.options.parse({ path: ':memory:', ...options }), { directory, mode: 'write' })
}

const first = (session: Session, relation: Sql): Promise<Row | undefined> =>
  session.first(bound('first', sql`select * from ${relation} order by 1`))

describe('where files lie', () => {
  test('a relative path starts at the project, whatever lies in the folder of the command', async () => {
    const session = await project('here', { 'data/x.csv': 'a\nproject\n', 'data/y.csv': 'a\nsecond\n' })
    const elsewhere = join(root, 'elsewhere')
    mkdirSync(join(elsewhere, 'data'), { recursive: true })
    writeFileSync(join(elsewhere, 'data/x.csv'), 'a\nelsewhere\n')
    const before = process.cwd()
    process.chdir(elsewhere)
    try {
      expect(await first(session, files('data/x.csv', 'csv'))).toEqual({ a: 'project' })
      expect(await first(session, files('./data/*.csv', 'csv'))).toEqual({ a: 'project' })
      expect(await first(session, files(join(elsewhere, 'data/x.csv'), 'csv'))).toEqual({ a: 'elsewhere' })
    } finally {
      process.chdir(before)
    }
    await session.close()
  })

  test('the folder may have any name, and does not enter the SQL', async () => {
    for (const name of ['[w], x', "it's *", 'a?b', 'é 😀']) {
      const session = await project(name, { 'data/x.csv': 'a\n1\n' })
      for (const path of ['data/x.csv', 'data/*.csv']) {
        expect(await first(session, files(path, 'csv')), name).toEqual({ a: '1' })
        expect(print(files(path, 'csv'), d)).not.toContain(name)
      }
      await session.close()
    }
  })

  test('a file that is not there fails in words', async () => {
    const session = await project('none', {})
    await expect(session.describe(sql`select * from ${files('data/no.csv', 'csv')}`)).rejects.toThrow(/data\/no\.csv/)
    await session.close()
  })

  test("a reader's own SQL finds files in the project too", async () => {
    const session = await project('own', { 'only/here.csv': 'a\n1\n' })
    expect(await first(session, sql`read_csv('only/here.csv')`)).toEqual({ a: '1' })
    await session.close()
  })

  test('read_paths closes every other folder, for good', async () => {
    const outside = join(root, 'outside.csv')
    writeFileSync(outside, 'a\n1\n')
    const session = await project(
      'locked',
      { 'data/x.csv': 'a\n1\n', 'other/x.csv': 'a\n1\n' },
      { read_paths: ['data'] },
    )
    expect(await first(session, files('data/x.csv', 'csv'))).toEqual({ a: '1' })
    for (const path of ['other/x.csv', 'data/../other/x.csv', outside, '/etc/passwd'])
      await expect(first(session, files(path, 'csv')), path).rejects.toThrow(/Permission Error/)
    for (const statement of [sql`set enable_external_access = true`, sql`attach ${d.untyped(join(root, 'a.duckdb'))}`])
      await expect(session.script([bound('break out', statement)])).rejects.toMatchObject({ who: 'warehouse' })
    await session.close()
  })
})

describe('csv', () => {
  const CSV = [
    'id,phone,zip,amount,ratio,count,yes,day,at,note,empty',
    '007,+33612345678,01000,12.50,1e3,8,true,2024-02-29,2024-02-29T10:00:00Z," a ""b"", c",',
    '8,0033,no,0.000001,0.5,-9,false,2024-03-01,2024-03-01 10:00:00,é,',
  ].join('\n')
  const types = {
    id: 'text',
    phone: 'text',
    zip: 'text',
    amount: 'decimal',
    ratio: 'float',
    count: 'integer',
    yes: 'boolean',
    day: 'date',
    at: 'timestamp',
    empty: 'text',
    note: 'unknown',
  } as const

  test('declared columns get exactly that type, and text keeps its characters', async () => {
    const session = await project('csv', { 'x.csv': CSV })
    const relation = files('x.csv', 'csv', types)
    expect(await first(session, relation)).toEqual({
      id: '007',
      phone: '+33612345678',
      zip: '01000',
      amount: '12.5',
      ratio: '1000',
      count: '8',
      yes: 'true',
      day: '2024-02-29',
      at: '2024-02-29T10:00:00Z',
      note: ' a "b", c',
      empty: null,
    })
    expect(await session.describe(sql`select * from ${relation}`)).toEqual(
      new Map(Object.entries({ ...types, note: 'text' })),
    )
    await session.close()
  })

  test('other columns are what the whole file says, not its beginning', async () => {
    const late = `${'1\n'.repeat(100_000)}x1\n`
    const session = await project('late', { 'x.csv': `a\n${late}` })
    expect(await session.describe(sql`select * from ${files('x.csv', 'csv')}`)).toEqual(new Map([['a', 'text']]))
    expect(await first(session, sql`(select max(a) as a from ${files('x.csv', 'csv')})`)).toEqual({ a: 'x1' })
    await session.close()
  })

  test('a file of texts alone has a header, and several files match by name', async () => {
    const session = await project('several', { 'd/1.csv': 'a,b\nx,y\n', 'd/2.csv': 'b,a\ny2,x2\n' })
    const query = sql`(select string_agg(a, ' ' order by a) as a, string_agg(b, ' ' order by b) as b from ${files('d/*.csv', 'csv', { a: 'text' })})`
    expect(await first(session, query)).toEqual({ a: 'x x2', b: 'y y2' })
    await session.close()
  })

  test('a declared column that is not there is told by name', async () => {
    const session = await project('missing', { 'x.csv': 'a\n1\n' })
    for (const type of ['text', 'integer'] as const)
      await expect(first(session, files('x.csv', 'csv', { nope: type }))).rejects.toThrow(/nope/)
    await session.close()
  })
})

describe('json', () => {
  test('texts stay texts even where they look like times, declared columns are cast', async () => {
    const lines = [
      {
        id: '007',
        day: '2024-02-29',
        at: '2024-02-29T10:00:00+02:00',
        n: 12.5,
        big: 9007199254740993n,
        list: ['a'],
        num: 5,
      },
      { id: '8', day: '2024-03-01', n: 1 },
    ].map((line) => JSON.stringify(line, (_, value) => (typeof value === 'bigint' ? Number(value) : value)))
    const content = lines.join('\n').replace('9007199254740992', '9007199254740993')
    const session = await project('json', { 'x.json': content, 'list.json': `[${content.replace('\n', ',')}]` })
    const types = { id: 'text', at: 'timestamp', n: 'decimal', num: 'text' } as const
    for (const path of ['x.json', 'list.json'])
      expect(await first(session, files(path, 'json', types))).toEqual({
        id: '007',
        day: '2024-02-29',
        at: '2024-02-29T08:00:00Z',
        n: '12.5',
        big: '9007199254740993',
        list: '["a"]',
        num: '5',
      })
    const described = await session.describe(sql`select * from ${files('x.json', 'json')}`)
    expect(described.get('day')).toBe('text')
    await session.close()
  })
})

describe('parquet', () => {
  let session: Session
  beforeAll(async () => {
    session = await project('parquet', { 'd/.keep': '' })
    const write = (name: string, query: string) =>
      session.script([
        bound('write', { parts: [{ kind: 'code', text: `copy (${query}) to '${root}/parquet/d/${name}'` }] }),
      ])
    await write('1.parquet', `select 17850.0::double as customer, 1.5::decimal(9, 2) as price, 'x' as s`)
    await write('2.parquet', `select 's2' as s, null::double as customer, 2.25::decimal(9, 2) as price`)
  })
  afterAll(() => session.close())

  test('a number declared as text has its canonical text', async () => {
    const relation = files('d/1.parquet', 'parquet', { customer: 'text', price: 'text' })
    expect(await first(session, relation)).toEqual({ customer: '17850', price: '1.5', s: 'x' })
  })

  test('several files match by name, columns keep their order and type', async () => {
    const relation = files('d/*.parquet', 'parquet', { customer: 'text' })
    expect([...(await session.describe(sql`select * from ${relation}`))]).toEqual([
      ['customer', 'text'],
      ['price', 'decimal'],
      ['s', 'text'],
    ])
    expect(await first(session, sql`(select sum(price) as ${id('p')} from ${relation})`)).toEqual({ p: '3.75' })
  })
})
