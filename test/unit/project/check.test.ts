import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Diagnostic } from '../../../src/error.ts'
import { checkWarehouse } from '../../../src/project/check.ts'
import { readProject } from '../../../src/project/read.ts'
import { id, sql } from '../../../src/sql/sql.ts'
import { duckdb } from '../../../src/warehouses/duckdb.ts'
import type { Session } from '../../../src/warehouses/warehouse.ts'
import { registries } from '../../support/registries.ts'
import { ENV, type Files, marks, placeOf, write } from '../../support/shop.ts'
import { openMemory } from '../../support/warehouse.ts'

let session: Session

beforeAll(async () => {
  session = await openMemory()
  await session.script(tables())
})

afterAll(async () => await session.close())

/** The tables of the shop, and one of pairs. */
function tables() {
  const make = (table: string, columns: string) => ({
    statement: {
      name: table,
      reason: 'a table of the shop',
      sql: sql`create table ${id('raw')}.${id(table)} as ${query(columns)}`,
    },
  })
  return [
    { statement: { name: 'raw', reason: 'the schema of the shop', sql: sql`create schema raw` } },
    make('contacts', 'contact_id email changed_at age name'),
    make('orders', 'order_id ordered_at billing_email amount status'),
    make('lines', 'order_id sku'),
    make('prices', 'sku'),
    make('exports', 'contact_id cdp_email'),
    make('pairs', 'type_a value_a type_b value_b'),
  ]
}

function query(columns: string) {
  const [first = '', ...rest] = columns.split(' ')
  return rest.reduce((before, one) => sql`${before}, '1' as ${id(one)}`, sql`select '1' as ${id(first)}`)
}

async function check(files: Files): Promise<readonly Diagnostic[]> {
  const directory = await write(files)
  const { project, diagnostics } = await readProject({ directory, env: ENV, registries })
  if (!project) throw new Error(JSON.stringify(diagnostics))
  return await checkWarehouse(project, session)
}

test('the shop has all that it names', async () => {
  expect(await check({})).toEqual([])
})

describe('what the warehouse does not have is told where it is named', () => {
  const sources = (more: string) => ({ 'models/more.yaml': `sources:\n${more}` })
  const traits = (more: string) => ({ 'models/more.yaml': `traits:\n  customer:\n${more}` })
  const list = (more: string) => ({
    'models/entities.yaml': `entities:\n  customer:\n    identifiers: { crm_id: {}, email: {} }\n    never_merge: { ${more} }\n`,
  })
  const cases: readonly [string, string, Files, string?][] = [
    ['a table', 'warehouse/missing-table', sources('  s: { table: «raw.carts», key: id }\n')],
    ['a table without a schema', 'warehouse/missing-table', sources('  s: { table: «carts» }\n')],
    ['a file', 'warehouse/missing-file', sources('  s: { file: «data/carts.csv» }\n')],
    ['a pattern that finds nothing', 'warehouse/missing-file', sources('  s: { file: "«data/**/c*.csv»" }\n')],
    ['a key', 'warehouse/missing-column', sources('  s: { table: raw.prices, key: «skuu» }\n'), 'Did you mean "sku"?'],
    ['a time', 'warehouse/missing-column', sources('  s: { table: raw.prices, at: «when» }\n'), 'It has: sku.'],
    [
      'an identifier',
      'warehouse/missing-column',
      sources('  s: { table: raw.prices, identifiers: { email: [sku, «mail»] } }\n'),
    ],
    [
      'a declared column',
      'warehouse/missing-column',
      sources('  s: { table: raw.prices, columns: { «price»: { type: decimal } } }\n'),
    ],
    [
      'a column of the parent',
      'warehouse/missing-column',
      sources('  s: { table: raw.prices, category: event, belongs_to: { orders: «order» } }\n'),
    ],
    ['a picked column', 'warehouse/missing-column', traits('    t: { pick: «nick», from: contacts }\n')],
    [
      'a column picked from another source',
      'warehouse/missing-column',
      traits('    t: { pick: name, from: [contacts, orders.«nam»] }\n'),
    ],
    [
      'a summed column',
      'warehouse/missing-column',
      traits('    t: { from: orders, sum: "«amout» * 2" }\n'),
      'Did you mean "amount"?',
    ],
    [
      'a column of a condition',
      'warehouse/missing-column',
      traits('    t: { from: orders, count: rows, where: «state» = paid }\n'),
    ],
    ['a column of a parent', 'warehouse/missing-column', traits('    t: { from: lines, sum: «orders.amout» }\n')],
    [
      'a column of an event',
      'warehouse/missing-column',
      { 'models/more.yaml': 'segments:\n  s: { where: { did: orders, where: «stat» = paid } }\n' },
    ],
    [
      'a column of a name that the tool takes itself',
      'project/bad-name',
      sources('  s: { table: «raw.exports» }\n'),
      'give the column another name',
    ],
    [
      'a column of an expression that is tested',
      'warehouse/missing-column',
      sources('  s: { table: raw.prices, tests: [{ expression: "«price» > 0" }] }\n'),
    ],
    [
      'a column that is tested for uniqueness',
      'warehouse/missing-column',
      sources('  s: { table: raw.prices, tests: [{ unique: [sku, «shop»] }] }\n'),
    ],
    [
      'a column that says which rows are tested',
      'warehouse/missing-column',
      sources('  s: { table: raw.prices, tests: [{ row_count: { min: 1 }, where: «shop» = paris }] }\n'),
    ],
    [
      'a column that tested values must stand in',
      'warehouse/missing-column',
      sources(
        '  s: { table: raw.lines, columns: { sku: { tests: [{ relationships: { to: prices, column: «id» } }] } } }\n',
      ),
    ],
    [
      'SQL of a data test',
      'sql/syntax',
      sources('  s: { table: raw.prices, tests: [{ row_count: { min: 1 }, where: { sql: "«nothing(sku)»" } }] }\n'),
    ],
    ['SQL of a model', 'sql/syntax', sources('  s: { sql: "«select form where»" }\n')],
    [
      'a column in the SQL of a model',
      'sql/syntax',
      sources(`  s: { sql: "«select nope from {{ ref('prices') }}»" }\n`),
      'nope',
    ],
    ['SQL of a trait', 'sql/syntax', traits('    t: { sql: "«left(nome, 1)»" }\n')],
    [
      'SQL of a segment',
      'sql/syntax',
      { 'models/more.yaml': 'segments:\n  s: { where: { sql: "«nothing(name)»" } }\n' },
    ],
    [
      'SQL that is no condition',
      'expr/wrong-type',
      { 'models/more.yaml': 'segments:\n  s: { where: { sql: «age + 1» } }\n' },
    ],
    [
      'SQL in the condition of a trait',
      'sql/syntax',
      traits('    t: { from: orders, count: rows, where: { sql: "«amount = = 1»" } }\n'),
    ],
    [
      'SQL of which a trait takes the share',
      'sql/syntax',
      traits('    t: { from: orders, share: { sql: "«nothing(amount)»" } }\n'),
    ],
    [
      'a column of a parent of the parent',
      'warehouse/missing-column',
      {
        'models/more.yaml':
          'sources:\n  parts: { table: raw.lines, identifiers: { email: sku }, belongs_to: { lines_of: order_id } }\n  lines_of: { table: raw.lines, key: sku, belongs_to: { prices: sku } }\ntraits:\n  customer:\n    t: { from: parts, max: «lines_of.prices.shop» }\n',
      },
    ],
    ['the table of a list', 'warehouse/missing-table', list('table: «raw.unmerge»')],
    ['the file of a list', 'warehouse/missing-file', list('file: «unmerge.csv», identifiers: { email: [a, b] }')],
    ['the SQL of a list', 'sql/syntax', list(`sql: "«select nope from {{ ref('prices') }}»"`), 'nope'],
    [
      'a column of a list',
      'warehouse/missing-column',
      list('table: raw.contacts, identifiers: { crm_id: contact_id, email: «mail» }'),
      'The list "never_merge" of entity "customer" has no column "mail". Did you mean "email"?',
    ],
    [
      'the columns of a list of pairs',
      'warehouse/missing-column',
      list(`sql: "«select type_a, value_a, sku from raw.pairs, raw.prices»"`),
      'has no columns "type_b" and "value_b".',
    ],
  ]
  test.each(cases)('%s', async (_, code, files, says) => {
    const found = await check(files)
    expect(found.map((one) => one.code)).toEqual([code])
    expect(found.map(placeOf)).toEqual(marks(files))
    if (says) expect(`${found[0]?.message} ${found[0]?.fix}`).toContain(says)
  })
})

