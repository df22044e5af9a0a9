import { z } from 'zod'
import { secret } from '../../secret.ts'
import { cleaned, jsonOf, listOf, member, textOf } from '../answer.ts'
import {
  type Change,
  type Channel,
  DestinationError,
  defineConnector,
  type Io,
  type Json,
  type LeaveVerb,
  type Limit,
  type Receipt,
} from '../connector.ts'
import { type Org, openOrg, quotaHint } from './org.ts'
import { chunked, readRecords, recordsOf, soqlText } from './query.ts'

// Vendor facts, https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/
// (resources_composite_sobjects_collections_upsert.htm and its neighbours):
// - `PATCH /composite/sobjects/{Object}/{ExternalIdField}` takes 200 records and answers 200 with one result a record,
//   in the order of the request; with `allOrNone: false` a bad record does not hold up the others.
// - null clears a field; a parent is named by its external id in a nested object.
// - Deleting and updating go by record id, 200 a call; a deleted record stays 15 days in the recycle bin.
// - How many API calls an org has a day depends on edition and licences: `GET /limits`, DailyApiRequests. So it is asked.
// - External ids of text are compared without regard to case unless the field says otherwise.

const account = z
  .strictObject({
    domain: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'My Domain name, such as "acme" or "acme.my.salesforce.com".' }),
    instance_url: z.string().min(1).optional().meta({ description: 'Whole address of the org, instead of "domain".' }),
    client_id: z.string().min(1).meta({ description: 'Consumer key of an External Client App with a run-as user.' }),
    client_secret: secret('Consumer secret of that app.'),
    api_version: z
      .string()
      .regex(/^\d+\.0$/, 'must look like 67.0')
      .default('67.0')
      .meta({ description: 'Version of the REST API.' }),
    daily_calls: z.number().int().positive().optional().meta({
      description: 'API calls that the org allows in 24 hours, for the guard `max_calls`. Default: not known.',
    }),
    max_api_usage: z.number().gt(0).lte(1).default(0.8).meta({
      description: "Share of the org's API calls of 24 hours, used by anybody, at which a run sends no more.",
    }),
  })
  .refine((one) => (one.domain === undefined) !== (one.instance_url === undefined), {
    message: 'needs either "domain" or "instance_url"',
  })

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/

const into = z.strictObject({
  object: z
    .string()
    .regex(NAME, 'must be an API name')
    .meta({ description: 'API name of the object, such as Contact.' }),
})

type Account = z.infer<typeof account>
type Into = z.infer<typeof into>

const LEAVES: readonly LeaveVerb[] = [
  verb('clear', 'Empties the named field.', 'text'),
  verb('set', 'Writes a value into a field: "Status__c=Former".', 'text'),
  { ...verb('opt_out', 'Sets the named checkbox, such as HasOptedOutOfEmail.', 'text'), stopsContact: true },
  {
    ...verb('delete', 'Moves the record to the recycle bin, for 15 days.', 'nothing'),
    stopsContact: true,
    deletes: true,
    takesAway: true,
  },
]

function verb(name: string, description: string, takes: LeaveVerb['takes']): LeaveVerb {
  return { verb: name, description, takes, stopsContact: false, deletes: false }
}

const LIMIT: Limit = { rows: 200, bytes: 4 * 1024 * 1024, calls: 25, perMs: 1_000, inFlight: 5 }

/** Records of one Salesforce object, by an external id. */
export const salesforce = defineConnector<Account, Into>({
  name: 'salesforce',
  title: 'Salesforce records',
  account,
  into,
  modes: ['upsert', 'update', 'mirror'],
  leaves: LEAVES,
  erase: 'remove',
  settlesWithin: 5 * 60_000,
  delivers: () => 'changes',
  reads: () => true,
  foldsKeys: true,
  limits: ({ daily_calls: perDay }) => {
    const limit = perDay === undefined ? LIMIT : { ...LIMIT, perDay }
    return { upsert: limit, remove: limit }
  },
  fields: () => ({ known: [], open: true }),
  place: (account, into) => `salesforce ${account.instance_url ?? account.domain} ${into.object}`,
  credential: (account) => JSON.stringify([account.instance_url ?? account.domain, account.client_id]),
  pace: (account, response) => quotaHint(response, account.max_api_usage),
  open: (account, io) => {
    const org = openOrg(account, io)
    return {
      check: (into) => check(org, into, io),
      // A batch is removed by one verb.
      partition: (change) => `${change.leave?.verb ?? ''} ${change.leave?.argument ?? ''}`,
      send: async (batch, into) => {
        const first = batch[0]
        if (!first) return []
        if (first.op === 'remove') return remove(org, batch, into)
        return io.mode === 'update' ? update(org, batch, into) : upsert(org, batch, into)
      },
      read: (keys, into) => {
        const place = { object: into.object, key: keyField(io.columns.key), fields: io.columns.fields }
        return readRecords(org, keys, place, io)
      },
    } satisfies Channel<Into>
  },
})

