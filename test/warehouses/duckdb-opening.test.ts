import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CdpError } from '../../src/error.ts'
import { from, id, sql } from '../../src/sql/sql.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import { bound } from '../contract/warehouse-bench.ts'
import { written } from '../support/written.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'opening-')))
afterAll(() => rmSync(folder, { recursive: true }))

const open = (options: object, mode: 'read' | 'write' = 'write') =>
  duckdb.connect(duckdb.options.parse(options), { directory: folder, mode }, { pauses: 0, pause: async () => {} })

async function failureOf(
  opened: Promise<unknown>,
): Promise<{ who: string; code: string; message: string; fix: string | undefined }> {
  const thrown = await opened.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(thrown instanceof CdpError)) throw new Error('it was opened')
  const [{ code, message, fix } = { code: '', message: '', fix: undefined }] = thrown.diagnostics
  return { who: thrown.who, code, message, fix }
}

/** A database file with one table `t` of these numbers. */
async function file(name: string, ...numbers: readonly number[]): Promise<void> {
  const session = await open({ path: name })
  const rows = numbers.map((number) => `(${number})`).join()
  await session.script([written(`create table t as select * from (values ${rows}) as v (n)`)])
  await session.close()
}

describe('a file that cannot be opened is told with what is wrong, and who can mend it', () => {
  beforeAll(() => file('good.duckdb', 1))

  test.each(['write', 'read'] as const)('a folder, to %s', async (mode) => {
    mkdirSync(join(folder, 'a-folder'), { recursive: true })
    expect(await failureOf(open({ path: 'a-folder' }, mode))).toMatchObject({
      who: 'project',
      message: expect.stringMatching(/a-folder" is a folder, not a database file\.$/),
      fix: expect.stringContaining('`path:`'),
    })
  })

  test('text, and a file of nothing', async () => {
    writeFileSync(join(folder, 'text.duckdb'), 'id,name\n'.repeat(2000))
    writeFileSync(join(folder, 'nothing.duckdb'), '')
    for (const path of ['text.duckdb', 'nothing.duckdb'])
      expect(await failureOf(open({ path }))).toMatchObject({
        who: 'project',
        message: expect.stringMatching(/ is no DuckDB database\.$/),
      })
  })

  test('a file that was cut, or written over in the middle', async () => {
    const good = readFileSync(join(folder, 'good.duckdb'))
    writeFileSync(join(folder, 'cut.duckdb'), good.subarray(0, 3000))
    writeFileSync(join(folder, 'over.duckdb'), Buffer.from(good).fill(7, 4096, 9000))
    for (const path of ['cut.duckdb', 'over.duckdb'])
      expect(await failureOf(open({ path }))).toMatchObject({
        who: 'warehouse',
        message: expect.stringContaining(`${path}" is damaged: `),
        fix: expect.stringContaining('Put back a copy'),
      })
  })

  test('a file of a later storage version', async () => {
    const later = Buffer.from(readFileSync(join(folder, 'good.duckdb')))
    const before = later.readBigUInt64LE(8)
    later.writeUInt32LE(999, 12)
    // The header's checksum is a xor of its words, each times this number.
    const word = (value: bigint) => BigInt.asUintN(64, value * 0xbf58476d1ce4e5b9n)
    later.writeBigUInt64LE(later.readBigUInt64LE(0) ^ word(before) ^ word(later.readBigUInt64LE(8)), 0)
    writeFileSync(join(folder, 'later.duckdb'), later)
    expect(await failureOf(open({ path: 'later.duckdb' }))).toMatchObject({
      who: 'warehouse',
      message: expect.stringMatching(
        /later\.duckdb" was written by a version of DuckDB whose files this one cannot read: ./,
      ),
      fix: expect.stringContaining('version of cdp'),
    })
  })

  test('a file or folder that this user may not change', async () => {
    await file('mine.duckdb', 1)
    mkdirSync(join(folder, 'closed'))
    chmodSync(folder, 0o755)
    chmodSync(join(folder, 'mine.duckdb'), 0o444)
    chmodSync(join(folder, 'closed'), 0o555)
    await asNobody(async () => {
      for (const path of ['mine.duckdb', 'closed/new.duckdb', 'closed/deeper/new.duckdb'])
        expect(await failureOf(open({ path })), path).toMatchObject({
          who: 'warehouse',
          message: expect.stringMatching(/may not be opened by this user: .*permission denied/i),
          fix: expect.stringContaining('the right to read and write'),
        })
      await (await open({ path: 'mine.duckdb' }, 'read')).close()
    })
  })
})

test('a disk without room is told of the statement that met it', async () => {
  const session = await open({ path: ':memory:' })
  const full = written(`copy (select range from range(1000000)) to '/dev/full' (format csv)`)
  expect(await failureOf(session.script([full]))).toMatchObject({
    who: 'warehouse',
    code: 'warehouse/statement',
    message: expect.stringMatching(/No space left on device/),
    fix: expect.stringMatching(/^Make room on that disk/),
  })
  await session.close()
  expect((await failureOf(open({ path: '/dev/full' }))).message).toMatch(/"\/dev\/full" (finds no room|is no DuckDB)/)
})

test('memory that is used up names what to raise', async () => {
  const session = await open({
    path: 'small.duckdb',
    memory_limit: '20MB',
    threads: 1,
  })
  await session.script([written(`set temp_directory = ''`)])
  const large = written('create table big as select range, md5(range::varchar) as h from range(3000000) order by h')
  expect(await failureOf(session.script([large]))).toMatchObject({
    fix: expect.stringMatching(/^Raise `memory_limit:`/),
  })
  await session.close()
})

describe('attached databases', () => {
  beforeAll(() => file('shop.duckdb', 1, 2, 3))

  test('are read by their name, in two parts or three, and never written', async () => {
    const session = await open({ path: 'w.duckdb', attach: { shop: 'shop.duckdb' } })
    expect(await session.columns({ schema: 'shop', name: ['t'] })).toEqual(new Map([['n', 'integer']]))
    expect(await session.columns({ database: 'shop', schema: 'main', name: ['t'] })).toEqual(
      new Map([['n', 'integer']]),
    )
    expect(await session.columns({ schema: 'shop', name: ['no'] })).toBeUndefined()
    const all = sql`select sum(${id('n')}) as ${id('n')} from ${from({ database: 'shop', schema: 'main', name: ['t'] })}`
    expect(await session.first(bound('sum', all))).toEqual({ n: '6' })
    await expect(session.script([written('insert into shop.t select 4')])).rejects.toThrow(/read.?only/i)
    await session.close()
    const alone = await open({ path: 'shop.duckdb' })
    expect(await alone.first(bound('count', sql`select count(*) as ${id('n')} from t`))).toEqual({ n: '3' })
    await alone.close()
  })

  test('are read where read_paths closes their folder, and nothing else there is', async () => {
    mkdirSync(join(folder, 'allowed'), { recursive: true })
    const session = await open({ path: 'w2.duckdb', attach: { shop: 'shop.duckdb' }, read_paths: ['allowed'] })
    expect(await session.first(bound('count', sql`select count(*) as ${id('n')} from shop.t`))).toEqual({ n: '3' })
    await expect(session.script([written(`attach '${folder}/good.duckdb' as more`)])).rejects.toThrow(
      /Permission Error/,
    )
    await session.close()
  })

  test('what is not there, or is no database, is told with its name', async () => {
    writeFileSync(join(folder, 'text.duckdb'), 'id,name\n'.repeat(2000))
    expect(await failureOf(open({ path: 'w3.duckdb', attach: { shop: 'gone.duckdb' } }))).toMatchObject({
      who: 'project',
      message: expect.stringMatching(/no database at ".*gone\.duckdb", which is attached as "shop"/),
    })
    expect(await failureOf(open({ path: 'w3.duckdb', attach: { shop: 'text.duckdb' } }))).toMatchObject({
      who: 'project',
      message: expect.stringContaining('text.duckdb" is no DuckDB database'),
    })
    // Nothing of what failed is left open.
    await (await open({ path: 'w3.duckdb' })).close()
  })

  test('have names that are names', () => {
    expect(duckdb.options.safeParse({ attach: { 'a b': 'x.duckdb' } }).success).toBe(false)
    expect(duckdb.options.safeParse({ attach: { live: { type: 'mysql' } } }).success).toBe(false)
  })
})

describe('extensions', () => {
  const nowhere = { extension_directory: 'no-extensions' }
  const live = { type: 'postgres', host: 'db.invalid', database: 'd', user: 'u', password: 'a-very-secret' }

  test('one that is not on this machine is named, with what to do', async () => {
    const options = { path: 'w4.duckdb', attach: { live }, ...nowhere }
    const { who, message, fix } = await failureOf(open(options))
    expect({ who, message }).toEqual({
      who: 'warehouse',
      message: expect.stringMatching(/^The extension "postgres" of DuckDB cannot be loaded: .*not found\.$/),
    })
    expect(fix).toMatch(/`install_extensions: true`/)
    expect(message).not.toContain('a-very-secret')
  })

  test('one that cannot be fetched is told with where it was looked for', async () => {
    const options = { path: 'w4.duckdb', attach: { live }, ...nowhere, install_extensions: join(folder, 'mirror') }
    const { message, fix } = await failureOf(open(options))
    expect(message).toMatch(/^The extension "postgres" of DuckDB cannot be loaded: .*mirror/)
    expect(fix).toMatch(/mirror or folder/)
  })

  test('a database of MotherDuck needs its own', async () => {
    const { who, message } = await failureOf(
      open({ path: 'md:analytics', motherduck_token: 'a-very-secret', ...nowhere }),
    )
    expect({ who, message }).toEqual({
      who: 'warehouse',
      message: expect.stringMatching(/^The extension "motherduck" of DuckDB cannot be loaded: /),
    })
    expect(duckdb.options.safeParse({ path: 'md:' }).success).toBe(false)
  })
})

/** Root may do everything: as root, this is done as nobody. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return await work()
  process.seteuid?.(65_534)
  try {
    await work()
  } finally {
    process.seteuid?.(0)
  }
}
