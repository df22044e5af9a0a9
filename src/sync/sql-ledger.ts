import { keptPlanTable } from '../compile/kept-plan.ts'
import { type LedgerTables, ledgerTables } from '../compile/ledger-tables.ts'
import type { Ms } from '../connectors/connector.ts'
import type { Bound, Statement, Table, Tokens, Values } from '../sql/sql.ts'
import type { Cell, Page, Row, Session } from '../warehouses/warehouse.ts'
import type { Whereabouts } from './find-ledger.ts'
import {
  type AllConsentsNow,
  type Claim,
  type Claimed,
  type Confession,
  type ConsentsNow,
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
import { isMade, makeLedger } from './make-ledger.ts'
import type { Standing } from './mapping.ts'
import {
  ackRow,
  CHANGE_COLUMNS,
  changesOf,
  confessionRow,
  feedNow,
  number,
  only,
  planCounts,
  seconds,
  seqsIn,
  settledRow,
} from './sql-ledger-rows.ts'
import { fieldsBefore, notedValues, standingOf } from './standing.ts'
import { type LedgerOf, type LedgerStatements, rebasePlan, statementsOf } from './statements.ts'

export interface SqlLedgerOptions extends LedgerOf {
  readonly session: Session
  /** The build whose tables are read. */
  readonly build: number
  /** The business time where the project fixes it; undefined = that of the warehouse. */
  readonly now?: string | undefined
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
  #subject: LedgerOf
  #statements: LedgerStatements
  #tables: LedgerTables
  /** The name under which the ledger is kept: the former one, until a claim has moved it. */
  #name: string
  /** Where a plan is kept that is sent later. */
  readonly #kept: Table
  readonly #build: number
  readonly #page: number
  /** What the recovery of this run has read of the ground on which it plans, until that is asked for. */
  #standing: Row | undefined
  /** Values that every statement may use. */
  readonly #always: Values

  constructor(options: SqlLedgerOptions) {
    this.#session = options.session
    this.#name = options.sync.name
    this.#subject = options
    this.#statements = statementsOf(options)
    this.#tables = ledgerTables(options.schema, options.sync.name)
    this.#kept = keptPlanTable(options.context.project, options.sync.name)
    this.#build = options.build
    this.#page = options.page ?? 5_000
    this.#always = {
      lease: seconds(options.lease ?? LEASE),
      settles: seconds(options.settlesWithin),
      now: options.now ?? null,
    }
  }

  async prepare(): Promise<void> {
    const of = { ...this.#subject, session: this.#session }
    if (await isMade(of)) this.#name = of.sync.name
    else this.#standAt(await makeLedger(of))
  }

  async claim({ runId, holder, dead, from }: Claim): Promise<Claimed> {
    const { claim, claimed, rename } = this.#statements
    const { sync } = this.#subject
    const values = { run: runId, holder, dead: dead ?? null, given: from ?? null }
    const after = [claimed, ...rename].map((statement) => this.#bound(statement, { ...values, sync: sync.name }))
    // Under the new name there is a row only once the claim has moved it there.
    const query = this.#bound(this.#statements.read, { sync: sync.name })
    const moved = await this.#session.ask([this.#bound(claim, values), ...after], query)
    if (moved !== undefined) this.#name = sync.name
    const row = moved ?? (await this.#read())
    // Nobody else claims as this run and this holder: what says so was written by this claim, or by one whose answer was lost.
    const isMine = row.holder === holder && row.active_run_id === runId
    if (isMine) return { kind: 'held', lease: { runId, holder, fence: number(row.fence) } }
    return { kind: 'taken', holder: row.holder ?? '', until: row.lease_until ?? '' }
  }

  async renew(lease: Lease): Promise<boolean> {
    const [renewed] = await this.#run(lease, [this.#statements.renew])
    return renewed?.rows === 1
  }

  async recover(lease: Lease): Promise<number> {
    const { merge, dropPlan, dropWhole, dropScratch, left } = this.#statements
    const found = (await this.#session.first(this.#bound(left, {}))) ?? {}
    this.#standing = found
    let recovered = 0
    for (const fence of between(found.settled_fence, lease.fence)) {
      await this.#run({ ...lease, fence }, [...dropScratch, ...this.#statements.dropSurvey])
      if (!(await this.#hasPlan(fence))) continue
      await this.#run({ ...lease, fence }, [merge, dropWhole, dropPlan])
      recovered += 1
    }
    return recovered + (await this.#confessions(lease, found.run_id ?? undefined))
  }

  async standing(): Promise<Standing> {
    const known = this.#standing
    this.#standing = undefined
    const row = known ?? (await this.#session.first(this.#bound(this.#statements.standing, {})))
    return standingOf(this.#subject, row ?? {})
  }

  async acknowledge(): Promise<void> {
    await this.#session.script([{ statement: this.#statements.acknowledge }])
  }

  async survey(lease: Lease | undefined, keys: AsyncIterable<readonly string[]>): Promise<void> {
    const fence = lease?.fence ?? 0
    const { survey, dropSurvey } = this.#statements
    if (survey.length === 0) return
    await this.#session.script([...dropSurvey, ...survey].map((statement) => this.#bound(statement, {}, fence)))
    for await (const page of keys)
      await this.#session.append(this.#tables.found, { rows: page.length, columns: [page] }, { f: fence })
  }

  async plan(
    lease: Lease | undefined,
    maxChanges: number | undefined,
    { rebase = false, holdRemovals = false }: Planning = {},
  ): Promise<PlanCounts> {
    const { counts, start, survey } = this.#statements
    const fence = lease?.fence ?? 0
    const values = { fence, max_changes: maxChanges ?? null, hold_removals: holdRemovals }
    const plan = rebase ? await this.#rebasePlan() : this.#statements.plan
    const all = [...(lease === undefined ? [] : start), ...survey, plan]
    const row = await this.#session.ask(
      all.map((statement) => this.#bound(statement, values, fence)),
      this.#bound(counts, {}, fence),
    )
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
    return seqsIn(row?.seqs)
  }

  async consents(lease: Lease, lo: number, hi: number): Promise<ConsentsNow | undefined> {
    const row = await this.#consents(lease, this.#statements.consents, { seq_lo: lo, seq_hi: hi })
    return row && { ...feedNow(row), refused: seqsIn(row.seqs) }
  }

  async allConsents(lease: Lease): Promise<AllConsentsNow | undefined> {
    const row = await this.#consents(lease, this.#statements.allConsents, {})
    return row && { ...feedNow(row), refused: number(row.refused) }
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
    return await this.#unlessFenced(lease, false, async () => {
      // The plan goes last: as long as it is there, nothing is known to be merged.
      await this.#run(lease, [merge, dropWhole, dropPlan])
      return true
    })
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

  async stands(kept: Kept): Promise<'ready' | 'sent' | 'gone'> {
    const { fence, settled_fence: settled } = await this.#read()
    if (number(fence) !== kept.fence) return 'sent'
    for (const unsettled of between(settled, kept.fence + 1)) if (await this.#hasPlan(unsettled)) return 'sent'
    const late = await this.#session.first({ statement: this.#statements.late })
    if ((late?.run_id ?? undefined) !== undefined) return 'sent'
    return (await this.#isKept(kept)) ? 'ready' : 'gone'
  }

  async adopt(lease: Lease, kept: Kept): Promise<PlanCounts | undefined> {
    const { adopt, counts, start } = this.#statements
    if (!(await this.#isKept(kept))) return undefined
    const values = this.#of(lease)
    const row = await this.#session.ask(
      [...start, adopt].map((statement) => this.#bound(statement, values, lease.fence)),
      this.#bound(counts, {}, lease.fence),
    )
    return planCounts(row ?? {})
  }

  async discard(): Promise<void> {
    const all = [this.#statements.dropPlan, ...this.#statements.dropSurvey]
    await this.#session.script(all.map((statement) => this.#bound(statement, {}, 0)))
  }

  async #consents(lease: Lease, statement: Statement | undefined, values: Values): Promise<Row | undefined> {
    if (statement === undefined) throw new Error('nobody is asked by the purpose of this sync')
    const query = this.#bound(statement, values, lease.fence)
    return await this.#unlessFenced(lease, undefined, async () => (await this.#session.first(query)) ?? {})
  }

  /** Whoever took over merges the plan and drops it: a fenced holder that finds none has met no failure of the warehouse. */
  async #unlessFenced<T, F>(lease: Lease, fenced: F, work: () => Promise<T>): Promise<T | F> {
    try {
      return await work()
    } catch (error) {
      if (await this.#hasPlan(lease.fence)) throw error
      return fenced
    }
  }

  /** Is the plan there that was kept, and is it what it was? */
  async #isKept({ digest }: Kept): Promise<boolean> {
    if ((await this.#session.columns(this.#kept, { b: this.#build })) === undefined) return false
    const row = await this.#session.first(this.#bound(this.#statements.digest, {}))
    return (row?.digest ?? '') === digest
  }

  async #hasPlan(fence: number): Promise<boolean> {
    return (await this.#session.columns(this.#tables.plan, { f: fence })) !== undefined
  }

  #standAt({ name, tables }: Whereabouts): void {
    this.#name = name
    if (tables.suffix === this.#tables.suffix) return
    this.#tables = tables
    this.#subject = { ...this.#subject, suffix: tables.suffix }
    this.#statements = statementsOf(this.#subject)
  }

  async #confessions(lease: Lease, first: string | undefined): Promise<number> {
    const { late, confessed, applied } = this.#statements
    let applications = 0
    for (let run = first; run !== undefined; applications++) {
      const values = { fence: lease.fence, late: run }
      const next = { statement: late }
      const row = await this.#session.ask([this.#bound(confessed, values), this.#bound(applied, values)], next)
      run = row?.run_id ?? undefined
    }
    return applications
  }

  async #end(lease: Lease, { event, counts, detail }: RunEvent, statements: readonly Statement[]): Promise<void> {
    const wasSent = event !== 'blocked' && event !== 'abandoned'
    const noted = wasSent ? notedValues(this.#subject) : { key_spec: null, mapping: null, mapping_hash: null }
    const values = { ...this.#of(lease), ...noted, event, counts: JSON.stringify(counts), detail: detail ?? null }
    const all = [...statements, ...this.#statements.dropSurvey, this.#statements.event]
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
    return { statement, tokens, values: only(statement, { ...this.#always, sync: this.#name, ...values }) }
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

/** Whole numbers between two: fences that nobody is known to have settled. */
function between(below: Cell | undefined, above: number): readonly number[] {
  const from = number(below) + 1
  return Array.from({ length: Math.max(0, above - from) }, (_, at) => from + at)
}
