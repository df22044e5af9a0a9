import type { Ms } from '../connectors/connector.ts'

/** So many answers at least, of which so large a part failed, within so long a time, open the breaker for as long. */
const ANSWERS = 10
const SHARE = 0.5
const WINDOW: Ms = 30_000
/** The opening that is the last. */
const LAST = 3
/** How long others wait before they look again whether the probe came through. */
const LOOK: Ms = 1_000

type State =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly until: Ms }
  | { readonly kind: 'probing'; readonly probe: symbol }
  | { readonly kind: 'broken' }

/**
 * Keeps requests from an account that does not answer: where at least half of 10 or more failed within 30 seconds, none
 * starts for 30 seconds; then one alone finds out whether the others may follow. The third opening is the last: nothing
 * more is sent in this run.
 */
export class Breaker {
  #state: State = { kind: 'closed' }
  /** Answers by second, oldest first: an account may give thousands. */
  #seconds: Second[] = []
  #openings = 0

  get isBroken(): boolean {
    return this.#state.kind === 'broken'
  }

  /** How long a request must wait at least; 0 = it may start, if `start` is called in the same turn. */
  wait(now: Ms): Ms {
    switch (this.#state.kind) {
      case 'closed':
        return 0
      case 'open':
        return Math.max(0, this.#state.until - now)
      case 'probing':
        return LOOK
      case 'broken':
        return Number.POSITIVE_INFINITY
    }
  }

  /** Notes that a request starts. Returns what `answered` must be told of it. */
  start(): symbol {
    const request = Symbol('request')
    if (this.#state.kind === 'open') this.#state = { kind: 'probing', probe: request }
    return request
  }

  /** What became of a request; undefined = it says nothing about the account. */
  answered(request: symbol, failed: boolean | undefined, now: Ms): void {
    const state = this.#state
    if (state.kind === 'closed' && failed !== undefined) this.#count(failed, now)
    // What began before the breaker opened says nothing about now.
    if (state.kind !== 'probing' || state.probe !== request) return
    if (failed === undefined) this.#state = { kind: 'open', until: now }
    else if (failed) this.open(now)
    else this.#state = { kind: 'closed' }
  }

  /** Opens whatever was counted: for those who know from elsewhere that nobody is there. */
  open(now: Ms): void {
    if (this.#state.kind === 'open' || this.isBroken) return
    this.#openings += 1
    this.#seconds = []
    this.#state = this.#openings >= LAST ? { kind: 'broken' } : { kind: 'open', until: now + WINDOW }
  }

  #count(failed: boolean, now: Ms): void {
    const second = Math.floor(now / SECOND)
    this.#seconds = this.#seconds.filter((one) => one.second > second - WINDOW / SECOND)
    const last = this.#seconds.at(-1)
    const current = last?.second === second ? last : { second, answers: 0, failures: 0 }
    if (current !== last) this.#seconds.push(current)
    current.answers += 1
    if (failed) current.failures += 1
    const answers = sum(this.#seconds, 'answers')
    if (answers >= ANSWERS && sum(this.#seconds, 'failures') >= SHARE * answers) this.open(now)
  }
}

const SECOND: Ms = 1_000

interface Second {
  readonly second: number
  answers: number
  failures: number
}

function sum(seconds: readonly Second[], what: 'answers' | 'failures'): number {
  return seconds.reduce((total, one) => total + one[what], 0)
}
