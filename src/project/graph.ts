import type { Condition } from './language.ts'
import type { Entity, Named, Project, RowColumn, Segment, Source, Sync, Trait } from './project.ts'
import { eventsIn, membershipsIn, referencesIn } from './references.ts'

export type NodeKind = 'source' | 'entity' | 'segment' | 'sync' | 'destination'

/** One named thing of a project and what must be there before it. */
export interface GraphNode {
  /** `kind:name`, unique. */
  readonly id: string
  readonly kind: NodeKind
  readonly name: string
  readonly tags: readonly string[]
  /** Ids of the nodes that this one reads, sorted; each is a node of the graph. */
  readonly needs: readonly string[]
}

/** Every source, entity, segment, destination and sync by id, in the project's order, with its direct needs. */
export type Graph = ReadonlyMap<string, GraphNode>

export function graphOf(project: Project): Graph {
  const nodes = [
    ...[...project.sources.values()].map((source) => node('source', source, sourceNeeds(source))),
    ...[...project.entities.values()].map((entity) => node('entity', entity, entityNeeds(project, entity))),
    ...[...project.segments.values()].map((segment) => node('segment', segment, segmentNeeds(segment))),
    ...[...project.destinations.values()].map((destination) => node('destination', destination, [])),
    ...[...project.syncs.values()].map((sync) => node('sync', sync, syncNeeds(sync))),
  ]
  return new Map(nodes.map((one) => [one.id, one]))
}

function node(kind: NodeKind, { name, tags }: Named, needs: readonly string[]): GraphNode {
  return { id: `${kind}:${name}`, kind, name, tags, needs: [...new Set(needs)].sort() }
}

function sourceNeeds(source: Source): readonly string[] {
  return [...readsOf(source), ...source.belongsTo.keys()].map((name) => `source:${name}`)
}

/** The sources that an SQL model names. */
function readsOf({ relation }: Source): readonly string[] {
  const plain = relation.kind === 'pairs' ? relation.of : relation
  return plain.kind === 'sql' ? plain.pieces.flatMap((one) => (typeof one === 'string' ? [] : one.source)) : []
}

function entityNeeds(project: Project, entity: Entity): readonly string[] {
  const types = new Set(entity.identifiers.map(({ name }) => name))
  const identified = [...project.sources.values()].filter((source) =>
    source.identifiers.some(({ type }) => types.has(type)),
  )
  const read = [...entity.traits.values()].flatMap(traitSources)
  const listed = [entity.always, entity.never].flatMap((list) => (list === undefined ? [] : readsOf(list)))
  const members = entity.of === undefined ? [] : [`entity:${entity.of}`]
  return [...members, ...[...identified.map(({ name }) => name), ...read, ...listed].map((name) => `source:${name}`)]
}

function traitSources({ definition }: Trait): readonly string[] {
  switch (definition.kind) {
    case 'pick':
      return definition.columns.map(({ source }) => source)
    case 'aggregate':
      return [definition.source, ...parentsIn(definition)]
    case 'score':
      return definition.score.kind === 'weighted' ? [] : [definition.score.source, ...parentsIn(definition)]
    case 'members':
    case 'expression':
    case 'sql':
      return []
  }
}

function segmentNeeds(segment: Segment): readonly string[] {
  const before = [...segment.exclude, ...segment.waterfall].map((name) => `segment:${name}`)
  return [`entity:${segment.entity}`, ...before, ...conditionNeeds(segment.where)]
}

function syncNeeds(sync: Sync): readonly string[] {
  const people = sync.segment === undefined ? `entity:${sync.entity}` : `segment:${sync.segment}`
  const audience = sync.entity === undefined ? [] : [people]
  const before = sync.exclude.map((name) => `segment:${name}`)
  const { rows } = sync
  const sources =
    rows === undefined ? [] : [rows.source, ...parentsIn([[...rows.columns.values()].map(asReference), rows.where])]
  return [
    `destination:${sync.destination}`,
    ...sources.map((name) => `source:${name}`),
    ...audience,
    ...before,
    ...conditionNeeds(sync.where),
  ]
}

function asReference({ to }: RowColumn) {
  return { kind: 'reference', to }
}

function conditionNeeds(where: Condition | undefined): readonly string[] {
  const events = [...eventsIn(where)].map(({ source }) => source)
  const groups = [...referencesIn(where)].flatMap(({ to }) => (to.kind === 'group' ? [to.entity] : []))
  // Who was a member before is known without the segment: it may even ask about itself.
  return [
    ...groups.map((name) => `entity:${name}`),
    ...[...membershipsIn(where)].map((name) => `segment:${name}`),
    ...[...events, ...parentsIn(where)].map((name) => `source:${name}`),
  ]
}

function parentsIn(tree: unknown): readonly string[] {
  return [...referencesIn(tree)].flatMap(({ to }) => (to.kind === 'parent' ? [to.source] : []))
}
