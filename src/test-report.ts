import type { DataTestOutcome } from './build/data-tests.ts'
import type { Diagnostic } from './error.ts'
import type { DataTest } from './project/data-tests.ts'
import { type DataTestReport, dataTestReport, type ErrorReport, errorReport, statusOf } from './report.ts'
import type { DataTested } from './testing/data-tests.ts'
import type { UnitOutcome } from './testing/outcome.ts'

/** What `cdp test` found, as `--json` prints it. Fields are only ever added. */
export interface TestReport {
  readonly version: 1
  readonly command: 'test'
  readonly status: ReturnType<typeof statusOf>
  /** 0: all passed (warnings included); 1: a test failed or could not be run. */
  readonly exit_code: number
  readonly ms: number
  /** Data tests in the order of the project's files, then unit tests. */
  readonly tests: readonly TestOutcome[]
  /** Of which build the profiles were that data tests read; null where none read any. */
  readonly profiles: { readonly build: number; readonly published_at: string; readonly age_ms: number } | null
  readonly errors: readonly ErrorReport[]
}

/** One test; `kind` says which fields it has. */
export type TestOutcome = UnitOutcome | DataOutcome

/** What became of one data test. */
export interface DataOutcome extends Omit<DataTestReport, 'status'> {
  readonly kind: 'data'
  readonly file: string
  readonly line: number
  /** `skipped`: there are no such profiles yet. */
  readonly status: DataTestReport['status'] | 'skipped'
  /** Keys of a few rows that fail, where they say nobody's name. */
  readonly examples: readonly string[]
  /** What is to be said of it; null where it passes. */
  readonly message: string | null
  readonly fix: string | null
}

/** The report of the outcomes; `warnings` are what else is to be said of the project. */
export function testReport(
  { data, units }: { readonly data: DataTested | undefined; readonly units: readonly UnitOutcome[] },
  { ms, now, warnings }: { readonly ms: number; readonly now: Date; readonly warnings: readonly Diagnostic[] },
): TestReport {
  const tests = [...(data === undefined ? [] : dataOutcomes(data)), ...units]
  const published = data?.profiles
  const code = tests.some(({ status }) => status === 'fail' || status === 'error') ? 1 : 0
  return {
    version: 1,
    command: 'test',
    status: statusOf(code),
    exit_code: code,
    ms: Math.round(ms),
    tests,
    profiles: published
      ? { build: published.build, published_at: published.at, age_ms: now.getTime() - Date.parse(published.at) }
      : null,
    errors: warnings.map(errorReport),
  }
}

function dataOutcomes({ tests, outcomes, skipped }: DataTested): readonly DataOutcome[] {
  return tests.flatMap((test) => {
    const outcome = outcomes.find((one) => one.test === test)
    if (outcome !== undefined) return [foundOutcome(outcome)]
    const why = skipped.find((one) => one.test === test)?.why
    return why === undefined ? [] : [skippedOutcome(test, why)]
  })
}

function foundOutcome(one: DataTestOutcome): DataOutcome {
  return {
    kind: 'data',
    ...placeOf(one.test),
    ...dataTestReport(one),
    examples: one.examples,
    message: one.problem?.message ?? null,
    fix: one.problem?.fix ?? null,
  }
}

function skippedOutcome(test: DataTest, why: string): DataOutcome {
  return {
    kind: 'data',
    ...placeOf(test),
    ...dataTestReport({ test, status: 'pass', failures: 0, rows: 0 }),
    status: 'skipped',
    examples: [],
    message: why,
    fix: '`cdp run` tests profiles before it publishes them.',
  }
}

function placeOf({ at }: DataTest): Pick<DataOutcome, 'file' | 'line'> {
  return { file: at.file, line: at.line }
}
