import { expect, onTestFinished, test } from 'vitest'
import type { Context } from '../../src/compile/context.ts'
import { ledgerTables } from '../../src/compile/ledger-tables.ts'
import { printStatement } from '../../src/compile/print.ts'
import { compileSyncRows, readStart } from '../../src/compile/sync-rows.ts'
import { webhook } from '../../src/connectors/webhook/index.ts'
import type { Statement } from '../../src/sql/sql.ts'
import { statementsOf } from '../../src/sync/statements.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import { EMULATED } from '../support/clouds.ts'
import { ENGINES } from '../support/engines.ts'
import { expectGolden } from '../support/golden.ts'
import { inline } from '../support/inline.ts'
import { expectStands, prepareLedgers } from '../support/stands.ts'

const MODELS = `
sources:
  people: { table: raw.people, category: profile, key: id, identifiers: { email: email } }
  orders: { table: raw.orders, category: transaction, key: order_id, at: ordered_at, identifiers: { email: mail }, belongs_to: { products: sku } }
  products: { table: raw.products, category: product, key: sku, columns: { price: { type: decimal } } }
  answers: { table: raw.answers, category: consent, updated_at: said_at, identifiers: { email: email } }
entities: { customer: { identifiers: { email: {} } } }
traits: { customer: { name: { pick: name, from: people }, city: { pick: city, from: people } } }
segments: { staff: { where: city = Office } }
consent: { source: answers, status: status, purpose: purpose, granted: [yes] }
purposes: { news: { basis: consent } }
destinations: { hook: { type: webhook, url: "https://hook.example/in" } }
syncs:
  orders_to_hook:
    to: hook
    source: orders
    where: [status = paid, not: customer.city = Lille]
    exclude: [staff]
    purpose: news
    fields: { amount: amount, brand: products.brand, text: "{{order_id}} for {{customer.name}}", large: { expr: "amount >= 100" } }
  products_to_hook: { to: hook, source: products, mode: mirror, fields: { name: name, price: { trait: price, on_null: clear } } }
`

/** What a build makes of the rows of syncs, and what is asked of their ledgers. */
function allStatements(context: Context): readonly Statement[] {
  const steps = compileSyncRows(context).flatMap((model) => model.steps)
  const ledgers = [...context.project.syncs.values()].flatMap((sync) => {
    const { start, plan, counts, revoked } = statementsOf({ context, sync, schema: '_cdp', connector: webhook })
    return [readStart(ledgerTables('_cdp', sync.name)), ...start, plan, counts, revoked]
  })
  return [...steps.flatMap((step) => ('statement' in step ? [step.statement] : [])), ...ledgers]
}

test('the SQL of syncs of rows is what it was, in every dialect', async () => {
  const made = await inline({ 'models/all.yaml': MODELS })
  onTestFinished(() => made.close())
  const { project } = made
  for (const { type, dialect } of warehouses().values()) {
    const printed = allStatements({ project, dialect }).map((one) => printStatement(one, dialect))
    expectGolden(`rows.${type}.sql`, `${printed.join('\n\n')}\n`)
    expect(printed.flatMap((one) => one.split('\n')).filter((line) => line.length > 120)).toEqual([])
  }
})

test.each([...ENGINES, ...EMULATED])('$title takes each of its statements', async (engine) => {
  const tables = [
    'create table raw.people (id text, email text, name text, city text)',
    'create table raw.orders (order_id text, ordered_at timestamptz, mail text, sku text, status text, amount integer)',
    'create table raw.products (sku text, name text, brand text, price decimal(18, 6))',
    'create table raw.answers (email text, status text, purpose text, said_at timestamptz)',
  ]
  const files = { 'models/all.yaml': MODELS }
  await expectStands(engine, { files, tables, statements: allStatements, prepare: prepareLedgers(webhook) })
})
