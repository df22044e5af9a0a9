-- asked of the one scan of orders
select
  max(case
    when ("S"."STATUS" = 'paid') and s.cdp_time >= dateadd(day, -730, "CLOCK"."NOW")
      and s.cdp_time <= "CLOCK"."NOW"
      then s.cdp_time
  end) as "RFM__LAST",
  count_if(("S"."STATUS" = 'paid') and s.cdp_time >= dateadd(day, -730, "CLOCK"."NOW")
    and s.cdp_time <= "CLOCK"."NOW") as "RFM__ROWS",
  (round(sum(case
    when ("S"."STATUS" = 'paid') and s.cdp_time >= dateadd(day, -730, "CLOCK"."NOW")
      and s.cdp_time <= "CLOCK"."NOW"
      then case when "S"."AMOUNT" between -1e+100 and 1e+100 then "S"."AMOUNT" end
  end) * power(cast(10 as float), 6), 0) / power(cast(10 as float), 6)) as "RFM__AMOUNT",
  max(case when s.cdp_time <= "CLOCK"."NOW" then s.cdp_time end) as "BASKET__LAST",
  count_if(s.cdp_time <= "CLOCK"."NOW") as "BASKET__ROWS",
  (round(sum(case
    when s.cdp_time <= "CLOCK"."NOW"
      then case
        when (cast("S"."AMOUNT" as float) / nullif(100, 0))
          between -1e+100 and 1e+100
        then (cast("S"."AMOUNT" as float) / nullif(100, 0))
      end
  end) * power(cast(10 as float), 6), 0) / power(cast(10 as float), 6)) as "BASKET__AMOUNT",
  min(case when ("S"."STATUS" = 'paid') and s.cdp_time <= "CLOCK"."NOW" then s.cdp_time end) as "WORTH__FIRST",
  max(case when ("S"."STATUS" = 'paid') and s.cdp_time <= "CLOCK"."NOW" then s.cdp_time end) as "WORTH__LAST",
  count_if(("S"."STATUS" = 'paid') and s.cdp_time <= "CLOCK"."NOW") as "WORTH__ROWS",
  (round(sum(case
    when ("S"."STATUS" = 'paid') and s.cdp_time <= "CLOCK"."NOW"
      then case when "S"."AMOUNT" between -1e+100 and 1e+100 then "S"."AMOUNT" end
  end) * power(cast(10 as float), 6), 0) / power(cast(10 as float), 6)) as "WORTH__AMOUNT"
from "ORDERS" as s
cross join "CLOCK"

