import type { Json } from '../connector.ts'
import type { Row, Rows } from '../sandbox/store.ts'

// The standard fields that a sync is likely to write; the vendor's full lists are in its object reference
// (https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/).
const PERSON = ['FirstName', 'LastName', 'Salutation', 'Title', 'Email', 'Phone', 'MobilePhone', 'Fax', 'Description']
const OPT_OUTS = ['HasOptedOutOfEmail', 'HasOptedOutOfFax', 'DoNotCall']
const BILLING = ['BillingStreet', 'BillingCity', 'BillingState', 'BillingPostalCode', 'BillingCountry']

const OBJECTS: ReadonlyMap<string, { readonly fields: readonly string[]; readonly needs: readonly string[] }> = new Map(
  [
    [
      'Account',
      { fields: ['Name', 'Phone', 'Website', 'Industry', 'Type', 'Description', ...BILLING], needs: ['Name'] },
    ],
    [
      'Contact',
      {
        fields: [
          ...PERSON,
          ...OPT_OUTS,
          'AccountId',
          'Birthdate',
          'Department',
          'LeadSource',
          'HomePhone',
          'OtherPhone',
          'MailingStreet',
          'MailingCity',
          'MailingState',
          'MailingPostalCode',
          'MailingCountry',
        ],
        needs: ['LastName'],
      },
    ],
    [
      'Lead',
      {
        fields: [
          ...PERSON,
          ...OPT_OUTS,
          'Company',
          'Website',
          'Industry',
          'LeadSource',
          'Status',
          'Rating',
          'Street',
          'City',
          'State',
          'PostalCode',
          'Country',
        ],
        needs: ['LastName', 'Company'],
      },
    ],
  ],
)

const CUSTOM = /^[A-Za-z]\w*__c$/

/** Does the emulated org have this object? The standard three and any custom one. */
export function hasObject(object: string): boolean {
  return OBJECTS.has(object) || CUSTOM.test(object)
}

/** May this field be written? Standard fields of the object, and any custom one. */
export function isField(object: string, field: string): boolean {
  if (CUSTOM.test(field)) return true
  return OBJECTS.get(object)?.fields.includes(field) ?? field === 'Name'
}

/** The fields without which no record can be made. */
export function needs(object: string): readonly string[] {
  return OBJECTS.get(object)?.needs ?? []
}

/** The answer of `describe`, as far as a connector reads it: standard fields, declared ones and those in use. */
export function describe(object: string, declared: readonly string[], rows: Rows): Json {
  const used = [...rows.all(object)].flatMap(([, row]) => Object.keys(row))
  const standard = OBJECTS.get(object)?.fields ?? ['Name']
  const names = new Set([...standard, ...[...declared, ...used].filter((name) => CUSTOM.test(name))])
  const fields = [...names].map((name) => ({
    name,
    type: BOOLEANS.has(name) ? 'boolean' : 'string',
    externalId: CUSTOM.test(name),
    idLookup: name === 'Email' || CUSTOM.test(name),
    updateable: true,
    nillable: !needs(object).includes(name),
  }))
  return { name: object, fields: [{ name: 'Id', type: 'id', idLookup: true, updateable: false }, ...fields] }
}

const BOOLEANS = new Set(OPT_OUTS)

/** What the vendor's JSON parser says of a record in which a checkbox is no boolean. */
export function wrongJson(record: Row): string | undefined {
  for (const [name, value] of Object.entries(record))
    if (BOOLEANS.has(name) && typeof value !== 'boolean')
      return `Cannot deserialize instance of boolean from value of field ${name} or request may be missing a required field`
  return undefined
}

const LONGEST = new Map([
  ['FirstName', 40],
  ['LastName', 80],
  ['Email', 80],
  ['Phone', 40],
  ['MobilePhone', 40],
  ['Description', 32_000],
])

/** Why a field cannot take a value, where it cannot. */
export function valueError(name: string, value: Json): { readonly code: string; readonly message: string } | undefined {
  if (typeof value !== 'string') return undefined
  if (name === 'Email' && value !== '' && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value))
    return { code: 'INVALID_EMAIL_ADDRESS', message: `Email: invalid email address: ${value}` }
  const longest = LONGEST.get(name) ?? 255
  if (value.length <= longest) return undefined
  return { code: 'STRING_TOO_LONG', message: `${name}: data value too large: (max length=${longest})` }
}
