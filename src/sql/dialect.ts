import type { Quoting, Sql, Table } from './sql.ts'

/** What a value is, as far as the project says. `unknown` takes its type from what it meets in the warehouse. */
export type ValueType = 'text' | 'integer' | 'decimal' | 'float' | 'boolean' | 'date' | 'timestamp' | 'list' | 'unknown'

export type Unit = 'second' | 'minute' | 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year'

/** A unit in which passed time is counted. */
export type PassedUnit = 'hour' | 'day' | 'week' | 'month'

/** What a calendar or clock shows, as a whole number; `weekday` is 1 on Monday and 7 on Sunday. */
export type DatePart = 'year' | 'month' | 'day' | 'weekday' | 'hour'

/** A period of the calendar. */
export type Period = 'day' | 'week' | 'month' | 'quarter' | 'year'

/** What rows are put in order by: the smallest first, or the greatest. */
export interface OrderKey {
  readonly of: Sql
  /** What is known of it. */
  readonly type: ValueType
  readonly isDescending?: boolean
}

export type Aggregate = 'count' | 'count_distinct' | 'sum' | 'avg' | 'min' | 'max'

/** One identifier normaliser that every dialect can do in SQL. Phones are parsed outside the warehouse and joined. */
export type Normaliser = 'email' | 'text' | 'exact'

export type FileFormat = 'csv' | 'parquet' | 'json'

/**
 * What differs between warehouses, each member named for an intention. Members return fragments and know nothing of
 * projects. Rules that hold in every dialect: an instant is a time with zone; a time without a zone is read as UTC;
 * null in gives null out unless a member says otherwise.
 */
export interface Dialect extends Quoting {
  /** The `type:` of a warehouse in YAML, and the name of golden files. */
  readonly type: string

  /** A statement that makes (or replaces) a table from a query. */
  createTable(table: Table, query: Sql): Sql
  /** A statement that makes (or replaces) an empty table; the columns' types are those of `typeName`. */
  createEmptyTable(
    table: Table,
    columns: readonly { name: string; type: ValueType | 'bigint' }[],
    ifMissing?: boolean,
  ): Sql
  /** A statement that adds a column to a table, null in every row; nothing where the table has it. */
  addColumn(table: Table, column: { readonly name: string; readonly type: ValueType | 'bigint' }): Sql
  /** A statement that points a view at a query, replacing what it showed before. */
  createView(view: Table, query: Sql): Sql
  createSchema(schema: string): Sql
  /** Drops a schema with everything in it, if it exists. */
  dropSchema(schema: string): Sql
  dropTable(table: Table): Sql
  dropView(view: Table): Sql
  /**
   * What stands before a statement that must find no other writer of a table until its transaction ends; empty where one
   * of two such transactions fails and is repeated. For rows that are written where they are missing, once.
   */
  holdWriters(table: Table): Sql

  /**
   * Reads files as a relation, or undefined where the warehouse cannot read local files. Paths are relative to the
   * project. Columns in `types` get exactly that type; text keeps its characters (leading zeros, plus signs).
   * For `names` only the columns' names must be right, which takes less reading.
   */
  files(
    path: string,
    format: FileFormat,
    types: ReadonlyMap<string, ValueType>,
    wanted?: 'rows' | 'names',
  ): Sql | undefined
  /** A relation of the objects of a JSON array held in a parameter, one column a name, all text or null. */
  rowsOf(jsonArray: Sql, columns: readonly string[]): Sql

  /** Cast; fails at run time on a value that does not fit. */
  cast(value: Sql, type: ValueType | 'bigint'): Sql
  /** Cast that gives null for a value that does not fit. */
  tryCast(value: Sql, type: ValueType | 'bigint'): Sql
  /** A literal whose type is taken from what it is compared with (`amount > '500'` where the engine allows that). */
  untyped(value: string): Sql
  /**
   * A value of unknown type and literals that are compared with it, each such that the two can meet: as numbers where the
   * value is one, as texts where it is a text.
   */
  comparable(value: Sql, literals: readonly string[]): { readonly value: Sql; readonly literals: readonly Sql[] }
  /** A value of any time type, or ISO text, as an instant. */
  instant(value: Sql): Sql
  /** An instant literal from ISO 8601 text with a zone. */
  instantLiteral(iso: string): Sql
  dateLiteral(iso: string): Sql
  /** The calendar date of an instant in an IANA time zone. */
  dateIn(instant: Sql, zone: string): Sql
  /** The instant at which a calendar date begins in an IANA time zone. */
  startOfDate(date: Sql, zone: string): Sql
  /** An instant or date moved by a (possibly negative) amount; calendar units keep the wall time of UTC. */
  shift(time: Sql, amount: Sql | number, unit: Unit): Sql
  /** The instant at which the unit that holds `instant` begins in an IANA time zone. Weeks begin on Monday. */
  truncate(unit: Unit, instant: Sql, zone: string): Sql
  /** Microseconds from the beginning of 1970 to an instant, as a whole number. */
  epoch(instant: Sql): Sql
  /** Whole calendar days from `a` to `b`, both dates. */
  daysBetween(a: Sql, b: Sql): Sql
  /**
   * Whole units that have passed from an instant to a later one. Days have 24 hours, weeks 7 such days; months are the
   * most by which `shift` can move `to` back without coming before `from`.
   */
  passed(unit: PassedUnit, from: Sql, to: Sql): Sql
  /** What calendar and clock of an IANA time zone show at an instant; null for an instant at infinity. */
  localTime(instant: Sql, zone: string): Sql
  /** A part of a `localTime` or, but for the hour, of a date. */
  datePart(part: DatePart, local: Sql): Sql
  /** The number of the calendar period that holds a `localTime`: one more than that of the period before. Weeks begin on Monday. */
  periodNumber(period: Period, local: Sql): Sql
  /** The warehouse's own clock at the start of the statement: leases, holds and audit; never for models. */
  clock(): Sql

