import type { Entity, Source } from '../project/project.ts'
import { column, id, join, lines, type Sql, type Steps, sql, stacked, text } from '../sql/sql.ts'
import type { Context } from './context.ts'
import { relation } from './context.ts'
import { identifiersNow, joiningNow, profileIdsNow } from './identity/overlay.ts'
import { addIdentified, firstOf, hasRowNodes, identifierColumns, marks, rowType } from './rows.ts'

/**
 * Adds the step that names each row's profile: that of its strongest identifier which is known to the graph. Rows of
 * a source without identifiers belong to the profile of their parent (`belongs_to`). The row keeps its columns and
 * gains `cdp_profile_id` and the profile's number, `cdp_profile` (null: unattributed). `rows`: where the rows of the
 * source are selected from, if not all of them are meant.
 */
export function addAttributed(
  steps: Steps,
  context: Context,
  source: Source,
  entity: Entity,
  rows: Sql = relation(context, source),
): Sql | undefined {
  const columns = identifierColumns(source, entity)
  if (columns.length === 0 && !hasRowNodes(source, entity))
    return addThroughParent(steps, context, source, entity, rows)
  const identified = addIdentified(steps, context, source, entity, rows)
  const lookups = columns.map((one, index) => ({
    alias: `lookup_${index + 1}`,
    type: one.type.name,
    // What a block list refuses joins nobody, so that it is not in the lookup: it needs not be tested on every row.
    value: column('s', one.as),
  }))
  if (hasRowNodes(source, entity)) lookups.push({ alias: 'lookup_row', type: rowType(source), value: sql`s.cdp_key` })
  const people = addLookup(steps, context, source, entity, [...new Set(lookups.map((one) => one.type))])
  return steps.add(
    `${source.name}_attributed`,
    'whose each row is: the profile of its strongest identifier (at most one profile a row)',
    sql`
      select
        s.*,
        ${firstOf(lookups.map((one) => column(one.alias, 'profile')))} as cdp_profile,
        ${firstOf(lookups.map((one) => column(one.alias, 'profile_id')))} as cdp_profile_id
      from ${identified} as s
      ${stacked(
        lookups.map(
          (one) => sql`
            left join ${people} as ${id(one.alias)}
              on ${column(one.alias, 'type')} = ${text(one.type)} and ${column(one.alias, 'value')} = ${one.value}`,
        ),
      )}`,
  )
}

function addLookup(steps: Steps, context: Context, source: Source, entity: Entity, types: readonly string[]): Sql {
  return steps.add(
    `${source.name}_lookup`,
    'every identifier that joins, and its profile (one row an identifier)',
    sql`
      select i.type, i.value, n.profile, p.profile_id
      from (
        ${identifiersNow(context, entity)}
      ) as i
      join (
        ${joiningNow(context, entity)}
      ) as n on n.node_id = i.node_id
      join (
        ${profileIdsNow(context, entity)}
      ) as p on p.anchor = n.profile
      where i.type in (${join(types.map(text))})`,
  )
}

/** The source from which a source without identifiers takes its people, or undefined where there is none. */
export function parentWithPeople(
  context: Context,
  source: Source,
  entity: Entity,
): { parent: Source; through: string } | undefined {
  for (const [name, through] of source.belongsTo) {
    const parent = context.project.sources.get(name)
    if (parent !== undefined && isAttributed(context, parent, entity)) return { parent, through }
  }
  return undefined
}

/** Whether rows of a source can belong to profiles of an entity at all. */
export function isAttributed(context: Context, source: Source, entity: Entity): boolean {
  return (
    identifierColumns(source, entity).length > 0 ||
    hasRowNodes(source, entity) ||
    parentWithPeople(context, source, entity) !== undefined
  )
}

function addThroughParent(steps: Steps, context: Context, source: Source, entity: Entity, rows: Sql): Sql | undefined {
  const link = parentWithPeople(context, source, entity)
  if (link === undefined || link.parent.key === undefined) return undefined
  const parents = addAttributed(steps, context, link.parent, entity)
  if (parents === undefined) return undefined
  const owners = steps.add(
    `${link.parent.name}_owners`,
    `the profile of each row of ${link.parent.name} (one row a key, even where a key repeats)`,
    sql`
      select o.cdp_key, o.cdp_profile, p.profile_id as cdp_profile_id
      from (
        select ${column('s', link.parent.key)} as cdp_key, min(s.cdp_profile) as cdp_profile
        from ${parents} as s
        where ${column('s', link.parent.key)} is not null
        group by ${column('s', link.parent.key)}
      ) as o
      join (
        ${profileIdsNow(context, entity)}
      ) as p on p.anchor = o.cdp_profile`,
  )
  return steps.add(
    `${source.name}_attributed`,
    `whose each row is: the profile of its ${link.parent.name} (at most one profile a row)`,
    sql`
      select
        ${lines([sql`s.*`, ...marks(context, source), sql`owner.cdp_profile`, sql`owner.cdp_profile_id`])}
      from ${rows} as s
      left join ${owners} as owner on owner.cdp_key = ${column('s', link.through)}`,
  )
}
