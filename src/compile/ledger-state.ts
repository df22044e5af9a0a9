import type { Dialect } from '../sql/dialect.ts'
import { from, type Sql, sql } from '../sql/sql.ts'
import { isMine } from './ledger-merge.ts'
import type { LedgerTables } from './ledger-tables.ts'

/** One row: version of the state, target under which it was made, when (ISO 8601 as cells have it). */
export function metaQuery(tables: Pick<LedgerTables, 'meta'>): Sql {
  return sql`select max(state_version) as version, max(target) as target, min(created_at) as created_at from ${from(tables.meta)}`
}

/** One row of what the rows of a sync wait for: `keys`, `on_hold`, `to_correct` (there, and to be sent again). */
export function waitsQuery(dialect: Dialect, tables: Pick<LedgerTables, 'snapshot'>): Sql {
  const count = (test?: Sql) => dialect.aggregate('count', undefined, test)
  return sql`
    select
      ${count()} as keys,
      ${count(sql`hold_until > ${dialect.clock()}`)} as on_hold,
      ${count(sql`state = 'synced' and fp is null`)} as to_correct
    from ${from(tables.snapshot)}`
}

/**
 * Forgets every row of a sync but those that something under way may still change: their holds and jobs stay.
 * Parameters: `sync`, `fence`.
 */
export function resetQuery(dialect: Dialect, tables: LedgerTables): Sql {
  return sql`
    delete from ${from(tables.snapshot)}
    where state <> 'submitted'
      and not coalesce(hold_until > ${dialect.clock()}, false)
      and ${isMine(dialect, tables)}`
}

/**
 * Rows on hold that a reset left are unknown: sent again when the hold is over, and removable. Parameters: `sync`,
 * `fence`.
 */
export function doubtQuery(dialect: Dialect, tables: LedgerTables): Sql {
  const nothing = dialect.cast(sql`null`, 'text')
  return sql`
    update ${from(tables.snapshot)}
    set state = 'unknown', known = false, fp = ${nothing}, tried_fp = ${nothing}
    where state not in ('submitted', 'tomb', 'absent') and ${isMine(dialect, tables)}`
}
