import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ledgerTables } from '../../src/compile/ledger-tables.ts'
import { from, type Sql, sql } from '../../src/sql/sql.ts'
import type { ModelRow } from '../../src/sync/model-rows.ts'
import type { PostgresOptions } from '../../src/warehouses/postgres.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { POSTGRES_NOW } from '../support/engines.ts'
import { connectTo, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { type Ask, CONTEST, CONTESTED, type Contest, type Ended, type Sent } from './contest.ts'
import type { Dice } from './random.ts'
import { SqlPlace } from './sql-place.ts'

/** What happens to one of the processes in a round. */
export type Fault = 'none' | 'short stop' | 'long stop' | 'kill'

/** What was seen in a round. */
export interface Round {
  readonly fault: Fault
  readonly violations: readonly string[]
  readonly runs: number
  /** Runs that found the sync taken. */
  readonly lockedOut: number
  readonly requests: number
  /** Requests of a living process that reached the vendor after one of a newer holder. */
  readonly overlaps: number
}

const SCHEMA = 'contest'
const PROCESSES = 3
const KEYS = 24

/** Real processes that contend for one sync in one Postgres, and a vendor that remembers. Made by `openArena`. */
export class Arena {
  readonly #server: PostgresServer
  readonly #session: Session
  readonly #place: SqlPlace
  readonly #vendor: Vendor
  readonly #contest: Contest
  readonly #program: string
  #contenders: ChildProcess[] = []
  #values = new Map<string, string>()
  /** The process of each run. */
  readonly #pids = new Map<string, number>()
  #version = 0
  #runs = 0

  constructor(parts: {
    readonly server: PostgresServer
    readonly session: Session
    readonly vendor: Vendor
    readonly database: PostgresOptions
    readonly program: string
  }) {
    this.#server = parts.server
    this.#session = parts.session
    this.#vendor = parts.vendor
    this.#program = parts.program
    this.#place = new SqlPlace({ session: parts.session, engine: POSTGRES_NOW }, SCHEMA, CONTESTED, CONTEST)
    this.#contest = { database: parts.database, schema: SCHEMA, vendor: parts.vendor.address }
  }

  async open(): Promise<void> {
    await this.#place.create()
    this.#contenders = await Promise.all(Array.from({ length: PROCESSES }, () => this.#start()))
  }

  async close(): Promise<void> {
    await Promise.all(this.#contenders.map(ended))
    this.#vendor.close()
    await this.#session.close()
    await this.#server.stop()
  }

  /** Rows change, all processes start about at once, one of them meets a fault; then all must come right. */
  async round(fault: Fault, dice: Dice): Promise<Round> {
    this.#edit(dice)
    await this.#place.write(this.#rows())
    const before = await this.#marks()
    this.#vendor.requests = []
    const victim = dice.below(PROCESSES)
    const runs = this.#contenders.map(async (child, index) => {
      await setTimeout(index === victim ? 0 : dice.below(150))
      return this.#run(child)
    })
    const killed = await this.#strike(victim, fault, dice)
    const endings = (await Promise.all(runs)).filter((one) => one !== undefined)
    const { requests } = this.#vendor
    const overlaps = await this.#overlaps(killed)
    const calm = await this.#settle()
    const isOverlapWrong = overlaps > 0 && fault !== 'long stop'
    const violations = [
      ...(isOverlapWrong ? [`${overlaps} requests came after those of a newer holder`] : []),
      ...endings.flatMap((one) => this.#wrongIn(one, fault)),
      ...calm,
      ...regressions(before, await this.#marks()),
    ]
    return {
      fault,
      violations,
      runs: endings.length,
      lockedOut: endings.filter(({ exit }) => exit === 5).length,
      requests: requests.length,
      overlaps,
    }
  }

  async #start(): Promise<ChildProcess> {
    const child = fork(this.#program, [JSON.stringify(this.#contest)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`a contender ended with ${code}`))),
    ])
    return child
  }

  /** Undefined where the process was killed meanwhile. */
  async #run(child: ChildProcess): Promise<Ended | undefined> {
    const runId = `run-${++this.#runs}`
    this.#pids.set(runId, child.pid ?? 0)
    const ask: Ask = { runId, holder: `${runId}:${child.pid}`, build: this.#place.build }
    const over = new AbortController()
    const { signal } = over
    try {
      const answer = Promise.race([
        once(child, 'message', { signal }).then(([message]) => message as Ended),
        once(child, 'exit', { signal }).then(() => undefined),
      ])
      if (child.exitCode === null && child.signalCode === null) child.send(ask)
      else return undefined
      return await answer
    } finally {
      over.abort()
    }
  }

  /** The process id of the victim where it was killed. */
  async #strike(victim: number, fault: Fault, dice: Dice): Promise<number | undefined> {
    const child = this.#contenders[victim]
    if (fault === 'none' || child === undefined) return undefined
    await setTimeout(dice.below(400))
    if (fault === 'kill') {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      this.#contenders[victim] = await this.#start()
      return child.pid
    }
    child.kill('SIGSTOP')
    await setTimeout(fault === 'short stop' ? dice.below(CONTEST.margin / 2) : CONTEST.lease + dice.below(600))
    child.kill('SIGCONT')
    return undefined
  }

  /** Runs of one process alone, until nothing waits; then one more, which must send nothing. */
  async #settle(): Promise<readonly string[]> {
    const [child] = this.#contenders
    if (child === undefined) return ['there is no process']
    for (let attempt = 0; attempt < 40; attempt++) {
      const ending = await this.#run(child)
      if (ending?.exit === 0) {
        const again = await this.#run(child)
        const unchanged = again?.exit === 0 && again.calls === 0 ? [] : [`unchanged rows were sent: ${say(again)}`]
        return [...unchanged, ...this.#differences()]
      }
      // Rows of a run that was killed wait until what it sent must have landed, a stopped one's until its lease is over.
      await setTimeout(100)
    }
    return ['it did not come to rest']
  }

  #differences(): readonly string[] {
    const { rows } = this.#vendor
    const wrong = [...this.#values].filter(([key, value]) => rows.get(key) !== value)
    const orphans = [...rows.keys()].filter((key) => !this.#values.has(key))
    return [
      ...wrong.map(([key, value]) => `${key} should be ${value} and is ${rows.get(key)}`),
      ...orphans.map((key) => `${key} is an orphan`),
    ]
  }

  /** Whoever finds the sync taken says so in one line and sends nothing. */
  #wrongIn(ending: Ended, fault: Fault): readonly string[] {
    const { exit, calls, said } = ending
    if (exit === 5) {
      const isQuiet = calls === 0 && said.length === 1 && said[0]?.startsWith('warning: ')
      return isQuiet ? [] : [`locked out, but not quietly: ${say(ending)}`]
    }
    // The server ends the transaction of a process that was stopped within one; that run fails, and says so.
    const mayFail = fault === 'long stop' && exit === 1
    return exit === 0 || exit === 3 || mayFail ? [] : [`ended wrongly: ${say(ending)}`]
  }

  /** Requests of living processes that reached the vendor after those of a newer holder. */
  async #overlaps(killed: number | undefined): Promise<number> {
    const fences = await this.#fences()
    let newest = 0
    let overlaps = 0
    for (const runId of this.#vendor.requests) {
      const fence = fences.get(runId) ?? 0
      if (fence < newest && this.#pids.get(runId) !== killed) overlaps += 1
      newest = Math.max(newest, fence)
    }
    return overlaps
  }

  #edit(dice: Dice): void {
    for (let key = 0; key < KEYS; key++) {
      const draw = dice.next()
      if (draw < 0.6) this.#values.set(`k${key}`, `v${++this.#version}`)
      else if (draw < 0.75) this.#values.delete(`k${key}`)
    }
    this.#values.set('k0', `v${++this.#version}`)
  }

  #rows(): readonly ModelRow[] {
    return [...this.#values].map(([key, value]) => ({ profileId: `p-${key}`, key: { k: key }, values: { v: value } }))
  }

  async #fences(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#ask(sql`
      select run_id, fence
      from ${from(ledgerTables(SCHEMA, CONTESTED.name).event)}
      where event = 'claimed'`)
    return new Map(rows.map(({ run_id, fence }) => [String(run_id), Number(fence)]))
  }

  /** What may only ever rise: the fence, and of each key the last fence and the revision. */
  async #marks(): Promise<ReadonlyMap<string, number>> {
    const { sync, snapshot } = ledgerTables(SCHEMA, CONTESTED.name)
    if ((await this.#session.columns(sync)) === undefined) return new Map()
    const rows = await this.#ask(sql`
      select 'fence' as what, fence as mark from ${from(sync)}
      union all
      select key_json || ' last fence', last_fence from ${from(snapshot)}
      union all
      select key_json || ' revision', rev from ${from(snapshot)}`)
    return new Map(rows.map(({ what, mark }) => [String(what), Number(mark)]))
  }

  async #ask(query: Sql): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const all = sql`select json_agg(t) as rows from (${query}) as t`
    const row = await this.#session.first({ statement: { name: 'look', reason: 'a test', sql: all } })
    return JSON.parse(row?.rows ?? '[]')
  }
}

/** Starts server, vendor and processes. */
export async function openArena(): Promise<Arena> {
  const server = await startPostgres()
  const database = await server.database()
  const [session, program, vendor] = await Promise.all([connectTo(database), compiled(), openVendor()])
  const arena = new Arena({ server, session, vendor, database, program })
  await arena.open()
  return arena
}

/** A destination that keeps rows, and takes a little time. */
interface Vendor {
  readonly address: string
  readonly rows: ReadonlyMap<string, string>
  /** The run of each request, in the order of arrival. */
  requests: string[]
  close(): void
}

async function openVendor(): Promise<Vendor> {
  const rows = new Map<string, string>()
  const server: Server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { runId, changes } = JSON.parse(body) as Sent
    vendor.requests.push(runId)
    // Slow enough for a run to plan while another one's window is under way: without a lease that would show.
    await setTimeout(20 + ((vendor.requests.length * 37) % 80))
    for (const { key, value } of changes) {
      if (value === null) rows.delete(key)
      else rows.set(key, value)
    }
    response.end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const vendor: Vendor = {
    address: `http://127.0.0.1:${port}`,
    rows,
    requests: [],
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
  return vendor
}

/** The program of a contender: compiled, because Node 20 runs no TypeScript, and within the repository for its packages. */
async function compiled(): Promise<string> {
  const repository = join(import.meta.dirname, '../..')
  const folder = join(repository, 'node_modules/.cache/contender')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const options = ['--ignoreConfig', '--noCheck', '--outDir', folder, '--rootDir', repository]
  const language = ['--module', 'nodenext', '--target', 'es2023', '--rewriteRelativeImportExtensions']
  const tsc = join(repository, 'node_modules/typescript/bin/tsc')
  const child = spawn(process.execPath, [tsc, ...options, ...language, join(import.meta.dirname, 'contender.ts')], {
    cwd: repository,
    stdio: 'inherit',
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`tsc ended with ${code}`)
  return join(folder, 'test/simulation/contender.js')
}

function regressions(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): readonly string[] {
  return [...before].flatMap(([what, mark]) => {
    const now = after.get(what)
    return now === undefined || now >= mark ? [] : [`${what} went back from ${mark} to ${now}`]
  })
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

function say(ending: Ended | undefined): string {
  return JSON.stringify(ending ?? 'killed')
}
