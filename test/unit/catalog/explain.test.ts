import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Explanation } from '../../../src/catalog/explain.ts'
import type { PathStep } from '../../../src/catalog/explain-pair.ts'
import { type Asking, asking } from '../../support/asking.ts'

const CONFIG = `
name: test
warehouse: local
warehouses: { local: { type: duckdb, path: ":memory:" } }
now: 2026-03-01T12:00:00Z
defaults: { phone_country: FR }
`

const MODELS = `
sources:
  shop: { file: shop.csv, category: profile, key: id, updated_at: at, identifiers: { user_id: user, email: email, phone: phone } }
  cards: { file: cards.csv, category: profile, key: card, updated_at: at, identifiers: { crm_id: crm, email: mail, phone: phone } }
  visits: { file: visits.csv, key: id, at: at, identifiers: { user_id: user, cookie: cookie, ip: ip } }
  orders: { file: orders.csv, key: id, at: at, loaded_at: loaded, identifiers: { email: email, cookie: cookie } }
entities:
  customer:
    identifiers:
      user_id: { limit: 1 }
      crm_id: {}
      email: { normalize: email, max_fanout: 2, block: [none@x.fr, "/^info@/"] }
      phone: { normalize: phone, max_fanout: 2 }
      cookie: {}
      ip: { link: false }
    never_merge: { file: never.csv }
`

const NEVER = 'type_a,value_a,type_b,value_b\ncrm_id,K4,crm_id,K5\n'

const SHOP = `id,user,email,phone,at
s1,u1,Anna@X.fr,01 99 00 12 34,2026-01-01T00:00:00Z
s2,u2,bob@x.fr,01 99 00 12 35,2026-01-02T00:00:00Z
s3,u3,carl@x.fr,01 99 00 12 35,2026-01-03T00:00:00Z
s4,u4,dora@x.fr,01 99 00 12 35,2026-01-04T00:00:00Z
s5,u5,info@x.fr,,2026-01-05T00:00:00Z
s6,7,,,2026-01-06T00:00:00Z
`

// K1 is Anna by mail and phone; K7 shares a bare number with user 7; the last card names nobody.
const CARDS = `card,crm,mail,phone,at
c1,K1,anna@x.fr,+33199001234,2026-02-01T00:00:00Z
c2,K1,anna@x.fr,+33199001234,2026-02-02T00:00:00Z
c3,K4,eve@x.fr,,2026-02-03T00:00:00Z
c4,K5,eve@x.fr,,2026-02-04T00:00:00Z
c5,7,,,2026-02-05T00:00:00Z
c6,,none@x.fr,,2026-02-06T00:00:00Z
`

const VISITS = `id,user,cookie,ip,at
v1,u1,k1,10.0.0.1,2026-01-10T00:00:00Z
v2,u1,k1,10.0.0.1,2026-01-12T00:00:00Z
v3,u2,k2,10.0.0.1,2026-01-13T00:00:00Z
v4,u5,k2,,2026-01-14T00:00:00Z
`

const ORDERS = `id,email,cookie,at,loaded
o1,anna@x.fr,k9,2026-01-20T00:00:00Z,2026-01-20T01:00:00Z
o2,anna@x.fr,k9,2026-02-20T00:00:00Z,2026-02-20T01:00:00Z
`

const FILES = {
  'cdp.config.yaml': CONFIG,
  'models/all.yaml': MODELS,
  'shop.csv': SHOP,
  'cards.csv': CARDS,
  'visits.csv': VISITS,
  'orders.csv': ORDERS,
  'never.csv': NEVER,
}

