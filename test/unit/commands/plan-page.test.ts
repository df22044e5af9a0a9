import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { escaped, html, printHtml, prose } from '../../../src/commands/html.ts'
import { planPage } from '../../../src/commands/plan-page.ts'
import type { PlanReport } from '../../../src/plan-report.ts'
import { hostile } from '../../support/hostile.ts'
import { everything } from '../../support/planned.ts'

const PROJECT = { name: 'acme', syncs: new Map(), destinations: new Map() }

function pageOf(report: PlanReport, output: string | undefined = 'plan.json', name = 'acme'): string {
  return planPage({ report, project: { ...PROJECT, name }, output })
}

/** What a browser takes for markup: every tag with its attributes, but for values that are data. */
function skeleton(page: string): readonly string[] {
  return [...page.matchAll(/<\/?[a-z!][^>]*>/gi)]
    .map(([tag]) => tag.replace(/aria-label="[^"]*"/, ''))
    .filter((tag) => !/^<\/?code>$/.test(tag))
}

/** Texts by which the page decides what it shows. */
const DECIDES = new Set(['op', 'act', 'status', 'severity', 'effect', 'way', 'code', 'started_at', 'made_at', 'reason'])

/** The same report with another text wherever it has one, names of fields included. */
function planted<T>(value: T, text: string, key = ''): T {
  if (typeof value === 'string') return (DECIDES.has(key) ? value : text) as T
  if (Array.isArray(value)) return value.map((one) => planted(one, text, key)) as T
  if (typeof value !== 'object' || value === null) return value
  const named = ['fields', 'before', 'key', 'rejected', 'unattributed', 'variants'].includes(key)
  return Object.fromEntries(
    Object.entries(value).map(([name, one], at) => [named ? `${text}${at}` : name, planted(one, text, name)]),
  ) as T
}

/** `changed` names fields that are there. */
function withNames(report: PlanReport, text: string): PlanReport {
  const made = planted(report, text)
  return {
    ...made,
    syncs: made.syncs.map((one) => ({
      ...one,
      sample: one.sample.map((row) => ({ ...row, changed: row.changed?.map((_, at) => `${text}${at}`) ?? null })),
    })),
  }
}

describe('the page of a plan', () => {
  test('keeps whatever others wrote as text: no tag, attribute or control character comes of it', () => {
    const plain = skeleton(pageOf(withNames(everything(), 'x'), 'x', 'x'))
    fc.assert(
      fc.property(hostile(), (text) => {
        const page = pageOf(withNames(everything(), text), text, text)
        expect(skeleton(page)).toEqual(plain)
        expect(page).not.toMatch(/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
      }),
      { numRuns: 150 },
    )
  })

  test('shows a script in a name as what it is', () => {
    const page = pageOf(withNames(everything(), '<script>alert(1)</script>"\' onload=\u202e'))
    expect(page).not.toContain('<script')
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39; onload=\\u202e')
  })

  test('allows nothing but its own style, which is the one that its policy names', () => {
    const page = pageOf(everything())
    const [, style = ''] = /<style>(.*)<\/style>/s.exec(page) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    expect(page).toContain(
      escaped(`default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`),
    )
    expect(page).not.toMatch(/https?:|url\(|@import|<script|<link|<img|<iframe| style=| on\w+=|href=|src=/)
  })

  test('says how to go on: apply in time, override what is blocked, or keep the plan first', () => {
    const report = everything()
    expect(pageOf(report)).toContain('<code>cdp apply plan.json --override plan-r7</code>')
    expect(pageOf(report)).toContain('until 3 November 2026, 08:00 UTC')
    const free = { ...report, exit_code: 0, ...(report.plan && { plan: { ...report.plan, blocked: false } }) }
    expect(pageOf(free)).toContain('<code>cdp apply plan.json</code>')
    const { plan: _, ...unkept } = report
    expect(pageOf(unkept)).toContain('<code>cdp plan -o plan.json --html</code>')
  })

  test('shows of a change what changes, and of a field that is skipped that it is not sent', () => {
    const page = pageOf(everything())
    expect(page).toContain('<dt>CITY</dt><dd><del><bdi>Pau</bdi></del> → <ins><bdi>Rouen</bdi></ins></dd>')
    expect(page).toContain('<dt>AGE</dt><dd><del><bdi>31</bdi></del> → <ins><bdi>(not sent)</bdi></ins></dd>')
    expect(page).not.toContain('SAME')
  })
})

test('a piece of a page is made by its maker only: an object that looks like one does not pass', () => {
  const forged = JSON.parse('{"Symbol(html)":"<b>"}')
  expect(() => printHtml(html`<p>${forged}</p>`)).toThrow()
})

test('code stands between two backticks, and one alone is a character', () => {
  expect(printHtml(prose('use `<x>` here'))).toBe('use <code>&lt;x&gt;</code> here\n')
  expect(printHtml(prose('a ` b'))).toBe('a ` b\n')
})
