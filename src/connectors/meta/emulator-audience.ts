import { listOf, member } from '../answer.ts'
import type { Json, Ms } from '../connector.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import type { Row, Rows } from '../sandbox/store.ts'
import { type Call, failed, type MetaAudience, noTerms, unknownPath } from './emulator-answers.ts'
import { absorb, type Counted, type Member, membersOf, PayloadError } from './emulator-users.ts'

const MOST_USERS = 10_000
const SESSION: Ms = 90 * 60_000
const DAY: Ms = 86_400_000
/** Fewer are not shown ads, and an audience in use keeps as many. */
const FEW = 100
const MOST_REPLACED = 100_000_000

/** An audience that a request is about. */
export interface About {
  readonly id: string
  readonly edge: string
  readonly audience: MetaAudience
}

export function find({ options, rows }: Call, id: string): MetaAudience | undefined {
  return options.audiences.get(id) ?? (rows.get('audiences', id) as MetaAudience | undefined)
}

export function audienceRoute(call: Call, about: About): Answer {
  const { method } = call.request
  const { id, edge, audience } = about
  if (method === 'GET' && edge === '') return { status: 200, body: shown(call, id, audience) }
  if (method === 'GET' && edge === '/sessions') return sessions(call, id)
  if (edge === '/users' && (method === 'POST' || method === 'DELETE')) return closed(call, about) ?? users(call, about)
  if (edge === '/usersreplace' && method === 'POST') return closed(call, about) ?? replace(call, about)
  return unknownPath()
}

/** An audience as it is shown: how many it has is known a day after it changed. */
export function shown({ rows, options }: Call, id: string, audience: MetaAudience): Json {
  const { name, subtype = 'CUSTOM', valueBased = false, updating } = audience
  const isBusy = updating === true || openSession(rows, id) !== undefined
  const code = audience.status ?? (isBusy ? 300 : 200)
  const size = sizeShown(rows.get('sizes', id), options.now())
  const rough = size === undefined ? -1 : Math.max(1_000, size)
  return {
    id,
    name,
    subtype,
    is_value_based: valueBased,
    operation_status: { code, description: code === 471 ? 'Audience flagged.' : `Status ${code}` },
    ...(size !== undefined && { delivery_status: { code: size < FEW ? 300 : 200 } }),
    approximate_count_lower_bound: rough,
    approximate_count_upper_bound: rough,
  }
}

function sizeShown(sizes: Row | undefined, now: Ms): number | undefined {
  const size = sizes !== undefined && now - Number(sizes.at) >= DAY ? sizes.now : sizes?.before
  return typeof size === 'number' ? size : undefined
}

/** Remembers when the number of people changed. */
function resized({ rows, options }: Call, id: string): void {
  const before = sizeShown(rows.get('sizes', id), options.now())
  rows.put('sizes', id, { at: options.now(), now: rows.size(`users ${id}`), ...(before !== undefined && { before }) })
}

/** Why members of the audience cannot be changed now, in Meta's words. */
function closed({ options, rows, body }: Call, { id, edge, audience }: About): Answer | undefined {
  if (options.accountStatus === 2 || options.accountStatus === 101)
    return failed(200, 'Permissions error', { title: 'Ad account is disabled', status: 403 })
  if (options.termsAccepted === false) return noTerms()
  if (audience.status === 471)
    return failed(100, 'Invalid parameter', {
      subcode: 1_713_230,
      title: 'Audience Upload Blocked',
      text: 'Before updating user memberships, you must resolve integrity restrictions on this Data File Custom Audience.',
    })
  if (audience.deleted)
    return failed(100, 'Invalid parameter', { subcode: 1_487_366, title: 'Audience Has Been Deleted' })
  if (audience.shared === false)
    return failed(100, 'Invalid parameter', { subcode: 1_487_301, title: 'Custom Audience Unavailable' })
  const open = openSession(rows, id)
  const isOther = open !== undefined && open !== sessionKey(id, member(member(body, 'session'), 'session_id'))
  if (isOther || (audience.updating && edge === '/usersreplace'))
    return failed(2650, '(#2650) Audience update in progress', { subcode: 1_870_145 })
  if (audience.updating)
    return failed(2650, '(#2650) Failed to update the custom audience: another update is in progress')
  return undefined
}

