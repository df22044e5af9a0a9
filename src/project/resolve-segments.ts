import { problem } from '../error.ts'
import type { EventSource } from './condition.ts'
import { cycles, type Need, ring } from './cycles.ts'
import { find, placed, wantedIn } from './find.ts'
import type { Condition } from './language.ts'
import type { Entity, Segment, Source } from './project.ts'
import { header, isAttributed, ofNobody, type Resolving } from './resolving.ts'
import type { SegmentShape } from './schema.ts'
import { type EntityNames, entityScope, type Scope, sourceScope } from './scope.ts'
import type { Scalar } from './tree.ts'
import type { Item } from './validate.ts'
import { readWhere } from './where.ts'

/** What conditions on profiles of one entity may speak of. */
export interface EntityScope {
  readonly entity: Entity
  readonly names: EntityNames
  readonly events: ReadonlyMap<string, EventSource>
}

/** The scope of conditions on an entity: its traits, and every source, those whose rows belong to nobody marked so. */
export function scopeOf(
  entity: Entity,
  names: EntityNames,
  sources: ReadonlyMap<string, Source>,
  timezone: string,
): EntityScope {
  const events = [...sources.values()].map((source): [string, EventSource] => [
    source.name,
    {
      scope: sourceScope({ source, sources, entity: names, timezone }),
      hasTime: source.occurredAt !== undefined,
      strange: isAttributed(source, entity, sources) ? undefined : ofNobody(source, entity),
    },
  ])
  return { entity, names, events: new Map(events) }
}

/** The segments that may be named, with the entity of each, broken ones included. */
export type SegmentNames = ReadonlyMap<string, { readonly entity: string }>

/** Every segment whose condition can stand. */
export function resolveSegments(
  context: Resolving,
  scopes: ReadonlyMap<string, EntityScope>,
): { readonly segments: ReadonlyMap<string, Segment>; readonly names: SegmentNames } {
  const { items, names: places } = context.validated.segments
  const entities = new Map([...items.values()].map((item) => [item.name, entityOf(context, item, scopes)]))
  const only = [...scopes.keys()][0] ?? ''
  const names: SegmentNames = new Map(
    [...places.keys()].map((name) => [name, { entity: entities.get(name)?.entity.name ?? only }]),
  )
  const segments = new Map<string, Segment>()
  for (const item of items.values()) {
    const scope = entities.get(item.name)
    const where = scope && whereOf(context, item.value.where, scope, names)
    const exclude = scope && excluded(context, item.value.exclude ?? [], scope.entity.name, names)
    if (where && exclude) segments.set(item.name, { ...header(item), entity: scope.entity.name, where, exclude })
  }
  checkRings(context, segments)
  return { segments, names }
}

/** A condition on profiles. */
export function whereOf(
  context: Resolving,
  where: SegmentShape['where'],
  scope: EntityScope,
  segments: SegmentNames,
): Condition | undefined {
  const names = traitScope(context, scope)
  return readWhere(where, { names, events: scope.events, segments, entity: scope.entity.name }, context.problems)
}

/** The traits of an entity, with their places for those who mistake a name. */
export function traitScope({ settings, validated }: Resolving, { names }: EntityScope): Scope {
  const places = validated.traits.get(names.name)?.traits.names ?? new Map()
  return placed(entityScope(names, settings.timezone), names.name, places)
}

/** Names of segments of one entity. */
export function excluded(
  context: Resolving,
  written: readonly Scalar[],
  entity: string,
  segments: SegmentNames,
): readonly string[] {
  const wanted = wantedIn('ref/unknown-segment', 'Segment', context.validated.segments)
  return written.flatMap((one) => {
    const segment = find(one, segments, wanted, context.problems)
    if (!segment) return []
    if (segment.entity === entity) return [one.text]
    const message = `Segment "${one.text}" is of entity "${segment.entity}", not of "${entity}".`
    context.problems.push(problem('ref/unknown-segment', message, one.at()))
    return []
  })
}

function entityOf(
  context: Resolving,
  item: Item<SegmentShape>,
  scopes: ReadonlyMap<string, EntityScope>,
): EntityScope | undefined {
  const { entities } = context.validated
  if (item.value.of)
    return find(item.value.of, scopes, wantedIn('ref/unknown-entity', 'Entity', entities), context.problems)
  const [only] = scopes.values()
  if (entities.names.size === 1) return only
  const names = [...entities.names.keys()]
  const message = `Segment "${item.name}" needs "of".`
  const fix = names.length === 0 ? 'Declare an entity first.' : `Name one of the entities: ${names.join(', ')}.`
  context.problems.push(problem('project/missing-key', message, item.key.at(), fix))
  return undefined
}

/** A segment needs those whose members it asks for or leaves out. */
function checkRings(context: Resolving, segments: ReadonlyMap<string, Segment>): void {
  const graph = new Map(
    [...segments.values()].map((segment): [string, readonly Need[]] => {
      const written = context.validated.segments.items.get(segment.name)?.value.exclude ?? []
      return [segment.name, [...memberships(segment.where), ...written.map((one) => ({ to: one.text, at: one.at() }))]]
    }),
  )
  for (const { names, at } of cycles(graph))
    context.problems.push(problem('ref/cycle', `Segments form a ring: ${ring(names)}.`, at))
}

function* memberships(condition: Condition): Generator<Need> {
  if (condition.kind === 'member_of') yield { to: condition.segment, at: condition.at }
  if (condition.kind === 'not') yield* memberships(condition.of)
  if (condition.kind === 'all' || condition.kind === 'any') for (const one of condition.of) yield* memberships(one)
}
