-- profile: profiles/customer

-- customer attributes: identifiers that join nobody, on the profiles whose rows hold them
create or replace transient table "_CDP"."B0_CUSTOMER_ATTRIBUTES" as
select
  cast(null as varchar) as profile_id, type, value,
  cast(null as timestamp_ltz) as first_seen_at, cast(null as timestamp_ltz) as last_seen_at
from "_CDP"."B0_CUSTOMER_VALUES"
where 1 = 0;

-- == whether what was added up before is of use ==

-- customer recalls visits: whether what the published build added up is of use: the time up to
-- which it settled rows, else null
select max(m.counted) as counted
from "_CDP"."TRAIT_MARK" as m
cross join "_CDP"."B0_CLOCK" as clock
where m.entity = 'customer' and m.source = 'visits'
  and m.made_by = '8c57291aa4c7553b'
  and m.shape = :shape_customer_visits
  and m.settled = cast(:after_customer_visits as timestamp_ltz)
  and m.counted <= clock.now
  and m.build = (select max(build) from "_CDP"."PUBLISHED");

-- == where all rows are read: $counted_customer_visits is null ==

-- customer parts of visits: what all rows of visits add up to
create or replace transient table "_CDP"."B0_CUSTOMER_PARTS_VISITS" as
with
-- identifiers, keys and times in the form in which they are compared
"VISITS_NORMALISED" as (
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
    case
      when typeof(to_variant("S"."VISIT_ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
        when regexp_like(cast("S"."VISIT_ID" as varchar), '.*e[+]?(1[5-9]|20)')
          then cast(cast("S"."VISIT_ID" as number(38, 0)) as varchar)
        else nullif(replace(regexp_replace(
          cast("S"."VISIT_ID" as varchar),
          '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
        ), 'e+', 'e'), '')
      end
      when regexp_like(cast("S"."VISIT_ID" as varchar), '[!-~]([ -~]*[!-~])?')
        then cast("S"."VISIT_ID" as varchar)
      else nullif(regexp_replace(
        cast("S"."VISIT_ID" as varchar),
        ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
        || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
      ), '')
    end as cdp_key,
    cast("S"."VISITED_AT" as timestamp_ltz) as cdp_time
  from "RAW"."VISITS" as s
),
-- without the values that identify nobody
"VISITS_IDENTIFIED" as (
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
    end as "CDP_EMAIL_VALID"
  from "VISITS_NORMALISED" as s
),
-- every identifier that was ever seen, and its number for ever
"EVERY_VALUE" as (
  select node_id, type, value
  from "_CDP"."CUSTOMER_VALUES"
  union all
  select node_id, type, value
  from "_CDP"."B0_CUSTOMER_VALUES"
  where is_new
),
-- identifiers by number (0: none); open is what the next build reads again: late rows, and rows of
-- the future
"VISITS_NUMBERED" as (
  select
    s.*,
    coalesce("V1"."NODE_ID", 0) as "CDP_NODE_1",
    coalesce("V2"."NODE_ID", 0) as "CDP_NODE_2",
    coalesce(cast("S"."LOADED_AT" as timestamp_ltz) > cast(:settled_customer_visits as timestamp_ltz), true)
      or coalesce(s.cdp_time > "CLOCK"."NOW", false) as cdp_open
  from "VISITS_IDENTIFIED" as s
  cross join "_CDP"."B0_CLOCK" as clock
  left join "EVERY_VALUE" as "V1"
    on "V1"."TYPE" = 'user_id' and "V1"."VALUE" = "S"."CDP_USER_ID"
  left join "EVERY_VALUE" as "V2"
    on "V2"."TYPE" = 'email' and "V2"."VALUE" = "S"."CDP_EMAIL"
)
select
  "CDP_NODE_1",
  "CDP_NODE_2",
  cdp_open as is_open,
  count(*) as "VISITS",
  sum(case when ("S"."SECONDS" > 0) then "S"."SECONDS" end) as "MEAN_STAY",
  count(case when ("S"."SECONDS" > 0) then "S"."SECONDS" end) as "MEAN_STAY__PART_2",
  max_by("S"."PAGE", case
    when "S"."PAGE" is not null
      then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
      || coalesce('1' || (coalesce(s.cdp_key, '')) || chr(1), '0')
      || "S"."PAGE"
  end) as "LAST_PAGE",
  max_by(s.cdp_time, case
    when s.cdp_time is not null and ("S"."PAGE" is not null)
      then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
      || coalesce('1' || (coalesce(s.cdp_key, '')) || chr(1), '0')
      || cast(s.cdp_time as varchar)
  end) as "LAST_PAGE__PART_2",
  max_by(coalesce(s.cdp_key, ''), case
    when (coalesce(s.cdp_key, '')) is not null and ("S"."PAGE" is not null)
      then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
      || coalesce('1' || (coalesce(s.cdp_key, '')) || chr(1), '0')
      || cast(coalesce(s.cdp_key, '') as varchar)
  end) as "LAST_PAGE__PART_3",
  max(case when s.cdp_time <= "CLOCK"."NOW" then s.cdp_time end) as "QUIET_DAYS",
  count(*) as "DID_365AFA56",
  max(s.cdp_time) as "DID_365AFA56__PART_2"
from "VISITS_NUMBERED" as s
cross join "_CDP"."B0_CLOCK" as clock
group by
  "CDP_NODE_1", "CDP_NODE_2", cdp_open;

-- == where only new rows are read: $counted_customer_visits is known ==

-- customer parts of visits: what new rows of visits add up to
create or replace transient table "_CDP"."B0_CUSTOMER_PARTS_VISITS" as
with
-- rows that the last published build had not settled: they arrived since, or had not happened yet
"VISITS_SINCE" as (
  select s.*
  from "RAW"."VISITS" as s
  where cast("S"."LOADED_AT" as timestamp_ltz) is null
    or cast("S"."LOADED_AT" as timestamp_ltz) > cast(:after_customer_visits as timestamp_ltz)
    or cast("S"."VISITED_AT" as timestamp_ltz) > cast(:counted_customer_visits as timestamp_ltz)
),
-- identifiers, keys and times in the form in which they are compared
"VISITS_NORMALISED" as (
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
    case
      when typeof(to_variant("S"."VISIT_ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
        when regexp_like(cast("S"."VISIT_ID" as varchar), '.*e[+]?(1[5-9]|20)')
          then cast(cast("S"."VISIT_ID" as number(38, 0)) as varchar)
        else nullif(replace(regexp_replace(
          cast("S"."VISIT_ID" as varchar),
          '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
        ), 'e+', 'e'), '')
      end
      when regexp_like(cast("S"."VISIT_ID" as varchar), '[!-~]([ -~]*[!-~])?')
        then cast("S"."VISIT_ID" as varchar)
      else nullif(regexp_replace(
        cast("S"."VISIT_ID" as varchar),
        ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
        || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
      ), '')
    end as cdp_key,
    cast("S"."VISITED_AT" as timestamp_ltz) as cdp_time
  from "VISITS_SINCE" as s
),
-- without the values that identify nobody
"VISITS_IDENTIFIED" as (
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
    end as "CDP_EMAIL_VALID"
  from "VISITS_NORMALISED" as s
),
-- every identifier that was ever seen, and its number for ever
"EVERY_VALUE" as (
  select node_id, type, value
  from "_CDP"."CUSTOMER_VALUES"
  union all
  select node_id, type, value
  from "_CDP"."B0_CUSTOMER_VALUES"
  where is_new
),
-- identifiers by number (0: none); open is what the next build reads again: late rows, and rows of
-- the future
"VISITS_NUMBERED" as (
  select
    s.*,
    coalesce("V1"."NODE_ID", 0) as "CDP_NODE_1",
    coalesce("V2"."NODE_ID", 0) as "CDP_NODE_2",
    coalesce(cast("S"."LOADED_AT" as timestamp_ltz) > cast(:settled_customer_visits as timestamp_ltz), true)
      or coalesce(s.cdp_time > "CLOCK"."NOW", false) as cdp_open
  from "VISITS_IDENTIFIED" as s
  cross join "_CDP"."B0_CLOCK" as clock
  left join "EVERY_VALUE" as "V1"
    on "V1"."TYPE" = 'user_id' and "V1"."VALUE" = "S"."CDP_USER_ID"
  left join "EVERY_VALUE" as "V2"
    on "V2"."TYPE" = 'email' and "V2"."VALUE" = "S"."CDP_EMAIL"
),
-- what is asked of the new rows, by identifiers
"VISITS_NEW" as (
  select
    "CDP_NODE_1",
    "CDP_NODE_2",
    cdp_open as is_open,
    count(*) as "VISITS",
    sum(case when ("S"."SECONDS" > 0) then "S"."SECONDS" end) as "MEAN_STAY",
    count(case when ("S"."SECONDS" > 0) then "S"."SECONDS" end) as "MEAN_STAY__PART_2",
    max_by("S"."PAGE", case
      when "S"."PAGE" is not null
        then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || (coalesce(s.cdp_key, '')) || chr(1), '0')
        || "S"."PAGE"
    end) as "LAST_PAGE",
    max_by(s.cdp_time, case
      when s.cdp_time is not null and ("S"."PAGE" is not null)
        then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || (coalesce(s.cdp_key, '')) || chr(1), '0')
        || cast(s.cdp_time as varchar)
    end) as "LAST_PAGE__PART_2",
    max_by(coalesce(s.cdp_key, ''), case
      when (coalesce(s.cdp_key, '')) is not null and ("S"."PAGE" is not null)
        then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || (coalesce(s.cdp_key, '')) || chr(1), '0')
        || cast(coalesce(s.cdp_key, '') as varchar)
    end) as "LAST_PAGE__PART_3",
    max(case when s.cdp_time <= "CLOCK"."NOW" then s.cdp_time end) as "QUIET_DAYS",
    count(*) as "DID_365AFA56",
    max(s.cdp_time) as "DID_365AFA56__PART_2"
  from "VISITS_NUMBERED" as s
  cross join "_CDP"."B0_CLOCK" as clock
  group by
    "CDP_NODE_1", "CDP_NODE_2", cdp_open
),
-- the combinations that have new rows
"VISITS_TOUCHED" as (
  select distinct "CDP_NODE_1", "CDP_NODE_2" from "VISITS_NEW"
),
-- old and new of these
"VISITS_BOTH" as (
  select "S"."CDP_NODE_1", "S"."CDP_NODE_2", "S"."IS_OPEN", "S"."VISITS", "S"."MEAN_STAY",
    "S"."MEAN_STAY__PART_2", "S"."LAST_PAGE", "S"."LAST_PAGE__PART_2",
    "S"."LAST_PAGE__PART_3", "S"."QUIET_DAYS", "S"."DID_365AFA56",
    "S"."DID_365AFA56__PART_2"
  from "_CDP"."P0_CUSTOMER_PARTS_VISITS" as s
  join "VISITS_TOUCHED" as t on "S"."CDP_NODE_1" = "T"."CDP_NODE_1" and "S"."CDP_NODE_2" = "T"."CDP_NODE_2"
  where not s.is_open
  union all
  select "S"."CDP_NODE_1", "S"."CDP_NODE_2", "S"."IS_OPEN", "S"."VISITS", "S"."MEAN_STAY",
    "S"."MEAN_STAY__PART_2", "S"."LAST_PAGE", "S"."LAST_PAGE__PART_2",
    "S"."LAST_PAGE__PART_3", "S"."QUIET_DAYS", "S"."DID_365AFA56",
    "S"."DID_365AFA56__PART_2"
  from "VISITS_NEW" as s
)
select "S"."CDP_NODE_1", "S"."CDP_NODE_2", "S"."IS_OPEN", "S"."VISITS", "S"."MEAN_STAY",
  "S"."MEAN_STAY__PART_2", "S"."LAST_PAGE", "S"."LAST_PAGE__PART_2",
  "S"."LAST_PAGE__PART_3", "S"."QUIET_DAYS", "S"."DID_365AFA56",
  "S"."DID_365AFA56__PART_2"
from "_CDP"."P0_CUSTOMER_PARTS_VISITS" as s
left join "VISITS_TOUCHED" as t on "S"."CDP_NODE_1" = "T"."CDP_NODE_1" and "S"."CDP_NODE_2" = "T"."CDP_NODE_2"
where not s.is_open and t."CDP_NODE_1" is null
union all
select
  "CDP_NODE_1",
  "CDP_NODE_2",
  is_open,
  cast(sum("T"."VISITS") as bigint) as "VISITS",
  sum("T"."MEAN_STAY") as "MEAN_STAY",
  cast(sum("T"."MEAN_STAY__PART_2") as bigint) as "MEAN_STAY__PART_2",
  max_by("T"."LAST_PAGE", case
    when "T"."LAST_PAGE" is not null
      then coalesce('1' || to_char("T"."LAST_PAGE__PART_2", 'YYYYMMDDHH24MISSFF6'), '0')
      || coalesce('1' || "T"."LAST_PAGE__PART_3" || chr(1), '0')
      || "T"."LAST_PAGE"
  end) as "LAST_PAGE",
  max_by("T"."LAST_PAGE__PART_2", case
    when "T"."LAST_PAGE__PART_2" is not null and ("T"."LAST_PAGE" is not null)
      then coalesce('1' || to_char("T"."LAST_PAGE__PART_2", 'YYYYMMDDHH24MISSFF6'), '0')
      || coalesce('1' || "T"."LAST_PAGE__PART_3" || chr(1), '0')
      || cast("T"."LAST_PAGE__PART_2" as varchar)
  end) as "LAST_PAGE__PART_2",
  max_by("T"."LAST_PAGE__PART_3", case
    when "T"."LAST_PAGE__PART_3" is not null and ("T"."LAST_PAGE" is not null)
      then coalesce('1' || to_char("T"."LAST_PAGE__PART_2", 'YYYYMMDDHH24MISSFF6'), '0')
      || coalesce('1' || "T"."LAST_PAGE__PART_3" || chr(1), '0')
      || cast("T"."LAST_PAGE__PART_3" as varchar)
  end) as "LAST_PAGE__PART_3",
  max("T"."QUIET_DAYS") as "QUIET_DAYS",
  cast(sum("T"."DID_365AFA56") as bigint) as "DID_365AFA56",
  max("T"."DID_365AFA56__PART_2") as "DID_365AFA56__PART_2"
from "VISITS_BOTH" as t
group by
  "CDP_NODE_1", "CDP_NODE_2", is_open;

-- customer from visits: all that is asked of visits: the parts of each profile in one, and its
-- recent rows
create or replace transient table "_CDP"."B0_CUSTOMER_FROM_VISITS" as
with
-- every identifier that joins, and the number of its profile
"JOINING" as (
  select g.node_id, g.first_seen_at, g.last_seen_at, g.profile
  from "_CDP"."CUSTOMER_GRAPH" as g
  left join "_CDP"."B0_CUSTOMER_GRAPH" as c on c.node_id = g.node_id
  where g.profile is not null and c.node_id is null
  union all
  select node_id, first_seen_at, last_seen_at, profile
  from "_CDP"."B0_CUSTOMER_GRAPH"
  where profile is not null
),
-- whose the rows of each combination are: the profile of its strongest identifier
"VISITS_OWNED" as (
  select
    coalesce("N1"."PROFILE", "N2"."PROFILE") as cdp_profile,
    "T"."VISITS",
    "T"."MEAN_STAY",
    "T"."MEAN_STAY__PART_2",
    "T"."LAST_PAGE",
    "T"."LAST_PAGE__PART_2",
    "T"."LAST_PAGE__PART_3",
    "T"."QUIET_DAYS",
    "T"."DID_365AFA56",
    "T"."DID_365AFA56__PART_2"
  from "_CDP"."B0_CUSTOMER_PARTS_VISITS" as t
  left join "JOINING" as "N1" on "N1"."NODE_ID" = "T"."CDP_NODE_1"
  left join "JOINING" as "N2" on "N2"."NODE_ID" = "T"."CDP_NODE_2"
),
-- the parts of each profile in one (one row a profile)
"VISITS_FOLDED" as (
  select
    t.cdp_profile,
    cast(sum("T"."VISITS") as bigint) as "VISITS",
    sum("T"."MEAN_STAY") as "MEAN_STAY",
    cast(sum("T"."MEAN_STAY__PART_2") as bigint) as "MEAN_STAY__PART_2",
    max_by("T"."LAST_PAGE", case
      when "T"."LAST_PAGE" is not null
        then coalesce('1' || to_char("T"."LAST_PAGE__PART_2", 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || "T"."LAST_PAGE__PART_3" || chr(1), '0')
        || "T"."LAST_PAGE"
    end) as "LAST_PAGE",
    max_by("T"."LAST_PAGE__PART_2", case
      when "T"."LAST_PAGE__PART_2" is not null and ("T"."LAST_PAGE" is not null)
        then coalesce('1' || to_char("T"."LAST_PAGE__PART_2", 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || "T"."LAST_PAGE__PART_3" || chr(1), '0')
        || cast("T"."LAST_PAGE__PART_2" as varchar)
    end) as "LAST_PAGE__PART_2",
    max_by("T"."LAST_PAGE__PART_3", case
      when "T"."LAST_PAGE__PART_3" is not null and ("T"."LAST_PAGE" is not null)
        then coalesce('1' || to_char("T"."LAST_PAGE__PART_2", 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || "T"."LAST_PAGE__PART_3" || chr(1), '0')
        || cast("T"."LAST_PAGE__PART_3" as varchar)
    end) as "LAST_PAGE__PART_3",
    max("T"."QUIET_DAYS") as "QUIET_DAYS",
    cast(sum("T"."DID_365AFA56") as bigint) as "DID_365AFA56",
    max("T"."DID_365AFA56__PART_2") as "DID_365AFA56__PART_2"
  from "VISITS_OWNED" as t
  where t.cdp_profile is not null
  group by t.cdp_profile
),
-- rows within the longest window that is asked for, which are read again in every build
"VISITS_RECENT" as (
  select s.*
  from "RAW"."VISITS" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where cast("S"."VISITED_AT" as timestamp_ltz) >= dateadd(day, -30, "CLOCK"."NOW")
    and cast("S"."VISITED_AT" as timestamp_ltz) <= "CLOCK"."NOW"
),
-- identifiers, keys and times in the form in which they are compared
"VISITS_NORMALISED" as (
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
    case
      when typeof(to_variant("S"."VISIT_ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
        when regexp_like(cast("S"."VISIT_ID" as varchar), '.*e[+]?(1[5-9]|20)')
          then cast(cast("S"."VISIT_ID" as number(38, 0)) as varchar)
        else nullif(replace(regexp_replace(
          cast("S"."VISIT_ID" as varchar),
          '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
        ), 'e+', 'e'), '')
      end
      when regexp_like(cast("S"."VISIT_ID" as varchar), '[!-~]([ -~]*[!-~])?')
        then cast("S"."VISIT_ID" as varchar)
      else nullif(regexp_replace(
        cast("S"."VISIT_ID" as varchar),
        ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
        || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
      ), '')
    end as cdp_key,
    cast("S"."VISITED_AT" as timestamp_ltz) as cdp_time
  from "VISITS_RECENT" as s
),
-- without the values that identify nobody
"VISITS_IDENTIFIED" as (
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
    end as "CDP_EMAIL_VALID"
  from "VISITS_NORMALISED" as s
),
-- every identifier that joins, and its profile (one row an identifier)
"VISITS_LOOKUP" as (
  select i.type, i.value, n.profile, p.profile_id
  from (
    select node_id, type, value
    from "_CDP"."CUSTOMER_VALUES"
    union all
    select node_id, type, value
    from "_CDP"."B0_CUSTOMER_VALUES"
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
  where i.type in ('user_id', 'email')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
"VISITS_ATTRIBUTED" as (
  select
    s.*,
    coalesce("LOOKUP_1"."PROFILE", "LOOKUP_2"."PROFILE") as cdp_profile,
    coalesce("LOOKUP_1"."PROFILE_ID", "LOOKUP_2"."PROFILE_ID") as cdp_profile_id
  from "VISITS_IDENTIFIED" as s
  left join "VISITS_LOOKUP" as "LOOKUP_1"
    on "LOOKUP_1"."TYPE" = 'user_id' and "LOOKUP_1"."VALUE" = "S"."CDP_USER_ID"
  left join "VISITS_LOOKUP" as "LOOKUP_2"
    on "LOOKUP_2"."TYPE" = 'email' and "LOOKUP_2"."VALUE" = "S"."CDP_EMAIL"
),
-- all that is asked, by number of the profile: ids are texts, which are slow to group by (one row
-- a profile)
"VISITS_MEASURED" as (
  select
    s.cdp_profile,
    (round((percentile_cont(0.5) within group (
      order by cast(case
        when s.cdp_time >= dateadd(day, -30, "CLOCK"."NOW") and s.cdp_time <= "CLOCK"."NOW"
          then "S"."SECONDS"
      end as float)
    )) * power(cast(10 as float), 6), 0) / power(cast(10 as float), 6)) as "USUAL_STAY"
  from "VISITS_ATTRIBUTED" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where s.cdp_profile is not null
  group by s.cdp_profile
),
-- what is asked of them (one row a profile)
"VISITS_OF_RECENT" as (
  select
    p.profile_id,
    g."USUAL_STAY"
  from "VISITS_MEASURED" as g
  join (
    select i.anchor, i.profile_id
    from "_CDP"."CUSTOMER_PROFILE_IDS" as i
    left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from "_CDP"."B0_CUSTOMER_IDS"
    where merged_into is null
  ) as p on p.anchor = g.cdp_profile
)
select
  p.profile_id,
  "G"."VISITS" as "VISITS",
  (round((cast(cast("G"."MEAN_STAY" as float) as float) / nullif("G"."MEAN_STAY__PART_2", 0)) * power(cast(10 as float),
    6), 0) / power(cast(10 as float), 6)) as "MEAN_STAY",
  "G"."LAST_PAGE" as "LAST_PAGE",
  cast((
    datediff(microsecond, "G"."QUIET_DAYS", "CLOCK"."NOW")
    - mod(datediff(microsecond, "G"."QUIET_DAYS", "CLOCK"."NOW"), 86400000000)
  ) / 86400000000 as bigint) as "QUIET_DAYS",
  "R"."USUAL_STAY" as "USUAL_STAY",
  coalesce(
    "G"."DID_365AFA56" >= 3
      and "G"."DID_365AFA56__PART_2" >= dateadd(day, -14, "CLOCK"."NOW")
      and "G"."DID_365AFA56__PART_2" <= "CLOCK"."NOW", false
  ) as "DID_365AFA56"
from "VISITS_FOLDED" as g
cross join "_CDP"."B0_CLOCK" as clock
join (
  select i.anchor, i.profile_id
  from "_CDP"."CUSTOMER_PROFILE_IDS" as i
  left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
  where i.merged_into is null and c.anchor is null
  union all
  select anchor, profile_id
  from "_CDP"."B0_CUSTOMER_IDS"
  where merged_into is null
) as p on p.anchor = g.cdp_profile
left join "VISITS_OF_RECENT" as r on r.profile_id = p.profile_id;

-- customer profiles: one row a profile, one column a trait
create or replace transient table "_CDP"."B0_CUSTOMER" as
with
-- every identifier that joins, with its profile
"MEMBERS" as (
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
),
-- one row a profile: when its identifiers were seen first and last
"PEOPLE" as (
  select profile_id, min(first_seen_at) as first_seen_at, max(last_seen_at) as last_seen_at
  from "MEMBERS"
  group by profile_id
),
-- identifiers that join and those that do not
"EVERY_IDENTIFIER" as (
  select profile_id, type, value from "MEMBERS"
  union all
  select profile_id, type, value from "_CDP"."B0_CUSTOMER_ATTRIBUTES"
),
-- identifiers by type as sorted lists (one row a profile)
"LISTS" as (
  select
    profile_id,
    array_agg(distinct case when type = 'user_id' then value end) within group (order by case when type = 'user_id' then
      value end) as "ALL_USER_ID",
    array_agg(distinct case when type = 'email' then value end) within group (order by case when type = 'email' then
      value end) as "ALL_EMAIL"
  from "EVERY_IDENTIFIER"
  group by profile_id
),
-- what the scans found (at most one row a profile each)
"GATHERED" as (
  select
    people.*,
    lists."ALL_USER_ID",
    lists."ALL_EMAIL",
    coalesce("FROM_VISITS"."VISITS", 0) as "VISITS",
    "FROM_VISITS"."MEAN_STAY" as "MEAN_STAY",
    "FROM_VISITS"."LAST_PAGE" as "LAST_PAGE",
    "FROM_VISITS"."QUIET_DAYS" as "QUIET_DAYS",
    "FROM_VISITS"."USUAL_STAY" as "USUAL_STAY"
  from "PEOPLE" as people
  left join "LISTS" as lists on lists.profile_id = people.profile_id
  left join "_CDP"."B0_CUSTOMER_FROM_VISITS" as "FROM_VISITS"
    on "FROM_VISITS"."PROFILE_ID" = "PEOPLE"."PROFILE_ID"
)
select
  "PROFILE_ID",
  "FIRST_SEEN_AT",
  "LAST_SEEN_AT",
  "ALL_USER_ID",
  "ALL_EMAIL",
  "VISITS",
  "MEAN_STAY",
  "LAST_PAGE",
  "QUIET_DAYS",
  "USUAL_STAY"
from "GATHERED";

-- forget customer parts: up to where earlier builds had added up
delete from "_CDP"."TRAIT_MARK" where entity = 'customer';

-- publish customer parts of visits: up to where this build added up, and by what
insert into "_CDP"."TRAIT_MARK" (entity, source, made_by, shape, settled, counted, build)
select
  'customer', 'visits', '8c57291aa4c7553b',
  :shape_customer_visits, cast(:settled_customer_visits as timestamp_ltz),
  clock.now, cast(:build as bigint)
from "_CDP"."B0_CLOCK" as clock;
