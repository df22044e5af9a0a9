import { join } from 'node:path'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Mode } from '../../src/connectors/connector.ts'
import type { Fault } from '../../src/connectors/sandbox/sandbox.ts'
import { sql } from '../../src/connectors/sql/index.ts'
import { type Account, type Into, serverOf } from '../../src/connectors/sql/options.ts'
import { tablesFor } from '../../src/connectors/sql/sandbox.ts'
import { openDatabase } from '../../src/connectors/sql/server.ts'
import { connectorContract } from '../contract/connector.ts'
import type { Loss, Place } from '../contract/subject.ts'
import { losing, newSchema, placeIn, realDatabase, tableIo, tableOf } from '../support/sql.ts'
import { changeOf, NOW, temporaryFolder } from '../support/vendor.ts'

const COLUMNS = { key: ['Id'], fields: ['name', 'spent', 'vip', 'born', 'seen', 'tags'] }
const TYPES = { spent: 'number', vip: 'boolean', born: 'date', seen: 'timestamp', tags: 'json' } as const
const INTO = placeIn('People', { create: true, columns: TYPES })

const ROW = (n: number) => ({
  key: { Id: `p${n}` },
  fields: {
    name: n === 1 ? null : `Zoë "${n}" 你好 👩‍👩‍👧 '; drop table x --\n`,
    spent: n / 4,
    vip: n % 2 === 0,
    born: '1990-02-03',
    seen: '2026-01-02T03:04:05.123456Z',
    tags: { b: [n], a: null },
  },
})
const BAD = { key: { Id: 'bad' }, fields: { ...ROW(7).fields, born: 'jane.doe@example.org' } }

const SUBJECT = {
  connector: sql,
  into: INTO,
  secrets: ['canary password/1', encodeURIComponent('canary password/1'), 'Zoë'],
  columns: COLUMNS,
  row: ROW,
  bad: BAD,
  leave: { verb: 'delete' },
}

async function placeInPostgres(mode: Mode): Promise<Place<Account>> {
  const { account, look } = await newSchema()
  const contents = async () =>
    (await look.schema.hasTable('People')) ? [{ place: 'People', rows: await look('People').orderBy('Id') }] : []
  return { account, io: tableIo({ columns: COLUMNS, mode }, realDatabase()), contents }
}

const lossInPostgres = (when: 'before' | 'after'): Loss<Account> => ({
  name: `a connection lost ${when} the commit leaves it open whether it was applied`,
  effect: when === 'after',
  lossy: async () => {
    const place = await placeInPostgres('mirror')
    return { place, through: { ...place, account: await losing(place.account, ['insert into', 'COMMIT'], when) } }
  },
})

connectorContract<Account, Into>({
  ...SUBJECT,
  title: 'a table in Postgres',
  place: placeInPostgres,
  losses: [lossInPostgres('before'), lossInPostgres('after')],
  unreachable: (place) => ({ ...place, account: { ...place.account, host: '/nonexistent' } }),
  // A password is shown in no way in which it can be given.
  failing: async () => {
    const { account, io } = await placeInPostgres('mirror')
    const password = 'canary password/1'
    const url = `postgres://nobody:${encodeURIComponent(password)}@127.0.0.1:1/d`
    const here = { host: '127.0.0.1', port: 1, database: 'd', user: 'u', password, ssl: 'off', connections: 1 } as const
    const accounts: readonly Account[] = [
      { ...account, user: 'nobody', password },
      { ...account, database: 'nowhere', password },
      { client: 'postgres', url, ssl: 'on', connections: 1 },
      { client: 'postgres', url: `${url}?sslmode=off`, ssl: 'on', connections: 1 },
      { client: 'postgres', ...here },
      { client: 'mysql', ...here },
    ]
    return accounts.map((one) => ({ account: one, io }))
  },
})

const ELSEWHERE: Account = { client: 'mysql', url: 'https://sandbox.invalid/-us1', ssl: 'on', connections: 2 }

