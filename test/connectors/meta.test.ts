import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Io, Json } from '../../src/connectors/connector.ts'
import { failed, type MetaAudience } from '../../src/connectors/meta/emulator-answers.ts'
import { meta } from '../../src/connectors/meta/index.ts'
import { connectorContract } from '../contract/connector.ts'
import { ACCOUNT, hash, INTO, idOf, ids, LEAVE, madid, type Opening, open, SLOT, vendor } from '../support/meta.ts'
import { changeOf, NOW } from '../support/vendor.ts'

const COLUMNS: Io['columns'] = { key: ['EMAIL'], fields: ['FN', 'COUNTRY'] }

connectorContract({
  connector: meta,
  account: ACCOUNT,
  into: INTO,
  secrets: [ACCOUNT.access_token],
  columns: COLUMNS,
  vendor: (now = () => NOW) => vendor({ now }),
  row: (n) => ({ key: { EMAIL: `P${n}@shop.test` }, fields: { FN: `Person ${n}`, COUNTRY: 'FR' } }),
  bad: { key: { EMAIL: 'no address' }, fields: { FN: 'Bad' } },
  leave: LEAVE,
  isWrite: (request) => request.method !== 'GET',
  wholeRefused: failed(100, 'Invalid parameter') as { status: number; body: Json },
})

