import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compileModels } from '../../../src/arrange.ts'
import { build } from '../../../src/build.ts'
import { compileState } from '../../../src/compile/state.ts'
import { ENGINES } from '../../support/engines.ts'
import { type Inline, inline } from '../../support/inline.ts'
import { realClock, tableOf } from '../../support/warehouse.ts'

/*
 * Conditions on what people did against a plain loop over their rows.
 */

const NOW = Date.parse('2026-03-01T12:00:00Z')
const DAY = 86_400_000
const PEOPLE = 40
const EVENTS = 70

interface Row {
  readonly who: number
  readonly at: number
  readonly kind: string | null
  readonly amount: number | null
}

interface Person {
  /** A time of the person's own. */
  readonly mark: number | null
}

/** A part of a condition: how it is written, and what it is. */
interface Part<A extends readonly unknown[], T> {
  readonly text: string
  of(...given: A): T
}

const time = fc.integer({ min: -40, max: 2 }).map((days) => NOW + days * DAY)

const row: fc.Arbitrary<Row> = fc.record({
  who: fc.integer({ min: 1, max: PEOPLE }),
  at: time,
  kind: fc.constantFrom('a', 'a', 'b', 'c', null),
  amount: fc.option(
    fc.integer({ min: -4, max: 40 }).map((value) => value / 4),
    { freq: 4, nil: null },
  ),
})

const person: fc.Arbitrary<Person> = fc.record({ mark: fc.option(time, { freq: 4, nil: null }) })

const where: fc.Arbitrary<Part<[Row], boolean>> = fc.constantFrom<Part<[Row], boolean>>(
  { text: 'kind = a', of: ({ kind }) => kind === 'a' },
  { text: 'kind != a', of: ({ kind }) => kind !== null && kind !== 'a' },
  { text: 'kind is null or amount >= 3', of: ({ kind, amount }) => kind === null || (amount !== null && amount >= 3) },
  { text: 'not (kind = b and amount > 2)', of: ({ kind, amount }) => notBoth(kind, amount) },
)

function notBoth(kind: string | null, amount: number | null): boolean {
  return (kind !== null && kind !== 'b') || (amount !== null && amount <= 2)
}

/** A time, and where "after" it begins: after the end of a day, else right away. */
const moment: fc.Arbitrary<Part<[Person], { readonly time: number; readonly end: number } | null>> = fc.oneof(
  fc.integer({ min: 1, max: 35 }).map((days) => ({
    text: `${days} days ago`,
    of: () => ({ time: NOW - days * DAY, end: NOW - days * DAY }),
  })),
  fc.integer({ min: 1, max: 28 }).map((day) => {
    const time = Date.parse(`2026-02-${String(day).padStart(2, '0')}T00:00:00Z`)
    return { text: new Date(time).toISOString().slice(0, 10), of: () => ({ time, end: time + DAY - 1 }) }
  }),
  fc.constantFrom(0, 3).map((days) => ({
    text: days === 0 ? 'customer.mark' : `customer.mark - ${days} days`,
    of: ({ mark }: Person) => (mark === null ? null : { time: mark - days * DAY, end: mark - days * DAY }),
  })),
)

type Window = Part<[number, Person], boolean>

const windowOptions: fc.Arbitrary<Window> = fc.oneof(
  fc.integer({ min: 1, max: 35 }).map((days) => ({
    text: `within: ${days} days`,
    of: (at: number) => at >= NOW - days * DAY && at <= NOW,
  })),
  moment.map(({ text, of }) => ({
    text: `after: ${text}`,
    of: (at: number, who: Person) => {
      const bound = of(who)
      return bound !== null && at > bound.end
    },
  })),
  moment.map(({ text, of }) => ({
    text: `before: ${text}`,
    of: (at: number, who: Person) => {
      const bound = of(who)
      return bound !== null && at < bound.time
    },
  })),
)

/** No option twice. */
const windows = (least: number) =>
  fc.uniqueArray(windowOptions, { minLength: least, maxLength: 2, selector: ({ text }) => text.split(':')[0] })

type Measure = Part<[readonly Row[]], number | null> & { readonly isPlain?: boolean }

const measure: fc.Arbitrary<Measure> = fc.constantFrom<Measure>(
  { text: '', isPlain: true, of: (rows) => rows.length },
  { text: 'sum: amount * 2', of: (rows) => amounts(rows).reduce((sum, one) => sum + 2 * one, 0) },
  { text: 'avg: amount', of: (rows) => mean(amounts(rows)) },
  { text: 'min: amount', of: (rows) => extreme(Math.min, amounts(rows)) },
  { text: 'max: amount', of: (rows) => extreme(Math.max, amounts(rows)) },
  { text: 'count_distinct: kind', of: (rows) => new Set(rows.flatMap(({ kind }) => kind ?? [])).size },
)

function amounts(rows: readonly Row[]): readonly number[] {
  return rows.flatMap(({ amount }) => amount ?? [])
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, one) => sum + one, 0) / values.length
}

function extreme(of: (...values: number[]) => number, values: readonly number[]): number | null {
  return values.length === 0 ? null : of(...values)
}

const bound = fc.integer({ min: -1, max: 6 })

