import { createHash } from 'node:crypto'
import { member, textOf, tryJson } from '../answer.ts'
import type { HttpRequest, Json, Ms } from '../connector.ts'
import type { Vendor } from '../sandbox/emulator.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { Stand } from '../sandbox/stand.ts'
import type { Row, Rows } from '../sandbox/store.ts'
import { originOf } from './acts.ts'
import { isAuthorised, isSigned, TOKENS, tokenFor } from './emulator-access.ts'
import type { Account } from './options.ts'

export interface WebhookOptions {
  readonly path: string
  readonly method: string
  /** Requests without a right signature are answered 401. */
  readonly secret: string | undefined
  /** Why the receiver will not take a change; undefined takes it. */
  readonly refuses?: (change: Json) => string | undefined
  /** The status with which it then refuses all of the request. Default: the row is named in an answer of 200. */
  readonly refusesWith?: number
  /** Is this a row that cannot be written for the moment? */
  readonly busy?: (change: Json) => boolean
  /** Is this a row that is written and of which the answer says nothing? */
  readonly leavesOut?: (change: Json) => boolean
  /** Ops for which the credentials have no right. */
  readonly forbids?: ReadonlySet<string>
  /** Where the receiver has moved to. */
  readonly moved?: { readonly status: 301 | 302 | 303 | 307 | 308; readonly to: string }
  /** Size of a body, at most. */
  readonly mostBytes?: number
  /** Requests of one second by `now`; the others are told when the next begins. */
  readonly mostASecond?: number
  readonly now?: () => Ms
  /** What is broken there, until then: a status that is answered before a request is looked at, or `after` it was taken. */
  readonly trouble?: { readonly status: number; readonly after?: boolean; readonly until?: Ms }
}

const SYNC = 'sync '
const MESSAGES = 'messages'
const SEEN = 'idempotency keys'
const RATE = 'rate'
const HIDDEN = new Set([SEEN, TOKENS, RATE])

/** A receiver of changes: rows by sync and key. Bodies of another form than ours are kept as messages. */
export function webhookVendor(options: WebhookOptions): Vendor {
  return {
    answer: (request, rows) => {
      const { mostBytes = Number.POSITIVE_INFINITY, moved } = options
      const trouble = troubleOf(options)
      if (moved !== undefined) return { status: moved.status, headers: { location: moved.to } }
      if (trouble !== undefined && !trouble.after) return failed(trouble.status, 'Out of order.')
      const tooFast = rateError(rows, options)
      if (tooFast !== undefined) return tooFast
      if (request.path !== options.path) return failed(404, 'There is nothing at this address.')
      if (request.method !== options.method) return failed(405, `Send ${options.method}.`)
      if (options.secret !== undefined && !isSigned(request, options.secret, undefined))
        return failed(401, 'Bad signature.')
      if (Buffer.byteLength(request.body) > mostBytes) return failed(413, 'The body is too large.')
      const answered = once(request, rows, (key) => take(request, rows, options, key))
      return trouble === undefined ? answered : failed(trouble.status, 'Out of order.')
    },
    writes: () => true,
    contents: (rows) =>
      rows
        .collections()
        .filter((name) => !HIDDEN.has(name))
        .map((place) => ({ place, rows: [...rows.all(place)].map(([, row]) => row) })),
  }
}

function troubleOf({ trouble, now = Date.now }: WebhookOptions): WebhookOptions['trouble'] {
  return now() < (trouble?.until ?? Number.POSITIVE_INFINITY) ? trouble : undefined
}

function rateError(rows: Rows, { mostASecond, now }: WebhookOptions): Answer | undefined {
  if (mostASecond === undefined || now === undefined) return undefined
  const second = String(Math.floor(now() / 1000))
  const count = Number(rows.get(RATE, second)?.count ?? 0) + 1
  rows.put(RATE, second, { count })
  if (count <= mostASecond) return undefined
  const headers = { 'retry-after': '1', ratelimit: `limit=${mostASecond}, remaining=0, reset=1` }
  return { ...failed(429, 'Too many requests.'), headers }
}

