import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { weakPoints } from '../../../src/catalog/weak-points.ts'

const links = (...lists: readonly (readonly number[])[]) => lists.map((nodes) => ({ nodes }))

describe('weak points', () => {
  test('a node between two triangles is the one to cut, and no pair is', () => {
    const { pairs, cuts, bridges } = weakPoints(links([1, 2, 3], [3, 4, 5]))
    expect(pairs).toBe(6)
    expect(cuts).toEqual([{ node: 3, parts: [2, 2] }])
    expect(bridges).toEqual([])
  })

  test('a pair between two triangles is a bridge, with the size of each side', () => {
    const { cuts, bridges } = weakPoints(links([1, 2, 3], [3, 4], [4, 5, 6, 7]))
    expect(bridges).toEqual([{ a: 3, b: 4, sides: [3, 4] }])
    expect(cuts).toEqual(
      expect.arrayContaining([
        { node: 3, parts: [4, 2] },
        { node: 4, parts: [3, 3] },
      ]),
    )
  })

  test('a pair that two rows hold is a bridge all the same', () => {
    expect(weakPoints(links([1, 2], [2, 1], [2, 3])).bridges).toHaveLength(2)
  })

  test('a hub of 50,000 leaves one identifier on every side', () => {
    const spokes = Array.from({ length: 50_000 }, (_, at) => ({ nodes: [0, at + 1] }))
    const { cuts } = weakPoints(spokes)
    expect(cuts).toHaveLength(1)
    expect(cuts[0]?.parts.slice(0, 3)).toEqual([1, 1, 1])
  })

  test('a chain of 100,000 has a cut at every inner node', () => {
    const chain = Array.from({ length: 100_000 }, (_, at) => ({ nodes: [at, at + 1] }))
    const { cuts, bridges } = weakPoints(chain)
    expect([cuts.length, bridges.length]).toEqual([99_999, 100_000])
    expect(cuts.find(({ node }) => node === 50_000)?.parts).toEqual([50_000, 50_000])
  })

  test('are those that taking out each node and each pair in turn finds', () => {
    const graph = fc.array(fc.uniqueArray(fc.nat(11), { minLength: 1, maxLength: 4 }), { maxLength: 14 })
    fc.assert(
      fc.property(graph, (lists) => {
        const { pairs, cuts, bridges } = weakPoints(links(...lists))
        const tried = takenOut(lists)
        expect(pairs).toBe(tried.pairs)
        expect(sorted(cuts)).toEqual(sorted(tried.cuts))
        expect(sorted(bridges)).toEqual(sorted(tried.bridges))
      }),
      { numRuns: 1000 },
    )
  })
})

type Pair = readonly [number, number]

/** The definition: take one out, and count what is connected. */
function takenOut(lists: readonly (readonly number[])[]) {
  const nodes = [...new Set(lists.flat())]
  const keys = lists.flatMap((list) => list.flatMap((a) => list.filter((b) => a < b).map((b) => `${a} ${b}`)))
  const pairs = [...new Set(keys)].map((key): Pair => key.split(' ').map(Number) as unknown as Pair)
  const whole = (node: number) => partOf(node, pairs)
  const cuts = nodes.flatMap((node) => {
    const left = pairs.filter((pair) => !pair.includes(node))
    const rest = new Set([...whole(node)].filter((one) => one !== node))
    const parts: number[] = []
    while (rest.size > 0) {
      const part = partOf([...rest][0] ?? 0, left)
      for (const one of part) rest.delete(one)
      parts.push(part.size)
    }
    return parts.length < 2 ? [] : [{ node, parts: parts.sort((a, b) => b - a) }]
  })
  const bridges = pairs.flatMap((pair) => {
    const [a, b] = pair
    const left = pairs.filter((other) => other !== pair)
    const [ofA, ofB] = [partOf(a, left), partOf(b, left)]
    return ofA.has(b) ? [] : [{ a, b, sides: [ofA.size, ofB.size] }]
  })
  return { pairs: pairs.length, cuts, bridges }
}

function partOf(node: number, pairs: readonly Pair[]): ReadonlySet<number> {
  const part = new Set([node])
  for (let size = 0; size < part.size; ) {
    size = part.size
    for (const [a, b] of pairs) if (part.has(a) || part.has(b)) part.add(a).add(b)
  }
  return part
}

function sorted(values: readonly unknown[]): readonly string[] {
  return values.map((value) => JSON.stringify(value)).sort()
}
