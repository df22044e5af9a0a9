-- tests: tests/sources

-- test source orders: all tests of single rows, in one scan
select
  count(*) as `rows_1`,
  countif(`s`.`status` is null) as `failures_1`,
  countif(
    `s`.`amount` > 0
    or cast(`s`.`placed` as timestamp)
      > timestamp_add(cast(`clock`.`now` as timestamp), interval -7 day)
  ) as `rows_2`,
  countif(
    (
      `s`.`amount` > 0
      or cast(`s`.`placed` as timestamp)
        > timestamp_add(cast(`clock`.`now` as timestamp), interval -7 day)
    )
    and `s`.`status` not in ('paid', 'open', 'it\'s sent back')
  ) as `failures_2`,
  count(*) as `rows_3`,
  countif(`s`.`amount` is null) as `failures_3`,
  count(*) as `rows_4`,
  countif(`s`.`amount` not in (1, 2.5, 8)) as `failures_4`,
  count(*) as `rows_5`,
  countif(
    cast(`s`.`placed` as timestamp)
      > timestamp_trunc(`clock`.`now`, day, 'UTC')
  ) as `rows_6`,
  countif(
    `s`.`status` = 'paid'
      or (`s`.`status` = 'open' and `s`.`amount` > 10)
  ) as `rows_7`,
  countif(
    (
      `s`.`status` = 'paid'
        or (`s`.`status` = 'open' and `s`.`amount` > 10)
    )
    and not (`s`.`amount` >= 0 or `s`.`status` = 'refunded')
  ) as `failures_7`,
  countif(`s`.`status` = 'paid') as `rows_8`,
  format_timestamp('%E4Y-%m-%dT%H:%M:%E*SZ', cast(max(
    if(
      (`s`.`status` = 'paid') and cast(`s`.`placed` as timestamp) <= `clock`.`now`,
      cast(`s`.`placed` as timestamp),
      null
    )
  ) as timestamp)) as `newest_8`,
  countif(
    (`s`.`status` = 'paid') and cast(`s`.`placed` as timestamp) <= `clock`.`now`
      and cast(`s`.`placed` as timestamp) >= timestamp_add(cast(`clock`.`now` as timestamp), interval -24 hour)
  ) as `warn_8`,
  countif(
    (`s`.`status` = 'paid') and cast(`s`.`placed` as timestamp) <= `clock`.`now`
      and cast(`s`.`placed` as timestamp) >= timestamp_add(cast(`clock`.`now` as timestamp), interval -3 day)
  ) as `error_8`
from `raw`.`orders` as s
cross join `_cdp`.`b0_clock` as clock;

-- test source orders unique customer: how many rows repeat the value of another one
with
-- how many rows have each value; nulls are equal to nothing
`tested_values` as (
  select count(*) as n
  from `raw`.`orders` as s
  where `s`.`customer` is not null
  group by `s`.`customer`
)
select
  coalesce(sum(n), 0) as `rows_1`,
  coalesce(sum(n - 1), 0) as `failures_1`
from `tested_values`;

