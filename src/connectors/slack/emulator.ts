import { listOf, member, textOf, tryJson } from '../answer.ts'
import type { Json, Ms } from '../connector.ts'
import type { Vendor } from '../sandbox/emulator.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { Stand } from '../sandbox/stand.ts'
import type { Row, Rows } from '../sandbox/store.ts'
import type { Account, Into } from './place.ts'

export interface SlackOptions {
  /** The token of the app, and what it may do. `inactive`: its user was deleted, or the app taken away. */
  readonly token?: {
    readonly value: string
    readonly scopes: readonly string[]
    readonly state?: 'revoked' | 'expired' | 'inactive'
  }
  /** Paths of the webhooks, with the channel into which each posts. */
  readonly webhooks?: ReadonlyMap<string, string>
  readonly channels: readonly SlackChannel[]
  /** The vendor's wall clock. */
  readonly now: () => Ms
  /** What was done to the workspace as a whole. */
  readonly workspace?: keyof typeof WORKSPACES
  /** What is broken at Slack itself, by the code that it says; `gateway`: what stands before it cannot reach it. */
  readonly outage?:
    | 'internal_error'
    | 'fatal_error'
    | 'service_unavailable'
    | 'request_timeout'
    | 'rollup_error'
    | 'gateway'
  /** History shows that messages carry something, and not what. */
  readonly hidesMetadata?: boolean
  /** Messages of the app in any minute, whatever the channel. Default: any number. */
  readonly mostAMinute?: number
}

export interface SlackChannel {
  readonly id: string
  readonly isArchived?: boolean
  readonly isPrivate?: boolean
  /** The app is not in it. */
  readonly isForeign?: boolean
  /** Only some may post there. */
  readonly isReadOnly?: boolean
  /** The workspace's first channel, where apps may not post. */
  readonly isClosedGeneral?: boolean
  /** A direct message to somebody who is no longer there. */
  readonly isOfNobody?: boolean
}

/** What the Web API and a webhook say of a workspace: restricted by its admins, in the hands of an organisation, … */
const WORKSPACES = {
  disabled: ['account_inactive', 'team_disabled'],
  restricted: ['restricted_action', 'action_prohibited'],
  without_hooks: [undefined, 'no_active_hooks'],
  limited: ['accesslimited', undefined],
  locked: ['ekm_access_denied', undefined],
  moving: ['team_added_to_org', undefined],
  in_organisation: ['org_login_required', undefined],
} as const

/** A message a second, and this many more at once. */
const BURST = 5
const LONGEST_TEXT = 40_000
const MOST_BLOCKS = 50
const LONGEST_BLOCK = 3_000
const LONGEST_BLOCKS = 13_000
const LONGEST_HEADER = 150
const MOST_FIELDS = 10
const LONGEST_FIELD = 2_000
const LARGEST_METADATA = 8_000

/** A Slack workspace: channels with messages, scopes, a rate for each channel, and errors in Slack's two languages. */
export function slackVendor(options: SlackOptions): Vendor {
  return {
    answer: (request, rows) => {
      if (options.outage === 'gateway') return { status: 502, body: '<html><h1>Bad Gateway</h1></html>' }
      return request.path.startsWith('/api/') ? method(request, rows, options) : webhook(request, rows, options)
    },
    writes: ({ path }) => !path.startsWith('/api/') || path === '/api/chat.postMessage',
    contents: (rows) =>
      rows
        .collections()
        .filter((name) => name.startsWith(CHANNEL))
        .map((place) => ({ place, rows: [...rows.all(place)].map(([, { metadata: _, ...row }]) => row) })),
  }
}

const CHANNEL = 'channel '

