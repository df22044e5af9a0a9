import { type Code, nearest } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import type { Target } from './language.ts'
import { BUILT_IN, type Source } from './project.ts'

/** What names mean in one expression. */
export interface Scope {
  /** IANA zone in which a time without a zone is meant. */
  readonly timezone: string
  /** What a (dotted) name stands for, or undefined where it stands for nothing. */
  lookup(path: readonly string[]): Found | undefined
  /** True when a dotted name that begins so is a name even right of an operator in `where:`, where others are text. */
  qualifies(first: string): boolean
  /** How a known bare name is written where it would be text: `customer.email`. */
  qualified(name: string): string | undefined
  /** The names that are known here, as an analyst would write them: for "Did you mean". */
  names(): Iterable<string>
  /** Why `lookup` found nothing. */
  complaint(path: readonly string[]): Complaint
}

export interface Found {
  readonly to: Target
  readonly type: ValueType
}

export interface Complaint {
  readonly code: Code
  readonly message: string
  readonly fix: string | undefined
}

/** An entity and the types of its traits; read at each lookup, so that traits may be added while a project resolves. */
export interface EntityNames {
  readonly name: string
  readonly traits: ReadonlyMap<string, ValueType>
  /** The entities that group its profiles: their traits may be named only where `entityScope` is given them. */
  readonly groups?: readonly string[]
}

/** What a source's scope is made of. */
export interface SourceNames {
  readonly source: Pick<Source, 'name' | 'types' | 'belongsTo'>
  /** Every source by name, for the columns of parents. */
  readonly sources: ReadonlyMap<string, Pick<Source, 'types'> & Partial<Pick<Source, 'belongsTo'>>>
  /** The entity whose traits may be named as `entity.trait`: those of the person a row belongs to. */
  readonly entity?: EntityNames | undefined
  readonly timezone: string
}

/**
 * Traits of an entity by name or as `entity.trait`, and the built-in columns of every profile; of the groups that a
 * profile may belong to as `group.trait`.
 */
export function entityScope(entity: EntityNames, timezone: string, groups: readonly EntityNames[] = []): Scope {
  const groupAt = (path: readonly string[]) =>
    path.length > 1 ? groups.find(({ name }) => name === path[0]) : undefined
  return {
    timezone,
    lookup: (path) => {
      const group = groupAt(path)
      return group === undefined ? traitAt(entity, withoutOwner(entity, path)) : ofGroup(group, path.slice(1))
    },
    qualifies: (first) => first === entity.name || groups.some(({ name }) => name === first),
    qualified: (name) => (traitAt(entity, [name]) ? `${entity.name}.${name}` : undefined),
    names: () => traitNames(entity),
    complaint: (path) => unknownOfGroup(entity, groups, path) ?? unknownTrait(groupAt(path) ?? entity, path),
  }
}

/** `customer.email` → `email`; `all.email`, the list of a profile's identifiers, → the column that holds it. */
function withoutOwner(entity: EntityNames, path: readonly string[]): readonly string[] {
  const own = path[0] === entity.name && path.length > 1 ? path.slice(1) : path
  return own[0] === 'all' && own.length === 2 ? [`all_${own[1]}`] : own
}

function ofGroup(group: EntityNames, path: readonly string[]): Found | undefined {
  const found = traitAt(group, path)
  const [trait = ''] = path
  return found && { to: { kind: 'group', entity: group.name, trait }, type: found.type }
}

/** What is said of a name that belongs to a group and cannot stand so. */
function unknownOfGroup(
  entity: EntityNames,
  groups: readonly EntityNames[],
  path: readonly string[],
): Complaint | undefined {
  const [first = ''] = path
  if (path.length > 1 && groups.length === 0 && entity.groups?.includes(first))
    return {
      code: 'ref/cycle',
      message: `"${path.join('.')}" is of entity "${first}", whose traits are made of those of "${entity.name}".`,
      fix: `Traits of "${first}" may be named in the conditions of segments and syncs.`,
    }
  const owner = path.length === 1 ? groups.find((group) => traitAt(group, path)) : undefined
  if (owner === undefined || nearest(first, traitNames(entity)) !== undefined) return undefined
  return { ...unknownTrait(entity, path), fix: `Write "${owner.name}.${first}".` }
}

/**
 * Columns of a source by name or as `source.column`, `parent.column` of its parents, `entity.trait` of the person.
 * Columns are not known before the warehouse is asked: every bare name is one, of its declared type or `unknown`.
 */
