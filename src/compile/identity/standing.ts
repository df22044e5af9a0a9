import type { Source } from '../../project/project.ts'
import { column, from, id, join, type Sql, Steps, sql, text, unionAll } from '../../sql/sql.ts'
import { type Context, making } from '../context.ts'
import type { Step } from '../model.ts'
import { hasRowNodes, identifierColumns, rowType } from '../rows.ts'
import { blockedTest, changes, examined } from './changed.ts'
import { evidence, type Graph, MEMBER, unpivoted } from './evidence.ts'
import { lone } from './lone.ts'
import { hasLone } from './overlay.ts'
import { cappedTypes, everyValue } from './reading.ts'
import { graphState, graphTable, valuesState } from './tables.ts'

/**
 * What becomes of an identifier: it `joins`; it is `blocked` or `silent` (`link: false`); it is `shared`, seen with
 * too many values of one stronger type, or of a group with too many members; or it is `gone` from the sources. All but
 * the first join nobody.
 */
export type Standing = 'joins' | 'blocked' | 'silent' | 'shared' | 'gone'

/**
 * Who joins. A build of changes looks only at identifiers whose rows appeared, went or moved; a whole build looks at
 * all. The answer is a function of the rows that are there now, never of the order in which they came.
 */
export function standingSteps(context: Context, graph: Graph): readonly Step[] {
  const { entity } = graph
  const make = (what: 'examined' | 'standing' | 'lone' | 'mute', reason: string, query: Sql) =>
    making(context, graphTable(context, entity, what), `${entity.name} ${what}`, reason, query)
  const examinedReason = 'identifiers whose rows changed; where block lists changed, those that they hit or free'
  return [
    ...graph.read.map((source) => onlyFor('changes', changes(context, graph, source))),
    onlyFor('changes', make('examined', examinedReason, examined(context, graph))),
    onlyFor(
      'changes',
      make('standing', 'what becomes of the examined identifiers', standing(context, graph, 'changes')),
    ),
    onlyFor('whole', make('standing', 'what becomes of every identifier', standing(context, graph, 'whole'))),
    make('mute', 'identifiers that join nobody', mute(context, graph)),
    ...(hasLone(context, entity)
      ? [
          make(
            'lone',
            'rows of profile sources without an identifier that joins: profiles of their own',
            lone(context, graph),
          ),
        ]
      : []),
  ]
}

/** Marks a step for one kind of build. */
export function onlyFor(when: 'whole' | 'changes', step: Step): Step {
  return step.kind === 'statement' ? { ...step, when } : step
}

/** Identifiers and lone rows that this build looked at, with the columns of `standing`. */
export function standings(context: Context, graph: Graph): Sql {
  const columns = sql`node_id, standing, first_seen_at, last_seen_at, was, cluster, profile`
  const table = (what: 'standing' | 'lone') =>
    sql`select ${columns} from ${from(graphTable(context, graph.entity, what))}`
  return unionAll([table('standing'), ...(hasLone(context, graph.entity) ? [table('lone')] : [])])
}

function standing(context: Context, graph: Graph, scope: 'whole' | 'changes'): Sql {
  const { entity } = graph
  const steps = new Steps()
  const known = scope === 'whole' ? addAll(steps, context, graph) : addExamined(steps, context, graph)
  const tested = steps.add(
    'tested',
    'with what the block lists say',
    sql`select n.*, ${blockedTest(context, graph)} as is_blocked from ${known} as n`,
  )
  const shared = addShared(steps, context, graph, scope, tested)
  const silent = entity.identifiers.filter((type) => !type.link).map((type) => text(type.name))
  return steps.select(sql`
    select
      n.node_id,
      case
        when not n.is_present then 'gone'
        when n.is_blocked then 'blocked'
        ${silent.length === 0 ? sql`` : sql`when n.type in (${join(silent)}) then 'silent'`}
        ${shared === undefined ? sql`` : sql`when shared.node_id is not null then 'shared'`}
        else 'joins'
      end as standing,
      n.first_seen_at, n.last_seen_at,
      g.standing as was, g.cluster, g.profile
    from ${tested} as n
    ${shared === undefined ? sql`` : sql`left join ${shared} as shared on shared.node_id = n.node_id`}
    left join ${from(graphState(context, entity))} as g on g.node_id = n.node_id`)
}

/** Every identifier: those that were read, and those that were there before and are not read any more. */
function addAll(steps: Steps, context: Context, graph: Graph): Sql {
  const { entity } = graph
  const values = from(graphTable(context, entity, 'values'))
  const rowTypes = graph.sources.filter((source) => hasRowNodes(source, entity)).map((source) => text(rowType(source)))
  return steps.add(
    'known',
    'identifiers of the rows, and those that left them',
    unionAll([
      sql`
        select v.node_id, v.type, v.value, v.first_seen_at, v.last_seen_at, true as is_present
        from ${values} as v`,
      sql`
        select
          s.node_id, s.type, s.value,
          ${context.dialect.cast(sql`null`, 'timestamp')} as first_seen_at,
          ${context.dialect.cast(sql`null`, 'timestamp')} as last_seen_at,
          false as is_present
        from ${from(graphState(context, entity))} as g
        join ${from(valuesState(context, entity))} as s on s.node_id = g.node_id
        left join ${values} as v on v.node_id = g.node_id
        where g.standing <> 'gone'${rowTypes.length === 0 ? sql`` : sql` and s.type not in (${join(rowTypes)})`} and v.node_id is null`,
    ]),
  )
}

