-- profile: profiles/customer

-- customer attributes: identifiers that join nobody, on the profiles whose rows hold them
create or replace table `_cdp`.`b0_customer_attributes` as
select
  cast(null as string) as profile_id, type, value,
  cast(null as timestamp) as first_seen_at, cast(null as timestamp) as last_seen_at
from `_cdp`.`b0_customer_values`
where 1 = 0;

-- customer from contacts: all that is asked of contacts, in one scan
create or replace table `_cdp`.`b0_customer_from_contacts` as
with
-- identifiers, keys and times in the form in which they are compared
`contacts_normalised` as (
  select
    s.*,
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
      when regexp_contains(format('%T', `s`.`id`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
        when starts_with(to_json_string(`s`.`id`), '"') then json_value(case
          when regexp_contains(format('%T', `s`.`id`), '^(TIMESTAMP|DATETIME)')
            then regexp_replace(to_json_string(`s`.`id`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
          when starts_with(format('%T', `s`.`id`), 'CAST(') then null
          else to_json_string(`s`.`id`)
        end)
        else nullif(to_json_string(`s`.`id`), 'null')
      end
      when regexp_contains(cast(`s`.`id` as string), '^[!-~]([ -~]*[!-~])?$')
        then cast(`s`.`id` as string)
      else nullif(regexp_replace(
        cast(`s`.`id` as string),
        '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
      ), '')
    end as cdp_key,
    cast(`s`.`changed_at` as timestamp) as cdp_time
  from `raw`.`contacts` as s
),
-- without the values that identify nobody
`contacts_identified` as (
  select
    s.*,
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
  from `contacts_normalised` as s
),
-- every identifier that joins, and its profile (one row an identifier)
`contacts_lookup` as (
  select i.type, i.value, n.profile, p.profile_id
  from (
    select node_id, type, value
    from `_cdp`.`customer_values`
    union all
    select node_id, type, value
    from `_cdp`.`b0_customer_values`
    where is_new
    union all
    select node_id, type, value
    from `_cdp`.`b0_customer_lone`
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
  where i.type in ('email', 'row:contacts')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
`contacts_attributed` as (
  select
    s.*,
    coalesce(`lookup_1`.`profile`, `lookup_row`.`profile`) as cdp_profile,
    coalesce(`lookup_1`.`profile_id`, `lookup_row`.`profile_id`) as cdp_profile_id
  from `contacts_identified` as s
  left join `contacts_lookup` as `lookup_1`
    on `lookup_1`.`type` = 'email' and `lookup_1`.`value` = `s`.`cdp_email`
  left join `contacts_lookup` as `lookup_row`
    on `lookup_row`.`type` = 'row:contacts' and `lookup_row`.`value` = s.cdp_key
),
-- all that is asked, by number of the profile: ids are texts, which are slow to group by (one row
-- a profile)
`contacts_measured` as (
  select
    s.cdp_profile,
    array_agg(`s`.`cdp_email_valid` ignore nulls order by
      s.cdp_time desc,
      s.cdp_key desc,
      `s`.`cdp_email_valid` desc
    limit 1)[safe_offset(0)] as `email`,
    array_agg(`s`.`name` ignore nulls order by
      s.cdp_time desc,
      s.cdp_key desc,
      `s`.`name` desc
    limit 1)[safe_offset(0)] as `by_priority`,
    array_agg(`s`.`name` ignore nulls order by
      s.cdp_time desc,
      s.cdp_key desc,
      `s`.`name` desc
    limit 1)[safe_offset(0)] as `most_recent`,
    max(if(`s`.`name` is not null, s.cdp_time, null)) as `most_recent__at`,
    array_agg(`s`.`name` ignore nulls order by
      s.cdp_time is null,
      s.cdp_time,
      s.cdp_key is null,
      s.cdp_key,
      `s`.`name` is null,
      `s`.`name`
    limit 1)[safe_offset(0)] as `earliest`,
    min(if(`s`.`name` is not null, s.cdp_time, null)) as `earliest__at`,
    array_agg(`s`.`name` ignore nulls) as `commonest`,
    array_agg(`s`.`name` ignore nulls order by
      char_length(cast(`s`.`name` as string)) desc,
      s.cdp_time desc,
      s.cdp_key desc,
      `s`.`name` desc
    limit 1)[safe_offset(0)] as `longest`,
    min(`s`.`name`) as `smallest`,
    logical_or(cast(`s`.`vip` as bool)) as `any_true`,
    ifnull(array_agg(distinct nullif(cast(`s`.`name` as string), '') ignore nulls order by nullif(cast(`s`.`name` as
      string), '')), []) as `all_names`,
    array_agg(`s`.`name` ignore nulls order by
      s.cdp_time desc,
      s.cdp_key desc,
      `s`.`name` desc
    limit 1)[safe_offset(0)] as `traced`
  from `contacts_attributed` as s
  cross join `_cdp`.`b0_clock` as clock
  where s.cdp_profile is not null
  group by s.cdp_profile
)
select
  p.profile_id,
  g.`email`,
  g.`by_priority`,
  g.`most_recent`,
  g.`most_recent__at`,
  g.`earliest`,
  g.`earliest__at`,
  g.`commonest`,
  g.`longest`,
  g.`smallest`,
  g.`any_true`,
  g.`all_names`,
  g.`traced`
from `contacts_measured` as g
join (
  select i.anchor, i.profile_id
  from `_cdp`.`customer_profile_ids` as i
  left join `_cdp`.`b0_customer_ids` as c on c.anchor = i.anchor
  where i.merged_into is null and c.anchor is null
  union all
  select anchor, profile_id
  from `_cdp`.`b0_customer_ids`
  where merged_into is null
) as p on p.anchor = g.cdp_profile;

-- customer from shop: all that is asked of shop, in one scan
create or replace table `_cdp`.`b0_customer_from_shop` as
with
-- identifiers, keys and times in the form in which they are compared
`shop_normalised` as (
  select
    s.*,
    case
      when regexp_contains(cast(`s`.`mail` as string), '^[!-?A-~]+@[!-?A-~]+$')
        then lower(cast(`s`.`mail` as string))
      else regexp_extract(
        normalize(lower(translate(
          normalize(trim(regexp_replace(cast(`s`.`mail` as string), '[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+', ' '),
            ' '), nfc),
          'Σİ', 'σi'
        )), nfc),
        '^[^@ ]+@[^@ ]+$'
      )
    end as `cdp_email`,
    case
      when regexp_contains(format('%T', `s`.`id`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
        when starts_with(to_json_string(`s`.`id`), '"') then json_value(case
          when regexp_contains(format('%T', `s`.`id`), '^(TIMESTAMP|DATETIME)')
            then regexp_replace(to_json_string(`s`.`id`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
          when starts_with(format('%T', `s`.`id`), 'CAST(') then null
          else to_json_string(`s`.`id`)
        end)
        else nullif(to_json_string(`s`.`id`), 'null')
      end
      when regexp_contains(cast(`s`.`id` as string), '^[!-~]([ -~]*[!-~])?$')
        then cast(`s`.`id` as string)
      else nullif(regexp_replace(
        cast(`s`.`id` as string),
        '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
      ), '')
    end as cdp_key,
    cast(`s`.`changed_at` as timestamp) as cdp_time
  from `raw`.`shop` as s
),
-- without the values that identify nobody
`shop_identified` as (
  select
    s.*,
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
  from `shop_normalised` as s
),
-- every identifier that joins, and its profile (one row an identifier)
`shop_lookup` as (
  select i.type, i.value, n.profile, p.profile_id
  from (
    select node_id, type, value
    from `_cdp`.`customer_values`
    union all
    select node_id, type, value
    from `_cdp`.`b0_customer_values`
    where is_new
    union all
    select node_id, type, value
    from `_cdp`.`b0_customer_lone`
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
  where i.type in ('email', 'row:shop')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
`shop_attributed` as (
  select
    s.*,
    coalesce(`lookup_1`.`profile`, `lookup_row`.`profile`) as cdp_profile,
    coalesce(`lookup_1`.`profile_id`, `lookup_row`.`profile_id`) as cdp_profile_id
  from `shop_identified` as s
  left join `shop_lookup` as `lookup_1`
    on `lookup_1`.`type` = 'email' and `lookup_1`.`value` = `s`.`cdp_email`
  left join `shop_lookup` as `lookup_row`
    on `lookup_row`.`type` = 'row:shop' and `lookup_row`.`value` = s.cdp_key
),
-- all that is asked, by number of the profile: ids are texts, which are slow to group by (one row
-- a profile)
`shop_measured` as (
  select
    s.cdp_profile,
    array_agg(`s`.`cdp_email_valid` ignore nulls order by
      s.cdp_time desc,
      s.cdp_key desc,
      `s`.`cdp_email_valid` desc
    limit 1)[safe_offset(0)] as `email`,
    array_agg(`s`.`name` ignore nulls order by
      s.cdp_time desc,
      s.cdp_key desc,
      `s`.`name` desc
    limit 1)[safe_offset(0)] as `by_priority`,
    array_agg(`s`.`name` ignore nulls order by
      s.cdp_time desc,
      s.cdp_key desc,
      `s`.`name` desc
    limit 1)[safe_offset(0)] as `most_recent`,
    max(if(`s`.`name` is not null, s.cdp_time, null)) as `most_recent__at`,
    array_agg(`s`.`name` ignore nulls order by
      s.cdp_time is null,
      s.cdp_time,
      s.cdp_key is null,
      s.cdp_key,
      `s`.`name` is null,
      `s`.`name`
    limit 1)[safe_offset(0)] as `earliest`,
    min(if(`s`.`name` is not null, s.cdp_time, null)) as `earliest__at`,
    array_agg(`s`.`name` ignore nulls) as `commonest`,
    array_agg(`s`.`name` ignore nulls order by
      char_length(cast(`s`.`name` as string)) desc,
      s.cdp_time desc,
      s.cdp_key desc,
      `s`.`name` desc
    limit 1)[safe_offset(0)] as `longest`,
    min(`s`.`name`) as `smallest`,
    ifnull(array_agg(distinct nullif(cast(`s`.`name` as string), '') ignore nulls order by nullif(cast(`s`.`name` as
      string), '')), []) as `all_names`,
    array_agg(`s`.`name` ignore nulls order by
      s.cdp_time desc,
      s.cdp_key desc,
      `s`.`name` desc
    limit 1)[safe_offset(0)] as `traced`
  from `shop_attributed` as s
  cross join `_cdp`.`b0_clock` as clock
  where s.cdp_profile is not null
  group by s.cdp_profile
)
select
  p.profile_id,
  g.`email`,
  g.`by_priority`,
  g.`most_recent`,
  g.`most_recent__at`,
  g.`earliest`,
  g.`earliest__at`,
  g.`commonest`,
  g.`longest`,
  g.`smallest`,
  g.`all_names`,
  g.`traced`
from `shop_measured` as g
join (
  select i.anchor, i.profile_id
  from `_cdp`.`customer_profile_ids` as i
  left join `_cdp`.`b0_customer_ids` as c on c.anchor = i.anchor
  where i.merged_into is null and c.anchor is null
  union all
  select anchor, profile_id
  from `_cdp`.`b0_customer_ids`
  where merged_into is null
) as p on p.anchor = g.cdp_profile;

-- customer from orders: all that is asked of orders, in one scan
create or replace table `_cdp`.`b0_customer_from_orders` as
with
-- identifiers, keys and times in the form in which they are compared
`orders_normalised` as (
  select
    s.*,
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
      when regexp_contains(format('%T', `s`.`order_id`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
        when starts_with(to_json_string(`s`.`order_id`), '"') then json_value(case
          when regexp_contains(format('%T', `s`.`order_id`), '^(TIMESTAMP|DATETIME)')
            then regexp_replace(to_json_string(`s`.`order_id`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
          when starts_with(format('%T', `s`.`order_id`), 'CAST(') then null
          else to_json_string(`s`.`order_id`)
        end)
        else nullif(to_json_string(`s`.`order_id`), 'null')
      end
      when regexp_contains(cast(`s`.`order_id` as string), '^[!-~]([ -~]*[!-~])?$')
        then cast(`s`.`order_id` as string)
      else nullif(regexp_replace(
        cast(`s`.`order_id` as string),
        '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
      ), '')
    end as cdp_key,
    cast(`s`.`ordered_at` as timestamp) as cdp_time
  from `raw`.`orders` as s
),
-- without the values that identify nobody
`orders_identified` as (
  select
    s.*,
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
  from `orders_normalised` as s
),
-- every identifier that joins, and its profile (one row an identifier)
`orders_lookup` as (
  select i.type, i.value, n.profile, p.profile_id
  from (
    select node_id, type, value
    from `_cdp`.`customer_values`
    union all
    select node_id, type, value
    from `_cdp`.`b0_customer_values`
    where is_new
    union all
    select node_id, type, value
    from `_cdp`.`b0_customer_lone`
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
  where i.type in ('email')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
`orders_attributed` as (
  select
    s.*,
    `lookup_1`.`profile` as cdp_profile,
    `lookup_1`.`profile_id` as cdp_profile_id
  from `orders_identified` as s
  left join `orders_lookup` as `lookup_1`
    on `lookup_1`.`type` = 'email' and `lookup_1`.`value` = `s`.`cdp_email`
),
-- what the calendar of the project's zone showed at each row, asked once for periods of every
-- length
`orders_local` as (
  select
    s.*,
    datetime(s.cdp_time, 'Europe/Paris') as cdp_local
  from `orders_attributed` as s
),
-- all that is asked, by number of the profile: ids are texts, which are slow to group by (one row
-- a profile)
`orders_measured` as (
  select
    s.cdp_profile,
    count(*) as `order_count`,
    count(distinct `s`.`status`) as `statuses`,
    round(cast(sum(if((`s`.`status` = 'paid'), `s`.`amount`, null)) as numeric), 6) as `revenue`,
    (round(cast(avg(`s`.`amount`) as float64) * pow(10, 6)) / pow(10, 6)) as `mean`,
    min(`s`.`amount`) as `least`,
    max(`s`.`ordered_at`) as `newest_order`,
    (round((
      array_agg(cast(`s`.`amount` as float64) ignore nulls order by cast(`s`.`amount` as
        float64))[safe_offset(cast(floor(0.5 * (count(`s`.`amount`) - 1)) as int64))]
      + (array_agg(cast(`s`.`amount` as float64) ignore nulls order by cast(`s`.`amount` as
        float64))[safe_offset(cast(ceil(0.5 * (count(`s`.`amount`) - 1)) as int64))] - array_agg(cast(`s`.`amount` as
        float64) ignore nulls order by cast(`s`.`amount` as float64))[safe_offset(cast(floor(0.5 * (count(`s`.`amount`)
        - 1)) as int64))])
      * (0.5 * (count(`s`.`amount`) - 1) - floor(0.5 * (count(`s`.`amount`) - 1)))
    ) * pow(10, 6)) / pow(10, 6)) as `median_amount`,
    (round((
      array_agg(cast(`s`.`amount` as float64) ignore nulls order by cast(`s`.`amount` as
        float64))[safe_offset(cast(floor(0.9 * (count(`s`.`amount`) - 1)) as int64))]
      + (array_agg(cast(`s`.`amount` as float64) ignore nulls order by cast(`s`.`amount` as
        float64))[safe_offset(cast(ceil(0.9 * (count(`s`.`amount`) - 1)) as int64))] - array_agg(cast(`s`.`amount` as
        float64) ignore nulls order by cast(`s`.`amount` as float64))[safe_offset(cast(floor(0.9 * (count(`s`.`amount`)
        - 1)) as int64))])
      * (0.9 * (count(`s`.`amount`) - 1) - floor(0.9 * (count(`s`.`amount`) - 1)))
    ) * pow(10, 6)) / pow(10, 6)) as `p90`,
    (round((cast(countif(
      s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -90 day)
        and s.cdp_time <= `clock`.`now`
      and (`s`.`status` = 'returned')
    ) as float64) / nullif(countif(
      s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -90 day)
        and s.cdp_time <= `clock`.`now`
    ), 0)) * pow(10, 6)) / pow(10, 6)) as `return_rate`,
    array_agg(`s`.`status` ignore nulls) as `usual`,
    (countif((`s`.`status` = 'returned')) > 0) as `refunded`,
    countif(
      s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
        and s.cdp_time <= `clock`.`now`
    ) as `recent`,
    array_agg(`s`.`status` ignore nulls order by
      s.cdp_time is null,
      s.cdp_time,
      s.cdp_key is null,
      s.cdp_key,
      `s`.`status` is null,
      `s`.`status`
    limit 1)[safe_offset(0)] as `opening`,
    array_agg(`s`.`amount` ignore nulls order by
      s.cdp_time desc,
      s.cdp_key desc,
      `s`.`amount` desc
    limit 1)[safe_offset(0)] as `closing`,
    array_agg(if(`s`.`amount` is not null, `s`.`status`, null) ignore nulls order by
      `s`.`amount` desc,
      s.cdp_time is null,
      s.cdp_time,
      s.cdp_key is null,
      s.cdp_key,
      `s`.`status` is null,
      `s`.`status`
    limit 1)[safe_offset(0)] as `dearest`,
    array_agg(if((cast(`s`.`amount` as float64) / nullif(2, 0)) is not null, `s`.`order_id`, null) ignore nulls order by
      (cast(`s`.`amount` as float64) / nullif(2, 0)) desc,
      s.cdp_time desc,
      s.cdp_key desc,
      `s`.`order_id` desc
    limit 1)[safe_offset(0)] as `greatest`,
    min(if(s.cdp_time <= `clock`.`now`, timestamp_diff(`clock`.`now`, s.cdp_time, day), null)) as `quiet_days`,
    min(
      if(
        (`s`.`status` = 'paid') and s.cdp_time <= `clock`.`now`,
        timestamp_diff(`clock`.`now`, s.cdp_time, hour),
        null
      )
    ) as `quiet_hours`,
    max(
      if(
        s.cdp_time <= `clock`.`now`,
        div(timestamp_diff(`clock`.`now`, s.cdp_time, day), 7),
        null
      )
    ) as `known_weeks`,
    max(
      if(
        s.cdp_time <= `clock`.`now`,
        (
          date_diff(date(`clock`.`now`), date(s.cdp_time), month)
          - if(s.cdp_time > timestamp(datetime_add(datetime(cast(`clock`.`now` as timestamp)), interval
            (-date_diff(date(`clock`.`now`), date(s.cdp_time), month)) month)), 1, 0)
        ),
        null
      )
    ) as `known_months`
  from `orders_local` as s
  cross join `_cdp`.`b0_clock` as clock
  where s.cdp_profile is not null
  group by s.cdp_profile
),
-- what is asked of all rows of a profile (one row a profile)
`orders_grouped` as (
  select
    p.profile_id,
    g.`order_count`,
    g.`statuses`,
    g.`revenue`,
    g.`mean`,
    g.`least`,
    g.`newest_order`,
    g.`median_amount`,
    g.`p90`,
    g.`return_rate`,
    (
      select item
      from (
        select item, 1 as tally from unnest(`g`.`usual`) as item
      )
      group by item
      order by count(*) desc, min(tally), item
      limit 1
    ) as `usual`,
    g.`refunded`,
    g.`recent`,
    g.`opening`,
    g.`closing`,
    g.`dearest`,
    g.`greatest`,
    g.`quiet_days`,
    g.`quiet_hours`,
    g.`known_weeks`,
    g.`known_months`
  from `orders_measured` as g
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
),
-- the same rows grouped by calendar day too, once for all traits that ask for days (one row a
-- profile and day)
`orders_each_day` as (
  select
    s.cdp_profile_id as profile_id,
    date_diff(date(s.cdp_local), date '0001-01-01', day) as cdp_period,
    (countif(s.cdp_time <= `clock`.`now`) > 0) as `days_in_a_row`
  from `orders_local` as s
  cross join `_cdp`.`b0_clock` as clock
  where s.cdp_profile_id is not null and s.cdp_local is not null
  group by s.cdp_profile_id, cdp_period
),
-- to which run each day belongs: its number less its place among those that count
`orders_day_runs` as (
  select
    e.*,
    e.cdp_period - row_number() over (
      partition by e.profile_id, e.`days_in_a_row`
      order by e.cdp_period
    ) as `days_in_a_row__run`
  from `orders_each_day` as e
),
-- how many days of its run there are up to each day
`orders_day_lengths` as (
  select
    e.*,
    row_number() over (
      partition by e.profile_id, e.`days_in_a_row`, e.`days_in_a_row__run`
      order by e.cdp_period
    ) as `days_in_a_row__length`
  from `orders_day_runs` as e
),
-- what is made of the days (one row a profile)
`orders_over_days` as (
  select
    e.profile_id,
    max(if(`e`.`days_in_a_row`, `e`.`days_in_a_row__length`, null)) as `days_in_a_row`
  from `orders_day_lengths` as e
  group by e.profile_id
),
-- the same rows grouped by calendar month too, once for all traits that ask for months (one row a
-- profile and month)
`orders_each_month` as (
  select
    s.cdp_profile_id as profile_id,
    date_diff(date(s.cdp_local), date '0001-01-01', month) as cdp_period,
    true as `active_months`,
    (countif(s.cdp_time <= `clock`.`now`) > 0) as `streak`,
    (countif((`s`.`status` = 'paid') and s.cdp_time <= `clock`.`now`) > 0) as `paid_streak`,
    (countif((`s`.`amount` > 0) and s.cdp_time <= `clock`.`now`) > 0) as `longest_streak`,
    coalesce(round(cast(sum(`s`.`amount`) as numeric), 6), 0) as `best_month`,
    count(*) as `worst_month`,
    case
      when (countif((`s`.`status` = 'paid')) > 0)
      then coalesce(round(cast(sum(if((`s`.`status` = 'paid'), `s`.`amount`, null)) as numeric), 6), 0)
    end as `usual_month`,
    max(`s`.`amount`) as `middle_month`
  from `orders_local` as s
  cross join `_cdp`.`b0_clock` as clock
  where s.cdp_profile_id is not null and s.cdp_local is not null
  group by s.cdp_profile_id, cdp_period
),
-- to which run each month belongs: its number less its place among those that count
`orders_month_runs` as (
  select
    e.*,
    e.cdp_period - row_number() over (
      partition by e.profile_id, e.`streak`
      order by e.cdp_period
    ) as `streak__run`,
    e.cdp_period - row_number() over (
      partition by e.profile_id, e.`paid_streak`
      order by e.cdp_period
    ) as `paid_streak__run`,
    e.cdp_period - row_number() over (
      partition by e.profile_id, e.`longest_streak`
      order by e.cdp_period
    ) as `longest_streak__run`
  from `orders_each_month` as e
),
-- how many months of its run there are up to each month
`orders_month_lengths` as (
  select
    e.*,
    row_number() over (
      partition by e.profile_id, e.`streak`, e.`streak__run`
      order by e.cdp_period
    ) as `streak__length`,
    row_number() over (
      partition by e.profile_id, e.`paid_streak`, e.`paid_streak__run`
      order by e.cdp_period
    ) as `paid_streak__length`,
    row_number() over (
      partition by e.profile_id, e.`longest_streak`, e.`longest_streak__run`
      order by e.cdp_period
    ) as `longest_streak__length`
  from `orders_month_runs` as e
),
-- what is made of the months (one row a profile)
`orders_over_months` as (
  select
    e.profile_id,
    countif(`e`.`active_months`) as `active_months`,
    max(
      if(
        `e`.`streak` and e.cdp_period >= date_diff(date(datetime(`clock`.`now`, 'Europe/Paris')), date '0001-01-01',
          month) - 1,
        `e`.`streak__length`,
        null
      )
    ) as `streak`,
    max(
      if(
        `e`.`paid_streak` and e.cdp_period >= date_diff(date(datetime(`clock`.`now`, 'Europe/Paris')), date
          '0001-01-01', month) - 1,
        `e`.`paid_streak__length`,
        null
      )
    ) as `paid_streak`,
    max(if(`e`.`longest_streak`, `e`.`longest_streak__length`, null)) as `longest_streak`,
    max(`e`.`best_month`) as `best_month`,
    min(`e`.`worst_month`) as `worst_month`,
    (round(cast(avg(`e`.`usual_month`) as float64) * pow(10, 6)) / pow(10, 6)) as `usual_month`,
    (round((
      array_agg(cast(`e`.`middle_month` as float64) ignore nulls order by cast(`e`.`middle_month` as
        float64))[safe_offset(cast(floor(0.5 * (count(`e`.`middle_month`) - 1)) as int64))]
      + (array_agg(cast(`e`.`middle_month` as float64) ignore nulls order by cast(`e`.`middle_month` as
        float64))[safe_offset(cast(ceil(0.5 * (count(`e`.`middle_month`) - 1)) as int64))] -
        array_agg(cast(`e`.`middle_month` as float64) ignore nulls order by cast(`e`.`middle_month` as
        float64))[safe_offset(cast(floor(0.5 * (count(`e`.`middle_month`) - 1)) as int64))])
      * (0.5 * (count(`e`.`middle_month`) - 1) - floor(0.5 * (count(`e`.`middle_month`) - 1)))
    ) * pow(10, 6)) / pow(10, 6)) as `middle_month`
  from `orders_month_lengths` as e
  cross join `_cdp`.`b0_clock` as clock
  group by e.profile_id
),
-- the same rows grouped by calendar quarter too, once for all traits that ask for quarters (one
-- row a profile and quarter)
`orders_each_quarter` as (
  select
    s.cdp_profile_id as profile_id,
    date_diff(date(s.cdp_local), date '0001-01-01', quarter) as cdp_period,
    coalesce(round(cast(sum(`s`.`amount`) as numeric), 6), 0) as `last_quarter`
  from `orders_local` as s
  cross join `_cdp`.`b0_clock` as clock
  where s.cdp_profile_id is not null and s.cdp_local is not null
  group by s.cdp_profile_id, cdp_period
),
-- what is made of the quarters (one row a profile)
`orders_over_quarters` as (
  select
    e.profile_id,
    array_agg(`e`.`last_quarter` ignore nulls order by
      e.cdp_period desc,
      `e`.`last_quarter` desc
    limit 1)[safe_offset(0)] as `last_quarter`
  from `orders_each_quarter` as e
  group by e.profile_id
)
select
  g.*,
  `by_day`.`days_in_a_row`,
  `by_month`.`active_months`,
  `by_month`.`streak`,
  `by_month`.`paid_streak`,
  `by_month`.`longest_streak`,
  `by_month`.`best_month`,
  `by_month`.`worst_month`,
  `by_month`.`usual_month`,
  `by_month`.`middle_month`,
  `by_quarter`.`last_quarter`
from `orders_grouped` as g
left join `orders_over_days` as `by_day` on `by_day`.`profile_id` = g.profile_id
left join `orders_over_months` as `by_month` on `by_month`.`profile_id` = g.profile_id
left join `orders_over_quarters` as `by_quarter` on `by_quarter`.`profile_id` = g.profile_id;

-- customer from order_items: all that is asked of order_items, in one scan
create or replace table `_cdp`.`b0_customer_from_order_items` as
with
-- identifiers, keys and times in the form in which they are compared
`orders_normalised` as (
  select
    s.*,
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
      when regexp_contains(format('%T', `s`.`order_id`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
        when starts_with(to_json_string(`s`.`order_id`), '"') then json_value(case
          when regexp_contains(format('%T', `s`.`order_id`), '^(TIMESTAMP|DATETIME)')
            then regexp_replace(to_json_string(`s`.`order_id`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
          when starts_with(format('%T', `s`.`order_id`), 'CAST(') then null
          else to_json_string(`s`.`order_id`)
        end)
        else nullif(to_json_string(`s`.`order_id`), 'null')
      end
      when regexp_contains(cast(`s`.`order_id` as string), '^[!-~]([ -~]*[!-~])?$')
        then cast(`s`.`order_id` as string)
      else nullif(regexp_replace(
        cast(`s`.`order_id` as string),
        '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
      ), '')
    end as cdp_key,
    cast(`s`.`ordered_at` as timestamp) as cdp_time
  from `raw`.`orders` as s
),
-- without the values that identify nobody
`orders_identified` as (
  select
    s.*,
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
  from `orders_normalised` as s
),
-- every identifier that joins, and its profile (one row an identifier)
`orders_lookup` as (
  select i.type, i.value, n.profile, p.profile_id
  from (
    select node_id, type, value
    from `_cdp`.`customer_values`
    union all
    select node_id, type, value
    from `_cdp`.`b0_customer_values`
    where is_new
    union all
    select node_id, type, value
    from `_cdp`.`b0_customer_lone`
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
  where i.type in ('email')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
`orders_attributed` as (
  select
    s.*,
    `lookup_1`.`profile` as cdp_profile,
    `lookup_1`.`profile_id` as cdp_profile_id
  from `orders_identified` as s
  left join `orders_lookup` as `lookup_1`
    on `lookup_1`.`type` = 'email' and `lookup_1`.`value` = `s`.`cdp_email`
),
-- the profile of each row of orders (one row a key, even where a key repeats)
`orders_owners` as (
  select o.cdp_key, o.cdp_profile, p.profile_id as cdp_profile_id
  from (
    select `s`.`order_id` as cdp_key, min(s.cdp_profile) as cdp_profile
    from `orders_attributed` as s
    where `s`.`order_id` is not null
    group by `s`.`order_id`
  ) as o
  join (
    select i.anchor, i.profile_id
    from `_cdp`.`customer_profile_ids` as i
    left join `_cdp`.`b0_customer_ids` as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from `_cdp`.`b0_customer_ids`
    where merged_into is null
  ) as p on p.anchor = o.cdp_profile
),
-- whose each row is: the profile of its orders (at most one profile a row)
`order_items_attributed` as (
  select
    s.*,
    case
      when regexp_contains(format('%T', `s`.`line_id`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
        when starts_with(to_json_string(`s`.`line_id`), '"') then json_value(case
          when regexp_contains(format('%T', `s`.`line_id`), '^(TIMESTAMP|DATETIME)')
            then regexp_replace(to_json_string(`s`.`line_id`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
          when starts_with(format('%T', `s`.`line_id`), 'CAST(') then null
          else to_json_string(`s`.`line_id`)
        end)
        else nullif(to_json_string(`s`.`line_id`), 'null')
      end
      when regexp_contains(cast(`s`.`line_id` as string), '^[!-~]([ -~]*[!-~])?$')
        then cast(`s`.`line_id` as string)
      else nullif(regexp_replace(
        cast(`s`.`line_id` as string),
        '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
      ), '')
    end as cdp_key,
    owner.cdp_profile,
    owner.cdp_profile_id
  from `raw`.`order_items` as s
  left join `orders_owners` as owner on owner.cdp_key = `s`.`order_id`
),
-- what is asked of orders, one row a key
`orders_by_key` as (
  select
    `s`.`order_id` as cdp_key,
    min(`s`.`amount`) as `amount`,
    min(`s`.`status`) as `status`
  from `raw`.`orders` as s
  group by `s`.`order_id`
),
-- what is asked of products, one row a key
`products_by_key` as (
  select
    `s`.`sku` as cdp_key,
    min(`s`.`brand_id`) as `brand_id`,
    min(`s`.`category`) as `category`,
    min(`s`.`price`) as `price`
  from `raw`.`products` as s
  group by `s`.`sku`
),
-- what is asked of brands, one row a key
`products__brands_by_key` as (
  select
    `s`.`brand_id` as cdp_key,
    min(`s`.`name`) as `name`
  from `raw`.`brands` as s
  group by `s`.`brand_id`
),
-- all that is asked, by number of the profile: ids are texts, which are slow to group by (one row
-- a profile)
`order_items_measured` as (
  select
    s.cdp_profile,
    case
      when count(cast(`s`.`sku` as string)) > 0
      then ifnull(array_agg(distinct cast(`s`.`sku` as string) ignore nulls order by cast(`s`.`sku` as string) limit 2),
        [])
    end as `skus`,
    cast(sum(`s`.`quantity`) as int64) as `pieces`,
    array_agg(`products`.`category` ignore nulls) as `top_category`,
    (round((cast(countif((`products`.`category` = 'drinks' and `orders`.`status` = 'paid')) as float64) /
      nullif(count(*), 0)) * pow(10, 6)) / pow(10, 6)) as `drinks_share`,
    round(cast(sum(if((`orders`.`amount` >= 10), `s`.`quantity` * `products`.`price`, null)) as numeric), 6) as
      `item_value`,
    array_agg(if(`products`.`price` is not null, `products`.`category`, null) ignore nulls order by
      `products`.`price` desc,
      s.cdp_key is null,
      s.cdp_key,
      `products`.`category` is null,
      `products`.`category`
    limit 1)[safe_offset(0)] as `dearest_kind`,
    array_agg(`products__brands`.`name` ignore nulls) as `top_brand`,
    case
      when count(
        case when (`products__brands`.`name` <> 'Lune') then cast(`products__brands`.`name` as string) end
      ) > 0
      then ifnull(array_agg(distinct case when (`products__brands`.`name` <> 'Lune') then cast(`products__brands`.`name`
        as string) end ignore nulls order by case when (`products__brands`.`name` <> 'Lune') then
        cast(`products__brands`.`name` as string) end limit 100), [])
    end as `brands`,
    (round(sum((cast(`s`.`quantity` as float64) / nullif(`products`.`price`, 0))) * pow(10, 6)) / pow(10, 6)) as `ratio`
  from `order_items_attributed` as s
  cross join `_cdp`.`b0_clock` as clock
  left join `orders_by_key` as `orders`
    on `orders`.`cdp_key` = `s`.`order_id`
  left join `products_by_key` as `products`
    on `products`.`cdp_key` = `s`.`sku`
  left join `products__brands_by_key` as `products__brands`
    on `products__brands`.`cdp_key` = `products`.`brand_id`
  where s.cdp_profile is not null
  group by s.cdp_profile
)
select
  p.profile_id,
  g.`skus`,
  g.`pieces`,
  (
    select item
    from (
      select item, 1 as tally from unnest(`g`.`top_category`) as item
    )
    group by item
    order by count(*) desc, min(tally), item
    limit 1
  ) as `top_category`,
  g.`drinks_share`,
  g.`item_value`,
  g.`dearest_kind`,
  (
    select item
    from (
      select item, 1 as tally from unnest(`g`.`top_brand`) as item
    )
    group by item
    order by count(*) desc, min(tally), item
    limit 1
  ) as `top_brand`,
  g.`brands`,
  g.`ratio`
from `order_items_measured` as g
join (
  select i.anchor, i.profile_id
  from `_cdp`.`customer_profile_ids` as i
  left join `_cdp`.`b0_customer_ids` as c on c.anchor = i.anchor
  where i.merged_into is null and c.anchor is null
  union all
  select anchor, profile_id
  from `_cdp`.`b0_customer_ids`
  where merged_into is null
) as p on p.anchor = g.cdp_profile;

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
    union all
    select node_id, type, value
    from `_cdp`.`b0_customer_lone`
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
    ifnull(array_agg(distinct case when type = 'email' then value end ignore nulls order by case when type = 'email'
      then value end), []) as `all_email`
  from `every_identifier`
  group by profile_id
),
-- what the scans found (at most one row a profile each)
`gathered` as (
  select
    people.*,
    `group_household`.`profile_id` as `household_id`,
    lists.`all_email`,
    coalesce(`from_contacts`.`email`, `from_shop`.`email`) as `email`,
    coalesce(`from_shop`.`by_priority`, `from_contacts`.`by_priority`) as `by_priority`,
    case greatest(
      coalesce(`from_contacts`.`most_recent__at`, `from_shop`.`most_recent__at`),
      coalesce(`from_shop`.`most_recent__at`, `from_contacts`.`most_recent__at`)
    )
      when `from_contacts`.`most_recent__at` then `from_contacts`.`most_recent`
      when `from_shop`.`most_recent__at` then `from_shop`.`most_recent`
      else coalesce(`from_contacts`.`most_recent`, `from_shop`.`most_recent`)
    end as `most_recent`,
    case least(
      coalesce(`from_contacts`.`earliest__at`, `from_shop`.`earliest__at`),
      coalesce(`from_shop`.`earliest__at`, `from_contacts`.`earliest__at`)
    )
      when `from_contacts`.`earliest__at` then `from_contacts`.`earliest`
      when `from_shop`.`earliest__at` then `from_shop`.`earliest`
      else coalesce(`from_contacts`.`earliest`, `from_shop`.`earliest`)
    end as `earliest`,
    (
      select item
      from (
        select item, 1 as tally from unnest(`from_contacts`.`commonest`) as item
        union all
        select item, 2 as tally from unnest(`from_shop`.`commonest`) as item
      )
      group by item
      order by count(*) desc, min(tally), item
      limit 1
    ) as `commonest`,
    case greatest(
      coalesce(
        char_length(cast(`from_contacts`.`longest` as string)),
        char_length(cast(`from_shop`.`longest` as string))
      ),
      coalesce(
        char_length(cast(`from_shop`.`longest` as string)),
        char_length(cast(`from_contacts`.`longest` as string))
      )
    )
      when char_length(cast(`from_contacts`.`longest` as string)) then `from_contacts`.`longest`
      when char_length(cast(`from_shop`.`longest` as string)) then `from_shop`.`longest`
    end as `longest`,
    least(
      coalesce(`from_contacts`.`smallest`, `from_shop`.`smallest`),
      coalesce(`from_shop`.`smallest`, `from_contacts`.`smallest`)
    ) as `smallest`,
    `from_contacts`.`any_true` as `any_true`,
    (
      select string_agg(distinct item, ', ' order by item)
      from unnest(array_concat(ifnull(`from_contacts`.`all_names`, []), ifnull(`from_shop`.`all_names`, []))) as item
    ) as `all_names`,
    coalesce(`from_shop`.`traced`, `from_contacts`.`traced`) as `traced`,
    case
      when `from_shop`.`traced` is not null then 'shop'
      when `from_contacts`.`traced` is not null then 'contacts'
    end as `traced__source`,
    coalesce(`from_orders`.`order_count`, 0) as `order_count`,
    coalesce(`from_orders`.`statuses`, 0) as `statuses`,
    coalesce(`from_orders`.`revenue`, 0) as `revenue`,
    `from_orders`.`mean` as `mean`,
    `from_orders`.`least` as `least`,
    `from_orders`.`newest_order` as `newest_order`,
    `from_orders`.`median_amount` as `median_amount`,
    `from_orders`.`p90` as `p90`,
    `from_orders`.`return_rate` as `return_rate`,
    `from_orders`.`usual` as `usual`,
    coalesce(`from_orders`.`refunded`, false) as `refunded`,
    coalesce(`from_orders`.`recent`, 0) as `recent`,
    `from_order_items`.`skus` as `skus`,
    `from_orders`.`opening` as `opening`,
    `from_orders`.`closing` as `closing`,
    `from_orders`.`dearest` as `dearest`,
    `from_orders`.`greatest` as `greatest`,
    `from_orders`.`quiet_days` as `quiet_days`,
    `from_orders`.`quiet_hours` as `quiet_hours`,
    `from_orders`.`known_weeks` as `known_weeks`,
    `from_orders`.`known_months` as `known_months`,
    coalesce(`from_orders`.`active_months`, 0) as `active_months`,
    coalesce(`from_orders`.`streak`, 0) as `streak`,
    coalesce(`from_orders`.`paid_streak`, 0) as `paid_streak`,
    coalesce(`from_orders`.`longest_streak`, 0) as `longest_streak`,
    coalesce(`from_orders`.`days_in_a_row`, 0) as `days_in_a_row`,
    `from_orders`.`best_month` as `best_month`,
    `from_orders`.`worst_month` as `worst_month`,
    `from_orders`.`usual_month` as `usual_month`,
    `from_orders`.`middle_month` as `middle_month`,
    `from_orders`.`last_quarter` as `last_quarter`,
    coalesce(`from_order_items`.`pieces`, 0) as `pieces`,
    `from_order_items`.`top_category` as `top_category`,
    `from_order_items`.`drinks_share` as `drinks_share`,
    coalesce(`from_order_items`.`item_value`, 0) as `item_value`,
    `from_order_items`.`dearest_kind` as `dearest_kind`,
    `from_order_items`.`top_brand` as `top_brand`,
    `from_order_items`.`brands` as `brands`,
    coalesce(`from_order_items`.`ratio`, 0) as `ratio`
  from `people` as people
  left join `lists` as lists on lists.profile_id = people.profile_id
  left join `_cdp`.`b0_household_members` as `group_household`
    on `group_household`.`member_id` = people.profile_id
  left join `_cdp`.`b0_customer_from_contacts` as `from_contacts`
    on `from_contacts`.`profile_id` = `people`.`profile_id`
  left join `_cdp`.`b0_customer_from_shop` as `from_shop`
    on `from_shop`.`profile_id` = `people`.`profile_id`
  left join `_cdp`.`b0_customer_from_orders` as `from_orders`
    on `from_orders`.`profile_id` = `people`.`profile_id`
  left join `_cdp`.`b0_customer_from_order_items` as `from_order_items`
    on `from_order_items`.`profile_id` = `people`.`profile_id`
),
-- traits computed from the traits before them
`derived_1` as (
  select
    p.*,
    (cast(`p`.`revenue` as float64) / nullif(`p`.`order_count`, 0)) as `basket`,
    case
      when `p`.`revenue` >= 1000 then 'gold'
      when `p`.`revenue` >= 100 then 'silver'
      when `p`.`revenue` >= 0 then 'bronze'
    end as `tier`,
    case
      when cast(`p`.`newest_order` as timestamp)
        >= timestamp_add(cast(`clock`.`now` as timestamp), interval -10 day)
      then 'hot'
      when cast(`p`.`newest_order` as timestamp)
        >= timestamp_add(cast(`clock`.`now` as timestamp), interval -60 day)
      then 'warm'
      when cast(`p`.`newest_order` as timestamp)
        >= timestamp(date '2020-01-01', 'Europe/Paris')
      then 'cold'
    end as `freshness`,
    (revenue + 1) as `raw`
  from `gathered` as p
  cross join `_cdp`.`b0_clock` as clock
)
select
  `profile_id`,
  `first_seen_at`,
  `last_seen_at`,
  `household_id`,
  `all_email`,
  `email`,
  `by_priority`,
  `most_recent`,
  `earliest`,
  `commonest`,
  `longest`,
  `smallest`,
  `any_true`,
  `all_names`,
  `traced`,
  `traced__source`,
  `order_count`,
  `statuses`,
  `revenue`,
  `mean`,
  `least`,
  `newest_order`,
  `median_amount`,
  `p90`,
  `return_rate`,
  `usual`,
  `refunded`,
  `recent`,
  `skus`,
  `opening`,
  `closing`,
  `dearest`,
  `greatest`,
  `quiet_days`,
  `quiet_hours`,
  `known_weeks`,
  `known_months`,
  `active_months`,
  `streak`,
  `paid_streak`,
  `longest_streak`,
  `days_in_a_row`,
  `best_month`,
  `worst_month`,
  `usual_month`,
  `middle_month`,
  `last_quarter`,
  `pieces`,
  `top_category`,
  `drinks_share`,
  `item_value`,
  `dearest_kind`,
  `top_brand`,
  `brands`,
  `ratio`,
  `basket`,
  `tier`,
  `freshness`,
  `raw`
from `derived_1`;

-- profile: profiles/household

-- household attributes: identifiers that join nobody, on the profiles whose rows hold them
create or replace table `_cdp`.`b0_household_attributes` as
select
  cast(null as string) as profile_id, type, value,
  cast(null as timestamp) as first_seen_at, cast(null as timestamp) as last_seen_at
from `_cdp`.`b0_household_values`
where 1 = 0;

-- household from customer: all that is asked of the members of a household, in one scan
create or replace table `_cdp`.`b0_household_from_customer` as
with
-- every customer who is a member, once
`people` as (
  select p.*, m.profile_id as cdp_group
  from `_cdp`.`b0_household_members` as m
  join `_cdp`.`b0_customer` as p on p.profile_id = m.member_id
)
select
  p.cdp_group as profile_id,
  count(*) as `size`,
  round(cast(sum(`p`.`revenue`) as numeric), 6) as `spent`,
  (round((
    array_agg(cast(`p`.`mean` as float64) ignore nulls order by cast(`p`.`mean` as float64))[safe_offset(cast(floor(0.5
      * (count(`p`.`mean`) - 1)) as int64))]
    + (array_agg(cast(`p`.`mean` as float64) ignore nulls order by cast(`p`.`mean` as
      float64))[safe_offset(cast(ceil(0.5 * (count(`p`.`mean`) - 1)) as int64))] - array_agg(cast(`p`.`mean` as float64)
      ignore nulls order by cast(`p`.`mean` as float64))[safe_offset(cast(floor(0.5 * (count(`p`.`mean`) - 1)) as
      int64))])
    * (0.5 * (count(`p`.`mean`) - 1) - floor(0.5 * (count(`p`.`mean`) - 1)))
  ) * pow(10, 6)) / pow(10, 6)) as `middle`,
  (round((cast(countif((`p`.`order_count` > 0)) as float64) / nullif(count(*), 0)) * pow(10, 6)) / pow(10, 6)) as
    `buyers`,
  array_agg(if(`p`.`revenue` is not null, `p`.`email`, null) ignore nulls order by
    `p`.`revenue` desc,
    p.first_seen_at is null,
    p.first_seen_at,
    p.profile_id is null,
    p.profile_id,
    `p`.`email` is null,
    `p`.`email`
  limit 1)[safe_offset(0)] as `biggest`,
  case
    when count(cast(`p`.`tier` as string)) > 0
    then ifnull(array_agg(distinct cast(`p`.`tier` as string) ignore nulls order by cast(`p`.`tier` as string) limit
      100), [])
  end as `tiers`
from `people` as p
cross join `_cdp`.`b0_clock` as clock
group by p.cdp_group;

-- household profiles: one row a profile, one column a trait
create or replace table `_cdp`.`b0_household` as
with
-- every identifier that joins, with its profile
`members` as (
  select i.node_id, i.type, i.value, n.first_seen_at, n.last_seen_at, p.profile_id
  from (
    select g.node_id, g.first_seen_at, g.last_seen_at, g.profile
    from `_cdp`.`household_graph` as g
    left join `_cdp`.`b0_household_graph` as c on c.node_id = g.node_id
    where g.profile is not null and c.node_id is null
    union all
    select node_id, first_seen_at, last_seen_at, profile
    from `_cdp`.`b0_household_graph`
    where profile is not null
  ) as n
  join (
    select node_id, type, value
    from `_cdp`.`household_values`
    union all
    select node_id, type, value
    from `_cdp`.`b0_household_values`
    where is_new
  ) as i on i.node_id = n.node_id
  join (
    select i.anchor, i.profile_id
    from `_cdp`.`household_profile_ids` as i
    left join `_cdp`.`b0_household_ids` as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from `_cdp`.`b0_household_ids`
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
  select profile_id, type, value from `_cdp`.`b0_household_attributes`
),
-- identifiers by type as sorted lists (one row a profile)
`lists` as (
  select
    profile_id,
    ifnull(array_agg(distinct case when type = 'address_key' then value end ignore nulls order by case when type =
      'address_key' then value end), []) as `all_address_key`
  from `every_identifier`
  group by profile_id
),
-- what the scans found (at most one row a profile each)
`gathered` as (
  select
    people.*,
    lists.`all_address_key`,
    coalesce(`from_customer`.`size`, 0) as `size`,
    coalesce(`from_customer`.`spent`, 0) as `spent`,
    `from_customer`.`middle` as `middle`,
    `from_customer`.`buyers` as `buyers`,
    `from_customer`.`biggest` as `biggest`,
    `from_customer`.`tiers` as `tiers`
  from `people` as people
  left join `lists` as lists on lists.profile_id = people.profile_id
  left join `_cdp`.`b0_household_from_customer` as `from_customer`
    on `from_customer`.`profile_id` = `people`.`profile_id`
)
select
  `profile_id`,
  `first_seen_at`,
  `last_seen_at`,
  `all_address_key`,
  `size`,
  `spent`,
  `middle`,
  `buyers`,
  `biggest`,
  `tiers`
from `gathered`;
