import { type At, problem } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import { groupColumn, sourceColumn } from './columns.ts'
import { cycles, type Need, ordered, ring } from './cycles.ts'
import { parseExpression } from './expression.ts'
import { BUILT_IN, type Entity, type Source, type Trait } from './project.ts'
import { referencesIn } from './references.ts'
import type { Resolving } from './resolving.ts'
import { type EntityNames, entityScope } from './scope.ts'
import { checkScoreNames, scoreColumns, weightNeeds } from './score-columns.ts'
import { traitOf, usesOf } from './trait-forms.ts'
import type { TraitShape } from './trait-shape.ts'
import type { Given } from './trait-sources.ts'
import type { Item, Items } from './validate.ts'

/**
 * The traits of an entity in YAML order, and their types under the entity's name, broken traits included. `members`:
 * the traits of the entity that this one is `of`.
 */
export function resolveTraits(
  context: Resolving,
  entity: Omit<Entity, 'traits'>,
  sources: ReadonlyMap<string, Source>,
  members?: EntityNames,
): { readonly traits: ReadonlyMap<string, Trait>; readonly names: EntityNames } {
  const group = context.validated.traits.get(entity.name)?.traits
  const items = group?.items ?? new Map<string, Item<TraitShape>>()
  const types = new Map<string, ValueType>([...(group?.names.keys() ?? [])].map((name) => [name, 'unknown']))
  const groups = groupsOf(context, entity.name).map(groupColumn)
  for (const name of [...groups, ...traced(items).map(sourceColumn)]) types.set(name, 'text')
  for (const { name } of entity.identifiers) types.set(`all_${name}`, 'list')
  for (const { name, type } of scoreColumns(items)) types.set(name, type)
  const names = { name: entity.name, traits: types, groups: groupsOf(context, entity.name) }
  const given: Given = { context, entity, sources, names, members, problems: context.problems }
  checkNames(given, group, groups)
  checkSources(given, items, group?.names ?? new Map())
  checkScoreNames(given, items, group?.names ?? new Map())
  const graph = needs(given, items)
  for (const { names: members, at } of cycles(graph))
    context.problems.push(problem('ref/cycle', `Traits form a ring: ${ring(members)}.`, at))
  const resolved = new Map<string, Trait>()
  for (const name of ordered(graph)) {
    const item = items.get(name)
    const trait = item && traitOf(given, item)
    if (!trait) continue
    types.set(name, trait.type)
    resolved.set(name, trait)
  }
  const inOrder = [...items.keys()].flatMap((name) => resolved.get(name) ?? [])
  return { traits: new Map(inOrder.map((trait) => [trait.name, trait])), names }
}

/** The entities that group the profiles of one. */
function groupsOf({ validated: { entities } }: Resolving, entity: string): readonly string[] {
  return [...entities.items.values()].flatMap(({ name, value }) => (value.of?.text === entity ? [name] : []))
}

function checkNames(
  { entity, problems }: Given,
  group: Items<TraitShape> | undefined,
  groups: readonly string[],
): void {
  const lists = entity.identifiers.map((type) => `all_${type.name}`)
  const taken = new Set([...BUILT_IN.keys(), ...groups, ...lists].map((name) => name.toLowerCase()))
  for (const [name, at] of group?.names ?? []) {
    if (taken.has(name.toLowerCase()))
      problems.push(
        problem('project/bad-name', `"${name}" is a column of every profile already.`, at, 'Choose another name.'),
      )
    else if (RESERVED.test(name)) {
      const message = `"${name}" cannot be a trait: names that end so are kept for columns of the tool's own.`
      problems.push(problem('project/bad-name', message, at, 'Choose another name.'))
    }
  }
}

/** Where scans keep the time or the runs of a trait, and what a trait takes from further columns of one source. */
const RESERVED = /__(at|run|length|\d+)$/i

/** The picked traits that say from which source their value came. */
function traced(items: ReadonlyMap<string, Item<TraitShape>>): readonly string[] {
  return [...items.values()].flatMap(({ name, value }) => (value.pick && value.source ? [name] : []))
}

/** Names that `source: true` needs and that something else has. Most warehouses take names that differ in case for one. */
function checkSources(
  { entity, problems }: Given,
  items: ReadonlyMap<string, Item<TraitShape>>,
  names: ReadonlyMap<string, At>,
): void {
  for (const trait of traced(items)) {
    const wanted = sourceColumn(trait).toLowerCase()
    const fix = `Choose another name, or take \`source: true\` away from "${trait}".`
    for (const [name, at] of names)
      if (name.toLowerCase() === wanted) {
        const message = `"${name}" cannot be a trait: it says from which source "${trait}" comes.`
        problems.push(problem('project/bad-name', message, at, fix))
      }
    const list = entity.identifiers.find((type) => `all_${type.name}`.toLowerCase() === wanted)
    if (list)
      problems.push(
        problem(
          'project/bad-name',
          `"all_${list.name}" is a column of every profile already.`,
          items.get(trait)?.key.at(),
          fix,
        ),
      )
  }
}

/**
 * Which traits each trait is derived from. Read with every type unknown, because types follow from this order; what
 * cannot be read is reported when the types are known.
 */
function needs(given: Given, items: ReadonlyMap<string, Item<TraitShape>>): ReadonlyMap<string, readonly Need[]> {
  const untyped = { name: given.names.name, traits: new Map(given.names.traits) }
  const scope = entityScope(untyped, given.context.settings.timezone)
  return new Map(
    [...items].map(([name, { value }]): [string, readonly Need[]] => {
      if (value.sql) return [name, usesOf(given, value.sql)]
      if (value.weights) return [name, weightNeeds(value)]
      const written = value.expr ?? value.bucket
      const expression = written && parseExpression(written, scope, 'expression', [])
      const references = expression ? [...referencesIn(expression)] : []
      return [name, references.flatMap(({ to, at }) => (to.kind === 'trait' ? [{ to: to.trait, at }] : []))]
    }),
  )
}
