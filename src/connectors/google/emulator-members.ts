import { listOf, member, textOf } from '../answer.ts'
import type { Json } from '../connector.ts'
import type { Row, Rows } from '../sandbox/store.ts'
import { type GoogleOptions, RequestError } from './emulator-answers.ts'

const MOST_MEMBERS = 10_000
const MOST_IDENTIFIERS = 10
const HASH_BYTES = 32

/** The identifiers of each member. Throws RequestError naming every member that is not valid. */
export function checkMembers(body: Json, keyType: string): readonly (readonly Json[])[] {
  const members = listOf(body, 'audienceMembers')
  if (members.length === 0) throw new RequestError('REQUIRED_FIELD_MISSING', 'audience_members is required.')
  if (members.length > MOST_MEMBERS) throw new RequestError('TOO_MANY_AUDIENCE_MEMBERS', 'At most 10000 members.')
  const encoding = textOf(body, 'encoding')
  if (encoding !== 'HEX' && encoding !== 'BASE64')
    throw new RequestError('REQUIRED_FIELD_MISSING', 'encoding is required.')
  const kinds = new Set(members.map((one) => (member(one, 'mobileData') === undefined ? 'CONTACT_ID' : 'MOBILE_ID')))
  if (kinds.size > 1) throw new RequestError('MULTIPLE_DATA_TYPES_NOT_ALLOWED', 'One data type a request.')
  if (!kinds.has(keyType as 'CONTACT_ID'))
    throw new RequestError('INVALID_USER_LIST_TYPE', 'The list is of another type.')
  const all = members.map((one) => identifiersOf(one))
  const violations = all.flatMap((identifiers, index) => {
    const wrong = wrongIn(identifiers, encoding)
    const field = `audience_members[${index}].user_data.user_identifiers[0].${wrong?.field ?? ''}`
    return wrong ? [{ field, description: 'The value is not valid.', reason: wrong.reason }] : []
  })
  if (violations.length === 0) return all
  throw new RequestError('INVALID_ARGUMENT', 'There was a problem with the request.', violations)
}

function identifiersOf(one: Json): readonly Json[] {
  const mobile = listOf(member(one, 'mobileData'), 'mobileIds')
  return mobile.length > 0
    ? mobile.map((mobileId) => ({ mobileId }))
    : listOf(member(one, 'userData'), 'userIdentifiers')
}

interface Wrong {
  readonly field: string
  readonly reason: string
}

function wrongIn(identifiers: readonly Json[], encoding: 'HEX' | 'BASE64'): Wrong | undefined {
  if (identifiers.length === 0) return { field: '', reason: 'INVALID_AUDIENCE_MEMBER' }
  if (identifiers.length > MOST_IDENTIFIERS) return { field: '', reason: 'TOO_MANY_USER_IDENTIFIERS' }
  for (const one of identifiers) {
    const address = member(one, 'address')
    const parts = address === undefined ? [] : ['givenName', 'familyName', 'regionCode', 'postalCode']
    if (parts.some((name) => textOf(address, name) === ''))
      return { field: 'address', reason: 'REQUIRED_FIELD_MISSING' }
    const hashes = [...parts.slice(0, 2).map((name) => textOf(address, name)), ...hashesOf(one)]
    const wrong = hashes.map((hash) => wrongHash(hash, encoding)).find((reason) => reason !== undefined)
    if (wrong !== undefined) return { field: 'email_address', reason: wrong }
    if (address !== undefined && !/^[A-Z]{2}$/.test(textOf(address, 'regionCode')))
      return { field: 'address.region_code', reason: 'INVALID_REGION_CODE' }
    if (textOf(address, 'postalCode').length > 10)
      return { field: 'address.postal_code', reason: 'INVALID_POSTAL_CODE' }
    const mobile = textOf(one, 'mobileId')
    if (mobile !== '' && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(mobile))
      return { field: 'mobile_id', reason: 'INVALID_MOBILE_ID_FORMAT' }
  }
  return undefined
}

function wrongHash(hash: string, encoding: 'HEX' | 'BASE64'): string | undefined {
  const form = encoding === 'HEX' ? /^[0-9a-fA-F]*$/ : /^[A-Za-z0-9+/]+={0,2}$/
  if (!form.test(hash)) return `INVALID_${encoding}_ENCODING`
  return Buffer.from(hash, encoding === 'HEX' ? 'hex' : 'base64').length === HASH_BYTES
    ? undefined
    : 'INVALID_SHA256_FORMAT'
}

function hashesOf(one: Json): readonly string[] {
  return ['emailAddress', 'phoneNumber'].flatMap((name) => (member(one, name) === undefined ? [] : [textOf(one, name)]))
}

/** What became of a request. */
export interface Outcome {
  /** Members that arrived, whatever became of them. */
  readonly counted: number
  readonly identifiers: number
  /** How many of them failed, by reason. */
  readonly failed: Readonly<Record<string, number>>
}

/** Does what a request asks for. */
export function applied(rows: Rows, work: Row, options: GoogleOptions): Outcome {
  const place = `list ${String(work.list)}`
  const sent = listOf(work, 'members') as readonly (readonly Json[])[]
  const members = sent.slice(0, Math.max(0, sent.length - (options.troubles?.loses?.() ?? 0)))
  const failed: Record<string, number> = {}
  const whole = options.troubles?.fails?.()
  for (const identifiers of members) {
    const reason = whole ?? failureOf(identifiers, work, options)
    if (reason !== undefined) failed[reason] = (failed[reason] ?? 0) + 1
    else if (work.act === 'remove') for (const one of identifiers) rows.drop(place, JSON.stringify(one))
    else for (const one of identifiers) rows.put(place, JSON.stringify(one), { identifier: one, at: work.at ?? 0 })
  }
  if (work.act === 'removeAll')
    for (const [id, row] of [...rows.all(place)]) if (Number(row.at) < Number(work.asOf)) rows.drop(place, id)
  return { counted: members.length, identifiers: members.flat().length, failed }
}

/** Why somebody is not added, or not removed. */
function failureOf(identifiers: readonly Json[], { act, consent }: Row, options: GoogleOptions): string | undefined {
  const among = (some: ReadonlySet<string> | undefined) =>
    identifiers.some((one) => some?.has(textOf(one, 'emailAddress')) === true)
  if (among(options.troubles?.stumblesOver)) return options.troubles?.stumblesFor ?? 'INTERNAL_ERROR'
  const { europeans } = options
  if (act !== 'ingest' || (europeans !== 'everybody' && !among(europeans))) return undefined
  const given = ['adUserData', 'adPersonalization'].map((name) => textOf(consent, name))
  if (given.every((one) => one === 'CONSENT_GRANTED')) return undefined
  if (given.includes('CONSENT_DENIED')) return 'DENIED_CONSENT'
  return given.includes('') ? 'NO_CONSENT' : 'UNKNOWN_CONSENT'
}
