import type { Dialect, FileFormat, OrderKey, Unit, ValueType } from '../sql/dialect.ts'
import { empty, from, id, join, lines, type Sql, sql, stacked, type Table, text } from '../sql/sql.ts'
import { exactText, jsonOf, normalised, plainText, typeName } from './duckdb-values.ts'
import { call, code, fitting, fullInstant, operand, ordered } from './fragments.ts'

/**
 * DuckDB's SQL. A session must have `TimeZone = 'UTC'` and the variable `project` (the project's folder), as ours do.
 * Facts: duckdb.org/docs/current; each member has a test that executes it.
 */
export const duckdbDialect: Dialect = {
  type: 'duckdb',

  name: quoteName,
  text: quoteText,
  parameter: quoteParameter,

  createTable: (table, query) => sql`
    create or replace table ${from(table)} as
    ${query}`,
  createEmptyTable,
  addColumn: (table, { name, type }) => sql`
    alter table ${from(table)} add column if not exists ${id(name)} ${typeName(type === 'unknown' ? 'text' : type)}`,
  createView: (view, query) => sql`
    create or replace view ${from(view)} as
    ${query}`,
  dropSchema: (schema) => sql`drop schema if exists ${id(schema)} cascade`,
  createSchema: (schema) => sql`create schema if not exists ${id(schema)}`,
  dropTable: (table) => sql`drop table if exists ${from(table)}`,
  dropView: (view) => sql`drop view if exists ${from(view)}`,
  holdWriters: () => empty,

  files,
  rowsOf: (jsonArray, columns) => sql`
    (
      select
        ${lines(columns.map((name) => sql`json_extract_string(item, ${text(pointer(name))}) as ${id(name)}`))}
      from (select unnest(from_json(${jsonArray}, '["JSON"]')) as item)
    )`,

  cast: (value, type) => (type === 'unknown' ? value : sql`cast(${value} as ${typeName(type)})`),
  tryCast: (value, type) => (type === 'unknown' ? value : sql`try_cast(${value} as ${typeName(type)})`),
  untyped: (value) => text(value),
  comparable: (value, literals) => ({ value, literals: literals.map(text) }),
  instant: (value) => sql`cast(${value} as timestamptz)`,
  instantLiteral: (iso) => sql`timestamptz ${text(fullInstant(iso))}`,
  dateLiteral: (iso) => sql`date ${text(iso)}`,
  dateIn: (instant, zone) => sql`cast(${operand(instant)} at time zone ${text(zone)} as date)`,
  localTime: (instant, zone) =>
    // Without a detour through the time zone library: 40 times as fast.
    zone === 'UTC'
      ? sql`make_timestamp(epoch_us(${instant}))`
      : sql`case when isfinite(${instant}) then ${operand(instant)} at time zone ${text(zone)} end`,
  datePart: (part, local) => sql`${DATE_PARTS[part]}(${local})`,
  startOfDate: (date, zone) => sql`(cast(${date} as timestamp) at time zone ${text(zone)})`,
  shift: (time, amount, unit) => sql`(${operand(time)} + ${interval(amount, unit)})`,
  truncate,
  epoch: (instant) => sql`epoch_us(${instant})`,
  daysBetween: (a, b) => sql`datediff('day', ${a}, ${b})`,
  passed: (unit, start, end) => {
    if (unit !== 'month') return sql`((epoch_us(${end}) - epoch_us(${start})) // ${MICROSECONDS[unit]})`
    // Calendar months between them, less one that is not full.
    const months = sql`datediff('month', ${start}, ${end})`
    return sql`
      (
        ${months}
        - cast(${operand(start)} > ${operand(end)} - to_months(cast(
          ${months} as integer
        )) as bigint)
      )`
  },
  // Weeks are counted from the day that is given, which is a Monday.
  periodNumber: (period, time) => call('datediff', [text(period), sql`timestamp '0001-01-01'`, time]),
  clock: () => sql`current_timestamp`,

  divide: (a, b) => sql`(${operand(a)} / nullif(${b}, 0))`,
  round: (value, digits) => sql`round(${value}, ${digits})`,
  // Texts are compared as bytes.
  inOrder: (value) => [value],
  textOrder: (value) => value,
  least: (values) => call('least', values),
  greatest: (values) => call('greatest', values),
  concat: (values) => (values.length === 0 ? sql`''` : sql`(${join(values.map(operand), ' || ')})`),
  joinText: (values, separator) => (values.length === 0 ? sql`''` : call('concat_ws', [text(separator), ...values])),
  plainText,
  length: (value) => call('length', [value]),
  substring: (value, start, count) => call('substring', count ? [value, start, count] : [value, start]),
  contains: (value, part) => call('contains', [value, part]),
  startsWith: (value, part) => call('starts_with', [value, part]),
  endsWith: (value, part) => call('ends_with', [value, part]),
  like: (value, pattern) =>
    // Other warehouses escape with a backslash unasked; DuckDB plans a pattern without `escape` far better.
    needsNoEscape(pattern)
      ? sql`${operand(value)} like ${operand(pattern)}`
      : sql`${operand(value)} like ${operand(pattern)} escape '\\'`,
  matches: (value, pattern) => call('regexp_matches', [value, text(pattern)]),
  listHas: (list, value) => call('list_contains', [list, value]),
  listLength: (list) => call('len', [list]),

  aggregate: (kind, value, where) => {
    const rows = where ? filter(where) : empty
    if (kind === 'count_distinct' && value) return sql`count(distinct ${value})${rows}`
    return sql`${code(kind)}(${value ?? sql`*`})${rows}`
  },
  extreme: (which, value, _type, where) => sql`${code(which)}(${value})${where ? filter(where) : empty}`,
  anyRow: (where) => sql`(count(*) filter (where ${where}) > 0)`,
  anyTrue: (value) => call('bool_or', [value]),
  percentile: (value, p, where) => sql`
    quantile_cont(cast(${value} as double), ${p})${where ? filter(where) : empty}`,
  valueAt,
  tally: (value, where) => sql`histogram(${value})${present(value, where)}`,
  mostFrequent: (tallies) => {
    const [only, ...more] = tallies
    if (!only) return sql`null`
    return more.length === 0 ? mostIn(only) : sql`${mostInAll(tallies)}.v`
  },
  mostFrequentIn: (tallies) => {
    const [only, ...more] = tallies
    if (!only) return sql`null`
    return more.length === 0 ? sql`case when ${mostIn(only)} is not null then 1 end` : sql`${mostInAll(tallies)}.i`
  },
  listText: (value, separator) => sql`string_agg(${value}, ${text(separator)} order by ${value})`,
  distinctList: (value, most) => {
    const all = sql`coalesce(list_sort(list_distinct(list(${value}))), [])`
    return most === undefined ? all : sql`${all}[:${most}]`
  },
  joinLists: (lists, separator) => {
    const all = lists.length === 1 ? join(lists) : call('list_concat', lists)
    return call('list_aggregate', [
      call('list_sort', [call('list_distinct', [all])]),
      sql`'string_agg'`,
      text(separator),
    ])
  },

  normalise: normalised,

  json: jsonOf,
  jsonText: (object, key) => sql`json_extract_string(${object}, ${text(pointer(key))})`,
  md5: (value) => call('md5', [value]),
  sha256Half: (value) => sql`left(sha256(${value}), 32)`,
  unitInterval: (value) =>
    // 16^13 = 2^52: the quotient is exact in a double.
    sql`(cast('0x' || left(sha256(${value}), 13) as bigint) / cast(4503599627370496 as double))`,

  clusterBy: () => empty,
}

