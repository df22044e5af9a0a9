import { createHash } from 'node:crypto'
import type { Entity, Segment } from '../project/project.ts'
import { from, id, join, type Sql, Steps, sql, stacked, text, unionAll } from '../sql/sql.ts'
import type { Context } from './context.ts'
import { segmentsTable } from './names.ts'
import { publishedHistory } from './segment-names.ts'
import { members, movedTable, segmentsOf } from './segment-tables.ts'

/**
 * (profile_id): whose segments differ from those that were published. Every segment has a weight, drawn from its name
 * over 52 bits: the sums of two sets of segments are as unlikely to agree as two such numbers. One number a profile is
 * compared, not one row a membership, of which there are many times as many.
 */
export function movedQuery(context: Context, entity: Entity): Sql {
  const segments = segmentsOf(context, entity)
  const steps = new Steps()
  const weights = steps.add(
    'weights',
    'a number a segment (one row a segment)',
    unionAll(segments.map((one) => sql`select ${text(one.name)} as segment, ${weight(one)} as weight`)),
  )
  const before = steps.add(
    'before',
    'of which segments everybody was a member when it was last published; of those that are gone, too',
    sql`
      select h.profile_id, sum(coalesce(w.weight, 1)) as mark
      from (
        ${publishedHistory(context, entity)}
      ) as h
      left join ${weights} as w on w.segment = h.segment
      where h.left_at is null
      group by h.profile_id`,
  )
  const mine = segments.map((one) => sql`case when ${id(one.name)} then ${weight(one)} else 0 end`)
  const now = steps.add(
    'now',
    'of which everybody is a member in this build',
    sql`
      select
        profile_id,
        ${stacked(mine.map((one, index) => (index === 0 ? one : sql`+ ${one}`)))} as mark
      from ${from(segmentsTable(context.project, entity.name))}`,
  )
  return steps.select(sql`
    select coalesce(n.profile_id, b.profile_id) as profile_id
    from ${now} as n
    full join ${before} as b on b.profile_id = n.profile_id
    where coalesce(n.mark, 0) <> coalesce(b.mark, 0)`)
}

function weight({ name }: Segment): Sql {
  return sql`${Number.parseInt(createHash('sha256').update(name).digest('hex').slice(0, 13), 16)}`
}

/** (segment, profile_id): who was a member when it was last published, and is none in this build. */
export function leftQuery(context: Context, entity: Entity): Sql {
  const steps = new Steps()
  const before = steps.add('before', 'what those who moved were members of', stays(context, entity))
  const people = sql`select distinct profile_id from ${before}`
  const now = steps.add('members', 'what these are members of in this build', membersAmong(context, entity, people))
  return steps.select(sql`
    select b.segment, b.profile_id
    from ${before} as b
    left join ${now} as m on m.segment = b.segment and m.profile_id = b.profile_id
    where m.profile_id is null`)
}

/** (segment, profile_id): the published memberships that last, of those who moved. */
function stays(context: Context, entity: Entity): Sql {
  return sql`
    select h.segment, h.profile_id
    from (
      ${publishedHistory(context, entity)}
    ) as h
    join ${from(movedTable(context, entity))} as moved on moved.profile_id = h.profile_id
    where h.left_at is null`
}

/** (segment, profile_id): of what those who moved are members in this build. */
export function movedMembers(context: Context, entity: Entity): Sql {
  return membersAmong(context, entity, sql`select profile_id from ${from(movedTable(context, entity))}`)
}

function membersAmong(context: Context, entity: Entity, people: Sql): Sql {
  const rows = sql`
    (
      select ${join([sql`s.profile_id`, ...segmentsOf(context, entity).map(({ name }) => sql`s.${id(name)}`)])}
      from ${from(segmentsTable(context.project, entity.name))} as s
      join (
        ${people}
      ) as among on among.profile_id = s.profile_id
    )`
  return members(context, entity, rows)
}
