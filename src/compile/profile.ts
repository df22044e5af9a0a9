import { builtInColumns, groupColumn, groupsOf, sourceColumn, traitColumns } from '../project/columns.ts'
import type { Entity, Trait, TraitDefinition } from '../project/project.ts'
import { referencesIn } from '../project/references.ts'
import { column, from, id, lines, type Sql, Steps, sql, stacked, text, unionAll, verbatim } from '../sql/sql.ts'
import { type Context, NOW, profileJoin } from './context.ts'
import { printExpression } from './expression.ts'
import { membersNow } from './identity/overlay.ts'
import { attributesTable, membersTable } from './identity/tables.ts'
import { layers } from './layers.ts'
import type { MemberScan } from './member-scan.ts'
import { clockTable } from './names.ts'
import { type Candidate, survivor, survivorSource } from './pick.ts'
import type { PrintContext } from './print-context.ts'
import { timeColumn } from './scan-columns.ts'
import { partialName, type Scan, scanTable } from './scans.ts'
import { addScore, weightedScore } from './score.ts'

/** The profile table: built-in columns, the identifier lists, then every trait in YAML order. */
export function profileQuery(
  context: Context,
  entity: Entity,
  scans: readonly Scan[],
  ofMembers: MemberScan | undefined,
): Sql {
  const { project } = context
  const steps = new Steps()
  const members = steps.add('members', 'every identifier that joins, with its profile', membersNow(context, entity))
  const people = steps.add(
    'people',
    'one row a profile: when its identifiers were seen first and last',
    sql`
      select profile_id, min(first_seen_at) as first_seen_at, max(last_seen_at) as last_seen_at
      from ${members}
      group by profile_id`,
  )
  const lists = addLists(steps, context, entity, members)
  const groups = groupsOf(project, entity)
  const joins = [
    ...groups.map((group) => groupJoin(context, group)),
    ...scans.map(({ source }) => profileJoin(scanTable(context, entity, source), `from_${source.name}`, 'people')),
    ...(ofMembers === undefined ? [] : [profileJoin(ofMembers.table, `from_${ofMembers.member.name}`, 'people')]),
  ]
  const traits = [...entity.traits.values()]
  const scores = traits.flatMap((trait) => addScore(steps, context, entity, trait) ?? [])
  const measured = traits.filter(({ definition }) => !isDerived(definition) && definition.kind !== 'score')
  const gathered = steps.add(
    'gathered',
    'what the scans found (at most one row a profile each)',
    sql`
      select
        ${lines([
          sql`people.*`,
          ...groups.map(({ name }) => sql`${column(`group_${name}`, 'profile_id')} as ${id(groupColumn(name))}`),
          ...entity.identifiers.map((type) => sql`lists.${id(`all_${type.name}`)}`),
          ...measured.flatMap((trait) => [
            sql`${found(context, trait, entity)} as ${id(trait.name)}`,
            ...sourceOf(context, trait).map((source) => sql`${source} as ${id(sourceColumn(trait.name))}`),
          ]),
          ...scores.flatMap(({ columns }) => columns),
        ])}
      from ${people} as people
      left join ${lists} as lists on lists.profile_id = people.profile_id
      ${stacked([...joins, ...scores.map(({ join }) => join)])}`,
  )
  const computed = traits.filter(({ definition }) => isDerived(definition))
  const last = layers(computed, (trait) => usesOf(trait.definition)).reduce(
    (before, layer, index) => addLayer(steps, context, before, layer, index + 1),
    gathered,
  )
  return steps.select(sql`
    select
      ${lines(
        [
          ...builtInColumns(project, entity).map(({ name }) => name),
          ...entity.identifiers.map((type) => `all_${type.name}`),
          ...traitColumns(entity.traits).map(({ name }) => name),
        ].map(id),
      )}
    from ${last}`)
}

/** The group that each profile is a member of: at most one. */
function groupJoin(context: Context, group: Entity): Sql {
  const alias = `group_${group.name}`
  return sql`
    left join ${from(membersTable(context, group))} as ${id(alias)}
      on ${column(alias, 'member_id')} = people.profile_id`
}

/** Traits that are computed from traits: they come after the scans. */
function isDerived(definition: TraitDefinition): boolean {
  if (definition.kind === 'score') return definition.score.kind === 'weighted'
  return definition.kind === 'expression' || definition.kind === 'sql'
}

