import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Identifier,
  identified,
  mintedId,
  nothingYet,
  type OracleRow,
  type OracleRules,
  type Outcome,
} from '../support/identity-oracle.ts'

const RULES: OracleRules = {
  entity: 'customer',
  types: [type('user'), type('email'), type('phone'), type('ip', { link: false })],
  never: [],
  always: [],
  maxSize: undefined,
  profileSources: ['crm'],
}

describe('profiles', () => {
  test('are what shared identifiers join, under an id minted from the oldest of them', () => {
    const rows = [
      row('2', 'user 1', 'email a'),
      row('1', 'user 1', 'phone 5'),
      row('3', 'phone 5', 'email b'),
      row('4', 'email c'),
    ]
    const { profiles, clusters } = identified(nothingYet, rows, RULES)
    expect(Object.fromEntries(profiles)).toEqual({
      'user 1': mintedId('customer', ['user', '1']),
      'phone 5': mintedId('customer', ['user', '1']),
      'email a': mintedId('customer', ['user', '1']),
      'email b': mintedId('customer', ['user', '1']),
      'email c': mintedId('customer', ['email', 'c']),
    })
    // Equally old: the smaller value comes first.
    expect(clusters).toEqual([['user 1', 'phone 5', 'email a', 'email b'], ['email c']])
  })

  test('have ids in the form of a UUID', () => {
    expect(mintedId('customer', ['user', '1'])).toBe('87b4e49e-f1ad-9e0a-6042-891edd721db9')
  })

  test('number identifiers as they were first seen, without a time last, then the strongest type, then by value', () => {
    const rows = [
      row(undefined, 'user b', 'email a'),
      row('2', 'user \u{1f600}'),
      row('2', 'user \uff5e'),
      row('2', 'user z', 'email z'),
      row('1', 'ip 9'),
      { source: 'crm', key: 'k', ids: [] },
    ]
    const { world } = identified(nothingYet, rows, RULES)
    const order = ['ip 9', 'user z', 'user \uff5e', 'user \u{1f600}', 'email z', 'user b', 'email a', 'row:crm k']
    expect([...world.numbers]).toEqual(order.map((name, at) => [name, at + 1]))
    const { world: later } = identified(world, [row('0', 'user y')], RULES)
    expect(later.numbers.get('user y')).toBe(9)
  })

  test('are not made by identifiers that are blocked or do not link, or that only a list names', () => {
    const rules: OracleRules = {
      ...RULES,
      types: [type('user', { block: ['0'] }), type('email'), type('ip', { link: false })],
      always: [[of('user 1'), of('user 2')]],
    }
    const rows = [row('1', 'user 0', 'email a', 'ip 9'), row('1', 'user 0', 'email b', 'ip 9'), row('1', 'user 1')]
    expect(parts(identified(nothingYet, rows, rules))).toEqual(['email a', 'email b', 'user 1'])
  })

  test('are not joined by a value that is seen with more values of one stronger type than it may be', () => {
    const rules: OracleRules = {
      ...RULES,
      types: [
        type('user', { block: ['0'] }),
        type('ip', { link: false }),
        type('email'),
        type('phone', { maxFanout: 2 }),
      ],
    }
    const shared = [row('1', 'user 1', 'phone 5'), row('1', 'user 2', 'phone 5'), row('1', 'user 3', 'phone 5')]
    expect(parts(identified(nothingYet, shared, rules))).toEqual(['user 1', 'user 2', 'user 3'])
    const fine = [
      row('1', 'user 1', 'email a', 'phone 5'),
      row('1', 'user 2', 'email b', 'phone 5'),
      row('1', 'user 0', 'ip 1', 'phone 5'),
      row('1', 'ip 2', 'phone 5'),
      row('1', 'ip 3', 'phone 5'),
    ]
    expect(parts(identified(nothingYet, fine, rules))).toEqual(['email a, email b, phone 5, user 1, user 2'])
  })

  test('may share a value that is seen with many values of a weaker type', () => {
    const types = [type('user'), type('email', { maxFanout: 1 }), type('phone')]
    const rows = [row('1', 'email a', 'phone 5'), row('1', 'email a', 'phone 6')]
    expect(parts(identified(nothingYet, rows, { ...RULES, types }))).toEqual(['email a, phone 5, phone 6'])
  })

  test('are made by rows of profile sources in which nothing joins', () => {
    const rows: readonly OracleRow[] = [
      { source: 'crm', key: '1', ids: [] },
      { source: 'crm', key: '1', ids: [['ip', '9']] },
      { source: 'crm', key: '2', ids: [['user', '1']] },
      { source: 'crm', ids: [] },
      { source: 'events', key: '1', ids: [] },
    ]
    const { profiles } = identified(nothingYet, rows, RULES)
    expect([...profiles.keys()]).toEqual(['user 1', 'row:crm 1'])
    expect(profiles.get('row:crm 1')).toBe(mintedId('customer', ['row:crm', '1']))
  })
})