  /** Division that gives null on a zero divisor and never truncates. */
  divide(a: Sql, b: Sql): Sql
  /**
   * Rounded to so many digits, halves away from zero. A `float` is rounded as floats are: what it is times the power of
   * ten, so that 146.575, which is a little less as a float, becomes 146.57.
   */
  round(value: Sql, digits: Sql | number, type: ValueType): Sql
  /**
   * The keys by which values of a user stand in the same order in every warehouse: texts by code point, whatever the order
   * of the database is. `type` is what is known of them.
   */
  inOrder(value: Sql, type: ValueType): readonly Sql[]
  /** A text as it is compared by order: by code point. */
  textOrder(value: Sql): Sql
  /** Smallest or greatest of several values; nulls are skipped, null only when all are null. */
  least(values: readonly Sql[]): Sql
  greatest(values: readonly Sql[]): Sql
  /** Texts joined; a null makes the whole null. */
  concat(values: readonly Sql[]): Sql
  /** Texts joined with a separator; nulls are skipped, empty text when all are null. */
  joinText(values: readonly Sql[], separator: string): Sql
  /**
   * The text of a value as people write it: numbers without trailing zeros, `true` and `false`, dates and instants in
   * ISO 8601 (instants in UTC with `Z`), lists as JSON. Null for what is no number (NaN, infinity).
   */
  plainText(value: Sql, type: ValueType): Sql
  length(value: Sql): Sql
  /** From is counted from 1. */
  substring(value: Sql, from: Sql, count?: Sql): Sql
  contains(value: Sql, part: Sql): Sql
  startsWith(value: Sql, part: Sql): Sql
  endsWith(value: Sql, part: Sql): Sql
  like(value: Sql, pattern: Sql): Sql
  /** True where a regular expression (RE2 syntax) is found in the value. */
  matches(value: Sql, pattern: string): Sql
  /** True where a list holds a value. */
  listHas(list: Sql, value: Sql): Sql
  /** How many entries a list has. */
  listLength(list: Sql): Sql

  /**
   * An aggregate over the rows on which `where` is true. `count` without a value counts rows; `min` and `max` are for what
   * the tool computes, for values of a user there is `extreme`.
   */
  aggregate(kind: Aggregate, value: Sql | undefined, where?: Sql): Sql
  /** The smallest or greatest value over the rows on which `where` is true, in the order that `inOrder` describes. */
  extreme(which: 'min' | 'max', value: Sql, type: ValueType, where?: Sql): Sql
  /**
   * The number (a float) below which the share `p` (0 to 1) of the values lies; between two values there is a straight
   * line. Over the rows on which `where` is true; null when there is none.
   */
  percentile(value: Sql, p: number, where?: Sql): Sql
  /** True when any row fulfils `where`; false (not null) when none does. */
  anyRow(where: Sql): Sql
  /** True when any value is true; else false when any is false; null when there is none. */
  anyTrue(value: Sql): Sql
  /**
   * The non-null value of the row that is first or last by `order`; later members of `order` break ties. A null key
   * comes after all others, seen from either end. A list needs its `type`.
   */
  valueAt(which: 'first' | 'last', value: Sql, order: readonly OrderKey[], where?: Sql, type?: ValueType): Sql
  /** An opaque aggregate of all non-null values, for `mostFrequent` only; null when there is none. */
  tally(value: Sql, where?: Sql): Sql
  /**
   * The most frequent value over several tallies (nulls skipped); ties go to the value that the earliest tally holds,
   * and within it to the smallest. `type` is what is known of them.
   */
  mostFrequent(tallies: readonly Sql[], type?: ValueType): Sql
  /** The place, counted from 1, of the earliest tally that holds `mostFrequent` of them; null when it is null. */
  mostFrequentIn(tallies: readonly Sql[]): Sql
  /** All non-null texts of a group joined with a separator, in their own order; null for none. */
  listText(value: Sql, separator: string): Sql
  /** The distinct non-null values of a group as a sorted list: of the smallest `most`, where that is given. */
  distinctList(value: Sql, most?: number): Sql
  /** The distinct texts in several lists (nulls skipped), sorted by code point and joined; null when there is none. */
  joinLists(lists: readonly Sql[], separator: string): Sql

  /** An identifier in the form in which values are compared; null when nothing is left. `type` is what is known of it. */
  normalise(value: Sql, how: Normaliser, type?: ValueType): Sql

  /** JSON text of a scalar (or list): numbers and booleans bare, instants as ISO 8601 in UTC with `Z`; null for null. */
  json(value: Sql, type: ValueType): Sql
  /** The value under a key of a JSON object held as text, as text without quotes; null when absent. */
  jsonText(object: Sql, key: string): Sql
  /** Hex MD5 of a text. */
  md5(value: Sql): Sql
  /** The first 32 hex digits of the SHA-256 of a text. */
  sha256Half(value: Sql): Sql
  /** A number in [0, 1) from a text, equal in every dialect: the first 13 hex digits of its SHA-256 over 16^13. */
  unitInterval(value: Sql): Sql

  /** What stands behind the columns of a table that is looked up by these; empty where nothing helps. */
  clusterBy(columns: readonly string[]): Sql
}
