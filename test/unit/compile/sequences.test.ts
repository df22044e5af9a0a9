// biome-ignore-all lint/suspicious/noThenProperty: `then:` is a word of the language
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { ENGINES } from '../../support/engines.ts'
import { type Inline, inline } from '../../support/inline.ts'
import { tableOf } from '../../support/warehouse.ts'

/*
 * Sequences against a plain search over all rows of a person: for each row of a step it tries every row of the next.
 */

const NOW = Date.parse('2026-03-01T12:00:00Z')
const HOUR = 3_600_000
const PEOPLE = 120
const SEQUENCES = 60

interface Row {
  readonly who: number
  readonly source: 'visits' | 'orders'
  readonly kind: string
  readonly at: number
}

interface Kind {
  readonly source: Row['source']
  readonly kind: string | undefined
}

interface Step extends Kind {
  readonly hours: number | undefined
  readonly without: readonly Kind[]
  readonly negated: boolean
}

const kind: fc.Arbitrary<Kind> = fc.record({
  source: fc.constantFrom('visits' as const, 'orders' as const),
  kind: fc.constantFrom(undefined, 'a', 'b', 'c'),
})
const hours = fc.constantFrom(undefined, 1, 3, 24)

const sequence = fc
  .tuple(
    fc.tuple(kind, hours),
    fc.array(fc.tuple(kind, hours, fc.array(kind, { maxLength: 2 })), { minLength: 1, maxLength: 3 }),
    fc.boolean(),
  )
  .map(([[first, ago], rest, endsBadly]): readonly Step[] => [
    { ...first, hours: ago === undefined ? undefined : ago * 4, without: [], negated: false },
    ...rest.map(([one, within, without], index) => {
      const negated = endsBadly && index === rest.length - 1
      return { ...one, hours: within, without: negated ? [] : without, negated }
    }),
  ])

// Whole hours, so that times often are equal and ends are often met; a few lie after the business time.
const row: fc.Arbitrary<Row> = fc.record({
  who: fc.integer({ min: 1, max: PEOPLE }),
  source: fc.constantFrom('visits' as const, 'orders' as const),
  kind: fc.constantFrom('a', 'b', 'c'),
  at: fc.integer({ min: -30, max: 2 }).map((ago) => NOW + ago * HOUR),
})

const rows = fc.sample(fc.array(row, { minLength: 900, maxLength: 900 }), { numRuns: 1, seed: 11 })[0] ?? []
const sequences = fc.sample(sequence, { numRuns: SEQUENCES, seed: 12 })

function fits(row: Row, { source, kind: wanted }: Kind): boolean {
  return row.source === source && (wanted === undefined || row.kind === wanted)
}

function holds(mine: readonly Row[], [first, ...rest]: readonly Step[]): boolean {
  const past = mine.filter(({ at }) => at <= NOW)
  const starts = past.filter(
    (one) => first && fits(one, first) && (first.hours === undefined || one.at >= NOW - first.hours * HOUR),
  )
  return starts.some(({ at }) => goesOn(past, at, rest))
}

function goesOn(mine: readonly Row[], from: number, [step, ...rest]: readonly Step[]): boolean {
  if (step === undefined) return true
  const end = step.hours === undefined ? Number.POSITIVE_INFINITY : from + step.hours * HOUR
  const next = mine.filter((one) => fits(one, step) && one.at > from && one.at <= end)
  if (step.negated) return next.length === 0 && (step.hours === undefined || end <= NOW)
  return next.some(
    ({ at }) =>
      !mine.some((one) => step.without.some((no) => fits(one, no)) && one.at > from && one.at < at) &&
      goesOn(mine, at, rest),
  )
}

function yamlOf([first, ...rest]: readonly Step[]): object {
  const of = ({ source, kind: wanted }: Kind, key = 'did') => ({
    [key]: source,
    ...(wanted !== undefined && { where: `kind = ${wanted}` }),
  })
  const within = ({ hours: h }: Step) => (h === undefined ? {} : { within: `${h} hours` })
  return {
    ...(first && { ...of(first), ...within(first) }),
    then: rest.map((step) => ({
      ...of(step, step.negated ? 'did_not' : 'did'),
      ...within(step),
      ...(step.without.length > 0 && { without: step.without.map((one) => of(one)) }),
    })),
  }
}

describe.each(ENGINES)('on $title', (engine) => {
  let shop: Inline

  beforeAll(async () => {
    const csv = (name: string) =>
      [
        'id,person,kind,at',
        ...rows.flatMap(({ source, who, kind: what, at }, index) =>
          source === name ? [`${index},${who},${what},${new Date(at).toISOString()}`] : [],
        ),
      ].join('\n')
    const segments = Object.fromEntries(
      sequences.flatMap((one, index) => [
        [`s${index}`, { where: yamlOf(one) }],
        [`n${index}`, { where: { not: yamlOf(one) } }],
      ]),
    )
    const source = (name: string) => ({ file: `${name}.csv`, key: 'id', at: 'at', identifiers: { user_id: 'person' } })
    shop = await inline(
      {
        'models/all.yaml': stringify({
          sources: { visits: source('visits'), orders: source('orders') },
          entities: { customer: { identifiers: { user_id: {} } } },
          segments,
        }),
        'visits.csv': csv('visits'),
        'orders.csv': csv('orders'),
      },
      engine,
    )
    await shop.run()
  })

  afterAll(() => shop.close())

  test('a sequence holds for exactly those whose rows follow each other so', async () => {
    const view = (name: string) => ({ schema: 'cdp', name: [name] })
    const names = new Map(
      (await tableOf(shop.session, view('customer_identifiers'), ['profile_id', 'value'])).map(([id, who]) => [
        id,
        who,
      ]),
    )
    const members = await tableOf(shop.session, view('segment_membership'), ['segment', 'profile_id'])
    const got = new Set(members.map(([segment, id]) => `${segment}:${names.get(id ?? null)}`))
    const people = [...new Set(rows.map(({ who }) => who))]
    const counts = sequences.map((one, index) => {
      const wanted = people.filter((who) =>
        holds(
          rows.filter((row) => row.who === who),
          one,
        ),
      )
      for (const who of people) {
        const is = wanted.includes(who)
        const told = JSON.stringify(yamlOf(one))
        expect(got.has(`s${index}:${who}`), `${who} in ${told}`).toBe(is)
        expect(got.has(`n${index}:${who}`), `${who} in not ${told}`).toBe(!is)
      }
      return wanted.length
    })
    // The cases are worth something only where some are in and some are out.
    expect(counts.filter((count) => count > 0 && count < people.length).length).toBeGreaterThan(SEQUENCES / 2)
  })
})
