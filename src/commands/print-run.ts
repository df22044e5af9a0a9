import type { CdpError } from '../error.ts'
import type { DataTestReport, ErrorReport, IdentityReport, Report, SegmentReport } from '../report.ts'
import { bytes, type Column, count, duration, number, type Paper, type Style, table, visible, wrap } from './layout.ts'

import { guardWords } from './print-guard.ts'
import { printHeld } from './print-sandbox.ts'

type SyncOutcome = Report['syncs'][number]

export interface Summary {
  readonly page: Paper
  /** Said already, with their places. */
  readonly failures: readonly CdpError[]
  /** Commands to try, and what each is good for. */
  readonly next: readonly (readonly [command: string, why: string])[]
}

/** What a run did, for somebody who sees such a summary for the first time. Lines for stdout. */
export function printRun(report: Report, { page, failures, next }: Summary): readonly string[] {
  const said = new Set(failures.flatMap(({ diagnostics }) => diagnostics.map(({ message }) => message)))
  const news = report.errors.filter(({ code, message }) => code !== 'sync/guard' && !said.has(message))
  const title = report.dry_run ? 'Syncs (dry run: nothing was published or sent)' : 'Syncs'
  return [
    ...printBuilt(report, page),
    ...section(title, syncs(report.syncs, page), page),
    ...section('Sandbox: what each emulated destination now holds', printHeld(report.holdings, page), page),
    ...printProblems(news, page),
    ...printEnding(report, page),
    ...(next.length === 0 ? [] : ['', page.paint('bold', 'Next'), ...commands(next, page)]),
  ]
}

/** What was built: people, segments, data tests. */
export function printBuilt(report: Pick<Report, 'identity' | 'segments' | 'tests'>, page: Paper): readonly string[] {
  return [
    ...section(
      'People',
      report.identity.flatMap((one) => people(one, page)),
      page,
    ),
    ...section('Segments', segments(report.segments, page), page),
    ...section('Data tests', dataTests(report.tests, page), page),
  ]
}

export function printProblems(problems: readonly ErrorReport[], page: Paper): readonly string[] {
  return section(
    'Problems',
    problems.flatMap((one) => problem(one, page)),
    page,
  )
}

function commands(next: Summary['next'], page: Paper): readonly string[] {
  return table(
    [
      { title: '', value: ([command]) => command },
      { title: '', value: ([, why]) => why, style: () => 'dim' },
    ],
    next,
    page,
  )
}

export function section(title: string, lines: readonly string[], page: Paper): readonly string[] {
  return lines.length === 0 ? [] : [page.paint('bold', title), ...lines, '']
}

function people(one: IdentityReport, page: Paper): readonly string[] {
  const rounds = one.rounds === 0 ? '' : ` in ${count(one.rounds, 'round')}`
  const found = `${count(one.profiles, 'profile')} from ${count(one.identifiers, 'identifier')}${rounds}`
  const largest = one.profiles === 0 ? '' : `; the largest holds ${count(one.largest, 'identifier')}`
  const moved = [`${number(one.created)} new`, `${number(one.merged)} merged`, `${number(one.split)} split`].join(', ')
  const refused = one.refused_edges === 0 ? [] : [`${count(one.refused_edges, 'join')} refused`]
  const nobodys = Object.entries(one.unattributed).filter(([, rows]) => rows > 0)
  const rejected = Object.entries(one.rejected).filter(([, rows]) => rows > 0)
  const rejects = rejected.map(([type, rows]) => `${visible(type)} in ${count(rows, 'row')}`).join(', ')
  const strangers = nobodys.map(([source, rows]) => `${number(rows)} in ${visible(source)}`).join(', ')
  return [
    ...wrap(`${visible(one.entity)}: ${found}`, page.width, '  ', '    '),
    ...wrap(`${[moved, ...refused].join(', ')}${largest}`, page.width, '    '),
    ...(rejects === '' ? [] : wrap(`values that identify nobody: ${rejects}`, page.width, '    ')),
    ...(strangers === '' ? [] : wrap(`rows that belong to nobody: ${strangers}`, page.width, '    ')),
  ]
}

/** How many there were; what they found stands among the problems. */
function dataTests(tests: Report['tests'], page: Paper): readonly string[] {
  if (tests.length === 0) return []
  const of = (status: DataTestReport['status']) => tests.filter((one) => one.status === status).length
  const [warned, failed] = [of('warn'), of('error')]
  const said = [
    `${number(of('pass'))} of ${number(tests.length)} passed`,
    ...(warned === 0 ? [] : [page.paint('yellow', `${number(warned)} warned`)]),
    ...(failed === 0 ? [] : [page.paint('red', `${number(failed)} failed`)]),
  ]
  return [`  ${said.join(', ')}`]
}

function segments(reports: readonly SegmentReport[], page: Paper): readonly string[] {
  if (reports.length === 0) return []
  const columns: Column<SegmentReport>[] = [
    { title: 'segment', value: ({ name }) => visible(name) },
    figure('members', (one) => one.members),
    figure('entered', (one) => one.entered),
    figure('left', (one) => one.left),
  ]
  const held = reports.some((one) => one.held_out > 0)
  const all = held ? [...columns, figure('held out', (one: SegmentReport) => one.held_out)] : columns
  return [...table(all, reports, page), ...reports.flatMap((one) => variants(one, page))]
}

