import { expect } from 'vitest'
import type { Connector, HttpRequest, HttpResponse, Io, Ms } from '../../src/connectors/connector.ts'
import { openFiles } from '../../src/connectors/files.ts'
import type { Vendor } from '../../src/connectors/sandbox/emulator.ts'
import type { Seen } from '../../src/connectors/sandbox/sandbox.ts'
import { memoryRows, type Rows } from '../../src/connectors/sandbox/store.ts'
import { draftSync } from '../../src/sync/draft.ts'
import { planSync, sendSync } from '../../src/sync/engine.ts'
import type { SyncJob } from '../../src/sync/job.ts'
import { ModelLedger } from '../../src/sync/model-ledger.ts'
import type { ModelRow, ModelSync } from '../../src/sync/model-rows.ts'
import { modelWarehouse } from '../../src/sync/model-warehouse.ts'
import { Pace } from '../../src/sync/pace.ts'
import { ALL } from '../support/all.ts'
import { Timeline } from '../support/timeline.ts'
import type { HttpSubject as Subject } from './subject.ts'

/** Everyday a part stands for all. */
const ROWS = ALL ? 100_000 : 5_000

/** Of changes, which some vendors take one by one. */
const CHANGES = ALL ? 100_000 : 1_000

/** The report rounds minutes up to tenths. */
const ROUNDING: Ms = 6_000

/**
 * At the vendor's own limits, with its clock and ours handed in: a first run is refused nothing, and takes the calls and
 * the time that its plan foresees, within 10 %. Jobs are waited for, as a run does.
 */
export async function expectForeseen<A, T>(subject: Subject<A, T>): Promise<void> {
  const timeline = new Timeline()
  const city = openCity(subject, timeline)
  const { estimate } = await through(timeline, draftSync(city.job('plan')))
  if (estimate === undefined) throw new Error('the plan foresees nothing')

  const from = timeline.now()
  const sending = planSync(city.job('run')).then((planned) => sendSync(planned))
  const outcome = await through(timeline, sending)
  expect(outcome).toMatchObject({ status: 'ok', creates: ROWS, again: 0, refused: 0 })
  expect(outcome.written + outcome.accepted).toBe(ROWS)
  expect(city.refused()).toEqual([])
  near(city.calls(), estimate.calls, 1)
  near(timeline.now() - from, estimate.minutes * 60_000, ROUNDING)
}

/** The same of what comes later: every row changes, and then all but one leave. */
export async function expectChangesForeseen<A, T>(subject: Subject<A, T>): Promise<void> {
  const timeline = new Timeline()
  const city = openCity(subject, timeline, { removes: true, rows: CHANGES })
  const send = async (name: string) => {
    const from = { time: timeline.now(), calls: city.calls() }
    const outcome = await through(timeline, planSync(city.job(name)).then(sendSync))
    expect(outcome).toMatchObject({ status: 'ok', again: 0, refused: 0 })
    return { calls: city.calls() - from.calls, ms: timeline.now() - from.time }
  }
  const asForeseen = async (name: string) => {
    const { estimate } = await through(timeline, draftSync(city.job(`plan ${name}`)))
    if (estimate === undefined) throw new Error('the plan foresees nothing')
    const sent = await send(name)
    near(sent.calls, estimate.calls, 1)
    near(sent.ms, estimate.minutes * 60_000, ROUNDING)
  }
  await send('first')

  city.people.forEach((person, n) => {
    city.people[n] = { ...person, values: subject.row(n + CHANGES).fields }
  })
  await asForeseen('updates')
  city.people.length = 1
  await asForeseen('removals')
  expect(city.refused()).toEqual([])
}

/** `slack` is what rounding may do besides. */
function near(counted: number, foreseen: number, slack: number): void {
  expect(counted).toBeGreaterThanOrEqual(foreseen * 0.9 - slack)
  expect(counted).toBeLessThanOrEqual(foreseen * 1.1 + slack)
}

