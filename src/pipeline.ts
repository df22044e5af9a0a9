import { existsSync } from 'node:fs'
import { arrange, compileModels, withDataTests } from './arrange.ts'
import { type Preview, readPreview } from './build/preview.ts'
import { type Build, type BuildRequest, build } from './build.ts'
import { type BridgesReport, type BridgesRequest, readBridges } from './catalog/bridges.ts'
import { diffStatements, type IdentityDiff, readDiff } from './catalog/diff.ts'
import { type ExplainRequest, type Explanation, entitiesNamed, readExplanation } from './catalog/explain.ts'
import { publishedBuild } from './catalog/published.ts'
import { leavingNothing } from './catalog/scratch.ts'
import { readShared, type SharedReport, type SharedRequest } from './catalog/shared.ts'
import { readStatus, type Status } from './catalog/status.ts'
import type { Context } from './compile/context.ts'
import type { Model } from './compile/model.ts'
import { compilePreview } from './compile/preview.ts'
import { printScript } from './compile/print.ts'
import { compileState } from './compile/state.ts'
import type { Environment, Request } from './environment.ts'
import { asFailure, CdpError, type Diagnostic, failure, nearest, problem } from './error.ts'
import { publishLedger } from './ledger-views.ts'
import { type Accounts, openAccounts, sandboxFolder } from './open.ts'
import { checkWarehouse } from './project/check.ts'
import type { DataTest } from './project/data-tests.ts'
import type { Project } from './project/project.ts'
import { readProject } from './project/read.ts'
import { openTarget } from './project/secrets.ts'
import { select } from './project/select.ts'
import { secretFiles } from './project/variables.ts'
import { publish } from './publish.ts'
import { type Held, held, type Report, reportOf, type Work } from './report.ts'
import { scriptsOf } from './scripts.ts'
import { dueOf, ledgerSchema, planSyncs, previewSyncs, type SyncsJob, sendSyncs } from './syncs.ts'
import { type TestReport, testReport } from './test-report.ts'
import { type DataTested, testData } from './testing/data-tests.ts'
import { type Selected, selectTests } from './testing/select.ts'
import { unitTests } from './unit-tests.ts'
import type { Session, Warehouse } from './warehouses/warehouse.ts'

/** What a run has done so far. */
export type Done = { -readonly [K in keyof Work]: Work[K] }

/**
 * The main job: read → open → check → build → plan → publish → send → report. Does not throw: whatever failed is in
 * the report, beside all that was done before it.
 */
export async function run(request: Request, environment: Environment): Promise<Report> {
  const done = begin(request, environment)
  try {
    const project = await read(request, environment)
    done.target = project.target.name
    done.warnings = project.warnings
    const selection = select(project, request.select, request.exclude)
    const syncs = [...project.syncs.values()].filter((sync) => selection.syncs.has(sync.name))
    const accounts = await openAccounts(project, syncs, request, environment)
    await closing(accounts, async () => {
      const session = await connect(project, request, environment, 'write')
      await closing(session, () => deliver({ project, dialect: session.dialect }, accounts, session, done))
      done.holdings = (await accounts.sandbox?.contents()) ?? []
    })
    return reportOf(done)
  } catch (thrown) {
    const failure = asFailure(thrown)
    environment.progress({ kind: 'failed', failure })
    return reportOf(done, failure)
  }
}

async function deliver(context: Context, all: Accounts, session: Session, done: Done): Promise<void> {
  const { request, environment, runId } = done
  const { accounts, waiting } = request.due
    ? await dueOf(context, all, session, request)
    : { accounts: all, waiting: [] }
  done.syncs = waiting
  if (waiting.length > 0 && accounts.syncs.length === 0) return
  await check(context.project, session, environment)
  const built = await compute(context, withDataTests(context, compileModels(context)), session, {
    environment,
    runId,
    fullRefresh: request.fullRefresh ?? false,
    tested: (outcomes) => {
      done.tests = [...done.tests, ...outcomes]
    },
  })
  done.built = built.models
  const job = { context, build: built, accounts, session, request, environment, runId }
  environment.progress({ kind: 'stage', stage: 'plan' })
  if (request.dryRun) done.syncs = await previewSyncs(job)
  else await send(job, done)
  done.syncs = [...done.syncs, ...waiting]
}

/** Plans every sync, shows the build to readers, and sends what was planned. */
export async function send(job: SyncsJob, done: Done): Promise<void> {
  const { context, build: built, session, environment, runId } = job
  const planned = await planSyncs(job)
  environment.progress({ kind: 'stage', stage: 'publish' })
  await publish(context, built, compileState(context), session, runId)
  await publishLedger(context, session, job.request)
  environment.progress({ kind: 'stage', stage: 'send' })
  done.syncs = await sendSyncs(planned, job)
}

