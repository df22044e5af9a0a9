import { listOf, textOf, tryJson } from '../answer.ts'
import type { Json } from '../connector.ts'
import type { Vendor } from '../sandbox/emulator.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { Stand } from '../sandbox/stand.ts'
import type { Row, Rows } from '../sandbox/store.ts'
import { describe, hasObject, isField, needs, valueError, wrongJson } from './emulator-objects.ts'
import { homeOf, type OrgAccount } from './org.ts'

export interface SalesforceOptions {
  /** Address that a login names for data. */
  readonly origin: string
  readonly clientId: string
  readonly clientSecret: string
  /** Custom fields by object, besides the standard ones. Any `X__c` may be written; these are described too. */
  readonly fields: ReadonlyMap<string, readonly string[]>
}

const MOST_RECORDS = 200

/** A Salesforce org: records by object, upserted by external id, and the errors that Salesforce answers. */
export function salesforceVendor(options: SalesforceOptions): Vendor {
  const tokens = new Set<string>()
  const index = new ExternalIds()
  return {
    answer: (request, rows) => {
      if (request.path === '/services/oauth2/token') return login(request, options, tokens)
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
      if (token === undefined || !tokens.has(token))
        return failed(401, 'INVALID_SESSION_ID', 'Session expired or invalid')
      const path = /^\/services\/data\/v\d+\.0(\/.*)$/.exec(request.path)?.[1]
      const answer = path === undefined ? notFound() : route({ request, path, rows, options, index })
      return { ...answer, headers: { 'sforce-limit-info': `api-usage=${request.number}/15000` } }
    },
    writes: (request) => request.method !== 'GET' && !request.path.endsWith('/oauth2/token'),
    contents: (rows) =>
      rows.collections().map((object) => ({
        place: object,
        rows: [...rows.all(object)].filter(([, row]) => row.IsDeleted !== true).map(([Id, row]) => ({ Id, ...row })),
      })),
  }
}

function login(request: Seen, options: SalesforceOptions, tokens: Set<string>): Answer {
  const form = new URLSearchParams(request.body)
  const refuse = (error: string, text: string): Answer => ({ status: 400, body: { error, error_description: text } })
  if (form.get('grant_type') !== 'client_credentials')
    return refuse('unsupported_grant_type', 'grant type not supported')
  if (form.get('client_id') !== options.clientId) return refuse('invalid_client_id', 'client identifier invalid')
  if (form.get('client_secret') !== options.clientSecret) return refuse('invalid_client', 'invalid client credentials')
  const token = `00Dsandbox!token-${request.number}`
  tokens.add(token)
  const body = { access_token: token, instance_url: options.origin, token_type: 'Bearer', id: '', issued_at: '0' }
  return { status: 200, body }
}

interface Call {
  readonly request: Seen
  readonly path: string
  readonly rows: Rows
  readonly options: SalesforceOptions
  readonly index: ExternalIds
}

function route(call: Call): Answer {
  const { method } = call.request
  const [, described] = /^\/sobjects\/(\w+)\/describe$/.exec(call.path) ?? []
  if (method === 'GET' && described !== undefined)
    return hasObject(described)
      ? { status: 200, body: describe(described, call.options.fields.get(described) ?? [], call.rows) }
      : notFound()
  const [, rest] = /^\/query\/([\w-]+-\d+)$/.exec(call.path) ?? []
  if (method === 'GET' && (rest !== undefined || call.path === '/query')) return query(call, rest)
  if (method === 'DELETE' && call.path === '/composite/sobjects') return remove(call)
  if (method !== 'PATCH') return failed(405, 'METHOD_NOT_ALLOWED', `HTTP Method '${method}' not allowed.`)
  const [, object, field] = /^\/composite\/sobjects(?:\/(\w+)\/(\w+))?$/.exec(call.path) ?? []
  if (object !== undefined && field !== undefined)
    return collection(call, (record) => upsert(call, record, object, field))
  return call.path === '/composite/sobjects' ? collection(call, (record) => update(call, record)) : notFound()
}

type Result = { readonly [key: string]: Json }

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
  const [, object, field] = /^\/composite\/sobjects\/(\w+)\/(\w+)$/.exec(call.path) ?? []
  if (object !== undefined && field !== undefined) {
    if (!hasObject(object)) return failed(404, 'NOT_FOUND', 'The requested resource does not exist')
    if (!isField(object, field) || !(field.endsWith('__c') || field === 'Email'))
      return failed(404, 'NOT_FOUND', `Provided external ID field does not exist or is not accessible: ${field}`)
    return { status: 200, body: withoutTwins(records, field, act) }
  }
  return { status: 200, body: records.map(act) }
}

