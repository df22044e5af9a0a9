import { listOf, member, textOf, tryJson } from '../answer.ts'
import type { Json } from '../connector.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import { memoryRows, type Row, type Rows } from '../sandbox/store.ts'
import { hasObject, isField, needs, valueError, wrongJson } from './emulator-objects.ts'
import { type Call, failed, notFound, type Result, refused } from './emulator-org.ts'
import { lookUpError, ruled, stopped } from './emulator-rules.ts'

const MOST_RECORDS = 200

/** The calls on up to 200 records. */
export function collections(call: Call): Answer {
  const { method } = call.request
  const [, object, field] = /^\/composite\/sobjects(?:\/(\w+)\/(\w+))?$/.exec(call.path) ?? []
  if (method === 'DELETE' && object === undefined) return removeAll(call)
  if (method === 'POST' && object === undefined) return collection(call, (record) => insert(call, record))
  if (method !== 'PATCH') return failed(405, 'METHOD_NOT_ALLOWED', `HTTP Method '${method}' not allowed.`)
  if (object === undefined || field === undefined) return collection(call, (record) => update(call, record))
  if (!hasObject(object)) return notFound()
  if (!isField(object, field) || !(field.endsWith('__c') || field === 'Email'))
    return failed(404, 'NOT_FOUND', `Provided external ID field does not exist or is not accessible: ${field}`)
  return collection(
    call,
    withoutTwins(field, (record) => upsert(call, record, object, field)),
  )
}

function collection(call: Call, act: (record: Row) => Result): Answer {
  const body = tryJson(call.request.body)
  const records = listOf(body, 'records') as readonly Row[]
  if (body === undefined || records.length === 0)
    return failed(400, 'JSON_PARSER_ERROR', 'Unexpected end of input or missing records.')
  if (records.length > MOST_RECORDS)
    return failed(400, 'EXCEEDED_ID_LIMIT', `record limit reached. cannot submit more than ${MOST_RECORDS} records`)
  // A value of the wrong JSON type stops the parser, and with it the whole request.
  const broken = records.map(wrongJson).find((one) => one !== undefined)
  if (broken !== undefined) return failed(400, 'JSON_PARSER_ERROR', broken)
  const end = stopped(call, records)
  if (end !== undefined) return end
  return { status: 200, body: member(body, 'allOrNone') === true ? together(call, records, act) : records.map(act) }
}

/** All are written, or none. */
function together(call: Call, records: readonly Row[], act: (record: Row) => Result): readonly Result[] {
  const before = memoryRows()
  for (const name of call.rows.collections()) for (const [id, row] of call.rows.all(name)) before.put(name, id, row)
  const results = records.map(act)
  if (results.every((one) => one.success === true)) return results
  for (const name of call.rows.collections())
    for (const [id] of [...call.rows.all(name)]) {
      const row = before.get(name, id)
      if (row === undefined) call.rows.drop(name, id)
      else call.rows.put(name, id, row)
    }
  const text = 'Record rolled back because not all records were valid and the request was using AllOrNone header'
  return results.map((one) => (one.success === true ? refused('ALL_OR_NONE_OPERATION_ROLLED_BACK', text) : one))
}

/** The second of two records with one external id fails. */
export function withoutTwins(field: string, act: (record: Row) => Result): (record: Row) => Result {
  const seen = new Set<string>()
  return (record) => {
    const value = String(record[field]).toLowerCase()
    if (seen.has(value)) return refused('DUPLICATE_VALUE', `Duplicate external id specified: ${record[field]}`, [field])
    seen.add(value)
    return act(record)
  }
}

export function upsert(call: Call, record: Row, object: string, field: string): Result {
  if (textOf(record.attributes, 'type') !== object)
    return refused('INVALID_TYPE', 'All records must be of the type in the address.')
  if (record.Id !== undefined || record.id !== undefined)
    return refused('INVALID_FIELD_FOR_INSERT_UPDATE', 'cannot specify Id in an upsert', ['Id'])
  const value = record[field]
  if (value === undefined || value === null || value === '')
    return refused('MISSING_ARGUMENT', `${field} not specified`)
  const ids = call.index.find(call.rows, object, field, value)
  if (ids.length > 1) return refused('DUPLICATE_EXTERNAL_ID', `The external id field is not unique: ${field}`, [field])
  return save(call, object, ids[0], record)
}

export function insert(call: Call, record: Row): Result {
  return save(call, textOf(record.attributes, 'type'), undefined, record)
}

export function update(call: Call, record: Row): Result {
  const object = textOf(record.attributes, 'type')
  const id = textOf(record, 'id') || textOf(record, 'Id')
  const before = call.rows.get(object, id)
  if (!before) return refused('INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id')
  if (before.IsDeleted === true) return refused('ENTITY_IS_DELETED', 'entity is deleted')
  return save(call, object, id, record)
}

function save(call: Call, object: string, id: string | undefined, record: Row): Result {
  if (!hasObject(object)) return refused('INVALID_TYPE', `sObject type '${object}' is not supported.`)
  const { readOnly = [], org } = call.options
  if (readOnly.includes(object) || (id !== undefined && org?.unwritable?.has(id) === true))
    return refused('INSUFFICIENT_ACCESS_OR_READONLY', 'insufficient access rights on object id')
  const given = fieldsOf(call, object, record)
  if ('error' in given) return given.error
  const before = id === undefined ? {} : (call.rows.get(object, id) ?? {})
  const row: Row = { ...before, ...given.fields }
  const absent = needs(object).filter((name) => row[name] === undefined || row[name] === null || row[name] === '')
  if (absent.length > 0)
    return refused('REQUIRED_FIELD_MISSING', `Required fields are missing: [${absent.join(', ')}]`, absent)
  const wrong = memberError(call, object, id, given.fields, row) ?? ruled(call, { object, id, row })
  if (wrong) return wrong
  const place = id ?? newId(object, call.rows)
  const saved = object === 'CampaignMember' ? { ...row, Status: row.Status ?? statusesOf(call, row)[0] ?? null } : row
  call.rows.put(object, place, saved)
  call.index.add(object, place, saved)
  return { id: place, success: true, created: id === undefined, errors: [] }
}

