import type { Entity, Source } from '../../project/project.ts'
import { column, from, join, type Sql, sql, text, unionAll } from '../../sql/sql.ts'
import type { Context } from '../context.ts'
import { identifierColumns } from '../rows.ts'
import { type Graph, graphOf } from './evidence.ts'
import { aliasesPublished } from './overlay.ts'
import {
  attributesTable,
  graphState,
  idsState,
  logState,
  membersTable,
  refusedState,
  seenState,
  valuesState,
} from './tables.ts'

/** A published view. */
export interface View {
  readonly name: string
  readonly reason: string
  readonly query: Sql
}

/** What readers see of an entity's graph, beside its profiles. */
export function graphViews(context: Context, entity: Entity): readonly View[] {
  const graph = graphOf(context, entity)
  const log = (kind: 'merge' | 'split') => sql`
    select from_profile_id, to_profile_id, via_type, via_value, run_id, logged_at
    from ${from(logState(context, entity, kind))}`
  const view = (what: string, reason: string, query: Sql): View => ({ name: `${entity.name}_${what}`, reason, query })
  return [
    view(
      'identifiers',
      'every identifier of every profile; those with joins = false joined nobody',
      identifiers(context, entity),
    ),
    view('merges', 'ids that became aliases, in which run and through which identifier', log('merge')),
    view('splits', 'profiles that lost identifiers to another, and the identifier that left them', log('split')),
    view(
      'aliases',
      'an id that was merged away → the id in use; one join resolves a stale id',
      aliasesPublished(context, entity),
    ),
    view('refused_edges', 'what would have joined two identifiers, and why it did not', refused(context, graph)),
    ...(entity.of === undefined
      ? []
      : [view('members', `which ${entity.name} each ${entity.of} belongs to`, membersOf(context, entity))]),
  ]
}

function identifiers(context: Context, entity: Entity): Sql {
  return unionAll([
    sql`
      select i.profile_id, v.type, v.value, true as joins, g.first_seen_at, g.last_seen_at
      from ${from(graphState(context, entity))} as g
      join ${from(valuesState(context, entity))} as v on v.node_id = g.node_id
      join ${from(idsState(context, entity))} as i on i.anchor = g.profile`,
    sql`
      select profile_id, type, value, false as joins, first_seen_at, last_seen_at
      from ${from(attributesTable(context, entity))}`,
  ])
}

function membersOf(context: Context, group: Entity): Sql {
  return sql`
    select profile_id, member_id, first_seen_at, last_seen_at
    from ${from(membersTable(context, group))}`
}

/** Edges of values that are shared, and those that broke a rule. */
function refused(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const state = from(graphState(context, entity))
  const named = from(valuesState(context, entity))
  const shared = graph.sources.flatMap((source) => sharedPairs(graph, source, from(seenState(context, entity, source))))
  const judged = sql`select a, b, reason, detail from ${from(refusedState(context, entity))}`
  return sql`
    select x.type as type_a, x.value as value_a, y.type as type_b, y.value as value_b, r.reason, r.detail
    from (
      ${unionAll([judged, ...(shared.length === 0 ? [] : [distinctPairs(shared, state)])])}
    ) as r
    join ${named} as x on x.node_id = r.a
    join ${named} as y on y.node_id = r.b`
}

function distinctPairs(pairs: readonly Sql[], state: Sql): Sql {
  return sql`
    select distinct p.a, p.b, 'max_fanout' as reason, p.detail
    from (
      ${unionAll(pairs)}
    ) as p
    join ${state} as g on g.node_id = p.b
    where g.standing = 'shared'`
}

/** A stronger identifier and a capped one in the same row of `rows`: (a, b, detail); refused where b is shared. */
export function sharedPairs({ entity }: Graph, source: Source, rows: Sql): readonly Sql[] {
  const columns = identifierColumns(source, entity)
  return columns.flatMap((weak, at) =>
    weak.type.maxFanout === undefined || !weak.type.link
      ? []
      : columns
          .slice(0, at)
          .filter((strong) => strong.type !== weak.type && strong.type.link)
          .map(
            (strong) => sql`
              select ${join([
                sql`${column('s', strong.as)} as a`,
                sql`${column('s', weak.as)} as b`,
                sql`${text(weak.type.name)} as detail`,
              ])}
              from ${rows} as s
              where ${column('s', strong.as)} <> 0 and ${column('s', weak.as)} <> 0`,
          ),
  )
}
