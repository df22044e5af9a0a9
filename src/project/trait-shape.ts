import { z } from 'zod'
import { dataTests } from './data-test-shapes.ts'
import { condition, expression, later, named } from './schema-parts.ts'
import { entries, planned, scalar, scalars, tree } from './shapes.ts'
import { STRATEGIES, STRATEGIES_TOLD } from './strategies.ts'

const period = (what: string) =>
  z
    .enum(['day', 'week', 'month', 'quarter', 'year'])
    .describe(`${what} Periods are those of the calendar in the project's timezone; weeks begin on Monday.`)

/** What `unit:` may say of `since:`. */
const SINCE_UNITS = ['hours', 'days', 'weeks', 'months'] as const

export const traitShape = planned(
  z.object({
    pick: scalar('The column whose value becomes the trait.').optional(),
    from: scalars(
      'The source, or for `pick` the sources in order: contacts, orders.billing_email. With `of:` also the members: customer.',
    ).optional(),
    by: z
      .union([z.enum(STRATEGIES), expression('An expression over the row, then asc (the default) or desc.')])
      .describe(
        `${STRATEGIES_TOLD}\nWith first: and last: the order of the rows instead of their time: amount desc. Rows on which it is null do not count; of equals the row's time decides, then its key.`,
      )
      .optional(),
    source: z
      .boolean()
      .describe('true: column `<trait>__source` says from which source the picked value came.')
      .optional(),
    count: scalar('rows: how many rows there are; 0 for none.').optional(),
    count_distinct: expression('How many different values there are; 0 for none.').optional(),
    sum: expression('The sum over the rows; 0 for none.').optional(),
    avg: expression('The average over the rows.').optional(),
    min: expression('The smallest value.').optional(),
    max: expression('The greatest value.').optional(),
    median: expression('The value in the middle; between two middle ones their average.').optional(),
    percentile: z
      .object({
        of: expression('What is put in order: numbers.'),
        p: z.number().min(0).max(1).describe('How far up, from 0 (the smallest) to 1 (the greatest): 0.9.'),
      })
      .describe(
        'The value below which the share `p` of the values lies: { of: amount, p: 0.9 }. Between two values there is a straight line.',
      )
      .optional(),
    share: tree(
      'A condition as in `where`: the share of the rows on which it is true, 0 to 1.',
      'a condition',
    ).optional(),
    first: expression('The value of the earliest row that has one; with `by:` of the first in that order.').optional(),
    last: expression('The value of the latest row that has one; with `by:` of the last in that order.').optional(),
    most_frequent: expression('The value that occurs most.').optional(),
    exists: z.literal(true).describe('true where there is any row, else false.').optional(),
    since: z
      .enum(['first', 'last'])
      .describe('How long ago the first or last row was, in whole units; rows after now do not count.')
      .optional(),
    unit: z
      .enum(SINCE_UNITS)
      .describe('With `since`: what is counted. Default: days. A day is 24 hours; a month ends on the same day.')
      .optional(),
    collect: expression('The different values as a sorted list of texts, which `contains` can ask.').optional(),
    limit: z
      .number()
      .int()
      .min(1)
      .max(1000)
      .describe('With `collect`: the most values that are kept, the smallest first. Default: 100.')
      .optional(),
    periods: period('In how many different calendar periods there is a row; 0 for none.').optional(),
    streak: period(
      'How many periods in a row have one, up to the current or the last full period; else 0. Rows after now do not count.',
    ).optional(),
    longest_streak: period(
      'The most periods in a row that ever had one; 0 for none. Rows after now do not count.',
    ).optional(),
    per: period(
      'With count, count_distinct, sum, avg, min or max: the measure for each calendar period that has rows.',
    ).optional(),
    take: z
      .enum(['max', 'min', 'avg', 'median', 'last'])
      .describe('With `per`: which value of those of the periods; last is that of the newest period.')
      .optional(),
    where: condition("the source's columns, or the traits of members").optional(),
    within: scalar('Only rows so recent: 90 days.', 'a duration').optional(),
    expr: expression('An expression over other traits; division by zero gives null.').optional(),
    bucket: expression(
      'A number or time over other traits; the trait is the name of the step in which it lies.',
    ).optional(),
    steps: entries(
      expression('From which value on: a number, or a time such as 90 days ago.'),
      'With `bucket`: the name of each step and where it begins, upwards. What lies below the first is null.',
    ).optional(),
    sql: scalar("One expression in the warehouse's own SQL over other traits.").optional(),
    score: z
      .enum(['rfm', 'weighted', 'value'])
      .describe(
        'rfm: how recent, how frequent, how much, as text such as 545, with the columns `<trait>__recency`, `__frequency`, `__monetary` and `__cell`. weighted: the place among all profiles by several traits, 0 to 100. value: the amount that is to be expected over a horizon.',
      )
      .optional(),
    amount: expression('With `score: rfm` or `value`: what a row is worth.').optional(),
    tiles: z
      .number()
      .int()
      .min(2)
      .max(9)
      .describe('With `score: rfm`: how many steps each part has. Default: 5.')
      .optional(),
    cells: entries(
      condition('recency, frequency and monetary, each from 1 to the number of tiles'),
      'With `score: rfm`: what the profiles are called on which a condition is true; the first that holds wins. Default with five tiles: champions, loyal, … lost.',
    ).optional(),
    weights: entries(
      scalar('Its weight: 3, or -0.5 where less is better.', 'a number'),
      'With `score: weighted`: traits and their weights.',
    ).optional(),
    horizon: scalar('With `score: value`: for how long ahead: 365 days.', 'a duration').optional(),
    pii: z.string().describe('What kind of personal data it holds.').optional(),
    tests: dataTests('trait').optional(),
    ...named,
  }),
  later,
)

export type TraitShape = z.infer<typeof traitShape>
