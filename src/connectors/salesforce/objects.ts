import type { Change, Receipt } from '../connector.ts'
import { notApplied } from '../token.ts'
import type { Into } from './into.ts'
import type { Org } from './org.ts'
import { findIds, folded } from './query.ts'
import type { Item, Work } from './records.ts'
import { targetOf } from './target.ts'
import { write } from './write.ts'

/** Makes and changes records by external id. */
export async function upsert(org: Org, batch: readonly Change[], into: Into): Promise<readonly Receipt[]> {
  const { object, key } = targetOf(into, keyNames(batch))
  const items = batch.map((change): Item => ({ change, fields: { ...change.key, ...change.fields } }))
  return write(org, { operation: 'upsert', object, key, items }, into)
}

/** Updates go by record id, for an upsert would make the records that are missing. */
export async function update(org: Org, batch: readonly Change[], into: Into): Promise<readonly Receipt[]> {
  const items = await found(org, batch, into)
  return writeFound(org, batch, { ...workOf(batch, into), operation: 'update', items }, into, NOT_FOUND)
}

/** Writes the records that were found; the others get the receipt for those that are absent. */
export async function writeFound(
  org: Org,
  batch: readonly Change[],
  work: Work,
  into: Into,
  absent: Receipt,
): Promise<readonly Receipt[]> {
  const receipts = await write(org, work, into)
  const byChange = new Map(work.items.map(({ change }, index) => [change, receipts[index]]))
  return batch.map((change) => byChange.get(change) ?? absent)
}

/** What all work on a batch shares. */
export function workOf(batch: readonly Change[], into: Into): Pick<Work, 'object' | 'key'> {
  const { object, key } = targetOf(into, keyNames(batch))
  return { object, key }
}

/** The changes whose records are there, with their ids: as the ledger knows them, else as a query finds them. */
async function found(org: Org, batch: readonly Change[], into: Into): Promise<readonly Item[]> {
  const unknown = batch.filter((change) => change.destinationId === undefined)
  return withIds(batch, unknown.length === 0 ? new Map() : await idsOf(org, unknown, into))
}

/** Record ids by folded key. */
export function idsOf(org: Org, batch: readonly Change[], into: Into): Promise<ReadonlyMap<string, string>> {
  return findIds(org, batch, targetOf(into, keyNames(batch))).catch(notApplied)
}

function withIds(batch: readonly Change[], ids: ReadonlyMap<string, string>): readonly Item[] {
  return batch.flatMap((change) => {
    const id = change.destinationId ?? ids.get(keyOf(change))
    return id === undefined ? [] : [{ change, id, fields: change.fields }]
  })
}

/** The one value of a key as it is compared. */
export function keyOf(change: Change): string {
  return folded(Object.values(change.key)[0])
}

/** There is nothing to update. */
export const NOT_FOUND: Receipt = {
  outcome: 'refused',
  kind: 'row',
  code: 'NOT_FOUND',
  message: 'There is no record with this key.',
}

function keyNames(batch: readonly Change[]): readonly string[] {
  return Object.keys(batch[0]?.key ?? {})
}
