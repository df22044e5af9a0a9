import { listOf, member, textOf } from '../answer.ts'
import type { Json } from '../connector.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import type { Row } from '../sandbox/store.ts'
import { fieldsError, isMergeValue, type Wrong } from './emulator-fields.ts'
import {
  hashOf,
  invalid,
  type ListCall,
  listKey,
  notAllowed,
  notFound,
  pageOf,
  presentOf,
  problem,
  shown,
  whole,
} from './emulator-parts.ts'

const MOST_MEMBERS = 500

/** A page of those who are not archived. */
export function members(call: ListCall): Answer {
  const { request, rows, list } = call
  const all = [...rows.all(listKey(list))].filter(([, row]) => row.status !== 'archived')
  const page = pageOf(request, all)
  if (page === undefined) return invalid('The resource submitted could not be validated.', 'count')
  const shownAs = page.map(([hash, row]) => whole(row, hash, call))
  return { status: 200, body: { members: shownAs, list_id: list, total_items: all.length } }
}

/** What is asked of one contact. */
export function contact(call: ListCall, hash: string, act: string): Answer {
  const found = call.rows.get(listKey(call.list), hash)
  const present = presentOf(call, hash)
  switch (act) {
    case 'GET ':
      return found ? { status: 200, body: whole(found, hash, call) } : notFound()
    case 'PUT ':
      return put(call, hash, found)
    case 'PATCH ':
      return found ? change(call, hash, found) : notFound()
    case 'DELETE ':
      if (!found) return notFound()
      if (!present || STUCK.has(String(present.status)))
        return notAllowed(
          'This list member cannot be removed. Can not archive a contact that is bounced, pending or archived',
        )
      call.rows.put(listKey(call.list), hash, { ...found, status: 'archived', status_before: found.status ?? null })
      return { status: 204 }
    case 'POST /tags':
      return present ? tag(call, hash, present) : notFound()
    case 'POST /actions/delete-permanent':
      if (!found) return notFound()
      call.rows.drop(listKey(call.list), hash)
      call.rows.put(`forgotten ${call.list}`, hash, {})
      return { status: 204 }
    default:
      return notAllowed()
  }
}

/** Statuses of contacts that cannot be archived. */
const STUCK = new Set(['pending', 'cleaned'])

/** `POST /lists/{id}`: every member for itself, 200 whatever became of them. */
export function batch(call: ListCall): Answer {
  const members = listOf(call.body, 'members')
  if (members.length === 0) return invalid('Your request did not include an array of members.')
  if (members.length > MOST_MEMBERS) return invalid(`You may only batch up to ${MOST_MEMBERS} members at a time.`)
  const update = member(call.body, 'update_existing') === true
  const unread = members.flatMap(unreadable)
  if (unread.length > 0)
    return problem(400, 'Invalid Resource', 'The resource submitted could not be validated.', unread)
  const created: Json[] = []
  const updated: Json[] = []
  const errors: Json[] = []
  const seen = new Set<string>()
  for (const one of members) {
    const email = textOf(one, 'email_address')
    const hash = hashOf(email)
    const wrong = seen.has(hash)
      ? batchError('Duplicate address in this request.')
      : memberError(call, one, hash, update)
    seen.add(hash)
    if (wrong) errors.push({ email_address: email, ...wrong })
    else {
      const before = presentOf(call, hash)
      const row = save(call, hash, one, textOf(one, 'status'))
      ;(before ? updated : created).push(shown(row, hash, call.list))
    }
  }
  const counts = { total_created: created.length, total_updated: updated.length, error_count: errors.length }
  const isTold = (one: Json) => call.options.leavesOut?.has(textOf(one, 'email_address').toLowerCase()) !== true
  // Not in the order of the request, which nobody promises.
  const [new_members, updated_members] = [created, updated].map((all) => all.filter(isTold).reverse())
  return { status: 200, body: { new_members, updated_members, errors: errors.reverse(), ...counts } as Json }
}

