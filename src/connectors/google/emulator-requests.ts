import { createHash } from 'node:crypto'
import { listOf, member, textOf } from '../answer.ts'
import type { Json, Ms } from '../connector.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import type { Row, Rows } from '../sandbox/store.ts'
import { digits } from './api.ts'
import { type Call, denied, type GoogleOptions, RequestError } from './emulator-answers.ts'
import { find } from './emulator-lists.ts'
import { applied, checkMembers, type Outcome } from './emulator-members.ts'

const MINUTE: Ms = 60_000

/** Checks the whole request, keeps it, and answers its id: what it means is done when it is processed. */
export function accept(call: Call, act: string): Answer {
  const list = listIn(call)
  const found = find(call, list)
  if (found === undefined) throw new RequestError('INVALID_USER_LIST_ID', 'The user list is not valid.')
  if (found.readOnly === true) throw denied()
  checkStanding(call.options)
  if (act === 'removeAll') {
    const asOf = Date.parse(textOf(call.body, 'removeAsOfTime'))
    if (!(asOf <= call.options.now())) throw new RequestError('INVALID_REMOVE_AS_OF_TIME', 'The time is in the future.')
    return queued(call, { act, list, asOf })
  }
  if (act === 'ingest') {
    const terms = textOf(member(call.body, 'termsOfService'), 'customerMatchTermsOfServiceStatus')
    if (call.options.termsSigned === false && terms !== 'ACCEPTED')
      throw new RequestError('TERMS_AND_CONDITIONS_NOT_SIGNED', 'The Customer Match terms are not signed.')
  } else if (member(call.body, 'consent') !== undefined || member(call.body, 'termsOfService') !== undefined)
    throw new RequestError('INVALID_ARGUMENT', 'Unknown name "consent": Cannot find field.')
  const members = checkMembers(call.body, found.keyType ?? 'CONTACT_ID')
  return queued(call, { act, list, members, consent: member(call.body, 'consent') ?? null })
}

function listIn({ body, options }: Call): string {
  const destinations = listOf(body, 'destinations')
  const [one] = destinations
  if (destinations.length > 10) throw new RequestError('TOO_MANY_DESTINATIONS', 'At most 10 destinations.')
  const references = destinations.map((each) => textOf(each, 'reference')).filter(Boolean)
  if (new Set(references).size < references.length)
    throw new RequestError('DUPLICATE_DESTINATION_REFERENCE', 'Two destinations have the same reference.')
  const operating = textOf(member(one, 'operatingAccount'), 'accountId')
  const type = textOf(member(one, 'operatingAccount'), 'accountType')
  const login = textOf(member(one, 'loginAccount'), 'accountId')
  if (!/^\d+$/.test(operating) || type !== (options.accountType ?? 'GOOGLE_ADS'))
    throw new RequestError('INVALID_DESTINATION', 'The destination is not valid.')
  const manager = options.loginAccount === undefined ? '' : digits(options.loginAccount)
  if (options.permitted === false || operating !== digits(options.operatingAccount) || login !== manager) throw denied()
  return textOf(one, 'productDestinationId')
}

function checkStanding({ standing, newRule }: GoogleOptions): void {
  if (newRule !== undefined) throw new RequestError(newRule, 'There was a problem with the request.')
  switch (standing) {
    case undefined:
      return
    case 'not-allowlisted':
      throw new RequestError('NOT_ALLOWLISTED', 'The account is not allowlisted for the given feature.')
    case 'no-uploads':
      throw new RequestError('ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA', 'The advertiser needs to be allowlisted.')
    case 'undeclared':
      throw new RequestError('EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED', 'Campaigns lack the declaration.')
  }
}

function queued({ request, rows, options }: Call, work: Row): Answer {
  const now = options.now()
  const id = `req-${createHash('sha256').update(`${request.number} ${now}`).digest('hex').slice(0, 10)}`
  const waiting = [...rows.all('requests')].filter(([, one]) => one.done === false).length
  const early = options.troubles?.outOfOrder ? waiting * MINUTE : 0
  rows.put('requests', id, { ...work, at: now, due: now + (options.processing ?? 0) - early, done: false })
  settle(rows, options)
  const { warnsAtOnceOf: reason } = options.troubles ?? {}
  const warning = {
    field: 'audience_members[0].user_data',
    description: 'The value may be wrong.',
    reason: reason ?? '',
  }
  return { status: 200, body: { requestId: id, ...(reason !== undefined && { fieldWarnings: [warning] }) } }
}

/** Processes what is due, in the order in which it is. */
export function settle(rows: Rows, options: GoogleOptions): void {
  if (options.troubles?.stalls?.()) return
  const due = [...rows.all('requests')].filter(([, one]) => one.done === false && Number(one.due) <= options.now())
  for (const [id, work] of due.sort(([, a], [, b]) => Number(a.due) - Number(b.due))) {
    const { counted, identifiers, failed } = applied(rows, work, options)
    const ended = { act: work.act ?? '', due: work.due ?? 0, done: true, sent: listOf(work, 'members').length }
    rows.put('requests', id, { ...ended, counted, identifiers, failed: failed as Json })
  }
}

export function statusOf({ rows, options }: Call, id: string): Answer {
  const found = rows.get('requests', id)
  if (found === undefined) throw new RequestError('INVALID_REQUEST_ID', 'The request id is not valid.')
  if (found.done !== true)
    return { status: 200, body: { requestStatusPerDestination: [{ requestStatus: 'PROCESSING' }] } }
  const failed = (found.failed ?? {}) as Outcome['failed']
  const sum = Object.values(failed).reduce((all, one) => all + one, 0)
  const errorCounts = countsOf('ERROR', failed)
  const { warnsOf } = options.troubles ?? {}
  const shown = {
    requestStatus: sum === 0 ? 'SUCCESS' : sum < Number(found.counted) ? 'PARTIAL_SUCCESS' : 'FAILED',
    ...(sum > 0 && { errorInfo: { errorCounts } }),
    ...(warnsOf !== undefined && { warningInfo: { warningCounts: countsOf('WARNING', { [warnsOf]: 1 }) } }),
    ...partOf(found),
  }
  return { status: 200, body: { requestStatusPerDestination: [shown] } }
}

/** int64 is text in JSON. */
function countsOf(kind: string, counts: Readonly<Record<string, number>>): Json {
  return Object.entries(counts).map(([reason, count]) => ({
    recordCount: String(count),
    reason: `PROCESSING_${kind}_REASON_${reason}`,
  }))
}

function partOf({ act, counted = 0, identifiers = 0 }: Row): { readonly [name: string]: Json } {
  const counts = { recordCount: String(counted), userIdentifierCount: String(identifiers) }
  if (act === 'ingest') return { audienceMembersIngestionStatus: { userDataIngestionStatus: counts } }
  return act === 'remove' ? { audienceMembersRemovalStatus: { userDataRemovalStatus: counts } } : {}
}
