import type { Json } from '../connectors/connector.ts'
import type { PlannedSyncReport, ShownRow } from '../plan-report.ts'
import type { Project, Sync } from '../project/project.ts'
import { changeWords } from '../sync/mapping.ts'
import { type Html, html, prose, when } from './html.ts'
import { count, duration, number } from './layout.ts'
import { WITHHELD } from './print-run.ts'

/** One sync of a plan: who enters, changes and leaves, what keeps others back, what guards say. */
export function syncCard(one: PlannedSyncReport, project: Pick<Project, 'syncs' | 'destinations'>): Html {
  const sync = project.syncs.get(one.name)
  return html`
<article class="card">
<header><h3><bdi>${one.name}</bdi> → <bdi>${one.destination}</bdi></h3>${badge(one)}</header>
${when(sync !== undefined, () => html`<p class="faint small">${sync ? about(sync, project) : ''}</p>`)}
${counts(one)}
${cost(one)}
${guards(one)}
${mapping(one)}
${keptBack(one)}
${GROUPS.map((group) => people(one, group))}
</article>`
}

function badge({ status, blocked_by: reason }: PlannedSyncReport): Html {
  if (status === 'blocked') return html`<span class="badge leave">blocked</span>`
  return when(reason !== null, () => html`<span class="badge">${reason ?? ''}</span>`)
}

function about(sync: Sync, { destinations }: Pick<Project, 'destinations'>): string {
  const { segment, variant, entity, mode, onLeave, purpose, description } = sync
  const audience = segment === undefined ? `every ${entity}` : `segment ${segment}${variant ? `.${variant}` : ''}`
  const type = destinations.get(sync.destination)?.type
  const leaving = onLeave === undefined ? '' : `; who leaves: ${onLeave.verb} ${onLeave.argument ?? ''}`.trimEnd()
  const said = [
    ...(description === undefined ? [] : [description.replace(/\.?\s*$/, '.')]),
    `Audience: ${audience}; mode ${mode}${leaving}${type === undefined ? '' : `; by ${type}`}.`,
    ...(purpose === undefined ? [] : [`Purpose: ${purpose}.`]),
  ]
  return said.join(' ')
}

function counts({ creates, updates, removes, unchanged }: PlannedSyncReport): Html {
  const shares = [
    ['enter', creates],
    ['change', updates],
    ['leave', removes],
    ['stay', unchanged],
  ] as const
  const all = creates + updates + removes + unchanged
  let left = 0
  const bars = shares.map(([name, rows]) => {
    const width = all === 0 ? 0 : (rows / all) * 100
    const bar = html`<rect class="${name}" x="${left.toFixed(2)}" width="${width.toFixed(2)}" height="1"></rect>`
    left += width
    return bar
  })
  const said = `${number(creates)} enter, ${number(updates)} change, ${number(removes)} leave, ${number(unchanged)} stay`
  const item = (style: string, rows: number, words: string) =>
    html`<li class="${rows === 0 ? 'faint' : style}"><b>${number(rows)}</b> ${words}</li>\n`
  return html`
<ul class="counts">
${item('enter', creates, 'enter')}${item('change', updates, 'change')}${item('leave', removes, 'leave')}${item('', unchanged, 'stay as they are')}
</ul>
<svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label="${said}">${bars}</svg>`
}

function cost({ estimate }: PlannedSyncReport): Html {
  if (estimate === undefined || estimate.calls === 0) return html``
  const time = estimate.minutes < 1 ? '' : `, ${duration(estimate.minutes * 60_000)} at the vendor’s rate`
  return html`<p class="small">${`About ${count(estimate.calls, 'call')}${time}.`}</p>`
}

const EFFECTS = {
  blocked: { style: 'bad', words: 'Blocked by its guard' },
  held: { style: 'warn', words: 'Its removals are held back by its guard' },
  overridden: { style: 'warn', words: 'Sent in spite of its guard' },
} as const

function guards({ breaches }: PlannedSyncReport): Html {
  return html`${breaches.map(({ effect, guard, message, fix }) => {
    const { style, words } = EFFECTS[effect]
    return html`
<div class="box ${style}"><p><strong>${words}</strong> <code>${guard}</code></p><p>${prose(message)}</p>
<p><strong>How to go on:</strong> ${prose(fix)}</p></div>`
  })}`
}

