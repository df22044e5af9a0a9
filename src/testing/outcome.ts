import type { DecidedLine } from '../catalog/decided.ts'
import type { Explanation } from '../catalog/explain.ts'

/** What became of one unit test. Its rows are invented, so values are shown as they are. */
export interface UnitOutcome {
  readonly kind: 'unit'
  readonly name: string
  readonly file: string
  readonly line: number
  /** `error`: the test could not be decided. */
  readonly status: 'pass' | 'fail' | 'error'
  readonly ms: number
  readonly failures: readonly UnitFailure[]
}

/** An expectation that does not hold, or why it could not be decided; `line` is where it is written. */
export type UnitFailure = { readonly file: string; readonly line: number } & (
  | {
      readonly kind: 'member'
      readonly segment: string
      readonly who: string
      readonly expected: 'in' | 'out'
      readonly got: 'in' | 'out' | 'held_out'
      /** The lines of the segment that decided: those that are not true, or of a member all; none where `split`,
       * `limit` or `waterfall` did. */
      readonly decided: readonly DecidedLine[]
    }
  | {
      readonly kind: 'variant'
      readonly segment: string
      readonly who: string
      readonly expected: string
      /** Null: of the segment, but in none; or no member. */
      readonly got: string | null
    }
  | {
      readonly kind: 'count'
      readonly of: 'segment' | 'entity'
      readonly name: string
      readonly expected: number
      readonly got: number
    }
  | {
      readonly kind: 'same' | 'apart'
      readonly entity: string
      readonly who: readonly [string, string]
      /** What ties the two, or keeps them apart, as `cdp explain` says it; null where it is not known. */
      readonly why: Explanation | null
    }
  | {
      readonly kind: 'trait'
      readonly entity: string
      readonly who: string
      readonly trait: string
      readonly expected: string | null
      readonly got: string | null
    }
  | { readonly kind: 'undecided'; readonly message: string; readonly fix: string | null }
)
