-- upsert
insert into "crm"."People" ("Shop", "number", "näme ""x""", "seen", "tags", "vip") values (?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?) on conflict ("Shop", "number") do update set "näme ""x""" = excluded."näme ""x""", "vip" = excluded."vip", "seen" = excluded."seen", "tags" = excluded."tags"
-- ["fr", 1, "O'Neill", "2026-01-02T03:04:05.123456Z", "{\"a\":[1]}", true, "fr", "9007199254740993", null, null, null, false]

-- upsert of keys alone
insert into "crm"."People" ("Shop", "number") values (?, ?), (?, ?) on conflict ("Shop", "number") do nothing
-- ["fr", 1, "fr", "9007199254740993"]

-- insert
insert into "crm"."People" ("Shop", "number", "näme ""x""", "seen", "tags", "vip") values (?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?) on conflict ("Shop", "number") do nothing
-- ["fr", 1, "O'Neill", "2026-01-02T03:04:05.123456Z", "{\"a\":[1]}", true, "fr", "9007199254740993", null, null, null, false]

-- update
update "crm"."People" as t set "näme ""x""" = v.c2, "vip" = v.c3, "seen" = v.c4, "tags" = v.c5 from (values (cast(? as text), cast(? as bigint), cast(? as text), cast(? as boolean), cast(? as timestamp with time zone), cast(? as json)), (cast(? as text), cast(? as bigint), cast(? as text), cast(? as boolean), cast(? as timestamp with time zone), cast(? as json))) as v (c0, c1, c2, c3, c4, c5) where t."Shop" = v.c0 and t."number" = v.c1
-- ["fr", 1, "O'Neill", true, "2026-01-02T03:04:05.123456Z", "{\"a\":[1]}", "fr", "9007199254740993", null, false, null, null]

-- which rows are there
select v.n from (values (cast(? as text), cast(? as bigint), 0), (cast(? as text), cast(? as bigint), 1)) as v (c0, c1, n) inner join "crm"."People" as t on t."Shop" = v.c0 and t."number" = v.c1
-- ["fr", 1, "fr", "9007199254740993"]

-- set
update "crm"."People" set "vip" = ?, "seen" = ? where (("Shop" = ? and "number" = ?) or ("Shop" = ? and "number" = ?))
-- [false, "2026-01-02T03:04:05Z", "fr", 1, "fr", "9007199254740993"]

-- delete
delete from "crm"."People" where (("Shop" = ? and "number" = ?) or ("Shop" = ? and "number" = ?))
-- ["fr", 1, "fr", "9007199254740993"]

-- delete by one column
delete from "crm"."People" where ("Shop" in (?, ?))
-- ["fr", "fr"]

-- read
select "Shop", "number", "näme ""x""", "vip", "seen", "tags" from "crm"."People" where (("Shop" = ? and "number" = ?) or ("Shop" = ? and "number" = ?)) and "seen" is null
-- ["fr", 1, "fr", "9007199254740993"]

-- read where a flag says who is gone
select "Shop" from "crm"."People" where (("Shop" = ? and "number" = ?) or ("Shop" = ? and "number" = ?)) and ("vip" is null or "vip" = ?)
-- ["fr", 1, "fr", "9007199254740993", false]

-- read what is precise
select "Shop", "spent", "seen" from "crm"."People" where (("Shop" = ? and "number" = ?) or ("Shop" = ? and "number" = ?))
-- ["fr", 1, "fr", "9007199254740993"]

-- the first page
select "Shop", "number", "näme ""x""", "vip", "seen", "tags" from "crm"."People" where "seen" is null order by "Shop" asc, "number" asc limit ?
-- [100]

-- a page behind a key
select "Shop", "number", "näme ""x""", "vip", "seen", "tags" from "crm"."People" where "seen" is null and (("Shop" > ?) or ("Shop" = ? and "number" > ?)) order by "Shop" asc, "number" asc limit ?
-- ["fr", "fr", 1, 100]

-- create
create table "crm"."People" ("Shop" text not null, "number" bigint not null, "näme ""x""" text null, "vip" boolean null, "seen" timestamptz null, "tags" json null, constraint "People_pkey" primary key ("Shop", "number"))
-- []

-- unique
alter table "crm"."People" add unique ("Shop", "number")
-- []
