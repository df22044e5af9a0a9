import type { At } from '../error.ts'

/** One thing needs another, as it says at a place. */
export interface Need {
  readonly to: string
  readonly at: At
}

/** Rings of needs: the names in order, and the place of the need that closes the ring. Each ring once. */
export function cycles(
  graph: ReadonlyMap<string, readonly Need[]>,
): readonly { readonly names: readonly string[]; readonly at: At }[] {
  const found: { names: readonly string[]; at: At }[] = []
  const done = new Set<string>()
  for (const start of graph.keys()) {
    // A stack of our own: chains of thousands of models must not overflow that of the machine.
    const path: { name: string; needs: readonly Need[]; next: number }[] = []
    const enter = (name: string) => path.push({ name, needs: graph.get(name) ?? [], next: 0 })
    if (!done.has(start)) enter(start)
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const need = top.needs[top.next++]
      if (!need) {
        done.add(top.name)
        path.pop()
        continue
      }
      const from = path.findIndex((one) => one.name === need.to)
      if (from !== -1) found.push({ names: path.slice(from).map((one) => one.name), at: need.at })
      else if (!done.has(need.to) && graph.has(need.to)) enter(need.to)
    }
  }
  return found
}

/** `"a" needs "b", which needs "a".` */
export function ring(names: readonly string[]): string {
  const [first = '', ...rest] = names
  const chain = [...rest, first].map((name) => `needs "${name}"`).join(', which ')
  return `"${first}" ${chain}`
}

/** Names such that each comes after those that it needs; the caller has made sure that there is no ring. */
export function ordered(graph: ReadonlyMap<string, readonly Need[]>): readonly string[] {
  const order = new Set<string>()
  for (const start of graph.keys()) {
    const path = [start]
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const open = (graph.get(top) ?? []).find(
        (need) => graph.has(need.to) && !order.has(need.to) && !path.includes(need.to),
      )
      if (open) path.push(open.to)
      else {
        order.add(top)
        path.pop()
      }
    }
  }
  return [...order]
}
