import { createHash } from 'node:crypto'
import { personOf } from '../audience.ts'
import { DestinationError, type Json, type Key, type Ms, type Receipt } from '../connector.ts'
import { received, type Sending, tellInvalid, weightOf } from './sending.ts'
import { distinct, type Member, payloadOf, USERS } from './users.ts'

// https://developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences#replace-api: the batches of a
// session must all arrive within 90 minutes of the first, the last one says so, and until then no other update of the
// audience is taken. A session that is never ended ends by itself, and then the audience is what had come so far: so
// nothing is begun before every row has been read, and one that was cut off is gone on with.

const SESSION: Ms = 90 * 60_000

interface Session {
  readonly id: number
  readonly began: Ms
  /** Batches that were sent, answered or not. */
  batches: number
  /** Users that Meta had received when it last answered. */
  received: number
}

/** The replacement of a channel that was begun and not ended. */
export class Replacement {
  #open: Session | undefined
  #begun = 0

  /** The open session, or a new one of an audience. */
  session(audience: string, now: Ms): Session {
    if (this.#open === undefined || now - this.#open.began > SESSION) {
      this.#open = { id: sessionOf(audience, now, this.#begun), began: now, batches: 0, received: 0 }
      this.#begun += 1
    }
    return this.#open
  }

  end(): void {
    this.#open = undefined
  }
}

interface Replacing extends Sending {
  readonly replacement: Replacement
  now(): Ms
  /** The most users of a call. */
  readonly size: number
}

interface Row {
  readonly key: Key
  readonly fields: Readonly<Record<string, Json>>
}

interface Batch {
  readonly payload: Json
  readonly users: number
  /** As many of them as are not the same. */
  readonly distinct: number
}

/** Replaces all members of the audience. A row that cannot be sent keeps the audience as it is, unless such are skipped. */
export async function replaceUsers(rows: AsyncIterable<Row>, place: Replacing): Promise<Receipt> {
  const read = await batchesOf(rows, place)
  if ('refused' in read) return read.refused
  const session = place.replacement.session(place.id, place.now())
  const total = read.batches.reduce((sum, { users }) => sum + users, 0)
  for (const [index, batch] of read.batches.entries()) {
    if (place.now() - session.began > SESSION) {
      place.replacement.end()
      const message = 'The replacement took more than the 90 minutes that it may: the audience is what had come so far.'
      throw new DestinationError('config', 'session_over', message)
    }
    await sendBatch(batch, session, place, { total, last: index === read.batches.length - 1 })
  }
  return { outcome: 'written' }
}

async function batchesOf(
  rows: AsyncIterable<Row>,
  { reading, into, size }: Replacing,
): Promise<{ readonly batches: readonly Batch[] } | { readonly refused: Receipt }> {
  const batches: Batch[] = []
  let waiting: Member[] = []
  const close = () => {
    const payload = payloadOf(waiting, into.limited_data_use)
    batches.push({ payload, users: waiting.length, distinct: distinct(waiting) })
    waiting = []
  }
  for await (const row of rows) {
    const read = personOf({ ...row.fields, ...row.key }, USERS, reading)
    if ('receipt' in read && !reading.skipsMalformed) return { refused: read.receipt }
    if ('receipt' in read) continue
    waiting.push({ user: read.person, value: weightOf(row.fields) })
    if (waiting.length === size) close()
  }
  if (waiting.length > 0) close()
  return batches.length > 0 ? { batches } : { refused: NOBODY }
}

const NOBODY: Receipt = {
  outcome: 'refused',
  kind: 'row',
  code: 'nobody',
  message: 'Meta replaces an audience by at least one user.',
}

async function sendBatch(
  { payload, users, distinct }: Batch,
  session: Session,
  place: Replacing,
  { total, last }: { readonly total: number; readonly last: boolean },
): Promise<void> {
  session.batches += 1
  try {
    const answer = await place.graph.write('POST', `/${place.id}/usersreplace`, {
      payload,
      session: {
        session_id: session.id,
        batch_seq: session.batches,
        last_batch_flag: last,
        estimated_num_total: total,
      },
    })
    if (last) place.replacement.end()
    // Meta counts since the session began.
    session.received = received(answer, { sent: users, distinct, before: session.received })
    tellInvalid(answer, users, place)
  } catch (error) {
    if (isOver(error, session)) place.replacement.end()
    throw error
  }
}

/** The session is over, was never begun, or is not known: what is tried next is another one. */
function isOver(error: unknown, { batches }: Session): boolean {
  if (!(error instanceof DestinationError)) return false
  return (batches === 1 && error.applied === 'no') || OVER.has(error.code)
}

const OVER = new Set(['2650/1870147', '2650/1870148', '2650/1870158', '2650/1870159'])

/** A number that no other replacement of the account has. */
function sessionOf(audience: string, began: Ms, begunBefore: number): number {
  const salt = createHash('sha256').update(`${audience} ${begunBefore}`).digest().readUInt16BE(0) % 1_000
  return began * 1_000 + salt
}
