-- suppress customer: they are not contacted from now on; values are kept as hashes only
insert into `_cdp`.`suppression` (ident_type, ident_hash, scope, reason, `at`)
select n.type, left(to_hex(sha256(n.value)), 32), n.scope, n.reason, current_timestamp()
from (
  select r.type, r.scope, r.reason, case r.type
    when 'user_id' then case
      when regexp_contains(r.value, '^[!-~]([ -~]*[!-~])?$')
        then r.value
      else nullif(regexp_replace(
        r.value,
        '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
      ), '')
    end
    when 'email' then case
      when regexp_contains(r.value, '^[!-?A-~]+@[!-?A-~]+$')
        then lower(r.value)
      else regexp_extract(
        normalize(lower(translate(
          normalize(trim(regexp_replace(r.value, '[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+', ' '), ' '), nfc),
          'Σİ', 'σi'
        )), nfc),
        '^[^@ ]+@[^@ ]+$'
      )
    end
    else trim(r.value)
  end as value
  from (
    select
      coalesce(json_value(item, '$."type"'), json_query(item, '$."type"')) as `type`,
      coalesce(json_value(item, '$."value"'), json_query(item, '$."value"')) as `value`,
      coalesce(json_value(item, '$."scope"'), json_query(item, '$."scope"')) as `scope`,
      coalesce(json_value(item, '$."reason"'), json_query(item, '$."reason"')) as `reason`
    from unnest(json_query_array(@rows)) as item
  ) as r
) as n
where n.value is not null

-- suppression: the list as it is now, read once
create or replace table `_cdp`.`b0_suppression` as
select distinct ident_type, ident_hash, scope
from `_cdp`.`suppression`

-- customer suppressed: who has an identifier that is not to be contacted
create or replace table `_cdp`.`b0_customer_suppressed` as
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
  union all
  select
    p.profile_id, 'email' as type,
    case
      when regexp_contains(`p`.`email`, '^[!-?A-~]+@[!-?A-~]+$')
        then lower(`p`.`email`)
      else regexp_extract(
        normalize(lower(translate(
          normalize(trim(regexp_replace(`p`.`email`, '[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+', ' '), ' '), nfc),
          'Σİ', 'σi'
        )), nfc),
        '^[^@ ]+@[^@ ]+$'
      )
    end as value
  from `_cdp`.`b0_customer` as p
)
select distinct k.profile_id, x.scope
from `known` as k
join `_cdp`.`b0_suppression` as x on x.ident_type = k.type and x.ident_hash = left(to_hex(sha256(k.value)), 32)

