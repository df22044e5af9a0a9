import { type Diagnostic, nearest, problem } from '../error.ts'
import { parseExpression, parseMoment } from './expression.ts'
import { isNumeric } from './fit.ts'
import type { Condition, Duration, Event } from './language.ts'
import { referencesIn } from './references.ts'
import type { Scope } from './scope.ts'
import { parseDuration } from './time.ts'
import { child, type Dict, type Node, type Scalar } from './tree.ts'
import { isNumber, typeOf } from './types.ts'

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
  'min',
  'max',
] as const

type Option = (typeof EVENT_OPTIONS)[number]

interface Given {
  readonly problems: Diagnostic[]
  /** Reads a condition on the rows that `names` speaks of. */
  where(node: Node, names: Scope): Condition | undefined
}

/** The tree of a `did` or `did_not`, or undefined where it cannot stand; then at least one problem was added. */
export function readEvent(
  written: { readonly dict: Dict; readonly of: Node; readonly negated: boolean },
  sources: ReadonlyMap<string, EventSource>,
  given: Given,
): Condition | undefined {
  const { dict, of, negated } = written
  const before = given.problems.length
  const source = of.kind === 'scalar' ? sources.get(of.text) : undefined
  if (of.kind !== 'scalar' || source === undefined) return unknownSource(of, sources, given)
  if (source.strange !== undefined) {
    given.problems.push(problem('ref/unknown-identifier', source.strange, of.at()))
    return undefined
  }
  const event = { source: of.text, ...readOptions(dict, source, given) }
  if (given.problems.length > before) return undefined
  return {
    kind: 'did',
    event: { ...event, needsProfile: speaksOfTraits(event) },
    negated,
    at: of.at(),
  }
}

function unknownSource(of: Node, sources: ReadonlyMap<string, EventSource>, { problems }: Given): undefined {
  if (of.kind !== 'scalar') {
    problems.push(problem('project/wrong-type', '"did" takes the name of one source.', of.at()))
    return undefined
  }
  const close = nearest(of.text, sources.keys())
  const fix = close === undefined ? undefined : `Did you mean "${close}"?`
  problems.push(problem('ref/unknown-source', `Source "${of.text}" is not defined.`, of.at(), fix))
  return undefined
}

function readOptions(dict: Dict, source: EventSource, given: Given): Omit<Event, 'source' | 'needsProfile'> {
  const { scope } = source
  const { problems } = given
  const where = child(dict, 'where')
  const moment = (option: 'after' | 'before') => {
    const scalar = timeOption(dict, option, source, problems)
    return scalar && parseMoment(scalar, scope, problems)
  }
  const within = timeOption(dict, 'within', source, problems)
  const measure = readMeasure(dict, scope, problems)
  return {
    where: where && given.where(where, scope),
    within: within && readDuration(within, problems),
    after: moment('after'),
    before: moment('before'),
    measure,
    bounds: readBounds(dict, measure.kind, problems),
  }
}

/** The value of an option that asks when a row happened. */
function timeOption(
  dict: Dict,
  option: 'within' | 'after' | 'before',
  source: EventSource,
  problems: Diagnostic[],
): Scalar | undefined {
  const key = dict.entries.find((entry) => entry.key.text === option)?.key
  if (key !== undefined && !source.hasTime) problems.push(noTime(key, child(dict, 'did') ?? child(dict, 'did_not')))
  return key && scalarOf(dict, option, problems)
}

function noTime(key: Scalar, of: Node | undefined): Diagnostic {
  const source = of?.kind === 'scalar' ? of.text : ''
  const message = `Source "${source}" does not say when a row happened, and "${key.text}" asks for it.`
  return problem('expr/no-time', message, key.at(), `Name the column with at: in source "${source}".`)
}

function scalarOf(dict: Dict, option: Option, problems: Diagnostic[]): Scalar | undefined {
  const value = child(dict, option)
  if (value === undefined || (value.kind === 'scalar' && !value.isNull)) return value
  problems.push(problem('project/wrong-type', `"${option}" takes one value.`, value.at()))
  return undefined
}

/** The duration that a text says, or undefined; then a problem was added. */
function readDuration(scalar: Scalar, problems: Diagnostic[]): Duration | undefined {
  const duration = parseDuration(scalar.text)
  if (duration !== undefined && duration.amount > 0) return duration
  const plain = parseDuration(scalar.text.replace(/\s+(ago|from now)\s*$/, ''))
  const fix = plain && `Write ${plain.amount} ${plain.unit}${plain.amount === 1 ? '' : 's'}.`
  problems.push(
    problem('expr/syntax', `Expected a duration such as "30 days", found "${scalar.text}".`, scalar.at(), fix),
  )
  return undefined
}

const MEASURES = ['sum', 'min', 'max'] as const

function readMeasure(dict: Dict, scope: Scope, problems: Diagnostic[]): Event['measure'] {
  const [kind, second] = MEASURES.filter((option) => child(dict, option) !== undefined)
  const scalar = kind && scalarOf(dict, kind, problems)
  if (second !== undefined)
    problems.push(beside(dict, second, `Expected one measure, found "${second}" beside "${kind}".`))
  const of = scalar && parseExpression(scalar, scope, 'expression', problems)
  if (kind === undefined || scalar === undefined || of === undefined) return { kind: 'rows' }
  const type = typeOf(of)
  if (type === 'unknown' || isNumber(type)) return { kind, of }
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
  const scalar = scalarOf(dict, bound, problems)
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
