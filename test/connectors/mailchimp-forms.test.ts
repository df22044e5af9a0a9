import { describe, expect, test } from 'vitest'
import type { Change, Io, Json } from '../../src/connectors/connector.ts'
import { mailchimpVendor } from '../../src/connectors/mailchimp/emulator.ts'
import { mailchimp } from '../../src/connectors/mailchimp/index.ts'
import { typeOf } from '../../src/connectors/mailchimp/merge-fields.ts'
import { connectorContract } from '../contract/connector.ts'
import { KEY, LIST, openMailchimp as open, outcomes, path, person } from '../support/mailchimp.ts'
import { changeOf } from '../support/vendor.ts'

const SLOT = { run: 'r', window: 0, batch: 0 }

const tagsHeld = (rows: readonly Readonly<Record<string, Json>>[]) =>
  Object.fromEntries(rows.map((row) => [String(row.email_address).split('@')[0], row.tags]))

connectorContract({
  connector: mailchimp,
  account: { api_key: KEY },
  into: mailchimp.into.parse({ list: 'abc123', tag: 'big_spenders' }),
  secrets: [KEY],
  columns: { key: ['email'], fields: ['FNAME'] },
  vendor: () => mailchimpVendor({ apiKey: KEY, lists: new Map([['abc123', [{ tag: 'FNAME' }]]]) }),
  row: (n) => ({ key: { email: `P${n}@shop.test` }, fields: { FNAME: `Person ${n}` } }),
  bad: { key: { email: 'no address' }, fields: { FNAME: 'Bad' } },
  leave: { verb: 'remove' },
  isWrite: (request) => request.method !== 'GET',
  wholeRefused: { status: 422, body: { title: 'Unprocessable', detail: 'no' } },
})

describe('merge fields that the list lacks', () => {
  test('are made before the first contacts, with types that follow from the values', async () => {
    const fields = ['FNAME', 'LTV', 'LAST', 'HOME', 'VIP', 'NOBODY']
    const { send, held, lines, bench, check } = await open({ fields, into: { create_fields: true } })
    await check()
    expect(bench.emulator.counters().writes).toBe(0)
    const home = { addr1: '1 rue Haute', city: 'Lille', state: 'N', zip: '59000' }
    const ada = { FNAME: 'Ada', LTV: 7.5, LAST: '2026-01-31', HOME: home, VIP: true, NOBODY: null }
    expect(outcomes(await send(person('ada', ada)))).toEqual(['written'])
    const made = bench.seen.filter((one) => one.path.endsWith('/merge-fields') && one.method === 'POST')
    expect(made.map((one) => JSON.parse(one.body))).toMatchObject([
      { tag: 'LTV', type: 'number', required: false },
      { tag: 'LAST', type: 'date' },
      { tag: 'HOME', type: 'address' },
      { tag: 'VIP', type: 'text' },
    ])
    expect(held()).toMatchObject([{ merge_fields: { FNAME: 'Ada', LTV: 7.5, LAST: '2026-01-31', VIP: 'true' } }])
    const before = lines().length
    await send(person('bea', { LTV: 3, NOBODY: null }))
    expect(lines().slice(before)).toEqual(['POST '])
  })

  test('are found where another process makes them in the same moment', async () => {
    const { send, bench, held } = await open({ fields: ['LTV'], into: { create_fields: true } })
    const [first, second] = await Promise.all([send(person('ada', { LTV: 1 })), send(person('bea', { LTV: 2 }))])
    expect(outcomes([...first, ...second])).toEqual(['written', 'written'])
    expect(held()).toHaveLength(2)
    const made = bench.seen.filter((one) => one.path.endsWith('/merge-fields') && one.method === 'POST')
    expect(made.length).toBeGreaterThanOrEqual(1)
  })

  test('that cannot be made stop the sync before anything is written', async () => {
    const { send, held } = await open({ fields: ['LTV'], into: { create_fields: true }, vendor: { mostFields: 1 } })
    await expect(send(person('ada', { LTV: 1 }))).rejects.toMatchObject({ kind: 'config', code: 'no_merge_field' })
    expect(held()).toEqual([])
  })

  test('whose making is not answered leave the rows untouched', async () => {
    const { send, bench } = await open({ fields: ['LTV'], into: { create_fields: true } })
    bench.fault = ({ method }) => (method === 'POST' ? { kind: 'reset', effect: true } : undefined)
    await expect(send(person('ada', { LTV: 1 }))).rejects.toMatchObject({ kind: 'transient', applied: 'no' })
    bench.fault = undefined
    expect(outcomes(await send(person('ada', { LTV: 1 })))).toEqual(['written'])
  })

  test.each<[string, readonly Json[], string]>([
    ['numbers', [1, 2.5], 'number'],
    ['days', ['2026-01-01', '1999-12-31'], 'date'],
    ['a day and a word', ['2026-01-01', 'soon'], 'text'],
    ['a number and a word', [1, 'one'], 'text'],
    ['numbers in text, such as postal codes', ['01000'], 'text'],
    ['times', ['2026-01-01T08:00:00Z'], 'text'],
    ['booleans', [true], 'text'],
    ['addresses', [{ addr1: 'a', city: 'b', state: 'c', zip: 'd' }], 'address'],
  ])('%s', (_, values, type) => {
    expect(typeOf(values)).toBe(type)
  })
})

