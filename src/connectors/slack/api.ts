import { ask, cleaned, failureOf, jsonOf, member, textOf, tryJson } from '../answer.ts'
import { DestinationError, type HttpResponse, type Io, type Json } from '../connector.ts'
import { waitSaid } from '../rate.ts'
import type { Message } from './message.ts'
import type { Account } from './place.ts'

const ROOT = 'https://slack.com/api'

/** One Slack account, as its posts and questions see it. */
export interface Api {
  /** Posts a message. Returns the time that is its id; '' where a webhook, which does not say it, posted. */
  post(message: Message, channel: string | undefined, metadata: Json | undefined): Promise<string>
  /** Asks a method of the Web API that changes nothing, and returns its answer. */
  ask(method: string, query?: Readonly<Record<string, string>>): Promise<Answered>
}

export interface Answered {
  readonly body: Json
  /** What the token may do; undefined where Slack does not say. */
  readonly scopes: readonly string[] | undefined
}

/** Opens the webhook or the Web API. */
export function openApi(account: Account, io: Io): Api {
  const secrets = [account.token ?? account.webhook_url ?? '']
  const headers = { 'content-type': 'application/json; charset=utf-8' }
  const signed = { ...headers, authorization: `Bearer ${account.token ?? ''}` }
  return {
    post: async (message, channel, metadata) => {
      // Nothing that a value says shall link a name or fetch a page.
      const body = { ...message, link_names: false, unfurl_links: false, unfurl_media: false }
      if (account.webhook_url !== undefined) {
        const sent = { url: account.webhook_url, headers, body: JSON.stringify(body) }
        webhookFailure(await ask(io, { method: 'POST', ...sent }), secrets, io)
        return ''
      }
      const whole = { channel, ...body, ...(metadata !== undefined && { metadata }) }
      const sent = { url: `${ROOT}/chat.postMessage`, headers: signed, body: JSON.stringify(whole) }
      return textOf(answerOf(await ask(io, { method: 'POST', ...sent }), secrets, io), 'ts')
    },
    ask: async (method, query = {}) => {
      const url = `${ROOT}/${method}?${new URLSearchParams(query)}`
      const response = await ask(io, { method: 'GET', url, headers: { authorization: signed.authorization } })
      const scopes = response.headers['x-oauth-scopes']?.split(',').map((one) => one.trim())
      return { body: answerOf(response, secrets, io), scopes }
    },
  }
}

/** Throws what a webhook says, in plain text, where it did not post. */
function webhookFailure(response: HttpResponse, secrets: readonly string[], io: Io): void {
  if (response.status === 200) {
    // A proxy's page is no answer of Slack's.
    if (response.body.trim() === 'ok') return
    throw new DestinationError('transient', 'unreadable_answer', 'The webhook did not answer "ok".', {
      applied: 'maybe',
    })
  }
  const code = /^[a-z_]{2,60}$/.exec(response.body.trim())?.[0]
  throw errorOf(code, response, secrets, io) ?? failureOf(response, cleaned(response.body, secrets), io.now())
}

/** The answer of the Web API, which says 200 also where it did nothing. */
function answerOf(response: HttpResponse, secrets: readonly string[], io: Io): Json {
  const said = tryJson(response.body)
  const code = textOf(said, 'error') || undefined
  if (response.status < 200 || response.status >= 300)
    throw errorOf(code, response, secrets, io) ?? failureOf(response, cleaned(code ?? '', secrets), io.now())
  const answer = said ?? jsonOf(response)
  if (member(answer, 'ok') === true) return answer
  if (code === undefined)
    throw new DestinationError('transient', 'unreadable_answer', 'The answer is none of Slack.', { applied: 'maybe' })
  // What nobody knows stops the sync, before it is asked for every row.
  throw errorOf(code, response, secrets, io) ?? new DestinationError('config', code, `Slack said "${code}".`)
}

