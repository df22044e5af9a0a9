-- customer segments: every segment decided in one pass
create or replace table `_cdp`.`b0_customer_segments` as
with
-- profiles and the answers of events (at most one row a profile each)
`facts` as (
  select
    p.*
  from `_cdp`.`b0_customer` as p
),
-- the first name of each segment that divides its people: sides stay through renames (one row)
`origins` as (
  select
    coalesce(max(if(segment = 'offers', origin, null)), max(if(segment = 'deals', origin, null)),
      'deals') as `offers`,
    coalesce(max(if(segment = 'kept', origin, null)), 'kept') as `kept`
  from `_cdp`.`segment_name`
  where entity = 'customer'
),
-- a condition that is null leaves the person out
`decided_1` as (
  select
    p.*,
    coalesce(
      if(regexp_contains(format('%T', `p`.`spent`), '^["\']'), cast(`p`.`spent` as string), format('%039.9f',
        safe_cast(cast(`p`.`spent` as string) as bignumeric) + cast('1e28' as bignumeric)))
        >= if(regexp_contains(format('%T', `p`.`spent`), '^["\']'), '20', format('%039.9f', cast('20' as bignumeric) +
          cast('1e28' as bignumeric))), false
    ) as `offers.chosen`,
    coalesce(`p`.`email` is not null, false) as `kept.chosen`,
    coalesce(`p`.`email` is not null, false) as `some.chosen`
  from `facts` as p
  cross join `_cdp`.`b0_clock` as clock
),
-- chance divides those on whom the condition holds, the same way in every build
`sides_1` as (
  select
    p.*,
    case
      when `p`.`offers.chosen` then (cast('0x' || left(to_hex(sha256((`origins`.`offers` || ':' || p.profile_id))), 13)
        as int64) / 4503599627370496)
    end as `offers.side`,
    case
      when `p`.`kept.chosen` then (cast('0x' || left(to_hex(sha256((`origins`.`kept` || ':' || p.profile_id))), 13) as
        int64) / 4503599627370496)
    end as `kept.side`
  from `decided_1` as p
  cross join `origins` as origins
),
-- who comes first where there is a limit, those held out not counted
`ranked_1` as (
  select
    p.*,
    row_number() over (
      partition by coalesce(`p`.`offers.side` < 0.8, false), `p`.`region`,
        case when `p`.`region` is null then p.profile_id end
      order by `p`.`spent` desc nulls last, `p`.`region` nulls last, p.profile_id
    ) as `offers.rank`,
    row_number() over (
      partition by `p`.`some.chosen`
      order by to_hex(md5(p.profile_id)), p.profile_id
    ) as `some.rank`
  from `sides_1` as p
  cross join `_cdp`.`b0_clock` as clock
),
-- who is a member, and in which variant
`placed_1` as (
  select
    p.*,
    coalesce(`p`.`offers.side` < 0.8, false) and `p`.`offers.rank` <= 10000 as `in_offers`,
    case
      when `p`.`offers.side` >= 0.8 then 'held_out'
      when not (coalesce(`p`.`offers.side` < 0.8, false) and `p`.`offers.rank` <= 10000) then null
      when `p`.`offers.side` < 0.4 then 'ten'
      when `p`.`offers.side` < 0.8 then 'twenty'
    end as `offers__variant`,
    coalesce(`p`.`kept.side` < 0.9, false) as `in_kept`,
    case
      when `p`.`kept.side` >= 0.9 then 'held_out'
    end as `kept__variant`,
    `p`.`some.chosen` and `p`.`some.rank` <= 100 as `in_some`
  from `ranked_1` as p
),
-- segments that speak of the segments before them
`decided_2` as (
  select
    p.*,
    coalesce(not coalesce(`p`.`offers__variant` = 'twenty', false), false)
    and not `p`.`in_some`
    and (`p`.`in_offers` or `p`.`in_kept`) as `lifecycle.chosen`
  from `placed_1` as p
  cross join `_cdp`.`b0_clock` as clock
),
-- who is a member, and in which variant
`placed_2` as (
  select
    p.*,
    `p`.`lifecycle.chosen` as `in_lifecycle`,
    case
      when not (`p`.`lifecycle.chosen`) then null
      when `p`.`in_offers` then 'offers'
      when `p`.`in_kept` then 'kept'
    end as `lifecycle__variant`
  from `decided_2` as p
)
select
  profile_id,
  `in_offers` as `offers`,
  `offers__variant`,
  `in_kept` as `kept`,
  `kept__variant`,
  `in_some` as `some`,
  `in_lifecycle` as `lifecycle`,
  `lifecycle__variant`
