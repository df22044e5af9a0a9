import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type Dice, diceOf } from '../../support/dice.ts'
import { ENGINES } from '../../support/engines.ts'
import { type Inline, inline } from '../../support/inline.ts'
import { cellOf, type Order, rfmOf, weightedOf, worthOf } from '../../support/score-oracle.ts'
import { tableOf } from '../../support/warehouse.ts'

const MODELS = `
sources:
  people: { file: people.csv, category: profile, key: id, identifiers: { email: email }, may_be_empty: true }
  orders:
    file: orders.csv
    category: transaction
    key: id
    at: at
    identifiers: { email: email }
    may_be_empty: true
    columns: { amount: { type: float }, at: { type: timestamp }, status: { type: text } }
entities:
  customer: { identifiers: { email: {} } }
traits:
  customer:
    email: { pick: email, from: [people, orders] }
    rfm: { score: rfm, from: orders, amount: amount, where: status = paid, within: 730 days }
    thirds:
      score: rfm
      from: orders
      amount: amount
      tiles: 3
      cells: { best: "recency = 3 and monetary = 3", "not here": [frequency = 1, { not: recency = 3 }] }
    coarse: { score: rfm, from: orders, amount: amount, tiles: 2 }
    spent: { from: orders, sum: amount, where: status = paid }
    mean: { from: orders, avg: amount }
    last_at: { from: orders, max: at }
    refunded: { from: orders, exists: true, where: status = refunded }
    days_quiet: { expr: "days_between(last_at, today)" }
    standing: { score: weighted, weights: { spent: 3, days_quiet: -1.5, last_at: 1, refunded: -0.25, mean: 2, thirds__recency: 1 } }
    worth: { score: value, from: orders, amount: amount, where: status = paid, horizon: 365 days }
    soon: { score: value, from: orders, amount: amount, horizon: 1 month }
    is_top: { expr: "standing >= 90 or rfm__cell = 'champions'" }
segments:
  champions: { where: rfm__cell = champions and rfm__recency >= 4 }
  top: { where: worth > 0 and is_top }
`

const NOW = Date.parse('2026-03-01T12:00:00Z')
const DAY = 86_400_000

const COLUMNS = [
  ...['email', 'rfm', 'rfm__recency', 'rfm__frequency', 'rfm__monetary', 'rfm__cell', 'thirds', 'thirds__recency'],
  ...['thirds__cell', 'coarse', 'spent', 'mean', 'last_at', 'refunded', 'days_quiet', 'standing', 'worth', 'soon'],
] as const

type Person = Readonly<Record<(typeof COLUMNS)[number], string | null>>

/** Orders with many ties: days, amounts and people are few. Some have no time, no amount, or one that is no number. */
function randomOrders(dice: Dice, rows: number, people: number): readonly Order[] {
  const amounts = [10, 10, 20.5, 99.99, 0, -15, undefined, Number.NaN, Number.POSITIVE_INFINITY, 1e200]
  const days = [0, 1, 1, 29, 30, 31, 90, 364, 365, 366, 730, 731, 1500, -1, undefined]
  return Array.from({ length: rows }, () => ({
    who: `p${dice(people)}@x.fr`,
    daysAgo: days[dice(days.length)],
    amount: amounts[dice(amounts.length)],
    status: ['paid', 'paid', 'refunded'][dice(3)] ?? '',
  }))
}

function filesOf(people: readonly string[], orders: readonly Order[]): Record<string, string> {
  const lines = orders.map(({ who, daysAgo, amount, status }, index) => {
    const at = daysAgo === undefined ? '' : new Date(NOW - daysAgo * DAY).toISOString()
    const written = amount === undefined ? '' : Number.isFinite(amount) ? amount : Number.isNaN(amount) ? 'nan' : 'inf'
    return `o${index},${who},${written},${status},${at}`
  })
  return {
    'people.csv': `id,email\n${people.map((email, index) => `${index},${email}\n`).join('')}`,
    'orders.csv': `id,email,amount,status,at\n${lines.map((line) => `${line}\n`).join('')}`,
  }
}

