import type { Dialect } from '../sql/dialect.ts'
import { column, from, id, lines, parameter, type Sql, Steps, sql } from '../sql/sql.ts'
import { marks } from './changes.ts'
import { addWeighed, asColumns, bothIdents, landing, mergeRows, runColumns } from './ledger-landing.ts'
import { ACK_BLOCK, type LedgerTables, SNAPSHOT_COLUMNS, type SnapshotColumn } from './ledger-tables.ts'

/**
 * Plan and acks of one fence into the snapshot, in one statement. A run ends with it, and recovery is the same
 * statement again: a key that a newer fence has touched is left alone, one of the same fence only turns from unknown
 * to written. Parameters: `fence`, `run`, `sync`, `settles` (seconds).
 */
export function mergeQuery(dialect: Dialect, tables: LedgerTables): Sql {
  const steps = new Steps()
  const fence = dialect.cast(parameter('fence'), 'bigint')
  steps.add(
    'told',
    'what was written down about each change; an ok wins over any other answer',
    sql`
      select
        p.seq,
        case when ${dialect.anyRow(sql`a.outcome = 'written'`)} then 'written' else min(a.outcome) end as outcome,
        max(a.code) as code, max(a.message) as message, max(a.dest_id) as dest_id, max(a.job_id) as job_id,
        max(a.hold_until) as hold_until
      from ${from(tables.plan)} as p
      join ${from(tables.ack)} as a
        on a.block = p.seq - mod(p.seq, ${ACK_BLOCK}) and p.seq between a.seq_lo and a.seq_hi
      where a.fence = ${fence} and a.kind = 'ack'
      group by p.seq`,
  )
  steps.add(
    'intended',
    'changes up to here may have been sent; and when the last of them can have been (one row)',
    sql`
      select
        max(a.seq_hi) as seq_hi,
        ${shifted(dialect, sql`max(s.sends_end)`, 'settles')} as lost_hold
      from ${from(tables.sync)} as s
      left join ${from(tables.ack)} as a on a.fence = ${fence} and a.kind = 'intent'
      where s.sync_id = ${parameter('sync')}`,
  )
  const happened = steps.add(
    'happened',
    'a change that may have been sent and of which nothing is known is unknown',
    sql`
      select
        p.key_hash, p.key_json, p.profile_id, p.op, p.fp, p.tried_fp, p.rev, p.ident,
        t.code, t.message, t.dest_id, t.job_id,
        case
          when p.verdict in (${marks()}) then p.verdict
          when p.verdict <> p.op or p.op is null then null
          when t.outcome is not null then t.outcome
          when p.seq <= i.seq_hi then 'unknown'
        end as outcome,
        case
          when t.outcome is not null then t.hold_until
          when p.verdict = p.op and p.seq <= i.seq_hi then i.lost_hold
        end as hold_until,
        ${runColumns(dialect)}
      from ${from(tables.plan)} as p
      left join told as t on t.seq = p.seq
      cross join intended as i`,
  )
  const weighed = addWeighed(steps, happened)
  return mergeRows(
    tables.snapshot,
    steps.select(sql`
      select
        ${asColumns(landing(dialect))}
      from ${weighed} as n
      left join ${from(tables.snapshot)} as s on s.key_hash = n.key_hash
      where n.outcome <> 'unsent' and (
        s.key_hash is null
        or s.last_fence < n.fence
        or (s.last_fence = n.fence and s.state = 'unknown' and n.outcome = 'written')
      )`),
  )
}

/** Columns of `rows` in `settleQuery`: what became of submitted rows. */
export const SETTLED_COLUMNS = ['key_hash', 'job_id', 'outcome', 'code', 'message', 'dest_id', 'hold'] as const

/**
 * What became of rows that waited for a job, by the same rules as answers. Parameters: `rows` (a JSON array), `fence`,
 * `run`, `sync`.
 */