from `placed_2`

-- customer moved: whose segments are not those that were published
create or replace table `_cdp`.`b0_customer_moved` as
with
-- a number a segment (one row a segment)
`weights` as (
  select 'offers' as segment, 2580224770896953 as weight
  union all
  select 'kept' as segment, 2145179041386906 as weight
  union all
  select 'some' as segment, 2932701867612901 as weight
  union all
  select 'lifecycle' as segment, 4276097565303112 as weight
),
-- of which segments everybody was a member when it was last published; of those that are gone, too
`before` as (
  select h.profile_id, sum(coalesce(w.weight, 1)) as mark
  from (
    select coalesce(n.segment, r.segment) as segment, r.`profile_id`, r.`entered_at`, r.`left_at`
    from `_cdp`.`segment_history` as r
    left join (
      select f.was, f.segment
      from (
        select 'deals' as was, 'offers' as segment
      ) as f
      where not exists (
        select 1
        from `_cdp`.`segment_name` as known
        where known.entity = 'customer' and known.segment = f.segment
      )
    ) as n on n.was = r.segment
    where r.entity = 'customer'
  ) as h
  left join `weights` as w on w.segment = h.segment
  where h.left_at is null
  group by h.profile_id
),
-- of which everybody is a member in this build
`now` as (
  select
    profile_id,
    case when `offers` then 2580224770896953 else 0 end
    + case when `kept` then 2145179041386906 else 0 end
    + case when `some` then 2932701867612901 else 0 end
    + case when `lifecycle` then 4276097565303112 else 0 end as mark
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
    select coalesce(n.segment, r.segment) as segment, r.`profile_id`, r.`entered_at`, r.`left_at`
    from `_cdp`.`segment_history` as r
    left join (
      select f.was, f.segment
      from (
        select 'deals' as was, 'offers' as segment
      ) as f
      where not exists (
        select 1
        from `_cdp`.`segment_name` as known
        where known.entity = 'customer' and known.segment = f.segment
      )
    ) as n on n.was = r.segment
    where r.entity = 'customer'
  ) as h
  join `_cdp`.`b0_customer_moved` as moved on moved.profile_id = h.profile_id
  where h.left_at is null
),
-- what these are members of in this build
`members` as (
  select 'offers' as segment, profile_id from (
    select s.profile_id, s.`offers`, s.`kept`, s.`some`, s.`lifecycle`
    from `_cdp`.`b0_customer_segments` as s
    join (
      select distinct profile_id from `before`
    ) as among on among.profile_id = s.profile_id
  ) as s where `offers`
  union all
  select 'kept' as segment, profile_id from (
    select s.profile_id, s.`offers`, s.`kept`, s.`some`, s.`lifecycle`
    from `_cdp`.`b0_customer_segments` as s
    join (
      select distinct profile_id from `before`
    ) as among on among.profile_id = s.profile_id
  ) as s where `kept`
  union all
  select 'some' as segment, profile_id from (
    select s.profile_id, s.`offers`, s.`kept`, s.`some`, s.`lifecycle`
    from `_cdp`.`b0_customer_segments` as s
    join (
      select distinct profile_id from `before`
    ) as among on among.profile_id = s.profile_id
  ) as s where `some`
  union all
  select 'lifecycle' as segment, profile_id from (
    select s.profile_id, s.`offers`, s.`kept`, s.`some`, s.`lifecycle`
    from `_cdp`.`b0_customer_segments` as s
    join (
      select distinct profile_id from `before`
    ) as among on among.profile_id = s.profile_id
  ) as s where `lifecycle`
)
select b.segment, b.profile_id
from `before` as b
left join `members` as m on m.segment = b.segment and m.profile_id = b.profile_id
where m.profile_id is null

