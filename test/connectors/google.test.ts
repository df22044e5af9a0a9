import { describe, expect, test } from 'vitest'
import type { Io, Json } from '../../src/connectors/connector.ts'
import { credentialOf } from '../../src/connectors/google/auth.ts'
import { type GoogleList, refused } from '../../src/connectors/google/emulator-answers.ts'
import { google } from '../../src/connectors/google/index.ts'
import { connectorContract } from '../contract/connector.ts'
import {
  ACCOUNT,
  emails,
  hash,
  INGEST,
  INTO,
  idOf,
  jobOf,
  KEY,
  type Opening,
  open,
  PEM,
  REMOVE,
  vendor,
} from '../support/google.ts'
import { changeOf, NOW } from '../support/vendor.ts'

const COLUMNS: Io['columns'] = { key: ['EMAIL'], fields: ['PHONE'] }

connectorContract({
  connector: google,
  account: ACCOUNT,
  into: INTO,
  secrets: [PEM, PEM.split('\n')[1] ?? '', `ya29.sandbox-${credentialOf(ACCOUNT).slice(0, 12)}-1`],
  columns: COLUMNS,
  vendor: (now = () => NOW) => vendor({ now }),
  row: (n) => ({ key: { EMAIL: `P${n}@shop.test` }, fields: {} }),
  bad: { key: { EMAIL: 'no address' }, fields: {} },
  leave: { verb: 'remove' },
  isWrite: (request) => request.method !== 'GET' && request.path !== '/token',
  wholeRefused: refused(400, 'INVALID_ARGUMENT', 'There was a problem with the request.') as {
    status: number
    body: Json
  },
})

