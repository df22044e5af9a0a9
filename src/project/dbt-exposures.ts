import { type Diagnostic, problem } from '../error.ts'
import { graphOf } from './graph.ts'
import { identityLists } from './identity-lists.ts'
import type { Project, Source, Sync } from './project.ts'

/** A use of models of dbt outside of it: of each sync, what its people or rows come from. */
export interface Exposure {
  readonly name: string
  readonly label: string
  readonly description: string
  readonly type: 'application'
  /** `ref('orders')`, `source('raw', 'clicks')`; sorted, at least one. */
  readonly dependsOn: readonly string[]
  readonly owner: { readonly name: string } | { readonly email: string }
}

/**
 * The exposures of every sync that reads a model or source of dbt, in the order of the project. `problems`: syncs without
 * an owner, which dbt asks for.
 */
export function exposuresOf(project: Project): {
  readonly exposures: readonly Exposure[]
  readonly problems: readonly Diagnostic[]
} {
  const problems: Diagnostic[] = []
  const exposures = [...project.syncs.values()].flatMap((sync) => {
    const dependsOn = [...new Set(sourcesBelow(project, sync).flatMap(nameInDbt))].sort()
    if (dependsOn.length === 0) return []
    const owner = sync.owner ?? project.destinations.get(sync.destination)?.owner ?? project.dbt?.owner
    if (owner === undefined) {
      const message = `Sync "${sync.name}" has no owner, and every exposure of dbt has one.`
      const fix = 'Write `owner:` on the sync or its destination, or for all: dbt: { owner: crm@acme.example }.'
      problems.push(problem('project/missing-key', message, sync.at, fix))
      return []
    }
    return [exposureOf(sync, dependsOn, owner)]
  })
  return { exposures, problems }
}

function exposureOf(sync: Sync, dependsOn: readonly string[], owner: string): Exposure {
  const people = sync.rows?.source ?? [sync.segment ?? sync.entity, sync.variant].filter(Boolean).join('.')
  return {
    name: `cdp_${sync.name}`,
    label: `${people} → ${sync.destination}`,
    description: sync.description ?? `cdp sends ${people} to ${sync.destination}.`,
    type: 'application',
    dependsOn,
    owner: owner.includes('@') ? { email: owner } : { name: owner },
  }
}

/** Every source that a sync needs, through segments, entities and SQL models, and the lists of its entities. */
function sourcesBelow(project: Project, sync: Sync): readonly Source[] {
  const graph = graphOf(project)
  const seen = new Set<string>()
  const open = [`sync:${sync.name}`]
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue
    seen.add(id)
    open.push(...(graph.get(id)?.needs ?? []))
  }
  const sources = [...project.sources.values()].filter(({ name }) => seen.has(`source:${name}`))
  const entities = [...project.entities.values()].filter(({ name }) => seen.has(`entity:${name}`))
  const lists = identityLists(project).map(({ source }) => source)
  const used = lists.filter((list) => entities.some(({ always, never }) => list === always || list === never))
  return [...sources, ...used]
}

function nameInDbt({ relation }: Source): readonly string[] {
  const plain = relation.kind === 'pairs' ? relation.of : relation
  return plain.kind === 'table' && plain.dbt !== undefined ? [plain.dbt] : []
}
