import type { Context } from '../compile/context.ts'
import { stateTable } from '../compile/names.ts'
import { compileState } from '../compile/state.ts'
import type { Session } from '../warehouses/warehouse.ts'

/** The build that readers see. */
export interface PublishedBuild {
  readonly build: number
  readonly run_id: string
  /** ISO 8601. */
  readonly at: string
}

/** Undefined before the first publish. */
export async function publishedBuild(context: Context, session: Session): Promise<PublishedBuild | undefined> {
  if ((await session.columns(stateTable(context.project, 'published'))) === undefined) return undefined
  const row = await session.first({ statement: compileState(context).published })
  if (row === undefined) return undefined
  const time = Date.parse(row.published_at ?? '')
  const at = Number.isNaN(time) ? (row.published_at ?? '') : new Date(time).toISOString()
  return { build: Number(row.build), run_id: row.run_id ?? '', at }
}