function quoteName(name: string): string {
  if (name === '' || name.includes('\0')) throw new Error(`${JSON.stringify(name)} cannot be a name`)
  return `"${name.replaceAll('"', '""')}"`
}

function quoteText(value: string): string {
  // The parser takes NUL for the end of the statement.
  const pieces = value.split('\0').map((piece) => `'${piece.replaceAll("'", "''")}'`)
  return pieces.length === 1 ? pieces.join('') : `(${pieces.join(' || chr(0) || ')})`
}

function quoteParameter(name: string): string {
  if (!/^[a-z_]\w*$/i.test(name)) throw new Error(`${JSON.stringify(name)} cannot be the name of a parameter`)
  return `$${name}`
}

function createEmptyTable(
  table: Table,
  columns: readonly { name: string; type: ValueType | 'bigint' }[],
  ifMissing = false,
): Sql {
  const start = ifMissing ? sql`create table if not exists` : sql`create or replace table`
  const typed = columns.map((c) => sql`${id(c.name)} ${typeName(c.type === 'unknown' ? 'text' : c.type)}`)
  return sql`
    ${start} ${from(table)} (
      ${lines(typed)}
    )`
}

function files(
  path: string,
  format: FileFormat,
  types: ReadonlyMap<string, ValueType>,
  wanted: 'rows' | 'names' = 'rows',
): Sql {
  const known = [...types].flatMap(([name, type]) => (type === 'unknown' ? [] : [{ name, type }]))
  if (format === 'csv') {
    const forced = known.map(({ name, type }) => sql`${text(name)}: ${quoted(typeName(type))}`)
    const typed = wanted === 'rows' ? sql`sample_size = -1` : sql`all_varchar = true`
    const options = [sql`header = true`, typed, sql`union_by_name = true`]
    return sql`
      read_csv(
        ${place(path)},
        ${join(forced.length > 0 ? [...options, sql`types = {${join(forced)}}`] : options)}
      )`
  }
  const read =
    format === 'parquet'
      ? sql`read_parquet(${place(path)}, union_by_name = true)`
      : // No text matches these formats, so that texts stay texts even where they look like times.
        sql`
          read_json(
            ${place(path)},
            sample_size = -1, union_by_name = true, dateformat = 'none', timestampformat = 'none'
          )`
  if (known.length === 0) return read
  const replaced = known.map(({ name, type }) => {
    const column = id(name)
    return type === 'text'
      ? sql`${exactText(column)} as ${column}`
      : sql`cast(${column} as ${typeName(type)}) as ${column}`
  })
  return sql`
    (
      select * replace (
        ${lines(replaced)}
      )
      from ${read}
    )`
}

