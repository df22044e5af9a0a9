import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { arrange, compileModels } from '../src/arrange.ts'
import { contract } from '../src/build/contract.ts'
import { type Build, build } from '../src/build.ts'
import { contraction } from '../src/compile/identity/contraction.ts'
import { compilePublish } from '../src/compile/publish.ts'
import { compileState } from '../src/compile/state.ts'
import { type Sql, sql } from '../src/sql/sql.ts'
import { duckdb } from '../src/warehouses/duckdb.ts'
import type { Session } from '../src/warehouses/warehouse.ts'
import { type Graph, grid, path, powerLaw, star, unionFind } from '../test/support/graphs.ts'
import { entity, identifier, project, source } from '../test/support/project.ts'
import { realClock } from '../test/support/warehouse.ts'
import { best, measure, plain, print, ratio } from './measure.ts'

/*
 * Identity at size: rows of a log in which two identifiers meet, cluster sizes by a power law (identity.md section 4).
 * Everything is a ratio to what was measured beside it, on the same rows in the same database file.
 */

const { values } = parseArgs({
  options: {
    edges: { type: 'string', default: '1000000,5000000' },
    times: { type: 'string', default: '2' },
    steps: { type: 'boolean', default: false },
  },
})
const times = Number(values.times)

const people = project({
  sources: [
    source('pairs', {
      key: 'n',
      loadedAt: 'loaded',
      overlapHours: 1,
      identifiers: ['a', 'b'].map((column) => ({ type: 'device', column, country: undefined })),
    }),
  ],
  entities: [entity('customer', [identifier('device')])],
})

for (const edges of values.edges.split(',').map(Number)) await report(edges)
if (!values.steps) await adversaries()

async function report(edges: number): Promise<void> {
  const graph = powerLaw(edges, 7)
  const count = graph.pairs.length / 2
  const truth = componentsOf(graph)
  print(
    `\n${count.toLocaleString('en-US')} rows, ${graph.nodes.toLocaleString('en-US')} identifiers, ${truth.toLocaleString('en-US')} people`,
  )
  await inWarehouse(async (session) => {
    await load(session, graph, 0, count)
    const bare = await best(times, () => bareReading(session))
    const full = await best(times, async () => {
      await forget(session)
      return stitch(session)
    })
    check(full.result, truth)
    const shown = await measure(() => publishIdentity(session, full.result))
    print(`  full stitch / bare reading and de-duplication     ${ratio(full.ms / bare.ms, 3)}`)
    print(`  the same with its publishing                      ${ratio((full.ms + shown.ms) / bare.ms)}`)
    print(
      `  peak memory of the stitch above the bare reading  ${ratio(full.peak / bare.peak)}, ${megabytes(full.peak)}`,
    )
    const again = await measure(() => stitch(session, true))
    print(`  full refresh over a stored graph / full stitch    ${ratio(again.ms / full.ms)}`)
    await forget(session)
    await session.script([plain('delete from raw.pairs')])
    const old = Math.floor(count * 0.99)
    await load(session, graph, 0, old)
    await publishIdentity(session, await stitch(session))
    await load(session, graph, old, count)
    const more = await measure(() => stitch(session))
    check(more.result, truth)
    const shownMore = await measure(() => publishIdentity(session, more.result))
    print(`  1 % new rows / full stitch                        ${ratio(more.ms / full.ms, 0.15)}`)
    print(
      `  the same with publishing, both                    ${ratio((more.ms + shownMore.ms) / (full.ms + shown.ms))}`,
    )
    await contracted(session, graph)
  })
}

/** The contraction alone against union-find over arrays in this process. */
async function contracted(session: Session, graph: Graph): Promise<void> {
  await session.script([
    plain(
      'create or replace table raw.numbered as select hash(a) % 1000000007 as a, hash(b) % 1000000007 as b from raw.pairs',
    ),
  ])
  const edges = sql`select distinct least(a, b) as a, greatest(a, b) as b from raw.numbered where a <> b`
  const rounds = await best(times, () => contractOnly(session, edges))
  const found = await measure(() => unionFind(graph.pairs, graph.nodes))
  print(`  contraction alone / union-find in this process    ${ratio(rounds.ms / found.ms)}, ${rounds.result} rounds`)
}

async function contractOnly(session: Session, edges: Sql): Promise<number> {
  const context = { project: people, dialect: session.dialect }
  return contract(
    session,
    contraction(context, customer(), { whole: edges, changes: edges }),
    { b: 0 },
    { whole: true, values: {} },
  )
}

/** Graphs that are hard for other algorithms: the rounds must stay logarithmic. */
async function adversaries(): Promise<void> {
  print('\nrounds of graphs that are hard for others (bound: 2 log2 n + 1)')
  const graphs: Readonly<Record<string, Graph>> = {
    'path of 100,000, sorted': path(100_000, 'sorted'),
    'path of 100,000, random': path(100_000, 'random'),
    'star of 500,000': star(500_000, 'largest'),
    'grid of 300 x 300': grid(300, 300),
  }
  for (const [name, graph] of Object.entries(graphs))
    await inWarehouse(async (session) => {
      await session.script([plain('create schema if not exists raw')])
      await load(session, graph, 0, graph.pairs.length / 2)
      const { result, ms } = await measure(() => stitch(session))
      check(result, componentsOf(graph))
      const bound = 2 * Math.ceil(Math.log2(graph.nodes)) + 1
      const found = await measure(() => unionFind(graph.pairs, graph.nodes))
      print(
        `  ${name.padEnd(25)} ${String(identityOf(result).rounds).padStart(3)} of at most ${bound}; ${ratio(ms / found.ms)} of union-find in this process`,
      )
    })
}

