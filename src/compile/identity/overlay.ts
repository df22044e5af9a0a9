import type { Entity } from '../../project/project.ts'
import { from, type Sql, sql, unionAll } from '../../sql/sql.ts'
import type { Context } from '../context.ts'
import { hasRowNodes } from '../rows.ts'
import { graphState, graphTable, idsState, valuesState } from './tables.ts'

/*
 * The graph as a build sees it: what is stored, with the build's changes laid over it. These queries hold until the
 * build is published; then the state alone says the same.
 */

/** (node_id, type, value): every identifier that was ever seen, those of this build included. */
export function identifiersNow(context: Context, entity: Entity): Sql {
  const fresh = (what: 'values' | 'lone') => sql`
    select node_id, type, value
    from ${from(graphTable(context, entity, what))}
    where is_new`
  return unionAll([
    sql`
      select node_id, type, value
      from ${from(valuesState(context, entity))}`,
    fresh('values'),
    ...(hasLone(context, entity) ? [fresh('lone')] : []),
  ])
}

/** (node_id, first_seen_at, last_seen_at, profile): every identifier that joins, with the anchor of its profile. */
export function joiningNow(context: Context, entity: Entity): Sql {
  const changes = from(graphTable(context, entity, 'graph'))
  return unionAll([
    sql`
      select g.node_id, g.first_seen_at, g.last_seen_at, g.profile
      from ${from(graphState(context, entity))} as g
      left join ${changes} as c on c.node_id = g.node_id
      where g.profile is not null and c.node_id is null`,
    sql`
      select node_id, first_seen_at, last_seen_at, profile
      from ${changes}
      where profile is not null`,
  ])
}

/** (anchor, profile_id): every id in use, by the number of its anchor. */
export function profileIdsNow(context: Context, entity: Entity): Sql {
  const changes = from(graphTable(context, entity, 'ids'))
  return unionAll([
    sql`
      select i.anchor, i.profile_id
      from ${from(idsState(context, entity))} as i
      left join ${changes} as c on c.anchor = i.anchor
      where i.merged_into is null and c.anchor is null`,
    sql`
      select anchor, profile_id
      from ${changes}
      where merged_into is null`,
  ])
}

/** (profile_id, used_id): every id that was ever given, and the id in use that stands for it: itself, or another. */
export function usedIdsNow(context: Context, entity: Entity): Sql {
  const changes = from(graphTable(context, entity, 'ids'))
  return sql`
    select given.profile_id, used.profile_id as used_id
    from (
      select i.anchor, i.profile_id, i.merged_into
      from ${from(idsState(context, entity))} as i
      left join ${changes} as c on c.anchor = i.anchor
      where c.anchor is null
      union all
      select anchor, profile_id, merged_into
      from ${changes}
    ) as given
    join (
      ${profileIdsNow(context, entity)}
    ) as used on used.anchor = coalesce(given.merged_into, given.anchor)`
}

/** (alias, profile_id): every id that was merged away, and the id in use that stands for it, as they are published. */
export function aliasesPublished(context: Context, entity: Entity): Sql {
  const ids = from(idsState(context, entity))
  return sql`
    select stale.profile_id as alias, used.profile_id
    from ${ids} as stale
    join ${ids} as used on used.anchor = stale.merged_into`
}

/** The same with the build's changes. */
export function aliasesNow(context: Context, entity: Entity): Sql {
  const changes = from(graphTable(context, entity, 'ids'))
  return sql`
    select gone.alias, used.profile_id
    from (
      select i.profile_id as alias, i.merged_into
      from ${from(idsState(context, entity))} as i
      left join ${changes} as c on c.anchor = i.anchor
      where i.merged_into is not null and c.anchor is null
      union all
      select profile_id as alias, merged_into
      from ${changes}
      where merged_into is not null
    ) as gone
    join (
      ${profileIdsNow(context, entity)}
    ) as used on used.anchor = gone.merged_into`
}

/** (node_id, type, value, first_seen_at, last_seen_at, profile_id): every identifier of every profile. */
export function membersNow(context: Context, entity: Entity): Sql {
  return sql`
    select i.node_id, i.type, i.value, n.first_seen_at, n.last_seen_at, p.profile_id
    from (
      ${joiningNow(context, entity)}
    ) as n
    join (
      ${identifiersNow(context, entity)}
    ) as i on i.node_id = n.node_id
    join (
      ${profileIdsNow(context, entity)}
    ) as p on p.anchor = n.profile`
}

/** Whether rows of some source are profiles by themselves, so that there is a table of them. */
export function hasLone(context: Context, entity: Entity): boolean {
  return [...context.project.sources.values()].some((source) => hasRowNodes(source, entity))
}
