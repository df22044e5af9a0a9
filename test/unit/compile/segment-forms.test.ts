// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${…}` of YAML files is what this file is about
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { addAudience } from '../../../src/compile/changes-audience.ts'
import { connectors } from '../../../src/connectors/index.ts'
import { readProject } from '../../../src/project/read.ts'
import { select } from '../../../src/project/select.ts'
import { segmentReports } from '../../../src/report.ts'
import { type Sql, Steps, sql } from '../../../src/sql/sql.ts'
import { warehouses } from '../../../src/warehouses/index.ts'
import type { Cell } from '../../../src/warehouses/warehouse.ts'
import { ENGINES } from '../../support/engines.ts'
import { type Inline, inline } from '../../support/inline.ts'
import { tableOf } from '../../support/warehouse.ts'

const COUNT = 200

const PEOPLE = Array.from({ length: COUNT }, (_, index) => {
  const country = ['FR', 'BE', 'CH'][index % 3]
  return `u${index}@x.fr,${index},${country},${index % 5 === 0 ? '' : `street ${index % 40}`}`
})

const CONFIG = (now: string) => `name: test
warehouse: local
warehouses:
  local: { type: duckdb, path: ":memory:" }
now: ${now}
defaults: { history: 100 days }
`

const MODELS = `
sources:
  people:
    file: people.csv
    category: profile
    key: email
    identifiers: { email: email }
    columns: { points: { type: integer } }
entities:
  customer: { identifiers: { email: {} } }
traits:
  customer:
    email: { pick: email, from: people }
    points: { pick: points, from: people }
    country: { pick: country, from: people }
    address: { pick: address, from: people }
`

const SEGMENTS = `
segments:
  offers:
    where: points >= 20
    split: { offer_10: 40%, offer_20: 40% }
  french_offers:
    where: [{ member_of: offers.offer_10 }, country = FR]
  quiet: { where: points < 100, holdout: 25% }
  best: { where: points is not null, limit: { rows: 10, by: points desc } }
  one_each: { where: points >= 0, limit: { rows: 1, per: address, by: [country, points desc] } }
  lifecycle: { waterfall: [best, quiet, offers], exclude: [french_offers] }
  in_\${each:country}:
    for_each: [{ country: FR, least: 100 }, { country: BE, least: 150 }]
    where: ["country = \${each:country}", "points >= \${each:least}"]
    tags: [country]
  rich:
    for_each: [{ country: CH, least: 190 }]
    where: country = \${each:country} and points >= \${each:least}
`

const SYNCS = `
destinations:
  out: { type: file, path: out }
syncs:
  tens: { to: out, into: { file: tens.csv }, audience: offers.offer_10, key: email }
  all_offers: { to: out, into: { file: offers.csv }, audience: offers, where: { not: { member_of: lifecycle.best } }, key: email }
  by_country:
    for_each: [{ name: in_FR, file: fr }, { name: in_BE, file: be }]
    to: out
    into: { file: "\${each:file}.csv" }
    audience: \${each:name}
    key: email
`

