import { describe } from 'vitest'
import { ALWAYS, type Case, survives } from '../support/kill.ts'
import { changeMuch } from '../support/small-shop.ts'

const FILL: Readonly<Record<string, Case>> = {
  'after Mailchimp added the list, before it answers': {
    readers: 'new',
    point: { at: 'applied', destination: 'newsletter', request: '^POST /3.0/lists/readers$' },
    unknown: 'readers_to_newsletter',
  },
  'between the answer of Mailchimp and the ack': {
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

/** The others of them are passed by the run with changes everyday, and all by `npm run crash`. */
const POINTS = [
  'after a webhook applied its second batch, before it answers',
  'in the transaction that publishes',
  'in the transaction of the final merge',
] as const

describe('the first fill is killed', () => {
  const some = Object.entries(ALWAYS).filter(([name]) => POINTS.some((point) => point === name))
  survives({ ...Object.fromEntries(some), ...FILL }, { before: async () => undefined, meanwhile: changeMuch })
})
