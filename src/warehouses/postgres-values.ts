import type { Normaliser, ValueType } from '../sql/dialect.ts'
import { join, type Sql, sql, stacked, text } from '../sql/sql.ts'
import { call, code, fitting, operand } from './fragments.ts'

type Known = Exclude<ValueType, 'unknown'> | 'bigint'

/** What Postgres calls each type: the same ranges as in every dialect. */
const TYPES: Readonly<Record<Known, string>> = {
  text: 'text',
  integer: 'bigint',
  bigint: 'bigint',
  decimal: 'numeric(18, 6)',
  float: 'double precision',
  boolean: 'boolean',
  date: 'date',
  timestamp: 'timestamptz',
  list: 'text[]',
}

/** Postgres's name of a type; of `unknown` there is none. */
export function typeName(type: Known): Sql {
  return code(TYPES[type])
}

export function cast(value: Sql, type: ValueType | 'bigint'): Sql {
  if (type === 'unknown') return value
  // The server takes a bare literal for what is asked, so that text of a number would be read, not printed.
  return sql`cast(${value} as ${typeName(type)})`
}

/**
 * Postgres 15 cannot ask whether a text would fit, so that it is looked at first. In a `case` no branch is computed,
 * not even of constants, before its condition is known to be true.
 */
export function tryCast(value: Sql, type: ValueType | 'bigint'): Sql {
  if (type === 'unknown' || type === 'text' || type === 'list') return cast(value, type)
  const chars = sql`cast(${value} as text)`
  switch (type) {
    case 'integer':
    case 'bigint':
      return guarded(chars, NUMBER, sql`between -9223372036854775808 and 9223372036854775807`, sql`bigint`)
    case 'decimal':
      return guarded(chars, NUMBER, sql`between -999999999999.999999 and 999999999999.999999`, typeName('decimal'))
    case 'float':
      return sql`
        case
          when ${chars} ~* '^\s*[+-]?(nan|inf(inity)?)\s*$' then cast(${chars} as double precision)
          else ${guarded(chars, NUMBER, sql`between -1.7e308 and 1.7e308`, sql`double precision`)}
        end`
    case 'boolean':
      return sql`
        case lower(btrim(${chars}))
          when 'true' then true when 't' then true when '1' then true
          when 'false' then false when 'f' then false when '0' then false
        end`
    case 'date':
      return looksLike(chars, [...DAY, '\\s*$'], sql`date`)
    case 'timestamp':
      return looksLike(chars, [...DAY, ...TIME, '\\s*$'], sql`timestamptz`)
  }
}

export function inOrder(value: Sql, type: ValueType): readonly Sql[] {
  return mayBeText(type)
    ? [sql`case when ${isText(value)} then cast(${value} as text) end collate "C"`, value]
    : [value]
}

/** False where a project says that values are none. */
export function mayBeText(type: ValueType): boolean {
  return type === 'text' || type === 'unknown'
}

/** True in every row of a column of texts, however long they may be. */
export function isText(value: Sql): Sql {
  return sql`pg_typeof(${value}) = any(cast('{text,varchar,bpchar}' as regtype[]))`
}

/** JSON text of a value; null for null, and for a number that JSON cannot say (NaN, infinity). */
export function jsonOf(value: Sql, type: ValueType): Sql {
  switch (type) {
    case 'text':
      return sql`cast(to_json(cast(${value} as text)) as text)`
    case 'integer':
    case 'boolean':
      return sql`cast(${value} as text)`
    case 'date':
      return sql`('"' || cast(${value} as date) || '"')`
    case 'timestamp':
      return sql`('"' || ${instantText(value)} || '"')`
    case 'list':
      return sql`cast(to_json(${value}) as text)`
    case 'decimal':
      return trimmedNumber(value)
    case 'float':
      return shortNumber(value)
    case 'unknown':
      return sql`
        case
          when ${isOf(value, INSTANTS)}
            then '"' || ${instantText(sql`cast(${value} as text)`)} || '"'
          when ${isOf(value, FRACTIONS)} then ${shortNumber(value)}
          else cast(to_json(${value}) as text)
        end`
  }
}

/** The text of a value as people write it; null for a number that is none. */
export function plainText(value: Sql, type: ValueType): Sql {
  switch (type) {
    case 'text':
    case 'integer':
    case 'boolean':
    case 'date':
      return sql`cast(${value} as text)`
    case 'timestamp':
      return instantText(value)
    case 'list':
      return jsonOf(value, 'list')
    case 'decimal':
      return trimmedNumber(value)
    case 'float':
      return shortNumber(value)
    case 'unknown':
      return sql`
        case
          when ${isOf(value, INSTANTS)} then ${instantText(sql`cast(${value} as text)`)}
          when ${isOf(value, FRACTIONS)} then ${shortNumber(value)}
          when ${isOf(value, '\\[\\]$')} then cast(to_json(${value}) as text)
          else cast(${value} as text)
        end`
  }
}

/**
 * Normalised text. Each form first tries values of printable ASCII, nearly all there are; the rest pays for Unicode.
 * Lower case can decompose and compose anew, hence composition on both sides.
 */
