import { describe, expect, test } from 'vitest'
import { compileModels } from '../../../src/arrange.ts'
import { build } from '../../../src/build.ts'
import { compileState } from '../../../src/compile/state.ts'
import { publish } from '../../../src/publish.ts'
import type { Session } from '../../../src/warehouses/warehouse.ts'
import { ENGINES } from '../../support/engines.ts'
import { entity, identifier, project, source } from '../../support/project.ts'
import { realClock, tableOf } from '../../support/warehouse.ts'

const IDS = ['a', 'b', 'c', 'd']
const people = project({
  sources: [source('rows', { key: 'n', identifiers: IDS.map((type) => ({ type, column: type, country: undefined })) })],
  entities: [
    entity(
      'customer',
      IDS.map((name) => identifier(name)),
    ),
  ],
})

describe.each(ENGINES)('the identity graph on $title', (engine) => {
  test('is the connected components of random graphs, and a second build gives the same ids', async () => {
    const session = await (await engine.start()).open()
    for (let seed = 1; seed <= 12; seed++) {
      const rows = randomRows(seed)
      await load(session, rows)
      const first = await profiles(session, `s${seed}a`)
      expect(partition(first)).toEqual(unionFind(rows))
      const second = await profiles(session, `s${seed}b`)
      expect(second).toEqual(first)
      await forget(session)
    }
    await session.close()
  })

  test('needs few rounds for a sorted path, whose diameter is its length', async () => {
    const session = await (await engine.start()).open()
    const pathRows = Array.from({ length: 2_000 }, (_, i) =>
      i % 2 ? { a: `v${i + 1}`, b: `v${i}` } : { a: `v${i}`, b: `v${i + 1}` },
    )
    await load(session, pathRows)
    const { rounds } = await stitch(session, 'path')
    expect(new Set((await members(session)).values()).size).toBe(1)
    expect(rounds).toBeLessThanOrEqual(12)
    await session.close()
  })

  test('keeps the older id when two profiles merge, and records the alias', async () => {
    const session = await (await engine.start()).open()
    await load(session, [{ a: '1' }, { b: '2' }])
    const before = await profiles(session, 'first')
    await load(session, [{ a: '1' }, { b: '2' }, { a: '1', b: '2' }])
    const after = await profiles(session, 'second')
    expect(new Set(after.values())).toEqual(new Set([before.get('a:1')]))
    const aliases = await tableOf(session, { schema: 'cdp', name: ['customer_aliases'] }, ['alias', 'profile_id'])
    expect(aliases).toEqual([[before.get('b:2'), before.get('a:1')]])
    await session.close()
  })

  test('gives the part with the anchor the id when a profile splits, and the old id back to the other part', async () => {
    const session = await (await engine.start()).open()
    await load(session, [{ a: '1' }, { b: '2' }])
    const before = await profiles(session, 'first')
    await load(session, [{ a: '1', b: '2' }])
    await profiles(session, 'second')
    await load(session, [{ a: '1' }, { b: '2' }])
    expect(await profiles(session, 'third')).toEqual(before)
    const splits = await tableOf(session, { schema: 'cdp', name: ['customer_splits'] }, [
      'from_profile_id',
      'to_profile_id',
    ])
    expect(splits).toEqual([[before.get('a:1'), before.get('b:2')]])
    await session.close()
  })

  test('joins nobody through a value that is seen with too many stronger ones', async () => {
    const capped = project({
      sources: people.sources.size ? [...people.sources.values()] : [],
      entities: [
        entity('customer', [
          identifier('a'),
          identifier('b', { maxFanout: 2 }),
          identifier('c'),
          identifier('d', { link: false }),
        ]),
      ],
    })
    const session = await (await engine.start()).open()
    const kiosk = ['1', '2', '3'].map((a) => ({ a, b: 'kiosk', d: '10.0.0.1' }))
    await load(session, [...kiosk, { a: '4', b: 'own' }, { a: '5', b: 'own' }, { b: 'kiosk' }])
    const { models } = await build(
      compileModels({ project: capped, dialect: session.dialect }),
      request(session, capped, 'capped'),
    )
    const graph = models.find(({ model }) => model.kind === 'identity')
    expect(graph?.counts).toMatchObject({ profiles: '4', unattributed_rows: '1' })
    await session.close()
  })
})

type Ids = Partial<Record<string, string>>

async function load(session: Session, rows: readonly Ids[]) {
  await session.script(
    [
      'create schema if not exists raw',
      'drop table if exists raw.rows',
      'create table raw.rows (n bigint, a varchar, b varchar, c varchar, d varchar)',
    ].map(plain),
  )
  const columns = [rows.map((_, i) => String(i)), ...IDS.map((id) => rows.map((row) => row[id] ?? null))]
  await session.append({ schema: 'raw', name: ['rows'] }, { rows: rows.length, columns })
}

async function forget(session: Session) {
  await session.script(['drop schema _cdp cascade', 'drop schema cdp cascade'].map(plain))
}

function plain(written: string) {
  return { statement: { name: 'set up', reason: 'test', sql: { parts: [{ kind: 'code' as const, text: written }] } } }
}

function request(session: Session, of: typeof people, runId: string) {
  return {
    session,
    state: compileState({ project: of, dialect: session.dialect }),
    clock: realClock,
    runId,
    now: of.now,
  }
}

async function stitch(session: Session, runId: string) {
  const context = { project: people, dialect: session.dialect }
  const state = compileState(context)
  const built = await build(compileModels(context), request(session, people, runId))
  await publish(context, built, state, session, runId)
  return { rounds: built.models.find(({ model }) => model.kind === 'identity')?.rounds ?? 0 }
}

async function profiles(session: Session, runId: string): Promise<Map<string, string>> {
  await stitch(session, runId)
  return members(session)
}

async function members(session: Session): Promise<Map<string, string>> {
  const rows = await tableOf(session, { schema: 'cdp', name: ['customer_identifiers'] }, [
    'type',
    'value',
    'profile_id',
  ])
  return new Map(rows.map(([type, value, profile]) => [`${type}:${value}`, String(profile)] as const).sort())
}

/** Sets of identifiers, as sorted text: the same for equal partitions whatever the ids are. */
function partition(profile: ReadonlyMap<string, string>): readonly string[] {
  const sets = new Map<string, string[]>()
  for (const [node, id] of profile) sets.set(id, [...(sets.get(id) ?? []), node])
  return [...sets.values()].map((nodes) => nodes.sort().join(' ')).sort()
}

function unionFind(rows: readonly Ids[]): readonly string[] {
  const parent = new Map<string, string>()
  const find = (node: string): string => {
    const up = parent.get(node) ?? node
    return up === node ? node : find(up)
  }
  for (const row of rows) {
    const nodes = IDS.flatMap((id) => (row[id] === undefined ? [] : [`${id}:${row[id]}`]))
    for (const node of nodes) if (!parent.has(node)) parent.set(node, node)
    for (const node of nodes.slice(1)) parent.set(find(node), find(nodes[0] ?? node))
  }
  return partition(new Map([...parent.keys()].map((node) => [node, find(node)])))
}

function randomRows(seed: number): Ids[] {
  let state = seed * 2_654_435_761
  const random = (below: number) => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + seed) >>> 0
    return state % below
  }
  const values = 3 + random(40)
  return Array.from({ length: 5 + random(60) }, () =>
    Object.fromEntries(IDS.filter(() => random(2) === 0).map((id) => [id, String(random(values))])),
  )
}
