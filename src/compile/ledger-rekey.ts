import { from, type Sql, Steps, sql } from '../sql/sql.ts'
import { aliasesPublished } from './identity/overlay.ts'
import type { ExpectedOf } from './ledger-expected.ts'
import { isMine } from './ledger-merge.ts'

/**
 * Old keys that get a new one: rows marked `old` in `judged`, by the profile that was sent under them or the one that it
 * was merged into. Of several rows of one profile the one that was written last moves; a new key that the ledger knows
 * already gets none.
 */
export function movesQuery({ context, sync, tables, compare }: ExpectedOf): Sql {
  const steps = new Steps()
  const entity = context.project.entities.get(sync.entity ?? '')
  if (entity === undefined) throw new Error(`entity ${sync.entity} was not resolved`)
  steps.add(
    'aliases',
    'ids that were merged away → the id in use (one row an alias)',
    aliasesPublished(context, entity),
  )
  steps.add(
    'ranked',
    'rows under an old key with the new key of their profile (one row an old key)',
    sql`
      select
        s.key_hash as old_hash, e.key_hash, e.key_json, e.profile_id,
        row_number() over (
          partition by e.key_hash order by s.last_synced_at desc nulls last, s.last_fence desc, s.key_hash
        ) as place
      from ${from(compare.judged)} as j
      join ${from(tables.snapshot)} as s on s.key_hash = j.key_hash
      left join aliases as a on a.alias = s.profile_id
      join ${from(compare.expected)} as e on e.profile_id = coalesce(a.profile_id, s.profile_id)
      where s.state not in ('absent', 'tomb', 'submitted')`,
  )
  return steps.select(sql`
    select r.old_hash, r.key_hash, r.key_json, r.profile_id
    from ranked as r
    left join ${from(tables.snapshot)} as taken on taken.key_hash = r.key_hash
    where r.place = 1 and taken.key_hash is null`)
}

/** Gives rows their new key, all at once; what was acknowledged stays. Parameters: `sync`, `fence`, `run`. */
export function moveQuery({ context: { dialect }, tables, compare }: ExpectedOf): Sql {
  return sql`
    merge into ${from(tables.snapshot)} as held
    using (
      select p.old_hash, p.key_hash, p.key_json, p.profile_id
      from ${from(compare.pairs)} as p
      where ${isMine(dialect, tables)}
    ) as news
    on news.old_hash = held.key_hash
    when matched then update set
      key_hash = news.key_hash,
      key_json = news.key_json,
      profile_id = news.profile_id`
}

/** One row: how many rows stand under an old key, and how many of them get a new one. */
export function rekeyQuery({ compare, tables }: ExpectedOf): Sql {
  return sql`
    select
      (
        select count(*)
        from ${from(compare.judged)} as j
        join ${from(tables.snapshot)} as s on s.key_hash = j.key_hash and s.state not in ('absent', 'tomb')
      ) as old_keys,
      (select count(*) from ${from(compare.pairs)}) as moved`
}
