-- profile: profiles/customer

-- customer attributes: identifiers that join nobody, on the profiles whose rows hold them
create or replace transient table "_CDP"."B0_CUSTOMER_ATTRIBUTES" as
select
  cast(null as varchar) as profile_id, type, value,
  cast(null as timestamp_ltz) as first_seen_at, cast(null as timestamp_ltz) as last_seen_at
from "_CDP"."B0_CUSTOMER_VALUES"
where 1 = 0;

-- customer from contacts: all that is asked of contacts, in one scan
create or replace transient table "_CDP"."B0_CUSTOMER_FROM_CONTACTS" as
with
-- identifiers, keys and times in the form in which they are compared
"CONTACTS_NORMALISED" as (
  select
    s.*,
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
    end as cdp_key,
    cast("S"."CHANGED_AT" as timestamp_ltz) as cdp_time
  from "RAW"."CONTACTS" as s
),
-- without the values that identify nobody
"CONTACTS_IDENTIFIED" as (
  select
    s.*,
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
  from "CONTACTS_NORMALISED" as s
),
-- every identifier that joins, and its profile (one row an identifier)
"CONTACTS_LOOKUP" as (
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
  where i.type in ('email', 'row:contacts')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
"CONTACTS_ATTRIBUTED" as (
  select
    s.*,
    coalesce("LOOKUP_1"."PROFILE", "LOOKUP_ROW"."PROFILE") as cdp_profile,
    coalesce("LOOKUP_1"."PROFILE_ID", "LOOKUP_ROW"."PROFILE_ID") as cdp_profile_id
  from "CONTACTS_IDENTIFIED" as s
  left join "CONTACTS_LOOKUP" as "LOOKUP_1"
    on "LOOKUP_1"."TYPE" = 'email' and "LOOKUP_1"."VALUE" = "S"."CDP_EMAIL"
  left join "CONTACTS_LOOKUP" as "LOOKUP_ROW"
    on "LOOKUP_ROW"."TYPE" = 'row:contacts' and "LOOKUP_ROW"."VALUE" = s.cdp_key
),
-- all that is asked, by number of the profile: ids are texts, which are slow to group by (one row
-- a profile)
"CONTACTS_MEASURED" as (
  select
    s.cdp_profile,
    max_by("S"."CDP_EMAIL_VALID", case
      when "S"."CDP_EMAIL_VALID" is not null
        then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || s.cdp_key || chr(1), '0')
        || "S"."CDP_EMAIL_VALID"
    end) as "EMAIL",
    max_by("S"."NAME", case
      when "S"."NAME" is not null
        then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || s.cdp_key || chr(1), '0')
        || "S"."NAME"
    end) as "BY_PRIORITY",
    max_by("S"."NAME", case
      when "S"."NAME" is not null
        then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || s.cdp_key || chr(1), '0')
        || "S"."NAME"
    end) as "MOST_RECENT",
    max(case when "S"."NAME" is not null then s.cdp_time end) as "MOST_RECENT__AT",
    min_by("S"."NAME", case
      when "S"."NAME" is not null
        then coalesce('0' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '1')
        || coalesce('0' || s.cdp_key || chr(1), '1')
        || "S"."NAME"
    end) as "EARLIEST",
    min(case when "S"."NAME" is not null then s.cdp_time end) as "EARLIEST__AT",
    case when count("S"."NAME") > 0 then array_agg("S"."NAME") end as "COMMONEST",
    max_by("S"."NAME", case
      when "S"."NAME" is not null
        then coalesce(
          '1' || lpad(cast(10000000000000000000 + length(cast("S"."NAME" as varchar)) as varchar), 20, '0'),
          '0'
        )
        || coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || s.cdp_key || chr(1), '0')
        || "S"."NAME"
    end) as "LONGEST",
    min("S"."NAME") as "SMALLEST",
    boolor_agg(cast("S"."VIP" as boolean)) as "ANY_TRUE",
    array_agg(distinct nullif(cast("S"."NAME" as varchar), '')) within group (order by nullif(cast("S"."NAME" as
      varchar), '')) as "ALL_NAMES",
    max_by("S"."NAME", case
      when "S"."NAME" is not null
        then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || s.cdp_key || chr(1), '0')
        || "S"."NAME"
    end) as "TRACED"
  from "CONTACTS_ATTRIBUTED" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where s.cdp_profile is not null
  group by s.cdp_profile
)
select
  p.profile_id,
  g."EMAIL",
  g."BY_PRIORITY",
  g."MOST_RECENT",
  g."MOST_RECENT__AT",
  g."EARLIEST",
  g."EARLIEST__AT",
  g."COMMONEST",
  g."LONGEST",
  g."SMALLEST",
  g."ANY_TRUE",
  g."ALL_NAMES",
  g."TRACED"
from "CONTACTS_MEASURED" as g
join (
  select i.anchor, i.profile_id
  from "_CDP"."CUSTOMER_PROFILE_IDS" as i
  left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
  where i.merged_into is null and c.anchor is null
  union all
  select anchor, profile_id
  from "_CDP"."B0_CUSTOMER_IDS"
  where merged_into is null
) as p on p.anchor = g.cdp_profile;

