import { type Diagnostic, problem } from '../error.ts'
import { parseMoment } from './expression.ts'
import type { Duration, Window } from './language.ts'
import type { Scope } from './scope.ts'
import { parseDuration } from './time.ts'
import { child, type Dict, type Scalar } from './tree.ts'

/** What may say when something happened. */
export const WINDOW_OPTIONS = ['within', 'after', 'before'] as const

/** What a map says about a time; problems are added where it cannot stand. */
export function readTimes(dict: Dict, scope: Scope, problems: Diagnostic[]): Window {
  const moment = (option: 'after' | 'before') => {
    const scalar = oneValue(dict, option, problems)
    return scalar && parseMoment(scalar, scope, problems)
  }
  const within = oneValue(dict, 'within', problems)
  return { within: within && readDuration(within, problems), after: moment('after'), before: moment('before') }
}

/** The one value of an option; undefined where it is not given, or after a problem was added. */
export function oneValue(dict: Dict, option: string, problems: Diagnostic[]): Scalar | undefined {
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
