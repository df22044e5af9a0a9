-- known syncs: every sync that ever ran (one row a sync)
with
-- every sync that ever ran (one row a sync)
"found" as (
  select sync_id as sync, table_suffix as suffix from "_cdp"."sync"
),
-- each as a JSON array
"written" as (
  select ('[' || (coalesce(cast(to_json(cast("f"."sync" as varchar)) as varchar), 'null'))
    || ',' || (coalesce(cast(to_json(cast("f"."suffix" as varchar)) as varchar), 'null'))
    || ']') as line
  from "found" as f
)
select string_agg(line, '
' order by line) as listed
from "written"

-- log of runs: the newest of them
with
-- begin and end of each (one row a run and sync)
"runs" as (
  select
    sync_id as sync, run_id, fence,
    min(happened_at) as began_at,
    max(case when event <> 'claimed' then happened_at end) as ended_at,
    max(case when event <> 'claimed' then event end) as ended_with,
    max(case when event <> 'claimed' then counts end) as counts,
    max(case when event <> 'claimed' then detail end) as detail
  from "_cdp"."run_event"
  where (cast($sync as varchar) is null or sync_id = cast($sync as varchar)) and (cast(cast($since as varchar) as
    timestamptz) is null or happened_at >= cast(cast($since as varchar) as timestamptz))
  group by sync_id, run_id, fence
),
-- the newest of them
"found" as (
  select sync, run_id, fence, ended_with as event, began_at, ended_at, counts, detail
  from runs
  order by began_at desc, fence desc
  limit cast($most as bigint)
),
-- each as a JSON array
"written" as (
  select ('['
  || (coalesce(cast(to_json(cast("f"."sync" as varchar)) as varchar), 'null'))
  || ','
  || (coalesce(cast(to_json(cast("f"."run_id" as varchar)) as varchar), 'null'))
  || ','
  || (coalesce(cast("f"."fence" as varchar), 'null'))
  || ','
  || (coalesce(cast(to_json(cast("f"."event" as varchar)) as varchar), 'null'))
  || ','
  || (coalesce(('"' || (replace(cast(make_timestamp(epoch_us(
    cast("f"."began_at" as timestamptz)
  )) as varchar), ' ', 'T') || 'Z') || '"'), 'null'))
  || ','
  || (coalesce(('"' || (replace(cast(make_timestamp(epoch_us(
    cast("f"."ended_at" as timestamptz)
  )) as varchar), ' ', 'T') || 'Z') || '"'), 'null'))
  || ','
  || (coalesce(cast(to_json(cast("f"."counts" as varchar)) as varchar), 'null'))
  || ','
  || (coalesce(cast(to_json(cast("f"."detail" as varchar)) as varchar), 'null'))
  || ']') as line
  from "found" as f
)
select string_agg(line, '
' order by line) as listed
from "written"

-- log of answers: rows by run and outcome
with
-- rows by run and outcome
"found" as (
  select run_id, outcome, cast(sum(seq_hi - seq_lo + 1) as bigint) as "rows"
  from "_cdp"."ack_readers_e2257349"
  where kind = 'ack' and fence >= cast($fence as bigint)
  group by run_id, outcome
),
-- each as a JSON array
"written" as (
  select ('[' || (coalesce(cast(to_json(cast("f"."run_id" as varchar)) as varchar), 'null'))
    || ',' || (coalesce(cast(to_json(cast("f"."outcome" as varchar)) as varchar), 'null'))
    || ',' || (coalesce(cast("f"."rows" as varchar), 'null')) || ']') as line
  from "found" as f
)
select string_agg(line, '
' order by line) as listed
from "written"

-- log of rows: the newest of those that are asked for
with
-- what became of each row last (one row a key)
"labelled" as (
  select
    key_hash, key_json, profile_id, last_run_id, last_fence as fence, first_synced_at, last_synced_at,
    hold_until, next_retry_at, fail_count as failures, err_code as code, err_message as message,
    case
      when fail_count >= 5 or (tried_fp is not null and next_retry_at is null) then 'quarantined'
      when tried_fp is not null then 'refused'
      when state = 'tomb' then 'removed'
      else state
    end as label
  from "_cdp"."snap_readers_e2257349"
),
-- the newest of those that are asked for
"found" as (
  select
    key_json, profile_id, label, last_run_id, fence, first_synced_at, last_synced_at,
    hold_until, next_retry_at, failures, code, message
  from labelled
  where (cast($label as varchar) is null or label = cast($label as varchar))
    and (
      cast($profiles as varchar) is null
      or profile_id in (select p.profile_id from (
        select
          json_extract_string(item, '/profile_id') as "profile_id"
        from (select unnest(from_json($profiles, '["JSON"]')) as item)
      ) as p)
    )
  order by fence desc, key_hash
  limit cast($most as bigint)
),
-- each as a JSON array
"written" as (
  select ('['
  || (coalesce(cast(to_json(cast("f"."key_json" as varchar)) as varchar), 'null'))
  || ','
  || (coalesce(cast(to_json(cast("f"."profile_id" as varchar)) as varchar), 'null'))
  || ','
  || (coalesce(cast(to_json(cast("f"."label" as varchar)) as varchar), 'null'))
  || ','
  || (coalesce(cast(to_json(cast("f"."last_run_id" as varchar)) as varchar), 'null'))
  || ','
  || (coalesce(cast("f"."fence" as varchar), 'null'))
  || ','
  || (coalesce(('"' || (replace(cast(make_timestamp(epoch_us(
    cast("f"."first_synced_at" as timestamptz)
  )) as varchar), ' ', 'T') || 'Z') || '"'), 'null'))
  || ','
  || (coalesce(('"' || (replace(cast(make_timestamp(epoch_us(
    cast("f"."last_synced_at" as timestamptz)
  )) as varchar), ' ', 'T') || 'Z') || '"'), 'null'))
  || ','
  || (coalesce(('"' || (replace(cast(make_timestamp(epoch_us(
    cast("f"."hold_until" as timestamptz)
  )) as varchar), ' ', 'T') || 'Z') || '"'), 'null'))
  || ','
  || (coalesce(('"' || (replace(cast(make_timestamp(epoch_us(
    cast("f"."next_retry_at" as timestamptz)
  )) as varchar), ' ', 'T') || 'Z') || '"'), 'null'))
  || ','
  || (coalesce(cast("f"."failures" as varchar), 'null'))
  || ','
  || (coalesce(cast(to_json(cast("f"."code" as varchar)) as varchar), 'null'))
  || ','
  || (coalesce(cast(to_json(cast("f"."message" as varchar)) as varchar), 'null'))
  || ']') as line
  from "found" as f
)
select string_agg(line, '
' order by line) as listed
from "written"

-- refused rows: mends
select
  count(*) filter (where not coalesce(err_class, '') = 'compliance' and next_retry_at is not null) as refused,
  count(*) filter (where not coalesce(err_class, '') = 'compliance' and next_retry_at is null) as quarantined,
  count(*) filter (where coalesce(err_class, '') = 'compliance') as compliance
from "_cdp"."snap_readers_e2257349"
where tried_fp is not null

-- retry: mends
update "_cdp"."snap_readers_e2257349"
set tried_fp = null, fail_count = 0, next_retry_at = null
where tried_fp is not null
  and (cast($compliance as boolean) or coalesce(err_class, '') <> 'compliance')
  and exists (
    select 1
    from "_cdp"."sync"
    where sync_id = $sync and fence = cast($fence as bigint)
  )

-- reset: mends
delete from "_cdp"."snap_readers_e2257349"
where state <> 'submitted'
  and not coalesce(hold_until > current_timestamp, false)
  and exists (
    select 1
    from "_cdp"."sync"
    where sync_id = $sync and fence = cast($fence as bigint)
  )

-- doubt: mends
update "_cdp"."snap_readers_e2257349"
set state = 'unknown', known = false, fp = cast(null as varchar), tried_fp = cast(null as varchar)
where state not in ('submitted', 'tomb', 'absent') and exists (
  select 1
  from "_cdp"."sync"
  where sync_id = $sync and fence = cast($fence as bigint)
)

-- expected: compares
with
-- who has asked not to be contacted, or must not be (one row a profile)
"suppressed" as (
  select distinct profile_id
  from "_cdp"."b0_customer_suppressed"
  where scope is null
),
-- who may not be contacted
"barred" as (
  select profile_id, 'suppressed' as reason
  from "suppressed"
),
-- the audience with its keys (one row a profile)
"keyed" as (
  select
    ('{"mail":' || cast(to_json(cast("p"."email" as varchar)) as varchar) || '}') as key_json,
    p.profile_id,
    md5(
      concat_ws(
        '',
        coalesce(('city='
        || (case
          when typeof("p"."city") in ('TIMESTAMP', 'TIMESTAMP WITH TIME ZONE')
            then '"' || (replace(cast(make_timestamp(epoch_us(
              try_cast("p"."city" as timestamptz)
            )) as varchar), ' ', 'T') || 'Z') || '"'
          else nullif(regexp_replace(cast(to_json("p"."city") as varchar),
            '^-(0)\.0+$|\.0+$|(\.\d*[1-9])0+$|^-?(NaN|Infinity)$', '\1\2'), '')
        end)), 'city~')
      )
    ) as fp,
    ('{'
    || (concat_ws(
      ',',
      ('"city":'
      || (case
        when typeof("p"."city") in ('TIMESTAMP', 'TIMESTAMP WITH TIME ZONE')
          then '"' || (replace(cast(make_timestamp(epoch_us(
            try_cast("p"."city" as timestamptz)
          )) as varchar), ' ', 'T') || 'Z') || '"'
        else nullif(regexp_replace(cast(to_json("p"."city") as varchar),
          '^-(0)\.0+$|\.0+$|(\.\d*[1-9])0+$|^-?(NaN|Infinity)$', '\1\2'), '')
      end))
    ))
    || '}') as payload,
    ('{'
    || (concat_ws(
      ',',
      ('"city":'
      || (case
        when typeof("p"."city") in ('TIMESTAMP', 'TIMESTAMP WITH TIME ZONE')
          then '"' || (replace(cast(make_timestamp(epoch_us(
            try_cast("p"."city" as timestamptz)
          )) as varchar), ' ', 'T') || 'Z') || '"'
        else nullif(regexp_replace(cast(to_json("p"."city") as varchar),
          '^-(0)\.0+$|\.0+$|(\.\d*[1-9])0+$|^-?(NaN|Infinity)$', '\1\2'), '')
      end))
    ))
    || '}') as ident
  from "_cdp"."b0_customer" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "barred"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_cdp"."b0_clock" as clock
  where true
    and not (barred.barred_id is not null)
    and not ("p"."email" is null)
),
-- keys that one profile alone claims
"own" as (
  select key_json
  from "keyed"
  group by key_json
  having count(*) = 1
)
select
  k.key_json, left(sha256(k.key_json), 32) as key_hash,
  lower(concat_ws('', coalesce(json_extract_string(k.key_json, '/mail'), ''))) as match_key,
  k.profile_id, k.fp, k.payload, k.ident
from "keyed" as k
join own on own.key_json = k.key_json

-- found pairs: compares
with
-- what was found (one row a key; of several the vendor itself could not say which is meant)
"once" as (
  select match_key, min(key_json) as key_json, min(fields) as fields
  from "_cdp"."found_readers_e2257349_f0"
  group by match_key
)
select e.key_hash, e.key_json, e.payload, f.fields
from "_cdp"."expected_readers_e2257349_f0" as e
join once as f on f.match_key = e.match_key

-- synced pairs: compares
with
-- what was found (one row a key; of several the vendor itself could not say which is meant)
"once" as (
  select match_key, min(key_json) as key_json, min(fields) as fields
  from "_cdp"."found_readers_e2257349_f0"
  group by match_key
)
select e.key_hash, e.key_json, e.payload, f.fields
from "_cdp"."expected_readers_e2257349_f0" as e
join "_cdp"."snap_readers_e2257349" as s
  on s.key_hash = e.key_hash and s.state = 'synced' and s.fp = e.fp
  and not coalesce(s.hold_until > current_timestamp, false)
left join once as f on f.match_key = e.match_key

-- sampled pairs: compares
select e.key_hash, e.key_json, e.payload, cast(null as varchar) as fields
from "_cdp"."expected_readers_e2257349_f0" as e
join "_cdp"."snap_readers_e2257349" as s
  on s.key_hash = e.key_hash and s.state = 'synced' and s.fp = e.fp
  and not coalesce(s.hold_until > current_timestamp, false)
order by md5((e.key_hash || cast($seed as varchar))), e.key_hash
limit cast($rows as bigint)

-- comparable: compares
select
  (select count(*) from "_cdp"."snap_readers_e2257349" where state = 'synced') as synced,
  (select count(*) from "_cdp"."expected_readers_e2257349_f0" as e
  join "_cdp"."snap_readers_e2257349" as s
    on s.key_hash = e.key_hash and s.state = 'synced' and s.fp = e.fp
    and not coalesce(s.hold_until > current_timestamp, false)) as comparable

-- adoption: compares
with
-- what was found (one row a key; of several the vendor itself could not say which is meant)
"once" as (
  select match_key, min(key_json) as key_json, min(fields) as fields
  from "_cdp"."found_readers_e2257349_f0"
  group by match_key
),
-- each key that was found, with what the ledger holds (one row a key)
"told" as (
  select e.key_hash, j.verdict, coalesce(s.state in ('synced', 'submitted', 'left'), false) as is_known
  from once as f
  left join "_cdp"."expected_readers_e2257349_f0" as e on e.match_key = f.match_key
  left join "_cdp"."judged_readers_e2257349_f0" as j on j.key_hash = e.key_hash
  left join "_cdp"."snap_readers_e2257349" as s on s.key_hash = coalesce(e.key_hash, left(sha256(f.key_json), 32))
)
select
  count(*) filter (where not is_known and key_hash is not null and verdict = 'equal') as "equal",
  count(*) filter (
    where not is_known and key_hash is not null and coalesce(verdict, 'differs') <> 'equal'
  ) as "differs",
  count(*) filter (where is_known) as "known",
  count(*) filter (where not is_known and key_hash is null) as "strangers"
from told

-- adopt: compares
merge into "_cdp"."snap_readers_e2257349" as held
using (
  with
  -- what was found (one row a key; of several the vendor itself could not say which is meant)
  "once" as (
    select match_key, min(key_json) as key_json, min(fields) as fields
    from "_cdp"."found_readers_e2257349_f0"
    group by match_key
  ),
  -- what the destination holds (one row a key)
  "held" as (
    select
      e.key_hash, e.key_json, e.profile_id, e.ident,
      case when j.verdict = 'equal' then e.fp end as fp
    from "_cdp"."expected_readers_e2257349_f0" as e
    join once as f on f.match_key = e.match_key
    left join "_cdp"."judged_readers_e2257349_f0" as j on j.key_hash = e.key_hash
    union all
    select
      left(sha256(f.key_json), 32) as key_hash, f.key_json, cast(null as varchar) as profile_id, cast(null as varchar)
        as ident,
      cast(null as varchar) as fp
    from once as f
    left join "_cdp"."expected_readers_e2257349_f0" as e on e.match_key = f.match_key
    where e.match_key is null
  )
  select
    n.key_hash as "key_hash",
    n.key_json as "key_json",
    coalesce(n.profile_id, s.profile_id) as "profile_id",
    'synced' as "state",
    true as "known",
    case when s.hold_until > current_timestamp then null else n.fp end as "fp",
    coalesce(n.ident, s.ident) as "ident",
    s.dest_id as "dest_id",
    coalesce(s.rev, 0) as "rev",
    cast($fence as bigint) as "last_fence",
    cast($run as varchar) as "last_run_id",
    s.hold_until as "hold_until",
    cast(null as varchar) as "tried_fp",
    cast(0 as bigint) as "fail_count",
    cast(null as timestamptz) as "next_retry_at",
    cast(null as varchar) as "err_class",
    cast(null as varchar) as "err_code",
    cast(null as varchar) as "err_message",
    cast(null as varchar) as "job_id",
    cast(null as varchar) as "prior_state",
    cast(null as varchar) as "pending_op",
    cast(null as varchar) as "pending_fp",
    cast(null as varchar) as "pending_tried",
    cast(null as bigint) as "pending_rev",
    cast(null as varchar) as "pending_ident",
    coalesce(s.first_synced_at, current_timestamp) as "first_synced_at",
    current_timestamp as "last_synced_at"
  from held as n
  left join "_cdp"."snap_readers_e2257349" as s on s.key_hash = n.key_hash
  where (s.key_hash is null or s.state in ('absent', 'tomb', 'unknown')) and exists (
    select 1
    from "_cdp"."sync"
    where sync_id = $sync and fence = cast($fence as bigint)
  )
) as news
on news.key_hash = held.key_hash
when matched then update set
  "key_json" = "news"."key_json",
  "profile_id" = "news"."profile_id",
  "state" = "news"."state",
  "known" = "news"."known",
  "fp" = "news"."fp",
  "ident" = "news"."ident",
  "dest_id" = "news"."dest_id",
  "rev" = "news"."rev",
  "last_fence" = "news"."last_fence",
  "last_run_id" = "news"."last_run_id",
  "hold_until" = "news"."hold_until",
  "tried_fp" = "news"."tried_fp",
  "fail_count" = "news"."fail_count",
  "next_retry_at" = "news"."next_retry_at",
  "err_class" = "news"."err_class",
  "err_code" = "news"."err_code",
  "err_message" = "news"."err_message",
  "job_id" = "news"."job_id",
  "prior_state" = "news"."prior_state",
  "pending_op" = "news"."pending_op",
  "pending_fp" = "news"."pending_fp",
  "pending_tried" = "news"."pending_tried",
  "pending_rev" = "news"."pending_rev",
  "pending_ident" = "news"."pending_ident",
  "first_synced_at" = "news"."first_synced_at",
  "last_synced_at" = "news"."last_synced_at"
when not matched then insert (
  "key_hash",
  "key_json",
  "profile_id",
  "state",
  "known",
  "fp",
  "ident",
  "dest_id",
  "rev",
  "last_fence",
  "last_run_id",
  "hold_until",
  "tried_fp",
  "fail_count",
  "next_retry_at",
  "err_class",
  "err_code",
  "err_message",
  "job_id",
  "prior_state",
  "pending_op",
  "pending_fp",
  "pending_tried",
  "pending_rev",
  "pending_ident",
  "first_synced_at",
  "last_synced_at"
) values (
  "news"."key_hash",
  "news"."key_json",
  "news"."profile_id",
  "news"."state",
  "news"."known",
  "news"."fp",
  "news"."ident",
  "news"."dest_id",
  "news"."rev",
  "news"."last_fence",
  "news"."last_run_id",
  "news"."hold_until",
  "news"."tried_fp",
  "news"."fail_count",
  "news"."next_retry_at",
  "news"."err_class",
  "news"."err_code",
  "news"."err_message",
  "news"."job_id",
  "news"."prior_state",
  "news"."pending_op",
  "news"."pending_fp",
  "news"."pending_tried",
  "news"."pending_rev",
  "news"."pending_ident",
  "news"."first_synced_at",
  "news"."last_synced_at"
)

-- correct: compares
update "_cdp"."snap_readers_e2257349"
set fp = cast(null as varchar)
where state = 'synced'
  and key_hash in (select j.key_hash from "_cdp"."judged_readers_e2257349_f0" as j where j.verdict <> 'equal')
  and exists (
    select 1
    from "_cdp"."sync"
    where sync_id = $sync and fence = cast($fence as bigint)
  )

-- moves: compares
with
-- ids that were merged away → the id in use (one row an alias)
"aliases" as (
  select stale.profile_id as alias, used.profile_id
  from "_cdp"."customer_profile_ids" as stale
  join "_cdp"."customer_profile_ids" as used on used.anchor = stale.merged_into
),
-- rows under an old key with the new key of their profile (one row an old key)
"ranked" as (
  select
    s.key_hash as old_hash, e.key_hash, e.key_json, e.profile_id,
    row_number() over (
      partition by e.key_hash order by s.last_synced_at desc nulls last, s.last_fence desc, s.key_hash
    ) as place
  from "_cdp"."judged_readers_e2257349_f0" as j
  join "_cdp"."snap_readers_e2257349" as s on s.key_hash = j.key_hash
  left join aliases as a on a.alias = s.profile_id
  join "_cdp"."expected_readers_e2257349_f0" as e on e.profile_id = coalesce(a.profile_id, s.profile_id)
  where s.state not in ('absent', 'tomb', 'submitted')
)
select r.old_hash, r.key_hash, r.key_json, r.profile_id
from ranked as r
left join "_cdp"."snap_readers_e2257349" as taken on taken.key_hash = r.key_hash
where r.place = 1 and taken.key_hash is null

-- move: compares
merge into "_cdp"."snap_readers_e2257349" as held
using (
  select p.old_hash, p.key_hash, p.key_json, p.profile_id
  from "_cdp"."pairs_readers_e2257349_f0" as p
  where exists (
    select 1
    from "_cdp"."sync"
    where sync_id = $sync and fence = cast($fence as bigint)
  )
) as news
on news.old_hash = held.key_hash
when matched then update set
  key_hash = news.key_hash,
  key_json = news.key_json,
  profile_id = news.profile_id

-- rekey: compares
select
  (
    select count(*)
    from "_cdp"."judged_readers_e2257349_f0" as j
    join "_cdp"."snap_readers_e2257349" as s on s.key_hash = j.key_hash and s.state not in ('absent', 'tomb')
  ) as old_keys,
  (select count(*) from "_cdp"."pairs_readers_e2257349_f0") as moved

-- plan of values: a value leaves with the last row that has it
with
-- who has asked not to be contacted, or must not be (one row a profile)
"suppressed" as (
  select distinct profile_id
  from "_cdp"."b0_customer_suppressed"
  where scope is null
),
-- who may not be contacted
"barred" as (
  select profile_id, 'suppressed' as reason
  from "suppressed"
),
-- keys that several profiles claim: which of them is meant cannot be known
"duplicated" as (
  select
    ('{"mail":' || cast(to_json(cast("p"."email" as varchar)) as varchar) || '}') as key_json,
    count(*) as copies,
    count(*) filter (where not (barred.barred_id is not null)) as claims
  from "_cdp"."b0_customer" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "barred"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_cdp"."b0_clock" as clock
  where true
    and not ("p"."email" is null)
  group by "p"."email"
  having count(*) > 1
),
-- the audience with its keys and fingerprints (one row a profile)
"keyed" as (
  select
    ('{"mail":' || cast(to_json(cast("p"."email" as varchar)) as varchar) || '}') as key_json,
    1 as copies,
    case when barred.barred_id is not null then 0 else 1 end as claims,
    p.profile_id,
    md5(
      concat_ws(
        '',
        coalesce(('city='
        || (case
          when typeof("p"."city") in ('TIMESTAMP', 'TIMESTAMP WITH TIME ZONE')
            then '"' || (replace(cast(make_timestamp(epoch_us(
              try_cast("p"."city" as timestamptz)
            )) as varchar), ' ', 'T') || 'Z') || '"'
          else nullif(regexp_replace(cast(to_json("p"."city") as varchar),
            '^-(0)\.0+$|\.0+$|(\.\d*[1-9])0+$|^-?(NaN|Infinity)$', '\1\2'), '')
        end)), 'city~')
      )
    ) as fp
  from "_cdp"."b0_customer" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "barred"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_cdp"."b0_clock" as clock
  where true
    and not ("p"."email" is null)
),
-- one row a key
"members" as (
  select key_json, copies, claims, "profile_id", "fp"
  from "keyed"
  where key_json not in (select key_json from "duplicated")
  union all
  select key_json, copies, claims, cast(null as varchar) as "profile_id", cast(null as varchar) as "fp"
  from "duplicated"
),
-- ids that were merged away, and the id in use (one row an alias)
"aliases" as (
  select gone.alias, used.profile_id
  from (
    select i.profile_id as alias, i.merged_into
    from "_cdp"."customer_profile_ids" as i
    left join "_cdp"."b0_customer_ids" as c on c.anchor = i.anchor
    where i.merged_into is not null and c.anchor is null
    union all
    select profile_id as alias, merged_into
    from "_cdp"."b0_customer_ids"
    where merged_into is not null
  ) as gone
  join (
    select i.anchor, i.profile_id
    from "_cdp"."customer_profile_ids" as i
    left join "_cdp"."b0_customer_ids" as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from "_cdp"."b0_customer_ids"
    where merged_into is null
  ) as used on used.anchor = gone.merged_into
),
-- what the audience has against what the destination acknowledged (one row a key)
"compared" as (
  select
    coalesce(m.key_json, s.key_json) as key_json,
    coalesce(m.profile_id, coalesce(a.profile_id, s.profile_id)) as profile_id,
    coalesce(m.claims = m.copies, false) as in_audience,
    coalesce(m.copies, 0) as copies,
    coalesce(m.claims, 0) as claims,
    coalesce(m.claims < m.copies, b.profile_id is not null) as is_barred,
    m.fp, s.fp as known_fp, s.ident, s.dest_id, s.rev, s.hold_until, s.tried_fp, s.next_retry_at,
    case
      when coalesce(m.claims < m.copies, b.profile_id is not null) then case
        when s.state = 'submitted' then 'pending'
        when s.state in ('synced', 'unknown', 'left') then 'remove'
        when m.copies > 1 then 'duplicate'
      end
      when m.copies > 1 then 'duplicate'
      when s.state = 'submitted' then 'pending'
      when m.key_json is null then case when s.state in ('synced', 'unknown') then 'remove' end
      when s.key_json is null or s.state in ('absent', 'tomb') or (s.state = 'unknown' and not s.known) then 'create'
      when s.fp is distinct from m.fp then 'update'
      when s.state = 'left' then 'returned'
    end as verdict
  from "members" as m
  full outer join "_cdp"."snap_readers_e2257349" as s on s.key_json = m.key_json
  left join "aliases" as a on a.alias = s.profile_id
  left join "barred" as b on b.profile_id = coalesce(a.profile_id, s.profile_id)
),
-- with the one profile whose values are sent, so that joins are by equality alone
"differing" as (
  select
    *,
    case when verdict in ('create', 'update') then profile_id end as sent_profile,
    case when verdict in ('remove', 'left') then profile_id end as gone_profile
  from "compared"
  where verdict is not null
),
-- what would be sent (exactly one profile for each row that is sent)
"described" as (
  select
    c.*,
    left(sha256(c.key_json), 32) as key_hash,
    case when c.verdict in ('create', 'update', 'remove') then c.verdict end as op,
    case when c.verdict = 'remove' then case when c.is_barred then 'withdraw' else 'leave' end end as act,
    case
      when c.verdict = 'remove' and c.is_barred then 'remove ["remove",null]'
      when c.verdict = 'remove' then 'remove ["remove",null]'
      when c.verdict in ('create', 'update') then c.fp
    end as trying,
    case
      when p.profile_id is null then '{}'
      else
        ('{'
        || (concat_ws(
          ',',
          ('"city":'
          || (case
            when typeof("p"."city") in ('TIMESTAMP', 'TIMESTAMP WITH TIME ZONE')
              then '"' || (replace(cast(make_timestamp(epoch_us(
                try_cast("p"."city" as timestamptz)
              )) as varchar), ' ', 'T') || 'Z') || '"'
            else nullif(regexp_replace(cast(to_json("p"."city") as varchar),
              '^-(0)\.0+$|\.0+$|(\.\d*[1-9])0+$|^-?(NaN|Infinity)$', '\1\2'), '')
          end))
        ))
        || '}')
    end as payload,
    case
      when p.profile_id is not null then
        ('{'
        || (concat_ws(
          ',',
          ('"city":'
          || (case
            when typeof("p"."city") in ('TIMESTAMP', 'TIMESTAMP WITH TIME ZONE')
              then '"' || (replace(cast(make_timestamp(epoch_us(
                try_cast("p"."city" as timestamptz)
              )) as varchar), ' ', 'T') || 'Z') || '"'
            else nullif(regexp_replace(cast(to_json("p"."city") as varchar),
              '^-(0)\.0+$|\.0+$|(\.\d*[1-9])0+$|^-?(NaN|Infinity)$', '\1\2'), '')
          end))
        ))
        || '}')
    end as new_ident
  from "differing" as c
  left join "_cdp"."b0_customer" as p on p.profile_id = c.sent_profile
  cross join "_cdp"."b0_clock" as clock
),
-- profiles without a key, or with one that others claim: what was sent for them is not gone
"nameless" as (
  select
    p.profile_id
  from "_cdp"."b0_customer" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "barred"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_cdp"."b0_clock" as clock
  where true
    and ("p"."email" is null)
  union all
  select
    p.profile_id
  from "_cdp"."b0_customer" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "barred"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_cdp"."b0_clock" as clock
  where true
    and ('{"mail":' || cast(to_json(cast("p"."email" as varchar)) as varchar) || '}') in (select key_json from
      "duplicated")
),
-- holds and earlier refusals keep a change back; so does a key that has only turned null or common
"judged" as (
  select
    d.*,
    case
      when n.profile_id is not null and not d.is_barred then 'nameless'
      when d.op is null then d.verdict
      when d.hold_until > current_timestamp then 'held'
      when d.tried_fp = d.trying and not coalesce(d.next_retry_at <= current_timestamp, false) then 'waiting'
      else d.verdict
    end as judgement
  from "described" as d
  left join "nameless" as n on n.profile_id = d.gone_profile
),
-- values under which rows that leave or change were told (one row a row and field)
"told" as (
  select key_json, 'city' as field, 'towns' as list, json_extract_string(case when contains(ident, '},{') then null else
    ident end, '/city') as value
  from "judged"
  where op in ('update', 'remove') and ident is not null
),
-- values of everybody who is in the audience now
"standing" as (
  select
    'towns' as list,
    json_extract_string(('{"v":'
    || (case
      when typeof("p"."city") in ('TIMESTAMP', 'TIMESTAMP WITH TIME ZONE')
        then '"' || (replace(cast(make_timestamp(epoch_us(
          try_cast("p"."city" as timestamptz)
        )) as varchar), ' ', 'T') || 'Z') || '"'
      else nullif(regexp_replace(cast(to_json("p"."city") as varchar),
        '^-(0)\.0+$|\.0+$|(\.\d*[1-9])0+$|^-?(NaN|Infinity)$', '\1\2'), '')
    end)
    || '}'), '/v') as value
  from "_cdp"."b0_customer" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "barred"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_cdp"."b0_clock" as clock
  where true
    and not (barred.barred_id is not null)
),
-- which of them stay, because somebody who stays has them (one row a row)
"kept" as (
  select key_json as kept_key, max(case when field = 'city' then 1 else 0 end) as "stays_1"
  from "told"
  where (list
  || ':'
  || (case
    when regexp_matches(value, '^[!-~]+( [!-~]+)*$')
      then lower(value)
    else nullif(
      nfc_normalize(lower(nfc_normalize(trim(regexp_replace(
        value,
        '[\pZ\p{Cc}\x{200b}\x{2060}\x{feff}]+', ' ', 'g'
      ))))),
      ''
    )
  end)) in (
    select (list
    || ':'
    || (case
      when regexp_matches(value, '^[!-~]+( [!-~]+)*$')
        then lower(value)
      else nullif(
        nfc_normalize(lower(nfc_normalize(trim(regexp_replace(
          value,
          '[\pZ\p{Cc}\x{200b}\x{2060}\x{feff}]+', ' ', 'g'
        ))))),
        ''
      )
    end))
    from "standing"
  )
  group by key_json
),
-- removals before creations, because one may free what the other needs; with a limit or on hold
-- there are none
"sorted" as (
  select
    j.*,
    case
      when judgement = 'remove' then case when cast($max_changes as bigint) is null and (act = 'withdraw' or not
        cast($hold_removals as boolean)) then 0 else 3 end
      when judgement = 'create' then 1
      when judgement = 'update' then 2
      when judgement in ('left', 'returned', 'forgotten', 'rebased') then 4
      else 5
    end as class
  from "judged" as j
),
-- the order is the same in every run
"ranked" as (
  select
    row_number() over (order by class, key_hash) as place, class, judgement as verdict,
    op, act, in_audience, copies, claims, key_hash, key_json, profile_id,
    case when op in ('create', 'update') or judgement = 'rebased' then fp end as fp,
    trying as tried_fp,
    coalesce(rev, 0) + 1 as rev,
    new_ident as ident, payload, case
      when k.kept_key is null then ident
      else
        ('{'
        || concat_ws(
          ',',
          ('"city":'
            || (case when k."stays_1" = 0 then cast(to_json(cast(json_extract_string(ident, '/city') as varchar)) as
              varchar) end))
        )
        || '}')
    end as old_ident, dest_id,
    left(sha256(concat_ws(
      '',
      'readers_e2257349',
      key_json,
      cast(coalesce(rev, 0) + 1 as varchar),
      coalesce(op, ''),
      coalesce(trying, '')
    )), 32) as idempotency_key
  from "sorted"
  left join "kept" as k on k.kept_key = key_json
)
select
  place as seq,
  case
    when class = 3 or (class in (1, 2) and place > cast($max_changes as bigint)) then 'owed'
    else verdict
  end as verdict,
  "op",
  "act",
  "in_audience",
  "copies",
  "claims",
  "key_hash",
  "key_json",
  "profile_id",
  "fp",
  "tried_fp",
  "rev",
  "ident",
  "payload",
  "old_ident",
  "dest_id",
  "idempotency_key"
from "ranked"
where cast($fence as bigint) = 0 or exists (
  select 1
  from "_cdp"."sync"
  where sync_id = $sync and fence = cast($fence as bigint)
)

-- view sync_health: one row a sync: its last run, and what its destination holds
create or replace view "cdp"."sync_health" as
with
-- begin and end of each (one row a run and sync)
"runs" as (
  select
    sync_id as sync, run_id, fence,
    min(happened_at) as began_at,
    max(case when event <> 'claimed' then happened_at end) as ended_at,
    max(case when event <> 'claimed' then event end) as ended_with,
    max(case when event <> 'claimed' then counts end) as counts,
    max(case when event <> 'claimed' then detail end) as detail
  from "_cdp"."run_event"
  where run_id not in (
    select run_id
    from "_cdp"."run_event"
    where event in ('unlocked', 'retried', 'reset', 'adopted', 'reconciled', 'rekeyed')
  )
  group by sync_id, run_id, fence
),
-- the newest run of each sync has place 1
"ranked" as (
  select runs.*, row_number() over (partition by sync order by fence desc, began_at desc) as place
  from runs
),
-- when each sync was last sent to its end (one row a sync)
"succeeded" as (
  select sync, max(ended_at) as last_success_at
  from runs
  where ended_with = 'done'
  group by sync
),
-- rows by what became of them (one row a sync and label)
"counted" as (
  select 'quiet' as sync, case
    when fail_count >= 5 or (tried_fp is not null and next_retry_at is null) then 'quarantined'
    when tried_fp is not null then 'refused'
    when state = 'tomb' then 'removed'
    else state
  end as label, count(*) as keys
  from "_cdp"."snap_quiet_008f0747"
  group by case
    when fail_count >= 5 or (tried_fp is not null and next_retry_at is null) then 'quarantined'
    when tried_fp is not null then 'refused'
    when state = 'tomb' then 'removed'
    else state
  end
  union all
  select 'readers' as sync, case
    when fail_count >= 5 or (tried_fp is not null and next_retry_at is null) then 'quarantined'
    when tried_fp is not null then 'refused'
    when state = 'tomb' then 'removed'
    else state
  end as label, count(*) as keys
  from "_cdp"."snap_readers_e2257349"
  group by case
    when fail_count >= 5 or (tried_fp is not null and next_retry_at is null) then 'quarantined'
    when tried_fp is not null then 'refused'
    when state = 'tomb' then 'removed'
    else state
  end
),
-- what each destination holds (one row a sync)
"totals" as (
  select
    sync,
    cast(coalesce(sum(case when label = 'synced' then keys end), 0) as bigint) as "synced",
    cast(coalesce(sum(case when label = 'unknown' then keys end), 0) as bigint) as "unknown",
    cast(coalesce(sum(case when label = 'submitted' then keys end), 0) as bigint) as "accepted",
    cast(coalesce(sum(case when label = 'refused' then keys end), 0) as bigint) as "refused",
    cast(coalesce(sum(case when label = 'quarantined' then keys end), 0) as bigint) as "quarantined",
    cast(coalesce(sum(case when label = 'left' then keys end), 0) as bigint) as "left",
    cast(coalesce(sum(case when label = 'removed' then keys end), 0) as bigint) as "removed"
  from counted
  group by sync
)
select
  1 as schema_version,
  s.sync_id as sync,
  r.run_id as last_run_id,
  r.began_at as last_began_at,
  r.ended_at as last_ended_at,
  case when r.run_id is not null then coalesce(r.ended_with, 'unfinished') end as last_status,
  ok.last_success_at,
  cast(json_extract_string(r.counts, '/again') as bigint) as owed,
  coalesce(t."synced", 0) as "synced",
  coalesce(t."unknown", 0) as "unknown",
  coalesce(t."accepted", 0) as "accepted",
  coalesce(t."refused", 0) as "refused",
  coalesce(t."quarantined", 0) as "quarantined",
  coalesce(t."left", 0) as "left",
  coalesce(t."removed", 0) as "removed",
  s.holder as locked_by,
  case when s.holder is not null then s.lease_until end as locked_until
from "_cdp"."sync" as s
left join ranked as r on r.sync = s.sync_id and r.place = 1
left join succeeded as ok on ok.sync = s.sync_id
left join totals as t on t.sync = s.sync_id

-- view rejects: one row a key that a destination refuses
create or replace view "cdp"."rejects" as
with
-- rows that were refused last (one row a sync and key)
"refused" as (
  select
    'quiet' as sync, key_json, profile_id, case
      when fail_count >= 5 or (tried_fp is not null and next_retry_at is null) then 'quarantined'
      when tried_fp is not null then 'refused'
      when state = 'tomb' then 'removed'
      else state
    end as status, err_class, err_code, err_message,
    fail_count, next_retry_at, last_run_id, last_synced_at
  from "_cdp"."snap_quiet_008f0747"
  where tried_fp is not null
  union all
  select
    'readers' as sync, key_json, profile_id, case
      when fail_count >= 5 or (tried_fp is not null and next_retry_at is null) then 'quarantined'
      when tried_fp is not null then 'refused'
      when state = 'tomb' then 'removed'
      else state
    end as status, err_class, err_code, err_message,
    fail_count, next_retry_at, last_run_id, last_synced_at
  from "_cdp"."snap_readers_e2257349"
  where tried_fp is not null
)
select
  1 as schema_version,
  sync, key_json as key, profile_id, status,
  err_class = 'compliance' as is_compliance,
  err_code as code, err_message as message, fail_count as failures,
  next_retry_at, last_run_id, last_synced_at as last_written_at
from refused

-- view delivery_log: one row a run of a sync
create or replace view "cdp"."delivery_log" as
with
-- begin and end of each (one row a run and sync)
"runs" as (
  select
    sync_id as sync, run_id, fence,
    min(happened_at) as began_at,
    max(case when event <> 'claimed' then happened_at end) as ended_at,
    max(case when event <> 'claimed' then event end) as ended_with,
    max(case when event <> 'claimed' then counts end) as counts,
    max(case when event <> 'claimed' then detail end) as detail
  from "_cdp"."run_event"
  where run_id not in (
    select run_id
    from "_cdp"."run_event"
    where event in ('unlocked', 'retried', 'reset', 'adopted', 'reconciled', 'rekeyed')
  )
  group by sync_id, run_id, fence
)
select
  1 as schema_version,
  sync, run_id, fence, began_at, ended_at,
  coalesce(ended_with, 'unfinished') as status,
  cast(json_extract_string(counts, '/creates') as bigint) as "creates",
  cast(json_extract_string(counts, '/updates') as bigint) as "updates",
  cast(json_extract_string(counts, '/removes') as bigint) as "removes",
  cast(json_extract_string(counts, '/unchanged') as bigint) as "unchanged",
  cast(json_extract_string(counts, '/written') as bigint) as "written",
  cast(json_extract_string(counts, '/accepted') as bigint) as "accepted",
  cast(json_extract_string(counts, '/refused') as bigint) as "refused",
  cast(json_extract_string(counts, '/again') as bigint) as "again",
  cast(json_extract_string(counts, '/invalid') as bigint) as "invalid",
  cast(json_extract_string(counts, '/calls') as bigint) as "calls",
  detail
from runs

-- view sync_health: one row a sync: its last run, and what its destination holds
create or replace view "cdp"."sync_health" as
with
-- begin and end of each (one row a run and sync)
"runs" as (
  select
    sync_id as sync, run_id, fence,
    min(happened_at) as began_at,
    max(case when event <> 'claimed' then happened_at end) as ended_at,
    max(case when event <> 'claimed' then event end) as ended_with,
    max(case when event <> 'claimed' then counts end) as counts,
    max(case when event <> 'claimed' then detail end) as detail
  from "_cdp"."run_event"
  where run_id not in (
    select run_id
    from "_cdp"."run_event"
    where event in ('unlocked', 'retried', 'reset', 'adopted', 'reconciled', 'rekeyed')
  )
  group by sync_id, run_id, fence
),
-- the newest run of each sync has place 1
"ranked" as (
  select runs.*, row_number() over (partition by sync order by fence desc, began_at desc) as place
  from runs
),
-- when each sync was last sent to its end (one row a sync)
"succeeded" as (
  select sync, max(ended_at) as last_success_at
  from runs
  where ended_with = 'done'
  group by sync
),
-- rows by what became of them (one row a sync and label)
"counted" as (
  select
    cast(null as varchar) as "sync",
    cast(null as varchar) as "label",
    cast(null as bigint) as "keys"
  where false
),
-- what each destination holds (one row a sync)
"totals" as (
  select
    sync,
    cast(coalesce(sum(case when label = 'synced' then keys end), 0) as bigint) as "synced",
    cast(coalesce(sum(case when label = 'unknown' then keys end), 0) as bigint) as "unknown",
    cast(coalesce(sum(case when label = 'submitted' then keys end), 0) as bigint) as "accepted",
    cast(coalesce(sum(case when label = 'refused' then keys end), 0) as bigint) as "refused",
    cast(coalesce(sum(case when label = 'quarantined' then keys end), 0) as bigint) as "quarantined",
    cast(coalesce(sum(case when label = 'left' then keys end), 0) as bigint) as "left",
    cast(coalesce(sum(case when label = 'removed' then keys end), 0) as bigint) as "removed"
  from counted
  group by sync
)
select
  1 as schema_version,
  s.sync_id as sync,
  r.run_id as last_run_id,
  r.began_at as last_began_at,
  r.ended_at as last_ended_at,
  case when r.run_id is not null then coalesce(r.ended_with, 'unfinished') end as last_status,
  ok.last_success_at,
  cast(json_extract_string(r.counts, '/again') as bigint) as owed,
  coalesce(t."synced", 0) as "synced",
  coalesce(t."unknown", 0) as "unknown",
  coalesce(t."accepted", 0) as "accepted",
  coalesce(t."refused", 0) as "refused",
  coalesce(t."quarantined", 0) as "quarantined",
  coalesce(t."left", 0) as "left",
  coalesce(t."removed", 0) as "removed",
  s.holder as locked_by,
  case when s.holder is not null then s.lease_until end as locked_until
from "_cdp"."sync" as s
left join ranked as r on r.sync = s.sync_id and r.place = 1
left join succeeded as ok on ok.sync = s.sync_id
left join totals as t on t.sync = s.sync_id

-- view rejects: one row a key that a destination refuses
create or replace view "cdp"."rejects" as
select
  cast(null as bigint) as "schema_version",
  cast(null as varchar) as "sync",
  cast(null as varchar) as "key",
  cast(null as varchar) as "profile_id",
  cast(null as varchar) as "status",
  cast(null as boolean) as "is_compliance",
  cast(null as varchar) as "code",
  cast(null as varchar) as "message",
  cast(null as bigint) as "failures",
  cast(null as timestamptz) as "next_retry_at",
  cast(null as varchar) as "last_run_id",
  cast(null as timestamptz) as "last_written_at"
where false

-- view delivery_log: one row a run of a sync
create or replace view "cdp"."delivery_log" as
with
-- begin and end of each (one row a run and sync)
"runs" as (
  select
    sync_id as sync, run_id, fence,
    min(happened_at) as began_at,
    max(case when event <> 'claimed' then happened_at end) as ended_at,
    max(case when event <> 'claimed' then event end) as ended_with,
    max(case when event <> 'claimed' then counts end) as counts,
    max(case when event <> 'claimed' then detail end) as detail
  from "_cdp"."run_event"
  where run_id not in (
    select run_id
    from "_cdp"."run_event"
    where event in ('unlocked', 'retried', 'reset', 'adopted', 'reconciled', 'rekeyed')
  )
  group by sync_id, run_id, fence
)
select
  1 as schema_version,
  sync, run_id, fence, began_at, ended_at,
  coalesce(ended_with, 'unfinished') as status,
  cast(json_extract_string(counts, '/creates') as bigint) as "creates",
  cast(json_extract_string(counts, '/updates') as bigint) as "updates",
  cast(json_extract_string(counts, '/removes') as bigint) as "removes",
  cast(json_extract_string(counts, '/unchanged') as bigint) as "unchanged",
  cast(json_extract_string(counts, '/written') as bigint) as "written",
  cast(json_extract_string(counts, '/accepted') as bigint) as "accepted",
  cast(json_extract_string(counts, '/refused') as bigint) as "refused",
  cast(json_extract_string(counts, '/again') as bigint) as "again",
  cast(json_extract_string(counts, '/invalid') as bigint) as "invalid",
  cast(json_extract_string(counts, '/calls') as bigint) as "calls",
  detail
from runs
