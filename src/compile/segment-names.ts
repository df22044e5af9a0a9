import type { Entity, Segment } from '../project/project.ts'
import { from, id, join, lines, type Sql, type Statement, sql, text, unionAll } from '../sql/sql.ts'
import { type Context, statement } from './context.ts'
import { columnsOf, type StateTable } from './identity/state.ts'
import { stateTable } from './names.ts'

/*
 * A segment has a name that lasts: the first under which it was published. Publishing writes it down; builds join it,
 * so that compiled text stays a function of the project alone. What is remembered of a segment bears its name of now,
 * and is moved to a new one when that is first published: readers of the views then need no join.
 */

/** (entity, segment, origin): the first name of every segment that was ever published. */
export function namesTable(context: Context): StateTable {
  return {
    table: stateTable(context.project, 'segment_name'),
    reason: 'the first name of each segment, by which people are divided',
    columns: columnsOf({ entity: 'text', segment: 'text', origin: 'text' }),
  }
}

/** One row with one column a segment: its lasting name. */
export function originsQuery(context: Context, entity: Entity, segments: readonly Segment[]): Sql {
  const stored = (name: string) => context.dialect.aggregate('max', sql`origin`, sql`segment = ${text(name)}`)
  const origins = segments.map(({ name, was }) => {
    const known = was === undefined ? [stored(name), text(name)] : [stored(name), stored(was), text(was)]
    return sql`coalesce(${join(known)}) as ${id(name)}`
  })
  return sql`
    select
      ${lines(origins)}
    from ${from(namesTable(context).table)}
    where entity = ${text(entity.name)}`
}

/**
 * Rows of a state table with the segments' names of now: `columns` of those rows of `entity`, after `segment`. Until a
 * new name was published, its rows bear the former one.
 */
export function underNewNames(context: Context, entity: Entity, table: string, columns: readonly string[]): Sql {
  const rows = from(stateTable(context.project, table))
  const renamed = renamedSegments(context, entity)
  if (renamed.length === 0)
    return sql`
      select ${join(['segment', ...columns].map(id))}
      from ${rows}
      where entity = ${text(entity.name)}`
  return sql`
    select ${join([sql`coalesce(n.segment, r.segment) as segment`, ...columns.map((name) => sql`r.${id(name)}`)])}
    from ${rows} as r
    left join (
      ${fresh(context, entity, renamed)}
    ) as n on n.was = r.segment
    where r.entity = ${text(entity.name)}`
}

/** (segment, profile_id, entered_at, left_at): the published memberships of an entity, under the names of now. */
export function publishedHistory(context: Context, entity: Entity): Sql {
  return underNewNames(context, entity, 'segment_history', ['profile_id', 'entered_at', 'left_at'])
}

interface Renamed {
  readonly name: string
  readonly was: string
}

function renamedSegments({ project }: Context, entity: Entity): readonly Renamed[] {
  return [...project.segments.values()].flatMap(({ name, was, entity: of }) =>
    was === undefined || of !== entity.name ? [] : [{ name, was }],
  )
}

/** (was, segment) of the new names that were not published yet. */
function fresh(context: Context, entity: Entity, renamed: readonly Renamed[]): Sql {
  return sql`
    select f.was, f.segment
    from (
      ${unionAll(renamed.map(({ name, was }) => sql`select ${text(was)} as was, ${text(name)} as segment`))}
    ) as f
    where ${isFresh(context, entity, sql`f.segment`)}`
}

function isFresh(context: Context, entity: Entity, segment: Sql): Sql {
  return sql`not exists (
    select 1
    from ${from(namesTable(context).table)} as known
    where known.entity = ${text(entity.name)} and known.segment = ${segment}
  )`
}

/**
 * What publishing writes of names: the rows of `tables` move to names that are new, then the new names are written
 * down, last of all former ones are forgotten. Cut off anywhere, it may begin again.
 */
export function publishNames(
  context: Context,
  entity: Entity,
  segments: readonly Segment[],
  tables: readonly { readonly name: string; readonly columns: Readonly<Record<string, unknown>> }[],
): readonly Statement[] {
  const renamed = renamedSegments(context, entity)
  const named = renamed.flatMap((one) =>
    tables.map(({ name }) => moved(context, entity, one, { table: name, set: 'segment', where: sql`` })),
  )
  // After all segments, because the waterfall itself may have a new name.
  const variants = renamed.flatMap((one) =>
    variantsNamed(segments, one).flatMap((waterfall) =>
      tables
        .filter(({ columns }) => 'variant' in columns)
        .map(({ name }) =>
          moved(context, entity, one, { table: name, set: 'variant', where: sql` and segment = ${text(waterfall)}` }),
        ),
    ),
  )
  return [
    ...named,
    ...variants,
    added(context, entity, segments),
    ...(renamed.length === 0 ? [] : [gone(context, entity, renamed)]),
  ]
}

/** The segments that have a variant of the name of another one. */
function variantsNamed(segments: readonly Segment[], { name }: Renamed): readonly string[] {
  return segments.flatMap((segment) => (segment.waterfall.includes(name) ? [segment.name] : []))
}

function moved(
  context: Context,
  entity: Entity,
  { name, was }: Renamed,
  { table, set, where }: { readonly table: string; readonly set: 'segment' | 'variant'; readonly where: Sql },
): Statement {
  return statement(
    `publish ${name} ${table} ${set}`,
    `${name} was ${was}`,
    sql`
      update ${from(stateTable(context.project, table))}
      set ${id(set)} = ${text(name)}
      where entity = ${text(entity.name)}${where} and ${id(set)} = ${text(was)}
        and ${isFresh(context, entity, text(name))}`,
  )
}

function added(context: Context, entity: Entity, segments: readonly Segment[]): Statement {
  const names = from(namesTable(context).table)
  const listed = segments.map(({ name, was }) => sql`select ${text(name)} as segment, ${text(was ?? name)} as was`)
  return statement(
    `publish ${entity.name} segment names`,
    'the first name of each segment: that of its former name, where it has one',
    sql`
      insert into ${names} (entity, segment, origin)
      select ${text(entity.name)}, s.segment, coalesce(before.origin, s.was)
      from (
        ${unionAll(listed)}
      ) as s
      left join ${names} as before on before.entity = ${text(entity.name)} and before.segment = s.was
      where ${isFresh(context, entity, sql`s.segment`)}`,
  )
}

function gone(context: Context, entity: Entity, renamed: readonly Renamed[]): Statement {
  return statement(
    `publish ${entity.name} former names`,
    'a former name is free for another segment',
    sql`
      delete from ${from(namesTable(context).table)}
      where entity = ${text(entity.name)} and segment in (${join(renamed.map(({ was }) => text(was)))})`,
  )
}
