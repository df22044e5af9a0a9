import { z } from 'zod'
import { secret } from '../../secret.ts'
import { type Reading, Recent } from '../audience.ts'
import {
  type Channel,
  DestinationError,
  defineConnector,
  type Io,
  type Json,
  type LeaveVerb,
  type Limit,
} from '../connector.ts'
import { GOOGLE, phoneIn } from '../identifiers.ts'
import { digits, openApi } from './api.ts'
import { credentialOf } from './auth.ts'
import { pollJob } from './jobs.ts'
import { checkList, openLists } from './lists.ts'
import { COLUMNS, consentOf, FIELDS } from './members.ts'
import { addMembers, MOST, removeMembers, replaceMembers, type Sending } from './sending.ts'

// Vendor facts, https://developers.google.com/data-manager/api (limits: …/devguides/limits):
// - `audienceMembers:ingest` and `:remove` take 10,000 members with 10 identifiers each, 300 requests a minute and
//   100,000 a day of a Cloud project.
// - One member that is not valid fails the whole request with 400, which names all such members by their place.
// - What is valid is processed later; `requestStatus:retrieve` counts what failed by reason, and names nobody.
// - Lists are made and found by `userLists`; a name is given to one list of an account only.
// - `audienceMembers:removeAll` takes away whoever was last added before a time.
// - Consent is told for a request or a member; in the European Economic Area both must be granted.
// - The Google Ads API refuses customer lists of new developers since April 2026; this API needs no developer token.

const ID = /^\d[\d-]*$/

const account = z
  .strictObject({
    service_account: secret('JSON key of a service account that is a user of the Google Ads account.').optional(),
    client_id: z.string().min(1).optional().meta({ description: 'OAuth client id, instead of a service account.' }),
    client_secret: secret('OAuth client secret.').optional(),
    refresh_token: secret('Refresh token of a user, with the scope datamanager.').optional(),
    operating_account: z
      .string()
      .regex(ID, 'must be an id like 123-456-7890')
      .meta({ description: 'Id of the account that owns the list.' }),
    login_account: z
      .string()
      .regex(ID, 'must be an id like 123-456-7890')
      .optional()
      .meta({ description: 'Id of the manager account, where access comes through one.' }),
    account_type: z
      .enum(['GOOGLE_ADS', 'DISPLAY_VIDEO_PARTNER', 'DISPLAY_VIDEO_ADVERTISER', 'DATA_PARTNER'])
      .default('GOOGLE_ADS')
      .meta({ description: 'What these accounts are.' }),
    quota_project: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Cloud project whose quota is used, where it is not that of the login.' }),
    phone_country: z
      .string()
      .regex(/^[A-Za-z]{2}$/, 'must be two letters')
      .optional()
      .meta({
        description:
          'Country of phones that name none, else `defaults: { phone_country }`; without any such rows are refused.',
      }),
  })
  .refine(
    ({ service_account, client_id, client_secret, refresh_token }) => {
      const given = [client_id, client_secret, refresh_token].filter((one) => one !== undefined).length
      return service_account === undefined ? given === 3 : given === 0
    },
    { message: 'needs either "service_account", or "client_id", "client_secret" and "refresh_token"' },
  )

const NAMES = [...COLUMNS.keys()] as [string, ...string[]]
const consent = z.enum(['granted', 'denied']).optional()

const into = z
  .strictObject({
    list: z.string().regex(/^\d+$/, 'must be a number').optional().meta({ description: 'Id of the customer list.' }),
    list_name: z.string().min(1).optional().meta({ description: 'Its name, instead of its id.' }),
    create: z.boolean().default(false).meta({ description: 'Make the list of that name where there is none.' }),
    description: z.string().optional().meta({ description: 'Description of a list that is made.' }),
    membership_days: z.number().int().min(1).max(540).optional().meta({
      description:
        'How long somebody stays in a list that is made, unless they are sent again; left out, as long as Google allows.',
    }),
    mobile_app: z
      .strictObject({
        id: z.string().min(1).meta({ description: 'Id of the app that the ids were collected by.' }),
        system: z.enum(['ios', 'android']).meta({ description: 'Of the phones.' }),
      })
      .optional()
      .meta({ description: 'For a list of mobile ids that is made.' }),
    consent: z
      .strictObject({
        ad_user_data: consent.meta({ description: 'May the data be used for ads?' }),
        ad_personalization: consent.meta({ description: 'May ads be personalised?' }),
      })
      .default({})
      .meta({ description: 'Consent of all people whose rows do not say it; none is assumed.' }),
    terms: z
      .literal('accepted')
      .optional()
      .meta({ description: 'Tells Google that you have accepted its Customer Match terms.' }),
    hashed: z.array(z.enum(NAMES)).default([]).meta({ description: 'Fields whose values are SHA-256 already.' }),
    malformed: z.enum(['refuse', 'skip']).default('refuse').meta({
      description: 'A value that cannot be read: refuse its row, or send the row without it.',
    }),
    replace: z.boolean().default(false).meta({
      description: 'In mode mirror: send everybody whenever one changed, and remove all others.',
    }),
  })
  .refine((one) => (one.list === undefined) !== (one.list_name === undefined), {
    message: 'needs either "list" or "list_name"',
  })
  .refine((one) => !one.create || one.list_name !== undefined, { message: '"create" goes with "list_name"' })

