import type { Ms } from '../connectors/connector.ts'
import type { Clock } from '../world.ts'

/**
 * What is in flight when a run is interrupted may end within this. Schedulers kill 30 seconds after they asked
 * (Kubernetes does unless told otherwise), and what became of the rows must be written down before that.
 */
export const GRACE: Ms = 25_000

/** For a connector that does not notice that its requests were aborted. */
const DEAF: Ms = 1_000

/** How a run is told to stop. */
export interface Stop {
  /** Aborts at the first signal: nothing new starts, what is in flight may end. */
  readonly signal?: AbortSignal | undefined
  /** Aborts at the second: what is in flight is given up. */
  readonly hurry?: AbortSignal | undefined
}

/** Ends what is in flight once a run was interrupted and the time for it is up, or a second signal came. */
export class Grace {
  readonly #over = new AbortController()
  readonly #done = new AbortController()
  readonly #interrupt: AbortSignal | undefined
  readonly #begin: () => void

  /** `cutOff` aborts the requests in flight. */
  constructor(clock: Clock, { signal, hurry }: Stop, cutOff: (() => void) | undefined) {
    this.#interrupt = signal
    this.#begin = () => {
      const waiting = hurry ? AbortSignal.any([hurry, this.#done.signal]) : this.#done.signal
      clock
        .sleep(GRACE, waiting)
        .then(() => {
          if (!this.#done.signal.aborted) cutOff?.()
          return clock.sleep(DEAF, this.#done.signal)
        })
        .then(() => this.#over.abort())
    }
    if (signal?.aborted) this.#begin()
    else signal?.addEventListener('abort', this.#begin, { once: true })
  }

  /** The result of `work`, or undefined once it was given up. */
  async await<T>(work: Promise<T>): Promise<T | undefined> {
    const { signal } = this.#over
    if (signal.aborted) return undefined
    let giveUp = () => {}
    const givenUp = new Promise<undefined>((resolve) => {
      giveUp = () => resolve(undefined)
      signal.addEventListener('abort', giveUp, { once: true })
    })
    try {
      return await Promise.race([work, givenUp])
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
  }

  /** Nothing is in flight any more. */
  end(): void {
    this.#interrupt?.removeEventListener('abort', this.#begin)
    // Nobody asks why; an error made for it would take longer than all the rest.
    this.#done.abort('nothing is in flight')
  }
}
