import { expect } from 'vitest'
import type { Engine } from './engines.ts'
import { type Inline, inline } from './inline.ts'
import { tableOf } from './warehouse.ts'

/** People who are known by mail or phone. */
export const CUSTOMER = 'customer: { identifiers: { email: {}, phone: {} } }'
/** Their households: at most two people at an address. */
export const HOUSEHOLD = 'household: { of: customer, identifiers: { address_key: { max_fanout: 2 } } }'
/** Who lives where, what was ordered to which address, and what was in it. */
export const SOURCES = `
sources:
  contacts:
    file: contacts.csv
    category: profile
    key: id
    updated_at: changed
    identifiers: { address_key: address, email: email }
  orders:
    file: orders.csv
    category: transaction
    key: id
    at: at
    identifiers: { email: email, address_key: address }
    columns: { amount: { type: decimal } }
  lines: { file: lines.csv, category: transaction, key: id, belongs_to: { orders: order_id } }
`
/** The files of a street in which nothing was ordered. */
export const NO_ORDERS = 'id,email,amount,address,at\n'
export const NO_LINES = 'id,order_id,pieces\n'

/** A project with households over these contacts (see `csv`); `more` are further files, or others in their place. */
export function street(
  contacts: readonly string[],
  more: Readonly<Record<string, string>> = {},
  engine?: Engine,
): Promise<Inline> {
  const files = {
    'models/all.yaml': `${SOURCES}\nentities:\n  ${HOUSEHOLD}\n  ${CUSTOMER}\n`,
    'contacts.csv': csv(contacts),
    'orders.csv': NO_ORDERS,
    'lines.csv': NO_LINES,
  }
  return inline({ ...files, ...more }, engine)
}

/** The file of contacts, `id,email,address,changed` a line. */
export function csv(contacts: readonly string[]): string {
  return `${['id,email,address,changed', ...contacts].join('\n')}\n`
}

/** Everybody's identifier and id. */
export async function people(made: Inline) {
  return (await published(made, 'customer_identifiers', ['value', 'profile_id', 'joins'])).map(([value, id]) => [
    value,
    id,
  ])
}

/** Every household identifier that joins, and its id. */
export async function households(made: Inline): Promise<readonly (readonly [string, string])[]> {
  const rows = await published(made, 'household_identifiers', ['value', 'profile_id', 'joins'])
  return rows.filter(([, , joins]) => joins === 'true').map(([value, id]) => [String(value), String(id)] as const)
}

/** Who lives where: an identifier of the person → the household's address, from the column of the person. */
export async function homes(made: Inline): Promise<Readonly<Record<string, string>>> {
  const addresses = new Map((await households(made)).map(([value, id]) => [id, value]))
  const living = await published(made, 'customer', ['profile_id', 'household_id'])
  const members = await published(made, 'household_members', ['member_id', 'profile_id'])
  expect(living.filter(([, home]) => home !== null)).toEqual(members)
  const home = new Map(members.map(([who, where]) => [who, addresses.get(where ?? '') ?? '']))
  return Object.fromEntries(
    (await people(made)).flatMap(([value, id]) =>
      home.has(id ?? '') ? [[value ?? '', home.get(id ?? '') ?? '']] : [],
    ),
  )
}

/** Rows of a published view, sorted. */
export function published(made: Inline, view: string, columns: readonly string[]) {
  return tableOf(made.session, { schema: 'cdp', name: [view] }, columns)
}
