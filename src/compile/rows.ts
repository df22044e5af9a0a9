import type { Block, Entity, IdentifierType, Source } from '../project/project.ts'
import type { Dialect, ValueType } from '../sql/dialect.ts'
import { column, from, id, join, lines, type Sql, type Steps, sql, stacked, text } from '../sql/sql.ts'
import { type Context, hasTime, relation, textColumns, timeOf } from './context.ts'
import { buildTable, stateTable } from './names.ts'

/** Bumped when a new version of the phone library could read a number differently: parsed phones are then read anew. */
export const PHONE_VERSION = '1'

/** A column of a source that holds an identifier, and the column in which its comparable form is kept. */
export interface IdentifierColumn {
  readonly type: IdentifierType
  readonly column: string
  readonly country: string | undefined
  /** `cdp_<type>`, numbered where several columns hold one type. Null where the value identifies nobody. */
  readonly as: string
}

/** The identifier columns of a source that belong to an entity, strongest type first. */
export function identifierColumns(source: Source, entity: Entity): readonly IdentifierColumn[] {
  return entity.identifiers.flatMap((type) =>
    source.identifiers
      .filter((identifier) => identifier.type === type.name)
      .map((identifier, index) => ({
        type,
        column: identifier.column,
        country: identifier.country,
        as: `cdp_${type.name}${index === 0 ? '' : `_${index + 1}`}`,
      })),
  )
}

/** The type under which a row without identifiers is a node of its own. */
export function rowType(source: Source): string {
  return `row:${source.name}`
}

/** A profile source's rows without any valid identifier make profiles of their own, named by the row's key. */
export function hasRowNodes(source: Source): boolean {
  return source.category === 'profile' && source.key !== undefined
}

/**
 * Adds the step that gives every row of a source its identifiers in comparable form: `select *` of the source, one
 * `cdp_<type>` column each, and what orders rows (see `marks`). Returns the step's name.
 */
export function addIdentified(steps: Steps, context: Context, source: Source, entity: Entity): Sql {
  const columns = identifierColumns(source, entity)
  const normalised = steps.add(
    `${source.name}_normalised`,
    'identifiers, keys and times in the form in which they are compared',
    sql`
      select
        ${lines([
          sql`s.*`,
          ...columns.map((one, index) => sql`${normal(context, source, one, index)} as ${id(one.as)}`),
          ...marks(context, source),
        ])}
      from ${relation(context, source)} as s${phoneJoins(context, source, columns)}`,
  )
  const blocked = columns.filter((one) => one.type.block.length > 0)
  if (blocked.length === 0) return normalised
  return steps.add(
    `${source.name}_identified`,
    'without the values that identify nobody',
    sql`
      select
        ${lines([sql`s.*`, ...blocked.map((one) => sql`${allowed(context, one)} as ${id(valid(one))}`)])}
      from ${normalised} as s`,
  )
}

/** `cdp_key` and `cdp_time` of a row, where the source has them. */
function marks(context: Context, source: Source): readonly Sql[] {
  const time = timeOf(context, source, 's')
  return [
    ...(source.key === undefined ? [] : [sql`${exact(context, source, source.key, 's')} as cdp_key`]),
    ...(time === undefined ? [] : [sql`${time} as cdp_time`]),
  ]
}

/** What `marks` orders rows by: time, then key. */
export function rowOrder(source: Source): readonly Sql[] {
  return [...(hasTime(source) ? [sql`s.cdp_time`] : []), ...(source.key === undefined ? [] : [sql`s.cdp_key`])]
}

/** Stands for "at no known time" in comparisons: before every real one. */
export function beginning(dialect: Dialect): Sql {
  return dialect.instantLiteral('0001-01-01T00:00:00Z')
}

/** The column that holds the comparable and allowed form after `addIdentified`. */
export function valid(one: IdentifierColumn): string {
  return one.type.block.length > 0 ? `${one.as}_valid` : one.as
}

/**
 * Adds the step that names each row's profile: that of its strongest identifier which is known to the graph. Rows of
 * a source without identifiers belong to the profile of their parent (`belongs_to`). The row keeps its columns and
 * gains `cdp_profile_id` (null: unattributed).
 */
export function addAttributed(steps: Steps, context: Context, source: Source, entity: Entity): Sql | undefined {
  const columns = identifierColumns(source, entity)
  if (columns.length === 0 && !hasRowNodes(source)) return addThroughParent(steps, context, source, entity)
  const identified = addIdentified(steps, context, source, entity)
  const lookups = columns.map((one, index) => ({
    alias: `lookup_${index + 1}`,
    type: one.type.name,
    value: column('s', valid(one)),
  }))
  if (hasRowNodes(source)) lookups.push({ alias: 'lookup_row', type: rowType(source), value: sql`s.cdp_key` })
  const graph = from(lookupTable(context, entity))
  return steps.add(
    `${source.name}_attributed`,
    'whose each row is: the profile of its strongest identifier (at most one profile a row)',
    sql`
      select
        s.*,
        ${firstOf(lookups.map((one) => column(one.alias, 'profile_id')))} as cdp_profile_id
      from ${identified} as s
      ${stacked(lookups.map((one) => lookupJoin(graph, one)))}`,
  )
}

