import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { explain, status } from '../../src/answers.ts'
import { openEnvironment } from '../../src/commands/world.ts'
import type { Environment, Request } from '../../src/environment.ts'
import { adopt, reconcile, verify } from '../../src/ledger-compare.ts'
import { rekey } from '../../src/ledger-rekey.ts'
import { resetState, showState } from '../../src/ledger-reset.ts'
import { log, retry, unlock } from '../../src/mending.ts'
import { run } from '../../src/pipeline.ts'
import { apply, plan } from '../../src/plan.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { ALL } from '../support/all.ts'
import { connectTo } from '../support/postgres.ts'
import { type SharedPostgres, sharedPostgres } from '../support/shared-postgres.ts'
import { change, loadAll, shopOn } from '../support/shop-tables.ts'
import { changeBack, changeMuch, SANDBOX, warehouseOf } from '../support/small-shop.ts'

let server: SharedPostgres
beforeAll(async () => {
  server = await sharedPostgres()
})

// Everyday the ledger's own tests run on Postgres.
test.skipIf(!ALL)(
  'every command tells the same of a project on Postgres as of the same one on DuckDB',
  { timeout: 0 },
  async () => {
    const database = await server.database()
    const there = await story(
      `{ type: postgres, host: ${database.host}, database: ${database.database}, user: test }`,
      () => connectTo(database),
    )
    const here = await story('{ type: duckdb, path: .cdp/warehouse.duckdb, threads: 1 }', (directory) =>
      duckdb.connect({ path: warehouseOf(directory), threads: 1 }, { directory, mode: 'write' }),
    )
    expect([...there.keys()]).toEqual([...here.keys()])
    for (const [step, told] of there) expect(told, step).toEqual(here.get(step))
  },
)

type Story = ReadonlyMap<string, unknown>

/** What commands tell one after the other, by step; without what is another each time. */
async function story(target: string, open: (directory: string) => Promise<Session>): Promise<Story> {
  const directory = await shopOf(target)
  const { told, tell } = telling(directory)
  const load = async () => {
    const session = await open(directory)
    await loadAll(directory, session)
    await session.close()
  }
  const sync = 'readers_to_newsletter'
  await load()
  await tell(run)
  await tell(run)
  await changeMuch(directory)
  await load()
  const { plan: file } = await tell(plan, { keep: true, showValues: true, moves: true })
  if (file === undefined) throw new Error('the plan was not kept')
  // Some have withdrawn since the plan was made.
  await sayAll(directory, (index) => (index % 20 === 0 ? 'no' : 'yes'))
  await load()
  await tell(apply, { file, override: true })
  await tell(status)
  await tell(explain, { arguments: ['email:hugo.01@mail.example'], entity: undefined, showValues: true })
  const all = { sync: undefined, person: undefined, outcome: undefined, since: undefined, limit: 100, showValues: true }
  await tell(log, all)
  await tell(log, { ...all, outcome: 'written' })
  await tell(log, { ...all, outcome: 'listed' })
  await tell(log, { ...all, person: 'email:hugo.01@mail.example', since: '2020-01-01T00:00:00Z' })
  await tell(verify, { sync, rows: 10_000 })
  await tell(reconcile, { sync })
  await tell(retry, { compliance: true })
  await tell(unlock, { sync, force: false })
  await tell(resetState, { sync, sure: true })
  await tell(showState)
  await tell(adopt, { sync, from: { kind: 'destination' } })
  await changeBack(directory)
  await load()
  await change(join(directory, 'destinations/hook.yaml'), 'key: card', 'key: { number: customer_no }')
  await change(join(directory, 'destinations/exports.yaml'), 'vips_to_file:', 'vips_in_file:\n    was: vips_to_file')
  await tell(run)
  await tell(rekey, { sync: 'quiet_to_hook' })
  await tell(run)
  await tell(showState)
  return told
}

type Command<T, A extends readonly unknown[]> = (request: Request, environment: Environment, ...asked: A) => Promise<T>

/** Commands in one folder, and what each told. */
function telling(directory: string) {
  const told = new Map<string, unknown>()
  let runs = 0
  async function tell<T, A extends readonly unknown[]>(command: Command<T, A>, ...asked: A): Promise<T> {
    const { environment, close } = openEnvironment(() => undefined, new AbortController().signal)
    const world = { ...environment, warehouses: WAREHOUSES, runId: () => `run-${++runs}`, holder: 'here' }
    const found = await command({ ...SANDBOX, directory }, world, ...asked)
    await close()
    told.set(`${told.size + 1}. ${command.name}`, steady(found))
    return found
  }
  return { told, tell }
}

/** Postgres cannot be named in a project yet. */
const WAREHOUSES = new Map<string, unknown>([
  ['duckdb', duckdb],
  ['postgres', postgres],
]) as unknown as Environment['warehouses']

/** The small shop where the sources are tables of the target, people say to what they agree, and orders are sent. */
async function shopOf(target: string): Promise<string> {
  const directory = await shopOn(target)
  const asks = '    purpose: news\n    on_withdraw: unsubscribe\n'
  await appendFile(join(directory, 'destinations/newsletter.yaml'), asks)
  await appendFile(join(directory, 'destinations/exports.yaml'), '    purpose: news\n')
  await appendFile(join(directory, 'destinations/crm.yaml'), '    purpose: service\n')
  await writeFile(join(directory, 'models/consent.yaml'), CONSENT)
  await appendFile(join(directory, 'destinations/hook.yaml'), ROWS)
  await sayAll(directory, (index) => (index % 10 === 3 ? 'no' : 'yes'))
  return directory
}

const CONSENT = `
sources:
  consents: { table: raw.consents, category: consent, updated_at: said_at, identifiers: { person_id: person_id } }
consent: { source: consents, status: status, purpose: purpose, at: said_at, granted: [yes] }
purposes: { news: { basis: consent }, service: { basis: contract } }
`

const ROWS = `    purpose: service
  orders_to_hook:
    to: hook
    source: orders
    start_at: 2026-01-01
    where: amount >= 50
    exclude: [quiet]
    purpose: news
    fields: { amount: amount, at: ordered_at, text: "{{order_id}} of {{customer.first_name}}" }
  people_to_hook:
    to: hook
    source: people
    purpose: service
    mode: mirror
    fields: { city: city, spent: { trait: customer.spent, on_null: clear } }
`

/** What each of the sixty has said of the news. */
async function sayAll(directory: string, says: (index: number) => string): Promise<void> {
  const rows = Array.from(
    { length: 60 },
    (_, at) => `P${`${at + 1}`.padStart(3, '0')},news,${says(at)},2026-10-01 09:00:00`,
  )
  await writeFile(join(directory, 'data/consents.csv'), `person_id,purpose,status,said_at\n${rows.join('\n')}\n`)
}

/** The same without times of the machine, durations, and what the target is; syncs end in any order. */
function steady(value: unknown): unknown {
  const text = JSON.stringify(value, (name, each) => {
    if (name === 'places') return [...each].sort((a, b) => (a.place < b.place ? -1 : 1))
    return UNSTEADY.has(name) && each !== null ? '~' : each
  })
  return JSON.parse(text)
}

const UNSTEADY: ReadonlySet<string> = new Set([
  ...['ms', 'at', 'started_at', 'made_at', 'began_at', 'ended_at', 'first_synced_at', 'last_synced_at', 'meaning'],
  ...['hold_until', 'created_at'],
])
