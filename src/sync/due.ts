import { ledgerTables } from '../compile/ledger-tables.ts'
import type { Sync } from '../project/project.ts'
import type { Dialect } from '../sql/dialect.ts'
import { from, parameter, type Statement, sql } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'

/** A run that comes a little early (cron is never exact) is not told to come again: a tenth of the time is let off. */
const SHARE = 0.9

/**
 * The names of syncs whose last run that came to its end began so long ago as their `every:` says, by the clock of the
 * warehouse; and of those that never had one, or say nothing.
 */
export async function dueSyncs(
  session: Session,
  { schema, syncs }: { readonly schema: string; readonly syncs: readonly Pick<Sync, 'name' | 'every'>[] },
): Promise<ReadonlySet<string>> {
  const due = new Set<string>()
  for (const { name, every } of syncs) {
    const tables = ledgerTables(schema, name)
    const isKnown = every !== undefined && (await session.columns(tables.event)) !== undefined
    const row = isKnown
      ? await session.first({ statement: lastRun(session.dialect, schema, name), values: { sync: name } })
      : undefined
    const passed = row?.passed ?? null
    if (every === undefined || passed === null || Number(passed) >= every * SHARE) due.add(name)
  }
  return due
}

/** One row, `passed`: seconds since the last run began that came to its end; null for none. */
export function lastRun(dialect: Dialect, schema: string, sync: string): Statement {
  const { event } = ledgerTables(schema, sync)
  return {
    name: 'last run of a sync',
    reason: 'when the last run began that came to its end',
    sql: sql`
      select (${dialect.epoch(dialect.clock())} - ${dialect.epoch(sql`max(began.happened_at)`)}) / 1000000 as passed
      from ${from(event)} as began
      join ${from(event)} as ended on ended.sync_id = began.sync_id and ended.fence = began.fence
      where began.sync_id = ${parameter('sync')} and began.event = 'claimed' and ended.event = 'done'`,
  }
}
