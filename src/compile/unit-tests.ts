import { builtInColumns, traitColumns } from '../project/columns.ts'
import { identityLists } from '../project/identity-lists.ts'
import type { Expression } from '../project/language.ts'
import type { Entity } from '../project/project.ts'
import { isTime } from '../project/types.ts'
import type { GivenColumns, GivenRow, GivenValue, PastMember, UnitTest } from '../project/unit-test.ts'
import type { ValueType } from '../sql/dialect.ts'
import {
  column,
  empty,
  from,
  id,
  lines,
  type Sql,
  type Statement,
  Steps,
  sql,
  type Table,
  text,
  unionAll,
} from '../sql/sql.ts'
import { addAttributed } from './attributed.ts'
import { type Context, statement } from './context.ts'
import { printExpression } from './expression.ts'
import { identifiersNow, membersNow } from './identity/overlay.ts'
import { attributesTable, graphTable } from './identity/tables.ts'
import { type Columns, type Listing, listing } from './listing.ts'
import { profileTable, segmentsTable, stateTable } from './names.ts'
import { type PrintContext, personContext } from './print-context.ts'
import { membership } from './segment-tables.ts'
import { asDate, asInstant } from './time.ts'

/** The schema that holds the rows of a test: a table for each source. */
export const GIVEN = 'given'

/** Makes the tables of a test: one for each source and list, empty where the test gives no rows of it. */
export function givenTables(context: Context, test: Pick<UnitTest, 'given' | 'now'>): readonly Statement[] {
  const { dialect, project } = context
  const lists = identityLists(project).map(({ source }) => source.name)
  const there = new Set([...project.sources.keys(), ...lists])
  return [...project.unitTests.columns].flatMap(([source, columns]) => {
    if (!there.has(source)) return []
    const table: Table = { schema: GIVEN, name: [source] }
    const rows = test.given.get(source) ?? []
    const typed = [...columns].map(([name, type]) => ({ name, type }))
    const made =
      rows.length === 0
        ? dialect.createEmptyTable(table, typed)
        : dialect.createTable(table, unionAll(rows.map((row) => rowQuery(context, test.now, columns, row))))
    return [statement(`given ${source}`, 'the rows of the test', made)]
  })
}

function rowQuery(context: Context, now: string, columns: GivenColumns, row: GivenRow): Sql {
  const cells = [...columns].map(([name, type]) => {
    const value = cellOf(context, now, row.get(name) ?? { kind: 'null' }, type)
    return sql`${context.dialect.cast(value, type)} as ${id(name)}`
  })
  return sql`
    select
      ${lines(cells)}`
}

function cellOf(context: Context, now: string, value: GivenValue, type: ValueType): Sql {
  if (value.kind === 'list') return text(JSON.stringify(value.items))
  if (value.kind === 'number') return text(value.value)
  if (!isTime(type)) return printExpression(value, atTime(context, now))
  const times = { context: atTime(context, now), print: (one: Expression) => printExpression(one, times.context) }
  return type === 'date' ? asDate(value, times) : asInstant(value, times)
}

/** Values of a test speak of its time and of no names. */
function atTime(context: Context, now: string): PrintContext {
  return { ...personContext(context, 'nobody'), now: context.dialect.instantLiteral(now) }
}

/** Adds memberships of profiles to what is remembered of segments. */
export function rememberStatement(
  context: Context,
  now: string,
  members: readonly (PastMember & { readonly profile: string })[],
): Statement {
  const { dialect } = context
  const rows = members.map(({ entity, segment, profile, from: since, to }) => {
    const until = to === undefined ? dialect.cast(sql`null`, 'timestamp') : cellOf(context, now, to, 'timestamp')
    return sql`
      select ${text(entity)}, ${text(segment)}, ${text(profile)}, ${cellOf(context, now, since, 'timestamp')}, ${until}`
  })
  return statement(
    'remember members',
    'what was published before the test',
    sql`
      insert into ${from(history(context))} (entity, segment, profile_id, entered_at, left_at)
      ${unionAll(rows)}`,
  )
}

/** Forgets them. */
export function forgetMembers(context: Context): Statement {
  return statement('forget members', 'the test is over', sql`delete from ${from(history(context))} where true`)
}

function history({ project }: Context): Table {
  return stateTable(project, 'segment_history')
}

/** One row: `timestamp` and `date`, a time of a test as the text of either. */
export function timeStatement(context: Context, now: string, time: Expression): Statement {
  const as = (type: 'timestamp' | 'date') =>
    sql`${context.dialect.plainText(cellOf(context, now, time, type), type)} as ${id(type)}`
  return statement('expected time', 'the time that a test expects', sql`select ${as('timestamp')}, ${as('date')}`)
}

