// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${…}` of YAML files is what this file is about
import { describe, expect, test } from 'vitest'
import type { Project } from '../../../src/project/project.ts'
import type { ProjectRequest } from '../../../src/project/read.ts'
import { type Files, read } from '../../support/shop.ts'

async function project(files: Files = {}, request: Partial<ProjectRequest> = {}): Promise<Project> {
  const { project: found, diagnostics } = await read(files, request)
  if (!found) throw new Error(JSON.stringify(diagnostics, null, 2))
  return found
}

const sources = (more: string) => ({ 'models/more.yaml': `sources:\n${more}` })
const traits = (more: string) => ({ 'models/more.yaml': `traits:\n  customer:\n${more}` })
const sync = (more: string, to = 'post') => ({
  'destinations/more.yaml': `syncs:\n  s:\n    to: ${to}\n    into: { ${to === 'post' ? 'box: other' : ''} }\n    audience: vips\n${more}`,
})

describe('settings', () => {
  test('have defaults', async () => {
    expect(await project()).toMatchObject({
      name: 'shop',
      target: { name: 'local', type: 'duckdb', options: { path: ':memory:' } },
      schemas: { models: 'cdp', state: '_cdp' },
      timezone: 'UTC',
      phoneCountry: undefined,
      now: undefined,
    })
  })

  test('are what the config says', async () => {
    const config = `
name: shop
warehouses: { local: { type: duckdb, path: ":memory:" } }
schemas: { models: people, state: _people }
defaults: { phone_country: FR, timezone: Europe/Paris, exclude: grown_ups }
now: 2026-11-01T08:00:00+02:00
vars: { limit: 1 }
`
    const found = await project({ 'cdp.config.yaml': config })
    expect(found).toMatchObject({
      schemas: { models: 'people', state: '_people' },
      timezone: 'Europe/Paris',
      phoneCountry: 'FR',
      now: '2026-11-01T06:00:00Z',
    })
    expect(found.syncs.get('vips_to_post')?.exclude).toEqual(['grown_ups'])
  })

  test('a day as `now` is its beginning in the time zone', async () => {
    const config =
      'name: x\nwarehouses: { local: { type: duckdb, path: ":memory:" } }\ndefaults: { timezone: Asia/Tokyo }\nnow: 2026-03-01\n'
    expect((await project({ 'cdp.config.yaml': config })).now).toBe('2026-02-28T15:00:00Z')
  })

  test('the command line comes first', async () => {
    const found = await project(
      { 'models/more.yaml': 'segments:\n  s: { where: "revenue > ${var:limit}" }\n' },
      { now: '2026-01-01T00:00:00Z', vars: { limit: '7' } },
    )
    expect(found.now).toBe('2026-01-01T00:00:00Z')
    expect(JSON.stringify(found.segments.get('s')?.where)).toContain('"value":"7"')
  })

  test('a bad `now` of the command line has no place', async () => {
    const { diagnostics } = await read({}, { now: 'soon' })
    expect(diagnostics).toMatchObject([{ code: 'command/arguments' }])
    expect(diagnostics[0]?.at).toBeUndefined()
  })

  test('an unknown target of the command line has no place', async () => {
    const { diagnostics } = await read({}, { target: 'locl' })
    expect(diagnostics).toMatchObject([{ code: 'ref/unknown-target', fix: 'Did you mean "local"?' }])
    expect(diagnostics[0]?.at).toBeUndefined()
  })
})

