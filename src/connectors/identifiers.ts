import { createHash } from 'node:crypto'
import { phoneReader, type ReadPhone } from '../phone.ts'
import type { Json } from './connector.ts'

// The one place that makes of what we know of a person what an audience vendor finds them by. Vendors hash what they know
// themselves by their own rules, so a rule that differs in one character matches nobody:
// - Google: https://developers.google.com/data-manager/api/devguides/audiences/partners/prepare-data and the formatter
//   that Google publishes, https://github.com/googleads/data-manager-node/blob/main/util/src/formatter.ts
// - Meta: https://developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences#hash
// No vendor says which Unicode form it hashes; what people type is NFC, so that is what both forms become here.

/** Rises whenever a value would be hashed otherwise than before: then what was sent under the older rules is not found. */
export const VERSION = 1

/** What a value is; which of them a vendor takes, and how, is said by its rules. */
export type Kind =
  | 'email'
  | 'phone'
  | 'first_name'
  | 'last_name'
  | 'first_initial'
  | 'city'
  | 'state'
  | 'zip'
  | 'country'
  | 'gender'
  | 'birth_year'
  | 'birth_month'
  | 'birth_day'
  | 'mobile_ad_id'
  | 'external_id'

/** What else decides how a value is read. */
export interface Circumstances {
  /** E.164, or undefined where it is no number; made by `phoneIn`. */
  readonly phone: (raw: string) => string | undefined
  /** The person's own country, two lower-case letters; undefined where it is not told. */
  readonly country: string | undefined
}

/** How one vendor takes one kind of value. */
export interface Rule {
  /** The one form of the text, which is trimmed NFC; '' = the vendor has no word for it; undefined = it is none. */
  readonly form: (text: string, circumstances: Circumstances) => string | undefined
  readonly hash: boolean
}

/** A vendor's rules; kinds that it does not take are missing. */
export type Rules = Readonly<Partial<Record<Kind, Rule>>>

/** What a value became. `malformed`: the vendor would count it as invalid, or never find anybody by it. */
export type Identifier =
  | { readonly is: 'value'; readonly value: string }
  | { readonly is: 'absent' }
  | { readonly is: 'malformed' }

const ABSENT: Identifier = { is: 'absent' }
const MALFORMED: Identifier = { is: 'malformed' }

/** A value in its one form, hashed where the vendor wants that. `hashed`: the mapping declares that it is hashed already. */
export function identifier(rule: Rule, raw: Json | undefined, how: Circumstances & { hashed: boolean }): Identifier {
  if (raw === null || raw === undefined) return ABSENT
  if (typeof raw === 'object' || typeof raw === 'boolean') return MALFORMED
  const text = trimmed(String(raw))
  if (text === '') return ABSENT
  if (how.hashed && rule.hash) {
    const hash = text.toLowerCase()
    return SHA256.test(hash) ? { is: 'value', value: hash } : MALFORMED
  }
  const form = rule.form(text, how)
  if (form === undefined) return MALFORMED
  if (form === '') return ABSENT
  return { is: 'value', value: rule.hash ? sha256(form) : form }
}

const SHA256 = /^[0-9a-f]{64}$/

/** Lower-case hex SHA-256 of a text in UTF-8. Throws for an empty text: its hash would be that of nobody and everybody. */
export function sha256(text: string): string {
  if (text === '') throw new Error('An empty text has no hash.')
  return createHash('sha256').update(text, 'utf8').digest('hex')
}

/** Reads phones as of a country, two letters; without one, a number that does not begin with its country is none. */
export async function phoneIn(country: string | undefined): Promise<Circumstances['phone']> {
  const read: ReadPhone = await phoneReader()
  const region = country?.toUpperCase()
  return (raw) => read(raw, region) ?? undefined
}

/** Without what cannot be seen at either end: blanks, byte order marks, zero-width characters. */
function trimmed(text: string): string {
  return text.normalize('NFC').replace(/^[\s\p{Cf}]+|[\s\p{Cf}]+$/gu, '')
}

function lower(text: string): string {
  return text.toLowerCase().normalize('NFC')
}

/** Both parts of an address in lower case; undefined where it has blanks in it, or not just one @ with text around it. */
function addressParts(text: string): readonly [user: string, domain: string] | undefined {
  const [user = '', domain = '', ...more] = lower(text).split('@')
  return user === '' || domain === '' || more.length > 0 || UNSEEN.test(text) ? undefined : [user, domain]
}

const UNSEEN = /[\s\p{Cf}\p{Cc}]/u

function email(text: string): string | undefined {
  return addressParts(text)?.join('@')
}

/** Gmail delivers whatever dots and `+tags` there are, so Google takes them away, for its own domains only. */
function googleEmail(text: string): string | undefined {
  const [user, domain] = addressParts(text) ?? []
  if (user === undefined || domain === undefined) return undefined
  if (domain !== 'gmail.com' && domain !== 'googlemail.com') return `${user}@${domain}`
  const bare = lower((user.split('+')[0] ?? '').replaceAll('.', ''))
  return bare === '' ? undefined : `${bare}@${domain}`
}

function googleGivenName(text: string): string | undefined {
  const name = lower(text).replace(/^(?:mr|mrs|ms|dr)\.(?:\s+|$)/, '')
  return name === '' ? undefined : name
}

