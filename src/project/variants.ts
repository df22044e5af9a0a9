import { type Diagnostic, nearest, problem } from '../error.ts'
import type { Scalar } from './tree.ts'

/** What is said of a variant that a segment does not have. */
export function unknownVariant(
  written: Scalar,
  segment: { readonly name: string; readonly variants: readonly string[] },
): Diagnostic {
  const { name, variants } = segment
  const message = `Segment "${name}" has no variant "${written.text}".`
  const close = nearest(written.text, variants)
  const known = variants.length === 0 ? `Write "${name}".` : `It has: ${variants.join(', ')}.`
  return problem('ref/unknown-segment', message, written.at(), close ? `Did you mean "${close}"?` : known)
}
