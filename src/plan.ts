import { compileModels, withDataTests } from './arrange.ts'
import type { Build } from './build.ts'
import { diffStatements, type IdentityDiff, readDiff } from './catalog/diff.ts'
import { publishedBuild } from './catalog/published.ts'
import { leavingNothing } from './catalog/scratch.ts'
import type { Context } from './compile/context.ts'
import { notePlan, readPlan } from './compile/kept-builds.ts'
import { keptPlanTable } from './compile/kept-plan.ts'
import { compileState } from './compile/state.ts'
import type { Environment, Request } from './environment.ts'
import { asFailure, CdpError, type Diagnostic, problem } from './error.ts'
import { type Accounts, openAccounts } from './open.ts'
import { send } from './pipeline.ts'
import { PLAN_HOURS, type PlanFile, type PlanReport, plannedSync } from './plan-report.ts'
import { meaningOf } from './project/meaning.ts'
import type { Project } from './project/project.ts'
import { select } from './project/select.ts'
import { type Report, reportOf } from './report.ts'
import { printName, type Values } from './sql/sql.ts'
import { begin, check, closing, compute, type Done, read, writing } from './stages.ts'
import type { KeptJob } from './sync/job.ts'
import { stale } from './sync/kept.ts'
import { rowStarts } from './sync/row-starts.ts'
import { type DraftedSync, draftSyncs, ledgerSchema, lookAtPlans } from './syncs.ts'
import type { Session } from './warehouses/warehouse.ts'

export interface PlanRequest {
  /** True: build and plans stay, so that `apply` can publish and send exactly them. */
  readonly keep: boolean
  /** True: personal values of samples are shown. */
  readonly showValues: boolean
  /** True: published profiles that would merge and split are looked up, too. */
  readonly moves?: boolean
}

/**
 * What a run would do: builds beside what is published, publishes and sends nothing. Like `run` it does not throw:
 * whatever failed is in the report.
 */
export async function plan(request: Request, environment: Environment, asked: PlanRequest): Promise<PlanReport> {
  const done = begin({ ...request, dryRun: true }, environment)
  const made: Made = { drafts: [], refusals: [] }
  try {
    const project = await read(request, environment)
    made.project = project
    done.target = project.target.name
    done.warnings = project.warnings
    // Emulated vendors need no secrets, and planning needs no vendor.
    const accounts = await openAccounts(project, syncsOf(project, request), request, environment, { dry: true })
    await closing(accounts, async () => {
      await writing(done, project, (context, session) => draft(context, accounts, session, { done, made, asked }))
    })
    if (made.refusals.length > 0) throw new CdpError('warehouse', made.refusals)
    return reported(done, made, asked)
  } catch (thrown) {
    const failure = asFailure(thrown)
    environment.progress({ kind: 'failed', failure })
    return reported(done, made, asked, failure)
  }
}

/** What planning has come to. */
interface Made {
  project?: Project
  drafts: readonly DraftedSync[]
  /** What identity guards said. */
  refusals: readonly Diagnostic[]
  file?: PlanFile
  moves?: IdentityDiff
}

interface Drafting {
  readonly done: Done
  readonly made: Made
  readonly asked: PlanRequest
}

async function draft(context: Context, accounts: Accounts, session: Session, drafting: Drafting): Promise<void> {
  const { done, made, asked } = drafting
  const { request, environment, runId } = done
  await check(context.project, session, environment)
  const models = withDataTests(context, compileModels(context))
  const base = await publishedBuild(context, session)
  const compared = asked.moves && base !== undefined ? base : undefined
  const statements = diffStatements(context, compared === undefined ? [] : [...context.project.entities.values()])
  const work = async () => {
    const built = await compute(context, models, session, {
      environment,
      runId,
      values: await rowStarts(session, context.project, ledgerSchema(context.project, request)),
      fullRefresh: request.fullRefresh ?? false,
      ignoreGuards: true,
      tested: (outcomes) => {
        done.tests = [...done.tests, ...outcomes]
      },
    })
    done.built = built.models
    made.refusals = built.refusals
    const diff = { build: built, statements, showValues: asked.showValues }
    if (compared !== undefined) made.moves = await readDiff(context, session, { ...diff, published: compared })
    environment.progress({ kind: 'stage', stage: 'plan' })
    const job = { context, build: built, accounts, session, request, environment, runId }
    made.drafts = await draftSyncs(job, asked.keep)
    done.syncs = made.drafts.map(({ outcome }) => outcome)
    if (asked.keep) made.file = await kept(context, session, built, base?.build, drafting)
  }
  if (asked.keep) await work()
  else {
    const more = [...statements.values()].map(({ makes }) => makes)
    await leavingNothing({ context, session, models, more, runId }, work)
  }
}

