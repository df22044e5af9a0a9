import { planQuery, wholeQuery } from '../compile/changes.ts'
import { freshStatement, revokedStatement } from '../compile/changes-consent.ts'
import { countsQuery } from '../compile/changes-counts.ts'
import type { ChangesOf } from '../compile/changes-of.ts'
import { allConsentsNow, consentsNow } from '../compile/consent-now.ts'
import type { Context } from '../compile/context.ts'
import { statement as named } from '../compile/context.ts'
import { keptPlanStatements } from '../compile/kept-plan.ts'
import { compareTables } from '../compile/ledger-expected.ts'
import { retryQuery } from '../compile/ledger-mend.ts'
import { confessedQuery, holdOf, isMine, mergeQuery, settleQuery, shifted } from '../compile/ledger-merge.ts'
import { migrationStatements } from '../compile/ledger-migrations.ts'
import { KEPT_DAYS, type LedgerTables, ledgerTables } from '../compile/ledger-tables.ts'
import { noteStart } from '../compile/sync-rows.ts'
import { type Connector, isMatchField } from '../connectors/connector.ts'
import type { Sync } from '../project/project.ts'
import { column, from, parameter, type Sql, type Statement, sql, text } from '../sql/sql.ts'
import { creation } from './creation-statements.ts'
import { standing } from './state-statements.ts'

/** What the statements of one sync are compiled from. */
export interface LedgerOf {
  readonly context: Context
  readonly sync: Sync
  /** Where the ledger's tables are: the project's state schema, or that of the sandbox. */
  readonly schema: string
  readonly connector: Pick<Connector<unknown, unknown>, 'fields' | 'delivers' | 'foldsKeys'>
  /** What its tables are called after, where the sync was renamed since they were made. */
  readonly suffix?: string | undefined
}

/** Every statement of a ledger by what it is for. */
export interface LedgerStatements {
  readonly create: readonly Statement[]
  readonly find: Statement
  readonly findWhole: Statement
  readonly createOwn: readonly Statement[]
  readonly version: Statement
  readonly migrate: readonly Statement[]
  readonly target: Statement
  readonly standing: Statement
  readonly acknowledge: Statement
  readonly claim: Statement
  readonly claimed: Statement
  readonly rename: readonly Statement[]
  readonly read: Statement
  readonly left: Statement
  readonly renew: Statement
  readonly late: Statement
  readonly confessed: Statement
  readonly applied: Statement
  /** Before the plan of a run: where a sync starts with its first run, notes when that was. */
  readonly start: readonly Statement[]
  /** What a destination holds, where that is asked for: made where it is missing, and dropped when the plan ends. */
  readonly survey: readonly Statement[]
  readonly dropSurvey: readonly Statement[]
  readonly plan: Statement
  readonly counts: Statement
  readonly whole: Statement
  readonly keep: Statement
  readonly digest: Statement
  readonly adopt: Statement
  readonly fresh: Statement
  readonly revoked: Statement
  /** Undefined where the purpose of the sync asks nobody. */
  readonly consents: Statement | undefined
  readonly allConsents: Statement | undefined
  readonly flush: Statement
  readonly confess: Statement
  readonly merge: Statement
  readonly waiting: Statement
  readonly dropWaiting: Statement
  readonly settle: Statement
  readonly retry: Statement
  readonly dropPlan: Statement
  readonly dropWhole: Statement
  readonly dropScratch: readonly Statement[]
  readonly release: Statement
  readonly releaseMerged: Statement
  readonly event: Statement
  readonly forgetTombs: Statement
  readonly forgetAcks: Statement
}

/** Every statement that a run may send to the ledger of a sync, in about the order in which it does. */
export function ledgerStatements(of: LedgerOf): readonly Statement[] {
  return Object.values(statementsOf(of)).flatMap((each: Statement | readonly Statement[] | undefined) => each ?? [])
}

