import type { Entity } from '../project/project.ts'
import { from, id, parameter, type Sql, type Statement, sql, text, unionAll } from '../sql/sql.ts'
import { type Context, statement } from './context.ts'
import { publishGraph } from './identity/publish.ts'
import { graphViews } from './identity/views.ts'
import { forgetPlans } from './kept-builds.ts'
import { clockTable, profileTable, publishedView, segmentsTable, stateTable } from './names.ts'
import { publishParts } from './parts-mark.ts'
import { forgetHistory, historyViews, publishHistory } from './segment-history.ts'
import { membership, segmentsOf } from './segment-tables.ts'

/**
 * What makes a build visible, in order: the identity state takes the build's delta, segment history its changes, the
 * views point at the build, and the row in `published` comes last. Every statement may run twice with the same effect,
 * so a publish that was cut off where DDL is not transactional is finished by running it again.
 */
export function compilePublish(context: Context): readonly Statement[] {
  const entities = [...context.project.entities.values()]
  return [
    ...entities.flatMap((entity) => publishGraph(context, entity)),
    ...entities.flatMap((entity) => publishParts(context, entity)),
    ...entities.flatMap((entity) => publishHistory(context, entity)),
    ...forgetHistory(context),
    ...entities.flatMap((entity) => views(context, entity)),
    ...segmentViews(context, entities),
    forgetPlans(context),
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
      ...historyViews(context).map(({ name }) => name),
    ]),
  ])
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
  const all = unionAll(
    withSegments.map(
      (entity) =>
        sql`
          select ${text(entity.name)} as entity, segment, profile_id, variant
          from (
            ${membership(context, entity)}
          ) as ${id(`${entity.name}_membership`)}`,
    ),
  )
  const show = (name: string, reason: string, query: Sql) =>
    statement(`view ${name}`, reason, context.dialect.createView(publishedView(project, name), query))
  return [
    show('segment_membership', 'one row a member, and one for each who is held out', all),
    ...historyViews(context).map(({ name, reason, query }) => show(name, reason, query)),
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
