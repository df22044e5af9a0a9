import type { Entity, Source } from '../../project/project.ts'
import {
  column,
  from,
  id,
  join,
  lines,
  parameter,
  type Sql,
  type Statement,
  Steps,
  sql,
  text,
  unionAll,
} from '../../sql/sql.ts'
import { type Context, statement } from '../context.ts'
import { type Listing, listing, numbersIn } from '../listing.ts'
import { hasRowNodes, identifierColumns, rowType } from '../rows.ts'
import { anyIn, graphOf } from './evidence.ts'
import { type FanoutStatements, fanoutStatements } from './explain-fanout.ts'
import { graphState, idsState, logState, refusedState, seenState, valuesState } from './tables.ts'

/** The most rows that one listing of an explanation gives: longer ones are asked for in pages. */
export const EXPLAINED_PAGE = 10_000

/** What is known of one identifier. */
export const KNOWN = {
  node_id: 'integer',
  type: 'text',
  value: 'text',
  standing: 'text',
  first_seen_at: 'timestamp?',
  last_seen_at: 'timestamp?',
  anchor: 'integer?',
  profile_id: 'text?',
} as const

const HISTORY = {
  kind: 'text',
  from_profile_id: 'text',
  to_profile_id: 'text',
  run_id: 'text?',
  logged_at: 'timestamp?',
  via_node: 'integer?',
  via_type: 'text?',
  via_value: 'text?',
} as const

const REFUSED = { a: 'integer', b: 'integer', reason: 'text', detail: 'text?' } as const

/** Numbers of the identifiers that rows of a source hold, as a JSON array; which rows, and how many there are in all. */
const RECORDS = {
  nodes: 'text',
  row_key: 'text?',
  row_count: 'integer',
  first_seen_at: 'timestamp?',
  last_seen_at: 'timestamp?',
  place: 'integer',
  total: 'integer',
} as const

/** What explanations ask of the published state of one entity's graph; none changes anything. */
export interface ExplainStatements {
  readonly entity: Entity
  /** Identifiers by `$wanted`: a JSON array of `{type, value}`. */
  readonly byValue: Listing<typeof KNOWN>
  /** Identifiers by `$nodes`: a JSON array of `{node_id}`. */
  readonly byNumber: Listing<typeof KNOWN>
  /** One row: `anchor`, `profile_id`, `used_anchor`, `used_id` of the id `$id` and of the id in use; none if unknown. */
  readonly byId: Statement
  /** One row: `identifiers`, `first_seen_at`, `last_seen_at` of the profile `$anchor`. */
  readonly size: Statement
  /** A page of the identifiers of the profile `$anchor`, those with a number beyond `$after`. */
  readonly members: Listing<typeof KNOWN>
  /** The ids that are aliases of the profile `$anchor`. */
  readonly aliases: Listing<{ readonly profile_id: 'text' }>
  /** Merges and splits of the profile `$anchor` and its aliases, the newest 200. */
  readonly history: Listing<typeof HISTORY>
  /** Refused edges at identifiers of the profile `$anchor`, at most a page. */
  readonly refused: Listing<typeof REFUSED>
  /** By source: a page of the rows that hold identifiers of the profile `$anchor`, or `$node`, those beyond `$after`. */
  readonly records: readonly { readonly source: Source; readonly listing: Listing<typeof RECORDS> }[]
  readonly fanout: FanoutStatements | undefined
}

/** Sources of which rows are evidence: all that the graph reads but the list of pairs that never belong together. */
export function evidenceSources(context: Context, entity: Entity): readonly Source[] {
  return graphOf(context, entity).read.filter((source) => source !== entity.never)
}

/** The statements over those `sources` whose rows the published state knows; by default all. */
export function compileExplain(
  context: Context,
  entity: Entity,
  sources: readonly Source[] = evidenceSources(context, entity),
): ExplainStatements {
  return {
    entity,
    byValue: byValue(context, entity),
    byNumber: byNumber(context, entity),
    byId: byId(context, entity),
    size: size(context, entity),
    members: members(context, entity),
    aliases: aliases(context, entity),
    history: history(context, entity),
    refused: refused(context, entity),
    records: sources.map((source) => ({ source, listing: records(context, entity, source) })),
    fanout: fanoutStatements(context, entity, sources),
  }
}

function known(context: Context, entity: Entity, which: Sql): Sql {
  return sql`
    select
      v.node_id, v.type, v.value, coalesce(g.standing, 'gone') as standing,
      g.first_seen_at, g.last_seen_at, g.profile as anchor, ids.profile_id
    from ${from(valuesState(context, entity))} as v
    ${which}
    left join ${from(graphState(context, entity))} as g on g.node_id = v.node_id
    left join ${from(idsState(context, entity))} as ids on ids.anchor = g.profile`
}

