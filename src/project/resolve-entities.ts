import { type At, problem } from '../error.ts'
import { blockOf, defaultBlocks } from './blocks.ts'
import { nameOf } from './place.ts'
import type { Block, Entity, IdentifierType } from './project.ts'
import { header, type Resolving } from './resolving.ts'
import type { EntityShape } from './schema.ts'

type Declared = EntityShape['identifiers'][number]

/** Every entity with its identifiers, traits still missing. */
export function resolveEntities(context: Resolving): ReadonlyMap<string, Omit<Entity, 'traits'>> {
  const { items } = context.validated.entities
  checkNames(context)
  checkTypes(context)
  return new Map(
    [...items.values()].map((item) => {
      if (item.value.identifiers.length === 0) {
        const message = `Entity "${item.name}" needs at least one identifier.`
        context.problems.push(problem('project/missing-key', message, item.key.at()))
      }
      const identifiers = item.value.identifiers.map((one) => identifierType(context, one))
      return [item.name, { ...header(item), identifiers }]
    }),
  )
}

/** Declared identifier types and the entity that each belongs to. */
export function identifierTypes(context: Resolving): ReadonlyMap<string, { readonly entity: string }> {
  return new Map(
    [...context.validated.entities.items.values()].flatMap((item) =>
      item.value.identifiers.map(({ key }) => [key.text, { entity: item.name }] as const),
    ),
  )
}

function identifierType(context: Resolving, { key, value }: Declared): IdentifierType {
  const normalise = value.normalize ?? (key.text === 'email' ? 'email' : key.text === 'phone' ? 'phone' : 'exact')
  const own = (value.block ?? []).map((written) => {
    const block = blockOf(written.text)
    if (block.kind === 'pattern' && !isPattern(block.pattern)) {
      const fix = 'Warehouses know no look-around and no back reference.'
      const message = `"${written.text}" is no regular expression (RE2).`
      context.problems.push(problem('expr/syntax', message, written.at(), fix))
    }
    return block
  })
  return {
    name: key.text,
    normalise,
    link: value.link ?? true,
    maxFanout: value.max_fanout,
    block: distinct([...defaultBlocks(normalise), ...own]),
  }
}

function distinct(blocks: readonly Block[]): readonly Block[] {
  return [...new Map(blocks.map((block) => [JSON.stringify(block), block])).values()]
}

function isPattern(pattern: string): boolean {
  if (/\(\?<?[=!]|\\[1-9]/.test(pattern)) return false
  try {
    return new RegExp(pattern.replace(/^\(\?[a-z]+\)/, '')).source !== ''
  } catch {
    return false
  }
}

/** A type belongs to one entity. */
function checkTypes(context: Resolving): void {
  const seen = new Map<string, At>()
  for (const { value } of context.validated.entities.items.values())
    for (const { key } of value.identifiers) {
      const other = seen.get(key.text)
      seen.set(key.text, other ?? key.at())
      if (other) {
        const message = `The identifier type "${key.text}" is declared twice; a type belongs to one entity.`
        const fix = `The other one stands at ${nameOf(other)}.`
        context.problems.push(problem('project/duplicate-name', message, key.at(), fix))
      }
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key.text) || key.text.length > 48) {
        const fix = 'A name has letters, digits and _ only, no digit first, and at most 48 characters.'
        context.problems.push(problem('project/bad-name', `"${key.text}" cannot be a name.`, key.at(), fix))
      }
    }
}

/** What is published beside the profiles of an entity; another entity must not be called so. */
const SUFFIXES = ['_identifiers', '_merges', '_splits', '_aliases', '_segments', '_lookup', '_membership']

/** Names under which tables are published or kept that are not made from a name of the project. */
function checkNames({ validated: { entities, segments }, problems }: Resolving): void {
  for (const [name, at] of entities.names) {
    const other = [...entities.names.keys()].find((one) => SUFFIXES.some((suffix) => name === `${one}${suffix}`))
    if (other || /^(segment_.*|source_.*|clock)$/.test(name)) {
      const reason = other ? `"${other}" has a table of that name.` : 'The tool has tables of that name.'
      problems.push(problem('project/bad-name', `"${name}" cannot be an entity: ${reason}`, at))
    }
  }
  for (const [name, at] of segments.names)
    if (name === 'membership' || name === 'history')
      problems.push(
        problem('project/bad-name', `"${name}" cannot be a segment: segment_${name} is a view of its own.`, at),
      )
}
