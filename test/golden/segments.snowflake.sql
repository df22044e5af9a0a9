-- customer segments: every segment decided in one pass
create or replace transient table "_CDP"."B0_CUSTOMER_SEGMENTS" as
with
-- profiles and the answers of events (at most one row a profile each)
"FACTS" as (
  select
    p.*
  from "_CDP"."B0_CUSTOMER" as p
),
-- the first name of each segment that divides its people: sides stay through renames (one row)
"ORIGINS" as (
  select
    coalesce(max(case when segment = 'offers' then origin end),
      max(case when segment = 'deals' then origin end), 'deals') as "OFFERS",
    coalesce(max(case when segment = 'kept' then origin end), 'kept') as "KEPT"
  from "_CDP"."SEGMENT_NAME"
  where entity = 'customer'
),
-- a condition that is null leaves the person out
"DECIDED_1" as (
  select
    p.*,
    coalesce("P"."SPENT" >= '20', false) as "offers.chosen",
    coalesce("P"."EMAIL" is not null, false) as "kept.chosen",
    coalesce("P"."EMAIL" is not null, false) as "some.chosen"
  from "FACTS" as p
  cross join "_CDP"."B0_CLOCK" as clock
),
-- chance divides those on whom the condition holds, the same way in every build
"SIDES_1" as (
  select
    p.*,
    case
      when "P"."offers.chosen" then (
        cast(to_number(left(sha2(("ORIGINS"."OFFERS" || ':' || p.profile_id), 256), 13), 'XXXXXXXXXXXXX') as float)
        / cast(4503599627370496 as float)
      )
    end as "offers.side",
    case
      when "P"."kept.chosen" then (
        cast(to_number(left(sha2(("ORIGINS"."KEPT" || ':' || p.profile_id), 256), 13), 'XXXXXXXXXXXXX') as float)
        / cast(4503599627370496 as float)
      )
    end as "kept.side"
  from "DECIDED_1" as p
  cross join "ORIGINS" as origins
),
-- who comes first where there is a limit, those held out not counted
"RANKED_1" as (
  select
    p.*,
    row_number() over (
      partition by coalesce("P"."offers.side" < 0.8, false), "P"."REGION",
        case when "P"."REGION" is null then p.profile_id end
      order by "P"."SPENT" desc nulls last, "P"."REGION" nulls last, p.profile_id
    ) as "offers.rank",
    row_number() over (
      partition by "P"."some.chosen"
      order by md5(p.profile_id), p.profile_id
    ) as "some.rank"
  from "SIDES_1" as p
  cross join "_CDP"."B0_CLOCK" as clock
),
-- who is a member, and in which variant
"PLACED_1" as (
  select
    p.*,
    coalesce("P"."offers.side" < 0.8, false) and "P"."offers.rank" <= 10000 as "IN_OFFERS",
    case
      when "P"."offers.side" >= 0.8 then 'held_out'
      when not (coalesce("P"."offers.side" < 0.8, false) and "P"."offers.rank" <= 10000) then null
      when "P"."offers.side" < 0.4 then 'ten'
      when "P"."offers.side" < 0.8 then 'twenty'
    end as "OFFERS__VARIANT",
    coalesce("P"."kept.side" < 0.9, false) as "IN_KEPT",
    case
      when "P"."kept.side" >= 0.9 then 'held_out'
    end as "KEPT__VARIANT",
    "P"."some.chosen" and "P"."some.rank" <= 100 as "IN_SOME"
  from "RANKED_1" as p
),
-- segments that speak of the segments before them
"DECIDED_2" as (
  select
    p.*,
    coalesce(not coalesce("P"."OFFERS__VARIANT" = 'twenty', false), false)
    and not "P"."IN_SOME"
    and ("P"."IN_OFFERS" or "P"."IN_KEPT") as "lifecycle.chosen"
  from "PLACED_1" as p
  cross join "_CDP"."B0_CLOCK" as clock
),
-- who is a member, and in which variant
"PLACED_2" as (
  select
    p.*,
    "P"."lifecycle.chosen" as "IN_LIFECYCLE",
    case
      when not ("P"."lifecycle.chosen") then null
      when "P"."IN_OFFERS" then 'offers'
      when "P"."IN_KEPT" then 'kept'
    end as "LIFECYCLE__VARIANT"
  from "DECIDED_2" as p
)
select
  profile_id,
  "IN_OFFERS" as "OFFERS",
  "OFFERS__VARIANT",
  "IN_KEPT" as "KEPT",
  "KEPT__VARIANT",
  "IN_SOME" as "SOME",
  "IN_LIFECYCLE" as "LIFECYCLE",
  "LIFECYCLE__VARIANT"
