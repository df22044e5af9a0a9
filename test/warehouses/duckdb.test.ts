import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { from, id, parameter, type Sql, sql, type Table } from '../../src/sql/sql.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import { printed } from '../../src/warehouses/duckdb-statement.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { warehouseContract } from '../contract/warehouse.ts'
import { bound } from '../contract/warehouse-bench.ts'
import { emptyFolder } from '../support/cli.ts'
import { written } from '../support/written.ts'

const folder = mkdtempSync(join(tmpdir(), 'duckdb-'))
afterAll(() => rmSync(folder, { recursive: true }))

const open = (path: string, mode: 'read' | 'write' = 'write', patience = NONE) =>
  duckdb.connect(duckdb.options.parse({ path }), { directory: folder, mode }, patience)
const NONE = { pauses: 0, pause: async () => {} }

describe('the contract', () => warehouseContract(() => open('contract.duckdb')))

const T: Table = { schema: 'main', name: ['t'] }
const run = (session: Session, query: Sql) => session.script([bound('run', query)])
const count = async (session: Session) =>
  (await session.first(bound('count', sql`select count(*) as ${id('n')} from ${from(T)}`)))?.n

describe('one process', () => {
  test('two sessions of one file see each other, however its path is written', async () => {
    mkdirSync(join(folder, 'real'))
    symlinkSync(join(folder, 'real'), join(folder, 'link'))
    const sessions = await Promise.all(
      ['real/x.duckdb', './link/x.duckdb', 'link/../real/x.duckdb'].map((p) => open(p)),
    )
    const [first, ...others] = sessions
    if (!first) throw new Error('no session')
    await run(first, sql`create table ${from(T)} as select 1 as ${id('n')}`)
    for (const other of others) expect(await count(other)).toBe('1')
    await first.close()
    for (const other of others) expect(await count(other)).toBe('1')
    for (const other of others) await other.close()
    const again = await open('real/x.duckdb')
    expect(await count(again)).toBe('1')
    await again.close()
  })

  test('databases in memory are apart, and gone with their session', async () => {
    const [one, two] = [await open(':memory:'), await open(':memory:')]
    await run(one, sql`create table ${from(T)} as select 1 as ${id('n')}`)
    expect(await two.columns(T)).toBeUndefined()
    await one.close()
    await two.close()
  })

  test('a schema may be called like the file', async () => {
    const session = await open('cdp.duckdb')
    const table: Table = { schema: 'cdp', name: ['t'] }
    const made = [duckdb.dialect.createSchema('cdp'), duckdb.dialect.createTable(table, sql`select 1 as ${id('n')}`)]
    await session.script(made.map((each) => bound('make', each)))
    expect(await session.first(bound('read', sql`select * from ${from(table)}`))).toEqual({ n: '1' })
    await session.close()
  })

  test('a missing folder is made for writing; reading what is not there is told', async () => {
    await expect(open('new/deep/w.duckdb', 'read')).rejects.toMatchObject({
      who: 'warehouse',
      diagnostics: [{ code: 'warehouse/connection', message: expect.stringContaining('new/deep/w.duckdb') }],
    })
    await (await open('new/deep/w.duckdb')).close()
    await (await open('new/deep/w.duckdb', 'read')).close()
  })

  test('a reader cannot write, alone or beside a writer', async () => {
    const writer = await open('shared.duckdb')
    await run(writer, sql`create table ${from(T)} as select 1 as ${id('n')}`)
    const beside = await open('shared.duckdb', 'read')
    await expect(run(beside, sql`delete from ${from(T)}`)).rejects.toThrow(/read.?only/i)
    expect(await count(beside)).toBe('1')
    await run(writer, sql`insert into ${from(T)} select 2`)
    expect(await count(beside)).toBe('2')
    await writer.close()
    await beside.close()
    const alone = await open('shared.duckdb', 'read')
    await expect(run(alone, sql`delete from ${from(T)}`)).rejects.toThrow(/read.?only/i)
    await expect(open('shared.duckdb')).rejects.toMatchObject({ diagnostics: [{ code: 'warehouse/locked' }] })
    expect(await count(alone)).toBe('2')
    await alone.close()
  })

  test('what is no database is not opened', async () => {
    writeFileSync(join(folder, 'text.duckdb'), 'x'.repeat(5000))
    mkdirSync(join(folder, 'folder.duckdb'))
    for (const path of ['text.duckdb', 'folder.duckdb'])
      await expect(open(path), path).rejects.toMatchObject({ diagnostics: [{ code: 'warehouse/connection' }] })
  })

  test('options have defaults and no unknown keys', () => {
    expect(duckdb.options.parse({})).toEqual({ path: '.cdp/warehouse.duckdb' })
    expect(duckdb.options.parse({ threads: '2' })).toMatchObject({ threads: 2 })
    expect(duckdb.options.safeParse({ pfad: 'x' }).success).toBe(false)
    expect([...warehouses().keys()]).toEqual(['duckdb', 'postgres', 'bigquery', 'snowflake'])
  })

  test('settings reach the database', async () => {
    const options = duckdb.options.parse({
      path: ':memory:',
      threads: 1,
      memory_limit: '123MB',
      temp_directory: 'spill',
    })
    const session = await duckdb.connect(options, { directory: folder, mode: 'write' })
    const query = sql`
      select current_setting('threads') as ${id('threads')}, current_setting('memory_limit') as ${id('memory')},
        current_setting('temp_directory') as ${id('spill')}, current_setting('TimeZone') as ${id('zone')}`
    expect(await session.first(bound('settings', query))).toEqual({
      threads: '1',
      memory: '117.3 MiB',
      spill: join(folder, 'spill'),
      zone: 'UTC',
    })
    await session.close()
  })
})

