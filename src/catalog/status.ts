import type { Context } from '../compile/context.ts'
import { statement } from '../compile/context.ts'
import { publishedView, stateTable } from '../compile/names.ts'
import { compileState } from '../compile/state.ts'
import type { Connectors } from '../connectors/connector.ts'
import { from, id, lines, type Sql, sql, type Table } from '../sql/sql.ts'
import { type SyncState, syncStates } from '../sync/states.ts'
import type { Session } from '../warehouses/warehouse.ts'
import { publishedBuild } from './published.ts'
import { readWithdrawals, type Withdrawal } from './withdrawals.ts'

/** What readers see of a project, and what its ledger knows. */
export interface Status {
  readonly target: string
  readonly sandbox: boolean
  /** Undefined before the first publish. Times are ISO 8601. */
  readonly published:
    | { readonly build: number; readonly run_id: string; readonly at: string; readonly now: string }
    | undefined
  /** Published entities and segments with their rows. */
  readonly models: readonly { readonly name: string; readonly kind: 'entity' | 'segment'; readonly rows: number }[]
  readonly syncs: readonly SyncStatus[]
}

export interface SyncStatus extends Pick<SyncState, 'name' | 'rows' | 'lease'> {
  readonly destination: string
  /** How the last run ended; `claimed` while it runs, or where it was cut off. Undefined before the first. */
  readonly last_run: LastRun | undefined
  /** People whom the destination must not contact any more, and whom only a human can take out; at most 20. */
  readonly withdrawals?: readonly Withdrawal[]
}

export interface LastRun extends Pick<NonNullable<SyncState['lastRun']>, 'event' | 'at' | 'counts' | 'detail'> {
  readonly run_id: string
}

export interface StatusRequest {
  /** Where the ledger lies: the state schema, or that of the sandbox. */
  readonly ledger: string
  readonly sandbox: boolean
  readonly connectors: Connectors
}

/** The most withdrawals that a status tells of one sync; `cdp log --outcome listed` tells more. */
const MOST = 20

/** Reads only. What was never published or never ran is left out, or empty. */
export async function readStatus(context: Context, session: Session, request: StatusRequest): Promise<Status> {
  const { project } = context
  const syncs = [...project.syncs.values()]
  const states = await syncStates(session, request.ledger, syncs)
  const last = await publishedBuild(context, session)
  const statuses: SyncStatus[] = []
  for (const [at, state] of states.entries()) {
    const sync = syncs[at]
    const asks = last !== undefined && sync !== undefined && (state.lastRun?.counts.listed ?? 0) > 0
    const more = { ...request, build: last?.build ?? 0, most: MOST, showValues: false }
    const withdrawals = asks ? await readWithdrawals(context, session, sync, more) : []
    statuses.push({ ...syncStatus(state, sync?.destination ?? ''), ...(withdrawals.length > 0 && { withdrawals }) })
  }
  return {
    target: project.target.name,
    sandbox: request.sandbox,
    published: await published(context, session),
    models: await modelRows(context, session),
    syncs: statuses,
  }
}

function syncStatus({ name, rows, lease, lastRun }: SyncState, destination: string): SyncStatus {
  if (lastRun === undefined) return { name, destination, last_run: undefined, rows, lease }
  const { runId, at, ...more } = lastRun
  return { name, destination, last_run: { run_id: runId, ...more, at: iso(at) }, rows, lease }
}

async function published(context: Context, session: Session): Promise<Status['published']> {
  if ((await session.columns(stateTable(context.project, 'published'))) === undefined) return undefined
  const row = await session.first({ statement: compileState(context).published })
  if (row === undefined) return undefined
  const { build, run_id, published_at, business_time } = row
  return { build: Number(build), run_id: run_id ?? '', at: iso(published_at), now: iso(business_time) }
}

/** A time as cells hold it, in ISO 8601. */
function iso(cell: string | null | undefined): string {
  const time = Date.parse(cell ?? '')
  return Number.isNaN(time) ? (cell ?? '') : new Date(time).toISOString()
}

interface View {
  readonly name: string
  readonly kind: 'entity' | 'segment'
  readonly view: Table
}

async function modelRows({ project }: Context, session: Session): Promise<Status['models']> {
  const entities = [...project.entities.keys()].map(
    (name): View => ({ name, kind: 'entity', view: publishedView(project, name) }),
  )
  const segments = [...project.segments.keys()].map(
    (name): View => ({ name, kind: 'segment', view: publishedView(project, `segment_${name}`) }),
  )
  const views: View[] = []
  for (const one of [...entities, ...segments]) if ((await session.columns(one.view)) !== undefined) views.push(one)
  if (views.length === 0) return []
  const counts = views.map(
    ({ view }, index): Sql => sql`(select count(*) from ${from(view)}) as ${id(`rows_${index}`)}`,
  )
  const query = sql`
    select
      ${lines(counts)}`
  const row = await session.first({ statement: statement('published rows', 'how many rows readers see', query) })
  return views.map(({ name, kind }, index) => ({ name, kind, rows: Number(row?.[`rows_${index}`]) }))
}
