import { describe, expect, test } from 'vitest'
import { hubspot } from '../../src/connectors/hubspot/index.ts'
import { salesforce } from '../../src/connectors/salesforce/index.ts'
import { inline } from '../support/inline.ts'

const CAMPAIGN = 'object: CampaignMember, campaign: 701000000000001AAA'

/** A project with one sync into the place, and what is wrong with it. */
async function synced(type: 'hubspot' | 'salesforce', into: string, acts = '') {
  const secret = `"\${env:SECRET}"`
  const account = type === 'hubspot' ? `token: ${secret}` : `domain: acme, client_id: app, client_secret: ${secret}`
  const yaml = `
sources:
  people: { file: people.csv, category: profile, key: email, identifiers: { email: email } }
entities:
  customer: { identifiers: { email: {} } }
traits:
  customer: { email: { pick: email, from: [people] } }
destinations:
  crm: { type: ${type}, ${account} }
syncs:
  people: { to: crm, into: { ${into} }, audience: customer, mode: mirror${acts}, key: { Ext_Id__c: email }, fields: {} }
`
  const made = await inline({ 'models/all.yaml': yaml, 'people.csv': 'email\n' })
  await made.close()
  return made.project.syncs.get('people')
}

describe('what can be done to who leaves depends on the place', () => {
  test.each<readonly [string, readonly string[]]>([
    ['object: Contact', ['clear', 'set', 'opt_out', 'delete']],
    ['object: Shop__c', ['clear', 'set', 'opt_out', 'delete']],
    [CAMPAIGN, ['clear', 'set', 'delete']],
  ])('in Salesforce, { %s }', (into, verbs) => {
    const place = Object.fromEntries(into.split(', ').map((one) => one.split(': ')))
    expect(salesforce.leavesOf?.(salesforce.into.parse(place)).map(({ verb }) => verb)).toEqual(verbs)
  })

  test.each<readonly [object, readonly string[]]>([
    [{}, ['clear', 'set', 'unsubscribe_from', 'unsubscribe', 'archive', 'gdpr_delete']],
    [
      { list: 'VIPs' },
      ['clear', 'set', 'remove_from_list', 'unsubscribe_from', 'unsubscribe', 'archive', 'gdpr_delete'],
    ],
    [{ object: 'companies' }, ['clear', 'set', 'archive']],
    [{ object: 'p_pets', list: 'Dogs' }, ['clear', 'set', 'remove_from_list', 'archive']],
  ])('in HubSpot, %j', (into, verbs) => {
    expect(hubspot.leavesOf?.(hubspot.into.parse(into)).map(({ verb }) => verb)).toEqual(verbs)
  })

  test.each([
    ['salesforce', CAMPAIGN, 'opt_out', '{ opt_out: HasOptedOutOfEmail }'],
    ['hubspot', 'object: contacts', 'remove_from_list', 'remove_from_list'],
    ['hubspot', 'object: companies, list: Firms', 'unsubscribe', 'unsubscribe'],
    ['hubspot', 'object: companies', 'gdpr_delete', 'gdpr_delete'],
  ] as const)('%s, { %s }: %s is told where it is written', async (type, into, verb, act) => {
    const said = `models/all.yaml:11 sync/leave Connector "${type}" cannot "${verb}".`
    await expect(synced(type, into, `, on_leave: ${act}`)).rejects.toThrow(said)
    await expect(synced(type, into, `, on_withdraw: ${act}`)).rejects.toThrow(said)
  })

  test.each([
    // That somebody leaves an audience is no wish to get no mail any more.
    ['hubspot', 'object: contacts', undefined, 'unsubscribe'],
    ['hubspot', 'object: contacts, list: VIPs', 'remove_from_list', 'unsubscribe'],
    ['hubspot', 'object: companies', undefined, undefined],
    ['salesforce', CAMPAIGN, undefined, undefined],
  ] as const)('%s, { %s }: by default %s, and %s who withdraws', async (type, into, leaves, withdraws) => {
    const sync = await synced(type, into)
    expect([sync?.onLeave?.verb, sync?.onWithdraw?.verb]).toEqual([leaves, withdraws])
  })
})
