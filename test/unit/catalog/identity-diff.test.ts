import { describe, expect, onTestFinished, test } from 'vitest'
import type { EntityDiff } from '../../../src/catalog/diff.ts'
import { sizeCounts } from '../../../src/catalog/diff.ts'
import { ALL } from '../../support/all.ts'
import { type Asking, asking } from '../../support/asking.ts'
import { type Dice, diceOf } from '../../support/dice.ts'
import { written } from '../../support/written.ts'

/** Worlds that are published; everyday few. */
const SEEDS = ALL ? 6 : 2

const rules = (email: string, cookie: string, more = '') => `
sources:
  shop: { file: shop.csv, category: profile, key: id, updated_at: at, identifiers: { user_id: user, email: email } }
  visits: { file: visits.csv, key: id, at: at, identifiers: { user_id: user, email: email, cookie: cookie } }
entities:
  customer:
    identifiers:
      user_id: {}
      email: ${email}
      cookie: ${cookie}
    ${more}
`

const SHOP = `id,user,email,at
s1,u1,anna@x.fr,2026-01-01T00:00:00Z
s2,u2,bob@x.fr,2026-01-02T00:00:00Z
s3,u3,carl@x.fr,2026-01-03T00:00:00Z
s4,u4,office@x.fr,2026-01-04T00:00:00Z
s5,u5,office@x.fr,2026-01-05T00:00:00Z
`

const VISITS = `id,user,email,cookie,at
v1,u1,,k1,2026-01-10T00:00:00Z
v2,u2,,k1,2026-01-11T00:00:00Z
v3,u3,,k3,2026-01-12T00:00:00Z
`

const BEFORE = rules('{ normalize: email }', '{ max_fanout: 1 }')

async function shop(files: Readonly<Record<string, string>> = {}): Promise<Asking> {
  const made = await asking({ 'models/all.yaml': BEFORE, 'shop.csv': SHOP, 'visits.csv': VISITS, ...files })
  onTestFinished(() => made.close())
  return made
}

async function customers(asked: Asking): Promise<EntityDiff> {
  const { entities } = await asked.diff()
  const [only] = entities
  if (only === undefined) throw new Error('nothing was compared')
  return only
}