function byValue(context: Context, entity: Entity): Listing<typeof KNOWN> {
  const wanted = context.dialect.rowsOf(parameter('wanted'), ['type', 'value'])
  return listing(context, {
    name: `explain ${entity.name} by value`,
    reason: 'what became of the identifiers that were asked for (one row an identifier)',
    columns: KNOWN,
    steps: new Steps(),
    rows: known(context, entity, sql`join ${wanted} as w on w.type = v.type and w.value = v.value`),
  })
}

function byNumber(context: Context, entity: Entity): Listing<typeof KNOWN> {
  const steps = new Steps()
  const wanted = steps.add('wanted', 'the numbers that were asked for', numbersIn(context, 'nodes'))
  return listing(context, {
    name: `explain ${entity.name} by number`,
    reason: 'what became of identifiers that stand beside those of a profile (one row an identifier)',
    columns: KNOWN,
    steps,
    rows: known(context, entity, sql`join ${wanted} as w on w.node_id = v.node_id`),
  })
}

function byId(context: Context, entity: Entity): Statement {
  const ids = from(idsState(context, entity))
  return statement(
    `explain ${entity.name} by id`,
    'an id, and the id in use where that one was merged away (at most one row)',
    sql`
      select
        asked.anchor, asked.profile_id,
        coalesce(used.anchor, asked.anchor) as used_anchor, coalesce(used.profile_id, asked.profile_id) as used_id
      from ${ids} as asked
      left join ${ids} as used on used.anchor = asked.merged_into
      where asked.profile_id = lower(${context.dialect.cast(parameter('id'), 'text')})`,
  )
}

function anchor(context: Context): Sql {
  return context.dialect.cast(parameter('anchor'), 'bigint')
}

function size(context: Context, entity: Entity): Statement {
  return statement(
    `explain ${entity.name} size`,
    'how many identifiers the profile has, and when they were seen',
    sql`
      select count(*) as identifiers, min(first_seen_at) as first_seen_at, max(last_seen_at) as last_seen_at
      from ${from(graphState(context, entity))}
      where profile = ${anchor(context)}`,
  )
}

function members(context: Context, entity: Entity): Listing<typeof KNOWN> {
  const steps = new Steps()
  const page = steps.add(
    'page',
    'the next identifiers of the profile by number',
    sql`
      select node_id
      from (
        select node_id, row_number() over (order by node_id) as place
        from ${from(graphState(context, entity))}
        where profile = ${anchor(context)} and node_id > ${context.dialect.cast(parameter('after'), 'bigint')}
      ) as numbered
      where place <= ${EXPLAINED_PAGE}`,
  )
  return listing(context, {
    name: `explain ${entity.name} identifiers`,
    reason: 'the identifiers of a profile (one row an identifier)',
    columns: KNOWN,
    steps,
    rows: known(context, entity, sql`join ${page} as p on p.node_id = v.node_id`),
  })
}

function aliases(context: Context, entity: Entity): Listing<{ readonly profile_id: 'text' }> {
  return listing(context, {
    name: `explain ${entity.name} aliases`,
    reason: 'the ids that were merged into this one',
    columns: { profile_id: 'text' },
    steps: new Steps(),
    rows: sql`
      select profile_id
      from ${from(idsState(context, entity))}
      where merged_into = ${anchor(context)}`,
  })
}

function history(context: Context, entity: Entity): Listing<typeof HISTORY> {
  const steps = new Steps()
  const family = steps.add(
    'family',
    'the id in use and its aliases',
    sql`
      select profile_id
      from ${from(idsState(context, entity))}
      where anchor = ${anchor(context)} or merged_into = ${anchor(context)}`,
  )
  const each = (['merge', 'split'] as const).map(
    (kind) => sql`
      select ${text(kind)} as kind, build, from_profile_id, to_profile_id, run_id, logged_at, via_type, via_value
      from ${from(logState(context, entity, kind))}
      where from_profile_id in (select profile_id from ${family})
        or to_profile_id in (select profile_id from ${family})`,
  )
  const events = steps.add('events', 'what happened to any of them', unionAll(each))
  const newest = steps.add(
    'newest',
    'the newest of it',
    sql`
      select e.*, row_number() over (order by build desc, kind, from_profile_id, to_profile_id) as place
      from ${events} as e`,
  )
  return listing(context, {
    name: `explain ${entity.name} history`,
    reason: 'merges and splits, and the identifier that caused them',
    columns: HISTORY,
    steps,
    rows: sql`
      select
        e.kind, e.from_profile_id, e.to_profile_id, e.run_id, e.logged_at,
        v.node_id as via_node, e.via_type, e.via_value
      from ${newest} as e
      left join ${from(valuesState(context, entity))} as v on v.type = e.via_type and v.value = e.via_value
      where e.place <= 200`,
  })
}

