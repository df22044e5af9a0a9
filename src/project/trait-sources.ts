import { type At, type Diagnostic, problem } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import { find, placed, wantedIn } from './find.ts'
import type { Duration } from './language.ts'
import type { Entity, Source, TraitDefinition } from './project.ts'
import { isAttributed, ofNobody, type Resolving } from './resolving.ts'
import { type EntityNames, entityScope, type Scope } from './scope.ts'
import { parseDuration } from './time.ts'
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

/** The window of `within: 90 days`; undefined, or without effect, after a problem was added. */
export function windowOf(given: Given, written: Scalar, source: Source): Duration | undefined {
  const duration = parseDuration(written.text)
  if (!duration)
    given.problems.push(
      problem('project/wrong-type', `"${written.text}" is no duration.`, written.at(), 'Write 90 days, or 24 hours.'),
    )
  else happened(given, source, { key: 'within', at: written.at(), ofMembers: '' })
  return duration
}

/** What asks when a row happened, and what is advised where members are asked, who do not happen. */
interface Asker {
  readonly key: string
  readonly at: At | undefined
  readonly ofMembers: string
}

/** Whether it is known when the rows of a source (undefined: the members) happened; else a problem was added. */
export function happened(
  { problems, members }: Given,
  source: Source | undefined,
  { key, at, ofMembers }: Asker,
): boolean {
  if (source?.occurredAt !== undefined) return true
  const why = source ? `source "${source.name}" does not say` : `a profile of "${members?.name}" does not happen`
  const fix = source ? `Name the \`at:\` of "${source.name}".` : ofMembers
  problems.push(problem('expr/no-time', `"${key}" needs to know when a row happened, and ${why}.`, at, fix))
  return false
}

/** What an expression over the other traits of a profile may name. */
export function traitScope({ context, entity, names }: Given): Scope {
  const places = context.validated.traits.get(entity.name)?.traits.names ?? new Map()
  return placed(entityScope(names, context.settings.timezone), entity.name, places)
}