describe('values', () => {
  const known = [
    { tag: 'BORN', type: 'birthday' },
    { tag: 'SINCE', type: 'date' },
    { tag: 'PHONE', type: 'phone', phoneFormat: 'US' as const },
    { tag: 'MOBILE', type: 'phone', phoneFormat: 'International' as const },
    { tag: 'HOME', type: 'address' },
    { tag: 'NOTE', type: 'text' },
    { tag: 'SPENT', type: 'number' },
  ]
  const given = { fields: known.map(({ tag }) => tag), vendor: { lists: new Map([['abc123', known]]) } }
  const home = { addr1: '1 rue Haute', city: 'Lille', state: 'N', zip: '59000' }

  test.each<[string, Json, Json]>([
    ['BORN', '1990-02-28', '02/28'],
    ['BORN', '1990-02-28T23:00:00Z', '02/28'],
    ['BORN', '02/28', '02/28'],
    ['SINCE', '2026-01-31', '2026-01-31'],
    ['SINCE', '2026-01-31 08:00:00', '2026-01-31'],
    ['PHONE', '+12125550123', '212-555-0123'],
    ['MOBILE', '+12125550123', '+12125550123'],
    ['HOME', JSON.stringify(home), home],
    ['HOME', { ...home, zip: 59_000, addr2: null }, { ...home, addr2: '' }],
    ['NOTE', '2026-01-31T08:00:00Z', '2026-01-31T08:00:00Z'],
    ['NOTE', '{"addr1": "x"}', '{"addr1": "x"}'],
    ['SPENT', 12_345_678_901.25, 12_345_678_901.25],
    ['SPENT', '79228162514264337593543950335', '79228162514264337593543950335'],
  ])('take the form that the merge field wants: %s %j', async (tag, value, expected) => {
    for (const op of ['create', 'update'] as const) {
      const { send, held } = await open(given)
      expect(await send(person('ada', { [tag]: value }, op))).toMatchObject([{ outcome: 'written' }])
      expect(held()).toMatchObject([{ merge_fields: { [tag]: expected } }])
    }
  })

  test('cost one look at the fields a run, and none where the sync names none', async () => {
    const { send, lines } = await open(given)
    await send(person('ada', { NOTE: 'x', SPENT: 7, BORN: null }))
    await send(person('bea', { BORN: '1990-02-28' }))
    expect(lines()).toEqual(['GET /merge-fields', 'POST ', 'POST '])
    const plain = await open({ fields: ['language'] })
    await plain.send(person('ada', { language: 'fr' }))
    expect(plain.lines()).toEqual(['POST '])
  })

  test('for a field that the list does not have stop the sync, for Mailchimp would drop them without a word', async () => {
    const { send, held } = await open({ ...given, fields: ['BORN', 'GONE'] })
    const sent = send(person('ada', { BORN: '1990-02-28', GONE: 'x' }))
    await expect(sent).rejects.toMatchObject({ kind: 'config', code: 'no_merge_field' })
    await expect(sent).rejects.toThrow('has no merge field "GONE"')
    expect(held()).toEqual([])
  })
})

