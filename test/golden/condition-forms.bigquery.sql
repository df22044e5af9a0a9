-- vip and points > 10
`p`.`vip` and `p`.`points` > 10

-- vip = false and opted_in
`p`.`vip` = false and `p`.`opted_in`

-- vip or opted_in
`p`.`vip` or `p`.`opted_in`

-- not (vip and opted_in)
not (`p`.`vip` and `p`.`opted_in`)

-- [vip, points > 10]
`p`.`vip` and `p`.`points` > 10

-- all: [vip, points > 10]
`p`.`vip` and `p`.`points` > 10

-- any: [vip, points = 0]
`p`.`vip` or `p`.`points` = 0

-- not: { all: [vip, opted_in] }
not (`p`.`vip` and `p`.`opted_in`)

-- country = FR
`p`.`country` = 'FR'

-- zip = 01000
`p`.`zip` = '01000'

-- zip = 1e3
`p`.`zip` = '1e3'

-- note = no
`p`.`note` = 'no'

-- note = 'two words'
`p`.`note` = 'two words'

-- country != FR
`p`.`country` <> 'FR'

-- country > BE
`p`.`country` > 'BE'

-- country = customer.zip
`p`.`country` = `p`.`zip`

-- country in [FR, BE]
`p`.`country` in ('FR', 'BE')

-- country not in [FR, BE]
`p`.`country` not in ('FR', 'BE')

-- zip between 01000 and 09999
`p`.`zip` between '01000' and '09999'

-- email like %@x.fr
`p`.`email` like '%@x.fr'

-- email not like %@x.fr
not `p`.`email` like '%@x.fr'

-- email contains @x
(strpos(`p`.`email`, '@x') > 0)

-- email not contains @x
not (strpos(`p`.`email`, '@x') > 0)

-- email contains any of [@x, @y]
(strpos(`p`.`email`, '@x') > 0) or (strpos(`p`.`email`, '@y') > 0)

-- email contains all of [dee, .fr]
(strpos(`p`.`email`, 'dee') > 0)
  and (strpos(`p`.`email`, '.fr') > 0)

-- email not contains any of [ann, bob]
not ((strpos(`p`.`email`, 'ann') > 0) or (strpos(`p`.`email`, 'bob') > 0))

-- email not contains all of [dee, .fr]
not (
  (strpos(`p`.`email`, 'dee') > 0)
    and (strpos(`p`.`email`, '.fr') > 0)
)

-- email starts with ann
starts_with(`p`.`email`, 'ann')

-- email not starts with ann
not starts_with(`p`.`email`, 'ann')

-- email ends with .fr
ends_with(`p`.`email`, '.fr')

-- email not ends with .fr
not ends_with(`p`.`email`, '.fr')

-- email matches '^(ann|bob)@'
regexp_contains(`p`.`email`, '^(ann|bob)@')

-- email not matches '^(ann|bob)@'
not regexp_contains(`p`.`email`, '^(ann|bob)@')

-- note is null
`p`.`note` is null

-- note is not null
`p`.`note` is not null

-- note is empty
coalesce(`p`.`note`, '') = ''

-- note is not empty
coalesce(`p`.`note`, '') <> ''

-- lower(country) = fr
lower(`p`.`country`) = 'fr'

-- substring(zip, 1, 2) = 01
substr(`p`.`zip`, 1, 2) = '01'

-- concat(country, '-', zip) = FR-01000
(`p`.`country` || '-' || `p`.`zip`) = 'FR-01000'

-- length(note) > 2
char_length(`p`.`note`) > 2

-- points = 08
`p`.`points` = 8

-- points != 8
`p`.`points` <> 8

-- points > 8
`p`.`points` > 8

-- points >= 8
`p`.`points` >= 8

-- points < 8
`p`.`points` < 8

-- points <= 1e1
`p`.`points` <= 10

-- points in [0, 12]
`p`.`points` in (0, 12)

-- points not in [0, 12]
`p`.`points` not in (0, 12)

-- points between 0 and 8
`p`.`points` between 0 and 8

-- points not between 0 and 8
`p`.`points` not between 0 and 8

-- points is null
`p`.`points` is null

-- points is not null
`p`.`points` is not null

