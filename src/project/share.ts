import { type Diagnostic, problem } from '../error.ts'
import type { Scalar } from './tree.ts'

/** `10%` as 0.1; undefined where the text is no percentage of at most 100, then a problem was added. `of`: in words. */
export function shareOf(problems: Diagnostic[], written: Scalar, of: string): number | undefined {
  const share = /^(\d+(?:\.\d+)?)\s*%$/.exec(written.text)?.[1]
  if (share !== undefined && Number(share) <= 100) return Number(share) / 100
  const message = `"${written.text}" is no share of the ${of}.`
  problems.push(problem('project/wrong-type', message, written.at(), 'Write a percentage, such as 10%.'))
  return undefined
}
