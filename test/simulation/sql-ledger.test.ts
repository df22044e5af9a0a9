import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { printStatement } from '../../src/compile/print.ts'
import type { At } from '../../src/error.ts'
import type { Condition, Expression } from '../../src/project/language.ts'
import type { FieldValue, Sync } from '../../src/project/project.ts'
import type { Bound } from '../../src/sql/sql.ts'
import type { Ack, Lease, Ledger, PlannedChange } from '../../src/sync/ledger.ts'
import type { ModelRow, ModelSync } from '../../src/sync/model-rows.ts'
import { openLedger } from '../../src/sync/sql-ledger.ts'
import { ledgerStatements, statementsOf } from '../../src/sync/statements.ts'
import { syncStates } from '../../src/sync/states.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { ENGINES, type Engine } from '../support/engines.ts'
import { SqlPlace } from './sql-place.ts'

const AT: At = { file: 'test.yaml', line: 1, column: 1, length: 1, text: '' }
const TIMING = { lease: 600_000, settlesWithin: 300_000 }
const MODEL: ModelSync = {
  name: 'people',
  mode: 'mirror',
  removes: true,
  withdraws: true,
  asks: false,
  whole: false,
  fields: ['v', 'n', 'b', 'c'].map((name) => ({ name, onNull: 'skip', write: 'always' })),
  matchFields: new Set(),
  leave: '',
  withdraw: '',
}

