import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Pool } from 'undici'
import { createFetch } from '../src/connectors/http.ts'
import { connectors } from '../src/connectors/index.ts'
import type { Project, Sync } from '../src/project/project.ts'
import { readProject } from '../src/project/read.ts'
import { planSync, sendSync } from '../src/sync/engine.ts'
import type { SyncJob } from '../src/sync/job.ts'
import type { Ledger } from '../src/sync/ledger.ts'
import { Pace } from '../src/sync/pace.ts'
import { openLedger } from '../src/sync/sql-ledger.ts'
import { duckdb } from '../src/warehouses/duckdb.ts'
import { warehouses } from '../src/warehouses/index.ts'
import type { Session } from '../src/warehouses/warehouse.ts'
import { realClock } from '../test/support/warehouse.ts'
import { best, measure, plain, print, ratio } from './measure.ts'

/*
 * Syncs at size. A plan with nothing to do against the bare query: fingerprints and a full outer join on the key.
 * Sending over loopback HTTP against a bare client with the same bodies. Memory while a large audience is first sent.
 */

const { values } = parseArgs({
  options: {
    audience: { type: 'string', default: '10000000' },
    sent: { type: 'string', default: '1000000' },
    times: { type: 'string', default: '1' },
    steps: { type: 'boolean', default: false },
    part: { type: 'string' },
  },
})
const BATCH = 500
const AT_ONCE = 8
/** For what is timed: neither side spills, or fails as the bare query does at 1 GB. */
const ROOMY = '8GB'
/** For what is weighed. */
const MEMORY_LIMIT = '1GB'

/** What runs in the vendor's process: it reads what it is sent, as any vendor must, and counts the rows and what is spent. */
const SERVER = `
const { createServer } = require('node:http')
let rows = 0, spent = 0
const server = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    for (const { fields } of JSON.parse(Buffer.concat(chunks).toString()).changes) {
      rows += 1
      spent += fields.spent
    }
    response.end('{}')
  })
})
server.listen(0, '127.0.0.1')
const ready = new Promise((resolve) => server.on('listening', resolve))
process.on('message', async (what) => {
  await ready
  if (what === 'port') process.send(server.address().port)
  else { process.send({ rows, spent }); rows = spent = 0 }
})
`

/** Key and fingerprint as a careful analyst would write them: null is not empty text, and 12.50 is 12.5. */
const FINGERPRINTS = `
  select '{"id":"' || user_id || '"}' as key_json,
    md5(concat_ws(
      chr(31),
      coalesce('email=' || email, 'email~'),
      coalesce('first=' || first_name, 'first~'),
      coalesce('spent=' || regexp_replace(spent::text, '\\.0+$|(\\.\\d*[1-9])0+$', '\\1'), 'spent~')
    )) as fp
  from _cdp.b1_customer`

/** The same fingerprints, joined with what was acknowledged. */
const BARE = `
  select count(*) as n
  from (${FINGERPRINTS}) as m
  full outer join (select key_json, fp, state from bare.snapshot) as s on s.key_json = m.key_json
  where m.fp is distinct from s.fp`

await run()

