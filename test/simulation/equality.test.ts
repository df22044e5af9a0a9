import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { leaveText } from '../../src/compile/changes.ts'
import { ACK_COLUMNS, SNAPSHOT_COLUMNS } from '../../src/compile/ledger-tables.ts'
import type { Json } from '../../src/connectors/connector.ts'
import type { Ack, Lease, Ledger, Outcome, PlannedChange } from '../../src/sync/ledger.ts'
import { mappingChange } from '../../src/sync/mapping.ts'
import { ModelLedger } from '../../src/sync/model-ledger.ts'
import type { ModelField, ModelRow, ModelSync } from '../../src/sync/model-rows.ts'
import { type ModelWarehouse, modelWarehouse } from '../../src/sync/model-warehouse.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { ALL } from '../support/all.ts'
import { counted } from '../support/counted.ts'
import { ENGINES, type Engine } from '../support/engines.ts'
import { Dice } from './random.ts'
import { type Answer, type PlainRow, plainRow, SqlPlace } from './sql-place.ts'

/** So many everyday, by kind of warehouse: on a server a history takes several times as long. */
const EVERYDAY = ALL ? { duckdb: 100, postgres: 15 } : { duckdb: 30, postgres: 6 }
const FROM = Number(process.env.FROM ?? 1)
const STEPS = Number(process.env.STEPS ?? 9)
const DAY = 86_400_000
const TIMING = { lease: 40_000, settlesWithin: 15_000 }

describe.each(ENGINES)('on $title', (engine) => {
  const histories = Number(process.env.HISTORIES ?? EVERYDAY[engine.type])
  let warehouse: Awaited<ReturnType<Engine['start']>>
  let session: Session
  beforeAll(async () => {
    warehouse = await engine.start()
    session = await warehouse.open()
  })
  afterAll(async () => {
    await session.close()
    await warehouse.stop()
  })

  test(`the ledger in SQL and the one in TypeScript tell the same of ${histories} random histories`, {
    timeout: 0,
  }, async () => {
    const seen = { rebased: 0, heldBack: 0, refused: 0, unfit: 0, renamed: 0, nobodys: 0, strangers: 0 }
    for (let seed = FROM; seed < FROM + histories; seed++) await new History({ session, engine }, seed, seen).run()
    // Histories in which something never happens say nothing of it.
    if (histories >= EVERYDAY.duckdb)
      for (const [what, rows] of Object.entries(seen)) expect(rows, what).toBeGreaterThan(0)
    counted('equality', { [`histories on ${engine.title}`]: histories, failing: 0 })
  })
})

/** Rows of all histories. */
interface Seen {
  rebased: number
  heldBack: number
  refused: number
  unfit: number
  /** Claims that moved the ledger to a new name. */
  renamed: number
  nobodys: number
  /** Removals of rows that were never sent. */
  strangers: number
}

interface Open {
  readonly lease: Lease
  changes: readonly PlannedChange[]
  readonly told: Set<number>
  /** The build of which its plan was made. */
  readonly build: number
  intent: number
}

/** The same random operations on both ledgers, compared after each. */
class History {
  readonly #dice: Dice
  #sync: ModelSync
  readonly #place: SqlPlace
  readonly #warehouse: ModelWarehouse
  #model: Ledger
  readonly #seed: number
  readonly #session: Session
  readonly #seen: Seen
  #sql: Ledger
  #now = 1_000_000
  #rows: readonly ModelRow[] = []
  #run = 0
  /** Is the ledger kept under the present name of the sync? */
  #isMoved = true
  /** Claims, the newest last: older ones are fenced, and may still act. */
  #leases: Open[] = []

