import { z } from 'zod'
import { secret } from '../../secret.ts'
import { jsonOf, textOf } from '../answer.ts'
import { type Channel, DestinationError, defineConnector, type Field, type Io } from '../connector.ts'
import { type Api, isOk, openApi } from './api.ts'
import { LEAVES, leavesOf, remove } from './leave.ts'
import { limitsOf } from './limits.ts'
import { type Memory, openMemory } from './memory.ts'
import { type Into, into, PROPERTIES, targetOf } from './place.ts'
import { readMembers } from './read.ts'
import { findSegment, noSegment } from './segment.ts'
import { write } from './write.ts'

// Vendor facts, https://mailchimp.com/developer/marketing/docs/fundamentals/ and …/marketing/api/list-members/:
// - At most 500 members a call, 10 simultaneous connections a key (429 above), 120 s a request, no rate headers.
// - `POST /lists/{id}` answers 200 even when every member failed; `errors[]` is keyed by address, in no order.
// - With `update_existing: true` the status that is sent overwrites the contact's, and would subscribe again somebody
//   who had left. So only new contacts go there, with `update_existing: false`; those whom the list already has are
//   written one by one with `PUT …/members/{hash}`, whose `status_if_new` cannot change a status.
// - A contact's hash is the MD5 of the lower-cased address. Merge tags are upper case, at most 10 characters.
// - A tag is a static segment by another door: `…/members/{hash}/tags` can keep automations quiet, `…/segments/{id}`
//   takes 500 addresses a call.
// - It can throttle with a 403 that carries no JSON.
// - `POST /batches` would take updates together, but ends when it likes, minutes or hours later, and tells what became of
//   each only in a gzipped tar; above 500 that are pending it answers 429. So it is not used.

const account = z
  .strictObject({
    api_key: secret('API key; the part after the dash is the data centre.').optional(),
    access_token: secret('Token of an OAuth app, instead of "api_key"; the data centre is asked for.').optional(),
    server: z.string().optional().meta({ description: 'Data centre, such as us6, where the key does not end in it.' }),
  })
  .refine((one) => (one.api_key === undefined) !== (one.access_token === undefined), {
    message: 'needs either "api_key" or "access_token"',
  })

type Account = z.infer<typeof account>

/** Contacts of one Mailchimp audience, by address. */
export const mailchimp = defineConnector<Account, Into>({
  name: 'mailchimp',
  title: 'Mailchimp audience',
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
  limits: (_, into, volume) => limitsOf(into, volume),
  fields: () => ({ known: KNOWN, open: true }),
  place: (_, { list, tag, segment }) => `mailchimp list ${list}${(tag ?? segment) ? ` tag ${tag ?? segment}` : ''}`,
  credential: (account) => account.access_token ?? account.api_key ?? '',
  open: (account, io) => {
    const api = openApi(account, io)
    const { fields } = io.columns
    const memory = openMemory(api, fields)
    return {
      check: (into) => check(api, into, memory, io),
      send: async (batch, into) => {
        if (batch.length === 0) return []
        const desk = { api, memory, into }
        return batch[0]?.op === 'remove' ? remove(desk, batch) : write(desk, batch, io.mode)
      },
      read: async function* (keys, into) {
        yield* readMembers(api, keys, { into, groups: await memory.groups(into), fields }, io)
      },
    } satisfies Channel<Into>
  },
})

const KEY = 'email'

const KNOWN: readonly Field[] = [
  { name: KEY, key: true, required: true, type: 'text', normalise: 'email', description: 'Address.' },
  ...[...PROPERTIES].map(([name, description]): Field => ({ name, type: 'text', description })),
]

async function check(api: Api, into: Into, memory: Memory, io: Io): Promise<void> {
  checkNames(io)
  await checkRole(api)
  await memory.list(into)
  await memory.fields(into, [])
  await memory.groups(into)
  if (into.segment !== undefined && !into.create_segment && (await findSegment(api, into)) === undefined)
    throw noSegment(into)
}

/** https://mailchimp.com/help/manage-user-levels-in-your-account/: who may not change contacts. */
const POWERLESS = /^(viewer|author)$/i

async function checkRole(api: Api): Promise<void> {
  const answer = await api.request('GET', '/?fields=role')
  if (!isOk(answer)) throw api.failure(answer)
  const role = textOf(jsonOf(answer), 'role')
  if (POWERLESS.test(role))
    throw new DestinationError(
      'auth',
      'no_right',
      `The user of the key is a "${role}" of the account, who may not change contacts: a Manager is needed.`,
    )
}

function checkNames(io: Io): void {
  if (io.columns.key.length !== 1 || io.columns.key[0] !== KEY)
    throw new DestinationError('config', 'bad_key', `The key must be "${KEY}" alone: Mailchimp knows contacts by it.`)
  const bad = io.columns.fields.find((name) => targetOf(name) === undefined)
  if (bad !== undefined)
    throw new DestinationError(
      'config',
      'bad_merge_tag',
      `"${bad}" is not a merge tag: those are upper case and have at most 10 characters. Others: interests.…, marketing_permissions.…, ${[...PROPERTIES.keys()].join(', ')}.`,
    )
}
