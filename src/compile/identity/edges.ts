import type { Source } from '../../project/project.ts'
import { column, from, id, join, type Sql, Steps, sql, unionAll } from '../../sql/sql.ts'
import { type Context, making } from '../context.ts'
import type { Step } from '../model.ts'
import { identifierColumns } from '../rows.ts'
import { contraction } from './contraction.ts'
import { anyIn, changed, evidence, type Graph, identifying, joiningColumns, unpivoted } from './evidence.ts'
import { onlyFor, standings } from './standing.ts'
import { graphState, graphTable, refusedState } from './tables.ts'

/**
 * The edges that decide this build. A whole build takes all. A build of changes dissolves the clusters that lost an
 * edge or a member, and takes the edges of their identifiers and of those that join anew; every other cluster stays
 * one vertex, under the name of its smallest identifier.
 */
export function edgeSteps(context: Context, graph: Graph): readonly Step[] {
  const { entity } = graph
  const make = (what: 'broken' | 'loose' | 'pairs', reason: string, query: Sql) =>
    making(context, graphTable(context, entity, what), `${entity.name} ${what}`, reason, query)
  const looseReason = 'identifiers that join and have no cluster to rely on, with their last profile'
  const pairsReason = 'a row joins its strongest identifier with each of the others'
  return [
    onlyFor(
      'changes',
      make('broken', 'clusters that are solved anew: nothing else of the graph is', broken(context, graph)),
    ),
    onlyFor('changes', make('loose', looseReason, loose(context, graph))),
    onlyFor('whole', make('loose', looseReason, everyoneLoose(context, graph))),
    onlyFor('changes', make('pairs', pairsReason, pairs(context, graph, 'changes'))),
    onlyFor('whole', make('pairs', pairsReason, pairs(context, graph, 'whole'))),
    {
      kind: 'contract',
      contraction: contraction(context, entity, { whole: everyPair(context, graph), changes: lifted(context, graph) }),
    },
  ]
}

/** The sources whose rows can join identifiers, the list of those that always belong together included. */
export function joiningSources(graph: Graph): readonly Source[] {
  return graph.read.filter(
    (source) => source !== graph.entity.never && identifierColumns(source, graph.entity).length > 1,
  )
}

/** The pairs of a row's joining identifiers, the strongest with each other one: (a, b) and further columns. */
export function starPairs(rows: Sql, columns: number, more: (index: number) => readonly Sql[] = () => []): Sql {
  const hub = (until: number) => sql`coalesce(${join(Array.from({ length: until }, (_, at) => id(`n${at + 1}`)))})`
  const others = Array.from({ length: columns - 1 }, (_, at) => at + 1)
  return unionAll(
    others.map((at) => {
      const first = at === 1 ? id('n1') : hub(at)
      return sql`
        select ${join([sql`${first} as a`, sql`${id(`n${at + 1}`)} as b`, ...more(at)])}
        from ${rows}
        where ${first} <> ${id(`n${at + 1}`)}`
    }),
  )
}

function broken(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const state = from(graphState(context, entity))
  const steps = new Steps()
  const looked = steps.add('looked_at', 'identifiers that this build looked at', standings(context, graph))
  const gone = identifying(graph).map((source) => {
    // A pair that the never list gains or loses counts like a lost edge.
    const kind = source === entity.never ? undefined : 'removed'
    const rows = steps.add(
      `${source.name}_lost`,
      `combinations of ${source.name} that went`,
      changed(context, graph, source, kind),
    )
    return unpivoted(identifierColumns(source, entity), rows)
  })
  const lost = steps.add('lost', 'identifiers that lost a row', unionAll(gone))
  return steps.select(sql`
    -- a member joins nobody any more
    select cluster from ${looked} where standing <> 'joins' and cluster is not null
    union distinct
    -- an edge may be gone
    select g.cluster
    from ${state} as g
    join ${lost} as lost on lost.node_id = g.node_id
    where g.cluster is not null
    union distinct
    -- limits were applied there: every change is weighed against all of its edges
    select g.cluster
    from ${state} as g
    join ${from(refusedState(context, entity))} as refused on refused.a = g.node_id
    where g.cluster in (select cluster from ${looked})
    union distinct
    -- the identifier from which an id was minted is back: the id may go home
    select g.cluster
    from ${state} as g
    join ${looked} as anchor on anchor.node_id = g.profile
    where anchor.standing = 'joins' and anchor.cluster is null and g.cluster is not null`)
}

