import { A_MEMBER } from '../compile/identity/explain-fanout.ts'
import { LONGEST } from '../compile/rows.ts'
import type { Block, Entity } from '../project/project.ts'
import { listed } from '../sync/listed.ts'
import type { Known } from './evidence.ts'
import { type OpenGraph, strengthOf } from './graph.ts'

/** Says of an identifier why it joins nobody, as the end of a sentence; null for one that joins. */
export type Why = (one: Known) => string | null

/** What explains the standing of these identifiers; the warehouse is asked about the shared ones. */
export async function readWhy(graph: OpenGraph, identifiers: Iterable<Known>): Promise<Why> {
  const shared = [...identifiers].filter(({ standing }) => standing === 'shared')
  const counts = await readFanout(graph, shared)
  return (one) => whyOf(graph, one, counts.get(one.node_id) ?? [])
}

/** With how many values of a stronger type an identifier was seen. */
export interface SeenWith {
  /** An identifier type; of a group also the entity whose profiles are its members. */
  readonly type: string
  readonly values: number
}

/** The name of what an identifier was seen with. */
export function strongerName(entity: Entity, stronger: string): string {
  return stronger === A_MEMBER ? (entity.of ?? stronger) : stronger
}

async function readFanout(
  { session, statements, entity }: OpenGraph,
  shared: readonly Known[],
): Promise<ReadonlyMap<number, readonly SeenWith[]>> {
  if (statements.fanout === undefined || shared.length === 0) return new Map()
  const nodes = JSON.stringify(shared.map(({ node_id }) => ({ node_id })))
  const found = new Map<number, SeenWith[]>()
  for (const { node_id: node, stronger, seen_with: values } of await listed(session, statements.fanout.of, { nodes }))
    found.set(node, [...(found.get(node) ?? []), { type: strongerName(entity, stronger), values }])
  return found
}

function whyOf({ entity }: OpenGraph, { type, value, standing }: Known, seenWith: readonly SeenWith[]): string | null {
  const declared = entity.identifiers.find(({ name }) => name === type)
  switch (standing) {
    case 'joins':
      return null
    case 'silent':
      return 'its type has link: false'
    case 'gone':
      return 'no row holds it any more'
    case 'shared': {
      const [most] = [...seenWith].sort(
        (a, b) => b.values - a.values || strengthOf(entity, a.type) - strengthOf(entity, b.type),
      )
      if (most === undefined) return 'it was seen with too many stronger identifiers'
      const cap = declared?.maxFanout === undefined ? '' : `; max_fanout is ${declared.maxFanout}`
      const what = most.type === entity.of ? `profiles of ${most.type}` : `values of ${most.type}`
      return `it was seen with ${most.values} ${what}${cap}`
    }
    case 'blocked': {
      if (value.length > LONGEST) return `it is longer than ${LONGEST} characters`
      const fitting = declared?.block.filter((block) => hits(block, value)) ?? []
      const hit = fitting.find(({ kind }) => kind === 'value') ?? fitting[0]
      if (hit?.kind === 'pattern') return `/${hit.pattern}/ in the block list of its type fits it`
      return 'it is on the block list of its type'
    }
    default:
      return standing
  }
}

function hits(block: Block, value: string): boolean {
  if (block.kind === 'value') return block.value === value.toLowerCase()
  try {
    return new RegExp(block.pattern).test(value)
  } catch {
    // The warehouse knows forms of patterns that JavaScript does not.
    return false
  }
}
