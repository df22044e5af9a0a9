import type { RowMeasure, Source } from '../project/project.ts'
import { typeOf } from '../project/types.ts'
import type { Dialect, OrderKey, ValueType } from '../sql/dialect.ts'
import { join, type Sql, sql } from '../sql/sql.ts'
import { printCondition } from './condition.ts'
import { type Context, hasTime } from './context.ts'
import { printExpression } from './expression.ts'
import { block } from './layout.ts'
import { type Measured, orderBy, rounded, sumType } from './measure.ts'

/*
 * Aggregates that need not see a row twice: each is a few parts, what parts of some rows and parts of other rows fold
 * to is the parts of all of them, and the value follows from the parts.
 */

/** An aggregate in parts. `at(n)` is the n-th part where its columns stand, counted from 0. */
export interface Folded {
  readonly parts: readonly FoldedPart[]
  /** The value of parts that were folded. */
  value(at: (part: number) => Sql): Sql
  /** A shorter way to say the value where all rows are seen at once, where there is one. */
  readonly short?: Sql
}

export interface FoldedPart {
  /** The aggregate over rows. */
  readonly value: Sql
  /** The aggregate over such parts. */
  fold(at: (part: number) => Sql): Sql
}

/** The parts of a measure over the rows of a source; undefined for a measure that does not add up. */
export function foldedMeasure(
  context: Context,
  source: Source,
  measure: RowMeasure,
  rows: Pick<Measured, 'print' | 'filter' | 'time'>,
): Folded | undefined {
  const { dialect } = context
  const { print, filter, time } = rows
  switch (measure.kind) {
    case 'count':
      return one(countPart(dialect, filter))
    case 'exists':
      return one({ value: dialect.anyRow(filter ?? sql`true`), fold: (at) => dialect.anyTrue(at(0)) })
    case 'sum':
      return {
        parts: [sumPart(dialect, printExpression(measure.of, print), filter)],
        value: (at) => rounded(at(0), print, sumType(measure.of)),
      }
    case 'avg':
      return mean(dialect, printExpression(measure.of, print), filter)
    case 'min':
    case 'max':
      return one(
        extremePart(dialect, measure.kind, printExpression(measure.of, print), filter, { type: typeOf(measure.of) }),
      )
    case 'share': {
      const test = block(sql`(`, printCondition(measure.on, print), sql`)`)
      const parts = [countPart(dialect, both(filter, test)), countPart(dialect, filter, 1)]
      return { parts, value: (at) => rounded(dialect.divide(at(0), at(1)), print) }
    }
    case 'first':
    case 'last': {
      const { of, by } = measure
      const known = (what: typeof of) => printExpression({ kind: 'isNull', of: what, negated: true }, print)
      return ending(context, source, {
        which: measure.kind,
        value: printExpression(of, print),
        type: typeOf(of),
        isKnown: known(of),
        filter: by === undefined ? filter : both(filter, known(by.of)),
        by: by && { value: printExpression(by.of, print), order: (key) => orderBy(dialect, by, key) },
      })
    }
    case 'since': {
      const kind = measure.which === 'first' ? 'min' : 'max'
      const past = both(filter, sql`${time} <= ${print.now}`)
      return {
        parts: [extremePart(dialect, kind, time, past, { type: 'timestamp' })],
        value: (at) => dialect.passed(measure.unit, at(0), print.now),
      }
    }
    case 'count_distinct':
    case 'median':
    case 'percentile':
    case 'most_frequent':
    case 'collect':
      return undefined
  }
}

/** The value where all rows are seen at once. */
export function whole({ parts, value, short }: Folded): Sql {
  return short ?? value((part) => parts[part]?.value ?? missing(part))
}

function missing(part: number): never {
  throw new Error(`there is no part ${part}`)
}

/** An aggregate that is its own part; the others only help to fold it. */
export function one(part: FoldedPart, ...helpers: readonly FoldedPart[]): Folded {
  return { parts: [part, ...helpers], value: (at) => at(0) }
}

/** How many rows there are. `place`: which of the parts it is. */
export function countPart(dialect: Dialect, filter: Sql | undefined, place = 0): FoldedPart {
  return countOf(dialect, undefined, filter, place)
}

/** A sum; null where no row has a value. */
export function sumPart(dialect: Dialect, value: Sql, filter: Sql | undefined, place = 0): FoldedPart {
  return {
    value: dialect.aggregate('sum', value, filter),
    fold: (at) => dialect.aggregate('sum', at(place)),
  }
}

