import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { ALL } from '../support/all.ts'
import { cdp, emptyFolder } from '../support/cli.ts'
import { runInSandbox, smallShop, warehouseOf } from '../support/small-shop.ts'
import { written } from '../support/written.ts'

/** A project over tables of its own DuckDB: what the statements make, and these sources and traits. */
async function projectOver(statements: readonly string[], yaml: string): Promise<string> {
  const { directory, remove } = await emptyFolder()
  onTestFinished(remove)
  await writeFile(
    join(directory, 'cdp.config.yaml'),
    `name: input\nwarehouses: { local: { type: duckdb, path: .cdp/warehouse.duckdb } }\n${yaml}`,
  )
  await change(directory, statements)
  return directory
}

async function change(directory: string, statements: readonly string[]): Promise<void> {
  await within(directory, (session) => session.script(statements.map(written)))
}

async function within<T>(directory: string, work: (session: Session) => Promise<T>): Promise<T> {
  const options = duckdb.options.parse({ path: warehouseOf(directory) })
  const session = await duckdb.connect(options, { directory, mode: 'write' })
  return work(session).finally(() => session.close())
}

const first = (directory: string, text: string) => within(directory, (session) => session.first(written(text)))

const ORDERS = `sources:
  orders: { table: raw.orders, key: id, identifiers: { email: email } }
entities:
  customer: { identifiers: { email: {} } }
traits:
  customer:
    spent: { from: orders, sum: amount }
`

const MADE = [
  'create schema if not exists raw',
  `create or replace table raw.orders as select * from (values ('o1', 'a@x.fr', 12), ('o2', 'b@x.fr', 30)) as v (id, email, amount)`,
]

test('a column that becomes another kind of number is read as what it is now', async () => {
  const directory = await projectOver(MADE, ORDERS)
  expect((await runInSandbox(directory)).report.status).toBe('ok')
  await change(directory, [
    `create or replace table raw.orders as select * from (values ('o1', 'a@x.fr', 12.5::double), ('o2', 'b@x.fr', 30)) as v (id, email, amount)`,
  ])
  expect((await runInSandbox(directory)).report.status).toBe('ok')
  expect(await first(directory, 'select sum(spent) as n from cdp.customer')).toEqual({ n: '42.5' })
})

test('a column that becomes text fails its statement in the words of the warehouse, and what is published stays', async () => {
  const directory = await projectOver(MADE, ORDERS)
  await runInSandbox(directory)
  await change(directory, ['alter table raw.orders alter amount set data type text'])
  const { report } = await runInSandbox(directory)
  expect(report).toMatchObject({ status: 'failed', exit_code: 1 })
  expect(report.errors).toMatchObject([{ code: 'warehouse/statement', message: expect.stringMatching(/sum|VARCHAR/) }])
  expect(await first(directory, 'select sum(spent) as n from cdp.customer')).toEqual({ n: '42' })
})

test('a column that vanished is told where the project names it, before anything is built', async () => {
  const directory = await projectOver(MADE, ORDERS)
  await runInSandbox(directory)
  await change(directory, ['alter table raw.orders rename amount to total'])
  const { report } = await runInSandbox(directory)
  expect(report).toMatchObject({ exit_code: 2 })
  expect(report.errors).toMatchObject([{ code: 'warehouse/missing-column', at: 'cdp.config.yaml:9:33' }])
  expect(await first(directory, 'select sum(spent) as n from cdp.customer')).toEqual({ n: '42' })
})

test('a table that vanished is told where the project names it', async () => {
  const directory = await projectOver(MADE, ORDERS)
  await change(directory, ['drop table raw.orders'])
  const { report } = await runInSandbox(directory)
  expect(report.errors).toMatchObject([{ code: 'warehouse/missing-table', at: 'cdp.config.yaml:4:20' }])
})

