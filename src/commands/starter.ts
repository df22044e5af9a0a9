import type { TextFile } from './artifacts.ts'

/** The project that `cdp init` writes: one CSV, profiles, two segments, one file to send them to. */
export function starter(name: string): readonly TextFile[] {
  return [
    { path: 'cdp.config.yaml', text: config(name) },
    { path: 'data/orders.csv', text: ORDERS },
    { path: 'models/customers.yaml', text: CUSTOMERS },
    { path: 'models/tests.yaml', text: TESTS },
    { path: 'destinations/exports.yaml', text: EXPORTS },
    { path: '.gitignore', text: '.cdp/\nout/\n' },
  ]
}

function config(name: string): string {
  return `name: ${name}

warehouse: local # the target when none is named with --target
warehouses:
  local: { type: duckdb, path: .cdp/warehouse.duckdb }

defaults:
  phone_country: FR # how to read 01 99 00 12 34
  timezone: Europe/Paris # what "today" and "start of month" mean

vars:
  big_spender: 100
`
}

const ORDERS = `order_id,ordered_at,name,email,phone,status,amount
1001,2026-01-05T10:12:00Z,Anna Ferrand,anna@mail.example,,paid,80.00
1002,2026-01-09T17:40:00Z,Anna Ferrand,Anna@Mail.example,01 99 00 00 01,paid,45.50
1003,2026-01-11T08:05:00Z,A. Ferrand,,+33199000001,paid,12.00
1004,2026-01-12T12:30:00Z,Bruno Lacaze,bruno@mail.example,,paid,19.90
1005,2026-01-15T09:00:00Z,Chloe Marchal,chloe@mail.example,01 99 00 00 02,paid,210.00
1006,2026-01-15T09:20:00Z,Chloe Marchal,chloe@mail.example,,refunded,35.00
1007,2026-01-20T20:15:00Z,David Noel,,01 99 00 00 03,paid,64.00
1008,2026-01-22T11:45:00Z,David Noel,david@mail.example,01 99 00 00 03,paid,58.00
1009,2026-01-25T14:10:00Z,Emma Prieur,emma@mail.example,,refunded,25.00
1010,2026-01-28T16:55:00Z,,,,paid,9.90
`

const CUSTOMERS = `# Where the data lies, and which columns say who a row is about.
sources:
  orders:
    file: data/orders.csv
    category: transaction
    key: order_id
    at: ordered_at
    identifiers: { email: email, phone: phone }
    columns:
      name: { pii: name }
      email: { pii: email }
      phone: { pii: phone }
      amount: { type: decimal }

# Rows that share an email or a phone are one person. The order is the strength.
entities:
  customer:
    identifiers:
      email: { normalize: email }
      phone: { normalize: phone }

# A trait is one column of the profile.
traits:
  customer:
    name: { pick: name, from: [orders], by: longest, pii: name }
    email: { pick: email, from: [orders], by: most_recent, pii: email }
    order_count: { from: orders, count: rows, where: status = paid }
    lifetime_value: { from: orders, sum: amount, where: status = paid }
    last_order_at: { from: orders, max: ordered_at, where: status = paid }

# A segment is a condition on profiles.
segments:
  big_spenders:
    where: lifetime_value >= \${var:big_spender}
  came_once:
    description: One order, and an address to write to.
    where:
      - order_count = 1
      - email is not null
`

const TESTS = `# What the models must make of a few invented rows: npx cdp test --unit.
tests:
  100 euros make a big spender:
    now: 2026-02-01T08:00:00Z
    given:
      orders:
        - { order_id: 1, email: anna@mail.example, status: paid, amount: 60, ordered_at: 9 days ago }
        - { order_id: 2, email: anna@mail.example, status: paid, amount: 40, ordered_at: 2 days ago }
        - { order_id: 3, email: bruno@mail.example, status: refunded, amount: 500, ordered_at: 2 days ago }
        - { order_id: 4, email: chloe@mail.example, status: paid, amount: 99.99, ordered_at: 2 days ago }
    expect:
      big_spenders: { in: [anna@mail.example], out: [bruno@mail.example, chloe@mail.example] }
      came_once: { in: [chloe@mail.example], out: [anna@mail.example, bruno@mail.example] }

  who shares a phone is one person:
    now: 2026-02-01T08:00:00Z
    given:
      orders:
        - { order_id: 1, email: anna@mail.example, phone: 01 99 00 00 01 }
        - { order_id: 2, email: Anna@Work.example, phone: "+33199000001" }
        - { order_id: 3, email: bruno@mail.example }
    expect:
      customer: { same: [[anna@mail.example, anna@work.example]], apart: [[anna@mail.example, bruno@mail.example]] }
`

const EXPORTS = `# Who is told. A destination is an account; a sync says which people go there, and with which fields.
destinations:
  exports: { type: file, path: out }

syncs:
  big_spenders_file:
    to: exports
    into: { file: big_spenders.csv }
    audience: big_spenders
    mode: mirror # the file always holds exactly the members
    key: profile_id
    fields:
      name: name
      email: email
      lifetime_value: lifetime_value
`
