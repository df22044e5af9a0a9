import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import knex, { type Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Account } from '../../src/connectors/sql/options.ts'
import { ALL } from '../support/all.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { newSchema, placeIn, tableOf } from '../support/sql.ts'
import { changeOf } from '../support/vendor.ts'

const COLUMNS = { key: ['id'], fields: ['name'] }
const ADA = changeOf({ id: '1' }, { name: 'Ada' })
const BOB = changeOf({ id: '2' }, { name: 'Bob' })
const WRITTEN = { outcome: 'written' }

describe('a server that needs another one for a row', () => {
  // Class 08 is for connections. The server that we speak to has no connection of which it could tell us that it is lost:
  // 08000, 08003, 08006 and 08007 are said by it only of a connection of its own to a third one (dblink, postgres_fdw), or by a
  // function in its place. 08001 and 08004 are made by client libraries that `pg` is not. 08P01 is said of
  // messages that `pg` does not send, and by poolers such as PgBouncer. A connection of ours that is lost has no such
  // code; that is shown elsewhere, by cutting it.
  test('08001, which cannot be reached, is tried again', async () => {
    const { account, look } = await newSchema()
    const table = tableOf(account, placeIn('people'), { columns: COLUMNS })
    await look.raw('create table people (id text primary key, name text)')
    await look.raw('create extension if not exists postgres_fdw schema pg_catalog')
    await look.raw(`create server elsewhere foreign data wrapper postgres_fdw options (host '/nonexistent')`)
    onTestFinished(async () => {
      await look.raw('drop server elsewhere cascade')
    })
    await look.raw('create user mapping for public server elsewhere')
    await look.raw('create foreign table copies (id text, name text) server elsewhere')
    await look.raw(`create function copied() returns trigger language plpgsql as $$
      begin insert into "${account.schema}".copies values (new.*); return new; end $$`)
    await look.raw('create trigger copied before insert on people for each row execute function copied()')
    await expect(table.send(ADA, BOB)).rejects.toMatchObject({ kind: 'transient', code: '08001', applied: 'no' })
    await look.raw('drop trigger copied on people')
    expect(await table.send(ADA, BOB)).toEqual([WRITTEN, WRITTEN])
  })

  test.each(['08000', '08003', '08004', '08006', '08007', '08P01'])(
    '%s, said by a function of its own, is tried again; by a commit, it leaves open what was written',
    async (code) => {
      const { account, look } = await newSchema()
      await look.raw('create table people (id text primary key, name text)')
      await look.raw(`create function fails() returns trigger language plpgsql as $$
        begin raise exception using errcode = '${code}'; end $$`)
      const { send } = tableOf(account, placeIn('people'), { columns: COLUMNS })
      await look.raw('create trigger fails before insert on people for each row execute function fails()')
      await expect(send(ADA, BOB)).rejects.toMatchObject({ kind: 'transient', code, applied: 'no' })
      await look.raw('drop trigger fails on people')
      await look.raw(
        'create constraint trigger fails after insert on people initially deferred for each row execute function fails()',
      )
      await expect(send(ADA, BOB)).rejects.toMatchObject({ kind: 'transient', code, applied: 'maybe' })
    },
  )
})

test('21000, two keys that are one for the database, is for one of the two', async () => {
  const { account, look } = await newSchema()
  await look.raw('create table people (id numeric primary key, name text)')
  const { send } = tableOf(account, placeIn('people'), { columns: COLUMNS })
  const [one, same] = ['1', '1.0'].map((id) => changeOf({ id }, { name: id }))
  if (!one || !same) throw new Error('two')
  await expect(send(one, same)).rejects.toMatchObject({ kind: 'batch', code: '21000', applied: 'no' })
  expect([...(await send(one)), ...(await send(same))]).toEqual([WRITTEN, WRITTEN])
  expect(await look('people')).toEqual([{ id: '1', name: '1.0' }])
})

test('23514, a check of the table, refuses the row alone', async () => {
  const { account, look } = await newSchema()
  await look.raw(`create table people (id text primary key, name text check (name <> 'Bob'))`)
  const { send } = tableOf(account, placeIn('people'), { columns: COLUMNS })
  await expect(send(ADA, BOB)).rejects.toMatchObject({ kind: 'batch', code: '23514', applied: 'no' })
  expect(await send(BOB)).toMatchObject([{ outcome: 'refused', kind: 'row', code: '23514' }])
  expect(await send(ADA)).toEqual([WRITTEN])
})

