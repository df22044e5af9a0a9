import type { DatabaseDialect, DatabaseValue } from '../database.ts'

/** What a column can hold, as far as values must be written for it in a form of their own. */
export type Family = 'text' | 'integer' | 'number' | 'boolean' | 'date' | 'timestamp' | 'json'

/** The types that `columns:` may name. */
export const COLUMN_TYPES = ['text', 'integer', 'number', 'boolean', 'date', 'timestamp', 'json'] as const

/** What differs between databases besides the statements that knex makes. */
export interface SqlDialect {
  /** Knex's name of it. */
  readonly knex: 'pg' | 'mysql2' | 'mssql'
  /** Most values of one statement. */
  readonly parameters: number
  /** The longest name. */
  readonly longestName: { readonly count: number; readonly of: 'bytes' | 'characters' }
  /** Characters that knex or the database cannot bring into a name. */
  readonly notInNames: RegExp
  /** Types of a table that is made. */
  readonly types: Readonly<Record<Family, string>>
  /** The type of a text that is part of a key: not every database can index any length. */
  readonly keyText: string
  /** Must texts that stand for other types be told so, where nothing else says it? */
  readonly casts: boolean
  /** The family of a column by its type as the catalog names it. */
  readonly families: readonly (readonly [RegExp, Family])[]
  /** A value as a statement carries it for a column; a time in it is in UTC. `type` is the catalog's name of it. */
  readonly encode: (value: DatabaseValue, family: Family, type: string) => DatabaseValue
  /** A column that the driver would tell too roughly, as a text in its stead; undefined = as it is. */
  readonly precise?: (column: string, type: string) => string | undefined
  /** The values by which the three questions below name a table. */
  readonly asked: (table: TableName) => readonly DatabaseValue[]
  /** Its columns in order: name, type, required (1 = must be given), written (0 = computed by the database). */
  readonly columns: string
  /** The parts of its unique keys in order: index, name. A part that is not a whole column has no name. */
  readonly unique: string
  /** What the user may do with it: a column each, 1 = granted. Undefined where that cannot be asked for. */
  readonly rights: string | undefined
}

/** A table as the catalog is asked for it. */
export interface TableName {
  readonly schema: string | undefined
  readonly table: string
  /** Both, as they stand in a statement. */
  readonly quoted: string
}

const byQuotedName = ({ quoted }: TableName) => [quoted]
const byParts = ({ schema, table }: TableName) => [schema ?? null, table]

// A name is split at dots and " as ", `*` is no name, and `?` stands for a value.
const NOT_IN_NAMES = /[?\\.*\0]|\sas\s/i

const same = (value: DatabaseValue): DatabaseValue => value

const POSTGRES: SqlDialect = {
  knex: 'pg',
  // The protocol counts them in 16 bits: https://www.postgresql.org/docs/current/limits.html
  parameters: 65_535,
  longestName: { count: 63, of: 'bytes' },
  notInNames: NOT_IN_NAMES,
  types: {
    text: 'text',
    integer: 'bigint',
    number: 'numeric',
    boolean: 'boolean',
    date: 'date',
    timestamp: 'timestamptz',
    // It is read back as it was sent; jsonb orders the members anew.
    json: 'json',
  },
  keyText: 'text',
  casts: true,
  families: [
    [/^(smallint|integer|bigint)$/i, 'integer'],
    [/^(numeric|real|double precision|money)$/i, 'number'],
    [/^boolean$/i, 'boolean'],
    [/^date$/i, 'date'],
    [/^timestamp/i, 'timestamp'],
    [/^jsonb?$/i, 'json'],
  ],
  encode: same,
  asked: byQuotedName,
  // A type without its length: a cast to varchar(3) would cut a text off where an insert refuses it.
  columns: `
    select a.attname as name, format_type(a.atttypid, -1) as type,
      (a.attnotnull and not a.atthasdef and a.attidentity = '')::int as required,
      (a.attgenerated = '' and a.attidentity <> 'a')::int as written
    from pg_catalog.pg_attribute as a
    where a.attrelid = to_regclass(?) and a.attnum > 0 and not a.attisdropped
    order by a.attnum`,
  unique: `
    select i.indexrelid::text as index, a.attname as name
    from pg_catalog.pg_index as i
    cross join lateral unnest(i.indkey::int2[]) with ordinality as part (attnum, at)
    join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = part.attnum
    where i.indrelid = to_regclass(?) and i.indisunique and i.indisvalid and i.indimmediate
      and i.indpred is null and i.indexprs is null and part.at <= i.indnkeyatts
    order by i.indisprimary desc, i.indexrelid, part.at`,
  rights: `
    select
      (has_table_privilege(c.oid, 'select') or has_any_column_privilege(c.oid, 'select'))::int as select,
      (has_table_privilege(c.oid, 'insert') or has_any_column_privilege(c.oid, 'insert'))::int as insert,
      (has_table_privilege(c.oid, 'update') or has_any_column_privilege(c.oid, 'update'))::int as update,
      has_table_privilege(c.oid, 'delete')::int as delete
    from pg_catalog.pg_class as c where c.oid = to_regclass(?)`,
}

