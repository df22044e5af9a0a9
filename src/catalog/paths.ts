/** Something that ties nodes together: a row that holds several identifiers. */
export interface Link {
  readonly nodes: readonly number[]
}

/** One step of a way: `link` holds both nodes. */
export interface Hop<L extends Link> {
  readonly from: number
  readonly to: number
  readonly link: L
}

/**
 * A way from one node to another with the fewest hops, empty where they are one, or undefined where there is none. At
 * every step the hop that `compare` puts first is taken, so the same links give the same way in whatever order.
 */
export function shortestPath<L extends Link>(
  links: readonly L[],
  from: number,
  to: number,
  compare: (a: Hop<L>, b: Hop<L>) => number,
): readonly Hop<L>[] | undefined {
  const at = linksByNode(links)
  const distances = distancesTo(to, at)
  const distance = distances.get(from)
  if (distance === undefined) return undefined
  const path: Hop<L>[] = []
  let here = from
  for (let left = distance; left > 0; left--) {
    const hops = (at.get(here) ?? []).flatMap((link) =>
      link.nodes.filter((node) => distances.get(node) === left - 1).map((node) => ({ from: here, to: node, link })),
    )
    const best = hops.reduce((one, other) => (compare(other, one) < 0 ? other : one))
    path.push(best)
    here = best.to
  }
  return path
}

function linksByNode<L extends Link>(links: readonly L[]): ReadonlyMap<number, readonly L[]> {
  const at = new Map<number, L[]>()
  for (const link of links)
    for (const node of link.nodes) {
      const known = at.get(node)
      if (known === undefined) at.set(node, [link])
      else known.push(link)
    }
  return at
}

/** How many hops each node is away from `goal`, breadth first; every link is walked once. */
function distancesTo<L extends Link>(goal: number, at: ReadonlyMap<number, readonly L[]>): ReadonlyMap<number, number> {
  const distances = new Map([[goal, 0]])
  const walked = new Set<L>()
  let edge = [goal]
  for (let hops = 1; edge.length > 0; hops++) {
    const next: number[] = []
    for (const node of edge)
      for (const link of at.get(node) ?? []) {
        if (walked.has(link)) continue
        walked.add(link)
        for (const other of link.nodes) {
          if (distances.has(other)) continue
          distances.set(other, hops)
          next.push(other)
        }
      }
    edge = next
  }
  return distances
}
