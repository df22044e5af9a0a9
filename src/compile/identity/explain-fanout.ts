import type { Entity, Source } from '../../project/project.ts'
import { column, from, parameter, type Sql, Steps, sql, text, unionAll } from '../../sql/sql.ts'
import type { Context } from '../context.ts'
import { type Listing, listing, numbersIn } from '../listing.ts'
import { identifierColumns } from '../rows.ts'
import { MEMBER } from './evidence.ts'
import { graphState, seenState, valuesState } from './tables.ts'
import { NOT_VALID } from './window.ts'

/** Stands where the name of a stronger type stands: a group's identifier is seen with members. No type is called so. */
export const A_MEMBER = '(member)'

const FANOUT = { node_id: 'integer', stronger: 'text', seen_with: 'integer' } as const

const SHARED = {
  place: 'integer',
  node_id: 'integer',
  type: 'text',
  value: 'text',
  standing: 'text',
  row_count: 'integer',
  stronger: 'text',
  seen_with: 'integer',
} as const

const SPREAD = { type: 'text', seen_with: 'integer', identifiers: 'integer' } as const

/**
 * With how many values of a stronger type an identifier was seen in one row, counted as `max_fanout` counts: values
 * that a block list refuses, and types that join nobody, do not count.
 */
export interface FanoutStatements {
  /** Of the identifiers `$nodes`, a JSON array of `{node_id}`: one row an identifier and stronger type. */
  readonly of: Listing<typeof FANOUT>
  /** The `$limit` identifiers with the most, of `$type` or (null) of all types; one row each and stronger type. */
  readonly ranked: Listing<typeof SHARED>
  /** How many identifiers that join have how many. */
  readonly spread: Listing<typeof SPREAD>
}

/** Undefined where no row of the sources can hold two types. */
export function fanoutStatements(
  context: Context,
  entity: Entity,
  evidence: readonly Source[],
): FanoutStatements | undefined {
  // Pairs that somebody declared to be one profile say nothing of how widely a value is used.
  const sources = evidence.filter((source) => source !== entity.always)
  if (sources.every((source) => pairsOf(context, entity, source).length === 0)) return undefined
  return {
    of: listing(context, fanoutOf(context, entity, sources)),
    ranked: listing(context, ranked(context, entity, sources)),
    spread: listing(context, spread(context, entity, sources)),
  }
}

function fanoutOf(context: Context, entity: Entity, sources: readonly Source[]) {
  const steps = new Steps()
  const wanted = steps.add('wanted', 'the numbers that were asked for', numbersIn(context, 'nodes'))
  const counted = addCounted(steps, context, entity, sources, wanted)
  return {
    name: `explain ${entity.name} fan-out`,
    reason: 'with how many stronger identifiers each was seen (one row an identifier and stronger type)',
    columns: FANOUT,
    steps,
    rows: sql`
      select c.node_id, c.stronger, c.seen_with
      from ${counted} as c`,
  }
}

function ranked(context: Context, entity: Entity, sources: readonly Source[]) {
  const { dialect } = context
  const steps = new Steps()
  const counted = addCounted(steps, context, entity, sources)
  const type = dialect.cast(parameter('type'), 'text')
  const greatest = steps.add(
    'greatest',
    'each identifier with the type of which it was seen with the most (one row an identifier)',
    sql`
      select
        v.node_id, v.type, v.value, g.standing,
        row_number() over (order by c.seen_with desc, v.type, v.value) as place
      from (
        select node_id, max(seen_with) as seen_with
        from ${counted}
        group by node_id
      ) as c
      join ${from(valuesState(context, entity))} as v on v.node_id = c.node_id
      join ${from(graphState(context, entity))} as g on g.node_id = c.node_id
      where g.standing <> 'gone' and v.value <> ${text(NOT_VALID)} and (${type} is null or v.type = ${type})`,
  )
  const top = steps.add(
    'top',
    'the first of them',
    sql`
      select t.*
      from ${greatest} as t
      where t.place <= ${dialect.cast(parameter('limit'), 'bigint')}`,
  )
  const held = sources.flatMap((source) =>
    identifierColumns(source, entity).map(
      (one) => sql`
        select ${column('s', one.as)} as node_id, s.row_count
        from ${from(seenState(context, entity, source))} as s
        where ${column('s', one.as)} in (select node_id from ${top})`,
    ),
  )
  const rows = steps.add(
    'in_rows',
    'in how many rows each stands (one row an identifier)',
    sql`
      select h.node_id, ${dialect.cast(sql`sum(h.row_count)`, 'bigint')} as row_count
      from (
        ${unionAll(held)}
      ) as h
      group by h.node_id`,
  )
  return {
    name: `shared ${entity.name}`,
    reason: 'identifiers by how many stronger ones they were seen with (one row an identifier and stronger type)',
    columns: SHARED,
    steps,
    rows: sql`
      select t.place, t.node_id, t.type, t.value, t.standing, r.row_count, c.stronger, c.seen_with
      from ${top} as t
      join ${counted} as c on c.node_id = t.node_id
      join ${rows} as r on r.node_id = t.node_id`,
  }
}