from "PLACED_2"

-- customer moved: whose segments are not those that were published
create or replace transient table "_CDP"."B0_CUSTOMER_MOVED" as
with
-- a number a segment (one row a segment)
"WEIGHTS" as (
  select 'offers' as segment, 2580224770896953 as weight
  union all
  select 'kept' as segment, 2145179041386906 as weight
  union all
  select 'some' as segment, 2932701867612901 as weight
  union all
  select 'lifecycle' as segment, 4276097565303112 as weight
),
-- of which segments everybody was a member when it was last published; of those that are gone, too
"BEFORE" as (
  select h.profile_id, sum(coalesce(w.weight, 1)) as mark
  from (
    select coalesce(n.segment, r.segment) as segment, r."PROFILE_ID", r."ENTERED_AT", r."LEFT_AT"
    from "_CDP"."SEGMENT_HISTORY" as r
    left join (
      select f.was, f.segment
      from (
        select 'deals' as was, 'offers' as segment
      ) as f
      where not exists (
        select 1
        from "_CDP"."SEGMENT_NAME" as known
        where known.entity = 'customer' and known.segment = f.segment
      )
    ) as n on n.was = r.segment
    where r.entity = 'customer'
  ) as h
  left join "WEIGHTS" as w on w.segment = h.segment
  where h.left_at is null
  group by h.profile_id
),
-- of which everybody is a member in this build
"NOW" as (
  select
    profile_id,
    case when "OFFERS" then 2580224770896953 else 0 end
    + case when "KEPT" then 2145179041386906 else 0 end
    + case when "SOME" then 2932701867612901 else 0 end
    + case when "LIFECYCLE" then 4276097565303112 else 0 end as mark
  from "_CDP"."B0_CUSTOMER_SEGMENTS"
)
select coalesce(n.profile_id, b.profile_id) as profile_id
from "NOW" as n
full join "BEFORE" as b on b.profile_id = n.profile_id
where coalesce(n.mark, 0) <> coalesce(b.mark, 0)

-- customer left: who was a member when it was last published, and is none now
create or replace transient table "_CDP"."B0_CUSTOMER_LEFT" as
with
-- what those who moved were members of
"BEFORE" as (
  select h.segment, h.profile_id
  from (
    select coalesce(n.segment, r.segment) as segment, r."PROFILE_ID", r."ENTERED_AT", r."LEFT_AT"
    from "_CDP"."SEGMENT_HISTORY" as r
    left join (
      select f.was, f.segment
      from (
        select 'deals' as was, 'offers' as segment
      ) as f
      where not exists (
        select 1
        from "_CDP"."SEGMENT_NAME" as known
        where known.entity = 'customer' and known.segment = f.segment
      )
    ) as n on n.was = r.segment
    where r.entity = 'customer'
  ) as h
  join "_CDP"."B0_CUSTOMER_MOVED" as moved on moved.profile_id = h.profile_id
  where h.left_at is null
),
-- what these are members of in this build
"MEMBERS" as (
  select 'offers' as segment, profile_id from (
    select s.profile_id, s."OFFERS", s."KEPT", s."SOME", s."LIFECYCLE"
    from "_CDP"."B0_CUSTOMER_SEGMENTS" as s
    join (
      select distinct profile_id from "BEFORE"
    ) as among on among.profile_id = s.profile_id
  ) as s where "OFFERS"
  union all
  select 'kept' as segment, profile_id from (
    select s.profile_id, s."OFFERS", s."KEPT", s."SOME", s."LIFECYCLE"
    from "_CDP"."B0_CUSTOMER_SEGMENTS" as s
    join (
      select distinct profile_id from "BEFORE"
    ) as among on among.profile_id = s.profile_id
  ) as s where "KEPT"
  union all
  select 'some' as segment, profile_id from (
    select s.profile_id, s."OFFERS", s."KEPT", s."SOME", s."LIFECYCLE"
    from "_CDP"."B0_CUSTOMER_SEGMENTS" as s
    join (
      select distinct profile_id from "BEFORE"
    ) as among on among.profile_id = s.profile_id
  ) as s where "SOME"
  union all
  select 'lifecycle' as segment, profile_id from (
    select s.profile_id, s."OFFERS", s."KEPT", s."SOME", s."LIFECYCLE"
    from "_CDP"."B0_CUSTOMER_SEGMENTS" as s
    join (
      select distinct profile_id from "BEFORE"
    ) as among on among.profile_id = s.profile_id
  ) as s where "LIFECYCLE"
)
select b.segment, b.profile_id
from "BEFORE" as b
left join "MEMBERS" as m on m.segment = b.segment and m.profile_id = b.profile_id
where m.profile_id is null