-- customer segment sizes: the counts of the report
with
-- members, who is held out, and who entered and left (a few rows a segment)
`facts` as (
  select segment, case when variant = 'held_out' then 'held_out' else 'member' end as fact, variant, count(*) as people
  from (
    select 'offers' as segment, profile_id, `offers__variant` as variant
    from `_cdp`.`b0_customer_segments`
    where `offers` or `offers__variant` = 'held_out'
    union all
    select 'kept' as segment, profile_id, `kept__variant` as variant
    from `_cdp`.`b0_customer_segments`
    where `kept` or `kept__variant` = 'held_out'
    union all
    select 'some' as segment, profile_id, cast(null as string) as variant
    from `_cdp`.`b0_customer_segments`
    where `some`
    union all
    select 'lifecycle' as segment, profile_id, `lifecycle__variant` as variant
    from `_cdp`.`b0_customer_segments`
    where `lifecycle`
  ) as memberships
  group by segment, variant
  union all
  select segment, 'left' as fact, cast(null as string) as variant, count(*) as people
  from (
    select segment from `_cdp`.`b0_customer_left`
  ) as `left`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, count(*) as people
  from (
    select segment from `_cdp`.`b0_customer_left`
  ) as `entered`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, count(*) as people
  from (
    select 'offers' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `offers`
    union all
    select 'kept' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `kept`
    union all
    select 'some' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `some`
    union all
    select 'lifecycle' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `lifecycle`
  ) as `entered`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, -count(*) as people
  from (
    select segment
    from (
      select coalesce(n.segment, r.segment) as segment, r.`profile_id`, r.`entered_at`, r.`left_at`
      from `_cdp`.`segment_history` as r
      left join (
        select f.was, f.segment
        from (
          select 'deals' as was, 'offers' as segment
        ) as f
        where not exists (
          select 1
          from `_cdp`.`segment_name` as known
          where known.entity = 'customer' and known.segment = f.segment
        )
      ) as n on n.was = r.segment
      where r.entity = 'customer'
    ) as stays
    where left_at is null
  ) as `entered`
  group by segment
)
select
  coalesce(sum(if(segment = 'offers' and fact = 'member', people, null)), 0) as `members_offers`,
  coalesce(sum(if(segment = 'offers' and fact = 'entered', people, null)), 0) as `entered_offers`,
  coalesce(sum(if(segment = 'offers' and fact = 'left', people, null)), 0) as `left_offers`,
  coalesce(sum(if(segment = 'offers' and fact = 'held_out', people, null)), 0) as `held_out_offers`,
  ('{"ten":'
    || cast(coalesce(sum(if(segment = 'offers' and fact = 'member' and variant = 'ten', people, null)), 0) as string)
    || ',"twenty":'
    || cast(coalesce(sum(if(segment = 'offers' and fact = 'member' and variant = 'twenty', people, null)), 0) as string)
    || '}') as `variants_offers`,
  coalesce(sum(if(segment = 'kept' and fact = 'member', people, null)), 0) as `members_kept`,
  coalesce(sum(if(segment = 'kept' and fact = 'entered', people, null)), 0) as `entered_kept`,
  coalesce(sum(if(segment = 'kept' and fact = 'left', people, null)), 0) as `left_kept`,
  coalesce(sum(if(segment = 'kept' and fact = 'held_out', people, null)), 0) as `held_out_kept`,
  coalesce(sum(if(segment = 'some' and fact = 'member', people, null)), 0) as `members_some`,
  coalesce(sum(if(segment = 'some' and fact = 'entered', people, null)), 0) as `entered_some`,
  coalesce(sum(if(segment = 'some' and fact = 'left', people, null)), 0) as `left_some`,
  coalesce(sum(if(segment = 'lifecycle' and fact = 'member', people, null)), 0) as `members_lifecycle`,
  coalesce(sum(if(segment = 'lifecycle' and fact = 'entered', people, null)), 0) as `entered_lifecycle`,
  coalesce(sum(if(segment = 'lifecycle' and fact = 'left', people, null)), 0) as `left_lifecycle`,
  ('{"offers":'
    || cast(coalesce(sum(if(segment = 'lifecycle' and fact = 'member' and variant = 'offers', people, null)), 0) as
      string)
    || ',"kept":'
    || cast(coalesce(sum(if(segment = 'lifecycle' and fact = 'member' and variant = 'kept', people, null)), 0) as
      string)
    || '}') as `variants_lifecycle`
