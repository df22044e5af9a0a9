import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readPreview } from '../../../src/build/preview.ts'
import { addAudience } from '../../../src/compile/changes-audience.ts'
import { compilePreview } from '../../../src/compile/preview.ts'
import { checkWarehouse } from '../../../src/project/check.ts'
import { isPersonal } from '../../../src/project/personal.ts'
import { Steps, sql } from '../../../src/sql/sql.ts'
import { ENGINES } from '../../support/engines.ts'
import { type Inline, inline } from '../../support/inline.ts'
import { tableOf } from '../../support/warehouse.ts'

/** The members of every segment of customers by the name that they have in the file, segments without any left out. */
async function members(made: Inline): Promise<Readonly<Record<string, string>>> {
  const people = await tableOf(made.session, { schema: 'cdp', name: ['customer'] }, ['profile_id', 'name'])
  const names = new Map(people.map(([id, name]) => [id, name]))
  const rows = await tableOf(made.session, { schema: 'cdp', name: ['segment_membership'] }, ['segment', 'profile_id'])
  const found: Record<string, string> = {}
  for (const [segment = '', id = ''] of rows as [string, string][])
    found[segment] = [...(found[segment]?.split(' ') ?? []), names.get(id)].sort().join(' ')
  return found
}

describe.each(ENGINES)('what people did, on $title', (engine) => {
  const EXPECTED: Readonly<Record<string, readonly [string, string]>> = {
    mean: ['{ did: orders, avg: amount, at_least: 20 }', 'ann eve'],
    mean_of_nothing: ['{ did: orders, avg: amount, at_most: 1000 }', 'ann bob eve'],
    several: ['{ did: orders, count_distinct: sku, at_least: 2 }', 'ann'],
    none: ['{ did: orders, count_distinct: sku, at_most: 0 }', 'kim'],
    new: ['{ did: orders, first: { within: 30 days } }', 'bob'],
    lapsed: ['{ did: orders, last: { before: 90 days ago } }', 'eve'],
    not_lapsed: ['{ did_not: orders, last: { before: 90 days ago } }', 'ann bob kim'],
    between: ['{ did: orders, first: { after: 2025-01-01, before: 2025-07-01 } }', 'ann'],
    narrowed: ['{ did: orders, where: sku = b, first: { after: 10 days ago } }', 'ann'],
    in_window: ['{ did: orders, within: 10 days, first: { after: 6 days ago } }', ''],
    at_newest: ['{ did: orders, last: { after: customer.newest - 1 day } }', 'ann bob eve'],
    only_newest: ['{ did: orders, first: { after: customer.newest - 1 day } }', 'bob eve'],
    on_the_day: ['{ did: orders, last: { after: customer.birthday } }', 'ann'],
    together: ['{ did: orders, at_least: 2, first: { before: 90 days ago }, last: { within: 10 days } }', 'ann'],
    no_bound: ['{ did: orders, at_most: 5, first: { before: now } }', 'ann bob eve'],
    of_two_homes: ['household.size >= 2', 'ann bob'],
    homeless: ['household.size is null', 'kim'],
    above_home: ['spent > household.mean', 'ann'],
    not_above: ['not spent > household.mean', 'bob eve'],
    at_home: ['[member_of: of_two_homes, household.address = "1 rue A", not: { member_of: above_home }]', 'bob'],
    by_hand: ['[household.size = 2, { sql: "spent > 20 and profile_id is not null" }]', 'ann'],
    listed: ['all.email contains ann@x.fr', 'ann'],
    empty: ['all_phone is empty', 'ann bob eve'],
    before: ['[{ not: { was_member_of: mean } }, household.size = 1]', 'eve'],
    counted: ['emails >= 1', 'ann bob eve'],
    reachable_home: ['household.reachable = 2', 'ann bob'],
    unlisted: ['customer.all.email not contains any of [ann@x.fr, bob@x.fr]', 'eve kim'],
  }

  let made: Inline
  let number: number

  beforeAll(async () => {
    const segments = Object.entries(EXPECTED).map(
      ([name, [where]]) => `  ${name}:\n    of: customer\n    where: ${where}\n`,
    )
    made = await inline(
      {
        'models/all.yaml': `
sources:
  crm:
    file: crm.csv
    category: profile
    key: id
    identifiers: { email: email, phone: phone, address_key: address }
    columns: { birthday: { type: date } }
  orders: { file: orders.csv, category: transaction, key: id, at: at, identifiers: { email: email }, columns: { amount: { type: decimal } } }
entities:
  customer: { identifiers: { email: {}, phone: {} } }
  household: { of: customer, identifiers: { address_key: {} } }
traits:
  customer:
    name:     { pick: name, from: crm }
    email:    { pick: email, from: crm }
    birthday: { pick: birthday, from: crm }
    spent:    { from: orders, sum: amount }
    newest:   { from: orders, max: at }
    emails:   { expr: length(all.email) }
  household:
    address: { pick: address, from: crm }
    size:    { from: customer, count: rows }
    mean:    { from: customer, avg: spent }
    reachable: { from: customer, count: rows, where: all.email is not empty }
segments:
${segments.join('')}
`,
        'destinations/all.yaml': `
destinations: { files: { type: file, path: out } }
syncs:
  out:
    to: files
    into: { file: out.csv }
    audience: of_two_homes
    where: [household.mean > 1, { did: orders, at_least: 2 }, { sql: "spent > 5" }, { not: { was_member_of: mean } }, { did: orders, then: { did: orders } }]
    key: { email: email }
    fields: { NAME: name }
`,
        'crm.csv': `id,email,phone,address,name,birthday
1,ann@x.fr,,1 rue A,ann,2026-02-24
2,bob@x.fr,,1 rue A,bob,2026-02-10
3,eve@x.fr,,2 rue B,eve,
4,,+33612345678,,kim,2000-01-01
`,
        'orders.csv': `id,email,amount,sku,at
1,ann@x.fr,10,a,2025-06-01T10:00:00Z
2,ann@x.fr,30,b,2026-02-20T10:00:00Z
3,ann@x.fr,20,b,2026-02-25T10:00:00Z
4,bob@x.fr,5,a,2026-02-10T10:00:00Z
5,eve@x.fr,100,c,2025-01-01T10:00:00Z
`,
      },
      engine,
    )
    number = (await made.run()).number
  })
  afterAll(() => made.close())

  test('and where they belong decides who is in a segment', async () => {
    const found = await members(made)
    const people = Object.fromEntries(Object.keys(EXPECTED).map((name) => [name, found[name] ?? '']))
    expect(people).toEqual(Object.fromEntries(Object.entries(EXPECTED).map(([name, [, who]]) => [name, who])))
  })

  test('is what a preview counts line by line', async () => {
    const { project, session } = made
    for (const name of ['above_home', 'homeless', 'at_home', 'by_hand', 'together', 'not_lapsed', 'before']) {
      const segment = project.segments.get(name)
      if (segment === undefined) throw new Error(`no segment ${name}`)
      const preview = await readPreview(compilePreview({ project, dialect: session.dialect }, segment), session, {
        b: number,
      })
      const [, who = ''] = EXPECTED[name] ?? []
      const count = who.split(' ').filter((one) => one !== '').length
      expect([name, preview.members, preview.funnel.at(-1)?.left]).toEqual([name, count, count])
    }
  })

  test('decides about whom a sync speaks', async () => {
    const { project, session } = made
    const sync = project.syncs.get('out')
    if (sync === undefined) throw new Error('no sync')
    const steps = new Steps()
    const context = { project, dialect: session.dialect }
    const { select } = addAudience(steps, { context, sync, matchFields: new Set() })
    const table = { schema: 'cdp', name: ['audience'] }
    const query = session.dialect.createTable(table, steps.select(select([sql`p.name as name`])))
    const statement = { name: 'audience', reason: 'a test', sql: query }
    await session.script([{ statement, tokens: { b: number } }])
    expect(await tableOf(session, table, ['name'])).toEqual([['ann']])
  })

  test('shows nobody who is listed: a list of emails is personal, their number is not', () => {
    const customer = made.project.entities.get('customer')
    if (customer === undefined) throw new Error('no customer')
    const personal = ['all_email', 'all_phone', 'emails'].map((name) => isPersonal(made.project, customer, name))
    expect(personal).toEqual([true, true, false])
  })

  test('is asked of columns that are there', async () => {
    expect(await checkWarehouse(made.project, made.session)).toEqual([])
  })
})

