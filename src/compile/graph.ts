import type { Entity, Source } from '../project/project.ts'
import type { Table } from '../sql/sql.ts'
import type { Context } from './context.ts'
import { buildTable } from './names.ts'

/** The distinct identifier tuples of a source: `seen_<source>`. */
export function seenTable(context: Context, entity: Entity, source: Source): Table {
  return buildTable(context.project, entity.name, '_seen_', source.name)
}

export function nodesTable(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_nodes')
}

/** Every allowed identifier: type, value, first and last seen, rows. */
export function identifiersTable(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_seen')
}

/** Values that are seen with too many values of a stronger type, and therefore join nobody. */
export function sharedTable(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_shared')
}
