import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { compileModels, withDataTests } from '../../../src/arrange.ts'
import { type DataTestOutcome, runDataTests } from '../../../src/build/data-tests.ts'
import type { Context } from '../../../src/compile/context.ts'
import { compileDataTests } from '../../../src/compile/data-tests.ts'
import type { Session } from '../../../src/warehouses/warehouse.ts'
import { apart } from '../../support/apart.ts'
import { type Desk, desk, run } from '../../support/data-tests.ts'

let shop: Desk

beforeAll(async () => {
  shop = await desk()
})

afterAll(() => shop.place.close())

beforeEach(async () => {
  await shop.sql('delete from raw.orders')
  await shop.sql('delete from raw.people')
})

const orders = (rows: string) => shop.sql(`insert into raw.orders values ${rows}`)
const people = (rows: string) => shop.sql(`insert into raw.people values ${rows}`)
const ofColumn = (name: string, tests: string) => `    columns: { ${name}: { tests: [${tests}] } }\n`
const ofSource = (tests: string) => `    tests: [${tests}]\n`

/** Status, failing rows and tested rows of each. */
function brief(outcomes: readonly DataTestOutcome[]) {
  return outcomes.map(({ status, failures, rows }) => [status, failures, rows])
}

describe('not_null', () => {
  test('counts the rows without a value, and shows some', async () => {
    await orders(`('o1', 'a', 'paid', 1, null), ('o2', 'b', null, 1, null), ('o3', 'c', null, 1, null),
      ('o4', 'c', null, 1, null), ('o5', 'c', null, 1, null)`)
    const [outcome] = await shop.outcomes(ofColumn('status', 'not_null'))
    expect(outcome).toMatchObject({ status: 'error', failures: 4, rows: 5, examples: ['o2', 'o3', 'o4'] })
    expect(outcome?.test.name).toBe('orders.status not_null')
    expect(outcome?.problem).toMatchObject({
      code: 'test/failed',
      severity: 'error',
      message: '"status" is null in 4 of 5 rows of source "orders".',
      at: { file: 'models/orders.yaml', line: 5 },
      fix: 'Keys of such rows: o2, o3, o4. Mend the rows where they come from, allow some with `max_failures:`, or only show it with `severity: warn`.',
    })
  })

  test('of an empty source passes', async () => {
    expect(brief(await shop.outcomes(ofColumn('status', 'not_null')))).toEqual([['pass', 0, 0]])
  })
})

describe('accepted_values', () => {
  test('counts values that are not listed; null may stand', async () => {
    await orders(`('o1', 'a', 'paid', 1, null), ('o2', 'b', 'Paid', 1, null), ('o3', 'c', null, 1, null)`)
    const outcomes = await shop.outcomes(ofColumn('status', '{ accepted_values: [paid, open] }'))
    expect(brief(outcomes)).toEqual([['error', 1, 3]])
    expect(outcomes[0]?.problem?.message).toBe(
      '"status" is none of the accepted values in 1 of 3 rows of source "orders".',
    )
  })

  test('keeps values as they are written, and takes the type of the column', async () => {
    await orders(`('o1', 'a', 'no', 1, null), ('o2', 'b', '08', 2.5, null)`)
    const columns = `    columns:
      status: { tests: [{ accepted_values: [no, 08] }] }
      amount: { type: float, tests: [{ accepted_values: { values: [1.0, 2.50] } }] }
`
    expect(brief(await shop.outcomes(columns))).toEqual([
      ['pass', 0, 2],
      ['pass', 0, 2],
    ])
  })
})