-- customer from shop: all that is asked of shop, in one scan
create or replace transient table "_CDP"."B0_CUSTOMER_FROM_SHOP" as
with
-- identifiers, keys and times in the form in which they are compared
"SHOP_NORMALISED" as (
  select
    s.*,
    case
      when regexp_like(cast("S"."MAIL" as varchar), '[!-?A-~]+@[!-?A-~]+')
        then lower(cast("S"."MAIL" as varchar))
      else regexp_substr(
        lower(trim(regexp_replace(
          cast("S"."MAIL" as varchar),
          ('[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
          || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+'), ' '
        ))),
        '^[^@ ]+@[^@ ]+$'
      )
    end as "CDP_EMAIL",
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
    end as cdp_key,
    cast("S"."CHANGED_AT" as timestamp_ltz) as cdp_time
  from "RAW"."SHOP" as s
),
-- without the values that identify nobody
"SHOP_IDENTIFIED" as (
  select
    s.*,
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
  from "SHOP_NORMALISED" as s
),
-- every identifier that joins, and its profile (one row an identifier)
"SHOP_LOOKUP" as (
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
  where i.type in ('email', 'row:shop')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
"SHOP_ATTRIBUTED" as (
  select
    s.*,
    coalesce("LOOKUP_1"."PROFILE", "LOOKUP_ROW"."PROFILE") as cdp_profile,
    coalesce("LOOKUP_1"."PROFILE_ID", "LOOKUP_ROW"."PROFILE_ID") as cdp_profile_id
  from "SHOP_IDENTIFIED" as s
  left join "SHOP_LOOKUP" as "LOOKUP_1"
    on "LOOKUP_1"."TYPE" = 'email' and "LOOKUP_1"."VALUE" = "S"."CDP_EMAIL"
  left join "SHOP_LOOKUP" as "LOOKUP_ROW"
    on "LOOKUP_ROW"."TYPE" = 'row:shop' and "LOOKUP_ROW"."VALUE" = s.cdp_key
),
-- all that is asked, by number of the profile: ids are texts, which are slow to group by (one row
-- a profile)
"SHOP_MEASURED" as (
  select
    s.cdp_profile,
    max_by("S"."CDP_EMAIL_VALID", case
      when "S"."CDP_EMAIL_VALID" is not null
        then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || s.cdp_key || chr(1), '0')
        || "S"."CDP_EMAIL_VALID"
    end) as "EMAIL",
    max_by("S"."NAME", case
      when "S"."NAME" is not null
        then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || s.cdp_key || chr(1), '0')
        || "S"."NAME"
    end) as "BY_PRIORITY",
    max_by("S"."NAME", case
      when "S"."NAME" is not null
        then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || s.cdp_key || chr(1), '0')
        || "S"."NAME"
    end) as "MOST_RECENT",
    max(case when "S"."NAME" is not null then s.cdp_time end) as "MOST_RECENT__AT",
    min_by("S"."NAME", case
      when "S"."NAME" is not null
        then coalesce('0' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '1')
        || coalesce('0' || s.cdp_key || chr(1), '1')
        || "S"."NAME"
    end) as "EARLIEST",
    min(case when "S"."NAME" is not null then s.cdp_time end) as "EARLIEST__AT",
    case when count("S"."NAME") > 0 then array_agg("S"."NAME") end as "COMMONEST",
    max_by("S"."NAME", case
      when "S"."NAME" is not null
        then coalesce(
          '1' || lpad(cast(10000000000000000000 + length(cast("S"."NAME" as varchar)) as varchar), 20, '0'),
          '0'
        )
        || coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || s.cdp_key || chr(1), '0')
        || "S"."NAME"
    end) as "LONGEST",
    min("S"."NAME") as "SMALLEST",
    array_agg(distinct nullif(cast("S"."NAME" as varchar), '')) within group (order by nullif(cast("S"."NAME" as
      varchar), '')) as "ALL_NAMES",
    max_by("S"."NAME", case
      when "S"."NAME" is not null
        then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || s.cdp_key || chr(1), '0')
        || "S"."NAME"
    end) as "TRACED"
  from "SHOP_ATTRIBUTED" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where s.cdp_profile is not null
  group by s.cdp_profile
)
select
  p.profile_id,
  g."EMAIL",
  g."BY_PRIORITY",
  g."MOST_RECENT",
  g."MOST_RECENT__AT",
  g."EARLIEST",
  g."EARLIEST__AT",
  g."COMMONEST",
  g."LONGEST",
  g."SMALLEST",
  g."ALL_NAMES",
  g."TRACED"
from "SHOP_MEASURED" as g
join (
  select i.anchor, i.profile_id
  from "_CDP"."CUSTOMER_PROFILE_IDS" as i
  left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
  where i.merged_into is null and c.anchor is null
  union all
  select anchor, profile_id
  from "_CDP"."B0_CUSTOMER_IDS"
  where merged_into is null
) as p on p.anchor = g.cdp_profile;

