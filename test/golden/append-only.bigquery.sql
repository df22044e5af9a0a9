-- profile: profiles/customer

-- customer attributes: identifiers that join nobody, on the profiles whose rows hold them
create or replace table `_cdp`.`b0_customer_attributes` as
select
  cast(null as string) as profile_id, type, value,
  cast(null as timestamp) as first_seen_at, cast(null as timestamp) as last_seen_at
from `_cdp`.`b0_customer_values`
where 1 = 0;

-- == whether what was added up before is of use ==

-- customer recalls visits: whether what the published build added up is of use: the time up to
-- which it settled rows, else null
select max(m.counted) as counted
from `_cdp`.`trait_mark` as m
cross join `_cdp`.`b0_clock` as clock
where m.entity = 'customer' and m.source = 'visits'
  and m.made_by = 'accec38d86660590'
  and m.shape = @shape_customer_visits
  and m.settled = cast(@after_customer_visits as timestamp)
  and m.counted <= clock.now
  and m.build = (select max(build) from `_cdp`.`published`);

-- == where all rows are read: $counted_customer_visits is null ==

-- customer parts of visits: what all rows of visits add up to
create or replace table `_cdp`.`b0_customer_parts_visits` as
with
-- identifiers, keys and times in the form in which they are compared
`visits_normalised` as (
  select
    s.*,
    case
      when regexp_contains(format('%T', `s`.`user_id`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
        when starts_with(to_json_string(`s`.`user_id`), '"') then json_value(case
          when regexp_contains(format('%T', `s`.`user_id`), '^(TIMESTAMP|DATETIME)')
            then regexp_replace(to_json_string(`s`.`user_id`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
          when starts_with(format('%T', `s`.`user_id`), 'CAST(') then null
          else to_json_string(`s`.`user_id`)
        end)
        else nullif(to_json_string(`s`.`user_id`), 'null')
      end
      when regexp_contains(cast(`s`.`user_id` as string), '^[!-~]([ -~]*[!-~])?$')
        then cast(`s`.`user_id` as string)
      else nullif(regexp_replace(
        cast(`s`.`user_id` as string),
        '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
      ), '')
    end as `cdp_user_id`,
    case
      when regexp_contains(cast(`s`.`email` as string), '^[!-?A-~]+@[!-?A-~]+$')
        then lower(cast(`s`.`email` as string))
      else regexp_extract(
        normalize(lower(translate(
          normalize(trim(regexp_replace(cast(`s`.`email` as string), '[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+', ' '),
            ' '), nfc),
          'Σİ', 'σi'
        )), nfc),
        '^[^@ ]+@[^@ ]+$'
      )
    end as `cdp_email`,
    case
      when regexp_contains(format('%T', `s`.`visit_id`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
        when starts_with(to_json_string(`s`.`visit_id`), '"') then json_value(case
          when regexp_contains(format('%T', `s`.`visit_id`), '^(TIMESTAMP|DATETIME)')
            then regexp_replace(to_json_string(`s`.`visit_id`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
          when starts_with(format('%T', `s`.`visit_id`), 'CAST(') then null
          else to_json_string(`s`.`visit_id`)
        end)
        else nullif(to_json_string(`s`.`visit_id`), 'null')
      end
      when regexp_contains(cast(`s`.`visit_id` as string), '^[!-~]([ -~]*[!-~])?$')
        then cast(`s`.`visit_id` as string)
      else nullif(regexp_replace(
        cast(`s`.`visit_id` as string),
        '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
      ), '')
    end as cdp_key,
    cast(`s`.`visited_at` as timestamp) as cdp_time
  from `raw`.`visits` as s
),
-- without the values that identify nobody
`visits_identified` as (
  select
    s.*,
    case
      when char_length(`s`.`cdp_user_id`) > 1000
      or lower(`s`.`cdp_user_id`) in ('null', '(null)', '<null>', '[null]', '\\n', 'none', '(none)', 'nil', 'nan', 'na',
        'n/a',
        'n.a.', '#n/a', 'unknown', 'undefined', 'anonymous', 'guest', 'test', 'deleted',
        'redacted', 'true', 'false', '-1', 'not available', 'not applicable', 'not provided',
        'not set', '(not set)', '[object object]', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
        '02:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '127.0.0.1', '::1', 'localhost',
        '9774d56d682e549c')
      or regexp_contains(
        `s`.`cdp_user_id`,
        '(?:^[{(]?[0:.-]+[)}]?$)|(?:^[\\[\\](){}<>_.,:;?!*#/|"~=+ -]+$)'
      ) then null
      else `s`.`cdp_user_id`
    end as `cdp_user_id_valid`,
    case
      when char_length(`s`.`cdp_email`) > 1000
      or lower(`s`.`cdp_email`) in ('test@test.com', 'test@test.test', 'test@test', 'test@example.com',
        'user@example.com',
        'email@example.com', 'example@example.com', 'email@email.com', 'none@none.com',
        'na@na.com', 'no@no.com', 'a@a.com', 'a@a.a', 'noemail@noemail.com', 'no@email.com',
        'null@null.com')
      or regexp_contains(
        `s`.`cdp_email`,
        '(?:^(no[-_]?reply|do-?not-?reply|nobody|no-?email|none|null|undefined|unknown|anonymous|deleted|n/?a)@)'
      ) then null
      else `s`.`cdp_email`
    end as `cdp_email_valid`
  from `visits_normalised` as s
),
-- every identifier that was ever seen, and its number for ever
`every_value` as (
  select node_id, type, value
  from `_cdp`.`customer_values`
  union all
  select node_id, type, value
  from `_cdp`.`b0_customer_values`
  where is_new
),
-- identifiers by number (0: none); open is what the next build reads again: late rows, and rows of
-- the future
`visits_numbered` as (
  select
    s.*,
    coalesce(`v1`.`node_id`, 0) as `cdp_node_1`,
    coalesce(`v2`.`node_id`, 0) as `cdp_node_2`,
    coalesce(cast(`s`.`loaded_at` as timestamp) > cast(@settled_customer_visits as timestamp), true)
      or coalesce(s.cdp_time > `clock`.`now`, false) as cdp_open
  from `visits_identified` as s
  cross join `_cdp`.`b0_clock` as clock
  left join `every_value` as `v1`
    on `v1`.`type` = 'user_id' and `v1`.`value` = `s`.`cdp_user_id`
  left join `every_value` as `v2`
    on `v2`.`type` = 'email' and `v2`.`value` = `s`.`cdp_email`
)
select
  `cdp_node_1`,
  `cdp_node_2`,
  cdp_open as is_open,
  count(*) as `visits`,
  sum(if((`s`.`seconds` > 0), `s`.`seconds`, null)) as `mean_stay`,
  count(if((`s`.`seconds` > 0), `s`.`seconds`, null)) as `mean_stay__part_2`,
  array_agg(`s`.`page` ignore nulls order by
    s.cdp_time desc,
    coalesce(s.cdp_key, '') desc,
    `s`.`page` desc
  limit 1)[safe_offset(0)] as `last_page`,
  array_agg(if(`s`.`page` is not null, s.cdp_time, null) ignore nulls order by
    s.cdp_time desc,
    coalesce(s.cdp_key, '') desc,
    s.cdp_time desc
  limit 1)[safe_offset(0)] as `last_page__part_2`,
  array_agg(if(`s`.`page` is not null, coalesce(s.cdp_key, ''), null) ignore nulls order by
    s.cdp_time desc,
    coalesce(s.cdp_key, '') desc,
    coalesce(s.cdp_key, '') desc
  limit 1)[safe_offset(0)] as `last_page__part_3`,
  max(if(s.cdp_time <= `clock`.`now`, s.cdp_time, null)) as `quiet_days`,
  count(*) as `did_365afa56`,
  max(s.cdp_time) as `did_365afa56__part_2`
from `visits_numbered` as s
cross join `_cdp`.`b0_clock` as clock
group by
  `cdp_node_1`, `cdp_node_2`, cdp_open;

-- == where only new rows are read: $counted_customer_visits is known ==

-- customer parts of visits: what new rows of visits add up to
create or replace table `_cdp`.`b0_customer_parts_visits` as
with
-- rows that the last published build had not settled: they arrived since, or had not happened yet
`visits_since` as (
  select s.*
  from `raw`.`visits` as s
  where cast(`s`.`loaded_at` as timestamp) is null
    or cast(`s`.`loaded_at` as timestamp) > cast(@after_customer_visits as timestamp)
    or cast(`s`.`visited_at` as timestamp) > cast(@counted_customer_visits as timestamp)
),
-- identifiers, keys and times in the form in which they are compared
`visits_normalised` as (
  select
    s.*,
    case
      when regexp_contains(format('%T', `s`.`user_id`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
        when starts_with(to_json_string(`s`.`user_id`), '"') then json_value(case
          when regexp_contains(format('%T', `s`.`user_id`), '^(TIMESTAMP|DATETIME)')
            then regexp_replace(to_json_string(`s`.`user_id`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
          when starts_with(format('%T', `s`.`user_id`), 'CAST(') then null
          else to_json_string(`s`.`user_id`)
        end)
        else nullif(to_json_string(`s`.`user_id`), 'null')
      end
      when regexp_contains(cast(`s`.`user_id` as string), '^[!-~]([ -~]*[!-~])?$')
        then cast(`s`.`user_id` as string)
      else nullif(regexp_replace(
        cast(`s`.`user_id` as string),
        '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
      ), '')
    end as `cdp_user_id`,
    case
      when regexp_contains(cast(`s`.`email` as string), '^[!-?A-~]+@[!-?A-~]+$')
        then lower(cast(`s`.`email` as string))
      else regexp_extract(
        normalize(lower(translate(
          normalize(trim(regexp_replace(cast(`s`.`email` as string), '[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+', ' '),
            ' '), nfc),
          'Σİ', 'σi'
        )), nfc),
        '^[^@ ]+@[^@ ]+$'
      )
    end as `cdp_email`,
    case
      when regexp_contains(format('%T', `s`.`visit_id`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
        when starts_with(to_json_string(`s`.`visit_id`), '"') then json_value(case
          when regexp_contains(format('%T', `s`.`visit_id`), '^(TIMESTAMP|DATETIME)')
            then regexp_replace(to_json_string(`s`.`visit_id`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
          when starts_with(format('%T', `s`.`visit_id`), 'CAST(') then null
          else to_json_string(`s`.`visit_id`)
        end)
        else nullif(to_json_string(`s`.`visit_id`), 'null')
      end
      when regexp_contains(cast(`s`.`visit_id` as string), '^[!-~]([ -~]*[!-~])?$')
        then cast(`s`.`visit_id` as string)
      else nullif(regexp_replace(
        cast(`s`.`visit_id` as string),
        '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
      ), '')
    end as cdp_key,
    cast(`s`.`visited_at` as timestamp) as cdp_time
  from `visits_since` as s
),
-- without the values that identify nobody
`visits_identified` as (
  select
    s.*,
    case
      when char_length(`s`.`cdp_user_id`) > 1000
      or lower(`s`.`cdp_user_id`) in ('null', '(null)', '<null>', '[null]', '\\n', 'none', '(none)', 'nil', 'nan', 'na',
        'n/a',
        'n.a.', '#n/a', 'unknown', 'undefined', 'anonymous', 'guest', 'test', 'deleted',
        'redacted', 'true', 'false', '-1', 'not available', 'not applicable', 'not provided',
        'not set', '(not set)', '[object object]', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
        '02:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '127.0.0.1', '::1', 'localhost',
        '9774d56d682e549c')
      or regexp_contains(
        `s`.`cdp_user_id`,
        '(?:^[{(]?[0:.-]+[)}]?$)|(?:^[\\[\\](){}<>_.,:;?!*#/|"~=+ -]+$)'
      ) then null
      else `s`.`cdp_user_id`
    end as `cdp_user_id_valid`,
    case
      when char_length(`s`.`cdp_email`) > 1000
      or lower(`s`.`cdp_email`) in ('test@test.com', 'test@test.test', 'test@test', 'test@example.com',
        'user@example.com',
        'email@example.com', 'example@example.com', 'email@email.com', 'none@none.com',
        'na@na.com', 'no@no.com', 'a@a.com', 'a@a.a', 'noemail@noemail.com', 'no@email.com',
        'null@null.com')
      or regexp_contains(
        `s`.`cdp_email`,
        '(?:^(no[-_]?reply|do-?not-?reply|nobody|no-?email|none|null|undefined|unknown|anonymous|deleted|n/?a)@)'
      ) then null
      else `s`.`cdp_email`
    end as `cdp_email_valid`
  from `visits_normalised` as s
),
-- every identifier that was ever seen, and its number for ever
`every_value` as (
  select node_id, type, value
  from `_cdp`.`customer_values`
  union all
  select node_id, type, value
  from `_cdp`.`b0_customer_values`
  where is_new
),
-- identifiers by number (0: none); open is what the next build reads again: late rows, and rows of
-- the future
`visits_numbered` as (
  select
    s.*,
    coalesce(`v1`.`node_id`, 0) as `cdp_node_1`,
    coalesce(`v2`.`node_id`, 0) as `cdp_node_2`,
    coalesce(cast(`s`.`loaded_at` as timestamp) > cast(@settled_customer_visits as timestamp), true)
      or coalesce(s.cdp_time > `clock`.`now`, false) as cdp_open
  from `visits_identified` as s
  cross join `_cdp`.`b0_clock` as clock
  left join `every_value` as `v1`
    on `v1`.`type` = 'user_id' and `v1`.`value` = `s`.`cdp_user_id`
  left join `every_value` as `v2`
    on `v2`.`type` = 'email' and `v2`.`value` = `s`.`cdp_email`
),
-- what is asked of the new rows, by identifiers
`visits_new` as (
  select
    `cdp_node_1`,
    `cdp_node_2`,
    cdp_open as is_open,
    count(*) as `visits`,
    sum(if((`s`.`seconds` > 0), `s`.`seconds`, null)) as `mean_stay`,
    count(if((`s`.`seconds` > 0), `s`.`seconds`, null)) as `mean_stay__part_2`,
    array_agg(`s`.`page` ignore nulls order by
      s.cdp_time desc,
      coalesce(s.cdp_key, '') desc,
      `s`.`page` desc
    limit 1)[safe_offset(0)] as `last_page`,
    array_agg(if(`s`.`page` is not null, s.cdp_time, null) ignore nulls order by
      s.cdp_time desc,
      coalesce(s.cdp_key, '') desc,
      s.cdp_time desc
    limit 1)[safe_offset(0)] as `last_page__part_2`,
    array_agg(if(`s`.`page` is not null, coalesce(s.cdp_key, ''), null) ignore nulls order by
      s.cdp_time desc,
      coalesce(s.cdp_key, '') desc,
      coalesce(s.cdp_key, '') desc
    limit 1)[safe_offset(0)] as `last_page__part_3`,
    max(if(s.cdp_time <= `clock`.`now`, s.cdp_time, null)) as `quiet_days`,
    count(*) as `did_365afa56`,
    max(s.cdp_time) as `did_365afa56__part_2`
  from `visits_numbered` as s
  cross join `_cdp`.`b0_clock` as clock
  group by
    `cdp_node_1`, `cdp_node_2`, cdp_open
),
-- the combinations that have new rows
`visits_touched` as (
  select distinct `cdp_node_1`, `cdp_node_2` from `visits_new`
),
-- old and new of these
`visits_both` as (
  select `s`.`cdp_node_1`, `s`.`cdp_node_2`, `s`.`is_open`, `s`.`visits`, `s`.`mean_stay`,
    `s`.`mean_stay__part_2`, `s`.`last_page`, `s`.`last_page__part_2`,
    `s`.`last_page__part_3`, `s`.`quiet_days`, `s`.`did_365afa56`,
    `s`.`did_365afa56__part_2`
  from `_cdp`.`p0_customer_parts_visits` as s
  join `visits_touched` as t on `s`.`cdp_node_1` = `t`.`cdp_node_1` and `s`.`cdp_node_2` = `t`.`cdp_node_2`
  where not s.is_open
  union all
  select `s`.`cdp_node_1`, `s`.`cdp_node_2`, `s`.`is_open`, `s`.`visits`, `s`.`mean_stay`,
    `s`.`mean_stay__part_2`, `s`.`last_page`, `s`.`last_page__part_2`,
    `s`.`last_page__part_3`, `s`.`quiet_days`, `s`.`did_365afa56`,
    `s`.`did_365afa56__part_2`
  from `visits_new` as s
)
select `s`.`cdp_node_1`, `s`.`cdp_node_2`, `s`.`is_open`, `s`.`visits`, `s`.`mean_stay`,
  `s`.`mean_stay__part_2`, `s`.`last_page`, `s`.`last_page__part_2`,
  `s`.`last_page__part_3`, `s`.`quiet_days`, `s`.`did_365afa56`,
  `s`.`did_365afa56__part_2`
from `_cdp`.`p0_customer_parts_visits` as s
left join `visits_touched` as t on `s`.`cdp_node_1` = `t`.`cdp_node_1` and `s`.`cdp_node_2` = `t`.`cdp_node_2`
where not s.is_open and t.`cdp_node_1` is null
union all
select
  `cdp_node_1`,
  `cdp_node_2`,
  is_open,
  cast(sum(`t`.`visits`) as int64) as `visits`,
  sum(`t`.`mean_stay`) as `mean_stay`,
  cast(sum(`t`.`mean_stay__part_2`) as int64) as `mean_stay__part_2`,
  array_agg(`t`.`last_page` ignore nulls order by
    `t`.`last_page__part_2` desc,
    `t`.`last_page__part_3` desc,
    `t`.`last_page` desc
  limit 1)[safe_offset(0)] as `last_page`,
  array_agg(if(`t`.`last_page` is not null, `t`.`last_page__part_2`, null) ignore nulls order by
    `t`.`last_page__part_2` desc,
    `t`.`last_page__part_3` desc,
    `t`.`last_page__part_2` desc
  limit 1)[safe_offset(0)] as `last_page__part_2`,
  array_agg(if(`t`.`last_page` is not null, `t`.`last_page__part_3`, null) ignore nulls order by
    `t`.`last_page__part_2` desc,
    `t`.`last_page__part_3` desc,
    `t`.`last_page__part_3` desc
  limit 1)[safe_offset(0)] as `last_page__part_3`,
  max(`t`.`quiet_days`) as `quiet_days`,
  cast(sum(`t`.`did_365afa56`) as int64) as `did_365afa56`,
  max(`t`.`did_365afa56__part_2`) as `did_365afa56__part_2`
from `visits_both` as t
group by
  `cdp_node_1`, `cdp_node_2`, is_open;

-- customer from visits: all that is asked of visits: the parts of each profile in one, and its
-- recent rows
create or replace table `_cdp`.`b0_customer_from_visits` as
with
-- every identifier that joins, and the number of its profile
`joining` as (
  select g.node_id, g.first_seen_at, g.last_seen_at, g.profile
  from `_cdp`.`customer_graph` as g
  left join `_cdp`.`b0_customer_graph` as c on c.node_id = g.node_id
  where g.profile is not null and c.node_id is null
  union all
  select node_id, first_seen_at, last_seen_at, profile
  from `_cdp`.`b0_customer_graph`
  where profile is not null
),
-- whose the rows of each combination are: the profile of its strongest identifier
`visits_owned` as (
  select
    coalesce(`n1`.`profile`, `n2`.`profile`) as cdp_profile,
    `t`.`visits`,
    `t`.`mean_stay`,
    `t`.`mean_stay__part_2`,
    `t`.`last_page`,
    `t`.`last_page__part_2`,
    `t`.`last_page__part_3`,
    `t`.`quiet_days`,
    `t`.`did_365afa56`,
    `t`.`did_365afa56__part_2`
  from `_cdp`.`b0_customer_parts_visits` as t
  left join `joining` as `n1` on `n1`.`node_id` = `t`.`cdp_node_1`
  left join `joining` as `n2` on `n2`.`node_id` = `t`.`cdp_node_2`
),
-- the parts of each profile in one (one row a profile)
`visits_folded` as (
  select
    t.cdp_profile,
    cast(sum(`t`.`visits`) as int64) as `visits`,
    sum(`t`.`mean_stay`) as `mean_stay`,
    cast(sum(`t`.`mean_stay__part_2`) as int64) as `mean_stay__part_2`,
    array_agg(`t`.`last_page` ignore nulls order by
      `t`.`last_page__part_2` desc,
      `t`.`last_page__part_3` desc,
      `t`.`last_page` desc
    limit 1)[safe_offset(0)] as `last_page`,
    array_agg(if(`t`.`last_page` is not null, `t`.`last_page__part_2`, null) ignore nulls order by
      `t`.`last_page__part_2` desc,
      `t`.`last_page__part_3` desc,
      `t`.`last_page__part_2` desc
    limit 1)[safe_offset(0)] as `last_page__part_2`,
    array_agg(if(`t`.`last_page` is not null, `t`.`last_page__part_3`, null) ignore nulls order by
      `t`.`last_page__part_2` desc,
      `t`.`last_page__part_3` desc,
      `t`.`last_page__part_3` desc
    limit 1)[safe_offset(0)] as `last_page__part_3`,
    max(`t`.`quiet_days`) as `quiet_days`,
    cast(sum(`t`.`did_365afa56`) as int64) as `did_365afa56`,
    max(`t`.`did_365afa56__part_2`) as `did_365afa56__part_2`
  from `visits_owned` as t
  where t.cdp_profile is not null
  group by t.cdp_profile
),
-- rows within the longest window that is asked for, which are read again in every build
`visits_recent` as (
  select s.*
  from `raw`.`visits` as s
  cross join `_cdp`.`b0_clock` as clock
  where cast(`s`.`visited_at` as timestamp) >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
    and cast(`s`.`visited_at` as timestamp) <= `clock`.`now`
),
-- identifiers, keys and times in the form in which they are compared
`visits_normalised` as (
  select
    s.*,
    case
      when regexp_contains(format('%T', `s`.`user_id`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
        when starts_with(to_json_string(`s`.`user_id`), '"') then json_value(case
          when regexp_contains(format('%T', `s`.`user_id`), '^(TIMESTAMP|DATETIME)')
            then regexp_replace(to_json_string(`s`.`user_id`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
          when starts_with(format('%T', `s`.`user_id`), 'CAST(') then null
          else to_json_string(`s`.`user_id`)
        end)
        else nullif(to_json_string(`s`.`user_id`), 'null')
      end
      when regexp_contains(cast(`s`.`user_id` as string), '^[!-~]([ -~]*[!-~])?$')
        then cast(`s`.`user_id` as string)
      else nullif(regexp_replace(
        cast(`s`.`user_id` as string),
        '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
      ), '')
    end as `cdp_user_id`,
    case
      when regexp_contains(cast(`s`.`email` as string), '^[!-?A-~]+@[!-?A-~]+$')
        then lower(cast(`s`.`email` as string))
      else regexp_extract(
        normalize(lower(translate(
          normalize(trim(regexp_replace(cast(`s`.`email` as string), '[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+', ' '),
            ' '), nfc),
          'Σİ', 'σi'
        )), nfc),
        '^[^@ ]+@[^@ ]+$'
      )
    end as `cdp_email`,
    case
      when regexp_contains(format('%T', `s`.`visit_id`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
        when starts_with(to_json_string(`s`.`visit_id`), '"') then json_value(case
          when regexp_contains(format('%T', `s`.`visit_id`), '^(TIMESTAMP|DATETIME)')
            then regexp_replace(to_json_string(`s`.`visit_id`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
          when starts_with(format('%T', `s`.`visit_id`), 'CAST(') then null
          else to_json_string(`s`.`visit_id`)
        end)
        else nullif(to_json_string(`s`.`visit_id`), 'null')
      end
      when regexp_contains(cast(`s`.`visit_id` as string), '^[!-~]([ -~]*[!-~])?$')
        then cast(`s`.`visit_id` as string)
      else nullif(regexp_replace(
        cast(`s`.`visit_id` as string),
        '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
      ), '')
    end as cdp_key,
    cast(`s`.`visited_at` as timestamp) as cdp_time
  from `visits_recent` as s
),
-- without the values that identify nobody
`visits_identified` as (
  select
    s.*,
    case
      when char_length(`s`.`cdp_user_id`) > 1000
      or lower(`s`.`cdp_user_id`) in ('null', '(null)', '<null>', '[null]', '\\n', 'none', '(none)', 'nil', 'nan', 'na',
        'n/a',
        'n.a.', '#n/a', 'unknown', 'undefined', 'anonymous', 'guest', 'test', 'deleted',
        'redacted', 'true', 'false', '-1', 'not available', 'not applicable', 'not provided',
        'not set', '(not set)', '[object object]', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
        '02:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '127.0.0.1', '::1', 'localhost',
        '9774d56d682e549c')
      or regexp_contains(
        `s`.`cdp_user_id`,
        '(?:^[{(]?[0:.-]+[)}]?$)|(?:^[\\[\\](){}<>_.,:;?!*#/|"~=+ -]+$)'
      ) then null
      else `s`.`cdp_user_id`
    end as `cdp_user_id_valid`,
    case
      when char_length(`s`.`cdp_email`) > 1000
      or lower(`s`.`cdp_email`) in ('test@test.com', 'test@test.test', 'test@test', 'test@example.com',
        'user@example.com',
        'email@example.com', 'example@example.com', 'email@email.com', 'none@none.com',
        'na@na.com', 'no@no.com', 'a@a.com', 'a@a.a', 'noemail@noemail.com', 'no@email.com',
        'null@null.com')
      or regexp_contains(
        `s`.`cdp_email`,
        '(?:^(no[-_]?reply|do-?not-?reply|nobody|no-?email|none|null|undefined|unknown|anonymous|deleted|n/?a)@)'
      ) then null
      else `s`.`cdp_email`
    end as `cdp_email_valid`
  from `visits_normalised` as s
),
-- every identifier that joins, and its profile (one row an identifier)
`visits_lookup` as (
  select i.type, i.value, n.profile, p.profile_id
  from (
    select node_id, type, value
    from `_cdp`.`customer_values`
    union all
    select node_id, type, value
    from `_cdp`.`b0_customer_values`
    where is_new
  ) as i
  join (
    select g.node_id, g.first_seen_at, g.last_seen_at, g.profile
    from `_cdp`.`customer_graph` as g
    left join `_cdp`.`b0_customer_graph` as c on c.node_id = g.node_id
    where g.profile is not null and c.node_id is null
    union all
    select node_id, first_seen_at, last_seen_at, profile
    from `_cdp`.`b0_customer_graph`
    where profile is not null
  ) as n on n.node_id = i.node_id
  join (
    select i.anchor, i.profile_id
    from `_cdp`.`customer_profile_ids` as i
    left join `_cdp`.`b0_customer_ids` as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from `_cdp`.`b0_customer_ids`
    where merged_into is null
  ) as p on p.anchor = n.profile
  where i.type in ('user_id', 'email')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
`visits_attributed` as (
  select
    s.*,
    coalesce(`lookup_1`.`profile`, `lookup_2`.`profile`) as cdp_profile,
    coalesce(`lookup_1`.`profile_id`, `lookup_2`.`profile_id`) as cdp_profile_id
  from `visits_identified` as s
  left join `visits_lookup` as `lookup_1`
    on `lookup_1`.`type` = 'user_id' and `lookup_1`.`value` = `s`.`cdp_user_id`
  left join `visits_lookup` as `lookup_2`
    on `lookup_2`.`type` = 'email' and `lookup_2`.`value` = `s`.`cdp_email`
),
-- all that is asked, by number of the profile: ids are texts, which are slow to group by (one row
-- a profile)
`visits_measured` as (
  select
    s.cdp_profile,
    (round((
      array_agg(cast(if(
        s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
          and s.cdp_time <= `clock`.`now`,
        `s`.`seconds`,
        null
      ) as float64) ignore nulls order by cast(if(
        s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
          and s.cdp_time <= `clock`.`now`,
        `s`.`seconds`,
        null
      ) as float64))[safe_offset(cast(floor(0.5 * (count(if(
        s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
          and s.cdp_time <= `clock`.`now`,
        `s`.`seconds`,
        null
      )) - 1)) as int64))]
      + (array_agg(cast(if(
        s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
          and s.cdp_time <= `clock`.`now`,
        `s`.`seconds`,
        null
      ) as float64) ignore nulls order by cast(if(
        s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
          and s.cdp_time <= `clock`.`now`,
        `s`.`seconds`,
        null
      ) as float64))[safe_offset(cast(ceil(0.5 * (count(if(
        s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
          and s.cdp_time <= `clock`.`now`,
        `s`.`seconds`,
        null
      )) - 1)) as int64))] - array_agg(cast(if(
        s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
          and s.cdp_time <= `clock`.`now`,
        `s`.`seconds`,
        null
      ) as float64) ignore nulls order by cast(if(
        s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
          and s.cdp_time <= `clock`.`now`,
        `s`.`seconds`,
        null
      ) as float64))[safe_offset(cast(floor(0.5 * (count(if(
        s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
          and s.cdp_time <= `clock`.`now`,
        `s`.`seconds`,
        null
      )) - 1)) as int64))])
      * (0.5 * (count(if(
        s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
          and s.cdp_time <= `clock`.`now`,
        `s`.`seconds`,
        null
      )) - 1) - floor(0.5 * (count(if(
        s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
          and s.cdp_time <= `clock`.`now`,
        `s`.`seconds`,
        null
      )) - 1)))
    ) * pow(10, 6)) / pow(10, 6)) as `usual_stay`
  from `visits_attributed` as s
  cross join `_cdp`.`b0_clock` as clock
  where s.cdp_profile is not null
  group by s.cdp_profile
),
-- what is asked of them (one row a profile)
`visits_of_recent` as (
  select
    p.profile_id,
    g.`usual_stay`
  from `visits_measured` as g
  join (
    select i.anchor, i.profile_id
    from `_cdp`.`customer_profile_ids` as i
    left join `_cdp`.`b0_customer_ids` as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from `_cdp`.`b0_customer_ids`
    where merged_into is null
  ) as p on p.anchor = g.cdp_profile
)
select
  p.profile_id,
  `g`.`visits` as `visits`,
  (round((cast(cast(`g`.`mean_stay` as float64) as float64) / nullif(`g`.`mean_stay__part_2`, 0)) * pow(10, 6)) /
    pow(10, 6)) as `mean_stay`,
  `g`.`last_page` as `last_page`,
  timestamp_diff(`clock`.`now`, `g`.`quiet_days`, day) as `quiet_days`,
  `r`.`usual_stay` as `usual_stay`,
  coalesce(
    `g`.`did_365afa56` >= 3
      and `g`.`did_365afa56__part_2` >= timestamp_add(cast(`clock`.`now` as timestamp), interval -14 day)
      and `g`.`did_365afa56__part_2` <= `clock`.`now`, false
  ) as `did_365afa56`
from `visits_folded` as g
cross join `_cdp`.`b0_clock` as clock
join (
  select i.anchor, i.profile_id
  from `_cdp`.`customer_profile_ids` as i
  left join `_cdp`.`b0_customer_ids` as c on c.anchor = i.anchor
  where i.merged_into is null and c.anchor is null
  union all
  select anchor, profile_id
  from `_cdp`.`b0_customer_ids`
  where merged_into is null
) as p on p.anchor = g.cdp_profile
left join `visits_of_recent` as r on r.profile_id = p.profile_id;

-- customer profiles: one row a profile, one column a trait
create or replace table `_cdp`.`b0_customer` as
with
-- every identifier that joins, with its profile
`members` as (
  select i.node_id, i.type, i.value, n.first_seen_at, n.last_seen_at, p.profile_id
  from (
    select g.node_id, g.first_seen_at, g.last_seen_at, g.profile
    from `_cdp`.`customer_graph` as g
    left join `_cdp`.`b0_customer_graph` as c on c.node_id = g.node_id
    where g.profile is not null and c.node_id is null
    union all
    select node_id, first_seen_at, last_seen_at, profile
    from `_cdp`.`b0_customer_graph`
    where profile is not null
  ) as n
  join (
    select node_id, type, value
    from `_cdp`.`customer_values`
    union all
    select node_id, type, value
    from `_cdp`.`b0_customer_values`
    where is_new
  ) as i on i.node_id = n.node_id
  join (
    select i.anchor, i.profile_id
    from `_cdp`.`customer_profile_ids` as i
    left join `_cdp`.`b0_customer_ids` as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from `_cdp`.`b0_customer_ids`
    where merged_into is null
  ) as p on p.anchor = n.profile
),
-- one row a profile: when its identifiers were seen first and last
`people` as (
  select profile_id, min(first_seen_at) as first_seen_at, max(last_seen_at) as last_seen_at
  from `members`
  group by profile_id
),
-- identifiers that join and those that do not
`every_identifier` as (
  select profile_id, type, value from `members`
  union all
  select profile_id, type, value from `_cdp`.`b0_customer_attributes`
),
-- identifiers by type as sorted lists (one row a profile)
`lists` as (
  select
    profile_id,
    ifnull(array_agg(distinct case when type = 'user_id' then value end ignore nulls order by case when type = 'user_id'
      then value end), []) as `all_user_id`,
    ifnull(array_agg(distinct case when type = 'email' then value end ignore nulls order by case when type = 'email'
      then value end), []) as `all_email`
  from `every_identifier`
  group by profile_id
),
-- what the scans found (at most one row a profile each)
`gathered` as (
  select
    people.*,
    lists.`all_user_id`,
    lists.`all_email`,
    coalesce(`from_visits`.`visits`, 0) as `visits`,
    `from_visits`.`mean_stay` as `mean_stay`,
    `from_visits`.`last_page` as `last_page`,
    `from_visits`.`quiet_days` as `quiet_days`,
    `from_visits`.`usual_stay` as `usual_stay`
  from `people` as people
  left join `lists` as lists on lists.profile_id = people.profile_id
  left join `_cdp`.`b0_customer_from_visits` as `from_visits`
    on `from_visits`.`profile_id` = `people`.`profile_id`
)
select
  `profile_id`,
  `first_seen_at`,
  `last_seen_at`,
  `all_user_id`,
  `all_email`,
  `visits`,
  `mean_stay`,
  `last_page`,
  `quiet_days`,
  `usual_stay`
from `gathered`;

-- forget customer parts: up to where earlier builds had added up
delete from `_cdp`.`trait_mark` where entity = 'customer';

-- publish customer parts of visits: up to where this build added up, and by what
insert into `_cdp`.`trait_mark` (entity, source, made_by, shape, settled, counted, build)
select
  'customer', 'visits', 'accec38d86660590',
  @shape_customer_visits, cast(@settled_customer_visits as timestamp),
  clock.now, cast(@build as int64)
from `_cdp`.`b0_clock` as clock;
