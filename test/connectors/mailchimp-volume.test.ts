import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/connectors/connector.ts'
import { mailchimpVendor } from '../../src/connectors/mailchimp/emulator.ts'
import { mailchimp } from '../../src/connectors/mailchimp/index.ts'
import { TAKES } from '../../src/connectors/mailchimp/limits.ts'
import type { Subject } from '../contract/connector.ts'
import { expectChangesForeseen, expectForeseen } from '../contract/volume.ts'
import { KEY, LIST } from '../support/mailchimp.ts'

// What `cdp plan` says of Mailchimp: 500 new contacts are a call, every contact that changes or leaves is one.

function subjectOf(options: Readonly<Record<string, Json>>) {
  const place = mailchimp.into.parse({ list: 'abc123', ...options })
  const segments = place.segment === undefined ? [] : [place.segment]
  const subject: Subject<Parameters<typeof mailchimp.open>[0], typeof place> = {
    connector: mailchimp,
    account: { api_key: KEY },
    into: place,
    secrets: [KEY],
    columns: { key: ['email'], fields: ['FNAME'] },
    vendor: () => mailchimpVendor({ apiKey: KEY, lists: new Map([['abc123', [{ tag: 'FNAME' }]]]), segments }),
    row: (n) => ({ key: { email: `p${n}@shop.test` }, fields: { FNAME: `Person ${n}` } }),
    bad: { key: { email: 'no address' }, fields: {} },
    leave: { verb: options.tag === undefined && options.segment === undefined ? 'archive' : 'remove' },
    isWrite: ({ method }) => method !== 'GET',
    takes: ({ path }) => (path === LIST || /\/segments(\/\d+)?$/.test(path) ? TAKES.many : TAKES.one),
    wholeRefused: { status: 422 },
  }
  return subject
}

const PLACES: readonly (readonly [string, Readonly<Record<string, Json>>])[] = [
  ['a list', {}],
  ['a tag', { tag: 'vip' }],
  ['a static segment', { segment: 'vip' }],
]

describe('calls and minutes are as a plan foresees them', () => {
  // The contract suite does so of lists and tags.
  test('at the first run into a segment', () => expectForeseen(subjectOf({ segment: 'vip' })), 300_000)

  test.each(PLACES)(
    'when everybody changes, and when all but one leave: %s',
    async (_, options) => {
      await expectChangesForeseen(subjectOf(options))
    },
    600_000,
  )
})

test.each<[object, { upsert: number; remove: number; updates?: number }, object]>([
  [{}, { upsert: 1_000, remove: 0 }, { upsert: { requests: 1, takes: 1_000 } }],
  [{}, { upsert: 1_000, remove: 0, updates: 1_000 }, { upsert: { requests: 500, takes: 31_250 } }],
  [{}, { upsert: 1_000, remove: 0, updates: 500 }, { upsert: { requests: 251 } }],
  [{ tag: 'vip' }, { upsert: 10, remove: 0, updates: 10 }, { upsert: { requests: 10 } }],
  [{ segment: 'vip' }, { upsert: 500, remove: 0 }, { upsert: { requests: 2, takes: 2_000 } }],
  [
    { segment: 'vip' },
    { upsert: 500, remove: 500, updates: 500 },
    { upsert: { requests: 500 }, remove: { requests: 2 } },
  ],
  [{}, { upsert: 0, remove: 1 }, { remove: { rows: 100, requests: 1 } }],
  [{}, { upsert: 0, remove: 100_000 }, { remove: { rows: 100, requests: 100 } }],
  [{}, { upsert: 0, remove: 0 }, { upsert: { requests: 1 }, remove: { requests: 1 } }],
])('limits of %j for %j', (options, volume, expected) => {
  const place = mailchimp.into.parse({ list: 'abc123', ...options })
  expect(mailchimp.limits({ api_key: KEY }, place, volume)).toMatchObject(expected)
})
