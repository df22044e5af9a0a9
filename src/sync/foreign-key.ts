import type { Json, Key } from '../connectors/connector.ts'
import type { Project, Sync } from '../project/project.ts'
import { syncColumns } from '../project/sync-columns.ts'

/** A key as the ledger would hold it: a number or a boolean that was read as text is one again. */
export function foreignKey({ project, sync }: { readonly project: Project; readonly sync: Sync }, key: Key): string {
  const columns = syncColumns(project, sync)
  const parts = sync.key.map(({ theirs, trait }) => {
    return `${JSON.stringify(theirs)}:${typedJson(key[theirs] ?? null, columns.get(trait))}`
  })
  return `{${parts.join(',')}}`
}

function typedJson(value: Json, type: string | undefined): string {
  const isNumber = type === 'integer' || type === 'decimal' || type === 'float'
  if (typeof value === 'string' && isNumber && /^-?\d+(\.\d+)?$/.test(value)) return value
  if (typeof value === 'string' && type === 'boolean' && /^(true|false)$/.test(value)) return value
  if (typeof value === 'number' && type === 'text') return JSON.stringify(String(value))
  return JSON.stringify(value)
}
