import { listOf, textOf } from '../answer.ts'
import { enlisted, left, personOf, pieces, type Reading, type Recent } from '../audience.ts'
import { type Change, DestinationError, type Json, type Key, type Ms, type Receipt } from '../connector.ts'
import { type Api, Violations } from './api.ts'
import { DENIED, jobOf, type Sent } from './jobs.ts'
import { type Consent, consentOf, MEMBERS, memberOf, type Person } from './members.ts'

/** The most members of a request. */
export const MOST = 10_000

/** Where members go, and how their rows are read. */
export interface Sending {
  readonly api: Api
  /** As the API names account and list. */
  readonly destination: Json
  readonly consent: Parameters<typeof consentOf>[1]
  readonly termsAccepted: boolean
  readonly reading: Reading
  now(): Ms
  note(sentence: string): void
}

/**
 * Adds the people of a batch, who are of one consent, and takes away what they were known by before and nobody is known
 * by now. People who deny are not sent but taken away, and settled when they are gone. Google answers later: see `pollJob`.
 */
export async function addMembers(
  batch: readonly Change[],
  place: Sending,
  recent: Recent,
): Promise<readonly Receipt[]> {
  const began = place.now()
  const { consent, refused, willing, unwilling } = byConsent(batch, place)
  const { add, drop, refused: unread } = enlisted(willing, MEMBERS, place.reading, recent)
  const held = new Set(add.flatMap(({ person }) => MEMBERS.ids(person)))
  const gone = left(unwilling, MEMBERS, place.reading).map((person) => without(person, held))
  const removals = await takeAway([...drop, ...gone.filter(MEMBERS.isFound)], place)
  recent.add(add, MEMBERS)
  const denied: Receipt =
    removals.length === 0 ? DENIED : { outcome: 'accepted', job: jobOf(began, removals, 'denied') }
  const receipts = new Map<Change, Receipt>([...refused, ...unread, ...unwilling.map((one) => [one, denied] as const)])
  if (add.length > 0) {
    const sent = add.map(({ person }) => person)
    const added = await ingest(sent, consent, place).catch((error: unknown) => named(error, add.length))
    add.forEach(({ change }, index) => {
      const receipt = typeof added === 'function' ? added(index) : accepted(began, [...removals, added])
      receipts.set(change, receipt)
    })
  }
  return batch.map((change) => receipts.get(change) ?? { outcome: 'again', code: 'no_result', applied: 'maybe' })
}

function accepted(began: Ms, requests: readonly Sent[]): Receipt {
  return { outcome: 'accepted', job: jobOf(began, requests) }
}

function without(person: Person, held: ReadonlySet<string>): Person {
  return MEMBERS.only(person, new Set(MEMBERS.ids(person).filter((id) => !held.has(id))))
}

/** Those who may be sent, with the consent that they share, and those who deny it. */
function byConsent(batch: readonly Change[], place: Sending) {
  const refused = new Map<Change, Receipt>()
  const willing: Change[] = []
  const unwilling: Change[] = []
  let shared: Consent | undefined
  for (const change of batch) {
    const consent = consentOf(change.fields, place.consent)
    if (consent === undefined) refused.set(change, UNREADABLE)
    else if (isDenied(consent)) unwilling.push(change)
    else {
      if (shared !== undefined && JSON.stringify(shared) !== JSON.stringify(consent))
        throw new Error('People of different consent share a batch.')
      shared = consent
      willing.push(change)
    }
  }
  return { consent: shared ?? {}, refused, willing, unwilling }
}

function isDenied(consent: Consent): boolean {
  return Object.values(consent).includes('CONSENT_DENIED')
}

const UNREADABLE: Receipt = {
  outcome: 'refused',
  kind: 'row',
  code: 'bad_consent',
  message: '"AD_USER_DATA" and "AD_PERSONALIZATION" are granted or denied.',
}

/** Takes the people of a batch away. */
export async function removeMembers(batch: readonly Change[], place: Sending): Promise<readonly Receipt[]> {
  const began = place.now()
  const requests = await takeAway(left(batch, MEMBERS, place.reading), place)
  // Whoever was never told under anything is not there.
  return batch.map(() => (requests.length === 0 ? { outcome: 'written' } : accepted(began, requests)))
}