describe('unique', () => {
  test('counts the rows beyond the first of each value; nulls are equal to nothing', async () => {
    await orders(`('o1', 'a', 'x', 1, null), ('o2', 'a', 'x', 1, null), ('o3', 'a', null, 1, null),
      ('o4', null, 'x', 1, null), ('o5', null, 'x', 1, null), ('o6', 'b', 'y', 1, null)`)
    const outcomes = await shop.outcomes(
      `${ofColumn('customer', 'unique')}${ofSource('{ unique: [customer, status] }')}`,
    )
    expect(brief(outcomes)).toEqual([
      ['error', 2, 4],
      ['error', 1, 3],
    ])
    expect(outcomes.map(({ examples }) => examples)).toEqual([['o1'], ['o1']])
    expect(outcomes.map(({ problem }) => problem?.message)).toEqual([
      '"customer" repeats in 2 of 4 rows of source "orders".',
      '"customer, status" repeats in 1 of 3 rows of source "orders".',
    ])
  })
})

describe('relationships', () => {
  const test_ = ofColumn('customer', '{ relationships: { to: people } }')

  test('counts values that the other source has not; null needs none, and no row is counted twice', async () => {
    await people(`('a', 'a@x.fr', null), ('a', 'a2@x.fr', null), ('b', null, null), (null, null, null)`)
    await orders(`('o1', 'a', 'x', 1, null), ('o2', 'c', 'x', 1, null), ('o3', null, 'x', 1, null)`)
    const outcomes = await shop.outcomes(test_)
    expect(brief(outcomes)).toEqual([['error', 1, 2]])
    expect(outcomes[0]?.examples).toEqual(['o2'])
    expect(outcomes[0]?.problem?.message).toBe(
      '"customer" is no "id" of source "people" in 1 of 2 rows of source "orders".',
    )
  })

  test('compares values as people write them, whatever the types of the columns', async () => {
    await people(`('7', null, 'x')`)
    await orders(`('o1', 'a', 'x', 7, null), ('o2', 'a', 'x', 7.5, null)`)
    const outcomes = await shop.outcomes(ofColumn('amount', '{ relationships: { to: people } }'))
    expect(brief(outcomes)).toEqual([['error', 1, 2]])
    expect(outcomes[0]?.examples).toEqual(['o2'])
  })
})

describe('row_count', () => {
  test.each([
    ['{ row_count: { min: 1 } }', 'error', 1, 'The source "orders" has 0 rows, and "min" is 1.'],
    ['{ row_count: { max: 0 } }', 'pass', 0, undefined],
  ])('%s of no rows', async (written, status, failures, message) => {
    const [outcome] = await shop.outcomes(ofSource(written))
    expect(outcome).toMatchObject({ status, failures, rows: 0, examples: [] })
    expect(outcome?.problem?.message).toBe(message)
  })

  test('says how many rows are too many of those that are tested', async () => {
    await orders(`('o1', 'a', 'x', 1, null), ('o2', 'a', 'x', 1, null), ('o3', 'a', 'y', 1, null)`)
    const [outcome] = await shop.outcomes(ofSource('{ row_count: { max: 1 }, where: status = x, severity: warn }'))
    expect(outcome).toMatchObject({ status: 'warn', failures: 1, rows: 2 })
    expect(outcome?.problem).toMatchObject({
      severity: 'warning',
      message: 'The source "orders" has 2 tested rows, and "max" is 1.',
    })
  })
})

describe('expression', () => {
  test('counts rows on which it is false; where it is null it holds', async () => {
    await orders(`('o1', 'a', 'x', -1, null), ('o2', 'a', 'x', null, null), ('o3', 'a', 'x', 0, null)`)
    const outcomes = await shop.outcomes(ofSource('{ expression: "amount >= 0", name: no negative amounts }'))
    expect(brief(outcomes)).toEqual([['error', 1, 3]])
    expect(outcomes[0]?.test.name).toBe('no negative amounts')
    expect(outcomes[0]?.problem?.message).toBe('"amount >= 0" does not hold in 1 of 3 rows of source "orders".')
  })

  test('where: says which rows are tested; a row on which it is null is not', async () => {
    await orders(`('o1', 'a', 'paid', -1, null), ('o2', 'a', 'open', -1, null), ('o3', 'a', null, -1, null)`)
    const outcomes = await shop.outcomes(ofSource('{ expression: "amount >= 0", where: status = paid }'))
    expect(brief(outcomes)).toEqual([['error', 1, 1]])
  })

  test('times are the business time', async () => {
    await orders(`('o1', 'a', 'x', 1, '2026-02-01 00:00:00Z'), ('o2', 'a', 'x', 1, '2026-03-02 00:00:00Z')`)
    const outcomes = await shop.outcomes(ofSource('{ expression: "placed <= now" }'))
    expect(outcomes[0]?.examples).toEqual(['o2'])
  })
})

