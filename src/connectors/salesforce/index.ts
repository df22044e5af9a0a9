import { type Channel, defineConnector, type Limit } from '../connector.ts'
import { notApplied } from '../token.ts'
import { type Account, account } from './account.ts'
import { writeMembers } from './campaign.ts'
import { check } from './check.ts'
import { type Into, into, isCampaign } from './into.ts'
import { jobLimit } from './job-time.ts'
import { LEAVES, leave, leavesOf } from './leave.ts'
import { update, upsert } from './objects.ts'
import { openOrg, quotaHint } from './org.ts'
import { poller } from './poll.ts'
import { readRecords } from './query.ts'
import { targetOf } from './target.ts'
import { goesInBulk, isForJob, MOST_RECORDS } from './write.ts'

// Vendor facts, https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/
// (resources_composite_sobjects_collections_upsert.htm and its neighbours):
// - `PATCH /composite/sobjects/{Object}/{ExternalIdField}` takes 200 records and answers 200 with one result a record,
//   in the order of the request; with `allOrNone: false` a bad record does not hold up the others.
// - null clears a field; a parent is named by its external id in a nested object.
// - Deleting and updating go by record id, 200 a call; a deleted record stays 15 days in the recycle bin.
// - How many API calls an org has a day depends on edition and licences: `GET /limits`, DailyApiRequests. So it is asked.
// - External ids of text are compared without regard to case unless the field says otherwise.
// Bulk API 2.0, https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/:
// - A job takes 150 MB after base64, about 100 MB as it stands, and is cut by the vendor into parts of 10,000 records, of
//   which an org has 15,000 in 24 hours. A job of one part wastes none, and its results fit into one answer.
// - Results come in any order, and are gone after seven days.
// - A part that takes minutes is tried again up to 20 times; then the job fails, and the rest of it is not looked at
//   (…/how_requests_are_processed.htm). So it is where the day has no more room, or a column is not known.

const COLLECTION: Limit = { rows: MOST_RECORDS, bytes: 4 * 1024 * 1024, calls: 25, perMs: 1_000, inFlight: 5 }

/** Records of one Salesforce object, or the members of a campaign, by an external id. */
export const salesforce = defineConnector<Account, Into>({
  name: 'salesforce',
  title: 'Salesforce records',
  account,
  into,
  modes: ['upsert', 'update', 'mirror'],
  leaves: LEAVES,
  leavesOf,
  erase: 'remove',
  settlesWithin: 5 * 60_000,
  delivers: () => 'changes',
  reads: () => true,
  foldsKeys: true,
  limits: ({ daily_calls: perDay }, into, { upsert, remove }) => {
    const quota = perDay === undefined ? {} : { perDay }
    return { upsert: { ...limitOf(upsert, into), ...quota }, remove: { ...limitOf(remove, into), ...quota } }
  },
  fields: () => ({ known: [], open: true }),
  place: (account, into) =>
    ['salesforce', account.instance_url ?? account.domain, into.object, ...(into.campaign ? [into.campaign] : [])].join(
      ' ',
    ),
  credential: (account) => JSON.stringify([account.instance_url ?? account.domain, account.client_id]),
  pace: (account, response) => quotaHint(response, account.max_api_usage),
  open: (account, io) => {
    const org = openOrg(account, io)
    const poll = poller(org, io)
    let ready: Promise<void> | undefined
    // What is wrong with a mapping would let a job fail as a whole, and much later.
    const beReady = (into: Into) => {
      ready ??= check(org, into, { ...io, acts: [] }).catch((error: unknown) => {
        ready = undefined
        return notApplied(error)
      })
      return ready
    }
    return {
      check: (into) => check(org, into, io),
      // A batch is removed by one verb.
      partition: (change) => `${change.leave?.verb ?? ''} ${change.leave?.argument ?? ''}`,
      send: async (batch, into) => {
        const first = batch[0]
        if (!first) return []
        if (isForJob(batch.length, into)) await beReady(into)
        if (first.op === 'remove') return leave(org, batch, into)
        if (isCampaign(into)) return writeMembers(org, batch, into, io.mode)
        return io.mode === 'update' ? update(org, batch, into) : upsert(org, batch, into)
      },
      read: (keys, into) =>
        readRecords(org, keys, { ...targetOf(into, io.columns.key), fields: io.columns.fields }, io),
      poll: (job) => poll(job),
    } satisfies Channel<Into>
  },
})

function limitOf(rows: number, into: Into): Limit {
  const limit = goesInBulk(rows, into) ? jobLimit(rows) : COLLECTION
  if (!isCampaign(into)) return limit
  // A query finds the members among so many people, for about so many keys fit into it.
  const queries = Math.ceil(limit.rows / MOST_RECORDS)
  // Every new member locks the campaign, whose members it counts.
  return { ...limit, requests: (limit.requests ?? 1) + queries, ...(limit === COLLECTION && { inFlight: 1 }) }
}
