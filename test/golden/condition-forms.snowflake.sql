-- vip and points > 10
"P"."VIP" and "P"."POINTS" > 10

-- vip = false and opted_in
"P"."VIP" = false and "P"."OPTED_IN"

-- vip or opted_in
"P"."VIP" or "P"."OPTED_IN"

-- not (vip and opted_in)
not ("P"."VIP" and "P"."OPTED_IN")

-- [vip, points > 10]
"P"."VIP" and "P"."POINTS" > 10

-- all: [vip, points > 10]
"P"."VIP" and "P"."POINTS" > 10

-- any: [vip, points = 0]
"P"."VIP" or "P"."POINTS" = 0

-- not: { all: [vip, opted_in] }
not ("P"."VIP" and "P"."OPTED_IN")

-- country = FR
"P"."COUNTRY" = 'FR'

-- zip = 01000
"P"."ZIP" = '01000'

-- zip = 1e3
"P"."ZIP" = '1e3'

-- note = no
"P"."NOTE" = 'no'

-- note = 'two words'
"P"."NOTE" = 'two words'

-- country != FR
"P"."COUNTRY" <> 'FR'

-- country > BE
"P"."COUNTRY" > 'BE'

-- country = customer.zip
"P"."COUNTRY" = "P"."ZIP"

-- country in [FR, BE]
"P"."COUNTRY" in ('FR', 'BE')

-- country not in [FR, BE]
"P"."COUNTRY" not in ('FR', 'BE')

-- zip between 01000 and 09999
"P"."ZIP" between '01000' and '09999'

-- email like %@x.fr
"P"."EMAIL" like '%@x.fr' escape '\\'

-- email not like %@x.fr
not "P"."EMAIL" like '%@x.fr' escape '\\'

-- email contains @x
contains("P"."EMAIL", '@x')

-- email not contains @x
not contains("P"."EMAIL", '@x')

-- email contains any of [@x, @y]
contains("P"."EMAIL", '@x') or contains("P"."EMAIL", '@y')

-- email contains all of [dee, .fr]
contains("P"."EMAIL", 'dee') and contains("P"."EMAIL", '.fr')

-- email not contains any of [ann, bob]
not (contains("P"."EMAIL", 'ann') or contains("P"."EMAIL", 'bob'))

-- email not contains all of [dee, .fr]
not (contains("P"."EMAIL", 'dee') and contains("P"."EMAIL", '.fr'))

-- email starts with ann
startswith("P"."EMAIL", 'ann')

-- email not starts with ann
not startswith("P"."EMAIL", 'ann')

-- email ends with .fr
endswith("P"."EMAIL", '.fr')

-- email not ends with .fr
not endswith("P"."EMAIL", '.fr')

-- email matches '^(ann|bob)@'
(regexp_instr("P"."EMAIL", '^(ann|bob)@') > 0)

-- email not matches '^(ann|bob)@'
not (regexp_instr("P"."EMAIL", '^(ann|bob)@') > 0)

-- note is null
"P"."NOTE" is null

-- note is not null
"P"."NOTE" is not null

-- note is empty
coalesce("P"."NOTE", '') = ''

-- note is not empty
coalesce("P"."NOTE", '') <> ''

-- lower(country) = fr
lower("P"."COUNTRY") = 'fr'

-- substring(zip, 1, 2) = 01
substr("P"."ZIP", 1, 2) = '01'

-- concat(country, '-', zip) = FR-01000
("P"."COUNTRY" || '-' || "P"."ZIP") = 'FR-01000'

-- length(note) > 2
length("P"."NOTE") > 2

-- points = 08
"P"."POINTS" = 8

-- points != 8
"P"."POINTS" <> 8

-- points > 8
"P"."POINTS" > 8

-- points >= 8
"P"."POINTS" >= 8

-- points < 8
"P"."POINTS" < 8

-- points <= 1e1
"P"."POINTS" <= 10

-- points in [0, 12]
"P"."POINTS" in (0, 12)

-- points not in [0, 12]
"P"."POINTS" not in (0, 12)

-- points between 0 and 8
"P"."POINTS" between 0 and 8

-- points not between 0 and 8
"P"."POINTS" not between 0 and 8

-- points is null
"P"."POINTS" is null

-- points is not null
"P"."POINTS" is not null

-- value > customer.points * 15
"P"."VALUE" > "P"."POINTS" * 15

