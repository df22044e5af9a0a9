import { failure } from '../error.ts'
import type { Dialect, OrderKey, Unit, ValueType } from '../sql/dialect.ts'
import { empty, from, id, join, lines, type Sql, sql, type Table, text, unionAll } from '../sql/sql.ts'
import { call, code, fitting, fullInstant, operand, ordered } from './fragments.ts'
import { THEN } from './pieces.ts'
import { postgresPattern } from './postgres-pattern.ts'
import {
  cast,
  endsWith,
  found,
  inOrder,
  isText,
  jsonOf,
  mayBeText,
  normalised,
  plainText,
  sortedList,
  tryCast,
  typeName,
} from './postgres-values.ts'

/**
 * The SQL of Postgres 15 and later. A session must have the time zone UTC and dates in ISO, as ours do, and the database
 * the encoding UTF-8. Facts: postgresql.org/docs/15; each member has a test that executes it.
 */
export const postgresDialect: Dialect = {
  type: 'postgres',

  name: quoteName,
  text: quoteText,
  parameter: quoteParameter,

  createTable: (table, query) =>
    replaced(
      table,
      // Without statistics the planner takes every new table for a small one, and joins large ones row by row.
      sql`
        create table ${from(table)} as
        ${query}${then}analyze ${from(table)}`,
    ),
  createEmptyTable,
  addColumn: (table, { name, type }) => sql`
    alter table ${from(table)} add column if not exists ${id(name)} ${typeName(type === 'unknown' ? 'text' : type)}`,
  createView: (view, query) => sql`
    drop view if exists ${from(view)}${then}create view ${from(view)} as
    ${query}`,
  createSchema,
  dropSchema: (schema) => sql`drop schema if exists ${id(schema)} cascade`,
  dropTable: (table) => sql`drop table if exists ${from(table)}`,
  dropView: (view) => sql`drop view if exists ${from(view)}`,
  // With the line break behind it, this parts statements as THEN does.
  holdWriters: (table) => sql`lock table ${from(table)} in share row exclusive mode${code(';\n')}`,

  // The server has a disk of its own.
  files: () => undefined,
  rowsOf: (jsonArray, columns) => sql`
    (
      select
        ${lines(columns.map((name) => id(name)))}
      from json_to_recordset(cast(${jsonArray} as json)) as item (
        ${lines(columns.map((name) => sql`${id(name)} text`))}
      )
    )`,

  cast,
  tryCast,
  untyped: (value) => text(value),
  comparable: (value, literals) => ({ value, literals: literals.map(text) }),
  instant: (value) => sql`cast(${value} as timestamptz)`,
  instantLiteral: (iso) => sql`timestamptz ${text(fullInstant(iso))}`,
  dateLiteral: (iso) => sql`date ${text(iso)}`,
  dateIn: (instant, zone) => sql`cast(${operand(instant)} at time zone ${text(zone)} as date)`,
  localTime: (instant, zone) =>
    sql`case when isfinite(${instant}) then ${operand(instant)} at time zone ${text(zone)} end`,
  datePart: (part, local) => sql`cast(extract(${DATE_PARTS[part]} from ${local}) as bigint)`,
  startOfDate: (date, zone) => sql`(cast(${date} as timestamp) at time zone ${text(zone)})`,
  shift: (time, amount, unit) => sql`(${operand(time)} + ${interval(amount, unit)})`,
  truncate,
  epoch: microseconds,
  daysBetween: (a, b) => sql`(${operand(b)} - ${operand(a)})`,
  passed: (unit, start, end) => {
    if (unit !== 'month') return sql`((${microseconds(end)} - ${microseconds(start)}) / ${MICROSECONDS[unit]})`
    const months = sql`(${monthNumber(end)} - ${monthNumber(start)})`
    return sql`
      (
        ${months}
        - case when ${operand(start)} > ${operand(end)} - make_interval(months => cast(
          ${months} as integer
        )) then 1 else 0 end
      )`
  },
  periodNumber,
  // Not that of the transaction, which may have waited.
  clock: () => sql`statement_timestamp()`,

  divide: (a, b) => sql`(cast(${a} as double precision) / nullif(${b}, 0))`,
  round: (value, digits, type) => {
    if (type === 'integer' && typeof digits === 'number' && digits >= 0) return cast(value, 'bigint')
    if (type !== 'float') return sql`round(cast(${value} as numeric), ${digits})`
    // Its own round of floats goes to the even neighbour; a cast to numeric keeps 15 digits only.
    const power = sql`power(cast(10 as double precision), ${digits})`
    const scaled = sql`cast(cast(${operand(value)} * ${power} as text) as numeric)`
    return sql`(cast(round(${scaled}) as double precision) / ${power})`
  },
  inOrder,
  // What counts as text in a project, such as an enum, may be of a type that knows no order of texts.
  textOrder: (value) => sql`cast(${value} as text) collate "C"`,
  least: (values) => atEnd(values, ''),
  greatest: (values) => atEnd(values, ' desc'),
  concat: (values) => (values.length === 0 ? sql`''` : sql`(${join(values.map(operand), ' || ')})`),
  // Functions take no more than 100 arguments, arrays do.
  joinText: (values, separator) =>
    values.length === 0 ? sql`''` : call('array_to_string', [listOf(values), text(separator)]),
  plainText,
  length: (value) => call('length', [value]),
  substring: (value, start, count) =>
    call('substr', [value, integer(start), ...(count === undefined ? [] : [integer(count)])]),
  contains: found,
  startsWith: (value, part) => call('starts_with', [value, part]),
  endsWith,
  like: (value, pattern) => sql`${operand(value)} like ${operand(pattern)}`,
  matches: (value, pattern) => sql`(${operand(value)} ~ ${text(postgresPattern(pattern))})`,
  listHas: (list, value) => sql`(${operand(value)} = any(${list}))`,
  listLength: (list) => call('cardinality', [list]),

  aggregate: (kind, value, where) => {
    const rows = where ? filter(where) : empty
    if (kind === 'count_distinct' && value) return sql`count(distinct ${value})${rows}`
    // Other warehouses give a float. Its own mean of floats also adds up their squares, which are soon too large.
    if (kind === 'avg' && value)
      return sql`(cast(sum(${value})${rows} as double precision) / nullif(count(${value})${rows}, 0))`
    return sql`${code(kind)}(${value ?? sql`*`})${rows}`
  },
  extreme,
  anyRow: (where) => sql`(count(*) filter (where ${where}) > 0)`,
  anyTrue: (value) => call('bool_or', [value]),
  percentile: (value, p, where) => sql`
    percentile_cont(${p}) within group (
      order by cast(${value} as double precision)
    )${where ? filter(where) : empty}`,
  valueAt,
  tally: (value, where) => sql`array_agg(${value})${present(value, where)}`,
  mostFrequent: (tallies) => mostIn(tallies, sql`item`),
  mostFrequentIn: (tallies) => mostIn(tallies, sql`min(tally)`),
  listText: (value, separator) => sql`string_agg(${value}, ${text(separator)} order by ${value} collate "C")`,
  distinctList: (value, most) =>
    sortedList(sql`array_agg(distinct ${value}) filter (where ${operand(value)} is not null)`, most),
  joinLists: (lists, separator) => sql`
    (
      select string_agg(item, ${text(separator)} order by item collate "C")
      from (select distinct unnest(${join(lists, ' || ')}) as item) as items
    )`,

  normalise: normalised,

  json: jsonOf,
  jsonText: (object, key) => sql`(cast(${object} as json) ->> ${text(key)})`,
  md5: (value) => call('md5', [value]),
  sha256Half: (value) => sql`left(${sha256(value)}, 32)`,
  unitInterval: (value) =>
    // 16^13 = 2^52: the quotient is exact in a double.
    sql`
      (
        cast(cast('x' || left(${sha256(value)}, 13) as bit(52)) as bigint)
        / cast(4503599627370496 as double precision)
      )`,

  clusterBy: () => empty,
}