function users(call: Call, { id, audience }: About): Answer {
  const { members, counted } = read(call, audience)
  const { rows, request } = call
  const place = `users ${id}`
  if (request.method === 'DELETE') {
    const gone = new Set(members.filter((one) => rows.get(place, one.id) !== undefined).map((one) => one.id))
    if (audience.inUse && gone.size > 0 && rows.size(place) - gone.size < FEW)
      return failed(200, 'Permissions error', {
        subcode: 1_870_047,
        title: 'Audience Size too Low',
        text: 'You cannot remove users from this audience because it will result in a low audience size.',
      })
    for (const one of gone) rows.drop(place, one)
  } else for (const one of members) rows.put(place, one.id, one.row)
  resized(call, id)
  return { status: 200, body: { audience_id: id, session_id: String(request.number), ...counted } }
}

/** The users of a payload, less those whom the emulator was told to lose. */
export function read(
  { body, options }: Call,
  audience: MetaAudience,
): { readonly members: readonly Member[]; readonly counted: Counted } {
  const payload = member(body, 'payload')
  const data = listOf(payload, 'data')
  if (data.length === 0) throw new PayloadError('The parameter data is required')
  if (data.length > MOST_USERS) throw new PayloadError('param data has too many elements.', 105)
  const arrived = data.slice(0, Math.max(0, data.length - (options.loses?.() ?? 0)))
  return membersOf(listOf(payload, 'schema'), arrived, {
    valued: audience.valueBased === true,
    strangers: options.strangers ?? new Set(),
  })
}

function sessionKey(id: string, session: Json | undefined): string {
  return `${id} ${String(session)}`
}

/** The key of the replacement that is under way. */
function openSession(rows: Rows, id: string): string | undefined {
  for (const [key, row] of rows.all('sessions')) if (row.audience === id && row.stage === 'uploading') return key
  return undefined
}

/** A session that nobody ended ends by itself, and the audience is what had come so far. */
export function endSessions(rows: Rows, now: Ms): void {
  for (const [key, row] of [...rows.all('sessions')])
    if (row.stage === 'uploading' && now - Number(row.start_time) > SESSION) {
      absorb(rows, `users ${String(row.audience)}`, row.members as Record<string, Json>)
      rows.put('sessions', key, { ...row, stage: 'timed out', members: {} })
    }
}

/** Nothing is replaced before the last batch of the session has come. */
function replace(call: Call, { id, audience }: About): Answer {
  const { rows, options, body } = call
  const session = member(body, 'session')
  const [number, batch] = [member(session, 'session_id'), member(session, 'batch_seq')]
  if (typeof number !== 'number' || typeof batch !== 'number')
    return failed(100, '(#100) The parameter session is required')
  if ((audience.others ?? 0) + rows.size(`users ${id}`) >= MOST_REPLACED)
    return failed(2650, '(#2650) Data file custom audience size not supported for replace', { subcode: 1_870_144 })
  const key = sessionKey(id, number)
  const known = rows.get('sessions', key)
  if (known?.stage === 'done') return failed(2650, '(#2650) Replace session completed', { subcode: 1_870_159 })
  if (known?.stage === 'timed out') return failed(2650, '(#2650) Replace session timed out', { subcode: 1_870_158 })
  if (known === undefined && batch !== 1)
    return failed(2650, '(#2650) Invalid batch upload for replace', { subcode: 1_870_147 })
  const { members, counted } = read(call, audience)
  const waiting = { ...((known?.members ?? {}) as Record<string, Json>) }
  for (const one of members) waiting[one.id] = one.row
  const last = member(session, 'last_batch_flag') === true
  const num_received = Number(known?.num_received ?? 0) + counted.num_received
  const stage = last ? 'done' : 'uploading'
  const start_time = Number(known?.start_time ?? options.now())
  rows.put('sessions', key, { audience: id, start_time, stage, num_received, members: last ? {} : waiting })
  if (last) {
    const half = Object.fromEntries(Object.entries(waiting).slice(0, members.length / 2))
    const isBroken = options.breaksOff?.() === true
    absorb(rows, `users ${id}`, isBroken ? half : waiting)
    resized(call, id)
    if (isBroken) return failed(2650, '(#2650) An error occurred', { subcode: 1_870_148 })
  }
  return { status: 200, body: { account_id: options.account, session_id: String(number), ...counted, num_received } }
}

/** The state of a session; Meta has been seen to leave it at `uploading` for ever, with nobody matched. */
function sessions({ request, rows }: Call, id: string): Answer {
  const found = rows.get('sessions', sessionKey(id, request.query.get('session_id')))
  if (found === undefined) return { status: 200, body: { data: [] } }
  const { start_time = 0 } = found
  return { status: 200, body: { data: [{ start_time, end_time: 0, num_matched: -1, stage: 'uploading' }] } }
}
