import { textOf, tryJson } from '../answer.ts'
import type { Json, Ms } from '../connector.ts'
import { readCsv } from '../csv.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import type { Row } from '../sandbox/store.ts'
import { fromText, hasObject, isField } from './emulator-objects.ts'
import { type Call, failed, notFound, type Result, refused } from './emulator-org.ts'
import { insert, newId, remove, update, upsert, withoutTwins } from './emulator-records.ts'
import { MOST_OF_PART, timeOf } from './emulator-rules.ts'

/** Where jobs are kept. */
export const JOBS = '(jobs)'

const DAY: Ms = 86_400_000
const KEPT: Ms = 7 * DAY
const MOST_BYTES = 150 * 1024 * 1024 * (3 / 4)

/** Bulk API 2.0 ingest. Nothing runs before the upload is said to be complete; results come in another order. */
export function jobs(call: Call): Answer {
  const { method } = call.request
  const [, id, rest = ''] = /^\/jobs\/ingest(?:\/(\w+))?(?:\/(\w+))?$/.exec(call.path) ?? []
  if (id === undefined)
    return method === 'POST' ? create(call) : failed(405, 'METHOD_NOT_ALLOWED', `HTTP Method '${method}' not allowed.`)
  const job = call.rows.get(JOBS, id)
  if (job === undefined || isGone(job, call.now)) return notFound()
  switch (`${method} ${rest}`) {
    case 'PUT batches':
      return upload(call, id, job)
    case 'PATCH ':
      return setState(call, id, job)
    case 'GET ':
      return { status: 200, body: shown(id, advanced(call, id, job)) }
    case 'GET successfulResults':
    case 'GET failedResults':
    case 'GET unprocessedrecords':
      return ENDED.has(stateOf(job))
        ? results(call, textOf(job, rest))
        : failed(400, 'INVALIDJOBSTATE', 'Job is not in a final state.')
    case 'DELETE ':
      if (!ENDED.has(stateOf(job))) return failed(400, 'INVALIDJOBSTATE', 'Job is not in a final state.')
      call.rows.put(JOBS, id, { ...job, ended: -KEPT })
      return { status: 204 }
    default:
      return notFound()
  }
}

/** All of them, or as many as a page takes from where the locator says. */
function results({ request, options }: Call, csv: string): Answer {
  const { pageRows } = options.jobs ?? {}
  if (pageRows === undefined) return { status: 200, body: csv }
  const [header = [], ...rows] = readCsv(csv).map((row) => row.map((cell) => cell ?? ''))
  const from = Number(Buffer.from(request.query.get('locator') ?? '', 'base64').toString())
  const next = from + pageRows
  const locator = next < rows.length ? Buffer.from(String(next)).toString('base64') : 'null'
  return { status: 200, headers: { 'sforce-locator': locator }, body: table(header, rows.slice(from, next)) }
}

const ENDED = new Set(['JobComplete', 'Failed', 'Aborted'])

function stateOf(job: Row): string {
  return textOf(job, 'state')
}

function isGone(job: Row, now: Ms): boolean {
  return ENDED.has(stateOf(job)) && Number(job.ended) + KEPT <= now
}

function create(call: Call): Answer {
  const body = tryJson(call.request.body)
  const [object, operation] = [textOf(body, 'object'), textOf(body, 'operation')]
  const field = textOf(body, 'externalIdFieldName')
  if (!hasObject(object)) return failed(400, 'INVALIDENTITY', `Unable to find object: ${object}`)
  if (!['insert', 'update', 'upsert', 'delete'].includes(operation))
    return failed(400, 'INVALIDJOB', `InvalidJob : Unsupported operation ${operation}`)
  if (operation === 'upsert' && !(isField(object, field) && (field.endsWith('__c') || field === 'Email')))
    return failed(400, 'INVALIDJOB', 'InvalidJob : External ID was blank or no external id field of the object')
  if (textOf(body, 'lineEnding') !== 'LF' || textOf(body, 'columnDelimiter') !== 'COMMA')
    return failed(400, 'INVALIDJOB', 'InvalidJob : this org takes LF and COMMA')
  if (partsLeft(call) < 1) return failed(400, 'ExceededQuota', 'ApiBatchItems Limit exceeded.')
  const id = newId(JOBS, call.rows)
  const number = call.rows.size(JOBS) + 1
  const job: Row = { state: 'Open', object, operation, field, number, created: call.now, polls: 0 }
  call.rows.put(JOBS, id, job)
  return { status: 200, body: shown(id, job) }
}

