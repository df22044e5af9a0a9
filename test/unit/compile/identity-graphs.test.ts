import { describe, expect, test } from 'vitest'
import type { Project } from '../../../src/project/project.ts'
import type { Session } from '../../../src/warehouses/warehouse.ts'
import { ALL } from '../../support/all.ts'
import { type Dice, diceOf } from '../../support/dice.ts'
import { ENGINES, ENGINES_OF_LONG_BEDS } from '../../support/engines.ts'
import { cliqueChain, type Graph, grid, path, powerLaw, star, unionFind } from '../../support/graphs.ts'
import { joinedBy, partitionOf } from '../../support/partition.ts'
import { entity, identifier, project, source } from '../../support/project.ts'
import { stitched } from '../../support/stitching.ts'
import { openMemory, tableOf } from '../../support/warehouse.ts'
import { written } from '../../support/written.ts'

const GRAPHS = 2_000
/** Graphs that lie side by side in one build: their identifiers have nothing in common. */
const SIDE_BY_SIDE = 250

describe.each(ENGINES)('random graphs on $title', (engine) => {
  const graphs = engine.type === 'duckdb' || ALL ? GRAPHS : SIDE_BY_SIDE
  test(`${graphs} of them are partitioned as a union-find does it`, async () => {
    const reached = { joined: 0, apart: 0 }
    for (let first = 0; first < graphs; first += SIDE_BY_SIDE) {
      const rows = Array.from({ length: SIDE_BY_SIDE }, (_, at) => randomRows(first + at)).flat()
      const session = await (await engine.start()).open()
      await loadRows(session, rows)
      await stitched(session, people)
      const found = partitionOf(await profiles(session))
      await session.close()
      expect(found, `graphs ${first} to ${first + SIDE_BY_SIDE - 1}`).toEqual(joinedBy(rows.map(identifiersOf)))
      reached.joined += found.filter((profile) => profile.includes(' ')).length
      reached.apart += found.filter((profile) => !profile.includes(' ')).length
    }
    // The graphs must hold profiles of both kinds, and many in each graph.
    expect(reached.joined).toBeGreaterThan(2 * graphs)
    expect(reached.apart).toBeGreaterThan(graphs)
  })
})

describe.each(ENGINES_OF_LONG_BEDS)('adversarial graphs on $title', (engine) => {
  /** Everyday a smaller one of each form. */
  const size = (all: number) => (ALL ? all : all / 10)
  const count = (all: number) => size(all).toLocaleString('en')
  const openLarge = async () => (engine.type === 'duckdb' ? openMemory() : (await engine.start()).open())
  const hubLast = `a star of ${count(500_000)} whose hub comes last`
  /** Each with the most rounds that it may take, where that is fewer than the bound for any graph of its size. */
  const GRAPHS: Readonly<Record<string, { readonly graph: () => Graph; readonly rounds?: number }>> = {
    [`a path of ${count(100_000)} sorted values`]: { graph: () => path(size(100_000), 'sorted'), rounds: 4 },
    [`a path of ${count(100_000)} values in random order`]: { graph: () => path(size(100_000), 'random') },
    [`a star of ${count(500_000)} whose hub comes first`]: { graph: () => star(size(500_000), 'smallest'), rounds: 2 },
    [hubLast]: { graph: () => star(size(500_000), 'largest'), rounds: 2 },
    [`a grid of ${count(300)} by 300`]: { graph: () => grid(size(300), 300), rounds: 4 },
    [`a chain of ${count(2_000)} cliques of 10`]: { graph: () => cliqueChain(size(2_000), 10) },
    [`a chain of ${count(40)} cliques of 100`]: { graph: () => cliqueChain(size(40), 100) },
    'clusters whose sizes follow a power law': { graph: () => powerLaw(size(200_000)) },
  }
  // Everyday the star whose hub comes first stands for it.
  for (const [name, { graph: make, rounds: few }] of Object.entries(GRAPHS))
    test.skipIf(name === hubLast && !ALL)(
      `${name}: partitioned as a union-find does it, within O(log n) rounds`,
      async () => {
        const graph = make()
        const session = await openLarge()
        await loadGraph(session, graph)
        const { rounds } = await stitched(session, devices)
        expect(await comparison(session)).toEqual(agreement(graph))
        expect(rounds).toBeLessThanOrEqual(few ?? mostRounds(graph))
        await session.close()
      },
    )

  test(`a path of which every second edge comes a build later: ${count(25_000)} profiles meet within O(log n) rounds`, async () => {
    const [graph, profiles] = [path(size(50_000), 'sorted'), size(25_000)]
    const session = await openLarge()
    await loadGraph(session, graph, (edge) => edge % 2 === 0)
    expect(await stitched(session, devices)).toMatchObject({ counts: { profiles: String(profiles) }, whole: true })
    await loadGraph(session, graph)
    const { rounds, whole, counts } = await stitched(session, devices)
    expect(await comparison(session)).toEqual(agreement(graph))
    const expected = { whole: false, profiles: '1', merged: String(profiles - 1), split: '0' }
    expect({ whole, ...counts }).toMatchObject(expected)
    expect(rounds).toBeLessThanOrEqual(mostRounds(graph))
    await session.close()
  })
})

