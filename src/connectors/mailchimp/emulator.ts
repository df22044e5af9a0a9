import { member, tryJson } from '../answer.ts'
import type { Json } from '../connector.ts'
import type { Vendor } from '../sandbox/emulator.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { Stand } from '../sandbox/stand.ts'
import type { Rows } from '../sandbox/store.ts'
import { batches } from './emulator-batches.ts'
import { batch, contact, members } from './emulator-contacts.ts'
import {
  type Call,
  type ListCall,
  type MailchimpOptions,
  type MergeField,
  notFound,
  problem,
} from './emulator-parts.ts'
import { fieldsOf, interests, mergeFields, segments } from './emulator-places.ts'
import { type Into, mergeTags, targetOf } from './place.ts'

const MOST_AT_ONCE = 10

/** A Mailchimp account: members with statuses, merge fields and tags, and the errors that Mailchimp answers. */
export function mailchimpVendor(options: MailchimpOptions): Vendor {
  return {
    answer: (request, rows) =>
      refusedAtTheDoor(request, rows, options) ?? inTime(answer(request, rows, options), options.patience),
    writes: (request) => request.method !== 'GET',
    contents: (rows) =>
      rows
        .collections()
        .filter((name) => name.startsWith('list '))
        .map((place) => ({ place, rows: [...rows.all(place)].map(([, row]) => row) })),
  }
}

/** What is answered before anybody looks what was asked. */
function refusedAtTheDoor(request: Seen, rows: Rows, options: MailchimpOptions): Answer | undefined {
  const { trouble, apiKey, role = 'owner' } = options
  if (trouble === 'gateway') return page(502, 'Bad Gateway')
  if (trouble === 'maintenance') return page(503, 'Service Unavailable')
  if (isTooFast(rows, options)) return page(403, 'Access Denied')
  if (request.atOnce > MOST_AT_ONCE)
    return problem(429, 'Too Many Requests', `You have exceeded the limit of ${MOST_AT_ONCE} simultaneous connections.`)
  const stranger = unauthorised(request, apiKey)
  if (stranger !== undefined) return stranger
  if (trouble === 'disabled')
    return problem(403, 'User Disabled', 'This account has been disabled for violating our terms of use.')
  if (trouble === 'restricted' && request.method !== 'GET')
    return problem(503, 'Compliance Related', 'This method has been disabled.')
  if (trouble === 'down') return problem(500, 'Internal Server Error', 'An unexpected internal error has occurred.')
  if (request.method !== 'GET' && (role === 'viewer' || role === 'author'))
    return problem(403, 'Forbidden', 'You are not permitted to access this resource.')
  return undefined
}

/** What a proxy before Mailchimp says. */
function page(status: number, title: string): Answer {
  return { status, body: `<html><h1>${title}</h1></html>` }
}

function isTooFast(rows: Rows, { mostASecond, now }: MailchimpOptions): boolean {
  if (mostASecond === undefined || now === undefined) return false
  const second = String(Math.floor(now() / 1000))
  const count = Number(rows.get('rate', second)?.count ?? 0) + 1
  rows.put('rate', second, { count })
  return count > mostASecond
}

function unauthorised(request: Seen, key: string): Answer | undefined {
  const given = credentialOf(request)
  if (given === key) return undefined
  if (given === undefined) return problem(401, 'API Key Missing', 'Your request did not include an API key.')
  if (given.split('-')[0] === key.split('-')[0])
    return problem(403, 'Wrong Datacenter', 'The API key provided is linked to a different data center.')
  return problem(
    401,
    'API Key Invalid',
    "Your API key may be invalid, or you've attempted to access the wrong datacenter.",
  )
}

function credentialOf(request: Seen): string | undefined {
  const [kind = '', value] = (request.headers.authorization ?? '').split(' ')
  if (value === undefined || value === '') return undefined
  if (kind === (request.path === METADATA ? 'OAuth' : 'Bearer')) return value
  return kind === 'Basic' ? Buffer.from(value, 'base64').toString('utf8').split(':').slice(1).join(':') : undefined
}