  constructor(on: { readonly session: Session; readonly engine: Engine }, seed: number, seen: Seen) {
    this.#session = on.session
    this.#seed = seed
    this.#seen = seen
    this.#dice = new Dice(seed)
    this.#sync = syncFrom(this.#dice)
    this.#place = new SqlPlace(on, `h${seed}`, this.#sync, TIMING)
    this.#warehouse = modelWarehouse(
      () => this.#now,
      () => this.#rows,
    )
    this.#model = new ModelLedger(this.#warehouse, this.#sync, TIMING, 5)
    this.#sql = this.#place.open()
  }

  async run(): Promise<void> {
    await this.#place.create()
    await this.#place.setTime(this.#now)
    await this.#edit()
    const steps = this.#dice.chance(0.5) ? await this.#quietRun() : STEPS
    for (let step = 0; step < steps; step++) {
      await this.#pass(this.#dice.pick([0, 1_000, 7_000, 16_000, 50_000, 4_000_000]))
      await this.#step()
    }
    await this.#compareTables()
    await this.#session.script([
      {
        statement: {
          name: 'drop',
          reason: 'test',
          sql: { parts: [{ kind: 'code', text: `drop schema h${this.#seed} cascade` }] },
        },
      },
    ])
  }

  async #step(): Promise<void> {
    const dice = this.#dice
    const open = this.#leases.at(-1 - dice.below(Math.min(2, this.#leases.length || 1)))
    const act = dice.below(100)
    if (act < 10) await this.#edit()
    else if (act < 15) await this.#remap()
    else if (act < 25) await this.#consents(open)
    else if (!open || act < 40) await this.#claim()
    else if (act < 70) await this.#flush(open)
    else if (act < 85) {
      expect(await this.#sql.merge(open.lease)).toBe(await this.#model.merge(open.lease))
      await this.#compareTables()
    } else if (act < 90) await this.#settle(open.lease)
    else if (act < 94) await this.#confess(open)
    else if (act < 95) {
      const compliance = this.#dice.chance(0.5)
      await this.#both((ledger) => ledger.retry(open.lease, compliance))
      await this.#compareTables()
    } else if (act < 98) {
      const counts: Readonly<Record<string, number>> = dice.chance(0.5) ? { asked: 40, agreed: dice.below(41) } : {}
      const event = dice.pick(['done', 'done', 'blocked'] as const)
      await this.#both((ledger) => ledger.finish(open.lease, { event, counts }))
    } else await this.#both((ledger) => ledger.surrender(open.lease, { event: 'failed', counts: {} }))
  }

  /** A run in which nearly everything is written, so that there is something to change; returns the steps that are left. */
  async #quietRun(): Promise<number> {
    await this.#claim()
    const open = this.#leases.at(-1)
    if (!open) return STEPS
    const { lease, changes } = open
    await this.#both((ledger) => ledger.flush(lease, { acks: [], intent: changes.length }))
    const acks = changes.map(({ seq }) => (this.#dice.chance(0.9) ? written(seq) : this.#ack(seq)))
    await this.#both((ledger) => ledger.flush(lease, { acks }))
    await this.#both((ledger) => ledger.merge(lease))
    await this.#both((ledger) => ledger.finish(lease, { event: 'done', counts: {} }))
    await this.#compareTables()
    this.#leases = []
    if (this.#dice.chance(0.6)) await this.#remap()
    if (this.#dice.chance(0.3)) await this.#edit()
    return STEPS - 3
  }

  async #pass(ms: number): Promise<void> {
    this.#now += ms
    if (ms > 0) await this.#place.setTime(this.#now)
  }

  async #edit(): Promise<void> {
    const dice = this.#dice
    const value = (values: readonly Json[]) => dice.pick(values)
    if (this.#sync.rows) return this.#editRows()
    this.#rows = Array.from({ length: 7 }, (_, index): ModelRow[] => {
      if (dice.chance(0.3)) return []
      const key = dice.chance(0.15) ? undefined : { k: `k${dice.chance(0.1) ? dice.below(7) : index}` }
      const values = {
        v: value(['a', 'b', 'é"\\\n', '', null]),
        n: value([1, 2, -3, null]),
        b: value([true, false, null]),
        c: value(['x', 'y', null]),
      }
      return [{ profileId: `p${index}`, key, values, excluded: dice.chance(0.1), ...this.#barred() }]
    }).flat()
    await this.#place.write(this.#rows)
    await this.#reopen()
  }

  /** Several rows of one person, and rows of nobody: for them nobody has agreed. */
  async #editRows(): Promise<void> {
    const dice = this.#dice
    const nobody = this.#sync.asks ? ({ barred: 'consent' } as const) : {}
    const owners = Array.from({ length: 2 }, (_, index) => ({
      profileId: `p${index}`,
      excluded: dice.chance(0.3),
      ...this.#barred(),
    }))
    this.#rows = Array.from({ length: 8 }, (_, index): ModelRow[] => {
      if (dice.chance(0.2)) return []
      const key = dice.chance(0.2) ? undefined : { k: `k${dice.chance(0.2) ? dice.below(8) : index}` }
      const values = { v: dice.pick(['a', 'b', '', null]), n: dice.pick([1, 2, null]), b: dice.pick([true, null]) }
      return [
        {
          key,
          values: { ...values, c: dice.pick(['x', null]) },
          ...dice.pick([...owners, { profileId: null, ...nobody }]),
        },
      ]
    }).flat()
    this.#seen.nobodys += this.#rows.filter(
      ({ profileId, barred }) => profileId === null && barred === undefined,
    ).length
    await this.#place.write(this.#rows)
    await this.#reopen()
  }

  /** The fields of the sync are edited: one is added, removed, fed by another trait or moved. */
  async #remap(): Promise<void> {
    this.#sync = { ...this.#sync, fields: edited(this.#dice, this.#sync.fields) }
    this.#place.remap(this.#sync)
    await this.#reopen()
    this.#model = new ModelLedger(this.#warehouse, this.#sync, TIMING, 5)
  }

  /** As a new process does, which has to find the ledger. */
  async #reopen(): Promise<void> {
    this.#sql = this.#place.open()
    await this.#sql.prepare()
  }

  #barred(): Pick<ModelRow, 'barred'> {
    const reasons = this.#sync.asks ? (['consent', 'suppressed'] as const) : (['suppressed'] as const)
    return this.#dice.chance(0.2) ? { barred: this.#dice.pick(reasons) } : {}
  }

  async #claim(): Promise<void> {
    const runId = `run-${++this.#run}`
    const isRenamed = this.#run > 1 && this.#dice.chance(0.2)
    // Before the next name the ledger must have come to the last one.
    if (isRenamed && this.#isMoved) {
      this.#place.rename(`Sync of "${runId}"`)
      // A build keeps rows under the name that their sync has.
      await this.#place.write(this.#rows)
      this.#isMoved = false
      await this.#reopen()
    }
    const dead = this.#dice.chance(0.3) ? this.#leases.at(-1)?.lease.holder : undefined
    const from = this.#dice.chance(0.1) ? this.#leases.at(-1)?.lease.holder : undefined
    const claim = { runId, holder: `holder of ${runId}`, dead, from }
    const [mine, theirs] = [await this.#sql.claim(claim), await this.#model.claim(claim)]
    expect(mine.kind).toBe(theirs.kind)
    if (mine.kind === 'taken') return expect(mine.holder).toBe(theirs.kind === 'taken' ? theirs.holder : '')
    expect(mine).toEqual(theirs)
    const { lease } = mine
    if (!this.#isMoved) this.#seen.renamed += 1
    this.#isMoved = true
    await this.#both((ledger) => ledger.recover(lease))
    await this.#compareTables()
    const limit = this.#dice.chance(0.2) ? this.#dice.below(4) : undefined
    const change = await this.#both(async (ledger) => mappingChange(await ledger.standing()))
    const how = { rebase: change !== undefined && this.#dice.chance(0.7), holdRemovals: this.#dice.chance(0.2) }
    if (this.#sync.owned && this.#dice.chance(0.8)) await this.#survey(lease)
    const counts = await this.#both((ledger) => ledger.plan(lease, limit, how))
    this.#seen.strangers += counts.strangers
    this.#seen.rebased += counts.rebased
    if (how.holdRemovals) this.#seen.heldBack += counts.owed.removes
    const changes = (await this.#pages((ledger) => ledger.changes(lease))).flat()
    if (this.#sync.whole) await this.#pages((ledger) => ledger.desired(lease))
    this.#leases.push({ lease, changes, told: new Set(), build: this.#place.build, intent: 0 })
  }

  /** People say something else, and are asked again before they would be sent. */
  async #consents(open: Open | undefined): Promise<void> {
    const dice = this.#dice
    await this.#say()
    if (!open || !this.#sync.asks || open.build !== this.#place.build) return
    const lo = 1 + dice.below(3)
    const hi = lo + dice.below(7)
    const now = await this.#both((ledger) => ledger.consents(open.lease, lo, hi))
    if (this.#sync.whole) await this.#both((ledger) => ledger.allConsents(open.lease))
    this.#seen.refused += now?.refused.size ?? 0
    if (now?.isEmpty || now?.isStale) this.#seen.unfit += 1
  }

  async #say(): Promise<void> {
    const dice = this.#dice
    const people = dice.chance(0.1) ? [] : Array.from({ length: 7 }, (_, index) => `p${index}`)
    const age = dice.chance(0.2) ? 3 * DAY : dice.below(DAY)
    const answers = people.flatMap((profileId): readonly Answer[] => {
      const yes = { profileId, status: 'yes', at: this.#now - age } as const
      const no = { profileId, status: 'no', at: yes.at - (dice.chance(0.3) ? 1_000 : 0) } as const
      // Said at once, a no wins; an older one does not.
      return dice.pick([[yes], [yes], [no], [no, yes], []])
    })
    const { feed } = this.#warehouse
    feed.isEmpty = answers.length === 0
    feed.isStale = answers.length === 0 || answers.every(({ at }) => this.#now - at > 2 * DAY)
    feed.refused.clear()
    for (const profileId of people) {
      const mine = answers.filter((one) => one.profileId === profileId)
      const last = Math.max(...mine.map(({ at }) => at))
      if (mine.length === 0 || mine.some(({ status, at }) => status === 'no' && at === last))
        feed.refused.add(profileId)
    }
    await this.#place.say(answers)
  }

  /** The destination holds some of our keys, in whatever case it likes, and some of others. */
  async #survey(lease: Lease): Promise<void> {
    const keys = Array.from({ length: 10 }, (_, index) => `k${index}`).filter(() => this.#dice.chance(0.6))
    const told = keys.map((key) =>
      JSON.stringify({ k: this.#sync.foldsKeys && this.#dice.chance(0.5) ? key.toUpperCase() : key }),
    )
    const pages = [told.slice(0, 3), told.slice(3)].filter((page) => page.length > 0)
    await this.#both((ledger) => ledger.survey(lease, each(pages)))
  }

  async #flush(open: Open): Promise<void> {
    const dice = this.#dice
    const intended = open.changes.filter((change) => change.seq <= open.intent && !open.told.has(change.seq))
    const acks = intended.filter(() => dice.chance(0.7)).map((change) => this.#ack(change.seq))
    const intent = Math.min(open.changes.length, open.intent + dice.below(4))
    const flush = dice.chance(0.2) ? { acks } : { acks, intent }
    const isOurs = await this.#both((ledger) => ledger.flush(open.lease, flush))
    if (!isOurs) return
    open.intent = intent
    for (const ack of acks) open.told.add(ack.lo)
  }

  #ack(seq: number): Ack {
    const dice = this.#dice
    const outcome = dice.pick<Outcome>([
      'written',
      'written',
      'refused',
      'compliance',
      'unknown',
      'submitted',
      'unsent',
    ])
    return {
      lo: seq,
      hi: seq,
      outcome,
      ...((outcome === 'unknown' || dice.chance(0.2)) && outcome !== 'unsent' && { hold: dice.below(15_000) }),
      ...(outcome === 'submitted' && { job: `job-${dice.below(3)}` }),
      ...((outcome === 'refused' || outcome === 'compliance') && { code: 'bad', message: 'It is "bad".' }),
      ...(outcome === 'written' && dice.chance(0.5) && { destinationId: `id-${seq}` }),
    }
  }

  async #settle(lease: Lease): Promise<void> {
    const byKey = (rows: Awaited<ReturnType<Ledger['submitted']>>) =>
      [...rows].sort((a, b) => (a.keyHash < b.keyHash ? -1 : 1))
    const waiting = byKey(await this.#sql.submitted(lease))
    expect(waiting).toEqual(byKey(await this.#model.submitted(lease)))
    const dice = this.#dice
    const settled = waiting
      .filter(() => dice.chance(0.6))
      .map(({ keyHash, job }) => {
        const { outcome, lo: _lo, hi: _hi, job: _job, ...rest } = this.#ack(1)
        return { ...rest, keyHash, job, outcome: outcome === 'submitted' ? ('unsent' as const) : outcome }
      })
    await this.#both((ledger) => ledger.settle(lease, settled))
    await this.#compareTables()
  }

  /** Each run confesses once. */
  async #confess(open: Open): Promise<void> {
    const rows = open.changes.filter(() => this.#dice.chance(0.5))
    if (rows.length === 0) return
    await this.#both((ledger) => ledger.confess(open.lease, rows))
    open.changes = []
  }

  async #both<T>(act: (ledger: Ledger) => Promise<T>): Promise<T> {
    const [mine, theirs] = [await act(this.#sql), await act(this.#model)]
    expect(mine, `seed ${this.#seed}`).toEqual(theirs)
    return mine
  }

  async #pages<T>(open: (ledger: Ledger) => AsyncIterable<readonly T[]>): Promise<readonly (readonly T[])[]> {
    const all = async (ledger: Ledger) => {
      const rows: T[] = []
      for await (const page of open(ledger)) rows.push(...page)
      return [rows]
    }
    return this.#both(all)
  }

  async #compareTables(): Promise<void> {
    const { snapshot, acks } = await this.#place.contents()
    const expected = [...this.#warehouse.snapshot.values()].map((row) => plainRow({ ...row }, SNAPSHOT_COLUMNS))
    expect(sorted(snapshot), `seed ${this.#seed}`).toEqual(sorted(expected))
    // The model has no use for hashes and blocks.
    const { key_hash: _hash, block: _block, ...columns } = ACK_COLUMNS
    const told = this.#warehouse.acks.map((row) => plainRow({ ...row }, columns))
    expect(sorted(acks.map((row) => plainRow(row, columns))), `seed ${this.#seed}`).toEqual(sorted(told))
  }
}

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values
}

function sorted(rows: readonly PlainRow[]): readonly PlainRow[] {
  return [...rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

function written(seq: number): Ack {
  return { lo: seq, hi: seq, outcome: 'written' }
}

function edited(dice: Dice, fields: readonly ModelField[]): readonly ModelField[] {
  const at = dice.below(fields.length)
  const draw = dice.below(4)
  if (draw === 0 && fields.length > 1) return fields.filter((_, index) => index !== at)
  if (draw === 1) return [...fields.slice(at), ...fields.slice(0, at)]
  const onNull = dice.pick(['skip', 'clear'] as const)
  const free = ['v', 'n', 'b', 'c', 'w'].filter((name) => fields.every((field) => field.name !== name))
  const [name] = free
  if (draw === 2 && name !== undefined)
    return [...fields, { name, from: name === 'w' ? 'v' : name, onNull, write: 'always' }]
  const from = dice.pick(['v', 'n', 'b', 'c'])
  return fields.map((field, index) => (index === at ? { ...field, from, onNull } : field))
}

function syncFrom(dice: Dice): ModelSync {
  const mode = dice.pick(['upsert', 'update', 'insert', 'mirror', 'mirror', 'append'] as const)
  const whole = mode === 'mirror' && dice.chance(0.4)
  const owned = mode === 'mirror' && !whole && dice.chance(0.5)
  const foldsKeys = dice.chance(0.3)
  const removes = whole || mode === 'mirror' || (mode !== 'append' && dice.chance(0.4))
  const fields = [
    { name: 'v', onNull: dice.pick(['skip', 'clear'] as const), write: 'always' },
    { name: 'n', onNull: 'skip', write: 'always' },
    { name: 'b', onNull: 'clear', write: 'always' },
    { name: 'c', onNull: 'skip', write: dice.pick(['always', 'on_create', 'if_empty'] as const) },
  ] as const
  const matchFields = new Set(dice.pick([[], ['v'], ['v', 'c']]))
  const lists = new Map(foldsKeys ? [] : [...matchFields].map((name) => [name, 'one list'] as const))
  const leave = removes && !whole ? leaveText({ onLeave: { verb: 'remove' } }) : ''
  const withdraws = whole || (mode !== 'append' && dice.chance(0.7))
  const withdraw = withdraws && !whole ? leaveText({ onLeave: { verb: 'withdraw' } }) : ''
  const asks = dice.chance(0.7)
  const rows = dice.chance(0.4)
  return {
    name: 'Sync of "X"',
    rows,
    mode,
    removes,
    withdraws,
    asks,
    whole,
    owned,
    foldsKeys,
    fields,
    matchFields,
    lists,
    leave,
    withdraw,
  }
}
