import { type Diagnostic, nearest, problem } from '../error.ts'
import { parseExpression } from './expression.ts'
import { isNumeric } from './fit.ts'
import type { Condition, Event, Window } from './language.ts'
import { referencesIn } from './references.ts'
import type { Scope } from './scope.ts'
import { child, type Dict, type Node, type Scalar } from './tree.ts'
import { isNumber, typeOf } from './types.ts'
import { oneValue, readTimes, WINDOW_OPTIONS } from './window.ts'

export interface EventSource {
  /** The columns of its rows, and the traits of the person as `entity.trait`. */
  readonly scope: Scope
  /** True when the source says when a row happened (`at:`). */
  readonly hasTime: boolean
  /** Of a source whose rows belong to no profile of the entity: why. */
  readonly strange?: string | undefined
}

/** What may stand beside `did` and `did_not`. */
export const EVENT_OPTIONS = [
  'where',
  'within',
  'after',
  'before',
  'at_least',
  'at_most',
  'exactly',
  'sum',
  'avg',
  'min',
  'max',
  'count_distinct',
  'first',
  'last',
  'then',
] as const

type Option = (typeof EVENT_OPTIONS)[number]

/** What the reading of events is given. */
export interface EventGiven {
  readonly problems: Diagnostic[]
  /** Reads a condition on the rows that `names` speaks of. */
  where(node: Node, names: Scope): Condition | undefined
}

/** The tree of a `did` or `did_not`, or undefined where it cannot stand; then at least one problem was added. */
export function readEvent(
  written: { readonly dict: Dict; readonly of: Node; readonly negated: boolean },
  sources: ReadonlyMap<string, EventSource>,
  given: EventGiven,
): Condition | undefined {
  const { dict, of, negated } = written
  const before = given.problems.length
  const found = sourceNamed(of, sources, given)
  if (found === undefined) return undefined
  const event = { source: found.name, ...readOptions(dict, found.source, given) }
  if (given.problems.length > before) return undefined
  return {
    kind: 'did',
    event: { ...event, needsProfile: speaksOfTraits(event) },
    negated,
    at: of.at(),
  }
}

/** The source that a `did` names, or undefined where it cannot stand; then a problem was added. */
export function sourceNamed(
  of: Node,
  sources: ReadonlyMap<string, EventSource>,
  given: EventGiven,
): { readonly name: string; readonly source: EventSource } | undefined {
  const source = of.kind === 'scalar' ? sources.get(of.text) : undefined
  if (of.kind !== 'scalar' || source === undefined) return unknownSource(of, sources, given)
  if (source.strange === undefined) return { name: of.text, source }
  given.problems.push(problem('ref/unknown-identifier', source.strange, of.at()))
  return undefined
}

function unknownSource(of: Node, sources: ReadonlyMap<string, EventSource>, { problems }: EventGiven): undefined {
  if (of.kind !== 'scalar') {
    problems.push(problem('project/wrong-type', '"did" takes the name of one source.', of.at()))
    return undefined
  }
  const close = nearest(of.text, sources.keys())
  const fix = close === undefined ? undefined : `Did you mean "${close}"?`
  problems.push(problem('ref/unknown-source', `Source "${of.text}" is not defined.`, of.at(), fix))
  return undefined
}

function readOptions(dict: Dict, source: EventSource, given: EventGiven): Omit<Event, 'source' | 'needsProfile'> {
  const { scope } = source
  const { problems } = given
  const where = child(dict, 'where')
  const measure = readMeasure(dict, scope, problems)
  return {
    where: where && given.where(where, scope),
    ...readWindow(dict, source, given),
    measure,
    bounds: readBounds(dict, measure.kind, problems),
    first: readExtreme(dict, 'first', source, problems),
    last: readExtreme(dict, 'last', source, problems),
  }
}

/** When the rows happened that count. */
export function readWindow(dict: Dict, source: EventSource, { problems }: EventGiven): Window {
  for (const option of WINDOW_OPTIONS) needTime(dict, option, source, problems)
  return readTimes(dict, source.scope, problems)
}

/** Adds a problem where an option asks when a row happened and the source does not say. */
function needTime(dict: Dict, option: Option, { hasTime }: EventSource, problems: Diagnostic[]): void {
  const key = dict.entries.find((entry) => entry.key.text === option)?.key
  if (key !== undefined && !hasTime) problems.push(noTime(key, child(dict, 'did') ?? child(dict, 'did_not')))
}

