import { expect, test } from 'vitest'
import { type Dice, diceOf } from '../../support/dice.ts'
import { tested } from '../../support/unit-tests.ts'

const MODELS = `
sources:
  orders: { table: raw.orders, category: transaction, key: order_id, at: ordered_at, identifiers: { user_id: user_id, email: email } }
entities:
  customer: { identifiers: { user_id: {}, email: {} } }
traits:
  customer:
    order_count: { from: orders, count: rows }
    revenue: { from: orders, sum: amount, where: status = paid }
    last_order_at: { from: orders, max: ordered_at }
segments:
  spenders: { where: revenue >= 50 and last_order_at >= 10 days ago }
`

interface Order {
  readonly id: number
  readonly user: string | null
  readonly email: string | null
  readonly status: 'paid' | 'open' | null
  readonly cents: number | null
  readonly days: number
}

/** A test of random orders whose expectations were computed here; `lie` turns each of them into a wrong one. */
function written(name: string, dice: Dice, lie: boolean): string {
  const maybe = <T>(value: T): T | null => (dice(6) === 0 ? null : value)
  const orders = Array.from(
    { length: 3 + dice(10) },
    (_, id): Order => ({
      id,
      user: maybe(`u${dice(4)}`),
      email: maybe(`e${dice(5)}@x.fr`),
      status: maybe(dice(3) === 0 ? 'open' : 'paid'),
      cents: maybe(dice(9000)),
      days: dice(20),
    }),
  )
  const people = components(orders)
  const facts = people.map((person) => ({ who: [...person.names][0] ?? '', ...factsOf(person.orders) }))
  const isIn = facts.map(({ revenue, days }) => (revenue >= 5000 && days <= 10) !== lie)
  const list = (wanted: boolean) => facts.flatMap(({ who }, at) => (isIn[at] === wanted ? [who] : [])).join(', ')
  return `
  ${name}:
    now: 2026-03-01T12:00:00Z
    given:
      orders:
${orders.map((one) => `        - ${rowOf(one)}`).join('\n')}
    expect:
      spenders: { in: [${list(true)}], out: [${list(false)}] }
      customer: { count: ${people.length + (lie ? 1 : 0)} }
      traits:
${facts
  .map(({ who, count, revenue, days }) => {
    const off = lie ? 1 : 0
    return `        ${who}: { order_count: ${count + off}, revenue: ${(revenue + off) / 100}, last_order_at: ${days + off} days ago }`
  })
  .join('\n')}
`
}

function rowOf({ id, user, email, status, cents, days }: Order): string {
  const cells = { order_id: id, user_id: user, email, status, amount: cents === null ? null : cents / 100 }
  const known = Object.entries(cells).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]))
  return `{ ${[...known, `ordered_at: ${days} days ago`].join(', ')} }`
}

/** People as sets of names; orders without any belong to nobody. */
function components(orders: readonly Order[]): readonly { names: ReadonlySet<string>; orders: readonly Order[] }[] {
  let groups: { names: Set<string>; orders: Order[] }[] = []
  for (const order of orders) {
    const names = [order.user, order.email].filter((name) => name !== null)
    if (names.length === 0) continue
    const mine = groups.filter((group) => names.some((name) => group.names.has(name)))
    const joined = {
      names: new Set([...names, ...mine.flatMap((group) => [...group.names])]),
      orders: [order, ...mine.flatMap((group) => group.orders)],
    }
    groups = [...groups.filter((group) => !mine.includes(group)), joined]
  }
  return groups
}

function factsOf(orders: readonly Order[]): { count: number; revenue: number; days: number } {
  const paid = orders.filter(({ status }) => status === 'paid')
  return {
    count: orders.length,
    revenue: paid.reduce((sum, { cents }) => sum + (cents ?? 0), 0),
    days: Math.min(...orders.map(({ days }) => days)),
  }
}

test('random rows give what plain TypeScript computes from them, and each wrong expectation fails', async () => {
  const seeds = [1, 2, 3, 4]
  const honest = seeds.map((seed) => written(`true ${seed}`, diceOf(seed), false))
  const lies = seeds.slice(0, 2).map((seed) => written(`false ${seed}`, diceOf(seed), true))
  const { outcomes } = await tested({
    'models/models.yaml': MODELS,
    'models/tests.yaml': `tests:${[...honest, ...lies].join('')}`,
  })
  const right = outcomes.filter(({ name }) => name.startsWith('true'))
  expect(right.flatMap(({ failures }) => failures)).toEqual([])
  expect(right).toHaveLength(seeds.length)
  for (const { name, failures } of outcomes.filter((one) => one.name.startsWith('false'))) {
    const text = lies.find((lie) => lie.includes(name)) ?? ''
    const people = text.split('order_count').length - 1
    // Four of each person, and how many there are.
    expect(failures).toHaveLength(4 * people + 1)
  }
})
