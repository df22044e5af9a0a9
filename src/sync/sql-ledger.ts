import { keptPlanTable } from '../compile/kept-plan.ts'
import { ledgerTables, STATE_VERSION } from '../compile/ledger-tables.ts'
import type { Ms } from '../connectors/connector.ts'
import { failure } from '../error.ts'
import type { Bound, Statement, Table, Tokens, Values } from '../sql/sql.ts'
import type { Page, Row, Session } from '../warehouses/warehouse.ts'
import {
  type Claim,
  type Claimed,
  type Confession,
  type DesiredRow,
  type Flush,
  type Kept,
  LEASE,
  type Lease,
  type Ledger,
  type PlanCounts,
  type PlannedChange,
  type Planning,
  type RunEvent,
  type Settled,
  type Submitted,
} from './ledger.ts'
import type { Standing } from './mapping.ts'
import {
  ackRow,
  CHANGE_COLUMNS,
  changesOf,
  confessionRow,
  number,
  planCounts,
  seconds,
  settledRow,
} from './sql-ledger-rows.ts'
import { fieldsBefore, notedValues, standingOf } from './standing.ts'
import { type LedgerOf, type LedgerStatements, rebasePlan, statementsOf } from './statements.ts'

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
  readonly #subject: LedgerOf
  readonly #statements: LedgerStatements
  readonly #tables: ReturnType<typeof ledgerTables>
  /** Where a plan is kept that is sent later. */
  readonly #kept: Table
  readonly #build: number
  readonly #page: number
  /** Values that every statement may use. */
  readonly #always: Values

  constructor(options: SqlLedgerOptions) {
    this.#session = options.session
    this.#subject = options
    this.#statements = statementsOf(options)
    this.#tables = ledgerTables(options.schema, options.sync.name)
    this.#kept = keptPlanTable(options.context.project, options.sync.name)
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
    if (version < STATE_VERSION)
      await this.#session.script(this.#statements.migrate.map((statement) => ({ statement })))
  }

  async claim({ runId, holder, dead, from }: Claim): Promise<Claimed> {
    const { claim, claimed } = this.#statements
    const values = { run: runId, holder, dead: dead ?? null, given: from ?? null }
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

  async standing(): Promise<Standing> {
    const row = await this.#session.first(this.#bound(this.#statements.standing, {}))
    return standingOf(this.#subject, row ?? {})
  }

  async acknowledge(): Promise<void> {
    await this.#session.script([{ statement: this.#statements.acknowledge }])
  }

  async plan(
    lease: Lease | undefined,
    maxChanges: number | undefined,
    { rebase = false, holdRemovals = false }: Planning = {},
  ): Promise<PlanCounts> {
    const { counts } = this.#statements
    const fence = lease?.fence ?? 0
    const values = { fence, max_changes: maxChanges ?? null, hold_removals: holdRemovals }
    const plan = rebase ? await this.#rebasePlan() : this.#statements.plan
    await this.#session.script([this.#bound(plan, values, fence)])
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

  async hasFreshSuppressions(): Promise<boolean> {
    return number((await this.#session.first(this.#bound(this.#statements.fresh, {})))?.fresh) > 0
  }

  async revoked(lease: Lease, lo: number, hi: number): Promise<ReadonlySet<number>> {
    if (!(await this.hasFreshSuppressions())) return new Set()
    const values = { ...this.#of(lease), seq_lo: lo, seq_hi: hi }
    const row = await this.#session.first(this.#bound(this.#statements.revoked, values, lease.fence))
    return new Set((row?.seqs ?? '').split('\n').flatMap((seq) => (seq === '' ? [] : [Number(seq)])))
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

  async retry(lease: Lease, compliance: boolean): Promise<number> {
    const values = { ...this.#of(lease), compliance }
    const [due] = await this.#session.script([this.#bound(this.#statements.retry, values)])
    return due?.rows ?? 0
  }

  async surrender(lease: Lease, event: RunEvent): Promise<void> {
    await this.#end(lease, event, [this.#statements.release])
  }

  async keep(): Promise<Kept> {
    const { keep, digest } = this.#statements
    await this.#session.script([this.#bound(keep, {}, 0)])
    const row = await this.#session.first(this.#bound(digest, {}))
    return { fence: number((await this.#read()).fence), digest: row?.digest ?? '' }
  }

  async adopt(lease: Lease, kept: Kept): Promise<PlanCounts | undefined> {
    const { adopt, digest, counts } = this.#statements
    if ((await this.#session.columns(this.#kept, { b: this.#build })) === undefined) return undefined
    const row = await this.#session.first(this.#bound(digest, {}))
    if ((row?.digest ?? '') !== kept.digest) return undefined
    await this.#run(lease, [adopt])
    return planCounts((await this.#session.first(this.#bound(counts, {}, lease.fence))) ?? {})
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
    const wasSent = event !== 'blocked' && event !== 'abandoned'
    const noted = wasSent ? notedValues(this.#subject) : { key_spec: null, mapping: null, mapping_hash: null }
    const values = { ...this.#of(lease), ...noted, event, counts: JSON.stringify(counts), detail: detail ?? null }
    const all = [...statements, this.#statements.event]
    await this.#session.script(all.map((statement) => this.#bound(statement, values, lease.fence)))
  }

  async #rebasePlan(): Promise<Statement> {
    const row = await this.#session.first(this.#bound(this.#statements.standing, {}))
    return rebasePlan(this.#subject, fieldsBefore(row ?? {}) ?? [])
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

  /** Ends early for a holder that was fenced: whoever took over has merged the table and dropped it. */
  async *#table(table: Table, columns: readonly string[], lease: Lease): AsyncGenerator<Page> {
    try {
      yield* this.#session.read(table, columns, this.#page, 'seq', { f: lease.fence })
    } catch (error) {
      if (number((await this.#read()).fence) === lease.fence) throw error
    }
  }
}

/** The values that a statement names: warehouses refuse parameters that they were not asked for. */
function only(statement: Statement, values: Values): Values {
  const names = new Set(statement.sql.parts.flatMap((part) => (part.kind === 'parameter' ? [part.name] : [])))
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.has(name)))
}
