import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startBigquery } from '../emulators/bigquery.ts'
import { ALL } from '../support/all.ts'
import { type BigqueryShop, bigqueryShop, connectTo } from '../support/bigquery-shop.ts'
import { written } from '../support/written.ts'

const MANY = 25_000

/** A project with a table of many rows. */
async function filled() {
  const emulator = await startBigquery()
  onTestFinished(() => emulator.close())
  const session = await connectTo(emulator)
  await session.script(['create schema if not exists `raw`', 'create table `raw`.`many` (n int64)'].map(written))
  const numbers = Array.from({ length: MANY }, (_, at) => String(at + 1))
  await session.append({ schema: 'raw', name: ['many'] }, { rows: MANY, columns: [numbers] })
  return { emulator, session }
}

/** The last error of a run that fails, publishes nothing and sends nothing. */
async function failing(shop: BigqueryShop) {
  const before = await shop.emulator.tables('cdp')
  const { report, writes } = await shop.run()
  expect(report).toMatchObject({ status: 'failed' })
  expect(writes).toBe(0)
  expect(await shop.emulator.tables('cdp')).toEqual(before)
  return report.errors.at(-1)
}

describe('a project that cannot be opened', () => {
  test('wants credentials that nobody gives', async () => {
    const { emulator } = await filled()
    emulator.limits.token = 'right'
    await expect(connectTo(emulator)).rejects.toMatchObject({
      who: 'warehouse',
      diagnostics: [
        {
          code: 'warehouse/connection',
          message: expect.stringContaining('Request had invalid authentication credentials.'),
          fix: expect.stringContaining('gcloud auth application-default login'),
        },
      ],
    })
  })

  test('is not there', async () => {
    const { emulator } = await filled()
    await expect(connectTo(emulator, { project: 'nowhere' })).rejects.toMatchObject({
      who: 'warehouse',
      diagnostics: [
        {
          code: 'warehouse/connection',
          message: expect.stringContaining('The project "nowhere" cannot be used: Not found: Project nowhere'),
          fix: expect.stringContaining('Check the name'),
        },
      ],
    })
  })
})

describe('a build that cannot go on tells which statement, what the service said and who can do something, publishes nothing and sends nothing', () => {
  test('for want of a right on one source', async () => {
    const shop = await bigqueryShop()
    shop.emulator.given.denied.add('raw.orders')
    expect(await failing(shop)).toMatchObject({
      message: expect.stringMatching(/Access Denied: Table shop-test:raw\.orders/),
      fix: expect.stringContaining('BigQuery Data Viewer'),
    })
    shop.emulator.given.denied.clear()
    const read = () => shop.emulator.jobs().reduce((sum, { bytes }) => sum + bytes, 0)
    const before = read()
    const { report } = await shop.run()
    expect(report).toMatchObject({ status: 'ok', errors: [], bytes_read: read() - before })
    expect(report.bytes_read).toBeGreaterThan(1_000_000)
    // Of a project that was published before, nothing is taken back.
    shop.emulator.given.denied.add('raw.people')
    expect(await failing(shop)).toMatchObject({ message: expect.stringContaining('raw.people') })
  })

  test('because a quota is used up while it builds', async () => {
    const shop = await bigqueryShop()
    shop.emulator.limits.jobs = 25
    expect(await failing(shop)).toMatchObject({
      code: 'warehouse/statement',
      message: expect.stringMatching(
        / failed: Quota exceeded: Your project shop-test exceeded quota for jobs per day\.$/,
      ),
      fix: expect.stringContaining('"IAM & Admin", "Quotas"'),
    })
  })

  test('because a statement takes too long, or would be billed for too much', async () => {
    const shop = await bigqueryShop(', job_timeout: 60, maximum_bytes_billed: 30000000')
    shop.emulator.given.slow.set('raw.orders', 61_000)
    expect(await failing(shop)).toMatchObject({
      code: 'warehouse/statement',
      message: expect.stringMatching(/ failed: .*Job timed out after 60 seconds/),
      fix: expect.stringContaining('`job_timeout`'),
    })
    shop.emulator.given.slow.clear()
    expect(await failing(shop)).toMatchObject({
      message: expect.stringMatching(/ failed: .*exceeded limit for bytes billed: 30000000/),
      fix: expect.stringContaining('`maximum_bytes_billed`'),
    })
  })

  // Two builds over an emulated service take a quarter of a minute; everyday what the tests above refuse stands for it.
  test.skipIf(!ALL)('because a column has another type, or is gone, since the run before', async () => {
    const shop = await bigqueryShop()
    expect((await shop.run()).report).toMatchObject({ status: 'ok', errors: [] })
    await shop.owner(
      "create or replace table `raw`.`orders` as select * except (amount), 'twelve' as amount from `raw`.`orders`",
    )
    expect(await failing(shop)).toMatchObject({
      code: 'warehouse/statement',
      message: expect.stringMatching(/^customer from orders failed: .*sum/),
    })
    await shop.owner('create or replace table `raw`.`orders` as select * except (amount) from `raw`.`orders`')
    expect(await failing(shop)).toMatchObject({
      code: 'warehouse/missing-column',
      at: expect.stringContaining('models/'),
    })
  })
})

