import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/connectors/connector.ts'
import { apiFailure } from '../../src/connectors/google/api.ts'
import { type GoogleOptions, refused } from '../../src/connectors/google/emulator-answers.ts'
import { google } from '../../src/connectors/google/index.ts'
import { ACCOUNT, hash, INTO, idOf, type Opening, open, SLOT } from '../support/google.ts'
import { changeOf, NOW } from '../support/vendor.ts'

// Every error that Google documents for audience members, as it follows from the state of the emulated account or from
// what is wrong with a request. What our own requests never have wrong is put into one that we made.

const INFINITY = Number.POSITIVE_INFINITY
const change = changeOf(idOf('1'), { EMAIL: 'a@x.fr' })
const state = (options: Partial<GoogleOptions>): Opening => ({ options })
const madid = '00000000-0000-4000-8000-000000000001'

describe('an error that follows from the state of', () => {
  test.each<[string, string, Opening, object]>([
    ['http_403', 'a login without rights', state({ permitted: false }), { kind: 'auth' }],
    ['http_403', 'a project without the API', state({ apiEnabled: false }), { kind: 'auth' }],
    ['http_403', 'another manager account', { account: { login_account: '9' } }, { kind: 'auth' }],
    [
      'http_403',
      'a list of somebody else',
      state({ lists: new Map([[INTO.list, { readOnly: true }]]) }),
      { kind: 'auth' },
    ],
    ['NOT_ALLOWLISTED', 'an account that is not allowed', state({ standing: 'not-allowlisted' }), { kind: 'config' }],
    [
      'ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA',
      'an account without uploads',
      state({ standing: 'no-uploads' }),
      { kind: 'config' },
    ],
    [
      'EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED',
      'campaigns without a declaration',
      state({ standing: 'undeclared' }),
      { kind: 'config' },
    ],
    ['TERMS_AND_CONDITIONS_NOT_SIGNED', 'terms not signed', state({ termsSigned: false }), { kind: 'config' }],
    ['INVALID_USER_LIST_ID', 'a list that is not there', { into: { list: '1' } }, { kind: 'config' }],
    [
      'INVALID_USER_LIST_TYPE',
      'a list of mobile ids',
      state({ lists: new Map([[INTO.list, { keyType: 'MOBILE_ID' }]]) }),
      { kind: 'config' },
    ],
    [
      'INVALID_DESTINATION',
      'an account of another type',
      { account: { account_type: 'DISPLAY_VIDEO_ADVERTISER' } },
      { kind: 'config' },
    ],
    ['http_500', 'a failing service', state({ health: 'failing' }), { kind: 'transient', applied: 'maybe' }],
    [
      'http_503',
      'a service that is not available',
      state({ health: 'unavailable' }),
      { kind: 'transient', applied: 'maybe' },
    ],
    ['http_504', 'a slow service', state({ health: 'slow' }), { kind: 'transient', applied: 'maybe' }],
    ['INVALID_ARGUMENT', 'a body that is too large', state({ mostBytes: 100 }), { kind: 'batch' }],
  ])('%s: %s', async (code, _, opening, error) => {
    const { send, held } = await open(opening)
    await expect(send(change)).rejects.toMatchObject({ code, ...error })
    expect(held()).toEqual([])
  })

  test('429: quotas of a minute and a day, counted by the clock', async () => {
    let now = NOW
    const { send } = await open(state({ perMinute: 2, perDay: 3, now: () => now }))
    await send(change)
    await send(change)
    await expect(send(change)).rejects.toMatchObject({ kind: 'throttle', after: 60_000 })
    now += 60_000
    await send(change)
    await expect(send(change)).rejects.toMatchObject({ kind: 'throttle', after: INFINITY })
  })

  test('401: a token that is too old is asked for anew, and where none is taken it is the login', async () => {
    let now = NOW - 2 * 60 * 60_000
    const { bench, io, place } = await open(state({ now: () => now }))
    // Its own clock stands still, so it does not notice.
    const channel = google.open(ACCOUNT, { ...io, now: () => NOW })
    await channel.send([change], place, SLOT)
    now = NOW
    expect(await channel.send([change], place, SLOT)).toMatchObject([{ outcome: 'accepted' }])
    const INGEST = '/v1/audienceMembers:ingest'
    expect(bench.seen.map(({ path }) => path)).toEqual(['/token', INGEST, INGEST, '/token', INGEST])
    const revoked = await open(state({ revoked: true }))
    await expect(revoked.send(change)).rejects.toMatchObject({ kind: 'auth', code: 'http_401' })
    expect(revoked.bench.seen).toHaveLength(4)
  })

  test('terms that a sync accepts, so that nothing is wrong', async () => {
    const { send } = await open(state({ termsSigned: false }))
    await expect(send(change)).rejects.toThrow('"terms: accepted"')
    const accepted = await open({ ...state({ termsSigned: false }), into: { terms: 'accepted' } })
    expect(await accepted.send(change)).toMatchObject([{ outcome: 'accepted' }])
  })

  test('INVALID_REQUEST_ID: a request that Google does not know is not known yet, and lost after an hour', async () => {
    let now = NOW
    const { channel, place } = await open(state({ now: () => now }))
    expect(await channel.poll?.(`${NOW}:none=1`, place)).toMatchObject({ state: 'running' })
    now += 60 * 60_000
    expect(await channel.poll?.(`${NOW}:none=1`, place)).toEqual({ state: 'lost' })
  })
})

