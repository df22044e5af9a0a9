import type { Dialect } from '../sql/dialect.ts'
import { from, join, parameter, type Sql, sql, text } from '../sql/sql.ts'
import { isMine } from './ledger-merge.ts'
import type { LedgerTables } from './ledger-tables.ts'

/** What a command did to the ledger of a sync by hand, as `run_event` names it; a run ends with other words. */
export const MEND_EVENTS = ['unlocked', 'retried', 'reset', 'adopted', 'reconciled', 'rekeyed'] as const

export type MendEvent = (typeof MEND_EVENTS)[number]

/**
 * Refused rows are due again, and their failures are forgotten; what the vendor said of them stays until the next
 * answer. Parameters: `compliance` (also rows of persons whom the vendor refuses), `sync`, `fence`.
 */
export function retryQuery(dialect: Dialect, tables: LedgerTables): Sql {
  return sql`
    update ${from(tables.snapshot)}
    set tried_fp = null, fail_count = 0, next_retry_at = null
    where tried_fp is not null
      and (${dialect.cast(parameter('compliance'), 'boolean')} or coalesce(err_class, '') <> 'compliance')
      and ${isMine(dialect, tables)}`
}

/** One row: how many rows wait for their backoff, are given up, or belong to persons whom the vendor refuses. */
export function refusedQuery(dialect: Dialect, tables: Pick<LedgerTables, 'snapshot'>): Sql {
  const isCompliance = sql`coalesce(err_class, '') = 'compliance'`
  const count = (test: Sql) => dialect.aggregate('count', undefined, test)
  return sql`
    select
      ${count(sql`not ${isCompliance} and next_retry_at is not null`)} as refused,
      ${count(sql`not ${isCompliance} and next_retry_at is null`)} as quarantined,
      ${count(isCompliance)} as compliance
    from ${from(tables.snapshot)}
    where tried_fp is not null`
}

/** True of events of runs; commands that mend the ledger claim its lease, too. */
export function isOfRun(tables: Pick<LedgerTables, 'event'>): Sql {
  return sql`run_id not in (
    select run_id
    from ${from(tables.event)}
    where event in (${join(MEND_EVENTS.map(text))})
  )`
}