-- customer consents: who said yes or no to what, each source read once
create or replace table `_cdp`.`b0_customer_consents` as
with
-- identifiers, keys and times in the form in which they are compared
`answers_normalised` as (
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
    `phone_3`.`e164` as `cdp_phone`,
    cast(`s`.`said_at` as timestamp) as cdp_time
  from `raw`.`answers` as s
  left join `_cdp`.`phone` as `phone_3`
    on `phone_3`.`raw` = substr(
      case
        when regexp_contains(format('%T', `s`.`phone`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
          when starts_with(to_json_string(`s`.`phone`), '"') then json_value(case
            when regexp_contains(format('%T', `s`.`phone`), '^(TIMESTAMP|DATETIME)')
              then regexp_replace(to_json_string(`s`.`phone`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
            when starts_with(format('%T', `s`.`phone`), 'CAST(') then null
            else to_json_string(`s`.`phone`)
          end)
          else nullif(to_json_string(`s`.`phone`), 'null')
        end
        when regexp_contains(cast(`s`.`phone` as string), '^[!-~]([ -~]*[!-~])?$')
          then cast(`s`.`phone` as string)
        else nullif(regexp_replace(
          cast(`s`.`phone` as string),
          '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
        ), '')
      end,
      1,
      100
    )
    and `phone_3`.`region` = ''
    and `phone_3`.`version` = '1'
),
-- without the values that identify nobody
`answers_identified` as (
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
    end as `cdp_email_valid`,
    case
      when char_length(`s`.`cdp_phone`) > 1000
      or regexp_contains(
        `s`.`cdp_phone`,
        '(?:(0{7}|1{7}|2{7}|3{7}|4{7}|5{7}|6{7}|7{7}|8{7}|9{7})$)'
      ) then null
      else `s`.`cdp_phone`
    end as `cdp_phone_valid`
  from `answers_normalised` as s
),
-- every identifier that joins, and its profile (one row an identifier)
`answers_lookup` as (
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
  where i.type in ('user_id', 'email', 'phone')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
`answers_attributed` as (
  select
    s.*,
    coalesce(`lookup_1`.`profile`, `lookup_2`.`profile`, `lookup_3`.`profile`) as cdp_profile,
    coalesce(`lookup_1`.`profile_id`, `lookup_2`.`profile_id`, `lookup_3`.`profile_id`) as cdp_profile_id
  from `answers_identified` as s
  left join `answers_lookup` as `lookup_1`
    on `lookup_1`.`type` = 'user_id' and `lookup_1`.`value` = `s`.`cdp_user_id`
  left join `answers_lookup` as `lookup_2`
    on `lookup_2`.`type` = 'email' and `lookup_2`.`value` = `s`.`cdp_email`
  left join `answers_lookup` as `lookup_3`
    on `lookup_3`.`type` = 'phone' and `lookup_3`.`value` = `s`.`cdp_phone`
),
-- identifiers, keys and times in the form in which they are compared
`people_normalised` as (
  select
    s.*,
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
    `phone_3`.`e164` as `cdp_phone`,
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
    end as cdp_key
  from `raw`.`people` as s
  left join `_cdp`.`phone` as `phone_3`
    on `phone_3`.`raw` = substr(
      case
        when regexp_contains(format('%T', `s`.`phone`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
          when starts_with(to_json_string(`s`.`phone`), '"') then json_value(case
            when regexp_contains(format('%T', `s`.`phone`), '^(TIMESTAMP|DATETIME)')
              then regexp_replace(to_json_string(`s`.`phone`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
            when starts_with(format('%T', `s`.`phone`), 'CAST(') then null
            else to_json_string(`s`.`phone`)
          end)
          else nullif(to_json_string(`s`.`phone`), 'null')
        end
        when regexp_contains(cast(`s`.`phone` as string), '^[!-~]([ -~]*[!-~])?$')
          then cast(`s`.`phone` as string)
        else nullif(regexp_replace(
          cast(`s`.`phone` as string),
          '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
        ), '')
      end,
      1,
      100
    )
    and `phone_3`.`region` = ''
    and `phone_3`.`version` = '1'
),
-- without the values that identify nobody
`people_identified` as (
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
    end as `cdp_email_valid`,
    case
      when char_length(`s`.`cdp_phone`) > 1000
      or regexp_contains(
        `s`.`cdp_phone`,
        '(?:(0{7}|1{7}|2{7}|3{7}|4{7}|5{7}|6{7}|7{7}|8{7}|9{7})$)'
      ) then null
      else `s`.`cdp_phone`
    end as `cdp_phone_valid`
  from `people_normalised` as s
),
-- every identifier that joins, and its profile (one row an identifier)
`people_lookup` as (
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
  where i.type in ('user_id', 'email', 'phone', 'row:people')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
`people_attributed` as (
  select
    s.*,
    coalesce(`lookup_1`.`profile`, `lookup_2`.`profile`, `lookup_3`.`profile`, `lookup_row`.`profile`) as cdp_profile,
    coalesce(`lookup_1`.`profile_id`, `lookup_2`.`profile_id`, `lookup_3`.`profile_id`,
      `lookup_row`.`profile_id`) as cdp_profile_id
  from `people_identified` as s
  left join `people_lookup` as `lookup_1`
    on `lookup_1`.`type` = 'user_id' and `lookup_1`.`value` = `s`.`cdp_user_id`
  left join `people_lookup` as `lookup_2`
    on `lookup_2`.`type` = 'email' and `lookup_2`.`value` = `s`.`cdp_email`
  left join `people_lookup` as `lookup_3`
    on `lookup_3`.`type` = 'phone' and `lookup_3`.`value` = `s`.`cdp_phone`
  left join `people_lookup` as `lookup_row`
    on `lookup_row`.`type` = 'row:people' and `lookup_row`.`value` = s.cdp_key
),
-- one row an answer: a yes that holds has a time of granting, any other one of denial
`answers` as (
  select
    1 as feed,
    case when lower(trim(cast(`a`.`purpose` as string))) in ('news') then lower(trim(cast(`a`.`purpose` as string)))
      else '' end as purpose,
    a.cdp_profile_id as profile_id,
    `a`.`cdp_user_id` as `said_user_id`,
    `a`.`cdp_email` as `said_email`,
    `a`.`cdp_phone` as `said_phone`,
    case when coalesce(lower(trim(cast(`a`.`status` as string))) in ('granted', 'yes') and
      safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp) <= `clock`.`now`, false) and
      safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp) > timestamp(datetime_add(datetime(cast(`clock`.`now`
      as timestamp)), interval -2 year)) then safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp) end as
      granted_at,
    case when not coalesce(lower(trim(cast(`a`.`status` as string))) in ('granted', 'yes') and
      safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp) <= `clock`.`now`, false) then
      coalesce(safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp), timestamp '9999-12-31T00:00:00Z') end as
      denied_at,
    safe_cast(trim(cast(`a`.`loaded_at` as string)) as timestamp) as seen_at
  from `answers_attributed` as a
  cross join `_cdp`.`b0_clock` as clock
  union all
  select
    2 as feed,
    'partners' as purpose,
    a.cdp_profile_id as profile_id,
    `a`.`cdp_user_id` as `said_user_id`,
    `a`.`cdp_email` as `said_email`,
    `a`.`cdp_phone` as `said_phone`,
    case when coalesce(lower(trim(cast(`a`.`partners` as string))) in ('true') and safe_cast(trim(cast(`a`.`partners_at`
      as string)) as timestamp) <= `clock`.`now`, false) then safe_cast(trim(cast(`a`.`partners_at` as string)) as
      timestamp) end as granted_at,
    case when not coalesce(lower(trim(cast(`a`.`partners` as string))) in ('true') and
      safe_cast(trim(cast(`a`.`partners_at` as string)) as timestamp) <= `clock`.`now`, false) then
      coalesce(safe_cast(trim(cast(`a`.`partners_at` as string)) as timestamp), timestamp '9999-12-31T00:00:00Z') end as
      denied_at,
    safe_cast(trim(cast(`a`.`partners_at` as string)) as timestamp) as seen_at
  from `people_attributed` as a
  cross join `_cdp`.`b0_clock` as clock
)
select
  feed, purpose, profile_id, `said_user_id`, `said_email`, `said_phone`,
  max(granted_at) as granted_at,
  max(denied_at) as denied_at,
  count(*) as answers,
  max(if(seen_at <= `clock`.`now`, seen_at, null)) as seen_at
from `answers`
cross join `_cdp`.`b0_clock` as clock
group by feed, purpose, profile_id, `said_user_id`, `said_email`, `said_phone`

-- customer segments: every segment decided in one pass
create or replace table `_cdp`.`b0_customer_segments` as
with
-- who has asked not to be contacted, or must not be (one row a profile)
`partners_suppressed` as (
  select distinct profile_id
  from `_cdp`.`b0_customer_suppressed`
  where scope is null or lower(scope) = 'partners'
),
-- what was said of whole people: the last yes and the last no (one row a profile)
`partners_said` as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from `_cdp`.`b0_customer_consents`
  where purpose = 'partners'
  and profile_id is not null
  group by profile_id
),
-- who may not be contacted: suppressed, or without a yes that no later no revokes (at most one row
-- a profile)
`partners_barred` as (
  select
    p.profile_id,
    case when x.profile_id is not null then 'suppressed' else 'consent' end as reason
  from `_cdp`.`b0_customer` as p
  left join `partners_suppressed` as x on x.profile_id = p.profile_id
  left join `partners_said` as c on c.profile_id = p.profile_id
  where x.profile_id is not null or not (coalesce(`c`.`granted_at` > c.denied_at, `c`.`granted_at` is not null))
),
-- profiles and the answers of events (at most one row a profile each)
`facts` as (
  select
    p.*,
    `partners_barred`.`profile_id` is null as `cdp_may_partners`
  from `_cdp`.`b0_customer` as p
  left join `partners_barred` as `partners_barred` on `partners_barred`.`profile_id` = p.profile_id
),
-- a condition that is null leaves the person out
`decided_1` as (
  select
    p.*,
    coalesce(`p`.`email` is not null, false)
    and `p`.`cdp_may_partners` as `readers.chosen`
  from `facts` as p
  cross join `_cdp`.`b0_clock` as clock
),
-- who comes first where there is a limit, those held out not counted
`ranked_1` as (
  select
    p.*,
    row_number() over (
      partition by `p`.`readers.chosen`
      order by to_hex(md5(p.profile_id)), p.profile_id
    ) as `readers.rank`
  from `decided_1` as p
  cross join `_cdp`.`b0_clock` as clock
),
-- who is a member, and in which variant
`placed_1` as (
  select
    p.*,
    `p`.`readers.chosen` and `p`.`readers.rank` <= 100 as `in_readers`
  from `ranked_1` as p
)
select
  profile_id,
  `in_readers` as `readers`,
  `cdp_may_partners`
from `placed_1`

-- customer moved: whose segments are not those that were published
create or replace table `_cdp`.`b0_customer_moved` as
with
-- a number a segment (one row a segment)
`weights` as (
  select 'readers' as segment, 3978407614092183 as weight
),
-- of which segments everybody was a member when it was last published; of those that are gone, too
`before` as (
  select h.profile_id, sum(coalesce(w.weight, 1)) as mark
  from (
    select `segment`, `profile_id`, `entered_at`, `left_at`
    from `_cdp`.`segment_history`
    where entity = 'customer'
  ) as h
  left join `weights` as w on w.segment = h.segment
  where h.left_at is null
  group by h.profile_id
),
-- of which everybody is a member in this build
`now` as (
  select
    profile_id,
    case when `readers` then 3978407614092183 else 0 end as mark
  from `_cdp`.`b0_customer_segments`
)
select coalesce(n.profile_id, b.profile_id) as profile_id
from `now` as n
full join `before` as b on b.profile_id = n.profile_id
where coalesce(n.mark, 0) <> coalesce(b.mark, 0)

-- customer left: who was a member when it was last published, and is none now
create or replace table `_cdp`.`b0_customer_left` as
with
-- what those who moved were members of
`before` as (
  select h.segment, h.profile_id
  from (
    select `segment`, `profile_id`, `entered_at`, `left_at`
    from `_cdp`.`segment_history`
    where entity = 'customer'
  ) as h
  join `_cdp`.`b0_customer_moved` as moved on moved.profile_id = h.profile_id
  where h.left_at is null
),
-- what these are members of in this build
`members` as (
  select 'readers' as segment, profile_id from (
    select s.profile_id, s.`readers`
    from `_cdp`.`b0_customer_segments` as s
    join (
      select distinct profile_id from `before`
    ) as among on among.profile_id = s.profile_id
  ) as s where `readers`
)
select b.segment, b.profile_id
from `before` as b
left join `members` as m on m.segment = b.segment and m.profile_id = b.profile_id
where m.profile_id is null

-- plan: what is to be sent
create or replace table `_cdp`.`plan_to_mail_217a9a6c_f0` as
with
-- who has asked not to be contacted, or must not be (one row a profile)
`suppressed` as (
  select distinct profile_id
  from `_cdp`.`b0_customer_suppressed`
  where scope is null or lower(scope) = 'news'
),
-- what was said of each email alone (one row a value)
`said_of_email` as (
  select `said_email` as value, max(granted_at) as granted_at, max(denied_at) as denied_at
  from `_cdp`.`b0_customer_consents`
  where purpose = 'news' and `said_email` is not null
  group by `said_email`
),
-- what was said of whole people: the last yes and the last no (one row a profile)
`said` as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from `_cdp`.`b0_customer_consents`
  where purpose = 'news'
  and profile_id is not null
  and `said_email` is null
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
  left join `said_of_email` as `v1` on `v1`.`value` = case
    when regexp_contains(`p`.`email`, '^[!-?A-~]+@[!-?A-~]+$')
      then lower(`p`.`email`)
    else regexp_extract(
      normalize(lower(translate(
        normalize(trim(regexp_replace(`p`.`email`, '[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+', ' '), ' '), nfc),
        'Σİ', 'σi'
      )), nfc),
      '^[^@ ]+@[^@ ]+$'
    )
  end
  where x.profile_id is not null or not (coalesce(greatest(
    coalesce(`c`.`granted_at`, `v1`.`granted_at`),
    coalesce(`v1`.`granted_at`, `c`.`granted_at`)
  ) > c.denied_at, greatest(
    coalesce(`c`.`granted_at`, `v1`.`granted_at`),
    coalesce(`v1`.`granted_at`, `c`.`granted_at`)
  ) is not null)
  and (`v1`.`value` is null or coalesce(`v1`.`granted_at` > `v1`.`denied_at`, `v1`.`granted_at` is not null)))
),
-- keys that several profiles claim: which of them is meant cannot be known
`duplicated` as (
  select
    ('{"email":' || (nullif(to_json_string(`p`.`email`), 'null')) || '}') as key_json,
    count(*) as copies,
    countif(not (barred.barred_id is not null)) as claims
  from `_cdp`.`b0_customer` as p
  join (
    select
      profile_id as member_id,
      `readers` as `in_readers`,
      `cdp_may_partners`
    from `_cdp`.`b0_customer_segments`
  ) as s on s.member_id = p.profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from `barred`
  ) as barred on barred.barred_id = p.profile_id
  cross join `_cdp`.`b0_clock` as clock
  where `s`.`in_readers`
    and true
    and not (`p`.`email` is null)
  group by `p`.`email`
  having count(*) > 1
),
-- the audience with its keys and fingerprints (one row a profile)
`keyed` as (
  select
    ('{"email":' || (nullif(to_json_string(`p`.`email`), 'null')) || '}') as key_json,
    1 as copies,
    case when barred.barred_id is not null then 0 else 1 end as claims,
    p.profile_id,
    to_hex(md5(array_to_string([coalesce(('PHONE=' || `p`.`phone`), 'PHONE~')], ''))) as fp
  from `_cdp`.`b0_customer` as p
  join (
    select
      profile_id as member_id,
      `readers` as `in_readers`,
      `cdp_may_partners`
    from `_cdp`.`b0_customer_segments`
  ) as s on s.member_id = p.profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from `barred`
  ) as barred on barred.barred_id = p.profile_id
  cross join `_cdp`.`b0_clock` as clock
  where `s`.`in_readers`
    and true
    and not (`p`.`email` is null)
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
  from `members` as m
  full outer join `_cdp`.`snap_to_mail_217a9a6c` as s on s.key_json = m.key_json
  left join `aliases` as a on a.alias = s.profile_id
  left join `barred` as b on b.profile_id = coalesce(a.profile_id, s.profile_id)
),
-- with the one profile whose values are sent, so that joins are by equality alone
`differing` as (
  select
    *,
    case when verdict in ('create', 'update') then profile_id end as sent_profile,
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
      when c.verdict = 'remove' and c.is_barred then 'remove ["archive",null]'
      when c.verdict = 'remove' then 'remove ["archive",null]'
      when c.verdict in ('create', 'update') then c.fp
    end as trying,
    case
      when p.profile_id is null then '{}'
      else
        ('{'
          || (array_to_string([('"PHONE":' || (nullif(to_json_string(`p`.`phone`), 'null')))], ','))
          || '}')
    end as payload,
    cast(null as string) as new_ident
  from `differing` as c
  left join `_cdp`.`b0_customer` as p on p.profile_id = c.sent_profile
  cross join `_cdp`.`b0_clock` as clock
),
-- profiles without a key, or with one that others claim: what was sent for them is not gone
`nameless` as (
  select
    p.profile_id
  from `_cdp`.`b0_customer` as p
  join (
    select
      profile_id as member_id,
      `readers` as `in_readers`,
      `cdp_may_partners`
    from `_cdp`.`b0_customer_segments`
  ) as s on s.member_id = p.profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from `barred`
  ) as barred on barred.barred_id = p.profile_id
  cross join `_cdp`.`b0_clock` as clock
  where `s`.`in_readers`
    and true
    and (`p`.`email` is null)
  union all
  select
    p.profile_id
  from `_cdp`.`b0_customer` as p
  join (
    select
      profile_id as member_id,
      `readers` as `in_readers`,
      `cdp_may_partners`
    from `_cdp`.`b0_customer_segments`
  ) as s on s.member_id = p.profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from `barred`
  ) as barred on barred.barred_id = p.profile_id
  cross join `_cdp`.`b0_clock` as clock
  where `s`.`in_readers`
    and true
    and ('{"email":' || (nullif(to_json_string(`p`.`email`), 'null')) || '}') in (select key_json from `duplicated`)
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
    left(to_hex(sha256(array_to_string(['to_mail_217a9a6c', key_json, cast(coalesce(rev, 0) + 1 as string), coalesce(op,
      ''),
      coalesce(trying, '')], ''))), 32) as idempotency_key
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
-- what was said of each email alone (one row a value)
`said_of_email` as (
  select `said_email` as value, max(granted_at) as granted_at, max(denied_at) as denied_at
  from `_cdp`.`b0_customer_consents`
  where purpose = 'news' and `said_email` is not null
  group by `said_email`
),
-- what was said of whole people: the last yes and the last no (one row a profile)
`said` as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from `_cdp`.`b0_customer_consents`
  where purpose = 'news'
  and profile_id is not null
  and `said_email` is null
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
  left join `said_of_email` as `v1` on `v1`.`value` = case
    when regexp_contains(`p`.`email`, '^[!-?A-~]+@[!-?A-~]+$')
      then lower(`p`.`email`)
    else regexp_extract(
      normalize(lower(translate(
        normalize(trim(regexp_replace(`p`.`email`, '[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+', ' '), ' '), nfc),
        'Σİ', 'σi'
      )), nfc),
      '^[^@ ]+@[^@ ]+$'
    )
  end
  where x.profile_id is not null or not (coalesce(greatest(
    coalesce(`c`.`granted_at`, `v1`.`granted_at`),
    coalesce(`v1`.`granted_at`, `c`.`granted_at`)
  ) > c.denied_at, greatest(
    coalesce(`c`.`granted_at`, `v1`.`granted_at`),
    coalesce(`v1`.`granted_at`, `c`.`granted_at`)
  ) is not null)
  and (`v1`.`value` is null or coalesce(`v1`.`granted_at` > `v1`.`denied_at`, `v1`.`granted_at` is not null)))
),
-- the audience before keys are looked at
`people` as (
  select
    countif(true and not (barred.barred_id is not null)) as audience,
    countif(not (true)) as excluded,
    countif(true and barred.barred_for = 'consent') as no_consent,
    countif(true and barred.barred_for = 'suppressed') as suppressed,
    countif(true and not (barred.barred_id is not null) and (`p`.`email` is null)) as nameless
  from `_cdp`.`b0_customer` as p
  join (
    select
      profile_id as member_id,
      `readers` as `in_readers`,
      `cdp_may_partners`
    from `_cdp`.`b0_customer_segments`
  ) as s on s.member_id = p.profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from `barred`
  ) as barred on barred.barred_id = p.profile_id
  cross join `_cdp`.`b0_clock` as clock
  where `s`.`in_readers`
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
  from `_cdp`.`plan_to_mail_217a9a6c_f0`
),
-- what the destination holds or may hold
`stored` as (
  select
    countif(state in ('synced', 'unknown', 'submitted')) as snapshot,
    countif(hold_until > current_timestamp()) as on_hold
  from `_cdp`.`snap_to_mail_217a9a6c`
),
-- how many answers there are, and whether the newest is too old (one row)
`fed` as (
  select coalesce(sum(a.answers), 0) as answers, coalesce(max(a.seen_at) < timestamp_add(cast(max(`clock`.`now`) as
    timestamp), interval -2 day), true) as is_stale
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

-- count fresh suppressions: who was suppressed after the plan was made must not be sent
select count(*) as fresh
from (
  select distinct s.ident_type, s.ident_hash, s.scope
  from `_cdp`.`suppression` as s
  left join `_cdp`.`b0_suppression` as known
    on known.ident_type = s.ident_type
    and known.ident_hash = s.ident_hash
    and known.scope is not distinct from s.scope
  where known.ident_hash is null
) as x

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
    union all
    select
      p.profile_id, 'email' as type,
      case
        when regexp_contains(`p`.`email`, '^[!-?A-~]+@[!-?A-~]+$')
          then lower(`p`.`email`)
        else regexp_extract(
          normalize(lower(translate(
            normalize(trim(regexp_replace(`p`.`email`, '[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+', ' '), ' '), nfc),
            'Σİ', 'σi'
          )), nfc),
          '^[^@ ]+@[^@ ]+$'
        )
      end as value
    from `_cdp`.`b0_customer` as p
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
  from `_cdp`.`plan_to_mail_217a9a6c_f0` as p
  join `suppressed` as x on x.profile_id = p.profile_id
  where p.seq between cast(@seq_lo as int64) and cast(@seq_hi as int64)
    and p.verdict in ('create', 'update')
    and (x.scope is null or lower(x.scope) = 'news')
)
select string_agg(cast(seq as string), '\n' order by cast(seq as string)) as seqs
from `revoked`

