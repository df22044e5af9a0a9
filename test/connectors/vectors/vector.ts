import type { Kind } from '../../../src/connectors/identifiers.ts'

/** A value as it may come, and the one form that the vendor hashes or takes; null = nothing to send, undefined = refused. */
export interface Vector {
  readonly kind: Kind
  readonly raw: string | number | boolean | null
  readonly form: string | null | undefined
  /** The rule of the vendor from which the form follows. */
  readonly why: string
  /** Default country of phones. */
  readonly phones?: string
  /** The person's country. */
  readonly country?: string
}

/** Shorthand for one line of a table. */
export function vector(
  kind: Kind,
  raw: Vector['raw'],
  form: Vector['form'],
  why: string,
  more: Pick<Vector, 'phones' | 'country'> = {},
): Vector {
  return { kind, raw, form, why, ...more }
}
