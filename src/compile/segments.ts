import type { Entity, Segment } from '../project/project.ts'
import { hasVariantColumn, variantColumn } from '../project/segment-people.ts'
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
import { addBarred, mayColumn } from './barred.ts'
import { type Context, making, profileJoin, statement } from './context.ts'
import { eventColumnOf } from './event-columns.ts'
import { conditionsOf, eventsOf, withoutRows } from './events.ts'
import { groupFacts, groupJoins, groupTraits } from './groups.ts'
import { addMembers } from './membership.ts'
import type { Model, Step } from './model.ts'
import { buildTable, profileTable, segmentsTable } from './names.ts'
import { pastQuery, pastsOf, pastTable } from './past.ts'
import { memberColumn } from './print-context.ts'
import { scanQuery } from './scan.ts'
import { scansOf, scanTable } from './scans.ts'
import { counted, memberCounts, movedCounts } from './segment-history.ts'
import { leftQuery, movedQuery } from './segment-moves.ts'
import { leftTable, movedTable, segmentsOf } from './segment-tables.ts'
import { sequenceSources, sequencesOf, sequencesQuery, sequencesTable } from './sequences.ts'
import { sourceModels, withParents } from './sources.ts'

/** All segments of an entity, decided in one pass over its profiles; then who entered and who left since last time. */
export function compileSegments(context: Context, entity: Entity): Model | undefined {
  const segments = segmentsOf(context, entity)
  const events = [...eventsOf(context.project, entity).values()]
  const followed = sequenceSources(context, entity)
  if (segments.length === 0 && events.length === 0 && followed.length === 0) return undefined
  const { project } = context
  const asked = [...events.flatMap((event) => project.sources.get(event.source) ?? []), ...followed]
  const make = (name: string, reason: string, table: Table, query: Sql) =>
    making(context, table, `${entity.name} ${name}`, reason, query)
  return {
    name: `segments/${entity.name}`,
    kind: 'segments',
    needs: [
      `profiles/${entity.name}`,
      ...(purposesOf(segments).length === 0 ? [] : [`consent/${entity.name}`]),
      ...[...groupTraits(saidOf(context, entity)).keys()].map((group) => `profiles/${group}`),
      ...sourceModels(
        context,
        asked.flatMap((source) => withParents(project, source)),
      ),
    ],
    steps: [
      ...lateScans(context, entity),
      ...(pastsOf(project, entity).size === 0
        ? []
        : [make('past', 'who was a member before', pastTable(context, entity), pastQuery(context, entity))]),
      ...(followed.length === 0
        ? []
        : [
            make(
              'sequences',
              'which rows followed which, all sequences at once',
              sequencesTable(context, entity),
              sequencesQuery(context, entity),
            ),
          ]),
      make(
        'segments',
        'every segment decided in one pass',
        segmentsTable(project, entity.name),
        decided(context, entity, segments),
      ),
      ...(segments.length === 0 ? [] : moves(context, entity)),
    ],
    output: segmentsTable(project, entity.name),
    ...(segments.length > 0 && { summary: summary(context, entity, segments) }),
  }
}

function moves(context: Context, entity: Entity): readonly Step[] {
  const step = (what: string, reason: string, table: Table, query: Sql) =>
    making(context, table, `${entity.name} ${what}`, reason, query)
  const leftReason = 'who was a member when it was last published, and is none now'
  return [
    step(
      'moved',
      'whose segments are not those that were published',
      movedTable(context, entity),
      movedQuery(context, entity),
    ),
    step('left', leftReason, leftTable(context, entity), leftQuery(context, entity)),
  ]
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
  const barred = purposesOf(segments).map((purpose): Barred => {
    const table = addBarred(steps, context, entity, { purpose, traits: [] }, `${purpose}_`)
    return { purpose, table, alias: `${purpose}_barred` }
  })
  const facts = steps.add(
    'facts',
    'profiles and the answers of events (at most one row a profile each)',
    factsQuery(context, entity, barred),
  )
  const last = addMembers(steps, context, entity, segments, facts)
  const { project } = context
  const events = [eventsOf, sequencesOf, pastsOf].flatMap((of) => [...of(project, entity).keys()])
  return steps.select(sql`
    select
      ${lines([sql`profile_id`, ...segments.flatMap(answerOf), ...events.map(id), ...barred.map(({ purpose }) => id(mayColumn(purpose)))])}
    from ${last}`)
}

