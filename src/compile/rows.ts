import type { Entity, IdentifierType, Source } from '../project/project.ts'
import { makesProfiles } from '../project/resolving.ts'
import type { OrderKey, ValueType } from '../sql/dialect.ts'
import { column, from, id, join, lines, type Sql, type Steps, sql, text } from '../sql/sql.ts'
import { type Context, hasTime, relation, textColumns, timeOf } from './context.ts'
import { stateTable } from './names.ts'

/** Bumped when a new version of the phone library could read a number differently: parsed phones are then read anew. */
export const PHONE_VERSION = '1'

/** The most characters of an identifier: what is longer is no identifier, whatever it holds. */
export const LONGEST = 1000

const LONGEST_PHONE = 100

/** A column of a source that holds an identifier, and the column in which its comparable form is kept. */
export interface IdentifierColumn {
  readonly type: IdentifierType
  readonly column: string
  readonly country: string | undefined
  /** `cdp_<type>`, then `cdp2_<type>` where several columns hold one type. Null where the value identifies nobody. */
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
        as: `cdp${index === 0 ? '' : index + 1}_${type.name}`,
      })),
  )
}

/** The type under which a row without identifiers is a node of its own. */
export function rowType(source: Source): string {
  return `row:${source.name}`
}

/** A profile source's rows without any valid identifier make profiles of their own, named by the row's key. */
export function hasRowNodes(source: Source, entity: Entity): boolean {
  return makesProfiles(source, entity)
}

/**
 * Adds the step that gives every row of a source its identifiers in comparable form: `select *` of the source, one
 * `cdp_<type>` column each, and what orders rows (see `marks`). Returns the step's name.
 */
export function addIdentified(
  steps: Steps,
  context: Context,
  source: Source,
  entity: Entity,
  rows: Sql = relation(context, source),
): Sql {
  const normalised = addNormalised(steps, context, source, entity, rows)
  const columns = identifierColumns(source, entity)
  if (columns.length === 0) return normalised
  return steps.add(
    `${source.name}_identified`,
    'without the values that identify nobody',
    sql`
      select
        ${lines([sql`s.*`, ...columns.map((one) => sql`${allowed(context, one)} as ${id(valid(one))}`)])}
      from ${normalised} as s`,
  )
}

/** As `addIdentified`, blocked values still in it. */
export function addNormalised(
  steps: Steps,
  context: Context,
  source: Source,
  entity: Entity,
  rows: Sql = relation(context, source),
): Sql {
  return steps.add(
    `${source.name}_normalised`,
    'identifiers, keys and times in the form in which they are compared',
    withNormalised(context, source, entity, rows, marks(context, source)),
  )
}

/** A query of `rows` of a source with the comparable forms of its identifiers, and of further columns of a row `s`. */
export function withNormalised(
  context: Context,
  source: Source,
  entity: Entity,
  rows: Sql,
  more: readonly Sql[] = [],
): Sql {
  const columns = identifierColumns(source, entity)
  const forms = columns.map((one, index) => sql`${normal(context, source, one, index)} as ${id(one.as)}`)
  return sql`
    select
      ${lines([sql`s.*`, ...forms, ...more])}
    from ${rows} as s${phoneJoins(context, source, columns)}`
}

/** `cdp_key` and `cdp_time` of a row, where the source has them. */
export function marks(context: Context, source: Source): readonly Sql[] {
  const time = timeOf(context, source, 's')
  return [
    ...(source.key === undefined ? [] : [sql`${comparable(context, source, source.key, 's')} as cdp_key`]),
    ...(time === undefined ? [] : [sql`${time} as cdp_time`]),
  ]
}

/** What `marks` orders rows by: time, then key. */
export function rowOrder({ dialect }: Context, source: Source): readonly OrderKey[] {
  const time: OrderKey = { of: sql`s.cdp_time`, type: 'timestamp' }
  const key: OrderKey = { of: dialect.textOrder(sql`s.cdp_key`), type: 'text' }
  return [...(hasTime(source) ? [time] : []), ...(source.key === undefined ? [] : [key])]
}

/** The first value that is not null. */
export function firstOf(values: readonly Sql[]): Sql {
  const only = values.length === 1 ? values[0] : undefined
  return only ?? sql`coalesce(${join(values)})`
}

/** The column that holds the comparable and allowed form after `addIdentified`. */
export function valid(one: IdentifierColumn): string {
  return `${one.as}_valid`
}

/** An identifier of a row `s` in the form in which it is compared; phones by their join: see `phoneJoins`. */
export function normal(context: Context, source: Source, one: IdentifierColumn, index: number): Sql {
  const raw = column('s', one.column)
  if (one.type.normalise === 'phone') return column(`phone_${index + 1}`, 'e164')
  return context.dialect.normalise(raw, one.type.normalise, typeIn(source, one.column))
}

/** The joins that find the parsed phones of a row `s`. */
export function phoneJoins(context: Context, source: Source, columns: readonly IdentifierColumn[]): Sql {
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
  const written = comparable(context, source, one.column, alias)
  // No number is that long, and the lookup keeps what it was asked.
  return context.dialect.substring(written, sql`1`, sql`${LONGEST_PHONE}`)
}

export function phoneRegion(context: Context, source: Source, one: IdentifierColumn, alias: string): Sql {
  const fallback = text(context.project.phoneCountry ?? '')
  return one.country === undefined
    ? fallback
    : sql`coalesce(upper(${comparable(context, source, one.country, alias)}), ${fallback})`
}

/** A value as text without blanks around it. */
export function comparable(context: Context, source: Source, name: string, alias: string): Sql {
  return context.dialect.normalise(column(alias, name), 'exact', typeIn(source, name))
}

/** The type of an identifier column. Only files are read as the project says; a table's columns are what they are. */
function typeIn(source: Source, name: string): ValueType {
  if (source.relation.kind !== 'file') return 'unknown'
  return source.types.get(name) ?? (textColumns(source).has(name) ? 'text' : 'unknown')
}

/** The comparable form, or null where it identifies nobody. */
function allowed(context: Context, one: IdentifierColumn): Sql {
  const value = column('s', one.as)
  return sql`
    case
      when ${isBlocked(context, one.type, value)} then null
      else ${value}
    end`
}

/** True where a comparable value of a type identifies nobody: too long for an identifier, or on its block list. */
export function isBlocked({ dialect }: Context, type: IdentifierType, value: Sql): Sql {
  const values = type.block.flatMap((block) => (block.kind === 'value' ? [text(block.value)] : []))
  const patterns = alternatives(type.block.flatMap((block) => (block.kind === 'pattern' ? [block.pattern] : [])))
  const tests = [
    sql`${dialect.length(value)} > ${LONGEST}`,
    ...(values.length > 0 ? [sql`lower(${value}) in (${join(values)})`] : []),
    ...patterns.map((pattern) => dialect.matches(value, pattern)),
  ]
  return join(tests, ' or ')
}

/** The patterns joined to as few as stand on a line each: every one is a pass over all values. */
function alternatives(patterns: readonly string[]): readonly string[] {
  const joined: string[] = []
  for (const pattern of patterns) {
    const last = joined.at(-1)
    const together = `${last}|(?:${pattern})`
    if (last === undefined || together.length > 60) joined.push(`(?:${pattern})`)
    else joined[joined.length - 1] = together
  }
  return joined
}
