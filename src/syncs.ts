import pLimit from 'p-limit'
import type { Build } from './build.ts'
import { readWithdrawals } from './catalog/withdrawals.ts'
import type { Context } from './compile/context.ts'
import { statement } from './compile/context.ts'
import { layers } from './compile/layers.ts'
import type { Key, Ms } from './connectors/connector.ts'
import type { Environment, Request } from './environment.ts'
import { asFailure, warning } from './error.ts'
import type { Accounts, OpenedSync } from './open.ts'
import type { Project, Sync } from './project/project.ts'
import type { Statement } from './sql/sql.ts'
import { withNames } from './sync/by-hand.ts'
import { type Draft, type DraftJob, draftSync } from './sync/draft.ts'
import { dueSyncs } from './sync/due.ts'
import { abandonSync, type PlannedSync, planSync, sendSync } from './sync/engine.ts'
import { foreignKey } from './sync/foreign-key.ts'
import type { KeptJob, SyncJob, SyncOutcome } from './sync/job.ts'
import { lookAtKept } from './sync/kept.ts'
import { outcomeOf } from './sync/outcome.ts'
import { type SampledRow, samplePlan } from './sync/plan-sample.ts'
import { openLedger } from './sync/sql-ledger.ts'
import { ledgerTarget } from './sync/states.ts'
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
  /** When the build began to read, by the monotonic clock; undefined = in an earlier process. */
  readonly readAt?: Ms | undefined
  /** Plans by sync that are sent exactly as they were made before; undefined = new ones. */
  readonly kept?: ReadonlyMap<string, KeptJob> | undefined
  /** True: guards do not stop what is kept. */
  readonly override?: boolean
}

/** Syncs that are planned: their leases are held until `sendSyncs`. */
export interface PlannedSyncs {
  readonly planned: readonly PlannedSync[]
  /** Planned for the eyes only: their destination is not for this target. */
  readonly elsewhere: readonly SyncOutcome[]
}

/** How many syncs are sent at once. */
const AT_ONCE = 4

/** The accounts of syncs that are due, and what is to be said of the others. */
export async function dueOf(
  { project }: Pick<Context, 'project'>,
  accounts: Accounts,
  session: Session,
  request: Request,
): Promise<{ readonly accounts: Accounts; readonly waiting: readonly SyncOutcome[] }> {
  const syncs = accounts.syncs.map(({ sync }) => sync)
  const due = await dueSyncs(session, { schema: ledgerSchema(project, request), syncs })
  return {
    accounts: { ...accounts, syncs: accounts.syncs.filter(({ sync }) => due.has(sync.name)) },
    waiting: syncs.filter(({ name }) => !due.has(name)).map((sync) => outcomeOf(sync, { status: 'not_due', ms: 0 })),
  }
}

/**
 * Looks whether every plan that was kept may still be sent, before the lease of any is taken: whoever takes one makes its
 * plan stale. Throws CdpError `plan/stale`.
 */
export async function lookAtPlans(job: SyncsJob): Promise<void> {
  await matchSandbox(job)
  for (const opened of job.accounts.syncs) {
    const kept = job.kept?.get(opened.sync.name)
    if (kept !== undefined) await lookAtKept(jobOf(job, opened), kept)
  }
}

/** Claims and plans every sync against what its destination acknowledged. When one cannot be planned, all are given back. */
export async function planSyncs(job: SyncsJob): Promise<PlannedSyncs> {
  await matchSandbox(job)
  const planned: PlannedSync[] = []
  try {
    for (const opened of job.accounts.syncs)
      planned.push(await planSync(jobOf(job, opened), { override: job.override ?? false }))
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
    const { sync, notes } = accounts.syncs.find((one) => one.sync.name === each.job.name) ?? {}
    await Promise.allSettled((sync?.after ?? []).flatMap((name) => sent.get(name) ?? []))
    const progress = (rows: number, total: number) =>
      environment.progress({ kind: 'sync', name: each.job.name, sent: rows, total })
    const outcome = await limit(() =>
      sendSync(each, { signal: environment.signal, hurry: environment.hurry, progress }),
    ).catch((thrown: unknown) =>
      outcomeOf(each.job, { status: 'failed', ms: 0, diagnostics: asFailure(thrown).diagnostics }),
    )
    const said = [...(notes ?? [])].map((sentence) => warning('destination/note', sentence))
    return { ...outcome, diagnostics: [...outcome.diagnostics, ...said] }
  }
  // A sync is asked for after those it waits for, so that their promises are there to be waited for.
  for (const each of inOrder(planned, accounts.syncs)) sent.set(each.job.name, send(each))
  const done = await named(job, await Promise.all(sent.values()))
  return projectOrder(job, [...done, ...elsewhere])
}

