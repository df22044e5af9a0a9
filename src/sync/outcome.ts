import { CdpError, type Diagnostic, problem, warning } from '../error.ts'
import type { BreachNote, Judged, MappingNote } from './breach.ts'
import { withdrawnDiagnostics } from './consent.ts'
import type { Delivery } from './delivery.ts'
import type { SyncJob, SyncOutcome, SyncStatus } from './job.ts'
import type { Outcome, PlanCounts } from './ledger.ts'
import type { FailedJobs } from './poll.ts'
import type { Ending } from './trouble.ts'

type Named = Pick<SyncJob, 'name' | 'destination'>

/** What a run has to say about one sync. */
export interface Told {
  readonly status: SyncStatus
  readonly counts?: PlanCounts | undefined
  readonly tally?: ReadonlyMap<Outcome, number>
  /** The plan was only to be looked at: nothing is owed by this command. */
  readonly planOnly?: boolean
  /** What was planned and not sent, because people may no longer be contacted: no change of this run. */
  readonly withheld?: Delivery['withheld']
  readonly calls?: number
  readonly retries?: number
  readonly ms: number
  readonly nextEligibleAt?: Date | undefined
  readonly blockedBy?: string
  readonly breaches?: readonly BreachNote[]
  readonly mapping?: MappingNote | undefined
  readonly diagnostics?: readonly Diagnostic[]
}

export function outcomeOf(job: Named, told: Told): SyncOutcome {
  const { counts, tally } = told
  const { consent, suppressed } = told.withheld ?? NOBODY
  const creates = (counts?.creates ?? 0) + (counts?.owed.creates ?? 0) - consent.creates - suppressed.creates
  const updates = (counts?.updates ?? 0) + (counts?.owed.updates ?? 0) - consent.updates - suppressed.updates
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
    ...(counts && counts.strangers > 0 && { strangers: counts.strangers }),
    unchanged: counts?.unchanged ?? 0,
    written,
    accepted,
    refused,
    again: told.planOnly ? 0 : creates + updates + removes - written - accepted - refused,
    invalid: counts?.invalid ?? 0,
    withheld: {
      consent: (counts?.noConsent ?? 0) + consent.creates + consent.updates,
      suppressed: (counts?.suppressed ?? 0) + suppressed.creates + suppressed.updates,
      excluded: counts?.excluded ?? 0,
      listed: counts?.listed ?? 0,
      held: (counts?.held ?? 0) + (counts?.waiting ?? 0),
    },
    calls: told.calls ?? 0,
    retries: told.retries ?? 0,
    ms: told.ms,
    blocked_by: told.blockedBy ?? null,
    breaches: told.breaches ?? [],
    mapping: told.mapping ?? null,
    next_eligible_at: told.nextEligibleAt?.toISOString() ?? null,
    diagnostics: [...(told.diagnostics ?? []), ...withdrawnDiagnostics(job, counts)],
  }
}

const NOBODY: Delivery['withheld'] = {
  consent: { creates: 0, updates: 0 },
  suppressed: { creates: 0, updates: 0 },
}

/** A plan that guards keep from being sent. `began`: when it was begun, by the monotonic clock. */
export function blocked(
  job: Pick<SyncJob, 'name' | 'destination' | 'world'>,
  { counts, breaches, mapping, notes = [] }: Judged,
  began: number,
): SyncOutcome {
  const stopped = breaches.map(({ message, fix }) =>
    problem('sync/guard', `"${job.name}" was not sent. ${message}`, undefined, fix),
  )
  const diagnostics = [...stopped, ...notes]
  const blockedBy = breaches.map(({ message }) => message).join(' ')
  const ms = job.world.clock.now() - began
  const told = { breaches: breaches.map((one) => ({ ...one, effect: 'blocked' as const })), mapping, diagnostics }
  return outcomeOf(job, { status: 'blocked', counts, planOnly: true, ms, blockedBy, ...told })
}

/** What a plan that is not blocked says beside its numbers, and what stopped it while it was sent. */
export function saidOf(job: Pick<SyncJob, 'name'>, { breaches, held, mapping, notes = [] }: Judged, ending?: Ending) {
  const overridden: readonly BreachNote[] = [
    ...breaches.map((one) => ({ ...one, effect: 'overridden' as const })),
    ...(ending?.kind === 'consent' ? [stopped(ending)] : []),
  ]
  const blockedBy = ending?.kind === 'consent' ? { blockedBy: ending.message } : {}
  if (held === undefined) return { mapping, breaches: overridden, diagnostics: notes, ...blockedBy }
  const message = `"${job.name}" holds its removals back. ${held.message}`
  const diagnostics = [warning('sync/guard', message, undefined, held.fix), ...notes]
  return { mapping, breaches: [...overridden, { ...held, effect: 'held' as const }], diagnostics, ...blockedBy }
}

function stopped({ message, fix }: Extract<Ending, { kind: 'consent' }>): BreachNote {
  return { guard: 'consent', message, fix, effect: 'blocked' }
}

/** How a sync ended that began to send. */
export function endingStatus(ending: Ending | undefined): SyncStatus {
  switch (ending?.kind) {
    case undefined:
      return 'ok'
    case 'interrupted':
      return 'interrupted'
    case 'consent':
      return ending.nothingSent ? 'blocked' : 'partial'
    case 'fenced':
    case 'unreachable':
    case 'postponed':
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
  const { givenUp, lastError } = delivery
  const refused = [...delivery.refusals].map(([code, { message, rows }]) =>
    warning('destination/refused', `"${job.destination}" refused ${rows} rows of "${job.name}": ${code}: ${message}`),
  )
  const owed: readonly Diagnostic[] = givenUp > 0 ? [{ ...outOfReach(job, lastError), severity: 'warning' }] : []
  return [...(ending ? endingDiagnostics(job, ending, lastError) : owed), ...refused]
}

/** What a reader should know about asynchronous jobs that failed. */
export function failedDiagnostics(job: Named, { rows, messages }: FailedJobs): readonly Diagnostic[] {
  return messages.map((message) =>
    warning(
      'destination/job-failed',
      `"${job.destination}": ${message} ${rows} rows of "${job.name}" are owed.`,
      undefined,
      'The next run asks what was done of it, and sends the rest in another way.',
    ),
  )
}

function outOfReach(job: Named, lastError: string | undefined): Diagnostic {
  return problem(
    'destination/unreachable',
    `"${job.destination}" could not be reached for "${job.name}"${lastError ? `: ${lastError}` : ''}.`,
    undefined,
    'The next run sends what is owed.',
  )
}

function endingDiagnostics(job: Named, ending: Ending, lastError: string | undefined): readonly Diagnostic[] {
  switch (ending.kind) {
    case 'interrupted':
      return []
    case 'consent': {
      const what = ending.nothingSent ? 'was not sent' : 'was stopped while it was sent'
      return [problem('sync/guard', `"${job.name}" ${what}. ${ending.message}`, undefined, ending.fix)]
    }
    case 'fenced':
      return [problem('sync/locked', `Another run took over "${job.name}" while this one was sending.`)]
    case 'unreachable':
      return [outOfReach(job, lastError)]
    case 'postponed':
      return [
        problem(
          'destination/throttled',
          `"${job.destination}" takes no more of "${job.name}" for now. ${ending.why}`,
          undefined,
          ending.until
            ? `A run after ${ending.until.toISOString()} sends what is owed.`
            : 'A later run sends what is owed.',
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
