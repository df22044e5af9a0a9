import { jsonOf, listOf, member, patiently, textOf } from '../answer.ts'
import type { HeldRow, Io, Json, Key } from '../connector.ts'
import type { Org } from './org.ts'

/** A query travels in the address, which the vendor cuts at 16,384 bytes. */
const QUERY_CHARACTERS = 6_000

/** Where records are found by the key of a sync. */
export interface Target {
  readonly object: string
  /** The field whose value the key has, as `Ext_Id__c` or, of somebody's membership, `Contact.Ext_Id__c`. */
  readonly key: string
  /** The sync's own name of the key. */
  readonly name: string
  /** What holds of all records of the place, in the vendor's query language. */
  readonly where?: string
}

/** Records by key; `all` are those that have one. `fields` are API names; a parent's field is `Account.Ext_Id__c`. */
export async function* readRecords(
  org: Org,
  keys: readonly Key[] | 'all',
  place: Target & { readonly fields: readonly string[] },
  io: Pick<Io, 'patiently'>,
): AsyncGenerator<HeldRow> {
  const { key, name, fields } = place
  const select = [...new Set([key, ...fields])]
  const queries =
    keys === 'all'
      ? [queryOf(place, select, `${key} != null`)]
      : [
          ...byValue(
            place,
            select,
            keys.map((one) => one[name] ?? null),
          ),
        ]
  for (const query of queries)
    for await (const record of recordsOf(org, query, io))
      yield {
        key: { [name]: fieldOf(record, key) },
        fields: Object.fromEntries(fields.map((one) => [one, fieldOf(record, one)])),
      }
}

/** Record ids by lower-cased key. */
export async function findIds(
  org: Org,
  changes: readonly { readonly key: Key }[],
  target: Target,
): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>()
  const values = changes.map((change) => change.key[target.name] ?? null)
  for (const query of byValue(target, ['Id', target.key], values))
    for await (const record of recordsOf(org, query)) ids.set(folded(fieldOf(record, target.key)), textOf(record, 'Id'))
  return ids
}

/** A key's value as it is compared: external ids of text are one in either case. */
export function folded(value: Json | undefined): string {
  return String(value ?? '').toLowerCase()
}

/** Keys by the first 15 characters of the record's id, also of records in the recycle bin. */
export async function keysById(
  org: Org,
  { object, key }: Pick<Target, 'object' | 'key'>,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Key>> {
  const keys = new Map<string, Key>()
  const name = key.split('.').at(-1) ?? key
  for (const values of chunked(ids.map(soqlText))) {
    const query = `SELECT Id, ${key} FROM ${object} WHERE Id IN (${values.join(',')})`
    for await (const record of recordsOf(org, query, {}, '/queryAll'))
      keys.set(textOf(record, 'Id').slice(0, 15), { [name]: fieldOf(record, key) })
  }
  return keys
}

function queryOf({ object, where }: Target, select: readonly string[], condition: string): string {
  const conditions = where === undefined ? condition : `${where} AND ${condition}`
  return `SELECT ${select.join(', ')} FROM ${object} WHERE ${conditions}`
}

function* byValue(target: Target, select: readonly string[], values: readonly Json[]): Generator<string> {
  for (const some of chunked(values.map(literal))) yield queryOf(target, select, `${target.key} IN (${some.join(',')})`)
}

/** Numbers stand as they are: a number field is not compared with text. */
function literal(value: Json): string {
  return typeof value === 'number' ? String(value) : soqlText(String(value))
}

function fieldOf(record: Json, name: string): Json {
  return name.split('.').reduce<Json>((value, part) => member(value, part) ?? null, record)
}

/** The records that a query finds, page after page; each is asked for once where nobody is patient. */
export async function* recordsOf(
  org: Org,
  query: string,
  io: Pick<Io, 'patiently'> = {},
  resource: '/query' | '/queryAll' = '/query',
): AsyncGenerator<Json> {
  let path: string | undefined = `${resource}?q=${encodeURIComponent(query)}`
  while (path !== undefined) {
    const page = path
    const answer = await patiently(io, async (): Promise<Json> => jsonOf(org.checked(await org.request('GET', page))))
    yield* listOf(answer, 'records')
    path = org.relative(textOf(answer, 'nextRecordsUrl'))
  }
}

/** Literals in groups of which each fits into one query. */
function* chunked(values: readonly string[]): Generator<readonly string[]> {
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