describe('freshness', () => {
  const fresh = (written: string) => `    loaded_at: placed\n    freshness: ${written}\n`
  const both = fresh('{ warn_after: 24h, error_after: 3 days }')

  test.each([
    ['an hour ago', '2026-03-01 11:00:00Z', 'pass', undefined],
    [
      '25 hours ago',
      '2026-02-28 11:00:00Z',
      'warn',
      /^The source "orders" has no row of the last 24 hours: .* 2026-02-28T11:00:00Z\.$/,
    ],
    ['a week ago', '2026-02-22 12:00:00Z', 'error', /^The source "orders" has no row of the last 3 days: /],
    ['tomorrow only', '2026-03-02 12:00:00Z', 'error', /the newest is of 2020-01-01T00:00:00Z\.$/],
  ])('the newest row is of %s', async (_, at, status, message) => {
    await orders(`('o1', 'a', 'x', 1, '${at}'), ('o2', 'a', 'x', 1, null), ('o3', 'a', 'x', 1, '2020-01-01 00:00:00Z')`)
    const [outcome] = await shop.outcomes(both)
    expect(outcome?.status).toBe(status)
    if (message) expect(outcome?.problem?.message).toMatch(message)
    else expect(outcome?.problem).toBeUndefined()
  })

  test('a source without rows is as old as can be; without error_after that is a warning', async () => {
    const [outcome] = await shop.outcomes(both)
    expect(outcome).toMatchObject({ status: 'error', failures: 1, rows: 0 })
    expect(outcome?.problem?.message).toMatch(/: no row has a time up to now\.$/)
    expect(brief(await shop.outcomes(fresh('{ warn_after: 24h }')))).toEqual([['warn', 1, 0]])
  })

  test('where: says which rows make it fresh', async () => {
    await orders(`('o1', 'a', 'web', 1, '2026-03-01 11:00:00Z')`)
    expect(brief(await shop.outcomes(fresh('{ error_after: 1 day, where: status = till }')))).toEqual([['error', 1, 0]])
  })
})

describe('max_failures', () => {
  test.each([
    ['1', 'error'],
    ['2', 'pass'],
    ['49%', 'error'],
    ['50%', 'pass'],
  ])('%s of two failures in four rows', async (most, status) => {
    await orders(
      `('o1', 'a', null, 1, null), ('o2', 'a', null, 1, null), ('o3', 'a', 'x', 1, null), ('o4', 'a', 'x', 1, null)`,
    )
    const [outcome] = await shop.outcomes(ofColumn('status', `{ not_null: { max_failures: ${most} } }`))
    expect(outcome?.status).toBe(status)
    if (outcome?.problem) expect(outcome.problem.message).toContain(`; max_failures allows ${most}.`)
  })
})

test('keys that say who somebody is are not shown', async () => {
  await orders(`('anna@x.fr', 'a', null, 1, null)`)
  const personal = `    identifiers: { email: id }\n${ofColumn('status', 'not_null')}`
  const [outcome] = await shop.outcomes(personal)
  expect(outcome).toMatchObject({ status: 'error', examples: [] })
  expect(JSON.stringify(outcome?.problem)).not.toContain('anna')
  const context = await shop.context(personal)
  const open = compileDataTests(context, context.project.dataTests, { profiles: 'published', showValues: true })
  expect(await runDataTests(shop.place.session, open, shop.clock)).toMatchObject([{ examples: ['anna@x.fr'] }])
})

