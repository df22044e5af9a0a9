import { setTimeout } from 'node:timers/promises'
import type { Change, Channel } from '../../src/connectors/connector.ts'
import { asFailure } from '../../src/error.ts'
import { exitCode } from '../../src/report.ts'
import { planSync, sendSync } from '../../src/sync/engine.ts'
import type { SyncJob, SyncOutcome } from '../../src/sync/job.ts'
import { Pace } from '../../src/sync/pace.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import type { Clock } from '../../src/world.ts'
import { POSTGRES_NOW } from '../support/engines.ts'
import { connectTo } from '../support/postgres.ts'
import { type Ask, CONTEST, CONTESTED, type Contest, type Ended, type Sent } from './contest.ts'
import { SqlPlace } from './sql-place.ts'

// A process that sends one sync whenever it is asked to. Nothing in it is made for tests but the place of the rows and
// the address of the vendor: engine, ledger and session are those of the product, the clock is the machine's.

const clock: Clock = {
  now: () => performance.now(),
  wall: () => new Date(),
  sleep: async (ms, signal) => {
    await setTimeout(ms, undefined, signal && { signal }).catch(() => undefined)
  },
}

const contest = JSON.parse(process.argv[2] ?? '') as Contest
const session = await connectTo(contest.database, { idle: CONTEST.idle })
process.on('message', (ask: Ask) => {
  run(session, ask).then((ended) => process.send?.(ended))
})
process.send?.({ kind: 'ready' })

async function run(session: Session, { runId, build, holder }: Ask): Promise<Ended> {
  const place = new SqlPlace({ session, engine: POSTGRES_NOW }, contest.schema, CONTESTED, CONTEST)
  place.build = build
  try {
    const outcome = await sendSync(await planSync(jobOf(place, runId, holder)))
    return { kind: 'ended', runId, exit: exitCode({ syncs: [outcome] }), calls: outcome.calls, said: saidBy(outcome) }
  } catch (error) {
    return { kind: 'ended', runId, exit: 1, calls: 0, said: [asFailure(error).message] }
  }
}

function saidBy({ diagnostics }: SyncOutcome): readonly string[] {
  return diagnostics.map(({ severity, message }) => `${severity}: ${message}`)
}

function jobOf(place: SqlPlace, runId: string, holder: string): SyncJob {
  const limit = { rows: 2, bytes: 1_000_000, calls: 1_000, perMs: 1_000, inFlight: 2 }
  return {
    name: CONTESTED.name,
    destination: 'vendor',
    onLeave: { verb: 'remove' },
    onWithdraw: { verb: 'withdraw' },
    guard: { maxRemoved: 1 },
    delivers: 'changes',
    connector: { limits: () => ({ upsert: limit, remove: limit }) },
    account: {},
    into: {},
    channel: channelOf(runId),
    ledger: place.open(),
    settlesWithin: CONTEST.settlesWithin,
    pace: new Pace(clock),
    world: { clock, random: Math.random },
    runId,
    holder,
    isDead: (other) => !isAlive(Number(other.split(':').at(-1))),
    timing: { lease: CONTEST.lease, margin: CONTEST.margin, windowRows: 12, windowMs: 1_000, wait: 0 },
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function channelOf(runId: string): Channel<unknown> {
  return {
    check: async () => undefined,
    async send(batch) {
      const sent: Sent = { runId, changes: batch.map(changeOf) }
      const response = await fetch(contest.vendor, { method: 'POST', body: JSON.stringify(sent) })
      await response.text()
      return batch.map(() => ({ outcome: 'written' }))
    },
  }
}

function changeOf({ op, key, fields }: Change): Sent['changes'][number] {
  return { key: String(key.k), value: op === 'remove' ? null : String(fields.v) }
}
