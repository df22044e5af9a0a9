import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Report } from '../../src/report.ts'
import { cdp, emptyFolder, jsonOf } from '../support/cli.ts'
import { ask } from '../support/database.ts'
import { newSchema } from '../support/sql.ts'

// The same small project fills a table in the sandbox, where a DuckDB file stands in for the declared database, and in
// a real Postgres.

const TIME = 60_000

interface Shop {
  readonly directory: string
  /** Rewrites the people of the shop. */
  people(...rows: readonly string[]): Promise<void>
  /** Runs it; returns what the sync planned, and how the command ended. */
  run(...more: readonly string[]): Promise<readonly [creates: number, updates: number, removes: number]>
}

async function shop(server: Readonly<Record<string, unknown>>, env: Readonly<Record<string, string>>): Promise<Shop> {
  const { directory, remove } = await emptyFolder()
  onTestFinished(remove)
  await mkdir(join(directory, 'models'))
  await mkdir(join(directory, 'destinations'))
  await writeFile(join(directory, 'cdp.config.yaml'), CONFIG)
  await writeFile(join(directory, 'models/shop.yaml'), MODELS)
  const yaml = DESTINATION.replace('SERVER', JSON.stringify({ type: 'sql', ...server }))
  await writeFile(join(directory, 'destinations/shop.yaml'), yaml)
  return {
    directory,
    people: (...rows) => writeFile(join(directory, 'people.csv'), ['id,name,spent,since', ...rows, ''].join('\n')),
    run: async (...more) => {
      const outcome = await cdp(['run', '--json', ...more], { cwd: directory, env })
      const report = jsonOf(outcome) as Report
      expect(report).toMatchObject({ errors: [], status: 'ok', exit_code: 0 })
      const [sync] = report.syncs
      return [sync?.creates ?? -1, sync?.updates ?? -1, sync?.removes ?? -1]
    },
  }
}

function fromEnv(name: string): string {
  return `\${env:${name}}`
}

const CONFIG = `
name: tiny
warehouse: local
warehouses:
  local: { type: duckdb, path: .cdp/warehouse.duckdb, threads: 1 }
now: 2026-11-01T08:00:00Z
`

const MODELS = `
sources:
  people:
    file: people.csv
    category: profile
    key: id
    updated_at: since
    identifiers: { person_id: id }
    columns:
      id: { type: text }
      name: { type: text }
      spent: { type: decimal }
      since: { type: timestamp }
entities:
  customer:
    identifiers: { person_id: {} }
traits:
  customer:
    person: { pick: id, from: [people], by: first }
    name: { pick: name, from: [people], by: first }
    spent: { pick: spent, from: [people], by: first }
    since: { pick: since, from: [people], by: first }
`

const DESTINATION = `
destinations:
  shop: SERVER
syncs:
  customers_to_shop:
    to: shop
    into: { table: Customers, create: true, columns: { spent: number, since: timestamp }, soft_delete: left_at }
    audience: customer
    mode: mirror
    key: { Id: person }
    fields: { name: name, spent: { trait: spent, on_null: clear }, since: since }
`

const ADA = 'a1,"Ada ""L"", 你好",12.50,2026-01-02 03:04:05'
const BOB = 'b2,Bob,7,2026-01-03 00:00:00'
const EVE = 'e3,Eve,,2026-01-04 00:00:00'

const NAMES = ['Ada "L", 你好', 'Bob', 'Eve']

test('a table in the sandbox follows the audience; nothing is asked of the declared database', {
  timeout: TIME,
}, async () => {
  const { directory, people, run } = await shop({ client: 'sqlserver', url: fromEnv('NOT_SET') }, {})
  const file = join(directory, '.cdp/sandbox/local/tables/shop.duckdb')
  const held = () =>
    ask('select "Id", name, spent, since, left_at is not null as gone from "Customers" order by 1', file)
  await people(ADA, BOB, EVE)
  expect(await run('--sandbox')).toEqual([3, 0, 0])
  expect(await held()).toEqual([
    { Id: 'a1', name: NAMES[0], spent: '12.5000000000', since: '2026-01-02 03:04:05+00', gone: false },
    { Id: 'b2', name: 'Bob', spent: '7.0000000000', since: '2026-01-03 00:00:00+00', gone: false },
    { Id: 'e3', name: 'Eve', spent: null, since: '2026-01-04 00:00:00+00', gone: false },
  ])
  expect(await run('--sandbox')).toEqual([0, 0, 0])
  await people(ADA.replace('12.50', '13.25'), EVE)
  expect(await run('--sandbox')).toEqual([0, 1, 1])
  expect((await held()).map(({ Id, spent, gone }) => [Id, spent, gone])).toEqual([
    ['a1', '13.2500000000', false],
    ['b2', '7.0000000000', true],
    ['e3', null, false],
  ])
  const shown = await cdp(['sandbox', 'show', '--json'], { cwd: directory })
  const places = [{ place: 'table Customers', rows: 3 }]
  expect(jsonOf(shown)).toMatchObject({ holdings: [{ destination: 'shop', places }] })
})

test('a table in Postgres follows the audience, and the command ends', { timeout: TIME }, async () => {
  const { account, look } = await newSchema()
  const { host, port, database, user, schema } = account
  const { people, run } = await shop(
    { client: 'postgres', host, port, database, schema, user, password: fromEnv('SHOP_PASSWORD') },
    { SHOP_PASSWORD: 'canary' },
  )
  const held = async () => (await look('Customers').orderBy('Id')).map((row) => [row.name, row.spent, row.left_at])
  await people(ADA, BOB, EVE)
  expect(await run('--sandbox')).toEqual([3, 0, 0])
  expect(await look.schema.hasTable('Customers')).toBe(false)
  expect(await run()).toEqual([3, 0, 0])
  expect(await held()).toEqual([
    [NAMES[0], '12.5', null],
    ['Bob', '7', null],
    ['Eve', null, null],
  ])
  expect(await run()).toEqual([0, 0, 0])
  await people(ADA.replace('Ada', 'Ida'), EVE)
  expect(await run()).toEqual([0, 1, 1])
  expect(await held()).toEqual([
    ['Ida "L", 你好', '12.5', null],
    ['Bob', '7', expect.any(Date)],
    ['Eve', null, null],
  ])
  await people(ADA.replace('Ada', 'Ida'), BOB, EVE)
  expect(await run()).toEqual([1, 0, 0])
  expect((await held()).map(([, , left]) => left)).toEqual([null, null, null])
})
