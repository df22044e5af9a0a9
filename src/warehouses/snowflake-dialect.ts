import type { Aggregate, Dialect, PassedUnit, Period, Unit, ValueType } from '../sql/dialect.ts'
import { empty, from, id, join, lines, type Sql, sql, type Table, text } from '../sql/sql.ts'
import { call, code, fitting, fullInstant, operand } from './fragments.ts'
import { valueAt } from './snowflake-ends.ts'
import { quoteName } from './snowflake-names.ts'
import { snowflakePattern } from './snowflake-pattern.ts'
import { mostFrequent, mostFrequentIn } from './snowflake-tallies.ts'
import {
  cast,
  jsonOf,
  normalised,
  oneList,
  plainText,
  sha256,
  tryCast,
  typeName,
  where as whereTrue,
} from './snowflake-values.ts'

/**
 * Snowflake's SQL. A session must have the time zone UTC and weeks from Monday, as ours do. Facts:
 * docs.snowflake.com/en/sql-reference; each member has a test that executes it on an emulator, none on the service.
 */
export const snowflakeDialect: Dialect = {
  type: 'snowflake',

  name: quoteName,
  text: quoteText,
  parameter: quoteParameter,

  // What a build makes can be made again: nobody pays for seven days of its past.
  createTable: (table, query) => sql`
    create or replace transient table ${from(table)} as
    ${query}`,
  createEmptyTable,
  addColumn: (table, { name, type }) => sql`
    alter table ${from(table)} add column if not exists ${id(name)} ${typeName(type === 'unknown' ? 'text' : type)}`,
  // Readers of a view that is replaced keep their rights.
  createView: (view, query) => sql`
    create or replace view ${from(view)} copy grants as
    ${query}`,
  createSchema: (schema) => sql`create schema if not exists ${id(schema)}`,
  dropSchema: (schema) => sql`drop schema if exists ${id(schema)} cascade`,
  dropTable: (table) => sql`drop table if exists ${from(table)}`,
  dropView: (view) => sql`drop view if exists ${from(view)}`,
  // `merge`, `update` and `delete` lock their table themselves.
  holdWriters: () => empty,

  files: () => undefined,
  rowsOf: (jsonArray, columns) => sql`
    (
      select
        ${lines(columns.map((name) => sql`cast(get(item.value, ${text(name)}) as varchar) as ${id(name)}`))}
      from table(flatten(input => parse_json(${jsonArray}))) as item
    )`,

  cast,
  tryCast,
  untyped: (value) => text(value),
  // The text of a comparison takes the type of its other side: docs.snowflake.com/en/sql-reference/data-type-conversion.
  comparable: (value, literals) => ({ value, literals: literals.map(text) }),
  instant: (value) => sql`cast(${value} as timestamp_ltz)`,
  instantLiteral: (iso) => sql`cast(${text(fullInstant(iso))} as timestamp_ltz)`,
  dateLiteral: (iso) => sql`date ${text(iso)}`,
  dateIn: (instant, zone) => sql`cast(${localTime(instant, zone)} as date)`,
  localTime,
  datePart: (part, local) => sql`date_part(${DATE_PARTS[part]}, ${local})`,
  startOfDate: (date, zone) => instantOf(sql`cast(${date} as timestamp_ntz)`, zone),
  shift: (time, amount, unit) => sql`dateadd(${code(unit)}, ${amount}, ${time})`,
  truncate,
  epoch: (instant) => sql`date_part(epoch_microsecond, ${instant})`,
  daysBetween: (a, b) => sql`datediff(day, ${a}, ${b})`,
  passed,
  // 1900 began with a Monday.
  periodNumber: (period, local) => sql`datediff(${PERIODS[period]}, date '1900-01-01', ${local})`,
  clock: () => sql`current_timestamp()`,

  // Its own division cuts off after six decimals.
  divide: (a, b) => sql`(cast(${a} as float) / nullif(${b}, 0))`,
  round: (value, digits, type) => {
    if (type !== 'float') return sql`round(${value}, ${digits})`
    const power = sql`power(cast(10 as float), ${digits})`
    return sql`(round(${operand(value)} * ${power}, 0) / ${power})`
  },
  // Without a collation texts are in the order of their bytes, which in UTF-8 is that of code points.
  inOrder: (value) => [value],
  textOrder: (value) => value,
  least: (values) => call('least_ignore_nulls', values),
  greatest: (values) => call('greatest_ignore_nulls', values),
  concat: (values) => (values.length === 0 ? sql`''` : sql`(${join(values.map(operand), ' || ')})`),
  // Its own `concat_ws` gives null for a null.
  joinText: (values, separator) =>
    values.length === 0 ? sql`''` : call('array_to_string', [call('array_construct_compact', values), text(separator)]),
  plainText,
  length: (value) => call('length', [value]),
  substring: (value, start, count) => call('substr', count ? [value, start, count] : [value, start]),
  contains: (value, part) => call('contains', [value, part]),
  startsWith: (value, part) => call('startswith', [value, part]),
  endsWith: (value, part) => call('endswith', [value, part]),
  // Nothing escapes unless it is said.
  like: (value, pattern) => sql`${operand(value)} like ${operand(pattern)} escape ${text('\\')}`,
  matches: (value, written) => {
    const { pattern, flags } = snowflakePattern(written)
    const how = flags === '' ? [] : [sql`1`, sql`1`, sql`0`, text(flags)]
    return sql`(${call('regexp_instr', [value, text(pattern), ...how])} > 0)`
  },
  listHas: (list, value) => call('array_contains', [call('to_variant', [value]), list]),
  listLength: (list) => call('array_size', [list]),

  aggregate,
  extreme: (which, value, _type, condition) => aggregate(which, value, condition),
  anyRow: (condition) => sql`(count_if(${condition}) > 0)`,
  anyTrue: (value) => call('boolor_agg', [value]),
  percentile: (value, p, condition) => sql`
    percentile_cont(${p}) within group (
      order by cast(${whereTrue(value, condition)} as float)
    )`,
  valueAt,
  tally: (value, condition) => {
    const counted = whereTrue(value, condition)
    return sql`case when count(${counted}) > 0 then array_agg(${counted}) end`
  },
  mostFrequent,
  mostFrequentIn,
  listText: (value, separator) => sql`
    case when count(${value}) > 0 then
      listagg(${value}, ${text(separator)}) within group (order by ${value})
    end`,
  distinctList: (value, most) => {
    const all = sql`array_agg(distinct ${value}) within group (order by ${value})`
    return most === undefined ? all : sql`array_slice(${all}, 0, ${most})`
  },
  joinLists: (lists, separator) => {
    const all = oneList(lists)
    const joined = call('array_to_string', [call('array_sort', [call('array_distinct', [all])]), text(separator)])
    return sql`
      case
        when array_size(${all}) > 0
          then ${joined}
      end`
  },

  normalise: normalised,

  json: jsonOf,
  jsonText: (object, key) => sql`cast(get(parse_json(${object}), ${text(key)}) as varchar)`,
  md5: (value) => call('md5', [value]),
  sha256Half: (value) => sql`left(${sha256(value)}, 32)`,
  unitInterval: (value) =>
    // 16^13 = 2^52: the quotient is exact in a double.
    sql`
      (
        cast(to_number(left(${sha256(value)}, 13), 'XXXXXXXXXXXXX') as float)
        / cast(4503599627370496 as float)
      )`,

  clusterBy: () => empty,
}

