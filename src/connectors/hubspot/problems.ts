import { listOf, member, textOf, tryJson } from '../answer.ts'
import type { Json } from '../connector.ts'

/** What is wrong with one property, in the vendor's code. */
export interface Problem {
  readonly code: string
  readonly property: string
}

/**
 * What an error says of properties. It stands in `errors[]`, and for values that do not fit as a JSON list at the end of
 * the message: `Property values were not valid: [{"error":"INVALID_EMAIL","name":"email",…}]`.
 */
export function problemsOf(error: Json | undefined): readonly Problem[] {
  const message = textOf(error, 'message')
  const inMessage = tryJson(message.slice(message.search(/\[\{/)))
  const listed = Array.isArray(inMessage) ? (inMessage as readonly Json[]) : []
  return [
    ...listOf(error, 'errors').map((one) => ({ code: textOf(one, 'code'), property: propertyOf(one) })),
    ...listed.map((one) => ({ code: textOf(one, 'error'), property: textOf(one, 'name') })),
  ].filter((one) => one.code !== '')
}

function propertyOf(error: Json): string {
  const named = listOf(member(error, 'context'), 'propertyName')[0]
  return typeof named === 'string' ? named : textOf(error, 'in')
}

/** Is the mapping wrong, so that every row would meet it? */
export function concernsAll({ code }: Problem): boolean {
  return code === 'PROPERTY_DOESNT_EXIST' || code === 'READ_ONLY_VALUE'
}