type Body = { [name: string]: Json }

/** The answer to one of our own requests with something wrong in it, and what it means. */
async function mangled(act: string, mangle: (body: Body) => void) {
  const { bench, io, send } = await open()
  await send(change)
  const ours = bench.seen.find(({ path }) => path.startsWith('/v1/'))
  const changed = JSON.parse(ours?.body ?? '') as Body
  mangle(changed)
  const answer = await io.fetch({
    method: 'POST',
    url: `https://datamanager.googleapis.com/v1/audienceMembers:${act}`,
    headers: { authorization: ours?.headers.authorization ?? '' },
    body: JSON.stringify(changed),
  })
  return apiFailure(answer, [], NOW)
}

const identifiers = (...userIdentifiers: readonly Json[]) => [{ userData: { userIdentifiers } }]
const address = (more: object) =>
  identifiers({
    address: { givenName: hash('a'), familyName: hash('b'), regionCode: 'FR', postalCode: '75001', ...more },
  })

describe('an error that follows from what is wrong with a request', () => {
  const email = { emailAddress: hash('a@x.fr') }
  test.each<[string, Body]>([
    ['INVALID_HEX_ENCODING', { audienceMembers: identifiers({ emailAddress: 'a@x.fr' }) }],
    ['INVALID_BASE64_ENCODING', { encoding: 'BASE64', audienceMembers: identifiers({ emailAddress: 'a@x.fr' }) }],
    ['INVALID_SHA256_FORMAT', { audienceMembers: identifiers({ emailAddress: 'abcdef' }) }],
    ['INVALID_POSTAL_CODE', { audienceMembers: address({ postalCode: '12345678901' }) }],
    ['INVALID_REGION_CODE', { audienceMembers: address({ regionCode: 'fra' }) }],
    ['REQUIRED_FIELD_MISSING', { audienceMembers: address({ familyName: '' }) }],
    ['INVALID_AUDIENCE_MEMBER', { audienceMembers: identifiers() }],
    ['TOO_MANY_USER_IDENTIFIERS', { audienceMembers: identifiers(...Array(11).fill(email)) }],
  ])('%s: named, and refused alone', async (reason, wrong) => {
    const error = await mangled('ingest', (body) => Object.assign(body, wrong))
    expect(error).toMatchObject({ kind: 'batch', code: reason, list: [{ index: 0, reason }] })
  })

  test('INVALID_MOBILE_ID_FORMAT: the same for a list of mobile ids', async () => {
    const lists = new Map([[INTO.list, { keyType: 'MOBILE_ID' }]])
    const { bench, io, send } = await open({ options: { lists }, columns: { key: ['MOBILE_ID'], fields: [] } })
    await send(changeOf({ MOBILE_ID: madid }, {}))
    const { body = '', headers, path = '' } = bench.seen.at(-1) ?? {}
    const raw = body.replace(madid, 'none')
    const authorization = headers?.authorization ?? ''
    const answer = await io.fetch({ method: 'POST', url: `https://x${path}`, headers: { authorization }, body: raw })
    expect(apiFailure(answer, [], NOW)).toMatchObject({ kind: 'batch', code: 'INVALID_MOBILE_ID_FORMAT' })
  })

  test.each<[string, string, (body: Body) => void]>([
    ['TOO_MANY_AUDIENCE_MEMBERS', 'ingest', (body) => Object.assign(body, { audienceMembers: Array(10_001).fill({}) })],
    ['TOO_MANY_DESTINATIONS', 'ingest', (body) => Object.assign(body, { destinations: Array(11).fill({}) })],
    [
      'MULTIPLE_DATA_TYPES_NOT_ALLOWED',
      'ingest',
      (body) =>
        Object.assign(body, { audienceMembers: [...identifiers(email), { mobileData: { mobileIds: [madid] } }] }),
    ],
    [
      'DUPLICATE_DESTINATION_REFERENCE',
      'ingest',
      (body) => Object.assign(body, { destinations: Array(2).fill({ reference: 'a' }) }),
    ],
    [
      'INVALID_REMOVE_AS_OF_TIME',
      'removeAll',
      (body) => Object.assign(body, { removeAsOfTime: '2099-01-01T00:00:00Z' }),
    ],
  ])('%s: a mistake of ours, which no row mends', async (code, act, mangle) => {
    expect(await mangled(act, mangle)).toMatchObject({ kind: 'config', code })
  })

  test('consent in a removal, which is told of no member', async () => {
    const error = await mangled('remove', (body) => Object.assign(body, { consent: { adUserData: 'CONSENT_GRANTED' } }))
    expect(error).toMatchObject({ kind: 'batch', code: 'INVALID_ARGUMENT' })
  })

  test('a request without encoding is no fault of a member', async () => {
    const error = await mangled('ingest', (body) => Object.assign(body, { encoding: 'NONE' }))
    expect(error).toMatchObject({ kind: 'batch', code: 'REQUIRED_FIELD_MISSING' })
    expect(error).not.toHaveProperty('list')
  })
})