-- made of what the scan found
with
-- how many people have rows, and how many of them stand above each
"RFM_RANKED" as (
  select
    f.profile_id,
    count(*) over () as people,
    rank() over (order by "F"."RFM__LAST" desc) as "RECENCY",
    rank() over (order by "F"."RFM__ROWS" desc) as "FREQUENCY",
    rank() over (order by coalesce("F"."RFM__AMOUNT", 0) desc) as "MONETARY"
  from "_CDP"."B0_CUSTOMER_FROM_ORDERS" as f
  where "F"."RFM__ROWS" > 0
),
-- the tile of each part: which share of them has at most as much
"RFM_TILED" as (
  select
    r.profile_id,
    cast(ceil((cast(5 * (r.people - r."RECENCY" + 1) as float) / nullif(r.people, 0))) as bigint) as "RECENCY",
    cast(ceil((cast(5 * (r.people - r."FREQUENCY" + 1) as float) / nullif(r.people, 0))) as bigint) as "FREQUENCY",
    cast(ceil((cast(5 * (r.people - r."MONETARY" + 1) as float) / nullif(r.people, 0))) as bigint) as "MONETARY"
  from "RFM_RANKED" as r
),
-- the three in one, and what the cell is called
"RFM_SCORED" as (
  select
    t.*,
    (cast(t."RECENCY" as varchar) || cast(t."FREQUENCY" as varchar)
      || cast(t."MONETARY" as varchar)) as score,
    case
      when "T"."RECENCY" >= 4 and "T"."FREQUENCY" + "T"."MONETARY" >= 8
      then 'champions'
      when "T"."RECENCY" >= 3 and "T"."FREQUENCY" + "T"."MONETARY" >= 7
      then 'loyal'
      when "T"."RECENCY" >= 4 and "T"."FREQUENCY" + "T"."MONETARY" >= 5
      then 'potential_loyalists'
      when "T"."RECENCY" = 5
      then 'new'
      when "T"."RECENCY" = 4
      then 'promising'
      when "T"."RECENCY" = 3 and "T"."FREQUENCY" + "T"."MONETARY" >= 5
      then 'need_attention'
      when "T"."RECENCY" = 3
      then 'about_to_sleep'
      when "T"."FREQUENCY" + "T"."MONETARY" >= 9
      then 'cannot_lose'
      when "T"."FREQUENCY" + "T"."MONETARY" >= 5
      then 'at_risk'
      when "T"."RECENCY" = 2
      then 'hibernating'
      when "T"."RECENCY" = 1
      then 'lost'
    end as cell
  from "RFM_TILED" as t
),
-- how many people have rows, and how many of them stand above each
"BASKET_RANKED" as (
  select
    f.profile_id,
    count(*) over () as people,
    rank() over (order by "F"."BASKET__LAST" desc) as "RECENCY",
    rank() over (order by "F"."BASKET__ROWS" desc) as "FREQUENCY",
    rank() over (order by coalesce("F"."BASKET__AMOUNT", 0) desc) as "MONETARY"
  from "_CDP"."B0_CUSTOMER_FROM_ORDERS" as f
  where "F"."BASKET__ROWS" > 0
),
-- the tile of each part: which share of them has at most as much
"BASKET_TILED" as (
  select
    r.profile_id,
    cast(ceil((cast(3 * (r.people - r."RECENCY" + 1) as float) / nullif(r.people, 0))) as bigint) as "RECENCY",
    cast(ceil((cast(3 * (r.people - r."FREQUENCY" + 1) as float) / nullif(r.people, 0))) as bigint) as "FREQUENCY",
    cast(ceil((cast(3 * (r.people - r."MONETARY" + 1) as float) / nullif(r.people, 0))) as bigint) as "MONETARY"
  from "BASKET_RANKED" as r
),
-- the three in one, and what the cell is called
"BASKET_SCORED" as (
  select
    t.*,
    (cast(t."RECENCY" as varchar) || cast(t."FREQUENCY" as varchar)
      || cast(t."MONETARY" as varchar)) as score,
    case
      when "T"."MONETARY" = 3
      then 'good'
      when "T"."RECENCY" = 3 and "T"."FREQUENCY" = 1
      then 'new'
    end as cell
  from "BASKET_TILED" as t
),
-- for how many days people with rows are known, and for how many of them they were active
"WORTH_SPANNED" as (
  select
    f.profile_id,
    "F"."WORTH__ROWS" as n,
    "F"."WORTH__AMOUNT" as amount,
    (cast(date_part(epoch_microsecond, "CLOCK"."NOW") - date_part(epoch_microsecond, "F"."WORTH__FIRST") as float) /
      nullif(86400000000, 0)) as known,
    (cast(date_part(epoch_microsecond, "F"."WORTH__LAST") - date_part(epoch_microsecond, "F"."WORTH__FIRST") as float) /
      nullif(86400000000, 0)) as active
  from "_CDP"."B0_CUSTOMER_FROM_ORDERS" as f
  cross join "_CDP"."B0_CLOCK" as clock
  where "F"."WORTH__ROWS" > 0
),
-- what they spend a day, times the days, times the probability that they are still active
"WORTH_SCORED" as (
  select
    s.profile_id,
    (round((365 * (cast(s.amount as float) / nullif(greatest_ignore_nulls(s.known, 365), 0))
      * exp(greatest_ignore_nulls(
        s.n * ln((cast(greatest_ignore_nulls(s.active, 30) as float) / nullif(greatest_ignore_nulls(s.known, 30), 0))),
        -700
      ))) * power(cast(10 as float), 2), 0) / power(cast(10 as float), 2)) as score
  from "WORTH_SPANNED" as s
)
select
  people.*,
  "SCORE_RFM"."SCORE" as "RFM",
  "SCORE_RFM"."RECENCY" as "RFM__RECENCY",
  "SCORE_RFM"."FREQUENCY" as "RFM__FREQUENCY",
  "SCORE_RFM"."MONETARY" as "RFM__MONETARY",
  "SCORE_RFM"."CELL" as "RFM__CELL",
  "SCORE_BASKET"."SCORE" as "BASKET",
  "SCORE_BASKET"."RECENCY" as "BASKET__RECENCY",
  "SCORE_BASKET"."FREQUENCY" as "BASKET__FREQUENCY",
  "SCORE_BASKET"."MONETARY" as "BASKET__MONETARY",
  "SCORE_BASKET"."CELL" as "BASKET__CELL",
  coalesce("SCORE_WORTH"."SCORE", 0) as "WORTH"
from people
left join "RFM_SCORED" as "SCORE_RFM" on "SCORE_RFM"."PROFILE_ID" = people.profile_id
left join "BASKET_SCORED" as "SCORE_BASKET" on "SCORE_BASKET"."PROFILE_ID" = people.profile_id
left join "WORTH_SCORED" as "SCORE_WORTH" on "SCORE_WORTH"."PROFILE_ID" = people.profile_id

-- compared over the profiles
select
  p.*,
  coalesce(
    (round((cast(100 * (
      3 * (
        rank() over (order by case when "P"."SPENT" between -1e+100 and 1e+100 then "P"."SPENT" end nulls first) - 1
      )
      + 2 * (rank() over (order by "P"."ORDERS_90D" nulls first) - 1)
      + 1 * (rank() over (order by "P"."DAYS_QUIET" desc nulls first) - 1)
    ) as float) / nullif(6 * (count(*) over () - 1), 0)) * power(cast(10 as float), 2), 0) / power(cast(10 as float),
      2)), 0
  ) as "STANDING"
from "GATHERED" as p
