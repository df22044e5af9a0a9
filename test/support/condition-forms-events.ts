import type { ConditionForm, ConditionGroup } from './condition-forms.ts'

const NEVER = 'never null; false without rows'

/** A `did: orders` with options. */
function did(options: string, meaning: string, answers: string, nulls = NEVER): ConditionForm {
  return { where: `{ did: orders, ${options} }`, meaning, nulls, answers }
}

/** Conditions on what people did, where they belong and belonged. */
export const EVENT_FORMS: readonly ConditionGroup[] = [
  {
    title: 'What people did',
    text: 'Rows of a source that belong to the person. A row on which `where:` or a bound is null does not count. Rows in the future count unless `within:` or `before: now` leaves them out. Everything that is said together must hold.',
    forms: [
      { where: 'did: orders', meaning: 'there is a row', nulls: NEVER, answers: 'ttft' },
      {
        where: 'did_not: orders',
        meaning: 'the opposite of `did`, whatever is said with it',
        nulls: 'never null; true without rows',
        answers: 'fftf',
      },
      did('where: status = paid, at_least: 2', 'at least so many rows on which the condition is true', 'tfft'),
      did('where: amount > customer.points', 'beside traits of the person: `customer.<trait>`', 'tfft'),
      did('where: [sku = b, amount > 50]', 'several conditions', 'tfff'),
      did('within: 30 days', 'rows that are not older, and not in the future', 'tfft'),
      did('within: 30 days, at_least: 2', 'at least so many of these', 'tfff'),
      did('after: 2026-03-29', 'rows after the end of that day', 'ffft'),
      did('before: 2026-01-10', 'rows before that day began', 'ftff'),
      did('after: start of month - 1 month, before: 2026-03-29', 'rows between two times', 'tfff'),
      {
        where: '{ did_not: orders, after: customer.last_order_at }',
        meaning: 'rows after a time that a trait holds',
        nulls: 'no row is after null, so `did_not` is true',
        answers: 'tttf',
      },
      did('at_most: 1', 'at most so many rows', 'fttf', 'never null; 0 rows are at most 1'),
      did('exactly: 0', 'exactly so many rows', 'fftf', 'never null; 0 rows'),
      did('at_least: 1, at_most: 2', 'between the two', 'ftft'),
      did(
        'sum: amount, at_least: 100',
        'the sum of an expression over the rows',
        'tfft',
        'never null; nulls are skipped, the sum of nothing is 0',
      ),
      did('sum: amount, at_most: 0', 'the same', 'fttf', 'never null; the sum of nothing is 0'),
      did(
        'avg: amount, at_least: 40',
        'the mean',
        'tfft',
        'never null; nulls are skipped, false where there is no value',
      ),
      did('min: amount, at_most: 10', 'the smallest value', 'ffft', 'never null; false where there is no value'),
      did('max: amount, at_least: 60', 'the greatest value', 'tfft', 'never null; false where there is no value'),
      did(
        'count_distinct: sku, at_least: 2',
        'how many different values there are',
        'tfff',
        'never null; null is no value',
      ),
      did('count_distinct: amount, at_most: 0', 'the same', 'fttf', 'never null; null is no value'),
      did('first: { after: 60 days ago }', 'when the first of the rows happened', 'ffft'),
      did('first: { within: 90 days }', 'the same, and not in the future', 'ttft'),
      did('last: { before: 60 days ago }', 'when the last of the rows happened', 'ftff'),
      did('last: { after: 2026-01-01, before: 2026-04-01 }', 'between two times', 'tfff'),
      did('at_least: 2, last: { within: 7 days }', 'so many rows, the last of them in the last days', 'tfff'),
      did(
        'where: sku = b, first: { after: customer.birthday }',
        'of the rows that count, after a time that a trait holds',
        'tfff',
        'never null; false where the time is null',
      ),
      {
        where: '{ did_not: orders, last: { before: 60 days ago } }',
        meaning: 'the opposite: also who has no row',
        nulls: 'never null; true without rows',
        answers: 'tftt',
      },
    ],
  },
  {
    title: 'What people did, one after the other',
    text: '',
    forms: [
      {
        where: '{ did: visits, then: { did: orders, within: 2 days } }',
        meaning: 'a row, and later one of another source, in so much time',
        nulls: NEVER,
        answers: 'tfft',
      },
      {
        where: '{ did: visits, then: { did: orders, within: 1 day } }',
        meaning: 'the same in less time',
        nulls: NEVER,
        answers: 'ffft',
      },
      {
        where: '{ did: visits, then: { did_not: orders, within: 1 day } }',
        meaning: 'a row, and none of the other source in the time after it, which is over',
        nulls: NEVER,
        answers: 'tfff',
      },
    ],
  },
  {
    title: 'Segments',
    text: 'Ann and Bob were published as members of `gold` on 1 February; on 15 March Bob had left and Dee entered. `was_member_of` asks what was published, never what this build decides; what is older than `defaults.history` is forgotten.',
    forms: [
      {
        where: 'member_of: vips',
        meaning: 'is a member of another segment',
        nulls: 'never null; where its condition is null nobody is a member',
        answers: 'tfft',
      },
      { where: 'not: { member_of: vips }', meaning: 'is no member', nulls: 'never null', answers: 'fttf' },
      {
        where: 'member_of: tested.a',
        meaning: 'is in this variant of a segment',
        nulls: 'never null',
        answers: 'ttft',
      },
      { where: 'member_of: gold', meaning: 'is a member now', nulls: 'never null', answers: 'fftt' },
      {
        where: 'was_member_of: gold',
        meaning: 'was a member in what was published before',
        nulls: 'never null; false for who never was',
        answers: 'ttft',
      },
      {
        where: '{ was_member_of: gold, within: 10 days }',
        meaning: 'was a member at some time since then',
        nulls: 'never null',
        answers: 'tfft',
      },
      {
        where: '{ was_member_of: gold, after: 2026-03-15 }',
        meaning: 'was a member at some time after the end of that day',
        nulls: 'never null',
        answers: 'tfft',
      },
      {
        where: '{ was_member_of: gold, before: 2026-03-01 }',
        meaning: 'was a member at some time before',
        nulls: 'never null',
        answers: 'ttff',
      },
      {
        where: '{ was_member_of: gold, after: 2026-03-20, before: 2026-03-25 }',
        meaning: 'was a member at some time between',
        nulls: 'never null',
        answers: 'tfft',
      },
      {
        where: '{ was_member_of: gold, after: customer.last_order_at }',
        meaning: 'after a time that a trait holds',
        nulls: 'never null; false where the time is null',
        answers: 'ttft',
      },
    ],
  },
  {
    title: 'Groups',
    text: 'In segments and syncs: traits of the household, account or other entity `of:` this one that the person belongs to.',
    forms: [
      {
        where: 'household.size > 1',
        meaning: 'a trait of the group',
        nulls: 'null for who belongs to none',
        answers: 'ttnf',
      },
      {
        where: 'household.size is null',
        meaning: 'belongs to none',
        nulls: 'true for who belongs to none',
        answers: 'fftf',
      },
      {
        where: 'points > household.mean_points',
        meaning: 'beside a trait of the person',
        nulls: 'null for who belongs to none',
        answers: 'tfnf',
      },
      {
        where: '{ was_member_of: gold, after: household.last_at }',
        meaning: 'as a time in the window of `was_member_of`',
        nulls: 'never null; false where the time is null',
        answers: 'tfft',
      },
    ],
  },
  {
    title: 'SQL of the warehouse',
    text: 'The way out: one expression over the traits, passed on as it is.',
    forms: [
      {
        where: '{ sql: "mod(points, 2) = 0 and country is not null" }',
        meaning: 'the expression is true',
        nulls: 'as the warehouse has it',
        answers: 'ttft',
      },
    ],
  },
]