from `facts`

-- publish offers segment_history segment: offers was deals
update `_cdp`.`segment_history`
set `segment` = 'offers'
where entity = 'customer' and `segment` = 'deals'
  and not exists (
    select 1
    from `_cdp`.`segment_name` as known
    where known.entity = 'customer' and known.segment = 'offers'
  )

-- publish offers segment_exposure segment: offers was deals
update `_cdp`.`segment_exposure`
set `segment` = 'offers'
where entity = 'customer' and `segment` = 'deals'
  and not exists (
    select 1
    from `_cdp`.`segment_name` as known
    where known.entity = 'customer' and known.segment = 'offers'
  )

-- publish offers segment_size segment: offers was deals
update `_cdp`.`segment_size`
set `segment` = 'offers'
where entity = 'customer' and `segment` = 'deals'
  and not exists (
    select 1
    from `_cdp`.`segment_name` as known
    where known.entity = 'customer' and known.segment = 'offers'
  )

-- publish offers segment_exposure variant: offers was deals
update `_cdp`.`segment_exposure`
set `variant` = 'offers'
where entity = 'customer' and segment = 'lifecycle' and `variant` = 'deals'
  and not exists (
    select 1
    from `_cdp`.`segment_name` as known
    where known.entity = 'customer' and known.segment = 'offers'
  )

-- publish offers segment_size variant: offers was deals
update `_cdp`.`segment_size`
set `variant` = 'offers'
where entity = 'customer' and segment = 'lifecycle' and `variant` = 'deals'
  and not exists (
    select 1
    from `_cdp`.`segment_name` as known
    where known.entity = 'customer' and known.segment = 'offers'
  )

-- publish customer segment names: the first name of each segment: that of its former name, where
-- it has one
insert into `_cdp`.`segment_name` (entity, segment, origin)
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
left join `_cdp`.`segment_name` as before on before.entity = 'customer' and before.segment = s.was
where not exists (
  select 1
  from `_cdp`.`segment_name` as known
  where known.entity = 'customer' and known.segment = s.segment
)

-- publish customer former names: a former name is free for another segment
delete from `_cdp`.`segment_name`
where entity = 'customer' and segment in ('deals')

-- publish customer left: members who left their segment
update `_cdp`.`segment_history`
set left_at = (select now from `_cdp`.`b0_clock`), left_run = @run_id
where entity = 'customer' and left_at is null and exists (
  select 1
  from `_cdp`.`b0_customer_left` as l
  where l.segment = segment_history.segment and l.profile_id = segment_history.profile_id
)

-- publish customer entered: members who were none before
insert into `_cdp`.`segment_history` (entity, segment, profile_id, entered_at, entered_run)
select 'customer', m.segment, m.profile_id, (select now from `_cdp`.`b0_clock`), @run_id
from (
  select 'offers' as segment, profile_id from (
    select s.profile_id, s.`offers`, s.`kept`, s.`some`, s.`lifecycle`
    from `_cdp`.`b0_customer_segments` as s
    join (
      select profile_id from `_cdp`.`b0_customer_moved`
    ) as among on among.profile_id = s.profile_id
  ) as s where `offers`
  union all
  select 'kept' as segment, profile_id from (
    select s.profile_id, s.`offers`, s.`kept`, s.`some`, s.`lifecycle`
    from `_cdp`.`b0_customer_segments` as s
    join (
      select profile_id from `_cdp`.`b0_customer_moved`
    ) as among on among.profile_id = s.profile_id
  ) as s where `kept`
  union all
  select 'some' as segment, profile_id from (
    select s.profile_id, s.`offers`, s.`kept`, s.`some`, s.`lifecycle`
    from `_cdp`.`b0_customer_segments` as s
    join (
      select profile_id from `_cdp`.`b0_customer_moved`
    ) as among on among.profile_id = s.profile_id
  ) as s where `some`
  union all
  select 'lifecycle' as segment, profile_id from (
    select s.profile_id, s.`offers`, s.`kept`, s.`some`, s.`lifecycle`
    from `_cdp`.`b0_customer_segments` as s
    join (
      select profile_id from `_cdp`.`b0_customer_moved`
    ) as among on among.profile_id = s.profile_id
  ) as s where `lifecycle`
) as m
left join (
  select stays.segment, stays.profile_id
  from `_cdp`.`segment_history` as stays
  join `_cdp`.`b0_customer_moved` as moved on moved.profile_id = stays.profile_id
  where stays.entity = 'customer' and stays.left_at is null
) as h on h.segment = m.segment and h.profile_id = m.profile_id
where h.profile_id is null