/** Parts of 10,000 records that may still be worked on in these 24 hours. */
function partsLeft({ rows, now, options }: Call): number {
  const recent = [...rows.all(JOBS)].filter(([, job]) => Number(job.created) > now - DAY)
  const used = recent.reduce((sum, [, job]) => sum + Number(job.parts ?? 0), 0)
  return (options.jobs?.dailyBatches ?? 15_000) - used
}

function shown(id: string, job: Row): Json {
  return {
    id,
    state: stateOf(job),
    object: job.object ?? null,
    operation: job.operation ?? null,
    contentUrl: `services/data/v67.0/jobs/ingest/${id}/batches`,
    numberRecordsProcessed: job.processed ?? 0,
    numberRecordsFailed: job.failed ?? 0,
    createdDate: new Date(Number(job.created)).toISOString().replace('Z', '+0000'),
    ...(job.message !== undefined && { errorMessage: job.message }),
  }
}

function upload(call: Call, id: string, job: Row): Answer {
  if (stateOf(job) !== 'Open' || job.csv !== undefined)
    return failed(400, 'INVALIDJOBSTATE', 'Job data may be uploaded once, while the job is Open.')
  if (!call.request.headers['content-type']?.startsWith('text/csv'))
    return failed(415, 'UNSUPPORTED_MEDIA_TYPE', 'text/csv is required')
  if (Buffer.byteLength(call.request.body) > MOST_BYTES)
    return failed(413, 'CONTENT_TOO_LARGE', 'The job data is larger than 150 MB in base64.')
  call.rows.put(JOBS, id, { ...job, csv: call.request.body })
  return { status: 201 }
}

function setState(call: Call, id: string, job: Row): Answer {
  const state = textOf(tryJson(call.request.body), 'state')
  const isOpen = stateOf(job) === 'Open'
  if (state === 'UploadComplete' ? !isOpen || job.csv === undefined : state !== 'Aborted' || ENDED.has(stateOf(job)))
    return failed(400, 'INVALIDJOBSTATE', `Invalid job state: ${stateOf(job)}`)
  const next: Row =
    state === 'Aborted'
      ? run(call, job, undefined, doneOf(call, job))
      : { ...job, state, uploaded: call.now, records: rowsOf(job).all.length }
  call.rows.put(JOBS, id, next)
  return { status: 200, body: shown(id, next) }
}

/** What a job has come to by now that is to end here. */
function doneOf({ options, now }: Call, job: Row): Reach {
  const { perRecord = 0 } = options.jobs ?? {}
  const worked = job.uploaded === undefined || perRecord === 0 ? 0 : (now - Number(job.uploaded)) / perRecord
  const rows = Math.min(Math.floor(worked), Number(job.records ?? 0))
  return { rows, parts: Math.ceil(rows / PART) }
}

/** A question is what moves a job on. */
function advanced(call: Call, id: string, job: Row): Row {
  if (ENDED.has(stateOf(job)) || stateOf(job) === 'Open') return job
  const { polls = 1, takes = 0, perRecord = 0, fate } = call.options.jobs ?? {}
  const time = takes + perRecord * Number(job.records ?? 0)
  const asked = Number(job.polls) + 1
  const what = fate?.(Number(job.number))
  const isDue = asked >= polls && call.now - Number(job.uploaded) >= time && what !== 'stalls'
  const next = isDue ? run(call, job, what) : { ...job, state: 'InProgress', polls: asked }
  call.rows.put(JOBS, id, next)
  return next
}

interface Outcome {
  readonly state: string
  readonly successful?: readonly (readonly string[])[]
  readonly failed?: readonly (readonly string[])[]
  readonly rest?: readonly Cells[]
  readonly message?: string
}

type Cells = readonly (string | null)[]

/** A job at its end, its results instead of its data. */
function ended(job: Row, outcome: Outcome, { now }: Call): Row {
  const { header } = rowsOf(job)
  const { successful = [], failed: bad = [], rest = [] } = outcome
  const { csv: _, ...kept } = job
  return {
    ...kept,
    state: outcome.state,
    ended: now,
    processed: successful.length + bad.length,
    failed: bad.length,
    ...(outcome.message !== undefined && { message: outcome.message }),
    successfulResults: table(['sf__Id', 'sf__Created', ...header], successful),
    failedResults: table(['sf__Id', 'sf__Error', ...header], bad),
    unprocessedrecords: table(
      header,
      rest.map((row) => row.map((cell) => cell ?? '')),
    ),
  }
}

function rowsOf(job: Row): { readonly header: readonly string[]; readonly all: readonly Cells[] } {
  const [header = [], ...all] = readCsv(textOf(job, 'csv'))
  return { header: header.map((name) => name ?? ''), all }
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')
  return `${[header, ...rows].map(line).join('\n')}\n`
}

type Fate = ReturnType<NonNullable<NonNullable<Call['options']['jobs']>['fate']>>

