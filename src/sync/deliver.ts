import type { Limit, Receipt, Slot } from '../connectors/connector.ts'
import { bisect } from './bisect.ts'
import type { Fate } from './checkpoint.ts'
import type { Delivery } from './delivery.ts'
import { ATTEMPTS } from './retry.ts'
import { type Row, withoutValues } from './shape.ts'
import type { Trouble } from './trouble.ts'

/** One batch in its place: retries of the whole keep the slot, parts of it get the next free ones. */
export interface Batch {
  readonly rows: readonly Row[]
  readonly limit: Limit
  readonly slot: Slot
  readonly nextSlot: () => Slot
}

/** Sends a batch until every row has a fate, and tells them. Never throws. */
export async function deliver(delivery: Delivery, batch: Batch): Promise<void> {
  delivery.rows += batch.rows.length
  try {
    const refused = await attempts(delivery, batch)
    if (refused) await bisected(delivery, batch, refused)
  } catch (error) {
    delivery.end({ kind: 'failure', error })
  }
}

type Refusal = Extract<Trouble, { readonly kind: 'batch' }>

/** The rows that a vendor refused as a whole, and its words. */
interface Refused {
  readonly rows: readonly Row[]
  readonly why: Refusal
}

/** Tries a batch again and again. Returns the rows that were refused as a whole, if it came to that. */
async function attempts(delivery: Delivery, batch: Batch): Promise<Refused | undefined> {
  let { rows, slot } = batch
  for (let attempt = 1; rows.length > 0; attempt++) {
    const answer = await once(delivery, { ...batch, rows, slot })
    if (answer.kind === 'batch') return { rows, why: answer }
    rows = answer.open
    if (rows.length === 0 || delivery.ending) break
    if (attempt === ATTEMPTS) {
      delivery.givenUp += rows.length
      if (answer.isFailure) delivery.failed()
      break
    }
    if (!(await delivery.waitAfter(attempt, answer))) break
    delivery.payRetry(answer.timedOut)
    if (rows.length < batch.rows.length) slot = batch.nextSlot()
  }
  for (const row of rows) tell(delivery, row, { outcome: row.ambiguousUntil === undefined ? 'unsent' : 'unknown' })
  return undefined
}

/** What a request leaves open. */
interface Open {
  readonly kind: 'open'
  /** Rows without a fate. */
  readonly open: readonly Row[]
  /** What the vendor asked to wait. */
  readonly after: number | undefined
  readonly isThrottled: boolean
  readonly timedOut: boolean
  /** There was no answer that says anything of the rows. */
  readonly isFailure: boolean
}

const PLAIN = { kind: 'open', after: undefined, isThrottled: false, timedOut: false, isFailure: false } as const

/** One request. */
async function once(delivery: Delivery, { rows, limit, slot }: Batch): Promise<Refusal | Open> {
  const { channel, into, checkpoint } = delivery
  const send = () => {
    checkpoint.sending(rows.map((row) => row.planned))
    return channel.send(
      rows.map((row) => row.change),
      into,
      slot,
    )
  }
  const reply = await delivery.request(limit, send, (receipts) => receipts.some(isThrottled))
  switch (reply.kind) {
    case 'none':
      return { ...PLAIN, open: rows }
    case 'answer':
      return received(delivery, rows, reply.answer)
    case 'trouble':
      return failed(delivery, rows, reply.trouble)
  }
}

function isThrottled(receipt: Receipt): boolean {
  return receipt.outcome === 'again' && receipt.throttled === true
}

function failed(delivery: Delivery, rows: readonly Row[], trouble: Trouble): Refusal | Open {
  if (trouble.kind === 'batch') return trouble
  if (trouble.applied === 'maybe') ambiguous(delivery, rows)
  if (trouble.kind === 'stop') {
    delivery.end(trouble.ending)
    return { ...PLAIN, open: rows, isFailure: true }
  }
  delivery.noteError(trouble.message)
  const { after, timedOut } = trouble
  return { kind: 'open', open: rows, after, timedOut, isThrottled: trouble.kind === 'throttle', isFailure: true }
}

function received(delivery: Delivery, rows: readonly Row[], receipts: readonly Receipt[]): Open {
  if (receipts.length !== rows.length) {
    // Which receipt belongs to which row cannot be known.
    ambiguous(delivery, rows)
    const message = `The connector answered ${receipts.length} receipts for ${rows.length} changes.`
    delivery.end({ kind: 'failure', error: new Error(message) })
    return { ...PLAIN, open: rows }
  }
  delivery.succeeded()
  let after: number | undefined
  const open = rows.filter((row, index) => {
    const receipt = receipts[index]
    if (receipt?.outcome !== 'again') {
      if (receipt) tell(delivery, row, fateOf(receipt, row))
      return false
    }
    if (receipt.applied === 'maybe') ambiguous(delivery, [row])
    if (receipt.after !== undefined) after = Math.max(after ?? 0, receipt.after)
    delivery.noteError(receipt.code)
    return true
  })
  return { ...PLAIN, open, after, isThrottled: receipts.some(isThrottled) }
}

// Bytes may have left until the very moment in which we learnt that there is no answer.
function ambiguous(delivery: Delivery, rows: readonly Row[]): void {
  const until = delivery.world.clock.now() + delivery.settlesWithin
  for (const row of rows) row.ambiguousUntil = until
}

function fateOf(receipt: Exclude<Receipt, { outcome: 'again' }>, row: Row): Fate {
  switch (receipt.outcome) {
    case 'written': {
      const isNews = receipt.id !== undefined && receipt.id !== row.planned.destinationId
      return { outcome: 'written', ...(isNews && { destinationId: receipt.id }) }
    }
    case 'accepted':
      return { outcome: 'submitted', job: receipt.job }
    case 'refused': {
      const outcome = receipt.kind === 'row' ? 'refused' : 'compliance'
      return { outcome, code: receipt.code, message: withoutValues(receipt.message, row.change) }
    }
  }
}

/** The last word on a row of this run. An earlier ambiguous attempt may still land: its hold stays with the answer. */
function tell(delivery: Delivery, row: Row, fate: Fate): void {
  const held = row.ambiguousUntil !== undefined && fate.outcome !== 'unsent'
  delivery.checkpoint.tell(row.planned.seq, held ? { ...fate, holdUntil: row.ambiguousUntil ?? 0 } : fate)
  if (fate.code === undefined) return
  const known = delivery.refusals.get(fate.code) ?? { message: fate.message ?? '', rows: 0 }
  delivery.refusals.set(fate.code, { ...known, rows: known.rows + 1 })
}

async function bisected(delivery: Delivery, batch: Batch, refused: Refused): Promise<void> {
  const send = (rows: readonly Row[]) => attempts(delivery, { ...batch, rows, slot: batch.nextSlot() })
  await bisect(refused, send, {
    bad: (row, { code, message }) => {
      tell(delivery, row, { outcome: 'refused', code, message: withoutValues(message, row.change) })
      delivery.bisected += 1
      // More than a few bad rows are no bad rows but a bad mapping: stop before the vendor is flooded.
      if (delivery.bisected >= 20 && delivery.bisected > delivery.rows * 0.05)
        delivery.end({ kind: 'many-refused', message })
    },
    skipped: (row) => tell(delivery, row, { outcome: row.ambiguousUntil === undefined ? 'unsent' : 'unknown' }),
    isEnded: () => delivery.ending !== undefined,
  })
}