-- value > customer.points * 15
`p`.`value` > `p`.`points` * 15

-- value / points > 10
(cast(`p`.`value` as float64) / nullif(`p`.`points`, 0)) > 10

-- coalesce(points, 0) = 0
coalesce(`p`.`points`, 0) = 0

-- nullif(points, 0) > 5
nullif(`p`.`points`, 0) > 5

-- greatest(points, 10) = 10
greatest(coalesce(`p`.`points`, 10), coalesce(10, `p`.`points`)) = 10

-- round(value / 7, 1) = 17.2
(round((cast(`p`.`value` as float64) / nullif(7, 0)) * pow(10, 1)) / pow(10, 1))
  = 17.2

-- abs(points - 10) = 2
abs(`p`.`points` - 10) = 2

-- vip
`p`.`vip`

-- not vip
not `p`.`vip`

-- vip = false
`p`.`vip` = false

-- vip != customer.opted_in
`p`.`vip` <> `p`.`opted_in`

-- vip in [true]
`p`.`vip` in (true)

-- vip is null
`p`.`vip` is null

-- coalesce(vip, false)
coalesce(`p`.`vip`, false)

-- case when vip then points > 10 else points = 0 end
case when `p`.`vip` then `p`.`points` > 10 else `p`.`points` = 0 end

-- tags contains gold
('gold' in unnest(`p`.`tags`))

-- tags not contains gold
not ('gold' in unnest(`p`.`tags`))

-- tags contains any of [gold, silver]
('gold' in unnest(`p`.`tags`)) or ('silver' in unnest(`p`.`tags`))

-- tags contains all of [gold, news]
('gold' in unnest(`p`.`tags`)) and ('news' in unnest(`p`.`tags`))

-- tags not contains any of [gold, silver]
not (('gold' in unnest(`p`.`tags`)) or ('silver' in unnest(`p`.`tags`)))

-- tags not contains all of [gold, news]
not (('gold' in unnest(`p`.`tags`)) and ('news' in unnest(`p`.`tags`)))

-- length(tags) > 1
array_length(`p`.`tags`) > 1

-- tags is empty
coalesce(array_length(`p`.`tags`), 0) = 0

-- tags is not empty
coalesce(array_length(`p`.`tags`), 0) <> 0

-- tags is null
`p`.`tags` is null

-- all.email contains ann@x.fr
('ann@x.fr' in unnest(`p`.`all_email`))

-- last_order_at < now
cast(`p`.`last_order_at` as timestamp) < `clock`.`now`

-- last_order_at = today
cast(`p`.`last_order_at` as timestamp)
  >= timestamp_trunc(`clock`.`now`, day, 'Europe/Paris')
and cast(`p`.`last_order_at` as timestamp)
  < timestamp((
    cast(timestamp_add(cast(date(`clock`.`now`, 'Europe/Paris') as timestamp), interval 1 day) as date)
  ), 'Europe/Paris')

-- last_order_at = 2026-03-29
cast(`p`.`last_order_at` as timestamp)
  >= timestamp(date '2026-03-29', 'Europe/Paris')
and cast(`p`.`last_order_at` as timestamp)
  < timestamp(date '2026-03-30', 'Europe/Paris')

-- last_order_at != 2026-03-29
cast(`p`.`last_order_at` as timestamp)
  < timestamp(date '2026-03-29', 'Europe/Paris')
or cast(`p`.`last_order_at` as timestamp)
  >= timestamp(date '2026-03-30', 'Europe/Paris')

-- last_order_at < 2026-01-01
cast(`p`.`last_order_at` as timestamp)
  < timestamp(date '2026-01-01', 'Europe/Paris')

-- last_order_at >= 2026-01-01
cast(`p`.`last_order_at` as timestamp)
  >= timestamp(date '2026-01-01', 'Europe/Paris')

-- last_order_at <= 2026-03-29
cast(`p`.`last_order_at` as timestamp)
  < timestamp(date '2026-03-30', 'Europe/Paris')

-- last_order_at > 2026-03-29
cast(`p`.`last_order_at` as timestamp)
  >= timestamp(date '2026-03-30', 'Europe/Paris')

