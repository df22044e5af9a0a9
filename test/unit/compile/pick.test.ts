import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkWarehouse } from '../../../src/project/check.ts'
import type { PickBy } from '../../../src/project/project.ts'
import { jsonSchemas } from '../../../src/project/schema.ts'
import { STRATEGIES } from '../../../src/project/strategies.ts'
import { ENGINES } from '../../support/engines.ts'
import { type Inline, inline } from '../../support/inline.ts'
import { type Entry, type Survivor, survivorOf, type Value } from '../../support/survivors.ts'
import { tableOf } from '../../support/warehouse.ts'

describe.each(ENGINES)('where a value came from, on $title', (engine) => {
  let made: Inline

  beforeAll(async () => {
    made = await inline(
      {
        'models/all.yaml': `
sources:
  crm: { file: crm.csv, key: id, updated_at: changed, identifiers: { email: email } }
  shop: { file: shop.csv, key: id, updated_at: changed, identifiers: { email: email } }
  notes: { sql: "select 'ann@x.fr' as email, 2.50 as points, '' as word", identifiers: { email: email } }
entities:
  customer: { identifiers: { email: {} } }
traits:
  customer:
    name:    { pick: name, from: [crm, shop], by: most_recent, source: true }
    city:    { pick: city, from: [crm, shop] }
    opt_in:  { pick: opt_in, from: [crm, shop.agreed], by: any_true, source: true }
    tags:    { pick: tag, from: [crm, shop, notes.points, notes.word], by: concat_distinct }
    by_shop: { expr: "case when name__source = 'shop' then name end" }
    shouted: { sql: "upper(name__source)" }
segments:
  from_shop: { where: name__source = shop }
`,
        'crm.csv': `id,email,name,city,opt_in,tag,changed
1,ann@x.fr,Ann,,false,b,2026-01-01
2,bob@x.fr,Bob,Lyon,,2,2026-01-02
`,
        'shop.csv': `id,email,name,city,agreed,tag,changed
1,ann@x.fr,Anna,Paris,true,a,2026-01-03
2,eve@x.fr,,,,,2026-01-03
`,
      },
      engine,
    )
    await made.run()
  })
  afterAll(() => made.close())

  const rows = (columns: readonly string[]) => tableOf(made.session, { schema: 'cdp', name: ['customer'] }, columns)

  test('stands in a column right after the trait', async () => {
    const columns = await made.session.columns({ schema: 'cdp', name: ['customer'] })
    expect([...(columns?.keys() ?? [])].slice(4)).toEqual([
      'name',
      'name__source',
      'city',
      'opt_in',
      'opt_in__source',
      'tags',
      'by_shop',
      'shouted',
    ])
    expect(await rows(['name', 'name__source', 'opt_in', 'opt_in__source'])).toEqual([
      ['Anna', 'shop', 'true', 'shop'],
      ['Bob', 'crm', null, null],
      [null, null, null, null],
    ])
  })

  test('can be used like a trait, in expressions, SQL and segments', async () => {
    expect(await rows(['by_shop', 'shouted'])).toEqual([
      ['Anna', 'SHOP'],
      [null, 'CRM'],
      [null, null],
    ])
    expect(await tableOf(made.session, { schema: 'cdp', name: ['segment_membership'] }, ['segment'])).toEqual([
      ['from_shop'],
    ])
    expect(await checkWarehouse(made.project, made.session)).toEqual([])
  })

  test('is not asked of joined values, which are plain text of any type, without empty ones', async () => {
    expect(await rows(['name', 'tags'])).toEqual([
      ['Anna', '2.5, a, b'],
      ['Bob', '2'],
      [null, null],
    ])
  })
})

test('the JSON Schema tells every strategy on a line of its own', () => {
  interface Told {
    readonly properties: {
      readonly by: { readonly anyOf: readonly { enum?: string[] }[]; readonly description: string }
    }
  }
  const { properties } = jsonSchemas().traits as Told
  expect(properties.by.anyOf[0]?.enum).toEqual(STRATEGIES)
  const lines = properties.by.description.split('\n')
  expect(STRATEGIES.filter((by) => !lines.some((line) => line.startsWith(`${by}: `)))).toEqual([])
})

describe.each(ENGINES)('whatever the order of the rows, on $title', (engine) => {
  let made: Inline

  beforeAll(async () => {
    made = await inline({ 'models/all.yaml': MODELS, ...files([]) }, engine)
  })
  afterAll(() => made.close())

  test.each([1, 2])('every strategy picks what its rules say, and says from where (seed %i)', async (seed) => {
    const rows = fc.sample(ROW, { numRuns: 180, seed })
    const expected = oracle(rows)
    for (const order of [rows, [...rows].sort((a, b) => a.shuffle - b.shuffle)]) {
      made.write(files(order))
      await made.run()
      expect(await published(made)).toEqual(expected)
    }
  })
})

const SOURCES = ['crm', 'shop', 'web'] as const
const KINDS = ['text', 'number', 'flag', 'day', 'mail'] as const
type Kind = (typeof KINDS)[number]

/** Which columns each kind of value is picked from; a bare source has a column of that name. */
const FROM: Readonly<Record<Kind, readonly string[]>> = {
  text: ['shop', 'crm.more', 'crm', 'web'],
  number: ['crm', 'web', 'shop'],
  flag: ['web', 'crm', 'shop'],
  day: ['crm', 'shop'],
  mail: ['web', 'shop', 'crm'],
}