describe('a Google customer list', () => {
  test('members are sent as hashes in one request after one login, with the consent that is declared', async () => {
    const consent = { ad_user_data: 'granted', ad_personalization: 'granted' } as const
    const columns = { key: ['EMAIL'], fields: ['PHONE', 'GIVEN_NAME', 'FAMILY_NAME', 'REGION_CODE', 'POSTAL_CODE'] }
    const { bench, send, bodies, lines } = await open({ into: { consent, terms: 'accepted' }, columns })
    const address = { GIVEN_NAME: 'Jane', FAMILY_NAME: 'Doe', REGION_CODE: 'us', POSTAL_CODE: '10001' }
    const receipts = await send(
      changeOf({ EMAIL: 'Jane.Doe+news@gmail.com' }, { PHONE: '06 12 34 56 78', ...address }),
      changeOf({ EMAIL: 'b@x.fr' }, { GIVEN_NAME: 'Half' }),
    )
    expect(receipts.map((one) => one.outcome)).toEqual(['accepted', 'accepted'])
    expect(new Set(receipts.map(jobOf)).size).toBe(1)
    expect(lines()).toEqual([INGEST])
    expect(bench.seen).toHaveLength(2)
    expect(bodies()[0]).toEqual({
      destinations: [
        {
          loginAccount: { accountType: 'GOOGLE_ADS', accountId: '1112223333' },
          operatingAccount: { accountType: 'GOOGLE_ADS', accountId: '4445556666' },
          productDestinationId: '7090784486',
        },
      ],
      audienceMembers: [
        {
          userData: {
            userIdentifiers: [
              { emailAddress: hash('janedoe@gmail.com') },
              { phoneNumber: hash('+33612345678') },
              { address: { givenName: hash('jane'), familyName: hash('doe'), regionCode: 'US', postalCode: '10001' } },
            ],
          },
        },
        { userData: { userIdentifiers: [{ emailAddress: hash('b@x.fr') }] } },
      ],
      consent: { adUserData: 'CONSENT_GRANTED', adPersonalization: 'CONSENT_GRANTED' },
      encoding: 'HEX',
      termsOfService: { customerMatchTermsOfServiceStatus: 'ACCEPTED' },
    })
  })

  test('consent is never granted by default, and people of different consent share no request', async () => {
    const { channel, place, send, bodies } = await open()
    const change = (said: Json) => changeOf(idOf('1'), { EMAIL: 'a@x.fr', AD_USER_DATA: said })
    await send(change(null))
    expect(bodies()[0]).not.toHaveProperty('consent')
    await send(change('granted'))
    expect(bodies()[1].consent).toEqual({ adUserData: 'CONSENT_GRANTED' })
    const parts = [null, 'granted', true, 'denied', false, 'perhaps'].map((said) =>
      channel.partition?.(change(said), place),
    )
    expect(parts[1]).toBe(parts[2])
    expect(parts[3]).toBe(parts[4])
    expect(new Set(parts).size).toBe(4)
    await expect(send(change('granted'), change(null))).rejects.toThrow('different consent')
    const declared = { ...place, consent: { ad_user_data: 'granted' as const } }
    expect(channel.partition?.(change(null), declared)).toBe(channel.partition?.(change('granted'), declared))
    expect(channel.partition?.(change('denied'), declared)).toBe(parts[3])
  })

  test('whoever denies is not sent, and taken away where there was something before', async () => {
    const stumblesOver = new Set<string>()
    const { io, place, send, held, lines } = await open({ options: { troubles: { stumblesOver } } })
    const deny = changeOf(
      idOf('1'),
      { EMAIL: 'a@x.fr', AD_USER_DATA: 'denied' },
      { op: 'update', before: [{ EMAIL: 'a@x.fr' }] },
    )
    const settled = async () => google.open(ACCOUNT, io).poll?.(jobOf((await send(deny))[0]), place)
    await send(changeOf(idOf('1'), { EMAIL: 'a@x.fr', AD_USER_DATA: 'granted' }))
    stumblesOver.add(hash('a@x.fr'))
    expect(await settled()).toMatchObject({ rest: { outcome: 'again' } })
    expect(held()).toHaveLength(1)
    stumblesOver.clear()
    const denied = { outcome: 'refused', kind: 'compliance', code: 'consent_denied' }
    expect(await settled()).toMatchObject({ rest: denied })
    expect(held()).toEqual([])
    expect(lines().filter((line) => line === INGEST)).toHaveLength(1)
    const stranger = changeOf(idOf('2'), { EMAIL: null, AD_USER_DATA: 'denied' })
    expect(await send(stranger)).toMatchObject([denied])
    expect(await send(changeOf(idOf('2'), { EMAIL: 'b@x.fr', AD_USER_DATA: 'perhaps' }))).toMatchObject([
      { outcome: 'refused', kind: 'row', code: 'bad_consent' },
    ])
  })

  test('a changed address takes the old one away first; both requests are one job', async () => {
    const { channel, place, send, held, lines, bodies } = await open()
    await send(changeOf(idOf('1'), { EMAIL: 'old@x.fr' }))
    const [receipt] = await send(
      changeOf(idOf('1'), { EMAIL: 'new@x.fr' }, { op: 'update', before: [{ EMAIL: 'old@x.fr' }] }),
    )
    expect(lines().slice(1)).toEqual([REMOVE, INGEST])
    expect(bodies()[1]).not.toHaveProperty('consent')
    expect(bodies()[1]).not.toHaveProperty('termsOfService')
    expect(held()).toEqual(emails('new@x.fr'))
    expect(await channel.poll?.(jobOf(receipt), place)).toMatchObject({ state: 'done', rest: { outcome: 'written' } })
    expect(lines().slice(3)).toEqual(Array(2).fill('GET /v1/requestStatus:retrieve'))
  })

  test('an address that goes from one to another stays', async () => {
    const give = changeOf(idOf('1'), { EMAIL: 'new@x.fr' }, { op: 'update', before: [{ EMAIL: 'shared@x.fr' }] })
    const take = changeOf(idOf('2'), { EMAIL: 'shared@x.fr' }, { op: 'update' })
    for (const batches of [[[give, take]], [[give], [take]], [[take], [give]]]) {
      const { send, held } = await open()
      await send(changeOf(idOf('1'), { EMAIL: 'shared@x.fr' }))
      for (const batch of batches) await send(...batch)
      expect(held()).toEqual(emails('new@x.fr', 'shared@x.fr'))
    }
  })

  test('members whom Google names are refused, and the others come again', async () => {
    const columns = { key: ['EMAIL'], fields: ['GIVEN_NAME', 'FAMILY_NAME', 'REGION_CODE', 'POSTAL_CODE'] }
    const { send, held } = await open({ columns })
    const address = (POSTAL_CODE: string) => ({ GIVEN_NAME: 'A', FAMILY_NAME: 'B', REGION_CODE: 'FR', POSTAL_CODE })
    const codes = ['75001', 'far too long a code', '75003', '75004']
    const people = codes.map((code, n) => changeOf({ EMAIL: n === 2 ? 'bad' : `p${n}@x.fr` }, address(code)))
    expect(await send(...people)).toMatchObject([
      { outcome: 'again', applied: 'no' },
      { outcome: 'refused', kind: 'row', code: 'INVALID_POSTAL_CODE' },
      { outcome: 'refused', code: 'malformed' },
      { outcome: 'again', applied: 'no' },
    ])
    expect(held()).toEqual([])
  })

  test('a refusal that names nobody, or nobody who was sent, is of the whole batch', async () => {
    const { bench, send } = await open()
    const violation = (field: string, reason: string) => ({ field, reason, description: 'The value is not valid.' })
    const details = (...fieldViolations: readonly Json[]) => [
      { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'INVALID_ARGUMENT' },
      { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations },
    ]
    const answer = (...list: readonly Json[]) => {
      bench.fault = (request) =>
        request.path === '/token'
          ? undefined
          : { kind: 'answer', ...refused(400, 'INVALID_ARGUMENT', 'no', details(...list)) }
    }
    const people = ['bad', 'a@x.fr', 'b@x.fr', 'c@x.fr'].map((EMAIL, n) => changeOf(idOf(`${n}`), { EMAIL }))
    answer(violation('audience_members[9].user_data', 'INVALID_AUDIENCE_MEMBER'))
    await expect(send(...people)).rejects.toMatchObject({ kind: 'batch' })
    answer(violation('encoding', 'REQUIRED_FIELD_MISSING'))
    await expect(send(...people)).rejects.toMatchObject({ kind: 'batch' })
  })

  test('the vendor refuses what is no hash, and names it', async () => {
    const { bench, io, send } = await open({ into: { hashed: ['EMAIL'] } })
    await send(changeOf(idOf('1'), { EMAIL: hash('a@x.fr').toUpperCase() }))
    const request = bench.seen.at(-1)
    const raw = request?.body.replace(hash('a@x.fr'), 'a@x.fr') ?? ''
    const again = {
      method: 'POST',
      url: `https://x${request?.path}`,
      headers: request?.headers ?? {},
      body: raw,
    } as const
    const headers = { authorization: again.headers.authorization ?? '' }
    expect((await io.fetch({ ...again, headers })).body).toContain('audience_members[0]')
  })

  test('10,000 members are one request; the vendor refuses 10,001', async () => {
    const { send, held } = await open()
    const people = (count: number) =>
      Array.from({ length: count }, (_, n) => changeOf(idOf(`${n}`), { EMAIL: `p${n}@x.fr` }))
    await send(...people(10_000))
    expect(held()).toHaveLength(10_000)
    await expect(send(...people(10_001))).rejects.toMatchObject({ code: 'TOO_MANY_AUDIENCE_MEMBERS' })
    expect(google.limits(ACCOUNT, INTO, { upsert: 0, remove: 0 }).upsert).toMatchObject({
      rows: 10_000,
      perDay: 100_000,
    })
  })

  test('a user who has granted access once is logged in by the refresh token', async () => {
    const account = { service_account: undefined, client_id: 'c', client_secret: 'canary-s', refresh_token: 'canary-r' }
    const credentials = { client_id: 'c', client_secret: 'canary-s', refresh_token: 'canary-r' }
    const { send, bench } = await open({ account, options: { credentials } })
    await send(changeOf(idOf('1'), { EMAIL: 'a@x.fr' }))
    expect(Object.fromEntries(new URLSearchParams(bench.seen[0]?.body))).toEqual({
      grant_type: 'refresh_token',
      ...credentials,
    })
    const wrong = await open({ account: { ...account, refresh_token: 'canary-old' }, options: { credentials } })
    const error = await wrong.send(changeOf(idOf('1'), { EMAIL: 'a@x.fr' })).catch((one: unknown) => one)
    expect(error).toMatchObject({ kind: 'auth', code: 'no_login' })
    expect(String(error)).not.toContain('canary')
  })

  test('a key that is none, or not the one that Google knows, says so', async () => {
    for (const [service_account, error] of [
      ['{}', { kind: 'config', code: 'bad_key' }],
      [JSON.stringify({ client_email: 'a@b.c', private_key: 'nonsense' }), { kind: 'config', code: 'bad_key' }],
      [KEY.replace('cdp@', 'other@'), { kind: 'auth', code: 'no_login' }],
    ] as const) {
      const { channel, place } = await open({ account: { service_account } })
      await expect(channel.check(place)).rejects.toMatchObject(error)
    }
  })
})

