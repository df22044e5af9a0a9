import { PLAN_HOURS, type PlannedSyncReport, type PlanReport } from '../plan-report.ts'
import type { Project } from '../project/project.ts'
import type { ErrorReport } from '../report.ts'
import { type Html, html, prose, when } from './html.ts'
import { count, duration, number } from './layout.ts'
import { pageOf } from './page.ts'
import { peopleSection, segmentsSection } from './plan-page-people.ts'
import { syncCard } from './plan-page-sync.ts'

/** What a page of a plan is made of. */
export interface PlanPage {
  readonly report: PlanReport
  readonly project: Pick<Project, 'name' | 'syncs' | 'destinations'>
  /** The file that `cdp apply` takes, as it was named; undefined where the plan was not kept. */
  readonly output: string | undefined
}

/** A plan for people who review it, as one HTML document. What the report hides stays hidden. */
export function planPage({ report, project, output }: PlanPage): string {
  const title = `Plan for ${project.name}`
  const body = html`
<header>
<h1>${title} ${when(report.sandbox, () => html`<span class="badge">sandbox</span>`)}</h1>
<p class="faint">${`Target ${report.target}, made ${instant(report.started_at)}. Nothing was published or sent.`}</p>
</header>
${verdict(report)}
${applying(report, output)}
${totals(report.syncs)}
${problems(report)}
${section(
  'Syncs',
  report.syncs.map((one) => syncCard(one, project)),
)}
${peopleSection(report)}
${segmentsSection(report.segments)}
${dataTests(report.tests)}
<footer class="faint small">
<p>${`Run ${report.run_id}.`} Personal values are hidden, and a few rows stand for all of their kind. Identity and
segments were built beside the published ones.</p>
</footer>`
  return pageOf(title, body)
}

function section(title: string, pieces: readonly Html[]): Html {
  return when(pieces.length > 0, () => html`<section>\n<h2>${title}</h2>\n${pieces}\n</section>`)
}

function verdict({ exit_code: code, syncs, errors }: PlanReport): Html {
  const blocked = syncs.filter(({ status }) => status === 'blocked').length
  if (code === 0) return html`<div class="box good"><p><strong>No guard speaks against this plan.</strong></p></div>`
  if (code !== 4)
    return html`<div class="box bad"><p><strong>The plan could not be made.</strong> See below what failed.</p></div>`
  const identity = errors.some(({ code: what }) => what.startsWith('identity/'))
  const what = [
    ...(blocked === 0 ? [] : [`${count(blocked, 'sync')} would not be sent`]),
    ...(identity ? ['nothing would be published'] : []),
  ]
  return html`
<div class="box bad"><p><strong>Blocked.</strong> ${`A guard speaks against this plan: ${what.join(', and ')}.`}</p></div>`
}

/** How to make it come true, and until when. */
function applying({ plan }: PlanReport, output: string | undefined): Html {
  if (plan === undefined || output === undefined)
    return html`
<div class="box note"><p>This plan was only looked at. To be able to apply exactly what is shown, make it with
<code>cdp plan -o plan.json --html</code>.</p></div>`
  const until = new Date(Date.parse(plan.made_at) + PLAN_HOURS * 3_600_000).toISOString()
  const override = plan.blocked ? ` --override ${plan.plan_id}` : ''
  const why = plan.blocked
    ? 'Only if what the guards say is right, to publish and send exactly this all the same:'
    : 'To publish and send exactly this:'
  return html`
<div class="box note">
<p>${why} <code>${`cdp apply ${output}${override}`}</code></p>
<p class="small">${`Plan ${plan.plan_id}, until ${instant(until)}, or until another run publishes or sends, or the project changes: then it is refused as stale.`}</p>
</div>`
}

function totals(syncs: readonly PlannedSyncReport[]): Html {
  if (syncs.length === 0) return html``
  const sum = (of: (one: PlannedSyncReport) => number) => syncs.reduce((all, one) => all + of(one), 0)
  const withheld = sum((one) => Object.values(one.withheld).reduce((all, rows) => all + rows, 0))
  const minutes = sum(({ estimate }) => estimate?.minutes ?? 0)
  const rate =
    minutes < 1 ? 'less than a minute at the vendors’ rates' : `${duration(minutes * 60_000)} at the vendors’ rates`
  return html`
<dl class="tiles">
${tile(
  'Enter',
  sum(({ creates }) => creates),
  'enter',
)}
${tile(
  'Change',
  sum(({ updates }) => updates),
  'change',
)}
${tile(
  'Leave',
  sum(({ removes }) => removes),
  'leave',
)}
${tile('Kept back', withheld)}
${tile(
  'Calls, about',
  sum(({ estimate }) => estimate?.calls ?? 0),
  '',
  rate,
)}
</dl>
<p class="faint small">Rows of all syncs together: one person who enters two syncs counts twice.</p>`
}

function tile(title: string, value: number, style = '', more = ''): Html {
  const below = when(more !== '', () => html`<small>${more}</small>`)
  return html`<div class="tile"><dt>${title}</dt><dd class="${value === 0 ? '' : style}">${number(value)}${below}</dd></div>\n`
}

/** What the guards of syncs say stands with their syncs. */
function problems({ errors }: PlanReport): Html {
  return section('Problems', errors.filter(({ code }) => code !== 'sync/guard').map(problem))
}

function problem({ severity, code, message, at, fix }: ErrorReport): Html {
  const place = at === undefined ? code : `${code}, ${at}`
  return html`
<div class="box ${severity === 'error' ? 'bad' : 'warn'}">
<p>${prose(message)}</p>
${when(fix !== undefined, () => html`<p>${prose(fix ?? '')}</p>`)}
<p class="faint small">${severity === 'error' ? place : `Warning: ${place}`}</p>
</div>`
}

function dataTests(tests: PlanReport['tests']): Html {
  if (tests.length === 0) return html``
  const found = tests.filter(({ status }) => status !== 'pass')
  const passed = `${number(tests.length - found.length)} of ${number(tests.length)} passed.`
  return section('Data tests', [
    html`<p>${passed}</p>`,
    ...found.map(
      ({ name, status, failures, rows, at }) => html`
<div class="box ${status === 'error' ? 'bad' : 'warn'}"><p><bdi>${name}</bdi>: ${`${number(failures)} of ${count(rows, 'row')}`}
<span class="faint small">${at}</span></p></div>`,
    ),
  ])
}

/** `22 November 2026, 19:16 UTC`. */
function instant(iso: string): string {
  const time = new Date(iso)
  const day = `${time.getUTCDate()} ${MONTHS[time.getUTCMonth()]} ${time.getUTCFullYear()}`
  return `${day}, ${time.toISOString().slice(11, 16)} UTC`
}

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