test('profiles are tested as they are published', async () => {
  const own = await desk()
  onTestFinished(() => own.place.close())
  await own.sql(`insert into raw.people values
    ('p1', 'a@x.fr', 'Paris'), ('p2', 'b@x.fr', null), ('p3', 'c@x.fr', 'Lyon')`)
  const traits = `
traits:
  customer:
    city: { pick: city, from: people, tests: [not_null, { accepted_values: [Paris, Lille], severity: warn }] }
    email: { pick: email, from: people, tests: [unique, { relationships: { to: people, column: email } }] }
`
  const entity =
    '    tests: [{ row_count: { min: 3 } }, { expression: "length(city) < 5", name: short }, { unique: [city, email] }]\n'
  const context = await own.context('', { traits, entity })
  const { number } = await own.place.run()
  const outcomes = await run(context, own.place.session, { b: number })
  expect(outcomes.map(({ test: one, status, failures, rows }) => [one.name, status, failures, rows])).toEqual([
    ['customer.city not_null', 'error', 1, 3],
    ['customer.city accepted_values', 'warn', 1, 3],
    ['customer row_count', 'pass', 0, 3],
    ['short', 'error', 1, 3],
    ['customer.email unique', 'pass', 0, 3],
    ['customer.email relationships', 'pass', 0, 3],
    ['customer unique (city, email)', 'pass', 0, 2],
  ])
  expect(outcomes[0]?.problem?.message).toBe('"city" is null in 1 of 3 profiles of entity "customer".')
  expect(outcomes[0]?.examples).toHaveLength(1)
})

describe('how often a source is read', () => {
  const many = `    loaded_at: placed
    freshness: { warn_after: 24h }
    columns:
      status: { tests: [not_null, { accepted_values: [paid] }] }
      amount: { tests: [not_null] }
      customer: { tests: [not_null, unique, { relationships: { to: people } }] }
    tests: [{ row_count: { min: 1 } }, { expression: amount >= 0 }, { expression: amount < 9 }, { unique: [customer, status] }]
`

  test('one scan for all rows, one a uniqueness, one join a relationship', async () => {
    const context = await shop.context(many)
    const scans = compileDataTests(context, context.project.dataTests, { profiles: 'built' })
    expect(scans.map(({ statement, tests }) => [statement.name, tests.length])).toEqual([
      ['test source orders', 8],
      ['test source orders unique customer', 1],
      ['test source orders customer in people', 1],
      ['test source orders unique customer status', 1],
    ])
  })

  test('a project without tests runs what it ran before; with tests they stand before and after what is built', async () => {
    const plain = await shop.context('')
    const models = compileModels(plain)
    expect(withDataTests(plain, models)).toEqual(models)
    const context = await shop.context(ofColumn('status', 'not_null'), {
      entity: '    tests: [{ row_count: { min: 1 } }]\n',
    })
    expect(withDataTests(context, models).map(({ name }) => name)).toEqual([
      'setup',
      'tests/sources',
      ...models.slice(1).map(({ name }) => name),
      'tests/profiles',
    ])
  })

  test('tests that pass ask nothing more, each that fails asks for its examples', async () => {
    await people(`('a', null, null)`)
    await orders(`('o1', 'a', 'paid', 1, '2026-03-01 11:00:00Z')`)
    const context = await shop.context(many)
    const asked: string[] = []
    const counted: Session = {
      ...bound(shop.place.session),
      first: (query) => {
        asked.push(query.statement.name)
        return shop.place.session.first(query)
      },
    }
    await run(context, counted, shop.clock)
    expect(asked.filter((name) => name.startsWith('test '))).toHaveLength(4)
    await orders(`('o2', 'a', null, -1, null)`)
    asked.length = 0
    const outcomes = await run(context, counted, shop.clock)
    const failed = outcomes.filter(({ status }) => status !== 'pass').length
    expect(failed).toBe(3)
    expect(asked.filter((name) => name.startsWith('test '))).toHaveLength(4 + failed)
  })
})

function bound(session: Session): Session {
  return apart({
    dialect: session.dialect,
    columns: (...args) => session.columns(...args),
    describe: (...args) => session.describe(...args),
    script: (...args) => session.script(...args),
    first: (...args) => session.first(...args),
    read: (...args) => session.read(...args),
    append: (...args) => session.append(...args),
    close: () => session.close(),
  })
}

