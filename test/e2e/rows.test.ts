import { describe, expect, test } from 'vitest'
import { apply, plan } from '../../src/plan.ts'
import type { Report } from '../../src/report.ts'
import { suppress } from '../support/consent-shop.ts'
import { csv, openPostbox, type Postbox, type RowsShop, rowsShop } from '../support/rows-shop.ts'

const MODELS = `
sources:
  people: { file: data/people.csv, category: profile, key: id, identifiers: { email: email } }
  orders: { file: data/orders.csv, category: transaction, key: order_id, at: at, identifiers: { email: mail } }
  products: { file: data/products.csv, category: product, key: sku, columns: { price: { type: decimal } } }
  answers: { file: data/answers.csv, category: consent, updated_at: said_at, identifiers: { email: email } }
entities: { customer: { identifiers: { email: {} } } }
traits:
  customer:
    email: { pick: email, from: people }
    name: { pick: name, from: people }
    city: { pick: city, from: people }
segments: { staff: { where: city = Office } }
`

const PEOPLE = csv('id,email,name,city', '1,ann@x.fr,Ann,Lyon', '2,bob@x.fr,Bob,Office', '3,cat@x.fr,Cat,Lille')
const ORDERS = csv('order_id,mail,at,amount', '1,ann@x.fr,2026-03-01 09:00:00,5', '2,cat@x.fr,2026-03-01 10:00:00,7')
const ANSWERS = csv('email,status,purpose,said_at', 'ann@x.fr,granted,news,2026-01-01 00:00:00')
const PRODUCTS = csv('sku,name,price', 'A,Apple,1.50', 'B,Bread,2', 'C,Cake,9')

async function shopOf(syncs: (box: Postbox) => string, more: Readonly<Record<string, string>> = {}) {
  const box = await openPostbox()
  const shop = await rowsShop({
    'models/all.yaml': MODELS,
    'data/people.csv': PEOPLE,
    'data/orders.csv': ORDERS,
    'data/products.csv': PRODUCTS,
    'data/answers.csv': ANSWERS,
    'destinations/all.yaml': `
destinations:
  hook: { type: webhook, url: "${box.url}", allow_private: true, settles_within: 0s }
  out: { type: file, path: out }
syncs:
${syncs(box)}`,
    ...more,
  })
  return { shop, box }
}

function figures({ syncs }: Pick<Report, 'syncs'>, name: string) {
  const sync = syncs.find((one) => one.name === name)
  if (sync === undefined) throw new Error(`there is no ${name}`)
  const { creates, updates, removes, written, refused, unchanged, invalid, withheld } = sync
  return { creates, updates, removes, written, refused, unchanged, invalid, withheld }
}

const addOrders = (shop: RowsShop, ...rows: readonly string[]) =>
  shop.write({ 'data/orders.csv': `${ORDERS}${rows.join('\n')}\n` })

