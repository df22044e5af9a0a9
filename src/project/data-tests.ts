import type { At } from '../error.ts'
import type { Condition, Duration } from './language.ts'

/** What must hold of the rows of a source, or of the profiles of an entity. */
export interface DataTest {
  /** As reports show it; tests may share a name. */
  readonly name: string
  readonly of: Tested
  /** The one column or trait of which it speaks, where it does. */
  readonly column: string | undefined
  /** `error`: where it fails, nothing is published or sent. */
  readonly severity: Severity
  /** Only the rows on which it holds are tested; undefined = all. */
  readonly where: Condition | undefined
  readonly mayFail: Allowance
  readonly check: Check
  readonly at: At
}

export interface Tested {
  readonly kind: 'source' | 'entity'
  readonly name: string
}

export type Severity = 'warn' | 'error'

/** How many of the tested rows may fail: so many, or a share of them from 0 to 1. */
export type Allowance =
  | { readonly kind: 'rows'; readonly rows: number }
  | { readonly kind: 'share'; readonly share: number }

export type Check =
  /** No row may fulfil `fails`. `words`: what must hold, as it was written. */
  | {
      readonly kind: 'not_null' | 'accepted_values' | 'expression'
      readonly fails: Condition
      readonly words: string
    }
  /** No two rows agree in all columns; a row with a null in one of them agrees with none. */
  | { readonly kind: 'unique'; readonly columns: readonly string[] }
  /** Every value of `column` that is not null stands in a column of a source. */
  | { readonly kind: 'relationships'; readonly column: string; readonly to: string; readonly toColumn: string }
  | { readonly kind: 'row_count'; readonly min: number | undefined; readonly max: number | undefined }
  /** The newest row by `column` that is not after the business time is no older than so; no row is too old. */
  | {
      readonly kind: 'freshness'
      readonly column: string
      readonly warnAfter: Duration | undefined
      readonly errorAfter: Duration | undefined
    }