/** Takes a request, or answers what was answered when it came before: its effect is there already. */
function once(request: Seen, rows: Rows, act: (key: string) => Answer): Answer {
  const key = request.headers['idempotency-key'] ?? ''
  if (key === '') return failed(400, 'The header Idempotency-Key is missing.')
  if (rows.get(SEEN, key)) return { status: 200, body: rows.get(SEEN, key)?.answer ?? {} }
  const answer = act(key)
  if (answer.status === 200) rows.put(SEEN, key, { answer: answer.body ?? {} })
  return answer
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
  return refusal(changes as readonly Json[], options) ?? settled(changes as readonly Json[], body, rows, options)
}

/** Why nothing of the request is taken. */
function refusal(changes: readonly Json[], { forbids, refuses, refusesWith }: WebhookOptions): Answer | undefined {
  if (changes.some((change) => forbids?.has(textOf(change, 'op')))) return failed(403, 'The key has no right to do so.')
  const reason = changes.map((change) => refuses?.(change)).find((one) => one !== undefined)
  return refusesWith === undefined || reason === undefined ? undefined : failed(refusesWith, reason)
}

/** Nothing is said where every row was written; otherwise each is named, in no order. */
function settled(changes: readonly Json[], body: Json, rows: Rows, options: WebhookOptions): Answer {
  const { leavesOut = () => false } = options
  const all = changes.map((change) => settle(change, `${SYNC}${textOf(body, 'sync')}`, rows, options))
  const results = all.filter((_, at) => !leavesOut(changes[at] ?? null)).reverse()
  const isPlain = results.length === all.length && results.every((one) => one.status === 'ok')
  return { status: 200, body: isPlain ? {} : { results } }
}

