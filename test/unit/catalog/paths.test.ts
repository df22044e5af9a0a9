import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Hop, type Link, shortestPath } from '../../../src/catalog/paths.ts'

/** A link whose name breaks ties. */
interface Named extends Link {
  readonly name: string
}

const byName = (a: Hop<Named>, b: Hop<Named>) =>
  a.link.name < b.link.name ? -1 : a.link.name > b.link.name ? 1 : a.to - b.to

const link = (name: string, ...nodes: readonly number[]): Named => ({ name, nodes })

function told(path: readonly Hop<Named>[] | undefined) {
  return path?.map(({ from, link: { name }, to }) => `${from} ${name} ${to}`)
}

describe('the shortest path', () => {
  test('has the fewest hops, and a link that holds many nodes is one hop', () => {
    const links = [link('a', 1, 2), link('b', 2, 3), link('c', 3, 4), link('d', 1, 5, 3)]
    expect(told(shortestPath(links, 1, 4, byName))).toEqual(['1 d 3', '3 c 4'])
  })

  test('of equally short ones is the one that the order puts first at every step', () => {
    const links = [link('b', 1, 2), link('a', 1, 3), link('c', 3, 4), link('c2', 2, 4), link('b2', 3, 4)]
    expect(told(shortestPath(links, 1, 4, byName))).toEqual(['1 a 3', '3 b2 4'])
    expect(told(shortestPath(links.toReversed(), 1, 4, byName))).toEqual(['1 a 3', '3 b2 4'])
  })

  test('is empty from a node to itself, and undefined where there is none', () => {
    expect(shortestPath([link('a', 1, 2)], 1, 1, byName)).toEqual([])
    expect(shortestPath([link('a', 1, 2), link('b', 3, 4)], 1, 4, byName)).toBeUndefined()
    expect(shortestPath([link('a', 1, 2)], 1, 9, byName)).toBeUndefined()
  })

  test('is as long as relaxing every link until nothing changes says, and each of its hops is a link', () => {
    const graph = fc.array(fc.uniqueArray(fc.nat(12), { minLength: 1, maxLength: 4 }), { maxLength: 25 })
    fc.assert(
      fc.property(graph, fc.nat(12), fc.nat(12), (lists, from, to) => {
        const links = lists.map((nodes, at) => link(String(at), ...nodes))
        const path = shortestPath(links, from, to, byName)
        expect(path?.length).toBe(relaxed(lists, from, to))
        if (path === undefined) return
        const ends = [from, ...path.map((hop) => hop.to)]
        expect(ends.at(-1)).toBe(to)
        for (const [at, hop] of path.entries()) {
          expect(hop.from).toBe(ends[at])
          expect(hop.link.nodes).toEqual(expect.arrayContaining([hop.from, hop.to]))
        }
      }),
      { numRuns: 500 },
    )
  })

  test('is found across 100,000 links', () => {
    const links = Array.from({ length: 100_000 }, (_, at) => link(String(at), at, at + 1))
    expect(shortestPath(links, 0, 100_000, byName)).toHaveLength(100_000)
  })
})

/** Bellman and Ford's way: slow, and hard to get wrong. */
function relaxed(lists: readonly (readonly number[])[], from: number, to: number): number | undefined {
  const distance = new Map([[from, 0]])
  for (let round = 0; round < 20; round++)
    for (const nodes of lists)
      for (const a of nodes)
        for (const b of nodes) {
          const longer = (distance.get(a) ?? Number.POSITIVE_INFINITY) + 1
          if (longer < (distance.get(b) ?? Number.POSITIVE_INFINITY)) distance.set(b, longer)
        }
  return distance.get(to)
}
