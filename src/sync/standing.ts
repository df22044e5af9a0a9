import { createHash } from 'node:crypto'
import { keyText, lostTraits, type MappingRecord, mappingText, readMapping } from '../compile/mapping.ts'
import type { Sync } from '../project/project.ts'
import type { Values } from '../sql/sql.ts'
import type { Row } from '../warehouses/warehouse.ts'
import type { Mapping, Standing } from './mapping.ts'
import type { LedgerOf } from './statements.ts'

/** What the ledger's row (`target`, `mapping`) says, beside what the project says now. */
export function standingOf({ context, sync }: Pick<LedgerOf, 'context' | 'sync'>, row: Row): Standing {
  const { project } = context
  const target = row.target ?? project.target.name
  const noted = notedIn(row)
  return {
    otherTarget: target === project.target.name ? undefined : target,
    present: mappingOf(readMapping(mappingText(project, sync))),
    noted: noted && { ...mappingOf(noted), lost: lostTraits(project, sync, noted.fields) },
  }
}

/** The fields under which rows were acknowledged; undefined where no run has noted any. */
export function fieldsBefore(row: Row): Sync['fields'] | undefined {
  return notedIn(row)?.fields
}

/** What the row of the sync is to remember of the present mapping. */
export function notedValues({ context, sync }: Pick<LedgerOf, 'context' | 'sync'>): Values {
  const mapping = mappingText(context.project, sync)
  const hash = createHash('sha256').update(mapping).digest('hex').slice(0, 32)
  return { key_spec: keyText(context.project, sync), mapping, mapping_hash: hash }
}

function notedIn(row: Row): MappingRecord | undefined {
  return row.mapping ? readMapping(row.mapping) : undefined
}

function mappingOf({ key, fields }: MappingRecord): Mapping {
  return { key, fields: fields.map((field) => ({ name: field.theirs, says: JSON.stringify(field) })) }
}
