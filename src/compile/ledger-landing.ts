import type { Dialect } from '../sql/dialect.ts'
import { column, from, id, join, lines, parameter, type Sql, type Steps, sql, type Table } from '../sql/sql.ts'
import { marks } from './changes.ts'
import { REFUSAL_WAITS, SNAPSHOT_COLUMNS, type SnapshotColumn } from './ledger-tables.ts'

// The rules by which a snapshot row changes. In the fragments, `n` is what happened to a key (see `addWeighed`), `s` is
// its row in the snapshot, all null for a new key.

/**
 * Adds the step that reads an outcome once for all columns. `happened` has key_hash, key_json, profile_id, op, outcome,
 * fp, tried_fp, rev, ident, code, message, dest_id, job_id, hold_until, fence and run_id.
 */
export function addWeighed(steps: Steps, happened: Sql): Sql {
  return steps.add(
    'weighed',
    'a refused retry of an attempt that may have taken effect leaves the row in doubt: it may be there all the same',
    sql`
      select
        h.*,
        h.outcome = 'written' and h.op <> 'remove' as is_upserted,
        h.outcome = 'written' and h.op = 'remove' as is_removed,
        h.outcome in ('refused', 'compliance') as is_refused,
        h.outcome = 'unknown' or (h.outcome in ('refused', 'compliance') and h.hold_until is not null) as is_uncertain
      from ${happened} as h`,
  )
}

/** The new value of every column of the snapshot. */
export function landing(dialect: Dialect): Readonly<Record<SnapshotColumn, Sql>> {
  const now = dialect.clock()
  const written = sql`n.outcome = 'written'`
  const fails = sql`case when s.tried_fp = n.tried_fp then s.fail_count else 0 end + 1`
  const onRefusal = (refused: Sql, name: SnapshotColumn) =>
    cases(
      [
        [sql`n.is_refused`, refused],
        [written, sql`null`],
      ],
      column('s', name),
    )
  const whileSubmitted = (value: Sql) => sql`case when n.outcome = 'submitted' then ${value} end`
  return {
    key_hash: sql`n.key_hash`,
    key_json: sql`n.key_json`,
    profile_id: sql`coalesce(n.profile_id, s.profile_id)`,
    state: cases(
      [
        [sql`n.is_upserted or n.outcome in ('returned', 'rebased')`, sql`'synced'`],
        [sql`n.is_removed`, sql`'tomb'`],
        [sql`n.is_uncertain`, sql`'unknown'`],
        [sql`n.outcome in ('submitted', 'left')`, sql`n.outcome`],
      ],
      sql`coalesce(s.state, 'absent')`,
    ),
    known: cases(
      [
        [sql`n.is_upserted`, sql`true`],
        [sql`n.is_removed or (n.is_uncertain and n.op = 'remove')`, sql`false`],
      ],
      sql`coalesce(s.known, false)`,
    ),
    fp: cases(
      [
        [sql`n.is_upserted or n.outcome = 'rebased'`, sql`n.fp`],
        [sql`n.is_removed or n.is_uncertain or n.outcome = 'forgotten'`, sql`null`],
      ],
      sql`s.fp`,
    ),
    ident: cases(
      [
        [sql`n.is_upserted`, sql`n.ident`],
        [sql`n.is_uncertain or n.outcome = 'submitted'`, bothIdents(dialect)],
      ],
      sql`s.ident`,
    ),
    dest_id: cases(
      [
        [sql`n.is_upserted`, sql`coalesce(n.dest_id, s.dest_id)`],
        [sql`n.is_removed`, sql`null`],
      ],
      sql`s.dest_id`,
    ),
    rev: cases([[written, sql`n.rev`]], sql`coalesce(s.rev, 0)`),
    last_fence: sql`n.fence`,
    last_run_id: sql`n.run_id`,
    hold_until: cases([[sql`n.outcome in (${marks()}, 'unsent')`, sql`s.hold_until`]], sql`n.hold_until`),
    tried_fp: onRefusal(sql`n.tried_fp`, 'tried_fp'),
    fail_count: cases(
      [
        [sql`n.outcome = 'refused'`, fails],
        [sql`n.outcome in ('written', 'compliance')`, sql`0`],
      ],
      sql`coalesce(s.fail_count, 0)`,
    ),
    next_retry_at: cases(
      [
        [sql`n.outcome = 'refused'`, retryAt(dialect, fails)],
        [sql`n.outcome in ('written', 'compliance')`, sql`null`],
      ],
      sql`s.next_retry_at`,
    ),
    err_class: onRefusal(sql`n.outcome`, 'err_class'),
    err_code: onRefusal(sql`n.code`, 'err_code'),
    err_message: onRefusal(sql`n.message`, 'err_message'),
    job_id: whileSubmitted(sql`n.job_id`),
    prior_state: whileSubmitted(sql`coalesce(s.state, 'absent')`),
    pending_op: whileSubmitted(sql`n.op`),
    pending_fp: whileSubmitted(sql`n.fp`),
    pending_tried: whileSubmitted(sql`n.tried_fp`),
    pending_rev: whileSubmitted(sql`n.rev`),
    pending_ident: whileSubmitted(sql`n.ident`),
    first_synced_at: cases([[sql`n.is_upserted`, sql`coalesce(s.first_synced_at, ${now})`]], sql`s.first_synced_at`),
    last_synced_at: cases([[written, now]], sql`s.last_synced_at`),
  }
}