describe.each(ENGINES)('on $title', (engine) => {
  let made: Inline

  beforeAll(async () => {
    made = await inline(
      {
        'cdp.config.yaml': CONFIG('2026-01-01T00:00:00Z'),
        'people.csv': ['email,points,country,address', ...PEOPLE].join('\n'),
        'models/all.yaml': MODELS,
        'models/segments.yaml': SEGMENTS,
        'destinations/all.yaml': SYNCS,
      },
      engine,
    )
  })

  afterAll(() => made.close())

  const SHOWN = ['segment', 'profile_id', 'variant'] as const

  async function members(name: string, variant?: string): Promise<readonly Cell[]> {
    const rows = await tableOf(made.session, { schema: 'cdp', name: ['segment_membership'] }, SHOWN)
    const mine = rows.filter(
      ([segment, , its]) => segment === name && (variant === undefined ? its !== 'held_out' : its === variant),
    )
    return mine.map(([, id]) => id ?? null)
  }

  async function read(query: Sql): Promise<number> {
    const row = await made.session.first({
      statement: { name: 'test', reason: '', sql: sql`select count(*) as n from (${query}) as q` },
      tokens: { b: 1 },
    })
    return Number(row?.n)
  }

  describe('segments', () => {
    test('split, limit, rank and copy as they say', async () => {
      const built = await made.run('first')
      const reports = new Map(segmentReports(built.models).map((one) => [one.name, one]))
      const offers = reports.get('offers')
      expect(offers?.held_out).toBe(180 - (offers?.members ?? 0))
      expect(Object.keys(offers?.variants ?? {})).toEqual(['offer_10', 'offer_20'])
      // Chance, but the same chance in every run: about 72, 72 and 36.
      expect(offers).toMatchObject({ entered: offers?.members, left: 0 })
      expect(offers?.variants?.offer_10).toBeGreaterThan(55)
      expect(offers?.variants?.offer_20).toBeGreaterThan(55)
      expect(offers?.held_out).toBeGreaterThan(20)
      expect(reports.get('quiet')).not.toHaveProperty('variants')
      expect(await members('best')).toHaveLength(10)
      // 40 people without an address, each on their own, and 32 addresses.
      expect(await members('one_each')).toHaveLength(40 + 32)
      expect([...reports.keys()].slice(-3)).toEqual(['in_FR', 'in_BE', 'rich_ch'])
      expect(reports.get('in_FR')?.members).toBe(33)
      expect(reports.get('rich_ch')?.members).toBe(3)
    })

    test('put everybody in one variant of a waterfall, that of the first segment of which they are a member', async () => {
      const [best, quiet, offers, gone] = [
        await members('best'),
        await members('quiet'),
        await members('offers'),
        await members('french_offers'),
      ]
      const without = (ids: readonly Cell[], ...others: readonly (readonly Cell[])[]) =>
        ids.filter((id) => !others.some((other) => other.includes(id)))
      expect(await members('lifecycle', 'best')).toEqual(without(best, gone))
      expect(await members('lifecycle', 'quiet')).toEqual(without(quiet, best, gone))
      expect(await members('lifecycle', 'offers')).toEqual(without(offers, best, quiet, gone))
      expect(await members('lifecycle', 'held_out')).toEqual([])
    })

    test('are the audience of syncs, whole or by variant', async () => {
      const { project } = await readProject({
        directory: made.directory,
        env: {},
        registries: { warehouses: warehouses(), connectors: connectors() },
      })
      if (project === undefined) throw new Error('the project cannot stand')
      const context = { project, dialect: made.session.dialect }
      const size = (name: string) => {
        const sync = project.syncs.get(name)
        if (sync === undefined) throw new Error(`no sync ${name}`)
        const steps = new Steps()
        const { select } = addAudience(steps, { context, sync, matchFields: new Set() })
        return read(steps.select(select([sql`p.email`])))
      }
      expect([...project.syncs.keys()]).toEqual(['tens', 'all_offers', 'by_country_in_fr', 'by_country_in_be'])
      expect(await size('tens')).toBe((await members('offers', 'offer_10')).length)
      const best = await members('lifecycle', 'best')
      expect(await size('all_offers')).toBe((await members('offers')).filter((id) => !best.includes(id)).length)
      expect(await size('by_country_in_be')).toBe((await members('in_BE')).length)
      expect([...select(project, ['tag:country'], []).segments]).toEqual(['in_FR', 'in_BE'])
    })
  })

  describe('what is remembered', () => {
    const view = (name: string, ...columns: string[]) => tableOf(made.session, { schema: 'cdp', name: [name] }, columns)
    const of = (rows: readonly Cell[][], segment: string) => rows.filter(([name]) => name === segment)
    const sidesNow = async (name: string) =>
      of(await tableOf(made.session, { schema: 'cdp', name: ['segment_membership'] }, SHOWN), name).map(
        ([, ...rest]) => rest,
      )

    test('sides, history and exposures outlive comments, order, tags, conditions and names', async () => {
      const before = await sidesNow('offers')
      const history = of(await view('segment_history', 'segment', 'profile_id', 'entered_run'), 'offers')
      const edited = SEGMENTS.replace(
        '  offers:',
        '  deals: # was offers\n    was: offers\n    tags: [spring]\n    owner: Ann',
      )
        .replace('where: points >= 20', 'where: [points >= 20, points < 1000]')
        .replaceAll('offers.offer_10', 'deals.offer_10')
        .replace('quiet, offers]', 'quiet, deals]')
      const syncs = SYNCS.replaceAll(/audience: offers/g, 'audience: deals')
      made.write({ 'models/segments.yaml': edited, 'destinations/all.yaml': syncs })
      const built = await made.run('second')
      expect(segmentReports(built.models).find(({ name }) => name === 'deals')).toMatchObject({ entered: 0, left: 0 })
      expect(await sidesNow('deals')).toEqual(before)
      const moved = await view('segment_history', 'segment', 'profile_id', 'entered_run')
      expect(of(moved, 'deals').map(([, ...rest]) => rest)).toEqual(history.map(([, ...rest]) => rest))
      expect(of(moved, 'offers')).toEqual([])
      // The former name is needed once only.
      made.write({ 'models/segments.yaml': edited.replace('    was: offers\n', '') })
      await made.run('third')
      expect(await sidesNow('deals')).toEqual(before)
      const exposures = await view('segment_exposures', 'segment', 'variant', 'first_run')
      expect([...new Set(of(exposures, 'deals').map(([, , run]) => run))]).toEqual(['first'])
      expect(of(exposures, 'lifecycle').filter(([, variant]) => variant === 'offers')).toEqual([])
      expect([...new Set(exposures.map(([name]) => name))]).toEqual(['deals', 'lifecycle', 'quiet'])
    })

    test('sides are where they were when a name is taken back, and whoever leaves is remembered for a while', async () => {
      const before = await sidesNow('deals')
      made.write({
        'cdp.config.yaml': CONFIG('2026-02-01T00:00:00Z'),
        'models/segments.yaml': SEGMENTS.replace('  offers:', '  offers:\n    was: deals'),
        'destinations/all.yaml': SYNCS,
        'people.csv': ['email,points,country,address', ...PEOPLE.slice(0, 195)].join('\n'),
      })
      await made.run('fourth')
      const ids = new Set((await view('customer', 'profile_id')).map(([id]) => id))
      expect(await sidesNow('offers')).toEqual(before.filter(([id]) => ids.has(id ?? null)))
      expect(await runsOf('segment_history', 'left_run')).toEqual(['fourth', null])
    })

    test('sizes tell each segment and variant in each build', async () => {
      const sizes = await view(
        'segment_sizes',
        'segment',
        'run_id',
        'variant',
        'members',
        'entered',
        'left',
        'held_out',
      )
      expect(of(sizes, 'best').map(([, ...row]) => row)).toEqual([
        ['first', null, '10', '10', '0', '0'],
        ['fourth', null, '10', '5', '5', '0'],
        ['second', null, '10', '0', '0', '0'],
        ['third', null, '10', '0', '0', '0'],
      ])
      const offers = of(sizes, 'offers').filter(([, run]) => run === 'first')
      expect(offers.map(([, , variant, , ...more]) => [variant, ...more.slice(0, 2)])).toEqual([
        ['offer_10', null, null],
        ['offer_20', null, null],
        [null, offers[2]?.[3], '0'],
      ])
      expect(Number(offers[0]?.[3]) + Number(offers[1]?.[3])).toBe(Number(offers[2]?.[3]))
      expect(Number(offers[2]?.[3]) + Number(offers[2]?.[6])).toBe(180)
    })

    test('what is older than the project remembers is forgotten, and memberships that last are not', async () => {
      made.write({ 'cdp.config.yaml': CONFIG('2026-06-01T00:00:00Z') })
      await made.run('fifth')
      expect(await runsOf('segment_history', 'left_run')).toEqual([null])
      expect(await runsOf('segment_history', 'entered_run')).toEqual(['first', 'fourth'])
      expect(await runsOf('segment_sizes', 'run_id')).toEqual(['fifth'])
    })

    test('nobody is a member any more where all segments are gone', async () => {
      made.write({ 'models/segments.yaml': '', 'destinations/all.yaml': '' })
      await made.run('sixth')
      const stays = await tableOf(made.session, { schema: '_cdp', name: ['segment_history'] }, ['left_run'])
      expect([...new Set(stays.flat())]).toEqual(['sixth'])
    })

    const runsOf = async (name: string, column: string) => {
      const rows = of(await view(name, 'segment', column), 'best')
      return [...new Set(rows.map(([, run]) => run ?? null))].sort((a, b) =>
        a === null ? 1 : b === null ? -1 : a < b ? -1 : 1,
      )
    }
  })
})

