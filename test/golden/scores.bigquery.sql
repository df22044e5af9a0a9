-- asked of the one scan of orders
select
  max(
    if(
      (`s`.`status` = 'paid')
        and s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -730 day)
        and s.cdp_time <= `clock`.`now`,
      s.cdp_time,
      null
    )
  ) as `rfm__last`,
  countif(
    (`s`.`status` = 'paid')
      and s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -730 day)
      and s.cdp_time <= `clock`.`now`
  ) as `rfm__rows`,
  (round(sum(
    if(
      (`s`.`status` = 'paid')
        and s.cdp_time >= timestamp_add(cast(`clock`.`now` as timestamp), interval -730 day)
        and s.cdp_time <= `clock`.`now`,
      case when `s`.`amount` between -1e+100 and 1e+100 then `s`.`amount` end,
      null
    )
  ) * pow(10, 6)) / pow(10, 6)) as `rfm__amount`,
  max(if(s.cdp_time <= `clock`.`now`, s.cdp_time, null)) as `basket__last`,
  countif(s.cdp_time <= `clock`.`now`) as `basket__rows`,
  (round(sum(
    if(
      s.cdp_time <= `clock`.`now`,
      case
        when (cast(`s`.`amount` as float64) / nullif(100, 0))
          between -1e+100 and 1e+100
        then (cast(`s`.`amount` as float64) / nullif(100, 0))
      end,
      null
    )
  ) * pow(10, 6)) / pow(10, 6)) as `basket__amount`,
  min(if((`s`.`status` = 'paid') and s.cdp_time <= `clock`.`now`, s.cdp_time, null)) as `worth__first`,
  max(if((`s`.`status` = 'paid') and s.cdp_time <= `clock`.`now`, s.cdp_time, null)) as `worth__last`,
  countif((`s`.`status` = 'paid') and s.cdp_time <= `clock`.`now`) as `worth__rows`,
  (round(sum(
    if(
      (`s`.`status` = 'paid') and s.cdp_time <= `clock`.`now`,
      case when `s`.`amount` between -1e+100 and 1e+100 then `s`.`amount` end,
      null
    )
  ) * pow(10, 6)) / pow(10, 6)) as `worth__amount`
from `orders` as s
cross join `clock`