export function statementsOf(of: LedgerOf): LedgerStatements {
  const changes = changesOf(of)
  const { tables } = changes
  return {
    ...creation(of.context, of.sync, tables),
    migrate: migrationStatements(of.context.dialect, tables),
    ...standing(of.context, tables),
    ...leasing(of, tables),
    ...planning(of, changes),
    ...keptPlanStatements(of.context, of.sync, tables),
    ...sending(of, tables),
    ...ending(of, tables),
  }
}

function changesOf(of: LedgerOf): ChangesOf {
  const { context, sync, schema, suffix } = of
  const tables = ledgerTables(schema, sync.name, suffix)
  const { foldsKeys } = of.connector
  return { context, sync, tables, matchFields: matchFields(of), lists: listsOf(of), whole: isWhole(of), foldsKeys }
}

/** Does the destination take all rows whenever one changed? */
export function isWhole({ connector, sync }: Pick<LedgerOf, 'connector' | 'sync'>): boolean {
  return connector.delivers(sync.mode, sync.into) === 'whole'
}

/** Fields by which the vendor finds a row. */
export function matchFields({ connector, sync }: LedgerOf): ReadonlySet<string> {
  const { known } = connector.fields(sync.into)
  return new Set(known.filter(isMatchField).map((field) => field.name))
}

/** The list by field, of fields whose values the vendor holds whoever has them. */
export function listsOf({ connector, sync }: Pick<LedgerOf, 'connector' | 'sync'>): ReadonlyMap<string, string> {
  const { known } = connector.fields(sync.into)
  return new Map(known.flatMap(({ name, list }) => (list === undefined ? [] : [[name, list] as const])))
}

function leasing({ context: { dialect }, sync }: LedgerOf, tables: LedgerTables) {
  // The row is all that a name is, and this one statement decides who may act on it: so the lease and the name move at once.
  const renamed =
    sync.was === undefined
      ? sql``
      : sql`

          sync_id = ${text(sync.name)},`
  const now = dialect.clock()
  const dead = dialect.cast(parameter('dead'), 'text')
  return {
    claim: named(
      'claim',
      'compare and set: only if nobody holds the lease, it has run out, its holder is dead, or gives it up',
      sql`
        update ${from(tables.sync)}
        set${renamed}
          fence = fence + 1,
          sends_end = case when holder is null or holder = ${dead} then ${now} else lease_until end,
          holder = ${parameter('holder')},
          lease_until = ${shifted(dialect, now, 'lease')},
          active_run_id = ${parameter('run')},
          updated_at = ${now}
        where sync_id = ${parameter('sync')}
          and (
            holder is null or lease_until < ${now} or holder = ${dead}
            or holder = ${dialect.cast(parameter('given'), 'text')}
          )`,
    ),
    claimed: named(
      'note claim',
      'the fence is remembered even if the row of the sync is lost',
      sql`
        insert into ${from(tables.event)} (run_id, sync_id, fence, event, happened_at, counts, detail)
        select active_run_id, sync_id, fence, 'claimed', ${now}, null, null
        from ${from(tables.sync)}
        where sync_id = ${parameter('sync')} and holder = ${parameter('holder')} and active_run_id = ${parameter('run')}`,
    ),
    read: named(
      'read lease',
      'who holds the lease',
      sql`
        select fence, holder, lease_until, active_run_id, settled_fence
        from ${from(tables.sync)}
        where sync_id = ${parameter('sync')}`,
    ),
    left: named(
      'find what was left',
      'plans and confessions of earlier runs, and as what their rows were acknowledged',
      sql`
        select
          s.settled_fence, s.mapping,
          (select max(target) from ${from(tables.meta)}) as target,
          (${lateRun(tables)}) as run_id
        from ${from(tables.sync)} as s
        where s.sync_id = ${parameter('sync')}`,
    ),
    renew: named(
      'renew',
      'prolongs the lease while it is ours',
      sql`
        update ${from(tables.sync)}
        set lease_until = ${shifted(dialect, now, 'lease')}
        where sync_id = ${parameter('sync')} and fence = ${fence(dialect)}`,
    ),
    late: named('find confession', 'a run that lost its lease and may have sent after that', lateRun(tables)),
    confessed: named('apply confession', 'what it may have sent is unknown', confessedQuery(dialect, tables)),
    applied: named(
      'note confession',
      'each is applied once',
      sql`
        insert into ${from(tables.ack)} (run_id, fence, kind, acked_at)
        select ${parameter('late')}, ${fence(dialect)}, 'applied', ${now}`,
    ),
  }
}

