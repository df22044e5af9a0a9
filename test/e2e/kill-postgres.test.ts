import { describe } from 'vitest'
import { ON_POSTGRES } from '../support/ground.ts'
import { ALWAYS, type Case, MERGE, survives } from '../support/kill.ts'
import { CHANGES } from '../support/stories.ts'

/** Inside a transaction nobody can look at Postgres as at a file of DuckDB; that it rolls back is its own promise. */
const OUTSIDE = Object.entries(ALWAYS).filter(([, { point }]) => point.at !== 'within')

const POINTS: Readonly<Record<string, Case>> = {
  'before the transaction that publishes': {
    rare: true,
    readers: 'old',
    point: { at: 'before', statement: 'published' },
  },
  'once it is declared what may be sent': {
    rare: true,
    readers: 'new',
    point: { at: 'after', statement: 'flush', sync: 'quiet_to_hook' },
    merged: ['quiet_to_hook', 'none'],
  },
  'after the last ack, before the final merge': {
    readers: 'new',
    point: { at: 'before', ...MERGE },
    merged: ['quiet_to_hook', 'none'],
  },
  'between the answer of Salesforce to the upsert and the ack': {
    rare: true,
    readers: 'new',
    point: { at: 'answered', host: 'my.salesforce.com', request: '^PATCH .*/Contact/Ext_Id__c$' },
    unknown: 'vips_to_crm',
  },
}

describe('a run with creations, updates and removals on Postgres is killed', () => {
  survives({ ...Object.fromEntries(OUTSIDE), ...POINTS }, CHANGES, ON_POSTGRES)
})