describe('an answer that is lost', () => {
  test('of a statement that ran is fetched from its job, which is not run twice', async () => {
    const { emulator, session } = await filled()
    await session.script([written('create or replace table `raw`.`few` as select 1 as n')])
    emulator.faults.push({ at: 'insert', what: 'lost' })
    const [counted] = await session.script([written('insert into `raw`.`few` (n) values (2)')])
    expect(counted).toEqual({ rows: 1 })
    expect(await session.first(written('select count(*) as n from `raw`.`few`'))).toEqual({ n: '2' })
  })

  test('of what is asked behind a statement leaves nothing of it, so that it can be done again', async () => {
    const { session } = await filled()
    await session.script([written('create or replace table `raw`.`few` as select 1 as n')])
    const insert = written('insert into `raw`.`few` (n) values (2)')
    const count = written('select count(*) as n from `raw`.`few`')
    await expect(session.ask([insert], written('select n from `raw`.`nowhere`'))).rejects.toThrow('nowhere')
    expect(await session.first(count)).toEqual({ n: '1' })
    expect(await session.ask([insert], count)).toEqual({ n: '2' })
  })

  test('in the middle of a page ends the read with an error, or with all of its rows', async () => {
    const { emulator, session } = await filled()
    const seen: string[] = []
    const reading = async () => {
      for await (const { columns } of session.read({ schema: 'raw', name: ['many'] }, ['n'], 5_000, 'n')) {
        seen.push(...(columns[0] ?? []).map(String))
        if (seen.length === 10_000) emulator.faults.push({ at: 'results', what: 'cut' })
      }
    }
    const error = await reading().then(
      () => undefined,
      (failed: unknown) => failed,
    )
    const numbers = Array.from({ length: error === undefined ? MANY : seen.length }, (_, at) => String(at + 1))
    expect(seen).toEqual(numbers)
    if (error !== undefined)
      expect(error).toMatchObject({ message: expect.stringMatching(/^read of raw\.many failed: ./) })
    expect(emulator.faults).toEqual([])
  })

  test('because the service is away for a moment is asked for again', async () => {
    const { emulator, session } = await filled()
    emulator.faults.push({ at: 'insert', what: 'unavailable' })
    expect(await session.first(written('select count(*) as n from `raw`.`many`'))).toEqual({ n: String(MANY) })
  })
})

test('names that are words of SQL, or in mixed case, are names: a whole project over them', async () => {
  const shop = await bigqueryShop()
  await shop.owner(
    'create schema `Shop_Data`',
    `create or replace table \`Shop_Data\`.\`Order\` as
     select order_id as \`select\`, email as \`E-Mail\`, amount as \`Amount\`, amount * 2 as \`from\`, ordered_at as \`order\`
     from \`raw\`.\`orders\``,
    `create or replace table \`Shop_Data\`.\`user\` as
     select person_id as \`group\`, email as \`E-Mail\`, city as \`where\` from \`raw\`.\`people\``,
  )
  await writeFile(join(shop.directory, 'models/customer.yaml'), WORDS)
  for (const file of ['crm', 'exports', 'hook', 'newsletter'])
    await writeFile(join(shop.directory, `destinations/${file}.yaml`), file === 'hook' ? WORDS_SENT : '')
  const { report, holdings } = await shop.run()
  expect(report.errors).toEqual([])
  expect(report).toMatchObject({ status: 'ok', exit_code: 0 })
  const rows = holdings.get('hook')?.[0]?.rows ?? []
  expect(rows.length).toBeGreaterThan(5)
  for (const { fields } of rows as { fields: { both: number; one: number } }[]) expect(fields.both).toBe(3 * fields.one)
})

const WORDS = `
sources:
  people: { table: Shop_Data.user, category: profile, key: group, identifiers: { person_id: group, email: E-Mail } }
  orders: { table: Shop_Data.Order, category: transaction, key: select, at: order, identifiers: { email: E-Mail } }
entities:
  customer: { identifiers: { person_id: {}, email: {} } }
traits:
  customer:
    email: { pick: E-Mail, from: people }
    city: { pick: where, from: people }
    one: { from: orders, sum: Amount }
    other: { from: orders, sum: from }
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