async function placeInSandbox(mode: Mode, fault?: Fault): Promise<Place<Account>> {
  let left = 1
  const tables = tablesFor.open({
    file: join(await temporaryFolder(), 'x.duckdb'),
    places: [],
    // The first transaction that writes makes the table.
    fault: ({ method }) => (method === 'POST' && left-- === 0 ? fault : undefined),
  })
  onTestFinished(() => tables.close())
  const { contents, counters } = tables
  return { account: ELSEWHERE, io: tableIo({ columns: COLUMNS, mode }, () => tables.database), contents, counters }
}

connectorContract<Account, Into>({
  ...SUBJECT,
  title: 'a table in the sandbox',
  place: (mode) => placeInSandbox(mode),
  losses: [false, true].map((effect) => ({
    name: `a connection lost ${effect ? 'after' : 'before'} the commit leaves it open whether it was applied`,
    effect,
    lossy: async () => {
      const place = await placeInSandbox('mirror', { kind: 'reset', effect })
      return { place, through: place }
    },
  })),
})

/** A table as somebody else made it. */
async function shop() {
  const { account, look } = await newSchema()
  await look.raw(`create table customer (
    id bigint generated always as identity primary key,
    shop text not null, number integer not null,
    name varchar(5) not null, email text unique, score numeric(5, 2), note text default 'kept',
    gone_at timestamptz, twice numeric generated always as (score * 2) stored,
    unique (shop, number)
  )`)
  const columns = { key: ['shop', 'number'], fields: ['name', 'email', 'score'] }
  const held = () =>
    look('customer').select('shop', 'number', 'name', 'email', 'score', 'note').orderBy(['shop', 'number'])
  return { account, look, columns, held, into: placeIn('customer') }
}

const ADA = { shop: 'fr', number: 1 }
const BOB = { shop: 'fr', number: 2 }

