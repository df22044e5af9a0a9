import type { EntityDiff, Example, ExamplePart } from '../catalog/diff.ts'
import type { PlanReport } from '../plan-report.ts'
import type { IdentityReport, SegmentReport } from '../report.ts'
import { type Html, html, when } from './html.ts'
import { count, number } from './layout.ts'
import { named, reasonOf } from './print-explain.ts'

/** What becomes of people: how many there are, who merges and who falls apart. */
export function peopleSection({ identity, moves }: PlanReport): Html {
  return when(
    identity.length > 0,
    () => html`
<section>
<h2>People</h2>
${identity.map((one) =>
  entity(
    one,
    moves?.entities.find((each) => each.entity === one.entity),
  ),
)}
</section>`,
  )
}

function entity(one: IdentityReport, diff: EntityDiff | undefined): Html {
  const nobodys = Object.entries(one.unattributed).filter(([, rows]) => rows > 0)
  const rejected = Object.entries(one.rejected).filter(([, rows]) => rows > 0)
  const facts = [
    ...(one.refused_edges === 0 ? [] : [`${count(one.refused_edges, 'join')} refused by a rule`]),
    `the largest holds ${count(one.largest, 'identifier')}`,
    ...rejected.map(([type, rows]) => `${type} identifies nobody in ${count(rows, 'row')}`),
    ...nobodys.map(([source, rows]) => `${count(rows, 'row')} of ${source} belong to nobody`),
  ]
  return html`
<article class="card">
<header><h3><bdi>${one.entity}</bdi></h3></header>
<p>${`${count(one.profiles, 'profile')} from ${count(one.identifiers, 'identifier')}: ${number(one.created)} new, ${number(one.merged)} merged, ${number(one.split)} split.`}</p>
<p class="faint small">${`${facts.join('; ')}.`}</p>
${diff === undefined ? html`` : moved(diff)}
</article>`
}

function moved({ merges, splits, merge_examples: merging, split_examples: splitting }: EntityDiff): Html {
  return html`
${examples('Who becomes one person', merges.into, merging, ({ profile_id: id, part_count: all }) => `${count(all, 'profile')} become ${id}`)}
${examples('Who falls apart', splits.profiles, splitting, ({ profile_id: id, part_count: all }) => `${id} becomes ${count(all, 'profile')}`)}`
}

function examples(title: string, all: number, shown: readonly Example[], words: (one: Example) => string): Html {
  const many = all > shown.length ? `${shown.length} of ${number(all)}` : number(all)
  return when(
    shown.length > 0,
    () => html`
<h4>${title} <span class="faint small">${many}</span></h4>
<ul class="people">${shown.map(
      (one) => html`
<li class="mod"><span class="small">${words(one)}</span>
<ul class="plain small">${one.parts.map(part)}${one.refused.map(
        (refused) => html`<li>${`${count(refused.edges, 'edge')} refused: ${reasonOf(refused)}`}</li>\n`,
      )}</ul></li>`,
    )}</ul>`,
  )
}

function part({ profile_id: id, identifiers, some, via }: ExamplePart): Html {
  const names = `${some.map(named).join(' · ')}${identifiers > some.length ? ` · ${number(identifiers - some.length)} more` : ''}`
  const tie = via === null ? '' : `, by ${named(via)}`
  return html`<li><bdi>${id}</bdi>${tie}<br><span class="faint">${names}</span></li>\n`
}

/** How large every segment is, and who moves in and out. */
export function segmentsSection(segments: readonly SegmentReport[]): Html {
  return when(
    segments.length > 0,
    () => html`
<section>
<h2>Segments</h2>
<div class="scroll">
<table>
<thead><tr><th>Segment</th><th class="n">Members</th><th class="n">Enter</th><th class="n">Leave</th><th class="n">Held out</th></tr></thead>
<tbody>
${segments.map(segment)}
</tbody>
</table>
</div>
</section>`,
  )
}

function segment({ name, members, entered, left, held_out: held, variants = {} }: SegmentReport): Html {
  const each = Object.entries(variants).map(([variant, people]) => `${number(people)} in ${variant}`)
  const figure = (value: number, sign: string, style: string) =>
    html`<td class="n ${value === 0 ? 'faint' : style}">${value === 0 ? '0' : `${sign}${number(value)}`}</td>`
  const parts = when(each.length > 0, () => html`<br><span class="faint small">${each.join(', ')}</span>`)
  return html`<tr><td><bdi>${name}</bdi>${parts}</td><td class="n">${number(members)}</td>${figure(entered, '+', 'enter')}${figure(left, '−', 'leave')}${figure(held, '', '')}</tr>\n`
}
