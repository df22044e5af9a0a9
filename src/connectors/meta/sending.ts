import { member } from '../answer.ts'
import { enlisted, left, pieces, type Reading, type Recent } from '../audience.ts'
import { type Change, DestinationError, type Json, type Receipt } from '../connector.ts'
import type { Graph } from './graph.ts'
import { distinct, type LimitedUse, payloadOf, USERS, type User, VALUE } from './users.ts'

/** Where users go, and how their rows are read. */
export interface Sending {
  readonly graph: Graph
  readonly into: { readonly limited_data_use?: LimitedUse | undefined }
  /** Of the audience. */
  readonly id: string
  readonly reading: Reading
  note(sentence: string): void
}

/** The most users that one request takes away. */
export const MOST_REMOVED = 1_000

/** Adds the people of a batch, and takes away what they were known by before and nobody is known by now. */
export async function addUsers(batch: readonly Change[], place: Sending, recent: Recent): Promise<readonly Receipt[]> {
  const { add, drop, refused } = enlisted(batch, USERS, place.reading, recent)
  const path = `/${place.id}/users`
  // First, so that somebody who is found by both the old and the new stays.
  const dropped = await drain(drop, place, path)
  if (add.length > 0) {
    recent.add(add, USERS)
    const users = add.map(({ change, person }) => ({ user: person, value: weightOf(change.fields) }))
    const payload = payloadOf(users, place.into.limited_data_use)
    const answer = await place.graph.write('POST', path, { payload })
    received(answer, { sent: users.length, distinct: distinct(users), before: 0 })
    tellInvalid(answer, users.length, place)
  }
  // By now there may be enough of them.
  const isDone = dropped || (await drain(drop, place, path))
  return batch.map((change) => refused.get(change) ?? (isDone || change.before.length === 0 ? WRITTEN : KEPT))
}

/** Takes the people of a batch away, from this audience or from all. */
export async function removeUsers(batch: readonly Change[], place: Sending): Promise<readonly Receipt[]> {
  const everywhere = batch[0]?.leave?.verb === 'remove_everywhere'
  const path = everywhere ? `/${place.graph.account}/usersofanyaudience` : `/${place.id}/users`
  const isDone = await drain(left(batch, USERS, place.reading), place, path)
  return batch.map(() => (isDone ? WRITTEN : KEPT))
}

/** Audience Size too Low: Meta takes nobody out of an audience that ads run on if too few would be left. */
const TOO_FEW = '200/1870047'

const WRITTEN: Receipt = { outcome: 'written' }
/** What is refused is not tried again, and what stops a sync keeps those from being added who would make enough. */
const KEPT: Receipt = { outcome: 'again', code: TOO_FEW, applied: 'maybe' }

/** Takes users away, or tells that Meta keeps them. Limited data use is no matter of those who leave. */
async function drain(users: readonly User[], place: Sending, path: string): Promise<boolean> {
  for (const some of pieces(users, MOST_REMOVED)) {
    const listed = some.map((user) => ({ user }))
    try {
      const answer = await place.graph.write('DELETE', path, { payload: payloadOf(listed, undefined) })
      received(answer, { sent: listed.length, distinct: distinct(listed), before: 0 })
      tellInvalid(answer, listed.length, place)
    } catch (error) {
      if (!(error instanceof DestinationError) || error.code !== TOO_FEW) throw error
      place.note(
        'Meta takes nobody out of the audience, because too few would be left for its ads: each run tries again.',
      )
      return false
    }
  }
  return true
}

/** The number of `LOOKALIKE_VALUE`; undefined where there is none. */
export function weightOf(fields: Readonly<Record<string, Json>>): number | undefined {
  const value = Number(fields[VALUE] ?? Number.NaN)
  return value >= 0 ? value : undefined
}

interface Expected {
  readonly sent: number
  /** As many of them as are not the same. */
  readonly distinct: number
  /** What Meta had counted before, where it counts on. */
  readonly before: number
}

/** How many users Meta says it has received. Throws where some are missing: they may be sent again without harm. */
export function received(answer: Json, { sent, distinct, before }: Expected): number {
  const count = member(answer, 'num_received')
  if (typeof count !== 'number') return before
  if (count === sent || count - before >= distinct) return count
  const message = `Meta received ${Math.max(0, count - before)} of ${sent} users.`
  throw new DestinationError('transient', 'lost_users', message, { applied: 'maybe' })
}

/**
 * Tells how many users Meta counts as invalid: it does not say whom, and the number is rough. What is malformed was never
 * sent, so to look for them by halves would find nobody.
 */
export function tellInvalid(answer: Json, sent: number, { note }: Pick<Sending, 'note'>): void {
  const count = member(answer, 'num_invalid_entries')
  if (typeof count !== 'number' || count === 0) return
  note(`Meta counts ${count} of ${sent} people of a request as invalid, and does not say whom.`)
}
