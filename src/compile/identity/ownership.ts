import type { Entity, Source } from '../../project/project.ts'
import { column, id, lines, type Sql, Steps, sql } from '../../sql/sql.ts'
import { addAttributed } from '../attributed.ts'
import { type Context, hasTime } from '../context.ts'
import { addNormalised, identifierColumns, rowOrder, withNormalised } from '../rows.ts'
import { sourceModels, withParents } from '../sources.ts'
import { type Graph, isIncremental, MEMBER } from './evidence.ts'
import { profileIdsNow } from './overlay.ts'
import { newRows, openRow, readable } from './window.ts'

/*
 * A group (`of:`) is an entity over the profiles of another one: its members. Its graph is made of its own identifiers
 * alone; a row that also belongs to a member says where that member belongs, and joins neither groups nor members.
 */

/** The entity whose profiles are the members of a group; undefined for an entity that groups none. */
export function memberEntity({ project }: Context, entity: Entity): Entity | undefined {
  return entity.of === undefined ? undefined : project.entities.get(entity.of)
}

/** The models that a group's graph needs because its rows belong to members; none where the entity is no group. */
export function memberNeeds(context: Context, { entity, sources }: Graph): readonly string[] {
  const member = memberEntity(context, entity)
  if (member === undefined) return []
  const parents = sources.flatMap((source) => withParents(context.project, source))
  return [`identity/${member.name}`, ...sourceModels(context, parents)]
}

/**
 * The distinct combinations of a group's identifiers as text, each with the profile id of the member whose its rows
 * are (`cdp_member`, null for nobody) and the key of the newest of them, which decides who belongs where.
 */
export function ownedCombinations(context: Context, graph: Graph, source: Source): Sql {
  const { entity } = graph
  const steps = new Steps()
  const owned = addOwned(steps, context, source, entity)
  const rows = owned ?? addNormalised(steps, context, source, entity)
  const none = (type: 'text' | 'timestamp') => context.dialect.cast(sql`null`, type)
  const time = hasTime(source) ? sql`s.cdp_time` : none('timestamp')
  const key =
    source.key === undefined ? none('text') : context.dialect.valueAt('last', sql`s.cdp_key`, rowOrder(context, source))
  const open = openRow(context, graph, source)
  const values = identifierColumns(source, entity).map(
    (one) => [one.as, readable(context, source, one, column('s', one.as))] as const,
  )
  const grouped = [
    ...values.map(([, value]) => value),
    ...(owned ? [column('s', MEMBER)] : []),
    ...(isIncremental(source) ? [open] : []),
  ]
  return steps.select(sql`
    select
      ${lines([
        ...values.map(([name, value]) => sql`${value} as ${id(name)}`),
        sql`${owned ? column('s', MEMBER) : none('text')} as ${id(MEMBER)}`,
        sql`${key} as row_key`,
        sql`${open} as is_open`,
        sql`count(*) as row_count`,
        sql`min(${time}) as first_seen_at`,
        sql`max(${time}) as last_seen_at`,
      ])}
    ${newRows(context, graph, source, rows)}
    group by
      ${lines(grouped)}`)
}

/** The join that finds the number of the member of whom a row `s` speaks; none where the entity is no group. */
export function memberJoin(context: Context, entity: Entity): readonly Sql[] {
  const member = memberEntity(context, entity)
  if (member === undefined) return []
  return [
    sql`
      left join (
        ${profileIdsNow(context, member)}
      ) as member on member.profile_id = ${column('s', MEMBER)}`,
  ]
}

/** Adds the step that names, beside a group's identifiers, whose each row is; undefined where no row can be a member's. */
function addOwned(steps: Steps, context: Context, source: Source, entity: Entity): Sql | undefined {
  const member = memberEntity(context, entity)
  const people = member && addAttributed(steps, context, source, member)
  if (people === undefined) return undefined
  return steps.add(
    `${source.name}_owned`,
    `its identifiers of ${entity.name} in the form in which they are compared, and whose the row is`,
    withNormalised(context, source, entity, people, [sql`s.cdp_profile_id as ${id(MEMBER)}`]),
  )
}
