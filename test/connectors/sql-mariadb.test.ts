import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Io, Mode } from '../../src/connectors/connector.ts'
import { sql } from '../../src/connectors/sql/index.ts'
import type { Account, Into } from '../../src/connectors/sql/options.ts'
import { connectorContract } from '../contract/connector.ts'
import type { Place } from '../contract/subject.ts'
import { MARIADB, type MariadbServer, startMariadb } from '../support/mariadb.ts'
import { losing, placeIn, realDatabase, tableIo, tableOf } from '../support/sql.ts'
import { expectTableIsMap, MODEL_COLUMNS } from '../support/sql-model.ts'
import { grantsOf } from '../support/sql-page.ts'
import { changeOf } from '../support/vendor.ts'

// No package of npm brings a MySQL or a MariaDB. Where one is installed, `MARIADB=/usr npx vitest run` with this file
// runs what otherwise is only compared as text and parsed.

const COLUMNS: Io['columns'] = { key: ['Id'], fields: ['name', 'spent', 'vip', 'born', 'seen', 'tags'] }
const INTO = placeIn('People', {
  create: true,
  columns: { spent: 'number', vip: 'boolean', born: 'date', seen: 'timestamp', tags: 'json' },
})

const ROW = (n: number) => ({
  key: { Id: `p${n}` },
  fields: {
    name: n === 1 ? null : `Zoë "${n}" 你好 👩‍👩‍👧 \\'; drop table x --\n`,
    spent: n / 4,
    vip: n % 2 === 0,
    born: '1990-02-03',
    seen: '2026-01-02T03:04:05.123456Z',
    tags: { b: [n], a: null },
  },
})

