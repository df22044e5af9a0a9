import { listOf, member, textOf } from '../answer.ts'
import type { Json } from '../connector.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import type { Row, Rows } from '../sandbox/store.ts'
import { type Call, failed, membershipsOf, type Property, RECORDS, type Stumble, typeIdOf } from './emulator-account.ts'

const FORGOTTEN = 'forgotten addresses'
const COUNTER = 'counter'
const MOST = 100

/** A call about records and their properties; undefined where it is none. */
export function objectRoute(call: Call): Answer | undefined {
  const { method, path } = call.request
  const [, about, object = '', act = ''] = /^\/crm\/v3\/(objects|properties|schemas)\/([^/]+)(\/.*)?$/.exec(path) ?? []
  if (about === undefined) return undefined
  const known = call.options.objects.get(object)
  if (!known) return failed(404, 'OBJECT_NOT_FOUND', `Unable to infer object type from: ${object}`)
  const here: ObjectCall = { ...call, object, known: withOwn(object, known) }
  switch (`${about} ${method} ${act}`) {
    case 'properties GET ':
      return { status: 200, body: { results: here.known.map(shownProperty) } }
    case 'schemas GET ':
      return { status: 200, body: { name: object, objectTypeId: typeIdOf(object) } }
    case 'objects GET ':
      return page(here)
    case 'objects POST /batch/read':
      return read(here)
    case 'objects POST /batch/upsert':
      return write(here, true)
    case 'objects POST /batch/create':
      return create(here)
    case 'objects POST /batch/update':
      return write(here, false)
    case 'objects POST /batch/archive':
      for (const one of listOf(call.body, 'inputs')) drop(here, textOf(one, 'id'))
      return { status: 204 }
    case 'objects POST /gdpr-delete':
      return forget(here)
    default:
      return failed(405, 'VALIDATION_ERROR', 'Method not allowed.')
  }
}

interface ObjectCall extends Call {
  readonly object: string
  readonly known: readonly Property[]
}

/** What every object has. */
function withOwn(object: string, known: readonly Property[]): readonly Property[] {
  const own: readonly Property[] = [
    { name: 'hs_object_id', readOnly: true },
    ...(object === 'contacts' ? [{ name: 'email' }, { name: 'hs_additional_emails' }] : []),
  ]
  return [...new Map([...known, ...own].map((one) => [one.name, one])).values()]
}

function shownProperty({ name, unique = false, readOnly = false, type }: Property): Json {
  return { name, type: type ?? 'string', hasUniqueValue: unique, modificationMetadata: { readOnlyValue: readOnly } }
}

function page({ request, rows, object }: ObjectCall): Answer {
  const limit = Number(request.query.get('limit') ?? 10)
  const after = Number(request.query.get('after') ?? 0)
  if (!(limit <= MOST)) return failed(400, 'VALIDATION_ERROR', `limit must be at most ${MOST}`)
  const all = [...rows.all(RECORDS + object)]
  const wanted = (request.query.get('properties') ?? '').split(',')
  const results = all.slice(after, after + limit).map(([id, row]) => shown(id, row, wanted))
  const next = after + limit < all.length ? { paging: { next: { after: String(after + limit) } } } : {}
  return { status: 200, body: { results, ...next } }
}

/** A record with the named properties; null where it has no value. */
function shown(id: string, row: Row, wanted: readonly string[]): { id: string; properties: Row } {
  return { id, properties: Object.fromEntries(wanted.map((name) => [name, row[name] ?? null])) }
}

function read(call: ObjectCall): Answer {
  const inputs = listOf(call.body, 'inputs')
  if (inputs.length > MOST) return tooMany()
  const name = textOf(call.body, 'idProperty')
  const wanted = listOf(call.body, 'properties').map(String)
  const found = inputs.map((one) => find(call, textOf(one, 'id'), name))
  const results = new Map(found.flatMap((one) => (one ? [[one[0], shown(...one, wanted)] as const] : [])))
  const absent = inputs.filter((_, index) => found[index] === undefined).map((one) => textOf(one, 'id'))
  const body = { status: 'COMPLETE', results: [...results.values()] }
  if (absent.length === 0) return { status: 200, body }
  const message = 'Could not get some records, they may be deleted or not exist.'
  const errors = [{ status: 'error', category: 'OBJECT_NOT_FOUND', message, context: { ids: absent } }]
  return { status: 207, body: { ...body, numErrors: absent.length, errors } }
}

