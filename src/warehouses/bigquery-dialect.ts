import { failure } from '../error.ts'
import type { Dialect, ValueType } from '../sql/dialect.ts'
import { from, id, join, lines, type Sql, sql, type Table, text } from '../sql/sql.ts'
import { aggregate, atEnd, distinctList, joinLists, mostIn, percentile, tally, valueAt } from './bigquery-aggregates.ts'
import { datePart, passed, periodNumber, shift, truncate } from './bigquery-times.ts'
import { cast, comparable, jsonOf, normalised, plainText, tryCast, typeName } from './bigquery-values.ts'
import { call, code, fullInstant, operand } from './fragments.ts'

/**
 * GoogleSQL as BigQuery has it. Facts: cloud.google.com/bigquery/docs/reference/standard-sql; each member has a test that
 * executes it.
 */
export const bigqueryDialect: Dialect = {
  type: 'bigquery',

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
  createSchema: (schema) => sql`create schema if not exists ${id(schema)}`,
  dropSchema: (schema) => sql`drop schema if exists ${id(schema)} cascade`,
  dropTable: (table) => sql`drop table if exists ${from(table)}`,
  dropView: (view) => sql`drop view if exists ${from(view)}`,
  // Two transactions that only insert never meet; of two that change a table, one is aborted. With the line break behind
  // it, this parts statements as THEN does.
  holdWriters: (table) => sql`delete from ${from(table)} where false${code(';\n')}`,

  // The service has no disk of ours.
  files: () => undefined,
  rowsOf: (jsonArray, columns) => sql`
    (
      select
        ${lines(columns.map((name) => sql`${jsonText(sql`item`, name)} as ${id(name)}`))}
      from unnest(json_query_array(${jsonArray})) as item
    )`,

  cast,
  tryCast,
  untyped: (value) => text(value),
  comparable,
  instant: (value) => sql`cast(${value} as timestamp)`,
  instantLiteral: (iso) => sql`timestamp ${text(fullInstant(iso))}`,
  dateLiteral: (iso) => sql`date ${text(iso)}`,
  dateIn: (instant, zone) => sql`date(${instant}, ${text(zone)})`,
  startOfDate: (date, zone) => sql`timestamp(${date}, ${text(zone)})`,
  localTime: (instant, zone) => sql`datetime(${instant}, ${text(zone)})`,
  datePart,
  shift,
  truncate,
  epoch: (instant) => sql`unix_micros(${instant})`,
  daysBetween: (a, b) => sql`date_diff(${b}, ${a}, day)`,
  passed,
  periodNumber,
  clock: () => sql`current_timestamp()`,

  divide: (a, b) => sql`(cast(${a} as float64) / nullif(${b}, 0))`,
  round: (value, digits, type) => {
    if (type === 'integer' && typeof digits === 'number' && digits >= 0) return cast(value, 'bigint')
    if (type !== 'float') return sql`round(cast(${value} as numeric), ${digits})`
    // Its own round of floats with digits keeps to decimals that the float only comes near to.
    const power = sql`pow(10, ${digits})`
    return sql`(round(${operand(value)} * ${power}) / ${power})`
  },
  // Without a collation texts are in the order of their bytes, which in UTF-8 is that of code points.
  inOrder: (value) => [value],
  textOrder: (value) => value,
  least: (values) => atEnd('least', values),
  greatest: (values) => atEnd('greatest', values),
  concat: (values) => (values.length === 0 ? sql`''` : sql`(${join(values.map(operand), ' || ')})`),
  joinText: (values, separator) =>
    values.length === 0 ? sql`''` : sql`array_to_string([${join(values)}], ${text(separator)})`,
  plainText,
  length: (value) => call('char_length', [value]),
  substring: (value, start, count) => call('substr', [value, start, ...(count === undefined ? [] : [count])]),
  contains: (value, part) => sql`(${call('strpos', [value, part])} > 0)`,
  startsWith: (value, part) => call('starts_with', [value, part]),
  endsWith: (value, part) => call('ends_with', [value, part]),
  like: (value, pattern) => sql`${operand(value)} like ${operand(pattern)}`,
  matches: (value, pattern) => call('regexp_contains', [value, text(pattern)]),
  listHas: (list, value) => sql`(${operand(value)} in unnest(${list}))`,
  listLength: (list) => call('array_length', [list]),

  aggregate,
  extreme: (which, value, _type, where) => aggregate(which, value, where),
  percentile,
  anyRow: (where) => sql`(${call('countif', [where])} > 0)`,
  anyTrue: (value) => call('logical_or', [value]),
  valueAt,
  tally,
  mostFrequent: (tallies) => mostIn(tallies, 'item'),
  mostFrequentIn: (tallies) => mostIn(tallies, 'tally'),
  listText: (value, separator) => sql`string_agg(${value}, ${text(separator)} order by ${value})`,
  distinctList,
  joinLists,

  normalise: normalised,

  json: jsonOf,
  jsonText,
  md5: (value) => sql`to_hex(md5(${value}))`,
  sha256Half: (value) => sql`left(to_hex(sha256(${value})), 32)`,
  unitInterval: (value) =>
    // 16^13 = 2^52: the quotient is exact in a float64.
    sql`(cast('0x' || left(to_hex(sha256(${value})), 13) as int64) / 4503599627370496)`,

  clusterBy: (columns) => sql`
    cluster by ${join(columns.slice(0, MOST_CLUSTERED).map(id))}`,
}

const MOST_CLUSTERED = 4

/** The service cuts nothing off, it refuses: but not before it is asked. */
const LONGEST_NAME = 300

function quoteName(name: string): string {
  if (name === '') throw new Error('an empty text cannot be a name')
  if ([...name].length > LONGEST_NAME)
    throw failure(
      'project',
      'project/bad-name',
      `"${name.slice(0, 40)}…" has ${[...name].length} characters; a name in BigQuery has at most ${LONGEST_NAME}.`,
      'Choose a shorter name.',
    )
  return `\`${escaped(name).replaceAll('`', '\\`')}\``
}

function quoteText(value: string): string {
  return `'${escaped(value).replaceAll("'", "\\'")}'`
}

/** In a literal and in a quoted name alike, a backslash escapes, and no line may end. */
function escaped(value: string): string {
  const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\0': '\\x00' }
  return value.replace(/[\\\n\r\0]/g, (one) => escapes[one] ?? one)
}

function quoteParameter(name: string): string {
  if (!/^[a-z_]\w*$/i.test(name)) throw new Error(`${JSON.stringify(name)} cannot be the name of a parameter`)
  return `@${name}`
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

/** The first finds scalars only, the second writes objects and lists, and texts with quotes. */
function jsonText(object: Sql, key: string): Sql {
  const path = text(`$."${key.replaceAll(/["\\]/g, '\\$&')}"`)
  return sql`coalesce(json_value(${object}, ${path}), json_query(${object}, ${path}))`
}
