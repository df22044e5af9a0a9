import { chmod, mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Io, Json, Mode } from '../../src/connectors/connector.ts'
import { readCsv } from '../../src/connectors/csv.ts'
import { file } from '../../src/connectors/file/index.ts'
import { openFiles } from '../../src/connectors/files.ts'
import { readParquet } from '../../src/connectors/parquet.ts'
import { folderContents } from '../../src/connectors/sandbox/folder.ts'
import { connectorContract } from '../contract/connector.ts'
import { changeOf, folderIo, temporaryFolder } from '../support/vendor.ts'

const COLUMNS: Io['columns'] = { key: ['id'], fields: ['name', 'tier'] }

async function open(mode: Mode, columns: Io['columns'] = COLUMNS) {
  const root = join(await temporaryFolder(), 'out')
  return { root, channel: file.open({ path: 'out' }, folderIo(root, { columns, mode })) }
}

async function* rowsOf(...rows: readonly { key: Record<string, Json>; fields: Record<string, Json> }[]) {
  yield* rows
}

const ADA = { key: { id: '01' }, fields: { name: 'Ada "L", King', tier: null } }
const BOB = { key: { id: '02' }, fields: { tier: 3, name: '' } }

const SUBJECT = {
  connector: file,
  into: { file: 'big.csv' },
  secrets: [],
  columns: COLUMNS,
  row: (n: number) => ({ key: { id: `0${n}` }, fields: { name: `Zoë "${n}", 你好\n`, tier: n === 1 ? null : n } }),
  leave: { verb: 'remove' },
  losses: [],
  place: async (mode: Mode) => {
    const root = join(await temporaryFolder(), 'out')
    const io = folderIo(root, { columns: COLUMNS, mode })
    return { account: { path: 'out' }, io, contents: () => folderContents(root) }
  },
}

connectorContract<{ path: string }, { file: string }>({ ...SUBJECT, title: 'the file of a mirror' })

connectorContract<{ path: string }, { file: string }>({
  ...SUBJECT,
  title: 'files of changes',
  mode: 'upsert',
  skip: [
    { case: 'a batch that is refused as a whole can be bisected', why: 'a file refuses no row' },
    { case: 'no error and no receipt shows a secret or an address', why: 'it has no secret, and refuses no row' },
  ],
})

describe('a mirror file', () => {
  test('holds key and fields in the order of the sync, with null apart from empty text', async () => {
    const { root, channel } = await open('mirror')
    expect(file.delivers('mirror', { file: 'big.csv' })).toBe('whole')
    expect(await channel.replace?.(rowsOf(ADA, BOB), { file: 'big.csv' })).toEqual({ outcome: 'written' })
    expect(await readFile(join(root, 'big.csv'), 'utf8')).toBe('id,name,tier\n01,"Ada ""L"", King",\n02,"",3\n')
    expect(await readdir(root)).toEqual(['big.csv'])
  })

  test('is read back as text, all of it or by key; CSV and NDJSON', async () => {
    for (const name of ['big.csv', 'big.ndjson']) {
      const { channel } = await open('mirror')
      const read = async (keys: readonly { id: string }[] | 'all') => {
        const rows: unknown[] = []
        for await (const row of channel.read?.(keys, { file: name }) ?? []) rows.push(row)
        return rows
      }
      expect(await read('all')).toEqual([])
      await channel.replace?.(rowsOf(ADA, BOB), { file: name })
      const tier = name.endsWith('.csv') ? '3' : 3
      expect(await read('all')).toEqual([ADA, { key: { id: '02' }, fields: { name: '', tier } }])
      expect(await read([{ id: '01' }, { id: '1' }])).toEqual([ADA])
    }
  })

  test('that is Parquet, of changes, or without the key cannot be read back', async () => {
    const fails = async (mode: Mode, name: string, columns = COLUMNS) => {
      const { root, channel } = await open(mode, columns)
      await mkdir(root)
      await writeFile(join(root, 'big.csv'), 'id,name\n1,Ada\n')
      const rows = channel.read?.('all', { file: name })[Symbol.asyncIterator]()
      return expect(rows?.next()).rejects.toMatchObject({ kind: 'config', code: 'no_read' })
    }
    await fails('mirror', 'big.parquet')
    await fails('upsert', 'big.csv')
    await fails('mirror', 'big.csv', { key: ['customer'], fields: [] })
  })

  test('of nobody has its header', async () => {
    const { root, channel } = await open('mirror')
    await channel.replace?.(rowsOf(), { file: 'big.csv' })
    expect(await readFile(join(root, 'big.csv'), 'utf8')).toBe('id,name,tier\n')
  })

  test('is replaced as a whole: a failure half-way leaves the old file and nothing else', async () => {
    const { root, channel } = await open('mirror')
    await channel.replace?.(rowsOf(ADA), { file: 'big.csv' })
    const before = await readFile(join(root, 'big.csv'), 'utf8')
    async function* broken() {
      yield BOB
      throw new Error('the warehouse went away')
    }
    await expect(channel.replace?.(broken(), { file: 'big.csv' })).rejects.toThrow('the warehouse went away')
    expect(await readFile(join(root, 'big.csv'), 'utf8')).toBe(before)
    expect(await readdir(root)).toEqual(['big.csv'])
  })

  test('as NDJSON keeps types', async () => {
    const { root, channel } = await open('mirror')
    await channel.replace?.(rowsOf(ADA, BOB), { file: 'in/big.ndjson' })
    expect(await readFile(join(root, 'in/big.ndjson'), 'utf8')).toBe(
      '{"id":"01","name":"Ada \\"L\\", King","tier":null}\n{"id":"02","name":"","tier":3}\n',
    )
  })

  test('as Parquet has every row in order, all columns text, and the same bytes again', async () => {
    const { root, channel } = await open('mirror')
    async function* many() {
      for (let n = 0; n < 5_000; n++)
        yield { key: { id: `${n}` }, fields: { name: n % 7 === 0 ? null : `P${n}`, tier: n } }
    }
    await channel.replace?.(many(), { file: 'big.parquet' })
    const rows = await readParquet(join(root, 'big.parquet'))
    expect(rows).toHaveLength(5_000)
    expect(rows.slice(6, 9)).toEqual([
      { id: '6', name: 'P6', tier: '6' },
      { id: '7', name: null, tier: '7' },
      { id: '8', name: 'P8', tier: '8' },
    ])
    const before = await readFile(join(root, 'big.parquet'))
    await channel.replace?.(many(), { file: 'big.parquet' })
    expect((await readFile(join(root, 'big.parquet'))).equals(before)).toBe(true)
    expect(await readdir(root)).toEqual(['big.parquet'])
  })
})

