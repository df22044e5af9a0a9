import { describe, expect, test } from 'vitest'
import type { Cell } from '../../../src/warehouses/warehouse.ts'
import { type Dice, diceOf, shuffledList } from '../../support/dice.ts'
import { ENGINES_OF_LONG_BEDS } from '../../support/engines.ts'
import { type GroupRow, type GroupRules, grouped } from '../../support/groups-oracle.ts'
import { type Inline, inline } from '../../support/inline.ts'
import { partitionOf } from '../../support/partition.ts'
import {
  CUSTOMER,
  csv,
  HOUSEHOLD,
  homes,
  households,
  NO_ORDERS,
  people,
  published,
  SOURCES,
  street,
} from '../../support/street.ts'

const ANN = '1,ann@x.fr,1 rue A,2026-01-01'
const BOB = '2,bob@x.fr,1 rue A,2026-01-02'
const EVE = '3,eve@x.fr,2 rue B,2026-01-03'

describe.each(ENGINES_OF_LONG_BEDS)('a household, on $title', (engine) => {
  test('is made of the people at one address, who stay two people', async () => {
    const made = await street([ANN, BOB, EVE], {}, engine)
    await made.run()
    expect(await homes(made)).toEqual({ 'ann@x.fr': '1 rue A', 'bob@x.fr': '1 rue A', 'eve@x.fr': '2 rue B' })
    expect(new Set((await people(made)).map(([, id]) => id)).size).toBe(3)
    await made.close()
  })

  test('is left by whoever moves, and no two households become one by it', async () => {
    const made = await street([ANN, BOB, EVE], {}, engine)
    await made.run()
    const before = await households(made)
    made.write({ 'contacts.csv': csv([ANN, BOB, EVE, '4,bob@x.fr,2 rue B,2026-02-01']) })
    await made.run()
    expect(await homes(made)).toEqual({ 'ann@x.fr': '1 rue A', 'bob@x.fr': '2 rue B', 'eve@x.fr': '2 rue B' })
    expect(await households(made)).toEqual(before)
    await made.close()
  })

  test('is that of the newest row, of rows of one time that of the greater key', async () => {
    const made = await street(
      [
        '9,ann@x.fr,1 rue A,2026-01-02',
        '1,ann@x.fr,1 rue A,2026-01-01',
        '5,ann@x.fr,2 rue B,2026-01-02',
        '7,bob@x.fr,1 rue A,',
        '2,bob@x.fr,2 rue B,2020-01-01',
      ],
      {},
      engine,
    )
    await made.run()
    expect(await homes(made)).toEqual({ 'ann@x.fr': '1 rue A', 'bob@x.fr': '2 rue B' })
    await made.close()
  })

  test('is no block of flats: an address with more people than max_fanout makes none', async () => {
    const flats = ['ann', 'bob', 'eve'].map((name, at) => `${at},${name}@x.fr,9 tour C,2026-01-0${at + 1}`)
    const made = await street(['7,ann@x.fr,1 rue A,2025-01-01', ...flats], {}, engine)
    const built = await made.run()
    // Ann's newest row says nothing, so she stays where she was.
    expect(await homes(made)).toEqual({ 'ann@x.fr': '1 rue A' })
    const counts = built.models.find(({ model }) => model.name === 'identity/household')?.counts
    expect(counts).toMatchObject({ profiles: '1', unattributed_contacts: '3' })
    await made.close()
  })

  test('counts a person with two identifiers once in its fan-out', async () => {
    const twice = ['1,ann@x.fr,1 rue A,2026-01-01', '2,bob@x.fr,1 rue A,2026-01-01', '3,bo@x.fr,1 rue A,2026-01-01']
    const made = await street(twice, {}, engine)
    await made.run()
    expect(await homes(made)).toEqual({})
    made.write({
      'models/all.yaml': `${SOURCES}
  same: { sql: "select 'bob@x.fr' as a, 'bo@x.fr' as b", category: event, identifiers: { email: [a, b] } }
entities:
  ${HOUSEHOLD}
  ${CUSTOMER}
`,
    })
    await made.run()
    expect(await homes(made)).toEqual({ 'ann@x.fr': '1 rue A', 'bo@x.fr': '1 rue A', 'bob@x.fr': '1 rue A' })
    await made.close()
  })

  test('has members through rows that are profiles by themselves, and through parents', async () => {
    const letters = `
  letters: { file: letters.csv, category: event, key: id, belongs_to: { orders: order_id }, identifiers: { address_key: address } }
`
    const made = await street(
      ['1,,1 rue A,2026-01-01'],
      {
        'models/all.yaml': `${SOURCES}${letters}\nentities:\n  ${HOUSEHOLD}\n  ${CUSTOMER}\n`,
        'orders.csv': `${NO_ORDERS}o1,bob@x.fr,5,,2026-01-01\n`,
        'letters.csv': 'id,order_id,address\nl1,o1,2 rue B\nl2,o9,3 rue C\n',
      },
      engine,
    )
    await made.run()
    expect(await homes(made)).toEqual({ 1: '1 rue A', 'bob@x.fr': '2 rue B' })
    expect((await households(made)).length).toBe(3)
    await made.close()
  })

  test('keeps its id in every build and through a full refresh, and the older one where two become one', async () => {
    const accounts = HOUSEHOLD.replace('address_key:', 'account_id: {}, address_key:')
    const files = (contacts: readonly string[]) => ({
      'contacts.csv': `${['id,email,address,account,changed', ...contacts].join('\n')}\n`,
    })
    const made = await street(
      [],
      {
        'models/all.yaml': `${SOURCES.replace('address_key: address, email: email }', 'address_key: address, account_id: account, email: email }')}
entities:
  ${accounts}
  ${CUSTOMER}
`,
        ...files(['1,ann@x.fr,1 rue A,,2026-01-01', '2,bob@x.fr,,K7,2026-01-02']),
      },
      engine,
    )
    await made.run()
    const before = new Map(await households(made))
    made.write(files(['1,ann@x.fr,1 rue A,K7,2026-01-01', '2,bob@x.fr,,K7,2026-01-02']))
    await made.run()
    const one = before.get('1 rue A')
    expect(new Set((await households(made)).map(([, id]) => id))).toEqual(new Set([one]))
    expect(await published(made, 'household_aliases', ['alias', 'profile_id'])).toEqual([[before.get('K7'), one]])
    const all = await Promise.all([households(made), homes(made)])
    await made.run('refresh', { fullRefresh: true })
    expect(await Promise.all([households(made), homes(made)])).toEqual(all)
    await made.close()
  })

  test('has the rules of every graph: normalisers, limits, lists and quarantine', async () => {
    const made = await inline(
      {
        'models/all.yaml': `
sources:
  cards:
    file: cards.csv
    category: profile
    key: id
    updated_at: changed
    identifiers: { email: email, account_no: account, landline: { column: phone, country: land }, street: street }
  pairs: { file: pairs.csv, category: product }
entities:
  ${CUSTOMER}
  home:
    of: customer
    identifiers: { landline: { normalize: phone }, street: { normalize: text, block: [none] } }
    always_merge: { file: pairs.csv, identifiers: { street: [a, b] } }
    guard: { max_profile_size: 3, on_violation: quarantine }
  company:
    of: customer
    identifiers: { account_no: { limit: 1 } }
    never_merge: { sql: "select 'account_no' as type_a, 'k1' as value_a, 'account_no' as type_b, 'k2' as value_b" }
`,
        'cards.csv': `id,email,account,phone,land,street,changed
1,ann@x.fr,k1,01 99 00 12 34,FR,1  RUE A,2026-01-01
2,bob@x.fr,k1,0033199001234,FR,,2026-01-02
3,eve@x.fr,k2,,,1 rue a,2026-01-03
4,pat@x.fr,,,,none,2026-01-04
5,kim@x.fr,,,,3 rue C,2026-01-05
6,sam@x.fr,,,,4 rue D,2026-01-06
`,
        'pairs.csv': 'a,b\n3 rue c,4 RUE D\n',
      },
      engine,
    )
    await made.run()
    const living = await published(made, 'customer', ['all_email', 'home_id', 'company_id'])
    const together = (column: 1 | 2) =>
      partitionOf(living.flatMap((row) => (row[column] ? [[String(row[0]), String(row[column])] as const] : [])))
    expect(together(1)).toEqual(['["ann@x.fr"] ["bob@x.fr"] ["eve@x.fr"]', '["kim@x.fr"] ["sam@x.fr"]'])
    expect(together(2)).toEqual(['["ann@x.fr"] ["bob@x.fr"]', '["eve@x.fr"]'])
    await made.run('refresh', { fullRefresh: true })
    expect(await published(made, 'customer', ['all_email', 'home_id', 'company_id'])).toEqual(living)
    await made.close()
  })

  test('changes nobody: people have the same ids with it and without it', async () => {
    const contacts = [ANN, BOB, EVE, '4,,2 rue B,2026-01-04', '5,,,2026-01-05']
    const orders = { 'orders.csv': `${NO_ORDERS}o1,ann@x.fr,5,2 rue B,2026-01-01\no2,,5,1 rue A,2026-01-01\n` }
    const made = await street(contacts, orders, engine)
    await made.run()
    const plain = await street(
      contacts,
      {
        ...orders,
        'models/all.yaml': `${SOURCES.replace(/address_key: address,? ?/g, '')
          .replaceAll(', }', ' }')
          .replaceAll(', address_key: address', '')}
entities:
  ${CUSTOMER}
`,
      },
      engine,
    )
    await plain.run()
    expect(await people(made)).toEqual(await people(plain))
    expect((await people(made)).map(([id]) => id)).toEqual(['4', '5', 'ann@x.fr', 'bob@x.fr', 'eve@x.fr'])
    await Promise.all([made.close(), plain.close()])
  })
})