describe('values are not changed', () => {
  const texts = ['01000', 'no', '1e3', '08', '+33612345678', 'yes', '1_000', '0x10', '2026-01-01', '007', '1.50', '.5']
  test.each(texts)('%s stays as it was written', async (text) => {
    const found = await project({
      ...sync(
        `    key: email\n    fields: { A: { value: ${text} }, B: { value: '${text}' }, C: "${text} {{name}}" }\n`,
        'wall',
      ),
      'models/more.yaml': `sources:\n  s:\n    table: raw.s\n    key: ${text}\n`,
    })
    expect(found.sources.get('s')?.key).toBe(text)
    const [a, b, c] = found.syncs.get('s')?.fields ?? []
    expect(a?.value.kind === 'literal' && String(a.value.value)).toBe(text)
    expect(b?.value).toEqual({ kind: 'literal', value: text })
    expect(c?.value).toMatchObject({ pieces: [`${text} `, { trait: 'name' }] })
  })

  test.each(['01000', 'no', '08'])('a condition compares text with %s as it was written', async (text) => {
    const found = await project({ 'models/more.yaml': `segments:\n  s: { where: name = ${text} }\n` })
    expect(JSON.stringify(found.segments.get('s')?.where)).toContain(JSON.stringify(text))
  })

  test('plain true, false and numbers that print as written keep their type where nothing is known of the field', async () => {
    const found = await project(
      sync('    key: email\n    fields: { A: { value: true }, B: { value: 12 }, C: { value: "12" } }\n', 'wall'),
    )
    expect(found.syncs.get('s')?.fields.map((one) => one.value)).toEqual([
      { kind: 'literal', value: true },
      { kind: 'literal', value: 12 },
      { kind: 'literal', value: '12' },
    ])
  })

  test('a value takes the type of the field that is known', async () => {
    const found = await project(
      sync(
        '    key: { address: email }\n    fields: { NAME: { value: 12 }, AGE: { value: "12" }, VIP: { value: "true" } }\n',
      ),
    )
    expect(found.syncs.get('s')?.fields.map((one) => one.value)).toEqual([
      { kind: 'literal', value: '12' },
      { kind: 'literal', value: 12 },
      { kind: 'literal', value: true },
    ])
  })
})

