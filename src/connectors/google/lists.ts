import { listOf, member, notOfRows, textOf } from '../answer.ts'
import { DestinationError, type Io, type Json, type Ms } from '../connector.ts'
import { notApplied } from '../token.ts'
import { type Api, type ApiAccount, digits } from './api.ts'

// https://developers.google.com/data-manager/api/devguides/audiences/google-ads/customer-match/create-audience and
// https://github.com/googleapis/googleapis/blob/master/google/ads/datamanager/v1/user_list_service.proto: a name is given
// to one list of an account only; a list takes one type of keys, which cannot be changed.

/** A list by its id, or by a name that the account gives to one list only. */
export interface ListPlace {
  readonly list?: string | undefined
  readonly list_name?: string | undefined
  readonly create: boolean
  readonly description?: string | undefined
  readonly membership_days?: number | undefined
  readonly mobile_app?: { readonly id: string; readonly system: 'ios' | 'android' } | undefined
}

/** What Google says of a list, and by its clock when. */
interface Looked {
  readonly json: Json
  readonly at: Ms
}

export interface Lists {
  /** The id of a list, which is made where that is asked for and it is not there. A failure is not remembered. */
  idOf(into: ListPlace): Promise<string>
  /** Changes nothing; undefined where the list is still to be made. Throws where it is missing. */
  look(into: ListPlace): Promise<Looked | undefined>
}

/** The lists of an account. */
export function openLists(api: Api, account: ApiAccount, io: Pick<Io, 'columns'>): Lists {
  const path = `/accountTypes/${account.account_type}/accounts/${digits(account.operating_account)}/userLists`
  let known: Promise<string> | undefined
  const foundOrMade = async (into: ListPlace) => {
    const found = await named(api, path, into)
    if (found !== undefined) return idIn(found)
    if (!into.create) throw noList(into)
    return idIn((await api.request('POST', path, newList(into, io))).json)
  }
  return {
    idOf: (into) => {
      if (into.list !== undefined) return Promise.resolve(into.list)
      known ??= foundOrMade(into).catch((error: unknown) => {
        known = undefined
        return notApplied(notOfRows(error))
      })
      return known
    },
    look: async (into) => {
      try {
        const id = into.list ?? idIn((await named(api, path, into)) ?? null)
        if (id !== '') return await api.request('GET', `${path}/${id}`)
      } catch (error) {
        if (error instanceof DestinationError && error.code === 'http_404') throw noList(into)
        throw notOfRows(error)
      }
      if (into.create) return undefined
      throw noList(into)
    },
  }
}

function noList({ list, list_name }: ListPlace): DestinationError {
  const which = list === undefined ? `named "${list_name}"` : `with the id "${list}"`
  return new DestinationError('config', 'no_list', `The account has no customer list ${which}.`)
}

async function named(api: Api, path: string, { list_name }: ListPlace): Promise<Json | undefined> {
  let token = ''
  do {
    const query = new URLSearchParams({ pageSize: '1000', ...(token !== '' && { pageToken: token }) })
    const { json } = await api.request('GET', `${path}?${query.toString()}`)
    const found = listOf(json, 'userLists').find((one) => textOf(one, 'displayName') === list_name)
    if (found !== undefined) return found
    token = textOf(json, 'nextPageToken')
  } while (token !== '')
  return undefined
}

/** An int64 comes as text; the resource's own name ends with it, too. */
function idIn(list: Json): string {
  return textOf(list, 'id') || (textOf(list, 'name').split('/').at(-1) ?? '')
}

const DAY_SECONDS = 86_400

function newList(
  { list_name = '', description, membership_days, mobile_app }: ListPlace,
  io: Pick<Io, 'columns'>,
): Json {
  const source = { dataSourceType: 'DATA_SOURCE_TYPE_FIRST_PARTY' }
  const mobile = { ...source, keySpace: mobile_app?.system.toUpperCase() ?? '', appId: mobile_app?.id ?? '' }
  const info = keyTypeOf(io) === 'MOBILE_ID' ? { mobileIdInfo: mobile } : { contactIdInfo: source }
  return {
    displayName: list_name,
    // One of Google's pages says that it is required, another that it is not.
    description: description ?? list_name,
    membershipStatus: 'OPEN',
    ...(membership_days !== undefined && { membershipDuration: `${membership_days * DAY_SECONDS}s` }),
    ingestedUserListInfo: { uploadKeyTypes: [keyTypeOf(io)], ...info },
  }
}

function keyTypeOf({ columns }: Pick<Io, 'columns'>): 'CONTACT_ID' | 'MOBILE_ID' {
  return [...columns.key, ...columns.fields].includes('MOBILE_ID') ? 'MOBILE_ID' : 'CONTACT_ID'
}

const FEWEST = 100

/** Throws what would keep people from being added to a list; tells what would keep ads from them. */
export function checkList(answer: Json, io: Pick<Io, 'columns' | 'note'>, { list, list_name }: ListPlace): void {
  const refuse = (code: string, why: string) =>
    new DestinationError('config', code, `The customer list "${list ?? list_name}" ${why}`)
  if (textOf(answer, 'membershipStatus') === 'CLOSED') throw refuse('closed', 'is closed: nobody can be added.')
  if (member(answer, 'readOnly') === true) throw refuse('read_only', 'is shared with the account to be read only.')
  const kinds = listOf(member(answer, 'ingestedUserListInfo'), 'uploadKeyTypes').map(String)
  const wanted = keyTypeOf(io)
  if (kinds.length > 0 && !kinds.includes(wanted))
    throw refuse('other_kind', `holds ${kinds.join(', ')}, not ${wanted}.`)
  const sizes = ['displayNetworkMembersCount', 'searchNetworkMembersCount'].map((name) =>
    Number(member(member(answer, 'sizeInfo'), name) ?? Number.NaN),
  )
  if (sizes.some((size) => size < FEWEST) && !sizes.some((size) => size >= FEWEST))
    io.note?.(`The customer list has fewer than ${FEWEST} members whom Google knows: no ads are shown to them.`)
}