-- last_order_at > 2026-03-29T23:00
cast(`p`.`last_order_at` as timestamp)
  > timestamp '2026-03-29T21:00:00Z'

-- last_order_at > 2026-03-29T23:00:00Z
cast(`p`.`last_order_at` as timestamp)
  > timestamp '2026-03-29T23:00:00Z'

-- last_order_at between 2026-01-01 and 2026-03-29
cast(`p`.`last_order_at` as timestamp)
  >= timestamp(date '2026-01-01', 'Europe/Paris')
and cast(`p`.`last_order_at` as timestamp)
  < timestamp(date '2026-03-30', 'Europe/Paris')

-- last_order_at not between 2026-01-01 and 2026-03-29
not (
  cast(`p`.`last_order_at` as timestamp)
    >= timestamp(date '2026-01-01', 'Europe/Paris')
  and cast(`p`.`last_order_at` as timestamp)
    < timestamp(date '2026-03-30', 'Europe/Paris')
)

-- last_order_at in [2026-01-01, today]
(
  cast(`p`.`last_order_at` as timestamp)
    >= timestamp(date '2026-01-01', 'Europe/Paris')
  and cast(`p`.`last_order_at` as timestamp)
    < timestamp(date '2026-01-02', 'Europe/Paris')
)
or (
  cast(`p`.`last_order_at` as timestamp)
    >= timestamp_trunc(`clock`.`now`, day, 'Europe/Paris')
  and cast(`p`.`last_order_at` as timestamp)
    < timestamp((
      cast(timestamp_add(cast(date(`clock`.`now`, 'Europe/Paris') as timestamp), interval 1 day) as date)
    ), 'Europe/Paris')
)

-- last_order_at not in [2026-01-01, today]
not (
  (
    cast(`p`.`last_order_at` as timestamp)
      >= timestamp(date '2026-01-01', 'Europe/Paris')
    and cast(`p`.`last_order_at` as timestamp)
      < timestamp(date '2026-01-02', 'Europe/Paris')
  )
  or (
    cast(`p`.`last_order_at` as timestamp)
      >= timestamp_trunc(`clock`.`now`, day, 'Europe/Paris')
    and cast(`p`.`last_order_at` as timestamp)
      < timestamp((
        cast(timestamp_add(cast(date(`clock`.`now`, 'Europe/Paris') as timestamp), interval 1 day) as date)
      ), 'Europe/Paris')
  )
)

-- last_order_at < 60 days ago
cast(`p`.`last_order_at` as timestamp)
  < timestamp_add(cast(`clock`.`now` as timestamp), interval -60 day)

-- last_order_at > 12 hours ago
cast(`p`.`last_order_at` as timestamp)
  > timestamp_add(cast(`clock`.`now` as timestamp), interval -12 hour)

-- last_order_at <= 7 days from now
cast(`p`.`last_order_at` as timestamp)
  <= timestamp_add(cast(`clock`.`now` as timestamp), interval 7 day)

-- last_order_at within 30 days
cast(`p`.`last_order_at` as timestamp)
  between timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
    and `clock`.`now`

-- last_order_at not within 30 days
cast(`p`.`last_order_at` as timestamp)
  not between timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
    and `clock`.`now`

-- last_order_at within 1 quarter
cast(`p`.`last_order_at` as timestamp)
  between timestamp(datetime_add(datetime(cast(`clock`.`now` as timestamp)), interval -1 quarter))
    and `clock`.`now`

-- last_order_at >= start of day
cast(`p`.`last_order_at` as timestamp)
  >= timestamp_trunc(`clock`.`now`, day, 'Europe/Paris')

-- last_order_at >= start of week
cast(`p`.`last_order_at` as timestamp)
  >= timestamp_trunc(`clock`.`now`, isoweek, 'Europe/Paris')

-- last_order_at >= start of month
cast(`p`.`last_order_at` as timestamp)
  >= timestamp_trunc(`clock`.`now`, month, 'Europe/Paris')

-- last_order_at >= start of month - 1 month
cast(`p`.`last_order_at` as timestamp)
  >= timestamp(datetime_add(datetime(cast((
    timestamp_trunc(`clock`.`now`, month, 'Europe/Paris')
  ) as timestamp)), interval -1 month))

