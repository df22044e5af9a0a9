import { type Diagnostic, problem } from '../error.ts'
import { EVENT_OPTIONS, type EventGiven, type EventSource, readWindow, sourceNamed } from './event.ts'
import type { Condition, Follower, Sequence, SequenceStep } from './language.ts'
import { referencesIn } from './references.ts'
import { child, type Dict, type Node } from './tree.ts'

/** What may stand beside `did` and `did_not` under `then:`. */
const STEP_KEYS = ['did', 'did_not', 'where', 'within', 'without']

/** What may stand under `without:`. */
const WITHOUT_KEYS = ['did', 'where']

/** What the first step of a sequence may say. */
const FIRST_KEYS = ['where', 'within', 'after', 'before', 'then']

/** The tree of a `did` with `then:`, or undefined where it cannot stand; then at least one problem was added. */
export function readSequence(
  written: { readonly dict: Dict; readonly of: Node; readonly negated: boolean },
  sources: ReadonlyMap<string, EventSource>,
  given: EventGiven,
): Condition | undefined {
  const { dict, of, negated } = written
  const before = given.problems.length
  checkFirst(dict, given.problems)
  const first = stepOf(dict, of, sources, given)
  const then = child(dict, 'then')
  const items = then?.kind === 'list' ? then.items : then === undefined ? [] : [then]
  if (items.length === 0)
    given.problems.push(problem('expr/syntax', 'Expected what follows, found nothing.', (then ?? dict).at()))
  const rest = items.map((item, index) => nextStep(item, index === items.length - 1, sources, given))
  const steps = [first, ...rest].flatMap((step) => step ?? [])
  if (given.problems.length > before) return undefined
  const sequence: Omit<Sequence, 'needsProfile'> = { steps }
  const needsProfile = [...referencesIn(sequence)].some(({ to }) => to.kind === 'trait')
  return { kind: 'sequence', sequence: { ...sequence, needsProfile }, negated, at: of.at() }
}

/** A sequence is there or not: what counts and sums is for events alone. */
function checkFirst(dict: Dict, problems: Diagnostic[]): void {
  for (const { key } of dict.entries) {
    if (FIRST_KEYS.includes(key.text) || !EVENT_OPTIONS.some((option) => option === key.text)) continue
    const message = `"${key.text}" does not go with "then": a sequence is there or it is not.`
    problems.push(problem('project/unknown-key', message, key.at(), `With "then" go: ${FIRST_KEYS.join(', ')}.`))
  }
}

function nextStep(
  node: Node,
  isLast: boolean,
  sources: ReadonlyMap<string, EventSource>,
  given: EventGiven,
): SequenceStep | undefined {
  if (node.kind !== 'dict') return refuse(given, '"then" takes steps such as { did: orders, within: 7 days }.', node)
  checkKeys(node, STEP_KEYS, 'then', given.problems)
  const [of, no] = [child(node, 'did'), child(node, 'did_not')]
  const main = of ?? no
  if (main === undefined || (of !== undefined && no !== undefined))
    return refuse(given, 'A step says one of "did" and "did_not".', node)
  if (no !== undefined && !isLast)
    return refuse(given, '"did_not" ends a sequence: nothing follows what did not happen.', no, BETWEEN)
  const without = child(node, 'without')
  if (no !== undefined && without !== undefined)
    return refuse(given, '"without" does not go with "did_not".', without, BETWEEN)
  const step = stepOf(node, main, sources, given)
  return step && { ...step, negated: no !== undefined, without: followers(without, sources, given) }
}

const BETWEEN = 'What must not happen in between stands under `without:` of the step that it must not come before.'

function stepOf(
  dict: Dict,
  of: Node,
  sources: ReadonlyMap<string, EventSource>,
  given: EventGiven,
): SequenceStep | undefined {
  const found = followerOf(dict, of, sources, given)
  return found && { ...found, ...readWindow(dict, timed(sources, found.source), given), without: [], negated: false }
}

/** A sequence asks for the times of all of its sources, which `followerOf` has made sure of. */
function timed(sources: ReadonlyMap<string, EventSource>, name: string): EventSource {
  const source = sources.get(name)
  if (source === undefined) throw new Error(`source ${name} was looked up before`)
  return source
}

function followerOf(
  dict: Dict,
  of: Node,
  sources: ReadonlyMap<string, EventSource>,
  given: EventGiven,
): Follower | undefined {
  const found = sourceNamed(of, sources, given)
  if (found === undefined) return undefined
  if (!found.source.hasTime) {
    const message = `Source "${found.name}" does not say when a row happened, and a sequence asks for it.`
    const fix = `Name the column with at: in source "${found.name}".`
    given.problems.push(problem('expr/no-time', message, of.at(), fix))
    return undefined
  }
  const where = child(dict, 'where')
  return { source: found.name, where: where && given.where(where, found.source.scope) }
}

/** `without: returns`, `without: { did: returns, where: … }`, or a list of them. */
function followers(
  node: Node | undefined,
  sources: ReadonlyMap<string, EventSource>,
  given: EventGiven,
): readonly Follower[] {
  if (node === undefined) return []
  const items = node.kind === 'list' ? node.items : [node]
  return items.flatMap((item): readonly Follower[] => {
    if (item.kind === 'scalar') {
      const found = followerOf({ kind: 'dict', entries: [], at: item.at }, item, sources, given)
      return found === undefined ? [] : [found]
    }
    const of = item.kind === 'dict' ? child(item, 'did') : undefined
    if (item.kind !== 'dict' || of === undefined) {
      refuse(given, '"without" takes sources, or maps such as { did: returns, where: … }.', item)
      return []
    }
    checkKeys(item, WITHOUT_KEYS, 'without', given.problems)
    const found = followerOf(item, of, sources, given)
    return found === undefined ? [] : [found]
  })
}

function checkKeys(dict: Dict, known: readonly string[], place: string, problems: Diagnostic[]): void {
  for (const { key } of dict.entries) {
    if (known.includes(key.text)) continue
    const message = `"${key.text}" is no part of "${place}".`
    problems.push(problem('project/unknown-key', message, key.at(), `Known are ${known.join(', ')}.`))
  }
}

function refuse({ problems }: EventGiven, message: string, at: Node, fix?: string): undefined {
  problems.push(problem('expr/syntax', message, at.at(), fix))
}