test('reserved words and mixed case name schemas, tables, columns, sources, entities, traits and segments', async () => {
  const directory = await projectOver(
    [
      'create schema "Select"',
      `create table "Select"."Order" as select 'k1' as "Group", 'A@x.fr' as "Table", 3 as "From", 'x' as "order by"`,
    ],
    `schemas: { models: Table, state: Column }
sources:
  Order: { table: Select.Order, key: Group, identifiers: { user: Table } }
entities:
  User: { identifiers: { user: { normalize: email } } }
traits:
  User:
    having: { from: Order, sum: From }
    Where: { pick: order by, from: [Order] }
segments:
  end: { of: User, where: having > 1 and Where = x }
`,
  )
  const { report } = await runInSandbox(directory)
  expect(report).toMatchObject({ status: 'ok', segments: [{ name: 'end', members: 1 }] })
  expect(await first(directory, 'select "having", "Where" from "Table"."segment_end"')).toEqual({
    having: '3',
    Where: 'x',
  })
})

test('sources are read from attached databases, by two parts or three, beside tables of the warehouse', async () => {
  const directory = await projectOver(
    ['create schema raw', `create table raw.people as select 'p1' as id, 'a@x.fr' as email, 'Rouen' as city`],
    `sources:
  people: { table: raw.people, key: id, identifiers: { email: email } }
  orders: { table: shop.orders, category: transaction, key: id, identifiers: { email: email } }
  returns: { table: shop.back.returns, category: transaction, key: id, identifiers: { email: email } }
  models: { sql: "select * from shop.back.returns", category: transaction, key: id, identifiers: { email: email } }
entities:
  customer: { identifiers: { email: {} } }
traits:
  customer:
    city: { pick: city, from: [people] }
    spent: { from: orders, sum: amount }
    returned: { from: returns, sum: amount }
    again: { from: models, count: rows }
`,
  )
  const shop = await duckdb.connect(duckdb.options.parse({ path: 'shop.duckdb' }), { directory, mode: 'write' })
  await shop.script([
    written('create schema back'),
    written(`create table orders as select 'o1' as id, 'a@x.fr' as email, 12 as amount`),
    written(`create table back.returns as select 'r1' as id, 'a@x.fr' as email, 5 as amount`),
  ])
  await shop.close()
  const config = join(directory, 'cdp.config.yaml')
  const yaml = await readFile(config, 'utf8')
  await writeFile(config, yaml.replace('warehouse.duckdb }', 'warehouse.duckdb, attach: { shop: shop.duckdb } }'))
  const { report } = await runInSandbox(directory)
  expect(report.errors).toEqual([])
  expect(await first(directory, 'select city, spent, returned, again from cdp.customer')).toEqual({
    city: 'Rouen',
    spent: '12',
    returned: '5',
    again: '1',
  })
})

test('every command that meets a process which holds the file ends with 5 and names it', {
  timeout: 120_000,
}, async () => {
  const directory = await smallShop()
  await within(directory, async () => {
    // Each waits a while for the file to be let go: everyday one that writes and one that reads.
    const rare = [['plan', '--sandbox'], ['log'], ['validate', '--warehouse']]
    for (const args of [['run', '--sandbox'], ['status'], ...(ALL ? rare : [])]) {
      const met = await cdp([...args, '--json'], { cwd: directory })
      expect(met.stdout, args.join(' ')).toContain(`is in use by process ${process.pid}.`)
      expect(met.code, args.join(' ')).toBe(5)
    }
    const doctor = await cdp(['doctor', '--sandbox'], { cwd: directory })
    expect(doctor).toMatchObject({ code: 1, stderr: expect.stringContaining(`in use by process ${process.pid}.`) })
  })
})

test('readers in two processes do not keep each other out, and a writer is told of a reader', async () => {
  const directory = await smallShop()
  expect(await cdp(['run', '--sandbox'], { cwd: directory })).toMatchObject({ code: 0 })
  const options = duckdb.options.parse({ path: warehouseOf(directory) })
  const reader = await duckdb.connect(options, { directory, mode: 'read' })
  onTestFinished(() => reader.close())
  expect(await cdp(['status', '--sandbox'], { cwd: directory })).toMatchObject({ code: 0 })
  const writer = await cdp(['run', '--sandbox'], { cwd: directory })
  expect(writer).toMatchObject({ code: 5, stderr: expect.stringContaining(`in use by process ${process.pid}.`) })
})
