import { expect, onTestFinished, test } from 'vitest'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import { story, unlike } from '../support/sample-story.ts'
import { fillTables } from '../support/sample-tables.ts'
import { warehouseOf } from '../support/small-shop.ts'
import { connectTo, snowflakeAccount } from '../support/snowflake.ts'

test('the sample publishes and plans on Snowflake, emulated on DuckDB, row by row, what it does on DuckDB', {
  timeout: 600_000,
}, async () => {
  const { emulator, options, keyFile } = await snowflakeAccount()
  onTestFinished(() => emulator.stop())
  const owner = await connectTo(options)
  await fillTables(owner)
  await owner.close()
  const target = `{ type: snowflake, account: acme-test, user: OWNER, private_key_path: ${keyFile}, database: ANALYTICS, access_url: "${emulator.url}" }`
  const there = await story(target, () => connectTo(options))
  const here = await story('{ type: duckdb, path: .cdp/warehouse.duckdb }', async (directory, isFirst) => {
    const session = await duckdb.connect(duckdb.options.parse({ path: warehouseOf(directory) }), {
      directory,
      mode: 'write',
    })
    if (isFirst) await fillTables(session)
    return session
  })
  for (const kind of ['views', 'plans'] as const) {
    expect([...there[kind].keys()]).toEqual([...here[kind].keys()])
    for (const [name, rows] of here[kind]) expect(unlike(there[kind].get(name) ?? [], rows), name).toEqual([])
  }
  expect(here.views.size).toBeGreaterThan(15)
  expect(there.counts).toEqual(here.counts)
  expect(there.held).toEqual(here.held)
})
