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
}

/** What a source's scope is made of. */
export interface SourceNames {
  readonly source: Pick<Source, 'name' | 'types' | 'belongsTo'>
  /** Every source by name, for the columns of parents. */
  readonly sources: ReadonlyMap<string, Pick<Source, 'types'>>
  /** The entity whose traits may be named as `entity.trait`: those of the person a row belongs to. */
  readonly entity?: EntityNames | undefined
  readonly timezone: string
}

/** Traits of an entity by name or as `entity.trait`, and the built-in columns of every profile. */
export function entityScope(entity: EntityNames, timezone: string): Scope {
  return {
    timezone,
    lookup: (path) => traitAt(entity, path[0] === entity.name && path.length > 1 ? path.slice(1) : path),
    qualifies: (first) => first === entity.name,
    qualified: (name) => (traitAt(entity, [name]) ? `${entity.name}.${name}` : undefined),
    names: () => traitNames(entity),
    complaint: (path) => unknownTrait(entity, path),
  }
}

/**
 * Columns of a source by name or as `source.column`, `parent.column` of its parents, `entity.trait` of the person.
 * Columns are not known before the warehouse is asked: every bare name is one, of its declared type or `unknown`.
 */
export function sourceScope(given: SourceNames): Scope {
  const { source, sources, entity, timezone } = given
  const isParent = (name: string) => source.belongsTo.has(name)
  return {
    timezone,
    lookup: (path) => {
      const [first, second] = path
      if (first === undefined || path.length > 2) return undefined
      if (second === undefined) return columnOf(source, first)
      if (first === source.name) return columnOf(source, second)
      if (isParent(first)) return parentColumn(first, sources.get(first), second)
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

function parentColumn(source: string, parent: Pick<Source, 'types'> | undefined, column: string): Found {
  return { to: { kind: 'parent', source, column }, type: parent?.types.get(column) ?? 'unknown' }
}

function traitNames(entity: EntityNames): readonly string[] {
  return [...entity.traits.keys(), ...BUILT_IN.keys()]
}

function unknownTrait(entity: EntityNames, path: readonly string[]): Complaint {
  const name = path[0] === entity.name && path.length > 1 ? path.slice(1).join('.') : path.join('.')
  const close = nearest(name, traitNames(entity))
  return {
    code: 'ref/unknown-trait',
    message: `Trait "${name}" is not defined on entity "${entity.name}".`,
    fix: close === undefined ? undefined : `Did you mean "${close}"?`,
  }
}

function unknownColumn({ source, entity }: SourceNames, path: readonly string[]): Complaint {
  const owners = [source.name, ...source.belongsTo.keys(), ...(entity === undefined ? [] : [entity.name])]
  const close = nearest(path[0] ?? '', owners)
  return {
    code: 'ref/unknown-column',
    message: `"${path.join('.')}" is no column: "${path[0]}" is neither source "${source.name}" nor something it belongs to.`,
    fix:
      close === undefined || close === path[0]
        ? `A name of two parts begins with ${owners.map((owner) => `"${owner}"`).join(' or ')}.`
        : `Did you mean "${close}.${path.slice(1).join('.')}"?`,
  }
}