/** Match keys that the destination may now hold: those before, and those just sent. */
export function bothIdents(dialect: Dialect): Sql {
  return cases(
    [
      [sql`s.ident is null or n.ident is null`, sql`coalesce(s.ident, n.ident)`],
      [dialect.contains(sql`s.ident`, sql`n.ident`), sql`s.ident`],
    ],
    dialect.joinText([sql`s.ident`, sql`n.ident`], ','),
  )
}

/** Writes whole rows into the snapshot: `rows` is a query of all its columns, at most one row a key. */
export function mergeRows(snapshot: Table, rows: Sql): Sql {
  const columns = Object.keys(SNAPSHOT_COLUMNS)
  const others = columns.filter((name) => name !== 'key_hash')
  return sql`
    merge into ${from(snapshot)} as held
    using (
      ${rows}
    ) as news
    on news.key_hash = held.key_hash
    when matched then update set
      ${lines(others.map((name) => sql`${id(name)} = ${column('news', name)}`))}
    when not matched then insert (
      ${lines(columns.map(id))}
    ) values (
      ${lines(columns.map((name) => column('news', name)))}
    )`
}

/** A whole snapshot row as select items, in the table's order. */
export function asColumns(values: Readonly<Record<SnapshotColumn, Sql>>): Sql {
  return lines(Object.entries(values).map(([name, value]) => sql`${value} as ${id(name)}`))
}

/** `n.fence` and `n.run_id` where both are parameters. */
export function runColumns(dialect: Dialect): Sql {
  return sql`${dialect.cast(parameter('fence'), 'bigint')} as fence, ${dialect.cast(parameter('run'), 'text')} as run_id`
}

/** Null after the last wait: quarantined. */
function retryAt(dialect: Dialect, fails: Sql): Sql {
  const waits = REFUSAL_WAITS.map((seconds, index) => sql`when ${index + 1} then ${seconds}`)
  const wait = sql`
    case ${fails}
      ${join(waits, '\n')}
    end`
  return dialect.shift(dialect.clock(), wait, 'second')
}

function cases(when: readonly (readonly [Sql, Sql])[], otherwise: Sql): Sql {
  const branches = when.map(([test, value]) => sql`when ${test} then ${value}`)
  const all = branches.reduce(
    (before, next) => sql`
    ${before}
    ${next}`,
  )
  return sql`
    case
      ${all}
      else ${otherwise}
    end`
}