async function check(org: Org, into: Into, io: Io): Promise<void> {
  const field = keyField(io.columns.key)
  const answer = await org.request('GET', `/sobjects/${into.object}/describe`)
  if (answer.status === 404)
    throw new DestinationError('config', 'no_object', `The org has no object "${into.object}" that the app may see.`)
  const known = new Map(
    listOf(jsonOf(org.checked(answer)), 'fields').map((one) => [textOf(one, 'name').toLowerCase(), one]),
  )
  const names = [field, ...io.columns.fields.filter((name) => !name.includes('.'))]
  const missing = names.filter((name) => !known.has(name.toLowerCase()))
  if (missing.length > 0)
    throw new DestinationError('config', 'no_field', `"${into.object}" has no field ${quoted(missing)}.`)
  const key = known.get(field.toLowerCase())
  if (member(key, 'externalId') !== true && member(key, 'idLookup') !== true)
    throw new DestinationError('config', 'no_external_id', `"${field}" of "${into.object}" is not an external id.`)
  const fixed = io.columns.fields.filter((name) => member(known.get(name.toLowerCase()), 'updateable') === false)
  if (fixed.length > 0)
    throw new DestinationError('config', 'read_only', `The app may not write ${quoted(fixed)} of "${into.object}".`)
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ')
}

function keyField(names: readonly string[]): string {
  const [name, ...more] = names
  if (name === undefined || more.length > 0 || !NAME.test(name))
    throw new DestinationError('config', 'bad_key', 'The key must be one external id field, such as Ext_Id__c.')
  return name
}

async function upsert(org: Org, batch: readonly Change[], into: Into): Promise<readonly Receipt[]> {
  const field = keyField(Object.keys(batch[0]?.key ?? {}))
  const records = batch.map((change) => recordOf({ ...change.key, ...change.fields }, into))
  const answer = await org.request('PATCH', `/composite/sobjects/${into.object}/${field}`, bodyOf(records))
  return receiptsFrom(jsonOf(org.checked(answer)), batch, org)
}

/** Updates go by record id, for an upsert would make the records that are missing. */
async function update(org: Org, batch: readonly Change[], into: Into): Promise<readonly Receipt[]> {
  return byId(org, batch, into, {
    absent: { outcome: 'refused', kind: 'row', code: 'NOT_FOUND', message: 'There is no record with this key.' },
    act: (found) => patch(org, found, into, (change) => change.fields),
  })
}

async function remove(org: Org, batch: readonly Change[], into: Into): Promise<readonly Receipt[]> {
  const receipts = await byId(org, batch, into, {
    absent: { outcome: 'written' },
    act: (found) => leave(org, found, into),
  })
  return receipts.map((one) =>
    one.outcome === 'refused' && GONE.has(one.code) ? ({ outcome: 'written' } satisfies Receipt) : one,
  )
}

/** What is no longer there has left. */
const GONE = new Set(['ENTITY_IS_DELETED', 'NOT_FOUND', 'INVALID_CROSS_REFERENCE_KEY'])

type Found = readonly { readonly change: Change; readonly id: string }[]

async function leave(org: Org, found: Found, into: Into): Promise<readonly Receipt[]> {
  const action = found[0]?.change.leave
  const argument = action?.argument ?? ''
  switch (action?.verb) {
    case 'clear':
      return patch(org, found, into, () => ({ [argument]: null }))
    case 'set':
      return patch(org, found, into, () => assignment(argument))
    case 'opt_out':
      return patch(org, found, into, () => ({ [argument]: true }))
    case 'delete': {
      const ids = found.map((one) => one.id).join(',')
      const answer = await org.request('DELETE', `/composite/sobjects?ids=${ids}&allOrNone=false`)
      return receiptsFrom(
        jsonOf(org.checked(answer)),
        found.map((one) => one.change),
        org,
      )
    }
    default:
      throw new DestinationError('config', 'bad_leave', `Salesforce cannot "${action?.verb ?? ''}" a record.`)
  }
}

function assignment(argument: string): Readonly<Record<string, Json>> {
  const [, field, value] = /^\s*([A-Za-z]\w*)\s*=\s*(.*)$/s.exec(argument) ?? []
  if (field === undefined || value === undefined)
    throw new DestinationError('config', 'bad_leave', `"set" takes a field and its value: "Status__c=Former".`)
  if (value === 'true' || value === 'false') return { [field]: value === 'true' }
  return { [field]: value }
}

