import { problem } from '../error.ts'
import { groupColumn } from './columns.ts'
import { cycles, ring } from './cycles.ts'
import { find, wantedIn } from './find.ts'
import { type ListKind, listName } from './identity-lists.ts'
import { BUILT_IN, type Entity } from './project.ts'
import { guardOf } from './resolve-guard.ts'
import { checkIdentifierTypes, identifierTypesOf } from './resolve-identifier-types.ts'
import { identityList } from './resolve-identity-lists.ts'
import { header, type Resolving } from './resolving.ts'
import type { EntityShape } from './schema.ts'
import type { Item } from './validate.ts'

/** Every entity with its identifiers, traits still missing. */
export function resolveEntities(context: Resolving): ReadonlyMap<string, Omit<Entity, 'traits'>> {
  checkNames(context)
  checkIdentifierTypes(context)
  checkMembers(context)
  return new Map([...context.validated.entities.items.values()].map((item) => [item.name, entityOf(context, item)]))
}

/** Declared identifier types and the entity that each belongs to. */
export function identifierTypes(context: Resolving): ReadonlyMap<string, { readonly entity: string }> {
  return new Map(
    [...context.validated.entities.items.values()].flatMap((item) =>
      item.value.identifiers.map(({ key }) => [key.text, { entity: item.name }] as const),
    ),
  )
}

function entityOf(context: Resolving, item: Item<EntityShape>): Omit<Entity, 'traits'> {
  if (item.value.identifiers.length === 0) {
    const message = `Entity "${item.name}" needs at least one identifier.`
    context.problems.push(problem('project/missing-key', message, item.key.at()))
  }
  return {
    ...header(item),
    of: item.value.of?.text,
    identifiers: identifierTypesOf(context, item),
    always: identityList(context, item, 'always'),
    never: identityList(context, item, 'never'),
    guard: guardOf(context, item),
  }
}

/** What is published or kept beside the profiles of an entity; another entity must not be called so. */
const SUFFIXES = `
  aliases always attributes broken claims components crowd entered_left examined foes graph identifiers ids judged
  lone lookup loose marks members membership merge_log merges mute never nodes pairs phones placed profile_ids
  profiles refused refused_edges rejected seen segments shared split_log splits standing suspects trials units
  values verdicts
`
  .trim()
  .split(/\s+/)
  .map((word) => `_${word}`)

/** What is kept for each source, or each round, beside them: `customer_from_orders`. */
const INFIXES = [
  '_after_',
  '_changed_',
  '_components_',
  '_composed_',
  '_edges_',
  '_from_',
  '_names_',
  '_read_',
  '_seen_',
]

const LISTS: readonly ListKind[] = ['always', 'never']

/** Names under which tables are published or kept that are not made from a name of the project. */
function checkNames({ validated: { entities, segments, sources }, problems }: Resolving): void {
  // Warehouses compare names without case.
  const isTable = (name: string, entity: string) =>
    SUFFIXES.some((suffix) => name.toLowerCase() === `${entity}${suffix}`.toLowerCase()) ||
    INFIXES.some((infix) => name.toLowerCase().startsWith(`${entity}${infix}`.toLowerCase()))
  for (const [name, at] of entities.names) {
    const other = [...entities.names.keys()].find((one) => isTable(name, one))
    if (other || /^(segment_.*|source_.*|clock|sync_health|rejects|delivery_log)$/i.test(name)) {
      const reason = other ? `"${other}" has a table of that name.` : 'The tool has tables of that name.'
      problems.push(problem('project/bad-name', `"${name}" cannot be an entity: ${reason}`, at))
    }
  }
  for (const [name, at] of sources.names) {
    const isList = (entity: string) => LISTS.some((kind) => name.toLowerCase() === listName(entity, kind).toLowerCase())
    const other = [...entities.names.keys()].find(isList)
    if (other)
      problems.push(
        problem('project/bad-name', `"${name}" cannot be a source: "${other}" has a list of that name.`, at),
      )
  }
  for (const [name, at] of segments.names)
    if (name === 'membership' || name === 'history')
      problems.push(
        problem('project/bad-name', `"${name}" cannot be a segment: segment_${name} is a view of its own.`, at),
      )
}

/** An entity may group the profiles of another one, which groups none. */
function checkMembers({ validated: { entities }, problems }: Resolving): void {
  const items = [...entities.items.values()]
  const rings = cycles(
    new Map(items.map(({ name, value: { of } }) => [name, of ? [{ to: of.text, at: of.at() }] : []])),
  )
  for (const { names, at } of rings) problems.push(problem('ref/cycle', `Entities form a ring: ${ring(names)}.`, at))
  const inRing = new Set(rings.flatMap(({ names }) => names))
  const wanted = wantedIn('ref/unknown-entity', 'Entity', entities)
  for (const { name, value, key } of items) {
    if (value.of && BUILT_IN.has(groupColumn(name).toLowerCase())) {
      const message = `"${name}" cannot be an entity with "of": "${groupColumn(name)}" is a column of every profile already.`
      problems.push(problem('project/bad-name', message, key.at(), 'Choose another name.'))
    }
    const inner = value.of && find(value.of, entities.items, wanted, problems)?.value.of
    if (!value.of || !inner || inRing.has(name)) continue
    const message = `Entity "${name}" is of "${value.of.text}", which is of "${inner.text}": members have no members themselves.`
    const fix = `Group the profiles of "${inner.text}" directly: of: ${inner.text}.`
    problems.push(problem('project/not-supported', message, value.of.at(), fix))
  }
}
