import { ROW_LABEL } from '../compile/ledger-label.ts'
import { isOfRun } from '../compile/ledger-mend.ts'
import { type LedgerTables, ledgerTables } from '../compile/ledger-tables.ts'
import type { Sync } from '../project/project.ts'
import type { Dialect } from '../sql/dialect.ts'
import { from, id, lines, parameter, type Statement, Steps, sql, text } from '../sql/sql.ts'
import type { Row, Session } from '../warehouses/warehouse.ts'
import { findLedger } from './find-ledger.ts'
import { targetStatement } from './state-statements.ts'

/** What the ledger knows of one sync. */
export interface SyncState {
  readonly name: string
  /** Undefined before the first run. */
  readonly lastRun:
    | {
        readonly runId: string
        /** How it ended, or `claimed` while it runs or where it was cut off. */
        readonly event: string
        /** ISO 8601. */
        readonly at: string
        readonly counts: Readonly<Record<string, number>>
        readonly detail: string | undefined
      }
    | undefined
  /** Rows that the destination holds or may hold, or that it refused. */
  readonly rows: Readonly<Record<RowState, number>>
  /** Undefined while nobody holds the lease. */
  readonly lease: { readonly holder: string; readonly until: string; readonly run_id: string } | undefined
}

/** refused: waits for its backoff or another payload. quarantined: only for another payload. */
export type RowState = 'synced' | 'unknown' | 'submitted' | 'refused' | 'quarantined' | 'left' | 'removed'

/** The state of each named sync, in the order given; those that never ran are there, too. */
export async function syncStates(
  session: Session,
  schema: string,
  syncs: readonly Pick<Sync, 'name' | 'was'>[],
): Promise<readonly SyncState[]> {
  const states: SyncState[] = []
  for (const sync of syncs) {
    const { name, tables } = await findLedger(session, schema, sync)
    const isKnown = (await session.columns(tables.snapshot)) !== undefined
    const statement = stateStatement(session.dialect, tables)
    states.push(stateOf(sync.name, isKnown ? await session.first({ statement, values: { sync: name } }) : undefined))
  }
  return states
}

/** The target for which the ledger in a schema was made; undefined in one that is empty. The schema must be there. */
export async function ledgerTarget(session: Session, schema: string): Promise<string | undefined> {
  const row = await session.first({ statement: targetStatement(ledgerTables(schema, '')) })
  return row?.target ?? undefined
}

function stateStatement(dialect: Dialect, tables: LedgerTables): Statement {
  const steps = new Steps()
  const counts = STATES.map(
    (state) => sql`${dialect.aggregate('count', undefined, sql`state = ${text(state)}`)} as ${id(state)}`,
  )
  steps.add(
    'labelled',
    'a row that was refused shows as such, whatever the destination held before',
    sql`
      select
        ${ROW_LABEL} as state
      from ${from(tables.snapshot)}`,
  )
  steps.add(
    'counted',
    'rows by state',
    sql`
      select
        ${lines(counts)}
      from labelled`,
  )
  steps.add(
    'last_event',
    'how the last run ended (at most one row)',
    sql`
      select run_id, event, happened_at, counts, detail
      from ${from(tables.event)}
      where sync_id = ${parameter('sync')} and ${isOfRun(tables)}
      order by fence desc, happened_at desc, case when event = 'claimed' then 1 else 0 end
      limit 1`,
  )
  return {
    name: 'state of a sync',
    reason: 'last run, lease, rows by state',
    sql: steps.select(sql`
      select s.holder, s.lease_until, s.active_run_id, e.run_id, e.event, e.happened_at, e.counts, e.detail, c.*
      from counted as c
      left join ${from(tables.sync)} as s on s.sync_id = ${parameter('sync')}
      left join last_event as e on true`),
  }
}

const STATES: readonly RowState[] = ['synced', 'unknown', 'submitted', 'refused', 'quarantined', 'left', 'removed']

function stateOf(name: string, row: Row | undefined): SyncState {
  const counts = STATES.map((state) => [state, Number(row?.[state] ?? 0)])
  return {
    name,
    lastRun: row?.run_id
      ? {
          runId: row.run_id,
          event: row.event ?? '',
          at: row.happened_at ?? '',
          counts: JSON.parse(row.counts ?? '{}') as Record<string, number>,
          detail: row.detail ?? undefined,
        }
      : undefined,
    rows: Object.fromEntries(counts) as Record<RowState, number>,
    lease: row?.holder
      ? { holder: row.holder, until: row.lease_until ?? '', run_id: row.active_run_id ?? '' }
      : undefined,
  }
}