/** What a code of Slack's means; undefined where it is unknown. */
function errorOf(
  code: string | undefined,
  response: HttpResponse,
  secrets: readonly string[],
  io: Io,
): DestinationError | undefined {
  const meaning = code === undefined ? undefined : MEANINGS.get(code)
  if (code === undefined || meaning === undefined) return undefined
  const needed = textOf(tryJson(response.body), 'needed')
  const message = cleaned(`Slack said "${code}"${needed && ` (${needed})`}: ${meaning.means}`, secrets)
  const wait = waitSaid(response, io.now())
  const after = meaning.kind === 'throttle' && wait !== undefined ? { after: wait } : {}
  return new DestinationError(meaning.kind, code, message, { applied: meaning.applied ?? 'no', ...after })
}

interface Meaning {
  readonly kind: DestinationError['kind']
  readonly means: string
  readonly applied?: 'maybe'
}

const GONE = 'the webhook is gone; make a new one.'
const CHANNEL = 'there is no such channel, or the app may not see it.'
const ARCHIVED = 'the channel has been archived.'
const ENTRY = 'invite the app into the channel (/invite), or give it chat:write.public.'
const LOGIN = 'the token is not good; install the app again.'
const RIGHTS = 'the token lacks a right.'
const RULES = 'a rule of the workspace forbids the app to post there.'
const FORM = 'the message cannot be posted in this form.'
const LATER = 'Slack does not answer for the moment.'
const RATE = 'too many messages.'

/** https://docs.slack.dev/reference/methods/chat.postMessage and …/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks. */
const MEANINGS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ...['invalid_auth', 'not_authed', 'token_revoked', 'token_expired', 'account_inactive', 'invalid_token'].map(
    (code) => [code, { kind: 'auth', means: LOGIN }] as const,
  ),
  ...['missing_scope', 'no_permission', 'not_allowed_token_type', 'access_denied', 'accesslimited'].map(
    (code) => [code, { kind: 'auth', means: RIGHTS }] as const,
  ),
  ...['restricted_action', 'restricted_action_read_only_channel', 'restricted_action_thread_only_channel'].map(
    (code) => [code, { kind: 'config', means: RULES }] as const,
  ),
  ...['action_prohibited', 'posting_to_general_channel_denied', 'ekm_access_denied', 'org_login_required'].map(
    (code) => [code, { kind: 'config', means: RULES }] as const,
  ),
  ...['no_service', 'no_active_hooks', 'no_team', 'no_service_id', 'team_disabled'].map(
    (code) => [code, { kind: 'config', means: GONE }] as const,
  ),
  ...['channel_not_found', 'user_not_found'].map((code) => [code, { kind: 'config', means: CHANNEL }] as const),
  ...['is_archived', 'channel_is_archived'].map((code) => [code, { kind: 'config', means: ARCHIVED }] as const),
  ['not_in_channel', { kind: 'config', means: ENTRY }],
  ...['msg_too_long', 'msg_blocks_too_long', 'no_text', 'invalid_blocks', 'invalid_blocks_format'].map(
    (code) => [code, { kind: 'batch', means: FORM }] as const,
  ),
  ...['invalid_payload', 'missing_text_or_fallback_or_attachments', 'too_many_attachments', 'metadata_too_large'].map(
    (code) => [code, { kind: 'batch', means: FORM }] as const,
  ),
  ...['ratelimited', 'rate_limited', 'message_limit_exceeded'].map(
    (code) => [code, { kind: 'throttle', means: RATE }] as const,
  ),
  ...['service_unavailable', 'request_timeout', 'team_added_to_org'].map(
    (code) => [code, { kind: 'transient', means: LATER }] as const,
  ),
  // "It's possible some aspect of the operation succeeded before the error was raised."
  ...['internal_error', 'fatal_error', 'rollup_error'].map(
    (code) => [code, { kind: 'transient', means: LATER, applied: 'maybe' }] as const,
  ),
])
