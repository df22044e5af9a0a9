import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { grants } from '../../src/doctor/grants.ts'
import type { PostgresOptions } from '../../src/warehouses/postgres.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { emptyFolder } from '../support/cli.ts'
import { visit } from '../support/doctor.ts'
import { connectTo } from '../support/postgres.ts'
import { sharedPostgres } from '../support/shared-postgres.ts'
import { runInSandbox } from '../support/small-shop.ts'
import { written } from '../support/written.ts'

/** A project over two tables of a Postgres, whose owner made them; `role` is who the project connects as. */
async function clinic(): Promise<{
  readonly database: PostgresOptions
  readonly owner: Session
  readonly role: string
  readonly directory: string
}> {
  const database = await (await sharedPostgres()).database()
  const owner = await connectTo(database)
  onTestFinished(() => owner.close())
  const role = `doctor_${database.database}`
  await owner.script([
    written('create schema raw'),
    written(`create table raw.people as select 'p1' as id, 'a@x.fr' as email, 'Rouen' as city`),
    written(`create table raw.orders as select 'o1' as id, 'a@x.fr' as email, 12 as amount`),
    written('create table raw.salaries as select 1 as n'),
  ])
  const { directory, remove } = await emptyFolder()
  onTestFinished(remove)
  await writeFile(
    join(directory, 'cdp.config.yaml'),
    `name: clinic
warehouses:
  pg: { type: postgres, host: ${database.host}, database: ${database.database}, user: ${role} }
sources:
  people: { table: raw.people, key: id, identifiers: { email: email } }
  orders: { table: raw.orders, category: transaction, key: id, identifiers: { email: email } }
entities:
  customer: { identifiers: { email: {} } }
traits:
  customer:
    city: { pick: city, from: [people] }
    spent: { from: orders, sum: amount }
segments:
  buyers: { of: customer, where: spent > 1 }
`,
  )
  return { database, owner, role, directory }
}

async function script(directory: string, role: string): Promise<string> {
  const { request, environment } = await visit(directory)
  return grants(request, environment, role)
}

const statementsOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('--'))
    .join('\n')
    .split(/;\n/)
    .map((one) => one.trim())
    .filter((one) => one !== '')

test('a role with the printed rights can do a whole run, and nothing else', async () => {
  const { database, owner, role, directory } = await clinic()
  for (const statement of statementsOf(await script(directory, role))) await owner.script([written(statement)])
  const { looks } = await visit(directory)
  expect(looks.flatMap(({ diagnostics }) => diagnostics)).toEqual([])
  expect(looks.map(({ look }) => look)).toEqual(['connection', 'version', 'clock', 'tables', 'reading', 'writing'])
  expect(looks.find(({ look }) => look === 'connection')?.found).toBe(`${role} on ${database.database}`)
  expect(looks.find(({ look }) => look === 'version')?.found).toMatch(/^\d+(\.\d+)*.*; at least 15$/)
  expect(looks.find(({ look }) => look === 'reading')?.found).toBe('2 of 2 tables')

  const { report } = await runInSandbox(directory)
  expect(report).toMatchObject({ status: 'ok', segments: [{ name: 'buyers', members: 1 }] })

  const session = await connectTo({ ...database, user: role })
  onTestFinished(() => session.close())
  for (const text of [
    'select * from raw.salaries',
    'delete from raw.orders',
    'create table raw.more (n int)',
    'create schema more',
    'create table public.more (n int)',
    'create role more',
  ])
    await expect(session.script([written(text)]), text).rejects.toThrow('permission denied')
})

test('each right that is missing is told with the words of the server, and nothing is left behind', async () => {
  const { owner, role, directory } = await clinic()
  await owner.script([
    written(`create role "${role}" login`),
    written(`grant usage on schema raw to "${role}"`),
    written(`grant select (id, email) on raw.people to "${role}"`),
    written(`create schema cdp authorization "${role}"`),
  ])
  const { looks } = await visit(directory)
  const told = looks.flatMap(({ look, diagnostics }) => diagnostics.map(({ code, message }) => [look, code, message]))
  expect(told).toEqual([
    ['reading', 'warehouse/permission', 'The table "raw.people" cannot be read: permission denied for table people.'],
    ['reading', 'warehouse/permission', 'The table "raw.orders" cannot be read: permission denied for table orders.'],
    [
      'writing',
      'warehouse/permission',
      expect.stringMatching(/^Nothing can be made in the schema "_cdp": permission denied for database \w+\.$/),
    ],
  ])
  for (const { diagnostics } of looks) for (const { fix } of diagnostics) expect(fix).toMatch(/`cdp doctor --grants`/)
  const left = `select count(*) as n from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('cdp', '_cdp')`
  expect(await owner.first(written(left))).toEqual({ n: '0' })
})

test('what is missing altogether is told once, as missing', async () => {
  const { owner, role, directory } = await clinic()
  for (const statement of statementsOf(await script(directory, role))) await owner.script([written(statement)])
  await owner.script([written('drop table raw.orders')])
  const { looks } = await visit(directory)
  expect(looks.flatMap(({ diagnostics }) => diagnostics.map(({ code }) => code))).toEqual(['warehouse/missing-table'])
})

test('a clock more than a minute off is a warning that says by how much', async () => {
  const { owner, role, directory } = await clinic()
  for (const statement of statementsOf(await script(directory, role))) await owner.script([written(statement)])
  const clockOf = async (ahead: number) => (await visit(directory, ahead)).looks.find(({ look }) => look === 'clock')
  expect(await clockOf(30)).toMatchObject({ found: expect.stringMatching(/^(29|30|31) s behind$/), diagnostics: [] })
  expect(await clockOf(300)).toMatchObject({
    diagnostics: [
      { code: 'warehouse/clock', severity: 'warning', message: expect.stringMatching(/ (299|300) seconds behind /) },
    ],
  })
  expect(await clockOf(-300)).toMatchObject({
    diagnostics: [{ message: expect.stringMatching(/ (299|300|301) seconds ahead of /) }],
  })
})

test('a warehouse that cannot be reached is one failure, with nothing behind it', async () => {
  const { directory } = await clinic()
  const { looks } = await visit(directory)
  expect(looks).toMatchObject([{ look: 'connection', diagnostics: [{ code: 'warehouse/connection' }] }])
  expect(looks).toHaveLength(1)
})
