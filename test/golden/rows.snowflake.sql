-- rows orders_to_hook: what orders_to_hook sends of orders
create or replace transient table "_CDP"."B0_ROWS_ORDERS_TO_HOOK_D5994F26" as
with
-- rows that happened since the first run
"ORDERS_STARTED" as (
  select s.*
  from "RAW"."ORDERS" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where cast("S"."ORDERED_AT" as timestamp_ltz) >= coalesce(cast(cast(:start_orders_to_hook_d5994f26 as varchar) as
    timestamp_ltz), "CLOCK"."NOW")
),
-- identifiers, keys and times in the form in which they are compared
"ORDERS_NORMALISED" as (
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
  from "ORDERS_STARTED" as s
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
-- what is asked of products, one row a key
"PRODUCTS_BY_KEY" as (
  select
    "S"."SKU" as cdp_key,
    min("S"."BRAND") as "BRAND"
  from "RAW"."PRODUCTS" as s
  group by "S"."SKU"
),
-- what is sent of each row, and whose it is (one row a row)
"SENT" as (
  select
    s.cdp_profile_id as cdp_profile_id,
    "S"."ORDER_ID" as "ORDER_ID",
    "S"."AMOUNT" as "AMOUNT",
    "PRODUCTS"."BRAND" as "PRODUCTS__BRAND",
    "PROFILE"."CUSTOMER__NAME" as "CUSTOMER__NAME"
  from "ORDERS_ATTRIBUTED" as s
  cross join "_CDP"."B0_CLOCK" as clock
  left join "PRODUCTS_BY_KEY" as "PRODUCTS"
    on "PRODUCTS"."CDP_KEY" = "S"."SKU"
  left join (
    select
      profile_id as cdp_owner_id,
      "NAME" as "CUSTOMER__NAME",
      "CITY" as "CUSTOMER__CITY"
    from "_CDP"."B0_CUSTOMER"
  ) as profile on profile.cdp_owner_id = s.cdp_profile_id
  where "S"."STATUS" = 'paid'
    and not ("PROFILE"."CUSTOMER__CITY" = 'Lille')
)
select
  p.*,
  ('{"order_id":'
  || (case
    when typeof(to_variant("P"."ORDER_ID")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' ||
      regexp_replace(
      to_char(cast("P"."ORDER_ID" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
      '\\.?0+Z$', 'Z'
    ) || '"'
    when typeof(to_variant("P"."ORDER_ID")) = 'DATE' then '"' || to_char(cast("P"."ORDER_ID" as date), 'YYYY-MM-DD') ||
      '"'
    when typeof(to_variant("P"."ORDER_ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
      when regexp_like(cast("P"."ORDER_ID" as varchar), '.*e[+]?(1[5-9]|20)')
        then cast(cast("P"."ORDER_ID" as number(38, 0)) as varchar)
      else nullif(replace(regexp_replace(
        cast("P"."ORDER_ID" as varchar),
        '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
      ), 'e+', 'e'), '')
    end
    when typeof(to_variant("P"."ORDER_ID")) = 'BOOLEAN' then cast("P"."ORDER_ID" as varchar)
    when typeof(to_variant("P"."ORDER_ID")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."ORDER_ID"))
    else to_json(to_variant(cast("P"."ORDER_ID" as varchar)))
  end)
  || '}') as cdp_key
from "SENT" as p

-- rows products_to_hook: what products_to_hook sends of products
create or replace transient table "_CDP"."B0_ROWS_PRODUCTS_TO_HOOK_D348655B" as
with
-- what is sent of each row, and whose it is (one row a row)
"SENT" as (
  select
    cast(null as varchar) as cdp_profile_id,
    "S"."SKU" as "SKU",
    "S"."NAME" as "NAME",
    "S"."PRICE" as "PRICE"
  from "RAW"."PRODUCTS" as s
  cross join "_CDP"."B0_CLOCK" as clock
  where true
)
select
  p.*,
  ('{"sku":'
  || (case
    when typeof(to_variant("P"."SKU")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' || regexp_replace(
      to_char(cast("P"."SKU" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
      '\\.?0+Z$', 'Z'
    ) || '"'
    when typeof(to_variant("P"."SKU")) = 'DATE' then '"' || to_char(cast("P"."SKU" as date), 'YYYY-MM-DD') || '"'
    when typeof(to_variant("P"."SKU")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
      when regexp_like(cast("P"."SKU" as varchar), '.*e[+]?(1[5-9]|20)')
        then cast(cast("P"."SKU" as number(38, 0)) as varchar)
      else nullif(replace(regexp_replace(
        cast("P"."SKU" as varchar),
        '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
      ), 'e+', 'e'), '')
    end
    when typeof(to_variant("P"."SKU")) = 'BOOLEAN' then cast("P"."SKU" as varchar)
    when typeof(to_variant("P"."SKU")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."SKU"))
    else to_json(to_variant(cast("P"."SKU" as varchar)))
  end)
  || '}') as cdp_key
from "SENT" as p

-- first run: rows that happened before are not sent
select max(starts_at) as starts_at
from "_CDP"."SYNC"
where sync_id = :sync

-- note first run: rows that happen from now on are sent, by later runs too
update "_CDP"."SYNC"
set starts_at = (select max(now) from "_CDP"."B0_CLOCK")
where sync_id = :sync
  and fence = cast(:fence as bigint)
  and starts_at is null

-- plan: what is to be sent
create or replace transient table "_CDP"."PLAN_ORDERS_TO_HOOK_D5994F26_F0" as
with
-- who has asked not to be contacted, or must not be (one row a profile)
"SUPPRESSED" as (
  select distinct profile_id
  from "_CDP"."B0_CUSTOMER_SUPPRESSED"
  where scope is null or lower(scope) = 'news'
),
-- what was said of whole people: the last yes and the last no (one row a profile)
"SAID" as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from "_CDP"."B0_CUSTOMER_CONSENTS"
  where purpose = 'news'
  and profile_id is not null
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
  where x.profile_id is not null or not (coalesce("C"."GRANTED_AT" > c.denied_at, "C"."GRANTED_AT" is not null))
),
-- keys that several profiles claim: which of them is meant cannot be known
"DUPLICATED" as (
  select
    "P"."CDP_KEY" as key_json,
    count(*) as copies,
    count_if(not ((barred.barred_id is not null or p.cdp_profile_id is null))) as claims
  from "_CDP"."B0_ROWS_ORDERS_TO_HOOK_D5994F26" as p
  left join (
    select
      profile_id as member_id,
      "STAFF" as "IN_STAFF"
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
  ) as s on s.member_id = p.cdp_profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.cdp_profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where not (coalesce("S"."IN_STAFF", false))
    and not ("P"."CDP_KEY" is null)
  group by "P"."CDP_KEY"
  having count(*) > 1
),
-- the audience with its keys and fingerprints (one row a profile)
"KEYED" as (
  select
    "P"."CDP_KEY" as key_json,
    1 as copies,
    case when (barred.barred_id is not null or p.cdp_profile_id is null) then 0 else 1 end as claims,
    p.cdp_profile_id as profile_id,
    md5(
      array_to_string(
        array_construct_compact(
          coalesce(('amount='
          || (case
            when typeof(to_variant("P"."AMOUNT")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' ||
              regexp_replace(
              to_char(cast("P"."AMOUNT" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
              '\\.?0+Z$', 'Z'
            ) || '"'
            when typeof(to_variant("P"."AMOUNT")) = 'DATE' then '"' || to_char(cast("P"."AMOUNT" as date), 'YYYY-MM-DD')
              || '"'
            when typeof(to_variant("P"."AMOUNT")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
              when regexp_like(cast("P"."AMOUNT" as varchar), '.*e[+]?(1[5-9]|20)')
                then cast(cast("P"."AMOUNT" as number(38, 0)) as varchar)
              else nullif(replace(regexp_replace(
                cast("P"."AMOUNT" as varchar),
                '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
              ), 'e+', 'e'), '')
            end
            when typeof(to_variant("P"."AMOUNT")) = 'BOOLEAN' then cast("P"."AMOUNT" as varchar)
            when typeof(to_variant("P"."AMOUNT")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."AMOUNT"))
            else to_json(to_variant(cast("P"."AMOUNT" as varchar)))
          end)), 'amount~'),
          coalesce(('brand='
          || (case
            when typeof(to_variant("P"."PRODUCTS__BRAND")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then
              '"' || regexp_replace(
              to_char(cast("P"."PRODUCTS__BRAND" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
              '\\.?0+Z$', 'Z'
            ) || '"'
            when typeof(to_variant("P"."PRODUCTS__BRAND")) = 'DATE' then '"' || to_char(cast("P"."PRODUCTS__BRAND" as
              date), 'YYYY-MM-DD') || '"'
            when typeof(to_variant("P"."PRODUCTS__BRAND")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
              when regexp_like(cast("P"."PRODUCTS__BRAND" as varchar), '.*e[+]?(1[5-9]|20)')
                then cast(cast("P"."PRODUCTS__BRAND" as number(38, 0)) as varchar)
              else nullif(replace(regexp_replace(
                cast("P"."PRODUCTS__BRAND" as varchar),
                '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
              ), 'e+', 'e'), '')
            end
            when typeof(to_variant("P"."PRODUCTS__BRAND")) = 'BOOLEAN' then cast("P"."PRODUCTS__BRAND" as varchar)
            when typeof(to_variant("P"."PRODUCTS__BRAND")) in ('ARRAY', 'OBJECT') then
              to_json(to_variant("P"."PRODUCTS__BRAND"))
            else to_json(to_variant(cast("P"."PRODUCTS__BRAND" as varchar)))
          end)), 'brand~'),
          coalesce(('text='
          || (((coalesce(cast(get(parse_json(('{"v":'
          || (case
            when typeof(to_variant("P"."ORDER_ID")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' ||
              regexp_replace(
              to_char(cast("P"."ORDER_ID" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
              '\\.?0+Z$', 'Z'
            ) || '"'
            when typeof(to_variant("P"."ORDER_ID")) = 'DATE' then '"' || to_char(cast("P"."ORDER_ID" as date),
              'YYYY-MM-DD') || '"'
            when typeof(to_variant("P"."ORDER_ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
              when regexp_like(cast("P"."ORDER_ID" as varchar), '.*e[+]?(1[5-9]|20)')
                then cast(cast("P"."ORDER_ID" as number(38, 0)) as varchar)
              else nullif(replace(regexp_replace(
                cast("P"."ORDER_ID" as varchar),
                '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
              ), 'e+', 'e'), '')
            end
            when typeof(to_variant("P"."ORDER_ID")) = 'BOOLEAN' then cast("P"."ORDER_ID" as varchar)
            when typeof(to_variant("P"."ORDER_ID")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."ORDER_ID"))
            else to_json(to_variant(cast("P"."ORDER_ID" as varchar)))
          end)
          || '}')), 'v') as varchar), ''))
          || ' for '
          || (coalesce(cast(get(parse_json(('{"v":'
          || (case
            when typeof(to_variant("P"."CUSTOMER__NAME")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"'
              || regexp_replace(
              to_char(cast("P"."CUSTOMER__NAME" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
              '\\.?0+Z$', 'Z'
            ) || '"'
            when typeof(to_variant("P"."CUSTOMER__NAME")) = 'DATE' then '"' || to_char(cast("P"."CUSTOMER__NAME" as
              date), 'YYYY-MM-DD') || '"'
            when typeof(to_variant("P"."CUSTOMER__NAME")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
              when regexp_like(cast("P"."CUSTOMER__NAME" as varchar), '.*e[+]?(1[5-9]|20)')
                then cast(cast("P"."CUSTOMER__NAME" as number(38, 0)) as varchar)
              else nullif(replace(regexp_replace(
                cast("P"."CUSTOMER__NAME" as varchar),
                '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
              ), 'e+', 'e'), '')
            end
            when typeof(to_variant("P"."CUSTOMER__NAME")) = 'BOOLEAN' then cast("P"."CUSTOMER__NAME" as varchar)
            when typeof(to_variant("P"."CUSTOMER__NAME")) in ('ARRAY', 'OBJECT') then
              to_json(to_variant("P"."CUSTOMER__NAME"))
            else to_json(to_variant(cast("P"."CUSTOMER__NAME" as varchar)))
          end)
          || '}')), 'v') as varchar), ''))))), 'text~'),
          coalesce(('large=' || cast(("P"."AMOUNT" >= '100') as varchar)), 'large~')
        ),
        ''
      )
    ) as fp
  from "_CDP"."B0_ROWS_ORDERS_TO_HOOK_D5994F26" as p
  left join (
    select
      profile_id as member_id,
      "STAFF" as "IN_STAFF"
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
  ) as s on s.member_id = p.cdp_profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.cdp_profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where not (coalesce("S"."IN_STAFF", false))
    and not ("P"."CDP_KEY" is null)
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
  from "MEMBERS" as m
  full outer join "_CDP"."SNAP_ORDERS_TO_HOOK_D5994F26" as s on s.key_json = m.key_json
  left join "ALIASES" as a on a.alias = s.profile_id
  left join "BARRED" as b on b.profile_id = coalesce(a.profile_id, s.profile_id)
),
-- with the one profile whose values are sent, so that joins are by equality alone
"DIFFERING" as (
  select
    *,
    case when verdict in ('create', 'update') then key_json end as sent_row,
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
      when c.verdict = 'remove' and c.is_barred then 'remove '
      when c.verdict = 'remove' then 'remove '
      when c.verdict in ('create', 'update') then c.fp
    end as trying,
    case
      when p.cdp_key is null then '{}'
      else
        ('{'
        || (array_to_string(
          array_construct_compact(
            ('"amount":'
            || (case
              when typeof(to_variant("P"."AMOUNT")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' ||
                regexp_replace(
                to_char(cast("P"."AMOUNT" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
                '\\.?0+Z$', 'Z'
              ) || '"'
              when typeof(to_variant("P"."AMOUNT")) = 'DATE' then '"' || to_char(cast("P"."AMOUNT" as date),
                'YYYY-MM-DD') || '"'
              when typeof(to_variant("P"."AMOUNT")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
                when regexp_like(cast("P"."AMOUNT" as varchar), '.*e[+]?(1[5-9]|20)')
                  then cast(cast("P"."AMOUNT" as number(38, 0)) as varchar)
                else nullif(replace(regexp_replace(
                  cast("P"."AMOUNT" as varchar),
                  '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
                ), 'e+', 'e'), '')
              end
              when typeof(to_variant("P"."AMOUNT")) = 'BOOLEAN' then cast("P"."AMOUNT" as varchar)
              when typeof(to_variant("P"."AMOUNT")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."AMOUNT"))
              else to_json(to_variant(cast("P"."AMOUNT" as varchar)))
            end)),
            ('"brand":'
            || (case
              when typeof(to_variant("P"."PRODUCTS__BRAND")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then
                '"' || regexp_replace(
                to_char(cast("P"."PRODUCTS__BRAND" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
                '\\.?0+Z$', 'Z'
              ) || '"'
              when typeof(to_variant("P"."PRODUCTS__BRAND")) = 'DATE' then '"' || to_char(cast("P"."PRODUCTS__BRAND" as
                date), 'YYYY-MM-DD') || '"'
              when typeof(to_variant("P"."PRODUCTS__BRAND")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
                when regexp_like(cast("P"."PRODUCTS__BRAND" as varchar), '.*e[+]?(1[5-9]|20)')
                  then cast(cast("P"."PRODUCTS__BRAND" as number(38, 0)) as varchar)
                else nullif(replace(regexp_replace(
                  cast("P"."PRODUCTS__BRAND" as varchar),
                  '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
                ), 'e+', 'e'), '')
              end
              when typeof(to_variant("P"."PRODUCTS__BRAND")) = 'BOOLEAN' then cast("P"."PRODUCTS__BRAND" as varchar)
              when typeof(to_variant("P"."PRODUCTS__BRAND")) in ('ARRAY', 'OBJECT') then
                to_json(to_variant("P"."PRODUCTS__BRAND"))
              else to_json(to_variant(cast("P"."PRODUCTS__BRAND" as varchar)))
            end)),
            ('"text":'
            || (to_json(to_variant(cast(((coalesce(cast(get(parse_json(('{"v":'
            || (case
              when typeof(to_variant("P"."ORDER_ID")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' ||
                regexp_replace(
                to_char(cast("P"."ORDER_ID" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
                '\\.?0+Z$', 'Z'
              ) || '"'
              when typeof(to_variant("P"."ORDER_ID")) = 'DATE' then '"' || to_char(cast("P"."ORDER_ID" as date),
                'YYYY-MM-DD') || '"'
              when typeof(to_variant("P"."ORDER_ID")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
                when regexp_like(cast("P"."ORDER_ID" as varchar), '.*e[+]?(1[5-9]|20)')
                  then cast(cast("P"."ORDER_ID" as number(38, 0)) as varchar)
                else nullif(replace(regexp_replace(
                  cast("P"."ORDER_ID" as varchar),
                  '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
                ), 'e+', 'e'), '')
              end
              when typeof(to_variant("P"."ORDER_ID")) = 'BOOLEAN' then cast("P"."ORDER_ID" as varchar)
              when typeof(to_variant("P"."ORDER_ID")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."ORDER_ID"))
              else to_json(to_variant(cast("P"."ORDER_ID" as varchar)))
            end)
            || '}')), 'v') as varchar), ''))
            || ' for '
            || (coalesce(cast(get(parse_json(('{"v":'
            || (case
              when typeof(to_variant("P"."CUSTOMER__NAME")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then
                '"' || regexp_replace(
                to_char(cast("P"."CUSTOMER__NAME" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
                '\\.?0+Z$', 'Z'
              ) || '"'
              when typeof(to_variant("P"."CUSTOMER__NAME")) = 'DATE' then '"' || to_char(cast("P"."CUSTOMER__NAME" as
                date), 'YYYY-MM-DD') || '"'
              when typeof(to_variant("P"."CUSTOMER__NAME")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
                when regexp_like(cast("P"."CUSTOMER__NAME" as varchar), '.*e[+]?(1[5-9]|20)')
                  then cast(cast("P"."CUSTOMER__NAME" as number(38, 0)) as varchar)
                else nullif(replace(regexp_replace(
                  cast("P"."CUSTOMER__NAME" as varchar),
                  '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
                ), 'e+', 'e'), '')
              end
              when typeof(to_variant("P"."CUSTOMER__NAME")) = 'BOOLEAN' then cast("P"."CUSTOMER__NAME" as varchar)
              when typeof(to_variant("P"."CUSTOMER__NAME")) in ('ARRAY', 'OBJECT') then
                to_json(to_variant("P"."CUSTOMER__NAME"))
              else to_json(to_variant(cast("P"."CUSTOMER__NAME" as varchar)))
            end)
            || '}')), 'v') as varchar), ''))) as varchar))))),
            ('"large":' || cast(("P"."AMOUNT" >= '100') as varchar))
          ),
          ','
        ))
        || '}')
    end as payload,
    cast(null as varchar) as new_ident
  from "DIFFERING" as c
  left join "_CDP"."B0_ROWS_ORDERS_TO_HOOK_D5994F26" as p on p.cdp_key = c.sent_row and p.cdp_profile_id is not distinct
    from c.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
),
-- profiles without a key, or with one that others claim: what was sent for them is not gone
"NAMELESS" as (
  select distinct profile_id
  from (
    select
      p.cdp_profile_id as profile_id
    from "_CDP"."B0_ROWS_ORDERS_TO_HOOK_D5994F26" as p
    left join (
      select
        profile_id as member_id,
        "STAFF" as "IN_STAFF"
      from "_CDP"."B0_CUSTOMER_SEGMENTS"
    ) as s on s.member_id = p.cdp_profile_id
    left join (
      select profile_id as barred_id, reason as barred_for
      from "BARRED"
    ) as barred on barred.barred_id = p.cdp_profile_id
    cross join "_CDP"."B0_CLOCK" as clock
    where not (coalesce("S"."IN_STAFF", false))
      and ("P"."CDP_KEY" is null)
    union all
    select
      p.cdp_profile_id as profile_id
    from "_CDP"."B0_ROWS_ORDERS_TO_HOOK_D5994F26" as p
    left join (
      select
        profile_id as member_id,
        "STAFF" as "IN_STAFF"
      from "_CDP"."B0_CUSTOMER_SEGMENTS"
    ) as s on s.member_id = p.cdp_profile_id
    left join (
      select profile_id as barred_id, reason as barred_for
      from "BARRED"
    ) as barred on barred.barred_id = p.cdp_profile_id
    cross join "_CDP"."B0_CLOCK" as clock
    where not (coalesce("S"."IN_STAFF", false))
      and "P"."CDP_KEY" in (select key_json from "DUPLICATED")
  ) as n
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
        'orders_to_hook_d5994f26',
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
-- what was said of whole people: the last yes and the last no (one row a profile)
"SAID" as (
  select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
  from "_CDP"."B0_CUSTOMER_CONSENTS"
  where purpose = 'news'
  and profile_id is not null
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
  where x.profile_id is not null or not (coalesce("C"."GRANTED_AT" > c.denied_at, "C"."GRANTED_AT" is not null))
),
-- the audience before keys are looked at
"PEOPLE" as (
  select
    count_if(not (coalesce("S"."IN_STAFF", false)) and not ((barred.barred_id is not null or p.cdp_profile_id is null)))
      as audience,
    count_if(not (not (coalesce("S"."IN_STAFF", false)))) as excluded,
    count_if(not (coalesce("S"."IN_STAFF", false)) and coalesce(barred.barred_for, case when p.cdp_profile_id is null
      then 'consent' end) = 'consent') as no_consent,
    count_if(not (coalesce("S"."IN_STAFF", false)) and coalesce(barred.barred_for, case when p.cdp_profile_id is null
      then 'consent' end) = 'suppressed') as suppressed,
    count_if(not (coalesce("S"."IN_STAFF", false)) and not ((barred.barred_id is not null or p.cdp_profile_id is null))
      and ("P"."CDP_KEY" is null)) as nameless
  from "_CDP"."B0_ROWS_ORDERS_TO_HOOK_D5994F26" as p
  left join (
    select
      profile_id as member_id,
      "STAFF" as "IN_STAFF"
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
  ) as s on s.member_id = p.cdp_profile_id
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.cdp_profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where true
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
  from "_CDP"."PLAN_ORDERS_TO_HOOK_D5994F26_F0"
),
-- what the destination holds or may hold
"STORED" as (
  select
    count_if(state in ('synced', 'unknown', 'submitted')) as snapshot,
    count_if(hold_until > current_timestamp()) as on_hold
  from "_CDP"."SNAP_ORDERS_TO_HOOK_D5994F26"
),
-- how many answers there are, and whether the newest is too old (one row)
"FED" as (
  select coalesce(sum(a.answers), 0) as answers, false as is_stale
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
  from "_CDP"."PLAN_ORDERS_TO_HOOK_D5994F26_F0" as p
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

-- first run: rows that happened before are not sent
select max(starts_at) as starts_at
from "_CDP"."SYNC"
where sync_id = :sync

-- plan: what is to be sent
create or replace transient table "_CDP"."PLAN_PRODUCTS_TO_HOOK_D348655B_F0" as
with
-- rows that belong to nobody
"BARRED" as (
  select cast(null as varchar) as profile_id, cast(null as varchar) as reason
  limit 0
),
-- keys that several profiles claim: which of them is meant cannot be known
"DUPLICATED" as (
  select
    "P"."CDP_KEY" as key_json,
    count(*) as copies,
    count_if(not (barred.barred_id is not null)) as claims
  from "_CDP"."B0_ROWS_PRODUCTS_TO_HOOK_D348655B" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.cdp_profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where true
    and not ("P"."CDP_KEY" is null)
  group by "P"."CDP_KEY"
  having count(*) > 1
),
-- the audience with its keys and fingerprints (one row a profile)
"KEYED" as (
  select
    "P"."CDP_KEY" as key_json,
    1 as copies,
    case when barred.barred_id is not null then 0 else 1 end as claims,
    p.cdp_profile_id as profile_id,
    md5(
      array_to_string(
        array_construct_compact(
          coalesce(('name='
          || (case
            when typeof(to_variant("P"."NAME")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' ||
              regexp_replace(
              to_char(cast("P"."NAME" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
              '\\.?0+Z$', 'Z'
            ) || '"'
            when typeof(to_variant("P"."NAME")) = 'DATE' then '"' || to_char(cast("P"."NAME" as date), 'YYYY-MM-DD') ||
              '"'
            when typeof(to_variant("P"."NAME")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
              when regexp_like(cast("P"."NAME" as varchar), '.*e[+]?(1[5-9]|20)')
                then cast(cast("P"."NAME" as number(38, 0)) as varchar)
              else nullif(replace(regexp_replace(
                cast("P"."NAME" as varchar),
                '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
              ), 'e+', 'e'), '')
            end
            when typeof(to_variant("P"."NAME")) = 'BOOLEAN' then cast("P"."NAME" as varchar)
            when typeof(to_variant("P"."NAME")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."NAME"))
            else to_json(to_variant(cast("P"."NAME" as varchar)))
          end)), 'name~'),
          coalesce(('price='
          || (case
            when regexp_like(cast("P"."PRICE" as varchar), '.*e[+]?(1[5-9]|20)')
              then cast(cast("P"."PRICE" as number(38, 0)) as varchar)
            else nullif(replace(regexp_replace(
              cast("P"."PRICE" as varchar),
              '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
            ), 'e+', 'e'), '')
          end)), 'price~')
        ),
        ''
      )
    ) as fp
  from "_CDP"."B0_ROWS_PRODUCTS_TO_HOOK_D348655B" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.cdp_profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where true
    and not ("P"."CDP_KEY" is null)
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
-- what the audience has against what the destination acknowledged (one row a key)
"COMPARED" as (
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
  from "MEMBERS" as m
  full outer join "_CDP"."SNAP_PRODUCTS_TO_HOOK_D348655B" as s on s.key_json = m.key_json
  left join "BARRED" as b on b.profile_id = s.profile_id
),
-- with the one profile whose values are sent, so that joins are by equality alone
"DIFFERING" as (
  select
    *,
    case when verdict in ('create', 'update') then key_json end as sent_row,
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
      when c.verdict = 'remove' and c.is_barred then 'remove ["remove",null]'
      when c.verdict = 'remove' then 'remove ["remove",null]'
      when c.verdict in ('create', 'update') then c.fp
    end as trying,
    case
      when p.cdp_key is null then '{}'
      else
        ('{'
        || (array_to_string(
          array_construct_compact(
            ('"name":'
            || (case
              when typeof(to_variant("P"."NAME")) in ('TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ') then '"' ||
                regexp_replace(
                to_char(cast("P"."NAME" as timestamp_ltz), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'),
                '\\.?0+Z$', 'Z'
              ) || '"'
              when typeof(to_variant("P"."NAME")) = 'DATE' then '"' || to_char(cast("P"."NAME" as date), 'YYYY-MM-DD')
                || '"'
              when typeof(to_variant("P"."NAME")) in ('DECIMAL', 'DOUBLE', 'INTEGER') then case
                when regexp_like(cast("P"."NAME" as varchar), '.*e[+]?(1[5-9]|20)')
                  then cast(cast("P"."NAME" as number(38, 0)) as varchar)
                else nullif(replace(regexp_replace(
                  cast("P"."NAME" as varchar),
                  '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
                ), 'e+', 'e'), '')
              end
              when typeof(to_variant("P"."NAME")) = 'BOOLEAN' then cast("P"."NAME" as varchar)
              when typeof(to_variant("P"."NAME")) in ('ARRAY', 'OBJECT') then to_json(to_variant("P"."NAME"))
              else to_json(to_variant(cast("P"."NAME" as varchar)))
            end)),
            ('"price":'
            || (coalesce(case
              when regexp_like(cast("P"."PRICE" as varchar), '.*e[+]?(1[5-9]|20)')
                then cast(cast("P"."PRICE" as number(38, 0)) as varchar)
              else nullif(replace(regexp_replace(
                cast("P"."PRICE" as varchar),
                '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$', '\\1\\3'
              ), 'e+', 'e'), '')
            end, 'null')))
          ),
          ','
        ))
        || '}')
    end as payload,
    cast(null as varchar) as new_ident
  from "DIFFERING" as c
  left join "_CDP"."B0_ROWS_PRODUCTS_TO_HOOK_D348655B" as p on p.cdp_key = c.sent_row and p.cdp_profile_id is not
    distinct from c.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
),
-- profiles without a key, or with one that others claim: what was sent for them is not gone
"NAMELESS" as (
  select distinct profile_id
  from (
    select
      p.cdp_profile_id as profile_id
    from "_CDP"."B0_ROWS_PRODUCTS_TO_HOOK_D348655B" as p
    left join (
      select profile_id as barred_id, reason as barred_for
      from "BARRED"
    ) as barred on barred.barred_id = p.cdp_profile_id
    cross join "_CDP"."B0_CLOCK" as clock
    where true
      and ("P"."CDP_KEY" is null)
    union all
    select
      p.cdp_profile_id as profile_id
    from "_CDP"."B0_ROWS_PRODUCTS_TO_HOOK_D348655B" as p
    left join (
      select profile_id as barred_id, reason as barred_for
      from "BARRED"
    ) as barred on barred.barred_id = p.cdp_profile_id
    cross join "_CDP"."B0_CLOCK" as clock
    where true
      and "P"."CDP_KEY" in (select key_json from "DUPLICATED")
  ) as n
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
        'products_to_hook_d348655b',
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
-- rows that belong to nobody
"BARRED" as (
  select cast(null as varchar) as profile_id, cast(null as varchar) as reason
  limit 0
),
-- the audience before keys are looked at
"PEOPLE" as (
  select
    count_if(true and not (barred.barred_id is not null)) as audience,
    count_if(not (true)) as excluded,
    count_if(true and barred.barred_for = 'consent') as no_consent,
    count_if(true and barred.barred_for = 'suppressed') as suppressed,
    count_if(true and not (barred.barred_id is not null) and ("P"."CDP_KEY" is null)) as nameless
  from "_CDP"."B0_ROWS_PRODUCTS_TO_HOOK_D348655B" as p
  left join (
    select profile_id as barred_id, reason as barred_for
    from "BARRED"
  ) as barred on barred.barred_id = p.cdp_profile_id
  cross join "_CDP"."B0_CLOCK" as clock
  where true
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
  from "_CDP"."PLAN_PRODUCTS_TO_HOOK_D348655B_F0"
),
-- what the destination holds or may hold
"STORED" as (
  select
    count_if(state in ('synced', 'unknown', 'submitted')) as snapshot,
    count_if(hold_until > current_timestamp()) as on_hold
  from "_CDP"."SNAP_PRODUCTS_TO_HOOK_D348655B"
)
select *
from people
cross join "PLANNED"
cross join "STORED"

-- find revoked: rows that belong to nobody are revoked by nobody
select cast(null as varchar) as seqs
