import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Judge, type Judgement, type Refusal } from '../../../src/build/judge.ts'
import { powerLaw, unionFind } from '../../support/graphs.ts'
import { tried } from '../../support/identity-oracle-judge.ts'

/** Nodes are numbered in the order given: 0…n-1. */
interface Case {
  /** `node_id` and limited type of each node. */
  readonly nodes: readonly (readonly [id: number, type: number])[]
  readonly edges: readonly Edge[]
  readonly limits: readonly number[]
  readonly never: readonly (readonly [number, number])[]
  readonly maxSize: number | undefined
}

type Edge = readonly [a: number, b: number, tier: number]

const ALONE = { limits: [], never: [], maxSize: undefined }

describe('a limit', () => {
  // Nodes 0, 1 and 2 are users, of whom a part may have one; 3, 4 and 5 have no limit.
  const users = { ...ALONE, limits: [1], nodes: typed([0, 0, 0, -1, -1, -1]) }

  test('refuses the edge that would bring two together, and the first edge wins', () => {
    const edges: readonly Edge[] = [
      [3, 0, 1],
      [3, 1, 1],
    ]
    expect(parts({ ...users, edges })).toEqual(['0 3', '1', '2', '4', '5'])
    expect(refusals({ ...users, edges })).toEqual([undefined, { reason: 'limit', type: 0 }])
    expect(parts({ ...users, edges: edges.toReversed() })).toEqual(['0', '1 3', '2', '4', '5'])
  })

  test('holds along any way between two', () => {
    const edges: readonly Edge[] = [
      [0, 3, 1],
      [1, 4, 1],
      [3, 5, 2],
      [5, 4, 2],
    ]
    expect(parts({ ...users, edges })).toEqual(['0 3 5', '1 4', '2'])
    expect(refusals({ ...users, edges })[3]).toEqual({ reason: 'limit', type: 0 })
  })

  test('is no reason to refuse an edge whose ends other edges join', () => {
    const edges: readonly Edge[] = [
      [0, 3, 1],
      [3, 4, 1],
      [0, 4, 2],
    ]
    expect(refusals({ ...users, edges })).toEqual([undefined, undefined, undefined])
  })

  test('yields to what is confirmed, but lets no more of the type in', () => {
    const edges: readonly Edge[] = [
      [0, 1, 0],
      [0, 3, 1],
      [3, 2, 1],
    ]
    expect(parts({ ...users, edges })).toEqual(['0 1 3', '2', '4', '5'])
    expect(refusals({ ...users, edges })).toEqual([undefined, undefined, { reason: 'limit', type: 0 }])
  })

  test('is named by the first type that breaks', () => {
    const nodes = typed([0, 1, 1, 0])
    const edges: readonly Edge[] = [
      [0, 1, 1],
      [2, 3, 1],
      [1, 2, 2],
    ]
    const refusal = (limits: readonly number[]) => refusals({ ...ALONE, nodes, edges, limits })[2]
    expect(refusal([1, 1])).toEqual({ reason: 'limit', type: 0 })
    expect(refusal([2, 1])).toEqual({ reason: 'limit', type: 1 })
    expect(refusal([2, 2])).toBeUndefined()
  })
})

describe('a pair that is never one profile', () => {
  test('stays apart whatever joins between them, even what is confirmed', () => {
    const edges: readonly Edge[] = [
      [0, 1, 0],
      [2, 3, 0],
      [1, 2, 0],
    ]
    const nodes = typed([-1, -1, -1, -1])
    expect(parts({ ...ALONE, nodes, edges, never: [[0, 3]] })).toEqual(['0 1', '2 3'])
    expect(refusals({ ...ALONE, nodes, edges, never: [[3, 0]] })[2]).toEqual({ reason: 'never_merge' })
  })

  test('is named before a limit that would refuse the edge as well', () => {
    const nodes = typed([0, 0])
    expect(refusals({ nodes, edges: [[0, 1, 1]], limits: [1], never: [[0, 1]], maxSize: 1 })).toEqual([
      { reason: 'never_merge' },
    ])
  })

  test('means nothing for a node and itself', () => {
    expect(parts({ ...ALONE, nodes: typed([-1, -1]), edges: [[0, 1, 1]], never: [[0, 0]] })).toEqual(['0 1'])
  })
})