describe('a Meta custom audience', () => {
  test('people are sent as hashes in one call, empty cells for what somebody lacks', async () => {
    const { send, bodies, lines } = await open()
    const receipts = await send(
      changeOf(idOf('1'), { EMAIL: 'Jane.Doe@Example.com', PHONE: '06 12 34 56 78', FN: 'Jane' }),
      changeOf(idOf('2'), { EMAIL: null, PHONE: '+1 212 555 0123' }),
    )
    expect(receipts).toEqual([{ outcome: 'written' }, { outcome: 'written' }])
    expect(lines()).toEqual(['POST /v25.0/238501/users'])
    expect(bodies()[0]).toEqual({
      payload: {
        schema: ['EMAIL', 'PHONE', 'FN'],
        data: [
          [hash('jane.doe@example.com'), hash('33612345678'), hash('jane')],
          ['', hash('12125550123'), ''],
        ],
      },
    })
  })

  test('a changed address takes the old one away first, and nothing that stays', async () => {
    const { send, held, bodies, lines } = await open()
    await send(changeOf(idOf('1'), { EMAIL: 'old@x.fr', PHONE: '0612345678', FN: 'Jane' }))
    const before = [{ EMAIL: 'old@x.fr', PHONE: '0612345678', FN: 'Jane' }]
    await send(changeOf(idOf('1'), { EMAIL: 'new@x.fr', PHONE: '0612345678', FN: 'Jane' }, { op: 'update', before }))
    expect(lines().slice(1)).toEqual(['DELETE /v25.0/238501/users', 'POST /v25.0/238501/users'])
    expect(bodies()[1].payload).toEqual({ schema: ['EMAIL', 'FN'], data: [[hash('old@x.fr'), hash('jane')]] })
    expect(held()).toEqual(ids(['EMAIL', 'new@x.fr'], ['PHONE', '33612345678']))
  })

  test('what changes in other words only takes nothing away', async () => {
    const { send, lines } = await open()
    const before = [{ EMAIL: 'JANE@x.fr', PHONE: '+33 6 12 34 56 78', FN: 'Jane' }]
    await send(changeOf(idOf('1'), { EMAIL: 'jane@x.fr', PHONE: '0612345678', FN: 'J' }, { op: 'update', before }))
    expect(lines()).toEqual(['POST /v25.0/238501/users'])
  })

  test('all forms that may be held go, also where it is not known which was', async () => {
    const { send, held } = await open()
    for (const EMAIL of ['a@x.fr', 'b@x.fr']) await send(changeOf(idOf('1'), { EMAIL }))
    const before = [{ EMAIL: 'a@x.fr' }, { EMAIL: 'b@x.fr' }]
    await send(changeOf(idOf('1'), { EMAIL: 'c@x.fr' }, { op: 'update', before }))
    expect(held()).toEqual(ids(['EMAIL', 'c@x.fr']))
  })

  test('an address that goes from one to another stays, in one batch and in two, either way round', async () => {
    const give = changeOf(idOf('1'), { EMAIL: 'new@x.fr' }, { op: 'update', before: [{ EMAIL: 'shared@x.fr' }] })
    const take = changeOf(idOf('2'), { EMAIL: 'shared@x.fr' }, { op: 'update', before: [{ EMAIL: 'gone@x.fr' }] })
    for (const batches of [[[give, take]], [[take, give]], [[give], [take]], [[take], [give]]]) {
      const { send, held } = await open()
      await send(changeOf(idOf('1'), { EMAIL: 'shared@x.fr' }), changeOf(idOf('2'), { EMAIL: 'gone@x.fr' }))
      for (const batch of batches) await send(...batch)
      expect(held()).toEqual(ids(['EMAIL', 'new@x.fr'], ['EMAIL', 'shared@x.fr']))
    }
  })

  test('whoever leaves is removed under all that was told, by the thousand', async () => {
    const { bench, send, held, bodies } = await open()
    const people = Array.from({ length: 1_200 }, (_, n) => ({ id: `${n}`, told: { EMAIL: `p${n}@x.fr`, FN: 'P' } }))
    await send(...people.map(({ id, told }) => changeOf(idOf(id), told)))
    expect(held()).toHaveLength(1_200)
    expect(bench.seen).toHaveLength(1)
    const gone = people.map(({ id, told }) => changeOf(idOf(id), {}, { op: 'remove', leave: LEAVE, before: [told] }))
    expect(meta.limits(ACCOUNT, INTO, { upsert: 0, remove: 0 })).toMatchObject({
      upsert: { rows: 10_000, inFlight: 1 },
      remove: { rows: 1_000, inFlight: 1 },
    })
    await send(...gone)
    expect(held()).toEqual([])
    expect(bodies().map((one) => one.payload.data.length)).toEqual([1_200, 1_000, 200])
    expect(bodies()[1].payload.schema).toEqual(['EMAIL', 'FN'])
  })

  test('10,000 users are one call; the vendor refuses 10,001', async () => {
    const { send } = await open()
    const people = (count: number) =>
      Array.from({ length: count }, (_, n) => changeOf(idOf(`${n}`), { MADID: madid(n) }))
    expect((await send(...people(10_000))).every((one) => one.outcome === 'written')).toBe(true)
    await expect(send(...people(10_001))).rejects.toMatchObject({ kind: 'config', code: '105' })
  })

  test('whoever has nothing to be found by, or something malformed, is refused without being sent', async () => {
    const { send, bench, bodies } = await open({ columns: { key: ['EXTERN_ID'], fields: ['EMAIL', 'PHONE', 'LN'] } })
    const key = { EXTERN_ID: 'u1' }
    const receipts = await send(
      changeOf(key, { LN: 'Doe' }),
      changeOf(key, { EMAIL: 'nobody', LN: 'Doe' }),
      changeOf(key, { EMAIL: 'a@x.fr', PHONE: '12' }),
      changeOf(key, { EMAIL: '  ', PHONE: null }),
    )
    expect(receipts.map((one) => (one.outcome === 'refused' ? one.code : one.outcome))).toEqual([
      'no_identifier',
      'malformed',
      'malformed',
      'no_identifier',
    ])
    expect(JSON.stringify(receipts)).not.toMatch(/nobody|a@x/)
    expect(bench.seen).toEqual([])
    const skipping = await open({ into: { malformed: 'skip' } })
    await skipping.send(changeOf(idOf('1'), { EMAIL: 'a@x.fr', PHONE: '12' }))
    expect(skipping.held()).toEqual(ids(['EMAIL', 'a@x.fr']))
    expect(bodies()).toEqual([])
  })

  test('a national number without a country is refused, never guessed', async () => {
    const { send } = await open({ account: { phone_country: undefined } })
    const receipts = await send(
      changeOf(idOf('1'), { PHONE: '0612345678' }),
      changeOf(idOf('2'), { PHONE: '+33612345678' }),
    )
    expect(receipts).toMatchObject([{ outcome: 'refused', code: 'malformed' }, { outcome: 'written' }])
  })

  test('a name and a place find people, too, and go together', async () => {
    const columns = { key: ['profile_id'], fields: ['FN', 'LN', 'ZIP', 'COUNTRY'] }
    const { send, held } = await open({ columns })
    const told = { FN: 'Jane', LN: 'Doe', ZIP: '10001-1234', COUNTRY: 'US' }
    await send(changeOf(idOf('1'), told))
    expect(held()).toEqual(ids(['FN', 'jane'], ['LN', 'doe'], ['ZIP', '10001'], ['COUNTRY', 'us']))
    const moved = { ...told, ZIP: '10002' }
    await send(changeOf(idOf('1'), moved, { op: 'update', before: [told] }))
    expect(held()).toEqual(ids(['FN', 'jane'], ['LN', 'doe'], ['ZIP', '10002'], ['COUNTRY', 'us']))
  })

  test('hashes that are declared as such are passed on', async () => {
    const { send, held } = await open({ into: { hashed: ['EMAIL'] } })
    await send(changeOf(idOf('1'), { EMAIL: hash('a@x.fr').toUpperCase() }))
    expect(held()).toEqual(ids(['EMAIL', 'a@x.fr']))
    expect(await send(changeOf(idOf('2'), { EMAIL: 'b@x.fr' }))).toMatchObject([{ code: 'malformed' }])
  })

  test('nothing that is sent shows whom it is about', async () => {
    const { send, bench } = await open({ columns: { key: ['EMAIL'], fields: ['PHONE', 'FN', 'LN', 'CT', 'ZIP'] } })
    const word = fc.stringMatching(/^[a-z]{5,9}$/)
    const person = fc.record({ user: word, FN: word, LN: word, CT: word, digits: fc.stringMatching(/^[0-9]{8}$/) })
    await fc.assert(
      fc.asyncProperty(fc.array(person, { minLength: 1, maxLength: 5 }), async (people) => {
        const changes = people.map(({ user, FN, LN, CT, digits }) =>
          changeOf({ EMAIL: `${user}@x.fr` }, { FN, LN, CT, ZIP: digits, PHONE: `+33612${digits.slice(2)}` }),
        )
        await send(...changes)
        const text = bench.seen.at(-1)?.body ?? ''
        for (const { user, FN, LN, CT, digits } of people)
          for (const raw of [user, FN, LN, CT, digits])
            expect(text.includes(`"${raw}`) || text.includes(`${raw}@`)).toBe(false)
        for (const cell of JSON.parse(text).payload.data.flat()) expect(cell).toMatch(/^$|^[0-9a-f]{64}$/)
      }),
      { numRuns: 20 },
    )
  })

  test('people whom Meta counts as invalid are told of and count as written: nobody knows whom it means', async () => {
    const strangers = new Set([hash('a@x.fr')])
    const { send, notes, held } = await open({ options: { strangers }, listens: true })
    const told = ['a@x.fr', 'b@x.fr'].map((EMAIL) => ({ EMAIL }))
    const receipts = await send(...told.map((one, n) => changeOf(idOf(`${n}`), one)))
    expect(receipts).toEqual([{ outcome: 'written' }, { outcome: 'written' }])
    expect(notes).toEqual(['Meta counts 1 of 2 people of a request as invalid, and does not say whom.'])
    await send(...told.map((one, n) => changeOf(idOf(`${n}`), {}, { op: 'remove', leave: LEAVE, before: [one] })))
    expect(notes).toHaveLength(2)
    expect(held()).toEqual([])
  })

  test('people who got lost on the way are sent again, added or removed; who is there twice is not missed', async () => {
    let lost = 1
    const { send, held } = await open({ options: { loses: () => lost } })
    const told = { EMAIL: 'a@x.fr' }
    const batch = [changeOf(idOf('1'), told), changeOf(idOf('2'), { EMAIL: 'b@x.fr' })]
    await expect(send(...batch)).rejects.toMatchObject({ kind: 'transient', code: 'lost_users', applied: 'maybe' })
    const gone = changeOf(idOf('1'), {}, { op: 'remove', leave: LEAVE, before: [told] })
    await expect(send(gone)).rejects.toMatchObject({ code: 'lost_users' })
    expect(await send(changeOf(idOf('1'), told), changeOf(idOf('3'), told))).toHaveLength(2)
    lost = 0
    await send(...batch)
    await send(gone)
    expect(held()).toEqual(ids(['EMAIL', 'b@x.fr']))
  })

  test.each<[string, Partial<MetaAudience>, RegExp]>([
    ['few matches', { status: 411 }, /finds few/],
    ['many invalid people', { status: 412 }, /many of the people/],
    ['an error', { status: 500 }, /reports an error/],
  ])('%s of the audience is told once after people were added', async (_, audience, sentence) => {
    const audiences = new Map([['238501', { name: 'Customers', ...audience }]])
    const { send, notes, lines } = await open({ options: { audiences }, listens: true })
    for (const n of ['1', '2']) await send(changeOf(idOf(n), { EMAIL: `${n}@x.fr` }))
    expect(notes).toEqual([expect.stringMatching(sentence)])
    expect(lines()).toEqual(['POST /v25.0/238501/users', 'GET /v25.0/238501', 'POST /v25.0/238501/users'])
  })

  test('an audience that is too small for ads is told of a day after it became so, and again by a check', async () => {
    let now = NOW
    const { io, channel, place, send, notes } = await open({ options: { now: () => now }, listens: true })
    await send(changeOf(idOf('1'), { EMAIL: 'a@x.fr' }))
    expect(notes).toEqual([])
    now += 86_400_000
    await meta.open(ACCOUNT, io).send([changeOf(idOf('2'), { EMAIL: 'b@x.fr' })], place, SLOT)
    expect(notes).toEqual([expect.stringMatching(/too small for ads/)])
    await channel.check(place)
    expect(notes).toHaveLength(2)
  })

  test('what cannot be asked of the audience keeps nobody from being added', async () => {
    const { bench, send, notes } = await open({ listens: true })
    bench.fault = ({ method }) => (method === 'GET' ? { kind: 'answer', status: 503 } : undefined)
    expect(await send(changeOf(idOf('1'), { EMAIL: 'a@x.fr' }))).toEqual([{ outcome: 'written' }])
    expect(notes).toEqual([])
  })

  test('a person can be taken out of all audiences of the account', async () => {
    const audiences = new Map<string, MetaAudience>([
      ['238501', { name: 'Customers' }],
      ['238502', { name: 'Others' }],
    ])
    const { channel, send, held, place, lines } = await open({ options: { audiences } })
    const told = { EMAIL: 'a@x.fr' }
    await send(changeOf(idOf('1'), told))
    await channel.send([changeOf(idOf('1'), told)], { ...place, audience: '238502' }, SLOT)
    expect(held()).toHaveLength(2)
    const leave = { verb: 'remove_everywhere' }
    await send(changeOf(idOf('1'), {}, { op: 'remove', leave, before: [told] }))
    expect(held()).toEqual([])
    expect(lines().at(-1)).toBe('DELETE /v25.0/act_1001/usersofanyaudience')
  })

  test('the proof of the app goes along with every call', async () => {
    const app_secret = 'canary-app-secret'
    const { channel, bench, place, send } = await open({ options: { appSecret: app_secret }, account: { app_secret } })
    await channel.check(place)
    await send(changeOf(idOf('1'), { EMAIL: 'a@x.fr' }))
    const proof = createHmac('sha256', app_secret).update(ACCOUNT.access_token).digest('hex')
    for (const request of bench.seen) expect(request.query.get('appsecret_proof')).toBe(proof)
    const without = await open({ options: { appSecret: app_secret } })
    await expect(without.channel.check(place)).rejects.toMatchObject({ kind: 'config' })
  })

  const LDU = ['data_processing_options', 'data_processing_options_country', 'data_processing_options_state'] as const
  const columns = LDU.map((name) => name.toUpperCase())
  const email = hash('a@x.fr')
  test.each([
    [
      { country: 1, state: 1000, as: 'columns' },
      { schema: ['EMAIL', ...columns], data: [[email, ['LDU'], 1, 1000]] },
    ],
    [
      { country: 0, state: 0, as: 'columns' },
      { schema: ['EMAIL', columns[0]], data: [[email, ['LDU']]] },
    ],
    [
      { country: 1, state: 1000, as: 'payload' },
      { schema: ['EMAIL'], data: [[email]], [LDU[0]]: ['LDU'], [LDU[1]]: 1, [LDU[2]]: 1000 },
    ],
  ] as const)('limited data use is told as %o of those who are added, not of those who leave', async (use, payload) => {
    const { send, bodies, held } = await open({ into: { limited_data_use: use } })
    await send(changeOf(idOf('1'), { EMAIL: 'a@x.fr' }))
    expect(bodies()[0].payload).toEqual(payload)
    await send(changeOf(idOf('1'), {}, { op: 'remove', leave: LEAVE, before: [{ EMAIL: 'a@x.fr' }] }))
    expect(bodies()[1].payload).toEqual({ schema: ['EMAIL'], data: [[email]] })
    expect(held()).toEqual([])
  })
})

