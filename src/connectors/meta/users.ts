import { ALONE, type People, type Values } from '../audience.ts'
import type { Field, Json } from '../connector.ts'
import type { Kind } from '../identifiers.ts'

/** Keys of Meta's customer files that we fill, in the order in which they are sent. */
const KEYS: readonly { readonly name: string; readonly kind: Kind; readonly description: string }[] = [
  { name: 'EMAIL', kind: 'email', description: 'Address.' },
  { name: 'PHONE', kind: 'phone', description: 'Number; a national one is read as of `phone_country`.' },
  { name: 'FN', kind: 'first_name', description: 'First name.' },
  { name: 'LN', kind: 'last_name', description: 'Last name.' },
  { name: 'FI', kind: 'first_initial', description: 'First name, or its first letter.' },
  { name: 'GEN', kind: 'gender', description: 'f, m, female or male; anything else is left empty.' },
  { name: 'DOBY', kind: 'birth_year', description: 'Year of birth, or the whole date.' },
  { name: 'DOBM', kind: 'birth_month', description: 'Month of birth, or the whole date.' },
  { name: 'DOBD', kind: 'birth_day', description: 'Day of birth, or the whole date.' },
  { name: 'CT', kind: 'city', description: 'City.' },
  { name: 'ST', kind: 'state', description: 'State or region; of the US as two letters or in full.' },
  { name: 'ZIP', kind: 'zip', description: 'Postal code.' },
  { name: 'COUNTRY', kind: 'country', description: 'Two letters; Meta asks for it always.' },
  { name: 'MADID', kind: 'mobile_ad_id', description: 'Advertising id of a phone; sent plain.' },
  {
    name: 'EXTERN_ID',
    kind: 'external_id',
    description: 'Our id of the person, sent plain; nobody is found by it alone.',
  },
]

/** A number of our own, by which lookalikes are weighed: it identifies nobody. */
export const VALUE = 'LOOKALIKE_VALUE'

export const COLUMNS: ReadonlyMap<string, Kind> = new Map(KEYS.map(({ name, kind }) => [name, kind]))

/** What a sync may send. No field is a key alone: a key of any name tells rows apart, and is sent where it is one of these. */
export const FIELDS: readonly Field[] = [
  ...KEYS.map(({ name, kind, description }): Field => {
    const normalise = kind === 'email' || kind === 'phone' ? { normalise: kind } : {}
    const list = ALONE.has(kind) ? { list: kind } : {}
    return { name, type: 'text', match: true, description, ...normalise, ...list }
  }),
  { name: VALUE, type: 'number', description: 'Value of the person, 0 or more, for value-based lookalikes.' },
]

/** By each of these alone people are found, as far as Meta knows it. */
const FINDING = KEYS.flatMap(({ name, kind }) => (ALONE.has(kind) ? [name] : []))
const EXTERNAL = 'EXTERN_ID'

/** Cells by key, as they are sent. */
export type User = Values

export const USERS: People<User> = {
  person: (values) => values,
  isFound: (user) => FINDING.some((name) => user.has(name)) || isNamed(user),
  ids: (user) => idsOf(user).map(([id]) => id),
  only: (user, ids) => {
    const gone = idsOf(user).filter(([id]) => !ids.has(id))
    const names = new Set(gone.flatMap(([, of]) => of))
    return new Map([...user].filter(([name]) => !names.has(name)))
  },
}

/** Enough of a name and a place or a date of birth to be somebody's. */
function isNamed(user: User): boolean {
  const has = (...names: readonly string[]) => names.every((name) => user.has(name))
  return has('FN', 'LN') && (has('ZIP') || has('CT') || has('DOBY', 'DOBM', 'DOBD'))
}

/** What the user may be known by, and the cells that say it. Whoever has nothing else is found by all cells together. */
function idsOf(user: User): readonly (readonly [id: string, cells: readonly string[]])[] {
  const textOf = (name: string) => `${name} ${user.get(name)}`
  const alone = FINDING.filter((name) => user.has(name)).map((name) => [textOf(name), [name]] as const)
  const own = user.has(EXTERNAL) ? [[textOf(EXTERNAL), [EXTERNAL]] as const] : []
  if (alone.length > 0 || !isNamed(user)) return [...alone, ...own]
  const names = [...user.keys()].filter((name) => name !== EXTERNAL)
  return [[names.map(textOf).join(' '), names] as const, ...own]
}

/** Limited data use, as a sync declares it for its people. */
export interface LimitedUse {
  readonly country: number
  readonly state: number
  readonly as: 'columns' | 'payload'
}

/** Somebody as they are sent, with the value that they have for lookalikes. */
export interface Member {
  readonly user: User
  readonly value?: number | undefined
}

/** How many users there are if those who are the same are counted once. */
export function distinct(users: readonly Member[]): number {
  return new Set(users.map(({ user }) => JSON.stringify([...user]))).size
}

/** The `payload` of users: one schema for all, a cell that somebody lacks is empty. */
export function payloadOf(users: readonly Member[], limited: LimitedUse | undefined): Json {
  const named = [...COLUMNS.keys()].filter((name) => users.some(({ user }) => user.has(name)))
  const valued = users.some(({ value }) => value !== undefined)
  const { columns, cells, more } = limitedParts(limited)
  return {
    schema: [...named, ...(valued ? [VALUE] : []), ...columns],
    data: users.map(({ user, value }) => [
      ...named.map((name) => user.get(name) ?? ''),
      ...(valued ? [value ?? 0] : []),
      ...cells,
    ]),
    ...more,
  }
}

/**
 * Meta's guide to customer files has columns, and none for country and state where Meta is to find them out
 * (https://developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences#data-processing-options).
 * Other products of Meta take the same options beside the data.
 */
function limitedParts(limited: LimitedUse | undefined) {
  if (limited === undefined) return { columns: [], cells: [], more: {} }
  const { country, state } = limited
  const options = {
    data_processing_options: ['LDU'],
    data_processing_options_country: country,
    data_processing_options_state: state,
  }
  if (limited.as === 'payload') return { columns: [], cells: [], more: options }
  const told = Object.entries(options).slice(0, country === 0 && state === 0 ? 1 : 3)
  return { columns: told.map(([name]) => name.toUpperCase()), cells: told.map(([, value]) => value), more: {} }
}