describe('events', () => {
  test('are sent once each from the first run on: late ones too, changed ones not again', async () => {
    const { shop, box } = await shopOf(() => '  orders: { to: hook, source: orders, fields: { amount: amount } }\n')
    // A plan before the first run does not say since when events are sent.
    const planned = await shop.act('2026-03-01T08:00:00Z', (request, environment) =>
      plan(request, environment, { keep: false, showValues: false }),
    )
    expect(figures(planned, 'orders')).toMatchObject({ creates: 2 })
    const first = await shop.run('2026-03-01T12:00:00Z')
    expect(first.exit_code).toBe(0)
    expect(box.look()).toEqual([])

    await addOrders(shop, '3,ann@x.fr,2026-03-01 12:30:00,9', '4,,2026-03-02 12:00:00,1')
    await shop.run('2026-03-03T12:00:00Z')
    expect(box.look()).toEqual(['create 3 {"amount":9}', 'create 4 {"amount":1}'])

    // One comes late, one is corrected, one has gone.
    await addOrders(shop, '3,ann@x.fr,2026-03-01 12:30:00,90', '5,cat@x.fr,2026-03-02 08:00:00,2')
    const third = await shop.run('2026-03-04T12:00:00Z')
    expect(box.look()).toEqual(['create 5 {"amount":2}'])
    expect(figures(third, 'orders')).toMatchObject({ creates: 1, updates: 0, removes: 0, unchanged: 1 })

    // It comes back, and nothing else is new.
    await addOrders(shop, '4,,2026-03-02 12:00:00,1', '5,cat@x.fr,2026-03-02 08:00:00,2')
    await shop.run('2026-03-05T12:00:00Z')
    expect(box.look()).toEqual([])
  })

  test('from the beginning, from a time and from some days ago on', async () => {
    const { shop, box } = await shopOf(
      () => `  all: { to: hook, source: orders, start_at: beginning }
  late: { to: out, into: { file: late.csv }, source: orders, start_at: "2026-03-01 10:00" }
  near: { to: out, into: { file: near.csv }, source: orders, start_at: 150 minutes ago }
`,
    )
    const report = await shop.run('2026-03-01T12:00:00Z')
    expect(box.look()).toEqual(['create 1 {}', 'create 2 {}'])
    expect([figures(report, 'late').creates, figures(report, 'near').creates]).toEqual([1, 1])
  })

  test('one that is refused is tried again when it has changed, and no other', async () => {
    const { shop, box } = await shopOf(
      () => '  orders: { to: hook, source: orders, start_at: beginning, fields: { amount: amount } }\n',
    )
    box.refuses.add('2')
    const first = await shop.run('2026-03-01T12:00:00Z')
    expect(figures(first, 'orders')).toMatchObject({ creates: 2, written: 1, refused: 1 })
    expect(first.exit_code).toBe(3)
    box.look()
    await shop.run('2026-03-01T12:00:00Z')
    expect(box.look()).toEqual([])

    box.refuses.clear()
    await shop.write({ 'data/orders.csv': ORDERS.replace(',5\n', ',6\n').replace(',7\n', ',8\n') })
    const third = await shop.run('2026-03-01T12:00:00Z')
    expect(box.look()).toEqual(['create 2 {"amount":8}'])
    expect(third.exit_code).toBe(0)
  })

  test('carry what is known of their person, and those of segments that are left out are not sent', async () => {
    const { shop, box } = await shopOf(
      () => `  orders:
    to: hook
    source: orders
    start_at: beginning
    exclude: [staff]
    where: [amount > 1, not: customer.city = Lille]
    fields:
      who: customer.name
      text: "{{amount}} for {{customer.name}}"
      big: { expr: "amount >= 5 and customer.city = 'Lyon'" }
`,
    )
    await addOrders(shop, '3,bob@x.fr,2026-03-01 11:00:00,8', '4,ann@x.fr,2026-03-01 11:00:00,2')
    const report = await shop.run('2026-03-01T12:00:00Z')
    expect(box.look()).toEqual([
      'create 1 {"who":"Ann","text":"5 for Ann","big":true}',
      'create 4 {"who":"Ann","text":"2 for Ann","big":false}',
    ])
    expect(figures(report, 'orders').withheld).toMatchObject({ excluded: 1 })
  })
})

