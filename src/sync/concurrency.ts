import type { Ms } from '../connectors/connector.ts'

/** Requests at once before anything is known of an account, and successes that earn it one more. */
const START = 2
const EARNED_BY = 20

/** How long batches take that all go well, `takes` each, while more and more of them run at once, up to `most`. */
export function timeFor(batches: number, most: number, takes: Ms): Ms {
  let [left, allowed, ms] = [batches, Math.min(START, most), 0]
  while (left > 0) {
    const now = allowed < most ? Math.min(left, EARNED_BY) : left
    ms += (now / allowed) * takes
    left -= now
    allowed = Math.min(allowed + 1, most)
  }
  return ms
}

/**
 * How many requests of an account may run at once: one more for every 20 that went well, half as many when the vendor
 * says that it is too much or takes too long; never above what the connector permits, and never none.
 */
export class Concurrency {
  #allowed = START
  #most = Number.POSITIVE_INFINITY
  #successes = 0
  #halvedAt: Ms = Number.NEGATIVE_INFINITY

  get allowed(): number {
    return Math.min(this.#allowed, this.#most)
  }

  /** Syncs of one account may know different limits: the smallest holds. */
  cap(most: number): void {
    this.#most = Math.min(this.#most, Math.max(1, most))
  }

  succeeded(): void {
    this.#successes += 1
    if (this.#successes < EARNED_BY) return
    this.#successes = 0
    this.#allowed = Math.min(this.allowed + 1, this.#most)
  }

  /** Requests that ran together are one sign, not several: what began before the last halving changes nothing. */
  overloaded(began: Ms, now: Ms): void {
    if (began < this.#halvedAt) return
    this.#allowed = Math.max(1, Math.floor(this.allowed / 2))
    this.#successes = 0
    this.#halvedAt = now
  }
}
