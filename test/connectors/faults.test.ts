import { type AddressInfo, createServer } from 'node:net'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { textOf } from '../../src/connectors/answer.ts'
import { type Connector, DestinationError, type Io, type Json, type Receipt } from '../../src/connectors/connector.ts'
import { openFiles } from '../../src/connectors/files.ts'
import { createFetch } from '../../src/connectors/http.ts'
import { hubspotVendor } from '../../src/connectors/hubspot/emulator.ts'
import { hubspot } from '../../src/connectors/hubspot/index.ts'
import { mailchimpVendor } from '../../src/connectors/mailchimp/emulator.ts'
import { mailchimp } from '../../src/connectors/mailchimp/index.ts'
import { salesforceVendor } from '../../src/connectors/salesforce/emulator.ts'
import { salesforce } from '../../src/connectors/salesforce/index.ts'
import type { Vendor } from '../../src/connectors/sandbox/emulator.ts'
import type { Seen } from '../../src/connectors/sandbox/sandbox.ts'
import { webhookVendor } from '../../src/connectors/webhook/emulator.ts'
import { webhook } from '../../src/connectors/webhook/index.ts'
import { authority, type Certified } from '../support/certificates.ts'
import { openToxicServer, type Toxic, type ToxicOptions, type ToxicServer } from '../support/toxic-server.ts'
import { Bench } from '../unit/sync/harness.ts'

// Every fault with every connector that speaks HTTP, over real TLS sockets and with the real engine: how the connector
// understands it, what the ledger then knows of the rows, and that the run after it mends everything.

interface Subject {
  readonly connector: Connector<unknown, unknown>
  readonly account: unknown
  readonly into: unknown
  readonly host: string
  readonly key: string
  readonly field: string
  vendor(): Vendor
  isWrite(request: Pick<Seen, 'method' | 'path'>): boolean
  keyed(value: string): string
  /** A value of the field, with which the vendor refuses the row of this key. */
  readonly bad: { readonly key: string; readonly value: Json }
  /** The key of a row that the vendor holds. */
  keyOf(row: Readonly<Record<string, Json>>): Json | undefined
}

const HOOK = { url: 'https://hooks.example.com/in', secret: 'canary-secret', method: 'POST', batch: 100 }
const MAILCHIMP = { api_key: 'canary0key-us6' }
const HUBSPOT = { token: 'canary-hubspot', tier: 'free', max_api_usage: 0.8 }
const ORG = {
  domain: 'acme',
  client_id: 'app',
  client_secret: 'canary',
  api_version: '67.0',
  max_api_usage: 0.8,
}

const SUBJECTS: Readonly<Record<string, Subject>> = {
  webhook: {
    connector: webhook,
    account: HOOK,
    into: {},
    host: 'hooks.example.com',
    key: 'email',
    field: 'name',
    vendor: () =>
      webhookVendor({
        path: '/in',
        method: 'POST',
        secret: HOOK.secret,
        refuses: (change) => (textOf(change, 'key').includes('@') ? undefined : 'The key is no address.'),
      }),
    isWrite: ({ method }) => method === 'POST',
    keyed: (value) => `${value}@shop.test`,
    bad: { key: 'bad 0', value: 'Bad' },
    keyOf: (row) => row.key,
  },
  mailchimp: {
    connector: mailchimp,
    account: MAILCHIMP,
    into: { list: 'abc123', status_if_new: 'subscribed', tags: [] },
    host: 'us6.api.mailchimp.com',
    key: 'email',
    field: 'FNAME',
    vendor: () =>
      mailchimpVendor({ apiKey: MAILCHIMP.api_key, lists: new Map([['abc123', [{ tag: 'FNAME', required: true }]]]) }),
    isWrite: ({ method }) => method !== 'GET',
    keyed: (value) => `${value}@shop.test`,
    bad: { key: 'bad 0', value: 'Bad' },
    keyOf: (row) => row.email_address,
  },
  hubspot: {
    connector: hubspot,
    account: HUBSPOT,
    into: { object: 'contacts', create_list: false },
    host: 'api.hubapi.com',
    key: 'email',
    field: 'firstname',
    vendor: () =>
      hubspotVendor({
        token: HUBSPOT.token,
        objects: new Map([['contacts', [{ name: 'firstname' }]]]),
        now: () => Date.now(),
      }),
    isWrite: ({ method }) => method !== 'GET',
    keyed: (value) => `${value}@shop.test`,
    bad: { key: 'bad 0', value: 'Bad' },
    keyOf: (row) => row.email,
  },
  salesforce: {
    connector: salesforce,
    account: ORG,
    into: { object: 'Contact' },
    host: 'acme.my.salesforce.com',
    key: 'Ext_Id__c',
    field: 'LastName',
    vendor: () =>
      salesforceVendor({
        origin: 'https://acme.my.salesforce.com',
        clientId: 'app',
        clientSecret: ORG.client_secret,
        fields: new Map([['Contact', ['Ext_Id__c']]]),
      }),
    isWrite: ({ method, path }) => method !== 'GET' && !path.endsWith('/token'),
    keyed: (value) => value,
    // First in the plan, which goes by a hash of the key; then come c and b.
    bad: { key: 'bad17', value: 'x'.repeat(300) },
    keyOf: (row) => row.Ext_Id__c,
  },
}

