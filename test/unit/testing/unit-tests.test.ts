import { beforeAll, describe, expect, test } from 'vitest'
import { tested } from '../../support/unit-tests.ts'

const MODELS = `
sources:
  contacts:
    table: raw.contacts
    key: contact_id
    updated_at: changed_at
    identifiers: { email: email, phone: mobile }
  orders:
    table: raw.orders
    category: transaction
    key: order_id
    at: ordered_at
    identifiers: { user_id: user_id, email: billing_email }
    columns: { tags: { type: list }, day: { type: date } }
  big_orders:
    sql: "select order_id, user_id, amount from {{ ref('orders') }} where amount > 100"
    category: transaction
    key: order_id
    identifiers: { user_id: user_id }
  elsewhere:
    sql: "select user_id, array_agg(x) within group (order by y) as xs from {{ ref('contacts') }}"
    category: product
entities:
  customer:
    identifiers:
      user_id: { limit: 1 }
      email: { block: [info@x.fr] }
      phone: {}
    never_merge: { table: raw.apart }
traits:
  customer:
    name: { pick: name, from: [contacts], by: most_recent }
    country: { pick: country, from: [contacts], by: most_recent }
    code: { pick: code, from: [contacts], by: most_recent }
    optin: { pick: optin, from: [contacts], by: most_recent }
    order_count: { from: orders, count: rows }
    big_count: { from: big_orders, count: rows }
    revenue: { from: orders, sum: amount, where: status = paid }
    last_order_at: { from: orders, max: ordered_at }
    last_day: { from: orders, max: day }
    cloud: { sql: "to_variant(name)::object" }
segments:
  vips: { where: "revenue >= \${var:big}" }
  staff: { where: name contains 'Staff' }
  dormant:
    where:
      - member_of: vips
      - last_order_at < 90 days ago and order_count > 1
      - any:
          - country = FR
          - not: { did: orders, where: status = refunded, within: 30 days }
      - did_not: orders
        where: status = open
    exclude: [staff]
  once: { where: { was_member_of: vips } }
  lately: { where: { was_member_of: vips, within: 30 days } }
  was_staff: { where: { was_member_of: staff } }
  cloudy: { where: { sql: "cloud:x::boolean" } }
`

const models = MODELS.replaceAll('\\$', '$')

const run = (tests: string) => tested({ 'models/models.yaml': models, 'models/tests.yaml': `tests:\n${tests}` })

