import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bigqueryShop } from '../support/bigquery-shop.ts'
import { visit } from '../support/doctor.ts'
import { loadAll, shopOn } from '../support/shop-tables.ts'
import { connectTo, keyPair, snowflakeAccount } from '../support/snowflake.ts'
import { written } from '../support/written.ts'

type Looks = Awaited<ReturnType<typeof visit>>['looks']

const found = (looks: Looks) => Object.fromEntries(looks.map((one) => [one.look, one.found]))
const told = (looks: Looks) =>
  looks.flatMap(({ look, diagnostics }) => diagnostics.map(({ message }) => `${look}: ${message}`))

describe('on BigQuery, emulated on DuckDB, the doctor', () => {
  test('says as whom it asks, and leaves nothing of what it made', async () => {
    const { directory, emulator, owner } = await bigqueryShop()
    const first = (await visit(directory)).looks
    expect(told(first)).toEqual([])
    expect(found(first)).toEqual({
      connection: 'cdp@shop-test.example on shop-test',
      clock: 'as here',
      tables: '2 sources',
      reading: '2 of 2 tables',
      writing: 'cdp (missing: the first run makes it), _cdp (missing: the first run makes it)',
    })
    await owner('create schema `cdp`', 'create schema `_cdp`')
    const { looks } = await visit(directory)
    expect(told(looks)).toEqual([])
    expect(found(looks)).toMatchObject({ writing: 'cdp, _cdp' })
    expect([...(await emulator.tables('cdp')), ...(await emulator.tables('_cdp'))]).toEqual([])
  })

  test('names the table that may not be read', async () => {
    const { directory, emulator } = await bigqueryShop()
    emulator.given.denied.add('raw.orders')
    const { looks } = await visit(directory)
    expect(told(looks)).toEqual([
      expect.stringMatching(/^tables: columns of raw.orders failed: Access Denied: Table shop-test:raw.orders/),
      expect.stringMatching(
        /^reading: The table "raw.orders" cannot be read: Access Denied: Table shop-test:raw.orders/,
      ),
    ])
    expect(found(looks)).toMatchObject({ reading: '1 of 2 tables' })
  })
})

describe('on Snowflake, emulated on DuckDB, the doctor', () => {
  async function shop() {
    const { publicKey, pem } = keyPair()
    const account = await snowflakeAccount({
      CDP: { publicKey, roles: ['LOADER', 'PUBLIC'], warehouse: 'CDP_XS' },
    })
    onTestFinished(() => account.emulator.stop())
    const owner = await connectTo(account.options)
    onTestFinished(() => owner.close())
    const directory = await shopOn(
      `{ type: snowflake, account: acme-test, user: CDP, private_key_path: key.p8, role: LOADER, warehouse: CDP_XS, database: ANALYTICS, access_url: "${account.options.access_url}" }`,
    )
    await writeFile(join(directory, 'key.p8'), pem)
    await loadAll(directory, owner)
    const own = (...statements: readonly string[]) => owner.script(statements.map(written))
    await own(
      'grant usage on database ANALYTICS to role LOADER',
      'grant usage on warehouse CDP_XS to role LOADER',
      'grant usage on schema RAW to role LOADER',
      'grant select on all tables in schema RAW to role LOADER',
    )
    return { directory, owner, own }
  }

  test('says as whom it asks, and leaves nothing of what it made', async () => {
    const { directory, owner, own } = await shop()
    expect(found((await visit(directory)).looks)).toEqual({
      connection: 'CDP as LOADER on ANALYTICS',
      version: '9.36.0',
      clock: 'as here',
      tables: '2 sources',
      reading: '2 of 2 tables',
      writing: 'cdp (missing: the first run makes it), _cdp (missing: the first run makes it)',
    })
    await own('create schema CDP', 'create schema _CDP', 'grant ownership on schema CDP to role LOADER')
    const { looks } = await visit(directory)
    expect(found(looks)).toMatchObject({ writing: 'cdp, _cdp' })
    expect(told(looks)).toEqual([
      expect.stringMatching(/^writing: Nothing can be made in the schema "_cdp": .*privileges/),
    ])
    const left = await owner.first(
      written(`select count(*) from information_schema.tables where table_schema in ('CDP', '_CDP')`),
    )
    expect(Object.values(left ?? {})).toEqual(['0'])
  })
})
