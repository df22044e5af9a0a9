-- known syncs: every sync that ever ran (one row a sync)
with
-- every sync that ever ran (one row a sync)
"FOUND" as (
  select sync_id as sync, table_suffix as suffix from "_CDP"."SYNC"
),
-- each as a JSON array
"WRITTEN" as (
  select ('[' || (coalesce(to_json(to_variant(cast("F"."SYNC" as varchar))), 'null')) || ','
    || (coalesce(to_json(to_variant(cast("F"."SUFFIX" as varchar))), 'null')) || ']') as line
  from "FOUND" as f
)
select case when count(line) > 0 then
  listagg(line, '
') within group (order by line)
end as listed
from "WRITTEN"

-- log of runs: the newest of them
with
-- begin and end of each (one row a run and sync)
"RUNS" as (
  select
    sync_id as sync, run_id, fence,
    min(happened_at) as began_at,
    max(case when event <> 'claimed' then happened_at end) as ended_at,
    max(case when event <> 'claimed' then event end) as ended_with,
    max(case when event <> 'claimed' then counts end) as counts,
    max(case when event <> 'claimed' then detail end) as detail
  from "_CDP"."RUN_EVENT"
  where (cast(:sync as varchar) is null or sync_id = cast(:sync as varchar)) and (cast(cast(:since as varchar) as
    timestamp_ltz) is null or happened_at >= cast(cast(:since as varchar) as timestamp_ltz))
  group by sync_id, run_id, fence
),
-- the newest of them
"FOUND" as (
  select sync, run_id, fence, ended_with as event, began_at, ended_at, counts, detail
  from runs
  order by began_at desc, fence desc
  limit cast(:most as bigint)
),
-- each as a JSON array
"WRITTEN" as (
  select ('['
  || (coalesce(to_json(to_variant(cast("F"."SYNC" as varchar))), 'null'))
  || ','
  || (coalesce(to_json(to_variant(cast("F"."RUN_ID" as varchar))), 'null'))
  || ','
  || (coalesce(cast("F"."FENCE" as varchar), 'null'))
  || ','
  || (coalesce(to_json(to_variant(cast("F"."EVENT" as varchar))), 'null'))
  || ','
  || (coalesce(('"' || regexp_replace(
    to_char(cast("F"."BEGAN_AT" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
    '\\.?0+Z$', 'Z'
  ) || '"'), 'null'))
  || ','
  || (coalesce(('"' || regexp_replace(
    to_char(cast("F"."ENDED_AT" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
    '\\.?0+Z$', 'Z'
  ) || '"'), 'null'))
  || ','
  || (coalesce(to_json(to_variant(cast("F"."COUNTS" as varchar))), 'null'))
  || ','
  || (coalesce(to_json(to_variant(cast("F"."DETAIL" as varchar))), 'null'))
  || ']') as line
  from "FOUND" as f
)
select case when count(line) > 0 then
  listagg(line, '
') within group (order by line)
end as listed
from "WRITTEN"

-- log of answers: rows by run and outcome
with
-- rows by run and outcome
"FOUND" as (
  select run_id, outcome, cast(sum(seq_hi - seq_lo + 1) as bigint) as "ROWS"
  from "_CDP"."ACK_READERS_E2257349"
  where kind = 'ack' and fence >= cast(:fence as bigint)
  group by run_id, outcome
),
-- each as a JSON array
"WRITTEN" as (
  select ('[' || (coalesce(to_json(to_variant(cast("F"."RUN_ID" as varchar))), 'null')) || ','
    || (coalesce(to_json(to_variant(cast("F"."OUTCOME" as varchar))), 'null')) || ','
    || (coalesce(cast("F"."ROWS" as varchar), 'null')) || ']') as line
  from "FOUND" as f
)
select case when count(line) > 0 then
  listagg(line, '
') within group (order by line)
end as listed
from "WRITTEN"

-- log of rows: the newest of those that are asked for
with
-- what became of each row last (one row a key)
"LABELLED" as (
  select
    key_hash, key_json, profile_id, last_run_id, last_fence as fence, first_synced_at, last_synced_at,
    hold_until, next_retry_at, fail_count as failures, err_code as code, err_message as message,
    case
      when fail_count >= 5 or (tried_fp is not null and next_retry_at is null) then 'quarantined'
      when tried_fp is not null then 'refused'
      when state = 'tomb' then 'removed'
      else state
    end as label
  from "_CDP"."SNAP_READERS_E2257349"
),
-- the newest of those that are asked for
"FOUND" as (
  select
    key_json, profile_id, label, last_run_id, fence, first_synced_at, last_synced_at,
    hold_until, next_retry_at, failures, code, message
  from labelled
  where (cast(:label as varchar) is null or label = cast(:label as varchar))
    and (
      cast(:profiles as varchar) is null
      or profile_id in (select p.profile_id from (
        select
          cast(get(item.value, 'profile_id') as varchar) as "PROFILE_ID"
        from table(flatten(input => parse_json(:profiles))) as item
      ) as p)
    )
  order by fence desc, key_hash
  limit cast(:most as bigint)
),
-- each as a JSON array
"WRITTEN" as (
  select ('['
  || (coalesce(to_json(to_variant(cast("F"."KEY_JSON" as varchar))), 'null'))
  || ','
  || (coalesce(to_json(to_variant(cast("F"."PROFILE_ID" as varchar))), 'null'))
  || ','
  || (coalesce(to_json(to_variant(cast("F"."LABEL" as varchar))), 'null'))
  || ','
  || (coalesce(to_json(to_variant(cast("F"."LAST_RUN_ID" as varchar))), 'null'))
  || ','
  || (coalesce(cast("F"."FENCE" as varchar), 'null'))
  || ','
  || (coalesce(('"' || regexp_replace(
    to_char(cast("F"."FIRST_SYNCED_AT" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
    '\\.?0+Z$', 'Z'
  ) || '"'), 'null'))
  || ','
  || (coalesce(('"' || regexp_replace(
    to_char(cast("F"."LAST_SYNCED_AT" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
    '\\.?0+Z$', 'Z'
  ) || '"'), 'null'))
  || ','
  || (coalesce(('"' || regexp_replace(
    to_char(cast("F"."HOLD_UNTIL" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
    '\\.?0+Z$', 'Z'
  ) || '"'), 'null'))
  || ','
  || (coalesce(('"' || regexp_replace(
    to_char(cast("F"."NEXT_RETRY_AT" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
    '\\.?0+Z$', 'Z'
  ) || '"'), 'null'))
  || ','
  || (coalesce(cast("F"."FAILURES" as varchar), 'null'))
  || ','
  || (coalesce(to_json(to_variant(cast("F"."CODE" as varchar))), 'null'))
  || ','
  || (coalesce(to_json(to_variant(cast("F"."MESSAGE" as varchar))), 'null'))
  || ']') as line
  from "FOUND" as f
)
select case when count(line) > 0 then
  listagg(line, '
') within group (order by line)
end as listed
from "WRITTEN"

-- refused rows: mends
select
  count_if(not coalesce(err_class, '') = 'compliance' and next_retry_at is not null) as refused,
  count_if(not coalesce(err_class, '') = 'compliance' and next_retry_at is null) as quarantined,
  count_if(coalesce(err_class, '') = 'compliance') as compliance
from "_CDP"."SNAP_READERS_E2257349"
where tried_fp is not null

-- retry: mends
update "_CDP"."SNAP_READERS_E2257349"
set tried_fp = null, fail_count = 0, next_retry_at = null
where tried_fp is not null
  and (cast(:compliance as boolean) or coalesce(err_class, '') <> 'compliance')
  and exists (
    select 1
    from "_CDP"."SYNC"
    where sync_id = :sync and fence = cast(:fence as bigint)
  )

-- reset: mends
delete from "_CDP"."SNAP_READERS_E2257349"
where state <> 'submitted'
  and not coalesce(hold_until > current_timestamp(), false)
  and exists (
    select 1
    from "_CDP"."SYNC"
    where sync_id = :sync and fence = cast(:fence as bigint)
  )

-- doubt: mends
update "_CDP"."SNAP_READERS_E2257349"
set state = 'unknown', known = false, fp = cast(null as varchar), tried_fp = cast(null as varchar)
where state not in ('submitted', 'tomb', 'absent') and exists (
  select 1
  from "_CDP"."SYNC"
  where sync_id = :sync and fence = cast(:fence as bigint)
)

-- expected: compares
with
-- who has asked not to be contacted, or must not be (one row a profile)
"SUPPRESSED" as (
  select distinct profile_id
  from "_CDP"."B0_CUSTOMER_SUPPRESSED"
  where scope is null
),
-- who may not be contacted
"BARRED" as (
  select profile_id, 'suppressed' as reason
  from "SUPPRESSED"
),
-- the audience with its keys (one row a profile)
"KEYED" as (
  select
    ('{"mail":' || to_json(to_variant(cast("P"."EMAIL" as varchar))) || '}') as key_json,
    p.profile_id,
    md5(
      array_to_string(
        array_construct_compact(
          coalesce(('city='
          || (case
            when typeof(to_variant("P"."CITY")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' ||
              regexp_replace(
              to_char(cast("P"."CITY" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
              '\\.?0+Z$', 'Z'
            ) || '"'
            when typeof(to_variant("P"."CITY")) = 'DATE' then '"' || to_char(cast("P"."CITY" as date), 'YYYY-MM-DD') ||
              '"'
            when typeof(to_variant("P"."CITY")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
              when regexp_like(cast("P"."CITY" as varchar), '.*e[+]?(1[5-9]|20)')
                then cast(cast("P"."CITY" as number(38, 0)) as varchar)
              else nullif(replace(regexp_replace(
                cast("P"."CITY" as varchar),
                '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
              ), 'e+', 'e'), '')
            end
            when typeof(to_variant("P"."CITY")) = 'BOOLEAN' then cast("P"."CITY" as varchar)
            when typeof(to_variant("P"."CITY")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."CITY"))
            else to_json(to_variant(cast("P"."CITY" as varchar)))
          end)), 'city~')
        ),
        ''
      )
    ) as fp,
    ('{'
    || (array_to_string(
      array_construct_compact(
        ('"city":'
        || (case
          when typeof(to_variant("P"."CITY")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' ||
            regexp_replace(
            to_char(cast("P"."CITY" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
            '\\.?0+Z$', 'Z'
          ) || '"'
          when typeof(to_variant("P"."CITY")) = 'DATE' then '"' || to_char(cast("P"."CITY" as date), 'YYYY-MM-DD') ||
            '"'
          when typeof(to_variant("P"."CITY")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
            when regexp_like(cast("P"."CITY" as varchar), '.*e[+]?(1[5-9]|20)')
              then cast(cast("P"."CITY" as number(38, 0)) as varchar)
            else nullif(replace(regexp_replace(
              cast("P"."CITY" as varchar),
              '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
            ), 'e+', 'e'), '')
          end
          when typeof(to_variant("P"."CITY")) = 'BOOLEAN' then cast("P"."CITY" as varchar)
          when typeof(to_variant("P"."CITY")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."CITY"))
          else to_json(to_variant(cast("P"."CITY" as varchar)))
        end))
      ),
      ','
    ))
    || '}') as payload,
    ('{'
    || (array_to_string(
      array_construct_compact(
        ('"city":'
        || (case
          when typeof(to_variant("P"."CITY")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' ||
            regexp_replace(
            to_char(cast("P"."CITY" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
            '\\.?0+Z$', 'Z'
          ) || '"'
          when typeof(to_variant("P"."CITY")) = 'DATE' then '"' || to_char(cast("P"."CITY" as date), 'YYYY-MM-DD') ||
            '"'
          when typeof(to_variant("P"."CITY")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
            when regexp_like(cast("P"."CITY" as varchar), '.*e[+]?(1[5-9]|20)')
              then cast(cast("P"."CITY" as number(38, 0)) as varchar)
            else nullif(replace(regexp_replace(
              cast("P"."CITY" as varchar),
              '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
            ), 'e+', 'e'), '')
          end
          when typeof(to_variant("P"."CITY")) = 'BOOLEAN' then cast("P"."CITY" as varchar)
          when typeof(to_variant("P"."CITY")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."CITY"))
          else to_json(to_variant(cast("P"."CITY" as varchar)))
        end))
      ),
      ','
    ))
    || '}') as ident
  from "_CDP"."B0_CUSTOMER" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where true
    and not (barred.barred_id is not null)
    and not ("P"."EMAIL" is null)
),
-- keys that one profile alone claims
"OWN" as (
  select key_json
  from "KEYED"
  group by key_json
  having count(*) = 1
)
select
  k.key_json, left(sha2(k.key_json, 256), 32) as key_hash,
  lower(array_to_string(
    array_construct_compact(
      coalesce(cast(get(parse_json(k.key_json), 'mail') as varchar), '')
    ),
    ''
  )) as match_key,
  k.profile_id, k.fp, k.payload, k.ident
from "KEYED" as k
join own on own.key_json = k.key_json

-- found pairs: compares
with
-- what was found (one row a key; of several the vendor itself could not say which is meant)
"ONCE" as (
  select match_key, min(key_json) as key_json, min(fields) as fields
  from "_CDP"."FOUND_READERS_E2257349_F0"
  group by match_key
)
select e.key_hash, e.key_json, e.payload, f.fields
from "_CDP"."EXPECTED_READERS_E2257349_F0" as e
join once as f on f.match_key = e.match_key

-- synced pairs: compares
with
-- what was found (one row a key; of several the vendor itself could not say which is meant)
"ONCE" as (
  select match_key, min(key_json) as key_json, min(fields) as fields
  from "_CDP"."FOUND_READERS_E2257349_F0"
  group by match_key
)
select e.key_hash, e.key_json, e.payload, f.fields
from "_CDP"."EXPECTED_READERS_E2257349_F0" as e
join "_CDP"."SNAP_READERS_E2257349" as s
  on s.key_hash = e.key_hash and s.state = 'synced' and s.fp = e.fp
  and not coalesce(s.hold_until > current_timestamp(), false)
left join once as f on f.match_key = e.match_key

-- sampled pairs: compares
select e.key_hash, e.key_json, e.payload, cast(null as varchar) as fields
from "_CDP"."EXPECTED_READERS_E2257349_F0" as e
join "_CDP"."SNAP_READERS_E2257349" as s
  on s.key_hash = e.key_hash and s.state = 'synced' and s.fp = e.fp
  and not coalesce(s.hold_until > current_timestamp(), false)
order by md5((e.key_hash || cast(:seed as varchar))), e.key_hash
limit cast(:rows as bigint)

-- comparable: compares
select
  (select count(*) from "_CDP"."SNAP_READERS_E2257349" where state = 'synced') as synced,
  (select count(*) from "_CDP"."EXPECTED_READERS_E2257349_F0" as e
  join "_CDP"."SNAP_READERS_E2257349" as s
    on s.key_hash = e.key_hash and s.state = 'synced' and s.fp = e.fp
    and not coalesce(s.hold_until > current_timestamp(), false)) as comparable

-- adoption: compares
with
-- what was found (one row a key; of several the vendor itself could not say which is meant)
"ONCE" as (
  select match_key, min(key_json) as key_json, min(fields) as fields
  from "_CDP"."FOUND_READERS_E2257349_F0"
  group by match_key
),
-- each key that was found, with what the ledger holds (one row a key)
"TOLD" as (
  select e.key_hash, j.verdict, coalesce(s.state in ('synced', 'submitted', 'left'), false) as is_known
  from once as f
  left join "_CDP"."EXPECTED_READERS_E2257349_F0" as e on e.match_key = f.match_key
  left join "_CDP"."JUDGED_READERS_E2257349_F0" as j on j.key_hash = e.key_hash
  left join "_CDP"."SNAP_READERS_E2257349" as s on s.key_hash = coalesce(e.key_hash, left(sha2(f.key_json, 256), 32))
)
select
  count_if(not is_known and key_hash is not null and verdict = 'equal') as "EQUAL",
  count_if(not is_known and key_hash is not null and coalesce(verdict, 'differs') <> 'equal') as "DIFFERS",
  count_if(is_known) as "KNOWN",
  count_if(not is_known and key_hash is null) as "STRANGERS"
from told

-- adopt: compares
merge into "_CDP"."SNAP_READERS_E2257349" as held
using (
  with
  -- what was found (one row a key; of several the vendor itself could not say which is meant)
  "ONCE" as (
    select match_key, min(key_json) as key_json, min(fields) as fields
    from "_CDP"."FOUND_READERS_E2257349_F0"
    group by match_key
  ),
  -- what the destination holds (one row a key)
  "HELD" as (
    select
      e.key_hash, e.key_json, e.profile_id, e.ident,
      case when j.verdict = 'equal' then e.fp end as fp
    from "_CDP"."EXPECTED_READERS_E2257349_F0" as e
    join once as f on f.match_key = e.match_key
    left join "_CDP"."JUDGED_READERS_E2257349_F0" as j on j.key_hash = e.key_hash
    union all
    select
      left(sha2(f.key_json, 256), 32) as key_hash, f.key_json, cast(null as varchar) as profile_id, cast(null as
        varchar) as ident,
      cast(null as varchar) as fp
    from once as f
    left join "_CDP"."EXPECTED_READERS_E2257349_F0" as e on e.match_key = f.match_key
    where e.match_key is null
  )
  select
    n.key_hash as "KEY_HASH",
    n.key_json as "KEY_JSON",
    coalesce(n.profile_id, s.profile_id) as "PROFILE_ID",
    'synced' as "STATE",
    true as "KNOWN",
    case when s.hold_until > current_timestamp() then null else n.fp end as "FP",
    coalesce(n.ident, s.ident) as "IDENT",
    s.dest_id as "DEST_ID",
    coalesce(s.rev, 0) as "REV",
    cast(:fence as bigint) as "LAST_FENCE",
    cast(:run as varchar) as "LAST_RUN_ID",
    s.hold_until as "HOLD_UNTIL",
    cast(null as varchar) as "TRIED_FP",
    cast(0 as bigint) as "FAIL_COUNT",
    cast(null as timestamp_ltz) as "NEXT_RETRY_AT",
    cast(null as varchar) as "ERR_CLASS",
    cast(null as varchar) as "ERR_CODE",
    cast(null as varchar) as "ERR_MESSAGE",
    cast(null as varchar) as "JOB_ID",
    cast(null as varchar) as "PRIOR_STATE",
    cast(null as varchar) as "PENDING_OP",
    cast(null as varchar) as "PENDING_FP",
    cast(null as varchar) as "PENDING_TRIED",
    cast(null as bigint) as "PENDING_REV",
    cast(null as varchar) as "PENDING_IDENT",
    coalesce(s.first_synced_at, current_timestamp()) as "FIRST_SYNCED_AT",
    current_timestamp() as "LAST_SYNCED_AT"
  from held as n
  left join "_CDP"."SNAP_READERS_E2257349" as s on s.key_hash = n.key_hash
  where (s.key_hash is null or s.state in ('absent', 'tomb', 'unknown')) and exists (
    select 1
    from "_CDP"."SYNC"
    where sync_id = :sync and fence = cast(:fence as bigint)
  )
) as news
on news.key_hash = held.key_hash
when matched then update set
  "KEY_JSON" = "NEWS"."KEY_JSON",
  "PROFILE_ID" = "NEWS"."PROFILE_ID",
  "STATE" = "NEWS"."STATE",
  "KNOWN" = "NEWS"."KNOWN",
  "FP" = "NEWS"."FP",
  "IDENT" = "NEWS"."IDENT",
  "DEST_ID" = "NEWS"."DEST_ID",
  "REV" = "NEWS"."REV",
  "LAST_FENCE" = "NEWS"."LAST_FENCE",
  "LAST_RUN_ID" = "NEWS"."LAST_RUN_ID",
  "HOLD_UNTIL" = "NEWS"."HOLD_UNTIL",
  "TRIED_FP" = "NEWS"."TRIED_FP",
  "FAIL_COUNT" = "NEWS"."FAIL_COUNT",
  "NEXT_RETRY_AT" = "NEWS"."NEXT_RETRY_AT",
  "ERR_CLASS" = "NEWS"."ERR_CLASS",
  "ERR_CODE" = "NEWS"."ERR_CODE",
  "ERR_MESSAGE" = "NEWS"."ERR_MESSAGE",
  "JOB_ID" = "NEWS"."JOB_ID",
  "PRIOR_STATE" = "NEWS"."PRIOR_STATE",
  "PENDING_OP" = "NEWS"."PENDING_OP",
  "PENDING_FP" = "NEWS"."PENDING_FP",
  "PENDING_TRIED" = "NEWS"."PENDING_TRIED",
  "PENDING_REV" = "NEWS"."PENDING_REV",
  "PENDING_IDENT" = "NEWS"."PENDING_IDENT",
  "FIRST_SYNCED_AT" = "NEWS"."FIRST_SYNCED_AT",
  "LAST_SYNCED_AT" = "NEWS"."LAST_SYNCED_AT"
when not matched then insert (
  "KEY_HASH",
  "KEY_JSON",
  "PROFILE_ID",
  "STATE",
  "KNOWN",
  "FP",
  "IDENT",
  "DEST_ID",
  "REV",
  "LAST_FENCE",
  "LAST_RUN_ID",
  "HOLD_UNTIL",
  "TRIED_FP",
  "FAIL_COUNT",
  "NEXT_RETRY_AT",
  "ERR_CLASS",
  "ERR_CODE",
  "ERR_MESSAGE",
  "JOB_ID",
  "PRIOR_STATE",
  "PENDING_OP",
  "PENDING_FP",
  "PENDING_TRIED",
  "PENDING_REV",
  "PENDING_IDENT",
  "FIRST_SYNCED_AT",
  "LAST_SYNCED_AT"
) values (
  "NEWS"."KEY_HASH",
  "NEWS"."KEY_JSON",
  "NEWS"."PROFILE_ID",
  "NEWS"."STATE",
  "NEWS"."KNOWN",
  "NEWS"."FP",
  "NEWS"."IDENT",
  "NEWS"."DEST_ID",
  "NEWS"."REV",
  "NEWS"."LAST_FENCE",
  "NEWS"."LAST_RUN_ID",
  "NEWS"."HOLD_UNTIL",
  "NEWS"."TRIED_FP",
  "NEWS"."FAIL_COUNT",
  "NEWS"."NEXT_RETRY_AT",
  "NEWS"."ERR_CLASS",
  "NEWS"."ERR_CODE",
  "NEWS"."ERR_MESSAGE",
  "NEWS"."JOB_ID",
  "NEWS"."PRIOR_STATE",
  "NEWS"."PENDING_OP",
  "NEWS"."PENDING_FP",
  "NEWS"."PENDING_TRIED",
  "NEWS"."PENDING_REV",
  "NEWS"."PENDING_IDENT",
  "NEWS"."FIRST_SYNCED_AT",
  "NEWS"."LAST_SYNCED_AT"
)

-- correct: compares
update "_CDP"."SNAP_READERS_E2257349"
set fp = cast(null as varchar)
where state = 'synced'
  and key_hash in (select j.key_hash from "_CDP"."JUDGED_READERS_E2257349_F0" as j where j.verdict <> 'equal')
  and exists (
    select 1
    from "_CDP"."SYNC"
    where sync_id = :sync and fence = cast(:fence as bigint)
  )

-- moves: compares
with
-- ids that were merged away → the id in use (one row an alias)
"ALIASES" as (
  select stale.profile_id as alias, used.profile_id
  from "_CDP"."CUSTOMER_PROFILE_IDS" as stale
  join "_CDP"."CUSTOMER_PROFILE_IDS" as used on used.anchor = stale.merged_into
),
-- rows under an old key with the new key of their profile (one row an old key)
"RANKED" as (
  select
    s.key_hash as old_hash, e.key_hash, e.key_json, e.profile_id,
    row_number() over (
      partition by e.key_hash order by s.last_synced_at desc nulls last, s.last_fence desc, s.key_hash
    ) as place
  from "_CDP"."JUDGED_READERS_E2257349_F0" as j
  join "_CDP"."SNAP_READERS_E2257349" as s on s.key_hash = j.key_hash
  left join aliases as a on a.alias = s.profile_id
  join "_CDP"."EXPECTED_READERS_E2257349_F0" as e on e.profile_id = coalesce(a.profile_id, s.profile_id)
  where s.state not in ('absent', 'tomb', 'submitted')
)
select r.old_hash, r.key_hash, r.key_json, r.profile_id
from ranked as r
left join "_CDP"."SNAP_READERS_E2257349" as taken on taken.key_hash = r.key_hash
where r.place = 1 and taken.key_hash is null

-- move: compares
merge into "_CDP"."SNAP_READERS_E2257349" as held
using (
  select p.old_hash, p.key_hash, p.key_json, p.profile_id
  from "_CDP"."PAIRS_READERS_E2257349_F0" as p
  where exists (
    select 1
    from "_CDP"."SYNC"
    where sync_id = :sync and fence = cast(:fence as bigint)
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
    from "_CDP"."JUDGED_READERS_E2257349_F0" as j
    join "_CDP"."SNAP_READERS_E2257349" as s on s.key_hash = j.key_hash and s.state not in ('absent', 'tomb')
  ) as old_keys,
  (select count(*) from "_CDP"."PAIRS_READERS_E2257349_F0") as moved

-- plan of values: a value leaves with the last row that has it
with
-- who has asked not to be contacted, or must not be (one row a profile)
"SUPPRESSED" as (
  select distinct profile_id
  from "_CDP"."B0_CUSTOMER_SUPPRESSED"
  where scope is null
),
-- who may not be contacted
"BARRED" as (
  select profile_id, 'suppressed' as reason
  from "SUPPRESSED"
),
-- keys that several profiles claim: which of them is meant cannot be known
"DUPLICATED" as (
  select
    ('{"mail":' || to_json(to_variant(cast("P"."EMAIL" as varchar))) || '}') as key_json,
    count(*) as copies,
    count_if(not (barred.barred_id is not null)) as claims
  from "_CDP"."B0_CUSTOMER" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where true
    and not ("P"."EMAIL" is null)
  group by "P"."EMAIL"
  having count(*) > 1
),
-- the audience with its keys and fingerprints (one row a profile)
"KEYED" as (
  select
    ('{"mail":' || to_json(to_variant(cast("P"."EMAIL" as varchar))) || '}') as key_json,
    1 as copies,
    case when barred.barred_id is not null then 0 else 1 end as claims,
    p.profile_id,
    md5(
      array_to_string(
        array_construct_compact(
          coalesce(('city='
          || (case
            when typeof(to_variant("P"."CITY")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' ||
              regexp_replace(
              to_char(cast("P"."CITY" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
              '\\.?0+Z$', 'Z'
            ) || '"'
            when typeof(to_variant("P"."CITY")) = 'DATE' then '"' || to_char(cast("P"."CITY" as date), 'YYYY-MM-DD') ||
              '"'
            when typeof(to_variant("P"."CITY")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
              when regexp_like(cast("P"."CITY" as varchar), '.*e[+]?(1[5-9]|20)')
                then cast(cast("P"."CITY" as number(38, 0)) as varchar)
              else nullif(replace(regexp_replace(
                cast("P"."CITY" as varchar),
                '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
              ), 'e+', 'e'), '')
            end
            when typeof(to_variant("P"."CITY")) = 'BOOLEAN' then cast("P"."CITY" as varchar)
            when typeof(to_variant("P"."CITY")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."CITY"))
            else to_json(to_variant(cast("P"."CITY" as varchar)))
          end)), 'city~')
        ),
        ''
      )
    ) as fp
  from "_CDP"."B0_CUSTOMER" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where true
    and not ("P"."EMAIL" is null)
),
-- one row a key
"MEMBERS" as (
  select key_json, copies, claims, "PROFILE_ID", "FP"
  from "KEYED"
  where key_json not in (select key_json from "DUPLICATED")
  union all
  select key_json, copies, claims, cast(null as varchar) as "PROFILE_ID", cast(null as varchar) as "FP"
  from "DUPLICATED"
),
-- ids that were merged away, and the id in use (one row an alias)
"ALIASES" as (
  select gone.alias, used.profile_id
  from (
    select i.profile_id as alias, i.merged_into
    from "_CDP"."CUSTOMER_PROFILE_IDS" as i
    left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
    where i.merged_into is not null and c.anchor is null
    union all
    select profile_id as alias, merged_into
    from "_CDP"."B0_CUSTOMER_IDS"
    where merged_into is not null
  ) as gone
  join (
    select i.anchor, i.profile_id
    from "_CDP"."CUSTOMER_PROFILE_IDS" as i
    left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from "_CDP"."B0_CUSTOMER_IDS"
    where merged_into is null
  ) as used on used.anchor = gone.merged_into
),
-- what the audience has against what the destination acknowledged (one row a key)
"COMPARED" as (
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
  from "MEMBERS" as m
  full outer join "_CDP"."SNAP_READERS_E2257349" as s on s.key_json = m.key_json
  left join "ALIASES" as a on a.alias = s.profile_id
  left join "BARRED" as b on b.profile_id = coalesce(a.profile_id, s.profile_id)
),
-- with the one profile whose values are sent, so that joins are by equality alone
"DIFFERING" as (
  select
    *,
    case when verdict in ('create', 'update') then profile_id end as sent_profile,
    case when verdict in ('remove', 'left') then profile_id end as gone_profile
  from "COMPARED"
  where verdict is not null
),
-- what would be sent (exactly one profile for each row that is sent)
"DESCRIBED" as (
  select
    c.*,
    left(sha2(c.key_json, 256), 32) as key_hash,
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
        || (array_to_string(
          array_construct_compact(
            ('"city":'
            || (case
              when typeof(to_variant("P"."CITY")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' ||
                regexp_replace(
                to_char(cast("P"."CITY" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
                '\\.?0+Z$', 'Z'
              ) || '"'
              when typeof(to_variant("P"."CITY")) = 'DATE' then '"' || to_char(cast("P"."CITY" as date), 'YYYY-MM-DD')
                || '"'
              when typeof(to_variant("P"."CITY")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
                when regexp_like(cast("P"."CITY" as varchar), '.*e[+]?(1[5-9]|20)')
                  then cast(cast("P"."CITY" as number(38, 0)) as varchar)
                else nullif(replace(regexp_replace(
                  cast("P"."CITY" as varchar),
                  '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
                ), 'e+', 'e'), '')
              end
              when typeof(to_variant("P"."CITY")) = 'BOOLEAN' then cast("P"."CITY" as varchar)
              when typeof(to_variant("P"."CITY")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."CITY"))
              else to_json(to_variant(cast("P"."CITY" as varchar)))
            end))
          ),
          ','
        ))
        || '}')
    end as payload,
    case
      when p.profile_id is not null then
        ('{'
        || (array_to_string(
          array_construct_compact(
            ('"city":'
            || (case
              when typeof(to_variant("P"."CITY")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' ||
                regexp_replace(
                to_char(cast("P"."CITY" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
                '\\.?0+Z$', 'Z'
              ) || '"'
              when typeof(to_variant("P"."CITY")) = 'DATE' then '"' || to_char(cast("P"."CITY" as date), 'YYYY-MM-DD')
                || '"'
              when typeof(to_variant("P"."CITY")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
                when regexp_like(cast("P"."CITY" as varchar), '.*e[+]?(1[5-9]|20)')
                  then cast(cast("P"."CITY" as number(38, 0)) as varchar)
                else nullif(replace(regexp_replace(
                  cast("P"."CITY" as varchar),
                  '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
                ), 'e+', 'e'), '')
              end
              when typeof(to_variant("P"."CITY")) = 'BOOLEAN' then cast("P"."CITY" as varchar)
              when typeof(to_variant("P"."CITY")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."CITY"))
              else to_json(to_variant(cast("P"."CITY" as varchar)))
            end))
          ),
          ','
        ))
        || '}')
    end as new_ident
  from "DIFFERING" as c
  left join "_CDP"."B0_CUSTOMER" as p on p.profile_id = c.sent_profile
  cross join "_CDP"."B0_CLOCK" as clock
),
-- profiles without a key, or with one that others claim: what was sent for them is not gone
"NAMELESS" as (
  select
    p.profile_id
  from "_CDP"."B0_CUSTOMER" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where true
    and ("P"."EMAIL" is null)
  union all
  select
    p.profile_id
  from "_CDP"."B0_CUSTOMER" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where true
    and ('{"mail":' || to_json(to_variant(cast("P"."EMAIL" as varchar))) || '}') in (select key_json from "DUPLICATED")
),
-- holds and earlier refusals keep a change back; so does a key that has only turned null or common
"JUDGED" as (
  select
    d.*,
    case
      when n.profile_id is not null and not d.is_barred then 'nameless'
      when d.op is null then d.verdict
      when d.hold_until > current_timestamp() then 'held'
      when d.tried_fp = d.trying and not coalesce(d.next_retry_at <= current_timestamp(), false) then 'waiting'
      else d.verdict
    end as judgement
  from "DESCRIBED" as d
  left join "NAMELESS" as n on n.profile_id = d.gone_profile
),
-- values under which rows that leave or change were told (one row a row and field)
"TOLD" as (
  select key_json, 'city' as field, 'towns' as list, cast(get(parse_json(case when contains(ident, '},{') then null else
    ident end), 'city') as varchar) as value
  from "JUDGED"
  where op in ('update', 'remove') and ident is not null
),
-- values of everybody who is in the audience now
"STANDING" as (
  select
    'towns' as list,
    cast(get(parse_json(('{"v":'
    || (case
      when typeof(to_variant("P"."CITY")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' ||
        regexp_replace(
        to_char(cast("P"."CITY" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
        '\\.?0+Z$', 'Z'
      ) || '"'
      when typeof(to_variant("P"."CITY")) = 'DATE' then '"' || to_char(cast("P"."CITY" as date), 'YYYY-MM-DD') || '"'
      when typeof(to_variant("P"."CITY")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
        when regexp_like(cast("P"."CITY" as varchar), '.*e[+]?(1[5-9]|20)')
          then cast(cast("P"."CITY" as number(38, 0)) as varchar)
        else nullif(replace(regexp_replace(
          cast("P"."CITY" as varchar),
          '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
        ), 'e+', 'e'), '')
      end
      when typeof(to_variant("P"."CITY")) = 'BOOLEAN' then cast("P"."CITY" as varchar)
      when typeof(to_variant("P"."CITY")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."CITY"))
      else to_json(to_variant(cast("P"."CITY" as varchar)))
    end)
    || '}')), 'v') as varchar) as value
  from "_CDP"."B0_CUSTOMER" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where true
    and not (barred.barred_id is not null)
),
-- which of them stay, because somebody who stays has them (one row a row)
"KEPT" as (
  select key_json as kept_key, max(case when field = 'city' then 1 else 0 end) as "STAYS_1"
  from "TOLD"
  where (list
  || ':'
  || (case
    when regexp_like(value, '[!-~]+( [!-~]+)*')
      then lower(value)
    else nullif(
      lower(trim(regexp_replace(
        value,
        ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
      ))),
      ''
    )
  end)) in (
    select (list
    || ':'
    || (case
      when regexp_like(value, '[!-~]+( [!-~]+)*')
        then lower(value)
      else nullif(
        lower(trim(regexp_replace(
          value,
          ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
        ))),
        ''
      )
    end))
    from "STANDING"
  )
  group by key_json
),
-- removals before creations, because one may free what the other needs; with a limit or on hold
-- there are none
"SORTED" as (
  select
    j.*,
    case
      when judgement = 'remove' then case when cast(:max_changes as bigint) is null and (act = 'withdraw' or not
        cast(:hold_removals as boolean)) then 0 else 3 end
      when judgement = 'create' then 1
      when judgement = 'update' then 2
      when judgement in ('left', 'returned', 'forgotten', 'rebased') then 4
      else 5
    end as class
  from "JUDGED" as j
),
-- the order is the same in every run
"RANKED" as (
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
        || array_to_string(
          array_construct_compact(
            ('"city":'
              || (case when k."STAYS_1" = 0 then to_json(to_variant(cast(cast(get(parse_json(ident), 'city') as varchar)
                as varchar))) end))
          ),
          ','
        )
        || '}')
    end as old_ident, dest_id,
    left(sha2((array_to_string(
      array_construct_compact(
        'readers_e2257349',
        key_json,
        cast(coalesce(rev, 0) + 1 as varchar),
        coalesce(op, ''),
        coalesce(trying, '')
      ),
      ''
    )), 256), 32) as idempotency_key
  from "SORTED"
  left join "KEPT" as k on k.kept_key = key_json
)
select
  place as seq,
  case
    when class = 3 or (class in (1, 2) and place > cast(:max_changes as bigint)) then 'owed'
    else verdict
  end as verdict,
  "OP",
  "ACT",
  "IN_AUDIENCE",
  "COPIES",
  "CLAIMS",
  "KEY_HASH",
  "KEY_JSON",
  "PROFILE_ID",
  "FP",
  "TRIED_FP",
  "REV",
  "IDENT",
  "PAYLOAD",
  "OLD_IDENT",
  "DEST_ID",
  "IDEMPOTENCY_KEY"
from "RANKED"
where cast(:fence as bigint) = 0 or exists (
  select 1
  from "_CDP"."SYNC"
  where sync_id = :sync and fence = cast(:fence as bigint)
)

-- view sync_health: one row a sync: its last run, and what its destination holds
create or replace view "CDP"."SYNC_HEALTH" copy grants as
with
-- begin and end of each (one row a run and sync)
"RUNS" as (
  select
    sync_id as sync, run_id, fence,
    min(happened_at) as began_at,
    max(case when event <> 'claimed' then happened_at end) as ended_at,
    max(case when event <> 'claimed' then event end) as ended_with,
    max(case when event <> 'claimed' then counts end) as counts,
    max(case when event <> 'claimed' then detail end) as detail
  from "_CDP"."RUN_EVENT"
  where run_id not in (
    select run_id
    from "_CDP"."RUN_EVENT"
    where event in ('unlocked', 'retried', 'reset', 'adopted', 'reconciled', 'rekeyed')
  )
  group by sync_id, run_id, fence
),
-- the newest run of each sync has place 1
"RANKED" as (
  select runs.*, row_number() over (partition by sync order by fence desc, began_at desc) as place
  from runs
),
-- when each sync was last sent to its end (one row a sync)
"SUCCEEDED" as (
  select sync, max(ended_at) as last_success_at
  from runs
  where ended_with = 'done'
  group by sync
),
-- rows by what became of them (one row a sync and label)
"COUNTED" as (
  select 'quiet' as sync, case
    when fail_count >= 5 or (tried_fp is not null and next_retry_at is null) then 'quarantined'
    when tried_fp is not null then 'refused'
    when state = 'tomb' then 'removed'
    else state
  end as label, count(*) as keys
  from "_CDP"."SNAP_QUIET_008F0747"
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
  from "_CDP"."SNAP_READERS_E2257349"
  group by case
    when fail_count >= 5 or (tried_fp is not null and next_retry_at is null) then 'quarantined'
    when tried_fp is not null then 'refused'
    when state = 'tomb' then 'removed'
    else state
  end
),
-- what each destination holds (one row a sync)
"TOTALS" as (
  select
    sync,
    cast(coalesce(sum(case when label = 'synced' then keys end), 0) as bigint) as "SYNCED",
    cast(coalesce(sum(case when label = 'unknown' then keys end), 0) as bigint) as "UNKNOWN",
    cast(coalesce(sum(case when label = 'submitted' then keys end), 0) as bigint) as "ACCEPTED",
    cast(coalesce(sum(case when label = 'refused' then keys end), 0) as bigint) as "REFUSED",
    cast(coalesce(sum(case when label = 'quarantined' then keys end), 0) as bigint) as "QUARANTINED",
    cast(coalesce(sum(case when label = 'left' then keys end), 0) as bigint) as "LEFT",
    cast(coalesce(sum(case when label = 'removed' then keys end), 0) as bigint) as "REMOVED"
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
  cast(cast(get(parse_json(r.counts), 'again') as varchar) as bigint) as owed,
  coalesce(t."SYNCED", 0) as "SYNCED",
  coalesce(t."UNKNOWN", 0) as "UNKNOWN",
  coalesce(t."ACCEPTED", 0) as "ACCEPTED",
  coalesce(t."REFUSED", 0) as "REFUSED",
  coalesce(t."QUARANTINED", 0) as "QUARANTINED",
  coalesce(t."LEFT", 0) as "LEFT",
  coalesce(t."REMOVED", 0) as "REMOVED",
  s.holder as locked_by,
  case when s.holder is not null then s.lease_until end as locked_until
from "_CDP"."SYNC" as s
left join ranked as r on r.sync = s.sync_id and r.place = 1
left join succeeded as ok on ok.sync = s.sync_id
left join totals as t on t.sync = s.sync_id

-- view rejects: one row a key that a destination refuses
create or replace view "CDP"."REJECTS" copy grants as
with
-- rows that were refused last (one row a sync and key)
"REFUSED" as (
  select
    'quiet' as sync, key_json, profile_id, case
      when fail_count >= 5 or (tried_fp is not null and next_retry_at is null) then 'quarantined'
      when tried_fp is not null then 'refused'
      when state = 'tomb' then 'removed'
      else state
    end as status, err_class, err_code, err_message,
    fail_count, next_retry_at, last_run_id, last_synced_at
  from "_CDP"."SNAP_QUIET_008F0747"
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
  from "_CDP"."SNAP_READERS_E2257349"
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
create or replace view "CDP"."DELIVERY_LOG" copy grants as
with
-- begin and end of each (one row a run and sync)
"RUNS" as (
  select
    sync_id as sync, run_id, fence,
    min(happened_at) as began_at,
    max(case when event <> 'claimed' then happened_at end) as ended_at,
    max(case when event <> 'claimed' then event end) as ended_with,
    max(case when event <> 'claimed' then counts end) as counts,
    max(case when event <> 'claimed' then detail end) as detail
  from "_CDP"."RUN_EVENT"
  where run_id not in (
    select run_id
    from "_CDP"."RUN_EVENT"
    where event in ('unlocked', 'retried', 'reset', 'adopted', 'reconciled', 'rekeyed')
  )
  group by sync_id, run_id, fence
)
select
  1 as schema_version,
  sync, run_id, fence, began_at, ended_at,
  coalesce(ended_with, 'unfinished') as status,
  cast(cast(get(parse_json(counts), 'creates') as varchar) as bigint) as "CREATES",
  cast(cast(get(parse_json(counts), 'updates') as varchar) as bigint) as "UPDATES",
  cast(cast(get(parse_json(counts), 'removes') as varchar) as bigint) as "REMOVES",
  cast(cast(get(parse_json(counts), 'unchanged') as varchar) as bigint) as "UNCHANGED",
  cast(cast(get(parse_json(counts), 'written') as varchar) as bigint) as "WRITTEN",
  cast(cast(get(parse_json(counts), 'accepted') as varchar) as bigint) as "ACCEPTED",
  cast(cast(get(parse_json(counts), 'refused') as varchar) as bigint) as "REFUSED",
  cast(cast(get(parse_json(counts), 'again') as varchar) as bigint) as "AGAIN",
  cast(cast(get(parse_json(counts), 'invalid') as varchar) as bigint) as "INVALID",
  cast(cast(get(parse_json(counts), 'calls') as varchar) as bigint) as "CALLS",
  detail
from runs

-- view sync_health: one row a sync: its last run, and what its destination holds
create or replace view "CDP"."SYNC_HEALTH" copy grants as
with
-- begin and end of each (one row a run and sync)
"RUNS" as (
  select
    sync_id as sync, run_id, fence,
    min(happened_at) as began_at,
    max(case when event <> 'claimed' then happened_at end) as ended_at,
    max(case when event <> 'claimed' then event end) as ended_with,
    max(case when event <> 'claimed' then counts end) as counts,
    max(case when event <> 'claimed' then detail end) as detail
  from "_CDP"."RUN_EVENT"
  where run_id not in (
    select run_id
    from "_CDP"."RUN_EVENT"
    where event in ('unlocked', 'retried', 'reset', 'adopted', 'reconciled', 'rekeyed')
  )
  group by sync_id, run_id, fence
),
-- the newest run of each sync has place 1
"RANKED" as (
  select runs.*, row_number() over (partition by sync order by fence desc, began_at desc) as place
  from runs
),
-- when each sync was last sent to its end (one row a sync)
"SUCCEEDED" as (
  select sync, max(ended_at) as last_success_at
  from runs
  where ended_with = 'done'
  group by sync
),
-- rows by what became of them (one row a sync and label)
"COUNTED" as (
  select
    cast(null as varchar) as "SYNC",
    cast(null as varchar) as "LABEL",
    cast(null as bigint) as "KEYS"
  where false
),
-- what each destination holds (one row a sync)
"TOTALS" as (
  select
    sync,
    cast(coalesce(sum(case when label = 'synced' then keys end), 0) as bigint) as "SYNCED",
    cast(coalesce(sum(case when label = 'unknown' then keys end), 0) as bigint) as "UNKNOWN",
    cast(coalesce(sum(case when label = 'submitted' then keys end), 0) as bigint) as "ACCEPTED",
    cast(coalesce(sum(case when label = 'refused' then keys end), 0) as bigint) as "REFUSED",
    cast(coalesce(sum(case when label = 'quarantined' then keys end), 0) as bigint) as "QUARANTINED",
    cast(coalesce(sum(case when label = 'left' then keys end), 0) as bigint) as "LEFT",
    cast(coalesce(sum(case when label = 'removed' then keys end), 0) as bigint) as "REMOVED"
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
  cast(cast(get(parse_json(r.counts), 'again') as varchar) as bigint) as owed,
  coalesce(t."SYNCED", 0) as "SYNCED",
  coalesce(t."UNKNOWN", 0) as "UNKNOWN",
  coalesce(t."ACCEPTED", 0) as "ACCEPTED",
  coalesce(t."REFUSED", 0) as "REFUSED",
  coalesce(t."QUARANTINED", 0) as "QUARANTINED",
  coalesce(t."LEFT", 0) as "LEFT",
  coalesce(t."REMOVED", 0) as "REMOVED",
  s.holder as locked_by,
  case when s.holder is not null then s.lease_until end as locked_until
from "_CDP"."SYNC" as s
left join ranked as r on r.sync = s.sync_id and r.place = 1
left join succeeded as ok on ok.sync = s.sync_id
left join totals as t on t.sync = s.sync_id

-- view rejects: one row a key that a destination refuses
create or replace view "CDP"."REJECTS" copy grants as
select
  cast(null as bigint) as "SCHEMA_VERSION",
  cast(null as varchar) as "SYNC",
  cast(null as varchar) as "KEY",
  cast(null as varchar) as "PROFILE_ID",
  cast(null as varchar) as "STATUS",
  cast(null as boolean) as "IS_COMPLIANCE",
  cast(null as varchar) as "CODE",
  cast(null as varchar) as "MESSAGE",
  cast(null as bigint) as "FAILURES",
  cast(null as timestamp_ltz) as "NEXT_RETRY_AT",
  cast(null as varchar) as "LAST_RUN_ID",
  cast(null as timestamp_ltz) as "LAST_WRITTEN_AT"
where false

-- view delivery_log: one row a run of a sync
create or replace view "CDP"."DELIVERY_LOG" copy grants as
with
-- begin and end of each (one row a run and sync)
"RUNS" as (
  select
    sync_id as sync, run_id, fence,
    min(happened_at) as began_at,
    max(case when event <> 'claimed' then happened_at end) as ended_at,
    max(case when event <> 'claimed' then event end) as ended_with,
    max(case when event <> 'claimed' then counts end) as counts,
    max(case when event <> 'claimed' then detail end) as detail
  from "_CDP"."RUN_EVENT"
  where run_id not in (
    select run_id
    from "_CDP"."RUN_EVENT"
    where event in ('unlocked', 'retried', 'reset', 'adopted', 'reconciled', 'rekeyed')
  )
  group by sync_id, run_id, fence
)
select
  1 as schema_version,
  sync, run_id, fence, began_at, ended_at,
  coalesce(ended_with, 'unfinished') as status,
  cast(cast(get(parse_json(counts), 'creates') as varchar) as bigint) as "CREATES",
  cast(cast(get(parse_json(counts), 'updates') as varchar) as bigint) as "UPDATES",
  cast(cast(get(parse_json(counts), 'removes') as varchar) as bigint) as "REMOVES",
  cast(cast(get(parse_json(counts), 'unchanged') as varchar) as bigint) as "UNCHANGED",
  cast(cast(get(parse_json(counts), 'written') as varchar) as bigint) as "WRITTEN",
  cast(cast(get(parse_json(counts), 'accepted') as varchar) as bigint) as "ACCEPTED",
  cast(cast(get(parse_json(counts), 'refused') as varchar) as bigint) as "REFUSED",
  cast(cast(get(parse_json(counts), 'again') as varchar) as bigint) as "AGAIN",
  cast(cast(get(parse_json(counts), 'invalid') as varchar) as bigint) as "INVALID",
  cast(cast(get(parse_json(counts), 'calls') as varchar) as bigint) as "CALLS",
  detail
from runs