describe('tests that pass', () => {
  const NAMES = [
    'people are named by what their rows hold',
    'values arrive as they were written',
    'a source without rows is empty',
    'days and lists',
    'an SQL model is computed from the rows that it reads',
    'or its own rows are given',
    'a list keeps people apart',
    'rows of one test are not those of the next',
    'who was a member before is given',
    'and is forgotten after the test',
  ]
  let outcomes: Awaited<ReturnType<typeof run>>['outcomes']

  beforeAll(async () => {
    const found = await run(`
  people are named by what their rows hold:
    now: 2026-03-01T12:00:00Z
    given:
      orders:
        - { order_id: 1, user_id: 7, billing_email: Anna@X.fr, status: paid, amount: 600, ordered_at: 100 days ago }
        - { order_id: 2, user_id: 7, status: paid, ordered_at: 2025-06-01 }
        - { order_id: 3, user_id: 8, status: paid, amount: 499.99, ordered_at: 1 day ago }
      contacts:
        - { contact_id: c1, email: anna@x.fr, mobile: "01 99 00 00 01", country: FR }
        - { contact_id: c2, name: Bert Staff }
    expect:
      vips: { in: [7, "anna@x.fr ", "+33199000001", "phone:0199000001", "user_id:7"], out: [8, c2, "contacts:c2"], count: 1 }
      dormant: { in: [7], out: [8] }
      staff: { in: [c2] }
      customer: { same: [[7, anna@x.fr, "01 99 00 00 01"]], apart: [[7, 8, c2]], count: 3 }
      traits:
        7: { order_count: 2, revenue: 600.00, last_order_at: 100 days ago, country: FR, name: null }
        c2: { order_count: 0, name: Bert Staff }
  values arrive as they were written:
    now: 2026-03-01T12:00:00Z
    given:
      contacts:
        - { contact_id: 1, email: a@x.fr, code: 1e3, name: no, optin: true }
        - { contact_id: 2, email: b@x.fr, code: 08, name: 2026-01-01 }
        - { contact_id: 3, email: c@x.fr, code: ~, name: "" }
    expect:
      traits:
        a@x.fr: { code: 1e3, name: no, optin: true }
        b@x.fr: { code: 08, name: 2026-01-01, optin: null }
        c@x.fr: { code: null, name: "" }
  a source without rows is empty:
    now: 2026-03-01T12:00:00Z
    expect:
      dormant: { count: 0 }
      customer: { count: 0 }
  days and lists:
    now: 2026-03-01
    given:
      orders:
        - { order_id: 1, user_id: 1, day: 3 days ago, tags: [x, 'it''s "y", z'] }
        - { order_id: 2, user_id: 2, day: 2026-02-27, tags: [] }
    expect:
      traits: { 1: { last_day: 2026-02-26 }, 2: { last_day: 2 days ago } }
  an SQL model is computed from the rows that it reads:
    now: 2026-03-01
    given:
      orders:
        - { order_id: 1, user_id: 1, amount: 101 }
        - { order_id: 2, user_id: 1, amount: 100 }
    expect: { traits: { 1: { big_count: 1 } } }
  or its own rows are given:
    now: 2026-03-01
    given:
      orders: [{ order_id: 1, user_id: 1, amount: 101 }]
      big_orders: [{ order_id: 8, user_id: 1 }, { order_id: 9, user_id: 1 }]
    expect: { traits: { 1: { big_count: 2 } } }
  a list keeps people apart:
    now: 2026-03-01
    given:
      orders:
        - { order_id: 1, user_id: 1, billing_email: a@x.fr }
        - { order_id: 2, user_id: 1, billing_email: b@x.fr }
      customer.never_merge: [{ type_a: email, value_a: a@x.fr, type_b: email, value_b: b@x.fr }]
    expect: { customer: { apart: [[a@x.fr, b@x.fr]] } }
  rows of one test are not those of the next:
    now: 2026-03-01
    given: { orders: [{ order_id: 1, user_id: 1, billing_email: b@x.fr }, { order_id: 2, user_id: 2, billing_email: a@x.fr }] }
    expect: { customer: { apart: [[a@x.fr, b@x.fr], [1, 2]], count: 2 } }
  who was a member before is given:
    now: 2026-03-01
    given: &three
      contacts: [{ contact_id: 1, email: a@x.fr }, { contact_id: 2, email: b@x.fr }, { contact_id: 3, email: c@x.fr }]
    members_before:
      vips: { a@x.fr: { from: 90 days ago, to: 31 days ago }, B@x.fr: { from: 2025-01-01 } }
      staff: [c@x.fr]
    expect:
      once: { in: [a@x.fr, b@x.fr], out: [c@x.fr] }
      lately: { in: [b@x.fr], out: [a@x.fr, c@x.fr] }
      was_staff: { in: [c@x.fr], count: 1 }
  and is forgotten after the test:
    now: 2026-03-01
    given: *three
    expect: { once: { count: 0 } }
`)
    outcomes = found.outcomes
  })

  test.each(NAMES)('%s', (name) => {
    const outcome = outcomes.find((one) => one.name === name)
    expect(outcome?.failures).toEqual([])
    expect(outcome?.status).toBe('pass')
  })

  test('nothing else was run', () => {
    expect(outcomes.map(({ name }) => name)).toEqual(NAMES)
  })
})

