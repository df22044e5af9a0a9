import { problem, unreachable } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import type { Measure, Source } from './project.ts'
import type { TraitShape } from './schema.ts'
import type { Scope } from './scope.ts'
import { type Given, hasTime } from './trait-sources.ts'
import { child, type Scalar } from './tree.ts'
import { isNumber, typeOf } from './types.ts'
import type { Item } from './validate.ts'
import { readExpression } from './where.ts'

/** What a trait may measure over rows or members, as its key names it. */
export const MEASURES = [
  'count',
  'count_distinct',
  'sum',
  'avg',
  'min',
  'max',
  'first',
  'last',
  'most_frequent',
  'exists',
] as const

/**
 * What a trait measures; undefined after a problem was added. `source` is where the rows come from; undefined for
 * members, which always say when they were seen.
 */
export function measureOf(
  given: Given,
  item: Item<TraitShape>,
  scope: Scope,
  source: Source | undefined,
): Measure | undefined {
  const kind = MEASURES.find((one) => item.value[one] !== undefined) ?? 'count'
  const written = kind === 'exists' ? child(item.node, 'exists') : item.value[kind]
  if (written?.kind !== 'scalar') return undefined
  if (kind === 'count') return countOf(given, written)
  if (kind === 'exists') return { kind }
  const of = readExpression(written, scope, given.problems)
  if (!of) return undefined
  const type = typeOf(of)
  if ((kind === 'sum' || kind === 'avg') && !isNumber(type) && type !== 'unknown') {
    given.problems.push(problem('expr/wrong-type', `"${kind}" takes numbers, not ${type}.`, written.at()))
    return undefined
  }
  if ((kind === 'first' || kind === 'last') && source && !hasTime(source)) {
    const message = `"${kind}" needs a time, and source "${source.name}" has none.`
    given.problems.push(problem('expr/no-time', message, written.at(), `Name the \`at:\` of "${source.name}".`))
    return undefined
  }
  return { kind, of }
}

function countOf(given: Given, written: Scalar): Measure | undefined {
  if (written.text === 'rows' || written.text === '*') return { kind: 'count' }
  const fix = `Write \`count: rows\`, or \`count_distinct: ${written.text}\`; \`where:\` says which rows count.`
  given.problems.push(problem('project/wrong-type', `"count" counts rows, not "${written.text}".`, written.at(), fix))
  return undefined
}

/** The type of what a measure gives. */
export function measuredType(measure: Measure): ValueType {
  switch (measure.kind) {
    case 'count':
    case 'count_distinct':
      return 'integer'
    case 'exists':
      return 'boolean'
    case 'avg':
      return 'float'
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
    default:
      return unreachable(measure)
  }
}
