-- tests: tests/sources

-- test source orders: all tests of single rows, in one scan
select
  count(*) as "rows_1",
  count(*) filter (where "s"."status" is null) as "failures_1",
  count(*) filter (
    where "s"."amount" > 0
      or cast("s"."placed" as timestamptz) > ("clock"."now" + interval '-7 day')
  ) as "rows_2",
  count(*) filter (
    where (
      "s"."amount" > 0
        or cast("s"."placed" as timestamptz) > ("clock"."now" + interval '-7 day')
    )
    and "s"."status" not in ('paid', 'open', 'it''s sent back')
  ) as "failures_2",
  count(*) as "rows_3",
  count(*) filter (where "s"."amount" is null) as "failures_3",
  count(*) as "rows_4",
  count(*) filter (where "s"."amount" not in (1, 2.5, 8)) as "failures_4",
  count(*) as "rows_5",
  count(*) filter (
    where cast("s"."placed" as timestamptz)
      > (date_trunc('day', ("clock"."now" at time zone 'UTC')) at time zone 'UTC')
  ) as "rows_6",
  count(*) filter (
    where "s"."status" = 'paid'
      or ("s"."status" = 'open' and "s"."amount" > 10)
  ) as "rows_7",
  count(*) filter (
    where (
      "s"."status" = 'paid'
        or ("s"."status" = 'open' and "s"."amount" > 10)
    )
    and not ("s"."amount" >= 0 or "s"."status" = 'refunded')
  ) as "failures_7",
  count(*) filter (where "s"."status" = 'paid') as "rows_8",
  (replace(cast(
    cast(max(cast("s"."placed" as timestamptz)) filter (
      where ("s"."status" = 'paid') and cast("s"."placed" as timestamptz) <= "clock"."now"
    ) as timestamptz) at time zone 'UTC' as text
  ), ' ', 'T') || 'Z') as "newest_8",
  count(*) filter (
    where ("s"."status" = 'paid') and cast("s"."placed" as timestamptz) <= "clock"."now"
      and cast("s"."placed" as timestamptz) >= ("clock"."now" + interval '-24 hour')
  ) as "warn_8",
  count(*) filter (
    where ("s"."status" = 'paid') and cast("s"."placed" as timestamptz) <= "clock"."now"
      and cast("s"."placed" as timestamptz) >= ("clock"."now" + interval '-3 day')
  ) as "error_8"
from "raw"."orders" as s
cross join "_cdp"."b0_clock" as clock;

-- test source orders unique customer: how many rows repeat the value of another one
with
-- how many rows have each value; nulls are equal to nothing
"tested_values" as (
  select count(*) as n
  from "raw"."orders" as s
  where "s"."customer" is not null
  group by "s"."customer"
)
select
  coalesce(sum(n), 0) as "rows_1",
  coalesce(sum(n - 1), 0) as "failures_1"
from "tested_values";