describe.each(ENGINES)('scores, on $title', (engine) => {
  let made: Inline

  beforeAll(async () => {
    made = await inline({ 'models/all.yaml': MODELS, ...filesOf(['p0@x.fr'], []) }, engine)
  })
  afterAll(() => made.close())

  async function scored(people: readonly string[], orders: readonly Order[]): Promise<readonly Person[]> {
    made.write(filesOf(people, orders))
    await made.run()
    const rows = await tableOf(made.session, { schema: 'cdp', name: ['customer'] }, COLUMNS)
    return rows.map((row) => Object.fromEntries(COLUMNS.map((name, index) => [name, row[index] ?? null])) as Person)
  }

  test.each([1, 2])('are what plain TypeScript makes of random orders (%i)', async (seed) => {
    const dice = diceOf(seed)
    const people = Array.from({ length: 23 }, (_, index) => `p${index}@x.fr`)
    const orders = randomOrders(dice, 20 + dice(80), 29)
    expectScores(await scored(people, orders), orders)
  })

  test('of somebody who is alone are the best of one and above nobody', async () => {
    const orders = [{ who: 'p0@x.fr', daysAgo: 10, amount: 50, status: 'paid' }]
    const [only, ...more] = await scored(['p0@x.fr'], orders)
    expect(more).toEqual([])
    expect(only).toMatchObject({ rfm: '555', rfm__cell: 'champions', thirds: '333', coarse: '222', worth: '50' })
    expect(Number(only?.standing)).toBe(0)
    expectScores(only ? [only] : [], orders)
  })

  test('of people without rows are null, 0 for what they will spend, and 0 where all are equal', async () => {
    const found = await scored(['p0@x.fr', 'p1@x.fr'], [])
    expect(found.map(({ rfm, rfm__recency, rfm__cell, thirds }) => [rfm, rfm__recency, rfm__cell, thirds])).toEqual([
      [null, null, null, null],
      [null, null, null, null],
    ])
    expect(found.map(({ worth, standing }) => [Number(worth), Number(standing)])).toEqual([
      [0, 0],
      [0, 0],
    ])
  })

  test('of nobody are no rows', async () => {
    expect(await scored([], [])).toEqual([])
  })

  test('of all combinations of tiles are the cells of the table', async () => {
    const steps = [0, 1, 2, 3, 4]
    const orders = steps.flatMap((recency) =>
      steps.flatMap((frequency) =>
        steps.flatMap((monetary) => {
          const who = `p${recency}${frequency}${monetary}@x.fr`
          const older = Array.from({ length: frequency }, () => ({ who, daysAgo: 700, amount: 0, status: 'paid' }))
          return [...older, { who, daysAgo: 100 - recency, amount: monetary, status: 'paid' }]
        }),
      ),
    )
    const found = await scored([], orders)
    expect(new Set(found.map(({ rfm }) => rfm)).size).toBe(125)
    expect(new Set(found.map(({ rfm__cell }) => rfm__cell)).size).toBe(11)
    expectScores(found, orders)
  })

  test('are there for segments', async () => {
    const members = await tableOf(made.session, { schema: 'cdp', name: ['segment_membership'] }, ['segment'])
    expect(members.filter(([name]) => name === 'champions')).toHaveLength(12)
    expect(members.filter(([name]) => name === 'top').length).toBeGreaterThan(0)
  })
})

