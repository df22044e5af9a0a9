import { createHash } from 'node:crypto'
import type { Event } from '../project/language.ts'
import type { Entity, Project } from '../project/project.ts'
import { eventsIn } from '../project/references.ts'
import { type Sql, sql } from '../sql/sql.ts'
import type { Context } from './context.ts'

/** The column in which an event's answer is kept: equal events of several segments share one. */
export function eventColumn(event: Event): string {
  const said = JSON.stringify(event, (key, value: unknown) => (key === 'at' ? undefined : value))
  return `did_${createHash('sha256').update(said).digest('hex').slice(0, 8)}`
}

/** The events of all segments and syncs of an entity, each once, by column. */
export function eventsOf(project: Project, entity: Entity): ReadonlyMap<string, Event> {
  const conditions = [
    ...[...project.segments.values()]
      .filter((segment) => segment.entity === entity.name)
      .map((segment) => segment.where),
    ...[...project.syncs.values()].filter((sync) => sync.entity === entity.name).map((sync) => sync.where),
  ]
  return new Map(
    conditions.flatMap((condition) => [...eventsIn(condition)]).map((event) => [eventColumn(event), event]),
  )
}

/** True where the measure of an event is within its bounds; at least one row where it states none. */
export function withinBounds(context: Context, event: Event, measured: Sql): Sql {
  const { atLeast, atMost, exactly } = event.bounds
  // Counts and sums are numbers; what `min` and `max` give takes its type from the column.
  const isNumber = event.measure.kind === 'rows' || event.measure.kind === 'sum'
  const number = (value: string) =>
    isNumber && /^-?\d{1,15}(\.\d{1,6})?$/.test(value) ? sql`${Number(value)}` : context.dialect.untyped(value)
  const tests = [
    ...(atLeast === undefined ? [] : [sql`${measured} >= ${number(atLeast)}`]),
    ...(atMost === undefined ? [] : [sql`${measured} <= ${number(atMost)}`]),
    ...(exactly === undefined ? [] : [sql`${measured} = ${number(exactly)}`]),
  ]
  const [first = sql`${measured} > 0`, ...rest] = tests
  return rest.reduce((before, test) => sql`${before} and ${test}`, first)
}

/** The answer for a profile without a single row in the source. */
export function withoutRows(event: Event): boolean {
  if (event.measure.kind === 'min' || event.measure.kind === 'max') return false
  const { atLeast, atMost, exactly } = event.bounds
  if (atLeast === undefined && atMost === undefined && exactly === undefined) return false
  return Number(atLeast ?? 0) <= 0 && Number(atMost ?? 0) >= 0 && Number(exactly ?? 0) === 0
}
