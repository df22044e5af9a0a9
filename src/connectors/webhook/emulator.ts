import { createHmac, timingSafeEqual } from 'node:crypto'
import { listOf, member, textOf, tryJson } from '../answer.ts'
import type { Json } from '../connector.ts'
import type { Vendor } from '../sandbox/emulator.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { Stand } from '../sandbox/stand.ts'
import type { Row, Rows } from '../sandbox/store.ts'

export interface WebhookOptions {
  readonly path: string
  readonly method: string
  /** Requests without a right signature are answered 401. */
  readonly secret: string | undefined
  /** Why the receiver will not take a change; undefined takes it. */
  readonly refuses?: (change: Json) => string | undefined
}

const SYNC = 'sync '
const MESSAGES = 'messages'
const SEEN = 'idempotency keys'

/** A receiver of changes: rows by sync and key. Bodies of another form than ours are kept as messages. */
export function webhookVendor(options: WebhookOptions): Vendor {
  return {
    answer: (request, rows) => {
      if (request.path !== options.path) return failed(404, 'There is nothing at this address.')
      if (request.method !== options.method) return failed(405, `Send ${options.method}.`)
      if (options.secret !== undefined && !isSigned(request, options.secret)) return failed(401, 'Bad signature.')
      const key = request.headers['idempotency-key'] ?? ''
      if (key === '') return failed(400, 'The header Idempotency-Key is missing.')
      // Seen before: the effect is there already.
      if (rows.get(SEEN, key)) return { status: 200, body: rows.get(SEEN, key)?.answer ?? {} }
      const answer = take(request, rows, options, key)
      if (answer.status === 200) rows.put(SEEN, key, { answer: answer.body ?? {} })
      return answer
    },
    writes: () => true,
    contents: (rows) =>
      rows
        .collections()
        .filter((name) => name !== SEEN)
        .map((place) => ({ place, rows: [...rows.all(place)].map(([, row]) => row) })),
  }
}

function isSigned(request: Seen, secret: string): boolean {
  const [, time = '', given = ''] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(request.headers['x-signature'] ?? '') ?? []
  const right = createHmac('sha256', secret).update(`${time}.${request.body}`).digest()
  const shown = Buffer.from(given, 'hex')
  return shown.length === right.length && timingSafeEqual(shown, right)
}

function take(request: Seen, rows: Rows, options: WebhookOptions, key: string): Answer {
  const isJson = (request.headers['content-type'] ?? '').includes('json')
  const body = tryJson(request.body)
  if (isJson && body === undefined) return failed(400, 'The body is no JSON document.')
  const changes = member(body, 'changes')
  if (body === undefined || textOf(body, 'sync') === '' || !Array.isArray(changes)) {
    rows.put(MESSAGES, key, { body: body ?? request.body })
    return { status: 200, body: {} }
  }
  const results = listOf(body, 'changes').map((change) =>
    settle(change, `${SYNC}${textOf(body, 'sync')}`, rows, options),
  )
  return results.some((one) => one.status !== 'ok') ? { status: 200, body: { results } } : { status: 200, body: {} }
}

function settle(change: Json, place: string, rows: Rows, options: WebhookOptions): Row {
  const key = member(change, 'key') ?? null
  const op = textOf(change, 'op')
  const reason = OPS.has(op) ? options.refuses?.(change) : `Unknown op "${op}".`
  if (reason !== undefined) return { key, status: 'refused', message: reason }
  const id = JSON.stringify(key)
  const fields = (member(change, 'fields') ?? {}) as Row
  if (op === 'remove') rows.drop(place, id)
  else rows.put(place, id, { key, fields: { ...((rows.get(place, id)?.fields ?? {}) as Row), ...fields } })
  return { key, status: 'ok' }
}

const OPS = new Set(['create', 'update', 'remove'])

function failed(status: number, error: string): Answer {
  return { status, body: { error } }
}

interface WebhookAccount {
  readonly url: string
  readonly method: string
  readonly secret?: string
}

/** What stands in for one account. */
export function webhookStand(opened: unknown): Stand {
  const account = opened as WebhookAccount
  const declared = URL.canParse(account.url) ? new URL(account.url) : undefined
  return {
    identity: `webhook ${account.method} ${account.url}`,
    isHost: (url) => url.origin === declared?.origin,
    claims: (request, url) => request.method === account.method && url.pathname === declared?.pathname,
    vendor: () =>
      webhookVendor({
        path: decodeURIComponent(declared?.pathname ?? '/'),
        method: account.method,
        secret: account.secret,
      }),
  }
}
