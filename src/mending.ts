import { type Log, type LogRequest, readLog } from './catalog/log.ts'
import { statement } from './compile/context.ts'
import { refusedQuery } from './compile/ledger-mend.ts'
import type { Environment, Request } from './environment.ts'
import { type CdpError, failure, nearest } from './error.ts'
import { connectorOf, destinationOf, settlesWithinOf } from './open.ts'
import type { Project, Sync } from './project/project.ts'
import { select } from './project/select.ts'
import { closing, connect, read, reading } from './stages.ts'
import { findLedger } from './sync/find-ledger.ts'
import { type MendJob, underLease } from './sync/mend.ts'
import { openLedger } from './sync/sql-ledger.ts'
import { type SyncState, syncStates } from './sync/states.ts'
import { ledgerSchema } from './syncs.ts'
import type { Session } from './warehouses/warehouse.ts'

/** The ledger of one sync, ready to be mended. */
export interface Bench {
  readonly project: Project
  readonly sync: Sync
  readonly session: Session
  readonly schema: string
  readonly job: MendJob
}

/** What runs did and what became of rows. Changes nothing. Throws CdpError. */
export async function log(
  request: Request,
  environment: Environment,
  asked: Omit<LogRequest, 'ledger' | 'connectors'>,
): Promise<Log> {
  return reading(request, environment, (context, session) =>
    readLog(context, session, {
      ...asked,
      connectors: environment.connectors,
      ledger: ledgerSchema(context.project, request),
    }),
  )
}

/** What became of a lease that was to be taken away. */
export interface Unlocked {
  readonly sync: string
  readonly destination: string
  readonly unlocked: boolean
  /** Null where nobody held it. */
  readonly lease: SyncState['lease'] | null
  /** alive, gone: provably, because the process is one of this machine. */
  readonly holder: 'alive' | 'gone' | 'unknown' | null
}

/**
 * Takes the lease of a sync away, merges what its holder left, and gives it back. Whoever held it stops at its next
 * checkpoint. Throws CdpError `sync/locked` where the holder provably runs and `force` was not said.
 */
export async function unlock(
  request: Request,
  environment: Environment,
  asked: { readonly sync: string; readonly force: boolean },
): Promise<Unlocked> {
  return atBench(request, environment, asked.sync, async ({ sync, session, schema, job }) => {
    const [state] = await syncStates(session, schema, [sync])
    const lease = state?.lease
    const told = { sync: sync.name, destination: sync.destination }
    if (lease === undefined) return { ...told, unlocked: false, lease: null, holder: null }
    const holder = environment.isAlive(lease.holder) ? 'alive' : environment.isDead(lease.holder) ? 'gone' : 'unknown'
    if (holder === 'alive' && !asked.force) throw stillRuns(sync, lease)
    const mended = await underLease({ ...job, from: lease.holder }, async () => ({
      value: true,
      event: { event: 'unlocked', counts: {}, detail: `taken from ${lease.holder}, run ${lease.run_id}` },
    }))
    if (mended.kind === 'taken') throw taken(sync, mended)
    return { ...told, unlocked: true, lease, holder }
  })
}

/** Rows of one sync that were made due. */
export interface Retried {
  readonly name: string
  readonly destination: string
  /** locked: another run holds the lease, nothing was done. */
  readonly status: 'ok' | 'locked'
  /** Rows that the next run sends, if they still differ. */
  readonly due: number
  /** Of these, rows that waited for their backoff; and rows that had been given up. */
  readonly refused: number
  readonly quarantined: number
  /** Rows of persons whom the vendor refuses; they stay as they are unless they were asked for. */
  readonly compliance: number
  /** Who holds the lease where it is locked. */
  readonly locked_by: string | null
}

