import { jsonOf, listOf, member, patiently, textOf } from '../answer.ts'
import type { Change, HeldRow, Io, Json, Key } from '../connector.ts'
import { DestinationError } from '../connector.ts'
import type { Api } from './api.ts'
import type { ListPlace } from './lists.ts'

// https://developers.hubspot.com/docs/api-reference/crm-objects-v3/guide: 100 records a batch; records that are not there
// are left out of the answer, which then is a 207.

/** A sync's place, and all that is needed to reach it. */
export interface Place {
  readonly api: Api
  readonly io: Io
  readonly object: string
  readonly list: ListPlace | undefined
}

/** A record of HubSpot. */
export interface Found {
  readonly id: string
  readonly properties: Json
}

/** The most records of one request. */
export const BATCH = 100
const MEMBERS = 250

/** HubSpot's own id of a record; as a key it names records that are there already. */
export const RECORD_ID = 'hs_object_id'

/** The one property by which a key names records. Throws DestinationError `config`. */
export function idProperty(names: readonly string[]): string {
  const [name, ...more] = names
  if (name === undefined || more.length > 0)
    throw new DestinationError('config', 'bad_key', 'The key must be one property: email, or one with unique values.')
  return name
}

/** Addresses are lower case in HubSpot; of other values it is not known, and no two may differ in case only. */
export function folded(value: Json | undefined): string {
  return String(value ?? '')
    .trim()
    .toLowerCase()
}

/** The path of a call about objects of the place. */
export function pathOf({ object }: Pick<Place, 'object'>, rest: string): string {
  return `/crm/v3/objects/${encodeURIComponent(object)}${rest}`
}

/**
 * The records of changes, by their key; where nobody has that key (any more), by the id of an earlier receipt: a merge
 * gives a record a new id, and somebody in the app may have changed the key.
 */
export async function findRecords(place: Place, changes: readonly Change[]): Promise<ReadonlyMap<Change, Found>> {
  const name = idProperty(Object.keys(changes[0]?.key ?? {}))
  const keys = changes.map((change) => String(change.key[name]))
  const byKey = await byProperty(once(place), name, keys, [])
  const found = new Map(
    changes.flatMap((change) => {
      const one = byKey.get(folded(change.key[name]))
      return one === undefined ? [] : [[change, one] as const]
    }),
  )
  const rest = changes.filter((change) => !found.has(change) && change.destinationId !== undefined)
  const byId = await byProperty(
    once(place),
    RECORD_ID,
    rest.map(({ destinationId = '' }) => destinationId),
    [],
  )
  for (const change of rest) {
    const one = byId.get(folded(change.destinationId))
    if (one !== undefined) found.set(change, one)
  }
  return found
}

/** A place in which nobody is patient: a batch that is sent holds a turn, and would wait for another of its own. */
function once(place: Place): Place {
  const { patiently: _, ...io } = place.io
  return { ...place, io }
}

/** What the account holds for keys, or all of it: the members of the list where there is one. */
export async function* readRecords(place: Place, keys: readonly Key[] | 'all'): AsyncGenerator<HeldRow> {
  const name = idProperty(place.io.columns.key)
  if (keys === 'all') {
    const pages = place.list === undefined ? allRecords(place, name) : listMembers(place, name, place.list)
    for await (const one of pages) yield* held(place, name, one)
    return
  }
  for (let at = 0; at < keys.length; at += BATCH) {
    const asked = keys.slice(at, at + BATCH).map((key) => String(key[name]))
    const found = await byProperty(place, name, asked, place.io.columns.fields)
    for (const one of new Set(found.values())) yield* held(place, name, one)
  }
}

/** Records by the folded value of a property, a contact by all its addresses. */
async function byProperty(
  place: Place,
  name: string,
  values: readonly string[],
  fields: readonly string[],
): Promise<ReadonlyMap<string, Found>> {
  const asked = [...new Set(values.map(folded))].filter(Boolean)
  if (asked.length === 0) return new Map()
  const properties = [...new Set([name, 'email', 'hs_additional_emails', ...fields])]
  const body = {
    ...(name !== RECORD_ID && { idProperty: name }),
    inputs: [...new Set(values)].filter(Boolean).map((id) => ({ id })),
    properties: place.object === 'contacts' ? properties : [...new Set([name, ...fields])],
  }
  const answer = await patiently(place.io, async () =>
    jsonOf(place.api.checked(await place.api.request('POST', pathOf(place, '/batch/read'), body))),
  )
  return new Map(
    listOf(answer, 'results').flatMap((one) => {
      const found = foundAs(one)
      return namesOf(found, name).map((value) => [value, found] as const)
    }),
  )
}

function foundAs(one: Json): Found {
  return { id: String(member(one, 'id') ?? ''), properties: member(one, 'properties') ?? {} }
}

function namesOf({ id, properties }: Found, name: string): readonly string[] {
  if (name === RECORD_ID) return [id]
  const others = name === 'email' ? textOf(properties, 'hs_additional_emails').split(';') : []
  return [textOf(properties, name), ...others].map(folded).filter(Boolean)
}

function* held({ io }: Place, name: string, { id, properties }: Found): Generator<HeldRow> {
  const key = name === RECORD_ID ? id : textOf(properties, name)
  if (key === '') return
  const fields = Object.fromEntries(io.columns.fields.map((field) => [field, member(properties, field) ?? null]))
  yield { key: { [name]: key }, fields }
}

async function* allRecords(place: Place, name: string): AsyncGenerator<Found> {
  const query = new URLSearchParams({ limit: String(BATCH), properties: [name, ...place.io.columns.fields].join(',') })
  for await (const one of pages(place, pathOf(place, ''), query)) yield foundAs(one)
}

async function* listMembers(place: Place, name: string, list: ListPlace): AsyncGenerator<Found> {
  const id = await patiently(place.io, list.find)
  if (id === undefined) return
  const query = new URLSearchParams({ limit: String(MEMBERS) })
  let ids: string[] = []
  const flush = async () => {
    const found = await byProperty(place, RECORD_ID, ids, [name, ...place.io.columns.fields])
    ids = []
    return found.values()
  }
  for await (const one of pages(place, `/crm/v3/lists/${id}/memberships`, query)) {
    ids.push(String(member(one, 'recordId') ?? ''))
    if (ids.length === BATCH) yield* await flush()
  }
  yield* await flush()
}

async function* pages({ api, io }: Place, path: string, query: URLSearchParams): AsyncGenerator<Json> {
  for (let after = ''; ; ) {
    if (after !== '') query.set('after', after)
    const answer = await patiently(io, async () => jsonOf(api.checked(await api.request('GET', `${path}?${query}`))))
    yield* listOf(answer, 'results')
    after = textOf(member(member(answer, 'paging'), 'next'), 'after')
    if (after === '') return
  }
}
