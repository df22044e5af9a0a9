import { createHash } from 'node:crypto'
import { ACK_BLOCK, ledgerTables, STATE_VERSION } from '../compile/ledger-tables.ts'
import type { Ms } from '../connectors/connector.ts'
import { failure } from '../error.ts'
import type { Bound, Statement, Table, Tokens, Values } from '../sql/sql.ts'
import type { Cell, Page, Row, Session } from '../warehouses/warehouse.ts'
import {
  type Ack,
  type Claim,
  type Claimed,
  type Confession,
  type DesiredRow,
  type Flush,
  LEASE,
  type Lease,
  type Ledger,
  type Op,
  type PlanCounts,
  type PlannedChange,
  type RunEvent,
  type Settled,
  type Submitted,
} from './ledger.ts'
import { type LedgerOf, type LedgerStatements, statementsOf } from './statements.ts'

export interface SqlLedgerOptions extends LedgerOf {
  readonly session: Session
  /** The build whose tables are read. */
  readonly build: number
  /** L: how long a sent request may still take effect. */
  readonly settlesWithin: Ms
  readonly lease?: Ms
  /** Rows of a plan that are read at once. */
  readonly page?: number
}

/** The ledger in the warehouse. */
export function openLedger(options: SqlLedgerOptions): Ledger {
  return new SqlLedger(options)
}

class SqlLedger implements Ledger {
  readonly #session: Session
  readonly #statements: LedgerStatements
  readonly #tables: ReturnType<typeof ledgerTables>
  readonly #build: number
  readonly #page: number
  /** Values that every statement may use. */
  readonly #always: Values

