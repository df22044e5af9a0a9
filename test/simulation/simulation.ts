import type { Channel, Json } from '../../src/connectors/connector.ts'
import { planSync, sendSync } from '../../src/sync/engine.ts'
import type { SyncJob } from '../../src/sync/job.ts'
import type { Ledger } from '../../src/sync/ledger.ts'
import { ModelLedger } from '../../src/sync/model-ledger.ts'
import type { ModelRow, ModelSync } from '../../src/sync/model-rows.ts'
import { type ModelWarehouse, modelWarehouse } from '../../src/sync/model-warehouse.ts'
import { Pace } from '../../src/sync/pace.ts'
import { Dice } from './random.ts'
import { type Process, Scheduler } from './scheduler.ts'
import { Vendor } from './vendor.ts'
import { Withdrawals } from './withdrawals.ts'

/** Figures in ticks (seconds). */
export interface Setting {
  readonly lease: number
  readonly margin: number
  /** L: the longest that a request may still take effect after it was sent. */
  readonly settles: number
  /** The longest pause exactly between the last check of the lease and the write to the socket. */
  readonly gap: number
  readonly keys: number
  /**
   * Must nothing be sent while something older can still land? With gaps longer than the margin that cannot be had:
   * then only the end counts.
   */
  readonly strict: boolean
}

export const SETTING: Setting = { lease: 40, margin: 8, settles: 15, gap: 8, keys: 12, strict: true }

/** A place where ledgers keep their tables, and what the simulation must be able to do with it. */
export interface Place {
  ledger(process: Process): Ledger
  /** Called whenever the rows of the audience changed. */
  changed(rows: readonly ModelRow[]): Promise<void>
  /** May `fields` of the sync that it was opened with change while no run is at work? */
  readonly remaps?: boolean
  /** What the source of consents says, where people can be asked while a plan is sent. */
  readonly feed?: ModelWarehouse['feed']
}

export interface Result {
  readonly violations: readonly string[]
  readonly sends: number
  readonly wasted: number
  readonly crashes: number
  readonly takeovers: number
}

export type OpenPlace = (sync: ModelSync, scheduler: Scheduler, rows: () => readonly ModelRow[]) => Promise<Place>

/** One seeded life of a sync: runs that crash, freeze and overlap, a vendor that fails, an audience that changes. */
export async function simulate(
  seed: number,
  options: { readonly setting?: Partial<Setting>; readonly open?: OpenPlace; readonly steps?: number } = {},
): Promise<Result> {
  const simulation = new Simulation(seed, { ...SETTING, ...options.setting })
  const open = options.open ?? modelPlace(simulation.setting)
  await simulation.open(open)
  const steps = options.steps ?? 250
  await simulation.storm(steps + simulation.dice.below(steps))
  await simulation.settle()
  return simulation.result()
}

class Simulation {
  readonly dice: Dice
  readonly setting: Setting
  readonly #scheduler: Scheduler
  readonly #vendor: Vendor
  /** Its fields change; the vendor looks at `v` alone, so that a rebased row is as right as one that was sent. */
  readonly #sync: { -readonly [K in keyof ModelSync]: ModelSync[K] }
  /** A chance of its own: edits of fields leave everything else of a seed as it is. */
  readonly #remaps: Dice
  readonly #values = new Map<string, string>()
  /** Keys that several profiles claim, and profiles that lost their key: neither may be sent, nor taken for gone. */
  readonly #doubled = new Set<string>()
  readonly #nameless = new Set<string>()
  /** People who may not be contacted: wherever they were sent, they must be taken out. */
  readonly #barred = new Set<string>()
  /** People who take their consents back at any moment; undefined where the sync asks nobody. */
  #withdrawals: Withdrawals | undefined
  /** The audience, until the world changes. */
  #audience: readonly ModelRow[] | undefined
  #place: Place | undefined
  #started = 0
  #crashes = 0
  #takeovers = 0
  #version = 0

