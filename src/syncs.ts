import pLimit from 'p-limit'
import type { Build } from './build.ts'
import type { Context } from './compile/context.ts'
import { statement } from './compile/context.ts'
import { layers } from './compile/layers.ts'
import type { Environment, Request } from './environment.ts'
import { asFailure } from './error.ts'
import type { Accounts, OpenedSync } from './open.ts'
import type { Project } from './project/project.ts'
import type { Statement } from './sql/sql.ts'
import { abandonSync, type PlannedSync, planSync, previewSync, sendSync } from './sync/engine.ts'
import type { SyncJob, SyncOutcome } from './sync/job.ts'
import { outcomeOf } from './sync/outcome.ts'
import { openLedger } from './sync/sql-ledger.ts'
import type { Session } from './warehouses/warehouse.ts'

/** Everything that the syncs of one run share. */
export interface SyncsJob {
  readonly context: Context
  readonly build: Build
  readonly accounts: Accounts
  readonly session: Session
  readonly request: Request
  readonly environment: Environment
  readonly runId: string
}

/** Syncs that are planned: their leases are held until `sendSyncs`. */
export interface PlannedSyncs {
  readonly planned: readonly PlannedSync[]
  /** Planned for the eyes only: their destination is not for this target. */
  readonly elsewhere: readonly SyncOutcome[]
}

/** How many syncs are sent at once. */
const AT_ONCE = 4

/** Claims and plans every sync against what its destination acknowledged. When one cannot be planned, all are given back. */
export async function planSyncs(job: SyncsJob): Promise<PlannedSyncs> {
  await matchSandbox(job)
  const planned: PlannedSync[] = []
  try {
    for (const opened of job.accounts.syncs) planned.push(await planSync(jobOf(job, opened)))
    return { planned, elsewhere: await previewElsewhere(job) }
  } catch (error) {
    for (const each of planned) await abandonSync(each).catch(() => undefined)
    throw error
  }
}

/** Sends what was planned: several syncs at once, each after those that its `after:` names. In the project's order. */
export async function sendSyncs({ planned, elsewhere }: PlannedSyncs, job: SyncsJob): Promise<readonly SyncOutcome[]> {
  const { environment, accounts } = job
  const limit = pLimit(AT_ONCE)
  const sent = new Map<string, Promise<SyncOutcome>>()
  const send = async (each: PlannedSync): Promise<SyncOutcome> => {
    const { sync } = accounts.syncs.find((one) => one.sync.name === each.job.name) ?? {}
    await Promise.allSettled((sync?.after ?? []).flatMap((name) => sent.get(name) ?? []))
    const progress = (rows: number, total: number) =>
      environment.progress({ kind: 'sync', name: each.job.name, sent: rows, total })
    return limit(() => sendSync(each, { signal: environment.signal, progress })).catch((thrown: unknown) =>
      outcomeOf(each.job, { status: 'failed', ms: 0, diagnostics: asFailure(thrown).diagnostics }),
    )
  }
  // A sync is asked for after those it waits for, so that their promises are there to be waited for.
  for (const each of inOrder(planned, accounts.syncs)) sent.set(each.job.name, send(each))
  const done = await Promise.all(sent.values())
  return projectOrder(job, [...done, ...elsewhere])
}

/** What every sync would do now. Sends nothing, and changes nothing that a run reads. */
export async function previewSyncs(job: SyncsJob): Promise<readonly SyncOutcome[]> {
  await matchSandbox(job)
  const outcomes: SyncOutcome[] = []
  for (const opened of job.accounts.syncs) outcomes.push(await previewSync(jobOf(job, opened)))
  return projectOrder(job, [...outcomes, ...(await previewElsewhere(job))])
}

async function previewElsewhere(job: SyncsJob): Promise<readonly SyncOutcome[]> {
  const { project } = job.context
  const outcomes: SyncOutcome[] = []
  for (const sync of job.accounts.elsewhere) {
    const type = project.destinations.get(sync.destination)?.type
    const connector = job.environment.connectors.get(type ?? '')
    if (connector === undefined) continue
    const outcome = await previewSync({ ...planOf(job, { sync, connector, settlesWithin: 0 }), account: undefined })
    outcomes.push({ ...outcome, blocked_by: `not sent: target ${project.target.name}` })
  }
  return outcomes
}

function jobOf(job: SyncsJob, opened: OpenedSync): SyncJob {
  const { holder, isDead } = job.environment
  return { ...planOf(job, opened), account: opened.account, channel: opened.channel, pace: opened.pace, holder, isDead }
}

/** What it takes to plan a sync, without an account. */
function planOf(
  job: SyncsJob,
  { sync, connector, settlesWithin }: Pick<OpenedSync, 'sync' | 'connector' | 'settlesWithin'>,
) {
  const { context, session, build, environment, request, runId } = job
  const ledger = openLedger({
    context,
    sync,
    connector,
    schema: ledgerSchema(job.context.project, job.request),
    session,
    build: build.number,
    settlesWithin,
  })
  return {
    name: sync.name,
    destination: sync.destination,
    onLeave: sync.onLeave,
    maxRemoved: sync.guard.maxRemoved,
    delivers: connector.delivers(sync.mode, sync.into),
    connector,
    into: sync.into,
    ledger,
    settlesWithin,
    world: environment.world,
    runId,
    maxChanges: request.maxChanges,
  }
}

/** The sandbox has a ledger of its own: what emulated vendors were sent says nothing of the real ones. */
export function ledgerSchema({ schemas }: Pick<Project, 'schemas'>, { sandbox }: Pick<Request, 'sandbox'>): string {
  return sandbox ? `${schemas.state}_sandbox` : schemas.state
}

/** Emulated vendors and their ledger belong together: where one of the two is gone, the other is forgotten. */
async function matchSandbox(job: SyncsJob): Promise<void> {
  const { sandbox } = job.accounts
  if (sandbox === undefined) return
  const schema = ledgerSchema(job.context.project, job.request)
  const isThere = (await job.session.columns({ schema, name: ['meta'] })) !== undefined
  if (sandbox.fresh && isThere) await job.session.script([{ statement: forgetSandbox(job.context) }])
  if (!sandbox.fresh && !isThere) await sandbox.reset()
  await sandbox.accept()
}

/** Drops the ledger of the sandbox: its emulated vendors remember nothing any more. */
export function forgetSandbox({ dialect, project }: Context): Statement {
  const schema = ledgerSchema(project, { sandbox: true })
  return statement('forget the sandbox', 'its emulated vendors remember nothing any more', dialect.dropSchema(schema))
}

/** Syncs after those that their `after:` names; otherwise in the order given. */
function inOrder(planned: readonly PlannedSync[], opened: readonly OpenedSync[]): readonly PlannedSync[] {
  const after = new Map(opened.map(({ sync }) => [sync.name, sync.after]))
  return layers(
    planned.map((each) => ({ name: each.job.name, each })),
    ({ name }) => after.get(name) ?? [],
  )
    .flat()
    .map(({ each }) => each)
}

function projectOrder({ context }: SyncsJob, outcomes: readonly SyncOutcome[]): readonly SyncOutcome[] {
  const names = [...context.project.syncs.keys()]
  return [...outcomes].sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name))
}
