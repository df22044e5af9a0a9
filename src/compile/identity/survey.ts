import type { Source } from '../../project/project.ts'
import { from, id, lines, parameter, type Sql, type Statement, Steps, sql, text, unionAll } from '../../sql/sql.ts'
import { type Context, relation, statement } from '../context.ts'
import type { Step, Survey } from '../model.ts'
import { afterName, type Graph, isIncremental, settledName } from './evidence.ts'
import { blocksOf, graphTable, marksState, rulesOf } from './tables.ts'
import { loadedAt } from './window.ts'

/**
 * What a build must read: how far every source was read by the last published build, whether what was read then is
 * still there (the count of its rows and the sum of their load times), and under which rules. A source whose old rows
 * changed is read whole; a graph whose rules changed is solved anew. A group is always solved anew: whose its rows are
 * changes with the graph of its members.
 */
export function surveyStep(context: Context, graph: Graph): Step {
  const { entity, read } = graph
  const survey: Survey = {
    entity: entity.name,
    rules: rulesOf(context, entity, graph.read),
    blocks: blocksOf(entity),
    blocksChanged: blocksName(entity.name),
    alwaysWhole: entity.of !== undefined,
    marks: marks(context, graph),
    makes: graphTable(context, entity, 'marks'),
    decide: decide(context, graph),
    sources: read.map((source) => ({
      name: source.name,
      after: afterName(entity, source),
      settled: settledName(entity, source),
      mayBeEmpty: source.mayBeEmpty,
      at: source.at,
    })),
  }
  return { kind: 'survey', survey }
}

/** Publishing: how far the sources were read, for the next build. */
export function publishMarks(context: Context, graph: Graph): readonly Statement[] {
  const { entity } = graph
  const state = from(marksState(context))
  return [
    statement(
      `forget ${entity.name} marks`,
      'how far earlier builds read',
      sql`delete from ${state} where entity = ${text(entity.name)}`,
    ),
    statement(
      `publish ${entity.name} marks`,
      'how far this build read each source, and under which rules',
      sql`
        insert into ${state} (entity, source, rules, blocks, settled, settled_rows, checksum, total)
        select
          ${text(entity.name)}, source,
          ${text(rulesOf(context, entity, graph.read))}, ${text(blocksOf(entity))},
          settled, settled_rows, checksum, total
        from ${from(graphTable(context, entity, 'marks'))}`,
    ),
  ]
}

function marks(context: Context, graph: Graph): Statement {
  const { dialect } = context
  const steps = new Steps()
  const each = graph.read.map((source) => {
    const rows = relation(context, source)
    if (!isIncremental(source))
      return sql`
        select
          ${text(source.name)} as source, ${dialect.cast(sql`null`, 'timestamp')} as settled,
          0 as settled_rows, 0 as checksum, count(*) as total
        from ${rows}`
    const newest = dialect.least([sql`max(${loadedAt(context, source)})`, dialect.clock()])
    const until = steps.add(
      `${source.name}_until`,
      `rows of ${source.name} that are older than the newest by its overlap are settled`,
      sql`
        select ${dialect.shift(newest, -source.overlapHours, 'hour')} as settled
        from ${rows} as s`,
    )
    const counted = steps.add(
      `${source.name}_counted`,
      `how many rows of ${source.name} are settled, and the sum of their load times`,
      countedUntil(context, source, until),
    )
    return sql`
      select
        ${text(source.name)} as source, u.settled,
        c.settled_rows, c.checksum, c.total
      from ${until} as u
      cross join ${counted} as c`
  })
  const query = steps.select(unionAll(each))
  return statement(
    `${graph.entity.name} marks`,
    'how far each source is read by this build',
    dialect.createTable(graphTable(context, graph.entity, 'marks'), query),
  )
}

/** (settled_rows, checksum, total): the rows of a source up to the time `settled` of a one-row relation. */
function countedUntil(context: Context, source: Source, until: Sql): Sql {
  const { dialect } = context
  const at = loadedAt(context, source)
  const isSettled = sql`${at} <= u.settled`
  // The remainder keeps the sum far from the largest number that a warehouse can add up.
  const sum = sql`coalesce(sum(case when ${isSettled} then mod(${dialect.epoch(at)}, 1000003) end), 0)`
  return sql`
    select
      count(case when ${isSettled} then 1 end) as settled_rows,
      ${dialect.cast(sum, 'bigint')} as checksum,
      count(*) as total
    from ${relation(context, source)} as s
    cross join ${until} as u`
}

function decide(context: Context, graph: Graph): Statement {
  const { entity } = graph
  const state = from(marksState(context))
  const steps = new Steps()
  const rules = steps.add(
    'rules_then',
    'the rules of the last published build (one row, null before the first)',
    sql`
      select max(rules) as rules, max(blocks) as blocks
      from ${state}
      where entity = ${text(entity.name)}`,
  )
  const columns = graph.read.map((source) => decidedFor(steps, context, graph, source))
  const query = steps.select(sql`
    select
      ${lines([
        sql`(select rules from ${rules}) as rules`,
        sql`(select blocks from ${rules}) as blocks`,
        ...columns.flat(),
      ])}`)
  return statement(`${entity.name} survey`, 'what this build must read', query)
}

function decidedFor(steps: Steps, context: Context, graph: Graph, source: Source): readonly Sql[] {
  const { entity } = graph
  const now = sql`
    select total
    from ${from(graphTable(context, entity, 'marks'))}
    where source = ${text(source.name)}`
  const then = steps.add(
    `${source.name}_then`,
    `how far ${source.name} was read (one row, null where it was not)`,
    sql`
      select
        max(settled) as settled, max(settled_rows) as settled_rows,
        max(checksum) as checksum, max(total) as total
      from ${from(marksState(context))}
      where entity = ${text(entity.name)} and source = ${text(source.name)}`,
  )
  const totals = [
    sql`(${now}) as ${id(`total_${source.name}`)}`,
    sql`(select total from ${then}) as ${id(`before_${source.name}`)}`,
  ]
  if (!isIncremental(source)) return totals
  const again = steps.add(
    `${source.name}_again`,
    `whether the rows of ${source.name} that were read then are still the same`,
    countedUntil(context, source, then),
  )
  const same = sql`a.settled_rows = t.settled_rows and a.checksum = t.checksum`
  return [
    ...totals,
    sql`
      (
        select case when ${same} then t.settled end
        from ${then} as t
        cross join ${again} as a
      ) as ${id(`after_${source.name}`)}`,
    sql`
      (
        select settled
        from ${from(graphTable(context, entity, 'marks'))}
        where source = ${text(source.name)}
      ) as ${id(`settled_${source.name}`)}`,
  ]
}

/** Parameter: whether the block lists changed since the last published build. */
export function blocksChanged(graph: Graph): Sql {
  return parameter(blocksName(graph.entity.name))
}

function blocksName(entity: string): string {
  return `blocks_changed_${entity}`
}