/** What the warehouse remembers of a plan. */
interface Known {
  /** The parameters of publishing its build. */
  readonly values: Values
  /** What identity guards said. */
  readonly refusals: readonly string[]
  /** By sync: what was to be said of its plan. */
  readonly judged: Readonly<Record<string, KeptJob['judged']>>
}

/** Remembers in the warehouse what it takes to publish the build, and gives the file that names it. */
async function kept(
  context: Context,
  session: Session,
  built: Build,
  base: number | undefined,
  { done, made }: Drafting,
): Promise<PlanFile> {
  const { request, environment } = done
  const meaning = meaningOf(context.project)
  const plans = made.drafts.flatMap(({ kept: one, sync, outcome, judged }) =>
    one ? [{ ...one, sync, outcome, judged }] : [],
  )
  const tables = plans.map(({ sync }) => ({
    name: printName(keptPlanTable(context.project, sync.name).name, { b: built.number }),
  }))
  const planId = `plan-${done.runId}`
  const known: Known = {
    values: built.values,
    refusals: built.refusals.map(({ message }) => message),
    judged: Object.fromEntries(plans.map(({ sync, judged }) => [sync.name, judged])),
  }
  await session.script([
    { statement: compileState(context).note, values: { build: built.number, tables: JSON.stringify(tables) } },
    {
      statement: notePlan(context),
      values: {
        plan_id: planId,
        build: built.number,
        base_build: base ?? null,
        meaning,
        parameters: JSON.stringify(known),
      },
    },
  ])
  return {
    version: 1,
    kind: 'cdp-plan',
    plan_id: planId,
    made_at: environment.world.clock.wall().toISOString(),
    target: context.project.target.name,
    sandbox: request.sandbox,
    asked: {
      vars: request.vars,
      now: request.now ?? null,
      select: [...request.select],
      exclude: [...request.exclude],
      max_changes: request.maxChanges ?? null,
    },
    meaning,
    build: built.number,
    base_build: base ?? null,
    blocked: built.refusals.length > 0 || plans.some(({ outcome }) => outcome.status === 'blocked'),
    syncs: plans.map(({ fence, digest, outcome: { name, creates, updates, removes } }) => ({
      name,
      fence,
      digest,
      creates,
      updates,
      removes,
    })),
  }
}

function reported(done: Done, made: Made, asked: PlanRequest, failure?: CdpError): PlanReport {
  const report = reportOf(done, failure)
  const { project } = made
  return {
    ...report,
    command: 'plan',
    syncs: project === undefined ? [] : made.drafts.map((one) => plannedSync(project, one, asked.showValues)),
    ...(made.file && { plan: made.file }),
    ...(made.moves && { moves: made.moves }),
  }
}

/** What a plan was told, told again: the flags of `apply` itself say only where the project is. */
export function requestOf(request: Request, file: PlanFile): Request {
  const { vars, now, select: selected, exclude, max_changes: maxChanges } = file.asked
  return {
    ...request,
    target: file.target,
    sandbox: file.sandbox,
    vars,
    now: now ?? undefined,
    select: selected,
    exclude,
    maxChanges: maxChanges ?? undefined,
  }
}

/**
 * Publishes the build of a plan and sends exactly its changes, or refuses it: `plan/stale` where anything has moved
 * since it was made. `override`: guards do not stop it, and that is remembered. Does not throw.
 */
