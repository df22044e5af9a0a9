import type { Entity, Source } from '../project/project.ts'
import { column, from, id, join, lines, type Sql, Steps, sql, stacked, text, unionAll } from '../sql/sql.ts'
import { carrySteps, identitySummary } from './carry.ts'
import { type Context, hasTime, making, relation, statement } from './context.ts'
import { contraction } from './contraction.ts'
import { identifiersTable, nodesTable, seenTable, sharedTable } from './graph.ts'
import type { Model, Step } from './model.ts'
import { buildTable, stateTable } from './names.ts'
import {
  addIdentified,
  hasRowNodes,
  identifierColumns,
  lookupJoin,
  lookupTable,
  PHONE_VERSION,
  phoneRegion,
  rawPhone,
  rowType,
  valid,
} from './rows.ts'
import { sourceModels } from './sources.ts'

/**
 * The identity graph of an entity: identifiers are nodes with lasting numbers, the rows that hold several of them are
 * edges, every connected component is a profile, and the ids of profiles are carried from the last published build.
 */
export function compileIdentity(context: Context, entity: Entity): Model {
  const sources = identifying(context, entity)
  return {
    name: `identity/${entity.name}`,
    kind: 'identity',
    needs: [
      'setup',
      ...sourceModels(
        context,
        sources.map((source) => source.name),
      ),
    ],
    steps: [
      ...phoneStep(context, entity, sources),
      ...sources.map((source) => seen(context, entity, source)),
      identifiers(context, entity, sources),
      shared(context, entity, sources),
      nodes(context, entity, sources),
      { kind: 'contract', contraction: contraction(context, entity, edges(context, entity, sources)) },
      ...carrySteps(context, entity, sources),
    ],
    output: lookupTable(context, entity),
    summary: identitySummary(context, entity, sources),
  }
}

/** The sources whose rows can be nodes or edges of an entity's graph. */
export function identifying(context: Context, entity: Entity): readonly Source[] {
  return [...context.project.sources.values()].filter(
    (source) =>
      identifierColumns(source, entity).length > 0 || (hasRowNodes(source) && context.project.entities.size === 1),
  )
}

function phoneStep(context: Context, entity: Entity, sources: readonly Source[]): readonly Step[] {
  const { dialect, project } = context
  const pairs = sources.flatMap((source) =>
    identifierColumns(source, entity)
      .filter((one) => one.type.normalise === 'phone')
      .map((one) => ({
        source,
        raw: rawPhone(context, source, one, 's'),
        region: phoneRegion(context, source, one, 's'),
      })),
  )
  if (pairs.length === 0) return []
  const lookup = stateTable(project, 'phone')
  const missing = buildTable(project, entity.name, '_phones')
  const steps = new Steps()
  const written = steps.add(
    'written',
    'every phone as it was written, with the country in which it was meant',
    pairs
      .map(
        ({ source, raw, region }) => sql`
        select ${raw} as raw, ${region} as region
        from ${relation(context, source)} as s`,
      )
      .reduce(
        (before, next) => sql`
        ${before}
        union all
        ${next}`,
      ),
  )
  const query = steps.select(sql`
    select distinct w.raw, w.region
    from ${written} as w
    left join ${from(lookup)} as known
      on known.raw = w.raw and known.region = w.region and known.version = ${text(PHONE_VERSION)}
    where w.raw is not null and known.raw is null`)
  const collect = statement(
    `${entity.name} phones`,
    'phones that no build has parsed yet',
    dialect.createTable(missing, query),
  )
  return [{ kind: 'phones', phones: { collect, missing, lookup, version: PHONE_VERSION } }]
}

