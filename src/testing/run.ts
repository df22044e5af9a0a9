import { CdpError, type Diagnostic } from '../error.ts'
import type { Project } from '../project/project.ts'
import type { UnitTest } from '../project/unit-test.ts'
import type { Session } from '../warehouses/warehouse.ts'
import type { Clock } from '../world.ts'
import type { Bench } from './bench.ts'
import { judge } from './judge.ts'
import type { UnitFailure, UnitOutcome } from './outcome.ts'
import { formsIn } from './people.ts'
import { buildTest, endTest } from './test-build.ts'

/** A test and the project as its `vars:` make it. */
export interface Testing {
  readonly project: Project
  readonly test: UnitTest
}

/**
 * Runs unit tests one after the other in one warehouse, which holds nothing but what they make. Nothing of a test is
 * seen by the next: a build that is not published leaves no state. What cannot be built is told in its outcome.
 */
export async function runUnitTests(
  tests: readonly Testing[],
  {
    session,
    clock,
    ended,
  }: { readonly session: Session; readonly clock: Clock; readonly ended?: (one: UnitOutcome) => void },
): Promise<readonly UnitOutcome[]> {
  const bench: Bench = { session, clock, compiled: new Map(), made: new Set(), forms: new Map() }
  const outcomes: UnitOutcome[] = []
  for (const one of tests) {
    const outcome = await outcomeOf(bench, one)
    outcomes.push(outcome)
    ended?.(outcome)
  }
  return outcomes
}

async function outcomeOf(bench: Bench, { project, test }: Testing): Promise<UnitOutcome> {
  const started = bench.clock.now()
  const failures = await failuresOf(bench, project, test)
  return {
    kind: 'unit',
    name: test.name,
    file: test.at.file,
    line: test.at.line,
    status: failures.some(({ kind }) => kind === 'undecided') ? 'error' : failures.length > 0 ? 'fail' : 'pass',
    ms: Math.round(bench.clock.now() - started),
    failures,
  }
}

async function failuresOf(bench: Bench, project: Project, test: UnitTest): Promise<readonly UnitFailure[]> {
  try {
    const built = await buildTest(bench, project, test)
    return await judge(bench, built, test, formsIn(built.context, bench.session, bench.forms))
  } catch (thrown) {
    if (!(thrown instanceof CdpError) || thrown.who === 'bug') throw thrown
    return thrown.diagnostics.map((one) => undecided(test, one, thrown.cause))
  } finally {
    await endTest(bench, project, test)
  }
}

function undecided({ at }: UnitTest, { code, message, fix, at: place }: Diagnostic, cause: unknown): UnitFailure {
  const { file, line } = place ?? at
  const words = cause instanceof Error ? firstLine(cause.message) : ''
  const said = message.includes(words) ? message : `${message} ${words}`
  return { file, line, kind: 'undecided', message: said, fix: fix ?? (code === 'warehouse/statement' ? OWN_SQL : null) }
}

const OWN_SQL =
  'Unit tests run on DuckDB. A column that only SQL of your own names must stand in a row, or under `columns:`.'

function firstLine(text: string): string {
  return text.trim().replace(/\n[\s\S]*$/, '')
}