-- customer segment sizes: the counts of the report
with
-- members, who is held out, and who entered and left (a few rows a segment)
"FACTS" as (
  select segment, case when variant = 'held_out' then 'held_out' else 'member' end as fact, variant, count(*) as people
  from (
    select 'offers' as segment, profile_id, "OFFERS__VARIANT" as variant
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
    where "OFFERS" or "OFFERS__VARIANT" = 'held_out'
    union all
    select 'kept' as segment, profile_id, "KEPT__VARIANT" as variant
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
    where "KEPT" or "KEPT__VARIANT" = 'held_out'
    union all
    select 'some' as segment, profile_id, cast(null as varchar) as variant
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
    where "SOME"
    union all
    select 'lifecycle' as segment, profile_id, "LIFECYCLE__VARIANT" as variant
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
    where "LIFECYCLE"
  ) as memberships
  group by segment, variant
  union all
  select segment, 'left' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select segment from "_CDP"."B0_CUSTOMER_LEFT"
  ) as "LEFT"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select segment from "_CDP"."B0_CUSTOMER_LEFT"
  ) as "ENTERED"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select 'offers' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "OFFERS"
    union all
    select 'kept' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "KEPT"
    union all
    select 'some' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "SOME"
    union all
    select 'lifecycle' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "LIFECYCLE"
  ) as "ENTERED"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, -count(*) as people
  from (
    select segment
    from (
      select coalesce(n.segment, r.segment) as segment, r."PROFILE_ID", r."ENTERED_AT", r."LEFT_AT"
      from "_CDP"."SEGMENT_HISTORY" as r
      left join (
        select f.was, f.segment
        from (
          select 'deals' as was, 'offers' as segment
        ) as f
        where not exists (
          select 1
          from "_CDP"."SEGMENT_NAME" as known
          where known.entity = 'customer' and known.segment = f.segment
        )
      ) as n on n.was = r.segment
      where r.entity = 'customer'
    ) as stays
    where left_at is null
  ) as "ENTERED"
  group by segment
)
select
  coalesce(sum(case when segment = 'offers' and fact = 'member' then people end), 0) as "MEMBERS_OFFERS",
  coalesce(sum(case when segment = 'offers' and fact = 'entered' then people end), 0) as "ENTERED_OFFERS",
  coalesce(sum(case when segment = 'offers' and fact = 'left' then people end), 0) as "LEFT_OFFERS",
  coalesce(sum(case when segment = 'offers' and fact = 'held_out' then people end), 0) as "HELD_OUT_OFFERS",
  ('{"ten":'
    || cast(coalesce(sum(case when segment = 'offers' and fact = 'member' and variant = 'ten' then people end), 0) as
      varchar)
    || ',"twenty":'
    || cast(coalesce(sum(case when segment = 'offers' and fact = 'member' and variant = 'twenty' then people end), 0) as
      varchar)
    || '}') as "VARIANTS_OFFERS",
  coalesce(sum(case when segment = 'kept' and fact = 'member' then people end), 0) as "MEMBERS_KEPT",
  coalesce(sum(case when segment = 'kept' and fact = 'entered' then people end), 0) as "ENTERED_KEPT",
  coalesce(sum(case when segment = 'kept' and fact = 'left' then people end), 0) as "LEFT_KEPT",
  coalesce(sum(case when segment = 'kept' and fact = 'held_out' then people end), 0) as "HELD_OUT_KEPT",
  coalesce(sum(case when segment = 'some' and fact = 'member' then people end), 0) as "MEMBERS_SOME",
  coalesce(sum(case when segment = 'some' and fact = 'entered' then people end), 0) as "ENTERED_SOME",
  coalesce(sum(case when segment = 'some' and fact = 'left' then people end), 0) as "LEFT_SOME",
  coalesce(sum(case when segment = 'lifecycle' and fact = 'member' then people end), 0) as "MEMBERS_LIFECYCLE",
  coalesce(sum(case when segment = 'lifecycle' and fact = 'entered' then people end), 0) as "ENTERED_LIFECYCLE",
  coalesce(sum(case when segment = 'lifecycle' and fact = 'left' then people end), 0) as "LEFT_LIFECYCLE",
  ('{"offers":'
    || cast(coalesce(sum(case when segment = 'lifecycle' and fact = 'member' and variant = 'offers' then people end), 0)
      as varchar)
    || ',"kept":'
    || cast(coalesce(sum(case when segment = 'lifecycle' and fact = 'member' and variant = 'kept' then people end), 0)
      as varchar)
    || '}') as "VARIANTS_LIFECYCLE"