function seen(context: Context, entity: Entity, source: Source): Step {
  const columns = identifierColumns(source, entity)
  const steps = new Steps()
  const rows = addIdentified(steps, context, source, entity)
  const time = hasTime(source) ? sql`s.cdp_time` : context.dialect.cast(sql`null`, 'timestamp')
  const key = hasRowNodes(source) ? sql`s.cdp_key` : undefined
  const tuple = [...columns.map((one) => column('s', valid(one))), ...(key ? [key] : [])]
  const names = [...columns.map((one) => id(one.as)), ...(key ? [id('cdp_row')] : [])]
  const query = steps.select(sql`
    select
      ${lines([
        ...tuple.map((value, index) => sql`${value} as ${names[index] ?? sql``}`),
        sql`min(${time}) as first_seen_at`,
        sql`max(${time}) as last_seen_at`,
        sql`count(*) as row_count`,
      ])}
    from ${rows} as s
    group by
      ${lines(tuple)}`)
  const reason = 'the distinct combinations of identifiers that rows hold: far fewer than rows'
  return making(context, seenTable(context, entity, source), `${entity.name} seen in ${source.name}`, reason, query)
}

function identifiers(context: Context, entity: Entity, sources: readonly Source[]): Step {
  const each = sources.flatMap((source) =>
    identifierColumns(source, entity).map(
      (one) => sql`
        select ${text(one.type.name)} as type, ${id(one.as)} as value, first_seen_at, last_seen_at, row_count
        from ${from(seenTable(context, entity, source))}
        where ${id(one.as)} is not null`,
    ),
  )
  const steps = new Steps()
  const all = steps.add('every_value', 'identifiers of all sources, one row a combination', unionAll(each))
  const query = steps.select(sql`
    select
      type, value,
      min(first_seen_at) as first_seen_at, max(last_seen_at) as last_seen_at,
      cast(sum(row_count) as bigint) as row_count
    from ${all}
    group by type, value`)
  const reason = 'one row an identifier: a type and a value, never a value alone'
  return making(context, identifiersTable(context, entity), `${entity.name} identifiers`, reason, query)
}

function shared(context: Context, entity: Entity, sources: readonly Source[]): Step {
  const pairs = sources.flatMap((source) => fanoutPairs(context, entity, source))
  const reason = 'values seen with more values of one stronger type than max_fanout allows: they join nobody'
  const steps = new Steps()
  const none = sql`
    select type, value, type as stronger, value as other
    from ${from(identifiersTable(context, entity))}
    where 1 = 0`
  const seenWith = steps.add(
    'seen_with',
    'which values of stronger types each capped value is seen with',
    unionAll(pairs.length === 0 ? [none] : pairs),
  )
  const caps = entity.identifiers.flatMap((type) =>
    type.maxFanout === undefined ? [] : [sql`when ${text(type.name)} then ${type.maxFanout}`],
  )
  const cap = caps.length === 0 ? sql`0` : sql`case type ${join(caps, ' ')} end`
  const query = steps.select(sql`
    select type, value, stronger, count(distinct other) as fanout
    from ${seenWith}
    group by type, value, stronger
    having count(distinct other) > ${cap}`)
  return making(context, sharedTable(context, entity), `${entity.name} shared`, reason, query)
}

function fanoutPairs(context: Context, entity: Entity, source: Source): readonly Sql[] {
  const columns = identifierColumns(source, entity)
  const strength = (name: string) => entity.identifiers.findIndex((type) => type.name === name)
  return columns.flatMap((weak) =>
    weak.type.maxFanout === undefined
      ? []
      : columns
          .filter((strong) => strong.type.link && strength(strong.type.name) < strength(weak.type.name))
          .map(
            (strong) => sql`
              select
                ${text(weak.type.name)} as type, ${id(weak.as)} as value,
                ${text(strong.type.name)} as stronger, ${id(strong.as)} as other
              from ${from(seenTable(context, entity, source))}
              where ${id(weak.as)} is not null and ${id(strong.as)} is not null`,
          ),
  )
}

