import { listOf, member, textOf } from '../answer.ts'
import type { Json, Ms } from '../connector.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import { digits } from './api.ts'
import { type Call, denied, type GoogleList, RequestError, refused } from './emulator-answers.ts'

const DAY: Ms = 86_400_000
const LONGEST_DAYS = 540
const LONGEST_TEXT = 1_000
/** Google's own lists. */
const RESERVED = new Set(['AdWords optimized list', 'All visitors'])

export function find({ options, rows }: Pick<Call, 'options' | 'rows'>, id: string): GoogleList | undefined {
  return options.lists.get(id) ?? (rows.get('lists', id) as GoogleList | undefined)
}

export function listRoute(call: Call, account: string, id: string): Answer {
  const { method, headers } = call.request
  const { options } = call
  const login = headers['login-account']
  const manager = options.loginAccount === undefined ? undefined : digits(options.loginAccount)
  const through =
    manager === undefined || login === `accountTypes/${options.accountType ?? 'GOOGLE_ADS'}/accounts/${manager}`
  if (options.permitted === false || !through || account !== digits(options.operatingAccount)) throw denied()
  if (method === 'POST' && id === '') return created(call)
  if (method !== 'GET') return refused(404, 'NOT_FOUND', 'Method not found.')
  if (id === '') return page(call)
  const found = find(call, id)
  if (found === undefined) return refused(404, 'NOT_FOUND', 'Requested entity was not found.')
  return { status: 200, body: shown(call, id, found) }
}

function all({ options, rows }: Call): readonly (readonly [string, GoogleList])[] {
  return [...options.lists, ...(rows.all('lists') as Iterable<readonly [string, GoogleList]>)]
}

/** At most 50 at a time here, however many are asked for. */
function page(call: Call): Answer {
  const lists = all(call)
  const from = Number(call.request.query.get('pageToken') ?? 0)
  const to = from + Math.min(50, Number(call.request.query.get('pageSize') ?? 50))
  const userLists = lists.slice(from, to).map(([id, list]) => shown(call, id, list))
  return { status: 200, body: { userLists, ...(to < lists.length && { nextPageToken: String(to) }) } }
}

/** Members are counted a day after they came. */
function shown({ rows, options }: Call, id: string, list: GoogleList): Json {
  const { name = `List ${id}`, keyType = 'CONTACT_ID', status: membershipStatus = 'OPEN', readOnly = false } = list
  const known = [...rows.all(`list ${id}`)].filter(([, row]) => Number(row.at) <= options.now() - DAY).length
  const account = `accountTypes/GOOGLE_ADS/accounts/${digits(options.operatingAccount)}`
  return {
    name: `${account}/userLists/${id}`,
    id,
    displayName: name,
    membershipStatus,
    readOnly,
    ingestedUserListInfo: { uploadKeyTypes: [keyType] },
    sizeInfo: { displayNetworkMembersCount: String(known), searchNetworkMembersCount: String(known) },
  }
}

function created(call: Call): Answer {
  const { body, options, rows } = call
  const name = textOf(body, 'displayName')
  if (name === '') throw new RequestError('REQUIRED_FIELD_MISSING', 'display_name is required.')
  if (name.length > 255) throw new RequestError('INVALID_DISPLAY_NAME', 'The display name is not valid.')
  if (RESERVED.has(name)) throw new RequestError('USER_LIST_NAME_RESERVED', 'The name is reserved for system lists.')
  if (options.otherNames?.has(name) || all(call).some(([id, one]) => (one.name ?? `List ${id}`) === name))
    throw new RequestError('DISPLAY_NAME_ALREADY_USED', 'The display name is already being used.')
  if (textOf(body, 'description').length > LONGEST_TEXT)
    throw new RequestError('FIELD_VALUE_TOO_LONG', 'The field value is too long.')
  checkDuration(textOf(body, 'membershipDuration'))
  const id = String(8_000_000_001 + rows.size('lists'))
  rows.put('lists', id, { name, keyType: keyTypeIn(member(body, 'ingestedUserListInfo')) })
  return { status: 200, body: shown(call, id, { name }) }
}

function checkDuration(duration: string): void {
  if (duration === '') return
  const days = Number(/^(\d+)s$/.exec(duration)?.[1]) / 86_400
  if (!Number.isInteger(days)) throw new RequestError('INVALID_ARGUMENT', 'membership_duration must be whole days.')
  if (days > LONGEST_DAYS) throw new RequestError('MEMBERSHIP_DURATION_TOO_LONG', 'The duration is too long.')
}

function keyTypeIn(info: Json | undefined): string {
  const [keyType, ...more] = listOf(info, 'uploadKeyTypes').map(String)
  if (keyType === undefined || more.length > 0)
    throw new RequestError('UNSUPPORTED_USER_LIST_UPLOAD_KEY_TYPES', 'One upload key type a list.')
  const mobile = member(info, 'mobileIdInfo')
  if (keyType === 'MOBILE_ID' && (textOf(mobile, 'keySpace') === '' || textOf(mobile, 'appId') === ''))
    throw new RequestError('REQUIRED_FIELD_MISSING', 'key_space and app_id are required.')
  return keyType
}