from "FACTS"

-- publish offers segment_history segment: offers was deals
update "_CDP"."SEGMENT_HISTORY"
set "SEGMENT" = 'offers'
where entity = 'customer' and "SEGMENT" = 'deals'
  and not exists (
    select 1
    from "_CDP"."SEGMENT_NAME" as known
    where known.entity = 'customer' and known.segment = 'offers'
  )

-- publish offers segment_exposure segment: offers was deals
update "_CDP"."SEGMENT_EXPOSURE"
set "SEGMENT" = 'offers'
where entity = 'customer' and "SEGMENT" = 'deals'
  and not exists (
    select 1
    from "_CDP"."SEGMENT_NAME" as known
    where known.entity = 'customer' and known.segment = 'offers'
  )

-- publish offers segment_size segment: offers was deals
update "_CDP"."SEGMENT_SIZE"
set "SEGMENT" = 'offers'
where entity = 'customer' and "SEGMENT" = 'deals'
  and not exists (
    select 1
    from "_CDP"."SEGMENT_NAME" as known
    where known.entity = 'customer' and known.segment = 'offers'
  )

-- publish offers segment_exposure variant: offers was deals
update "_CDP"."SEGMENT_EXPOSURE"
set "VARIANT" = 'offers'
where entity = 'customer' and segment = 'lifecycle' and "VARIANT" = 'deals'
  and not exists (
    select 1
    from "_CDP"."SEGMENT_NAME" as known
    where known.entity = 'customer' and known.segment = 'offers'
  )

-- publish offers segment_size variant: offers was deals
update "_CDP"."SEGMENT_SIZE"
set "VARIANT" = 'offers'
where entity = 'customer' and segment = 'lifecycle' and "VARIANT" = 'deals'
  and not exists (
    select 1
    from "_CDP"."SEGMENT_NAME" as known
    where known.entity = 'customer' and known.segment = 'offers'
  )

-- publish customer segment names: the first name of each segment: that of its former name, where
-- it has one
insert into "_CDP"."SEGMENT_NAME" (entity, segment, origin)
select 'customer', s.segment, coalesce(before.origin, s.was)
from (
  select 'offers' as segment, 'deals' as was
  union all
  select 'kept' as segment, 'kept' as was
  union all
  select 'some' as segment, 'some' as was
  union all
  select 'lifecycle' as segment, 'lifecycle' as was
) as s
left join "_CDP"."SEGMENT_NAME" as before on before.entity = 'customer' and before.segment = s.was
where not exists (
  select 1
  from "_CDP"."SEGMENT_NAME" as known
  where known.entity = 'customer' and known.segment = s.segment
)

-- publish customer former names: a former name is free for another segment
delete from "_CDP"."SEGMENT_NAME"
where entity = 'customer' and segment in ('deals')

-- publish customer left: members who left their segment
update "_CDP"."SEGMENT_HISTORY"
set left_at = (select now from "_CDP"."B0_CLOCK"), left_run = :run_id
where entity = 'customer' and left_at is null and exists (
  select 1
  from "_CDP"."B0_CUSTOMER_LEFT" as l
  where l.segment = segment_history.segment and l.profile_id = segment_history.profile_id
)

