import type { Sync } from '../project/project.ts'
import { from, type Sql, type Steps, sql } from '../sql/sql.ts'
import { fingerprintOf, objectOf, sentFields } from './changes-values.ts'
import type { Context } from './context.ts'
import type { LedgerTables } from './ledger-tables.ts'
import { traitsIn } from './mapping.ts'
import { clockTable, publishedView } from './names.ts'
import { personContext } from './print-context.ts'

/** The entity whose published profiles may tell what the rows of a sync were; rows of sources are not published. */
export function entityTelling({ rows, entity }: Pick<Sync, 'rows' | 'entity'>): string | undefined {
  return rows === undefined ? entity : undefined
}

/** Columns of profiles that the fields of a sync are made of. */
export function columnsNeeded(sync: Pick<Sync, 'fields'>): readonly string[] {
  return [...new Set(['profile_id', ...traitsIn(sync.fields, true).map(({ trait }) => trait)])]
}

/**
 * Adds what rows were acknowledged as: (seq, before), a JSON object. The ledger keeps fingerprints only, so this is told
 * from the profiles that readers see, and only where these have the acknowledged fingerprint. `placed` has seq, verdict,
 * profile_id and key_json.
 */
export function addBefore(
  steps: Steps,
  context: Context,
  {
    sync,
    tables,
    placed,
    entity,
  }: {
    readonly sync: Sync
    readonly tables: Pick<LedgerTables, 'snapshot'>
    readonly placed: Sql
    readonly entity: string
  },
): Sql {
  const { dialect, project } = context
  const fields = sentFields(sync, personContext(context, 's')).filter(({ write }) => write === 'always')
  return steps.add(
    'before',
    'what was acknowledged, where published profiles still have its fingerprint (at most one row a change)',
    sql`
      select d.seq, ${objectOf(fields, dialect)} as before
      from ${placed} as d
      join ${from(tables.snapshot)} as known on known.key_json = d.key_json
      join ${from(publishedView(project, entity))} as p on p.profile_id = d.profile_id
      cross join ${from(clockTable(project))} as clock
      where d.verdict = 'update' and known.fp = ${fingerprintOf(fields, dialect)}`,
  )
}
