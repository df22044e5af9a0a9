import { type Change, type Channel, DestinationError, type Json, type Receipt } from '../../src/connectors/connector.ts'
import type { Dice } from './random.ts'
import type { Process, Scheduler } from './scheduler.ts'

type Rows = Map<string, string>

/** A request that was written to the socket and may take effect later. */
interface Delayed {
  readonly at: number
  readonly key: string | undefined
  readonly what: string
  readonly land: () => void
}

export interface VendorOptions {
  /** L in ticks: the longest that a request may still take effect. */
  readonly settles: number
  /** Does one bad row make it refuse the whole batch? */
  readonly refusesBatches: boolean
  /** Does it take changes as jobs that end later? */
  readonly isAsync: boolean
  /** Does it complain when it is sent something while something older can still land? */
  readonly strict: boolean
}

/** A destination with a memory of its own, which loses answers, refuses rows, and lets requests land late. */
export class Vendor {
  readonly rows: Rows = new Map()
  /** Keys whose payloads are refused unless their version divides by 3. */
  readonly poison = new Set<string>()
  readonly violations: string[] = []
  sends = 0
  /** Rows sent although their payload was acknowledged and had not changed. */
  wasted = 0
  isClean = false
  readonly #acknowledged = new Map<string, string>()
  readonly #jobs = new Map<string, { readonly until: number; readonly receipts: Map<string, Receipt> }>()
  #delayed: Delayed[] = []
  readonly #dice: Dice
  readonly #scheduler: Scheduler
  readonly #options: VendorOptions

  constructor(dice: Dice, scheduler: Scheduler, options: VendorOptions) {
    this.#dice = dice
    this.#scheduler = scheduler
    this.#options = options
  }

  get isQuiet(): boolean {
    return this.#delayed.length === 0
  }

