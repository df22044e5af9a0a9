import type { At } from '../error.ts'

/**
 * A YAML document with positions, before it means anything. Scalars keep their source text: `01000`, `no` and `1e3`
 * are text until what they meet gives them a type. `${…}` is already replaced.
 */
export type Node = Scalar | List | Dict

export interface Scalar {
  readonly kind: 'scalar'
  /** The text as written, quotes and escapes resolved, `${…}` replaced; '' for an empty value. */
  readonly text: string
  readonly quoted: boolean
  /** True for an empty value, `~` or `null` without quotes. */
  readonly isNull: boolean
  /** True when the text holds a secret reference (`${env:X}`, `${file:…}`) that stays unresolved. */
  readonly secret: boolean
  /** The place of characters `from`..`to` of `text`; the whole scalar without arguments. */
  at(from?: number, to?: number): At
}

export interface List {
  readonly kind: 'list'
  readonly items: readonly Node[]
  at(): At
}

export interface Dict {
  readonly kind: 'dict'
  readonly entries: readonly { readonly key: Scalar; readonly value: Node }[]
  at(): At
}

/** The value under a key, or undefined. */
export function child(dict: Dict, key: string): Node | undefined {
  return dict.entries.find((entry) => entry.key.text === key)?.value
}
