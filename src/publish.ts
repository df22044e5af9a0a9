import type { Build } from './build.ts'
import type { Context } from './compile/context.ts'
import { statement } from './compile/context.ts'
import { publishedView, stateTable } from './compile/names.ts'
import { compilePublish, publishedNames } from './compile/publish.ts'
import type { BuildState } from './compile/state.ts'
import type { Bound, Statement, Table } from './sql/sql.ts'
import type { Session } from './warehouses/warehouse.ts'

/** Makes a build what readers see, all at once where the warehouse has transactions, and drops builds nobody needs. */
export async function publish(
  context: Context,
  build: Build,
  state: BuildState,
  session: Session,
  runId: string,
): Promise<void> {
  const views = JSON.stringify(publishedNames(context).map((name) => ({ name })))
  const stale = await session.first({ statement: state.staleViews, values: { views } })
  const gone = namesIn(stale?.views).map((name): Bound => ({ statement: dropView(context, name) }))
  const values = { ...build.values, build: build.number, run_id: runId, views }
  const tokens = { b: build.number }
  const shown = [...compilePublish(context), ...state.noteViews].map(
    (each): Bound => ({ statement: each, values, tokens }),
  )
  await session.script([...gone, ...shown])
  await dropStale(context, build, state, session)
}

async function dropStale(context: Context, build: Build, state: BuildState, session: Session): Promise<void> {
  const values = { build: build.number }
  const stale = await session.first({ statement: state.stale, values })
  const drops = namesIn(stale?.tables).map((name): Bound => {
    const [, number, rest = name] = /^b(\d+)(_.*)$/.exec(name) ?? []
    const isOfBuild = number !== undefined
    const table = stateTable(context.project, ...(isOfBuild ? [{ token: 'b' as const, offset: 0 }, rest] : [name]))
    return { statement: dropBuildTable(context, table), ...(isOfBuild && { tokens: { b: Number(number) } }) }
  })
  if (drops.length === 0) return
  await session.script([...drops, { statement: state.forget, values }])
}

/** Drops one table of a build that nobody needs any more. */
export function dropBuildTable(context: Context, table: Table): Statement {
  return statement('drop', 'nobody needs it any more', context.dialect.dropTable(table))
}

function dropView(context: Context, name: string) {
  return statement(
    `drop view ${name}`,
    'the project no longer has it',
    context.dialect.dropView(publishedView(context.project, name)),
  )
}

function namesIn(lines: string | null | undefined): readonly string[] {
  return lines === null || lines === undefined || lines === '' ? [] : lines.split('\n')
}
