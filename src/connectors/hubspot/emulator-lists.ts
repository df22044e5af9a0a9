import { member, textOf } from '../answer.ts'
import type { Json } from '../connector.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import type { Row, Rows } from '../sandbox/store.ts'
import { type Call, failed, MEMBERS, RECORDS, typeIdOf } from './emulator-account.ts'

const LISTS = 'made lists'
const MOST_PAGE = 250

/** A call about lists; undefined where it is none. */
export function listRoute(call: Call): Answer | undefined {
  const { method, path } = call.request
  const [, rest] = /^\/crm\/v3\/lists(\/.*)?$/.exec(path) ?? []
  if (!path.startsWith('/crm/v3/lists')) return undefined
  if (method === 'POST' && rest === undefined) return create(call)
  const [, type, name] = /^\/object-type-id\/([^/]+)\/name\/(.+)$/.exec(rest ?? '') ?? []
  const [, id = '', act = ''] = /^\/(\d+)(\/.*)?$/.exec(rest ?? '') ?? []
  const list = all(call).find((one) =>
    name === undefined ? one.listId === id : one.name === name && one.objectTypeId === type,
  )
  if (!list) return failed(404, 'OBJECT_NOT_FOUND', 'List does not exist.', { subCategory: 'ListError.LIST_NOT_FOUND' })
  if (method === 'GET' && act === '') return { status: 200, body: { list } }
  if (method === 'GET' && act === '/memberships') return members(call, id)
  if (method === 'PUT' && (act === '/memberships/add' || act === '/memberships/remove'))
    return change(call, list, act === '/memberships/add')
  return failed(405, 'VALIDATION_ERROR', 'Method not allowed.')
}

function all({ rows, options }: Call): readonly Row[] {
  const given = (options.lists ?? []).map(({ id, name, type = 'MANUAL', object = 'contacts' }) => ({
    listId: id,
    name,
    processingType: type,
    objectTypeId: typeIdOf(object),
  }))
  return [...given, ...[...rows.all(LISTS)].map(([, row]) => row)]
}

function create(call: Call): Answer {
  const [name, type] = [textOf(call.body, 'name'), textOf(call.body, 'objectTypeId')]
  if (all(call).some((one) => one.name === name && one.objectTypeId === type))
    return failed(400, 'VALIDATION_ERROR', 'A list with that name exists already.')
  const listId = String(call.rows.size(LISTS) + 1)
  const list = { listId, name, objectTypeId: type, processingType: textOf(call.body, 'processingType') }
  call.rows.put(LISTS, listId, list)
  return { status: 200, body: { list } }
}

function members({ request, rows }: Call, id: string): Answer {
  const limit = Number(request.query.get('limit') ?? 100)
  const after = Number(request.query.get('after') ?? 0)
  if (!(limit <= MOST_PAGE)) return failed(400, 'VALIDATION_ERROR', `limit must be at most ${MOST_PAGE}`)
  const ids = [...rows.all(MEMBERS + id)].map(([recordId]) => recordId)
  const next = after + limit < ids.length ? { paging: { next: { after: String(after + limit) } } } : {}
  const results = ids.slice(after, after + limit).map((recordId) => ({ recordId }))
  return { status: 200, body: { results, ...next } }
}

function change({ body, rows }: Call, list: Row, adds: boolean): Answer {
  if (list.processingType === 'DYNAMIC')
    return failed(400, 'VALIDATION_ERROR', 'Memberships of a DYNAMIC list cannot be changed.')
  if (!Array.isArray(body)) return failed(400, 'VALIDATION_ERROR', 'Invalid input JSON: an array of record ids.')
  const ids = (body as readonly Json[]).map(String)
  const place = MEMBERS + String(list.listId)
  const isThere = (id: string) => recordOf(rows, id) !== undefined
  for (const id of ids.filter(isThere)) {
    if (adds) rows.put(place, id, { id, ...emailOf(recordOf(rows, id)) })
    else if (rows.get(place, id)) rows.drop(place, id)
  }
  const changed = ids.filter(isThere)
  return {
    status: 200,
    body: {
      // The vendor's own spelling.
      recordsIdsAdded: adds ? changed : [],
      recordIdsRemoved: adds ? [] : changed,
      recordIdsMissing: ids.filter((id) => !isThere(id)),
    },
  }
}

function recordOf(rows: Rows, id: string): Row | undefined {
  const places = rows.collections().filter((name) => name.startsWith(RECORDS))
  return places.map((name) => rows.get(name, id)).find((row) => row !== undefined)
}

function emailOf(row: Row | undefined): Row {
  const email = member(row, 'email')
  return email === undefined ? {} : { email }
}
