import { setMaxListeners } from 'node:events'
import { type Channel, DestinationError, type Limit, type Ms, NetworkError } from '../connectors/connector.ts'
import type { World } from '../world.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { Pace, Turn } from './pace.ts'

/** Why sending ended before the plan did. */
export type Ending =
  | { readonly kind: 'interrupted' | 'fenced' | 'unreachable' }
  | { readonly kind: 'auth' | 'config' | 'many-refused'; readonly message: string }
  | { readonly kind: 'failure'; readonly error: unknown }

/** What the requests of one sync share while its plan is sent. */
export class Delivery {
  readonly channel: Channel<unknown>
  readonly into: unknown
  readonly pace: Pace
  readonly world: Pick<World, 'clock' | 'random'>
  readonly settlesWithin: Ms
  readonly checkpoint: Checkpoint
  readonly refusals = new Map<string, { message: string; rows: number }>()
  calls = 0
  retries = 0
  /** Rows that were to be sent, and those among them that only bisection found to be bad. */
  rows = 0
  bisected = 0
  lastError: string | undefined
  #failedInARow = 0
  #ending: Ending | undefined
  readonly #stopped = new AbortController()
  readonly #interrupt: AbortSignal | undefined
  readonly #over: AbortSignal

  constructor(
    parts: Pick<Delivery, 'channel' | 'into' | 'pace' | 'world' | 'settlesWithin' | 'checkpoint'>,
    signal: AbortSignal | undefined,
  ) {
    this.channel = parts.channel
    this.into = parts.into
    this.pace = parts.pace
    this.world = parts.world
    this.settlesWithin = parts.settlesWithin
    this.checkpoint = parts.checkpoint
    this.#interrupt = signal
    this.#over = signal ? AbortSignal.any([signal, this.#stopped.signal]) : this.#stopped.signal
    // Every waiting batch listens.
    setMaxListeners(0, this.#over)
  }

  get ending(): Ending | undefined {
    return this.#ending ?? (this.#interrupt?.aborted ? { kind: 'interrupted' } : undefined)
  }

  /** Starts no further request. The first reason stays. */
  end(reason: Ending): void {
    this.#ending = this.ending ?? reason
    this.#stopped.abort()
  }

  /** Runs one request when pace and lease allow it; undefined when it did not start. */
  async request<T>(limit: Limit, send: () => Promise<T>): Promise<T | undefined> {
    const turn: Turn = { limit, signal: this.#over, stillWanted: () => this.mayGoOn() }
    return this.pace.run(turn, async () => {
      // The lease may have been lost in the moment since it was asked for.
      if (this.checkpoint.isFenced || this.ending) return undefined
      this.calls += 1
      return send()
    })
  }

  async mayGoOn(): Promise<boolean> {
    if (!(await this.checkpoint.keep())) this.end({ kind: 'fenced' })
    return this.ending === undefined
  }

  /** Waits, keeping the lease; false when there is nothing to wait for any more. */
  async sleep(ms: Ms): Promise<boolean> {
    const until = this.world.clock.now() + Math.min(ms, 15 * 60_000)
    for (;;) {
      const left = until - this.world.clock.now()
      if (!(await this.mayGoOn())) return false
      if (left <= 0) return true
      await this.world.clock.sleep(Math.min(left, 60_000), this.#over)
    }
  }

  succeeded(): void {
    this.pace.budget.succeeded()
    this.#failedInARow = 0
  }

  /** A batch failed for good; three of them without a success between say that nobody is there. */
  failed(): void {
    this.#failedInARow += 1
    if (this.#failedInARow >= 3) this.end({ kind: 'unreachable' })
  }
}

/** What an exception of a connector means for the rows of its request. */
export type Trouble =
  | { readonly kind: 'stop'; readonly ending: Ending; readonly applied: 'no' | 'maybe' }
  | { readonly kind: 'batch'; readonly code: string; readonly message: string }
  | {
      readonly kind: 'transient' | 'throttle'
      readonly message: string
      readonly applied: 'no' | 'maybe'
      readonly after: Ms | undefined
    }

export function troubleOf(error: unknown): Trouble {
  if (error instanceof NetworkError)
    return { kind: 'transient', message: error.message, applied: error.sent ? 'maybe' : 'no', after: undefined }
  // Anything else is a bug of the connector: the request may have gone out.
  if (!(error instanceof DestinationError))
    return { kind: 'stop', ending: { kind: 'failure', error }, applied: 'maybe' }
  const { kind, code, message, applied, after } = error
  switch (kind) {
    case 'auth':
    case 'config':
      return { kind: 'stop', ending: { kind, message }, applied }
    case 'batch':
      return { kind, code, message }
    case 'transient':
    case 'throttle':
      return { kind, message, applied, after }
  }
}
