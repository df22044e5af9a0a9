import { type At, problem, warning } from '../error.ts'
import { blockOf, defaultBlocks } from './blocks.ts'
import { keyPlace } from './key-place.ts'
import { nameOf } from './place.ts'
import type { Block, IdentifierType } from './project.ts'
import type { Resolving } from './resolving.ts'
import type { EntityShape } from './schema.ts'
import { type Item, onlyInCase } from './validate.ts'

type Declared = EntityShape['identifiers'][number]

/** The identifier types of an entity, strongest first. */
export function identifierTypesOf(context: Resolving, entity: Item<EntityShape>): readonly IdentifierType[] {
  return entity.value.identifiers.map((declared, index) => {
    checkKeys(context, entity, index)
    return identifierType(context, declared)
  })
}

/** A type belongs to one entity, and its name can be that of a column. */
export function checkIdentifierTypes({ validated, problems }: Resolving): void {
  const seen = new Map<string, { readonly name: string; readonly at: At }>()
  for (const { value } of validated.entities.items.values())
    for (const { key } of value.identifiers) {
      // Warehouses compare names without case, and a type becomes the name of a column.
      const other = seen.get(key.text.toLowerCase())
      seen.set(key.text.toLowerCase(), other ?? { name: key.text, at: key.at() })
      if (other) {
        const message =
          other.name === key.text
            ? `The identifier type "${key.text}" is declared twice; a type belongs to one entity.`
            : onlyInCase(key.text, other.name)
        const fix = `The other one stands at ${nameOf(other.at)}.`
        problems.push(problem('project/duplicate-name', message, key.at(), fix))
      }
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key.text) || key.text.length > 48) {
        const fix = 'A name has letters, digits and _ only, no digit first, and at most 48 characters.'
        problems.push(problem('project/bad-name', `"${key.text}" cannot be a name.`, key.at(), fix))
      }
    }
}

/** Keys that contradict one another, or can never act. */
function checkKeys({ problems }: Resolving, { name, node, value }: Item<EntityShape>, index: number): void {
  const declared = value.identifiers[index]
  if (declared === undefined) return
  const { key, value: type } = declared
  const place = (word: string) => keyPlace(node, 'identifiers', key.text, word)
  if (type.link === false) {
    for (const word of ['limit', 'max_fanout'] as const) {
      if (type[word] === undefined) continue
      const message = `"${word}" does not go with "link: false": "${key.text}" joins nobody already.`
      problems.push(problem('project/unknown-key', message, place(word), 'Keep one of them.'))
    }
    return
  }
  const hasStronger = value.identifiers.slice(0, index).some((one) => one.value.link !== false)
  if (type.max_fanout === undefined || hasStronger || value.of) return
  const message = `"max_fanout" does not go with "${key.text}", the strongest identifier of "${name}" that joins: it never acts.`
  const fix = 'It counts values of stronger types, which stand before.'
  problems.push(warning('project/unknown-key', message, place('max_fanout'), fix))
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
    limit: value.limit,
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