describe('an audience that is named', () => {
  const named = { audience: undefined, audience_name: 'VIPs' }

  test('is made once where that is asked for, and found from then on', async () => {
    const { bench, channel, place, send, lines, held } = await open({ into: { ...named, create: true } })
    await channel.check(place)
    expect(bench.emulator.counters().writes).toBe(0)
    await send(changeOf(idOf('1'), { EMAIL: 'a@x.fr' }))
    await send(changeOf(idOf('2'), { EMAIL: 'b@x.fr' }))
    expect(lines().filter((line) => line === 'POST /v25.0/act_1001/customaudiences')).toHaveLength(1)
    expect(JSON.parse(bench.seen.find((one) => one.path.endsWith('/customaudiences') && one.body)?.body ?? '')).toEqual(
      {
        name: 'VIPs',
        subtype: 'CUSTOM',
        description: '',
        customer_file_source: 'USER_PROVIDED_ONLY',
      },
    )
    await meta.open(ACCOUNT, bench.io).send([changeOf(idOf('3'), { EMAIL: 'c@x.fr' })], place, SLOT)
    expect(lines().filter((line) => line === 'POST /v25.0/act_1001/customaudiences')).toHaveLength(1)
    expect(held()).toHaveLength(3)
  })

  test('whose making got no answer has changed no row, and is not made twice', async () => {
    const { bench, send, lines } = await open({ into: { ...named, create: true } })
    bench.fault = (request) =>
      request.method === 'POST' && request.path.endsWith('/customaudiences')
        ? { kind: 'reset', effect: true }
        : undefined
    const change = changeOf(idOf('1'), { EMAIL: 'a@x.fr' })
    await expect(send(change)).rejects.toMatchObject({ kind: 'transient', applied: 'no' })
    bench.fault = undefined
    expect(await send(change)).toEqual([{ outcome: 'written' }])
    expect(lines().filter((line) => line === 'POST /v25.0/act_1001/customaudiences')).toHaveLength(1)
  })

  test('that cannot be made is no fault of a row', async () => {
    const { send } = await open({ into: { ...named, audience_name: 'V'.repeat(101), create: true } })
    await expect(send(changeOf(idOf('1'), { EMAIL: 'a@x.fr' }))).rejects.toMatchObject({ kind: 'config', code: '100' })
  })

  test('is found on a later page; two of one name are an error', async () => {
    const many = Array.from({ length: 60 }, (_, n) => [`${9000 + n}`, { name: n === 57 ? 'VIPs' : `A ${n}` }] as const)
    const { send, lines, channel, place } = await open({ options: { audiences: new Map(many) }, into: named })
    await channel.check(place)
    await send(changeOf(idOf('1'), { EMAIL: 'a@x.fr' }))
    expect(lines().at(-1)).toBe('POST /v25.0/9057/users')
    const twice = new Map<string, MetaAudience>([...many, ['9999', { name: 'VIPs' }]])
    const other = await open({ options: { audiences: twice }, into: named })
    await expect(other.channel.check(other.place)).rejects.toMatchObject({ kind: 'config', code: 'same_name' })
  })
})

