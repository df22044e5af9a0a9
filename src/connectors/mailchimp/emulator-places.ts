import { listOf, member, textOf } from '../answer.ts'
import type { Json } from '../connector.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import {
  hashOf,
  invalid,
  type ListCall,
  listKey,
  type MergeField,
  notAllowed,
  notFound,
  pageOf,
  presentOf,
  segmentId,
  whole,
} from './emulator-parts.ts'

const MOST_FIELDS = 80
const MOST_EDITED = 500

/** The merge fields of an audience: those that it had, and those that were made. */
export function fieldsOf({ options, rows, list }: Omit<ListCall, 'known'>): readonly MergeField[] {
  const made = [...rows.all(`fields ${list}`)].map(([tag, row]) => ({ tag, type: textOf(row, 'type') }))
  return [...(options.lists.get(list) ?? []), ...made]
}

/** `GET` and `POST …/merge-fields`. */
export function mergeFields(call: ListCall): Answer {
  const { known, rows, list, options, body, request } = call
  if (request.method === 'GET') {
    const shown = known.map(({ tag, type = 'text', required = false, phoneFormat, choices }) => ({
      ...{ tag, name: tag, type, required },
      options: { ...(phoneFormat && { phone_format: phoneFormat }), ...(choices && { choices }) },
    }))
    return { status: 200, body: { merge_fields: shown, total_items: known.length } }
  }
  if (request.method !== 'POST') return notAllowed()
  const [tag, type] = [textOf(body, 'tag'), textOf(body, 'type')]
  if (!/^[A-Z][A-Z0-9_]{0,9}$/.test(tag) || textOf(body, 'name') === '' || !TYPES.has(type))
    return invalid('The resource submitted could not be validated.', 'tag', 'This value is not valid.')
  if (known.some((one) => one.tag === tag))
    return invalid(`A Merge Field with the tag "${tag}" already exists for this list.`)
  if (known.length >= (options.mostFields ?? MOST_FIELDS))
    return invalid('You have reached the maximum number of merge fields for this list.')
  rows.put(`fields ${list}`, tag, { type })
  return { status: 200, body: { merge_id: known.length + 1, tag, name: textOf(body, 'name'), type } }
}

const TYPES = new Set([
  'text',
  'number',
  'address',
  'phone',
  'date',
  'url',
  'imageurl',
  'radio',
  'dropdown',
  'birthday',
  'zip',
])

/** `…/interest-categories` and what stands below. */
export function interests({ options, list }: ListCall, rest: string): Answer {
  const all = Object.entries(options.interests ?? {})
  if (rest === '') {
    const categories = all.length === 0 ? [] : [{ id: 'group1', list_id: list, title: 'Hobbies', type: 'checkboxes' }]
    return { status: 200, body: { categories, total_items: categories.length } }
  }
  if (rest !== '/group1/interests') return notFound()
  return { status: 200, body: { interests: all.map(([id, name]) => ({ id, name })), total_items: all.length } }
}

/** `…/segments` and what stands below: static segments, which are the tags under another name. */
export function segments(call: ListCall, rest: string): Answer {
  const names = segmentNames(call)
  const act = `${call.request.method} ${rest}`
  if (act === 'GET ') {
    const page = pageOf(call.request, names)
    if (page === undefined) return invalid('The resource submitted could not be validated.', 'count')
    const shown = page.map((name) => ({ id: segmentId(name), name, type: 'static', list_id: call.list }))
    return { status: 200, body: { segments: shown, total_items: names.length } }
  }
  if (act === 'POST ') return makeSegment(call, names)
  const [, id, members] = /^\/(\d+)(\/members)?$/.exec(rest) ?? []
  const name = names.find((one) => String(segmentId(one)) === id)
  if (name === undefined) return notFound()
  if (act === `GET /${id}${members ?? '/'}`) return segmentMembers(call, name)
  if (act === `POST /${id}`) return editMembers(call, name)
  return act === `DELETE /${id}` ? dropSegment(call, name) : notAllowed()
}

/** The contacts stay; the tag is gone from all of them. */
function dropSegment({ rows, list }: ListCall, name: string): Answer {
  rows.drop(`segments ${list}`, name)
  for (const [hash, row] of [...rows.all(listKey(list))]) {
    const tags = listOf(row, 'tags')
    if (tags.includes(name)) rows.put(listKey(list), hash, { ...row, tags: tags.filter((one) => one !== name) })
  }
  return { status: 204 }
}

function segmentNames({ options, rows, list }: ListCall): readonly string[] {
  const made = [...rows.all(`segments ${list}`)].map(([name]) => name)
  const given = [...rows.all(listKey(list))].flatMap(([, row]) => listOf(row, 'tags').map(String))
  return [...new Set([...(options.segments ?? []), ...made, ...given])]
}

function makeSegment({ body, rows, list }: ListCall, names: readonly string[]): Answer {
  const name = textOf(body, 'name')
  if (name === '' || !Array.isArray(member(body, 'static_segment')))
    return invalid('The resource submitted could not be validated.', 'name', 'This value should not be blank.')
  if (names.includes(name)) return invalid('Sorry, that tag already exists.')
  rows.put(`segments ${list}`, name, {})
  return { status: 200, body: { id: segmentId(name), name, type: 'static', list_id: list, member_count: 0 } }
}

/** Those who have the tag; unsubscribed and bounced ones only where they are asked for. */
function segmentMembers(call: ListCall, name: string): Answer {
  const { request, rows, list } = call
  const asked = (status: string) => request.query.get(`include_${status}`) === 'true'
  const hidden = ['cleaned', 'transactional', 'unsubscribed'].filter((status) => !asked(status))
  const all = [...rows.all(listKey(list))].filter(
    ([, row]) => listOf(row, 'tags').includes(name) && !['archived', ...hidden].includes(String(row.status)),
  )
  const page = pageOf(request, all)
  if (page === undefined) return invalid('The resource submitted could not be validated.', 'count')
  return { status: 200, body: { members: page.map(([hash, row]) => whole(row, hash, call)), total_items: all.length } }
}

function editMembers(call: ListCall, name: string): Answer {
  const [add, remove] = [listOf(call.body, 'members_to_add'), listOf(call.body, 'members_to_remove')]
  if (add.length > MOST_EDITED || remove.length > MOST_EDITED)
    return invalid(`You may only change up to ${MOST_EDITED} members at a time.`)
  const edit = (addresses: readonly Json[], isAdded: boolean) => {
    const [done, failed]: [Json[], Json[]] = [[], []]
    for (const address of addresses) {
      const hash = hashOf(String(address))
      const present = presentOf(call, hash)
      const tags = listOf(present, 'tags')
      if (present === undefined || tags.includes(name) === isAdded) failed.push(address)
      else {
        const now = isAdded ? [...tags, name] : tags.filter((one) => one !== name)
        call.rows.put(listKey(call.list), hash, { ...present, tags: now })
        done.push({ id: hash, email_address: address })
      }
    }
    return { done, failed }
  }
  const [added, removed] = [edit(add, true), edit(remove, false)]
  const errors = [
    ...(added.failed.length > 0
      ? [{ email_addresses: added.failed, error: 'Email addresses could not be added.' }]
      : []),
    ...(removed.failed.length > 0
      ? [{ email_addresses: removed.failed, error: 'Email addresses could not be removed.' }]
      : []),
  ]
  const counts = { total_added: added.done.length, total_removed: removed.done.length, error_count: errors.length }
  return { status: 200, body: { members_added: added.done, members_removed: removed.done, errors, ...counts } }
}
