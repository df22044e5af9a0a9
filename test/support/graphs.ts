/** A graph over the nodes 0…nodes-1. */
export interface Graph {
  /** Edges, end after end: a0, b0, a1, b1, … They may repeat, and an edge may join a node with itself. */
  readonly pairs: Int32Array
  readonly nodes: number
}

/** A path through `n` nodes. Sorted: every node's number is one more than the last one's, the worst case for hooking. */
export function path(n: number, ids: 'sorted' | 'random', seed = 1): Graph {
  const pairs = new Int32Array(2 * Math.max(n - 1, 0))
  for (let at = 0; at < pairs.length; at++) pairs[at] = (at + 1) >> 1
  const sorted = { pairs, nodes: n }
  return ids === 'sorted' ? sorted : shuffled(sorted, seed)
}

/** One hub and `n - 1` leaves. */
export function star(n: number, hub: 'smallest' | 'largest' | 'random', seed = 1): Graph {
  const pairs = new Int32Array(2 * Math.max(n - 1, 0))
  const middle = hub === 'largest' ? n - 1 : 0
  for (let leaf = 0; leaf < n - 1; leaf++) {
    pairs[2 * leaf] = middle
    pairs[2 * leaf + 1] = hub === 'largest' ? leaf : leaf + 1
  }
  const sorted = { pairs, nodes: n }
  return hub === 'random' ? shuffled(sorted, seed) : sorted
}

/** Every node is joined with the one to its right and the one below it; numbers run line by line. */
export function grid(width: number, height: number): Graph {
  const edges = new Edges(2 * width * height)
  for (let node = 0; node < width * height; node++) {
    if ((node + 1) % width !== 0) edges.add(node, node + 1)
    if (node + width < width * height) edges.add(node, node + width)
  }
  return { pairs: edges.pairs(), nodes: width * height }
}

/** `k` groups of `size` nodes, all joined with all inside a group; the last of a group with the first of the next. */
export function cliqueChain(k: number, size: number): Graph {
  const edges = new Edges((k * size * (size - 1)) / 2 + k)
  for (let first = 0; first < k * size; first += size) {
    for (let a = first; a < first + size; a++) for (let b = a + 1; b < first + size; b++) edges.add(a, b)
    if (first > 0) edges.add(first - 1, first)
  }
  return { pairs: edges.pairs(), nodes: k * size }
}

/** `edges` edges between any two of `n` nodes. */
export function random(n: number, edges: number, seed = 1): Graph {
  const next = dice(seed)
  return { pairs: new Int32Array(2 * edges).map(() => next(n)), nodes: n }
}

/**
 * What identity graphs look like: clusters whose sizes follow a power law (exponent 1.6, 2 to 400 nodes), each a tree
 * of which every second node hangs on the first one; an edge is followed by another of its node with probability 0.35,
 * up to six times, mostly a repetition; one cluster of a hundred is joined to an earlier one. Numbers and edges are
 * shuffled. Every node has an edge.
 */
export function powerLaw(edges: number, seed = 1): Graph {
  const next = dice(seed)
  const list = new Edges(edges)
  let nodes = 0
  while (list.count < edges) {
    const first = nodes
    const size = Math.min(400, Math.floor(2 / (1 - fraction(next)) ** (1 / 1.6)))
    for (let node = 1; node < size && list.count < edges; node++) {
      const parent = fraction(next) < 0.5 ? 0 : next(node)
      list.add(first + node, first + parent)
      nodes = first + node + 1
      for (let again = 0; again < 6 && list.count < edges && fraction(next) < 0.35; again++)
        list.add(first + node, first + (fraction(next) < 0.7 ? parent : next(node)))
    }
    if (first > 0 && list.count < edges && fraction(next) < 0.01) list.add(first + next(nodes - first), next(first))
  }
  return shuffled({ pairs: list.pairs(), nodes }, seed + 1)
}

/** The same graph under other numbers, its edges in another order. */
export function shuffled({ pairs, nodes }: Graph, seed = 1): Graph {
  const next = dice(seed)
  const names = counted(nodes)
  for (let at = nodes - 1; at > 0; at--) swap(names, at, next(at + 1))
  const renamed = pairs.map((node) => names[node] ?? node)
  for (let at = renamed.length / 2 - 1; at > 0; at--) {
    const other = next(at + 1)
    swap(renamed, 2 * at, 2 * other)
    swap(renamed, 2 * at + 1, 2 * other + 1)
  }
  return { pairs: renamed, nodes }
}

/** By node: the smallest node of its connected component. */
export function unionFind(pairs: Int32Array, n: number): Int32Array {
  const parent = counted(n)
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const left = rootOf(parent, pairs[at] ?? 0)
    const right = rootOf(parent, pairs[at + 1] ?? 0)
    parent[Math.max(left, right)] = Math.min(left, right)
  }
  for (let node = 0; node < n; node++) parent[node] = rootOf(parent, node)
  return parent
}

/** A list of edges of which only the largest possible length is known. */
class Edges {
  readonly #pairs: Int32Array
  count = 0

  constructor(most: number) {
    this.#pairs = new Int32Array(2 * most)
  }

  add(a: number, b: number): void {
    this.#pairs[2 * this.count] = a
    this.#pairs[2 * this.count + 1] = b
    this.count += 1
  }

  pairs(): Int32Array {
    return this.#pairs.subarray(0, 2 * this.count)
  }
}

type Dice = (below: number) => number

/** A whole number from 0, below the given one; the same ones for the same seed (mulberry32). */
function dice(seed: number): Dice {
  let state = seed | 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** From 0, below 1. */
function fraction(next: Dice): number {
  return next(2 ** 32) / 2 ** 32
}

/** 0…n-1. */
function counted(n: number): Int32Array {
  return new Int32Array(n).map((_, at) => at)
}

function swap(list: Int32Array, one: number, other: number): void {
  const kept = list[one] ?? 0
  list[one] = list[other] ?? 0
  list[other] = kept
}

function rootOf(parent: Int32Array, node: number): number {
  let at = node
  for (;;) {
    const up = parent[at] ?? at
    if (up === at) return at
    const over = parent[up] ?? up
    parent[at] = over
    at = over
  }
}