/** (type, value) of every allowed identifier → its profile; null where the value joins nobody. */
export function lookupTable(context: Context, entity: Entity) {
  return buildTable(context.project, entity.name, '_lookup')
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
    hasRowNodes(source) ||
    parentWithPeople(context, source, entity) !== undefined
  )
}

/** The join that finds the profile of one identifier (at most one row). */
export function lookupJoin(
  graph: Sql,
  one: { readonly alias: string; readonly type: string; readonly value: Sql },
): Sql {
  return sql`
    left join ${graph} as ${id(one.alias)}
      on ${column(one.alias, 'type')} = ${text(one.type)} and ${column(one.alias, 'value')} = ${one.value}`
}

/** The first value that is not null. */
export function firstOf(values: readonly Sql[]): Sql {
  const only = values.length === 1 ? values[0] : undefined
  return only ?? sql`coalesce(${join(values)})`
}

function addThroughParent(steps: Steps, context: Context, source: Source, entity: Entity): Sql | undefined {
  const link = parentWithPeople(context, source, entity)
  if (link === undefined || link.parent.key === undefined) return undefined
  const parents = addAttributed(steps, context, link.parent, entity)
  if (parents === undefined) return undefined
  const owners = steps.add(
    `${link.parent.name}_owners`,
    `the profile of each row of ${link.parent.name} (one row a key, even where a key repeats)`,
    sql`
      select ${column('s', link.parent.key)} as cdp_key, min(s.cdp_profile_id) as cdp_profile_id
      from ${parents} as s
      where ${column('s', link.parent.key)} is not null
      group by ${column('s', link.parent.key)}`,
  )
  return steps.add(
    `${source.name}_attributed`,
    `whose each row is: the profile of its ${link.parent.name} (at most one profile a row)`,
    sql`
      select
        ${lines([sql`s.*`, ...marks(context, source), sql`owner.cdp_profile_id`])}
      from ${relation(context, source)} as s
      left join ${owners} as owner on owner.cdp_key = ${column('s', link.through)}`,
  )
}

function normal(context: Context, source: Source, one: IdentifierColumn, index: number): Sql {
  const raw = column('s', one.column)
  if (one.type.normalise === 'phone') return column(`phone_${index + 1}`, 'e164')
  return context.dialect.normalise(raw, one.type.normalise, typeIn(source, one.column))
}

function phoneJoins(context: Context, source: Source, columns: readonly IdentifierColumn[]): Sql {
  const phones = from(stateTable(context.project, 'phone'))
  return columns.reduce((before, one, index) => {
    if (one.type.normalise !== 'phone') return before
    const alias = `phone_${index + 1}`
    return sql`${before}
      left join ${phones} as ${id(alias)}
        on ${column(alias, 'raw')} = ${rawPhone(context, source, one, 's')}
        and ${column(alias, 'region')} = ${phoneRegion(context, source, one, 's')}
        and ${column(alias, 'version')} = ${text(PHONE_VERSION)}`
  }, sql``)
}

/** A phone as it was written, and the country in which it was meant ('' where nothing says): the key of the lookup. */
export function rawPhone(context: Context, source: Source, one: IdentifierColumn, alias: string): Sql {
  return exact(context, source, one.column, alias)
}

export function phoneRegion(context: Context, source: Source, one: IdentifierColumn, alias: string): Sql {
  const fallback = text(context.project.phoneCountry ?? '')
  return one.country === undefined
    ? fallback
    : sql`coalesce(upper(${exact(context, source, one.country, alias)}), ${fallback})`
}

/** A value as text without blanks around it. */
function exact(context: Context, source: Source, name: string, alias: string): Sql {
  return context.dialect.normalise(column(alias, name), 'exact', typeIn(source, name))
}

function typeIn(source: Source, name: string): ValueType {
  return source.types.get(name) ?? (textColumns(source).has(name) ? 'text' : 'unknown')
}

/** The comparable form, or null where it is on the block list. */
function allowed(context: Context, one: IdentifierColumn): Sql {
  const value = column('s', one.as)
  const tests = one.type.block.filter((block): block is Extract<Block, { kind: 'pattern' }> => block.kind === 'pattern')
  const values = one.type.block.flatMap((block) => (block.kind === 'value' ? [text(block.value)] : []))
  const refused = [
    ...(values.length > 0 ? [sql`lower(${value}) in (${join(values)})`] : []),
    ...tests.map((block) => context.dialect.matches(value, block.pattern)),
  ]
  return sql`
    case
      ${stacked(refused.map((test) => sql`when ${test} then null`))}
      else ${value}
    end`
}