function settle(change: Json, place: string, rows: Rows, options: WebhookOptions): Row {
  const key = member(change, 'key') ?? null
  const op = textOf(change, 'op')
  const reason = OPS.has(op) ? options.refuses?.(change) : `Unknown op "${op}".`
  if (reason !== undefined) return { key, status: 'refused', message: reason }
  if (options.busy?.(change)) return { key, status: 'again' }
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

/** What stands in for one account. */
export function webhookStand(opened: unknown): Stand {
  const account = opened as Account
  const routes = OPS_OF.map((op) => routeOf(account, op))
  const isOwn = (url: URL) => originOf(account.url) === url.origin
  const tokenUrl = account.auth?.type === 'oauth' ? account.auth.token_url : undefined
  const isLogin = (url: URL) => tokenUrl !== undefined && originOf(tokenUrl) === url.origin
  return {
    identity: `webhook ${routes.map(({ method, url }) => `${method} ${url}`).join(' ')}`,
    isHost: (url) => isOwn(url) || isLogin(url),
    claims: (request, url) =>
      (isLogin(url) && url.href === tokenUrl && isOwnLogin(account, request)) ||
      (isOwn(url) && routes.some((one) => one.method === request.method && one.pattern.test(decoded(url.pathname)))),
    vendor: (_, now) => receiver(account, routes, now),
  }
}

/** Accounts may share a login server. */
function isOwnLogin({ auth }: Account, { body = '' }: HttpRequest): boolean {
  const id = new URLSearchParams(body).get('client_id')
  return id === null || (auth?.type === 'oauth' && auth.client_id === id)
}

const OPS_OF = ['create', 'update', 'remove'] as const

interface Route {
  readonly op: (typeof OPS_OF)[number]
  readonly method: string
  readonly url: string
  readonly pattern: RegExp
  /** Does the address name the row? */
  readonly isOfRow: boolean
}

function routeOf(account: Account, op: Route['op']): Route {
  const url = account[op]?.url ?? account.url
  const holes = url.replace(/\{\{.*?\}\}/g, HOLE)
  const path = URL.canParse(holes) ? decoded(new URL(holes).pathname) : '/'
  const pattern = path.split(HOLE).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const isOfRow = pattern.length > 1
  return {
    op,
    method: account[op]?.method ?? account.method,
    url,
    pattern: new RegExp(`^${pattern.join('.+')}$`),
    isOfRow,
  }
}

const HOLE = 'a-hole-in-it'

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** A receiver as the account describes it: its credentials, its addresses, and the form of its answers. */
function receiver(account: Account, routes: readonly Route[], now: () => Ms): Vendor {
  const plain = webhookVendor({ path: '', method: '', secret: undefined })
  const checked = account.check && URL.canParse(account.check.url) ? new URL(account.check.url).pathname : undefined
  return {
    ...plain,
    answer: (request, rows) => {
      const token = tokenFor(request, rows, account.auth, now())
      if (token) return token
      if (!isAuthorised(request, rows, account.auth, now())) return failed(401, 'Bad credentials.')
      if (account.secret !== undefined && !isSigned(request, account.secret, account.signature))
        return failed(401, 'Bad signature.')
      if (request.method === 'GET' && request.path === checked) return { status: 200, body: {} }
      const here = routes.filter((one) => one.pattern.test(request.path))
      const route = here.find((one) => one.method === request.method)
      if (!route)
        return here.length > 0 ? failed(405, 'Another method.') : failed(404, 'There is nothing at this address.')
      return once(request, rows, () => taken(request, rows, account, route))
    },
    writes: ({ method, path }) => method !== 'GET' && !isTokenPath(account, path),
  }
}

function isTokenPath({ auth }: Account, path: string): boolean {
  return auth?.type === 'oauth' && URL.canParse(auth.token_url) && new URL(auth.token_url).pathname === path
}

/** Keeps what came: one row by its address, or a body of any form; and answers as the account expects it. */
function taken(request: Seen, rows: Rows, account: Account, { op, isOfRow }: Route): Answer {
  const answer = isOfRow ? settleRow(request, rows) : settleBody(request, rows)
  const { response } = account
  if (response === undefined || answer.status !== 200) return answer
  const good = response.status === undefined ? {} : nested(response.status, response.ok[0] ?? true)
  if (response.results === undefined) {
    const id = op === 'create' && response.id !== undefined ? nested(response.id, idOf(request.body)) : {}
    return { status: 200, body: { ...good, ...id } }
  }
  // Vendors echo what names a row in the request.
  const results = itemsIn(tryJson(request.body)).map((item, index) => ({
    ...(item as Row),
    ...(response.index !== undefined && nested(response.index, index)),
    ...good,
  }))
  return { status: 200, body: response.results === '' ? results : nested(response.results, results) }
}

function settleRow(request: Seen, rows: Rows): Answer {
  if (request.method === 'DELETE') rows.drop(BY_ADDRESS, request.path)
  else rows.put(BY_ADDRESS, request.path, { path: request.path, body: tryJson(request.body) ?? request.body })
  return { status: 200, body: {} }
}

const BY_ADDRESS = 'rows by address'

function settleBody(request: Seen, rows: Rows): Answer {
  const options = { path: request.path, method: request.method, secret: undefined }
  return take(request, rows, options, request.headers['idempotency-key'] ?? '')
}

function idOf(body: string): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 12)
}

/** The first list in a body; the body itself where it has none. */
function itemsIn(body: Json | undefined): readonly Json[] {
  if (Array.isArray(body)) return body as readonly Json[]
  const list = Object.values((body ?? {}) as Row).find((value) => Array.isArray(value))
  return (list as readonly Json[] | undefined) ?? [body ?? null]
}

/** A value at a dotted path. */
function nested(path: string, value: Json): { readonly [name: string]: Json } {
  const [first = '', ...rest] = path.split('.')
  return { [first]: rest.length === 0 ? value : nested(rest.join('.'), value) }
}
