import { describe, expect, test } from 'vitest'
import { ALL } from '../../support/all.ts'
import { type Dice, diceOf, shuffledList } from '../../support/dice.ts'
import { ENGINES_OF_LONG_BEDS } from '../../support/engines.ts'
import { identified, nothingYet } from '../../support/identity-oracle.ts'
import { IdentityWorld, oracleRows, oracleRules, type WorldRow, type WorldRules } from '../../support/identity-world.ts'
import { partitionOf } from '../../support/partition.ts'
import { tableOf } from '../../support/warehouse.ts'

/** 500 shuffles: copies of sets lie side by side, each in an order of its own and split over the builds in its own way. */
const SETS = 5
const COPIES = 50
/** On a server, everyday. */
const SOME = 10
const BUILDS = 4
const LIMITS = { limits: { a: 2, b: 3 }, fanouts: { b: 2, c: 3 } } as const
const RULES: Readonly<Record<string, Omit<WorldRules, 'never' | 'always'>>> = {
  'limits, lists and max_fanout': LIMITS,
  'limits, lists, max_fanout and quarantine': { ...LIMITS, maxSize: 6 },
}

describe.each(ENGINES_OF_LONG_BEDS)('in any order of arrival on $title', (engine) => {
  const copies = engine.type === 'duckdb' || ALL ? COPIES : SOME
  for (const [name, rules] of Object.entries(RULES))
    test(`${name} leave the same profiles and refuse the same edges: ${SETS * copies} shuffles in one to ${BUILDS} builds`, async () => {
      const sets = Array.from({ length: SETS }, (_, set) => setOf(set))
      const world = await IdentityWorld.open(engine)
      await arrive(
        world,
        sets.flatMap((set, at) => counted(copies).map((copy) => named(set, copyOf(at, copy)))),
        rules,
      )
      const [profiles, refused] = [await profilesByCopy(world), await refusedByCopy(world)]
      await world.close()

      for (const [set, conflicts] of sets.entries()) {
        const expected = expectation(conflicts, rules)
        const shared = refused.get(copyOf(set, 0))?.filter((edge) => edge.endsWith('max_fanout')) ?? []
        const edges = [...expected.refused, ...shared].sort()
        for (const copy of counted(copies).map((one) => copyOf(set, one))) {
          expect(profiles.get(copy), `profiles of copy ${copy}`).toEqual(expected.profiles)
          expect(refused.get(copy), `refused edges of copy ${copy}`).toEqual(edges)
        }
      }
      const reasons = counted(SETS).flatMap((set) => refused.get(copyOf(set, 0))?.map(reasonOf) ?? [])
      for (const reason of ['limit', 'never_merge', 'max_fanout', ...(rules.maxSize ? ['max_profile_size'] : [])])
        expect(reasons.filter((one) => one === reason).length, reason).toBeGreaterThanOrEqual(SETS)
    })

  test('the ids are the same, where everything comes in one build', async () => {
    const sets = counted(SETS).map((set) => named(setOf(set), copyOf(set, 0)))
    const lists = { never: sets.flatMap((set) => set.never), always: sets.flatMap((set) => set.always) }
    const rules = { ...LIMITS, maxSize: 6, ...lists }
    const rows = sets.flatMap((set) => set.rows)
    const found: (readonly string[])[] = []
    for (let order = 0; order < 4; order++) {
      const world = await IdentityWorld.open(engine)
      await world.load(shuffledList(rows, diceOf(order)), rules)
      await world.build(rules)
      found.push([...(await world.profiles())].map(([name, profile]) => `${name} ${profile}`).sort())
      await world.close()
    }
    expect(found[0]?.length).toBeGreaterThan(10 * SETS)
    for (const ids of found) expect(ids).toEqual(found[0])
  })
})

interface Conflicts {
  readonly rows: readonly WorldRow[]
  readonly never: readonly (readonly [string, string])[]
  readonly always: readonly (readonly [string, string])[]
}

/** Few values in many rows, so that rules collide; times are rare, equal or missing. */
function setOf(seed: number): Conflicts {
  const dice = diceOf(seed)
  const some = (type: string, of: number, chance: number) => (dice(10) < chance ? `${type}${dice(of)}` : undefined)
  const time = () => (dice(4) === 0 ? undefined : `2026-01-0${1 + dice(5)}T00:00:00Z`)
  const rows = Array.from({ length: 26 + dice(14) }, (_, at): WorldRow => {
    const [key, loaded] = [String(at), '2026-02-01T00:00:00Z']
    if (dice(5) === 0) return { source: 'contacts', key, time: time(), loaded, a: some('a', 9, 8), d: some('d', 3, 5) }
    const ids = { a: some('a', 9, 6), b: some('b', 8, 5), c: some('c', 7, 4), c2: some('c', 7, 2) }
    return { source: 'events', key, time: time(), loaded, ...ids }
  })
  const pairs = (count: number) =>
    Array.from({ length: count }, () => [`a${dice(9)}`, `a${dice(9)}`] as const).filter(([l, r]) => l !== r)
  return { rows, never: pairs(6), always: pairs(2) }
}

