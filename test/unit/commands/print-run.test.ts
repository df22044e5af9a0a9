import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { paper, widthOf } from '../../../src/commands/layout.ts'
import { printRun } from '../../../src/commands/print-run.ts'
import type { Report } from '../../../src/report.ts'

type Sync = Report['syncs'][number]

function sync(name: string, more: Partial<Sync> = {}): Sync {
  return {
    name,
    destination: 'crm',
    status: 'ok',
    creates: 0,
    updates: 0,
    removes: 0,
    unchanged: 0,
    written: 0,
    accepted: 0,
    refused: 0,
    again: 0,
    invalid: 0,
    withheld: { consent: 0, suppressed: 0, excluded: 0, listed: 0, held: 0 },
    calls: 0,
    retries: 0,
    ms: 10,
    blocked_by: null,
    breaches: [],
    mapping: null,
    next_eligible_at: null,
    ...more,
  }
}

function report(more: Partial<Report> = {}): Report {
  return {
    version: 1,
    command: 'run',
    run_id: 'r1',
    status: 'ok',
    exit_code: 0,
    started_at: '2026-11-01T08:00:00.000Z',
    ms: 3210,
    target: 'local',
    sandbox: true,
    dry_run: false,
    identity: [
      {
        entity: 'customer',
        profiles: 5012,
        identifiers: 14_233,
        rounds: 4,
        merged: 0,
        split: 0,
        created: 5012,
        largest: 9,
        refused_edges: 0,
        rejected: {},
        unattributed: { orders: 120, consents: 0 },
      },
    ],
    models: [],
    tests: [],
    segments: [{ name: 'vips', members: 1412, entered: 1412, left: 0, held_out: 0 }],
    syncs: [sync('vips_to_crm', { creates: 1412, written: 1412, calls: 8 })],
    holdings: [{ destination: 'crm', places: [{ place: 'Contact', rows: 1412 }] }],
    errors: [],
    ...more,
  }
}

function printed(of: Report, width = Number.POSITIVE_INFINITY, colour = false): string {
  return printRun(of, { page: paper(width, colour), failures: [], next: [['cdp status', 'what is owed']] }).join('\n')
}

