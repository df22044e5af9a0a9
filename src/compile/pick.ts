import type { PickBy } from '../project/project.ts'
import type { Dialect, ValueType } from '../sql/dialect.ts'
import { empty, type Sql, sql, stacked, text } from '../sql/sql.ts'
import { firstOf } from './rows.ts'

/** What the scan of a source found in one column for a pick, a profile a row. */
export interface Candidate {
  readonly source: string
  /** The value of the column; for `most_frequent` its tally, for `concat_distinct` the list of its values. */
  readonly value: Sql
  /** For `most_recent` and `first`: when a row had the value. Null where no row with a value says when. */
  readonly time: Sql
}

/** What a pick is to give. */
interface Wanted {
  readonly by: PickBy
  /** What is known of its values. */
  readonly type: ValueType
}

/** The value that survives of candidates in their order; of equals the one that is named first. */
export function survivor(dialect: Dialect, { by, type }: Wanted, candidates: readonly Candidate[]): Sql {
  const values = candidates.map((one) => one.value)
  switch (by) {
    case 'priority':
      return firstOf(values)
    case 'most_frequent':
      return dialect.mostFrequent(values, type)
    case 'concat_distinct':
      return dialect.joinLists(values, ', ')
    case 'min':
    case 'max':
    case 'any_true':
      return best(dialect, by, values)
    case 'longest':
    case 'most_recent':
    case 'first':
      return winner(dialect, by, candidates, { of: values, untimed: firstOf(values) })
  }
}

/** The name of the source from which the surviving value comes; null where there is no value. */
export function survivorSource(dialect: Dialect, by: PickBy, candidates: readonly Candidate[]): Sql {
  const values = candidates.map((one) => one.value)
  const names = candidates.map((one) => text(one.source))
  const firstNamed = firstKnown(values, names)
  if (candidates.length === 1 || by === 'priority') return firstNamed
  switch (by) {
    case 'most_frequent': {
      const places = names.map((_, index) => sql`${index + 1}`)
      return chosen(dialect.mostFrequentIn(values), places, names)
    }
    case 'concat_distinct':
      throw new Error('the source of joined values was not refused when the project was resolved')
    case 'min':
    case 'max':
    case 'any_true':
      return chosen(best(dialect, by, values), values, names)
    case 'longest':
    case 'most_recent':
    case 'first':
      return winner(dialect, by, candidates, { of: names, untimed: firstNamed })
  }
}

/** Strategies that compare candidates by one rank each. */
type Comparing = Exclude<PickBy, 'priority' | 'most_frequent' | 'concat_distinct'>

/** Of true and false, true is the greater. */
function best(dialect: Dialect, by: Comparing, ranks: readonly Sql[]): Sql {
  if (ranks.length === 1) return firstOf(ranks)
  return by === 'min' || by === 'first' ? dialect.least(ranks) : dialect.greatest(ranks)
}

/** The result of the longest, newest or oldest candidate; of the first with a value where none has a time. */
function winner(
  dialect: Dialect,
  by: 'longest' | 'most_recent' | 'first',
  candidates: readonly Candidate[],
  results: { readonly of: readonly Sql[]; readonly untimed: Sql },
): Sql {
  if (candidates.length === 1) return results.untimed
  const byLength = by === 'longest'
  const ranks = candidates.map(({ value, time }) => (byLength ? dialect.length(dialect.cast(value, 'text')) : time))
  return chosen(best(dialect, by, ranks), ranks, results.of, byLength ? empty : sql`else ${results.untimed}`)
}

/** The result of the first rank that equals the best. */
function chosen(rank: Sql, ranks: readonly Sql[], results: readonly Sql[], otherwise = empty): Sql {
  return sql`
    case ${rank}
      ${stacked(ranks.map((one, index) => sql`when ${one} then ${results[index] ?? sql`null`}`))}
      ${otherwise}
    end`
}

/** The result of the first value that is not null. */
function firstKnown(values: readonly Sql[], results: readonly Sql[]): Sql {
  return sql`
    case
      ${stacked(values.map((value, index) => sql`when ${value} is not null then ${results[index] ?? sql`null`}`))}
    end`
}