describe('quarantine', () => {
  const small = { ...ALONE, nodes: typed([-1, -1, -1, -1, -1, -1]), maxSize: 3 }
  const tooLarge = { reason: 'max_profile_size' }

  test('takes back the whole tier that made a part too large, in that part only', () => {
    const edges: readonly Edge[] = [
      [0, 1, 1],
      [1, 2, 2],
      [2, 3, 2],
      [4, 5, 2],
    ]
    expect(parts({ ...small, edges })).toEqual(['0 1', '2', '3', '4 5'])
    expect(refusals({ ...small, edges })).toEqual([undefined, tooLarge, tooLarge, undefined])
  })

  test('lets no later tier join what fell apart', () => {
    const edges: readonly Edge[] = [
      [0, 1, 1],
      [1, 2, 1],
      [2, 3, 1],
      [0, 4, 2],
      [4, 5, 2],
    ]
    expect(parts({ ...small, edges })).toEqual(['0', '1', '2', '3', '4 5'])
    expect(refusals({ ...small, edges })).toEqual([tooLarge, tooLarge, tooLarge, tooLarge, undefined])
  })

  test('does not take apart what is confirmed, and lets nothing join it', () => {
    const edges: readonly Edge[] = [
      [0, 1, 0],
      [1, 2, 0],
      [2, 3, 0],
      [3, 4, 1],
      [4, 5, 1],
    ]
    expect(parts({ ...small, edges })).toEqual(['0 1 2 3', '4 5'])
    expect(refusals({ ...small, edges })[3]).toEqual(tooLarge)
  })
})

describe('the judge', () => {
  test('agrees with sets that are united one by one', () => {
    fc.assert(
      fc.property(cases(), (one) => {
        const slow = slowly(one)
        expect(parts(one)).toEqual(slow.parts)
        expect(refusals(one)).toEqual(slow.refusals)
      }),
      { seed: 3, numRuns: 2_000 },
    )
  })

  test('breaks no rule', () => {
    fc.assert(
      fc.property(cases(), (one) => {
        const { parts } = judged({ ...one, edges: one.edges.filter(([, , tier]) => tier > 0) })
        for (const part of new Set(parts)) {
          const members = one.nodes.flatMap((_, node) => (parts[node] === part ? [node] : []))
          expect(members.length).toBeLessThanOrEqual(one.maxSize ?? one.nodes.length)
          one.limits.forEach((most, type) =>
            expect(members.filter((node) => one.nodes[node]?.[1] === type).length).toBeLessThanOrEqual(most),
          )
        }
        for (const [a, b] of one.never) if (a !== b) expect(parts[a]).not.toBe(parts[b])
      }),
      { seed: 4, numRuns: 500 },
    )
  })

  test('leaves every cluster whole that breaks no rule', () => {
    fc.assert(
      fc.property(cases(), (one) => {
        const { parts: clusters } = judged({ ...one, ...ALONE })
        const { parts } = judged(one)
        for (const cluster of new Set(clusters)) {
          const members = one.nodes.flatMap((_, node) => (clusters[node] === cluster ? [node] : []))
          const breaks =
            members.length > (one.maxSize ?? members.length) ||
            one.limits.some((most, type) => members.filter((node) => one.nodes[node]?.[1] === type).length > most) ||
            one.never.some(([a, b]) => a !== b && members.includes(a) && members.includes(b))
          if (!breaks) expect(new Set(members.map((node) => parts[node]))).toEqual(new Set([cluster]))
        }
      }),
      { seed: 8, numRuns: 500 },
    )
  })

  test('gives every part the smallest of its ids, in whatever order the nodes come', () => {
    fc.assert(
      fc.property(cases(), fc.infiniteStream(fc.nat()), (one, order) => {
        const keys = one.nodes.map(() => order.next().value ?? 0)
        const places = one.nodes.map((_, node) => node).sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0))
        const moved = (node: number) => places.indexOf(node)
        const nodes = places.map((node) => one.nodes[node] ?? ([0, -1] as const))
        const edges = one.edges.map(([a, b, tier]): Edge => [moved(a), moved(b), tier])
        const never = one.never.map(([a, b]) => [moved(a), moved(b)] as const)
        const expected = judged(one).parts
        expect([...judged({ ...one, nodes, edges, never }).parts]).toEqual(places.map((node) => expected[node]))
      }),
      { seed: 5, numRuns: 500 },
    )
  })

  test('decides a cluster by its own edges, whatever is judged beside it', () => {
    fc.assert(
      fc.property(cases(), cases(), (one, other) => {
        const rules = { limits: one.limits, maxSize: one.maxSize }
        const first = one.nodes.length
        const shifted = other.edges.map(([a, b, tier]): Edge => [a + first, b + first, tier])
        const both = judged({
          ...rules,
          nodes: [...one.nodes, ...other.nodes.map(([id, type]) => [id + 1_000_000, type] as const)],
          edges: inOrder([...one.edges, ...shifted]),
          never: [...one.never, ...other.never.map(([a, b]) => [a + first, b + first] as const)],
        })
        const apart = [...judged(one).parts, ...judged({ ...other, ...rules }).parts.map((id) => id + 1_000_000)]
        expect([...both.parts]).toEqual(apart)
      }),
      { seed: 6, numRuns: 500 },
    )
  })

  test('gives connected components where no rule is broken', () => {
    const { pairs, nodes } = powerLaw(20_000, 7)
    const judge = new Judge(
      { ids: new Float64Array(nodes).map((_, node) => node), types: new Int32Array(nodes).fill(-1) },
      { limits: [], never: new Int32Array(), maxSize: nodes },
    )
    for (let at = 0; at < pairs.length; at += 2) judge.offer(pairs[at] ?? 0, pairs[at + 1] ?? 0, 1)
    expect(Int32Array.from(judge.finish().parts)).toEqual(unionFind(pairs, nodes))
  })

  test('keeps node ids that need more than 32 bits', () => {
    const nodes = [9_007_199_254_740_991, 4_294_967_297, 4_294_967_298].map((id) => [id, -1] as const)
    expect([...judged({ ...ALONE, nodes, edges: [[0, 2, 1]] }).parts]).toEqual([
      4_294_967_298, 4_294_967_297, 4_294_967_298,
    ])
  })

  test('has nothing to say about no nodes', () => {
    expect([...judged({ ...ALONE, nodes: [], edges: [] }).parts]).toEqual([])
  })

  test('stops when it is used against its order', () => {
    const judge = () =>
      new Judge(
        { ids: Float64Array.of(1, 2), types: Int32Array.of(-1, -1) },
        { limits: [], never: new Int32Array(), maxSize: undefined },
      )
    const started = judge()
    started.offer(0, 0, 2)
    expect(() => started.offer(0, 1, 1)).toThrow('An edge of tier 1 was offered after tier 2.')
    expect(() => judge().offer(0, 2, 0)).toThrow('There is no node 2 to judge.')
    const done = started.finish()
    expect(() => started.offer(0, 1, 2)).toThrow('after tier Infinity')
    expect(() => done.verdict(0, 1, 2)).toThrow('The edge between nodes 0 and 1 was not offered.')
  })
})

