import { describe, expect, test } from 'vitest'
import type { Io } from '../../src/connectors/connector.ts'
import type { MetaAudience, MetaOptions } from '../../src/connectors/meta/emulator-answers.ts'
import { failed } from '../../src/connectors/meta/emulator-answers.ts'
import { graphFailure } from '../../src/connectors/meta/graph.ts'
import { meta } from '../../src/connectors/meta/index.ts'
import { tellInvalid } from '../../src/connectors/meta/sending.ts'
import { ACCOUNT, idOf, ids, LEAVE, madid, type Opening, open } from '../support/meta.ts'
import { changeOf, NOW } from '../support/vendor.ts'

// Every error that Meta documents for audiences, as it follows from the state of the emulated account.

const MINUTE = 60_000
const MADE = { into: { audience: undefined, audience_name: 'VIPs', create: true } }
const change = changeOf(idOf('1'), { EMAIL: 'a@x.fr' })
const leaver = changeOf(idOf('1'), {}, { op: 'remove', leave: LEAVE, before: [{ EMAIL: 'a@x.fr' }] })

const audience = (one: Partial<MetaAudience>): Opening => ({
  options: { audiences: new Map([['238501', { name: 'Customers', ...one }]]) },
})
const state = (options: Partial<MetaOptions>): Opening => ({ options })

