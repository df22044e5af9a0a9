import { jsonOf, listOf, member, textOf } from '../answer.ts'
import { DestinationError, type HttpResponse, type Json } from '../connector.ts'
import { notApplied } from '../token.ts'
import type { Api } from './api.ts'

// https://developers.hubspot.com/docs/api-reference/crm-lists-v3/guide: members are record ids; only MANUAL and SNAPSHOT
// lists can be changed by hand. Lists are called segments in the app.

export interface ListOptions {
  readonly object: string
  readonly list?: string | undefined
  readonly create_list: boolean
}

/** The list of one sync. */
export interface ListPlace {
  /** Its id; undefined where there is none of that name. Throws DestinationError `config` for an active list. */
  find(): Promise<string | undefined>
  /** Its id; makes it first where that is wanted. Asked once. Throws DestinationError with `applied: 'no'`. */
  need(): Promise<string>
  /** Ids that HubSpot does not know as records. */
  add(ids: readonly string[]): Promise<readonly string[]>
  remove(ids: readonly string[]): Promise<void>
}

/** The list that `into` names; undefined where it names none. */
export function openList(api: Api, into: ListOptions): ListPlace | undefined {
  const { list: named } = into
  if (named === undefined) return undefined
  let needed: Promise<string> | undefined
  const find = async () => {
    const answer = await api.request('GET', await addressOf(api, named, into.object))
    if (answer.status === 404) return undefined
    return usable(jsonOf(api.checked(answer)), into)
  }
  const need = () => {
    needed ??= findOrCreate(api, into, find).catch((error) => {
      needed = undefined
      return notApplied(error)
    })
    return needed
  }
  const change = async (act: 'add' | 'remove', ids: readonly string[]) =>
    api.checked(await api.request('PUT', `/crm/v3/lists/${await need()}/memberships/${act}`, ids))
  return {
    find,
    need,
    add: async (ids) => (ids.length === 0 ? [] : missingIn(await change('add', ids))),
    remove: async (ids) => {
      if (ids.length > 0) await change('remove', ids)
    },
  }
}

async function addressOf(api: Api, list: string, object: string): Promise<string> {
  if (/^\d+$/.test(list)) return `/crm/v3/lists/${list}`
  return `/crm/v3/lists/object-type-id/${await typeIdOf(api, object)}/name/${encodeURIComponent(list)}`
}

const TYPE_IDS: Readonly<Record<string, string>> = { contacts: '0-1', companies: '0-2' }

/** The id of an object type: fixed for the vendor's own, asked for where it is custom. */
async function typeIdOf(api: Api, object: string): Promise<string> {
  if (/^\d+-\d+$/.test(object)) return object
  const known = TYPE_IDS[object]
  if (known !== undefined) return known
  const answer = api.checked(await api.request('GET', `/crm/v3/schemas/${encodeURIComponent(object)}`))
  return textOf(jsonOf(answer), 'objectTypeId')
}

function usable(answer: Json, { object, list = '' }: ListOptions): string {
  const found = member(answer, 'list') ?? answer
  if (textOf(found, 'processingType') === 'DYNAMIC')
    throw new DestinationError(
      'config',
      'active_list',
      `The list "${list}" is active: only a static list can be filled.`,
    )
  const type = TYPE_IDS[object]
  if (type !== undefined && textOf(found, 'objectTypeId') !== type)
    throw new DestinationError('config', 'other_list', `The list "${list}" does not hold ${object}.`)
  return textOf(found, 'listId')
}

async function findOrCreate(api: Api, into: ListOptions, find: () => Promise<string | undefined>): Promise<string> {
  const found = await find()
  if (found !== undefined) return found
  if (!into.create_list) throw noList(into)
  const objectTypeId = await typeIdOf(api, into.object)
  const body = { name: into.list ?? '', objectTypeId, processingType: 'MANUAL' }
  const answer = await api.request('POST', '/crm/v3/lists', body)
  // A name is taken once: somebody else was faster.
  if (answer.status === 400 || answer.status === 409) {
    const other = await find()
    if (other !== undefined) return other
  }
  return usable(jsonOf(api.checked(answer)), into)
}

/** The error of a list that is neither there nor to be made. */
export function noList({ list = '', object }: ListOptions): DestinationError {
  const message = `The account has no list "${list}" of ${object}. Give its id, or write \`create_list: true\`.`
  return new DestinationError('config', 'no_list', message)
}

/** Both spellings are the vendor's: of what was added as of what is missing. */
function missingIn(response: HttpResponse): readonly string[] {
  const answer = jsonOf(response)
  return [...listOf(answer, 'recordIdsMissing'), ...listOf(answer, 'recordsIdsMissing')].map(String)
}