/** The second of two records with one external id fails. */
function withoutTwins(records: readonly Row[], field: string, act: (record: Row) => Result): Result[] {
  const seen = new Set<string>()
  return records.map((record) => {
    const value = String(record[field]).toLowerCase()
    if (seen.has(value)) return refused('DUPLICATE_VALUE', `Duplicate external id specified: ${record[field]}`, [field])
    seen.add(value)
    return act(record)
  })
}

function upsert(call: Call, record: Row, object: string, field: string): Result {
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

function update(call: Call, record: Row): Result {
  const object = textOf(record.attributes, 'type')
  const id = textOf(record, 'id') || textOf(record, 'Id')
  const before = call.rows.get(object, id)
  if (!before) return refused('INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id')
  if (before.IsDeleted === true) return refused('ENTITY_IS_DELETED', 'entity is deleted')
  return save(call, object, id, record)
}

function save(call: Call, object: string, id: string | undefined, record: Row): Result {
  const fields: Record<string, Json> = {}
  for (const [name, value] of Object.entries(record)) {
    if (name === 'attributes' || name === 'id' || name === 'Id') continue
    const parent = typeof value === 'object' && value !== null ? parentOf(call, name, value as Row) : undefined
    if (parent?.error) return parent.error
    if (parent) fields[parent.field] = parent.id
    else if (!isField(object, name))
      return refused('INVALID_FIELD', `No such column '${name}' on sobject of type ${object}`, [name])
    else fields[name] = value
    const wrong = valueError(name, value)
    if (wrong) return refused(wrong.code, wrong.message, [name])
  }
  const before = id === undefined ? {} : (call.rows.get(object, id) ?? {})
  const row: Row = { ...before, ...fields }
  const absent = needs(object).filter((name) => row[name] === undefined || row[name] === null || row[name] === '')
  if (absent.length > 0)
    return refused('REQUIRED_FIELD_MISSING', `Required fields are missing: [${absent.join(', ')}]`, absent)
  const place = id ?? newId(object, call.rows)
  call.rows.put(object, place, row)
  call.index.add(object, place, row)
  return { id: place, success: true, created: id === undefined, errors: [] }
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

function newId(object: string, rows: Rows): string {
  const prefix = PREFIXES.get(object) ?? 'a00'
  // Deleted records keep their place, so the count never repeats.
  return `${prefix}${String(rows.size(object) + 1).padStart(12, '0')}AAA`
}

const PREFIXES = new Map([
  ['Account', '001'],
  ['Contact', '003'],
  ['Lead', '00Q'],
])

function remove(call: Call): Answer {
  const ids = (call.request.query.get('ids') ?? '').split(',').filter(Boolean)
  if (ids.length === 0) return failed(400, 'MISSING_ARGUMENT', 'Must provide ids')
  if (ids.length > MOST_RECORDS)
    return failed(400, 'EXCEEDED_ID_LIMIT', `cannot delete more than ${MOST_RECORDS} records`)
  return { status: 200, body: ids.map((id) => removeOne(call, id)) }
}

function removeOne(call: Call, id: string): Result {
  const object = call.rows.collections().find((name) => call.rows.get(name, id) !== undefined)
  const row = object === undefined ? undefined : call.rows.get(object, id)
  if (object === undefined || !row) return refused('INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id')
  if (row.IsDeleted === true) return refused('ENTITY_IS_DELETED', 'entity is deleted')
  call.rows.put(object, id, { ...row, IsDeleted: true })
  return { id, success: true, errors: [] }
}

/** Records a page, as the vendor has it unless told. */
const PAGE = 2_000

/** The two forms of query: by external ids, and of all records that have one. `rest` names a further page. */
function query(call: Call, rest: string | undefined): Answer {
  const [, named, offset = '0'] = /^(.+)-(\d+)$/.exec(rest ?? '') ?? []
  const said = named === undefined ? (call.request.query.get('q') ?? '') : Buffer.from(named, 'base64url').toString()
  const [, selected, object, field, values] =
    /^SELECT ([\w., ]+) FROM (\w+) WHERE (\w+) (?:IN \((.+)\)|!= null)$/s.exec(said) ?? []
  if (selected === undefined || object === undefined || field === undefined)
    return failed(400, 'MALFORMED_QUERY', 'unexpected token')
  if (!hasObject(object)) return failed(400, 'INVALID_TYPE', `sObject type '${object}' is not supported.`)
  const names = selected.split(', ')
  const unknown = [...names, field].find((name) => name !== 'Id' && !name.includes('.') && !isField(object, name))
  if (unknown !== undefined) return failed(400, 'INVALID_FIELD', `No such column '${unknown}' on entity '${object}'.`)
  const ids = values === undefined ? withValue(call, object, field) : byValues(call, object, field, values)
  const page = ids.slice(Number(offset), Number(offset) + PAGE)
  const records = page.map((Id) => ({
    attributes: { type: object },
    ...Object.assign({}, ...names.map((name) => cell(call, object, Id, name))),
  }))
  const end = Number(offset) + page.length
  const next = `${call.request.path.replace(/\/query.*$/, '')}/query/${Buffer.from(said).toString('base64url')}-${end}`
  const done = end === ids.length
  return { status: 200, body: { totalSize: ids.length, done, ...(!done && { nextRecordsUrl: next }), records } }
}

function byValues(call: Call, object: string, field: string, values: string): readonly string[] {
  return [...values.matchAll(/'((?:\\.|[^'\\])*)'/gs)].flatMap(([, quoted = '']) =>
    call.index.find(call.rows, object, field, unescaped(quoted)),
  )
}

