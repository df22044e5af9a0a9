import type {
  Ack,
  Claim,
  Claimed,
  Confession,
  DesiredRow,
  Flush,
  Lease,
  LeaseTiming,
  Ledger,
  PlanCounts,
  PlannedChange,
  RunEvent,
  Settled,
  Submitted,
} from './ledger.ts'
import { confessed, type Happened, landed, mayLand, outcomes } from './model-merge.ts'
import { countRows, planRows } from './model-plan.ts'
import {
  type ModelAck,
  type ModelPlanRow,
  type ModelRow,
  type ModelSnapshot,
  type ModelSync,
  payloadText,
} from './model-rows.ts'

/** What a warehouse would hold for one sync. Shared by all processes of a simulation. */
export interface ModelWarehouse {
  /** The warehouse's clock, milliseconds. */
  readonly now: () => number
  /** The audience at this moment. */
  readonly rows: () => readonly ModelRow[]
  lease: {
    fence: number
    holder: string | null
    until: number
    sendsEnd: number
    settledFence: number
  }
  readonly snapshot: Map<string, ModelSnapshot>
  readonly acks: ModelAck[]
  readonly plans: Map<number, readonly ModelPlanRow[]>
  /** The audience of each plan: builds never change. */
  readonly builds: Map<number, readonly ModelRow[]>
  readonly events: { readonly runId: string; readonly fence: number; readonly event: string; readonly at: number }[]
}

export function modelWarehouse(now: () => number, rows: () => readonly ModelRow[]): ModelWarehouse {
  return {
    now,
    rows,
    lease: { fence: 0, holder: null, until: 0, sendsEnd: 0, settledFence: 0 },
    snapshot: new Map(),
    acks: [],
    plans: new Map(),
    builds: new Map(),
    events: [],
  }
}

/** The ledger in plain TypeScript. Every method takes effect at once when it is called. */
export class ModelLedger implements Ledger {
  readonly #warehouse: ModelWarehouse
  readonly #sync: ModelSync
  readonly #timing: LeaseTiming
  readonly #page: number

  constructor(warehouse: ModelWarehouse, sync: ModelSync, timing: LeaseTiming, page = 1_000) {
    this.#warehouse = warehouse
    this.#sync = sync
    this.#timing = timing
    this.#page = page
  }

  async prepare(): Promise<void> {}

  async claim({ runId, holder, dead }: Claim): Promise<Claimed> {
    const { lease, events, now } = this.#warehouse
    const isDead = lease.holder !== null && lease.holder === dead
    if (lease.holder !== null && !isDead && lease.until >= now())
      return { kind: 'taken', holder: lease.holder, until: String(lease.until) }
    lease.sendsEnd = lease.holder === null || isDead ? now() : lease.until
    lease.fence += 1
    lease.holder = holder
    lease.until = now() + this.#timing.lease
    events.push({ runId, fence: lease.fence, event: 'claimed', at: now() })
    return { kind: 'held', lease: { runId, holder, fence: lease.fence } }
  }