describe('consent', () => {
  const PURPOSES = `consent: { source: answers, status: status, purpose: purpose, granted: [granted] }
purposes: { news: { basis: consent }, service: { basis: contract } }
`
  const more = { 'models/consent.yaml': PURPOSES }

  test('rows of people without it and rows of nobody are withheld, and are sent once it is there', async () => {
    const { shop, box } = await shopOf(
      () => `  asked: { to: hook, source: orders, start_at: beginning, purpose: news }
  owed: { to: out, into: { file: owed.csv }, source: orders, start_at: beginning, purpose: service }
  goods: { to: out, into: { file: goods.csv }, source: products }
`,
      more,
    )
    await addOrders(shop, '3,,2026-03-01 11:00:00,8')
    const first = await shop.run('2026-03-01T12:00:00Z')
    expect(box.look()).toEqual(['create 1 {}'])
    expect(figures(first, 'asked')).toMatchObject({ creates: 1, withheld: { consent: 2 } })
    expect(figures(first, 'owed')).toMatchObject({ creates: 3, withheld: { consent: 0 } })
    expect(figures(first, 'goods')).toMatchObject({ creates: 3 })

    await shop.write({ 'data/answers.csv': `${ANSWERS}cat@x.fr,granted,news,2026-02-01 00:00:00\n` })
    await shop.run('2026-03-01T12:00:00Z')
    expect(box.look()).toEqual(['create 2 {}'])
  })

  test('who withdraws it is taken out of a mirror, with all rows', async () => {
    const { shop, box } = await shopOf(
      () => '  orders: { to: hook, source: orders, mode: mirror, purpose: news, fields: { amount: amount } }\n',
      more,
    )
    await addOrders(shop, '3,ann@x.fr,2026-03-01 11:00:00,8')
    const answers = `${ANSWERS}cat@x.fr,granted,news,2026-01-01 00:00:00\n`
    await shop.write({ 'data/answers.csv': answers })
    await shop.run('2026-03-01T12:00:00Z')
    expect(box.look()).toEqual(['create 1 {"amount":5}', 'create 2 {"amount":7}', 'create 3 {"amount":8}'])
    await shop.write({ 'data/answers.csv': `${answers}ann@x.fr,refused,news,2026-02-01 00:00:00\n` })
    const second = await shop.run('2026-03-01T12:00:00Z')
    expect(box.look()).toEqual(['remove 1', 'remove 3'])
    expect(figures(second, 'orders').withheld).toMatchObject({ consent: 2 })
  })
})

test('rows of people who are suppressed are withheld, also when that happens after the plan', async () => {
  const { shop, box } = await shopOf(
    () => '  orders: { to: hook, source: orders, start_at: beginning, fields: { amount: amount } }\n',
  )
  await addOrders(shop, '3,ann@x.fr,2026-03-01 11:00:00,8', '4,,2026-03-01 11:00:00,9')
  const planned = await shop.act('2026-03-01T12:00:00Z', (request, world) =>
    plan(request, world, { keep: true, showValues: false }),
  )
  const file = planned.plan
  if (file === undefined) throw new Error('the plan was not kept')
  expect(figures(planned, 'orders')).toMatchObject({ creates: 4 })
  await suppress(shop.session, shop.directory, ['ann@x.fr'])
  await shop.act('2026-03-01T12:00:00Z', (request, world) => apply(request, world, { file, override: false }))
  expect(box.look()).toEqual(['create 2 {"amount":7}', 'create 4 {"amount":9}'])
  const next = await shop.run('2026-03-01T12:00:00Z')
  expect(box.look()).toEqual([])
  expect(figures(next, 'orders')).toMatchObject({ creates: 0, withheld: { suppressed: 2 } })
})