-- publish customer exposures: who is in a variant, or held out, for the first time
insert into `_cdp`.`segment_exposure` (entity, segment, profile_id, variant, first_at, first_run)
select 'customer', m.segment, m.profile_id, m.variant, (select now from `_cdp`.`b0_clock`), @run_id
from (
  select 'offers' as segment, profile_id, `offers__variant` as variant
  from `_cdp`.`b0_customer_segments`
  where `offers` or `offers__variant` = 'held_out'
  union all
  select 'kept' as segment, profile_id, `kept__variant` as variant
  from `_cdp`.`b0_customer_segments`
  where `kept` or `kept__variant` = 'held_out'
  union all
  select 'lifecycle' as segment, profile_id, `lifecycle__variant` as variant
  from `_cdp`.`b0_customer_segments`
  where `lifecycle`
) as m
where not exists (
  select 1
  from `_cdp`.`segment_exposure` as e
  where e.entity = 'customer' and e.segment = m.segment and e.profile_id = m.profile_id
    and coalesce(e.variant, '') = coalesce(m.variant, '')
)

-- publish customer segment sizes: how many there are in this build
insert into `_cdp`.`segment_size` (`entity`, `segment`, `variant`, `members`, `entered`, `left`, `held_out`, `build`,
  `run_id`, `at`)
select
  'customer', l.segment, l.variant,
  coalesce(sum(if(f.fact = 'member' and (l.variant is null or f.variant = l.variant), people, null)), 0),
  case when l.variant is null then coalesce(sum(if(f.fact = 'entered', people, null)), 0) end,
  case when l.variant is null then coalesce(sum(if(f.fact = 'left', people, null)), 0) end,
  case when l.variant is null then coalesce(sum(if(f.fact = 'held_out', people, null)), 0) end,
  cast(@build as int64), @run_id, (select now from `_cdp`.`b0_clock`)
from (
  select 'offers' as segment, cast(null as string) as variant
  union all
  select 'offers' as segment, 'ten' as variant
  union all
  select 'offers' as segment, 'twenty' as variant
  union all
  select 'kept' as segment, cast(null as string) as variant
  union all
  select 'some' as segment, cast(null as string) as variant
  union all
  select 'lifecycle' as segment, cast(null as string) as variant
  union all
  select 'lifecycle' as segment, 'offers' as variant
  union all
  select 'lifecycle' as segment, 'kept' as variant
) as l
left join (
  select segment, case when variant = 'held_out' then 'held_out' else 'member' end as fact, variant, count(*) as people
  from (
    select 'offers' as segment, profile_id, `offers__variant` as variant
    from `_cdp`.`b0_customer_segments`
    where `offers` or `offers__variant` = 'held_out'
    union all
    select 'kept' as segment, profile_id, `kept__variant` as variant
    from `_cdp`.`b0_customer_segments`
    where `kept` or `kept__variant` = 'held_out'
    union all
    select 'some' as segment, profile_id, cast(null as string) as variant
    from `_cdp`.`b0_customer_segments`
    where `some`
    union all
    select 'lifecycle' as segment, profile_id, `lifecycle__variant` as variant
    from `_cdp`.`b0_customer_segments`
    where `lifecycle`
  ) as memberships
  group by segment, variant
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, count(*) as people
  from `_cdp`.`segment_history`
  where entity = 'customer' and `entered_run` = @run_id
  group by segment
  union all
  select segment, 'left' as fact, cast(null as string) as variant, count(*) as people
  from `_cdp`.`segment_history`
  where entity = 'customer' and `left_run` = @run_id
  group by segment
) as f on f.segment = l.segment
where not exists (
  select 1
  from `_cdp`.`segment_size` as s
  where s.entity = 'customer' and s.build = cast(@build as int64)
)
group by l.segment, l.variant

