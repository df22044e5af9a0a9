import type { Aggregate, OrderKey, ValueType } from '../sql/dialect.ts'
import { join, lines, type Sql, sql, text, unionAll } from '../sql/sql.ts'
import { call, operand } from './fragments.ts'

/** BigQuery has no `filter`: a value that does not count is null, and aggregates skip nulls. */
export function aggregate(kind: Aggregate, value: Sql | undefined, where?: Sql): Sql {
  if (value === undefined) return where === undefined ? sql`count(*)` : call('countif', [where])
  const counted = among(value, where)
  switch (kind) {
    case 'count_distinct':
      return sql`count(distinct ${counted})`
    case 'avg':
      // Of decimals it is a decimal; other warehouses give a float.
      return sql`cast(avg(${counted}) as float64)`
    case 'count':
    case 'sum':
    case 'min':
    case 'max':
      return call(kind, [counted])
  }
}

/** `percentile_cont` is no aggregate there, and `approx_quantiles` is not exact: the values in their order, then two of them. */
export function percentile(value: Sql, p: number, where?: Sql): Sql {
  const number = sql`cast(${among(value, where)} as float64)`
  const place = sql`${p} * (count(${among(value, where)}) - 1)`
  const sorted = sql`array_agg(${number} ignore nulls order by ${number})`
  const below = sql`${sorted}[safe_offset(cast(floor(${place}) as int64))]`
  const above = sql`${sorted}[safe_offset(cast(ceil(${place}) as int64))]`
  return sql`
    (
      ${below}
      + (${above} - ${below})
      * (${place} - floor(${place}))
    )`
}

/** A row without a place in the order comes after all others, seen from either end; the value itself breaks ties. */
export function valueAt(
  which: 'first' | 'last',
  value: Sql,
  order: readonly OrderKey[],
  where?: Sql,
  type?: ValueType,
): Sql {
  const isList = type === 'list'
  const tie: OrderKey = { of: isList ? sql`to_json_string(${value})` : value, type: 'unknown' }
  const keys = [...order, tie].flatMap(({ of, isDescending = false }) => {
    const isDown = isDescending !== (which === 'last')
    // Nulls are the smallest of all, and `nulls last` may not stand in an aggregate.
    return isDown ? [sql`${of} desc`] : [sql`${operand(of)} is null`, of]
  })
  // There are no lists of lists, and none of them has an order.
  const known = sql`${value} is not null${where === undefined ? sql`` : sql` and ${operand(where)}`}`
  const found = isList ? among(sql`struct(${value} as item)`, known) : among(value, where)
  return sql`
    array_agg(${found} ignore nulls order by
      ${lines(keys)}
    limit 1)[safe_offset(0)]${isList ? sql`.item` : sql``}`
}

/** A tally is the list of its values. */
export function tally(value: Sql, where?: Sql): Sql {
  return sql`array_agg(${among(value, where)} ignore nulls)`
}

/** How often, in which tally first, and what: of the value that comes first by these. */
export function mostIn(tallies: readonly Sql[], wanted: 'item' | 'tally'): Sql {
  if (tallies.length === 0) return sql`null`
  const items = tallies.map((one, index) => sql`select item, ${index + 1} as tally from unnest(${one}) as item`)
  return sql`
    (
      select ${wanted === 'item' ? sql`item` : sql`min(tally)`}
      from (
        ${unionAll(items)}
      )
      group by item
      order by count(*) desc, min(tally), item
      limit 1
    )`
}

/** The list of all, in their order. */
export function distinctList(value: Sql, most?: number): Sql {
  const limit = most === undefined ? sql`` : sql` limit ${most}`
  return sql`ifnull(array_agg(distinct ${value} ignore nulls order by ${value}${limit}), [])`
}

export function joinLists(lists: readonly Sql[], separator: string): Sql {
  const known = lists.map((list) => sql`ifnull(${list}, [])`)
  const [only] = lists
  const all = lists.length === 1 && only ? only : call('array_concat', known)
  return sql`
    (
      select string_agg(distinct item, ${text(separator)} order by item)
      from unnest(${all}) as item
    )`
}

/**
 * The first value that is not null, in the order of values: `least` itself gives null where any is, so that a null is
 * replaced by another value. An array would be shorter, but may hold no aggregates.
 */
export function atEnd(end: 'least' | 'greatest', values: readonly Sql[]): Sql {
  const known = values.map((value, at) => call('coalesce', [value, ...values.filter((_, other) => other !== at)]))
  return values.length === 1 ? join(values) : call(end, known)
}

function among(value: Sql, where: Sql | undefined): Sql {
  return where === undefined ? value : call('if', [where, value, sql`null`])
}