// A server of this file's own, which takes seconds to make.
describe.runIf(ALL)('a server that ends, or asks for a password', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())

  async function people() {
    const { host, port, database, user } = await server.database()
    const account: Account = { client: 'postgres', host, port, database, user, ssl: 'off', connections: 2 }
    const look = knex({ client: 'pg', connection: { host, port, user, database } })
    onTestFinished(() => look.destroy())
    await look.raw('create table people (id text primary key, name text)')
    // What is written is there after a crash, too.
    await look.raw('checkpoint')
    const open = (as: Partial<Account> = {}) => tableOf({ ...account, ...as }, placeIn('people'), { columns: COLUMNS })
    return { folder: host, look, open }
  }

  /** Another transaction that has written the row of Ada, and the process that serves it. */
  async function holding(look: Knex) {
    const other = await look.transaction()
    // It is ended with the server.
    onTestFinished(async () => {
      await other.rollback().catch(() => undefined)
    })
    await other('people').insert({ id: '1', name: 'theirs' })
    const { rows } = await other.raw(`select pg_backend_pid() as backend,
      split_part(pg_read_file('postmaster.pid'), e'\\n', 1)::int as postmaster`)
    const [{ backend, postmaster }] = rows
    return { other, backend, postmaster }
  }

  /** Ends when a transaction of ours waits for another. */
  async function waiting(other: Knex): Promise<void> {
    for (let found = 0; found === 0; ) {
      const { rows } = await other.raw(
        `select 1 from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'cdp'`,
      )
      found = rows.length
    }
  }

  const failing = (sent: Promise<unknown>) => sent.then(() => undefined).catch((error: unknown) => error)

  test('28P01, a password that is wrong, stops the sync', async () => {
    const { folder, look, open } = await people()
    await look.raw(`create role guarded login password 'right'`)
    const file = join(folder, 'data/pg_hba.conf')
    await writeFile(file, `local all guarded scram-sha-256\n${await readFile(file, 'utf8')}`)
    await look.raw('select pg_reload_conf()')
    const wrong = open({ user: 'guarded', password: 'wrong' })
    // The server reads the file when it comes to it.
    let said = await failing(wrong.check())
    while (said === undefined || (said as { code?: string }).code === '42501') said = await failing(wrong.check())
    expect(said).toMatchObject({ kind: 'auth', code: '28P01', applied: 'no' })
    await expect(wrong.send(ADA)).rejects.toMatchObject({ kind: 'auth', code: '28P01', applied: 'no' })
  })

  test('57P02, the end of all sessions since one has crashed, is tried again until the server is back', async () => {
    const { look, open } = await people()
    const { send } = open()
    const { backend } = await holding(look)
    const sent = failing(send(ADA, BOB))
    await waiting(look)
    process.kill(backend, 'SIGKILL')
    // The server says 57P02 as a warning and hangs up: for the driver the connection is lost.
    expect(await sent).toMatchObject({ kind: 'transient', code: 'network', applied: 'no' })
    // While it recovers, it says 57P03 to who comes.
    for (;;) {
      const error = await failing(send(ADA, BOB))
      if (error === undefined) break
      expect(error).toMatchObject({
        kind: 'transient',
        code: expect.stringMatching(/^(57P03|network)$/),
        applied: 'no',
      })
    }
    expect(await send(ADA, BOB)).toEqual([WRITTEN, WRITTEN])
  })

  test('57P03, a server that ends, and 57P01, the end of the sessions that it has, are tried again', async () => {
    const { look, open } = await people()
    const { send, check } = open()
    await check()
    const { other, postmaster } = await holding(look)
    const sent = failing(send(ADA, BOB))
    await waiting(other)
    // Nobody comes in any more; who is there goes on.
    process.kill(postmaster, 'SIGTERM')
    let said: unknown
    while (said === undefined) said = await failing(open().check())
    expect(said).toMatchObject({ kind: 'transient', code: '57P03', applied: 'no' })
    await expect(open().send(ADA)).rejects.toMatchObject({ kind: 'transient', code: '57P03', applied: 'no' })
    // Who is there is sent away.
    process.kill(postmaster, 'SIGINT')
    expect(await sent).toMatchObject({ kind: 'transient', code: '57P01', applied: 'no' })
  })
})