-- customer from orders: all that is asked of orders, in one scan
create or replace transient table "_CDP"."B0_CUSTOMER_FROM_ORDERS" as
with
-- identifiers, keys and times in the form in which they are compared
"ORDERS_NORMALISED" as (
  select
    s.*,
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
      when typeof(to_variant("S"."ORDER_ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
        when regexp_like(cast("S"."ORDER_ID" as varchar), '.*e[+]?(1[5-9]|20)')
          then cast(cast("S"."ORDER_ID" as number(38, 0)) as varchar)
        else nullif(replace(regexp_replace(
          cast("S"."ORDER_ID" as varchar),
          '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
        ), 'e+', 'e'), '')
      end
      when regexp_like(cast("S"."ORDER_ID" as varchar), '[!-~]([ -~]*[!-~])?')
        then cast("S"."ORDER_ID" as varchar)
      else nullif(regexp_replace(
        cast("S"."ORDER_ID" as varchar),
        ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
        || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
      ), '')
    end as cdp_key,
    cast("S"."ORDERED_AT" as timestamp_ltz) as cdp_time
  from "RAW"."ORDERS" as s
),
-- without the values that identify nobody
"ORDERS_IDENTIFIED" as (
  select
    s.*,
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
  from "ORDERS_NORMALISED" as s
),
-- every identifier that joins, and its profile (one row an identifier)
"ORDERS_LOOKUP" as (
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
  where i.type in ('email')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
"ORDERS_ATTRIBUTED" as (
  select
    s.*,
    "LOOKUP_1"."PROFILE" as cdp_profile,
    "LOOKUP_1"."PROFILE_ID" as cdp_profile_id
  from "ORDERS_IDENTIFIED" as s
  left join "ORDERS_LOOKUP" as "LOOKUP_1"
    on "LOOKUP_1"."TYPE" = 'email' and "LOOKUP_1"."VALUE" = "S"."CDP_EMAIL"
),
-- what the calendar of the project's zone showed at each row, asked once for periods of every
-- length
"ORDERS_LOCAL" as (
  select
    s.*,
    cast(convert_timezone('Europe/Paris', s.cdp_time) as timestamp_ntz) as cdp_local
  from "ORDERS_ATTRIBUTED" as s
),
-- all that is asked, by number of the profile: ids are texts, which are slow to group by (one row
-- a profile)
"ORDERS_MEASURED" as (
  select
    s.cdp_profile,
    count(*) as "ORDER_COUNT",
    count(distinct "S"."STATUS") as "STATUSES",
    round(sum(case when ("S"."STATUS" = 'paid') then "S"."AMOUNT" end), 6) as "REVENUE",
    (round((cast(sum("S"."AMOUNT") as float) / nullif(count("S"."AMOUNT"), 0)) * power(cast(10 as float), 6), 0) /
      power(cast(10 as float), 6)) as "MEAN",
    min("S"."AMOUNT") as "LEAST",
    max("S"."ORDERED_AT") as "NEWEST_ORDER",
    (round((percentile_cont(0.5) within group (
      order by cast("S"."AMOUNT" as float)
    )) * power(cast(10 as float), 6), 0) / power(cast(10 as float), 6)) as "MEDIAN_AMOUNT",
    (round((percentile_cont(0.9) within group (
      order by cast("S"."AMOUNT" as float)
    )) * power(cast(10 as float), 6), 0) / power(cast(10 as float), 6)) as "P90",
    (round((cast(count_if(s.cdp_time >= dateadd(day, -90, "CLOCK"."NOW") and s.cdp_time <= "CLOCK"."NOW"
      and ("S"."STATUS" = 'returned')) as float) / nullif(count_if(s.cdp_time >= dateadd(day, -90, "CLOCK"."NOW") and
        s.cdp_time <= "CLOCK"."NOW"), 0)) * power(cast(10 as float), 6), 0) / power(cast(10 as float), 6)) as
        "RETURN_RATE",
    case when count("S"."STATUS") > 0 then array_agg("S"."STATUS") end as "USUAL",
    (count_if(("S"."STATUS" = 'returned')) > 0) as "REFUNDED",
    count_if(s.cdp_time >= dateadd(day, -30, "CLOCK"."NOW") and s.cdp_time <= "CLOCK"."NOW") as "RECENT",
    min_by("S"."STATUS", case
      when "S"."STATUS" is not null
        then coalesce('0' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '1')
        || coalesce('0' || s.cdp_key || chr(1), '1')
        || "S"."STATUS"
    end) as "OPENING",
    max_by("S"."AMOUNT", case
      when "S"."AMOUNT" is not null
        then coalesce('1' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '0')
        || coalesce('1' || s.cdp_key || chr(1), '0')
        || lpad(
          cast(10000000000000000000000000000 + cast("S"."AMOUNT" as number(38, 9)) as varchar),
          39,
          '0'
        )
    end) as "CLOSING",
    min_by("S"."STATUS", case
      when "S"."STATUS" is not null and ("S"."AMOUNT" is not null)
        then coalesce(
          '0' || lpad(
            cast(10000000000000000000000000000 - cast("S"."AMOUNT" as number(38, 9)) as varchar),
            39,
            '0'
          ),
          '1'
        )
        || coalesce('0' || to_char(s.cdp_time, 'YYYYMMDDHH24MISSFF6'), '1')
        || coalesce('0' || s.cdp_key || chr(1), '1')
        || "S"."STATUS"
    end) as "DEAREST",
    get(array_agg(case when (cast("S"."AMOUNT" as float) / nullif(2, 0)) is not null then "S"."ORDER_ID" end) within
      group (order by
      (cast("S"."AMOUNT" as float) / nullif(2, 0)) desc nulls last,
      s.cdp_time desc nulls last,
      s.cdp_key desc nulls last,
      "S"."ORDER_ID" desc nulls last
    ), 0) as "GREATEST",
    min(case
      when s.cdp_time <= "CLOCK"."NOW"
        then cast((
          datediff(microsecond, s.cdp_time, "CLOCK"."NOW")
          - mod(datediff(microsecond, s.cdp_time, "CLOCK"."NOW"), 86400000000)
        ) / 86400000000 as bigint)
    end) as "QUIET_DAYS",
    min(case
      when ("S"."STATUS" = 'paid') and s.cdp_time <= "CLOCK"."NOW"
        then cast((
          datediff(microsecond, s.cdp_time, "CLOCK"."NOW")
          - mod(datediff(microsecond, s.cdp_time, "CLOCK"."NOW"), 3600000000)
        ) / 3600000000 as bigint)
    end) as "QUIET_HOURS",
    max(case
      when s.cdp_time <= "CLOCK"."NOW"
        then cast((
          datediff(microsecond, s.cdp_time, "CLOCK"."NOW")
          - mod(datediff(microsecond, s.cdp_time, "CLOCK"."NOW"), 604800000000)
        ) / 604800000000 as bigint)
    end) as "KNOWN_WEEKS",
    max(case
      when s.cdp_time <= "CLOCK"."NOW"
        then (
          datediff(month, s.cdp_time, "CLOCK"."NOW")
          - case when s.cdp_time > dateadd(month, -datediff(month, s.cdp_time, "CLOCK"."NOW"), "CLOCK"."NOW") then 1
            else 0 end
        )
    end) as "KNOWN_MONTHS"
  from "ORDERS_LOCAL" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where s.cdp_profile is not null
  group by s.cdp_profile
),
-- what is asked of all rows of a profile (one row a profile)
"ORDERS_GROUPED" as (
  select
    p.profile_id,
    g."ORDER_COUNT",
    g."STATUSES",
    g."REVENUE",
    g."MEAN",
    g."LEAST",
    g."NEWEST_ORDER",
    g."MEDIAN_AMOUNT",
    g."P90",
    g."RETURN_RATE",
    cast(get(get(reduce(
      array_sort(coalesce("G"."USUAL", array_construct())),
      array_construct(null, 0, 0, array_construct()),
      (a, v) -> array_construct(
        v,
        iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1),
        greatest(cast(get(a, 2) as bigint), iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1)),
        case
          when cast(get(a, 2) as bigint) > iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1) then get(a,
            3)
          when cast(get(a, 2) as bigint) = iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1) then
            array_append(get(a, 3), v)
          else array_construct(v)
        end
      )
    ), 3), 0) as varchar) as "USUAL",
    g."REFUNDED",
    g."RECENT",
    g."OPENING",
    g."CLOSING",
    g."DEAREST",
    g."GREATEST",
    g."QUIET_DAYS",
    g."QUIET_HOURS",
    g."KNOWN_WEEKS",
    g."KNOWN_MONTHS"
  from "ORDERS_MEASURED" as g
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
),
-- the same rows grouped by calendar day too, once for all traits that ask for days (one row a
-- profile and day)
"ORDERS_EACH_DAY" as (
  select
    s.cdp_profile_id as profile_id,
    datediff(day, date '1900-01-01', s.cdp_local) as cdp_period,
    (count_if(s.cdp_time <= "CLOCK"."NOW") > 0) as "DAYS_IN_A_ROW"
  from "ORDERS_LOCAL" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where s.cdp_profile_id is not null and s.cdp_local is not null
  group by s.cdp_profile_id, cdp_period
),
-- to which run each day belongs: its number less its place among those that count
"ORDERS_DAY_RUNS" as (
  select
    e.*,
    e.cdp_period - row_number() over (
      partition by e.profile_id, e."DAYS_IN_A_ROW"
      order by e.cdp_period
    ) as "DAYS_IN_A_ROW__RUN"
  from "ORDERS_EACH_DAY" as e
),
-- how many days of its run there are up to each day
"ORDERS_DAY_LENGTHS" as (
  select
    e.*,
    row_number() over (
      partition by e.profile_id, e."DAYS_IN_A_ROW", e."DAYS_IN_A_ROW__RUN"
      order by e.cdp_period
    ) as "DAYS_IN_A_ROW__LENGTH"
  from "ORDERS_DAY_RUNS" as e
),
-- what is made of the days (one row a profile)
"ORDERS_OVER_DAYS" as (
  select
    e.profile_id,
    max(case when "E"."DAYS_IN_A_ROW" then "E"."DAYS_IN_A_ROW__LENGTH" end) as "DAYS_IN_A_ROW"
  from "ORDERS_DAY_LENGTHS" as e
  group by e.profile_id
),
-- the same rows grouped by calendar month too, once for all traits that ask for months (one row a
-- profile and month)
"ORDERS_EACH_MONTH" as (
  select
    s.cdp_profile_id as profile_id,
    datediff(month, date '1900-01-01', s.cdp_local) as cdp_period,
    true as "ACTIVE_MONTHS",
    (count_if(s.cdp_time <= "CLOCK"."NOW") > 0) as "STREAK",
    (count_if(("S"."STATUS" = 'paid') and s.cdp_time <= "CLOCK"."NOW") > 0) as "PAID_STREAK",
    (count_if(("S"."AMOUNT" > 0) and s.cdp_time <= "CLOCK"."NOW") > 0) as "LONGEST_STREAK",
    coalesce(round(sum("S"."AMOUNT"), 6), 0) as "BEST_MONTH",
    count(*) as "WORST_MONTH",
    case
      when (count_if(("S"."STATUS" = 'paid')) > 0)
      then coalesce(round(sum(case when ("S"."STATUS" = 'paid') then "S"."AMOUNT" end), 6), 0)
    end as "USUAL_MONTH",
    max("S"."AMOUNT") as "MIDDLE_MONTH"
  from "ORDERS_LOCAL" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where s.cdp_profile_id is not null and s.cdp_local is not null
  group by s.cdp_profile_id, cdp_period
),
-- to which run each month belongs: its number less its place among those that count
"ORDERS_MONTH_RUNS" as (
  select
    e.*,
    e.cdp_period - row_number() over (
      partition by e.profile_id, e."STREAK"
      order by e.cdp_period
    ) as "STREAK__RUN",
    e.cdp_period - row_number() over (
      partition by e.profile_id, e."PAID_STREAK"
      order by e.cdp_period
    ) as "PAID_STREAK__RUN",
    e.cdp_period - row_number() over (
      partition by e.profile_id, e."LONGEST_STREAK"
      order by e.cdp_period
    ) as "LONGEST_STREAK__RUN"
  from "ORDERS_EACH_MONTH" as e
),
-- how many months of its run there are up to each month
"ORDERS_MONTH_LENGTHS" as (
  select
    e.*,
    row_number() over (
      partition by e.profile_id, e."STREAK", e."STREAK__RUN"
      order by e.cdp_period
    ) as "STREAK__LENGTH",
    row_number() over (
      partition by e.profile_id, e."PAID_STREAK", e."PAID_STREAK__RUN"
      order by e.cdp_period
    ) as "PAID_STREAK__LENGTH",
    row_number() over (
      partition by e.profile_id, e."LONGEST_STREAK", e."LONGEST_STREAK__RUN"
      order by e.cdp_period
    ) as "LONGEST_STREAK__LENGTH"
  from "ORDERS_MONTH_RUNS" as e
),
-- what is made of the months (one row a profile)
"ORDERS_OVER_MONTHS" as (
  select
    e.profile_id,
    count_if("E"."ACTIVE_MONTHS") as "ACTIVE_MONTHS",
    max(case
      when "E"."STREAK" and e.cdp_period >= datediff(month, date '1900-01-01', cast(convert_timezone('Europe/Paris',
        "CLOCK"."NOW") as timestamp_ntz)) - 1
        then "E"."STREAK__LENGTH"
    end) as "STREAK",
    max(case
      when "E"."PAID_STREAK" and e.cdp_period >= datediff(month, date '1900-01-01',
        cast(convert_timezone('Europe/Paris', "CLOCK"."NOW") as timestamp_ntz)) - 1
        then "E"."PAID_STREAK__LENGTH"
    end) as "PAID_STREAK",
    max(case when "E"."LONGEST_STREAK" then "E"."LONGEST_STREAK__LENGTH" end) as "LONGEST_STREAK",
    max("E"."BEST_MONTH") as "BEST_MONTH",
    min("E"."WORST_MONTH") as "WORST_MONTH",
    (round((cast(sum("E"."USUAL_MONTH") as float) / nullif(count("E"."USUAL_MONTH"), 0)) * power(cast(10 as float), 6),
      0) / power(cast(10 as float), 6)) as "USUAL_MONTH",
    (round((percentile_cont(0.5) within group (
      order by cast("E"."MIDDLE_MONTH" as float)
    )) * power(cast(10 as float), 6), 0) / power(cast(10 as float), 6)) as "MIDDLE_MONTH"
  from "ORDERS_MONTH_LENGTHS" as e
  cross join "_CDP"."B0_CLOCK" as clock
  group by e.profile_id
),
-- the same rows grouped by calendar quarter too, once for all traits that ask for quarters (one
-- row a profile and quarter)
"ORDERS_EACH_QUARTER" as (
  select
    s.cdp_profile_id as profile_id,
    datediff(quarter, date '1900-01-01', s.cdp_local) as cdp_period,
    coalesce(round(sum("S"."AMOUNT"), 6), 0) as "LAST_QUARTER"
  from "ORDERS_LOCAL" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where s.cdp_profile_id is not null and s.cdp_local is not null
  group by s.cdp_profile_id, cdp_period
),
-- what is made of the quarters (one row a profile)
"ORDERS_OVER_QUARTERS" as (
  select
    e.profile_id,
    max_by("E"."LAST_QUARTER", case
      when "E"."LAST_QUARTER" is not null
        then coalesce('1' || lpad(cast(10000000000000000000 + e.cdp_period as varchar), 20, '0'), '0')
        || cast("E"."LAST_QUARTER" as varchar)
    end) as "LAST_QUARTER"
  from "ORDERS_EACH_QUARTER" as e
  group by e.profile_id
)
select
  g.*,
  "BY_DAY"."DAYS_IN_A_ROW",
  "BY_MONTH"."ACTIVE_MONTHS",
  "BY_MONTH"."STREAK",
  "BY_MONTH"."PAID_STREAK",
  "BY_MONTH"."LONGEST_STREAK",
  "BY_MONTH"."BEST_MONTH",
  "BY_MONTH"."WORST_MONTH",
  "BY_MONTH"."USUAL_MONTH",
  "BY_MONTH"."MIDDLE_MONTH",
  "BY_QUARTER"."LAST_QUARTER"