const then = code(THEN)

/** The server cuts longer names off, so that two could become one. */
const LONGEST_NAME = 63

function quoteName(name: string): string {
  if (name === '' || name.includes('\0')) throw new Error(`${JSON.stringify(name)} cannot be a name`)
  if (Buffer.byteLength(name) > LONGEST_NAME)
    throw failure(
      'project',
      'project/bad-name',
      `"${name}" has ${Buffer.byteLength(name)} bytes; a name in Postgres has at most ${LONGEST_NAME}.`,
      'Choose a shorter name.',
    )
  return `"${name.replaceAll('"', '""')}"`
}

function quoteText(value: string): string {
  if (value.includes('\0'))
    throw failure('project', 'warehouse/statement', 'A text in Postgres cannot hold the character NUL.')
  return `'${value.replaceAll("'", "''")}'`
}

function quoteParameter(name: string): string {
  if (!/^[a-z_]\w*$/i.test(name)) throw new Error(`${JSON.stringify(name)} cannot be the name of a parameter`)
  return `$${name}`
}

function replaced(table: Table, creation: Sql): Sql {
  return sql`
    drop table if exists ${from(table)}${then}${creation}`
}

function createEmptyTable(
  table: Table,
  columns: readonly { name: string; type: ValueType | 'bigint' }[],
  ifMissing = false,
): Sql {
  const typed = columns.map((c) => sql`${id(c.name)} ${typeName(c.type === 'unknown' ? 'text' : c.type)}`)
  const creation = (start: Sql) => sql`
    ${start} ${from(table)} (
      ${lines(typed)}
    )`
  return ifMissing ? creation(sql`create table if not exists`) : replaced(table, creation(sql`create table`))
}

function interval(amount: Sql | number, unit: Unit): Sql {
  if (unit === 'quarter')
    return typeof amount === 'number' ? interval(3 * amount, 'month') : interval(sql`3 * ${operand(amount)}`, 'month')
  if (typeof amount === 'number') return sql`interval ${text(`${amount} ${unit}`)}`
  const type = unit === 'second' ? sql`double precision` : sql`integer`
  return sql`make_interval(${code(INTERVAL_ARGUMENT[unit])} => cast(${amount} as ${type}))`
}