-- publish customer entered: members who were none before
insert into "_CDP"."SEGMENT_HISTORY" (entity, segment, profile_id, entered_at, entered_run)
select 'customer', m.segment, m.profile_id, (select now from "_CDP"."B0_CLOCK"), :run_id
from (
  select 'offers' as segment, profile_id from (
    select s.profile_id, s."OFFERS", s."KEPT", s."SOME", s."LIFECYCLE"
    from "_CDP"."B0_CUSTOMER_SEGMENTS" as s
    join (
      select profile_id from "_CDP"."B0_CUSTOMER_MOVED"
    ) as among on among.profile_id = s.profile_id
  ) as s where "OFFERS"
  union all
  select 'kept' as segment, profile_id from (
    select s.profile_id, s."OFFERS", s."KEPT", s."SOME", s."LIFECYCLE"
    from "_CDP"."B0_CUSTOMER_SEGMENTS" as s
    join (
      select profile_id from "_CDP"."B0_CUSTOMER_MOVED"
    ) as among on among.profile_id = s.profile_id
  ) as s where "KEPT"
  union all
  select 'some' as segment, profile_id from (
    select s.profile_id, s."OFFERS", s."KEPT", s."SOME", s."LIFECYCLE"
    from "_CDP"."B0_CUSTOMER_SEGMENTS" as s
    join (
      select profile_id from "_CDP"."B0_CUSTOMER_MOVED"
    ) as among on among.profile_id = s.profile_id
  ) as s where "SOME"
  union all
  select 'lifecycle' as segment, profile_id from (
    select s.profile_id, s."OFFERS", s."KEPT", s."SOME", s."LIFECYCLE"
    from "_CDP"."B0_CUSTOMER_SEGMENTS" as s
    join (
      select profile_id from "_CDP"."B0_CUSTOMER_MOVED"
    ) as among on among.profile_id = s.profile_id
  ) as s where "LIFECYCLE"
) as m
left join (
  select stays.segment, stays.profile_id
  from "_CDP"."SEGMENT_HISTORY" as stays
  join "_CDP"."B0_CUSTOMER_MOVED" as moved on moved.profile_id = stays.profile_id
  where stays.entity = 'customer' and stays.left_at is null
) as h on h.segment = m.segment and h.profile_id = m.profile_id
where h.profile_id is null

-- publish customer exposures: who is in a variant, or held out, for the first time
insert into "_CDP"."SEGMENT_EXPOSURE" (entity, segment, profile_id, variant, first_at, first_run)
select 'customer', m.segment, m.profile_id, m.variant, (select now from "_CDP"."B0_CLOCK"), :run_id
from (
  select 'offers' as segment, profile_id, "OFFERS__VARIANT" as variant
  from "_CDP"."B0_CUSTOMER_SEGMENTS"
  where "OFFERS" or "OFFERS__VARIANT" = 'held_out'
  union all
  select 'kept' as segment, profile_id, "KEPT__VARIANT" as variant
  from "_CDP"."B0_CUSTOMER_SEGMENTS"
  where "KEPT" or "KEPT__VARIANT" = 'held_out'
  union all
  select 'lifecycle' as segment, profile_id, "LIFECYCLE__VARIANT" as variant
  from "_CDP"."B0_CUSTOMER_SEGMENTS"
  where "LIFECYCLE"
) as m
where not exists (
  select 1
  from "_CDP"."SEGMENT_EXPOSURE" as e
  where e.entity = 'customer' and e.segment = m.segment and e.profile_id = m.profile_id
    and coalesce(e.variant, '') = coalesce(m.variant, '')
)

-- publish customer segment sizes: how many there are in this build
insert into "_CDP"."SEGMENT_SIZE" ("ENTITY", "SEGMENT", "VARIANT", "MEMBERS", "ENTERED", "LEFT", "HELD_OUT", "BUILD",
  "RUN_ID", "AT")
select
  'customer', l.segment, l.variant,
  coalesce(sum(case
    when f.fact = 'member' and (l.variant is null or f.variant = l.variant)
      then people
  end), 0),
  case when l.variant is null then coalesce(sum(case when f.fact = 'entered' then people end), 0) end,
  case when l.variant is null then coalesce(sum(case when f.fact = 'left' then people end), 0) end,
  case when l.variant is null then coalesce(sum(case when f.fact = 'held_out' then people end), 0) end,
  cast(:build as bigint), :run_id, (select now from "_CDP"."B0_CLOCK")
