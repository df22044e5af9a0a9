import type { Sync } from '../project/project.ts'
import { from, parameter, Steps, sql, stacked } from '../sql/sql.ts'
import { addAudience } from './changes-audience.ts'
import { addHolder } from './changes-holder.ts'
import { hasNoKey, keyJson } from './changes-values.ts'
import type { Context } from './context.ts'
import type { LedgerTables } from './ledger-tables.ts'
import { type Listing, listing } from './listing.ts'

/** What withdrawals by hand are compiled from. */
export interface WithdrawalsOf {
  readonly context: Context
  readonly sync: Sync
  readonly tables: Pick<LedgerTables, 'snapshot'>
  /** Fields by which the vendor finds a row. */
  readonly matchFields: ReadonlySet<string>
}

const COLUMNS = {
  key_json: 'text',
  profile_id: 'text?',
  why: 'text',
  last_run_id: 'text?',
  fence: 'integer',
  first_synced_at: 'timestamp?',
  last_synced_at: 'timestamp?',
} as const

/**
 * Rows that the destination holds of people who may not be contacted as one build knows it: those whom a plan lists
 * where the destination has no act for them. The rows of the newest runs first, at most `$most`.
 */
export function withdrawalsList({ context, sync, tables, matchFields }: WithdrawalsOf): Listing<typeof COLUMNS> {
  const { dialect, project } = context
  const steps = new Steps()
  const audience = addAudience(steps, { context, sync, matchFields })
  const keyed = steps.add(
    'keyed',
    'the audience with its keys (one row a profile)',
    audience.select(
      [
        sql`${keyJson(project, sync, dialect)} as key_json`,
        sql`case when ${audience.isBarred} then 1 else 0 end as is_barred`,
        sql`${audience.reason} as reason`,
      ],
      audience.included,
      sql`not ${hasNoKey(sync)}`,
    ),
  )
  const holders = steps.add(
    'holders',
    'whoever has a key now decides (one row a key)',
    sql`
      select key_json, max(is_barred) as is_barred, min(reason) as reason
      from ${keyed}
      group by key_json`,
  )
  const holder = addHolder(steps, { context, sync })
  return listing(context, {
    name: 'withdrawals by hand',
    reason: 'what is there of people who may not be contacted; where nobody has a key, it is that of the person sent',
    columns: COLUMNS,
    steps,
    rows: sql`
      select
        s.key_json, ${holder.id} as profile_id, coalesce(h.reason, b.reason) as why,
        s.last_run_id, s.last_fence as fence, s.first_synced_at, s.last_synced_at
      from ${from(tables.snapshot)} as s
      left join ${holders} as h on h.key_json = s.key_json
      ${stacked([...holder.joins, sql`left join ${audience.barred} as b on b.profile_id = ${holder.id}`])}
      where s.state in ('synced', 'unknown', 'left')
        and coalesce(h.is_barred = 1, b.profile_id is not null)
      order by s.last_fence desc, s.key_hash
      limit ${dialect.cast(parameter('most'), 'bigint')}`,
  })
}