describe('a table in Postgres', () => {
  test('is made with the stated types and a primary key', async () => {
    const { account, look } = await newSchema()
    const { send, check } = tableOf(account, INTO, { columns: COLUMNS })
    await check()
    expect(await look.schema.hasTable('People')).toBe(false)
    await send(changeOf(ROW(1).key, ROW(1).fields))
    const made = await look
      .withSchema('information_schema')
      .table('columns')
      .where({ table_name: 'People', table_schema: account.schema })
      .orderBy('ordinal_position')
    expect(made.map((one) => [one.column_name, one.data_type, one.is_nullable])).toEqual([
      ['Id', 'text', 'NO'],
      ['name', 'text', 'YES'],
      ['spent', 'numeric', 'YES'],
      ['vip', 'boolean', 'YES'],
      ['born', 'date', 'YES'],
      ['seen', 'timestamp with time zone', 'YES'],
      ['tags', 'json', 'YES'],
    ])
    await check()
  })

  test('that is not there is named, and none is made without being asked for', async () => {
    const { account, look } = await newSchema()
    const { send, check } = tableOf(account, placeIn('People'), { columns: COLUMNS })
    await expect(check()).rejects.toMatchObject({ kind: 'config', code: 'no_table' })
    await expect(send(changeOf(ROW(1).key, ROW(1).fields))).rejects.toMatchObject({ code: 'no_table' })
    expect(await look.schema.hasTable('People')).toBe(false)
  })

  test('is made once where two begin at the same time', async () => {
    const { account, look } = await newSchema()
    const tables = [0, 1, 2].map(() => tableOf(account, INTO, { columns: COLUMNS }))
    await Promise.all(tables.map(({ send }, n) => send(changeOf(ROW(n).key, ROW(n).fields))))
    expect(await look('People')).toHaveLength(3)
  })

  test('gets rows by a key of several columns; what others keep in them stays', async () => {
    const { account, look, columns, held, into } = await shop()
    await look('customer').insert({ ...ADA, name: 'old', note: 'theirs', score: 1 })
    const { check, send, read } = tableOf(account, into, { columns, mode: 'upsert' })
    await check()
    const receipts = await send(
      changeOf(BOB, { name: 'Bob', email: 'b@x', score: 2.5 }),
      changeOf(ADA, { name: 'Ada' }),
    )
    expect(receipts).toEqual([{ outcome: 'written' }, { outcome: 'written' }])
    expect(await held()).toEqual([
      { ...ADA, name: 'Ada', email: null, score: '1.00', note: 'theirs' },
      { ...BOB, name: 'Bob', email: 'b@x', score: '2.50', note: 'kept' },
    ])
    expect(await read([BOB])).toEqual([{ key: BOB, fields: { name: 'Bob', email: 'b@x', score: 2.5 } }])
  })

  test('a field that is null is cleared, one that is not sent is left alone', async () => {
    const { account, columns, held, into } = await shop()
    const { send } = tableOf(account, into, { columns, mode: 'upsert' })
    await send(changeOf(ADA, { name: 'Ada', email: 'a@x', score: 1 }))
    // Without the name, which must not be empty, no insert would do.
    await send(changeOf(ADA, { score: null }, { op: 'update' }))
    expect(await held()).toMatchObject([{ name: 'Ada', email: 'a@x', score: null }])
  })

  test('mode update makes nobody', async () => {
    const { account, look, columns, held, into } = await shop()
    await look('customer').insert({ ...ADA, name: 'old' })
    const { check, send } = tableOf(account, into, { columns: { ...columns, fields: ['email'] }, mode: 'update' })
    await check()
    const receipts = await send(changeOf(BOB, { email: 'b@x' }), changeOf(ADA, { email: 'a@x' }))
    expect(receipts).toMatchObject([{ outcome: 'refused', kind: 'row', code: 'not_found' }, { outcome: 'written' }])
    expect(await held()).toMatchObject([{ ...ADA, name: 'old', email: 'a@x' }])
  })

  test('mode update cuts no text off', async () => {
    const { account, look, columns, held, into } = await shop()
    await look('customer').insert({ ...ADA, name: 'old' })
    const { send } = tableOf(account, into, { columns: { ...columns, fields: ['name'] }, mode: 'update' })
    expect(await send(changeOf(ADA, { name: 'too long' }))).toMatchObject([{ outcome: 'refused', code: '22001' }])
    expect(await held()).toMatchObject([{ name: 'old' }])
  })

  test.each(['insert', 'append'] as const)('mode %s leaves alone what is there', async (mode) => {
    const { account, columns, held, into } = await shop()
    const { send } = tableOf(account, into, { columns, mode })
    await send(changeOf(ADA, { name: 'Ada', email: null, score: 1 }))
    expect(await send(changeOf(ADA, { name: 'Other', email: null, score: 2 }))).toEqual([{ outcome: 'written' }])
    expect(await held()).toMatchObject([{ name: 'Ada' }])
  })

  test('a row that a constraint refuses is refused alone, in words without its values', async () => {
    const { account, columns, held, into } = await shop()
    const { send } = tableOf(account, into, { columns })
    const row = (number: number, fields: Record<string, string | number | null>) =>
      changeOf({ shop: 'fr', number }, { name: 'x', email: null, score: 0, ...fields })
    await send(row(1, { email: 'taken@x.test' }))
    const wrong = [
      [row(2, { name: 'canary long' }), '22001'],
      [row(3, { name: null }), '23502'],
      [row(4, { email: 'taken@x.test' }), '23505'],
      [row(5, { score: 12_345 }), '22003'],
      [row(6, { score: 'canary' }), '22P02'],
      [row(7, { email: 'nul\u0000canary' }), '22021'],
    ] as const
    for (const [change, code] of wrong) {
      await expect(send(change, row(9, {}))).rejects.toMatchObject({ kind: 'batch', code })
      const [receipt] = await send(change)
      expect(receipt).toMatchObject({ outcome: 'refused', kind: 'row', code })
      expect(inspect(receipt)).not.toMatch(/canary|taken/)
    }
    expect(await held()).toHaveLength(1)
  })

  test('a row without a whole key is refused beside others', async () => {
    const { account, columns, held, into } = await shop()
    const { send } = tableOf(account, into, { columns })
    const receipts = await send(changeOf({ shop: 'fr', number: null }, { name: 'x' }), changeOf(ADA, { name: 'Ada' }))
    expect(receipts).toMatchObject([{ outcome: 'refused', code: 'no_key' }, { outcome: 'written' }])
    expect(await held()).toHaveLength(1)
  })

  test('a batch has as many statements as its values need, and is written as a whole', async () => {
    const { account, look } = await newSchema()
    const fields = Array.from({ length: 100 }, (_, n) => `f${n}`)
    const columns = { key: ['id'], fields }
    const { send } = tableOf(account, placeIn('wide', { create: true }), { columns })
    const rows = Array.from({ length: 1_000 }, (_, n) =>
      changeOf({ id: `${n}` }, Object.fromEntries(fields.map((name) => [name, n]))),
    )
    const broken = [...rows.slice(0, 999), changeOf({ id: 'x' }, { f1: 'nul\u0000' })]
    await expect(send(...broken)).rejects.toMatchObject({ kind: 'batch' })
    expect(await look('wide')).toEqual([])
    await send(...rows)
    expect(await look('wide').count()).toEqual([{ count: '1000' }])
  })

  test('rows that leave are deleted, marked, set or emptied', async () => {
    const { account, look, columns } = await shop()
    const into = placeIn('customer', { soft_delete: 'gone_at' })
    const { send, read, check } = tableOf(account, into, { columns, acts: [{ verb: 'soft_delete' }] })
    await check()
    const numbers = [1, 2, 3, 4]
    const rows = numbers.map((number) => changeOf({ shop: 'fr', number }, { name: 'x', email: `${number}`, score: 1 }))
    await send(...rows)
    const acts = [
      { verb: 'delete' },
      { verb: 'soft_delete' },
      { verb: 'set', argument: 'note = has gone' },
      { verb: 'clear', argument: 'email, score' },
    ]
    await send(...acts.map((leave, n) => changeOf({ shop: 'fr', number: n + 1 }, {}, { op: 'remove', leave })))
    const held = await look('customer').select('number', 'email', 'score', 'note', 'gone_at').orderBy('number')
    expect(held).toEqual([
      { number: 2, email: '2', score: '1.00', note: 'kept', gone_at: new Date(NOW) },
      { number: 3, email: '3', score: '1.00', note: 'has gone', gone_at: null },
      { number: 4, email: null, score: null, note: 'kept', gone_at: null },
    ])
    expect((await read('all')).map(({ key }) => key.number)).toEqual([3, 4])
    // Whoever comes back is there again.
    await send(changeOf({ shop: 'fr', number: 2 }, { name: 'x', email: '2', score: 1 }))
    expect((await read('all')).map(({ key }) => key.number)).toEqual([2, 3, 4])
  })

  test('all rows are read, page after page, in the order of a key of several columns', async () => {
    const { account, look, columns, into } = await shop()
    await look.raw(
      `insert into customer (shop, number, name) select 's' || n % 7, n, 'x' from generate_series(1, 2500) as n`,
    )
    const { read } = tableOf(account, into, { columns })
    const numbers = (await read('all')).map(({ key }) => Number(key.number))
    expect(numbers.length).toBe(2_500)
    expect(new Set(numbers).size).toBe(2_500)
    const some = Array.from({ length: 600 }, (_, n) => ({ shop: `s${n % 7}`, number: n }))
    expect(await read(some)).toHaveLength(599)
  })

  test('any text comes back as it was sent', async () => {
    const { account } = await newSchema()
    const { send, read } = tableOf(account, placeIn('t', { create: true }), { columns: { key: ['k'], fields: ['v'] } })
    // Postgres has no NUL, and half a pair is no character.
    const text = fc.string({ unit: 'grapheme' }).map((value) => value.replaceAll('\0', ''))
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(text, text), { selector: ([key]) => key, maxLength: 9 }),
        async (rows) => {
          await send(...rows.map(([k, v]) => changeOf({ k }, { v })))
          const held = new Map((await read(rows.map(([k]) => ({ k })))).map(({ key, fields }) => [key.k, fields.v]))
          expect(held).toEqual(new Map(rows))
        },
      ),
      { numRuns: 40, seed: 3 },
    )
  })
})

