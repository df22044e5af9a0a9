import { member, textOf } from '../answer.ts'
import type { Json } from '../connector.ts'
import type { Row } from '../sandbox/store.ts'
import type { MergeField } from './emulator-parts.ts'

// What Mailchimp says of values, in its own words where somebody has reported them
// (https://github.com/ibericode/mailchimp-for-wordpress/issues/545, …/662, https://github.com/mailchimp/mc-magento2/issues/987).

/** Which part of a contact is wrong; '' = the contact as such. */
export interface Wrong {
  readonly field: string
  readonly message: string
}

const LONGEST_TEXT = 255

/** Is it a text, a number, or an address? Nothing else has the form of a value. */
export function isMergeValue(value: Json): boolean {
  return ['string', 'number'].includes(typeof value) || member(value, 'addr1') !== undefined
}

/** The first merge field whose value is wrong, or that is required and has none. */
export function fieldsError(known: readonly MergeField[], values: Row, needsAll: boolean): Wrong | undefined {
  for (const field of known) {
    const value = values[field.tag]
    const message = value === undefined || value === '' ? undefined : valueError(field, value)
    if (message !== undefined) return { field: field.tag, message }
  }
  const isEmpty = ({ tag }: MergeField) => values[tag] === undefined || values[tag] === ''
  const absent = needsAll ? known.find((field) => field.required === true && isEmpty(field)) : undefined
  return absent && { field: absent.tag, message: 'Please enter a value' }
}

function valueError(field: MergeField, value: Json): string | undefined {
  if (!isMergeValue(value)) return 'Schema describes string, another type found instead.'
  if (field.type === 'address') return isWhole(value) ? undefined : 'Please enter a complete address'
  const text = String(value)
  if (typeof value === 'object') return 'Schema describes string, object found instead.'
  return text.length > LONGEST_TEXT ? 'This value is too long' : formError(field, text)
}

function isWhole(address: Json): boolean {
  return ['addr1', 'city', 'state', 'zip'].every((part) => textOf(address, part) !== '')
}

function formError({ type = 'text', choices = [], phoneFormat }: MergeField, text: string): string | undefined {
  switch (type) {
    case 'number':
      return Number.isNaN(Number(text)) ? 'Please enter a number' : undefined
    case 'date':
      return /^\d{4}-\d{2}-\d{2}$/.test(text) ? undefined : 'Please enter the date'
    case 'birthday':
      return BIRTHDAY.test(text) ? undefined : 'Please enter a month (01-12) and a day (01-31)'
    case 'zip':
      return /^\d{5}(-\d{4})?$/.test(text) ? undefined : 'Please enter a zip code (5 digits)'
    case 'phone':
      return phoneFormat === 'US' && !AMERICAN.test(text) ? 'Please enter a phone number' : undefined
    case 'url':
    case 'imageurl':
      return URL.canParse(text) ? undefined : 'Please enter a complete URL'
    case 'radio':
    case 'dropdown':
      return choices.includes(text) ? undefined : 'The value you selected is not a valid choice.'
    default:
      return undefined
  }
}

const BIRTHDAY = /^(0[1-9]|1[0-2])\/(0[1-9]|[12]\d|3[01])$/
const AMERICAN = /^\(?\d{3}\)?[-. ]?\d{3}[-. ]?\d{4}$/