describe('rules', () => {
  const twoUsers = [row('1', 'user 1', 'phone 5'), row('3', 'user 2', 'phone 5'), row('2', 'user 2', 'email a')]

  test('join what is confirmed, whatever the limits', () => {
    const always: OracleRules['always'] = [[of('user 1'), of('user 2')]]
    const types = [type('user', { limit: 1 })]
    const rows = [row('1', 'user 1'), row('1', 'user 2')]
    expect(parts(identified(nothingYet, rows, { ...RULES, types, always }))).toEqual(['user 1, user 2'])
  })

  test('refuse the edge that breaks a limit: that of the weakest type, then the youngest', () => {
    const types = [type('user', { limit: 1 }), type('email'), type('phone')]
    const { refused, profiles } = identified(nothingYet, twoUsers, { ...RULES, types })
    expect(refused).toEqual([{ a: 'phone 5', b: 'user 2', reason: 'limit', type: 'user' }])
    expect(profiles.get('phone 5')).toBe(profiles.get('user 1'))
    const weakMail = [type('user', { limit: 1 }), type('phone'), type('email')]
    const bridged = [...twoUsers, row('0', 'phone 6', 'email a'), row('0', 'phone 6', 'user 1')]
    const { refused: weakest } = identified(nothingYet, bridged.slice(1), { ...RULES, types: weakMail })
    expect(weakest).toEqual([{ a: 'email a', b: 'user 2', reason: 'limit', type: 'user' }])
  })

  test('keep apart what is never one profile, even against what is confirmed', () => {
    const pair = [of('user 2'), of('user 1')] as const
    const { refused } = identified(nothingYet, twoUsers, { ...RULES, never: [pair], always: [pair] })
    expect(refused).toEqual([
      { a: 'user 1', b: 'user 2', reason: 'never_merge', type: undefined },
      { a: 'phone 5', b: 'user 2', reason: 'never_merge', type: undefined },
    ])
  })

  test('take apart what is too large, the weakest types first', () => {
    const { refused } = identified(nothingYet, twoUsers, { ...RULES, maxSize: 3 })
    expect(refused.map(({ a, b, reason }) => [a, b, reason])).toEqual([
      ['user 1', 'phone 5', 'max_profile_size'],
      ['phone 5', 'user 2', 'max_profile_size'],
    ])
  })
})

describe('ids that last', () => {
  const apart = [row('1', 'user 1'), row('2', 'email a'), row('3', 'phone 5')]
  const [one, two, three] = ['user 1', 'email a', 'phone 5'].map((name) => mintedId('customer', of(name)))

  test('the oldest survives a merge, and aliases point straight at it', () => {
    const pair = row('4', 'email a', 'phone 5')
    const [, second, third] = builds([apart, [...apart, pair], [...apart, pair, row('5', 'user 1', 'email a')]])
    expect(second?.merges).toEqual([{ from: three, to: two }])
    expect(third?.merges).toEqual([{ from: two, to: one }])
    expect([...(third?.world.ids.values() ?? [])].map(({ anchor, mergedInto }) => [anchor, mergedInto])).toEqual([
      [1, undefined],
      [2, 1],
      [3, 1],
    ])
    expect(third?.splits).toEqual([])
  })

  test('the oldest is the one that was born first, not the one whose anchor was seen first', () => {
    const joined = [row('1', 'user 1', 'email a'), row('3', 'phone 5')]
    const [, , third] = builds([joined, apart, [row('1', 'user 1'), row('4', 'email a', 'phone 5')]])
    expect(third?.merges).toEqual([{ from: two, to: three }])
  })

  test('the part with the anchor keeps the id of a split, and the other one gets back the id it had', () => {
    const [, , third] = builds([apart, [...apart, row('4', 'user 1', 'email a')], apart])
    expect(third?.splits).toEqual([{ from: one, to: two }])
    expect(third?.world.ids.get(2)).toEqual({ anchor: 2, profileId: two, born: 1, mergedInto: undefined })
  })

  test('an id outlives its anchor with the oldest identifier that it has left, and goes home when the anchor is back', () => {
    const joined = [row('1', 'user 1', 'email a'), row('2', 'user 1', 'phone 5')]
    const [, second, third] = builds([joined, apart.slice(1), apart])
    expect(Object.fromEntries(second?.profiles ?? [])).toEqual({ 'email a': one, 'phone 5': three })
    expect(second?.splits).toEqual([{ from: one, to: three }])
    expect(Object.fromEntries(third?.profiles ?? [])).toEqual({ 'user 1': one, 'email a': two, 'phone 5': three })
    expect(third?.splits).toEqual([{ from: one, to: two }])
  })

  test('an id sleeps while none of its identifiers is there', () => {
    const [first, second, third] = builds([
      [row('1', 'user 1', 'email a')],
      [row('2', 'phone 5')],
      [row('3', 'email a')],
    ])
    expect(second?.world.ids.get(1)).toEqual(first?.world.ids.get(1))
    expect(second?.splits).toEqual([])
    expect(third?.profiles.get('email a')).toBe(two)
  })
})

