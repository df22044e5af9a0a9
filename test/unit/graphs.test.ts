import { describe, expect, test } from 'vitest'
import { cliqueChain, type Graph, grid, path, powerLaw, random, shuffled, star, unionFind } from '../support/graphs.ts'

describe('the graphs of tests and measurements', () => {
  test('are what they are called', () => {
    expect(edges(path(4, 'sorted'))).toEqual(['0-1', '1-2', '2-3'])
    expect(edges(star(4, 'smallest'))).toEqual(['0-1', '0-2', '0-3'])
    expect(edges(star(4, 'largest'))).toEqual(['3-0', '3-1', '3-2'])
    expect(edges(grid(3, 2))).toEqual(['0-1', '0-3', '1-2', '1-4', '2-5', '3-4', '4-5'])
    expect(edges(cliqueChain(2, 3))).toEqual(['0-1', '0-2', '1-2', '3-4', '3-5', '4-5', '2-3'])
    expect(random(10, 25).pairs).toHaveLength(50)
  })

  test('keep their shape under random numbers', () => {
    expect(degrees(path(50, 'random', 3))).toEqual(degrees(path(50, 'sorted')))
    expect(degrees(star(50, 'random', 3))).toEqual(degrees(star(50, 'smallest')))
    expect(edges(path(50, 'random', 3))).not.toEqual(edges(path(50, 'sorted')))
  })

  test('are the same for the same seed, and others for another', () => {
    expect(powerLaw(500, 3)).toEqual(powerLaw(500, 3))
    expect(powerLaw(500, 3)).not.toEqual(powerLaw(500, 4))
    expect(random(100, 50, 3)).not.toEqual(random(100, 50, 4))
  })

  test('may be empty', () => {
    for (const graph of [path(0, 'random'), path(1, 'sorted'), star(1, 'largest'), grid(1, 1), powerLaw(0)])
      expect(graph.pairs).toHaveLength(0)
  })

  test('look like an identity graph where they follow the power law', () => {
    const graph = powerLaw(100_000)
    expect(graph.pairs).toHaveLength(200_000)
    expect(degrees(graph).every((degree) => degree > 0)).toBe(true)
    const clusters = new Set(unionFind(graph.pairs, graph.nodes)).size
    expect(clusters / graph.nodes).toBeCloseTo(0.21, 1)
  })
})

describe('union-find', () => {
  test('names every node by the smallest of its component', () => {
    expect([...unionFind(Int32Array.of(5, 3, 1, 3, 4, 4), 6)]).toEqual([0, 1, 2, 1, 4, 1])
  })

  test('finds one component in whatever is connected', () => {
    for (const graph of [path(999, 'random'), star(99, 'largest'), grid(20, 30), cliqueChain(9, 5)])
      expect(new Set(unionFind(graph.pairs, graph.nodes))).toEqual(new Set([0]))
  })

  test('finds as many components under other numbers', () => {
    const graph = random(300, 200)
    const count = ({ pairs, nodes }: Graph) => new Set(unionFind(pairs, nodes)).size
    expect(count(shuffled(graph, 5))).toBe(count(graph))
    expect(count(graph)).toBeGreaterThan(100)
  })
})

function edges({ pairs }: Graph): readonly string[] {
  return Array.from({ length: pairs.length / 2 }, (_, at) => `${pairs[2 * at]}-${pairs[2 * at + 1]}`)
}

/** How many ends of edges each node is, the largest last. */
function degrees({ pairs, nodes }: Graph): readonly number[] {
  const counts = new Array<number>(nodes).fill(0)
  for (const node of pairs) counts[node] = (counts[node] ?? 0) + 1
  return counts.sort((one, other) => one - other)
}
