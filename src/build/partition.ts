/** What is known of the nodes 0…n-1 before any two are one part. */
export interface PartitionNodes {
  /** By node: which limited type it is a value of, from 0; -1 = none. */
  readonly types: Int32Array
  /** How many limited types there are. */
  readonly limited: number
  /** Pairs of nodes that are never one part: a0, b0, a1, b1, … */
  readonly never: Int32Array
}

/**
 * Which nodes are one part: a union-find that also knows how many nodes each part has, how many of each limited type,
 * and which parts must stay apart. A part goes by its root, one of its nodes; which one may change with every union.
 */
export class Partition {
  readonly #nodes: PartitionNodes
  readonly #parent: Int32Array
  readonly #sizes: Int32Array
  readonly #counts: Int32Array
  /** By root: the roots of the parts from which it must stay apart. Always both ways. */
  #foes = new Map<number, Set<number>>()

  /** Every node is a part of its own. */
  constructor(nodes: PartitionNodes) {
    const count = nodes.types.length
    this.#nodes = nodes
    this.#parent = new Int32Array(count)
    this.#sizes = new Int32Array(count)
    this.#counts = new Int32Array(count * nodes.limited)
    this.regroup(new Int32Array(count).map((_, node) => node))
  }

  /** The root of a node's part. */
  root(node: number): number {
    let at = node
    for (;;) {
      const up = this.#parent[at] ?? at
      if (up === at) return at
      const over = this.#parent[up] ?? up
      this.#parent[at] = over
      at = over
    }
  }

  /** The root of every node. */
  roots(): Int32Array {
    return this.#parent.map((_, node) => this.root(node))
  }

  /** How many nodes a part has. */
  size(root: number): number {
    return this.#sizes[root] ?? 0
  }

  /** How many nodes of a limited type a part has. */
  count(root: number, type: number): number {
    return this.#counts[root * this.#nodes.limited + type] ?? 0
  }

  /** Whether a pair that is never one part has an end in each of two parts. */
  areFoes(left: number, right: number): boolean {
    return this.#foes.get(left)?.has(right) ?? false
  }

  /** Makes one part of two different ones that are no foes, both given by their roots. */
  unite(left: number, right: number): void {
    const [kept, lost] = this.#isHeavier(left, right) ? [left, right] : [right, left]
    this.#parent[lost] = kept
    this.#sizes[kept] = this.size(kept) + this.size(lost)
    const { limited } = this.#nodes
    for (let type = 0; type < limited; type++)
      this.#counts[kept * limited + type] = this.count(kept, type) + this.count(lost, type)
    this.#inherit(kept, lost)
  }

  /** Forgets all unions: nodes are one part where they have the same root, which must be its own root. */
  regroup(roots: Int32Array): void {
    const { types, limited, never } = this.#nodes
    this.#parent.set(roots)
    this.#sizes.fill(0)
    this.#counts.fill(0)
    for (let node = 0; node < types.length; node++) {
      const root = roots[node] ?? node
      const type = types[node] ?? -1
      this.#sizes[root] = this.size(root) + 1
      if (type >= 0) this.#counts[root * limited + type] = this.count(root, type) + 1
    }
    this.#foes = foesOf(never, roots)
  }

  /** The fewer foes move to the other part, so that each moves O(log n) times; the fewer nodes where that is equal. */
  #isHeavier(left: number, right: number): boolean {
    const more = (this.#foes.get(left)?.size ?? 0) - (this.#foes.get(right)?.size ?? 0)
    return more === 0 ? this.size(left) >= this.size(right) : more > 0
  }

  #inherit(kept: number, lost: number): void {
    for (const foe of this.#foes.get(lost) ?? []) {
      this.#foes.get(foe)?.delete(lost)
      setApart(this.#foes, kept, foe)
    }
    this.#foes.delete(lost)
  }
}

function foesOf(never: Int32Array, roots: Int32Array): Map<number, Set<number>> {
  const foes = new Map<number, Set<number>>()
  for (let at = 0; at + 1 < never.length; at += 2) {
    const left = roots[never[at] ?? -1]
    const right = roots[never[at + 1] ?? -1]
    if (left !== undefined && right !== undefined && left !== right) setApart(foes, left, right)
  }
  return foes
}

function setApart(foes: Map<number, Set<number>>, left: number, right: number): void {
  addFoe(foes, left, right)
  addFoe(foes, right, left)
}

function addFoe(foes: Map<number, Set<number>>, of: number, foe: number): void {
  const known = foes.get(of)
  if (known === undefined) foes.set(of, new Set([foe]))
  else known.add(foe)
}