/** Answers of a webhook are plain text, and their status says what is wrong. */
function webhook(request: Seen, rows: Rows, options: SlackOptions): Answer {
  const id = options.webhooks?.get(request.path)
  if (id === undefined) return asWebhook(strangeHook(request.path, options))
  if (request.method !== 'POST') return { status: 405, body: 'method_not_allowed' }
  const body = tryJson(request.body)
  if (body === undefined) return asWebhook('invalid_payload')
  const posted = post(body, id, rows, options)
  return posted.error === undefined ? { status: 200, body: 'ok' } : asWebhook(posted.error)
}

/** Of an address that is none: is its workspace known, and the hook, with another token? */
function strangeHook(path: string, { webhooks }: SlackOptions): string {
  const [, team, hook] = partsOf(path)
  const known = [...(webhooks?.keys() ?? [])].map(partsOf)
  if (known.some((one) => one[1] === team && one[2] === hook)) return 'invalid_token'
  return known.length === 0 || known.some((one) => one[1] === team) ? 'no_service' : 'no_team'
}

/** `/services/T…/B…/…`. */
function partsOf(path: string): readonly string[] {
  return path.slice(1).split('/')
}

function asWebhook(error: string): Answer {
  const [status, code] = AS_WEBHOOK[error] ?? [400, error]
  return { status, ...(status === 429 && { headers: RETRY }), body: code }
}

const RETRY = { 'retry-after': '1' }

/** Status and code with which a webhook says what the Web API calls otherwise. */
const AS_WEBHOOK: Readonly<Record<string, readonly [status: number, code: string]>> = {
  channel_not_found: [404, 'channel_not_found'],
  is_archived: [410, 'channel_is_archived'],
  not_in_channel: [403, 'action_prohibited'],
  restricted_action_read_only_channel: [403, 'action_prohibited'],
  action_prohibited: [403, 'action_prohibited'],
  posting_to_general_channel_denied: [403, 'posting_to_general_channel_denied'],
  team_disabled: [403, 'team_disabled'],
  invalid_token: [403, 'invalid_token'],
  no_service: [404, 'no_service'],
  no_team: [404, 'no_team'],
  no_active_hooks: [404, 'no_active_hooks'],
  rollup_error: [500, 'rollup_error'],
  internal_error: [500, 'internal_error'],
  service_unavailable: [503, 'service_unavailable'],
  ratelimited: [429, 'rate_limited'],
  rate_limited: [429, 'rate_limited'],
}

/** A method of the Web API: 200 whatever happened, but where there are too many calls. */
function method(request: Seen, rows: Rows, options: SlackOptions): Answer {
  const { token } = options
  const given = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
  if (given === undefined) return failed('not_authed')
  if (given.startsWith('xapp-')) return failed('not_allowed_token_type')
  if (given !== token?.value) return failed('invalid_auth')
  if (token.state !== undefined) return failed(TOKEN_STATES[token.state])
  const headers = { 'x-oauth-scopes': token.scopes.join(',') }
  const name = request.path.slice('/api/'.length)
  const needed = NEEDED[name]
  if (needed?.every((scope) => !token.scopes.includes(scope)))
    return { status: 200, headers, body: { ok: false, error: 'missing_scope', needed: needed[0] ?? '' } }
  const answer = methods(name, request, rows, options)
  return { ...answer, headers: { ...headers, ...answer.headers } }
}

const TOKEN_STATES = { revoked: 'token_revoked', expired: 'token_expired', inactive: 'account_inactive' } as const