-- value / points > 10
(cast("P"."VALUE" as float) / nullif("P"."POINTS", 0)) > 10

-- coalesce(points, 0) = 0
coalesce("P"."POINTS", 0) = 0

-- nullif(points, 0) > 5
nullif("P"."POINTS", 0) > 5

-- greatest(points, 10) = 10
greatest_ignore_nulls("P"."POINTS", 10) = 10

-- round(value / 7, 1) = 17.2
(round((cast("P"."VALUE" as float) / nullif(7, 0)) * power(cast(10 as float), 1), 0) / power(cast(10 as float), 1))
  = 17.2

-- abs(points - 10) = 2
abs("P"."POINTS" - 10) = 2

-- vip
"P"."VIP"

-- not vip
not "P"."VIP"

-- vip = false
"P"."VIP" = false

-- vip != customer.opted_in
"P"."VIP" <> "P"."OPTED_IN"

-- vip in [true]
"P"."VIP" in (true)

-- vip is null
"P"."VIP" is null

-- coalesce(vip, false)
coalesce("P"."VIP", false)

-- case when vip then points > 10 else points = 0 end
case when "P"."VIP" then "P"."POINTS" > 10 else "P"."POINTS" = 0 end

-- tags contains gold
array_contains(to_variant('gold'), "P"."TAGS")

-- tags not contains gold
not array_contains(to_variant('gold'), "P"."TAGS")

-- tags contains any of [gold, silver]
array_contains(to_variant('gold'), "P"."TAGS")
  or array_contains(to_variant('silver'), "P"."TAGS")

-- tags contains all of [gold, news]
array_contains(to_variant('gold'), "P"."TAGS")
  and array_contains(to_variant('news'), "P"."TAGS")

-- tags not contains any of [gold, silver]
not (
  array_contains(to_variant('gold'), "P"."TAGS")
    or array_contains(to_variant('silver'), "P"."TAGS")
)

-- tags not contains all of [gold, news]
not (
  array_contains(to_variant('gold'), "P"."TAGS")
    and array_contains(to_variant('news'), "P"."TAGS")
)

-- length(tags) > 1
array_size("P"."TAGS") > 1

-- tags is empty
coalesce(array_size("P"."TAGS"), 0) = 0

-- tags is not empty
coalesce(array_size("P"."TAGS"), 0) <> 0

-- tags is null
"P"."TAGS" is null

-- all.email contains ann@x.fr
array_contains(to_variant('ann@x.fr'), "P"."ALL_EMAIL")

-- last_order_at < now
cast("P"."LAST_ORDER_AT" as timestamp_ltz) < "CLOCK"."NOW"

-- last_order_at = today
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(day, cast(convert_timezone('Europe/Paris', "CLOCK"."NOW")
    as timestamp_ntz))) as timestamp_ltz)
and cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  < cast(convert_timezone('Europe/Paris', 'UTC', cast(cast(dateadd(day, 1, (
    cast(cast(convert_timezone('Europe/Paris', "CLOCK"."NOW") as timestamp_ntz) as date)
  )) as date) as timestamp_ntz)) as timestamp_ltz)

-- last_order_at = 2026-03-29
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-03-29' as timestamp_ntz)) as timestamp_ltz)
and cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-03-30' as timestamp_ntz)) as timestamp_ltz)

-- last_order_at != 2026-03-29
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-03-29' as timestamp_ntz)) as timestamp_ltz)
or cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-03-30' as timestamp_ntz)) as timestamp_ltz)

-- last_order_at < 2026-01-01
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-01' as timestamp_ntz)) as timestamp_ltz)

-- last_order_at >= 2026-01-01
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-01' as timestamp_ntz)) as timestamp_ltz)

-- last_order_at <= 2026-03-29
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-03-30' as timestamp_ntz)) as timestamp_ltz)

-- last_order_at > 2026-03-29
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-03-30' as timestamp_ntz)) as timestamp_ltz)

-- last_order_at > 2026-03-29T23:00
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  > cast('2026-03-29T21:00:00Z' as timestamp_ltz)

-- last_order_at > 2026-03-29T23:00:00Z
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  > cast('2026-03-29T23:00:00Z' as timestamp_ltz)

