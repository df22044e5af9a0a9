import type { Ms } from '../connectors/connector.ts'
import type { Clock } from '../world.ts'
import { faredAlike, ranges } from './batch.ts'
import type { Timing } from './job.ts'
import type { Ack, Confession, Lease, Ledger, Outcome, PlannedChange } from './ledger.ts'

/** What became of one row, with the time until which an ambiguous attempt of it may still take effect. */
export type Fate = Omit<Ack, 'hold' | 'lo' | 'hi'> & { readonly holdUntil?: Ms }

/**
 * Keeps one lease while its plan is sent: collects what became of rows, writes it down, prolongs the lease, and knows
 * when it was lost. Rows that may have been sent too late are then confessed.
 */
export class Checkpoint {
  readonly #ledger: Ledger
  readonly #lease: Lease
  readonly #clock: Clock
  readonly #timing: Timing
  readonly tally = new Map<Outcome, number>()
  #pending: { readonly seqs: { lo: number; hi: number }; readonly fate: Fate }[] = []
  /** Rows of requests that started since the fence was last found to be ours. */
  #sent = new Map<number, Confession>()
  #renewAt: Ms
  #flushedAt: Ms
  #renewal: Promise<boolean> | undefined
  #turn: Promise<boolean> = Promise.resolve(true)
  #fenced = false

  constructor(ledger: Ledger, lease: Lease, clock: Clock, timing: Timing, claimedAt: Ms) {
    this.#ledger = ledger
    this.#lease = lease
    this.#clock = clock
    this.#timing = timing
    this.#flushedAt = claimedAt
    this.#renewAt = claimedAt + (timing.lease - timing.margin) / 2
  }

  get lease(): Lease {
    return this.#lease
  }

  get isFenced(): boolean {
    return this.#fenced
  }

  /** Has it been long since the last flush, and is there something to tell? */
  get isDue(): boolean {
    return this.#pending.length > 0 && this.#clock.now() - this.#flushedAt >= this.#timing.windowMs
  }

  /** True while requests may start: the lease is ours, with more than the margin left. */
  async keep(): Promise<boolean> {
    if (this.#fenced) return false
    if (this.#clock.now() < this.#renewAt) return true
    this.#renewal ??= this.#asOwner(() => this.#ledger.renew(this.#lease)).finally(() => {
      this.#renewal = undefined
    })
    return this.#renewal
  }

  /** Notes that a request with these rows starts now. */
  sending(rows: readonly PlannedChange[]): void {
    for (const row of rows) this.#sent.set(row.seq, row)
  }

  tell(seq: number, fate: Fate): void {
    this.tellAll(seq, seq, fate)
  }

  tellAll(lo: number, hi: number, fate: Fate): void {
    const last = this.#pending.at(-1)
    // Neighbours mostly fare alike.
    if (last !== undefined && last.seqs.hi + 1 === lo && isAlike(last.fate, fate)) last.seqs.hi = hi
    else this.#pending.push({ seqs: { lo, hi }, fate })
    this.tally.set(fate.outcome, (this.tally.get(fate.outcome) ?? 0) + hi - lo + 1)
  }

  /** Writes down what is known and, with `intent`, what may be sent next. False when the lease is lost. */
  async flush(intent?: number): Promise<boolean> {
    return this.#asOwner(() => {
      this.#flushedAt = this.#clock.now()
      const acks = this.#acks(this.#flushedAt)
      return this.#ledger.flush(this.#lease, { acks, ...(intent !== undefined && { intent }) })
    })
  }

  /** Runs what only the owner of the lease may do, one at a time, and learns whether we still are. */
  #asOwner(act: () => Promise<boolean>): Promise<boolean> {
    const mine = this.#turn.then(async () => {
      if (this.#fenced) return false
      const began = this.#clock.now()
      const covered = this.#sent
      this.#sent = new Map()
      const isOurs = await act()
      if (isOurs) this.#renewAt = began + (this.#timing.lease - this.#timing.margin) / 2
      else await this.#lost(covered)
      return isOurs
    })
    this.#turn = mine.catch(() => false)
    return mine
  }

  async #lost(covered: ReadonlyMap<number, Confession>): Promise<void> {
    this.#fenced = true
    const rows = new Map([...covered, ...this.#sent])
    if (rows.size > 0) await this.#ledger.confess(this.#lease, [...rows.values()])
  }

  #acks(now: Ms): readonly Ack[] {
    const pending = this.#pending
    this.#pending = []
    const told = pending.map(({ seqs, fate: { holdUntil, ...what } }) => ({
      ...what,
      ...seqs,
      ...(holdUntil !== undefined && { hold: Math.max(0, holdUntil - now) }),
    }))
    return ranges(told)
  }
}

function isAlike(a: Fate, b: Fate): boolean {
  return a.holdUntil === b.holdUntil && faredAlike(a, b)
}