from (
  select 'offers' as segment, cast(null as varchar) as variant
  union all
  select 'offers' as segment, 'ten' as variant
  union all
  select 'offers' as segment, 'twenty' as variant
  union all
  select 'kept' as segment, cast(null as varchar) as variant
  union all
  select 'some' as segment, cast(null as varchar) as variant
  union all
  select 'lifecycle' as segment, cast(null as varchar) as variant
  union all
  select 'lifecycle' as segment, 'offers' as variant
  union all
  select 'lifecycle' as segment, 'kept' as variant
) as l
left join (
  select segment, case when variant = 'held_out' then 'held_out' else 'member' end as fact, variant, count(*) as people
  from (
    select 'offers' as segment, profile_id, "OFFERS__VARIANT" as variant
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
    where "OFFERS" or "OFFERS__VARIANT" = 'held_out'
    union all
    select 'kept' as segment, profile_id, "KEPT__VARIANT" as variant
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
    where "KEPT" or "KEPT__VARIANT" = 'held_out'
    union all
    select 'some' as segment, profile_id, cast(null as varchar) as variant
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
    where "SOME"
    union all
    select 'lifecycle' as segment, profile_id, "LIFECYCLE__VARIANT" as variant
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
    where "LIFECYCLE"
  ) as memberships
  group by segment, variant
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, count(*) as people
  from "_CDP"."SEGMENT_HISTORY"
  where entity = 'customer' and "ENTERED_RUN" = :run_id
  group by segment
  union all
  select segment, 'left' as fact, cast(null as varchar) as variant, count(*) as people
  from "_CDP"."SEGMENT_HISTORY"
  where entity = 'customer' and "LEFT_RUN" = :run_id
  group by segment
) as f on f.segment = l.segment
where not exists (
  select 1
  from "_CDP"."SEGMENT_SIZE" as s
  where s.entity = 'customer' and s.build = cast(:build as bigint)
)
group by l.segment, l.variant

-- end segment_history: an entity without segments has no members
update "_CDP"."SEGMENT_HISTORY"
set left_at = (select now from "_CDP"."B0_CLOCK"), left_run = :run_id
where left_at is null and entity not in ('customer')

-- forget segment_history: older than the project remembers
delete from "_CDP"."SEGMENT_HISTORY"
where "LEFT_AT" < dateadd(day, -730, (select now from "_CDP"."B0_CLOCK"))

-- forget segment_size: older than the project remembers
delete from "_CDP"."SEGMENT_SIZE"
where "AT" < dateadd(day, -730, (select now from "_CDP"."B0_CLOCK"))

-- preview offers size: how many there are, and who would enter and leave
with
-- who would enter and leave (a few rows a segment)
"FACTS" as (
  select segment, 'left' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select segment from "_CDP"."B0_CUSTOMER_LEFT"
  ) as "LEFT"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select segment from "_CDP"."B0_CUSTOMER_LEFT"
  ) as "ENTERED"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select 'offers' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "OFFERS"
    union all
    select 'kept' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "KEPT"
    union all
    select 'some' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "SOME"
    union all
    select 'lifecycle' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "LIFECYCLE"
  ) as "ENTERED"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, -count(*) as people
  from (
    select segment
    from (
      select coalesce(n.segment, r.segment) as segment, r."PROFILE_ID", r."ENTERED_AT", r."LEFT_AT"
      from "_CDP"."SEGMENT_HISTORY" as r
      left join (
        select f.was, f.segment
        from (
          select 'deals' as was, 'offers' as segment
        ) as f
        where not exists (
          select 1
          from "_CDP"."SEGMENT_NAME" as known
          where known.entity = 'customer' and known.segment = f.segment
        )
      ) as n on n.was = r.segment
      where r.entity = 'customer'
    ) as stays
    where left_at is null
  ) as "ENTERED"
  group by segment
)
select
  count(*) as profiles,
  count_if("OFFERS") as members,
  (
    select coalesce(sum(case when segment = 'offers' and fact = 'entered' then people end), 0)
    from "FACTS"
  ) as entered,
  (
    select coalesce(sum(case when segment = 'offers' and fact = 'left' then people end), 0)
    from "FACTS"
  ) as "LEFT",
  count_if("OFFERS__VARIANT" = 'held_out') as held_out,
  count_if("OFFERS__VARIANT" = 'ten') as "VARIANT_1",
  count_if("OFFERS__VARIANT" = 'twenty') as "VARIANT_2"
from "_CDP"."B0_CUSTOMER_SEGMENTS"

-- preview funnel: who is left after each line, and whom a missing value cost
with
-- every line on every profile: true, false or null
"DECIDED" as (
  select
    "P"."SPENT" >= '20' as "LINE_1",
    not coalesce("S"."OFFERS__VARIANT" = 'held_out', false) as "LINE_2",
    "S"."IN_OFFERS" as "LINE_3"
  from "_CDP"."B0_CUSTOMER" as p
  join (
    select
      profile_id as member_id,
      "OFFERS" as "IN_OFFERS",
      "OFFERS__VARIANT"
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
  ) as s on s.member_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
)
select
  count_if("LINE_1") as "LEFT_1",
  count_if("LINE_1" is null) as "NULL_1",
  count_if("LINE_1" and "LINE_2") as "LEFT_2",
  count_if("LINE_1" and "LINE_2" is null) as "NULL_2",
  count_if("LINE_1" and "LINE_2" and "LINE_3") as "LEFT_3",
  count_if("LINE_1" and "LINE_2" and "LINE_3" is null) as "NULL_3"