describe('a file of changes', () => {
  const BATCH = [
    changeOf({ id: '01' }, { name: 'Ada', tier: null }),
    changeOf({ id: '02' }, { name: 'Bob' }, { op: 'update' }),
  ]
  const REMOVALS = [changeOf({ id: '03' }, {}, { op: 'remove', leave: { verb: 'remove' } })]

  test('is one per window, and removals beside updates have one of their own', async () => {
    const { root, channel } = await open('upsert')
    expect(file.delivers('upsert', { file: 'big.csv' })).toBe('changes')
    const receipts = await channel.send(BATCH, { file: 'big.csv' }, { run: 'r7', window: 3, batch: 0 })
    expect(receipts).toEqual([{ outcome: 'written' }, { outcome: 'written' }])
    await channel.send(REMOVALS, { file: 'big.csv' }, { run: 'r7', window: 3, batch: 1 })
    expect(await readFile(join(root, 'big.r7.00003.csv'), 'utf8')).toBe(
      'op,id,name,tier\ncreate,01,Ada,\nupdate,02,Bob,\n',
    )
    expect(await readFile(join(root, 'big.r7.00003-2.csv'), 'utf8')).toBe('op,id,name,tier\nremove,03,,\n')
  })

  test('is rewritten identically when its batch is sent again', async () => {
    const { root, channel } = await open('append')
    const slot = { run: 'r/../7', window: 0, batch: 0 }
    await channel.send(BATCH, { file: 'big.ndjson' }, slot)
    const once = await folderContents(root)
    await channel.send(BATCH, { file: 'big.ndjson' }, slot)
    expect(await folderContents(root)).toEqual(once)
    expect(await readdir(root)).toEqual(['big.r----7.00000.ndjson'])
    expect(once[0]?.rows).toEqual([
      { op: 'create', id: '01', name: 'Ada', tier: null },
      { op: 'update', id: '02', name: 'Bob' },
    ])
  })

  test('an empty batch writes no file', async () => {
    const { root, channel } = await open('upsert')
    expect(await channel.send([], { file: 'big.csv' }, { run: 'r', window: 0, batch: 0 })).toEqual([])
    expect(await folderContents(root)).toEqual([])
  })

  test('cannot hold a field called op', async () => {
    const { channel } = await open('upsert', { key: ['id'], fields: ['op'] })
    await expect(channel.check({ file: 'big.csv' })).rejects.toMatchObject({ kind: 'config', code: 'reserved_name' })
  })

  test('CSV is read back as it was, whatever it holds', async () => {
    const value = fc.oneof(
      fc.constant(null),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('a,b', 'a"b', 'a\r\nb', ''),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.string(), value, value), { maxLength: 8 }), async (rows) => {
        let written = ''
        const files: Io['files'] = {
          ...openFiles('/nowhere'),
          write: async (_, chunks) => {
            for await (const chunk of chunks) written += chunk
          },
        }
        const channel = file.open({ path: 'out' }, { ...folderIo('/nowhere', { columns: COLUMNS }), files })
        const all = rows.map(([id, name, tier]) => ({ key: { id }, fields: { name, tier } }))
        await channel.replace?.(rowsOf(...all), { file: 'x.csv' })
        expect(readCsv(written).slice(1)).toEqual(rows)
      }),
      { seed: 11, numRuns: 120 },
    )
  })
})

