import type { Change, Channel, Json, Limit, Receipt } from '../../../src/connectors/connector.ts'
import { planSync, sendSync } from '../../../src/sync/engine.ts'
import type { SyncJob, SyncOutcome } from '../../../src/sync/job.ts'
import { ModelLedger } from '../../../src/sync/model-ledger.ts'
import type { ModelRow, ModelSnapshot, ModelSync } from '../../../src/sync/model-rows.ts'
import { type ModelWarehouse, modelWarehouse } from '../../../src/sync/model-warehouse.ts'
import { Pace } from '../../../src/sync/pace.ts'
import type { Clock } from '../../../src/world.ts'

/** A clock that only sleeping moves: whoever sleeps, the others wait until it is over. */
export class TestClock implements Clock {
  time = 1_000_000

  now(): number {
    return this.time
  }

  wall(): Date {
    return new Date(this.time)
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return
    this.time += ms
    await new Promise(setImmediate)
  }
}

export const LIMIT: Limit = { rows: 10, bytes: 1_000_000, calls: 1_000, perMs: 1_000, inFlight: 2 }

const SYNC: ModelSync = {
  name: 'people',
  mode: 'mirror',
  removes: true,
  whole: false,
  fields: [
    { name: 'v', onNull: 'skip', write: 'always' },
    { name: 'first', onNull: 'skip', write: 'on_create' },
  ],
  matchFields: new Set(['v']),
  leave: 'remove',
  withdraws: true,
  asks: false,
  withdraw: 'withdraw',
}

/** One sync over the ledger in plain TypeScript, with a vendor that remembers rows by key. */
export class Bench {
  readonly clock = new TestClock()
  readonly sync: ModelSync
  rows: readonly ModelRow[] = []
  readonly warehouse: ModelWarehouse
  readonly vendor = new Map<string, Readonly<Record<string, Json>>>()
  /** Every request, in the order in which they were sent. */
  readonly requests: (readonly Change[])[] = []
  /** Answers instead of the vendor; undefined = the vendor answers. */
  answer: (batch: readonly Change[], request: number) => readonly Receipt[] | undefined | Promise<readonly Receipt[]> =
    () => undefined
  #run = 0

  constructor(sync: Partial<ModelSync> = {}) {
    this.sync = { ...SYNC, ...sync }
    this.warehouse = modelWarehouse(
      () => this.clock.time,
      () => this.rows,
    )
  }

  /** Sets the audience: value of `v` by key. */
  audience(values: Readonly<Record<string, Json>>): void {
    this.rows = Object.entries(values).map(([key, v]) => ({ profileId: `p-${key}`, key: { k: key }, values: { v } }))
  }

  async run(more: Partial<SyncJob> = {}, signal?: AbortSignal): Promise<SyncOutcome> {
    return sendSync(await planSync(this.job(more)), { ...(signal && { signal }) })
  }

  job(more: Partial<SyncJob> = {}): SyncJob {
    const runId = `run-${++this.#run}`
    const { sync } = this
    return {
      name: sync.name,
      destination: 'vendor',
      onLeave: sync.removes && !sync.whole ? { verb: 'remove' } : undefined,
      onWithdraw: sync.withdraws && !sync.whole ? { verb: 'withdraw' } : undefined,
      guard: {},
      delivers: sync.whole ? 'whole' : 'changes',
      connector: { limits: () => ({ upsert: LIMIT, remove: LIMIT }) },
      account: {},
      into: {},
      channel: this.channel,
      ledger: new ModelLedger(this.warehouse, sync, { lease: 600_000, settlesWithin: 300_000 }, 7),
      settlesWithin: 300_000,
      pace: new Pace(this.clock),
      world: { clock: this.clock, random: () => 0.5 },
      runId,
      holder: runId,
      isDead: () => false,
      ...more,
    }
  }

  readonly channel: Channel<unknown> = {
    check: async () => undefined,
    send: async (batch) => {
      this.requests.push(batch)
      return (await this.answer(batch, this.requests.length)) ?? this.take(batch)
    },
    replace: async (rows) => {
      this.requests.push([])
      this.vendor.clear()
      for await (const row of rows) this.vendor.set(String(row.key.k), row.fields)
      return (await this.answer([], this.requests.length))?.[0] ?? { outcome: 'written' }
    },
  }

  take(batch: readonly Change[]): readonly Receipt[] {
    for (const { op, key, fields } of batch) {
      if (op === 'remove') this.vendor.delete(String(key.k))
      else this.vendor.set(String(key.k), { ...this.vendor.get(String(key.k)), ...fields })
    }
    return batch.map(() => ({ outcome: 'written' }))
  }

  row(key: string): ModelSnapshot | undefined {
    return [...this.warehouse.snapshot.values()].find((row) => row.key_json === JSON.stringify({ k: key }))
  }
}

/** Keys named k0, k1 … with one value each. */
export function people(count: number, value: Json = 'a'): Readonly<Record<string, Json>> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, value]))
}