export function sourceScope(given: SourceNames): Scope {
  const { source, entity, timezone } = given
  const isParent = (name: string) => source.belongsTo.has(name)
  return {
    timezone,
    lookup: (path) => {
      const [first, second] = path
      if (first === undefined) return undefined
      if (second === undefined) return columnOf(source, first)
      if (isParent(first)) return parentColumn(given, path)
      if (path.length > 2) return undefined
      if (first === source.name) return columnOf(source, second)
      return first === entity?.name ? traitAt(entity, [second]) : undefined
    },
    qualifies: (first) => first === source.name || first === entity?.name || isParent(first),
    qualified: (name) => (source.types.has(name) ? `${source.name}.${name}` : undefined),
    names: () => source.types.keys(),
    complaint: (path) =>
      entity !== undefined && path[0] === entity.name ? unknownTrait(entity, path) : unknownColumn(given, path),
  }
}

function traitAt(entity: EntityNames, path: readonly string[]): Found | undefined {
  const [trait] = path
  if (trait === undefined || path.length > 1) return undefined
  const type = entity.traits.get(trait) ?? BUILT_IN.get(trait)
  return type && { to: { kind: 'trait', entity: entity.name, trait }, type }
}

function columnOf(source: Pick<Source, 'types'>, column: string): Found {
  return { to: { kind: 'column', column }, type: source.types.get(column) ?? 'unknown' }
}

/** `products.category`, `products.brands.name`: each but the last is something that the one before it belongs to. */
function parentColumn({ source, sources }: SourceNames, path: readonly string[]): Found | undefined {
  const [through, last, column] = [path.slice(0, -2), path.at(-2), path.at(-1)]
  if (last === undefined || column === undefined || strayParent({ source, sources }, path) !== undefined)
    return undefined
  const to = { kind: 'parent', source: last, column } as const
  return {
    to: through.length === 0 ? to : { ...to, through },
    type: sources.get(last)?.types.get(column) ?? 'unknown',
  }
}

/** The first place in a dotted name at which something stands that the source before it does not belong to. */
function strayParent({ source, sources }: Pick<SourceNames, 'source' | 'sources'>, path: readonly string[]) {
  const parents = path.slice(0, -1)
  const belongsTo = (index: number) => (index === 0 ? source : sources.get(parents[index - 1] ?? ''))?.belongsTo
  const place = parents.findIndex((name, index) => belongsTo(index)?.has(name) !== true)
  return place === -1 ? undefined : place
}

function traitNames(entity: EntityNames): readonly string[] {
  return [...entity.traits.keys(), ...BUILT_IN.keys()]
}

function unknownTrait(entity: EntityNames, path: readonly string[]): Complaint {
  const name = withoutOwner(entity, path).join('.')
  const close = nearest(name, traitNames(entity))
  return {
    code: 'ref/unknown-trait',
    message: `Trait "${name}" is not defined on entity "${entity.name}".`,
    fix: close === undefined ? undefined : `Did you mean "${close}"?`,
  }
}

function unknownColumn({ source, sources, entity }: SourceNames, path: readonly string[]): Complaint {
  const stray = strayParent({ source, sources }, path)
  if (stray !== undefined && stray > 0) {
    const [child = '', parent = ''] = path.slice(stray - 1, stray + 1)
    const known = [...(sources.get(child)?.belongsTo?.keys() ?? [])]
    return {
      code: 'ref/unknown-column',
      message: `"${path.join('.')}" is no column: source "${child}" does not belong to "${parent}".`,
      fix: known.length === 0 ? undefined : `It belongs to ${known.map((name) => `"${name}"`).join(', ')}.`,
    }
  }
  const owners = [source.name, ...source.belongsTo.keys(), ...(entity === undefined ? [] : [entity.name])]
  const close = nearest(path[0] ?? '', owners)
  if (entity?.groups?.includes(path[0] ?? ''))
    return {
      code: 'ref/unknown-column',
      message: `"${path.join('.')}" is of entity "${path[0]}", and a condition on rows speaks of columns.`,
      fix: `Beside \`did\`, as a condition of its own, it may be named.`,
    }
  return {
    code: 'ref/unknown-column',
    message: `"${path.join('.')}" is no column: "${path[0]}" is neither source "${source.name}" nor something it belongs to.`,
    fix:
      close === undefined || close === path[0]
        ? `A name of two parts begins with ${owners.map((owner) => `"${owner}"`).join(' or ')}.`
        : `Did you mean "${close}.${path.slice(1).join('.')}"?`,
  }
}
