import type { Diagnostic } from '../error.ts'
import type { PlanCounts } from './ledger.ts'

/** A limit that stops a sync before it sends. */
export type GuardName =
  | 'empty_audience'
  | 'max_removed'
  | 'max_changed'
  | 'max_invalid'
  | 'max_creates'
  | 'max_calls'
  | 'environment'
  | 'consent'
  | 'key'
  | 'mapping'

/** Why a plan must not be sent. */
export interface Breach {
  readonly guard: GuardName
  /** What is, with the numbers, and where to look. */
  readonly message: string
  /** How to go on. */
  readonly fix: string
}

/** A breach as the report has it: `held`: removals wait for that reason; `overridden`: it was sent all the same. */
export interface BreachNote extends Breach {
  readonly effect: 'blocked' | 'held' | 'overridden'
}

/** How the mapping differs from that under which rows were acknowledged, and what that does to the plan. */
export interface MappingNote {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  /** resync: all that differ are sent. rebase: those whose data is the same are not. ask: nothing is, before one is chosen. */
  readonly way: 'resync' | 'rebase' | 'ask'
  /** Rows that differ for that reason alone; of a resync all updates, because nobody looked. */
  readonly rows: number
  /** About how many calls these rows take; null where the limits are not known. */
  readonly calls: number | null
}

/** A plan, and what is to be said of it before anything is sent. */
export interface Judged {
  readonly counts: PlanCounts
  /** What speaks against sending, all of it: the plan is blocked, unless somebody overrides that. */
  readonly breaches: readonly Breach[]
  /** Why its removals are held back. */
  readonly held: Breach | undefined
  readonly mapping: MappingNote | undefined
  /** What else a reader should know of it. */
  readonly notes?: readonly Diagnostic[]
}