  constructor(seed: number, setting: Setting) {
    this.dice = new Dice(seed)
    this.#remaps = new Dice(seed + 1_000_000_007)
    this.setting = setting
    this.#scheduler = new Scheduler(this.dice)
    const kind = this.dice.pick(['mirror', 'mirror', 'mirror', 'batches', 'whole', 'keep', 'async'])
    const { settles } = setting
    this.#vendor = new Vendor(this.dice, this.#scheduler, {
      settles,
      refusesBatches: kind === 'batches',
      isAsync: kind === 'async',
      strict: setting.strict,
    })
    this.#sync = {
      name: 'sim',
      mode: kind === 'keep' ? 'upsert' : 'mirror',
      removes: kind !== 'keep',
      whole: kind === 'whole',
      fields: [{ name: 'v', onNull: 'skip', write: 'always' }],
      matchFields: new Set(['v']),
      leave: 'remove',
      withdraws: true,
      // The seeds that failed once are none of these: they stay what they were.
      asks: seed % 5 === 0,
      withdraw: 'withdraw',
    }
    if (kind !== 'whole') for (const key of this.#keys()) if (this.dice.chance(0.08)) this.#vendor.poison.add(key)
    if (kind !== 'whole') for (const [key, value] of FOREIGN) this.#vendor.rows.set(key, value)
  }

  async open(open: OpenPlace): Promise<void> {
    for (let i = 0; i < 8; i++) this.#edit()
    this.#place = await open(this.#sync, this.#scheduler, () => (this.#audience ??= this.#rows()))
    if (this.#sync.asks && this.#place.feed) this.#withdrawals = new Withdrawals(this.#place.feed)
    await this.#changed()
  }

  /** Everything goes wrong. */
  async storm(steps: number): Promise<void> {
    const { dice } = this
    for (let step = 0; step < steps; step++) {
      this.#tick()
      this.#remap()
      this.#withdraw()
      if (dice.chance(0.15)) {
        this.#edit()
        await this.#changed()
      }
      if (this.#scheduler.processes.length < 3 && dice.chance(0.2)) await this.#start()
      const process = this.#scheduler.pick()
      if (!process) continue
      if (dice.chance(0.02)) {
        this.#crashes += 1
        this.#scheduler.kill(process)
      } else if (this.#scheduler.isBeforeSocket(process) ? dice.chance(0.05) : dice.chance(0.03)) {
        const longest = this.#scheduler.isBeforeSocket(process) ? this.setting.gap : 90
        process.wake = this.#scheduler.now + 1 + dice.below(longest)
      } else await this.#scheduler.move(process)
    }
  }

  /** Runs end, late requests land, and three runs follow in which nothing goes wrong. */
  async settle(): Promise<void> {
    await this.#drain()
    for (const what of ['isEmpty', 'isStale'] as const) this.#withdrawals?.feed(what, false)
    const isEmpty = [...this.#values.keys()].every((key) => this.#isBarred(key))
    if (isEmpty) this.#barred.clear()
    if (isEmpty) this.#withdrawals?.clear()
    if (this.#values.size === 0) this.#values.set('k0', `v${++this.#version}`)
    await this.#changed()
    for (let run = 1; run <= 3; run++) {
      this.#scheduler.now += this.setting.lease + this.setting.settles + 1
      this.#vendor.tick(this.#scheduler.now)
      this.#vendor.isClean = true
      const before = this.#vendor.sends
      await this.#start()
      await this.#drain()
      const sent = this.#vendor.sends - before
      if (run === 3 && sent > 0) this.#vendor.violations.push(`${sent} unchanged rows were sent again`)
    }
    this.#compare()
  }

  result(): Result {
    const { violations, sends, wasted } = this.#vendor
    return { violations, sends, wasted, crashes: this.#crashes, takeovers: this.#takeovers }
  }

  #compare(): void {
    const { rows, violations } = this.#vendor
    for (const [key, value] of this.#values) {
      if (this.#isBarred(key)) {
        if (rows.has(key)) violations.push(`${key} may not be contacted and is there`)
        continue
      }
      if (this.#doubled.has(key) || this.#nameless.has(key) || this.#vendor.refuses(key, value)) continue
      if (rows.get(key) !== value) violations.push(`${key} should be ${value} and is ${rows.get(key)}`)
    }
    const isForeign = new Map(FOREIGN)
    for (const key of rows.keys())
      if (this.#sync.removes && !isForeign.has(key) && !this.#values.has(key)) violations.push(`${key} is an orphan`)
    if (this.#sync.whole) return
    for (const [key, value] of FOREIGN) if (rows.get(key) !== value) violations.push('a foreign row was touched')
  }

  #keys(): readonly string[] {
    return Array.from({ length: this.setting.keys }, (_, index) => `k${index}`)
  }

  #edit(): void {
    const key = `k${this.dice.below(this.setting.keys)}`
    const draw = this.dice.next()
    if (draw < 0.6) this.#values.set(key, `v${++this.#version}`)
    else if (draw < 0.92) this.#values.delete(key)
    else flip(draw < 0.95 ? this.#doubled : draw < 0.97 ? this.#nameless : this.#barred, key)
  }

  async #changed(): Promise<void> {
    this.#audience = this.#rows()
    await this.#place?.changed(this.#audience)
  }

  /** Fields are added, removed and moved between runs. What an earlier run has left is merged under the new ones. */
  #remap(): void {
    if (!this.#place?.remaps || this.#scheduler.processes.length > 0 || !this.#remaps.chance(0.3)) return
    const v = { name: 'v', onNull: 'skip', write: 'always' } as const
    const w = { ...v, name: 'w', from: 'v' } as const
    this.#sync.fields = this.#remaps.pick([[v], [v, w], [w, v], [v, { ...w, onNull: 'clear' }]])
  }

  #isBarred(key: string): boolean {
    return this.#barred.has(key) || this.#withdrawals?.has(key) === true
  }

  #withdraw(): void {
    if (this.#withdrawals === undefined || !this.#remaps.chance(0.1)) return
    this.#audience = undefined
    if (this.#remaps.chance(0.9)) this.#withdrawals.flip(this.#remaps.pick(this.#keys()))
    else this.#withdrawals.feed(this.#remaps.pick(['isEmpty', 'isStale'] as const), this.#remaps.chance(0.3))
  }

  #rows(): readonly ModelRow[] {
    return [...this.#values].flatMap(([key, value]): ModelRow[] => {
      const values: Readonly<Record<string, Json>> = { v: value }
      const plain = { profileId: `p-${key}`, key: this.#nameless.has(key) ? undefined : { k: key }, values }
      const barred = this.#barred.has(key) ? 'suppressed' : this.#isBarred(key) ? 'consent' : undefined
      const row: ModelRow = barred ? { ...plain, barred } : plain
      return this.#doubled.has(key) ? [row, { ...plain, profileId: `q-${key}` }] : [row]
    })
  }

  async #start(): Promise<void> {
    const place = this.#place
    if (!place) return
    const name = `run-${++this.#started}`
    const offset = this.dice.below(1_000_000)
    this.#scheduler.start(name, async (process) => {
      const ledger = place.ledger(process)
      const job = this.#job(process, this.#withdrawals?.watched(name, ledger) ?? ledger, offset)
      try {
        const planned = await planSync(job)
        if (planned.kind === 'ready') this.#takeovers += 1
        await sendSync(planned)
      } catch (error) {
        this.#vendor.violations.push(`a run threw ${error instanceof Error ? error.stack : String(error)}`)
      }
    })
    await this.#scheduler.rest()
  }

  #job(process: Process, ledger: Ledger, offset: number): SyncJob {
    const { lease, margin, settles } = this.setting
    const clock = this.#scheduler.clock(process, offset)
    const limit = { rows: 2, bytes: 1_000_000, calls: 3, perMs: 2_000, inFlight: 2 }
    return {
      name: this.#sync.name,
      destination: 'vendor',
      onLeave: this.#sync.removes ? { verb: 'remove' } : undefined,
      onWithdraw: { verb: 'withdraw' },
      guard: { maxRemoved: 1 },
      onMappingChange: 'rebase',
      delivers: this.#sync.whole ? 'whole' : 'changes',
      connector: { limits: () => ({ upsert: limit, remove: limit }) },
      account: {},
      into: {},
      channel: this.#channel(process),
      ledger,
      consent: this.#withdrawals && { purpose: 'news', source: 'answers', maxAge: '2 days' },
      settlesWithin: settles * 1000,
      pace: new Pace(clock),
      world: { clock, random: this.dice.next },
      runId: process.name,
      holder: process.name,
      isDead: () => false,
      timing: { lease: lease * 1000, margin: margin * 1000, windowRows: 2, windowMs: 2_000, wait: 5_000 },
    }
  }

  /** The vendor, which complains of people who had withdrawn before their window began. */
  #channel(process: Process): Channel<unknown> {
    const channel = this.#vendor.channel(process)
    const withdrawals = this.#withdrawals
    if (withdrawals === undefined) return channel
    const watch = (batch: Parameters<Withdrawals['violation']>[1]) => {
      const violation = withdrawals.violation(process.name, batch)
      if (violation !== undefined) this.#vendor.violations.push(violation)
    }
    const { replace } = channel
    return {
      ...channel,
      send: (batch, into, slot) => {
        watch(batch)
        return channel.send(batch, into, slot)
      },
      ...(replace && {
        replace: (rows, into) =>
          replace(
            watching(rows, (key) => watch([{ op: 'create', seq: 1, key }])),
            into,
          ),
      }),
    }
  }

  #tick(): void {
    this.#scheduler.now += 1
    this.#vendor.tick(this.#scheduler.now)
  }

  async #drain(): Promise<void> {
    for (let guard = 0; guard < 20_000; guard++) {
      const process = this.#scheduler.pick()
      if (process) {
        this.#tick()
        await this.#scheduler.move(process)
      } else if (this.#scheduler.processes.length > 0) {
        this.#scheduler.now = this.#scheduler.soonest()
        this.#vendor.tick(this.#scheduler.now)
      } else if (!this.#vendor.isQuiet) this.#tick()
      else return
    }
    this.#vendor.violations.push('did not come to an end')
  }
}

