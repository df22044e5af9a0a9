import type { Duration } from './language.ts'

/** A source whose rows say who agreed to what. */
export interface ConsentFeed {
  readonly source: string
  /** Column of the answer. */
  readonly status: string
  /** Column of the purpose; undefined = every row speaks of the one purpose. */
  readonly purpose: string | undefined
  /** Column of the time at which it was said. */
  readonly at: string
  /** Answers that mean yes, compared without case and blanks around; all others mean no. */
  readonly granted: readonly string[]
  /** How old the newest row may be; undefined = any age. */
  readonly maxAge: Duration | undefined
  /** How long a yes holds; undefined = for ever. */
  readonly expiresAfter: Duration | undefined
}
