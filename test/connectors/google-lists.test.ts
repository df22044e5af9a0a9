import { describe, expect, test } from 'vitest'
import type { GoogleList } from '../../src/connectors/google/emulator-answers.ts'
import { google } from '../../src/connectors/google/index.ts'
import { ACCOUNT, emails, INGEST, idOf, type Opening, open, SLOT } from '../support/google.ts'
import { changeOf, NOW } from '../support/vendor.ts'

const LISTS = '/v1/accountTypes/GOOGLE_ADS/accounts/4445556666/userLists'
const NAMED = { list: undefined, list_name: 'VIPs', create: true }
const change = (name: string) => changeOf(idOf(name), { EMAIL: `${name}@x.fr` })

describe('a customer list that is named', () => {
  test('is made once where that is asked for, as whom the account is reached, and found from then on', async () => {
    const into = { ...NAMED, membership_days: 90, description: 'Buyers' }
    const { bench, io, channel, place, send, lines, held } = await open({ into })
    await channel.check(place)
    expect(bench.emulator.counters().writes).toBe(0)
    await send(change('a'))
    await send(change('b'))
    const [made] = bench.seen.filter(({ method, path }) => method === 'POST' && path === LISTS)
    expect(made?.headers['login-account']).toBe('accountTypes/GOOGLE_ADS/accounts/1112223333')
    expect(JSON.parse(made?.body ?? '')).toEqual({
      displayName: 'VIPs',
      description: 'Buyers',
      membershipStatus: 'OPEN',
      membershipDuration: '7776000s',
      ingestedUserListInfo: {
        uploadKeyTypes: ['CONTACT_ID'],
        contactIdInfo: { dataSourceType: 'DATA_SOURCE_TYPE_FIRST_PARTY' },
      },
    })
    await google.open(ACCOUNT, io).send([change('c')], place, SLOT)
    expect(lines().filter((line) => line === `POST ${LISTS}`)).toHaveLength(1)
    expect(held()).toEqual(emails('a@x.fr', 'b@x.fr', 'c@x.fr'))
    await channel.check(place)
  })

  test('of mobile ids is made for one app', async () => {
    const columns = { key: ['MOBILE_ID'], fields: [] }
    const mobile_app = { id: 'com.acme.app', system: 'android' } as const
    const { bench, send } = await open({ into: { ...NAMED, mobile_app }, columns })
    await send(changeOf({ MOBILE_ID: '00000000-0000-4000-8000-000000000001' }, {}))
    const [made] = bench.seen.filter(({ method, path }) => method === 'POST' && path === LISTS)
    expect(JSON.parse(made?.body ?? '').ingestedUserListInfo).toEqual({
      uploadKeyTypes: ['MOBILE_ID'],
      mobileIdInfo: { dataSourceType: 'DATA_SOURCE_TYPE_FIRST_PARTY', keySpace: 'ANDROID', appId: 'com.acme.app' },
    })
    const without = await open({ into: NAMED, columns })
    await expect(without.channel.check(without.place)).rejects.toMatchObject({ kind: 'config', code: 'no_app' })
  })

  test('is found on a later page', async () => {
    const many = Array.from({ length: 120 }, (_, n): [string, GoogleList] => [
      `${9000 + n}`,
      { name: n === 117 ? 'VIPs' : `List ${n}` },
    ])
    const { bench, channel, place, send, lines } = await open({ options: { lists: new Map(many) }, into: NAMED })
    await channel.check(place)
    await send(change('a'))
    expect(lines().at(-1)).toBe(INGEST)
    expect(JSON.parse(bench.seen.at(-1)?.body ?? '').destinations[0].productDestinationId).toBe('9117')
  })

  test('whose making got no answer has changed no row, and is not made twice', async () => {
    const { bench, send, lines } = await open({ into: NAMED })
    bench.fault = ({ method, path }) =>
      method === 'POST' && path === LISTS ? { kind: 'reset', effect: true } : undefined
    await expect(send(change('a'))).rejects.toMatchObject({ kind: 'transient', applied: 'no' })
    bench.fault = undefined
    expect(await send(change('a'))).toMatchObject([{ outcome: 'accepted' }])
    expect(lines().filter((line) => line === `POST ${LISTS}`)).toHaveLength(1)
  })

  test.each<[string, Opening, string]>([
    ['is not there, and not to be made', { into: { ...NAMED, create: false } }, 'no_list'],
    [
      'has the name of a list of another kind',
      { options: { otherNames: new Set(['VIPs']) }, into: NAMED },
      'DISPLAY_NAME_ALREADY_USED',
    ],
    [
      'has the name of a list of Google’s own',
      { into: { ...NAMED, list_name: 'All visitors' } },
      'USER_LIST_NAME_RESERVED',
    ],
    ['has too long a name', { into: { ...NAMED, list_name: 'V'.repeat(256) } }, 'INVALID_DISPLAY_NAME'],
    ['has too long a description', { into: { ...NAMED, description: 'd'.repeat(2_000) } }, 'FIELD_VALUE_TOO_LONG'],
    ['keeps people for too long', { into: { ...NAMED, membership_days: 600 } }, 'MEMBERSHIP_DURATION_TOO_LONG'],
  ])('that %s says so, and blames no row', async (_, opening, code) => {
    const { send } = await open(opening)
    await expect(send(change('a'))).rejects.toMatchObject({ kind: 'config', code })
  })

  test('is another place than one with an id', () => {
    const into = google.into.parse({ list_name: 'VIPs' })
    expect(google.place(ACCOUNT, into)).toBe('google GOOGLE_ADS 4445556666 list named VIPs')
    for (const wrong of [{}, { list: '1', list_name: 'VIPs' }, { list: '1', create: true }])
      expect(google.into.safeParse(wrong).success).toBe(false)
  })

  test('with few members whom Google knows is told of by a check, a day after they came', async () => {
    let now = NOW
    const { channel, place, send, notes } = await open({ options: { now: () => now } })
    for (let n = 0; n < 120; n += 1) await send(change(`p${n}`))
    await channel.check(place)
    expect(notes).toEqual([expect.stringMatching(/fewer than 100 members/)])
    now += 86_400_000
    await channel.check(place)
    expect(notes).toHaveLength(1)
  })
})
