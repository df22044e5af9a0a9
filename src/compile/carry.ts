import type { Entity, Source } from '../project/project.ts'
import {
  column,
  from,
  id,
  lines,
  type Sql,
  type Statement,
  Steps,
  sql,
  stacked,
  type Table,
  text,
  unionAll,
} from '../sql/sql.ts'
import { type Context, making, statement } from './context.ts'
import { composedTable } from './contraction.ts'
import { identifiersTable, nodesTable, seenTable, sharedTable } from './graph.ts'
import type { Step } from './model.ts'
import { buildTable, stateTable } from './names.ts'
import { firstOf, hasRowNodes, identifierColumns, lookupJoin, lookupTable, rowType } from './rows.ts'

/**
 * From components to profiles. An id lives where its anchor lives, the identifier from which it was minted; of several
 * ids in one component the oldest stays and the others become its aliases; a component without an id mints one from
 * its own anchor. So the same data in a fresh warehouse gives the same ids, and no rebuild changes one.
 */
export function carrySteps(context: Context, entity: Entity, sources: readonly Source[]): readonly Step[] {
  const make = (name: string, reason: string, table: Table, query: Sql) =>
    making(context, table, `${entity.name} ${name}`, reason, query)
  return [
    make(
      'components',
      'every node and the smallest node of its component',
      labels(context, entity),
      labelled(context, entity),
    ),
    make(
      'claims',
      'which ids live in which component, the oldest first',
      claims(context, entity),
      claimed(context, entity),
    ),
    make(
      'profile ids',
      'one id a component: the oldest that lives there, else a new one',
      profiles(context, entity),
      decided(context, entity),
    ),
    make('members', 'every node with its profile', membersTable(context, entity), members(context, entity)),
    make(
      'lookup',
      'every allowed identifier, its profile where it joins',
      lookupTable(context, entity),
      lookup(context, entity),
    ),
    make(
      'attributes',
      'identifiers that join nobody, on the profiles whose rows hold them',
      silentTable(context, entity),
      silent(context, entity, sources),
    ),
    make(
      'ids',
      'what publishing changes among the ids: new, merged and returned ones',
      idsTable(context, entity),
      ids(context, entity),
    ),
    make(
      'splits',
      'profiles that lost identifiers to another profile',
      splitsTable(context, entity),
      splits(context, entity),
    ),
  ]
}

/** (node_id, type, value, profile_id, first_seen_at, last_seen_at, is_new, known_profile_id): every node of the graph. */
export function membersTable(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_members')
}

/** (profile_id, type, value, first_seen_at, last_seen_at): values on a profile that join nobody. */
export function silentTable(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_attributes')
}

/** (profile_id, anchor, merged_into): the rows of `<entity>_ids` that publishing writes. */
export function idsTable(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_ids')
}

/** (from_profile_id, to_profile_id). */
export function splitsTable(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_splits')
}

function labels(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_components')
}

function claims(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_claims')
}

function profiles(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_profiles')
}

function labelled(context: Context, entity: Entity): Sql {
  return sql`
    select n.node_id, coalesce(c.r, n.node_id) as root
    from ${from(nodesTable(context, entity))} as n
    left join ${from(composedTable(context, entity, 0))} as c on c.v = n.node_id`
}

function claimed(context: Context, entity: Entity): Sql {
  const steps = new Steps()
  const remaining = steps.add(
    'remaining',
    'the oldest identifier that each id still has (one row an id)',
    sql`
      select known_profile_id as profile_id, min(node_id) as node_id
      from ${from(nodesTable(context, entity))}
      where known_profile_id is not null
      group by known_profile_id`,
  )
  const homes = steps.add(
    'homes',
    'where each id in use lives: with its anchor, else with the oldest identifier it still has',
    sql`
      select ids.profile_id, ids.born, ids.anchor, coalesce(anchor.root, oldest.root) as root
      from ${from(stateTable(context.project, entity.name, '_ids'))} as ids
      left join ${from(labels(context, entity))} as anchor on anchor.node_id = ids.anchor
      left join ${remaining} as remaining on remaining.profile_id = ids.profile_id
      left join ${from(labels(context, entity))} as oldest on oldest.node_id = remaining.node_id
      where ids.merged_into is null`,
  )
  return steps.select(sql`
    select profile_id, anchor, root, row_number() over (partition by root order by born, anchor) as place
    from ${homes}
    where root is not null`)
}

