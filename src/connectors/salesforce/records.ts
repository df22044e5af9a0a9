import { cleaned, listOf, member, textOf } from '../answer.ts'
import { type Change, DestinationError, type Json, type Receipt } from '../connector.ts'
import { fateOf, missing, refusal } from './errors.ts'
import type { Org } from './org.ts'

/** Fields by API name; a parent is named by its external id as `Account.Ext_Id__c`. */
export type Fields = Readonly<Record<string, Json>>

/** One record to write: what is known of it, and for which change. */
export interface Item {
  readonly change: Change
  /** The record's id, where the operation goes by it. */
  readonly id?: string
  readonly fields: Fields
}

/** Records that are written alike. */
export interface Work {
  readonly operation: 'upsert' | 'insert' | 'update' | 'delete'
  readonly object: string
  /** The field whose value the key of the sync has, as `Ext_Id__c` or `Contact.Ext_Id__c`. */
  readonly key: string
  /** The rows leave: a record that is not there any more is as it should be. */
  readonly leaves?: true
  readonly items: readonly Item[]
}

/** A record as the collections calls take it: `Account.Ext_Id__c` becomes a nested object. */
export function recordOf({ fields, id }: Pick<Item, 'fields' | 'id'>, object: string): Fields {
  const record: Record<string, Json> = { attributes: { type: object }, ...(id !== undefined && { id }) }
  for (const [name, value] of Object.entries(fields)) {
    const [parent, field] = name.split('.')
    if (parent === undefined || field === undefined) record[name] = value
    // Without a parent the look-up itself is emptied.
    else if (value === null || value === '') record[lookUpOf(parent)] = null
    else record[parent] = { [field]: value }
  }
  return record
}

/** The field that holds the parent's id: `Account` → `AccountId`, `Shop__r` → `Shop__c`. */
export function lookUpOf(relationship: string): string {
  return relationship.endsWith('__r') ? `${relationship.slice(0, -1)}c` : `${relationship}Id`
}

/** The body of a collections call. */
export function bodyOf(records: readonly Fields[]): Json {
  return { allOrNone: false, records }
}

/**
 * One receipt a change: the answer keeps the order of the request. When no record was written and the reason concerns
 * the whole app (rights, storage), it is thrown, so that no row is blamed for it.
 */
export function receiptsFrom(answer: Json, batch: readonly unknown[], org: Pick<Org, 'secrets'>): readonly Receipt[] {
  const results = Array.isArray(answer) ? (answer as readonly Json[]) : []
  // Only their places say whose results they are: of more or fewer, nobody knows.
  if (results.length !== batch.length) return batch.map(missing)
  const wrote = results.some((one) => member(one, 'success') === true)
  return results.map((result): Receipt => {
    if (member(result, 'success') === true) return { outcome: 'written', id: textOf(result, 'id') }
    const error = listOf(result, 'errors')[0]
    const code = textOf(error, 'statusCode') || textOf(error, 'errorCode') || 'UNKNOWN'
    const message = textOf(error, 'message')
    if (!wrote && fateOf(code, message) === 'config')
      throw new DestinationError('config', code, cleaned(message, org.secrets))
    return refusal(code, message, org)
  })
}

/**
 * Items so that those of one parent stand together: the vendor locks the parents of what it writes, and works on parts
 * of a request side by side.
 */
export function byParent(items: readonly Item[]): readonly Item[] {
  const names = [...new Set(items.flatMap(({ fields }) => Object.keys(fields)))].filter(isParent).sort()
  if (names.length === 0) return items
  const sorted = items.map((item) => ({ item, by: names.map((name) => String(item.fields[name] ?? '')).join('\n') }))
  return sorted.sort((a, b) => (a.by < b.by ? -1 : a.by > b.by ? 1 : 0)).map(({ item }) => item)
}

function isParent(name: string): boolean {
  return name.includes('.') || /[a-z]Id$/.test(name)
}