-- read consents again: who must not be sent any more, whatever was planned
with
-- whom the window would reach (one row a change)
`people` as (
  select seq, profile_id
  from `_cdp`.`plan_to_mail_217a9a6c_f0`
  where seq between cast(@seq_lo as int64) and cast(@seq_hi as int64) and verdict in ('create', 'update')
),
-- the time: as the project says, else that of the warehouse (one row)
`now_clock` as (
  select coalesce(cast(@now as timestamp), current_timestamp()) as now
),
-- is there anything, and is it new enough (one row)
`now_fed` as (
  select
    count(*) = 0 as is_empty,
    coalesce(max(
      if(
        safe_cast(trim(cast(`a`.`loaded_at` as string)) as timestamp) <= `clock`.`now`,
        safe_cast(trim(cast(`a`.`loaded_at` as string)) as timestamp),
        null
      )
    ) < timestamp_add(cast(max(`clock`.`now`) as timestamp), interval -2 day), true) as is_stale
  from `raw`.`answers` as a
  cross join `now_clock` as clock
),
-- the rows that speak of the purpose
`now_spoken` as (
  select a.*
  from `raw`.`answers` as a
  where lower(trim(cast(`a`.`purpose` as string))) = 'news'
),
-- identifiers, keys and times in the form in which they are compared
`answers_normalised` as (
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
    `phone_3`.`e164` as `cdp_phone`,
    cast(`s`.`said_at` as timestamp) as cdp_time
  from `now_spoken` as s
  left join `_cdp`.`phone` as `phone_3`
    on `phone_3`.`raw` = substr(
      case
        when regexp_contains(format('%T', `s`.`phone`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
          when starts_with(to_json_string(`s`.`phone`), '"') then json_value(case
            when regexp_contains(format('%T', `s`.`phone`), '^(TIMESTAMP|DATETIME)')
              then regexp_replace(to_json_string(`s`.`phone`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
            when starts_with(format('%T', `s`.`phone`), 'CAST(') then null
            else to_json_string(`s`.`phone`)
          end)
          else nullif(to_json_string(`s`.`phone`), 'null')
        end
        when regexp_contains(cast(`s`.`phone` as string), '^[!-~]([ -~]*[!-~])?$')
          then cast(`s`.`phone` as string)
        else nullif(regexp_replace(
          cast(`s`.`phone` as string),
          '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
        ), '')
      end,
      1,
      100
    )
    and `phone_3`.`region` = ''
    and `phone_3`.`version` = '1'
),
-- without the values that identify nobody
`answers_identified` as (
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
    end as `cdp_email_valid`,
    case
      when char_length(`s`.`cdp_phone`) > 1000
      or regexp_contains(
        `s`.`cdp_phone`,
        '(?:(0{7}|1{7}|2{7}|3{7}|4{7}|5{7}|6{7}|7{7}|8{7}|9{7})$)'
      ) then null
      else `s`.`cdp_phone`
    end as `cdp_phone_valid`
  from `answers_normalised` as s
),
-- every identifier that joins, and its profile (one row an identifier)
`answers_lookup` as (
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
  where i.type in ('user_id', 'email', 'phone')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
`answers_attributed` as (
  select
    s.*,
    coalesce(`lookup_1`.`profile`, `lookup_2`.`profile`, `lookup_3`.`profile`) as cdp_profile,
    coalesce(`lookup_1`.`profile_id`, `lookup_2`.`profile_id`, `lookup_3`.`profile_id`) as cdp_profile_id
  from `answers_identified` as s
  left join `answers_lookup` as `lookup_1`
    on `lookup_1`.`type` = 'user_id' and `lookup_1`.`value` = `s`.`cdp_user_id`
  left join `answers_lookup` as `lookup_2`
    on `lookup_2`.`type` = 'email' and `lookup_2`.`value` = `s`.`cdp_email`
  left join `answers_lookup` as `lookup_3`
    on `lookup_3`.`type` = 'phone' and `lookup_3`.`value` = `s`.`cdp_phone`
),
-- one row an answer: a yes that holds has a time of granting, any other one of denial
`now_answers` as (
  select
    1 as feed,
    case when lower(trim(cast(`a`.`purpose` as string))) in ('news') then lower(trim(cast(`a`.`purpose` as string)))
      else '' end as purpose,
    a.cdp_profile_id as profile_id,
    `a`.`cdp_user_id` as `said_user_id`,
    `a`.`cdp_email` as `said_email`,
    `a`.`cdp_phone` as `said_phone`,
    case when coalesce(lower(trim(cast(`a`.`status` as string))) in ('granted', 'yes') and
      safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp) <= `clock`.`now`, false) and
      safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp) > timestamp(datetime_add(datetime(cast(`clock`.`now`
      as timestamp)), interval -2 year)) then safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp) end as
      granted_at,
    case when not coalesce(lower(trim(cast(`a`.`status` as string))) in ('granted', 'yes') and
      safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp) <= `clock`.`now`, false) then
      coalesce(safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp), timestamp '9999-12-31T00:00:00Z') end as
      denied_at,
    safe_cast(trim(cast(`a`.`loaded_at` as string)) as timestamp) as seen_at
  from `answers_attributed` as a
  cross join `now_clock` as clock
),
-- what was said of each email alone (one row a value)
`now_said_of_email` as (
  select `said_email` as value, max(granted_at) as granted_at, max(denied_at) as denied_at
  from `now_answers`
  where purpose = 'news' and `said_email` is not null
  group by `said_email`
),
-- what was said of whole people: the last yes and the last no (one row a profile)
`now_said` as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from `now_answers`
  where purpose = 'news'
  and profile_id is not null
  and `said_email` is null
  group by profile_id
),
-- those of them without a yes that no later no revokes
`refused` as (
  select people.seq
  from `people` as people
  left join `_cdp`.`b0_customer` as p on p.profile_id = people.profile_id
  left join `now_said` as c on c.profile_id = p.profile_id
  left join `now_said_of_email` as `v1` on `v1`.`value` = case
    when regexp_contains(`p`.`email`, '^[!-?A-~]+@[!-?A-~]+$')
      then lower(`p`.`email`)
    else regexp_extract(
      normalize(lower(translate(
        normalize(trim(regexp_replace(`p`.`email`, '[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+', ' '), ' '), nfc),
        'Σİ', 'σi'
      )), nfc),
      '^[^@ ]+@[^@ ]+$'
    )
  end
  where not (coalesce(greatest(
    coalesce(`c`.`granted_at`, `v1`.`granted_at`),
    coalesce(`v1`.`granted_at`, `c`.`granted_at`)
  ) > c.denied_at, greatest(
    coalesce(`c`.`granted_at`, `v1`.`granted_at`),
    coalesce(`v1`.`granted_at`, `c`.`granted_at`)
  ) is not null)
  and (`v1`.`value` is null or coalesce(`v1`.`granted_at` > `v1`.`denied_at`, `v1`.`granted_at` is not null)))
)
select fed.is_empty, fed.is_stale, r.seqs
from `now_fed` as fed
cross join (
  select string_agg(cast(seq as string), '\n' order by cast(seq as string)) as seqs
  from `refused`
) as r

