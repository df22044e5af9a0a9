import { createHash } from 'node:crypto'
import { listOf, member, textOf, tryJson } from '../answer.ts'
import type { Json } from '../connector.ts'
import type { Vendor } from '../sandbox/emulator.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { Stand } from '../sandbox/stand.ts'
import type { Row, Rows } from '../sandbox/store.ts'

export interface MailchimpOptions {
  readonly apiKey: string
  /** Audiences by id, with their merge fields. */
  readonly lists: ReadonlyMap<string, readonly MergeField[]>
}

export interface MergeField {
  readonly tag: string
  readonly required?: boolean
}

const MOST_MEMBERS = 500
const MOST_AT_ONCE = 10
const LONGEST_TEXT = 255

/** A Mailchimp account: members with statuses, merge fields and tags, and the errors that Mailchimp answers. */
export function mailchimpVendor(options: MailchimpOptions): Vendor {
  return {
    answer: (request, rows) => {
      if (request.atOnce > MOST_AT_ONCE)
        return problem(
          429,
          'Too Many Requests',
          `You have exceeded the limit of ${MOST_AT_ONCE} simultaneous connections.`,
        )
      if (!isAuthorised(request, options.apiKey))
        return problem(
          401,
          'API Key Invalid',
          "Your API key may be invalid, or you've attempted to access the wrong datacenter.",
        )
      const body = request.body === '' ? {} : tryJson(request.body)
      if (body === undefined)
        return problem(400, 'JSON Parse Error', 'We encountered an unspecified JSON parsing error.')
      return route({ request, body, rows, options })
    },
    writes: (request) => request.method !== 'GET',
    contents: (rows) =>
      rows
        .collections()
        .filter((name) => name.startsWith('list '))
        .map((place) => ({ place, rows: [...rows.all(place)].map(([, row]) => row) })),
  }
}

interface Call {
  readonly request: Seen
  readonly body: Json
  readonly rows: Rows
  readonly options: MailchimpOptions
}

/** A call about one audience that exists. */
interface ListCall extends Call {
  readonly list: string
  readonly known: readonly MergeField[]
}

function isAuthorised(request: Seen, key: string): boolean {
  const [kind = '', value = ''] = (request.headers.authorization ?? '').split(' ')
  if (kind === 'Bearer') return value === key
  return kind === 'Basic' && Buffer.from(value, 'base64').toString('utf8').split(':').slice(1).join(':') === key
}

function route(call: Call): Answer {
  const { method, path } = call.request
  if (method === 'GET' && path === '/3.0/ping') return { status: 200, body: { health_status: "Everything's Chimpy!" } }
  const [, list, rest = ''] = /^\/3\.0\/lists\/([^/]+)(\/.*)?$/.exec(path) ?? []
  const known = list === undefined ? undefined : call.options.lists.get(list)
  if (list === undefined || known === undefined) return notFound()
  const here: ListCall = { ...call, list, known }
  if (rest === '' && method === 'GET') return { status: 200, body: { id: list, name: list } }
  if (rest === '' && method === 'POST') return batch(here)
  if (rest === '/merge-fields' && method === 'GET')
    return { status: 200, body: { merge_fields: known.map(({ tag }) => ({ tag })), total_items: known.length } }
  if (rest === '/members' && method === 'GET') return members(here)
  const [, hash, act = ''] = /^\/members\/([0-9a-f]{32})(\/.*)?$/.exec(rest) ?? []
  if (hash === undefined) return notFound()
  return memberRoute(here, hash, `${method} ${act}`)
}

/** A page of those who are not archived: `count` members (10 unless told, at most 1,000) from `offset` on. */
function members({ request, rows, list, known }: ListCall): Answer {
  const count = Number(request.query.get('count') ?? 10)
  const offset = Number(request.query.get('offset') ?? 0)
  if (!(count <= MOST_PAGE && offset >= 0)) return invalid('The resource submitted could not be validated.', 'count')
  const all = [...rows.all(listKey(list))].filter(([, row]) => row.status !== 'archived')
  const page = all.slice(offset, offset + count).map(([hash, row]) => whole(row, hash, list, known))
  return { status: 200, body: { members: page, list_id: list, total_items: all.length } }
}