/** What stands in for every database in the sandbox. Names have no case in it, but keep that in which they are made. */
const DUCKDB: SqlDialect = {
  ...POSTGRES,
  types: { ...POSTGRES.types, number: 'decimal(38, 10)' },
  // A number that is bound is a double, and 7 as a text would be 7.0.
  encode: (value) => (value === null ? null : String(value)),
  families: [
    [/^(tinyint|smallint|integer|bigint|hugeint)$/i, 'integer'],
    [/^(decimal|double|float)/i, 'number'],
    ...POSTGRES.families,
  ],
  asked: byParts,
  columns: `
    select column_name as name, data_type as type,
      cast(not is_nullable and column_default is null as int) as required, 1 as written
    from duckdb_columns() where lower(schema_name) = lower(coalesce(?, current_schema())) and lower(table_name) = lower(?)
    order by column_index`,
  unique: `
    select constraint_index as index, unnest(constraint_column_names) as name
    from duckdb_constraints()
    where lower(schema_name) = lower(coalesce(?, current_schema())) and lower(table_name) = lower(?) and constraint_type in ('PRIMARY KEY', 'UNIQUE')
    order by constraint_index`,
  rights: undefined,
}

const MYSQL: SqlDialect = {
  knex: 'mysql2',
  // Of prepared statements; ours are not prepared, but a statement must also fit into max_allowed_packet.
  parameters: 65_535,
  longestName: { count: 64, of: 'characters' },
  notInNames: NOT_IN_NAMES,
  types: {
    // The default of a database may be latin1.
    text: 'longtext character set utf8mb4',
    integer: 'bigint',
    number: 'decimal(38, 10)',
    boolean: 'tinyint(1)',
    date: 'date',
    timestamp: 'datetime(6)',
    json: 'json',
  },
  // Other collations take keys that differ in case or accents only for one.
  keyText: 'varchar(255) character set utf8mb4 collate utf8mb4_bin',
  casts: false,
  families: [
    [/^(tinyint\(1\)|bit\(1\))/i, 'boolean'],
    [/^(tinyint|smallint|mediumint|int|bigint|year)/i, 'integer'],
    [/^(decimal|double|float)/i, 'number'],
    [/^date$/i, 'date'],
    [/^(datetime|timestamp)/i, 'timestamp'],
    [/^json$/i, 'json'],
  ],
  encode: mysqlValue,
  asked: byParts,
  columns: `
    select column_name as name, column_type as type,
      is_nullable = 'NO' and column_default is null and extra not like '%auto_increment%' as required,
      extra not like '%GENERATED ALWAYS%' and extra not like '%VIRTUAL%' and extra not like '%STORED%' as written
    from information_schema.columns
    where table_schema = coalesce(?, database()) and table_name = ?
    order by ordinal_position`,
  unique: `
    select index_name as \`index\`, case when sub_part is null then column_name end as name
    from information_schema.statistics
    where table_schema = coalesce(?, database()) and table_name = ? and non_unique = 0
    order by index_name, seq_in_index`,
  rights: undefined,
}

