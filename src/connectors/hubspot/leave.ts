import { jsonOf } from '../answer.ts'
import { eachApart } from '../apart.ts'
import { assignment } from '../assignment.ts'
import {
  type Change,
  DestinationError,
  type HttpResponse,
  type LeaveVerb,
  type Ms,
  type Receipt,
} from '../connector.ts'
import { quotaHint } from './api.ts'
import { type Found, findRecords, idProperty, type Place, pathOf } from './records.ts'
import { bodyOf, receiptsFrom } from './write.ts'

// https://developers.hubspot.com/docs/api-reference/communication-preferences-subscriptions-v4/guide: what a contact
// is subscribed to is changed by the address, whether or not there is a contact; the batch form is for Enterprise only.

/** What can be done to records that leave, mildest first. */
export const LEAVES: readonly LeaveVerb[] = [
  verb('clear', 'Empties the named property.', 'text'),
  verb('set', 'Writes a value into a property: "lifecycle=former".', 'text'),
  { ...verb('remove_from_list', 'Takes the record from the list; it stays as it is.'), takesAway: true },
  {
    ...verb('unsubscribe_from', 'Ends the subscription with the given id for the contact.', 'text'),
    stopsContact: true,
  },
  { ...verb('unsubscribe', 'Opts the contact out of all marketing mail.'), stopsContact: true, onRequest: true },
  {
    ...verb('archive', 'Moves the record to the recycle bin, for 90 days.'),
    stopsContact: true,
    deletes: true,
    takesAway: true,
  },
  {
    ...verb('gdpr_delete', 'Deletes the contact for ever; the address can never be used again.'),
    stopsContact: true,
    deletes: true,
    takesAway: true,
  },
]

/** The verbs of a place: only contacts are sent mail, and only a list can be left. */
export function leavesOf({ object, list }: { readonly object: string; readonly list?: string | undefined }) {
  return LEAVES.filter(({ verb }) => {
    if (verb === 'remove_from_list') return list !== undefined
    return object === 'contacts' || !OF_CONTACTS.has(verb)
  })
}

const OF_CONTACTS = new Set(['unsubscribe_from', 'unsubscribe', 'gdpr_delete'])

function verb(name: string, description: string, takes: LeaveVerb['takes'] = 'nothing'): LeaveVerb {
  return { verb: name, description, takes, stopsContact: false, deletes: false }
}

/** What stands for a change of subscription in accounts that keep to the GDPR. */
export interface LegalBasis {
  readonly legal_basis?: string | undefined
  readonly legal_basis_explanation?: string | undefined
}

/** Takes records away, or tells them that they left: one verb for the batch. What is not there has left. */
export async function leave(place: Place, batch: readonly Change[], legal: LegalBasis): Promise<readonly Receipt[]> {
  const action = batch[0]?.leave
  const argument = action?.argument ?? ''
  switch (action?.verb) {
    case 'clear':
      return patch(place, batch, argument, '')
    case 'set':
      return patch(place, batch, ...assignment(argument))
    case 'remove_from_list':
      return unlist(place, batch)
    case 'unsubscribe_from':
      return oneByOne(place, batch, await addresses(place, batch), (address) =>
        place.api.request('POST', statusPath(address), {
          subscriptionId: Number(argument),
          statusState: 'UNSUBSCRIBED',
          channel: 'EMAIL',
          ...(legal.legal_basis !== undefined && { legalBasis: legal.legal_basis }),
          ...(legal.legal_basis_explanation !== undefined && { legalBasisExplanation: legal.legal_basis_explanation }),
        }),
      )
    case 'unsubscribe':
      return oneByOne(place, batch, await addresses(place, batch), (address) =>
        place.api.request('POST', `${statusPath(address)}/unsubscribe-all?channel=EMAIL`),
      )
    case 'archive':
      return archive(place, batch)
    case 'gdpr_delete':
      return forget(place, batch)
    default:
      throw badLeave(`HubSpot cannot "${action?.verb ?? ''}" a record.`)
  }
}

function badLeave(message: string): DestinationError {
  return new DestinationError('config', 'bad_leave', message)
}

function statusPath(address: string): string {
  return `/communication-preferences/v4/statuses/${encodeURIComponent(address)}`
}

