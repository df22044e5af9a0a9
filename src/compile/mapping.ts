import type { Target } from '../project/language.ts'
import type { Project, Sync, SyncField } from '../project/project.ts'
import { rowColumn } from '../project/row-column.ts'
import { syncColumns } from '../project/sync-columns.ts'
import { traitType } from './changes-values.ts'

/** What a sync sends, as the ledger remembers it: enough to make the old fingerprints again. Holds no person's data. */
export interface MappingRecord {
  /** Names, traits and types of the key. */
  readonly key: string
  /** Fields that fingerprints cover, in their order. */
  readonly fields: readonly SyncField[]
  /** What became of rows that left. */
  readonly leave: Sync['onLeave'] | null
}

/** The mapping of a sync as text; places in files are left out, so that only what is sent counts. */
export function mappingText(project: Pick<Project, 'entities'>, sync: Sync): string {
  const record: MappingRecord = {
    key: keyText(project, sync),
    fields: sync.fields.filter(({ write }) => write !== 'on_create'),
    leave: sync.onLeave ?? null,
  }
  return JSON.stringify(record, (name, value: unknown) => (name === 'at' ? undefined : value))
}

/** A text that `mappingText` made. */
export function readMapping(text: string): MappingRecord {
  return JSON.parse(text) as MappingRecord
}

/** What a person reads of a key, and what is equal only where names, traits and types are. */
export function keyText(project: Pick<Project, 'entities'>, sync: Pick<Sync, 'entity' | 'rows' | 'key'>): string {
  const parts = sync.key.map(({ theirs, trait }) => {
    const type = traitType(project, sync, trait)
    return `${theirs}: ${trait} (${type})`
  })
  return parts.join(', ')
}

/** Traits that fields need and that the project no longer has, or has in another type; sorted. */
export function lostTraits(
  project: Pick<Project, 'entities'>,
  sync: Pick<Sync, 'entity' | 'rows'>,
  fields: readonly SyncField[],
): readonly string[] {
  const types = syncColumns(project, sync)
  const lost = traitsIn(fields, sync.rows === undefined).filter(({ trait, type }) => types.get(trait) !== type)
  return [...new Set(lost.map(({ trait }) => trait))].sort()
}

/** A trait as something uses it. */
export interface Used {
  readonly trait: string
  readonly type: unknown
}

/** Every trait with the type in which it is used, wherever it stands in a tree: `{ trait, type }` or `{ to, type }`. */
export function traitsIn(tree: unknown, isPeople: boolean): readonly Used[] {
  if (typeof tree !== 'object' || tree === null) return []
  const { trait, to, type } = tree as { readonly trait?: unknown; readonly to?: unknown; readonly type?: unknown }
  const named = typeof to === 'object' && to !== null ? nameOf(to as Target, isPeople) : trait
  if (typeof named === 'string') return [{ trait: named, type }]
  return Object.values(tree).flatMap((one) => traitsIn(one, isPeople))
}

/** Traits of the people who are sent go by their own names. */
function nameOf(to: Target, isPeople: boolean): string {
  return isPeople && to.kind === 'trait' ? to.trait : rowColumn(to)
}