describe('files below a folder', () => {
  test.each(['../x', '/etc/x', 'a/../../x', '', '..', 'a\0b', '.', 'a/..'])('the path %j is refused', async (path) => {
    const root = await temporaryFolder()
    await expect(openFiles(root).write(path, ['x'])).rejects.toMatchObject({ kind: 'config', code: 'path_refused' })
    await expect(openFiles(root).read(path)).rejects.toMatchObject({ kind: 'config', code: 'path_refused' })
    expect(await readdir(root)).toEqual([])
  })

  test('a symbolic link is not followed, neither as folder nor as file nor beside the file', async () => {
    const root = await temporaryFolder()
    const elsewhere = await mkdtemp(join(tmpdir(), 'cdp-elsewhere-'))
    await writeFile(join(elsewhere, 'secret'), 'old')
    await symlink(elsewhere, join(root, 'folder'))
    await symlink(join(elsewhere, 'secret'), join(root, 'file'))
    await symlink(join(elsewhere, 'secret'), join(root, '.new.tmp'))
    const files = openFiles(root)
    for (const path of ['folder/secret', 'file', 'new'])
      await expect(files.write(path, ['new'])).rejects.toMatchObject({ kind: 'config' })
    for (const path of ['folder/secret', 'file'])
      await expect(files.read(path)).rejects.toMatchObject({ kind: 'config' })
    expect(await readFile(join(elsewhere, 'secret'), 'utf8')).toBe('old')
  })

  const isRoot = process.getuid?.() === 0
  test.each<[string, string, (root: string) => Promise<unknown>]>([
    ['EISDIR', 'big.csv', (root) => mkdir(join(root, 'big.csv'))],
    ['ENOTDIR', 'in/big.csv', (root) => writeFile(join(root, 'in'), '')],
    ['ENAMETOOLONG', `${'x'.repeat(300)}.csv`, async () => undefined],
    ...(isRoot
      ? []
      : [['EACCES', 'big.csv', (root: string) => chmod(root, 0o500)] as [string, string, () => Promise<unknown>]]),
  ])('%s is an error of configuration, which a check finds, too', async (code, path, arrange) => {
    const root = await temporaryFolder()
    await arrange(root)
    const channel = file.open({ path: 'out' }, folderIo(root, { columns: COLUMNS }))
    const before = await readdir(root)
    await expect(channel.check({ file: path })).rejects.toMatchObject({ kind: 'config', code })
    await expect(openFiles(root).write(path, ['x'])).rejects.toMatchObject({ kind: 'config', code })
    expect(await readdir(root)).toEqual(before)
    await chmod(root, 0o700)
  })

  test('a check is content where only folders are missing, and makes none', async () => {
    const root = join(await temporaryFolder(), 'out')
    await file.open({ path: 'out' }, folderIo(root, { columns: COLUMNS })).check({ file: 'a/b/c.csv' })
    await expect(readdir(root)).rejects.toThrow()
  })

  test('an error of whoever makes the rows is passed on as it is', async () => {
    const error = Object.assign(new Error('connection lost'), { code: 'ECONNRESET' })
    async function* broken() {
      yield 'x'
      throw error
    }
    await expect(openFiles(await temporaryFolder()).write('x.csv', broken())).rejects.toBe(error)
  })

  test('what is not there is undefined, and looking makes nothing', async () => {
    const root = join(await temporaryFolder(), 'out')
    expect(await openFiles(root).read('a/b.csv')).toBeUndefined()
    expect(await openFiles(root).exists('a/b.csv')).toBe(false)
    await expect(readdir(root)).rejects.toThrow()
  })
})