/** After 120 seconds the gateway answers in its stead, whatever became of the work. */
function inTime(answered: Answer, patience = Number.POSITIVE_INFINITY): Answer {
  const changed = ['total_created', 'total_updated', 'total_added', 'total_removed']
  const count = changed.reduce((sum, name) => sum + Number(member(answered.body, name) ?? 0), 0)
  return count > patience ? page(504, 'Gateway Time-out') : answered
}

const METADATA = '/oauth2/metadata'

function answer(request: Seen, rows: Rows, options: MailchimpOptions): Answer {
  const body: Json | undefined = request.body === '' ? {} : tryJson(request.body)
  if (body === undefined) return problem(400, 'JSON Parse Error', 'We encountered an unspecified JSON parsing error.')
  return route({ request, body, rows, options })
}

function route(call: Call): Answer {
  const { method, path } = call.request
  if (path === METADATA)
    return { status: 200, body: { dc: 'us6', api_endpoint: 'https://us6.api.mailchimp.com', accountname: 'Shop' } }
  if (method === 'GET' && path === '/3.0/ping') return { status: 200, body: { health_status: "Everything's Chimpy!" } }
  if (method === 'GET' && /^\/3\.0\/?$/.test(path))
    return { status: 200, body: { account_id: 'a1', account_name: 'Shop', role: call.options.role ?? 'owner' } }
  const [, later] = /^\/3\.0\/batches(\/\w+|)$/.exec(path) ?? []
  if (later !== undefined) return batches(call, later, (one) => answer(one, call.rows, call.options))
  const [, list, rest = ''] = /^\/3\.0\/lists\/([^/]+)(\/.*)?$/.exec(path) ?? []
  if (list === undefined || !call.options.lists.has(list)) return notFound()
  const here: ListCall = { ...call, list, known: fieldsOf({ ...call, list }) }
  if (rest === '' && method === 'GET') return { status: 200, body: { id: list, name: list } }
  if (rest === '' && method === 'POST') return batch(here)
  if (rest === '/merge-fields') return mergeFields(here)
  if (rest.startsWith('/interest-categories')) return interests(here, rest.slice('/interest-categories'.length))
  if (rest.startsWith('/segments')) return segments(here, rest.slice('/segments'.length))
  if (rest === '/members' && method === 'GET') return members(here)
  const [, hash, act = ''] = /^\/members\/([0-9a-f]{32})(\/.*)?$/.exec(rest) ?? []
  return hash === undefined ? notFound() : contact(here, hash, `${method} ${act}`)
}

/** What stands in for one account. */
export function mailchimpStand(opened: unknown): Stand {
  const account = opened as { readonly api_key?: string; readonly access_token?: string }
  const credential = account.access_token ?? account.api_key ?? ''
  return {
    identity: `mailchimp ${credential}`,
    isHost: ({ hostname }) => hostname.endsWith('.api.mailchimp.com') || hostname === 'login.mailchimp.com',
    claims: ({ headers }) => headers?.authorization?.split(' ')[1] === credential,
    vendor: (places) => {
      const lists = new Map<string, readonly MergeField[]>()
      const names = places.flatMap(({ columns }) => columns.fields)
      for (const { into, columns } of places) {
        const { list, create_fields } = into as Into
        // What a sync makes itself is not there from the start.
        const tags = create_fields ? [] : mergeTags(columns.fields)
        lists.set(list, [...(lists.get(list) ?? []), ...tags.map((tag) => ({ tag }))])
      }
      const segments = places.flatMap(({ into }) => {
        const { segment, create_segment } = into as Into
        return segment === undefined || create_segment ? [] : [segment]
      })
      const groups = { interests: namesOf(names, 'interest'), permissions: namesOf(names, 'permission') }
      return mailchimpVendor({ apiKey: credential, lists, segments, ...groups })
    },
  }
}

/** Names of the fields of a kind, each of which is its own id. */
function namesOf(fields: readonly string[], kind: 'interest' | 'permission'): Readonly<Record<string, string>> {
  return Object.fromEntries(
    fields.flatMap((field) => {
      const target = targetOf(field)
      return target?.kind === kind ? [[target.name, target.name]] : []
    }),
  )
}