from "ORDERS_GROUPED" as g
left join "ORDERS_OVER_DAYS" as "BY_DAY" on "BY_DAY"."PROFILE_ID" = g.profile_id
left join "ORDERS_OVER_MONTHS" as "BY_MONTH" on "BY_MONTH"."PROFILE_ID" = g.profile_id
left join "ORDERS_OVER_QUARTERS" as "BY_QUARTER" on "BY_QUARTER"."PROFILE_ID" = g.profile_id;

-- customer from order_items: all that is asked of order_items, in one scan
create or replace transient table "_CDP"."B0_CUSTOMER_FROM_ORDER_ITEMS" as
with
-- identifiers, keys and times in the form in which they are compared
"ORDERS_NORMALISED" as (
  select
    s.*,
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
      when typeof(to_variant("S"."ORDER_ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
        when regexp_like(cast("S"."ORDER_ID" as varchar), '.*e[+]?(1[5-9]|20)')
          then cast(cast("S"."ORDER_ID" as number(38, 0)) as varchar)
        else nullif(replace(regexp_replace(
          cast("S"."ORDER_ID" as varchar),
          '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
        ), 'e+', 'e'), '')
      end
      when regexp_like(cast("S"."ORDER_ID" as varchar), '[!-~]([ -~]*[!-~])?')
        then cast("S"."ORDER_ID" as varchar)
      else nullif(regexp_replace(
        cast("S"."ORDER_ID" as varchar),
        ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
        || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
      ), '')
    end as cdp_key,
    cast("S"."ORDERED_AT" as timestamp_ltz) as cdp_time
  from "RAW"."ORDERS" as s
),
-- without the values that identify nobody
"ORDERS_IDENTIFIED" as (
  select
    s.*,
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
  from "ORDERS_NORMALISED" as s
),
-- every identifier that joins, and its profile (one row an identifier)
"ORDERS_LOOKUP" as (
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
  where i.type in ('email')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
"ORDERS_ATTRIBUTED" as (
  select
    s.*,
    "LOOKUP_1"."PROFILE" as cdp_profile,
    "LOOKUP_1"."PROFILE_ID" as cdp_profile_id
  from "ORDERS_IDENTIFIED" as s
  left join "ORDERS_LOOKUP" as "LOOKUP_1"
    on "LOOKUP_1"."TYPE" = 'email' and "LOOKUP_1"."VALUE" = "S"."CDP_EMAIL"
),
-- the profile of each row of orders (one row a key, even where a key repeats)
"ORDERS_OWNERS" as (
  select o.cdp_key, o.cdp_profile, p.profile_id as cdp_profile_id
  from (
    select "S"."ORDER_ID" as cdp_key, min(s.cdp_profile) as cdp_profile
    from "ORDERS_ATTRIBUTED" as s
    where "S"."ORDER_ID" is not null
    group by "S"."ORDER_ID"
  ) as o
  join (
    select i.anchor, i.profile_id
    from "_CDP"."CUSTOMER_PROFILE_IDS" as i
    left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from "_CDP"."B0_CUSTOMER_IDS"
    where merged_into is null
  ) as p on p.anchor = o.cdp_profile
),
-- whose each row is: the profile of its orders (at most one profile a row)
"ORDER_ITEMS_ATTRIBUTED" as (
  select
    s.*,
    case
      when typeof(to_variant("S"."LINE_ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
        when regexp_like(cast("S"."LINE_ID" as varchar), '.*e[+]?(1[5-9]|20)')
          then cast(cast("S"."LINE_ID" as number(38, 0)) as varchar)
        else nullif(replace(regexp_replace(
          cast("S"."LINE_ID" as varchar),
          '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
        ), 'e+', 'e'), '')
      end
      when regexp_like(cast("S"."LINE_ID" as varchar), '[!-~]([ -~]*[!-~])?')
        then cast("S"."LINE_ID" as varchar)
      else nullif(regexp_replace(
        cast("S"."LINE_ID" as varchar),
        ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
        || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
        || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
      ), '')
    end as cdp_key,
    owner.cdp_profile,
    owner.cdp_profile_id
  from "RAW"."ORDER_ITEMS" as s
  left join "ORDERS_OWNERS" as owner on owner.cdp_key = "S"."ORDER_ID"
),
-- what is asked of orders, one row a key
"ORDERS_BY_KEY" as (
  select
    "S"."ORDER_ID" as cdp_key,
    min("S"."AMOUNT") as "AMOUNT",
    min("S"."STATUS") as "STATUS"
  from "RAW"."ORDERS" as s
  group by "S"."ORDER_ID"
),
-- what is asked of products, one row a key
"PRODUCTS_BY_KEY" as (
  select
    "S"."SKU" as cdp_key,
    min("S"."BRAND_ID") as "BRAND_ID",
    min("S"."CATEGORY") as "CATEGORY",
    min("S"."PRICE") as "PRICE"
  from "RAW"."PRODUCTS" as s
  group by "S"."SKU"
),
-- what is asked of brands, one row a key
"PRODUCTS__BRANDS_BY_KEY" as (
  select
    "S"."BRAND_ID" as cdp_key,
    min("S"."NAME") as "NAME"
  from "RAW"."BRANDS" as s
  group by "S"."BRAND_ID"
),
-- all that is asked, by number of the profile: ids are texts, which are slow to group by (one row
-- a profile)
"ORDER_ITEMS_MEASURED" as (
  select
    s.cdp_profile,
    case
      when count(cast("S"."SKU" as varchar)) > 0
      then array_slice(array_agg(distinct cast("S"."SKU" as varchar)) within group (order by cast("S"."SKU" as
        varchar)), 0, 2)
    end as "SKUS",
    round(sum("S"."QUANTITY"), 6) as "PIECES",
    case when count("PRODUCTS"."CATEGORY") > 0 then array_agg("PRODUCTS"."CATEGORY") end as "TOP_CATEGORY",
    (round((cast(count_if(("PRODUCTS"."CATEGORY" = 'drinks' and "ORDERS"."STATUS" = 'paid')) as float) /
      nullif(count(*), 0)) * power(cast(10 as float), 6), 0) / power(cast(10 as float), 6)) as "DRINKS_SHARE",
    round(sum(case when ("ORDERS"."AMOUNT" >= 10) then "S"."QUANTITY" * "PRODUCTS"."PRICE" end), 6) as "ITEM_VALUE",
    min_by("PRODUCTS"."CATEGORY", case
      when "PRODUCTS"."CATEGORY" is not null and ("PRODUCTS"."PRICE" is not null)
        then coalesce(
          '0' || lpad(
            cast(10000000000000000000000000000 - cast("PRODUCTS"."PRICE" as number(38, 9)) as varchar),
            39,
            '0'
          ),
          '1'
        )
        || coalesce('0' || s.cdp_key || chr(1), '1')
        || "PRODUCTS"."CATEGORY"
    end) as "DEAREST_KIND",
    case when count("PRODUCTS__BRANDS"."NAME") > 0 then array_agg("PRODUCTS__BRANDS"."NAME") end as "TOP_BRAND",
    case
      when count(case when ("PRODUCTS__BRANDS"."NAME" <> 'Lune') then cast("PRODUCTS__BRANDS"."NAME" as varchar) end) >
        0
      then array_slice(array_agg(distinct case when ("PRODUCTS__BRANDS"."NAME" <> 'Lune') then
        cast("PRODUCTS__BRANDS"."NAME" as varchar) end) within group (order by case when ("PRODUCTS__BRANDS"."NAME" <>
        'Lune') then cast("PRODUCTS__BRANDS"."NAME" as varchar) end), 0, 100)
    end as "BRANDS",
    (round(sum((cast("S"."QUANTITY" as float) / nullif("PRODUCTS"."PRICE", 0))) * power(cast(10 as float), 6), 0) /
      power(cast(10 as float), 6)) as "RATIO"
  from "ORDER_ITEMS_ATTRIBUTED" as s
  cross join "_CDP"."B0_CLOCK" as clock
  left join "ORDERS_BY_KEY" as "ORDERS"
    on "ORDERS"."CDP_KEY" = "S"."ORDER_ID"
  left join "PRODUCTS_BY_KEY" as "PRODUCTS"
    on "PRODUCTS"."CDP_KEY" = "S"."SKU"
  left join "PRODUCTS__BRANDS_BY_KEY" as "PRODUCTS__BRANDS"
    on "PRODUCTS__BRANDS"."CDP_KEY" = "PRODUCTS"."BRAND_ID"
  where s.cdp_profile is not null
  group by s.cdp_profile
)
select
  p.profile_id,
  g."SKUS",
  g."PIECES",
  cast(get(get(reduce(
    array_sort(coalesce("G"."TOP_CATEGORY", array_construct())),
    array_construct(null, 0, 0, array_construct()),
    (a, v) -> array_construct(
      v,
      iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1),
      greatest(cast(get(a, 2) as bigint), iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1)),
      case
        when cast(get(a, 2) as bigint) > iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1) then get(a, 3)
        when cast(get(a, 2) as bigint) = iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1) then
          array_append(get(a, 3), v)
        else array_construct(v)
      end
    )
  ), 3), 0) as varchar) as "TOP_CATEGORY",
  g."DRINKS_SHARE",
  g."ITEM_VALUE",
  g."DEAREST_KIND",
  cast(get(get(reduce(
    array_sort(coalesce("G"."TOP_BRAND", array_construct())),
    array_construct(null, 0, 0, array_construct()),
    (a, v) -> array_construct(
      v,
      iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1),
      greatest(cast(get(a, 2) as bigint), iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1)),
      case
        when cast(get(a, 2) as bigint) > iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1) then get(a, 3)
        when cast(get(a, 2) as bigint) = iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1) then
          array_append(get(a, 3), v)
        else array_construct(v)
      end
    )
  ), 3), 0) as varchar) as "TOP_BRAND",
  g."BRANDS",
  g."RATIO"