const bounds: fc.Arbitrary<Part<[number], boolean>> = fc.oneof(
  bound.map((least) => ({ text: `at_least: ${least}`, of: (value: number) => value >= least })),
  bound.map((most) => ({ text: `at_most: ${most}`, of: (value: number) => value <= most })),
  bound.map((exact) => ({ text: `exactly: ${exact}`, of: (value: number) => value === exact })),
  fc.tuple(bound, bound).map(([least, most]) => ({
    text: `at_least: ${least}, at_most: ${most}`,
    of: (value: number) => value >= least && value <= most,
  })),
)

const event: fc.Arbitrary<Part<[readonly Row[], Person], boolean>> = fc
  .record({
    negated: fc.boolean(),
    where: fc.option(where, { nil: undefined }),
    window: windows(0),
    measure,
    bounds,
    isBound: fc.boolean(),
    first: fc.option(windows(1), { freq: 1, nil: [] }),
    last: fc.option(windows(1), { freq: 1, nil: [] }),
  })
  .map(({ negated, where, window, measure, bounds, isBound, first, last }) => {
    const isFree = measure.isPlain === true && !isBound
    const map = (name: string, parts: readonly Window[]) =>
      parts.length === 0 ? '' : `${name}: { ${parts.map(({ text }) => text).join(', ')} }`
    const options = [
      where && `where: ${where.text}`,
      ...window.map(({ text }) => text),
      measure.text,
      isFree ? '' : bounds.text,
      map('first', first),
      map('last', last),
    ]
    return {
      text: `{ ${[negated ? 'did_not: acts' : 'did: acts', ...options].filter(Boolean).join(', ')} }`,
      of: (rows, who) => {
        const counted = rows.filter((one) => where?.of(one) !== false && window.every((part) => part.of(one.at, who)))
        const value = measure.of(counted)
        const times = counted.map(({ at }) => at)
        const lies = (parts: readonly Window[], of: (...values: number[]) => number) =>
          parts.length === 0 || (times.length > 0 && parts.every((part) => part.of(of(...times), who)))
        const did =
          value !== null && (isFree ? value >= 1 : bounds.of(value)) && lies(first, Math.min) && lies(last, Math.max)
        return did !== negated
      },
    }
  })

const [rows = []] = fc.sample(fc.array(row, { minLength: 260, maxLength: 260 }), { seed: 3, numRuns: 1 })
const [people = []] = fc.sample(fc.array(person, { minLength: PEOPLE + 5, maxLength: PEOPLE + 5 }), {
  seed: 4,
  numRuns: 1,
})
const events = fc.sample(event, { seed: 5, numRuns: EVENTS })

describe.each(ENGINES)('on $title', (engine) => {
  let made: Inline

  beforeAll(async () => {
    const iso = (at: number | null) => (at === null ? '' : new Date(at).toISOString())
    const segments = events.map(({ text }, index) => `  s${index}: { where: ${text} }\n`).join('')
    made = await inline(
      {
        'models/all.yaml': `
sources:
  people: { file: people.csv, category: profile, key: id, identifiers: { user: id }, columns: { mark: { type: timestamp } } }
  acts:
    file: acts.csv
    at: at
    identifiers: { user: who }
    columns: { amount: { type: decimal }, kind: { type: text } }
entities:
  customer: { identifiers: { user: {} } }
traits:
  customer:
    number: { pick: id, from: people }
    mark: { pick: mark, from: people }
segments:
${segments}`,
        'people.csv': `id,mark\n${people.map(({ mark }, index) => `${index + 1},${iso(mark)}\n`).join('')}`,
        'acts.csv': `who,at,kind,amount\n${rows.map((one) => `${one.who},${iso(one.at)},${one.kind ?? ''},${one.amount ?? ''}\n`).join('')}`,
      },
      engine,
    )
  })
  afterAll(() => made.close())

  test('who did something is whom a loop over all rows finds', async () => {
    const { session } = made
    const project = await made.fill()
    const context = { project, dialect: session.dialect }
    const request = { session, state: compileState(context), clock: realClock, runId: 'r', now: project.now }
    await build(compileModels(context), request)
    const numbers = new Map(
      (await tableOf(session, { schema: '_cdp', name: ['b1_customer'] }, ['profile_id', 'number'])).map(
        ([id, number]) => [id, Number(number)],
      ),
    )
    const names = events.map((_, index) => `s${index}`)
    const answers = await tableOf(session, { schema: '_cdp', name: ['b1_customer_segments'] }, ['profile_id', ...names])
    expect(answers.length).toBe(PEOPLE + 5)
    let trues = 0
    for (const [id, ...found] of answers) {
      const number = numbers.get(id ?? '') ?? 0
      const mine = rows.filter(({ who }) => who === number)
      const who = people[number - 1] ?? { mark: null }
      const expected = events.map(({ text, of }) => `${text}: ${of(mine, who)}`)
      expect(found.map((one, index) => `${events[index]?.text}: ${one}`)).toEqual(expected)
      trues += expected.filter((one) => one.endsWith(': true')).length
    }
    expect(trues).toBeGreaterThan(400)
    expect(trues).toBeLessThan(EVENTS * (PEOPLE + 5) - 400)
  })
})
