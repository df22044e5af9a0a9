import type { Normaliser, ValueType } from '../sql/dialect.ts'
import { type Sql, sql, text } from '../sql/sql.ts'
import { code, fitting } from './fragments.ts'

/** What DuckDB calls each type. A decimal(18, 6) is one machine word; sums of it widen by themselves. */
const TYPES: Readonly<Record<Exclude<ValueType, 'unknown'> | 'bigint', string>> = {
  text: 'varchar',
  integer: 'bigint',
  bigint: 'bigint',
  decimal: 'decimal(18, 6)',
  float: 'double',
  boolean: 'boolean',
  date: 'date',
  timestamp: 'timestamptz',
  list: 'varchar[]',
}

/** DuckDB's name of a type; of `unknown` there is none. */
export function typeName(type: Exclude<ValueType, 'unknown'> | 'bigint'): Sql {
  return code(TYPES[type])
}

/** The inverse of `typeName` for any type that DuckDB reports, as in `describe`. */
export function valueType(duckdb: string): ValueType {
  if (duckdb.endsWith(']')) return 'list'
  const name = duckdb.toUpperCase().replace(/\(.*$/s, '')
  if (['VARCHAR', 'UUID', 'ENUM'].includes(name)) return 'text'
  if (/^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(name)) return 'integer'
  if (name === 'DECIMAL') return 'decimal'
  if (name === 'DOUBLE' || name === 'FLOAT') return 'float'
  if (name === 'BOOLEAN') return 'boolean'
  if (name === 'DATE') return 'date'
  return name.startsWith('TIMESTAMP') ? 'timestamp' : 'unknown'
}

/** JSON text of a value; null for null, and for a number that JSON cannot say (NaN, infinity). */
export function jsonOf(value: Sql, type: ValueType): Sql {
  switch (type) {
    case 'text':
      return sql`cast(to_json(cast(${value} as varchar)) as varchar)`
    case 'integer':
    case 'boolean':
      return sql`cast(${value} as varchar)`
    case 'date':
      return sql`('"' || cast(${value} as date) || '"')`
    case 'timestamp':
      return sql`('"' || ${instantText(sql`cast(${value} as timestamptz)`)} || '"')`
    case 'list':
      return sql`cast(to_json(${value}) as varchar)`
    case 'decimal':
    case 'float':
      return withoutNoise(sql`cast(to_json(${value}) as varchar)`)
    case 'unknown':
      // The type is known when the statement is bound, so that only one branch is left to run.
      return sql`
        case
          when typeof(${value}) in ('TIMESTAMP', 'TIMESTAMP WITH TIME ZONE')
            then '"' || ${instantText(sql`try_cast(${value} as timestamptz)`)} || '"'
          else ${withoutNoise(sql`cast(to_json(${value}) as varchar)`)}
        end`
  }
}

/** Trailing zeros and the sign of zero; what is no number becomes null. A quoted text ends in a quote: it is left alone. */
function withoutNoise(json: Sql): Sql {
  return sql`nullif(regexp_replace(${json}, '^-(0)\\.0+$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|Infinity)$', '\\1\\2'), '')`
}

/** The text of a value whose characters count: numbers without trailing zeros, all else as DuckDB prints it. */
export function exactText(value: Sql): Sql {
  return sql`
    case
      when regexp_matches(typeof(${value}), ${text(FRACTIONAL)})
        then ${trimmedNumber(value)}
      else cast(${value} as varchar)
    end`
}

/** The text of a value as people write it; null for a number that is none. */
export function plainText(value: Sql, type: ValueType): Sql {
  switch (type) {
    case 'text':
    case 'integer':
    case 'boolean':
    case 'date':
      return sql`cast(${value} as varchar)`
    case 'timestamp':
      return instantText(sql`cast(${value} as timestamptz)`)
    case 'list':
      return jsonOf(value, 'list')
    case 'decimal':
    case 'float':
      return trimmedNumber(value)
    case 'unknown':
      // The type is known when the statement is bound, so that only one branch is left to run.
      return sql`
        case
          when typeof(${value}) in ('TIMESTAMP', 'TIMESTAMP WITH TIME ZONE')
            then ${instantText(sql`try_cast(${value} as timestamptz)`)}
          when regexp_matches(typeof(${value}), ${text(FRACTIONAL)})
            then ${trimmedNumber(value)}
          when ends_with(typeof(${value}), ']')
            then cast(to_json(${value}) as varchar)
          else cast(${value} as varchar)
        end`
  }
}

/** What `typeof` says of numbers that may have decimals; not of lists of them. */
const FRACTIONAL = '^(DOUBLE|FLOAT|DECIMAL.+\\))$'

/** What is left out of a number's text: trailing zeros, the sign of zero, and what is no number at all. */
const NOISE = '^-(0)\\.0+$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(nan|inf)$'

function trimmedNumber(value: Sql): Sql {
  return sql`
    nullif(regexp_replace(
      cast(${value} as varchar),
      ${text(NOISE)}, '\\1\\2'
    ), '')`
}

/** ISO 8601 in UTC with `Z`, fraction only where there is one. */
function instantText(instant: Sql): Sql {
  // make_timestamp(epoch_us()) is the UTC wall time without a detour through the time zone library: 3 times as fast.
  const inline = sql`(replace(cast(make_timestamp(epoch_us(${instant})) as varchar), ' ', 'T') || 'Z')`
  return fitting(
    inline,
    sql`
    (replace(cast(make_timestamp(epoch_us(
      ${instant}
    )) as varchar), ' ', 'T') || 'Z')`,
  )
}

/**
 * Separators of every kind, control characters (tab, line ends, NUL) and the zero-width marks that copying leaves
 * behind; not the joiners that hold emoji and Persian words together.
 */
const BLANK = '[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]'

/**
 * Normalised text. Each form first tries values of printable ASCII, nearly all there are, by one cheap look (5 times
 * as fast); the rest pays for Unicode. Lower case can decompose and compose anew, hence composition on both sides.
 */
export function normalised(value: Sql, how: Normaliser, type: ValueType = 'unknown'): Sql {
  const chars = type === 'text' ? value : sql`cast(${value} as varchar)`
  switch (how) {
    case 'email':
      return sql`
        case
          when regexp_matches(${chars}, '^[!-?A-~]+@[!-?A-~]+$')
            then lower(${chars})
          else nullif(regexp_extract(
            ${folded(chars)},
            '^[^@ ]+@[^@ ]+$'
          ), '')
        end`
    case 'text':
      return sql`
        case
          when regexp_matches(${chars}, '^[!-~]+( [!-~]+)*$')
            then lower(${chars})
          else nullif(
            ${folded(chars)},
            ''
          )
        end`
    case 'exact':
      return sql`
        case
          ${type === 'text' ? sql`` : sql`when regexp_matches(typeof(${value}), ${text(FRACTIONAL)}) then ${trimmedNumber(value)}`}
          when regexp_matches(${chars}, '^[!-~]([ -~]*[!-~])?$')
            then ${chars}
          else nullif(regexp_replace(
            ${chars},
            ${text(`^${BLANK}+|${BLANK}+$`)}, '', 'g'
          ), '')
        end`
  }
}

/** Lower case, composed, blanks collapsed and none at the ends. */
function folded(value: Sql): Sql {
  return sql`
    nfc_normalize(lower(nfc_normalize(trim(regexp_replace(
      ${value},
      ${text(`${BLANK}+`)}, ' ', 'g'
    )))))`
}