describe('the summary of a run', () => {
  test('tells who is held out, and the members of each variant', () => {
    const segments = [
      { name: 'vips', members: 1412, entered: 0, left: 0, held_out: 0 },
      { name: 'offers', members: 80, entered: 2, left: 1, held_out: 20, variants: { ten: 1040, twenty: 40 } },
    ]
    const page = printed(report({ segments }))
    expect(page).toMatch(/segment +members +entered +left +held out\n/)
    expect(page).toMatch(/offers +80 +2 +1 +20\n/)
    expect(page).toContain('  offers: 1,040 in ten, 40 in twenty\n')
  })

  test('says what the warehouse read, where it bills for that', () => {
    const line = (bytes?: number) =>
      printed(report(bytes === undefined ? {} : { bytes_read: bytes }))
        .split('\n')
        .find((one) => one.startsWith('Done.'))
    expect(line()).not.toContain('read')
    expect(
      [0, 999, 1_400_000, 31_457_280_000, 2_500_000_000_000].map(
        (bytes) => /, ([^,]+) read, run /.exec(line(bytes) ?? '')?.[1],
      ),
    ).toEqual(['0 B', '999 B', '1.4 MB', '31.5 GB', '2.5 TB'])
  })

  test('says it all at a glance', () => {
    expect(printed(report())).toBe(`People
  customer: 5,012 profiles from 14,233 identifiers in 4 rounds
    5,012 new, 0 merged, 0 split; the largest holds 9 identifiers
    rows that belong to nobody: 120 in orders

Segments
  segment  members  entered  left
  vips       1,412    1,412     0

Syncs
  sync         to   status  create  update  remove  unchanged  written  calls
  vips_to_crm  crm  ok       1,412       0       0          0    1,412      8

Sandbox: what each emulated destination now holds
  destination  place     rows
  crm          Contact  1,412

Done. 3.2 s, run r1, target local.

Next
  cdp status  what is owed`)
  })

  test('says of a blocked sync why, and what to do', () => {
    const blocked = sync('to_list', {
      status: 'blocked',
      removes: 400,
      blocked_by: '400 of 1000 rows would leave the destination: more than 10 %. The state was made for "prod".',
      breaches: [
        {
          guard: 'max_removed',
          message: '400 of 1000 rows would leave the destination: more than 10 %.',
          fix: 'If it is right: `cdp plan -o plan.json`.',
          effect: 'blocked',
        },
        { guard: 'environment', message: 'The state was made for "prod".', fix: 'Give it its own.', effect: 'blocked' },
      ],
    })
    const error = { code: 'sync/guard', severity: 'error', message: '"to_list" was not sent.' } as const
    const text = printed(report({ exit_code: 4, status: 'blocked', syncs: [blocked], errors: [error] }))
    expect(text).toContain('to_list: blocked by its guard (max_removed). 400 of 1000 rows would leave')
    expect(text.replaceAll(/\s+/g, ' ')).toContain('more than 10 %. If it is right: `cdp plan -o plan.json`.')
    expect(text).toContain(
      'to_list: blocked by its guard (environment). The state was made for "prod". Give it its own.',
    )
    expect(text).toContain('Blocked (exit 4)')
    expect(text).not.toContain('Problems')
  })

  test('says of a sync whose removals are held why, and of a changed mapping what became of rows', () => {
    const mapping = { added: ['tier'], changed: [], removed: ['age'], rows: 12_000, calls: 24 }
    const held = { guard: 'max_removed', message: '40 of 90 rows would leave.', fix: 'Look.', effect: 'held' } as const
    const text = printed(
      report({
        syncs: [
          sync('a', { breaches: [held], mapping: { ...mapping, way: 'rebase' } }),
          sync('b', { breaches: [{ ...held, effect: 'overridden' }], mapping: { ...mapping, way: 'resync' } }),
        ],
      }),
    ).replaceAll(/\s+/g, ' ')
    expect(text).toContain('a: its removals are held back by its guard (max_removed). 40 of 90 rows would leave. Look.')
    expect(text).toContain('a: its fields have changed (+tier -age): 12,000 rows not sent for that, because their data')
    expect(text).toContain('b: sent in spite of its guard (max_removed).')
    expect(text).toContain('b: its fields have changed (+tier -age): 12,000 rows sent anew')
  })

  test('says of rows that were not written what becomes of them', () => {
    const partial = sync('to_list', {
      status: 'partial',
      creates: 9,
      written: 3,
      refused: 2,
      again: 4,
      invalid: 1,
      withheld: { consent: 0, suppressed: 0, excluded: 7, listed: 0, held: 0 },
    })
    const text = printed(report({ exit_code: 3, status: 'incomplete', syncs: [partial] }))
    expect(text).toContain('to_list: 2 rows refused; each waits until its data changes')
    expect(text).toContain('to_list: 4 rows owed; the next run sends what is still due')
    expect(text).toContain('to_list: 1 row with an empty or double key, never sent')
    expect(text).toMatch(/refused {2}again {2}invalid {2}excluded {2}calls\n.* 2 {6}4 {8}1 {9}7 {6}0$/m)
    expect(text).toContain('(exit 3)')
  })

  test('fits the terminal, and shows what vendors and files call things without their control characters', () => {
    const evil = report({
      syncs: [
        sync('a_sync_with_quite_a_long_name_indeed', { refused: 3 }),
        sync('x', { blocked_by: 'why '.repeat(60) }),
      ],
      errors: [{ code: 'destination/refused', severity: 'warning', message: `\u001b[2J${'word '.repeat(50)}` }],
    })
    for (const width of [60, 80, 120]) {
      const text = printed(evil, width, true)
      for (const line of stripVTControlCharacters(text).split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(width)
      expect(text).toContain('\\x1b[2J')
    }
  })
})
