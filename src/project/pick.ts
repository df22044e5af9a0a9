import { nearest, problem } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import type { PickBy, Source } from './project.ts'
import { part } from './scalar.ts'
import { STRATEGIES } from './strategies.ts'
import type { TraitShape } from './trait-shape.ts'
import { type Defined, type Given, hasTime, sourceFor } from './trait-sources.ts'
import type { Scalar } from './tree.ts'
import { isNumber } from './types.ts'
import type { Item } from './validate.ts'

/** A trait that picks one value out of the columns of sources; undefined after problems were added. */
export function pickOf(given: Given, item: Item<TraitShape>): Defined | undefined {
  const { pick, from = [], source: withSource = false } = item.value
  const by = strategyOf(given, item)
  if (!pick || !by) return undefined
  if (from.length === 0) {
    given.problems.push(problem('project/missing-key', `Trait "${item.name}" needs "from".`, item.key.at()))
    return undefined
  }
  if (withSource && by === 'concat_distinct') {
    refuseSource(given, item)
    return undefined
  }
  const picked = from.map((written) => columnOf(given, written, pick))
  const sure = picked.flatMap((one) => one ?? [])
  if (sure.length < picked.length) return undefined
  const before = given.problems.length
  for (const one of sure) checkColumn(given, one, by)
  if (given.problems.length > before) return undefined
  const columns = sure.map(({ source, column }) => ({ source: source.name, column }))
  const type = typeFor(by, sure.map(typeIn))
  const pii = sure.flatMap(({ source, column }) => source.pii.get(column) ?? [])[0]
  return { definition: { kind: 'pick', columns, by, withSource }, type, pii }
}

/** How the pick chooses. */
function strategyOf({ problems }: Given, { value: { by = 'priority' } }: Item<TraitShape>): PickBy | undefined {
  if (typeof by === 'string') return by
  const message = `"by" takes one of ${STRATEGIES.map((one) => `"${one}"`).join(', ')}, not "${by.text}".`
  const close = nearest(by.text, STRATEGIES)
  problems.push(problem('project/wrong-type', message, by.at(), close && `Did you mean "${close}"?`))
  return undefined
}

/** A value that was put together came from no one source. */
function refuseSource(given: Given, { name, node }: Item<TraitShape>): void {
  const at = node.entries.find(({ key }) => key.text === 'source')?.key.at()
  const message = `Trait "${name}" joins values of several sources, so that "source" has no one answer.`
  const fix = 'Take `source:` away, or pick one value: `by: most_frequent`.'
  given.problems.push(problem('project/unknown-key', message, at, fix))
}

/** A column that a pick reads, and where it is written. */
interface PickedColumn {
  readonly source: Source
  readonly column: string
  readonly written: Scalar
}

/** `crm_contacts` has the picked column; `orders.billing_email` names its own. */
function columnOf(given: Given, written: Scalar, pick: Scalar): PickedColumn | undefined {
  const dot = written.text.indexOf('.')
  const source = sourceFor(given, dot === -1 ? written : part(written, 0, dot))
  const column = dot === -1 ? pick : part(written, dot + 1, written.text.length)
  if (!source) return undefined
  given.context.places.columns.push({ source: source.name, column: column.text, at: column.at() })
  return { source, column: column.text, written }
}

/** Whether the column can be compared as the strategy asks. */
function checkColumn(given: Given, picked: PickedColumn, by: PickBy): void {
  const { source, column, written } = picked
  const type = typeIn(picked)
  if ((by === 'most_recent' || by === 'first') && !hasTime(source)) {
    const message = `"by: ${by}" needs a time, and source "${source.name}" has none.`
    const fix = `Name the \`at:\` or \`updated_at:\` of "${source.name}".`
    given.problems.push(problem('expr/no-time', message, written.at(), fix))
  } else if (by === 'any_true' && type !== 'boolean' && type !== 'unknown') {
    const message = `"by: any_true" takes true and false, and column "${column}" of "${source.name}" is ${type}.`
    const fix = `If it holds no other values, say so under \`columns:\`: ${column}: { type: boolean }.`
    given.problems.push(problem('expr/wrong-type', message, written.at(), fix))
  } else if ((by === 'min' || by === 'max') && (type === 'boolean' || type === 'list')) {
    const message = `"by: ${by}" takes numbers, times and texts, and column "${column}" of "${source.name}" is ${type}.`
    const fix = type === 'boolean' ? 'Write `by: any_true` to know whether any value is true.' : undefined
    given.problems.push(problem('expr/wrong-type', message, written.at(), fix))
  }
}

function typeIn({ source, column }: PickedColumn): ValueType {
  return source.types.get(column) ?? 'unknown'
}

function typeFor(by: PickBy, types: readonly ValueType[]): ValueType {
  if (by === 'any_true') return 'boolean'
  return by === 'concat_distinct' ? 'text' : sharedType(types)
}

/** The type of values that come from several columns. */
function sharedType(types: readonly ValueType[]): ValueType {
  const [first = 'unknown'] = types
  if (types.every((type) => type === first)) return first
  return types.every(isNumber) ? 'decimal' : 'unknown'
}
