import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ask } from '../support/database.ts'
import { type FirstRun, filledSample, spiedRun } from '../support/filled-sample.ts'
import { amend, differences, expectedAudiences, heldAudiences, touched } from '../support/sample.ts'
import { journals } from '../support/small-shop.ts'

// The command of the README on the sample project, three times: all of it, nothing, and what changed in between.
describe('npx cdp run --sandbox, on the sample project', { timeout: 120_000 }, () => {
  let directory: string
  let first: FirstRun

  beforeAll(async () => {
    const sample = await filledSample()
    directory = sample.directory
    first = sample.first
    return sample.remove
  }, 120_000)

  test('brings every emulated vendor to what the published views say', async () => {
    const { report, connections } = first
    expect(report).toMatchObject({ status: 'ok', exit_code: 0, identity: [{ entity: 'customer' }] })
    expect(connections).toBeGreaterThan(0)

    const [held, expected] = [heldAudiences(await journals(directory)), await expectedAudiences(directory)]
    for (const sync of report.syncs) {
      expect(sync).toMatchObject({
        status: 'ok',
        refused: 0,
        again: 0,
        removes: 0,
        written: sync.creates + sync.updates,
      })
      expect(Object.keys(expected[sync.name] ?? {}), sync.name).toHaveLength(sync.written)
      expect(held[sync.name], sync.name).toEqual(expected[sync.name])
      expect(sync.written).toBeGreaterThan(10)
    }
    expect(report.syncs.map(({ name }) => name).sort()).toEqual(Object.keys(expected).sort())
  })

  test('a second time: nothing to do, not one connection to a vendor, and nothing that any of them wrote down', async () => {
    const before = await journals(directory)
    const { report, connections } = await spiedRun(directory, 'second')
    expect(report).toMatchObject({ status: 'ok', exit_code: 0 })
    expect(report.syncs).toHaveLength(6)
    for (const sync of report.syncs)
      expect(sync).toMatchObject({ status: 'ok', creates: 0, updates: 0, removes: 0, written: 0, calls: 0, again: 0 })
    expect(connections).toBe(0)
    expect(report.holdings).toEqual(first.report.holdings)
    expect(report.segments.every(({ entered, left }) => entered === 0 && left === 0)).toBe(true)
    expect(await journals(directory)).toEqual(before)
  })

  test("after one person's name and one person's order changed: exactly those are told", async () => {
    const [reader, vip] = [await aReader(), await aLapsedVip()]
    await amend(directory, 'shop_customers.csv', reader.user_id, `,${reader.first_name},`, ',Nouvelle,')
    await amend(directory, 'orders.csv', vip.order_id, `,${vip.ordered_at},`, ',2026-10-30T09:00:00Z,')
    const [before, old] = [await journals(directory), await expectedAudiences(directory)]

    const { report } = await spiedRun(directory, 'third')
    const [after, now] = [await journals(directory), await expectedAudiences(directory)]
    expect(report).toMatchObject({ status: 'ok', exit_code: 0 })
    const exactly = {
      vips_to_crm: { [vip.profile_id]: 'update' },
      lapsed_vips_file: { [vip.profile_id]: 'remove' },
      newsletter_readers_to_list: { [reader.email]: 'update' },
    }
    expect(differences(old, now), 'what the views say is different').toMatchObject(exactly)
    expect(differences(heldAudiences(before), heldAudiences(after))).toEqual(exactly)
    expect(heldAudiences(after).newsletter_readers_to_list?.[reader.email]?.FNAME).toBe('Nouvelle')
    expect(heldAudiences(after).vips_to_crm?.[vip.profile_id]?.Last_Order_At__c).toBe('2026-10-30T09:00:00Z')

    // Not one row more was written, not even with what it was before.
    expect(touched(before, after)).toMatchObject([
      { path: 'local/crm.ndjson', Ext_Id__c: vip.profile_id },
      { path: 'local/newsletter.ndjson', email_address: reader.email },
    ])
    const sums = (what: 'creates' | 'updates' | 'removes') => report.syncs.reduce((sum, sync) => sum + sync[what], 0)
    expect([sums('creates'), sums('updates'), sums('removes')]).toEqual([0, 2, 1])
  })

  /** Somebody on the list whose name stands in one row of the data, and goes to nobody else. */
  function aReader() {
    return theFirst<'user_id' | 'first_name' | 'email'>(`
      select any_value(i.value) filter (i.type = 'user_id') as user_id, p.first_name, p.email
      from cdp.segment_newsletter_readers as p
      join cdp.customer_identifiers as i using (profile_id)
      where p.first_name is not null and p.profile_id not in (
        select profile_id from cdp.segment_membership
        where segment in ('employees', 'vips', 'lapsed_vips', 'win_back')
      )
      group by p.profile_id, p.first_name, p.email
      having count(*) filter (i.type = 'user_id') = 1 and count(*) filter (i.type = 'crm_id') = 0
      order by p.email limit 1`)
  }

  /** A big spender gone quiet, whose last order carries the one account. */
  function aLapsedVip() {
    const orders = join(directory, 'examples/data/orders.csv')
    return theFirst<'profile_id' | 'order_id' | 'ordered_at'>(`
      select p.profile_id, o.order_id, o.ordered_at
      from cdp.segment_lapsed_vips as p
      join cdp.customer_identifiers as i on i.profile_id = p.profile_id and i.type = 'user_id'
      join read_csv('${orders}', all_varchar = true) as o
        on o.user_id = i.value and o.status = 'paid' and cast(o.ordered_at as timestamptz) = p.last_order_at
      where p.profile_id not in (
        select profile_id from cdp.segment_membership where segment in ('employees', 'abandoned_carts')
      )
      order by p.profile_id limit 1`)
  }

  async function theFirst<Name extends string>(query: string): Promise<Readonly<Record<Name, string>>> {
    const [row] = await ask(query, join(directory, '.cdp/warehouse.duckdb'))
    if (row === undefined) throw new Error('nobody is like that')
    return row as Readonly<Record<Name, string>>
  }
})
