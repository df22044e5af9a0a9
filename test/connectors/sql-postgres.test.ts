import { inspect } from 'node:util'
import type { Knex } from 'knex'
import { describe, expect, test } from 'vitest'
import type { Mode } from '../../src/connectors/connector.ts'
import { serverOf } from '../../src/connectors/sql/options.ts'
import { openDatabase } from '../../src/connectors/sql/server.ts'
import { ALL } from '../support/all.ts'
import { newDatabase } from '../support/sandbox-postgres.ts'
import { newSchema, placeIn, tableOf } from '../support/sql.ts'
import { expectTableIsMap, MODEL_COLUMNS } from '../support/sql-model.ts'
import { forRole, grantsOf } from '../support/sql-page.ts'
import { changeOf } from '../support/vendor.ts'

// What a real server does that no text of a statement shows.

test('after any batches the table is what a Map is', async () => {
  const { account, look } = await newSchema()
  await look.raw(`create table "Order" (
    "group" text, "Id" bigint, "select" text, "näme ""x""" varchar(40), "Spent" numeric, spent numeric, big bigint,
    vip boolean, born date, seen timestamptz, at timestamp, tags json, gone_at timestamptz,
    primary key ("Id", "group"))`)
  const open = (mode: Mode) =>
    tableOf(account, placeIn('Order', { soft_delete: 'gone_at' }), { columns: MODEL_COLUMNS, mode })
  const tables = { mirror: open('mirror'), update: open('update'), insert: open('insert') }
  const time = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`
  await expectTableIsMap(
    {
      send: async (mode, batch) =>
        (await tables[mode as keyof typeof tables].send(...batch)).map(({ outcome }) => outcome),
      held: async () => (await tables.mirror.read('all')).map((one) => one.key),
      rows: async () => {
        const { rows } =
          await look.raw(`select "group", "Id"::text, "select", "näme ""x""", trim_scale("Spent")::text as "Spent",
          trim_scale(spent)::text as spent, big::text, vip::text, born::text, tags::text,
          to_char(seen at time zone 'UTC', ${time}) as seen, to_char(at, ${time}) as at, (gone_at is not null)::text as gone
          from "Order"`)
        return rows
      },
      clear: () => look('Order').truncate(),
    },
    ALL ? 200 : 25,
  )
})

const COLUMNS = { key: ['id'], fields: ['name'] }
const ADA = changeOf({ id: '1' }, { name: 'Ada' })
const BOB = changeOf({ id: '2' }, { name: 'canary Bob' })

/** A table of two columns, and what else the test says of it. */
async function people(...more: readonly string[]) {
  const { account, look } = await newSchema()
  await look.raw('create table people (id text primary key, name text)')
  for (const one of more) await look.raw(one)
  const { schema } = account
  return {
    account,
    look,
    quoted: `"${schema}"."people"`,
    open: () => tableOf(account, placeIn('people'), { columns: COLUMNS }),
  }
}

describe('a table that changes while it is written', () => {
  test('and loses a column: it is named, and how it is added', async () => {
    const { look, quoted, open } = await people()
    const { send } = open()
    await send(ADA)
    await look.raw('alter table people drop column name')
    const message = `${quoted} has no column "name". Leave it out of the sync, or: alter table ${quoted} add column "name" text null`
    await expect(send(BOB)).rejects.toMatchObject({ kind: 'config', code: 'no_column', message })
    await look.raw(`alter table ${quoted} add column "name" text null`)
    expect(await send(BOB)).toEqual([{ outcome: 'written' }])
  })

  test('and names a column anew, in another case', async () => {
    const { look, open } = await people()
    const { send, check } = open()
    await send(ADA)
    await look.raw('alter table people rename column name to "Name"')
    const message = expect.stringContaining('It has "Name": names are told apart by their case.')
    await expect(send(BOB)).rejects.toMatchObject({ kind: 'config', code: 'no_column', message })
    await expect(check()).rejects.toMatchObject({ message })
  })

  test('and is gone: it is not made a second time', async () => {
    const { account, look } = await newSchema()
    const { send } = tableOf(account, placeIn('people', { create: true }), { columns: COLUMNS })
    await send(ADA)
    await look.raw('drop table people')
    // Whoever runs it again has it made.
    await expect(send(BOB)).rejects.toMatchObject({ kind: 'config', code: '42P01' })
    expect(await look.schema.hasTable('people')).toBe(false)
  })
})

test('a table whose name is as long as one may be is made with a key of another name', async () => {
  const { account, look } = await newSchema()
  for (const table of ['x'.repeat(63), `${'é'.repeat(31)}y`, 'x'.repeat(59)]) {
    const { send } = tableOf(account, placeIn(table, { create: true }), { columns: COLUMNS })
    expect(await send(ADA)).toEqual([{ outcome: 'written' }])
    expect(await look(table)).toHaveLength(1)
  }
})

describe('a permission that is missing is named with the statement that grants it, which helps', () => {
  async function stranger() {
    const { account, look } = await newSchema()
    const user = `a "stranger" ${account.schema}`
    await look.raw('create role ?? login', [user])
    const granted = async (failure: Promise<unknown>) => {
      const error = await failure.then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(error).toMatchObject({ kind: 'auth', applied: 'no' })
      const [, statement = ''] = /Whoever may has to run: (.*)$/.exec(String(error)) ?? []
      await look.raw(statement)
      return statement
    }
    return { account: { ...account, user }, look, granted }
  }

  test('for rows', async () => {
    const { account, look, granted } = await stranger()
    await look.raw('create table people (id text primary key, name text)')
    const table = () => tableOf(account, placeIn('people'), { columns: COLUMNS, acts: [{ verb: 'delete' }] })
    expect(await granted(table().check())).toMatch(
      /^grant usage on schema ".*" to ".*"; grant select, insert, update, delete on ".*"\."people" to ".*"$/,
    )
    await table().check()
    await table().send(ADA)
    await look.raw('revoke update on people from ??', [account.user])
    await look.raw('revoke usage on schema ?? from ??', [account.schema, account.user])
    await granted(table().send(ADA))
    expect(await table().send(ADA)).toEqual([{ outcome: 'written' }])
  })

  test('behind a check, while rows are sent', async () => {
    const { account, look, granted } = await stranger()
    await look.raw('create table people (id text primary key, name text)')
    await look.raw('grant usage on schema ?? to ??', [account.schema, account.user])
    await look.raw('grant select, insert, update on people to ??', [account.user])
    const { send } = tableOf(account, placeIn('people'), { columns: COLUMNS })
    await send(ADA)
    await look.raw('revoke insert on people from ??', [account.user])
    await granted(send(BOB))
    expect(await send(BOB)).toEqual([{ outcome: 'written' }])
  })

  test('for a table that is to be made', async () => {
    const { account, granted } = await stranger()
    const { send } = tableOf(account, placeIn('people', { create: true }), { columns: COLUMNS })
    expect(await granted(send(ADA))).toMatch(/^grant usage, create on schema /)
    expect(await send(ADA)).toEqual([{ outcome: 'written' }])
  })
})

/** Asks this once of a connection of ours that waits for a lock, as soon as there is one. */
async function whileWaiting(look: Knex, expression: string): Promise<void> {
  for (let found = 0; found === 0; ) {
    const { rows } = await look.raw(
      `select ${expression} from pg_stat_activity
       where wait_event_type = 'Lock' and application_name = 'cdp' and datname = current_database()`,
    )
    found = rows.length
  }
}

test.each([
  ['boolean not null', 'true', 'false'],
  ['boolean', 'true', 'false'],
  ['date', '2026-11-22', null],
  ['timestamptz', '2026-11-22 12:00:00+00', null],
  ['timestamp', '2026-11-22 12:00:00', null],
])('a column of the type %s can say that a row is gone', async (type, gone, there) => {
  const { account, look } = await newSchema()
  await look.raw(`create table people (id text primary key, name text, gone ${type})`)
  const { send, read, check } = tableOf(account, placeIn('people', { soft_delete: 'gone' }), {
    columns: COLUMNS,
    acts: [{ verb: 'soft_delete' }],
  })
  await check()
  const held = async () => {
    await look.raw(`set time zone 'UTC'`)
    const { rows } = await look.raw('select id, gone::text as gone from people order by id')
    return rows.map((row: { gone: string | null }) => row.gone)
  }
  await send(ADA, BOB)
  expect(await held()).toEqual([there, there])
  await send(changeOf(ADA.key, {}, { op: 'remove', leave: { verb: 'soft_delete' } }))
  expect(await held()).toEqual([gone, there])
  expect((await read('all')).map(({ key }) => key.id)).toEqual(['2'])
  await send(ADA)
  expect(await held()).toEqual([there, there])
})

describe('what the server refuses late, or for reasons of its own', () => {
  test('a constraint that is looked at by the commit refuses its row', async () => {
    const { look, open } = await people(
      'create table known (name text primary key)',
      `insert into known values ('Ada')`,
    )
    await look.raw('alter table people add foreign key (name) references known deferrable initially deferred')
    const { send } = open()
    await expect(send(ADA, BOB)).rejects.toMatchObject({ kind: 'batch', code: '23503', applied: 'no' })
    const receipts = [...(await send(ADA)), ...(await send(BOB))]
    expect(receipts).toMatchObject([{ outcome: 'written' }, { outcome: 'refused', code: '23503' }])
    expect(inspect(receipts)).not.toContain('canary')
    expect(await look('people')).toHaveLength(1)
  })

  test('a trigger refuses its row, and what it says of it is not told', async () => {
    const { look, open } = await people(
      `create function refuse() returns trigger language plpgsql as $$
       begin raise exception 'not %', new.name; end $$`,
      "create trigger refuse before insert on people for each row when (new.id = '2') execute function refuse()",
    )
    const { send } = open()
    const [receipt] = await send(BOB)
    expect(receipt).toMatchObject({ outcome: 'refused', code: 'P0001' })
    expect(inspect(receipt)).not.toContain('canary')
    expect(await send(ADA)).toEqual([{ outcome: 'written' }])
    expect(await look('people')).toHaveLength(1)
  })

  test('a statement that is cancelled, as one that takes too long, comes again', async () => {
    const { look, open } = await people()
    const { send } = open()
    await send(ADA)
    const other = await look.transaction()
    await other('people').where({ id: '1' }).update({ name: 'theirs' })
    const sent = send(ADA, BOB).catch((error: unknown) => error)
    await whileWaiting(look, 'pg_cancel_backend(pid)')
    expect(await sent).toMatchObject({ kind: 'transient', code: '57014', applied: 'no' })
    await other.rollback()
    expect(await look('people')).toHaveLength(1)
  })

  test('a session that an administrator ends comes again', async () => {
    const { look, open } = await people()
    const { send } = open()
    await send(ADA)
    const other = await look.transaction()
    await other('people').where({ id: '1' }).update({ name: 'theirs' })
    const sent = send(ADA, BOB).catch((error: unknown) => error)
    await whileWaiting(look, 'pg_terminate_backend(pid)')
    expect(await sent).toMatchObject({ kind: 'transient', code: '57P01', applied: 'no' })
    await other.rollback()
    expect(await send(ADA, BOB)).toEqual([{ outcome: 'written' }, { outcome: 'written' }])
  })

  test('a lock that is waited for too long comes again', async () => {
    const { account, look } = await people(`insert into people values ('1', 'theirs')`)
    const user = `hasty ${account.schema}`
    await look.raw('create role ?? login', [user])
    await look.raw(`alter role ?? set lock_timeout = '50ms'`, [user])
    await look.raw('grant usage on schema ?? to ??', [account.schema, user])
    await look.raw('grant all on people to ??', [user])
    const { send } = tableOf({ ...account, user }, placeIn('people'), { columns: COLUMNS })
    const other = await look.transaction()
    await other('people').where({ id: '1' }).update({ name: 'theirs, too' })
    await expect(send(ADA, BOB)).rejects.toMatchObject({ kind: 'transient', code: '55P03', applied: 'no' })
    await other.rollback()
    expect(await send(ADA, BOB)).toHaveLength(2)
  })

  test('two that cannot be put in an order: one comes again', async () => {
    const { account, look } = await people(`insert into people values ('1', 'theirs')`)
    const user = `strict ${account.schema}`
    await look.raw('create role ?? login', [user])
    await look.raw(`alter role ?? set default_transaction_isolation = 'repeatable read'`, [user])
    await look.raw('grant usage on schema ?? to ??', [account.schema, user])
    await look.raw('grant all on people to ??', [user])
    const { send, check } = tableOf({ ...account, user }, placeIn('people'), { columns: COLUMNS })
    await check()
    const other = await look.transaction()
    await other('people').where({ id: '1' }).update({ name: 'theirs, too' })
    const sent = send(ADA, BOB).catch((error: unknown) => error)
    await whileWaiting(look, '1')
    await other.commit()
    expect(await sent).toMatchObject({ kind: 'transient', code: '40001', applied: 'no' })
    expect(await send(ADA, BOB)).toHaveLength(2)
    expect(await look('people')).toHaveLength(2)
  })

  test('a user who has as many connections as one may have waits', async () => {
    const { account, look } = await people()
    const user = `busy ${account.schema}`
    await look.raw('create role ?? login connection limit 0', [user])
    const { check } = tableOf({ ...account, user }, placeIn('people'), { columns: COLUMNS })
    await expect(check()).rejects.toMatchObject({ kind: 'throttle', code: '53300', applied: 'no' })
  })

  test('what is given up is not written later', async () => {
    const { account, look } = await people()
    const cut = new AbortController()
    const database = openDatabase('postgres', () => serverOf(account), { signal: cut.signal })
    const insert = (id: string) => ({ sql: `insert into "${account.schema}".people (id) values (?)`, values: [id] })
    let ended: Promise<unknown> = Promise.resolve()
    const given = database.transaction('write', (run) => {
      const work = async () => {
        await run(insert('1'))
        cut.abort()
        // The one who waits is told before the work goes on.
        await given.catch(() => undefined)
        await run(insert('2'))
      }
      const all = work()
      ended = all.catch((error: unknown) => error)
      return all
    })
    await expect(given).rejects.toMatchObject({ code: 'cut_off', answered: false })
    expect(await ended).toMatchObject({ code: 'cut_off' })
    await database.end()
    for (let open = 1; open > 0; ) {
      const { rows } = await look.raw(
        `select 1 from pg_stat_activity where application_name = 'cdp' and state like 'idle in%' and datname = current_database()`,
      )
      open = rows.length
    }
    expect(await look('people')).toEqual([])
  })
})

test('numbers that are none, or too long for JavaScript, are read as texts or not at all', async () => {
  const { account, look } = await newSchema()
  await look.raw('create table odd (id text primary key, a numeric, b double precision, c money, d numeric(40, 10))')
  await look.raw(`insert into odd values
    ('1', 'NaN', 'Infinity', 1250, 123456789012345678.5), ('2', 0.1, 0.30000000000000004, null, 7)`)
  const { read } = tableOf(account, placeIn('odd'), { columns: { key: ['id'], fields: ['a', 'b', 'c', 'd'] } })
  expect((await read('all')).map(({ fields }) => fields)).toEqual([
    { a: null, b: null, c: expect.stringContaining('1,250.00'), d: '123456789012345678.5' },
    { a: 0.1, b: 0.30000000000000004, c: null, d: 7 },
  ])
})

test('the grants of the page are enough for a mirror that makes its table and deletes from it, and all are needed', async () => {
  const { account, look } = await newDatabase()
  await look.raw('create schema crm')
  await look.raw('create table crm.customers (id text primary key, name text)')
  const lines = grantsOf('[*]{2}Postgres').map((line) => line.replace('database shop', `database ${account.database}`))
  expect(lines).toHaveLength(6)
  const role = `cdp_${account.database}`
  const run = (line: string) => look.raw(forRole(line, role))
  for (const line of lines) await run(line)
  const as = { ...account, user: role, schema: 'crm' }
  const options = { columns: COLUMNS, acts: [{ verb: 'delete' }] }
  const table = (name: string) => tableOf(as, placeIn(name, { create: true }), options)
  for (const name of ['customers', 'made']) {
    const { check, send } = table(name)
    await check()
    await send(ADA, BOB)
    await send(changeOf(BOB.key, {}, { op: 'remove', leave: { verb: 'delete' } }))
    expect(await look(`crm.${name}`)).toEqual([{ id: '1', name: 'Ada' }])
    await check()
  }
  await look.raw('drop table crm.made')
  for (const right of ['select', 'insert', 'update', 'delete']) {
    await run(`revoke ${right} on crm.customers from cdp`)
    await expect(table('customers').check(), right).rejects.toMatchObject({ code: 'no_permission' })
    await run(`grant ${right} on crm.customers to cdp`)
  }
  await run('revoke create on schema crm from cdp')
  await expect(table('made').send(ADA)).rejects.toMatchObject({ kind: 'auth', code: '42501' })
})