from "ORDER_ITEMS_MEASURED" as g
join (
  select i.anchor, i.profile_id
  from "_CDP"."CUSTOMER_PROFILE_IDS" as i
  left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
  where i.merged_into is null and c.anchor is null
  union all
  select anchor, profile_id
  from "_CDP"."B0_CUSTOMER_IDS"
  where merged_into is null
) as p on p.anchor = g.cdp_profile;

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
    array_agg(distinct case when type = 'email' then value end) within group (order by case when type = 'email' then
      value end) as "ALL_EMAIL"
  from "EVERY_IDENTIFIER"
  group by profile_id
),
-- what the scans found (at most one row a profile each)
"GATHERED" as (
  select
    people.*,
    "GROUP_HOUSEHOLD"."PROFILE_ID" as "HOUSEHOLD_ID",
    lists."ALL_EMAIL",
    coalesce("FROM_CONTACTS"."EMAIL", "FROM_SHOP"."EMAIL") as "EMAIL",
    coalesce("FROM_SHOP"."BY_PRIORITY", "FROM_CONTACTS"."BY_PRIORITY") as "BY_PRIORITY",
    case greatest_ignore_nulls("FROM_CONTACTS"."MOST_RECENT__AT", "FROM_SHOP"."MOST_RECENT__AT")
      when "FROM_CONTACTS"."MOST_RECENT__AT" then "FROM_CONTACTS"."MOST_RECENT"
      when "FROM_SHOP"."MOST_RECENT__AT" then "FROM_SHOP"."MOST_RECENT"
      else coalesce("FROM_CONTACTS"."MOST_RECENT", "FROM_SHOP"."MOST_RECENT")
    end as "MOST_RECENT",
    case least_ignore_nulls("FROM_CONTACTS"."EARLIEST__AT", "FROM_SHOP"."EARLIEST__AT")
      when "FROM_CONTACTS"."EARLIEST__AT" then "FROM_CONTACTS"."EARLIEST"
      when "FROM_SHOP"."EARLIEST__AT" then "FROM_SHOP"."EARLIEST"
      else coalesce("FROM_CONTACTS"."EARLIEST", "FROM_SHOP"."EARLIEST")
    end as "EARLIEST",
    cast(coalesce(
      array_min(array_intersection(
        get(reduce(
          array_sort(array_cat(
            coalesce("FROM_CONTACTS"."COMMONEST", array_construct()),
            coalesce("FROM_SHOP"."COMMONEST", array_construct())
          )),
          array_construct(null, 0, 0, array_construct()),
          (a, v) -> array_construct(
            v,
            iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1),
            greatest(cast(get(a, 2) as bigint), iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1)),
            case
              when cast(get(a, 2) as bigint) > iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1) then
                get(a, 3)
              when cast(get(a, 2) as bigint) = iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1) then
                array_append(get(a, 3), v)
              else array_construct(v)
            end
          )
        ), 3),
        coalesce("FROM_CONTACTS"."COMMONEST", array_construct())
      )),
      array_min(array_intersection(
        get(reduce(
          array_sort(array_cat(
            coalesce("FROM_CONTACTS"."COMMONEST", array_construct()),
            coalesce("FROM_SHOP"."COMMONEST", array_construct())
          )),
          array_construct(null, 0, 0, array_construct()),
          (a, v) -> array_construct(
            v,
            iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1),
            greatest(cast(get(a, 2) as bigint), iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1)),
            case
              when cast(get(a, 2) as bigint) > iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1) then
                get(a, 3)
              when cast(get(a, 2) as bigint) = iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1) then
                array_append(get(a, 3), v)
              else array_construct(v)
            end
          )
        ), 3),
        coalesce("FROM_SHOP"."COMMONEST", array_construct())
      ))
    ) as varchar) as "COMMONEST",
    case greatest_ignore_nulls(
      length(cast("FROM_CONTACTS"."LONGEST" as varchar)),
      length(cast("FROM_SHOP"."LONGEST" as varchar))
    )
      when length(cast("FROM_CONTACTS"."LONGEST" as varchar)) then "FROM_CONTACTS"."LONGEST"
      when length(cast("FROM_SHOP"."LONGEST" as varchar)) then "FROM_SHOP"."LONGEST"
    end as "LONGEST",
    least_ignore_nulls("FROM_CONTACTS"."SMALLEST", "FROM_SHOP"."SMALLEST") as "SMALLEST",
    "FROM_CONTACTS"."ANY_TRUE" as "ANY_TRUE",
    case
      when array_size(array_cat(
        coalesce("FROM_CONTACTS"."ALL_NAMES", array_construct()),
        coalesce("FROM_SHOP"."ALL_NAMES", array_construct())
      )) > 0
        then array_to_string(
          array_sort(
            array_distinct(
              array_cat(
                coalesce("FROM_CONTACTS"."ALL_NAMES", array_construct()),
                coalesce("FROM_SHOP"."ALL_NAMES", array_construct())
              )
            )
          ),
          ', '
        )
    end as "ALL_NAMES",
    coalesce("FROM_SHOP"."TRACED", "FROM_CONTACTS"."TRACED") as "TRACED",
    case
      when "FROM_SHOP"."TRACED" is not null then 'shop'
      when "FROM_CONTACTS"."TRACED" is not null then 'contacts'
    end as "TRACED__SOURCE",
    coalesce("FROM_ORDERS"."ORDER_COUNT", 0) as "ORDER_COUNT",
    coalesce("FROM_ORDERS"."STATUSES", 0) as "STATUSES",
    coalesce("FROM_ORDERS"."REVENUE", 0) as "REVENUE",
    "FROM_ORDERS"."MEAN" as "MEAN",
    "FROM_ORDERS"."LEAST" as "LEAST",
    "FROM_ORDERS"."NEWEST_ORDER" as "NEWEST_ORDER",
    "FROM_ORDERS"."MEDIAN_AMOUNT" as "MEDIAN_AMOUNT",
    "FROM_ORDERS"."P90" as "P90",
    "FROM_ORDERS"."RETURN_RATE" as "RETURN_RATE",
    "FROM_ORDERS"."USUAL" as "USUAL",
    coalesce("FROM_ORDERS"."REFUNDED", false) as "REFUNDED",
    coalesce("FROM_ORDERS"."RECENT", 0) as "RECENT",
    "FROM_ORDER_ITEMS"."SKUS" as "SKUS",
    "FROM_ORDERS"."OPENING" as "OPENING",
    "FROM_ORDERS"."CLOSING" as "CLOSING",
    "FROM_ORDERS"."DEAREST" as "DEAREST",
    "FROM_ORDERS"."GREATEST" as "GREATEST",
    "FROM_ORDERS"."QUIET_DAYS" as "QUIET_DAYS",
    "FROM_ORDERS"."QUIET_HOURS" as "QUIET_HOURS",
    "FROM_ORDERS"."KNOWN_WEEKS" as "KNOWN_WEEKS",
    "FROM_ORDERS"."KNOWN_MONTHS" as "KNOWN_MONTHS",
    coalesce("FROM_ORDERS"."ACTIVE_MONTHS", 0) as "ACTIVE_MONTHS",
    coalesce("FROM_ORDERS"."STREAK", 0) as "STREAK",
    coalesce("FROM_ORDERS"."PAID_STREAK", 0) as "PAID_STREAK",
    coalesce("FROM_ORDERS"."LONGEST_STREAK", 0) as "LONGEST_STREAK",
    coalesce("FROM_ORDERS"."DAYS_IN_A_ROW", 0) as "DAYS_IN_A_ROW",
    "FROM_ORDERS"."BEST_MONTH" as "BEST_MONTH",
    "FROM_ORDERS"."WORST_MONTH" as "WORST_MONTH",
    "FROM_ORDERS"."USUAL_MONTH" as "USUAL_MONTH",
    "FROM_ORDERS"."MIDDLE_MONTH" as "MIDDLE_MONTH",
    "FROM_ORDERS"."LAST_QUARTER" as "LAST_QUARTER",
    coalesce("FROM_ORDER_ITEMS"."PIECES", 0) as "PIECES",
    "FROM_ORDER_ITEMS"."TOP_CATEGORY" as "TOP_CATEGORY",
    "FROM_ORDER_ITEMS"."DRINKS_SHARE" as "DRINKS_SHARE",
    coalesce("FROM_ORDER_ITEMS"."ITEM_VALUE", 0) as "ITEM_VALUE",
    "FROM_ORDER_ITEMS"."DEAREST_KIND" as "DEAREST_KIND",
    "FROM_ORDER_ITEMS"."TOP_BRAND" as "TOP_BRAND",
    "FROM_ORDER_ITEMS"."BRANDS" as "BRANDS",
    coalesce("FROM_ORDER_ITEMS"."RATIO", 0) as "RATIO"
  from "PEOPLE" as people
  left join "LISTS" as lists on lists.profile_id = people.profile_id
  left join "_CDP"."B0_HOUSEHOLD_MEMBERS" as "GROUP_HOUSEHOLD"
    on "GROUP_HOUSEHOLD"."MEMBER_ID" = people.profile_id
  left join "_CDP"."B0_CUSTOMER_FROM_CONTACTS" as "FROM_CONTACTS"
    on "FROM_CONTACTS"."PROFILE_ID" = "PEOPLE"."PROFILE_ID"
  left join "_CDP"."B0_CUSTOMER_FROM_SHOP" as "FROM_SHOP"
    on "FROM_SHOP"."PROFILE_ID" = "PEOPLE"."PROFILE_ID"
  left join "_CDP"."B0_CUSTOMER_FROM_ORDERS" as "FROM_ORDERS"
    on "FROM_ORDERS"."PROFILE_ID" = "PEOPLE"."PROFILE_ID"
  left join "_CDP"."B0_CUSTOMER_FROM_ORDER_ITEMS" as "FROM_ORDER_ITEMS"
    on "FROM_ORDER_ITEMS"."PROFILE_ID" = "PEOPLE"."PROFILE_ID"
),
-- traits computed from the traits before them
"DERIVED_1" as (
  select
    p.*,
    (cast("P"."REVENUE" as float) / nullif("P"."ORDER_COUNT", 0)) as "BASKET",
    case
      when "P"."REVENUE" >= 1000 then 'gold'
      when "P"."REVENUE" >= 100 then 'silver'
      when "P"."REVENUE" >= 0 then 'bronze'
    end as "TIER",
    case
      when cast("P"."NEWEST_ORDER" as timestamp_ltz)
        >= dateadd(day, -10, "CLOCK"."NOW")
      then 'hot'
      when cast("P"."NEWEST_ORDER" as timestamp_ltz)
        >= dateadd(day, -60, "CLOCK"."NOW")
      then 'warm'
      when cast("P"."NEWEST_ORDER" as timestamp_ltz)
        >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2020-01-01' as timestamp_ntz)) as timestamp_ltz)
      then 'cold'
    end as "FRESHNESS",
    (revenue + 1) as "RAW"
  from "GATHERED" as p
  cross join "_CDP"."B0_CLOCK" as clock
)
select
  "PROFILE_ID",
  "FIRST_SEEN_AT",
  "LAST_SEEN_AT",
  "HOUSEHOLD_ID",
  "ALL_EMAIL",
  "EMAIL",
  "BY_PRIORITY",
  "MOST_RECENT",
  "EARLIEST",
  "COMMONEST",
  "LONGEST",
  "SMALLEST",
  "ANY_TRUE",
  "ALL_NAMES",
  "TRACED",
  "TRACED__SOURCE",
  "ORDER_COUNT",
  "STATUSES",
  "REVENUE",
  "MEAN",
  "LEAST",
  "NEWEST_ORDER",
  "MEDIAN_AMOUNT",
  "P90",
  "RETURN_RATE",
  "USUAL",
  "REFUNDED",
  "RECENT",
  "SKUS",
  "OPENING",
  "CLOSING",
  "DEAREST",
  "GREATEST",
  "QUIET_DAYS",
  "QUIET_HOURS",
  "KNOWN_WEEKS",
  "KNOWN_MONTHS",
  "ACTIVE_MONTHS",
  "STREAK",
  "PAID_STREAK",
  "LONGEST_STREAK",
  "DAYS_IN_A_ROW",
  "BEST_MONTH",
  "WORST_MONTH",
  "USUAL_MONTH",
  "MIDDLE_MONTH",
  "LAST_QUARTER",
  "PIECES",
  "TOP_CATEGORY",
  "DRINKS_SHARE",
  "ITEM_VALUE",
  "DEAREST_KIND",
  "TOP_BRAND",
  "BRANDS",
  "RATIO",
  "BASKET",
  "TIER",
  "FRESHNESS",
  "RAW"
