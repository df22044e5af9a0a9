-- suppress customer: they are not contacted from now on; values are kept as hashes only
insert into "_CDP"."SUPPRESSION" (ident_type, ident_hash, scope, reason, "AT")
select n.type, left(sha2(n.value, 256), 32), n.scope, n.reason, current_timestamp()
from (
  select r.type, r.scope, r.reason, case r.type
    when 'user_id' then case
      when regexp_like(r.value, '[!-~]([ -~]*[!-~])?')
        then r.value
      else nullif(regexp_replace(
        r.value,
        ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
        || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
      ), '')
    end
    when 'email' then case
      when regexp_like(r.value, '[!-?A-~]+@[!-?A-~]+')
        then lower(r.value)
      else regexp_substr(
        lower(trim(regexp_replace(
          r.value,
          ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
        ))),
        '^[^@ ]+@[^@ ]+$'
      )
    end
    else trim(r.value)
  end as value
  from (
    select
      cast(get(item.value, 'type') as varchar) as "TYPE",
      cast(get(item.value, 'value') as varchar) as "VALUE",
      cast(get(item.value, 'scope') as varchar) as "SCOPE",
      cast(get(item.value, 'reason') as varchar) as "REASON"
    from table(flatten(input => parse_json(:rows))) as item
  ) as r
) as n
where n.value is not null

-- suppression: the list as it is now, read once
create or replace transient table "_CDP"."B0_SUPPRESSION" as
select distinct ident_type, ident_hash, scope
from "_CDP"."SUPPRESSION"

-- customer suppressed: who has an identifier that is not to be contacted
create or replace transient table "_CDP"."B0_CUSTOMER_SUPPRESSED" as
with
-- every identifier of every profile, those that join nobody included
"KNOWN" as (
  select m.profile_id, m.type, m.value
  from (
    select i.node_id, i.type, i.value, n.first_seen_at, n.last_seen_at, p.profile_id
    from (
      select g.node_id, g.first_seen_at, g.last_seen_at, g.profile
      from "_CDP"."CUSTOMER_GRAPH" as g
      left join "_CDP"."B0_CUSTOMER_GRAPH" as c on c.node_id = g.node_id
      where g.profile is not null and c.node_id is null
      union all
      select node_id, first_seen_at, last_seen_at, profile
      from "_CDP"."B0_CUSTOMER_GRAPH"
      where profile is not null
    ) as n
    join (
      select node_id, type, value
      from "_CDP"."CUSTOMER_VALUES"
      union all
      select node_id, type, value
      from "_CDP"."B0_CUSTOMER_VALUES"
      where is_new
      union all
      select node_id, type, value
      from "_CDP"."B0_CUSTOMER_LONE"
      where is_new
    ) as i on i.node_id = n.node_id
    join (
      select i.anchor, i.profile_id
      from "_CDP"."CUSTOMER_PROFILE_IDS" as i
      left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
      where i.merged_into is null and c.anchor is null
      union all
      select anchor, profile_id
      from "_CDP"."B0_CUSTOMER_IDS"
      where merged_into is null
    ) as p on p.anchor = n.profile
  ) as m
  union all
  select profile_id, type, value
  from "_CDP"."B0_CUSTOMER_ATTRIBUTES"
  union all
  select
    p.profile_id, 'email' as type,
    case
      when regexp_like("P"."EMAIL", '[!-?A-~]+@[!-?A-~]+')
        then lower("P"."EMAIL")
      else regexp_substr(
        lower(trim(regexp_replace(
          "P"."EMAIL",
          ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
        ))),
        '^[^@ ]+@[^@ ]+$'
      )
    end as value
  from "_CDP"."B0_CUSTOMER" as p
)
select distinct k.profile_id, x.scope
from "KNOWN" as k
join "_CDP"."B0_SUPPRESSION" as x on x.ident_type = k.type and x.ident_hash = left(sha2(k.value, 256), 32)

