-- where: country = FR
"P"."COUNTRY" = 'FR'

-- where: country != FR
"P"."COUNTRY" <> 'FR'

-- where: is_vip and not country = FR
"P"."IS_VIP" and not ("P"."COUNTRY" = 'FR')

-- where: lifetime_value >= 500 and country in [FR, BE, CH]
"P"."LIFETIME_VALUE" >= 500 and "P"."COUNTRY" in ('FR', 'BE', 'CH')

-- where: zip = 01000 or (order_count > 08 and is_vip)
"P"."ZIP" = '01000' or ("P"."ORDER_COUNT" > 8 and "P"."IS_VIP")

-- where: country in [COUNTRY0, COUNTRY1, COUNTRY2, COUNTRY3, COUNTRY4, COUNTRY5, COUNTRY6, COUNTRY7, COUNTRY8, COUNTRY9, COUNTRY10, COUNTRY11, COUNTRY12, COUNTRY13, COUNTRY14, COUNTRY15, COUNTRY16, COUNTRY17, COUNTRY18, COUNTRY19, COUNTRY20, COUNTRY21, COUNTRY22, COUNTRY23, COUNTRY24, COUNTRY25, COUNTRY26, COUNTRY27, COUNTRY28, COUNTRY29, COUNTRY30, COUNTRY31, COUNTRY32, COUNTRY33, COUNTRY34, COUNTRY35, COUNTRY36, COUNTRY37, COUNTRY38, COUNTRY39]
"P"."COUNTRY" in (
  'COUNTRY0', 'COUNTRY1', 'COUNTRY2', 'COUNTRY3', 'COUNTRY4', 'COUNTRY5',
  'COUNTRY6', 'COUNTRY7', 'COUNTRY8', 'COUNTRY9', 'COUNTRY10',
  'COUNTRY11', 'COUNTRY12', 'COUNTRY13', 'COUNTRY14', 'COUNTRY15',
  'COUNTRY16', 'COUNTRY17', 'COUNTRY18', 'COUNTRY19', 'COUNTRY20',
  'COUNTRY21', 'COUNTRY22', 'COUNTRY23', 'COUNTRY24', 'COUNTRY25',
  'COUNTRY26', 'COUNTRY27', 'COUNTRY28', 'COUNTRY29', 'COUNTRY30',
  'COUNTRY31', 'COUNTRY32', 'COUNTRY33', 'COUNTRY34', 'COUNTRY35',
  'COUNTRY36', 'COUNTRY37', 'COUNTRY38', 'COUNTRY39'
)

-- where: order_count not between 1 and 5
"P"."ORDER_COUNT" not between 1 and 5

-- where: email is not null
"P"."EMAIL" is not null

-- where: email like '%@x.fr'
"P"."EMAIL" like '%@x.fr' escape '\\'

-- where: email not contains spam
not contains("P"."EMAIL", 'spam')

-- where: email starts with info or email ends with .fr
startswith("P"."EMAIL", 'info') or endswith("P"."EMAIL", '.fr')

-- where: email matches '^(a|b)'
(regexp_instr("P"."EMAIL", '^(a|b)') > 0)

-- where: tags contains vip
array_contains(to_variant('vip'), "P"."TAGS")

-- where: last_order_at < 90 days ago
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  < dateadd(day, -90, "CLOCK"."NOW")

-- where: last_order_at >= start of month - 1 month
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= dateadd(month, -1, (
    cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(month, cast(convert_timezone('Europe/Paris', "CLOCK"."NOW")
      as timestamp_ntz))) as timestamp_ltz)
  ))

-- where: last_order_at > 2026-01-01T08:00
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  > cast('2026-01-01T07:00:00Z' as timestamp_ltz)

-- where: last_order_at = 2026-01-01
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-01' as timestamp_ntz)) as timestamp_ltz)
and cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-02' as timestamp_ntz)) as timestamp_ltz)

-- where: last_order_at != 2026-01-01
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-01' as timestamp_ntz)) as timestamp_ltz)
or cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-02' as timestamp_ntz)) as timestamp_ltz)

-- where: last_order_at <= 2026-01-01 and last_order_at > today
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-02' as timestamp_ntz)) as timestamp_ltz)
and cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', cast(cast(dateadd(day, 1, (
    cast(cast(convert_timezone('Europe/Paris', "CLOCK"."NOW") as timestamp_ntz) as date)
  )) as date) as timestamp_ntz)) as timestamp_ltz)

-- where: last_order_at between 2026-01-01 and 2026-01-31
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-01' as timestamp_ntz)) as timestamp_ltz)
and cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-02-01' as timestamp_ntz)) as timestamp_ltz)

-- where: last_order_at not in [2026-01-01, today]
not (
  (
    cast("P"."LAST_ORDER_AT" as timestamp_ltz)
      >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-01' as timestamp_ntz)) as timestamp_ltz)
    and cast("P"."LAST_ORDER_AT" as timestamp_ltz)
      < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-02' as timestamp_ntz)) as timestamp_ltz)
  )
  or (
    cast("P"."LAST_ORDER_AT" as timestamp_ltz)
      >= cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(day, cast(convert_timezone('Europe/Paris',
        "CLOCK"."NOW") as timestamp_ntz))) as timestamp_ltz)
    and cast("P"."LAST_ORDER_AT" as timestamp_ltz)
      < cast(convert_timezone('Europe/Paris', 'UTC', cast(cast(dateadd(day, 1, (
        cast(cast(convert_timezone('Europe/Paris', "CLOCK"."NOW") as timestamp_ntz) as date)
      )) as date) as timestamp_ntz)) as timestamp_ltz)
  )
)

