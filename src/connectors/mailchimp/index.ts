import pLimit from 'p-limit'
import { z } from 'zod'
import { secret } from '../../secret.ts'
import { againOf, jsonOf, listOf, receiptOf, textOf, tryJson } from '../answer.ts'
import {
  type Change,
  type Channel,
  DestinationError,
  defineConnector,
  type HttpResponse,
  type Io,
  type Json,
  type LeaveVerb,
  type Limit,
  type Receipt,
} from '../connector.ts'
import { type Api, isOk, memberPath, openApi } from './api.ts'
import { readMembers } from './read.ts'

// Vendor facts, https://mailchimp.com/developer/marketing/docs/fundamentals/ and …/marketing/api/list-members/:
// - At most 500 members a call, 10 simultaneous connections a key (429 above), 120 s a request, no rate headers.
// - `POST /lists/{id}` answers 200 even when every member failed; `errors[]` is keyed by address, in no order.
// - With `update_existing: true` the status that is sent overwrites the contact's, and would subscribe again somebody
//   who had left. So only new contacts go there, with `update_existing: false`; those whom the list already has are
//   written one by one with `PUT …/members/{hash}`, whose `status_if_new` cannot change a status.
// - A contact's hash is the MD5 of the lower-cased address. Merge tags are upper case, at most 10 characters.
// - It can throttle with a 403 that carries no JSON.

const account = z.strictObject({
  api_key: secret('API key; the part after the dash is the data centre.'),
  server: z.string().optional().meta({ description: 'Data centre, such as us6, where the key does not end in it.' }),
})

const into = z.strictObject({
  list: z.string().min(1).meta({ description: 'Audience id, from Audience > Settings.' }),
  status_if_new: z
    .enum(['subscribed', 'pending', 'unsubscribed', 'transactional'])
    .default('subscribed')
    .meta({ description: 'Status of contacts that the list does not have yet; "pending" sends the opt-in mail.' }),
  tags: z.array(z.string().min(1)).default([]).meta({ description: 'Tags given to contacts when they are created.' }),
})

type Account = z.infer<typeof account>
type Into = z.infer<typeof into>

const LEAVES: readonly LeaveVerb[] = [
  verb('add_tag', 'Adds a tag; the contact stays as it is.', 'text'),
  verb('remove_tag', 'Takes a tag away; the contact stays as it is.', 'text'),
  {
    ...verb('archive', 'Archives the contact; it can come back with its history.'),
    stopsContact: true,
    takesAway: true,
  },
  { ...verb('unsubscribe', 'Unsubscribes; only the person can undo it.'), stopsContact: true },
  {
    ...verb('delete', 'Deletes for ever; the address can never be imported again.'),
    stopsContact: true,
    deletes: true,
    takesAway: true,
  },
]

function verb(name: string, description: string, takes: LeaveVerb['takes'] = 'nothing'): LeaveVerb {
  return { verb: name, description, takes, stopsContact: false, deletes: false }
}

/** Two batches with four requests each stay below the ten connections that a key may hold. */
const BATCHES = 2
const REQUESTS_EACH = 4

/** Contacts of one Mailchimp audience, by address. */
export const mailchimp = defineConnector<Account, Into>({
  name: 'mailchimp',
  title: 'Mailchimp audience',
  account,
  into,
  modes: ['upsert', 'update', 'insert', 'mirror'],
  leaves: LEAVES,
  erase: 'permanent',
  settlesWithin: 5 * 60_000,
  delivers: () => 'changes',
  reads: () => true,
  foldsKeys: true,
  limits: () => {
    const limit: Limit = { rows: 500, bytes: 4 * 1024 * 1024, calls: 100, perMs: 1_000, inFlight: BATCHES }
    return { upsert: limit, remove: { ...limit, rows: 100 } }
  },
  fields: () => ({
    known: [{ name: KEY, key: true, required: true, type: 'text', normalise: 'email', description: 'Address.' }],
    open: true,
  }),
  place: (_, into) => `mailchimp list ${into.list}`,
  credential: (account) => account.api_key,
  open: (account, io) => {
    const api = openApi(account, io)
    return {
      check: (into) => check(api, into, io),
      send: async (batch, into) => {
        if (batch.length === 0) return []
        return batch[0]?.op === 'remove' ? remove(api, batch, into) : write(api, batch, into, io.mode)
      },
      read: (keys, into) => readMembers(api, keys, into.list, io),
    } satisfies Channel<Into>
  },
})