-- last_order_at between 2026-01-01 and 2026-03-29
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-01' as timestamp_ntz)) as timestamp_ltz)
and cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-03-30' as timestamp_ntz)) as timestamp_ltz)

-- last_order_at not between 2026-01-01 and 2026-03-29
not (
  cast("P"."LAST_ORDER_AT" as timestamp_ltz)
    >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-01' as timestamp_ntz)) as timestamp_ltz)
  and cast("P"."LAST_ORDER_AT" as timestamp_ltz)
    < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-03-30' as timestamp_ntz)) as timestamp_ltz)
)

-- last_order_at in [2026-01-01, today]
(
  cast("P"."LAST_ORDER_AT" as timestamp_ltz)
    >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-01' as timestamp_ntz)) as timestamp_ltz)
  and cast("P"."LAST_ORDER_AT" as timestamp_ltz)
    < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-02' as timestamp_ntz)) as timestamp_ltz)
)
or (
  cast("P"."LAST_ORDER_AT" as timestamp_ltz)
    >= cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(day, cast(convert_timezone('Europe/Paris', "CLOCK"."NOW")
      as timestamp_ntz))) as timestamp_ltz)
  and cast("P"."LAST_ORDER_AT" as timestamp_ltz)
    < cast(convert_timezone('Europe/Paris', 'UTC', cast(cast(dateadd(day, 1, (
      cast(cast(convert_timezone('Europe/Paris', "CLOCK"."NOW") as timestamp_ntz) as date)
    )) as date) as timestamp_ntz)) as timestamp_ltz)
)

-- last_order_at not in [2026-01-01, today]
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

-- last_order_at < 60 days ago
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  < dateadd(day, -60, "CLOCK"."NOW")

-- last_order_at > 12 hours ago
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  > dateadd(hour, -12, "CLOCK"."NOW")

-- last_order_at <= 7 days from now
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  <= dateadd(day, 7, "CLOCK"."NOW")

-- last_order_at within 30 days
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  between dateadd(day, -30, "CLOCK"."NOW") and "CLOCK"."NOW"

-- last_order_at not within 30 days
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  not between dateadd(day, -30, "CLOCK"."NOW") and "CLOCK"."NOW"

-- last_order_at within 1 quarter
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  between dateadd(quarter, -1, "CLOCK"."NOW") and "CLOCK"."NOW"

-- last_order_at >= start of day
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(day, cast(convert_timezone('Europe/Paris', "CLOCK"."NOW")
    as timestamp_ntz))) as timestamp_ltz)

-- last_order_at >= start of week
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(week, cast(convert_timezone('Europe/Paris', "CLOCK"."NOW")
    as timestamp_ntz))) as timestamp_ltz)

-- last_order_at >= start of month
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(month, cast(convert_timezone('Europe/Paris', "CLOCK"."NOW")
    as timestamp_ntz))) as timestamp_ltz)

-- last_order_at >= start of month - 1 month
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= dateadd(month, -1, (
    cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(month, cast(convert_timezone('Europe/Paris', "CLOCK"."NOW")
      as timestamp_ntz))) as timestamp_ltz)
  ))

-- last_order_at >= start of quarter
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(quarter, cast(convert_timezone('Europe/Paris',
    "CLOCK"."NOW") as timestamp_ntz))) as timestamp_ltz)

-- last_order_at >= start of year
cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  >= cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(year, cast(convert_timezone('Europe/Paris', "CLOCK"."NOW")
    as timestamp_ntz))) as timestamp_ltz)

-- last_order_at + 7 days > now
dateadd(day, 7, cast("P"."LAST_ORDER_AT" as timestamp_ltz))
  > "CLOCK"."NOW"

-- last_order_at > customer.birthday
cast(cast(convert_timezone('Europe/Paris', cast("P"."LAST_ORDER_AT" as timestamp_ltz)) as timestamp_ntz) as date)
  > "P"."BIRTHDAY"

-- last_order_at is null
"P"."LAST_ORDER_AT" is null

-- birthday = 1990-04-01
"P"."BIRTHDAY" = date '1990-04-01'

-- birthday != 1990-04-01
"P"."BIRTHDAY" <> date '1990-04-01'

-- birthday < 1990-01-01
"P"."BIRTHDAY" < date '1990-01-01'

-- birthday between 1985-12-24 and 1990-04-01
"P"."BIRTHDAY" between date '1985-12-24' and date '1990-04-01'

