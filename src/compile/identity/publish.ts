import type { Entity, Source } from '../../project/project.ts'
import { column, from, id, join, parameter, type Sql, type Statement, sql } from '../../sql/sql.ts'
import { type Context, statement } from '../context.ts'
import { after, type Graph, graphOf, isIncremental, numberColumns, sameTuple, tupleColumns } from './evidence.ts'
import { isJudged } from './judging.ts'
import { hasLone } from './overlay.ts'
import { publishMarks } from './survey.ts'
import {
  type GraphTable,
  graphState,
  graphTable,
  idsState,
  logState,
  refusedState,
  seenState,
  seenTable,
  valuesState,
} from './tables.ts'

/** The statements by which the identity state takes a build's changes. Each may run twice with the same effect. */
export function publishGraph(context: Context, entity: Entity): readonly Statement[] {
  const graph = graphOf(context, entity)
  return [
    ...graph.read.flatMap((source) => publishSeen(context, graph, source)),
    ...publishValues(context, entity),
    publishNodes(context, entity),
    ...publishRefused(context, entity),
    publishLog(context, entity, 'merge'),
    publishLog(context, entity, 'split'),
    publishIds(context, entity),
    ...publishMarks(context, graph),
  ]
}

function build(context: Context): Sql {
  return context.dialect.cast(parameter('build'), 'bigint')
}

function publishSeen(context: Context, graph: Graph, source: Source): readonly Statement[] {
  const { entity } = graph
  const state = from(seenState(context, entity, source))
  const tuple = tupleColumns(source, entity)
  const columns = [...numberColumns(source, entity), 'row_key', 'is_open', 'row_count']
  const times = ['first_seen_at', 'last_seen_at']
  const all = [...columns, ...times]
  const readAgain = isIncremental(source)
    ? sql`(is_open or ${context.dialect.cast(after(graph, source), 'text')} is null) and `
    : sql``
  const better = (which: 'least' | 'greatest', name: string) =>
    sql`${id(name)} = ${context.dialect[which]([column('t', name), column('s', name)])}`
  return [
    statement(
      `forget ${entity.name} ${source.name}`,
      'combinations that this build read again',
      sql`delete from ${state} where ${readAgain}build < ${build(context)}`,
    ),
    statement(
      `publish ${entity.name} ${source.name}`,
      'combinations that this build read; a row that it counted already is not counted twice',
      sql`
        merge into ${state} as t
        using ${from(seenTable(context, entity, source))} as s
        on ${sameTuple(tuple, 't', 's')} and t.is_open = s.is_open
        when matched and t.build < ${build(context)} then update set
          row_count = t.row_count + s.row_count,
          ${better('least', 'first_seen_at')},
          ${better('greatest', 'last_seen_at')},
          build = ${build(context)}
        when not matched then insert (${join([...all, 'build'].map(id))})
          values (${join([...all.map((name) => column('s', name)), build(context)])})`,
    ),
  ]
}

function publishValues(context: Context, entity: Entity): readonly Statement[] {
  const state = from(valuesState(context, entity))
  const fresh = (what: 'values' | 'lone') =>
    statement(
      `publish ${entity.name} ${what}`,
      'new identifiers keep their number for ever',
      sql`
        insert into ${state} (node_id, type, value)
        select n.node_id, n.type, n.value
        from ${from(graphTable(context, entity, what))} as n
        left join ${state} as t on t.node_id = n.node_id
        where n.is_new and t.node_id is null`,
    )
  return [fresh('values'), ...(hasLone(context, entity) ? [fresh('lone')] : [])]
}

function publishNodes(context: Context, entity: Entity): Statement {
  const names = ['standing', 'first_seen_at', 'last_seen_at', 'cluster', 'profile']
  return statement(
    `publish ${entity.name} graph`,
    'only identifiers that changed are written',
    sql`
      merge into ${from(graphState(context, entity))} as t
      using ${from(graphTable(context, entity, 'graph'))} as s
      on t.node_id = s.node_id
      when matched then update set ${join(names.map((name) => sql`${id(name)} = ${column('s', name)}`))}
      when not matched then insert (${join(['node_id', ...names].map(id))})
        values (${join(['node_id', ...names].map((name) => column('s', name)))})`,
  )
}

function publishRefused(context: Context, entity: Entity): readonly Statement[] {
  const state = from(refusedState(context, entity))
  const table = (what: GraphTable) => from(graphTable(context, entity, what))
  const forget = statement(
    `forget ${entity.name} refused`,
    'what was refused in clusters that were solved anew',
    sql`
      delete from ${state}
      where a in (select vertex from ${table('placed')}) or a in (select node_id from ${table('graph')} where cluster is null)`,
  )
  if (!isJudged(entity)) return [forget]
  const add = statement(
    `publish ${entity.name} refused`,
    'edges that would have broken a rule',
    sql`
      insert into ${state} (a, b, reason, detail)
      select a, b, reason, detail
      from ${table('refused')}`,
  )
  return [forget, add]
}

function publishLog(context: Context, entity: Entity, kind: 'merge' | 'split'): Statement {
  const table = from(logState(context, entity, kind))
  const reason =
    kind === 'merge' ? 'ids that became aliases in this build' : 'profiles that lost identifiers in this build'
  return statement(
    `publish ${entity.name} ${kind}s`,
    reason,
    sql`
      insert into ${table} (from_profile_id, to_profile_id, build, run_id, logged_at, via_type, via_value)
      select
        r.from_profile_id, r.to_profile_id, ${build(context)}, ${parameter('run_id')}, ${context.dialect.clock()},
        r.via_type, r.via_value
      from ${from(graphTable(context, entity, `${kind}s`))} as r
      where not exists (select 1 from ${table} where build = ${build(context)})`,
  )
}

function publishIds(context: Context, entity: Entity): Statement {
  return statement(
    `publish ${entity.name} ids`,
    'new ids are kept for ever; a merged id points straight at the id in use',
    sql`
      merge into ${from(idsState(context, entity))} as t
      using ${from(graphTable(context, entity, 'ids'))} as s
      on t.anchor = s.anchor
      when matched then update set merged_into = s.merged_into
      when not matched then insert (anchor, profile_id, born, merged_into)
        values (s.anchor, s.profile_id, ${build(context)}, s.merged_into)`,
  )
}