-- last_order_at >= start of quarter
cast(`p`.`last_order_at` as timestamp)
  >= timestamp_trunc(`clock`.`now`, quarter, 'Europe/Paris')

-- last_order_at >= start of year
cast(`p`.`last_order_at` as timestamp)
  >= timestamp_trunc(`clock`.`now`, year, 'Europe/Paris')

-- last_order_at + 7 days > now
timestamp_add(cast(cast(`p`.`last_order_at` as timestamp) as timestamp), interval 7 day)
  > `clock`.`now`

-- last_order_at > customer.birthday
date(cast(`p`.`last_order_at` as timestamp), 'Europe/Paris')
  > `p`.`birthday`

-- last_order_at is null
`p`.`last_order_at` is null

-- birthday = 1990-04-01
`p`.`birthday` = date '1990-04-01'

-- birthday != 1990-04-01
`p`.`birthday` <> date '1990-04-01'

-- birthday < 1990-01-01
`p`.`birthday` < date '1990-01-01'

-- birthday between 1985-12-24 and 1990-04-01
`p`.`birthday` between date '1985-12-24' and date '1990-04-01'

-- birthday in [1990-04-01, 2000-03-29]
`p`.`birthday` in (date '1990-04-01', date '2000-03-29')

-- birthday within 30 years
`p`.`birthday`
  >= date((
    timestamp(datetime_add(datetime(cast(`clock`.`now` as timestamp)), interval -30 year))
  ), 'Europe/Paris')
and `p`.`birthday` <= date(`clock`.`now`, 'Europe/Paris')

-- birthday + 30 years < today
cast(timestamp(datetime_add(datetime(cast(`p`.`birthday` as timestamp)), interval 30 year)) as date)
  < date(`clock`.`now`, 'Europe/Paris')

-- birthday < customer.last_order_at
`p`.`birthday`
  < date(cast(`p`.`last_order_at` as timestamp), 'Europe/Paris')

-- days_between(last_order_at, today) = 3
date_diff(date(`clock`.`now`, 'Europe/Paris'), (
  date(cast(`p`.`last_order_at` as timestamp), 'Europe/Paris')
), day)
  = 3

-- date_trunc(month, last_order_at) = 2026-03-01
date((
  timestamp_trunc((
    cast(`p`.`last_order_at` as timestamp)
  ), month, 'Europe/Paris')
), 'Europe/Paris')
  = date '2026-03-01'

-- date_trunc(year, birthday) = 1990-01-01
date(timestamp_trunc((
  timestamp(`p`.`birthday`, 'Europe/Paris')
), year, 'Europe/Paris'), 'Europe/Paris')
  = date '1990-01-01'

-- month(birthday) = 4
extract(month from `p`.`birthday`) = 4

-- month(birthday) = month(now)
extract(month from `p`.`birthday`)
  = extract(month from datetime(`clock`.`now`, 'Europe/Paris'))

-- weekday(birthday) in [6, 7]
(mod(extract(dayofweek from `p`.`birthday`) + 5, 7) + 1) in (6, 7)

-- hour(last_order_at) >= 22
extract(hour from datetime(cast(`p`.`last_order_at` as timestamp), 'Europe/Paris'))
  >= 22

-- birthday is not null
`p`.`birthday` is not null

-- did: orders (did_78c9b404)
coalesce(count(*) >= 1, false)

-- did: orders
`s`.`did_78c9b404`

-- did_not: orders (did_78c9b404)
coalesce(count(*) >= 1, false)

-- did_not: orders
not `s`.`did_78c9b404`

-- { did: orders, where: status = paid, at_least: 2 } (did_fac17639)
coalesce(countif((`s`.`status` = 'paid')) >= 2, false)

-- { did: orders, where: status = paid, at_least: 2 }
`s`.`did_fac17639`

-- { did: orders, where: amount > customer.points } (did_fe0ee35e)
coalesce(countif((`s`.`amount` > `profile`.`points`)) >= 1, false)

-- { did: orders, where: amount > customer.points }
`s`.`did_fe0ee35e`

-- { did: orders, where: [sku = b, amount > 50] } (did_1dc255bf)
coalesce(countif((`s`.`sku` = 'b' and `s`.`amount` > 50)) >= 1, false)

