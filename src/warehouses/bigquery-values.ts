import type { Normaliser, ValueType } from '../sql/dialect.ts'
import { type Sql, sql, text } from '../sql/sql.ts'
import { call, code } from './fragments.ts'

type Known = Exclude<ValueType, 'unknown'> | 'bigint'

/** What BigQuery calls each type: the same ranges as in every dialect. */
const TYPES: Readonly<Record<Known, string>> = {
  text: 'string',
  integer: 'int64',
  bigint: 'int64',
  decimal: 'numeric(18, 6)',
  float: 'float64',
  boolean: 'bool',
  date: 'date',
  timestamp: 'timestamp',
  list: 'array<string>',
}

/** BigQuery's name of a type; of `unknown` there is none. */
export function typeName(type: Known): Sql {
  return code(TYPES[type])
}

/** The inverse of `typeName` for any type that the service reports of a column. */
export function valueType(type: string, mode: string | undefined): ValueType {
  if (mode === 'REPEATED') return 'list'
  switch (type) {
    case 'STRING':
      return 'text'
    case 'INTEGER':
    case 'INT64':
      return 'integer'
    case 'NUMERIC':
    case 'BIGNUMERIC':
      return 'decimal'
    case 'FLOAT':
    case 'FLOAT64':
      return 'float'
    case 'BOOLEAN':
    case 'BOOL':
      return 'boolean'
    case 'DATE':
      return 'date'
    case 'TIMESTAMP':
    case 'DATETIME':
      return 'timestamp'
    default:
      return 'unknown'
  }
}

export function cast(value: Sql, type: ValueType | 'bigint'): Sql {
  return type === 'unknown' ? value : sql`cast(${value} as ${typeName(type)})`
}

/** A text is looked at, whatever the value is: BigQuery refuses casts between types that never fit. */
export function tryCast(value: Sql, type: ValueType | 'bigint'): Sql {
  const chars = sql`trim(cast(${value} as string))`
  switch (type) {
    case 'unknown':
      return value
    case 'text':
    case 'list':
      return cast(value, type)
    case 'integer':
    case 'bigint':
      // Through a decimal number, as a text may have a fraction or an exponent.
      return sql`safe_cast(safe_cast(${chars} as bignumeric) as int64)`
    case 'decimal':
      return sql`safe_cast(safe_cast(${chars} as bignumeric) as ${typeName('decimal')})`
    case 'boolean':
      return sql`
        case lower(${chars})
          when 'true' then true when 't' then true when '1' then true
          when 'false' then false when 'f' then false when '0' then false
        end`
    case 'float':
    case 'date':
    case 'timestamp':
      return sql`safe_cast(${chars} as ${typeName(type)})`
  }
}

/**
 * The service compares no text with a number, not even a literal. A literal that is no number can only mean a text, or a
 * time; one that is may meet either: numbers become texts of one width, which are in the same order.
 */
export function comparable(value: Sql, literals: readonly string[]): { value: Sql; literals: readonly Sql[] } {
  const chars = sql`cast(${value} as string)`
  if (!literals.some(isNumeric))
    return { value: literals.some((one) => /^(true|false)$/.test(one)) ? chars : value, literals: literals.map(text) }
  const isText = sql`regexp_contains(${literal(value)}, ${text(`^["']`)})`
  return {
    value: sql`if(${isText}, ${chars}, ${inWidth(sql`safe_cast(${chars} as bignumeric)`)})`,
    literals: literals.map((one) =>
      isNumeric(one) ? sql`if(${isText}, ${text(one)}, ${inWidth(sql`cast(${text(one)} as bignumeric)`)})` : text(one),
    ),
  }
}

function isNumeric(literal: string): boolean {
  return /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,2})?$/i.test(literal)
}

/** Beside so great a number none is negative, and all have as many digits. */
function inWidth(number: Sql): Sql {
  return sql`format('%039.9f', ${number} + cast('1e28' as bignumeric))`
}

/** JSON text of a value; null for null, and for a number that JSON cannot say (NaN, infinity). */
export function jsonOf(value: Sql, type: ValueType): Sql {
  switch (type) {
    // The text "null" has quotes.
    case 'text':
    case 'list':
      return sql`nullif(to_json_string(${value}), 'null')`
    // A number beyond 2^53 would get quotes.
    case 'integer':
    case 'boolean':
    case 'decimal':
      return sql`cast(${value} as string)`
    case 'date':
      return sql`('"' || cast(cast(${value} as date) as string) || '"')`
    case 'timestamp':
      return sql`('"' || ${instantText(value)} || '"')`
    case 'float':
      return shortNumber(value)
    case 'unknown':
      return sql`
        case
          when regexp_contains(${literal(value)}, ${text(BARE)}) then trim(to_json_string(${value}), '"')
          else ${withZone(value, sql`nullif(to_json_string(${value}), 'null')`)}
        end`
  }
}

