import type { At, Diagnostic } from '../error.ts'
import type { Dbt } from './dbt-manifest.ts'
import type { ColumnPlace, Entity, Named, Source } from './project.ts'
import type { Settings } from './resolve-settings.ts'
import type { Item, Registries, Validated } from './validate.ts'
import type { Values } from './variables.ts'

/** What every part of the resolving of names works with. */
export interface Resolving {
  readonly validated: Validated
  readonly settings: Settings
  readonly registries: Registries
  readonly values: Values
  /** Under `--sandbox` an unset secret is worth no warning. */
  readonly sandbox: boolean
  readonly problems: Diagnostic[]
  readonly places: { readonly relations: Map<string, At>; readonly columns: ColumnPlace[] }
  readonly dbt: Dbt
}

interface Header {
  readonly description?: string | undefined
  readonly owner?: string | undefined
  readonly tags?: readonly string[] | undefined
}

/** What everything named has. */
export function header({ name, key, value }: Item<Header>): Named {
  return { name, at: key.at(), description: value.description, owner: value.owner, tags: value.tags ?? [] }
}

/**
 * Whether rows of a source belong to profiles of an entity: by an identifier, as profiles of their
 * own, or through a parent (`belongs_to`).
 */
export function isAttributed(
  source: Source,
  entity: Pick<Entity, 'identifiers' | 'of'>,
  sources: ReadonlyMap<string, Source>,
  seen: ReadonlySet<string> = new Set(),
): boolean {
  if (source.identifiers.some((one) => isOf(entity, one.type)) || makesProfiles(source, entity)) return true
  if (seen.has(source.name)) return false
  const deeper = new Set([...seen, source.name])
  return [...source.belongsTo.keys()].some((name) => {
    const parent = sources.get(name)
    return parent !== undefined && isAttributed(parent, entity, sources, deeper)
  })
}

/** What is said of a source that is not attributed to an entity. */
export function ofNobody(source: Source, entity: Pick<Entity, 'name'>): string {
  return `Source "${source.name}" has no identifier of entity "${entity.name}", so its rows belong to nobody.`
}

/**
 * Whether rows of a source that name nobody are profiles of an entity by themselves: those of a profile source with a
 * key, of the entity to which its first identifier belongs. A group (`of:`) has no such profiles.
 */
export function makesProfiles(source: Source, entity: Pick<Entity, 'identifiers' | 'of'>): boolean {
  const [first] = source.identifiers
  const isOurs = first === undefined || isOf(entity, first.type)
  return source.category === 'profile' && source.key !== undefined && entity.of === undefined && isOurs
}

function isOf(entity: Pick<Entity, 'identifiers'>, type: string): boolean {
  return entity.identifiers.some(({ name }) => name === type)
}
