import { jsonOf, textOf } from '../answer.ts'
import { DestinationError, type Json, type Receipt } from '../connector.ts'
import { csvCell } from '../csv.ts'
import { notApplied } from '../token.ts'
import { aborted, jobIdOf, stateOf } from './job.ts'
import { CSV, type Org } from './org.ts'
import type { Item, Work } from './records.ts'

// Bulk API 2.0 (https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_0.htm):
// create the job, upload its CSV once, say that the upload is complete. Nothing runs before that, so whatever goes wrong
// until then changed nothing. In the CSV an empty cell leaves a field alone and `#N/A` clears it.

/** Hands records to a job of their own. */
export async function runJob(org: Org, work: Work): Promise<readonly Receipt[]> {
  const items = work.items.filter(isSayable)
  if (items.length === 0) return work.items.map(() => unsayable())
  const id = await created(org, work).catch(notApplied)
  const path = `/jobs/ingest/${id}`
  try {
    org.checked(await org.request('PUT', `${path}/batches`, { type: CSV, text: csvOf({ ...work, items }) }))
  } catch (error) {
    await aborted(org, path)
    notApplied(error)
  }
  await completed(org, path)
  const job = jobIdOf({ ...work, items }, id)
  org.jobs.own.add(job)
  return work.items.map((item): Receipt => (isSayable(item) ? { outcome: 'accepted', job } : unsayable()))
}

async function created(org: Org, { operation, object, key }: Work): Promise<string> {
  const body = {
    object,
    operation,
    ...(operation === 'upsert' && { externalIdFieldName: key }),
    contentType: 'CSV',
    lineEnding: 'LF',
    columnDelimiter: 'COMMA',
  }
  const id = textOf(jsonOf(org.checked(await org.request('POST', '/jobs/ingest', body))), 'id')
  // It becomes a part of paths.
  if (/^[A-Za-z0-9]{15,18}$/.test(id)) return id
  throw new DestinationError('transient', 'unreadable_answer', 'Salesforce made a job without telling its id.')
}

/** The job's start. Where it is not known whether it was heard, the job itself is asked, now or by `poll`. */
async function completed(org: Org, path: string): Promise<void> {
  try {
    org.checked(await org.request('PATCH', path, { state: 'UploadComplete' }))
  } catch (error) {
    if (!(error instanceof DestinationError)) throw error
    if (error.applied === 'maybe' && !(await isStillOpen(org, path))) return
    const stopped = await aborted(org, path)
    if (error.applied === 'no' || stopped) notApplied(error)
  }
}

async function isStillOpen(org: Org, path: string): Promise<boolean> {
  try {
    return (await stateOf(org, path))?.state === 'Open'
  } catch (error) {
    if (error instanceof DestinationError) return false
    throw error
  }
}

const CLEARED = '#N/A'

/** A text that reads like the sign for no value cannot be told from it, and would empty the field. */
function isSayable({ fields }: Item): boolean {
  return !Object.values(fields).includes(CLEARED)
}

function unsayable(): Receipt {
  const message = 'The text "#N/A" means an empty field to the Bulk API, and cannot be sent as a value.'
  return { outcome: 'refused', kind: 'row', code: 'not_in_csv', message }
}

/** The CSV of a job (RFC 4180, LF): records with the columns that any of them has. */
export function csvOf({ operation, items }: Pick<Work, 'operation' | 'items'>): string {
  const byId = operation === 'update' || operation === 'delete'
  const names = operation === 'delete' ? [] : [...new Set(items.flatMap(({ fields }) => Object.keys(fields)))]
  const lines = items.map(({ id = '', fields }) =>
    [...(byId ? [id] : []), ...names.map((name) => cellOf(fields[name]))].map(csvCell).join(','),
  )
  const header = [...(byId ? ['Id'] : []), ...names].map(csvCell).join(',')
  return `${[header, ...lines].join('\n')}\n`
}

function cellOf(value: Json | undefined): string | null {
  // Null = an empty cell: the change does not speak of the field.
  if (value === undefined) return null
  if (value === null || value === '') return CLEARED
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
