import { ALONE, type People, type Values } from '../audience.ts'
import type { Field, Json } from '../connector.ts'
import type { Kind } from '../identifiers.ts'

const KEYS: readonly { readonly name: string; readonly kind: Kind; readonly description: string }[] = [
  { name: 'EMAIL', kind: 'email', description: 'Address.' },
  { name: 'EMAIL_2', kind: 'email', description: 'Another address of the same person.' },
  { name: 'PHONE', kind: 'phone', description: 'Number; a national one is read as of `phone_country`.' },
  { name: 'PHONE_2', kind: 'phone', description: 'Another number of the same person.' },
  { name: 'GIVEN_NAME', kind: 'first_name', description: 'First name; part of an address, with the next three.' },
  { name: 'FAMILY_NAME', kind: 'last_name', description: 'Last name.' },
  { name: 'REGION_CODE', kind: 'country', description: 'Country, two letters; sent plain.' },
  { name: 'POSTAL_CODE', kind: 'zip', description: 'Postal code; sent plain.' },
  {
    name: 'MOBILE_ID',
    kind: 'mobile_ad_id',
    description: 'Advertising id of a phone, for lists of those; sent plain.',
  },
]

export const COLUMNS: ReadonlyMap<string, Kind> = new Map(KEYS.map(({ name, kind }) => [name, kind]))

const CONSENT = 'granted or denied; also true or false.'

/** What a row says of the person's consent, by Google's name of it. */
export const CONSENTS = { AD_USER_DATA: 'adUserData', AD_PERSONALIZATION: 'adPersonalization' } as const

/** What a sync may send. No field is a key alone: a key of any name tells rows apart, and is sent where it is one of these. */
export const FIELDS: readonly Field[] = [
  ...KEYS.map(({ name, kind, description }): Field => {
    const normalise = kind === 'email' || kind === 'phone' ? { normalise: kind } : {}
    const list = ALONE.has(kind) ? { list: kind } : {}
    return { name, type: 'text', match: true, description, ...normalise, ...list }
  }),
  { name: 'AD_USER_DATA', type: 'text', description: `May the data be used for ads? ${CONSENT}` },
  { name: 'AD_PERSONALIZATION', type: 'text', description: `May ads be personalised? ${CONSENT}` },
]

/** Identifiers as they are sent, by their own text. */
export type Person = ReadonlyMap<string, { readonly [name: string]: Json }>

export const MEMBERS: People<Person> = {
  person: (values) => new Map(identifiersOf(values).map((one) => [JSON.stringify(one), one])),
  isFound: (person) => person.size > 0,
  ids: (person) => [...person.keys()],
  only: (person, ids) => new Map([...person].filter(([id]) => ids.has(id))),
}

function identifiersOf(values: Values): readonly { readonly [name: string]: Json }[] {
  const given = (name: string, theirs: string) => {
    const value = values.get(name)
    return value === undefined ? [] : [{ [theirs]: value }]
  }
  const names = ['EMAIL', 'EMAIL_2', 'PHONE', 'PHONE_2'] as const
  const contacts = names.flatMap((name) => given(name, name.startsWith('EMAIL') ? 'emailAddress' : 'phoneNumber'))
  return [...contacts, ...addressOf(values), ...given('MOBILE_ID', 'mobileId')]
}

/** Google refuses an address that lacks one of its four parts. */
function addressOf(values: Values): readonly { readonly [name: string]: Json }[] {
  const [givenName, familyName] = [values.get('GIVEN_NAME'), values.get('FAMILY_NAME')]
  const [regionCode, postalCode] = [values.get('REGION_CODE'), values.get('POSTAL_CODE')]
  if (givenName === undefined || familyName === undefined || regionCode === undefined || postalCode === undefined)
    return []
  return [{ address: { givenName, familyName, regionCode, postalCode } }]
}

/** One audience member. A list holds either contacts or mobile ids, and `check` sees to it that a sync sends one of them. */
export function memberOf(person: Person): Json {
  const all = [...person.values()]
  const mobileIds = all.flatMap((one) => (one.mobileId === undefined ? [] : [one.mobileId]))
  return mobileIds.length > 0 ? { mobileData: { mobileIds } } : { userData: { userIdentifiers: all } }
}

/** What is declared or said of consent, by Google's names; nothing is granted that nobody granted. */
export type Consent = Readonly<
  Partial<Record<(typeof CONSENTS)[keyof typeof CONSENTS], 'CONSENT_GRANTED' | 'CONSENT_DENIED'>>
>

type Declared = Readonly<Partial<Record<'ad_user_data' | 'ad_personalization', 'granted' | 'denied' | undefined>>>

/** A row's consent: its own words before what the sync declares for all. Undefined where its words mean nothing. */
export function consentOf(row: Readonly<Record<string, Json>>, declared: Declared): Consent | undefined {
  const consent: Partial<Record<keyof Consent, 'CONSENT_GRANTED' | 'CONSENT_DENIED'>> = {}
  for (const [field, theirs] of Object.entries(CONSENTS)) {
    const own = row[field] ?? ''
    const said = own === '' ? (declared[field.toLowerCase() as keyof Declared] ?? '') : own
    const word = String(said).trim().toLowerCase()
    if (['granted', 'true', 'consent_granted'].includes(word)) consent[theirs] = 'CONSENT_GRANTED'
    else if (['denied', 'false', 'consent_denied'].includes(word)) consent[theirs] = 'CONSENT_DENIED'
    else if (word !== '') return undefined
  }
  return consent
}
