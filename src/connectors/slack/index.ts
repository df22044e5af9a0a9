import { againOf, member, receiptOf } from '../answer.ts'
import {
  type Change,
  type Channel,
  DestinationError,
  defineConnector,
  type Io,
  type Limit,
  type Receipt,
} from '../connector.ts'
import { type Api, openApi } from './api.ts'
import { markOf, metadataOf, readTold } from './history.ts'
import { openPrinter, type Printer } from './message.ts'
import { type Account, account, type Into, into } from './place.ts'

// Vendor facts, https://docs.slack.dev/apis/web-api/rate-limits/ and …/messaging/sending-messages-using-incoming-webhooks/:
// - One message a second and channel, short bursts allowed; 429 with Retry-After above.
// - The Web API answers errors with 200 and `"ok": false`; a webhook answers `ok` or a code, as plain text.
// - A message cannot be posted again without harm: `client_msg_id` is not documented for `chat.postMessage`
//   (https://github.com/slackapi/slack-api-specs/issues/10). So what was not answered for is not tried again in the same
//   run, and `check_history` looks for it before a later one posts.
// - A webhook posts into one channel and can neither look, change nor delete.

const LIMIT: Limit = { rows: 500, bytes: 4 * 1024 * 1024, calls: 1, perMs: 1_000, inFlight: 1 }

/** Messages in a Slack channel about rows that are new. */
export const slack = defineConnector<Account, Into>({
  name: 'slack',
  title: 'Slack messages',
  account,
  into,
  // Things that are told once. An upsert would tell people again whenever a field of theirs changes.
  modes: ['insert', 'append'],
  leaves: [
    {
      verb: 'say',
      description: 'Posts a message; its text is a Handlebars template that sees the key. Who returns is told again.',
      takes: 'text',
      stopsContact: false,
      deletes: false,
    },
  ],
  erase: 'none',
  settlesWithin: 5 * 60_000,
  delivers: () => 'changes',
  limits: (_, { per }) => {
    const limit = per === 'row' ? { ...LIMIT, rows: 1 } : LIMIT
    return { upsert: limit, remove: limit }
  },
  fields: () => ({ known: [], open: true }),
  place: () => undefined,
  credential: (account) => account.token ?? account.webhook_url ?? '',
  open: (account, io) => {
    const api = openApi(account, io)
    const printer = openPrinter(io)
    const told = openTold(api, io)
    return {
      check: (into) => check(account, into, { api, printer }),
      send: async (batch, into) => {
        if (batch.length === 0) return []
        const known = into.check_history ? await told.get(into.channel ?? '') : new Map<string, string>()
        return post(batch, into, { api, printer, told, known })
      },
    } satisfies Channel<Into>
  },
})

/** What channels of this run are known to have been told. */
interface Told {
  get(channel: string): Promise<Map<string, string>>
  /** Something may have been posted, nobody knows. */
  doubt(channel: string): void
}

function openTold(api: Api, io: Io): Told {
  const read = new Map<string, Map<string, string>>()
  return {
    get: async (channel) => {
      const known = read.get(channel) ?? (await readTold(api, channel, io))
      read.set(channel, known)
      return known
    },
    doubt: (channel) => {
      read.delete(channel)
    },
  }
}

interface Desk {
  readonly api: Api
  readonly printer: Printer
  readonly told: Told
  /** Marks of changes that were told already, with the message that did it. */
  readonly known: Map<string, string>
}

/** Posts one message about all changes that were not told yet, or one about each. */
async function post(batch: readonly Change[], into: Into, desk: Desk): Promise<readonly Receipt[]> {
  const receipts = new Map<Change, Receipt>()
  for (const change of batch) {
    const id = desk.known.get(markOf(change))
    if (id !== undefined) receipts.set(change, { outcome: 'written', id })
  }
  const fresh = batch.filter((change) => !receipts.has(change))
  const messages = into.per === 'row' ? fresh.map((change) => [change]) : fresh.length > 0 ? [fresh] : []
  let isSettled = false
  for (const changes of messages) {
    const receipt = await postOne(changes, into, desk).catch((error: unknown) => {
      if (!(error instanceof DestinationError)) throw error
      // A digest is refused as a whole; of messages for a row each, this row is.
      return error.kind === 'batch' && into.per === 'row' ? receiptOf(error) : error
    })
    if (receipt instanceof DestinationError) {
      if (!isSettled) throw receipt
      return batch.map((change) => receipts.get(change) ?? againOf(receipt, appliedTo(receipt, changes, change)))
    }
    for (const change of changes) receipts.set(change, receipt)
    isSettled = true
  }
  return batch.map((change) => receipts.get(change) ?? { outcome: 'again', code: 'no_result', applied: 'maybe' })
}

