import type { DataTestOutcome } from './build/data-tests.ts'
import type { Built } from './build.ts'
import type { Holding } from './connectors/sandbox/sandbox.ts'
import type { Environment, Request } from './environment.ts'
import type { CdpError, Code, Diagnostic } from './error.ts'
import { nameOf } from './project/place.ts'
import type { SyncOutcome } from './sync/job.ts'

/** What a run did, as `--json` prints it and `.cdp/run_results.json` keeps it. Fields are only ever added. */
export interface Report {
  readonly version: 1
  readonly command: string
  readonly run_id: string
  readonly status: 'ok' | 'incomplete' | 'blocked' | 'failed' | 'locked' | 'interrupted'
  readonly exit_code: number
  /** ISO 8601, UTC. */
  readonly started_at: string
  readonly ms: number
  /** What the warehouse read, where it bills for that (BigQuery). */
  readonly bytes_read?: number
  readonly target: string
  readonly sandbox: boolean
  readonly dry_run: boolean
  readonly identity: readonly IdentityReport[]
  readonly models: readonly ModelReport[]
  /** Data tests; empty where the project has none. */
  readonly tests: readonly DataTestReport[]
  readonly segments: readonly SegmentReport[]
  readonly syncs: readonly Omit<SyncOutcome, 'diagnostics'>[]
  /** Under `--sandbox`: how many rows each emulated vendor now holds; the rows themselves are persons. */
  readonly holdings: readonly Held[]
  readonly errors: readonly ErrorReport[]
}

/** How many rows one destination holds, place by place. */
export interface Held {
  readonly destination: string
  readonly places: readonly { readonly place: string; readonly rows: number }[]
}

export interface IdentityReport {
  readonly entity: string
  readonly profiles: number
  readonly identifiers: number
  readonly rounds: number
  readonly merged: number
  readonly split: number
  readonly created: number
  /** Identifiers of the largest profile. */
  readonly largest: number
  /** Edges that a rule keeps from joining: see `<entity>_refused_edges`. */
  readonly refused_edges: number
  /** Rows by identifier type whose value a block list refuses, or that its normaliser could not read. */
  readonly rejected: Readonly<Record<string, number>>
  /** Rows by source that belong to nobody. */
  readonly unattributed: Readonly<Record<string, number>>
}

export interface ModelReport {
  readonly name: string
  readonly kind: string
  readonly rows: number
  readonly ms: number
}

/** What became of one data test. */
export interface DataTestReport {
  readonly name: string
  readonly source?: string
  readonly entity?: string
  /** Null where it speaks of no single column or trait. */
  readonly column: string | null
  readonly test: string
  readonly severity: 'warn' | 'error'
  readonly status: 'pass' | 'warn' | 'error'
  readonly failures: number
  readonly rows: number
  /** file:line:column */
  readonly at: string
}

export interface SegmentReport {
  readonly name: string
  readonly members: number
  readonly entered: number
  readonly left: number
  /** Whom chance keeps out of a segment that they would else be in. */
  readonly held_out: number
  /** Members by variant, where the segment has any. */
  readonly variants?: Readonly<Record<string, number>>
}

export interface ErrorReport {
  readonly code: string
  readonly severity: 'error' | 'warning'
  readonly message: string
  /** file:line:column */
  readonly at?: string
  readonly fix?: string
}

/** What a run has done, whether it came to its end or not. */
export interface Work {
  readonly request: Request
  readonly environment: Environment
  readonly runId: string
  readonly startedAt: Date
  /** By the monotonic clock. */
  readonly began: number
  readonly target: string
  /** What the warehouse read; undefined where it does not bill for that. */
  readonly bytesRead: number | undefined
  readonly warnings: readonly Diagnostic[]
  readonly tests: readonly DataTestOutcome[]
  readonly built: readonly Built[]
  readonly syncs: readonly SyncOutcome[]
  readonly holdings: readonly { readonly destination: string; readonly holdings: readonly Holding[] }[]
}

/** The report of a run; `failure` is what ended it early. */
export function reportOf(work: Work, failure?: CdpError): Report {
  const { request, environment, syncs } = work
  const code = exitCode({ interrupted: interruption(environment.signal), failure, syncs })
  const said = [...(failure?.diagnostics ?? []), ...syncs.flatMap((sync) => sync.diagnostics)]
  const told = new Set(said.map(keyOf))
  const failing = work.tests.flatMap(({ problem }) => problem ?? [])
  const warnings = [...work.warnings, ...failing].filter((one) => !told.has(keyOf(one)))
  return {
    version: 1,
    command: 'run',
    run_id: work.runId,
    status: statusOf(code),
    exit_code: code,
    started_at: work.startedAt.toISOString(),
    ms: Math.round(environment.world.clock.now() - work.began),
    ...(work.bytesRead !== undefined && { bytes_read: work.bytesRead }),
    target: work.target,
    sandbox: request.sandbox,
    dry_run: request.dryRun,
    identity: identityReports(work.built),
    models: modelReports(work.built),
    tests: work.tests.map(dataTestReport),
    segments: segmentReports(work.built),
    syncs: syncs.map(({ diagnostics: _, ...sync }) => ({ ...sync, ms: Math.round(sync.ms) })),
    holdings: held(work.holdings),
    errors: [...said, ...warnings].map(errorReport),
  }
}