-- test source orders customer in people: how many rows name something that is not there
with
-- what there is in people, each once
"known_values" as (
  select distinct case
    when cast(pg_typeof("t"."id") as text) ~ '^(numeric|double precision|real)$' then case
      when cast("t"."id" as text) ~ 'e[+](1[5-9]|20)$'
        then cast(trim_scale(cast(cast("t"."id" as text) as numeric)) as text)
      else nullif(replace(regexp_replace(
        cast("t"."id" as text),
        '^-(0)(\.0+)?$|\.0+$|(\.\d*[1-9])0+$|^-?(NaN|Infinity)$', '\1\3'
      ), 'e+', 'e'), '')
    end
    when cast("t"."id" as text) ~ '^[!-~]([ -~]*[!-~])?$'
      then cast("t"."id" as text)
    else nullif(regexp_replace(
      cast("t"."id" as text),
      ('^[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
      || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+|'
      || '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
      || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+$'), '', 'g'
    ), '')
  end as known
  from "raw"."people" as t
  where "t"."id" is not null
)
select
  count(*) as "rows_1",
  count(*) filter (where known_values.known is null) as "failures_1"
from "raw"."orders" as s
cross join "_cdp"."b0_clock" as clock
left join "known_values" on known_values.known = case
  when cast(pg_typeof("s"."customer") as text) ~ '^(numeric|double precision|real)$' then case
    when cast("s"."customer" as text) ~ 'e[+](1[5-9]|20)$'
      then cast(trim_scale(cast(cast("s"."customer" as text) as numeric)) as text)
    else nullif(replace(regexp_replace(
      cast("s"."customer" as text),
      '^-(0)(\.0+)?$|\.0+$|(\.\d*[1-9])0+$|^-?(NaN|Infinity)$', '\1\3'
    ), 'e+', 'e'), '')
  end
  when cast("s"."customer" as text) ~ '^[!-~]([ -~]*[!-~])?$'
    then cast("s"."customer" as text)
  else nullif(regexp_replace(
    cast("s"."customer" as text),
    ('^[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
    || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+|'
    || '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
    || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+$'), '', 'g'
  ), '')
end
where "s"."customer" is not null and ("s"."status" = 'paid');

-- test source orders unique customer status: how many rows repeat the value of another one
with
-- how many rows have each value; nulls are equal to nothing
"tested_values" as (
  select count(*) as n
  from "raw"."orders" as s
  cross join "_cdp"."b0_clock" as clock
  where "s"."customer" is not null and "s"."status" is not null
    and ("s"."status" is not null)
  group by "s"."customer", "s"."status"
)
select
  coalesce(sum(n), 0) as "rows_1",
  coalesce(sum(n - 1), 0) as "failures_1"
from "tested_values";

-- == for tests that fail ==

-- test source orders 1 status not_null examples: rows to look at, asked only where some fail
with
-- the same few each time
"examples_found" as (
  select cast("s"."id" as text) as failing_key
  from "raw"."orders" as s
  cross join "_cdp"."b0_clock" as clock
  where "s"."status" is null
  order by failing_key
  limit 3
)
select string_agg(cast(to_json(cast(failing_key as text)) as text), '
' order by cast(to_json(cast(failing_key as text)) as text) collate "C") as examples
from "examples_found";

-- test source orders 2 status accepted_values examples: rows to look at, asked only where some
-- fail
with
-- the same few each time
"examples_found" as (
  select cast("s"."id" as text) as failing_key
  from "raw"."orders" as s
  cross join "_cdp"."b0_clock" as clock
  where (
    "s"."amount" > 0
      or cast("s"."placed" as timestamptz) > ("clock"."now" + interval '-7 day')
  )
  and "s"."status" not in ('paid', 'open', 'it''s sent back')
  order by failing_key
  limit 3
)
select string_agg(cast(to_json(cast(failing_key as text)) as text), '
' order by cast(to_json(cast(failing_key as text)) as text) collate "C") as examples
from "examples_found";

-- test source orders 3 amount not_null examples: rows to look at, asked only where some fail
with
-- the same few each time
"examples_found" as (
  select cast("s"."id" as text) as failing_key
  from "raw"."orders" as s
  cross join "_cdp"."b0_clock" as clock
  where "s"."amount" is null
  order by failing_key
  limit 3
)
select string_agg(cast(to_json(cast(failing_key as text)) as text), '
' order by cast(to_json(cast(failing_key as text)) as text) collate "C") as examples
from "examples_found";

-- test source orders 4 amount accepted_values examples: rows to look at, asked only where some
-- fail
with
-- the same few each time
"examples_found" as (
  select cast("s"."id" as text) as failing_key
  from "raw"."orders" as s
  cross join "_cdp"."b0_clock" as clock
  where "s"."amount" not in (1, 2.5, 8)
  order by failing_key
  limit 3
)
select string_agg(cast(to_json(cast(failing_key as text)) as text), '
' order by cast(to_json(cast(failing_key as text)) as text) collate "C") as examples
from "examples_found";

-- test source orders 7 row expression examples: rows to look at, asked only where some fail
with
-- the same few each time
"examples_found" as (
  select cast("s"."id" as text) as failing_key
  from "raw"."orders" as s
  cross join "_cdp"."b0_clock" as clock
  where (
    "s"."status" = 'paid'
      or ("s"."status" = 'open' and "s"."amount" > 10)
  )
  and not ("s"."amount" >= 0 or "s"."status" = 'refunded')
  order by failing_key
  limit 3
)
select string_agg(cast(to_json(cast(failing_key as text)) as text), '
' order by cast(to_json(cast(failing_key as text)) as text) collate "C") as examples
from "examples_found";

-- test source orders unique customer examples: rows to look at, asked only where some fail
with
-- the same few each time
"examples_found" as (
  select min(cast("s"."id" as text)) as failing_key
  from "raw"."orders" as s
  where "s"."customer" is not null
  group by "s"."customer"
  having count(*) > 1
  order by failing_key
  limit 3
)
select string_agg(cast(to_json(cast(failing_key as text)) as text), '
' order by cast(to_json(cast(failing_key as text)) as text) collate "C") as examples
from "examples_found";

-- test source orders customer in people examples: rows to look at, asked only where some fail
with
-- what there is in people, each once
"known_values" as (
  select distinct case
    when cast(pg_typeof("t"."id") as text) ~ '^(numeric|double precision|real)$' then case
      when cast("t"."id" as text) ~ 'e[+](1[5-9]|20)$'
        then cast(trim_scale(cast(cast("t"."id" as text) as numeric)) as text)
      else nullif(replace(regexp_replace(
        cast("t"."id" as text),
        '^-(0)(\.0+)?$|\.0+$|(\.\d*[1-9])0+$|^-?(NaN|Infinity)$', '\1\3'
      ), 'e+', 'e'), '')
    end
    when cast("t"."id" as text) ~ '^[!-~]([ -~]*[!-~])?$'
      then cast("t"."id" as text)
    else nullif(regexp_replace(
      cast("t"."id" as text),
      ('^[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
      || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+|'
      || '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
      || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+$'), '', 'g'
    ), '')
  end as known
  from "raw"."people" as t
  where "t"."id" is not null
),
-- the same few each time
"examples_found" as (
  select cast("s"."id" as text) as failing_key
  from "raw"."orders" as s
  cross join "_cdp"."b0_clock" as clock
  left join "known_values" on known_values.known = case
    when cast(pg_typeof("s"."customer") as text) ~ '^(numeric|double precision|real)$' then case
      when cast("s"."customer" as text) ~ 'e[+](1[5-9]|20)$'
        then cast(trim_scale(cast(cast("s"."customer" as text) as numeric)) as text)
      else nullif(replace(regexp_replace(
        cast("s"."customer" as text),
        '^-(0)(\.0+)?$|\.0+$|(\.\d*[1-9])0+$|^-?(NaN|Infinity)$', '\1\3'
      ), 'e+', 'e'), '')
    end
    when cast("s"."customer" as text) ~ '^[!-~]([ -~]*[!-~])?$'
      then cast("s"."customer" as text)
    else nullif(regexp_replace(
      cast("s"."customer" as text),
      ('^[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
      || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+|'
      || '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
      || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+$'), '', 'g'
    ), '')
  end
  where "s"."customer" is not null and ("s"."status" = 'paid') and known_values.known is null
  order by failing_key
  limit 3
)
select string_agg(cast(to_json(cast(failing_key as text)) as text), '
' order by cast(to_json(cast(failing_key as text)) as text) collate "C") as examples
from "examples_found";

-- test source orders unique customer status examples: rows to look at, asked only where some fail
with
-- the same few each time
"examples_found" as (
  select min(cast("s"."id" as text)) as failing_key
  from "raw"."orders" as s
  cross join "_cdp"."b0_clock" as clock
  where "s"."customer" is not null and "s"."status" is not null
    and ("s"."status" is not null)
  group by "s"."customer", "s"."status"
  having count(*) > 1
  order by failing_key
  limit 3
)
select string_agg(cast(to_json(cast(failing_key as text)) as text), '
' order by cast(to_json(cast(failing_key as text)) as text) collate "C") as examples
from "examples_found";

-- tests: tests/profiles

-- test entity customer: all tests of single rows, in one scan
select
  count(*) as "rows_1",
  count(*) filter (where "s"."email" is null) as "failures_1",
  count(*) as "rows_2",
  count(*) as "rows_3",
  count(*) filter (where not (length("s"."email") > 5)) as "failures_3"
from "_cdp"."b0_customer" as s
cross join "_cdp"."b0_clock" as clock;

-- test entity customer unique email: how many rows repeat the value of another one
with
-- how many rows have each value; nulls are equal to nothing
"tested_values" as (
  select count(*) as n
  from "_cdp"."b0_customer" as s
  where "s"."email" is not null
  group by "s"."email"
)
select
  coalesce(sum(n), 0) as "rows_1",
  coalesce(sum(n - 1), 0) as "failures_1"
from "tested_values";

-- test entity customer email in people: how many rows name something that is not there
with
-- what there is in people, each once
"known_values" as (
  select distinct case
    when cast(pg_typeof("t"."email") as text) ~ '^(numeric|double precision|real)$' then case
      when cast("t"."email" as text) ~ 'e[+](1[5-9]|20)$'
        then cast(trim_scale(cast(cast("t"."email" as text) as numeric)) as text)
      else nullif(replace(regexp_replace(
        cast("t"."email" as text),
        '^-(0)(\.0+)?$|\.0+$|(\.\d*[1-9])0+$|^-?(NaN|Infinity)$', '\1\3'
      ), 'e+', 'e'), '')
    end
    when cast("t"."email" as text) ~ '^[!-~]([ -~]*[!-~])?$'
      then cast("t"."email" as text)
    else nullif(regexp_replace(
      cast("t"."email" as text),
      ('^[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
      || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+|'
      || '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
      || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+$'), '', 'g'
    ), '')
  end as known
  from "raw"."people" as t
  where "t"."email" is not null
)
select
  count(*) as "rows_1",
  count(*) filter (where known_values.known is null) as "failures_1"
from "_cdp"."b0_customer" as s
left join "known_values" on known_values.known = case
  when "s"."email" ~ '^[!-~]([ -~]*[!-~])?$'
    then "s"."email"
  else nullif(regexp_replace(
    "s"."email",
    ('^[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
    || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+|'
    || '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
    || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+$'), '', 'g'
  ), '')
end
where "s"."email" is not null;

-- == for tests that fail ==

-- test entity customer 1 email not_null examples: rows to look at, asked only where some fail
with
-- the same few each time
"examples_found" as (
  select "s"."profile_id" as failing_key
  from "_cdp"."b0_customer" as s
  cross join "_cdp"."b0_clock" as clock
  where "s"."email" is null
  order by failing_key
  limit 3
)
select string_agg(cast(to_json(cast(failing_key as text)) as text), '
' order by cast(to_json(cast(failing_key as text)) as text) collate "C") as examples
from "examples_found";

-- test entity customer 3 row expression examples: rows to look at, asked only where some fail
with
-- the same few each time
"examples_found" as (
  select "s"."profile_id" as failing_key
  from "_cdp"."b0_customer" as s
  cross join "_cdp"."b0_clock" as clock
  where not (length("s"."email") > 5)
  order by failing_key
  limit 3
)
select string_agg(cast(to_json(cast(failing_key as text)) as text), '
' order by cast(to_json(cast(failing_key as text)) as text) collate "C") as examples
from "examples_found";

-- test entity customer unique email examples: rows to look at, asked only where some fail
with
-- the same few each time
"examples_found" as (
  select min("s"."profile_id") as failing_key
  from "_cdp"."b0_customer" as s
  where "s"."email" is not null
  group by "s"."email"
  having count(*) > 1
  order by failing_key
  limit 3
)
select string_agg(cast(to_json(cast(failing_key as text)) as text), '
' order by cast(to_json(cast(failing_key as text)) as text) collate "C") as examples
from "examples_found";

-- test entity customer email in people examples: rows to look at, asked only where some fail
with
-- what there is in people, each once
"known_values" as (
  select distinct case
    when cast(pg_typeof("t"."email") as text) ~ '^(numeric|double precision|real)$' then case
      when cast("t"."email" as text) ~ 'e[+](1[5-9]|20)$'
        then cast(trim_scale(cast(cast("t"."email" as text) as numeric)) as text)
      else nullif(replace(regexp_replace(
        cast("t"."email" as text),
        '^-(0)(\.0+)?$|\.0+$|(\.\d*[1-9])0+$|^-?(NaN|Infinity)$', '\1\3'
      ), 'e+', 'e'), '')
    end
    when cast("t"."email" as text) ~ '^[!-~]([ -~]*[!-~])?$'
      then cast("t"."email" as text)
    else nullif(regexp_replace(
      cast("t"."email" as text),
      ('^[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
      || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+|'
      || '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
      || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+$'), '', 'g'
    ), '')
  end as known
  from "raw"."people" as t
  where "t"."email" is not null
),
-- the same few each time
"examples_found" as (
  select "s"."profile_id" as failing_key
  from "_cdp"."b0_customer" as s
  left join "known_values" on known_values.known = case
    when "s"."email" ~ '^[!-~]([ -~]*[!-~])?$'
      then "s"."email"
    else nullif(regexp_replace(
      "s"."email",
      ('^[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
      || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+|'
      || '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200b'
      || '\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+$'), '', 'g'
    ), '')
  end
  where "s"."email" is not null and known_values.known is null
  order by failing_key
  limit 3
)
select string_agg(cast(to_json(cast(failing_key as text)) as text), '
' order by cast(to_json(cast(failing_key as text)) as text) collate "C") as examples
from "examples_found";