const MOST_PAGE = 1_000

/** A contact as a look-up shows it: with every merge field of the audience, empty text for those without a value. */
function whole(row: Row, hash: string, list: string, known: readonly MergeField[]): Json {
  const values = (row.merge_fields ?? {}) as Row
  const fields = Object.fromEntries(known.map(({ tag }) => [tag, values[tag] ?? '']))
  return { ...(shown(row, hash, list) as Row), merge_fields: fields }
}

function memberRoute(call: ListCall, hash: string, act: string): Answer {
  const found = call.rows.get(listKey(call.list), hash)
  const present = found !== undefined && found.status !== 'archived' ? found : undefined
  switch (act) {
    case 'GET ':
      return found ? { status: 200, body: whole(found, hash, call.list, call.known) } : notFound()
    case 'PUT ':
      return put(call, hash, present)
    case 'PATCH ':
      return present ? change(call, hash, present) : notFound()
    case 'DELETE ':
      if (!found) return notFound()
      if (!present) return problem(405, 'Method Not Allowed', 'This list member cannot be removed.')
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
      return problem(405, 'Method Not Allowed', 'The requested method and resource are not compatible.')
  }
}

/** `POST /lists/{id}`: every member for itself, 200 whatever became of them. */
function batch(call: ListCall): Answer {
  const members = listOf(call.body, 'members')
  if (members.length === 0) return invalid('Your request did not include an array of members.')
  if (members.length > MOST_MEMBERS) return invalid(`You may only batch up to ${MOST_MEMBERS} members at a time.`)
  const update = member(call.body, 'update_existing') === true
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
      const before = call.rows.get(listKey(call.list), hash)
      const row = save(call, hash, one, textOf(one, 'status'))
      ;(before && before.status !== 'archived' ? updated : created).push(shown(row, hash, call.list))
    }
  }
  const counts = { total_created: created.length, total_updated: updated.length, error_count: errors.length }
  return { status: 200, body: { new_members: created, updated_members: updated, errors, ...counts } }
}

function memberError(call: ListCall, one: Json, hash: string, update: boolean): Record<string, Json> | undefined {
  const before = call.rows.get(listKey(call.list), hash)
  if (!STATUSES.has(textOf(one, 'status')))
    return batchError('The resource submitted could not be validated.', 'status')
  const stopped = complianceOf(call, hash)
  if (stopped) return batchError(stopped.detail)
  const wrong = contentError(call, one, before === undefined)
  if (wrong) return batchError(wrong.message, wrong.field)
  if (before && before.status !== 'archived' && !update)
    return {
      ...batchError(
        `${textOf(one, 'email_address')} is already a list member. Use PUT to insert or update list members.`,
      ),
      error_code: 'ERROR_CONTACT_EXISTS',
    }
  return undefined
}

const STATUSES = new Set(['subscribed', 'unsubscribed', 'cleaned', 'pending', 'transactional'])

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
  if (before?.status === 'archived' && before.status_before === 'unsubscribed')
    return {
      title: 'Member In Compliance State',
      detail:
        'This address is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed.',
    }
  return undefined
}

function contentError(call: ListCall, one: Json, isNew: boolean): { field: string; message: string } | undefined {
  if (!EMAIL.test(textOf(one, 'email_address')))
    return { field: 'email_address', message: 'Please provide a valid email address.' }
  const fields = member(one, 'merge_fields') ?? {}
  const tags = new Set(call.known.map((field) => field.tag))
  for (const [name, value] of Object.entries(fields as Row)) {
    if (!tags.has(name)) return { field: name, message: 'The audience has no such merge field.' }
    if (typeof value !== 'string' && typeof value !== 'number')
      return { field: name, message: 'Schema describes string, another type found instead.' }
    if (String(value).length > LONGEST_TEXT) return { field: name, message: 'The value is too long.' }
  }
  const needed = isNew && call.request.query.get('skip_merge_validation') !== 'true'
  const absent = call.known.find((field) => field.required === true && textOf(fields, field.tag) === '')
  return needed && absent ? { field: absent.tag, message: 'This field should not be blank.' } : undefined
}