describe('values', () => {
  test('stand in the text where they are short, and are bound where they are long or hold NUL', () => {
    const { statement } = bound('one', sql`select ${parameter('v')}`)
    expect(printed({ statement, values: { v: "o'clock" } })).toEqual({
      name: 'one',
      text: "select cast('o''clock' as varchar)",
    })
    for (const v of ['x'.repeat(1_001), 'a\0b'])
      expect(printed({ statement, values: { v } })).toEqual({ name: 'one', text: 'select $v', values: { v } })
    expect(() => printed({ statement })).toThrow('one uses $v, which has no value.')
  })

  test('what only DuckDB has leaves as text too', async () => {
    const session = await open(':memory:')
    const query = sql`
      select 170141183460469231731687303715884105727::hugeint as huge, timestamp '2024-01-01 10:00:00' as naive,
        timestamp_ns '2024-01-01 00:00:00.123456789' as ns, timestamp_ms '2024-01-01 00:00:00.5' as ms,
        timestamp_s '1900-01-01 00:00:00' as s, ['a"', null] as words, [1.50, 2]::decimal(9, 3)[] as sums,
        [1.5::double, 'nan'::double] as reals, [timestamptz '2024-01-01 00:00:00Z'] as times, [[1], []] as nested,
        'infinity'::timestamptz as ever, 'nan'::double as nan, 0.1::float as short, time '10:00:00' as clock,
        'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid as uuid, {'a': 1} as struct, 'b'::enum('a', 'b') as choice`
    expect(await session.first(bound('values', query))).toEqual({
      huge: '170141183460469231731687303715884105727',
      naive: '2024-01-01T10:00:00Z',
      ns: '2024-01-01T00:00:00.123456Z',
      ms: '2024-01-01T00:00:00.5Z',
      s: '1900-01-01T00:00:00Z',
      words: JSON.stringify(['a"', null]),
      sums: '[1.5,2]',
      reals: '[1.5,null]',
      times: '["2024-01-01T00:00:00Z"]',
      nested: '[[1],[]]',
      ever: 'infinity',
      nan: null,
      short: '0.10000000149011612',
      clock: '10:00:00',
      uuid: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      struct: "{'a': 1}",
      choice: 'b',
    })
    await session.close()
  })

  test('a number reads the same as a cell and as JSON', async () => {
    const session = await open(':memory:')
    const d = duckdb.dialect
    const numbers = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.double({ noNaN: true, min: -1e10, max: 1e10 }),
      fc.integer({ min: -1e9, max: 1e9 }).map((cents) => cents / 100),
      fc.constantFrom(0, -0, 5e-7, -5e-7, 1e-4, 9.99999e-5, 1e8, 99999999.9999995, 2 ** 53, 1e15, 1e16, 0.1 + 0.2),
    )
    const values = fc.sample(numbers, { numRuns: 5000, seed: 13 }).map(String)
    await run(session, d.createEmptyTable(T, [{ name: 'v', type: 'float' }]))
    await session.append(T, { rows: values.length, columns: [values] })
    const both: Table = { schema: 'main', name: ['both'] }
    await run(session, d.createTable(both, sql`select v, ${d.json(id('v'), 'unknown')} as j from ${from(T)}`))
    for await (const page of session.read(both, ['v', 'j'], 10_000)) {
      expect(page.columns[0]).toEqual(page.columns[1])
      for (const text of page.columns[1] ?? []) JSON.parse(text ?? 'null')
    }
    await session.close()
  })

  test('a sum of doubles that is rounded prints the same in any order', async () => {
    const session = await open(':memory:')
    const d = duckdb.dialect
    await run(
      session,
      sql`create table ${from(T)} as select (hash(range) % 100000) / 100.0::double as v, range as n from range(20000)`,
    )
    const texts = new Set<string | null | undefined>()
    for (const order of [sql`n`, sql`n desc`, sql`v`, sql`v desc`, sql`hash(n)`]) {
      const summed = sql`select ${d.round(sql`sum(v order by ${order})`, 6, 'float')} as s from ${from(T)}`
      texts.add(
        (await session.first(bound('sum', sql`select ${d.json(id('s'), 'unknown')} as ${id('s')} from (${summed})`)))
          ?.s,
      )
    }
    expect(texts.size).toBe(1)
    await session.close()
  })
})