describe('an audience that is a tag', () => {
  test('its members carry the tag, whether they are new or were there, and lose it when they leave', async () => {
    const { send, leave, held, read, body } = await open({ into: { tag: 'big_spenders', tags: ['shop'] } })
    await send(person('ada'))
    expect(body(-1).members).toMatchObject([{ status: 'subscribed', tags: ['shop', 'big_spenders'] }])
    expect(await leave('remove', 'ada@shop.test', 'nobody@shop.test')).toEqual([
      { outcome: 'written' },
      { outcome: 'written' },
    ])
    expect(held()).toMatchObject([{ status: 'subscribed', tags: ['shop'] }])
    expect(await read()).toEqual([])
    await send(person('ada'))
    expect(body(-1)).toEqual({ tags: [{ name: 'big_spenders', status: 'active' }], is_syncing: true })
    expect(await read()).toEqual([{ key: { email: 'ada@shop.test' }, fields: { FNAME: 'ada' } }])
  })

  test('is left by losing the tag unless told otherwise; a list itself is left by being archived', () => {
    const verbs = (into: object) =>
      mailchimp.leavesOf?.(mailchimp.into.parse({ list: 'a', ...into })).map((one) => one.verb)
    expect(verbs({ tag: 't' })?.[0]).toBe('remove')
    expect(verbs({ segment: 's' })?.[0]).toBe('remove')
    expect(verbs({})).toEqual(['add_tag', 'remove_tag', 'archive', 'unsubscribe', 'delete'])
  })

  test('an update gives the tag back that somebody took away', async () => {
    const { send, leave, held } = await open({ into: { tag: 'big_spenders' }, mode: 'update' })
    expect(outcomes(await send(person('ada', { FNAME: 'A' }, 'update')))).toEqual(['refused'])
    const upsert = await open({ into: { tag: 'big_spenders' } })
    await upsert.send(person('ada'))
    await upsert.leave('remove', 'ada@shop.test')
    await upsert.send(person('ada', { FNAME: 'A' }, 'update'))
    const calls = upsert.lines().length
    await upsert.send(person('ada', { FNAME: 'A' }, 'update'))
    expect(upsert.lines().slice(calls)).toEqual([`PUT ${path('ada')}`])
    expect(upsert.held()).toMatchObject([{ tags: ['big_spenders'], merge_fields: { FNAME: 'A' } }])
    expect(outcomes(await leave('remove', 'ada@shop.test'))).toEqual(['written'])
    expect(held()).toEqual([])
  })

  test('mode insert tags who is there and leaves the rest alone', async () => {
    const { send, held, leave } = await open({ into: { tag: 'big_spenders' }, mode: 'insert' })
    await send(person('ada'))
    await leave('remove', 'ada@shop.test')
    await send(person('ada', { FNAME: 'Other' }))
    expect(held()).toMatchObject([{ tags: ['big_spenders'], merge_fields: { FNAME: 'ada' } }])
  })

  test('is read with those whom no mail reaches, and without others', async () => {
    const { send, leave, read, bench } = await open({ into: { tag: 'big_spenders' } })
    await send(person('ada'), person('bea'), person('cleo'))
    await leave('unsubscribe', 'bea@shop.test')
    await leave('remove', 'cleo@shop.test')
    const keys = (rows: readonly unknown[]) => rows.map((row) => (row as { key: { email: string } }).key.email)
    expect(keys(await read())).toEqual(['ada@shop.test', 'bea@shop.test'])
    expect(keys(await read([{ email: 'cleo@shop.test' }, { email: 'bea@shop.test' }]))).toEqual(['bea@shop.test'])
    expect(bench.emulator.contents()).toHaveLength(1)
  })
})

