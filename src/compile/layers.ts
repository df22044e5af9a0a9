/**
 * Items in layers: each layer needs only items of the layers before it. The order within a layer is that of `items`;
 * names that are no item are taken as there already. The caller has made sure that there is no cycle.
 */
export function layers<T extends { readonly name: string }>(
  items: readonly T[],
  needs: (item: T) => readonly string[],
): readonly (readonly T[])[] {
  const byName = new Map(items.map((item) => [item.name, item]))
  const depths = new Map<string, number>()
  const depthOf = (item: T): number => {
    const known = depths.get(item.name)
    if (known !== undefined) return known
    const depth =
      1 +
      Math.max(
        -1,
        ...needs(item)
          .flatMap((name) => byName.get(name) ?? [])
          .map(depthOf),
      )
    depths.set(item.name, depth)
    return depth
  }
  const layered: T[][] = []
  for (const item of items) {
    const depth = depthOf(item)
    layered[depth] = [...(layered[depth] ?? []), item]
  }
  return layered
}
