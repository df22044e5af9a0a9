import type { TestSequencer, TestSpecification } from 'vitest/node'

/** Files that take longest, those first: begun last, one of them would run alone while the other worker has nothing to do. */
const LONGEST: readonly string[] = [
  'simulation/simulation-half',
  'simulation/simulation',
  'e2e/kill-changes',
  'e2e/explain',
  'unit/plan/plan',
  'e2e/kill-first-fill',
  'simulation/equality',
  'e2e/run',
  'e2e/consent',
  'warehouses/sample',
  'e2e/bad-input',
  'compile/identity-graphs',
  'e2e/consent-again',
]

/** Long files first, then by name: what ran before is not known on a clean checkout. */
export class LongestFirst implements TestSequencer {
  async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => rank(a) - rank(b) || (a.moduleId < b.moduleId ? -1 : 1))
  }

  /** Nobody shards these tests. */
  async shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files
  }
}

function rank({ moduleId }: TestSpecification): number {
  const at = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`))
  return at === -1 ? LONGEST.length : at
}