describe('an audience that is a static segment', () => {
  const into = { segment: 'big spenders', create_segment: true }

  test('is made, filled with one call for the batch, and emptied with one', async () => {
    const { send, leave, held, lines, check, read } = await open({ into })
    await check()
    expect(lines().every((line) => line.startsWith('GET'))).toBe(true)
    const before = lines().length
    expect(outcomes(await send(person('ada'), person('bea'), person('cleo')))).toEqual(Array(3).fill('written'))
    const [look, make, add, join] = lines().slice(before)
    expect([look, make, add]).toEqual(['GET /segments', 'POST /segments', 'POST '])
    expect(join).toMatch(/^POST \/segments\/\d+$/)
    const names = ['ada', 'bea', 'cleo']
    expect(tagsHeld(held())).toEqual(Object.fromEntries(names.map((name) => [name, ['big spenders']])))
    const emails = ['ada@shop.test', 'nobody@shop.test', 'bea@shop.test']
    const calls = lines().length
    expect(outcomes(await leave('remove', ...emails))).toEqual(Array(3).fill('written'))
    expect(lines().slice(calls)).toEqual(['GET /segments', join, `GET ${path('nobody')}`])
    expect(tagsHeld(held())).toEqual({ ada: [], bea: [], cleo: ['big spenders'] })
    expect(await read()).toMatchObject([{ key: { email: 'cleo@shop.test' } }])
  })

  test('who is in it already is written, and who cannot be in it is refused', async () => {
    const { send, bench, place, lines, held, direct } = await open({ into })
    await send(person('ada'))
    const written = [{ outcome: 'written', id: path('ada').split('/').at(-1) }]
    expect(await send(person('ada', { FNAME: 'A' }, 'update'))).toEqual(written)
    expect(lines().at(-1)).toBe(`PUT ${path('ada')}`)
    await direct()('POST', `${LIST}${path('ada')}/tags`, { tags: [{ name: 'big spenders', status: 'inactive' }] })
    expect(await send(person('ada', { FNAME: 'B' }, 'update'))).toEqual(written)
    expect(tagsHeld(held())).toEqual({ ada: ['big spenders'] })
    // Somebody archives her before she gets into the segment.
    const fetch: Io['fetch'] = async (request) => {
      if (/\/segments\/\d+$/.test(request.url)) await direct()('DELETE', `${LIST}${path('bea')}`)
      return bench.io.fetch(request)
    }
    const channel = mailchimp.open({ api_key: KEY }, { ...bench.io, fetch })
    expect(await channel.send([person('bea'), person('cleo')], place, SLOT)).toMatchObject([
      { outcome: 'refused', kind: 'row', code: 'not_in_segment' },
      { outcome: 'written' },
    ])
  })

  test('a contact that the list refused is not put into it', async () => {
    const { send, body } = await open({ into })
    const receipts = await send(person('ada'), changeOf({ email: 'no address' }, {}))
    expect(outcomes(receipts)).toEqual(['written', 'refused'])
    expect(body(-1)).toEqual({ members_to_add: ['ada@shop.test'] })
  })

  test('that is missing and may not be made is named, before anything is written', async () => {
    const { check, send, held } = await open({ into: { segment: 'vips' } })
    await expect(check()).rejects.toMatchObject({ kind: 'config', code: 'no_segment' })
    await expect(send(person('ada'))).rejects.toThrow('no static segment "vips"')
    expect(held()).toEqual([])
    const there = await open({ into: { segment: 'vips' }, vendor: { segments: ['vips'] } })
    await there.check()
  })

  test('what is not answered after the contacts were written may have been applied', async () => {
    const { send, bench, held } = await open({ into })
    await send(person('ada'))
    bench.fault = ({ path }) => (/\/segments\/\d+$/.test(path) ? { kind: 'reset', effect: false } : undefined)
    expect(await send(person('bea'))).toMatchObject([{ outcome: 'again', applied: 'maybe' }])
    bench.fault = undefined
    expect(outcomes(await send(person('bea')))).toEqual(['written'])
    expect(tagsHeld(held())).toEqual({ ada: ['big spenders'], bea: ['big spenders'] })
  })

  test('one that was deleted meanwhile is made again with the next batch', async () => {
    const { send, bench, held, lines, direct } = await open({ into })
    await send(person('ada'))
    await direct()('DELETE', bench.seen.at(-1)?.path ?? '')
    expect(await send(person('bea'))).toMatchObject([{ outcome: 'again', code: 'no_segment' }])
    const before = lines().length
    expect(outcomes(await send(person('bea')))).toEqual(['written'])
    expect(lines()[before]).toBe('GET /segments')
    expect(tagsHeld(held())).toMatchObject({ bea: ['big spenders'] })
  })

  test('500 leave in one call', async () => {
    const { leave, send, held, bench, place } = await open({ into })
    const names = Array.from({ length: 500 }, (_, n) => `p${n}`)
    await send(...names.map((name) => person(name)))
    expect(mailchimp.limits({ api_key: KEY }, place, { upsert: 0, remove: 500 }).remove.rows).toBe(500)
    const before = bench.emulator.counters().calls
    await leave('remove', ...names.map((name) => `${name}@shop.test`))
    expect(bench.emulator.counters().calls - before).toBe(2)
    expect(held().every((row) => JSON.stringify(row.tags) === '[]')).toBe(true)
  })
})

