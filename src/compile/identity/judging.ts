import type { Entity, IdentifierType } from '../../project/project.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { column, from, id, join, type Sql, type Statement, Steps, sql, text, unionAll } from '../../sql/sql.ts'
import { type Context, making, statement } from '../context.ts'
import type { Step } from '../model.ts'
import { identifierColumns } from '../rows.ts'
import { joiningSources, starPairs } from './edges.ts'
import { evidence, type Graph, joiningColumns } from './evidence.ts'
import { identifiersNow } from './overlay.ts'
import { type GraphTable, graphState, graphTable, seenTable } from './tables.ts'

/**
 * Limits, without an order of arrival. Everything is joined first; only clusters that then break a rule are judged:
 * their edges are tried one by one, the most trusted first, and those that would break a rule are refused. The same
 * rows give the same answer however they came.
 */
export function judgingSteps(context: Context, graph: Graph): readonly Step[] {
  const { entity } = graph
  if (!isJudged(entity)) return []
  const make = (what: GraphTable, reason: string, query: Sql) =>
    making(context, graphTable(context, entity, what), `${entity.name} ${what}`, reason, query)
  const foes = entity.never === undefined ? undefined : graphTable(context, entity, 'foes')
  return [
    make('crowd', 'the members of every cluster that this build touched', crowd(context, graph)),
    ...(entity.never === undefined
      ? []
      : [make('never', 'pairs that are never one profile', neverPairs(context, graph))]),
    make('suspects', 'clusters that break a rule as they are', suspects(context, graph)),
    make('judged', 'their members, numbered from 0', judged(context, graph)),
    make('trials', 'their edges, the most trusted first', trials(context, graph)),
    ...(foes === undefined ? [] : [make('foes', 'their pairs that are never one profile', foePairs(context, graph))]),
    {
      kind: 'judge',
      judgement: {
        limits: limited(entity).map((type) => ({ type: type.name, most: type.limit ?? 0 })),
        maxSize: quarantine(entity),
        nodes: graphTable(context, entity, 'judged'),
        edges: graphTable(context, entity, 'trials'),
        never: foes,
        create: create(context, entity),
        verdicts: graphTable(context, entity, 'verdicts'),
        refused: graphTable(context, entity, 'refused'),
      },
    },
  ]
}

/** Whether any rule can keep a cluster from being one profile. */
export function isJudged(entity: Entity): boolean {
  return limited(entity).length > 0 || entity.never !== undefined || quarantine(entity) !== undefined
}

function limited(entity: Entity): readonly IdentifierType[] {
  return entity.identifiers.filter((type) => type.limit !== undefined)
}

function quarantine(entity: Entity): number | undefined {
  return entity.guard.onViolation === 'quarantine' ? entity.guard.maxProfileSize : undefined
}

function crowd(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const units = from(graphTable(context, entity, 'units'))
  return sql`
    select u.vertex as node_id, u.cluster
    from ${units} as u
    where not u.is_whole
    union all
    select g.node_id, u.cluster
    from ${units} as u
    join ${from(graphState(context, entity))} as g on g.cluster = u.vertex
    where u.is_whole`
}

function neverPairs(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const { never } = entity
  if (never === undefined) throw new Error(`${entity.name} has no never list`)
  const columns = identifierColumns(never, entity)
  const rows = from(seenTable(context, entity, never))
  const each = columns.flatMap((a, at) =>
    columns.slice(at + 1).map(
      (b) => sql`
        select ${id(a.as)} as node_a, ${id(b.as)} as node_b
        from ${rows}
        where ${id(a.as)} <> 0 and ${id(b.as)} <> 0 and ${id(a.as)} <> ${id(b.as)}`,
    ),
  )
  return sql`
    select distinct node_a, node_b
    from (
      ${unionAll(each)}
    ) as every_pair`
}

function suspects(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const members = from(graphTable(context, entity, 'crowd'))
  const steps = new Steps()
  const types = limited(entity)
  const reasons: Sql[] = []
  if (types.length > 0) {
    const typed = steps.add(
      'limited',
      'members whose type is limited',
      sql`
        select m.cluster, i.type
        from ${members} as m
        join (
          ${identifiersNow(context, entity)}
        ) as i on i.node_id = m.node_id
        where i.type in (${join(types.map((type) => text(type.name)))})`,
    )
    const most = types.map((type) => sql`when ${text(type.name)} then ${type.limit ?? 0}`)
    reasons.push(sql`
      select cluster
      from ${typed}
      group by cluster, type
      having count(*) > case type ${join(most, ' ')} end`)
  }
  if (entity.never !== undefined)
    reasons.push(sql`
      select x.cluster
      from ${from(graphTable(context, entity, 'never'))} as n
      join ${members} as x on x.node_id = n.node_a
      join ${members} as y on y.node_id = n.node_b
      where x.cluster = y.cluster`)
  const most = quarantine(entity)
  if (most !== undefined)
    reasons.push(sql`
      select cluster
      from ${members}
      group by cluster
      having count(*) > ${most}`)
  return steps.select(sql`
    select distinct cluster
    from (
      ${unionAll(reasons)}
    ) as reasons`)
}

