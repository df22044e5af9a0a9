import { DestinationError } from '../connector.ts'
import { type Into, isCampaign } from './into.ts'
import { soqlText, type Target } from './query.ts'

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/

/** Where a sync finds its records. Throws DestinationError `config` unless the key is one field. */
export function targetOf(into: Into, keyNames: readonly string[]): Target {
  const [name, ...more] = keyNames
  if (name === undefined || more.length > 0 || !NAME.test(name))
    throw new DestinationError('config', 'bad_key', 'The key must be one external id field, such as Ext_Id__c.')
  if (!isCampaign(into)) return { object: into.object, key: name, name }
  return { object: into.object, key: `${into.member}.${name}`, name, where: `CampaignId = ${soqlText(into.campaign)}` }
}