function decided(context: Context, entity: Entity): Sql {
  const steps = new Steps()
  const roots = steps.add('roots', 'the components', sql`select distinct root from ${from(labels(context, entity))}`)
  return steps.select(sql`
    select
      roots.root,
      coalesce(kept.profile_id, ${minted(context, entity)}) as profile_id,
      kept.profile_id is null as is_new
    from ${roots} as roots
    join ${from(nodesTable(context, entity))} as n on n.node_id = roots.root
    left join ${from(claims(context, entity))} as kept on kept.root = roots.root and kept.place = 1`)
}

/** A new id in the form of a UUID: the MD5 of entity, type and value of the anchor. */
function minted(context: Context, entity: Entity): Sql {
  const { dialect } = context
  const digest = dialect.md5(dialect.joinText([text(entity.name), sql`n.type`, sql`n.value`], '\u001f'))
  const part = (start: number, count: number) => dialect.substring(digest, sql`${start}`, sql`${count}`)
  return dialect.joinText([part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)], '-')
}

function members(context: Context, entity: Entity): Sql {
  return sql`
    select
      n.node_id, n.type, n.value, p.profile_id, n.first_seen_at, n.last_seen_at, n.is_new, n.known_profile_id,
      p.is_new as is_new_profile
    from ${from(nodesTable(context, entity))} as n
    join ${from(labels(context, entity))} as l on l.node_id = n.node_id
    join ${from(profiles(context, entity))} as p on p.root = l.root`
}

function lookup(context: Context, entity: Entity): Sql {
  return sql`
    select m.type, m.value, m.profile_id
    from ${from(membersTable(context, entity))} as m
    union all
    select i.type, i.value, ${context.dialect.cast(sql`null`, 'text')} as profile_id
    from ${from(identifiersTable(context, entity))} as i
    where not exists (
      select 1 from ${from(membersTable(context, entity))} as m where m.type = i.type and m.value = i.value
    )`
}

/** Values of types with `link: false` or `max_fanout`, by the profiles of the rows that hold them. */
function silent(context: Context, entity: Entity, sources: readonly Source[]): Sql {
  const steps = new Steps()
  const rows = sources.flatMap((source) => silentRows(steps, context, entity, source))
  const nothing = sql`
    select profile_id, type, value, first_seen_at, last_seen_at
    from ${from(membersTable(context, entity))}
    where 1 = 0`
  const all = steps.add(
    'held',
    'non-joining identifiers by the profile of their row',
    unionAll(rows.length === 0 ? [nothing] : rows),
  )
  return steps.select(sql`
    select profile_id, type, value, min(first_seen_at) as first_seen_at, max(last_seen_at) as last_seen_at
    from ${all}
    where profile_id is not null
    group by profile_id, type, value`)
}

function silentRows(steps: Steps, context: Context, entity: Entity, source: Source): readonly Sql[] {
  const columns = identifierColumns(source, entity)
  const quiet = columns.filter((one) => !one.type.link || one.type.maxFanout !== undefined)
  if (quiet.length === 0) return []
  const owned = steps.add(
    `${source.name}_owned`,
    `whose each combination of ${source.name} is`,
    tuplesWithProfile(context, entity, source),
  )
  return quiet.map((one) => {
    const isShared = sql`exists (
        select 1 from ${from(sharedTable(context, entity))} as shared
        where shared.type = ${text(one.type.name)} and shared.value = ${column('o', one.as)}
      )`
    return sql`
      select o.profile_id, ${text(one.type.name)} as type, ${column('o', one.as)} as value, o.first_seen_at, o.last_seen_at
      from ${owned} as o
      where ${column('o', one.as)} is not null${one.type.link ? sql` and ${isShared}` : sql``}`
  })
}