-- test source orders customer in people: how many rows name something that is not there
with
-- what there is in people, each once
`known_values` as (
  select distinct case
    when regexp_contains(format('%T', `t`.`id`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
      when starts_with(to_json_string(`t`.`id`), '"') then json_value(case
        when regexp_contains(format('%T', `t`.`id`), '^(TIMESTAMP|DATETIME)')
          then regexp_replace(to_json_string(`t`.`id`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
        when starts_with(format('%T', `t`.`id`), 'CAST(') then null
        else to_json_string(`t`.`id`)
      end)
      else nullif(to_json_string(`t`.`id`), 'null')
    end
    when regexp_contains(cast(`t`.`id` as string), '^[!-~]([ -~]*[!-~])?$')
      then cast(`t`.`id` as string)
    else nullif(regexp_replace(
      cast(`t`.`id` as string),
      '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
    ), '')
  end as known
  from `raw`.`people` as t
  where `t`.`id` is not null
)
select
  count(*) as `rows_1`,
  countif(known_values.known is null) as `failures_1`
from `raw`.`orders` as s
cross join `_cdp`.`b0_clock` as clock
left join `known_values` on known_values.known = case
  when regexp_contains(format('%T', `s`.`customer`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
    when starts_with(to_json_string(`s`.`customer`), '"') then json_value(case
      when regexp_contains(format('%T', `s`.`customer`), '^(TIMESTAMP|DATETIME)')
        then regexp_replace(to_json_string(`s`.`customer`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
      when starts_with(format('%T', `s`.`customer`), 'CAST(') then null
      else to_json_string(`s`.`customer`)
    end)
    else nullif(to_json_string(`s`.`customer`), 'null')
  end
  when regexp_contains(cast(`s`.`customer` as string), '^[!-~]([ -~]*[!-~])?$')
    then cast(`s`.`customer` as string)
  else nullif(regexp_replace(
    cast(`s`.`customer` as string),
    '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
  ), '')
end
where `s`.`customer` is not null and (`s`.`status` = 'paid');

-- test source orders unique customer status: how many rows repeat the value of another one
with
-- how many rows have each value; nulls are equal to nothing
`tested_values` as (
  select count(*) as n
  from `raw`.`orders` as s
  cross join `_cdp`.`b0_clock` as clock
  where `s`.`customer` is not null and `s`.`status` is not null
    and (`s`.`status` is not null)
  group by `s`.`customer`, `s`.`status`
)
select
  coalesce(sum(n), 0) as `rows_1`,
  coalesce(sum(n - 1), 0) as `failures_1`
from `tested_values`;

-- == for tests that fail ==

-- test source orders 1 status not_null examples: rows to look at, asked only where some fail
with
-- the same few each time
`examples_found` as (
  select cast(`s`.`id` as string) as failing_key
  from `raw`.`orders` as s
  cross join `_cdp`.`b0_clock` as clock
  where `s`.`status` is null
  order by failing_key
  limit 3
)
select string_agg(nullif(to_json_string(failing_key), 'null'), '\n' order by nullif(to_json_string(failing_key),
  'null')) as examples
from `examples_found`;

-- test source orders 2 status accepted_values examples: rows to look at, asked only where some
-- fail
with
-- the same few each time
`examples_found` as (
  select cast(`s`.`id` as string) as failing_key
  from `raw`.`orders` as s
  cross join `_cdp`.`b0_clock` as clock
  where (
    `s`.`amount` > 0
    or cast(`s`.`placed` as timestamp)
      > timestamp_add(cast(`clock`.`now` as timestamp), interval -7 day)
  )
  and `s`.`status` not in ('paid', 'open', 'it\'s sent back')
  order by failing_key
  limit 3
)
select string_agg(nullif(to_json_string(failing_key), 'null'), '\n' order by nullif(to_json_string(failing_key),
  'null')) as examples
from `examples_found`;

-- test source orders 3 amount not_null examples: rows to look at, asked only where some fail
with
-- the same few each time
`examples_found` as (
  select cast(`s`.`id` as string) as failing_key
  from `raw`.`orders` as s
  cross join `_cdp`.`b0_clock` as clock
  where `s`.`amount` is null
  order by failing_key
  limit 3
)
select string_agg(nullif(to_json_string(failing_key), 'null'), '\n' order by nullif(to_json_string(failing_key),
  'null')) as examples
from `examples_found`;

-- test source orders 4 amount accepted_values examples: rows to look at, asked only where some
-- fail
with
-- the same few each time
`examples_found` as (
  select cast(`s`.`id` as string) as failing_key
  from `raw`.`orders` as s
  cross join `_cdp`.`b0_clock` as clock
  where `s`.`amount` not in (1, 2.5, 8)
  order by failing_key
  limit 3
)
select string_agg(nullif(to_json_string(failing_key), 'null'), '\n' order by nullif(to_json_string(failing_key),
  'null')) as examples
from `examples_found`;

-- test source orders 7 row expression examples: rows to look at, asked only where some fail
with
-- the same few each time
`examples_found` as (
  select cast(`s`.`id` as string) as failing_key
  from `raw`.`orders` as s
  cross join `_cdp`.`b0_clock` as clock
  where (
    `s`.`status` = 'paid'
      or (`s`.`status` = 'open' and `s`.`amount` > 10)
  )
  and not (`s`.`amount` >= 0 or `s`.`status` = 'refunded')
  order by failing_key
  limit 3
)
select string_agg(nullif(to_json_string(failing_key), 'null'), '\n' order by nullif(to_json_string(failing_key),
  'null')) as examples
from `examples_found`;

-- test source orders unique customer examples: rows to look at, asked only where some fail
with
-- the same few each time
`examples_found` as (
  select min(cast(`s`.`id` as string)) as failing_key
  from `raw`.`orders` as s
  where `s`.`customer` is not null
  group by `s`.`customer`
  having count(*) > 1
  order by failing_key
  limit 3
)
select string_agg(nullif(to_json_string(failing_key), 'null'), '\n' order by nullif(to_json_string(failing_key),
  'null')) as examples
from `examples_found`;

-- test source orders customer in people examples: rows to look at, asked only where some fail
with
-- what there is in people, each once
`known_values` as (
  select distinct case
    when regexp_contains(format('%T', `t`.`id`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
      when starts_with(to_json_string(`t`.`id`), '"') then json_value(case
        when regexp_contains(format('%T', `t`.`id`), '^(TIMESTAMP|DATETIME)')
          then regexp_replace(to_json_string(`t`.`id`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
        when starts_with(format('%T', `t`.`id`), 'CAST(') then null
        else to_json_string(`t`.`id`)
      end)
      else nullif(to_json_string(`t`.`id`), 'null')
    end
    when regexp_contains(cast(`t`.`id` as string), '^[!-~]([ -~]*[!-~])?$')
      then cast(`t`.`id` as string)
    else nullif(regexp_replace(
      cast(`t`.`id` as string),
      '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
    ), '')
  end as known
  from `raw`.`people` as t
  where `t`.`id` is not null
),
-- the same few each time
`examples_found` as (
  select cast(`s`.`id` as string) as failing_key
  from `raw`.`orders` as s
  cross join `_cdp`.`b0_clock` as clock
  left join `known_values` on known_values.known = case
    when regexp_contains(format('%T', `s`.`customer`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
      when starts_with(to_json_string(`s`.`customer`), '"') then json_value(case
        when regexp_contains(format('%T', `s`.`customer`), '^(TIMESTAMP|DATETIME)')
          then regexp_replace(to_json_string(`s`.`customer`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
        when starts_with(format('%T', `s`.`customer`), 'CAST(') then null
        else to_json_string(`s`.`customer`)
      end)
      else nullif(to_json_string(`s`.`customer`), 'null')
    end
    when regexp_contains(cast(`s`.`customer` as string), '^[!-~]([ -~]*[!-~])?$')
      then cast(`s`.`customer` as string)
    else nullif(regexp_replace(
      cast(`s`.`customer` as string),
      '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
    ), '')
  end
  where `s`.`customer` is not null and (`s`.`status` = 'paid') and known_values.known is null
  order by failing_key
  limit 3
)
select string_agg(nullif(to_json_string(failing_key), 'null'), '\n' order by nullif(to_json_string(failing_key),
  'null')) as examples
from `examples_found`;

-- test source orders unique customer status examples: rows to look at, asked only where some fail
with
-- the same few each time
`examples_found` as (
  select min(cast(`s`.`id` as string)) as failing_key
  from `raw`.`orders` as s
  cross join `_cdp`.`b0_clock` as clock
  where `s`.`customer` is not null and `s`.`status` is not null
    and (`s`.`status` is not null)
  group by `s`.`customer`, `s`.`status`
  having count(*) > 1
  order by failing_key
  limit 3
)
select string_agg(nullif(to_json_string(failing_key), 'null'), '\n' order by nullif(to_json_string(failing_key),
  'null')) as examples
from `examples_found`;

-- tests: tests/profiles

-- test entity customer: all tests of single rows, in one scan
select
  count(*) as `rows_1`,
  countif(`s`.`email` is null) as `failures_1`,
  count(*) as `rows_2`,
  count(*) as `rows_3`,
  countif(not (char_length(`s`.`email`) > 5)) as `failures_3`
from `_cdp`.`b0_customer` as s
cross join `_cdp`.`b0_clock` as clock;

-- test entity customer unique email: how many rows repeat the value of another one
with
-- how many rows have each value; nulls are equal to nothing
`tested_values` as (
  select count(*) as n
  from `_cdp`.`b0_customer` as s
  where `s`.`email` is not null
  group by `s`.`email`
)
select
  coalesce(sum(n), 0) as `rows_1`,
  coalesce(sum(n - 1), 0) as `failures_1`
from `tested_values`;

-- test entity customer email in people: how many rows name something that is not there
with
-- what there is in people, each once
`known_values` as (
  select distinct case
    when regexp_contains(format('%T', `t`.`email`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
      when starts_with(to_json_string(`t`.`email`), '"') then json_value(case
        when regexp_contains(format('%T', `t`.`email`), '^(TIMESTAMP|DATETIME)')
          then regexp_replace(to_json_string(`t`.`email`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
        when starts_with(format('%T', `t`.`email`), 'CAST(') then null
        else to_json_string(`t`.`email`)
      end)
      else nullif(to_json_string(`t`.`email`), 'null')
    end
    when regexp_contains(cast(`t`.`email` as string), '^[!-~]([ -~]*[!-~])?$')
      then cast(`t`.`email` as string)
    else nullif(regexp_replace(
      cast(`t`.`email` as string),
      '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
    ), '')
  end as known
  from `raw`.`people` as t
  where `t`.`email` is not null
)
select
  count(*) as `rows_1`,
  countif(known_values.known is null) as `failures_1`
from `_cdp`.`b0_customer` as s
left join `known_values` on known_values.known = case
  when regexp_contains(`s`.`email`, '^[!-~]([ -~]*[!-~])?$')
    then `s`.`email`
  else nullif(regexp_replace(
    `s`.`email`,
    '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
  ), '')
end
where `s`.`email` is not null;

-- == for tests that fail ==

-- test entity customer 1 email not_null examples: rows to look at, asked only where some fail
with
-- the same few each time
`examples_found` as (
  select `s`.`profile_id` as failing_key
  from `_cdp`.`b0_customer` as s
  cross join `_cdp`.`b0_clock` as clock
  where `s`.`email` is null
  order by failing_key
  limit 3
)
select string_agg(nullif(to_json_string(failing_key), 'null'), '\n' order by nullif(to_json_string(failing_key),
  'null')) as examples
from `examples_found`;

-- test entity customer 3 row expression examples: rows to look at, asked only where some fail
with
-- the same few each time
`examples_found` as (
  select `s`.`profile_id` as failing_key
  from `_cdp`.`b0_customer` as s
  cross join `_cdp`.`b0_clock` as clock
  where not (char_length(`s`.`email`) > 5)
  order by failing_key
  limit 3
)
select string_agg(nullif(to_json_string(failing_key), 'null'), '\n' order by nullif(to_json_string(failing_key),
  'null')) as examples
from `examples_found`;

-- test entity customer unique email examples: rows to look at, asked only where some fail
with
-- the same few each time
`examples_found` as (
  select min(`s`.`profile_id`) as failing_key
  from `_cdp`.`b0_customer` as s
  where `s`.`email` is not null
  group by `s`.`email`
  having count(*) > 1
  order by failing_key
  limit 3
)
select string_agg(nullif(to_json_string(failing_key), 'null'), '\n' order by nullif(to_json_string(failing_key),
  'null')) as examples
from `examples_found`;

-- test entity customer email in people examples: rows to look at, asked only where some fail
with
-- what there is in people, each once
`known_values` as (
  select distinct case
    when regexp_contains(format('%T', `t`.`email`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
      when starts_with(to_json_string(`t`.`email`), '"') then json_value(case
        when regexp_contains(format('%T', `t`.`email`), '^(TIMESTAMP|DATETIME)')
          then regexp_replace(to_json_string(`t`.`email`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
        when starts_with(format('%T', `t`.`email`), 'CAST(') then null
        else to_json_string(`t`.`email`)
      end)
      else nullif(to_json_string(`t`.`email`), 'null')
    end
    when regexp_contains(cast(`t`.`email` as string), '^[!-~]([ -~]*[!-~])?$')
      then cast(`t`.`email` as string)
    else nullif(regexp_replace(
      cast(`t`.`email` as string),
      '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
    ), '')
  end as known
  from `raw`.`people` as t
  where `t`.`email` is not null
),
-- the same few each time
`examples_found` as (
  select `s`.`profile_id` as failing_key
  from `_cdp`.`b0_customer` as s
  left join `known_values` on known_values.known = case
    when regexp_contains(`s`.`email`, '^[!-~]([ -~]*[!-~])?$')
      then `s`.`email`
    else nullif(regexp_replace(
      `s`.`email`,
      '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
    ), '')
  end
  where `s`.`email` is not null and known_values.known is null
  order by failing_key
  limit 3
)
select string_agg(nullif(to_json_string(failing_key), 'null'), '\n' order by nullif(to_json_string(failing_key),
  'null')) as examples
from `examples_found`;