test('a failing test shows the person, the line that decided and the values', async () => {
  const { printed } = await run(`
  dormant people:
    now: 2026-03-01T12:00:00Z
    given:
      orders:
        - { order_id: 1, billing_email: a@x.fr, user_id: 7, status: paid, amount: 600, ordered_at: 1 day ago }
        - { order_id: 2, billing_email: a2@x.fr, user_id: 7, status: open, ordered_at: 2025-06-01 }
        - { order_id: 3, billing_email: b@x.fr, user_id: 8, status: paid, amount: 400, ordered_at: 2025-08-01 }
    expect:
      dormant: { in: [a@x.fr, b@x.fr], count: 3 }
      vips: { out: [a@x.fr] }
      customer: { same: [[a@x.fr, b@x.fr]], apart: [[a2@x.fr, a@x.fr]], count: 3 }
      traits:
        a@x.fr: { order_count: 3, last_order_at: 2 days ago, name: Bert }
`)
  expect(printed).toBe(`Unit tests
  FAIL  dormant people
    models/tests.yaml:11
      a@x.fr should be in dormant, and is not.
      models/models.yaml:48  last_order_at < 90 days ago and order_count > 1  is false
        last_order_at = 2026-02-28T12:00:00Z
        order_count = 2
      models/models.yaml:52  did_not: orders where status = open  is false
        a row of orders: ordered_at = 2025-05-31T22:00:00Z, status = open
        a row of orders: ordered_at = 2026-02-28T12:00:00Z, status = paid

    models/tests.yaml:11
      b@x.fr should be in dormant, and is not.
      models/models.yaml:47  member_of: vips  is false
        models/models.yaml:43  revenue >= \${var:big}  is false
          revenue = 400
      models/models.yaml:48  last_order_at < 90 days ago and order_count > 1  is false
        last_order_at = 2025-07-31T22:00:00Z
        order_count = 1

    models/tests.yaml:11
      dormant should have 3 members, and has 0.

    models/tests.yaml:12
      a@x.fr should not be in vips, and is.
      models/models.yaml:43  revenue >= \${var:big}  is true
        revenue = 600

    models/tests.yaml:13
      a@x.fr and b@x.fr should be one customer, and are not.
      No row and no shared value ties them.

    models/tests.yaml:13
      a2@x.fr and a@x.fr should not be one customer, and are.
      email a2@x.fr
        └ orders 2, 2025-05-31
      user_id 7
        └ orders 1, 2026-02-28
      email a@x.fr

    models/tests.yaml:13
      customer should have 3 profiles, and has 2.

    models/tests.yaml:15
      order_count of a@x.fr should be 3, and is 2.

    models/tests.yaml:15
      last_order_at of a@x.fr should be 2026-02-27T12:00:00Z, and is 2026-02-28T12:00:00Z.

    models/tests.yaml:15
      name of a@x.fr should be Bert, and is null.

1 of 1 test failed. 0.0 s.`)
})

test('what cannot be decided is an error, and the tests after it are run', async () => {
  const { outcomes, printed } = await run(`
  a segment in the words of another warehouse:
    now: 2026-03-01
    given: { contacts: [{ contact_id: 1, email: a@x.fr }] }
    expect: { cloudy: { in: [a@x.fr] } }
  an identifier that joins nobody:
    now: 2026-03-01
    given:
      orders:
        - { order_id: 1, user_id: 1, billing_email: info@x.fr }
        - { order_id: 2, user_id: 2, billing_email: info@x.fr }
        - { order_id: 3, user_id: 2, billing_email: c@x.fr }
        - { order_id: 4, user_id: 1, billing_email: c@x.fr }
    expect:
      customer: { same: [[1, 2]], apart: [[info@x.fr, 1]] }
      vips: { out: [info@x.fr] }
  the state of an explained test is gone:
    now: 2026-03-01
    given: { contacts: [{ contact_id: 1, email: a@x.fr, name: Ann Staff }] }
    expect: { staff: { count: 1 }, customer: { count: 1 } }
`)
  expect(outcomes.map(({ status }) => status)).toEqual(['error', 'error', 'pass'])
  expect(outcomes[0]?.failures).toMatchObject([
    { kind: 'undecided', line: 3, message: expect.stringMatching(/^customer profiles failed: .*to_variant/) },
  ])
  expect(printed.split('\n').slice(5)).toEqual(
    `      Unit tests run on DuckDB. A column that only SQL of your own names must stand in a row, or
      under \`columns:\`.

  ERROR  an identifier that joins nobody
    models/tests.yaml:16
      1 and 2 should be one customer, and are not.
      email info@x.fr stands in rows of both, but joins nobody (blocked): it is on the block list
        of its type.
      email c@x.fr and user_id 2: the limit of user_id

    models/tests.yaml:17
      "info@x.fr" joins nobody: it is on the block list of its type.
      Name the person by another identifier.

  pass  the state of an explained test is gone

2 of 3 tests failed. 0.0 s.`.split('\n'),
  )
})

