import { type GraphNode, graphOf } from '../project/graph.ts'
import { nameOf } from '../project/place.ts'
import type { Destination, Entity, Named, Project, Segment, Source, Sync } from '../project/project.ts'
import { tableText } from '../project/relation.ts'

/** The resolved project and its graph, as `.cdp/manifest.json` keeps it. Holds no account, no value and no time. */
export interface Manifest {
  readonly version: 1
  readonly project: string
  readonly target: { readonly name: string; readonly type: string }
  readonly schemas: Project['schemas']
  readonly timezone: string
  readonly now: string | null
  /** By `kind:name`, in the project's order. */
  readonly nodes: Readonly<Record<string, Node>>
}

type Node = Readonly<Record<string, unknown>> & Pick<GraphNode, 'kind' | 'name' | 'tags' | 'needs'>

export function manifestOf(project: Project): Manifest {
  const nodes = [...graphOf(project).values()].map((node): [string, Node] => [node.id, nodeOf(project, node)])
  return {
    version: 1,
    project: project.name,
    target: { name: project.target.name, type: project.target.type },
    schemas: project.schemas,
    timezone: project.timezone,
    now: project.now ?? null,
    nodes: Object.fromEntries(nodes),
  }
}

function nodeOf(project: Project, { kind, name, tags, needs }: GraphNode): Node {
  const described = <T extends Named>(items: ReadonlyMap<string, T>, more: (item: T) => object) => {
    const item = items.get(name)
    if (item === undefined) return {}
    const { at, description, owner } = item
    return { at: nameOf(at), ...(description && { description }), ...(owner && { owner }), ...more(item) }
  }
  const about = {
    source: () => described(project.sources, sourceFacts),
    entity: () => described(project.entities, entityFacts),
    segment: () => described(project.segments, segmentFacts),
    destination: () => described(project.destinations, destinationFacts),
    sync: () => described(project.syncs, syncFacts),
  }
  return { kind, name, tags, needs, ...about[kind]() }
}

function sourceFacts({ category, key, occurredAt, updatedAt, loadedAt, identifiers, relation }: Source): object {
  const { kind } = relation
  const named = { at: occurredAt, updated_at: updatedAt, loaded_at: loadedAt }
  const where = relation.kind === 'table' ? tableText(relation) : undefined
  const path = relation.kind === 'file' ? relation.path : undefined
  const told = Object.fromEntries(identifiers.map(({ column, type }) => [column, type]))
  return { relation: kind, table: where, file: path, category, key, columns: named, identifiers: told }
}

function entityFacts({ identifiers, traits }: Entity): object {
  return {
    identifiers: identifiers.map(({ name }) => name),
    traits: [...traits.values()].map(({ name, type, pii, definition }) => ({ name, type, kind: definition.kind, pii })),
  }
}

function segmentFacts({ entity, was, exclude, waterfall, split, limit, variants }: Segment): object {
  const held = split === undefined ? undefined : 1 - split.end
  return { entity, was, exclude, waterfall, variants, held_out: held, limit: limit?.rows }
}

function destinationFacts({ type, targets }: Destination): object {
  return { type, targets }
}

function syncFacts({
  destination,
  entity,
  rows,
  segment,
  variant,
  mode,
  onLeave,
  key,
  fields,
  exclude,
  after,
}: Sync): object {
  const theirs = fields.map((field) => field.theirs)
  const told = { destination, source: rows?.source, entity, segment, variant, mode, on_leave: onLeave, key }
  return { ...told, fields: theirs, exclude, after }
}
