/**
 * What GoogleSQL's functions mean, as macros of DuckDB. `typeof` is known when a statement is bound, so that one branch is
 * left to run; every branch must bind for every type, hence the texts.
 */
export const PRELUDE = `
create or replace macro session_user() as 'cdp@shop-test.example';
create or replace macro bq_float(x) as list_transform([x], lambda f: case
  when isnan(f) then 'nan' when isinf(f) then if(f > 0, 'inf', '-inf')
  when try_cast(printf('%.15g', f) as double) = f then printf('%.15g', f) else printf('%.17g', f) end)[1];
create or replace macro bq_trimmed(t) as regexp_replace(t, '\\.0+$|(\\.\\d*[1-9])0+$', '\\1');
create or replace macro bq_is_float(x) as typeof(x) in ('DOUBLE', 'FLOAT');
create or replace macro bq_is_decimal(x) as starts_with(typeof(x), 'DECIMAL') and not ends_with(typeof(x), ']');
create or replace macro bq_text(x) as list_transform([x], lambda t: case
  when bq_is_float(t) then bq_float(try_cast(cast(t as varchar) as double))
  when bq_is_decimal(t) then bq_trimmed(cast(t as varchar))
  else cast(t as varchar) end)[1];
create or replace macro bq_fraction(t) as case
  when regexp_matches(t, '\\.\\d{1,3}$') then rpad(t, 23, '0') when regexp_matches(t, '\\.\\d{4,6}$') then rpad(t, 26, '0') else t end;
create or replace macro bq_wall(x) as bq_fraction(regexp_replace(cast(x as varchar), '\\+00$', ''));
create or replace macro bq_json(x) as list_transform([x], lambda j: case
  when j is null then 'null'
  when typeof(j) in ('BIGINT', 'INTEGER', 'HUGEINT', 'SMALLINT', 'TINYINT') then case
    when abs(try_cast(cast(j as varchar) as hugeint)) > 9007199254740992 then '"' || cast(j as varchar) || '"' else cast(j as varchar) end
  when bq_is_decimal(j) then if(contains(bq_text(j), '.'), '"' || bq_text(j) || '"', bq_text(j))
  when bq_is_float(j) then case bq_text(j) when 'nan' then '"NaN"' when 'inf' then '"Infinity"' when '-inf' then '"-Infinity"' else bq_text(j) end
  when typeof(j) = 'TIMESTAMP WITH TIME ZONE' then '"' || replace(bq_wall(j), ' ', 'T') || 'Z"'
  when typeof(j) = 'TIMESTAMP' then '"' || replace(bq_wall(j), ' ', 'T') || '"'
  else cast(to_json(j) as varchar) end)[1];
create or replace macro bq_literal(x) as list_transform([x], lambda l: case
  when l is null then 'NULL'
  when typeof(l) = 'VARCHAR' then cast(to_json(l) as varchar)
  when bq_is_float(l) then case
    when bq_text(l) in ('nan', 'inf', '-inf') then 'CAST("' || bq_text(l) || '" AS FLOAT64)'
    when regexp_matches(bq_text(l), '^-?\\d+$') then bq_text(l) || '.0' else bq_text(l) end
  when bq_is_decimal(l) then 'NUMERIC "' || bq_text(l) || '"'
  when typeof(l) = 'TIMESTAMP WITH TIME ZONE' then 'TIMESTAMP "' || bq_wall(l) || '+00"'
  when typeof(l) = 'TIMESTAMP' then 'DATETIME "' || bq_wall(l) || '"'
  when typeof(l) = 'DATE' then 'DATE "' || cast(l as varchar) || '"'
  else cast(l as varchar) end)[1];
create or replace macro bq_in_width(x) as lpad(cast(x as varchar), 39, '0');
create or replace macro bq_iso(x) as
  replace(regexp_replace(regexp_replace(cast(x as varchar), '\\+00$', ''), '(\\.\\d*[1-9])0+$', '\\1'), ' ', 'T') || 'Z';
create or replace macro bq_regexp_extract(x, p) as case when regexp_matches(x, p) then regexp_extract(x, p) end;
create or replace macro bq_json_value(x, p) as case
  when json_type(x, p) in ('OBJECT', 'ARRAY') then null else json_extract_string(x, p) end;
create or replace macro bq_json_query(x, p) as nullif(cast(json_extract(x, p) as varchar), 'null');
create or replace macro bq_json_array(x) as cast(from_json(x, '["JSON"]') as varchar[]);
create or replace macro bq_json_texts(x) as cast(from_json(x, '["VARCHAR"]') as varchar[]);
create or replace macro bq_is_nan(x) as isnan(cast(x as double));
create or replace macro bq_is_inf(x) as isinf(cast(x as double));
create or replace macro bq_pow(a, b) as pow(cast(a as double), cast(b as double));
create or replace macro bq_mod(a, b) as a % b;
create or replace macro bq_div(a, b) as cast(trunc(cast(a as hugeint) / b) as bigint);
create or replace macro bq_safe_divide(a, b) as a / nullif(b, 0);
create or replace macro bq_md5(x) as unhex(md5(x));
create or replace macro bq_sha256(x) as unhex(sha256(x));
create or replace macro bq_hex(x) as lower(hex(x));
create or replace macro bq_uuid() as cast(uuid() as varchar);
create or replace macro bq_array_to_string(l, s) as case when l is not null then coalesce(array_to_string(l, s), '') end;
create or replace macro bq_trunc(x, unit, zone) as case
  when unit in ('second', 'minute', 'hour')
    then x - (timezone(zone, x) - date_trunc(unit, timezone(zone, x)))
  else timezone(zone, date_trunc(unit, timezone(zone, x))) end;
create or replace macro bq_passed(a, b, unit) as cast(trunc(
  cast(epoch_us(a) - epoch_us(b) as double)
  / case unit when 'second' then 1e6 when 'minute' then 6e7 when 'hour' then 3.6e9 when 'day' then 8.64e10 end) as bigint);
`
