import { afterAll, beforeAll, expect, test } from 'vitest'
import { counted } from '../support/counted.ts'
import { type Arena, type Fault, openArena, type Round } from './contention.ts'
import { Dice } from './random.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 4)
const SEED = Number(process.env.FROM ?? 1)

/** So that a few rounds show each of them. */
const FAULTS: readonly Fault[] = ['none', 'kill', 'short stop', 'long stop', 'kill', 'none']

let arena: Arena
// The contender is compiled first.
beforeAll(async () => {
  arena = await openArena()
}, 300_000)
afterAll(() => arena.close())

test(`of real processes that start, stop and die over one sync, one sends at a time, and nothing is lost (${ROUNDS} rounds)`, {
  timeout: 0,
}, async () => {
  const dice = new Dice(SEED)
  const rounds: Round[] = []
  for (let at = 0; at < ROUNDS; at++) {
    const round = await arena.round(FAULTS[at % FAULTS.length] ?? 'none', dice)
    rounds.push(round)
    if (round.violations.length > 0) console.log(`round ${at + 1} (${round.fault}):`, round.violations)
  }
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0)
  const failing = sum((round) => (round.violations.length > 0 ? 1 : 0))
  const counts = {
    rounds: ROUNDS,
    failing,
    runs: sum((round) => round.runs),
    'locked out': sum((round) => round.lockedOut),
    requests: sum((round) => round.requests),
    'late requests of stopped processes': sum((round) => round.overlaps),
  }
  console.log(JSON.stringify(counts))
  counted('processes', counts)
  expect(rounds.flatMap(({ violations }) => violations)).toEqual([])
  // Rounds in which nobody was locked out would say nothing of the lease.
  expect(counts['locked out']).toBeGreaterThan(0)
})
