import type { Context } from '../compile/context.ts'
import { knownSyncs, rowsLog, runsLog, toldLog } from '../compile/ledger-log.ts'
import { ledgerTables } from '../compile/ledger-tables.ts'
import type { Connectors } from '../connectors/connector.ts'
import { failure, nearest } from '../error.ts'
import { listed } from '../sync/listed.ts'
import type { Session } from '../warehouses/warehouse.ts'
import { openGraphs } from './explain.ts'
import { publishedBuild } from './published.ts'
import { findSubject } from './subject.ts'
import { readWithdrawals, shownKey } from './withdrawals.ts'

/** What runs did and what became of rows. The answer of `cdp log` and, with its heading, the document of `--json`. */
export interface Log {
  /** Whom `--person` named. */
  readonly person: { readonly entity: string; readonly profile_id: string } | null
  /** Runs, and commands that mended the ledger, the newest first. */
  readonly runs: readonly LoggedRun[]
  /** Rows by the latest fence first; only where a person or an outcome was asked for. */
  readonly rows: readonly LoggedRow[]
}

export interface LoggedRun {
  readonly sync: string
  readonly run_id: string
  /** How it ended; `claimed` while it runs, or where it was cut off. */
  readonly event: string
  /** ISO 8601, UTC. */
  readonly began_at: string
  readonly ended_at: string | null
  /** What it was to do and did, as its end told; empty where it was cut off. */
  readonly counts: Readonly<Record<string, number>>
  /** Rows by what the destination answered; answers are kept for 30 days. */
  readonly outcomes: Readonly<Record<string, number>>
  readonly detail: string | null
}

export interface LoggedRow {
  readonly sync: string
  /** As the destination names it; personal values hidden unless they were asked for. */
  readonly key: Readonly<Record<string, string>>
  readonly profile_id: string | null
  readonly outcome: RowOutcome
  readonly last_run_id: string | null
  readonly first_synced_at: string | null
  readonly last_synced_at: string | null
  /** Not sent before then. */
  readonly hold_until: string | null
  readonly next_retry_at: string | null
  /** Refusals of the same payload in sequence. */
  readonly failures: number
  readonly code: string | null
  readonly message: string | null
}

/** What became of a row last, as far as the destination told. */
export const ROW_OUTCOMES = [
  'written',
  'accepted',
  'refused',
  'quarantined',
  'unknown',
  'left',
  'removed',
  'owed',
  'listed',
] as const

export type RowOutcome = (typeof ROW_OUTCOMES)[number]

export interface LogRequest {
  readonly connectors: Connectors
  /** The schema of the ledger. */
  readonly ledger: string
  readonly sync: string | undefined
  readonly person: string | undefined
  readonly outcome: RowOutcome | undefined
  /** ISO 8601. */
  readonly since: string | undefined
  /** Most runs, and most rows. */
  readonly limit: number
  readonly showValues: boolean
}

/** Reads only. Throws CdpError `ref/unknown-sync`, and `command/arguments` where the person is nobody. */
export async function readLog(context: Context, session: Session, request: LogRequest): Promise<Log> {
  const syncs = await syncsNamed(context, session, request)
  const person = request.person === undefined ? undefined : await personNamed(context, session, request.person)
  const asked = { ...request, syncs, ids: person?.ids }
  const isListed = request.outcome === 'listed'
  const rows = isListed
    ? await withdrawalsOf(context, session, asked)
    : person || request.outcome
      ? await rowsOf(context, session, asked)
      : []
  const runs = await runsOf(context, session, { ...request, syncs })
  const touched = new Set(rows.map(({ sync, last_run_id: run }) => `${sync} ${run}`))
  const isWanted = (run: LoggedRun) =>
    (person === undefined || touched.has(`${run.sync} ${run.run_id}`)) && hasOutcome(run, request.outcome)
  return {
    person: person === undefined ? null : { entity: person.entity, profile_id: person.id },
    runs: runs.filter(isWanted).slice(0, request.limit),
    rows,
  }
}

/** So many runs are looked through for those that are wanted. */
const MOST_RUNS = 5_000

/** A sync as the ledger calls it, and what its tables are called after. */
interface Known {
  readonly sync: string
  readonly suffix: string
}

/** The syncs of the ledger, those that the project no longer has included. */
async function syncsNamed(context: Context, session: Session, request: LogRequest): Promise<readonly Known[]> {
  const tables = ledgerTables(request.ledger, '')
  const isThere = (await session.columns(tables.sync)) !== undefined
  const all = isThere ? await listed(session, knownSyncs(context, tables)) : []
  const known = all.map((one) => one.sync).sort()
  const { sync } = request
  if (sync === undefined) return [...all].sort((a, b) => byText(a.sync, b.sync))
  const named = (name: string | undefined) => all.filter((one) => one.sync === name)
  if (known.includes(sync)) return named(sync)
  // Of a sync that was renamed and has not run since: what it did before.
  if (context.project.syncs.has(sync)) return named(context.project.syncs.get(sync)?.was)
  const close = nearest(sync, [...known, ...context.project.syncs.keys()])
  const fix = close === undefined ? undefined : `Did you mean "${close}"?`
  throw failure('project', 'ref/unknown-sync', `Sync "${sync}" is not defined, and never ran.`, fix)
}

interface Person {
  readonly entity: string
  readonly id: string
  /** The id in use and those that were merged into it: rows keep the id under which they were sent. */
  readonly ids: readonly string[]
}

