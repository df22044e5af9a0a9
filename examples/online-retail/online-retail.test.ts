import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { beforeAll, describe, expect, test } from 'vitest'
import { cdp, copyProject, jsonOf, type Outcome, repository } from '../../test/support/cli.ts'

const FILE = resolve(process.env.ONLINE_RETAIL ?? join(repository, '../shared/data/online_retail.parquet'))
const absent = !existsSync(FILE)
if (absent) console.warn(`Skipped: Online Retail needs ${FILE}; name another place of the file in ONLINE_RETAIL.`)

// What the tool must arrive at, asked of the file itself: no model, no profile, no code of ours.
const LINES = `
  select CustomerID as customer, InvoiceNo as invoice, InvoiceNo like 'C%' as cancelled, Country as country,
    cast(Quantity as decimal(18, 0)) * cast(UnitPrice as decimal(18, 3)) as amount,
    timezone('Europe/London', strptime(InvoiceDate, '%m/%d/%y %H:%M')) as sold_at
  from read_parquet('${FILE.replaceAll("'", "''")}')`
const CUSTOMERS = `
  select customer, sum(amount) as revenue, count(distinct invoice) filter (not cancelled) as orders,
    count(distinct invoice) filter (cancelled) as cancelled_orders, max(sold_at) filter (not cancelled) as last_order_at
  from (${LINES}) where customer is not null group by customer`

describe.skipIf(absent)('online retail', () => {
  let outcome: Outcome
  let directory: string

  beforeAll(async () => {
    const project = await copyProject(import.meta.dirname)
    directory = project.directory
    outcome = await cdp(['run', '--project-dir', directory, '--json'], { env: { ONLINE_RETAIL: FILE } })
    return project.remove
  }, 120_000)

  test('the run ends well, with as many profiles as the file has customers', async () => {
    const [file] = await ask(`select count(distinct customer) as customers from (${LINES})`)

    expect(outcome.code, outcome.stderr).toBe(0)
    expect(jsonOf(outcome)).toMatchObject({
      status: 'ok',
      identity: [{ entity: 'customer', profiles: Number(file?.customers) }],
    })
  })

  test('lines without a customer are counted as unattributed', async () => {
    const [file] = await ask(`
      select count(*) as lines, count(distinct invoice) as invoices from (${LINES}) where customer is null`)

    expect(jsonOf(outcome)).toMatchObject({
      identity: [{ unattributed: { lines: Number(file?.lines), invoices: Number(file?.invoices) } }],
    })
  })

  test('attributed and unattributed revenue add up to the file', async () => {
    const [file] = await ask(`
      select sum(amount) as total, sum(amount) filter (customer is not null) as attributed,
        sum(amount) filter (customer is null) as unattributed
      from (${LINES})`)
    const [profiles] = await published('select cast(sum(revenue) as decimal(18, 3)) as attributed from cdp.customer')

    expect(profiles?.attributed).toBe(file?.attributed)
    expect(thousandths(profiles?.attributed) + thousandths(file?.unattributed)).toBe(thousandths(file?.total))
  })

  test('every customer has the revenue, orders and cancellations of the file', async () => {
    const columns = 'cast(revenue as decimal(18, 3)) as revenue, orders, cancelled_orders, epoch(last_order_at) as last'
    const file = await ask(`select cast(customer as varchar) as customer, ${columns} from (${CUSTOMERS}) order by 1`)

    expect(await published(`select customer_id as customer, ${columns} from cdp.customer order by 1`)).toEqual(file)
  })

  test('the segments by recency, frequency and money have the members of the file', async () => {
    const [file] = await ask(`
      select
        count(*) filter (last_order_at >= now - interval 30 day and orders >= 3 and revenue >= 1000) as champions,
        count(*) filter (last_order_at < now - interval 90 day and orders >= 2 and revenue >= 500) as at_risk,
        count(*) filter (orders = 0 and cancelled_orders > 0) as returns_only
      from (${CUSTOMERS}), (select timestamptz '2011-06-27 00:00:00Z' as now)`)
    const members = (segment: string) => `(select count(*) from cdp.segment_${segment}) as ${segment}`

    expect(
      await published(`select ${members('champions')}, ${members('at_risk')}, ${members('returns_only')}`),
    ).toEqual([file])
  })

  /** Rows of a query over the published views, values as text. */
  function published(query: string): Promise<readonly Record<string, unknown>[]> {
    return ask(query, join(directory, '.cdp/warehouse.duckdb'))
  }
})

async function ask(query: string, database = ':memory:'): Promise<readonly Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(database, database === ':memory:' ? {} : { access_mode: 'READ_ONLY' })
  const connection = await instance.connect()
  try {
    return (await connection.runAndReadAll(query)).getRowObjectsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

function thousandths(decimal: unknown): bigint {
  return BigInt(String(decimal).replace('.', ''))
}
