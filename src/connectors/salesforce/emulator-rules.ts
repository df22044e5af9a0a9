import type { Json, Ms } from '../connector.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import type { Row } from '../sandbox/store.ts'
import { hasObject } from './emulator-objects.ts'
import { type Call, failed, type Result, refused } from './emulator-org.ts'

/** The most that the triggers of one call may run, and those of one part of a job. */
const MOST_OF_CALL: Ms = 600_000
export const MOST_OF_PART: Ms = 300_000

/** Why the org lets in nobody. */
export function shut({ options: { org = {} }, now }: Pick<Call, 'options' | 'now'>): Answer | undefined {
  const { closed, apiEnabled = true } = org
  if (!apiEnabled) return failed(403, 'API_DISABLED_FOR_ORG', 'API is not enabled for this Organization or Partner')
  const isClosed = closed !== undefined && closed.from <= now && now < closed.until
  return isClosed ? failed(503, 'SERVER_UNAVAILABLE', 'Server is down for maintenance.') : undefined
}

/** Why a call with these records comes to no end. */
export function stopped(call: Call, records: readonly Row[]): Answer | undefined {
  const { breaks } = call.options.org ?? {}
  if (breaks !== undefined && records.some((one) => breaks(objectOf(one), one)))
    return failed(500, 'UNKNOWN_EXCEPTION', 'An unexpected error occurred. Please include this ErrorId: 1-2 (3)')
  if (timeOf(call, records) <= MOST_OF_CALL) return undefined
  return failed(400, 'REQUEST_RUNNING_TOO_LONG', 'Your request was running for too long, and has been stopped.')
}

/** How long the triggers of records run, one after the other. */
export function timeOf({ options }: Call, records: readonly Row[]): Ms {
  const { takes = () => 0 } = options.org ?? {}
  return records.reduce((sum, one) => sum + takes(objectOf(one), one), 0)
}

function objectOf(record: Row): string {
  const { attributes } = record as { readonly attributes?: { readonly type?: string } }
  return attributes?.type ?? ''
}

/** A record as it is to be saved. */
export interface Saving {
  readonly object: string
  /** Undefined = it is new. */
  readonly id: string | undefined
  /** The whole record. */
  readonly row: Row
}

/** Why the org does not take a record that is well formed. */
export function ruled(call: Call, saving: Saving): Result | undefined {
  const { options, request } = call
  const { object, row } = saving
  const said = options.rule?.(object, row)
  if (said !== undefined) return refused(said.code, said.message, said.fields)
  if (options.org === undefined) return undefined
  const text = options.org.validation?.(object, row)
  if (text !== undefined) return refused('FIELD_CUSTOM_VALIDATION_EXCEPTION', text)
  const thrown = options.org.trigger?.(object, row)
  if (thrown !== undefined)
    return refused('CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY', `Cdp.ContactTrigger: execution of BeforeInsert: ${thrown}`)
  const isAllowed = request.headers['sforce-duplicate-rule-header'] === 'allowSave=true'
  if (!isAllowed && hasTwin(call, saving, options.org.duplicates))
    return refused('DUPLICATES_DETECTED', 'Use one of these records?')
  if (hasTwin(call, saving, options.org.unique))
    return refused('DUPLICATE_VALUE', 'duplicate value found: another record has it')
  return hindered(call, saving)
}

function hasTwin({ index, rows }: Call, { object, id, row }: Saving, fields: readonly string[] = []): boolean {
  return fields.some((path) => {
    const [of, field = ''] = path.split('.')
    const value = row[field] ?? null
    return of === object && value !== null && index.find(rows, object, field, value).some((one) => one !== id)
  })
}

/** What goes on in the org: locks, and storage that is full. */
function hindered({ options, rows, now }: Call, { id, row }: Saving): Result | undefined {
  const { locked, storage } = options.org ?? {}
  const ids = [id, ...Object.entries(row).flatMap(([name, value]) => (isLookUp(name) ? [value] : []))]
  if (locked && ids.some((one) => typeof one === 'string' && (locked.get(one) ?? 0) > now))
    return refused('UNABLE_TO_LOCK_ROW', 'unable to obtain exclusive access to this record')
  if (storage === undefined || id !== undefined) return undefined
  const records = rows.collections().reduce((sum, name) => sum + (hasObject(name) ? rows.size(name) : 0), 0)
  return records >= storage ? refused('STORAGE_LIMIT_EXCEEDED', 'storage limit exceeded') : undefined
}

/** Why a look-up cannot hold an id: there is no such record, it was deleted, or the user may not see it. */
export function lookUpError({ options, rows }: Call, name: string, value: Json): Result | undefined {
  const parent = name.slice(0, -2)
  // The campaigns of an org are declared rather than stored.
  if (!isLookUp(name) || parent === 'Campaign' || !hasObject(parent) || typeof value !== 'string') return undefined
  const found = rows.get(parent, value)
  if (found === undefined) return refused('INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id', [name])
  if (found.IsDeleted === true) return refused('ENTITY_IS_DELETED', 'entity is deleted', [name])
  if (options.org?.unshared?.has(value) !== true) return undefined
  const text = 'insufficient access rights on cross-reference id'
  return refused('INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY', text, [name])
}

function isLookUp(name: string): boolean {
  return /^[A-Z]\w*[a-z]Id$/.test(name)
}
