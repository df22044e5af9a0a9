import type { Entity, Segment } from '../project/project.ts'
import { HELD_OUT, hasVariantColumn, variantColumn } from '../project/segment-people.ts'
import { from, id, type Sql, sql, type Table, text, unionAll } from '../sql/sql.ts'
import type { Context } from './context.ts'
import { buildTable, segmentsTable } from './names.ts'

/** The segments of an entity, in the project's order. */
export function segmentsOf(context: Context, entity: Entity): readonly Segment[] {
  return [...context.project.segments.values()].filter((segment) => segment.entity === entity.name)
}

/**
 * (segment, profile_id, variant): one row a member, and one for each who is held out (variant `held_out`). A query and
 * no table: to read it from the columns of `segmentsTable` takes a twentieth of the time of writing it down.
 */
export function membership(context: Context, entity: Entity, segments = segmentsOf(context, entity)): Sql {
  const table = from(segmentsTable(context.project, entity.name))
  const none = context.dialect.cast(sql`null`, 'text')
  if (segments.length === 0)
    return sql`select ${none} as segment, profile_id, ${none} as variant from ${table} where 1 = 0`
  return unionAll(
    segments.map((segment) => {
      const variant = id(variantColumn(segment.name))
      const held = segment.split === undefined ? sql`` : sql` or ${variant} = ${text(HELD_OUT)}`
      return sql`
        select ${text(segment.name)} as segment, profile_id, ${hasVariantColumn(segment) ? variant : none} as variant
        from ${table}
        where ${id(segment.name)}${held}`
    }),
  )
}

/** (segment, profile_id): one row a member, read from `segmentsTable` or from some of its rows. */
export function members(
  context: Context,
  entity: Entity,
  rows = from(segmentsTable(context.project, entity.name)),
): Sql {
  const segments = segmentsOf(context, entity)
  const none = context.dialect.cast(sql`null`, 'text')
  if (segments.length === 0) return sql`select ${none} as segment, profile_id from ${rows} as s where 1 = 0`
  return unionAll(
    segments.map(({ name }) => sql`select ${text(name)} as segment, profile_id from ${rows} as s where ${id(name)}`),
  )
}

/** (segment, profile_id): who was a member when it was last published, and is none in this build. */
export function leftTable(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_left')
}

/** (profile_id): whose segments in this build are not those that were published. */
export function movedTable(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_moved')
}