async function through<R>(timeline: Timeline, work: Promise<R>): Promise<R> {
  let ended = false
  const end = () => {
    ended = true
  }
  work.then(end, end)
  while (!ended) await timeline.drain()
  return work
}

/** One sync of many rows, over the ledger in plain TypeScript, to a vendor that is reached without a network. */
function openCity<A, T>(subject: Subject<A, T>, timeline: Timeline, { removes = false, rows = ROWS } = {}) {
  const { connector, account, into, columns } = subject
  const people = Array.from({ length: rows }, (_, n): ModelRow => {
    const { key, fields } = subject.row(n)
    return { profileId: `p${n}`, key, values: fields }
  })
  const warehouse = modelWarehouse(
    () => timeline.now(),
    () => people,
  )
  const volume = { upsert: rows, remove: 0 }
  const { takes = 1_000 } = connector.limits(account, into, volume).upsert
  const wire = wireTo(
    subject.vendor(() => timeline.now()),
    timeline,
    subject.takes ?? (() => takes),
    subject.isWrite,
  )
  const mode = connector.modes.includes('upsert') ? 'upsert' : (connector.modes[0] ?? 'upsert')
  const io: Io = {
    fetch: wire.fetch,
    now: () => timeline.now(),
    files: openFiles('/nowhere'),
    sync: 'city',
    mode,
    columns,
  }
  const job = (runId: string): SyncJob => ({
    name: 'city',
    destination: 'vendor',
    onLeave: removes ? subject.leave : undefined,
    onWithdraw: undefined,
    guard: { maxRemoved: 1, maxChanged: 1 },
    delivers: 'changes',
    connector: connector as Connector<unknown, unknown>,
    account,
    into,
    channel: connector.open(account, io),
    ledger: new ModelLedger(
      warehouse,
      modelSync(subject, mode, removes),
      { lease: 600_000, settlesWithin: 300_000 },
      7,
    ),
    settlesWithin: 300_000,
    pace: new Pace(timeline),
    world: { clock: timeline, random: () => 0.5 },
    runId,
    holder: runId,
    isDead: () => false,
  })
  return { job, people, calls: wire.calls, refused: wire.refused }
}

function modelSync<A, T>({ columns }: Subject<A, T>, mode: ModelSync['mode'], removes: boolean): ModelSync {
  return {
    name: 'city',
    mode,
    removes,
    whole: false,
    fields: columns.fields.map((name) => ({ name, onNull: 'skip', write: 'always' })),
    matchFields: new Set(),
    leave: 'remove',
    withdraws: false,
    asks: false,
    withdraw: 'withdraw',
  }
}

/** The vendor at the other end of a wire on which a write takes its time, and a login or a look-up none. */
function wireTo(
  vendor: Vendor,
  timeline: Timeline,
  takes: (request: Seen) => Ms,
  isWrite: Subject<unknown, unknown>['isWrite'],
) {
  const rows: Rows = memoryRows()
  let [calls, atOnce] = [0, 0]
  const refused: number[] = []
  const fetch = async (request: HttpRequest): Promise<HttpResponse> => {
    const seen = seenOf(request, ++calls, ++atOnce)
    const answer = vendor.answer(seen, rows)
    if (answer.status === 429 || answer.status >= 500) refused.push(answer.status)
    if (isWrite(seen)) await timeline.sleep(takes(seen))
    atOnce -= 1
    const body =
      answer.body === undefined ? '' : typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
    return { status: answer.status, headers: lowerCased(answer.headers ?? {}), body }
  }
  return { fetch, calls: () => calls, refused: () => refused }
}

function seenOf({ method, url, headers = {}, body = '' }: HttpRequest, number: number, atOnce: number) {
  const { pathname, searchParams: query } = new URL(url)
  return { number, method, path: decodeURIComponent(pathname), query, headers: lowerCased(headers), body, atOnce }
}

function lowerCased(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