/** What is wrong with a project; with `warehouse` also what does not fit the tables that are there. By place. */
export async function validate(
  request: Request,
  environment: Environment,
  options: { readonly warehouse: boolean },
): Promise<readonly Diagnostic[]> {
  const { project, diagnostics } = await inspect(request, environment)
  if (project === undefined || !options.warehouse) return diagnostics
  const session = await connect(project, request, environment, 'write')
  return closing(session, async () => [...diagnostics, ...(await checkWarehouse(project, session))])
}

/** The SQL of a project as files; none where the project cannot stand. Needs no warehouse. */
export async function compile(
  request: Request,
  environment: Environment,
): Promise<{
  readonly target: string
  readonly files: readonly { readonly path: string; readonly text: string }[]
  readonly diagnostics: readonly Diagnostic[]
}> {
  const { project, diagnostics } = await inspect(request, environment)
  if (project === undefined) return { target: request.target ?? '', files: [], diagnostics }
  const { dialect } = warehouseOf(project, environment)
  const scripts = scriptsOf({ project, dialect }, environment.connectors)
  const files = scripts.map((script) => ({ path: `${script.name}.sql`, text: printScript(script, dialect) }))
  return { target: project.target.name, files, diagnostics }
}

/** Who is in a segment as the project says now, without publishing anything. Throws CdpError. */
export async function preview(request: Request, environment: Environment, segment: string): Promise<Preview> {
  const project = await read(request, environment)
  const wanted = project.segments.get(segment)
  if (wanted === undefined) throw unknownSegment(project, segment)
  const session = await connect(project, request, environment, 'write')
  return closing(session, async () => {
    const context = { project, dialect: session.dialect }
    await check(project, session, environment)
    const models = arrange(compileModels(context), [`segments/${wanted.entity}`])
    const built = await compute(context, models, session, {
      environment,
      runId: environment.runId(),
      ignoreGuards: true,
    })
    return readPreview(compilePreview(context, wanted), session, { b: built.number })
  })
}

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

/** What is published, and what the ledger knows of every sync. Changes nothing. Throws CdpError. */
export async function status(request: Request, environment: Environment): Promise<Status> {
  const project = await read(request, environment)
  const session = await connect(project, request, environment, 'read')
  const ledger = ledgerSchema(project, request)
  return closing(session, () =>
    readStatus({ project, dialect: session.dialect }, session, { ledger, sandbox: request.sandbox }),
  )
}

/** Why records are one person, or are not, as it is published. Changes nothing. Throws CdpError. */
export async function explain(request: Request, environment: Environment, asked: ExplainRequest): Promise<Explanation> {
  return reading(request, environment, (context, session) => readExplanation(context, session, asked))
}

/** Identifiers by how many stronger ones they were seen with, as it is published. Changes nothing. Throws CdpError. */
export async function identityShared(
  request: Request,
  environment: Environment,
  asked: SharedRequest,
): Promise<SharedReport> {
  return reading(request, environment, (context, session) => readShared(context, session, asked))
}

/** Where a published profile would fall apart. Changes nothing. Throws CdpError. */
export async function identityBridges(
  request: Request,
  environment: Environment,
  asked: BridgesRequest,
): Promise<BridgesReport> {
  return reading(request, environment, (context, session) => readBridges(context, session, asked))
}

/** What the project as it is now would change of the published profiles; leaves nothing behind. Throws CdpError. */
export async function identityDiff(
  request: Request,
  environment: Environment,
  asked: { readonly entity: string | undefined; readonly showValues: boolean },
): Promise<IdentityDiff> {
  const project = await read(request, environment)
  const entities = entitiesNamed(project, asked.entity)
  const session = await connect(project, request, environment, 'write')
  return closing(session, async () => {
    const context = { project, dialect: session.dialect }
    const published = await publishedBuild(context, session)
    if (published === undefined) return { compared_with: null, entities: [], guard: [] }
    await check(project, session, environment)
    const names = entities.map(({ name }) => `identity/${name}`)
    const models = arrange(compileModels(context), names)
    const statements = diffStatements(context, entities)
    const more = [...statements.values()].map(({ makes }) => makes)
    const runId = environment.runId()
    return leavingNothing({ context, session, models, more, runId }, async () => {
      const built = await compute(context, models, session, { environment, runId, ignoreGuards: true })
      return readDiff(context, session, { build: built, statements, published, showValues: asked.showValues })
    })
  })
}

