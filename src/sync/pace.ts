import pLimit, { type LimitFunction } from 'p-limit'
import type { Limit, Ms } from '../connectors/connector.ts'
import type { Clock } from '../world.ts'

/** The longest that one wait lasts before the waiter may do something else, such as prolong its lease. */
const SLICE: Ms = 60_000

/** Pauses that an account asks for are believed up to this. */
const LONGEST_PAUSE: Ms = 15 * 60_000

/** What a request needs before it may start. */
export interface Turn {
  readonly limit: Limit
  /** Ends waiting early. */
  readonly signal?: AbortSignal | undefined
  /** Called at least every minute while waiting; false gives the turn up. */
  readonly stillWanted: () => Promise<boolean>
}

/**
 * The rate of one destination account, shared by all its syncs: at most `calls` starts in any `perMs`, at most
 * `inFlight` requests at once, and a common pause after a throttle.
 */
export class Pace {
  readonly budget = new RetryBudget()
  readonly #clock: Clock
  #slots: LimitFunction | undefined
  /** When recent requests started, oldest first. */
  #starts: Ms[] = []
  #longest: Ms = 0
  #pausedUntil: Ms = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Runs `send` when the account allows it; undefined when the turn was given up or aborted before it came. */
  async run<T>(turn: Turn, send: () => Promise<T>): Promise<T | undefined> {
    return this.#slotsFor(turn.limit)(async () => ((await this.#wait(turn)) ? send() : undefined))
  }

  /** Lets no request of the account start for so long (at most 15 minutes). */
  pause(ms: Ms): void {
    const until = this.#clock.now() + Math.min(Math.max(ms, 0), LONGEST_PAUSE)
    this.#pausedUntil = Math.max(this.#pausedUntil, until)
  }

  /** Syncs of one account may know different limits: the smallest holds. */
  #slotsFor(limit: Limit): LimitFunction {
    const slots = this.#slots ?? pLimit(limit.inFlight)
    if (limit.inFlight < slots.concurrency) slots.concurrency = limit.inFlight
    this.#slots = slots
    return slots
  }

  async #wait(turn: Turn): Promise<boolean> {
    for (;;) {
      if (turn.signal?.aborted || !(await turn.stillWanted())) return false
      // From here to the start of the request nothing is awaited, so no other request can take the same turn.
      const wait = this.#waitFor(turn.limit)
      if (wait <= 0) {
        this.#starts.push(this.#clock.now())
        return true
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
    return Math.max(rate, this.#pausedUntil - now)
  }
}

/**
 * How many retries an account is worth: each costs, each success gives a little back. An empty budget means that the
 * destination is down rather than unlucky.
 */
export class RetryBudget {
  #tokens = 500

  /** Takes the price of one retry; false when it cannot be paid. */
  take(afterTimeout: boolean): boolean {
    const price = afterTimeout ? 10 : 5
    if (this.#tokens < price) return false
    this.#tokens -= price
    return true
  }

  succeeded(): void {
    this.#tokens = Math.min(500, this.#tokens + 1)
  }
}

function dropBefore(starts: Ms[], time: Ms): Ms[] {
  const first = starts.findIndex((start) => start > time)
  return first === 0 ? starts : first === -1 ? [] : starts.slice(first)
}
