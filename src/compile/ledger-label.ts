import { type Sql, sql } from '../sql/sql.ts'
import { QUARANTINED_AFTER } from './ledger-tables.ts'

/** What a row of the snapshot shows as: one that was refused as such, whatever the destination held before. */
export const ROW_LABEL: Sql = sql`
  case
    when fail_count >= ${QUARANTINED_AFTER} or (tried_fp is not null and next_retry_at is null) then 'quarantined'
    when tried_fp is not null then 'refused'
    when state = 'tomb' then 'removed'
    else state
  end`
