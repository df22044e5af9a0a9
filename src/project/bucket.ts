import { problem } from '../error.ts'
import type { Expression } from './language.ts'
import type { TraitShape } from './trait-shape.ts'
import { type Defined, type Given, traitScope } from './trait-sources.ts'
import type { Scalar } from './tree.ts'
import { isNumber, isTime, typeOf } from './types.ts'
import type { Item } from './validate.ts'
import { readExpression } from './where.ts'

/** A trait that says in which step a number or time lies; undefined after problems were added. */
export function bucketOf(given: Given, item: Item<TraitShape>): Defined | undefined {
  const { bucket, steps = [] } = item.value
  if (!bucket) return undefined
  if (steps.length === 0) {
    const fix = 'Name each step and where it begins: steps: { bronze: 0, silver: 500 }.'
    given.problems.push(problem('project/missing-key', `Trait "${item.name}" needs "steps".`, item.key.at(), fix))
    return undefined
  }
  const before = given.problems.length
  const of = readExpression(bucket, traitScope(given), given.problems)
  if (of) checkKind(given, bucket, of)
  const read = steps.map(({ key, value }) => stepOf(given, { name: key.text, written: value, of }))
  const whole = read.flatMap((one) => one ?? [])
  checkOrder(given, whole)
  if (!of || given.problems.length > before) return undefined
  // The greatest step is asked first; a null is in none of them.
  const when = [...whole].reverse().map(({ name, from }) => ({
    test: { kind: 'compare', op: '>=', left: of, right: from } as const,
    value: { kind: 'text', value: name } as const,
  }))
  return { definition: { kind: 'expression', expression: { kind: 'case', when, otherwise: undefined } }, type: 'text' }
}

/** A step and the value from which on it is meant. */
interface Step {
  readonly name: string
  readonly written: Scalar
  readonly from: Expression
}

function checkKind({ problems }: Given, written: Scalar, of: Expression): void {
  const type = typeOf(of)
  if (isNumber(type) || isTime(type) || type === 'unknown') return
  const fix = 'Tell values apart with expr: "case when … then … end".'
  problems.push(problem('expr/wrong-type', `"bucket" takes a number or a time, not ${type}.`, written.at(), fix))
}

function stepOf(
  given: Given,
  { name, written, of }: { name: string; written: Scalar; of: Expression | undefined },
): Step | undefined {
  const from = readExpression(written, traitScope(given), given.problems)
  if (!from) return undefined
  const type = of === undefined ? 'unknown' : typeOf(of)
  const wantsTime = isTime(type)
  if (isFixedTime(from) ? type === 'unknown' || wantsTime : from.kind === 'number' && !wantsTime)
    return { name, written, from }
  const wanted = wantsTime ? 'a time' : type === 'unknown' ? 'a number or a time' : 'a number'
  const fix = wantsTime ? 'Write 2026-01-01, or 90 days ago.' : undefined
  const message = `Step "${name}" begins at ${wanted}, not at "${written.text}".`
  given.problems.push(problem('expr/wrong-type', message, written.at(), fix))
  return undefined
}

/** Times that are the same for everybody. */
function isFixedTime(tree: Expression): boolean {
  return tree.kind === 'shift' ? isFixedTime(tree.time) : isTime(typeOf(tree)) && TIMES.has(tree.kind)
}

const TIMES: ReadonlySet<Expression['kind']> = new Set(['date', 'instant', 'now', 'today', 'startOf'] as const)

function checkOrder({ problems }: Given, steps: readonly Step[]): void {
  for (const [index, step] of steps.entries()) {
    const last = steps[index - 1]
    const [low, high] = [last && placeOf(last.from), placeOf(step.from)]
    if (!last || !low || !high || low.of !== high.of || low.at < high.at) continue
    const message = `Step "${step.name}" begins at ${step.written.text}, and "${last.name}" before it at ${last.written.text}.`
    problems.push(problem('project/wrong-type', message, step.written.at(), 'Write the steps upwards.'))
  }
}

/** Where a value lies on a scale of its own; undefined where only the build knows (`start of month`). */
function placeOf(tree: Expression): { readonly of: 'number' | 'time' | 'now'; readonly at: number } | undefined {
  switch (tree.kind) {
    case 'number':
      return { of: 'number', at: Number(tree.value) }
    case 'date':
    case 'instant':
      return { of: 'time', at: Date.parse(tree.iso) }
    case 'now':
      return { of: 'now', at: tree.amount * DAYS[tree.unit] }
    default:
      return undefined
  }
}

/** About how many days a unit has: enough to tell which of two times is the earlier. */
const DAYS = {
  second: 1 / 86_400,
  minute: 1 / 1440,
  hour: 1 / 24,
  day: 1,
  week: 7,
  month: 30.4,
  quarter: 91.3,
  year: 365,
}