test('a limit per group counts the members of each', async () => {
  const other = await inline({
    'people.csv': 'id,email,address\n1,a@x.fr,here\n',
    'models/all.yaml': `
sources:
  people: { file: people.csv, category: profile, key: id, identifiers: { email: email, address: address } }
entities:
  customer: { identifiers: { email: {} } }
  household: { of: customer, identifiers: { address: {} } }
segments:
  letters: { of: customer, where: email is not null, limit: { rows: 1, per: household } }
traits: { customer: { email: { pick: email, from: people } } }
`,
  })
  onTestFinished(() => other.close())
  expect(other.project.segments.get('letters')?.limit).toEqual({ rows: 1, by: [], per: 'household_id' })
})

test('the page on segments shows a project that stands', async () => {
  const page = readFileSync(new URL('../../../docs/segments.md', import.meta.url), 'utf8')
  const [shown = ''] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
  const other = await inline({
    'models/segments.yaml': shown,
    'models/all.yaml': `
sources:
  people: { table: raw.people, category: profile, key: id, identifiers: { email: email } }
  orders: { table: raw.orders, at: at, identifiers: { email: email } }
entities:
  customer: { identifiers: { email: {} } }
traits:
  customer:
    email: { pick: email, from: people }
    country: { pick: country, from: people }
    city: { pick: city, from: people }
    lifetime_value: { from: orders, sum: amount }
    last_order_at: { from: orders, max: at }
`,
  })
  onTestFinished(() => other.close())
  expect([...other.project.segments.keys()].slice(-2)).toEqual(['big_in_fr', 'big_in_ch'])
})