type Given = { readonly fields: Row } | { readonly error: Result }

function fieldsOf(call: Call, object: string, record: Row): Given {
  const fields: Record<string, Json> = {}
  for (const [name, value] of Object.entries(record)) {
    if (name === 'attributes' || name === 'id' || name === 'Id') continue
    const parent = typeof value === 'object' && value !== null ? parentOf(call, name, value as Row) : undefined
    if (parent?.error) return { error: parent.error }
    if (parent) fields[parent.field] = parent.id
    else if (!isField(object, name))
      return { error: refused('INVALID_FIELD', `No such column '${name}' on sobject of type ${object}`, [name]) }
    else fields[name] = value
    const wrong = valueError(name, value)
    if (wrong) return { error: refused(wrong.code, wrong.message, [name]) }
    const dangling = lookUpError(call, name, value)
    if (dangling) return { error: dangling }
    if (call.options.readOnly?.includes(`${object}.${name}`))
      return {
        error: refused('INVALID_FIELD_FOR_INSERT_UPDATE', `Unable to create/update fields: ${name}.`, [name]),
      }
  }
  return { fields }
}

/** A member is one person in one campaign, once, for as long as it lasts, with a status that the campaign has. */
function memberError(call: Call, object: string, id: string | undefined, given: Row, row: Row): Result | undefined {
  if (object !== 'CampaignMember') return undefined
  const fixed = ['CampaignId', 'ContactId', 'LeadId'].filter((name) => given[name] !== undefined)
  if (id !== undefined && fixed.length > 0)
    return refused('INVALID_FIELD_FOR_INSERT_UPDATE', `Unable to create/update fields: ${fixed.join(', ')}.`, fixed)
  if (call.options.campaigns?.has(String(row.CampaignId)) !== true)
    return refused('INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id', ['CampaignId'])
  const [field, ...more] = ['ContactId', 'LeadId'].filter((name) => (row[name] ?? null) !== null)
  if (field === undefined || more.length > 0)
    return refused('REQUIRED_FIELD_MISSING', 'Required fields are missing: [LeadId or ContactId]', ['ContactId'])
  const status = row.Status
  if (status !== undefined && !statusesOf(call, row).includes(String(status)))
    return refused(
      'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST',
      `Status: bad value for restricted picklist field: ${status}`,
      ['Status'],
    )
  const others = call.index.find(call.rows, object, field, row[field] ?? null).filter((one) => one !== id)
  const isTwice = others.some((one) => call.rows.get(object, one)?.CampaignId === row.CampaignId)
  return isTwice ? refused('DUPLICATE_VALUE', 'Already a campaign member.') : undefined
}

function statusesOf({ options }: Call, row: Row): readonly string[] {
  return options.campaigns?.get(String(row.CampaignId)) ?? []
}

/** A lookup that names its parent by external id. */
function parentOf(call: Call, name: string, value: Row) {
  const object = name.endsWith('__r') ? `${name.slice(0, -1)}c` : name
  const [field = '', key = null] = Object.entries(value)[0] ?? []
  const id = call.index.find(call.rows, object, field, key)[0]
  const text = `Foreign key external ID: ${key} not found for field ${field} in entity ${object}`
  return {
    field: name.endsWith('__r') ? object : `${name}Id`,
    id: id ?? '',
    error: id === undefined ? refused('INVALID_FIELD', text, [name]) : undefined,
  }
}

/** An id that no record of the object has had: deleted records keep their place, so the count never repeats. */
export function newId(object: string, rows: Rows): string {
  const prefix = PREFIXES.get(object) ?? 'a00'
  return `${prefix}${String(rows.size(object) + 1).padStart(12, '0')}AAA`
}

const PREFIXES = new Map([
  ['Account', '001'],
  ['Contact', '003'],
  ['Lead', '00Q'],
  ['CampaignMember', '00v'],
  ['(jobs)', '750'],
])

function removeAll(call: Call): Answer {
  const ids = (call.request.query.get('ids') ?? '').split(',').filter(Boolean)
  if (ids.length === 0) return failed(400, 'MISSING_ARGUMENT', 'Must provide ids')
  if (ids.length > MOST_RECORDS)
    return failed(400, 'EXCEEDED_ID_LIMIT', `cannot delete more than ${MOST_RECORDS} records`)
  return { status: 200, body: ids.map((id) => remove(call, id)) }
}

export function remove(call: Call, id: string): Result {
  const object = call.rows.collections().find((name) => hasObject(name) && call.rows.get(name, id) !== undefined)
  const row = object === undefined ? undefined : call.rows.get(object, id)
  if (object === undefined || !row) return refused('INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id')
  if (row.IsDeleted === true) return refused('ENTITY_IS_DELETED', 'entity is deleted')
  const said = call.options.rule?.(object, { ...row, IsDeleted: true })
  if (said !== undefined) return refused(said.code, said.message, said.fields)
  call.rows.put(object, id, { ...row, IsDeleted: true })
  return { id, success: true, errors: [] }
}
