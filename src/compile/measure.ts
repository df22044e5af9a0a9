import type { Expression } from '../project/language.ts'
import type { ComparedMeasure, Measure, RowMeasure, RowOrder } from '../project/project.ts'
import { typeOf } from '../project/types.ts'
import type { Dialect, OrderKey } from '../sql/dialect.ts'
import { column, id, join, type Sql, sql } from '../sql/sql.ts'
import { printCondition } from './condition.ts'
import { printExpression } from './expression.ts'
import { block, isLong } from './layout.ts'
import type { PrintContext } from './print-context.ts'

/** The rows, or the members, that a measure is taken over. */
export interface Measured {
  /** What names are there. */
  readonly print: PrintContext
  /** Which of them count; undefined = all. */
  readonly filter: Sql | undefined
  /** What the first and the last of them are told by. */
  readonly order: readonly OrderKey[]
  /** When a row happened, for what asks how long ago that was. */
  readonly time: Sql
}

/** The value of a measure as an aggregate, or what `finishing` makes it of; null where nothing counts, but for counts and `exists`. */
export function measured(measure: RowMeasure, rows: Measured): Sql {
  const { print, filter } = rows
  const { dialect } = print
  switch (measure.kind) {
    case 'count':
      return dialect.aggregate('count', undefined, filter)
    case 'exists':
      return dialect.anyRow(filter ?? sql`true`)
    case 'sum':
      return rounded(dialect.aggregate('sum', printExpression(measure.of, print), filter), print, sumType(measure.of))
    case 'avg':
      return rounded(dialect.aggregate('avg', printExpression(measure.of, print), filter), print)
    case 'count_distinct':
      return dialect.aggregate(measure.kind, printExpression(measure.of, print), filter)
    case 'min':
    case 'max':
      return dialect.extreme(measure.kind, printExpression(measure.of, print), typeOf(measure.of), filter)
    case 'median':
      return rounded(dialect.percentile(printExpression(measure.of, print), 0.5, filter), print)
    case 'percentile':
      return rounded(dialect.percentile(printExpression(measure.of, print), measure.p, filter), print)
    case 'share':
      return share(measure, rows)
    case 'first':
    case 'last':
      return ending(measure, rows)
    case 'most_frequent':
      return dialect.tally(printExpression(measure.of, print), filter)
    case 'since':
      return since(measure, rows)
    case 'collect':
      return collected(measure, rows)
  }
}

/** What is made of the aggregate of a measure once rows are grouped; undefined where it is the value. */
export function finishing(measure: Measure, dialect: Dialect): ((aggregate: Sql) => Sql) | undefined {
  if (measure.kind !== 'most_frequent') return undefined
  return (tally) => dialect.mostFrequent([tally], typeOf(measure.of))
}

/** A column of grouped rows `g`, and what is made of it where that is more. */
export function finishedColumn({ name, finish }: Finished): Sql {
  return finish === undefined ? sql`g.${id(name)}` : sql`${finish(column('g', name))} as ${id(name)}`
}

export interface Finished {
  readonly name: string
  readonly finish?: ReturnType<typeof finishing>
}

/** The value of a measure within one period of the calendar; null where no row of the period counts. */
export function measuredInPeriod(measure: ComparedMeasure, rows: Measured): Sql {
  const plain = measured(measure, rows)
  // A period with rows has a sum, even where none of them says how much.
  const value = measure.kind === 'sum' ? sql`coalesce(${plain}, 0)` : plain
  if (rows.filter === undefined) return value
  return only(rows.print.dialect.anyRow(rows.filter), value)
}

/** A number to six digits: floats that are added in another order differ in their last, which must not look like a change. */
export function rounded(
  value: Sql,
  { dialect }: Pick<PrintContext, 'dialect'>,
  type: 'integer' | 'decimal' | 'float' = 'float',
): Sql {
  return dialect.round(value, 6, type)
}

/** What a sum is, as far as is known. */
export function sumType(of: Expression): 'integer' | 'decimal' | 'float' {
  const type = typeOf(of)
  return type === 'integer' || type === 'decimal' ? type : 'float'
}

type Of<Kind extends RowMeasure['kind']> = Extract<RowMeasure, { kind: Kind }>

function share({ on }: Of<'share'>, { print, filter }: Measured): Sql {
  const { dialect } = print
  const test = block(sql`(`, printCondition(on, print), sql`)`)
  const both = filter === undefined ? test : join([filter, test], ' and ')
  const [some, all] = [both, filter].map((rows) => dialect.aggregate('count', undefined, rows))
  return rounded(dialect.divide(some ?? sql`0`, all ?? sql`0`), print)
}

/** With an order of its own, rows that have no place in it do not count. */
function ending({ kind, of, by }: Of<'first' | 'last'>, { print, filter, order }: Measured): Sql {
  const value = printExpression(of, print)
  if (by === undefined) return print.dialect.valueAt(kind, value, order, filter, typeOf(of))
  const key = printExpression(by.of, print)
  const known = printExpression({ kind: 'isNull', of: by.of, negated: true }, print)
  const rows = filter === undefined ? known : join([filter, known], ' and ')
  return print.dialect.valueAt(kind, value, [...orderBy(print.dialect, by, key), ...order], rows, typeOf(of))
}

/** What rows are put in order by, where a measure asks for that. `key` is its value where it stands. */
export function orderBy(dialect: Dialect, { of, descending }: RowOrder, key: Sql): readonly OrderKey[] {
  const type = typeOf(of)
  return dialect.inOrder(key, type).map((one) => ({ of: one, type, isDescending: descending }))
}

/** The first row is the one since which most has passed. */
function since({ which, unit }: Of<'since'>, { print, filter, time }: Measured): Sql {
  const past = sql`${time} <= ${print.now}`
  const rows = filter === undefined ? past : join([filter, past], ' and ')
  const passed = print.dialect.passed(unit, time, print.now)
  return print.dialect.aggregate(which === 'first' ? 'max' : 'min', passed, rows)
}

function collected({ of, limit }: Of<'collect'>, { print, filter }: Measured): Sql {
  const { dialect } = print
  const text = dialect.plainText(printExpression(of, print), typeOf(of))
  const value = filter === undefined ? text : sql`case when ${filter} then ${text} end`
  // A list of nothing would look like something that is known.
  return only(sql`${dialect.aggregate('count', value)} > 0`, dialect.distinctList(value, limit))
}

/** A value where a test is true, else null. */
function only(test: Sql, value: Sql): Sql {
  const short = sql`when ${test} then ${value}`
  if (!isLong(short)) return sql`case ${short} end`
  return sql`
    case
      when ${test}
      then ${value}
    end`
}