-- where: birthday = today or birthday < 2000-01-01
"P"."BIRTHDAY"
  = cast(cast(convert_timezone('Europe/Paris', "CLOCK"."NOW") as timestamp_ntz) as date)
or "P"."BIRTHDAY" < date '2000-01-01'

-- where: birthday < customer.last_order_at
"P"."BIRTHDAY"
  < cast(cast(convert_timezone('Europe/Paris', cast("P"."LAST_ORDER_AT" as timestamp_ltz)) as timestamp_ntz) as date)

-- where: birthday in [2000-01-01, 2000-01-02]
"P"."BIRTHDAY" in (date '2000-01-01', date '2000-01-02')

-- where: last_order_at < customer.birthday + 30 days
cast(cast(convert_timezone('Europe/Paris', cast("P"."LAST_ORDER_AT" as timestamp_ltz)) as timestamp_ntz) as date)
  < cast(dateadd(day, 30, "P"."BIRTHDAY") as date)

-- where: days_between(last_order_at, today) > 30
datediff(day, (
  cast(cast(convert_timezone('Europe/Paris', cast("P"."LAST_ORDER_AT" as timestamp_ltz)) as timestamp_ntz) as date)
), (
  cast(cast(convert_timezone('Europe/Paris', "CLOCK"."NOW") as timestamp_ntz) as date)
))
  > 30

-- where: lifetime_value > customer.average_basket * 2 + 1
"P"."LIFETIME_VALUE" > "P"."AVERAGE_BASKET" * 2 + 1

-- where: [is_vip, { any: [country = FR, { not: { member_of: vips } }] }]
"P"."IS_VIP" and ("P"."COUNTRY" = 'FR' or not "MEMBER"."VIPS")

-- where: [{ did: orders, within: 30 days }, { did_not: orders }]
"DID"."ORDERS" and not "DID"."ORDERS"

-- where: sql: country ilike 'f%' -- any case
(
  country ilike 'f%' -- any case
)

-- expr: lifetime_value / nullif(order_count, 0)
(cast("P"."LIFETIME_VALUE" as float) / nullif(nullif("P"."ORDER_COUNT", 0), 0))

-- expr: order_count - (1 - 2) * -3
"P"."ORDER_COUNT" - (1 - 2) * -3

-- expr: case when country = 'FR' then 1 else 0 end
case when "P"."COUNTRY" = 'FR' then 1 else 0 end

-- expr: case when lifetime_value > 1000 and is_vip then 'a big spender' when country in ['FR', 'BE'] then 'one of ours' end
case
  when "P"."LIFETIME_VALUE" > 1000 and "P"."IS_VIP" then 'a big spender'
  when "P"."COUNTRY" in ('FR', 'BE') then 'one of ours'
end

-- expr: case when is_vip then last_order_at else birthday end
case
  when "P"."IS_VIP" then cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  else cast(convert_timezone('Europe/Paris', 'UTC', cast("P"."BIRTHDAY" as timestamp_ntz)) as timestamp_ltz)
end

-- expr: coalesce(last_order_at, 2020-01-01)
coalesce(
  cast("P"."LAST_ORDER_AT" as timestamp_ltz),
  cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2020-01-01' as timestamp_ntz)) as timestamp_ltz)
)

-- expr: greatest(lifetime_value, average_basket, 0)
greatest_ignore_nulls("P"."LIFETIME_VALUE", "P"."AVERAGE_BASKET", 0)

-- expr: concat(lower(country), '-', order_count)
(lower("P"."COUNTRY") || '-' || cast("P"."ORDER_COUNT" as varchar))

-- expr: substring(upper(trim(zip)), 1, 2)
substr(upper(trim("P"."ZIP")), 1, 2)

-- expr: round(abs(average_basket), 2)
(round(abs("P"."AVERAGE_BASKET") * power(cast(10 as float), 2), 0) / power(cast(10 as float), 2))

-- expr: length(email) + 12345678901234567890
length("P"."EMAIL") + 12345678901234567890

-- expr: date_trunc(month, last_order_at)
cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(month, cast(convert_timezone('Europe/Paris', (
  cast("P"."LAST_ORDER_AT" as timestamp_ltz)
)) as timestamp_ntz))) as timestamp_ltz)

-- expr: date_trunc(year, birthday)
cast(cast(convert_timezone('Europe/Paris', cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(year,
  cast(convert_timezone('Europe/Paris', (
  cast(convert_timezone('Europe/Paris', 'UTC', cast("P"."BIRTHDAY" as timestamp_ntz)) as timestamp_ltz)
)) as timestamp_ntz))) as timestamp_ltz)) as timestamp_ntz) as date)

-- expr: birthday + 1 month
cast(dateadd(month, 1, "P"."BIRTHDAY") as date)

-- expr: last_order_at - 30 days
dateadd(day, -30, cast("P"."LAST_ORDER_AT" as timestamp_ltz))

-- expr: email
"P"."EMAIL"
