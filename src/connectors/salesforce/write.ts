import { againOf, jsonOf } from '../answer.ts'
import { DestinationError, type Receipt } from '../connector.ts'
import { runJob } from './bulk.ts'
import type { Into } from './into.ts'
import type { Org } from './org.ts'
import { bodyOf, byParent, type Item, receiptsFrom, recordOf, type Work } from './records.ts'

/** The most records of a collections call. */
export const MOST_RECORDS = 200

type Way = Pick<Into, 'bulk_above' | 'allow_duplicates' | 'assignment_rules'>

/**
 * May so many rows go as a job? Duplicate rules are overridden by a header, which jobs do not know
 * (https://github.com/simple-salesforce/simple-salesforce/issues/628).
 */
export function goesInBulk(rows: number, into: Way, most = into.bulk_above): boolean {
  return rows > most && !into.allow_duplicates && !into.assignment_rules
}

/** Writes records in one request or as one job; receipts in the order of the items. */
export async function write(org: Org, work: Work, into: Way): Promise<readonly Receipt[]> {
  if (work.items.length === 0) return []
  const items = byParent(work.items)
  const sorted = { ...work, items }
  const receipts = inBulk(org, sorted, into) ? await runJob(org, sorted) : await collection(org, sorted, into)
  const byItem = new Map(items.map((item, index) => [item, receipts[index]]))
  return work.items.flatMap((item) => byItem.get(item) ?? [])
}

/** A batch that `limits` meant for a job is more than one call takes; its rest may be few. */
export function isForJob(rows: number, into: Way): boolean {
  return goesInBulk(rows, into, Math.min(into.bulk_above, MOST_RECORDS))
}

/** What failed as a job goes in calls, whose answers say of each row what is wrong: `batch` has it sent in halves. */
function inBulk({ jobs }: Org, { object, items }: Work, into: Way): boolean {
  if (!jobs.failed.has(object)) return isForJob(items.length, into)
  if (items.length <= MOST_RECORDS) return false
  throw new DestinationError('batch', 'job_failed', `A job of "${object}" failed as a whole, so its rows go in calls.`)
}

/**
 * Does one thing after the other. An error of the first is thrown; of a later one it becomes the receipts of its own
 * items, for the others are settled, and meets the rest at the start of their next try.
 */
export async function inTurn(
  parts: readonly { readonly items: readonly Item[]; readonly act: () => Promise<readonly Receipt[]> }[],
): Promise<ReadonlyMap<Item, Receipt>> {
  const receipts = new Map<Item, Receipt>()
  for (const { items, act } of parts) {
    if (items.length === 0) continue
    const told = await act().catch((error: unknown): readonly Receipt[] => {
      if (receipts.size === 0 || !(error instanceof DestinationError)) throw error
      return items.map(() => againOf(error, error.applied))
    })
    items.forEach((item, index) => {
      const receipt = told[index]
      if (receipt) receipts.set(item, receipt)
    })
  }
  return receipts
}

async function collection(org: Org, work: Work, into: Way): Promise<readonly Receipt[]> {
  const answer = await (work.operation === 'delete' ? deleted(org, work.items) : written(org, work, into))
  return receiptsFrom(jsonOf(org.checked(answer)), work.items, org)
}

function deleted(org: Org, items: readonly Item[]) {
  const ids = items.map((one) => one.id).join(',')
  return org.request('DELETE', `/composite/sobjects?ids=${ids}&allOrNone=false`)
}

function written(org: Org, { operation, object, key, items }: Work, into: Way) {
  const method = operation === 'insert' ? 'POST' : 'PATCH'
  const path = `/composite/sobjects${operation === 'upsert' ? `/${object}/${key}` : ''}`
  return org.request(method, path, bodyOf(items.map((item) => recordOf(item, object))), {
    // Left out, the rules run: every update would give a lead or a case to somebody else.
    'sforce-auto-assign': into.assignment_rules ? 'TRUE' : 'FALSE',
    ...(into.allow_duplicates && { 'sforce-duplicate-rule-header': 'allowSave=true' }),
  })
}
