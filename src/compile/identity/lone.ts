import { from, join, type Sql, Steps, sql, text, unionAll } from '../../sql/sql.ts'
import type { Context } from '../context.ts'
import { hasRowNodes, identifierColumns, rowType } from '../rows.ts'
import { evidence, type Graph, joinsNobody, muteJoins } from './evidence.ts'
import { numbered } from './reading.ts'
import { graphState, graphTable, valuesState } from './tables.ts'

/** Every lone row as it is now, and those that were one and are not any more. */
export function lone(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const sources = graph.sources.filter((source) => hasRowNodes(source, entity))
  const steps = new Steps()
  const each = sources.map((source) => {
    const columns = identifierColumns(source, entity)
    const held = steps.add(
      `${source.name}_held`,
      `what rows of ${source.name} hold now`,
      evidence(context, graph, source, 'row_key', 'first_seen_at', 'last_seen_at'),
    )
    return sql`
      select ${text(rowType(source))} as type, s.row_key as value, min(s.first_seen_at) as first_seen_at, max(s.last_seen_at) as last_seen_at
      from ${held} as s
      ${muteJoins(context, graph, columns)}
      where s.row_key <> '' and ${joinsNobody(columns)}
      group by s.row_key`
  })
  const now = steps.add('alone', 'rows without an identifier that joins, by key', unionAll(each))
  const stored = from(valuesState(context, entity))
  const graphThen = from(graphState(context, entity))
  const fresh = from(graphTable(context, entity, 'values'))
  const last = sql`(select coalesce(max(node_id), 0) from (select node_id from ${stored} union all select node_id from ${fresh}) as every_number)`
  const types = join(sources.map((source) => text(rowType(source))))
  return steps.select(sql`
    select
      ${numbered(context, last, context.dialect.textOrder(sql`n.type`))} as node_id,
      n.type, n.value, 'joins' as standing, n.first_seen_at, n.last_seen_at,
      g.standing as was, g.cluster, g.profile,
      known.node_id is null as is_new
    from ${now} as n
    left join ${stored} as known on known.type = n.type and known.value = n.value
    left join ${graphThen} as g on g.node_id = known.node_id
    union all
    -- rows that were profiles and have an identifier now, or are gone
    select
      v.node_id, v.type, v.value, 'gone' as standing,
      ${context.dialect.cast(sql`null`, 'timestamp')} as first_seen_at,
      ${context.dialect.cast(sql`null`, 'timestamp')} as last_seen_at,
      g.standing as was, g.cluster, g.profile,
      false as is_new
    from ${graphThen} as g
    join ${stored} as v on v.node_id = g.node_id
    where g.standing = 'joins' and v.type in (${types}) and not exists (
      select 1 from ${now} as n where n.type = v.type and n.value = v.value
    )`)
}