describe('an explanation', () => {
  let shop: Asking
  beforeAll(async () => {
    shop = await asking(FILES)
    await shop.run()
    return () => shop.close()
  })

  test('of a profile lists its identifiers and rows, with counts and times', async () => {
    const { profile, published } = about(await shop.explain('u1'), 'profile')
    expect(published).toMatchObject({ build: 1, run_id: 'run-1' })
    expect(profile).toMatchObject({ entity: 'customer', joined: 6, cut: false, aliases: [], history: [], refused: [] })
    expect([profile.first_seen_at, profile.last_seen_at]).toEqual(['2026-01-01T00:00:00Z', '2026-02-20T00:00:00Z'])
    expect(profile.identifiers.map((one) => [one.type, one.value, one.joins, one.rows])).toEqual([
      ['user_id', 'u1', true, 3],
      ['crm_id', 'K1', true, 2],
      ['email', 'anna@x.fr', true, 5],
      ['phone', '+33199001234', true, 3],
      ['cookie', 'k1', true, 2],
      ['cookie', 'k9', true, 2],
      ['ip', '10.0.0.1', false, 2],
    ])
    expect(profile.records.map((one) => [one.source, one.key, one.rows, one.first_seen_at, one.last_seen_at])).toEqual([
      ['shop', 's1', 1, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z'],
      ['cards', 'c1', 1, '2026-02-01T00:00:00Z', '2026-02-01T00:00:00Z'],
      ['cards', 'c2', 1, '2026-02-02T00:00:00Z', '2026-02-02T00:00:00Z'],
      ['visits', 'v1', 2, '2026-01-10T00:00:00Z', '2026-01-12T00:00:00Z'],
      ['orders', 'o1', 2, '2026-01-20T00:00:00Z', '2026-02-20T00:00:00Z'],
    ])
  })

  test.each(['ANNA@X.FR ', '01-99-00-12-34', '+33 1 99 00 12 34', '0033199001234', 'email:Anna@x.fr', 'K1', 'k9'])(
    'finds whom %j names, compared as the data is',
    async (argument) => {
      const [anna, found] = [await shop.explain('u1'), await shop.explain(argument)]
      expect(about(found, 'profile').profile).toEqual(about(anna, 'profile').profile)
    },
  )

  test('finds a profile by its id, in any case', async () => {
    const { profile } = about(await shop.explain('u1'), 'profile')
    const found = about(await shop.explain(profile.profile_id.toUpperCase()), 'profile')
    expect(found.profile).toEqual(profile)
    expect(found.asked).toEqual([{ entity: 'customer', identifier: null, profile_id: profile.profile_id, alias: null }])
  })

  test('says why an identifier joins nobody', async () => {
    const why = async (given: string) => about(await shop.explain(given), 'identifier').asked[0]?.identifier
    expect(await why('01 99 00 12 35')).toMatchObject({
      standing: 'shared',
      why: 'it was seen with 3 values of user_id; max_fanout is 2',
    })
    expect(await why('none@x.fr')).toMatchObject({ standing: 'blocked', why: 'it is on the block list of its type' })
    expect(await why('info@x.fr')).toMatchObject({ why: '/^info@/ in the block list of its type fits it' })
    expect(await why('10.0.0.1')).toMatchObject({ standing: 'silent', why: 'its type has link: false' })
  })

  test('of an identifier that joins nobody names the profiles whose rows hold it', async () => {
    const { rows, profiles, records } = about(await shop.explain('ip:10.0.0.1'), 'identifier')
    const idOf = async (user: string) => about(await shop.explain(user), 'profile').profile.profile_id
    expect(rows).toBe(3)
    expect(profiles).toEqual([
      { profile_id: await idOf('u1'), rows: 2 },
      { profile_id: await idOf('u2'), rows: 1 },
    ])
    expect(records.map(({ key }) => key)).toEqual(['v1', 'v3'])
  })

  test('asks which one is meant where a value is several identifiers', async () => {
    await expect(shop.explain('7')).rejects.toThrow(
      /^"7" is more than one identifier: user_id \(customer .*\), crm_id \(/,
    )
    expect(about(await shop.explain('crm_id:7'), 'profile').profile.records).toMatchObject([
      { source: 'cards', key: 'c5' },
    ])
  })

  test('of somebody unknown says so, and guesses a type that was misspelt', async () => {
    await expect(shop.explain('nobody@x.fr')).rejects.toThrow('Nothing is known of "nobody@x.fr"')
    await expect(shop.explain('email:nobody@x.fr')).rejects.toThrow(
      'No row that is published holds "email:nobody@x.fr".',
    )
    await expect(shop.explain('emial:anna@x.fr')).rejects.toMatchObject({
      diagnostics: [{ code: 'command/arguments', fix: 'Did you mean "email:anna@x.fr"?' }],
    })
    await expect(shop.explain('(not valid)')).rejects.toThrow('Nothing is known')
  })

  test('of a row that is a profile by itself names the row', async () => {
    const { profile } = about(await shop.explain('row:cards:c6'), 'profile')
    expect(profile.records).toMatchObject([{ source: 'cards', key: 'c6', rows: 1 }])
    expect(profile.identifiers).toMatchObject([
      { type: 'row:cards', value: 'c6', joins: true },
      { type: 'email', value: 'none@x.fr', joins: false },
    ])
  })

  test('of two identifiers of one profile gives the fewest rows that tie them', async () => {
    const { path } = about(await shop.explain('k1', 'k9'), 'same')
    expect(told(path)).toEqual([
      'cookie k1 – visits v1 – user_id u1',
      'user_id u1 – shop s1 – email anna@x.fr',
      'email anna@x.fr – orders o1 – cookie k9',
    ])
    expect(about(await shop.explain('k1', 'cookie:k1'), 'same').path).toEqual([])
  })

  test('of two profiles names the value that both rows hold, and why it joins nobody', async () => {
    const { shared, refused, asked } = about(await shop.explain('u3', 'u4'), 'apart')
    expect(asked.map(({ identifier }) => identifier?.value)).toEqual(['u3', 'u4'])
    expect(refused).toEqual([])
    expect(shared).toEqual([
      {
        type: 'phone',
        value: '+33199001235',
        standing: 'shared',
        why: 'it was seen with 3 values of user_id; max_fanout is 2',
      },
    ])
  })

  test('of two profiles names the edge that a limit or a list refused, and the rows that hold both', async () => {
    const limit = about(await shop.explain('u2', 'u5'), 'apart')
    expect(limit.refused).toMatchObject([{ reason: 'limit', detail: 'user_id' }])
    expect(limit.records.map(({ source, key }) => `${source} ${key}`)).toEqual(['visits v4'])
    const never = about(await shop.explain('K4', 'K5'), 'apart')
    expect(never.refused).toMatchObject([{ reason: 'never_merge' }])
    expect(about(await shop.explain('K4'), 'profile').profile.refused).toMatchObject([{ reason: 'never_merge' }])
  })

  test('of an identifier that joins nobody, and another, says so instead of a way', async () => {
    const { asked, records } = about(await shop.explain('u1', '10.0.0.1'), 'apart')
    expect(asked.map(({ profile_id: id }) => id === null)).toEqual([false, true])
    expect(records.map(({ key }) => key)).toEqual(['v1'])
  })

  test('hides emails and phones, but tells them apart', async () => {
    for (const given of [['u1'], ['k1', 'k9'], ['u3', 'u4'], ['anna@x.fr', 'K4'], ['01 99 00 12 35']]) {
      const found = JSON.stringify(await shop.hidden.explain(...given))
      expect(found).not.toMatch(/@x\.fr|\+33/)
      expect(found).toMatch(/\[hidden #\d+]/)
    }
  })
})

test('a stale id leads to the id in use, whose history says through what they met', async () => {
  const shop = await asking(FILES)
  await shop.run('first')
  const old = about(await shop.explain('K1'), 'profile').profile.profile_id
  const other = about(await shop.explain('u2'), 'profile').profile.profile_id
  shop.write({ 'cards.csv': `${CARDS}c7,K4,bob@x.fr,,2026-02-07T00:00:00Z\n` })
  await shop.run('second')
  const merged = about(await shop.explain('K4'), 'profile').profile
  expect(merged.profile_id).toBe(other)
  expect(merged.history).toMatchObject([
    { kind: 'merge', run_id: 'second', to: other, via: { type: 'email', value: 'bob@x.fr' } },
  ])
  const [stale] = merged.aliases
  const found = about(await shop.explain(stale ?? ''), 'profile')
  expect(found.asked).toMatchObject([{ profile_id: other, alias: stale }])
  expect(old).not.toBe(other)
  const same = about(await shop.explain(stale ?? '', 'u2'), 'same')
  expect(told(same.path).at(-1)).toMatch(/user_id u2$/)
  await shop.close()
})

test('an id whose rows are gone is still known, and an identifier that is gone says so', async () => {
  const shop = await asking(FILES)
  await shop.run()
  const id = about(await shop.explain('K5'), 'profile').profile.profile_id
  shop.write({
    'cards.csv': CARDS.split('\n')
      .filter((line) => !line.startsWith('c4'))
      .join('\n'),
  })
  await shop.run()
  expect(about(await shop.explain(id), 'profile').profile).toMatchObject({ profile_id: id, joined: 0, records: [] })
  expect(about(await shop.explain('K5'), 'identifier').asked[0]?.identifier).toMatchObject({
    standing: 'gone',
    why: 'no row holds it any more',
  })
  await shop.close()
})

test('rows of a source that is read by its load time are counted once, whatever runs came between', async () => {
  const shop = await asking(FILES)
  await shop.run()
  shop.write({ 'orders.csv': `${ORDERS}o3,anna@x.fr,k9,2026-02-28T00:00:00Z,2026-02-28T01:00:00Z\n` })
  await shop.run()
  await shop.run()
  const { records } = about(await shop.explain('k9'), 'profile').profile
  expect(records.filter(({ source }) => source === 'orders')).toMatchObject([{ rows: 3 }])
  await shop.close()
})

describe('before and between publishes', () => {
  let shop: Asking
  beforeAll(async () => {
    shop = await asking(FILES)
  })
  afterAll(() => shop.close())

  test('nothing is known before the first', async () => {
    await expect(shop.explain('u1')).rejects.toThrow('Nothing is published yet.')
  })

  test('rules that changed since, and sources that are read differently, are told', async () => {
    await shop.run()
    expect((await shop.explain('u1')).notes).toEqual([])
    shop.write({ 'models/all.yaml': MODELS.replace('cookie: cookie, ip: ip', 'cookie: cookie') })
    const { notes, ...found } = await shop.explain('u1')
    expect(notes).toEqual([
      'The identity rules of "customer" have changed since the last publish; this is about what is published. "cdp identity diff" shows what the change would do.',
      'Source "visits" is read differently since the last publish; its rows are not shown.',
    ])
    const records = about({ ...found, notes }, 'profile').profile.records
    expect(records.map(({ source }) => source)).toEqual(['shop', 'cards', 'cards', 'orders'])
  })
})

function about<A extends Explanation['answer']>(found: Explanation, answer: A) {
  expect(found.answer).toBe(answer)
  return found as Extract<Explanation, { readonly answer: A }>
}

function told(path: readonly PathStep[] | null): readonly string[] {
  return (path ?? []).map(
    ({ from, to, record }) => `${from.type} ${from.value} – ${record.source} ${record.key} – ${to.type} ${to.value}`,
  )
}
