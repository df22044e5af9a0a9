import { createHash } from 'node:crypto'
import { listOf, member, textOf } from '../answer.ts'
import { type Change, DestinationError, type Io, type Json, type Ms } from '../connector.ts'
import type { Api } from './api.ts'

// A message may carry metadata that people do not see (https://docs.slack.dev/messaging/message-metadata/), and
// `conversations.history` returns it: so a message says of itself which changes it told.

const EVENT = 'cdp_told'

/** How far back a message is looked for whose answer was lost: longer than syncs usually stand still. */
const BACK: Ms = 7 * 86_400_000
const MOST_PAGES = 20
const PAGE = 200

/** What a message about these changes carries. */
export function metadataOf(changes: readonly Change[]): Json {
  return { event_type: EVENT, event_payload: { changes: changes.map(markOf).join(' ') } }
}

/** The mark of a change: equal however often it is sent. Nothing of the row can be read from it. */
export function markOf({ idempotencyKey }: Change): string {
  return createHash('sha256').update(idempotencyKey).digest('hex').slice(0, 12)
}

/** The marks of the changes that messages of the last days told, with the id of the message. */
export async function readTold(api: Api, channel: string, io: Pick<Io, 'now'>): Promise<Map<string, string>> {
  const told = new Map<string, string>()
  const oldest = String(Math.floor((io.now() - BACK) / 1000))
  let cursor = ''
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = { channel, oldest, limit: String(PAGE), include_all_metadata: 'true', ...(cursor && { cursor }) }
    const { body } = await api.ask('conversations.history', query)
    for (const message of listOf(body, 'messages')) {
      const metadata = member(message, 'metadata')
      if (textOf(metadata, 'event_type') !== EVENT) continue
      const marks = textOf(member(metadata, 'event_payload'), 'changes')
      if (marks === '') throw hidden(channel)
      for (const mark of marks.split(' ')) told.set(mark, textOf(message, 'ts'))
    }
    cursor = textOf(member(body, 'response_metadata'), 'next_cursor')
    if (cursor === '') break
  }
  return told
}

/** Without what its own messages carry, a run would tell everything again and believe it had looked. */
function hidden(channel: string): DestinationError {
  const message = `Slack does not show what the app's own messages in "${channel}" carry: add the scope "metadata.message:read", or take "check_history" away.`
  return new DestinationError('auth', 'no_metadata', message)
}
