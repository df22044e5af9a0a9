import { describe } from 'vitest'
import { ALWAYS, type Case, MERGE, survives } from '../support/kill.ts'
import { CHANGES } from '../support/stories.ts'

const POINTS: Readonly<Record<string, Case>> = {
  'after the build, before the plan': { rare: true, readers: 'old', point: { at: 'stage', stage: 'plan' } },
  'after publishing, before anything is sent': { rare: true, readers: 'new', point: { at: 'stage', stage: 'send' } },
  'once it is declared what may be sent': {
    rare: true,
    readers: 'new',
    point: { at: 'after', statement: 'flush', sync: 'quiet_to_hook' },
    merged: ['quiet_to_hook', 'none'],
  },
  'after a file got its name, before the ack': {
    readers: 'new',
    point: { at: 'written', destination: 'exports' },
    unknown: 'vips_to_file',
  },
  'after the last ack, before the final merge': {
    rare: true,
    readers: 'new',
    point: { at: 'before', ...MERGE },
    merged: ['quiet_to_hook', 'none'],
  },
  'after Mailchimp archived its second member, before it answers': {
    rare: true,
    readers: 'new',
    point: { at: 'applied', destination: 'newsletter', request: '^DELETE ', number: 2 },
    unknown: 'readers_to_newsletter',
  },
  'between the answer of Mailchimp to an update and the ack': {
    rare: true,
    readers: 'new',
    point: { at: 'answered', host: 'api.mailchimp.com', request: '^PUT ', number: 2 },
    unknown: 'readers_to_newsletter',
  },
  'after Salesforce marked those who left, before it answers': {
    rare: true,
    readers: 'new',
    point: { at: 'applied', destination: 'crm', request: '^PATCH .*/composite/sobjects$' },
    unknown: 'vips_to_crm',
  },
  'between the answer of Salesforce to the upsert and the ack': {
    rare: true,
    readers: 'new',
    point: { at: 'answered', host: 'my.salesforce.com', request: '^PATCH .*/Contact/Ext_Id__c$' },
    unknown: 'vips_to_crm',
  },
}

describe('a run with creations, updates and removals is killed', () => {
  survives({ ...ALWAYS, ...POINTS }, CHANGES)
})