/** Nodes of the given limited types, -1 for none; ids grow with their numbers. */
function typed(types: readonly number[]): Case['nodes'] {
  return types.map((type, node) => [node + 1, type])
}

function judged({ nodes, edges, limits, never, maxSize }: Case): Judgement {
  const judge = new Judge(
    { ids: Float64Array.from(nodes, ([id]) => id), types: Int32Array.from(nodes, ([, type]) => type) },
    { limits, never: Int32Array.from(never.flat()), maxSize },
  )
  for (const [a, b, tier] of edges) judge.offer(a, b, tier)
  return judge.finish()
}

/** The nodes of each part, as sorted text. */
function parts(one: Case): readonly string[] {
  const { parts } = judged(one)
  return [...new Set(parts)].map((part) => one.nodes.flatMap((_, n) => (parts[n] === part ? [n] : [])).join(' ')).sort()
}

/** The verdict on each edge. */
function refusals(one: Case): readonly (Refusal | undefined)[] {
  const { verdict } = judged(one)
  return one.edges.map(([a, b, tier]) => verdict(a, b, tier))
}

function slowly({ nodes, edges, limits, never, maxSize }: Case) {
  const typeName = (type: number) => `t${type}`
  const answer = tried(
    nodes.map(([, type], id) => ({ id, type: typeName(type) })),
    edges.map(([a, b, tier]) => ({ a, b, tier })),
    {
      limits: new Map(limits.map((most, type) => [typeName(type), most])),
      never: never.filter(([a, b]) => a !== b),
      maxSize,
    },
  )
  return {
    parts: answer.parts.map((part) => [...part].sort((one, other) => one - other).join(' ')).sort(),
    refusals: edges.map(([a, b, tier]) => {
      const found = answer.refused.find(({ edge }) => edge.a === a && edge.b === b && edge.tier === tier)
      if (found === undefined) return undefined
      return found.type === undefined
        ? { reason: found.reason }
        : { reason: found.reason, type: Number(found.type.slice(1)) }
    }),
  }
}

function inOrder(edges: readonly Edge[]): readonly Edge[] {
  return [...edges].sort(([, , one], [, , other]) => one - other)
}

function cases(): fc.Arbitrary<Case> {
  const most = fc.integer({ min: 1, max: 3 })
  return fc.integer({ min: 1, max: 14 }).chain((count) => {
    const node = fc.nat({ max: count - 1 })
    return fc.record({
      nodes: fc
        .tuple(
          fc.uniqueArray(fc.nat({ max: 999_999 }), { minLength: count, maxLength: count }),
          fc.array(fc.constantFrom(-1, 0, 1), { minLength: count, maxLength: count }),
        )
        .map(([ids, types]) => ids.map((id, at) => [id, types[at] ?? -1] as const)),
      edges: fc
        .array(fc.tuple(node, node, fc.constantFrom(0, 1, 1, 2, 2, 3)), { maxLength: 3 * count, size: 'max' })
        .map(inOrder),
      limits: fc.tuple(most, most),
      never: fc.array(fc.tuple(node, node), { maxLength: 5 }),
      maxSize: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
    })
  })
}
