import type { DataOutcome, TestReport } from '../test-report.ts'
import { duration, number, type Paper, type Style, visible, wrap } from './layout.ts'

/** Data tests as a person reads them: a line for each, and what is to be said of those that do not pass. */
export function printDataTests(outcomes: readonly DataOutcome[], profiles: TestReport['profiles'], page: Paper) {
  const lines = [...outcomes.flatMap((one) => printed(one, page)), ...ageOf(profiles, page)]
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

function printed(one: DataOutcome, page: Paper): readonly string[] {
  const [word, style] = WORDS[one.status]
  const head = wrap(`${page.paint(style, word)}  ${visible(one.name)}${figures(one)}`, page.width, '  ')
  if (one.message === null) return head
  const said = [one.message, ...(one.fix === null ? [] : [one.fix])]
  return [
    ...head,
    `    ${page.paint('bold', visible(`${one.file}:${one.line}`))}`,
    ...said.flatMap((text) => wrap(visible(text), page.width, '      ')),
    '',
  ]
}

const WORDS: Readonly<Record<DataOutcome['status'], readonly [string, Style]>> = {
  pass: ['pass', 'green'],
  warn: ['WARN', 'yellow'],
  error: ['FAIL', 'red'],
  skipped: ['skip', 'dim'],
}

/** What was allowed to fail is worth a word, too. */
function figures({ status, failures, rows }: DataOutcome): string {
  return status === 'pass' && failures > 0 ? ` (${number(failures)} of ${number(rows)} allowed to fail)` : ''
}

function ageOf(profiles: TestReport['profiles'], page: Paper): readonly string[] {
  if (profiles === null) return []
  const text = `Profiles are tested as they were published ${duration(profiles.age_ms)} ago; \`cdp run\` tests them anew.`
  return wrap(text, page.width, '  ').map((line) => page.paint('dim', line))
}
