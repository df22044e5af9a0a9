import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/connectors/connector.ts'
import type { Vendor } from '../../src/connectors/sandbox/emulator.ts'
import { webhookStand } from '../../src/connectors/webhook/emulator.ts'
import { webhook } from '../../src/connectors/webhook/index.ts'
import { openAccount } from '../../src/project/secrets.ts'
import { inline } from '../support/inline.ts'
import { customerIo, iterable, loyalty } from '../support/recipes.ts'
import { NOW, openBench } from '../support/vendor.ts'
import { Bench } from '../unit/sync/harness.ts'

const PAGE = readFileSync(new URL('../../docs/destinations/webhook.md', import.meta.url), 'utf8')

/** The recipes of the page: title → the YAML of its first block. */
const RECIPES = new Map(
  PAGE.split('\n### ')
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf('\n')), /```yaml\n([\s\S]*?)```/.exec(part)?.[1] ?? '']),
)

const MODELS = `
sources:
  people:
    file: people.csv
    category: profile
    key: customer_no
    identifiers: { customer_no: customer_no, email: email }
    columns: { lifetime_value: { type: decimal } }
entities:
  customer: { identifiers: { customer_no: {}, email: { normalize: email } } }
traits:
  customer:
    customer_no: { pick: customer_no, from: [people], by: priority }
    email: { pick: email, from: [people], by: priority }
    first_name: { pick: first_name, from: [people], by: priority }
    lifetime_value: { pick: lifetime_value, from: [people], by: priority }
segments:
  vips: { where: lifetime_value > 1000 }
`

const LOCK = new Set<string>()

interface Recipe {
  readonly env: Readonly<Record<string, string>>
  vendor(): Vendor
  /** A value of the key, for the nth person. */
  key(n: number): string
  /** The field that holds the first name. */
  readonly name: string
  /** The field by which the vendor names people. */
  readonly held: string
}

const KNOWN: Readonly<Record<string, Recipe>> = {
  'Customer.io': {
    env: { CUSTOMER_IO_SITE_ID: 'site', CUSTOMER_IO_API_KEY: 'canary-customer-io' },
    vendor: () => customerIo('site', 'canary-customer-io'),
    key: (n) => `c-${n}`,
    name: 'first_name',
    held: 'id',
  },
  Iterable: {
    env: { ITERABLE_API_KEY: 'canary-iterable' },
    vendor: () => iterable('canary-iterable'),
    key: (n) => `P${n}@shop.test`,
    name: 'firstName',
    held: 'email',
  },
  "An API of one's own": {
    env: { LOYALTY_CLIENT_SECRET: 'canary-client', LOYALTY_SIGNING_KEY: 'canary-signing' },
    vendor: () => loyalty('canary-client', 'canary-signing', LOCK),
    key: (n) => `m/${n} ü`,
    name: 'name',
    held: 'id',
  },
}

/** The recipe as the command would open it: its YAML read in a project, its account with secrets, its engine. */
async function open(title: string, env: Readonly<Record<string, string>> = KNOWN[title]?.env ?? {}) {
  const recipe = KNOWN[title]
  const header = 'customer_no,email,first_name,lifetime_value\n'
  const files = { 'models/all.yaml': MODELS, 'people.csv': header, 'destinations/it.yaml': RECIPES.get(title) ?? '' }
  const made = await inline(files)
  const { project } = made
  await made.close()
  const destination = [...project.destinations.values()][0]
  const sync = [...project.syncs.values()][0]
  if (!recipe || !destination || !sync) throw new Error(`no recipe "${title}"`)
  const { account } = openAccount(destination, env, () => undefined)
  const columns = { key: sync.key.map((one) => one.theirs), fields: sync.fields.map((one) => one.theirs) }
  const bench = await openBench(recipe.vendor(), { columns, mode: sync.mode })
  const engine = new Bench({
    mode: sync.mode,
    leave: sync.onLeave?.verb ?? '',
    fields: sync.fields.map(({ theirs, onNull, write }) => ({ name: theirs, onNull, write })),
    matchFields: new Set(),
  })
  const opened = account as Parameters<typeof webhook.open>[0]
  const channel = webhook.open(opened, bench.io)
  return {
    bench,
    channel,
    audience: (people: Readonly<Record<number, string>>) => {
      engine.rows = Object.entries(people).map(([n, name]) => {
        const key = { [columns.key[0] ?? '']: recipe.key(Number(n)) }
        const values: Record<string, Json> = Object.fromEntries(columns.fields.map((field) => [field, `${field} ${n}`]))
        return { profileId: `p-${n}`, key, values: { ...values, [recipe.name]: name } }
      })
    },
    account: opened,
    columns,
    run: (to = channel) => engine.run({ connector: webhook, account, into: {}, channel: to }),
    held: () => {
      const rows = bench.emulator.contents()[0]?.rows ?? []
      return new Map(rows.map((row) => [String(row[recipe.held]).toLowerCase(), row[recipe.name]]))
    },
    expected: (people: Readonly<Record<number, string>>) =>
      new Map(Object.entries(people).map(([n, name]) => [recipe.key(Number(n)).toLowerCase(), name])),
  }
}

