import { readingOfEvent } from '../project/append-only.ts'
import type { Event } from '../project/language.ts'
import { typeOf } from '../project/types.ts'
import { join, type Sql, sql } from '../sql/sql.ts'
import { type Context, NOW } from './context.ts'
import { withinBounds } from './events.ts'
import { printExpression } from './expression.ts'
import { countPart, extremePart, type Folded, mean, one, sumPart, timePart, whole } from './folded.ts'
import { block } from './layout.ts'
import { rounded, sumType } from './measure.ts'
import type { PrintContext } from './print-context.ts'
import { rowContext, rowsOn, type ScanColumn } from './scan.ts'
import { inWindow } from './window.ts'

/** Whether an event took place: one boolean column. */
export function eventColumnOf(context: Context, name: string, event: Event): ScanColumn {
  const { dialect } = context
  const rows = rowContext(context)
  // What is no aggregate is the same on every row of a profile; an aggregate is how a grouped statement says so.
  const same = (value: Sql) => dialect.aggregate('min', value)
  const print: PrintContext = { ...rows, now: same(NOW), name: (to, type) => same(rows.name(to, type)) }
  const time = (kind: 'min' | 'max') => dialect.aggregate(kind, sql`s.cdp_time`, rowsOn(context, event))
  return {
    name,
    value: answer(context, event, measureOf(context, event), { print, first: time('min'), last: time('max') }),
    uses: event,
    reading: readingOfEvent(event),
    folded: foldedEvent(context, event),
  }
}

function measureOf(context: Context, event: Event): Sql {
  const folded = foldedMeasureOf(context, event)
  if (folded !== undefined) return whole(folded)
  const { kind } = event.measure
  if (event.measure.kind !== 'count_distinct') throw new Error(`${kind} has no parts`)
  const { of } = event.measure
  return context.dialect.aggregate('count_distinct', printExpression(of, rowContext(context)), rowsOn(context, event))
}

/** The same in parts; undefined where it does not add up. The times of the first and last row follow the measure. */
function foldedEvent(context: Context, event: Event): Folded | undefined {
  const measure = foldedMeasureOf(context, event)
  if (measure === undefined) return undefined
  const { dialect } = context
  const filter = rowsOn(context, event)
  const place = measure.parts.length
  const times: readonly (readonly [boolean, 'min' | 'max'])[] = [
    [event.first !== undefined, 'min'],
    [event.last !== undefined, 'max'],
  ]
  const kinds = times.flatMap(([isAsked, kind]) => (isAsked ? [kind] : []))
  const extremes = kinds.map((kind, index) => timePart(dialect, kind, filter, place + index))
  return {
    parts: [...measure.parts, ...extremes],
    value: (at) => {
      const first = at(place)
      const last = at(place + kinds.length - 1)
      return answer(context, event, measure.value(at), { print: rowContext(context), first, last })
    },
  }
}

function foldedMeasureOf(context: Context, { measure, ...event }: Event): Folded | undefined {
  const { dialect } = context
  const print = rowContext(context)
  const filter = rowsOn(context, event)
  switch (measure.kind) {
    case 'rows':
      return one(countPart(dialect, filter))
    case 'sum':
      return {
        parts: [sumPart(dialect, printExpression(measure.of, print), filter)],
        value: (at) => sql`coalesce(${rounded(at(0), context, sumType(measure.of))}, 0)`,
      }
    case 'avg':
      return mean(dialect, printExpression(measure.of, print), filter)
    case 'min':
    case 'max':
      return one(
        extremePart(dialect, measure.kind, printExpression(measure.of, print), filter, { type: typeOf(measure.of) }),
      )
    case 'count_distinct':
      return undefined
  }
}

/** Whether a measure is within the bounds of an event, and the first and last of its rows happened when they should. */
function answer(
  context: Context,
  event: Event,
  value: Sql,
  { print, first, last }: { readonly print: PrintContext; readonly first: Sql; readonly last: Sql },
): Sql {
  const tests = [
    withinBounds(context, event, value),
    ...(event.first === undefined ? [] : inWindow(first, event.first, print)),
    ...(event.last === undefined ? [] : inWindow(last, event.last, print)),
  ]
  return block(sql`coalesce(`, sql`${join(tests, ' and ', 0)}, false`, sql`)`)
}