/** What every sync would do now. Sends nothing, and changes nothing that a run reads. */
export async function previewSyncs(job: SyncsJob): Promise<readonly SyncOutcome[]> {
  await matchSandbox(job)
  const outcomes: SyncOutcome[] = []
  for (const opened of job.accounts.syncs) outcomes.push((await draftSync(draftOf(job, opened))).outcome)
  return projectOrder(job, [...(await named(job, outcomes)), ...(await previewElsewhere(job))])
}

/** The most people of one sync whom a report names. */
const MOST_NAMED = 20

/** Outcomes that name the people who are to be withdrawn by hand. */
async function named(job: SyncsJob, outcomes: readonly SyncOutcome[]): Promise<readonly SyncOutcome[]> {
  const { context, session, environment, build } = job
  const told: SyncOutcome[] = []
  for (const outcome of outcomes) {
    const sync = outcome.withheld.listed > 0 ? context.project.syncs.get(outcome.name) : undefined
    const request = {
      ledger: ledgerSchema(context.project, job.request),
      build: build.number,
      connectors: environment.connectors,
      most: MOST_NAMED,
      showValues: false,
    }
    // Names are a help; what was sent is told without them, too.
    const found = sync === undefined ? [] : await readWithdrawals(context, session, sync, request).catch(() => [])
    const withdrawals = found.map(({ key, profile_id, why }) => ({ key, profile_id, why }))
    const diagnostics = withNames(outcome.diagnostics, withdrawals, outcome.withheld.listed)
    told.push(withdrawals.length === 0 ? outcome : { ...outcome, withdrawals, diagnostics })
  }
  return told
}

/** A draft, and a few rows of each kind in it. */
export interface DraftedSync extends Draft {
  readonly sync: Sync
  readonly sample: readonly SampledRow[]
}

/** The same with samples; with `keep` the plans stay beside the build, so that exactly they can be sent later. */
export async function draftSyncs(job: SyncsJob, keep: boolean): Promise<readonly DraftedSync[]> {
  await matchSandbox(job)
  const drafts: DraftedSync[] = []
  for (const opened of job.accounts.syncs) {
    const { sync } = opened
    let sample: readonly SampledRow[] = []
    const look = async () => {
      sample = await samplePlan({ ...job, schema: ledgerSchema(job.context.project, job.request) }, sync)
    }
    const draft = await draftSync(draftOf(job, opened), { keep, look })
    const [outcome = draft.outcome] = await named(job, [draft.outcome])
    drafts.push({ ...draft, outcome, sync, sample })
  }
  const elsewhere = await previewElsewhere(job)
  const others = elsewhere.flatMap((outcome): readonly DraftedSync[] => {
    const sync = job.context.project.syncs.get(outcome.name)
    const judged = { breaches: [], held: undefined, mapping: undefined }
    return sync === undefined ? [] : [{ outcome, estimate: undefined, kept: undefined, judged, sync, sample: [] }]
  })
  return projectOrder(
    job,
    [...drafts, ...others].map((draft) => ({ ...draft, name: draft.sync.name })),
  )
}

async function previewElsewhere(job: SyncsJob): Promise<readonly SyncOutcome[]> {
  const { project } = job.context
  const outcomes: SyncOutcome[] = []
  for (const sync of job.accounts.elsewhere) {
    const type = project.destinations.get(sync.destination)?.type
    const connector = job.environment.connectors.get(type ?? '')
    if (connector === undefined) continue
    const { outcome } = await draftSync(planOf(job, { sync, connector, settlesWithin: 0 }))
    // Guards have nothing to stop here.
    const told = { status: 'planned', breaches: [], diagnostics: [] } as const
    outcomes.push({ ...outcome, ...told, blocked_by: `not sent: target ${project.target.name}` })
  }
  return outcomes
}

