import type { At } from '../error.ts'
import { child, type Dict } from './tree.ts'

/** Where the key at the end of a path stands: what is said of a value that keeps no place. Undefined where it is not written. */
export function keyPlace(node: Dict, ...path: readonly string[]): At | undefined {
  const [first, ...rest] = path
  const entry = node.entries.find(({ key }) => key.text === first)
  if (rest.length === 0) return entry?.key.at()
  const inner = first === undefined ? undefined : child(node, first)
  return inner?.kind === 'dict' ? keyPlace(inner, ...rest) : undefined
}