/** One of these scopes is needed. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  'chat.postMessage': ['chat:write'],
  'conversations.info': ['channels:read', 'groups:read'],
  'conversations.history': ['channels:history', 'groups:history'],
}

function methods(name: string, request: Seen, rows: Rows, options: SlackOptions): Answer {
  const asked = options.channels.find(({ id }) => id === request.query.get('channel'))
  switch (name) {
    case 'auth.test':
      return { status: 200, body: { ok: true, team: 'Shop', bot_id: 'B1' } }
    case 'chat.postMessage': {
      const body = tryJson(request.body)
      if (body === undefined) return failed('invalid_json')
      const channel = textOf(body, 'channel')
      const posted = post(body, channel, rows, options)
      if (posted.error === undefined) return { status: 200, body: { ok: true, channel, ts: posted.ts } }
      if (posted.error === 'ratelimited')
        return { status: 429, headers: RETRY, body: { ok: false, error: 'ratelimited' } }
      return failed(posted.error)
    }
    case 'conversations.info':
      if (asked === undefined) return failed('channel_not_found')
      return {
        status: 200,
        body: {
          ok: true,
          channel: {
            id: asked.id,
            is_archived: asked.isArchived ?? false,
            is_private: asked.isPrivate ?? false,
            is_member: asked.isForeign !== true,
          },
        },
      }
    case 'conversations.history':
      return asked === undefined ? failed('channel_not_found') : history(request, rows, asked.id, options)
    default:
      return failed('unknown_method')
  }
}

/** Newest first; metadata with what is in it only where it is asked for. */
function history({ query }: Seen, rows: Rows, channel: string, { hidesMetadata }: SlackOptions): Answer {
  const all = [...rows.all(`${CHANNEL}${channel}`)]
    .map(([, row]) => row)
    .filter((row) => Number(row.ts) >= Number(query.get('oldest') ?? 0))
    .reverse()
  const from = Number(query.get('cursor') ?? 0)
  const limit = Math.min(Number(query.get('limit') ?? 100), 999)
  const whole = query.get('include_all_metadata') === 'true' && hidesMetadata !== true
  const messages = all.slice(from, from + limit).map(({ ts, text, metadata }) => ({
    type: 'message',
    ts: ts ?? '',
    text: text ?? '',
    ...(metadata !== undefined && {
      metadata: whole ? metadata : { event_type: textOf(metadata, 'event_type') },
    }),
  }))
  const next = from + limit < all.length ? String(from + limit) : ''
  return { status: 200, body: { ok: true, messages, has_more: next !== '', response_metadata: { next_cursor: next } } }
}

type Posted = { readonly error: string } | { readonly error: undefined; readonly ts: string }

function post(body: Json, channel: string, rows: Rows, options: SlackOptions): Posted {
  const wrong = options.outage ?? postError(body, channel, options)
  if (wrong !== undefined) return { error: wrong }
  const place = `${CHANNEL}${channel}`
  const seconds = options.now() / 1000
  const postedSince = (name: string, time: number) =>
    [...rows.all(name)].filter(([, row]) => Math.floor(Number(row.ts)) > time).length
  if (postedSince(place, seconds - BURST) >= BURST) return { error: 'ratelimited' }
  const all = rows.collections().filter((name) => name.startsWith(CHANNEL))
  const lately = all.reduce((sum, name) => sum + postedSince(name, seconds - 60), 0)
  if (lately >= (options.mostAMinute ?? Number.POSITIVE_INFINITY)) return { error: 'rate_limited' }
  const ts = `${Math.floor(seconds)}.${String(rows.size(place)).padStart(6, '0')}`
  const blocks = member(body, 'blocks')
  const metadata = member(body, 'metadata')
  const message: Row = { ts, text: textOf(body, 'text'), pings: pingsOf(body) }
  rows.put(place, ts, {
    ...message,
    ...(blocks !== undefined && { blocks }),
    ...(metadata !== undefined && { metadata }),
  })
  return { error: undefined, ts }
}

