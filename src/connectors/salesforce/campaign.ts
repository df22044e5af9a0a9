import type { Change, Io, Receipt } from '../connector.ts'
import { missing } from './errors.ts'
import type { CampaignInto } from './into.ts'
import { idsOf, keyOf, NOT_FOUND, workOf } from './objects.ts'
import type { Org } from './org.ts'
import type { Item } from './records.ts'
import { inTurn, write } from './write.ts'

// A membership has no external id of its own, and neither its campaign nor its person can be changed. So a query finds
// those who are members already; others are inserted, their contact or lead being named by its external id.

/** Makes people members of a campaign, and changes the fields of those who are. */
export async function writeMembers(
  org: Org,
  batch: readonly Change[],
  into: CampaignInto,
  mode: Io['mode'],
): Promise<readonly Receipt[]> {
  const ids = await idsOf(org, batch, into)
  const work = workOf(batch, into)
  const known = batch.flatMap((change): Item[] => {
    const id = ids.get(keyOf(change))
    return id === undefined ? [] : [{ change, id, fields: change.fields }]
  })
  const absent = batch.filter((change) => !ids.has(keyOf(change)))
  const fresh = mode === 'update' ? [] : absent.map((change) => memberOf(change, work.key, into))
  // To be a member may be all that is asked.
  const changed = known.filter(({ fields }) => Object.keys(fields).length > 0)
  const receipts = await inTurn([
    { items: fresh, act: async () => found(await write(org, { ...work, operation: 'insert', items: fresh }, into)) },
    { items: changed, act: () => write(org, { ...work, operation: 'update', items: changed }, into) },
  ])
  const byChange = new Map<Change, Receipt>()
  for (const { change, id } of known) byChange.set(change, id === undefined ? missing() : { outcome: 'written', id })
  for (const [{ change }, receipt] of receipts) byChange.set(change, receipt)
  return batch.map((change) => byChange.get(change) ?? NOT_FOUND)
}

function memberOf(change: Change, key: string, into: CampaignInto): Item {
  const status = into.status === undefined ? {} : { Status: into.status }
  const person = { [key]: Object.values(change.key)[0] ?? null }
  return { change, fields: { CampaignId: into.campaign, ...person, ...status, ...change.fields } }
}

/** Who became a member since the query looked is found by the next. */
function found(receipts: readonly Receipt[]): readonly Receipt[] {
  return receipts.map((one) =>
    one.outcome === 'refused' && one.code === 'DUPLICATE_VALUE'
      ? ({ outcome: 'again', code: one.code, applied: 'no' } satisfies Receipt)
      : one,
  )
}
