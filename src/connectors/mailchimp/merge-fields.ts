import { jsonOf, listOf, member, textOf } from '../answer.ts'
import { type Change, DestinationError, type Json } from '../connector.ts'
import { type Api, isOk, listFailure, listPath } from './api.ts'
import { mergeTags } from './place.ts'

// https://mailchimp.com/developer/marketing/api/list-merges/: at most 80 a list, each of one type for ever. A value for a
// tag that the list does not have is dropped without a word.

/** A merge field of a list. */
export interface MergeField {
  /** text, number, address, phone, date, url, imageurl, radio, dropdown, birthday or zip. */
  readonly type: string
  /** Of a phone: `US`, or something else. */
  readonly format: string
}

/** Merge fields by their tags. */
export type MergeFields = ReadonlyMap<string, MergeField>

/** The merge fields that a list has. */
export async function readFields(api: Api, list: string): Promise<MergeFields> {
  const wanted = ['tag', 'type', 'options.phone_format'].map((name) => `merge_fields.${name}`).join(',')
  const answer = await api.request('GET', `${listPath(list)}/merge-fields?count=1000&fields=${wanted}`)
  if (!isOk(answer)) throw listFailure(api, answer, list)
  return new Map(
    listOf(jsonOf(answer), 'merge_fields').map((field) => [
      textOf(field, 'tag'),
      { type: textOf(field, 'type'), format: textOf(member(field, 'options'), 'phone_format') },
    ]),
  )
}

/**
 * Makes the merge fields for which the batch has values and the list has none, and returns all that are there then.
 * Another process may make them at the same time.
 */
export async function createFields(
  api: Api,
  list: string,
  known: MergeFields,
  batch: readonly Change[],
): Promise<MergeFields> {
  let fields = known
  for (const [tag, values] of valuesOf(batch)) {
    if (fields.has(tag)) continue
    const type = typeOf(values)
    const body = { tag, name: tag, type, required: false, public: false }
    const answer = await api.request('POST', `${listPath(list)}/merge-fields`, body)
    if (!isOk(answer) && answer.status !== 400) throw listFailure(api, answer, list)
    fields = isOk(answer) ? new Map([...fields, [tag, { type, format: '' }]]) : await readFields(api, list)
    if (!fields.has(tag)) {
      const said = api.cleaned(textOf(jsonOf(answer), 'detail'))
      const message = `The merge field "${tag}" cannot be made in the audience "${list}": ${said}`
      throw new DestinationError('config', 'no_merge_field', message)
    }
  }
  return fields
}

/** Throws DestinationError `config` where the list lacks one of the tags. */
export function refuseMissing(list: string, known: MergeFields, tags: readonly string[]): void {
  const missing = tags.filter((tag) => !known.has(tag)).map((tag) => `"${tag}"`)
  if (missing.length === 0) return
  const message = `The audience "${list}" has no merge field ${missing.join(', ')}. "create_fields: true" makes what is missing.`
  throw new DestinationError('config', 'no_merge_field', message)
}

/** What a batch has to say in each merge field; those with nothing but null are left out. */
function valuesOf(batch: readonly Change[]): ReadonlyMap<string, readonly Json[]> {
  const values = new Map<string, Json[]>()
  for (const { fields } of batch)
    for (const tag of mergeTags(Object.keys(fields))) {
      const value = fields[tag]
      if (value === null || value === undefined) continue
      const said = values.get(tag) ?? []
      said.push(value)
      values.set(tag, said)
    }
  return values
}

/** The type that fits every value: a field keeps its type for ever, so text wherever one of them is in doubt. */
export function typeOf(values: readonly Json[]): 'text' | 'number' | 'date' | 'address' {
  if (values.every((value) => typeof value === 'number')) return 'number'
  if (values.every((value) => typeof value === 'string' && DATE.test(value))) return 'date'
  if (values.every((value) => member(value, 'addr1') !== undefined)) return 'address'
  return 'text'
}

const DATE = /^\d{4}-\d{2}-\d{2}$/