-- birthday in [1990-04-01, 2000-03-29]
"P"."BIRTHDAY" in (date '1990-04-01', date '2000-03-29')

-- birthday within 30 years
"P"."BIRTHDAY"
  >= cast(cast(convert_timezone('Europe/Paris', dateadd(year, -30, "CLOCK"."NOW")) as timestamp_ntz) as date)
and "P"."BIRTHDAY"
  <= cast(cast(convert_timezone('Europe/Paris', "CLOCK"."NOW") as timestamp_ntz) as date)

-- birthday + 30 years < today
cast(dateadd(year, 30, "P"."BIRTHDAY") as date)
  < cast(cast(convert_timezone('Europe/Paris', "CLOCK"."NOW") as timestamp_ntz) as date)

-- birthday < customer.last_order_at
"P"."BIRTHDAY"
  < cast(cast(convert_timezone('Europe/Paris', cast("P"."LAST_ORDER_AT" as timestamp_ltz)) as timestamp_ntz) as date)

-- days_between(last_order_at, today) = 3
datediff(day, (
  cast(cast(convert_timezone('Europe/Paris', cast("P"."LAST_ORDER_AT" as timestamp_ltz)) as timestamp_ntz) as date)
), (
  cast(cast(convert_timezone('Europe/Paris', "CLOCK"."NOW") as timestamp_ntz) as date)
))
  = 3

-- date_trunc(month, last_order_at) = 2026-03-01
cast(cast(convert_timezone('Europe/Paris', (
  cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(month, cast(convert_timezone('Europe/Paris', (
    cast("P"."LAST_ORDER_AT" as timestamp_ltz)
  )) as timestamp_ntz))) as timestamp_ltz)
)) as timestamp_ntz) as date)
  = date '2026-03-01'

-- date_trunc(year, birthday) = 1990-01-01
cast(cast(convert_timezone('Europe/Paris', cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(year,
  cast(convert_timezone('Europe/Paris', (
  cast(convert_timezone('Europe/Paris', 'UTC', cast("P"."BIRTHDAY" as timestamp_ntz)) as timestamp_ltz)
)) as timestamp_ntz))) as timestamp_ltz)) as timestamp_ntz) as date)
  = date '1990-01-01'

-- month(birthday) = 4
date_part(month, "P"."BIRTHDAY") = 4

-- month(birthday) = month(now)
date_part(month, "P"."BIRTHDAY")
  = date_part(month, cast(convert_timezone('Europe/Paris', "CLOCK"."NOW") as timestamp_ntz))

-- weekday(birthday) in [6, 7]
date_part(dayofweekiso, "P"."BIRTHDAY") in (6, 7)

-- hour(last_order_at) >= 22
date_part(hour, cast(convert_timezone('Europe/Paris', (
  cast("P"."LAST_ORDER_AT" as timestamp_ltz)
)) as timestamp_ntz))
  >= 22

-- birthday is not null
"P"."BIRTHDAY" is not null

-- did: orders (did_78c9b404)
coalesce(count(*) >= 1, false)

-- did: orders
"S"."DID_78C9B404"

-- did_not: orders (did_78c9b404)
coalesce(count(*) >= 1, false)

-- did_not: orders
not "S"."DID_78C9B404"

-- { did: orders, where: status = paid, at_least: 2 } (did_fac17639)
coalesce(count_if(("S"."STATUS" = 'paid')) >= 2, false)

-- { did: orders, where: status = paid, at_least: 2 }
"S"."DID_FAC17639"

-- { did: orders, where: amount > customer.points } (did_fe0ee35e)
coalesce(count_if(("S"."AMOUNT" > "PROFILE"."POINTS")) >= 1, false)

-- { did: orders, where: amount > customer.points }
"S"."DID_FE0EE35E"

-- { did: orders, where: [sku = b, amount > 50] } (did_1dc255bf)
coalesce(count_if(("S"."SKU" = 'b' and "S"."AMOUNT" > 50)) >= 1, false)

-- { did: orders, where: [sku = b, amount > 50] }
"S"."DID_1DC255BF"

-- { did: orders, within: 30 days } (did_0e52b370)
coalesce(
  count_if(s.cdp_time >= dateadd(day, -30, "CLOCK"."NOW") and s.cdp_time <= "CLOCK"."NOW") >= 1, false
)