/** What a plain function of the whole set says, whichever way it came; the edges of shared values are not in it. */
function expectation({ rows, never, always }: Conflicts, rules: WorldRules) {
  const outcome = identified(nothingYet, oracleRows(rows), oracleRules({ ...rules, never, always }))
  return {
    profiles: partitionOf(outcome.profiles),
    refused: outcome.refused.map(({ a, b, reason }) => [...[a, b].sort(), reason].join(' ')),
  }
}

function copyOf(set: number, copy: number): string {
  return `${set}.${copy}`
}

/** The set under names of its own. */
function named({ rows, never, always }: Conflicts, copy: string): Conflicts {
  const name = (value: string) => `${value}@${copy}`
  const own = (value: string | undefined) => (value === undefined ? undefined : name(value))
  return {
    rows: rows.map((row) => ({
      ...row,
      key: name(row.key),
      a: own(row.a),
      b: own(row.b),
      c: own(row.c),
      c2: own(row.c2),
      d: own(row.d),
    })),
    never: never.map(([l, r]) => [name(l), name(r)] as const),
    always: always.map(([l, r]) => [name(l), name(r)] as const),
  }
}

/** Builds as often as there are batches; every set comes in some of them, its lists like its rows. */
async function arrive(world: IdentityWorld, all: readonly Conflicts[], rules: WorldRules): Promise<void> {
  const dice = diceOf(1)
  const copies = all.map((copy) => late(copy, dice))
  for (let build = 0; build < BUILDS; build++) {
    const there = <T>(items: readonly Late<T>[]) => items.filter((one) => one.build <= build)
    const rows = copies.flatMap((copy) =>
      there(copy.rows).map(({ item, build: came }) => ({ ...item, loaded: `2026-02-0${1 + came}T00:00:00Z` })),
    )
    const lists = (kind: 'never' | 'always') => copies.flatMap((copy) => there(copy[kind]).map(({ item }) => item))
    const seen = { ...rules, never: lists('never'), always: lists('always') }
    await world.load(shuffledList(rows, dice), seen)
    const { models } = await world.build(seen)
    expect(models.find(({ model }) => model.kind === 'identity')?.whole).toBe(build === 0)
  }
}

/** What comes in a build. */
interface Late<T> {
  readonly item: T
  readonly build: number
}

/** Everything in a set, spread over one build or several. */
function late({ rows, never, always }: Conflicts, dice: Dice) {
  const builds = shuffledList(counted(BUILDS), dice).slice(0, 1 + dice(BUILDS))
  const spread = <T>(items: readonly T[]): readonly Late<T>[] =>
    items.map((item) => ({ item, build: builds[dice(builds.length)] ?? 0 }))
  return { rows: spread(rows), never: spread(never), always: spread(always) }
}

function counted(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at)
}

/** By copy: the sets of identifiers that are one profile, as in the set itself. */
async function profilesByCopy(world: IdentityWorld): Promise<ReadonlyMap<string, readonly string[]>> {
  const entries = [...(await world.profiles())].map(([name, profile]) => {
    const [value = '', copy = ''] = name.split('@')
    return [copy, [value, profile] as const] as const
  })
  return new Map([...byCopy(entries)].map(([copy, found]) => [copy, partitionOf(found)]))
}

/** By copy: `a b reason` of every refused edge, as in the set itself. */
async function refusedByCopy(world: IdentityWorld): Promise<ReadonlyMap<string, readonly string[]>> {
  const view = { schema: 'cdp', name: ['customer_refused_edges'] }
  const rows = await tableOf(world.session, view, ['type_a', 'value_a', 'type_b', 'value_b', 'reason'])
  const edges = rows.map(([typeA, valueA, typeB, valueB, reason]) => {
    const [a, copy = ''] = `${typeA} ${valueA}`.split('@')
    const [b] = `${typeB} ${valueB}`.split('@')
    return [copy, [...[a, b].sort(), reason].join(' ')] as const
  })
  return new Map([...byCopy(edges)].map(([copy, found]) => [copy, found.sort()]))
}

function reasonOf(edge: string): string {
  return edge.slice(edge.lastIndexOf(' ') + 1)
}

function byCopy<T>(entries: readonly (readonly [copy: string, item: T])[]): ReadonlyMap<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const [copy, item] of entries) {
    const group = groups.get(copy)
    if (group === undefined) groups.set(copy, [item])
    else group.push(item)
  }
  return groups
}
