import { jsonOf, textOf } from '../answer.ts'
import { type Change, DestinationError, type HttpResponse, type LeaveVerb, type Receipt } from '../connector.ts'
import { isOk, memberPath } from './api.ts'
import { addressOf, emailOf } from './contact.ts'
import type { Desk } from './memory.ts'
import type { Into } from './place.ts'
import { eachApart, missing, NOT_FOUND, refused, singleReceipt } from './receipts.ts'
import { editSegment, findSegment, isInSegment } from './segment.ts'
import { tag } from './write.ts'

/** What can be done to contacts that leave, mildest first. */
export const LEAVES: readonly LeaveVerb[] = [
  {
    ...verb('remove', 'Takes the tag or the segment of `into` away; only where there is one.'),
    takesAway: true,
  },
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

/** The verbs of a place: a list itself is left by being archived. */
export function leavesOf({ tag, segment }: Into): readonly LeaveVerb[] {
  return tag === undefined && segment === undefined ? LEAVES.filter((one) => one.verb !== 'remove') : LEAVES
}

function verb(name: string, description: string, takes: LeaveVerb['takes'] = 'nothing'): LeaveVerb {
  return { verb: name, description, takes, stopsContact: false, deletes: false }
}

/** Does to each contact what its change asks for. Who is not there has left already. */
export async function remove(desk: Desk, batch: readonly Change[]): Promise<readonly Receipt[]> {
  const together = desk.into.segment === undefined ? [] : batch.filter((change) => change.leave?.verb === 'remove')
  const receipts = together.length > 0 ? await leaveSegment(desk, together) : new Map<Change, Receipt>()
  const rest = batch.filter((change) => !receipts.has(change))
  const apart = await eachApart(rest, receipts.size > 0, (change) => leave(desk, change))
  return batch.map((change) => receipts.get(change) ?? apart.get(change) ?? missing())
}

async function leaveSegment({ api, into }: Desk, batch: readonly Change[]): Promise<Map<Change, Receipt>> {
  const receipts = new Map<Change, Receipt>(batch.map((change) => [change, { outcome: 'written' }]))
  const id = await findSegment(api, into)
  if (id === undefined) return receipts
  const failed = await editSegment(api, into, id, { members_to_remove: batch.map(addressOf) })
  const doubtful = batch.filter((change) => failed.has(emailOf(change)))
  const judged = await eachApart(doubtful, true, async (change) =>
    (await isInSegment(api, into, addressOf(change)))
      ? refused('still_in_segment', `Mailchimp did not take the contact out of the segment "${into.segment ?? ''}".`)
      : { outcome: 'written' },
  )
  return new Map([...receipts, ...judged])
}

async function leave(desk: Desk, change: Change): Promise<Receipt> {
  const { api, into } = desk
  const path = memberPath(into.list, addressOf(change))
  const argument = change.leave?.argument
  const named = argument === undefined ? [] : [argument]
  switch (change.leave?.verb) {
    case 'remove':
      return gone(await tag(desk, change, [into.tag ?? ''], OFF))
    case 'add_tag':
      return gone(await tag(desk, change, named, 'active'))
    case 'remove_tag':
      return gone(await tag(desk, change, named, OFF))
    case 'archive':
      return archive(desk, path)
    case 'unsubscribe':
      return left(desk, await api.request('PATCH', path, { status: 'unsubscribed' }))
    case 'delete':
      return left(desk, await api.request('POST', `${path}/actions/delete-permanent`))
    default:
      throw new DestinationError('config', 'bad_leave', `Mailchimp cannot "${change.leave?.verb ?? ''}" a contact.`)
  }
}

const OFF = 'inactive'

/**
 * 405 says that a contact cannot be archived: it is archived already, it bounced, or it has not confirmed yet. The last
 * could still confirm, and is unsubscribed first.
 */
async function archive(desk: Desk, path: string): Promise<Receipt> {
  const { api } = desk
  const first = await api.request('DELETE', path)
  if (first.status !== 405) return left(desk, first)
  const held = await api.request('GET', `${path}?fields=status`)
  if (!isOk(held)) return left(desk, held)
  if (textOf(jsonOf(held), 'status') !== 'pending') return { outcome: 'written' }
  const stopped = await api.request('PATCH', path, { status: 'unsubscribed' })
  if (!isOk(stopped)) return left(desk, stopped)
  return left(desk, await api.request('DELETE', path))
}

/** A contact that is not there has left already. */
function gone(receipt: Receipt): Receipt {
  return receipt.outcome === 'refused' && receipt.code === NOT_FOUND ? { outcome: 'written' } : receipt
}

async function left(desk: Desk, answer: HttpResponse): Promise<Receipt> {
  return isOk(answer) ? { outcome: 'written' } : gone(await singleReceipt(desk, answer))
}