-- { did: orders, within: 30 days }
"S"."DID_0E52B370"

-- { did: orders, within: 30 days, at_least: 2 } (did_2d91209b)
coalesce(
  count_if(s.cdp_time >= dateadd(day, -30, "CLOCK"."NOW") and s.cdp_time <= "CLOCK"."NOW") >= 2, false
)

-- { did: orders, within: 30 days, at_least: 2 }
"S"."DID_2D91209B"

-- { did: orders, after: 2026-03-29 } (did_1dfad010)
coalesce(
  count_if(s.cdp_time
    >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-03-30' as timestamp_ntz)) as timestamp_ltz)) >= 1,
      false
)

-- { did: orders, after: 2026-03-29 }
"S"."DID_1DFAD010"

-- { did: orders, before: 2026-01-10 } (did_1e3b2cf6)
coalesce(
  count_if(s.cdp_time
    < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-10' as timestamp_ntz)) as timestamp_ltz)) >= 1,
      false
)

-- { did: orders, before: 2026-01-10 }
"S"."DID_1E3B2CF6"

-- { did: orders, after: start of month - 1 month, before: 2026-03-29 } (did_8d437116)
coalesce(
  count_if(s.cdp_time
    > dateadd(month, -1, (
      cast(convert_timezone('Europe/Paris', 'UTC', date_trunc(month, cast(convert_timezone('Europe/Paris',
        "CLOCK"."NOW") as timestamp_ntz))) as timestamp_ltz)
    ))
  and s.cdp_time
    < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-03-29' as timestamp_ntz)) as timestamp_ltz)) >= 1,
      false
)

-- { did: orders, after: start of month - 1 month, before: 2026-03-29 }
"S"."DID_8D437116"

-- { did_not: orders, after: customer.last_order_at } (did_71fc17b6)
coalesce(
  count_if(s.cdp_time > cast("PROFILE"."LAST_ORDER_AT" as timestamp_ltz)) >= 1, false
)

-- { did_not: orders, after: customer.last_order_at }
not "S"."DID_71FC17B6"

-- { did: orders, at_most: 1 } (did_6c967681)
coalesce(count(*) <= 1, false)

-- { did: orders, at_most: 1 }
"S"."DID_6C967681"

-- { did: orders, exactly: 0 } (did_24fa4983)
coalesce(count(*) = 0, false)

-- { did: orders, exactly: 0 }
"S"."DID_24FA4983"

-- { did: orders, at_least: 1, at_most: 2 } (did_b6fd575a)
coalesce(count(*) >= 1 and count(*) <= 2, false)

-- { did: orders, at_least: 1, at_most: 2 }
"S"."DID_B6FD575A"

-- { did: orders, sum: amount, at_least: 100 } (did_d5a7f8d6)
coalesce(coalesce(round(sum("S"."AMOUNT"), 6), 0) >= 100, false)

-- { did: orders, sum: amount, at_least: 100 }
"S"."DID_D5A7F8D6"

-- { did: orders, sum: amount, at_most: 0 } (did_26a1dfcd)
coalesce(coalesce(round(sum("S"."AMOUNT"), 6), 0) <= 0, false)

-- { did: orders, sum: amount, at_most: 0 }
"S"."DID_26A1DFCD"

-- { did: orders, avg: amount, at_least: 40 } (did_6c5b7fe7)
coalesce(
  (round((cast(sum("S"."AMOUNT") as float) / nullif(count("S"."AMOUNT"), 0)) * power(cast(10 as float), 6), 0) /
    power(cast(10 as float), 6)) >= 40, false
)

-- { did: orders, avg: amount, at_least: 40 }
"S"."DID_6C5B7FE7"

-- { did: orders, min: amount, at_most: 10 } (did_9028a913)
coalesce(min("S"."AMOUNT") <= 10, false)

-- { did: orders, min: amount, at_most: 10 }
"S"."DID_9028A913"

-- { did: orders, max: amount, at_least: 60 } (did_f34cafae)
coalesce(max("S"."AMOUNT") >= 60, false)

-- { did: orders, max: amount, at_least: 60 }
"S"."DID_F34CAFAE"

-- { did: orders, count_distinct: sku, at_least: 2 } (did_56441150)
coalesce(count(distinct "S"."SKU") >= 2, false)

-- { did: orders, count_distinct: sku, at_least: 2 }
"S"."DID_56441150"

-- { did: orders, count_distinct: amount, at_most: 0 } (did_5bde565e)
coalesce(count(distinct "S"."AMOUNT") <= 0, false)

-- { did: orders, count_distinct: amount, at_most: 0 }
"S"."DID_5BDE565E"

-- { did: orders, first: { after: 60 days ago } } (did_aa4fbc1a)
coalesce(
  count(*) >= 1
    and min(s.cdp_time) > dateadd(day, -60, min("CLOCK"."NOW")), false
)

-- { did: orders, first: { after: 60 days ago } }
"S"."DID_AA4FBC1A"

-- { did: orders, first: { within: 90 days } } (did_64db9394)
coalesce(
  count(*) >= 1
    and min(s.cdp_time) >= dateadd(day, -90, min("CLOCK"."NOW"))
    and min(s.cdp_time) <= min("CLOCK"."NOW"), false
)

-- { did: orders, first: { within: 90 days } }
"S"."DID_64DB9394"

-- { did: orders, last: { before: 60 days ago } } (did_fb733455)
coalesce(
  count(*) >= 1
    and max(s.cdp_time) < dateadd(day, -60, min("CLOCK"."NOW")), false
)

-- { did: orders, last: { before: 60 days ago } }
"S"."DID_FB733455"

-- { did: orders, last: { after: 2026-01-01, before: 2026-04-01 } } (did_3f8b8159)
coalesce(
  count(*) >= 1
  and max(s.cdp_time)
    >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-01-02' as timestamp_ntz)) as timestamp_ltz)
  and max(s.cdp_time)
    < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-04-01' as timestamp_ntz)) as timestamp_ltz), false
)

-- { did: orders, last: { after: 2026-01-01, before: 2026-04-01 } }
"S"."DID_3F8B8159"

-- { did: orders, at_least: 2, last: { within: 7 days } } (did_0f2f133a)
coalesce(
  count(*) >= 2
    and max(s.cdp_time) >= dateadd(day, -7, min("CLOCK"."NOW"))
    and max(s.cdp_time) <= min("CLOCK"."NOW"), false
)

-- { did: orders, at_least: 2, last: { within: 7 days } }
"S"."DID_0F2F133A"

-- { did: orders, where: sku = b, first: { after: customer.birthday } } (did_b645fdef)
coalesce(
  count_if(("S"."SKU" = 'b')) >= 1
  and cast(cast(convert_timezone('Europe/Paris', (
    min(case when ("S"."SKU" = 'b') then s.cdp_time end)
  )) as timestamp_ntz) as date)
    > min("PROFILE"."BIRTHDAY"), false
)

-- { did: orders, where: sku = b, first: { after: customer.birthday } }
"S"."DID_B645FDEF"

-- { did_not: orders, last: { before: 60 days ago } } (did_fb733455)
coalesce(
  count(*) >= 1
    and max(s.cdp_time) < dateadd(day, -60, min("CLOCK"."NOW")), false
)

-- { did_not: orders, last: { before: 60 days ago } }
not "S"."DID_FB733455"

-- { did: visits, then: { did: orders, within: 2 days } }
"S"."THEN_B94F536F"

-- { did: visits, then: { did: orders, within: 1 day } }
"S"."THEN_E044FDC6"

-- { did: visits, then: { did_not: orders, within: 1 day } }
"S"."THEN_E599A657"

-- member_of: vips
"S"."IN_VIPS"

-- not: { member_of: vips }
not "S"."IN_VIPS"

-- member_of: tested.a
coalesce("S"."TESTED__VARIANT" = 'a', false)

-- member_of: gold
"S"."IN_GOLD"

-- was_member_of: gold
"S"."WAS_423562C8"

-- { was_member_of: gold, within: 10 days }
"S"."WAS_C71CE7F9"

-- { was_member_of: gold, after: 2026-03-15 }
"S"."WAS_D86DE6A4"

-- { was_member_of: gold, before: 2026-03-01 }
"S"."WAS_6438F67F"

-- { was_member_of: gold, after: 2026-03-20, before: 2026-03-25 }
"S"."WAS_7924BFFB"

-- { was_member_of: gold, after: customer.last_order_at }
"S"."WAS_2AF81033"

-- household.size > 1
"GROUP_HOUSEHOLD"."household.size" > 1

-- household.size is null
"GROUP_HOUSEHOLD"."household.size" is null

-- points > household.mean_points
"P"."POINTS" > "GROUP_HOUSEHOLD"."household.mean_points"

-- { was_member_of: gold, after: household.last_at }
"S"."WAS_881179E9"

-- { sql: "mod(points, 2) = 0 and country is not null" }
(mod(points, 2) = 0 and country is not null)

-- what was, in one pass
with
-- those that were published, under the ids of today (an id in use, or one that was merged into it)
"MEMBERSHIPS" as (
  select ids.used_id as profile_id, h.segment, h.entered_at, h.left_at
  from (
    select "SEGMENT", "PROFILE_ID", "ENTERED_AT", "LEFT_AT"
    from "_CDP"."SEGMENT_HISTORY"
    where entity = 'customer'
  ) as h
  join (
    select given.profile_id, used.profile_id as used_id
    from (
      select i.anchor, i.profile_id, i.merged_into
      from "_CDP"."CUSTOMER_PROFILE_IDS" as i
      left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
      where c.anchor is null
      union all
      select anchor, profile_id, merged_into
      from "_CDP"."B0_CUSTOMER_IDS"
    ) as given
    join (
      select i.anchor, i.profile_id
      from "_CDP"."CUSTOMER_PROFILE_IDS" as i
      left join "_CDP"."B0_CUSTOMER_IDS" as c on c.anchor = i.anchor
      where i.merged_into is null and c.anchor is null
      union all
      select anchor, profile_id
      from "_CDP"."B0_CUSTOMER_IDS"
      where merged_into is null
    ) as used on used.anchor = coalesce(given.merged_into, given.anchor)
  ) as ids on ids.profile_id = h.profile_id
  where h.segment in ('gold')
)
select
  h.profile_id,
  (count_if(h.segment = 'gold'
    and h.entered_at <= "CLOCK"."NOW") > 0) as "WAS_423562C8",
  (count_if(h.segment = 'gold'
    and h.entered_at <= "CLOCK"."NOW"
    and coalesce(h.left_at, "CLOCK"."NOW") > dateadd(day, -10, "CLOCK"."NOW")) > 0) as "WAS_C71CE7F9",
  (count_if(h.segment = 'gold'
  and h.entered_at <= "CLOCK"."NOW"
  and coalesce(h.left_at, "CLOCK"."NOW")
    >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-03-16' as timestamp_ntz)) as timestamp_ltz)) > 0) as
      "WAS_D86DE6A4",
  (count_if(h.segment = 'gold'
  and h.entered_at <= "CLOCK"."NOW"
  and h.entered_at
    < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-03-01' as timestamp_ntz)) as timestamp_ltz)) > 0) as
      "WAS_6438F67F",
  (count_if(h.segment = 'gold'
  and h.entered_at <= "CLOCK"."NOW"
  and coalesce(h.left_at, "CLOCK"."NOW")
    >= cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-03-21' as timestamp_ntz)) as timestamp_ltz)
  and h.entered_at
    < cast(convert_timezone('Europe/Paris', 'UTC', cast(date '2026-03-25' as timestamp_ntz)) as timestamp_ltz)) > 0) as
      "WAS_7924BFFB",
  (count_if(h.segment = 'gold'
  and h.entered_at <= "CLOCK"."NOW"
  and coalesce(h.left_at, "CLOCK"."NOW")
    > cast("P"."LAST_ORDER_AT" as timestamp_ltz)) > 0) as "WAS_2AF81033",
  (count_if(h.segment = 'gold'
  and h.entered_at <= "CLOCK"."NOW"
  and coalesce(h.left_at, "CLOCK"."NOW")
    > cast("GROUP_HOUSEHOLD"."household.last_at" as timestamp_ltz)) > 0) as "WAS_881179E9"
from "MEMBERSHIPS" as h
cross join "_CDP"."B0_CLOCK" as clock
left join "_CDP"."B0_CUSTOMER" as p on p.profile_id = h.profile_id
left join (
  select
    "PROFILE_ID" as "household.profile_id",
    "LAST_AT" as "household.last_at"
  from "_CDP"."B0_HOUSEHOLD"
) as "GROUP_HOUSEHOLD"
  on "GROUP_HOUSEHOLD"."household.profile_id" = "P"."HOUSEHOLD_ID"
group by h.profile_id
