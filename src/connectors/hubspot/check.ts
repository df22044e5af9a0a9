import { jsonOf, listOf, member, textOf, tryJson } from '../answer.ts'
import { assignment } from '../assignment.ts'
import { DestinationError, type Json, type LeaveAction } from '../connector.ts'
import { type ListOptions, noList } from './lists.ts'
import { idProperty, type Place, pathOf, RECORD_ID } from './records.ts'

/** Looks whether the app may do what the sync needs. Changes nothing. */
export async function check(place: Place, into: ListOptions, token: string | undefined): Promise<void> {
  const key = idProperty(place.io.columns.key)
  if (key === RECORD_ID && place.io.mode !== 'update')
    throw config('bad_key', `"${RECORD_ID}" names records that exist: the mode must be "update".`)
  if (token !== undefined) await checkScopes(place, into, token)
  await checkProperties(place, key)
  const { api } = place
  api.checked(await api.request('GET', `${pathOf(place, '')}?limit=1`))
  if (place.list && (await place.list.find()) === undefined && !(into.create_list && !isId(into.list)))
    throw noList(into)
}

function isId(list: string | undefined): boolean {
  return /^\d+$/.test(list ?? '')
}

function config(code: string, message: string): DestinationError {
  return new DestinationError('config', code, message)
}

/**
 * A private app's token knows its own scopes (https://developers.hubspot.com/docs/apps/legacy-apps/private-apps/overview,
 * "token information"). Where that is not answered, what is missing shows when it is needed.
 */
async function checkScopes({ api, object }: Place, into: ListOptions, token: string): Promise<void> {
  const answer = await api.request('POST', '/oauth/v2/private-apps/get/access-token-info', { tokenKey: token })
  if (answer.status === 401) throw api.failure(answer)
  const granted = listOf(tryJson(answer.body), 'scopes')
  if (answer.status !== 200 || granted.length === 0) return
  const kind = object === 'contacts' || object === 'companies' ? object : 'custom'
  const lists = into.list === undefined ? [] : ['crm.lists.read', 'crm.lists.write']
  const needed = [`crm.objects.${kind}.read`, `crm.objects.${kind}.write`, ...lists]
  const missing = needed.filter((scope) => !granted.includes(scope))
  if (missing.length > 0)
    throw new DestinationError('auth', 'MISSING_SCOPES', `The private app lacks the scope ${missing.join(', ')}.`)
}

async function checkProperties({ api, io, object }: Place, key: string): Promise<void> {
  const answer = await api.request('GET', `/crm/v3/properties/${encodeURIComponent(object)}`)
  if (answer.status === 404) throw config('no_object', `The account has no object "${object}" that the app may see.`)
  const known = new Map(listOf(jsonOf(api.checked(answer)), 'results').map((one) => [textOf(one, 'name'), one]))
  const written = [...io.columns.fields, ...(io.acts ?? []).flatMap(propertyOf)]
  const absent = [key, ...written].filter((name) => !known.has(name) && name !== RECORD_ID)
  if (absent.length > 0) throw config('no_property', `The object "${object}" has no property ${quoted(absent)}.`)
  const fixed = written.filter((name) => isReadOnly(known.get(name)))
  if (fixed.length > 0) throw config('read_only', `The property ${quoted(fixed)} of "${object}" cannot be written.`)
  const isUnique = key === RECORD_ID || (key === 'email' && object === 'contacts')
  if (!isUnique && member(known.get(key), 'hasUniqueValue') !== true)
    throw config('not_unique', `The values of "${key}" of "${object}" are not unique, so it cannot be the key.`)
}

/** What an act writes. */
function propertyOf({ verb, argument = '' }: LeaveAction): readonly string[] {
  if (verb === 'set') return [assignment(argument)[0]]
  return verb === 'clear' ? [argument] : []
}

function isReadOnly(property: Json | undefined): boolean {
  return member(member(property, 'modificationMetadata'), 'readOnlyValue') === true
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ')
}