describe('sources', () => {
  test('name a table, with a schema before it, and before that a database', async () => {
    const { sources } = await project({
      'models/more.yaml':
        'sources:\n  t1: { table: orders }\n  t2: { table: raw.orders }\n  t3: { table: shop.raw.orders }\n',
    })
    expect(['t1', 't2', 't3'].map((name) => sources.get(name)?.relation)).toEqual([
      { kind: 'table', schema: undefined, table: 'orders' },
      { kind: 'table', schema: 'raw', table: 'orders' },
      { kind: 'table', database: 'shop', schema: 'raw', table: 'orders' },
    ])
  })

  test('have a category, types and identifiers', async () => {
    const { sources: found } = await project()
    expect(found.get('contacts')).toMatchObject({
      relation: { kind: 'table', schema: 'raw', table: 'contacts' },
      category: 'profile',
      key: 'contact_id',
      updatedAt: 'changed_at',
      identifiers: [
        { type: 'crm_id', column: 'contact_id', country: undefined },
        { type: 'email', column: 'email', country: undefined },
      ],
      types: new Map([
        ['contact_id', 'text'],
        ['email', 'text'],
        ['changed_at', 'timestamp'],
        ['age', 'integer'],
        ['name', 'text'],
      ]),
      pii: new Map([['name', 'name']]),
    })
    expect(found.get('lines')?.belongsTo).toEqual(new Map([['orders', 'order_id']]))
  })

  test('are events where they have a time, and profiles only where they have identifiers', async () => {
    const { sources: found } = await project(
      sources('  a: { table: a, at: x }\n  b: { table: b, identifiers: { email: e } }\n  c: { table: c, key: id }\n'),
    )
    expect(['a', 'b', 'c'].map((name) => found.get(name)?.category)).toEqual(['event', 'profile', 'product'])
  })

  test('may hold several columns of one identifier, and the country of a phone', async () => {
    const { sources: found } = await project({
      'models/entities.yaml': 'entities:\n  customer: { identifiers: { crm_id: {}, email: {}, phone: {} } }\n',
      ...sources('  s: { table: s, identifiers: { email: [a, b], phone: { column: p, country: c } } }\n'),
    })
    expect(found.get('s')?.identifiers).toEqual([
      { type: 'email', column: 'a', country: undefined },
      { type: 'email', column: 'b', country: undefined },
      { type: 'phone', column: 'p', country: 'c' },
    ])
  })

  test.each([
    ['a.csv', 'csv'],
    ['data/*.parquet', 'parquet'],
    ['x.ndjson', 'json'],
    ['x.csv.gz', 'csv'],
  ])('%s is a file of %s', async (path, format) => {
    const { sources: found } = await project(sources(`  s: { file: "${path}" }\n`))
    expect(found.get('s')?.relation).toEqual({ kind: 'file', path, format })
  })

  test('a warehouse without files refuses them', async () => {
    const config =
      'name: x\nwarehouses: { far: { type: cloud, account: a, password: "${env:POST_TOKEN}" } }\nvars: { limit: 1 }\n'
    // What asks about the source is not told of it once more.
    const more =
      '  s: { file: a.csv, key: id, at: at, category: event, identifiers: { email: email } }\nsegments:\n  lately: { where: { did: s, within: 3 days } }\n'
    const { diagnostics } = await read({ 'cdp.config.yaml': config, ...sources(more) })
    expect(diagnostics).toMatchObject([{ code: 'project/not-supported', at: { line: 2, column: 14 } }])
  })

  test('an SQL model is text with sources between', async () => {
    const text =
      "-- the model\nselect *\nfrom {{ ref('orders') }} as o\njoin {{ source('contacts') }} using (x)\nwhere a > {{ var('limit') }} {{! no comment of SQL }};\n\n"
    const { sources: found } = await project({
      ...sources('  s: { sql: models/deep/s.sql, key: order_id }\n'),
      'models/deep/s.sql': text,
    })
    const relation = found.get('s')?.relation
    expect(relation).toMatchObject({
      kind: 'sql',
      pieces: [
        '-- the model\nselect *\nfrom ',
        { source: 'orders' },
        ' as o\njoin ',
        { source: 'contacts' },
        ' using (x)\nwhere a > ',
        '500',
      ],
    })
  })

  test('a variable in SQL may not end a text or a statement', async () => {
    for (const value of ["'; drop table x;--", "\\'", '$$', '"', 'a--b', '/*', '’;']) {
      const { diagnostics } = await read(sources("  s: { sql: \"select '{{ var('limit') }}' as x\" }\n"), {
        vars: { limit: value },
      })
      expect(diagnostics.map((one) => one.code)).toEqual(['project/bad-reference'])
    }
  })
})

