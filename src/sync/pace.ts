import pLimit, { type LimitFunction } from 'p-limit'
import type { Limit, Ms, PaceHint } from '../connectors/connector.ts'
import type { Clock } from '../world.ts'
import { Breaker } from './breaker.ts'
import { Concurrency } from './concurrency.ts'

/** The longest that one wait lasts before the waiter may do something else, such as prolong its lease. */
const SLICE: Ms = 60_000

/** The longest that an account is waited for: who asks for more is left to a later run. */
export const LONGEST_PAUSE: Ms = 15 * 60_000

/** What a request needs before it may start. */
export interface Turn {
  readonly limit: Limit
  /** Ends waiting early. */
  readonly signal?: AbortSignal | undefined
  /** Called at least every minute while waiting; false gives the turn up. */
  readonly stillWanted: () => Promise<boolean>
}

/** What a request taught about its account. `unsaid`: nothing, as when it was refused before it left. */
export type Lesson = 'ok' | 'failed' | 'overdue' | 'throttled' | 'unsaid'

/** Why nothing more is sent to an account in this run. */
export type Closed =
  /** It does not answer. */
  | { readonly kind: 'unreachable' }
  /** It asks to be left alone for longer than a run waits; `until` is undefined where nobody knows the end. */
  | { readonly kind: 'postponed'; readonly why: string; readonly until: Date | undefined }

/**
 * The rate of one destination account, shared by all syncs that use its credential: at most `calls` starts in any
 * `perMs`, as many requests at once as have proved to be good for it, a common pause after a throttle, and none at all
 * while it does not answer.
 */
export class Pace {
  readonly budget = new RetryBudget()
  readonly #clock: Clock
  readonly #concurrency = new Concurrency()
  readonly #breaker = new Breaker()
  /** Made with the first request: a sync that has nothing to send makes none. */
  #slots: LimitFunction | undefined
  /** When recent requests started, oldest first. */
  #starts: Ms[] = []
  #longest: Ms = 0
  #pausedUntil: Ms = Number.NEGATIVE_INFINITY
  #postponed: Closed | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Why no request starts any more; undefined while they may. */
  get closed(): Closed | undefined {
    return this.#postponed ?? (this.#breaker.isBroken ? { kind: 'unreachable' } : undefined)
  }

  /**
   * Runs `send` when the account allows it, and learns from what it gives; undefined when the turn was given up, aborted,
   * or the account closed before it came.
   */
  async run<T>(turn: Turn, send: () => Promise<T>, lessonOf: (answer: T) => Lesson): Promise<T | undefined> {
    this.#concurrency.cap(turn.limit.inFlight)
    this.#slots ??= pLimit(1)
    this.#slots.concurrency = this.#concurrency.allowed
    return this.#slots(async () => {
      const request = await this.#wait(turn)
      if (request === undefined) return undefined
      const began = this.#clock.now()
      let lesson: Lesson = 'unsaid'
      try {
        const answer = await send()
        lesson = lessonOf(answer)
        return answer
      } finally {
        this.#learn(lesson, request, began)
      }
    })
  }

  /** Lets no request of the account start for so long. More than 15 minutes are not waited: the account is closed. */
  pause(ms: Ms, why: string): void {
    const now = this.#clock.now()
    if (ms <= LONGEST_PAUSE) this.#pausedUntil = Math.max(this.#pausedUntil, now + Math.max(ms, 0))
    else this.#postponed ??= { kind: 'postponed', why, until: later(this.#clock.wall(), ms) }
  }

  /** Takes in what an answer said about the account's rate. */
  heed(hint: PaceHint): void {
    if (hint.kind === 'pause') this.pause(hint.for, 'The account allows no further call for now.')
    else this.pause(Number.POSITIVE_INFINITY, hint.why)
  }

  /** Opens the breaker: somebody found in another way that nobody is there. */
  trip(): void {
    this.#breaker.open(this.#clock.now())
  }

  #learn(lesson: Lesson, request: symbol, began: Ms): void {
    const now = this.#clock.now()
    if (lesson === 'ok') this.#concurrency.succeeded()
    if (lesson === 'throttled' || lesson === 'overdue') this.#concurrency.overloaded(began, now)
    if (this.#slots) this.#slots.concurrency = this.#concurrency.allowed
    // Whoever asks us to slow down is there.
    const failed = lesson === 'unsaid' ? undefined : lesson === 'failed' || lesson === 'overdue'
    this.#breaker.answered(request, failed, now)
  }

  /** Waits for a turn and takes it. Returns how the breaker knows the request; undefined when there is no turn. */
  async #wait(turn: Turn): Promise<symbol | undefined> {
    for (;;) {
      if (turn.signal?.aborted || this.closed || !(await turn.stillWanted())) return undefined
      // From here to the start of the request nothing is awaited, so no other request can take the same turn.
      const wait = this.#waitFor(turn.limit)
      if (wait <= 0) {
        this.#starts.push(this.#clock.now())
        return this.#breaker.start()
      }
      await this.#clock.sleep(Math.min(wait, SLICE), turn.signal)
    }
  }

  #waitFor(limit: Limit): Ms {
    const now = this.#clock.now()
    this.#longest = Math.max(this.#longest, limit.perMs)
    this.#starts = dropBefore(this.#starts, now - this.#longest)
    // The start that must have left the window before one more fits.
    const blocking = this.#starts.at(-limit.calls)
    const rate = blocking === undefined ? 0 : blocking + limit.perMs - now
    return Math.max(rate, this.#pausedUntil - now, this.#breaker.wait(now))
  }
}

const TOKENS = 500

/**
 * How many retries an account is worth: each costs, each success gives a little back. An empty budget means that the
 * destination is down rather than unlucky.
 */
export class RetryBudget {
  #tokens = TOKENS

  /** Takes the price of one retry; false when it cannot be paid. */
  take(afterTimeout: boolean): boolean {
    const price = afterTimeout ? 10 : 5
    if (this.#tokens < price) return false
    this.#tokens -= price
    return true
  }

  succeeded(): void {
    this.#tokens = Math.min(TOKENS, this.#tokens + 1)
  }
}

function dropBefore(starts: Ms[], time: Ms): Ms[] {
  const first = starts.findIndex((start) => start > time)
  return first === 0 ? starts : first === -1 ? [] : starts.slice(first)
}

/** The latest time that a date can say. */
const LATEST = 8.64e15

function later(from: Date, ms: Ms): Date | undefined {
  const time = from.getTime() + ms
  return time <= LATEST ? new Date(time) : undefined
}
