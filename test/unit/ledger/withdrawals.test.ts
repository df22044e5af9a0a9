import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { status } from '../../../src/answers.ts'
import { printStatus } from '../../../src/commands/print-status.ts'
import { log } from '../../../src/mending.ts'
import { suppressNow } from '../../support/consent-shop.ts'
import { GROUNDS } from '../../support/ground.ts'
import { mending } from '../../support/mending.ts'
import { runInSandbox } from '../../support/small-shop.ts'

const ASKED = {
  sync: undefined,
  person: undefined,
  outcome: 'listed',
  since: undefined,
  limit: 10,
  showValues: false,
} as const

function sorted<T extends { readonly profile_id?: unknown }>(rows: readonly T[] = []): readonly T[] {
  return [...rows].sort((a, b) => (String(a.profile_id) < String(b.profile_id) ? -1 : 1))
}

describe.each(GROUNDS)('on $title', (ground) => {
  const filled = ground.filled()

  /** Two customers whom the CRM must not contact any more; it has no act that stops contact by itself. */
  async function twoSuppressed(key = 'customer_no') {
    const shop = await filled()
    if (key !== 'customer_no') {
      const path = join(shop, 'destinations/crm.yaml')
      const text = (await readFile(path, 'utf8')).replace('Ext_Id__c: customer_no', `Ext_Id__c: ${key}`)
      await writeFile(path, text.replace('vips_to_crm:', 'vips_by_mail:'))
      await runInSandbox(shop)
    }
    const vips = await ground.ask(
      shop,
      'select email, customer_no, profile_id from cdp.segment_vips where email is not null order by customer_no limit 2',
    )
    await suppressNow(
      shop,
      vips.map(({ email }) => String(email)),
      ground,
    )
    return { shop, vips }
  }

  test('who must be withdrawn by hand is named by the run, the status and the log, until somebody has acted', async () => {
    const { shop, vips } = await twoSuppressed()
    const run = await runInSandbox(shop)
    expect(run.report).toMatchObject({ exit_code: 3, status: 'incomplete' })
    const crm = run.report.syncs.find(({ name }) => name === 'vips_to_crm')
    expect(crm).toMatchObject({ removes: 0, withheld: { suppressed: 2, listed: 2 } })
    const people = vips.map(({ customer_no, profile_id }) => ({
      key: { Ext_Id__c: customer_no },
      profile_id,
      why: 'suppressed',
    }))
    expect(sorted(crm?.withdrawals)).toEqual(sorted(people))
    const [said] = run.report.errors.filter(({ code }) => code === 'sync/withdrawn')
    for (const { customer_no: number, profile_id: id } of vips)
      expect(said?.message).toContain(`Ext_Id__c ${number}, profile ${id} (suppressed)`)

    const known = await mending(shop, status, [])
    expect(sorted(known.syncs.find(({ name }) => name === 'vips_to_crm')?.withdrawals)).toMatchObject(sorted(people))
    const page = { width: 100, paint: (_: unknown, text: string) => text } as never
    expect(printStatus(known, new Date(), page).join(' ').replaceAll(/\s+/g, ' ')).toContain(
      `to be withdrawn at crm by hand: Ext_Id__c ${crm?.withdrawals?.[0]?.key.Ext_Id__c}`,
    )
    const told = await mending(shop, log, [ASKED])
    expect(sorted(told.rows)).toMatchObject(
      sorted(
        people.map(({ key, profile_id }) => ({
          key,
          profile_id,
          sync: 'vips_to_crm',
          outcome: 'listed',
          code: 'suppressed',
        })),
      ),
    )
    expect(told.runs.map(({ sync }) => sync)).toEqual(['vips_to_crm'])
    const one = await mending(shop, log, [{ ...ASKED, person: String(vips[0]?.profile_id) }])
    expect(one.rows.map(({ profile_id: id }) => id)).toEqual([vips[0]?.profile_id])

    // The next run says so again; none does once the destination has an act.
    expect((await runInSandbox(shop)).report.exit_code).toBe(3)
    const path = join(shop, 'destinations/crm.yaml')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('    mode:', '    on_withdraw: { opt_out: HasOptedOutOfEmail }\n    mode:'))
    const acted = await runInSandbox(shop)
    expect(acted.report.syncs.find(({ name }) => name === 'vips_to_crm')).toMatchObject({
      removes: 2,
      withheld: { listed: 0 },
    })
    expect((await mending(shop, log, [ASKED])).rows).toEqual([])
    expect((await mending(shop, status, [])).syncs.some(({ withdrawals }) => withdrawals !== undefined)).toBe(false)
  })

  test('keys that say who somebody is are hidden', async () => {
    const { shop, vips } = await twoSuppressed('email')
    const run = await runInSandbox(shop)
    const sync = run.report.syncs.find(({ name }) => name === 'vips_by_mail')
    expect(sync?.withdrawals?.map(({ key }) => key)).toEqual(vips.map(() => ({ Ext_Id__c: '[hidden]' })))
    for (const { email } of vips) expect(JSON.stringify(run.report)).not.toContain(email)
  })
})
