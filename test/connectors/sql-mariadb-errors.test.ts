import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { inspect } from 'node:util'
import type { Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Change, Json, Mode } from '../../src/connectors/connector.ts'
import type { Account } from '../../src/connectors/sql/options.ts'
import { authority } from '../support/certificates.ts'
import { MARIADB, type MariadbServer, startMariadb } from '../support/mariadb.ts'
import { losing, placeIn, tableOf } from '../support/sql.ts'
import { changeOf } from '../support/vendor.ts'

// Each error of the reference, by its number, as a real server says it.

const COLUMNS = { key: ['id'], fields: ['name', 'score', 'born', 'plan', 'of'] }
const WRITTEN = { outcome: 'written' }

const TABLES = [
  'create table known (name varchar(20) primary key)',
  `create table people (
    id varchar(20) collate utf8mb4_bin primary key, name longtext not null, score tinyint, born date,
    plan enum('free', 'paid'), \`of\` varchar(20), note varchar(5) default '',
    foreign key (\`of\`) references known (name), constraint lucky check (score <> 13))`,
]

function person(id: string, fields: Readonly<Record<string, Json>> = {}): Change {
  return changeOf({ id }, { name: 'x', score: 1, born: null, plan: null, of: null, ...fields })
}

const ADA = person('1')
const BOB = person('2')

