import { describe } from 'vitest'
import { ALWAYS, type Case, survives } from '../support/kill.ts'
import { FIRST_FILL } from '../support/stories.ts'

const FILL: Readonly<Record<string, Case>> = {
  'after Mailchimp added the list, before it answers': {
    readers: 'new',
    point: { at: 'applied', destination: 'newsletter', request: '^POST /3.0/lists/readers$' },
    unknown: 'readers_to_newsletter',
  },
  'between the answer of Mailchimp and the ack': {
    rare: true,
    readers: 'new',
    point: { at: 'answered', host: 'api.mailchimp.com', request: '^POST /3.0/lists/readers$' },
    unknown: 'readers_to_newsletter',
  },
  'after Salesforce upserted, before it answers': {
    readers: 'new',
    point: { at: 'applied', destination: 'crm', request: '^PATCH .*/Contact/Ext_Id__c$' },
    unknown: 'vips_to_crm',
  },
}

/** The run with changes is killed at these everyday. */
const BOTH = Object.entries(ALWAYS).map(([name, point]): [string, Case] => [name, { ...point, rare: true }])

describe('the first fill is killed', () => {
  survives({ ...Object.fromEntries(BOTH), ...FILL }, FIRST_FILL)
})