from "DECIDED"

-- preview kept size: how many there are, and who would enter and leave
with
-- who would enter and leave (a few rows a segment)
"FACTS" as (
  select segment, 'left' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select segment from "_CDP"."B0_CUSTOMER_LEFT"
  ) as "LEFT"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select segment from "_CDP"."B0_CUSTOMER_LEFT"
  ) as "ENTERED"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select 'offers' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "OFFERS"
    union all
    select 'kept' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "KEPT"
    union all
    select 'some' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "SOME"
    union all
    select 'lifecycle' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "LIFECYCLE"
  ) as "ENTERED"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, -count(*) as people
  from (
    select segment
    from (
      select coalesce(n.segment, r.segment) as segment, r."PROFILE_ID", r."ENTERED_AT", r."LEFT_AT"
      from "_CDP"."SEGMENT_HISTORY" as r
      left join (
        select f.was, f.segment
        from (
          select 'deals' as was, 'offers' as segment
        ) as f
        where not exists (
          select 1
          from "_CDP"."SEGMENT_NAME" as known
          where known.entity = 'customer' and known.segment = f.segment
        )
      ) as n on n.was = r.segment
      where r.entity = 'customer'
    ) as stays
    where left_at is null
  ) as "ENTERED"
  group by segment
)
select
  count(*) as profiles,
  count_if("KEPT") as members,
  (
    select coalesce(sum(case when segment = 'kept' and fact = 'entered' then people end), 0)
    from "FACTS"
  ) as entered,
  (
    select coalesce(sum(case when segment = 'kept' and fact = 'left' then people end), 0)
    from "FACTS"
  ) as "LEFT",
  count_if("KEPT__VARIANT" = 'held_out') as held_out
from "_CDP"."B0_CUSTOMER_SEGMENTS"

-- preview funnel: who is left after each line, and whom a missing value cost
with
-- every line on every profile: true, false or null
"DECIDED" as (
  select
    "P"."EMAIL" is not null as "LINE_1",
    not coalesce("S"."KEPT__VARIANT" = 'held_out', false) as "LINE_2"
  from "_CDP"."B0_CUSTOMER" as p
  join (
    select
      profile_id as member_id,
      "KEPT" as "IN_KEPT",
      "KEPT__VARIANT"
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
  ) as s on s.member_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
)
select
  count_if("LINE_1") as "LEFT_1",
  count_if("LINE_1" is null) as "NULL_1",
  count_if("LINE_1" and "LINE_2") as "LEFT_2",
  count_if("LINE_1" and "LINE_2" is null) as "NULL_2"
from "DECIDED"

-- preview some size: how many there are, and who would enter and leave
with
-- who would enter and leave (a few rows a segment)
"FACTS" as (
  select segment, 'left' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select segment from "_CDP"."B0_CUSTOMER_LEFT"
  ) as "LEFT"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select segment from "_CDP"."B0_CUSTOMER_LEFT"
  ) as "ENTERED"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select 'offers' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "OFFERS"
    union all
    select 'kept' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "KEPT"
    union all
    select 'some' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "SOME"
    union all
    select 'lifecycle' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "LIFECYCLE"
  ) as "ENTERED"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, -count(*) as people
  from (
    select segment
    from (
      select coalesce(n.segment, r.segment) as segment, r."PROFILE_ID", r."ENTERED_AT", r."LEFT_AT"
      from "_CDP"."SEGMENT_HISTORY" as r
      left join (
        select f.was, f.segment
        from (
          select 'deals' as was, 'offers' as segment
        ) as f
        where not exists (
          select 1
          from "_CDP"."SEGMENT_NAME" as known
          where known.entity = 'customer' and known.segment = f.segment
        )
      ) as n on n.was = r.segment
      where r.entity = 'customer'
    ) as stays
    where left_at is null
  ) as "ENTERED"
  group by segment
)
select
  count(*) as profiles,
  count_if("SOME") as members,
  (
    select coalesce(sum(case when segment = 'some' and fact = 'entered' then people end), 0)
    from "FACTS"
  ) as entered,
  (
    select coalesce(sum(case when segment = 'some' and fact = 'left' then people end), 0)
    from "FACTS"
  ) as "LEFT",
  0 as held_out