describe('entities', () => {
  test('have identifiers in their order, with normalisers and block lists by type', async () => {
    const { entities } = await project({
      'models/entities.yaml': `
entities:
  customer:
    identifiers:
      crm_id:
      email: { block: [Nobody@X.fr, "/^info@/"], max_fanout: 3 }
      phone: {}
      code: { normalize: text, link: false }
`,
    })
    const identifiers = entities.get('customer')?.identifiers ?? []
    expect(identifiers.map((one) => [one.name, one.normalise, one.link, one.maxFanout])).toEqual([
      ['crm_id', 'exact', true, undefined],
      ['email', 'email', true, 3],
      ['phone', 'phone', true, undefined],
      ['code', 'text', false, undefined],
    ])
    expect(identifiers[0]?.block).toContainEqual({ kind: 'value', value: 'n/a' })
    expect(identifiers[1]?.block).toContainEqual({ kind: 'value', value: 'test@test.com' })
    expect(identifiers[1]?.block.slice(-2)).toEqual([
      { kind: 'value', value: 'nobody@x.fr' },
      { kind: 'pattern', pattern: '^info@' },
    ])
  })

  test('every default pattern is one that RE2 and JavaScript read alike', async () => {
    const { entities } = await project({
      'models/entities.yaml':
        'entities:\n  customer: { identifiers: { crm_id: {}, email: {}, phone: {}, t: { normalize: text } } }\n',
    })
    const blocks = [...entities.values()].flatMap((entity) => entity.identifiers.flatMap((one) => one.block))
    for (const block of blocks) if (block.kind === 'pattern') expect(() => new RegExp(block.pattern)).not.toThrow()
    const blocked = (name: string, value: string) =>
      (entities.get('customer')?.identifiers.find((one) => one.name === name)?.block ?? []).some((block) =>
        block.kind === 'value' ? block.value === value.toLowerCase() : new RegExp(block.pattern).test(value),
      )
    expect(
      ['null', 'NULL', '0000', '00000000-0000-0000-0000-000000000000', '-'].map((one) => blocked('crm_id', one)),
    ).toEqual(Array(5).fill(true))
    expect(['C-1', '10', 'anna', '0a'].map((one) => blocked('crm_id', one))).toEqual(Array(4).fill(false))
    expect(['noreply@x.fr', 'test@test.com'].map((one) => blocked('email', one))).toEqual([true, true])
    expect(['anna@example.com', 'nona@x.fr'].map((one) => blocked('email', one))).toEqual([false, false])
    expect(['+33600000000', '+33612345678'].map((one) => blocked('phone', one))).toEqual([true, false])
  })
})

describe('traits', () => {
  test('have types that follow from what they are made of', async () => {
    const found = await project(
      traits(`    z: { expr: "y * 2" }
    y: { expr: "n + 1" }
    n: { from: orders, count: rows }
    s: { from: orders, sum: "amount * 2" }
    a: { from: contacts, avg: age }
    u: { from: orders, sum: other }
    e: { from: orders, exists: true }
    l: { from: orders, last: billing_email }
    m: { from: lines, max: orders.amount }
    w: { sql: "left(name, 1) || n" }
`),
    )
    const all = found.entities.get('customer')?.traits ?? new Map()
    const types = Object.fromEntries([...all.values()].map((trait) => [trait.name, trait.type]))
    expect(types).toMatchObject({
      z: 'integer',
      y: 'integer',
      n: 'integer',
      s: 'decimal',
      a: 'float',
      u: 'decimal',
      e: 'boolean',
      l: 'text',
      m: 'decimal',
      w: 'unknown',
      vip: 'boolean',
    })
    expect(all.get('w')?.definition).toMatchObject({ uses: ['name', 'n'] })
    expect([...all.keys()].slice(0, 3)).toEqual(['z', 'y', 'n'])
  })

  test('pick columns in order, with what is known of them', async () => {
    const { entities } = await project()
    const all = entities.get('customer')?.traits
    expect(all?.get('email')?.definition).toEqual({
      kind: 'pick',
      columns: [
        { source: 'contacts', column: 'email' },
        { source: 'orders', column: 'billing_email' },
      ],
      by: 'most_recent',
      withSource: false,
    })
    expect(all?.get('name')).toMatchObject({ type: 'text', pii: 'name', definition: { by: 'priority' } })
  })

  test('take "*" for rows', async () => {
    const found = await project(traits('    n: { from: orders, count: "*", where: status = paid, within: 90 days }\n'))
    expect(found.entities.get('customer')?.traits.get('n')?.definition).toMatchObject({
      measure: { kind: 'count' },
      within: { amount: 90, unit: 'day' },
      where: { kind: 'test' },
    })
  })

  test('may be spread over files', async () => {
    const found = await project({
      ...traits('    a: { expr: age }\n'),
      'models/zz.yml': 'traits:\n  customer: { b: { expr: a } }\n',
    })
    expect([...(found.entities.get('customer')?.traits.keys() ?? [])].filter((name) => name.length === 1)).toEqual([
      'a',
      'b',
    ])
  })
})

const FIRMS =
  'entities:\n  firm: { identifiers: { vat: {} } }\nsources:\n  register: { table: raw.register, identifiers: { vat: vat } }\n'