describe('rows of nobody', () => {
  test('are created, updated and removed by their key, and one whose key is double is left alone', async () => {
    const { shop, box } = await shopOf(
      () => `  goods: { to: hook, source: products, mode: mirror, fields: { name: name, price: price } }
  list: { to: out, into: { file: list.csv }, source: products, mode: mirror, fields: { name: name } }
  kept: { to: out, into: { file: kept.ndjson }, source: products, mode: upsert, fields: { name: name } }
`,
    )
    await shop.run('2026-03-01T12:00:00Z')
    expect(box.look()).toEqual([
      'create A {"name":"Apple","price":1.5}',
      'create B {"name":"Bread","price":2}',
      'create C {"name":"Cake","price":9}',
    ])
    expect(await shop.read('out/list.csv')).toBe(csv('sku,name', 'A,Apple', 'B,Bread', 'C,Cake'))

    const products = csv('sku,name,price', 'A,Apple,1.75', 'C,Cake,9', 'C,Other cake,9', ',Nameless,1')
    await shop.write({ 'data/products.csv': products })
    const second = await shop.run('2026-03-01T12:00:00Z')
    expect(box.look()).toEqual(['remove B', 'update A {"name":"Apple","price":1.75}'])
    expect(figures(second, 'goods')).toMatchObject({ invalid: 3, unchanged: 0 })
    expect(figures(second, 'kept')).toMatchObject({ creates: 0, updates: 0, removes: 0 })
    expect(await shop.read('out/list.csv')).toBe(csv('sku,name', 'A,Apple'))

    await shop.write({ 'data/products.csv': PRODUCTS })
    await shop.run('2026-03-01T12:00:00Z')
    expect(box.look()).toEqual(['create B {"name":"Bread","price":2}', 'update A {"name":"Apple","price":1.5}'])
  })

  test('by a key of several columns, of an SQL model', async () => {
    const { shop, box } = await shopOf(
      () => `  days:
    to: hook
    source: sales
    mode: mirror
    key: { day: day, buyer: mail }
    fields: { sum: { expr: "round(total * 2, 1)" } }
`,
      {
        'models/sales.yaml': `sources:
  sales:
    category: product
    columns: { total: { type: integer } }
    sql: |
      select cast("at" as date) as day, mail, sum(cast(amount as integer)) as total from {{ ref('orders') }} group by all
`,
      },
    )
    await shop.run('2026-03-01T12:00:00Z')
    expect(box.look()).toEqual([
      'create {"day":"2026-03-01","buyer":"ann@x.fr"} {"sum":10}',
      'create {"day":"2026-03-01","buyer":"cat@x.fr"} {"sum":14}',
    ])
  })
})

test('a plan shows rows without what says who somebody is, and is applied as it was made', async () => {
  const { shop, box } = await shopOf(
    () => '  orders: { to: hook, source: orders, fields: { amount: amount, mail: mail, who: customer.name } }\n',
  )
  const keep = { keep: true, showValues: false }
  const planned = await shop.act('2026-03-01T08:00:00Z', (request, world) => plan(request, world, keep))
  expect(planned.syncs[0]).toMatchObject({ source: 'orders', creates: 2 })
  expect(planned.syncs[0]?.sample.map(({ key, fields }) => ({ key, fields }))).toEqual([
    { key: { order_id: '1' }, fields: { amount: 5, mail: '[hidden]', who: 'Ann' } },
    { key: { order_id: '2' }, fields: { amount: 7, mail: '[hidden]', who: 'Cat' } },
  ])
  const file = planned.plan
  if (file === undefined) throw new Error('the plan was not kept')
  // What comes after the plan is not part of it, and what a plan has fixed when it is applied stays.
  await addOrders(shop, '3,ann@x.fr,2026-03-01 09:00:00,9')
  await shop.act('2026-03-02T08:00:00Z', (request, world) => apply(request, world, { file, override: false }))
  expect(box.look().map((one) => one.slice(0, 8))).toEqual(['create 1', 'create 2'])
  await shop.run('2026-03-03T08:00:00Z')
  expect(box.look().map((one) => one.slice(0, 8))).toEqual(['create 3'])
})

test('a source that is halved blocks a mirror of its rows, and the message names the source', async () => {
  const rows = Array.from({ length: 60 }, (_, at) => `P${at},Name,1`)
  const { shop, box } = await shopOf(() => '  goods: { to: hook, source: products, mode: mirror }\n', {
    'data/products.csv': csv('sku,name,price', ...rows),
  })
  await shop.run('2026-03-01T12:00:00Z')
  box.look()
  await shop.write({ 'data/products.csv': csv('sku,name,price', ...rows.slice(30)) })
  const second = await shop.run('2026-03-01T12:00:00Z')
  expect(second.exit_code).toBe(4)
  expect(box.look()).toEqual([])
  expect(second.syncs[0]?.blocked_by).toContain('30 of 60 rows would leave')
  expect(second.syncs[0]?.blocked_by).toContain('source "products"')
})

test('an unknown column is told where it is written', async () => {
  const { shop } = await shopOf(
    () => '  goods: { to: hook, source: products, fields: { name: nam, p: { expr: "pric * 2" } } }\n',
  )
  await expect(shop.run('2026-03-01T12:00:00Z')).rejects.toThrow(/no column \\"nam\\"[\s\S]*no column \\"pric\\"/)
})
