import { type Build, type BuildRequest, build } from './build.ts'
import type { Context } from './compile/context.ts'
import type { Model } from './compile/model.ts'
import { compileState } from './compile/state.ts'
import type { Environment, Request } from './environment.ts'
import { CdpError } from './error.ts'
import { checkWarehouse } from './project/check.ts'
import type { Project } from './project/project.ts'
import { readProject } from './project/read.ts'
import { openTarget } from './project/secrets.ts'
import { secretFiles } from './project/variables.ts'
import type { Work } from './report.ts'
import type { Session, Warehouse } from './warehouses/warehouse.ts'

/** What a run has done so far. */
export type Done = { -readonly [K in keyof Work]: Work[K] }

/** The beginning of a run: nothing is done yet. */
export function begin(request: Request, environment: Environment): Done {
  return {
    request,
    environment,
    runId: environment.runId(),
    startedAt: environment.world.clock.wall(),
    began: environment.world.clock.now(),
    target: request.target ?? '',
    bytesRead: undefined,
    warnings: [],
    tests: [],
    built: [],
    syncs: [],
    holdings: [],
  }
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
  mode: 'read' | 'look' | 'write',
): Promise<Session> {
  const warehouse = warehouseOf(project, environment)
  const { account } = openTarget(project.target, environment.world.env, secretFiles(project.directory))
  return warehouse.connect(account, { directory: project.directory, mode, threads: request.threads })
}

/** The warehouse of the chosen target. */
export function warehouseOf(project: Project, { warehouses }: Environment): Warehouse<unknown> {
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

/** Opens the warehouse of a command that changes it, and notes what was read there. */
export async function writing<T>(
  done: Done,
  project: Project,
  work: (context: Context, session: Session) => Promise<T>,
): Promise<T> {
  const session = await connect(project, done.request, done.environment, 'write')
  return closing(session, () =>
    work({ project, dialect: session.dialect }, session).finally(() => {
      done.bytesRead = session.bytesRead?.()
    }),
  )
}

/** How a build is run. */
type Computing = Pick<Work, 'environment' | 'runId'> &
  Pick<BuildRequest, 'fullRefresh' | 'ignoreGuards' | 'tested' | 'values'>

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
