-- upsert
merge into [crm].[People] with (holdlock) as t using (values (?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?)) as v (c0, c1, c2, c3, c4, c5) on t.[Shop] = v.c0 and t.[number] = v.c1 when matched then update set t.[näme "x"] = v.c2, t.[vip] = v.c3, t.[seen] = v.c4, t.[tags] = v.c5 when not matched then insert ([Shop], [number], [näme "x"], [vip], [seen], [tags]) values (v.c0, v.c1, v.c2, v.c3, v.c4, v.c5);
-- ["fr", "1", "O'Neill", "1", "2026-01-02T03:04:05.123456Z", "{\"a\":[1]}", "fr", "9007199254740993", null, "0", null, null]

-- upsert of keys alone
merge into [crm].[People] with (holdlock) as t using (values (?, ?), (?, ?)) as v (c0, c1) on t.[Shop] = v.c0 and t.[number] = v.c1 when not matched then insert ([Shop], [number]) values (v.c0, v.c1);
-- ["fr", "1", "fr", "9007199254740993"]

-- insert
merge into [crm].[People] with (holdlock) as t using (values (?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?)) as v (c0, c1, c2, c3, c4, c5) on t.[Shop] = v.c0 and t.[number] = v.c1 when not matched then insert ([Shop], [number], [näme "x"], [vip], [seen], [tags]) values (v.c0, v.c1, v.c2, v.c3, v.c4, v.c5);
-- ["fr", "1", "O'Neill", "1", "2026-01-02T03:04:05.123456Z", "{\"a\":[1]}", "fr", "9007199254740993", null, "0", null, null]

-- update
merge into [crm].[People] with (holdlock) as t using (values (?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?)) as v (c0, c1, c2, c3, c4, c5) on t.[Shop] = v.c0 and t.[number] = v.c1 when matched then update set t.[näme "x"] = v.c2, t.[vip] = v.c3, t.[seen] = v.c4, t.[tags] = v.c5;
-- ["fr", "1", "O'Neill", "1", "2026-01-02T03:04:05.123456Z", "{\"a\":[1]}", "fr", "9007199254740993", null, "0", null, null]

-- which rows are there
select v.n from (values (?, ?, 0), (?, ?, 1)) as v (c0, c1, n) inner join [crm].[People] as t on t.[Shop] = v.c0 and t.[number] = v.c1
-- ["fr", "1", "fr", "9007199254740993"]

-- set
update [crm].[People] set [vip] = ?, [seen] = ? where (([Shop] = ? and [number] = ?) or ([Shop] = ? and [number] = ?));select @@rowcount
-- ["0", "2026-01-02T03:04:05Z", "fr", "1", "fr", "9007199254740993"]

-- delete
delete from [crm].[People] where (([Shop] = ? and [number] = ?) or ([Shop] = ? and [number] = ?));select @@rowcount
-- ["fr", "1", "fr", "9007199254740993"]

-- delete by one column
delete from [crm].[People] where ([Shop] in (?, ?));select @@rowcount
-- ["fr", "fr"]

-- read
select [Shop], [number], [näme "x"], [vip], [seen], [tags] from [crm].[People] where (([Shop] = ? and [number] = ?) or ([Shop] = ? and [number] = ?)) and [seen] is null
-- ["fr", "1", "fr", "9007199254740993"]

-- read where a flag says who is gone
select [Shop] from [crm].[People] where (([Shop] = ? and [number] = ?) or ([Shop] = ? and [number] = ?)) and ([vip] is null or [vip] = ?)
-- ["fr", "1", "fr", "9007199254740993", false]

-- read what is precise
select [Shop], convert(nvarchar(60), [spent]) as [spent], convert(nvarchar(40), [seen], 127) as [seen] from [crm].[People] where (([Shop] = ? and [number] = ?) or ([Shop] = ? and [number] = ?))
-- ["fr", "1", "fr", "9007199254740993"]

-- the first page
select top (?) [Shop], [number], [näme "x"], [vip], [seen], [tags] from [crm].[People] where [seen] is null order by [Shop] asc, [number] asc
-- [100]

-- a page behind a key
select top (?) [Shop], [number], [näme "x"], [vip], [seen], [tags] from [crm].[People] where [seen] is null and (([Shop] > ?) or ([Shop] = ? and [number] > ?)) order by [Shop] asc, [number] asc
-- [100, "fr", "fr", "1"]

-- create
CREATE TABLE [crm].[People] ([Shop] nvarchar(450) collate Latin1_General_100_BIN2 not null, [number] bigint not null, [näme "x"] nvarchar(max) null, [vip] bit null, [seen] datetimeoffset(6) null, [tags] nvarchar(max) null, CONSTRAINT [People_pkey] PRIMARY KEY ([Shop], [number]))
-- []

-- unique
alter table [crm].[People] add unique ([Shop], [number])
-- []