from "_CDP"."B0_CUSTOMER_SEGMENTS"

-- preview funnel: who is left after each line, and whom a missing value cost
with
-- every line on every profile: true, false or null
"DECIDED" as (
  select
    "P"."EMAIL" is not null as "LINE_1",
    "S"."IN_SOME" as "LINE_2"
  from "_CDP"."B0_CUSTOMER" as p
  join (
    select
      profile_id as member_id,
      "SOME" as "IN_SOME"
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
  ) as s on s.member_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
)
select
  count_if("LINE_1") as "LEFT_1",
  count_if("LINE_1" is null) as "NULL_1",
  count_if("LINE_1" and "LINE_2") as "LEFT_2",
  count_if("LINE_1" and "LINE_2" is null) as "NULL_2"
from "DECIDED"

-- preview lifecycle size: how many there are, and who would enter and leave
with
-- who would enter and leave (a few rows a segment)
"FACTS" as (
  select segment, 'left' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select segment from "_CDP"."B0_CUSTOMER_LEFT"
  ) as "LEFT"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select segment from "_CDP"."B0_CUSTOMER_LEFT"
  ) as "ENTERED"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, count(*) as people
  from (
    select 'offers' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "OFFERS"
    union all
    select 'kept' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "KEPT"
    union all
    select 'some' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "SOME"
    union all
    select 'lifecycle' as segment, profile_id from "_CDP"."B0_CUSTOMER_SEGMENTS" as s where "LIFECYCLE"
  ) as "ENTERED"
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as varchar) as variant, -count(*) as people
  from (
    select segment
    from (
      select coalesce(n.segment, r.segment) as segment, r."PROFILE_ID", r."ENTERED_AT", r."LEFT_AT"
      from "_CDP"."SEGMENT_HISTORY" as r
      left join (
        select f.was, f.segment
        from (
          select 'deals' as was, 'offers' as segment
        ) as f
        where not exists (
          select 1
          from "_CDP"."SEGMENT_NAME" as known
          where known.entity = 'customer' and known.segment = f.segment
        )
      ) as n on n.was = r.segment
      where r.entity = 'customer'
    ) as stays
    where left_at is null
  ) as "ENTERED"
  group by segment
)
select
  count(*) as profiles,
  count_if("LIFECYCLE") as members,
  (
    select coalesce(sum(case when segment = 'lifecycle' and fact = 'entered' then people end), 0)
    from "FACTS"
  ) as entered,
  (
    select coalesce(sum(case when segment = 'lifecycle' and fact = 'left' then people end), 0)
    from "FACTS"
  ) as "LEFT",
  count_if("LIFECYCLE__VARIANT" = 'held_out') as held_out,
  count_if("LIFECYCLE__VARIANT" = 'offers') as "VARIANT_1",
  count_if("LIFECYCLE__VARIANT" = 'kept') as "VARIANT_2"
from "_CDP"."B0_CUSTOMER_SEGMENTS"

-- preview funnel: who is left after each line, and whom a missing value cost
with
-- every line on every profile: true, false or null
"DECIDED" as (
  select
    not coalesce("S"."OFFERS__VARIANT" = 'twenty', false) as "LINE_1",
    not "S"."IN_SOME" as "LINE_2",
    ("S"."IN_OFFERS" or "S"."IN_KEPT") as "LINE_3"
  from "_CDP"."B0_CUSTOMER" as p
  join (
    select
      profile_id as member_id,
      "LIFECYCLE" as "IN_LIFECYCLE",
      "LIFECYCLE__VARIANT",
      "SOME" as "IN_SOME",
      "OFFERS" as "IN_OFFERS",
      "OFFERS__VARIANT",
      "KEPT" as "IN_KEPT",
      "KEPT__VARIANT"
    from "_CDP"."B0_CUSTOMER_SEGMENTS"
  ) as s on s.member_id = p.profile_id
  cross join "_CDP"."B0_CLOCK" as clock
)
select
  count_if("LINE_1") as "LEFT_1",
  count_if("LINE_1" is null) as "NULL_1",
  count_if("LINE_1" and "LINE_2") as "LEFT_2",
  count_if("LINE_1" and "LINE_2" is null) as "NULL_2",
  count_if("LINE_1" and "LINE_2" and "LINE_3") as "LEFT_3",
  count_if("LINE_1" and "LINE_2" and "LINE_3" is null) as "NULL_3"
from "DECIDED"
