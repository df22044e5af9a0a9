import type { Sync } from '../project/project.ts'
import { type Sql, type Steps, sql } from '../sql/sql.ts'
import type { Context } from './context.ts'
import { aliasesNow } from './identity/overlay.ts'

/** To whom a row `s` of the snapshot was sent. */
export interface Holder {
  /** Their id in use: the one under which the row stands may have been merged away since. */
  readonly id: Sql
  /** The joins that it needs, of at most one row each. */
  readonly joins: readonly Sql[]
}

/** Adds the step that finds ids in use; rows of nobody need none. */
export function addHolder(steps: Steps, { context, sync }: { context: Context; sync: Pick<Sync, 'entity'> }): Holder {
  const entity = context.project.entities.get(sync.entity ?? '')
  if (entity === undefined) return { id: sql`s.profile_id`, joins: [] }
  const aliases = steps.add(
    'aliases',
    'ids that were merged away, and the id in use (one row an alias)',
    aliasesNow(context, entity),
  )
  return {
    id: sql`coalesce(a.profile_id, s.profile_id)`,
    joins: [sql`left join ${aliases} as a on a.alias = s.profile_id`],
  }
}