describe('a replacement of a Google list', () => {
  const rows = async function* (...texts: readonly (readonly [string, Json?])[]) {
    for (const [EMAIL, AD_USER_DATA = null] of texts)
      yield { key: idOf(EMAIL), fields: { EMAIL, AD_USER_DATA } as Record<string, Json> }
  }

  test('adds everybody by consent, and then takes away who was not among them', async () => {
    let now = NOW
    const { channel, place, send, held, lines, bodies } = await open({ options: { now: () => now } })
    await send(changeOf(idOf('x'), { EMAIL: 'old@x.fr' }), changeOf(idOf('y'), { EMAIL: 'both@x.fr' }))
    // The Date of an answer is that of the loopback server, not of the test: without it the clock of the run counts.
    now = Date.now() + 60_000
    const receipt = await channel.replace?.(rows(['both@x.fr'], ['a@x.fr', 'granted'], ['no@x.fr', 'denied']), place)
    expect(lines().slice(1)).toEqual([
      'GET /v1/accountTypes/GOOGLE_ADS/accounts/4445556666/userLists/7090784486',
      INGEST,
      INGEST,
      'POST /v1/audienceMembers:removeAll',
    ])
    expect(
      bodies()
        .slice(2, 4)
        .map((one) => one.consent),
    ).toEqual([undefined, { adUserData: 'CONSENT_GRANTED' }])
    expect(held()).toEqual(emails('a@x.fr', 'both@x.fr'))
    expect(await channel.poll?.(jobOf(receipt), place)).toMatchObject({ state: 'done', rest: { outcome: 'written' } })
    expect(google.delivers('mirror', { ...place, replace: true })).toBe('whole')
    expect(google.delivers('upsert', { ...place, replace: true })).toBe('changes')
  })

  test('that meets a row that cannot be sent takes nobody away, unless such are skipped', async () => {
    const { channel, place, send, held } = await open()
    await send(changeOf(idOf('x'), { EMAIL: 'old@x.fr' }))
    const all = () => rows(['a@x.fr'], ['nobody'])
    expect(await channel.replace?.(all(), place)).toMatchObject({ outcome: 'refused', code: 'malformed' })
    expect(held()).toEqual(emails('old@x.fr'))
  })
})