  /** Lets land what is due. */
  tick(now: number): void {
    if (this.#delayed.length === 0) return
    const due = this.#delayed.filter((one) => one.at <= now)
    if (due.length === 0) return
    this.#delayed = this.#delayed.filter((one) => one.at > now)
    for (const one of due) one.land()
  }

  refuses(key: string, value: string | undefined): boolean {
    return this.poison.has(key) && value !== undefined && Number(value.slice(1)) % 3 !== 0
  }

  channel(process: Process): Channel<unknown> {
    const step = <T>(kind: 'socket' | 'answer', act: () => T) => this.#scheduler.step(process, kind, act)
    return {
      check: async () => undefined,
      partition: (change) => (change.op !== 'remove' && sentValue(change) === undefined ? 'empty' : 'full'),
      send: async (batch) => {
        const answer = await step('socket', () => this.#arrive(batch))
        return step('answer', answer)
      },
      replace: async (rows) => {
        const all: [string, string][] = []
        for await (const row of rows) all.push([String(row.key.k), String(row.fields.v)])
        const answer = await step('socket', () => this.#replaced(new Map(all)))
        return step('answer', answer)
      },
      ...(this.#options.isAsync && {
        poll: (job) =>
          step('answer', () => {
            const known = this.#jobs.get(job)
            if (!known || (!this.isClean && this.#dice.chance(0.03))) return { state: 'lost' as const }
            if (known.until > this.#scheduler.now) return { state: 'running' as const, after: 3_000 }
            return { state: 'done' as const, receipts: pairs(known.receipts), rest: { outcome: 'written' as const } }
          }),
      }),
    }
  }

  /** The moment in which a request reaches the vendor. Returns how the answer will look. */
  #arrive(batch: readonly Change[]): () => readonly Receipt[] {
    this.sends += batch.length
    for (const change of batch) this.#watch(change)
    const draw = this.isClean ? 0 : this.#dice.next()
    if (this.#options.refusesBatches && batch.some((change) => this.refuses(keyOf(change), sentValue(change))))
      return () => {
        throw new DestinationError('batch', 'bad_row', 'One of these rows is bad.')
      }
    if (this.#options.isAsync && draw < 0.72) return this.#job(batch)
    if (draw < 0.72) return this.#answer(batch)
    if (draw < 0.8) {
      for (const change of batch) this.#apply(change)
      return this.#dice.chance(0.2) ? () => [] : lost
    }
    if (draw < 0.88) return this.#dice.chance(0.5) ? throttled : failed
    const at = this.#scheduler.now + 1 + this.#dice.below(this.#options.settles)
    for (const change of batch)
      this.#delayed.push({ at, key: keyOf(change), what: whatOf(change), land: () => this.#apply(change) })
    return lost
  }

  /** Nothing may be sent for a key while something else for it can still land. */
  #watch(change: Change): void {
    const key = keyOf(change)
    const other = this.#delayed.find((one) => (one.key ?? key) === key && one.what !== whatOf(change))
    if (other && this.#options.strict)
      this.violations.push(`sent "${whatOf(change)}" for ${key} while "${other.what}" could still land`)
    if (this.#acknowledged.get(key) === whatOf(change) && this.rows.get(key) === sentValue(change)) this.wasted += 1
  }

  #answer(batch: readonly Change[]): () => readonly Receipt[] {
    const receipts = batch.map((change): Receipt => {
      if (this.refuses(keyOf(change), sentValue(change)))
        return { outcome: 'refused', kind: 'row', code: 'bad_row', message: 'This row is bad.' }
      if (!this.isClean && this.#dice.chance(0.05)) return this.#again(change)
      this.#apply(change)
      this.#acknowledged.set(keyOf(change), whatOf(change))
      return { outcome: 'written', id: `id-${keyOf(change)}` }
    })
    return () => receipts
  }

  #again(change: Change): Receipt {
    const applied = this.#dice.chance(0.3) ? 'maybe' : 'no'
    if (applied === 'maybe' && this.#dice.chance(0.5)) this.#apply(change)
    return { outcome: 'again', code: 'busy', applied }
  }

  #job(batch: readonly Change[]): () => readonly Receipt[] {
    const job = `job-${this.#jobs.size + 1}`
    const until = this.#scheduler.now + 1 + this.#dice.below(this.#options.settles)
    const receipts = new Map<string, Receipt>()
    for (const change of batch) {
      const isBad = this.refuses(keyOf(change), sentValue(change))
      if (isBad)
        receipts.set(JSON.stringify(change.key), {
          outcome: 'refused',
          kind: 'row',
          code: 'bad_row',
          message: 'This row is bad.',
        })
      this.#delayed.push({
        at: until,
        key: keyOf(change),
        what: whatOf(change),
        land: () => (isBad ? undefined : this.#apply(change)),
      })
    }
    this.#jobs.set(job, { until, receipts })
    return () => batch.map(() => ({ outcome: 'accepted', job }))
  }

  #replaced(all: Rows): () => Receipt {
    this.sends += all.size
    const what = JSON.stringify([...all])
    const other = this.#delayed.find((one) => one.what !== what)
    if (other && this.#options.strict) this.violations.push(`replaced everything while something else could still land`)
    const draw = this.isClean ? 0 : this.#dice.next()
    const land = () => {
      this.rows.clear()
      for (const [key, value] of all) this.rows.set(key, value)
    }
    if (draw < 0.8) land()
    if (draw < 0.72) return () => ({ outcome: 'written' })
    if (draw >= 0.8 && draw < 0.88) return throttled
    if (draw >= 0.88) {
      const at = this.#scheduler.now + 1 + this.#dice.below(this.#options.settles)
      this.#delayed.push({ at, key: undefined, what, land })
    }
    return lost
  }

  #apply(change: Change): void {
    const key = keyOf(change)
    const value = sentValue(change)
    if (change.op === 'remove') this.rows.delete(key)
    else if (value !== undefined && !this.refuses(key, value)) this.rows.set(key, value)
  }
}

function keyOf(change: Change): string {
  return String(change.key.k)
}

function sentValue(change: Change): string | undefined {
  return change.op === 'remove' ? undefined : String(change.fields.v)
}

function whatOf(change: Change): string {
  return sentValue(change) ?? 'remove'
}

function lost(): never {
  throw new DestinationError('transient', 'timeout', 'No answer.', { applied: 'maybe' })
}

function failed(): never {
  throw new DestinationError('transient', 'http_500', 'Answered 500.', { applied: 'maybe' })
}

function throttled(): never {
  throw new DestinationError('throttle', 'http_429', 'Answered 429.', { after: 2_000 })
}

async function* pairs(receipts: ReadonlyMap<string, Receipt>) {
  for (const [key, receipt] of receipts) yield { key: JSON.parse(key) as Readonly<Record<string, Json>>, receipt }
}