-- end segment_history: an entity without segments has no members
update `_cdp`.`segment_history`
set left_at = (select now from `_cdp`.`b0_clock`), left_run = @run_id
where left_at is null and entity not in ('customer')

-- forget segment_history: older than the project remembers
delete from `_cdp`.`segment_history`
where `left_at` < timestamp_add(cast((select now from `_cdp`.`b0_clock`) as timestamp), interval -730 day)

-- forget segment_size: older than the project remembers
delete from `_cdp`.`segment_size`
where `at` < timestamp_add(cast((select now from `_cdp`.`b0_clock`) as timestamp), interval -730 day)

-- preview offers size: how many there are, and who would enter and leave
with
-- who would enter and leave (a few rows a segment)
`facts` as (
  select segment, 'left' as fact, cast(null as string) as variant, count(*) as people
  from (
    select segment from `_cdp`.`b0_customer_left`
  ) as `left`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, count(*) as people
  from (
    select segment from `_cdp`.`b0_customer_left`
  ) as `entered`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, count(*) as people
  from (
    select 'offers' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `offers`
    union all
    select 'kept' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `kept`
    union all
    select 'some' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `some`
    union all
    select 'lifecycle' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `lifecycle`
  ) as `entered`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, -count(*) as people
  from (
    select segment
    from (
      select coalesce(n.segment, r.segment) as segment, r.`profile_id`, r.`entered_at`, r.`left_at`
      from `_cdp`.`segment_history` as r
      left join (
        select f.was, f.segment
        from (
          select 'deals' as was, 'offers' as segment
        ) as f
        where not exists (
          select 1
          from `_cdp`.`segment_name` as known
          where known.entity = 'customer' and known.segment = f.segment
        )
      ) as n on n.was = r.segment
      where r.entity = 'customer'
    ) as stays
    where left_at is null
  ) as `entered`
  group by segment
)
select
  count(*) as profiles,
  countif(`offers`) as members,
  (
    select coalesce(sum(if(segment = 'offers' and fact = 'entered', people, null)), 0)
    from `facts`
  ) as entered,
  (
    select coalesce(sum(if(segment = 'offers' and fact = 'left', people, null)), 0)
    from `facts`
  ) as `left`,
  countif(`offers__variant` = 'held_out') as held_out,
  countif(`offers__variant` = 'ten') as `variant_1`,
  countif(`offers__variant` = 'twenty') as `variant_2`
from `_cdp`.`b0_customer_segments`

-- preview funnel: who is left after each line, and whom a missing value cost
with
-- every line on every profile: true, false or null
`decided` as (
  select
    if(regexp_contains(format('%T', `p`.`spent`), '^["\']'), cast(`p`.`spent` as string), format('%039.9f',
      safe_cast(cast(`p`.`spent` as string) as bignumeric) + cast('1e28' as bignumeric)))
      >= if(regexp_contains(format('%T', `p`.`spent`), '^["\']'), '20', format('%039.9f', cast('20' as bignumeric) +
        cast('1e28' as bignumeric))) as `line_1`,
    not coalesce(`s`.`offers__variant` = 'held_out', false) as `line_2`,
    `s`.`in_offers` as `line_3`
  from `_cdp`.`b0_customer` as p
  join (
    select
      profile_id as member_id,
      `offers` as `in_offers`,
      `offers__variant`
    from `_cdp`.`b0_customer_segments`
  ) as s on s.member_id = p.profile_id
  cross join `_cdp`.`b0_clock` as clock
)
select
  countif(`line_1`) as `left_1`,
  countif(`line_1` is null) as `null_1`,
  countif(`line_1` and `line_2`) as `left_2`,
  countif(`line_1` and `line_2` is null) as `null_2`,
  countif(`line_1` and `line_2` and `line_3`) as `left_3`,
  countif(`line_1` and `line_2` and `line_3` is null) as `null_3`
