import { counted } from '../support/counted.ts'
import { simulate } from './simulation.ts'

/** Simulates each seed; what failed, each with its seed and the first thing that was wrong. */
export async function failingOf(seeds: readonly number[]): Promise<readonly string[]> {
  const failing: string[] = []
  // Vendors fail by the million, and nobody reads where: a failing seed is simulated alone to look into it.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const total = { sends: 0, wasted: 0, crashes: 0, takeovers: 0 }
  for (const seed of seeds) {
    // In a third of the seeds requests land late enough for several runs to pass meanwhile.
    const result = await simulate(seed, { setting: seed % 3 === 0 ? { settles: 90 } : {} })
    if (result.violations.length > 0) failing.push(`seed ${seed}: ${result.violations[0]}`)
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += result[key]
  }
  Error.stackTraceLimit = stackTraceLimit
  counted('simulation', { seeds: seeds.length, failing: failing.length, ...total })
  console.log(JSON.stringify({ seeds: seeds.length, from: seeds[0], failing: failing.length, ...total }))
  return failing
}

/** So many numbers from `from` on. */
export function range(from: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => from + index)
}
