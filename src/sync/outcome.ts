import { CdpError, type Diagnostic, problem, warning } from '../error.ts'
import type { Delivery, Ending } from './delivery.ts'
import type { SyncJob, SyncOutcome, SyncStatus } from './job.ts'
import type { Outcome, PlanCounts } from './ledger.ts'

type Named = Pick<SyncJob, 'name' | 'destination'>

/** What a run has to say about one sync. */
export interface Told {
  readonly status: SyncStatus
  readonly counts?: PlanCounts | undefined
  readonly tally?: ReadonlyMap<Outcome, number>
  /** The plan was only to be looked at: nothing is owed by this command. */
  readonly planOnly?: boolean
  readonly calls?: number
  readonly retries?: number
  readonly ms: number
  readonly blockedBy?: string
  readonly diagnostics?: readonly Diagnostic[]
}

export function outcomeOf(job: Named, told: Told): SyncOutcome {
  const { counts, tally } = told
  const creates = (counts?.creates ?? 0) + (counts?.owed.creates ?? 0)
  const updates = (counts?.updates ?? 0) + (counts?.owed.updates ?? 0)
  const removes = (counts?.removes ?? 0) + (counts?.owed.removes ?? 0)
  const written = tally?.get('written') ?? 0
  const accepted = tally?.get('submitted') ?? 0
  const refused = (tally?.get('refused') ?? 0) + (tally?.get('compliance') ?? 0)
  return {
    name: job.name,
    destination: job.destination,
    status: told.status,
    creates,
    updates,
    removes,
    unchanged: counts?.unchanged ?? 0,
    written,
    accepted,
    refused,
    again: told.planOnly ? 0 : creates + updates + removes - written - accepted - refused,
    invalid: counts?.invalid ?? 0,
    withheld: {
      consent: 0,
      suppressed: 0,
      excluded: counts?.excluded ?? 0,
      held: (counts?.held ?? 0) + (counts?.waiting ?? 0),
    },
    calls: told.calls ?? 0,
    retries: told.retries ?? 0,
    ms: told.ms,
    blocked_by: told.blockedBy ?? null,
    diagnostics: told.diagnostics ?? [],
  }
}

/** How a sync ended that began to send. */
export function endingStatus(ending: Ending | undefined): SyncStatus {
  switch (ending?.kind) {
    case undefined:
      return 'ok'
    case 'interrupted':
      return 'interrupted'
    case 'fenced':
    case 'unreachable':
    case 'many-refused':
      return 'partial'
    case 'auth':
    case 'config':
    case 'failure':
      return 'failed'
  }
}

/** What a reader should know about how sending went. */
export function diagnosticsOf(job: Named, delivery: Delivery, ending: Ending | undefined): readonly Diagnostic[] {
  const refused = [...delivery.refusals].map(([code, { message, rows }]) =>
    warning('destination/refused', `"${job.destination}" refused ${rows} rows of "${job.name}": ${code}: ${message}`),
  )
  return [...(ending ? endingDiagnostics(job, ending, delivery.lastError) : []), ...refused]
}

function endingDiagnostics(job: Named, ending: Ending, lastError: string | undefined): readonly Diagnostic[] {
  switch (ending.kind) {
    case 'interrupted':
      return []
    case 'fenced':
      return [problem('sync/locked', `Another run took over "${job.name}" while this one was sending.`)]
    case 'unreachable':
      return [
        problem(
          'destination/unreachable',
          `"${job.destination}" could not be reached for "${job.name}"${lastError ? `: ${lastError}` : ''}.`,
          undefined,
          'The next run sends what is owed.',
        ),
      ]
    case 'auth':
      return [problem('destination/auth', `"${job.destination}": ${ending.message}`)]
    case 'config':
      return [problem('destination/config', `"${job.destination}": ${ending.message}`)]
    case 'many-refused':
      return [
        problem(
          'destination/config',
          `"${job.destination}" refuses too many rows of "${job.name}", so sending was stopped: ${ending.message}`,
        ),
      ]
    case 'failure':
      if (ending.error instanceof CdpError) return ending.error.diagnostics
      return [problem('bug/unexpected', `Sending "${job.name}" failed: ${messageOf(ending.error)}`)]
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