describe('interests, permissions and properties of a contact', () => {
  const fields = ['FNAME', 'interests.Chess', 'interests.Hobbies/Go', 'marketing_permissions.By mail', 'language']
  const vendor = { interests: { i1: 'Chess', i2: 'Go' }, permissions: { p1: 'By mail' } }
  const first = (more: Change['fields'] = {}): Change['fields'] => ({
    'interests.Chess': true,
    'interests.Hobbies/Go': null,
    'marketing_permissions.By mail': true,
    language: 'fr',
    ...more,
  })

  test('are sent by their ids and read back by the names of the sync', async () => {
    const { send, body, read, check } = await open({ fields, vendor: { ...vendor, permissions: { 'By mail': 'x' } } })
    await send(person('ada', first()))
    expect(body(-1).members).toEqual([
      {
        email_address: 'ada@shop.test',
        status: 'subscribed',
        merge_fields: {},
        language: 'fr',
        interests: { i1: true, i2: false },
        marketing_permissions: [{ marketing_permission_id: 'By mail', enabled: true }],
      },
    ])
    await check()
    const expected = { ...first(), 'interests.Hobbies/Go': false, FNAME: '' }
    expect(await read()).toEqual([{ key: { email: 'ada@shop.test' }, fields: expected }])
  })

  test('a permission is given to new contacts only, and taken away from anybody', async () => {
    const { send, body } = await open({ fields, vendor })
    await send(person('ada', { FNAME: 'Ada' }))
    await send(person('ada', { 'marketing_permissions.p1': true }))
    expect(body(-1)).toEqual({ email_address: 'ada@shop.test', merge_fields: {}, status_if_new: 'subscribed' })
    await send(person('ada', { 'marketing_permissions.p1': null }, 'update'))
    expect(body(-1)).toMatchObject({ marketing_permissions: [{ marketing_permission_id: 'p1', enabled: false }] })
    const raising = await open({ fields, vendor, into: { raise_permissions: true } })
    await raising.send(person('ada', { 'marketing_permissions.p1': true }, 'update'))
    expect(raising.body(-1)).toMatchObject({ marketing_permissions: [{ enabled: true }] })
  })

  test('a language is cleared; when and whence somebody signed up is not taken back', async () => {
    const { send, body } = await open({ fields: ['language', 'ip_signup', 'timestamp_opt'] })
    await send(person('ada', { language: null, ip_signup: null, timestamp_opt: '2026-01-31T08:00:00Z' }, 'update'))
    expect(body(-1)).toMatchObject({ language: '', timestamp_opt: '2026-01-31T08:00:00Z' })
    expect(body(-1)).not.toHaveProperty('ip_signup')
  })

  test('check names what the list does not have', async () => {
    const interest = await open({ fields: ['interests.Darts'], vendor })
    await expect(interest.check()).rejects.toMatchObject({ kind: 'config', code: 'no_interest' })
    const permission = await open({ fields: ['FNAME', 'marketing_permissions.By fax'], vendor })
    // A list without contacts does not say what its permissions are.
    await permission.check()
    const other = await open({ fields: ['FNAME', 'marketing_permissions.By fax'], vendor })
    const headers = { authorization: `Bearer ${KEY}` }
    const members = JSON.stringify({ members: [{ email_address: 'a@shop.test', status: 'subscribed' }] })
    const url = 'https://us6.api.mailchimp.com/3.0/lists/abc123'
    await other.bench.io.fetch({ method: 'POST', url, headers, body: members })
    await expect(other.check()).rejects.toMatchObject({ kind: 'config', code: 'no_permission' })
    const several = await open({ fields: ['interests.Chess'], vendor: { interests: { i1: 'Chess', i2: 'Chess' } } })
    await expect(several.check()).rejects.toThrow('several interests "Chess"')
  })
})

