import type { Condition } from '../project/language.ts'
import type { Entity, Segment } from '../project/project.ts'
import { membershipsIn } from '../project/references.ts'
import {
  column,
  from,
  id,
  lines,
  type Sql,
  type Statement,
  Steps,
  sql,
  stacked,
  type Table,
  text,
  unionAll,
} from '../sql/sql.ts'
import { printCondition } from './condition.ts'
import { type Context, making, profileJoin, statement } from './context.ts'
import { eventsOf, withoutRows } from './events.ts'
import { layers } from './layers.ts'
import { block } from './layout.ts'
import type { Model, Step } from './model.ts'
import { buildTable, clockTable, profileTable, segmentsTable, stateTable } from './names.ts'
import type { PrintContext } from './print-context.ts'
import { memberColumn, personContext } from './print-context.ts'
import { eventColumnOf, scanQuery } from './scan.ts'
import { scansOf, scanTable } from './scans.ts'
import { sourceModels, withParents } from './sources.ts'

/** All segments of an entity, decided in one pass over its profiles; then who entered and who left since last time. */
export function compileSegments(context: Context, entity: Entity): Model | undefined {
  const segments = segmentsOf(context, entity)
  const events = [...eventsOf(context.project, entity).values()]
  if (segments.length === 0 && events.length === 0) return undefined
  const { project } = context
  const asked = events.flatMap((event) => project.sources.get(event.source) ?? [])
  const make = (name: string, reason: string, table: Table, query: Sql) =>
    making(context, table, `${entity.name} ${name}`, reason, query)
  return {
    name: `segments/${entity.name}`,
    kind: 'segments',
    needs: [
      `profiles/${entity.name}`,
      ...sourceModels(
        context,
        asked.flatMap((source) => withParents(project, source)),
      ),
    ],
    steps: [
      ...lateScans(context, entity),
      make(
        'segments',
        'every segment decided in one pass',
        segmentsTable(project, entity.name),
        decided(context, entity, segments),
      ),
      make('membership', 'one row a member', membershipTable(context, entity), membership(context, entity, segments)),
      make(
        'entered and left',
        'the difference against what was published',
        changesTable(context, entity),
        changes(context, entity),
      ),
    ],
    output: segmentsTable(project, entity.name),
    summary: summary(context, entity, segments),
  }
}

export function segmentsOf(context: Context, entity: Entity): readonly Segment[] {
  return [...context.project.segments.values()].filter((segment) => segment.entity === entity.name)
}

/** (segment, profile_id, variant): one row a member. */
export function membershipTable(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_membership')
}

/** (segment, profile_id, change): `entered` or `left` against the published history. */
export function changesTable(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_entered_left')
}

/** The events that are bounded by traits: their source is read a second time, once, after the profiles exist. */
function lateScans(context: Context, entity: Entity): readonly Step[] {
  const late = [...eventsOf(context.project, entity)].filter(([, event]) => event.needsProfile)
  return [...context.project.sources.values()].flatMap((source) => {
    const mine = late.filter(([, event]) => event.source === source.name)
    if (mine.length === 0) return []
    const columns = mine.map(([name, event]) => eventColumnOf(context, name, event))
    const reason = `what is asked of ${source.name} in terms of the person's traits, in one scan`
    const query = scanQuery(context, entity, source, columns, true)
    return [
      making(context, lateTable(context, entity, source.name), `${entity.name} after ${source.name}`, reason, query),
    ]
  })
}

function lateTable(context: Context, entity: Entity, source: string): Table {
  return buildTable(context.project, entity.name, '_after_', source)
}

function decided(context: Context, entity: Entity, segments: readonly Segment[]): Sql {
  const steps = new Steps()
  const facts = steps.add(
    'facts',
    'profiles and the answers of events (at most one row a profile each)',
    factsQuery(context, entity),
  )
  const print = personContext(context, 'p')
  const last = layers(segments, needs).reduce(
    (before, layer, index) =>
      steps.add(
        `decided_${index + 1}`,
        index === 0
          ? 'a condition that is null leaves the person out'
          : 'segments that speak of the segments before them',
        sql`
          select
            ${lines([sql`p.*`, ...layer.map((segment) => sql`${verdict(segment, print)} as ${id(memberColumn(segment.name))}`)])}
          from ${before} as p
          cross join ${from(clockTable(context.project))} as clock`,
      ),
    facts,
  )
  const events = [...eventsOf(context.project, entity).keys()]
  return steps.select(sql`
    select
      ${lines([sql`profile_id`, ...segments.map(({ name }) => sql`${id(memberColumn(name))} as ${id(name)}`), ...events.map(id)])}
    from ${last}`)
}

