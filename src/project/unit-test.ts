import type { At } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import type { Expression } from './language.ts'

/** The unit tests of a project, in the order of its files, and what the sources look like in all of them. */
export interface UnitTests {
  readonly tests: ReadonlyMap<string, UnitTest>
  /** By source; lists of identifiers (`always_merge`, `never_merge`) are in it, too. */
  readonly columns: ReadonlyMap<string, GivenColumns>
}

export const NO_UNIT_TESTS: UnitTests = { tests: new Map(), columns: new Map() }

/** One entry of `tests:`: invented rows, and what the models must make of them. */
export interface UnitTest {
  /** A sentence. */
  readonly name: string
  readonly at: At
  readonly tags: readonly string[]
  /** The business time: ISO 8601 with zone. */
  readonly now: string
  /** Values that replace those of `vars:`; the test then speaks of the project as they make it. */
  readonly vars: Readonly<Record<string, string>>
  /** Source → its rows. A source that is left out is empty. */
  readonly given: ReadonlyMap<string, readonly GivenRow[]>
  /** What is remembered of segments from before. */
  readonly before: readonly PastMember[]
  /** In the order in which they are written; at least one. */
  readonly expect: readonly Expectation[]
}

/** A row by column; a column that is left out is null. */
export type GivenRow = ReadonlyMap<string, GivenValue>

/** A value as the type of its column: text, number, boolean, null, a time (see `now`), or a list of texts. */
export type GivenValue = Expression | { readonly kind: 'list'; readonly items: readonly string[] }

/** The columns of a source in tests, those that no row names included, in a stable order. */
export type GivenColumns = ReadonlyMap<string, Exclude<ValueType, 'unknown'>>

/** Somebody who is named by an identifier, by `type:value`, or by the key of a row without identifiers. */
export interface Who {
  readonly text: string
  readonly at: At
}

/** A membership that was published before the test. */
export interface PastMember {
  readonly entity: string
  readonly segment: string
  readonly who: Who
  readonly from: Expression
  /** Undefined: it lasts. */
  readonly to: Expression | undefined
}

export type Expectation =
  | { readonly kind: 'member'; readonly segment: string; readonly who: Who; readonly isIn: boolean }
  | { readonly kind: 'variant'; readonly segment: string; readonly who: Who; readonly variant: string; readonly at: At }
  /** How many members a segment has, or profiles an entity. */
  | {
      readonly kind: 'count'
      readonly of: 'segment' | 'entity'
      readonly name: string
      readonly count: number
      readonly at: At
    }
  /** `same`: all of them are one profile. `apart`: no two of them are. */
  | { readonly kind: 'same' | 'apart'; readonly entity: string; readonly who: readonly Who[] }
  | {
      readonly kind: 'trait'
      readonly entity: string
      readonly who: Who
      readonly trait: string
      readonly expected: ExpectedValue
      readonly at: At
    }

/** What a trait must be, before its type is known: the warehouse says it. */
export interface ExpectedValue {
  /** As written; null for null. */
  readonly text: string | null
  /** The entries of a list. */
  readonly items: readonly string[] | undefined
  /** The text as a time, where it is one. */
  readonly time: Expression | undefined
}
