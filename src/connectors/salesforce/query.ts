import { jsonOf, listOf, member, patiently, textOf } from '../answer.ts'
import type { HeldRow, Io, Json, Key } from '../connector.ts'
import type { Org } from './org.ts'

/** A query travels in the address, which the vendor cuts at 16,384 bytes. */
const QUERY_CHARACTERS = 6_000

/** What is read of an object. */
export interface Place {
  readonly object: string
  /** The external id field. */
  readonly key: string
  /** API names; a parent's field as `Account.Ext_Id__c`. */
  readonly fields: readonly string[]
}

/** Records by external id; `all` are those that have one. */
export async function* readRecords(
  org: Org,
  keys: readonly Key[] | 'all',
  place: Place,
  io: Pick<Io, 'patiently'>,
): AsyncGenerator<HeldRow> {
  const { object, key, fields } = place
  const select = `SELECT ${[...new Set([key, ...fields])].join(', ')} FROM ${object} WHERE ${key}`
  const texts = keys === 'all' ? [] : keys.map((one) => soqlText(String(one[key])))
  const queries =
    keys === 'all' ? [`${select} != null`] : [...chunked(texts)].map((values) => `${select} IN (${values.join(',')})`)
  for (const query of queries)
    for await (const record of recordsOf(org, query, io))
      yield {
        key: { [key]: member(record, key) ?? null },
        fields: Object.fromEntries(fields.map((name) => [name, fieldOf(record, name)])),
      }
}

function fieldOf(record: Json, name: string): Json {
  return name.split('.').reduce<Json>((value, part) => member(value, part) ?? null, record)
}

/** The records that a query finds, page after page; each is asked for once where nobody is patient. */
export async function* recordsOf(org: Org, query: string, io: Pick<Io, 'patiently'> = {}): AsyncGenerator<Json> {
  let path: string | undefined = `/query?q=${encodeURIComponent(query)}`
  while (path !== undefined) {
    const page = path
    const answer = await patiently(io, async (): Promise<Json> => jsonOf(org.checked(await org.request('GET', page))))
    yield* listOf(answer, 'records')
    path = org.relative(textOf(answer, 'nextRecordsUrl'))
  }
}

/** Literals in groups of which each fits into one query. */
export function* chunked(values: readonly string[]): Generator<readonly string[]> {
  let pending: string[] = []
  let length = 0
  for (const value of values) {
    const size = encodeURIComponent(value).length + 3
    if (pending.length > 0 && length + size > QUERY_CHARACTERS) {
      yield pending
      pending = []
      length = 0
    }
    pending.push(value)
    length += size
  }
  if (pending.length > 0) yield pending
}

// https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm
/** A text literal. */
export function soqlText(value: string): string {
  const escaped = value.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
  return `'${escaped}'`
}