async function patch(
  place: Place,
  batch: readonly Change[],
  property: string,
  value: string,
): Promise<readonly Receipt[]> {
  const found = await findRecords(place, batch)
  const inputs = distinct([...found]).map(([change, { id }]) => ({ change, id, properties: { [property]: value } }))
  if (inputs.length === 0) return batch.map(written)
  const answer = place.api.checked(await place.api.request('POST', pathOf(place, '/batch/update'), bodyOf(inputs)))
  const receipts = receiptsFrom(jsonOf(answer), inputs, place.api)
  const byId = new Map(inputs.map((one, index) => [one.id, receipts[index]]))
  return batch.map((change) => {
    const receipt = byId.get(found.get(change)?.id ?? '') ?? written()
    return receipt.outcome === 'refused' && receipt.code === 'OBJECT_NOT_FOUND' ? written() : receipt
  })
}

/** The first change of each record: no batch takes one twice. */
function distinct(found: readonly (readonly [Change, Found])[]): readonly (readonly [Change, Found])[] {
  return [...new Map([...found].reverse().map((one) => [one[1].id, one])).values()].reverse()
}

async function unlist(place: Place, batch: readonly Change[]): Promise<readonly Receipt[]> {
  if (!place.list) throw badLeave('"remove_from_list" needs a "list" under "into": there is none to be removed from.')
  await place.list.need()
  const ids = [...new Set([...(await findRecords(place, batch)).values()].map((one) => one.id))]
  await place.list.remove(ids)
  return batch.map(written)
}

async function archive(place: Place, batch: readonly Change[]): Promise<readonly Receipt[]> {
  const found = await findRecords(place, batch)
  const inputs = [...new Set([...found.values()].map((one) => one.id))].map((id) => ({ id }))
  if (inputs.length > 0) place.api.checked(await place.api.request('POST', pathOf(place, '/batch/archive'), { inputs }))
  return batch.map(written)
}

/** Deletes for ever; an address that no contact has is blocked as well. */
async function forget(place: Place, batch: readonly Change[]): Promise<readonly Receipt[]> {
  if (place.object !== 'contacts') throw badLeave(`"gdpr_delete" is for contacts only, not for ${place.object}.`)
  const isAddress = keyName(batch) === 'email'
  const found = isAddress ? undefined : await findRecords(place, batch)
  const names = new Map(
    batch.flatMap((change) => {
      const id = isAddress ? String(change.key.email) : found?.get(change)?.id
      return id === undefined ? [] : [[change, id] as const]
    }),
  )
  return oneByOne(place, batch, names, (objectId) =>
    place.api.request('POST', pathOf(place, '/gdpr-delete'), { objectId, ...(isAddress && { idProperty: 'email' }) }),
  )
}

function keyName(batch: readonly Change[]): string {
  return idProperty(Object.keys(batch[0]?.key ?? {}))
}

/** The address of each change that has one: its key, or that of its contact. */
async function addresses(place: Place, batch: readonly Change[]): Promise<ReadonlyMap<Change, string>> {
  if (place.object !== 'contacts') throw badLeave(`Only contacts can be unsubscribed, not ${place.object}.`)
  if (keyName(batch) === 'email') return new Map(batch.map((change) => [change, String(change.key.email).trim()]))
  const found = await findRecords(place, batch)
  return new Map(
    batch.flatMap((change) => {
      const { email } = (found.get(change)?.properties ?? {}) as { readonly email?: unknown }
      return typeof email === 'string' && email !== '' ? [[change, email] as const] : []
    }),
  )
}

/**
 * One request a change, one after the other: the rate is counted in batches, and so many at once would break it. Once an
 * answer says that the rate is used up, nothing more is sent.
 */
async function oneByOne(
  place: Place,
  batch: readonly Change[],
  names: ReadonlyMap<Change, string>,
  act: (name: string) => Promise<HttpResponse>,
): Promise<readonly Receipt[]> {
  let pause: Ms | undefined
  const receipts = await eachApart(batch, { settled: false, atOnce: 1, silence: 'thrown' }, async (change) => {
    const name = names.get(change)
    if (name === undefined) return written()
    if (pause !== undefined)
      throw new DestinationError('throttle', 'rate_used_up', 'The calls of ten seconds are used up.', { after: pause })
    const answer = await act(name)
    if (answer.status !== 404) place.api.checked(answer)
    const hint = quotaHint(answer, 1)
    if (hint?.kind === 'pause') pause = hint.for
    return written()
  })
  return batch.map((change) => receipts.get(change) ?? written())
}

function written(): Receipt {
  return { outcome: 'written' }
}