/** Who may not be contacted for a purpose. */
interface Barred {
  readonly purpose: string
  readonly table: Sql
  readonly alias: string
}

function purposesOf(segments: readonly Segment[]): readonly string[] {
  return [...new Set(segments.flatMap(({ purpose }) => purpose ?? []))]
}

/** All that may speak of traits of groups. */
function saidOf(context: Context, entity: Entity): unknown {
  return [conditionsOf(context.project, entity), segmentsOf(context, entity).map(({ limit }) => limit)]
}

/** The columns of a segment in the table of all segments. */
function answerOf(segment: Segment): readonly Sql[] {
  const member = sql`${id(memberColumn(segment.name))} as ${id(segment.name)}`
  return hasVariantColumn(segment) ? [member, id(variantColumn(segment.name))] : [member]
}

function factsQuery(context: Context, entity: Entity, barred: readonly Barred[]): Sql {
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
  const sequences = [...sequencesOf(project, entity).keys()].map((name) => ({
    name,
    value: sql`coalesce(${column('sequences', name)}, false)`,
  }))
  const pasts = [...pastsOf(project, entity).keys()].map((name) => ({
    name,
    value: sql`coalesce(${column('past', name)}, false)`,
  }))
  const spoken = saidOf(context, entity)
  const joins = [
    ...(pasts.length === 0 ? [] : [{ alias: 'past', table: pastTable(context, entity) }]),
    ...(sequences.length === 0 ? [] : [{ alias: 'sequences', table: sequencesTable(context, entity) }]),
    ...early.map(({ source }) => ({ alias: `from_${source.name}`, table: scanTable(context, entity, source) })),
    ...late.map((source) => ({ alias: `after_${source.name}`, table: lateTable(context, entity, source.name) })),
  ]
  return sql`
    select
      ${lines([
        sql`p.*`,
        ...[...answers, ...sequences, ...pasts].map((one) => sql`${one.value} as ${id(one.name)}`),
        ...groupFacts(spoken),
        ...barred.map(({ purpose, alias }) => sql`${column(alias, 'profile_id')} is null as ${id(mayColumn(purpose))}`),
      ])}
    from ${from(profileTable(project, entity.name))} as p
    ${stacked([...joins.map(({ alias, table }) => profileJoin(table, alias, 'p')), ...groupJoins(context, spoken), ...barred.map(barredJoin)])}`
}

function barredJoin({ table, alias }: Barred): Sql {
  return sql`left join ${table} as ${id(alias)} on ${column(alias, 'profile_id')} = p.profile_id`
}

/**
 * One row for the report: `members_<segment>`, `entered_<segment>`, `left_<segment>`; of those that hold people out
 * `held_out_<segment>`, and of those with variants `variants_<segment>`, a JSON object of variant → members.
 */
function summary(context: Context, entity: Entity, segments: readonly Segment[]): Statement {
  const { dialect } = context
  const steps = new Steps()
  const facts = steps.add(
    'facts',
    'members, who is held out, and who entered and left (a few rows a segment)',
    unionAll([memberCounts(context, entity), movedCounts(context, entity)]),
  )
  const count = (name: string, fact: string, more: Sql = sql``) =>
    counted(context, sql`segment = ${text(name)} and fact = ${text(fact)}${more}`)
  const counts = segments.flatMap(({ name, variants, split }) => {
    const inVariants = variants.flatMap((variant, index) => [
      text(`${index === 0 ? '{' : ','}${JSON.stringify(variant)}:`),
      dialect.cast(count(name, 'member', sql` and variant = ${text(variant)}`), 'text'),
    ])
    return [
      sql`${count(name, 'member')} as ${id(`members_${name}`)}`,
      sql`${count(name, 'entered')} as ${id(`entered_${name}`)}`,
      sql`${count(name, 'left')} as ${id(`left_${name}`)}`,
      ...(split === undefined ? [] : [sql`${count(name, 'held_out')} as ${id(`held_out_${name}`)}`]),
      ...(inVariants.length === 0
        ? []
        : [sql`${dialect.concat([...inVariants, text('}')])} as ${id(`variants_${name}`)}`]),
    ]
  })
  const query = steps.select(sql`
    select
      ${lines(counts)}
    from ${facts}`)
  return statement(`${entity.name} segment sizes`, 'the counts of the report', query)
}