function lateRun({ ack }: LedgerTables): Sql {
  return sql`
    select min(run_id) as run_id
    from ${from(ack)}
    where kind = 'late'
      and run_id not in (select run_id from ${from(ack)} where kind = 'applied')`
}

/**
 * The plan where rows that still match under `before` are not sent. The one statement that is not among the compiled
 * ones: it is made of what the ledger remembers.
 */
export function rebasePlan(of: LedgerOf, before: Sync['fields']): Statement {
  const changes = { ...changesOf(of), before }
  const { dialect } = of.context
  const reason = 'what is to be sent; rows that only a new mapping makes differ are not'
  return named('plan and rebase', reason, dialect.createTable(changes.tables.plan, planQuery(changes)))
}

function surveying({ context: { dialect }, sync, tables }: ChangesOf) {
  if (!sync.owned) return { survey: [], dropSurvey: [] }
  const columns = [{ name: 'key_json', type: 'text' }] as const
  const create = dialect.createEmptyTable(tables.found, columns, true)
  return {
    survey: [named('survey', 'keys that the destination holds', create)],
    dropSurvey: [named('drop survey', 'the plan is made', dialect.dropTable(tables.found))],
  }
}

function planning(of: LedgerOf, changes: ChangesOf) {
  const { dialect } = of.context
  const { tables } = changes
  return {
    start: changes.sync.rows?.startAt === 'first_run' ? [noteStart(changes.context, tables)] : [],
    ...surveying(changes),
    plan: named('plan', 'what is to be sent', dialect.createTable(tables.plan, planQuery(changes))),
    counts: named('count plan', 'for guards and the report', countsQuery(changes)),
    whole: named('whole', 'all rows, for the replacement', dialect.createTable(tables.whole, wholeQuery(changes))),
    fresh: freshStatement(changes.context),
    revoked: revokedStatement(changes),
    consents: consentsNow(changes),
    allConsents: isWhole(of) ? allConsentsNow(changes) : undefined,
  }
}

/** Columns of `rows` in `flush`: acks and, last, the intent or the end. */
export const FLUSH_COLUMNS = [
  'kind',
  'seq_lo',
  'seq_hi',
  'block',
  'outcome',
  'code',
  'message',
  'dest_id',
  'job_id',
  'hold',
] as const

/** Columns of `rows` in `confess`. */
export const CONFESSION_COLUMNS = ['key_hash', 'key_json', 'profile_id', 'ident'] as const

