import { jsonOf, listOf, member, patiently, textOf } from '../answer.ts'
import { DestinationError, type HeldRow, type HttpResponse, type Io, type Json, type Key } from '../connector.ts'
import { type Api, isOk, memberPath } from './api.ts'

// https://mailchimp.com/developer/marketing/api/list-members/list-members-info/: at most 1,000 members a page, by offset;
// archived ones come only where they are asked for, but a contact that is asked for by its hash comes archived, too.

const PAGE = 1_000
const FIELDS = ['email_address', 'status', 'merge_fields']

/** The contacts of an audience, archived ones left out, by their address and merge fields. */
export async function* readMembers(
  api: Api,
  keys: readonly Key[] | 'all',
  list: string,
  io: Patient,
): AsyncGenerator<HeldRow> {
  const get = (path: string) => patiently(io, async () => found(api, await api.request('GET', path)))
  if (keys === 'all') yield* readList(get, list)
  else for (const { email } of keys) yield* readOne(get, list, String(email))
}

type Patient = Pick<Io, 'patiently'>
type Get = (path: string) => Promise<Json | undefined>

/** What was asked for; undefined where it is not there. */
function found(api: Api, answer: HttpResponse): Json | undefined {
  if (answer.status === 404) return undefined
  if (!isOk(answer)) throw api.failure(answer)
  return jsonOf(answer)
}

async function* readList(get: Get, list: string): AsyncGenerator<HeldRow> {
  const fields = [...FIELDS.map((name) => `members.${name}`), 'total_items'].join(',')
  for (let offset = 0; ; offset += PAGE) {
    const paging = `count=${PAGE}&offset=${offset}&sort_field=timestamp_opt&sort_dir=ASC`
    const answer = await get(`/lists/${encodeURIComponent(list)}/members?${paging}&fields=${fields}`)
    if (answer === undefined)
      throw new DestinationError('config', 'no_list', `The account has no audience with the id "${list}".`)
    const members = listOf(answer, 'members')
    for (const one of members) yield* heldAs(one)
    if (members.length < PAGE) return
  }
}

async function* readOne(get: Get, list: string, address: string): AsyncGenerator<HeldRow> {
  const answer = await get(`${memberPath(list, address)}?fields=${FIELDS.join(',')}`)
  if (answer === undefined) return
  yield* heldAs(answer)
}

function* heldAs(one: Json): Generator<HeldRow> {
  if (textOf(one, 'status') === 'archived') return
  const fields = (member(one, 'merge_fields') ?? {}) as Readonly<Record<string, Json>>
  yield { key: { email: textOf(one, 'email_address') }, fields }
}