-- { did: orders, where: [sku = b, amount > 50] }
`s`.`did_1dc255bf`

-- { did: orders, within: 30 days } (did_0e52b370)
coalesce(
  countif(
    s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
      and s.cdp_time <= `clock`.`now`
  ) >= 1, false
)

-- { did: orders, within: 30 days }
`s`.`did_0e52b370`

-- { did: orders, within: 30 days, at_least: 2 } (did_2d91209b)
coalesce(
  countif(
    s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -30 day)
      and s.cdp_time <= `clock`.`now`
  ) >= 2, false
)

-- { did: orders, within: 30 days, at_least: 2 }
`s`.`did_2d91209b`

-- { did: orders, after: 2026-03-29 } (did_1dfad010)
coalesce(
  countif(s.cdp_time >= timestamp(date '2026-03-30', 'Europe/Paris')) >= 1, false
)

-- { did: orders, after: 2026-03-29 }
`s`.`did_1dfad010`

-- { did: orders, before: 2026-01-10 } (did_1e3b2cf6)
coalesce(
  countif(s.cdp_time < timestamp(date '2026-01-10', 'Europe/Paris')) >= 1, false
)

-- { did: orders, before: 2026-01-10 }
`s`.`did_1e3b2cf6`

-- { did: orders, after: start of month - 1 month, before: 2026-03-29 } (did_8d437116)
coalesce(
  countif(
    s.cdp_time
      > timestamp(datetime_add(datetime(cast((
        timestamp_trunc(`clock`.`now`, month, 'Europe/Paris')
      ) as timestamp)), interval -1 month))
    and s.cdp_time < timestamp(date '2026-03-29', 'Europe/Paris')
  ) >= 1, false
)

-- { did: orders, after: start of month - 1 month, before: 2026-03-29 }
`s`.`did_8d437116`

-- { did_not: orders, after: customer.last_order_at } (did_71fc17b6)
coalesce(
  countif(s.cdp_time > cast(`profile`.`last_order_at` as timestamp)) >= 1, false
)

-- { did_not: orders, after: customer.last_order_at }
not `s`.`did_71fc17b6`

-- { did: orders, at_most: 1 } (did_6c967681)
coalesce(count(*) <= 1, false)

-- { did: orders, at_most: 1 }
`s`.`did_6c967681`

-- { did: orders, exactly: 0 } (did_24fa4983)
coalesce(count(*) = 0, false)

-- { did: orders, exactly: 0 }
`s`.`did_24fa4983`

-- { did: orders, at_least: 1, at_most: 2 } (did_b6fd575a)
coalesce(count(*) >= 1 and count(*) <= 2, false)

-- { did: orders, at_least: 1, at_most: 2 }
`s`.`did_b6fd575a`

-- { did: orders, sum: amount, at_least: 100 } (did_d5a7f8d6)
coalesce(coalesce(round(cast(sum(`s`.`amount`) as numeric), 6), 0) >= 100, false)

-- { did: orders, sum: amount, at_least: 100 }
`s`.`did_d5a7f8d6`

-- { did: orders, sum: amount, at_most: 0 } (did_26a1dfcd)
coalesce(coalesce(round(cast(sum(`s`.`amount`) as numeric), 6), 0) <= 0, false)

-- { did: orders, sum: amount, at_most: 0 }
`s`.`did_26a1dfcd`

-- { did: orders, avg: amount, at_least: 40 } (did_6c5b7fe7)
coalesce(
  (round(cast(avg(`s`.`amount`) as float64) * pow(10, 6)) / pow(10, 6)) >= 40, false
)

-- { did: orders, avg: amount, at_least: 40 }
`s`.`did_6c5b7fe7`

-- { did: orders, min: amount, at_most: 10 } (did_9028a913)
coalesce(min(`s`.`amount`) <= 10, false)

-- { did: orders, min: amount, at_most: 10 }
`s`.`did_9028a913`

-- { did: orders, max: amount, at_least: 60 } (did_f34cafae)
coalesce(max(`s`.`amount`) >= 60, false)

-- { did: orders, max: amount, at_least: 60 }
`s`.`did_f34cafae`

