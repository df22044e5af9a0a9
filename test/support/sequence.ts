import type { TestSequencer, TestSpecification } from 'vitest/node'

/** Files that take longest, those first: begun last, one of them would run alone while the other worker has nothing to do. */
const LONGEST: readonly string[] = [
  'simulation/simulation-half',
  'simulation/simulation',
  'warehouses/bigquery-sample',
  'warehouses/snowflake-sample',
  'warehouses/sample',
  'e2e/consent',
  'unit/plan/plan',
  'warehouses/bigquery',
  'golden/condition-forms',
  'compile/groups',
  'compile/identity-graphs',
  'compile/identity-edited-rules',
  'compile/identity-batches',
  'e2e/bad-input',
  'e2e/kill-changes',
  'e2e/explain',
  'e2e/kill-first-fill',
  'simulation/equality',
  'e2e/run',
  'e2e/consent-again',
  'warehouses/snowflake',
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
