import type { Entity, Source } from '../../project/project.ts'
import { column, from, id, join, lines, type Sql, Steps, sql, stacked, text, unionAll } from '../../sql/sql.ts'
import { type Context, making, relation, statement } from '../context.ts'
import type { Step } from '../model.ts'
import { stateTable } from '../names.ts'
import { identifierColumns, PHONE_VERSION, phoneRegion, rawPhone } from '../rows.ts'
import { combinations } from './combinations.ts'
import { type Graph, MEMBER, tupleColumns } from './evidence.ts'
import { memberJoin, ownedCombinations } from './ownership.ts'
import { graphTable, readTable, seenTable, valuesState } from './tables.ts'
import { newRows } from './window.ts'

/**
 * From rows to numbers: each source's distinct combinations of identifiers as text, every identifier with its number
 * for ever, and the combinations again by numbers. Of a source with `loaded_at` only new rows are read.
 */
export function readingSteps(context: Context, graph: Graph): readonly Step[] {
  return [
    ...graph.read.map((source) => read(context, graph, source)),
    values(context, graph),
    ...graph.read.map((source) => seen(context, graph, source)),
  ]
}

/** The step that collects and parses the phones that no build has parsed yet; none where no source holds phones. */
export function phoneStep(context: Context, graph: Graph): readonly Step[] {
  const { entity } = graph
  const pairs = graph.read.flatMap((source) =>
    identifierColumns(source, entity)
      .filter((one) => one.type.normalise === 'phone')
      .map((one) => ({
        source,
        raw: rawPhone(context, source, one, 's'),
        region: phoneRegion(context, source, one, 's'),
      })),
  )
  if (pairs.length === 0) return []
  const lookup = stateTable(context.project, 'phone')
  const missing = graphTable(context, entity, 'phones')
  const steps = new Steps()
  const written = steps.add(
    'written',
    'every phone as it was written, with the country in which it was meant',
    unionAll(
      pairs.map(
        ({ source, raw, region }) => sql`
          select ${raw} as raw, ${region} as region
          ${newRows(context, graph, source, relation(context, source))}`,
      ),
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
    context.dialect.createTable(missing, query),
  )
  return [{ kind: 'phones', phones: { collect, missing, lookup, version: PHONE_VERSION } }]
}

function read(context: Context, graph: Graph, source: Source): Step {
  const { entity } = graph
  const query =
    entity.of === undefined ? combinations(context, graph, source) : ownedCombinations(context, graph, source)
  const reason = 'the distinct combinations of identifiers that rows hold: far fewer than rows'
  return making(context, readTable(context, entity, source), `${entity.name} read ${source.name}`, reason, query)
}

function values(context: Context, graph: Graph): Step {
  const { entity } = graph
  const known = from(valuesState(context, entity))
  // What only a list names is nobody.
  const each = graph.sources.flatMap((source) =>
    identifierColumns(source, entity).map(
      (one) => sql`
        select ${text(one.type.name)} as type, ${id(one.as)} as value, first_seen_at, last_seen_at
        from ${from(readTable(context, entity, source))}
        where ${id(one.as)} is not null`,
    ),
  )
  const steps = new Steps()
  const every = steps.add('every_value', 'identifiers of all sources, one row a combination', unionAll(each))
  const distinct = steps.add(
    'distinct_values',
    'one row an identifier: a type and a value, never a value alone',
    sql`
      select type, value, min(first_seen_at) as first_seen_at, max(last_seen_at) as last_seen_at
      from ${every}
      group by type, value`,
  )
  const query = steps.select(sql`
    select
      ${numbered(context, sql`(select coalesce(max(node_id), 0) from ${known})`, strength(entity))} as node_id,
      n.type, n.value, n.first_seen_at, n.last_seen_at,
      known.node_id is null as is_new
    from ${distinct} as n
    left join ${known} as known on known.type = n.type and known.value = n.value`)
  const reason =
    'an identifier keeps its number for ever; new ones are numbered by first appearance, the strongest of a row first'
  return making(context, graphTable(context, entity, 'values'), `${entity.name} values`, reason, query)
}

/** How strong the type of an identifier `n` is: 0 is the strongest. */
function strength(entity: Entity): Sql {
  const [only, ...others] = entity.identifiers
  if (only === undefined || others.length === 0) return sql`n.type`
  const cases = entity.identifiers.map((type, at) => sql`when ${text(type.name)} then ${at}`)
  return sql`case n.type ${join(cases, ' ')} end`
}

/** The number of an identifier `n`: its own where it is `known`, else the next one after `last`. */
export function numbered({ dialect }: Context, last: Sql, strength: Sql): Sql {
  return sql`
    coalesce(
      known.node_id,
      ${last}
        + row_number() over (
          partition by known.node_id is null
          order by n.first_seen_at nulls last, ${strength}, ${dialect.textOrder(sql`n.value`)}
        )
    )`
}

function seen(context: Context, graph: Graph, source: Source): Step {
  const { entity } = graph
  const columns = identifierColumns(source, entity)
  const fresh = from(graphTable(context, entity, 'values'))
  const isList = !graph.sources.includes(source)
  const values = isList ? sql`(${everyValue(context, entity)})` : fresh
  const numbers = columns.map((one, index) => sql`coalesce(${column(`v${index + 1}`, 'node_id')}, 0) as ${id(one.as)}`)
  const person = entity.of === undefined ? [] : [sql`coalesce(member.anchor, 0) as ${id(MEMBER)}`]
  const numbered = sql`
    select
      ${lines([...numbers, ...person, join(['row_key', 'is_open', 'row_count', 'first_seen_at', 'last_seen_at'].map((name) => column('s', name)))])}
    from ${from(readTable(context, entity, source))} as s
    ${stacked([
      ...columns.map((one, index) => {
        const alias = `v${index + 1}`
        return sql`
          left join ${values} as ${id(alias)}
            on ${column(alias, 'type')} = ${text(one.type.name)} and ${column(alias, 'value')} = ${column('s', one.as)}`
      }),
      ...memberJoin(context, entity),
    ])}`
  const query = entity.of === undefined ? summed(context, source, entity, numbered) : numbered
  const reason = 'the same combinations by numbers; 0 where a row holds no identifier of the type'
  return making(context, seenTable(context, entity, source), `${entity.name} seen in ${source.name}`, reason, query)
}

/** One row a combination: two ways of writing an identifier are one by now. */
function summed(context: Context, source: Source, entity: Entity, numbered: Sql): Sql {
  const columns = tupleColumns(source, entity)
  const steps = new Steps()
  const rows = steps.add('numbered', 'the numbers of all identifiers of a row', numbered)
  const key = columns.includes('row_key') ? [] : [sql`min(row_key) as row_key`]
  return steps.select(sql`
    select
      ${lines([
        ...columns.map(id),
        ...key,
        sql`is_open`,
        sql`${context.dialect.cast(sql`sum(row_count)`, 'bigint')} as row_count`,
        sql`min(first_seen_at) as first_seen_at`,
        sql`max(last_seen_at) as last_seen_at`,
      ])}
    from ${rows}
    group by ${join([...columns.map(id), sql`is_open`])}`)
}

/** (node_id, type, value): every identifier that was ever seen, those in the rows of this build included. */
export function everyValue(context: Context, entity: Entity): Sql {
  return unionAll([
    sql`select node_id, type, value from ${from(valuesState(context, entity))}`,
    sql`select node_id, type, value from ${from(graphTable(context, entity, 'values'))} where is_new`,
  ])
}

/** The types whose values have a maximum of stronger ones that they may be seen with. */
export function cappedTypes(entity: Entity) {
  return entity.identifiers.filter((type) => type.maxFanout !== undefined && type.link)
}
