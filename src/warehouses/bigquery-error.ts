import { StatementError } from './statement-error.ts'

/** What the service says of a failure, in an answer or of a job that ended. */
export interface Said {
  readonly reason: string
  readonly message: string
}

/** A failure of the service: its own words and reason. */
export class ServiceError extends Error {
  readonly reason: string

  constructor({ reason, message }: Said) {
    super(message)
    this.reason = reason
  }
}

/** The reason and words of whatever the client threw. */
export function saidBy(error: unknown): Said {
  const said = error instanceof Error ? error : new Error(String(error))
  if (said instanceof ServiceError) return { reason: said.reason, message: said.message }
  const [first] = 'errors' in said && Array.isArray(said.errors) ? (said.errors as readonly Partial<Said>[]) : []
  return { reason: first?.reason ?? '', message: first?.message ?? said.message }
}

/** The HTTP status of an answer that the client threw; undefined where there was no answer. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined
}

/** A failed statement, with what mends it where the service's reason says so. */
export function statementError(name: string, text: string, error: unknown): StatementError {
  if (error instanceof StatementError) return error
  const said = saidBy(error)
  return new StatementError(
    name,
    text,
    error instanceof ServiceError ? error : new ServiceError(said),
    FIXES[said.reason],
  )
}

/** What mends a failure, where the service's reason says so. */
export function fixOf(error: unknown): string | undefined {
  return FIXES[saidBy(error).reason]
}

/** Reasons: cloud.google.com/bigquery/docs/error-messages. */
const FIXES: Readonly<Record<string, string>> = {
  authError: 'Log in with `gcloud auth application-default login`, or name the key of a service account: `key_file`.',
  accessDenied:
    'Grant the account "BigQuery Data Viewer" on the datasets of the sources, "BigQuery Data Editor" on those of the models and the state, and "BigQuery Job User" on the project.',
  notFound: 'Check the name, and that `location` of the warehouse is that of its datasets.',
  quotaExceeded: 'Wait until the quota is filled again, or have it raised: Google Cloud, "IAM & Admin", "Quotas".',
  rateLimitExceeded: 'Wait, and let fewer commands run at once.',
  bytesBilledLimitExceeded: 'Raise `maximum_bytes_billed` of the warehouse, or let the query read less.',
  billingNotEnabled: 'Enable billing for the project.',
  responseTooLarge: 'Select fewer rows or columns.',
  resourcesExceeded: 'Let the statement do less at once, or reserve more slots.',
  timeout: 'Raise `job_timeout` of the warehouse, or let the query read less.',
}

/** Jobs that failed for nothing that was asked, and changed nothing. */
export function isPassing(error: unknown): boolean {
  const { reason } = saidBy(unwrapped(error))
  return ['backendError', 'internalError', 'rateLimitExceeded', 'jobBackendError', 'jobInternalError'].includes(reason)
}

/** True of the failure of one of two transactions that changed the same table, and of it alone. The service has no reason of its own for it. */
export function isConflict(error: unknown): boolean {
  const { message } = saidBy(unwrapped(error))
  return /Transaction is aborted due to concurrent update|Could not serialize access|due to concurrent update/i.test(
    message,
  )
}

function unwrapped(error: unknown): unknown {
  return error instanceof StatementError ? error.cause : error
}
