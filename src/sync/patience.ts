import { DestinationError, type Limit } from '../connectors/connector.ts'
import type { World } from '../world.ts'
import type { Lesson, Pace } from './pace.ts'
import { ATTEMPTS, backoff, THROTTLE_BASE } from './retry.ts'
import { type Trouble, troubleOf } from './trouble.ts'

/** What it takes to ask a vendor again. */
export interface Patience {
  /** That of the account, which reading and sending share. */
  readonly pace: Pace
  readonly limit: () => Limit
  readonly world: Pick<World, 'clock' | 'random'>
  readonly signal: AbortSignal
}

/** Longer than this nobody waits before a page of what is read: the lease of a command that reads is ten minutes. */
const LONGEST_WAIT = 60_000

type Reply<T> = { readonly kind: 'answer'; readonly answer: T } | { readonly kind: 'error'; readonly error: unknown }

/**
 * Makes a request that changes nothing at the pace of its account, and as often as sending would: throws what it threw
 * last, at once where another try would be no better.
 */
export async function patiently<T>(patience: Patience, ask: () => Promise<T>): Promise<T> {
  const { pace, world, signal } = patience
  for (let attempt = 1; ; attempt++) {
    const reply = await inTurn(patience, ask)
    if (reply === undefined) throw notAsked(pace)
    if (reply.kind === 'answer') {
      pace.budget.succeeded()
      return reply.answer
    }
    const trouble = troubleOf(reply.error)
    const wait = waitFor(trouble, attempt, world.random())
    if (wait === undefined || wait > LONGEST_WAIT || attempt === ATTEMPTS || signal.aborted) throw reply.error
    if (trouble.kind === 'throttle') pace.pause(wait, `It asks to be left alone: ${trouble.message}`)
    else await world.clock.sleep(wait, signal)
    if (!pace.budget.take(trouble.kind === 'transient' && trouble.timedOut)) pace.trip()
  }
}

function inTurn<T>({ pace, limit, signal }: Patience, ask: () => Promise<T>): Promise<Reply<T> | undefined> {
  const turn = { limit: limit(), signal, stillWanted: async () => true }
  const send = (): Promise<Reply<T>> =>
    ask().then(
      (answer) => ({ kind: 'answer', answer }),
      (error: unknown) => ({ kind: 'error', error }),
    )
  return pace.run(turn, send, lessonOf)
}

/** Why no request was made at all. */
function notAsked({ closed }: Pace): DestinationError {
  const why = closed?.kind === 'postponed' ? closed.why : 'It does not answer, or the command was interrupted.'
  return new DestinationError('transient', 'not_asked', why)
}

function lessonOf<T>(reply: Reply<T>): Lesson {
  if (reply.kind === 'answer') return 'ok'
  const trouble = troubleOf(reply.error)
  switch (trouble.kind) {
    case 'stop':
      return 'unsaid'
    case 'batch':
      return 'ok'
    case 'throttle':
      return 'throttled'
    case 'transient':
      return trouble.timedOut ? 'overdue' : 'failed'
  }
}

/** Undefined where another try would be no better. */
function waitFor(trouble: Trouble, attempt: number, random: number): number | undefined {
  switch (trouble.kind) {
    case 'stop':
    case 'batch':
      return undefined
    case 'throttle':
      return trouble.after ?? backoff(attempt, random, THROTTLE_BASE)
    case 'transient':
      return trouble.after ?? backoff(attempt, random)
  }
}