describe('a difference', () => {
  test('is none before the first publish, which is no failure', async () => {
    const asked = await shop()
    expect(await asked.diff()).toEqual({ compared_with: null, entities: [], guard: [] })
    expect(await tables(asked)).toEqual([])
  })

  test('is none where neither rules nor data changed', async () => {
    const asked = await shop()
    await asked.run()
    const { compared_with: than, entities, guard } = await asked.diff()
    expect(than).toMatchObject({ build: 1, run_id: 'run-1' })
    expect(guard).toEqual([])
    expect(entities).toMatchObject([
      {
        entity: 'customer',
        rules_changed: false,
        profiles: { before: 4, after: 4, new: 0, gone: 0 },
        merges: { profiles: 0, into: 0 },
        splits: { profiles: 0, into: 0 },
        standings: [],
        refused: [],
        merge_examples: [],
        split_examples: [],
      },
    ])
  })

  test('names the profiles that a looser rule merges, and the identifier that ties them', async () => {
    const asked = await shop()
    await asked.run()
    asked.write({ 'models/all.yaml': rules('{ normalize: email }', '{}') })
    const found = await customers(asked)
    expect(found).toMatchObject({
      rules_changed: true,
      profiles: { before: 4, after: 3, new: 0, gone: 0 },
      merges: { profiles: 2, into: 1 },
      splits: { profiles: 0, into: 0 },
      standings: [{ type: 'cookie', was: 'shared', becomes: 'joins', identifiers: 1 }],
    })
    const [example] = found.merge_examples
    expect(example?.part_count).toBe(2)
    expect(example?.parts.map(({ some }) => some.map(({ value }) => value))).toEqual([
      ['u1', 'anna@x.fr'],
      ['u2', 'bob@x.fr'],
    ])
    expect(example?.parts.map(({ via }) => via)).toEqual([null, { type: 'cookie', value: 'k1' }])
    expect(example?.parts[0]?.profile_id).toBe(example?.profile_id)
  })

  test('names the profile that a blocked value splits, and the value', async () => {
    const asked = await shop()
    await asked.run()
    asked.write({ 'models/all.yaml': rules('{ normalize: email, block: [office@x.fr] }', '{ max_fanout: 1 }') })
    const found = await customers(asked)
    expect(found).toMatchObject({
      profiles: { before: 4, after: 5 },
      merges: { profiles: 0, into: 0 },
      splits: { profiles: 1, into: 2 },
      standings: [{ type: 'email', was: 'joins', becomes: 'blocked', identifiers: 1 }],
    })
    const [example] = found.split_examples
    expect(example?.parts.map(({ some }) => some.map(({ value }) => value))).toEqual([['u4'], ['u5']])
    expect(example?.parts.map(({ via }) => via?.value)).toEqual([undefined, 'office@x.fr'])
    const hidden = await asked.hidden.diff()
    expect(JSON.stringify(hidden)).not.toContain('@x.fr')
  })

  test('says of a limit which edges it refuses', async () => {
    const asked = await shop()
    await asked.run()
    asked.write({ 'models/all.yaml': BEFORE.replace('user_id: {}', 'user_id: { limit: 1 }') })
    const found = await customers(asked)
    expect(found.refused).toEqual([{ reason: 'limit', detail: 'user_id', edges: 1 }])
    expect(found.split_examples).toMatchObject([{ part_count: 2, refused: [{ reason: 'limit', edges: 1 }] }])
  })

  test('goes on where a guard would stop, and says so', async () => {
    const asked = await shop()
    await asked.run()
    const guard = 'guard: { max_profile_size: 4, max_merge_rate: 1% }'
    asked.write({ 'models/all.yaml': rules('{ normalize: email }', '{}', guard) })
    await expect(asked.run()).rejects.toThrow('max_profile_size')
    const found = await asked.diff()
    expect(found.guard).toEqual([
      expect.stringContaining('guard max_profile_size allows 4'),
      expect.stringContaining('guard max_merge_rate allows 1%'),
    ])
    expect(found.entities[0]?.merges).toEqual({ profiles: 2, into: 1 })
    asked.write({ 'models/all.yaml': BEFORE, 'visits.csv': 'id,user,email,cookie,at\n' })
    const emptied = await asked.diff()
    expect(emptied.guard).toEqual(['Source "visits" has no rows; at the last published build it had 3.'])
    expect(emptied.entities[0]?.standings).toMatchObject([{ was: 'joins', becomes: 'gone' }, { was: 'shared' }])
  })

  test('leaves no table and changes nothing that is published', async () => {
    const asked = await shop()
    await asked.run()
    const [before, people] = [await tables(asked), await published(asked)]
    // How emails are compared changes how both sources are read, so that the state has tables for that.
    asked.write({ 'models/all.yaml': rules('{ normalize: text, block: [office@x.fr] }', '{}') })
    expect((await customers(asked)).profiles).toMatchObject({ before: 4, after: 4 })
    expect(await tables(asked)).toEqual(before)
    expect(await published(asked)).toEqual(people)
    asked.write({ 'shop.csv': 'id,user,mail,at\n' })
    await expect(asked.diff()).rejects.toThrow()
    expect(await tables(asked)).toEqual(before)
  })

  test('is what publishing does then', async () => {
    const asked = await shop()
    let moved = { merged: 0, split: 0 }
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = diceOf(seed)
      asked.write({ ...randomRows(random), 'models/all.yaml': randomRules(random) })
      await asked.run(undefined, { fullRefresh: true })
      asked.write({ ...randomRows(random), 'models/all.yaml': randomRules(random) })
      const before = await published(asked)
      const found = await customers(asked)
      await asked.run()
      expect(summary(found), `seed ${seed}`).toEqual(compared(before, await published(asked)))
      moved = { merged: moved.merged + found.merges.into, split: moved.split + found.splits.profiles }
    }
    expect(Math.min(moved.merged, moved.split)).toBeGreaterThanOrEqual(SEEDS)
  })
})

