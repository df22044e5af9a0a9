import { failure } from '../error.ts'
import { Partition } from './partition.ts'

/** The identifiers whose edges are judged, by column. Edges name them by their place, from 0. */
export interface JudgedNodes {
  /** `node_id`s: distinct safe integers in any order. */
  readonly ids: Float64Array
  /** Which limit holds for the identifier: its place in `limits`; -1 = none. */
  readonly types: Int32Array
}

/** What no part may break. */
export interface JudgedRules {
  /** By limited type: the most identifiers of it in one part. */
  readonly limits: readonly number[]
  /** Pairs of nodes that are never one part: a0, b0, a1, b1, … */
  readonly never: Int32Array
  /** The most identifiers in one part (quarantine); undefined = no bound. */
  readonly maxSize: number | undefined
}

/** Why an edge joins nobody. */
export type Refusal =
  | { readonly reason: 'never_merge' }
  /** `type`: the first limited type of which the two parts together have too many. */
  | { readonly reason: 'limit'; readonly type: number }
  | { readonly reason: 'max_profile_size' }

/** What became of the nodes. */
export interface Judgement {
  /** By node: the smallest `node_id` in its part. */
  readonly parts: Float64Array
  /**
   * Why an edge that was offered is refused: what keeps apart the parts in which its ends are now. Undefined where they
   * are one part, whichever edges joined them. Throws a bug for an edge that was not offered and that nothing refuses.
   */
  readonly verdict: (a: number, b: number, tier: number) => Refusal | undefined
}

/**
 * Decides which identifiers are one profile where limits do not let every edge join (Kruskal with counts). Edges are
 * taken one after the other and joined unless that breaks a rule, so the answer is a function of the nodes, the order
 * of the edges and the rules, and a node is concerned only by those that it is connected to. No edge is kept: offer
 * them all, finish, then ask for the verdict on each.
 *
 * - An edge is refused when a pair that is never one profile would be one.
 * - Above tier 0 it is refused when both parts have identifiers of a limited type and together more than its limit.
 *   Tier 0 is what a person confirmed; its parts may exceed limits, and then join no more of that type.
 * - With `maxSize`, a part that a tier made larger falls back into the parts before that tier. They are frozen: no
 *   later edge joins them. A part that tier 0 alone made larger stays, frozen.
 */
export class Judge {
  readonly #nodes: JudgedNodes
  readonly #rules: JudgedRules
  readonly #partition: Partition
  readonly #frozen: Uint8Array
  /** The roots before the tier that is being offered. */
  #before: Int32Array
  #tier = 0

  /** Every node is a part of its own. */
  constructor(nodes: JudgedNodes, rules: JudgedRules) {
    this.#nodes = nodes
    this.#rules = rules
    this.#partition = new Partition({ types: nodes.types, limited: rules.limits.length, never: rules.never })
    this.#frozen = new Uint8Array(nodes.ids.length)
    this.#before = this.#partition.roots()
  }

  /**
   * Takes the next edge: lower tiers first, 0 = `always_merge`; within a tier the most trusted first. Throws a bug when
   * a tier comes after a higher one or after the end, and when there is no such node.
   */
  offer(a: number, b: number, tier: number): void {
    if (tier !== this.#tier) this.#begin(tier)
    const left = this.#part(a)
    const right = this.#part(b)
    if (left !== right && this.#obstacle(left, right, tier) === undefined) this.#partition.unite(left, right)
  }

  /** The answer, after the last edge; to be asked for once. */
  finish(): Judgement {
    this.#begin(Number.POSITIVE_INFINITY)
    return { parts: this.#labels(), verdict: (a, b, tier) => this.#verdict(a, b, tier) }
  }

  #begin(tier: number): void {
    if (!(tier > this.#tier)) throw bug(`An edge of tier ${tier} was offered after tier ${this.#tier}.`)
    this.#closeTier()
    this.#tier = tier
  }

  #closeTier(): void {
    const { maxSize } = this.#rules
    if (maxSize === undefined) return
    const roots = this.#partition.roots()
    let fell = false
    for (let node = 0; node < roots.length; node++) {
      const root = roots[node] ?? node
      if (this.#partition.size(root) <= maxSize) continue
      this.#frozen[node] = 1
      if (this.#tier === 0) continue
      roots[node] = this.#before[node] ?? node
      fell = true
    }
    if (fell) this.#partition.regroup(roots)
    this.#before = roots
  }

  #part(node: number): number {
    if (!(node >= 0 && node < this.#frozen.length)) throw bug(`There is no node ${node} to judge.`)
    return this.#partition.root(node)
  }

  /** What keeps two parts apart, given by their roots. */
  #obstacle(left: number, right: number, tier: number): Refusal | undefined {
    if (this.#partition.areFoes(left, right)) return { reason: 'never_merge' }
    if (tier === 0) return undefined
    const type = this.#rules.limits.findIndex((most, type) => this.#exceeds(left, right, type, most))
    if (type >= 0) return { reason: 'limit', type }
    if (this.#frozen[left] === 1 || this.#frozen[right] === 1) return { reason: 'max_profile_size' }
    return undefined
  }

  #exceeds(left: number, right: number, type: number, most: number): boolean {
    const one = this.#partition.count(left, type)
    const other = this.#partition.count(right, type)
    return one > 0 && other > 0 && one + other > most
  }

  #labels(): Float64Array {
    const { ids } = this.#nodes
    const roots = this.#partition.roots()
    const smallest = new Float64Array(ids.length).fill(Number.POSITIVE_INFINITY)
    roots.forEach((root, node) => {
      smallest[root] = Math.min(smallest[root] ?? 0, ids[node] ?? 0)
    })
    return ids.map((_, node) => smallest[roots[node] ?? node] ?? 0)
  }

  #verdict(a: number, b: number, tier: number): Refusal | undefined {
    const left = this.#part(a)
    const right = this.#part(b)
    if (left === right) return undefined
    const refusal = this.#obstacle(left, right, tier)
    if (refusal === undefined) throw bug(`The edge between nodes ${a} and ${b} was not offered.`)
    return refusal
  }
}

function bug(message: string): Error {
  return failure('bug', 'bug/unexpected', message)
}