/** The distinct combinations of a source's identifiers, each with its profile (null: unattributed) and its rows. */
export function tuplesWithProfile(context: Context, entity: Entity, source: Source): Sql {
  const graph = from(lookupTable(context, entity))
  const found = [
    ...identifierColumns(source, entity).map((one) => ({ type: one.type.name, value: column('s', one.as) })),
    ...(hasRowNodes(source) ? [{ type: rowType(source), value: sql`s.cdp_row` }] : []),
  ].map((one, index) => ({ ...one, alias: `lookup_${index + 1}` }))
  return sql`
    select
      ${lines([sql`s.*`, sql`${firstOf(found.map((one) => column(one.alias, 'profile_id')))} as profile_id`])}
    from ${from(seenTable(context, entity, source))} as s
    ${stacked(found.map((one) => lookupJoin(graph, one)))}`
}

function ids(context: Context, entity: Entity): Sql {
  const stored = from(stateTable(context.project, entity.name, '_ids'))
  const steps = new Steps()
  const merged = steps.add(
    'merged',
    'ids that met an older one (one row an id)',
    sql`
      select lost.profile_id, lost.anchor, kept.profile_id as merged_into
      from ${from(claims(context, entity))} as lost
      join ${from(claims(context, entity))} as kept on kept.root = lost.root and kept.place = 1
      where lost.place > 1`,
  )
  return steps.select(sql`
    -- new ids, and ids that were merged away once and are needed again
    select profile_id, root as anchor, ${context.dialect.cast(sql`null`, 'text')} as merged_into
    from ${from(profiles(context, entity))}
    where is_new
    union all
    select profile_id, anchor, merged_into from ${merged}
    union all
    -- aliases of an id that became an alias now: they point straight at the id in use
    select stored.profile_id, stored.anchor, merged.merged_into
    from ${stored} as stored
    join ${merged} as merged on merged.profile_id = stored.merged_into
    where stored.profile_id not in (select profile_id from ${from(profiles(context, entity))} where is_new)`)
}

function splits(context: Context, entity: Entity): Sql {
  return sql`
    select distinct m.known_profile_id as from_profile_id, m.profile_id as to_profile_id
    from ${from(membersTable(context, entity))} as m
    where m.known_profile_id <> m.profile_id
      and not exists (
        select 1
        from ${from(idsTable(context, entity))} as ids
        where ids.profile_id = m.known_profile_id and ids.merged_into = m.profile_id
      )`
}

/** One row for the report: profiles, identifiers, created, merged, split, largest, and `unattributed_<source>` rows. */
export function identitySummary(context: Context, entity: Entity, sources: readonly Source[]): Statement {
  const members = from(membersTable(context, entity))
  const steps = new Steps()
  const sizes = steps.add(
    'sizes',
    'how many identifiers each profile has',
    sql`select profile_id, count(*) as identifiers from ${members} group by profile_id`,
  )
  const lost = sources.map((source) => {
    const owned = steps.add(
      `${source.name}_owned`,
      `whose each combination of ${source.name} is`,
      tuplesWithProfile(context, entity, source),
    )
    return sql`(select coalesce(sum(row_count), 0) from ${owned} where profile_id is null) as ${id(`unattributed_${source.name}`)}`
  })
  const ids = from(idsTable(context, entity))
  const query = steps.select(sql`
    select
      ${lines([
        sql`(select count(*) from ${sizes}) as profiles`,
        sql`(select count(*) from ${from(identifiersTable(context, entity))}) as identifiers`,
        sql`(select count(*) from ${ids} where merged_into is null) as created`,
        sql`(select count(*) from ${from(claims(context, entity))} where place > 1) as merged`,
        sql`(select count(*) from ${from(splitsTable(context, entity))}) as split`,
        sql`(select coalesce(max(identifiers), 0) from ${sizes}) as largest`,
        ...lost,
      ])}`)
  return statement(`${entity.name} identity summary`, 'the counts of the report', query)
}