function noTime(key: Scalar, of: Node | undefined): Diagnostic {
  const source = of?.kind === 'scalar' ? of.text : ''
  const message = `Source "${source}" does not say when a row happened, and "${key.text}" asks for it.`
  return problem('expr/no-time', message, key.at(), `Name the column with at: in source "${source}".`)
}

/** When the first or last of the rows that count happened. */
function readExtreme(
  dict: Dict,
  option: 'first' | 'last',
  source: EventSource,
  problems: Diagnostic[],
): Window | undefined {
  const value = child(dict, option)
  if (value === undefined) return undefined
  needTime(dict, option, source, problems)
  const form = `Write ${option}: { after: 30 days ago }, with after, before or within.`
  if (value.kind !== 'dict' || value.entries.length === 0) {
    problems.push(problem('project/wrong-type', `"${option}" takes a map that says when.`, value.at(), form))
    return undefined
  }
  for (const { key } of value.entries) {
    if (WINDOW_OPTIONS.some((one) => one === key.text)) continue
    problems.push(problem('project/unknown-key', `"${key.text}" is no part of "${option}".`, key.at(), form))
  }
  const window = readTimes(value, source.scope, problems)
  // The time of many rows is compared with one time, which a column is not.
  for (const { to, at } of referencesIn(window)) {
    if (to.kind === 'trait') continue
    const message = `"${option}" is compared with one time, and this is one for each row.`
    problems.push(problem('expr/wrong-type', message, at, 'Compare it with a time, or with a trait of the person.'))
  }
  return window
}

const MEASURES = ['sum', 'avg', 'min', 'max', 'count_distinct'] as const

function readMeasure(dict: Dict, scope: Scope, problems: Diagnostic[]): Event['measure'] {
  const [kind, second] = MEASURES.filter((option) => child(dict, option) !== undefined)
  const scalar = kind && oneValue(dict, kind, problems)
  if (second !== undefined)
    problems.push(beside(dict, second, `Expected one measure, found "${second}" beside "${kind}".`))
  const of = scalar && parseExpression(scalar, scope, 'expression', problems)
  if (kind === undefined || scalar === undefined || of === undefined) return { kind: 'rows' }
  const type = typeOf(of)
  if (type === 'unknown' || isNumber(type) || kind === 'count_distinct') return { kind, of }
  problems.push(problem('expr/wrong-type', `${kind} takes a number, and "${scalar.text}" is ${type}.`, scalar.at()))
  return { kind: 'rows' }
}

const BOUNDS = ['at_least', 'at_most', 'exactly'] as const

/** The bounds as written; a count without any is at least 1. */
function readBounds(dict: Dict, measure: Event['measure']['kind'], problems: Diagnostic[]): Event['bounds'] {
  const given = BOUNDS.filter((bound) => child(dict, bound) !== undefined)
  const other = given.find((bound) => bound !== 'exactly')
  if (given.includes('exactly') && other !== undefined)
    problems.push(beside(dict, other, `Expected one bound, found "${other}" beside "exactly".`))
  const [atLeast, atMost, exactly] = BOUNDS.map((bound) => readBound(dict, bound, problems))
  const measured = MEASURES.find((option) => child(dict, option) !== undefined)
  if (given.length === 0 && measured !== undefined) problems.push(unbound(dict, measured))
  if (given.length === 0 && measure === 'rows') return { atLeast: '1' }
  return { ...(atLeast && { atLeast }), ...(atMost && { atMost }), ...(exactly && { exactly }) }
}

function readBound(dict: Dict, bound: Option, problems: Diagnostic[]): string | undefined {
  const scalar = oneValue(dict, bound, problems)
  if (scalar === undefined || isNumeric(scalar.text)) return scalar?.text
  problems.push(problem('project/wrong-type', `"${bound}" takes a number, found "${scalar.text}".`, scalar.at()))
  return undefined
}

function unbound(dict: Dict, measure: Option): Diagnostic {
  const message = `"${measure}" is compared with nothing.`
  return problem('project/missing-key', message, keyAt(dict, measure), 'Add at_least, at_most or exactly.')
}

function beside(dict: Dict, option: Option, message: string): Diagnostic {
  return problem('expr/syntax', message, keyAt(dict, option), 'Keep one of them.')
}

function keyAt(dict: Dict, option: Option) {
  return dict.entries.find((entry) => entry.key.text === option)?.key.at()
}

function speaksOfTraits(event: Omit<Event, 'needsProfile'>): boolean {
  return [...referencesIn(event)].some((reference) => reference.to.kind === 'trait')
}
