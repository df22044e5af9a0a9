import type { Limit, Receipt } from '../connectors/connector.ts'
import type { Fate } from './checkpoint.ts'
import type { Delivery } from './delivery.ts'
import type { SyncJob } from './job.ts'
import type { Lease, PlannedChange } from './ledger.ts'
import { ATTEMPTS } from './retry.ts'
import { shapeWhole } from './shape.ts'
import type { Trouble } from './trouble.ts'

/**
 * Replaces everything at a place that takes rows whole, because `changes` rows differ. All of them share one fate: the
 * intent is declared first, so a run that is cut off between the replacement and its ack does both again.
 */
export async function sendWhole(job: SyncJob, delivery: Delivery, changes: number): Promise<void> {
  const { channel, account, into } = job
  if (!channel.replace) throw new Error('The connector delivers whole audiences but cannot replace.')
  const replace = channel.replace.bind(channel)
  const { upsert: limit } = job.connector.limits(account, into, { upsert: changes, remove: 0 })
  const { checkpoint } = delivery
  const witness = await firstChange(job, checkpoint.lease)
  if (await checkpoint.flush(changes)) {
    const fate = await attempts(delivery, limit, () => {
      // One row in doubt puts the whole place in doubt.
      checkpoint.sending(witness)
      return replace(rowsOf(job, delivery), into)
    })
    checkpoint.tellAll(1, changes, fate)
    if (fate.code !== undefined) delivery.refusals.set(fate.code, { message: fate.message ?? '', rows: changes })
  }
  if (!(await checkpoint.flush())) delivery.end({ kind: 'fenced' })
}

async function firstChange(job: SyncJob, lease: Lease): Promise<readonly PlannedChange[]> {
  for await (const page of job.ledger.changes(lease)) return page.slice(0, 1)
  return []
}

async function* rowsOf(job: SyncJob, delivery: Delivery) {
  const check = async () => {
    if (!(await delivery.mayGoOn())) throw new Error('The replacement was given up.')
  }
  for await (const page of job.ledger.desired(delivery.checkpoint.lease)) {
    await check()
    yield* page.map(shapeWhole)
  }
  // The last row may have been long in coming, and what follows puts the new rows in force.
  await check()
}

async function attempts(delivery: Delivery, limit: Limit, replace: () => Promise<Receipt>): Promise<Fate> {
  let ambiguousUntil: number | undefined
  for (let attempt = 1; ; attempt++) {
    const answer = await once(delivery, limit, replace)
    if (answer.applied === 'maybe') ambiguousUntil = delivery.world.clock.now() + delivery.settlesWithin
    const hold = ambiguousUntil === undefined ? {} : { holdUntil: ambiguousUntil }
    if (answer.fate) return { ...answer.fate, ...hold }
    if (delivery.ending !== undefined || attempt === ATTEMPTS || !(await delivery.waitAfter(attempt, answer))) {
      delivery.end({ kind: 'unreachable' })
      return ambiguousUntil === undefined ? { outcome: 'unsent' } : { outcome: 'unknown', ...hold }
    }
    delivery.payRetry(answer.timedOut)
  }
}

interface Answer {
  readonly fate?: Fate
  readonly applied: 'no' | 'maybe'
  readonly after: number | undefined
  readonly isThrottled: boolean
  readonly timedOut: boolean
}

const PLAIN = { applied: 'no', after: undefined, isThrottled: false, timedOut: false } as const

async function once(delivery: Delivery, limit: Limit, replace: () => Promise<Receipt>): Promise<Answer> {
  const reply = await delivery.request(limit, replace, (one) => one.outcome === 'again' && one.throttled === true)
  switch (reply.kind) {
    case 'none':
      return PLAIN
    case 'answer':
      return received(delivery, reply.answer)
    case 'trouble':
      return failed(delivery, reply.trouble)
  }
}

function received(delivery: Delivery, receipt: Receipt): Answer {
  if (receipt.outcome !== 'again') {
    delivery.succeeded()
    return { ...PLAIN, fate: fateOf(receipt) }
  }
  delivery.noteError(receipt.code)
  const { applied, after, throttled } = receipt
  return { ...PLAIN, applied, after, isThrottled: throttled === true }
}

function failed(delivery: Delivery, trouble: Trouble): Answer {
  switch (trouble.kind) {
    case 'batch':
      return { ...PLAIN, fate: { outcome: 'refused', code: trouble.code, message: trouble.message } }
    case 'stop':
      if (!delivery.checkpoint.isFenced) delivery.end(trouble.ending)
      return { ...PLAIN, applied: trouble.applied }
    case 'throttle':
    case 'transient': {
      delivery.noteError(trouble.message)
      const { applied, after, timedOut } = trouble
      return { applied, after, timedOut, isThrottled: trouble.kind === 'throttle' }
    }
  }
}

function fateOf(receipt: Exclude<Receipt, { outcome: 'again' }>): Fate {
  switch (receipt.outcome) {
    case 'written':
      return { outcome: 'written' }
    case 'accepted':
      return { outcome: 'submitted', job: receipt.job }
    case 'refused':
      return {
        outcome: receipt.kind === 'row' ? 'refused' : 'compliance',
        code: receipt.code,
        message: receipt.message.slice(0, 200),
      }
  }
}