describe('a build', () => {
  const value = fc.nat({ max: 5 }).map(String)
  const rows = fc.array(
    fc.record({
      source: fc.constantFrom('crm', 'events'),
      key: value,
      time: fc.option(fc.nat({ max: 9 }).map(day), { nil: undefined }),
      ids: fc
        .subarray(['user', 'email', 'phone', 'ip'])
        .chain((types) => fc.tuple(...types.map((one) => idOf(one, value)))),
    }),
    { maxLength: 20 },
  )
  const rules = fc.record<OracleRules>({
    entity: fc.constant('customer'),
    types: fc.tuple(
      fc.record({ limit: maybe(2) }).map((more) => type('user', more)),
      fc.record({ limit: maybe(2), maxFanout: maybe(3) }).map((more) => type('email', { ...more, block: ['0'] })),
      fc.record({ maxFanout: maybe(3) }).map((more) => type('phone', more)),
      fc.constant(type('ip', { link: false })),
    ),
    never: fc.array(fc.tuple(idOf('user', value), idOf('email', value)), { maxLength: 2 }),
    always: fc.array(fc.tuple(idOf('user', value), idOf('phone', value)), { maxLength: 2 }),
    maxSize: maybe(6),
    profileSources: fc.constant(['crm']),
  })

  test('does not depend on the order of its rows', () => {
    fc.assert(
      fc.property(rows, rules, fc.infiniteStream(fc.nat()), (some, by, order) => {
        const keyed = some.map((one) => [order.next().value ?? 0, one] as const)
        const shuffled = keyed.sort(([a], [b]) => a - b).map(([, one]) => one)
        const [expected, found] = [some, shuffled].map((each) => sorted(identified(nothingYet, each, by)))
        expect(found).toEqual(expected)
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  test('that follows one over the same rows changes nothing', () => {
    fc.assert(
      fc.property(rows, rows, rules, (earlier, some, by) => {
        const before = identified(identified(nothingYet, earlier, by).world, some, by)
        const after = identified(before.world, some, by)
        expect({ ...sorted(after), build: 0 }).toEqual({ ...sorted({ ...before, merges: [], splits: [] }), build: 0 })
      }),
      { seed: 2, numRuns: 200 },
    )
  })

  test('gives every profile one id in use, and every part one profile', () => {
    fc.assert(
      fc.property(rows, rows, rules, (earlier, some, by) => {
        const { world, profiles, clusters } = identified(identified(nothingYet, earlier, by).world, some, by)
        expect(new Set(clusters.flat())).toEqual(new Set(profiles.keys()))
        for (const anchor of world.profiles.values()) expect(world.ids.get(anchor)?.mergedInto).toBeUndefined()
        for (const { mergedInto } of world.ids.values())
          if (mergedInto !== undefined) expect(world.ids.get(mergedInto)?.mergedInto).toBeUndefined()
        const clusterOf = new Map(clusters.flatMap((cluster, at) => cluster.map((name) => [name, at] as const)))
        const homes = new Map([...profiles].map(([name, profile]) => [profile, clusterOf.get(name)]))
        for (const [name, profile] of profiles) expect(homes.get(profile)).toBe(clusterOf.get(name))
      }),
      { seed: 3, numRuns: 200 },
    )
  })
})

function type(name: string, more: Partial<OracleRules['types'][number]> = {}): OracleRules['types'][number] {
  return { name, link: true, maxFanout: undefined, limit: undefined, block: [], ...more }
}

/** A row of a day of January with identifiers written as `type value`. */
function row(date: string | undefined, ...ids: readonly string[]): OracleRow {
  return { source: 'rows', time: date === undefined ? undefined : day(Number(date)), ids: ids.map(of) }
}

function day(number: number): string {
  return `2026-01-${String(number + 1).padStart(2, '0')}T00:00:00Z`
}

function of(name: string): Identifier {
  const [type = '', value = ''] = name.split(' ')
  return [type, value]
}

function idOf(type: string, value: fc.Arbitrary<string>): fc.Arbitrary<Identifier> {
  return value.map((one) => [type, one] as const)
}

function maybe(most: number): fc.Arbitrary<number | undefined> {
  return fc.option(fc.integer({ min: 1, max: most }), { nil: undefined })
}

function builds(visible: readonly (readonly OracleRow[])[]): readonly Outcome[] {
  const outcomes: Outcome[] = []
  for (const rows of visible) outcomes.push(identified(outcomes.at(-1)?.world ?? nothingYet, rows, RULES))
  return outcomes
}

/** The identifiers of each profile, as sorted text. */
function parts({ profiles }: Outcome): readonly string[] {
  const sets = new Map<string, string[]>()
  for (const [name, id] of profiles) sets.set(id, [...(sets.get(id) ?? []), name])
  return [...sets.values()].map((names) => names.sort().join(', ')).sort()
}

/** Everything but the order in which it is listed. */
function sorted(outcome: Outcome) {
  const lines = (values: Iterable<unknown>) => [...values].map((value) => JSON.stringify(value)).sort()
  const { world, profiles, clusters, refused, merges, splits } = outcome
  return {
    numbers: lines(world.numbers),
    ids: lines(world.ids),
    known: lines(world.profiles),
    profiles: lines(profiles),
    clusters,
    refused,
    merges: lines(merges),
    splits: lines(splits),
  }
}
