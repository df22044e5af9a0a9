import type { Entity, Source, Trait } from '../project/project.ts'
import type { Table } from '../sql/sql.ts'
import type { Context } from './context.ts'
import { eventColumnOf } from './event-columns.ts'
import { eventsOf } from './events.ts'
import { buildTable } from './names.ts'
import type { ScanColumn } from './scan.ts'
import { aggregateColumn, pickColumns } from './scan-columns.ts'
import { scoreScan } from './score-scan.ts'

/** A source and what its one scan computes. */
export interface Scan {
  readonly source: Source
  readonly columns: readonly ScanColumn[]
}

/** The scan's table: a row per profile that has rows in the source. */
export function scanTable(context: Context, entity: Entity, source: Source): Table {
  return buildTable(context.project, entity.name, '_from_', source.name)
}

/** Every source that traits or events of an entity read, with all that is computed from it, in the project's order. */
export function scansOf(context: Context, entity: Entity): readonly Scan[] {
  const columns = new Map<string, ScanColumn[]>()
  const add = (source: string, more: readonly ScanColumn[]) =>
    columns.set(source, [...(columns.get(source) ?? []), ...more])
  for (const trait of entity.traits.values())
    for (const { source, of } of traitColumns(context, entity, trait)) add(source, of)
  for (const [name, event] of eventsOf(context.project, entity)) {
    const source = context.project.sources.get(event.source)
    if (source !== undefined && !event.needsProfile) add(event.source, [eventColumnOf(context, name, event)])
  }
  return [...context.project.sources.values()].flatMap((source) => {
    const mine = columns.get(source.name)
    return mine === undefined ? [] : [{ source, columns: mine }]
  })
}

/** Where the scan of a source keeps the n-th column that a pick takes from it. */
export function partialName(trait: string, columns: readonly { readonly source: string }[], index: number): string {
  const before = columns.slice(0, index).filter((one) => one.source === columns[index]?.source).length
  return before === 0 ? trait : `${trait}__${before + 1}`
}

function traitColumns(
  context: Context,
  entity: Entity,
  trait: Trait,
): readonly { source: string; of: readonly ScanColumn[] }[] {
  const { definition } = trait
  switch (definition.kind) {
    case 'pick':
      return definition.columns.map(({ source, column }, index) => {
        const name = partialName(trait.name, definition.columns, index)
        return { source, of: pickColumns(context, entity, known(context, source), { name, column, by: definition.by }) }
      })
    case 'aggregate': {
      const source = known(context, definition.source)
      return [
        {
          source: source.name,
          of: [aggregateColumn(context, source, trait.name, definition)],
        },
      ]
    }
    case 'score': {
      const { score } = definition
      return score.kind === 'weighted' ? [] : [{ source: score.source, of: scoreScan(context, trait.name, score) }]
    }
    case 'members':
    case 'expression':
    case 'sql':
      return []
  }
}

function known(context: Context, name: string): Source {
  const source = context.project.sources.get(name)
  if (source === undefined) throw new Error(`source ${name} was not resolved`)
  return source
}
