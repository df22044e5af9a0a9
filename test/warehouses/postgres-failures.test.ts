import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openEnvironment } from '../../src/commands/world.ts'
import type { Environment } from '../../src/environment.ts'
import { type PostgresOptions, postgres } from '../../src/warehouses/postgres.ts'
import { connectTo, startPostgres } from '../support/postgres.ts'
import { type PostgresShop, postgresShop, targetOf, watched } from '../support/postgres-shop.ts'
import { sharedPostgres } from '../support/shared-postgres.ts'
import { loadAll, shopOn } from '../support/shop-tables.ts'
import { runInSandbox } from '../support/small-shop.ts'
import { written } from '../support/written.ts'

// biome-ignore lint/suspicious/noTemplateCurlyInString: `${…}` of YAML
const SECRET = ', password: "${env:WAREHOUSE_PASSWORD}"'

/** Runs a shop that cannot work: nothing is published, nothing is sent, exit code 1; returns the one error. */
async function failing(made: PostgresShop, more?: Parameters<typeof runInSandbox>[1]) {
  const before = await made.published()
  const { report, writes, files } = await made.run(more)
  expect({ status: report.status, exit: report.exit_code, writes, files }).toEqual({
    ...{ status: 'failed', exit: 1, writes: 0, files: [] },
  })
  expect(await made.published()).toEqual(before)
  const errors = report.errors.filter(({ severity }) => severity === 'error')
  expect(errors).toHaveLength(1)
  return errors[0]
}

/** The machine's world where the password of the target is this. */
function worldWith(password: string): Environment['world'] {
  const { environment } = openEnvironment(() => undefined, new AbortController().signal)
  return { ...environment.world, env: { WAREHOUSE_PASSWORD: password } }
}

describe('a server that cannot be reached', () => {
  const opened = async (options: Partial<PostgresOptions>) => {
    const database = await (await sharedPostgres()).database()
    const access = { directory: process.cwd(), mode: 'write' } as const
    return postgres.connect({ ...database, ...options }, access).then(
      () => ({ diagnostics: [] }),
      (error: unknown) => error,
    )
  }
  test.each([
    ['nobody listens there', { host: '127.0.0.1', port: 1 }, 'ECONNREFUSED', 'Check "host" and "port"'],
    ['there is no such host', { host: 'nowhere.invalid' }, 'nowhere.invalid', 'Check "host" and "port"'],
    ['there is no such socket', { host: '/nowhere' }, 'ENOENT', 'Check "host" and "port"'],
    ['there is no such database', { database: 'nowhere' }, '"nowhere" does not exist', 'Check "database"'],
    ['there is no such role', { user: 'nobody_here' }, '"nobody_here" does not exist', 'Check "user" and "password"'],
  ])("%s: the server's words, and what to check", async (_, options, words, fix) => {
    expect(await opened(options)).toMatchObject({
      who: 'warehouse',
      diagnostics: [
        {
          code: 'warehouse/connection',
          message: expect.stringContaining(words),
          fix: expect.stringContaining(fix),
        },
      ],
    })
  })

  test('it refuses the password, takes no more connections, or ends while a build runs', {
    timeout: 120_000,
  }, async () => {
    const server = await startPostgres(undefined, ['local all locked scram-sha-256'])
    let isUp = true
    const stop = async () => {
      if (isUp) await server.stop()
      isUp = false
    }
    onTestFinished(stop)
    const database = await server.database()
    const owner = await connectTo(database)
    const directory = await shopOn(targetOf({ ...database, user: 'locked' }, SECRET))
    await loadAll(directory, owner)
    await owner.script(
      ["create role locked login superuser password 'right'", 'create role crowded login connection limit 1'].map(
        written,
      ),
    )
    const run = (password: string, more: Parameters<typeof runInSandbox>[1] = {}) =>
      runInSandbox(directory, { ...more, world: worldWith(password) })
    const wrong = await run('wrong')
    expect(wrong.report).toMatchObject({ status: 'failed', exit_code: 1 })
    expect(wrong.report.errors.at(-1)).toMatchObject({
      code: 'warehouse/connection',
      message: expect.stringContaining('password authentication failed for user "locked"'),
      fix: expect.stringContaining('Check "user" and "password"'),
    })
    expect(JSON.stringify(wrong.report)).not.toContain('wrong')

    const first = await connectTo({ ...database, user: 'crowded' })
    const held = first.read({ schema: 'pg_catalog', name: ['pg_class'] }, ['relname'], 1)[Symbol.asyncIterator]()
    await held.next()
    await expect(connectTo({ ...database, user: 'crowded' })).rejects.toMatchObject({
      diagnostics: [
        {
          message: expect.stringContaining('too many connections'),
          fix: expect.stringContaining('Lower "connections"'),
        },
      ],
    })
    await held.return?.()
    await first.close()
    await owner.close()

    // Everything up to the graph is built, and the server goes.
    const ending = watched(async (name) => {
      if (name === 'customer placed') await stop()
    })
    const ended = await run('right', { warehouses: ending })
    expect(ended.report).toMatchObject({ status: 'failed', exit_code: 1 })
    expect(ended.writes).toBe(0)
    expect(ended.report.errors.at(-1)).toMatchObject({
      code: 'warehouse/connection',
      message: expect.stringContaining('The warehouse cannot be reached any more: '),
    })
  })
})