function loose(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const clusters = sql`select cluster from ${from(graphTable(context, entity, 'broken'))}`
  const steps = new Steps()
  const looked = steps.add('looked_at', 'identifiers that this build looked at', standings(context, graph))
  return steps.select(sql`
    select node_id, profile as known
    from ${looked}
    where standing = 'joins' and (cluster is null or cluster in (${clusters}))
    union all
    select g.node_id, g.profile as known
    from ${from(graphState(context, entity))} as g
    left join ${looked} as n on n.node_id = g.node_id
    where g.cluster in (${clusters}) and n.node_id is null`)
}

function everyoneLoose(context: Context, graph: Graph): Sql {
  const steps = new Steps()
  const looked = steps.add('looked_at', 'every identifier', standings(context, graph))
  return steps.select(sql`
    select node_id, profile as known
    from ${looked}
    where standing = 'joins'`)
}

function pairs(context: Context, graph: Graph, scope: 'whole' | 'changes'): Sql {
  const { entity } = graph
  const steps = new Steps()
  const each = joiningSources(graph).map((source) => {
    const rows = addJoining(steps, context, graph, source, scope)
    return starPairs(rows, identifierColumns(source, entity).length)
  })
  if (each.length === 0)
    return sql`select node_id as a, node_id as b from ${from(graphTable(context, entity, 'loose'))} where 1 = 0`
  const all = steps.add('every_pair', 'one row a pair and combination', unionAll(each))
  return steps.select(sql`
    select distinct least(a, b) as a, greatest(a, b) as b
    from ${all}`)
}

/** Adds the joining identifiers (`n1`, …) of a source's combinations: of all, or of those that decide this build. */
function addJoining(steps: Steps, context: Context, graph: Graph, source: Source, scope: 'whole' | 'changes'): Sql {
  const { entity } = graph
  const columns = identifierColumns(source, entity)
  const held = steps.add(
    `${source.name}_held`,
    `what rows of ${source.name} hold now`,
    evidence(context, graph, source),
  )
  if (scope === 'whole') {
    return steps.add(
      `${source.name}_joining`,
      'their identifiers that join, strongest first',
      joiningColumns(context, graph, source, held),
    )
  }
  const unsettled = sql`select node_id from ${from(graphTable(context, entity, 'loose'))}`
  const deciding = steps.add(
    `${source.name}_deciding`,
    'rows that hold a loose identifier, and rows that are new',
    sql`
      select ${join(columns.map((one) => column('s', one.as)))}
      from ${held} as s
      where ${anyIn(columns, unsettled)}
      union distinct
      ${changed(context, graph, source, 'added')}`,
  )
  return steps.add(
    `${source.name}_joining`,
    'their identifiers that join, strongest first',
    joiningColumns(context, graph, source, deciding),
  )
}

/** In a whole build every identifier is a vertex, and every pair an edge. */
function everyPair(context: Context, { entity }: Graph): Sql {
  return sql`select a, b from ${from(graphTable(context, entity, 'pairs'))}`
}

/** The distinct edges between vertices: loose identifiers as they are, all others under the name of their cluster. */
function lifted(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const decisive = from(graphTable(context, entity, 'pairs'))
  const steps = new Steps()
  const clusters = steps.add(
    'clusters',
    'stored clusters that move as a whole, by identifier of a pair (one row an identifier)',
    sql`
      select g.node_id, g.cluster
      from (
        select a as node_id from ${decisive}
        union distinct
        select b from ${decisive}
      ) as p
      join ${from(graphState(context, entity))} as g on g.node_id = p.node_id
      left join ${from(graphTable(context, entity, 'loose'))} as l on l.node_id = g.node_id
      where g.cluster is not null and l.node_id is null`,
  )
  const ends = steps.add(
    'ends',
    'both ends of every pair as vertices',
    sql`
      select coalesce(x.cluster, p.a) as a, coalesce(y.cluster, p.b) as b
      from ${decisive} as p
      left join ${clusters} as x on x.node_id = p.a
      left join ${clusters} as y on y.node_id = p.b`,
  )
  return steps.select(sql`
    select distinct least(a, b) as a, greatest(a, b) as b
    from ${ends}
    where a <> b`)
}