/** What emulated vendors hold, without the rows. */
export function held(contents: Work['holdings']): readonly Held[] {
  return contents.map(({ destination, holdings }) => ({
    destination,
    places: holdings.map(({ place, rows }) => ({ place, rows: rows.length })),
  }))
}

/** A problem that is told as an error is not told as a warning, too. */
function keyOf({ code, at, message }: Diagnostic): string {
  return JSON.stringify(at === undefined ? [code, message] : [code, at.file, at.line, at.column])
}

/** The identity part of the report, from what the builds of identity graphs counted. */
export function identityReports(built: readonly Built[]): readonly IdentityReport[] {
  return built
    .filter(({ model }) => model.kind === 'identity')
    .map(({ model, counts, rounds }) => {
      const count = (name: string) => Number(counts[name] ?? 0)
      return {
        entity: entityOf(model.name),
        profiles: count('profiles'),
        identifiers: count('identifiers'),
        rounds,
        merged: count('merged'),
        split: count('split'),
        created: count('created'),
        largest: count('largest'),
        refused_edges: count('refused'),
        rejected: Object.fromEntries(prefixed(counts, 'rejected_')),
        unattributed: Object.fromEntries(prefixed(counts, 'unattributed_')),
      }
    })
}

export function modelReports(built: readonly Built[]): readonly ModelReport[] {
  return built
    .filter(({ model }) => model.kind !== 'setup' && model.kind !== 'tests')
    .map(({ model, rows, ms }) => ({ name: entityOf(model.name), kind: model.kind, rows, ms: Math.round(ms) }))
}

export function segmentReports(built: readonly Built[]): readonly SegmentReport[] {
  return built.flatMap(({ model, counts }) => {
    if (model.kind !== 'segments') return []
    const count = (name: string) => Number(counts[name] ?? 0)
    return prefixed(counts, 'members_').map(([name, members]) => ({
      name,
      members,
      entered: count(`entered_${name}`),
      left: count(`left_${name}`),
      held_out: count(`held_out_${name}`),
      ...variantsIn(counts[`variants_${name}`]),
    }))
  })
}

function variantsIn(json: string | null | undefined): Pick<SegmentReport, 'variants'> {
  return json === null || json === undefined ? {} : { variants: JSON.parse(json) }
}

/** A data test as reports show it. */
export function dataTestReport({
  test,
  status,
  failures,
  rows,
}: Pick<DataTestOutcome, 'test' | 'status' | 'failures' | 'rows'>): DataTestReport {
  const { name, of, column, check, severity, at } = test
  return {
    name,
    [of.kind]: of.name,
    column: column ?? null,
    test: check.kind,
    severity,
    status,
    failures,
    rows,
    at: nameOf(at),
  }
}

/** A diagnostic as the report shows it. */
export function errorReport(diagnostic: Diagnostic): ErrorReport {
  const { code, severity, message, at, fix } = diagnostic
  return { code, severity, message, ...(at && { at: `${at.file}:${at.line}:${at.column}` }), ...(fix && { fix }) }
}

/**
 * The exit code of design section 4, the first that applies: 130 or 143 interrupted, 2 project or arguments, 1 a
 * statement, authorisation or vendor configuration failed, 4 a guard blocked, 5 another run holds the lock, 3 rows are
 * refused, held or owed, 0 all done.
 */
export function exitCode(outcome: {
  readonly interrupted?: 130 | 143 | undefined
  readonly failure?: CdpError | undefined
  readonly syncs: readonly SyncOutcome[]
}): number {
  if (outcome.interrupted !== undefined) return outcome.interrupted
  if (outcome.failure !== undefined) return failureCode(outcome.failure)
  const has = (...statuses: SyncOutcome['status'][]) => outcome.syncs.some((sync) => statuses.includes(sync.status))
  if (has('failed')) return 1
  if (has('blocked')) return 4
  if (has('skipped')) return 5
  const owes = (sync: SyncOutcome) => sync.refused + sync.again + sync.withheld.held + sync.withheld.listed > 0
  return has('partial', 'interrupted') || outcome.syncs.some((sync) => sync.status !== 'planned' && owes(sync)) ? 3 : 0
}

/** The exit code with which a signal ended the command: the reason of the abort. */
function interruption(signal: AbortSignal): 130 | 143 | undefined {
  if (!signal.aborted) return undefined
  return signal.reason === 143 ? 143 : 130
}

/** A guard that stops a build before it is published, or a plan before anything of it is sent. */
const GUARDS: ReadonlySet<Code> = new Set<Code>(['identity/guard', 'identity/empty-source', 'sync/guard'])

/** The exit code of a command that ended with a failure. */
export function failureCode(failure: CdpError): number {
  if (failure.diagnostics.some(({ code }) => GUARDS.has(code))) return 4
  if (failure.who === 'project') return 2
  return failure.diagnostics.some(({ code }) => code === 'warehouse/locked' || code === 'sync/locked') ? 5 : 1
}

/** The word for an exit code. */
export function statusOf(code: number): Report['status'] {
  if (code === 130 || code === 143) return 'interrupted'
  if (code === 3) return 'incomplete'
  if (code === 4) return 'blocked'
  if (code === 5) return 'locked'
  return code === 0 ? 'ok' : 'failed'
}

function entityOf(model: string): string {
  return model.slice(model.indexOf('/') + 1)
}

function prefixed(counts: Readonly<Record<string, string | null>>, prefix: string): [string, number][] {
  return Object.entries(counts)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => [name.slice(prefix.length), Number(value)])
}