async function* watching(rows: AsyncIterable<WholeRow>, watch: (key: WholeRow['key']) => void) {
  for await (const row of rows) {
    watch(row.key)
    yield row
  }
}

type WholeRow = Parameters<NonNullable<Channel<unknown>['replace']>>[0] extends AsyncIterable<infer R> ? R : never

const FOREIGN: readonly (readonly [string, string])[] = [
  ['f1', 'x'],
  ['f2', 'y'],
]

function flip(set: Set<string>, key: string): void {
  if (!set.delete(key)) set.add(key)
}

/** Ledgers over the model. `change` may put something between the engine and its ledger: see mutants.ts. */
export function modelPlace(
  setting: Setting,
  change: (ledger: Ledger, warehouse: ModelWarehouse) => Ledger = (ledger) => ledger,
): OpenPlace {
  return async (sync, scheduler, rows) => {
    const warehouse = modelWarehouse(() => scheduler.now * 1000, rows)
    const timing = { lease: setting.lease * 1000, settlesWithin: setting.settles * 1000 }
    const ledger = change(new ModelLedger(warehouse, sync, timing, 5), warehouse)
    const changed = async () => undefined
    const { feed } = warehouse
    return { ledger: (process) => stepped(ledger, scheduler, process), changed, remaps: true, feed }
  }
}

