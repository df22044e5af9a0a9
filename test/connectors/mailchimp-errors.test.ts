import { describe, expect, test } from 'vitest'
import type { Change, Json, Ms } from '../../src/connectors/connector.ts'
import { openApi } from '../../src/connectors/mailchimp/api.ts'
import type { MergeField } from '../../src/connectors/mailchimp/emulator-parts.ts'
import { type Given, KEY, LIST, openMailchimp as open, outcomes, path, person } from '../support/mailchimp.ts'
import { changeOf, NOW } from '../support/vendor.ts'

// Every error that Mailchimp documents, or that others have met, made by the emulator out of what it holds; and what it
// means for the sync.

const ROW = { outcome: 'refused', kind: 'row' }
const COMPLIANCE = { outcome: 'refused', kind: 'compliance' }
const WRITTEN = { outcome: 'written' }
const FAKE = changeOf({ email: 'jane.doe@example.com' }, {})
const OFFICE = changeOf({ email: 'postmaster@shop.test' }, {})

const lists = (...fields: readonly MergeField[]): NonNullable<Given['vendor']> => ({
  lists: new Map([['abc123', fields]]),
})
const alone = (change: Change): Change => ({ ...change, op: 'update' })
const ada = (fields: Change['fields'] = {}) => person('ada', fields)

type Arrange = (place: Awaited<ReturnType<typeof open>>) => Promise<unknown>
const nothing: Arrange = async () => undefined

