import { z } from 'zod'
import { secret } from '../../secret.ts'
import { type Reading, Recent } from '../audience.ts'
import { type Channel, DestinationError, defineConnector, type Io, type LeaveVerb, type Limit } from '../connector.ts'
import { META, phoneIn } from '../identifiers.ts'
import { audienceOf, checkAudience, tellState } from './audience.ts'
import { accountPath, openGraph, usageHint } from './graph.ts'
import { Replacement, replaceUsers } from './replace.ts'
import { addUsers, MOST_REMOVED, removeUsers, type Sending } from './sending.ts'
import { COLUMNS, FIELDS, USERS } from './users.ts'

// Vendor facts, https://developers.facebook.com/docs/marketing-api/reference/custom-audience/users/ and
// …/marketing-api/audiences/guides/custom-audiences:
// - `POST` and `DELETE /{audience}/users` take 10,000 users a call, one array each in the order of one schema. Removals
//   are sent by the thousand: larger ones were reported to break off.
// - The answer counts (`num_received`, `num_invalid_entries`) and names nobody. So what Meta would count as invalid is
//   refused before it is sent; if it counts some all the same, that is told. Its page calls the number inexact.
// - Whom an audience holds cannot be asked. Changes show within a day.
// - `usersreplace` replaces all members; its batches share a session and must all arrive within 90 minutes.
// - Nobody is taken out of an audience that ads run on if too few would be left (200/1870047).
// - Calls are counted by ad account and rolling hour; every answer says the share that is used.

const account = z.strictObject({
  access_token: secret('Token of a system user with the permission ads_management.'),
  ad_account: z
    .string()
    .regex(/^(act_)?\d+$/, 'must be a number, with or without act_')
    .meta({ description: 'Id of the ad account that owns the audience.' }),
  app_secret: secret('App secret, where the app demands a proof of it with each call.').optional(),
  api_version: z
    .string()
    .regex(/^v\d+\.\d+$/, 'must look like v25.0')
    .default('v25.0')
    .meta({ description: 'Version of the Graph API.' }),
  phone_country: z
    .string()
    .regex(/^[A-Za-z]{2}$/, 'must be two letters')
    .optional()
    .meta({
      description:
        'Country of phones that name none, else `defaults: { phone_country }`; without any such rows are refused.',
    }),
  calls_per_hour: z.number().int().positive().default(5_000).meta({
    description: 'Calls to audiences that Meta grants the ad account in an hour; far more with full access.',
  }),
})

const NAMES = [...COLUMNS.keys()] as [string, ...string[]]

const into = z
  .strictObject({
    audience: z.string().regex(/^\d+$/, 'must be a number').optional().meta({ description: 'Id of the audience.' }),
    audience_name: z.string().min(1).optional().meta({ description: 'Its name, instead of its id.' }),
    create: z.boolean().default(false).meta({ description: 'Make the audience of that name where there is none.' }),
    description: z.string().optional().meta({ description: 'Description of an audience that is made.' }),
    customer_file_source: z
      .enum(['USER_PROVIDED_ONLY', 'PARTNER_PROVIDED_ONLY', 'BOTH_USER_AND_PARTNER_PROVIDED'])
      .default('USER_PROVIDED_ONLY')
      .meta({ description: 'Where the people of an audience that is made come from.' }),
    hashed: z.array(z.enum(NAMES)).default([]).meta({ description: 'Fields whose values are SHA-256 already.' }),
    malformed: z.enum(['refuse', 'skip']).default('refuse').meta({
      description: 'A value that cannot be read: refuse its row, or send the row without it.',
    }),
    replace: z.boolean().default(false).meta({
      description: 'In mode mirror: replace all members whenever one changed, also those whom somebody else added.',
    }),
    limited_data_use: z
      .strictObject({
        country: z.number().int().nonnegative().default(0).meta({ description: '1 = USA, 0 = Meta finds out.' }),
        state: z
          .number()
          .int()
          .nonnegative()
          .default(0)
          .meta({ description: '1000 = California, 0 = Meta finds out.' }),
        as: z
          .enum(['columns', 'payload'])
          .default('columns')
          .meta({ description: 'Told as columns of each user, or once beside them.' }),
      })
      .refine(({ country, state }) => (country === 0) === (state === 0), {
        message: 'needs both "country" and "state", or neither',
      })
      .optional()
      .meta({ description: 'Send all people of the sync under limited data use (US state laws).' }),
  })
  .refine((one) => (one.audience === undefined) !== (one.audience_name === undefined), {
    message: 'needs either "audience" or "audience_name"',
  })
  .refine((one) => !one.create || one.audience_name !== undefined, {
    message: '"create" goes with "audience_name"',
  })

