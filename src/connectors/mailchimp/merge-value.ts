import { member, tryJson } from '../answer.ts'
import type { Json } from '../connector.ts'
import type { MergeField } from './merge-fields.ts'

// https://mailchimp.com/developer/marketing/docs/merge-fields/: a birthday is MM/DD, a date YYYY-MM-DD, an address an
// object of texts, a phone of the format "US" NNN-NNN-NNNN. All else is text or number.

const DAY = /^(\d{4}-(\d{2})-(\d{2}))(?:[T ].*)?$/s
const AMERICAN = /^\+1(\d{3})(\d{3})(\d{4})$/

/** A value in the form that its merge field wants. */
export function mergeValue(value: Json, field: MergeField | undefined): Json {
  // An empty text clears a merge field; null is refused.
  if (value === null) return ''
  // Booleans have no type of their own.
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'object') return addressOf(value) ?? value
  return typeof value === 'string' ? textIn(value, field) : value
}

function textIn(value: string, field: MergeField | undefined): Json {
  switch (field?.type) {
    case 'birthday':
      return value.replace(DAY, '$2/$3')
    case 'date':
      return value.replace(DAY, '$1')
    case 'phone':
      return field.format === 'US' ? value.replace(AMERICAN, '$1-$2-$3') : value
    case 'address':
      return addressOf(tryJson(value)) ?? value
    default:
      return value
  }
}

/** An address whose parts are texts, as the vendor wants them; undefined where it is none. */
function addressOf(value: Json | undefined): Json | undefined {
  if (member(value, 'addr1') === undefined) return undefined
  const parts = Object.entries(value as Readonly<Record<string, Json>>)
  return Object.fromEntries(parts.map(([name, part]) => [name, part === null ? '' : String(part)]))
}