function factsQuery(context: Context, entity: Entity): Sql {
  const { project } = context
  const scans = scansOf(context, entity)
  const answers = [...eventsOf(project, entity)].map(([name, event]) => {
    const alias = `${event.needsProfile ? 'after' : 'from'}_${event.source}`
    return { name, alias, value: sql`coalesce(${column(alias, name)}, ${withoutRows(event) ? sql`true` : sql`false`})` }
  })
  const early = scans.filter(({ source }) => answers.some((one) => one.alias === `from_${source.name}`))
  const late = [...project.sources.values()].filter((source) =>
    answers.some((one) => one.alias === `after_${source.name}`),
  )
  const joins = [
    ...early.map(({ source }) => ({ alias: `from_${source.name}`, table: scanTable(context, entity, source) })),
    ...late.map((source) => ({ alias: `after_${source.name}`, table: lateTable(context, entity, source.name) })),
  ]
  return sql`
    select
      ${lines([sql`p.*`, ...answers.map((one) => sql`${one.value} as ${id(one.name)}`)])}
    from ${from(profileTable(project, entity.name))} as p
    ${stacked(joins.map(({ alias, table }) => profileJoin(table, alias, 'p')))}`
}

function verdict(segment: Segment, print: PrintContext): Sql {
  const excluded = segment.exclude.map((name) => sql`and not ${print.member(name)}`)
  return stacked([block(sql`coalesce(`, sql`${printCondition(segment.where, print)}, false`, sql`)`), ...excluded])
}

function needs(segment: { readonly where: Condition; readonly exclude: readonly string[] }): readonly string[] {
  return [...membershipsIn(segment.where), ...segment.exclude]
}

function membership(context: Context, entity: Entity, segments: readonly Segment[]): Sql {
  const table = from(segmentsTable(context.project, entity.name))
  const { dialect } = context
  if (segments.length === 0)
    return sql`select ${dialect.cast(sql`null`, 'text')} as segment, profile_id, ${dialect.cast(sql`null`, 'text')} as variant from ${table} where 1 = 0`
  return unionAll(
    segments.map(
      ({ name }) => sql`
        select ${text(name)} as segment, profile_id, ${dialect.cast(sql`null`, 'text')} as variant
        from ${table}
        where ${id(name)}`,
    ),
  )
}

function changes(context: Context, entity: Entity): Sql {
  const steps = new Steps()
  const before = steps.add(
    'before',
    'who was a member when it was last published',
    sql`
      select segment, profile_id
      from ${from(stateTable(context.project, 'segment_history'))}
      where entity = ${text(entity.name)} and left_at is null`,
  )
  return steps.select(sql`
    select
      coalesce(now.segment, ${before}.segment) as segment,
      coalesce(now.profile_id, ${before}.profile_id) as profile_id,
      case when ${before}.segment is null then 'entered' else 'left' end as change
    from ${from(membershipTable(context, entity))} as now
    full outer join ${before} on ${before}.segment = now.segment and ${before}.profile_id = now.profile_id
    where now.segment is null or ${before}.segment is null`)
}

/** One row for the report: `members_<segment>`, `entered_<segment>`, `left_<segment>`. */
function summary(context: Context, entity: Entity, segments: readonly Segment[]): Statement {
  const { dialect } = context
  const steps = new Steps()
  const facts = steps.add(
    'facts',
    'members, and who entered and left',
    unionAll([
      sql`select segment, 'member' as fact from ${from(membershipTable(context, entity))}`,
      sql`select segment, change as fact from ${from(changesTable(context, entity))}`,
    ]),
  )
  const counted = (name: string, fact: string, as: string) =>
    sql`${dialect.aggregate('count', undefined, sql`segment = ${text(name)} and fact = ${text(fact)}`)} as ${id(`${as}_${name}`)}`
  const counts = segments.flatMap(({ name }) => [
    counted(name, 'member', 'members'),
    counted(name, 'entered', 'entered'),
    counted(name, 'left', 'left'),
  ])
  const query = steps.select(sql`
    select
      ${lines(counts.length === 0 ? [sql`count(*) as facts`] : counts)}
    from ${facts}`)
  return statement(`${entity.name} segment sizes`, 'the counts of the report', query)
}
