import type { Entity } from '../../project/project.ts'
import { from, join, type Sql, Steps, sql, text, unionAll } from '../../sql/sql.ts'
import { type Context, making } from '../context.ts'
import type { Step } from '../model.ts'
import { composedTable } from './contraction.ts'
import type { Graph } from './evidence.ts'
import { isJudged } from './judging.ts'
import { identifiersNow } from './overlay.ts'
import { onlyFor, standings } from './standing.ts'
import { type GraphTable, graphState, graphTable, idsState } from './tables.ts'

/** The vertices of this build with their clusters: loose identifiers, and stored clusters that an edge touched. */
export function unitSteps(context: Context, graph: Graph): readonly Step[] {
  const { entity } = graph
  const what = isJudged(entity) ? 'units' : 'placed'
  const make = (query: Sql) =>
    making(context, graphTable(context, entity, what), `${entity.name} ${what}`, 'what was joined, and to what', query)
  return [
    onlyFor('whole', make(units(context, graph, 'whole'))),
    onlyFor('changes', make(units(context, graph, 'changes'))),
  ]
}

/**
 * From parts to profiles. An id lives where its anchor lives, the identifier from which it was minted, else with the
 * oldest identifier that it has left; of several ids in one part the oldest stays and the others become its aliases;
 * a part without an id mints one from its own smallest identifier. So the same data in a fresh warehouse gives the
 * same ids, and no rebuild changes one.
 */
export function carrySteps(context: Context, graph: Graph): readonly Step[] {
  const { entity } = graph
  const make = (what: GraphTable, reason: string, query: Sql) =>
    making(context, graphTable(context, entity, what), `${entity.name} ${what}`, reason, query)
  return [
    ...(isJudged(entity) ? [make('placed', 'what was joined, as the judge left it', placed(context, graph))] : []),
    make('claims', 'which ids live in which part, the oldest first', claims(context, entity)),
    make('profiles', 'one id a part: the oldest that lives there, else a new one', profiles(context, entity)),
    make('graph', 'what publishing changes of the identifiers', changedGraph(context, graph)),
    make('ids', 'what publishing changes among the ids: new, merged and returned ones', changedIds(context, entity)),
    make('merges', 'ids that met an older one, and the identifier through which they met', merges(context, entity)),
    make('splits', 'profiles that lost identifiers to another profile', splits(context, graph)),
  ]
}

function units(context: Context, graph: Graph, scope: 'whole' | 'changes'): Sql {
  const { entity } = graph
  const looseOnes = from(graphTable(context, entity, 'loose'))
  const composed = from(composedTable(context, entity, 0))
  const part = isJudged(entity) ? sql`` : sql`, coalesce(c.r, l.node_id) as part`
  const single = sql`
    select l.node_id as vertex, l.known, coalesce(c.r, l.node_id) as cluster${part}, false as is_whole
    from ${looseOnes} as l
    left join ${composed} as c on c.v = l.node_id`
  if (scope === 'whole') return single
  return sql`
    ${single}
    union all
    select c.v as vertex, g.profile as known, c.r as cluster${isJudged(entity) ? sql`` : sql`, c.r as part`}, true as is_whole
    from ${composed} as c
    join ${from(graphState(context, entity))} as g on g.node_id = c.v
    left join ${looseOnes} as l on l.node_id = c.v
    where l.node_id is null`
}

function placed(context: Context, graph: Graph): Sql {
  const { entity } = graph
  return sql`
    select u.vertex, u.known, u.cluster, u.cluster as part, u.is_whole
    from ${from(graphTable(context, entity, 'units'))} as u
    where u.cluster not in (select cluster from ${from(graphTable(context, entity, 'suspects'))})
    union all
    select
      j.node_id as vertex, case when l.node_id is null then g.profile else l.known end as known,
      j.cluster, v.part, false as is_whole
    from ${from(graphTable(context, entity, 'judged'))} as j
    join ${from(graphTable(context, entity, 'verdicts'))} as v on v.node_id = j.node_id
    left join ${from(graphTable(context, entity, 'loose'))} as l on l.node_id = j.node_id
    left join ${from(graphState(context, entity))} as g on g.node_id = j.node_id`
}

function claims(context: Context, entity: Entity): Sql {
  const units = from(graphTable(context, entity, 'placed'))
  const steps = new Steps()
  const remaining = steps.add(
    'remaining',
    'the oldest identifier that each id still has (one row an id)',
    sql`
      select known, min(vertex) as vertex
      from ${units}
      where known is not null
      group by known`,
  )
  const homes = steps.add(
    'homes',
    'where each id in use lives: with its anchor, else with the oldest identifier it still has',
    sql`
      select ids.anchor, ids.born, coalesce(own.part, oldest.part) as part
      from ${from(idsState(context, entity))} as ids
      left join ${units} as own on own.vertex = ids.anchor
      left join ${remaining} as remaining on remaining.known = ids.anchor
      left join ${units} as oldest on oldest.vertex = remaining.vertex
      where ids.merged_into is null and (own.vertex is not null or remaining.known is not null)`,
  )
  return steps.select(sql`
    select part, anchor, born, row_number() over (partition by part order by born, anchor) as place
    from ${homes}`)
}

