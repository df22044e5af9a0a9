-- tests: tests/sources

-- test source orders: all tests of single rows, in one scan
select
  count(*) as "ROWS_1",
  count_if("S"."STATUS" is null) as "FAILURES_1",
  count_if("S"."AMOUNT" > 0
    or cast("S"."PLACED" as timestamp_ltz) > dateadd(day, -7, "CLOCK"."NOW")) as "ROWS_2",
  count_if((
    "S"."AMOUNT" > 0
      or cast("S"."PLACED" as timestamp_ltz) > dateadd(day, -7, "CLOCK"."NOW")
  )
  and "S"."STATUS" not in ('paid', 'open', 'it''s sent back')) as "FAILURES_2",
  count(*) as "ROWS_3",
  count_if("S"."AMOUNT" is null) as "FAILURES_3",
  count(*) as "ROWS_4",
  count_if("S"."AMOUNT" not in (1, 2.5, 8)) as "FAILURES_4",
  count(*) as "ROWS_5",
  count_if(cast("S"."PLACED" as timestamp_ltz)
    > cast(convert_timezone('UTC', 'UTC', date_trunc(day, cast(convert_timezone('UTC', "CLOCK"."NOW") as
      timestamp_ntz))) as timestamp_ltz)) as "ROWS_6",
  count_if("S"."STATUS" = 'paid'
    or ("S"."STATUS" = 'open' and "S"."AMOUNT" > 10)) as "ROWS_7",
  count_if((
    "S"."STATUS" = 'paid'
      or ("S"."STATUS" = 'open' and "S"."AMOUNT" > 10)
  )
  and not ("S"."AMOUNT" >= 0 or "S"."STATUS" = 'refunded')) as "FAILURES_7",
  count_if("S"."STATUS" = 'paid') as "ROWS_8",
  regexp_replace(
    to_char(cast(max(case
      when ("S"."STATUS" = 'paid') and cast("S"."PLACED" as timestamp_ltz) <= "CLOCK"."NOW"
        then cast("S"."PLACED" as timestamp_ltz)
    end) as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
    '\\.?0+Z$', 'Z'
  ) as "NEWEST_8",
  count_if(("S"."STATUS" = 'paid') and cast("S"."PLACED" as timestamp_ltz) <= "CLOCK"."NOW"
    and cast("S"."PLACED" as timestamp_ltz) >= dateadd(hour, -24, "CLOCK"."NOW")) as "WARN_8",
  count_if(("S"."STATUS" = 'paid') and cast("S"."PLACED" as timestamp_ltz) <= "CLOCK"."NOW"
    and cast("S"."PLACED" as timestamp_ltz) >= dateadd(day, -3, "CLOCK"."NOW")) as "ERROR_8"
from "RAW"."ORDERS" as s
cross join "_CDP"."B0_CLOCK" as clock;

-- test source orders unique customer: how many rows repeat the value of another one
with
-- how many rows have each value; nulls are equal to nothing
"TESTED_VALUES" as (
  select count(*) as n
  from "RAW"."ORDERS" as s
  where "S"."CUSTOMER" is not null
  group by "S"."CUSTOMER"
)
select
  coalesce(sum(n), 0) as "ROWS_1",
  coalesce(sum(n - 1), 0) as "FAILURES_1"
from "TESTED_VALUES";

-- test source orders customer in people: how many rows name something that is not there
with
-- what there is in people, each once
"KNOWN_VALUES" as (
  select distinct case
    when typeof(to_variant("T"."ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
      when regexp_like(cast("T"."ID" as varchar), '.*e[+]?(1[5-9]|20)')
        then cast(cast("T"."ID" as number(38, 0)) as varchar)
      else nullif(replace(regexp_replace(
        cast("T"."ID" as varchar),
        '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
      ), 'e+', 'e'), '')
    end
    when regexp_like(cast("T"."ID" as varchar), '[!-~]([ -~]*[!-~])?')
      then cast("T"."ID" as varchar)
    else nullif(regexp_replace(
      cast("T"."ID" as varchar),
      ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
      || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
      || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
      || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
    ), '')
  end as known
  from "RAW"."PEOPLE" as t
  where "T"."ID" is not null
)
select
  count(*) as "ROWS_1",
  count_if(known_values.known is null) as "FAILURES_1"
from "RAW"."ORDERS" as s
cross join "_CDP"."B0_CLOCK" as clock
left join "KNOWN_VALUES" on known_values.known = case
  when typeof(to_variant("S"."CUSTOMER")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
    when regexp_like(cast("S"."CUSTOMER" as varchar), '.*e[+]?(1[5-9]|20)')
      then cast(cast("S"."CUSTOMER" as number(38, 0)) as varchar)
    else nullif(replace(regexp_replace(
      cast("S"."CUSTOMER" as varchar),
      '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
    ), 'e+', 'e'), '')
  end
  when regexp_like(cast("S"."CUSTOMER" as varchar), '[!-~]([ -~]*[!-~])?')
    then cast("S"."CUSTOMER" as varchar)
  else nullif(regexp_replace(
    cast("S"."CUSTOMER" as varchar),
    ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
    || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
    || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
    || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
  ), '')
end
where "S"."CUSTOMER" is not null and ("S"."STATUS" = 'paid');

-- test source orders unique customer status: how many rows repeat the value of another one
with
-- how many rows have each value; nulls are equal to nothing
"TESTED_VALUES" as (
  select count(*) as n
  from "RAW"."ORDERS" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where "S"."CUSTOMER" is not null and "S"."STATUS" is not null
    and ("S"."STATUS" is not null)
  group by "S"."CUSTOMER", "S"."STATUS"
)
select
  coalesce(sum(n), 0) as "ROWS_1",
  coalesce(sum(n - 1), 0) as "FAILURES_1"
from "TESTED_VALUES";

-- == for tests that fail ==

-- test source orders 1 status not_null examples: rows to look at, asked only where some fail
with
-- the same few each time
"EXAMPLES_FOUND" as (
  select cast("S"."ID" as varchar) as failing_key
  from "RAW"."ORDERS" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where "S"."STATUS" is null
  order by failing_key
  limit 3
)
select case when count(to_json(to_variant(cast(failing_key as varchar)))) > 0 then
  listagg(to_json(to_variant(cast(failing_key as varchar))), '
') within group (order by to_json(to_variant(cast(failing_key as varchar))))
end as examples
from "EXAMPLES_FOUND";

-- test source orders 2 status accepted_values examples: rows to look at, asked only where some
-- fail
with
-- the same few each time
"EXAMPLES_FOUND" as (
  select cast("S"."ID" as varchar) as failing_key
  from "RAW"."ORDERS" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where (
    "S"."AMOUNT" > 0
      or cast("S"."PLACED" as timestamp_ltz) > dateadd(day, -7, "CLOCK"."NOW")
  )
  and "S"."STATUS" not in ('paid', 'open', 'it''s sent back')
  order by failing_key
  limit 3
)
select case when count(to_json(to_variant(cast(failing_key as varchar)))) > 0 then
  listagg(to_json(to_variant(cast(failing_key as varchar))), '
') within group (order by to_json(to_variant(cast(failing_key as varchar))))
end as examples
from "EXAMPLES_FOUND";

-- test source orders 3 amount not_null examples: rows to look at, asked only where some fail
with
-- the same few each time
"EXAMPLES_FOUND" as (
  select cast("S"."ID" as varchar) as failing_key
  from "RAW"."ORDERS" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where "S"."AMOUNT" is null
  order by failing_key
  limit 3
)
select case when count(to_json(to_variant(cast(failing_key as varchar)))) > 0 then
  listagg(to_json(to_variant(cast(failing_key as varchar))), '
') within group (order by to_json(to_variant(cast(failing_key as varchar))))
end as examples
from "EXAMPLES_FOUND";

-- test source orders 4 amount accepted_values examples: rows to look at, asked only where some
-- fail
with
-- the same few each time
"EXAMPLES_FOUND" as (
  select cast("S"."ID" as varchar) as failing_key
  from "RAW"."ORDERS" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where "S"."AMOUNT" not in (1, 2.5, 8)
  order by failing_key
  limit 3
)
select case when count(to_json(to_variant(cast(failing_key as varchar)))) > 0 then
  listagg(to_json(to_variant(cast(failing_key as varchar))), '
') within group (order by to_json(to_variant(cast(failing_key as varchar))))
end as examples
from "EXAMPLES_FOUND";

-- test source orders 7 row expression examples: rows to look at, asked only where some fail
with
-- the same few each time
"EXAMPLES_FOUND" as (
  select cast("S"."ID" as varchar) as failing_key
  from "RAW"."ORDERS" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where (
    "S"."STATUS" = 'paid'
      or ("S"."STATUS" = 'open' and "S"."AMOUNT" > 10)
  )
  and not ("S"."AMOUNT" >= 0 or "S"."STATUS" = 'refunded')
  order by failing_key
  limit 3
)
select case when count(to_json(to_variant(cast(failing_key as varchar)))) > 0 then
  listagg(to_json(to_variant(cast(failing_key as varchar))), '
') within group (order by to_json(to_variant(cast(failing_key as varchar))))
end as examples
from "EXAMPLES_FOUND";

-- test source orders unique customer examples: rows to look at, asked only where some fail
with
-- the same few each time
"EXAMPLES_FOUND" as (
  select min(cast("S"."ID" as varchar)) as failing_key
  from "RAW"."ORDERS" as s
  where "S"."CUSTOMER" is not null
  group by "S"."CUSTOMER"
  having count(*) > 1
  order by failing_key
  limit 3
)
select case when count(to_json(to_variant(cast(failing_key as varchar)))) > 0 then
  listagg(to_json(to_variant(cast(failing_key as varchar))), '
') within group (order by to_json(to_variant(cast(failing_key as varchar))))
end as examples
from "EXAMPLES_FOUND";

-- test source orders customer in people examples: rows to look at, asked only where some fail
with
-- what there is in people, each once
"KNOWN_VALUES" as (
  select distinct case
    when typeof(to_variant("T"."ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
      when regexp_like(cast("T"."ID" as varchar), '.*e[+]?(1[5-9]|20)')
        then cast(cast("T"."ID" as number(38, 0)) as varchar)
      else nullif(replace(regexp_replace(
        cast("T"."ID" as varchar),
        '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
      ), 'e+', 'e'), '')
    end
    when regexp_like(cast("T"."ID" as varchar), '[!-~]([ -~]*[!-~])?')
      then cast("T"."ID" as varchar)
    else nullif(regexp_replace(
      cast("T"."ID" as varchar),
      ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
      || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
      || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
      || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
    ), '')
  end as known
  from "RAW"."PEOPLE" as t
  where "T"."ID" is not null
),
-- the same few each time
"EXAMPLES_FOUND" as (
  select cast("S"."ID" as varchar) as failing_key
  from "RAW"."ORDERS" as s
  cross join "_CDP"."B0_CLOCK" as clock
  left join "KNOWN_VALUES" on known_values.known = case
    when typeof(to_variant("S"."CUSTOMER")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
      when regexp_like(cast("S"."CUSTOMER" as varchar), '.*e[+]?(1[5-9]|20)')
        then cast(cast("S"."CUSTOMER" as number(38, 0)) as varchar)
      else nullif(replace(regexp_replace(
        cast("S"."CUSTOMER" as varchar),
        '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
      ), 'e+', 'e'), '')
    end
    when regexp_like(cast("S"."CUSTOMER" as varchar), '[!-~]([ -~]*[!-~])?')
      then cast("S"."CUSTOMER" as varchar)
    else nullif(regexp_replace(
      cast("S"."CUSTOMER" as varchar),
      ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
      || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
      || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
      || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
    ), '')
  end
  where "S"."CUSTOMER" is not null and ("S"."STATUS" = 'paid') and known_values.known is null
  order by failing_key
  limit 3
)
select case when count(to_json(to_variant(cast(failing_key as varchar)))) > 0 then
  listagg(to_json(to_variant(cast(failing_key as varchar))), '
') within group (order by to_json(to_variant(cast(failing_key as varchar))))
end as examples
from "EXAMPLES_FOUND";

-- test source orders unique customer status examples: rows to look at, asked only where some fail
with
-- the same few each time
"EXAMPLES_FOUND" as (
  select min(cast("S"."ID" as varchar)) as failing_key
  from "RAW"."ORDERS" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where "S"."CUSTOMER" is not null and "S"."STATUS" is not null
    and ("S"."STATUS" is not null)
  group by "S"."CUSTOMER", "S"."STATUS"
  having count(*) > 1
  order by failing_key
  limit 3
)
select case when count(to_json(to_variant(cast(failing_key as varchar)))) > 0 then
  listagg(to_json(to_variant(cast(failing_key as varchar))), '
') within group (order by to_json(to_variant(cast(failing_key as varchar))))
end as examples
from "EXAMPLES_FOUND";

-- tests: tests/profiles

-- test entity customer: all tests of single rows, in one scan
select
  count(*) as "ROWS_1",
  count_if("S"."EMAIL" is null) as "FAILURES_1",
  count(*) as "ROWS_2",
  count(*) as "ROWS_3",
  count_if(not (length("S"."EMAIL") > 5)) as "FAILURES_3"
from "_CDP"."B0_CUSTOMER" as s
cross join "_CDP"."B0_CLOCK" as clock;

-- test entity customer unique email: how many rows repeat the value of another one
with
-- how many rows have each value; nulls are equal to nothing
"TESTED_VALUES" as (
  select count(*) as n
  from "_CDP"."B0_CUSTOMER" as s
  where "S"."EMAIL" is not null
  group by "S"."EMAIL"
)
select
  coalesce(sum(n), 0) as "ROWS_1",
  coalesce(sum(n - 1), 0) as "FAILURES_1"
from "TESTED_VALUES";

-- test entity customer email in people: how many rows name something that is not there
with
-- what there is in people, each once
"KNOWN_VALUES" as (
  select distinct case
    when typeof(to_variant("T"."EMAIL")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
      when regexp_like(cast("T"."EMAIL" as varchar), '.*e[+]?(1[5-9]|20)')
        then cast(cast("T"."EMAIL" as number(38, 0)) as varchar)
      else nullif(replace(regexp_replace(
        cast("T"."EMAIL" as varchar),
        '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
      ), 'e+', 'e'), '')
    end
    when regexp_like(cast("T"."EMAIL" as varchar), '[!-~]([ -~]*[!-~])?')
      then cast("T"."EMAIL" as varchar)
    else nullif(regexp_replace(
      cast("T"."EMAIL" as varchar),
      ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
      || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
      || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
      || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
    ), '')
  end as known
  from "RAW"."PEOPLE" as t
  where "T"."EMAIL" is not null
)
select
  count(*) as "ROWS_1",
  count_if(known_values.known is null) as "FAILURES_1"
from "_CDP"."B0_CUSTOMER" as s
left join "KNOWN_VALUES" on known_values.known = case
  when regexp_like("S"."EMAIL", '[!-~]([ -~]*[!-~])?')
    then "S"."EMAIL"
  else nullif(regexp_replace(
    "S"."EMAIL",
    ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
    || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
    || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
    || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
  ), '')
end
where "S"."EMAIL" is not null;

-- == for tests that fail ==

-- test entity customer 1 email not_null examples: rows to look at, asked only where some fail
with
-- the same few each time
"EXAMPLES_FOUND" as (
  select "S"."PROFILE_ID" as failing_key
  from "_CDP"."B0_CUSTOMER" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where "S"."EMAIL" is null
  order by failing_key
  limit 3
)
select case when count(to_json(to_variant(cast(failing_key as varchar)))) > 0 then
  listagg(to_json(to_variant(cast(failing_key as varchar))), '
') within group (order by to_json(to_variant(cast(failing_key as varchar))))
end as examples
from "EXAMPLES_FOUND";

-- test entity customer 3 row expression examples: rows to look at, asked only where some fail
with
-- the same few each time
"EXAMPLES_FOUND" as (
  select "S"."PROFILE_ID" as failing_key
  from "_CDP"."B0_CUSTOMER" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where not (length("S"."EMAIL") > 5)
  order by failing_key
  limit 3
)
select case when count(to_json(to_variant(cast(failing_key as varchar)))) > 0 then
  listagg(to_json(to_variant(cast(failing_key as varchar))), '
') within group (order by to_json(to_variant(cast(failing_key as varchar))))
end as examples
from "EXAMPLES_FOUND";

-- test entity customer unique email examples: rows to look at, asked only where some fail
with
-- the same few each time
"EXAMPLES_FOUND" as (
  select min("S"."PROFILE_ID") as failing_key
  from "_CDP"."B0_CUSTOMER" as s
  where "S"."EMAIL" is not null
  group by "S"."EMAIL"
  having count(*) > 1
  order by failing_key
  limit 3
)
select case when count(to_json(to_variant(cast(failing_key as varchar)))) > 0 then
  listagg(to_json(to_variant(cast(failing_key as varchar))), '
') within group (order by to_json(to_variant(cast(failing_key as varchar))))
end as examples
from "EXAMPLES_FOUND";

-- test entity customer email in people examples: rows to look at, asked only where some fail
with
-- what there is in people, each once
"KNOWN_VALUES" as (
  select distinct case
    when typeof(to_variant("T"."EMAIL")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
      when regexp_like(cast("T"."EMAIL" as varchar), '.*e[+]?(1[5-9]|20)')
        then cast(cast("T"."EMAIL" as number(38, 0)) as varchar)
      else nullif(replace(regexp_replace(
        cast("T"."EMAIL" as varchar),
        '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
      ), 'e+', 'e'), '')
    end
    when regexp_like(cast("T"."EMAIL" as varchar), '[!-~]([ -~]*[!-~])?')
      then cast("T"."EMAIL" as varchar)
    else nullif(regexp_replace(
      cast("T"."EMAIL" as varchar),
      ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
      || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
      || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
      || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
    ), '')
  end as known
  from "RAW"."PEOPLE" as t
  where "T"."EMAIL" is not null
),
-- the same few each time
"EXAMPLES_FOUND" as (
  select "S"."PROFILE_ID" as failing_key
  from "_CDP"."B0_CUSTOMER" as s
  left join "KNOWN_VALUES" on known_values.known = case
    when regexp_like("S"."EMAIL", '[!-~]([ -~]*[!-~])?')
      then "S"."EMAIL"
    else nullif(regexp_replace(
      "S"."EMAIL",
      ('^[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
      || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+|'
      || '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}'
      || '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]+$'), ''
    ), '')
  end
  where "S"."EMAIL" is not null and known_values.known is null
  order by failing_key
  limit 3
)
select case when count(to_json(to_variant(cast(failing_key as varchar)))) > 0 then
  listagg(to_json(to_variant(cast(failing_key as varchar))), '
') within group (order by to_json(to_variant(cast(failing_key as varchar))))
end as examples
from "EXAMPLES_FOUND";