describe.each(ENGINES)('was a member, on $title', (engine) => {
  const EXPECTED: Readonly<Record<string, readonly [string, string]>> = {
    ever: ['{ was_member_of: gold }', 'ann bob dan kim'],
    never: ['{ not: { was_member_of: gold } }', 'eve'],
    in_a_month: ['{ was_member_of: gold, within: 30 days }', 'ann bob dan kim'],
    in_three_weeks: ['{ was_member_of: gold, within: 3 weeks }', 'ann dan kim'],
    at_first: ['{ was_member_of: gold, before: 2026-01-15 }', 'ann bob'],
    in_february: ['{ was_member_of: gold, after: 2026-02-05, before: 2026-02-15 }', 'ann dan kim'],
    since_they_came: ['{ was_member_of: gold, after: customer.came }', 'ann kim'],
    of_silver: ['[was_member_of: silver, not: { member_of: gold }]', 'bob kim'],
    newcomers: ['[tier = gold, { not: { was_member_of: newcomers } }]', 'ann dan eve'],
    again: ['[member_of: gold, { was_member_of: gold }]', 'ann dan'],
  }
  const files = (crm: readonly string[], day: string, more: readonly string[] = []) => ({
    'cdp.config.yaml': `
name: test
warehouse: local
warehouses: { local: { type: duckdb, path: ":memory:" } }
now: ${day}T12:00:00Z
`,
    'models/all.yaml': `
sources:
  crm: { file: crm.csv, category: profile, key: id, updated_at: seen, identifiers: { email: email, user_id: user }, columns: { came: { type: date } } }
entities:
  customer: { identifiers: { user_id: {}, email: {} } }
traits:
  customer:
    name: { pick: name, from: crm }
    tier: { pick: tier, from: crm, by: most_recent }
    came: { pick: came, from: crm }
segments:
  gold: { where: tier = gold }
  silver: { where: tier = silver }
${more.join('\n')}
`,
    'crm.csv': `${['id,email,user,name,tier,came,seen', ...crm].join('\n')}\n`,
  })
  const ANN = '1,ann@x.fr,,ann,gold,2026-02-20,2026-01-01'
  const BOB = '2,bob@x.fr,,bob,gold,2026-02-10,2026-01-01'
  const EVE = '3,eve@x.fr,,eve,,2026-01-01,2026-01-01'
  const KIM = '4,kim@x.fr,,kim,silver,2026-02-20,2026-01-01'
  const DAN = '5,dan@x.fr,,dan,,,2026-01-01'
  const segments = Object.entries(EXPECTED).map(([name, [where]]) => `  ${name}:\n    where: ${where}`)

  test('is what was published before, under the id that somebody has now', async () => {
    const made = await inline(files([ANN, BOB, EVE, KIM, DAN], '2026-01-01'), engine)
    await made.run()
    // Of two profiles that turn out to be one person, the younger was a member.
    const second = [ANN, BOB.replace('gold', 'silver'), EVE, KIM.replace('silver', 'gold'), DAN]
    const young = '6,,u1,dan,gold,,2026-02-01'
    made.write(files([...second, young], '2026-02-01'))
    await made.run()
    const third = [ANN, BOB.replace('gold', 'silver'), EVE.replace('eve,', 'eve,gold'), KIM.replace('gold', 'silver')]
    const merged = [young, DAN.replace('dan@x.fr,,', 'dan@x.fr,u1,')]
    made.write(files([...third, ...merged], '2026-03-01', segments))
    await made.run()
    const aliases = await tableOf(made.session, { schema: 'cdp', name: ['customer_aliases'] }, ['alias'])
    expect(aliases.length).toBe(1)
    const found = await members(made)
    const people = Object.fromEntries(Object.keys(EXPECTED).map((name) => [name, found[name] ?? '']))
    expect(people).toEqual(Object.fromEntries(Object.entries(EXPECTED).map(([name, [, who]]) => [name, who])))
    await made.close()
  })

  test('is nobody before the first publishing', async () => {
    const made = await inline(files([ANN, BOB], '2026-01-01', segments), engine)
    await made.run()
    const { ever, never } = await members(made)
    expect([ever, never]).toEqual([undefined, 'ann bob'])
    await made.close()
  })
})