from `decided`

-- preview kept size: how many there are, and who would enter and leave
with
-- who would enter and leave (a few rows a segment)
`facts` as (
  select segment, 'left' as fact, cast(null as string) as variant, count(*) as people
  from (
    select segment from `_cdp`.`b0_customer_left`
  ) as `left`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, count(*) as people
  from (
    select segment from `_cdp`.`b0_customer_left`
  ) as `entered`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, count(*) as people
  from (
    select 'offers' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `offers`
    union all
    select 'kept' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `kept`
    union all
    select 'some' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `some`
    union all
    select 'lifecycle' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `lifecycle`
  ) as `entered`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, -count(*) as people
  from (
    select segment
    from (
      select coalesce(n.segment, r.segment) as segment, r.`profile_id`, r.`entered_at`, r.`left_at`
      from `_cdp`.`segment_history` as r
      left join (
        select f.was, f.segment
        from (
          select 'deals' as was, 'offers' as segment
        ) as f
        where not exists (
          select 1
          from `_cdp`.`segment_name` as known
          where known.entity = 'customer' and known.segment = f.segment
        )
      ) as n on n.was = r.segment
      where r.entity = 'customer'
    ) as stays
    where left_at is null
  ) as `entered`
  group by segment
)
select
  count(*) as profiles,
  countif(`kept`) as members,
  (
    select coalesce(sum(if(segment = 'kept' and fact = 'entered', people, null)), 0)
    from `facts`
  ) as entered,
  (
    select coalesce(sum(if(segment = 'kept' and fact = 'left', people, null)), 0)
    from `facts`
  ) as `left`,
  countif(`kept__variant` = 'held_out') as held_out
from `_cdp`.`b0_customer_segments`

-- preview funnel: who is left after each line, and whom a missing value cost
with
-- every line on every profile: true, false or null
`decided` as (
  select
    `p`.`email` is not null as `line_1`,
    not coalesce(`s`.`kept__variant` = 'held_out', false) as `line_2`
  from `_cdp`.`b0_customer` as p
  join (
    select
      profile_id as member_id,
      `kept` as `in_kept`,
      `kept__variant`
    from `_cdp`.`b0_customer_segments`
  ) as s on s.member_id = p.profile_id
  cross join `_cdp`.`b0_clock` as clock
)
select
  countif(`line_1`) as `left_1`,
  countif(`line_1` is null) as `null_1`,
  countif(`line_1` and `line_2`) as `left_2`,
  countif(`line_1` and `line_2` is null) as `null_2`
from `decided`

-- preview some size: how many there are, and who would enter and leave
with
-- who would enter and leave (a few rows a segment)
`facts` as (
  select segment, 'left' as fact, cast(null as string) as variant, count(*) as people
  from (
    select segment from `_cdp`.`b0_customer_left`
  ) as `left`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, count(*) as people
  from (
    select segment from `_cdp`.`b0_customer_left`
  ) as `entered`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, count(*) as people
  from (
    select 'offers' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `offers`
    union all
    select 'kept' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `kept`
    union all
    select 'some' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `some`
    union all
    select 'lifecycle' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `lifecycle`
  ) as `entered`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, -count(*) as people
  from (
    select segment
    from (
      select coalesce(n.segment, r.segment) as segment, r.`profile_id`, r.`entered_at`, r.`left_at`
      from `_cdp`.`segment_history` as r
      left join (
        select f.was, f.segment
        from (
          select 'deals' as was, 'offers' as segment
        ) as f
        where not exists (
          select 1
          from `_cdp`.`segment_name` as known
          where known.entity = 'customer' and known.segment = f.segment
        )
      ) as n on n.was = r.segment
      where r.entity = 'customer'
    ) as stays
    where left_at is null
  ) as `entered`
  group by segment
)
select
  count(*) as profiles,
  countif(`some`) as members,
  (
    select coalesce(sum(if(segment = 'some' and fact = 'entered', people, null)), 0)
    from `facts`
  ) as entered,
  (
    select coalesce(sum(if(segment = 'some' and fact = 'left', people, null)), 0)
    from `facts`
  ) as `left`,
  0 as held_out
