import type { Entity, Segment } from '../project/project.ts'
import { HELD_OUT, hasVariantColumn } from '../project/segment-people.ts'
import { from, id, join, lines, parameter, type Sql, type Statement, sql, text, unionAll } from '../sql/sql.ts'
import { type Context, statement } from './context.ts'
import { columnsOf, type StateTable } from './identity/state.ts'
import type { View } from './identity/views.ts'
import { clockTable, stateTable } from './names.ts'
import { movedMembers } from './segment-moves.ts'
import { namesTable, publishedHistory, publishNames } from './segment-names.ts'
import { leftTable, members, membership, movedTable, segmentsOf } from './segment-tables.ts'

const TABLES = {
  segment_history: {
    reason: 'who was a member of what, from when to when',
    columns: {
      entity: 'text',
      segment: 'text',
      profile_id: 'text',
      entered_at: 'timestamp',
      entered_run: 'text',
      left_at: 'timestamp',
      left_run: 'text',
    },
  },
  segment_exposure: {
    reason: 'when somebody was first in a variant; the variant is null for members of a segment that only holds out',
    columns: {
      entity: 'text',
      segment: 'text',
      profile_id: 'text',
      variant: 'text',
      first_at: 'timestamp',
      first_run: 'text',
    },
  },
  segment_size: {
    reason: 'how many each segment and variant had in each published build',
    columns: {
      entity: 'text',
      segment: 'text',
      variant: 'text',
      members: 'bigint',
      entered: 'bigint',
      left: 'bigint',
      held_out: 'bigint',
      build: 'bigint',
      run_id: 'text',
      at: 'timestamp',
    },
  },
} as const

type Remembered = keyof typeof TABLES

const REMEMBERED = Object.keys(TABLES) as readonly Remembered[]

/** What is remembered of segments. */
export function segmentTables(context: Context): readonly StateTable[] {
  return [
    ...REMEMBERED.map((name) => ({
      table: stateTable(context.project, name),
      reason: TABLES[name].reason,
      columns: columnsOf(TABLES[name].columns),
      by: ['entity', 'segment'],
    })),
    namesTable(context),
  ]
}

/** The views of what is remembered: where there are segments. */
export function historyViews({ project }: Context): readonly View[] {
  const view = (name: string, table: Remembered): View => ({
    name,
    reason: TABLES[table].reason,
    query: sql`
      select ${join(Object.keys(TABLES[table].columns).map(id))}
      from ${from(stateTable(project, table))}`,
  })
  return [
    view('segment_history', 'segment_history'),
    view('segment_exposures', 'segment_exposure'),
    view('segment_sizes', 'segment_size'),
  ]
}

/** What publishing remembers of an entity's segments. Every statement may run twice with the same effect. */
export function publishHistory(context: Context, entity: Entity): readonly Statement[] {
  const segments = segmentsOf(context, entity)
  if (segments.length === 0) return []
  const divided = segments.filter(hasVariantColumn)
  return [
    ...publishNames(
      context,
      entity,
      segments,
      REMEMBERED.map((name) => ({ name, columns: TABLES[name].columns })),
    ),
    left(context, entity),
    entered(context, entity),
    ...(divided.length === 0 ? [] : [exposed(context, entity, divided)]),
    sized(context, entity, segments),
  ]
}

/**
 * Memberships of entities that have no segments any more end, and what is older than the project remembers is
 * forgotten; memberships that last stay.
 */
export function forgetHistory(context: Context): readonly Statement[] {
  const { dialect, project } = context
  const oldest = dialect.shift(now(context), -project.history.amount, project.history.unit)
  const forget = (table: Remembered, time: string) =>
    statement(
      `forget ${table}`,
      'older than the project remembers',
      sql`
        delete from ${from(stateTable(project, table))}
        where ${id(time)} < ${oldest}`,
    )
  return [ended(context), forget('segment_history', 'left_at'), forget('segment_size', 'at')]
}

function ended(context: Context): Statement {
  const { entities } = context.project
  const known = [...entities.values()].filter((entity) => segmentsOf(context, entity).length > 0)
  const gone = known.length === 0 ? sql`` : sql` and entity not in (${join(known.map(({ name }) => text(name)))})`
  return statement(
    'end segment_history',
    'an entity without segments has no members',
    sql`
      update ${from(stateTable(context.project, 'segment_history'))}
      set left_at = ${now(context)}, left_run = ${parameter('run_id')}
      where left_at is null${gone}`,
  )
}

function now({ project }: Context): Sql {
  return sql`(select now from ${from(clockTable(project))})`
}

function left(context: Context, entity: Entity): Statement {
  const table = from(stateTable(context.project, 'segment_history'))
  return statement(
    `publish ${entity.name} left`,
    'members who left their segment',
    sql`
      update ${table}
      set left_at = ${now(context)}, left_run = ${parameter('run_id')}
      where entity = ${text(entity.name)} and left_at is null and exists (
        select 1
        from ${from(leftTable(context, entity))} as l
        where l.segment = segment_history.segment and l.profile_id = segment_history.profile_id
      )`,
  )
}

