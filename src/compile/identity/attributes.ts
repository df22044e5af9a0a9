import type { Entity, Source } from '../../project/project.ts'
import { column, from, id, type Sql, Steps, sql, stacked, text, unionAll } from '../../sql/sql.ts'
import { type Context, making } from '../context.ts'
import type { Step } from '../model.ts'
import { firstOf, type IdentifierColumn, identifierColumns, rowType } from '../rows.ts'
import { evidence, type Graph, graphOf, tupleColumns } from './evidence.ts'
import { hasLone, identifiersNow, joiningNow, profileIdsNow } from './overlay.ts'
import { attributesTable, graphTable } from './tables.ts'

/** The step that lists identifiers which join nobody, by the profiles of the rows that hold them. */
export function attributesStep(context: Context, entity: Entity): Step {
  const reason = 'identifiers that join nobody, on the profiles whose rows hold them'
  const query = attributes(context, graphOf(context, entity))
  return making(context, attributesTable(context, entity), `${entity.name} attributes`, reason, query)
}

function attributes(context: Context, graph: Graph): Sql {
  const { entity } = graph
  const steps = new Steps()
  const people = steps.add('people', 'every identifier that joins, with its profile', joiningNow(context, entity))
  const quiet = steps.add(
    'quiet',
    'identifiers that join nobody, but are no mistake',
    sql`
      select i.node_id, i.type, i.value
      from (
        ${identifiersNow(context, entity)}
      ) as i
      join ${from(graphTable(context, entity, 'mute'))} as m on m.node_id = i.node_id
      where m.standing in ('silent', 'shared')`,
  )
  const rows = graph.sources.flatMap((source) => heldRows(steps, context, graph, source, people))
  if (rows.length === 0) return nothing(context, entity)
  const held = steps.add('held', 'one row a combination and identifier', unionAll(rows))
  return steps.select(sql`
    select
      ids.profile_id, q.type, q.value,
      min(h.first_seen_at) as first_seen_at, max(h.last_seen_at) as last_seen_at
    from ${held} as h
    join ${quiet} as q on q.node_id = h.node_id
    join (
      ${profileIdsNow(context, entity)}
    ) as ids on ids.anchor = h.profile
    group by ids.profile_id, q.type, q.value`)
}

function quietTypes(entity: Entity) {
  return entity.identifiers.filter((type) => !type.link || type.maxFanout !== undefined)
}

function nothing(context: Context, entity: Entity): Sql {
  const none = (type: 'text' | 'timestamp') => context.dialect.cast(sql`null`, type)
  return sql`
    select
      ${none('text')} as profile_id, type, value,
      ${none('timestamp')} as first_seen_at, ${none('timestamp')} as last_seen_at
    from ${from(graphTable(context, entity, 'values'))}
    where 1 = 0`
}

function heldRows(steps: Steps, context: Context, graph: Graph, source: Source, people: Sql): readonly Sql[] {
  const { entity } = graph
  const columns = identifierColumns(source, entity)
  const quiet = columns.filter((one) => quietTypes(entity).includes(one.type))
  if (quiet.length === 0) return []
  const held = steps.add(
    `${source.name}_held`,
    `what rows of ${source.name} hold now`,
    evidence(context, graph, source, 'row_key', 'first_seen_at', 'last_seen_at'),
  )
  const owned = steps.add(
    `${source.name}_owned`,
    `whose each combination of ${source.name} is: the profile of its strongest identifier`,
    ownedRows(context, graph, source, held, people, columns),
  )
  return quiet.map(
    (one) => sql`
      select o.profile, ${column('o', one.as)} as node_id, o.first_seen_at, o.last_seen_at
      from ${owned} as o
      where o.profile is not null and ${column('o', one.as)} <> 0`,
  )
}

function ownedRows(
  context: Context,
  graph: Graph,
  source: Source,
  held: Sql,
  people: Sql,
  columns: readonly IdentifierColumn[],
): Sql {
  const { entity } = graph
  const byRow = tupleColumns(source, entity).includes('row_key') && hasLone(context, entity)
  const owners = columns.map((_, index) => column(`p${index + 1}`, 'profile'))
  const lone = from(graphTable(context, entity, 'lone'))
  const joins = columns.map(
    (one, index) => sql`
      left join ${people} as ${id(`p${index + 1}`)} on ${column(`p${index + 1}`, 'node_id')} = ${column('s', one.as)}`,
  )
  const rowJoins = sql`
    left join ${lone} as alone on alone.type = ${text(rowType(source))} and alone.value = s.row_key and alone.standing = 'joins'
    left join ${people} as own on own.node_id = alone.node_id`
  return sql`
    select s.*, ${firstOf([...owners, ...(byRow ? [sql`own.profile`] : [])])} as profile
    from ${held} as s
    ${stacked([...joins, ...(byRow ? [rowJoins] : [])])}`
}
