import { type Diagnostic, problem } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import { find, wantedIn } from './find.ts'
import type { Entity, Source, TraitDefinition } from './project.ts'
import { isAttributed, ofNobody, type Resolving } from './resolving.ts'
import type { EntityNames } from './scope.ts'
import type { Scalar } from './tree.ts'

/** What the traits of one entity are resolved with. */
export interface Given {
  readonly context: Resolving
  readonly entity: Omit<Entity, 'traits'>
  readonly sources: ReadonlyMap<string, Source>
  readonly names: EntityNames
  /** Of a group (`of:`): the traits of its members; undefined where they are not known. */
  readonly members: EntityNames | undefined
  readonly problems: Diagnostic[]
}

/** What a trait turns out to be. */
export interface Defined {
  readonly definition: TraitDefinition
  readonly type: ValueType
  /** What kind of personal data it is made of. */
  readonly pii?: string | undefined
}

/** A source whose rows belong to people of the entity; undefined after a problem was added. */
export function sourceFor(given: Given, written: Scalar): Source | undefined {
  if (isEntity(given, written)) return undefined
  const wanted = wantedIn('ref/unknown-source', 'Source', given.context.validated.sources)
  const source = find(written, given.sources, wanted, given.problems)
  if (!source || isAttributed(source, given.entity, given.sources)) return source
  const fix = 'Name its `identifiers:`, or the source that it belongs to under `belongs_to:`.'
  given.problems.push(problem('ref/unknown-identifier', ofNobody(source, given.entity), written.at(), fix))
  return undefined
}

/** Whether an entity is named where a source should be; a problem was added then. */
function isEntity({ context, entity, problems }: Given, written: Scalar): boolean {
  if (!context.validated.entities.names.has(written.text)) return false
  const isMembers = written.text === entity.of
  const message = isMembers
    ? `"${written.text}" is the entity that "${entity.name}" is of, and a pick takes columns of sources.`
    : `"${written.text}" is an entity, and a trait of "${entity.name}" is made from a source${entity.of === undefined ? '' : ` or from "${entity.of}"`}.`
  const fix = isMembers
    ? `Measure a trait of the members: from: ${written.text}, and first:, last: or most_frequent: with its name.`
    : undefined
  problems.push(problem('ref/unknown-source', message, written.at(), fix))
  return true
}

/** Whether the rows of a source can be put in the order of time. */
export function hasTime({ occurredAt, updatedAt, loadedAt }: Source): boolean {
  return (occurredAt ?? updatedAt ?? loadedAt) !== undefined
}
