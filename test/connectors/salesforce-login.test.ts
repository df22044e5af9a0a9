import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { standIn } from '../../src/connectors/connector.ts'
import type { Account } from '../../src/connectors/salesforce/account.ts'
import { salesforceStand, salesforceVendor } from '../../src/connectors/salesforce/emulator.ts'
import type { SalesforceOptions } from '../../src/connectors/salesforce/emulator-org.ts'
import { salesforce } from '../../src/connectors/salesforce/index.ts'
import { changeOf, NOW, openBench } from '../support/vendor.ts'

const KEYS = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})
const APP = { domain: 'acme', client_id: 'app', api_version: '67.0', max_api_usage: 0.8 }
const JWT: Account = { ...APP, private_key: KEYS.privateKey, username: 'cdp@acme.test' }
const PASSWORD: Account = {
  ...APP,
  client_secret: 'canary-secret',
  username: 'cdp@acme.test',
  password: 'canary-password',
  security_token: 'canaryToken',
}
const INTO = salesforce.into.parse({ object: 'Contact' })

async function sent(account: Account, options: Partial<SalesforceOptions> = {}, now = NOW) {
  const vendor = salesforceVendor({
    origin: 'https://acme.my.salesforce.com',
    clientId: 'app',
    clientSecret: 'canary-secret',
    jwt: { username: 'cdp@acme.test', audience: 'https://login.salesforce.com', publicKey: KEYS.publicKey },
    user: { username: 'cdp@acme.test', password: 'canary-passwordcanaryToken' },
    fields: new Map(),
    now: () => now,
    ...options,
  })
  const bench = await openBench(vendor, { columns: { key: ['Ext_Id__c'], fields: ['LastName'] } })
  const channel = salesforce.open(account, bench.io)
  const change = changeOf({ Ext_Id__c: 'u1' }, { LastName: 'L' })
  const error = await channel.send([change], INTO, { run: 'r', window: 0, batch: 0 }).then(
    () => undefined,
    (one: unknown) => one,
  )
  return { error, form: Object.fromEntries(new URLSearchParams(bench.seen[0]?.body)), seen: bench.seen }
}

describe('a login at Salesforce', () => {
  test('by JWT is signed with the private key, for the login host, for three minutes', async () => {
    const { error, form, seen } = await sent(JWT)
    expect(error).toBeUndefined()
    expect(form.grant_type).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer')
    const [header, claims] = (form.assertion ?? '').split('.').map((part) => Buffer.from(part, 'base64url').toString())
    expect(JSON.parse(header ?? '')).toEqual({ alg: 'RS256', typ: 'JWT' })
    expect(JSON.parse(claims ?? '')).toEqual({
      iss: 'app',
      sub: 'cdp@acme.test',
      aud: 'https://login.salesforce.com',
      exp: NOW / 1000 + 180,
    })
    expect(seen).toHaveLength(2)
  })

  test('by JWT takes a key whose lines a variable has joined', async () => {
    const { error } = await sent({ ...JWT, private_key: KEYS.privateKey.replaceAll('\n', '\\n') })
    expect(error).toBeUndefined()
  })

  test.each([
    ['https://acme.my.salesforce.com', undefined, 'https://login.salesforce.com'],
    ['https://acme--uat.sandbox.my.salesforce.com', undefined, 'https://test.salesforce.com'],
    ['https://acme--uat.sandbox.my.salesforce.com', 'https://site.acme.test', 'https://site.acme.test'],
  ])('by JWT at %s, told %s, is for %s', async (instance_url, audience, expected) => {
    const { form } = await sent({ ...JWT, domain: undefined, instance_url, audience })
    const claims = Buffer.from((form.assertion ?? '').split('.')[1] ?? '', 'base64url').toString()
    expect(JSON.parse(claims)).toMatchObject({ aud: expected })
  })

  const other = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  test.each<readonly [string, Account, number]>([
    ['invalid assertion', { ...JWT, private_key: other.privateKey }, NOW],
    ["user hasn't approved this consumer", { ...JWT, username: 'eve@acme.test' }, NOW],
    ['audience is invalid', { ...JWT, audience: 'https://test.salesforce.com' }, NOW],
    ['client identifier invalid', { ...JWT, client_id: 'other' }, NOW],
    ['expired authorization code', JWT, NOW + 600_000],
    ['authentication failure', { ...PASSWORD, security_token: undefined }, NOW],
    ['invalid client credentials', { ...PASSWORD, client_secret: 'canary-wrong' }, NOW],
  ])('is refused with "%s", without a secret', async (message, account, now) => {
    const { error } = await sent(account, {}, now)
    expect(error).toMatchObject({ kind: 'auth', code: 'no_login', applied: 'no' })
    expect(String(error)).toContain(message)
    expect(String(error)).not.toMatch(/canary|PRIVATE KEY|eyJ/)
  })

  test('with a text that is no private key says so without it', async () => {
    const { error, seen } = await sent({ ...JWT, private_key: 'canary-no-key' })
    expect(error).toMatchObject({ kind: 'auth', code: 'bad_private_key' })
    expect(String(error)).not.toContain('canary')
    expect(seen).toEqual([])
  })

  test('by password has the security token behind it', async () => {
    const { error, form } = await sent(PASSWORD)
    expect(error).toBeUndefined()
    expect(form).toEqual({
      grant_type: 'password',
      client_id: 'app',
      client_secret: 'canary-secret',
      username: 'cdp@acme.test',
      password: 'canary-passwordcanaryToken',
    })
  })

  test.each<readonly [string, object, boolean]>([
    ['client credentials', { client_secret: 's' }, true],
    ['JWT', { private_key: 'k', username: 'u' }, true],
    ['JWT for another audience', { private_key: 'k', username: 'u', audience: 'a' }, true],
    ['a password', { client_secret: 's', username: 'u', password: 'p' }, true],
    ['a password with a token', { client_secret: 's', username: 'u', password: 'p', security_token: 't' }, true],
    ['nothing', {}, false],
    ['a key without a user', { private_key: 'k' }, false],
    ['a key and a secret', { private_key: 'k', username: 'u', client_secret: 's' }, false],
    ['a key and a password', { private_key: 'k', username: 'u', client_secret: 's', password: 'p' }, false],
    ['a secret with a user', { client_secret: 's', username: 'u' }, false],
    ['a password without a secret', { username: 'u', password: 'p' }, false],
    ['a secret with an audience', { client_secret: 's', audience: 'a' }, false],
  ])('by %s: %j is one way to log in: %s', (_, login, isOne) => {
    const read = salesforce.account.safeParse({ domain: 'acme', client_id: 'app', ...login })
    expect(read.success).toBe(isOne)
    if (!isOne) expect(read.error?.message).toContain('needs exactly one login')
  })

  test.each([JWT, PASSWORD, { ...JWT, private_key: standIn('KEY') }, { ...APP, client_secret: standIn('SECRET') }])(
    'is known to what stands in for the account %#',
    async (account) => {
      const vendor = salesforceStand(account).vendor([], () => NOW)
      const bench = await openBench(vendor, { columns: { key: ['Ext_Id__c'], fields: ['LastName'] } })
      const change = changeOf({ Ext_Id__c: 'u1' }, { LastName: 'L' })
      const [receipt] = await salesforce.open(account, bench.io).send([change], INTO, { run: 'r', window: 0, batch: 0 })
      expect(receipt).toMatchObject({ outcome: 'written' })
    },
  )
})