/** What every emulated vendor holds; nothing where no run has used the sandbox. Throws CdpError. */
export async function sandboxContents(request: Request, environment: Environment): Promise<readonly Held[]> {
  const project = await read({ ...request, sandbox: true }, environment)
  // Opening a sandbox makes it; and one that is there, but empty, would belong to a ledger that is not.
  if (!existsSync(sandboxFolder(project))) return []
  const syncs = [...project.syncs.values()]
  const accounts = await openAccounts(project, syncs, { ...request, sandbox: true }, environment)
  return closing(accounts, async () => held((await accounts.sandbox?.contents()) ?? []))
}

/** Reads and resolves a project. Throws CdpError `project` with every error in it. */
export async function read(request: Request, environment: Environment): Promise<Project> {
  environment.progress({ kind: 'stage', stage: 'read' })
  const { project, diagnostics } = await inspect(request, environment)
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  if (project === undefined || errors.length > 0) throw new CdpError('project', diagnostics)
  return project
}

/** A project and everything that is to be said about it; no project where it cannot stand. */
export async function inspect(request: Request, environment: Environment): ReturnType<typeof readProject> {
  const { directory, target, vars, now, sandbox } = request
  const { warehouses, connectors, world, progress } = environment
  const registries = { warehouses, connectors }
  const found = await readProject({ directory, target, vars, now, sandbox, env: world.env, registries })
  if (found.project !== undefined) progress({ kind: 'resolved', project: found.project })
  return found
}

/** Opens the warehouse of the chosen target. */
export async function connect(
  project: Project,
  request: Request,
  environment: Environment,
  mode: 'read' | 'write',
): Promise<Session> {
  const warehouse = warehouseOf(project, environment)
  const { account } = openTarget(project.target, environment.world.env, secretFiles(project.directory))
  return warehouse.connect(account, { directory: project.directory, mode, threads: request.threads })
}

function warehouseOf(project: Project, { warehouses }: Environment): Warehouse<unknown> {
  const warehouse = warehouses.get(project.target.type)
  if (warehouse === undefined) throw new Error(`warehouse ${project.target.type} was not resolved`)
  return warehouse
}

/** Compares the project with the tables that are really there. Throws CdpError `project` with all that does not fit. */
export async function check(project: Project, session: Session, environment: Environment): Promise<void> {
  environment.progress({ kind: 'stage', stage: 'check' })
  const problems = await checkWarehouse(project, session)
  if (problems.some(({ severity }) => severity === 'error')) throw new CdpError('project', problems)
}

/** Opens what is published for reading only. */
export async function reading<T>(
  request: Request,
  environment: Environment,
  work: (context: Context, session: Session) => Promise<T>,
): Promise<T> {
  const project = await read(request, environment)
  const session = await connect(project, request, environment, 'read')
  return closing(session, () => work({ project, dialect: session.dialect }, session))
}

/** How a build is run. */
type Computing = Pick<Work, 'environment' | 'runId'> & Pick<BuildRequest, 'fullRefresh' | 'ignoreGuards' | 'tested'>

/** Builds models beside what readers see. */
export function compute(
  context: Context,
  models: readonly Model[],
  session: Session,
  { environment, runId, ...how }: Computing,
): Promise<Build> {
  environment.progress({ kind: 'stage', stage: 'build' })
  return build(models, {
    session,
    state: compileState(context),
    clock: environment.world.clock,
    runId,
    now: context.project.now,
    ...how,
    progress: (model, built) =>
      environment.progress({
        kind: 'model',
        name: model.name,
        model: model.kind,
        done: built !== undefined,
        rows: built?.rows ?? 0,
        ms: built?.ms ?? 0,
      }),
  })
}

/** Runs `work` and closes afterwards, whatever happens. */
export async function closing<T>(opened: { close(): Promise<void> }, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } finally {
    await opened.close()
  }
}

function unknownSegment(project: Project, name: string): CdpError {
  const close = nearest(name, project.segments.keys())
  const message = `Segment "${name}" is not defined.`
  return failure(
    'project',
    'ref/unknown-segment',
    message,
    close === undefined ? undefined : `Did you mean "${close}"?`,
  )
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

/** The beginning of a run: nothing is done yet. */
export function begin(request: Request, environment: Environment): Done {
  return {
    request,
    environment,
    runId: environment.runId(),
    startedAt: environment.world.clock.wall(),
    began: environment.world.clock.now(),
    target: request.target ?? '',
    warnings: [],
    tests: [],
    built: [],
    syncs: [],
    holdings: [],
  }
}
