import { jsonOf, listOf, member, textOf } from '../answer.ts'
import { DestinationError } from '../connector.ts'
import { type Api, isOk, listFailure, listPath, memberPath } from './api.ts'
import type { Into } from './place.ts'

// https://mailchimp.com/developer/marketing/api/list-segments/: a tag is a static segment. 500 addresses a call, which must
// be contacts of the list; who is there already, or is not there any more, stands among the errors.

const PAGE = 1_000

/** The id of the static segment, or of the tag, that `into` names; undefined where the list has none of that name. */
export async function findSegment(api: Api, into: Into): Promise<string | undefined> {
  for (let offset = 0; ; offset += PAGE) {
    const page = `type=static&count=${PAGE}&offset=${offset}&fields=segments.id,segments.name`
    const answer = await api.request('GET', `${listPath(into.list)}/segments?${page}`)
    if (!isOk(answer)) throw listFailure(api, answer, into.list)
    const segments = listOf(jsonOf(answer), 'segments')
    const found = segments.find((one) => textOf(one, 'name') === nameOf(into))
    if (found !== undefined) return String(member(found, 'id'))
    if (segments.length < PAGE) return undefined
  }
}

function nameOf({ tag, segment }: Into): string {
  return segment ?? tag ?? ''
}

/** The id of the static segment, which is made where it is missing and may be. */
export async function openSegment(api: Api, into: Into): Promise<string> {
  const found = await findSegment(api, into)
  if (found !== undefined) return found
  if (!into.create_segment) throw noSegment(into)
  const body = { name: nameOf(into), static_segment: [] }
  const answer = await api.request('POST', `${listPath(into.list)}/segments`, body)
  if (isOk(answer)) return String(member(jsonOf(answer), 'id'))
  if (answer.status !== 400) throw listFailure(api, answer, into.list)
  // Another process may have made it in this moment.
  const made = await findSegment(api, into)
  if (made !== undefined) return made
  const said = api.cleaned(textOf(jsonOf(answer), 'detail'))
  throw new DestinationError('config', 'no_segment', `The segment "${nameOf(into)}" cannot be made: ${said}`)
}

/** What is missing where the list has no such segment. */
export function noSegment(into: Into): DestinationError {
  return new DestinationError(
    'config',
    'no_segment',
    `The audience "${into.list}" has no static segment "${nameOf(into)}". It is made with "create_segment: true".`,
  )
}

/** Puts at most 500 addresses into a segment, or takes them out of it. Returns those of whom it says an error. */
export async function editSegment(
  api: Api,
  into: Into,
  id: string,
  edit: { readonly members_to_add: readonly string[] } | { readonly members_to_remove: readonly string[] },
): Promise<ReadonlySet<string>> {
  const answer = await api.request('POST', `${listPath(into.list)}/segments/${id}`, edit)
  if (answer.status === 404) throw noSegment(into)
  if (!isOk(answer)) throw api.failure(answer)
  const addresses = listOf(jsonOf(answer), 'errors').flatMap((error) => listOf(error, 'email_addresses'))
  return new Set(addresses.map((address) => String(address).toLowerCase()))
}

/** Has the contact the tag, or does the static segment hold it? */
export async function isInSegment(api: Api, into: Into, address: string): Promise<boolean> {
  const answer = await api.request('GET', `${memberPath(into.list, address)}?fields=status,tags`)
  if (answer.status === 404) return false
  if (!isOk(answer)) throw api.failure(answer)
  const contact = jsonOf(answer)
  const tags = listOf(contact, 'tags').map((tag) => textOf(tag, 'name'))
  return textOf(contact, 'status') !== 'archived' && tags.includes(nameOf(into))
}