function postError(body: Json, id: string, options: SlackOptions): string | undefined {
  const isHook = options.token === undefined || member(body, 'channel') === undefined
  const [ofApi, ofHook] = options.workspace === undefined ? [] : WORKSPACES[options.workspace]
  const closed = isHook ? ofHook : ofApi
  if (closed !== undefined) return closed
  const channel = options.channels.find((one) => one.id === id)
  if (channel === undefined) return 'channel_not_found'
  if (channel.isArchived) return 'is_archived'
  const isOpen = !channel.isPrivate && options.token?.scopes.includes('chat:write.public')
  if (channel.isForeign && !isOpen) return 'not_in_channel'
  if (channel.isReadOnly) return 'restricted_action_read_only_channel'
  if (channel.isClosedGeneral) return 'posting_to_general_channel_denied'
  if (channel.isOfNobody) return 'user_not_found'
  if (JSON.stringify(member(body, 'metadata') ?? null).length > LARGEST_METADATA) return 'metadata_too_large'
  const blocks = listOf(body, 'blocks')
  const text = textOf(body, 'text')
  if (text === '' && blocks.length === 0) return 'no_text'
  if (text.length > LONGEST_TEXT) return 'msg_too_long'
  return blocksError(blocks)
}

function blocksError(blocks: readonly Json[]): string | undefined {
  if (blocks.length > MOST_BLOCKS || blocks.some(isWrongBlock)) return 'invalid_blocks'
  const texts = blocks.flatMap((block) => [member(block, 'text'), ...listOf(block, 'fields')])
  const sum = texts.reduce<number>((total, one) => total + textOf(one, 'text').length, 0)
  return sum > LONGEST_BLOCKS ? 'msg_blocks_too_long' : undefined
}

function isWrongBlock(block: Json): boolean {
  const type = textOf(block, 'type')
  const text = textOf(member(block, 'text'), 'text')
  const fields = listOf(block, 'fields').map((one) => textOf(one, 'text'))
  const isEmpty = type === 'section' && text === '' && fields.length === 0
  const isLong = text.length > (type === 'header' ? LONGEST_HEADER : LONGEST_BLOCK)
  return (
    type === '' || isEmpty || isLong || fields.length > MOST_FIELDS || fields.some((one) => one.length > LONGEST_FIELD)
  )
}

/** Whom a message calls: mentions in its markup, and names where it asks for them to be linked. */
function pingsOf(body: Json): readonly string[] {
  const texts = [textOf(body, 'text'), JSON.stringify(listOf(body, 'blocks'))].join(' ')
  const linked = member(body, 'link_names') === true || textOf(body, 'parse') === 'full'
  const names = linked ? (texts.match(/(?<![\w.])@(?:channel|here|everyone)\b/g) ?? []) : []
  return [...(texts.match(/<(?:![a-z]+|@[A-Z0-9]+)[^>]*>/g) ?? []), ...names]
}

function failed(error: string): Answer {
  return { status: 200, body: { ok: false, error } }
}

/** Everything that the connector can make use of. */
const SCOPES = ['chat:write', 'chat:write.public', 'channels:read', 'channels:history', 'groups:history']

/** What stands in for one account. */
export function slackStand(opened: unknown): Stand {
  const { webhook_url, token } = opened as Account
  const hook = webhook_url !== undefined && URL.canParse(webhook_url) ? new URL(webhook_url) : undefined
  return {
    // Both are the same text where neither is set in the sandbox.
    identity: `slack ${token === undefined ? 'webhook' : 'token'} ${token ?? webhook_url}`,
    isHost: (url) => (hook === undefined ? url.hostname === 'slack.com' : url.origin === hook.origin),
    claims: (request, url) =>
      hook === undefined ? request.headers?.authorization === `Bearer ${token}` : url.pathname === hook.pathname,
    vendor: (places, now) => {
      const named = places.flatMap(({ into }) => (into as Into).channel ?? [])
      return slackVendor({
        ...(token !== undefined && { token: { value: token, scopes: SCOPES } }),
        webhooks: new Map(hook === undefined ? [] : [[hook.pathname, WEBHOOK]]),
        channels: [...new Set([...named, WEBHOOK])].map((id) => ({ id })),
        now,
      })
    },
  }
}

/** The channel of a webhook, which does not say its own. */
const WEBHOOK = 'webhook'
