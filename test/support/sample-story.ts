import { expect, onTestFinished } from 'vitest'
import { apply, plan } from '../../src/plan.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { fillTables, sampleOn } from './sample-tables.ts'
import { inSandbox, warehouseOf } from './small-shop.ts'

/** What a first run of the sample did, told by its plans, its views and its vendors. */
export interface Story {
  readonly counts: unknown
  readonly plans: ReadonlyMap<string, readonly string[]>
  readonly views: ReadonlyMap<string, readonly string[]>
  readonly held: unknown
}

/** A warehouse on which the sample can run. */
export interface Stage {
  /** The target as YAML. */
  readonly target: string
  open(directory: string, isFirst: boolean): Promise<Session>
  /** Names of the tables and views of a schema; default: those of the information schema. */
  names?(session: Session, schema: string): Promise<readonly string[]>
}

export const onDuckdb: Stage = {
  target: '{ type: duckdb, path: .cdp/warehouse.duckdb }',
  open: async (directory, isFirst) => {
    const options = duckdb.options.parse({ path: warehouseOf(directory) })
    const session = await duckdb.connect(options, { directory, mode: 'write' })
    if (isFirst) await fillTables(session)
    return session
  },
}

/** Runs the sample: a plan that is kept, and its application. */
export async function storyOf({ target, open, names = listed }: Stage): Promise<Story> {
  const { directory, remove } = await sampleOn(target)
  onTestFinished(remove)
  const within = async <T>(work: (session: Session) => Promise<T>) => {
    const session = await open(directory, false)
    return work(session).finally(() => session.close())
  }
  await (await open(directory, true)).close()
  let runs = 0
  const steady = { runId: () => `run-${++runs}` }
  const planned = await inSandbox(
    directory,
    (request, environment) => plan(request, environment, { keep: true, showValues: true }),
    steady,
  )
  const counts = planned.report.plan?.syncs.map(({ name, creates, updates, removes }) => [
    name,
    creates,
    updates,
    removes,
  ])
  const isPlan = (name: string) => /^b\d+_plan_/.test(name)
  const plans = await within((session) => tablesOf(session, '_cdp', { names, isWanted: isPlan, only: PLANNED }))
  const file = planned.report.plan
  if (file === undefined)
    throw new Error(`the plan was not kept: ${planned.report.errors.map(({ message }) => message).join('\n')}`)
  const { report, holdings } = await inSandbox(
    directory,
    (request, environment) => apply(request, environment, { file, override: false }),
    steady,
  )
  expect(report.errors.filter(({ severity }) => severity === 'error')).toEqual([])
  const isWanted = (name: string) => !OF_THE_MACHINE.has(name)
  const views = await within((session) => tablesOf(session, 'cdp', { names, isWanted }))
  return { counts, plans, views, held: [...holdings] }
}

/** Fails unless both tell the same, row by row. */
export function expectSame(there: Story, here: Story): void {
  for (const kind of ['views', 'plans'] as const) {
    expect([...there[kind].keys()]).toEqual([...here[kind].keys()])
    for (const [name, rows] of here[kind]) expect(unlike(there[kind].get(name) ?? [], rows), name).toEqual([])
  }
  expect(here.views.size).toBeGreaterThan(15)
  expect(here.plans.size).toBe(6)
  expect(there.counts).toEqual(here.counts)
  expect(there.held).toEqual(here.held)
}

async function listed(session: Session, schema: string): Promise<readonly string[]> {
  const names: string[] = []
  const all = { schema: 'information_schema', name: ['tables'] }
  // Snowflake keeps names in capitals that are small letters here.
  for await (const { columns } of session.read(all, ['table_schema', 'table_name'], 1_000))
    columns[0]?.forEach((one, at) => one?.toLowerCase() === schema && names.push(columns[1]?.[at]?.toLowerCase() ?? ''))
  return names
}

/** The rows of tables and views, in no order, with these columns or all. */
async function tablesOf(
  session: Session,
  schema: string,
  of: {
    readonly names: NonNullable<Stage['names']>
    readonly isWanted: (name: string) => boolean
    readonly only?: readonly string[]
  },
): Promise<ReadonlyMap<string, readonly string[]>> {
  const names = (await of.names(session, schema)).filter(of.isWanted)
  const tables = new Map<string, readonly string[]>()
  for (const name of [...names].sort()) {
    const table = { schema, name: [name] }
    const columns = of.only ?? [...((await session.columns(table)) ?? new Map()).keys()]
    const rows: string[] = [columns.join()]
    for await (const page of session.read(table, columns, 5_000))
      for (let row = 0; row < page.rows; row++) rows.push(JSON.stringify(page.columns.map((column) => column[row])))
    tables.set(name, rows.sort())
  }
  return tables
}

/** What a plan says of a row; the order of its rows follows the warehouse's own order of texts. */
const PLANNED = ['verdict', 'op', 'act', 'key_hash', 'key_json', 'profile_id', 'fp', 'ident', 'payload']

/** They tell of runs, which have times and ids of their own. */
const OF_THE_MACHINE: ReadonlySet<string> = new Set(['sync_health', 'delivery_log', 'rejects'])

/** Rows that stand on one side only, cell by cell, and no more than can be read. */
function unlike(there: readonly string[], here: readonly string[]): readonly unknown[] {
  const [known, found] = [new Set(here), new Set(there)]
  const [left, right] = [there.filter((row) => !known.has(row)), here.filter((row) => !found.has(row))]
  if (there.length !== here.length) return [{ there: there.length, here: here.length }, left[0], right[0]]
  const names = here.find((row) => !row.startsWith('['))?.split(',') ?? []
  return left.slice(0, 3).map((row, at) => {
    const [one, other] = [JSON.parse(row), JSON.parse(right[at] ?? '[]')]
    return Object.fromEntries(
      names.flatMap((name, index) => (one[index] === other[index] ? [] : [[name, [one[index], other[index]]]])),
    )
  })
}