describe.each(ENGINES_OF_LONG_BEDS)('membership, on $title', (engine) => {
  const RULES: GroupRules = { maxFanout: { account: 4, address: 3 }, blocked: ['nowhere'] }
  const FILES = {
    'models/all.yaml': `
sources:
  contacts:
    file: contacts.csv
    category: profile
    key: id
    updated_at: at
    may_be_empty: true
    identifiers: { address_key: address, email_no: email, phone_no: phone }
  orders:
    file: orders.csv
    category: transaction
    key: id
    at: at
    loaded_at: loaded
    overlap: 1 hour
    identifiers: { email_no: email, account_id: account, address_key: address, phone_no: phone }
entities:
  customer: { identifiers: { email_no: {}, phone_no: {} } }
  household:
    of: customer
    identifiers:
      account_id: { max_fanout: ${RULES.maxFanout.account}, block: [nowhere] }
      address_key: { max_fanout: ${RULES.maxFanout.address}, block: [nowhere] }
`,
  }

  test('is that of plain rules over the rows, whatever came when and in which order', async () => {
    const dice = diceOf(11)
    const made = await inline({ ...FILES, ...written([]) }, engine)
    let rows: readonly GroupRow[] = []
    const reached = { moved: 0, shared: 0 }
    let before = new Map<string, string>()
    for (let step = 0; step < 4; step++) {
      rows = [...rows.filter((row) => row.source === 'orders' || dice(6) > 0), ...newRows(dice, step)]
      made.write(written(shuffledList(rows, dice), step))
      await made.run()
      const expected = grouped(rows, RULES)
      expect(await found(made), `step ${step}`).toEqual(expected)
      const now = new Map([...expected.members].flatMap(([who, home]) => who.split(' ').map((id) => [id, home])))
      reached.moved += [...now].filter(([id, home]) => before.has(id) && before.get(id) !== home).length
      reached.shared += expected.people.size - expected.members.size
      before = now
    }
    expect(reached.moved).toBeGreaterThan(50)
    expect(reached.shared).toBeGreaterThan(50)
    const ids = await published(made, 'household_members', ['profile_id', 'member_id'])
    made.write(written(shuffledList(rows, dice), 3))
    await made.run('refresh', { fullRefresh: true })
    expect(await published(made, 'household_members', ['profile_id', 'member_id'])).toEqual(ids)
    await made.close()
  })

  /** Rows of many streets side by side, in which few people and few addresses meet. */
  function newRows(dice: Dice, step: number): readonly GroupRow[] {
    return Array.from({ length: 60 }, (_, street) =>
      Array.from({ length: 2 + dice(4) }, (): GroupRow => {
        const value = (name: string, of: number, share: number) =>
          dice(10) < share ? `${name}${street}-${dice(of)}` : undefined
        const source = dice(3) === 0 ? 'contacts' : 'orders'
        return {
          source,
          // Keys repeat, also between the sources, and so do times.
          key: `${step}-${street}-${dice(3)}`,
          time: dice(5) === 0 ? undefined : new Date(Date.UTC(2020, dice(4))).toISOString(),
          email: value('e', 5, 6),
          phone: value('p', 6, 3),
          account: source === 'contacts' ? undefined : dice(20) === 0 ? 'nowhere' : value('k', 3, 2),
          address: dice(20) === 0 ? 'nowhere' : value('a', 4, 7),
        }
      }),
    ).flat()
  }

  function written(rows: readonly GroupRow[], step = 0): Readonly<Record<string, string>> {
    const loaded = (row: GroupRow) => new Date(Date.UTC(2021, 0, 1 + Number(row.key.split('-')[0]))).toISOString()
    const line = (row: GroupRow) =>
      [row.key, row.email, row.phone, row.account, row.address, row.time, loaded(row)].join(',')
    const file = (source: GroupRow['source']) =>
      ['id,email,phone,account,address,at,loaded', ...rows.filter((row) => row.source === source).map(line)].join('\n')
    return { 'contacts.csv': `${file('contacts')}\n`, 'orders.csv': `${file('orders')}\n`, step: String(step) }
  }

  async function found(made: Inline): Promise<ReturnType<typeof grouped>> {
    const [customers, homes] = await Promise.all([namesOf(made, 'customer'), namesOf(made, 'household')])
    const members = await published(made, 'household_members', ['member_id', 'profile_id'])
    return {
      people: new Set(customers.values()),
      households: new Set(homes.values()),
      members: new Map(members.map(([who, home]) => [customers.get(who ?? '') ?? '', homes.get(home ?? '') ?? ''])),
    }
  }

  /** Profile → the names of its identifiers that join, in the words of the oracle. */
  async function namesOf(made: Inline, entity: string): Promise<ReadonlyMap<string, string>> {
    const rows = await published(made, `${entity}_identifiers`, ['type', 'value', 'profile_id', 'joins'])
    const word = (type: Cell | undefined) => String(type).replace(/_(id|no|key)$/, '')
    const joined = rows.filter(([, , , joins]) => joins === 'true')
    const labels = joined.map(([type, value, id]) => [`${word(type)}:${value}`, String(id)] as const)
    const names = partitionOf(labels)
    return new Map(labels.map(([name, id]) => [id, names.find((set) => set.split(' ').includes(name)) ?? '']))
  }
})
