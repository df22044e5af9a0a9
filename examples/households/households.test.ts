import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { beforeAll, describe, expect, test } from 'vitest'
import { cdp, copyProject, jsonOf, type Outcome } from '../../test/support/cli.ts'

describe('households', () => {
  let outcome: Outcome
  let directory: string

  beforeAll(async () => {
    const project = await copyProject(import.meta.dirname)
    directory = project.directory
    outcome = await run()
    return project.remove
  })

  test('eleven people, three households, and rows that say nothing of one of them', async () => {
    expect(outcome.code, outcome.stderr).toBe(0)
    expect(jsonOf(outcome)).toMatchObject({
      status: 'ok',
      identity: [
        { entity: 'customer', profiles: 11, unattributed: { cards: 0, orders: 1 } },
        { entity: 'household', profiles: 3, unattributed: { cards: 6, orders: 6 } },
      ],
    })
  })

  test('who lives together, who moved, and who is only known from the tower and the parcel shop', async () => {
    expect(
      await published(`
        select c.name, h.address
        from cdp.customer as c left join cdp.household as h on h.profile_id = c.household_id
        order by c.name`),
    ).toEqual([
      { name: 'Claire Fontaine', address: '4 rue des Lilas, 35000' },
      { name: 'Hugo Merle', address: null },
      { name: 'Ines Orvat', address: null },
      { name: 'Jean Perrol', address: '7 allée Verte, 31000' },
      { name: 'Lina Vasse', address: null },
      { name: 'Léo Fontaine', address: '12 quai Sud, 69002' },
      { name: 'Marc Fontaine', address: '4 rue des Lilas, 35000' },
      { name: 'Nadia Belkor', address: '12 quai Sud, 69002' },
      { name: 'Odile Gram', address: null },
      { name: 'Paul Trenn', address: null },
      { name: 'Zoé Aldin', address: null },
    ])
  })

  test('what the members spent, and what was delivered to the address', async () => {
    const columns =
      'address, size, buyers, letter_to, cast(spent as double) as spent, cast(delivered as double) as delivered'
    expect(await published(`select ${columns} from cdp.household order by address`)).toEqual([
      { address: '12 quai Sud, 69002', size: '2', buyers: '2', letter_to: 'Léo Fontaine', spent: 54, delivered: 0 },
      {
        address: '4 rue des Lilas, 35000',
        size: '2',
        buyers: '2',
        letter_to: 'Claire Fontaine',
        spent: 85.5,
        delivered: 93,
      },
      { address: '7 allée Verte, 31000', size: '1', buyers: '0', letter_to: 'Jean Perrol', spent: 0, delivered: 0 },
    ])
  })

  test('one catalogue an address', () => {
    expect(readFileSync(join(directory, 'out/catalogue.csv'), 'utf8').trim().split('\n').sort()).toEqual([
      '"12 quai sud, 69002","12 quai Sud, 69002",Léo Fontaine,2,54',
      '"4 rue des lilas, 35000","4 rue des Lilas, 35000",Claire Fontaine,2,85.5',
      'address_key,address,letter_to,people,spent',
    ])
  })

  test('who moves out leaves the household, which keeps its id', async () => {
    const ids = 'select address, profile_id from cdp.household order by address'
    const before = await published(ids)
    const file = join(directory, 'data/cards.csv')
    writeFileSync(
      file,
      `${readFileSync(file, 'utf8')}13,Marc Fontaine,marc@boite.example,7 allée Verte,31000,2026-02-01\n`,
    )
    const again = await run()
    expect(again.code, again.stderr).toBe(0)
    expect(await published(ids)).toEqual(before)
    expect(await published('select address, size from cdp.household order by address')).toEqual([
      { address: '12 quai Sud, 69002', size: '2' },
      { address: '4 rue des Lilas, 35000', size: '1' },
      { address: '7 allée Verte, 31000', size: '2' },
    ])
  })

  function run(): Promise<Outcome> {
    return cdp(['run', '--project-dir', directory, '--json'])
  }

  /** Rows of a query over the published views, values as JSON. */
  async function published(query: string): Promise<readonly Record<string, unknown>[]> {
    const path = join(directory, '.cdp/warehouse.duckdb')
    const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' })
    const connection = await instance.connect()
    try {
      return (await connection.runAndReadAll(query)).getRowObjectsJson()
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  }
})