describe('several processes', () => {
  test('a file in use is waited for, then the holder is named', async () => {
    const child = await holder('locked.duckdb', 'create table t as select 1 as n')
    let pauses = 0
    const patience = {
      pauses: 3,
      pause: async () => {
        pauses++
      },
    }
    for (const mode of ['write', 'read'] as const)
      await expect(open('locked.duckdb', mode, patience)).rejects.toMatchObject({
        who: 'warehouse',
        diagnostics: [
          { code: 'warehouse/locked', message: expect.stringMatching(new RegExp(`process ${child.pid}\\.$`)) },
        ],
      })
    expect(pauses).toBe(6)
    const untilItEnds = { pauses: 1, pause: () => end(child, 'SIGTERM') }
    const session = await open('locked.duckdb', 'write', untilItEnds)
    expect(await count(session)).toBe('1')
    await session.close()
  })

  test('readers share a file', async () => {
    const writer = await open('readers.duckdb')
    await run(writer, sql`create table ${from(T)} as select 1 as ${id('n')}`)
    await writer.close()
    const child = await holder('readers.duckdb', 'select 1', 'READ_ONLY')
    const reader = await open('readers.duckdb', 'read')
    expect(await count(reader)).toBe('1')
    await reader.close()
    await end(child, 'SIGTERM')
  })

  test('a closed session lets go of the file', async () => {
    const session = await open('handed.duckdb')
    await run(session, sql`create table ${from(T)} as select 1 as ${id('n')}`)
    await session.close()
    await end(await holder('handed.duckdb', 'insert into t select 2'), 'SIGTERM')
    const again = await open('handed.duckdb')
    expect(await count(again)).toBe('2')
    await again.close()
  })

  test('after kill -9 within a transaction, what was committed is there and nothing else', async () => {
    const child = await holder(
      'killed.duckdb',
      'create table t as select 1 as n; begin; insert into t select range from range(100000)',
    )
    await end(child, 'SIGKILL')
    for (const mode of ['read', 'write'] as const) {
      const session = await open('killed.duckdb', mode)
      expect(await count(session)).toBe('1')
      await session.close()
    }
  })
})

/** Another process that has opened a file and run statements, and goes on holding it. */
async function holder(path: string, statements: string, access = 'AUTOMATIC'): Promise<ChildProcess> {
  const driver = createRequire(import.meta.url).resolve('@duckdb/node-api')
  const script = `
    const { DuckDBInstance } = require(${JSON.stringify(driver)})
    DuckDBInstance.create(${JSON.stringify(join(folder, path))}, { access_mode: '${access}' })
      .then((instance) => instance.connect())
      .then((connection) => connection.run(${JSON.stringify(statements)}).then(() => connection))
      .then((connection) => { console.log('ready'); setInterval(() => connection, 1000) })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('the other process ended early')))
  await Promise.race([once(child.stdout, 'data'), ended])
  return child
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

test('to look at a warehouse that is not there yet makes none; one that is there is opened for reading only', async () => {
  const folder = await emptyFolder()
  onTestFinished(folder.remove)
  const access = { directory: folder.directory, mode: 'look' } as const
  const look = () => duckdb.connect(duckdb.options.parse({ path: 'some.duckdb' }), access)
  const nothing = await look()
  expect(await nothing.columns({ schema: 'cdp', name: ['customer'] })).toBeUndefined()
  await nothing.close()
  expect(existsSync(join(folder.directory, 'some.duckdb'))).toBe(false)
  const made = await duckdb.connect(duckdb.options.parse({ path: 'some.duckdb' }), { ...access, mode: 'write' })
  await made.script([written('create table kept as select 1 as n')])
  await made.close()
  const there = await look()
  expect((await there.columns({ schema: 'main', name: ['kept'] }))?.size).toBe(1)
  await expect(there.script([written('create table more as select 1 as n')])).rejects.toThrow('read-only')
  await there.close()
})
