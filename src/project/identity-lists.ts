import type { Project, Source } from './project.ts'

/** Which of an entity's lists: of identifiers that are one profile, or that never are. */
export type ListKind = 'always' | 'never'

/** How YAML calls each list. */
export const LIST_KEYS = { always: 'always_merge', never: 'never_merge' } as const

/** The name of the source that a list is read as. */
export function listName(entity: string, kind: ListKind): string {
  return `${entity}_${kind}`
}

/** A list of an entity, with its name in messages. */
export interface IdentityList {
  readonly source: Source
  /** `The list "never_merge" of entity "customer"`. */
  readonly title: string
}

/** The lists of all entities, in the project's order. */
export function identityLists(project: Pick<Project, 'entities'>): readonly IdentityList[] {
  return [...project.entities.values()].flatMap((entity) =>
    (['always', 'never'] as const).flatMap((kind) => {
      const source = entity[kind]
      return source === undefined ? [] : [{ source, title: `The list "${LIST_KEYS[kind]}" of entity "${entity.name}"` }]
    }),
  )
}

/** The columns of a list whose rows name the types of their two values. */
export const PAIR_COLUMNS = ['type_a', 'value_a', 'type_b', 'value_b'] as const

/** The column that holds one side of a pair where that is a value of a type. */
export function pairColumn(type: string, side: 'a' | 'b'): string {
  return `${type}_${side}`
}