function profiles(context: Context, entity: Entity): Sql {
  return sql`
    select
      parts.part,
      coalesce(kept.anchor, parts.part) as anchor,
      kept.anchor is null as is_new
    from (
      select distinct part from ${from(graphTable(context, entity, 'placed'))}
    ) as parts
    left join ${from(graphTable(context, entity, 'claims'))} as kept on kept.part = parts.part and kept.place = 1`
}

/** The rows of the graph that differ from what is stored. */
function changedGraph(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const units = from(graphTable(context, entity, 'placed'))
  const owners = from(graphTable(context, entity, 'profiles'))
  const state = from(graphState(context, entity))
  const steps = new Steps()
  const looked = steps.add('looked_at', 'identifiers that this build looked at', standings(context, graph))
  const moved = steps.add(
    'moved',
    'identifiers that were placed one by one, and those of clusters that moved as a whole',
    sql`
      select u.vertex as node_id, u.cluster, o.anchor as profile
      from ${units} as u
      join ${owners} as o on o.part = u.part
      where not u.is_whole
      union all
      select g.node_id, u.cluster, o.anchor as profile
      from ${units} as u
      join ${owners} as o on o.part = u.part
      join ${state} as g on g.cluster = u.vertex
      where u.is_whole and (u.cluster <> u.vertex or o.anchor <> u.known)`,
  )
  const now = steps.add(
    'now',
    'what is known of them after this build (one row an identifier)',
    sql`
      select
        coalesce(m.node_id, n.node_id) as node_id,
        n.node_id is not null as is_looked_at,
        n.standing, n.first_seen_at, n.last_seen_at,
        m.cluster as moved_to, m.profile as moved_profile,
        m.node_id is not null as is_moved
      from ${moved} as m
      full join ${looked} as n on n.node_id = m.node_id`,
  )
  const after = steps.add(
    'after_build',
    'an identifier that was not looked at keeps its standing and times, one that did not move its place',
    sql`
      select
        now.node_id,
        case when now.is_looked_at then now.standing else g.standing end as standing,
        case when now.is_looked_at then now.first_seen_at else g.first_seen_at end as first_seen_at,
        case when now.is_looked_at then now.last_seen_at else g.last_seen_at end as last_seen_at,
        case when now.is_moved then now.moved_to when now.is_looked_at and now.standing <> 'joins' then null else g.cluster end
          as cluster,
        case when now.is_moved then now.moved_profile when now.is_looked_at and now.standing <> 'joins' then null else g.profile end
          as profile,
        g.standing as was, g.first_seen_at as was_first, g.last_seen_at as was_last,
        g.cluster as was_cluster, g.profile as was_profile
      from ${now} as now
      left join ${state} as g on g.node_id = now.node_id`,
  )
  return steps.select(sql`
    select node_id, standing, first_seen_at, last_seen_at, cluster, profile
    from ${after}
    where standing is distinct from was
      or first_seen_at is distinct from was_first or last_seen_at is distinct from was_last
      or cluster is distinct from was_cluster or profile is distinct from was_profile`)
}

function changedIds(context: Context, entity: Entity): Sql {
  const stored = from(idsState(context, entity))
  const owners = from(graphTable(context, entity, 'profiles'))
  const inPlace = from(graphTable(context, entity, 'claims'))
  const steps = new Steps()
  const merged = steps.add(
    'merged',
    'ids that met an older one (one row an id)',
    sql`
      select lost.anchor, kept.anchor as merged_into
      from ${inPlace} as lost
      join ${inPlace} as kept on kept.part = lost.part and kept.place = 1
      where lost.place > 1`,
  )
  const minted = steps.add(
    'minted',
    'new ids, and ids that were merged away once and are needed again',
    sql`
      select o.anchor, ${mintedId(context, entity)} as profile_id
      from ${owners} as o
      join (
        ${identifiersNow(context, entity)}
      ) as n on n.node_id = o.anchor
      where o.is_new`,
  )
  const none = context.dialect.cast(sql`null`, 'bigint')
  return steps.select(sql`
    select anchor, profile_id, ${none} as merged_into
    from ${minted}
    union all
    select merged.anchor, stored.profile_id, merged.merged_into
    from ${merged} as merged
    join ${stored} as stored on stored.anchor = merged.anchor
    union all
    -- aliases of an id that became an alias now: they point straight at the id in use
    select stored.anchor, stored.profile_id, merged.merged_into
    from ${stored} as stored
    join ${merged} as merged on merged.anchor = stored.merged_into
    where stored.anchor not in (select anchor from ${minted})`)
}

