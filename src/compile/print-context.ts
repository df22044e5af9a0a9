import type { Event, Target } from '../project/language.ts'
import type { Dialect, ValueType } from '../sql/dialect.ts'
import { column, type Sql } from '../sql/sql.ts'
import { type Context, NOW } from './context.ts'
import { eventColumn } from './events.ts'

/** What the names of an expression are in the statement that it becomes part of. */
export interface PrintContext {
  readonly dialect: Dialect
  /** IANA zone in which days, `today` and `start of …` are meant. */
  readonly timezone: string
  /** The business time as an instant. */
  readonly now: Sql
  /** A column of the statement; one name or `alias.name`. */
  name(to: Target, type: ValueType): Sql
  /** Whether the person did it: a boolean that is never null, closed in itself. */
  event(event: Event): Sql
  /** Whether the person is a member of a segment: a boolean that is never null, closed in itself. */
  member(segment: string): Sql
}

/**
 * How conditions on people print where a profile has the alias `p` and what was decided about it the alias `answers`;
 * `member` names the column that says whether somebody is in a segment.
 */
export function personContext(
  context: Context,
  answers: string,
  member: (segment: string) => string = memberColumn,
): PrintContext {
  return {
    dialect: context.dialect,
    timezone: context.project.timezone,
    now: NOW,
    name: (to) => column('p', to.kind === 'trait' ? to.trait : to.column),
    event: (event) => column(answers, eventColumn(event)),
    member: (segment) => column(answers, member(segment)),
  }
}

/** The column of a segment where traits stand beside it, which may bear the same name. */
export function memberColumn(segment: string): string {
  return `in_${segment}`
}
