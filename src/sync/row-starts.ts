import { readStart, startName } from '../compile/sync-rows.ts'
import type { Project } from '../project/project.ts'
import type { Values } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'
import { findLedger } from './find-ledger.ts'

/**
 * The parameters of a build that say since when rows are sent that happened since the first run of their sync: the
 * business time of that run, null before it. `schema`: that of the ledger.
 */
export async function rowStarts(session: Session, { syncs }: Pick<Project, 'syncs'>, schema: string): Promise<Values> {
  const asked = [...syncs.values()].filter(({ rows }) => rows?.startAt === 'first_run')
  const starts: [string, string | null][] = []
  for (const sync of asked) {
    const { name, tables } = await findLedger(session, schema, sync)
    // A ledger of an older release has no such column before its first run under this one.
    const isKnown = (await session.columns(tables.sync))?.has('starts_at') ?? false
    const row = isKnown ? await session.first({ statement: readStart(tables), values: { sync: name } }) : undefined
    starts.push([startName(sync.name), row?.starts_at ?? null])
  }
  return Object.fromEntries(starts)
}
