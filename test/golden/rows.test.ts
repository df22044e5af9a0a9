import { expect, onTestFinished, test } from 'vitest'
import { ledgerTables } from '../../src/compile/ledger-tables.ts'
import { printStatement } from '../../src/compile/print.ts'
import { compileSyncRows, readStart } from '../../src/compile/sync-rows.ts'
import { webhook } from '../../src/connectors/webhook/index.ts'
import { statementsOf } from '../../src/sync/statements.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import { expectGolden } from '../support/golden.ts'
import { inline } from '../support/inline.ts'

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

test('the SQL of syncs of rows is what it was, in every dialect', async () => {
  const made = await inline({ 'models/all.yaml': MODELS })
  onTestFinished(() => made.close())
  const { project } = made
  for (const { type, dialect } of warehouses().values()) {
    const context = { project, dialect }
    const steps = compileSyncRows(context).flatMap((model) => model.steps)
    const ledgers = [...project.syncs.values()].flatMap((sync) => {
      const { start, plan, counts, revoked } = statementsOf({ context, sync, schema: '_cdp', connector: webhook })
      return [readStart(ledgerTables('_cdp', sync.name)), ...start, plan, counts, revoked]
    })
    const statements = [...steps.flatMap((step) => ('statement' in step ? [step.statement] : [])), ...ledgers]
    const printed = statements.map((one) => printStatement(one, dialect))
    expectGolden(`rows.${type}.sql`, `${printed.join('\n\n')}\n`)
    expect(printed.flatMap((one) => one.split('\n')).filter((line) => line.length > 120)).toEqual([])
  }
})