/** A record by its id, or by a property with unique values; contacts by their other addresses, too. */
function find({ rows, object }: ObjectCall, value: string, name: string): readonly [string, Row] | undefined {
  const wanted = name === 'email' ? value.toLowerCase() : value
  const id = name === '' ? value : textOf(rows.get(indexOf(object, name), wanted), 'id')
  const row = rows.get(RECORDS + object, id)
  return row && [id, row]
}

function indexOf(object: string, name: string): string {
  return `index ${object} ${name}`
}

/** The values by which a record can be found. */
function indexed({ object, known }: ObjectCall, row: Row): readonly (readonly [index: string, value: string])[] {
  const names = known.filter((one) => one.unique).map((one) => one.name)
  const values = names.map((name) => [indexOf(object, name), textOf(row, name)] as const)
  const addresses = [textOf(row, 'email'), ...textOf(row, 'hs_additional_emails').split(';')]
  const others = object === 'contacts' ? addresses.map((one) => [indexOf(object, 'email'), one] as const) : []
  return [...values, ...others].filter(([, value]) => value !== '')
}

function tooMany(): Answer {
  return failed(400, 'VALIDATION_ERROR', `The maximum batch size is ${MOST}`)
}

/** One record that is there already has the whole batch refused, and so has a property that no record can have. */
function create(call: ObjectCall): Answer {
  const inputs = listOf(call.body, 'inputs')
  if (inputs.length > MOST) return tooMany()
  const unknown = inputs.flatMap((one) => unknownIn(call, one))
  if (unknown.length > 0) return failed(400, 'VALIDATION_ERROR', 'Some properties do not exist.', { errors: unknown })
  const taken = inputs.map((one) => inputError(call, one, undefined)).find((one) => one?.category === 'CONFLICT')
  if (taken) return failed(409, 'CONFLICT', String(taken.message))
  return written(call, inputs, true)
}

function unknownIn({ known }: ObjectCall, one: Json): readonly Json[] {
  const names = Object.keys((member(one, 'properties') ?? {}) as Row)
  return names
    .filter((name) => !known.some((property) => property.name === name))
    .map((name) => ({
      message: `Property "${name}" does not exist`,
      code: 'PROPERTY_DOESNT_EXIST',
      context: { propertyName: [name] },
    }))
}

function write(call: ObjectCall, creates: boolean): Answer {
  const inputs = listOf(call.body, 'inputs')
  return wholeRefusal(call, inputs) ?? written(call, inputs, creates)
}

function written(call: ObjectCall, inputs: readonly Json[], creates: boolean): Answer {
  const results: Json[] = []
  const errors: Json[] = []
  for (const one of inputs) {
    const objectWriteTraceId = textOf(one, 'objectWriteTraceId')
    const found = find(call, textOf(one, 'id'), textOf(one, 'idProperty'))
    const stumble = call.options.stumbles?.((member(one, 'properties') ?? {}) as Row)
    const wrong = stumbled(stumble) ?? (found || creates ? inputError(call, one, found?.[0]) : NOT_FOUND)
    const context = stumble?.unnamed ? {} : { context: { objectWriteTraceId: [objectWriteTraceId] } }
    if (wrong) errors.push({ status: 'error', ...wrong, ...context })
    else {
      const [id, row] = save(call, one, found)
      results.push({ ...shown(id, row, Object.keys(row)), new: !found, objectWriteTraceId })
    }
  }
  // Not in the order of the inputs, which nobody promises.
  const body = { status: 'COMPLETE', results: results.reverse() }
  return errors.length === 0
    ? { status: 200, body }
    : { status: 207, body: { ...body, numErrors: errors.length, errors } }
}

function stumbled(stumble: Stumble | undefined): Row | undefined {
  return stumble && { category: stumble.category, message: 'There was a problem with the request.' }
}

const NOT_FOUND = { category: 'OBJECT_NOT_FOUND', message: 'The record may be deleted or not exist.' }

/** Why not a single input is looked at. */
function wholeRefusal({ object, known }: ObjectCall, inputs: readonly Json[]): Answer | undefined {
  if (inputs.length > MOST) return tooMany()
  const ids = inputs.map((one) => textOf(one, 'id').toLowerCase())
  if (new Set(ids).size < ids.length) return failed(400, 'VALIDATION_ERROR', 'Duplicate IDs found in batch input.')
  for (const one of inputs) {
    const name = textOf(one, 'idProperty')
    const isUnique = name === '' || known.some((property) => property.name === name && property.unique)
    if (!isUnique && !(name === 'email' && object === 'contacts'))
      return failed(
        400,
        'VALIDATION_ERROR',
        `Unable to perform update/upsert by non-unique ${typeIdOf(object)} property`,
      )
    if (Object.values((member(one, 'properties') ?? {}) as Row).some((value) => typeof value !== 'string'))
      return failed(400, 'VALIDATION_ERROR', 'Invalid input JSON: property values must be text.')
  }
  return undefined
}

