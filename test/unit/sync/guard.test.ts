import { describe, expect, test } from 'vitest'
import type { SyncGuard } from '../../../src/project/project.ts'
import type { GuardName } from '../../../src/sync/breach.ts'
import { breaches, callsFor, type Found, type Guarded } from '../../../src/sync/guard.ts'
import type { PlanCounts } from '../../../src/sync/ledger.ts'
import { LIMIT } from './harness.ts'

const NOTHING: PlanCounts = {
  creates: 0,
  updates: 0,
  removes: 0,
  withdraws: 0,
  listed: 0,
  strangers: 0,
  noConsent: 0,
  suppressed: 0,
  consents: undefined,
  owed: { creates: 0, updates: 0, removes: 0 },
  marks: 0,
  rebased: 0,
  unchanged: 0,
  invalid: 0,
  copies: 0,
  excluded: 0,
  held: 0,
  waiting: 0,
  pending: 0,
  audience: 100_000,
  snapshot: 100_000,
  onHold: 0,
}

const limits = (perDay?: number) => {
  const limit = perDay === undefined ? LIMIT : { ...LIMIT, perDay }
  return { limits: () => ({ upsert: limit, remove: limit }) }
}

const JOB: Guarded = {
  name: 'people_to_crm',
  onLeave: { verb: 'remove' },
  delivers: 'changes',
  segment: 'vips',
  guard: {},
  connector: limits(),
  account: {},
  into: {},
}

function names(counts: Partial<PlanCounts>, job: Partial<Guarded> = {}, found: Found = {}): readonly GuardName[] {
  return breaches({ ...JOB, ...job }, { ...NOTHING, ...counts }, found).map(({ guard }) => guard)
}

function said(counts: Partial<PlanCounts>, job: Partial<Guarded> = {}, found: Found = {}): string {
  const all = breaches({ ...JOB, ...job }, { ...NOTHING, ...counts }, found)
  return all.map(({ message, fix }) => `${message} ${fix}`).join('\n')
}

const owed = (more: Partial<PlanCounts['owed']>) => ({ owed: { ...NOTHING.owed, ...more } })

describe('a guard says nothing up to its limit, and blocks beyond it', () => {
  test.each<[what: string, counts: Partial<PlanCounts>, guard: SyncGuard, expected: readonly GuardName[]]>([
    ['nothing to do', {}, {}, []],
    ['10 % leave', { removes: 10_000 }, {}, []],
    ['more than 10 % leave', { removes: 10_001 }, {}, ['max_removed']],
    ['what is owed leaves, too', { removes: 1, ...owed({ removes: 10_000 }) }, {}, ['max_removed']],
    ['19 of 20 leave', { removes: 19, snapshot: 20 }, {}, []],
    ['20 of 21 leave', { removes: 20, snapshot: 21 }, {}, ['max_removed']],
    ['half may leave', { removes: 50_000 }, { maxRemoved: 0.5 }, []],
    ['no one may leave, but a few always do', { removes: 19 }, { maxRemoved: 0 }, []],
    ['no one may leave', { removes: 20 }, { maxRemoved: 0 }, ['max_removed']],
    ['half changes', { updates: 50_000 }, {}, []],
    ['more than half changes', { updates: 50_001 }, {}, ['max_changed']],
    ['updates and removals together', { updates: 45_001, removes: 5_000 }, {}, ['max_changed']],
    ['what is owed changes, too', { ...owed({ updates: 50_001 }) }, {}, ['max_changed']],
    ['all of 999 change', { updates: 999, snapshot: 999 }, {}, []],
    ['most of 1,000 change', { updates: 501, snapshot: 1_000 }, {}, ['max_changed']],
    ['new rows are no change', { creates: 500_000 }, {}, []],
    ['a tenth may change', { updates: 10_001 }, { maxChanged: 0.1 }, ['max_changed']],
    ['19 keys of 20 are invalid', { invalid: 19, audience: 20 }, {}, []],
    ['20 keys of 20,000 are invalid', { invalid: 20, audience: 20_000 }, {}, []],
    ['20 keys of 19,999 are invalid', { invalid: 20, audience: 19_999 }, {}, ['max_invalid']],
    ['1,000 keys of millions are invalid', { invalid: 1_000, audience: 5_000_000 }, {}, []],
    ['1,001 keys of millions are invalid', { invalid: 1_001, audience: 5_000_000 }, {}, ['max_invalid']],
    ['a share that is written stands alone', { invalid: 1_001 }, { maxInvalid: 0.02 }, []],
    ['more than the written share', { invalid: 2_001 }, { maxInvalid: 0.02 }, ['max_invalid']],
    ['as many are created as may be', { creates: 500 }, { maxCreates: 500 }, []],
    ['more are created', { creates: 1, ...owed({ creates: 500 }) }, { maxCreates: 500 }, ['max_creates']],
    ['everybody leaves', { audience: 0, removes: 100_000 }, { maxRemoved: 1 }, ['empty_audience']],
    ['nobody was there', { audience: 0, snapshot: 0 }, {}, []],
    [
      'all at once',
      { removes: 90_000, updates: 5_000, invalid: 5_000, creates: 2 },
      { maxCreates: 1 },
      ['max_removed', 'max_changed', 'max_invalid', 'max_creates'],
    ],
  ])('%s', (_, counts, guard, expected) => {
    expect(names(counts, { guard })).toEqual(expected)
  })

  test('an empty audience is no harm where rows that leave are kept, unless the place is rewritten whole', () => {
    const counts = { audience: 0 }
    expect(names(counts, { onLeave: undefined })).toEqual([])
    expect(names(counts, { onLeave: undefined, delivers: 'whole' })).toEqual(['empty_audience'])
  })

  test('held removals are neither a mass removal nor a mass change; an empty audience stays one', () => {
    const found = { removalsHeld: true }
    expect(names(owed({ removes: 90_000 }), {}, found)).toEqual([])
    expect(names({ updates: 50_001, ...owed({ removes: 90_000 }) }, {}, found)).toEqual(['max_changed'])
    expect(names({ audience: 0, ...owed({ removes: 90_000 }) }, {}, found)).toEqual(['empty_audience'])
  })

  test('a daily quota that is known may be used up to 80 %, or as the guard says', () => {
    const calls = (creates: number, removes: number, guard: SyncGuard = {}) =>
      names({ creates, removes }, { guard, connector: limits(1_000) })
    expect(calls(8_000, 0)).toEqual([])
    expect(calls(8_001, 0)).toEqual(['max_calls'])
    expect(calls(7_990, 11)).toEqual(['max_calls'])
    expect(calls(8_001, 0, { maxCalls: 1 })).toEqual([])
    expect(names({ creates: 1_000_000 })).toEqual([])
    expect(names({ creates: 1_000_000 }, { account: undefined, connector: limits(10) })).toEqual([])
  })
})