  constructor(options: SqlLedgerOptions) {
    this.#session = options.session
    this.#statements = statementsOf(options)
    this.#tables = ledgerTables(options.schema, options.sync.name)
    this.#build = options.build
    this.#page = options.page ?? 5_000
    this.#always = {
      sync: options.sync.name,
      lease: seconds(options.lease ?? LEASE),
      settles: seconds(options.settlesWithin),
    }
  }

  async prepare(): Promise<void> {
    await this.#session.script(this.#statements.create.map((statement) => ({ statement })))
    const version = number((await this.#session.first({ statement: this.#statements.version }))?.state_version)
    if (version > STATE_VERSION)
      throw failure(
        'project',
        'warehouse/newer-state',
        `The state in "${this.#tables.schema}" has version ${version}; this release knows ${STATE_VERSION}.`,
        'Install the newer release.',
      )
  }

  async claim({ runId, holder, dead }: Claim): Promise<Claimed> {
    const { claim, claimed } = this.#statements
    const values = { run: runId, holder, dead: dead ?? null }
    const [updated] = await this.#session.script([this.#bound(claim, values), this.#bound(claimed, values)])
    const row = await this.#read()
    const isMine = updated?.rows === 1 && row.holder === holder && row.active_run_id === runId
    if (isMine) return { kind: 'held', lease: { runId, holder, fence: number(row.fence) } }
    return { kind: 'taken', holder: row.holder ?? '', until: row.lease_until ?? '' }
  }

  async renew(lease: Lease): Promise<boolean> {
    const [renewed] = await this.#run(lease, [this.#statements.renew])
    return renewed?.rows === 1
  }

  async recover(lease: Lease): Promise<number> {
    const { merge, dropPlan, dropWhole } = this.#statements
    const from = number((await this.#read()).settled_fence) + 1
    let recovered = 0
    for (let fence = from; fence < lease.fence; fence++) {
      if ((await this.#session.columns(this.#tables.plan, { f: fence })) === undefined) continue
      await this.#run({ ...lease, fence }, [merge, dropPlan, dropWhole])
      recovered += 1
    }
    return recovered + (await this.#confessions(lease))
  }

  async plan(lease: Lease | undefined, maxChanges: number | undefined): Promise<PlanCounts> {
    const { plan, counts } = this.#statements
    const fence = lease?.fence ?? 0
    await this.#session.script([this.#bound(plan, { fence, max_changes: maxChanges ?? null }, fence)])
    const row = await this.#session.first(this.#bound(counts, {}, fence))
    return planCounts(row ?? {})
  }

  async *changes(lease: Lease): AsyncGenerator<readonly PlannedChange[]> {
    for await (const page of this.#table(this.#tables.plan, CHANGE_COLUMNS, lease)) {
      const rows = changesOf(page)
      if (rows.length > 0) yield rows
      // What is kept back stands after what is to be sent.
      if (rows.length < page.rows) return
    }
  }

  async *desired(lease: Lease): AsyncGenerator<readonly DesiredRow[]> {
    await this.#run(lease, [this.#statements.whole])
    for await (const page of this.#table(this.#tables.whole, ['key_json', 'payload'], lease)) {
      const [keys = [], payloads = []] = page.columns
      yield keys.map((keyJson, index) => ({ keyJson: keyJson ?? '', payload: payloads[index] ?? '{}' }))
    }
  }

  async flush(lease: Lease, { acks, intent }: Flush): Promise<boolean> {
    const { flush, renew } = this.#statements
    const last = intent === undefined ? { kind: 'end' } : { kind: 'intent', seq_hi: intent }
    const rows = JSON.stringify([...acks.map(ackRow), last])
    const values = { ...this.#of(lease), rows }
    const [written] = await this.#session.script([this.#bound(flush, values), this.#bound(renew, values)])
    return (written?.rows ?? 0) > 0
  }

  async confess(lease: Lease, rows: readonly Confession[]): Promise<void> {
    const values = { ...this.#of(lease), rows: JSON.stringify(rows.map(confessionRow)) }
    await this.#session.script([this.#bound(this.#statements.confess, values)])
  }

  async merge(lease: Lease): Promise<boolean> {
    const { merge, dropPlan, dropWhole } = this.#statements
    // Whoever took over has merged the plan and dropped it.
    if ((await this.#session.columns(this.#tables.plan, { f: lease.fence })) === undefined) return false
    await this.#run(lease, [merge, dropPlan, dropWhole])
    return true
  }

  async submitted(lease: Lease): Promise<readonly Submitted[]> {
    const { waiting, dropWaiting } = this.#statements
    await this.#run(lease, [waiting])
    const rows: Submitted[] = []
    const tokens = { f: lease.fence }
    const columns = ['key_hash', 'key_json', 'job_id']
    for await (const page of this.#session.read(this.#tables.waiting, columns, this.#page, 'key_hash', tokens)) {
      const [hashes = [], keys = [], jobs = []] = page.columns
      hashes.forEach((keyHash, index) => {
        rows.push({ keyHash: keyHash ?? '', keyJson: keys[index] ?? '', job: jobs[index] ?? '' })
      })
    }
    await this.#run(lease, [dropWaiting])
    return rows
  }

  async settle(lease: Lease, rows: readonly Settled[]): Promise<void> {
    const values = { ...this.#of(lease), rows: JSON.stringify(rows.map(settledRow)) }
    await this.#session.script([this.#bound(this.#statements.settle, values, lease.fence)])
  }

  async finish(lease: Lease, event: RunEvent): Promise<void> {
    const { dropPlan, dropWhole, releaseMerged, forgetTombs, forgetAcks } = this.#statements
    await this.#end(lease, event, [dropPlan, dropWhole, releaseMerged, forgetTombs, forgetAcks])
  }

  async surrender(lease: Lease, event: RunEvent): Promise<void> {
    await this.#end(lease, event, [this.#statements.release])
  }

  async discard(): Promise<void> {
    await this.#session.script([this.#bound(this.#statements.dropPlan, {}, 0)])
  }

  async #confessions(lease: Lease): Promise<number> {
    const { late, confessed, applied } = this.#statements
    for (let applications = 0; ; applications++) {
      const run = (await this.#session.first({ statement: late }))?.run_id ?? undefined
      if (run === undefined) return applications
      const values = { fence: lease.fence, late: run }
      await this.#session.script([this.#bound(confessed, values), this.#bound(applied, values)])
    }
  }

  async #end(lease: Lease, { event, counts, detail }: RunEvent, statements: readonly Statement[]): Promise<void> {
    const values = { ...this.#of(lease), event, counts: JSON.stringify(counts), detail: detail ?? null }
    const all = [...statements, this.#statements.event]
    await this.#session.script(all.map((statement) => this.#bound(statement, values, lease.fence)))
  }

  async #read(): Promise<Row> {
    return (await this.#session.first(this.#bound(this.#statements.read, {}))) ?? {}
  }

  #run(lease: Lease, statements: readonly Statement[]) {
    const values = this.#of(lease)
    return this.#session.script(statements.map((statement) => this.#bound(statement, values, lease.fence)))
  }

  #of(lease: Lease): Values {
    return { run: lease.runId, fence: lease.fence }
  }

  #bound(statement: Statement, values: Values, fence?: number): Bound {
    const tokens: Tokens = { b: this.#build, ...(fence !== undefined && { f: fence }) }
    return { statement, tokens, values: only(statement, { ...this.#always, ...values }) }
  }

  #table(table: Table, columns: readonly string[], lease: Lease): AsyncIterable<Page> {
    return this.#session.read(table, columns, this.#page, 'seq', { f: lease.fence })
  }
}

/** The values that a statement names: warehouses refuse parameters that they were not asked for. */
function only(statement: Statement, values: Values): Values {
  const names = new Set(statement.sql.parts.flatMap((part) => (part.kind === 'parameter' ? [part.name] : [])))
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.has(name)))
}

const CHANGE_COLUMNS = [
  'seq',
  'verdict',
  'key_json',
  'profile_id',
  'payload',
  'ident',
  'old_ident',
  'dest_id',
  'idempotency_key',
] as const

function changesOf({ rows, columns }: Page): readonly PlannedChange[] {
  const cell = (name: (typeof CHANGE_COLUMNS)[number], row: number): Cell =>
    columns[CHANGE_COLUMNS.indexOf(name)]?.[row] ?? null
  const changes: PlannedChange[] = []
  for (let row = 0; row < rows; row++) {
    const op = cell('verdict', row)
    if (!isOp(op)) break
    changes.push({
      seq: Number(cell('seq', row)),
      op,
      keyJson: cell('key_json', row) ?? '',
      profileId: cell('profile_id', row) ?? '',
      payload: cell('payload', row) ?? '{}',
      ident: cell('ident', row),
      before: cell('old_ident', row),
      destinationId: cell('dest_id', row),
      idempotencyKey: cell('idempotency_key', row) ?? '',
    })
  }
  return changes
}

function isOp(verdict: Cell): verdict is Op {
  return verdict === 'create' || verdict === 'update' || verdict === 'remove'
}

function planCounts(row: Row): PlanCounts {
  const invalid = number(row.nameless) + number(row.copies)
  return {
    creates: number(row.creates),
    updates: number(row.updates),
    removes: number(row.removes),
    owed: {
      creates: number(row.owed_creates),
      updates: number(row.owed_updates),
      removes: number(row.owed_removes),
    },
    marks: number(row.marks),
    unchanged: number(row.audience) - invalid - number(row.busy),
    invalid,
    excluded: number(row.excluded),
    held: number(row.held),
    waiting: number(row.waiting),
    pending: number(row.pending),
    audience: number(row.audience),
    snapshot: number(row.snapshot),
    onHold: number(row.on_hold),
  }
}

function ackRow(ack: Ack) {
  return {
    kind: 'ack',
    seq_lo: ack.lo,
    seq_hi: ack.hi,
    block: ack.lo - (ack.lo % ACK_BLOCK),
    outcome: ack.outcome,
    code: ack.code,
    message: ack.message,
    dest_id: ack.destinationId,
    job_id: ack.job,
    hold: ack.hold === undefined ? undefined : seconds(ack.hold),
  }
}

function confessionRow({ keyJson, profileId, ident }: Confession) {
  // The hash that the warehouse would make of the same text.
  const key_hash = createHash('sha256').update(keyJson).digest('hex').slice(0, 32)
  return { key_hash, key_json: keyJson, profile_id: profileId, ident }
}

function settledRow(row: Settled) {
  return {
    key_hash: row.keyHash,
    job_id: row.job,
    outcome: row.outcome,
    code: row.code,
    message: row.message,
    dest_id: row.destinationId,
    hold: row.hold === undefined ? undefined : seconds(row.hold),
  }
}

/** The ledger keeps whole seconds, rounded up. */
function seconds(ms: Ms): number {
  return Math.ceil(ms / 1000)
}

function number(cell: Cell | undefined): number {
  return Number(cell ?? 0)
}