/** The smallest or greatest value; null where there is none. */
export function extremePart(
  dialect: Dialect,
  kind: 'min' | 'max',
  value: Sql,
  filter: Sql | undefined,
  { place = 0, type = 'unknown' }: { readonly place?: number; readonly type?: ValueType } = {},
): FoldedPart {
  return {
    value: dialect.extreme(kind, value, type, filter),
    fold: (at) => dialect.extreme(kind, at(place), type),
  }
}

/** The first or last time of rows; null where there is none. */
export function timePart(dialect: Dialect, kind: 'min' | 'max', filter: Sql | undefined, place = 0): FoldedPart {
  return extremePart(dialect, kind, sql`s.cdp_time`, filter, { place, type: 'timestamp' })
}

/** The mean of the values that are there, to six digits; null where there is none. */
export function mean(dialect: Dialect, value: Sql, filter: Sql | undefined): Folded {
  return {
    parts: [sumPart(dialect, value, filter), countOf(dialect, value, filter, 1)],
    value: (at) => rounded(dialect.divide(dialect.cast(at(0), 'float'), at(1)), { dialect }),
    short: rounded(dialect.aggregate('avg', value, filter), { dialect }),
  }
}

function countOf(dialect: Dialect, value: Sql | undefined, filter: Sql | undefined, place: number): FoldedPart {
  return {
    value: dialect.aggregate('count', value, filter),
    fold: (at) => dialect.cast(dialect.aggregate('sum', at(place)), 'bigint'),
  }
}

/** A value at one end of the rows. */
export interface Ending {
  readonly which: 'first' | 'last'
  readonly value: Sql
  /** What is known of it. */
  readonly type: ValueType
  /** Whether a row has a value. */
  readonly isKnown: Sql
  readonly filter: Sql | undefined
  /** What rows are put in order by before their time, where that is asked for; known for all of them. */
  readonly by: RowKey | undefined
}

/** A value by which rows are put in order, and how. */
export interface RowKey {
  readonly value: Sql
  order(value: Sql): readonly OrderKey[]
}

/** The value at one end of the rows of a source that has a time; the keys of that row are kept beside it. */
export function ending(context: Context, source: Source, { which, value, type, isKnown, filter, by }: Ending): Folded {
  const { dialect } = context
  const keys = [...(by === undefined ? [] : [by]), ...rowKeys(context, source, which, by === undefined)]
  const chosen = both(filter, isKnown)
  const order = keys.flatMap((key) => key.order(key.value))
  const kept = (at: (part: number) => Sql) => keys.flatMap((key, index) => key.order(at(index + 1)))
  const beside = keys.map(
    (key, index): FoldedPart => ({
      value: dialect.valueAt(which, key.value, order, chosen),
      fold: (at) => dialect.valueAt(which, at(index + 1), kept(at), sql`${at(0)} is not null`),
    }),
  )
  const found: FoldedPart = {
    value: dialect.valueAt(which, value, order, filter, type),
    fold: (at) => dialect.valueAt(which, at(0), kept(at), undefined, type),
  }
  return one(found, ...beside)
}

/**
 * Time and key of a row `s`. A key of its own that stands behind another one may not be null: the row with the greatest
 * such key would not be the last row. What stands for null comes after all others, seen from that end, as null does.
 */
function rowKeys(
  { dialect }: Context,
  source: Source,
  which: 'first' | 'last',
  timeIsFirst: boolean,
): readonly RowKey[] {
  const time = sql`s.cdp_time`
  const never = dialect.instantLiteral(which === 'first' ? '9999-12-31T00:00:00Z' : '0001-01-01T00:00:00Z')
  const key =
    which === 'first' ? sql`coalesce(${dialect.concat([sql`'0'`, sql`s.cdp_key`])}, '1')` : sql`coalesce(s.cdp_key, '')`
  return [
    ...(hasTime(source) ? [plainKey(timeIsFirst ? time : sql`coalesce(${time}, ${never})`, 'timestamp')] : []),
    ...(source.key === undefined
      ? []
      : [{ value: key, order: (of: Sql) => [{ of: dialect.textOrder(of), type: 'text' as const }] }]),
  ]
}

/** A number or a time. */
export function plainKey(value: Sql, type: 'integer' | 'timestamp'): RowKey {
  return { value, order: (of) => [{ of, type }] }
}

function both(filter: Sql | undefined, test: Sql): Sql {
  return filter === undefined ? test : join([filter, test], ' and ')
}