const KEY = 'email'
const MERGE_TAG = /^[A-Z][A-Z0-9_]{0,9}$/

async function check(api: Api, into: Into, io: Io): Promise<void> {
  checkNames(io)
  const list = await api.request('GET', `/lists/${encodeURIComponent(into.list)}?fields=id`)
  if (list.status === 404)
    throw new DestinationError('config', 'no_list', `The account has no audience with the id "${into.list}".`)
  if (!isOk(list)) throw api.failure(list)
  const path = `/lists/${encodeURIComponent(into.list)}/merge-fields?count=1000&fields=merge_fields.tag`
  const answer = await api.request('GET', path)
  if (!isOk(answer)) throw api.failure(answer)
  const tags = new Set(listOf(jsonOf(answer), 'merge_fields').map((field) => textOf(field, 'tag')))
  const missing = io.columns.fields.filter((tag) => !tags.has(tag))
  if (missing.length > 0)
    throw new DestinationError(
      'config',
      'no_merge_field',
      `The audience "${into.list}" has no merge field ${missing.map((tag) => `"${tag}"`).join(', ')}.`,
    )
}

function checkNames(io: Io): void {
  if (io.columns.key.length !== 1 || io.columns.key[0] !== KEY)
    throw new DestinationError('config', 'bad_key', `The key must be "${KEY}" alone: Mailchimp knows contacts by it.`)
  const bad = io.columns.fields.find((name) => !MERGE_TAG.test(name))
  if (bad !== undefined)
    throw new DestinationError(
      'config',
      'bad_merge_tag',
      `"${bad}" is not a merge tag: those are upper case and have at most 10 characters.`,
    )
}

async function write(api: Api, batch: readonly Change[], into: Into, mode: Io['mode']): Promise<readonly Receipt[]> {
  const receipts = new Map<Change, Receipt>(twins(batch))
  const fresh = batch.filter((change) => change.op === 'create' && mode !== 'update' && !receipts.has(change))
  if (fresh.length > 0) {
    const added = await addNew(api, fresh, into)
    for (const [change, receipt] of added) if (receipt !== 'exists') receipts.set(change, receipt)
    // An insert leaves alone what is there.
    if (mode === 'insert')
      for (const [change, receipt] of added) if (receipt === 'exists') receipts.set(change, { outcome: 'written' })
  }
  const rest = batch.filter((change) => !receipts.has(change))
  for (const [change, receipt] of await eachApart(rest, receipts.size > 0, (one) => put(api, one, into, mode)))
    receipts.set(change, receipt)
  return batch.map((change) => receipts.get(change) ?? missing())
}

/** All but the first of several changes whose addresses differ in case only: for Mailchimp they are one contact. */
function twins(batch: readonly Change[]): [Change, Receipt][] {
  const seen = new Set<string>()
  return batch.flatMap((change): [Change, Receipt][] => {
    const email = emailOf(change)
    if (email === '') return [[change, refused('no_email', 'The address is empty.')]]
    if (seen.has(email)) return [[change, refused('same_contact', 'Another row has the same address.')]]
    seen.add(email)
    return []
  })
}

/** One call for contacts that we never sent; `exists` marks those whom the list already has. */
async function addNew(api: Api, batch: readonly Change[], into: Into): Promise<Map<Change, Receipt | 'exists'>> {
  const path = `/lists/${encodeURIComponent(into.list)}?skip_merge_validation=false&skip_duplicate_check=false`
  const answer = await api.request('POST', path, bodyOf(batch, into))
  if (!isOk(answer)) throw listFailure(api, answer, into)
  return receiptsFrom(jsonOf(answer), batch, api)
}