describe('an error that nobody documented', () => {
  test('400 with a new reason is permanent', async () => {
    const { send } = await open(state({ newRule: 'A_NEW_REASON' }))
    await expect(send(change)).rejects.toMatchObject({ kind: 'batch', code: 'A_NEW_REASON' })
  })

  test.each<[string, ReturnType<typeof refused>, object]>([
    ['429 without a word', refused(429, 'RESOURCE_EXHAUSTED', 'no'), { kind: 'throttle', after: 60_000 }],
    ['429 with a delay', refused(429, 'RESOURCE_EXHAUSTED', 'no', [{ retryDelay: '12.5s' }]), { after: 12_500 }],
  ])('%s is understood', async (_, answer, error) => {
    const { bench, send } = await open()
    bench.fault = ({ path }) => (path === '/token' ? undefined : { kind: 'answer', ...answer })
    await expect(send(change)).rejects.toMatchObject(error)
  })

  test('a warning of a request that was taken is told', async () => {
    const { send, notes } = await open(state({ troubles: { warnsAtOnceOf: 'A_NEW_REASON' } }))
    expect(await send(change)).toMatchObject([{ outcome: 'accepted' }])
    expect(notes).toEqual(['Google took a request and warns of some of its fields: A_NEW_REASON.'])
  })
})
