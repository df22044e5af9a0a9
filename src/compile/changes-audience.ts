import type { Sync } from '../project/project.ts'
import { eventsIn, membershipsIn } from '../project/references.ts'
import { from, id, join, lines, type Sql, sql } from '../sql/sql.ts'
import { printCondition } from './condition.ts'
import type { Context } from './context.ts'
import { eventColumn } from './events.ts'
import { clockTable, profileTable, segmentsTable } from './names.ts'
import type { PrintContext } from './print-context.ts'
import { memberColumn, personContext } from './print-context.ts'

/** Whom a sync speaks of, before anything is compared. */
export interface Audience {
  /** A select over everybody on whom segment and condition are true; `p` is the profile. */
  select(columns: readonly Sql[], ...where: readonly Sql[]): Sql
  /** True for those whom no exclude takes out; never null. */
  readonly included: Sql
  /** How expressions name things in such a select. */
  readonly print: PrintContext
}

export function audienceOf(context: Context, sync: Sync): Audience {
  const print = personContext(context, 's')
  const tests = [
    ...(sync.segment === undefined ? [] : [print.member(sync.segment)]),
    ...(sync.where === undefined ? [] : [sql`(${printCondition(sync.where, print)})`]),
  ]
  const excludes = sync.exclude.map((segment) => print.member(segment))
  return {
    print,
    included: excludes.length === 0 ? sql`true` : sql`not (${join(excludes, ' or ')})`,
    select: (columns, ...where) => {
      const all = [...tests, ...where]
      return sql`
        select
          ${lines(columns)}
        from ${people(context, sync)}
        cross join ${from(clockTable(context.project))} as clock
        where ${join(all.length === 0 ? [sql`true`] : all, ' and ', 0)}`
    },
  }
}

/** The profiles and what was decided about them: exactly one row a profile. */
function people({ project }: Context, sync: Sync): Sql {
  const profiles = sql`${from(profileTable(project, sync.entity))} as p`
  const members = new Set([
    ...(sync.segment === undefined ? [] : [sync.segment]),
    ...(sync.where === undefined ? [] : membershipsIn(sync.where)),
    ...sync.exclude,
  ])
  const events = new Set(sync.where === undefined ? [] : [...eventsIn(sync.where)].map(eventColumn))
  if (members.size + events.size === 0) return profiles
  // Under names of their own, so that a bare name in an analyst's SQL can only mean a trait.
  const answers = [
    sql`profile_id as member_id`,
    ...[...members].map((segment) => sql`${id(segment)} as ${id(memberColumn(segment))}`),
    ...[...events].map(id),
  ]
  return sql`
    ${profiles}
    join (
      select
        ${lines(answers)}
      from ${from(segmentsTable(project, sync.entity))}
    ) as s on s.member_id = p.profile_id`
}
