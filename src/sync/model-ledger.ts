import type {
  Ack,
  AllConsentsNow,
  Claim,
  Claimed,
  Confession,
  ConsentCounts,
  ConsentsNow,
  DesiredRow,
  Flush,
  Kept,
  Lease,
  LeaseTiming,
  Ledger,
  PlanCounts,
  PlannedChange,
  Planning,
  RunEvent,
  Settled,
  Submitted,
} from './ledger.ts'
import type { Standing } from './mapping.ts'
import { inSeconds, mappingOf, planned, settled } from './model-ledger-rows.ts'
import { confessed, landed, mayLand, outcomes } from './model-merge.ts'
import { countRows, planRows } from './model-plan.ts'
import { type ModelAck, type ModelPlanRow, type ModelSnapshot, type ModelSync, payloadText } from './model-rows.ts'
import { type ModelWarehouse, TARGET } from './model-warehouse.ts'

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

  async claim({ runId, holder, dead, from }: Claim): Promise<Claimed> {
    const { lease, events, now } = this.#warehouse
    const isDead = lease.holder !== null && lease.holder === dead
    const isGiven = lease.holder !== null && lease.holder === from
    if (lease.holder !== null && !isDead && !isGiven && lease.until >= now())
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

  async standing(): Promise<Standing> {
    const { target, noted } = this.#warehouse
    return {
      otherTarget: target === TARGET ? undefined : target,
      present: mappingOf(this.#sync.fields),
      noted: noted && { ...mappingOf(noted), lost: [] },
    }
  }

  async acknowledge(): Promise<void> {
    this.#warehouse.target = TARGET
  }

  async survey(lease: Lease | undefined, keys: AsyncIterable<readonly string[]>): Promise<void> {
    const found: string[] = []
    for await (const page of keys) found.push(...page)
    this.#warehouse.found.set(lease?.fence ?? 0, found)
  }

  async plan(
    lease: Lease | undefined,
    maxChanges: number | undefined,
    { rebase = false, holdRemovals = false }: Planning = {},
  ): Promise<PlanCounts> {
    const { snapshot, plans, noted } = this.#warehouse
    const rows = this.#warehouse.rows()
    const now = this.#warehouse.now()
    const found = this.#warehouse.found.get(lease?.fence ?? 0)
    const at = { now, maxChanges, holdRemovals, before: rebase ? (noted ?? []) : undefined, found }
    const plan = lease === undefined || this.#isMine(lease) ? planRows(this.#sync, rows, snapshot, at) : []
    plans.set(lease?.fence ?? 0, plan)
    this.#warehouse.builds.set(lease?.fence ?? 0, rows)
    return countRows(this.#sync, plan, rows, snapshot, { now, before: this.#before() })
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
    const barred = new Set<string>()
    for (const row of this.#warehouse.builds.get(lease.fence) ?? []) {
      if (row.excluded || row.key === undefined) continue
      const keyJson = JSON.stringify(row.key)
      if (row.barred) barred.add(keyJson)
      payloads.set(keyJson, [...(payloads.get(keyJson) ?? []), payloadText(this.#sync.fields, row.values)])
    }
    const single = [...payloads].flatMap(([keyJson, [payload = '', ...more]]) =>
      more.length === 0 && !barred.has(keyJson) ? [{ keyJson, payload }] : [],
    )
    yield single.sort((a, b) => (a.keyJson < b.keyJson ? -1 : 1))
  }

  async hasFreshSuppressions(): Promise<boolean> {
    return this.#warehouse.suppressed.size > 0
  }

  async revoked(lease: Lease, lo: number, hi: number): Promise<ReadonlySet<number>> {
    const gone = this.#reached(lease, lo, hi).filter(({ profileId }) => this.#warehouse.suppressed.has(profileId ?? ''))
    return new Set(gone.map(({ seq }) => seq))
  }

  async consents(lease: Lease, lo: number, hi: number): Promise<ConsentsNow | undefined> {
    const { plans, feed } = this.#warehouse
    if (!plans.has(lease.fence)) return undefined
    const reached = this.#reached(lease, lo, hi).filter(({ profileId }) => this.#refuses(profileId ?? ''))
    return { isEmpty: feed.isEmpty, isStale: feed.isStale, refused: new Set(reached.map(({ seq }) => seq)) }
  }

  async allConsents(lease: Lease): Promise<AllConsentsNow | undefined> {
    const { builds, feed } = this.#warehouse
    const rows = builds.get(lease.fence) ?? []
    const wanted = rows.filter((row) => !row.excluded && row.barred === undefined && row.key !== undefined)
    const refused = wanted.filter(({ profileId }) => this.#refuses(profileId ?? '')).length
    return { isEmpty: feed.isEmpty, isStale: feed.isStale, refused }
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
        profile_id: row.profileId || null,
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
    if (this.#isMine(lease)) {
      this.#warehouse.lease.settledFence = lease.fence
      const wasSent = event.event !== 'blocked' && event.event !== 'abandoned'
      if (wasSent) this.#warehouse.noted = this.#sync.fields.filter(({ write }) => write !== 'on_create')
    }
    await this.surrender(lease, event)
  }

  async surrender(lease: Lease, { event, counts, detail }: RunEvent): Promise<void> {
    const { events, now } = this.#warehouse
    events.push({ runId: lease.runId, fence: lease.fence, event, at: now(), detail, counts })
    if (this.#isMine(lease)) this.#warehouse.lease.holder = null
  }

  async keep(): Promise<Kept> {
    const plan = this.#warehouse.plans.get(0) ?? []
    this.#warehouse.kept = { plan, rows: this.#warehouse.builds.get(0) ?? [] }
    return { fence: this.#warehouse.lease.fence, digest: JSON.stringify(plan) }
  }

  async stands(asked: Kept): Promise<'ready' | 'sent' | 'gone'> {
    const { kept, plans, lease, acks } = this.#warehouse
    const isOpen = [...plans.keys()].some((fence) => fence > lease.settledFence && fence <= lease.fence)
    const applied = new Set(acks.filter((ack) => ack.kind === 'applied').map((ack) => ack.run_id))
    const isLate = acks.some((ack) => ack.kind === 'late' && !applied.has(ack.run_id))
    if (lease.fence !== asked.fence || isOpen || isLate) return 'sent'
    return kept !== undefined && JSON.stringify(kept.plan) === asked.digest ? 'ready' : 'gone'
  }

  async adopt(lease: Lease, { digest }: Kept): Promise<PlanCounts | undefined> {
    const { kept, plans, builds, snapshot } = this.#warehouse
    if (kept === undefined || JSON.stringify(kept.plan) !== digest) return undefined
    plans.set(lease.fence, this.#isMine(lease) ? kept.plan : [])
    builds.set(lease.fence, kept.rows)
    const at = { now: this.#warehouse.now(), before: this.#before() }
    return countRows(this.#sync, kept.plan, kept.rows, snapshot, at)
  }

  async discard(): Promise<void> {
    this.#warehouse.plans.delete(0)
  }

  /** The creations and updates among the seqs `lo` to `hi`. */
  #reached(lease: Lease, lo: number, hi: number): readonly ModelPlanRow[] {
    const plan = this.#warehouse.plans.get(lease.fence) ?? []
    const isSent = ({ verdict }: ModelPlanRow) => verdict === 'create' || verdict === 'update'
    return plan.filter((row) => row.seq >= lo && row.seq <= hi && isSent(row))
  }

  #refuses(profileId: string): boolean {
    const { isEmpty, refused } = this.#warehouse.feed
    return isEmpty || refused.has(profileId)
  }

  #isMine(lease: Lease): boolean {
    return this.#warehouse.lease.fence === lease.fence
  }

  /** What the last run that was not blocked told of consents. */
  #before(): ConsentCounts['before'] {
    const told = this.#warehouse.events.flatMap(({ event, fence, at, counts: { asked, agreed } = {} }) =>
      event === 'blocked' || asked === undefined || agreed === undefined ? [] : [{ fence, at, asked, agreed }],
    )
    const [last] = told.sort((a, b) => b.fence - a.fence || b.at - a.at || b.asked - a.asked || b.agreed - a.agreed)
    return last && { asked: last.asked, agreed: last.agreed }
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

  async retry(lease: Lease, compliance: boolean): Promise<number> {
    if (!this.#isMine(lease)) return 0
    const { snapshot } = this.#warehouse
    const due = [...snapshot].filter(
      ([, row]) => row.tried_fp !== null && (compliance || row.err_class !== 'compliance'),
    )
    for (const [key, row] of due) snapshot.set(key, { ...row, tried_fp: null, fail_count: 0, next_retry_at: null })
    return due.length
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