describe('what a guard says', () => {
  test('names the numbers, where to look, and the way on', () => {
    expect(said({ removes: 12_000 })).toBe(
      '12,000 of 100,000 rows would leave the destination: more than 10 %. Look at the sources of "vips", and at ' +
        '`cdp preview vips`. If it is right: `cdp plan -o plan.json`, then `cdp apply plan.json --override <plan id>`.',
    )
    expect(said({ invalid: 1_500, copies: 1_200 })).toContain(
      '1,500 of 100,000 rows have no key of their own: more than 0.1 %. In 300 it is null, 1,200 share one with others.',
    )
    expect(said({ invalid: 1_500, audience: 5_000_000 })).toContain('more than 1,000 rows')
    expect(said({ creates: 10_000 }, { connector: limits(1_000) })).toContain(
      'It would take about 1,000 calls, of the 1,000 that the vendor answers in a day: more than 80 %.',
    )
  })

  test('of another target, that it may be a copy, and how to go on', () => {
    const text = said({}, {}, { otherTarget: 'prod' })
    expect(text).toContain('The state was made for target "prod": this may be a copy of its warehouse')
    expect(text).toContain('a state of its own')
    expect(text).toContain('--override <plan id>')
  })

  test('of fields, which, how many rows and how many calls', () => {
    const change = { kind: 'fields', added: ['tier'], changed: ['city'], removed: ['age'], lost: [] } as const
    const resends = { rows: 1_200_000, chosen: false }
    expect(said({}, {}, { change, resends })).toContain(
      'The fields have changed (+tier ~city -age): 1,200,000 rows, about 120,000 calls, though the data has not.',
    )
    expect(names({}, {}, { change, resends: { ...resends, chosen: true } })).toEqual([])
    expect(names({ updates: 90_000 }, {}, { change, resends: { ...resends, chosen: true } })).toEqual([])
    expect(names({}, {}, { change, resends: { rows: 0, chosen: false } })).toEqual([])
    expect(said({}, {}, { change: { ...change, lost: ['tier_old'] }, resends })).toContain('is no more: tier_old.')
  })

  test('of a key, what becomes of rows known by the old one', () => {
    const change = { kind: 'key', before: 'id: a (text)', now: 'id: b (text)' } as const
    expect(said({ creates: 7 }, {}, { change })).toContain(
      '7 rows would be sent as new, and what is known by the old key would be removed',
    )
    expect(said({ creates: 7 }, { onLeave: undefined }, { change })).toContain('would be left there')
    expect(said({}, {}, { change })).toContain('`cdp state rekey people_to_crm`')
    expect(names({ snapshot: 0 }, {}, { change })).toEqual([])
  })
})

test('calls are full batches; a place that is rewritten whole takes one', () => {
  expect(callsFor(JOB, { upsert: 21, remove: 1 })).toBe(4)
  expect(callsFor(JOB, { upsert: 0, remove: 0 })).toBe(0)
  expect(callsFor({ ...JOB, delivers: 'whole' }, { upsert: 500, remove: 3 })).toBe(1)
  expect(callsFor({ ...JOB, account: undefined }, { upsert: 500, remove: 3 })).toBeUndefined()
})