const CERTIFIER = authority()
const fetch = createFetch({ resolve: async () => [{ address: '127.0.0.1', family: 4 }], ca: CERTIFIER.cert })
afterAll(() => fetch.close())

const NAMES = Object.values(SUBJECTS).map(({ host }) => host)
const hours = (count: number) => new Date(Date.now() + count * 3_600_000)
const GOOD = CERTIFIER.issue(NAMES, hours(24))

/** How long a request that is never answered is waited for, over a connection that is there. */
const SILENCE = 150

/** `class`: how the connector understood the first request. `rows`: what the ledger knows of the three rows afterwards. */
interface Expected {
  readonly class: string
  readonly rows: string
  /** What it knows after the run that mends it; default: all are synced but the one that is refused. */
  readonly mended?: string
  /** Requests that reached the vendor and would have written. Default: at least five tries. */
  readonly requests?: number
  readonly status?: string
  /** False where nothing can be mended, because nobody could know. */
  readonly mends?: false
}

interface Fault {
  readonly toxic?: Toxic
  readonly server?: Partial<Pick<ToxicOptions, 'versions' | 'key' | 'cert'>>
  /** Without `allow_private`. */
  readonly isPublic?: true
  readonly isDown?: true
  /** One of the three rows is one that the vendor refuses. */
  readonly hasBad?: true
  readonly expected: Expected
  /** Where a connector differs, and why. */
  readonly but?: Readonly<Record<string, Expected & { readonly why: string }>>
}

const UNSENT = '- - -'
const UNKNOWN = 'unknown unknown unknown'
const SYNCED = 'synced synced synced'
const MAYBE: Expected = { class: 'transient maybe', rows: UNKNOWN }
/** The run is interrupted after the first try, or the test would wait for all five. */
const MUTE: Expected = { ...MAYBE, requests: 1, status: 'interrupted' }
const REFUSED_ADDRESS: Expected = { class: 'config no', rows: UNSENT, requests: 0, status: 'failed' }
const ONE_BAD: Expected = { class: 'refused written written', rows: 'absent synced synced', requests: 1 }

const answer = (status: number, headers: Record<string, string> = {}, effect = false): Toxic => ({
  kind: 'answer',
  status,
  headers,
  effect,
  body: { message: 'no' },
})
const DATE = 'Sun, 22 Nov 2026 12:00:00 GMT'
const LATER = 'Sun, 22 Nov 2026 12:01:30 GMT'

