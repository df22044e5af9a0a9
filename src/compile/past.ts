import type { PastMembership } from '../project/language.ts'
import type { Entity, Project } from '../project/project.ts'
import { pastMembershipsIn, referencesIn } from '../project/references.ts'
import { from, id, join, lines, type Sql, Steps, sql, stacked, type Table, text } from '../sql/sql.ts'
import { type Context, NOW } from './context.ts'
import { conditionsOf, pastColumn } from './events.ts'
import { groupJoins } from './groups.ts'
import { usedIdsNow } from './identity/overlay.ts'
import { buildTable, clockTable, profileTable } from './names.ts'
import { personContext } from './print-context.ts'
import { publishedHistory } from './segment-names.ts'
import { inWindow } from './window.ts'

/** What segments and syncs of an entity ask of the past, each once, by column. */
export function pastsOf(project: Project, entity: Entity): ReadonlyMap<string, PastMembership> {
  const pasts = conditionsOf(project, entity).flatMap((condition) => [...pastMembershipsIn(condition)])
  return new Map(pasts.map((past) => [pastColumn(past), past]))
}

/** A row per profile that was ever a member of one of these segments: profile_id, then a boolean for each question. */
export function pastTable(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_past')
}

/** All questions about the past in one pass over the published history. */
export function pastQuery(context: Context, entity: Entity): Sql {
  const { project, dialect } = context
  const pasts = pastsOf(project, entity)
  const segments = [...new Set([...pasts.values()].map(({ segment }) => segment))].sort()
  const steps = new Steps()
  const memberships = steps.add(
    'memberships',
    'those that were published, under the ids of today (an id in use, or one that was merged into it)',
    sql`
      select ids.used_id as profile_id, h.segment, h.entered_at, h.left_at
      from (
        ${publishedHistory(context, entity)}
      ) as h
      join (
        ${usedIdsNow(context, entity)}
      ) as ids on ids.profile_id = h.profile_id
      where h.segment in (${join(segments.map(text))})`,
  )
  const asked = [...pasts].map(([name, past]) => sql`${dialect.anyRow(overlap(context, past))} as ${id(name)}`)
  return steps.select(sql`
    select
      ${lines([sql`h.profile_id`, ...asked])}
    from ${memberships} as h
    ${stacked([
      sql`cross join ${from(clockTable(project))} as clock`,
      ...(speaksOfTraits(pasts) ? [profileOf(context, entity)] : []),
      ...groupJoins(context, [...pasts.values()]),
    ])}
    group by h.profile_id`)
}

function profileOf({ project }: Context, entity: Entity): Sql {
  return sql`left join ${from(profileTable(project, entity.name))} as p on p.profile_id = h.profile_id`
}

function speaksOfTraits(pasts: ReadonlyMap<string, PastMembership>): boolean {
  return ![...referencesIn([...pasts.values()])].every(({ to }) => to.kind === 'column')
}

/** True of a membership that somebody had at a time in the window, which ends now. */
function overlap(context: Context, { segment, within, after, before }: PastMembership): Sql {
  const print = personContext(context, 'h')
  // Who is a member still has been one until now.
  const end = sql`coalesce(h.left_at, ${NOW})`
  const tests = [
    sql`h.segment = ${text(segment)}`,
    sql`h.entered_at <= ${NOW}`,
    ...(within === undefined ? [] : [sql`${end} > ${context.dialect.shift(NOW, -within.amount, within.unit)}`]),
    ...inWindow(end, { after }, print),
    ...inWindow(sql`h.entered_at`, { before }, print),
  ]
  return join(tests, ' and ', 0)
}
