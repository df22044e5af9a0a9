import type { Source } from '../../project/project.ts'
import { column, from, id, join, lines, type Sql, Steps, sql, stacked, text, unionAll } from '../../sql/sql.ts'
import { type Context, making } from '../context.ts'
import type { Step } from '../model.ts'
import { identifierColumns, isBlocked } from '../rows.ts'
import {
  after,
  anyIn,
  changed,
  evidence,
  type Graph,
  identifying,
  sameTuple,
  tupleColumns,
  unpivoted,
} from './evidence.ts'
import { blocksChanged } from './survey.ts'
import { changedTable, graphState, seenState, seenTable, valuesState } from './tables.ts'
import { NOT_VALID } from './window.ts'

/** The combinations of a source that appeared, went or moved since the last published build. */
export function changes(context: Context, graph: Graph, source: Source): Step {
  const { entity } = graph
  const columns = tupleColumns(source, entity)
  const state = from(seenState(context, entity, source))
  const names = join(columns.map(id))
  const steps = new Steps()
  const candidates = steps.add(
    'candidates',
    'combinations that were read now, or that were not settled then',
    sql`
      select ${names}
      from ${from(seenTable(context, entity, source))}
      union distinct
      select ${names}
      from ${state}
      where ${superseded(context, graph, source)}`,
  )
  const span = (rows: Sql) => sql`
    select
      ${lines([...columns.map((name) => column('s', name)), sql`min(s.first_seen_at) as first_seen_at`, sql`max(s.last_seen_at) as last_seen_at`])}
    from ${rows} as s
    join ${candidates} as c on ${sameTuple(columns, 's', 'c')}
    group by ${join(columns.map((name) => column('s', name)))}`
  const before = steps.add('before', 'what the last published build knew of them', span(state))
  const key = columns.includes('row_key') ? (['row_key'] as const) : []
  const held = steps.add(
    'held',
    'what rows hold now',
    evidence(context, graph, source, ...key, 'first_seen_at', 'last_seen_at'),
  )
  const now = steps.add('now', 'what is known of them now', span(held))
  const one = columns[0] ?? 'row_key'
  const query = steps.select(sql`
    select
      ${lines([
        ...columns.map((name) => sql`coalesce(${column('now', name)}, ${column('before', name)}) as ${id(name)}`),
        sql`
          case
            when ${column('before', one)} is null then 'added'
            when ${column('now', one)} is null then 'removed'
            else 'moved'
          end as change`,
      ])}
    from ${now} as now
    full join ${before} as before on ${sameTuple(columns, 'now', 'before')}
    where ${column('now', one)} is null or ${column('before', one)} is null
      or now.first_seen_at is distinct from before.first_seen_at
      or now.last_seen_at is distinct from before.last_seen_at`)
  const reason = 'combinations that appeared, went, or are seen at other times than before'
  return making(
    context,
    changedTable(context, entity, source),
    `${entity.name} changed in ${source.name}`,
    reason,
    query,
  )
}

/** True of stored combinations that this build read again. */
function superseded(context: Context, graph: Graph, source: Source): Sql {
  if (source.loadedAt === undefined) return sql`1 = 1`
  return sql`(is_open or ${context.dialect.cast(after(graph, source), 'text')} is null)`
}

/** The identifiers whose standing may have changed. */
export function examined(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const steps = new Steps()
  const touched = identifying(graph).map((source) => {
    const rows = steps.add(
      `${source.name}_changed`,
      `combinations of ${source.name} that changed`,
      changed(context, graph, source),
    )
    return unpivoted(identifierColumns(source, entity), rows)
  })
  const judgedAnew = steps.add(
    'blocked_or_freed',
    'stored identifiers that the changed block lists hit or free',
    sql`
      select g.node_id
      from ${from(graphState(context, entity))} as g
      join ${from(valuesState(context, entity))} as n on n.node_id = g.node_id
      where ${blocksChanged(graph)} and g.standing <> 'gone'
        and (g.standing = 'blocked') <> ${blockedTest(context, graph)}`,
  )
  const beside = graph.sources.flatMap((source) => {
    const columns = identifierColumns(source, entity)
    if (columns.length < 2) return []
    const held = steps.add(
      `${source.name}_held`,
      `what rows of ${source.name} hold now`,
      evidence(context, graph, source),
    )
    const rows = steps.add(
      `${source.name}_beside`,
      'rows that hold one of them: what is seen beside it may be shared no more',
      sql`
        select s.*
        from ${held} as s
        where ${anyIn(columns, sql`select node_id from ${judgedAnew}`)}`,
    )
    return unpivoted(columns, rows)
  })
  const all = steps.add(
    'all_of_them',
    'one row a reason',
    unionAll([...touched, sql`select node_id from ${judgedAnew}`, ...beside]),
  )
  return steps.select(sql`select distinct node_id from ${all}`)
}

/** Whether the block lists refuse an identifier `n`; never null. */
export function blockedTest(context: Context, { entity }: Graph): Sql {
  const cases = entity.identifiers.map(
    (type) =>
      sql`when ${text(type.name)} then n.value = ${text(NOT_VALID)} or ${isBlocked(context, type, sql`n.value`)}`,
  )
  return sql`
    case n.type
      ${stacked(cases)}
      else false
    end`
}
