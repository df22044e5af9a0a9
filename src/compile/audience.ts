import type { Sql } from '../sql/sql.ts'
import type { PrintContext } from './print-context.ts'

/** What a sync speaks of before anything is compared: people, or the rows of a source. */
export interface Audience {
  /** A select over all on which segment and condition are true; `p` is the profile or the row. */
  select(columns: readonly Sql[], ...where: readonly Sql[]): Sql
  /** True for those whom no exclude takes out; never null. */
  readonly included: Sql
  /** True for those who may not be contacted; never null. */
  readonly isBarred: Sql
  /** Why somebody may not be contacted: suppressed or consent; null for all others. */
  readonly reason: Sql
  /** Name of the step of everybody of the entity who may not be contacted: see `addBarred`. */
  readonly barred: Sql
  /** How expressions name things in such a select. */
  readonly print: PrintContext
  /** `profile_id` in such a select: whose `p` is; null where it is nobody's. */
  readonly person: Sql
  /** Whose a compared row is: `m` of the audience, or where it has left, `s` that was acknowledged. */
  owner(holder: Sql): Sql
  /** Of selects of `person`, each person once. */
  distinct(people: Sql): Sql
  /** Where the values are that are sent for a row of a plan. */
  readonly values: SentValues
}

export interface SentValues {
  readonly table: Sql
  /** Which of them it is: an expression over the compared rows, null for none … */
  readonly id: Sql
  /** … the name under which it is carried on … */
  readonly name: Sql
  /** … and the join that finds exactly one row `p` for a compared row `c` that has it. */
  readonly on: Sql
  /** A column of `p` that is null only where nothing was found. */
  readonly own: Sql
}