describe('a check names what is missing', () => {
  test('the unique constraint, and how it is added', async () => {
    const { account, look, columns, into } = await shop()
    const { check } = tableOf(account, into, { columns: { key: ['number'], fields: ['name', 'shop'] } })
    await expect(check()).rejects.toMatchObject({ kind: 'config', code: 'no_unique_key' })
    await expect(check()).rejects.toThrow(`alter table "${account.schema}"."customer" add unique ("number")`)
    await look.raw('create unique index on customer (number) where score > 0')
    await expect(check()).rejects.toMatchObject({ code: 'no_unique_key' })
    await look.raw('create unique index on customer (number)')
    await check()
    await expect(tableOf(account, into, { columns }).check()).resolves.toBeUndefined()
  })

  test.each([
    ['a column', ['name', 'nope'], 'no_column', '"nope"'],
    ['a column that must not be empty', ['email'], 'needed_column', '"name"'],
    ['a column that is computed', ['name', 'twice'], 'computed_column', '"twice"'],
    ['a name that cannot be', ['name', 'a.b'], 'bad_name', '"a.b"'],
    ['a name that is too long', ['name', 'é'.repeat(32)], 'bad_name', '63 bytes'],
  ])('%s', async (_, fields, code, said) => {
    const { account, columns, into } = await shop()
    const { check } = tableOf(account, into, { columns: { ...columns, fields } })
    await expect(check()).rejects.toMatchObject({ kind: 'config', code, message: expect.stringContaining(said) })
  })

  test('what an act needs', async () => {
    const { account, columns, into } = await shop()
    const failing = async (leave: { verb: string; argument?: string }, code: string, more = {}) => {
      const { check, send } = tableOf(account, { ...into, ...more }, { columns, acts: [leave] })
      await expect(check()).rejects.toMatchObject({ kind: 'config', code })
      const removal = send(changeOf(ADA, {}, { op: 'remove', leave }))
      await expect(removal).rejects.toMatchObject({ kind: 'config', code })
    }
    await failing({ verb: 'soft_delete' }, 'no_soft_delete')
    await failing({ verb: 'soft_delete' }, 'bad_soft_delete', { soft_delete: 'note' })
    await failing({ verb: 'set', argument: 'nope = 1' }, 'no_column')
    await failing({ verb: 'set', argument: 'note' }, 'bad_leave')
    await failing({ verb: 'clear', argument: 'note, shop' }, 'bad_leave')
  })

  test('a permission, for what the sync does', async () => {
    const { account, look, columns, into } = await shop()
    const user = `limited ${account.schema}`
    const quoted = `"${account.schema}"."customer"`
    const grant = (text: string) => look.raw(text, [account.schema, user])
    await look.raw('create role ?? login', [user])
    await grant('grant usage on schema ?? to ??')
    const as = { ...account, user }
    const table = (mode: 'mirror' | 'insert') => tableOf(as, into, { columns, mode, acts: [{ verb: 'delete' }] })
    await expect(table('mirror').check()).rejects.toMatchObject({
      kind: 'auth',
      code: 'no_permission',
      message:
        `The user must not SELECT, INSERT, UPDATE, DELETE in ${quoted}. Whoever may has to run: ` +
        `grant usage on schema "${account.schema}" to "${user}"; ` +
        `grant select, insert, update, delete on ${quoted} to "${user}"`,
    })
    await grant('grant select, insert, delete on ??.customer to ??')
    await expect(table('mirror').check()).rejects.toThrow('must not UPDATE')
    await table('insert').check()
    await grant('grant update (name, email, score) on ??.customer to ??')
    await table('mirror').check()
    await table('mirror').send(changeOf(ADA, { name: 'Ada' }))
    const removal = changeOf(ADA, {}, { op: 'remove', leave: { verb: 'set', argument: 'note = x' } })
    await expect(table('mirror').send(removal)).rejects.toMatchObject({ kind: 'auth', code: '42501', applied: 'no' })
    await grant('revoke usage on schema ?? from ??')
    await expect(table('mirror').check()).rejects.toMatchObject({ kind: 'auth', code: '42501' })
    const unnamed = { ...as, schema: undefined }
    const missing = tableOf(unnamed, into, { columns })
    await expect(missing.check()).rejects.toMatchObject({ kind: 'config', code: 'no_table' })
  })

  test('a login that is refused, and a database that is not there', async () => {
    const { account, columns, into } = await shop()
    const password = 'canary-password'
    const nobody = tableOf({ ...account, user: 'nobody', password }, into, { columns })
    await expect(nobody.check()).rejects.toMatchObject({ kind: 'auth', code: '28000', applied: 'no' })
    const nowhere = tableOf({ ...account, database: 'nowhere', password }, into, { columns })
    await expect(nowhere.check()).rejects.toMatchObject({ kind: 'config', code: '3D000' })
    const gone = tableOf({ ...account, host: '/nonexistent', password }, into, { columns })
    const sent = gone.send(changeOf(ADA, { name: 'Ada' }))
    await expect(sent).rejects.toMatchObject({ kind: 'transient', code: 'network', applied: 'no' })
    for (const { check } of [nobody, nowhere, gone])
      expect(inspect(await check().catch((error: unknown) => error), { depth: 9, showHidden: true })).not.toContain(
        password,
      )
  })
})