async function takeAway(people: readonly Person[], place: Sending): Promise<readonly Sent[]> {
  const { api, destination } = place
  const requests: Sent[] = []
  for (const some of pieces(people, MOST)) {
    const body = { destinations: [destination], audienceMembers: some.map(memberOf), encoding: 'HEX' }
    const { json } = await api.request('POST', '/audienceMembers:remove', body)
    requests.push({ id: requestOf(json, place), members: some.length })
  }
  return requests
}

async function ingest(people: readonly Person[], consent: Consent, place: Sending): Promise<Sent> {
  const terms = { termsOfService: { customerMatchTermsOfServiceStatus: 'ACCEPTED' } }
  const { json } = await place.api.request('POST', '/audienceMembers:ingest', {
    destinations: [place.destination],
    audienceMembers: people.map(memberOf),
    ...(Object.keys(consent).length > 0 && { consent }),
    encoding: 'HEX',
    ...(place.termsAccepted && terms),
  })
  return { id: requestOf(json, place), members: people.length }
}

function requestOf(answer: Json, { note }: Pick<Sending, 'note'>): string {
  for (const reason of new Set(listOf(answer, 'fieldWarnings').map((one) => textOf(one, 'reason') || 'UNSPECIFIED')))
    note(`Google took a request and warns of some of its fields: ${reason}.`)
  const id = textOf(answer, 'requestId')
  if (id !== '') return id
  throw new DestinationError('transient', 'no_request_id', 'Google answered without a request id.', {
    applied: 'maybe',
  })
}

/** Receipts of a request that was refused for members that Google names: the others come again without them. */
function named(error: unknown, count: number): (index: number) => Receipt {
  if (!(error instanceof Violations) || error.list.some(({ index }) => index >= count)) throw error
  const reasons = new Map(error.list.map(({ index, reason }) => [index, reason]))
  return (index) => {
    const code = reasons.get(index)
    if (code === undefined) return { outcome: 'again', code: error.code, applied: 'no' }
    return { outcome: 'refused', kind: 'row', code, message: `Google refuses the member: ${code}.` }
  }
}

interface Row {
  readonly key: Key
  readonly fields: Readonly<Record<string, Json>>
}

/** Requests of a replacement that its job remembers; every row of the ledger carries them. */
const REMEMBERED = 8

/**
 * Adds everybody, and then takes away whoever was added last before this began, by Google's own clock. A row that cannot
 * be sent keeps those who were there, unless such are skipped; people who deny are left out.
 */
export async function replaceMembers(
  rows: AsyncIterable<Row>,
  place: Sending,
  startOf: () => Promise<Ms>,
): Promise<Receipt> {
  const began = place.now()
  const start = await startOf()
  const waiting = new Map<string, { readonly consent: Consent; people: Person[] }>()
  const requests: Sent[] = []
  const flush = async (group: { readonly consent: Consent; people: Person[] }) => {
    if (group.people.length > 0) requests.push(await ingest(group.people, group.consent, place))
    group.people = []
  }
  for await (const row of rows) {
    const consent = consentOf(row.fields, place.consent)
    const read = personOf({ ...row.fields, ...row.key }, MEMBERS, place.reading)
    const wrong = consent === undefined ? UNREADABLE : 'receipt' in read ? read.receipt : undefined
    if (wrong !== undefined && !place.reading.skipsMalformed) return wrong
    if (consent === undefined || 'receipt' in read || isDenied(consent)) continue
    const name = JSON.stringify(consent)
    const group = waiting.get(name) ?? { consent, people: [] }
    waiting.set(name, group)
    group.people.push(read.person)
    if (group.people.length === MOST) await flush(group)
  }
  for (const group of waiting.values()) await flush(group)
  const { json } = await place.api.request('POST', '/audienceMembers:removeAll', {
    destinations: [place.destination],
    removeAsOfTime: new Date(start).toISOString(),
  })
  return accepted(began, [...requests.slice(1 - REMEMBERED), { id: requestOf(json, place) }])
}
