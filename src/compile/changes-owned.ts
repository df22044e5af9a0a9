import type { Sync } from '../project/project.ts'
import { from, id, lines, type Sql, type Steps, sql } from '../sql/sql.ts'
import type { Context } from './context.ts'
import type { LedgerTables } from './ledger-tables.ts'

/** What it takes to know what is at a place. */
interface KnownOf {
  readonly context: Context
  readonly sync: Pick<Sync, 'owned'>
  readonly tables: Pick<LedgerTables, 'snapshot' | 'found'>
  readonly foldsKeys?: boolean | undefined
}

/** Columns of the snapshot that a plan compares with. */
const COLUMNS = [
  'key_json',
  'profile_id',
  'known',
  'fp',
  'ident',
  'dest_id',
  'rev',
  'hold_until',
  'tried_fp',
  'next_retry_at',
] as const

/**
 * What a plan is compared with: the snapshot, and where a mirror owns its place also what the destination holds of which
 * nobody may have the key. Such rows are foreign: never sent, or removed and put back by others.
 */
export function addKnown(steps: Steps, { context, sync, tables, foldsKeys = false }: KnownOf, members: Sql): Sql {
  if (!sync.owned) return from(tables.snapshot)
  const { dialect } = context
  const match = (key: Sql) => (foldsKeys ? sql`lower(${key})` : key)
  const strangers = steps.add(
    'strangers',
    'keys that the destination holds and that nobody of the audience has (one row a key)',
    sql`
      select min(f.key_json) as key_json, ${match(sql`f.key_json`)} as match_key
      from ${from(tables.found)} as f
      where ${match(sql`f.key_json`)} not in (
        select ${match(sql`m.key_json`)}
        from ${members} as m
        where m.claims > 0
      )
      group by ${match(sql`f.key_json`)}`,
  )
  const nothing = (name: (typeof COLUMNS)[number]) => {
    const types = { known: 'boolean', rev: 'bigint', hold_until: 'timestamp', next_retry_at: 'timestamp' } as const
    return dialect.cast(sql`null`, name in types ? types[name as keyof typeof types] : 'text')
  }
  const isBack = sql`x.match_key is not null and s.state in ('tomb', 'absent')`
  return steps.add(
    'known',
    'with what the destination holds besides; what was left there or came back is there (one row a key)',
    sql`
      select
        ${lines(COLUMNS.map((name) => sql`s.${id(name)}`))},
        case when x.match_key is not null and s.state in ('tomb', 'absent', 'left') then 'synced' else s.state end as state,
        ${isBack} as is_foreign
      from ${from(tables.snapshot)} as s
      left join ${strangers} as x on x.match_key = ${match(sql`s.key_json`)}
      union all
      select
        ${lines(COLUMNS.map((name) => (name === 'key_json' ? sql`x.key_json` : sql`${nothing(name)} as ${id(name)}`)))},
        'synced' as state,
        true as is_foreign
      from ${strangers} as x
      left join ${from(tables.snapshot)} as s on ${match(sql`s.key_json`)} = x.match_key
      where s.key_json is null`,
  )
}

/** May the person of a compared row not be contacted? Nobody has sent a foreign row to anybody. */
export function barredIn({ sync }: Pick<KnownOf, 'sync'>): Sql {
  return sync.owned ? sql`not coalesce(s.is_foreign, false) and ${IS_BARRED}` : IS_BARRED
}

/** Whoever has the key now decides; where nobody has it, the person to whom it was sent. */
const IS_BARRED = sql`coalesce(m.claims < m.copies, b.profile_id is not null)`

/** The column `is_foreign` of compared rows, where there are such. */
export function foreignIn({ sync }: Pick<KnownOf, 'sync'>): Sql {
  if (!sync.owned) return sql``
  return sql`
        coalesce(s.is_foreign, false) as is_foreign,`
}

/** Why a described row is removed. */
export function actIn({ sync }: Pick<KnownOf, 'sync'>): Sql {
  const foreign = sync.owned ? sql`when c.is_foreign then 'foreign' ` : sql``
  return sql`case when c.verdict = 'remove' then case ${foreign}when c.is_barred then 'withdraw' else 'leave' end end`
}