function entered(context: Context, entity: Entity): Statement {
  const table = from(stateTable(context.project, 'segment_history'))
  return statement(
    `publish ${entity.name} entered`,
    'members who were none before',
    sql`
      insert into ${table} (entity, segment, profile_id, entered_at, entered_run)
      select ${text(entity.name)}, m.segment, m.profile_id, ${now(context)}, ${parameter('run_id')}
      from (
        ${movedMembers(context, entity)}
      ) as m
      left join (
        select stays.segment, stays.profile_id
        from ${table} as stays
        join ${from(movedTable(context, entity))} as moved on moved.profile_id = stays.profile_id
        where stays.entity = ${text(entity.name)} and stays.left_at is null
      ) as h on h.segment = m.segment and h.profile_id = m.profile_id
      where h.profile_id is null`,
  )
}

function exposed(context: Context, entity: Entity, divided: readonly Segment[]): Statement {
  const table = from(stateTable(context.project, 'segment_exposure'))
  return statement(
    `publish ${entity.name} exposures`,
    'who is in a variant, or held out, for the first time',
    sql`
      insert into ${table} (entity, segment, profile_id, variant, first_at, first_run)
      select ${text(entity.name)}, m.segment, m.profile_id, m.variant, ${now(context)}, ${parameter('run_id')}
      from (
        ${membership(context, entity, divided)}
      ) as m
      where not exists (
        select 1
        from ${table} as e
        where e.entity = ${text(entity.name)} and e.segment = m.segment and e.profile_id = m.profile_id
          and coalesce(e.variant, '') = coalesce(m.variant, '')
      )`,
  )
}

/** A row a segment, and one a variant: of variants only the members are counted, because people change between them. */
function sized(context: Context, entity: Entity, segments: readonly Segment[]): Statement {
  const { dialect, project } = context
  const table = from(stateTable(project, 'segment_size'))
  const build = dialect.cast(parameter('build'), 'bigint')
  const none = dialect.cast(sql`null`, 'text')
  const listed = segments.flatMap(({ name, variants }) => [
    sql`select ${text(name)} as segment, ${none} as variant`,
    ...variants.map((variant) => sql`select ${text(name)} as segment, ${text(variant)} as variant`),
  ])
  const ofAll = (fact: string) =>
    sql`case when l.variant is null then ${counted(context, sql`f.fact = ${text(fact)}`)} end`
  return statement(
    `publish ${entity.name} segment sizes`,
    'how many there are in this build',
    sql`
      insert into ${table} (${join(Object.keys(TABLES.segment_size.columns).map(id))})
      select
        ${text(entity.name)}, l.segment, l.variant,
        ${counted(context, sql`f.fact = 'member' and (l.variant is null or f.variant = l.variant)`)},
        ${lines([ofAll('entered'), ofAll('left'), ofAll('held_out')])},
        ${build}, ${parameter('run_id')}, ${now(context)}
      from (
        ${unionAll(listed)}
      ) as l
      left join (
        ${unionAll([memberCounts(context, entity), writtenCounts(context, entity)])}
      ) as f on f.segment = l.segment
      where not exists (
        select 1
        from ${table} as s
        where s.entity = ${text(entity.name)} and s.build = ${build}
      )
      group by l.segment, l.variant`,
  )
}

/** How many people those rows of counts speak of on which `where` is true. */
export function counted({ dialect }: Context, where: Sql): Sql {
  return sql`coalesce(${dialect.aggregate('sum', sql`people`, where)}, 0)`
}

/** (segment, fact, variant, people): how many of each variant are a `member`, and how many are `held_out`. */
export function memberCounts(context: Context, entity: Entity): Sql {
  const fact = sql`case when variant = ${text(HELD_OUT)} then 'held_out' else 'member' end`
  return sql`
    select segment, ${fact} as fact, variant, count(*) as people
    from (
      ${membership(context, entity)}
    ) as memberships
    group by segment, variant`
}

/**
 * In the same columns how many of a build that is not published `left`, and how many `entered`: those who are members,
 * without those who were and stayed.
 */
export function movedCounts(context: Context, entity: Entity): Sql {
  const none = context.dialect.cast(sql`null`, 'text')
  const count = (fact: string, people: Sql, rows: Sql) => sql`
    select segment, ${text(fact)} as fact, ${none} as variant, ${people} as people
    from (
      ${rows}
    ) as ${id(fact)}
    group by segment`
  const published = sql`
    select segment
    from (
      ${publishedHistory(context, entity)}
    ) as stays
    where left_at is null`
  const gone = sql`select segment from ${from(leftTable(context, entity))}`
  return unionAll([
    count('left', sql`count(*)`, gone),
    count('entered', sql`count(*)`, gone),
    count('entered', sql`count(*)`, members(context, entity)),
    count('entered', sql`-count(*)`, published),
  ])
}

/** The same once it is written down. */
function writtenCounts(context: Context, entity: Entity): Sql {
  const none = context.dialect.cast(sql`null`, 'text')
  const count = (fact: 'entered' | 'left') => sql`
    select segment, ${text(fact)} as fact, ${none} as variant, count(*) as people
    from ${from(stateTable(context.project, 'segment_history'))}
    where entity = ${text(entity.name)} and ${id(`${fact}_run`)} = ${parameter('run_id')}
    group by segment`
  return unionAll([count('entered'), count('left')])
}