/** The examined identifiers, with when rows hold them now; absent where none does. */
function addExamined(steps: Steps, context: Context, graph: Graph): Sql {
  const { entity } = graph
  const wanted = from(graphTable(context, entity, 'examined'))
  const times = ['first_seen_at', 'last_seen_at']
  const each = graph.sources.map((source) => {
    const held = steps.add(
      `${source.name}_held`,
      `what rows of ${source.name} hold now`,
      evidence(context, graph, source, 'first_seen_at', 'last_seen_at'),
    )
    return unpivoted(identifierColumns(source, entity), held, times)
  })
  const seen = steps.add(
    'appearances',
    'when rows hold the examined identifiers first and last',
    sql`
      select h.node_id, min(h.first_seen_at) as first_seen_at, max(h.last_seen_at) as last_seen_at
      from (
        ${unionAll(each)}
      ) as h
      join ${wanted} as x on x.node_id = h.node_id
      group by h.node_id`,
  )
  return steps.add(
    'known',
    'the examined identifiers',
    sql`
      select
        i.node_id, i.type, i.value, a.first_seen_at, a.last_seen_at,
        a.node_id is not null as is_present
      from (
        ${everyValue(context, entity)}
      ) as i
      join ${wanted} as x on x.node_id = i.node_id
      left join ${seen} as a on a.node_id = i.node_id`,
  )
}

/** The identifiers that are seen with too many values of one stronger type; undefined where no type is capped. */
function addShared(
  steps: Steps,
  context: Context,
  graph: Graph,
  scope: 'whole' | 'changes',
  tested: Sql,
): Sql | undefined {
  const { entity } = graph
  const capped = cappedTypes(entity)
  const pairs = graph.sources.flatMap((source) => fanoutPairs(steps, context, graph, source, scope))
  if (pairs.length === 0) return undefined
  const seenWith = steps.add('seen_with', 'capped identifiers, and the stronger ones in the same row', unionAll(pairs))
  const blocked = steps.add(
    'blocked',
    'stronger identifiers that do not count',
    scope === 'whole'
      ? sql`select node_id from ${tested} where is_blocked`
      : sql`
        select node_id from ${tested} where is_blocked
        union all
        select g.node_id
        from ${from(graphState(context, entity))} as g
        left join ${tested} as n on n.node_id = g.node_id
        where g.standing = 'blocked' and n.node_id is null`,
  )
  const caps = capped.map((type) => sql`when ${text(type.name)} then ${type.maxFanout ?? 0}`)
  // Members have numbers of another graph, and none of them is blocked.
  const counts = entity.of === undefined ? sql`` : sql`w.stronger = ${text(A_MEMBER)} or `
  return steps.add(
    'shared',
    'capped identifiers with more stronger ones of one type than max_fanout allows (one row an identifier)',
    sql`
      select distinct w.node_id
      from (
        select w.node_id, w.type, w.stronger
        from ${seenWith} as w
        left join ${blocked} as b on b.node_id = w.other
        where ${counts}b.node_id is null
        group by w.node_id, w.type, w.stronger
        having count(distinct w.other) > case w.type ${join(caps, ' ')} end
      ) as w`,
  )
}

/** Stands where the name of a stronger type stands: no type can be called so. */
const A_MEMBER = '(member)'

/** Capped identifiers of a source, each with the stronger ones in the same row and with the member whose the row is. */
function fanoutPairs(
  steps: Steps,
  context: Context,
  graph: Graph,
  source: Source,
  scope: 'whole' | 'changes',
): readonly Sql[] {
  const { entity } = graph
  const columns = identifierColumns(source, entity)
  const strength = (name: string) => entity.identifiers.findIndex((type) => type.name === name)
  const pairs = columns
    .filter((weak) => weak.type.maxFanout !== undefined && weak.type.link)
    .flatMap((weak) => [
      ...columns
        .filter((strong) => strong.type.link && strength(strong.type.name) < strength(weak.type.name))
        .map((strong) => ({ weak, stronger: strong.type.name, other: strong.as })),
      ...(entity.of === undefined ? [] : [{ weak, stronger: A_MEMBER, other: MEMBER }]),
    ])
  if (pairs.length === 0) return []
  const held =
    scope === 'changes'
      ? id(`${source.name}_held`)
      : steps.add(`${source.name}_held`, `what rows of ${source.name} hold`, evidence(context, graph, source))
  const only = from(graphTable(context, entity, 'examined'))
  return pairs.map(
    ({ weak, stronger, other }) => sql`
      select
        ${column('s', weak.as)} as node_id, ${text(weak.type.name)} as type,
        ${text(stronger)} as stronger, ${column('s', other)} as other
      from ${held} as s
      ${scope === 'whole' ? sql`` : sql`join ${only} as x on x.node_id = ${column('s', weak.as)}`}
      where ${column('s', weak.as)} <> 0 and ${column('s', other)} <> 0`,
  )
}

function mute(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const looked = from(graphTable(context, entity, 'standing'))
  return sql`
    select node_id, standing
    from ${looked}
    where standing <> 'joins'
    union all
    select g.node_id, g.standing
    from ${from(graphState(context, entity))} as g
    left join ${looked} as n on n.node_id = g.node_id
    where g.standing <> 'joins' and n.node_id is null`
}