from "DERIVED_1";

-- profile: profiles/household

-- household attributes: identifiers that join nobody, on the profiles whose rows hold them
create or replace transient table "_CDP"."B0_HOUSEHOLD_ATTRIBUTES" as
select
  cast(null as varchar) as profile_id, type, value,
  cast(null as timestamp_ltz) as first_seen_at, cast(null as timestamp_ltz) as last_seen_at
from "_CDP"."B0_HOUSEHOLD_VALUES"
where 1 = 0;

-- household from customer: all that is asked of the members of a household, in one scan
create or replace transient table "_CDP"."B0_HOUSEHOLD_FROM_CUSTOMER" as
with
-- every customer who is a member, once
"PEOPLE" as (
  select p.*, m.profile_id as cdp_group
  from "_CDP"."B0_HOUSEHOLD_MEMBERS" as m
  join "_CDP"."B0_CUSTOMER" as p on p.profile_id = m.member_id
)
select
  p.cdp_group as profile_id,
  count(*) as "SIZE",
  round(sum("P"."REVENUE"), 6) as "SPENT",
  (round((percentile_cont(0.5) within group (
    order by cast("P"."MEAN" as float)
  )) * power(cast(10 as float), 6), 0) / power(cast(10 as float), 6)) as "MIDDLE",
  (round((cast(count_if(("P"."ORDER_COUNT" > 0)) as float) / nullif(count(*), 0)) * power(cast(10 as float), 6), 0) /
    power(cast(10 as float), 6)) as "BUYERS",
  min_by("P"."EMAIL", case
    when "P"."EMAIL" is not null and ("P"."REVENUE" is not null)
      then coalesce(
        '0' || lpad(
          cast(10000000000000000000000000000 - cast("P"."REVENUE" as number(38, 9)) as varchar),
          39,
          '0'
        ),
        '1'
      )
      || coalesce('0' || to_char(p.first_seen_at, 'YYYYMMDDHH24MISSFF6'), '1')
      || coalesce('0' || p.profile_id || chr(1), '1')
      || "P"."EMAIL"
  end) as "BIGGEST",
  case
    when count(cast("P"."TIER" as varchar)) > 0
    then array_slice(array_agg(distinct cast("P"."TIER" as varchar)) within group (order by cast("P"."TIER" as
      varchar)), 0, 100)
  end as "TIERS"
