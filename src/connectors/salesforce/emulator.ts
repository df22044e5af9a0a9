import { createPublicKey } from 'node:crypto'
import { type Io, isStandIn, type Ms } from '../connector.ts'
import type { Vendor } from '../sandbox/emulator.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import type { Stand } from '../sandbox/stand.ts'
import type { Rows } from '../sandbox/store.ts'
import { type Account, homeOf, loginOf } from './account.ts'
import { JOBS, jobs } from './emulator-jobs.ts'
import { login } from './emulator-login.ts'
import { describe, hasObject } from './emulator-objects.ts'
import { type Call, ExternalIds, failed, notFound, type SalesforceOptions } from './emulator-org.ts'
import { query } from './emulator-query.ts'
import { record } from './emulator-record.ts'
import { collections } from './emulator-records.ts'
import { shut } from './emulator-rules.ts'
import { audienceOf, keyOf } from './login.ts'

const DAY: Ms = 86_400_000

/** Requests that an org answers at the same time. */
const MOST_AT_ONCE = 25

/** A Salesforce org: records by object, written by external id or by jobs, and the errors that Salesforce answers. */
export function salesforceVendor(options: SalesforceOptions): Vendor {
  const tokens = new Map<string, Ms>()
  const index = new ExternalIds()
  const clock = options.now ?? Date.now
  const most = options.dailyCalls ?? 15_000
  let calls: Ms[] = []
  return {
    answer: (request, rows) => {
      const now = clock()
      if (request.path === '/services/oauth2/token') return login(request, options, tokens, now)
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
      if (token === undefined || (tokens.get(token) ?? 0) <= now)
        return failed(401, 'INVALID_SESSION_ID', 'Session expired or invalid')
      calls = [...calls.filter((at) => at > now - DAY), now]
      const answer = answered({ request, rows, options, index, now }, calls.length > most)
      const usage = `api-usage=${Math.min(calls.length, most)}/${most}`
      return { ...answer, headers: { ...answer.headers, 'sforce-limit-info': usage } }
    },
    writes: (request) => request.method !== 'GET' && !request.path.endsWith('/oauth2/token'),
    contents: (rows) =>
      rows
        .collections()
        .filter((name) => name !== JOBS)
        .map((object) => ({ place: object, rows: heldIn(rows, object) })),
  }
}

function heldIn(rows: Rows, object: string) {
  return [...rows.all(object)].filter(([, row]) => row.IsDeleted !== true).map(([Id, row]) => ({ Id, ...row }))
}

function answered(of: Omit<Call, 'path'>, isUsedUp: boolean): Answer {
  if (isUsedUp) return failed(403, 'REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.')
  if (of.request.atOnce > MOST_AT_ONCE)
    return failed(403, 'REQUEST_LIMIT_EXCEEDED', 'ConcurrentPerOrgLongTxn Limit exceeded.')
  const closed = shut(of)
  if (closed !== undefined) return closed
  const path = /^\/services\/data\/v\d+\.0(\/.*)$/.exec(of.request.path)?.[1]
  return path === undefined ? notFound() : route({ ...of, path })
}

function route(call: Call): Answer {
  const { request, path, options, rows } = call
  if (path.startsWith('/jobs/ingest')) return jobs(call)
  if (path.startsWith('/composite/sobjects')) return collections(call)
  const [, object, field, value] = /^\/sobjects\/(\w+)\/(\w+)\/([^/]+)$/.exec(path) ?? []
  if (request.method === 'PATCH' && object !== undefined && field !== undefined && value !== undefined)
    return record(call, object, field, value)
  if (request.method !== 'GET') return failed(405, 'METHOD_NOT_ALLOWED', `HTTP Method '${request.method}' not allowed.`)
  const [, described] = /^\/sobjects\/(\w+)\/describe$/.exec(path) ?? []
  if (described !== undefined && hasObject(described)) {
    const { readOnly = [], fields } = options
    return { status: 200, body: describe(described, { declared: fields.get(described) ?? [], readOnly }, rows) }
  }
  if (path === '/limits') return { status: 200, body: { DailyApiRequests: { Max: options.dailyCalls ?? 15_000 } } }
  const [, rest] = /^\/query\/([\w-]+-\d+)$/.exec(path) ?? []
  return rest !== undefined || path === '/query' || path === '/queryAll' ? query(call, rest) : notFound()
}

interface Place {
  readonly into: {
    readonly object: string
    readonly campaign?: string
    readonly member?: string
    readonly status?: string
  }
  readonly columns: Io['columns']
}

/** What stands in for one account. */
export function salesforceStand(opened: unknown): Stand {
  const account = opened as Account
  const origin = homeOf(account)
  return {
    identity: `salesforce ${origin}`,
    isHost: (url) => url.origin === origin,
    claims: (_, url) => url.pathname.startsWith('/services/'),
    vendor: (places, now) =>
      salesforceVendor({
        origin,
        now,
        clientId: account.client_id,
        ...users(account),
        ...org(places as readonly Place[]),
      }),
  }
}

/** Who may log in: the one whom the account names. */
function users(account: Account): Pick<SalesforceOptions, 'clientSecret' | 'jwt' | 'user'> {
  const login = loginOf(account)
  switch (login.kind) {
    case 'credentials':
      return { clientSecret: login.secret }
    case 'jwt': {
      const publicKey = isStandIn(login.key) ? undefined : publicOf(login.key)
      return { clientSecret: '', jwt: { username: login.username, audience: audienceOf(account), publicKey } }
    }
    case 'password':
      return { clientSecret: login.secret, user: { username: login.username, password: login.password } }
  }
}

function publicOf(key: string): string {
  return createPublicKey(keyOf(key)).export({ type: 'spki', format: 'pem' }).toString()
}

/** The fields that syncs name, also of parents, and the campaigns with the vendor's statuses and the named ones. */
function org(places: readonly Place[]): Pick<SalesforceOptions, 'fields' | 'campaigns'> {
  const fields = new Map<string, string[]>()
  const declare = (object: string, names: readonly string[]) => {
    fields.set(object, [...(fields.get(object) ?? []), ...names])
    for (const path of names) {
      const [parent = '', name] = path.split('.')
      if (name !== undefined) declare(parent.endsWith('__r') ? `${parent.slice(0, -1)}c` : parent, [name])
    }
  }
  const campaigns = new Map<string, readonly string[]>()
  for (const { into, columns } of places) {
    declare(into.object, columns.fields)
    declare(into.campaign === undefined ? into.object : (into.member ?? 'Contact'), columns.key)
    if (into.campaign === undefined) continue
    const statuses = [...(campaigns.get(into.campaign) ?? ['Sent', 'Responded']), ...(into.status ? [into.status] : [])]
    campaigns.set(into.campaign, [...new Set(statuses)])
  }
  return { fields, campaigns }
}