export async function apply(
  given: Request,
  environment: Environment,
  { file, override }: { readonly file: PlanFile; readonly override: boolean },
): Promise<Report> {
  const request = requestOf(given, file)
  const done = begin(request, environment)
  try {
    const project = await read(request, environment)
    done.target = project.target.name
    done.warnings = project.warnings
    if (meaningOf(project) !== file.meaning) throw stale('The project has changed since the plan was made.')
    const planned = new Set(file.syncs.map(({ name }) => name))
    const syncs = syncsOf(project, request).filter(({ name }) => planned.has(name))
    const accounts = await openAccounts(project, syncs, request, environment)
    await closing(accounts, async () => {
      await writing(done, project, async (context, session) => {
        const known = await knownOf(context, session, file, override)
        const build = { number: file.build, models: [], values: known.values, refusals: [] }
        const kept = keptJobs(file, known)
        const job = { context, build, accounts, session, request, environment, runId: done.runId, kept, override }
        await lookAtPlans(job)
        if (!override) refuseBlocked(file, known)
        await send(job, done)
      })
      done.holdings = (await accounts.sandbox?.contents()) ?? []
    })
    return { ...reportOf(done), command: 'apply' }
  } catch (thrown) {
    const failure = asFailure(thrown)
    environment.progress({ kind: 'failed', failure })
    return { ...reportOf(done, failure), command: 'apply' }
  }
}

/** What a guard speaks against is sent by override or not at all, so that the same plan can still be applied. */
function refuseBlocked({ plan_id: id }: PlanFile, { judged }: Known): void {
  const problems = Object.entries(judged).flatMap(([name, { breaches }]) =>
    breaches.map(({ message }) =>
      problem(
        'sync/guard',
        `"${name}" was not sent. ${message}`,
        undefined,
        `Nothing was published or sent. If it is right: cdp apply with --override ${id}.`,
      ),
    ),
  )
  if (problems.length > 0) throw new CdpError('warehouse', problems)
}

function keptJobs({ plan_id: id, syncs }: PlanFile, { judged }: Known): ReadonlyMap<string, KeptJob> {
  return new Map(
    syncs.map(({ name, fence, digest }) => {
      const said = judged[name] ?? { breaches: [], held: undefined, mapping: undefined }
      return [name, { id, plan: { fence, digest }, judged: said }]
    }),
  )
}

/** What is known of a plan that may still be applied. Throws CdpError `plan/stale`, or what identity guards said. */
async function knownOf(context: Context, session: Session, file: PlanFile, override: boolean): Promise<Known> {
  const published = await publishedBuild(context, session)
  if (published?.build === file.build)
    throw stale(`The plan was applied already, by run ${published.run_id}; what was not sent then is sent by cdp run.`)
  if ((published?.build ?? null) !== file.base_build)
    throw stale(
      `Another build was published since the plan was made, by run ${published?.run_id ?? 'of another time'}.`,
    )
  const values = { plan_id: file.plan_id }
  const row = await planRow(context, session, values)
  if (row === undefined) throw stale('This warehouse knows nothing of the plan.')
  if (Number(row.hours) >= PLAN_HOURS) throw stale(`The plan is more than ${PLAN_HOURS} hours old.`)
  const known = JSON.parse(row.parameters ?? '{}') as Known
  if (known.refusals.length > 0 && !override)
    throw new CdpError(
      'warehouse',
      known.refusals.map((message) => ({
        code: 'identity/guard' as const,
        severity: 'error' as const,
        message,
        fix: `Nothing was published. If it is right: cdp apply with --override ${file.plan_id}.`,
      })),
    )
  return known
}

async function planRow(context: Context, session: Session, values: Values) {
  const table = compileState(context)
  await session.script(table.create.map((statement) => ({ statement })))
  return session.first({ statement: readPlan(context), values })
}

function syncsOf(project: Project, request: Request) {
  const selection = select(project, request.select, request.exclude)
  return [...project.syncs.values()].filter((sync) => selection.syncs.has(sync.name))
}
