import { setMaxListeners } from 'node:events'
import type { Channel, Limit, Ms } from '../connectors/connector.ts'
import type { World } from '../world.ts'
import type { Checkpoint } from './checkpoint.ts'
import { Grace, type Stop } from './grace.ts'
import type { PlannedChange } from './ledger.ts'
import { type Lesson, LONGEST_PAUSE, type Pace, type Turn } from './pace.ts'
import { backoff, THROTTLE_BASE } from './retry.ts'
import { type Ending, INTERRUPTED, type Trouble, troubleOf } from './trouble.ts'

/** What came of a request. `none`: it did not start. */
export type Reply<T> =
  | { readonly kind: 'answer'; readonly answer: T }
  | { readonly kind: 'trouble'; readonly trouble: Trouble }
  | { readonly kind: 'none' }

type Parts = Pick<Delivery, 'channel' | 'into' | 'pace' | 'world' | 'settlesWithin' | 'checkpoint'> & {
  /** Aborts the requests in flight. */
  readonly cutOff?: (() => void) | undefined
}

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
  /** Rows of the plan whose people may no longer be contacted, so that they were not sent. */
  readonly withheld = { consent: { creates: 0, updates: 0 }, suppressed: { creates: 0, updates: 0 } }
  /** Rows that were tried as often as a run tries. */
  givenUp = 0
  lastError: string | undefined
  #failedInARow = 0
  #ending: Ending | undefined
  readonly #stopped = new AbortController()
  readonly #interrupt: AbortSignal | undefined
  readonly #over: AbortSignal
  readonly #grace: Grace

  constructor(parts: Parts, stop: Stop) {
    this.channel = parts.channel
    this.into = parts.into
    this.pace = parts.pace
    this.world = parts.world
    this.settlesWithin = parts.settlesWithin
    this.checkpoint = parts.checkpoint
    this.#interrupt = stop.signal
    this.#over = stop.signal ? AbortSignal.any([stop.signal, this.#stopped.signal]) : this.#stopped.signal
    this.#grace = new Grace(parts.world.clock, stop, parts.cutOff)
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

  /** Nothing is in flight any more, and nothing will be. */
  close(): void {
    this.#grace.end()
  }

  /** Runs one request when pace and lease allow it. `throttled`: does the answer say that the account is too fast? */
  async request<T>(limit: Limit, send: () => Promise<T>, throttled: (answer: T) => boolean): Promise<Reply<T>> {
    const turn: Turn = { limit, signal: this.#over, stillWanted: () => this.mayGoOn() }
    const start = async (): Promise<Reply<T>> => {
      // The lease may have been lost in the moment since it was asked for.
      if (this.checkpoint.isFenced || this.ending) return { kind: 'none' }
      this.calls += 1
      return this.#replyOf(send)
    }
    const reply = await this.pace.run(turn, start, (one) => lessonOf(one, throttled))
    return reply ?? this.#none()
  }

  async mayGoOn(): Promise<boolean> {
    if (this.pace.closed) this.end(this.pace.closed)
    if (!(await this.checkpoint.keep())) this.end({ kind: 'fenced' })
    return this.ending === undefined
  }

  /**
   * Waits before the `attempt`-th request is made again: as long as the vendor asked (`after`), else by chance and ever
   * longer; after a throttle the whole account waits. False when there is nothing to wait for any more.
   */
  async waitAfter(attempt: number, { after, isThrottled }: { after: Ms | undefined; isThrottled: boolean }) {
    const wait = after ?? backoff(attempt, this.world.random(), isThrottled ? THROTTLE_BASE : undefined)
    if (!isThrottled && wait <= LONGEST_PAUSE) return this.#sleep(wait)
    this.pace.pause(wait, `It asks to be left alone for longer than a run waits: ${this.lastError ?? ''}.`)
    return this.mayGoOn()
  }

  /** A row is not sent, because its person may no longer be contacted. */
  withhold({ seq, op }: PlannedChange, reason: 'consent' | 'suppressed'): void {
    this.checkpoint.tell(seq, { outcome: 'unsent' })
    this.withheld[reason][op === 'create' ? 'creates' : 'updates'] += 1
  }

  /** Keeps what went wrong last, for the report: it becomes the end of a sentence. */
  noteError(message: string): void {
    this.lastError = message.replace(/\.$/, '')
  }

  succeeded(): void {
    this.pace.budget.succeeded()
    this.#failedInARow = 0
  }

  /** A batch failed for good; three of them without a success between say that nobody is there, however slowly. */
  failed(): void {
    this.#failedInARow += 1
    if (this.#failedInARow < 3) return
    this.#failedInARow = 0
    this.pace.trip()
  }

  /** Pays for one more try; who cannot pay waits until the account has shown that it is there. */
  payRetry(afterTimeout: boolean): void {
    this.retries += 1
    if (!this.pace.budget.take(afterTimeout)) this.pace.trip()
  }

  async #replyOf<T>(send: () => Promise<T>): Promise<Reply<T>> {
    try {
      const reply = await this.#grace.await(send().then((answer): Reply<T> => ({ kind: 'answer', answer })))
      return reply ?? { kind: 'trouble', trouble: INTERRUPTED }
    } catch (error) {
      return { kind: 'trouble', trouble: troubleOf(error) }
    }
  }

  #none<T>(): Reply<T> {
    if (this.pace.closed) this.end(this.pace.closed)
    return { kind: 'none' }
  }

  /** Waits, keeping the lease. */
  async #sleep(ms: Ms): Promise<boolean> {
    const until = this.world.clock.now() + ms
    for (;;) {
      const left = until - this.world.clock.now()
      if (!(await this.mayGoOn())) return false
      if (left <= 0) return true
      await this.world.clock.sleep(Math.min(left, 60_000), this.#over)
    }
  }
}

/** What a request teaches about its account. A batch that was refused was answered like any other. */
function lessonOf<T>(reply: Reply<T>, throttled: (answer: T) => boolean): Lesson {
  if (reply.kind === 'none') return 'unsaid'
  if (reply.kind === 'answer') return throttled(reply.answer) ? 'throttled' : 'ok'
  switch (reply.trouble.kind) {
    case 'stop':
      return 'unsaid'
    case 'batch':
      return 'ok'
    case 'throttle':
      return 'throttled'
    case 'transient':
      return reply.trouble.timedOut ? 'overdue' : 'failed'
  }
}