/**
 * Every statement is a step of its process: others may come before it, and the process may never see its answer.
 * `before` is called when the step takes effect.
 */
export function stepped(ledger: Ledger, scheduler: Scheduler, process: Process, before?: () => Promise<void>): Ledger {
  const step = <T>(act: () => Promise<T>) => scheduler.step(process, 'ledger', before ? () => before().then(act) : act)
  async function* pages<T>(open: () => AsyncIterable<T>): AsyncGenerator<T> {
    const iterator = open()[Symbol.asyncIterator]()
    for (;;) {
      const next = await step(() => iterator.next())
      if (next.done) return
      yield next.value
    }
  }
  return {
    prepare: () => step(() => ledger.prepare()),
    claim: (claim) => step(() => ledger.claim(claim)),
    renew: (lease) => step(() => ledger.renew(lease)),
    recover: (lease) => step(() => ledger.recover(lease)),
    standing: () => step(() => ledger.standing()),
    acknowledge: () => step(() => ledger.acknowledge()),
    survey: (lease, keys) => step(() => ledger.survey(lease, keys)),
    plan: (lease, max, how) => step(() => ledger.plan(lease, max, how)),
    changes: (lease) => pages(() => ledger.changes(lease)),
    desired: (lease) => pages(() => ledger.desired(lease)),
    hasFreshSuppressions: () => step(() => ledger.hasFreshSuppressions()),
    revoked: (lease, lo, hi) => step(() => ledger.revoked(lease, lo, hi)),
    consents: (lease, lo, hi) => step(() => ledger.consents(lease, lo, hi)),
    allConsents: (lease) => step(() => ledger.allConsents(lease)),
    flush: (lease, flush) => step(() => ledger.flush(lease, flush)),
    confess: (lease, rows) => step(() => ledger.confess(lease, rows)),
    merge: (lease) => step(() => ledger.merge(lease)),
    submitted: (lease) => step(() => ledger.submitted(lease)),
    settle: (lease, rows) => step(() => ledger.settle(lease, rows)),
    retry: (lease, compliance) => step(() => ledger.retry(lease, compliance)),
    finish: (lease, event) => step(() => ledger.finish(lease, event)),
    surrender: (lease, event) => step(() => ledger.surrender(lease, event)),
    discard: () => step(() => ledger.discard()),
    keep: () => step(() => ledger.keep()),
    stands: (kept) => step(() => ledger.stands(kept)),
    adopt: (lease, kept) => step(() => ledger.adopt(lease, kept)),
  }
}
