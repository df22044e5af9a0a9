import type { Event, PastMembership, Sequence, Target } from '../project/language.ts'
import { variantColumn } from '../project/segment-people.ts'
import type { Dialect, ValueType } from '../sql/dialect.ts'
import { column, type Sql, sql, text } from '../sql/sql.ts'
import { type Context, NOW } from './context.ts'
import { eventColumn, pastColumn, sequenceColumn } from './events.ts'
import { groupAlias, traitOfGroup } from './groups.ts'

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
  /** Whether rows of the person followed each other so: a boolean that is never null, closed in itself. */
  sequence(sequence: Sequence): Sql
  /** Whether the person is a member of a segment, or in a variant of it: a boolean, never null, closed in itself. */
  member(segment: string, variant?: string): Sql
  /** Whether the person was a member before: a boolean that is never null, closed in itself. */
  wasMember(past: PastMembership): Sql
}

/**
 * How conditions on people print where a profile has the alias `p` and what was decided about it the alias `answers`;
 * see `peopleFrom`. `group` is the alias of the columns that `groupJoins` adds.
 */
export function personContext(
  context: Context,
  answers: string,
  group: (group: string) => string = groupAlias,
): PrintContext {
  return {
    dialect: context.dialect,
    timezone: context.project.timezone,
    now: NOW,
    name: (to) => {
      if (to.kind === 'group') return column(group(to.entity), traitOfGroup(to.entity, to.trait))
      return column('p', to.kind === 'trait' ? to.trait : to.column)
    },
    event: (event) => column(answers, eventColumn(event)),
    sequence: (sequence) => column(answers, sequenceColumn(sequence)),
    member: (segment, variant) =>
      variant === undefined
        ? column(answers, memberColumn(segment))
        : sql`coalesce(${column(answers, variantColumn(segment))} = ${text(variant)}, false)`,
    wasMember: (past) => column(answers, pastColumn(past)),
  }
}

/** The column of a segment where traits stand beside it, which may bear the same name. */
export function memberColumn(segment: string): string {
  return `in_${segment}`
}
