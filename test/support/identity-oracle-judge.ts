/** A node as the judge sees it. */
export interface TriedNode {
  readonly id: number
  readonly type: string
}

/** An edge between two nodes, by id. Tier 0 is `always_merge`; higher tiers are trusted less. */
export interface TriedEdge {
  readonly a: number
  readonly b: number
  readonly tier: number
}

export interface TriedRules {
  /** The most nodes of a type in one part, for the types that have a limit; the first that breaks is named. */
  readonly limits: ReadonlyMap<string, number>
  /** Pairs of nodes, by id, that are never in one part. */
  readonly never: readonly (readonly [number, number])[]
  /** The most nodes in one part; undefined = no bound. */
  readonly maxSize: number | undefined
}

export interface TriedRefusal<Edge extends TriedEdge> {
  readonly edge: Edge
  readonly reason: 'never_merge' | 'limit' | 'max_profile_size'
  /** The limited type, where the reason is a limit. */
  readonly type: string | undefined
}

type Part = ReadonlySet<number>

/**
 * Which nodes are one part when edges are joined one after the other and those that would break a rule are refused:
 * the rules of `src/build/judge.ts` written with plain sets, slow and easy to check. Edges come in order.
 */
export function tried<Edge extends TriedEdge>(
  nodes: readonly TriedNode[],
  edges: readonly Edge[],
  rules: TriedRules,
): { readonly parts: readonly Part[]; readonly refused: readonly TriedRefusal<Edge>[] } {
  const frozen = new Set<number>()
  const keepsApart = obstacles(nodes, rules, frozen)
  let parts: readonly Part[] = nodes.map((node) => new Set([node.id]))
  for (const tier of [...new Set([0, ...edges.map((edge) => edge.tier)])].sort((one, other) => one - other)) {
    const before = parts
    for (const { a, b } of edges.filter((edge) => edge.tier === tier)) {
      const [left, right] = [partOf(parts, a), partOf(parts, b)]
      if (left === right || keepsApart(left, right, tier) !== undefined) continue
      parts = [...parts.filter((part) => part !== left && part !== right), new Set([...left, ...right])]
    }
    for (const large of parts.filter((part) => part.size > (rules.maxSize ?? Number.POSITIVE_INFINITY))) {
      // What is confirmed stays together however large it is; what a later tier made too large falls apart again.
      if (tier > 0) parts = [...parts.filter((part) => part !== large), ...before.filter((part) => within(part, large))]
      for (const id of large) frozen.add(id)
    }
  }
  const refused = edges.flatMap((edge) => {
    const [left, right] = [partOf(parts, edge.a), partOf(parts, edge.b)]
    const why = left === right ? undefined : keepsApart(left, right, edge.tier)
    if (left !== right && why === undefined) throw new Error(`Nothing refuses ${JSON.stringify(edge)}.`)
    return why === undefined ? [] : [{ edge, ...why }]
  })
  return { parts, refused }
}

/** What keeps two parts apart, the strictest rule first; undefined where they may be one. */
function obstacles(nodes: readonly TriedNode[], { limits, never }: TriedRules, frozen: ReadonlySet<number>) {
  const typeOf = new Map(nodes.map((node) => [node.id, node.type]))
  const count = (part: Part, type: string) => [...part].filter((id) => typeOf.get(id) === type).length
  return (left: Part, right: Part, tier: number): Omit<TriedRefusal<TriedEdge>, 'edge'> | undefined => {
    if (never.some(([a, b]) => (left.has(a) && right.has(b)) || (left.has(b) && right.has(a))))
      return { reason: 'never_merge', type: undefined }
    if (tier === 0) return undefined
    for (const [type, most] of limits) {
      const [one, other] = [count(left, type), count(right, type)]
      if (one > 0 && other > 0 && one + other > most) return { reason: 'limit', type }
    }
    if ([...left, ...right].some((id) => frozen.has(id))) return { reason: 'max_profile_size', type: undefined }
    return undefined
  }
}

function partOf(parts: readonly Part[], id: number): Part {
  const part = parts.find((one) => one.has(id))
  if (part === undefined) throw new Error(`There is no node ${id}.`)
  return part
}

function within(part: Part, whole: Part): boolean {
  return [...part].every((id) => whole.has(id))
}
