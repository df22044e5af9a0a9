import { jsonOf, listOf, textOf } from '../answer.ts'
import { DestinationError, type Json } from '../connector.ts'
import { type Api, isOk, listFailure, listPath } from './api.ts'
import { targetOf } from './place.ts'

// https://mailchimp.com/developer/marketing/api/interest-categories/: a list has categories of interests, each with an id
// of its own. Marketing permissions have no address of their own: they are read from any contact of the list.

/** Ids of interests and marketing permissions by what a field may call them. */
export interface Groups {
  readonly interests: ReadonlyMap<string, string>
  readonly permissions: ReadonlyMap<string, string>
}

export const NO_GROUPS: Groups = { interests: new Map(), permissions: new Map() }

/**
 * Asks the list for what the fields of these names speak of. Throws DestinationError `config` where the list has it not,
 * or has two of the name.
 */
export async function readGroups(api: Api, list: string, fields: readonly string[]): Promise<Groups> {
  const wanted = (kind: 'interest' | 'permission') =>
    fields.flatMap((field) => {
      const target = targetOf(field)
      return target?.kind === kind ? [target.name] : []
    })
  const [interests, permissions] = [wanted('interest'), wanted('permission')]
  const found = interests.length > 0 ? await interestsOf(api, list) : new Map()
  refuseMissing(list, 'interest', interests, found)
  const allowed = permissions.length > 0 ? await permissionsOf(api, list) : undefined
  if (allowed !== undefined) refuseMissing(list, 'permission', permissions, allowed)
  // A list without contacts does not say which permissions it has: the names are taken for ids.
  return { interests: found, permissions: allowed ?? new Map(permissions.map((name) => [name, name])) }
}

/** Stands for a name that several have. */
const SEVERAL = ''

async function interestsOf(api: Api, list: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const path = `${listPath(list)}/interest-categories`
  for (const category of await itemsOf(api, list, `${path}?count=1000`, 'categories')) {
    const below = `${path}/${encodeURIComponent(textOf(category, 'id'))}/interests?count=1000`
    for (const one of await itemsOf(api, list, below, 'interests')) {
      const [id, name] = [textOf(one, 'id'), textOf(one, 'name')]
      found.set(name, found.has(name) ? SEVERAL : id)
      found.set(`${textOf(category, 'title')}/${name}`, id)
      found.set(id, id)
    }
  }
  return found
}

async function permissionsOf(api: Api, list: string): Promise<Map<string, string> | undefined> {
  const path = `${listPath(list)}/members?count=1&fields=members.marketing_permissions`
  const [member] = await itemsOf(api, list, path, 'members')
  if (member === undefined) return undefined
  const found = new Map<string, string>()
  for (const one of listOf(member, 'marketing_permissions')) {
    const [id, text] = [textOf(one, 'marketing_permission_id'), textOf(one, 'text')]
    found.set(text, found.has(text) ? SEVERAL : id)
    found.set(id, id)
  }
  return found
}

async function itemsOf(api: Api, list: string, path: string, name: string): Promise<readonly Json[]> {
  const answer = await api.request('GET', path)
  if (!isOk(answer)) throw listFailure(api, answer, list)
  return listOf(jsonOf(answer), name)
}

function refuseMissing(
  list: string,
  kind: 'interest' | 'permission',
  names: readonly string[],
  found: ReadonlyMap<string, string>,
): void {
  for (const name of names) {
    const id = found.get(name)
    const what = kind === 'interest' ? 'interest' : 'marketing permission'
    if (id === undefined)
      throw new DestinationError('config', `no_${kind}`, `The audience "${list}" has no ${what} "${name}".`)
    if (id === SEVERAL)
      throw new DestinationError(
        'config',
        `no_${kind}`,
        `The audience "${list}" has several ${what}s "${name}": name its id${kind === 'interest' ? ', or "group/name"' : ''}.`,
      )
  }
}