describe('segments', () => {
  test('are of the only entity unless they say otherwise', async () => {
    expect((await project()).segments.get('vips')).toMatchObject({
      entity: 'customer',
      exclude: [],
      where: { kind: 'test' },
    })
    const two = {
      'models/more.yaml': FIRMS,
      'models/segments.yaml':
        'segments:\n  vips: { of: customer, where: vip }\n  firms: { of: firm, where: profile_id is not null }\n',
    }
    expect((await project(two)).segments.get('firms')?.entity).toBe('firm')
    const { diagnostics } = await read({ ...two, 'models/segments.yaml': 'segments:\n  vips: { where: vip }\n' })
    expect(diagnostics).toMatchObject([{ code: 'project/missing-key', message: 'Segment "vips" needs "of".' }])
  })

  test('may ask for events and other segments', async () => {
    const found = await project({
      'models/more.yaml':
        'segments:\n  s:\n    where:\n      - member_of: vips\n      - did: orders\n        where: amount > 5\n        within: 30 days\n',
    })
    expect(found.segments.get('s')?.where).toMatchObject({
      kind: 'all',
      of: [
        { kind: 'member_of', segment: 'vips' },
        { kind: 'did', event: { source: 'orders', within: { amount: 30, unit: 'day' } } },
      ],
    })
  })
})

