import type { Entity } from '../../project/project.ts'
import { from, type NamePart, type Sql, Steps, sql, type Table } from '../../sql/sql.ts'
import { type Context, statement } from '../context.ts'
import type { Contraction } from '../model.ts'
import { buildTable } from '../names.ts'

/**
 * Connected components by min-neighbour contraction (Boruvka 1926; hook and jump of Shiloach and Vishkin 1982): every
 * vertex takes the name of its smallest neighbour, whole trees become one vertex, and the edges between the new names
 * go to the next round. A round that does not halve the vertices is finished by jumping to the fixpoint, so there are
 * at most 2·log2(n)+1 rounds; a component ends with the smallest number in it, whatever the order of arrival.
 */
export function contraction(
  context: Context,
  entity: Entity,
  edges: { readonly whole: Sql; readonly changes: Sql },
): Contraction {
  const { dialect } = context
  const of = entity.name
  const named = (what: string, offset: number): Table => buildTable(context.project, `${of}_${what}_`, round(offset))
  const before = from(named('edges', -1))
  const first = (reason: string, query: Sql) =>
    statement(`${of} edges`, reason, dialect.createTable(named('edges', -1), query))
  const names = from(named('names', 0))
  const jumped = named('jumped', 0)
  const composed = composedTable(context, entity, 0)
  const hop = sql`
    select x.v, y.r
    from ${names} as x
    join ${names} as y on y.v = x.r`
  return {
    edges: {
      whole: first('the distinct edges of the graph', edges.whole),
      changes: first('the distinct edges between loose identifiers and clusters', edges.changes),
    },
    hook: statement(
      `${of} names`,
      'every vertex takes the name of its smallest neighbour',
      dialect.createTable(named('names', 0), hook(before)),
    ),
    jump: statement(
      `${of} jump`,
      'one more doubling, only in rounds that did not halve',
      dialect.createTable(jumped, hop),
    ),
    keep: [
      statement(
        `${of} keep jump`,
        'the names of this round after the jump',
        dialect.createTable(named('names', 0), sql`select v, r from ${from(jumped)}`),
      ),
      statement(`${of} drop jump`, 'its copy is not needed', dialect.dropTable(jumped)),
    ],
    settled: statement(
      `${of} settled`,
      'how many names still change by one more hop',
      sql`
        select count(*) as open
        from ${names} as x
        join ${names} as y on y.v = x.r
        where y.r <> x.r`,
    ),
    rename: statement(
      `${of} edges between names`,
      'what is left between the new names; repeated until no edge is left',
      dialect.createTable(
        named('edges', 0),
        sql`
          select distinct least(x.r, y.r) as a, greatest(x.r, y.r) as b
          from ${before} as e
          join ${names} as x on x.v = e.a
          join ${names} as y on y.v = e.b
          where x.r <> y.r`,
      ),
    ),
    last: statement(
      `${of} last names`,
      'the last round names itself',
      dialect.createTable(composed, sql`select v, r from ${names}`),
    ),
    compose: statement(
      `${of} compose`,
      'from the last round back: a name goes on to what it became later',
      dialect.createTable(
        composed,
        sql`
          select x.v, coalesce(y.r, x.r) as r
          from ${names} as x
          left join ${from(composedTable(context, entity, 1))} as y on y.v = x.r`,
      ),
    ),
    dropEdges: statement(`${of} drop edges`, 'of a round that is over', dialect.dropTable(named('edges', 0))),
    dropNames: statement(`${of} drop names`, 'of a round that is over', dialect.dropTable(named('names', 0))),
    dropComposed: statement(
      `${of} drop composed`,
      'of a later round: the first holds the result',
      dialect.dropTable(composed),
    ),
    result: composed,
    none: statement(
      `${of} no edges`,
      'no row joins anything',
      dialect.createTable(composed, sql`select a as v, b as r from ${before}`),
    ),
  }
}

/** (v, r): every vertex with an edge, and the smallest vertex of its component; complete at round 1. */
export function composedTable(context: Context, entity: Entity, offset: number): Table {
  return buildTable(context.project, `${entity.name}_composed_`, round(offset))
}

function round(offset: number): NamePart {
  return { token: 'r', offset }
}

function hook(edges: Sql): Sql {
  const steps = new Steps()
  const both = steps.add(
    'neighbours',
    'every edge seen from both ends',
    sql`
      select a as v, b as u from ${edges}
      union all
      select b, a from ${edges}`,
  )
  const parents = steps.add(
    'parents',
    'the smallest neighbour (one row a vertex)',
    sql`select v, min(u) as p from ${both} group by v`,
  )
  const rooted = steps.add(
    'rooted',
    'the smaller of parent and grandparent: the two roots of each tree become one',
    sql`
      select x.v, least(x.p, y.p) as r
      from ${parents} as x
      join ${parents} as y on y.v = x.p`,
  )
  return steps.select(sql`
    select x.v, y.r
    from ${rooted} as x
    join ${rooted} as y on y.v = x.r`)
}
