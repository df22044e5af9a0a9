import { expect, onTestFinished } from 'vitest'
import { apply, plan } from '../../src/plan.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { sampleOn } from './sample-tables.ts'
import { inSandbox } from './small-shop.ts'

/** What a first run of the sample does, told by its plans, its views and its vendors. */
export async function story(target: string, open: (directory: string, isFirst: boolean) => Promise<Session>) {
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
  const plans = await within((session) => tablesOf(session, '_cdp', (name) => /^b\d+_plan_/.test(name), PLANNED))
  const file = planned.report.plan
  if (file === undefined)
    throw new Error(`the plan was not kept: ${planned.report.errors.map(({ message }) => message).join('\n')}`)
  const { report, holdings } = await inSandbox(
    directory,
    (request, environment) => apply(request, environment, { file, override: false }),
    steady,
  )
  expect(report.errors.filter(({ severity }) => severity === 'error')).toEqual([])
  const views = await within((session) => tablesOf(session, 'cdp', (name) => !OF_THE_MACHINE.has(name)))
  return { counts, plans, views, held: [...holdings] }
}

/** The rows of tables and views, in no order, with these columns or all. */
async function tablesOf(
  session: Session,
  schema: string,
  isWanted: (name: string) => boolean,
  only?: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const names: string[] = []
  const all = { schema: 'information_schema', name: ['tables'] }
  // Snowflake keeps names in capitals that are small letters here.
  for await (const { columns } of session.read(all, ['table_schema', 'table_name'], 1_000))
    columns[0]?.forEach((one, at) => one?.toLowerCase() === schema && names.push(columns[1]?.[at]?.toLowerCase() ?? ''))
  const tables = new Map<string, readonly string[]>()
  for (const name of names.filter(isWanted).sort()) {
    const table = { schema, name: [name] }
    const columns = only ?? [...((await session.columns(table)) ?? new Map()).keys()]
    const rows: string[] = [columns.join()]
    for await (const page of session.read(table, columns, 5_000))
      for (let row = 0; row < page.rows; row++) rows.push(JSON.stringify(page.columns.map((column) => column[row])))
    tables.set(name, rows.sort())
  }
  return tables
}

/** What a plan says of a row; the order of its rows follows the warehouse's own order of texts. */
const PLANNED = ['verdict', 'op', 'act', 'key_hash', 'key_json', 'profile_id', 'fp', 'ident', 'payload']

/** Rows that stand on one side only, cell by cell, and no more than can be read. */
export function unlike(there: readonly string[], here: readonly string[]): readonly unknown[] {
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

/** They tell of runs, which have times and ids of their own. */
const OF_THE_MACHINE: ReadonlySet<string> = new Set(['sync_health', 'delivery_log', 'rejects'])