function nodes(context: Context, entity: Entity, sources: readonly Source[]): Step {
  const { project } = context
  const known = from(stateTable(project, entity.name, '_nodes'))
  const steps = new Steps()
  const silent = entity.identifiers.filter((type) => !type.link).map((type) => text(type.name))
  const linking = steps.add(
    'linking',
    'identifiers that may join rows: not shared by too many, not marked link: false',
    sql`
      select i.type, i.value, i.first_seen_at, i.last_seen_at
      from ${from(identifiersTable(context, entity))} as i
      where not exists (
        select 1 from ${from(sharedTable(context, entity))} as shared where shared.type = i.type and shared.value = i.value
      )${silent.length === 0 ? sql`` : sql` and i.type not in (${join(silent)})`}`,
  )
  const lone = sources.filter(hasRowNodes).map((source) => loneRows(context, entity, source, linking))
  const all = steps.add(
    'every_node',
    'and rows of profile sources that have no such identifier',
    unionAll([sql`select type, value, first_seen_at, last_seen_at from ${linking}`, ...lone]),
  )
  const query = steps.select(sql`
    select
      coalesce(
        known.node_id,
        (select coalesce(max(node_id), 0) from ${known})
          + row_number() over (
            partition by known.node_id is null
            order by n.first_seen_at nulls last, n.type, n.value
          )
      ) as node_id,
      n.type, n.value, n.first_seen_at, n.last_seen_at,
      known.profile_id as known_profile_id,
      known.node_id is null as is_new
    from ${all} as n
    left join ${known} as known on known.type = n.type and known.value = n.value`)
  const reason =
    'an identifier keeps its number for ever; new ones are numbered by first appearance: the smallest is the oldest'
  return making(context, nodesTable(context, entity), `${entity.name} nodes`, reason, query)
}

function loneRows(context: Context, entity: Entity, source: Source, linking: Sql): Sql {
  const columns = identifierColumns(source, entity)
  const joined = columns.map((one, index) =>
    lookupJoin(linking, { alias: `l${index + 1}`, type: one.type.name, value: column('s', one.as) }),
  )
  const none = columns.map((_, index) => sql`${column(`l${index + 1}`, 'value')} is null`)
  return sql`
    select
      ${text(rowType(source))} as type, s.cdp_row as value,
      min(s.first_seen_at) as first_seen_at, max(s.last_seen_at) as last_seen_at
    from ${from(seenTable(context, entity, source))} as s
    ${stacked(joined)}
    where ${join([sql`s.cdp_row is not null`, ...none], ' and ')}
    group by s.cdp_row`
}

/** The query of the distinct edges: a row joins its strongest identifier with each of its others. */
function edges(context: Context, entity: Entity, sources: readonly Source[]): Sql {
  const steps = new Steps()
  const pairs = sources
    .filter((source) => identifierColumns(source, entity).length > 1)
    .flatMap((source) => edgePairs(steps, context, entity, source))
  const none = sql`select node_id as a, node_id as b from ${from(nodesTable(context, entity))} where 1 = 0`
  const reason = 'a row joins its strongest identifier with each of the others'
  const all = steps.add('pairs', reason, unionAll(pairs.length === 0 ? [none] : pairs))
  return steps.select(sql`
    select distinct least(a, b) as a, greatest(a, b) as b
    from ${all}
    where a <> b`)
}

function edgePairs(steps: Steps, context: Context, entity: Entity, source: Source): readonly Sql[] {
  const columns = identifierColumns(source, entity)
  const node = from(nodesTable(context, entity))
  const numbered = steps.add(
    `${source.name}_nodes`,
    `the numbers of the identifiers that rows of ${source.name} hold, strongest first`,
    sql`
      select ${join(columns.map((_, index) => sql`${column(`n${index + 1}`, 'node_id')} as ${id(`n${index + 1}`)}`))}
      from ${from(seenTable(context, entity, source))} as s
      ${stacked(
        columns.map((one, index) =>
          lookupJoin(node, { alias: `n${index + 1}`, type: one.type.name, value: column('s', one.as) }),
        ),
      )}`,
  )
  const hub = sql`coalesce(${join(columns.map((_, index) => id(`n${index + 1}`)))})`
  return columns.slice(1).map((_, index) => sql`select ${hub} as a, ${id(`n${index + 2}`)} as b from ${numbered}`)
}