/** What does not even have the form of a member: then nothing of the request is done. */
function unreadable(one: Json, at: number): readonly Json[] {
  const values = Object.entries((member(one, 'merge_fields') ?? {}) as Row)
  const wrong = values.filter(([, value]) => !isMergeValue(value)).map(([tag]) => `merge_fields.${tag}`)
  const fields = STATUSES.has(textOf(one, 'status')) ? wrong : ['status', ...wrong]
  const message = 'Data presented is not one of the accepted values.'
  return fields.map((field) => ({ field: `members.item:${at}.${field}`, message }))
}

const STATUSES = new Set(['subscribed', 'unsubscribed', 'cleaned', 'pending', 'transactional'])

function memberError(call: ListCall, one: Json, hash: string, update: boolean): Record<string, Json> | undefined {
  const before = call.rows.get(listKey(call.list), hash)
  const stopped = complianceOf(call, hash)
  if (stopped) return batchError(stopped.detail)
  const email = textOf(one, 'email_address')
  const wrong = contentError(call, one, before === undefined) ?? busy(call, email, hash)
  if (wrong) return batchError(wrong.message, wrong.field)
  // Alone, with somebody's consent, such an address is taken.
  if (before === undefined && ROLE.test(email)) return batchError(fakeText(email), 'email_address')
  if (before && before.status !== 'archived' && !update)
    return {
      ...batchError(`${email} is already a list member. Use PUT to insert or update list members.`),
      error_code: 'ERROR_CONTACT_EXISTS',
    }
  return undefined
}

/** Of somebody who joins one audience after the other, it is not believed that they do it themselves. */
function busy({ rows, options, list }: ListCall, email: string, hash: string): Wrong | undefined {
  const others = [...options.lists.keys()].filter((one) => one !== list && rows.get(listKey(one), hash))
  if (others.length < (options.mostAudiences ?? Number.POSITIVE_INFINITY)) return undefined
  const message = `${email} has signed up to a lot of lists very recently; we're not allowing more signups for now`
  return { field: '', message }
}

function batchError(error: string, field = ''): Record<string, Json> {
  return { error, error_code: 'ERROR_GENERIC', field, field_message: field === '' ? '' : error }
}

/** Why Mailchimp will not take the address back, where it will not. */
function complianceOf(call: ListCall, hash: string): { readonly title: string; readonly detail: string } | undefined {
  if (call.rows.get(`forgotten ${call.list}`, hash))
    return {
      title: 'Forgotten Email Not Subscribed',
      detail: 'This address was permanently deleted and cannot be re-imported. The contact must re-subscribe.',
    }
  const before = call.rows.get(listKey(call.list), hash)
  if (before?.status === 'archived' && STOPPED.has(String(before.status_before)))
    return {
      title: 'Member In Compliance State',
      detail:
        'This address is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed.',
    }
  return undefined
}

/** Statuses from which only the person comes back. */
const STOPPED = new Set(['unsubscribed', 'cleaned'])

function contentError(call: ListCall, one: Json, isNew: boolean): Wrong | undefined {
  const email = textOf(one, 'email_address')
  if (!EMAIL.test(email)) return { field: 'email_address', message: 'Please provide a valid email address.' }
  if (FAKE.test(email)) return { field: 'email_address', message: fakeText(email) }
  const unknown = Object.keys((member(one, 'interests') ?? {}) as Row).find((id) => !call.options.interests?.[id])
  if (unknown !== undefined) return { field: 'interests', message: 'The interest does not exist.' }
  const needsAll = isNew && call.request.query.get('skip_merge_validation') !== 'true'
  return fieldsError(call.known, (member(one, 'merge_fields') ?? {}) as Row, needsAll)
}

function fakeText(email: string): string {
  return `${email} looks fake or invalid, please enter a real email address.`
}

