import { jsonOf, textOf } from '../answer.ts'
import { DestinationError, type JobId, type Json, type Ms } from '../connector.ts'
import type { Org } from './org.ts'
import type { Work } from './records.ts'

/** What a later process must know of a job to settle it. */
export interface Job {
  readonly id: string
  readonly operation: Work['operation']
  readonly object: string
  /** The field whose value the key of the sync has, as `Ext_Id__c` or `Contact.Ext_Id__c`. */
  readonly key: string
  /** Results hold every value as text; what the key is in the ledger must be said. */
  readonly keyType: 'text' | 'number' | 'boolean'
  /** Its records are of rows that leave. */
  readonly leaves: boolean
  /** Records that were uploaded. */
  readonly rows: number
}

/** A job as one text: `750… upsert Contact Ext_Id__c text 10000`. */
export function jobIdOf({ operation, object, key, items, leaves }: Work, id: string): JobId {
  const value = Object.values(items[0]?.change.key ?? {})[0]
  const type = typeof value === 'number' || typeof value === 'boolean' ? typeof value : 'text'
  return [id, `${operation}${leaves ? LEAVES : ''}`, object, key, type, items.length].join(' ')
}

/** The job that `jobIdOf` wrote; undefined where it did not. */
export function readJobId(text: JobId): Job | undefined {
  const [, id, operation, leaves, object, key, keyType, rows] = JOB.exec(text) ?? []
  if (!id || !object || !key) return undefined
  const parts = { operation: operation as Job['operation'], keyType: keyType as Job['keyType'], rows: Number(rows) }
  return { id, object, key, leaves: leaves !== undefined, ...parts }
}

const LEAVES = '-leave'

const JOB = /^([A-Za-z0-9]{15,18}) (upsert|insert|update|delete)(-leave)? (\w+) ([\w.]+) (text|number|boolean) (\d+)$/

/** A job as the vendor tells it. */
export interface Told {
  readonly state: string
  /** Milliseconds since 1970, by the vendor's clock; NaN where it does not say. */
  readonly created: Ms
  /** Why it failed, where it did: `InvalidBatch : Field name not found : Nonsense`. */
  readonly message: string
}

/** What has become of a job; undefined where the vendor knows it no more. */
export async function stateOf(org: Org, path: string): Promise<Told | undefined> {
  const answer = await org.request('GET', path)
  if (answer.status === 404) return undefined
  const told: Json = jsonOf(org.checked(answer))
  return {
    state: textOf(told, 'state'),
    created: Date.parse(textOf(told, 'createdDate')),
    message: textOf(told, 'errorMessage'),
  }
}

/** Ends a job that has not begun, so that it never will. Tells whether the vendor said so. */
export async function aborted(org: Org, path: string): Promise<boolean> {
  try {
    const answer = jsonOf(org.checked(await org.request('PATCH', path, { state: 'Aborted' })))
    return textOf(answer, 'state') === 'Aborted'
  } catch (error) {
    if (error instanceof DestinationError) return false
    throw error
  }
}
