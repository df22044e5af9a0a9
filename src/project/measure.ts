import { type At, problem, unreachable } from '../error.ts'
import type { PassedUnit, ValueType } from '../sql/dialect.ts'
import { keyPlace } from './key-place.ts'
import type { Expression } from './language.ts'
import { readOrder } from './order.ts'
import type { ComparedMeasure, Measure, RowOrder, Source } from './project.ts'
import type { Scope } from './scope.ts'
import type { TraitShape } from './trait-shape.ts'
import { type Given, happened, hasTime } from './trait-sources.ts'
import { child, type Scalar } from './tree.ts'
import { isNumber, typeOf } from './types.ts'
import type { Item } from './validate.ts'
import { readExpression, readWhere } from './where.ts'

/** What a trait may measure over rows or members, as its key names it, and the keys that go with it. */
const OPTIONS = {
  count: ['per', 'take'],
  count_distinct: ['per', 'take'],
  sum: ['per', 'take'],
  avg: ['per', 'take'],
  min: ['per', 'take'],
  max: ['per', 'take'],
  median: [],
  percentile: [],
  share: [],
  first: ['by'],
  last: ['by'],
  most_frequent: [],
  exists: [],
  since: ['unit'],
  collect: ['limit'],
  periods: [],
  streak: [],
  longest_streak: [],
} as const

export type MeasureKey = keyof typeof OPTIONS

/** Every key that names a measure. */
export const MEASURES = Object.keys(OPTIONS) as readonly MeasureKey[]

/** Every key that only goes with some measures. */
export const MEASURE_OPTIONS: readonly string[] = [...new Set(Object.values(OPTIONS).flat())]

/** The keys that go with a measure and say more of it. */
export function optionsOf(measure: MeasureKey): readonly string[] {
  return OPTIONS[measure]
}

/** What a measure is read with. */
interface Measuring {
  readonly given: Given
  readonly item: Item<TraitShape>
  readonly scope: Scope
  /** Where the rows come from; undefined for members, which always say when they were seen. */
  readonly source: Source | undefined
}

/** What a trait measures; undefined after a problem was added. */
export function measureOf(measuring: Measuring): Measure | undefined {
  const { given, item, scope } = measuring
  const { value } = item
  const kind = MEASURES.find((one) => value[one] !== undefined) ?? 'count'
  switch (kind) {
    case 'exists':
      return { kind }
    case 'count':
    case 'count_distinct':
    case 'sum':
    case 'avg':
    case 'min':
    case 'max':
      return periodically(measuring, compared(measuring, kind))
    case 'median':
    case 'most_frequent': {
      const of = measured(measuring, kind)
      return of && { kind, of }
    }
    case 'percentile': {
      const of = value.percentile && measured(measuring, kind, value.percentile.of)
      return of && { kind, of, p: value.percentile?.p ?? 0 }
    }
    case 'collect': {
      const of = measured(measuring, kind)
      return of && { kind, of, limit: value.limit ?? MOST_COLLECTED }
    }
    case 'share': {
      const on = value.share && readWhere(value.share, { names: scope }, given.problems)
      return on && { kind, on }
    }
    case 'first':
    case 'last':
      return ending(measuring, kind)
    case 'since':
      if (!isTimed(measuring, kind)) return undefined
      return { kind, which: value.since ?? 'last', unit: PASSED[value.unit ?? 'days'] }
    case 'periods':
    case 'streak':
    case 'longest_streak': {
      const period = value[kind]
      return period && isTimed(measuring, kind) ? { kind, period } : undefined
    }
    default:
      return unreachable(kind)
  }
}

/** How many values a list holds where the trait says nothing. */
const MOST_COLLECTED = 100

const PASSED: Readonly<Record<NonNullable<TraitShape['unit']>, PassedUnit>> = {
  hours: 'hour',
  days: 'day',
  weeks: 'week',
  months: 'month',
}

function compared(measuring: Measuring, kind: ComparedMeasure['kind']): ComparedMeasure | undefined {
  const written = measuring.item.value[kind]
  if (kind === 'count') return written && countOf(measuring.given, written)
  const of = measured(measuring, kind)
  return of && { kind, of }
}

function countOf({ problems }: Given, written: Scalar): ComparedMeasure | undefined {
  if (written.text === 'rows' || written.text === '*') return { kind: 'count' }
  const fix = `Write \`count: rows\`, or \`count_distinct: ${written.text}\`; \`where:\` says which rows count.`
  problems.push(problem('project/wrong-type', `"count" counts rows, not "${written.text}".`, written.at(), fix))
  return undefined
}

