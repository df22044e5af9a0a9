import type { Normaliser, ValueType } from '../sql/dialect.ts'
import { join, type Sql, sql, stacked, text } from '../sql/sql.ts'
import { call, code, fitting, operand } from './fragments.ts'

/** A type that Snowflake has a name for. */
type Known = Exclude<ValueType, 'unknown'> | 'bigint'

/** The same ranges as in every dialect, and wider where Snowflake has one type for all. */
const TYPES: Readonly<Record<Known, string>> = {
  text: 'varchar',
  integer: 'bigint',
  bigint: 'bigint',
  decimal: 'number(18, 6)',
  float: 'float',
  boolean: 'boolean',
  date: 'date',
  // The one type of time that is an instant and nothing else: no offset is kept with it.
  timestamp: 'timestamp_ltz',
  list: 'array',
}

/** Snowflake's name of a type; of `unknown` there is none. */
export function typeName(type: Known): Sql {
  return code(TYPES[type])
}

export function cast(value: Sql, type: ValueType | 'bigint'): Sql {
  return type === 'unknown' ? value : sql`cast(${value} as ${typeName(type)})`
}

/** Only texts can be tried. */
export function tryCast(value: Sql, type: ValueType | 'bigint'): Sql {
  if (type === 'unknown' || type === 'text' || type === 'list') return cast(value, type)
  return sql`try_cast(cast(${value} as varchar) as ${typeName(type)})`
}

/** JSON text of a value; null for null, and for a number that JSON cannot say (NaN, infinity). */
export function jsonOf(value: Sql, type: ValueType): Sql {
  switch (type) {
    case 'text':
      return sql`to_json(to_variant(cast(${value} as varchar)))`
    case 'integer':
    case 'boolean':
      return sql`cast(${value} as varchar)`
    case 'date':
      return sql`('"' || ${dateText(value)} || '"')`
    case 'timestamp':
      return sql`('"' || ${instantText(value)} || '"')`
    case 'list':
      return sql`to_json(${value})`
    case 'decimal':
    case 'float':
      return numberText(value)
    case 'unknown':
      return sql`
        case
          when ${isOf(value, INSTANTS)} then '"' || ${instantText(value)} || '"'
          when ${isOf(value, DATES)} then '"' || ${dateText(value)} || '"'
          when ${isOf(value, NUMBERS)} then ${numberText(value)}
          when ${isOf(value, BOOLEANS)} then cast(${value} as varchar)
          when ${isOf(value, LISTS)} then to_json(to_variant(${value}))
          else to_json(to_variant(cast(${value} as varchar)))
        end`
  }
}

/** The text of a value as people write it; null for a number that is none. */
export function plainText(value: Sql, type: ValueType): Sql {
  switch (type) {
    case 'text':
    case 'integer':
    case 'boolean':
      return sql`cast(${value} as varchar)`
    case 'date':
      return dateText(value)
    case 'timestamp':
      return instantText(value)
    case 'list':
      return jsonOf(value, 'list')
    case 'decimal':
    case 'float':
      return numberText(value)
    case 'unknown':
      return sql`
        case
          when ${isOf(value, INSTANTS)} then ${instantText(value)}
          when ${isOf(value, DATES)} then ${dateText(value)}
          when ${isOf(value, NUMBERS)} then ${numberText(value)}
          when ${isOf(value, LISTS)} then to_json(to_variant(${value}))
          else cast(${value} as varchar)
        end`
  }
}