function mostRounds({ nodes }: Graph): number {
  return 2 * Math.log2(nodes) + 1
}

const TYPES = ['a', 'b', 'c', 'd'] as const
/** Two columns hold the type `d`. */
const COLUMNS = [...TYPES, 'd2'] as const
type Row = Readonly<Partial<Record<(typeof COLUMNS)[number], string>>>

const people: Project = project({
  sources: [
    source('rows', {
      identifiers: COLUMNS.map((column) => ({ type: column === 'd2' ? 'd' : column, column, country: undefined })),
    }),
  ],
  entities: [
    entity(
      'customer',
      TYPES.map((type) => identifier(type)),
    ),
  ],
})

/** Rows of one to five identifiers, often some of them again; few values make one large profile, many make many. */
function randomRows(graph: number): readonly Row[] {
  const dice = diceOf(graph)
  const values = 1 + dice(50)
  const share = 1 + dice(6)
  const rows: Row[] = []
  for (let left = 1 + dice(70); left > 0; left--) {
    const again = dice(8) === 0 ? rows[dice(rows.length || 1)] : undefined
    const row = again ?? randomRow(dice, (column) => `${graph}${column[0]}${dice(values)}`, share)
    if (Object.keys(row).length > 0) rows.push(row)
  }
  return rows
}

/** Each column is there with a chance of one in `share`, but one of them always. */
function randomRow(dice: Dice, value: (column: string) => string, share: number): Row {
  const sure = dice(COLUMNS.length)
  const held = COLUMNS.filter((_, at) => at === sure || dice(share) === 0)
  return Object.fromEntries(held.map((column) => [column, value(column)]))
}

/** The identifiers of a row, by type and value. */
function identifiersOf(row: Row): readonly string[] {
  return COLUMNS.flatMap((column) => (row[column] === undefined ? [] : [`${column[0]}:${row[column]}`]))
}

async function loadRows(session: Session, rows: readonly Row[]): Promise<void> {
  const table = `create table raw.rows (${COLUMNS.map((column) => `${column} varchar`).join(', ')})`
  await session.script([written('create schema raw'), written(table)])
  const columns = COLUMNS.map((column) => rows.map((row) => row[column] ?? null))
  await session.append({ schema: 'raw', name: ['rows'] }, { rows: rows.length, columns })
}

/** The profile of every identifier. */
async function profiles(session: Session): Promise<readonly (readonly [string, string])[]> {
  const view = { schema: 'cdp', name: ['customer_identifiers'] }
  const rows = await tableOf(session, view, ['type', 'value', 'profile_id'])
  return rows.map(([type, value, profile]) => [`${type}:${value}`, String(profile)])
}

const devices: Project = project({
  sources: [
    source('pairs', {
      identifiers: ['a', 'b'].map((column) => ({ type: 'device', column, country: undefined })),
    }),
  ],
  entities: [entity('customer', [identifier('device')])],
})

/** Makes these edges of a graph the visible ones, and says of every node to which component it belongs. */
async function loadGraph(session: Session, { pairs, nodes }: Graph, isThere = (_edge: number) => true): Promise<void> {
  await session.script(
    [
      'create schema if not exists raw',
      'drop table if exists raw.pairs',
      'create table raw.pairs (a varchar, b varchar)',
      'drop table if exists raw.truth',
      'create table raw.truth (value varchar, component varchar)',
    ].map(written),
  )
  const edges = Array.from({ length: pairs.length / 2 }, (_, edge) => edge).filter(isThere)
  const ends = (side: 0 | 1) => edges.map((edge) => nameOf(pairs[2 * edge + side] ?? 0))
  await append(session, 'pairs', [ends(0), ends(1)])
  const components = unionFind(pairs, nodes)
  await append(session, 'truth', [Array.from(components, (_, node) => nameOf(node)), Array.from(components, nameOf)])
}

/** Values sort like the numbers of their nodes: an identifier is numbered by its value where no time is known. */
function nameOf(node: number): string {
  return `n${String(node).padStart(7, '0')}`
}

const PAGE = 100_000

async function append(session: Session, table: string, columns: readonly (readonly string[])[]): Promise<void> {
  const rows = columns[0]?.length ?? 0
  for (let start = 0; start < rows; start += PAGE) {
    const page = columns.map((cells) => cells.slice(start, start + PAGE))
    await session.append({ schema: 'raw', name: [table] }, { rows: page[0]?.length ?? 0, columns: page })
  }
}

/** How many nodes, profiles, components and combinations of both there are: as many of each where the partitions agree. */
async function comparison(session: Session) {
  return session.first(
    written(`
      select
        count(i.value) as nodes, count(distinct i.profile_id) as profiles, count(distinct t.component) as components,
        count(distinct (i.profile_id, t.component)) as combinations
      from cdp.customer_identifiers as i
      full join raw.truth as t on t.value = i.value`),
  )
}

function agreement({ pairs, nodes }: Graph) {
  const components = String(new Set(unionFind(pairs, nodes)).size)
  return { nodes: String(nodes), profiles: components, components, combinations: components }
}