function spread(context: Context, entity: Entity, sources: readonly Source[]) {
  const steps = new Steps()
  const counted = addCounted(steps, context, entity, sources)
  return {
    name: `shared ${entity.name} spread`,
    reason: 'how many identifiers that join were seen with how many stronger ones (one row a type and number)',
    columns: SPREAD,
    steps,
    rows: sql`
      select v.type, c.seen_with, count(*) as identifiers
      from (
        select node_id, max(seen_with) as seen_with
        from ${counted}
        group by node_id
      ) as c
      join ${from(valuesState(context, entity))} as v on v.node_id = c.node_id
      join ${from(graphState(context, entity))} as g on g.node_id = c.node_id
      where g.standing = 'joins'
      group by v.type, c.seen_with`,
  }
}

/** Adds (node_id, stronger, seen_with); with `wanted` of these identifiers only. */
function addCounted(steps: Steps, context: Context, entity: Entity, sources: readonly Source[], wanted?: Sql): Sql {
  const pairs = sources.flatMap((source) => pairsOf(context, entity, source, wanted))
  const seenWith = steps.add('seen_with', 'identifiers, and the stronger ones in the same row', unionAll(pairs))
  // Members have numbers of another graph, and none of them is blocked.
  const counts = entity.of === undefined ? sql`` : sql`w.stronger = ${text(A_MEMBER)} or `
  return steps.add(
    'counted',
    'stronger ones that no block list refuses, by type (one row an identifier and stronger type)',
    sql`
      select w.node_id, w.stronger, count(distinct w.other) as seen_with
      from ${seenWith} as w
      where ${counts}not exists (
        select 1
        from ${from(graphState(context, entity))} as g
        where g.node_id = w.other and g.standing = 'blocked'
      )
      group by w.node_id, w.stronger`,
  )
}

/** (node_id, stronger, other) of a source, a query for each column and what is stronger. */
function pairsOf(context: Context, entity: Entity, source: Source, wanted?: Sql): readonly Sql[] {
  const columns = identifierColumns(source, entity)
  const pairs = columns
    .filter(({ type }) => type.link)
    .flatMap((weak) => [
      ...columns
        .slice(0, columns.indexOf(weak))
        .filter(({ type }) => type !== weak.type && type.link)
        .map((strong) => ({ weak, stronger: strong.type.name, other: strong.as })),
      ...(entity.of === undefined ? [] : [{ weak, stronger: A_MEMBER, other: MEMBER }]),
    ])
  const only = wanted === undefined ? sql`` : sql` and s.node_id in (select node_id from ${wanted})`
  return pairs.map(
    ({ weak, stronger, other }) => sql`
      select s.node_id, ${text(stronger)} as stronger, s.other
      from (
        select ${column('t', weak.as)} as node_id, ${column('t', other)} as other
        from ${from(seenState(context, entity, source))} as t
      ) as s
      where s.node_id <> 0 and s.other <> 0${only}`,
  )
}
