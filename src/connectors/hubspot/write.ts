import { jsonOf, listOf, member, textOf } from '../answer.ts'
import { type TwinWords, twins } from '../apart.ts'
import { type Change, DestinationError, type Json, type Receipt } from '../connector.ts'
import type { Api } from './api.ts'
import { concernsAll, problemsOf } from './problems.ts'
import { findRecords, folded, idProperty, type Place, pathOf, RECORD_ID } from './records.ts'

/** Writes creates and updates; with a list their records become its members. */
export async function write(place: Place, batch: readonly Change[]): Promise<readonly Receipt[]> {
  // Before anything is written: a list that is not there must not be found out after it.
  await place.list?.need()
  const receipts = new Map<Change, Receipt>(twins(batch, keyOf, TWINS))
  const { call, inputs } = await callFor(place, batch, receipts)
  if (inputs.length > 0) {
    const answer = place.api.checked(await place.api.request('POST', pathOf(place, call), bodyOf(inputs)))
    const settled = receiptsFrom(jsonOf(answer), inputs, place.api)
    for (const [index, { change }] of inputs.entries()) receipts.set(change, settled[index] ?? missing())
  }
  if (place.list) await enlist(place, batch, receipts)
  return batch.map((change) => receipts.get(change) ?? missing())
}

/** The call of the mode, and the records that it is to write; what needs none gets its receipt. */
async function callFor(
  place: Place,
  batch: readonly Change[],
  receipts: Map<Change, Receipt>,
): Promise<{ readonly call: string; readonly inputs: readonly Input[] }> {
  const rest = batch.filter((change) => !receipts.has(change))
  switch (place.io.mode) {
    case 'update':
      return { call: '/batch/update', inputs: await byRecord(place, rest, receipts) }
    case 'insert':
      return { call: '/batch/create', inputs: await absent(place, rest, receipts) }
    default:
      return { call: '/batch/upsert', inputs: rest.map(byKey) }
  }
}

/** A record as a batch names it. */
export interface Input {
  readonly change: Change
  /** Undefined = it is made. */
  readonly id: string | undefined
  /** Undefined = `id` is the record's own. */
  readonly idProperty?: string | undefined
  readonly properties: Readonly<Record<string, string>>
}

function keyOf(change: Change): string {
  return folded(Object.values(change.key)[0])
}

/** Two inputs for one record would have the whole batch refused. */
const TWINS: TwinWords = {
  nameless: { code: 'no_key', message: 'The key is empty.' },
  twin: { code: 'same_record', message: 'Another row has the same key.' },
}

/** For an upsert; the key stands among the properties, without which a contact is not made by its address. */
function byKey(change: Change): Input {
  const name = idProperty(Object.keys(change.key))
  const id = String(change.key[name]).trim()
  if (name === RECORD_ID)
    throw new DestinationError('config', 'bad_key', `Records named by "${RECORD_ID}" can only be updated.`)
  return { change, id, idProperty: name, properties: { [name]: id, ...propertiesOf(change.fields) } }
}

/**
 * For an update, by record id: an upsert would make the records that are missing, and `batch/update` takes no address as
 * id property (https://github.com/HubSpot/hubspot-api-nodejs/issues/548).
 */
async function byRecord(
  place: Place,
  batch: readonly Change[],
  receipts: Map<Change, Receipt>,
): Promise<readonly Input[]> {
  const found = batch.length === 0 ? new Map() : await findRecords(place, batch)
  const seen = new Set<string>()
  return batch.flatMap((change) => {
    const id = found.get(change)?.id
    if (id === undefined) receipts.set(change, refused('OBJECT_NOT_FOUND', 'There is no record with this key.'))
    else if (seen.has(id)) receipts.set(change, refused('same_record', 'Another row has the same record.'))
    else {
      seen.add(id)
      return [{ change, id, properties: propertiesOf(change.fields) }]
    }
    return []
  })
}

/**
 * For an insert, the records that are not there: `batch/create` makes none of its records where one is there already
 * (https://github.com/HubSpot/hubspot-api-python/issues/51), so those are looked up, and left as they are. So is whatever
 * an earlier request made whose answer was lost.
 */
async function absent(
  place: Place,
  batch: readonly Change[],
  receipts: Map<Change, Receipt>,
): Promise<readonly Input[]> {
  const found = batch.length === 0 ? new Map() : await findRecords(place, batch)
  for (const [change, { id }] of found) receipts.set(change, { outcome: 'written', id })
  return batch.flatMap((change) =>
    found.has(change) ? [] : [{ ...byKey(change), id: undefined, idProperty: undefined }],
  )
}

/** The body of a batch call: every input carries its place as trace id, by which its result is known. */
export function bodyOf(inputs: readonly Input[]): Json {
  return {
    inputs: inputs.map(({ id, idProperty: name, properties }, index) => ({
      ...(id !== undefined && { id }),
      ...(name !== undefined && { idProperty: name }),
      objectWriteTraceId: traceId(index),
      properties,
    })),
  }
}

function traceId(index: number): string {
  return `row-${index}`
}

// https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide: every value travels as text; an empty text
// clears; several choices are joined with semicolons; a moment is ISO 8601 or milliseconds.
/** Property values as HubSpot takes them. */
export function propertiesOf(fields: Readonly<Record<string, Json>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, valueText(value)]))
}

