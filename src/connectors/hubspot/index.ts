import { createHash } from 'node:crypto'
import { z } from 'zod'
import { secret } from '../../secret.ts'
import { type Channel, defineConnector, type Field, type Limit, type Volume } from '../connector.ts'
import { openApi, quotaHint } from './api.ts'
import { check } from './check.ts'
import { LEAVES, leave, leavesOf } from './leave.ts'
import { openList } from './lists.ts'
import { BATCH, type Place, readRecords } from './records.ts'
import { write } from './write.ts'

// Vendor facts, https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/batch/:
// - `POST /crm/v3/objects/{object}/batch/upsert` takes 100 inputs, each named by `email` or a property with unique values.
//   200 when all are written, 207 with `errors[]` when some are not, in no order: `objectWriteTraceId` says whose they are.
//   Two inputs with one id are a 400 for the whole batch. A 2xx with neither results nor errors has been seen.
// - Calls: 100 in 10 s and 250,000 a day (free, starter), 190 and 650,000 (professional), 190 and 1,000,000 (enterprise),
//   OAuth apps 110 in 10 s; the day's calls count for the whole account
//   (https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines).
// - A list takes record ids only, so its members must be known as records first.

const account = z
  .strictObject({
    token: secret('Access token of a private app.').optional(),
    client_id: z.string().min(1).optional().meta({ description: 'Client id of an OAuth app, instead of "token".' }),
    client_secret: secret('Client secret of that app.').optional(),
    refresh_token: secret('Refresh token that the account gave to that app.').optional(),
    tier: z.enum(['free', 'starter', 'professional', 'enterprise']).default('free').meta({
      description: 'Subscription of the account: how many calls it allows.',
    }),
    calls: z.number().int().positive().optional().meta({
      description:
        'Calls in 10 seconds, where the account allows others than its subscription, as with a limit increase.',
    }),
    daily_calls: z.number().int().positive().optional().meta({ description: 'Calls in a day, likewise.' }),
    max_api_usage: z.number().gt(0).lte(1).default(0.8).meta({
      description: "Share of the account's API calls of a day, used by anybody, at which a run sends no more.",
    }),
  })
  .refine(({ token, client_id, client_secret, refresh_token }) => {
    const oauth = [client_id, client_secret, refresh_token].filter((one) => one !== undefined).length
    return token === undefined ? oauth === 3 : oauth === 0
  }, 'needs either "token", or "client_id", "client_secret" and "refresh_token"')

const into = z.strictObject({
  object: z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/, 'must be contacts, companies or the name or id of a custom object')
    .default('contacts')
    .meta({ description: 'contacts, companies, or a custom object by its name (p_pets) or id (2-3453932).' }),
  list: z.string().min(1).optional().meta({
    description: 'Static list, by id or name, of which the records become members. HubSpot calls it a segment.',
  }),
  create_list: z.boolean().default(false).meta({ description: 'Make the list where there is none of that name.' }),
  legal_basis: z
    .enum([
      'LEGITIMATE_INTEREST_CLIENT',
      'LEGITIMATE_INTEREST_PQL',
      'LEGITIMATE_INTEREST_OTHER',
      'PERFORMANCE_OF_CONTRACT',
      'CONSENT_WITH_NOTICE',
      'NON_GDPR',
      'PROCESS_AND_STORE',
    ])
    .optional()
    .meta({ description: 'For unsubscribe_from, where the account has its GDPR settings on.' }),
  legal_basis_explanation: z.string().min(1).optional().meta({ description: 'Goes with the legal basis.' }),
})

type Account = z.infer<typeof account>
type Into = z.infer<typeof into>

const TIERS: Readonly<Record<Account['tier'], { readonly calls: number; readonly perDay: number }>> = {
  free: { calls: 100, perDay: 250_000 },
  starter: { calls: 100, perDay: 250_000 },
  professional: { calls: 190, perDay: 650_000 },
  enterprise: { calls: 190, perDay: 1_000_000 },
}

/** OAuth apps have a rate of their own, and no quota of a day. */
const OAUTH_CALLS = 110

const CONTACT_FIELDS: readonly Field[] = [
  {
    name: 'email',
    type: 'text',
    normalise: 'email',
    description: 'Address; as a key, HubSpot finds contacts by it.',
  },
]

/** Records of one HubSpot object, and members of a static list. */
export const hubspot = defineConnector<Account, Into>({
  name: 'hubspot',
  title: 'HubSpot records and lists',
  account,
  into,
  modes: ['upsert', 'update', 'insert', 'mirror'],
  leaves: LEAVES,
  leavesOf,
  erase: 'permanent',
  settlesWithin: 5 * 60_000,
  delivers: () => 'changes',
  reads: () => true,
  foldsKeys: true,
  limits,
  fields: ({ object }) => ({ known: object === 'contacts' ? CONTACT_FIELDS : [], open: true }),
  place: (account, { object, list }) => {
    // Nothing but the token tells which account it is.
    const app =
      account.client_id ??
      createHash('sha256')
        .update(account.token ?? '')
        .digest('hex')
        .slice(0, 12)
    return `hubspot ${app} ${object}${list === undefined ? '' : ` list ${list}`}`
  },
  credential: (account) => JSON.stringify([account.token, account.client_id, account.refresh_token]),
  pace: (account, response) => quotaHint(response, account.max_api_usage),
  open: (account, io) => {
    const api = openApi(account, io)
    const lists = new Map<string, Place>()
    // One list a place, so that it is looked up or made once.
    const placeOf = (into: Into): Place => {
      const name = JSON.stringify([into.object, into.list])
      const place = lists.get(name) ?? { api, io, object: into.object, list: openList(api, into) }
      lists.set(name, place)
      return place
    }
    return {
      check: (into) => check(placeOf(into), into, account.token),
      // A batch is removed by one verb.
      partition: (change) => `${change.leave?.verb ?? ''} ${change.leave?.argument ?? ''}`,
      send: async (batch, into) => {
        const [first] = batch
        if (!first) return []
        return first.op === 'remove' ? leave(placeOf(into), batch, into) : write(placeOf(into), batch)
      },
      read: (keys, into) => readRecords(placeOf(into), keys),
    } satisfies Channel<Into>
  },
})

/** Calls of each window that are kept for what comes besides batches: the list is looked up, or made. */
const SPARE = 4

/** A batch for a list is two requests, and so is one that must look its records up. */
function limits(account: Account, into: Into, { mode = 'upsert' }: Volume) {
  const tier = TIERS[account.tier]
  const calls = account.calls ?? (account.token === undefined ? OAUTH_CALLS : tier.calls)
  const perDay = account.daily_calls ?? (account.token === undefined ? undefined : tier.perDay)
  const limit = (requests: number): Limit => ({
    rows: BATCH,
    bytes: 4 * 1024 * 1024,
    calls: Math.max(1, Math.floor((requests === 1 ? calls : calls - SPARE) / requests)),
    perMs: 10_000,
    inFlight: 4,
    requests,
    ...(perDay !== undefined && { perDay }),
  })
  // Who may only update, or only create, looks first who is there.
  const looks = mode === 'update' || mode === 'insert' ? 1 : 0
  return { upsert: limit((into.list === undefined ? 1 : 2) + looks), remove: { ...limit(2), inFlight: 1 } }
}