const FAULTS: Readonly<Record<string, Fault>> = {
  'nothing at all': { expected: { class: 'written written written', rows: SYNCED, requests: 1 } },
  '429 with Retry-After in seconds': {
    toxic: answer(429, { 'retry-after': '7' }),
    expected: { class: 'throttle no 7000', rows: UNSENT },
  },
  '429 with Retry-After as a date': {
    toxic: answer(429, { 'retry-after': LATER, date: DATE }),
    expected: { class: 'throttle no 90000', rows: UNSENT },
  },
  '429 with Retry-After of hours': {
    toxic: answer(429, { 'retry-after': '7200' }),
    expected: { class: 'throttle no 7200000', rows: UNSENT, requests: 1, status: 'partial' },
  },
  '429 that says nothing': { toxic: answer(429), expected: { class: 'throttle no', rows: UNSENT } },
  '500 before the effect': { toxic: answer(500), expected: MAYBE },
  '500 after the effect': { toxic: answer(500, {}, true), expected: MAYBE },
  '503': { toxic: answer(503), expected: MAYBE },
  '503 with Retry-After': {
    toxic: answer(503, { 'retry-after': '7' }),
    expected: { class: 'throttle maybe 7000', rows: UNKNOWN },
  },
  '504 after the effect': { toxic: answer(504, {}, true), expected: MAYBE },
  'silence before the effect': { toxic: { kind: 'silence', effect: false }, expected: MUTE },
  'silence after the effect': { toxic: { kind: 'silence', effect: true }, expected: MUTE },
  'a reset amid the request': { toxic: { kind: 'reset-request' }, expected: MAYBE },
  'a reset amid the answer': { toxic: { kind: 'reset-response' }, expected: MAYBE },
  'an answer byte by byte that never ends': { toxic: { kind: 'drip', endless: true }, expected: MUTE },
  'an answer byte by byte': {
    toxic: { kind: 'drip', endless: false },
    expected: { class: 'written written written', rows: SYNCED, requests: 1 },
  },
  'JSON that ends in the middle': {
    toxic: { kind: 'half-json' },
    expected: MAYBE,
    but: { webhook: { class: 'maybe maybe maybe', rows: UNKNOWN, why: 'each row has a receipt of its own' } },
  },
  '200 with an error of one row': { hasBad: true, expected: ONE_BAD },
  'results in another order': {
    hasBad: true,
    toxic: { kind: 'changed', body: (body) => lists(body, (list) => [...list].reverse()) },
    expected: ONE_BAD,
    but: {
      salesforce: {
        class: 'written refused written',
        rows: 'synced absent synced',
        requests: 1,
        mends: false,
        why: 'the vendor promises the order of the request, and its results name no record',
      },
    },
  },
  'every result twice': {
    hasBad: true,
    toxic: { kind: 'changed', body: (body) => lists(body, (list) => list.flatMap((one) => [one, one])) },
    expected: ONE_BAD,
    but: {
      salesforce: {
        class: 'maybe maybe maybe',
        rows: UNKNOWN,
        mended: 'unknown synced synced',
        why: 'of six results for three records none is known',
      },
    },
  },
  'a redirect to inside': {
    toxic: answer(302, { location: 'http://169.254.169.254/latest/meta-data/' }),
    expected: { class: 'config no', rows: UNSENT, requests: 1, status: 'failed' },
  },
  'a certificate for another name': {
    server: CERTIFIER.issue(['other.example.com'], hours(24)),
    expected: REFUSED_ADDRESS,
  },
  'a certificate that has expired': { server: CERTIFIER.issue(NAMES, hours(-1)), expected: REFUSED_ADDRESS },
  'a certificate of an unknown authority': { server: authority().issue(NAMES, hours(24)), expected: REFUSED_ADDRESS },
  'TLS 1.0': {
    server: { versions: { max: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } },
    expected: { class: 'transient no', rows: UNSENT, requests: 0 },
  },
  'TLS 1.1': {
    server: { versions: { max: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } },
    expected: { class: 'transient no', rows: UNSENT, requests: 0 },
  },
  'a private address': { isPublic: true, expected: REFUSED_ADDRESS },
  'nobody there': { isDown: true, expected: { class: 'transient no', rows: UNSENT, requests: 0 } },
}

/** The lists of results in an answer of any of the vendors, changed. */
function lists(body: Json, change: (list: readonly Json[]) => readonly Json[]): Json {
  if (Array.isArray(body)) return change(body as readonly Json[])
  if (typeof body !== 'object' || body === null) return body
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [
      name,
      Array.isArray(value) ? change(value as readonly Json[]) : value,
    ]),
  )
}

const CELLS = Object.keys(FAULTS).flatMap((fault) => Object.keys(SUBJECTS).map((subject) => [fault, subject] as const))

describe('a fault on the wire', () => {
  test.each(CELLS)('%s: %s', async (faultName, subjectName) => {
    const [fault, subject] = [FAULTS[faultName], SUBJECTS[subjectName]]
    if (!fault || !subject) throw new Error('no such cell')
    const expected = fault.but?.[subjectName] ?? fault.expected
    const place = await open(subject, fault)

    const outcome = await place.run()
    expect(place.classes[0]).toBe(expected.class)
    expect(place.states()).toBe(expected.rows)
    expect(outcome.status).toBe(expected.status ?? 'ok')
    const requests = place.server.seen.filter(subject.isWrite).length
    if (expected.requests === undefined) expect(requests).toBeGreaterThanOrEqual(5)
    else expect(requests).toBe(expected.requests)
    if (expected.mends === false) return

    await place.mend()
    await place.run()
    const good = place.keys.filter((key) => key !== subject.bad.key)
    expect(place.states()).toBe(expected.mended ?? (fault.hasBad ? 'absent synced synced' : SYNCED))
    const held = place.server.contents().flatMap(({ rows }) => rows.map(subject.keyOf))
    expect(held.sort()).toEqual(good.sort())
    const before = place.server.seen.length
    expect(await place.run()).toMatchObject({ creates: 0, updates: 0, calls: 0 })
    expect(place.server.seen.length).toBe(before)
  })
})

