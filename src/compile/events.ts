import { createHash } from 'node:crypto'
import type { Comparison, Condition, Event, PastMembership, Sequence } from '../project/language.ts'
import type { Entity, Project } from '../project/project.ts'
import { eventsIn } from '../project/references.ts'
import { typeOf } from '../project/types.ts'
import { join, type Sql, sql } from '../sql/sql.ts'
import type { Context } from './context.ts'
import { OPERATORS } from './layout.ts'

/** The column in which an event's answer is kept: equal events of several segments share one. */
export function eventColumn(event: Event): string {
  return `did_${said(event)}`
}

/** The column in which the answer of a sequence is kept, in the same way. */
export function sequenceColumn(sequence: Sequence): string {
  return `then_${said(sequence)}`
}

/** The column in which it is kept whether somebody was a member before, in the same way. */
export function pastColumn(past: PastMembership): string {
  return `was_${said(past)}`
}

/** Eight hex digits that are the same for what says the same, wherever it stands. */
function said(what: Event | Sequence | PastMembership): string {
  const text = JSON.stringify(what, (key, value: unknown) => (key === 'at' ? undefined : value))
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

/** The conditions on profiles of an entity: those of its segments and syncs. */
export function conditionsOf(project: Project, entity: Entity): readonly Condition[] {
  return [...project.segments.values(), ...project.syncs.values()].flatMap((one) =>
    one.entity === entity.name && one.where !== undefined ? [one.where] : [],
  )
}

/** The events of all segments and syncs of an entity, each once, by column. */
export function eventsOf(project: Project, entity: Entity): ReadonlyMap<string, Event> {
  const events = conditionsOf(project, entity).flatMap((condition) => [...eventsIn(condition)])
  return new Map(events.map((event) => [eventColumn(event), event]))
}

/** Measures of which nothing is 0. */
const ADDS: ReadonlySet<Event['measure']['kind']> = new Set(['rows', 'sum', 'count_distinct'])

/** True where the measure of an event is within its bounds; at least one row where it states none. */
export function withinBounds(context: Context, event: Event, measured: Sql): Sql {
  const { atLeast, atMost, exactly } = event.bounds
  const test = (op: '>=' | '<=' | '=', bound: string | undefined) =>
    bound === undefined ? [] : [bounded(context, event, measured, op, bound)]
  const tests = [...test('>=', atLeast), ...test('<=', atMost), ...test('=', exactly)]
  const [first = sql`${measured} > 0`, ...rest] = tests
  return rest.reduce((before, test) => sql`${before} and ${test}`, first)
}

/** So few digits are the same number in JavaScript. */
const PLAIN = /^-?\d{1,15}(\.\d{1,6})?$/

function bounded({ dialect }: Context, { measure }: Event, measured: Sql, op: Comparison, bound: string): Sql {
  // What `min` and `max` give takes its type from the column, which may be unknown; all else is a number.
  const type = measure.kind === 'min' || measure.kind === 'max' ? typeOf(measure.of) : 'decimal'
  if (type === 'unknown') {
    const { value, literals } = dialect.comparable(measured, [bound])
    return sql`${value} ${OPERATORS[op]} ${join(literals)}`
  }
  const isNumber = (type === 'integer' || type === 'decimal' || type === 'float') && PLAIN.test(bound)
  return sql`${measured} ${OPERATORS[op]} ${isNumber ? sql`${Number(bound)}` : dialect.untyped(bound)}`
}

/** The answer for a profile without a single row in the source. */
export function withoutRows(event: Event): boolean {
  if (!ADDS.has(event.measure.kind) || event.first !== undefined || event.last !== undefined) return false
  const { atLeast, atMost, exactly } = event.bounds
  if (atLeast === undefined && atMost === undefined && exactly === undefined) return false
  return Number(atLeast ?? 0) <= 0 && Number(atMost ?? 0) >= 0 && Number(exactly ?? 0) === 0
}