from `_cdp`.`b0_customer_segments`

-- preview funnel: who is left after each line, and whom a missing value cost
with
-- every line on every profile: true, false or null
`decided` as (
  select
    `p`.`email` is not null as `line_1`,
    `s`.`in_some` as `line_2`
  from `_cdp`.`b0_customer` as p
  join (
    select
      profile_id as member_id,
      `some` as `in_some`
    from `_cdp`.`b0_customer_segments`
  ) as s on s.member_id = p.profile_id
  cross join `_cdp`.`b0_clock` as clock
)
select
  countif(`line_1`) as `left_1`,
  countif(`line_1` is null) as `null_1`,
  countif(`line_1` and `line_2`) as `left_2`,
  countif(`line_1` and `line_2` is null) as `null_2`
from `decided`

-- preview lifecycle size: how many there are, and who would enter and leave
with
-- who would enter and leave (a few rows a segment)
`facts` as (
  select segment, 'left' as fact, cast(null as string) as variant, count(*) as people
  from (
    select segment from `_cdp`.`b0_customer_left`
  ) as `left`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, count(*) as people
  from (
    select segment from `_cdp`.`b0_customer_left`
  ) as `entered`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, count(*) as people
  from (
    select 'offers' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `offers`
    union all
    select 'kept' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `kept`
    union all
    select 'some' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `some`
    union all
    select 'lifecycle' as segment, profile_id from `_cdp`.`b0_customer_segments` as s where `lifecycle`
  ) as `entered`
  group by segment
  union all
  select segment, 'entered' as fact, cast(null as string) as variant, -count(*) as people
  from (
    select segment
    from (
      select coalesce(n.segment, r.segment) as segment, r.`profile_id`, r.`entered_at`, r.`left_at`
      from `_cdp`.`segment_history` as r
      left join (
        select f.was, f.segment
        from (
          select 'deals' as was, 'offers' as segment
        ) as f
        where not exists (
          select 1
          from `_cdp`.`segment_name` as known
          where known.entity = 'customer' and known.segment = f.segment
        )
      ) as n on n.was = r.segment
      where r.entity = 'customer'
    ) as stays
    where left_at is null
  ) as `entered`
  group by segment
)
select
  count(*) as profiles,
  countif(`lifecycle`) as members,
  (
    select coalesce(sum(if(segment = 'lifecycle' and fact = 'entered', people, null)), 0)
    from `facts`
  ) as entered,
  (
    select coalesce(sum(if(segment = 'lifecycle' and fact = 'left', people, null)), 0)
    from `facts`
  ) as `left`,
  countif(`lifecycle__variant` = 'held_out') as held_out,
  countif(`lifecycle__variant` = 'offers') as `variant_1`,
  countif(`lifecycle__variant` = 'kept') as `variant_2`
from `_cdp`.`b0_customer_segments`

-- preview funnel: who is left after each line, and whom a missing value cost
with
-- every line on every profile: true, false or null
`decided` as (
  select
    not coalesce(`s`.`offers__variant` = 'twenty', false) as `line_1`,
    not `s`.`in_some` as `line_2`,
    (`s`.`in_offers` or `s`.`in_kept`) as `line_3`
  from `_cdp`.`b0_customer` as p
  join (
    select
      profile_id as member_id,
      `lifecycle` as `in_lifecycle`,
      `lifecycle__variant`,
      `some` as `in_some`,
      `offers` as `in_offers`,
      `offers__variant`,
      `kept` as `in_kept`,
      `kept__variant`
    from `_cdp`.`b0_customer_segments`
  ) as s on s.member_id = p.profile_id
  cross join `_cdp`.`b0_clock` as clock
)
select
  countif(`line_1`) as `left_1`,
  countif(`line_1` is null) as `null_1`,
  countif(`line_1` and `line_2`) as `left_2`,
  countif(`line_1` and `line_2` is null) as `null_2`,
  countif(`line_1` and `line_2` and `line_3`) as `left_3`,
  countif(`line_1` and `line_2` and `line_3` is null) as `null_3`
from `decided`
