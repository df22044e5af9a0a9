import { unionFind } from './graphs.ts'

/** The sets of nodes that have the same label, each as sorted text: equal for equal partitions, whatever the labels. */
export function partitionOf(labels: Iterable<readonly [node: string, label: string]>): readonly string[] {
  const sets = new Map<string, string[]>()
  for (const [node, label] of labels) {
    const set = sets.get(label)
    if (set === undefined) sets.set(label, [node])
    else set.push(node)
  }
  return [...sets.values()].map((nodes) => nodes.sort().join(' ')).sort()
}

/** The partition that rows make of the nodes in them, by union-find: a row joins all of its own. */
export function joinedBy(rows: readonly (readonly string[])[]): readonly string[] {
  const numbers = new Map<string, number>()
  const numberOf = (node: string) => {
    const known = numbers.get(node)
    if (known === undefined) numbers.set(node, numbers.size)
    return known ?? numbers.size - 1
  }
  const pairs = rows.flatMap((row) => row.flatMap((node) => [numberOf(row[0] ?? node), numberOf(node)]))
  const labels = unionFind(Int32Array.from(pairs), numbers.size)
  return partitionOf([...numbers].map(([node, number]) => [node, String(labels[number])]))
}
