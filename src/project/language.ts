import type { At } from '../error.ts'
import type { Unit, ValueType } from '../sql/dialect.ts'

/**
 * The tree of an expression after names were resolved. Positions are kept where a later stage can still complain.
 * Times: an `instant` is relative to the business time of the build (`now`), never to the machine's clock.
 */
export type Expression =
  | { readonly kind: 'text'; readonly value: string }
  /** As written (`08`, `1e3`): printed bare only where it meets a number, else as text. */
  | { readonly kind: 'number'; readonly value: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' }
  /** A bare word or number right of an operator in `where:`, whose type is taken from the other side. */
  | { readonly kind: 'untyped'; readonly value: string }
  | { readonly kind: 'date'; readonly iso: string }
  | { readonly kind: 'instant'; readonly iso: string }
  /** The business time, moved: `now`, `90 days ago` (-90), `7 days from now` (7). */
  | { readonly kind: 'now'; readonly amount: number; readonly unit: Unit }
  /** The day of the business time: a date. */
  | { readonly kind: 'today' }
  /** The instant at which the day, week, month … of the business time began: `start of month`. */
  | { readonly kind: 'startOf'; readonly unit: Unit }
  | Reference
  | { readonly kind: 'call'; readonly name: FunctionName; readonly args: readonly Expression[] }
  | { readonly kind: 'negate'; readonly of: Expression }
  | {
      readonly kind: 'arithmetic'
      readonly op: '+' | '-' | '*' | '/'
      readonly left: Expression
      readonly right: Expression
    }
  | { readonly kind: 'shift'; readonly time: Expression; readonly amount: number; readonly unit: Unit }
  | { readonly kind: 'truncate'; readonly unit: Unit; readonly time: Expression }
  | { readonly kind: 'compare'; readonly op: Comparison; readonly left: Expression; readonly right: Expression }
  | {
      readonly kind: 'in'
      readonly left: Expression
      readonly values: readonly Expression[]
      readonly negated: boolean
    }
  | {
      readonly kind: 'between'
      readonly left: Expression
      readonly low: Expression
      readonly high: Expression
      readonly negated: boolean
    }
  | {
      readonly kind: 'pattern'
      readonly how: Pattern
      readonly left: Expression
      readonly right: string
      readonly negated: boolean
    }
  | { readonly kind: 'isNull'; readonly of: Expression; readonly negated: boolean }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Expression[] }
  | { readonly kind: 'not'; readonly of: Expression }
  | {
      readonly kind: 'case'
      readonly when: readonly { readonly test: Expression; readonly value: Expression }[]
      readonly otherwise: Expression | undefined
    }

export type Comparison = '=' | '!=' | '>' | '>=' | '<' | '<='

export type Pattern = 'like' | 'contains' | 'starts with' | 'ends with' | 'matches'

export type FunctionName =
  | 'coalesce'
  | 'nullif'
  | 'least'
  | 'greatest'
  | 'round'
  | 'abs'
  | 'lower'
  | 'upper'
  | 'trim'
  | 'concat'
  | 'substring'
  | 'length'
  | 'days_between'

/** A resolved name. */
export type Reference = {
  readonly kind: 'reference'
  readonly to: Target
  readonly type: ValueType
  readonly at: At
}

/** What a name stands for: a column of the source at hand, of one of its parents (`belongs_to`), or a trait. */
export type Target =
  | { readonly kind: 'column'; readonly column: string }
  | { readonly kind: 'parent'; readonly source: string; readonly column: string }
  | { readonly kind: 'trait'; readonly entity: string; readonly trait: string }

/** A whole `where:`. A list is `all`. */
export type Condition =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'test'; readonly expression: Expression; readonly at: At }
  | { readonly kind: 'did'; readonly event: Event; readonly negated: boolean; readonly at: At }
  | { readonly kind: 'member_of'; readonly segment: string; readonly at: At }
  /** One expression of the warehouse's own SQL, parsed as such and otherwise unchanged. */
  | { readonly kind: 'sql'; readonly text: string; readonly at: At }

/**
 * A condition on the rows of a source that belong to the profile: an anonymous trait. `did` is true when the measure
 * is within the bounds (default: at least 1 row), `did_not` when it is not; neither is ever null.
 */
export interface Event {
  readonly source: string
  readonly where: Condition | undefined
  readonly within: Duration | undefined
  readonly after: Expression | undefined
  readonly before: Expression | undefined
  readonly measure: { readonly kind: 'rows' } | { readonly kind: 'sum' | 'min' | 'max'; readonly of: Expression }
  readonly bounds: { readonly atLeast?: string; readonly atMost?: string; readonly exactly?: string }
  /** True when `where`, `after` or `before` speaks of a trait: such a condition is measured after the traits exist. */
  readonly needsProfile: boolean
}

/** `90 days`. */
export interface Duration {
  readonly amount: number
  readonly unit: Unit
}
