-- where: country = FR
`p`.`country` = 'FR'

-- where: country != FR
`p`.`country` <> 'FR'

-- where: is_vip and not country = FR
`p`.`is_vip` and not (`p`.`country` = 'FR')

-- where: lifetime_value >= 500 and country in [FR, BE, CH]
`p`.`lifetime_value` >= 500 and `p`.`country` in ('FR', 'BE', 'CH')

-- where: zip = 01000 or (order_count > 08 and is_vip)
`p`.`zip` = '01000' or (`p`.`order_count` > 8 and `p`.`is_vip`)

-- where: country in [COUNTRY0, COUNTRY1, COUNTRY2, COUNTRY3, COUNTRY4, COUNTRY5, COUNTRY6, COUNTRY7, COUNTRY8, COUNTRY9, COUNTRY10, COUNTRY11, COUNTRY12, COUNTRY13, COUNTRY14, COUNTRY15, COUNTRY16, COUNTRY17, COUNTRY18, COUNTRY19, COUNTRY20, COUNTRY21, COUNTRY22, COUNTRY23, COUNTRY24, COUNTRY25, COUNTRY26, COUNTRY27, COUNTRY28, COUNTRY29, COUNTRY30, COUNTRY31, COUNTRY32, COUNTRY33, COUNTRY34, COUNTRY35, COUNTRY36, COUNTRY37, COUNTRY38, COUNTRY39]
`p`.`country` in (
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
`p`.`order_count` not between 1 and 5

-- where: email is not null
`p`.`email` is not null

-- where: email like '%@x.fr'
`p`.`email` like '%@x.fr'

-- where: email not contains spam
not (strpos(`p`.`email`, 'spam') > 0)

-- where: email starts with info or email ends with .fr
starts_with(`p`.`email`, 'info') or ends_with(`p`.`email`, '.fr')

-- where: email matches '^(a|b)'
regexp_contains(`p`.`email`, '^(a|b)')

-- where: tags contains vip
('vip' in unnest(`p`.`tags`))

-- where: last_order_at < 90 days ago
cast(`p`.`last_order_at` as timestamp)
  < timestamp_add(cast(`clock`.`now` as timestamp), interval -90 day)

-- where: last_order_at >= start of month - 1 month
cast(`p`.`last_order_at` as timestamp)
  >= timestamp(datetime_add(datetime(cast((
    timestamp_trunc(`clock`.`now`, month, 'Europe/Paris')
  ) as timestamp)), interval -1 month))

-- where: last_order_at > 2026-01-01T08:00
cast(`p`.`last_order_at` as timestamp)
  > timestamp '2026-01-01T07:00:00Z'

-- where: last_order_at = 2026-01-01
cast(`p`.`last_order_at` as timestamp)
  >= timestamp(date '2026-01-01', 'Europe/Paris')
and cast(`p`.`last_order_at` as timestamp)
  < timestamp(date '2026-01-02', 'Europe/Paris')

-- where: last_order_at != 2026-01-01
cast(`p`.`last_order_at` as timestamp)
  < timestamp(date '2026-01-01', 'Europe/Paris')
or cast(`p`.`last_order_at` as timestamp)
  >= timestamp(date '2026-01-02', 'Europe/Paris')

-- where: last_order_at <= 2026-01-01 and last_order_at > today
cast(`p`.`last_order_at` as timestamp)
  < timestamp(date '2026-01-02', 'Europe/Paris')
and cast(`p`.`last_order_at` as timestamp)
  >= timestamp((
    cast(timestamp_add(cast(date(`clock`.`now`, 'Europe/Paris') as timestamp), interval 1 day) as date)
  ), 'Europe/Paris')

-- where: last_order_at between 2026-01-01 and 2026-01-31
cast(`p`.`last_order_at` as timestamp)
  >= timestamp(date '2026-01-01', 'Europe/Paris')
and cast(`p`.`last_order_at` as timestamp)
  < timestamp(date '2026-02-01', 'Europe/Paris')

-- where: last_order_at not in [2026-01-01, today]
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

-- where: birthday = today or birthday < 2000-01-01
`p`.`birthday` = date(`clock`.`now`, 'Europe/Paris')
  or `p`.`birthday` < date '2000-01-01'

-- where: birthday < customer.last_order_at
`p`.`birthday`
  < date(cast(`p`.`last_order_at` as timestamp), 'Europe/Paris')

-- where: birthday in [2000-01-01, 2000-01-02]
`p`.`birthday` in (date '2000-01-01', date '2000-01-02')

-- where: last_order_at < customer.birthday + 30 days
date(cast(`p`.`last_order_at` as timestamp), 'Europe/Paris')
  < cast(timestamp_add(cast(`p`.`birthday` as timestamp), interval 30 day) as date)

-- where: days_between(last_order_at, today) > 30
date_diff(date(`clock`.`now`, 'Europe/Paris'), (
  date(cast(`p`.`last_order_at` as timestamp), 'Europe/Paris')
), day)
  > 30

-- where: lifetime_value > customer.average_basket * 2 + 1
`p`.`lifetime_value` > `p`.`average_basket` * 2 + 1

-- where: [is_vip, { any: [country = FR, { not: { member_of: vips } }] }]
`p`.`is_vip` and (`p`.`country` = 'FR' or not `member`.`vips`)

-- where: [{ did: orders, within: 30 days }, { did_not: orders }]
`did`.`orders` and not `did`.`orders`

-- where: sql: country ilike 'f%' -- any case
(
  country ilike 'f%' -- any case
)

-- expr: lifetime_value / nullif(order_count, 0)
(cast(`p`.`lifetime_value` as float64) / nullif(nullif(`p`.`order_count`, 0), 0))

-- expr: order_count - (1 - 2) * -3
`p`.`order_count` - (1 - 2) * -3

-- expr: case when country = 'FR' then 1 else 0 end
case when `p`.`country` = 'FR' then 1 else 0 end

-- expr: case when lifetime_value > 1000 and is_vip then 'a big spender' when country in ['FR', 'BE'] then 'one of ours' end
case
  when `p`.`lifetime_value` > 1000 and `p`.`is_vip` then 'a big spender'
  when `p`.`country` in ('FR', 'BE') then 'one of ours'
end

-- expr: case when is_vip then last_order_at else birthday end
case
  when `p`.`is_vip` then cast(`p`.`last_order_at` as timestamp)
  else timestamp(`p`.`birthday`, 'Europe/Paris')
end

-- expr: coalesce(last_order_at, 2020-01-01)
coalesce(
  cast(`p`.`last_order_at` as timestamp),
  timestamp(date '2020-01-01', 'Europe/Paris')
)

-- expr: greatest(lifetime_value, average_basket, 0)
greatest(
  coalesce(`p`.`lifetime_value`, `p`.`average_basket`, 0),
  coalesce(`p`.`average_basket`, `p`.`lifetime_value`, 0),
  coalesce(0, `p`.`lifetime_value`, `p`.`average_basket`)
)

-- expr: concat(lower(country), '-', order_count)
(lower(`p`.`country`) || '-' || cast(`p`.`order_count` as string))

-- expr: substring(upper(trim(zip)), 1, 2)
substr(upper(trim(`p`.`zip`)), 1, 2)

-- expr: round(abs(average_basket), 2)
(round(abs(`p`.`average_basket`) * pow(10, 2)) / pow(10, 2))

-- expr: length(email) + 12345678901234567890
char_length(`p`.`email`) + 12345678901234567890

-- expr: date_trunc(month, last_order_at)
timestamp_trunc((
  cast(`p`.`last_order_at` as timestamp)
), month, 'Europe/Paris')

-- expr: date_trunc(year, birthday)
date(timestamp_trunc((
  timestamp(`p`.`birthday`, 'Europe/Paris')
), year, 'Europe/Paris'), 'Europe/Paris')

-- expr: birthday + 1 month
cast(timestamp(datetime_add(datetime(cast(`p`.`birthday` as timestamp)), interval 1 month)) as date)

-- expr: last_order_at - 30 days
timestamp_add(cast(cast(`p`.`last_order_at` as timestamp) as timestamp), interval -30 day)

-- expr: email
`p`.`email`