test.each(ENGINES)('scores are used wherever traits are, on $title', async (engine) => {
  const made = await inline(
    {
      'models/all.yaml': `
sources:
  rates: { file: rates.csv, category: product, key: currency, columns: { rate: { type: float } } }
  orders:
    file: orders.csv
    category: transaction
    key: id
    at: at
    identifiers: { email: email, address: address }
    belongs_to: { rates: currency }
entities:
  customer: { identifiers: { email: {} } }
  household: { of: customer, identifiers: { address: {} } }
traits:
  customer:
    email: { pick: email, from: orders }
    rfm: { score: rfm, from: orders, amount: "amount * rates.rate", tiles: 2, cells: { best: recency = 2 } }
    worth: { score: value, from: orders, amount: "amount * rates.rate", horizon: 365 days }
    rank: { score: weighted, weights: { worth: 1, rfm__monetary: 1, is_best: 1 } }
    is_best: { expr: "coalesce(rfm__cell, '') = 'best'" }
    shout: { sql: "upper(rfm__cell)" }
  household:
    rfm: { score: rfm, from: orders, amount: amount, tiles: 2 }
    best_rank: { from: customer, max: rank }
segments:
  first: { of: customer, where: rank > 0, limit: { rows: 1, by: rank desc } }
  tagged: { of: customer, where: rfm__cell = best or customer.rfm__monetary > 1 }
`,
      'rates.csv': 'currency,rate\nEUR,1\nYEN,0.01\n',
      'orders.csv': `id,email,address,currency,amount,at
1,a@x.fr,here,EUR,50,2026-02-28T12:00:00Z
2,b@x.fr,here,YEN,4000,2026-01-01T12:00:00Z
3,c@x.fr,,EUR,45,2026-02-27T12:00:00Z
`,
    },
    engine,
  )
  onTestFinished(made.close)
  await made.run()
  const of = (view: string, columns: readonly string[]) =>
    tableOf(made.session, { schema: 'cdp', name: [view] }, columns)
  expect(await of('customer', ['email', 'rfm', 'worth', 'rank', 'shout'])).toEqual([
    ['a@x.fr', '222', '50', '66.67', 'BEST'],
    ['b@x.fr', '121', '20.34', '0', null],
    ['c@x.fr', '222', '45', '50', 'BEST'],
  ])
  expect(await of('household', ['rfm', 'rfm__frequency', 'best_rank'])).toEqual([['222', '2', '66.67']])
  expect(await of('segment_first', ['email'])).toEqual([['a@x.fr']])
  expect(await of('segment_tagged', ['email'])).toEqual([['a@x.fr'], ['c@x.fr']])
})

function expectScores(people: readonly Person[], orders: readonly Order[]): void {
  const paid = orders.filter(({ status }) => status === 'paid')
  const recent = paid.filter(({ daysAgo = 0 }) => daysAgo <= 730)
  const fives = rfmOf(recent, 5)
  const [threes, twos] = [rfmOf(orders, 3), rfmOf(orders, 2)]
  const number = (text: string | null) => (text !== null && Math.abs(Number(text)) <= 1e100 ? Number(text) : undefined)
  const standing = weightedOf(people, [
    { of: ({ spent }) => number(spent), weight: 3 },
    { of: ({ days_quiet }) => number(days_quiet), weight: -1.5 },
    { of: ({ last_at }) => (last_at === null ? undefined : Date.parse(last_at)), weight: 1 },
    { of: ({ refunded }) => Number(refunded === 'true'), weight: -0.25 },
    { of: ({ mean }) => number(mean), weight: 2 },
    { of: ({ thirds__recency }) => number(thirds__recency), weight: 1 },
  ])
  for (const person of people) {
    const email = person.email ?? ''
    const [five, three, two] = [fives.get(email), threes.get(email), twos.get(email)]
    const digits = (one: typeof five) => (one ? `${one.recency}${one.frequency}${one.monetary}` : null)
    expect([email, person.rfm, person.thirds, person.coarse]).toEqual([email, digits(five), digits(three), digits(two)])
    expect(person.rfm__cell).toBe(five ? cellOf(five) : null)
    const isBest = three?.recency === 3 && three.monetary === 3
    const isAway = three !== undefined && three.frequency === 1 && three.recency !== 3
    expect(person.thirds__cell).toBe(isBest ? 'best' : isAway ? 'not here' : null)
    expect(Math.abs(Number(person.worth) - worthOf(paid, email, 365))).toBeLessThan(0.006)
    expect(Math.abs(Number(person.soon) - worthOf(orders, email, 365.25 / 12))).toBeLessThan(0.006)
    expect([email, Math.abs(Number(person.standing) - standing(person)) < 0.006]).toEqual([email, true])
  }
}