describe.skipIf(MARIADB === undefined)('MariaDB (skipped where the variable MARIADB names none)', () => {
  let server: MariadbServer
  beforeAll(async () => {
    server = await startMariadb(MARIADB ?? '')
  })
  afterAll(() => server.stop())

  const placeInMariadb = async (mode: Mode): Promise<Place<Account>> => {
    const { account, look } = await server.database()
    const contents = async () =>
      (await look.schema.hasTable('People')) ? [{ place: 'People', rows: await look('People').orderBy('Id') }] : []
    return { account, io: tableIo({ columns: COLUMNS, mode }, realDatabase()), contents }
  }

  connectorContract<Account, Into>({
    connector: sql,
    into: INTO,
    title: 'a table in MariaDB',
    secrets: ['canary password/1'],
    columns: COLUMNS,
    row: ROW,
    bad: { key: { Id: 'bad' }, fields: { ...ROW(7).fields, born: 'jane.doe@example.org' } },
    leave: { verb: 'delete' },
    losses: (['before', 'after'] as const).map((when) => ({
      name: `a connection lost ${when} the commit leaves it open whether it was applied`,
      effect: when === 'after',
      lossy: async () => {
        const place = await placeInMariadb('mirror')
        return { place, through: { ...place, account: await losing(place.account, ['insert into', 'COMMIT'], when) } }
      },
    })),
    place: placeInMariadb,
    unreachable: (place) => ({ ...place, account: { ...place.account, port: 1 } }),
    failing: async () => {
      const { account } = await server.database()
      const password = 'canary password/1'
      const io = tableIo({ columns: COLUMNS }, realDatabase())
      const accounts: readonly Account[] = [
        { ...account, user: 'nobody', password },
        { ...account, database: 'nowhere' },
      ]
      return accounts.map((one) => ({ account: one, io }))
    },
  })

  test('after any batches the table is what a Map is', async () => {
    const { account, look } = await server.database()
    await look.raw(`create table \`Order\` (
      \`group\` varchar(9) collate utf8mb4_bin, \`Id\` bigint, \`select\` text character set utf8mb4, \`näme "x"\` varchar(40) character set utf8mb4, \`Spent\` decimal(50, 10),
      big bigint, vip tinyint(1), born date, seen datetime(6), at timestamp(6) null, tags json, gone_at datetime(6),
      primary key (\`group\`, \`Id\`))`)
    const columns = { ...MODEL_COLUMNS, fields: MODEL_COLUMNS.fields.filter((name) => name !== 'spent') }
    const open = (mode: Mode) => tableOf(account, placeIn('Order', { soft_delete: 'gone_at' }), { columns, mode })
    const tables = { mirror: open('mirror'), update: open('update'), insert: open('insert') }
    const time = `'%Y-%m-%dT%H:%i:%s.%fZ'`
    await expectTableIsMap(
      {
        without: 'spent',
        send: async (mode, batch) =>
          (await tables[mode as keyof typeof tables].send(...batch)).map(({ outcome }) => outcome),
        held: async () => (await tables.mirror.read('all')).map((one) => one.key),
        rows: async () => {
          await look.raw(`set time_zone = '+00:00'`)
          const [rows] = await look.raw(`select \`group\`, cast(Id as char) as Id, \`select\`, \`näme "x"\`,
            trim(trailing '.' from trim(trailing '0' from cast(Spent as char))) as Spent, cast(big as char) as big,
            if(vip is null, null, if(vip, 'true', 'false')) as vip, cast(born as char) as born, concat(tags) as tags,
            date_format(seen, ${time}) as seen, date_format(at, ${time}) as at, if(gone_at is null, 'false', 'true') as gone
            from \`Order\``)
          return rows.map((row: object) => ({ ...row }))
        },
        clear: () => look('Order').truncate(),
      },
      20,
    )
  })

  test('a unique key of a part of a column is no key, and one beside the key is dangerous', async () => {
    const { account, look } = await server.database()
    const columns = { key: ['id'], fields: ['name'] }
    await look.raw('create table people (id varchar(20), name varchar(20), unique (id(3)))')
    const check = () => tableOf(account, placeIn('people'), { columns }).check()
    await expect(check()).rejects.toMatchObject({ code: 'no_unique_key' })
    await look.raw('alter table people add primary key (id)')
    await expect(check()).rejects.toMatchObject({
      code: 'other_unique_key',
      message: expect.stringContaining('an expression'),
    })
  })

  test('a permission that is missing is named with the statement that grants it, which helps', async () => {
    const { account, look } = await server.database()
    await look.raw('create table people (id varchar(20) primary key, name text)')
    const user = 'stranger'
    await look.raw(`create user ?@'%'`, [user])
    await look.raw('grant select on people to ?@?', [user, '%'])
    const columns = { key: ['id'], fields: ['name'] }
    const { send } = tableOf({ ...account, user }, placeIn('people'), { columns })
    const error = await send(changeOf({ id: '1' }, { name: 'Ada' })).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ kind: 'auth', applied: 'no' })
    const [, statement = ''] = /Whoever may has to run: (.*)$/.exec(String(error)) ?? []
    await look.raw(statement)
    expect(await send(changeOf({ id: '1' }, { name: 'Ada' }))).toEqual([{ outcome: 'written' }])
  })

  test.each([
    ['that is there', '[*]{2}MySQL, MariaDB', false],
    ['that is made', 'For `create: true` the grants are those of the whole database', true],
  ])('the grants of the page are enough for a table %s', async (_, title, create) => {
    const { account, look } = await server.database()
    await look.raw(`drop user if exists cdp@'%'`)
    if (!create) await look.raw('create table customers (id varchar(20) primary key, name text)')
    for (const line of grantsOf(title))
      await look.raw(line.replace(' require ssl', '').replace(' shop.', ` ${account.database}.`))
    const leave = { verb: 'delete' }
    const options = { columns: { key: ['id'], fields: ['name'] }, acts: [leave] }
    const { check, send } = tableOf(
      { ...account, user: 'cdp', password: '…' },
      placeIn('customers', { create }),
      options,
    )
    await check()
    await send(changeOf({ id: '1' }, { name: 'Ada' }), changeOf({ id: '2' }, { name: 'Bob' }))
    await send(changeOf({ id: '2' }, {}, { op: 'remove', leave }))
    expect(await look('customers')).toEqual([{ id: '1', name: 'Ada' }])
  })

  test('too long a key is an error of configuration', async () => {
    const { account } = await server.database()
    const columns = { key: ['a', 'b', 'c', 'd'], fields: [] }
    const { send } = tableOf(account, placeIn('people', { create: true }), { columns })
    await expect(send(changeOf({ a: '1', b: '2', c: '3', d: '4' }))).rejects.toMatchObject({
      kind: 'config',
      code: '1071',
    })
  })
})
