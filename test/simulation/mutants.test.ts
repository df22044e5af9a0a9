import { expect, test } from 'vitest'
import { counted } from '../support/counted.ts'
import { MUTANTS, type Mutant } from './mutants.ts'
import { modelPlace, SETTING, simulate } from './simulation.ts'

/** The most seeds that a mutant may live. */
const SEEDS = Number(process.env.SEEDS ?? 3_000)

test.each(MUTANTS)('a broken rule is noticed: $name', { timeout: 0 }, async (mutant) => {
  const killed = await firstFailure(mutant)
  if (!killed) throw new Error(`it lived through ${SEEDS} seeds`)
  counted('mutants', { killed: 1 })
  console.log(`${mutant.name}: seed ${killed.seed}: ${killed.violation}`)
  const whole = await simulate(killed.seed, { setting: { ...SETTING, ...mutant.setting } })
  expect(whole.violations, 'the same seed with the rule in force').toEqual([])
})

async function firstFailure(mutant: Mutant): Promise<{ seed: number; violation: string } | undefined> {
  const setting = { ...SETTING, ...mutant.setting }
  const from = mutant.from ?? 1
  for (let seed = from; seed < from + SEEDS; seed++) {
    const open = modelPlace(setting, (ledger, warehouse) => mutant.change(ledger, warehouse))
    const { violations } = await simulate(seed, { setting, open })
    if (violations[0] === undefined) continue
    const whole = await simulate(seed, { setting })
    if (whole.violations.length === 0) return { seed, violation: violations[0] }
    // A process that is frozen for longer than its lease and then killed confesses nothing, with any rule.
    if (setting.gap <= setting.lease) throw new Error(`seed ${seed} with the rule in force: ${whole.violations[0]}`)
  }
  return undefined
}
