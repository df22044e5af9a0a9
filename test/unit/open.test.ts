import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openEnvironment } from '../../src/commands/world.ts'
import type { HttpResponse } from '../../src/connectors/connector.ts'
import { connectors } from '../../src/connectors/index.ts'
import { credentialOf, openAccounts } from '../../src/open.ts'
import { readProject } from '../../src/project/read.ts'
import { openAccount } from '../../src/project/secrets.ts'
import type { Fetch } from '../../src/world.ts'
import { SANDBOX } from '../support/small-shop.ts'

const ENV = { SALESFORCE_CLIENT_ID: 'app', SALESFORCE_CLIENT_SECRET: 'canary' }

/** The Salesforce account of the small shop, twice, with a network of the test. */
async function open(fetch: Fetch) {
  const { environment } = openEnvironment(() => undefined, new AbortController().signal)
  const { warehouses, connectors } = environment
  const directory = join(import.meta.dirname, '../fixtures/small-shop')
  const request = { ...SANDBOX, directory, sandbox: false }
  const { project } = await readProject({ ...request, env: ENV, registries: { warehouses, connectors } })
  const [crm, sync] = [project?.destinations.get('crm'), project?.syncs.get('vips_to_crm')]
  if (!project || !crm || !sync) throw new Error('the small shop has changed')
  const destinations = new Map([...project.destinations, ['crm2', { ...crm, name: 'crm2' }]])
  const syncs = [sync, { ...sync, name: 'again', destination: 'crm2' }]
  const world = { ...environment.world, env: ENV, fetch }
  const opened = await openAccounts({ ...project, destinations }, syncs, request, { ...environment, world })
  const [one, other] = opened.syncs
  if (!one || !other) throw new Error('a sync is missing')
  return { one, other, into: sync.into }
}

const TOKEN: HttpResponse = { status: 200, headers: {}, body: '{"access_token":"x"}' }

describe('syncs of two destinations with one credential', () => {
  test('share a pace, which heeds what an answer to any of them says', async () => {
    const headers = { 'sforce-limit-info': 'api-usage=4500/5000' }
    const fetch: Fetch = async ({ url }) => (url.endsWith('/token') ? TOKEN : { status: 200, headers, body: '{}' })
    const { one, other, into } = await open(fetch)
    expect(other.pace).toBe(one.pace)
    expect(one.pace.closed).toBeUndefined()
    await expect(one.channel.check(into)).rejects.toMatchObject({ code: 'no_field' })
    expect(other.pace.closed).toMatchObject({ kind: 'postponed', until: undefined })
  })

  test('are cut off one by one', async () => {
    const signals: (AbortSignal | undefined)[] = []
    const { one, other, into } = await open(async (_, { signal }) => {
      signals.push(signal)
      return TOKEN
    })
    for (const { channel } of [one, other]) await channel.check(into).catch(() => undefined)
    one.cutOff()
    expect(new Set(signals.map((signal) => signal?.aborted))).toEqual(new Set([true, false]))
    expect(signals[0]?.aborted).toBe(true)
  })
})

/** The hash of an account as a project opens it: such an account shows its secrets to nobody who prints it. */
function hashOf(type: string, account: object): string {
  const connector = connectors().get(type)
  if (!connector) throw new Error(type)
  const opened = openAccount({ account, secrets: [] }, {}, { read: () => undefined } as never)
  return credentialOf(connector, opened.account)
}

test.each([
  ['mailchimp', { api_key: 'abc-us6' }, { api_key: 'abc-us6', server: 'us6' }],
  [
    'webhook',
    { url: 'https://a.example/one', secret: 's', batch: 5 },
    { url: 'https://a.example/two', secret: 's', batch: 9, method: 'PUT' },
  ],
  [
    'salesforce',
    { domain: 'acme', client_id: 'app', client_secret: 'x', api_version: '60.0' },
    { domain: 'acme', client_id: 'app', client_secret: 'x', api_version: '67.0' },
  ],
])('two destinations of type %s with one credential share one pace', (type, one, other) => {
  expect(hashOf(type, one)).toBe(hashOf(type, other))
})

test.each([
  ['mailchimp', { api_key: 'abc-us6' }, { api_key: 'abd-us6' }],
  ['webhook', { url: 'https://a.example/', secret: 's' }, { url: 'https://b.example/', secret: 's' }],
  ['webhook', { url: 'https://a.example/', headers: { a: '1' } }, { url: 'https://a.example/', headers: { a: '2' } }],
  ['salesforce', { domain: 'acme', client_id: 'app' }, { domain: 'other', client_id: 'app' }],
  ['file', { path: 'a' }, { path: 'b' }],
])('two destinations of type %s with different credentials do not', (type, one, other) => {
  expect(hashOf(type, one)).not.toBe(hashOf(type, other))
})

test('the same credential at two kinds of vendors is two', () => {
  expect(hashOf('mailchimp', { api_key: 'x' })).not.toBe(hashOf('file', { api_key: 'x' }))
})

test('what is kept of a credential shows nothing of it', () => {
  expect(hashOf('mailchimp', { api_key: 'canary-us6' })).toMatch(/^[0-9a-f]{64}$/)
})