-- made of what the scan found
with
-- how many people have rows, and how many of them stand above each
`rfm_ranked` as (
  select
    f.profile_id,
    count(*) over () as people,
    rank() over (order by `f`.`rfm__last` desc) as `recency`,
    rank() over (order by `f`.`rfm__rows` desc) as `frequency`,
    rank() over (order by coalesce(`f`.`rfm__amount`, 0) desc) as `monetary`
  from `_cdp`.`b0_customer_from_orders` as f
  where `f`.`rfm__rows` > 0
),
-- the tile of each part: which share of them has at most as much
`rfm_tiled` as (
  select
    r.profile_id,
    cast(ceil((cast(5 * (r.people - r.`recency` + 1) as float64) / nullif(r.people, 0))) as int64) as `recency`,
    cast(ceil((cast(5 * (r.people - r.`frequency` + 1) as float64) / nullif(r.people, 0))) as int64) as `frequency`,
    cast(ceil((cast(5 * (r.people - r.`monetary` + 1) as float64) / nullif(r.people, 0))) as int64) as `monetary`
  from `rfm_ranked` as r
),
-- the three in one, and what the cell is called
`rfm_scored` as (
  select
    t.*,
    (cast(t.`recency` as string) || cast(t.`frequency` as string)
      || cast(t.`monetary` as string)) as score,
    case
      when `t`.`recency` >= 4 and `t`.`frequency` + `t`.`monetary` >= 8
      then 'champions'
      when `t`.`recency` >= 3 and `t`.`frequency` + `t`.`monetary` >= 7
      then 'loyal'
      when `t`.`recency` >= 4 and `t`.`frequency` + `t`.`monetary` >= 5
      then 'potential_loyalists'
      when `t`.`recency` = 5
      then 'new'
      when `t`.`recency` = 4
      then 'promising'
      when `t`.`recency` = 3 and `t`.`frequency` + `t`.`monetary` >= 5
      then 'need_attention'
      when `t`.`recency` = 3
      then 'about_to_sleep'
      when `t`.`frequency` + `t`.`monetary` >= 9
      then 'cannot_lose'
      when `t`.`frequency` + `t`.`monetary` >= 5
      then 'at_risk'
      when `t`.`recency` = 2
      then 'hibernating'
      when `t`.`recency` = 1
      then 'lost'
    end as cell
  from `rfm_tiled` as t
),
-- how many people have rows, and how many of them stand above each
`basket_ranked` as (
  select
    f.profile_id,
    count(*) over () as people,
    rank() over (order by `f`.`basket__last` desc) as `recency`,
    rank() over (order by `f`.`basket__rows` desc) as `frequency`,
    rank() over (order by coalesce(`f`.`basket__amount`, 0) desc) as `monetary`
  from `_cdp`.`b0_customer_from_orders` as f
  where `f`.`basket__rows` > 0
),
-- the tile of each part: which share of them has at most as much
`basket_tiled` as (
  select
    r.profile_id,
    cast(ceil((cast(3 * (r.people - r.`recency` + 1) as float64) / nullif(r.people, 0))) as int64) as `recency`,
    cast(ceil((cast(3 * (r.people - r.`frequency` + 1) as float64) / nullif(r.people, 0))) as int64) as `frequency`,
    cast(ceil((cast(3 * (r.people - r.`monetary` + 1) as float64) / nullif(r.people, 0))) as int64) as `monetary`
  from `basket_ranked` as r
),
-- the three in one, and what the cell is called
`basket_scored` as (
  select
    t.*,
    (cast(t.`recency` as string) || cast(t.`frequency` as string)
      || cast(t.`monetary` as string)) as score,
    case
      when `t`.`monetary` = 3
      then 'good'
      when `t`.`recency` = 3 and `t`.`frequency` = 1
      then 'new'
    end as cell
  from `basket_tiled` as t
),
-- for how many days people with rows are known, and for how many of them they were active
`worth_spanned` as (
  select
    f.profile_id,
    `f`.`worth__rows` as n,
    `f`.`worth__amount` as amount,
    (cast(unix_micros(`clock`.`now`) - unix_micros(`f`.`worth__first`) as float64) / nullif(86400000000, 0)) as known,
    (cast(unix_micros(`f`.`worth__last`) - unix_micros(`f`.`worth__first`) as float64) / nullif(86400000000, 0)) as
      active
  from `_cdp`.`b0_customer_from_orders` as f
  cross join `_cdp`.`b0_clock` as clock
  where `f`.`worth__rows` > 0
),
-- what they spend a day, times the days, times the probability that they are still active
`worth_scored` as (
  select
    s.profile_id,
    (round((365 * (cast(s.amount as float64) / nullif(greatest(coalesce(s.known, 365), coalesce(365, s.known)), 0))
      * exp(greatest(
        coalesce(
          s.n * ln((cast(greatest(coalesce(s.active, 30), coalesce(30, s.active)) as float64) /
            nullif(greatest(coalesce(s.known, 30), coalesce(30, s.known)), 0))),
          -700
        ),
        coalesce(
          -700,
          s.n * ln((cast(greatest(coalesce(s.active, 30), coalesce(30, s.active)) as float64) /
            nullif(greatest(coalesce(s.known, 30), coalesce(30, s.known)), 0)))
        )
      ))) * pow(10, 2)) / pow(10, 2)) as score
  from `worth_spanned` as s
)
select
  people.*,
  `score_rfm`.`score` as `rfm`,
  `score_rfm`.`recency` as `rfm__recency`,
  `score_rfm`.`frequency` as `rfm__frequency`,
  `score_rfm`.`monetary` as `rfm__monetary`,
  `score_rfm`.`cell` as `rfm__cell`,
  `score_basket`.`score` as `basket`,
  `score_basket`.`recency` as `basket__recency`,
  `score_basket`.`frequency` as `basket__frequency`,
  `score_basket`.`monetary` as `basket__monetary`,
  `score_basket`.`cell` as `basket__cell`,
  coalesce(`score_worth`.`score`, 0) as `worth`
from people
left join `rfm_scored` as `score_rfm` on `score_rfm`.`profile_id` = people.profile_id
left join `basket_scored` as `score_basket` on `score_basket`.`profile_id` = people.profile_id
left join `worth_scored` as `score_worth` on `score_worth`.`profile_id` = people.profile_id

-- compared over the profiles
select
  p.*,
  coalesce(
    (round((cast(100 * (
      3 * (
        rank() over (order by case when `p`.`spent` between -1e+100 and 1e+100 then `p`.`spent` end nulls first) - 1
      )
      + 2 * (rank() over (order by `p`.`orders_90d` nulls first) - 1)
      + 1 * (rank() over (order by `p`.`days_quiet` desc nulls first) - 1)
    ) as float64) / nullif(6 * (count(*) over () - 1), 0)) * pow(10, 2)) / pow(10, 2)), 0
  ) as `standing`
from `gathered` as p
