import type { Json } from '../connectors/connector.ts'
import type { PlannedSyncReport, PlanReport, ShownRow } from '../plan-report.ts'
import { clip, count, number, type Paper, type Style, visible, wrap } from './layout.ts'
import { guardWords } from './print-guard.ts'
import { printBuilt, printEnding, printProblems, section, WITHHELD } from './print-run.ts'

/** What a run would do, for somebody who has to say yes to it. `next`: what can be done with the plan. */
export function printPlan(
  report: PlanReport,
  { page, next, told }: { readonly page: Paper; readonly next: readonly string[]; readonly told: ReadonlySet<string> },
): readonly string[] {
  const news = report.errors.filter(({ code, message }) => code !== 'sync/guard' && !told.has(message))
  return [
    ...printBuilt(report, page),
    ...section(
      'Syncs (nothing was published or sent)',
      report.syncs.flatMap((one) => sync(one, page)),
      page,
    ),
    ...printProblems(news, page),
    ...printEnding(report, page, MEANING[report.exit_code]),
    ...next.flatMap((line) => wrap(line, page.width)),
  ]
}

const MEANING: Readonly<Record<number, string>> = {
  0: 'Planned.',
  4: 'Planned, and blocked (exit 4): a guard would stop what is named above.',
}

function sync(one: PlannedSyncReport, page: Paper): readonly string[] {
  const { creates, updates, removes, unchanged, estimate } = one
  const say = (text: string) => wrap(text, page.width, '    ', '      ')
  const moved = [
    `${number(creates)} ${one.source === undefined ? '' : `${creates === 1 ? 'row' : 'rows'} of ${visible(one.source)} `}enter`,
    `${number(updates)} change`,
    `${number(removes)} leave`,
    `${number(unchanged)} stay as they are`,
  ]
  const withheld = WITHHELD.filter((why) => one.withheld[why] > 0).map((why) => `${number(one.withheld[why])} ${why}`)
  return [
    ...wrap(
      `${page.paint('bold', visible(one.name))} to ${visible(one.destination)}: ${moved.join(', ')}`,
      page.width,
      '  ',
      '    ',
    ),
    ...(one.strangers === undefined ? [] : say(`${number(one.strangers)} of those who leave cdp never sent`)),
    ...(estimate === undefined || estimate.calls === 0 ? [] : say(costOf(estimate))),
    ...(withheld.length === 0 ? [] : say(`not sent on purpose: ${withheld.join(', ')}`)),
    ...(one.invalid === 0 ? [] : say(`${count(one.invalid, 'row')} with an empty or double key, never sent`)),
    ...one.sample.map((row) => clip(`    ${sampled(row, page)}`, page.width)),
    ...guardWords(one).flatMap((text) => say(visible(text))),
  ]
}

function costOf({ calls, minutes }: NonNullable<PlannedSyncReport['estimate']>): string {
  const time = minutes < 1 ? '' : `, ${number(Math.ceil(minutes))} min at the vendor's rate`
  return `about ${count(calls, 'call')}${time}`
}

const SIGNS = { create: ['+', 'green'], update: ['~', 'yellow'], remove: ['-', 'red'] } as const satisfies Record<
  ShownRow['op'],
  readonly [string, Style]
>

function sampled({ op, act, key, fields, before, changed, profile_id: profile }: ShownRow, page: Paper): string {
  const [sign, style] = SIGNS[op]
  const of = (values: ShownRow['fields']) =>
    Object.entries(values).map(([name, value]) => `${visible(name)}: ${said(value)}`)
  // What stays as it is is no news.
  const values =
    changed === null
      ? of(fields)
      : changed.map((name) => `${visible(name)}: ${said(before?.[name])} → ${said(fields[name])}`)
  const why = act === 'withdraw' ? ['may no longer be contacted'] : []
  const who = profile === null ? '' : `${visible(profile)}  `
  return `${page.paint(style, sign)} ${who}${[...of(key), ...values, ...why].join(', ')}`
}

function said(value: Json | undefined): string {
  if (value === undefined) return '(not sent)'
  return visible(typeof value === 'string' ? value : JSON.stringify(value))
}