describe.skipIf(MARIADB === undefined)('MariaDB (skipped where the variable MARIADB names none)', () => {
  let server: MariadbServer
  const vouching = authority()
  beforeAll(async () => {
    server = await startMariadb(MARIADB ?? '', async (folder) => {
      await certify(folder, ['localhost'])
      return [`ssl-cert=${join(folder, 'cert.pem')}`, `ssl-key=${join(folder, 'key.pem')}`]
    })
  })
  afterAll(() => server.stop())

  async function certify(folder: string, names: readonly string[]): Promise<void> {
    const { cert, key } = vouching.issue(names, new Date(Date.now() + 3_600_000))
    await writeFile(join(folder, 'cert.pem'), cert)
    await writeFile(join(folder, 'key.pem'), key)
  }

  /** A table with two people, which somebody else made, and what else the test says of it. */
  async function people(...more: readonly string[]) {
    const { account, look } = await server.database()
    for (const one of [...TABLES, `insert into people (id, name) values ('1', 'theirs'), ('2', 'theirs')`, ...more])
      await look.raw(one)
    const open = (as: Partial<Account> = {}, mode: Mode = 'mirror') =>
      tableOf({ ...account, ...as }, placeIn('people'), { columns: COLUMNS, mode })
    return { account, look, open }
  }

  /** Sets it for all connections to come, until the test ends. */
  async function setting(look: Knex, name: string, value: number): Promise<void> {
    const [[{ was }]] = await look.raw(`select @@global.${name} as was`)
    await look.raw(`set global ${name} = ${value}`)
    onTestFinished(async () => {
      await look.raw(`set global ${name} = ${was}`)
    })
  }

  /** The connection by which `send` waits for a row that another holds, as soon as it does. */
  async function waiting(look: Knex): Promise<number> {
    for (;;) {
      const [[{ Value: count }]] = await look.raw(`show global status like 'Innodb_row_lock_current_waits'`)
      const [[found]] = await look.raw(
        `select id from information_schema.processlist where info like 'insert into %people%'`,
      )
      if (count !== '0' && found) return found.id
    }
  }

  test.each<readonly [code: string, what: string, fields: Readonly<Record<string, Json>>]>([
    ['1048', 'an empty value where none may be', { name: null }],
    ['1264', 'a number out of range', { score: 300 }],
    ['1366', 'a text where a number must be', { score: 'canary' }],
    ['1406', 'a text that is too long', { of: 'canary that is too long' }],
    ['1452', 'a row that is pointed to and is not there', { of: 'canary' }],
    ['1292', 'a text where a date must be', { born: 'canary' }],
    ['1265', 'a value that an enumeration does not know', { plan: 'canary' }],
    ['4025', 'a value that a check refuses', { score: 13 }],
    ['1644', 'a row that a trigger refuses', { name: 'canary refused' }],
  ])('%s, %s, refuses the row alone', async (code, _, fields) => {
    const { look, open } = await people(`create trigger refuse before insert on people for each row
      if new.name = 'canary refused' then signal sqlstate '45000' set message_text = 'no canary'; end if`)
    const { send } = open()
    const bad = person('bad', fields)
    await expect(send(ADA, bad)).rejects.toMatchObject({ kind: 'batch', code, applied: 'no' })
    expect(await look('people').select('name').distinct()).toEqual([{ name: 'theirs' }])
    const receipts = [...(await send(ADA)), ...(await send(bad))]
    expect(receipts).toMatchObject([WRITTEN, { outcome: 'refused', kind: 'row', code }])
    expect(inspect(receipts)).not.toContain('canary')
    expect(await look('people')).toHaveLength(2)
  })

  test('1062, another unique key, refuses the row alone', async () => {
    const { look, open } = await people(`insert into known values ('a')`, 'alter table people add unique (`of`)')
    const { send } = open({}, 'update')
    expect(await send(person('1', { of: 'a' }))).toEqual([WRITTEN])
    await expect(send(person('2', { of: 'a' }))).resolves.toMatchObject([{ outcome: 'refused', code: '1062' }])
    await expect(send(person('1', { of: null }), person('2', { of: 'a' }))).resolves.toEqual([WRITTEN, WRITTEN])
    expect(await look('people').select('of')).toEqual([{ of: null }, { of: 'a' }])
  })

  test('1364, a column that must be given since the table was looked up, refuses the row', async () => {
    const { look, open } = await people()
    const { send, check } = open()
    await send(ADA)
    await look.raw('alter table people add column since int not null')
    expect(await send(person('3'))).toMatchObject([{ outcome: 'refused', code: '1364' }])
    await expect(check()).rejects.toMatchObject({ kind: 'config', code: 'needed_column' })
  })

  test('1451, a row that is still needed, stays', async () => {
    const { look, open } = await people(
      'create table orders (of varchar(20) collate utf8mb4_bin references people (id))',
      `insert into orders values ('1')`,
    )
    const remove = (id: string) => changeOf({ id }, {}, { op: 'remove', leave: { verb: 'delete' } })
    const { send } = open()
    await expect(send(remove('1'), remove('2'))).rejects.toMatchObject({ kind: 'batch', code: '1451' })
    const receipts = [...(await send(remove('1'))), ...(await send(remove('2')))]
    expect(receipts).toMatchObject([{ outcome: 'refused', code: '1451' }, WRITTEN])
    expect(await look('people').select('id')).toEqual([{ id: '1' }])
  })

  // The server answers while it is still being sent to, and hangs up: without a look at its limit the answer is lost
  // more often than not.
  test('1153, a statement that is too large, refuses the row that is too large alone', async () => {
    const { look, open } = await people()
    await setting(look, 'max_allowed_packet', 2 * 1024 * 1024)
    const { send } = open()
    const large = (id: string, size: number, text = 'x') => person(id, { name: text.repeat(size) })
    const all = [large('2', 1024 * 1024, `'`), large('2', 3_000_000), large('2', 7_000_000)]
    for (const one of all) {
      await expect(send(ADA, one)).rejects.toMatchObject({ kind: 'batch', code: '1153', applied: 'no' })
      expect(await send(one)).toMatchObject([{ outcome: 'refused', code: '1153' }])
    }
    // Larger and larger: at no size is the connection lost.
    const outcomes = new Set<string | undefined>()
    for (let size = 2 * 1024 * 1024 - 600; size < 2 * 1024 * 1024; size += 30)
      for (const { outcome } of await send(large('1', size))) outcomes.add(outcome)
    expect([...outcomes]).toEqual(['written', 'refused'])
    await send(large('1', 1024 * 1024 - 1_000, `'`), large('2', 1_000))
    expect(await look('people').select(look.raw('length(name) as size')).orderBy('id')).toEqual([
      { size: 1024 * 1024 - 1_000 },
      { size: 1_000 },
    ])
  })

  test.each([
    ['1045', 'auth', 'a wrong password', [`create user u@'%' identified by 'right'`], {}],
    ['1698', 'auth', 'a user who needs no password', [`create user u@'%' identified via unix_socket`], {}],
    [
      'AUTH_SWITCH_PLUGIN_ERROR',
      'auth',
      'a way to log in that the driver does not know',
      [`install soname 'auth_ed25519'`, `create user u@'%' identified via ed25519 using password('x')`],
      {},
    ],
    ['1044', 'config', 'a database that is not one of the user', [`create user u@'%' identified by 'wrong'`], {}],
    ['1049', 'config', 'a database that is not there', [], { user: 'root', password: undefined, database: 'nowhere' }],
  ] as const)('%s, %s: %s stops the sync', async (code, kind, _, statements, as) => {
    const { look, open } = await people(...statements)
    if (statements.length > 0)
      onTestFinished(async () => {
        await look.raw(`drop user u@'%'`)
      })
    const { send, check } = open({ user: 'u', password: 'wrong', ...as })
    await expect(check()).rejects.toMatchObject({ kind, code, applied: 'no' })
    await expect(send(ADA)).rejects.toMatchObject({ kind, code, applied: 'no' })
  })

  test.each([
    ['1142', 'grant select on people to ?@?'],
    ['1143', 'grant select, insert (id, name, score, born, plan, `of`), update (id) on people to ?@?'],
  ])('%s, a permission that is missing, stops the sync', async (code, grant) => {
    const { look, open } = await people()
    await look.raw(`create or replace user u@'%'`)
    await look.raw(grant, ['u', '%'])
    await expect(open({ user: 'u' }).send(ADA)).rejects.toMatchObject({ kind: 'auth', code, applied: 'no' })
  })

  test('1146 and 1054, a table or a column that is gone while rows are sent, stop the sync', async () => {
    const { account, look } = await people()
    const { send } = tableOf(account, placeIn('made', { create: true }), { columns: { key: ['id'], fields: ['name'] } })
    const row = changeOf({ id: '1' }, { name: 'x' })
    await send(row)
    await look.raw('alter table made drop column name')
    await expect(send(row)).rejects.toMatchObject({ kind: 'config', code: 'no_column', applied: 'no' })
    await look.raw('alter table made add column name text')
    await send(row)
    await look.raw('drop table made')
    await expect(send(row)).rejects.toMatchObject({ kind: 'config', code: '1146', applied: 'no' })
  })

  test('1040, the server takes no more connections: the sync waits', async () => {
    const { account, look, open } = await people(`create or replace user u@'%'`)
    await look.raw(`grant all on ??.* to u@'%'`, [account.database])
    await setting(look, 'max_connections', 10)
    const { send } = open({ user: 'u' })
    const others = Array.from({ length: 10 }, () => connect(server.port, '127.0.0.1'))
    onTestFinished(() => {
      for (const socket of others) socket.destroy()
    })
    // It greets each of them, or says that there are too many.
    for (const socket of others) await once(socket, 'data')
    await expect(send(ADA)).rejects.toMatchObject({ kind: 'throttle', code: '1040', applied: 'no' })
  })

  test.each([
    ['1226', 'as many connections as the user may have', 'max_user_connections 1'],
    ['1226', 'as many statements in an hour as the user may send', 'max_queries_per_hour 5'],
  ])('%s, %s: the sync waits', async (code, _, limit) => {
    const { account, look, open } = await people(`create or replace user u@'%'`)
    await look.raw(`grant all on ??.* to u@'%'`, [account.database])
    await look.raw(`alter user u@'%' with ${limit}`)
    await open({ user: 'u' })
      .check()
      .catch(() => undefined)
    await expect(open({ user: 'u' }).send(ADA)).rejects.toMatchObject({ kind: 'throttle', code, applied: 'no' })
  })

  describe('what passes by comes again', () => {
    /** A table whose first row another holds. */
    async function held(...more: readonly string[]) {
      const { look, open } = await people(...more)
      const other = await look.transaction()
      onTestFinished(async () => {
        if (!other.isCompleted()) await other.rollback()
      })
      await other('people').where({ id: '1' }).update({ note: 'x' })
      return { look, open, other }
    }

    async function expectWritten(look: Knex, { send }: ReturnType<typeof tableOf>): Promise<void> {
      expect(await look('people').select('name').distinct()).toEqual([{ name: 'theirs' }])
      expect(await send(ADA, BOB)).toEqual([WRITTEN, WRITTEN])
    }

    test('1205, a row that another holds for too long', async () => {
      // What the connector waits for takes longer than a test may.
      const { look, open, other } = await held(
        'create trigger hasty before insert on people for each row set session innodb_lock_wait_timeout = 0',
      )
      const table = open()
      await expect(table.send(ADA, BOB)).rejects.toMatchObject({ kind: 'transient', code: '1205', applied: 'no' })
      await other.rollback()
      await expectWritten(look, table)
    })

    test('1205, a table that another holds for too long', async () => {
      const { look, open } = await people()
      await setting(look, 'lock_wait_timeout', 0)
      const table = open()
      await look.transaction(async (other) => {
        await other.raw('lock tables people write')
        await expect(table.send(ADA, BOB)).rejects.toMatchObject({ kind: 'transient', code: '1205', applied: 'no' })
        await other.raw('unlock tables')
      })
      await expectWritten(look, table)
    })

    test('1213, two that lock each other out', async () => {
      const { look, open, other } = await held(`insert into people (id, name) values ('0', 'theirs')`)
      // Who has changed more goes on.
      await other.raw(`insert into known select seq from seq_1_to_100`)
      const table = open()
      const sent = table.send(person('0'), ADA, BOB).catch((error: unknown) => error)
      await waiting(look)
      await other('people').where({ id: '0' }).update({ note: 'y' })
      expect(await sent).toMatchObject({ kind: 'transient', code: '1213', applied: 'no' })
      await other.commit()
      await expectWritten(look, table)
    })

    test.each([
      // 2013 is what the client library of MySQL calls it. That one takes no part here: what the driver sees is the end.
      ['2013, a connection that is cut off while it waits', 'kill ?', 'network'],
      ['1317, a statement that an administrator ends', 'kill query ?', '1317'],
    ])('%s', async (_, kill, code) => {
      const { look, open, other } = await held()
      const table = open()
      const sent = table.send(ADA, BOB).catch((error: unknown) => error)
      await look.raw(kill, [await waiting(look)])
      expect(await sent).toMatchObject({ kind: 'transient', code, applied: 'no' })
      await other.rollback()
      await expectWritten(look, table)
    })

    test('2006, a connection that has gone away while it was idle, is made anew', async () => {
      const { account, look, open } = await people()
      const table = open()
      await table.check()
      const [idle] = await look.raw(
        `select id from information_schema.processlist where db = ? and id <> connection_id() and command = 'Sleep'`,
        [account.database],
      )
      for (const { id } of idle) await look.raw('kill ?', [id])
      // The driver may learn of it by the next statement only.
      const again = await table.send(ADA).catch((error: unknown) => error)
      if (again instanceof Error) expect(again).toMatchObject({ kind: 'transient', code: 'network', applied: 'no' })
      expect(await table.send(ADA, BOB)).toEqual([WRITTEN, WRITTEN])
    })

    test('1969, a statement that takes longer than the server lets it', async () => {
      const { look, open, other } = await held()
      await look.raw(`create or replace user u@'%'`)
      await look.raw(`grant all on *.* to u@'%' with max_statement_time 0.05`)
      await expect(open({ user: 'u' }).send(ADA, BOB)).rejects.toMatchObject({ kind: 'transient', code: '1969' })
      await other.rollback()
      await expectWritten(look, open())
    })

    test('1290, a server that takes no writes now', async () => {
      const { account, look, open } = await people(`create or replace user u@'%'`)
      await look.raw(`grant all on ??.* to u@'%'`, [account.database])
      await setting(look, 'read_only', 1)
      const table = open({ user: 'u' })
      await expect(table.send(ADA, BOB)).rejects.toMatchObject({ kind: 'transient', code: '1290', applied: 'no' })
      await look.raw('set global read_only = 0')
      await expectWritten(look, table)
    })
  })

  describe('a certificate', () => {
    const as = { host: 'localhost', ssl: 'on', ca: vouching.cert } as const

    async function presenting(...names: readonly string[]) {
      const table = await people()
      await certify(server.folder, names)
      await table.look.raw('flush ssl')
      return table
    }

    test('that is valid for the host is taken', async () => {
      const { open } = await presenting('localhost')
      expect(await open(as).send(ADA)).toEqual([WRITTEN])
    })

    test('of an authority that is not known stops the sync', async () => {
      const { open } = await presenting('localhost')
      const { ca: _, ...unknown } = as
      const code = 'HANDSHAKE_SSL_ERROR'
      await expect(open(unknown).send(ADA)).rejects.toMatchObject({ kind: 'config', code, applied: 'no' })
      expect(await open({ ...unknown, ssl: 'unverified' }).send(ADA)).toEqual([WRITTEN])
    })

    test('for another host stops the sync', async () => {
      const { open } = await presenting('db.example.org')
      await expect(open(as).send(ADA)).rejects.toMatchObject({ kind: 'config', applied: 'no' })
      expect(await open({ ...as, ssl: 'unverified' }).send(ADA)).toEqual([WRITTEN])
    })

    test('that is not looked at any more, as the connection is lost before, comes again', async () => {
      const { open, account } = await presenting('localhost')
      // The client greets with the name of the host, still in the clear.
      const lossy = await losing({ ...account, ...as }, ['localhost'], 'before')
      const { send } = open({ ...as, port: lossy.port })
      await expect(send(ADA)).rejects.toMatchObject({ kind: 'transient', code: 'network', applied: 'no' })
      expect(await send(ADA)).toEqual([WRITTEN])
    })
  })

  test('1053, or the loss of the connection, by a server that ends: nothing is written, and the sync comes again', async () => {
    const { look, open } = await people()
    const { send } = open()
    await send(ADA)
    const other = await look.transaction()
    await other('people').where({ id: '2' }).update({ note: 'x' })
    const sent = send(ADA, BOB).catch((error: unknown) => error)
    await waiting(look)
    await look.raw('shutdown')
    expect(await sent).toMatchObject({ kind: 'transient', applied: 'no' })
    await other.rollback().catch(() => undefined)
    await expect(send(BOB)).rejects.toMatchObject({ kind: 'transient', code: 'network', applied: 'no' })
  })
})
