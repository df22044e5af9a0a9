import type { Clock } from '../../src/world.ts'

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

/** A clock on which nothing happens but what was asked for: it jumps from one end of a sleep to the next. */
export class Timeline implements Clock {
  #time = 1_000_000
  #sleepers: Sleeper[] = []

  now(): number {
    return this.#time
  }

  wall(): Date {
    return new Date(this.#time)
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const wake = () => {
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const sleeper = { at: this.#time + ms, wake }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', wake, { once: true })
    })
  }

  /** Lets time pass until nobody sleeps any more, or until `time`. */
  async drain(time = Number.POSITIVE_INFINITY): Promise<void> {
    for (;;) {
      await new Promise(setImmediate)
      const next = Math.min(...this.#sleepers.map(({ at }) => at))
      if (next > time || next === Number.POSITIVE_INFINITY) break
      this.#time = next
      for (const one of this.#sleepers.filter(({ at }) => at <= next)) one.wake()
    }
    if (time !== Number.POSITIVE_INFINITY) this.#time = Math.max(this.#time, time)
  }
}