export function normalised(value: Sql, how: Normaliser, type: ValueType = 'unknown'): Sql {
  const chars = type === 'text' ? value : sql`cast(${value} as text)`
  switch (how) {
    case 'email':
      return sql`
        case
          when ${chars} ~ '^[!-?A-~]+@[!-?A-~]+$'
            then lower(${chars})
          else substring(
            ${folded(chars)},
            '^[^@ ]+@[^@ ]+$'
          )
        end`
    case 'text':
      return sql`
        case
          when ${chars} ~ '^[!-~]+( [!-~]+)*$'
            then lower(${chars})
          else nullif(
            ${folded(chars)},
            ''
          )
        end`
    case 'exact':
      return sql`
        case
          ${type === 'text' ? sql`` : sql`when ${isOf(value, FRACTIONS)} then ${shortNumber(value)}`}
          when ${chars} ~ '^[!-~]([ -~]*[!-~])?$'
            then ${chars}
          else nullif(regexp_replace(
            ${chars},
            ${pattern(['^', ...BLANK, '+|', ...BLANK, '+$'])}, '', 'g'
          ), '')
        end`
  }
}

/** A whole or decimal number, with an exponent of at most three digits. */
const NUMBER = '^\\s*[+-]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][+-]?\\d{1,3})?\\s*$'

/** A day that the calendar has. */
const DAY = [
  '^\\s*(?!0000)(\\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|',
  '(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))|',
  '(\\d\\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)',
]

/** And perhaps a time of day, perhaps with a zone. */
const TIME = ['([T ]([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d(\\.\\d+)?)?', '( ?(Z|[+-](0\\d|1[0-5])(:?[0-5]\\d)?))?)?']

function looksLike(chars: Sql, pieces: readonly string[], type: Sql): Sql {
  return sql`
    case
      when ${chars} ~
        ${pattern(pieces)}
        then cast(${chars} as ${type})
    end`
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

function guarded(chars: Sql, pattern: string, range: Sql, type: Sql): Sql {
  return sql`
    case
      when ${chars} ~ ${text(pattern)} then
        case when cast(${chars} as numeric) ${range} then cast(cast(${chars} as numeric) as ${type}) end
    end`
}

/** What `pg_typeof` says of instants, and of times without a zone, which are read as UTC. */
const INSTANTS = '^timestamp'

/** And of numbers that may have decimals. */
const FRACTIONS = '^(numeric|double precision|real)$'

function isOf(value: Sql, names: string): Sql {
  return sql`cast(pg_typeof(${value}) as text) ~ ${text(names)}`
}

/** What is left out of a number's text: trailing zeros, the sign of zero, and what is no number at all. */
const NOISE = '^-(0)(\\.0+)?$|\\.0+$|(\\.\\d*[1-9])0+$|^-?(NaN|Infinity)$'

function trimmedNumber(value: Sql): Sql {
  return sql`
    nullif(replace(regexp_replace(
      cast(${value} as text),
      ${text(NOISE)}, '\\1\\3'
    ), 'e+', 'e'), '')`
}

/** The server writes 1e+15, others 1000000000000000; from 21 digits on all write an exponent. */
function shortNumber(value: Sql): Sql {
  return sql`
    case
      when cast(${value} as text) ~ 'e[+](1[5-9]|20)$'
        then cast(trim_scale(cast(cast(${value} as text) as numeric)) as text)
      else ${trimmedNumber(value)}
    end`
}

/** ISO 8601 in UTC with `Z`, fraction only where there is one. */
function instantText(value: Sql): Sql {
  const instant = sql`cast(${value} as timestamptz)`
  return fitting(
    sql`(replace(cast(${instant} at time zone 'UTC' as text), ' ', 'T') || 'Z')`,
    sql`
    (replace(cast(
      ${instant} at time zone 'UTC' as text
    ), ' ', 'T') || 'Z')`,
  )
}

/**
 * Separators of every kind, control characters and the zero-width marks that copying leaves behind; not the joiners
 * that hold emoji and Persian words together. Postgres knows no classes of Unicode. No text can hold NUL.
 */
const BLANK = [
  '[\\u0001-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200b',
  '\\u2028\\u2029\\u202f\\u205f\\u2060\\u3000\\ufeff]',
]

/** Lower case, composed, blanks collapsed and none at the ends. */
function folded(value: Sql): Sql {
  const composed = sql`
    normalize(btrim(regexp_replace(
      ${value},
      ${pattern([...BLANK, '+'])}, ' ', 'g'
    )), nfc)`
  // One character at a time, as other databases do: no final sigma, a dotted capital I becomes a plain i. ICU is the one
  // provider whose lower case does not hang on the database's own locale.
  return sql`
    normalize(lower(translate(
      ${composed},
      'Σİ', 'σi'
    ) collate "und-x-icu"), nfc) collate "default"`
}

/** A list of values in their order; `most`: no more than so many. */
export function sortedList(list: Sql, most: number | undefined): Sql {
  const limit = most === undefined ? sql`` : sql`limit ${most}`
  return sql`
    array(
      select item
      from unnest(${list}) as item
      order by ${join(inOrder(sql`item`, 'unknown'))}
      ${limit}
    )`
}

/** A text in which another is found. */
export function found(value: Sql, part: Sql): Sql {
  return sql`(${call('strpos', [value, part])} > 0)`
}

/** A text that ends with another. */
export function endsWith(value: Sql, part: Sql): Sql {
  return sql`(right(${value}, length(${part})) = ${operand(part)})`
}
