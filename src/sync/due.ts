import { isOfRun } from '../compile/ledger-mend.ts'
import type { LedgerTables } from '../compile/ledger-tables.ts'
import type { Sync } from '../project/project.ts'
import type { Dialect } from '../sql/dialect.ts'
import { from, parameter, type Sql, type Statement, Steps, sql } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'
import { findLedger } from './find-ledger.ts'

/** A run that comes a little early (cron is never exact) is not told to come again: a tenth of the time is let off. */
const SHARE = 0.9

/**
 * The names of syncs whose last run that came to its end began so long ago as their `every:` says, by the clock of the
 * warehouse; and of those that never had one, or say nothing. None of them is one whose destination has asked in the
 * last run to be left alone for longer.
 */
export async function dueSyncs(
  session: Session,
  { schema, syncs }: { readonly schema: string; readonly syncs: readonly Pick<Sync, 'name' | 'was' | 'every'>[] },
): Promise<ReadonlySet<string>> {
  const due = new Set<string>()
  for (const sync of syncs) {
    const { name: kept, tables } = await findLedger(session, schema, sync)
    const isKnown = (await session.columns(tables.event)) !== undefined
    const row = isKnown
      ? await session.first({ statement: lastRun(session.dialect, tables), values: { sync: kept } })
      : undefined
    const passed = row?.passed ?? null
    const isPostponed = Number(row?.postponed ?? 0) > 0
    const isOver = sync.every === undefined || passed === null || Number(passed) >= sync.every * SHARE
    if (isOver && !isPostponed) due.add(sync.name)
  }
  return due
}

/**
 * One row: `passed`, seconds since the last run began that came to its end, null for none; and `postponed`, seconds that
 * are left of what the destination asked for in the last run, null where it asked for nothing.
 */
export function lastRun(dialect: Dialect, tables: Pick<LedgerTables, 'event'>): Statement {
  const { event } = tables
  const seconds = (instant: Sql) => sql`${dialect.epoch(instant)} / 1000000`
  const steps = new Steps()
  const ended = steps.add(
    'ended',
    'when the last run began that came to its end (one row)',
    sql`
      select ${seconds(dialect.clock())} - ${seconds(sql`max(began.happened_at)`)} as passed
      from ${from(event)} as began
      join ${from(event)} as ended on ended.sync_id = began.sync_id and ended.fence = began.fence
      where began.sync_id = ${parameter('sync')} and began.event = 'claimed' and ended.event = 'done'`,
  )
  const last = steps.add(
    'last_end',
    'how the last run ended, however that was (at most one row)',
    sql`
      select ${dialect.cast(dialect.jsonText(sql`counts`, 'postponed'), 'bigint')} as wished, happened_at
      from ${from(event)}
      where sync_id = ${parameter('sync')} and event <> 'claimed' and ${isOfRun(tables)}
      order by fence desc, happened_at desc
      limit 1`,
  )
  return {
    name: 'last run of a sync',
    reason: 'when the last run began that came to its end, and how long the destination wants to be left alone',
    sql: steps.select(sql`
      select
        e.passed,
        l.wished + ${seconds(sql`l.happened_at`)} - ${seconds(dialect.clock())} as postponed
      from ${ended} as e
      left join ${last} as l on true`),
  }
}