from "PEOPLE" as p
cross join "_CDP"."B0_CLOCK" as clock
group by p.cdp_group;

-- household profiles: one row a profile, one column a trait
create or replace transient table "_CDP"."B0_HOUSEHOLD" as
with
-- every identifier that joins, with its profile
"MEMBERS" as (
  select i.node_id, i.type, i.value, n.first_seen_at, n.last_seen_at, p.profile_id
  from (
    select g.node_id, g.first_seen_at, g.last_seen_at, g.profile
    from "_CDP"."HOUSEHOLD_GRAPH" as g
    left join "_CDP"."B0_HOUSEHOLD_GRAPH" as c on c.node_id = g.node_id
    where g.profile is not null and c.node_id is null
    union all
    select node_id, first_seen_at, last_seen_at, profile
    from "_CDP"."B0_HOUSEHOLD_GRAPH"
    where profile is not null
  ) as n
  join (
    select node_id, type, value
    from "_CDP"."HOUSEHOLD_VALUES"
    union all
    select node_id, type, value
    from "_CDP"."B0_HOUSEHOLD_VALUES"
    where is_new
  ) as i on i.node_id = n.node_id
  join (
    select i.anchor, i.profile_id
    from "_CDP"."HOUSEHOLD_PROFILE_IDS" as i
    left join "_CDP"."B0_HOUSEHOLD_IDS" as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from "_CDP"."B0_HOUSEHOLD_IDS"
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
  select profile_id, type, value from "_CDP"."B0_HOUSEHOLD_ATTRIBUTES"
),
-- identifiers by type as sorted lists (one row a profile)
"LISTS" as (
  select
    profile_id,
    array_agg(distinct case when type = 'address_key' then value end) within group (order by case when type =
      'address_key' then value end) as "ALL_ADDRESS_KEY"
  from "EVERY_IDENTIFIER"
  group by profile_id
),
-- what the scans found (at most one row a profile each)
"GATHERED" as (
  select
    people.*,
    lists."ALL_ADDRESS_KEY",
    coalesce("FROM_CUSTOMER"."SIZE", 0) as "SIZE",
    coalesce("FROM_CUSTOMER"."SPENT", 0) as "SPENT",
    "FROM_CUSTOMER"."MIDDLE" as "MIDDLE",
    "FROM_CUSTOMER"."BUYERS" as "BUYERS",
    "FROM_CUSTOMER"."BIGGEST" as "BIGGEST",
    "FROM_CUSTOMER"."TIERS" as "TIERS"
  from "PEOPLE" as people
  left join "LISTS" as lists on lists.profile_id = people.profile_id
  left join "_CDP"."B0_HOUSEHOLD_FROM_CUSTOMER" as "FROM_CUSTOMER"
    on "FROM_CUSTOMER"."PROFILE_ID" = "PEOPLE"."PROFILE_ID"
)
select
  "PROFILE_ID",
  "FIRST_SEEN_AT",
  "LAST_SEEN_AT",
  "ALL_ADDRESS_KEY",
  "SIZE",
  "SPENT",
  "MIDDLE",
  "BUYERS",
  "BIGGEST",
  "TIERS"
from "GATHERED";