/**
 * Where a file lies. A bare relative path would be looked for in the folder where the command was started before the
 * project's own, so the project's folder is said by a variable: right from anywhere, and equal bytes everywhere.
 */
function place(path: string): Sql {
  if (/^(\/|~|\w:[\\/]|\w+:\/\/)/.test(path)) return text(path)
  return sql`getvariable('project') || ${text(`/${path.replace(/^(\.\/)+/, '')}`)}`
}

function quoted(type: Sql): Sql {
  return sql`'${type}'`
}

function interval(amount: Sql | number, unit: Unit): Sql {
  if (unit === 'quarter')
    return typeof amount === 'number' ? interval(3 * amount, 'month') : sql`to_months(3 * cast(${amount} as integer))`
  if (typeof amount === 'number') return sql`interval (${amount}) ${code(unit)}`
  return sql`${code(`to_${unit}s`)}(cast(${amount} as ${code(INTERVAL_ARGUMENT[unit])}))`
}

/** What DuckDB's `to_days` and its kin take; bound to another type they are not found. */
const INTERVAL_ARGUMENT: Readonly<Record<Exclude<Unit, 'quarter'>, string>> = {
  second: 'double',
  minute: 'bigint',
  hour: 'bigint',
  day: 'integer',
  week: 'integer',
  month: 'integer',
  year: 'integer',
}

function truncate(unit: Unit, instant: Sql, zone: string): Sql {
  const local = sql`(${operand(instant)} at time zone ${text(zone)})`
  const start = call('date_trunc', [text(unit), local])
  if (unit !== 'second' && unit !== 'minute' && unit !== 'hour') return sql`(${start} at time zone ${text(zone)})`
  // A wall time that occurs twice must not lead back to the other one: go back by what has passed.
  return fitting(
    sql`(${operand(instant)} - (${local} - ${start}))`,
    sql`
    (
      ${operand(instant)} - (
        ${local}
        - ${start}
      )
    )`,
  )
}

/** How much time of a fixed length takes. */
const DATE_PARTS = {
  year: sql`year`,
  month: sql`month`,
  day: sql`day`,
  weekday: sql`isodow`,
  hour: sql`hour`,
} as const

const MICROSECONDS = { hour: 3_600_000_000, day: 86_400_000_000, week: 604_800_000_000 } as const

/** A row without a place in the order comes after all others, seen from either end; the value itself breaks ties. */
function valueAt(which: 'first' | 'last', value: Sql, order: readonly OrderKey[], where: Sql | undefined): Sql {
  const rows = present(value, where)
  if (!order.some(({ isDescending }) => isDescending)) {
    // Several times as fast as to sort the rows.
    const keys = order.flatMap(({ of }) => (which === 'first' ? [of] : [sql`${operand(of)} is not null`, of]))
    return sql`${call(which === 'first' ? 'arg_min' : 'arg_max', [value, call('row', [...keys, value])])}${rows}`
  }
  const keys = ordered(which, [...order, { of: value, type: 'unknown' }])
  return sql`
    first(${value} order by
      ${lines(keys)}
    )${rows}`
}

function needsNoEscape(pattern: Sql): boolean {
  return pattern.parts.every((part) => part.kind === 'text' && !part.value.includes('\\'))
}

function present(value: Sql, where: Sql | undefined): Sql {
  const known = sql`${operand(value)} is not null`
  return where ? filter(sql`${known} and ${operand(where)}`) : filter(known)
}

function filter(where: Sql): Sql {
  return fitting(
    sql` filter (where ${where})`,
    sql` filter (
  where ${where}
)`,
  )
}

/** A tally is a map from value to count. The lambdas' names must not be those of columns. */
function mostIn(tally: Sql): Sql {
  return sql`
    list_sort(list_transform(
      map_entries(${tally}),
      lambda _e: {'n': -cast(_e.value as bigint), 'v': _e.key}
    ))[1].v`
}

/** How often, in which tally first, and what: of the value that comes first by these. */
function mostInAll(tallies: readonly Sql[]): Sql {
  const counts = tallies.map((tally) => sql`coalesce(${operand(tally)}[_k], 0)`)
  const places = tallies.map((tally, index) => sql`when ${operand(tally)}[_k] is not null then ${index + 1}`)
  return sql`
    list_sort(list_transform(
      list_distinct(list_concat(${join(tallies.map((tally) => call('map_keys', [tally])))})),
      lambda _k: {
        'n': -cast(${join(counts, ' + ')} as bigint),
        'i': case
          ${stacked(places)}
        end,
        'v': _k
      }
    ))[1]`
}

/** A JSON pointer (RFC 6901), which takes any key; DuckDB's `$.key` does not. */
function pointer(key: string): string {
  return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
}
