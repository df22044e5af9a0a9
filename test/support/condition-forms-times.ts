import type { ConditionForm, ConditionGroup } from './condition-forms.ts'

/** A comparison of the time of the last order, null for Cid. */
function last(where: string, meaning: string, answers: string): ConditionForm {
  return { where: `last_order_at ${where}`, meaning, nulls: 'null', answers }
}

/** Conditions on days and times. */
export const TIME_FORMS: readonly ConditionGroup[] = [
  {
    title: 'Times',
    text: "A day beside a time stands for all of that day in the project's timezone, in which Ann ordered on 29 March at 23:30, on the day on which summer time begins, Bob on 1 January at 00:30, and Dee on 1 April at 00:10, twenty minutes ago. Units as in `90 days ago` are second, minute, hour, day, week, month, quarter and year; days and longer units keep the wall time of UTC.",
    forms: [
      last('< now', 'in the past', 'ttnt'),
      last('= today', 'today', 'ffnt'),
      last('= 2026-03-29', 'on that day', 'tfnf'),
      last('!= 2026-03-29', 'on another day', 'ftnt'),
      last('< 2026-01-01', 'before that day begins', 'ffnf'),
      last('>= 2026-01-01', 'from the beginning of that day on', 'ttnt'),
      last('<= 2026-03-29', 'until the end of that day', 'ttnf'),
      last('> 2026-03-29', 'after the end of that day', 'ffnt'),
      last('> 2026-03-29T23:00', "after an hour of the project's timezone", 'tfnt'),
      last('> 2026-03-29T23:00:00Z', 'after an hour of UTC (or `+02:00`)', 'ffnt'),
      last('between 2026-01-01 and 2026-03-29', 'from the beginning of the one day to the end of the other', 'ttnf'),
      last('not between 2026-01-01 and 2026-03-29', 'outside', 'ffnt'),
      last('in [2026-01-01, today]', 'on one of these days', 'ftnt'),
      last('not in [2026-01-01, today]', 'on none of these days', 'tfnf'),
      last('< 60 days ago', 'longer ago', 'ftnf'),
      last('> 12 hours ago', 'less long ago', 'ffnt'),
      last('<= 7 days from now', 'until then', 'ttnt'),
      last('within 30 days', 'not longer ago, and not in the future', 'tfnt'),
      last('not within 30 days', 'longer ago, or in the future', 'ftnf'),
      last('within 1 quarter', 'the same with any unit', 'ttnt'),
      last('>= start of day', 'since midnight', 'ffnt'),
      last('>= start of week', 'since Monday', 'ffnt'),
      last('>= start of month', 'since the first of the month', 'ffnt'),
      last('>= start of month - 1 month', 'since the first of the month before', 'tfnt'),
      last('>= start of quarter', 'since the quarter began', 'ffnt'),
      last('>= start of year', 'since the year began', 'ttnt'),
      last('+ 7 days > now', 'moved by so much', 'tfnt'),
      last('> customer.birthday', 'after the end of the day that another trait holds', 'ttnt'),
      last('is null', 'there is none', 'fftf'),
    ].map((form) => (form.where.endsWith('is null') ? { ...form, nulls: 'true' } : form)),
  },
  {
    title: 'Days',
    text: 'A trait or column of type `date`.',
    forms: [
      { where: 'birthday = 1990-04-01', meaning: 'is this day', nulls: 'null', answers: 'tfnf' },
      { where: 'birthday != 1990-04-01', meaning: 'is another day', nulls: 'null', answers: 'ftnt' },
      {
        where: 'birthday < 1990-01-01',
        meaning: 'is before it (also `<=`, `>`, `>=`)',
        nulls: 'null',
        answers: 'ftnf',
      },
      {
        where: 'birthday between 1985-12-24 and 1990-04-01',
        meaning: 'is one of them or lies between',
        nulls: 'null',
        answers: 'ttnf',
      },
      { where: 'birthday in [1990-04-01, 2000-03-29]', meaning: 'is one of them', nulls: 'null', answers: 'tfnt' },
      {
        where: 'birthday within 30 years',
        meaning: 'not longer ago, and not in the future',
        nulls: 'null',
        answers: 'ffnt',
      },
      { where: 'birthday + 30 years < today', meaning: 'moved by so much', nulls: 'null', answers: 'ttnf' },
      {
        where: 'birthday < customer.last_order_at',
        meaning: 'is before the day of a time',
        nulls: 'null where either is',
        answers: 'ttnt',
      },
      {
        where: 'days_between(last_order_at, today) = 3',
        meaning: "days of the calendar of the project's timezone",
        nulls: 'null where either is',
        answers: 'tfnf',
      },
      {
        where: 'date_trunc(month, last_order_at) = 2026-03-01',
        meaning: 'the beginning of its month (or another unit)',
        nulls: 'null',
        answers: 'tfnf',
      },
      {
        where: 'date_trunc(year, birthday) = 1990-01-01',
        meaning: 'the same of a day',
        nulls: 'null',
        answers: 'tfnf',
      },
      {
        where: 'month(birthday) = 4',
        meaning: 'a part of it: also `year`, `day`, `weekday` (1 is Monday) and, of a time, `hour`',
        nulls: 'null',
        answers: 'tfnf',
      },
      { where: 'month(birthday) = month(now)', meaning: 'the same month as now', nulls: 'null', answers: 'tfnf' },
      { where: 'weekday(birthday) in [6, 7]', meaning: 'a day of the weekend', nulls: 'null', answers: 'tfnf' },
      {
        where: 'hour(last_order_at) >= 22',
        meaning: "what the clock of the project's timezone shows",
        nulls: 'null',
        answers: 'tfnf',
      },
      { where: 'birthday is not null', meaning: 'there is one', nulls: 'false', answers: 'ttft' },
    ],
  },
]
