import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkWarehouse } from '../../../src/project/check.ts'
import type { Cell } from '../../../src/warehouses/warehouse.ts'
import { diceOf } from '../../support/dice.ts'
import { ENGINES } from '../../support/engines.ts'
import type { Inline } from '../../support/inline.ts'
import { CUSTOMER, HOUSEHOLD, NO_LINES, NO_ORDERS, published, SOURCES, street } from '../../support/street.ts'
import { tableOf } from '../../support/warehouse.ts'

describe.each(ENGINES)('what is known of a household, on $title', (engine) => {
  let made: Inline
  const FILES = {
    'models/all.yaml': `${SOURCES}
entities:
  ${HOUSEHOLD.replace('2', '99')}
  ${CUSTOMER}
traits:
  household:
    size:      { from: customer, count: rows }
    spent:     { from: customer, sum: spent }
    mean:      { from: customer, avg: customer.spent }
    smallest:  { from: customer, min: spent }
    greatest:  { from: customer, max: spent, where: not vip }
    vips:      { from: customer, count: rows, where: vip and spent < 1000 }
    has_vip:   { from: customer, exists: true, where: vip }
    by_sql:    { from: customer, count: rows, where: { sql: "spent > 20 and profile_id is not null" } }
    cities:    { from: customer, count_distinct: city }
    city:      { from: customer, most_frequent: city }
    oldest:    { from: customer, first: city }
    newest:    { from: customer, last: profile_id }
    delivered: { from: orders, sum: amount }
    pieces:    { from: lines, sum: pieces }
    address:   { pick: address, from: [contacts, orders], by: most_recent }
    each:      { expr: "round(spent / nullif(size, 0), 2)" }
  customer:
    spent: { from: orders, sum: amount }
    city:  { pick: city, from: contacts }
    vip:   { expr: "spent > 50" }
segments:
  families: { of: household, where: [size >= 2, { did: orders, sum: amount, at_least: 10 }] }
  big_boxes: { of: household, where: { did: orders, where: amount > household.mean } }
  housed: { of: customer, where: household_id is not null }
`,
    'lines.csv': `${NO_LINES}l1,o1,2\nl2,o2,3\nl3,o9,100\n`,
  }

  beforeAll(async () => {
    const dice = diceOf(5)
    const cities = ['Paris', 'Lyon', '']
    const contacts = Array.from({ length: 60 }, (_, at) => {
      const address = dice(6) === 0 ? '' : `${dice(15)} rue A`
      return `${at},p${at}@x.fr,${address},2026-01-${10 + dice(20)},${cities[dice(3)]}`
    })
    const orders = Array.from({ length: 90 }, (_, at) => {
      const email = dice(8) === 0 ? '' : `p${dice(70)}@x.fr`
      return `o${at},${email},${dice(6000) / 100},${dice(3) === 0 ? `${dice(18)} rue A` : ''},2026-01-0${1 + dice(9)}`
    })
    made = await street(
      [],
      {
        ...FILES,
        'contacts.csv': `id,email,address,changed,city\n${contacts.join('\n')}\n`,
        'orders.csv': `${NO_ORDERS}${orders.join('\n')}\n`,
      },
      engine,
    )
    await made.run()
  })
  afterAll(() => made.close())

  test('are traits over its members, the same as computed from their profiles', async () => {
    const columns = ['household_id', 'profile_id', 'spent', 'city', 'vip', 'first_seen_at', 'last_seen_at']
    const members = (await published(made, 'customer', columns)).map(memberOf)
    const names = Object.keys(overMembers([]))
    const rows = await published(made, 'household', ['profile_id', ...names])
    expect(rows.length).toBeGreaterThan(10)
    for (const [id, ...values] of rows) {
      const mine = members.filter((one) => one.home === id)
      expect(values, `household of ${mine.length}`).toEqual(Object.values(overMembers(mine)).map(plainText))
    }
    expect(rows.some(([, size]) => Number(size) === 0) && rows.some(([, size]) => Number(size) > 3)).toBe(true)
  })

  test('are traits from the sources that hold its identifiers, whoever ordered', async () => {
    const [delivered, pieces] = await sums(made, 'household', ['delivered', 'pieces'])
    const orders = await tableOf(made.session, made.rowsOf('orders'), ['id', 'amount', 'address'])
    const sent = orders.filter(([, , address]) => address !== null)
    expect(Number(delivered)).toBeCloseTo(
      sent.reduce((total, [, amount]) => total + Number(amount), 0),
      6,
    )
    const held = new Set(sent.map(([key]) => key))
    expect(Number(pieces)).toBe((held.has('o1') ? 2 : 0) + (held.has('o2') ? 3 : 0))
    const addresses = await published(made, 'household', ['address', 'all_address_key'])
    expect(addresses.map(([address]) => JSON.stringify([address]))).toEqual(addresses.map(([, all]) => all))
  })

  test('are segments over its traits, and over what was ordered there', async () => {
    const traits = await published(made, 'household', ['profile_id', 'size', 'delivered'])
    const families = traits.filter(([, size, sum]) => Number(size) >= 2 && Number(sum) >= 10).map(([id]) => [id])
    expect(families.length).toBeGreaterThan(2)
    expect(await published(made, 'segment_families', ['profile_id'])).toEqual(families)
    expect((await published(made, 'segment_big_boxes', ['profile_id'])).length).toBeGreaterThan(2)
    const members = await published(made, 'household_members', ['member_id'])
    expect(await published(made, 'segment_housed', ['profile_id'])).toEqual(members)
  })

  test('stands in a column of the member, right after when it was seen', async () => {
    const columns = await made.session.columns({ schema: 'cdp', name: ['customer'] })
    expect([...(columns ?? [])].slice(0, 4)).toEqual([
      ['profile_id', 'text'],
      ['first_seen_at', 'timestamp'],
      ['last_seen_at', 'timestamp'],
      ['household_id', 'text'],
    ])
  })

  test('is checked against the warehouse', async () => {
    expect(await checkWarehouse(made.project, made.session)).toEqual([])
    const wrong = await street([], { ...FILES, 'contacts.csv': 'id,email,address,changed,city\n' }, engine)
    await wrong.fill()
    wrong.write({
      'models/all.yaml': FILES['models/all.yaml']
        .replace('spent > 20 and', 'sent > 20 and')
        .replace('address_key: address', 'address_key: adress'),
    })
    const problems = await checkWarehouse(await wrong.fill(), wrong.session)
    expect(
      problems.map(({ code, at }) => [code, at?.line, at?.text.slice(at.column - 1, at.column - 1 + at.length)]),
    ).toEqual([
      ['warehouse/missing-column', 8, 'adress'],
      ['sql/syntax', expect.any(Number), 'sent > 20 and profile_id is not null'],
    ])
    await wrong.close()
  })
})