describe('the recipes of the page', () => {
  test('are those that are known here, and no other', () => {
    expect([...RECIPES.keys()]).toEqual(Object.keys(KNOWN))
  })

  test.each(Object.keys(KNOWN))(
    '%s: the receiver holds exactly the audience, and nothing is sent twice',
    async (title) => {
      const { bench, channel, audience, run, held, expected } = await open(title)
      await channel.check({})
      expect(bench.emulator.counters().writes).toBe(0)
      audience({ 1: 'Ada', 2: 'Bob', 3: 'Bad', 4: 'Dan', 5: 'O"Neil' })
      expect(await run()).toMatchObject({ status: 'ok', refused: 1 })
      expect(held()).toEqual(expected({ 1: 'Ada', 2: 'Bob', 4: 'Dan', 5: 'O"Neil' }))
      const before = bench.seen.length
      await run()
      expect(bench.seen.length).toBe(before)
      audience({ 1: 'Ada L.', 4: 'Dan', 6: 'Eve' })
      expect(await run()).toMatchObject({ status: 'ok' })
      expect(held()).toEqual(expected({ 1: 'Ada L.', 4: 'Dan', 6: 'Eve' }))
    },
  )

  test.each(Object.keys(KNOWN))(
    '%s: who is not there has left, and what was lost on the way is mended',
    async (title) => {
      const { bench, audience, run, held, expected } = await open(title)
      audience({ 1: 'Ada', 2: 'Bob' })
      await run()
      await bench.emulator.reset()
      audience({ 2: 'Bobby', 3: 'Cid' })
      let left = 1
      bench.fault = ({ method, path }) =>
        method !== 'GET' && !path.endsWith('/token') && left-- > 0
          ? { kind: 'answer', status: 503, effect: true }
          : undefined
      expect(await run()).toMatchObject({ status: 'ok' })
      expect(held()).toEqual(expected({ 2: 'Bobby', 3: 'Cid' }))
    },
  )

  test.each(Object.keys(KNOWN))('%s: wrong credentials stop the sync and are not shown', async (title) => {
    const env = Object.fromEntries(Object.keys(KNOWN[title]?.env ?? {}).map((name) => [name, 'canary-wrong']))
    const { channel, audience, run } = await open(title, env)
    const thrown: unknown = await channel.check({}).catch((one) => one)
    expect(thrown).toMatchObject({ kind: 'auth' })
    expect(String(thrown)).not.toContain('canary')
    audience({ 1: 'Ada' })
    const outcome = await run()
    expect(outcome.status).toBe('failed')
    expect(JSON.stringify(outcome)).not.toContain('canary')
  })

  test.each(Object.keys(KNOWN))('%s: in the sandbox every row is written, and once', async (title) => {
    const { audience, run, account, columns } = await open(title)
    const stand = webhookStand(account)
    const standIn = await openBench(
      stand.vendor([], () => NOW),
      { columns },
    )
    const channel = webhook.open(account, standIn.io)
    await channel.check({})
    audience({ 1: 'Ada', 2: 'Bob' })
    expect(await run(channel)).toMatchObject({ status: 'ok', written: 2, refused: 0 })
    audience({ 2: 'Bobby' })
    expect(await run(channel)).toMatchObject({ status: 'ok', written: 2, refused: 0 })
    const before = standIn.seen.length
    await run(channel)
    expect(standIn.seen.length).toBe(before)
    for (const { method, path } of standIn.seen) {
      const url = new URL(encodeURI(path), stand.isHost(new URL(account.url)) ? account.url : undefined)
      if (!path.endsWith('/token') && method !== 'GET')
        expect(stand.claims({ method: method as 'PUT', url: url.href }, url)).toBe(true)
    }
  })

  test('a member who is locked for the moment comes again', async () => {
    const { bench, audience, run, held, expected } = await open("An API of one's own")
    audience({ 1: 'Ada', 2: 'Bob' })
    LOCK.add('m/1 ü')
    let tries = 0
    bench.fault = ({ path }) => {
      if (path.includes('m/1') && ++tries === 3) LOCK.clear()
      return undefined
    }
    expect(await run()).toMatchObject({ status: 'ok' })
    expect(held()).toEqual(expected({ 1: 'Ada', 2: 'Bob' }))
    expect(tries).toBe(3)
  })
})