-- read all consents again: a whole cannot be sent without those who have withdrawn: then it waits
with
-- who has asked not to be contacted, or must not be (one row a profile)
`suppressed` as (
  select distinct profile_id
  from `_cdp`.`b0_customer_suppressed`
  where scope is null or lower(scope) = 'news'
),
-- what was said of each email alone (one row a value)
`said_of_email` as (
  select `said_email` as value, max(granted_at) as granted_at, max(denied_at) as denied_at
  from `_cdp`.`b0_customer_consents`
  where purpose = 'news' and `said_email` is not null
  group by `said_email`
),
-- what was said of whole people: the last yes and the last no (one row a profile)
`said` as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from `_cdp`.`b0_customer_consents`
  where purpose = 'news'
  and profile_id is not null
  and `said_email` is null
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
  left join `said_of_email` as `v1` on `v1`.`value` = case
    when regexp_contains(`p`.`email`, '^[!-?A-~]+@[!-?A-~]+$')
      then lower(`p`.`email`)
    else regexp_extract(
      normalize(lower(translate(
        normalize(trim(regexp_replace(`p`.`email`, '[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+', ' '), ' '), nfc),
        'Σİ', 'σi'
      )), nfc),
      '^[^@ ]+@[^@ ]+$'
    )
  end
  where x.profile_id is not null or not (coalesce(greatest(
    coalesce(`c`.`granted_at`, `v1`.`granted_at`),
    coalesce(`v1`.`granted_at`, `c`.`granted_at`)
  ) > c.denied_at, greatest(
    coalesce(`c`.`granted_at`, `v1`.`granted_at`),
    coalesce(`v1`.`granted_at`, `c`.`granted_at`)
  ) is not null)
  and (`v1`.`value` is null or coalesce(`v1`.`granted_at` > `v1`.`denied_at`, `v1`.`granted_at` is not null)))
),
-- whom the replacement would hold (one row a profile)
`people` as (
  select
    0 as seq,
    p.profile_id
  from `_cdp`.`b0_customer` as p
  join (
    select
      profile_id as member_id,
      `readers` as `in_readers`,
      `cdp_may_partners`
    from `_cdp`.`b0_customer_segments`
  ) as s on s.member_id = p.profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from `barred`
  ) as barred on barred.barred_id = p.profile_id
  cross join `_cdp`.`b0_clock` as clock
  where `s`.`in_readers`
    and true
    and not (barred.barred_id is not null)
    and not (`p`.`email` is null)
),
-- the time: as the project says, else that of the warehouse (one row)
`now_clock` as (
  select coalesce(cast(@now as timestamp), current_timestamp()) as now
),
-- is there anything, and is it new enough (one row)
`now_fed` as (
  select
    count(*) = 0 as is_empty,
    coalesce(max(
      if(
        safe_cast(trim(cast(`a`.`loaded_at` as string)) as timestamp) <= `clock`.`now`,
        safe_cast(trim(cast(`a`.`loaded_at` as string)) as timestamp),
        null
      )
    ) < timestamp_add(cast(max(`clock`.`now`) as timestamp), interval -2 day), true) as is_stale
  from `raw`.`answers` as a
  cross join `now_clock` as clock
),
-- the rows that speak of the purpose
`now_spoken` as (
  select a.*
  from `raw`.`answers` as a
  where lower(trim(cast(`a`.`purpose` as string))) = 'news'
),
-- identifiers, keys and times in the form in which they are compared
`answers_normalised` as (
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
    `phone_3`.`e164` as `cdp_phone`,
    cast(`s`.`said_at` as timestamp) as cdp_time
  from `now_spoken` as s
  left join `_cdp`.`phone` as `phone_3`
    on `phone_3`.`raw` = substr(
      case
        when regexp_contains(format('%T', `s`.`phone`), '^(CAST\\(|-?[0-9]+(\\.|e))') then case
          when starts_with(to_json_string(`s`.`phone`), '"') then json_value(case
            when regexp_contains(format('%T', `s`.`phone`), '^(TIMESTAMP|DATETIME)')
              then regexp_replace(to_json_string(`s`.`phone`), '(\\.\\d*[1-9])?(\\.?0*)Z?"$', '\\1Z"')
            when starts_with(format('%T', `s`.`phone`), 'CAST(') then null
            else to_json_string(`s`.`phone`)
          end)
          else nullif(to_json_string(`s`.`phone`), 'null')
        end
        when regexp_contains(cast(`s`.`phone` as string), '^[!-~]([ -~]*[!-~])?$')
          then cast(`s`.`phone` as string)
        else nullif(regexp_replace(
          cast(`s`.`phone` as string),
          '^[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+|[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+$', ''
        ), '')
      end,
      1,
      100
    )
    and `phone_3`.`region` = ''
    and `phone_3`.`version` = '1'
),
-- without the values that identify nobody
`answers_identified` as (
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
    end as `cdp_email_valid`,
    case
      when char_length(`s`.`cdp_phone`) > 1000
      or regexp_contains(
        `s`.`cdp_phone`,
        '(?:(0{7}|1{7}|2{7}|3{7}|4{7}|5{7}|6{7}|7{7}|8{7}|9{7})$)'
      ) then null
      else `s`.`cdp_phone`
    end as `cdp_phone_valid`
  from `answers_normalised` as s
),
-- every identifier that joins, and its profile (one row an identifier)
`answers_lookup` as (
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
  where i.type in ('user_id', 'email', 'phone')
),
-- whose each row is: the profile of its strongest identifier (at most one profile a row)
`answers_attributed` as (
  select
    s.*,
    coalesce(`lookup_1`.`profile`, `lookup_2`.`profile`, `lookup_3`.`profile`) as cdp_profile,
    coalesce(`lookup_1`.`profile_id`, `lookup_2`.`profile_id`, `lookup_3`.`profile_id`) as cdp_profile_id
  from `answers_identified` as s
  left join `answers_lookup` as `lookup_1`
    on `lookup_1`.`type` = 'user_id' and `lookup_1`.`value` = `s`.`cdp_user_id`
  left join `answers_lookup` as `lookup_2`
    on `lookup_2`.`type` = 'email' and `lookup_2`.`value` = `s`.`cdp_email`
  left join `answers_lookup` as `lookup_3`
    on `lookup_3`.`type` = 'phone' and `lookup_3`.`value` = `s`.`cdp_phone`
),
-- one row an answer: a yes that holds has a time of granting, any other one of denial
`now_answers` as (
  select
    1 as feed,
    case when lower(trim(cast(`a`.`purpose` as string))) in ('news') then lower(trim(cast(`a`.`purpose` as string)))
      else '' end as purpose,
    a.cdp_profile_id as profile_id,
    `a`.`cdp_user_id` as `said_user_id`,
    `a`.`cdp_email` as `said_email`,
    `a`.`cdp_phone` as `said_phone`,
    case when coalesce(lower(trim(cast(`a`.`status` as string))) in ('granted', 'yes') and
      safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp) <= `clock`.`now`, false) and
      safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp) > timestamp(datetime_add(datetime(cast(`clock`.`now`
      as timestamp)), interval -2 year)) then safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp) end as
      granted_at,
    case when not coalesce(lower(trim(cast(`a`.`status` as string))) in ('granted', 'yes') and
      safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp) <= `clock`.`now`, false) then
      coalesce(safe_cast(trim(cast(`a`.`said_at` as string)) as timestamp), timestamp '9999-12-31T00:00:00Z') end as
      denied_at,
    safe_cast(trim(cast(`a`.`loaded_at` as string)) as timestamp) as seen_at
  from `answers_attributed` as a
  cross join `now_clock` as clock
),
-- what was said of each email alone (one row a value)
`now_said_of_email` as (
  select `said_email` as value, max(granted_at) as granted_at, max(denied_at) as denied_at
  from `now_answers`
  where purpose = 'news' and `said_email` is not null
  group by `said_email`
),
-- what was said of whole people: the last yes and the last no (one row a profile)
`now_said` as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from `now_answers`
  where purpose = 'news'
  and profile_id is not null
  and `said_email` is null
  group by profile_id
),
-- those of them without a yes that no later no revokes
`refused` as (
  select people.seq
  from `people` as people
  left join `_cdp`.`b0_customer` as p on p.profile_id = people.profile_id
  left join `now_said` as c on c.profile_id = p.profile_id
  left join `now_said_of_email` as `v1` on `v1`.`value` = case
    when regexp_contains(`p`.`email`, '^[!-?A-~]+@[!-?A-~]+$')
      then lower(`p`.`email`)
    else regexp_extract(
      normalize(lower(translate(
        normalize(trim(regexp_replace(`p`.`email`, '[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]+', ' '), ' '), nfc),
        'Σİ', 'σi'
      )), nfc),
      '^[^@ ]+@[^@ ]+$'
    )
  end
  where not (coalesce(greatest(
    coalesce(`c`.`granted_at`, `v1`.`granted_at`),
    coalesce(`v1`.`granted_at`, `c`.`granted_at`)
  ) > c.denied_at, greatest(
    coalesce(`c`.`granted_at`, `v1`.`granted_at`),
    coalesce(`v1`.`granted_at`, `c`.`granted_at`)
  ) is not null)
  and (`v1`.`value` is null or coalesce(`v1`.`granted_at` > `v1`.`denied_at`, `v1`.`granted_at` is not null)))
)
select fed.is_empty, fed.is_stale, r.refused
from `now_fed` as fed
cross join (
  select count(*) as refused
  from `refused`
) as r
