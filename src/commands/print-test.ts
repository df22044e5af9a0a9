import type { TestReport } from '../test-report.ts'
import type { UnitFailure, UnitOutcome } from '../testing/outcome.ts'
import { count, duration, type Paper, visible, wrap } from './layout.ts'
import { printDataTests } from './print-data-test.ts'
import { printDecided, told } from './print-decided.ts'
import { printPair } from './print-explain.ts'
import { section } from './print-run.ts'

/** Tests as a person reads them: a line for each, a block for each that failed, and how many there were. */
export function printTests(report: TestReport, page: Paper, { quiet }: { readonly quiet: boolean }): readonly string[] {
  const units = report.tests.filter((one) => one.kind === 'unit')
  const shown = quiet ? units.filter(({ status }) => status !== 'pass') : units
  const data = report.tests.filter((one) => one.kind === 'data')
  const worthy = quiet ? data.filter(({ status }) => status !== 'pass') : data
  return [
    ...section('Data tests', worthy.length === 0 ? [] : printDataTests(worthy, report.profiles, page), page),
    ...section('Unit tests', withoutLastBlank(shown.flatMap((one) => unit(one, page))), page),
    ...summary(report, page),
  ]
}

function withoutLastBlank(lines: readonly string[]): readonly string[] {
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

function unit(outcome: UnitOutcome, page: Paper): readonly string[] {
  if (outcome.status === 'pass')
    return wrap(`${page.paint('green', 'pass')}  ${visible(outcome.name)}`, page.width, '  ')
  const head = `${page.paint('red', outcome.status === 'fail' ? 'FAIL' : 'ERROR')}  ${visible(outcome.name)}`
  return [...wrap(head, page.width, '  '), ...outcome.failures.flatMap((failure) => [...block(failure, page), ''])]
}

function block(failure: UnitFailure, page: Paper): readonly string[] {
  const at = page.paint('bold', visible(`${failure.file}:${failure.line}`))
  return [`    ${at}`, ...wrap(visible(said(failure)), page.width, '      '), ...details(failure, page)]
}

function said(failure: UnitFailure): string {
  switch (failure.kind) {
    case 'member':
      return failure.expected === 'in'
        ? `${failure.who} should be in ${failure.segment}, and is ${failure.got === 'held_out' ? 'held out' : 'not'}.`
        : `${failure.who} should not be in ${failure.segment}, and is.`
    case 'variant': {
      const got = failure.got === null ? 'is in none' : `is in ${failure.got}`
      return `${failure.who} should be in the variant ${failure.expected} of ${failure.segment}, and ${got}.`
    }
    case 'count': {
      const what = failure.of === 'segment' ? 'member' : 'profile'
      return `${failure.name} should have ${count(failure.expected, what)}, and has ${failure.got}.`
    }
    case 'same':
      return `${failure.who[0]} and ${failure.who[1]} should be one ${failure.entity}, and are not.`
    case 'apart':
      return `${failure.who[0]} and ${failure.who[1]} should not be one ${failure.entity}, and are.`
    case 'trait':
      return `${failure.trait} of ${failure.who} should be ${told(failure.expected)}, and is ${told(failure.got)}.`
    case 'undecided':
      return failure.message
  }
}

function details(failure: UnitFailure, page: Paper): readonly string[] {
  switch (failure.kind) {
    case 'member':
      if (failure.decided.length > 0) return failure.decided.flatMap((one) => printDecided(one, page, '      '))
      if (failure.got === 'in') return []
      return wrap('Every line is true; split, holdout, limit or waterfall leave this person out.', page.width, '      ')
    case 'same':
    case 'apart':
      return failure.why === null
        ? []
        : printPair(failure.why, { ...page, width: page.width - 4 }).map((one) => `    ${one}`.trimEnd())
    case 'undecided':
      return failure.fix === null ? [] : wrap(visible(failure.fix), page.width, '      ')
    case 'variant':
    case 'count':
    case 'trait':
      return []
  }
}

function summary({ tests, ms }: TestReport, page: Paper): readonly string[] {
  if (tests.length === 0) return ['The project has no tests that were asked for.']
  const bad = tests.filter(({ status }) => status === 'fail' || status === 'error').length
  const of = (status: TestReport['tests'][number]['status']) => tests.filter((one) => one.status === status).length
  const [warned, skipped] = [of('warn'), of('skipped')]
  const more = [warned === 0 ? [] : [`${warned} warned`], skipped === 0 ? [] : [`${skipped} skipped`]].flat()
  const most = bad === 0 ? `${count(of('pass'), 'test')} passed` : `${bad} of ${count(tests.length, 'test')} failed`
  const said = `${[most, ...more].join(', ')}. ${duration(ms)}.`
  return wrap(said, page.width).map((one) => page.paint(bad === 0 ? 'green' : 'red', one))
}
