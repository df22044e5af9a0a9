import { type Diagnostic, nearest, problem } from '../error.ts'
import { EVENT_OPTIONS, type EventSource, readEvent } from './event.ts'
import { parseExpression } from './expression.ts'
import type { Condition } from './language.ts'
import { type NamedSegment, readMemberOf, readWasMemberOf } from './membership.ts'
import { MAX_DEPTH } from './reader.ts'
import type { Scope } from './scope.ts'
import { readSequence } from './sequence.ts'
import { expressionMistake } from './sql-query.ts'
import { child, type Dict, type List, type Node, type Scalar } from './tree.ts'
import { WINDOW_OPTIONS } from './window.ts'

export type { EventSource }

/** What a `where:` may speak of. */
export interface ConditionScope {
  readonly names: Scope
  /** The sources that `did` may count, by name; undefined where `did` cannot stand (a condition on rows). */
  readonly events?: ReadonlyMap<string, EventSource> | undefined
  /** The segments that `member_of` and `was_member_of` may name; undefined where they cannot stand. */
  readonly segments?: ReadonlyMap<string, NamedSegment> | undefined
  /** The entity whose profiles are judged; undefined for a condition on rows. */
  readonly entity?: string | undefined
}

/** The tree of a `where:`, or undefined where it cannot stand; then at least one problem was added. */
export function readCondition(node: Node, scope: ConditionScope, problems: Diagnostic[]): Condition | undefined {
  return conditionAt(node, { scope, problems, level: 1 })
}

interface Given {
  readonly scope: ConditionScope
  readonly problems: Diagnostic[]
  readonly level: number
}

function conditionAt(node: Node, given: Given): Condition | undefined {
  if (given.level > MAX_DEPTH) return refuse(given, `Expected at most ${MAX_DEPTH} levels, found more.`, node)
  if (node.kind === 'list') return several(node, 'all', given)
  if (node.kind === 'dict') return fromDict(node, given)
  if (node.isNull) return refuse(given, 'Expected a condition, found nothing.', node)
  const expression = parseExpression(node, given.scope.names, 'where', given.problems)
  return expression && { kind: 'test', expression, at: node.at() }
}

function several(list: List, kind: 'all' | 'any', given: Given): Condition | undefined {
  if (list.items.length === 0) return refuse(given, 'Expected a condition, found an empty list.', list)
  const of = list.items.map((item) => conditionAt(item, deeper(given)))
  return isWhole(of) ? { kind, of } : undefined
}

function isWhole<T>(items: readonly (T | undefined)[]): items is readonly T[] {
  return items.every((item) => item !== undefined)
}

const KINDS = ['all', 'any', 'not', 'did', 'did_not', 'member_of', 'was_member_of', 'sql'] as const

type Kind = (typeof KINDS)[number]

interface Main {
  readonly kind: Kind
  readonly key: Scalar
  readonly value: Node
}

function fromDict(dict: Dict, given: Given): Condition | undefined {
  const mains = dict.entries.flatMap(({ key, value }): readonly Main[] => {
    const kind = KINDS.find((one) => one === key.text)
    return kind === undefined ? [] : [{ kind, key, value }]
  })
  const [main, second] = mains
  if (second !== undefined) {
    const message = `Expected one condition, found "${second.kind}" beside "${mains[0]?.kind}".`
    return refuse(given, message, second.key, 'Write each as an item of a list: a list means all of them.')
  }
  const options = optionsOf(main?.kind)
  const unknown = dict.entries.filter(({ key }) => key !== main?.key && !options.includes(key.text))
  for (const { key, value } of unknown) given.problems.push(unknownKey(key, value, given.scope, options))
  if (main === undefined && dict.entries.length === 0) refuse(given, 'Expected a condition, found nothing.', dict)
  const condition = main && ofKind(main, dict, given)
  return unknown.length === 0 ? condition : undefined
}

/** What may stand beside a condition of a kind. */
function optionsOf(kind: Kind | undefined): readonly string[] {
  if (kind === 'did' || kind === 'did_not') return EVENT_OPTIONS
  return kind === 'was_member_of' ? WINDOW_OPTIONS : []
}

function ofKind(main: Main, dict: Dict, given: Given): Condition | undefined {
  const { kind, value } = main
  switch (kind) {
    case 'all':
    case 'any':
      if (value.kind === 'list') return several(value, kind, given)
      return refuse(given, `"${kind}" takes a list of conditions.`, value, undefined, 'project/wrong-type')
    case 'not': {
      const of = conditionAt(value, deeper(given))
      return of && { kind: 'not', of }
    }
    case 'did':
    case 'did_not':
      return given.scope.events === undefined ? misplaced(main, given) : eventOf(main, dict, given.scope.events, given)
    case 'member_of':
    case 'was_member_of':
      return memberOf(main, dict, given)
    case 'sql':
      return ownSql(value, given)
  }
}

function eventOf(
  { kind, value }: Main,
  dict: Dict,
  events: ReadonlyMap<string, EventSource>,
  given: Given,
): Condition | undefined {
  const read = child(dict, 'then') === undefined ? readEvent : readSequence
  return read({ dict, of: value, negated: kind === 'did_not' }, events, {
    problems: given.problems,
    where: (node, names) => conditionAt(node, { ...deeper(given), scope: { names } }),
  })
}

function misplaced({ kind, key }: Main, given: Given): undefined {
  return refuse(given, `Expected a condition on rows, found "${kind}", which is one on people.`, key)
}

function memberOf(main: Main, dict: Dict, given: Given): Condition | undefined {
  const { scope, problems } = given
  if (scope.segments === undefined) return misplaced(main, given)
  const about = { segments: scope.segments, names: scope.names, entity: scope.entity, problems }
  return main.kind === 'member_of' ? readMemberOf(main.value, about) : readWasMemberOf(dict, main.value, about)
}

function ownSql(value: Node, given: Given): Condition | undefined {
  if (value.kind !== 'scalar' || value.secret)
    return refuse(given, '"sql" takes one expression as text, without secrets.', value, undefined, 'project/wrong-type')
  if (value.text.trim() === '') return refuse(given, 'Expected an SQL expression, found nothing.', value)
  const mistake = expressionMistake(value.text)
  if (mistake) {
    given.problems.push(problem(mistake.code, mistake.message, value.at(mistake.from, mistake.to)))
    return undefined
  }
  return { kind: 'sql', text: value.text, at: value.at() }
}

function deeper(given: Given): Given {
  return { ...given, level: given.level + 1 }
}

function unknownKey(key: Scalar, value: Node, scope: ConditionScope, options: readonly string[]): Diagnostic {
  const known = [...KINDS, ...options]
  return problem(
    'project/unknown-key',
    `"${key.text}" is no part of a condition.`,
    key.at(),
    keyFix(key.text, value, scope, known),
  )
}

function keyFix(key: string, value: Node, scope: ConditionScope, known: readonly string[]): string {
  const close = nearest(key, known)
  if (/[\s=<>]/.test(key)) return 'Put quotes around the whole condition.'
  if (scope.names.qualified(key) !== undefined && value.kind === 'scalar') return `Write "${key} = ${value.text}".`
  return close === undefined ? `Known are ${known.join(', ')}.` : `Did you mean "${close}"?`
}

function refuse(
  given: Given,
  message: string,
  place: Node,
  fix?: string,
  code: Diagnostic['code'] = 'expr/syntax',
): undefined {
  given.problems.push(problem(code, message, place.at(), fix))
}