async function run(): Promise<void> {
  const [audience, sent] = [Number(values.audience), Number(values.sent)]
  print(
    `${audience.toLocaleString('en-US')} rows planned, ${sent.toLocaleString('en-US')} rows sent in batches of ${BATCH}`,
  )
  const vendor = await openVendor()
  const directory = mkdtempSync(join(tmpdir(), 'cdp-bench-'))
  try {
    const project = await projectOf(directory, vendor.url)
    const isWanted = (part: string) => values.part === undefined || values.part === part
    // What is weighed comes first: what has been freed since then may not have been given back to the machine.
    if (isWanted('memory')) await filling(directory, project, audience)
    if (isWanted('plan')) await planning(directory, project, audience)
    if (isWanted('send')) await sending(directory, project, sent, vendor)
  } finally {
    await vendor.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function planning(directory: string, project: Project, rows: number): Promise<void> {
  await within(directory, { name: 'plan', limit: ROOMY }, async (session) => {
    await audienceOf(session, rows)
    const job = jobOf(session, project)
    await acknowledge(session, job)
    const times = Number(values.times)
    const bare = await best(times, () => session.first(plain(BARE)))
    let counts: unknown
    const plan = await best(times, async () => {
      counts = await job.ledger.plan(undefined, undefined)
    })
    print(`  a plan with nothing to send / the bare query                   ${ratio(plan.ms / bare.ms, 1.5)}`)
    expectCounts(counts, { creates: 0, updates: 0, removes: 0, unchanged: rows })
  })
}

async function sending(directory: string, project: Project, rows: number, vendor: Vendor): Promise<void> {
  await within(directory, { name: 'send', limit: ROOMY }, async (session) => {
    await audienceOf(session, rows)
    const job = jobOf(session, project)
    const ours = await sent(job)
    const got = await vendor.got()
    if (got.rows !== rows) throw new Error('the vendor got other rows')
    const bodies = await bodiesOf(session, rows)
    const bare = await measure(() => post(vendor.url, bodies))
    if ((await vendor.got()).spent !== got.spent) throw new Error('the bare client sent something else')
    print(`  rows a second, sent / by a bare client with the same bodies    ${atLeast(bare.ms / ours, 0.6)}`)
  })
}

async function filling(directory: string, project: Project, rows: number): Promise<void> {
  await within(directory, { name: 'fill', limit: MEMORY_LIMIT }, async (session) => {
    await audienceOf(session, rows)
    const start = process.memoryUsage().rss
    const { peak } = await measure(() => sent(jobOf(session, project)))
    const beside = Math.round((start + peak) / 2 ** 20 - 1024)
    const missed = beside > 300 ? ', MISSED' : ''
    print(
      `  most resident memory less DuckDB's limit (${MEMORY_LIMIT}), in MB          ${beside} (aim: at most 300${missed})`,
    )
  })
}

function atLeast(value: number, aim: number): string {
  return `${value.toFixed(2)} x (aim: at least ${aim} x${value < aim ? ', MISSED' : ''})`
}

/** Plans, then sends; how long sending took. */
async function sent(job: SyncJob): Promise<number> {
  const spent = new Map<string, number>()
  const timed = values.steps ? { ...job, ledger: watched(job.ledger, spent) } : job
  const planned = await measure(() => planSync(timed))
  const before = new Map(spent)
  const sending = await measure(() => sendSync(planned.result))
  if (sending.result.status !== 'ok') throw new Error(JSON.stringify(sending.result))
  if (values.steps) {
    const asked = [...spent].map(([name, ms]) => `${name} ${Math.round(ms - (before.get(name) ?? 0))}`)
    print(`    planned in ${Math.round(planned.ms)} ms, sent in ${Math.round(sending.ms)} ms: ${asked.join(', ')}`)
  }
  return sending.ms
}

/** A ledger that notes how long its answers took, in ms by method. */
function watched(ledger: Ledger, spent: Map<string, number>): Ledger {
  return new Proxy(ledger, {
    get(of, name) {
      const member: unknown = Reflect.get(of, name)
      if (typeof member !== 'function') return member
      return (...given: unknown[]) => {
        const began = performance.now()
        const answer: unknown = member.apply(of, given)
        if (!(answer instanceof Promise)) return answer
        return answer.finally(() => spent.set(String(name), (spent.get(String(name)) ?? 0) + performance.now() - began))
      }
    },
  })
}

/** A database of its own, closed and deleted afterwards. */
async function within(
  directory: string,
  { name, limit }: { readonly name: string; readonly limit: string },
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const options = duckdb.options.parse({ path: `${name}.duckdb`, memory_limit: limit })
  const session = await duckdb.connect(options, { directory, mode: 'write' })
  try {
    await work(session)
  } finally {
    await session.close()
    rmSync(join(directory, `${name}.duckdb`), { force: true })
  }
}

/** The profiles of a build, as if it had been made. */
async function audienceOf(session: Session, rows: number): Promise<void> {
  await session.script([
    plain('create schema if not exists _cdp'),
    plain(`
      create table _cdp.b1_customer as
      select
        md5(i::text) as profile_id, 'u' || i as user_id, 'person.' || i || '@mail.example' as email,
        ['Ann', 'Bob', 'Zoé', 'Oscar'][(1 + i % 4)::int] as first_name, (i % 1000)::decimal(12, 2) as spent
      from range(${rows}) as t(i)`),
    plain("create table _cdp.b1_clock as select timestamptz '2026-03-01 12:00:00Z' as now"),
    plain('create table _cdp.b1_customer_suppressed (profile_id text, scope text)'),
    plain(`
      create table _cdp.customer_profile_ids as
      select row_number() over () as anchor, profile_id, null::bigint as merged_into from _cdp.b1_customer`),
    plain('create table _cdp.b1_customer_ids (anchor bigint, profile_id text, merged_into bigint)'),
    ...['suppression', 'b1_suppression'].map((name) =>
      plain(`create table _cdp.${name} (ident_type text, ident_hash text, scope text, reason text, "at" timestamptz)`),
    ),
  ])
}

/** Everybody was sent and acknowledged: the snapshot that a first run would leave. */
async function acknowledge(session: Session, job: SyncJob): Promise<void> {
  await job.ledger.prepare()
  const claimed = await job.ledger.claim({ runId: 'bench', holder: 'bench', dead: undefined })
  if (claimed.kind !== 'held') throw new Error('nobody else is here')
  await job.ledger.plan(claimed.lease, undefined)
  const [snapshot, plan] = await Promise.all(['snap', 'plan'].map((kind) => tableLike(session, kind)))
  await session.script([
    plain(`
      insert into _cdp.${snapshot} (key_hash, key_json, profile_id, state, known, fp, ident, rev, last_fence, last_run_id)
      select key_hash, key_json, profile_id, 'synced', true, fp, ident, rev, 1, 'bench' from _cdp.${plan}`),
    plain('create schema bare'),
    plain(`create table bare.snapshot as select key_json, fp, state from _cdp.${snapshot}`),
    plain(`
      update bare.snapshot as s set fp = m.fp
      from (${FINGERPRINTS}) as m
      where m.key_json = s.key_json`),
  ])
  await job.ledger.finish(claimed.lease, { event: 'done', counts: {} })
}

async function tableLike(session: Session, kind: string): Promise<string> {
  const row = await session.first(
    plain(
      `select max(table_name) as name from duckdb_tables() where schema_name = '_cdp' and table_name like '${kind}%'`,
    ),
  )
  return row?.name ?? ''
}

function expectCounts(counts: unknown, wanted: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(wanted)) {
    const got = (counts as Readonly<Record<string, unknown>>)[name]
    if (got !== value) throw new Error(`${name}: ${got}, but ${value} is right`)
  }
}

function jobOf(session: Session, project: Project): SyncJob {
  const sync = [...project.syncs.values()][0] as Sync
  const destination = project.destinations.get(sync.destination)
  const connector = connectors().get(destination?.type ?? '')
  if (connector === undefined) throw new Error('no connector')
  const account = connector.account.parse(destination?.account)
  const fetch = createFetch()
  const context = { project, dialect: session.dialect }
  const world = { clock: realClock, random: Math.random }
  const columns = { key: ['id'], fields: ['email', 'first', 'spent'] }
  const io = {
    fetch: (request: Parameters<typeof fetch>[0]) => fetch(request, { allowPrivate: true }),
    now: () => Date.now(),
    files: undefined as never,
    sync: sync.name,
    mode: sync.mode,
    columns,
  }
  return {
    name: sync.name,
    destination: sync.destination,
    onLeave: sync.onLeave,
    onWithdraw: undefined,
    guard: sync.guard,
    segment: undefined,
    onMappingChange: undefined,
    delivers: 'changes',
    connector,
    account,
    into: sync.into,
    channel: connector.open(account, io),
    ledger: openLedger({ context, sync, schema: '_cdp', connector, session, build: 1, settlesWithin: 0 }),
    settlesWithin: 0,
    pace: new Pace(realClock),
    world,
    runId: `bench-${Math.random()}`,
    holder: 'bench',
    isDead: () => false,
  }
}

async function projectOf(directory: string, url: string): Promise<Project> {
  const write = (path: string, what: object) => writeFileSync(join(directory, path), JSON.stringify(what))
  mkdirSync(join(directory, 'models'), { recursive: true })
  mkdirSync(join(directory, 'destinations'), { recursive: true })
  write('cdp.config.yaml', {
    name: 'bench',
    warehouse: 'local',
    warehouses: { local: { type: 'duckdb', path: 'bench.duckdb' } },
    now: '2026-03-01T12:00:00Z',
  })
  write('models/all.yaml', {
    sources: {
      people: {
        table: 'raw.people',
        category: 'profile',
        key: 'user_id',
        identifiers: { user: 'user_id' },
        columns: { email: { type: 'text' }, first_name: { type: 'text' }, spent: { type: 'decimal' } },
      },
    },
    entities: { customer: { identifiers: { user: {} } } },
    traits: {
      customer: Object.fromEntries(
        ['user_id', 'email', 'first_name', 'spent'].map((name) => [
          name,
          { pick: name, from: 'people', by: 'priority' },
        ]),
      ),
    },
  })
  write('destinations/hook.yaml', {
    destinations: { hook: { type: 'webhook', url, batch: BATCH, allow_private: true, settles_within: '0' } },
    syncs: {
      everybody: {
        to: 'hook',
        audience: 'customer',
        mode: 'mirror',
        key: { id: 'user_id' },
        fields: { email: 'email', first: 'first_name', spent: 'spent' },
      },
    },
  })
  const registries = { warehouses: warehouses(), connectors: connectors() }
  const { project, diagnostics } = await readProject({ directory, env: {}, registries })
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  if (project === undefined || errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'))
  return project
}

/** The bodies of a first run, made beforehand. */
async function bodiesOf(session: Session, rows: number): Promise<readonly string[]> {
  const bodies: string[] = []
  const columns = ['user_id', 'email', 'first_name', 'spent']
  let open: object[] = []
  for await (const page of session.read({ schema: '_cdp', name: ['b1_customer'] }, columns, 5_000))
    for (let row = 0; row < page.rows; row++) {
      const [key, email, first, spent] = page.columns.map((cells) => cells[row])
      open.push({ op: 'create', key, fields: { email, first, spent: Number(spent) } })
      if (open.length === BATCH) {
        bodies.push(JSON.stringify({ sync: 'everybody', changes: open }))
        open = []
      }
    }
  if (bodies.length !== Math.floor(rows / BATCH)) throw new Error('rows are missing')
  return bodies
}

async function post(url: string, bodies: readonly string[]): Promise<void> {
  const { origin, pathname } = new URL(url)
  const pool = new Pool(origin, { connections: AT_ONCE })
  let next = 0
  const worker = async () => {
    for (let at = next++; at < bodies.length; at = next++) {
      const { body } = await pool.request({
        path: pathname,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: bodies[at] ?? '',
      })
      await body.text()
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  await pool.close()
}

interface Vendor {
  readonly url: string
  /** What came since the last time this was asked. */
  got(): Promise<{ readonly rows: number; readonly spent: number }>
  close(): Promise<void>
}

/** A vendor on a thread of its own, which reads what it is sent and says yes. */
async function openVendor(): Promise<Vendor> {
  const vendor = spawn(process.execPath, ['--eval', SERVER], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ask = <T>(what: string) =>
    new Promise<T>((resolve) => {
      vendor.once('message', (said) => resolve(said as T))
      vendor.send(what)
    })
  const port = await ask<AddressInfo['port']>('port')
  return {
    url: `http://127.0.0.1:${port}/hook`,
    got: () => ask('got'),
    close: async () => {
      vendor.kill()
      await once(vendor, 'exit')
    },
  }
}
