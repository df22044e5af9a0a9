import type { Environment, Request } from './environment.ts'
import type { Project } from './project/project.ts'
import type { UnitTest } from './project/unit-test.ts'
import type { UnitOutcome } from './testing/outcome.ts'
import { runUnitTests, type Testing } from './testing/run.ts'
import type { Session } from './warehouses/warehouse.ts'

/** Runs unit tests in a warehouse in memory, whatever the target is: no account is opened and no source is read. */
export async function unitTests(
  project: Project,
  tests: readonly UnitTest[],
  { request, environment, read }: UnitTesting,
): Promise<readonly UnitOutcome[]> {
  if (tests.length === 0) return []
  const testing: Testing[] = []
  const projects = new Map([['{}', project]])
  for (const test of tests) {
    // `${var:x}` is replaced when a project is read, so other values need another project.
    const key = JSON.stringify(test.vars)
    const own = projects.get(key) ?? (await read(test.vars))
    projects.set(key, own)
    testing.push({ project: own, test: own.unitTests.tests.get(test.name) ?? test })
  }
  const session = await openMemory(request, environment)
  try {
    return await runUnitTests(testing, { session, clock: environment.world.clock })
  } finally {
    await session.close()
  }
}

export interface UnitTesting {
  readonly request: Request
  readonly environment: Environment
  /** Reads the project again with other values of `vars:`. Throws CdpError where it cannot stand with them. */
  readonly read: (vars: Readonly<Record<string, string>>) => Promise<Project>
}

/** The warehouse that runs inside this process. */
const IN_PROCESS = 'duckdb'

async function openMemory({ directory, threads }: Request, { warehouses }: Environment): Promise<Session> {
  const warehouse = warehouses.get(IN_PROCESS)
  if (warehouse === undefined) throw new Error(`unit tests need a warehouse of type ${IN_PROCESS}`)
  const options = warehouse.options.parse({ path: ':memory:' })
  return warehouse.connect(options, { directory, mode: 'write', threads: threads ?? 1 })
}
