import type { Entity, Source } from '../../project/project.ts'
import { column, id, join, type Sql, Steps, sql, unionAll } from '../../sql/sql.ts'
import { type Context, making } from '../context.ts'
import type { Step } from '../model.ts'
import { firstOf, identifierColumns } from '../rows.ts'
import { evidence, type Graph, joiningColumns, MEMBER } from './evidence.ts'
import { identifiersNow, joiningNow, profileIdsNow } from './overlay.ts'
import { memberEntity } from './ownership.ts'
import { membersTable } from './tables.ts'

/** The step that says which group each member belongs to; none where the entity is no group. */
export function memberSteps(context: Context, graph: Graph): readonly Step[] {
  const { entity } = graph
  const member = memberEntity(context, entity)
  if (member === undefined) return []
  const reason = `which ${entity.name} each ${member.name} belongs to: where the newest row says (one row a ${member.name})`
  const query = members(context, graph, member)
  return [making(context, membersTable(context, entity), `${entity.name} members`, reason, query)]
}

function members(context: Context, graph: Graph, member: Entity): Sql {
  const { entity } = graph
  const steps = new Steps()
  const last = (table: string, name: string) => sql`${context.dialect.textOrder(column(table, name))} desc`
  const each = graph.sources.map((source) => seenTogether(steps, context, graph, source))
  const together = steps.add(
    'seen_together',
    `a ${member.name} and the strongest identifier that joins, in the same row`,
    unionAll(each),
  )
  const ranked = steps.add(
    'ranked',
    'the newest row first; of equals the greater key, then the greater value',
    sql`
      select
        s.${id(MEMBER)}, n.profile,
        min(s.first_seen_at) over (partition by s.${id(MEMBER)}, n.profile) as first_seen_at,
        max(s.last_seen_at) over (partition by s.${id(MEMBER)}, n.profile) as last_seen_at,
        row_number() over (
          partition by s.${id(MEMBER)}
          order by s.last_seen_at desc nulls last, ${last('s', 'row_key')} nulls last, ${last('i', 'value')}, ${last('i', 'type')}
        ) as place
      from ${together} as s
      join (
        ${joiningNow(context, entity)}
      ) as n on n.node_id = s.node_id
      join (
        ${identifiersNow(context, entity)}
      ) as i on i.node_id = s.node_id`,
  )
  return steps.select(sql`
    select mine.profile_id, member.profile_id as member_id, r.first_seen_at, r.last_seen_at
    from ${ranked} as r
    join (
      ${profileIdsNow(context, entity)}
    ) as mine on mine.anchor = r.profile
    join (
      ${profileIdsNow(context, member)}
    ) as member on member.anchor = r.${id(MEMBER)}
    where r.place = 1`)
}

function seenTogether(steps: Steps, context: Context, graph: Graph, source: Source): Sql {
  const { entity } = graph
  const held = steps.add(
    `${source.name}_held`,
    `what rows of ${source.name} hold`,
    evidence(context, graph, source, 'row_key', 'first_seen_at', 'last_seen_at'),
  )
  const kept = [MEMBER, 'row_key', 'first_seen_at', 'last_seen_at']
  const joining = steps.add(
    `${source.name}_joining`,
    'their identifiers that join, strongest first',
    joiningColumns(
      context,
      graph,
      source,
      held,
      kept.map((name) => column('s', name)),
    ),
  )
  const strongest = firstOf(identifierColumns(source, entity).map((_, index) => id(`n${index + 1}`)))
  return sql`
    select ${join([sql`${strongest} as node_id`, ...kept.map(id)])}
    from ${joining}
    where ${id(MEMBER)} <> 0`
}
