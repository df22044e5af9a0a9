import { tablesOf } from '../build.ts'
import type { Context } from '../compile/context.ts'
import { forgetBuild } from '../compile/identity/diff.ts'
import { countState } from '../compile/identity/explain-script.ts'
import { graphTables } from '../compile/identity/state.ts'
import type { Model } from '../compile/model.ts'
import { clockTable } from '../compile/names.ts'
import { compileState } from '../compile/state.ts'
import { dropBuildTable } from '../publish.ts'
import type { Table } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'

/**
 * Runs `work`, which builds `models` and makes `more` tables under `runId` and publishes nothing, and drops every
 * table of that build afterwards, whatever happens. Tables of the state that were not there before and are still
 * empty are dropped, too: a project that reads a source in another way makes one. The build keeps its number.
 */
export async function leavingNothing<T>(
  { context, session, models, more, runId }: Scratch,
  work: () => Promise<T>,
): Promise<T> {
  const state = [...context.project.entities.values()].flatMap((entity) => graphTables(context, entity))
  const made = [clockTable(context.project), ...models.flatMap((one) => one.steps.flatMap(tablesOf)), ...more]
  const before = await there(
    session,
    state.map(({ table }) => table),
  )
  try {
    return await work()
  } finally {
    const number = await buildOf(context, session, runId)
    if (number !== undefined) await dropTables(context, session, made, number)
    for (const { table } of state) if (!before.includes(table)) await dropEmpty(context, session, table)
  }
}

export interface Scratch {
  readonly context: Context
  readonly session: Session
  readonly models: readonly Model[]
  readonly more: readonly Table[]
  readonly runId: string
}

async function there(session: Session, tables: readonly Table[]): Promise<readonly Table[]> {
  const found: Table[] = []
  for (const table of tables) if ((await session.columns(table)) !== undefined) found.push(table)
  return found
}

async function buildOf(context: Context, session: Session, runId: string): Promise<number | undefined> {
  const statement = compileState(context).number
  const row = await session.first({ statement, values: { run_id: runId } })
  return row?.build === null || row?.build === undefined ? undefined : Number(row.build)
}

async function dropTables(context: Context, session: Session, tables: readonly Table[], build: number): Promise<void> {
  const tokens = { b: build }
  const drops = tables.map((table) => ({ statement: dropBuildTable(context, table), tokens }))
  await session.script([...drops, { statement: forgetBuild(context), values: { build } }])
}

async function dropEmpty(context: Context, session: Session, table: Table): Promise<void> {
  if ((await session.columns(table)) === undefined) return
  const row = await session.first({ statement: countState(table) })
  if (Number(row?.found) === 0) await session.script([{ statement: dropBuildTable(context, table) }])
}
