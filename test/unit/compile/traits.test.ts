import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ENGINES } from '../../support/engines.ts'
import { type Inline, inline } from '../../support/inline.ts'
import { tableOf } from '../../support/warehouse.ts'

const FILES = {
  'models/all.yaml': `
sources:
  crm:
    file: crm.csv
    category: profile
    key: id
    updated_at: changed
    identifiers: { email: email, phone: { column: phone, country: land } }
    columns: { postcode: { type: text } }
  shop: { file: shop.csv, category: profile, key: id, updated_at: changed, identifiers: { email: mail } }
  orders:
    file: orders.csv
    category: transaction
    key: id
    at: at
    identifiers: { email: email }
    columns: { amount: { type: decimal } }
  lines: { file: lines.csv, key: id, belongs_to: { orders: order_id } }
entities:
  customer: { identifiers: { email: {}, phone: {} } }
traits:
  customer:
    email:     { pick: email, from: [crm, shop.mail], by: priority }
    phone:     { pick: phone, from: [crm], by: priority }
    postcode:  { pick: postcode, from: [crm], by: most_recent }
    by_source: { pick: name, from: [shop, crm], by: priority }
    latest:    { pick: name, from: [crm, shop], by: most_recent }
    earliest:  { pick: name, from: [crm, shop], by: first }
    commonest: { pick: name, from: [crm, shop], by: most_frequent }
    longest:   { pick: name, from: [crm, shop], by: longest }
    orders:    { from: orders, count: rows }
    recent:    { from: orders, count: rows, within: 30 days }
    spent:     { from: orders, sum: "amount * 2", where: status = paid }
    mean:      { from: orders, avg: amount }
    least:     { from: orders, min: amount }
    newest:    { from: orders, max: at }
    statuses:  { from: orders, count_distinct: status }
    opening:   { from: orders, first: status }
    closing:   { from: orders, last: status }
    usual:     { from: orders, most_frequent: status }
    refunded:  { from: orders, exists: true, where: status = refunded }
    pieces:    { from: lines, sum: quantity }
    dear:      { from: lines, sum: quantity, where: "orders.amount > 50" }
    average:   { expr: "round(spent / nullif(orders, 0), 2)" }
    doubled:   { expr: "average * 2" }
    raw:       { sql: "spent + 1" }
    ids:       { from: orders, collect: id }
    best:      { from: orders, sum: amount, per: month, take: max }
    band:      { bucket: best, steps: { low: 0, high: 50 } }
segments:
  buyers: { where: orders >= 1 }
  fresh: { where: [member_of: buyers, recent >= 1] }
  quiet: { where: [{ did_not: orders, after: customer.newest }, orders >= 1] }
  careful: { where: { did: orders, where: status = paid, sum: amount, at_most: 20 } }
  first_order: { where: ids contains o1 and band = high }
`,
  'crm.csv': `id,email,phone,land,name,postcode,changed
1,ANN@x.fr ,06 12 34 56 78,FR,Ann,01000,2026-01-01
2,ann@x.fr,,,Anna,75001,2026-02-01
3,,,,Nobody,,2026-01-15
4,test@test.com,,,Junk,,2026-01-15
`,
  'shop.csv': `id,mail,name,changed
7,ann@x.fr,Annabelle,2025-12-01
8,ann@x.fr,Anna,2025-12-02
9,bob@x.fr,Bob,2025-12-02
`,
  'orders.csv': `id,email,amount,status,at
o1,ann@x.fr,10.10,paid,2026-02-20T10:00:00Z
o2,ann@x.fr,90.00,paid,2025-10-01T10:00:00Z
o3,ann@x.fr,5.00,refunded,2026-02-25T10:00:00Z
o4,,7.00,paid,2026-02-25T10:00:00Z
o5,bob@x.fr,,,2025-01-01T00:00:00Z
`,
  'lines.csv': `id,order_id,quantity
1,o1,2
2,o2,3
3,o9,100
4,o5,
`,
}

