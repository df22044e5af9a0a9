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
    ['Campaign', { fields: ['Name', 'Type', 'Status', 'IsActive'], needs: ['Name'] }],
    ['CampaignMember', { fields: ['CampaignId', 'ContactId', 'LeadId', 'Status'], needs: ['CampaignId'] }],
    ['CampaignMemberStatus', { fields: ['CampaignId', 'Label', 'IsDefault'], needs: ['CampaignId', 'Label'] }],
  ],
)

const CUSTOM = /^[A-Za-z]\w*__c$/

/** Does the emulated org have this object? A few standard ones and any custom one. */
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

/** What of an org decides how it describes its objects. */
export interface Described {
  /** Custom fields by object; `Account.Ext_Id__c` declares one of the parent. */
  readonly declared: readonly string[]
  /** `Contact`, `Contact.Email` or `Contact delete`: what the user may not write. */
  readonly readOnly: readonly string[]
}

/** The answer of `describe`, as far as a connector reads it: standard fields, declared ones and those in use. */
export function describe(object: string, { declared, readOnly }: Described, rows: Rows): Json {
  const used = [...rows.all(object)].flatMap(([, row]) => Object.keys(row))
  const standard = OBJECTS.get(object)?.fields ?? ['Name']
  const lookUps = declared.flatMap((name) => (name.includes('__r.') ? [`${name.split('__r.')[0]}__c`] : []))
  const names = new Set([...standard, ...lookUps, ...[...declared, ...used].filter((name) => CUSTOM.test(name))])
  const may = (name: string) => !readOnly.includes(name)
  const fields = [...names].map((name) => ({
    name,
    type: BOOLEANS.has(name) ? 'boolean' : 'string',
    externalId: CUSTOM.test(name) && !lookUps.includes(name),
    idLookup: name === 'Email' || (CUSTOM.test(name) && !lookUps.includes(name)),
    createable: may(`${object}.${name}`),
    updateable: may(`${object}.${name}`) && !(object === 'CampaignMember' && name.endsWith('Id')),
    nillable: !needs(object).includes(name),
    ...relationship(name, lookUps),
  }))
  return {
    name: object,
    createable: may(object),
    updateable: may(object),
    deletable: may(object) && may(`${object} delete`),
    fields: [{ name: 'Id', type: 'id', idLookup: true, createable: false, updateable: false }, ...fields],
  }
}

function relationship(name: string, lookUps: readonly string[]): Row {
  const standard = /^([A-Z]\w*[a-z])Id$/.exec(name)?.[1]
  if (standard !== undefined) return { relationshipName: standard, referenceTo: [standard] }
  return lookUps.includes(name) ? { relationshipName: `${name.slice(0, -1)}r`, referenceTo: [name] } : {}
}

const BOOLEANS = new Set(OPT_OUTS)

/** What the vendor's JSON parser says of a record in which a checkbox is no boolean. */
export function wrongJson(record: Row): string | undefined {
  for (const [name, value] of Object.entries(record))
    if (BOOLEANS.has(name) && typeof value !== 'boolean')
      return `Cannot deserialize instance of boolean from value of field ${name} or request may be missing a required field`
  return undefined
}

/** A cell of a CSV as the field takes it; text says what is wrong with it. */
export function fromText(name: string, text: string): { readonly value: Json } | { readonly wrong: string } {
  if (text === '#N/A') return { value: null }
  if (!BOOLEANS.has(name)) return { value: text }
  if (text === 'true' || text === 'false') return { value: text === 'true' }
  return { wrong: `'${text}' is not a valid value for the type xsd:boolean` }
}

const PICKLISTS = new Map([
  ['Industry', ['Retail', 'Banking', 'Energy']],
  ['Salutation', ['Mr.', 'Ms.', 'Mrs.', 'Dr.', 'Prof.', 'Mx.']],
])

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
  const listed = PICKLISTS.get(name)
  if (listed !== undefined && value !== '' && !listed.includes(value))
    return {
      code: 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST',
      message: `${name}: bad value for restricted picklist field: ${value}`,
    }
  const longest = LONGEST.get(name) ?? 255
  if (value.length <= longest) return undefined
  return { code: 'STRING_TOO_LONG', message: `${name}: data value too large: (max length=${longest})` }
}
