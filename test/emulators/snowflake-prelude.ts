const LISTS = Array.from({ length: 120 }, (_, at) => {
  const names = Array.from({ length: at + 1 }, (_, index) => `x${index}`)
  return `create macro sf_list${at + 1}(${names.join(', ')}) as list_value(${names.map((x) => `cast(${x} as variant)`).join(', ')})`
})

/** What Snowflake's functions mean, as DuckDB says it: one statement each. */
export const PRELUDE: readonly string[] = [
  ...LISTS,
  'create macro sf_no_list() as cast([] as variant[])',
  'create macro sf_gathered(x) as coalesce(x, [])',
  'create macro sf_elements(x) as cast(x as variant[])',
  'create macro sf_at(x, i) as variant_extract(cast(x as variant), cast(i + 1 as uinteger))',
  `create macro sf_get(x, k) as
    json_extract_string(cast(x as json), '/' || replace(replace(k, '~', '~0'), '/', '~1'))`,
  'create macro sf_parse_json(x) as cast(x as json)',
  'create macro sf_flatten(x) as table select unnest(cast(x as json[])) as value',
  'create macro sf_to_json(x) as cast(to_json(x) as varchar)',
  `create macro sf_typeof(x) as case
    when regexp_matches(variant_typeof(x), '^U?INT|^DECIMAL.* 0\\)$') then 'INTEGER'
    when starts_with(variant_typeof(x), 'DECIMAL') then 'DECIMAL'
    when variant_typeof(x) in ('DOUBLE', 'FLOAT') then 'DOUBLE'
    when starts_with(variant_typeof(x), 'BOOL') then 'BOOLEAN'
    when variant_typeof(x) = 'TIMESTAMP_MICROS_TZ' then 'TIMESTAMP_LTZ'
    when starts_with(variant_typeof(x), 'TIMESTAMP') then 'TIMESTAMP_NTZ'
    when starts_with(variant_typeof(x), 'ARRAY') then 'ARRAY'
    when starts_with(variant_typeof(x), 'OBJECT') then 'OBJECT'
    when x is null then null
    else variant_typeof(x) end`,
  'create macro sf_compact(x) as list_filter(x, lambda e: e is not null)',
  'create macro sf_array_cat(a, b) as list_concat(a, b)',
  // DuckDB puts variants in no order of their values.
  `create macro sf_array_sort(a) as list_transform(list_sort(list_transform(cast(a as variant[]), lambda e: {
    'n': case when regexp_matches(variant_typeof(e), '^U?INT|^DECIMAL|^DOUBLE') then cast(e as double) end,
    't': cast(e as varchar),
    'v': e
  })), lambda e: e.v)`,
  'create macro sf_array_distinct(a) as list_distinct(a)',
  "create macro sf_array_to_string(a, s) as case when len(a) = 0 then '' else array_to_string(a, s) end",
  'create macro sf_array_min(a) as sf_array_sort(a)[1]',
  'create macro sf_array_intersection(a, b) as list_intersect(cast(a as variant[]), cast(b as variant[]))',
  'create macro sf_array_append(a, x) as list_append(cast(a as variant[]), x)',
  'create macro sf_array_size(a) as len(a)',
  'create macro sf_array_contains(x, a) as list_contains(cast(a as variant[]), x)',
  'create macro sf_array_slice(a, f, t) as a[f + 1:t]',
  ...['second', 'minute', 'hour', 'day', 'week', 'month', 'year', 'microsecond'].map(
    (unit) => `create macro sf_dateadd_${unit}(n, x) as x + to_${unit}s(cast(n as ${INTEGER(unit)}))`,
  ),
  'create macro sf_dateadd_quarter(n, x) as x + to_months(cast(3 * n as integer))',
  'create macro sf_datediff(u, a, b) as date_diff(u, a, b)',
  'create macro sf_date_trunc(u, x) as date_trunc(u, x)',
  ...['year', 'month', 'day', 'hour'].map((part) => `create macro sf_part_${part}(x) as ${part}(x)`),
  'create macro sf_part_dayofweekiso(x) as isodow(x)',
  'create macro sf_part_epoch_microsecond(x) as epoch_us(x)',
  'create macro sf_to_char(x, f) as strftime(x, f)',
  `create macro sf_convert_timezone(z, x) as timezone(z, x), (f, t, x) as timezone(t, timezone(f, x))`,
  'create macro sf_contains(x, p) as contains(x, p)',
  'create macro sf_startswith(x, p) as starts_with(x, p)',
  'create macro sf_endswith(x, p) as ends_with(x, p)',
  'create macro sf_length(x) as length(x)',
  'create macro sf_substr(x, f) as substring(x, f), (x, f, n) as substring(x, f, n)',
  'create macro sf_sha2(x, n) as sha256(x)',
  `create macro sf_hex(x) as cast('0x' || x as bigint)`,
  'create macro sf_regexp_like(x, p) as regexp_full_match(x, p)',
  'create macro sf_regexp_instr(x, p) as case when regexp_matches(x, p) then 1 when x is not null then 0 end',
  `create macro sf_regexp_substr(x, p) as nullif(regexp_extract(x, p), '')`,
  `create macro sf_regexp_replace(x, p, r) as regexp_replace(x, p, r, 'g')`,
]

function INTEGER(unit: string): string {
  if (unit === 'second') return 'double'
  return unit === 'day' || unit === 'week' || unit === 'month' || unit === 'year' ? 'integer' : 'bigint'
}