const INTERVAL_ARGUMENT: Readonly<Record<Exclude<Unit, 'quarter'>, string>> = {
  second: 'secs',
  minute: 'mins',
  hour: 'hours',
  day: 'days',
  week: 'weeks',
  month: 'months',
  year: 'years',
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

function microseconds(instant: Sql): Sql {
  return sql`cast(extract(epoch from ${instant}) * 1000000 as bigint)`
}

function monthNumber(time: Sql): Sql {
  return sql`cast(extract(year from ${time}) * 12 + extract(month from ${time}) as bigint)`
}

function periodNumber(period: Parameters<Dialect['periodNumber']>[0], local: Sql): Sql {
  const year = sql`extract(year from ${local})`
  switch (period) {
    case 'day':
      return sql`(cast(${local} as date) - date '0001-01-01')`
    case 'week':
      // The first day of the year 1 is a Monday.
      return sql`((cast(date_trunc('week', ${local}) as date) - date '0001-01-01') / 7)`
    case 'month':
      return monthNumber(local)
    case 'quarter':
      return sql`cast(${year} * 4 + extract(quarter from ${local}) as bigint)`
    case 'year':
      return sql`cast(${year} as bigint)`
  }
}

const DATE_PARTS = {
  year: sql`year`,
  month: sql`month`,
  day: sql`day`,
  weekday: sql`isodow`,
  hour: sql`hour`,
} as const

/** How much time of a fixed length takes. */
const MICROSECONDS = { hour: 3_600_000_000, day: 86_400_000_000, week: 604_800_000_000 } as const

/** The first value that is not null, in the order of values. `greatest` itself would compare texts by the locale. */
function atEnd(values: readonly Sql[], direction: '' | ' desc'): Sql {
  const keys = inOrder(sql`item`, 'unknown').map((key) => sql`${key}${direction === '' ? sql`` : sql` desc`}`)
  return sql`
    (
      select item
      from unnest(${listOf(values)}) as item
      where item is not null
      order by ${join(keys)}
      limit 1
    )`
}

function listOf(values: readonly Sql[]): Sql {
  return fitting(
    sql`array[${join(values, ', ', Number.POSITIVE_INFINITY)}]`,
    sql`
    array[
      ${lines(values)}
    ]`,
  )
}

/** Of texts the one that is first by code point, of all else what the server takes for it. */
function extreme(which: 'min' | 'max', value: Sql, type: ValueType, where: Sql | undefined): Sql {
  const plain = (rows: Sql | undefined) => sql`${code(which)}(${value})${rows ? filter(rows) : empty}`
  if (!mayBeText(type)) return plain(where)
  const rows = (test: Sql) => (where ? sql`${test} and ${operand(where)}` : test)
  return sql`
    coalesce(
      ${plain(rows(sql`not (${isText(value)})`))},
      (array_agg(${value} order by cast(${value} as text) collate "C"${which === 'max' ? sql` desc` : empty})${present(
        value,
        rows(isText(value)),
      )})[1]
    )`
}

function integer(value: Sql): Sql {
  return sql`cast(${value} as integer)`
}

/** A row without a place in the order comes after all others, seen from either end; the value itself breaks ties. */
function valueAt(which: 'first' | 'last', value: Sql, order: readonly OrderKey[], where?: Sql, type?: ValueType): Sql {
  // A list of lists would be a matrix, whose rows have to be of one length.
  if (type === 'list') return cast(valueAt(which, cast(value, 'text'), order, where), 'list')
  const ties = inOrder(value, 'unknown').map((of): OrderKey => ({ of, type: 'unknown' }))
  const keys = ordered(which, [...order, ...ties])
  return sql`
    (array_agg(${value} order by
      ${lines(keys)}
    )${present(value, where)})[1]`
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

/** A tally is the list of its values. How often, in which tally first, and what: of the value that comes first by these. */
/**
 * `create schema if not exists` asks for the right to create schemas before it looks whether there is one: a role that was
 * given its two schemas, and no more, would be refused.
 */
function createSchema(schema: string): Sql {
  const tag = code(schema.includes('$cdp$') ? '$a_schema_of_cdp$' : '$cdp$')
  return sql`
    do ${tag}
    begin
      if to_regnamespace(quote_ident(${text(schema)})) is null then
        execute format('create schema %I', ${text(schema)});
      end if;
    end
    ${tag}`
}

function mostIn(tallies: readonly Sql[], wanted: Sql): Sql {
  if (tallies.length === 0) return sql`null`
  const items = tallies.map((tally, index) => sql`select unnest(${tally}) as item, ${index + 1} as tally`)
  return sql`
    (
      select ${wanted}
      from (
        ${unionAll(items)}
      ) as items
      group by item
      order by count(*) desc, min(tally), ${join(inOrder(sql`item`, 'unknown'))}
      limit 1
    )`
}

function sha256(value: Sql): Sql {
  return sql`encode(sha256(convert_to(${value}, 'UTF8')), 'hex')`
}