/** What `typeof` says of a value that stands in a variant. */
const INSTANTS = ['TIMESTAMP_LTZ', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ']
const DATES = ['DATE']
const NUMBERS = ['DECIMAL', 'DOUBLE', 'INTEGER']
const BOOLEANS = ['BOOLEAN']
const LISTS = ['ARRAY', 'OBJECT']

function isOf(value: Sql, names: readonly string[]): Sql {
  const kind = sql`typeof(to_variant(${value}))`
  return names.length === 1 ? sql`${kind} = ${join(names.map(text))}` : sql`${kind} in (${join(names.map(text))})`
}

function dateText(value: Sql): Sql {
  return sql`to_char(cast(${value} as date), 'YYYY-MM-DD')`
}

/** ISO 8601 in UTC, the session's zone, with `Z`; fraction only where there is one. */
export function instantText(value: Sql): Sql {
  const printed = sql`to_char(cast(${value} as timestamp_ltz), ${text('YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"')})`
  return fitting(
    sql`regexp_replace(${printed}, ${text(NO_FRACTION)}, 'Z')`,
    sql`
    regexp_replace(
      ${printed},
      ${text(NO_FRACTION)}, 'Z'
    )`,
  )
}

const NO_FRACTION = '\\.?0+Z$'

/** What is left out of a number's text: trailing zeros, the sign of zero, and what is no number at all. */
const NOISE = '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|nan|inf|Infinity)$'

/** A number without what is not said; large floats without an exponent up to 21 digits, as others write them. */
function numberText(value: Sql): Sql {
  const chars = sql`cast(${value} as varchar)`
  return sql`
    case
      when regexp_like(${chars}, '.*e[+]?(1[5-9]|20)')
        then cast(cast(${value} as number(38, 0)) as varchar)
      else nullif(replace(regexp_replace(
        ${chars},
        ${text(NOISE)}, ${text('\\1\\3')}
      ), 'e+', 'e'), '')
    end`
}

/**
 * Normalised text. Each form first tries values of printable ASCII, nearly all there are. Snowflake has no function that
 * composes characters: a letter and its accent stay two where they came as two.
 */
export function normalised(value: Sql, how: Normaliser, type: ValueType = 'unknown'): Sql {
  const chars = type === 'text' ? value : sql`cast(${value} as varchar)`
  switch (how) {
    case 'email':
      return sql`
        case
          when regexp_like(${chars}, '[!-?A-~]+@[!-?A-~]+')
            then lower(${chars})
          else regexp_substr(
            ${folded(chars)},
            '^[^@ ]+@[^@ ]+$'
          )
        end`
    case 'text':
      return sql`
        case
          when regexp_like(${chars}, '[!-~]+( [!-~]+)*')
            then lower(${chars})
          else nullif(
            ${folded(chars)},
            ''
          )
        end`
    case 'exact':
      return sql`
        case
          ${type === 'text' ? sql`` : sql`when ${isOf(value, NUMBERS)} then ${numberText(value)}`}
          when regexp_like(${chars}, '[!-~]([ -~]*[!-~])?')
            then ${chars}
          else nullif(regexp_replace(
            ${chars},
            ${pattern(['^', ...BLANK, '+|', ...BLANK, '+$'])}, ''
          ), '')
        end`
  }
}

/**
 * Separators of every kind, control characters and the zero-width marks that copying leaves behind; not the joiners
 * that hold emoji and Persian words together. Snowflake's expressions know no classes of Unicode.
 */
const BLANK = [
  '[\\x{0}-\\x{20}\\x{7f}-\\x{a0}\\x{1680}\\x{2000}-\\x{200b}',
  '\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{2060}\\x{3000}\\x{feff}]',
]

/** Lower case, blanks collapsed and none at the ends. */
function folded(value: Sql): Sql {
  return sql`
    lower(trim(regexp_replace(
      ${value},
      ${pattern([...BLANK, '+'])}, ' '
    )))`
}

/** A regular expression, in several lines where it is long. */
function pattern(pieces: readonly string[]): Sql {
  const filled: string[] = []
  for (const piece of pieces) {
    const last = filled.at(-1)
    if (last !== undefined && last.length + piece.length <= 60) filled[filled.length - 1] = last + piece
    else filled.push(piece)
  }
  const parts = filled.map((piece, at) => (at === 0 ? text(piece) : sql`|| ${text(piece)}`))
  return parts.length === 1 ? join(parts) : sql`(${stacked(parts)})`
}

/** A value where a condition is true, else null: aggregates skip it. */
export function where(value: Sql, condition: Sql | undefined): Sql {
  if (condition === undefined) return value
  return fitting(
    sql`case when ${condition} then ${value} end`,
    sql`
    case
      when ${condition}
        then ${value}
    end`,
  )
}

/** Several lists as one, nulls taken for empty ones. */
export function oneList(lists: readonly Sql[]): Sql {
  const known = lists.map((list) => sql`coalesce(${list}, array_construct())`)
  return known.reduce((all, list) => call('array_cat', [all, list]))
}

/** The hex digits of the SHA-256 of a text. */
export function sha256(value: Sql): Sql {
  return sql`sha2(${operand(value)}, 256)`
}