-- customer consents: who said yes or no to what, each source read once
create or replace transient table "_CDP"."B0_CUSTOMER_CONSENTS" as
with
-- identifiers, keys and times in the form in which they are compared
"ANSWERS_NORMALISED" as (
  select
    s.*,
    case
      when typeof(to_variant("S"."USER_ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
        when regexp_like(cast("S"."USER_ID" as varchar), '.*e[+]?(1[5-9]|20)')
          then cast(cast("S"."USER_ID" as number(38, 0)) as varchar)
        else nullif(replace(regexp_replace(
          cast("S"."USER_ID" as varchar),
          '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
        ), 'e+', 'e'), '')
      end
      when regexp_like(cast("S"."USER_ID" as varchar), '[!-~]([ -~]*[!-~])?')
        then cast("S"."USER_ID" as varchar)
      else nullif(regexp_replace(
        cast("S"."USER_ID" as varchar),
        ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
        || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
      ), '')
    end as "CDP_USER_ID",
    case
      when regexp_like(cast("S"."EMAIL" as varchar), '[!-?A-~]+@[!-?A-~]+')
        then lower(cast("S"."EMAIL" as varchar))
      else regexp_substr(
        lower(trim(regexp_replace(
          cast("S"."EMAIL" as varchar),
          ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
        ))),
        '^[^@ ]+@[^@ ]+$'
      )
    end as "CDP_EMAIL",
    "PHONE_3"."E164" as "CDP_PHONE",
    cast("S"."SAID_AT" as timestamp_ltz) as cdp_time
  from "RAW"."ANSWERS" as s
  left join "_CDP"."PHONE" as "PHONE_3"
    on "PHONE_3"."RAW" = substr(
      case
        when typeof(to_variant("S"."PHONE")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
          when regexp_like(cast("S"."PHONE" as varchar), '.*e[+]?(1[5-9]|20)')
            then cast(cast("S"."PHONE" as number(38, 0)) as varchar)
          else nullif(replace(regexp_replace(
            cast("S"."PHONE" as varchar),
            '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
          ), 'e+', 'e'), '')
        end
        when regexp_like(cast("S"."PHONE" as varchar), '[!-~]([ -~]*[!-~])?')
          then cast("S"."PHONE" as varchar)
        else nullif(regexp_replace(
          cast("S"."PHONE" as varchar),
          ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
          || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
        ), '')
      end,
      1,
      100
    )
    and "PHONE_3"."REGION" = ''
    and "PHONE_3"."VERSION" = '1'
),
-- without the values that identify nobody
"ANSWERS_IDENTIFIED" as (
  select
    s.*,
    case
      when length("S"."CDP_USER_ID") > 1000
      or lower("S"."CDP_USER_ID") in ('null', '(null)', '<null>', '[null]', '\\n', 'none', '(none)', 'nil', 'nan', 'na',
        'n/a',
        'n.a.', '#n/a', 'unknown', 'undefined', 'anonymous', 'guest', 'test', 'deleted',
        'redacted', 'true', 'false', '-1', 'not available', 'not applicable', 'not provided',
        'not set', '(not set)', '[object object]', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
        '02:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '127.0.0.1', '::1', 'localhost',
        '9774d56d682e549c')
      or (regexp_instr(
        "S"."CDP_USER_ID",
        '(^[{(]?[0:.-]+[)}]?$)|(^[\\[\\](){}<>_.,:;?!*#/|"~=+ -]+$)'
      ) > 0) then null
      else "S"."CDP_USER_ID"
    end as "CDP_USER_ID_VALID",
    case
      when length("S"."CDP_EMAIL") > 1000
      or lower("S"."CDP_EMAIL") in ('test@test.com', 'test@test.test', 'test@test', 'test@example.com',
        'user@example.com',
        'email@example.com', 'example@example.com', 'email@email.com', 'none@none.com',
        'na@na.com', 'no@no.com', 'a@a.com', 'a@a.a', 'noemail@noemail.com', 'no@email.com',
        'null@null.com')
      or (regexp_instr(
        "S"."CDP_EMAIL",
        '(^(no[-_]?reply|do-?not-?reply|nobody|no-?email|none|null|undefined|unknown|anonymous|deleted|n/?a)@)'
      ) > 0) then null
      else "S"."CDP_EMAIL"
    end as "CDP_EMAIL_VALID",
    case
      when length("S"."CDP_PHONE") > 1000
        or (regexp_instr("S"."CDP_PHONE", '((0{7}|1{7}|2{7}|3{7}|4{7}|5{7}|6{7}|7{7}|8{7}|9{7})$)') > 0) then null
      else "S"."CDP_PHONE"
    end as "CDP_PHONE_VALID"
  from "ANSWERS_NORMALISED" as s
),
-- every identifier that joins, and its profile (one row an identifier)
"ANSWERS_LOOKUP" as (
  select i.type, i.value, n.profile, p.profile_id
  from (
    select node_id, type, value
    from "_CDP"."CUSTOMER_VALUES"
    union all
    select node_id, type, value
    from "_CDP"."B0_CUSTOMER_VALUES"
    where is_new
    union all
    select node_id, type, value
    from "_CDP"."B0_CUSTOMER_LONE"
    where is_new
  ) as i
  join (
    select g.node_id, g.first_seen_at, g.last_seen_at, g.profile
    from "_CDP"."CUSTOMER_GRAPH" as g
    left join "_CDP"."B0_CUSTOMER_GRAPH" as c on c.node_id = g.node_id
    where g.profile is not null and c.node_id is null
    union all
    select node_id, first_seen_at, last_seen_at, profile
    from "_CDP"."B0_CUSTOMER_GRAPH"
    where profile is not null
  ) as n on n.node_id = i.node_id
  join (
    select i.anchor, i.profile_id
    from "_CDP"."CUSTOMER_PROFILE_IDS" as i
    left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from "_CDP"."B0_CUSTOMER_IDS"
    where merged_into is null
  ) as p on p.anchor = n.profile
  where i.type in ('user_id', 'email', 'phone')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
"ANSWERS_ATTRIBUTED" as (
  select
    s.*,
    coalesce("LOOKUP_1"."PROFILE", "LOOKUP_2"."PROFILE", "LOOKUP_3"."PROFILE") as cdp_profile,
    coalesce("LOOKUP_1"."PROFILE_ID", "LOOKUP_2"."PROFILE_ID", "LOOKUP_3"."PROFILE_ID") as cdp_profile_id
  from "ANSWERS_IDENTIFIED" as s
  left join "ANSWERS_LOOKUP" as "LOOKUP_1"
    on "LOOKUP_1"."TYPE" = 'user_id' and "LOOKUP_1"."VALUE" = "S"."CDP_USER_ID"
  left join "ANSWERS_LOOKUP" as "LOOKUP_2"
    on "LOOKUP_2"."TYPE" = 'email' and "LOOKUP_2"."VALUE" = "S"."CDP_EMAIL"
  left join "ANSWERS_LOOKUP" as "LOOKUP_3"
    on "LOOKUP_3"."TYPE" = 'phone' and "LOOKUP_3"."VALUE" = "S"."CDP_PHONE"
),
-- identifiers, keys and times in the form in which they are compared
"PEOPLE_NORMALISED" as (
  select
    s.*,
    case
      when typeof(to_variant("S"."ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
        when regexp_like(cast("S"."ID" as varchar), '.*e[+]?(1[5-9]|20)')
          then cast(cast("S"."ID" as number(38, 0)) as varchar)
        else nullif(replace(regexp_replace(
          cast("S"."ID" as varchar),
          '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
        ), 'e+', 'e'), '')
      end
      when regexp_like(cast("S"."ID" as varchar), '[!-~]([ -~]*[!-~])?')
        then cast("S"."ID" as varchar)
      else nullif(regexp_replace(
        cast("S"."ID" as varchar),
        ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
        || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
      ), '')
    end as "CDP_USER_ID",
    case
      when regexp_like(cast("S"."EMAIL" as varchar), '[!-?A-~]+@[!-?A-~]+')
        then lower(cast("S"."EMAIL" as varchar))
      else regexp_substr(
        lower(trim(regexp_replace(
          cast("S"."EMAIL" as varchar),
          ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
        ))),
        '^[^@ ]+@[^@ ]+$'
      )
    end as "CDP_EMAIL",
    "PHONE_3"."E164" as "CDP_PHONE",
    case
      when typeof(to_variant("S"."ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
        when regexp_like(cast("S"."ID" as varchar), '.*e[+]?(1[5-9]|20)')
          then cast(cast("S"."ID" as number(38, 0)) as varchar)
        else nullif(replace(regexp_replace(
          cast("S"."ID" as varchar),
          '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
        ), 'e+', 'e'), '')
      end
      when regexp_like(cast("S"."ID" as varchar), '[!-~]([ -~]*[!-~])?')
        then cast("S"."ID" as varchar)
      else nullif(regexp_replace(
        cast("S"."ID" as varchar),
        ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
        || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
      ), '')
    end as cdp_key
  from "RAW"."PEOPLE" as s
  left join "_CDP"."PHONE" as "PHONE_3"
    on "PHONE_3"."RAW" = substr(
      case
        when typeof(to_variant("S"."PHONE")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
          when regexp_like(cast("S"."PHONE" as varchar), '.*e[+]?(1[5-9]|20)')
            then cast(cast("S"."PHONE" as number(38, 0)) as varchar)
          else nullif(replace(regexp_replace(
            cast("S"."PHONE" as varchar),
            '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
          ), 'e+', 'e'), '')
        end
        when regexp_like(cast("S"."PHONE" as varchar), '[!-~]([ -~]*[!-~])?')
          then cast("S"."PHONE" as varchar)
        else nullif(regexp_replace(
          cast("S"."PHONE" as varchar),
          ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
          || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
        ), '')
      end,
      1,
      100
    )
    and "PHONE_3"."REGION" = ''
    and "PHONE_3"."VERSION" = '1'
),
-- without the values that identify nobody
"PEOPLE_IDENTIFIED" as (
  select
    s.*,
    case
      when length("S"."CDP_USER_ID") > 1000
      or lower("S"."CDP_USER_ID") in ('null', '(null)', '<null>', '[null]', '\\n', 'none', '(none)', 'nil', 'nan', 'na',
        'n/a',
        'n.a.', '#n/a', 'unknown', 'undefined', 'anonymous', 'guest', 'test', 'deleted',
        'redacted', 'true', 'false', '-1', 'not available', 'not applicable', 'not provided',
        'not set', '(not set)', '[object object]', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
        '02:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '127.0.0.1', '::1', 'localhost',
        '9774d56d682e549c')
      or (regexp_instr(
        "S"."CDP_USER_ID",
        '(^[{(]?[0:.-]+[)}]?$)|(^[\\[\\](){}<>_.,:;?!*#/|"~=+ -]+$)'
      ) > 0) then null
      else "S"."CDP_USER_ID"
    end as "CDP_USER_ID_VALID",
    case
      when length("S"."CDP_EMAIL") > 1000
      or lower("S"."CDP_EMAIL") in ('test@test.com', 'test@test.test', 'test@test', 'test@example.com',
        'user@example.com',
        'email@example.com', 'example@example.com', 'email@email.com', 'none@none.com',
        'na@na.com', 'no@no.com', 'a@a.com', 'a@a.a', 'noemail@noemail.com', 'no@email.com',
        'null@null.com')
      or (regexp_instr(
        "S"."CDP_EMAIL",
        '(^(no[-_]?reply|do-?not-?reply|nobody|no-?email|none|null|undefined|unknown|anonymous|deleted|n/?a)@)'
      ) > 0) then null
      else "S"."CDP_EMAIL"
    end as "CDP_EMAIL_VALID",
    case
      when length("S"."CDP_PHONE") > 1000
        or (regexp_instr("S"."CDP_PHONE", '((0{7}|1{7}|2{7}|3{7}|4{7}|5{7}|6{7}|7{7}|8{7}|9{7})$)') > 0) then null
      else "S"."CDP_PHONE"
    end as "CDP_PHONE_VALID"
  from "PEOPLE_NORMALISED" as s
),
-- every identifier that joins, and its profile (one row an identifier)
"PEOPLE_LOOKUP" as (
  select i.type, i.value, n.profile, p.profile_id
  from (
    select node_id, type, value
    from "_CDP"."CUSTOMER_VALUES"
    union all
    select node_id, type, value
    from "_CDP"."B0_CUSTOMER_VALUES"
    where is_new
    union all
    select node_id, type, value
    from "_CDP"."B0_CUSTOMER_LONE"
    where is_new
  ) as i
  join (
    select g.node_id, g.first_seen_at, g.last_seen_at, g.profile
    from "_CDP"."CUSTOMER_GRAPH" as g
    left join "_CDP"."B0_CUSTOMER_GRAPH" as c on c.node_id = g.node_id
    where g.profile is not null and c.node_id is null
    union all
    select node_id, first_seen_at, last_seen_at, profile
    from "_CDP"."B0_CUSTOMER_GRAPH"
    where profile is not null
  ) as n on n.node_id = i.node_id
  join (
    select i.anchor, i.profile_id
    from "_CDP"."CUSTOMER_PROFILE_IDS" as i
    left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from "_CDP"."B0_CUSTOMER_IDS"
    where merged_into is null
  ) as p on p.anchor = n.profile
  where i.type in ('user_id', 'email', 'phone', 'row:people')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
"PEOPLE_ATTRIBUTED" as (
  select
    s.*,
    coalesce("LOOKUP_1"."PROFILE", "LOOKUP_2"."PROFILE", "LOOKUP_3"."PROFILE", "LOOKUP_ROW"."PROFILE") as cdp_profile,
    coalesce("LOOKUP_1"."PROFILE_ID", "LOOKUP_2"."PROFILE_ID", "LOOKUP_3"."PROFILE_ID",
      "LOOKUP_ROW"."PROFILE_ID") as cdp_profile_id
  from "PEOPLE_IDENTIFIED" as s
  left join "PEOPLE_LOOKUP" as "LOOKUP_1"
    on "LOOKUP_1"."TYPE" = 'user_id' and "LOOKUP_1"."VALUE" = "S"."CDP_USER_ID"
  left join "PEOPLE_LOOKUP" as "LOOKUP_2"
    on "LOOKUP_2"."TYPE" = 'email' and "LOOKUP_2"."VALUE" = "S"."CDP_EMAIL"
  left join "PEOPLE_LOOKUP" as "LOOKUP_3"
    on "LOOKUP_3"."TYPE" = 'phone' and "LOOKUP_3"."VALUE" = "S"."CDP_PHONE"
  left join "PEOPLE_LOOKUP" as "LOOKUP_ROW"
    on "LOOKUP_ROW"."TYPE" = 'row:people' and "LOOKUP_ROW"."VALUE" = s.cdp_key
),
-- one row an answer: a yes that holds has a time of granting, any other one of denial
"ANSWERS" as (
  select
    1 as feed,
    case when lower(trim(cast("A"."PURPOSE" as varchar))) in ('news') then lower(trim(cast("A"."PURPOSE" as varchar)))
      else '' end as purpose,
    a.cdp_profile_id as profile_id,
    "A"."CDP_USER_ID" as "SAID_USER_ID",
    "A"."CDP_EMAIL" as "SAID_EMAIL",
    "A"."CDP_PHONE" as "SAID_PHONE",
    case when coalesce(lower(trim(cast("A"."STATUS" as varchar))) in ('granted', 'yes') and try_cast(cast("A"."SAID_AT"
      as varchar) as timestamp_ltz) <= "CLOCK"."NOW", false) and try_cast(cast("A"."SAID_AT" as varchar) as
      timestamp_ltz) > dateadd(year, -2, "CLOCK"."NOW") then try_cast(cast("A"."SAID_AT" as varchar) as timestamp_ltz)
      end as granted_at,
    case when not coalesce(lower(trim(cast("A"."STATUS" as varchar))) in ('granted', 'yes') and
      try_cast(cast("A"."SAID_AT" as varchar) as timestamp_ltz) <= "CLOCK"."NOW", false) then
      coalesce(try_cast(cast("A"."SAID_AT" as varchar) as timestamp_ltz), cast('9999-12-31T00:00:00Z' as timestamp_ltz))
      end as denied_at,
    try_cast(cast("A"."LOADED_AT" as varchar) as timestamp_ltz) as seen_at
  from "ANSWERS_ATTRIBUTED" as a
  cross join "_CDP"."B0_CLOCK" as clock
  union all
  select
    2 as feed,
    'partners' as purpose,
    a.cdp_profile_id as profile_id,
    "A"."CDP_USER_ID" as "SAID_USER_ID",
    "A"."CDP_EMAIL" as "SAID_EMAIL",
    "A"."CDP_PHONE" as "SAID_PHONE",
    case when coalesce(lower(trim(cast("A"."PARTNERS" as varchar))) in ('true') and try_cast(cast("A"."PARTNERS_AT" as
      varchar) as timestamp_ltz) <= "CLOCK"."NOW", false) then try_cast(cast("A"."PARTNERS_AT" as varchar) as
      timestamp_ltz) end as granted_at,
    case when not coalesce(lower(trim(cast("A"."PARTNERS" as varchar))) in ('true') and try_cast(cast("A"."PARTNERS_AT"
      as varchar) as timestamp_ltz) <= "CLOCK"."NOW", false) then coalesce(try_cast(cast("A"."PARTNERS_AT" as varchar)
      as timestamp_ltz), cast('9999-12-31T00:00:00Z' as timestamp_ltz)) end as denied_at,
    try_cast(cast("A"."PARTNERS_AT" as varchar) as timestamp_ltz) as seen_at
  from "PEOPLE_ATTRIBUTED" as a
  cross join "_CDP"."B0_CLOCK" as clock
)
select
  feed, purpose, profile_id, "SAID_USER_ID", "SAID_EMAIL", "SAID_PHONE",
  max(granted_at) as granted_at,
  max(denied_at) as denied_at,
  count(*) as answers,
  max(case when seen_at <= "CLOCK"."NOW" then seen_at end) as seen_at
from "ANSWERS"
cross join "_CDP"."B0_CLOCK" as clock
group by feed, purpose, profile_id, "SAID_USER_ID", "SAID_EMAIL", "SAID_PHONE"

-- customer segments: every segment decided in one pass
create or replace transient table "_CDP"."B0_CUSTOMER_SEGMENTS" as
with
-- who has asked not to be contacted, or must not be (one row a profile)
"PARTNERS_SUPPRESSED" as (
  select distinct profile_id
  from "_CDP"."B0_CUSTOMER_SUPPRESSED"
  where scope is null or lower(scope) = 'partners'
),
-- what was said of whole people: the last yes and the last no (one row a profile)
"PARTNERS_SAID" as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from "_CDP"."B0_CUSTOMER_CONSENTS"
  where purpose = 'partners'
  and profile_id is not null
  group by profile_id
),
-- who may not be contacted: suppressed, or without a yes that no later no revokes (at most one row
-- a profile)
"PARTNERS_BARRED" as (
  select
    p.profile_id,
    case when x.profile_id is not null then 'suppressed' else 'consent' end as reason
  from "_CDP"."B0_CUSTOMER" as p
  left join "PARTNERS_SUPPRESSED" as x on x.profile_id = p.profile_id
  left join "PARTNERS_SAID" as c on c.profile_id = p.profile_id
  where x.profile_id is not null or not (coalesce("C"."GRANTED_AT" > c.denied_at, "C"."GRANTED_AT" is not null))
),
-- profiles and the answers of events (at most one row a profile each)
"FACTS" as (
  select
    p.*,
    "PARTNERS_BARRED"."PROFILE_ID" is null as "CDP_MAY_PARTNERS"
  from "_CDP"."B0_CUSTOMER" as p
  left join "PARTNERS_BARRED" as "PARTNERS_BARRED" on "PARTNERS_BARRED"."PROFILE_ID" = p.profile_id
),
-- a condition that is null leaves the person out
"DECIDED_1" as (
  select
    p.*,
    coalesce("P"."EMAIL" is not null, false)
    and "P"."CDP_MAY_PARTNERS" as "readers.chosen"
  from "FACTS" as p
  cross join "_CDP"."B0_CLOCK" as clock
),
-- who comes first where there is a limit, those held out not counted
"RANKED_1" as (
  select
    p.*,
    row_number() over (
      partition by "P"."readers.chosen"
      order by md5(p.profile_id), p.profile_id
    ) as "readers.rank"
  from "DECIDED_1" as p
  cross join "_CDP"."B0_CLOCK" as clock
),
-- who is a member, and in which variant
"PLACED_1" as (
  select
    p.*,
    "P"."readers.chosen" and "P"."readers.rank" <= 100 as "IN_READERS"
  from "RANKED_1" as p
)
select
  profile_id,
  "IN_READERS" as "READERS",
  "CDP_MAY_PARTNERS"
from "PLACED_1"

-- customer moved: whose segments are not those that were published
create or replace transient table "_CDP"."B0_CUSTOMER_MOVED" as
with
-- a number a segment (one row a segment)
"WEIGHTS" as (
  select 'readers' as segment, 3978407614092183 as weight
),
-- of which segments everybody was a member when it was last published; of those that are gone, too
"BEFORE" as (
  select h.profile_id, sum(coalesce(w.weight, 1)) as mark
  from (
    select "SEGMENT", "PROFILE_ID", "ENTERED_AT", "LEFT_AT"
    from "_CDP"."SEGMENT_HISTORY"
    where entity = 'customer'
  ) as h
  left join "WEIGHTS" as w on w.segment = h.segment
  where h.left_at is null
  group by h.profile_id
),
-- of which everybody is a member in this build
"NOW" as (
  select
    profile_id,
    case when "READERS" then 3978407614092183 else 0 end as mark
  from "_CDP"."B0_CUSTOMER_SEGMENTS"
)
select coalesce(n.profile_id, b.profile_id) as profile_id
from "NOW" as n
full join "BEFORE" as b on b.profile_id = n.profile_id
where coalesce(n.mark, 0) <> coalesce(b.mark, 0)

-- customer left: who was a member when it was last published, and is none now
create or replace transient table "_CDP"."B0_CUSTOMER_LEFT" as
with
-- what those who moved were members of
"BEFORE" as (
  select h.segment, h.profile_id
  from (
    select "SEGMENT", "PROFILE_ID", "ENTERED_AT", "LEFT_AT"
    from "_CDP"."SEGMENT_HISTORY"
    where entity = 'customer'
  ) as h
  join "_CDP"."B0_CUSTOMER_MOVED" as moved on moved.profile_id = h.profile_id
  where h.left_at is null
),
-- what these are members of in this build
"MEMBERS" as (
  select 'readers' as segment, profile_id from (
    select s.profile_id, s."READERS"
    from "_CDP"."B0_CUSTOMER_SEGMENTS" as s
    join (
      select distinct profile_id from "BEFORE"
    ) as among on among.profile_id = s.profile_id
  ) as s where "READERS"
)
select b.segment, b.profile_id
from "BEFORE" as b
left join "MEMBERS" as m on m.segment = b.segment and m.profile_id = b.profile_id
where m.profile_id is null

-- plan: what is to be sent
create or replace transient table "_CDP"."PLAN_TO_MAIL_217A9A6C_F0" as
with
-- who has asked not to be contacted, or must not be (one row a profile)
"SUPPRESSED" as (
  select distinct profile_id
  from "_CDP"."B0_CUSTOMER_SUPPRESSED"
  where scope is null or lower(scope) = 'news'
),
-- what was said of each email alone (one row a value)
"SAID_OF_EMAIL" as (
  select "SAID_EMAIL" as value, max(granted_at) as granted_at, max(denied_at) as denied_at
  from "_CDP"."B0_CUSTOMER_CONSENTS"
  where purpose = 'news' and "SAID_EMAIL" is not null
  group by "SAID_EMAIL"
),
-- what was said of whole people: the last yes and the last no (one row a profile)
"SAID" as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from "_CDP"."B0_CUSTOMER_CONSENTS"
  where purpose = 'news'
  and profile_id is not null
  and "SAID_EMAIL" is null
  group by profile_id
),
-- who may not be contacted: suppressed, or without a yes that no later no revokes (at most one row
-- a profile)
"BARRED" as (
  select
    p.profile_id,
    case when x.profile_id is not null then 'suppressed' else 'consent' end as reason
  from "_CDP"."B0_CUSTOMER" as p
  left join "SUPPRESSED" as x on x.profile_id = p.profile_id
  left join "SAID" as c on c.profile_id = p.profile_id
  left join "SAID_OF_EMAIL" as "V1" on "V1"."VALUE" = case
    when regexp_like("P"."EMAIL", '[!-?A-~]+@[!-?A-~]+')
      then lower("P"."EMAIL")
    else regexp_substr(
      lower(trim(regexp_replace(
        "P"."EMAIL",
        ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
      ))),
      '^[^@ ]+@[^@ ]+$'
    )
  end
  where x.profile_id is not null or not (coalesce(greatest_ignore_nulls("C"."GRANTED_AT", "V1"."GRANTED_AT") >
    c.denied_at, greatest_ignore_nulls("C"."GRANTED_AT", "V1"."GRANTED_AT") is not null)
    and ("V1"."VALUE" is null or coalesce("V1"."GRANTED_AT" > "V1"."DENIED_AT", "V1"."GRANTED_AT" is not null)))
),
-- keys that several profiles claim: which of them is meant cannot be known
"DUPLICATED" as (
  select
    ('{"email":' || to_json(to_variant(cast("P"."EMAIL" as varchar))) || '}') as key_json,
    count(*) as copies,
    count_if(not (barred.barred_id is not null)) as claims
  from "_CDP"."B0_CUSTOMER" as p
  join (
    select
      profile_id as member_id,
      "READERS" as "IN_READERS",
      "CDP_MAY_PARTNERS"
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
  ) as s on s.member_id = p.profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where "S"."IN_READERS"
    and true
    and not ("P"."EMAIL" is null)
  group by "P"."EMAIL"
  having count(*) > 1
),
-- the audience with its keys and fingerprints (one row a profile)
"KEYED" as (
  select
    ('{"email":' || to_json(to_variant(cast("P"."EMAIL" as varchar))) || '}') as key_json,
    1 as copies,
    case when barred.barred_id is not null then 0 else 1 end as claims,
    p.profile_id,
    md5(
      array_to_string(
        array_construct_compact(coalesce(('PHONE=' || "P"."PHONE"), 'PHONE~')),
        ''
      )
    ) as fp
  from "_CDP"."B0_CUSTOMER" as p
  join (
    select
      profile_id as member_id,
      "READERS" as "IN_READERS",
      "CDP_MAY_PARTNERS"
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
  ) as s on s.member_id = p.profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where "S"."IN_READERS"
    and true
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
  full outer join "_CDP"."SNAP_TO_MAIL_217A9A6C" as s on s.key_json = m.key_json
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
      when c.verdict = 'remove' and c.is_barred then 'remove ["archive",null]'
      when c.verdict = 'remove' then 'remove ["archive",null]'
      when c.verdict in ('create', 'update') then c.fp
    end as trying,
    case
      when p.profile_id is null then '{}'
      else
        ('{'
        || array_to_string(
          array_construct_compact(('"PHONE":' || to_json(to_variant(cast("P"."PHONE" as varchar))))),
          ','
        )
        || '}')
    end as payload,
    cast(null as varchar) as new_ident
  from "DIFFERING" as c
  left join "_CDP"."B0_CUSTOMER" as p on p.profile_id = c.sent_profile
  cross join "_CDP"."B0_CLOCK" as clock
),
-- profiles without a key, or with one that others claim: what was sent for them is not gone
"NAMELESS" as (
  select
    p.profile_id
  from "_CDP"."B0_CUSTOMER" as p
  join (
    select
      profile_id as member_id,
      "READERS" as "IN_READERS",
      "CDP_MAY_PARTNERS"
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
  ) as s on s.member_id = p.profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where "S"."IN_READERS"
    and true
    and ("P"."EMAIL" is null)
  union all
  select
    p.profile_id
  from "_CDP"."B0_CUSTOMER" as p
  join (
    select
      profile_id as member_id,
      "READERS" as "IN_READERS",
      "CDP_MAY_PARTNERS"
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
  ) as s on s.member_id = p.profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where "S"."IN_READERS"
    and true
    and ('{"email":' || to_json(to_variant(cast("P"."EMAIL" as varchar))) || '}') in (select key_json from "DUPLICATED")
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
    new_ident as ident, payload, ident as old_ident, dest_id,
    left(sha2((array_to_string(
      array_construct_compact(
        'to_mail_217a9a6c',
        key_json,
        cast(coalesce(rev, 0) + 1 as varchar),
        coalesce(op, ''),
        coalesce(trying, '')
      ),
      ''
    )), 256), 32) as idempotency_key
  from "SORTED"
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

-- count plan: for guards and the report
with
-- who has asked not to be contacted, or must not be (one row a profile)
"SUPPRESSED" as (
  select distinct profile_id
  from "_CDP"."B0_CUSTOMER_SUPPRESSED"
  where scope is null or lower(scope) = 'news'
),
-- what was said of each email alone (one row a value)
"SAID_OF_EMAIL" as (
  select "SAID_EMAIL" as value, max(granted_at) as granted_at, max(denied_at) as denied_at
  from "_CDP"."B0_CUSTOMER_CONSENTS"
  where purpose = 'news' and "SAID_EMAIL" is not null
  group by "SAID_EMAIL"
),
-- what was said of whole people: the last yes and the last no (one row a profile)
"SAID" as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from "_CDP"."B0_CUSTOMER_CONSENTS"
  where purpose = 'news'
  and profile_id is not null
  and "SAID_EMAIL" is null
  group by profile_id
),
-- who may not be contacted: suppressed, or without a yes that no later no revokes (at most one row
-- a profile)
"BARRED" as (
  select
    p.profile_id,
    case when x.profile_id is not null then 'suppressed' else 'consent' end as reason
  from "_CDP"."B0_CUSTOMER" as p
  left join "SUPPRESSED" as x on x.profile_id = p.profile_id
  left join "SAID" as c on c.profile_id = p.profile_id
  left join "SAID_OF_EMAIL" as "V1" on "V1"."VALUE" = case
    when regexp_like("P"."EMAIL", '[!-?A-~]+@[!-?A-~]+')
      then lower("P"."EMAIL")
    else regexp_substr(
      lower(trim(regexp_replace(
        "P"."EMAIL",
        ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
      ))),
      '^[^@ ]+@[^@ ]+$'
    )
  end
  where x.profile_id is not null or not (coalesce(greatest_ignore_nulls("C"."GRANTED_AT", "V1"."GRANTED_AT") >
    c.denied_at, greatest_ignore_nulls("C"."GRANTED_AT", "V1"."GRANTED_AT") is not null)
    and ("V1"."VALUE" is null or coalesce("V1"."GRANTED_AT" > "V1"."DENIED_AT", "V1"."GRANTED_AT" is not null)))
),
-- the audience before keys are looked at
"PEOPLE" as (
  select
    count_if(true and not (barred.barred_id is not null)) as audience,
    count_if(not (true)) as excluded,
    count_if(true and barred.barred_for = 'consent') as no_consent,
    count_if(true and barred.barred_for = 'suppressed') as suppressed,
    count_if(true and not (barred.barred_id is not null) and ("P"."EMAIL" is null)) as nameless
  from "_CDP"."B0_CUSTOMER" as p
  join (
    select
      profile_id as member_id,
      "READERS" as "IN_READERS",
      "CDP_MAY_PARTNERS"
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
  ) as s on s.member_id = p.profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where "S"."IN_READERS"
),
-- the plan by what is to be done
"PLANNED" as (
  select
    count_if(verdict = 'create') as creates,
    count_if(verdict = 'update') as updates,
    count_if(verdict = 'remove') as removes,
    count_if(verdict = 'held') as held,
    count_if(verdict = 'waiting') as waiting,
    count_if(verdict = 'pending') as pending,
    count_if(verdict = 'owed' and op = 'create') as owed_creates,
    count_if(verdict = 'owed' and op = 'update') as owed_updates,
    count_if(verdict = 'owed' and op = 'remove') as owed_removes,
    count_if(act = 'withdraw' and verdict in ('remove', 'owed')) as withdraws,
    count_if(verdict = 'listed') as listed,
    count_if(act = 'foreign' and verdict in ('remove', 'owed')) as strangers,
    count_if(verdict in ('left', 'returned', 'forgotten', 'rebased')) as marks,
    count_if(verdict = 'rebased') as rebased,
    count_if(in_audience and copies = 1 and verdict not in ('left', 'returned', 'forgotten', 'rebased')) as busy,
    coalesce(sum(case when copies > 1 then claims end), 0) as copies
  from "_CDP"."PLAN_TO_MAIL_217A9A6C_F0"
),
-- what the destination holds or may hold
"STORED" as (
  select
    count_if(state in ('synced', 'unknown', 'submitted')) as snapshot,
    count_if(hold_until > current_timestamp()) as on_hold
  from "_CDP"."SNAP_TO_MAIL_217A9A6C"
),
-- how many answers there are, and whether the newest is too old (one row)
"FED" as (
  select coalesce(sum(a.answers), 0) as answers, coalesce(max(a.seen_at) < dateadd(day, -2, max("CLOCK"."NOW")), true)
    as is_stale
  from "_CDP"."B0_CLOCK" as clock
  left join "_CDP"."B0_CUSTOMER_CONSENTS" as a on a.feed = 1
),
-- of the people who answered, those who said yes last (one row)
"AGREED" as (
  select count(*) as asked, count_if(coalesce(granted_at > denied_at, granted_at is not null)) as agreed
  from (
    select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
    from "_CDP"."B0_CUSTOMER_CONSENTS"
    where purpose = 'news'
    and profile_id is not null
    group by profile_id
  ) as said
),
-- the same when this sync was last sent; a plan that was blocked is no measure (at most one row)
"AGREED_BEFORE" as (
  select cast(cast(get(parse_json(counts), 'asked') as varchar) as bigint) as asked_before,
    cast(cast(get(parse_json(counts), 'agreed') as varchar) as bigint) as agreed_before
  from "_CDP"."RUN_EVENT"
  where sync_id = :sync and event <> 'blocked' and cast(cast(get(parse_json(counts), 'asked') as varchar) as bigint) is
    not null
  order by fence desc, happened_at desc, asked_before desc, agreed_before desc
  limit 1
),
-- all that is known of consents (one row)
"CONSENTS" as (
  select fed.answers, fed.is_stale, agreed.asked, agreed.agreed, b.asked_before, b.agreed_before
  from fed
  cross join agreed
  left join agreed_before as b on true
)
select *
from people
cross join "PLANNED"
cross join "STORED"
cross join "CONSENTS"

-- count fresh suppressions: who was suppressed after the plan was made must not be sent
select count(*) as fresh
from (
  select distinct s.ident_type, s.ident_hash, s.scope
  from "_CDP"."SUPPRESSION" as s
  left join "_CDP"."B0_SUPPRESSION" as known
    on known.ident_type = s.ident_type
    and known.ident_hash = s.ident_hash
    and known.scope is not distinct from s.scope
  where known.ident_hash is null
) as x

-- find revoked: what of a window is not to be sent any more
with
-- whose identifiers were suppressed since the build
"SUPPRESSED" as (
  with
  -- every identifier of every profile, those that join nobody included
  "KNOWN" as (
    select m.profile_id, m.type, m.value
    from (
      select i.node_id, i.type, i.value, n.first_seen_at, n.last_seen_at, p.profile_id
      from (
        select g.node_id, g.first_seen_at, g.last_seen_at, g.profile
        from "_CDP"."CUSTOMER_GRAPH" as g
        left join "_CDP"."B0_CUSTOMER_GRAPH" as c on c.node_id = g.node_id
        where g.profile is not null and c.node_id is null
        union all
        select node_id, first_seen_at, last_seen_at, profile
        from "_CDP"."B0_CUSTOMER_GRAPH"
        where profile is not null
      ) as n
      join (
        select node_id, type, value
        from "_CDP"."CUSTOMER_VALUES"
        union all
        select node_id, type, value
        from "_CDP"."B0_CUSTOMER_VALUES"
        where is_new
        union all
        select node_id, type, value
        from "_CDP"."B0_CUSTOMER_LONE"
        where is_new
      ) as i on i.node_id = n.node_id
      join (
        select i.anchor, i.profile_id
        from "_CDP"."CUSTOMER_PROFILE_IDS" as i
        left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
        where i.merged_into is null and c.anchor is null
        union all
        select anchor, profile_id
        from "_CDP"."B0_CUSTOMER_IDS"
        where merged_into is null
      ) as p on p.anchor = n.profile
    ) as m
    union all
    select profile_id, type, value
    from "_CDP"."B0_CUSTOMER_ATTRIBUTES"
    union all
    select
      p.profile_id, 'email' as type,
      case
        when regexp_like("P"."EMAIL", '[!-?A-~]+@[!-?A-~]+')
          then lower("P"."EMAIL")
        else regexp_substr(
          lower(trim(regexp_replace(
            "P"."EMAIL",
            ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
            || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
          ))),
          '^[^@ ]+@[^@ ]+$'
        )
      end as value
    from "_CDP"."B0_CUSTOMER" as p
  )
  select distinct k.profile_id, x.scope
  from "KNOWN" as k
  join (
    select distinct s.ident_type, s.ident_hash, s.scope
    from "_CDP"."SUPPRESSION" as s
    left join "_CDP"."B0_SUPPRESSION" as known
      on known.ident_type = s.ident_type
      and known.ident_hash = s.ident_hash
      and known.scope is not distinct from s.scope
    where known.ident_hash is null
  ) as x on x.ident_type = k.type and x.ident_hash = left(sha2(k.value, 256), 32)
),
-- their changes in this window (one row a change)
"REVOKED" as (
  select distinct p.seq
  from "_CDP"."PLAN_TO_MAIL_217A9A6C_F0" as p
  join "SUPPRESSED" as x on x.profile_id = p.profile_id
  where p.seq between cast(:seq_lo as bigint) and cast(:seq_hi as bigint)
    and p.verdict in ('create', 'update')
    and (x.scope is null or lower(x.scope) = 'news')
)
select case when count(cast(seq as varchar)) > 0 then
  listagg(cast(seq as varchar), '
') within group (order by cast(seq as varchar))
end as seqs
from "REVOKED"

-- read consents again: who must not be sent any more, whatever was planned
with
-- whom the window would reach (one row a change)
"PEOPLE" as (
  select seq, profile_id
  from "_CDP"."PLAN_TO_MAIL_217A9A6C_F0"
  where seq between cast(:seq_lo as bigint) and cast(:seq_hi as bigint) and verdict in ('create', 'update')
),
-- the time: as the project says, else that of the warehouse (one row)
"NOW_CLOCK" as (
  select coalesce(cast(:now as timestamp_ltz), current_timestamp()) as now
),
-- is there anything, and is it new enough (one row)
"NOW_FED" as (
  select
    count(*) = 0 as is_empty,
    coalesce(max(case
      when try_cast(cast("A"."LOADED_AT" as varchar) as timestamp_ltz) <= "CLOCK"."NOW"
        then try_cast(cast("A"."LOADED_AT" as varchar) as timestamp_ltz)
    end) < dateadd(day, -2, max("CLOCK"."NOW")), true) as is_stale
  from "RAW"."ANSWERS" as a
  cross join "NOW_CLOCK" as clock
),
-- the rows that speak of the purpose
"NOW_SPOKEN" as (
  select a.*
  from "RAW"."ANSWERS" as a
  where lower(trim(cast("A"."PURPOSE" as varchar))) = 'news'
),
-- identifiers, keys and times in the form in which they are compared
"ANSWERS_NORMALISED" as (
  select
    s.*,
    case
      when typeof(to_variant("S"."USER_ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
        when regexp_like(cast("S"."USER_ID" as varchar), '.*e[+]?(1[5-9]|20)')
          then cast(cast("S"."USER_ID" as number(38, 0)) as varchar)
        else nullif(replace(regexp_replace(
          cast("S"."USER_ID" as varchar),
          '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
        ), 'e+', 'e'), '')
      end
      when regexp_like(cast("S"."USER_ID" as varchar), '[!-~]([ -~]*[!-~])?')
        then cast("S"."USER_ID" as varchar)
      else nullif(regexp_replace(
        cast("S"."USER_ID" as varchar),
        ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
        || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
      ), '')
    end as "CDP_USER_ID",
    case
      when regexp_like(cast("S"."EMAIL" as varchar), '[!-?A-~]+@[!-?A-~]+')
        then lower(cast("S"."EMAIL" as varchar))
      else regexp_substr(
        lower(trim(regexp_replace(
          cast("S"."EMAIL" as varchar),
          ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
        ))),
        '^[^@ ]+@[^@ ]+$'
      )
    end as "CDP_EMAIL",
    "PHONE_3"."E164" as "CDP_PHONE",
    cast("S"."SAID_AT" as timestamp_ltz) as cdp_time
  from "NOW_SPOKEN" as s
  left join "_CDP"."PHONE" as "PHONE_3"
    on "PHONE_3"."RAW" = substr(
      case
        when typeof(to_variant("S"."PHONE")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
          when regexp_like(cast("S"."PHONE" as varchar), '.*e[+]?(1[5-9]|20)')
            then cast(cast("S"."PHONE" as number(38, 0)) as varchar)
          else nullif(replace(regexp_replace(
            cast("S"."PHONE" as varchar),
            '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
          ), 'e+', 'e'), '')
        end
        when regexp_like(cast("S"."PHONE" as varchar), '[!-~]([ -~]*[!-~])?')
          then cast("S"."PHONE" as varchar)
        else nullif(regexp_replace(
          cast("S"."PHONE" as varchar),
          ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
          || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
        ), '')
      end,
      1,
      100
    )
    and "PHONE_3"."REGION" = ''
    and "PHONE_3"."VERSION" = '1'
),
-- without the values that identify nobody
"ANSWERS_IDENTIFIED" as (
  select
    s.*,
    case
      when length("S"."CDP_USER_ID") > 1000
      or lower("S"."CDP_USER_ID") in ('null', '(null)', '<null>', '[null]', '\\n', 'none', '(none)', 'nil', 'nan', 'na',
        'n/a',
        'n.a.', '#n/a', 'unknown', 'undefined', 'anonymous', 'guest', 'test', 'deleted',
        'redacted', 'true', 'false', '-1', 'not available', 'not applicable', 'not provided',
        'not set', '(not set)', '[object object]', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
        '02:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '127.0.0.1', '::1', 'localhost',
        '9774d56d682e549c')
      or (regexp_instr(
        "S"."CDP_USER_ID",
        '(^[{(]?[0:.-]+[)}]?$)|(^[\\[\\](){}<>_.,:;?!*#/|"~=+ -]+$)'
      ) > 0) then null
      else "S"."CDP_USER_ID"
    end as "CDP_USER_ID_VALID",
    case
      when length("S"."CDP_EMAIL") > 1000
      or lower("S"."CDP_EMAIL") in ('test@test.com', 'test@test.test', 'test@test', 'test@example.com',
        'user@example.com',
        'email@example.com', 'example@example.com', 'email@email.com', 'none@none.com',
        'na@na.com', 'no@no.com', 'a@a.com', 'a@a.a', 'noemail@noemail.com', 'no@email.com',
        'null@null.com')
      or (regexp_instr(
        "S"."CDP_EMAIL",
        '(^(no[-_]?reply|do-?not-?reply|nobody|no-?email|none|null|undefined|unknown|anonymous|deleted|n/?a)@)'
      ) > 0) then null
      else "S"."CDP_EMAIL"
    end as "CDP_EMAIL_VALID",
    case
      when length("S"."CDP_PHONE") > 1000
        or (regexp_instr("S"."CDP_PHONE", '((0{7}|1{7}|2{7}|3{7}|4{7}|5{7}|6{7}|7{7}|8{7}|9{7})$)') > 0) then null
      else "S"."CDP_PHONE"
    end as "CDP_PHONE_VALID"
  from "ANSWERS_NORMALISED" as s
),
-- every identifier that joins, and its profile (one row an identifier)
"ANSWERS_LOOKUP" as (
  select i.type, i.value, n.profile, p.profile_id
  from (
    select node_id, type, value
    from "_CDP"."CUSTOMER_VALUES"
    union all
    select node_id, type, value
    from "_CDP"."B0_CUSTOMER_VALUES"
    where is_new
    union all
    select node_id, type, value
    from "_CDP"."B0_CUSTOMER_LONE"
    where is_new
  ) as i
  join (
    select g.node_id, g.first_seen_at, g.last_seen_at, g.profile
    from "_CDP"."CUSTOMER_GRAPH" as g
    left join "_CDP"."B0_CUSTOMER_GRAPH" as c on c.node_id = g.node_id
    where g.profile is not null and c.node_id is null
    union all
    select node_id, first_seen_at, last_seen_at, profile
    from "_CDP"."B0_CUSTOMER_GRAPH"
    where profile is not null
  ) as n on n.node_id = i.node_id
  join (
    select i.anchor, i.profile_id
    from "_CDP"."CUSTOMER_PROFILE_IDS" as i
    left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from "_CDP"."B0_CUSTOMER_IDS"
    where merged_into is null
  ) as p on p.anchor = n.profile
  where i.type in ('user_id', 'email', 'phone')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
"ANSWERS_ATTRIBUTED" as (
  select
    s.*,
    coalesce("LOOKUP_1"."PROFILE", "LOOKUP_2"."PROFILE", "LOOKUP_3"."PROFILE") as cdp_profile,
    coalesce("LOOKUP_1"."PROFILE_ID", "LOOKUP_2"."PROFILE_ID", "LOOKUP_3"."PROFILE_ID") as cdp_profile_id
  from "ANSWERS_IDENTIFIED" as s
  left join "ANSWERS_LOOKUP" as "LOOKUP_1"
    on "LOOKUP_1"."TYPE" = 'user_id' and "LOOKUP_1"."VALUE" = "S"."CDP_USER_ID"
  left join "ANSWERS_LOOKUP" as "LOOKUP_2"
    on "LOOKUP_2"."TYPE" = 'email' and "LOOKUP_2"."VALUE" = "S"."CDP_EMAIL"
  left join "ANSWERS_LOOKUP" as "LOOKUP_3"
    on "LOOKUP_3"."TYPE" = 'phone' and "LOOKUP_3"."VALUE" = "S"."CDP_PHONE"
),
-- one row an answer: a yes that holds has a time of granting, any other one of denial
"NOW_ANSWERS" as (
  select
    1 as feed,
    case when lower(trim(cast("A"."PURPOSE" as varchar))) in ('news') then lower(trim(cast("A"."PURPOSE" as varchar)))
      else '' end as purpose,
    a.cdp_profile_id as profile_id,
    "A"."CDP_USER_ID" as "SAID_USER_ID",
    "A"."CDP_EMAIL" as "SAID_EMAIL",
    "A"."CDP_PHONE" as "SAID_PHONE",
    case when coalesce(lower(trim(cast("A"."STATUS" as varchar))) in ('granted', 'yes') and try_cast(cast("A"."SAID_AT"
      as varchar) as timestamp_ltz) <= "CLOCK"."NOW", false) and try_cast(cast("A"."SAID_AT" as varchar) as
      timestamp_ltz) > dateadd(year, -2, "CLOCK"."NOW") then try_cast(cast("A"."SAID_AT" as varchar) as timestamp_ltz)
      end as granted_at,
    case when not coalesce(lower(trim(cast("A"."STATUS" as varchar))) in ('granted', 'yes') and
      try_cast(cast("A"."SAID_AT" as varchar) as timestamp_ltz) <= "CLOCK"."NOW", false) then
      coalesce(try_cast(cast("A"."SAID_AT" as varchar) as timestamp_ltz), cast('9999-12-31T00:00:00Z' as timestamp_ltz))
      end as denied_at,
    try_cast(cast("A"."LOADED_AT" as varchar) as timestamp_ltz) as seen_at
  from "ANSWERS_ATTRIBUTED" as a
  cross join "NOW_CLOCK" as clock
),
-- what was said of each email alone (one row a value)
"NOW_SAID_OF_EMAIL" as (
  select "SAID_EMAIL" as value, max(granted_at) as granted_at, max(denied_at) as denied_at
  from "NOW_ANSWERS"
  where purpose = 'news' and "SAID_EMAIL" is not null
  group by "SAID_EMAIL"
),
-- what was said of whole people: the last yes and the last no (one row a profile)
"NOW_SAID" as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from "NOW_ANSWERS"
  where purpose = 'news'
  and profile_id is not null
  and "SAID_EMAIL" is null
  group by profile_id
),
-- those of them without a yes that no later no revokes
"REFUSED" as (
  select people.seq
  from "PEOPLE" as people
  left join "_CDP"."B0_CUSTOMER" as p on p.profile_id = people.profile_id
  left join "NOW_SAID" as c on c.profile_id = p.profile_id
  left join "NOW_SAID_OF_EMAIL" as "V1" on "V1"."VALUE" = case
    when regexp_like("P"."EMAIL", '[!-?A-~]+@[!-?A-~]+')
      then lower("P"."EMAIL")
    else regexp_substr(
      lower(trim(regexp_replace(
        "P"."EMAIL",
        ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
      ))),
      '^[^@ ]+@[^@ ]+$'
    )
  end
  where not (coalesce(greatest_ignore_nulls("C"."GRANTED_AT", "V1"."GRANTED_AT") > c.denied_at,
    greatest_ignore_nulls("C"."GRANTED_AT", "V1"."GRANTED_AT") is not null)
    and ("V1"."VALUE" is null or coalesce("V1"."GRANTED_AT" > "V1"."DENIED_AT", "V1"."GRANTED_AT" is not null)))
)
select fed.is_empty, fed.is_stale, r.seqs
from "NOW_FED" as fed
cross join (
  select case when count(cast(seq as varchar)) > 0 then
    listagg(cast(seq as varchar), '
') within group (order by cast(seq as varchar))
  end as seqs
  from "REFUSED"
) as r

-- read all consents again: a whole cannot be sent without those who have withdrawn: then it waits
with
-- who has asked not to be contacted, or must not be (one row a profile)
"SUPPRESSED" as (
  select distinct profile_id
  from "_CDP"."B0_CUSTOMER_SUPPRESSED"
  where scope is null or lower(scope) = 'news'
),
-- what was said of each email alone (one row a value)
"SAID_OF_EMAIL" as (
  select "SAID_EMAIL" as value, max(granted_at) as granted_at, max(denied_at) as denied_at
  from "_CDP"."B0_CUSTOMER_CONSENTS"
  where purpose = 'news' and "SAID_EMAIL" is not null
  group by "SAID_EMAIL"
),
-- what was said of whole people: the last yes and the last no (one row a profile)
"SAID" as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from "_CDP"."B0_CUSTOMER_CONSENTS"
  where purpose = 'news'
  and profile_id is not null
  and "SAID_EMAIL" is null
  group by profile_id
),
-- who may not be contacted: suppressed, or without a yes that no later no revokes (at most one row
-- a profile)
"BARRED" as (
  select
    p.profile_id,
    case when x.profile_id is not null then 'suppressed' else 'consent' end as reason
  from "_CDP"."B0_CUSTOMER" as p
  left join "SUPPRESSED" as x on x.profile_id = p.profile_id
  left join "SAID" as c on c.profile_id = p.profile_id
  left join "SAID_OF_EMAIL" as "V1" on "V1"."VALUE" = case
    when regexp_like("P"."EMAIL", '[!-?A-~]+@[!-?A-~]+')
      then lower("P"."EMAIL")
    else regexp_substr(
      lower(trim(regexp_replace(
        "P"."EMAIL",
        ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
      ))),
      '^[^@ ]+@[^@ ]+$'
    )
  end
  where x.profile_id is not null or not (coalesce(greatest_ignore_nulls("C"."GRANTED_AT", "V1"."GRANTED_AT") >
    c.denied_at, greatest_ignore_nulls("C"."GRANTED_AT", "V1"."GRANTED_AT") is not null)
    and ("V1"."VALUE" is null or coalesce("V1"."GRANTED_AT" > "V1"."DENIED_AT", "V1"."GRANTED_AT" is not null)))
),
-- whom the replacement would hold (one row a profile)
"PEOPLE" as (
  select
    0 as seq,
    p.profile_id
  from "_CDP"."B0_CUSTOMER" as p
  join (
    select
      profile_id as member_id,
      "READERS" as "IN_READERS",
      "CDP_MAY_PARTNERS"
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
  ) as s on s.member_id = p.profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where "S"."IN_READERS"
    and true
    and not (barred.barred_id is not null)
    and not ("P"."EMAIL" is null)
),
-- the time: as the project says, else that of the warehouse (one row)
"NOW_CLOCK" as (
  select coalesce(cast(:now as timestamp_ltz), current_timestamp()) as now
),
-- is there anything, and is it new enough (one row)
"NOW_FED" as (
  select
    count(*) = 0 as is_empty,
    coalesce(max(case
      when try_cast(cast("A"."LOADED_AT" as varchar) as timestamp_ltz) <= "CLOCK"."NOW"
        then try_cast(cast("A"."LOADED_AT" as varchar) as timestamp_ltz)
    end) < dateadd(day, -2, max("CLOCK"."NOW")), true) as is_stale
  from "RAW"."ANSWERS" as a
  cross join "NOW_CLOCK" as clock
),
-- the rows that speak of the purpose
"NOW_SPOKEN" as (
  select a.*
  from "RAW"."ANSWERS" as a
  where lower(trim(cast("A"."PURPOSE" as varchar))) = 'news'
),
-- identifiers, keys and times in the form in which they are compared
"ANSWERS_NORMALISED" as (
  select
    s.*,
    case
      when typeof(to_variant("S"."USER_ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
        when regexp_like(cast("S"."USER_ID" as varchar), '.*e[+]?(1[5-9]|20)')
          then cast(cast("S"."USER_ID" as number(38, 0)) as varchar)
        else nullif(replace(regexp_replace(
          cast("S"."USER_ID" as varchar),
          '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
        ), 'e+', 'e'), '')
      end
      when regexp_like(cast("S"."USER_ID" as varchar), '[!-~]([ -~]*[!-~])?')
        then cast("S"."USER_ID" as varchar)
      else nullif(regexp_replace(
        cast("S"."USER_ID" as varchar),
        ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
        || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
      ), '')
    end as "CDP_USER_ID",
    case
      when regexp_like(cast("S"."EMAIL" as varchar), '[!-?A-~]+@[!-?A-~]+')
        then lower(cast("S"."EMAIL" as varchar))
      else regexp_substr(
        lower(trim(regexp_replace(
          cast("S"."EMAIL" as varchar),
          ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
        ))),
        '^[^@ ]+@[^@ ]+$'
      )
    end as "CDP_EMAIL",
    "PHONE_3"."E164" as "CDP_PHONE",
    cast("S"."SAID_AT" as timestamp_ltz) as cdp_time
  from "NOW_SPOKEN" as s
  left join "_CDP"."PHONE" as "PHONE_3"
    on "PHONE_3"."RAW" = substr(
      case
        when typeof(to_variant("S"."PHONE")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
          when regexp_like(cast("S"."PHONE" as varchar), '.*e[+]?(1[5-9]|20)')
            then cast(cast("S"."PHONE" as number(38, 0)) as varchar)
          else nullif(replace(regexp_replace(
            cast("S"."PHONE" as varchar),
            '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
          ), 'e+', 'e'), '')
        end
        when regexp_like(cast("S"."PHONE" as varchar), '[!-~]([ -~]*[!-~])?')
          then cast("S"."PHONE" as varchar)
        else nullif(regexp_replace(
          cast("S"."PHONE" as varchar),
          ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
          || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
        ), '')
      end,
      1,
      100
    )
    and "PHONE_3"."REGION" = ''
    and "PHONE_3"."VERSION" = '1'
),
-- without the values that identify nobody
"ANSWERS_IDENTIFIED" as (
  select
    s.*,
    case
      when length("S"."CDP_USER_ID") > 1000
      or lower("S"."CDP_USER_ID") in ('null', '(null)', '<null>', '[null]', '\\n', 'none', '(none)', 'nil', 'nan', 'na',
        'n/a',
        'n.a.', '#n/a', 'unknown', 'undefined', 'anonymous', 'guest', 'test', 'deleted',
        'redacted', 'true', 'false', '-1', 'not available', 'not applicable', 'not provided',
        'not set', '(not set)', '[object object]', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
        '02:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '127.0.0.1', '::1', 'localhost',
        '9774d56d682e549c')
      or (regexp_instr(
        "S"."CDP_USER_ID",
        '(^[{(]?[0:.-]+[)}]?$)|(^[\\[\\](){}<>_.,:;?!*#/|"~=+ -]+$)'
      ) > 0) then null
      else "S"."CDP_USER_ID"
    end as "CDP_USER_ID_VALID",
    case
      when length("S"."CDP_EMAIL") > 1000
      or lower("S"."CDP_EMAIL") in ('test@test.com', 'test@test.test', 'test@test', 'test@example.com',
        'user@example.com',
        'email@example.com', 'example@example.com', 'email@email.com', 'none@none.com',
        'na@na.com', 'no@no.com', 'a@a.com', 'a@a.a', 'noemail@noemail.com', 'no@email.com',
        'null@null.com')
      or (regexp_instr(
        "S"."CDP_EMAIL",
        '(^(no[-_]?reply|do-?not-?reply|nobody|no-?email|none|null|undefined|unknown|anonymous|deleted|n/?a)@)'
      ) > 0) then null
      else "S"."CDP_EMAIL"
    end as "CDP_EMAIL_VALID",
    case
      when length("S"."CDP_PHONE") > 1000
        or (regexp_instr("S"."CDP_PHONE", '((0{7}|1{7}|2{7}|3{7}|4{7}|5{7}|6{7}|7{7}|8{7}|9{7})$)') > 0) then null
      else "S"."CDP_PHONE"
    end as "CDP_PHONE_VALID"
  from "ANSWERS_NORMALISED" as s
),
-- every identifier that joins, and its profile (one row an identifier)
"ANSWERS_LOOKUP" as (
  select i.type, i.value, n.profile, p.profile_id
  from (
    select node_id, type, value
    from "_CDP"."CUSTOMER_VALUES"
    union all
    select node_id, type, value
    from "_CDP"."B0_CUSTOMER_VALUES"
    where is_new
    union all
    select node_id, type, value
    from "_CDP"."B0_CUSTOMER_LONE"
    where is_new
  ) as i
  join (
    select g.node_id, g.first_seen_at, g.last_seen_at, g.profile
    from "_CDP"."CUSTOMER_GRAPH" as g
    left join "_CDP"."B0_CUSTOMER_GRAPH" as c on c.node_id = g.node_id
    where g.profile is not null and c.node_id is null
    union all
    select node_id, first_seen_at, last_seen_at, profile
    from "_CDP"."B0_CUSTOMER_GRAPH"
    where profile is not null
  ) as n on n.node_id = i.node_id
  join (
    select i.anchor, i.profile_id
    from "_CDP"."CUSTOMER_PROFILE_IDS" as i
    left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from "_CDP"."B0_CUSTOMER_IDS"
    where merged_into is null
  ) as p on p.anchor = n.profile
  where i.type in ('user_id', 'email', 'phone')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
"ANSWERS_ATTRIBUTED" as (
  select
    s.*,
    coalesce("LOOKUP_1"."PROFILE", "LOOKUP_2"."PROFILE", "LOOKUP_3"."PROFILE") as cdp_profile,
    coalesce("LOOKUP_1"."PROFILE_ID", "LOOKUP_2"."PROFILE_ID", "LOOKUP_3"."PROFILE_ID") as cdp_profile_id
  from "ANSWERS_IDENTIFIED" as s
  left join "ANSWERS_LOOKUP" as "LOOKUP_1"
    on "LOOKUP_1"."TYPE" = 'user_id' and "LOOKUP_1"."VALUE" = "S"."CDP_USER_ID"
  left join "ANSWERS_LOOKUP" as "LOOKUP_2"
    on "LOOKUP_2"."TYPE" = 'email' and "LOOKUP_2"."VALUE" = "S"."CDP_EMAIL"
  left join "ANSWERS_LOOKUP" as "LOOKUP_3"
    on "LOOKUP_3"."TYPE" = 'phone' and "LOOKUP_3"."VALUE" = "S"."CDP_PHONE"
),
-- one row an answer: a yes that holds has a time of granting, any other one of denial
"NOW_ANSWERS" as (
  select
    1 as feed,
    case when lower(trim(cast("A"."PURPOSE" as varchar))) in ('news') then lower(trim(cast("A"."PURPOSE" as varchar)))
      else '' end as purpose,
    a.cdp_profile_id as profile_id,
    "A"."CDP_USER_ID" as "SAID_USER_ID",
    "A"."CDP_EMAIL" as "SAID_EMAIL",
    "A"."CDP_PHONE" as "SAID_PHONE",
    case when coalesce(lower(trim(cast("A"."STATUS" as varchar))) in ('granted', 'yes') and try_cast(cast("A"."SAID_AT"
      as varchar) as timestamp_ltz) <= "CLOCK"."NOW", false) and try_cast(cast("A"."SAID_AT" as varchar) as
      timestamp_ltz) > dateadd(year, -2, "CLOCK"."NOW") then try_cast(cast("A"."SAID_AT" as varchar) as timestamp_ltz)
      end as granted_at,
    case when not coalesce(lower(trim(cast("A"."STATUS" as varchar))) in ('granted', 'yes') and
      try_cast(cast("A"."SAID_AT" as varchar) as timestamp_ltz) <= "CLOCK"."NOW", false) then
      coalesce(try_cast(cast("A"."SAID_AT" as varchar) as timestamp_ltz), cast('9999-12-31T00:00:00Z' as timestamp_ltz))
      end as denied_at,
    try_cast(cast("A"."LOADED_AT" as varchar) as timestamp_ltz) as seen_at
  from "ANSWERS_ATTRIBUTED" as a
  cross join "NOW_CLOCK" as clock
),
-- what was said of each email alone (one row a value)
"NOW_SAID_OF_EMAIL" as (
  select "SAID_EMAIL" as value, max(granted_at) as granted_at, max(denied_at) as denied_at
  from "NOW_ANSWERS"
  where purpose = 'news' and "SAID_EMAIL" is not null
  group by "SAID_EMAIL"
),
-- what was said of whole people: the last yes and the last no (one row a profile)
"NOW_SAID" as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from "NOW_ANSWERS"
  where purpose = 'news'
  and profile_id is not null
  and "SAID_EMAIL" is null
  group by profile_id
),
-- those of them without a yes that no later no revokes
"REFUSED" as (
  select people.seq
  from "PEOPLE" as people
  left join "_CDP"."B0_CUSTOMER" as p on p.profile_id = people.profile_id
  left join "NOW_SAID" as c on c.profile_id = p.profile_id
  left join "NOW_SAID_OF_EMAIL" as "V1" on "V1"."VALUE" = case
    when regexp_like("P"."EMAIL", '[!-?A-~]+@[!-?A-~]+')
      then lower("P"."EMAIL")
    else regexp_substr(
      lower(trim(regexp_replace(
        "P"."EMAIL",
        ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
      ))),
      '^[^@ ]+@[^@ ]+$'
    )
  end
  where not (coalesce(greatest_ignore_nulls("C"."GRANTED_AT", "V1"."GRANTED_AT") > c.denied_at,
    greatest_ignore_nulls("C"."GRANTED_AT", "V1"."GRANTED_AT") is not null)
    and ("V1"."VALUE" is null or coalesce("V1"."GRANTED_AT" > "V1"."DENIED_AT", "V1"."GRANTED_AT" is not null)))
)
select fed.is_empty, fed.is_stale, r.refused
from "NOW_FED" as fed
cross join (
  select count(*) as refused
  from "REFUSED"
) as r