/** Makes refused rows of the selected syncs due. Sends nothing. */
export async function retry(
  request: Request,
  environment: Environment,
  asked: { readonly compliance: boolean },
): Promise<readonly Retried[]> {
  const project = await read(request, environment)
  const { syncs } = select(project, request.select, request.exclude)
  const session = await connect(project, request, environment, 'write')
  return closing(session, async () => {
    const retried: Retried[] = []
    for (const sync of [...project.syncs.values()].filter(({ name }) => syncs.has(name))) {
      const bench = benchOf(project, sync, session, { request, environment })
      retried.push(await retryOne(bench, asked.compliance))
    }
    return retried
  })
}

async function retryOne({ sync, session, schema, job }: Bench, compliance: boolean): Promise<Retried> {
  const { tables } = await findLedger(session, schema, sync)
  const nothing = { name: sync.name, destination: sync.destination, due: 0, refused: 0, quarantined: 0, compliance: 0 }
  if ((await session.columns(tables.snapshot)) === undefined) return { ...nothing, status: 'ok', locked_by: null }
  const query = refusedQuery(session.dialect, tables)
  const mended = await underLease(job, async (lease) => {
    const row = await session.first({ statement: statement('refused rows', 'what waits, and for what', query) })
    const counts = {
      refused: Number(row?.refused),
      quarantined: Number(row?.quarantined),
      compliance: Number(row?.compliance),
    }
    const value = { ...counts, due: await job.ledger.retry(lease, compliance) }
    return { value, event: { event: 'retried', counts: value } }
  })
  if (mended.kind === 'taken') return { ...nothing, status: 'locked', locked_by: mended.holder }
  return { ...nothing, ...mended.value, status: 'ok', locked_by: null }
}

/** Opens the warehouse and the ledger of a sync by its name. Throws CdpError `ref/unknown-sync`. */
export async function atBench<T>(
  request: Request,
  environment: Environment,
  name: string,
  work: (bench: Bench) => Promise<T>,
): Promise<T> {
  const project = await read(request, environment)
  const sync = syncNamed(project, name)
  const session = await connect(project, request, environment, 'write')
  return closing(session, () => work(benchOf(project, sync, session, { request, environment })))
}

/** A sync of the project. Throws CdpError `ref/unknown-sync`. */
export function syncNamed({ syncs }: Pick<Project, 'syncs'>, name: string): Sync {
  const sync = syncs.get(name)
  if (sync !== undefined) return sync
  const close = nearest(name, syncs.keys())
  const fix = close === undefined ? undefined : `Did you mean "${close}"?`
  throw failure('project', 'ref/unknown-sync', `Sync "${name}" is not defined.`, fix)
}

function benchOf(
  project: Project,
  sync: Sync,
  session: Session,
  { request, environment }: { readonly request: Request; readonly environment: Environment },
): Bench {
  const destination = destinationOf(project, sync)
  const connector = connectorOf(environment, destination)
  const schema = ledgerSchema(project, request)
  const settlesWithin = settlesWithinOf(destination, connector, request)
  const context = { project, dialect: session.dialect }
  // No statement that mends reads tables of a build.
  const ledger = openLedger({ context, sync, connector, schema, session, build: 0, settlesWithin })
  const { holder, isDead } = environment
  const job: MendJob = { name: sync.name, ledger, runId: environment.runId(), holder, isDead }
  return { project, sync, session, schema, job }
}

function stillRuns({ name }: Sync, { holder, until, run_id }: NonNullable<SyncState['lease']>): CdpError {
  const message = `"${name}" is held by ${holder}, which still runs (run ${run_id}; its lease ends at ${until}).`
  const fix = 'Wait for that process, or end it. "--force" takes the lease all the same.'
  return failure('warehouse', 'sync/locked', message, fix)
}

/** Another run holds the lease. */
export function taken(
  { name }: Sync,
  { holder, until }: { readonly holder: string; readonly until: string },
): CdpError {
  return failure(
    'warehouse',
    'sync/locked',
    `"${name}" is held by another run (${holder}) until ${until} at the latest.`,
    'Wait until it has ended.',
  )
}
