import type { Diagnostic } from '../error.ts'
import { type ConditionScope, readCondition } from './condition.ts'
import { parseExpression } from './expression.ts'
import type { Condition, Expression } from './language.ts'
import type { Scope } from './scope.ts'
import { cutByComment } from './traps.ts'
import type { Node, Scalar } from './tree.ts'

/** An expression as YAML gave it; where a comment cut it, that is said instead of what follows from it. */
export function readExpression(written: Scalar, scope: Scope, problems: Diagnostic[]): Expression | undefined {
  return uncut([written], problems, (own) => parseExpression(written, scope, 'expression', own))
}

/** A condition as YAML gave it; where a comment cut it, that is said instead of what follows from it. */
export function readWhere(node: Node, scope: ConditionScope, problems: Diagnostic[]): Condition | undefined {
  return uncut([...texts(node)], problems, (own) => readCondition(node, scope, own))
}

function uncut<T>(
  written: readonly Scalar[],
  problems: Diagnostic[],
  read: (own: Diagnostic[]) => T | undefined,
): T | undefined {
  const own: Diagnostic[] = []
  const value = read(own)
  const isBroken = (one: Scalar) => own.some(({ at }) => at?.file === one.at().file && at.line === one.at().line)
  const cuts = written.flatMap((one) => cutByComment(one, isBroken(one)) ?? [])
  const lines = new Set(cuts.map(({ at }) => at?.line))
  problems.push(...own.filter(({ at }) => !lines.has(at?.line)), ...cuts)
  return cuts.length > 0 ? undefined : value
}

/** The texts of a condition that are conditions or expressions. */
function* texts(node: Node): Generator<Scalar> {
  if (node.kind === 'scalar') yield node
  else if (node.kind === 'list') for (const item of node.items) yield* texts(item)
  else for (const { key, value } of node.entries) if (TEXTS.has(key.text)) yield* texts(value)
}

const TEXTS = new Set([
  ...['all', 'any', 'not', 'where', 'then', 'without', 'after', 'before', 'first', 'last', 'was_member_of', 'sql'],
  ...['sum', 'avg', 'min', 'max', 'count_distinct'],
])