async function bareReading(session: Session): Promise<void> {
  await session.script([
    plain(
      'create or replace table raw.bare_edges as select distinct least(a, b) as a, greatest(a, b) as b from raw.pairs',
    ),
  ])
  await session.script([
    plain(
      'create or replace table raw.bare_values as select distinct v from (select a as v from raw.pairs union all select b from raw.pairs)',
    ),
  ])
}

async function stitch(session: Session, fullRefresh = false): Promise<Build> {
  const context = { project: people, dialect: session.dialect }
  const models = arrange(compileModels(context), ['identity/customer'])
  const state = compileState(context)
  return build(models, { session, state, clock: realClock, runId: crypto.randomUUID(), now: people.now, fullRefresh })
}

/** The statements of publishing that write the identity state. */
async function publishIdentity(session: Session, built: Build): Promise<void> {
  const statements = compilePublish({ project: people, dialect: session.dialect }).filter(
    ({ name }) => name.startsWith('publish customer') || name.startsWith('forget customer'),
  )
  const runId = 'bench'
  const bound = { values: { ...built.values, build: built.number, run_id: runId }, tokens: { b: built.number } }
  await session.script(statements.map((statement) => ({ statement, ...bound })))
}

async function forget(session: Session): Promise<void> {
  await session.script([plain('drop schema if exists _cdp cascade'), plain('drop schema if exists cdp cascade')])
}

async function inWarehouse(work: (session: Session) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'cdp-bench-'))
  const options = duckdb.options.parse({ path: 'bench.duckdb' })
  const session = await duckdb.connect(options, { directory, mode: 'write' })
  try {
    await session.script([plain('create schema raw')])
    await work(values.steps ? timed(session) : session)
  } finally {
    await session.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Prints how long each statement takes. */
function timed(session: Session): Session {
  const note = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const { ms, result } = await measure(work)
    if (ms > 20) print(`    ${name.padEnd(60)} ${Math.round(ms)} ms`)
    return result
  }
  return new Proxy(session, {
    get: (target, name) => {
      if (name === 'script')
        return async (statements: Parameters<Session['script']>[0]) => {
          const rows: { rows: number }[] = []
          for (const one of statements)
            rows.push(
              ...(await note(
                `${one.statement.name} ${one.statement.sql.parts.length < 2 ? one.statement.sql.parts.map((part) => (part.kind === 'code' ? part.text.slice(0, 40) : '')).join('') : ''}`,
                () => target.script([one]),
              )),
            )
          return rows
        }
      if (name === 'first')
        return (query: Parameters<Session['first']>[0]) => note(query.statement.name, () => target.first(query))
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Loads some of the edges, a second apart; identifiers look like those of devices. */
async function load(session: Session, { pairs }: Graph, start: number, end: number): Promise<void> {
  const page = 100_000
  await session.script([
    plain('create table if not exists raw.pairs (n bigint, a varchar, b varchar, loaded timestamptz)'),
  ])
  await session.script([plain('create or replace table raw.landing (n bigint, a bigint, b bigint)')])
  for (let at = start; at < end; at += page) {
    const rows = Math.min(page, end - at)
    const cell = (offset: number) => Array.from({ length: rows }, (_, row) => String(pairs[2 * (at + row) + offset]))
    const numbers = Array.from({ length: rows }, (_, row) => String(at + row))
    await session.append({ schema: 'raw', name: ['landing'] }, { rows, columns: [numbers, cell(0), cell(1)] })
  }
  // New rows come two hours later than the old ones.
  const shift = start === 0 ? '0 days' : '2 hours'
  await session.script([
    plain(`insert into raw.pairs
      select n, substr(md5('x' || a), 1, 20), substr(md5('x' || b), 1, 20),
        timestamptz '2024-01-01 00:00:00+00' + to_seconds(n) + interval '${shift}'
      from raw.landing`),
    plain('drop table raw.landing'),
  ])
}

function customer() {
  const found = people.entities.get('customer')
  if (found === undefined) throw new Error('the benchmark has no customer')
  return found
}

function identityOf(built: Build) {
  const found = built.models.find(({ model }) => model.kind === 'identity')
  if (found === undefined) throw new Error('no identity was built')
  return found
}

function check(built: Build, truth: number): void {
  const profiles = Number(identityOf(built).counts.profiles)
  if (profiles !== truth) throw new Error(`${profiles} profiles, but ${truth} components`)
}

function componentsOf({ pairs, nodes }: Graph): number {
  const touched = new Set(pairs)
  const labels = unionFind(pairs, nodes)
  return new Set([...touched].map((node) => labels[node])).size
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20).toLocaleString('en-US')} MB`
}