function judged(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const kinds = limited(entity).map((type, at) => sql`when ${text(type.name)} then ${at}`)
  const kind = kinds.length === 0 ? sql`-1` : sql`case i.type ${join(kinds, ' ')} else -1 end`
  return sql`
    select
      row_number() over (order by m.node_id) - 1 as idx,
      m.node_id, m.cluster, ${kind} as kind, i.type, i.value
    from ${from(graphTable(context, entity, 'crowd'))} as m
    join ${from(graphTable(context, entity, 'suspects'))} as s on s.cluster = m.cluster
    join (
      ${identifiersNow(context, entity)}
    ) as i on i.node_id = m.node_id`
}

function trials(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const members = from(graphTable(context, entity, 'judged'))
  const steps = new Steps()
  const each = joiningSources(graph).map((source) => {
    const columns = identifierColumns(source, entity)
    const held = steps.add(
      `${source.name}_held`,
      `what rows of ${source.name} hold now`,
      evidence(context, graph, source, 'first_seen_at'),
    )
    const rows = steps.add(
      `${source.name}_joining`,
      'their identifiers that join, strongest first, and when they were seen',
      joiningColumns(context, graph, source, held, [sql`s.first_seen_at`]),
    )
    const tier = (at: number) => {
      const weaker = columns[at]?.type
      return source === entity.always ? 0 : 1 + entity.identifiers.findIndex((type) => type.name === weaker?.name)
    }
    return starPairs(rows, columns.length, (at) => [sql`${tier(at)} as tier`, sql`first_seen_at`])
  })
  const all = steps.add(
    'every_pair',
    'one row a pair and combination',
    unionAll(each.length === 0 ? [noPair(context, graph)] : each),
  )
  const distinct = steps.add(
    'distinct_pairs',
    'of suspects only, each with its best tier and its first appearance',
    sql`
      select least(x.idx, y.idx) as a, greatest(x.idx, y.idx) as b, min(p.tier) as tier, min(p.first_seen_at) as first_seen_at
      from ${all} as p
      join ${members} as x on x.node_id = p.a
      join ${members} as y on y.node_id = p.b
      group by least(x.idx, y.idx), greatest(x.idx, y.idx)`,
  )
  const ends = steps.add(
    'named_pairs',
    'with their identifiers in an order that says nothing of arrival',
    sql`
      select
        p.a, p.b, p.tier, p.first_seen_at,
        ${smaller(context, 'value')} as v1, ${smaller(context, 'type')} as t1,
        ${greater(context, 'value')} as v2, ${greater(context, 'type')} as t2
      from ${distinct} as p
      join ${members} as x on x.idx = p.a
      join ${members} as y on y.idx = p.b`,
  )
  return steps.select(sql`
    select
      row_number() over (
        order by tier, first_seen_at nulls last, ${join(['v1', 't1', 'v2', 't2'].map((name) => context.dialect.textOrder(column('e', name))))}
      ) as seq,
      a, b, tier
    from ${ends} as e`)
}

/** A column of the end that comes first by value, then by type. */
function smaller({ dialect }: Context, name: 'value' | 'type'): Sql {
  return sql`case when ${isFirst(dialect)} then ${column('x', name)} else ${column('y', name)} end`
}

function greater({ dialect }: Context, name: 'value' | 'type'): Sql {
  return sql`case when ${isFirst(dialect)} then ${column('y', name)} else ${column('x', name)} end`
}

function isFirst({ textOrder }: Dialect): Sql {
  return sql`${textOrder(sql`x.value`)} < y.value or (x.value = y.value and ${textOrder(sql`x.type`)} <= y.type)`
}

function noPair(context: Context, { entity }: Graph): Sql {
  return sql`
    select node_id as a, node_id as b, 0 as tier, ${context.dialect.cast(sql`null`, 'timestamp')} as first_seen_at
    from ${from(graphTable(context, entity, 'judged'))}
    where 1 = 0`
}

function foePairs(context: Context, { entity }: Graph): Sql {
  const members = from(graphTable(context, entity, 'judged'))
  return sql`
    select x.idx as a, y.idx as b
    from ${from(graphTable(context, entity, 'never'))} as n
    join ${members} as x on x.node_id = n.node_a
    join ${members} as y on y.node_id = n.node_b
    where x.cluster = y.cluster`
}

function create(context: Context, entity: Entity): readonly Statement[] {
  const { dialect } = context
  const bigint = (name: string) => ({ name, type: 'bigint' as const })
  const words = (name: string) => ({ name, type: 'text' as const })
  return [
    statement(
      `create ${entity.name} verdicts`,
      'the part of its cluster to which each judged identifier belongs',
      dialect.createEmptyTable(graphTable(context, entity, 'verdicts'), [bigint('node_id'), bigint('part')]),
    ),
    statement(
      `create ${entity.name} refused`,
      'edges that would have broken a rule',
      dialect.createEmptyTable(graphTable(context, entity, 'refused'), [
        bigint('a'),
        bigint('b'),
        words('reason'),
        words('detail'),
      ]),
    ),
  ]
}