const SUFFIX = /(?:,\s*|\s+)(?:jr\.?|sr\.?|2nd|3rd|ii|iii|iv|v|vi|cpa|dc|dds|vm|jd|md|phd)$/

function googleFamilyName(text: string): string | undefined {
  let name = lower(text)
  while (SUFFIX.test(name)) name = name.replace(SUFFIX, '').trim()
  return name === '' ? undefined : name
}

function isoCountry(text: string): string | undefined {
  return /^[a-z]{2}$/i.test(text) ? text.toLowerCase() : undefined
}

/** https://en.wikipedia.org/wiki/Universally_unique_identifier#Textual_representation, as both mobile systems write it. */
function mobileId(text: string): string | undefined {
  const id = text.toLowerCase()
  // What a phone says whose owner does not want to be followed.
  if (id === '00000000-0000-0000-0000-000000000000') return ''
  return /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(id) ? id : undefined
}

const E164 = (text: string, { phone }: Circumstances) => phone(text)

/** Rules of both Google APIs that take customer lists. */
export const GOOGLE: Rules = {
  email: { form: googleEmail, hash: true },
  phone: { form: E164, hash: true },
  first_name: { form: googleGivenName, hash: true },
  last_name: { form: googleFamilyName, hash: true },
  country: { form: (text) => isoCountry(text)?.toUpperCase(), hash: false },
  zip: { form: (text) => text, hash: false },
  mobile_ad_id: { form: mobileId, hash: false },
}

/** Without punctuation: `O'Brien` is `obrien`, letters of any script stay. What has no letter left is no name. */
function metaName(text: string): string | undefined {
  return bare(text, /\p{P}/gu)
}

function metaPlace(text: string): string | undefined {
  return bare(text, /[^\p{L}\p{M}]/gu)
}

function bare(text: string, without: RegExp): string | undefined {
  const left = trimmed(lower(lower(text).replace(without, '')))
  return left === '' ? undefined : left
}

function metaState(text: string, { country }: Circumstances): string | undefined {
  const name = metaPlace(text)
  if (country !== 'us' || name === undefined || name.length === 2) return name
  return US_STATES.get(name)
}

// https://www.census.gov/library/reference/code-lists/ansi.html, and the capital's district.
const US_STATES: ReadonlyMap<string, string> = new Map(
  `al alabama,ak alaska,az arizona,ar arkansas,ca california,co colorado,ct connecticut,de delaware,dc districtofcolumbia,
  fl florida,ga georgia,hi hawaii,id idaho,il illinois,in indiana,ia iowa,ks kansas,ky kentucky,la louisiana,me maine,
  md maryland,ma massachusetts,mi michigan,mn minnesota,ms mississippi,mo missouri,mt montana,ne nebraska,nv nevada,
  nh newhampshire,nj newjersey,nm newmexico,ny newyork,nc northcarolina,nd northdakota,oh ohio,ok oklahoma,or oregon,
  pa pennsylvania,ri rhodeisland,sc southcarolina,sd southdakota,tn tennessee,tx texas,ut utah,vt vermont,va virginia,
  wa washington,wv westvirginia,wi wisconsin,wy wyoming,pr puertorico`
    .split(',')
    .map((one) => one.trim().split(' '))
    .map(([code = '', name = '']) => [name, code]),
)

function metaZip(text: string, { country }: Circumstances): string | undefined {
  const code = bare(text, /[\s\p{Pd}]/gu)
  if (country !== 'us') return code
  return code !== undefined && /^\d{5}(?:\d{4})?$/.test(code) ? code.slice(0, 5) : undefined
}

/** Meta knows two; whoever is of another is sent without. */
function metaGender(text: string): string {
  const said = lower(text)
  if (['f', 'female'].includes(said)) return 'f'
  return ['m', 'male'].includes(said) ? 'm' : ''
}

/** Part of a date as ISO 8601 writes it, or that part alone. */
function birthPart(place: 1 | 2 | 3, least: number, most: number) {
  const digits = place === 1 ? 4 : 2
  return (text: string): string | undefined => {
    const part = /^(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?$/.exec(text)?.[place] ?? text
    const number = /^\d{1,4}$/.test(part) ? Number(part) : Number.NaN
    return number >= least && number <= most ? String(number).padStart(digits, '0') : undefined
  }
}

/** Rules of Meta's customer files. */
export const META: Rules = {
  email: { form: email, hash: true },
  phone: { form: (text, how) => E164(text, how)?.slice(1), hash: true },
  first_name: { form: metaName, hash: true },
  last_name: { form: metaName, hash: true },
  first_initial: { form: (text) => /\p{L}\p{M}*/u.exec(metaName(text) ?? '')?.[0], hash: true },
  city: { form: metaPlace, hash: true },
  state: { form: metaState, hash: true },
  zip: { form: metaZip, hash: true },
  country: { form: isoCountry, hash: true },
  gender: { form: metaGender, hash: true },
  birth_year: { form: birthPart(1, 1900, 2099), hash: true },
  birth_month: { form: birthPart(2, 1, 12), hash: true },
  birth_day: { form: birthPart(3, 1, 31), hash: true },
  mobile_ad_id: { form: mobileId, hash: false },
  external_id: { form: (text) => text, hash: false },
}
