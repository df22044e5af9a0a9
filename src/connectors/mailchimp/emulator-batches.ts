import { listOf, member, textOf, tryJson } from '../answer.ts'
import type { Json } from '../connector.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { Row } from '../sandbox/store.ts'
import { type Call, notFound, problem } from './emulator-parts.ts'

const BATCHES = 'batches'

/** Batches that an account may have waiting. */
const MOST_PENDING = 500

/**
 * `/batches`: operations that are done later, here when somebody asks for them the first time
 * (https://mailchimp.com/developer/marketing/guides/run-async-requests-batch-endpoint/). `does`: what answers one of them.
 */
export function batches(call: Call, rest: string, does: (request: Seen) => Answer): Answer {
  const { request, body, rows } = call
  const id = rest.slice(1)
  if (request.method === 'GET' && id !== '') {
    const batch = rows.get(BATCHES, id)
    return batch === undefined ? notFound() : { status: 200, body: finished(call, id, batch, does) }
  }
  if (request.method !== 'POST' || id !== '') return problem(405, 'Method Not Allowed', 'The method is not allowed.')
  const operations = listOf(body, 'operations')
  if (operations.length === 0) return problem(400, 'Invalid Resource', 'operations: This value should not be blank.')
  const all = [...rows.all(BATCHES)]
  if (all.filter(([, { status }]) => status === 'pending').length >= MOST_PENDING)
    return problem(429, 'Too Many Requests', `You have more than ${MOST_PENDING} pending batches.`)
  const name = `b${all.length + 1}`
  rows.put(BATCHES, name, { status: 'pending', operations })
  return { status: 200, body: told(name, 'pending', operations.length) }
}

function finished(call: Call, id: string, batch: Row, does: (request: Seen) => Answer): Json {
  const operations = listOf(batch, 'operations')
  if (batch.status === 'pending') {
    const failed = operations.map((one) => does(requestOf(call.request, one))).filter(({ status }) => status >= 400)
    call.rows.put(BATCHES, id, { ...batch, status: 'finished', errored: failed.length })
  }
  return told(id, 'finished', operations.length, Number(call.rows.get(BATCHES, id)?.errored ?? 0))
}

function requestOf(asked: Seen, operation: Json): Seen {
  const body = textOf(operation, 'body')
  const query = new URLSearchParams(
    Object.entries((member(operation, 'params') ?? {}) as Readonly<Record<string, string>>),
  )
  return {
    ...asked,
    query,
    method: textOf(operation, 'method'),
    path: `/3.0${textOf(operation, 'path')}`,
    body: tryJson(body) === undefined ? '' : body,
  }
}

function told(id: string, status: string, total: number, errored = 0): Json {
  const done = status === 'finished' ? total : 0
  return { id, status, total_operations: total, finished_operations: done, errored_operations: errored }
}