describe('a connection that is lost', () => {
  const rows = [changeOf(ADA, { name: 'Ada' }), changeOf(BOB, { name: 'Bob' })]

  test.each([
    ['before a statement', ['insert into'], 'before', 'no', 0],
    ['behind a statement', ['insert into'], 'after', 'no', 0],
    ['before the commit', ['insert into', 'COMMIT'], 'before', 'maybe', 0],
    ['behind the commit', ['insert into', 'COMMIT'], 'after', 'maybe', 2],
  ] as const)('%s leaves open what is open, and sending again does no harm', async (_, words, when, applied, count) => {
    const { account, columns, held, into } = await shop()
    const lost = tableOf(await losing(account, words, when), into, { columns })
    await expect(lost.send(...rows)).rejects.toMatchObject({ kind: 'transient', code: 'network', applied })
    expect(await held()).toHaveLength(count)
    expect(await tableOf(account, into, { columns }).send(...rows)).toEqual(rows.map(() => ({ outcome: 'written' })))
    expect(await held()).toHaveLength(2)
  })

  test('while it is idle is made anew', async () => {
    const { account, look, columns, held, into } = await shop()
    const { send } = tableOf(account, into, { columns })
    await send(...rows.slice(0, 1))
    await look.raw(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity
       where pid <> pg_backend_pid() and application_name = 'cdp' and state = 'idle'`,
    )
    // The driver may learn of it by the next statement only.
    const again = await send(...rows.slice(1)).catch((error: unknown) => error)
    if (again instanceof Error) expect(again).toMatchObject({ kind: 'transient', applied: 'no' })
    expect(await send(...rows)).toEqual(rows.map(() => ({ outcome: 'written' })))
    expect(await held()).toHaveLength(2)
  })

  test('is given up when everything is cut off', async () => {
    const { account } = await newSchema()
    const cut = new AbortController()
    const database = openDatabase('postgres', () => serverOf(account), { signal: cut.signal })
    const waiting = database.transaction('read', async (run) => {
      const slept = run({ sql: 'select pg_sleep(60)', values: [] })
      cut.abort()
      return slept
    })
    await expect(waiting).rejects.toMatchObject({ code: 'cut_off', during: 'statement', answered: false })
    await expect(database.transaction('read', async () => 1)).rejects.toMatchObject({ code: 'cut_off' })
    await database.end()
  })

  test('two that lock each other out: one comes again', async () => {
    const { account, look, columns, held, into } = await shop()
    const { send } = tableOf(account, into, { columns })
    await send(...rows)
    const other = await look.transaction()
    // Who looks first whether both wait for each other goes back; we look after a second.
    await other.raw(`set local deadlock_timeout = '30s'`)
    await other('customer').where(BOB).update({ note: 'theirs' })
    // Waits for the row of Bob with the row of Ada in hand.
    const sent = send(...rows).catch((error: unknown) => error)
    for (let waiting = 0; waiting === 0; ) {
      const { rows: found } = await look.raw(`select 1 from pg_stat_activity where wait_event_type = 'Lock'`)
      waiting = found.length
    }
    await other('customer').where(ADA).update({ note: 'theirs' })
    expect(await sent).toMatchObject({ kind: 'transient', code: '40P01', applied: 'no' })
    await other.commit()
    expect(await send(...rows)).toEqual(rows.map(() => ({ outcome: 'written' })))
    expect(await held()).toHaveLength(2)
  })
})
