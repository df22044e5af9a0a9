import { EVENT_FORMS } from './condition-forms-events.ts'
import { TIME_FORMS } from './condition-forms-times.ts'
import { VALUE_FORMS } from './condition-forms-values.ts'
import type { Rows } from './form-rows.ts'

/** A form of condition: how it is written, when it is true, and what it is for four people. */
export interface ConditionForm {
  /** What stands behind `where:`. */
  readonly where: string
  readonly meaning: string
  /** Of nulls, and of who has no rows. */
  readonly nulls: string
  /** For Ann, Bob, Cid and Dee: t true, f false, n null. */
  readonly answers: string
}

export interface ConditionGroup {
  readonly title: string
  readonly text: string
  readonly forms: readonly ConditionForm[]
}

/** The business time: in Paris it is the first of April already, and summer time has begun three days before. */
export const CONDITIONS_NOW = '2026-03-31T22:30:00Z'

export const CONDITIONS_ZONE = 'Europe/Paris'

export const CONDITION_FORMS: readonly ConditionGroup[] = [...VALUE_FORMS, ...TIME_FORMS, ...EVENT_FORMS]

/** The rows of each source as they are in the end. */
export const CONDITION_ROWS: Readonly<Record<string, Rows>> = {
  crm: [
    {
      ...{ id: 'ann', name: 'Ann', country: 'FR', zip: '01000', note: 'no', email: 'ann@x.fr', points: '8' },
      ...{ value: '120.50', vip: 'true', opted_in: 'true', tags: '[gold, news]', birthday: '1990-04-01' },
      ...{ last_order_at: '2026-03-29T21:30:00Z', tier: 'silver', address: '1 rue A' },
    },
    {
      ...{ id: 'bob', name: 'Bob', country: 'BE', zip: '1e3', note: '', email: 'bob@y.be', points: '0' },
      ...{ value: '0', vip: 'false', opted_in: 'true', tags: '[]', birthday: '1985-12-24' },
      ...{ last_order_at: '2025-12-31T23:30:00Z', tier: 'silver', address: '1 rue A' },
    },
    {
      ...{ id: 'cid', name: 'Cid', country: null, zip: null, note: null, email: null, points: null },
      ...{ value: null, vip: null, opted_in: null, tags: null, birthday: null },
      ...{ last_order_at: null, tier: 'gold', address: null },
    },
    {
      ...{ id: 'dee', name: 'Dee', country: 'fr', zip: '75001', note: 'two words', email: 'dee@x.fr', points: '12' },
      ...{ value: '1000', vip: 'true', opted_in: null, tags: '[news]', birthday: '2000-03-29' },
      ...{ last_order_at: '2026-03-31T22:10:00Z', tier: 'gold', address: '2 rue B' },
    },
  ],
  orders: [
    order('ann', '2026-01-10T10:00:00Z', 'a', '20'),
    order('ann', '2026-03-10T10:00:00Z', 'b', '40'),
    order('ann', '2026-03-29T21:30:00Z', 'b', '60.50', null),
    order('bob', '2025-12-31T23:30:00Z', 'a', null),
    order('dee', '2026-03-31T22:10:00Z', 'c', '10'),
    order('dee', '2026-04-05T08:00:00Z', 'c', '100'),
  ],
  visits: [
    { who: 'ann', path: '/returns/1', visited_at: '2026-03-28T10:00:00Z' },
    { who: 'dee', path: '/shop', visited_at: '2026-03-31T20:00:00Z' },
  ],
}

function order(who: string, at: string, sku: string, amount: string | null, status: string | null = 'paid') {
  return { who, ordered_at: at, sku, amount, status }
}

/** The type of each column in `CONDITION_ROWS` that is no text. */
export const CONDITION_TYPES = {
  points: 'integer',
  value: 'decimal',
  amount: 'decimal',
  vip: 'boolean',
  opted_in: 'boolean',
  tags: 'list',
  birthday: 'date',
  last_order_at: 'timestamp',
  ordered_at: 'timestamp',
  visited_at: 'timestamp',
} as const

/** What was published before: who was in segment `gold`, and since when. */
export const EARLIER: readonly { readonly now: string; readonly gold: readonly string[] }[] = [
  { now: '2026-02-01T12:00:00Z', gold: ['ann', 'bob'] },
  { now: '2026-03-15T12:00:00Z', gold: ['ann', 'dee'] },
]

/** The project's models; the forms follow as segments. */
export const CONDITION_MODELS = `
sources:
  crm:
    table: raw.crm
    category: profile
    key: id
    identifiers: { user_id: id, email: email, address_key: address }
    columns:
      { name: { type: text }, country: { type: text }, zip: { type: text }, note: { type: text }, points: { type: integer },
        value: { type: decimal }, vip: { type: boolean }, opted_in: { type: boolean }, tags: { type: list },
        birthday: { type: date }, last_order_at: { type: timestamp }, tier: { type: text } }
  orders:
    table: raw.orders
    category: transaction
    at: ordered_at
    identifiers: { user_id: who }
    columns: { amount: { type: decimal }, status: { type: text }, sku: { type: text } }
  visits: { table: raw.visits, at: visited_at, identifiers: { user_id: who }, columns: { path: { type: text } } }
entities:
  customer: { identifiers: { user_id: {}, email: {} } }
  household: { of: customer, identifiers: { address_key: {} } }
traits:
  customer:
    name:     { pick: name, from: crm }
    country:  { pick: country, from: crm }
    zip:      { pick: zip, from: crm }
    note:     { pick: note, from: crm }
    email:    { pick: email, from: crm }
    points:   { pick: points, from: crm }
    value:    { pick: value, from: crm }
    vip:      { pick: vip, from: crm }
    opted_in: { pick: opted_in, from: crm }
    tags:     { pick: tags, from: crm }
    birthday: { pick: birthday, from: crm }
    last_order_at: { pick: last_order_at, from: crm }
    tier:     { pick: tier, from: crm }
  household:
    size:        { from: customer, count: rows }
    mean_points: { from: customer, avg: points }
    last_at:     { from: customer, max: last_order_at }
segments:
  gold: { of: customer, where: tier = gold }
  vips: { of: customer, where: vip }
  tested: { of: customer, where: email is not null, split: { a: 100% } }
`