const PERSON = { type: 'text', value: 'text', profile_id: 'text?', standing: 'text' } as const

/**
 * Every identifier in the rows of an unpublished build, and whose it is. One that joins nobody has its standing; it
 * stands there once more, as `held`, for each profile whose rows hold it.
 */
export function peopleListing(context: Context, entity: Entity): Listing<typeof PERSON> {
  return listing(context, {
    name: `people of ${entity.name}`,
    reason: 'identifiers and their profiles (one row an identifier and profile)',
    columns: PERSON,
    steps: new Steps(),
    rows: unionAll([
      sql`
        select i.type, i.value, m.profile_id, coalesce(q.standing, 'joins') as standing
        from (
          ${identifiersNow(context, entity)}
        ) as i
        left join (
          ${membersNow(context, entity)}
        ) as m on m.node_id = i.node_id
        left join ${from(graphTable(context, entity, 'mute'))} as q on q.node_id = i.node_id`,
      sql`
        select type, value, profile_id, 'held' as standing
        from ${from(attributesTable(context, entity))}`,
    ]),
  })
}

/** What is asked of the profiles of an entity. */
export interface AskedFacts {
  readonly traits: readonly string[]
  readonly segments: readonly string[]
}

/** Every profile: `profile_id`, `trait_<name>` as text, `in_<segment>` as true or false, `variant_<segment>`. */
export function factsListing(context: Context, entity: Entity, asked: AskedFacts): Listing<Columns> {
  const { project, dialect } = context
  const types = typesOf(context, entity)
  const variant = (segment: string) => sql`
    (
      select max(m.variant)
      from (
        ${membership(context, entity)}
      ) as m
      where m.segment = ${text(segment)} and m.profile_id = p.profile_id
    )`
  const cells = [
    sql`p.profile_id`,
    ...asked.traits.map(
      (name) => sql`${dialect.plainText(column('p', name), types.get(name) ?? 'unknown')} as ${id(`trait_${name}`)}`,
    ),
    ...asked.segments.flatMap((name) => [
      sql`${dialect.plainText(column('s', name), 'boolean')} as ${id(`in_${name}`)}`,
      sql`${variant(name)} as ${id(`variant_${name}`)}`,
    ]),
  ]
  const join = sql`
    join ${from(segmentsTable(project, entity.name))} as s on s.profile_id = p.profile_id`
  const names = [
    ...asked.traits.map((name) => `trait_${name}`),
    ...asked.segments.flatMap((name) => [`in_${name}`, `variant_${name}`]),
  ]
  return listing(context, {
    name: `facts of ${entity.name}`,
    reason: 'what a test asks of each profile (one row a profile)',
    columns: { profile_id: 'text', ...Object.fromEntries(names.map((name) => [name, 'text?' as const])) },
    steps: new Steps(),
    rows: sql`
      select
        ${lines(cells)}
      from ${from(profileTable(project, entity.name))} as p
      ${asked.segments.length === 0 ? empty : join}`,
  })
}

/** The types of a profile's columns, as far as the project knows them. */
export function typesOf({ project }: Context, entity: Entity): ReadonlyMap<string, ValueType> {
  const all = [...builtInColumns(project, entity), ...traitColumns(entity.traits)]
  return new Map(all.map(({ name, type }) => [name, type]))
}

/** The rows of a source with the profile that each belongs to: `profile_id`, then the columns as text. */
export function rowsListing(
  context: Context,
  entity: Entity,
  asked: { readonly source: string; readonly columns: readonly string[] },
): Listing<Columns> | undefined {
  const source = context.project.sources.get(asked.source)
  const steps = new Steps()
  const rows = source && addAttributed(steps, context, source, entity)
  if (rows === undefined) return undefined
  const cell = (name: string) =>
    sql`${context.dialect.plainText(column('r', name), 'unknown')} as ${id(`column_${name}`)}`
  return listing(context, {
    name: `rows of ${asked.source}`,
    reason: 'the rows that belong to somebody, with the columns that are asked for',
    columns: {
      profile_id: 'text',
      ...Object.fromEntries(asked.columns.map((name) => [`column_${name}`, 'text?' as const])),
    },
    steps,
    rows: sql`
      select
        ${lines([sql`r.cdp_profile_id as profile_id`, ...asked.columns.map(cell)])}
      from ${rows} as r
      where r.cdp_profile_id is not null`,
  })
}