describe('what Mailchimp says of one contact', () => {
  /** What `POST /lists/{id}` says among the errors of its 200, and `PUT …/members/{hash}` as a problem document. */
  const VALUES: readonly (readonly [string, MergeField, Json])[] = [
    ['Please enter a number', { tag: 'X', type: 'number' }, 'seven'],
    ['Please enter the date', { tag: 'X', type: 'date' }, 'soon'],
    ['Please enter a month (01-12) and a day (01-31)', { tag: 'X', type: 'birthday' }, '31/12'],
    ['Please enter a zip code (5 digits)', { tag: 'X', type: 'zip' }, '1234'],
    ['Please enter a phone number', { tag: 'X', type: 'phone', phoneFormat: 'US' }, '+33612345678'],
    ['Please enter a complete URL', { tag: 'X', type: 'url' }, 'shop'],
    ['Please enter a complete address', { tag: 'X', type: 'address' }, { addr1: 'x', city: 'y' }],
    ['The value you selected is not a valid choice.', { tag: 'X', type: 'dropdown', choices: ['a'] }, 'b'],
    ['This value is too long', { tag: 'X', type: 'text' }, 'x'.repeat(256)],
  ]

  test.each(VALUES)('Invalid Resource, %s: refused, in a batch and alone', async (words, field, value) => {
    const { send, held } = await open({ fields: ['X'], vendor: lists(field) })
    const batch = await send(ada({ X: value }), person('bea', {}))
    expect(batch).toMatchObject([{ ...ROW, code: 'ERROR_GENERIC', message: expect.stringContaining(words) }, WRITTEN])
    const single = await send(alone(ada({ X: value })))
    expect(single).toMatchObject([{ ...ROW, code: 'invalid_resource', message: expect.stringContaining(`X ${words}`) }])
    expect(held()).toHaveLength(1)
  })

  const forgotten: Arrange = async ({ send, leave }) => {
    await send(ada())
    await leave('delete', 'ada@shop.test')
  }
  const unsubscribedAndArchived: Arrange = async ({ send, leave }) => {
    await send(ada())
    await leave('unsubscribe', 'ada@shop.test')
    await leave('archive', 'ada@shop.test')
  }
  const bounced: Arrange = async ({ send, direct }) => {
    await send(ada())
    await direct()('PATCH', `${LIST}${path('ada')}`, { status: 'cleaned' })
  }
  const archivedByHand: Arrange = async ({ send, direct }) => {
    await send(ada())
    await direct()('DELETE', `${LIST}${path('ada')}`)
  }
  const inAnotherList: Arrange = ({ direct }) =>
    direct()('POST', '/3.0/lists/other', { members: [{ email_address: 'ada@shop.test', status: 'subscribed' }] })
  const OTHER: NonNullable<Given['vendor']> = {
    lists: new Map([
      ['abc123', []],
      ['other', []],
    ]),
    mostAudiences: 1,
  }

  test.each<[string, Given, Arrange, Change, object]>([
    [
      'Please provide a valid email address',
      {},
      nothing,
      changeOf({ email: 'no address' }, {}),
      { ...ROW, code: 'ERROR_GENERIC' },
    ],
    ['looks fake or invalid', {}, nothing, FAKE, { ...ROW, code: 'ERROR_GENERIC' }],
    ['the address of an office', {}, nothing, OFFICE, { ...ROW, code: 'ERROR_GENERIC' }],
    ['the address of an office, which is taken alone', {}, nothing, alone(OFFICE), WRITTEN],
    ['looks fake or invalid, alone', {}, nothing, alone(FAKE), { ...ROW, code: 'invalid_resource' }],
    [
      'Please enter a value, for a merge field that is required',
      { vendor: lists({ tag: 'FNAME', required: true }) },
      nothing,
      ada(),
      { ...ROW, code: 'ERROR_GENERIC', message: expect.stringContaining('FNAME') },
    ],
    [
      'the same, alone, of a contact that is there: asked to let it pass',
      { vendor: lists({ tag: 'FNAME', required: true }) },
      ({ send }) => send(ada({ FNAME: 'Ada' })),
      alone(ada()),
      WRITTEN,
    ],
    ['ERROR_CONTACT_EXISTS (Member Exists): written by PUT', {}, ({ send }) => send(ada()), ada(), WRITTEN],
    [
      'Member In Compliance State, of who unsubscribed',
      {},
      unsubscribedAndArchived,
      ada(),
      { ...COMPLIANCE, code: 'member_in_compliance_state' },
    ],
    [
      'the same, alone',
      {},
      unsubscribedAndArchived,
      alone(ada()),
      { ...COMPLIANCE, code: 'member_in_compliance_state' },
    ],
    ['a contact that bounced: its fields are written, nothing else', {}, bounced, alone(ada()), WRITTEN],
    ['Forgotten Email Not Subscribed', {}, forgotten, ada(), { ...COMPLIANCE, code: 'forgotten_email_not_subscribed' }],
    ['the same, alone', {}, forgotten, alone(ada()), { ...COMPLIANCE, code: 'forgotten_email_not_subscribed' }],
    [
      'signed up to a lot of lists: comes again, for it passes',
      { vendor: OTHER, fields: [] },
      inAnotherList,
      ada(),
      { outcome: 'again', code: 'too_many_signups', applied: 'no' },
    ],
    [
      'the same, alone',
      { vendor: OTHER, fields: [] },
      inAnotherList,
      alone(ada()),
      { outcome: 'again', code: 'too_many_signups' },
    ],
    ['Resource Not Found, of a contact', { mode: 'update' }, nothing, alone(ada()), { ...ROW, code: 'not_found' }],
    ['an archived contact that is new to the audience: taken back', {}, archivedByHand, ada(), WRITTEN],
    [
      'an archived contact that changes: not taken back',
      {},
      archivedByHand,
      alone(ada()),
      { ...ROW, code: 'archived' },
    ],
  ])('%s', async (_, given, arrange, change, expected) => {
    const place = await open(given)
    await arrange(place)
    const receipts = await place.send(change)
    expect(receipts).toMatchObject([expected])
    expect(JSON.stringify(receipts)).not.toMatch(/jane|ada@/)
  })

  test('a status is raised by none of these', async () => {
    for (const [arrange, status] of [
      [bounced, 'cleaned'],
      [unsubscribedAndArchived, 'archived'],
    ] as const) {
      const place = await open()
      await arrange(place)
      await place.send(ada({ FNAME: 'A' }))
      await place.send(alone(ada({ FNAME: 'B' })))
      expect(place.held()).toMatchObject([{ status }])
    }
    const place = await open()
    await archivedByHand(place)
    await place.send(alone(ada({ FNAME: 'B' })))
    expect(place.held()).toMatchObject([{ status: 'archived' }])
  })

  test('Method Not Allowed, for archiving who bounced or is archived: has left already', async () => {
    for (const arrange of [bounced, archivedByHand]) {
      const place = await open()
      await arrange(place)
      const before = place.held()
      expect(await place.leave('archive', 'ada@shop.test')).toEqual([WRITTEN])
      expect(place.held()).toEqual(before)
    }
  })
})