/** The body of `POST /lists/{id}`. */
export function bodyOf(batch: readonly Change[], into: Into): Json {
  return {
    update_existing: false,
    sync_tags: false,
    members: batch.map((change) => ({
      email_address: addressOf(change),
      status: into.status_if_new,
      merge_fields: mergeFields(change),
      ...(into.tags.length > 0 && { tags: into.tags }),
    })),
  }
}

/** Receipts by lower-cased address: the answer keeps no order. A contact of whom it says nothing may be there. */
export function receiptsFrom(
  answer: Json,
  batch: readonly Change[],
  api: Pick<Api, 'cleaned'>,
): Map<Change, Receipt | 'exists'> {
  const byEmail = new Map<string, Receipt | 'exists'>()
  for (const one of [...listOf(answer, 'new_members'), ...listOf(answer, 'updated_members')])
    byEmail.set(textOf(one, 'email_address').toLowerCase(), writtenAs(one))
  for (const one of listOf(answer, 'errors'))
    byEmail.set(textOf(one, 'email_address').toLowerCase(), errorReceipt(one, api))
  return new Map(batch.map((change) => [change, byEmail.get(emailOf(change)) ?? missing()]))
}

function errorReceipt(error: Json, api: Pick<Api, 'cleaned'>): Receipt | 'exists' {
  const code = textOf(error, 'error_code') || 'ERROR_GENERIC'
  if (code === 'ERROR_CONTACT_EXISTS') return 'exists'
  const message = [textOf(error, 'error'), textOf(error, 'field_message')].filter(Boolean).join(' ')
  // Mailchimp gives this state no code of its own in batches.
  const kind = /compliance state|permanently deleted|forgotten email/i.test(message) ? 'compliance' : 'row'
  return { outcome: 'refused', kind, code, message: api.cleaned(message) }
}

async function put(api: Api, change: Change, into: Into, mode: Io['mode']): Promise<Receipt> {
  const body = { email_address: addressOf(change), merge_fields: mergeFields(change) }
  // A contact that exists may lack a required field that this change does not speak of.
  const path = `${memberPath(into.list, addressOf(change))}?skip_merge_validation=true`
  const answer =
    mode === 'update'
      ? await api.request('PATCH', path, body)
      : await api.request('PUT', path, { ...body, status_if_new: into.status_if_new })
  // PUT makes the contact where it is missing, so only the audience can be what was not found.
  if (answer.status === 404 && mode !== 'update') throw listFailure(api, answer, into)
  if (!isOk(answer)) return singleReceipt(api, answer, into)
  if (change.op === 'create' && into.tags.length > 0 && mode !== 'update') {
    const tagged = await tag(api, change, into, into.tags, 'active')
    if (tagged.outcome !== 'written') return tagged
  }
  return writtenAs(jsonOf(answer))
}

async function remove(api: Api, batch: readonly Change[], into: Into): Promise<readonly Receipt[]> {
  const receipts = await eachApart(batch, false, (change) => leave(api, change, into))
  return batch.map((change) => receipts.get(change) ?? missing())
}

async function leave(api: Api, change: Change, into: Into): Promise<Receipt> {
  const path = memberPath(into.list, addressOf(change))
  const argument = change.leave?.argument
  switch (change.leave?.verb) {
    case 'add_tag':
      return gone(await tag(api, change, into, argument === undefined ? [] : [argument], 'active'))
    case 'remove_tag':
      return gone(await tag(api, change, into, argument === undefined ? [] : [argument], 'inactive'))
    case 'archive':
      return left(api, await api.request('DELETE', path), into, [404, 405])
    case 'unsubscribe':
      return left(api, await api.request('PATCH', path, { status: 'unsubscribed' }), into, [404])
    case 'delete':
      return left(api, await api.request('POST', `${path}/actions/delete-permanent`), into, [404])
    default:
      throw new DestinationError('config', 'bad_leave', `Mailchimp cannot "${change.leave?.verb ?? ''}" a contact.`)
  }
}

