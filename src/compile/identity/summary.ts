import { column, from, id, join, lines, type Sql, type Statement, Steps, sql, text, unionAll } from '../../sql/sql.ts'
import { type Context, statement } from '../context.ts'
import { hasRowNodes, identifierColumns, rowType } from '../rows.ts'
import { evidence, type Graph, joinsNobody, muteJoins } from './evidence.ts'
import { isJudged } from './judging.ts'
import { identifiersNow, joiningNow, profileIdsNow } from './overlay.ts'
import { graphState, graphTable, refusedState } from './tables.ts'
import { sharedPairs } from './views.ts'

/**
 * One row for the report and the guard: profiles, identifiers, created, merged, split, largest and its id, before
 * (profiles of the last published build), refused edges, `rejected_<type>` and `unattributed_<source>` rows.
 */
export function identitySummary(context: Context, graph: Graph): Statement {
  const { entity } = graph
  const steps = new Steps()
  const sizes = steps.add(
    'sizes',
    'how many identifiers each profile has',
    sql`
      select n.profile, count(*) as identifiers
      from (
        ${joiningNow(context, entity)}
      ) as n
      group by n.profile`,
  )
  const table = (what: 'ids' | 'merges' | 'splits') => from(graphTable(context, entity, what))
  const state = from(graphState(context, entity))
  const unattributed = graph.sources.map((source) => {
    const columns = identifierColumns(source, entity)
    const byRow = hasRowNodes(source, entity)
    const alone = byRow ? sql`s.row_key = '' and ` : sql``
    return sql`
      (
        select coalesce(sum(s.row_count), 0)
        from (
          ${evidence(context, graph, source, 'row_count', ...(byRow ? (['row_key'] as const) : []))}
        ) as s
        ${muteJoins(context, graph, columns)}
        where ${alone}${joinsNobody(columns)}
      ) as ${id(`unattributed_${source.name}`)}`
  })
  const largest = sql`
      select min(p.profile_id)
      from ${sizes} as s
      join (
        ${profileIdsNow(context, entity)}
      ) as p on p.anchor = s.profile
      where s.identifiers = (select max(identifiers) from ${sizes})`
  const query = steps.select(sql`
    select
      ${lines([
        sql`(select count(*) from ${sizes}) as profiles`,
        sql`(${counted(context, graph)}) as identifiers`,
        sql`(select count(*) from ${table('ids')} where merged_into is null) as created`,
        sql`(select count(*) from ${table('merges')}) as merged`,
        sql`(select count(*) from ${table('splits')}) as split`,
        sql`(select coalesce(max(identifiers), 0) from ${sizes}) as largest`,
        sql`
          (
            ${largest}
          ) as largest_id`,
        sql`${entity.guard.maxMergeRate === undefined ? sql`0` : sql`(select count(distinct profile) from ${state})`} as profiles_before`,
        sql`(${refused(steps, context, graph)}) as refused`,
        ...rejected(steps, context, graph),
        ...unattributed,
      ])}`)
  return statement(`${entity.name} identity summary`, 'the counts of the report', query)
}

/** Identifiers that rows hold and no block list refuses. */
function counted(context: Context, { entity, sources }: Graph): Sql {
  const changes = from(graphTable(context, entity, 'graph'))
  const rows = sources.filter((source) => hasRowNodes(source, entity)).map((source) => text(rowType(source)))
  const isCounted = sql`standing in ('joins', 'silent', 'shared')`
  const noRows =
    rows.length === 0
      ? sql``
      : sql`where n.node_id not in (
      select node_id from (
        ${identifiersNow(context, entity)}
      ) as i where i.type in (${join(rows)})
    )`
  return sql`
    select count(*)
    from (
      select node_id from ${changes} where ${isCounted}
      union all
      select g.node_id
      from ${from(graphState(context, entity))} as g
      left join ${changes} as c on c.node_id = g.node_id
      where g.${isCounted} and c.node_id is null
    ) as n
    ${noRows}`
}

/** Edges that stay refused, that were refused in this build, and those of shared identifiers. */
function refused(steps: Steps, context: Context, graph: Graph): Sql {
  const { entity } = graph
  const table = (what: 'placed' | 'graph' | 'refused' | 'mute') => from(graphTable(context, entity, what))
  const shared = graph.sources.flatMap((source) =>
    sharedPairs(graph, source, sql`(${evidence(context, graph, source)})`).map(
      (pair) => sql`
        select p.a, p.b
        from (
          ${pair}
        ) as p
        join ${table('mute')} as m on m.node_id = p.b
        where m.standing = 'shared'`,
    ),
  )
  const all = steps.add(
    'refused',
    'edges that a rule keeps from joining',
    unionAll([
      sql`
        select r.a, r.b
        from ${from(refusedState(context, entity))} as r
        where r.a not in (select vertex from ${table('placed')})
          and r.a not in (select node_id from ${table('graph')} where cluster is null)`,
      ...(isJudged(entity) ? [sql`select a, b from ${table('refused')}`] : []),
      ...shared,
    ]),
  )
  return sql`select count(*) from (select distinct a, b from ${all}) as r`
}

/** Rows by type whose value is on a block list, or could not be read. */
function rejected(steps: Steps, context: Context, graph: Graph): readonly Sql[] {
  const { entity } = graph
  const changes = from(graphTable(context, entity, 'graph'))
  const blocked = steps.add(
    'blocked',
    'identifiers that a block list refuses',
    sql`
      select node_id from ${changes} where standing = 'blocked'
      union all
      select g.node_id
      from ${from(graphState(context, entity))} as g
      left join ${changes} as c on c.node_id = g.node_id
      where g.standing = 'blocked' and c.node_id is null`,
  )
  return entity.identifiers.map((type) => {
    const each = graph.sources.flatMap((source) =>
      identifierColumns(source, entity)
        .filter((one) => one.type === type)
        .map(
          (one) => sql`
            select s.row_count
            from (
              ${evidence(context, graph, source, 'row_count')}
            ) as s
            join ${blocked} as b on b.node_id = ${column('s', one.as)}`,
        ),
    )
    const none = sql`select 0 as row_count`
    return sql`
      (
        select coalesce(sum(row_count), 0)
        from (
          ${unionAll(each.length === 0 ? [none] : each)}
        ) as r
      ) as ${id(`rejected_${type.name}`)}`
  })
}