/** Every strategy for every kind of value that it takes. */
const PICKS: readonly { readonly name: string; readonly kind: Kind; readonly by: PickBy }[] = KINDS.flatMap((kind) =>
  STRATEGIES.filter((by) => (by === 'any_true' ? kind === 'flag' : kind !== 'flag' || (by !== 'min' && by !== 'max')))
    // How many characters a number has is up to the warehouse.
    .filter((by) => by !== 'longest' || kind === 'text' || kind === 'mail')
    .map((by) => ({ name: `${kind}_${by}`, kind, by })),
)

const HAS_SOURCE = PICKS.filter(({ by }) => by !== 'concat_distinct')

const COLUMNS = '{ text: { type: text }, number: { type: decimal }, flag: { type: boolean }, day: { type: date } }'

const MODELS = `
sources:
  crm: { file: crm.csv, key: key, updated_at: time, identifiers: { user: user, mail: mail }, columns: ${COLUMNS} }
  shop: { file: shop.csv, key: key, at: time, identifiers: { user: user, mail: mail }, columns: ${COLUMNS} }
  web: { file: web.csv, at: time, identifiers: { user: user, mail: mail }, columns: ${COLUMNS} }
entities:
  person: { identifiers: { user: {}, mail: { normalize: email, link: false, block: [info@x.fr] } } }
traits:
  person:
    user: { pick: user, from: [crm, shop, web] }
${PICKS.map(({ name, kind, by }) => {
  const source = by === 'concat_distinct' ? '' : ', source: true'
  return `    ${name}: { pick: ${kind}, from: [${FROM[kind].join(', ')}], by: ${by}${source} }`
}).join('\n')}
`

/** A row of one of the sources. */
interface Row {
  readonly source: (typeof SOURCES)[number]
  readonly user: string
  readonly key: string | null
  readonly time: string | null
  readonly text: string | null
  readonly more: string | null
  readonly number: number | null
  readonly flag: boolean | null
  readonly day: string | null
  readonly mail: string | null
  readonly shuffle: number
}

/** Few different values, so that there are ties of every kind. */
const ROW: fc.Arbitrary<Row> = fc.record({
  source: fc.constantFrom(...SOURCES),
  user: fc.integer({ min: 1, max: 40 }).map((n) => `u${n}`),
  key: maybe(['1', '10', '2', 'x', 'é']),
  time: maybe(['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z', '2026-01-02T00:00:00.500Z']),
  text: maybe(['a', 'Z', 'bb', 'a, b', 'é', '\uff5e', '😀', 'say "so"']),
  more: maybe(['a', 'zz', '😀😀']),
  number: maybe([-1, 2, 2.5, 10]),
  flag: maybe([true, false]),
  day: maybe(['2026-01-01', '2025-12-31', '2026-01-10']),
  mail: maybe(['ann@x.fr', 'ANN@x.fr', ' bob@x.fr', 'Info@X.fr', 'test@test.com', 'nonsense']),
  shuffle: fc.integer(),
})

function maybe<T>(values: readonly T[]): fc.Arbitrary<T | null> {
  return fc.constantFrom(...values, null)
}

function files(rows: readonly Row[]): Readonly<Record<string, string>> {
  const names = ['user', 'key', 'time', 'text', 'more', 'number', 'flag', 'day', 'mail'] as const
  const cell = (value: Value | null) => (value === null ? '' : `"${String(value).replaceAll('"', '""')}"`)
  const lines = (source: string) =>
    rows.filter((row) => row.source === source).map((row) => names.map((name) => cell(row[name])).join(','))
  return Object.fromEntries(
    SOURCES.map((source) => [`${source}.csv`, `${[names.join(','), ...lines(source)].join('\n')}\n`]),
  )
}

type Profiles = Readonly<Record<string, Readonly<Record<string, Survivor>>>>

function oracle(rows: readonly Row[]): Profiles {
  const users = [...new Set(rows.map(({ user }) => user))].sort()
  return Object.fromEntries(
    users.map((user) => {
      const mine = rows.filter((row) => row.user === user)
      return [user, Object.fromEntries(PICKS.map(({ name, kind, by }) => [name, survivorOf(by, entries(mine, kind))]))]
    }),
  )
}

/** The values that a pick chooses from. */
function entries(rows: readonly Row[], kind: Kind): readonly Entry[] {
  return FROM[kind].flatMap((from, place) => {
    const [source, column = kind] = from.split('.')
    return rows.flatMap((row) => {
      const value = column === 'more' ? row.more : kind === 'mail' ? allowed(row.mail) : row[kind]
      if (row.source !== source || value === null) return []
      return [{ place, source, value, time: row.time, key: source === 'web' ? null : row.key }]
    })
  })
}

/** Addresses in the form in which they are compared; null for those that identify nobody. */
function allowed(mail: string | null): string | null {
  const normal = mail?.trim().toLowerCase() ?? null
  return normal === 'ann@x.fr' || normal === 'bob@x.fr' ? normal : null
}

async function published(made: Inline): Promise<Profiles> {
  const names = [...PICKS.map(({ name }) => name), ...HAS_SOURCE.map(({ name }) => `${name}__source`)]
  const rows = await tableOf(made.session, { schema: 'cdp', name: ['person'] }, ['user', ...names])
  const profiles = rows.map(([user, ...cells]): [string, Record<string, Survivor>] => {
    const cell = (name: string) => cells[names.indexOf(name)] ?? null
    const survivors = PICKS.map(({ name }) => [name, { value: cell(name), source: cell(`${name}__source`) }])
    return [user ?? '', Object.fromEntries(survivors)]
  })
  return Object.fromEntries(profiles.sort())
}