const EMAIL = /^[^\s@<>(),;:"]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/

function put(call: ListCall, hash: string, present: Row | undefined): Answer {
  if (hashOf(textOf(call.body, 'email_address')) !== hash) return invalid('The address does not belong to this member.')
  if (present) return change(call, hash, present)
  const stopped = complianceOf(call, hash)
  if (stopped) return problem(400, stopped.title, stopped.detail)
  const status = textOf(call.body, 'status_if_new')
  if (!STATUSES.has(status))
    return invalid('The resource submitted could not be validated.', 'status_if_new', 'Required.')
  const wrong = contentError(call, call.body, true)
  if (wrong) return invalid('Your merge fields were invalid.', wrong.field, wrong.message)
  return { status: 200, body: shown(save(call, hash, call.body, status), hash, call.list) }
}

function change(call: ListCall, hash: string, present: Row): Answer {
  const status = textOf(call.body, 'status')
  if (status === 'subscribed' && present.status !== 'subscribed' && present.status !== 'pending')
    return problem(400, 'Member In Compliance State', 'This address is in a compliance state and cannot be subscribed.')
  const asked = { email_address: present.email_address ?? '', ...(call.body as Row) }
  const wrong = contentError(call, asked, false)
  if (wrong) return invalid('Your merge fields were invalid.', wrong.field, wrong.message)
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

/** Fields that are not named stay as they are; tags are given to new members only. */
function save(call: ListCall, hash: string, asked: Json, status: string): Row {
  const before = call.rows.get(listKey(call.list), hash)
  const row: Row = {
    email_address: textOf(asked, 'email_address'),
    status,
    merge_fields: { ...((before?.merge_fields ?? {}) as Row), ...((member(asked, 'merge_fields') ?? {}) as Row) },
    tags: before ? listOf(before, 'tags') : listOf(asked, 'tags'),
  }
  call.rows.put(listKey(call.list), hash, row)
  return row
}

function shown(row: Row, hash: string, list: string): Json {
  const tags = listOf(row, 'tags').map((name) => ({ name }))
  return { id: hash, email_address: row.email_address ?? '', status: row.status ?? '', list_id: list, tags }
}

function listKey(list: string): string {
  return `list ${list}`
}

function hashOf(email: string): string {
  return createHash('md5').update(email.toLowerCase()).digest('hex')
}

function notFound(): Answer {
  return problem(404, 'Resource Not Found', 'The requested resource could not be found.')
}

function invalid(detail: string, field?: string, message = ''): Answer {
  return problem(400, 'Invalid Resource', detail, field === undefined ? [] : [{ field, message }])
}

function problem(status: number, title: string, detail: string, errors: readonly Json[] = []): Answer {
  const type = 'https://mailchimp.com/developer/marketing/docs/errors/'
  return { status, body: { type, title, status, detail, instance: '00000000-0000-0000-0000-000000000000', errors } }
}

/** What stands in for one account. */
export function mailchimpStand(opened: unknown): Stand {
  const account = opened as { readonly api_key: string }
  return {
    identity: `mailchimp ${account.api_key}`,
    isHost: (url) => url.hostname.endsWith('.api.mailchimp.com'),
    claims: (request) => request.headers?.authorization === `Bearer ${account.api_key}`,
    vendor: (places) => {
      const lists = new Map<string, { tag: string }[]>()
      for (const { into, columns } of places) {
        const { list } = into as { readonly list: string }
        const fields = lists.get(list) ?? []
        lists.set(list, [...fields, ...columns.fields.map((tag) => ({ tag }))])
      }
      return mailchimpVendor({ apiKey: account.api_key, lists })
    },
  }
}