function refused(context: Context, entity: Entity): Listing<typeof REFUSED> {
  const steps = new Steps()
  const mine = steps.add(
    'mine',
    'the identifiers of the profile',
    sql`
      select node_id
      from ${from(graphState(context, entity))}
      where profile = ${anchor(context)}`,
  )
  const edges = steps.add(
    'edges',
    'refused edges that have an end there',
    sql`
      select r.a, r.b, r.reason, r.detail, row_number() over (order by r.a, r.b) as place
      from ${from(refusedState(context, entity))} as r
      where r.a in (select node_id from ${mine}) or r.b in (select node_id from ${mine})`,
  )
  return listing(context, {
    name: `explain ${entity.name} refused`,
    reason: 'edges that a rule kept from joining the profile with others',
    columns: REFUSED,
    steps,
    rows: sql`
      select e.a, e.b, e.reason, e.detail
      from ${edges} as e
      where e.place <= ${EXPLAINED_PAGE}`,
  })
}

function records(context: Context, entity: Entity, source: Source): Listing<typeof RECORDS> {
  const { dialect } = context
  const steps = new Steps()
  const columns = identifierColumns(source, entity)
  const isKeyed = hasRowNodes(source, entity)
  const tuple = [...columns.map((one) => id(one.as)), ...(isKeyed ? [id('row_key')] : [])]
  const node = dialect.cast(parameter('node'), 'bigint')
  const mine = steps.add(
    'mine',
    'the identifiers of the profile, or the one that was asked for',
    sql`
      select node_id
      from ${from(graphState(context, entity))}
      where profile = ${anchor(context)} or node_id = ${node}`,
  )
  const rows = isKeyed ? [sql`s.row_key in (${ownRows(context, entity, source, mine)})`] : []
  const holds = columns.length === 0 ? [] : [anyIn(columns, sql`select node_id from ${mine}`)]
  const held = steps.add(
    'held',
    `the combinations of identifiers in rows of ${source.name} that hold one of them`,
    sql`
      select
        ${lines([
          ...tuple,
          ...(isKeyed ? [] : [sql`min(s.row_key) as row_key`]),
          sql`${dialect.cast(sql`sum(s.row_count)`, 'bigint')} as row_count`,
          sql`min(s.first_seen_at) as first_seen_at`,
          sql`max(s.last_seen_at) as last_seen_at`,
        ])}
      from ${from(seenState(context, entity, source))} as s
      where ${join([...holds, ...rows], ' or ')}
      group by ${join(tuple)}`,
  )
  const numbered = columns.flatMap((one, at) => [
    ...(at === 0 ? [] : [text(',')]),
    dialect.cast(column('h', one.as), 'text'),
  ])
  const placed = steps.add(
    'placed',
    'numbered, so that pages of them can be asked for',
    sql`
      select
        ${dialect.concat([text('['), ...numbered, text(']')])} as nodes,
        h.row_key, h.row_count, h.first_seen_at, h.last_seen_at,
        row_number() over (order by ${join([sql`h.first_seen_at nulls last`, ...tuple.map((name) => sql`h.${name}`)])}) as place,
        count(*) over () as total
      from ${held} as h`,
  )
  const after = dialect.cast(parameter('after'), 'bigint')
  return listing(context, {
    name: `explain ${entity.name} rows of ${source.name}`,
    reason: 'the rows that hold these identifiers (one row a combination)',
    columns: RECORDS,
    steps,
    rows: sql`
      select p.nodes, p.row_key, p.row_count, p.first_seen_at, p.last_seen_at, p.place, p.total
      from ${placed} as p
      where p.place > ${after} and p.place <= ${after} + ${EXPLAINED_PAGE}`,
  })
}

/** The keys of rows that are profiles by themselves. */
function ownRows(context: Context, entity: Entity, source: Source, mine: Sql): Sql {
  return sql`
    select v.value
    from ${from(valuesState(context, entity))} as v
    join ${mine} as m on m.node_id = v.node_id
    where v.type = ${text(rowType(source))}`
}
