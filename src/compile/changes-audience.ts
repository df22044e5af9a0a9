import type { Sync } from '../project/project.ts'
import { from, join, lines, type Steps, sql } from '../sql/sql.ts'
import type { Audience } from './audience.ts'
import { addBarred } from './barred.ts'
import { addRowAudience } from './changes-rows.ts'
import { printCondition } from './condition.ts'
import { namingTraits } from './consent.ts'
import type { Context } from './context.ts'
import { clockTable, profileTable } from './names.ts'
import { peopleFrom } from './people.ts'
import { personContext } from './print-context.ts'

/** Adds the step that says who may not be contacted, and gives what the audience is selected from. */
export function addAudience(
  steps: Steps,
  { context, sync, matchFields }: { context: Context; sync: Sync; matchFields: ReadonlySet<string> },
): Audience {
  const { entity: name, rows } = sync
  if (rows !== undefined) return addRowAudience(steps, context, { ...sync, rows }, matchFields)
  const print = personContext(context, 's')
  const tests = [
    ...(sync.segment === undefined ? [] : [print.member(sync.segment, sync.variant)]),
    ...(sync.where === undefined ? [] : [sql`(${printCondition(sync.where, print)})`]),
  ]
  const excludes = sync.exclude.map((segment) => print.member(segment))
  const segments = [...(sync.segment === undefined ? [] : [sync.segment]), ...sync.exclude]
  const entity = context.project.entities.get(name ?? '')
  if (entity === undefined) throw new Error(`entity ${name} was not resolved`)
  const barred = addBarred(steps, context, entity, { purpose: sync.purpose, traits: namingTraits(sync, matchFields) })
  return {
    print,
    included: excludes.length === 0 ? sql`true` : sql`not (${join(excludes, ' or ')})`,
    isBarred: sql`barred.barred_id is not null`,
    reason: sql`barred.barred_for`,
    barred,
    person: sql`p.profile_id`,
    owner: (holder) => sql`coalesce(m.profile_id, ${holder})`,
    distinct: (people) => people,
    values: {
      table: from(profileTable(context.project, entity.name)),
      id: sql`profile_id`,
      name: sql`sent_profile`,
      on: sql`p.profile_id = c.sent_profile`,
      own: sql`p.profile_id`,
    },
    select: (columns, ...where) => {
      const all = [...tests, ...where]
      // Names of their own, so that a bare name in an analyst's SQL can only mean a trait.
      return sql`
        select
          ${lines(columns)}
        from ${peopleFrom(context, { entity: entity.name, where: sync.where, segments })}
        left join (
          select profile_id as barred_id, reason as barred_for
          from ${barred}
        ) as barred on barred.barred_id = p.profile_id
        cross join ${from(clockTable(context.project))} as clock
        where ${join(all.length === 0 ? [sql`true`] : all, ' and ', 0)}`
    },
  }
}
