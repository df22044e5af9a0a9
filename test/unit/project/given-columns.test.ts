import { expect, test } from 'vitest'
import { read } from '../../support/shop.ts'

const columnsOf = async (models: string, rows: string) => {
  const { project, diagnostics } = await read({
    'models/more.yaml': models,
    'models/tests.yaml': `
tests:
  one:
    now: 2026-03-01
    given:
${rows}
    expect: { vips: { count: 0 } }
`,
  })
  expect(diagnostics).toEqual([])
  return (source: string) => Object.fromEntries(project?.unitTests.columns.get(source) ?? [])
}

test('a column has the type that is declared, or that the project gives it by what it does with it', async () => {
  const columns = await columnsOf(
    `
sources:
  events:
    table: raw.events
    key: event_id
    at: happened_at
    identifiers: { email: { column: mail, country: land } }
    columns: { rank: { type: integer } }
  notes: { table: raw.notes, key: id, belongs_to: { orders: of_order } }
traits:
  customer:
    points: { from: events, sum: points }
    tripled: { from: events, max: "3 * weight" }
    newest: { from: events, max: signed_at }
    seen: { from: events, count: rows, where: "flag and plan = free and days_between(began, ended) > 1 and level > 3" }
    nick: { pick: nick, from: events }
    first_note: { from: notes, most_frequent: lower(body), where: orders.channel = web }
segments:
  recent: { where: newest >= 30 days ago and nick starts with 'A' }
`,
    '      events: []',
  )
  expect(columns('events')).toEqual({
    event_id: 'text',
    land: 'text',
    mail: 'text',
    happened_at: 'timestamp',
    rank: 'integer',
    points: 'decimal',
    weight: 'decimal',
    signed_at: 'timestamp',
    flag: 'boolean',
    plan: 'text',
    began: 'timestamp',
    ended: 'timestamp',
    level: 'decimal',
    nick: 'text',
  })
  expect(columns('notes')).toEqual({ id: 'text', of_order: 'text', body: 'text' })
  expect(columns('orders')).toMatchObject({ channel: 'text', amount: 'decimal', billing_email: 'text' })
})

test('else that of all its values, which keep their characters where they could be names', async () => {
  const columns = await columnsOf(
    `
sources:
  things: { table: raw.things, category: product }
`,
    `      things:
        - { a: 1, b: 1.5, c: true, d: 2026-01-01, e: 1 day ago, f: 08, g: 1e3, h: no, i: [x], j: "1", k: 1 }
        - { a: 2, b: 2, c: false, d: 2026-01-02, e: 2026-01-01T08:00:00Z, k: x, l: ~ }`,
  )
  expect(columns('things')).toEqual({
    a: 'integer',
    b: 'decimal',
    c: 'boolean',
    d: 'date',
    e: 'timestamp',
    f: 'text',
    g: 'text',
    h: 'text',
    i: 'list',
    j: 'text',
    k: 'text',
    l: 'text',
  })
})
