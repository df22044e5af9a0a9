import type { Condition } from '../project/language.ts'
import type { Segment } from '../project/project.ts'
import { eventsIn, membershipsIn, pastMembershipsIn, sequencesIn } from '../project/references.ts'
import { hasVariantColumn, variantColumn } from '../project/segment-people.ts'
import { from, id, lines, type Sql, sql, stacked } from '../sql/sql.ts'
import { mayColumn } from './barred.ts'
import type { Context } from './context.ts'
import { eventColumn, pastColumn, sequenceColumn } from './events.ts'
import { groupJoins } from './groups.ts'
import { profileTable, segmentsTable } from './names.ts'
import { memberColumn } from './print-context.ts'

/** What is asked about people: a condition, and of which segments they are members. */
export interface Asked {
  readonly entity: string
  readonly where: Condition | undefined
  readonly segments: readonly string[]
}

/**
 * What stands behind `from`: the profiles `p`, what was decided about them (`s`, where anything is asked of it) and the
 * groups that they belong to, exactly one row a profile. Names are those of `personContext(context, 's')`.
 */
export function peopleFrom(context: Context, { entity, where, segments }: Asked): Sql {
  const { project } = context
  const profiles = stacked([sql`${from(profileTable(project, entity))} as p`, ...groupJoins(context, where)])
  const members = new Set([...segments, ...membershipsIn(where)])
  const purposes = new Set([...members].flatMap((name) => project.segments.get(name)?.purpose ?? []))
  const events = new Set([
    ...[...eventsIn(where)].map(eventColumn),
    ...[...sequencesIn(where)].map(sequenceColumn),
    ...[...pastMembershipsIn(where)].map(pastColumn),
  ])
  if (members.size + events.size === 0) return profiles
  // Under names of their own, so that a bare name in an analyst's SQL can only mean a trait.
  const answers = [
    sql`profile_id as member_id`,
    ...[...members].flatMap((name) => answersOf(project.segments.get(name), name)),
    ...[...events].map(id),
    ...[...purposes].map((purpose) => id(mayColumn(purpose))),
  ]
  return sql`
    ${profiles}
    join (
      select
        ${lines(answers)}
      from ${from(segmentsTable(project, entity))}
    ) as s on s.member_id = p.profile_id`
}

/** Whether people are members of a segment, and of which variant where it has any. */
function answersOf(segment: Segment | undefined, name: string): readonly Sql[] {
  const member = sql`${id(name)} as ${id(memberColumn(name))}`
  return segment && hasVariantColumn(segment) ? [member, id(variantColumn(name))] : [member]
}