function usesOf(definition: TraitDefinition): readonly string[] {
  if (definition.kind === 'sql') return definition.uses
  return [...referencesIn(definition)].flatMap((reference) =>
    reference.to.kind === 'trait' ? [reference.to.trait] : [],
  )
}

function addLayer(steps: Steps, context: Context, before: Sql, layer: readonly Trait[], index: number): Sql {
  return steps.add(
    `derived_${index}`,
    'traits computed from the traits before them',
    sql`
      select
        ${lines([sql`p.*`, ...layer.map((trait) => sql`${derived(context, trait)} as ${id(trait.name)}`)])}
      from ${before} as p
      cross join ${from(clockTable(context.project))} as clock`,
  )
}

function derived(context: Context, trait: Trait): Sql {
  const { definition } = trait
  switch (definition.kind) {
    case 'sql':
      return sql`(${verbatim(definition.text)})`
    case 'expression':
      return printExpression(definition.expression, traitContext(context))
    case 'score':
      if (definition.score.kind === 'weighted') return weightedScore(definition.score, traitContext(context))
      throw new Error(`${trait.name} is no derived trait`)
    case 'pick':
    case 'aggregate':
    case 'members':
      throw new Error(`${trait.name} is no derived trait`)
  }
}

/** How expressions over traits print where the profile has the alias `p`. */
function traitContext({ dialect, project }: Context): PrintContext {
  return {
    dialect,
    timezone: project.timezone,
    now: NOW,
    name: (to) => {
      if (to.kind !== 'trait') throw new Error('a trait speaks of traits of its profile only')
      return column('p', to.trait)
    },
    event: () => sql`false`,
    sequence: () => sql`false`,
    member: () => sql`false`,
    wasMember: () => sql`false`,
  }
}

/** The lists `all_<identifier>`: every value of a profile, those that join nobody included. */
function addLists(steps: Steps, context: Context, entity: Entity, members: Sql): Sql {
  const values = steps.add(
    'every_identifier',
    'identifiers that join and those that do not',
    unionAll([
      sql`select profile_id, type, value from ${members}`,
      sql`select profile_id, type, value from ${from(attributesTable(context, entity))}`,
    ]),
  )
  const list = (type: string) => context.dialect.distinctList(sql`case when type = ${text(type)} then value end`)
  return steps.add(
    'lists',
    'identifiers by type as sorted lists (one row a profile)',
    sql`
      select
        ${lines([sql`profile_id`, ...entity.identifiers.map((type) => sql`${list(type.name)} as ${id(`all_${type.name}`)}`)])}
      from ${values}
      group by profile_id`,
  )
}

/** A trait from the scans: sums and counts of nothing are 0, `exists` of nothing is false, all else null. */
function found(context: Context, trait: Trait, entity: Entity): Sql {
  const { definition } = trait
  if (definition.kind === 'pick') {
    const wanted = { by: definition.by, type: trait.type }
    return survivor(context.dialect, wanted, candidates(trait.name, definition))
  }
  if (definition.kind !== 'aggregate' && definition.kind !== 'members')
    throw new Error(`${trait.name} is not measured by a scan`)
  const scanned = definition.kind === 'members' ? (entity.of ?? '') : definition.source
  const value = sql`${alias(scanned)}.${id(trait.name)}`
  switch (definition.measure.kind) {
    case 'count':
    case 'count_distinct':
    case 'sum':
    case 'periods':
    case 'streak':
    case 'longest_streak':
      return sql`coalesce(${value}, 0)`
    case 'exists':
      return sql`coalesce(${value}, false)`
    default:
      return value
  }
}

/** From which source the value of a pick came, where that is asked for. */
function sourceOf({ dialect }: Context, { name, definition }: Trait): readonly Sql[] {
  const isAsked = definition.kind === 'pick' && definition.withSource
  return isAsked ? [survivorSource(dialect, definition.by, candidates(name, definition))] : []
}

type Pick = Extract<TraitDefinition, { kind: 'pick' }>

/** What the scans found for a pick, in the order in which it names the columns. */
function candidates(trait: string, pick: Pick): readonly Candidate[] {
  return pick.columns.map(({ source }, index) => {
    const name = partialName(trait, pick.columns, index)
    return { source, value: sql`${alias(source)}.${id(name)}`, time: sql`${alias(source)}.${id(timeColumn(name))}` }
  })
}

function alias(source: string): Sql {
  return id(`from_${source}`)
}
