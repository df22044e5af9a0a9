import type { IdentityDiff } from '../../src/catalog/diff.ts'
import type { PlannedSyncReport, PlanReport } from '../../src/plan-report.ts'

/** A sync of which nothing is to be said. */
export function plannedOf(name: string, more: Partial<PlannedSyncReport> = {}): PlannedSyncReport {
  return {
    name,
    destination: 'newsletter',
    status: 'planned',
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
    sample: [],
    ...more,
  }
}

/** A plan in which there is something of every kind. */
export function everything(): PlanReport {
  return {
    version: 1,
    command: 'plan',
    run_id: 'r7',
    status: 'blocked',
    exit_code: 4,
    started_at: '2026-11-01T08:00:00.000Z',
    ms: 3210,
    target: 'prod',
    sandbox: true,
    dry_run: true,
    identity: [
      {
        entity: 'customer',
        profiles: 5012,
        identifiers: 14_233,
        rounds: 4,
        merged: 2,
        split: 1,
        created: 12,
        largest: 9,
        refused_edges: 3,
        rejected: { email: 4 },
        unattributed: { orders: 120, consents: 0 },
      },
    ],
    models: [],
    tests: [
      {
        name: 'email is not null',
        entity: 'customer',
        column: 'email',
        test: 'not_null',
        severity: 'warn',
        status: 'warn',
        failures: 3,
        rows: 5012,
        at: 'models/traits.yaml:4:5',
      },
      {
        name: 'orders have a key',
        source: 'orders',
        column: null,
        test: 'unique',
        severity: 'error',
        status: 'pass',
        failures: 0,
        rows: 90,
        at: 'models/sources.yaml:9:5',
      },
    ],
    segments: [
      { name: 'readers', members: 1200, entered: 14, left: 3, held_out: 0 },
      { name: 'offer', members: 80, entered: 0, left: 0, held_out: 8, variants: { a: 40, b: 40 } },
    ],
    syncs: [readers(), vips(), plannedOf('elsewhere', { blocked_by: 'not sent: target prod' })],
    holdings: [],
    errors: [
      {
        code: 'source/stale',
        severity: 'warning',
        message: 'Source "orders" is 2 days old.',
        at: 'models/sources.yaml:9:5',
        fix: 'Load it.',
      },
      { code: 'sync/guard', severity: 'error', message: '"vips" was not sent.' },
    ],
    plan: {
      version: 1,
      kind: 'cdp-plan',
      plan_id: 'plan-r7',
      made_at: '2026-11-01T08:00:05.000Z',
      target: 'prod',
      sandbox: true,
      asked: { vars: {}, now: null, select: [], exclude: [], max_changes: null },
      meaning: 'm',
      build: 7,
      base_build: 6,
      blocked: true,
      syncs: [],
    },
    moves: moves(),
  }
}

function readers(): PlannedSyncReport {
  return plannedOf('readers', {
    creates: 14,
    updates: 2,
    removes: 3,
    unchanged: 1183,
    invalid: 2,
    withheld: { consent: 21, suppressed: 1, excluded: 3, listed: 1, held: 4 },
    estimate: { calls: 240, minutes: 75 },
    mapping: { added: ['TIER'], changed: ['CITY'], removed: ['AGE'], way: 'rebase', rows: 900, calls: 2 },
    breaches: [
      {
        guard: 'max_removed',
        message: '3 of 12 rows would leave the destination: more than 10 %. Look at `cdp preview readers`.',
        fix: 'If it is right: `cdp plan -o plan.json`.',
        effect: 'held',
      },
    ],
    sample: [
      {
        op: 'create',
        act: null,
        profile_id: 'p-new',
        key: { email: '[hidden]' },
        fields: { CITY: 'Metz', LTV: 12.5, NOTE: null },
        before: null,
        changed: null,
      },
      {
        op: 'update',
        act: null,
        profile_id: 'p-known',
        key: { email: '[hidden]' },
        fields: { CITY: 'Rouen', FNAME: '[hidden]', SAME: 'same' },
        before: { CITY: 'Pau', FNAME: '[hidden]', AGE: 31, SAME: 'same' },
        changed: ['CITY', 'FNAME', 'AGE'],
      },
      {
        op: 'update',
        act: null,
        profile_id: 'p-unknown',
        key: { email: '[hidden]' },
        fields: { CITY: 'Dijon' },
        before: null,
        changed: null,
      },
      {
        op: 'remove',
        act: 'withdraw',
        profile_id: null,
        key: { email: '[hidden]' },
        fields: {},
        before: null,
        changed: null,
      },
    ],
  })
}

function vips(): PlannedSyncReport {
  return plannedOf('vips', {
    destination: 'crm',
    status: 'blocked',
    removes: 40,
    blocked_by: 'The audience is empty.',
    breaches: [
      {
        guard: 'empty_audience',
        message: 'The audience is empty, and 40 rows would leave the destination.',
        fix: 'If it is right: `cdp apply plan.json --override <plan id>`.',
        effect: 'blocked',
      },
    ],
  })
}

function moves(): IdentityDiff {
  const part = (id: string) => ({
    profile_id: id,
    identifiers: 4,
    some: [{ type: 'email', value: '[hidden #7]' }],
    via: { type: 'phone', value: '[hidden #8]' },
  })
  return {
    compared_with: { build: 6, run_id: 'r6', at: '2026-10-31T08:00:00.000000Z' },
    guard: [],
    entities: [
      {
        entity: 'customer',
        rules_changed: false,
        profiles: { before: 5002, after: 5012, new: 12, gone: 0 },
        identifiers: { before: 14_000, after: 14_233 },
        merges: { profiles: 4, into: 2 },
        splits: { profiles: 1, into: 2 },
        standings: [],
        sizes: [],
        largest: { before: [], after: [] },
        merge_examples: [{ profile_id: 'p-1', part_count: 2, parts: [part('p-1'), part('p-2')], refused: [] }],
        split_examples: [
          {
            profile_id: 'p-3',
            part_count: 2,
            parts: [part('p-3'), part('p-4')],
            refused: [{ reason: 'limit', detail: 'user_id', edges: 2 }],
          },
        ],
        refused: [],
      },
    ],
  }
}