describe('a build that cannot go on tells which statement, what the server said and who can do something, publishes nothing and sends nothing', () => {
  test('for want of a right on one source, or on the schema of the state', async () => {
    const made = await postgresShop()
    await made.owner(`revoke select on raw.orders from ${made.role}`)
    expect(await failing(made)).toMatchObject({
      code: 'warehouse/permission',
      message: expect.stringMatching(/ failed: permission denied for table orders$/),
      fix: expect.stringContaining('Whoever owns what is named must grant it'),
    })
    await made.owner(`grant select on raw.orders to ${made.role}`, `revoke create on schema _cdp from ${made.role}`)
    await made.owner('alter schema _cdp owner to test')
    expect(await failing(made)).toMatchObject({
      code: 'warehouse/permission',
      message: expect.stringMatching(/ failed: permission denied for schema _cdp/),
      fix: expect.stringContaining('`cdp doctor --grants` prints'),
    })
  })

  test('because it takes too long, or too much room', async () => {
    const made = await postgresShop()
    await made.owner(
      'alter table raw.orders rename to all_orders',
      'create view raw.orders as select o.* from raw.all_orders as o where pg_sleep(60) is not null',
      `grant select on raw.orders to ${made.role}`,
      `alter role ${made.role} set statement_timeout = '2s'`,
    )
    expect(await failing(made)).toMatchObject({
      code: 'warehouse/statement',
      message: expect.stringMatching(/ failed: canceling statement due to statement timeout$/),
      fix: expect.stringContaining('can raise statement_timeout'),
    })
    await made.owner(
      `create or replace view raw.orders as
       select o.* from raw.all_orders as o, generate_series(1, 2000) order by md5(o.order_id || generate_series)`,
      `alter role ${made.role} set statement_timeout = 0`,
      `alter role ${made.role} set work_mem = '64kB'`,
      `alter role ${made.role} set temp_file_limit = '64kB'`,
    )
    expect(await failing(made)).toMatchObject({
      code: 'warehouse/statement',
      message: expect.stringMatching(/ failed: temporary file size exceeds "temp_file_limit" \(64kB\)$/),
      fix: expect.stringContaining('must give the role more room'),
    })
  })

  test('because a column has another type, or is gone, since the run before', async () => {
    const made = await postgresShop()
    expect((await made.run()).report).toMatchObject({ status: 'ok' })
    await made.owner("alter table raw.orders alter column amount type text using 'a lot'")
    expect(await failing(made)).toMatchObject({
      code: 'warehouse/statement',
      message: expect.stringMatching(/^customer from orders failed: function sum\(text\) does not exist$/),
      fix: expect.stringContaining('cdp validate --warehouse'),
    })
    await made.owner('alter table raw.orders drop column amount')
    const { report, writes } = await made.run()
    expect(report).toMatchObject({ status: 'failed', exit_code: 2 })
    expect(report.errors.at(-1)).toMatchObject({
      code: 'warehouse/missing-column',
      at: expect.stringContaining('models/'),
    })
    expect(writes).toBe(0)
  })

  test('because the server ends the connection of a statement, and the next run does all of it', async () => {
    const made = await postgresShop()
    await made.owner(
      'alter table raw.orders rename to all_orders',
      `create function raw.ended() returns boolean language sql as $$
         select pg_terminate_backend(pg_backend_pid()) $$ security definer`,
      'create view raw.orders as select o.* from raw.all_orders as o where raw.ended()',
      `grant select on raw.orders to ${made.role}`,
    )
    expect(await failing(made)).toMatchObject({
      code: 'warehouse/statement',
      message: expect.stringMatching(/^customer \w+ failed: terminating connection due to administrator command$/),
      fix: expect.stringContaining('run the command again'),
    })
    await made.owner('create or replace view raw.orders as select * from raw.all_orders')
    expect((await made.run()).report).toMatchObject({ status: 'ok' })
  })

  test('a read whose connection is ended between two pages throws, and gives no row twice', async () => {
    const database = await (await sharedPostgres()).database()
    const [owner, reader] = [await connectTo(database), await connectTo(database)]
    await owner.script([written('create table many as select n from generate_series(1, 5000) as n')])
    const seen: string[] = []
    const reading = async () => {
      for await (const { columns } of reader.read({ schema: 'public', name: ['many'] }, ['n'], 500, 'n')) {
        seen.push(...(columns[0] ?? []).map(String))
        if (seen.length === 1_000)
          await owner.first(
            written(`
              select pg_terminate_backend(pid) from pg_stat_activity
              where datname = current_database() and query like 'fetch forward%'`),
          )
      }
    }
    await expect(reading()).rejects.toMatchObject({
      diagnostics: [
        {
          code: 'warehouse/statement',
          // The server's own words, or those of the socket, whichever is heard first.
          message: expect.stringMatching(/^read of public.many failed: ./),
          fix: expect.stringContaining('run the command again'),
        },
      ],
    })
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen.length).toBeLessThan(5_000)
    await Promise.all([owner.close(), reader.close()])
  })
})

