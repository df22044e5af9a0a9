import type { Link } from './paths.ts'

/** A node without which the others fall apart, and the sizes of the parts, the largest first. */
export interface Cut {
  readonly node: number
  readonly parts: readonly number[]
}

/** Two nodes whose tie alone holds two sides together, the smaller number first, and the size of the side of each. */
export interface Bridge {
  readonly a: number
  readonly b: number
  readonly sides: readonly [number, number]
}

/** Where a graph would fall apart. */
export interface WeakPoints {
  /** Distinct pairs of nodes that a link holds. */
  readonly pairs: number
  readonly cuts: readonly Cut[]
  readonly bridges: readonly Bridge[]
}

/**
 * Cut nodes and bridges (Tarjan 1972) of the graph in which every two nodes of a link are neighbours, in one walk
 * without recursion: a chain of 100,000 nodes would overflow the stack.
 */
export function weakPoints(links: readonly Link[]): WeakPoints {
  const graph = neighbours(links)
  const walk = walkedDepthFirst(graph)
  return { pairs: graph.ends.length / 2, cuts: cutsOf(graph, walk), bridges: bridgesOf(graph, walk) }
}

/** Neighbours of the node at place `v`: the places `ends[starts[v]]` to before `ends[starts[v + 1]]`. */
interface Graph {
  readonly nodes: readonly number[]
  readonly starts: Int32Array
  readonly ends: Int32Array
}

function neighbours(links: readonly Link[]): Graph {
  const places = new Map<number, number>()
  for (const link of links) for (const node of link.nodes) if (!places.has(node)) places.set(node, places.size)
  const count = places.size
  const pairs = new Set<number>()
  for (const { nodes } of links)
    for (const [at, one] of nodes.entries())
      for (const other of nodes.slice(at + 1)) {
        const [a = 0, b = 0] = [places.get(one), places.get(other)]
        if (a !== b) pairs.add(Math.min(a, b) * count + Math.max(a, b))
      }
  const starts = new Int32Array(count + 1)
  const ends = new Int32Array(pairs.size * 2)
  const both = (each: (a: number, b: number) => void) => {
    for (const pair of pairs) {
      const [a, b] = [Math.floor(pair / count), pair % count]
      each(a, b)
      each(b, a)
    }
  }
  both((a) => add(starts, a + 1, 1))
  for (let place = 0; place < count; place++) add(starts, place + 1, get(starts, place))
  const filled = starts.slice()
  both((a, b) => {
    ends[get(filled, a)] = b
    add(filled, a, 1)
  })
  return { nodes: [...places.keys()], starts, ends }
}

/** By place: when it was reached, from where, how far back its subtree reaches, and how large that and its tree are. */
interface Walk {
  /** Places in the order in which they were reached. */
  readonly order: Int32Array
  /** -1 for the first of a tree. */
  readonly parent: Int32Array
  readonly reached: Int32Array
  readonly low: Int32Array
  readonly size: Int32Array
  /** The place at which the walk of its tree began. */
  readonly root: Int32Array
}

function walkedDepthFirst({ nodes, starts, ends }: Graph): Walk {
  const count = nodes.length
  const filled = (value: number) => new Int32Array(count).fill(value)
  const walk: Walk = {
    order: new Int32Array(count),
    parent: filled(-1),
    reached: filled(-1),
    low: filled(0),
    size: filled(1),
    root: filled(-1),
  }
  const { order, parent, reached, low, size, root } = walk
  const next = starts.slice(0, count)
  let time = 0
  const reach = (place: number, from: number, tree: number) => {
    parent[place] = from
    root[place] = tree
    reached[place] = time
    low[place] = time
    order[time++] = place
  }
  for (let first = 0; first < count; first++) {
    if (get(reached, first) >= 0) continue
    reach(first, -1, first)
    for (let here = first; here >= 0; ) {
      const at = get(next, here)
      if (at < get(starts, here + 1)) {
        next[here] = at + 1
        const there = get(ends, at)
        if (get(reached, there) < 0) {
          reach(there, here, first)
          here = there
        } else if (there !== get(parent, here)) low[here] = Math.min(get(low, here), get(reached, there))
        continue
      }
      const back = get(parent, here)
      if (back >= 0) {
        low[back] = Math.min(get(low, back), get(low, here))
        add(size, back, get(size, here))
      }
      here = back
    }
  }
  return walk
}

function cutsOf({ nodes }: Graph, { order, parent, reached, low, size, root }: Walk): readonly Cut[] {
  const parted = new Map<number, number[]>()
  for (const place of order) {
    const above = get(parent, place)
    if (above < 0 || get(low, place) < get(reached, above)) continue
    const below = parted.get(above)
    if (below === undefined) parted.set(above, [get(size, place)])
    else below.push(get(size, place))
  }
  return [...parted].flatMap(([place, below]) => {
    const rest = get(size, get(root, place)) - 1 - below.reduce((sum, one) => sum + one, 0)
    const parts = [...below, ...(rest > 0 ? [rest] : [])].sort((a, b) => b - a)
    return parts.length < 2 ? [] : [{ node: nodes[place] ?? 0, parts }]
  })
}

function bridgesOf({ nodes }: Graph, { order, parent, reached, low, size, root }: Walk): readonly Bridge[] {
  return [...order].flatMap((place): readonly Bridge[] => {
    const above = get(parent, place)
    if (above < 0 || get(low, place) <= get(reached, above)) return []
    const [one = 0, other = 0] = [nodes[above], nodes[place]]
    const below = get(size, place)
    const rest = get(size, get(root, place)) - below
    return [one < other ? { a: one, b: other, sides: [rest, below] } : { a: other, b: one, sides: [below, rest] }]
  })
}

function get(values: Int32Array, at: number): number {
  return values[at] ?? 0
}

function add(values: Int32Array, at: number, more: number): void {
  values[at] = get(values, at) + more
}
