import type { At } from '../error.ts'
import type { DatePart, Unit, ValueType } from '../sql/dialect.ts'

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
  /** Which of several texts a list holds, or a text contains: any of them, or all. */
  | {
      readonly kind: 'holds'
      readonly how: 'any' | 'all'
      readonly left: Expression
      readonly values: readonly string[]
      readonly negated: boolean
    }
  | { readonly kind: 'isNull'; readonly of: Expression; readonly negated: boolean }
  /** Null, '' or a list without entries; never null itself. */
  | { readonly kind: 'isEmpty'; readonly of: Expression; readonly negated: boolean }
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
  | DatePart

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
  /** `through`: the parents on the way to `source`, nearest first; absent where the row itself belongs to it. */
  | {
      readonly kind: 'parent'
      readonly source: string
      readonly column: string
      readonly through?: readonly string[]
    }
  | { readonly kind: 'trait'; readonly entity: string; readonly trait: string }
  /** A trait of the group (`of:`) that the person belongs to; null for those who belong to none. */
  | { readonly kind: 'group'; readonly entity: string; readonly trait: string }

/** A whole `where:`. A list is `all`. */
export type Condition =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'test'; readonly expression: Expression; readonly at: At }
  | { readonly kind: 'did'; readonly event: Event; readonly negated: boolean; readonly at: At }
  /** `did … then …`: true or false, never null. */
  | { readonly kind: 'sequence'; readonly sequence: Sequence; readonly negated: boolean; readonly at: At }
  /** `variant`: of those whom the segment splits its members into; undefined = any. */
  | {
      readonly kind: 'member_of'
      readonly segment: string
      readonly variant?: string | undefined
      readonly at: At
    }
  /** In what was published before: a membership that overlaps the window, which ends at the business time. */
  | { readonly kind: 'was_member_of'; readonly membership: PastMembership; readonly at: At }
  /** One expression of the warehouse's own SQL, parsed as such and otherwise unchanged. */
  | { readonly kind: 'sql'; readonly text: string; readonly at: At }

/**
 * A condition on the rows of a source that belong to the profile: an anonymous trait. `did` is true when the measure
 * is within the bounds (default: at least 1 row), `did_not` when it is not; neither is ever null.
 */
export interface Event extends Window {
  readonly source: string
  readonly where: Condition | undefined
  readonly measure:
    | { readonly kind: 'rows' }
    | { readonly kind: 'sum' | 'avg' | 'min' | 'max' | 'count_distinct'; readonly of: Expression }
  readonly bounds: { readonly atLeast?: string; readonly atMost?: string; readonly exactly?: string }
  /** When the first and the last of the rows that count happened: then there must be one. Names are traits alone. */
  readonly first: Window | undefined
  readonly last: Window | undefined
  /** True when a condition or time speaks of a trait: such an event is measured after the traits exist. */
  readonly needsProfile: boolean
}

/** When something happened: all that is said holds. `within`: up to the business time. */
export interface Window {
  readonly within: Duration | undefined
  readonly after: Expression | undefined
  readonly before: Expression | undefined
}

/**
 * Rows of the profile that follow each other in time, each later than the one before, up to the business time: at
 * least two steps.
 */
export interface Sequence {
  readonly steps: readonly SequenceStep[]
  /** True when a condition or time in it speaks of a trait. */
  readonly needsProfile: boolean
}

/** Rows of a source that fulfil a condition, as they stand in a sequence. */
export interface Follower {
  readonly source: string
  readonly where: Condition | undefined
}

export interface SequenceStep extends Follower {
  /** Of the first step: how far before the business time. Of each other: how long after the row of the step before. */
  readonly within: Duration | undefined
  /** Of the first step alone. */
  readonly after: Expression | undefined
  readonly before: Expression | undefined
  /** No row of these lies between the row of the step before and this one. */
  readonly without: readonly Follower[]
  /** Of the last step alone: no such row follows within the time, and that time is over; without one, none at all. */
  readonly negated: boolean
}

/** A membership of a segment at some time in the window; of any time where it says nothing. */
export interface PastMembership extends Window {
  readonly segment: string
}

/** `90 days`. */
export interface Duration {
  readonly amount: number
  readonly unit: Unit
}