/** The text of a value as people write it; null for a number that is none. */
export function plainText(value: Sql, type: ValueType): Sql {
  switch (type) {
    case 'text':
    case 'integer':
    case 'boolean':
    case 'decimal':
      return sql`cast(${value} as string)`
    case 'date':
      return sql`cast(cast(${value} as date) as string)`
    case 'timestamp':
      return instantText(value)
    case 'list':
      return jsonOf(value, 'list')
    case 'float':
      return shortNumber(value)
    case 'unknown': {
      const json = sql`to_json_string(${value})`
      return sql`
        case
          when starts_with(${json}, '"') then json_value(${withZone(value, json)})
          else nullif(${json}, 'null')
        end`
    }
  }
}

/**
 * A value as GoogleSQL would write it: the one function that takes any type and tells it. Texts begin with a quote, so
 * that none is mistaken for another type.
 */
function literal(value: Sql): Sql {
  return sql`format('%T', ${value})`
}

/** What is written without quotes in JSON, however it is printed: numbers of every kind. */
const BARE = '^(-?[0-9]+$|(BIG)?NUMERIC)'

/** Instants get their `Z` and lose the zeros at the end of a fraction; what is no number becomes null. */
function withZone(value: Sql, json: Sql): Sql {
  return sql`
    case
      when regexp_contains(${literal(value)}, '^(TIMESTAMP|DATETIME)')
        then regexp_replace(${json}, ${text('(\\.\\d*[1-9])?(\\.?0*)Z?"$')}, ${text('\\1Z"')})
      when starts_with(${literal(value)}, 'CAST(') then null
      else ${json}
    end`
}

/** The service writes 1e+15, others 1000000000000000; from 21 digits on all write an exponent. */
function shortNumber(value: Sql): Sql {
  return sql`
    case
      when is_nan(${value}) or is_inf(${value}) then null
      when abs(${value}) >= 1e15 and abs(${value}) < 1e21 then cast(cast(${value} as bignumeric) as string)
      else replace(cast(${value} + 0e0 as string), 'e+', 'e')
    end`
}

/** ISO 8601 in UTC with `Z`, fraction only where there is one. */
function instantText(value: Sql): Sql {
  return sql`format_timestamp('%E4Y-%m-%dT%H:%M:%E*SZ', cast(${value} as timestamp))`
}

/**
 * Separators of every kind, control characters (tab, line ends, NUL) and the zero-width marks that copying leaves
 * behind; not the joiners that hold emoji and Persian words together.
 */
const BLANK = '[\\pZ\\p{Cc}\\x{200b}\\x{2060}\\x{feff}]'

/**
 * Normalised text. Each form first tries values of printable ASCII, nearly all there are; the rest pays for Unicode.
 * Lower case can decompose and compose anew, hence composition on both sides.
 */
export function normalised(value: Sql, how: Normaliser, type: ValueType = 'unknown'): Sql {
  const chars = type === 'text' ? value : sql`cast(${value} as string)`
  switch (how) {
    case 'email':
      return sql`
        case
          when regexp_contains(${chars}, '^[!-?A-~]+@[!-?A-~]+$')
            then lower(${chars})
          else regexp_extract(
            ${folded(chars)},
            '^[^@ ]+@[^@ ]+$'
          )
        end`
    case 'text':
      return sql`
        case
          when regexp_contains(${chars}, '^[!-~]+( [!-~]+)*$')
            then lower(${chars})
          else nullif(
            ${folded(chars)},
            ''
          )
        end`
    case 'exact':
      return sql`
        case
          ${type === 'text' ? sql`` : sql`when regexp_contains(${literal(value)}, ${text(FRACTIONAL)}) then ${plainText(value, 'unknown')}`}
          when regexp_contains(${chars}, '^[!-~]([ -~]*[!-~])?$')
            then ${chars}
          else nullif(regexp_replace(
            ${chars},
            ${text(`^${BLANK}+|${BLANK}+$`)}, ''
          ), '')
        end`
  }
}

/** How a float is written: with a dot or an exponent, or as a cast where it is no number. */
const FRACTIONAL = '^(CAST\\(|-?[0-9]+(\\.|e))'

/** Lower case, composed, blanks collapsed and none at the ends. */
function folded(value: Sql): Sql {
  const blank = call('regexp_replace', [value, text(`${BLANK}+`), sql`' '`])
  // One character at a time, as other databases do: no final sigma, a dotted capital I becomes a plain i.
  return sql`
    normalize(lower(translate(
      normalize(trim(${blank}, ' '), nfc),
      'Σİ', 'σi'
    )), nfc)`
}