describe.each(ENGINES)('on $title', (engine) => {
  let warehouse: Awaited<ReturnType<Engine['start']>>
  let session: Session
  let place: SqlPlace
  let schemas = 0

  beforeAll(async () => {
    warehouse = await engine.start()
    session = await warehouse.open()
  })
  afterAll(async () => {
    await session.close()
    await warehouse.stop()
  })
  beforeEach(async () => {
    place = new SqlPlace({ session, engine }, `l${++schemas}`, MODEL, TIMING)
    await place.create()
  })

  function open(sync: Partial<Sync> = {}): Ledger {
    return openLedger({ ...place.of, ...TIMING, sync: { ...place.of.sync, ...sync }, session, build: place.build })
  }

  async function planned(ledger: Ledger): Promise<readonly PlannedChange[]> {
    await ledger.prepare()
    const claimed = await ledger.claim({ runId: 'run', holder: 'me', dead: undefined })
    if (claimed.kind === 'taken') throw new Error('the lease is taken')
    await ledger.plan(claimed.lease, undefined)
    return all(ledger, claimed.lease)
  }

  async function all(ledger: Ledger, lease: Lease): Promise<readonly PlannedChange[]> {
    const changes: PlannedChange[] = []
    for await (const page of ledger.changes(lease)) changes.push(...page)
    return changes
  }

  function person(id: string, values: ModelRow['values']): ModelRow {
    return { profileId: `p-${id}`, key: { k: id }, values }
  }

  describe('what a payload holds', () => {
    const payloads = async (values: Readonly<Record<string, FieldValue>>, row: ModelRow['values']) => {
      await place.write([person('a', row)])
      const fields = Object.entries(values).map(
        ([theirs, value]) => ({ theirs, value, onNull: 'skip', write: 'always' }) as const,
      )
      return (await planned(open({ fields }))).map((change) => change.payload)
    }

    test('traits with their types, literals, text with traits, and expressions', async () => {
      const count: Expression = {
        kind: 'arithmetic',
        op: '+',
        left: { kind: 'reference', to: { kind: 'trait', entity: 'customer', trait: 'n' }, type: 'integer', at: AT },
        right: { kind: 'number', value: '1' },
      }
      const found = await payloads(
        {
          NAME: { kind: 'trait', trait: 'v', type: 'text' },
          COUNT: { kind: 'trait', trait: 'n', type: 'integer' },
          FLAG: { kind: 'trait', trait: 'b', type: 'boolean' },
          SOURCE: { kind: 'literal', value: 'Web "shop"' },
          HELLO: {
            kind: 'template',
            pieces: [
              'Hello ',
              { trait: 'v', type: 'text' },
              ', ',
              { trait: 'n', type: 'integer' },
              { trait: 'c', type: 'text' },
              '!',
            ],
          },
          NEXT: { kind: 'expression', expression: count, type: 'integer' },
        },
        { v: 'Zoé "Z" \\ 😀', n: 41, b: true },
      )
      expect(found.map((json) => JSON.parse(json))).toEqual([
        {
          NAME: 'Zoé "Z" \\ 😀',
          COUNT: 41,
          FLAG: true,
          SOURCE: 'Web "shop"',
          HELLO: 'Hello Zoé "Z" \\ 😀, 41!',
          NEXT: 42,
        },
      ])
    })

    test('a null field is left out, or null where it clears', async () => {
      await place.write([person('a', { n: 1 })])
      const of = (onNull: 'skip' | 'clear') => [
        { theirs: 'V', value: { kind: 'trait', trait: 'v', type: 'text' }, onNull, write: 'always' } as const,
      ]
      expect((await planned(open({ fields: of('skip') }))).map(({ payload }) => payload)).toEqual(['{}'])
      const other = new SqlPlace({ session, engine }, `l${++schemas}`, MODEL, TIMING)
      await other.create()
      place = other
      await place.write([person('a', { n: 1 })])
      expect((await planned(open({ fields: of('clear') }))).map(({ payload }) => payload)).toEqual(['{"V":null}'])
    })

    test('a key of several parts keeps their order and types', async () => {
      await place.write([person('a', { n: 7 })])
      const key = [
        { theirs: 'Number', trait: 'n' },
        { theirs: 'Id', trait: 'profile_id' },
      ]
      expect((await planned(open({ key }))).map(({ keyJson }) => keyJson)).toEqual(['{"Number":7,"Id":"p-a"}'])
    })
  })

  describe('whom a sync speaks of', () => {
    const keys = async (sync: Partial<Sync>) =>
      (await planned(open(sync))).map(({ keyJson }) => (JSON.parse(keyJson) as { k: string }).k).sort()
    const isBig: Condition = {
      kind: 'test',
      at: AT,
      expression: {
        kind: 'compare',
        op: '>',
        left: { kind: 'reference', to: { kind: 'trait', entity: 'customer', trait: 'n' }, type: 'integer', at: AT },
        right: { kind: 'number', value: '5' },
      },
    }
    const rows = [
      person('big', { n: 9 }),
      person('small', { n: 1 }),
      person('unsaid', {}),
      { ...person('outcast', { n: 9 }), excluded: true },
    ]

    test('segment, condition and excludes together; null is not a member', async () => {
      await place.write(rows)
      expect(await keys({ where: isBig })).toEqual(['big'])
    })

    test('every profile, where no segment is named', async () => {
      await place.write(rows)
      expect(await keys({ segment: undefined, exclude: [] })).toEqual(['big', 'outcast', 'small', 'unsaid'])
    })

    test('membership of another segment, and SQL of the analyst with bare names', async () => {
      await place.write(rows)
      const where: Condition = {
        kind: 'any',
        of: [
          { kind: 'member_of', segment: 'outcast', at: AT },
          { kind: 'sql', text: "n = 1 and profile_id like 'p-%'", at: AT },
        ],
      }
      expect(await keys({ where, exclude: [] })).toEqual(['outcast', 'small'])
    })
  })

  test('who may not be contacted is withdrawn, also where their key is gone', async () => {
    await place.write([person('a', { v: '1' }), person('b', { v: '1' })])
    const ledger = open()
    await ledger.prepare()
    const claimed = await ledger.claim({ runId: 'run-1', holder: 'me', dead: undefined })
    if (claimed.kind === 'taken') throw new Error('the lease is taken')
    await ledger.plan(claimed.lease, undefined)
    await ledger.flush(claimed.lease, { acks: [{ lo: 1, hi: 2, outcome: 'written' }], intent: 2 })
    await ledger.merge(claimed.lease)
    await ledger.finish(claimed.lease, { event: 'done', counts: {} })
    const lost: ModelRow = { ...person('a', { v: '1' }), key: undefined }
    await place.write([
      { ...lost, barred: 'suppressed' },
      { ...person('b', { v: '1' }), key: undefined },
    ])
    const changes = await planned(open())
    expect(changes.map(({ op, act, keyJson }) => [op, act, keyJson])).toEqual([['remove', 'withdraw', '{"k":"a"}']])
  })

  const execute = (text: string) =>
    session.script([{ statement: { name: 'test', reason: 'test', sql: { parts: [{ kind: 'code', text }] } } }])

  describe('the state', () => {
    test('of a sync that never ran is empty, of one that ran says how it ended', async () => {
      await place.write([person('a', { v: '1' }), person('b', { v: '1' })])
      const ledger = open()
      expect(await syncStates(session, place.schema, [{ name: 'people' }])).toMatchObject([
        { name: 'people', lastRun: undefined },
      ])
      await ledger.prepare()
      const claimed = await ledger.claim({ runId: 'run-1', holder: 'me', dead: undefined })
      if (claimed.kind === 'taken') throw new Error('the lease is taken')
      const { lease } = claimed
      await ledger.plan(lease, undefined)
      expect(await syncStates(session, place.schema, [{ name: 'people' }])).toMatchObject([
        { lease: { holder: 'me' }, lastRun: { event: 'claimed', runId: 'run-1' } },
      ])
      const acks = [
        { lo: 1, hi: 1, outcome: 'written' },
        { lo: 2, hi: 2, outcome: 'refused', code: 'bad', message: 'Bad.' },
      ] as const
      await ledger.flush(lease, { acks: [], intent: 2 })
      await ledger.flush(lease, { acks })
      await ledger.merge(lease)
      await ledger.finish(lease, { event: 'done', counts: { written: 1 } })
      const [state] = await syncStates(session, place.schema, [{ name: 'people' }])
      expect(state).toMatchObject({
        lease: undefined,
        lastRun: { event: 'done', counts: { written: 1 } },
        rows: { synced: 1, refused: 1, quarantined: 0 },
      })
    })

    // No second process gets at a DuckDB file, and one process runs a sync once.
    test.runIf(engine.type === 'postgres')(
      'is made once by several runs that start at once, be it the first time or after its lease was lost',
      async () => {
        await place.write([])
        const sessions = await Promise.all(Array.from({ length: 6 }, () => warehouse.open()))
        const ledgers = sessions.map((one) => openLedger({ ...place.of, ...TIMING, session: one, build: place.build }))
        for (const run of ['first', 'second', 'third']) {
          await Promise.all(ledgers.map((ledger) => ledger.prepare()))
          const claims = await Promise.all(
            ledgers.map((ledger, at) =>
              ledger.claim({ runId: `${run} ${at}`, holder: `${run} ${at}`, dead: undefined }),
            ),
          )
          expect(claims.map(({ kind }) => kind).sort()).toEqual(['held', ...Array(5).fill('taken')])
          await execute(`delete from ${place.schema}.sync`)
        }
        await Promise.all(sessions.map((one) => one.close()))
      },
    )

    test('of a newer version is not touched', async () => {
      await place.write([])
      await open().prepare()
      await session.script([
        {
          statement: {
            name: 'age',
            reason: 'test',
            sql: { parts: [{ kind: 'code', text: `update ${place.schema}.meta set state_version = 99` }] },
          },
        },
      ])
      await expect(open().prepare()).rejects.toThrow('has version 99')
    })

    test('keeps the fence above all that were ever used, even if the lease was lost', async () => {
      await place.write([])
      const ledger = open()
      await ledger.prepare()
      for (const runId of ['r1', 'r2', 'r3']) {
        const claimed = await ledger.claim({ runId, holder: runId, dead: undefined })
        if (claimed.kind === 'held') await ledger.finish(claimed.lease, { event: 'done', counts: {} })
      }
      await session.script([
        {
          statement: {
            name: 'lose',
            reason: 'test',
            sql: { parts: [{ kind: 'code', text: `delete from ${place.schema}.sync` }] },
          },
        },
      ])
      await ledger.prepare()
      const claimed = await ledger.claim({ runId: 'r4', holder: 'r4', dead: undefined })
      expect(claimed).toMatchObject({ kind: 'held', lease: { fence: 4 } })
    })

    test('sees nothing of a flush of a fenced holder', async () => {
      await place.write([person('a', { v: '1' })])
      const ledger = open()
      await ledger.prepare()
      const first = await ledger.claim({ runId: 'r1', holder: 'h1', dead: undefined })
      const second = await ledger.claim({ runId: 'r2', holder: 'h2', dead: 'h1' })
      if (first.kind === 'taken' || second.kind === 'taken') throw new Error('the lease is taken')
      expect(await ledger.flush(first.lease, { acks: [], intent: 1 })).toBe(false)
      expect(await ledger.renew(first.lease)).toBe(false)
      expect(await ledger.flush(second.lease, { acks: [], intent: 1 })).toBe(true)
      expect((await place.contents()).acks.map((ack) => ack.run_id)).toEqual(['r2'])
    })
  })

  describe('a merge', () => {
    /** The statement alone: the plan stays, as where a run is cut off before it is dropped. */
    const mergeAlone = ({ runId, fence }: Lease) => {
      const values = { run: runId, fence, sync: 'people', settles: 300 }
      return session.script([{ statement: statementsOf(place.of).merge, tokens: { b: place.build, f: fence }, values }])
    }

    /** A run that has told of its rows, and whose plan is not merged. */
    async function told(runId: string, rows: readonly ModelRow[], outcomes: readonly Ack['outcome'][]): Promise<Lease> {
      await place.write(rows)
      const ledger = open()
      await ledger.prepare()
      const before = runId === 'r1' ? undefined : 'r1'
      const claimed = await ledger.claim({ runId, holder: runId, dead: before })
      if (claimed.kind === 'taken') throw new Error('the lease is taken')
      await ledger.plan(claimed.lease, undefined)
      const acks = outcomes.map((outcome, index) => ({ lo: index + 1, hi: index + 1, outcome }))
      await ledger.flush(claimed.lease, { acks, intent: outcomes.length })
      return claimed.lease
    }

    test('that is cut off behind its first statements has failed: nobody took over', async () => {
      const lease = await told('r1', [person('a', { v: '1' })], ['written'])
      const cutting = new Proxy(session, {
        get: (target, name: keyof Session) => {
          const member = target[name]
          if (name !== 'script') return typeof member === 'function' ? member.bind(target) : member
          return async ([merge, drop]: readonly Bound[]) => {
            for (const one of [merge, drop]) if (one) await target.script([one])
            throw new Error('cut off')
          }
        },
      })
      const ledger = openLedger({ ...place.of, ...TIMING, session: cutting, build: place.build })
      await expect(ledger.merge(lease)).rejects.toThrow('cut off')
      expect((await place.contents()).snapshot).toMatchObject([{ state: 'synced' }])
    })

    test('of a holder who was overtaken finds no plan any more, and changes nothing', async () => {
      const lease = await told('r1', [person('a', { v: '1' })], ['written'])
      const next = open()
      const claimed = await next.claim({ runId: 'r2', holder: 'r2', dead: 'r1' })
      if (claimed.kind === 'taken') throw new Error('the lease is taken')
      expect(await next.recover(claimed.lease)).toBe(1)
      const before = await place.contents()
      expect(await open().merge(lease)).toBe(false)
      expect(await place.contents()).toEqual(before)
    })

    test('that is repeated changes nothing more, however late', async () => {
      const rows = ['a', 'b', 'c', 'd'].map((key) => person(key, { v: '1' }))
      const lease = await told('r1', rows, ['written', 'refused', 'unknown', 'submitted'])
      await mergeAlone(lease)
      const { snapshot } = await place.contents()
      expect(snapshot).toHaveLength(4)
      await place.setTime(50_000)
      await mergeAlone(lease)
      expect((await place.contents()).snapshot).toEqual(snapshot)
    })

    test('believes an ok, whatever else was told of the row', async () => {
      const lease = await told('r1', [person('a', { v: '1' })], ['unknown'])
      await open().flush(lease, { acks: [{ lo: 1, hi: 1, outcome: 'written' }] })
      await mergeAlone(lease)
      expect((await place.contents()).snapshot).toMatchObject([{ state: 'synced', hold_until: null }])
    })

    test('leaves a tombstone of a row that was removed, and doubt of one of which nothing is known', async () => {
      await mergeAlone(await told('r1', [person('a', { v: '1' }), person('b', { v: '1' })], ['written', 'written']))
      const lease = await told('r2', [person('b', { v: '2' })], ['written', 'unknown'])
      await mergeAlone(lease)
      const { snapshot } = await place.contents()
      expect(snapshot.map(({ key_json, state, fp }) => [key_json, state, fp]).sort()).toEqual([
        ['{"k":"a"}', 'tomb', null],
        ['{"k":"b"}', 'unknown', null],
      ])
    })

    test('of an old fence touches nothing that a newer one has', async () => {
      const old = await told('r1', [person('a', { v: '1' }), person('b', { v: '1' })], ['written', 'written'])
      const news = await told('r2', [person('a', { v: '2' }), person('b', { v: '2' })], ['written', 'refused'])
      await mergeAlone(news)
      const { snapshot } = await place.contents()
      expect(snapshot.map(({ last_fence }) => last_fence)).toEqual(['2', '2'])
      await mergeAlone(old)
      expect((await place.contents()).snapshot).toEqual(snapshot)
    })
  })

  test('every statement has a name of its own and a reason, and the same text every time', () => {
    const { dialect } = place.of.context
    const print = () => ledgerStatements(place.of).map((statement) => printStatement(statement, dialect))
    const statements = ledgerStatements(place.of)
    expect(new Set(statements.map(({ name }) => name)).size).toBe(statements.length)
    expect(print()).toEqual(print())
  })
})