/** A new id in the form of a UUID: the MD5 of entity, type and value of the anchor. */
function mintedId(context: Context, entity: Entity): Sql {
  const { dialect } = context
  const digest = dialect.md5(dialect.joinText([text(entity.name), sql`n.type`, sql`n.value`], '\u001f'))
  const part = (start: number, count: number) => dialect.substring(digest, sql`${start}`, sql`${count}`)
  return dialect.joinText([part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)], '-')
}

/** Each merge with the weakest identifier among the edges that tie the lost profile to others. */
function merges(context: Context, entity: Entity): Sql {
  const state = from(graphState(context, entity))
  const steps = new Steps()
  const lost = steps.add(
    'lost',
    'ids that became an alias in this build',
    sql`
      select lost.anchor, kept.anchor as merged_into
      from ${from(graphTable(context, entity, 'claims'))} as lost
      join ${from(graphTable(context, entity, 'claims'))} as kept on kept.part = lost.part and kept.place = 1
      where lost.place > 1`,
  )
  const end = (mine: 'a' | 'b', other: 'a' | 'b') => sql`
    select lost.anchor, p.a, p.b
    from ${lost} as lost
    join ${state} as mine on mine.profile = lost.anchor
    join ${from(graphTable(context, entity, 'pairs'))} as p on ${mine === 'a' ? sql`p.a` : sql`p.b`} = mine.node_id
    left join ${state} as other on other.node_id = ${other === 'a' ? sql`p.a` : sql`p.b`}
    where other.profile is distinct from lost.anchor`
  const ties = steps.add('ties', 'edges that lead out of them', unionAll([end('a', 'b'), end('b', 'a')]))
  const strength = join(
    entity.identifiers.map((type, at) => sql`when ${text(type.name)} then ${at}`),
    ' ',
  )
  const ranked = steps.add(
    'ranked',
    'both ends of these edges, the weakest type first',
    sql`
      select
        e.anchor, i.type, i.value,
        row_number() over (
          partition by e.anchor order by case i.type ${strength} end desc, ${context.dialect.textOrder(sql`i.value`)}, i.type
        ) as place
      from (
        select anchor, a as node_id from ${ties}
        union all
        select anchor, b from ${ties}
      ) as e
      join (
        ${identifiersNow(context, entity)}
      ) as i on i.node_id = e.node_id`,
  )
  return steps.select(sql`
    select ${join([
      sql`gone.profile_id as from_profile_id`,
      sql`kept.profile_id as to_profile_id`,
      sql`r.type as via_type`,
      sql`r.value as via_value`,
    ])}
    from ${lost} as lost
    join ${from(idsState(context, entity))} as gone on gone.anchor = lost.anchor
    join ${from(idsState(context, entity))} as kept on kept.anchor = lost.merged_into
    left join ${ranked} as r on r.anchor = lost.anchor and r.place = 1`)
}

/** Each split with the oldest identifier that the profile lost, where one left it. */
function splits(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const ids = from(graphTable(context, entity, 'ids'))
  const steps = new Steps()
  const looked = steps.add('looked_at', 'identifiers that this build looked at', standings(context, graph))
  const parted = steps.add(
    'parted',
    'profiles of which a part has another id now',
    sql`
      select distinct u.known, o.anchor
      from ${from(graphTable(context, entity, 'placed'))} as u
      join ${from(graphTable(context, entity, 'profiles'))} as o on o.part = u.part
      where u.known <> o.anchor and not exists (
        select 1 from ${ids} as i where i.anchor = u.known and i.merged_into = o.anchor
      )`,
  )
  const left = steps.add(
    'left_them',
    'the oldest identifier that joins nobody any more (one row a profile)',
    sql`
      select profile, min(node_id) as node_id
      from ${looked}
      where standing <> 'joins' and profile in (select known from ${parted})
      group by profile`,
  )
  const lost = steps.add(
    'lost',
    'with its name',
    sql`
      select gone.profile, n.type, n.value
      from ${left} as gone
      join (
        ${identifiersNow(context, entity)}
      ) as n on n.node_id = gone.node_id`,
  )
  const concerned = sql`select known from ${parted} union distinct select anchor from ${parted}`
  const names = steps.add(
    'names',
    'their ids by number, those of this build included',
    sql`
      select anchor, profile_id from ${from(idsState(context, entity))} where anchor in (${concerned})
      union distinct
      select anchor, profile_id from ${ids} where anchor in (${concerned})`,
  )
  return steps.select(sql`
    select before.profile_id as from_profile_id, now.profile_id as to_profile_id, lost.type as via_type, lost.value as via_value
    from ${parted} as parted
    join ${names} as before on before.anchor = parted.known
    join ${names} as now on now.anchor = parted.anchor
    left join ${lost} as lost on lost.profile = parted.known`)
}
