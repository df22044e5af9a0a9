import { type At, problem } from '../error.ts'
import type { EventSource } from './condition.ts'
import { cycles, type Need, ring } from './cycles.ts'
import { find, placed, wantedIn } from './find.ts'
import { checkRenamed } from './former-names.ts'
import type { Condition } from './language.ts'
import type { Entity, Purpose, Segment, Source } from './project.ts'
import { purposeNamed } from './resolve-consent.ts'
import { header, isAttributed, ofNobody, type Resolving } from './resolving.ts'
import { type EntityNames, entityScope, type Scope, sourceScope } from './scope.ts'
import { checkWaterfall, hasVariantColumn, limitOf, splitOf, variantColumn, variantsOf } from './segment-people.ts'
import type { SegmentShape } from './segment-shape.ts'
import type { Node, Scalar } from './tree.ts'
import type { Item } from './validate.ts'
import { readWhere } from './where.ts'

/** What conditions on profiles of one entity may speak of. */
export interface EntityScope {
  readonly entity: Entity
  readonly names: EntityNames
  readonly events: ReadonlyMap<string, EventSource>
  /** The entities that group its profiles, whose traits conditions may name too. */
  readonly groups: readonly EntityNames[]
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
  return { entity, names, events: new Map(events), groups: [] }
}

/** The segments that may be named, with the entity and the variants of each, broken ones included. */
export type SegmentNames = ReadonlyMap<string, { readonly entity: string; readonly variants: readonly string[] }>

/** Every segment whose condition can stand. */
export function resolveSegments(
  context: Resolving,
  scopes: ReadonlyMap<string, EntityScope>,
  consents: Consents,
): { readonly segments: ReadonlyMap<string, Segment>; readonly names: SegmentNames } {
  const { items, names: places } = context.validated.segments
  const entities = new Map([...items.values()].map((item) => [item.name, entityOf(context, item, scopes)]))
  const only = [...scopes.keys()][0] ?? ''
  const names: SegmentNames = new Map(
    [...places.keys()].map((name) => {
      const item = items.get(name)
      return [name, { entity: entities.get(name)?.entity.name ?? only, variants: item ? variantsOf(item.value) : [] }]
    }),
  )
  const segments = new Map<string, Segment>()
  for (const item of items.values()) {
    const scope = entities.get(item.name)
    const segment = scope && segmentOf(context, item, scope, { names, groups: groupsIn(scopes, scope), consents })
    if (segment) segments.set(item.name, segment)
  }
  checkRings(context, segments)
  checkRenamed(context, 'segments')
  checkVariantColumns(context, segments)
  return { segments, names }
}

/** What `purpose:` may name, and where its consents are. */
interface Consents {
  readonly purposes: ReadonlyMap<string, Purpose>
  readonly sources: ReadonlyMap<string, Source>
}

interface Around {
  readonly consents: Consents
  readonly names: SegmentNames
  readonly groups: readonly string[]
}

function segmentOf(
  context: Resolving,
  item: Item<SegmentShape>,
  scope: EntityScope,
  { names, groups, consents }: Around,
): Segment | undefined {
  const { problems } = context
  const { value } = item
  const before = problems.length
  const entity = scope.entity.name
  const where = value.where && whereOf(context, value.where, scope, names)
  const exclude = segmentsNamed(context, value.exclude ?? [], entity, names)
  const waterfall = segmentsNamed(context, value.waterfall ?? [], entity, names)
  checkWaterfall(item, problems)
  const asking = { ...consents, what: `Segment "${item.name}"`, entity: scope.entity }
  const purpose = value.purpose && purposeNamed(context, value.purpose, asking)
  const split = splitOf(item, problems)
  const limit = limitOf(item, { entity, names: traitScope(context, scope), groups }, problems)
  if (!value.where && !value.waterfall) {
    const fix = 'Write a condition, or name segments under `waterfall`.'
    problems.push(problem('project/missing-key', `Segment "${item.name}" needs "where".`, item.key.at(), fix))
  }
  if (problems.slice(before).some(({ severity }) => severity === 'error')) return undefined
  const variants = variantsOf(value)
  return { ...header(item), entity, was: value.was?.text, where, exclude, waterfall, purpose, split, limit, variants }
}

function groupsIn(scopes: ReadonlyMap<string, EntityScope>, { entity }: EntityScope): readonly string[] {
  return [...scopes.values()].flatMap((one) => (one.entity.of === entity.name ? [one.entity.name] : []))
}

/** A condition on profiles. */
export function whereOf(
  context: Resolving,
  where: Node,
  scope: EntityScope,
  segments: SegmentNames,
): Condition | undefined {
  const { names: traits, groups } = scope
  const names = withPlaces(context, traits, entityScope(traits, context.settings.timezone, groups))
  return readWhere(where, { names, events: scope.events, segments, entity: scope.entity.name }, context.problems)
}

/** The traits of an entity, with their places for those who mistake a name. */
export function traitScope(context: Resolving, { names }: EntityScope): Scope {
  return withPlaces(context, names, entityScope(names, context.settings.timezone))
}

function withPlaces({ validated }: Resolving, { name }: EntityNames, scope: Scope): Scope {
  return placed(scope, name, validated.traits.get(name)?.traits.names ?? new Map())
}

/** Names of segments of one entity. */
export function segmentsNamed(
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
      const { exclude = [], waterfall = [] } = context.validated.segments.items.get(segment.name)?.value ?? {}
      const written = [...exclude, ...waterfall].map((one) => ({ to: one.text, at: one.at() }))
      return [segment.name, [...(segment.where ? memberships(segment.where) : []), ...written]]
    }),
  )
  for (const { names, at } of cycles(graph))
    context.problems.push(problem('ref/cycle', `Segments form a ring: ${ring(names)}.`, at))
}

/** A segment with variants needs a second column beside its own. */
function checkVariantColumns({ validated, problems }: Resolving, segments: ReadonlyMap<string, Segment>): void {
  for (const segment of [...segments.values()].filter(hasVariantColumn)) {
    const wanted = variantColumn(segment.name).toLowerCase()
    const refuse = (what: string, names: ReadonlyMap<string, At>) => {
      for (const [name, at] of names) {
        const message = `"${name}" cannot be a ${what}: it is where the variants of "${segment.name}" are told.`
        if (name.toLowerCase() === wanted)
          problems.push(problem('project/bad-name', message, at, 'Choose another name.'))
      }
    }
    refuse('segment', validated.segments.names)
    refuse('trait', validated.traits.get(segment.entity)?.traits.names ?? new Map())
  }
}

function* memberships(condition: Condition): Generator<Need> {
  if (condition.kind === 'member_of') yield { to: condition.segment, at: condition.at }
  if (condition.kind === 'not') yield* memberships(condition.of)
  if (condition.kind === 'all' || condition.kind === 'any') for (const one of condition.of) yield* memberships(one)
}