describe('what Mailchimp says of a whole request', () => {
  const SLOW = 8_000

  test.each<[string, Given, object]>([
    ['401 API Key Invalid', { account: { api_key: 'canary-other-us6' } }, { kind: 'auth', code: 'http_401' }],
    [
      '403 Wrong Datacenter',
      { account: { api_key: 'canary0mailchimp0key-us7' } },
      { kind: 'auth', message: expect.stringContaining('Wrong Datacenter') },
    ],
    [
      '403 User Disabled',
      { vendor: { trouble: 'disabled' } },
      { kind: 'auth', message: expect.stringContaining('User Disabled') },
    ],
    ['403 Forbidden', { vendor: { role: 'viewer' } }, { kind: 'auth' }],
    ['403 without JSON', { vendor: { mostASecond: 0, now: () => NOW } }, { kind: 'throttle', code: 'http_403' }],
    ['404 Resource Not Found, of the list', { into: { list: 'nope' } }, { kind: 'config', code: 'no_list' }],
    ['500 Internal Server Error', { vendor: { trouble: 'down' } }, { kind: 'transient', applied: 'maybe' }],
    ['502', { vendor: { trouble: 'gateway' } }, { kind: 'transient', applied: 'maybe' }],
    ['503', { vendor: { trouble: 'maintenance' } }, { kind: 'transient', applied: 'maybe' }],
  ])('%s, at a batch, at a check and at a single contact', async (_, given, expected) => {
    // Without merge fields nothing is asked before the first write.
    const { send, check, held } = await open({ fields: [], ...given })
    await expect(send(ada())).rejects.toMatchObject(expected)
    await expect(check()).rejects.toMatchObject('code' in expected ? expected : { kind: (expected as Kind).kind })
    const single = await send(alone(ada())).catch((error: unknown) => error)
    // Of a request for one contact, its receipt says what is not known.
    if ('applied' in expected) expect(single).toMatchObject([{ outcome: 'again', applied: 'maybe' }])
    else expect(single).toMatchObject(expected)
    expect(held()).toEqual([])
  })

  test('503 Compliance Related: the account is looked into, and nothing more is tried', async () => {
    const { send, check } = await open({ fields: [], vendor: { trouble: 'restricted' } })
    await expect(send(ada())).rejects.toMatchObject({ kind: 'config', code: 'compliance_related' })
    await check()
  })

  test('the check names a user who may not write', async () => {
    for (const role of ['viewer', 'author'] as const) {
      const { check } = await open({ vendor: { role } })
      await expect(check()).rejects.toMatchObject({ kind: 'auth', code: 'no_right' })
      await expect(check()).rejects.toThrow(`is a "${role}"`)
    }
    await (await open({ vendor: { role: 'manager' } })).check()
  })

  test('404 of a contact, where the whole list is gone: the sync stops, and nobody counts as left', async () => {
    for (const given of [{ into: { list: 'nope' } }, { into: { list: 'nope', tag: 'vip' } }]) {
      const { leave } = await open(given)
      for (const verb of ['archive', 'unsubscribe', 'delete', 'remove'].slice('tag' in given.into ? 3 : 0))
        await expect(leave(verb, 'ada@shop.test')).rejects.toMatchObject({ kind: 'config', code: 'no_list' })
    }
    const { send } = await open({ mode: 'update', into: { list: 'nope' }, fields: [] })
    await expect(send(alone(ada()))).rejects.toMatchObject({ kind: 'config', code: 'no_list' })
  })

  test('429 Too Many Requests, for an eleventh connection: the row comes again and the account pauses', async () => {
    const { bench, send } = await open({ fields: [] })
    let go = () => {}
    const until = new Promise<void>((resolve) => {
      go = resolve
    })
    bench.fault = ({ number }) => {
      if (number === 12) go()
      return { kind: 'late', until }
    }
    const batches = [0, 1, 2].map((batch) => [0, 1, 2, 3].map((n) => alone(person(`p${batch}${n}`, {}))))
    const receipts = (await Promise.all(batches.map((batch) => send(...batch)))).flat()
    const again = receipts.filter(({ outcome }) => outcome === 'again')
    expect(again).toEqual(Array(2).fill({ outcome: 'again', code: 'http_429', applied: 'no', throttled: true }))
  })

  test('429 Too Many Requests, for a 501st batch that waits: the account pauses; what others ask for later is done then', async () => {
    const { bench, direct, held } = await open()
    const later = (operation: Json) => direct()('POST', '/3.0/batches', { operations: [operation] })
    const ada = { email_address: 'ada@shop.test', status_if_new: 'subscribed' }
    const put = { method: 'PUT', path: `${LIST.slice('/3.0'.length)}${path('ada')}`, body: JSON.stringify(ada) }
    for (let n = 0; n < 500; n++) expect((await later(put)).status).toBe(200)
    const api = openApi({ api_key: KEY }, bench.io)
    expect(api.failure(await later(put))).toMatchObject({ kind: 'throttle', code: 'http_429', applied: 'no' })
    expect(held()).toEqual([])
    const one = await direct()('GET', '/3.0/batches/b1')
    expect(JSON.parse(one.body)).toMatchObject({ status: 'finished', finished_operations: 1, errored_operations: 0 })
    expect(held()).toMatchObject([{ email_address: 'ada@shop.test', status: 'subscribed' }])
    expect((await later(put)).status).toBe(200)
  })

  test(
    '504 after 120 seconds, though the work was done: sent again it does no harm',
    async () => {
      const { send, held } = await open({ vendor: { patience: 2 } })
      const people = [1, 2, 3].map((n) => person(`p${n}`))
      await expect(send(...people)).rejects.toMatchObject({ kind: 'transient', code: 'http_504', applied: 'maybe' })
      expect(held()).toHaveLength(3)
      expect(outcomes(await send(...people))).toEqual(Array(3).fill('written'))
      expect(held()).toHaveLength(3)
    },
    SLOW,
  )

  test('400 Invalid Resource of one member whose value has no form at all: the batch can be halved', async () => {
    const { send, held } = await open()
    await expect(send(ada({ FNAME: ['a', 'list'] }), person('bea'))).rejects.toMatchObject({ kind: 'batch' })
    expect(held()).toEqual([])
    expect(outcomes(await send(person('bea')))).toEqual(['written'])
  })

  test.each<[string, NonNullable<Given['vendor']>, object]>([
    ['the maximum number of merge fields', { mostFields: 0 }, { kind: 'config', code: 'no_merge_field' }],
    ['no right to make one', { role: 'author' }, { kind: 'auth', code: 'http_403' }],
  ])('%s stops the sync before anything is written', async (_, vendor, expected) => {
    const { send, held } = await open({
      fields: ['LTV'],
      into: { create_fields: true },
      vendor: { ...lists(), ...vendor },
    })
    await expect(send(ada({ LTV: 1 }))).rejects.toMatchObject(expected)
    expect(held()).toEqual([])
  })

  test('after the pause that a 403 asks for, the same requests pass', async () => {
    let time: Ms = NOW
    const { send } = await open({ fields: [], vendor: { mostASecond: 1, now: () => time } })
    await send(ada())
    await expect(send(person('bea'))).rejects.toMatchObject({ kind: 'throttle' })
    time += 1_000
    expect(outcomes(await send(person('bea')))).toEqual(['written'])
  })
})

interface Kind {
  readonly kind: string
}