type Account = z.infer<typeof account>
type Into = z.infer<typeof into>

const LEAVES: readonly LeaveVerb[] = [
  {
    verb: 'remove',
    description: 'Takes the person out of the list.',
    takes: 'nothing',
    stopsContact: true,
    deletes: false,
    takesAway: true,
  },
]

/** People of one customer list, by hashes of what is known of them. */
export const google = defineConnector<Account, Into>({
  name: 'google',
  title: 'Google customer list',
  account,
  inherit: (account, { phoneCountry }) => ({ ...account, phone_country: account.phone_country ?? phoneCountry }),
  into,
  modes: ['upsert', 'insert', 'mirror'],
  leaves: LEAVES,
  erase: 'remove',
  settlesWithin: 5 * 60_000,
  delivers: (mode, into) => (mode === 'mirror' && into.replace ? 'whole' : 'changes'),
  limits: () => {
    // One at a time: what one batch takes away another may add, and only the order says which of them holds.
    const limit: Limit = {
      rows: MOST,
      bytes: 8 * 1024 * 1024,
      calls: 300,
      perMs: 60_000,
      inFlight: 1,
      // What is sent, and what became of it.
      requests: 2,
      perDay: 100_000,
    }
    return { upsert: limit, remove: limit }
  },
  fields: () => ({ known: FIELDS, open: false }),
  place: (account, { list, list_name }) =>
    `google ${account.account_type} ${digits(account.operating_account)} list ${list ?? `named ${list_name}`}`,
  credential: credentialOf,
  open: (account, io) => {
    const api = openApi(account, io)
    const lists = openLists(api, account, io)
    const recent = new Recent()
    const note = (sentence: string) => io.note?.(sentence)
    const placeOf = async (into: Into): Promise<Sending> => ({
      api,
      destination: destinationOf(account, await lists.idOf(into)),
      consent: into.consent,
      termsAccepted: into.terms === 'accepted',
      reading: readingOf(into, await phoneIn(account.phone_country)),
      now: io.now,
      note,
    })
    return {
      check: async (into) => {
        checkNames(io, into)
        const list = await lists.look(into)
        if (list !== undefined) checkList(list.json, io, into)
      },
      partition: ({ op, fields }, into) =>
        op === 'remove' ? '' : JSON.stringify(consentOf(fields, into.consent) ?? null),
      send: async (batch, into) => {
        if (batch.length === 0) return []
        const place = await placeOf(into)
        return batch[0]?.op === 'remove' ? removeMembers(batch, place) : addMembers(batch, place, recent)
      },
      replace: async (rows, into) => {
        const place = await placeOf(into)
        return replaceMembers(rows, place, async () => (await lists.look(into))?.at ?? io.now())
      },
      poll: (job) => pollJob(job, { api, now: io.now(), note }),
    } satisfies Channel<Into>
  },
})

function destinationOf(account: Account, list: string): Json {
  const { account_type: accountType, operating_account, login_account } = account
  const named = (id: string) => ({ accountType, accountId: digits(id) })
  return {
    ...(login_account !== undefined && { loginAccount: named(login_account) }),
    operatingAccount: named(operating_account),
    productDestinationId: list,
  }
}

function readingOf(into: Into, phone: Reading['phone']): Reading {
  return {
    rules: GOOGLE,
    columns: COLUMNS,
    country: 'REGION_CODE',
    hashed: new Set(into.hashed),
    phone,
    skipsMalformed: into.malformed === 'skip',
  }
}

const ADDRESS = ['GIVEN_NAME', 'FAMILY_NAME', 'REGION_CODE', 'POSTAL_CODE']

function checkNames({ columns, mode }: Io, into: Into): void {
  const refuse = (code: string, message: string) => new DestinationError('config', code, message)
  const names = [...columns.key, ...columns.fields]
  const meant = columns.key.find((name) => !COLUMNS.has(name) && COLUMNS.has(name.toUpperCase()))?.toUpperCase()
  if (meant !== undefined)
    throw refuse('bad_key', `The key is sent to nobody; to find people by it, name it "${meant}".`)
  const parts = ADDRESS.filter((name) => names.includes(name))
  const missing = ADDRESS.filter((name) => !names.includes(name))
  if (parts.length > 0 && missing.length > 0)
    throw refuse('half_address', `An address is found by all of its parts; ${missing.join(', ')} is not sent.`)
  const contacts = names.filter((name) => COLUMNS.has(name) && name !== 'MOBILE_ID')
  const isMobile = names.includes('MOBILE_ID')
  if (!isMobile && contacts.length === 0)
    throw refuse(
      'no_identifier',
      'Neither key nor fields hold what people are found by: EMAIL, PHONE, an address or MOBILE_ID.',
    )
  if (isMobile && contacts.length > 0)
    throw refuse('mixed', 'A list holds either contacts or mobile ids: MOBILE_ID goes with no other identifier.')
  if (isMobile && into.create && into.mobile_app === undefined)
    throw refuse('no_app', 'A list of mobile ids is made for one app: "mobile_app" names it.')
  if (into.replace && mode !== 'mirror') throw refuse('bad_replace', '"replace" goes with mode mirror only.')
}
