import { compileModels, withDataTests } from './arrange.ts'
import type { Context } from './compile/context.ts'
import { printScript } from './compile/print.ts'
import { compileState } from './compile/state.ts'
import type { Environment, Request } from './environment.ts'
import { asFailure, type Diagnostic } from './error.ts'
import { publishLedger } from './ledger-views.ts'
import { type Accounts, openAccounts } from './open.ts'
import { checkWarehouse } from './project/check.ts'
import { select } from './project/select.ts'
import { publish } from './publish.ts'
import { type Report, reportOf } from './report.ts'
import { scriptsOf } from './scripts.ts'
import { begin, check, closing, compute, connect, type Done, inspect, read, warehouseOf, writing } from './stages.ts'
import { rowStarts } from './sync/row-starts.ts'
import { dueOf, ledgerSchema, planSyncs, previewSyncs, projectOrder, type SyncsJob, sendSyncs } from './syncs.ts'
import type { Session } from './warehouses/warehouse.ts'

/**
 * The main job: read (load, validate, resolve) → open → check → compile → arrange → build → plan → publish → send →
 * report. Does not throw: whatever failed is in the report, beside all that was done before it. The stages that other
 * commands share are in stages.ts; `cdp plan` and `apply` are in plan.ts, what only answers questions in answers.ts.
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
      await writing(done, project, (context, session) => deliver(context, accounts, session, done))
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
  const readAt = environment.world.clock.now()
  const built = await compute(context, withDataTests(context, compileModels(context)), session, {
    environment,
    runId,
    values: await rowStarts(session, context.project, ledgerSchema(context.project, request)),
    fullRefresh: request.fullRefresh ?? false,
    tested: (outcomes) => {
      done.tests = [...done.tests, ...outcomes]
    },
  })
  done.built = built.models
  const job = { context, build: built, accounts, session, request, environment, runId, readAt }
  environment.progress({ kind: 'stage', stage: 'plan' })
  if (request.dryRun) done.syncs = await previewSyncs(job)
  else await send(job, done)
  done.syncs = projectOrder(job, [...done.syncs, ...waiting])
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
  const session = await connect(project, request, environment, 'look')
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