test('sizes are counted in steps, without those that nobody has', () => {
  const sizes = [
    { side: 'then', size: 1, profiles: 3 },
    { side: 'now', size: 4, profiles: 2 },
    { side: 'now', size: 3, profiles: 1 },
    { side: 'now', size: 5000, profiles: 1 },
  ]
  expect(sizeCounts(sizes)).toEqual([
    { from: 1, to: 1, before: 3, after: 0 },
    { from: 3, to: 5, before: 0, after: 3 },
    { from: 1001, to: null, before: 0, after: 1 },
  ])
})

async function tables({ session }: Asking): Promise<readonly string[]> {
  const row = await session.first(
    written(`
      select string_agg(table_schema || '.' || table_name, ' ' order by table_schema, table_name) as names
      from information_schema.tables`),
  )
  return row?.names?.split(' ') ?? []
}

/** Identifier that joins → profile id, as readers see it. */
async function published({ session }: Asking): Promise<ReadonlyMap<string, string>> {
  const view = { schema: 'cdp', name: ['customer_identifiers'] }
  const found = new Map<string, string>()
  for await (const { rows, columns } of session.read(view, ['type', 'value', 'profile_id', 'joins'], 1000))
    for (let at = 0; at < rows; at++)
      if (columns[3]?.[at] === 'true') found.set(`${columns[0]?.[at]} ${columns[1]?.[at]}`, columns[2]?.[at] ?? '')
  return found
}

type People = ReadonlyMap<string, string>

function summary({ profiles, identifiers, merges, splits }: EntityDiff) {
  return { profiles, identifiers, merges, splits }
}

/** The same from two maps alone. */
function compared(before: People, after: People): ReturnType<typeof summary> {
  const both = [...before].flatMap(([name, from]) => {
    const to = after.get(name)
    return to === undefined ? [] : [{ from, to }]
  })
  const moved = (one: 'from' | 'to', other: 'from' | 'to') => {
    const groups = new Map<string, Set<string>>()
    for (const pair of both) groups.set(pair[one], (groups.get(pair[one]) ?? new Set()).add(pair[other]))
    return [...groups.values()].map(({ size }) => size).filter((size) => size > 1)
  }
  const ids = (people: People) => new Set(people.values())
  const alone = (people: People, side: 'from' | 'to') =>
    [...ids(people)].filter((id) => !both.some((pair) => pair[side] === id)).length
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0)
  const [merged, split] = [moved('to', 'from'), moved('from', 'to')]
  return {
    profiles: {
      before: ids(before).size,
      after: ids(after).size,
      new: alone(after, 'to'),
      gone: alone(before, 'from'),
    },
    identifiers: { before: before.size, after: after.size },
    merges: { profiles: sum(merged), into: merged.length },
    splits: { profiles: split.length, into: sum(split) },
  }
}

function randomRows(random: Dice): Readonly<Record<string, string>> {
  const email = () => (random(4) === 0 ? '' : `e${random(12)}@x.fr`)
  const time = (at: number) => `2026-01-${String(1 + (at % 28)).padStart(2, '0')}T00:00:00Z`
  const rows = (count: number, row: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => row(at)).join('\n')
  const shop = rows(10, (at) => `s${at},u${random(10)},${email()},${time(at)}`)
  const visits = rows(14, (at) => `v${at},${random(3) ? '' : `u${random(10)}`},${email()},k${random(9)},${time(at)}`)
  return { 'shop.csv': `id,user,email,at\n${shop}\n`, 'visits.csv': `id,user,email,cookie,at\n${visits}\n` }
}

function randomRules(random: Dice): string {
  const cap = () => (random(2) === 0 ? '' : `max_fanout: ${1 + random(2)}`)
  const block = random(2) === 0 ? '' : `, block: [e${random(12)}@x.fr]`
  const text = rules(`{ normalize: email${block} }`, `{ ${cap()} }`)
  return random(2) === 0 ? text : text.replace('user_id: {}', 'user_id: { limit: 1 }')
}
