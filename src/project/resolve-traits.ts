import { problem } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import { cycles, type Need, ordered, ring } from './cycles.ts'
import { parseExpression } from './expression.ts'
import { BUILT_IN, type Entity, type Source, type Trait } from './project.ts'
import { referencesIn } from './references.ts'
import type { Resolving } from './resolving.ts'
import type { TraitShape } from './schema.ts'
import { type EntityNames, entityScope } from './scope.ts'
import { type Given, traitOf, usesOf } from './trait-forms.ts'
import type { Item, Items } from './validate.ts'

/** The traits of an entity in YAML order, and their types under the entity's name, broken traits included. */
export function resolveTraits(
  context: Resolving,
  entity: Omit<Entity, 'traits'>,
  sources: ReadonlyMap<string, Source>,
): { readonly traits: ReadonlyMap<string, Trait>; readonly names: EntityNames } {
  const group = context.validated.traits.get(entity.name)?.traits
  const items = group?.items ?? new Map<string, Item<TraitShape>>()
  const types = new Map<string, ValueType>([...(group?.names.keys() ?? [])].map((name) => [name, 'unknown']))
  const names = { name: entity.name, traits: types }
  const given: Given = { context, entity, sources, names, problems: context.problems }
  checkNames(given, group)
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

function checkNames({ entity, problems }: Given, group: Items<TraitShape> | undefined): void {
  for (const [name, at] of group?.names ?? []) {
    const lists = entity.identifiers.map((type) => `all_${type.name.toLowerCase()}`)
    if (BUILT_IN.has(name.toLowerCase()) || lists.includes(name.toLowerCase()))
      problems.push(
        problem('project/bad-name', `"${name}" is a column of every profile already.`, at, 'Choose another name.'),
      )
    else if (name.endsWith('__at'))
      problems.push(problem('project/bad-name', `"${name}" cannot be a trait: "…__at" is where times are kept.`, at))
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
      const expression = value.expr && parseExpression(value.expr, scope, 'expression', [])
      const references = expression ? [...referencesIn(expression)] : []
      return [name, references.flatMap(({ to, at }) => (to.kind === 'trait' ? [{ to: to.trait, at }] : []))]
    }),
  )
}