function variants({ name, variants: named = {} }: SegmentReport, page: Paper): readonly string[] {
  const each = Object.entries(named).map(([variant, members]) => `${number(members)} in ${visible(variant)}`)
  return each.length === 0 ? [] : wrap(`${visible(name)}: ${each.join(', ')}`, page.width, '  ', '    ')
}

function figure<R>(
  title: string,
  value: (row: R) => number,
  more: { style?: Style; optional?: number } = {},
): Column<R> {
  return {
    title,
    align: 'right',
    value: (row) => number(value(row)),
    style: (row) => (value(row) === 0 ? 'dim' : more.style),
    ...(more.optional !== undefined && { optional: more.optional }),
  }
}

function syncs(outcomes: readonly SyncOutcome[], page: Paper): readonly string[] {
  if (outcomes.length === 0) return []
  return [...table(syncColumns(outcomes), outcomes, page), ...outcomes.flatMap((one) => remarks(one, page))]
}

function syncColumns(outcomes: readonly SyncOutcome[]): readonly Column<SyncOutcome>[] {
  const trouble: readonly Column<SyncOutcome>[] = [
    figure('accepted', (one) => one.accepted, { style: 'cyan' }),
    figure('refused', (one) => one.refused, { style: 'red' }),
    figure('again', (one) => one.again, { style: 'yellow' }),
    figure('invalid', (one) => one.invalid, { style: 'yellow' }),
    ...WITHHELD.map((why) => figure(why, (one: SyncOutcome) => one.withheld[why])),
  ]
  const statusStyle = ({ status }: SyncOutcome): Style => STATUS_STYLE[status] ?? 'yellow'
  return [
    { title: 'sync', value: ({ name }) => visible(name) },
    { title: 'to', value: ({ destination }) => visible(destination), optional: 4 },
    { title: 'status', value: ({ status }) => status.replaceAll('_', ' '), style: statusStyle },
    figure('create', (one) => one.creates),
    figure('update', (one) => one.updates),
    figure('remove', (one) => one.removes),
    figure('unchanged', (one) => one.unchanged, { optional: 2 }),
    figure('written', (one) => one.written, { optional: 3 }),
    ...trouble.filter(({ value }) => outcomes.some((one) => value(one) !== '0')),
    figure('calls', (one) => one.calls, { optional: 1 }),
  ]
}

const STATUS_STYLE: Readonly<Record<string, Style>> = { ok: 'green', failed: 'red', blocked: 'red' }

/** What a reader has to know of a sync beyond its figures: why it stopped, and what to do about it. */
function remarks(one: SyncOutcome, page: Paper): readonly string[] {
  const say = (text: string) => wrap(`${visible(one.name)}: ${visible(text)}`, page.width, '  ', '    ')
  return [
    ...guardWords(one).flatMap(say),
    ...(one.strangers === undefined ? [] : say(`${count(one.strangers, 'row')} to remove that cdp never sent`)),
    ...(one.withheld.held === 0
      ? []
      : say(`${count(one.withheld.held, 'row')} held back: refused before, or not sure yet`)),
    ...(one.refused === 0 ? [] : say(`${count(one.refused, 'row')} refused; each waits until its data changes`)),
    ...(one.again === 0 ? [] : say(`${count(one.again, 'row')} owed; the next run sends what is still due`)),
    ...(one.invalid === 0 ? [] : say(`${count(one.invalid, 'row')} with an empty or double key, never sent`)),
  ]
}

/** Why rows are not sent on purpose. */
export const WITHHELD = ['consent', 'suppressed', 'excluded', 'held', 'listed'] as const

function problem({ severity, code, message, at, fix }: ErrorReport, page: Paper): readonly string[] {
  const style = severity === 'error' ? 'red' : 'yellow'
  const place = at === undefined ? '' : `${visible(at)}  `
  return [
    `  ${place}${page.paint(style, severity === 'error' ? code : `${code} (warning)`)}`,
    ...wrap(`${visible(message)}`, page.width, '    '),
    ...(fix === undefined ? [] : wrap(`${visible(fix)}`, page.width, '    ')),
  ]
}

/** The last line: what the exit code means. */
export function printEnding(
  report: Pick<Report, 'bytes_read' | 'exit_code' | 'ms' | 'run_id' | 'target'>,
  page: Paper,
  meaning = MEANING[report.exit_code] ?? 'Failed.',
): readonly string[] {
  const style: Style = report.exit_code === 0 ? 'green' : report.exit_code === 3 ? 'yellow' : 'red'
  const read = report.bytes_read === undefined ? '' : `${bytes(report.bytes_read)} read, `
  const said = `${meaning} ${duration(report.ms)}, ${read}run ${report.run_id}, target ${visible(report.target)}.`
  return wrap(said, page.width).map((line) => page.paint(style, line))
}

/** What each exit code means, in a sentence. */
export const MEANING: Readonly<Record<number, string>> = {
  0: 'Done.',
  1: 'Failed (exit 1): a statement, a test, a login or a setting at a vendor; see above.',
  2: 'Nothing was run (exit 2): the project or the arguments have to be mended first.',
  3: 'Done, but rows were refused or are owed (exit 3); the next run sends what is owed.',
  4: 'Blocked (exit 4): a guard stopped what is named above, before anybody saw it.',
  5: 'Locked (exit 5): another run is at work; what it holds was skipped.',
  130: 'Interrupted (exit 130): state is safe, the next run goes on from here.',
  143: 'Terminated (exit 143): state is safe, the next run goes on from here.',
}