export function settleQuery(dialect: Dialect, tables: LedgerTables): Sql {
  const steps = new Steps()
  const waiting = steps.add(
    'waiting',
    'rows that wait, in the state before the job',
    sql`
      select
        ${lines(SNAPSHOT_NAMES.map((name) => (name === 'state' ? sql`prior_state as state` : id(name))))}
      from ${from(tables.snapshot)}
      where state = 'submitted'`,
  )
  const happened = steps.add(
    'happened',
    'what their job said; the fence stays, because this is no newer change; so does the hold of an attempt before it',
    sql`
      select
        w.key_hash, w.key_json, w.profile_id, w.pending_op as op, w.pending_fp as fp, w.pending_tried as tried_fp,
        w.pending_rev as rev, w.pending_ident as ident,
        r.outcome, r.code, r.message, r.dest_id, ${dialect.cast(sql`null`, 'text')} as job_id,
        ${dialect.greatest([sql`w.hold_until`, holdOf(dialect, sql`r.hold`)])} as hold_until,
        w.last_fence as fence, ${dialect.cast(parameter('run'), 'text')} as run_id
      from ${dialect.rowsOf(parameter('rows'), SETTLED_COLUMNS)} as r
      join ${waiting} as w on w.key_hash = r.key_hash and w.job_id = r.job_id
      where ${isMine(dialect, tables)}`,
  )
  const weighed = addWeighed(steps, happened)
  return mergeRows(
    tables.snapshot,
    steps.select(sql`
      select
        ${asColumns(landing(dialect))}
      from ${weighed} as n
      join ${waiting} as s on s.key_hash = n.key_hash`),
  )
}

/**
 * What a fenced holder confessed: nothing about those keys is certain any more. Parameters: `late` (the run that
 * confessed), `fence` (ours). One fence less is kept, so that what this run learns about the keys counts.
 */
export function confessedQuery(dialect: Dialect, tables: LedgerTables): Sql {
  const fence = sql`${dialect.cast(parameter('fence'), 'bigint')} - 1`
  const unknown: Partial<Record<SnapshotColumn, Sql>> = {
    key_hash: sql`n.key_hash`,
    key_json: sql`n.key_json`,
    profile_id: sql`coalesce(n.profile_id, s.profile_id)`,
    state: sql`'unknown'`,
    known: sql`false`,
    ident: bothIdents(dialect),
    rev: sql`coalesce(s.rev, 0)`,
    last_fence: dialect.greatest([sql`s.last_fence`, fence]),
    last_run_id: dialect.cast(parameter('late'), 'text'),
    hold_until: dialect.greatest([sql`s.hold_until`, sql`n.hold_until`]),
    fail_count: sql`coalesce(s.fail_count, 0)`,
  }
  const gone: readonly SnapshotColumn[] = [
    'fp',
    'job_id',
    'prior_state',
    'pending_op',
    'pending_fp',
    'pending_tried',
    'pending_rev',
    'pending_ident',
  ]
  const nothing = (name: SnapshotColumn) => dialect.cast(sql`null`, SNAPSHOT_COLUMNS[name])
  const values = Object.fromEntries(
    SNAPSHOT_NAMES.map((name) => [name, unknown[name] ?? (gone.includes(name) ? nothing(name) : column('s', name))]),
  ) as Record<SnapshotColumn, Sql>
  return mergeRows(
    tables.snapshot,
    sql`
      select
        ${asColumns(values)}
      from ${from(tables.ack)} as n
      left join ${from(tables.snapshot)} as s on s.key_hash = n.key_hash
      where n.kind = 'late' and n.run_id = ${parameter('late')}`,
  )
}

/** True while the fence of the parameter is that of the lease. */
export function isMine(dialect: Dialect, tables: LedgerTables): Sql {
  return sql`
    exists (
      select 1
      from ${from(tables.sync)}
      where sync_id = ${parameter('sync')} and fence = ${dialect.cast(parameter('fence'), 'bigint')}
    )`
}

/** The warehouse's time, so many seconds (text) from now; null for null. */
export function holdOf(dialect: Dialect, seconds: Sql): Sql {
  return dialect.shift(dialect.clock(), dialect.cast(seconds, 'bigint'), 'second')
}

/** An instant moved by a parameter's seconds. */
export function shifted(dialect: Dialect, instant: Sql, seconds: string): Sql {
  return dialect.shift(instant, dialect.cast(parameter(seconds), 'bigint'), 'second')
}

const SNAPSHOT_NAMES = Object.keys(SNAPSHOT_COLUMNS) as readonly SnapshotColumn[]
