import type { z } from 'zod'
import { type At, type Diagnostic, warning } from '../error.ts'
import type { SecretReference } from './project.ts'
import { shaped } from './shape.ts'
import type { Dict, Scalar } from './tree.ts'
import { referencesOf, referred, unsetReference, type Values, withValue } from './variables.ts'

/** What somebody who opens an account must know: the options of a destination or a warehouse. */
export interface Account {
  readonly value: unknown
  readonly secrets: readonly SecretReference[]
}

export interface AccountRequest {
  readonly problems: Diagnostic[]
  /** `Destination "crm"`. */
  readonly what: string
  readonly at: At
  readonly values: Values
  /** An unset reference is said now: as a warning for what is opened later, or not at all. */
  readonly unset: 'warn' | 'silent'
}

/**
 * Options as their own type describes them. References that have a value are replaced, except in secret fields; the
 * others stay as they are written and are listed, to be resolved when the account is opened.
 */
export function accountOf(dict: Dict, type: z.ZodType, request: AccountRequest): Account | undefined {
  const { problems, what, at, values } = request
  const secrets: SecretReference[] = []
  const before = problems.length
  const keep = (scalar: Scalar) => {
    for (const one of referencesOf(scalar.text)) {
      const at = scalar.at(one.from, one.to)
      secrets.push({ ...referenceOf(one), written: scalar.text, at })
      if (request.unset === 'silent' || referred(one, values) !== undefined) continue
      const { code, message } = unsetReference(one, at)
      problems.push(warning(code, message, at, LATER))
    }
  }
  const value = shaped(dict, type, { problems, what, at, references: { fill: (one) => withValue(one, values), keep } })
  if (value !== undefined) return { value, secrets }
  // Where a number or an address must stand, a reference without a value cannot wait.
  if (!problems.slice(before).some((one) => one.severity === 'error'))
    for (const one of secrets) if (referred(one, values) === undefined) problems.push(unsetReference(one, one.at))
  return undefined
}

const LATER = 'It must be set when the account is opened.'

function referenceOf({ kind, name }: { kind: string; name: string }): Pick<SecretReference, 'kind' | 'name'> {
  return { kind: kind === 'env' ? 'env' : 'file', name }
}
