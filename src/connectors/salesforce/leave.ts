import { assignment } from '../assignment.ts'
import { type Change, DestinationError, type LeaveAction, type LeaveVerb, type Receipt } from '../connector.ts'
import { type Into, isCampaign } from './into.ts'
import { idsOf, keyOf, workOf, writeFound } from './objects.ts'
import type { Org } from './org.ts'
import { GONE } from './poll.ts'
import type { Fields, Item, Work } from './records.ts'

export const LEAVES: readonly LeaveVerb[] = [
  verb('clear', 'Empties the named field.', 'text'),
  verb('set', 'Writes a value into a field: "Status__c=Former".', 'text'),
  { ...verb('opt_out', 'Sets the named checkbox, such as HasOptedOutOfEmail.', 'text'), stopsContact: true },
  {
    ...verb(
      'delete',
      'Moves the record to the recycle bin, for 15 days; takes a member out of the campaign, nothing else.',
      'nothing',
    ),
    stopsContact: true,
    deletes: true,
    takesAway: true,
  },
]

/** The verbs of a place: memberships have no checkbox by which a person opts out. */
export function leavesOf({ object }: Into): readonly LeaveVerb[] {
  return object === 'CampaignMember' ? LEAVES.filter((one) => one.verb !== 'opt_out') : LEAVES
}

function verb(name: string, description: string, takes: LeaveVerb['takes']): LeaveVerb {
  return { verb: name, description, takes, stopsContact: false, deletes: false }
}

/** Does to records what is done to rows that leave. What is not there has left. */
export async function leave(org: Org, batch: readonly Change[], into: Into): Promise<readonly Receipt[]> {
  const fields = fieldsOf(batch[0]?.leave)
  // A member who came back is another record.
  const known = (change: Change) => (isCampaign(into) ? undefined : change.destinationId)
  const unknown = batch.filter((change) => known(change) === undefined)
  const ids = unknown.length === 0 ? new Map<string, string>() : await idsOf(org, unknown, into)
  const items = batch.flatMap((change): Item[] => {
    const id = known(change) ?? ids.get(keyOf(change))
    return id === undefined ? [] : [{ change, id, fields: fields ?? {} }]
  })
  const work: Work = {
    ...workOf(batch, into),
    operation: fields === undefined ? 'delete' : 'update',
    leaves: true,
    items,
  }
  const receipts = await writeFound(org, batch, work, into, { outcome: 'written' })
  return receipts.map((one) => (one.outcome === 'refused' && GONE.has(one.code) ? { outcome: 'written' } : one))
}

/** What a verb writes; undefined where it deletes. */
function fieldsOf(action: LeaveAction | undefined): Fields | undefined {
  const argument = action?.argument ?? ''
  switch (action?.verb) {
    case 'clear':
      return { [argument]: null }
    case 'set': {
      const [field, text] = assignment(argument)
      return { [field]: text === 'true' || text === 'false' ? text === 'true' : text }
    }
    case 'opt_out':
      return { [argument]: true }
    case 'delete':
      return undefined
    default:
      throw new DestinationError('config', 'bad_leave', `Salesforce cannot "${action?.verb ?? ''}" a record.`)
  }
}
