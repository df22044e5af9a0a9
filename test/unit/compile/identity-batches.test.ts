import { describe, expect, test } from 'vitest'
import { ALL } from '../../support/all.ts'
import { ENGINES_OF_LONG_BEDS } from '../../support/engines.ts'
import { identified, nothingYet, type Outcome, type World } from '../../support/identity-oracle.ts'
import { IdentityWorld, oracleRows, oracleRules, type WorldRow, type WorldRules } from '../../support/identity-world.ts'

/** Numbers from a seed: below `n`. */
type Dice = (n: number) => number

interface History {
  readonly seed: number
  /** Cases side by side: identifiers of different cases have nothing in common. */
  readonly cases: number
  readonly builds: number
  /** True: rows that were settled stay as they are, so only new rows are read. */
  readonly appends: boolean
  readonly rules: (step: number) => Omit<WorldRules, 'never' | 'always'>
  readonly lists: boolean
}

/** Cases of each history on a server, everyday. */
const SOME = 30

/** 500 random cases in all: batches of new, late, deleted and returning rows. */
const HISTORIES: Readonly<Record<string, History>> = {
  'without limits': {
    seed: 1,
    cases: 120,
    builds: 6,
    appends: false,
    lists: false,
    rules: () => ({ fanouts: { b: 2, c: 3 } }),
  },
  'with limits, lists and block lists that change': {
    seed: 2,
    cases: 140,
    builds: 7,
    appends: false,
    lists: true,
    rules: (step) => ({
      fanouts: { b: 3, c: 3 },
      limits: { a: 2, b: 4 },
      blocked: step >= 3 && step < 5 ? [...blockedIn(140, 'b', 1), ...blockedIn(140, 'c', 0)] : blockedIn(140, 'c', 1),
    }),
  },
  'that only grows': {
    seed: 3,
    cases: 120,
    builds: 6,
    appends: true,
    lists: true,
    rules: () => ({ fanouts: { b: 2 }, limits: { a: 1 } }),
  },
  'under quarantine': {
    seed: 4,
    cases: 120,
    builds: 6,
    appends: false,
    lists: true,
    rules: () => ({ limits: { a: 2 }, maxSize: 4 }),
  },
}

describe.each(ENGINES_OF_LONG_BEDS)('an identity graph in batches, on $title', (engine) => {
  for (const [name, all] of Object.entries(HISTORIES))
    test(`${name} has the ids of the oracle after every build, and a full refresh changes none`, async () => {
      const history = ALL ? all : { ...all, cases: SOME }
      const world = await IdentityWorld.open(engine)
      const seen = await follow(world, history)
      await world.close()
      // The histories must reach what they are about.
      const least = Math.min(20, history.cases / 6)
      expect(seen.merges).toBeGreaterThan(least)
      expect(seen.splits).toBeGreaterThan(history.appends ? 0 : least)
      expect(seen.refused).toBeGreaterThan(history.lists ? least : -1)
      expect(seen.narrow).toBe(history.appends ? history.builds - 1 : 0)
    })
})

function blockedIn(cases: number, type: string, value: number): readonly string[] {
  return Array.from({ length: cases }, (_, group) => `${type}${group}-${value}`).filter((_, group) => group % 2 === 0)
}

/** Runs a history; returns how often it did what it is about. */
async function follow(world: IdentityWorld, history: History) {
  const dice = diceOf(history.seed)
  const reached = { merges: 0, splits: 0, refused: 0, narrow: 0 }
  let rows: readonly WorldRow[] = []
  let gone: readonly WorldRow[] = []
  let known: World = nothingYet
  for (let step = 0; step < history.builds; step++) {
    const mayGo = (row: WorldRow) => !history.appends || row.source === 'contacts'
    const kept = rows.filter((row) => !mayGo(row) || dice(12) > 0)
    gone = [...gone, ...rows.filter((row) => !kept.includes(row))]
    const back = gone.filter(() => dice(4) === 0)
    gone = gone.filter((row) => !back.includes(row))
    rows = [...kept, ...back, ...newRows(dice, step, history)]
    const rules = { ...history.rules(step), ...(history.lists && listsOf(dice, history.cases)) }
    await world.load(rows, rules)
    const built = await world.build(rules)
    if (typeof built.values.after_customer_events === 'string') reached.narrow += 1
    const outcome = await agree(world, known, rows, rules, `step ${step}`)
    known = outcome.world
    reached.merges += outcome.merges.length
    reached.splits += outcome.splits.length
    reached.refused += outcome.refused.length
    if (step < history.builds - 1) continue
    await world.build(rules, true)
    const again = await agree(world, known, rows, rules, 'full refresh')
    expect(sorted(again.profiles)).toEqual(sorted(outcome.profiles))
  }
  return reached
}

async function agree(
  world: IdentityWorld,
  known: World,
  rows: readonly WorldRow[],
  rules: WorldRules,
  label: string,
): Promise<Outcome> {
  const expected = identified(known, oracleRows(rows), oracleRules(rules))
  expect(sorted(await world.profiles()), label).toEqual(sorted(expected.profiles))
  expect(await world.moves('merges'), `${label}: merges`).toEqual(moves(expected.merges))
  expect(await world.moves('splits'), `${label}: splits`).toEqual(moves(expected.splits))
  const refused = expected.refused.map(({ a, b, reason }) => [[a, b].sort().join(' '), reason].join(' ')).sort()
  expect(await world.refused(), `${label}: refused`).toEqual(refused)
  return expected
}

function moves(list: readonly { readonly from: string; readonly to: string }[]): readonly string[] {
  return list.map(({ from, to }) => `${from} ${to}`).sort()
}

function sorted(map: ReadonlyMap<string, string>): readonly string[] {
  return [...map].map(([name, profile]) => `${name} ${profile}`).sort()
}

const HOUR = 3_600_000

/** Rows that arrive before a build, within the overlap of an hour; where rows need not only grow, some far too late. */
function newRows(dice: Dice, step: number, { cases, appends }: History): readonly WorldRow[] {
  const start = Date.UTC(2020, 0, 1) + step * 24 * HOUR
  return Array.from({ length: cases }, (_, group) =>
    Array.from({ length: step === 0 ? 3 + dice(5) : dice(4) }, (_, at): WorldRow => {
      const value = (type: string, of: number) => (dice(5) < 2 ? `${type}${group}-${dice(of)}` : undefined)
      const happened = dice(6) === 0 ? undefined : new Date(start - dice(60) * HOUR).toISOString()
      const late = appends ? 9 : dice(10)
      const loaded = new Date(start + dice(50) * 60_000 - (late === 0 ? 400 * HOUR : late === 1 ? HOUR * 24 : 0))
      const key = `${step}-${group}-${at}`
      if (dice(4) === 0)
        return { source: 'contacts', key, time: happened, loaded: '', a: value('a', 4), d: value('d', 3) }
      const [a, b, c, c2] = [value('a', 4), value('b', 4), value('c', 3), value('c', 3)]
      return { source: 'events', key, time: happened, loaded: loaded.toISOString(), a, b, c, c2 }
    }),
  ).flat()
}

function listsOf(dice: Dice, cases: number): Pick<WorldRules, 'never' | 'always'> {
  const pair = (group: number) => [`a${group}-${dice(4)}`, `a${group}-${dice(4)}`] as const
  const some = (share: number) =>
    Array.from({ length: cases }, (_, group) => group)
      .filter(() => dice(share) === 0)
      .map(pair)
      .filter(([l, r]) => l !== r)
  return { never: some(5), always: some(8) }
}

function diceOf(seed: number): Dice {
  let state = seed
  return (n) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n
  }
}