/** In its texts a backslash escapes. */
function quoteText(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\0', '\\0')}'`
}

function quoteParameter(name: string): string {
  if (!/^[a-z_]\w*$/i.test(name)) throw new Error(`${JSON.stringify(name)} cannot be the name of a parameter`)
  return `:${name}`
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

function localTime(instant: Sql, zone: string): Sql {
  return sql`cast(convert_timezone(${text(zone)}, ${instant}) as timestamp_ntz)`
}

/** The instant of a time without a zone in a zone. */
function instantOf(local: Sql, zone: string): Sql {
  return sql`cast(convert_timezone(${text(zone)}, 'UTC', ${local}) as timestamp_ltz)`
}

function truncate(unit: Unit, instant: Sql, zone: string): Sql {
  const local = localTime(instant, zone)
  const start = sql`date_trunc(${code(unit)}, ${local})`
  if (unit !== 'second' && unit !== 'minute' && unit !== 'hour') return instantOf(start, zone)
  // A wall time that occurs twice must not lead back to the other one: go back by what has passed.
  return sql`
    dateadd(microsecond, -datediff(
      microsecond,
      ${start},
      ${local}
    ), ${instant})`
}

function passed(unit: PassedUnit, start: Sql, end: Sql): Sql {
  if (unit === 'month') {
    const months = sql`datediff(month, ${start}, ${end})`
    // Calendar months between them, less one that is not full.
    return sql`
      (
        ${months}
        - case when ${operand(start)} > dateadd(month, -${months}, ${end}) then 1 else 0 end
      )`
  }
  // A quotient is rounded: what is left over goes first.
  const micros = sql`datediff(microsecond, ${start}, ${end})`
  return sql`
    cast((
      ${micros}
      - mod(${micros}, ${MICROSECONDS[unit]})
    ) / ${MICROSECONDS[unit]} as bigint)`
}

const DATE_PARTS = {
  year: sql`year`,
  month: sql`month`,
  day: sql`day`,
  weekday: sql`dayofweekiso`,
  hour: sql`hour`,
} as const

const PERIODS: Readonly<Record<Period, Sql>> = {
  day: sql`day`,
  week: sql`week`,
  month: sql`month`,
  quarter: sql`quarter`,
  year: sql`year`,
}

/** How much time of a fixed length takes. */
const MICROSECONDS = { hour: 3_600_000_000, day: 86_400_000_000, week: 604_800_000_000 } as const

function aggregate(kind: Aggregate, value: Sql | undefined, condition?: Sql): Sql {
  if (value === undefined) return condition === undefined ? sql`count(*)` : sql`count_if(${condition})`
  const counted = whereTrue(value, condition)
  switch (kind) {
    case 'count_distinct':
      return sql`count(distinct ${counted})`
    case 'avg':
      // The mean of decimals would be cut off after six more of them.
      return fitting(
        sql`(cast(sum(${counted}) as float) / nullif(count(${counted}), 0))`,
        sql`
        (
          cast(sum(${counted}) as float)
          / nullif(count(${counted}), 0)
        )`,
      )
    case 'count':
    case 'sum':
    case 'min':
    case 'max':
      return sql`${code(kind)}(${counted})`
  }
}
