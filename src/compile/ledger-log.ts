import { from, id, parameter, type Sql, Steps, sql } from '../sql/sql.ts'
import type { Context } from './context.ts'
import { ROW_LABEL } from './ledger-label.ts'
import type { LedgerTables } from './ledger-tables.ts'
import { type Listing, listing } from './listing.ts'

const RUN = {
  sync: 'text',
  run_id: 'text',
  fence: 'integer',
  event: 'text?',
  began_at: 'timestamp',
  ended_at: 'timestamp?',
  counts: 'text?',
  detail: 'text?',
} as const

const TOLD = { run_id: 'text', outcome: 'text', rows: 'integer' } as const

const ROW = {
  key_json: 'text',
  profile_id: 'text?',
  label: 'text',
  last_run_id: 'text?',
  fence: 'integer',
  first_synced_at: 'timestamp?',
  last_synced_at: 'timestamp?',
  hold_until: 'timestamp?',
  next_retry_at: 'timestamp?',
  failures: 'integer',
  code: 'text?',
  message: 'text?',
} as const

const KNOWN = { sync: 'text', suffix: 'text' } as const

/** The syncs that the ledger knows, those included that the project no longer has, and what their tables are called after. */
export function knownSyncs(context: Context, tables: Pick<LedgerTables, 'sync'>): Listing<typeof KNOWN> {
  return listing(context, {
    name: 'known syncs',
    reason: 'every sync that ever ran (one row a sync)',
    columns: KNOWN,
    steps: new Steps(),
    rows: sql`select sync_id as sync, table_suffix as suffix from ${from(tables.sync)}`,
  })
}

/** The newest runs: of `$sync` (null: of all), begun since `$since` (null: ever), at most `$most`. */
export function runsLog(context: Context, tables: Pick<LedgerTables, 'event'>): Listing<typeof RUN> {
  const { dialect } = context
  const sync = dialect.cast(parameter('sync'), 'text')
  const since = dialect.instant(dialect.cast(parameter('since'), 'text'))
  const steps = new Steps()
  addRuns(steps, tables, sql`(${sync} is null or sync_id = ${sync}) and (${since} is null or happened_at >= ${since})`)
  return listing(context, {
    name: 'log of runs',
    reason: 'the newest of them',
    columns: RUN,
    steps,
    rows: sql`
      select sync, run_id, fence, ended_with as event, began_at, ended_at, counts, detail
      from runs
      order by began_at desc, fence desc
      limit ${dialect.cast(parameter('most'), 'bigint')}`,
  })
}

/** How many rows of a sync each run was told what about, from fence `$fence` on. */
export function toldLog(context: Context, tables: Pick<LedgerTables, 'ack'>): Listing<typeof TOLD> {
  const fence = context.dialect.cast(parameter('fence'), 'bigint')
  return listing(context, {
    name: 'log of answers',
    reason: 'rows by run and outcome',
    columns: TOLD,
    steps: new Steps(),
    rows: sql`
      select run_id, outcome, ${context.dialect.cast(sql`sum(seq_hi - seq_lo + 1)`, 'bigint')} as ${id('rows')}
      from ${from(tables.ack)}
      where kind = 'ack' and fence >= ${fence}
      group by run_id, outcome`,
  })
}

/**
 * Rows of a sync, the newest first, at most `$most`: those labelled `$label` (null: all) that were sent for the profiles
 * in `$profiles`, a JSON array of `{profile_id}` (null: for anybody).
 */
export function rowsLog(context: Context, tables: Pick<LedgerTables, 'snapshot'>): Listing<typeof ROW> {
  const { dialect } = context
  const label = dialect.cast(parameter('label'), 'text')
  const profiles = dialect.cast(parameter('profiles'), 'text')
  const steps = new Steps()
  steps.add(
    'labelled',
    'what became of each row last (one row a key)',
    sql`
      select
        key_hash, key_json, profile_id, last_run_id, last_fence as fence, first_synced_at, last_synced_at,
        hold_until, next_retry_at, fail_count as failures, err_code as code, err_message as message,
        ${ROW_LABEL} as label
      from ${from(tables.snapshot)}`,
  )
  return listing(context, {
    name: 'log of rows',
    reason: 'the newest of those that are asked for',
    columns: ROW,
    steps,
    rows: sql`
      select
        key_json, profile_id, label, last_run_id, fence, first_synced_at, last_synced_at,
        hold_until, next_retry_at, failures, code, message
      from labelled
      where (${label} is null or label = ${label})
        and (
          ${profiles} is null
          or profile_id in (select p.profile_id from ${dialect.rowsOf(parameter('profiles'), ['profile_id'])} as p)
        )
      order by fence desc, key_hash
      limit ${dialect.cast(parameter('most'), 'bigint')}`,
  })
}

/** Adds the step `runs`: begin and end of each run, from the events on which `where` is true. */
export function addRuns(steps: Steps, tables: Pick<LedgerTables, 'event'>, where: Sql): void {
  const atEnd = (column: Sql) => sql`max(case when event <> 'claimed' then ${column} end)`
  steps.add(
    'runs',
    'begin and end of each (one row a run and sync)',
    sql`
      select
        sync_id as sync, run_id, fence,
        min(happened_at) as began_at,
        ${atEnd(sql`happened_at`)} as ended_at,
        ${atEnd(sql`event`)} as ended_with,
        ${atEnd(sql`counts`)} as counts,
        ${atEnd(sql`detail`)} as detail
      from ${from(tables.event)}
      where ${where}
      group by sync_id, run_id, fence`,
  )
}