describe.each(ENGINES)('profiles on $title', (engine) => {
  let made: Inline
  let people: Map<string, Record<string, string | null>>

  beforeAll(async () => {
    made = await inline(FILES, engine)
    await made.run()
    people = await profiles(made)
  })
  afterAll(() => made.close())

  test('pick by every strategy, without values that identify nobody, ties broken by the order of the sources', () => {
    expect(people.get('ann@x.fr')).toMatchObject({
      email: 'ann@x.fr',
      phone: '+33612345678',
      postcode: '75001',
      by_source: 'Anna',
      latest: 'Anna',
      earliest: 'Annabelle',
      commonest: 'Anna',
      longest: 'Annabelle',
    })
  })

  test('aggregate rows in one scan a source, with conditions and windows', () => {
    expect(people.get('ann@x.fr')).toMatchObject({
      orders: '3',
      recent: '2',
      spent: '200.2',
      least: '5',
      newest: '2026-02-25T10:00:00Z',
      statuses: '2',
      opening: 'paid',
      closing: 'refunded',
      usual: 'paid',
      refunded: 'true',
      pieces: '5',
      dear: '3',
    })
    expect(Number(people.get('ann@x.fr')?.mean)).toBeCloseTo(35.0333, 3)
  })

  test('compute traits from traits, also in SQL of the warehouse', () => {
    expect(people.get('ann@x.fr')).toMatchObject({ average: '66.73', doubled: '133.46', raw: '201.2' })
  })

  test('count and sum nothing as 0, and know nothing else of who has no rows', () => {
    expect(people.get('bob@x.fr')).toMatchObject({ orders: '1', spent: '0', mean: null, closing: null, pieces: '0' })
    const lone = [...people.values()].filter(({ email }) => email === null)
    expect(lone.map(({ by_source }) => by_source).sort()).toEqual(['Junk', 'Nobody'])
    expect(lone[0]).toMatchObject({ orders: '0', refunded: 'false', newest: null, average: null })
  })

  test('are members of segments by traits, other segments, and what they did or did not do', async () => {
    const members = await tableOf(made.session, { schema: 'cdp', name: ['segment_membership'] }, [
      'segment',
      'profile_id',
    ])
    const of = (segment: string) =>
      members
        .filter(([name]) => name === segment)
        .map(([, id]) => emailOf(people, id ?? ''))
        .sort()
    expect(of('buyers')).toEqual(['ann@x.fr', 'bob@x.fr'])
    expect(of('fresh')).toEqual(['ann@x.fr'])
    expect(of('first_order')).toEqual(['ann@x.fr'])
    expect(of('quiet')).toEqual(['ann@x.fr', 'bob@x.fr'])
    // A sum over nothing is 0, which is within "at most 20".
    expect(of('careful')).toEqual([null, null, 'bob@x.fr'].sort())
  })

  test('leave a segment with a line in its history', async () => {
    made.write({ 'orders.csv': `${FILES['orders.csv'].split('\n').slice(0, 5).join('\n')}\n` })
    const { models } = await made.run()
    expect(models.find(({ model }) => model.kind === 'segments')?.counts).toMatchObject({
      members_buyers: '1',
      entered_buyers: '0',
      left_buyers: '1',
    })
    const history = await tableOf(made.session, { schema: 'cdp', name: ['segment_history'] }, [
      'segment',
      'entered_run',
      'left_run',
    ])
    expect(history.filter(([segment]) => segment === 'buyers')).toEqual([
      ['buyers', 'run-1', 'run-2'],
      ['buyers', 'run-1', null],
    ])
  })
})

async function profiles(made: Inline) {
  const columns = ['profile_id', ...(made.project.entities.get('customer')?.traits.keys() ?? [])]
  const rows = await tableOf(made.session, { schema: 'cdp', name: ['customer'] }, columns)
  return new Map(
    rows.map((row) => {
      const profile = Object.fromEntries(columns.map((name, index) => [name, row[index] ?? null]))
      return [profile.email ?? String(profile.profile_id), profile] as const
    }),
  )
}

function emailOf(people: ReadonlyMap<string, Record<string, string | null>>, id: string): string | null {
  return [...people.values()].find((one) => one.profile_id === id)?.email ?? null
}