describe('an error that follows from the state of', () => {
  test.each<[string, string, Opening, object]>([
    ['1', 'a failing service', state({ health: 'failing' }), { kind: 'transient', applied: 'maybe' }],
    ['2', 'a service that is not available', state({ health: 'unavailable' }), { kind: 'transient', applied: 'maybe' }],
    ['5000', 'a service in trouble', state({ health: 'unknown' }), { kind: 'transient', applied: 'maybe' }],
    ['http_502', 'a service behind its gateway', state({ health: 'gateway' }), { kind: 'transient', applied: 'maybe' }],
    ['3', 'an app without the Marketing API', state({ app: 'incapable' }), { kind: 'config' }],
    ['10', 'an app without permission', state({ app: 'not-permitted' }), { kind: 'auth' }],
    ['294', 'an app that is not listed', state({ app: 'not-listed' }), { kind: 'auth' }],
    ['200', 'a token without permission', state({ permissions: ['ads_read'] }), { kind: 'auth' }],
    ['200', 'a disabled ad account', state({ accountStatus: 2 }), { kind: 'auth' }],
    ['200/1870090', 'terms not accepted', state({ termsAccepted: false }), { kind: 'config' }],
    [
      '2655',
      'terms not accepted, for a new audience',
      { ...MADE, ...state({ termsAccepted: false }) },
      { kind: 'config' },
    ],
    [
      '2654',
      'an account with all the audiences it may have',
      { ...MADE, ...state({ mostAudiences: 1 }) },
      { kind: 'config' },
    ],
    ['200/1870050', 'an account of no portfolio', { ...MADE, ...state({ inPortfolio: false }) }, { kind: 'config' }],
    ['190', 'another token', state({ token: 'new' }), { kind: 'auth' }],
    ['190/460', 'a changed password', state({ passwordChanged: true }), { kind: 'auth' }],
    ['190/463', 'an expired token', state({ tokenExpires: NOW }), { kind: 'auth' }],
    ['100', 'an app that demands proof', state({ appSecret: 's' }), { kind: 'config' }],
    ['100/33', 'an audience that is not there', { into: { audience: '1' } }, { kind: 'config' }],
    ['100/1713230', 'a flagged audience', audience({ status: 471 }), { kind: 'config' }],
    ['100/1487301', 'an audience that is not shared', audience({ shared: false }), { kind: 'config' }],
    ['100/1487366', 'a deleted audience', audience({ deleted: true }), { kind: 'config' }],
    [
      '2650',
      'an audience that is updated',
      audience({ updating: true }),
      { kind: 'transient', after: MINUTE, applied: 'no' },
    ],
    ['2635', 'an old version', { account: { api_version: 'v20.0' } }, { kind: 'config' }],
    ['http_413', 'a body that is too large', state({ mostBytes: 100 }), { kind: 'batch' }],
    ['368', 'a blocked user', state({ blockedUntil: NOW + 1 }), { kind: 'throttle', after: Number.POSITIVE_INFINITY }],
  ])('%s: %s', async (code, _, opening, error) => {
    const { send, held } = await open(opening)
    await expect(send(change)).rejects.toMatchObject({ code, ...error })
    expect(held()).toEqual([])
  })

  test.each<[string, object]>([
    ['4', { kind: 'throttle' }],
    ['17', { kind: 'throttle' }],
    ['341', { kind: 'throttle' }],
    ['613', { kind: 'throttle' }],
    ['80004', { kind: 'throttle' }],
  ])('%s: a quota that is used up', async (code, error) => {
    const { send } = await open(state({ quotas: new Map([[Number(code), 1]]) }))
    await send(change)
    await expect(send(change)).rejects.toMatchObject({ code, applied: 'no', ...error })
  })

  test('80003: used-up calls pause until the hour gives some back; few left are spread', async () => {
    let now = NOW
    const { bench, send } = await open(state({ callsPerHour: 2, now: () => now }))
    await send(change)
    now += 10 * MINUTE
    await send(change)
    await expect(send(change)).rejects.toMatchObject({
      kind: 'throttle',
      code: '80003/2446079',
      after: 50 * MINUTE,
    })
    now = NOW + 60 * MINUTE
    expect(await send(change)).toEqual([{ outcome: 'written' }])
    const hint = (use: object) => {
      const headers = { 'x-business-use-case-usage': JSON.stringify({ 1: [{ type: 'custom_audience', ...use }] }) }
      return meta.pace?.(ACCOUNT, { status: 200, headers, body: '' }, now)
    }
    expect(hint({ call_count: 10, total_time: 94 })).toBeUndefined()
    expect(hint({ call_count: 10, total_time: 96 })).toEqual({ kind: 'pause', for: MINUTE })
    expect(hint({ call_count: 99, estimated_time_to_regain_access: 7 })).toEqual({ kind: 'pause', for: 7 * MINUTE })
    expect(hint({ type: 'ads_management', call_count: 99 })).toBeUndefined()
    expect(bench.emulator.counters().calls).toBe(4)
  })

  test('100: values that the audience was not made for', async () => {
    const { send } = await open({ columns: { key: ['EMAIL'], fields: ['LOOKALIKE_VALUE'] } })
    const valued = changeOf({ EMAIL: 'a@x.fr' }, { LOOKALIKE_VALUE: 3 })
    await expect(send(valued)).rejects.toMatchObject({ kind: 'batch', code: '100' })
  })

  test('105: more users than a request takes', async () => {
    const payload = { schema: ['EXTERN_ID'], data: Array(10_001).fill(['x']) }
    expect(await raw('238501/users', { payload })).toMatchObject({ kind: 'config', code: '105' })
  })

  test('200/1870047: an audience in use that would become too small keeps who leaves for now, and that is told', async () => {
    const { send, held, notes } = await open({ ...audience({ inUse: true }), listens: true })
    const kept = { outcome: 'again', code: '200/1870047', applied: 'maybe' }
    await send(change)
    expect(await send(leaver)).toEqual([kept])
    const moved = changeOf(idOf('1'), { EMAIL: 'b@x.fr' }, { op: 'update', before: [{ EMAIL: 'a@x.fr' }] })
    expect(await send(moved, changeOf(idOf('2'), { EMAIL: 'c@x.fr' }))).toEqual([kept, { outcome: 'written' }])
    expect(held()).toEqual(ids(['EMAIL', 'a@x.fr'], ['EMAIL', 'b@x.fr'], ['EMAIL', 'c@x.fr']))
    expect(new Set(notes)).toEqual(new Set([expect.stringMatching(/takes nobody out/)]))
    const many = Array.from({ length: 100 }, (_, n) => changeOf(idOf(`m${n}`), { MADID: madid(n) }))
    expect((await send(moved, ...many)).every(({ outcome }) => outcome === 'written')).toBe(true)
    expect(await send(leaver)).toEqual([{ outcome: 'written' }])
    expect(held()).toHaveLength(102)
  })

  test('2500: a path that Meta does not know', async () => {
    expect(await raw('238501/members', {})).toMatchObject({ kind: 'config', code: '2500' })
  })

  test('a value that is no hash is counted and held by nobody', async () => {
    const { bench, io } = await open()
    const payload = { schema: ['EMAIL'], data: [['a@x.fr'], ['0'.repeat(64)]] }
    const notes: string[] = []
    tellInvalid(JSON.parse((await post(io, '238501/users', { payload })).body), 2, { note: (one) => notes.push(one) })
    expect(notes).toEqual(['Meta counts 1 of 2 people of a request as invalid, and does not say whom.'])
    expect(bench.emulator.contents()[0]?.rows).toEqual([{ EMAIL: '0'.repeat(64) }])
  })

  /** What a request means that our own never are. */
  async function raw(path: string, body: object) {
    const { io } = await open()
    return graphFailure(await post(io, path, body), [], NOW)
  }

  function post(io: Io, path: string, body: object) {
    const headers = { authorization: `Bearer ${ACCOUNT.access_token}` }
    const url = `https://graph.facebook.com/v25.0/${path}`
    return io.fetch({ method: 'POST', url, headers, body: JSON.stringify(body) })
  }

  test.each(['failing', 'unavailable', 'unknown'] as const)(
    'a check of a service that is %s is no fault of the project',
    async (health) => {
      const { channel, place } = await open(state({ health }))
      await expect(channel.check(place)).rejects.toMatchObject({ kind: 'transient' })
    },
  )
})

describe('an error that nobody documented', () => {
  test('with is_transient is no fault of anybody, and passes', async () => {
    let now = NOW
    const { send } = await open(state({ outage: { code: 77_777, passes: true, until: NOW + 1 }, now: () => now }))
    await expect(send(change)).rejects.toMatchObject({ kind: 'transient', code: '77777', applied: 'maybe' })
    now += 1
    expect(await send(change)).toEqual([{ outcome: 'written' }])
  })

  test('without is_transient may be of a row', async () => {
    const { send } = await open(state({ outage: { code: 77_778, passes: false, until: NOW + 1 } }))
    await expect(send(change)).rejects.toMatchObject({ kind: 'batch', code: '77778' })
  })

  test.each<[string, ReturnType<typeof failed>, object]>([
    ['of a login before ours', failed(102, 'Session key invalid'), { kind: 'auth' }],
    ['of a signature', failed(104, 'Incorrect signature'), { kind: 'auth' }],
    ['of other terms', failed(200, 'Permissions error', { subcode: 1_870_034 }), { kind: 'config' }],
  ])('%s is understood', async (_, answer, expected) => {
    const { bench, send } = await open()
    bench.fault = () => ({ kind: 'answer', ...answer })
    await expect(send(change)).rejects.toMatchObject(expected)
  })
})