describe('syncs', () => {
  test('have defaults of their connector', async () => {
    const found = await project(sync('    key: { address: email }\n    fields: { NAME: name }\n'))
    expect(found.syncs.get('s')).toMatchObject({
      mode: 'upsert',
      onLeave: undefined,
      guard: {},
      after: [],
      segment: 'vips',
      entity: 'customer',
    })
    expect(found.syncs.get('vips_to_post')).toMatchObject({ mode: 'mirror', onLeave: { verb: 'archive' } })
  })

  test('a mirror keeps rows where the connector could only delete them', async () => {
    const found = await project(sync('    key: email\n    mode: mirror\n', 'wall'))
    expect(found.syncs.get('s')).toMatchObject({
      mode: 'mirror',
      onLeave: undefined,
      key: [{ theirs: 'email', trait: 'email' }],
      fields: [],
    })
  })

  test.each([
    ['on_leave: archive', { verb: 'archive' }],
    ['on_leave: { stamp: gone }', { verb: 'stamp', argument: 'gone' }],
    ['on_leave: burn', { verb: 'burn' }],
    ['on_leave: keep', undefined],
  ])('%s', async (line, onLeave) => {
    const found = await project(
      sync(`    key: { address: email }\n    fields: { NAME: name }\n    mode: mirror\n    ${line}\n`),
    )
    expect(found.syncs.get('s')?.onLeave).toEqual(onLeave)
  })

  test('send traits, texts, values and expressions', async () => {
    const found = await project(
      sync(
        `    key: { id: customer.email, n: profile_id }
    fields:
      a: name
      b: "Hello {{ name }}, {{customer.age}}!"
      c: { trait: age, on_null: clear }
      d: { value: Web shop, write: on_create }
      e: { expr: "age + 1" }
    guard: { max_removed: 12.5% }
    after: vips_to_post
    where: age > 3
    exclude: [grown_ups, grown_ups]
`,
        'wall',
      ),
    )
    const one = found.syncs.get('s')
    expect(one?.key).toEqual([
      { theirs: 'id', trait: 'email' },
      { theirs: 'n', trait: 'profile_id' },
    ])
    expect(one?.fields).toMatchObject([
      { theirs: 'a', value: { kind: 'trait', trait: 'name', type: 'text' }, onNull: 'skip', write: 'always' },
      {
        theirs: 'b',
        value: {
          kind: 'template',
          pieces: ['Hello ', { trait: 'name' }, ', ', { trait: 'age', type: 'integer' }, '!'],
        },
      },
      { theirs: 'c', value: { kind: 'trait', trait: 'age' }, onNull: 'clear' },
      { theirs: 'd', value: { kind: 'literal', value: 'Web shop' }, write: 'on_create' },
      { theirs: 'e', value: { kind: 'expression', type: 'integer' } },
    ])
    expect(one).toMatchObject({
      guard: { maxRemoved: 0.125 },
      after: ['vips_to_post'],
      where: { kind: 'test' },
      exclude: ['grown_ups'],
    })
  })

  test('guard themselves by shares and numbers, and say what a changed mapping does', async () => {
    const found = await project(
      sync(
        `    key: email
    guard: { max_changed: 30%, max_invalid: 1%, max_calls: 50%, max_creates: 900, on_mass_remove: hold }
    on_mapping_change: rebase
`,
        'wall',
      ),
    )
    expect(found.syncs.get('s')).toMatchObject({
      guard: { maxChanged: 0.3, maxInvalid: 0.01, maxCalls: 0.5, maxCreates: 900, onMassRemove: 'hold' },
      onMappingChange: 'rebase',
    })
    const asks = await project(sync('    key: email\n    on_mapping_change: ask\n', 'wall'))
    expect(asks.syncs.get('s')?.onMappingChange).toBeUndefined()
  })

  test('add up what destination and project leave out, of their own entity only', async () => {
    const found = await project({
      'models/more.yaml': FIRMS,
      'models/segments.yaml':
        'segments:\n  vips: { of: customer, where: vip }\n  staff: { of: customer, where: vip }\n  minors: { of: customer, where: age < 18 }\n  old_firms: { of: firm, where: profile_id is not null }\n',
      'cdp.config.yaml':
        'name: x\nwarehouses: { local: { type: duckdb, path: ":memory:" } }\ndefaults: { exclude: [staff, old_firms] }\n',
      'destinations/post.yaml':
        'destinations:\n  wall: { type: board, exclude: minors }\nsyncs:\n  a: { to: wall, audience: vips, key: email }\n  b: { to: wall, audience: firm, key: profile_id }\n',
    })
    expect(found.syncs.get('a')?.exclude).toEqual(['minors', 'staff'])
    expect(found.syncs.get('b')).toMatchObject({ exclude: ['old_firms'], entity: 'firm', segment: undefined })
  })

  test('are left out when they or their destination are switched off', async () => {
    const found = await project({
      'destinations/more.yaml':
        'destinations:\n  off: { type: nothing_known, enabled: false }\nsyncs:\n  a: { to: off, audience: vips, key: email }\n  b: { to: wall, audience: vips, key: email, enabled: false }\n  c: { to: wall, audience: vips, key: email, after: b }\n',
    })
    expect([...found.syncs.keys()]).toEqual(['c', 'vips_to_post'])
    expect(found.syncs.get('c')?.after).toEqual([])
    expect(found.destinations.has('off')).toBe(false)
  })

  test('may share a place when they agree on the key', async () => {
    const same =
      'syncs:\n  s: { to: post, into: { box: vips }, audience: grown_ups, key: { address: email }, fields: { NAME: name } }\n'
    expect((await project({ 'destinations/more.yaml': same })).syncs.size).toBe(2)
  })

  test('that only update need no field that the vendor demands of new rows', async () => {
    expect((await project(sync('    key: { address: email }\n    mode: update\n'))).syncs.get('s')?.mode).toBe('update')
  })
})

test('destinations have times in milliseconds', async () => {
  const found = await project({
    'destinations/more.yaml':
      'destinations:\n  d: { type: board, settles_within: 5m, allow_private: true, targets: local, tags: [a], owner: o, description: x }\n',
  })
  expect(found.destinations.get('d')).toMatchObject({
    settlesWithin: 300_000,
    allowPrivate: true,
    targets: ['local'],
    tags: ['a'],
    owner: 'o',
    description: 'x',
  })
})