describe('a check of a Meta audience', () => {
  const check = async (opening: Opening) => {
    const { channel, place, bench } = await open(opening)
    await channel.check(place)
    expect(bench.emulator.counters().writes).toBe(0)
  }
  const audience = (one: Partial<MetaAudience>): Opening => ({
    options: { audiences: new Map([['238501', { name: 'Customers', ...one }]]) },
  })

  test.each<[string, Opening, object]>([
    ['a wrong token', { account: { access_token: 'other' } }, { kind: 'auth', code: '190' }],
    ['a permission that is missing', { options: { permissions: [] } }, { kind: 'auth', code: '200' }],
    ['an audience that is not there', { into: { audience: '1' } }, { kind: 'config', code: 'no_audience' }],
    ['a name that is not there', { into: { audience: undefined, audience_name: 'X' } }, { code: 'no_audience' }],
    ['another ad account', { account: { ad_account: '7' } }, { kind: 'config', code: '100/33' }],
    ['a disabled ad account', { options: { accountStatus: 2 } }, { kind: 'config', code: 'account_closed' }],
    ['a closed ad account', { options: { accountStatus: 101 } }, { kind: 'config', code: 'account_closed' }],
    ['terms that were not accepted', { options: { termsAccepted: false } }, { kind: 'config', code: 'terms' }],
    ['a flagged audience', audience({ status: 471 }), { kind: 'config', code: 'flagged' }],
    ['a lookalike', audience({ subtype: 'LOOKALIKE' }), { kind: 'config', code: 'no_file' }],
    [
      'values that the audience was not made for',
      { columns: { key: ['EMAIL'], fields: ['LOOKALIKE_VALUE'] } },
      { kind: 'config', code: 'no_values' },
    ],
    ['nothing to find people by', { columns: { key: ['EXTERN_ID'], fields: ['FN'] } }, { code: 'no_identifier' }],
    ['a key in lower case', { columns: { key: ['email'], fields: ['PHONE'] } }, { code: 'bad_key' }],
    ['replace in another mode', { into: { replace: true }, mode: 'upsert' }, { code: 'bad_replace' }],
  ])('names %s', async (_, opening, error) => {
    await expect(check(opening)).rejects.toMatchObject(error)
  })

  test('tells of an ad account on which no ads run', async () => {
    const { channel, place, notes } = await open({ options: { accountStatus: 3 }, listens: true })
    await channel.check(place)
    expect(notes).toEqual([expect.stringMatching(/not active \(status 3\)/)])
  })
})