-- { did: orders, count_distinct: sku, at_least: 2 } (did_56441150)
coalesce(count(distinct `s`.`sku`) >= 2, false)

-- { did: orders, count_distinct: sku, at_least: 2 }
`s`.`did_56441150`

-- { did: orders, count_distinct: amount, at_most: 0 } (did_5bde565e)
coalesce(count(distinct `s`.`amount`) <= 0, false)

-- { did: orders, count_distinct: amount, at_most: 0 }
`s`.`did_5bde565e`

-- { did: orders, first: { after: 60 days ago } } (did_aa4fbc1a)
coalesce(
  count(*) >= 1
  and min(s.cdp_time)
    > timestamp_add(cast(min(`clock`.`now`) as timestamp), interval -60 day), false
)

-- { did: orders, first: { after: 60 days ago } }
`s`.`did_aa4fbc1a`

-- { did: orders, first: { within: 90 days } } (did_64db9394)
coalesce(
  count(*) >= 1
    and min(s.cdp_time) >= timestamp_add(cast(min(`clock`.`now`) as timestamp), interval -90 day)
    and min(s.cdp_time) <= min(`clock`.`now`), false
)

-- { did: orders, first: { within: 90 days } }
`s`.`did_64db9394`

-- { did: orders, last: { before: 60 days ago } } (did_fb733455)
coalesce(
  count(*) >= 1
  and max(s.cdp_time)
    < timestamp_add(cast(min(`clock`.`now`) as timestamp), interval -60 day), false
)

-- { did: orders, last: { before: 60 days ago } }
`s`.`did_fb733455`

-- { did: orders, last: { after: 2026-01-01, before: 2026-04-01 } } (did_3f8b8159)
coalesce(
  count(*) >= 1
    and max(s.cdp_time) >= timestamp(date '2026-01-02', 'Europe/Paris')
    and max(s.cdp_time) < timestamp(date '2026-04-01', 'Europe/Paris'), false
)

-- { did: orders, last: { after: 2026-01-01, before: 2026-04-01 } }
`s`.`did_3f8b8159`

-- { did: orders, at_least: 2, last: { within: 7 days } } (did_0f2f133a)
coalesce(
  count(*) >= 2
    and max(s.cdp_time) >= timestamp_add(cast(min(`clock`.`now`) as timestamp), interval -7 day)
    and max(s.cdp_time) <= min(`clock`.`now`), false
)

-- { did: orders, at_least: 2, last: { within: 7 days } }
`s`.`did_0f2f133a`

-- { did: orders, where: sku = b, first: { after: customer.birthday } } (did_b645fdef)
coalesce(
  countif((`s`.`sku` = 'b')) >= 1
  and date(min(if((`s`.`sku` = 'b'), s.cdp_time, null)), 'Europe/Paris')
    > min(`profile`.`birthday`), false
)

-- { did: orders, where: sku = b, first: { after: customer.birthday } }
`s`.`did_b645fdef`

-- { did_not: orders, last: { before: 60 days ago } } (did_fb733455)
coalesce(
  count(*) >= 1
  and max(s.cdp_time)
    < timestamp_add(cast(min(`clock`.`now`) as timestamp), interval -60 day), false
)

-- { did_not: orders, last: { before: 60 days ago } }
not `s`.`did_fb733455`

-- { did: visits, then: { did: orders, within: 2 days } }
`s`.`then_b94f536f`

-- { did: visits, then: { did: orders, within: 1 day } }
`s`.`then_e044fdc6`

-- { did: visits, then: { did_not: orders, within: 1 day } }
`s`.`then_e599a657`

-- member_of: vips
`s`.`in_vips`

-- not: { member_of: vips }
not `s`.`in_vips`

-- member_of: tested.a
coalesce(`s`.`tested__variant` = 'a', false)

-- member_of: gold
`s`.`in_gold`

-- was_member_of: gold
`s`.`was_423562c8`

-- { was_member_of: gold, within: 10 days }
`s`.`was_c71ce7f9`

-- { was_member_of: gold, after: 2026-03-15 }
`s`.`was_d86de6a4`

-- { was_member_of: gold, before: 2026-03-01 }
`s`.`was_6438f67f`