async function personNamed(context: Context, session: Session, argument: string): Promise<Person> {
  const { graphs } = await openGraphs(context, session, { entity: undefined, showValues: false })
  const { graph, profile } = await findSubject(graphs, argument)
  if (profile === undefined)
    throw failure('project', 'command/arguments', `"${argument}" joins nobody, so nothing was sent for it.`)
  const aliases = await listed(session, graph.statements.aliases, { anchor: profile.anchor })
  return { entity: graph.entity.name, id: profile.id, ids: [profile.id, ...aliases.map((one) => one.profile_id)] }
}

type Asked = LogRequest & { readonly syncs: readonly Known[] }

async function runsOf(context: Context, session: Session, asked: Asked): Promise<readonly LoggedRun[]> {
  if (asked.syncs.length === 0) return []
  const sync = asked.sync === undefined ? null : (asked.syncs[0]?.sync ?? null)
  const values = { sync, since: asked.since ?? null, most: MOST_RUNS }
  const runs = await listed(session, runsLog(context, ledgerTables(asked.ledger, '')), values)
  const told = new Map<string, Record<string, number>>()
  for (const sync of new Set(runs.map((run) => run.sync))) {
    const tables = ledgerTables(asked.ledger, sync, asked.syncs.find((one) => one.sync === sync)?.suffix)
    if ((await session.columns(tables.ack)) === undefined) continue
    const fence = Math.min(...runs.filter((run) => run.sync === sync).map((run) => run.fence))
    for (const one of await listed(session, toldLog(context, tables), { fence })) {
      const key = `${sync} ${one.run_id}`
      told.set(key, { ...told.get(key), [wordOf(one.outcome)]: one.rows })
    }
  }
  return runs
    .map(({ sync, run_id, event, began_at, ended_at, counts, detail }) => ({
      sync,
      run_id,
      event: event ?? 'claimed',
      began_at,
      ended_at,
      counts: JSON.parse(counts ?? '{}') as Record<string, number>,
      outcomes: told.get(`${sync} ${run_id}`) ?? {},
      detail,
    }))
    .sort((a, b) => byText(b.began_at, a.began_at) || byText(a.sync, b.sync))
}

async function rowsOf(
  context: Context,
  session: Session,
  asked: Asked & { readonly ids: readonly string[] | undefined },
): Promise<readonly LoggedRow[]> {
  const profiles = asked.ids === undefined ? null : JSON.stringify(asked.ids.map((id) => ({ profile_id: id })))
  const values = { profiles, label: labelOf(asked.outcome), most: asked.limit }
  const found: (LoggedRow & { readonly fence: number })[] = []
  for (const { sync, suffix } of asked.syncs) {
    const tables = ledgerTables(asked.ledger, sync, suffix)
    if ((await session.columns(tables.snapshot)) === undefined) continue
    for (const { key_json, label, ...row } of await listed(session, rowsLog(context, tables), values)) {
      const key = shownKey(context.project, sync, key_json, asked.showValues)
      found.push({ sync, key, outcome: outcomeOf(label), ...row })
    }
  }
  const newest = found.sort((a, b) => byText(a.sync, b.sync) || b.fence - a.fence).slice(0, asked.limit)
  return newest.map(({ fence: _, ...row }) => row)
}

/** People whom nobody but a human can take out, of the syncs that the project has, as the published build knows them. */
async function withdrawalsOf(
  context: Context,
  session: Session,
  asked: Asked & { readonly ids: readonly string[] | undefined },
): Promise<readonly LoggedRow[]> {
  const published = await publishedBuild(context, session)
  const syncs = [...context.project.syncs.values()].filter(({ name, was }) =>
    asked.syncs.some((one) => one.sync === name || one.sync === was),
  )
  const rows: LoggedRow[] = []
  for (const sync of published === undefined ? [] : syncs) {
    const request = { ...asked, build: published?.build ?? 0, most: asked.limit }
    const found = await readWithdrawals(context, session, sync, request)
    for (const { why, fence: _, ...row } of found)
      if (asked.ids?.includes(row.profile_id ?? '') !== false)
        rows.push({
          ...row,
          sync: sync.name,
          outcome: 'listed',
          hold_until: null,
          next_retry_at: null,
          failures: 0,
          code: why,
          message: WHY[why],
        })
  }
  return rows.slice(0, asked.limit)
}

const WHY = {
  suppressed: 'Is suppressed, and must be withdrawn by hand.',
  consent: 'Has not consented, and must be withdrawn by hand.',
} as const

function outcomeOf(label: string): RowOutcome {
  const word = wordOf(label)
  return ROW_OUTCOMES.find((one) => one === word) ?? 'unknown'
}

/** The ledger's words for a row and for an answer in the words of reports. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ['synced', 'written'],
  ['submitted', 'accepted'],
  ['absent', 'owed'],
])

function wordOf(label: string): string {
  return WORDS.get(label) ?? label
}

function labelOf(outcome: RowOutcome | undefined): string | null {
  return [...WORDS].find(([, word]) => word === outcome)?.[0] ?? outcome ?? null
}

/** Did any row of the run end so? Of what only rows know (left, removed), any run may be the one. */
function hasOutcome({ outcomes, counts }: LoggedRun, outcome: RowOutcome | undefined): boolean {
  switch (outcome) {
    case undefined:
    case 'left':
    case 'removed':
    case 'quarantined':
      return true
    case 'listed':
      return (counts.listed ?? 0) > 0
    case 'owed':
      return (counts.again ?? 0) > 0
    case 'refused':
      return (outcomes.refused ?? counts.refused ?? 0) + (outcomes.compliance ?? 0) > 0
    case 'written':
    case 'accepted':
    case 'unknown':
      return (outcomes[outcome] ?? counts[outcome] ?? 0) > 0
  }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