async function tag(
  api: Api,
  change: Change,
  into: Into,
  names: readonly string[],
  status: 'active' | 'inactive',
): Promise<Receipt> {
  // is_syncing keeps automations that a tag would start from starting.
  const body = { tags: names.map((name) => ({ name, status })), is_syncing: true }
  const answer = await api.request('POST', `${memberPath(into.list, addressOf(change))}/tags`, body)
  return isOk(answer) ? { outcome: 'written' } : singleReceipt(api, answer, into)
}

/** A contact that is not there has left already. */
function gone(receipt: Receipt): Receipt {
  return receipt.outcome === 'refused' && receipt.code === NOT_FOUND ? { outcome: 'written' } : receipt
}

function left(api: Api, answer: HttpResponse, into: Into, done: readonly number[]): Receipt {
  if (isOk(answer) || done.includes(answer.status)) return { outcome: 'written' }
  return singleReceipt(api, answer, into)
}

const NOT_FOUND = 'not_found'

/** What an answer other than 2xx means for one contact; throws what concerns more than that contact. */
function singleReceipt(api: Api, answer: HttpResponse, into: Into): Receipt {
  const problem = tryJson(answer.body)
  const title = textOf(problem, 'title')
  if (answer.status === 404) return refused(NOT_FOUND, `The audience "${into.list}" has no such contact.`)
  if (answer.status !== 400) throw api.failure(answer)
  const fields = listOf(problem, 'errors').map((one) => `${textOf(one, 'field')} ${textOf(one, 'message')}`)
  const message = api.cleaned([textOf(problem, 'detail'), ...fields].filter(Boolean).join(' '))
  const blocked = title === 'Member In Compliance State' || title === 'Forgotten Email Not Subscribed'
  const code = title === '' ? 'http_400' : title.toLowerCase().replaceAll(/[^a-z]+/g, '_')
  return { outcome: 'refused', kind: blocked ? 'compliance' : 'row', code, message }
}

/**
 * Writes changes one request each. After an error that concerns them all nothing more is sent: it is thrown if no row
 * was settled, else the rest comes again, and the next batch meets the error at its start.
 */
async function eachApart(
  batch: readonly Change[],
  settled: boolean,
  act: (change: Change) => Promise<Receipt>,
): Promise<Map<Change, Receipt>> {
  const limit = pLimit(REQUESTS_EACH)
  const receipts = new Map<Change, Receipt>()
  let stop: DestinationError | undefined
  const one = async (change: Change) => {
    if (stop) return
    try {
      receipts.set(change, await act(change))
    } catch (error) {
      if (!(error instanceof DestinationError)) throw error
      if (error.kind !== 'batch') stop ??= error
      if (error.kind === 'batch' || error.applied === 'maybe') receipts.set(change, receiptOf(error))
    }
  }
  await Promise.all(batch.map((change) => limit(one, change)))
  if (stop && !settled && receipts.size === 0) throw stop
  const rest = stop && againOf(stop, 'no')
  if (rest) for (const change of batch) if (!receipts.has(change)) receipts.set(change, rest)
  return receipts
}

function listFailure(api: Api, answer: HttpResponse, into: Into): DestinationError {
  if (answer.status === 404)
    return new DestinationError('config', 'no_list', `The account has no audience with the id "${into.list}".`)
  return api.failure(answer)
}

function mergeFields(change: Change): { readonly [tag: string]: Json } {
  // An empty text clears a merge field; null is refused. Booleans have no merge field type of their own.
  return Object.fromEntries(
    Object.entries(change.fields).map(([tag, value]) => [
      tag,
      value === null ? '' : typeof value === 'boolean' ? String(value) : value,
    ]),
  )
}

function addressOf(change: Change): string {
  const value = change.key[KEY]
  return typeof value === 'string' ? value.trim() : ''
}

function emailOf(change: Change): string {
  return addressOf(change).toLowerCase()
}

function writtenAs(one: Json): Receipt {
  const id = textOf(one, 'id')
  return id === '' ? { outcome: 'written' } : { outcome: 'written', id }
}

function refused(code: string, message: string): Receipt {
  return { outcome: 'refused', kind: 'row', code, message }
}

function missing(): Receipt {
  return { outcome: 'again', code: 'no_result', applied: 'maybe' }
}