test('people who are held out or beyond the limit are no members, and are told why', async () => {
  const { outcomes, printed } = await tested({
    'models/models.yaml': `${models}
  richest: { where: order_count > 0, limit: { rows: 1, by: revenue desc } }
  halved: { where: order_count > 0, holdout: 50% }
  offers: { where: order_count > 0, split: { a: 50%, b: 50% } }
`,
    'models/tests.yaml': `
tests:
  limits:
    now: 2026-03-01
    given: &orders
      orders:
        - { order_id: 1, user_id: 1, status: paid, amount: 10 }
        - { order_id: 2, user_id: 2, status: paid, amount: 20 }
        - { order_id: 3, user_id: 3, status: paid, amount: 15 }
    expect:
      richest: { in: [2, 3], out: [1], count: 1 }
  sides:
    now: 2026-03-01
    given: *orders
    expect:
      halved: { in: [1, 2, 3] }
      offers: { in: [1, 2, 3], variants: { 1: a, 2: a, 3: a } }
`,
  })
  expect(printed.split('\n').slice(1, 6)).toEqual([
    '  FAIL  limits',
    '    models/tests.yaml:11',
    '      3 should be in richest, and is not.',
    '      models/models.yaml:60  limit: 1  is false',
    '',
  ])
  const [, sides] = outcomes
  const held = (sides?.failures ?? []).filter((one) => one.kind === 'member')
  const inB = (sides?.failures ?? []).filter((one) => one.kind === 'variant')
  // A side is a hash of the segment's name and the person: the same in every run.
  expect(held).toMatchObject([
    { who: '2', got: 'held_out', decided: [{ text: 'holdout: 50% held out', verdict: false }] },
  ])
  expect(inB).toMatchObject([{ who: '1', expected: 'a', got: 'b' }])
})

test('groups, sequences and what belongs to an order can be tested, and are told', async () => {
  const { printed } = await tested({
    'models/models.yaml': `
sources:
  parcels: { table: raw.parcels, key: id, at: sent_at, identifiers: { address: address, email: email } }
  orders: { table: raw.orders, category: transaction, key: order_id, at: ordered_at, identifiers: { email: email } }
  lines: { table: raw.lines, key: line_id, category: transaction, belongs_to: { orders: order_id } }
entities:
  customer: { identifiers: { email: {} } }
  household: { of: customer, identifiers: { address: {} } }
traits:
  customer:
    spent: { from: orders, sum: amount }
    pieces: { from: lines, sum: quantity, where: orders.status = paid }
  household:
    size: { from: customer, count: rows }
    spent_together: { from: customer, sum: spent }
segments:
  big_homes: { of: household, where: size >= 2 }
  of_big_homes: { of: customer, where: [household.size >= 2, spent < 20] }
  served: { of: customer, where: { did: orders, where: status = paid, then: [{ did: parcels, within: 7 days }] } }
`,
    'models/tests.yaml': `
tests:
  homes:
    now: 2026-03-01T00:00:00Z
    given:
      parcels:
        - { id: 1, email: a@x.fr, address: A, sent_at: 3 days ago }
        - { id: 2, email: b@x.fr, address: A, sent_at: 2 days ago }
        - { id: 3, email: c@x.fr, address: B, sent_at: 1 day ago }
      orders:
        - { order_id: 1, email: a@x.fr, amount: 10, status: paid, ordered_at: 5 days ago }
        - { order_id: 2, email: b@x.fr, amount: 20, status: open, ordered_at: 5 days ago }
      lines: [{ line_id: 1, order_id: 1, quantity: 3 }, { line_id: 2, order_id: 2, quantity: 4 }]
    expect:
      big_homes: { in: [A], out: [B] }
      of_big_homes: { in: [a@x.fr, c@x.fr], out: [b@x.fr] }
      served: { in: [a@x.fr, b@x.fr] }
      household: { count: 2 }
      traits:
        A: { spent_together: 30, size: 2 }
        a@x.fr: { pieces: 3, spent: 10 }
        b@x.fr: { pieces: 0 }
`,
  })
  expect(printed).toBe(`Unit tests
  FAIL  homes
    models/tests.yaml:16
      c@x.fr should be in of_big_homes, and is not.
      models/models.yaml:18  household.size >= 2  is false
        household.size = 1

    models/tests.yaml:17
      b@x.fr should be in served, and is not.
      models/models.yaml:19  did: orders, then parcels  is false
        a row of orders: ordered_at = 2026-02-24T00:00:00Z, status = open
        a row of parcels: sent_at = 2026-02-27T00:00:00Z

1 of 1 test failed. 0.0 s.`)
})