/** Works a job off; `cut` = as far as it came before somebody aborted it. */
function run(call: Call, job: Row, fate: Fate, cut?: Reach): Row {
  const { header, all } = rowsOf(job)
  const message = cut === undefined ? unreadable(job, header) : undefined
  if (message !== undefined) return ended(job, { state: 'Failed', message, rest: all }, call)
  const act = actOf(call, job)
  const successful: string[][] = []
  const bad: string[][] = []
  const { rows: stop, parts, why } = cut ?? reachOf(call, job, all)
  for (const [index, cells] of all.slice(0, stop).entries()) {
    const record = recordOf(textOf(job, 'object'), header, cells)
    const result = 'wrong' in record ? refused('INVALID_TYPE_ON_FIELD_IN_RECORD', record.wrong) : act(record.value)
    const original = cells.map((cell) => cell ?? '')
    if (fate === 'loses' && index % 3 === 1) continue
    if (result.success === true) successful.push([textOf(result, 'id'), String(result.created === true), ...original])
    else bad.push([textOf(record, 'Id'), errorText(result), ...original])
  }
  const state = why !== undefined ? 'Failed' : cut !== undefined ? 'Aborted' : 'JobComplete'
  const said = why === undefined ? {} : { message: why }
  // The parts of a job end in any order.
  return ended(
    { ...job, parts },
    { state, successful: successful.reverse(), failed: bad.reverse(), rest: all.slice(stop), ...said },
    call,
  )
}

/** How far a job comes: `why` is what keeps it from its end. */
interface Reach {
  readonly rows: number
  readonly parts: number
  readonly why?: string
}

/** Up to a part for which a day has no more room, or whose triggers take too long each of the twenty times it is tried. */
function reachOf(call: Call, job: Row, all: readonly Cells[]): Reach {
  const { header } = rowsOf(job)
  const size = call.options.jobs?.partRows ?? PART
  for (let from = 0, parts = 0; from < all.length; from += size, parts++) {
    if (parts >= partsLeft(call)) return { rows: from, parts, why: 'ExceededQuota : ApiBatchItems Limit exceeded.' }
    const read = () =>
      all.slice(from, from + size).flatMap((cells) => {
        const record = recordOf(textOf(job, 'object'), header, cells)
        return 'wrong' in record ? [] : [record.value]
      })
    if (call.options.org?.takes !== undefined && timeOf(call, read()) > MOST_OF_PART)
      return { rows: from, parts, why: 'InternalServerError : Batch failed. It was retried 20 times.' }
  }
  return { rows: all.length, parts: Math.ceil(all.length / size) }
}

const PART = 10_000

/** Why nothing of the data can be read. */
function unreadable(job: Row, header: readonly string[]): string | undefined {
  if (/^[^\n]*\r\n/.test(textOf(job, 'csv'))) return 'ClientInputError : LineEnding is invalid on user data.'
  const object = textOf(job, 'object')
  if (job.operation === 'delete' && header.join() !== 'Id')
    return "InvalidBatch : The 'delete' batch must contain only ids"
  const unknown = header.find((name) => name !== 'Id' && !name.includes('.') && !isField(object, name))
  return unknown === undefined ? undefined : `InvalidBatch : Field name not found : ${unknown}`
}

function actOf(call: Call, job: Row): (record: Row) => Result {
  const [object, field] = [textOf(job, 'object'), textOf(job, 'field')]
  switch (job.operation) {
    case 'upsert':
      return withoutTwins(field, (record) => upsert(call, record, object, field))
    case 'insert':
      return (record) => insert(call, record)
    case 'update':
      return (record) => update(call, record)
    default:
      return (record) => remove(call, textOf(record, 'Id'))
  }
}

/** A line as a record: an empty cell is left out, `#N/A` empties, and of a parent it empties the look-up. */
function recordOf(object: string, header: readonly string[], cells: Cells): { value: Row } | { wrong: string } {
  const record: Record<string, Json> = { attributes: { type: object } }
  for (const [index, name] of header.entries()) {
    const cell = cells[index] ?? ''
    if (cell === '') continue
    const [parent = '', field] = name.split('.')
    const read = fromText(name, cell)
    if ('wrong' in read) return read
    if (field === undefined) record[name] = read.value
    else if (read.value === null) record[parent.endsWith('__r') ? `${parent.slice(0, -1)}c` : `${parent}Id`] = null
    else record[parent] = { [field]: read.value }
  }
  return { value: record }
}

function errorText(result: Result): string {
  const [error] = result.errors as readonly { statusCode: string; message: string; fields: readonly string[] }[]
  return `${error?.statusCode}:${error?.message}:${error?.fields.join(', ')} --`
}