const SQL_SERVER: SqlDialect = {
  knex: 'mssql',
  // 2,100 with the two by which the statement and their types are handed over:
  // https://learn.microsoft.com/en-us/sql/sql-server/maximum-capacity-specifications-for-sql-server
  parameters: 2_098,
  longestName: { count: 128, of: 'characters' },
  // Knex takes brackets out of names.
  notInNames: /[?\\.*\0[\]]|\sas\s/i,
  types: {
    text: 'nvarchar(max)',
    integer: 'bigint',
    number: 'decimal(38, 10)',
    boolean: 'bit',
    date: 'date',
    timestamp: 'datetimeoffset(6)',
    json: 'nvarchar(max)',
  },
  // An index holds 1,700 bytes. Other collations take keys that differ in case only for one.
  keyText: 'nvarchar(450) collate Latin1_General_100_BIN2',
  casts: false,
  families: [
    [/^(tinyint|smallint|int|bigint)$/i, 'integer'],
    [/^(decimal|numeric|float|real|money|smallmoney)$/i, 'number'],
    [/^bit$/i, 'boolean'],
    [/^date$/i, 'date'],
    [/^(datetime|datetime2|datetimeoffset|smalldatetime)$/i, 'timestamp'],
  ],
  // All as text: the rows of `values` must be of one type, and the column says which.
  encode: (value, family, type) => {
    if (value === null) return null
    if (typeof value === 'boolean' && family !== 'text') return String(Number(value))
    // The older types read neither a zone nor more than three digits.
    const isOld = /^(small)?datetime$/i.test(type) && /T.*Z$/.test(String(value))
    return isOld ? String(value).replace(/(\.\d{1,3})\d*Z$|Z$/, '$1') : String(value)
  },
  // The driver makes floating numbers of decimals, and of times what a Date can hold: milliseconds.
  precise: (column, type) => {
    if (/^(decimal|numeric)$/i.test(type)) return `convert(nvarchar(60), ${column})`
    // https://learn.microsoft.com/en-us/sql/t-sql/functions/cast-and-convert-transact-sql: ISO 8601 in UTC.
    return /^(datetime2|datetimeoffset)$/i.test(type) ? `convert(nvarchar(40), ${column}, 127)` : undefined
  },
  asked: byQuotedName,
  columns: `
    select c.name as name, t.name as type,
      case when c.is_nullable = 0 and c.default_object_id = 0 and c.is_identity = 0 then 1 else 0 end as required,
      case when c.is_computed = 0 and c.is_identity = 0 and t.name <> 'timestamp' then 1 else 0 end as written
    from sys.columns as c
    join sys.types as t on t.user_type_id = c.system_type_id
    where c.object_id = object_id(?)
    order by c.column_id`,
  unique: `
    select i.index_id as [index], c.name as name
    from sys.indexes as i
    join sys.index_columns as part on part.object_id = i.object_id and part.index_id = i.index_id
    join sys.columns as c on c.object_id = part.object_id and c.column_id = part.column_id
    where i.object_id = object_id(?) and i.is_unique = 1 and i.has_filter = 0 and i.is_disabled = 0
      and part.is_included_column = 0
    order by i.is_primary_key desc, i.index_id, part.key_ordinal`,
  rights: `
    select
      has_perms_by_name(asked.name, 'object', 'select') as [select],
      has_perms_by_name(asked.name, 'object', 'insert') as [insert],
      has_perms_by_name(asked.name, 'object', 'update') as [update],
      has_perms_by_name(asked.name, 'object', 'delete') as [delete]
    from (select cast(? as nvarchar(400)) as name) as asked`,
}

/** Is it longer than a name may be there? */
export function isTooLong(name: string, { longestName: { count, of } }: SqlDialect): boolean {
  return (of === 'bytes' ? Buffer.byteLength(name) : name.length) > count
}

export const DIALECTS: Readonly<Record<DatabaseDialect, SqlDialect>> = {
  postgres: POSTGRES,
  mysql: MYSQL,
  sqlserver: SQL_SERVER,
  duckdb: DUCKDB,
}

/** MySQL reads no `Z` behind a time, takes true for 1 also in a text, and compares a text with a number as floats. */
function mysqlValue(value: DatabaseValue, family: Family): DatabaseValue {
  if (typeof value === 'boolean') return family === 'text' || family === 'json' ? String(value) : value
  if (typeof value === 'number') return family === 'text' ? String(value) : value
  if (typeof value !== 'string') return value
  if (family === 'integer' && /^-?\d+$/.test(value)) return BigInt(value)
  return family === 'timestamp' && ISO.test(value) ? value.replace('T', ' ').replace('Z', '') : value
}

const ISO = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(\.\d+)?(Z|[+-]\d\d:?\d\d)?$/

/**
 * A time with a zone as the same time in UTC: where a column has no zone, the databases would drop that of the text and
 * keep its hours. What is no such time stays as it is.
 */
export function inUtc(text: string): string {
  const [, time, fraction = '', zone] = ISO.exec(text) ?? []
  if (time === undefined || zone === undefined || zone === 'Z') return text
  const at = Date.parse(`${time}${zone.replace(/^(.\d\d)(\d\d)$/, '$1:$2')}`)
  return Number.isNaN(at) ? text : `${new Date(at).toISOString().slice(0, 19)}${fraction}Z`
}