function sending({ context: { dialect } }: LedgerOf, tables: LedgerTables) {
  const now = dialect.clock()
  const whole = (name: string) => dialect.cast(column('r', name), 'bigint')
  return {
    flush: named(
      'flush',
      'what became of rows, and what may be sent next: both or neither, and only while the lease is ours',
      sql`
        insert into ${from(tables.ack)} (
          run_id, fence, kind, seq_lo, seq_hi, block, outcome, code, message, dest_id, job_id, hold_until, acked_at
        )
        select
          ${parameter('run')}, ${fence(dialect)}, r.kind,
          ${whole('seq_lo')}, ${whole('seq_hi')}, ${whole('block')},
          r.outcome, r.code, r.message, r.dest_id, r.job_id,
          ${holdOf(dialect, sql`r.hold`)},
          ${now}
        from ${dialect.rowsOf(parameter('rows'), FLUSH_COLUMNS)} as r
        where ${isMine(dialect, tables)}`,
    ),
    confess: named(
      'confess',
      'rows that may have been sent after the lease was lost',
      sql`
        insert into ${from(tables.ack)} (
          run_id, fence, kind, key_hash, key_json, profile_id, ident, hold_until, acked_at
        )
        select
          ${parameter('run')}, ${fence(dialect)}, 'late', r.key_hash, r.key_json, r.profile_id, r.ident,
          ${shifted(dialect, now, 'settles')},
          ${now}
        from ${dialect.rowsOf(parameter('rows'), CONFESSION_COLUMNS)} as r`,
    ),
    merge: named('merge', 'plan and acks into the snapshot; safe to repeat', mergeQuery(dialect, tables)),
    waiting: named(
      'waiting',
      'rows that wait for a job',
      dialect.createTable(
        tables.waiting,
        sql`
          select key_hash, key_json, job_id
          from ${from(tables.snapshot)}
          where state = 'submitted'`,
      ),
    ),
    dropWaiting: named('drop waiting', 'it was read', dialect.dropTable(tables.waiting)),
    settle: named('settle', 'what became of rows that waited for a job', settleQuery(dialect, tables)),
    retry: named('retry', 'refused rows are due again', retryQuery(dialect, tables)),
  }
}

function ending({ context: { dialect }, sync }: LedgerOf, tables: LedgerTables) {
  const now = dialect.clock()
  const noted = (name: string) => dialect.cast(parameter(name), 'text')
  const isOld = (time: Sql) => sql`${time} < ${dialect.shift(now, -KEPT_DAYS, 'day')}`
  return {
    dropPlan: named('drop plan', 'it is merged, or nothing of it was sent', dialect.dropTable(tables.plan)),
    dropWhole: named('drop whole', 'it was read', dialect.dropTable(tables.whole)),
    dropScratch: Object.entries(compareTables(tables.schema, sync.name)).map(([what, table]) =>
      named(`drop ${what}`, 'a command that compared was cut off', dialect.dropTable(table)),
    ),
    release: named(
      'release',
      'the lease is given back; what is not merged is left for the next run',
      sql`
        update ${from(tables.sync)}
        set holder = null, updated_at = ${now}
        where sync_id = ${parameter('sync')} and fence = ${fence(dialect)}`,
    ),
    releaseMerged: named(
      'release merged',
      'the lease is given back, the next run has nothing to merge, and what rows were sent as is known',
      sql`
        update ${from(tables.sync)}
        set
          holder = null,
          settled_fence = fence,
          updated_at = ${now},
          key_spec = coalesce(${noted('key_spec')}, key_spec),
          mapping = coalesce(${noted('mapping')}, mapping),
          mapping_hash = coalesce(${noted('mapping_hash')}, mapping_hash)
        where sync_id = ${parameter('sync')} and fence = ${fence(dialect)}`,
    ),
    event: named(
      'note end',
      'how the run ended',
      sql`
        insert into ${from(tables.event)} (run_id, sync_id, fence, event, happened_at, counts, detail)
        select
          ${parameter('run')}, ${parameter('sync')}, ${fence(dialect)}, ${parameter('event')}, ${now},
          ${parameter('counts')}, ${dialect.cast(parameter('detail'), 'text')}`,
    ),
    forgetTombs: named(
      'forget tombstones',
      'rows that were removed long ago',
      sql`
        delete from ${from(tables.snapshot)}
        where state = 'tomb'
          and ${isOld(sql`last_synced_at`)}
          and (hold_until is null or ${isOld(sql`hold_until`)})`,
    ),
    forgetAcks: named(
      'forget acks',
      'acks of plans that were merged long ago',
      sql`
        delete from ${from(tables.ack)}
        where ${isOld(sql`acked_at`)} and fence < ${fence(dialect)}`,
    ),
  }
}

function fence(dialect: Context['dialect']): Sql {
  return dialect.cast(parameter('fence'), 'bigint')
}
