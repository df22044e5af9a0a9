import type { ValueType } from '../sql/dialect.ts'
import { type Sql, sql, stacked } from '../sql/sql.ts'
import { call } from './fragments.ts'
import { cast, oneList } from './snowflake-values.ts'

// A tally is the list of its values. No subquery may look into a list of the row, so that a list of them all, in order, is
// folded: equal values stand side by side and are counted as they pass.

/** The values that occur most often in all tallies, the smallest first. */
function mostOf(tallies: readonly Sql[]): Sql {
  return sql`
    get(reduce(
      array_sort(${oneList(tallies)}),
      array_construct(null, 0, 0, array_construct()),
      (a, v) -> array_construct(
        v,
        ${run},
        greatest(cast(get(a, 2) as bigint), ${run}),
        case
          when cast(get(a, 2) as bigint) > ${run} then get(a, 3)
          when cast(get(a, 2) as bigint) = ${run} then array_append(get(a, 3), v)
          else array_construct(v)
        end
      )
    ), 3)`
}

/** How many of the value have passed. What is carried on: the value, how many of it, the most of any, and those values. */
const run = sql`iff(equal_null(get(a, 0), v), cast(get(a, 1) as bigint) + 1, 1)`

/** What comes out of a list is a variant, unless its type is known. */
export function mostFrequent(tallies: readonly Sql[], type: ValueType = 'unknown'): Sql {
  const [only, ...more] = tallies
  if (only === undefined) return sql`null`
  if (more.length === 0) return cast(sql`get(${mostOf([only])}, 0)`, type)
  const most = mostOf(tallies)
  // Of an empty list the smallest is null.
  const smallest = tallies.map((tally) => sql`array_min(${both(most, tally)})`)
  return cast(call('coalesce', smallest), type)
}

export function mostFrequentIn(tallies: readonly Sql[]): Sql {
  if (tallies.length === 0) return sql`null`
  const most = mostOf(tallies)
  const places = tallies.map((tally, index) => sql`when array_size(${both(most, tally)}) > 0 then ${index + 1}`)
  return sql`
    case
      ${stacked(places)}
    end`
}

function both(most: Sql, tally: Sql): Sql {
  return sql`
    array_intersection(
      ${most},
      coalesce(${tally}, array_construct())
    )`
}