test('SQL that the warehouse reads is let through, models over models included', async () => {
  const files = {
    'models/more.yaml': `
sources:
  a: { sql: "select sku, 1 as n from {{ ref('prices') }};", key: sku }
  b: { sql: "with x as (select * from {{ ref('a') }}) select x.sku, y.n from x join {{ ref('a') }} as y using (sku)", key: sku }
traits:
  customer:
    t: { sql: "upper(name) || '!' || coalesce(age, 3) || vip" }
segments:
  s:
    where:
      - sql: "left(t, 1) = 'A' and age > 3"
      - did: orders
        where: { sql: "amount = '1'" }
`,
  }
  expect(await check(files)).toEqual([])
})

test('lists that are there are let through, as tables, files and SQL over sources', async () => {
  const directory = await write({
    'models/entities.yaml': `
entities:
  customer:
    identifiers: { crm_id: {}, email: {} }
    always_merge: { file: "lists/same_*.csv" }
    never_merge: { sql: "select a.sku as a, b.sku as b from {{ ref('prices') }} a, {{ ref('more') }} b", identifiers: { email: [a, b] } }
  household: { of: customer, identifiers: { address: {} }, always_merge: { table: raw.pairs } }
`,
    'models/segments.yaml': 'segments:\n  vips: { of: customer, where: vip }\n',
    'models/more.yaml': `sources:
  more: { sql: "select * from {{ ref('prices') }}" }
  homes: { sql: "select 1 as address, 2 as email", identifiers: { address: address, email: email } }
`,
    'lists/same_1.csv': 'type_a,value_a,type_b,value_b\n',
  })
  const own = await duckdb.connect(duckdb.options.parse({ path: ':memory:' }), { directory, mode: 'write' })
  await own.script(tables())
  const { project } = await readProject({ directory, env: ENV, registries })
  const found = project && (await checkWarehouse(project, own))
  await own.close()
  expect(found).toEqual([])
})

test('files are found by pattern, and their columns compared', async () => {
  const directory = await write({
    'models/more.yaml':
      'sources:\n  s: { file: "data/*/c?.csv", key: id, at: happend_at, columns: { zip: { type: text } } }\n',
    'data/x/c1.csv': 'id,happened_at,zip\n1,2026-01-01,01000\n',
  })
  const own = await duckdb.connect(duckdb.options.parse({ path: ':memory:' }), { directory, mode: 'write' })
  const { project } = await readProject({ directory, env: ENV, registries })
  const found = project && (await checkWarehouse({ ...project, sources: only(project.sources, 's') }, own))
  await own.close()
  expect(found).toMatchObject([{ code: 'warehouse/missing-column', fix: 'Did you mean "happened_at"?' }])
})

function only<V>(all: ReadonlyMap<string, V>, name: string): ReadonlyMap<string, V> {
  return new Map([...all].filter(([one]) => one === name))
}
