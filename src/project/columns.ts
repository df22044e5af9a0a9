import type { ValueType } from '../sql/dialect.ts'
import { BUILT_IN, type Entity, type Project, type Trait } from './project.ts'
import { rfmColumns } from './score.ts'

/** A column of a profile. */
export interface TraitColumn {
  readonly name: string
  readonly type: ValueType
}

/** The columns of traits on the profile, in their order: what a trait has beside its value stands right after it. */
export function traitColumns(traits: ReadonlyMap<string, Trait>): readonly TraitColumn[] {
  return [...traits.values()].flatMap(({ name, type, definition }): readonly TraitColumn[] => {
    const value = { name, type }
    if (definition.kind === 'pick' && definition.withSource) return [value, { name: sourceColumn(name), type: 'text' }]
    if (definition.kind !== 'score' || definition.score.kind !== 'rfm') return [value]
    return [value, ...rfmColumns(name, definition.score.cells.length > 0)]
  })
}

/**
 * The columns that every profile of an entity has, whatever its traits: those of all entities, then the id of each
 * group that it may be a member of.
 */
export function builtInColumns(project: Pick<Project, 'entities'>, entity: Entity): readonly TraitColumn[] {
  const shared = [...BUILT_IN].map(([name, type]) => ({ name, type }))
  return [
    ...shared,
    ...groupsOf(project, entity).map(({ name }) => ({ name: groupColumn(name), type: 'text' as const })),
  ]
}

/** The entities that group the profiles of another one (`of:`). */
export function groupsOf({ entities }: Pick<Project, 'entities'>, entity: Entity): readonly Entity[] {
  return [...entities.values()].filter((group) => group.of === entity.name)
}

/** Where a profile says which profile of a group it is a member of: `household_id`. */
export function groupColumn(group: string): string {
  return `${group}_id`
}

/** Where it stands from which source the value of a picked trait came. */
export function sourceColumn(trait: string): string {
  return `${trait}__source`
}