/** What a measure is taken of, where its type is one that the measure takes. */
function measured(
  { given: { problems }, item, scope }: Measuring,
  kind: MeasureKey,
  written = child(item.node, kind),
): Expression | undefined {
  if (written?.kind !== 'scalar') return undefined
  const of = readExpression(written, scope, problems)
  if (!of) return undefined
  const type = typeOf(of)
  if (NUMERIC.has(kind) && !isNumber(type) && type !== 'unknown') {
    problems.push(problem('expr/wrong-type', `"${kind}" takes numbers, not ${type}.`, written.at()))
    return undefined
  }
  if (kind === 'collect' && type === 'list') {
    problems.push(problem('expr/wrong-type', '"collect" takes single values, not lists.', written.at()))
    return undefined
  }
  return of
}

const NUMERIC: ReadonlySet<MeasureKey> = new Set(['sum', 'avg', 'median', 'percentile'] as const)

/** The measure itself, or with `per:` its values by calendar period. */
function periodically(measuring: Measuring, measure: ComparedMeasure | undefined): Measure | undefined {
  const { given, item } = measuring
  const { per, take } = item.value
  if (per === undefined && take === undefined) return measure
  if (per === undefined || take === undefined) {
    const [has, needs] = per === undefined ? ['take', 'per'] : ['per', 'take']
    const message = `Trait "${item.name}" has "${has}" and needs "${needs}" beside it.`
    const fix = 'Write for example `per: month, take: max`: the greatest value of a month.'
    given.problems.push(problem('project/missing-key', message, keyPlace(item.node, has ?? ''), fix))
    return undefined
  }
  if (!isTimed(measuring, 'per') || measure === undefined) return undefined
  const type = measuredType(measure)
  if ((take === 'avg' || take === 'median') && !isNumber(type) && type !== 'unknown') {
    const message = `"take: ${take}" takes numbers, and "${measure.kind}" gives ${type} here.`
    const at = child(item.node, 'take')?.at()
    given.problems.push(problem('expr/wrong-type', message, at, 'Take the max, min or last of them.'))
    return undefined
  }
  return { kind: 'per', measure, period: per, take }
}

/** The first or last value, by time or by an order that is written. */
function ending(measuring: Measuring, kind: 'first' | 'last'): Measure | undefined {
  const { given, item, scope, source } = measuring
  const of = measured(measuring, kind)
  const written = child(item.node, 'by')
  const by = written?.kind === 'scalar' ? orderOf(written, scope, given) : undefined
  if (!of || (written !== undefined && !by)) return undefined
  if (by === undefined && source && !hasTime(source)) {
    const message = `"${kind}" needs a time, and source "${source.name}" has none.`
    const fix = `Name the \`at:\` of "${source.name}", or say the order: by: amount desc.`
    given.problems.push(problem('expr/no-time', message, child(item.node, kind)?.at(), fix))
    return undefined
  }
  return { kind, of, by }
}

/** `amount desc`, of values that have an order. */
function orderOf(written: Scalar, scope: Scope, { problems }: Given): RowOrder | undefined {
  const order = readOrder(written, scope, problems)
  if (order === undefined || typeOf(order.of) !== 'list') return order
  problems.push(problem('expr/wrong-type', '"by" takes values that have an order, not lists.', written.at()))
  return undefined
}

/** Whether it is known when the rows happened; else a problem was added. */
function isTimed({ given, item, source }: Measuring, key: MeasureKey | 'per'): boolean {
  const at: At | undefined = keyPlace(item.node, key)
  return happened(given, source, { key, at, ofMembers: 'Measure one of its times: max: last_seen_at.' })
}

/** The type of what a measure gives. */
export function measuredType(measure: Measure): ValueType {
  switch (measure.kind) {
    case 'count':
    case 'count_distinct':
    case 'since':
    case 'periods':
    case 'streak':
    case 'longest_streak':
      return 'integer'
    case 'exists':
      return 'boolean'
    case 'avg':
    case 'median':
    case 'percentile':
    case 'share':
      return 'float'
    case 'collect':
      return 'list'
    case 'sum': {
      const type = typeOf(measure.of)
      return isNumber(type) ? type : 'decimal'
    }
    case 'min':
    case 'max':
    case 'first':
    case 'last':
    case 'most_frequent':
      return typeOf(measure.of)
    case 'per':
      return measure.take === 'avg' || measure.take === 'median' ? 'float' : measuredType(measure.measure)
    default:
      return unreachable(measure)
  }
}

/**
 * The expression whose values a measure shows; undefined where it only counts: how many different addresses somebody
 * has is no address.
 */
export function shownBy(measure: Measure): Expression | undefined {
  if (measure.kind === 'per') return shownBy(measure.measure)
  return 'of' in measure && measure.kind !== 'count_distinct' ? measure.of : undefined
}
