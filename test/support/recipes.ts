import { createHmac } from 'node:crypto'
import { listOf, member, textOf, tryJson } from '../../src/connectors/answer.ts'
import type { Json } from '../../src/connectors/connector.ts'
import type { Vendor } from '../../src/connectors/sandbox/emulator.ts'
import type { Answer, Seen } from '../../src/connectors/sandbox/sandbox.ts'
import type { Row, Rows } from '../../src/connectors/sandbox/store.ts'

// Stand-ins for the receivers of the recipes, written against what the vendors say and none of our code. A person
// called "Bad" is refused by each of them.

const PEOPLE = 'people'

function standIn(answer: Vendor['answer']): Vendor {
  return {
    answer,
    writes: ({ method, path }) => method !== 'GET' && !path.endsWith('/token'),
    contents: (rows) => [{ place: PEOPLE, rows: [...rows.all(PEOPLE)].map(([, row]) => row) }],
  }
}

/** The Track API: https://docs.customer.io/integrations/api/track/. */
export function customerIo(siteId: string, apiKey: string): Vendor {
  const right = `Basic ${Buffer.from(`${siteId}:${apiKey}`).toString('base64')}`
  return standIn((request, rows) => {
    if (request.headers.authorization !== right) return { status: 401, body: { meta: { error: 'unauthorized' } } }
    if (request.method === 'GET' && request.path === '/api/v1/accounts/region')
      return { status: 200, body: { region: 'us' } }
    if (request.method !== 'POST' || request.path !== '/api/v2/batch') return { status: 404, body: {} }
    if (request.body.length > 500 * 1024) return { status: 413, body: {} }
    const body = tryJson(request.body)
    if (body === undefined) return { status: 400, body: { errors: [{ reason: 'invalid', message: 'malformed JSON' }] } }
    const errors = listOf(body, 'batch').flatMap((item, batch_index) => {
      const wrong = identify(item, rows)
      return wrong === undefined ? [] : [{ batch_index, reason: 'invalid', ...wrong }]
    })
    return errors.length === 0 ? { status: 200, body: {} } : { status: 207, body: { errors } }
  })
}

function identify(item: Json, rows: Rows): Row | undefined {
  const id = textOf(member(item, 'identifiers'), 'id')
  const attributes = (member(item, 'attributes') ?? {}) as Row
  if (textOf(item, 'type') !== 'person' || id === '') return { field: 'identifiers', message: 'no person' }
  if (textOf(item, 'action') === 'delete') {
    if (rows.get(PEOPLE, id)) rows.drop(PEOPLE, id)
    return undefined
  }
  if (textOf(item, 'action') !== 'identify') return { field: 'action', message: 'unknown action' }
  if (attributes.first_name === 'Bad') return { field: 'first_name', message: 'value is too long' }
  rows.put(PEOPLE, id, { ...rows.get(PEOPLE, id), ...attributes, id })
  return undefined
}

/** Lists of Iterable: https://api.iterable.com/api/docs#lists_subscribe. */
export function iterable(apiKey: string): Vendor {
  return standIn((request, rows) => {
    if (request.headers['api-key'] !== apiKey)
      return { status: 401, body: { code: 'BadApiKey', msg: 'Invalid API key' } }
    if (request.method === 'GET' && request.path === '/api/lists') return { status: 200, body: { lists: [] } }
    const [, act] = /^\/api\/lists\/(subscribe|unsubscribe)$/.exec(request.path) ?? []
    const body = tryJson(request.body)
    if (request.method !== 'POST' || act === undefined) return { status: 404, body: {} }
    if (member(body, 'listId') !== 12_345) return { status: 400, body: { code: 'BadParams', msg: 'no such list' } }
    const subscribers = listOf(body, 'subscribers')
    if (subscribers.length > 1_000) return { status: 413, body: {} }
    const failed = { invalidEmails: [] as string[], notFoundEmails: [] as string[] }
    for (const one of subscribers) {
      // It answers in lower case, whatever it was sent.
      const email = textOf(one, 'email').toLowerCase()
      const fields = (member(one, 'dataFields') ?? {}) as Row
      if (act === 'unsubscribe' && !rows.get(PEOPLE, email)) failed.notFoundEmails.push(email)
      else if (act === 'unsubscribe') rows.drop(PEOPLE, email)
      else if (!email.includes('@') || fields.firstName === 'Bad') failed.invalidEmails.push(email)
      else rows.put(PEOPLE, email, { ...rows.get(PEOPLE, email), ...fields, email })
    }
    const failCount = failed.invalidEmails.length + failed.notFoundEmails.length
    return { status: 200, body: { successCount: subscribers.length - failCount, failCount, failedUpdates: failed } }
  })
}

/** The API of the third recipe, with its login server. `lock` names people who are locked for the moment. */
export function loyalty(clientSecret: string, signingKey: string, lock: Set<string>): Vendor {
  let tokens = 0
  return standIn((request, rows) => {
    if (request.path === '/oauth/token') {
      const form = new URLSearchParams(request.body)
      const isRight = form.get('client_id') === 'cdp' && form.get('client_secret') === clientSecret
      if (!isRight || form.get('scope') !== 'members.write') return { status: 401, body: { error: 'invalid_client' } }
      return { status: 200, body: { access_token: `token-${++tokens}`, expires_in: 600 } }
    }
    if (tokens === 0 || request.headers.authorization !== `Bearer token-${tokens}`) return { status: 401, body: {} }
    if (!isSigned(request, signingKey)) return { status: 403, body: { error: { reason: 'bad signature' } } }
    if (request.method === 'GET' && request.path === '/v1/status') return { status: 200, body: {} }
    const [, member] = /^\/v1\/members\/(.+)$/.exec(request.path) ?? []
    if (member === undefined) return { status: 404, body: {} }
    return membership(request, rows, member, lock)
  })
}

function membership(request: Seen, rows: Rows, id: string, lock: Set<string>): Answer {
  if (lock.has(id)) return { status: 409, body: { error: { reason: 'locked' } } }
  if (request.method === 'DELETE') {
    if (!rows.get(PEOPLE, id)) return { status: 404, body: { error: { reason: 'no such member' } } }
    rows.drop(PEOPLE, id)
    return { status: 200, body: { state: 'stored' } }
  }
  const body = tryJson(request.body)
  const profile = (member(body, 'profile') ?? {}) as Row
  if (request.method !== 'PUT' || textOf(body, 'member') !== id) return { status: 400, body: {} }
  if (profile.name === 'Bad') return { status: 422, body: { error: { reason: 'no such name' } } }
  rows.put(PEOPLE, id, { ...rows.get(PEOPLE, id), ...profile, id })
  return { status: 200, body: { state: 'stored' } }
}

function isSigned({ method, path, headers, body }: Seen, key: string): boolean {
  const [time = '', given] = (headers['x-loyalty-signature'] ?? '').split(':')
  const [, folder = '', name = ''] = /^(\/v1\/(?:members\/)?)(.*)$/.exec(path) ?? []
  const text = `${method} ${folder}${encodeURIComponent(name)} ${time} ${body}`
  const hash = createHmac('sha256', key).update(text).digest('hex')
  return given === hash
}
