import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { printStatement } from '../../src/compile/print.ts'
import type { At } from '../../src/error.ts'
import type { Condition, Expression } from '../../src/project/language.ts'
import type { FieldValue, Sync } from '../../src/project/project.ts'
import type { Lease, Ledger, PlannedChange } from '../../src/sync/ledger.ts'
import type { ModelRow, ModelSync } from '../../src/sync/model-rows.ts'
import { openLedger } from '../../src/sync/sql-ledger.ts'
import { ledgerStatements } from '../../src/sync/statements.ts'
import { syncStates } from '../../src/sync/states.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { openMemory, SqlPlace } from './sql-place.ts'

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

let session: Session
let place: SqlPlace
let schemas = 0

beforeAll(async () => {
  session = await openMemory()
})
afterAll(() => session.close())
beforeEach(async () => {
  place = new SqlPlace(session, `l${++schemas}`, MODEL, TIMING)
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
    const other = new SqlPlace(session, `l${++schemas}`, MODEL, TIMING)
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

describe('the state', () => {
  test('of a sync that never ran is empty, of one that ran says how it ended', async () => {
    await place.write([person('a', { v: '1' }), person('b', { v: '1' })])
    const ledger = open()
    expect(await syncStates(session, place.schema, ['people'])).toMatchObject([{ name: 'people', lastRun: undefined }])
    await ledger.prepare()
    const claimed = await ledger.claim({ runId: 'run-1', holder: 'me', dead: undefined })
    if (claimed.kind === 'taken') throw new Error('the lease is taken')
    const { lease } = claimed
    await ledger.plan(lease, undefined)
    expect(await syncStates(session, place.schema, ['people'])).toMatchObject([
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
    const [state] = await syncStates(session, place.schema, ['people'])
    expect(state).toMatchObject({
      lease: undefined,
      lastRun: { event: 'done', counts: { written: 1 } },
      rows: { synced: 1, refused: 1, quarantined: 0 },
    })
  })

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

test('every statement has a name of its own and a reason, and the same text every time', () => {
  const { dialect } = place.of.context
  const print = () => ledgerStatements(place.of).map((statement) => printStatement(statement, dialect))
  const statements = ledgerStatements(place.of)
  expect(new Set(statements.map(({ name }) => name)).size).toBe(statements.length)
  expect(print()).toEqual(print())
})