  async renew(lease: Lease): Promise<boolean> {
    if (!this.#isMine(lease)) return false
    this.#warehouse.lease.until = this.#warehouse.now() + this.#timing.lease
    return true
  }

  async recover(lease: Lease): Promise<number> {
    const { plans } = this.#warehouse
    let recovered = 0
    for (let fence = this.#warehouse.lease.settledFence + 1; fence < lease.fence; fence++) {
      if (!plans.has(fence)) continue
      this.#land(fence, lease.runId)
      plans.delete(fence)
      recovered += 1
    }
    return recovered + this.#confessions(lease)
  }

  async plan(lease: Lease | undefined, maxChanges: number | undefined): Promise<PlanCounts> {
    const { snapshot, plans, rows } = this.#warehouse
    const now = this.#warehouse.now()
    const plan =
      lease === undefined || this.#isMine(lease) ? planRows(this.#sync, rows(), snapshot, { now, maxChanges }) : []
    plans.set(lease?.fence ?? 0, plan)
    this.#warehouse.builds.set(lease?.fence ?? 0, rows())
    return countRows(plan, rows(), snapshot, now)
  }

  async *changes(lease: Lease): AsyncGenerator<readonly PlannedChange[]> {
    const plan = this.#warehouse.plans.get(lease.fence) ?? []
    const changes = plan.flatMap((row) =>
      row.op !== undefined && row.op === row.verdict ? [planned(row, row.op)] : [],
    )
    for (let from = 0; from < changes.length; from += this.#page) yield changes.slice(from, from + this.#page)
  }

  async *desired(lease: Lease): AsyncGenerator<readonly DesiredRow[]> {
    const payloads = new Map<string, string[]>()
    for (const row of this.#warehouse.builds.get(lease.fence) ?? []) {
      if (row.excluded || row.key === undefined) continue
      const keyJson = JSON.stringify(row.key)
      payloads.set(keyJson, [...(payloads.get(keyJson) ?? []), payloadText(this.#sync.fields, row.values)])
    }
    const single = [...payloads].flatMap(([keyJson, [payload = '', ...more]]) =>
      more.length === 0 ? [{ keyJson, payload }] : [],
    )
    yield single.sort((a, b) => (a.keyJson < b.keyJson ? -1 : 1))
  }

  async flush(lease: Lease, { acks, intent }: Flush): Promise<boolean> {
    if (!this.#isMine(lease)) return false
    for (const ack of acks) this.#warehouse.acks.push(this.#ackRow(lease, ack))
    const kind = intent === undefined ? 'end' : 'intent'
    this.#warehouse.acks.push({ ...this.#blankAck(lease), kind, seq_hi: intent ?? null })
    return this.renew(lease)
  }

  async confess(lease: Lease, rows: readonly Confession[]): Promise<void> {
    const until = this.#warehouse.now() + inSeconds(this.#timing.settlesWithin)
    for (const row of rows)
      this.#warehouse.acks.push({
        ...this.#blankAck(lease),
        kind: 'late',
        key_json: row.keyJson,
        profile_id: row.profileId,
        ident: row.ident,
        hold_until: until,
      })
  }

  async merge(lease: Lease): Promise<boolean> {
    if (!this.#warehouse.plans.has(lease.fence)) return false
    this.#land(lease.fence, lease.runId)
    this.#warehouse.plans.delete(lease.fence)
    return true
  }

  async submitted(): Promise<readonly Submitted[]> {
    const waiting = [...this.#warehouse.snapshot.values()].filter((row) => row.state === 'submitted')
    return waiting.map((row) => ({ keyHash: row.key_hash, keyJson: row.key_json, job: row.job_id ?? '' }))
  }

  async settle(lease: Lease, rows: readonly Settled[]): Promise<void> {
    if (!this.#isMine(lease)) return
    const { snapshot } = this.#warehouse
    const now = this.#warehouse.now()
    for (const row of rows) {
      const known = snapshot.get(row.keyHash)
      if (known?.state !== 'submitted' || known.job_id !== row.job) continue
      const at = { fence: known.last_fence, runId: lease.runId, now }
      const before = { ...known, state: known.prior_state ?? 'absent' }
      snapshot.set(row.keyHash, landed(before, settled(known, row, now), at))
    }
  }

  async finish(lease: Lease, event: RunEvent): Promise<void> {
    this.#warehouse.plans.delete(lease.fence)
    if (this.#isMine(lease)) this.#warehouse.lease.settledFence = lease.fence
    await this.surrender(lease, event)
  }

  async surrender(lease: Lease, { event }: RunEvent): Promise<void> {
    const { events, now } = this.#warehouse
    events.push({ runId: lease.runId, fence: lease.fence, event, at: now() })
    if (this.#isMine(lease)) this.#warehouse.lease.holder = null
  }

  async discard(): Promise<void> {
    this.#warehouse.plans.delete(0)
  }

  #isMine(lease: Lease): boolean {
    return this.#warehouse.lease.fence === lease.fence
  }

  /** Merges plan and acks of a fence: repeating it changes nothing. */
  #land(fence: number, runId: string): void {
    const { plans, acks, snapshot, lease } = this.#warehouse
    const at = { fence, runId, now: this.#warehouse.now() }
    const mine = acks.filter((ack) => ack.fence === fence)
    const lostHold = lease.sendsEnd + inSeconds(this.#timing.settlesWithin)
    for (const news of outcomes(plans.get(fence) ?? [], mine, lostHold)) {
      const known = snapshot.get(news.keyHash)
      if (mayLand(known, news, fence)) snapshot.set(news.keyHash, landed(known, news, at))
    }
  }

  #confessions(lease: Lease): number {
    const { acks, snapshot } = this.#warehouse
    const applied = new Set(acks.filter((ack) => ack.kind === 'applied').map((ack) => ack.run_id))
    const late = acks.filter((ack) => ack.kind === 'late' && !applied.has(ack.run_id))
    const runs = [...new Set(late.map((ack) => ack.run_id))].sort()
    for (const run of runs) {
      for (const ack of late.filter((one) => one.run_id === run)) {
        const row = confessed(this.#byKey(ack.key_json), ack, lease.fence)
        snapshot.set(row.key_hash, row)
      }
      acks.push({ ...this.#blankAck(lease), run_id: run, kind: 'applied' })
    }
    return runs.length
  }

  #byKey(keyJson: string | null): ModelSnapshot | undefined {
    return [...this.#warehouse.snapshot.values()].find((row) => row.key_json === keyJson)
  }

  #ackRow(lease: Lease, ack: Ack): ModelAck {
    return {
      ...this.#blankAck(lease),
      seq_lo: ack.lo,
      seq_hi: ack.hi,
      outcome: ack.outcome,
      code: ack.code ?? null,
      message: ack.message ?? null,
      dest_id: ack.destinationId ?? null,
      job_id: ack.job ?? null,
      hold_until: ack.hold === undefined ? null : this.#warehouse.now() + inSeconds(ack.hold),
    }
  }

  #blankAck(lease: Lease): ModelAck {
    return {
      run_id: lease.runId,
      fence: lease.fence,
      kind: 'ack',
      seq_lo: null,
      seq_hi: null,
      outcome: null,
      code: null,
      message: null,
      dest_id: null,
      job_id: null,
      hold_until: null,
      key_json: null,
      profile_id: null,
      ident: null,
      acked_at: this.#warehouse.now(),
    }
  }
}

function planned(row: ModelPlanRow, op: PlannedChange['op']): PlannedChange {
  return {
    seq: row.seq,
    op,
    keyJson: row.keyJson,
    profileId: row.profileId ?? '',
    payload: row.payload,
    ident: row.ident,
    before: row.before,
    destinationId: row.destinationId,
    idempotencyKey: row.idempotencyKey,
  }
}

function settled(known: ModelSnapshot, row: Settled, now: number): Happened {
  return {
    keyHash: known.key_hash,
    keyJson: known.key_json,
    profileId: known.profile_id,
    op: known.pending_op === 'create' || known.pending_op === 'update' ? known.pending_op : 'remove',
    outcome: row.outcome,
    fp: known.pending_fp,
    tried: known.pending_tried,
    rev: known.pending_rev ?? 0,
    ident: known.pending_ident,
    code: row.code ?? null,
    message: row.message ?? null,
    destinationId: row.destinationId ?? null,
    job: null,
    // An ambiguous attempt before the accepted one keeps its hold.
    holdUntil: row.hold === undefined ? known.hold_until : Math.max(known.hold_until ?? 0, now + inSeconds(row.hold)),
  }
}

/** The ledger keeps whole seconds, rounded up. */
function inSeconds(ms: number): number {
  return Math.ceil(ms / 1000) * 1000
}
