-- rows orders_to_hook: what orders_to_hook sends of orders
create or replace table `_cdp`.`b0_rows_orders_to_hook_d5994f26` as
with
-- rows that happened since the first run
`orders_started` as (
  select s.*
  from `raw`.`orders` as s
  cross join `_cdp`.`b0_clock` as clock
  where cast(`s`.`ordered_at` as timestamp) >= coalesce(cast(cast(@start_orders_to_hook_d5994f26 as string) as
    timestamp), `clock`.`now`)
),
-- identifiers, keys and times in the form in which they are compared
`orders_normalised` as (
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
  from `orders_started` as s
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
-- what is asked of products, one row a key
`products_by_key` as (
  select
    `s`.`sku` as cdp_key,
    min(`s`.`brand`) as `brand`
  from `raw`.`products` as s
  group by `s`.`sku`
),
-- what is sent of each row, and whose it is (one row a row)
`sent` as (
  select
    s.cdp_profile_id as cdp_profile_id,
    `s`.`order_id` as `order_id`,
    `s`.`amount` as `amount`,
    `products`.`brand` as `products__brand`,
    `profile`.`customer__name` as `customer__name`
  from `orders_attributed` as s
  cross join `_cdp`.`b0_clock` as clock
  left join `products_by_key` as `products`
    on `products`.`cdp_key` = `s`.`sku`
  left join (
    select
      profile_id as cdp_owner_id,
      `name` as `customer__name`,
      `city` as `customer__city`
    from `_cdp`.`b0_customer`
  ) as profile on profile.cdp_owner_id = s.cdp_profile_id
  where `s`.`status` = 'paid'
    and not (`profile`.`customer__city` = 'Lille')
)
select
  p.*,
  ('{"order_id":'
  || (case
    when regexp_contains(format('%T', `p`.`order_id`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then
      trim(to_json_string(`p`.`order_id`), '"')
    else case
      when regexp_contains(format('%T', `p`.`order_id`), '^(TIMESTAMP|DATETIME)')
        then regexp_replace(nullif(to_json_string(`p`.`order_id`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
      when starts_with(format('%T', `p`.`order_id`), 'CAST(') then null
      else nullif(to_json_string(`p`.`order_id`), 'null')
    end
  end)
  || '}') as cdp_key
from `sent` as p

-- rows products_to_hook: what products_to_hook sends of products
create or replace table `_cdp`.`b0_rows_products_to_hook_d348655b` as
with
-- what is sent of each row, and whose it is (one row a row)
`sent` as (
  select
    cast(null as string) as cdp_profile_id,
    `s`.`sku` as `sku`,
    `s`.`name` as `name`,
    `s`.`price` as `price`
  from `raw`.`products` as s
  cross join `_cdp`.`b0_clock` as clock
  where true
)
select
  p.*,
  ('{"sku":'
  || (case
    when regexp_contains(format('%T', `p`.`sku`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then trim(to_json_string(`p`.`sku`),
      '"')
    else case
      when regexp_contains(format('%T', `p`.`sku`), '^(TIMESTAMP|DATETIME)')
        then regexp_replace(nullif(to_json_string(`p`.`sku`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
      when starts_with(format('%T', `p`.`sku`), 'CAST(') then null
      else nullif(to_json_string(`p`.`sku`), 'null')
    end
  end)
  || '}') as cdp_key
from `sent` as p

-- first run: rows that happened before are not sent
select max(starts_at) as starts_at
from `_cdp`.`sync`
where sync_id = @sync

-- note first run: rows that happen from now on are sent, by later runs too
update `_cdp`.`sync`
set starts_at = (select max(now) from `_cdp`.`b0_clock`)
where sync_id = @sync
  and fence = cast(@fence as int64)
  and starts_at is null

-- plan: what is to be sent
create or replace table `_cdp`.`plan_orders_to_hook_d5994f26_f0` as
with
-- who has asked not to be contacted, or must not be (one row a profile)
`suppressed` as (
  select distinct profile_id
  from `_cdp`.`b0_customer_suppressed`
  where scope is null or lower(scope) = 'news'
),
-- what was said of whole people: the last yes and the last no (one row a profile)
`said` as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from `_cdp`.`b0_customer_consents`
  where purpose = 'news'
  and profile_id is not null
  group by profile_id
),
-- who may not be contacted: suppressed, or without a yes that no later no revokes (at most one row
-- a profile)
`barred` as (
  select
    p.profile_id,
    case when x.profile_id is not null then 'suppressed' else 'consent' end as reason
  from `_cdp`.`b0_customer` as p
  left join `suppressed` as x on x.profile_id = p.profile_id
  left join `said` as c on c.profile_id = p.profile_id
  where x.profile_id is not null or not (coalesce(`c`.`granted_at` > c.denied_at, `c`.`granted_at` is not null))
),
-- keys that several profiles claim: which of them is meant cannot be known
`duplicated` as (
  select
    `p`.`cdp_key` as key_json,
    count(*) as copies,
    countif(not ((barred.barred_id is not null or p.cdp_profile_id is null))) as claims
  from `_cdp`.`b0_rows_orders_to_hook_d5994f26` as p
  left join (
    select
      profile_id as member_id,
      `staff` as `in_staff`
    from `_cdp`.`b0_customer_segments`
  ) as s on s.member_id = p.cdp_profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from `barred`
  ) as barred on barred.barred_id = p.cdp_profile_id
  cross join `_cdp`.`b0_clock` as clock
  where not (coalesce(`s`.`in_staff`, false))
    and not (`p`.`cdp_key` is null)
  group by `p`.`cdp_key`
  having count(*) > 1
),
-- the audience with its keys and fingerprints (one row a profile)
`keyed` as (
  select
    `p`.`cdp_key` as key_json,
    1 as copies,
    case when (barred.barred_id is not null or p.cdp_profile_id is null) then 0 else 1 end as claims,
    p.cdp_profile_id as profile_id,
    to_hex(md5(array_to_string([coalesce(('amount='
    || (case
      when regexp_contains(format('%T', `p`.`amount`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then
        trim(to_json_string(`p`.`amount`), '"')
      else case
        when regexp_contains(format('%T', `p`.`amount`), '^(TIMESTAMP|DATETIME)')
          then regexp_replace(nullif(to_json_string(`p`.`amount`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
        when starts_with(format('%T', `p`.`amount`), 'CAST(') then null
        else nullif(to_json_string(`p`.`amount`), 'null')
      end
    end)), 'amount~'),
    coalesce(('brand='
    || (case
      when regexp_contains(format('%T', `p`.`products__brand`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then
        trim(to_json_string(`p`.`products__brand`), '"')
      else case
        when regexp_contains(format('%T', `p`.`products__brand`), '^(TIMESTAMP|DATETIME)')
          then regexp_replace(nullif(to_json_string(`p`.`products__brand`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$',
            '\\1Z"')
        when starts_with(format('%T', `p`.`products__brand`), 'CAST(') then null
        else nullif(to_json_string(`p`.`products__brand`), 'null')
      end
    end)), 'brand~'),
    coalesce(('text='
    || (((coalesce(coalesce(json_value(('{"v":'
    || (case
      when regexp_contains(format('%T', `p`.`order_id`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then
        trim(to_json_string(`p`.`order_id`), '"')
      else case
        when regexp_contains(format('%T', `p`.`order_id`), '^(TIMESTAMP|DATETIME)')
          then regexp_replace(nullif(to_json_string(`p`.`order_id`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
        when starts_with(format('%T', `p`.`order_id`), 'CAST(') then null
        else nullif(to_json_string(`p`.`order_id`), 'null')
      end
    end)
    || '}'), '$."v"'), json_query(('{"v":'
    || (case
      when regexp_contains(format('%T', `p`.`order_id`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then
        trim(to_json_string(`p`.`order_id`), '"')
      else case
        when regexp_contains(format('%T', `p`.`order_id`), '^(TIMESTAMP|DATETIME)')
          then regexp_replace(nullif(to_json_string(`p`.`order_id`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
        when starts_with(format('%T', `p`.`order_id`), 'CAST(') then null
        else nullif(to_json_string(`p`.`order_id`), 'null')
      end
    end)
    || '}'), '$."v"')), ''))
    || ' for '
    || (coalesce(coalesce(json_value(('{"v":'
    || (case
      when regexp_contains(format('%T', `p`.`customer__name`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then
        trim(to_json_string(`p`.`customer__name`), '"')
      else case
        when regexp_contains(format('%T', `p`.`customer__name`), '^(TIMESTAMP|DATETIME)')
          then regexp_replace(nullif(to_json_string(`p`.`customer__name`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$',
            '\\1Z"')
        when starts_with(format('%T', `p`.`customer__name`), 'CAST(') then null
        else nullif(to_json_string(`p`.`customer__name`), 'null')
      end
    end)
    || '}'), '$."v"'), json_query(('{"v":'
    || (case
      when regexp_contains(format('%T', `p`.`customer__name`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then
        trim(to_json_string(`p`.`customer__name`), '"')
      else case
        when regexp_contains(format('%T', `p`.`customer__name`), '^(TIMESTAMP|DATETIME)')
          then regexp_replace(nullif(to_json_string(`p`.`customer__name`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$',
            '\\1Z"')
        when starts_with(format('%T', `p`.`customer__name`), 'CAST(') then null
        else nullif(to_json_string(`p`.`customer__name`), 'null')
      end
    end)
    || '}'), '$."v"')), ''))))), 'text~'),
    coalesce(('large='
    || (cast((if(regexp_contains(format('%T', `p`.`amount`), '^["\']'), cast(`p`.`amount` as string), format('%039.9f',
      safe_cast(cast(`p`.`amount` as string) as bignumeric) + cast('1e28' as bignumeric)))
      >= if(regexp_contains(format('%T', `p`.`amount`), '^["\']'), '100', format('%039.9f', cast('100' as bignumeric) +
        cast('1e28' as bignumeric)))) as string))), 'large~')], ''))) as fp
  from `_cdp`.`b0_rows_orders_to_hook_d5994f26` as p
  left join (
    select
      profile_id as member_id,
      `staff` as `in_staff`
    from `_cdp`.`b0_customer_segments`
  ) as s on s.member_id = p.cdp_profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from `barred`
  ) as barred on barred.barred_id = p.cdp_profile_id
  cross join `_cdp`.`b0_clock` as clock
  where not (coalesce(`s`.`in_staff`, false))
    and not (`p`.`cdp_key` is null)
),
-- one row a key
`members` as (
  select key_json, copies, claims, `profile_id`, `fp`
  from `keyed`
  where key_json not in (select key_json from `duplicated`)
  union all
  select key_json, copies, claims, cast(null as string) as `profile_id`, cast(null as string) as `fp`
  from `duplicated`
),
-- ids that were merged away, and the id in use (one row an alias)
`aliases` as (
  select gone.alias, used.profile_id
  from (
    select i.profile_id as alias, i.merged_into
    from `_cdp`.`customer_profile_ids` as i
    left join `_cdp`.`b0_customer_ids` as c on c.anchor = i.anchor
    where i.merged_into is not null and c.anchor is null
    union all
    select profile_id as alias, merged_into
    from `_cdp`.`b0_customer_ids`
    where merged_into is not null
  ) as gone
  join (
    select i.anchor, i.profile_id
    from `_cdp`.`customer_profile_ids` as i
    left join `_cdp`.`b0_customer_ids` as c on c.anchor = i.anchor
    where i.merged_into is null and c.anchor is null
    union all
    select anchor, profile_id
    from `_cdp`.`b0_customer_ids`
    where merged_into is null
  ) as used on used.anchor = gone.merged_into
),
-- what the audience has against what the destination acknowledged (one row a key)
`compared` as (
  select
    coalesce(m.key_json, s.key_json) as key_json,
    case when m.copies = 1 then m.profile_id else coalesce(a.profile_id, s.profile_id) end as profile_id,
    coalesce(m.claims = m.copies, false) as in_audience,
    coalesce(m.copies, 0) as copies,
    coalesce(m.claims, 0) as claims,
    coalesce(m.claims < m.copies, b.profile_id is not null) as is_barred,
    m.fp, s.fp as known_fp, s.ident, s.dest_id, s.rev, s.hold_until, s.tried_fp, s.next_retry_at,
    case
      when coalesce(m.claims < m.copies, b.profile_id is not null) then case
        when s.state = 'submitted' then 'pending'
        when m.copies > 1 then 'duplicate'
      end
      when m.copies > 1 then 'duplicate'
      when s.state = 'submitted' then 'pending'
      when m.key_json is null then null
      when s.key_json is null or s.state in ('absent', 'tomb') or (s.state = 'unknown' and not s.known) then 'create'
      when s.state = 'unknown' then null
      when s.state = 'left' then 'returned'
    end as verdict
  from `members` as m
  full outer join `_cdp`.`snap_orders_to_hook_d5994f26` as s on s.key_json = m.key_json
  left join `aliases` as a on a.alias = s.profile_id
  left join `barred` as b on b.profile_id = coalesce(a.profile_id, s.profile_id)
),
-- with the one profile whose values are sent, so that joins are by equality alone
`differing` as (
  select
    *,
    case when verdict in ('create', 'update') then key_json end as sent_row,
    case when verdict in ('remove', 'left') then profile_id end as gone_profile
  from `compared`
  where verdict is not null
),
-- what would be sent (exactly one profile for each row that is sent)
`described` as (
  select
    c.*,
    left(to_hex(sha256(c.key_json)), 32) as key_hash,
    case when c.verdict in ('create', 'update', 'remove') then c.verdict end as op,
    case when c.verdict = 'remove' then case when c.is_barred then 'withdraw' else 'leave' end end as act,
    case
      when c.verdict = 'remove' and c.is_barred then 'remove '
      when c.verdict = 'remove' then 'remove '
      when c.verdict in ('create', 'update') then c.fp
    end as trying,
    case
      when p.cdp_key is null then '{}'
      else
        ('{'
        || (array_to_string([('"amount":'
        || (case
          when regexp_contains(format('%T', `p`.`amount`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then
            trim(to_json_string(`p`.`amount`), '"')
          else case
            when regexp_contains(format('%T', `p`.`amount`), '^(TIMESTAMP|DATETIME)')
              then regexp_replace(nullif(to_json_string(`p`.`amount`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
            when starts_with(format('%T', `p`.`amount`), 'CAST(') then null
            else nullif(to_json_string(`p`.`amount`), 'null')
          end
        end)),
        ('"brand":'
        || (case
          when regexp_contains(format('%T', `p`.`products__brand`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then
            trim(to_json_string(`p`.`products__brand`), '"')
          else case
            when regexp_contains(format('%T', `p`.`products__brand`), '^(TIMESTAMP|DATETIME)')
              then regexp_replace(nullif(to_json_string(`p`.`products__brand`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$',
                '\\1Z"')
            when starts_with(format('%T', `p`.`products__brand`), 'CAST(') then null
            else nullif(to_json_string(`p`.`products__brand`), 'null')
          end
        end)),
        ('"text":'
        || (nullif(to_json_string(((coalesce(coalesce(json_value(('{"v":'
        || (case
          when regexp_contains(format('%T', `p`.`order_id`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then
            trim(to_json_string(`p`.`order_id`), '"')
          else case
            when regexp_contains(format('%T', `p`.`order_id`), '^(TIMESTAMP|DATETIME)')
              then regexp_replace(nullif(to_json_string(`p`.`order_id`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$',
                '\\1Z"')
            when starts_with(format('%T', `p`.`order_id`), 'CAST(') then null
            else nullif(to_json_string(`p`.`order_id`), 'null')
          end
        end)
        || '}'), '$."v"'), json_query(('{"v":'
        || (case
          when regexp_contains(format('%T', `p`.`order_id`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then
            trim(to_json_string(`p`.`order_id`), '"')
          else case
            when regexp_contains(format('%T', `p`.`order_id`), '^(TIMESTAMP|DATETIME)')
              then regexp_replace(nullif(to_json_string(`p`.`order_id`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$',
                '\\1Z"')
            when starts_with(format('%T', `p`.`order_id`), 'CAST(') then null
            else nullif(to_json_string(`p`.`order_id`), 'null')
          end
        end)
        || '}'), '$."v"')), ''))
        || ' for '
        || (coalesce(coalesce(json_value(('{"v":'
        || (case
          when regexp_contains(format('%T', `p`.`customer__name`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then
            trim(to_json_string(`p`.`customer__name`), '"')
          else case
            when regexp_contains(format('%T', `p`.`customer__name`), '^(TIMESTAMP|DATETIME)')
              then regexp_replace(nullif(to_json_string(`p`.`customer__name`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$',
                '\\1Z"')
            when starts_with(format('%T', `p`.`customer__name`), 'CAST(') then null
            else nullif(to_json_string(`p`.`customer__name`), 'null')
          end
        end)
        || '}'), '$."v"'), json_query(('{"v":'
        || (case
          when regexp_contains(format('%T', `p`.`customer__name`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then
            trim(to_json_string(`p`.`customer__name`), '"')
          else case
            when regexp_contains(format('%T', `p`.`customer__name`), '^(TIMESTAMP|DATETIME)')
              then regexp_replace(nullif(to_json_string(`p`.`customer__name`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$',
                '\\1Z"')
            when starts_with(format('%T', `p`.`customer__name`), 'CAST(') then null
            else nullif(to_json_string(`p`.`customer__name`), 'null')
          end
        end)
        || '}'), '$."v"')), '')))), 'null'))),
        ('"large":'
        || (cast((if(regexp_contains(format('%T', `p`.`amount`), '^["\']'), cast(`p`.`amount` as string),
          format('%039.9f', safe_cast(cast(`p`.`amount` as string) as bignumeric) + cast('1e28' as bignumeric)))
          >= if(regexp_contains(format('%T', `p`.`amount`), '^["\']'), '100', format('%039.9f', cast('100' as
            bignumeric) + cast('1e28' as bignumeric)))) as string)))], ','))
        || '}')
    end as payload,
    cast(null as string) as new_ident
  from `differing` as c
  left join `_cdp`.`b0_rows_orders_to_hook_d5994f26` as p on p.cdp_key = c.sent_row and p.cdp_profile_id is not distinct
    from c.profile_id
  cross join `_cdp`.`b0_clock` as clock
),
-- profiles without a key, or with one that others claim: what was sent for them is not gone
`nameless` as (
  select distinct profile_id
  from (
    select
      p.cdp_profile_id as profile_id
    from `_cdp`.`b0_rows_orders_to_hook_d5994f26` as p
    left join (
      select
        profile_id as member_id,
        `staff` as `in_staff`
      from `_cdp`.`b0_customer_segments`
    ) as s on s.member_id = p.cdp_profile_id
    left join (
      select profile_id as barred_id, reason as barred_for
      from `barred`
    ) as barred on barred.barred_id = p.cdp_profile_id
    cross join `_cdp`.`b0_clock` as clock
    where not (coalesce(`s`.`in_staff`, false))
      and (`p`.`cdp_key` is null)
    union all
    select
      p.cdp_profile_id as profile_id
    from `_cdp`.`b0_rows_orders_to_hook_d5994f26` as p
    left join (
      select
        profile_id as member_id,
        `staff` as `in_staff`
      from `_cdp`.`b0_customer_segments`
    ) as s on s.member_id = p.cdp_profile_id
    left join (
      select profile_id as barred_id, reason as barred_for
      from `barred`
    ) as barred on barred.barred_id = p.cdp_profile_id
    cross join `_cdp`.`b0_clock` as clock
    where not (coalesce(`s`.`in_staff`, false))
      and `p`.`cdp_key` in (select key_json from `duplicated`)
  ) as n
),
-- holds and earlier refusals keep a change back; so does a key that has only turned null or common
`judged` as (
  select
    d.*,
    case
      when n.profile_id is not null and not d.is_barred then 'nameless'
      when d.op is null then d.verdict
      when d.hold_until > current_timestamp() then 'held'
      when d.tried_fp = d.trying and not coalesce(d.next_retry_at <= current_timestamp(), false) then 'waiting'
      else d.verdict
    end as judgement
  from `described` as d
  left join `nameless` as n on n.profile_id = d.gone_profile
),
-- removals before creations, because one may free what the other needs; with a limit or on hold
-- there are none
`sorted` as (
  select
    j.*,
    case
      when judgement = 'remove' then case when cast(@max_changes as int64) is null and (act = 'withdraw' or not
        cast(@hold_removals as bool)) then 0 else 3 end
      when judgement = 'create' then 1
      when judgement = 'update' then 2
      when judgement in ('left', 'returned', 'forgotten', 'rebased') then 4
      else 5
    end as class
  from `judged` as j
),
-- the order is the same in every run
`ranked` as (
  select
    row_number() over (order by class, key_hash) as place, class, judgement as verdict,
    op, act, in_audience, copies, claims, key_hash, key_json, profile_id,
    case when op in ('create', 'update') or judgement = 'rebased' then fp end as fp,
    trying as tried_fp,
    coalesce(rev, 0) + 1 as rev,
    new_ident as ident, payload, ident as old_ident, dest_id,
    left(to_hex(sha256(array_to_string(['orders_to_hook_d5994f26', key_json, cast(coalesce(rev, 0) + 1 as string),
      coalesce(op, ''), coalesce(trying, '')], ''))), 32) as idempotency_key
  from `sorted`
)
select
  place as seq,
  case
    when class = 3 or (class in (1, 2) and place > cast(@max_changes as int64)) then 'owed'
    else verdict
  end as verdict,
  `op`,
  `act`,
  `in_audience`,
  `copies`,
  `claims`,
  `key_hash`,
  `key_json`,
  `profile_id`,
  `fp`,
  `tried_fp`,
  `rev`,
  `ident`,
  `payload`,
  `old_ident`,
  `dest_id`,
  `idempotency_key`
from `ranked`
where cast(@fence as int64) = 0 or exists (
  select 1
  from `_cdp`.`sync`
  where sync_id = @sync and fence = cast(@fence as int64)
)

-- count plan: for guards and the report
with
-- who has asked not to be contacted, or must not be (one row a profile)
`suppressed` as (
  select distinct profile_id
  from `_cdp`.`b0_customer_suppressed`
  where scope is null or lower(scope) = 'news'
),
-- what was said of whole people: the last yes and the last no (one row a profile)
`said` as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from `_cdp`.`b0_customer_consents`
  where purpose = 'news'
  and profile_id is not null
  group by profile_id
),
-- who may not be contacted: suppressed, or without a yes that no later no revokes (at most one row
-- a profile)
`barred` as (
  select
    p.profile_id,
    case when x.profile_id is not null then 'suppressed' else 'consent' end as reason
  from `_cdp`.`b0_customer` as p
  left join `suppressed` as x on x.profile_id = p.profile_id
  left join `said` as c on c.profile_id = p.profile_id
  where x.profile_id is not null or not (coalesce(`c`.`granted_at` > c.denied_at, `c`.`granted_at` is not null))
),
-- the audience before keys are looked at
`people` as (
  select
    countif(
      not (coalesce(`s`.`in_staff`, false)) and not ((barred.barred_id is not null or p.cdp_profile_id is null))
    ) as audience,
    countif(not (not (coalesce(`s`.`in_staff`, false)))) as excluded,
    countif(
      not (coalesce(`s`.`in_staff`, false)) and coalesce(barred.barred_for, case when p.cdp_profile_id is null then
        'consent' end) = 'consent'
    ) as no_consent,
    countif(
      not (coalesce(`s`.`in_staff`, false)) and coalesce(barred.barred_for, case when p.cdp_profile_id is null then
        'consent' end) = 'suppressed'
    ) as suppressed,
    countif(
      not (coalesce(`s`.`in_staff`, false)) and not ((barred.barred_id is not null or p.cdp_profile_id is null)) and
        (`p`.`cdp_key` is null)
    ) as nameless
  from `_cdp`.`b0_rows_orders_to_hook_d5994f26` as p
  left join (
    select
      profile_id as member_id,
      `staff` as `in_staff`
    from `_cdp`.`b0_customer_segments`
  ) as s on s.member_id = p.cdp_profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from `barred`
  ) as barred on barred.barred_id = p.cdp_profile_id
  cross join `_cdp`.`b0_clock` as clock
  where true
),
-- the plan by what is to be done
`planned` as (
  select
    countif(verdict = 'create') as creates,
    countif(verdict = 'update') as updates,
    countif(verdict = 'remove') as removes,
    countif(verdict = 'held') as held,
    countif(verdict = 'waiting') as waiting,
    countif(verdict = 'pending') as pending,
    countif(verdict = 'owed' and op = 'create') as owed_creates,
    countif(verdict = 'owed' and op = 'update') as owed_updates,
    countif(verdict = 'owed' and op = 'remove') as owed_removes,
    countif(act = 'withdraw' and verdict in ('remove', 'owed')) as withdraws,
    countif(verdict = 'listed') as listed,
    countif(act = 'foreign' and verdict in ('remove', 'owed')) as strangers,
    countif(verdict in ('left', 'returned', 'forgotten', 'rebased')) as marks,
    countif(verdict = 'rebased') as rebased,
    countif(
      in_audience and copies = 1 and verdict not in ('left', 'returned', 'forgotten', 'rebased')
    ) as busy,
    coalesce(sum(if(copies > 1, claims, null)), 0) as copies
  from `_cdp`.`plan_orders_to_hook_d5994f26_f0`
),
-- what the destination holds or may hold
`stored` as (
  select
    countif(state in ('synced', 'unknown', 'submitted')) as snapshot,
    countif(hold_until > current_timestamp()) as on_hold
  from `_cdp`.`snap_orders_to_hook_d5994f26`
),
-- how many answers there are, and whether the newest is too old (one row)
`fed` as (
  select coalesce(sum(a.answers), 0) as answers, false as is_stale
  from `_cdp`.`b0_clock` as clock
  left join `_cdp`.`b0_customer_consents` as a on a.feed = 1
),
-- of the people who answered, those who said yes last (one row)
`agreed` as (
  select count(*) as asked, countif(coalesce(granted_at > denied_at, granted_at is not null)) as agreed
  from (
    select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
    from `_cdp`.`b0_customer_consents`
    where purpose = 'news'
    and profile_id is not null
    group by profile_id
  ) as said
),
-- the same when this sync was last sent; a plan that was blocked is no measure (at most one row)
`agreed_before` as (
  select cast(coalesce(json_value(counts, '$."asked"'), json_query(counts, '$."asked"')) as int64) as asked_before,
    cast(coalesce(json_value(counts, '$."agreed"'), json_query(counts, '$."agreed"')) as int64) as agreed_before
  from `_cdp`.`run_event`
  where sync_id = @sync and event <> 'blocked' and cast(coalesce(json_value(counts, '$."asked"'), json_query(counts,
    '$."asked"')) as int64) is not null
  order by fence desc, happened_at desc, asked_before desc, agreed_before desc
  limit 1
),
-- all that is known of consents (one row)
`consents` as (
  select fed.answers, fed.is_stale, agreed.asked, agreed.agreed, b.asked_before, b.agreed_before
  from fed
  cross join agreed
  left join agreed_before as b on true
)
select *
from people
cross join `planned`
cross join `stored`
cross join `consents`

-- find revoked: what of a window is not to be sent any more
with
-- whose identifiers were suppressed since the build
`suppressed` as (
  with
  -- every identifier of every profile, those that join nobody included
  `known` as (
    select m.profile_id, m.type, m.value
    from (
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
    ) as m
    union all
    select profile_id, type, value
    from `_cdp`.`b0_customer_attributes`
  )
  select distinct k.profile_id, x.scope
  from `known` as k
  join (
    select distinct s.ident_type, s.ident_hash, s.scope
    from `_cdp`.`suppression` as s
    left join `_cdp`.`b0_suppression` as known
      on known.ident_type = s.ident_type
      and known.ident_hash = s.ident_hash
      and known.scope is not distinct from s.scope
    where known.ident_hash is null
  ) as x on x.ident_type = k.type and x.ident_hash = left(to_hex(sha256(k.value)), 32)
),
-- their changes in this window (one row a change)
`revoked` as (
  select distinct p.seq
  from `_cdp`.`plan_orders_to_hook_d5994f26_f0` as p
  join `suppressed` as x on x.profile_id = p.profile_id
  where p.seq between cast(@seq_lo as int64) and cast(@seq_hi as int64)
    and p.verdict in ('create', 'update')
    and (x.scope is null or lower(x.scope) = 'news')
)
select string_agg(cast(seq as string), '\n' order by cast(seq as string)) as seqs
from `revoked`

-- first run: rows that happened before are not sent
select max(starts_at) as starts_at
from `_cdp`.`sync`
where sync_id = @sync

-- plan: what is to be sent
create or replace table `_cdp`.`plan_products_to_hook_d348655b_f0` as
with
-- rows that belong to nobody
`barred` as (
  select cast(null as string) as profile_id, cast(null as string) as reason
  limit 0
),
-- keys that several profiles claim: which of them is meant cannot be known
`duplicated` as (
  select
    `p`.`cdp_key` as key_json,
    count(*) as copies,
    countif(not (barred.barred_id is not null)) as claims
  from `_cdp`.`b0_rows_products_to_hook_d348655b` as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from `barred`
  ) as barred on barred.barred_id = p.cdp_profile_id
  cross join `_cdp`.`b0_clock` as clock
  where true
    and not (`p`.`cdp_key` is null)
  group by `p`.`cdp_key`
  having count(*) > 1
),
-- the audience with its keys and fingerprints (one row a profile)
`keyed` as (
  select
    `p`.`cdp_key` as key_json,
    1 as copies,
    case when barred.barred_id is not null then 0 else 1 end as claims,
    p.cdp_profile_id as profile_id,
    to_hex(md5(array_to_string([coalesce(('name='
    || (case
      when regexp_contains(format('%T', `p`.`name`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then trim(to_json_string(`p`.`name`),
        '"')
      else case
        when regexp_contains(format('%T', `p`.`name`), '^(TIMESTAMP|DATETIME)')
          then regexp_replace(nullif(to_json_string(`p`.`name`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
        when starts_with(format('%T', `p`.`name`), 'CAST(') then null
        else nullif(to_json_string(`p`.`name`), 'null')
      end
    end)), 'name~'),
    coalesce(('price=' || cast(`p`.`price` as string)), 'price~')], ''))) as fp
  from `_cdp`.`b0_rows_products_to_hook_d348655b` as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from `barred`
  ) as barred on barred.barred_id = p.cdp_profile_id
  cross join `_cdp`.`b0_clock` as clock
  where true
    and not (`p`.`cdp_key` is null)
),
-- one row a key
`members` as (
  select key_json, copies, claims, `profile_id`, `fp`
  from `keyed`
  where key_json not in (select key_json from `duplicated`)
  union all
  select key_json, copies, claims, cast(null as string) as `profile_id`, cast(null as string) as `fp`
  from `duplicated`
),
-- what the audience has against what the destination acknowledged (one row a key)
`compared` as (
  select
    coalesce(m.key_json, s.key_json) as key_json,
    case when m.copies = 1 then m.profile_id else s.profile_id end as profile_id,
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
  from `members` as m
  full outer join `_cdp`.`snap_products_to_hook_d348655b` as s on s.key_json = m.key_json
  left join `barred` as b on b.profile_id = s.profile_id
),
-- with the one profile whose values are sent, so that joins are by equality alone
`differing` as (
  select
    *,
    case when verdict in ('create', 'update') then key_json end as sent_row,
    case when verdict in ('remove', 'left') then profile_id end as gone_profile
  from `compared`
  where verdict is not null
),
-- what would be sent (exactly one profile for each row that is sent)
`described` as (
  select
    c.*,
    left(to_hex(sha256(c.key_json)), 32) as key_hash,
    case when c.verdict in ('create', 'update', 'remove') then c.verdict end as op,
    case when c.verdict = 'remove' then case when c.is_barred then 'withdraw' else 'leave' end end as act,
    case
      when c.verdict = 'remove' and c.is_barred then 'remove ["remove",null]'
      when c.verdict = 'remove' then 'remove ["remove",null]'
      when c.verdict in ('create', 'update') then c.fp
    end as trying,
    case
      when p.cdp_key is null then '{}'
      else
        ('{'
        || (array_to_string([('"name":'
        || (case
          when regexp_contains(format('%T', `p`.`name`), '^(-?[0-9]+$|(BIG)?NUMERIC)') then
            trim(to_json_string(`p`.`name`), '"')
          else case
            when regexp_contains(format('%T', `p`.`name`), '^(TIMESTAMP|DATETIME)')
              then regexp_replace(nullif(to_json_string(`p`.`name`), 'null'), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
            when starts_with(format('%T', `p`.`name`), 'CAST(') then null
            else nullif(to_json_string(`p`.`name`), 'null')
          end
        end)),
        ('"price":' || (coalesce(cast(`p`.`price` as string), 'null')))], ','))
        || '}')
    end as payload,
    cast(null as string) as new_ident
  from `differing` as c
  left join `_cdp`.`b0_rows_products_to_hook_d348655b` as p on p.cdp_key = c.sent_row and p.cdp_profile_id is not
    distinct from c.profile_id
  cross join `_cdp`.`b0_clock` as clock
),
-- profiles without a key, or with one that others claim: what was sent for them is not gone
`nameless` as (
  select distinct profile_id
  from (
    select
      p.cdp_profile_id as profile_id
    from `_cdp`.`b0_rows_products_to_hook_d348655b` as p
    left join (
      select profile_id as barred_id, reason as barred_for
      from `barred`
    ) as barred on barred.barred_id = p.cdp_profile_id
    cross join `_cdp`.`b0_clock` as clock
    where true
      and (`p`.`cdp_key` is null)
    union all
    select
      p.cdp_profile_id as profile_id
    from `_cdp`.`b0_rows_products_to_hook_d348655b` as p
    left join (
      select profile_id as barred_id, reason as barred_for
      from `barred`
    ) as barred on barred.barred_id = p.cdp_profile_id
    cross join `_cdp`.`b0_clock` as clock
    where true
      and `p`.`cdp_key` in (select key_json from `duplicated`)
  ) as n
),
-- holds and earlier refusals keep a change back; so does a key that has only turned null or common
`judged` as (
  select
    d.*,
    case
      when n.profile_id is not null and not d.is_barred then 'nameless'
      when d.op is null then d.verdict
      when d.hold_until > current_timestamp() then 'held'
      when d.tried_fp = d.trying and not coalesce(d.next_retry_at <= current_timestamp(), false) then 'waiting'
      else d.verdict
    end as judgement
  from `described` as d
  left join `nameless` as n on n.profile_id = d.gone_profile
),
-- removals before creations, because one may free what the other needs; with a limit or on hold
-- there are none
`sorted` as (
  select
    j.*,
    case
      when judgement = 'remove' then case when cast(@max_changes as int64) is null and (act = 'withdraw' or not
        cast(@hold_removals as bool)) then 0 else 3 end
      when judgement = 'create' then 1
      when judgement = 'update' then 2
      when judgement in ('left', 'returned', 'forgotten', 'rebased') then 4
      else 5
    end as class
  from `judged` as j
),
-- the order is the same in every run
`ranked` as (
  select
    row_number() over (order by class, key_hash) as place, class, judgement as verdict,
    op, act, in_audience, copies, claims, key_hash, key_json, profile_id,
    case when op in ('create', 'update') or judgement = 'rebased' then fp end as fp,
    trying as tried_fp,
    coalesce(rev, 0) + 1 as rev,
    new_ident as ident, payload, ident as old_ident, dest_id,
    left(to_hex(sha256(array_to_string(['products_to_hook_d348655b', key_json, cast(coalesce(rev, 0) + 1 as string),
      coalesce(op, ''), coalesce(trying, '')], ''))), 32) as idempotency_key
  from `sorted`
)
select
  place as seq,
  case
    when class = 3 or (class in (1, 2) and place > cast(@max_changes as int64)) then 'owed'
    else verdict
  end as verdict,
  `op`,
  `act`,
  `in_audience`,
  `copies`,
  `claims`,
  `key_hash`,
  `key_json`,
  `profile_id`,
  `fp`,
  `tried_fp`,
  `rev`,
  `ident`,
  `payload`,
  `old_ident`,
  `dest_id`,
  `idempotency_key`
from `ranked`
where cast(@fence as int64) = 0 or exists (
  select 1
  from `_cdp`.`sync`
  where sync_id = @sync and fence = cast(@fence as int64)
)

-- count plan: for guards and the report
with
-- rows that belong to nobody
`barred` as (
  select cast(null as string) as profile_id, cast(null as string) as reason
  limit 0
),
-- the audience before keys are looked at
`people` as (
  select
    countif(true and not (barred.barred_id is not null)) as audience,
    countif(not (true)) as excluded,
    countif(true and barred.barred_for = 'consent') as no_consent,
    countif(true and barred.barred_for = 'suppressed') as suppressed,
    countif(true and not (barred.barred_id is not null) and (`p`.`cdp_key` is null)) as nameless
  from `_cdp`.`b0_rows_products_to_hook_d348655b` as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from `barred`
  ) as barred on barred.barred_id = p.cdp_profile_id
  cross join `_cdp`.`b0_clock` as clock
  where true
),
-- the plan by what is to be done
`planned` as (
  select
    countif(verdict = 'create') as creates,
    countif(verdict = 'update') as updates,
    countif(verdict = 'remove') as removes,
    countif(verdict = 'held') as held,
    countif(verdict = 'waiting') as waiting,
    countif(verdict = 'pending') as pending,
    countif(verdict = 'owed' and op = 'create') as owed_creates,
    countif(verdict = 'owed' and op = 'update') as owed_updates,
    countif(verdict = 'owed' and op = 'remove') as owed_removes,
    countif(act = 'withdraw' and verdict in ('remove', 'owed')) as withdraws,
    countif(verdict = 'listed') as listed,
    countif(act = 'foreign' and verdict in ('remove', 'owed')) as strangers,
    countif(verdict in ('left', 'returned', 'forgotten', 'rebased')) as marks,
    countif(verdict = 'rebased') as rebased,
    countif(
      in_audience and copies = 1 and verdict not in ('left', 'returned', 'forgotten', 'rebased')
    ) as busy,
    coalesce(sum(if(copies > 1, claims, null)), 0) as copies
  from `_cdp`.`plan_products_to_hook_d348655b_f0`
),
-- what the destination holds or may hold
`stored` as (
  select
    countif(state in ('synced', 'unknown', 'submitted')) as snapshot,
    countif(hold_until > current_timestamp()) as on_hold
  from `_cdp`.`snap_products_to_hook_d348655b`
)
select *
from people
cross join `planned`
cross join `stored`

-- find revoked: rows that belong to nobody are revoked by nobody
select cast(null as string) as seqs
