import type { Change } from '../../src/connectors/connector.ts'
import type { Ledger } from '../../src/sync/ledger.ts'
import type { ModelWarehouse } from '../../src/sync/model-warehouse.ts'

/** When a run read the consents of a part of its plan. */
interface Reading {
  readonly lo: number
  readonly hi: number
  readonly at: number
}

/** Who takes back a consent and when, and what every run could know of it when its windows began. */
export class Withdrawals {
  /** Keys of people, by the moment in which they withdrew. */
  readonly #since = new Map<string, number>()
  readonly #readings = new Map<string, Reading[]>()
  readonly #feed: ModelWarehouse['feed']
  #moment = 0

  constructor(feed: ModelWarehouse['feed']) {
    this.#feed = feed
  }

  has(key: string): boolean {
    return this.#since.has(key)
  }

  /** Withdraws a consent, or gives it back. */
  flip(key: string): void {
    if (!this.#since.delete(key)) this.#since.set(key, ++this.#moment)
    this.#feed.refused.clear()
    for (const one of this.#since.keys()) this.#feed.refused.add(`p-${one}`)
  }

  /** The source of consents breaks, or is mended. */
  feed(what: 'isEmpty' | 'isStale', is: boolean): void {
    this.#feed[what] = is
  }

  clear(): void {
    for (const key of [...this.#since.keys()]) this.flip(key)
  }

  /** The ledger of a run, which notes when consents were read. */
  watched(run: string, ledger: Ledger): Ledger {
    const note = (lo: number, hi: number) => {
      this.#readings.set(run, [...(this.#readings.get(run) ?? []), { lo, hi, at: ++this.#moment }])
    }
    return {
      ...ledger,
      consents: async (lease, lo, hi) => {
        const now = await ledger.consents(lease, lo, hi)
        note(lo, hi)
        return now
      },
      allConsents: async (lease) => {
        const now = await ledger.allConsents(lease)
        note(0, Number.POSITIVE_INFINITY)
        return now
      },
    }
  }

  /** What is wrong with a request: somebody in it had withdrawn when its window began. */
  violation(run: string, batch: readonly Pick<Change, 'op' | 'seq' | 'key'>[]): string | undefined {
    for (const { op, seq, key } of batch) {
      if (op === 'remove') continue
      const read = this.#readings.get(run)?.find(({ lo, hi }) => lo <= seq && seq <= hi)?.at
      const since = this.#since.get(String(key.k))
      if (read === undefined) return `${key.k} was sent, and nobody had asked for the consent`
      if (since !== undefined && since < read) return `${key.k} was sent in a window that began after the withdrawal`
    }
    return undefined
  }
}
