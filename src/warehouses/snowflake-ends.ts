import type { OrderKey, ValueType } from '../sql/dialect.ts'
import { lines, type Sql, sql, stacked, text } from '../sql/sql.ts'
import { call, code, operand, ordered } from './fragments.ts'
import { cast, where as whereTrue } from './snowflake-values.ts'

// `max_by` and `min_by` keep the type of what they give, and hold one value a group. They compare by one key: so the keys of an
// order, and the value that breaks ties, are one text whose characters stand in the same order.

/**
 * The value of the first or last row. Where a key has no text in its own order (a float, a list, something unknown, a text
 * from its end), all values are put in order: then it is a variant, unless its type is known.
 */
export function valueAt(
  which: 'first' | 'last',
  value: Sql,
  order: readonly OrderKey[],
  condition?: Sql,
  type: ValueType = 'unknown',
): Sql {
  const keys = order.map((key) => sortable(key))
  const known = keys.flatMap((key) => (key === undefined ? [] : [key]))
  if (known.length < keys.length) return cast(listed(which, value, order, condition), type)
  const test = condition === undefined ? sql`` : sql` and ${operand(condition)}`
  const pieces = [...known.map((key) => orNull(which, key)), tie(value, type)]
  return sql`
    ${code(which === 'first' ? 'min_by' : 'max_by')}(${value}, case
      when ${operand(value)} is not null${test}
        then ${stacked(pieces.map((piece, at) => (at === 0 ? piece : sql`|| ${piece}`)))}
    end)`
}

/** All values in order, of which the first is taken. */
function listed(which: 'first' | 'last', value: Sql, order: readonly OrderKey[], condition: Sql | undefined): Sql {
  return sql`
    get(array_agg(${whereTrue(value, condition)}) within group (order by
      ${lines(ordered(which, [...order, { of: value, type: 'unknown' }]))}
    ), 0)`
}

/** A row without a place in the order comes after all others, seen from either end. */
function orNull(which: 'first' | 'last', key: Sql): Sql {
  const [there, missing] = which === 'first' ? ['0', '1'] : ['1', '0']
  return call('coalesce', [sql`${text(there)} || ${key}`, text(missing)])
}

/** The text of a key, of one length or with an end before which no letter stands; undefined where there is none. */
function sortable({ of, type, isDescending = false }: OrderKey): Sql | undefined {
  switch (type) {
    case 'timestamp':
      if (!isDescending) return sql`to_char(${of}, 'YYYYMMDDHH24MISSFF6')`
      return digits(sql`date_part(epoch_microsecond, ${of})`, MICROSECONDS, isDescending)
    case 'date':
      if (!isDescending) return sql`to_char(${of}, 'YYYYMMDD')`
      return digits(sql`datediff(day, date '1970-01-01', ${of})`, DAYS, isDescending)
    case 'integer':
      return digits(of, WHOLE, isDescending)
    case 'decimal':
      return digits(sql`cast(${of} as number(38, 9))`, DECIMALS, isDescending)
    case 'text':
      return isDescending ? undefined : sql`${operand(of)} || chr(1)`
    case 'boolean':
    case 'float':
    case 'list':
    case 'unknown':
      return undefined
  }
}

/** What is added to a number so that it is none below zero, and how many characters the sum has. */
interface Digits {
  readonly most: string
  readonly width: number
}

/** Times from the year 1 to 9999. */
const MICROSECONDS: Digits = { most: '400000000000000000', width: 18 }
const DAYS: Digits = { most: '4000000', width: 7 }
const WHOLE: Digits = { most: '10000000000000000000', width: 20 }
const DECIMALS: Digits = { most: '10000000000000000000000000000', width: 39 }

function digits(value: Sql, { most, width }: Digits, isDescending: boolean): Sql {
  const sum = sql`${code(most)} ${code(isDescending ? '-' : '+')} ${operand(value)}`
  return call('lpad', [sql`cast(${sum} as varchar)`, sql`${width}`, text('0')])
}

/** What tells rows apart that all keys find equal. Of values whose type is not known it is their text. */
function tie(value: Sql, type: ValueType): Sql {
  switch (type) {
    case 'text':
      return operand(value)
    case 'timestamp':
    case 'date':
    case 'integer':
    case 'decimal':
      return sortable({ of: value, type }) ?? sql`''`
    case 'boolean':
    case 'float':
    case 'unknown':
      return sql`cast(${value} as varchar)`
    case 'list':
      return call('to_json', [value])
  }
}
