import type { PickBy } from './project.ts'

/** How a pick may choose, as `by:` names it, and what becomes of the values. */
const MEANINGS: Readonly<Record<PickBy, string>> = {
  priority: 'the first of `from` that has a value; of its rows the newest',
  most_recent: 'the value of the newest row',
  most_frequent: 'the value that most rows have',
  first: 'the value of the oldest row',
  longest: 'the value of most characters',
  min: 'the smallest value',
  max: 'the greatest value',
  any_true: 'true where any value is true, else false where any is false',
  concat_distinct: 'every different value, sorted, as one text with ", " between them',
}

/** Every strategy that `by:` may name. */
export const STRATEGIES = Object.keys(MEANINGS) as readonly PickBy[]

/** What `by:` means, one line a strategy. */
export const STRATEGIES_TOLD = [
  'Which value survives. Nulls and identifiers that are blocked never do.',
  ...STRATEGIES.map((by) => `${by}: ${MEANINGS[by]}.`),
  'Of equals, the one named first in `from` wins; in one source the newest row (for `first` the oldest), then the ' +
    'greater key, then the greater value (for `first` and `most_frequent` the smaller).',
  'Default: priority.',
].join('\n')