describe('a check of a Google list', () => {
  const list = (one: GoogleList): Opening => ({ options: { lists: new Map([[INTO.list, one]]) } })
  const names = (key: string, ...fields: readonly string[]): Opening => ({ columns: { key: [key], fields } })
  test.each<[string, Opening, object]>([
    ['a list that is not there', { into: { list: '1' } }, { kind: 'config', code: 'no_list' }],
    ['a login without rights', { options: { permitted: false } }, { kind: 'auth' }],
    ['another manager account', { account: { login_account: '999' } }, { kind: 'auth' }],
    ['a closed list', list({ status: 'CLOSED' }), { code: 'closed' }],
    ['a list of somebody else', list({ readOnly: true }), { code: 'read_only' }],
    ['a list of mobile ids', list({ keyType: 'MOBILE_ID' }), { code: 'other_kind' }],
    ['half an address', names('EMAIL', 'GIVEN_NAME', 'FAMILY_NAME'), { code: 'half_address' }],
    ['mobile ids among contacts', names('EMAIL', 'MOBILE_ID'), { code: 'mixed' }],
    ['nothing to find people by', names('profile_id', 'AD_USER_DATA'), { code: 'no_identifier' }],
    ['a key in lower case', names('email', 'PHONE'), { code: 'bad_key' }],
    ['replace in another mode', { into: { replace: true }, mode: 'upsert' }, { code: 'bad_replace' }],
  ])('names %s', async (_, opening, error) => {
    const { channel, place, bench } = await open(opening)
    await expect(channel.check(place)).rejects.toMatchObject(error)
    expect(bench.emulator.counters().writes).toBe(0)
  })
})
