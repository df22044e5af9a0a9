import type { Entity } from '../project/project.ts'
import { from, id, parameter, type Sql, type Statement, sql, text, unionAll } from '../sql/sql.ts'
import { type Context, statement } from './context.ts'
import { publishGraph } from './identity/publish.ts'
import { graphViews } from './identity/views.ts'
import { clockTable, profileTable, publishedView, segmentsTable, stateTable } from './names.ts'
import { changesTable, membershipTable, segmentsOf } from './segments.ts'

/**
 * What makes a build visible, in order: the identity state takes the build's delta, segment history its changes, the
 * views point at the build, and the row in `published` comes last. Every statement may run twice with the same effect,
 * so a publish that was cut off where DDL is not transactional is finished by running it again.
 */
export function compilePublish(context: Context): readonly Statement[] {
  const entities = [...context.project.entities.values()]
  return [
    ...entities.flatMap((entity) => publishGraph(context, entity)),
    ...entities.flatMap((entity) => history(context, entity)),
    ...entities.flatMap((entity) => views(context, entity)),
    ...segmentViews(context, entities),
    published(context),
  ]
}

/** The names of everything that publishing shows to readers. */
export function publishedNames(context: Context): readonly string[] {
  return [...context.project.entities.values()].flatMap((entity) => [
    entity.name,
    ...graphViews(context, entity).map(({ name }) => name),
    ...segmentsOf(context, entity).flatMap((segment) => [
      `segment_${segment.name}`,
      'segment_membership',
      'segment_history',
    ]),
  ])
}

function history(context: Context, entity: Entity): readonly Statement[] {
  if (segmentsOf(context, entity).length === 0) return []
  const table = from(stateTable(context.project, 'segment_history'))
  const changes = from(changesTable(context, entity))
  const now = sql`(select now from ${from(clockTable(context.project))})`
  return [
    statement(
      `publish ${entity.name} left`,
      'members who left their segment',
      sql`
        update ${table}
        set left_at = ${now}, left_run = ${parameter('run_id')}
        where entity = ${text(entity.name)} and left_at is null and exists (
          select 1
          from ${changes} as c
          where c.change = 'left' and c.segment = segment_history.segment and c.profile_id = segment_history.profile_id
        )`,
    ),
    statement(
      `publish ${entity.name} entered`,
      'members who entered a segment (none of them is in it already)',
      sql`
        insert into ${table} (entity, segment, profile_id, entered_at, entered_run)
        select ${text(entity.name)}, c.segment, c.profile_id, ${now}, ${parameter('run_id')}
        from ${changes} as c
        where c.change = 'entered' and not exists (
          select 1
          from ${table} as h
          where h.entity = ${text(entity.name)} and h.segment = c.segment and h.profile_id = c.profile_id and h.left_at is null
        )`,
    ),
  ]
}

function views(context: Context, entity: Entity): readonly Statement[] {
  const { project } = context
  const show = (name: string, reason: string, query: Sql) =>
    statement(`view ${name}`, reason, context.dialect.createView(publishedView(project, name), query))
  return [
    show(entity.name, 'one row a profile', sql`select * from ${from(profileTable(project, entity.name))}`),
    ...graphViews(context, entity).map(({ name, reason, query }) => show(name, reason, query)),
    ...segmentsOf(context, entity).map((segment) =>
      show(
        `segment_${segment.name}`,
        'the profiles of the members',
        sql`
          select p.*
          from ${from(profileTable(project, entity.name))} as p
          join ${from(segmentsTable(project, entity.name))} as s on s.profile_id = p.profile_id
          where s.${id(segment.name)}`,
      ),
    ),
  ]
}

function segmentViews(context: Context, entities: readonly Entity[]): readonly Statement[] {
  const { project } = context
  const withSegments = entities.filter((entity) => segmentsOf(context, entity).length > 0)
  if (withSegments.length === 0) return []
  const membership = unionAll(
    withSegments.map(
      (entity) =>
        sql`select ${text(entity.name)} as entity, segment, profile_id, variant from ${from(membershipTable(context, entity))}`,
    ),
  )
  const history = sql`
    select entity, segment, profile_id, entered_at, entered_run, left_at, left_run
    from ${from(stateTable(project, 'segment_history'))}`
  return [
    statement(
      'view segment_membership',
      'one row a member',
      context.dialect.createView(publishedView(project, 'segment_membership'), membership),
    ),
    statement(
      'view segment_history',
      'who was a member of what, from when to when',
      context.dialect.createView(publishedView(project, 'segment_history'), history),
    ),
  ]
}

function published(context: Context): Statement {
  const { dialect, project } = context
  const table = from(stateTable(project, 'published'))
  const build = dialect.cast(parameter('build'), 'bigint')
  return statement(
    'published',
    'last of all: from here on this build is what readers see',
    sql`
      insert into ${table} (build, run_id, published_at, business_time)
      select ${build}, ${parameter('run_id')}, ${dialect.clock()}, clock.now
      from ${from(clockTable(project))} as clock
      where not exists (select 1 from ${table} where build = ${build})`,
  )
}