interface Member {
  readonly home: string | undefined
  readonly id: string
  readonly spent: number
  readonly city: string | undefined
  readonly vip: boolean
  readonly first: string
  readonly last: string
}

function memberOf([home, id, spent, city, vip, first, last]: readonly Cell[]): Member {
  return {
    home: home ?? undefined,
    id: String(id),
    spent: Number(spent),
    city: city ?? undefined,
    vip: vip === 'true',
    first: String(first),
    last: String(last),
  }
}

/** The traits over members as anybody would compute them. */
function overMembers(members: readonly Member[]): Readonly<Record<string, unknown>> {
  const spent = members.map((one) => one.spent)
  const sum = spent.reduce((before, one) => before + one, 0)
  const plain = members.filter((one) => !one.vip).map((one) => one.spent)
  const cities = members.flatMap(({ city }) => city ?? [])
  const votes = [...new Set(cities)].map((city) => ({ city, of: cities.filter((one) => one === city).length }))
  const by = (time: 'first' | 'last') =>
    [...members].sort((a, b) => (`${a[time]} ${a.id}` < `${b[time]} ${b.id}` ? -1 : 1))
  return {
    size: members.length,
    spent: sum,
    mean: members.length === 0 ? null : sum / members.length,
    smallest: members.length === 0 ? null : Math.min(...spent),
    greatest: plain.length === 0 ? null : Math.max(...plain),
    vips: members.filter((one) => one.vip && one.spent < 1000).length,
    has_vip: members.some((one) => one.vip),
    by_sql: spent.filter((one) => one > 20).length,
    cities: votes.length,
    city: votes.sort((a, b) => b.of - a.of || (a.city < b.city ? -1 : 1))[0]?.city ?? null,
    oldest: by('first').flatMap(({ city }) => city ?? [])[0] ?? null,
    newest: by('last').at(-1)?.id ?? null,
  }
}

/** A value as the warehouse writes it, to six decimals. */
function plainText(value: unknown): string | null {
  if (value === null) return null
  return typeof value === 'number' ? String(Number(value.toFixed(6))) : String(value)
}

/** The sums of columns of a view. */
async function sums(made: Inline, view: string, columns: readonly string[]): Promise<readonly number[]> {
  const rows = await published(made, view, columns)
  return columns.map((_, at) => rows.reduce((sum, row) => sum + Number(row[at]), 0))
}
