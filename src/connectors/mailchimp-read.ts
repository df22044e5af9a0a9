import { jsonOf, listOf, member, textOf } from './answer.ts'
import { DestinationError, type HeldRow, type Json, type Key } from './connector.ts'
import { type Api, isOk, memberPath } from './mailchimp-api.ts'

// https://mailchimp.com/developer/marketing/api/list-members/list-members-info/: at most 1,000 members a page, by offset;
// archived ones come only where they are asked for, but a contact that is asked for by its hash comes archived, too.

const PAGE = 1_000
const FIELDS = ['email_address', 'status', 'merge_fields']

/** The contacts of an audience, archived ones left out, by their address and merge fields. */
export async function* readMembers(api: Api, keys: readonly Key[] | 'all', list: string): AsyncGenerator<HeldRow> {
  if (keys === 'all') yield* readList(api, list)
  else for (const { email } of keys) yield* readOne(api, list, String(email))
}

async function* readList(api: Api, list: string): AsyncGenerator<HeldRow> {
  const fields = [...FIELDS.map((name) => `members.${name}`), 'total_items'].join(',')
  for (let offset = 0; ; offset += PAGE) {
    const paging = `count=${PAGE}&offset=${offset}&sort_field=timestamp_opt&sort_dir=ASC`
    const answer = await api.request('GET', `/lists/${encodeURIComponent(list)}/members?${paging}&fields=${fields}`)
    if (answer.status === 404)
      throw new DestinationError('config', 'no_list', `The account has no audience with the id "${list}".`)
    if (!isOk(answer)) throw api.failure(answer)
    const members = listOf(jsonOf(answer), 'members')
    for (const one of members) yield* heldAs(one)
    if (members.length < PAGE) return
  }
}

async function* readOne(api: Api, list: string, address: string): AsyncGenerator<HeldRow> {
  const answer = await api.request('GET', `${memberPath(list, address)}?fields=${FIELDS.join(',')}`)
  if (answer.status === 404) return
  if (!isOk(answer)) throw api.failure(answer)
  yield* heldAs(jsonOf(answer))
}

function* heldAs(one: Json): Generator<HeldRow> {
  if (textOf(one, 'status') === 'archived') return
  const fields = (member(one, 'merge_fields') ?? {}) as Readonly<Record<string, Json>>
  yield { key: { email: textOf(one, 'email_address') }, fields }
}