-- { was_member_of: gold, after: 2026-03-20, before: 2026-03-25 }
`s`.`was_7924bffb`

-- { was_member_of: gold, after: customer.last_order_at }
`s`.`was_2af81033`

-- household.size > 1
`group_household`.`household.size` > 1

-- household.size is null
`group_household`.`household.size` is null

-- points > household.mean_points
`p`.`points` > `group_household`.`household.mean_points`

-- { was_member_of: gold, after: household.last_at }
`s`.`was_881179e9`

-- { sql: "mod(points, 2) = 0 and country is not null" }
(mod(points, 2) = 0 and country is not null)

-- what was, in one pass
with
-- those that were published, under the ids of today (an id in use, or one that was merged into it)
`memberships` as (
  select ids.used_id as profile_id, h.segment, h.entered_at, h.left_at
  from (
    select `segment`, `profile_id`, `entered_at`, `left_at`
    from `_cdp`.`segment_history`
    where entity = 'customer'
  ) as h
  join (
    select given.profile_id, used.profile_id as used_id
    from (
      select i.anchor, i.profile_id, i.merged_into
      from `_cdp`.`customer_profile_ids` as i
      left join `_cdp`.`b0_customer_ids` as c on c.anchor = i.anchor
      where c.anchor is null
      union all
      select anchor, profile_id, merged_into
      from `_cdp`.`b0_customer_ids`
    ) as given
    join (
      select i.anchor, i.profile_id
      from `_cdp`.`customer_profile_ids` as i
      left join `_cdp`.`b0_customer_ids` as c on c.anchor = i.anchor
      where i.merged_into is null and c.anchor is null
      union all
      select anchor, profile_id
      from `_cdp`.`b0_customer_ids`
      where merged_into is null
    ) as used on used.anchor = coalesce(given.merged_into, given.anchor)
  ) as ids on ids.profile_id = h.profile_id
  where h.segment in ('gold')
)
select
  h.profile_id,
  (countif(
    h.segment = 'gold'
      and h.entered_at <= `clock`.`now`
  ) > 0) as `was_423562c8`,
  (countif(
    h.segment = 'gold'
      and h.entered_at <= `clock`.`now`
      and coalesce(h.left_at, `clock`.`now`) > timestamp_add(cast(`clock`.`now` as timestamp), interval -10 day)
  ) > 0) as `was_c71ce7f9`,
  (countif(
    h.segment = 'gold'
    and h.entered_at <= `clock`.`now`
    and coalesce(h.left_at, `clock`.`now`)
      >= timestamp(date '2026-03-16', 'Europe/Paris')
  ) > 0) as `was_d86de6a4`,
  (countif(
    h.segment = 'gold'
      and h.entered_at <= `clock`.`now`
      and h.entered_at < timestamp(date '2026-03-01', 'Europe/Paris')
  ) > 0) as `was_6438f67f`,
  (countif(
    h.segment = 'gold'
    and h.entered_at <= `clock`.`now`
    and coalesce(h.left_at, `clock`.`now`)
      >= timestamp(date '2026-03-21', 'Europe/Paris')
    and h.entered_at < timestamp(date '2026-03-25', 'Europe/Paris')
  ) > 0) as `was_7924bffb`,
  (countif(
    h.segment = 'gold'
    and h.entered_at <= `clock`.`now`
    and coalesce(h.left_at, `clock`.`now`)
      > cast(`p`.`last_order_at` as timestamp)
  ) > 0) as `was_2af81033`,
  (countif(
    h.segment = 'gold'
    and h.entered_at <= `clock`.`now`
    and coalesce(h.left_at, `clock`.`now`)
      > cast(`group_household`.`household.last_at` as timestamp)
  ) > 0) as `was_881179e9`
from `memberships` as h
cross join `_cdp`.`b0_clock` as clock
left join `_cdp`.`b0_customer` as p on p.profile_id = h.profile_id
left join (
  select
    `profile_id` as `household.profile_id`,
    `last_at` as `household.last_at`
  from `_cdp`.`b0_household`
) as `group_household`
  on `group_household`.`household.profile_id` = `p`.`household_id`
group by h.profile_id
