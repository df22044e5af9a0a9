import type { Model } from './compile/model.ts'
import type { Environment, Request } from './environment.ts'
import { CdpError, nearest, problem } from './error.ts'
import type { DataTest } from './project/data-tests.ts'
import type { Project } from './project/project.ts'
import type { Work } from './report.ts'
import { check, closing, compute, connect, read } from './stages.ts'
import { type TestReport, testReport } from './test-report.ts'
import { type DataTested, testData } from './testing/data-tests.ts'
import { type Selected, selectTests } from './testing/select.ts'
import { unitTests } from './unit-tests.ts'

/** Which of the two kinds of tests are run. */
export interface TestRequest {
  readonly unit: boolean
  readonly data: boolean
  /** True: keys of rows that fail are shown even where they say who somebody is. */
  readonly showValues?: boolean
}

/** Runs the project's tests: unit tests in memory whatever the target is. Throws CdpError where it cannot stand. */
export async function test(request: Request, environment: Environment, asked: TestRequest): Promise<TestReport> {
  const began = environment.world.clock.now()
  const project = await read(request, environment)
  const all = {
    units: asked.unit ? [...project.unitTests.tests.values()] : [],
    data: asked.data ? project.dataTests : [],
  }
  const chosen = selectTests(all, request.select, request.exclude)
  refuseMissed(chosen.missed, all)
  const again = (vars: Request['vars']) => read({ ...request, vars: { ...request.vars, ...vars } }, environment)
  const data = await dataTests(project, chosen.data, asked, { request, environment })
  const units = await unitTests(project, chosen.units, { request, environment, read: again })
  const { clock } = environment.world
  return testReport({ data, units }, { ms: clock.now() - began, now: clock.wall(), warnings: project.warnings })
}

/** Runs data tests on the warehouse, which is not opened where there are none. */
async function dataTests(
  project: Project,
  tests: readonly DataTest[],
  { showValues = false }: TestRequest,
  { request, environment }: Pick<Work, 'request' | 'environment'>,
): Promise<DataTested | undefined> {
  if (tests.length === 0) return undefined
  const session = await connect(project, request, environment, 'write')
  return closing(session, async () => {
    const context = { project, dialect: session.dialect }
    await check(project, session, environment)
    const runId = environment.runId()
    const build = (models: readonly Model[]) => compute(context, models, session, { environment, runId })
    return testData(tests, { context, session, runId, build, showValues })
  })
}

/** A term of --select or --exclude that names no test was meant to name one. */
function refuseMissed(missed: readonly string[], { units, data }: Pick<Selected, 'units' | 'data'>): void {
  if (missed.length === 0) return
  const problems = missed.map((term) => {
    const close = nearest(
      term,
      [...units, ...data].map(({ name }) => name),
    )
    const fix =
      close === undefined ? 'Write a name or a glob in quotes, segment:x, entity:x, source:x or tag:x.' : undefined
    return problem('command/arguments', `"${term}" names no test.`, undefined, fix ?? `Did you mean "${close}"?`)
  })
  throw new CdpError('project', problems)
}