function appliedTo(error: DestinationError, struck: readonly Change[], change: Change): 'no' | 'maybe' {
  return struck.includes(change) ? error.applied : 'no'
}

/** Posts one message. Throws what Slack said; where nobody knows whether it was posted, nothing is tried again now. */
async function postOne(changes: readonly Change[], into: Into, { api, printer, told, known }: Desk): Promise<Receipt> {
  const message = await printer.print(changes, into)
  try {
    const id = await api.post(message, into.channel, into.check_history ? metadataOf(changes) : undefined)
    if (into.check_history) for (const change of changes) known.set(markOf(change), id)
    return id === '' ? { outcome: 'written' } : { outcome: 'written', id }
  } catch (error) {
    if (!(error instanceof DestinationError) || error.applied === 'no') throw error
    told.doubt(into.channel ?? '')
    if (into.when_unsure === 'leave')
      return { outcome: 'refused', kind: 'row', code: 'maybe_told', message: `${error.message} ${UNSURE}` }
    const more = { applied: 'maybe', after: Number.POSITIVE_INFINITY, cause: error } as const
    throw new DestinationError('transient', error.code, `${error.message} The message may have been posted.`, more)
  }
}

const UNSURE = 'The message may have been posted; it is not posted again.'

const ID = /^[CGD][A-Z0-9]{6,}$/

async function check(
  { webhook_url, token }: Account,
  into: Into,
  { api, printer }: Pick<Desk, 'api' | 'printer'>,
): Promise<void> {
  await printer.read(into)
  if (webhook_url !== undefined) return checkWebhook(webhook_url, into)
  if (token === undefined || into.channel === undefined)
    throw wrong('no_channel', 'With a token, "into" needs the "channel".')
  const { scopes } = await api.ask('auth.test')
  // Slack lists the scopes of the token with every answer; without the list nothing can be said.
  const has = (...names: readonly string[]) => scopes === undefined || names.some((name) => scopes.includes(name))
  const lacks = (name: string) =>
    new DestinationError(
      'auth',
      'missing_scope',
      `The token lacks the scope "${name}": add it and install the app again.`,
    )
  if (!has('chat:write')) throw lacks('chat:write')
  if (into.check_history && !has('channels:history', 'groups:history')) throw lacks('channels:history')
  if (!ID.test(into.channel)) {
    if (into.check_history)
      throw wrong('no_channel_id', `"check_history" needs the id of the channel, and "${into.channel}" is none.`)
    return
  }
  if (scopes === undefined || !has('channels:read', 'groups:read')) return
  const { body } = await api.ask('conversations.info', { channel: into.channel })
  const channel = member(body, 'channel')
  if (member(channel, 'is_archived') === true) throw wrong('is_archived', `The channel "${into.channel}" is archived.`)
  const isOpen = member(channel, 'is_private') !== true && has('chat:write.public')
  if (member(channel, 'is_member') === false && !isOpen)
    throw wrong('not_in_channel', `The app is not in the channel "${into.channel}": invite it there (/invite).`)
}

/** A webhook can be asked nothing: only its form can be looked at. */
function checkWebhook(url: string, into: Into): void {
  if (!URL.canParse(url)) throw wrong('bad_url', 'The option "webhook_url" is not an address.')
  if (/^\/(triggers|workflows)\//.test(new URL(url).pathname))
    throw wrong('bad_url', 'The option "webhook_url" starts a workflow: an incoming webhook of an app is needed.')
  if (into.channel !== undefined)
    throw wrong('fixed_channel', 'A webhook posts into the channel for which it was made: take "channel" away.')
  if (into.check_history)
    throw wrong('no_history', 'A webhook cannot look into its channel: "check_history" needs a token.')
}

function wrong(code: string, message: string): DestinationError {
  return new DestinationError('config', code, message)
}