function draftOf(job: SyncsJob, opened: OpenedSync): DraftJob {
  return { ...planOf(job, opened), account: opened.account, channel: opened.channel }
}

function jobOf(job: SyncsJob, opened: OpenedSync): SyncJob {
  const { holder, isDead } = job.environment
  const { account, channel, requests, pace, cutOff } = opened
  const kept = job.kept?.get(opened.sync.name)
  return { ...planOf(job, opened), account, channel, requests, pace, cutOff, holder, isDead, kept }
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
    now: typeof build.values.now === 'string' ? build.values.now : undefined,
    settlesWithin,
  })
  return {
    name: sync.name,
    destination: sync.destination,
    onLeave: sync.onLeave,
    segment: sync.segment,
    ifEmpty: new Set(sync.fields.flatMap(({ theirs, write }) => (write === 'if_empty' ? [theirs] : []))),
    foldsKeys: connector.foldsKeys,
    source: sync.rows?.source,
    owns: sync.owned ? { keyText: (key: Key) => foreignKey({ project: context.project, sync }, key) } : undefined,
    guard: sync.guard,
    onMappingChange: sync.onMappingChange,
    onWithdraw: sync.onWithdraw,
    consent: consentOf(job, sync),
    delivers: connector.delivers(sync.mode, sync.into),
    connector: inMode(connector, sync),
    into: sync.into,
    ledger,
    settlesWithin,
    world: environment.world,
    runId,
    maxChanges: request.maxChanges,
    wait: milliseconds(request.wait ?? sync.wait),
  }
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000
}

/** Where the answers are that a sync asks for, in the words of the project. */
function consentOf({ context, kept, readAt }: SyncsJob, { name, purpose }: Sync): SyncJob['consent'] {
  const feed = context.project.purposes.get(purpose ?? '')?.feed
  if (purpose === undefined || feed === undefined) return undefined
  const { source, maxAge } = feed
  return {
    purpose,
    source,
    maxAge: maxAge === undefined ? '' : `${maxAge.amount} ${maxAge.unit}${maxAge.amount === 1 ? '' : 's'}`,
    readAt: kept?.has(name) ? undefined : readAt,
  }
}

/** The sandbox has a ledger of its own: what emulated vendors were sent says nothing of the real ones. */
export function ledgerSchema({ schemas }: Pick<Project, 'schemas'>, { sandbox }: Pick<Request, 'sandbox'>): string {
  return sandbox ? sandboxSchema(schemas) : schemas.state
}

/** The schema of the ledger of `--sandbox`. */
export function sandboxSchema({ state }: Project['schemas']): string {
  return `${state}_sandbox`
}

/** Emulated vendors and their ledger belong together: where one of the two is gone, the other is forgotten. */
async function matchSandbox(job: SyncsJob): Promise<void> {
  const { sandbox } = job.accounts
  if (sandbox === undefined) return
  const schema = ledgerSchema(job.context.project, job.request)
  const isThere = (await job.session.columns({ schema, name: ['meta'] })) !== undefined
  // Each target has emulated vendors of its own, and two targets may be one warehouse.
  const isOurs = isThere && (await ledgerTarget(job.session, schema)) === job.context.project.target.name
  if (isThere && (sandbox.fresh || !isOurs)) await job.session.script([{ statement: forgetSandbox(job.context) }])
  if (!sandbox.fresh && !isOurs) await sandbox.reset()
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

/** Outcomes in the order of the project. */
export function projectOrder<T extends { readonly name: string }>(
  { context }: Pick<SyncsJob, 'context'>,
  outcomes: readonly T[],
): readonly T[] {
  const names = [...context.project.syncs.keys()]
  return [...outcomes].sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name))
}

/** What a connector says of a sync in its mode. */
function inMode(connector: OpenedSync['connector'], { mode }: Sync): Pick<OpenedSync['connector'], 'limits'> {
  return { limits: (account, into, volume) => connector.limits(account, into, { ...volume, mode }) }
}