describe('an OAuth token', () => {
  test('is asked for its data centre once, and is shown nowhere', async () => {
    const { send, lines, bench } = await open({ account: { access_token: KEY } })
    await Promise.all([send(person('ada')), send(person('bea'))])
    expect(lines()).toEqual(['GET /oauth2/metadata', 'GET /merge-fields', 'POST ', 'POST '])
    expect(bench.seen.map(({ headers }) => headers.authorization?.split(' ')[0])).toEqual([
      'OAuth',
      'Bearer',
      'Bearer',
      'Bearer',
    ])
  })

  test('that is refused is an error of authorisation', async () => {
    const { send } = await open({ account: { access_token: 'canary-other' } })
    const error = await send(person('ada')).catch((one: unknown) => one)
    expect(error).toMatchObject({ kind: 'auth', code: 'http_401' })
    expect(String(error)).not.toContain('canary-other')
  })

  test('that Mailchimp does not know is one, too, where it says so with 200', async () => {
    const { check, bench } = await open({ account: { access_token: KEY } })
    bench.fault = () => ({ kind: 'answer', status: 200, body: { error: 'invalid_token' } })
    await expect(check()).rejects.toMatchObject({ kind: 'auth', code: 'no_login' })
  })

  test('stands instead of a key, not beside it', () => {
    const parse = (given: unknown) => mailchimp.account.safeParse(given).success
    expect([parse({ api_key: 'a-us1' }), parse({ access_token: 't' })]).toEqual([true, true])
    expect([parse({}), parse({ api_key: 'a-us1', access_token: 't' })]).toEqual([false, false])
    expect(mailchimp.into.safeParse({ list: 'a', tag: 't', segment: 's' }).success).toBe(false)
  })
})

describe('a contact that has not confirmed', () => {
  test('cannot be archived as it is: it is unsubscribed first', async () => {
    const { send, leave, held, lines } = await open({ into: { status_if_new: 'pending' } })
    await send(person('ada'))
    const before = lines().length
    expect(outcomes(await leave('archive', 'ada@shop.test'))).toEqual(['written'])
    const calls = ['DELETE', 'GET', 'PATCH', 'DELETE'].map((method) => `${method} ${path('ada')}`)
    expect(lines().slice(before)).toEqual(calls)
    expect(held()).toMatchObject([{ status: 'archived', status_before: 'unsubscribed' }])
    expect(outcomes(await leave('archive', 'ada@shop.test'))).toEqual(['written'])
  })
})