function valueText(value: Json): string {
  if (value === null) return ''
  if (Array.isArray(value)) return value.map((one) => valueText(one as Json)).join(';')
  if (typeof value === 'object') return JSON.stringify(value)
  // Moments have six digits of seconds here; HubSpot reads three.
  return String(value).replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})\d+Z$/, '$1Z')
}

/**
 * One receipt an input, whatever the order of the answer. When no record was written and the reason is the mapping, it is
 * thrown, so that no row is blamed; so is an error that names none of several rows.
 */
export function receiptsFrom(answer: Json, inputs: readonly Input[], api: Pick<Api, 'cleaned'>): readonly Receipt[] {
  const [results, errors] = [listOf(answer, 'results'), listOf(answer, 'errors')]
  // Seen in the wild: neither a result nor an error, and nobody knows what became of the rows.
  if (results.length === 0 && errors.length === 0) return inputs.map(() => again('silent_failure', 'maybe'))
  const receipts = new Map<string, Receipt>()
  const names = new Map(inputs.map((one, index) => [folded(one.id ?? keyOf(one.change)), traceId(index)]))
  for (const one of results) {
    const trace = textOf(one, 'objectWriteTraceId') || (names.get(nameOf(one, inputs[0])) ?? '')
    receipts.set(trace, { outcome: 'written', id: String(member(one, 'id') ?? '') })
  }
  for (const error of errors) {
    const traces = tracesOf(error, inputs, names)
    if (results.length === 0) throwIfWhole(error, traces, api)
    for (const trace of traces) receipts.set(trace, errorReceipt(error, api))
  }
  return inputs.map((_, index) => receipts.get(traceId(index)) ?? missing())
}

function nameOf(result: Json, input: Input | undefined): string {
  if (input?.id !== undefined && input.idProperty === undefined) return folded(member(result, 'id'))
  const name = input?.idProperty ?? Object.keys(input?.change.key ?? {})[0] ?? ''
  return folded(member(member(result, 'properties'), name))
}

/** The inputs that an error is about, by trace id or record; the only one there is, where it names none. */
function tracesOf(error: Json, inputs: readonly Input[], names: ReadonlyMap<string, string>): readonly string[] {
  const context = member(error, 'context')
  const named = [...listOf(context, 'objectWriteTraceId'), textOf(context, 'objectWriteTraceId')]
  const ids = [...listOf(context, 'ids'), ...listOf(context, 'id')].map((one) => names.get(folded(one)))
  const traces = [...named, ...ids].filter((one): one is string => typeof one === 'string' && one !== '')
  return traces.length === 0 && inputs.length === 1 ? [traceId(0)] : traces
}

function throwIfWhole(error: Json, traces: readonly string[], api: Pick<Api, 'cleaned'>): void {
  const wrong = problemsOf(error).find(concernsAll)
  const message = api.cleaned(textOf(error, 'message'))
  if (wrong) throw new DestinationError('config', wrong.code, message)
  if (textOf(error, 'category') === 'MISSING_SCOPES') throw new DestinationError('auth', 'MISSING_SCOPES', message)
  if (traces.length === 0) throw new DestinationError('batch', textOf(error, 'category') || 'UNKNOWN', message)
}

function errorReceipt(error: Json, api: Pick<Api, 'cleaned'>): Receipt {
  const category = textOf(error, 'category')
  const wrong = problemsOf(error)
  const code = wrong[0]?.code ?? (category || 'UNKNOWN')
  if (category === 'RATE_LIMITS') return { outcome: 'again', code, applied: 'no', throttled: true }
  // The next batch meets the mapping's mistake, or the passing trouble, at its start.
  if (wrong.some(concernsAll) || PASSING.has(category)) return again(code, 'no')
  return refused(code, api.cleaned(textOf(error, 'message')))
}

const PASSING = new Set(['MISSING_SCOPES', 'INTERNAL_ERROR', 'SERVICE_UNAVAILABLE', 'TIMEOUT'])

/**
 * Puts what was written on the list. The record of an update that was acknowledged under the same id is on it. What is
 * written and not yet listed comes again: an upsert and a membership may be told twice.
 */
async function enlist(place: Place, batch: readonly Change[], receipts: Map<Change, Receipt>): Promise<void> {
  const fresh = batch.flatMap((change) => {
    const receipt = receipts.get(change)
    const id = receipt?.outcome === 'written' ? receipt.id : undefined
    return id === undefined || (change.op === 'update' && change.destinationId === id) ? [] : [{ change, id }]
  })
  try {
    const absent = new Set(await place.list?.add(fresh.map((one) => one.id)))
    for (const { change, id } of fresh) if (absent.has(id)) receipts.set(change, again('not_listed', 'maybe'))
  } catch (error) {
    if (!(error instanceof DestinationError)) throw error
    const { kind, code, message, after } = error
    const more = { applied: 'maybe', cause: error, ...(after !== undefined && { after }) } as const
    if (kind === 'auth' || kind === 'config') throw new DestinationError(kind, code, message, more)
    const wait = after === undefined ? {} : { after }
    for (const { change } of fresh)
      receipts.set(change, { ...again(code, 'maybe'), ...wait, ...(kind === 'throttle' && { throttled: true }) })
  }
}

function again(code: string, applied: 'no' | 'maybe'): Extract<Receipt, { outcome: 'again' }> {
  return { outcome: 'again', code, applied }
}

function refused(code: string, message: string): Receipt {
  return { outcome: 'refused', kind: 'row', code, message }
}

function missing(): Receipt {
  return again('no_result', 'maybe')
}