describe('against plain TypeScript', () => {
  interface Order {
    readonly customer: string | null
    readonly status: string | null
    readonly amount: number | null
  }

  const rows = fc.array(
    fc.record<Order>({
      customer: fc.constantFrom('a', 'b', 'c', null),
      status: fc.constantFrom('paid', 'open', "o'x", null),
      amount: fc.constantFrom(-1, 0, 1.5, 3, null),
    }),
    { maxLength: 8 },
  )
  const wheres = ['', 'status = paid', 'amount > 0', 'status is null', 'status != open'] as const
  const keeps = (where: (typeof wheres)[number], { status, amount }: Order): boolean => {
    switch (where) {
      case '':
        return true
      case 'status = paid':
        return status === 'paid'
      case 'amount > 0':
        return amount !== null && amount > 0
      case 'status is null':
        return status === null
      case 'status != open':
        return status !== null && status !== 'open'
    }
  }

  const tests = (where: string) => {
    const more = where === '' ? '' : `, where: ${where}`
    return `    columns:
      status: { tests: [{ not_null: {}${more} }, { accepted_values: [paid, "o'x"]${more} }] }
      customer: { tests: [{ unique: {}${more} }, { relationships: { to: people }${more} }] }
    tests: [{ expression: "amount >= 0 or status = 'open'"${more} }, { unique: [customer, status]${more} }, { row_count: { min: 3 }${more} }]
`
  }

  test('every kind counts what an evaluator counts, whatever is null', async () => {
    const contexts = new Map<string, Context>()
    for (const where of wheres) contexts.set(where, await shop.context(tests(where)))
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom(...wheres), fc.subarray(['a', 'b', 'c']), async (given, where, known) => {
        await shop.sql('delete from raw.orders')
        await shop.sql('delete from raw.people')
        if (given.length > 0)
          await orders(
            given
              .map((one, index) => `('o${index}', ${text(one.customer)}, ${text(one.status)}, ${one.amount}, null)`)
              .join(),
          )
        if (known.length > 0) await people(known.map((id) => `('${id}', null, null)`).join())
        const context = contexts.get(where)
        const outcomes = context === undefined ? [] : await run(context, shop.place.session, shop.clock)
        const kept = given.filter((one) => keeps(where, one))
        const named = kept.filter(({ customer }) => customer !== null)
        const both = named.filter(({ status }) => status !== null)
        const holds = ({ status, amount }: Order) => or(amount === null ? null : amount >= 0, equals(status, 'open'))
        const expected = {
          'orders.status not_null': [kept.filter(({ status }) => status === null).length, kept.length],
          'orders.status accepted_values': [kept.filter(({ status }) => status === 'open').length, kept.length],
          'orders.customer unique': [repeats(named.map(({ customer }) => customer)), named.length],
          'orders.customer relationships': [
            named.filter(({ customer }) => !known.includes(customer ?? '')).length,
            named.length,
          ],
          "orders expression (amount >= 0 or status = 'open')": [
            kept.filter((one) => holds(one) === false).length,
            kept.length,
          ],
          'orders unique (customer, status)': [
            repeats(both.map(({ customer, status }) => `${customer} ${status}`)),
            both.length,
          ],
          'orders row_count': [Math.max(0, 3 - kept.length), kept.length],
        }
        const got = outcomes.map(({ test: one, failures, rows: tested }) => [one.name, [failures, tested]])
        expect(Object.fromEntries(got)).toEqual(expected)
        expect(outcomes.every(({ failures, status }) => failures > 0 === (status === 'error'))).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  function text(value: string | null): string {
    return value === null ? 'null' : `'${value.replaceAll("'", "''")}'`
  }

  function equals(a: string | null, b: string): boolean | null {
    return a === null ? null : a === b
  }

  function or(a: boolean | null, b: boolean | null): boolean | null {
    if (a === true || b === true) return true
    return a === null || b === null ? null : false
  }

  function repeats(values: readonly (string | null)[]): number {
    return values.length - new Set(values).size
  }
})
