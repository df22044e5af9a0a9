import { againOf, jsonOf, listOf, textOf } from '../answer.ts'
import { type TwinWords, twins } from '../apart.ts'
import { type Change, DestinationError, type Json, type Receipt } from '../connector.ts'
import { type Api, isOk, listFailure, listPath, memberPath } from './api.ts'
import { addressOf, type Content, contentOf, emailOf, tagsOf } from './contact.ts'
import type { Desk } from './memory.ts'
import { eachApart, missing, receiptsFrom, refused, singleReceipt, writtenAs } from './receipts.ts'
import { editSegment, isInSegment } from './segment.ts'

/** A batch on its way. */
interface Writing extends Content {
  /** Gets those of whom an answer said that they are in the segment already. */
  readonly members: Set<Change>
}

/** Writes creates and updates: what the list must have first, then the contacts, then who belongs to the segment. */
export async function write(desk: Desk, batch: readonly Change[], mode: Content['mode']): Promise<readonly Receipt[]> {
  const { memory, into } = desk
  const segment = into.segment === undefined ? undefined : await memory.segment(into)
  const content = { into, mode, groups: await memory.groups(into), fields: await memory.fields(into, batch) }
  const members = new Set<Change>()
  const receipts = await writeContacts(desk, batch, { ...content, members })
  if (segment !== undefined) await joinSegment(desk, receipts, { id: segment, members })
  return batch.map((change) => receipts.get(change) ?? missing())
}

async function writeContacts(desk: Desk, batch: readonly Change[], content: Writing): Promise<Map<Change, Receipt>> {
  const { into, mode } = content
  const receipts = new Map<Change, Receipt>(twins(batch, emailOf, TWINS))
  const fresh = batch.filter((change) => change.op === 'create' && mode !== 'update' && !receipts.has(change))
  const present = new Set<Change>()
  if (fresh.length > 0)
    for (const [change, receipt] of await addNew(desk.api, fresh, content)) {
      if (receipt !== 'exists') receipts.set(change, receipt)
      // An insert leaves alone what is there.
      else if (mode === 'insert' && into.tag === undefined) receipts.set(change, { outcome: 'written' })
      else present.add(change)
    }
  const rest = batch.filter((change) => !receipts.has(change))
  const one = (change: Change) =>
    mode === 'insert' && present.has(change) ? mark(desk, change, [into.tag ?? '']) : put(desk, change, content)
  for (const [change, receipt] of await eachApart(rest, receipts.size > 0, one)) receipts.set(change, receipt)
  return receipts
}

/** Addresses that differ in case only are one contact for Mailchimp. */
const TWINS: TwinWords = {
  nameless: { code: 'no_email', message: 'The address is empty.' },
  twin: { code: 'same_contact', message: 'Another row has the same address.' },
}

/** One call for contacts that we never sent; `exists` marks those whom the list already has. */
async function addNew(api: Api, batch: readonly Change[], content: Content): Promise<Map<Change, Receipt | 'exists'>> {
  const path = `${listPath(content.into.list)}?skip_merge_validation=false&skip_duplicate_check=false`
  const answer = await api.request('POST', path, bodyOf(batch, content))
  if (!isOk(answer)) throw listFailure(api, answer, content.into.list)
  return receiptsFrom(jsonOf(answer), batch, api)
}

/** The body of `POST /lists/{id}`. */
export function bodyOf(batch: readonly Change[], content: Content): Json {
  const tags = tagsOf('create', content.into)
  return {
    update_existing: false,
    sync_tags: false,
    members: batch.map((change) => ({
      email_address: addressOf(change),
      status: content.into.status_if_new,
      ...contentOf(change, content, true),
      ...(tags.length > 0 && { tags }),
    })),
  }
}

async function put(desk: Desk, change: Change, content: Writing): Promise<Receipt> {
  const { api, into } = desk
  const isUpdate = content.mode === 'update'
  const body = { email_address: addressOf(change), ...contentOf(change, content, false) }
  // A contact that exists may lack a required field that this change does not speak of.
  const path = `${memberPath(into.list, addressOf(change))}?skip_merge_validation=true`
  const answer = isUpdate
    ? await api.request('PATCH', path, body)
    : await api.request('PUT', path, { ...body, status_if_new: into.status_if_new })
  // PUT makes the contact where it is missing, so only the audience can be what was not found.
  if (answer.status === 404 && !isUpdate) throw listFailure(api, answer, into.list)
  if (!isOk(answer)) return singleReceipt(desk, answer)
  const held = jsonOf(answer)
  if (textOf(held, 'status') === 'archived') return ARCHIVED
  const tags = new Set(listOf(held, 'tags').map((one) => textOf(one, 'name')))
  if (into.segment !== undefined && tags.has(into.segment)) content.members.add(change)
  // Usually the contact has its tags still, and the call is spared.
  const lost = tagsOf(change.op, into).filter((name) => !tags.has(name))
  const marked = await mark(desk, change, lost)
  return marked.outcome === 'written' ? writtenAs(held) : marked
}

// Neither verb brings an archived contact back, and what it was before being archived cannot be seen: it may have
// unsubscribed (https://github.com/mailchimp/mc-woocommerce/issues/951).
const ARCHIVED = refused('archived', 'Somebody has archived the contact at Mailchimp: it is not taken back.')

async function mark(desk: Desk, change: Change, names: readonly string[]): Promise<Receipt> {
  return names.length === 0 ? { outcome: 'written' } : tag(desk, change, names, 'active')
}

/** Gives tags to a contact, or takes them away. */
export async function tag(
  desk: Desk,
  change: Change,
  names: readonly string[],
  status: 'active' | 'inactive',
): Promise<Receipt> {
  // is_syncing keeps automations that a tag would start from starting.
  const body = { tags: names.map((name) => ({ name, status })), is_syncing: true }
  const answer = await desk.api.request('POST', `${memberPath(desk.into.list, addressOf(change))}/tags`, body)
  return isOk(answer) ? { outcome: 'written' } : singleReceipt(desk, answer)
}

/** Puts those who were written into the segment, as others may have taken them out. Who is not there then is refused. */
async function joinSegment(
  { api, memory, into }: Desk,
  receipts: Map<Change, Receipt>,
  { id, members }: { readonly id: string; readonly members: ReadonlySet<Change> },
): Promise<void> {
  const written = [...receipts].flatMap(([change, { outcome }]) => (outcome === 'written' ? [change] : []))
  const entered = written.filter((change) => !members.has(change))
  if (entered.length === 0) return
  try {
    const failed = await editSegment(api, into, id, { members_to_add: entered.map(addressOf) })
    const doubtful = entered.filter((change) => failed.has(emailOf(change)))
    const judged = await eachApart(doubtful, true, async (change) =>
      (await isInSegment(api, into, addressOf(change)))
        ? (receipts.get(change) ?? missing())
        : refused('not_in_segment', `Mailchimp did not put the contact into the segment "${into.segment ?? ''}".`),
    )
    for (const [change, receipt] of judged) receipts.set(change, receipt)
  } catch (error) {
    if (!(error instanceof DestinationError)) throw error
    if (error.code === 'no_segment') memory.forgetSegment(into)
    // The contacts themselves were written.
    for (const change of entered) receipts.set(change, againOf(error, 'maybe'))
  }
}
