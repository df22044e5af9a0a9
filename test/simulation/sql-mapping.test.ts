import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { STATE_VERSION } from '../../src/compile/ledger-tables.ts'
import type { At } from '../../src/error.ts'
import type { Expression } from '../../src/project/language.ts'
import type { Sync } from '../../src/project/project.ts'
import type { Planning } from '../../src/sync/ledger.ts'
import { mappingChange } from '../../src/sync/mapping.ts'
import type { ModelRow, ModelSync } from '../../src/sync/model-rows.ts'
import { openLedger } from '../../src/sync/sql-ledger.ts'
import type { LedgerOf } from '../../src/sync/statements.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { ENGINES, type Engine } from '../support/engines.ts'
import { SqlPlace } from './sql-place.ts'

const TIMING = { lease: 600_000, settlesWithin: 300_000 }
const MODEL: ModelSync = {
  name: 'people',
  mode: 'mirror',
  removes: true,
  whole: false,
  fields: [{ name: 'v', onNull: 'skip', write: 'always' }],
  matchFields: new Set(),
  leave: '',
  withdraws: false,
  asks: false,
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
    place = new SqlPlace({ session, engine }, `m${++schemas}`, MODEL, TIMING)
    await place.create()
    await place.write(['a', 'b', 'c'].map((id) => person(id)))
  })

  function person(id: string): ModelRow {
    return { profileId: `p-${id}`, key: { k: id }, values: { v: `value of ${id}`, n: 7 } }
  }

  function open(more: Partial<LedgerOf> = {}) {
    return openLedger({ ...place.of, ...TIMING, ...more, session, build: place.build })
  }

  const withSync = (change: Partial<Sync>) => ({ sync: { ...place.of.sync, ...change } })

  async function execute(text: string): Promise<void> {
    await session.script([{ statement: { name: 'test', reason: 'test', sql: { parts: [{ kind: 'code', text }] } } }])
  }

  /** A run in which everything is written. */
  async function run(ledger = open(), how: Planning = {}): Promise<void> {
    await ledger.prepare()
    const claimed = await ledger.claim({ runId: 'run', holder: 'me', dead: undefined })
    if (claimed.kind === 'taken') throw new Error('the lease is taken')
    const { lease } = claimed
    const { creates, updates, removes } = await ledger.plan(lease, undefined, how)
    const rows = creates + updates + removes
    await ledger.flush(lease, { acks: [], intent: rows })
    if (rows > 0) await ledger.flush(lease, { acks: [{ lo: 1, hi: rows, outcome: 'written' }] })
    await ledger.merge(lease)
    await ledger.finish(lease, { event: 'done', counts: {} })
  }

  async function changeOf(more: Partial<LedgerOf>) {
    return mappingChange(await open(more).standing())
  }

  /** The ledger as release 1 made it: these are its statements. */
  async function makeVersion1(): Promise<void> {
    const { schema } = place
    await execute(`create table ${schema}.meta (state_version bigint, target varchar, created_at timestamptz)`)
    await execute(`
    create table ${schema}.sync (
      sync_id varchar, table_suffix varchar, fence bigint, holder varchar, lease_until timestamptz,
      sends_end timestamptz, settled_fence bigint, active_run_id varchar, updated_at timestamptz
    )`)
    await execute(`insert into ${schema}.meta values (1, 'local', now())`)
    await execute(
      `insert into ${schema}.sync (sync_id, table_suffix, fence, settled_fence) values ('people', 'people_2', 41, 41)`,
    )
  }

  describe('a ledger of version 1', () => {
    test('is brought up to date, keeps its fences, and takes the present mapping for the old one', async () => {
      await makeVersion1()
      const ledger = open()
      await ledger.prepare()
      await ledger.prepare()
      const meta = await session.first({
        statement: {
          name: 'version',
          reason: 'test',
          sql: { parts: [{ kind: 'code', text: `select * from ${place.schema}.meta` }] },
        },
      })
      expect(meta).toMatchObject({ state_version: String(STATE_VERSION), target: 'local' })
      expect((await ledger.standing()).noted).toBeUndefined()
      await run()
      expect((await open().standing()).noted?.fields.map(({ name }) => name)).toEqual(['v'])
      expect(await ledger.claim({ runId: 'r', holder: 'h', dead: undefined })).toMatchObject({ lease: { fence: 43 } })
    })
  })

  test('rows that an older release has written are not sent again by this one', async () => {
    await run()
    for (const column of ['key_spec', 'mapping', 'mapping_hash', 'starts_at'])
      await execute(`alter table ${place.schema}.sync drop column ${column}`)
    await execute(`update ${place.schema}.meta set state_version = 1`)
    const ledger = open()
    await ledger.prepare()
    expect(await ledger.plan(undefined, undefined)).toMatchObject({ creates: 0, updates: 0, removes: 0, unchanged: 3 })
  })

  describe('what a ledger knows of the mapping', () => {
    const [field] = [
      { theirs: 'V', value: { kind: 'trait', trait: 'v', type: 'text' }, onNull: 'skip', write: 'always' },
    ] as const
    const plus: Expression = {
      kind: 'arithmetic',
      op: '+',
      left: { kind: 'reference', to: { kind: 'trait', entity: 'customer', trait: 'n' }, type: 'integer', at: at(1) },
      right: { kind: 'number', value: '1' },
    }
    const expression = (line: number) => {
      const left = {
        kind: 'reference',
        to: { kind: 'trait', entity: 'customer', trait: 'n' },
        type: 'integer',
        at: at(line),
      } as const
      const value = { kind: 'expression', expression: { ...plus, left }, type: 'integer' } as const
      return { ...field, theirs: 'N', value }
    }

    test('is nothing before a run has ended, and nothing new after one that was blocked', async () => {
      await open().prepare()
      expect((await open().standing()).noted).toBeUndefined()
      const claimed = await open().claim({ runId: 'r', holder: 'h', dead: undefined })
      if (claimed.kind === 'taken') throw new Error('the lease is taken')
      await open().finish(claimed.lease, { event: 'blocked', counts: {} })
      expect((await open().standing()).noted).toBeUndefined()
    })

    test('is the same wherever in its file it stands', async () => {
      await run(open(withSync({ fields: [field, expression(3)] })))
      expect(await changeOf(withSync({ fields: [field, expression(70)] }))).toBeUndefined()
    })

    test('differs by names, expressions, on_null and order, not by fields that are written once', async () => {
      await run(open(withSync({ fields: [field] })))
      const change = (fields: Sync['fields']) => changeOf(withSync({ fields }))
      expect(await change([field, expression(1)])).toMatchObject({ added: ['N'], changed: [], removed: [] })
      expect(await change([{ ...field, value: { kind: 'literal', value: 'x' } }])).toMatchObject({ changed: ['V'] })
      expect(await change([{ ...field, onNull: 'clear' }])).toMatchObject({ changed: ['V'] })
      expect(await change([{ ...field, theirs: 'W' }])).toMatchObject({ added: ['W'], removed: ['V'] })
      expect(await change([{ ...field, write: 'on_create' }])).toMatchObject({ removed: ['V'] })
      expect(await change([field, { ...field, theirs: 'ONCE', write: 'on_create' }])).toBeUndefined()
      await run(open(withSync({ fields: [field, expression(1)] })))
      expect(await change([expression(1), field])).toMatchObject({
        kind: 'fields',
        added: [],
        changed: [],
        removed: [],
      })
    })

    test('names a changed key, also where only the type of its trait changed', async () => {
      await run()
      expect(await changeOf(withSync({ key: [{ theirs: 'k', trait: 'v' }] }))).toEqual({
        kind: 'key',
        before: 'k: k (text)',
        now: 'k: v (text)',
      })
      const { project } = place.of.context
      const customer = project.entities.get('customer')
      const k = customer?.traits.get('k')
      if (!customer || !k) throw new Error('no trait')
      const traits = new Map([...customer.traits, ['k', { ...k, type: 'integer' as const }]])
      const entities = new Map([['customer', { ...customer, traits }]])
      const context = { ...place.of.context, project: { ...project, entities } }
      expect(await changeOf({ context })).toMatchObject({ kind: 'key', now: 'k: k (integer)' })
    })

    test('names traits of the old one that are gone or have another type', async () => {
      const text = { kind: 'template', pieces: ['Hello ', { trait: 'c', type: 'text' }] } as const
      const known = [field, { ...field, theirs: 'T', value: text }, expression(1)]
      await run(open(withSync({ fields: known })))
      const { project } = place.of.context
      const customer = project.entities.get('customer')
      const n = customer?.traits.get('n')
      if (!customer || !n) throw new Error('no trait')
      const without = new Map([...customer.traits].filter(([name]) => name !== 'c'))
      without.set('n', { ...n, type: 'text' })
      const entities = new Map([['customer', { ...customer, traits: without }]])
      const context = { ...place.of.context, project: { ...project, entities } }
      expect(await changeOf({ context, ...withSync({ fields: [field] }) })).toMatchObject({ lost: ['c', 'n'] })
      expect(await changeOf(withSync({ fields: [field] }))).toMatchObject({ lost: [] })
    })

    test('serves to rebase an expression that is gone', async () => {
      await run(open(withSync({ fields: [field, expression(1)] })))
      const ledger = open(withSync({ fields: [field] }))
      expect(await ledger.plan(undefined, undefined, { rebase: true })).toMatchObject({ rebased: 3, updates: 0 })
      expect(await ledger.plan(undefined, undefined)).toMatchObject({ rebased: 0, updates: 3 })
    })
  })

  test('a row that comes back while it is rebased is known as there again, unsent', async () => {
    const keeping = { mode: 'upsert', onLeave: undefined } as const
    const states = async () => {
      const { snapshot } = await place.contents()
      return Object.fromEntries(snapshot.map(({ key_json, state, rev }) => [String(key_json), `${state} ${rev}`]))
    }
    await run(open(withSync(keeping)))
    await place.write(['a', 'b'].map(person))
    await run(open(withSync(keeping)))
    expect(await states()).toMatchObject({ '{"k":"c"}': 'left 1' })
    await place.write(['a', 'b', 'c'].map(person))
    const fields = [...place.of.sync.fields, ...place.of.sync.fields.map((field) => ({ ...field, theirs: 'again' }))]
    await run(open(withSync({ ...keeping, fields })), { rebase: true })
    expect(await states()).toEqual({ '{"k":"a"}': 'synced 1', '{"k":"b"}': 'synced 1', '{"k":"c"}': 'synced 1' })
  })

  test('the state of another target is told, until it is taken over', async () => {
    await run()
    const { project } = place.of.context
    const context = { ...place.of.context, project: { ...project, target: { ...project.target, name: 'copy' } } }
    expect((await open().standing()).otherTarget).toBeUndefined()
    expect((await open({ context }).standing()).otherTarget).toBe('local')
    await open({ context }).acknowledge()
    expect((await open({ context }).standing()).otherTarget).toBeUndefined()
    expect((await open().standing()).otherTarget).toBe('copy')
  })

  function at(line: number): At {
    return { file: 'test.yaml', line, column: 1, length: 1, text: '' }
  }
})