const EMAIL = /^[^\s@<>(),;:"]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/
const FAKE = /@example\.(com|net|org)$/i

/** Some of the addresses of an office that no import takes (https://mailchimp.com/help/limits-on-role-based-addresses/). */
const ROLE = /^(abuse|admin|billing|noc|postmaster|root|security|spam|support|webmaster)@/i

function put(call: ListCall, hash: string, found: Row | undefined): Answer {
  const email = textOf(call.body, 'email_address')
  if (hashOf(email) !== hash) return invalid('The address does not belong to this member.')
  const stopped = complianceOf(call, hash)
  if (stopped) return problem(400, stopped.title, stopped.detail)
  if (found) return change(call, hash, found)
  const status = textOf(call.body, 'status_if_new')
  if (!STATUSES.has(status))
    return invalid('The resource submitted could not be validated.', 'status_if_new', 'Required.')
  const wrong = contentError(call, call.body, true) ?? busy(call, email, hash)
  if (wrong) return refusal(wrong)
  return { status: 200, body: shown(save(call, hash, call.body, status), hash, call.list) }
}

function refusal({ field, message }: Wrong): Answer {
  if (field === 'email_address' || field === '') return invalid(message)
  return invalid('Your merge fields were invalid.', field, message)
}

/** Without a status the contact keeps its own: an archived one stays archived. */
function change(call: ListCall, hash: string, present: Row): Answer {
  const status = textOf(call.body, 'status')
  const was = String(present.status === 'archived' ? present.status_before : present.status)
  if (status === 'subscribed' && STOPPED.has(was))
    return problem(400, 'Member In Compliance State', 'This address is in a compliance state and cannot be subscribed.')
  const asked = { email_address: present.email_address ?? '', ...(call.body as Row) }
  const wrong = contentError(call, asked, false)
  if (wrong) return refusal(wrong)
  const row = save(call, hash, asked, status === '' ? String(present.status) : status)
  return { status: 200, body: shown(row, hash, call.list) }
}

function tag(call: ListCall, hash: string, present: Row): Answer {
  const tags = new Set(listOf(present, 'tags'))
  for (const one of listOf(call.body, 'tags')) {
    if (textOf(one, 'name') === '') return invalid('The resource submitted could not be validated.', 'tags', 'No name.')
    if (textOf(one, 'status') === 'inactive') tags.delete(textOf(one, 'name'))
    else tags.add(textOf(one, 'name'))
  }
  call.rows.put(listKey(call.list), hash, { ...present, tags: [...tags] })
  return { status: 204 }
}

/** Properties of a contact that stand beside its merge fields. */
const BESIDE = ['language', 'ip_signup', 'timestamp_signup', 'ip_opt', 'timestamp_opt']

/** Fields that are not named stay as they are; tags are given to new members only. */
function save(call: ListCall, hash: string, asked: Json, status: string): Row {
  const before = call.rows.get(listKey(call.list), hash)
  const merged = (name: string, given: Json) => ({ ...((before?.[name] ?? {}) as Row), ...(given as Row) })
  const beside = Object.fromEntries(
    BESIDE.flatMap((name) => (textOf(asked, name) ? [[name, textOf(asked, name)]] : [])),
  )
  const permissions = Object.fromEntries(
    listOf(asked, 'marketing_permissions').map((one) => [
      textOf(one, 'marketing_permission_id'),
      member(one, 'enabled') ?? false,
    ]),
  )
  const parts: Row = {
    interests: merged('interests', member(asked, 'interests') ?? {}),
    permissions: merged('permissions', permissions),
    contact: merged('contact', beside),
  }
  const row: Row = {
    email_address: textOf(asked, 'email_address'),
    status,
    ...(status === 'archived' && { status_before: before?.status_before ?? null }),
    merge_fields: merged('merge_fields', knownOf(call, member(asked, 'merge_fields'))),
    tags: before ? listOf(before, 'tags') : listOf(asked, 'tags'),
    // What nobody ever spoke of is left out.
    ...Object.fromEntries(Object.entries(parts).filter(([, value]) => Object.keys(value as Row).length > 0)),
  }
  call.rows.put(listKey(call.list), hash, row)
  return row
}

/** Values for tags that the audience does not have are dropped without a word. */
function knownOf({ known }: ListCall, given: Json | undefined): Row {
  const values = Object.entries((given ?? {}) as Row)
  return Object.fromEntries(values.filter(([name]) => known.some(({ tag }) => tag === name)))
}