async function patch(
  org: Org,
  found: Found,
  into: Into,
  fields: (change: Change) => Readonly<Record<string, Json>>,
): Promise<readonly Receipt[]> {
  const records = found.map(({ change, id }) => ({ ...recordOf(fields(change), into), id }))
  const answer = await org.request('PATCH', '/composite/sobjects', bodyOf(records))
  return receiptsFrom(
    jsonOf(org.checked(answer)),
    found.map((one) => one.change),
    org,
  )
}

interface ById {
  /** The receipt of a change without a record. */
  readonly absent: Receipt
  act(found: Found): Promise<readonly Receipt[]>
}

async function byId(org: Org, batch: readonly Change[], into: Into, how: ById): Promise<readonly Receipt[]> {
  const unknown = batch.filter((change) => change.destinationId === undefined)
  const ids = unknown.length === 0 ? new Map<string, string>() : await lookUp(org, unknown, into)
  const found = batch.flatMap((change) => {
    const id = change.destinationId ?? ids.get(keyOf(change))
    return id === undefined ? [] : [{ change, id }]
  })
  const receipts = found.length === 0 ? [] : await how.act(found)
  const byChange = new Map(found.map((one, index) => [one.change, receipts[index]]))
  return batch.map((change) => (byChange.has(change) ? (byChange.get(change) ?? missing()) : how.absent))
}

/** Record ids by lower-cased key. */
async function lookUp(org: Org, changes: readonly Change[], into: Into): Promise<ReadonlyMap<string, string>> {
  const field = keyField(Object.keys(changes[0]?.key ?? {}))
  const ids = new Map<string, string>()
  for (const values of chunked(changes.map((change) => soqlText(String(change.key[field]))))) {
    const query = `SELECT Id, ${field} FROM ${into.object} WHERE ${field} IN (${values.join(',')})`
    for await (const record of recordsOf(org, query))
      ids.set(String(member(record, field)).toLowerCase(), textOf(record, 'Id'))
  }
  return ids
}

function keyOf(change: Change): string {
  return String(Object.values(change.key)[0]).toLowerCase()
}

/** A record as the collections calls take it: `Account.Ext_Id__c` becomes a nested object. */
export function recordOf(fields: Readonly<Record<string, Json>>, into: Into): Readonly<Record<string, Json>> {
  const record: Record<string, Json> = { attributes: { type: into.object } }
  for (const [name, value] of Object.entries(fields)) {
    const [parent, field] = name.split('.')
    if (parent !== undefined && field !== undefined) record[parent] = value === null ? null : { [field]: value }
    else record[name] = value
  }
  return record
}

/** The body of a collections call. */
export function bodyOf(records: readonly Readonly<Record<string, Json>>[]): Json {
  return { allOrNone: false, records }
}

/**
 * One receipt a change: the answer keeps the order of the request. When no record was written and the reason concerns
 * the whole app (rights, storage), it is thrown, so that no row is blamed for it.
 */
export function receiptsFrom(answer: Json, batch: readonly Change[], org: Pick<Org, 'secrets'>): readonly Receipt[] {
  const results = Array.isArray(answer) ? (answer as readonly Json[]) : []
  // Only their places say whose results they are: of more or fewer, nobody knows.
  if (results.length !== batch.length) return batch.map(missing)
  const wrote = results.some((one) => member(one, 'success') === true)
  return batch.map((_, index): Receipt => {
    const result = results[index]
    if (result === undefined) return missing()
    if (member(result, 'success') === true) return { outcome: 'written', id: textOf(result, 'id') }
    const error = listOf(result, 'errors')[0]
    const code = textOf(error, 'statusCode') || textOf(error, 'errorCode') || 'UNKNOWN'
    const message = textOf(error, 'message')
    if (!wrote && concernsAll(code)) throw new DestinationError('config', code, cleaned(message, org.secrets))
    // A trigger that failed may have failed for a lock, which only its text tells.
    const locked = code === 'CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY' && message.includes('UNABLE_TO_LOCK_ROW')
    if (locked || PASSING.has(code)) return { outcome: 'again', code, applied: 'no' }
    return { outcome: 'refused', kind: 'row', code, message: cleaned(message, org.secrets) }
  })
}

const PASSING = new Set([
  'UNABLE_TO_LOCK_ROW',
  'SERVER_UNAVAILABLE',
  'QUERY_TIMEOUT',
  'REQUEST_RUNNING_TOO_LONG',
  'UNKNOWN_EXCEPTION',
  'ALL_OR_NONE_OPERATION_ROLLED_BACK',
])

function concernsAll(code: string): boolean {
  return code.startsWith('INSUFFICIENT_ACCESS') || WHOLE.has(code)
}

const WHOLE = new Set(['INVALID_TYPE', 'API_DISABLED_FOR_ORG', 'STORAGE_LIMIT_EXCEEDED'])

function missing(): Receipt {
  return { outcome: 'again', code: 'no_result', applied: 'maybe' }
}
