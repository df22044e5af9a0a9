import type { Window } from '../project/language.ts'
import { type Sql, sql } from '../sql/sql.ts'
import { printComparedInstant } from './expression.ts'
import type { PrintContext } from './print-context.ts'

/** What must be true of an instant that lies in a window: one test for each thing that the window says. */
export function inWindow(instant: Sql, window: Partial<Window>, print: PrintContext): readonly Sql[] {
  const { within, after, before } = window
  return [
    ...(within === undefined
      ? []
      : [
          sql`${instant} >= ${print.dialect.shift(print.now, -within.amount, within.unit)}`,
          sql`${instant} <= ${print.now}`,
        ]),
    ...(after === undefined ? [] : [printComparedInstant(instant, '>', after, print)]),
    ...(before === undefined ? [] : [printComparedInstant(instant, '<', before, print)]),
  ]
}