const WAYS = {
  resync: (rows: string) => `${rows} are sent anew.`,
  rebase: (rows: string) => `${rows} are not sent for that, because their data has not changed.`,
} as const

function mapping({ mapping: note }: PlannedSyncReport): Html {
  // Where somebody has to choose, the guard says so.
  if (note === null || note.way === 'ask') return html``
  const calls = note.calls === null || note.way === 'rebase' ? '' : ` About ${count(note.calls, 'call')}.`
  return html`
<div class="box warn"><p><strong>Its fields have changed:</strong>
<code>${changeWords(note)}</code></p><p>${WAYS[note.way](count(note.rows, 'row'))}${calls}</p></div>`
}

const REASONS: Readonly<Record<(typeof WITHHELD)[number], string>> = {
  consent: 'without consent to its purpose',
  suppressed: 'on the suppression list',
  excluded: 'left out by `exclude:`',
  held: 'waiting: refused before, or an earlier request may still take effect',
  listed: 'to be withdrawn by hand: they may not be contacted any more, and the destination knows no act for that',
}

function keptBack({ withheld, invalid }: PlannedSyncReport): Html {
  const rows = [
    ...WITHHELD.map((why) => [withheld[why], REASONS[why]] as const),
    [invalid, 'with an empty or double key, never sent'] as const,
  ].filter(([many]) => many > 0)
  return when(
    rows.length > 0,
    () => html`
<h4>Kept back</h4>
<ul class="plain">${rows.map(([many, why]) => html`<li><b>${number(many)}</b> ${prose(why)}</li>\n`)}</ul>`,
  )
}

interface Group {
  readonly op: ShownRow['op']
  readonly title: string
  readonly style: string
  readonly all: (one: PlannedSyncReport) => number
}

const GROUPS: readonly Group[] = [
  { op: 'create', title: 'Who enters', style: 'in', all: ({ creates }) => creates },
  { op: 'update', title: 'Who changes', style: 'mod', all: ({ updates }) => updates },
  { op: 'remove', title: 'Who leaves', style: 'out', all: ({ removes }) => removes },
]

function people({ sample, ...one }: PlannedSyncReport, { op, title, style, all }: Group): Html {
  const rows = sample.filter((row) => row.op === op)
  const total = all({ sample, ...one })
  const unknown = op === 'update' && rows.some(({ changed: names }) => names === null)
  const words = total > rows.length ? `${rows.length} of ${number(total)}` : `${number(total)}`
  return when(
    rows.length > 0,
    () => html`
<h4>${title} <span class="faint small">${words}</span></h4>
<ul class="people">${rows.map((row) => person(row, style))}</ul>
${when(unknown, () => html`<p class="faint small">What a row was before is told where published profiles still are what was acknowledged.</p>`)}`,
  )
}

function person(row: ShownRow, style: string): Html {
  const { key, fields, profile_id: profile, act } = row
  const withdrew = act === 'withdraw' ? ' – may no longer be contacted' : ''
  const values = [
    ...Object.entries(key).map(([name, value]) => entry(name, html`<bdi>${said(value)}</bdi>`)),
    ...(row.changed === null
      ? Object.entries(fields).map(([name, value]) => entry(name, html`<bdi>${said(value)}</bdi>`))
      : row.changed.map((name) => entry(name, changed(row, name)))),
  ]
  return html`
<li class="${style}"><span class="small"><bdi>${profile ?? 'nobody of this build'}</bdi>${withdrew}</span>
<dl class="values">${values}</dl></li>`
}

function changed({ before, fields }: ShownRow, name: string): Html {
  return html`<del><bdi>${said(before?.[name])}</bdi></del> → <ins><bdi>${said(fields[name])}</bdi></ins>`
}

function entry(name: string, value: Html): Html {
  return html`<dt>${name}</dt><dd>${value}</dd>\n`
}

/** A value as a person reads it. A field that is not there is one that is skipped while its value is null. */
function said(value: Json | undefined): string {
  if (value === undefined) return '(not sent)'
  if (value === null) return '(empty)'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