interface Place {
  readonly server: ToxicServer
  /** How the connector understood each request, in words. */
  readonly classes: string[]
  readonly keys: readonly string[]
  run(): ReturnType<Bench['run']>
  /** What the ledger knows of the rows, in order; `-` = nothing. */
  states(): string
  /** Nothing goes wrong any more, and what may still land has landed. */
  mend(): Promise<void>
}

async function open(subject: Subject, fault: Fault): Promise<Place> {
  const server = await openServer(subject, fault.server)
  server.toxic = fault.toxic
  const world = {
    port: fault.isDown ? await closedPort() : server.port,
    isMute: isMute(fault.toxic),
    isPublic: fault.isPublic,
  }
  const bench = new Bench({
    mode: 'upsert',
    removes: false,
    fields: [{ name: subject.field, onNull: 'skip', write: 'always' }],
    matchFields: new Set(),
  })
  const keys = [fault.hasBad ? subject.bad.key : subject.keyed('a'), subject.keyed('b'), subject.keyed('c')]
  bench.rows = keys.map((key) => ({
    profileId: key,
    key: { [subject.key]: key },
    values: { [subject.field]: key === subject.bad.key ? subject.bad.value : 'Ada' },
  }))
  const classes: string[] = []
  const io = ioOf(subject, world)
  const channel = subject.connector.open(subject.account, io)
  const send: typeof channel.send = async (...given) => {
    try {
      const receipts = await channel.send(...given)
      const words = new Map(given[0].map((change, at) => [change.key[subject.key], wordOf(receipts[at])]))
      classes.push(keys.map((key) => words.get(key)).join(' '))
      return receipts
    } catch (error) {
      classes.push(classOf(error))
      throw error
    } finally {
      if (world.isMute) interrupt.abort()
    }
  }
  const interrupt = new AbortController()
  const { connector, account, into } = subject
  return {
    server,
    classes,
    keys,
    run: async () => {
      // A connection that is there: its making must not use up the little time of a request that is not answered.
      if (world.isMute) await io.fetch({ method: 'GET', url: `https://${subject.host}/warm` })
      return bench.run(
        { connector, account, into, channel: { ...channel, send } },
        world.isMute ? interrupt.signal : undefined,
      )
    },
    states: () => keys.map((key) => stateOf(bench, { [subject.key]: key })).join(' '),
    mend: async () => {
      server.toxic = undefined
      const healthy = fault.server ? await openServer(subject) : server
      if (healthy !== server) Object.assign(server, { contents: healthy.contents })
      Object.assign(world, { port: healthy.port, isMute: false, isPublic: undefined })
      bench.clock.time += 600_000
    },
  }
}

async function openServer(subject: Subject, more: Fault['server'] = {}): Promise<ToxicServer> {
  const certified: Certified = GOOD
  const server = await openToxicServer({ ...certified, ...more, vendor: subject.vendor(), isMeant: subject.isWrite })
  onTestFinished(() => server.close())
  return server
}

interface Wire {
  readonly port: number
  /** The vendor will not answer. */
  readonly isMute: boolean
  readonly isPublic: true | undefined
}

/** The vendor's own addresses, led to the test's port: the name that the certificate must carry stays. */
function ioOf(subject: Subject, wire: Wire): Io {
  return {
    fetch: (request) => {
      const url = new URL(request.url)
      url.port = String(wire.port)
      // A login or a look-up is answered at once, however busy the machine is.
      const isShort = wire.isMute && subject.isWrite({ method: request.method, path: url.pathname })
      const timeout = isShort ? SILENCE : 20_000
      return fetch({ ...request, url: url.href, timeout }, { allowPrivate: wire.isPublic === undefined })
    },
    now: () => Date.now(),
    files: openFiles('/nowhere'),
    sync: 'people',
    mode: 'upsert',
    columns: { key: [subject.key], fields: [subject.field] },
  }
}

function isMute(toxic: Toxic | undefined): boolean {
  return toxic?.kind === 'silence' || (toxic?.kind === 'drip' && toxic.endless)
}

function wordOf(receipt: Receipt | undefined): string {
  if (receipt?.outcome !== 'again') return receipt?.outcome ?? 'nothing'
  return receipt.applied === 'maybe' ? 'maybe' : 'again'
}

function classOf(error: unknown): string {
  if (!(error instanceof DestinationError)) return String(error)
  return [error.kind, error.applied, error.after].filter((part) => part !== undefined).join(' ')
}

function stateOf(bench: Bench, key: Readonly<Record<string, string>>): string {
  const row = [...bench.warehouse.snapshot.values()].find((one) => one.key_json === JSON.stringify(key))
  return row?.state ?? '-'
}

/** A port at which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
