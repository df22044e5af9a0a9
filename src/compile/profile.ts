import type { Entity, Trait, TraitDefinition } from '../project/project.ts'
import { referencesIn } from '../project/references.ts'
import { column, from, id, lines, type Sql, Steps, sql, stacked, text, unionAll, verbatim } from '../sql/sql.ts'
import { membersTable, silentTable } from './carry.ts'
import { type Context, hasTime, NOW, profileJoin } from './context.ts'
import { printExpression } from './expression.ts'
import { layers } from './layers.ts'
import { clockTable } from './names.ts'
import { beginning, firstOf } from './rows.ts'
import { timeColumn } from './scan.ts'
import { partialName, type Scan, scanTable } from './scans.ts'

/** The profile table: built-in columns, the identifier lists, then every trait in YAML order. */
export function profileQuery(context: Context, entity: Entity, scans: readonly Scan[]): Sql {
  const steps = new Steps()
  const people = steps.add(
    'people',
    'one row a profile: when its identifiers were seen first and last',
    sql`
      select profile_id, min(first_seen_at) as first_seen_at, max(last_seen_at) as last_seen_at
      from ${from(membersTable(context, entity))}
      group by profile_id`,
  )
  const lists = addLists(steps, context, entity)
  const traits = [...entity.traits.values()]
  const measured = traits.filter((trait) => !isDerived(trait))
  const gathered = steps.add(
    'gathered',
    'what the scans found (at most one row a profile each)',
    sql`
      select
        ${lines([
          sql`people.*`,
          ...entity.identifiers.map((type) => sql`lists.${id(`all_${type.name}`)}`),
          ...measured.map((trait) => sql`${found(context, trait)} as ${id(trait.name)}`),
        ])}
      from ${people} as people
      left join ${lists} as lists on lists.profile_id = people.profile_id
      ${stacked(scans.map(({ source }) => profileJoin(scanTable(context, entity, source), `from_${source.name}`, 'people')))}`,
  )
  const last = layers(traits.filter(isDerived), (trait) => usesOf(trait.definition)).reduce(
    (before, layer, index) => addLayer(steps, context, before, layer, index + 1),
    gathered,
  )
  return steps.select(sql`
    select
      ${lines(['profile_id', 'first_seen_at', 'last_seen_at', ...entity.identifiers.map((type) => `all_${type.name}`), ...entity.traits.keys()].map(id))}
    from ${last}`)
}

/** Traits that are computed from traits: they come after the scans. */
function isDerived(trait: Trait): boolean {
  return trait.definition.kind === 'expression' || trait.definition.kind === 'sql'
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
      return printExpression(definition.expression, {
        dialect: context.dialect,
        timezone: context.project.timezone,
        now: NOW,
        name: (to) => column('p', to.kind === 'trait' ? to.trait : to.column),
        event: () => sql`false`,
        member: () => sql`false`,
      })
    case 'pick':
    case 'aggregate':
      throw new Error(`${trait.name} is no derived trait`)
  }
}

/** The lists `all_<identifier>`: every value of a profile, those that join nobody included. */
function addLists(steps: Steps, context: Context, entity: Entity): Sql {
  const values = steps.add(
    'every_identifier',
    'identifiers that join and those that do not',
    unionAll([
      sql`select profile_id, type, value from ${from(membersTable(context, entity))}`,
      sql`select profile_id, type, value from ${from(silentTable(context, entity))}`,
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
function found(context: Context, trait: Trait): Sql {
  const { definition } = trait
  if (definition.kind === 'pick') return picked(context, trait.name, definition)
  if (definition.kind !== 'aggregate') throw new Error(`${trait.name} is not measured by a scan`)
  const value = sql`${alias(definition.source)}.${id(trait.name)}`
  switch (definition.measure.kind) {
    case 'count':
    case 'count_distinct':
    case 'sum':
      return sql`coalesce(${value}, 0)`
    case 'exists':
      return sql`coalesce(${value}, false)`
    default:
      return value
  }
}

/** One value out of several columns; a tie goes to the one that is named first. */
function picked(context: Context, trait: string, pick: Extract<TraitDefinition, { kind: 'pick' }>): Sql {
  const { dialect } = context
  const parts = pick.columns.map(({ source }, index) => {
    const name = partialName(trait, pick.columns, index)
    return { source, value: sql`${alias(source)}.${id(name)}`, time: sql`${alias(source)}.${id(timeColumn(name))}` }
  })
  const values = parts.map((part) => part.value)
  switch (pick.by) {
    case 'priority':
      return firstOf(values)
    case 'most_frequent':
      return dialect.mostFrequent(values)
    case 'longest':
      return bestOf(
        values,
        values.map((value) => dialect.length(dialect.cast(value, 'text'))),
        dialect.greatest,
      )
    case 'most_recent':
    case 'first': {
      const first = pick.by === 'first'
      const missing = first ? dialect.instantLiteral('9999-12-31T00:00:00Z') : beginning(dialect)
      const isTimed = (name: string) => {
        const source = context.project.sources.get(name)
        return source !== undefined && hasTime(source)
      }
      const times = parts.map(({ source, value, time }) => {
        const known = isTimed(source) ? sql`coalesce(${time}, ${missing})` : missing
        return sql`case when ${value} is not null then ${known} end`
      })
      return bestOf(values, times, first ? dialect.least : dialect.greatest)
    }
  }
}

function bestOf(values: readonly Sql[], ranks: readonly Sql[], best: (values: readonly Sql[]) => Sql): Sql {
  const [only, ...others] = values
  if (only === undefined || others.length === 0) return only ?? sql`null`
  const cases = values.map((value, index) => sql`when ${ranks[index] ?? sql`null`} then ${value}`)
  return sql`
    case ${best(ranks)}
      ${stacked(cases)}
    end`
}

function alias(source: string): Sql {
  return id(`from_${source}`)
}