function inputError(call: ObjectCall, one: Json, id: string | undefined): Row | undefined {
  const properties = (member(one, 'properties') ?? {}) as Readonly<Record<string, string>>
  for (const [name, value] of Object.entries(properties)) {
    const property = call.known.find((known) => known.name === name)
    if (!property) return invalid('PROPERTY_DOESNT_EXIST', name, `Property "${name}" does not exist`)
    if (property.readOnly) return invalid('READ_ONLY_VALUE', name, `"${name}" is a read only property`)
    if (value !== '' && property.type && !FITS[property.type].test(value))
      return invalid(`INVALID_${property.type.toUpperCase()}`, name, `${value} was not a valid ${property.type}.`)
    if (name === 'email' && call.object === 'contacts' && !EMAIL.test(value))
      return invalid('INVALID_EMAIL', name, `Email address ${value} is invalid`)
    if (call.rows.get(FORGOTTEN, value.toLowerCase()) && name === 'email')
      return { category: 'VALIDATION_ERROR', message: 'The address was deleted for the GDPR and cannot be used again.' }
    const isSingle = property.unique || (name === 'email' && call.object === 'contacts')
    const other = isSingle && value !== '' ? find(call, value, name)?.[0] : undefined
    if (other !== undefined && other !== id)
      return { category: 'CONFLICT', message: `Record already exists. Existing ID: ${other}` }
  }
  return undefined
}

const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/
const FITS = {
  date: /^\d{4}-\d\d-\d\d$|^-?\d+$/,
  datetime: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$|^-?\d+$/,
  number: /^-?\d+(\.\d+)?$/,
  bool: /^(true|false)$/,
} as const

/** HubSpot puts what is wrong with values into the message. */
function invalid(error: string, name: string, message: string): Row {
  const listed = JSON.stringify([{ isValid: false, message, error, name, portalId: 1 }])
  return { category: 'VALIDATION_ERROR', message: `Property values were not valid: ${listed}` }
}

function save(call: ObjectCall, one: Json, found: readonly [string, Row] | undefined): readonly [string, Row] {
  const properties = { ...((member(one, 'properties') ?? {}) as Readonly<Record<string, string>>) }
  if (call.object === 'contacts' && properties.email !== undefined) properties.email = properties.email.toLowerCase()
  const id = found?.[0] ?? nextId(call.rows)
  const kept = Object.entries({ ...found?.[1], ...properties, hs_object_id: id }).filter(([, value]) => value !== '')
  const row = Object.fromEntries(kept)
  if (found) for (const [index, value] of indexed(call, found[1])) call.rows.drop(index, value)
  for (const [index, value] of indexed(call, row)) call.rows.put(index, value, { id })
  call.rows.put(RECORDS + call.object, id, row)
  return [id, row]
}

function nextId(rows: Rows): string {
  const last = Number(rows.get(COUNTER, 'last')?.id ?? 500) + 1
  rows.put(COUNTER, 'last', { id: last })
  return String(last)
}

function drop(call: ObjectCall, id: string): void {
  const { rows, object } = call
  const row = rows.get(RECORDS + object, id)
  if (!row) return
  for (const [index, value] of indexed(call, row)) rows.drop(index, value)
  rows.drop(RECORDS + object, id)
  for (const list of membershipsOf(rows)) if (rows.get(list, id)) rows.drop(list, id)
}

function forget(call: ObjectCall): Answer {
  if (call.object !== 'contacts') return failed(404, 'OBJECT_NOT_FOUND', 'Only contacts can be deleted so.')
  const id = textOf(call.body, 'objectId')
  const name = textOf(call.body, 'idProperty')
  const found = find(call, id, name)
  if (!found && name !== 'email') return failed(404, 'OBJECT_NOT_FOUND', 'No such contact.')
  const address = found ? String(found[1].email ?? '') : id.toLowerCase()
  call.rows.put(FORGOTTEN, address, {})
  if (found) drop(call, found[0])
  return { status: 204 }
}
