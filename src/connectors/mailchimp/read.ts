import { jsonOf, listOf, member, patiently, textOf } from '../answer.ts'
import type { HeldRow, HttpResponse, Io, Json, Key } from '../connector.ts'
import { type Api, isOk, listFailure, listPath, memberPath } from './api.ts'
import type { Groups } from './groups.ts'
import { type Into, targetOf } from './place.ts'
import { findSegment } from './segment.ts'

// https://mailchimp.com/developer/marketing/api/list-members/list-members-info/: at most 1,000 members a page, by offset;
// archived ones come only where they are asked for, but a contact that is asked for by its hash comes archived, too.

const PAGE = 1_000
const FIELDS = ['email_address', 'status', 'merge_fields']

/** What is read, and what its fields mean. */
export interface Reading {
  readonly into: Into
  readonly groups: Groups
  /** Fields of the sync. */
  readonly fields: readonly string[]
}

/** The contacts of an audience, of a tag or of a segment, archived ones left out, by their address. */
export async function* readMembers(
  api: Api,
  keys: readonly Key[] | 'all',
  reading: Reading,
  io: Pick<Io, 'patiently'>,
): AsyncGenerator<HeldRow> {
  const get = (path: string) => patiently(io, async () => found(api, await api.request('GET', path)))
  const properties = [...FIELDS, ...new Set(reading.fields.flatMap(propertyOf))]
  if (keys !== 'all') {
    for (const { email } of keys) yield* readOne(get, String(email), reading, [...properties, 'tags'])
    return
  }
  const path = await patiently(io, () => membersPath(api, reading.into))
  if (path === undefined) return
  const wanted = [...properties.map((name) => `members.${name}`), 'total_items'].join(',')
  for (let offset = 0; ; offset += PAGE) {
    const page = await patiently(io, async () => {
      const answer = await api.request('GET', `${path}count=${PAGE}&offset=${offset}&fields=${wanted}`)
      if (!isOk(answer)) throw listFailure(api, answer, reading.into.list)
      return listOf(jsonOf(answer), 'members')
    })
    for (const one of page) yield* heldAs(one, reading)
    if (page.length < PAGE) return
  }
}

/** The property of a contact that must be asked for beside the usual ones. */
function propertyOf(field: string): readonly string[] {
  const target = targetOf(field)
  switch (target?.kind) {
    case 'interest':
      return ['interests']
    case 'permission':
      return ['marketing_permissions']
    case 'contact':
      return [target.name]
    default:
      return []
  }
}

/** Where members are listed, up to the paging; undefined = the tag or segment is not there, and so nobody is in it. */
async function membersPath(api: Api, into: Into): Promise<string | undefined> {
  if (into.tag === undefined && into.segment === undefined)
    return `${listPath(into.list)}/members?sort_field=timestamp_opt&sort_dir=ASC&`
  const id = await findSegment(api, into)
  // A tag stays on those whom no mail reaches any more; without these three they would be left out.
  const everybody = 'include_cleaned=true&include_transactional=true&include_unsubscribed=true'
  return id === undefined ? undefined : `${listPath(into.list)}/segments/${id}/members?${everybody}&`
}

type Get = (path: string) => Promise<Json | undefined>

/** What was asked for; undefined where it is not there. */
function found(api: Api, answer: HttpResponse): Json | undefined {
  if (answer.status === 404) return undefined
  if (!isOk(answer)) throw api.failure(answer)
  return jsonOf(answer)
}

async function* readOne(
  get: Get,
  address: string,
  reading: Reading,
  properties: readonly string[],
): AsyncGenerator<HeldRow> {
  const { list, tag, segment } = reading.into
  const answer = await get(`${memberPath(list, address)}?fields=${properties.join(',')}`)
  if (answer === undefined) return
  const name = tag ?? segment
  if (name !== undefined && !listOf(answer, 'tags').some((one) => textOf(one, 'name') === name)) return
  yield* heldAs(answer, reading)
}

function* heldAs(one: Json, { fields, groups }: Reading): Generator<HeldRow> {
  if (textOf(one, 'status') === 'archived') return
  const values = (member(one, 'merge_fields') ?? {}) as Readonly<Record<string, Json>>
  const others = fields.flatMap((field): [string, Json][] => {
    const value = heldIn(one, field, groups)
    return value === undefined ? [] : [[field, value]]
  })
  yield { key: { email: textOf(one, 'email_address') }, fields: { ...values, ...Object.fromEntries(others) } }
}

/** What a contact holds in a field that is no merge field. */
function heldIn(one: Json, field: string, { interests, permissions }: Groups): Json | undefined {
  const target = targetOf(field)
  switch (target?.kind) {
    case 'interest':
      return member(member(one, 'interests'), interests.get(target.name) ?? target.name)
    case 'permission': {
      const id = permissions.get(target.name) ?? target.name
      const of = listOf(one, 'marketing_permissions').find((held) => textOf(held, 'marketing_permission_id') === id)
      return member(of, 'enabled')
    }
    case 'contact':
      return member(one, target.name)
    default:
      return undefined
  }
}