function withValue(call: Call, object: string, field: string): readonly string[] {
  const all = [...call.rows.all(object)]
  return all.filter(([, row]) => row.IsDeleted !== true && (row[field] ?? null) !== null).map(([id]) => id)
}

/** One selected field of a record; of a parent as an object of its own. */
function cell(call: Call, object: string, id: string, name: string): Row {
  if (name === 'Id') return { Id: id }
  const row = call.rows.get(object, id) ?? {}
  const [parent = '', field] = name.split('.')
  if (field === undefined) return { [name]: row[name] ?? null }
  const of = parent.endsWith('__r') ? `${parent.slice(0, -1)}c` : parent
  const key = row[parent.endsWith('__r') ? of : `${parent}Id`]
  const found = typeof key === 'string' ? call.rows.get(of, key) : undefined
  return { [parent]: found === undefined ? null : { [field]: found[field] ?? null } }
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/gs, (_, one: string) => (one === 'n' ? '\n' : one === 'r' ? '\r' : one))
}

/** Record ids by lower-cased external id, built when a field is first asked for. */
class ExternalIds {
  readonly #fields = new Map<string, Map<string, Set<string>>>()

  find(rows: Rows, object: string, field: string, value: Json): readonly string[] {
    const name = `${object}.${field}`
    const known = this.#fields.get(name) ?? new Map<string, Set<string>>()
    if (!this.#fields.has(name)) {
      this.#fields.set(name, known)
      for (const [id, row] of rows.all(object)) enter(known, id, row[field])
    }
    // The index only grows: what was changed, deleted or reset since is told by the row itself.
    return [...(known.get(text(value)) ?? [])].filter((id) => {
      const row = rows.get(object, id)
      return row !== undefined && row.IsDeleted !== true && text(row[field]) === text(value)
    })
  }

  add(object: string, id: string, row: Row): void {
    for (const [name, known] of this.#fields) {
      const [of, field] = name.split('.')
      if (of === object && field !== undefined) enter(known, id, row[field])
    }
  }
}

function enter(known: Map<string, Set<string>>, id: string, value: Json | undefined): void {
  if (value === undefined || value === null) return
  const ids = known.get(text(value)) ?? new Set()
  known.set(text(value), ids.add(id))
}

function text(value: Json | undefined): string {
  return String(value ?? '').toLowerCase()
}

function refused(statusCode: string, message: string, fields: readonly string[] = []): Result {
  return { success: false, errors: [{ statusCode, message, fields }] }
}

function notFound(): Answer {
  return failed(404, 'NOT_FOUND', 'The requested resource does not exist')
}

function failed(status: number, errorCode: string, message: string): Answer {
  return { status, body: [{ message, errorCode }] }
}

/** What stands in for one account. */
export function salesforceStand(opened: unknown): Stand {
  const account = opened as OrgAccount
  const origin = homeOf(account)
  return {
    identity: `salesforce ${origin}`,
    isHost: (url) => url.origin === origin,
    claims: (_, url) => url.pathname.startsWith('/services/'),
    vendor: (places) => {
      const fields = new Map<string, string[]>()
      for (const { into, columns } of places) {
        const { object } = into as { readonly object: string }
        fields.set(object, [...(fields.get(object) ?? []), ...columns.key, ...columns.fields])
      }
      return salesforceVendor({ origin, clientId: account.client_id, clientSecret: account.client_secret, fields })
    },
  }
}
