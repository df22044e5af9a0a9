-- upsert
insert into `crm`.`People` (`Shop`, `number`, `näme "x"`, `seen`, `tags`, `vip`) values (?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?) on duplicate key update `näme "x"` = values(`näme "x"`), `vip` = values(`vip`), `seen` = values(`seen`), `tags` = values(`tags`)
-- ["fr", 1, "O'Neill", "2026-01-02 03:04:05.123456", "{\"a\":[1]}", true, "fr", 9007199254740993n, null, null, null, false]

-- upsert of keys alone
insert into `crm`.`People` (`Shop`, `number`) values (?, ?), (?, ?) on duplicate key update `Shop` = `Shop`
-- ["fr", 1, "fr", 9007199254740993n]

-- insert
insert into `crm`.`People` (`Shop`, `number`, `näme "x"`, `seen`, `tags`, `vip`) values (?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?) on duplicate key update `Shop` = `Shop`
-- ["fr", 1, "O'Neill", "2026-01-02 03:04:05.123456", "{\"a\":[1]}", true, "fr", 9007199254740993n, null, null, null, false]

-- update
update `crm`.`People` set `näme "x"` = ?, `vip` = ?, `seen` = ?, `tags` = ? where `Shop` = ? and `number` = ?
-- ["O'Neill", true, "2026-01-02 03:04:05.123456", "{\"a\":[1]}", "fr", 1]
update `crm`.`People` set `näme "x"` = ?, `vip` = ?, `seen` = ?, `tags` = ? where `Shop` = ? and `number` = ?
-- [null, false, null, null, "fr", 9007199254740993n]

-- which rows are there
select 0 as n from `crm`.`People` where `Shop` = ? and `number` = ? union all select 1 as n from `crm`.`People` where `Shop` = ? and `number` = ?
-- ["fr", 1, "fr", 9007199254740993n]

-- set
update `crm`.`People` set `vip` = ?, `seen` = ? where ((`Shop` = ? and `number` = ?) or (`Shop` = ? and `number` = ?))
-- [false, "2026-01-02 03:04:05", "fr", 1, "fr", 9007199254740993n]

-- delete
delete from `crm`.`People` where ((`Shop` = ? and `number` = ?) or (`Shop` = ? and `number` = ?))
-- ["fr", 1, "fr", 9007199254740993n]

-- delete by one column
delete from `crm`.`People` where (`Shop` in (?, ?))
-- ["fr", "fr"]

-- read
select `Shop`, `number`, `näme "x"`, `vip`, `seen`, `tags` from `crm`.`People` where ((`Shop` = ? and `number` = ?) or (`Shop` = ? and `number` = ?)) and `seen` is null
-- ["fr", 1, "fr", 9007199254740993n]

-- read where a flag says who is gone
select `Shop` from `crm`.`People` where ((`Shop` = ? and `number` = ?) or (`Shop` = ? and `number` = ?)) and (`vip` is null or `vip` = ?)
-- ["fr", 1, "fr", 9007199254740993n, false]

-- read what is precise
select `Shop`, `spent`, `seen` from `crm`.`People` where ((`Shop` = ? and `number` = ?) or (`Shop` = ? and `number` = ?))
-- ["fr", 1, "fr", 9007199254740993n]

-- the first page
select `Shop`, `number`, `näme "x"`, `vip`, `seen`, `tags` from `crm`.`People` where `seen` is null order by `Shop` asc, `number` asc limit ?
-- [100]

-- a page behind a key
select `Shop`, `number`, `näme "x"`, `vip`, `seen`, `tags` from `crm`.`People` where `seen` is null and ((`Shop` > ?) or (`Shop` = ? and `number` > ?)) order by `Shop` asc, `number` asc limit ?
-- ["fr", "fr", 1, 100]

-- create
create table `crm`.`People` (`Shop` varchar(255) character set utf8mb4 collate utf8mb4_bin not null, `number` bigint not null, `näme "x"` longtext character set utf8mb4 null, `vip` tinyint(1) null, `seen` datetime(6) null, `tags` json null, primary key (`Shop`, `number`))
-- []

-- unique
alter table `crm`.`People` add unique (`Shop`, `number`)
-- []
