import type { ValueType } from '../sql/dialect.ts'
import { builtInColumns, traitColumns } from './columns.ts'
import { isPersonal, isPersonalOfRow } from './personal.ts'
import type { Project, Sync } from './project.ts'

type Names = Pick<Sync, 'entity' | 'rows'>

/** Types of what key and fields of a sync may be made of, by name: traits of its people, or what it takes of its rows. */
export function syncColumns(
  project: Pick<Project, 'entities'>,
  { entity, rows }: Names,
): ReadonlyMap<string, ValueType> {
  if (rows !== undefined) return new Map([...rows.columns].map(([name, { type }]) => [name, type]))
  const of = project.entities.get(entity ?? '')
  const columns = of ? [...builtInColumns(project, of), ...traitColumns(of.traits)] : []
  return new Map(columns.map(({ name, type }) => [name, type]))
}

/** Does one of them say who somebody is? */
export function tellsWho(project: Project, { entity, rows }: Names, name: string): boolean {
  if (rows !== undefined) return isPersonalOfRow(project, rows, name)
  const of = project.entities.get(entity ?? '')
  return of !== undefined && isPersonal(project, of, name)
}