type Account = z.infer<typeof account>
type Into = z.infer<typeof into>

const LEAVES: readonly LeaveVerb[] = [
  {
    verb: 'remove',
    description: 'Takes the person out of the audience.',
    takes: 'nothing',
    stopsContact: true,
    deletes: false,
    takesAway: true,
  },
  {
    verb: 'remove_everywhere',
    description: 'Takes the person out of all audiences of the ad account.',
    takes: 'nothing',
    stopsContact: true,
    deletes: false,
    takesAway: true,
  },
]

const MOST_ADDED = 10_000

/** People of one custom audience, by hashes of what is known of them. */
export const meta = defineConnector<Account, Into>({
  name: 'meta',
  title: 'Meta custom audience',
  account,
  inherit: (account, { phoneCountry }) => ({ ...account, phone_country: account.phone_country ?? phoneCountry }),
  into,
  modes: ['upsert', 'insert', 'mirror'],
  leaves: LEAVES,
  erase: 'remove',
  settlesWithin: 5 * 60_000,
  delivers: (mode, into) => (mode === 'mirror' && into.replace ? 'whole' : 'changes'),
  limits: ({ calls_per_hour }) => {
    // One at a time: what one batch takes away another may add, and only the order says which of them holds.
    const calls = Math.max(1, Math.floor(calls_per_hour / 60))
    const limit: Limit = { rows: MOST_ADDED, bytes: 8 * 1024 * 1024, calls, perMs: 60_000, inFlight: 1 }
    return { upsert: limit, remove: { ...limit, rows: MOST_REMOVED } }
  },
  fields: () => ({ known: FIELDS, open: false }),
  place: (account, { audience, audience_name }) =>
    `meta ${accountPath(account)} ${audience ?? `name ${audience_name}`}`,
  credential: (account) => accountPath(account),
  pace: (_, response) => usageHint(response),
  open: (account, io) => {
    const graph = openGraph(account, io)
    const audience = audienceOf(graph, io)
    const recent = new Recent()
    const replacement = new Replacement()
    const reading = readingOf(account)
    const tell = tellState(graph, io)
    const placeOf = async (into: Into): Promise<Sending> => {
      const id = await audience(into)
      return { graph, into, id, reading: await reading(into), note: (sentence) => io.note?.(sentence) }
    }
    return {
      check: async (into) => {
        checkNames(io, into)
        await checkAudience(graph, into, io)
      },
      send: async (batch, into) => {
        if (batch.length === 0) return []
        const place = await placeOf(into)
        if (batch[0]?.op === 'remove') return removeUsers(batch, place)
        const receipts = await addUsers(batch, place, recent)
        await tell(place.id)
        return receipts
      },
      replace: async (rows, into) => {
        const place = await placeOf(into)
        const receipt = await replaceUsers(rows, { ...place, replacement, now: io.now, size: MOST_ADDED })
        await tell(place.id)
        return receipt
      },
    } satisfies Channel<Into>
  },
})

function readingOf(account: Account): (into: Into) => Promise<Reading> {
  return async (into) => ({
    rules: META,
    columns: COLUMNS,
    country: 'COUNTRY',
    hashed: new Set(into.hashed),
    phone: await phoneIn(account.phone_country),
    skipsMalformed: into.malformed === 'skip',
  })
}

/** Something that people are found by must be among key and fields. */
function checkNames({ columns, mode }: Io, into: Into): void {
  const names = [...columns.key, ...columns.fields]
  const meant = columns.key.find((name) => !COLUMNS.has(name) && COLUMNS.has(name.toUpperCase()))
  if (meant !== undefined) {
    const message = `The key "${meant}" is sent to nobody; to find people by it, name it "${meant.toUpperCase()}".`
    throw new DestinationError('config', 'bad_key', message)
  }
  if (!USERS.isFound(new Map(names.map((name) => [name, name]))))
    throw new DestinationError(
      'config',
      'no_identifier',
      'Neither key nor fields hold what people are found by: EMAIL, PHONE, MADID, or FN and LN with ZIP, CT or the date of birth.',
    )
  if (into.replace && mode !== 'mirror')
    throw new DestinationError('config', 'bad_replace', '"replace" goes with mode mirror only.')
}