test('a page whose connection ends while it is appended is not there, and the failure says where it was going', async () => {
  const database = await (await sharedPostgres()).database()
  const [session, other] = [await connectTo(database), await connectTo(database)]
  onTestFinished(() => session.close())
  onTestFinished(() => other.close())
  await other.script([written('create table many (n integer)')])
  // Whoever holds the table lets nobody in; the server ends whoever waits for it.
  const end = 'select count(pg_terminate_backend(pid)) as n from pg_locks where not granted'
  const holder = new Client({ host: database.host, database: database.database, user: database.user })
  await holder.connect()
  onTestFinished(() => holder.end())
  await holder.query('begin; lock table many in access exclusive mode')
  const appending = session.append({ schema: 'public', name: ['many'] }, { rows: 2, columns: [['1', '2']] })
  const failing = expect(appending).rejects.toMatchObject({
    who: 'warehouse',
    message: expect.stringContaining('append to public.many failed'),
  })
  while ((await holder.query(end)).rows[0].n === '0');
  await failing
  await holder.query('rollback')
  expect(await other.first(written('select count(*) as n from many'))).toEqual({ n: '0' })
})

test('two connections are enough: whoever reads can write, and who reads next waits for the first', async () => {
  const database = await (await sharedPostgres()).database()
  const session = await connectTo({ ...database, connections: 2 })
  onTestFinished(() => session.close())
  await session.script([written('create table many as select n from generate_series(1, 5000) as n')])
  const rows = () => session.read({ schema: 'public', name: ['many'] }, ['n'], 1_000)[Symbol.asyncIterator]()
  const [first, second] = [rows(), rows()]
  await first.next()
  const waiting = second.next()
  await session.script([written('create table written as select 1 as n')])
  expect(await session.first(written('select count(*) as n from written'))).toEqual({ n: '1' })
  await first.return?.()
  expect((await waiting).value?.rows).toBe(1_000)
  await second.return?.()

  const made = await postgresShop(', connections: 2')
  expect((await made.run()).report).toMatchObject({ status: 'ok', exit_code: 0 })
})

test('names that are words of SQL, or in mixed case, are names: a whole project over them', async () => {
  const made = await postgresShop()
  await made.owner(
    'create schema "Shop Data"',
    `create table "Shop Data"."Order" as
     select order_id as "select", email as "E-Mail", amount as "Amount", amount * 2 as amount, ordered_at as "order"
     from raw.orders`,
    `create table "Shop Data"."user" as select person_id as "group", email as "E-Mail", city as "from" from raw.people`,
    `grant usage on schema "Shop Data" to ${made.role}`,
    `grant select on all tables in schema "Shop Data" to ${made.role}`,
  )
  await writeFile(join(made.directory, 'models/customer.yaml'), WORDS)
  for (const file of ['crm', 'exports', 'hook', 'newsletter'])
    await writeFile(join(made.directory, `destinations/${file}.yaml`), '')
  await appendFile(join(made.directory, 'destinations/hook.yaml'), WORDS_SENT)
  const { report, holdings } = await made.run()
  expect(report.errors).toEqual([])
  expect(report).toMatchObject({ status: 'ok', exit_code: 0 })
  const rows = holdings.get('hook')?.[0]?.rows ?? []
  expect(rows.length).toBeGreaterThan(5)
  for (const { fields } of rows as { fields: { both: number; one: number } }[]) expect(fields.both).toBe(3 * fields.one)
})

const WORDS = `
sources:
  people: { table: Shop Data.user, category: profile, key: group, identifiers: { person_id: group, email: E-Mail } }
  orders: { table: Shop Data.Order, category: transaction, key: select, at: order, identifiers: { email: E-Mail } }
entities:
  customer: { identifiers: { person_id: {}, email: {} } }
traits:
  customer:
    email: { pick: E-Mail, from: people }
    city: { pick: from, from: people }
    one: { from: orders, sum: Amount }
    other: { from: orders, sum: amount }
    both: { expr: one + other }
    newest: { from: orders, last: select }
segments:
  select: { where: [{ did: orders, where: Amount > 10 }, both > 100] }
`

const WORDS_SENT = `
destinations: { hook: { type: webhook, url: "https://hook.example/in" } }
syncs:
  order: { to: hook, audience: select, mode: mirror, key: email, fields: { both: both, one: one } }
`
